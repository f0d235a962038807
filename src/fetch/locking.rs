//! Files that are locked, beside folders that several want to fill.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::path::HostPath;

/// The file that is locked for `folder`.
pub(super) fn lock_of(folder: &HostPath) -> HostPath {
    let mut name = folder.as_path().as_os_str().to_owned();
    name.push(".lock");
    HostPath::new(name)
}

/// Locks the file at `path`, which is made where it is missing, with its folder. As long as others have it, `wait` waits a little.
/// Who has it may remove it: then the next one locks a new file.
pub(super) fn lock<E>(
    path: &HostPath,
    failed: impl Fn(io::Error) -> E,
    wait: impl Fn() -> Result<(), E>,
) -> Result<Flock<File>, E> {
    if let Some(above) = path.as_path().parent() {
        std::fs::create_dir_all(above).map_err(&failed)?;
    }
    let open = || File::options().append(true).create(true).open(path.as_path()).map_err(&failed);
    let id = |about: Metadata| (about.dev(), about.ino());
    let mut file = open()?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => {
                let there = std::fs::metadata(path.as_path()).ok().map(id);
                if there.is_some() && there == locked.metadata().ok().map(id) {
                    return Ok(locked);
                }
                file = open()?;
            }
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) => {
                file = same;
                wait()?;
            }
            Err((_, error)) => return Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_file_that_was_removed_meanwhile_is_nobodys_lock() {
        let scratch = tempfile::tempdir().expect("scratch");
        let path = HostPath::new(scratch.path().join("a/b.lock"));
        let take = |wait: &dyn Fn()| {
            let wait = || {
                wait();
                Ok::<(), io::Error>(())
            };
            lock(&path, |error| error, wait).expect("locked")
        };
        let first = std::cell::RefCell::new(Some(take(&|| unreachable!("nobody has it"))));
        let waits = AtomicUsize::new(0);
        let second = take(&|| {
            waits.fetch_add(1, Ordering::Relaxed);
            std::fs::remove_file(path.as_path()).expect("removed");
            first.borrow_mut().take();
        });
        assert_eq!(waits.into_inner(), 1);
        let again = File::options().append(true).open(path.as_path()).expect("it is there");
        assert!(Flock::lock(again, FlockArg::LockExclusiveNonblock).is_err(), "the file that is there is locked");
        drop(second);
    }
}
