//! A run in time as JSON: `version` (1), `run`, sums, and all nodes; the schema is `docs/schema/timings.json`.

use serde::Serialize;

use super::{Span, Timings};
use crate::name::Kind;
use crate::report::causes::date;

/// The version of the JSON form.
pub const TIMINGS_VERSION: u32 = 1;

#[derive(Serialize)]
struct Whole<'a> {
    version: u32,
    run: String,
    started: String,
    result: &'a str,
    milliseconds: u64,
    jobs: Option<usize>,
    lanes: usize,
    busy_milliseconds: u64,
    side_by_side: Vec<u64>,
    critical: Critical<'a>,
    nodes_without_times: usize,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Critical<'a> {
    milliseconds: u64,
    waited: u64,
    nodes: Vec<&'a str>,
}

#[derive(Serialize)]
struct Node<'a> {
    node: &'a str,
    kind: Option<&'a str>,
    outcome: &'a str,
    lane: usize,
    began: u64,
    ended: u64,
    ready: u64,
    waited: u64,
    after: Option<&'a str>,
    critical: bool,
}

/// A run in time as JSON.
pub fn json(timings: &Timings) -> String {
    let spans = &timings.spans;
    let (milliseconds, waited) = timings.on_critical();
    let nodes = timings.critical.iter().map(|place| spans[*place].node.as_str()).collect();
    let whole = Whole {
        version: TIMINGS_VERSION,
        run: timings.run.to_string(),
        started: date(timings.started),
        result: timings.result,
        milliseconds: timings.milliseconds,
        jobs: timings.jobs,
        lanes: timings.lanes,
        busy_milliseconds: timings.busy(),
        side_by_side: timings.side_by_side(),
        critical: Critical { milliseconds, waited, nodes },
        nodes_without_times: timings.unknown,
        nodes: spans.iter().map(|span| node(span, spans)).collect(),
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

fn node<'a>(span: &'a Span, spans: &'a [Span]) -> Node<'a> {
    Node {
        node: &span.node,
        kind: span.kind.map(Kind::as_str),
        outcome: span.outcome,
        lane: span.lane,
        began: span.began,
        ended: span.ended,
        ready: span.ready,
        waited: span.waited(),
        after: span.after.map(|after| spans[after].node.as_str()),
        critical: span.critical,
    }
}
