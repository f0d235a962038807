//! A plan as text for people: what would run and why, what depends on it, how much is clean.

use std::fmt::Write as _;

use super::count;
use crate::graph::{Graph, NodeId};
use crate::plan::{Plan, Planned, State, describe};

/// The plan, a line for each node that runs or may run, and one that counts.
pub fn text(graph: &Graph, plan: &Plan) -> String {
    let mut text = String::new();
    let width = plan
        .nodes
        .iter()
        .filter(|planned| planned.state != State::Clean)
        .map(|planned| name(graph, planned.node).len());
    let width = width.max().unwrap_or(0);
    for Planned { node, state, .. } in &plan.nodes {
        let name = name(graph, *node);
        let _ = match state {
            State::Clean => Ok(()),
            State::Runs(reason) => writeln!(text, "run      {name:width$}  {}", describe(reason, graph)),
            State::Depends(on) => writeln!(text, "depends  {name:width$}  on {}", names(graph, on)),
        };
    }
    format!("{text}{}\n", summary(plan))
}

/// `nothing to do: 24 nodes, all clean`, or how many run, depend and are clean.
pub fn summary(plan: &Plan) -> String {
    let (clean, runs, depends) = plan.counts();
    if runs + depends == 0 {
        return format!("nothing to do: {}, all clean", count(clean, "node"));
    }
    format!("{} will run, {depends} depend on what comes out, {clean} are clean", count(runs, "node"))
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
