//! One file in a folder of its own, which stays there until it is whole: what a stop or a broken connection left of it is gone
//! on with, and what others are fetching is waited for.
//!
//! Whether what came is right, only its digest tells. What does not come to it although it began with what was there is
//! fetched once more, from nothing.

#![expect(clippy::disallowed_methods, reason = "apt's helper writes to paths")]

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::download::{Access, Wanted, download};
use super::failure::FetchError;
use crate::path::HostPath;

/// A file that has come. Nobody else fetches into its folder as long as this is there.
#[derive(Debug)]
pub struct Kept {
    /// Where it is.
    pub path: HostPath,
    folder: HostPath,
    _lock: Flock<File>,
}

impl Kept {
    /// Removes it with its folder.
    pub fn discard(self) {
        let _ = std::fs::remove_dir_all(self.folder.as_path());
        let _ = std::fs::remove_file(lock_of(&self.folder).as_path());
    }
}

/// Downloads `wanted` into `folder`. Where the network does not answer, it is asked again after each of `waits`.
///
/// # Errors
/// [`FetchError`]; what has come by then stays.
pub fn download_kept(
    wanted: &Wanted,
    folder: &HostPath,
    access: &Access<'_>,
    waits: &[Duration],
) -> Result<Kept, FetchError> {
    let lock = lock(folder, access)?;
    let access = Access { resumes: true, ..access.clone() };
    let path = folder.join(&wanted.name);
    let mut waits = waits.iter();
    loop {
        let began = size_of(&path) > 0;
        match download(std::slice::from_ref(wanted), folder, &access) {
            Ok(_) => return Ok(Kept { path, folder: folder.clone(), _lock: lock }),
            // What was there may have been of another time.
            Err(FetchError::Mismatch { .. }) if began && size_of(&path) == 0 => {}
            Err(error) => match waits.next().filter(|_| error.away().is_some()) {
                Some(wait) => pause(*wait, &access)?,
                None => return Err(error),
            },
        }
    }
}

fn size_of(path: &HostPath) -> u64 {
    std::fs::symlink_metadata(path.as_path()).map_or(0, |data| data.len())
}

fn lock_of(folder: &HostPath) -> HostPath {
    let mut name = folder.as_path().as_os_str().to_owned();
    name.push(".lock");
    HostPath::new(name)
}

/// Waits until nobody else fetches into `folder`.
fn lock(folder: &HostPath, access: &Access<'_>) -> Result<Flock<File>, FetchError> {
    let path = lock_of(folder);
    let failed = |source| FetchError::File { path: path.clone(), source };
    if let Some(above) = folder.as_path().parent() {
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    let mut file = File::options().append(true).create(true).open(path.as_path()).map_err(failed)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) => file = same,
            Err((_, error)) => return Err(failed(error.into())),
        }
        pause(Duration::from_millis(50), access)?;
    }
}

fn pause(time: Duration, access: &Access<'_>) -> Result<(), FetchError> {
    let began = Instant::now();
    while began.elapsed() < time {
        if access.cancel.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        std::thread::sleep(Duration::from_millis(20).min(time));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
