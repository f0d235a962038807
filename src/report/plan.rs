//! A plan, as text for people and as JSON: what would run and why, what depends on it, how much is clean.
//!
//! A small plan is a line for each node. A large one is told by its root causes, since nobody reads a thousand lines.
//! JSON: `version` (1), `counts`, `causes`, and `nodes` without the clean ones; the schema is `docs/schema/plan.json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::causes::{CauseTold, ReasonTold, date, lines, totals};
use super::foreign::foreign;
use super::{count, duration, plain, size};
use crate::event::Foreign;
use crate::exceptions::Excuse;
use crate::graph::{Excepted, Graph, NodeId};
use crate::name::Kind;
use crate::plan::{Causes, Earlier, Expected, Plan, Planned, State, describe};

/// The version of the JSON form.
pub const PLAN_VERSION: u32 = 1;

/// The most nodes that are listed one by one unless all are wanted.
const MOST_LISTED: usize = 40;

/// How many of a cause's nodes are named.
const NAMED: usize = 3;

#[derive(Serialize)]
struct JsonPlan<'a> {
    version: u32,
    counts: JsonCounts,
    causes: Vec<CauseTold>,
    foreign: &'a [Foreign],
    nodes: Vec<JsonNode<'a>>,
}

#[derive(Serialize)]
struct JsonCounts {
    clean: usize,
    runs: usize,
    depends: usize,
    skipped: usize,
    roots: usize,
    dragged: usize,
}

#[derive(Serialize)]
struct JsonNode<'a> {
    node: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonTold>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
    causes: Vec<usize>,
    /// When it failed as it is, in seconds since 1970: it is not tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<i64>,
    /// Why it does not run, where an exception says so of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<&'a Excuse>,
}

/// The plan: a line for each node that runs or may run where they are few or `all` are wanted, else one for each root
/// cause; and one that counts. Behind it what is of a foreign arch.
pub fn text(
    (graph, excepted): (&Graph, &Excepted),
    plan: &Plan,
    causes: &Causes,
    foreign: &[Foreign],
    (all, width): (bool, usize),
) -> String {
    let last: String = foreign.iter().map(|told| format!("{}\n", self::foreign(told))).collect();
    let last = format!("{}\n{last}", summary(plan));
    let (_, runs, depends) = plan.counts();
    let is_listed = all || runs + depends <= MOST_LISTED;
    let skipped = told_of_skipped(graph, plan, all);
    let length = |id: NodeId| graph.node(id).name_length();
    let dirty = plan.nodes.iter().filter(|planned| is_listed && planned.may_run()).map(|planned| planned.node);
    let name_width = dirty.chain(skipped.iter().copied()).map(length).max().unwrap_or(0);
    let skipped = self::skipped((graph, excepted), plan, &skipped, all, name_width);
    if is_listed {
        return format!("{}{skipped}{last}", listed(graph, plan, name_width));
    }
    let told: Vec<CauseTold> = causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect();
    let mut text = lines(&told, NAMED, "", width);
    let _ = writeln!(text, "{}; `--all` lists every node", totals(causes.roots, causes.dragged));
    format!("{text}{skipped}{last}")
}

/// The plan as JSON.
pub fn json((graph, excepted): (&Graph, &Excepted), plan: &Plan, causes: &Causes, foreign: &[Foreign]) -> String {
    let (clean, runs, depends) = plan.counts();
    let from = |_: &Earlier| None;
    let nodes = plan.nodes.iter().filter_map(|planned| {
        let (state, reason, on) = match &planned.state {
            State::Clean => return None,
            State::Runs(reason) => ("runs", Some(ReasonTold::new(reason, graph, &from)), Vec::new()),
            State::Depends(on) => ("depends", None, on.iter().map(|id| name(graph, *id)).collect()),
            State::Skipped(on) => ("skipped", None, on.iter().map(|id| name(graph, *id)).collect()),
        };
        let skip = if planned.is_skipped() { excepted.skip(planned.node) } else { None };
        let node = name(graph, planned.node);
        Some(JsonNode {
            node,
            state,
            reason,
            depends_on: on,
            causes: causes.of(planned.node),
            failed: plan.failed.get(&planned.node).copied(),
            skip,
        })
    });
    let whole = JsonPlan {
        version: PLAN_VERSION,
        counts: JsonCounts {
            clean,
            runs,
            depends,
            skipped: plan.skipped().count(),
            roots: causes.roots,
            dragged: causes.dragged,
        },
        causes: causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect(),
        foreign,
        nodes: nodes.collect(),
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

fn listed(graph: &Graph, plan: &Plan, width: usize) -> String {
    let mut text = String::new();
    for Planned { node, state, .. } in &plan.nodes {
        let name = name(graph, *node);
        let _ = match state {
            State::Clean | State::Skipped(_) => Ok(()),
            State::Runs(_) if plan.failed.contains_key(node) => {
                let since = date(plan.failed[node]);
                writeln!(text, "failed   {name:width$}  on {since}, and nothing changed since: not tried again")
            }
            State::Runs(reason) => writeln!(text, "run      {name:width$}  {}", describe(reason, graph)),
            State::Depends(on) => writeln!(text, "depends  {name:width$}  on {}", names(graph, on)),
        };
    }
    text
}

/// The nodes that are skipped and have a line: builds and repositories, with `all` every one.
fn told_of_skipped(graph: &Graph, plan: &Plan, all: bool) -> Vec<NodeId> {
    let is_told = |id: &NodeId| all || matches!(graph.node(*id).kind(), Kind::Build | Kind::Repo);
    plan.skipped().filter(is_told).collect()
}

/// A line for each of `told`, or where these are many and not `all` are wanted, one for all of them.
fn skipped((graph, excepted): (&Graph, &Excepted), plan: &Plan, told: &[NodeId], all: bool, width: usize) -> String {
    if told.len() > MOST_LISTED && !all {
        return format!("skip     {}, as exceptions say; `--all` lists them\n", count(told.len(), "node"));
    }
    let line = |id: &NodeId| {
        let name = name(graph, *id);
        let why = match (excepted.skip(*id), plan.of(*id).map(|planned| &planned.state)) {
            (Some(excuse), _) => plain(&excuse.to_string()),
            (None, Some(State::Skipped(on))) => format!("with {}", names(graph, on)),
            (None, _) => String::new(),
        };
        format!("skip     {name:width$}  {why}\n")
    };
    told.iter().map(line).collect()
}

/// `nothing to do: 24 nodes, all clean`, or how many run, depend and are clean.
pub fn summary(plan: &Plan) -> String {
    let (clean, runs, depends) = plan.counts();
    let skipped = plan.skipped().count();
    if runs + depends == 0 && skipped == 0 {
        return format!("nothing to do: {}, all clean", count(clean, "node"));
    }
    if runs + depends == 0 {
        return format!("nothing to do: {} clean, {skipped} skipped", count(clean, "node"));
    }
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} are skipped") };
    let failed = match plan.failed.len() {
        0 => String::new(),
        failed => format!(" {failed} failed before (`--retry-failed` tries them again),"),
    };
    let will_run = count(runs - plan.failed.len(), "node");
    format!("{will_run} will run,{failed} {depends} depend on what comes out, {clean} are clean{skipped}")
}

/// What a run is going to take: empty where nothing would run.
pub fn expected(expected: &Expected) -> String {
    let Expected { time, jobs, guessed, scratch, stays, unsized_nodes } = *expected;
    if time.nodes == 0 {
        return String::new();
    }
    let guess = |count: usize, of: &str| match count {
        0 => String::new(),
        count => format!("; of {} it is a guess, as no {of} is on record", super::count(count, "node")),
    };
    let (wall, work, chain) = (duration(time.wall), duration(time.work), duration(time.chain));
    let jobs = count(jobs, "job");
    let mut text = format!(
        "would take about {wall} with {jobs} (all nodes {work}, the longest chain {chain}){}\n",
        guess(guessed, "time")
    );
    let unknown = match unsized_nodes {
        0 => String::new(),
        count => format!(
            ", and what {} of which nothing is on record",
            super::count(count, "node") + if count == 1 { " takes" } else { " take" }
        ),
    };
    let _ = writeln!(
        text,
        "would need about {} of the disk while it runs, and {} for good{unknown}",
        size(scratch),
        size(stays)
    );
    text
}

fn name(graph: &Graph, id: NodeId) -> String {
    graph.node(id).to_string()
}

fn names(graph: &Graph, ids: &[NodeId]) -> String {
    let mut shown: Vec<String> = ids.iter().take(3).map(|id| name(graph, *id)).collect();
    if ids.len() > 3 {
        shown.push(format!("{} more", ids.len() - 3));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Forecast;

    #[test]
    fn what_a_run_takes_is_told_with_how_sure_that_is() {
        let time = Forecast { nodes: 12, wall: 250_000, work: 470_000, chain: 180_000 };
        let sure = Expected { time, jobs: 2, guessed: 0, scratch: 310_000_000, stays: 45_000_000, unsized_nodes: 0 };
        let told = [
            sure,
            Expected { jobs: 1, guessed: 3, unsized_nodes: 1, ..sure },
            Expected { guessed: 1, unsized_nodes: 4, ..sure },
            Expected { time: Forecast::default(), ..sure },
        ];
        insta::assert_snapshot!(told.iter().map(expected).collect::<Vec<_>>().join("\n"), @r"
        would take about 4 min 10 s with 2 jobs (all nodes 7 min 50 s, the longest chain 3 min 0 s)
        would need about 310.0 MB of the disk while it runs, and 45.0 MB for good

        would take about 4 min 10 s with 1 job (all nodes 7 min 50 s, the longest chain 3 min 0 s); of 3 nodes it is a guess, as no time is on record
        would need about 310.0 MB of the disk while it runs, and 45.0 MB for good, and what 1 node takes of which nothing is on record

        would take about 4 min 10 s with 2 jobs (all nodes 7 min 50 s, the longest chain 3 min 0 s); of 1 node it is a guess, as no time is on record
        would need about 310.0 MB of the disk while it runs, and 45.0 MB for good, and what 4 nodes take of which nothing is on record
        ");
    }
}
