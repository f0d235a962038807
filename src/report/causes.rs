//! Reasons and root causes, as text for people and as data for programs.

use serde::Serialize;

use super::{count, plain, wrapped};
use crate::graph::{Graph, NodeId};
use crate::plan::{Cause, Change, Earlier, Reason, Theme, describe};

/// Why a node runs.
#[derive(Debug, Clone, Serialize)]
pub struct ReasonTold {
    /// `new`, `again`, `absent`, `gone` or `changed`.
    pub reason: &'static str,
    /// In words.
    pub text: String,
    /// The node that reads its bytes, where those are absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// The fields that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The earlier realisation that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<Compared>,
}

/// An earlier realisation that something was compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// When it started.
    pub started: String,
    /// Its key.
    pub key: String,
    /// The run that it came from, where that is on record.
    pub run: Option<String>,
}

/// One root cause.
#[derive(Debug, Clone, Serialize)]
pub struct CauseTold {
    /// `new`, `again`, `gone`, `index`, `source`, `changed` or `other`.
    pub theme: String,
    /// In words.
    pub text: String,
    /// The fields that changed, of the first of its nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many nodes it begins at.
    pub roots: usize,
    /// Those nodes; of a run on record only the first.
    pub nodes: Vec<String>,
    /// How many other nodes it drags along.
    pub dragged: usize,
    /// How many package builds are among all of these.
    pub builds: usize,
}

impl ReasonTold {
    /// Tells `reason`; `run` finds the run that an earlier realisation came from.
    pub fn new(reason: &Reason, graph: &Graph, run: &dyn Fn(&Earlier) -> Option<String>) -> Self {
        let compared = |since: &Earlier| {
            Some(Compared { started: date(since.started), key: since.key.to_string(), run: run(since) })
        };
        let word = match reason {
            Reason::New => "new",
            Reason::Again => "again",
            Reason::Absent { .. } => "absent",
            Reason::Gone { .. } => "gone",
            Reason::Changed { .. } => "changed",
        };
        let mut told = Self {
            reason: word,
            text: describe(reason, graph),
            reader: None,
            changes: Vec::new(),
            compared_with: None,
        };
        match reason {
            Reason::Absent { reader } => told.reader = Some(graph.node(*reader).to_string()),
            Reason::Gone { since } => told.compared_with = compared(since),
            Reason::Changed { changes, since } => {
                told.changes.clone_from(changes);
                told.compared_with = compared(since);
            }
            Reason::New | Reason::Again => {}
        }
        told
    }
}

impl CauseTold {
    /// Tells `cause`.
    pub fn new(cause: &Cause, graph: &Graph) -> Self {
        let changes = match (&cause.theme, &cause.reason) {
            (Theme::Other, _) => Vec::new(),
            (_, Reason::Changed { changes, .. }) => changes.clone(),
            _ => Vec::new(),
        };
        Self {
            theme: cause.theme.word().to_owned(),
            text: cause.theme.describe(),
            changes,
            roots: cause.roots.len(),
            nodes: cause.roots.iter().map(|id| name(graph, *id)).collect(),
            dragged: cause.dragged,
            builds: cause.builds,
        }
    }
}

/// The causes, each with its counts and the first of its nodes, every line behind `indent`.
pub fn lines(causes: &[CauseTold], named: usize, indent: &str, width: usize) -> String {
    let mut text = String::new();
    for cause in causes {
        let follow = match cause.dragged {
            0 => "nothing follows".to_owned(),
            1 => "1 follows".to_owned(),
            many => format!("{many} follow"),
        };
        let builds =
            if cause.builds > 0 { format!(", {} in all", count(cause.builds, "build")) } else { String::new() };
        let line = format!("{}: {}, {follow}{builds}", plain(&cause.text), count(cause.roots, "node"));
        text += &wrapped(&line, indent, &format!("{indent}  "), width);
        let below = format!("{indent}    ");
        text += &wrapped(&some_of(&cause.nodes, cause.roots, named), &below, &below, width);
    }
    text
}

/// `a, b and 3 more`: the first `named` of `all` names.
pub fn some_of(names: &[String], all: usize, named: usize) -> String {
    // One more name says no less than "and 1 more".
    let shown = if all <= named + 1 { names.len() } else { named.min(names.len()) };
    let first = names[..shown].join(", ");
    match all.saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `2 roots, 187 cascaded`, with the words for one.
pub fn totals(roots: usize, dragged: usize) -> String {
    format!("{}, {dragged} cascaded", count(roots, "root"))
}

/// A time in seconds since 1970 as people and programs read it.
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn name(graph: &Graph, id: NodeId) -> String {
    graph.node(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_off_when_they_are_many() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(some_of(&names, 4, 3), "a, b, c, d");
        assert_eq!(some_of(&names, 4, 2), "a, b and 2 more");
        assert_eq!(some_of(&names[..2], 60, 5), "a, b and 58 more");
        assert_eq!(some_of(&names[..1], 1, 3), "a");
    }

    #[test]
    fn counts_are_told_with_the_words_for_one() {
        let cause = |roots: usize, dragged, builds| CauseTold {
            theme: "changed".to_owned(),
            text: "env V changed from `1` to `2`".to_owned(),
            changes: Vec::new(),
            roots,
            nodes: vec!["build:a@d/amd64".to_owned(); roots],
            dragged,
            builds,
        };
        let told = lines(&[cause(1, 0, 1), cause(2, 1, 0), cause(4, 187, 20)], 2, "", 50);
        insta::assert_snapshot!(told, @r"
        env V changed from `1` to `2`: 1 node, nothing
          follows, 1 build in all
            build:a@d/amd64
        env V changed from `1` to `2`: 2 nodes, 1 follows
            build:a@d/amd64, build:a@d/amd64
        env V changed from `1` to `2`: 4 nodes, 187
          follow, 20 builds in all
            build:a@d/amd64, build:a@d/amd64 and 2 more
        ");
        assert_eq!([totals(1, 3), totals(2, 187)], ["1 root, 3 cascaded", "2 roots, 187 cascaded"]);
    }
}
