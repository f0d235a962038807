//! The graph as a table: a line a node, for people, and for `grep` and `sort`.

use std::io::{self, Write};

use super::{Shown, padded, state_word};
use crate::graph::NodeId;
use crate::plan::{State, describe};
use crate::report::plain;

/// Digits of an id that are shown.
const DIGITS: usize = 12;

/// Writes a table with a heading: node, how many nodes it reads and how many read it (shown or not), the beginning of
/// its id; with states those, and why it runs.
///
/// # Errors
/// Those of `to`.
pub fn table(to: &mut dyn Write, shown: Shown<'_>) -> io::Result<()> {
    let (read_by, mut seen): (_, Vec<NodeId>) = (shown.graph.read_by(), Vec::new());
    let named = shown.nodes.iter().map(|id| shown.graph.node(*id).name_length());
    let width = named.chain(["NODE".len()]).max().unwrap_or(0);
    padded(to, "NODE", width)?;
    write!(to, "READS  READ BY  ID")?;
    if shown.plan.is_some() {
        write!(to, "{:1$}STATE", "", DIGITS)?;
    }
    writeln!(to)?;
    // Rows by the hundred thousand: no formatting where copying will do.
    let mut row = String::new();
    for id in shown.nodes {
        let node = shown.graph.node(*id);
        seen.clear();
        seen.extend(node.input_nodes());
        seen.sort_unstable();
        seen.dedup();
        row.clear();
        node.push_name(&mut row);
        row.extend(std::iter::repeat_n(' ', width + 2 - row.len().min(width)));
        write(&mut row, format_args!("{:5}  {:7}  ", seen.len(), read_by[id.index()]));
        node.id().0.push_digits(DIGITS, &mut row);
        to.write_all(row.as_bytes())?;
        match shown.state(*id) {
            None => {}
            // Reasons hold texts of recipes and sources.
            Some(state @ State::Runs(reason)) => {
                let reason = plain(&describe(reason, shown.graph)).replace('\n', " ");
                write!(to, "  {:7}  {reason}", state_word(state))?;
            }
            Some(state) => write!(to, "  {}", state_word(state))?,
        }
        writeln!(to)?;
    }
    Ok(())
}

fn write(row: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = std::fmt::Write::write_fmt(row, what);
}
