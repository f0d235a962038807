//! Writing so that a crash at any point leaves the old state or the new one.
//!
//! The only place that makes files in the store by another way than appending (the ledger). Knows paths relative to the
//! store, not what they mean.

use std::fs::File;
use std::io::{self as std_io, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use cap_std::fs::{Dir, OpenOptions};

use super::error::{StoreError, io};
use super::work::WorkDir;
use super::{Store, fault};
use crate::digest::{Digest, Sha256};

/// The largest file that is read whole, in bytes: more than the largest tree.
pub(super) const MAX_RECORD: u64 = 1 << 30;

/// Bytes that are read of a file before its length is asked for.
const FEW: usize = 4096;

/// A temporary file in the store's own file system. Removed when dropped, unless it got its name.
pub(super) struct Temp {
    scratch: Arc<WorkDir>,
    name: String,
    file: Option<File>,
}

impl Temp {
    /// The file, until it is closed.
    pub(super) fn file(&mut self) -> std_io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| std_io::Error::other("the temporary file is closed"))
    }

    /// Sets the mode whatever the umask is, and makes content and mode durable unless `durable` is left to a later
    /// [`Store::sync_all`]. Closes the file.
    pub(super) fn finish(&mut self, mode: u32, durable: bool) -> std_io::Result<()> {
        if let Some(file) = self.file.take() {
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            fault::point("temp-written");
            if durable {
                file.sync_all()?;
                fault::point("temp-durable");
            }
        }
        Ok(())
    }
}

impl Temp {
    /// Makes the content durable after it was finished without.
    pub(super) fn sync(&self) -> std_io::Result<()> {
        self.scratch.dir().open(&self.name)?.into_std().sync_all()?;
        fault::point("temp-durable");
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // After a rename there is nothing; else what stays is swept with its work folder.
        if !self.name.is_empty() {
            let _ = self.scratch.dir().remove_file(&self.name);
        }
    }
}

/// `objects` and a digest: `objects/ab/cdef…`.
pub(super) fn sharded(kind: &str, digest: &Digest) -> String {
    sharded_hex(kind, &digest.to_string())
}

/// As [`sharded`].
pub(super) fn sharded_sha256(kind: &str, digest: &Sha256) -> String {
    sharded_hex(kind, &digest.to_string())
}

fn sharded_hex(kind: &str, hex: &str) -> String {
    let (shard, rest) = hex.split_at(2);
    format!("{kind}/{shard}/{rest}")
}

/// The folder that holds `place`, relative to the store.
pub(super) fn folder_of(place: &str) -> &str {
    place.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

impl Store {
    /// The work folder of this process for temporary files.
    pub(super) fn scratch(&self) -> Result<Arc<WorkDir>, StoreError> {
        let mut slot = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(scratch) => Ok(Arc::clone(scratch)),
            None => Ok(Arc::clone(slot.insert(Arc::new(self.new_work()?)))),
        }
    }

    /// A new temporary file, empty, readable for its owner only.
    pub(super) fn temp(&self) -> Result<Temp, StoreError> {
        let scratch = self.scratch()?;
        let name = format!("t{}", self.serial.fetch_add(1, Ordering::Relaxed));
        let path = scratch.path().join(&name);
        let file = scratch
            .dir()
            .open_with(&name, OpenOptions::new().read(true).write(true).create_new(true))
            .map_err(io("making a temporary file", &path))?;
        fault::point("temp-made");
        Ok(Temp { scratch, name, file: Some(file.into_std()) })
    }

    /// Gives `temp` the name `place`, replacing what is there. The folder is not yet durable.
    pub(super) fn rename(&self, mut temp: Temp, place: &str) -> Result<(), StoreError> {
        let renamed = temp.scratch.dir().rename(&temp.name, &self.dir, place);
        renamed.map_err(io("renaming a file into the store", &self.path.join(place)))?;
        temp.name.clear();
        fault::point("renamed");
        Ok(())
    }

    /// Gives `temp` the name `place` unless there is something already; `false` then. The folder is not yet durable.
    pub(super) fn link_new(&self, temp: Temp, place: &str) -> Result<bool, StoreError> {
        // A hard link, since it never replaces; `temp` loses its first name when dropped.
        match temp.scratch.dir().hard_link(&temp.name, &self.dir, place) {
            Ok(()) => {
                fault::point("linked");
                Ok(true)
            }
            Err(error) if error.kind() == std_io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(io("linking a file into the store", &self.path.join(place))(error)),
        }
    }

    /// Writes a whole file, durably, replacing what is there.
    pub(super) fn put_durably(&self, place: &str, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
        self.put_file_at(place, bytes, mode, true)
    }

    /// Writes a whole file that may be lost or torn by a power cut, though not by the death of this process.
    pub(super) fn put_lightly(&self, place: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_unsynced(place, bytes, 0o644)
    }

    /// As [`Store::put_durably`], but not durable before [`Store::sync_all`].
    pub(super) fn put_unsynced(&self, place: &str, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
        self.put_file_at(place, bytes, mode, false)
    }

    fn put_file_at(&self, place: &str, bytes: &[u8], mode: u32, durable: bool) -> Result<(), StoreError> {
        let path = self.path.join(place);
        let mut temp = self.temp()?;
        let written = temp.file().and_then(|file| file.write_all(bytes)).and_then(|()| temp.finish(mode, durable));
        written.map_err(io("writing a file of the store", &path))?;
        self.make_folder(folder_of(place))?;
        self.rename(temp, place)?;
        if durable { self.sync_folder(folder_of(place)) } else { Ok(()) }
    }

    /// Makes a folder below the store, durably, with those above it. Nothing to do where it is there.
    pub(super) fn make_folder(&self, place: &str) -> Result<(), StoreError> {
        if place == "." || self.dir.is_dir(place) {
            return Ok(());
        }
        if let Some((above, _)) = place.rsplit_once('/') {
            self.make_folder(above)?;
        }
        if self.new_folder(place)? { self.sync_folder(folder_of(place)) } else { Ok(()) }
    }

    /// Makes a folder in one that is there; not yet durable. `false` where it is there.
    pub(super) fn new_folder(&self, place: &str) -> Result<bool, StoreError> {
        match self.dir.create_dir(place) {
            Ok(()) => {
                // Explicit, for a sandbox's users must get through whatever the umask is.
                let mode = if place == "work" { 0o700 } else { 0o755 };
                let permissions = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(mode));
                let set = self.dir.set_permissions(place, permissions);
                set.map_err(io("setting the mode of a folder", &self.path.join(place)))?;
                fault::point("folder-made");
                Ok(true)
            }
            Err(error) if error.kind() == std_io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(io("making a folder of the store", &self.path.join(place))(error)),
        }
    }

    /// Makes the names in a folder durable.
    pub(super) fn sync_folder(&self, place: &str) -> Result<(), StoreError> {
        sync_dir(&self.dir, place).map_err(io("making a folder durable", &self.path.join(place)))?;
        fault::point("folder-durable");
        Ok(())
    }

    /// Makes everything that was written to the store's file system durable, by one system call: far cheaper than
    /// thousands of single ones. For a publisher too, before it switches to files that [`Store::export_tree`] made.
    ///
    /// # Errors
    /// Where the file system reports that something could not be written.
    pub fn sync_all(&self) -> Result<(), StoreError> {
        // Opened anew, as in `sync_dir`.
        let synced = self.dir.open(".").and_then(|dir| nix::unistd::syncfs(dir).map_err(std_io::Error::from));
        synced.map_err(io("making the store durable", &self.path))?;
        fault::point("all-durable");
        Ok(())
    }

    /// A file's whole content; `None` where there is none.
    pub(super) fn read_whole(&self, place: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path.join(place);
        let file = match self.dir.open(place) {
            Ok(file) => file,
            Err(error) if error.kind() == std_io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("opening a file of the store", &path)(error)),
        };
        // Most are smaller: one read, and one that finds the end. Room for a larger one is made at once.
        let mut bytes = Vec::with_capacity(FEW);
        let read = (&file).take(FEW as u64).read_to_end(&mut bytes).and_then(|count| match count {
            FEW => {
                let rest = file.metadata()?.len().clamp(FEW as u64, MAX_RECORD) - FEW as u64;
                bytes.reserve_exact(usize::try_from(rest).unwrap_or(0) + 1);
                (&file).take(MAX_RECORD - FEW as u64).read_to_end(&mut bytes)
            }
            count => Ok(count),
        });
        read.map_err(io("reading a file of the store", &path))?;
        Ok(Some(bytes))
    }

    /// Removes a file, durably; `false` where there is none.
    pub(super) fn remove_durably(&self, place: &str) -> Result<bool, StoreError> {
        match self.dir.remove_file(place) {
            Ok(()) => {
                fault::point("removed");
                self.sync_folder(folder_of(place))?;
                Ok(true)
            }
            Err(error) if error.kind() == std_io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("removing a file of the store", &self.path.join(place))(error)),
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Dir, place: &str) -> std_io::Result<()> {
    // Opened as a file: a handle that can only be walked through (`O_PATH`) cannot be synchronized.
    dir.open(place)?.into_std().sync_all()
}
