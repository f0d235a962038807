//! Work folders: scratch of a live process, swept once it is dead.
//!
//! Whoever holds the lock on `work/<id>/lock` is alive. `work/` itself is 0700, so that no other user reaches into a
//! build whatever modes it sets.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::{StoreError, io};
use super::{Notice, Store, fault};
use crate::path::HostPath;

const WORK: &str = "work";
const LOCK: &str = "lock";

/// Held while a work folder is made or judged, so that no sweeper sees one between its making and its locking.
const GATE: &str = "locks/work";

/// A folder of one's own, on the store's file system. Dropping removes it; what cannot be removed is swept later.
#[derive(Debug)]
pub struct WorkDir {
    path: HostPath,
    dir: Dir,
    work: Dir,
    name: String,
    _lock: Flock<File>,
}

impl WorkDir {
    /// Its name, which no other has.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is. It holds a file `lock`, which stays as it is; other names are free.
    pub fn path(&self) -> &HostPath {
        &self.path
    }

    /// The folder, opened.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Removes it now; the path where something in it cannot be removed (files of a sandbox's users: remove them inside a
    /// user namespace that has those).
    pub fn remove(self) -> Option<HostPath> {
        let path = self.path.clone();
        match self.work.remove_dir_all(&self.name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Some(path),
            _ => None,
        }
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let _ = self.work.remove_dir_all(&self.name);
    }
}

impl Store {
    /// A new work folder, mode 0700 below a folder with mode 0700.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new_work(&self) -> Result<WorkDir, StoreError> {
        let name = format!("{:016x}", rand::random::<u64>());
        let path = self.path.join(WORK).join(&name);
        let failed = || io("making a work folder", &path);
        let _gate = self.gate(FlockArg::LockExclusive)?;
        let work = self.dir.open_dir(WORK).map_err(failed())?;
        spread(&work);
        work.create_dir(&name).map_err(failed())?;
        fault::point("work-made");
        let permissions = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o700));
        work.set_permissions(&name, permissions).map_err(failed())?;
        let dir = work.open_dir(&name).map_err(failed())?;
        let file = dir.create(LOCK).map_err(failed())?.into_std();
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| failed()(error.into()))?;
        fault::point("work-locked");
        Ok(WorkDir { path, dir, work, name, _lock: lock })
    }

    /// Removes the work folders of dead owners. Failing is no error: it is tried again next time.
    pub(super) fn sweep(&self) {
        // A collection reads what the dead have used.
        if self.is_collecting() {
            return;
        }
        for name in self.dead_work().unwrap_or_default() {
            let place = format!("{WORK}/{name}");
            match self.dir.remove_dir_all(&place) {
                // Another sweeper may be at the same folder.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    self.notice(Notice::StaleWork(self.path.join(&place)));
                }
                _ => {}
            }
        }
    }

    /// Names of work folders whose owner is dead. Each is marked as such, so that it is judged once.
    fn dead_work(&self) -> Result<Vec<String>, StoreError> {
        let failed = || io("sweeping the work folder", &self.path.join(WORK));
        // Where another process sweeps or starts at this moment, leave it to that or to the next one.
        let _gate = self.gate(FlockArg::LockExclusiveNonblock)?;
        let work = self.dir.open_dir(WORK).map_err(failed())?;
        let mut dead = Vec::new();
        for entry in work.entries().map_err(failed())? {
            let Ok(name) = entry.map_err(failed())?.file_name().into_string() else { continue };
            if name.ends_with(".dead") {
                dead.push(name);
                continue;
            }
            if is_dead(&work, &name) {
                let marked = format!("{name}.dead");
                if work.rename(&name, &work, &marked).is_ok() {
                    dead.push(marked);
                }
            }
        }
        Ok(dead)
    }

    /// The names of all work folders whose owners live.
    pub(super) fn live_work(&self) -> Result<Vec<String>, StoreError> {
        let failed = || io("looking for who is at work", &self.path.join(WORK));
        let _gate = self.gate(FlockArg::LockExclusive)?;
        let work = self.dir.open_dir(WORK).map_err(failed())?;
        let mut live = Vec::new();
        for entry in work.entries().map_err(failed())? {
            let Ok(name) = entry.map_err(failed())?.file_name().into_string() else { continue };
            if !name.ends_with(".dead") && !is_dead(&work, &name) {
                live.push(name);
            }
        }
        Ok(live)
    }

    pub(super) fn gate(&self, how: FlockArg) -> Result<Flock<File>, StoreError> {
        let path = self.path.join(GATE);
        let file = self.dir.create(GATE).map_err(io("opening a lock", &path))?.into_std();
        Flock::lock(file, how).map_err(|(_, error)| io("locking", &path)(error.into()))
    }
}

/// Asks an ext4 to put the folders in `work` far from each other (`chattr(1)`, attribute T). It gives no number of a deleted file
/// away for minutes, and looks at each again for every new file: beside the thousands that a build before left, making a file
/// takes ten times as long. Other file systems do not know the wish.
fn spread(work: &Dir) {
    /// `FS_TOPDIR_FL` of the kernel's `linux/fs.h`.
    const TOP_FOLDER: libc::c_long = 0x0002_0000;
    // A handle that can only be walked through has no attributes.
    let Ok(folder) = work.open(".") else { return };
    let mut flags: libc::c_long = 0;
    // SAFETY: the call writes one number to `flags`.
    let asked = unsafe { libc::ioctl(folder.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) };
    if asked == 0 && flags & TOP_FOLDER == 0 {
        flags |= TOP_FOLDER;
        // SAFETY: the call reads one number.
        unsafe { libc::ioctl(folder.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags) };
    }
}

/// Whether nobody holds the folder's lock.
fn is_dead(work: &Dir, name: &str) -> bool {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true);
    match work.open_with(format!("{name}/{LOCK}"), &options) {
        Ok(file) => match Flock::lock(file.into_std(), FlockArg::LockExclusiveNonblock) {
            Ok(_) => true,
            Err((_, error)) => error != Errno::EWOULDBLOCK,
        },
        // Without a lock file it was being made, or removed, when its owner died: the gate excludes live ones.
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
