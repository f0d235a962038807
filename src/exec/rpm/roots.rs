//! Nodes that make roots of `.rpm` packages: a base from nothing, or a component's layer on a base.
//!
//! ```text
//! base, direct      the host's dnf fills an empty folder (`--installroot`) with exactly the packages of the list
//! base, two-stage   the same folder, with the host's database in it, is a root whose own rpm fills the second one
//! layer             the rpm of the base installs the list's packages on top
//! ```
//! All of it in the sandbox, without network: of the host only `/usr` is seen, and nothing runs as more than the guest's root. At
//! the end the root must hold exactly what the list says.

use std::os::unix::fs::PermissionsExt as _;

use super::{host, trust};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::distro::{Bootstrap, DbBackend, Distro, Rpm};
use crate::drv::ActionKey;
use crate::exec::context::{Context, Job};
use crate::exec::error::NodeError;
use crate::exec::guest::{read_only, root_env};
use crate::exec::packages;
use crate::exec::roots::{expected, layers, limits, made};
use crate::exec::scripts::Before;
use crate::exec::sources::insert;
use crate::family::rpm::arch_name;
use crate::graph::Node;
use crate::package::list::{Layer, Listed, PackageList};
use crate::path::{GuestPath, HostPath};
use crate::sandbox::{Bind, GuestUser, Network, Outcome, Request, RootFs, Step, Upper};
use crate::store::{ExportMode, WorkDir};
use crate::tree::{Entry, Tree};

/// Where the root that is being made is seen while another one's programs make it.
const MADE: &str = "/made";

/// Where scripts and packages are seen.
const OPB: &str = "/opb";

/// The same, where another script's are in that place.
const BEFORE: &str = "/before";

const FIRST: &str = include_str!("first.sh");
const SECOND: &str = include_str!("second.sh");
const LAYER: &str = include_str!("layer.sh");
/// What all three end with.
const CHECK: &str = include_str!("check.sh");

/// Links of the file system's root into `/usr`.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Makes the root of `job`, whose key is `key`; returns its log, what it took, and its size in bytes.
///
/// # Errors
/// Where a package cannot be had, is not signed as it must be, or does not install.
pub fn make(ctx: &Context<'_>, job: &Job<'_>, key: ActionKey) -> Result<(Digest, Outcome, u64), Failure> {
    let node = job.node();
    let runs = ctx.runs(node, job.graph)?;
    let (distro, rpm) = distro_of(ctx, node)?;
    let (_, list) = job.input("list")?;
    let list = packages::list(ctx, list)?;
    let base = job.input("base").ok();
    let layer = if base.is_some() { Layer::Component } else { Layer::Base };
    let stored = packages::objects(ctx, job, &list, layer)?;
    trust::check(ctx, node, (distro, rpm), &stored)?;
    let work = ctx.store.new_work()?;
    let expected = expected(&list, layer, arch_name);
    let script = |text: &str| [text, CHECK].concat();
    let request = |root, script: &str, inner: Option<&str>, binds: Vec<Bind>| Request {
        root,
        scratch: work.path().join("scratch"),
        binds: [vec![read_only(work.path().join("opb"), OPB)], binds].concat(),
        steps: steps(script, OPB, inner, rpm),
        limits: limits(ctx, node),
        cpu: runs.cpu().clone(),
        network: Network::None,
        inner: inner.map(GuestPath::new),
    };
    prepare(ctx, &work, (distro, rpm), &stored, &expected)?;
    let folder = |name: &str| -> Result<HostPath, Failure> {
        let path = work.path().join(name);
        ctx.launcher.map.make_dir_for_guest(path.as_path())?;
        Ok(path)
    };
    let writable = |host: HostPath| Bind { host, guest: GuestPath::new(MADE), writable: true, collect: false };
    ctx.phase(node, format!("installing {} packages", stored.len()));
    let requests = match base {
        Some((base, _)) => {
            let root = RootFs::Layers {
                lowers: layers(ctx.store, &ctx.launcher, job, base)?,
                upper: Upper::Keep(work.path().join("root")),
            };
            write_script(&work, "layer", &script(LAYER))?;
            vec![request(root, "layer", None, Vec::new())]
        }
        None => {
            host::check_dnf()?;
            let usr = read_only(HostPath::new("/usr"), "/usr");
            let host = RootFs::Bare { folder: folder("host")? };
            write_script(&work, "first", &script(FIRST))?;
            match rpm.base.bootstrap {
                Bootstrap::Direct => {
                    vec![request(host, "first", Some(MADE), vec![usr, writable(folder("root")?)])]
                }
                Bootstrap::TwoStage => {
                    write_script(&work, "second", &script(SECOND))?;
                    let bootstrap = folder("bootstrap")?;
                    let first = request(host, "first", Some(MADE), vec![usr, writable(bootstrap.clone())]);
                    let own = RootFs::Layers { lowers: vec![bootstrap], upper: Upper::Discard };
                    let second = request(own, "second", Some(MADE), vec![writable(folder("root")?)]);
                    vec![first, second]
                }
            }
        }
    };
    made(ctx, node, key, work, &requests)
}

/// What installs the packages of `list` beyond the base before a script runs, from the folder `work`; `None` where there are none.
///
/// # Errors
/// As [`make`].
pub fn before(ctx: &Context<'_>, job: &Job<'_>, list: &PackageList, work: &WorkDir) -> Result<Option<Before>, Failure> {
    let node = job.node();
    let (distro, rpm) = distro_of(ctx, node)?;
    let stored = packages::objects(ctx, job, list, Layer::Component)?;
    if stored.is_empty() {
        return Ok(None);
    }
    trust::check(ctx, node, (distro, rpm), &stored)?;
    prepare(ctx, work, (distro, rpm), &stored, &expected(list, Layer::Component, arch_name))?;
    write_script(work, "layer", &[LAYER, CHECK].concat())?;
    // The script that follows has a `/opb` of its own.
    let binds = vec![read_only(work.path().join("opb"), BEFORE)];
    Ok(Some(Before { binds, steps: steps("layer", BEFORE, None, rpm) }))
}

/// The packages of `list` beyond the base, each as `NAME.ARCH.rpm`.
///
/// # Errors
/// Where one cannot be had, or is not signed as it must be.
pub fn files(ctx: &Context<'_>, job: &Job<'_>, list: &PackageList) -> Result<Tree, Failure> {
    let of = distro_of(ctx, job.node())?;
    let stored = packages::objects(ctx, job, list, Layer::Component)?;
    trust::check(ctx, job.node(), of, &stored)?;
    by_file(&stored)
}

fn by_file(stored: &[(Listed, Digest)]) -> Result<Tree, Failure> {
    let mut tree = Tree::default();
    for (listed, digest) in stored {
        let name = format!("{}.{}.rpm", listed.name, arch_name(listed.arch.as_str()));
        let entry = Entry::File { digest: *digest, size: listed.size, executable: false };
        insert(&mut tree, &name, entry)?;
    }
    Ok(tree)
}

/// The distro of a node, whose packages are `.rpm` packages.
fn distro_of<'c>(ctx: &Context<'c>, node: Node<'_>) -> Result<(&'c Distro, &'c Rpm), NodeError> {
    let distro = node.distro().and_then(|name| ctx.distros.get(name));
    let missing = || NodeError::NoInput { role: "distro".to_owned() };
    distro.and_then(|distro| Some((distro, distro.rpm()?))).ok_or_else(missing)
}

/// The steps of a script in `folder`; `inner` where it works on another root than its own.
fn steps(script: &str, folder: &str, inner: Option<&str>, rpm: &Rpm) -> Vec<Step> {
    let mut steps = Vec::new();
    if script == "first" {
        let links = MERGED
            .map(|name| Step::Symlink { path: GuestPath::new(format!("/{name}")), target: format!("usr/{name}") });
        steps.extend(links);
        for (path, mode) in [("/tmp", 0o1777), ("/root", 0o700), ("/etc", 0o755), ("/var", 0o755)] {
            steps.push(Step::MakeFolder { path: GuestPath::new(path), mode, owner: GuestUser::Root });
        }
        // Where the release's database is differs from the host's setting, which is the user's own folder.
        // A folder that something is mounted on is the kernel's, and no package's to change.
        let text =
            format!("%_dbpath {}\n%_db_backend {}\n%_netsharedpath /dev:/proc\n", rpm.base.db.path, backend_here(rpm));
        steps.push(Step::WriteFile { path: GuestPath::new("/root/.rpmmacros"), mode: 0o644, text });
    }
    let mut env = root_env();
    env.insert("OPB_FOLDER".to_owned(), folder.to_owned());
    env.insert("OPB_ROOT".to_owned(), inner.unwrap_or("").to_owned());
    // Of a layer nobody asks, and what a bootstrap root has is not what is wanted.
    let is_base = match rpm.base.bootstrap {
        Bootstrap::Direct => script == "first",
        Bootstrap::TwoStage => script == "second",
    };
    env.insert("OPB_DATABASE".to_owned(), if is_base { database(rpm) } else { String::new() });
    steps.push(Step::Run {
        argv: vec!["/bin/sh".to_owned(), format!("{folder}/{script}")],
        env,
        cwd: GuestPath::new("/"),
        user: GuestUser::Root,
        writable: None,
    });
    steps
}

/// The file that rpm's database is in.
fn database(rpm: &Rpm) -> String {
    let file = match rpm.base.db.backend {
        DbBackend::Bdb => "Packages",
        DbBackend::Ndb => "Packages.db",
        DbBackend::Sqlite => "rpmdb.sqlite",
    };
    format!("{}/{file}", rpm.base.db.path)
}

/// The database that the host's rpm writes: the release's own where that is enough, else what only the second stage reads.
fn backend_here(rpm: &Rpm) -> &'static str {
    match (rpm.base.bootstrap, rpm.base.db.backend) {
        (Bootstrap::Direct, DbBackend::Ndb) => "ndb",
        _ => "sqlite",
    }
}

fn write_script(work: &WorkDir, name: &str, text: &str) -> Result<(), NodeError> {
    let path = format!("opb/{name}");
    work.dir().write(&path, text).map_err(|source| {
        let path = work.path().join(&path).to_string();
        NodeError::File { doing: "write", path, source }
    })
}

fn prepare(
    ctx: &Context<'_>,
    work: &WorkDir,
    (distro, rpm): (&Distro, &Rpm),
    stored: &[(Listed, Digest)],
    expected: &str,
) -> Result<(), Failure> {
    let failed = |name: &str| {
        let path = work.path().join(name).to_string();
        move |source| NodeError::File { doing: "write", path, source }
    };
    ctx.launcher.map.make_dir_for_guest(work.path().join("scratch").as_path())?;
    for name in ["opb", "opb/packages"] {
        let made = work.dir().create_dir(name).and_then(|()| {
            let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o755));
            work.dir().set_permissions(name, mode)
        });
        made.map_err(failed(name))?;
    }
    let tree = by_file(stored)?;
    let folder = work.dir().open_dir("opb/packages").map_err(failed("opb/packages"))?;
    ctx.store.export_tree(&tree, &folder, ExportMode::HardLink)?;
    let weak = if rpm.base.weak { "True" } else { "False" };
    let conf = format!(
        "[main]\nplugins=0\nreposdir=/opb/none\nvarsdir=/opb/none\ncachedir=/tmp/dnf\nlogdir=/tmp\npersistdir=/tmp/persist\n\
         install_weak_deps={weak}\nmodule_platform_id=platform:{}\ndiskspacecheck=0\nclean_requirements_on_remove=0\n",
        distro.suffix
    );
    for (name, text) in [("opb/dnf.conf", conf.as_str()), ("opb/expected", expected), ("opb/release", &distro.release)]
    {
        work.dir().write(name, text).map_err(failed(name))?;
    }
    Ok(())
}
