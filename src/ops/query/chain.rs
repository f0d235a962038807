//! The longest chain of what reads what.

use super::Groups;
use crate::graph::{Graph, NodeId};

/// A chain of nodes, each reading the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The nodes; by component or target, one for those that follow each other in one of them.
    pub nodes: Vec<NodeId>,
}

/// The longest chain that begins at one of `from`, counted in groups. Empty only for no nodes.
pub fn longest(graph: &Graph, groups: &Groups, from: &[NodeId]) -> Chain {
    // For each node the longest chain behind it, and its next node. Inputs stand before what reads them.
    let mut lengths = vec![0u32; graph.len()];
    let mut nexts: Vec<Option<NodeId>> = vec![None; graph.len()];
    for id in graph.ids() {
        for next in graph.node(id).input_nodes() {
            let length = lengths[next.index()] + groups.step(id, *next);
            // The first of equals, but any rather than none: what costs no step may lead to what does.
            if length > lengths[id.index()] || nexts[id.index()].is_none() {
                (lengths[id.index()], nexts[id.index()]) = (length, Some(*next));
            }
        }
    }
    // The first of the longest.
    let start = from.iter().copied().rev().max_by_key(|id| lengths[id.index()]);
    let mut nodes: Vec<NodeId> = Vec::new();
    let mut at = start;
    while let Some(id) = at {
        if nodes.last().is_none_or(|last| groups.of(*last) != groups.of(id)) {
            nodes.push(id);
        }
        at = nexts[id.index()];
    }
    Chain { nodes }
}
