//! A sandbox tried out on this host, with the host's own `true` in it: no root of a distribution is needed for that.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{
    Bind, Cancel, GuestUser, Launcher, Limits, Outcome, Request, RootFs, SandboxError, Step, Upper, remove, run,
};
use crate::path::{GuestPath, HostPath};

/// Where hosts keep programs and what they need.
const HOST_FOLDERS: [&str; 6] = ["usr", "bin", "lib", "lib64", "nix", "gnu"];

/// Runs `true` as the builder over an overlay whose layers lie in `folder`, which is made here and removed again. The file
/// system that it lies on is the one that is tried.
///
/// # Errors
/// As [`run`].
pub fn try_out(launcher: &Launcher, folder: &HostPath) -> Result<Outcome, SandboxError> {
    let failed = |source| SandboxError::File { doing: "make", path: folder.as_path().to_owned(), source };
    fs::create_dir(folder.as_path()).map_err(failed)?;
    let tried = prepared(launcher, folder);
    let removed = remove(launcher, folder);
    let outcome = tried?;
    removed.map(|()| outcome)
}

fn prepared(launcher: &Launcher, folder: &HostPath) -> Result<Outcome, SandboxError> {
    let failed = |source| SandboxError::File { doing: "prepare for", path: folder.as_path().to_owned(), source };
    let make = |name: &str| -> Result<HostPath, SandboxError> {
        let path = folder.join(name);
        launcher.map.make_dir_for_guest(path.as_path())?;
        Ok(path)
    };
    let (lower, scratch) = (make("lower")?, make("scratch")?);
    let (mut binds, mut steps) = (Vec::new(), Vec::new());
    for name in HOST_FOLDERS {
        let (host, guest) = (Path::new("/").join(name), GuestPath::new(format!("/{name}")));
        match fs::symlink_metadata(&host) {
            Ok(there) if there.is_symlink() => {
                let target = fs::read_link(&host).map_err(failed)?.to_string_lossy().into_owned();
                steps.push(Step::Symlink { path: guest, target });
            }
            Ok(there) if there.is_dir() => {
                binds.push(Bind { host: HostPath::new(host), guest, writable: false, collect: false });
            }
            _ => {}
        }
    }
    let path = "/usr/bin:/bin:/run/current-system/sw/bin".to_owned();
    steps.push(Step::Run {
        argv: vec!["true".to_owned()],
        env: BTreeMap::from([("PATH".to_owned(), path)]),
        cwd: GuestPath::new("/"),
        user: GuestUser::Builder,
        writable: Some(Vec::new()),
    });
    let request = Request {
        root: RootFs::Layers { lowers: vec![lower], upper: Upper::Discard },
        scratch,
        binds,
        steps,
        limits: Limits { wall_seconds: Some(30), ..Limits::NONE },
    };
    let cancel = Cancel::new().map_err(failed)?;
    run(launcher, &request, &mut |_| (), &cancel)
}
