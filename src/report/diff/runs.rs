//! Two runs: what each ran that the other did not, and what came out differently.

use std::fmt::Write as _;

use serde::Serialize;

use super::NAMED;
use super::lists::ListDiff;
use super::scripts::unified;
use crate::plan::{Change, tell_all};
use crate::report::causes::some_of;
use crate::report::{count, duration, plain, wrapped};

/// How many nodes are listed unless all are wanted.
const MOST_NODES: usize = 40;

/// What differs between two runs.
#[derive(Debug, Clone, Serialize)]
pub struct RunDiff {
    /// The version of the JSON form.
    pub version: u32,
    /// The run before.
    pub from: RunTold,
    /// The run after.
    pub to: RunTold,
    /// Whether recipes or distro files differ.
    pub recipes_differ: bool,
    /// Whether the locks differ.
    pub lock_differs: bool,
    /// Nodes that only the first had to do with.
    pub only_from: Vec<RunNodeTold>,
    /// Nodes that only the second had to do with.
    pub only_to: Vec<RunNodeTold>,
    /// Nodes of both whose key, outcome or outputs differ.
    pub changed: Vec<RunNodeDiff>,
    /// How many nodes of both came to the same.
    pub same: usize,
    /// Package lists that differ, those that differ in the same way together.
    pub lists: Vec<ListDiff>,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct RunTold {
    /// Its name.
    pub run: String,
    /// When it started.
    pub started: String,
    /// How it ended.
    pub result: &'static str,
    /// How long it took, where it ended by itself.
    pub milliseconds: Option<u64>,
}

/// What a run did with a node.
#[derive(Debug, Clone, Serialize)]
pub struct RunNodeTold {
    /// Which.
    pub node: String,
    /// What it came to; `None` while the run goes on.
    pub outcome: Option<&'static str>,
    /// How long it ran.
    pub milliseconds: Option<u64>,
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair<T> {
    /// In the first run.
    pub from: T,
    /// In the second.
    pub to: T,
}

/// A node that came to something else.
#[derive(Debug, Clone, Serialize)]
pub struct RunNodeDiff {
    /// Which.
    pub node: String,
    /// What it came to.
    pub outcome: Pair<Option<&'static str>>,
    /// How long it ran.
    pub milliseconds: Pair<Option<u64>>,
    /// Its action key.
    pub key: Pair<Option<String>>,
    /// The fields that make the keys differ, where both realisations are still on record.
    pub changes: Vec<Change>,
    /// Names of outputs that differ.
    pub outputs: Vec<String>,
}

pub(super) fn text(diff: &RunDiff, all: bool, width: usize) -> String {
    let side = |run: &RunTold| {
        let took = run.milliseconds.map_or(String::new(), |took| format!(" in {}", duration(took)));
        format!("run {} ({}{took})", run.run, run.result)
    };
    let mut text = wrapped(&format!("from {} to {}", side(&diff.from), side(&diff.to)), "", "  ", width);
    let word = |differs: bool| if differs { "differ" } else { "are the same" };
    let lock = if diff.lock_differs { "differs" } else { "is the same" };
    let _ = writeln!(text, "  recipes {}, the lock {lock}", word(diff.recipes_differ));
    let both = diff.changed.len() + diff.same;
    let _ =
        writeln!(text, "  in both: {}, of which {} came to something else", count(both, "node"), diff.changed.len());
    let most = if all { usize::MAX } else { MOST_NODES };
    for node in diff.changed.iter().take(most) {
        text += &changed(node, all, width);
    }
    text += &left_out(diff.changed.len(), most);
    for (word, nodes) in [("first", &diff.only_from), ("second", &diff.only_to)] {
        if nodes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  only in the {word}: {}", count(nodes.len(), "node"));
        for node in nodes.iter().take(most) {
            let took = node
                .milliseconds
                .filter(|took| *took > 0)
                .map_or(String::new(), |took| format!("  {}", duration(took)));
            let _ = writeln!(text, "    {:<11} {}{took}", node.outcome.unwrap_or("-"), plain(&node.node));
        }
        text += &left_out(nodes.len(), most);
    }
    if !diff.lists.is_empty() {
        text += "  package lists\n";
    }
    for list in &diff.lists {
        let named = if all { usize::MAX - 1 } else { NAMED };
        let line = format!("{}: {}", count(list.nodes.len(), "list"), list.describe());
        text += &wrapped(&line, "    ", "      ", width);
        text += &wrapped(&some_of(&list.nodes, list.nodes.len(), named), "        ", "        ", width);
    }
    text
}

fn left_out(length: usize, most: usize) -> String {
    match length.saturating_sub(most) {
        0 => String::new(),
        more => format!("    and {more} more: `--all` lists them\n"),
    }
}

fn changed(node: &RunNodeDiff, all: bool, width: usize) -> String {
    let outcome = |outcome: Option<&'static str>| outcome.unwrap_or("-");
    let (from, to) = (outcome(node.outcome.from), outcome(node.outcome.to));
    let outcome = if from == to { from.to_owned() } else { format!("{from} → {to}") };
    let took = match (node.milliseconds.from, node.milliseconds.to) {
        (Some(from), Some(to)) if from > 0 && to > 0 => format!(", {} → {}", duration(from), duration(to)),
        _ => String::new(),
    };
    let mut text = wrapped(&format!("{}: {outcome}{took}", plain(&node.node)), "    ", "      ", width);
    let mut told: Vec<String> = Vec::new();
    if !node.changes.is_empty() {
        told.push(tell_all(&node.changes));
    }
    match (&node.key.from, &node.key.to) {
        (Some(from), Some(to)) if from == to => told.push("the same key".to_owned()),
        (Some(_), Some(_)) if told.is_empty() => told.push("another key".to_owned()),
        _ => {}
    }
    if !node.outputs.is_empty() {
        told.push(format!("other {}", node.outputs.join(", ")));
    }
    if !told.is_empty() {
        text += &wrapped(&plain(&told.join("; ")), "      ", "      ", width);
    }
    for change in &node.changes {
        text += &unified(change, all, "        ");
    }
    text
}
