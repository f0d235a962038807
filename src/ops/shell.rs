//! A shell, or a command, where the script of a node would begin.
//!
//! Where the node has failed, the tree that was left is what it opens. Else what the node reads is made first, as for a build of
//! it. What is written goes into a layer that is thrown away: nothing of it enters the store.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

use super::build::{self, Means};
use super::run::code_of;
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::drv::Action;
use crate::event::{Event, Sink};
use crate::exec::{self, Context, Elsewhere, Job, Order, failed, shell};
use crate::graph::{Node, NodeId};
use crate::name::{Kind, component_of};
use crate::path::GuestPath;
use crate::report::shell::{FailedRun, Place};
use crate::sandbox::{self, End, GuestUser, Launcher, Request, Step};
use crate::store::{Attempt, HeldTree, Store};

/// What to open.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A command and its arguments instead of a shell.
    pub command: Option<Vec<String>>,
    /// As root of the sandbox instead of as the user `builder`.
    pub as_root: bool,
    /// As before the script, also where the tree of a failed run is there.
    pub fresh: bool,
}

/// Where its input comes from and its output goes to.
pub enum Attached<'a> {
    /// To a terminal.
    Terminal {
        /// What kind it is, for programs: the variable `TERM`.
        kind: String,
        /// Gets the outer side of the sandbox's own terminal before anything runs there.
        attach: &'a mut dyn FnMut(OwnedFd),
    },
    /// To something else.
    Streams {
        /// Gets the writing end of the pipe that its input is, before anything runs there. `None`: the input is empty.
        feed: Option<&'a mut dyn FnMut(OwnedFd)>,
        /// Gets what it writes.
        output: &'a mut dyn FnMut(&[u8]),
    },
}

/// Why no shell can be opened.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ShellError {
    /// Nothing runs for it.
    #[error("nothing runs in a sandbox for `{node}`")]
    #[diagnostic(code(opb::shell::no_sandbox), help("{help}"))]
    NoSandbox {
        /// The node.
        node: String,
        /// What to do.
        help: String,
    },
    /// What it reads could not be made.
    #[error("`{node}` needs what could not be made: {names}")]
    #[diagnostic(code(opb::shell::not_ready), help("read the errors above, and run `opb build --only {names}`"))]
    NotReady {
        /// The node.
        node: String,
        /// The inputs.
        names: String,
    },
    /// A shell is for people.
    #[error("a shell needs a terminal, and this is none")]
    #[diagnostic(
        code(opb::shell::no_terminal),
        help("say what is to run there, as in `opb shell {node} -- sh -c 'ls'`")
    )]
    NoTerminal {
        /// What was named.
        node: String,
    },
}

impl Caused for ShellError {
    fn fault(&self) -> Cause {
        match self {
            Self::NoSandbox { .. } | Self::NoTerminal { .. } => Cause::Input,
            Self::NotReady { .. } => Cause::Environment,
        }
    }
}

/// Opens what is `wanted` in the sandbox of the node `id`, and waits for its end. `tell` is told where that is, before anything
/// runs there. `None` where it was stopped.
///
/// # Errors
/// [`ShellError`], or where the sandbox cannot be made.
pub fn open(
    session: &Session,
    store: &Store,
    (id, wanted): (NodeId, &Wanted),
    means: &Means<'_>,
    sink: &Sink<'_>,
    tell: &mut dyn FnMut(&Place),
    attached: Attached<'_>,
) -> Result<Option<i32>, Failure> {
    let node = session.graph.node(id);
    if !shell::can_be_entered(&node.action()) {
        return Err(ShellError::NoSandbox { node: node.to_string(), help: instead_of(node) }.into());
    }
    let Some(base) = base(session, store, id, wanted, means, sink)? else { return Ok(None) };
    let archives = build::archives(session, store, means);
    build::with_context(session, store, means, sink, (archives, None), |ctx| {
        let work = ctx.store.new_work()?;
        let ended = (|| {
            let name = node.name();
            let (mut request, failed) = match &base {
                Base::Failed(held) => {
                    let Attempt { started, message, .. } = held.attempt.clone();
                    (failed::ready(ctx, (&session.graph, node), held, &work)?, Some(FailedRun { started, message }))
                }
                Base::Fresh(job) => (shell::ready(ctx, job, &work)?, None),
            };
            let place = Place { failed, ..take_place(&mut request, node, wanted, &attached) };
            tell(&place);
            let end = run(ctx, &request, attached)?;
            let component = component_of(name.kind, &name.subject).unwrap_or_default();
            code_of(end, (&ctx.limits_of(&name), component), &request.limits)
        })();
        exec::clean(&ctx.launcher, work);
        ended
    })
}

/// What a shell is opened over.
enum Base<'a> {
    /// What a failed run has left.
    Failed(Box<HeldTree>),
    /// What the script would find.
    Fresh(Job<'a>),
}

/// What a shell of the node `id` is opened over; `None` where making it was stopped.
fn base<'a>(
    session: &'a Session,
    store: &Store,
    id: NodeId,
    wanted: &Wanted,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Option<Base<'a>>, Failure> {
    let name = session.graph.node(id).to_string();
    let launcher = Launcher::this_program()?;
    let left = || if wanted.fresh { Ok(None) } else { failed::find(store, &launcher, &name) };
    if let Some(held) = left()? {
        return Ok(Some(Base::Failed(Box::new(held))));
    }
    let caches = super::cache::caches(&session.project, means.offline, false)?;
    let with = (means, caches.as_elsewhere());
    let prepared = build::halting(&caches, means.stop, || prepared(session, store, id, with, sink));
    build::tell_of(&caches, sink);
    let Some(job) = prepared? else { return Ok(None) };
    // The root that it was left over may have been the only thing that was gone.
    if let Some(held) = left()? {
        return Ok(Some(Base::Failed(Box::new(held))));
    }
    if !wanted.fresh && store.last_attempt_of_node(&name)?.is_some() {
        let text = format!("{name} has failed, but its tree is not there any more: this sandbox is a fresh one");
        sink(Event::Notice { text });
    }
    Ok(Some(Base::Fresh(job)))
}

/// Makes what the node `id` reads, or the node itself where it is a root; `None` where that was stopped.
fn prepared<'a>(
    session: &'a Session,
    store: &Store,
    id: NodeId,
    (means, elsewhere): (&Means<'_>, Option<&dyn Elsewhere>),
    sink: &Sink<'_>,
) -> Result<Option<Job<'a>>, Failure> {
    let node = session.graph.node(id);
    let mut read = if node.kind() == Kind::Root { vec![id] } else { node.input_nodes().to_vec() };
    read.sort_unstable();
    read.dedup();
    // What a root is stacked on may be gone although it is there itself.
    let below = read.iter().flat_map(|id| roots_below(session, *id));
    let wanted: Vec<NodeId> = read.iter().copied().chain(below).collect();
    let order = Order { wanted: wanted.clone(), here: wanted, places: means.places(), ..Order::default() };
    let outcome = build::run(session, &order, store, means, sink, elsewhere)?;
    let missing: Vec<String> = read
        .iter()
        .filter(|id| !outcome.settled.contains_key(id))
        .map(|id| session.graph.node(*id).to_string())
        .collect();
    if outcome.stopped {
        return Ok(None);
    }
    if !missing.is_empty() {
        return Err(ShellError::NotReady { node: node.to_string(), names: missing.join(" ") }.into());
    }
    let (settled, without, kept) = (outcome.settled, BTreeSet::new(), BTreeMap::new());
    Ok(Some(Job { graph: &session.graph, id, again: false, retry: true, tries: 1, settled, without, kept, over: None }))
}

fn roots_below(session: &Session, id: NodeId) -> impl Iterator<Item = NodeId> {
    let is_root = |id: &NodeId| session.graph.node(*id).kind() == Kind::Root;
    session.graph.node(id).input_nodes().iter().copied().filter(move |below| is_root(&id) && is_root(below))
}

/// Puts what is `wanted` in the place of the script.
fn take_place(request: &mut Request, node: Node<'_>, wanted: &Wanted, attached: &Attached<'_>) -> Place {
    let mut place = Place {
        node: node.to_string(),
        user: GuestUser::Builder,
        cwd: GuestPath::new("/"),
        script: shell::script_of(&node.action()),
        failed: None,
    };
    // Nothing is taken out.
    request.binds.iter_mut().for_each(|bind| bind.collect = false);
    if let Some(mut last) = request.steps.pop() {
        if let Step::Run { argv, env, cwd, user, writable } = &mut last {
            *argv = wanted.command.clone().unwrap_or_else(|| SHELL.map(str::to_owned).to_vec());
            if wanted.as_root {
                (*user, *writable) = (GuestUser::Root, None);
            }
            if let Attached::Terminal { kind, .. } = attached {
                env.insert("TERM".to_owned(), kind.clone());
            }
            (place.user, place.cwd) = (*user, cwd.clone());
        }
        request.steps.push(match attached {
            Attached::Terminal { .. } => Step::OnTerminal(Box::new(last)),
            Attached::Streams { feed: Some(_), .. } => Step::WithInput(Box::new(last)),
            Attached::Streams { feed: None, .. } => last,
        });
    }
    place
}

/// A shell for people, where the root has one.
const SHELL: [&str; 3] = ["/bin/sh", "-c", "if command -v bash > /dev/null; then exec bash; fi; exec sh"];

fn run(ctx: &Context<'_>, request: &Request, attached: Attached<'_>) -> Result<End, Failure> {
    let outcome = match attached {
        Attached::Terminal { attach, .. } => {
            sandbox::run_attached(&ctx.launcher, request, &mut |_| (), attach, &ctx.cancel)
        }
        Attached::Streams { feed: Some(feed), output } => {
            sandbox::run_attached(&ctx.launcher, request, output, feed, &ctx.cancel)
        }
        Attached::Streams { feed: None, output } => sandbox::run(&ctx.launcher, request, output, &ctx.cancel),
    };
    Ok(outcome?.end)
}

/// What to do with a node that has no sandbox.
fn instead_of(node: Node<'_>) -> String {
    let name = node.name();
    let of_kind = |kind: &str| format!("open one of a build or a root, such as `opb shell {kind}`");
    match node.action() {
        Action::SourcePackage { .. } => format!(
            "it passes through as the distribution has it: look at it in the sandbox of its build, `opb shell build:{}@{}/ARCH`, \
             in `/in/source`",
            name.subject, name.place
        ),
        Action::Source { .. } => {
            format!("open the sandbox of what reads it, such as `opb shell build:{}`", name.subject)
        }
        Action::Resolve(_) => of_kind(&format!("root:{}@{}", name.subject, name.place)),
        _ => "open the sandbox of a build, a source package, a probe or a root; `opb eval` lists them".to_owned(),
    }
}
