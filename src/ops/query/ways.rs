//! Ways from node to node along what they read.

use super::reach::{Direction, distances};
use super::{By, Groups};
use crate::graph::{Graph, NodeId};

/// Shortest ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// Each from a node that was asked for to another, each node reading the next. By component or target, nodes that
    /// follow each other in one of them are one. Empty where there is no way.
    pub ways: Vec<Vec<NodeId>>,
    /// How many shortest ways of nodes there are.
    pub count: u64,
}

/// Shortest ways from one of `from` to one of `to`: the first, or, by node, the first `most` of them.
pub fn ways(graph: &Graph, groups: &Groups, from: &[NodeId], to: &[NodeId], most: usize) -> Ways {
    // From the end, so that ways can be followed from the beginning.
    let steps = distances(graph, groups, to, Direction::Consumers, None);
    let nearest = from.iter().map(|id| steps[id.index()]).min().unwrap_or(u32::MAX);
    if nearest == u32::MAX {
        return Ways { ways: Vec::new(), count: 0 };
    }
    let starts: Vec<NodeId> = from.iter().copied().filter(|id| steps[id.index()] == nearest).collect();
    if groups.by() != By::Node {
        let way = one(graph, groups, &steps, &starts);
        return Ways { ways: vec![way], count: 1 };
    }
    let next = |id: NodeId| {
        let mut next: Vec<NodeId> = graph.node(id).input_nodes().to_vec();
        next.sort_unstable();
        next.dedup();
        next.retain(|next| steps[next.index()] < steps[id.index()]);
        next
    };
    // How many ways lead from each node to the end. Inputs stand before what reads them.
    let mut counts = vec![0u64; graph.len()];
    for id in graph.ids().filter(|id| steps[id.index()] <= nearest) {
        counts[id.index()] = match steps[id.index()] {
            0 => 1,
            _ => next(id).into_iter().fold(0, |sum, next| counts[next.index()].saturating_add(sum)),
        };
    }
    let count = starts.iter().fold(0u64, |sum, id| sum.saturating_add(counts[id.index()]));
    let mut ways = Vec::new();
    let mut stack: Vec<(NodeId, usize)> = starts.into_iter().rev().map(|id| (id, 0)).collect();
    let mut way: Vec<NodeId> = Vec::new();
    while let Some((id, level)) = stack.pop() {
        if ways.len() >= most.max(1) {
            break;
        }
        way.truncate(level);
        way.push(id);
        match steps[id.index()] {
            0 => ways.push(way.clone()),
            _ => stack.extend(next(id).into_iter().rev().map(|next| (next, level + 1))),
        }
    }
    Ways { ways, count }
}

/// One way, with the nodes that follow each other in one group as one.
fn one(graph: &Graph, groups: &Groups, steps: &[u32], starts: &[NodeId]) -> Vec<NodeId> {
    let Some(mut id) = starts.first().copied() else { return Vec::new() };
    let mut way = vec![id];
    // Each step leads nearer, or on inside the group to a node from which one does: a walk backwards over nodes of one
    // distance ends, for each is before the other in the graph's order.
    loop {
        let mut inputs = graph.node(id).input_nodes().iter().copied();
        let on = |next: &NodeId| {
            steps[next.index()] < u32::MAX && steps[next.index()] + groups.step(id, *next) == steps[id.index()]
        };
        let Some(next) = inputs.find(on) else { return way };
        if groups.of(next) != groups.of(id) {
            way.push(next);
        }
        id = next;
    }
}

/// All nodes on some way from one of `from` to one of `to`, both included, in order.
pub fn between(graph: &Graph, from: &[NodeId], to: &[NodeId]) -> Vec<NodeId> {
    let mut needed = vec![false; graph.len()];
    graph.with_inputs(from).into_iter().for_each(|id| needed[id.index()] = true);
    let mut found = graph.with_consumers(to);
    found.retain(|id| needed[id.index()]);
    found
}
