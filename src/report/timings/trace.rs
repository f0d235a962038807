//! A run in time as a trace: the JSON object format of the Trace Event Format, which `chrome://tracing` and Perfetto read.
//!
//! A lane is a thread, a node a complete event on it. Arrows (flow events) lead from a node to those that its end made ready, and
//! a counter says how many ran. Times are microseconds.

use serde_json::{Value, json};

use super::{Timings, text};
use crate::name::Kind;

/// The process that all is in.
const PROCESS: u32 = 1;

/// The trace, one event a line.
pub fn chrome(timings: &Timings) -> String {
    let mut events = vec![
        json!({ "ph": "M", "name": "process_name", "pid": PROCESS, "tid": 0, "args": { "name": text::heading(timings) } }),
    ];
    for lane in 1..=timings.lanes {
        let name = json!({ "name": format!("lane {lane}") });
        events.push(json!({ "ph": "M", "name": "thread_name", "pid": PROCESS, "tid": lane, "args": name }));
    }
    for (place, span) in timings.spans.iter().enumerate() {
        let kind = span.kind.map_or("other", Kind::as_str);
        let after = span.after.map(|after| &timings.spans[after]);
        events.push(json!({
            "ph": "X", "name": span.node, "cat": kind, "pid": PROCESS, "tid": span.lane + 1,
            "ts": micros(span.began), "dur": micros(span.milliseconds()),
            "args": {
                "outcome": span.outcome, "critical": span.critical, "waited_milliseconds": span.waited(),
                "after": after.map(|after| after.node.as_str()),
            },
        }));
        if let Some(after) = after {
            // A flow begins inside of its slice, so not at the very end.
            let from = micros(after.ended).saturating_sub(1).max(micros(after.began));
            let flow = |ph: &str, lane: usize, at: u64| json!({ "ph": ph, "name": "made ready", "cat": "ready", "id": place, "pid": PROCESS, "tid": lane + 1, "ts": at });
            events.push(flow("s", after.lane, from));
            let mut end = flow("f", span.lane, micros(span.began));
            end["bp"] = "e".into();
            events.push(end);
        }
    }
    events.extend(counter(timings));
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let about = json!({ "run": timings.run.to_string(), "result": timings.result, "jobs": timings.jobs });
    format!("{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// How many nodes ran, each time that this changed.
fn counter(timings: &Timings) -> impl Iterator<Item = Value> {
    let mut changes: Vec<(u64, i64)> = Vec::new();
    for span in &timings.spans {
        changes.extend([(span.began, 1), (span.ended, -1)]);
    }
    changes.sort_unstable();
    let mut running = 0;
    let mut last = None;
    let mut counts: Vec<(u64, i64)> = Vec::new();
    for (at, change) in changes {
        running += change;
        if last == Some(at) {
            counts.pop();
        }
        counts.push((at, running));
        last = Some(at);
    }
    counts.into_iter().map(|(at, running)| {
        json!({ "ph": "C", "name": "nodes that run", "pid": PROCESS, "tid": 0, "ts": micros(at), "args": { "nodes": running } })
    })
}

fn micros(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000)
}
