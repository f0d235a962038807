//! One file in a folder of its own, which stays there until it is whole: what a stop or a broken connection left of it is gone
//! on with, and what others are fetching is waited for.
//!
//! Whether what came is right, only its digest tells. What does not come to it although it began with what was there is
//! fetched once more, from nothing.

#![expect(clippy::disallowed_methods, reason = "apt's helper writes to paths")]

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::fcntl::Flock;

use super::download::{Access, Wanted, download};
use super::failure::FetchError;
use super::locking::{self, lock_of};
use crate::path::HostPath;

/// A file that has come.
#[derive(Debug)]
pub struct Kept {
    /// Where it is.
    pub path: HostPath,
    folder: KeptFolder,
}

impl Kept {
    /// The folder, for another file in its place.
    pub fn into_folder(self) -> KeptFolder {
        self.folder
    }

    /// Removes it with its folder.
    pub fn discard(self) {
        self.folder.discard();
    }
}

/// Downloads `wanted` into `folder`. Where the network does not answer, it is asked again after each of `waits`.
///
/// # Errors
/// [`FetchError`]; what has come by then stays.
pub fn download_kept(
    wanted: &Wanted,
    folder: KeptFolder,
    access: &Access<'_>,
    waits: &[Duration],
) -> Result<Kept, FetchError> {
    let access = Access { resumes: true, ..access.clone() };
    let path = folder.folder.join(&wanted.name);
    let mut waits = waits.iter();
    loop {
        let began = size_of(&path) > 0;
        match download(std::slice::from_ref(wanted), &folder.folder, &access) {
            Ok(_) => return Ok(Kept { path, folder }),
            // What was there may have been of another time.
            Err(FetchError::Mismatch { .. } | FetchError::TooLarge { .. }) if began && size_of(&path) == 0 => {}
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

/// A folder that nobody else fetches into as long as this is there.
#[derive(Debug)]
pub struct KeptFolder {
    folder: HostPath,
    _lock: Flock<File>,
}

impl KeptFolder {
    /// Waits until nobody else fetches into `folder`.
    ///
    /// # Errors
    /// [`FetchError`] where it cannot be locked, or the wait was ended.
    pub fn lock(folder: &HostPath, access: &Access<'_>) -> Result<Self, FetchError> {
        let path = lock_of(folder);
        let failed = |source| FetchError::File { path: path.clone(), source };
        let lock = locking::lock(&path, failed, || pause(Duration::from_millis(50), access))?;
        Ok(Self { folder: folder.clone(), _lock: lock })
    }

    /// Removes it, with what lies in it.
    pub fn discard(self) {
        let _ = std::fs::remove_dir_all(self.folder.as_path());
        let _ = std::fs::remove_file(lock_of(&self.folder).as_path());
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
