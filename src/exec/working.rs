//! Working off what is ready: which node starts when, and what becomes of what it came to.
//!
//! Nodes that fetch, nodes that compute and nodes that assemble repositories have places of their own, so that none of them
//! keeps the others from theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use super::again::{self, Again, Try};
use super::schedule::Schedule;
use super::{Context, Job, NodeError, Order, StoreKnowledge, failed, node, space, told};
use crate::diag::{Cause, Failure};
use crate::event::{Done, Event, KnownFailure, RootFailure};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;
use crate::plan::{Instead, Lane, Places};

/// A node that runs.
#[derive(Clone, Copy)]
struct Running {
    /// Whose place it has; `None` once it only stores what came out.
    lane: Option<Lane>,
    /// The bytes of the disk that it is likely to need.
    need: u64,
    /// Whether nothing else has run since it began.
    alone: bool,
}

/// What a worker tells the schedule.
enum Message {
    /// Nothing of a node runs any more, and others may: what is left is to store what came out.
    Over(NodeId),
    /// It has ended.
    Ended(Ended),
}

struct Ended {
    node: NodeId,
    /// `None` where it only was to fetch its bytes, and nobody has them.
    result: Result<Option<node::Ran>, Failure>,
    milliseconds: u64,
}

/// Runs what is ready, and what becomes ready through that, until nothing is.
///
/// # Errors
/// Where the store cannot be read, or no threads be had.
pub fn work_off(
    graph: &Graph,
    order: &Order,
    ctx: &Context<'_>,
    knows: &StoreKnowledge<'_>,
    schedule: &mut Schedule<'_>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    // Of nodes that store what came out there are at most as many again.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(order.places.all() + order.places.jobs);
    let pool = threads.build().map_err(|error| NodeError::File {
        doing: "start threads for",
        path: "the run".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let (sender, messages) = mpsc::channel::<Message>();
    pool.in_place_scope(|scope| -> Result<(), Failure> {
        let mut running: BTreeMap<NodeId, Running> = BTreeMap::new();
        // Ready, but there is no space for them yet.
        let mut parked: Vec<(Job<'_>, Running)> = Vec::new();
        let mut again = Again::default();
        let halts = |tally: &Tally| ctx.stopped() || (order.fail_fast && !tally.failures.is_empty());
        loop {
            for id in again.due(running.is_empty(), ctx)? {
                schedule.not_fetched(id);
            }
            schedule.pump(knows)?;
            let halted = halts(tally);
            if halted {
                for (node, failure, milliseconds) in again.give_up() {
                    take(ctx, graph, schedule, Ended { node, result: Err(failure), milliseconds }, tally);
                }
            }
            let mut waiting = std::mem::take(&mut parked).into_iter();
            loop {
                let is_free = |lane: &Lane| has_place(order.places, running.values().map(|one| one.lane), *lane);
                if halted {
                    break;
                }
                let next = match waiting.next() {
                    Some((job, one)) if one.lane.is_none_or(|lane| is_free(&lane)) => Some((job, one)),
                    Some(waits) => {
                        parked.push(waits);
                        continue;
                    }
                    None => next(graph, order, ctx, (schedule, &*tally), is_free)?,
                };
                let Some((job, one)) = next else { break };
                let needs = (running.values().map(|one| one.need).sum(), one.need);
                let fits = space::fits(ctx.store.free_bytes()?, needs.0, needs.1);
                if !fits && !failed::make_room(ctx.store, &ctx.launcher, needs)? {
                    parked.push((job, one));
                    continue;
                }
                let (id, sender, over) = (job.id, sender.clone(), sender.clone());
                let job = Job { over: Some(Box::new(move || drop(over.send(Message::Over(id))))), ..job };
                running.values_mut().for_each(|other| other.alone = false);
                running.insert(id, Running { alone: running.is_empty(), ..one });
                let known = schedule.key(id).zip(schedule.outputs(id).cloned());
                let fetched = known.filter(|_| schedule.is_fetching(id));
                *tally.tries.entry(id).or_default() += u32::from(fetched.is_none());
                // One that was to be fetched and has to run after all has begun already.
                if tally.begun.insert(id) {
                    let usual_milliseconds = order.usual.get(&id).copied().filter(|_| !order.guessed.contains(&id));
                    let after = schedule.after(id).map(|before| graph.node(before).name());
                    (ctx.sink)(Event::NodeStarted { node: graph.node(id).name(), after, usual_milliseconds });
                }
                scope.spawn(move |_| {
                    let began = Instant::now();
                    let result = match &fetched {
                        Some((key, outputs)) => node::fetch(ctx, job.node(), *key, outputs),
                        None => node::run(ctx, &job).map(Some),
                    };
                    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    // The receiver only goes when the run is over.
                    let _ = sender.send(Message::Ended(Ended { node: id, result, milliseconds }));
                });
            }
            parked.extend(waiting);
            if running.is_empty() && again.is_empty() {
                return give_up(ctx, graph, schedule, parked, halted, tally);
            }
            let message = match again.is_empty() {
                true => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => messages.recv_timeout(again::LOOK),
            };
            match message {
                Ok(Message::Over(id)) => {
                    if let Some(one) = running.get_mut(&id) {
                        one.lane = None;
                    }
                }
                Ok(Message::Ended(ended)) => {
                    let alone = running.remove(&ended.node).is_some_and(|one| one.alone);
                    again.one_ended();
                    let waits = if halts(tally) { None } else { Some((&mut again, alone)) };
                    take_or_wait(ctx, graph, schedule, (ended, waits), tally)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    })
}

/// Whether another node of `lane` may run. Those that only store what came out have no place, but are not more than there are
/// jobs: else a slow disk would have no end of them.
fn has_place(places: Places, running: impl Iterator<Item = Option<Lane>> + Clone, lane: Lane) -> bool {
    let of = |wanted: Option<Lane>| running.clone().filter(|one| *one == wanted).count();
    of(Some(lane)) < places.of(lane) && (lane != Lane::Work || of(None) < places.jobs)
}

/// The next node to start, in a lane that has a place; `None` while there is none.
fn next<'a>(
    graph: &'a Graph,
    order: &Order,
    ctx: &Context<'_>,
    (schedule, tally): (&mut Schedule<'_>, &Tally),
    is_free: impl Fn(&Lane) -> bool,
) -> Result<Option<(Job<'a>, Running)>, Failure> {
    for lane in Lane::ALL.into_iter().filter(is_free) {
        if let Some(id) = schedule.next_ready(lane) {
            let job = Job { tries: tally.tries_of(id) + 1, ..job(graph, schedule, id, order) };
            let need = if schedule.is_fetching(id) { 0 } else { space::predicted(ctx, &job)? };
            return Ok(Some((job, Running { lane: Some(lane), need, alone: true })));
        }
    }
    Ok(None)
}

/// Ends a run in which no node can be started: there is no space for any, unless it is `halted` anyway.
fn give_up(
    ctx: &Context<'_>,
    graph: &Graph,
    schedule: &mut Schedule<'_>,
    parked: Vec<(Job<'_>, Running)>,
    halted: bool,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let free = ctx.store.free_bytes()?;
    let least = parked.iter().min_by_key(|(_, one)| one.need).map(|(job, _)| job.id).filter(|_| !halted);
    let mut with = Vec::new();
    for (job, Running { need, .. }) in parked {
        if Some(job.id) == least {
            let failure = NodeError::TooLittleSpace { need, free, store: ctx.store.path().to_string() };
            fail(ctx, graph, schedule, job.id, (&failure.into(), 0), tally);
        } else {
            // Not run, for the same cause: said once.
            tally.stopped += 1;
            with.push(job.id);
            schedule.failed(job.id, false);
        }
    }
    if let Some(failed) = tally.failures.iter_mut().find(|failed| Some(failed.id) == least) {
        failed.with = with;
    }
    Ok(())
}

/// What has come out so far.
#[derive(Default)]
pub struct Tally {
    begun: BTreeSet<NodeId>,
    tries: BTreeMap<NodeId, u32>,
    /// Nodes that ran.
    pub ran: usize,
    /// Of those, package builds.
    pub builds: usize,
    /// Nodes that another process or node had just made.
    pub found: usize,
    /// Nodes that came from a cache.
    pub fetched: usize,
    /// Nodes that failed and may not.
    pub failures: Vec<Failed>,
    /// Nodes that failed as they may.
    pub tolerated: Vec<NodeId>,
    /// Nodes that were ended, or not begun.
    pub stopped: usize,
}

impl Tally {
    /// How often a node has been tried.
    fn tries_of(&self, id: NodeId) -> u32 {
        self.tries.get(&id).copied().unwrap_or(0)
    }
}

/// A node that failed and may not.
pub struct Failed {
    /// Which.
    pub id: NodeId,
    /// Whose fault.
    pub cause: Cause,
    /// What is told of it at the end.
    pub failure: RootFailure,
    /// Others that did not run for the same cause, although they do not need it.
    pub with: Vec<NodeId>,
}

/// Takes what a node came to, unless it waits to be tried again. `waits`: where it may, and whether it ran alone.
fn take_or_wait(
    ctx: &Context<'_>,
    graph: &Graph,
    schedule: &mut Schedule<'_>,
    (ended, waits): (Ended, Option<(&mut Again, bool)>),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let result = match (ended.result, waits) {
        (Err(failure), Some((again, alone))) => {
            let tried = Try { tries: tally.tries_of(ended.node), alone, milliseconds: ended.milliseconds };
            match again.wait(ctx, graph.node(ended.node), failure, tried)? {
                Some(failure) => Err(failure),
                None => return Ok(()),
            }
        }
        (result, _) => result,
    };
    take(ctx, graph, schedule, Ended { result, ..ended }, tally);
    Ok(())
}

fn take(ctx: &Context<'_>, graph: &Graph, schedule: &mut Schedule<'_>, ended: Ended, tally: &mut Tally) {
    let Ended { node: id, result, milliseconds } = ended;
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
        Err(failure) => fail(ctx, graph, schedule, id, (&failure, milliseconds), tally),
    }
}

fn fail(
    ctx: &Context<'_>,
    graph: &Graph,
    schedule: &mut Schedule<'_>,
    id: NodeId,
    (failure, milliseconds): (&Failure, u64),
    tally: &mut Tally,
) {
    let error = failure.report.downcast_ref::<NodeError>();
    let log = error.and_then(NodeError::log);
    let since = match error {
        Some(NodeError::FailedBefore { since, .. }) => Some(*since),
        _ => None,
    };
    let known = ctx.excepted.known_failure(graph.node(id));
    let known = known.and_then(|known| KnownFailure::of(known, failure.cause, &ctx.today));
    let tolerated = known.as_ref().is_some_and(|known| known.tolerated);
    let (node, cause, message) = (graph.node(id).name(), failure.cause, told(failure));
    // One that nobody tried again in this run has its time of before.
    let tries = if since.is_some() { 0 } else { tally.tries_of(id) };
    if tolerated {
        tally.tolerated.push(id);
    } else {
        let failure = RootFailure { message: message.clone(), known: known.clone(), since, tries };
        tally.failures.push(Failed { id, cause, failure, with: Vec::new() });
    }
    (ctx.sink)(Event::NodeFailed { node, cause, message, log, known, since, milliseconds, tries });
    schedule.failed(id, tolerated);
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
    let Instead { without, kept } = schedule.instead(id);
    Job { graph, id, again, retry, tries: 1, settled, without, kept, over: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_stores_its_outputs_makes_room_for_as_many_others() {
        let places = Places { jobs: 2, fetches: 1 };
        let (works, stores) = (Some(Lane::Work), None);
        let has = |running: &[Option<Lane>], lane| has_place(places, running.iter().copied(), lane);
        assert!(has(&[works], Lane::Work) && !has(&[works, works], Lane::Work));
        assert!(has(&[works, stores], Lane::Work), "one that stores has no place");
        assert!(!has(&[works, stores, stores], Lane::Work), "there is an end to them");
        assert!(has(&[works, works, stores, stores], Lane::Fetch) && !has(&[Some(Lane::Fetch)], Lane::Fetch));
    }
}
