//! The graph for Graphviz.

use std::io::{self, Write};

use super::Shown;
use crate::plan::State;

/// Writes a graph in Graphviz's language, arrows from each node to what reads it. Names have no letter that it would
/// take for something else.
///
/// # Errors
/// Those of `to`.
pub fn dot(to: &mut dyn Write, shown: Shown<'_>) -> io::Result<()> {
    to.write_all(b"digraph opb {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n")?;
    let marks = shown.marks();
    for id in shown.nodes {
        let node = shown.graph.node(*id);
        let colour = match shown.state(*id) {
            None => "white",
            Some(State::Clean) => "palegreen",
            Some(State::Runs(_)) => "gold",
            Some(State::Depends(_)) => "lightyellow",
            Some(State::Skipped(_)) => "lightgray",
        };
        writeln!(to, "  \"{node}\" [fillcolor={colour}];")?;
        for input in shown.inputs(*id, &marks) {
            writeln!(to, "  \"{}\" -> \"{node}\";", shown.graph.node(input))?;
        }
    }
    to.write_all(b"}\n")
}
