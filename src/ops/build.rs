//! Building: runs what a wish comes to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::foreign::foreign;
use super::idle::Idle;
use super::keeping;
use super::last_good;
use super::plan::{Asked, Wish, all_clean, is_listed, plan_knowing};
use super::record::Recorder;
use super::session::Session;
use super::settled::Known as Settled;
use super::usual::{Usual, usual};
use crate::cache::Caches;
use crate::cost::{Saved, Spared};
use crate::diag::Failure;
use crate::event::{Counts, Event, Sink};
use crate::exceptions::ExceptionKind;
use crate::exec::{self, Archives, Checkouts, Context, Cpus, Elsewhere, Known, Order, Outcome, Upstreams};
use crate::graph::NodeId;
use crate::path::HostPath;
use crate::plan::{Places, Plan, State};
use crate::project::{self, Project};
use crate::sandbox::{self, Cancel, Launcher};
use crate::store::{Notice, Realisation, Store};

/// How a run may use the machine.
#[derive(Clone)]
pub struct Means<'a> {
    /// Nodes at once that compute; `None`: as many as there are cores.
    pub jobs: Option<usize>,
    /// Nodes at once that fetch; `None`: [`Places::FETCHES`].
    pub fetches: Option<usize>,
    /// Cores that one node may use; `None`: all, for how many others run beside it is not known when it starts.
    pub cores: Option<usize>,
    /// Start nothing new once something has failed.
    pub fail_fast: bool,
    /// Use no network.
    pub offline: bool,
    /// Set to stop.
    pub stop: &'a AtomicBool,
    /// Ends what runs, together with `stop`.
    pub cancel: Cancel,
    /// What programs of which arch run on.
    pub cpus: Arc<Cpus>,
}

/// How many cores the machine has.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Means<'_> {
    /// How many nodes of each lane run at once.
    pub fn places(&self) -> Places {
        let jobs = self.jobs.unwrap_or_else(cores);
        Places { jobs, fetches: self.fetches.unwrap_or(Places::FETCHES) }
    }
}

/// Runs `wish`, which is what was asked for, and leaves a record of the run in the store unless there was nothing to do.
///
/// # Errors
/// Where the store cannot be used or no sandbox be made. Failing nodes are part of the [`Outcome`].
pub fn build(
    session: &Session,
    wish: &Wish,
    asked: &Asked,
    store: &Store,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let caches = super::cache::caches(&session.project, means.offline, false)?;
    let elsewhere = caches.as_elsewhere();
    let settled = Settled::of(&session.project, store)?;
    if let Some(clean) = all_clean(session, wish, store, &settled).filter(|_| store.owed().is_empty()) {
        // Where it cannot be kept, the next run finds the same in the same way.
        let _ = Idle::of(&session.project, store).and_then(|idle| idle.keep(session, &settled, clean));
        exec::tell_of_done(&session.excepted, |_| true, sink);
        return Ok(nothing_at_all((session.graph.len(), clean), began, (store, &caches), sink));
    }
    let plan = halting(&caches, means.stop, || plan_knowing(session, wish, store, elsewhere, &settled))?;
    let to_come = if elsewhere.is_some() { still_to_come(wish, store, &plan) } else { 0 };
    let expected = to_come + plan.nodes.iter().filter(|planned| planned.may_run()).count();
    let last_good =
        if wish.keep_last_good { last_good::last_good(session, store, &wish.wanted)? } else { BTreeMap::new() };
    let usual = if expected == 0 { Usual::default() } else { usual(session, store, &plan)? };
    let order = Order {
        wanted: wish.wanted.clone(),
        again: wish.again.clone(),
        retry_failed: wish.retry_failed,
        here: Vec::new(),
        places: means.places(),
        usual: usual.times,
        guessed: usual.guessed,
        fail_fast: means.fail_fast,
        skips: true,
        last_good,
        expected,
        foreign: foreign(&session.graph, &plan, store, &means.cpus),
    };
    let recorder = Recorder::start(session, store, asked, &plan, (to_come > 0, means.places().jobs), sink);
    let pass_on = |event: Event| {
        recorder.take(&event);
        sink(event);
    };
    let recorded = |event: Event| with_caches(event, &caches, &pass_on);
    // What is skipped is told by who runs the rest, also where there is none.
    if expected == 0 && plan.skipped().next().is_none() {
        tidy(store, sink);
        exec::tell_of_done(&session.excepted, |id| plan.of(id).is_some(), sink);
        let outcome = nothing_to_do(plan.nodes.len(), began, &recorded);
        exec::settle_owed(store)?;
        sink(Event::RunSaved { saved: recorder.finish(&outcome) });
        return Ok(outcome);
    }
    let ran = halting(&caches, means.stop, || run(session, &order, store, means, &recorded, elsewhere));
    let ran = ran.and_then(|outcome| exec::settle_owed(store).map(|()| outcome));
    if ran.is_err() {
        // There was no last word.
        tell_of(&caches, &pass_on);
    }
    if let Ok(outcome) = &ran {
        keeping::keep(session, store, |id| outcome.settled.get(&id).map(|(key, _)| *key))?;
        last_good::note_run(session, store, outcome)?;
    }
    match &ran {
        Ok(outcome) => sink(Event::RunSaved { saved: recorder.finish(outcome) }),
        Err(failure) => recorder.abandon(&failure.to_string()),
    }
    ran
}

/// Runs everything where that is known to come to nothing without evaluating the project; `None` where it is not.
///
/// # Errors
/// Where the user's settings are wrong.
pub fn build_idle(
    project: &Project,
    store: &Store,
    offline: bool,
    sink: &Sink<'_>,
) -> Result<Option<Outcome>, Failure> {
    let began = Instant::now();
    if !store.owed().is_empty() || !is_listed(project, store) {
        return Ok(None);
    }
    // What is expected to fail and does not is told by each run.
    if !project.exceptions()?.in_force(ExceptionKind::ExpectFailure, &project::today()).is_empty() {
        return Ok(None);
    }
    let Some(found) = Idle::of(project, store).and_then(|idle| idle.recall(project, store)) else { return Ok(None) };
    let caches = super::cache::caches(project, offline, false)?;
    Ok(Some(nothing_at_all(found, began, (store, &caches), sink)))
}

/// The run of every morning: so many nodes, which spare so much. What is clean is not even looked at.
fn nothing_at_all(
    (nodes, clean): (usize, Spared),
    began: Instant,
    (store, caches): (&Store, &Caches),
    sink: &Sink<'_>,
) -> Outcome {
    tidy(store, sink);
    let outcome = nothing_to_do(nodes, began, &|event| with_caches(event, caches, sink));
    sink(Event::RunSaved { saved: Saved { store: clean, ..Saved::default() } });
    outcome
}

/// The run of so many nodes of which all are clean: no node is looked at again, as nothing reads any.
fn nothing_to_do(nodes: usize, began: Instant, sink: &Sink<'_>) -> Outcome {
    let counts = Counts { nodes, clean: nodes, ..Counts::default() };
    sink(Event::RunStarted { nodes, will_run: 0, expected_milliseconds: None });
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    sink(Event::RunFinished { counts, milliseconds });
    Outcome { counts, ..Outcome::default() }
}

/// Does `deed`; what it asks caches ends when `stop` is set.
pub(super) fn halting<T>(caches: &Caches, stop: &AtomicBool, deed: impl FnOnce() -> T) -> T {
    if caches.is_empty() {
        return deed();
    }
    std::thread::scope(|scope| {
        let (ended, watched) = mpsc::channel::<()>();
        scope.spawn(move || {
            while watched.recv_timeout(Duration::from_millis(50)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if stop.load(Ordering::Relaxed) {
                    return caches.halt();
                }
            }
        });
        let done = deed();
        drop(ended);
        done
    })
}

/// How many of what was asked for by name are realised, but have their bytes still in a cache.
fn still_to_come(wish: &Wish, store: &Store, plan: &Plan) -> usize {
    let owed = store.owed();
    let is_owed = |id: &&NodeId| {
        let planned = plan.of(**id).filter(|planned| planned.state == State::Clean);
        planned.and_then(|planned| planned.key).is_some_and(|key| owed.contains(&key))
    };
    if owed.is_empty() { 0 } else { wish.wanted.iter().filter(is_owed).count() }
}

/// Tells `event`, and before the last word of a run what caches were good for.
fn with_caches(event: Event, caches: &Caches, sink: &Sink<'_>) {
    if matches!(event, Event::RunFinished { .. }) {
        tell_of(caches, sink);
    }
    sink(event);
}

/// Tells what caches were good for.
pub(super) fn tell_of(caches: &Caches, sink: &Sink<'_>) {
    for Known { cache, realisation } in caches.take_learned() {
        let Realisation { node, key, milliseconds, cpu_milliseconds, .. } = realisation;
        sink(Event::NodeKnown { node, key, cache, milliseconds, cpu_milliseconds });
    }
    caches.take_notices().into_iter().for_each(|text| sink(Event::Notice { text }));
    for used in caches.used() {
        if used.asked > 0 || used.fetched > 0 || used.left_out.is_some() {
            sink(Event::CacheUsed(used));
        }
    }
}

/// Runs `order`.
///
/// # Errors
/// As [`build`].
pub fn run(
    session: &Session,
    order: &Order,
    store: &Store,
    means: &Means<'_>,
    sink: &Sink<'_>,
    elsewhere: Option<&dyn Elsewhere>,
) -> Result<Outcome, Failure> {
    let archives = archives(session, store, means);
    with_context(session, store, means, sink, (archives, elsewhere), |ctx| exec::run(&session.graph, order, ctx))
}

/// The archives of a run.
pub(super) fn archives<'a>(session: &'a Session, store: &'a Store, means: &Means<'a>) -> Archives<'a> {
    Archives::new(store, &session.project.settings.mirrors, means.offline, means.stop, project::host_apt)
}

/// Does `work` with what nodes that run may use: these archives, and what is elsewhere.
///
/// # Errors
/// As [`build`], and those of `work`.
pub(super) fn with_context<T>(
    session: &Session,
    store: &Store,
    means: &Means<'_>,
    sink: &Sink<'_>,
    (archives, elsewhere): (Archives<'_>, Option<&dyn Elsewhere>),
    work: impl FnOnce(&Context<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let launcher = Launcher::this_program()?;
    tidy(store, sink);
    let checkouts = Checkouts::new(store, &session.project.settings.sources, means.offline, means.stop);
    let checkouts = if archives.is_closed() { checkouts.closed() } else { checkouts };
    let (sources, root) = (&session.project.settings.sources, session.project.root());
    let upstreams = Upstreams::new(store, sources, root, means.offline, means.stop);
    let upstreams = if archives.is_closed() { upstreams.closed() } else { upstreams };
    work(&Context {
        store,
        import: &|folder: &str| session.project.import(folder, store),
        elsewhere,
        now: project::now,
        today: project::today(),
        excepted: &session.excepted,
        distros: &session.evaluated()?.distros,
        launcher,
        cpus: means.cpus.clone(),
        limits: session.project.settings.limits.clone(),
        cancel: means.cancel.clone(),
        stop: means.stop,
        archives,
        checkouts,
        upstreams,
        cores: means.cores.unwrap_or_else(cores),
        sink,
        universes: Mutex::new(BTreeMap::new()),
        rpm_universes: Mutex::new(BTreeMap::new()),
        keys: &|distro, rpm| session.project.rpm_keys(distro, rpm),
    })
}

/// Removes what dead runs left that only a sandbox may remove, and tells what the store mended.
fn tidy(store: &Store, sink: &Sink<'_>) {
    let remove = |path: &HostPath| sandbox::remove(&Launcher::this_program()?, path);
    for notice in store.take_notices() {
        let text = match notice {
            Notice::StaleWork(path) => match remove(&path) {
                Ok(()) => continue,
                Err(error) => format!("cannot remove `{path}`, which a dead run left: {error}"),
            },
            Notice::IndexRebuilt => {
                "the store's index was missing, damaged or of another version, and has been made anew".to_owned()
            }
            Notice::IndexInMemory { why } => {
                format!("the store's index cannot be kept on disk ({why}): look-ups are slow")
            }
            Notice::DamagedRecord(path) => format!("`{path}` is damaged and counts as absent: its node runs again"),
            Notice::Night { path, newer: false } => format!("`{path}` is damaged: that nightly counts as absent"),
            Notice::Night { path, newer: true } => {
                format!("a newer opb wrote `{path}`: that nightly counts as absent")
            }
            Notice::TornLedger(path) => format!("the last line of `{path}` was torn by a crash, and has been cut off"),
        };
        sink(Event::Notice { text });
    }
}
