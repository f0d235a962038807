//! The end of a run: what came out of it, and what is told of it.
//!
//! Of what failed, the roots are told, each with the number of nodes that did not run because of it; those have no line.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::schedule::{Schedule, Stage};
use super::working::{Failed, Tally};
use super::{KeptGood, Order, Outcome};
use crate::event::{Counts, Event, Sink};
use crate::exceptions::Excuse;
use crate::graph::{Excepted, Graph, NodeId};
use crate::name::Kind;
use crate::plan::Instead;

/// Tells each failure that may not be, the one that keeps most from running last: that is where people look first.
pub fn tell_of_failures(ctx: &Context<'_>, graph: &Graph, schedule: &Schedule<'_>, tally: &Tally) {
    let count = |failed: &Failed| {
        let mut held = schedule.held_by(std::iter::once(failed.id).chain(failed.with.iter().copied()));
        held.extend(&failed.with);
        let builds = held.iter().filter(|id| graph.node(**id).kind() == Kind::Build).count();
        (held.len(), builds)
    };
    let mut failures: Vec<_> = tally.failures.iter().map(|failed| (count(failed), failed)).collect();
    failures.sort_by_key(|((not_run, builds), failed)| (*builds, *not_run, failed.id));
    for ((not_run, builds), failed) in failures {
        let (node, failure) = (graph.node(failed.id).name(), failed.failure.clone());
        (ctx.sink)(Event::RootFailure { node, not_run, builds, failure });
    }
}

/// Tells what follows from failures that are tolerated.
pub fn tell_of_tolerated(ctx: &Context<'_>, graph: &Graph, schedule: &Schedule<'_>, outcome: &Outcome) {
    let names = |ids: &BTreeSet<NodeId>| ids.iter().map(|id| graph.node(*id).name()).collect();
    for (id, by) in &outcome.held_up {
        let not_run = schedule.held_by(std::iter::once(*id)).len();
        (ctx.sink)(Event::NodeHeldUp { node: graph.node(*id).name(), by: names(by), not_run });
    }
    tell_of_skipped(ctx, graph, schedule, outcome);
    // What was ended has not failed: it is tried again by the next run.
    for (id, KeptGood { kept, never }) in outcome.kept.iter().filter(|_| !outcome.stopped) {
        let (node, kept) = (graph.node(*id).name(), names(&kept.keys().copied().collect()));
        (ctx.sink)(Event::KeptGood { node, kept, never: names(never) });
    }
    for (id, without) in &outcome.without {
        (ctx.sink)(Event::Incomplete { node: graph.node(*id).name(), without: names(without) });
    }
}

/// Tells, for each exception, what does not run because of it, and which exceptions nothing needs any more.
fn tell_of_skipped(ctx: &Context<'_>, graph: &Graph, schedule: &Schedule<'_>, outcome: &Outcome) {
    let mut by: BTreeMap<&Excuse, BTreeSet<NodeId>> = BTreeMap::new();
    for id in &outcome.skipped {
        if let Some(excuse) = ctx.excepted.skip(*id) {
            by.entry(excuse).or_default().insert(*id);
        }
    }
    for (excuse, own) in by {
        let held = schedule.held_by(own.iter().copied());
        let names = |ids: Vec<&NodeId>| ids.into_iter().map(|id| graph.node(*id).name()).collect();
        let (builds, rest): (Vec<&NodeId>, Vec<&NodeId>) =
            own.iter().partition(|id| graph.node(**id).kind() == Kind::Build);
        let with = rest.into_iter().chain(held.iter().filter(|id| outcome.skipped.contains(id))).collect();
        (ctx.sink)(Event::Skipped { excuse: excuse.clone(), builds: names(builds), with: names(with) });
    }
    tell_of_done(ctx.excepted, |id| outcome.settled.contains_key(&id), ctx.sink);
}

/// Tells which exceptions nothing needs any more, as all builds whose failure they expect are realised.
pub fn tell_of_done(excepted: &Excepted, is_realised: impl Fn(NodeId) -> bool, sink: &Sink<'_>) {
    for (excuse, builds) in excepted.done_with(is_realised) {
        let selector = excuse.exception.as_deref().unwrap_or_default();
        let what = match builds {
            1 => format!("the build of `{selector}` succeeds although it is"),
            builds => format!("all {builds} builds of `{selector}` succeed although they are"),
        };
        let text = format!("{what} expected to fail: take that back with `opb exceptions --remove {selector}`");
        sink(Event::Notice { text });
    }
}

/// What came out of a run, of which `looked_at` nodes were looked at.
pub fn outcome(
    graph: &Graph,
    order: &Order,
    schedule: &Schedule<'_>,
    tally: Tally,
    looked_at: usize,
    stopped: bool,
) -> Outcome {
    let mut settled = BTreeMap::new();
    let (mut held_up, mut incomplete, mut kept) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (mut blocked, mut not_run, mut skipped) = (Vec::new(), tally.stopped, BTreeSet::new());
    for id in graph.with_inputs(&order.wanted) {
        match (schedule.stage(id), schedule.key(id), schedule.outputs(id)) {
            (Stage::Settled | Stage::Done, Some(key), Some(outputs)) => {
                settled.insert(id, (key, outputs.clone()));
                let Instead { without, kept: own } = schedule.instead(id);
                let is_told = |input: &NodeId| !schedule.keeps_last_good(id) || schedule.is_excused(*input);
                let (without, never): (BTreeSet<NodeId>, BTreeSet<NodeId>) = without.into_iter().partition(is_told);
                if !without.is_empty() {
                    incomplete.insert(id, without);
                }
                if !own.is_empty() || !never.is_empty() {
                    kept.insert(id, KeptGood { kept: own, never });
                }
            }
            (Stage::Failed, ..) => {}
            _ if schedule.is_skipped(id) => drop(skipped.insert(id)),
            (stage, ..) => {
                not_run += 1;
                if stage == Stage::Blocked {
                    blocked.push(id);
                    let by: BTreeSet<NodeId> = schedule.tolerated_inputs(id).collect();
                    if !by.is_empty() && !schedule.is_excused(id) && graph.node(id).kind() != Kind::Repo {
                        held_up.insert(id, by);
                    }
                }
            }
        }
    }
    let failed = tally.failures.len() + tally.tolerated.len();
    let cut_off = order.expected.saturating_sub(tally.ran + tally.found + tally.fetched + failed + not_run);
    let counts = Counts {
        nodes: looked_at,
        clean: settled.len().saturating_sub(tally.ran + tally.fetched + cut_off),
        ran: tally.ran,
        builds: tally.builds,
        fetched: tally.fetched,
        cut_off,
        failed: tally.failures.len(),
        tolerated: tally.tolerated.len(),
        skipped: skipped.len(),
        not_run,
    };
    let Tally { failures, tolerated, .. } = tally;
    let failures = failures.into_iter().map(|Failed { id, cause, .. }| (id, cause)).collect();
    Outcome { counts, failures, tolerated, held_up, without: incomplete, kept, skipped, blocked, settled, stopped }
}
