//! Orders things so that each stands behind what it needs, or shows a circle. The only user of petgraph.

use std::collections::BTreeMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Things that need each other: each needs the next, the last one the first. Begins with the smallest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle<T>(pub Vec<T>);

/// The keys of `needs`, needed ones first. Needs that are no keys are passed over. The order depends on nothing but the
/// values.
///
/// # Errors
/// One shortest [`Circle`] for each group of things that need each other, directly or not.
pub fn order<T: Ord + Copy>(needs: &BTreeMap<T, Vec<T>>) -> Result<Vec<T>, Vec<Circle<T>>> {
    let keys: Vec<T> = needs.keys().copied().collect();
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(keys.len(), keys.len());
    for _ in &keys {
        graph.add_node(());
    }
    let place = |key: &T| keys.binary_search(key).ok();
    for (from, needed) in needs.values().enumerate() {
        for to in needed.iter().filter_map(place) {
            graph.update_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
    }
    // Groups come out so that each stands behind those that it needs.
    let groups = kosaraju_scc(&graph);
    let is_circle =
        |group: &Vec<NodeIndex>| group.len() > 1 || group.first().is_some_and(|node| graph.contains_edge(*node, *node));
    let mut circles: Vec<Circle<T>> = groups
        .iter()
        .filter(|group| is_circle(group))
        .map(|group| Circle(shortest(&graph, group).into_iter().map(|place| keys[place]).collect()))
        .collect();
    if circles.is_empty() {
        return Ok(groups.into_iter().flatten().map(|node| keys[node.index()]).collect());
    }
    circles.sort_by(|one, other| one.0.cmp(&other.0));
    Err(circles)
}

/// A shortest way from the smallest member of `group` back to it, found breadth first.
fn shortest(graph: &DiGraph<(), ()>, group: &[NodeIndex]) -> Vec<usize> {
    let Some(start) = group.iter().min().copied() else { return Vec::new() };
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut line = std::collections::VecDeque::from([start]);
    while let Some(node) = line.pop_front() {
        let mut next: Vec<NodeIndex> = graph.neighbors(node).filter(|next| group.contains(next)).collect();
        next.sort_unstable();
        for needed in next {
            if needed == start {
                let mut way = vec![node.index()];
                let mut at = node;
                while let Some(before) = came_from.get(&at).filter(|_| at != start) {
                    way.push(before.index());
                    at = *before;
                }
                way.reverse();
                return way;
            }
            if let std::collections::btree_map::Entry::Vacant(slot) = came_from.entry(needed) {
                slot.insert(node);
                line.push_back(needed);
            }
        }
    }
    vec![start.index()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needs: &[(&'static str, &[&'static str])]) -> Result<String, Vec<String>> {
        let needs = needs.iter().map(|(key, needed)| (*key, needed.to_vec())).collect();
        let joined = |names: &Vec<&str>| names.join(" ");
        order(&needs)
            .map(|order| joined(&order))
            .map_err(|circles| circles.iter().map(|circle| joined(&circle.0)).collect())
    }

    #[test]
    fn needed_ones_come_first() {
        assert_eq!(check(&[("a", &["c"]), ("b", &["a", "x"]), ("c", &[])]), Ok("c a b".to_owned()));
        assert_eq!(check(&[]), Ok(String::new()));
    }

    #[test]
    fn circles_are_shown_at_their_shortest() {
        let all: &[(&str, &[&str])] =
            &[("a", &["b"]), ("b", &["c", "d"]), ("c", &["d"]), ("d", &["a"]), ("e", &["e", "a"]), ("f", &["a"])];
        assert_eq!(check(all), Err(vec!["a b d".to_owned(), "e".to_owned()]));
    }
}
