//! Nodes that make roots: a base from nothing, or a component's layer on a base.
//!
//! Both are made of packages in the store, without network, inside the sandbox: the essential packages of a base are
//! unpacked, then dpkg installs all in batches. A package whose `Pre-Depends` are in the same layer goes into a later
//! batch than those. At the end the root must hold exactly what the list says.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Job};
use super::debs;
use super::error::NodeError;
use super::guest::{clean, finished, logged, read_only, root_env};
use super::limits;
use super::packages::{self, Stored};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::graph::{Node, NodeId};
use crate::package::list::{Layer, PackageList};
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{GuestUser, Launcher, Limits, Network, Outcome, Request, RootFs, Step, Upper};
use crate::store::{Store, WorkDir};

const SCRIPT: &str = include_str!("root.sh");

/// The folders of the file system's root that are links into `/usr`, for every arch.
const MERGED: [&str; 3] = ["bin", "sbin", "lib"];

/// The arches whose programs name their loader in `/lib64`, which is such a link too.
const WIDE: [&str; 3] = ["amd64", "loong64", "ppc64el"];

/// What making a root may take.
const LIMITS: Limits = Limits { wall_seconds: Some(3_600), silence_seconds: None, log_bytes: 64 << 20, ..Limits::NONE };

/// The layers of `root`, topmost first.
///
/// # Errors
/// [`NodeError::NoInput`], which is a bug.
pub fn layers(store: &Store, launcher: &Launcher, job: &Job<'_>, root: NodeId) -> Result<Vec<HostPath>, NodeError> {
    let owner = super::knowledge::root_owner(Some(&launcher.map));
    Ok(layer_keys(job, root)?.into_iter().map(|key| store.root_path(key, owner)).collect())
}

/// The keys of the layers of `root`, topmost first.
///
/// # Errors
/// As [`layers`].
pub fn layer_keys(job: &Job<'_>, root: NodeId) -> Result<Vec<ActionKey>, NodeError> {
    let mut layers = Vec::new();
    let mut next = Some(root);
    while let Some(id) = next {
        let (key, _) = job.settled.get(&id).ok_or_else(|| NodeError::NoInput { role: "root".to_owned() })?;
        layers.push(*key);
        let node = job.graph.node(id);
        let base = node.inputs().position(|input| input.role == "base");
        next = base.map(|place| node.input_nodes()[place]);
    }
    Ok(layers)
}

/// Makes the root of `job`, whose key is `key`; returns its log, what it took, and its size in bytes.
///
/// # Errors
/// Where a package cannot be had, or does not install.
pub fn make(ctx: &Context<'_>, job: &Job<'_>, key: ActionKey) -> Result<(Digest, Outcome, u64), Failure> {
    let node = job.node();
    // Before anything is fetched for it.
    let runs = ctx.runs(node, job.graph)?;
    let (_, list) = job.input("list")?;
    let list = packages::list(ctx, list)?;
    let base = job.input("base").ok();
    let layer = if base.is_some() { Layer::Component } else { Layer::Base };
    let stored = packages::store(ctx, job, &list, layer)?;
    let batches = batches(&stored);
    let work = ctx.store.new_work()?;
    prepare(ctx, &work, (&list, layer), &stored, &batches)?;
    let mut steps = Vec::new();
    let root = match base {
        Some((base, _)) => RootFs::Layers {
            lowers: layers(ctx.store, &ctx.launcher, job, base)?,
            upper: Upper::Keep(work.path().join("root")),
        },
        None => {
            ctx.launcher.map.make_dir_for_guest(work.path().join("root").as_path())?;
            steps.extend(bare_steps(&stored, node.arch().unwrap_or_default()));
            RootFs::Bare { folder: work.path().join("root") }
        }
    };
    steps.push(Step::Run {
        argv: vec!["/bin/sh".to_owned(), "/opb/script".to_owned()],
        env: root_env(),
        cwd: GuestPath::new("/"),
        user: GuestUser::Root,
        writable: None,
    });
    let request = Request {
        root,
        scratch: work.path().join("scratch"),
        binds: vec![read_only(work.path().join("opb"), "/opb")],
        steps,
        limits: limits(ctx, node),
        cpu: runs.cpu().clone(),
        network: Network::None,
        inner: None,
    };
    ctx.phase(node, format!("installing {} packages", stored.len()));
    made(ctx, node, key, work, &[request])
}

/// Runs `requests` one after another, and keeps what they leave in the folder `root` of `work` as the root whose key is `key`;
/// returns the last one's log, what they took, and the root's size in bytes.
///
/// # Errors
/// Where one fails, or the root cannot be kept.
pub fn made(
    ctx: &Context<'_>,
    node: Node<'_>,
    key: ActionKey,
    work: WorkDir,
    requests: &[Request],
) -> Result<(Digest, Outcome, u64), Failure> {
    let made = (|| -> Result<(Digest, Outcome, u64), Failure> {
        let mut last: Option<(Digest, Outcome)> = None;
        for request in requests {
            if last.is_some() {
                // Each has a log of its own; that of one that succeeded is of no more use.
                let failed =
                    |source| NodeError::File { doing: "remove", path: work.path().join("log").to_string(), source };
                work.dir().remove_file("log").map_err(failed)?;
            }
            let (mut outcome, log, said) = logged(ctx, &work, &node.name(), request)?;
            finished(ctx, &node.name(), outcome, "making the root", &request.limits, (log, &said))?;
            if let Some((_, before)) = last {
                outcome.cpu_milliseconds += before.cpu_milliseconds;
                outcome.peak_memory = outcome.peak_memory.max(before.peak_memory);
            }
            last = Some((log, outcome));
        }
        let (log, outcome) = last.ok_or_else(|| NodeError::NoInput { role: "request".to_owned() })?;
        // Before all that was written is made durable, which it need not be; what cannot be removed goes with the rest.
        let _ = work.dir().remove_dir_all("opb");
        let owner = super::knowledge::root_owner(Some(&ctx.launcher.map));
        ctx.store.commit_root(key, owner, &work, "root")?;
        Ok((log, outcome, ctx.store.root_bytes(key, owner)))
    })();
    clean(&ctx.launcher, work);
    made
}

/// The limits of a root's making.
pub fn limits(ctx: &Context<'_>, node: Node<'_>) -> Limits {
    // How large a root becomes is known from its list: a limit for what builds write would only be in the way.
    Limits { disk_bytes: None, ..limits::bounded(&ctx.limits_of(&node.name()), &LIMITS) }
}

/// Unpacks what dpkg itself needs to run, as debootstrap does.
fn bare_steps(stored: &[Stored], arch: &str) -> Vec<Step> {
    let link = |name: &str| {
        [
            Step::MakeFolder { path: GuestPath::new(format!("/usr/{name}")), mode: 0o755, owner: GuestUser::Root },
            Step::Symlink { path: GuestPath::new(format!("/{name}")), target: format!("usr/{name}") },
        ]
    };
    let wide = WIDE.contains(&arch).then_some("lib64");
    let mut steps: Vec<Step> = MERGED.into_iter().chain(wide).flat_map(link).collect();
    let essential = stored.iter().filter(|package| package.listed.essential || package.bootstrap);
    let debs = essential.map(|package| GuestPath::new(format!("/opb/debs/{}", package.file_name()))).collect();
    steps.push(Step::UnpackDebs { debs });
    steps
}

fn prepare(
    ctx: &Context<'_>,
    work: &WorkDir,
    (list, layer): (&PackageList, Layer),
    stored: &[Stored],
    batches: &[Vec<String>],
) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |name: &str| {
        let path = work.path().join(name).to_string();
        move |source| NodeError::File { doing: "write", path, source }
    };
    ctx.launcher.map.make_dir_for_guest(work.path().join("scratch").as_path())?;
    let make = |name: &str| -> std::io::Result<cap_std::fs::Dir> {
        work.dir().create_dir(name)?;
        let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o755));
        work.dir().set_permissions(name, mode)?;
        work.dir().open_dir(name)
    };
    let own = make("opb").map_err(failed("opb"))?;
    let folder = make("opb/debs").map_err(failed("opb/debs"))?;
    debs::lay_out(ctx, stored, &folder, &work.path().join("opb/debs"))?;
    own.write("script", SCRIPT).map_err(failed("opb/script"))?;
    for (turn, batch) in batches.iter().enumerate() {
        let lines: String = batch.iter().map(|name| format!("/opb/debs/{name}\n")).collect();
        own.write(format!("batch-{turn:03}"), lines).map_err(failed("opb/batch"))?;
    }
    own.write("expected", expected(list, layer, |arch| arch)).map_err(failed("opb/expected"))?;
    Ok(())
}

/// What a root holds whose layer on top is `layer`: name, version and arch of each package, as `arch_name` writes the arch;
/// a line each, sorted.
pub fn expected(list: &PackageList, layer: Layer, arch_name: impl Fn(&str) -> &str) -> String {
    // With ours in place of the distribution's where both are listed: a layer upgrades what its base has.
    let mut expected: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for listed in list.iter().filter(|listed| listed.layer == Layer::Base || listed.layer == layer) {
        expected.insert((listed.name.as_str(), listed.arch.as_str()), listed.version.as_str());
    }
    let lines = expected.into_iter().map(|((name, arch), version)| format!("{name} {version} {}\n", arch_name(arch)));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.concat()
}

/// File names in the batches in which dpkg installs them.
fn batches(stored: &[Stored]) -> Vec<Vec<String>> {
    let here: BTreeSet<&str> = stored.iter().map(|package| package.listed.name.as_str()).collect();
    let mut left: Vec<&Stored> = stored.iter().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut batches = Vec::new();
    // The essential ones are unpacked already and may name each other: together, first.
    let (first, rest): (Vec<&Stored>, Vec<&Stored>) =
        left.iter().partition(|package| package.listed.essential || package.bootstrap);
    if !first.is_empty() {
        done.extend(first.iter().map(|package| package.listed.name.as_str()));
        batches.push(first.iter().map(|package| package.file_name()).collect());
        left = rest;
    }
    while !left.is_empty() {
        let waits = |package: &&Stored| {
            package.pre_depends.iter().any(|name| here.contains(name.as_str()) && !done.contains(name.as_str()))
        };
        let (mut later, mut now): (Vec<&Stored>, Vec<&Stored>) = left.iter().partition(|package| waits(package));
        if now.is_empty() {
            // They wait for each other: dpkg may have a better idea than we do.
            now = std::mem::take(&mut later);
        }
        done.extend(now.iter().map(|package| package.listed.name.as_str()));
        batches.push(now.iter().map(|package| package.file_name()).collect());
        left = later;
    }
    batches
}
