//! Running a command of one's own in a disposable copy of a root.

use super::build::Means;
use super::session::Session;
use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Cause, Caused, Failure};
use crate::event::Sink;
use crate::exec::{self, Job, Met, NodeError, Order, layers, root_env};
use crate::graph::NodeId;
use crate::name::Kind;
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{
    self, Bind, Cancel, Cpu, End, GuestUser, Launcher, Limits, Network, Outcome, Request, RootFs, Step, Upper,
};
use crate::settings::GuestLimits;
use crate::store::Store;

/// What to run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Files and folders of the host to be seen, read-only.
    pub binds: Vec<(HostPath, GuestPath)>,
    /// As root, or as `builder`.
    pub user: GuestUser,
}

/// Why a command cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RunError {
    /// It is no root.
    #[error("`{node}` is no root")]
    #[diagnostic(
        code(opb::run::no_root),
        help("name a root, such as `root:base@debian-12/amd64`; `opb eval` lists them")
    )]
    NoRoot {
        /// The node.
        node: String,
    },
    /// The root could not be made.
    #[error("the root `{node}` could not be made")]
    #[diagnostic(code(opb::run::not_made), help("read the errors above"))]
    NotMade {
        /// The node.
        node: String,
    },
    /// The command wanted more of the machine than it may have.
    #[error("the command {how}")]
    #[diagnostic(code(opb::run::limit), help("{help}"))]
    Limit {
        /// Which limit, and its value.
        how: String,
        /// How to raise it.
        help: String,
        /// Whose limit it is.
        cause: Cause,
    },
}

impl Caused for RunError {
    fn fault(&self) -> Cause {
        match self {
            Self::NoRoot { .. } => Cause::Input,
            Self::NotMade { .. } => Cause::Environment,
            Self::Limit { cause, .. } => *cause,
        }
    }
}

/// Makes sure that the root `id` is here, runs `command` in a copy of it, and throws the copy away. There is no network.
///
/// `output` gets what the command writes. `None` where it was stopped.
///
/// # Errors
/// Where `id` is no root or cannot be made, or no sandbox be started.
pub fn run(
    session: &Session,
    store: &Store,
    id: NodeId,
    command: &Command,
    means: &Means<'_>,
    sink: &Sink<'_>,
    output: &mut dyn FnMut(&[u8]),
) -> Result<Option<i32>, Failure> {
    let node = session.graph.node(id).name();
    if node.kind != Kind::Root {
        return Err(RunError::NoRoot { node: node.to_string() }.into());
    }
    let expected = 0;
    let order = Order { wanted: vec![id], here: vec![id], places: means.places(), expected, ..Order::default() };
    let caches = super::cache::caches(&session.project, means.offline, false)?;
    let make = || super::build::run(session, &order, store, means, sink, caches.as_elsewhere());
    let outcome = super::build::halting(&caches, means.stop, make)?;
    super::build::tell_of(&caches, sink);
    if !outcome.settled.contains_key(&id) {
        return Err(RunError::NotMade { node: node.to_string() }.into());
    }
    let launcher = Launcher::this_program()?;
    let job = Job {
        graph: &session.graph,
        id,
        again: false,
        retry: true,
        tries: 1,
        settled: outcome.settled,
        without: BTreeSet::new(),
        kept: BTreeMap::new(),
        over: None,
    };
    let lowers = layers(store, &launcher, &job, id)?;
    let limits = exec::bounded(&session.project.settings.limits.all, &Limits::NONE);
    let arch = exec::arch_of(session.graph.node(id), &session.graph).unwrap_or(sandbox::host_arch());
    let runs = means.cpus.of(store, &launcher, arch)?;
    let runs = runs.map_err(|why| NodeError::Foreign { arch: arch.to_owned(), why })?;
    let ended = start(store, &launcher, lowers, (command, limits, runs.cpu()), &means.cancel, output)?;
    code_of(ended.end, (&session.project.settings.limits.all, ""), &limits)
}

/// The exit code of a command that ran for `component` (none: empty) within `limits`; `None` where it was stopped.
///
/// # Errors
/// [`RunError::Limit`].
pub(super) fn code_of(
    end: End,
    (set, component): (&GuestLimits, &str),
    limits: &Limits,
) -> Result<Option<i32>, Failure> {
    Ok(match end {
        End::Exit(code) => Some(code),
        End::Signal(signal) => Some(128 + signal),
        End::Cancelled => None,
        end => {
            let met = exec::met(set, component, end, limits);
            return met
                .map_or(Ok(None), |Met { how, help, cause, .. }| Err(RunError::Limit { how, help, cause }.into()));
        }
    })
}

fn start(
    store: &Store,
    launcher: &Launcher,
    lowers: Vec<HostPath>,
    (command, limits, cpu): (&Command, Limits, &Cpu),
    cancel: &Cancel,
    output: &mut dyn FnMut(&[u8]),
) -> Result<Outcome, Failure> {
    let work = store.new_work()?;
    let scratch = work.path().join("scratch");
    launcher.map.make_dir_for_guest(scratch.as_path())?;
    let binds = command.binds.iter().map(|(host, guest)| Bind {
        host: host.clone(),
        guest: guest.clone(),
        writable: false,
        collect: false,
    });
    let request = Request {
        root: RootFs::Layers { lowers, upper: Upper::Discard },
        scratch,
        binds: binds.collect(),
        steps: vec![Step::Run {
            argv: command.argv.clone(),
            env: root_env(),
            cwd: GuestPath::new("/"),
            user: command.user,
            writable: None,
        }],
        limits,
        cpu: cpu.clone(),
        network: Network::None,
        inner: None,
    };
    let ended = sandbox::run(launcher, &request, output, cancel);
    exec::clean(launcher, work);
    Ok(ended?)
}
