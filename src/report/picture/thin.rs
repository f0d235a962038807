//! Which arrows say nothing that others do not: those between boxes that a longer way of arrows joins too.

/// For each edge whether a longer way leads from its beginning to its end. Edges that close a circle are no part of a
/// way. `edges` are sorted; the time is that of the edges times a 64th of the count.
pub(super) fn implied(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let order = super::layers::sorted(count, edges);
    let mut rank = vec![0; count];
    for (place, vertex) in order.iter().enumerate() {
        rank[*vertex] = place;
    }
    let mut below: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
    for (edge, (from, to)) in edges.iter().enumerate() {
        if rank[*from] < rank[*to] {
            below[*from].push((rank[*to], edge));
        }
    }
    let words = count.div_ceil(64);
    // For each vertex, by rank, a bit for each rank that a way leads to.
    let mut reached = vec![0u64; words * count];
    let mut found = vec![false; edges.len()];
    for vertex in order.iter().rev() {
        let own = rank[*vertex];
        // The nearest first: whatever lies behind one of them needs no arrow of its own.
        below[*vertex].sort_unstable();
        for (to, edge) in &below[*vertex] {
            let (before, behind) = reached.split_at_mut(words * (own + 1));
            let mine = &mut before[words * own..];
            if mine[to / 64] >> (to % 64) & 1 == 1 {
                found[*edge] = true;
                continue;
            }
            mine[to / 64] |= 1 << (to % 64);
            let theirs = &behind[words * (to - own - 1)..words * (to - own)];
            std::iter::zip(mine, theirs).for_each(|(word, more)| *word |= more);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_way_makes_an_arrow_needless() {
        let edges = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3), (4, 3)];
        assert_eq!(implied(5, &edges), [false, true, true, false, false, false]);
        let many: Vec<(usize, usize)> = (0..100).flat_map(|from| (from + 1..100).map(move |to| (from, to))).collect();
        let kept = implied(100, &many).into_iter().filter(|implied| !implied).count();
        assert_eq!(kept, 99);
        assert_eq!(implied(2, &[(0, 1), (1, 0)]), [false, false], "a circle");
    }
}
