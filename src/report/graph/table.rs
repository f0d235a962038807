//! The graph as a table: a line a node, for people, and for `grep` and `sort`.

use std::io::{self, Write};

use super::{Shown, padded, state_word};
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
    let mut width = "NODE".len();
    let mut name = String::new();
    for id in shown.nodes {
        width = width.max(worded(&mut name, shown.graph.node(*id)).len());
    }
    padded(to, "NODE", width)?;
    write!(to, "READS  READ BY  ID")?;
    if shown.plan.is_some() {
        write!(to, "{:1$}STATE", "", DIGITS)?;
    }
    writeln!(to)?;
    for id in shown.nodes {
        padded(to, worded(&mut name, shown.graph.node(*id)), width)?;
        let node = shown.graph.node(*id);
        let inputs = node.input_nodes();
        let reads = inputs.iter().enumerate().filter(|(place, input)| !inputs[..*place].contains(input)).count();
        let read_by = shown.graph.consumers(*id).len();
        let digits = worded(&mut name, node.id());
        write!(to, "{reads:5}  {read_by:7}  {}", digits.get(..DIGITS).unwrap_or(digits))?;
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

/// `what` as text, in the place of the word before.
fn worded(word: &mut String, what: impl std::fmt::Display) -> &str {
    use std::fmt::Write as _;
    word.clear();
    let _ = write!(word, "{what}");
    word
}
