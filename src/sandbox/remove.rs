//! Removes what a guest has written, which as an ordinary user one may not: it belongs to ids that are only ours inside a
//! user namespace.

#![expect(
    clippy::disallowed_methods,
    reason = "it works on the file system of the guest, or on files of the kernel, by their absolute paths"
)]

use std::fs;
use std::io;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::SandboxError;
use super::id_map::Writer;
use super::launch::{self, Launcher};
use super::walk::{FOLDER, Met, What, walk};
use super::wire::{Doing as _, Job, Trouble};
use crate::path::HostPath;

/// Removes a folder with all that is in it; one that is not there is no error. No link is followed.
///
/// # Errors
/// Where something cannot be removed.
pub fn remove(launcher: &Launcher, path: &HostPath) -> Result<(), SandboxError> {
    match launcher.map.writer {
        Writer::Root => remove_here(path.as_path()).map_err(SandboxError::from),
        Writer::Helpers { .. } if fs::symlink_metadata(path.as_path()).is_err_and(|error| is_absent(&error)) => Ok(()),
        Writer::Helpers { .. } => launch::order(launcher, Job::Remove(path.clone())),
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// The same with the rights of this process.
pub(super) fn remove_here(path: &Path) -> Result<(), Trouble> {
    let removed = match openat(AT_FDCWD, path, FOLDER, Mode::empty()) {
        Ok(folder) => empty(folder).and_then(|()| fs::remove_dir(path)),
        Err(nix::errno::Errno::ENOTDIR | nix::errno::Errno::ELOOP) => fs::remove_file(path),
        Err(error) => Err(error.into()),
    };
    match removed {
        Err(error) if is_absent(&error) => Ok(()),
        removed => removed.doing(|| format!("removing `{}`", path.display())),
    }
}

fn empty(folder: std::os::fd::OwnedFd) -> io::Result<()> {
    walk(folder, &mut |met: &Met<'_>| {
        let flag = match met.what {
            What::Folder => return Ok(()),
            What::File(_) => UnlinkatFlags::NoRemoveDir,
            What::Left => UnlinkatFlags::RemoveDir,
        };
        Ok(unlinkat(met.folder, met.name, flag)?)
    })
}
