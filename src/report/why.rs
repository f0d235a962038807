//! Why a node ran, and why it would run, as text for people.

use std::fmt::Write as _;

use super::{duration, plain};
use crate::graph::{Graph, NodeId};
use crate::plan::{Change, Reason, State, describe, tell};

/// What there is to tell about a node.
pub struct Told<'a> {
    /// When its last realisation was started (seconds since 1970), how long it took (milliseconds), and its number.
    pub last: Option<(i64, u64, Option<u32>)>,
    /// Whether that realisation kept the packages of an earlier one.
    pub kept: bool,
    /// What changed from the realisation before to the last one.
    pub then: Option<&'a [Change]>,
    /// What would happen now.
    pub now: &'a State,
    /// When the last attempt failed, and with which message.
    pub attempt: Option<(i64, &'a str)>,
    /// Nodes at the beginning of what makes it run.
    pub roots: &'a [(NodeId, Reason)],
}

/// All of it.
pub fn text(graph: &Graph, id: NodeId, told: &Told<'_>) -> String {
    let mut text = format!("{}\n", graph.node(id));
    match told.last {
        None => text.push_str("  was never built\n"),
        Some((started, milliseconds, number)) => {
            let number = number.map_or(String::new(), |number| format!(", number {number}"));
            let kept = if told.kept { ", equivalent to the build before, whose packages were kept" } else { "" };
            let _ = writeln!(text, "  last built {} in {}{number}{kept}", date(started), duration(milliseconds));
        }
    }
    if let Some(changes) = told.then {
        let told: Vec<String> = changes.iter().map(tell).collect();
        let told = if told.is_empty() { "its realisation was gone".to_owned() } else { told.join("; ") };
        let _ = writeln!(text, "  that time because {told}");
    } else if told.last.is_some() {
        text.push_str("  that time because it was never built before\n");
    }
    if let Some((started, message)) = told.attempt {
        let _ = writeln!(text, "  failed on {}: {}", date(started), plain(message.lines().next().unwrap_or_default()));
    }
    match told.now {
        State::Clean => text.push_str("  now it is clean: nothing that it depends on has changed\n"),
        State::Runs(reason) => {
            let _ = writeln!(text, "  now it would run: {}", describe(reason, graph));
        }
        State::Depends(on) => {
            let names: Vec<String> = on.iter().map(|id| graph.node(*id).to_string()).collect();
            let _ = writeln!(text, "  now it depends on what comes out of {}", names.join(", "));
        }
    }
    for (root, reason) in told.roots.iter().filter(|(root, _)| *root != id) {
        let _ = writeln!(text, "    {} would run: {}", graph.node(*root), describe(reason, graph));
    }
    text
}

fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
