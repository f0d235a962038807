//! Questions about a graph: what needs what, over how many steps, and along which way.
//!
//! Each answer takes time in proportion to the nodes and edges, however they are connected. An answer may be by node, or
//! by component or target: then a step counts where it leads from one to another, and each is named once. Ways are always
//! ways of nodes, so that a component is not said to need what only another target of it does.
//!
//! ```text
//! reach.rs   deps, rdeps: what can be reached, and over how many steps
//! ways.rs    path, between: shortest ways, and all that lies on some way
//! chain.rs   depth: the longest chain
//! ```

mod chain;
mod reach;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::BTreeMap;

pub use chain::{Chain, longest};
pub use reach::{Direction, Reached, reach};
pub use ways::{Ways, between, ways};

use crate::graph::{Graph, Node, NodeId};

/// What an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Nodes.
    Node,
    /// Components; `base` or a channel for nodes that work for none.
    Component,
    /// Targets and distros; `all distros` for nodes that belong to none.
    Target,
}

impl By {
    /// What `node` is called.
    pub fn name(self, node: Node<'_>) -> String {
        match self {
            Self::Node => node.to_string(),
            Self::Component => node.subject().to_owned(),
            Self::Target if node.place().is_empty() => "all distros".to_owned(),
            Self::Target => node.place().to_owned(),
        }
    }
}

/// Which nodes are one to an answer.
#[derive(Debug)]
pub struct Groups {
    by: By,
    /// For each node its group.
    of: Vec<u32>,
    /// For each group its first node.
    first: Vec<NodeId>,
}

impl Groups {
    /// The groups of `graph`, in the order of their first nodes.
    pub fn new(graph: &Graph, by: By) -> Self {
        let (mut of, mut first) = (Vec::with_capacity(graph.len()), Vec::new());
        let mut known: BTreeMap<&str, u32> = BTreeMap::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let next = first.len() as u32;
            let group = match by {
                By::Node => next,
                By::Component => *known.entry(node.subject()).or_insert(next),
                By::Target => *known.entry(node.place()).or_insert(next),
            };
            if group == next {
                first.push(id);
            }
            of.push(group);
        }
        Self { by, of, first }
    }

    /// What groups stand for.
    pub fn by(&self) -> By {
        self.by
    }

    /// The first node of each group that one of `nodes` is in, in order.
    pub fn firsts(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut groups: Vec<u32> = nodes.iter().map(|id| self.of(*id)).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().map(|group| self.first[group as usize]).collect()
    }

    fn of(&self, id: NodeId) -> u32 {
        self.of[id.index()]
    }

    /// How many steps it is from a node to a neighbour.
    fn step(&self, from: NodeId, to: NodeId) -> u32 {
        u32::from(self.of(from) != self.of(to))
    }
}

/// The nodes among `nodes` that no other of them reads (`above`), or that read none of them.
pub fn ends(graph: &Graph, nodes: &[NodeId], above: bool) -> Vec<NodeId> {
    let mut inside = vec![false; graph.len()];
    nodes.iter().for_each(|id| inside[id.index()] = true);
    let is_end = |id: &NodeId| {
        let beyond = if above { graph.consumers(*id) } else { graph.node(*id).input_nodes() };
        !beyond.iter().any(|other| inside[other.index()])
    };
    nodes.iter().copied().filter(is_end).collect()
}
