//! A plan, as text for people and as JSON: what would run and why, what depends on it, how much is clean.
//!
//! A small plan is a line for each node. A large one is told by its root causes, since nobody reads a thousand lines.
//! JSON: `version` (1), `counts`, `causes`, and `nodes` without the clean ones; the schema is `docs/schema/plan.json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::causes::{CauseTold, ReasonTold, date, lines, totals};
use super::count;
use crate::graph::{Graph, NodeId};
use crate::plan::{Causes, Earlier, Plan, Planned, State, describe};

/// The version of the JSON form.
pub const PLAN_VERSION: u32 = 1;

/// The most nodes that are listed one by one unless all are wanted.
const MOST_LISTED: usize = 40;

/// How many of a cause's nodes are named.
const NAMED: usize = 3;

#[derive(Serialize)]
struct JsonPlan {
    version: u32,
    counts: JsonCounts,
    causes: Vec<CauseTold>,
    nodes: Vec<JsonNode>,
}

#[derive(Serialize)]
struct JsonCounts {
    clean: usize,
    runs: usize,
    depends: usize,
    roots: usize,
    dragged: usize,
}

#[derive(Serialize)]
struct JsonNode {
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
}

/// The plan: a line for each node that runs or may run where they are few or `all` are wanted, else one for each root
/// cause; and one that counts.
pub fn text(graph: &Graph, plan: &Plan, causes: &Causes, all: bool, width: usize) -> String {
    let (_, runs, depends) = plan.counts();
    if all || runs + depends <= MOST_LISTED {
        return format!("{}{}\n", listed(graph, plan), summary(plan));
    }
    let told: Vec<CauseTold> = causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect();
    let mut text = lines(&told, NAMED, "", width);
    let _ = writeln!(text, "{}; `--all` lists every node", totals(causes.roots, causes.dragged));
    format!("{text}{}\n", summary(plan))
}

/// The plan as JSON.
pub fn json(graph: &Graph, plan: &Plan, causes: &Causes) -> String {
    let (clean, runs, depends) = plan.counts();
    let from = |_: &Earlier| None;
    let nodes = plan.nodes.iter().filter_map(|planned| {
        let (state, reason, on) = match &planned.state {
            State::Clean => return None,
            State::Runs(reason) => ("runs", Some(ReasonTold::new(reason, graph, &from)), Vec::new()),
            State::Depends(on) => ("depends", None, on.iter().map(|id| name(graph, *id)).collect()),
        };
        let node = name(graph, planned.node);
        Some(JsonNode {
            node,
            state,
            reason,
            depends_on: on,
            causes: causes.of(planned.node),
            failed: plan.failed.get(&planned.node).copied(),
        })
    });
    let whole = JsonPlan {
        version: PLAN_VERSION,
        counts: JsonCounts { clean, runs, depends, roots: causes.roots, dragged: causes.dragged },
        causes: causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect(),
        nodes: nodes.collect(),
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

fn listed(graph: &Graph, plan: &Plan) -> String {
    let mut text = String::new();
    let dirty = || plan.nodes.iter().filter(|planned| planned.state != State::Clean);
    let width = dirty().map(|planned| graph.node(planned.node).name_length()).max().unwrap_or(0);
    for Planned { node, state, .. } in dirty() {
        let name = name(graph, *node);
        let _ = match state {
            State::Clean => Ok(()),
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

/// `nothing to do: 24 nodes, all clean`, or how many run, depend and are clean.
pub fn summary(plan: &Plan) -> String {
    let (clean, runs, depends) = plan.counts();
    if runs + depends == 0 {
        return format!("nothing to do: {}, all clean", count(clean, "node"));
    }
    let failed = match plan.failed.len() {
        0 => String::new(),
        failed => format!(" {failed} failed before (`--retry-failed` tries them again),"),
    };
    let will_run = count(runs - plan.failed.len(), "node");
    format!("{will_run} will run,{failed} {depends} depend on what comes out, {clean} are clean")
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
