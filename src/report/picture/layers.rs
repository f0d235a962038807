//! Which layer each box is in: below all that it has edges from, in the first layer with room.

/// The layer of each vertex, counted from the top. `widths` are the vertices' own, `limit` that of a layer.
pub(super) fn layers(widths: &[f64], edges: &[(usize, usize)], limit: f64) -> Vec<usize> {
    let order = sorted(widths.len(), edges);
    let mut rank = vec![0; widths.len()];
    for (place, vertex) in order.iter().enumerate() {
        rank[*vertex] = place;
    }
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); widths.len()];
    for (from, to) in edges {
        // Others are those that close a circle.
        if rank[*from] < rank[*to] {
            above[*to].push(*from);
        }
    }
    let mut depth = vec![0usize; widths.len()];
    for vertex in &order {
        depth[*vertex] = above[*vertex].iter().map(|from| depth[*from] + 1).max().unwrap_or(0);
    }
    let mut by_depth = order.clone();
    // What has no edges fills the room that is left.
    let mut alone = vec![true; widths.len()];
    edges.iter().for_each(|(from, to)| (alone[*from], alone[*to]) = (false, false));
    by_depth.sort_by_key(|vertex| (alone[*vertex], depth[*vertex], *vertex));
    let mut layer = vec![0usize; widths.len()];
    let mut taken: Vec<f64> = Vec::new();
    for vertex in by_depth {
        let mut at = above[vertex].iter().map(|from| layer[*from] + 1).max().unwrap_or(0);
        while taken.get(at).is_some_and(|width| width + widths[vertex] > limit) {
            at += 1;
        }
        if taken.len() <= at {
            taken.resize(at + 1, 0.0);
        }
        taken[at] += widths[vertex];
        layer[vertex] = at;
    }
    // What nothing stands above goes down to just above its first reader, which shortens its edges.
    let mut first_below: Vec<Option<usize>> = vec![None; widths.len()];
    for (from, to) in edges.iter().filter(|(from, to)| rank[*from] < rank[*to]) {
        first_below[*from] = Some(first_below[*from].map_or(layer[*to], |first: usize| first.min(layer[*to])));
    }
    for vertex in 0..widths.len() {
        if let (true, Some(first)) = (above[vertex].is_empty(), first_below[vertex]) {
            layer[vertex] = layer[vertex].max(first.saturating_sub(1));
        }
    }
    layer
}

/// All vertices, each behind those it has edges from, but for edges that close a circle.
pub(super) fn sorted(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in edges {
        below[*from].push(*to);
    }
    let mut seen = vec![false; count];
    let mut left: Vec<usize> = Vec::new();
    for start in 0..count {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut stack = vec![(start, 0)];
        while let Some((vertex, next)) = stack.pop() {
            match below[vertex].get(next) {
                None => left.push(vertex),
                Some(to) => {
                    stack.push((vertex, next + 1));
                    if !std::mem::replace(&mut seen[*to], true) {
                        stack.push((*to, 0));
                    }
                }
            }
        }
    }
    left.reverse();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_edges_and_room() {
        let chain = [(0, 1), (1, 2), (0, 2), (3, 2)];
        assert_eq!(layers(&[10.0; 4], &chain, 100.0), [0, 1, 2, 1], "3 stands just above its reader");
        assert_eq!(layers(&[60.0; 3], &[], 100.0), [0, 1, 2], "no layer is too wide");
        assert_eq!(layers(&[200.0], &[], 100.0), [0], "what fits nowhere still has a layer");
        let circle = layers(&[10.0; 3], &[(0, 1), (1, 2), (2, 0)], 100.0);
        assert_eq!(circle, [0, 1, 2]);
    }
}
