//! From the record of a run to spans on lanes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Span, Timings};
use crate::name::NodeName;
use crate::report::runs::{outcome_word, result_word};
use crate::store::runs::{Run, RunOf, RunOutcome};

impl Timings {
    /// Of `run`, which goes on for `until` milliseconds if it does.
    pub fn of(run: &Run, until: u64) -> Self {
        let is_told = |node: &&RunOf| node.began_at.is_some();
        let last =
            run.nodes.iter().filter_map(|node| node.ended.as_ref().and_then(|ended| ended.at).max(node.began_at));
        let last = last.max().unwrap_or(0);
        let milliseconds = match &run.head.finished {
            Some(finished) => finished.milliseconds.max(last),
            None if run.head.live => until.max(last),
            None => last,
        };
        let mut spans: Vec<Span> = run.nodes.iter().filter(is_told).map(|node| span(run, node, milliseconds)).collect();
        spans.sort_by(|one, other| (one.began, one.ended, &one.node).cmp(&(other.began, other.ended, &other.node)));
        // Before the first one no job was missing.
        let first = spans.first().map_or(0, |span| span.began);
        spans.iter_mut().for_each(|span| span.ready = first);
        let places: BTreeMap<String, usize> =
            spans.iter().enumerate().map(|(place, span)| (span.node.clone(), place)).collect();
        for node in &run.nodes {
            let after = node.after.as_ref().and_then(|after| places.get(after)).copied();
            if let (Some(place), Some(after)) = (places.get(&node.node), after) {
                let ready = spans[after].ended;
                // A record may be damaged: nothing waits for what ended after it began.
                if ready <= spans[*place].began && after != *place {
                    (spans[*place].after, spans[*place].ready) = (Some(after), ready);
                }
            }
        }
        let lanes = give_lanes(&mut spans);
        let critical = critical(&spans);
        critical.iter().for_each(|place| spans[*place].critical = true);
        let unknown = run.nodes.iter().filter(|node| node.began && node.began_at.is_none()).count();
        let (head, started) = (&run.head, &run.head.started);
        let (run, result, jobs) = (head.id.clone(), result_word(head), started.jobs);
        Self { run, result, started: started.started, milliseconds, jobs, spans, unknown, lanes, critical }
    }
}

fn span(run: &Run, node: &RunOf, end: u64) -> Span {
    let began = node.began_at.unwrap_or(0);
    let outcome = run.outcome(node);
    Span {
        node: node.node.clone(),
        kind: node.node.parse::<NodeName>().ok().map(|name| name.kind),
        began,
        ended: node.ended.as_ref().and_then(|ended| ended.at).unwrap_or(end).max(began),
        outcome: outcome.map_or("running", outcome_word),
        failed: matches!(outcome, Some(RunOutcome::Failed | RunOutcome::Tolerated)),
        lane: 0,
        after: None,
        ready: 0,
        critical: false,
    }
}

/// Puts each span on the first lane that is free; how many there are.
fn give_lanes(spans: &mut [Span]) -> usize {
    let mut free_at: Vec<u64> = Vec::new();
    for span in spans {
        span.lane = free_at.iter().position(|free| *free <= span.began).unwrap_or(free_at.len());
        match free_at.get_mut(span.lane) {
            Some(free) => *free = span.ended,
            None => free_at.push(span.ended),
        }
    }
    free_at.len()
}

/// From the span that ended last back to one that was ready from the beginning.
fn critical(spans: &[Span]) -> Vec<usize> {
    let last = (0..spans.len()).max_by_key(|place| spans[*place].ended);
    let (mut path, mut seen) = (Vec::new(), BTreeSet::new());
    let mut next = last;
    // Each ended before the next began; in a damaged record, spans without any length could go round.
    while let Some(place) = next.filter(|place| seen.insert(*place)) {
        path.push(place);
        next = spans[place].after;
    }
    path.reverse();
    path
}
