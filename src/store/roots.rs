//! Roots: chroots by action key. Local and disposable: their bytes are never an identity and never verified.
//!
//! `roots/<uid>/<key>/` is a root, `roots/<uid>/<key>.ok` says that it is whole. Roots of different users are apart, for
//! files in those of an ordinary user belong to that user's subordinate ids.

use std::os::fd::AsFd as _;

use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use super::durable::folder_of;
use super::error::{StoreError, io};
use super::{Store, WorkDir, fault};
use crate::drv::ActionKey;
use crate::path::HostPath;

/// What committing a root came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommittedRoot {
    /// It is there now.
    New,
    /// There was a whole one already, which stays; the new one is still in its work folder.
    Earlier,
}

/// A root in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RootEntry {
    /// The user whose root it is.
    pub uid: u32,
    /// Its action key.
    pub key: ActionKey,
    /// Whether it is whole. What is not may be removed by whoever locks its key.
    pub whole: bool,
    /// When it was made or last used, in seconds since 1970.
    pub used: i64,
}

fn place_of(key: ActionKey, uid: u32) -> String {
    format!("roots/{uid}/{key}")
}

impl Store {
    /// Where the root of a key is, or would be.
    pub fn root_path(&self, key: ActionKey, uid: u32) -> HostPath {
        self.path.join(place_of(key, uid))
    }

    /// Whether there is a whole root. A link in its place is none, wherever it leads.
    pub fn has_root(&self, key: ActionKey, uid: u32) -> bool {
        let place = place_of(key, uid);
        let is_folder = || self.dir.symlink_metadata(&place).is_ok_and(|found| found.is_dir());
        self.dir.is_file(format!("{place}.ok")) && is_folder()
    }

    /// Notes that a root is used now: of those that nobody needs any more, the longest unused goes first.
    pub fn touch_root(&self, key: ActionKey, uid: u32) {
        let marker = format!("{}.ok", place_of(key, uid));
        let now = &TimeSpec::UTIME_NOW;
        // One that cannot be noted only makes it look older.
        let _ = utimensat(self.dir.as_fd(), marker.as_str(), now, now, UtimensatFlags::NoFollowSymlink);
    }

    /// Moves `name` in a work folder to the root's place, and says that it is whole. Call it under the key's lock. The
    /// folder `name` itself must belong to the calling user (a rename to another folder writes to it); what is in it
    /// need not.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn commit_root(
        &self,
        key: ActionKey,
        uid: u32,
        from: &WorkDir,
        name: &str,
    ) -> Result<CommittedRoot, StoreError> {
        if self.has_root(key, uid) {
            return Ok(CommittedRoot::Earlier);
        }
        let place = place_of(key, uid);
        let failed = || io("moving a root to its place", &self.path.join(&place));
        self.make_folder(folder_of(&place))?;
        if self.dir.is_dir(&place) {
            // What a crash left between rename and marker. Into the work folder, which knows how to get rid of it.
            let aside = format!("{name}.torn");
            self.dir.rename(&place, from.dir(), &aside).map_err(failed())?;
        }
        // Its content, before its name and marker can outlive a power cut.
        self.sync_all()?;
        from.dir().rename(name, &self.dir, &place).map_err(failed())?;
        fault::point("root-renamed");
        self.put_durably(&format!("{place}.ok"), b"", 0o644)?;
        Ok(CommittedRoot::New)
    }

    /// Takes a root out of the store, into `name` of a work folder; `false` where there is none. Call it under the key's
    /// lock, when nobody uses the root.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn withdraw_root(&self, key: ActionKey, uid: u32, into: &WorkDir, name: &str) -> Result<bool, StoreError> {
        let place = place_of(key, uid);
        self.remove_durably(&format!("{place}.ok"))?;
        match self.dir.rename(&place, into.dir(), name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("taking a root out", &self.path.join(&place))(error)),
        }
    }

    /// All roots, sorted by user and key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roots(&self) -> Result<Vec<RootEntry>, StoreError> {
        let failed = || io("listing the roots", &self.path.join("roots"));
        let mut roots = Vec::new();
        for user in self.dir.read_dir("roots").map_err(failed())? {
            let Some(uid) = user.map_err(failed())?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            for entry in self.dir.read_dir(format!("roots/{uid}")).map_err(failed())? {
                let name = entry.map_err(failed())?.file_name();
                if let Some(key) = name.to_str().and_then(|name| name.parse().ok()).map(ActionKey) {
                    let used = self.stat(&format!("{}.ok", place_of(key, uid))).map_or(0, |found| found.st_mtime);
                    roots.push(RootEntry { uid, key, whole: self.has_root(key, uid), used });
                }
            }
        }
        roots.sort();
        Ok(roots)
    }
}
