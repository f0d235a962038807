//! In which order boxes stand inside their layers: few crossings, found by barycentres.

/// How often all layers are gone through, down and up. More brings nothing that an eye would see.
const SWEEPS: usize = 24;

/// A graph in layers: boxes, and a point on each layer that an edge passes.
#[derive(Debug)]
pub(super) struct Layered {
    /// The layer of each vertex; first the boxes, then the points.
    pub layer: Vec<usize>,
    /// For each layer its vertices from left to right.
    pub orders: Vec<Vec<usize>>,
    /// The neighbours of each vertex in the layer above.
    pub above: Vec<Vec<usize>>,
    /// The neighbours of each vertex in the layer below.
    pub below: Vec<Vec<usize>>,
    /// For each edge its vertices, from the top down.
    pub chains: Vec<Vec<usize>>,
    /// Whether the edge leads upwards.
    pub turned: Vec<bool>,
}

impl Layered {
    /// Boxes in the layers `layer` with `edges` between them.
    pub fn new(layer: &[usize], edges: &[(usize, usize)]) -> Self {
        let mut all = Self {
            layer: layer.to_vec(),
            orders: vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)],
            above: Vec::new(),
            below: Vec::new(),
            chains: Vec::new(),
            turned: Vec::new(),
        };
        for (from, to) in edges {
            // Only edges that close a circle lead upwards, and none stays in its layer.
            let turned = layer[*from] > layer[*to];
            let (top, end) = if turned { (*to, *from) } else { (*from, *to) };
            let mut chain = vec![top];
            for at in layer[top] + 1..layer[end] {
                chain.push(all.layer.len());
                all.layer.push(at);
            }
            chain.push(end);
            all.chains.push(chain);
            all.turned.push(turned);
        }
        all.above = vec![Vec::new(); all.layer.len()];
        all.below = all.above.clone();
        for chain in &all.chains {
            for (upper, lower) in std::iter::zip(chain, chain.iter().skip(1)) {
                all.below[*upper].push(*lower);
                all.above[*lower].push(*upper);
            }
        }
        for (vertex, at) in all.layer.iter().enumerate() {
            all.orders[*at].push(vertex);
        }
        all
    }

    /// The place of each vertex in its layer.
    fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.layer.len()];
        for order in &self.orders {
            for (rank, vertex) in order.iter().enumerate() {
                ranks[*vertex] = rank;
            }
        }
        ranks
    }

    fn crossings(&self) -> usize {
        let ranks = self.ranks();
        self.orders.iter().map(|order| crossings(order, &self.below, &ranks)).sum()
    }
}

/// Sorts each layer so that few edges cross.
pub(super) fn order(layered: &mut Layered) {
    let mut best = layered.orders.clone();
    let mut fewest = layered.crossings();
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let layers = layered.orders.len();
        let mut ranks = layered.ranks();
        for step in 1..layers {
            let at = if down { step } else { layers - 1 - step };
            let neighbours = if down { &layered.above } else { &layered.below };
            let mut keyed: Vec<(f64, usize)> = Vec::new();
            for (rank, vertex) in layered.orders[at].iter().enumerate() {
                let near = &neighbours[*vertex];
                let sum: usize = near.iter().map(|other| ranks[*other]).sum();
                keyed.push((if near.is_empty() { rank as f64 } else { sum as f64 / near.len() as f64 }, *vertex));
            }
            // Stable: equals stay as they were.
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            layered.orders[at] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            for (rank, vertex) in layered.orders[at].iter().enumerate() {
                ranks[*vertex] = rank;
            }
        }
        let now = layered.crossings();
        if now < fewest {
            (best, fewest) = (layered.orders.clone(), now);
        }
    }
    layered.orders = best;
}

/// How many edges between a layer and the one below it cross: pairs in another order below than above.
fn crossings(order: &[usize], below: &[Vec<usize>], ranks: &[usize]) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    for vertex in order {
        let first = ends.len();
        ends.extend(below[*vertex].iter().map(|lower| ranks[*lower]));
        ends[first..].sort_unstable();
    }
    // Counted with a tree of sums, each at its place how many ended there.
    let mut counts = vec![0usize; ends.iter().max().map_or(0, |last| last + 2)];
    let mut found = 0;
    for (before, end) in ends.iter().enumerate() {
        let mut not_right = 0;
        let mut place = end + 1;
        while place > 0 {
            not_right += counts[place];
            place &= place - 1;
        }
        found += before - not_right;
        let mut place = end + 1;
        while place < counts.len() {
            counts[place] += 1;
            place += place & place.wrapping_neg();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted_and_undone() {
        let layer = [0, 0, 0, 1, 1, 1];
        let mut layered = Layered::new(&layer, &[(0, 5), (1, 4), (2, 3), (0, 4)]);
        assert_eq!(layered.crossings(), 4);
        order(&mut layered);
        assert_eq!(layered.crossings(), 0);
    }

    #[test]
    fn long_edges_have_a_point_on_each_layer() {
        let layered = Layered::new(&[0, 3, 1], &[(0, 1), (1, 2)]);
        assert_eq!(layered.chains, [vec![0, 3, 4, 1], vec![2, 5, 1]]);
        assert_eq!(layered.turned, [false, true]);
        assert_eq!(layered.orders, [vec![0], vec![2, 3], vec![4, 5], vec![1]]);
    }
}
