//! The graph as a tree.

use std::io::{self, Write};

use super::{Shown, state_word};
use crate::graph::NodeId;

/// Writes a tree: what nobody among the shown nodes reads stands at the left, inputs below and to the right. A node's
/// inputs are shown once; later it ends in `…`.
///
/// # Errors
/// Those of `to`.
pub fn tree(to: &mut dyn Write, shown: Shown<'_>) -> io::Result<()> {
    let marks = shown.marks();
    let mut read = vec![false; shown.graph.len()];
    for id in shown.nodes {
        shown.graph.node(*id).input_nodes().iter().for_each(|input| read[input.index()] = true);
    }
    let mut seen = vec![false; shown.graph.len()];
    // For each level above the current node whether its siblings are all shown.
    let mut done: Vec<bool> = Vec::new();
    for top in shown.nodes.iter().filter(|id| !read[id.index()]) {
        // (node, its level, whether it is the last of its siblings)
        let mut stack: Vec<(NodeId, usize, bool)> = vec![(*top, 0, true)];
        while let Some((id, level, last)) = stack.pop() {
            let below = shown.inputs(id, &marks);
            let again = std::mem::replace(&mut seen[id.index()], true) && !below.is_empty();
            done.truncate(level);
            for above in done.iter().skip(1) {
                to.write_all(if *above { "    " } else { "│   " }.as_bytes())?;
            }
            if level > 0 {
                to.write_all(if last { "└── " } else { "├── " }.as_bytes())?;
            }
            write!(to, "{}{}", shown.graph.node(id), if again { " …" } else { "" })?;
            if let Some(state) = shown.state(id) {
                write!(to, "  [{}]", state_word(state))?;
            }
            writeln!(to)?;
            done.push(last);
            if !again {
                for (place, input) in below.iter().enumerate().rev() {
                    stack.push((*input, level + 1, place + 1 == below.len()));
                }
            }
        }
    }
    Ok(())
}
