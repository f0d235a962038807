//! Execution: runs what is dirty, in parallel, and registers what comes out.
//!
//! ```text
//! schedule ──ready node──► a thread of the pool ──► the runner of its kind ──► outputs in the store
//!    ▲  (one thread)                                                             │
//!    └──────────── settled: key and outputs ◄── realisation recorded ◄───────────┘
//! ```
//!
//! The schedule belongs to the calling thread; workers only send it messages. Nothing is printed: what happens goes out
//! as events.

mod archives;
mod context;
mod elsewhere;
mod error;
pub mod fetching;
mod guest;
mod knowledge;
mod laid;
mod node;
mod numbering;
mod packages;
mod probing;
mod repository;
mod resolving;
mod roots;
mod schedule;
mod scripts;
mod sources;
mod space;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::Instant;

pub use archives::{ArchiveFile, Archives, Pooled};
pub use context::{Context, Job};
pub use elsewhere::{Asked, Brought, Elsewhere, Known, Other, keep_other, settle_owed};
pub use error::{NodeError, told};
pub use guest::{clean, root_env};
pub use knowledge::{StoreKnowledge, history, root_owner, same_to_readers, walked};
pub use numbering::{Numbered, number_of};
pub use repository::{read_listing, settings_of};
pub use roots::layers;
use schedule::{Schedule, Stage};

use crate::diag::{Cause, Failure};
use crate::drv::{ActionKey, Outputs};
use crate::event::{Counts, Done, Event, KnownFailure};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;

/// What a run is to do.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Nodes to settle, with all that they need.
    pub wanted: Vec<NodeId>,
    /// Nodes that run although they are realised.
    pub again: Vec<NodeId>,
    /// Whether nodes that failed before as they are now are tried again.
    pub retry_failed: bool,
    /// Nodes whose bytes are to be here afterwards.
    pub here: Vec<NodeId>,
    /// Nodes that run at once, at least one.
    pub jobs: usize,
    /// Start nothing new once a node has failed.
    pub fail_fast: bool,
    /// How many nodes a plan expects to run or to depend on others.
    pub expected: usize,
}

/// What came out of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// In numbers.
    pub counts: Counts,
    /// The nodes that failed and may not, and whose fault each was.
    pub failures: Vec<(NodeId, Cause)>,
    /// The nodes that failed as they may.
    pub tolerated: Vec<NodeId>,
    /// Those of the blocked that read one that failed as it may, but may not fail themselves, each with what it reads.
    pub held_up: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// Repositories that were assembled without some of their inputs, each with those.
    pub without: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// The nodes that did not run because something that they need failed.
    pub blocked: Vec<NodeId>,
    /// Keys and outputs of the settled nodes.
    pub settled: BTreeMap<NodeId, (ActionKey, Outputs)>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// What a worker tells the schedule.
struct Message {
    node: NodeId,
    /// `None` where it only was to fetch its bytes, and nobody has them.
    result: Result<Option<node::Ran>, Failure>,
    milliseconds: u64,
}

/// Runs `order`.
///
/// # Errors
/// Where the store cannot be read, or no threads be had. What goes wrong with a node is an [`Outcome`].
pub fn run(graph: &Graph, order: &Order, ctx: &Context<'_>) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let knows = StoreKnowledge::new(ctx.store)?.holding().asking(ctx.elsewhere);
    let mut schedule = Schedule::new(graph, &order.wanted, &order.again, |id| usual_milliseconds(graph, id));
    let holding = graph.known_failures().filter(|(_, may_fail)| may_fail.holds(&ctx.today));
    schedule.may_fail(holding.map(|(id, _)| id).collect());
    if ctx.elsewhere.is_some() {
        schedule.fetch_first();
    }
    for id in &order.here {
        schedule.want_bytes(*id);
    }
    let looked_at = graph.with_inputs(&order.wanted).len();
    (ctx.sink)(Event::RunStarted { nodes: looked_at, will_run: order.expected });
    let mut tally = Tally::default();
    schedule.pump(&knows)?;
    loop {
        if want_owed(order, ctx, &mut schedule) {
            schedule.pump(&knows)?;
        }
        // Threads are not started for a run that has nothing to do, as most runs.
        if !schedule.has_ready() || ctx.stopped() || (order.fail_fast && !tally.failures.is_empty()) {
            break;
        }
        work_off(graph, order, ctx, &knows, &mut schedule, &mut tally)?;
    }
    let outcome = outcome(graph, order, &schedule, tally, looked_at, ctx.stopped());
    tell_of_tolerated(ctx, graph, &outcome);
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    (ctx.sink)(Event::RunFinished { counts: outcome.counts, milliseconds });
    Ok(outcome)
}

/// Tells what follows from failures that are tolerated.
fn tell_of_tolerated(ctx: &Context<'_>, graph: &Graph, outcome: &Outcome) {
    let names = |ids: &BTreeSet<NodeId>| ids.iter().map(|id| graph.node(*id).name()).collect();
    for (id, by) in &outcome.held_up {
        (ctx.sink)(Event::NodeHeldUp { node: graph.node(*id).name(), by: names(by) });
    }
    for (id, without) in &outcome.without {
        (ctx.sink)(Event::Incomplete { node: graph.node(*id).name(), without: names(without) });
    }
}

/// Wants the bytes of what was asked for by name and is known from elsewhere; whether there is any.
fn want_owed(order: &Order, ctx: &Context<'_>, schedule: &mut Schedule<'_>) -> bool {
    let owed = if ctx.elsewhere.is_some() { ctx.store.owed() } else { BTreeSet::new() };
    let is_owed =
        |id: &NodeId| schedule.stage(*id) == Stage::Settled && schedule.key(*id).is_some_and(|key| owed.contains(&key));
    let wanted: Vec<NodeId> =
        if owed.is_empty() { Vec::new() } else { order.wanted.iter().copied().filter(is_owed).collect() };
    wanted.iter().for_each(|id| schedule.want_bytes(*id));
    !wanted.is_empty()
}

/// Runs what is ready, and what becomes ready through that, until nothing is.
fn work_off(
    graph: &Graph,
    order: &Order,
    ctx: &Context<'_>,
    knows: &StoreKnowledge<'_>,
    schedule: &mut Schedule<'_>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(order.jobs.max(1));
    let pool = threads.build().map_err(|error| NodeError::File {
        doing: "start threads for",
        path: "the run".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let (sender, messages) = mpsc::channel::<Message>();
    pool.in_place_scope(|scope| -> Result<(), Failure> {
        let mut running: BTreeMap<NodeId, u64> = BTreeMap::new();
        // Ready, but there is no space for them yet.
        let mut parked: Vec<(Job<'_>, u64)> = Vec::new();
        loop {
            schedule.pump(knows)?;
            let halted = ctx.stopped() || (order.fail_fast && !tally.failures.is_empty());
            let mut waiting = std::mem::take(&mut parked).into_iter();
            while running.len() < order.jobs.max(1) && !halted {
                let (job, need) = match waiting.next() {
                    Some(waited) => waited,
                    None => {
                        let Some(id) = schedule.next_ready() else { break };
                        let job = job(graph, schedule, id, order);
                        let fetches = schedule.is_fetching(id);
                        let need = if fetches { 0 } else { space::predicted(ctx, &job)? };
                        (job, need)
                    }
                };
                if !space::fits(ctx.store.free_bytes()?, running.values().sum(), need) {
                    parked.push((job, need));
                    continue;
                }
                let (id, sender) = (job.id, sender.clone());
                running.insert(id, need);
                let known = schedule.key(id).zip(schedule.outputs(id).cloned());
                let fetched = known.filter(|_| schedule.is_fetching(id));
                // One that was to be fetched and has to run after all has begun already.
                if tally.begun.insert(id) {
                    let after = schedule.after(id).map(|before| graph.node(before).name());
                    (ctx.sink)(Event::NodeStarted { node: graph.node(id).name(), after });
                }
                scope.spawn(move |_| {
                    let began = Instant::now();
                    let result = match &fetched {
                        Some((key, outputs)) => node::fetch(ctx, job.node(), *key, outputs),
                        None => node::run(ctx, &job).map(Some),
                    };
                    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    // The receiver only goes when the run is over.
                    let _ = sender.send(Message { node: id, result, milliseconds });
                });
            }
            parked.extend(waiting);
            if running.is_empty() {
                return give_up(ctx, graph, schedule, parked, halted, tally);
            }
            let Ok(message) = messages.recv() else { return Ok(()) };
            running.remove(&message.node);
            take(ctx, graph, schedule, message, tally);
        }
    })
}

/// Ends a run in which no node can be started: there is no space for any, unless it is `halted` anyway.
fn give_up(
    ctx: &Context<'_>,
    graph: &Graph,
    schedule: &mut Schedule<'_>,
    parked: Vec<(Job<'_>, u64)>,
    halted: bool,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let free = ctx.store.free_bytes()?;
    let least = parked.iter().min_by_key(|(_, need)| *need).map(|(job, _)| job.id).filter(|_| !halted);
    for (job, need) in parked {
        if Some(job.id) == least {
            let failure = NodeError::TooLittleSpace { need, free, store: ctx.store.path().to_string() };
            fail(ctx, graph, schedule, job.id, &failure.into(), tally);
        } else {
            // Not run, for the same cause: said once.
            tally.stopped += 1;
            schedule.failed(job.id, false);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    begun: BTreeSet<NodeId>,
    ran: usize,
    builds: usize,
    found: usize,
    fetched: usize,
    failures: Vec<(NodeId, Cause)>,
    tolerated: Vec<NodeId>,
    stopped: usize,
}

fn take(ctx: &Context<'_>, graph: &Graph, schedule: &mut Schedule<'_>, message: Message, tally: &mut Tally) {
    let Message { node: id, result, milliseconds } = message;
    let node = graph.node(id);
    match result {
        Ok(None) => schedule.not_fetched(id),
        Ok(Some(ran)) => {
            let fetched = matches!(ran.how, Done::Fetched { .. });
            let how = if ran.found && !fetched { Done::Found } else { ran.how };
            if fetched {
                tally.fetched += 1;
            } else if ran.found {
                tally.found += 1;
            } else {
                tally.ran += 1;
                tally.builds += usize::from(node.kind() == Kind::Build);
            }
            let (key, outputs, cost) = (ran.key, ran.outputs.clone(), ran.cost);
            (ctx.sink)(Event::NodeDone { node: node.name(), how, milliseconds, key, outputs, cost });
            schedule.done(id, ran.key, ran.outputs);
        }
        Err(_) if ctx.stopped() => {
            tally.stopped += 1;
            (ctx.sink)(Event::NodeStopped { node: node.name() });
            schedule.failed(id, false);
        }
        Err(failure) => fail(ctx, graph, schedule, id, &failure, tally),
    }
}

fn fail(
    ctx: &Context<'_>,
    graph: &Graph,
    schedule: &mut Schedule<'_>,
    id: NodeId,
    failure: &Failure,
    tally: &mut Tally,
) {
    let (log, since) = match failure.report.downcast_ref::<NodeError>() {
        Some(NodeError::Script { log, .. }) => (*log, None),
        Some(NodeError::FailedBefore { log, since, .. }) => (*log, Some(*since)),
        _ => (None, None),
    };
    let known = graph.node(id).may_fail().and_then(|known| KnownFailure::of(known, failure.cause, &ctx.today));
    let tolerated = known.as_ref().is_some_and(|known| known.tolerated);
    let node = graph.node(id).name();
    (ctx.sink)(Event::NodeFailed { node, cause: failure.cause, message: told(failure), log, known, since });
    if tolerated {
        tally.tolerated.push(id);
    } else {
        tally.failures.push((id, failure.cause));
    }
    schedule.failed(id, tolerated);
}

fn outcome(
    graph: &Graph,
    order: &Order,
    schedule: &Schedule<'_>,
    tally: Tally,
    looked_at: usize,
    stopped: bool,
) -> Outcome {
    let mut settled = BTreeMap::new();
    let (mut held_up, mut incomplete) = (BTreeMap::new(), BTreeMap::new());
    let (mut blocked, mut not_run) = (Vec::new(), tally.stopped);
    for id in graph.with_inputs(&order.wanted) {
        match (schedule.stage(id), schedule.key(id), schedule.outputs(id)) {
            (Stage::Settled | Stage::Done, Some(key), Some(outputs)) => {
                settled.insert(id, (key, outputs.clone()));
                let without = schedule.without(id);
                if !without.is_empty() {
                    incomplete.insert(id, without);
                }
            }
            (Stage::Failed, ..) => {}
            (stage, ..) => {
                not_run += 1;
                if stage == Stage::Blocked {
                    blocked.push(id);
                    let by: BTreeSet<NodeId> = schedule.excused_inputs(id).collect();
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
        not_run,
    };
    let Tally { failures, tolerated, .. } = tally;
    Outcome { counts, failures, tolerated, held_up, without: incomplete, blocked, settled, stopped }
}

/// What a running node needs to know: keys and outputs of its inputs, and of theirs (a root wants the index behind its
/// package list).
fn job<'a>(graph: &'a Graph, schedule: &Schedule<'_>, id: NodeId, order: &Order) -> Job<'a> {
    let mut settled = BTreeMap::new();
    let mut next: Vec<(NodeId, u8)> = vec![(id, 0)];
    while let Some((reader, depth)) = next.pop() {
        for input in graph.node(reader).input_nodes() {
            if let (Some(key), Some(outputs)) = (schedule.key(*input), schedule.outputs(*input)) {
                settled.insert(*input, (key, outputs.clone()));
            }
            if depth < 2 {
                next.push((*input, depth + 1));
            }
        }
    }
    let (again, retry) = (order.again.contains(&id), order.retry_failed);
    Job { graph, id, again, retry, settled, without: schedule.without(id) }
}

/// What a node of that kind usually takes: only its proportion to others matters, for their order.
fn usual_milliseconds(graph: &Graph, id: NodeId) -> u64 {
    match graph.node(id).kind() {
        Kind::Build => 30_000,
        Kind::Root => 10_000,
        Kind::Index => 5_000,
        Kind::Source | Kind::SourcePackage => 2_000,
        Kind::Resolve | Kind::Probe | Kind::Repo => 500,
    }
}
