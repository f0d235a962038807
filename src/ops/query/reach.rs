//! What can be reached from some nodes, and over how many steps.

use std::collections::VecDeque;

use super::Groups;
use crate::graph::{Graph, NodeId};

/// Which way edges are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what a node reads.
    Inputs,
    /// To what reads it.
    Consumers,
}

impl Direction {
    pub(super) fn from(self, graph: &Graph, id: NodeId) -> &[NodeId] {
        match self {
            Self::Inputs => graph.node(id).input_nodes(),
            Self::Consumers => graph.consumers(id),
        }
    }
}

/// Something that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The first node of its group.
    pub node: NodeId,
    /// The fewest steps to it.
    pub distance: u32,
}

/// What can be reached from `start` in at most `limit` steps, less what `start` itself is in. Of the nodes that are
/// reached only those that `counts` count; ways lead over others too. In the graph's order.
pub fn reach(
    graph: &Graph,
    groups: &Groups,
    start: &[NodeId],
    direction: Direction,
    limit: Option<u32>,
    counts: &dyn Fn(NodeId) -> bool,
) -> Vec<Reached> {
    let steps = distances(graph, groups, start, direction, limit);
    let mut nearest = vec![u32::MAX; groups.first.len()];
    for id in graph.ids().filter(|id| counts(*id)) {
        let group = groups.of(id) as usize;
        nearest[group] = nearest[group].min(steps[id.index()]);
    }
    start.iter().for_each(|id| nearest[groups.of(*id) as usize] = u32::MAX);
    let reached = std::iter::zip(&groups.first, nearest).filter(|(_, distance)| *distance < u32::MAX);
    reached.map(|(node, distance)| Reached { node: *node, distance }).collect()
}

/// For each node the fewest steps to it; `u32::MAX` where it is out of reach.
pub(super) fn distances(
    graph: &Graph,
    groups: &Groups,
    start: &[NodeId],
    direction: Direction,
    limit: Option<u32>,
) -> Vec<u32> {
    let mut steps = vec![u32::MAX; graph.len()];
    let mut queue: VecDeque<(NodeId, u32)> = VecDeque::new();
    for id in start {
        steps[id.index()] = 0;
        queue.push_back((*id, 0));
    }
    // Nodes in the queue differ by at most one step, the nearer first: a step inside a group costs nothing, so its end
    // goes to the front.
    while let Some((id, so_far)) = queue.pop_front() {
        if steps[id.index()] < so_far {
            continue;
        }
        for next in direction.from(graph, id) {
            let step = groups.step(id, *next);
            let distance = so_far + step;
            if distance < steps[next.index()] && limit.is_none_or(|limit| distance <= limit) {
                steps[next.index()] = distance;
                match step {
                    0 => queue.push_front((*next, distance)),
                    _ => queue.push_back((*next, distance)),
                }
            }
        }
    }
    steps
}
