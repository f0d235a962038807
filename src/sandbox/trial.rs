//! Sandboxes tried out on this host: with its own `true`, or with one small program. No root of a distribution is needed
//! for that.

#![expect(clippy::disallowed_methods, reason = "it writes one file for a guest, in a folder that it has just made")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::cpu::{Cpu, Tried};
use super::{
    Bind, Cancel, GuestUser, Launcher, Limits, Network, Outcome, Request, RootFs, SandboxError, Step, Upper, remove,
    run,
};
use crate::path::{GuestPath, HostPath};

/// Where hosts keep programs and what they need.
const HOST_FOLDERS: [&str; 6] = ["usr", "bin", "lib", "lib64", "nix", "gnu"];

/// What a guest is made of besides its layers.
struct Content {
    binds: Vec<Bind>,
    steps: Vec<Step>,
    cpu: Cpu,
}

/// Runs `true` as the builder over an overlay whose layers lie in `folder`, which is made here and removed again. The file
/// system that it lies on is the one that is tried.
///
/// # Errors
/// As [`run`].
pub fn try_out(launcher: &Launcher, folder: &HostPath) -> Result<Outcome, SandboxError> {
    tried(launcher, folder, || {
        let (mut binds, mut steps) = (Vec::new(), Vec::new());
        for name in HOST_FOLDERS {
            let (host, guest) = (Path::new("/").join(name), GuestPath::new(format!("/{name}")));
            match fs::symlink_metadata(&host) {
                Ok(there) if there.is_symlink() => {
                    let target = fs::read_link(&host)?.to_string_lossy().into_owned();
                    steps.push(Step::Symlink { path: guest, target });
                }
                Ok(there) if there.is_dir() => binds.push(read_only(HostPath::new(host), guest)),
                _ => {}
            }
        }
        steps.push(command("true"));
        Ok(Content { binds, steps, cpu: Cpu::Host })
    })
}

/// Runs `program`, the bytes of a file that needs no other, as the builder on `cpu`; else as [`try_out`].
pub(super) fn of_program(
    launcher: &Launcher,
    folder: &HostPath,
    program: &[u8],
    cpu: Cpu,
) -> Result<Tried, SandboxError> {
    let outcome = tried(launcher, folder, || {
        let file = folder.join("program");
        fs::write(file.as_path(), program)?;
        fs::set_permissions(file.as_path(), fs::Permissions::from_mode(0o755))?;
        let binds = vec![read_only(file, GuestPath::new("/program"))];
        Ok(Content { binds, steps: vec![command("/program")], cpu })
    });
    match outcome {
        Ok(outcome) => Ok(Tried::Ended(outcome.end)),
        Err(error @ SandboxError::Step { .. }) => Ok(Tried::NotStarted(crate::diag::chain(&error))),
        Err(error) => Err(error),
    }
}

/// Makes `folder`, runs a guest of what `content` says there, and removes it.
fn tried(
    launcher: &Launcher,
    folder: &HostPath,
    content: impl FnOnce() -> std::io::Result<Content>,
) -> Result<Outcome, SandboxError> {
    let failed = |source| SandboxError::File { doing: "make", path: folder.as_path().to_owned(), source };
    fs::create_dir(folder.as_path()).map_err(failed)?;
    let tried = prepared(launcher, folder, content);
    let removed = remove(launcher, folder);
    let outcome = tried?;
    removed.map(|()| outcome)
}

fn prepared(
    launcher: &Launcher,
    folder: &HostPath,
    content: impl FnOnce() -> std::io::Result<Content>,
) -> Result<Outcome, SandboxError> {
    let failed = |source| SandboxError::File { doing: "prepare for", path: folder.as_path().to_owned(), source };
    let make = |name: &str| -> Result<HostPath, SandboxError> {
        let path = folder.join(name);
        launcher.map.make_dir_for_guest(path.as_path())?;
        Ok(path)
    };
    let (lower, scratch) = (make("lower")?, make("scratch")?);
    let Content { binds, steps, cpu } = content().map_err(failed)?;
    let request = Request {
        root: RootFs::Layers { lowers: vec![lower], upper: Upper::Discard },
        scratch,
        binds,
        steps,
        limits: Limits { wall_seconds: Some(30), ..Limits::NONE },
        cpu,
        network: Network::None,
        inner: None,
    };
    let cancel = Cancel::new().map_err(failed)?;
    run(launcher, &request, &mut |_| (), &cancel)
}

fn command(program: &str) -> Step {
    let path = "/usr/bin:/bin:/run/current-system/sw/bin".to_owned();
    Step::Run {
        argv: vec![program.to_owned()],
        env: BTreeMap::from([("PATH".to_owned(), path)]),
        cwd: GuestPath::new("/"),
        user: GuestUser::Builder,
        writable: Some(Vec::new()),
    }
}

fn read_only(host: HostPath, guest: GuestPath) -> Bind {
    Bind { host, guest, writable: false, collect: false }
}
