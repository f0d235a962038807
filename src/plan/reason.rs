//! Why a node runs, as a typed answer.
//!
//! A realisation keeps the walk of its derivation as text, one `field = value` a line; the answer is the difference
//! between that and the walk of today, so it cannot drift from what is hashed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::drv::ActionKey;
use crate::graph::{Graph, NodeId};

/// Why a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was never realised, neither under its name nor, as far as is known, as another node that does the same.
    New,
    /// It was asked for although it is realised.
    Again,
    /// Its bytes are not here, and a node that runs reads them.
    Absent {
        /// The first node that reads them.
        reader: NodeId,
    },
    /// The same was realised before, but the record is gone, or only its number is another one.
    Gone {
        /// The realisation that it was compared with.
        since: Earlier,
    },
    /// These fields differ from the nearest earlier realisation; never empty.
    Changed {
        /// The fields.
        changes: Vec<Change>,
        /// The realisation that it was compared with.
        since: Earlier,
    },
}

/// An earlier realisation, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Its key.
    pub key: ActionKey,
    /// When it started, in seconds since 1970.
    pub started: i64,
}

/// An earlier realisation of a node, with its walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Which.
    pub earlier: Earlier,
    /// The walk of its derivation ([`crate::drv::text_of`]).
    pub walk: String,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// The field, such as `env V` or `input source`.
    pub field: String,
    /// Its value in the realisation; `None` where it was not there.
    pub before: Option<String>,
    /// Its value today; `None` where it is gone.
    pub now: Option<String>,
}

/// Of `history`, latest first, the realisation whose walk differs from `now` in the fewest fields, and those fields. Of
/// several the latest. `None` where there is none.
pub fn nearest(history: &[Walked], now: &str) -> Option<(Earlier, Vec<Change>)> {
    let compared = history.iter().map(|walked| (walked.earlier, changes(&walked.walk, now)));
    compared.min_by_key(|(_, changes)| changes.len())
}

/// Why a node runs whose walk is `now` and that has this history.
pub fn reason(history: &[Walked], now: &str) -> Reason {
    match nearest(history, now) {
        None => Reason::New,
        Some((since, changes)) if changes.is_empty() => Reason::Gone { since },
        Some((since, changes)) => Reason::Changed { changes, since },
    }
}

/// The fields in which two walks differ, in the order of today's. Fields that only count others are left out, as is the
/// number, which follows from the others.
pub fn changes(before: &str, now: &str) -> Vec<Change> {
    let fields = |text: &str| -> BTreeMap<String, Vec<String>> {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            fields.entry(field.to_owned()).or_default().push(value.to_owned());
        }
        fields
    };
    let (mut old, new) = (fields(before), fields(now));
    let counts =
        ["inputs", "envs", "files", "needs", "conflicts", "adds", "profiles", "ourss", "settings", "outputs", "number"];
    let mut found = Vec::new();
    for (field, values) in new {
        let was = old.remove(&field);
        if was.as_ref() != Some(&values) && !counts.contains(&field.as_str()) {
            let (before, now) = differing(was.as_deref(), &values);
            found.push(Change { field, before, now });
        }
    }
    let gone = old.into_iter().filter(|(field, _)| !counts.contains(&field.as_str()));
    found.extend(gone.map(|(field, values)| Change { field, before: Some(values.join(", ")), now: None }));
    found
}

/// Of a repeated field (`need`), only the values that one side lacks.
fn differing(before: Option<&[String]>, now: &[String]) -> (Option<String>, Option<String>) {
    let Some(before) = before else { return (None, Some(now.join(", "))) };
    let without = |these: &[String], those: &[String]| -> Option<String> {
        let those: BTreeSet<&String> = those.iter().collect();
        let left: Vec<&str> = these.iter().filter(|value| !those.contains(value)).map(String::as_str).collect();
        (!left.is_empty()).then(|| left.join(", "))
    };
    match (without(before, now), without(now, before)) {
        (None, None) => (Some(before.join(", ")), Some(now.join(", "))),
        different => different,
    }
}

/// A reason in a few words, for people.
pub fn describe(reason: &Reason, graph: &Graph) -> String {
    match reason {
        Reason::New => "never built".to_owned(),
        Reason::Again => "asked for again".to_owned(),
        Reason::Absent { reader } => format!("its files are not here, and {} reads them", graph.node(*reader)),
        Reason::Gone { .. } => "its realisation is gone".to_owned(),
        Reason::Changed { changes, .. } => tell_all(changes),
    }
}

/// Whether the values of a field say nothing to people, or are too long for a line: that they changed is enough.
pub fn is_opaque(field: &str) -> bool {
    field.starts_with("input ") || field.starts_with("file ") || ["script", "tree"].contains(&field)
}

/// The most changes that are told one by one.
const MOST_TOLD: usize = 6;

/// Changes in a few words each; of many, the first ones.
pub fn tell_all(changes: &[Change]) -> String {
    let most = if changes.len() > MOST_TOLD { MOST_TOLD - 1 } else { MOST_TOLD };
    let mut told: Vec<String> = changes.iter().take(most).map(tell).collect();
    match changes.len().saturating_sub(most) {
        0 => {}
        more => told.push(format!("and {more} more fields")),
    }
    told.join("; ")
}

/// A change in a few words.
pub fn tell(change: &Change) -> String {
    let short = |value: &str| match value.char_indices().nth(60) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    };
    let opaque = is_opaque(&change.field);
    let field = change.field.strip_prefix("input ").unwrap_or(&change.field);
    let absent = |value: &Option<String>| opaque && value.as_deref() == Some("absent");
    match (&change.before, &change.now) {
        (Some(_), now) if absent(now) => format!("{field} is missing, as it may"),
        (before, Some(_)) if absent(before) => format!("{field} is no longer missing"),
        _ if opaque && change.before.is_some() && change.now.is_some() => format!("{field} changed"),
        (Some(_), None) if opaque => format!("{field} is gone"),
        (None, Some(_)) if opaque => format!("{field} is new"),
        (Some(before), Some(now)) => format!("{field} changed from `{}` to `{}`", short(before), short(now)),
        (None, Some(now)) => format!("{field} is new: `{}`", short(now)),
        (Some(before), None) => format!("{field} is gone: `{}`", short(before)),
        (None, None) => format!("{field} changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn walked(started: i64, walk: &str) -> Walked {
        let key = ActionKey(Digest::of(walk.as_bytes()));
        Walked { earlier: Earlier { key, started }, walk: walk.to_owned() }
    }

    fn check(before: &str, now: &str, expected: &str) {
        assert_eq!(describe(&reason(&[walked(1, before)], now), &Graph::default()), expected);
    }

    #[test]
    fn differences_are_told_by_field() {
        check("env V = 1\ninput source = aa\n", "env V = 2\ninput source = aa\n", "env V changed from `1` to `2`");
        check("inputs = 1\ninput source = aa\n", "inputs = 1\ninput source = bb\n", "source changed");
        check("input packages a = aa\n", "input packages a = absent\n", "packages a is missing, as it may");
        check("input packages a = absent\n", "input packages a = aa\n", "packages a is no longer missing");
        check("env A = absent\n", "env A = 1\n", "env A changed from `absent` to `1`");
        check("needs = 1\nneed = a\n", "needs = 2\nneed = a\nneed = b\n", "need is new: `b`");
        check("env A = 1\n", "envs = 0\n", "env A is gone: `1`");
        check("number = 1\n", "number = \n", "its realisation is gone");
        let many: String = ('a'..='h').map(|role| format!("input {role} = 1\n")).collect();
        check("", &many, "a is new; b is new; c is new; d is new; e is new; and 3 more fields");
    }

    #[test]
    fn the_nearest_is_compared_and_not_the_latest() {
        let history = [
            walked(3, "env A = 2\nenv B = 2\n"),
            walked(2, "env A = 1\nenv B = 1\n"),
            walked(1, "env A = 1\nenv B = 0\n"),
        ];
        let found = |now: &str| nearest(&history, now).map(|(earlier, changes)| (earlier.started, changes.len()));
        assert_eq!(found("env A = 1\nenv B = 1\n"), Some((2, 0)));
        // One field differs from both of the older ones: the later of them counts.
        assert_eq!(found("env A = 1\nenv B = 9\n"), Some((2, 1)));
        assert_eq!(found("env A = 2\nenv B = 9\n"), Some((3, 1)));
        assert_eq!(nearest(&[], "env A = 1\n"), None);
        assert_eq!(reason(&[], "env A = 1\n"), Reason::New);
    }
}
