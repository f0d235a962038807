//! Runs on record: a table of them, one of them in full, and the same as JSON.
//!
//! JSON: `version` (1) and `runs`, or `run` with `causes` and `nodes`; the schema is `docs/schema/runs.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::causes::{CauseTold, date, lines, totals};
use super::{Side, columns, count, duration, plain, wrapped};
use crate::drv::Outputs;
use crate::exceptions::Excuse;
use crate::plan::Change;
use crate::store::runs::{Run, RunCause, RunChange, RunEnd, RunHead, RunOf, RunOutcome, RunState};

/// The version of the JSON form.
pub const RUNS_VERSION: u32 = 1;

/// How many nodes of a run are listed unless all are wanted.
const MOST_NODES: usize = 40;

/// How many of a cause's nodes are named.
const NAMED: usize = 3;

#[derive(Serialize)]
struct JsonRuns {
    version: u32,
    runs: Vec<JsonHead>,
}

#[derive(Serialize)]
struct JsonRun {
    version: u32,
    run: JsonHead,
    damaged_lines: usize,
    causes: Vec<CauseTold>,
    nodes: Vec<JsonNode>,
}

#[derive(Serialize)]
struct JsonHead {
    id: String,
    started: String,
    ended: Option<String>,
    milliseconds: Option<u64>,
    result: &'static str,
    message: Option<String>,
    project: String,
    host: String,
    opb: String,
    recipes: String,
    lock: String,
    selection: Vec<String>,
    again: bool,
    only: bool,
    planned: JsonPlanned,
    jobs: Option<usize>,
    counts: Option<JsonCounts>,
}

#[derive(Serialize)]
struct JsonPlanned {
    nodes: usize,
    clean: usize,
    runs: usize,
    depends: usize,
}

#[derive(Serialize)]
struct JsonCounts {
    ran: usize,
    builds: usize,
    cut_off: usize,
    failed: usize,
    tolerated: usize,
    skipped: usize,
    not_run: usize,
}

#[derive(Serialize)]
struct JsonNode {
    node: String,
    derivation: Option<String>,
    state: Option<String>,
    reason: Option<String>,
    causes: Vec<usize>,
    outcome: Option<&'static str>,
    key: Option<String>,
    outputs: Outputs,
    milliseconds: Option<u64>,
    began_at: Option<u64>,
    ended_at: Option<u64>,
    after: Option<String>,
    tries: Option<usize>,
    message: Option<String>,
    log: Option<String>,
    without: Vec<String>,
    kept: Vec<String>,
    never: Vec<String>,
    excuse: Option<Excuse>,
}

/// Runs as a table, a line each.
pub fn table(heads: &[RunHead]) -> String {
    let rows = heads.iter().map(|head| {
        let took = head.finished.as_ref().map_or_else(String::new, |finished| duration(finished.milliseconds));
        [head.id.to_string(), result_word(head).to_owned(), took, came_to(head), asked(head)]
    });
    let title = ["RUN", "RESULT", "TOOK", "NODES", "ASKED FOR"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(title).chain(rows).collect();
    columns(&rows, [Side::Left; 5])
}

/// Runs as JSON.
pub fn json(heads: &[RunHead]) -> String {
    let whole = JsonRuns { version: RUNS_VERSION, runs: heads.iter().map(json_head).collect() };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

/// One run as text: how it went, its causes, what its nodes came to.
pub fn text(run: &Run, all: bool, width: usize) -> String {
    let head = &run.head;
    let mut text = format!("run {}: {}\n", head.id, result_word(head));
    let took =
        head.finished.as_ref().map_or_else(String::new, |done| format!(", took {}", duration(done.milliseconds)));
    let _ = writeln!(text, "  started {} on {}{took}", date(head.started.started), plain(&head.started.host));
    text += &wrapped(&format!("asked for {}", asked(head)), "  ", "    ", width);
    let start = &head.started;
    let (runs, depends, clean) = (start.runs, start.depends, start.clean);
    let _ = writeln!(text, "  planned {runs} to run, {depends} to depend on what comes out, {clean} clean");
    if head.finished.is_some() {
        let _ = writeln!(text, "  came to {}", came_to(head));
    }
    if let Some(message) = head.finished.as_ref().and_then(|finished| finished.message.as_ref()) {
        text += &wrapped(&format!("could not go on: {}", plain(message)), "  ", "    ", width);
    }
    if run.damaged > 0 {
        let _ = writeln!(text, "  {} of its record cannot be read", count(run.damaged, "line"));
    }
    if !run.causes.is_empty() {
        let roots = run.causes.iter().map(|cause| cause.roots).sum();
        let dragged = (start.runs + start.depends).saturating_sub(roots);
        let _ = writeln!(text, "because of {}", totals(roots, dragged));
        let causes: Vec<CauseTold> = run.causes.iter().map(cause_of).collect();
        text += &lines(&causes, NAMED, "  ", width);
    }
    // What failed is never among those that are left out.
    let mut shown: Vec<&RunOf> = run.nodes.iter().filter(|node| all || is_told(run, node)).collect();
    let left = if all { 0 } else { shown.len().saturating_sub(MOST_NODES) };
    if left > 0 {
        shown.sort_by_key(|node| (!is_failed(run, node), position(run, &node.node)));
        shown.truncate(MOST_NODES);
    }
    if !run.nodes.is_empty() {
        text += "nodes\n";
    }
    for node in shown {
        let word = run.outcome(node).map_or(if node.began { "running" } else { "waiting" }, outcome_word);
        let _ = write!(text, "  {word:<11} {}", plain(&node.node));
        if let Some(ended) = node.ended.as_ref().filter(|ended| ended.milliseconds > 0) {
            let _ = write!(text, "  {}", duration(ended.milliseconds));
        }
        if let Some(ended) = node.ended.as_ref().filter(|ended| ended.tries > 1) {
            let _ = write!(text, "  tried {} times", ended.tries);
        }
        text.push('\n');
        let lists = [
            ("without ", &node.without, ""),
            ("with the earlier packages of ", &node.kept, ""),
            ("without ", &node.never, ", of which it never had any"),
        ];
        for (before, nodes, behind) in lists.into_iter().filter(|(_, nodes, _)| !nodes.is_empty()) {
            text += &wrapped(&plain(&format!("{before}{}{behind}", nodes.join(", "))), "    ", "    ", width);
        }
        if let Some(excuse) = node.ended.as_ref().and_then(|ended| ended.excuse.as_ref()) {
            text += &wrapped(&plain(&excused(excuse)), "    ", "    ", width);
        }
        if let Some(message) = node.ended.as_ref().and_then(|ended| ended.message.as_ref()) {
            text += &wrapped(&plain(message.lines().next().unwrap_or_default()), "    ", "    ", width);
        }
    }
    if !all {
        let mut without: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in run.nodes.iter().filter(|node| !is_told(run, node)).filter_map(|node| run.outcome(node)) {
            *without.entry(outcome_word(outcome)).or_default() += 1;
        }
        for (word, number) in without {
            let _ = writeln!(text, "  {word:<11} {}", count(number, "node"));
        }
    }
    if left > 0 {
        let _ = writeln!(text, "  and {left} more: `opb runs {} --all` lists them", head.id);
    }
    text
}

/// One run as JSON.
pub fn json_of(run: &Run) -> String {
    let whole = JsonRun {
        version: RUNS_VERSION,
        run: json_head(&run.head),
        damaged_lines: run.damaged,
        causes: run.causes.iter().map(cause_of).collect(),
        nodes: run.nodes.iter().map(|node| json_node(run, node)).collect(),
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

/// A cause on record, as others are told.
pub fn cause_of(cause: &RunCause) -> CauseTold {
    CauseTold {
        theme: cause.theme.clone(),
        text: cause.text.clone(),
        changes: cause.changes.iter().map(change_of).collect(),
        roots: cause.roots,
        nodes: cause.first.clone(),
        dragged: cause.dragged,
        builds: cause.builds,
    }
}

/// What a node came to, in a word.
pub fn outcome_word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Built => "built",
        RunOutcome::Identical => "identical",
        RunOutcome::Kept => "kept",
        RunOutcome::Found => "found",
        RunOutcome::Fetched => "fetched",
        RunOutcome::CutOff => "cut-off",
        RunOutcome::Failed => "failed",
        RunOutcome::Tolerated => "tolerated",
        RunOutcome::Skipped => "skipped",
        RunOutcome::Stopped => "stopped",
        RunOutcome::Blocked => "blocked",
        RunOutcome::NotReached => "not-reached",
        RunOutcome::Killed => "killed",
    }
}

fn change_of(change: &RunChange) -> Change {
    Change { field: change.field.clone(), before: change.before.clone(), now: change.now.clone() }
}

fn is_failed(run: &Run, node: &RunOf) -> bool {
    matches!(run.outcome(node), Some(RunOutcome::Failed | RunOutcome::Tolerated))
}

/// Whether a node is listed without being asked for: what did not run is told by its count, but for builds that are skipped.
fn is_told(run: &Run, node: &RunOf) -> bool {
    [&node.without, &node.kept, &node.never].into_iter().any(|nodes| !nodes.is_empty())
        || match run.outcome(node) {
            Some(RunOutcome::CutOff | RunOutcome::Blocked | RunOutcome::NotReached) => false,
            Some(RunOutcome::Skipped) => node.node.starts_with("build:"),
            _ => true,
        }
}

fn position(run: &Run, node: &str) -> usize {
    run.place(node).unwrap_or(usize::MAX)
}

/// Why something may be as it is, and who says so.
fn excused(excuse: &Excuse) -> String {
    match &excuse.exception {
        Some(selector) => format!("exception `{selector}` {excuse}"),
        None => format!("`may_fail` {excuse}"),
    }
}

/// How a run ended, in a word.
pub fn result_word(head: &RunHead) -> &'static str {
    match head.state() {
        RunState::Ended(RunEnd::Done) => "done",
        RunState::Ended(RunEnd::Failed) => "failed",
        RunState::Ended(RunEnd::Stopped) => "stopped",
        RunState::Ended(RunEnd::Error) => "error",
        RunState::Running => "running",
        RunState::Killed => "killed",
    }
}

fn came_to(head: &RunHead) -> String {
    let Some(finished) = &head.finished else {
        return format!("{} planned", head.started.runs + head.started.depends);
    };
    let counts = finished.counts;
    let mut parts = vec![format!("{} ran", counts.ran)];
    let others = [
        (counts.builds, "builds"),
        (counts.fetched, "fetched"),
        (counts.cut_off, "cut off"),
        (counts.failed, "failed"),
        (counts.tolerated, "failed as they may"),
        (counts.skipped, "skipped"),
        (counts.not_run, "not run"),
    ];
    parts.extend(others.into_iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")));
    parts.join(", ")
}

fn asked(head: &RunHead) -> String {
    let started = &head.started;
    let mut words = if started.selection.is_empty() {
        "everything".to_owned()
    } else {
        started.selection.iter().map(|selector| plain(selector)).collect::<Vec<_>>().join(" ")
    };
    for (flag, word) in [(started.again, " --again"), (started.only, " --only")] {
        if flag {
            words += word;
        }
    }
    words
}

fn json_head(head: &RunHead) -> JsonHead {
    let (started, finished) = (&head.started, head.finished.as_ref());
    JsonHead {
        id: head.id.to_string(),
        started: date(started.started),
        ended: finished.map(|finished| date(finished.ended)),
        milliseconds: finished.map(|finished| finished.milliseconds),
        result: result_word(head),
        message: finished.and_then(|finished| finished.message.clone()),
        project: started.project.clone(),
        host: started.host.clone(),
        opb: started.version.clone(),
        recipes: started.recipes.to_string(),
        lock: started.lock.to_string(),
        selection: started.selection.clone(),
        again: started.again,
        only: started.only,
        planned: JsonPlanned {
            nodes: started.nodes,
            clean: started.clean,
            runs: started.runs,
            depends: started.depends,
        },
        jobs: started.jobs,
        counts: finished.map(|finished| {
            let counts = finished.counts;
            let (ran, builds, cut_off) = (counts.ran, counts.builds, counts.cut_off);
            let (failed, tolerated, not_run) = (counts.failed, counts.tolerated, counts.not_run);
            JsonCounts { ran, builds, cut_off, failed, tolerated, skipped: counts.skipped, not_run }
        }),
    }
}

fn json_node(run: &Run, node: &RunOf) -> JsonNode {
    let (planned, ended) = (node.planned.as_ref(), node.ended.as_ref());
    JsonNode {
        node: node.node.clone(),
        derivation: planned.map(|planned| planned.derivation.to_string()),
        state: planned.map(|planned| planned.state.clone()),
        reason: planned.and_then(|planned| planned.reason.clone()),
        causes: planned.map_or_else(Vec::new, |planned| planned.causes.clone()),
        outcome: run.outcome(node).map(outcome_word),
        key: ended.and_then(|ended| ended.key).map(|key| key.to_string()),
        outputs: ended.map_or_else(Outputs::new, |ended| ended.outputs.clone()),
        milliseconds: ended.map(|ended| ended.milliseconds),
        began_at: node.began_at,
        ended_at: ended.and_then(|ended| ended.at),
        after: node.after.clone(),
        tries: ended.map(|ended| ended.tries).filter(|tries| *tries > 1),
        message: ended.and_then(|ended| ended.message.clone()),
        log: ended.and_then(|ended| ended.log).map(|log| log.to_string()),
        without: node.without.clone(),
        kept: node.kept.clone(),
        never: node.never.clone(),
        excuse: ended.and_then(|ended| ended.excuse.clone()),
    }
}
