//! The graph as a tree, as a table, as JSON, as JSON lines, and for Graphviz. Pictures are [`super::picture`]'s.
//!
//! Everything is written while it is gone through: nothing here grows with the length of what is written.

mod dot;
mod json;
mod table;
mod tree;

use std::io::{self, Write};

pub use dot::dot;
pub use json::{GRAPH_VERSION, json, json_lines};
pub use table::table;
pub use tree::tree;

use crate::graph::{Graph, NodeId};
use crate::plan::{Plan, State};

/// What of a graph is shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The nodes, in order.
    pub nodes: &'a [NodeId],
    /// Their states, where those are wanted.
    pub plan: Option<&'a Plan>,
}

impl<'a> Shown<'a> {
    fn state(&self, id: NodeId) -> Option<&'a State> {
        Some(&self.plan?.of(id)?.state)
    }

    /// For each node of the graph whether it is shown.
    fn marks(&self) -> Vec<bool> {
        let mut marks = vec![false; self.graph.len()];
        self.nodes.iter().for_each(|id| marks[id.index()] = true);
        marks
    }

    /// The nodes with a mark that `id` reads, sorted, each once.
    fn inputs(&self, id: NodeId, marks: &[bool]) -> Vec<NodeId> {
        let inputs = self.graph.node(id).input_nodes().iter().copied();
        let mut inputs: Vec<NodeId> = inputs.filter(|input| marks[input.index()]).collect();
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

/// The word for a state.
pub fn state_word(state: &State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Runs(_) => "runs",
        State::Depends(_) => "depends",
        State::Skipped(_) => "skipped",
    }
}

/// Writes `text` and spaces up to `width` letters; names are ASCII.
fn padded(to: &mut dyn Write, text: &str, width: usize) -> io::Result<()> {
    write!(to, "{text:width$}  ")
}
