//! Fetching: what a build would read from the network comes into the store, and nothing is built.
//!
//! Package lists are chosen where they wait for no build, and guessed elsewhere. What is fetched is written down before it
//! comes, so that no collection takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::build::{Means, archives, with_context};
use super::keeping::project_of;
use super::plan::{Wish, plan};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure, chain};
use crate::drv::Action;
use crate::eval::weave;
use crate::event::{Event, Sink};
use crate::exec::fetching::{self, Facts, Lists, Reach};
use crate::exec::{self, Context, Order};
use crate::graph::{Graph, NodeId, Origin};
use crate::name::{Kind, NodeName};
use crate::plan::Plan;
use crate::report::fetch::{Amount, FetchTold, Kinds, Missing};
use crate::store::{FetchedFiles, Store};

/// How to fetch.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Fetch nothing, and say what is not here.
    pub check: bool,
    /// Whether all of the project is meant, so that what was fetched before and is not wanted any more is kept no longer.
    pub whole: bool,
}

/// What came of it, for people and for the exit code.
pub struct Outcome {
    /// What came, and what did not.
    pub told: FetchTold,
    /// Whose fault it is that something did not: the worst.
    pub cause: Option<Cause>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// Why nothing can be fetched at all.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FetchError {
    /// Without network.
    #[error("cannot fetch anything with the network switched off")]
    #[diagnostic(
        code(opb::ops::fetch_offline),
        help("leave out `--offline`; or ask with `--check` whether a build without network has what it needs")
    )]
    Offline,
}

impl Caused for FetchError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Brings into the store what a build of `wish` would read from the network.
///
/// # Errors
/// Where the store cannot be used, or the project not be evaluated. What cannot be had is part of the [`Outcome`].
pub fn fetch(
    session: &Session,
    wish: &Wish,
    how: How,
    store: &Store,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Outcome, Failure> {
    if means.offline && !how.check {
        return Err(FetchError::Offline.into());
    }
    let heard = Heard { failures: Mutex::default(), sink, tells: !how.check };
    let hear = |event: Event| heard.take(event);
    let archives = archives(session, store, means);
    let archives = if how.check { archives.closed() } else { archives };
    // What caches have is no help to a build without network.
    with_context(session, store, means, &hear, (archives, None), |ctx| {
        let fetch = Fetch { session, wish, how, store, means, ctx, heard: &heard, facts: OnceLock::new() };
        fetch.run()
    })
}

/// What nodes failed with, taken from the events of the runs that a fetch consists of.
struct Heard<'a> {
    failures: Mutex<BTreeMap<NodeName, (Cause, String)>>,
    sink: &'a Sink<'a>,
    tells: bool,
}

impl Heard<'_> {
    fn take(&self, event: Event) {
        match &event {
            // These are about builds; what failed is told in what the fetch came to.
            Event::RunStarted { .. }
            | Event::RunFinished { .. }
            | Event::RootFailure { .. }
            | Event::Incomplete { .. } => return,
            Event::NodeFailed { node, cause, message, .. } => {
                let message = message.split("\nhelp: ").next().unwrap_or_default().to_owned();
                self.failures().insert(node.clone(), (*cause, message));
            }
            _ => {}
        }
        if self.tells {
            (self.sink)(event);
        }
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeName, (Cause, String)>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Fetch<'a, 'c> {
    session: &'a Session,
    wish: &'a Wish,
    how: How,
    store: &'a Store,
    means: &'a Means<'a>,
    ctx: &'a Context<'c>,
    heard: &'a Heard<'a>,
    facts: OnceLock<Facts>,
}

impl Fetch<'_, '_> {
    fn run(&self) -> Result<Outcome, Failure> {
        let graph = &self.session.graph;
        let (mut tried, mut read) = (BTreeSet::new(), BTreeSet::new());
        let (plan, reach) = loop {
            let (plan, reach) = self.plan()?;
            read.extend(graph.ids().filter(|id| reach.is_read(*id) || reach.runs(*id)));
            let next: Vec<NodeId> = reach.lists(graph).into_iter().filter(|id| tried.insert(*id)).collect();
            if next.is_empty() || self.ctx.stopped() {
                break (plan, reach);
            }
            // What comes out of these may leave less to run, or make more lists known.
            self.nodes(&next)?;
        };
        let sources = reach.sources(graph);
        self.nodes(&sources)?;
        tried.extend(sources);
        let facts = || self.facts();
        let lists = fetching::lists(self.ctx, graph, &plan, &reach, &facts)?;
        if !self.how.check {
            self.keep(&lists)?;
        }
        let packages = fetching::packages(self.ctx, graph, &lists.roots)?;
        // Also tells the store that what was chosen just now is the project's.
        let (plan, reach) = self.plan()?;
        self.told(&lists, &packages, (&plan, &reach), (&tried, &read))
    }

    fn plan(&self) -> Result<(Plan, Reach), Failure> {
        let plan = plan(self.session, self.wish, self.store, None)?;
        let reach = Reach::of(&self.session.graph, &plan, self.store)?;
        Ok((plan, reach))
    }

    /// Runs nodes that wait for no build, and has their bytes here.
    fn nodes(&self, wanted: &[NodeId]) -> Result<(), Failure> {
        if wanted.is_empty() {
            return Ok(());
        }
        let (wanted, here) = (wanted.to_vec(), wanted.to_vec());
        let (places, fail_fast) = (self.means.places(), self.means.fail_fast);
        let order = Order { expected: wanted.len(), wanted, here, places, fail_fast, ..Order::default() };
        exec::run(&self.session.graph, &order, self.ctx).map(drop)
    }

    /// What is known of sources, read once and only where it is asked for.
    fn facts(&self) -> Result<&Facts, Failure> {
        if let Some(facts) = self.facts.get() {
            return Ok(facts);
        }
        let Session { project, .. } = self.session;
        let look_at = |asked: &_| project.look_at(asked);
        let facts = weave::facts(self.session.evaluated()?, self.session.lock()?, &look_at);
        Ok(self.facts.get_or_init(|| facts))
    }

    /// Keeps the packages, whether they are here yet or not. A part of the project, or lists of which some are not known,
    /// leave what was fetched for the rest.
    fn keep(&self, lists: &Lists) -> Result<(), Failure> {
        let project = project_of(&self.session.project);
        let files = FetchedFiles { project, files: fetching::wanted_files(&lists.roots) };
        let kept = match self.how.whole && lists.is_whole() {
            true => self.store.keep_fetched(&files),
            false => self.store.keep_fetched_too(files),
        };
        Ok(kept?)
    }

    fn told(
        &self,
        lists: &Lists,
        packages: &fetching::Fetched,
        (plan, reach): (&Plan, &Reach),
        (tried, read): (&BTreeSet<NodeId>, &BTreeSet<NodeId>),
    ) -> Result<Outcome, Failure> {
        let graph = &self.session.graph;
        let name = |id: &NodeId| graph.node(*id).to_string();
        let (mut fetched, mut here) = (Kinds::default(), Kinds::default());
        fetched.packages = Amount { count: packages.came.0, bytes: packages.came.1 };
        here.packages = Amount { count: packages.here.0, bytes: packages.here.1 };
        for id in read.iter().filter(|id| !reach.runs(**id)) {
            if let Some((kind, bytes)) = self.bytes(graph, plan, *id)? {
                let kinds = if tried.contains(id) { &mut fetched } else { &mut here };
                let amount = if kind == Kind::Index { &mut kinds.indexes } else { &mut kinds.sources };
                (amount.count, amount.bytes) = (amount.count + 1, amount.bytes.saturating_add(bytes));
            }
        }
        let mut causes = BTreeSet::new();
        let mut missing = Vec::new();
        for (node, (cause, why)) in &*self.heard.failures() {
            causes.insert(*cause);
            missing.push(Missing::Node { node: node.to_string(), why: why.clone() });
        }
        for (node, failure) in &lists.unknown {
            // Only a guess: the recipes may be right all the same.
            causes.insert(if failure.cause == Cause::Input { Cause::Environment } else { failure.cause });
            missing.push(Missing::List { node: name(node), why: chain(&*failure.report) });
        }
        for lost in packages.lost.iter().cloned() {
            causes.insert(Cause::Environment);
            let fetching::Lost { package, version, arch, roots, why } = lost;
            missing.push(Missing::Package { package, version, arch, roots, why });
        }
        let guessed = lists.guessed.iter().map(name).collect();
        let worst = [Cause::Bug, Cause::Build, Cause::Input, Cause::Environment];
        let cause = worst.into_iter().find(|cause| causes.contains(cause));
        let (told, stopped) = (FetchTold::new(self.how.check, fetched, here, guessed, missing), self.ctx.stopped());
        Ok(Outcome { told: if stopped { told.cut_short() } else { told }, cause, stopped })
    }

    /// The bytes of an index or source that comes from elsewhere; `None` of any other node.
    fn bytes(&self, graph: &Graph, plan: &Plan, id: NodeId) -> Result<Option<(Kind, u64)>, Failure> {
        let node = graph.node(id);
        if let Action::Index { files } = node.action() {
            let sizes = files.iter().map(|file| Ok(self.store.find_sha256(file.sha256)?.map_or(0, |(_, size)| size)));
            return Ok(Some((Kind::Index, sizes.sum::<Result<u64, Failure>>()?)));
        }
        if node.kind() != Kind::Source || matches!(node.origin(), Origin::Folder(_) | Origin::Imported { .. }) {
            return Ok(None);
        }
        let outputs = plan.of(id).and_then(|planned| planned.outputs.as_ref());
        let mut bytes = 0u64;
        for tree in outputs.iter().flat_map(|outputs| outputs.values()) {
            bytes = self.store.get_tree(*tree)?.files().fold(bytes, |bytes, (.., size)| bytes.saturating_add(size));
        }
        Ok(Some((Kind::Source, bytes)))
    }
}
