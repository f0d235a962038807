//! Nodes that run a script in a sandbox: probes, source packages and builds.
//!
//! A script sees `/in/source` (read-only; not that of a probe), `/in/packages`, `/in/sources` and `/in/files` where recipes lay something
//! into a source, `/in/packages` or `/in/debs` where it is a check's, `/opb` (itself and small files), `/out` (where its outputs go, a folder for each) and works as the user
//! `builder` in `/build`. Outputs are imported when nothing of the sandbox runs any more.

use std::collections::BTreeMap;
use std::path::Path;

use cap_std::fs::Dir;

use super::checking;
use super::context::{Context, Job};
use super::error::NodeError;
use super::failed::{self, TREE};
use super::guest::{clean, finished, logged_all};
use super::laid;
use super::limits;
use super::outputs::Left;
use super::roots::layers;
use crate::diag::{Cause, Failure};
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs, Script, Template};
use crate::family::laid::UPSTREAM;
use crate::family::probe;
use crate::name::{Check, Kind};
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{self, Bind, GuestUser, Limits, Network, Outcome, Request, RootFs, Step, Upper};
use crate::store::collect::disk_bytes;
use crate::store::{ExportMode, WorkDir};
use crate::tree::Tree;

/// The outputs' folder in a work folder.
pub const OUT: &str = "tree/more/out";

/// The scratch folder in a work folder.
const SCRATCH: &str = "scratch";

/// Where a script is inside.
pub const SCRIPT: &str = "/opb/script";

/// Who answers for names, of a script with the network.
const RESOLVER: &str = "/etc/resolv.conf";

/// The most bytes of a variable in which probes stand.
const MAX_VARIABLE: usize = 64 << 10;

/// Where scripts write: their own folders, and what is everybody's in any system.
const WRITABLE: [&str; 7] = ["/build", "/out", "/tmp", "/var/tmp", "/run/lock", "/dev", "/proc"];

/// What a script came to.
pub struct Ran {
    /// Its outputs, in the store.
    pub outputs: Outputs,
    /// Its log, in the store.
    pub log: Digest,
    /// What it took.
    pub outcome: Outcome,
    /// What it took of the disk, in bytes.
    pub disk: u64,
}

/// What is done in a script's root before the script.
pub struct Before {
    /// What is seen for it.
    pub binds: Vec<Bind>,
    /// What is done.
    pub steps: Vec<Step>,
}

/// What is to be run.
pub struct Task<'a> {
    /// The action key.
    pub key: ActionKey,
    /// The script.
    pub script: &'a Script,
    /// What its environment has besides its own.
    pub env: &'a [(&'a str, String)],
    /// The check that it is the script of, if it is one's.
    pub check: Option<Check>,
    /// What is done in its root before it, if anything.
    pub before: Option<&'a Before>,
    /// When to end it.
    pub limits: &'a Limits,
    /// Takes its outputs into the store, if they are good.
    pub take: &'a dyn Fn(&Left<'_>) -> Result<Outputs, Failure>,
}

/// Runs a script over the root of the input `root`, with the tree of the input `source` unless it is a probe's. Where it fails for
/// a fault of its own, its tree is kept.
///
/// # Errors
/// Where the sandbox cannot be made, the script fails, or an output may not enter the store.
pub fn run(ctx: &Context<'_>, job: &Job<'_>, task: &Task<'_>) -> Result<Ran, Failure> {
    let node = job.node();
    let limits = limits::bounded(&ctx.limits_of(&node.name()), task.limits);
    let work = ctx.store.new_work()?;
    let mut requests = match task.check {
        Some(check) => checking::ready(ctx, job, (check, task.script), (&work, limits))?,
        None => vec![ready(ctx, job, task.script, task.env, (&work, limits))?],
    };
    if let Some(before) = task.before {
        for request in &mut requests {
            request.binds.extend(before.binds.iter().cloned());
            request.steps.splice(0..0, before.steps.iter().cloned());
        }
    }
    let what = match node.kind() {
        Kind::Probe => format!("the probe `{}`", probe::command(task.script)),
        Kind::Check => task.check.map_or_else(String::new, |check| format!("the check `{check}`")),
        _ => "the script".to_owned(),
    };
    ctx.phase(node, "running");
    // The one that runs, and the first in which something was found, where that does not end them.
    let (mut current, mut telling) = (0, None);
    let mut ended = |turn: usize| -> Result<(), Failure> {
        if turn + 1 < requests.len() {
            current = turn + 1;
            if telling.is_none() && checking::a_test_failed(&work) {
                telling = Some(turn);
            } else {
                sandbox::remove(&ctx.launcher, &requests[turn].scratch)?;
            }
        }
        Ok(())
    };
    let (outcome, log, said) = logged_all(ctx, &work, &node.name(), &requests, &mut ended)?;
    job.is_over();
    let checked = finished(ctx, &node.name(), outcome, &what, &limits, (log, &said));
    let kept = if checked.is_ok() { telling.unwrap_or(current) } else { current };
    let ran = checked.and_then(|()| {
        ctx.phase(node, "storing outputs");
        let scratch = requests.iter().filter_map(|request| work.dir().open_dir(scratch(&work, request)).ok());
        let written = scratch.chain(work.dir().open_dir(OUT));
        let disk = written.map(disk_bytes).sum();
        let path = work.path().join(OUT);
        let failed = |source| NodeError::File { doing: "read", path: path.to_string(), source };
        let out = work.dir().open_dir(OUT).map_err(failed)?;
        let outputs = (task.take)(&Left { node: &node.to_string(), out: &out, path: &path, log, text: &said.text })?;
        Ok(Ran { outputs, log, outcome, disk })
    });
    if ran.as_ref().is_err_and(|failure| failure.cause == Cause::Build) {
        // A build that failed has more to say than that there was no room to keep its tree.
        let _ = failed::keep(ctx, job, task.key, (&work, &requests[kept]));
    }
    clean(&ctx.launcher, work);
    ran
}

/// What running `script` comes to, with all that it sees laid out in `work`. Its last step is the script.
///
/// # Errors
/// Where something that it reads is not in the store, or cannot be laid out.
pub fn ready(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    more_env: &[(&str, String)],
    (work, limits): (&WorkDir, Limits),
) -> Result<Request, Failure> {
    let node = job.node();
    let source = if node.kind() == Kind::Probe { None } else { Some(job.input("source")?.1) };
    let mut trees: Vec<(&str, Tree)> = Vec::new();
    if let Some(source) = source {
        trees.push(("source", ctx.store.get_tree(source)?));
        let packages = ("packages", laid::packages(ctx, job)?);
        let laid = [packages, ("sources", laid::sources(ctx, job)?), ("files", laid::files(ctx, job, script)?)];
        trees.extend(laid.into_iter().filter(|(_, tree)| !tree.is_empty()));
        if let Some((_, upstream)) = job.inputs(UPSTREAM)?.into_iter().next() {
            trees.push((UPSTREAM, ctx.store.get_tree(upstream)?));
        }
    }
    let mut request = laid_out(ctx, job, script, &trees, more_env, (work, limits))?;
    if node.kind() == Kind::Probe {
        // Its script begins with the command itself.
        let last = request.steps.len() - 1;
        request.steps.insert(last, folder(&format!("/out/{}", probe::VALUE)));
    }
    Ok(request)
}

/// What running `script` comes to where it sees `trees`, each by its name below `/in`. Its last step is the script.
///
/// # Errors
/// As [`ready`].
pub fn laid_out(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    trees: &[(&str, Tree)],
    more_env: &[(&str, String)],
    (work, limits): (&WorkDir, Limits),
) -> Result<Request, Failure> {
    let cpu = ctx.runs(job.node(), job.graph)?.cpu().clone();
    let (root, _) = job.input("root")?;
    prepare(ctx, work, script, trees)?;
    let mut env = script.env.clone();
    for (name, template) in &script.env_with_probes {
        env.insert(name.clone().into(), filled(ctx, job, name, template)?.into());
    }
    env.extend(more_env.iter().map(|(key, value)| ((*key).into(), value.clone().into())));
    let env = env.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let tree = work.path().join(TREE);
    let of_tree = |(name, _): &(&str, Tree)| bind(&tree, &format!("in/{name}"), &format!("/in/{name}"));
    let mut binds: Vec<Bind> = trees.iter().map(of_tree).collect();
    binds.push(bind(&tree, "opb", "/opb"));
    let network = if script.network { Network::Host } else { Network::None };
    // A host that asks nobody for names has no such file.
    if network == Network::Host && nix::unistd::access(RESOLVER, nix::unistd::AccessFlags::R_OK).is_ok() {
        binds.push(super::guest::read_only(HostPath::new(RESOLVER), RESOLVER));
    }
    binds.push(Bind { writable: true, collect: true, ..bind(&tree, "more/out", "/out") });
    let steps = vec![folder("/build"), folder("/out"), run_step(env)];
    Ok(Request {
        root: RootFs::Layers { lowers: layers(ctx.store, &ctx.launcher, job, root)?, upper: Upper::Discard },
        scratch: work.path().join(SCRATCH),
        binds,
        steps,
        limits,
        cpu,
        network,
        inner: None,
    })
}

/// The same, with a scratch folder of its own, of which `number` is the number.
///
/// # Errors
/// Where the folder cannot be made.
pub fn beside(ctx: &Context<'_>, work: &WorkDir, request: &Request, number: usize) -> Result<Request, Failure> {
    let scratch = work.path().join(format!("{SCRATCH}-{number:03}"));
    ctx.launcher.map.make_dir_for_guest(scratch.as_path())?;
    Ok(Request { scratch, ..request.clone() })
}

/// Where in `work` the scratch folder of `request` is, which is laid out there.
pub fn scratch<'a>(work: &WorkDir, request: &'a Request) -> &'a Path {
    let path = request.scratch.as_path();
    path.strip_prefix(work.path().as_path()).unwrap_or(path)
}

/// The step of a script.
pub fn run_step(env: BTreeMap<String, String>) -> Step {
    Step::Run {
        argv: vec!["/bin/sh".to_owned(), SCRIPT.to_owned()],
        env,
        cwd: GuestPath::new("/build"),
        user: GuestUser::Builder,
        writable: Some(WRITABLE.map(GuestPath::new).to_vec()),
    }
}

/// What the environment of a build has besides its script's own.
pub fn build_env(ctx: &Context<'_>, number: u32) -> [(&'static str, String); 2] {
    [("OPB_NUMBER", number.to_string()), ("OPB_CORES", ctx.cores.to_string())]
}

/// The value of the variable `name`, with what probes have said.
fn filled(ctx: &Context<'_>, job: &Job<'_>, name: &str, template: &Template) -> Result<String, Failure> {
    let mut length = template.as_ref().len();
    template.filled(|role| {
        let said = super::probing::said(ctx, job.input(role)?.1)?.unwrap_or_default();
        // A short command may stand in a text a thousand times.
        length += said.len();
        if length > MAX_VARIABLE {
            return Err(NodeError::Variable { name: name.to_owned(), most: MAX_VARIABLE >> 10 }.into());
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    })
}

fn prepare(ctx: &Context<'_>, work: &WorkDir, script: &Script, trees: &[(&str, Tree)]) -> Result<(), Failure> {
    let failed = |name: &str| {
        let path = work.path().join(name).to_string();
        move |source| NodeError::File { doing: "write", path, source }
    };
    let make = |name: &str| -> Result<Dir, NodeError> {
        let name = format!("{TREE}/{name}");
        work.dir().create_dir(&name).map_err(failed(&name))?;
        world_readable(work, &name).map_err(failed(&name))?;
        work.dir().open_dir(&name).map_err(failed(&name))
    };
    make("")?;
    for name in [SCRATCH.to_owned(), format!("{TREE}/more"), OUT.to_owned()] {
        ctx.launcher.map.make_dir_for_guest(work.path().join(name).as_path())?;
    }
    make("in")?;
    for (name, tree) in trees {
        ctx.store.export_tree(tree, &make(&format!("in/{name}"))?, ExportMode::HardLink)?;
    }
    let own = make("opb")?;
    own.write("script", script.text.as_bytes()).map_err(failed("opb/script"))?;
    make("opb/files")?;
    for (name, content) in script.files.iter().filter(|(name, _)| !laid::is_laid(name)) {
        own.write(format!("files/{name}"), content).map_err(failed("opb/files"))?;
    }
    Ok(())
}

/// Folders that the guest reads get their mode here, whatever the umask.
fn world_readable(work: &WorkDir, name: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o755));
    work.dir().set_permissions(name, mode)
}

/// A folder of `tree` for the guest to read.
pub fn bind(tree: &HostPath, name: &str, guest: &str) -> Bind {
    super::guest::read_only(tree.join(name), guest)
}

fn folder(path: &str) -> Step {
    Step::MakeFolder { path: GuestPath::new(path), mode: 0o755, owner: GuestUser::Builder }
}
