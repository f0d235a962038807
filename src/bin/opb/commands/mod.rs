//! One file for each verb: its arguments, one deed of `ops`, and how the result is shown.

pub mod baseline;
pub mod build;
pub mod cache;
pub mod check;
pub mod completions;
pub mod definitions;
pub mod diff;
pub mod doctor;
pub mod eval;
pub mod except;
pub mod exceptions;
pub mod fetch;
pub mod hotfix;
pub mod import;
pub mod init;
pub mod key;
pub mod log;
pub mod new;
pub mod nightly;
pub mod plan;
pub mod query;
pub mod repo;
pub mod report;
pub mod run;
pub mod runs;
pub mod shell;
pub mod stage;
pub mod store;
pub mod timings;
pub mod update;
pub mod verify;
pub mod why;

use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opb::diag::Failure;
use opb::exec::NodeError;
use opb::name::ChannelName;
use opb::ops::build::Means;
use opb::ops::session::Session;
use opb::path::HostPath;
use opb::project::{Place, Project};
use opb::sandbox::Cancel;
use opb::store::Store;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{Cli, Global, Verb};
use crate::output;

/// Does what the arguments ask for.
pub fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Init(args) => init::run(global, args),
        Verb::New(args) => new::run(global, args),
        Verb::Import(args) => import::run(global, args),
        Verb::Eval(args) => eval::run(global, args),
        Verb::Query(args) => query::run(global, args),
        Verb::Check(args) => check::run(global, args),
        Verb::Plan(args) => plan::run(global, args),
        Verb::Build(args) => build::run(global, args),
        Verb::Nightly(args) => nightly::run(global, args),
        Verb::Baseline(args) => baseline::run(global, args),
        Verb::Cache(args) => cache::run(global, args),
        Verb::Fetch(args) => fetch::run(global, args),
        Verb::Log(args) => log::run(global, args),
        Verb::Verify(args) => verify::run(global, args),
        Verb::Why(args) => why::run(global, args),
        Verb::Runs(args) => runs::run(global, args),
        Verb::Timings(args) => timings::run(global, args),
        Verb::Report(args) => report::run(global, args),
        Verb::Diff(args) => diff::run(global, args),
        Verb::Doctor(args) => doctor::run(global, args),
        Verb::Update(args) => update::run(global, args),
        Verb::Hold(args) => except::hold(global, args),
        Verb::Skip(args) => except::skip(global, args),
        Verb::ExpectFailure(args) => except::expect_failure(global, args),
        Verb::Exceptions(args) => exceptions::run(global, args),
        Verb::Key(args) => key::run(global, args),
        Verb::Repo(args) => repo::run(global, args),
        Verb::Hotfix(args) => hotfix::run(global, args),
        Verb::Stage(args) => stage::run(global, args),
        Verb::Store(args) => store::run(global, args),
        Verb::Run(args) => run::run(global, args),
        Verb::Shell(args) => shell::run(global, args),
        Verb::Definitions(args) => definitions::run(global, args),
        Verb::Completions(args) => completions::run(global, args),
    }
}

/// The evaluated project, its notices shown. Not to be dropped: the process ends soon, and the system frees a large graph
/// faster.
fn open(global: &Global) -> Result<ManuallyDrop<Session>, Failure> {
    evaluated(global, global.place().open()?)
}

/// The same with the lock that `channel` is made from.
fn open_for(global: &Global, channel: &ChannelName) -> Result<ManuallyDrop<Session>, Failure> {
    evaluated(global, Place { folder: &global.directory, channel: Some(channel) }.open()?)
}

/// `project`, evaluated, as [`open`] gives it.
fn evaluated(global: &Global, project: Project) -> Result<ManuallyDrop<Session>, Failure> {
    let (file, is_own) = (project.lock_file(), project.lock_name().is_some());
    let mut session = Session::of(project).map_err(|failure| match is_own {
        false => failure,
        // What it says of `opb.lock` and `opb update` is meant of this one.
        true => {
            let report = failure.report.wrap_err(format!("the project cannot be evaluated with the pins in `{file}`"));
            Failure { cause: failure.cause, report }
        }
    })?;
    output::warnings(global, std::mem::take(&mut session.warnings));
    let told = session.notices.iter().cloned();
    let (missed, others): (Vec<String>, Vec<String>) = told.partition(|notice| opb::eval::weave::is_missed(notice));
    output::notices(global, &missed);
    output::asides(global, &others);
    Ok(ManuallyDrop::new(session))
}

/// The store that the arguments mean.
fn open_store(global: &Global, session: &Session) -> Result<Store, Failure> {
    Ok(Store::open(&session.project.store_path(global.store.as_deref()))?)
}

/// A path that was given, as one that begins at the root.
fn absolute(path: &Path) -> HostPath {
    HostPath::new(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// How a run may use the machine. Ctrl-C and termination end it in order; a second one ends the program at once.
fn means(global: &Global) -> Result<Means<'static>, Failure> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let failed = |doing| move |source| NodeError::File { doing, path: "signals".to_owned(), source };
    let cancel = Cancel::new().map_err(failed("prepare for"))?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed("listen to"))?;
    let ends = cancel.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if STOP.swap(true, Ordering::Relaxed) {
                // What runs in sandboxes ends with this process; the store is sound at any moment.
                std::process::exit(i32::from(crate::exit::STOPPED));
            }
            ends.cancel();
        }
    });
    Ok(Means {
        jobs: global.jobs.map(usize::from),
        fetches: None,
        cores: None,
        fail_fast: global.fail_fast,
        offline: global.offline,
        stop: &STOP,
        cancel,
        cpus: Arc::default(),
    })
}
