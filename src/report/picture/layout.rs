//! Where boxes go in a layered picture, and how the arrows between them run.
//!
//! Knows sizes and edges, nothing of what is in the boxes. What an edge comes from stands above what it goes to. The
//! same input gives the same places: whatever could be decided either way is decided by the order of the input.
//!
//! ```text
//! layers.rs  which layer each box is in        (longest path, no layer too wide)
//! order.rs   in which order inside its layer   (barycentres, fewest crossings found)
//! place.rs   how far from the left             (near to its neighbours, none overlap)
//! ```

use super::layers::layers;
use super::order::{Layered, order};
use super::place::place;

/// The least room between two boxes of a layer.
pub(super) const BESIDE: f64 = 28.0;

/// The least room between an arrow that passes a layer and its neighbours there.
const PASSING: f64 = 14.0;

/// The least room between two layers.
const BETWEEN: f64 = 40.0;

/// A box's width and height.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub width: f64,
    pub height: f64,
}

/// A place on the picture, from its left and top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// Places of boxes and ways of edges.
#[derive(Debug)]
pub(super) struct Layout {
    /// The top left corner of each box.
    pub boxes: Vec<Point>,
    /// For each edge the points it passes; between two of one x it is straight. The first is at the box it comes from.
    pub ways: Vec<Vec<Point>>,
    /// What all of it takes.
    pub size: Size,
}

/// Lays out `boxes` with `edges` between them (none from a box to itself, none twice), in layers no wider than `width`
/// where that is possible. Edges in a circle are possible; one of them then leads upwards.
pub(super) fn lay_out(boxes: &[Size], edges: &[(usize, usize)], width: f64) -> Layout {
    let widths: Vec<f64> = boxes.iter().map(|size| size.width + BESIDE).collect();
    let layer = layers(&widths, edges, width);
    let mut layered = Layered::new(&layer, edges);
    order(&mut layered);
    let half = |vertex: usize| match boxes.get(vertex) {
        Some(size) => size.width / 2.0 + BESIDE / 2.0,
        None => PASSING / 2.0,
    };
    let centres = place(&layered, &half);
    let (tops, bottoms) = heights(&layered, boxes);
    let corner = |vertex: usize| {
        let at = layered.layer[vertex];
        Point { x: centres[vertex] - boxes[vertex].width / 2.0, y: tops[at] }
    };
    let corners: Vec<Point> = (0..boxes.len()).map(corner).collect();
    let ways = ways(&layered, boxes, &corners, &centres, &tops, &bottoms);
    let right = std::iter::zip(&corners, boxes).map(|(corner, size)| corner.x + size.width);
    let passing = ways.iter().flatten().map(|point| point.x);
    let width = right.chain(passing).fold(0.0, f64::max);
    Layout { boxes: corners, ways, size: Size { width, height: bottoms.last().copied().unwrap_or(0.0) } }
}

/// Top and bottom of each layer.
fn heights(layered: &Layered, boxes: &[Size]) -> (Vec<f64>, Vec<f64>) {
    let (mut tops, mut bottoms) = (Vec::new(), Vec::new());
    let mut y = 0.0;
    for (at, vertices) in layered.orders.iter().enumerate() {
        let tallest = vertices.iter().filter_map(|vertex| boxes.get(*vertex)).map(|size| size.height);
        tops.push(y);
        y += tallest.fold(0.0, f64::max);
        bottoms.push(y);
        // Many edges in one gap want room to be told apart.
        let crossing = layered.orders[at].iter().map(|vertex| layered.below[*vertex].len()).sum::<usize>();
        y += BETWEEN + (crossing as f64 * 1.5).min(90.0);
    }
    (tops, bottoms)
}

/// The points of each edge. Several at one side of a box are spread over it, in the order of where they go.
fn ways(
    layered: &Layered,
    boxes: &[Size],
    corners: &[Point],
    centres: &[f64],
    tops: &[f64],
    bottoms: &[f64],
) -> Vec<Vec<Point>> {
    // For each side of each box: (x of the next vertex, edge).
    let mut leaving: Vec<Vec<(f64, usize)>> = vec![Vec::new(); boxes.len()];
    let mut arriving = leaving.clone();
    for (edge, chain) in layered.chains.iter().enumerate() {
        if let [first, second, ..] = chain[..] {
            leaving[first].push((centres[second], edge));
            let last = chain.len() - 1;
            arriving[chain[last]].push((centres[chain[last - 1]], edge));
        }
    }
    let mut begins = vec![0.0; layered.chains.len()];
    let mut ends = begins.clone();
    for (sides, found) in [(&mut leaving, &mut begins), (&mut arriving, &mut ends)] {
        for (vertex, side) in sides.iter_mut().enumerate() {
            side.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            let step = (boxes[vertex].width * 0.6 / side.len() as f64).min(22.0);
            let first = centres[vertex] - step * (side.len() as f64 - 1.0) / 2.0;
            for (rank, (_, edge)) in side.iter().enumerate() {
                found[*edge] = first + step * rank as f64;
            }
        }
    }
    let way = |(edge, chain): (usize, &Vec<usize>)| {
        let mut points = Vec::new();
        for (rank, vertex) in chain.iter().enumerate() {
            let at = layered.layer[*vertex];
            if rank == 0 {
                let bottom = corners[*vertex].y + boxes[*vertex].height;
                points.push(Point { x: begins[edge], y: bottom });
                if bottom < bottoms[at] {
                    points.push(Point { x: begins[edge], y: bottoms[at] });
                }
            } else if rank + 1 == chain.len() {
                points.push(Point { x: ends[edge], y: tops[at] });
            } else {
                points.push(Point { x: centres[*vertex], y: tops[at] });
                points.push(Point { x: centres[*vertex], y: bottoms[at] });
            }
        }
        if layered.turned[edge] {
            points.reverse();
        }
        points
    };
    layered.chains.iter().enumerate().map(way).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_overlaps_and_every_edge_arrives(
            sizes in prop::collection::vec((20.0..300.0f64, 20.0..200.0f64), 1..30),
            pairs in prop::collection::btree_set((0usize..30, 0usize..30), 0..80),
        ) {
            let boxes: Vec<Size> = sizes.iter().map(|(width, height)| Size { width: *width, height: *height }).collect();
            let inside = |(from, to): &(usize, usize)| from != to && *from < boxes.len() && *to < boxes.len();
            let edges: Vec<(usize, usize)> = pairs.into_iter().filter(inside).collect();
            let layout = lay_out(&boxes, &edges, 900.0);
            for (one, a) in layout.boxes.iter().enumerate() {
                prop_assert!(a.x >= -0.001 && a.y >= 0.0 && a.x + boxes[one].width <= layout.size.width + 0.001);
                for (other, b) in layout.boxes.iter().enumerate().skip(one + 1) {
                    let apart = a.x + boxes[one].width <= b.x + 0.001 || b.x + boxes[other].width <= a.x + 0.001
                        || a.y + boxes[one].height <= b.y || b.y + boxes[other].height <= a.y;
                    prop_assert!(apart, "{one} and {other} overlap: {:?} {:?}", a, b);
                }
            }
            prop_assert_eq!(layout.ways.len(), edges.len());
            for (way, (from, to)) in std::iter::zip(&layout.ways, &edges) {
                let touches = |point: &Point, id: usize| {
                    let corner = layout.boxes[id];
                    let on_side = point.y == corner.y || (point.y - corner.y - boxes[id].height).abs() < 0.001;
                    on_side && point.x >= corner.x && point.x <= corner.x + boxes[id].width
                };
                prop_assert!(touches(&way[0], *from) && touches(&way[way.len() - 1], *to));
            }
        }
    }
}
