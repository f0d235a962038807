//! Writing the record of a run from its plan and its events.
//!
//! A run with nothing to do leaves no record: it would say nothing, and such runs are to cost nothing. Nodes that are
//! clean are counted, by component and by target, and have no lines. Where the record cannot be written, that is told once and the run goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::plan::Asked;
use super::saving::Saving;
use super::session::Session;
use crate::cost::{Cost, Saved};
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::eval::Files;
use crate::event::{Counts, Done, Event, KnownFailure, Sink};
use crate::exceptions::Excuse;
use crate::exec::Outcome;
use crate::graph::{Graph, NodeId};
use crate::name::NodeName;
use crate::plan::{Cause, Causes, Change, Plan, Planned, Reason, State, causes, describe};
use crate::project::{self, ProjectFiles};
use crate::store::runs::{
    RunCause, RunChange, RunClean, RunCounts, RunDiffers, RunEnd, RunFact, RunFetched, RunFinished, RunKnown, RunNode,
    RunOutcome, RunPlanned, RunStarted, RunWriter,
};
use crate::store::{Store, StoreError};

/// The most characters of a value that are recorded.
const MOST_OF_VALUE: usize = 200;

/// How many of a cause's nodes are named.
const MOST_NAMED: usize = 5;

/// The deepest folder of recipes that is looked into.
const DEEPEST: usize = 16;

/// The record of a run under way; nothing is written where there is nothing to record.
pub struct Recorder<'a> {
    graph: &'a Graph,
    store: &'a Store,
    plan: &'a Plan,
    sink: &'a Sink<'a>,
    began: Instant,
    saving: Mutex<Saving<'a>>,
    /// The nodes that are not clean, by name.
    planned: BTreeMap<String, NodeId>,
    ended: Mutex<BTreeSet<String>>,
    /// How often nodes have failed that are tried again.
    tries: Mutex<BTreeMap<NodeName, u32>>,
    /// `None` where nothing is recorded, or not any more.
    writer: Mutex<Option<RunWriter>>,
}

impl<'a> Recorder<'a> {
    /// Begins the record of a run of `plan`, with so many jobs; `fetches`: there is something to do although all is clean.
    pub fn start(
        session: &'a Session,
        store: &'a Store,
        asked: &Asked,
        plan: &'a Plan,
        (fetches, jobs): (bool, usize),
        sink: &'a Sink<'a>,
    ) -> Self {
        let dirty = plan.nodes.iter().filter(|planned| planned.state != State::Clean);
        let graph = &session.graph;
        let planned: BTreeMap<String, NodeId> =
            dirty.map(|planned| (graph.node(planned.node).to_string(), planned.node)).collect();
        let is_recorded = plan.nodes.iter().any(Planned::may_run) || fetches;
        let (saving, clean) = Saving::of(graph, plan, is_recorded);
        let mut writer = None;
        if is_recorded {
            let begun = store.start_run(started(session, asked, plan, jobs)).and_then(|writer| {
                writer.write(&[RunFact::Clean(clean)])?;
                writer.write(&facts(graph, plan, &causes(graph, plan)))?;
                Ok(writer)
            });
            writer = begun.map_err(|error| tell(sink, &error)).ok();
        }
        let (saving, ended) = (Mutex::new(saving), Mutex::new(BTreeSet::new()));
        let (tries, writer) = (Mutex::default(), Mutex::new(writer));
        Self { graph, store, plan, sink, began: Instant::now(), saving, planned, ended, tries, writer }
    }

    /// Records what an event says of a node.
    pub fn take(&self, event: &Event) {
        let mut fact = match event {
            Event::NodeStarted { node, after, .. } => {
                let after = after.as_ref().map(ToString::to_string);
                RunFact::Running { node: node.to_string(), at: Some(self.elapsed()), after }
            }
            Event::NodeDone { node, how, milliseconds, key, outputs, cost } => {
                let mut ended = RunNode::new(node.to_string(), outcome_of(how));
                (ended.key, ended.outputs, ended.milliseconds) = (Some(*key), outputs.clone(), *milliseconds);
                ended.spared = self.spared(node, how, *key, *cost);
                if !matches!(how, Done::Found | Done::Fetched { .. }) {
                    ended.cpu_milliseconds = cost.map_or(0, |cost| cost.cpu_milliseconds);
                }
                if let Done::Kept { version } = how {
                    ended.kept = Some(version.clone());
                }
                if let Done::Fetched { cache, bytes } = how {
                    ended.fetched = Some(RunFetched { cache: cache.clone(), bytes: *bytes });
                }
                ended.tries = self.tries().remove(node).map_or(0, |failed| failed as usize + 1);
                RunFact::Ended(ended)
            }
            Event::NodeFailed { node, cause, message, log, known, .. } => {
                let tolerated = known.as_ref().filter(|known| known.tolerated);
                let outcome = if tolerated.is_some() { RunOutcome::Tolerated } else { RunOutcome::Failed };
                let mut ended = RunNode::new(node.to_string(), outcome);
                (ended.fault, ended.message, ended.log) = (Some(*cause), Some(message.clone()), *log);
                ended.excuse = tolerated.map(KnownFailure::excuse);
                ended.spared = self.was_not_clean(node);
                ended.tries = self.tries().remove(node).map_or(0, |failed| failed as usize + 1);
                RunFact::Ended(ended)
            }
            Event::NodeRetried { node, tries, .. } => {
                self.tries().insert(node.clone(), *tries);
                return;
            }
            Event::NodeStopped { node } => {
                let spared = self.was_not_clean(node);
                RunFact::Ended(RunNode { spared, ..RunNode::new(node.to_string(), RunOutcome::Stopped) })
            }
            Event::Skipped { excuse, builds, with } => {
                self.skipped(excuse, builds, with);
                return;
            }
            Event::Incomplete { node, without } => {
                let without = without.iter().map(ToString::to_string).collect();
                RunFact::Without { node: node.to_string(), without }
            }
            Event::KeptGood { node, kept, never } => {
                let [kept, never] = [kept, never].map(|nodes| nodes.iter().map(ToString::to_string).collect());
                RunFact::KeptGood { node: node.to_string(), kept, never }
            }
            Event::NodeKnown { node, key, cache, milliseconds, cpu_milliseconds } => {
                self.saving().is_known(*key);
                let (node, cache) = (node.clone(), cache.clone());
                let (key, milliseconds, cpu_milliseconds) = (*key, *milliseconds, *cpu_milliseconds);
                RunFact::Known(RunKnown { node, key, cache, milliseconds, cpu_milliseconds })
            }
            Event::NodeDiffers { node, key, cache } => {
                RunFact::Differs(RunDiffers { node: node.clone(), key: *key, cache: cache.clone() })
            }
            Event::CacheUsed(used) => RunFact::Cache(used.clone()),
            _ => return,
        };
        if let RunFact::Ended(ended) = &mut fact {
            ended.at = Some(self.elapsed());
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(ended.node.clone());
        }
        self.write(&[fact]);
    }

    /// Records what does not run because of an exception, but for what has its end already.
    fn skipped(&self, excuse: &Excuse, builds: &[NodeName], with: &[NodeName]) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let new = builds.iter().chain(with).map(ToString::to_string).filter(|node| ended.insert(node.clone()));
        let facts = new.map(|node| {
            let node = RunNode::new(node, RunOutcome::Skipped);
            RunFact::Ended(RunNode { excuse: Some(excuse.clone()), ..node })
        });
        let facts: Vec<RunFact> = facts.collect();
        drop(ended);
        self.write(&facts);
    }

    /// What counts as saved of a node that is done, if anything does.
    fn spared(&self, node: &NodeName, how: &Done, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let (id, clean) = self.find(node)?;
        let mut saving = self.saving();
        match (how, clean) {
            // One that was planned as clean is counted already.
            (Done::Found, Some(_)) => None,
            (Done::Found, None) => saving.found(id, key, cost),
            (Done::Fetched { .. }, Some(planned)) => saving.clean_was_fetched(planned),
            (Done::Fetched { .. }, None) => saving.fetched(id, key, cost),
            (Done::Built | Done::Identical | Done::Kept { .. }, planned) => {
                let counted = planned.and_then(|planned| saving.was_not_clean(planned));
                saving.ran(id, key);
                counted
            }
        }
    }

    /// What was counted for a node that was planned as clean, and is not any more.
    fn was_not_clean(&self, node: &NodeName) -> Option<Cost> {
        let (_, clean) = self.find(node)?;
        self.saving().was_not_clean(clean?)
    }

    /// A node, and its place in the plan where it is clean there.
    fn find(&self, node: &NodeName) -> Option<(NodeId, Option<&Planned>)> {
        // Nearly all are found here, without looking through the graph.
        if let Some(id) = self.planned.get(&node.to_string()) {
            return Some((*id, None));
        }
        let id = self.graph.find(node)?;
        Some((id, self.plan.of(id).filter(|planned| planned.state == State::Clean)))
    }

    fn tries(&self) -> MutexGuard<'_, BTreeMap<NodeName, u32>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saving(&self) -> MutexGuard<'_, Saving<'a>> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the record of a run that came to `outcome`, and returns what it did not have to do.
    pub fn finish(self, outcome: &Outcome) -> Saved {
        let how = match () {
            () if outcome.stopped => RunEnd::Stopped,
            () if outcome.failures.is_empty() && outcome.held_up.is_empty() => RunEnd::Done,
            () => RunEnd::Failed,
        };
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        let blocked: BTreeSet<NodeId> = outcome.blocked.iter().copied().collect();
        let left = self.planned.iter().filter(|(name, _)| !ended.contains(*name));
        let left: Vec<(NodeId, String)> = left.map(|(name, id)| (*id, name.clone())).collect();
        let keys = left.iter().filter_map(|(id, _)| outcome.settled.get(id).map(|(key, _)| *key));
        let keys: Vec<ActionKey> = keys.collect();
        // Where the store cannot say it, nothing counts.
        let found = self.store.results_of(&keys).unwrap_or_default();
        let mut costs = found.into_iter().map(|found| found.map(|(_, cost)| cost));
        let facts = left.into_iter().map(|(id, name)| {
            RunFact::Ended(match outcome.settled.get(&id) {
                Some((key, outputs)) => {
                    let spared = self.saving().cut_off(id, *key, costs.next().flatten());
                    let node = RunNode::new(name, RunOutcome::CutOff);
                    RunNode { key: Some(*key), outputs: outputs.clone(), spared, ..node }
                }
                None if blocked.contains(&id) => RunNode::new(name, RunOutcome::Blocked),
                None => RunNode::new(name, RunOutcome::NotReached),
            })
        });
        let facts: Vec<RunFact> = facts.collect();
        self.write(&facts);
        self.record_caches();
        let saved = self.saving().saved();
        self.end(how, None, counts_of(&outcome.counts));
        saved
    }

    /// Ends the record of a run that could not go on.
    pub fn abandon(self, message: &str) {
        self.record_caches();
        self.end(RunEnd::Error, Some(message.to_owned()), RunCounts::default());
    }

    /// Records what of the clean nodes is the caches' doing.
    fn record_caches(&self) {
        let clean = self.saving().of_caches();
        if clean != RunClean::default() {
            self.write(&[RunFact::CleanOfCaches(clean)]);
        }
    }

    /// Milliseconds since the run began.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn end(self, how: RunEnd, message: Option<String>, counts: RunCounts) {
        let milliseconds = self.elapsed();
        let finished = RunFinished { ended: project::now(), milliseconds, how, message, counts };
        let writer = self.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = writer.map(|writer| writer.finish(finished)) {
            tell(self.sink, &error);
        }
    }

    fn write(&self, facts: &[RunFact]) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = writer.as_ref().map(|writer| writer.write(facts)) {
            tell(self.sink, &error);
            *writer = None;
        }
    }
}

fn tell(sink: &Sink<'_>, error: &StoreError) {
    sink(Event::Notice { text: format!("the record of this run cannot be written: {error}") });
}

fn outcome_of(how: &Done) -> RunOutcome {
    match how {
        Done::Built => RunOutcome::Built,
        Done::Identical => RunOutcome::Identical,
        Done::Found => RunOutcome::Found,
        Done::Fetched { .. } => RunOutcome::Fetched,
        Done::Kept { .. } => RunOutcome::Kept,
    }
}

fn counts_of(counts: &Counts) -> RunCounts {
    let Counts { ran, builds, fetched, cut_off, failed, tolerated, skipped, not_run, .. } = *counts;
    RunCounts { ran, builds, fetched, cut_off, failed, tolerated, skipped, not_run }
}

fn started(session: &Session, asked: &Asked, plan: &Plan, jobs: usize) -> RunStarted {
    let (clean, runs, depends) = plan.counts();
    let host = nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned());
    let lock = session.lock().ok().and_then(|lock| toml::to_string(lock).ok()).unwrap_or_default();
    RunStarted {
        started: project::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host,
        pid: std::process::id(),
        project: session.project.path.to_string(),
        recipes: digest_of_recipes(&ProjectFiles(session.project.root())),
        lock: Digest::of(lock.as_bytes()),
        selection: asked.selection.clone(),
        again: asked.scope.again,
        only: asked.scope.only,
        nodes: plan.nodes.len(),
        clean,
        runs,
        depends,
        jobs: Some(jobs),
    }
}

/// The digest of all that stands in `recipes/` and `distros/`: paths and contents. A file that cannot be read counts by
/// its path.
fn digest_of_recipes(files: &dyn Files) -> Digest {
    let mut all: BTreeMap<String, Digest> = BTreeMap::new();
    let mut next = vec![("distros".to_owned(), 0), ("recipes".to_owned(), 0)];
    while let Some((folder, depth)) = next.pop() {
        for name in files.list(&folder).unwrap_or_default() {
            let path = format!("{folder}/{name}");
            match name.strip_suffix('/') {
                Some(_) if depth >= DEEPEST => {}
                Some(name) => next.push((format!("{folder}/{name}"), depth + 1)),
                None => {
                    let text = files.read(&path).unwrap_or_default();
                    all.insert(path, Digest::of(text.as_bytes()));
                }
            }
        }
    }
    // A path has no newline that could be taken for another's: each line ends in a digest.
    let lines: String = all.iter().map(|(path, digest)| format!("{path} {digest}\n")).collect();
    Digest::of(lines.as_bytes())
}

fn facts(graph: &Graph, plan: &Plan, causes: &Causes) -> Vec<RunFact> {
    let mut facts: Vec<RunFact> = causes.causes.iter().map(|cause| RunFact::Cause(cause_of(graph, cause))).collect();
    for planned in &plan.nodes {
        let (state, reason) = match &planned.state {
            State::Clean => continue,
            State::Runs(reason) => ("runs", Some(reason)),
            State::Depends(_) => ("depends", None),
            State::Skipped(_) => ("skipped", None),
        };
        let node = graph.node(planned.node);
        let since = match reason {
            Some(Reason::Changed { since, .. } | Reason::Gone { since }) => Some(since.started),
            _ => None,
        };
        facts.push(RunFact::Planned(RunPlanned {
            node: node.to_string(),
            derivation: node.id().0,
            state: state.to_owned(),
            reason: reason.map(|reason| describe(reason, graph)),
            root: reason.is_some_and(|reason| !matches!(reason, Reason::Absent { .. })),
            since,
            causes: causes.of(planned.node),
        }));
    }
    facts
}

fn cause_of(graph: &Graph, cause: &Cause) -> RunCause {
    let changes = match &cause.reason {
        Reason::Changed { changes, .. } => changes.iter().map(change_of).collect(),
        _ => Vec::new(),
    };
    RunCause {
        theme: cause.theme.word().to_owned(),
        text: cause.theme.describe(),
        changes,
        first: cause.roots.iter().take(MOST_NAMED).map(|id| graph.node(*id).to_string()).collect(),
        roots: cause.roots.len(),
        dragged: cause.dragged,
        builds: cause.builds,
    }
}

fn change_of(change: &Change) -> RunChange {
    let short = |value: &Option<String>| value.as_ref().map(|value| value.chars().take(MOST_OF_VALUE).collect());
    RunChange { field: change.field.clone(), before: short(&change.before), now: short(&change.now) }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
