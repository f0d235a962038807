//! Building: runs what a wish comes to.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::keeping;
use super::plan::{Asked, Wish, plan_and_whole};
use super::record::Recorder;
use super::session::Session;
use crate::diag::Failure;
use crate::event::{Event, Sink};
use crate::exec::{self, Archives, Context, Order, Outcome};
use crate::plan::State;
use crate::project;
use crate::sandbox::{self, Cancel, Launcher};
use crate::store::{Notice, Store};

/// How a run may use the machine.
#[derive(Clone)]
pub struct Means<'a> {
    /// Nodes at once; `None`: as many as there are cores.
    pub jobs: Option<usize>,
    /// Start nothing new once something has failed.
    pub fail_fast: bool,
    /// Use no network.
    pub offline: bool,
    /// Set to stop.
    pub stop: &'a AtomicBool,
    /// Ends what runs, together with `stop`.
    pub cancel: Cancel,
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
    let (plan, whole) = plan_and_whole(session, wish, store)?;
    let expected = plan.nodes.iter().filter(|planned| planned.state != State::Clean).count();
    let whole = whole.filter(|_| expected == 0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = means.jobs.unwrap_or(cores);
    let order = Order {
        wanted: wish.wanted.clone(),
        again: wish.again.clone(),
        here: Vec::new(),
        jobs,
        fail_fast: means.fail_fast,
        expected,
    };
    let recorder = Recorder::start(session, store, asked, (&plan, whole), sink);
    let recorded = |event: Event| {
        recorder.take(&event);
        sink(event);
    };
    // Every build may use all cores: how many others run beside it is not known when it starts.
    let ran = run(session, &order, store, means, &recorded, cores);
    if let Ok(outcome) = &ran
        && expected > 0
    {
        keeping::keep(session, store, |id| outcome.settled.get(&id).map(|(key, _)| *key))?;
    }
    match &ran {
        Ok(outcome) => sink(Event::RunSaved { saved: recorder.finish(outcome) }),
        Err(failure) => recorder.abandon(&failure.to_string()),
    }
    ran
}

/// Runs `order`; a build may use `cores`.
///
/// # Errors
/// As [`build`].
pub fn run(
    session: &Session,
    order: &Order,
    store: &Store,
    means: &Means<'_>,
    sink: &Sink<'_>,
    cores: usize,
) -> Result<Outcome, Failure> {
    let launcher = Launcher::this_program()?;
    tidy(store, &launcher, sink);
    let ctx = Context {
        store,
        import: &|folder: &str| session.project.import(folder, store),
        now: project::now,
        today: project::today(),
        distros: &session.evaluated()?.distros,
        launcher,
        cancel: means.cancel.clone(),
        stop: means.stop,
        archives: Archives::new(store, &session.project.settings.mirrors, means.offline, means.stop, project::host_apt),
        cores,
        sink,
        universes: Mutex::new(BTreeMap::new()),
    };
    exec::run(&session.graph, order, &ctx)
}

/// Removes what dead runs left that only a sandbox may remove, and tells what the store mended.
fn tidy(store: &Store, launcher: &Launcher, sink: &Sink<'_>) {
    for notice in store.take_notices() {
        let text = match notice {
            Notice::StaleWork(path) => match sandbox::remove(launcher, &path) {
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
            Notice::TornLedger(path) => format!("the last line of `{path}` was torn by a crash, and has been cut off"),
        };
        sink(Event::Notice { text });
    }
}
