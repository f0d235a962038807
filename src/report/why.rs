//! Why a node ran, or would run, as text for people and as JSON.
//!
//! JSON: `version` (1), and the rest as in the structs here; the schema is `docs/schema/why.json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::causes::{CauseTold, Compared, ReasonTold, lines, some_of, totals};
use super::{count, duration, plain, wrapped};
use crate::exceptions::Excuse;
use crate::plan::{Change, tell_all};

/// The version of the JSON form.
pub const WHY_VERSION: u32 = 1;

/// How many of a cause's nodes are named in text.
const NAMED: usize = 3;

/// What there is to tell of a node.
#[derive(Debug, Clone, Serialize)]
pub struct Why {
    /// The version of the JSON form.
    pub version: u32,
    /// Which node.
    pub node: String,
    /// What would happen now.
    pub now: Now,
    /// Its last realisation; `None` where it was never built.
    pub last: Option<Last>,
    /// Its last attempt, where that failed and nothing was realised since.
    pub failed: Option<Failed>,
}

/// What would happen to a node now.
#[derive(Debug, Clone, Serialize)]
pub struct Now {
    /// `clean`, `runs`, `depends` or `skipped`.
    pub state: &'static str,
    /// Why it does not run, where an exception says so of it, or of what alone reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<Excuse>,
    /// Why it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonTold>,
    /// The nodes whose outputs are not known yet, or that are skipped as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// For a node that depends on others: the fields of its own that changed as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_changes: Vec<Change>,
    /// How many roots reach it; itself, where it is one.
    pub roots: usize,
    /// How many nodes these drag along, in the whole project.
    pub dragged: usize,
    /// Those roots by cause.
    pub causes: Vec<CauseTold>,
}

/// The last realisation of a node.
#[derive(Debug, Clone, Serialize)]
pub struct Last {
    /// When it started.
    pub started: String,
    /// How long it took.
    pub milliseconds: u64,
    /// Its number, of a package build.
    pub number: Option<u32>,
    /// Its key.
    pub key: String,
    /// The run that it came from, where that is on record.
    pub run: Option<String>,
    /// Whether the packages of an earlier build were kept.
    pub kept: bool,
    /// The node as which it was made, where that is another one, which does the same.
    pub made_as: Option<String>,
    /// Why it ran then.
    pub reason: ReasonTold,
}

/// A failed attempt.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// When it started.
    pub started: String,
    /// The error.
    pub message: String,
}

/// Why everything runs that runs, or ran.
#[derive(Debug, Clone, Serialize)]
pub struct Everything {
    /// The version of the JSON form.
    pub version: u32,
    /// The run, where it is one on record.
    pub run: Option<String>,
    /// How many nodes are clean.
    pub clean: usize,
    /// How many nodes begin to run by themselves.
    pub roots: usize,
    /// How many they drag along.
    pub dragged: usize,
    /// The roots by cause, those that drag most along first.
    pub causes: Vec<CauseTold>,
}

/// What a run on record says of a node.
#[derive(Debug, Clone, Serialize)]
pub struct InRun {
    /// The version of the JSON form.
    pub version: u32,
    /// Which node.
    pub node: String,
    /// Which run.
    pub run: String,
    /// When that started.
    pub started: String,
    /// What was planned: `runs` or `depends`; `None` where it ran without that having been foreseen.
    pub state: Option<String>,
    /// Why, as it was planned.
    pub planned_reason: Option<String>,
    /// When the realisation started that it was compared with.
    pub compared_with: Option<String>,
    /// The causes that reached it.
    pub causes: Vec<CauseTold>,
    /// What it came to; `None` while the run goes on.
    pub outcome: Option<&'static str>,
    /// How long it ran.
    pub milliseconds: Option<u64>,
    /// The error, where it failed.
    pub message: Option<String>,
    /// What differed from the nearest realisation before, where it came to one that is still on record.
    pub reason: Option<ReasonTold>,
}

/// A value of this module as JSON.
pub fn json(told: &impl Serialize) -> String {
    serde_json::to_string_pretty(told).expect("plain structs") + "\n"
}

/// What there is to tell of a node, as text.
pub fn text(told: &Why, width: usize) -> String {
    let mut text = format!("{}\n", told.node);
    text += &now(&told.now, width);
    match &told.last {
        None => text += "  never built\n",
        Some(last) => {
            let number = last.number.map_or(String::new(), |number| format!(", number {number}"));
            let run = last.run.as_ref().map_or(String::new(), |run| format!(", run {run}"));
            let line = format!("last built {} in {}{number}{run}", last.started, duration(last.milliseconds));
            text += &wrapped(&line, "  ", "    ", width);
            if let Some(other) = &last.made_as {
                text += &wrapped(&format!("as {}, which does the same", plain(other)), "    ", "      ", width);
            }
            if last.kept {
                text += "    equivalent to the build before, whose packages were kept\n";
            }
            let because = match last.reason.reason {
                "new" => "because it was never built before".to_owned(),
                "gone" => "because the realisation before was gone, or was asked for again".to_owned(),
                _ => format!("because {}", plain(&last.reason.text)),
            };
            text += &wrapped(&because, "    ", "      ", width);
            text += &compared(last.reason.compared_with.as_ref(), width);
        }
    }
    if let Some(failed) = &told.failed {
        let message = plain(failed.message.lines().next().unwrap_or_default());
        text += &wrapped(&format!("failed on {}: {message}", failed.started), "  ", "    ", width);
    }
    text
}

fn now(now: &Now, width: usize) -> String {
    let mut text = String::new();
    let mut is_root = false;
    match (&now.reason, now.state) {
        (Some(reason), _) => {
            is_root = reason.reason != "absent";
            text += &wrapped(&format!("now it would run: {}", plain(&reason.text)), "  ", "    ", width);
            text += &compared(reason.compared_with.as_ref(), width);
        }
        (None, "depends") => {
            let on = some_of(&now.depends_on, now.depends_on.len(), NAMED);
            text += &wrapped(&format!("now it depends on what comes out of {on}"), "  ", "    ", width);
            if !now.own_changes.is_empty() {
                let changes = tell_all(&now.own_changes);
                text += &wrapped(&format!("and by itself: {}", plain(&changes)), "    ", "      ", width);
            }
        }
        (None, "skipped") => {
            let why = match &now.skip {
                Some(excuse) => {
                    let selector = excuse.exception.as_deref().unwrap_or_default();
                    format!("the exception `{selector}` skips it {excuse}")
                }
                None => {
                    format!("it is skipped with {}", some_of(&now.depends_on, now.depends_on.len(), NAMED))
                }
            };
            text += &wrapped(&format!("now {}", plain(&why)), "  ", "    ", width);
        }
        _ => text += "  now it is clean: nothing that it depends on has changed\n",
    }
    if is_root && now.dragged > 0 {
        let _ = writeln!(
            text,
            "    {} because of it",
            match now.dragged {
                1 => "1 node runs or may run".to_owned(),
                many => format!("{many} nodes run or may run"),
            }
        );
    } else if !is_root && now.roots > 0 {
        let _ = writeln!(text, "    because of {}", totals(now.roots, now.dragged));
        text += &lines(&now.causes, NAMED, "      ", width);
    }
    text
}

fn compared(with: Option<&Compared>, width: usize) -> String {
    let Some(with) = with else { return String::new() };
    let run = with.run.as_ref().map_or(String::new(), |run| format!(", run {run}"));
    let line = format!("compared with the nearest before it, of {}{run}", with.started);
    wrapped(&line, "      ", "      ", width)
}

/// Why everything runs, as text.
pub fn everything(told: &Everything, width: usize) -> String {
    if told.roots == 0 {
        return format!("nothing would run: {}, all clean\n", count(told.clean, "node"));
    }
    let run = told.run.as_ref().map_or(String::new(), |run| format!("run {run}: "));
    let mut text = format!("{run}{}, {} clean\n", totals(told.roots, told.dragged), told.clean);
    text += &lines(&told.causes, NAMED, "  ", width);
    text
}

/// What a run on record says of a node, as text.
pub fn in_run(told: &InRun, width: usize) -> String {
    let mut text = wrapped(&format!("{} in run {}", plain(&told.node), told.run), "", "  ", width);
    let planned = match (told.state.as_deref(), &told.planned_reason) {
        (Some(_), Some(reason)) => format!("was to run: {}", plain(reason)),
        (Some(_), None) => "depended on what came out of others".to_owned(),
        (None, _) => "ran unforeseen: a node that ran read its files, and they were not here".to_owned(),
    };
    text += &wrapped(&planned, "  ", "    ", width);
    if let Some(date) = &told.compared_with {
        text += &wrapped(&format!("compared with the nearest before it, of {date}"), "    ", "    ", width);
    }
    if !told.causes.is_empty() {
        text += "  because of\n";
        text += &lines(&told.causes, NAMED, "    ", width);
    }
    let took =
        told.milliseconds.filter(|took| *took > 0).map_or(String::new(), |took| format!(" in {}", duration(took)));
    let _ = writeln!(text, "  came to: {}{took}", told.outcome.unwrap_or("nothing yet"));
    if let Some(message) = &told.message {
        text += &wrapped(&plain(message.lines().next().unwrap_or_default()), "    ", "    ", width);
    }
    if let Some(reason) = told.reason.as_ref().filter(|reason| reason.reason == "changed") {
        text += &wrapped(&format!("what differed: {}", plain(&reason.text)), "  ", "    ", width);
        text += &compared(reason.compared_with.as_ref(), width);
    }
    text
}
