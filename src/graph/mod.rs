//! The graph of derivations: nodes with names, and edges from each node to what it reads.
//!
//! The only user of petgraph. Nodes are added after their inputs, so a graph has no cycles by construction (cycles
//! between components are found before, while weaving). Iteration is in the order of adding, which the weaver keeps
//! stable. Nodes are known by [`NodeId`], never by reference.

mod select;
#[cfg(test)]
pub(crate) mod small;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
pub use select::{Selector, SelectorError, matches_pattern};

use crate::drv::{Derivation, DrvId, Input};
use crate::lock::PinnedFile;
use crate::name::{ComponentName, DistroName, NodeName, OutputName};

/// A node of one graph. Small, dense, in the order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The node's place in the order of adding.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One step, with what is known of it besides its derivation.
#[derive(Debug, Clone)]
pub struct Node {
    /// What people call it.
    pub name: NodeName,
    /// What it does.
    pub derivation: Derivation,
    /// The derivation's id.
    pub id: DrvId,
    /// The nodes behind `derivation.inputs`, in that order.
    pub inputs: Vec<NodeId>,
    /// The component it works for, if any.
    pub component: Option<ComponentName>,
    /// Where its bytes can be had; never hashed.
    pub origin: Origin,
}

/// Where a node's bytes can be had. Nothing in here is part of any identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Made from its inputs alone.
    Made,
    /// Files of a distribution's source package.
    Dsc {
        /// The distro whose archive has them.
        distro: DistroName,
        /// The suite whose index names them.
        suite: String,
        /// Folder below the archive's root.
        directory: String,
        /// The files by name.
        files: BTreeMap<String, PinnedFile>,
    },
    /// A folder below the project's root; `.` is the root itself.
    Folder(String),
    /// Index files of a distro: for each label the suite and the path below it.
    Index {
        /// The distro whose archive has them.
        distro: DistroName,
        /// By label: suite, path below `dists/<suite>/`.
        files: BTreeMap<String, (String, String)>,
    },
    /// Packages of this distro's archive.
    Packages(DistroName),
}

/// All nodes of a project.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: DiGraph<Node, ()>,
    names: BTreeMap<NodeName, NodeId>,
}

/// What a node needs of another: a role, the node, the name of its output.
pub struct Needed {
    role: String,
    node: NodeId,
    output: OutputName,
}

impl Needed {
    /// The output `output` of `node`, used as `role`.
    ///
    /// # Panics
    /// Where `output` is no output name: callers give fixed ones.
    pub fn new(role: impl Into<String>, node: NodeId, output: &'static str) -> Self {
        Self { role: role.into(), node, output: OutputName::new(output).expect("a plain name") }
    }
}

impl Graph {
    /// Adds a node whose derivation still lacks its inputs; `needs` become those, sorted by role.
    ///
    /// # Panics
    /// Where a name is used twice, which is a mistake of the weaver's.
    pub fn add(
        &mut self,
        name: NodeName,
        mut derivation: Derivation,
        mut needs: Vec<Needed>,
        component: Option<ComponentName>,
        origin: Origin,
    ) -> NodeId {
        needs.sort_by(|a, b| a.role.cmp(&b.role));
        derivation.inputs = needs
            .iter()
            .map(|need| Input { role: need.role.clone(), from: self.node(need.node).id, output: need.output.clone() })
            .collect();
        let inputs: Vec<NodeId> = needs.iter().map(|need| need.node).collect();
        let id = derivation.id();
        let node = Node { name: name.clone(), derivation, id, inputs: inputs.clone(), component, origin };
        let index = self.nodes.add_node(node);
        let node = NodeId(index.index() as u32);
        for input in inputs {
            self.nodes.update_edge(index, NodeIndex::new(input.index()), ());
        }
        let before = self.names.insert(name, node);
        assert!(before.is_none(), "two nodes have one name");
        node
    }

    /// The node with that id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[NodeIndex::new(id.index())]
    }

    /// The node of that name.
    pub fn find(&self, name: &NodeName) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// All nodes, inputs before what reads them.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.node_count() as u32).map(NodeId)
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.nodes.node_count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.node_count() == 0
    }

    /// The nodes that read an output of `id`, in order.
    pub fn consumers(&self, id: NodeId) -> Vec<NodeId> {
        let mut found: Vec<NodeId> = self
            .nodes
            .neighbors_directed(NodeIndex::new(id.index()), Direction::Incoming)
            .map(|index| NodeId(index.index() as u32))
            .collect();
        found.sort_unstable();
        found
    }

    /// `wanted` with all that they need, in order.
    pub fn with_inputs(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut marked = vec![false; self.len()];
        for id in wanted {
            marked[id.index()] = true;
        }
        for id in self.ids().rev() {
            if marked[id.index()] {
                self.node(id).inputs.iter().for_each(|input| marked[input.index()] = true);
            }
        }
        self.ids().filter(|id| marked[id.index()]).collect()
    }

    /// `wanted` with all that reads them, directly or not, in order.
    pub fn with_consumers(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut marked = vec![false; self.len()];
        for id in wanted {
            marked[id.index()] = true;
        }
        for id in self.ids() {
            if self.node(id).inputs.iter().any(|input| marked[input.index()]) {
                marked[id.index()] = true;
            }
        }
        self.ids().filter(|id| marked[id.index()]).collect()
    }
}
