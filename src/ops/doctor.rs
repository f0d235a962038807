//! What this host can and cannot do for builds, and how to mend it.
//!
//! Each check looks at one thing and says what it found. One that is missing keeps builds from running; a weak one does not,
//! but something is slower, less safe or left out. The last word has a sandbox that is really made.

use std::collections::BTreeSet;
use std::path::Path;

use super::watch;
use crate::path::HostPath;
use crate::project::{self, Project, ProjectFiles};
use crate::remote::System;
use crate::report::doctor::{Check, State};
use crate::sandbox::{
    Cgroups, Controller, End, IdMap, Launcher, SandboxError, forbidden, host_memory, landlock_version, try_out,
};

mod emulation;
mod host;

fn ok(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, state: State::Ok, found: found.into(), help: None }
}

fn weak(name: &'static str, found: impl Into<String>, help: impl Into<String>) -> Check {
    Check { name, state: State::Weak, found: found.into(), help: Some(help.into()) }
}

fn missing(name: &'static str, found: impl Into<String>, help: impl Into<String>) -> Check {
    Check { state: State::Missing, ..weak(name, found, help) }
}

/// That something is missing, as an error says it.
fn failed(name: &'static str, error: &SandboxError) -> Check {
    let help = miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default();
    missing(name, crate::diag::chain(error), help)
}

/// Looks at everything, in the order in which things need each other. `start` is a folder of a project, or any; `store` the
/// store that was asked for.
pub fn doctor(start: &Path, store: Option<&Path>) -> Vec<Check> {
    let store = project::store_of(start, store);
    let is_root = nix::unistd::geteuid().is_root();
    let mut checks = vec![host::kernel(), namespaces(is_root), ids(is_root), host::seccomp(), landlock()];
    let cgroups = Cgroups::of_this_process();
    checks.extend(Controller::ALL.into_iter().map(|controller| cgroup(&cgroups, controller, is_root)));
    checks.extend([memory(), host::disk(&store), sandbox(&store), emulation(&store)]);
    checks.extend([host::apt(), host::dnf(), host::keyrings(), host::verifier(), host::clock(project::now())]);
    checks.extend(systems(start).into_iter().map(host::version_control));
    checks
}

/// The version control systems that recipes of the project at `start` name; none where there is none, or it is not sound.
fn systems(start: &Path) -> BTreeSet<System> {
    let Ok(project) = Project::open(start) else { return BTreeSet::new() };
    let Ok(evaluated) = watch::evaluate(&ProjectFiles(project.root())) else { return BTreeSet::new() };
    let components = evaluated.work.iter().map(|work| &work.component).filter(|component| component.skip.is_none());
    components.flat_map(|component| component.checkouts().map(|checkout| checkout.system)).collect()
}

fn namespaces(is_root: bool) -> Check {
    const NAME: &str = "namespaces";
    match forbidden() {
        // Root needs no leave, but for a limit of none at all.
        Some(SandboxError::Forbidden { sysctl, .. }) if is_root && sysctl != "user.max_user_namespaces" => {
            ok(NAME, format!("allowed to root (not to others, by `{sysctl}`)"))
        }
        Some(error) => failed(NAME, &error),
        None => ok(NAME, "user namespaces are allowed"),
    }
}

fn ids(is_root: bool) -> Check {
    const NAME: &str = "ids";
    match IdMap::of_this_process() {
        Ok(map) if is_root => ok(NAME, format!("root, with ids of builds from {} on", map.guest_root().0)),
        Ok(_) => ok(NAME, "ranges in `/etc/subuid` and `/etc/subgid`, through `newuidmap` and `newgidmap`"),
        Err(error) => failed(NAME, &error),
    }
}

fn landlock() -> Check {
    const NAME: &str = "landlock";
    match landlock_version() {
        Some(version) => ok(NAME, format!("version {version}: builds write where they should only")),
        None => weak(
            NAME,
            "the kernel has none: modes alone say where builds write",
            "use Linux 5.13 or newer, with `landlock` in the list of the boot parameter `lsm=`",
        ),
    }
}

fn cgroup(cgroups: &Cgroups, controller: Controller, is_root: bool) -> Check {
    let (name, without) = match controller {
        Controller::Memory => ("memory-limit", "memory is looked at once a second"),
        Controller::Processes => ("process-limit", "processes are counted once a second"),
        Controller::Cpu => ("cpu-weight", "builds have the same share of the processors as everything else"),
    };
    let kernel = controller.name();
    match cgroups.version_with(controller) {
        Some(version) => ok(name, format!("by a cgroup of version {version} for each build")),
        None if is_root => weak(
            name,
            format!("no cgroup with `{kernel}` may be made here: {without}"),
            format!(
                "switch the controller `{kernel}` on for the cgroup above this shell's, or run outside of the container"
            ),
        ),
        None => weak(
            name,
            format!("this user may make no cgroup with `{kernel}`: {without}"),
            "run `systemd-run --user --scope -p Delegate=yes opb …`, or as root",
        ),
    }
}

fn memory() -> Check {
    const NAME: &str = "memory";
    let (memory, least) = (host_memory(), 1_000_000_000);
    let shown = crate::quantity::Size(memory);
    if memory < least {
        return weak(NAME, format!("{shown} in all"), "give the machine, or the container, more memory");
    }
    ok(NAME, format!("{shown} in all"))
}

/// Makes one, where the store is or is to be.
fn sandbox(store: &HostPath) -> Check {
    const NAME: &str = "sandbox";
    let Some(folder) = host::existing(store) else {
        return missing(NAME, "not tried: there is no folder to try it in", "choose another store with `--store`");
    };
    let Ok(launcher) = Launcher::this_program() else {
        return missing(NAME, "not tried: it has no ids to be made with", "mend `ids` first");
    };
    match try_out(&launcher, &of_this_process(&folder)) {
        Ok(outcome) if outcome.end == End::Exit(0) => {
            ok(NAME, format!("one was made over an overlay, and ran `true` in {} ms", outcome.wall_milliseconds))
        }
        Ok(outcome) => weak(
            NAME,
            format!("one was made over an overlay, but the host's `true` did not run in it: {:?}", outcome.end),
            "build something: what is in a distribution's root may well run",
        ),
        Err(error @ SandboxError::Step { .. }) => weak(
            NAME,
            format!("one was made over an overlay, but the host's `true` not started: {}", crate::diag::chain(&error)),
            "build something: what is in a distribution's root may well run",
        ),
        Err(error) => failed(NAME, &error),
    }
}

/// What is to be made below `folder` and removed again.
fn of_this_process(folder: &HostPath) -> HostPath {
    folder.join(format!(".opb-doctor-{}", std::process::id()))
}

fn emulation(store: &HostPath) -> Check {
    match (host::existing(store), Launcher::this_program()) {
        (Some(folder), Ok(launcher)) => emulation::emulation(&launcher, &of_this_process(&folder)),
        _ => emulation::untried(),
    }
}
