//! How far from the left boxes stand: near to what they have edges with, in their order, none over another.

use super::order::Layered;

/// How often all layers are gone through. The last ones change less than a pixel.
const SWEEPS: usize = 30;

/// How much more a straight line counts for a point that an edge passes than for a box.
const STRAIGHT: f64 = 6.0;

/// The centre of each vertex, the leftmost edge at 0. `half` is half the width of a vertex with the room beside it.
pub(super) fn place(layered: &Layered, half: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let mut centres = vec![0.0; layered.layer.len()];
    for order in &layered.orders {
        let mut x = 0.0;
        for vertex in order {
            centres[*vertex] = x + half(*vertex);
            x += 2.0 * half(*vertex);
        }
        // Layers begin with one middle.
        order.iter().for_each(|vertex| centres[*vertex] -= x / 2.0);
    }
    let boxes = layered.layer.len() - layered.chains.iter().map(|chain| chain.len() - 2).sum::<usize>();
    for sweep in 0..SWEEPS {
        let last = layered.orders.len().saturating_sub(1);
        for step in 0..=last {
            let at = if sweep % 2 == 0 { step } else { last - step };
            let Some(order) = layered.orders.get(at) else { continue };
            let wanted = |vertex: usize| -> (f64, f64) {
                let near = layered.above[vertex].iter().chain(&layered.below[vertex]);
                let (mut sum, mut weight) = (0.0, 0.0);
                for other in near {
                    let one = if vertex >= boxes && *other >= boxes { STRAIGHT } else { 1.0 };
                    sum += centres[*other] * one;
                    weight += one;
                }
                if weight > 0.0 { (sum / weight, weight) } else { (centres[vertex], 0.01) }
            };
            let wishes: Vec<(f64, f64)> = order.iter().map(|vertex| wanted(*vertex)).collect();
            for (vertex, x) in std::iter::zip(order, settle(order, &wishes, half)) {
                centres[*vertex] = x;
            }
        }
    }
    let left = centres.iter().enumerate().map(|(vertex, x)| {
        let own = if vertex < boxes { super::layout::BESIDE / 2.0 } else { 0.0 };
        x - half(vertex) + own
    });
    let left = left.fold(f64::INFINITY, f64::min);
    centres.iter().map(|x| x - left).collect()
}

/// Places as near as possible (in weighted squares) to what each wishes, in order and without overlap: neighbours that
/// would overlap form a block, which goes where its members wish on average.
fn settle(order: &[usize], wishes: &[(f64, f64)], half: &dyn Fn(usize) -> f64) -> Vec<f64> {
    // The place of each if all stood side by side; blocks move as wholes, so only their offset from this counts.
    let mut packed = Vec::new();
    let mut x = 0.0;
    for vertex in order {
        packed.push(x + half(*vertex));
        x += 2.0 * half(*vertex);
    }
    // Blocks: (offset, weight, members).
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (place, (wish, weight)) in std::iter::zip(&packed, wishes) {
        let mut block = (wish - place, *weight, 1);
        while let Some((offset, weight, members)) = blocks.pop_if(|before| before.0 > block.0) {
            let sum = weight + block.1;
            block = ((offset * weight + block.0 * block.1) / sum, sum, members + block.2);
        }
        blocks.push(block);
    }
    let offsets = blocks.into_iter().flat_map(|(offset, _, members)| std::iter::repeat_n(offset, members));
    std::iter::zip(packed, offsets).map(|(place, offset)| place + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_room_stands_where_it_wishes() {
        let half = |_: usize| 5.0;
        assert_eq!(settle(&[0, 1], &[(0.0, 1.0), (50.0, 1.0)], &half), [0.0, 50.0]);
        assert_eq!(settle(&[0, 1], &[(20.0, 1.0), (20.0, 1.0)], &half), [15.0, 25.0]);
        assert_eq!(settle(&[0, 1, 2], &[(20.0, 1.0), (20.0, 1.0), (100.0, 1.0)], &half), [15.0, 25.0, 100.0]);
        assert_eq!(settle(&[0, 1], &[(20.0, 3.0), (20.0, 1.0)], &half), [17.5, 27.5], "weight counts");
    }
}
