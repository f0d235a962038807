//! Two states of a project, one of which may be what a run had: root changes first, then how much follows.

use std::fmt::Write as _;

use serde::Serialize;

use super::NAMED;
use super::scripts::unified;
use crate::plan::Change;
use crate::report::causes::{CauseTold, lines, some_of, totals};
use crate::report::{count, plain, wrapped};

/// What differs between two states of a project, one of which may be what a run had.
#[derive(Debug, Clone, Serialize)]
pub struct ProjectDiff {
    /// The version of the JSON form.
    pub version: u32,
    /// The state before.
    pub from: StateTold,
    /// The state now.
    pub to: StateTold,
    /// How many nodes are what.
    pub counts: Counts,
    /// Where it begins: nodes that changed by themselves and new ones, by cause.
    pub causes: Vec<CauseTold>,
    /// New nodes.
    pub added: Vec<String>,
    /// Nodes that are gone.
    pub removed: Vec<String>,
    /// Nodes that changed by themselves, with the fields.
    pub changed: Vec<ChangedNode>,
    /// Nodes that differ only because of what they read.
    pub follow: Vec<String>,
}

/// A state of a project.
#[derive(Debug, Clone, Serialize)]
pub struct StateTold {
    /// As it was asked for: `now`, a revision, or `run` and its name.
    pub name: String,
    /// The commit, in hexadecimal; `None` for the work tree.
    pub commit: Option<String>,
}

/// A node that changed by itself.
#[derive(Debug, Clone, Serialize)]
pub struct ChangedNode {
    /// Which.
    pub node: String,
    /// The fields.
    pub changes: Vec<Change>,
}

/// Numbers of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New.
    pub added: usize,
    /// Gone.
    pub removed: usize,
    /// Changed by themselves.
    pub changed: usize,
    /// Differ only because of what they read.
    pub follow: usize,
    /// The same.
    pub same: usize,
    /// Not told of, since a run is compared that had nothing to do with them.
    pub not_compared: usize,
}

impl StateTold {
    fn short(&self) -> String {
        let name = plain(&self.name);
        match &self.commit {
            Some(commit) if !commit.starts_with(&self.name) => format!("{name} ({})", &commit[..commit.len().min(10)]),
            _ => name,
        }
    }
}

pub(super) fn text(diff: &ProjectDiff, all: bool, width: usize) -> String {
    let counts = diff.counts;
    let named = if all { usize::MAX - 1 } else { NAMED };
    let mut text = format!("from {} to {}\n", diff.from.short(), diff.to.short());
    let left_out = match counts.not_compared {
        0 => String::new(),
        nodes => {
            let them = if nodes == 1 { "it" } else { "them" };
            format!("  not compared: {}, since the run had nothing to do with {them}\n", count(nodes, "node"))
        }
    };
    if counts == (Counts { same: counts.same, not_compared: counts.not_compared, ..NOTHING }) {
        let _ = writeln!(text, "  nothing differs: {}, all the same", count(counts.same, "node"));
        return text + left_out.as_str();
    }
    let _ = writeln!(
        text,
        "  {}, {} added, {} removed, {} the same",
        totals(counts.changed, counts.follow),
        counts.added,
        counts.removed,
        counts.same
    );
    for cause in diff.causes.iter().filter(|cause| cause.theme != "new") {
        text += &lines(std::slice::from_ref(cause), named, "  ", width);
        for change in &cause.changes {
            text += &unified(change, all, "      ");
        }
    }
    for (word, nodes) in [("added", &diff.added), ("removed", &diff.removed)] {
        if !nodes.is_empty() {
            let _ = writeln!(text, "  {word}: {}", count(nodes.len(), "node"));
            text += &wrapped(&some_of(nodes, nodes.len(), named), "      ", "      ", width);
        }
    }
    if all && !diff.follow.is_empty() {
        let _ = writeln!(text, "  follow: {}", count(diff.follow.len(), "node"));
        text += &wrapped(&diff.follow.join(", "), "      ", "      ", width);
    }
    text + left_out.as_str()
}

const NOTHING: Counts = Counts { added: 0, removed: 0, changed: 0, follow: 0, same: 0, not_compared: 0 };
