//! What live processes use: named before it is looked for, so that no collection takes it away in between.
//!
//! `work/<id>/uses` has a row for each thing: a letter, and 32 bytes. Rows are appended under a shared lock on
//! `locks/collect`. A collection holds that lock alone, but only while it removes a few hundred files, and begins each time
//! with the rows that have come since. So what a process has named and then finds is there until that process ends.
//!
//! What it leaves may be needed by what has been looked at before: its project's list names results that were not there when
//! a collection read that. So while a collection is under way (`locks/collecting`) no row is lost: a process that ends moves
//! its rows to `keep/ended/`, and nobody sweeps the work folders of those that were killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, PoisonError};

use cap_std::fs::{Dir, OpenOptions};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Store;
use super::error::{StoreError, io};
use super::work::WorkDir;
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::path::HostPath;

/// Held alone by a collection while it removes, shared by whoever says what it uses.
const GATE: &str = "locks/collect";

/// Held by a collection from its first look to its end.
const COLLECTING: &str = "locks/collecting";

const USES: &str = "uses";

/// Rows of processes that ended during a collection.
const ENDED: &str = "keep/ended";

/// The bytes of a row.
const ROW: usize = 33;

/// Something that a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Used {
    /// A realisation, with its outputs, its log and the root of that key.
    Key(ActionKey),
    /// A tree, with its objects.
    Tree(Digest),
    /// An object.
    Object(Digest),
    /// A log.
    Log(Digest),
}

impl Used {
    fn row(self) -> [u8; ROW] {
        let (letter, digest) = match self {
            Self::Key(key) => (b'k', key.0),
            Self::Tree(digest) => (b't', digest),
            Self::Object(digest) => (b'o', digest),
            Self::Log(digest) => (b'l', digest),
        };
        let mut row = [letter; ROW];
        row[1..].copy_from_slice(digest.as_bytes());
        row
    }

    fn of(row: &[u8; ROW]) -> Option<Self> {
        let (letter, digest) = row.split_first_chunk::<1>()?;
        let digest = Digest::from_bytes(digest.try_into().ok()?);
        match letter {
            b"k" => Some(Self::Key(ActionKey(digest))),
            b"t" => Some(Self::Tree(digest)),
            b"o" => Some(Self::Object(digest)),
            b"l" => Some(Self::Log(digest)),
            _ => None,
        }
    }
}

/// The rows of this process.
pub(super) struct Uses {
    rows: File,
    path: HostPath,
    store: Dir,
    /// What the rows stand in: alive as long as this is.
    scratch: Arc<WorkDir>,
}

impl Drop for Uses {
    fn drop(&mut self) {
        if is_collecting(&self.store) {
            let _ = self.scratch.dir().rename(USES, &self.store, format!("{ENDED}/{}", self.scratch.name()));
        }
    }
}

/// A collection under way: the only one of its store.
#[derive(Debug)]
pub struct CollectionLock {
    _lock: Flock<File>,
    store: Dir,
}

impl Drop for CollectionLock {
    fn drop(&mut self) {
        for entry in self.store.read_dir(ENDED).into_iter().flatten().flatten() {
            let _ = entry.remove_file();
        }
    }
}

/// A collection's view of what live processes use, read on as they go on.
#[derive(Default)]
pub(super) struct Seen {
    /// How far the rows of each work folder have been read.
    read: BTreeMap<String, u64>,
}

impl Store {
    /// Says what this process is about to use: what is in the store by then stays until the process ends. Look for it
    /// only afterwards.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn uses(&self, used: &[Used]) -> Result<(), StoreError> {
        let mut slot = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = match &mut *slot {
            Some(uses) => uses,
            None => slot.insert(self.open_uses()?),
        };
        let rows: Vec<u8> = used.iter().flat_map(|used| used.row()).collect();
        let _gate = self.gate_of_uses(FlockArg::LockShared)?;
        let before = uses.rows.metadata().map(|meta| meta.len());
        let written = uses.rows.write_all(&rows);
        if written.is_err()
            && let Ok(before) = before
        {
            // A full disk: part of a row would displace all that follow.
            let _ = uses.rows.set_len(before);
        }
        written.map_err(io("saying what is in use", &uses.path))
    }

    fn open_uses(&self) -> Result<Uses, StoreError> {
        let scratch = self.scratch()?;
        let path = scratch.path().join(USES);
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let rows = scratch.dir().open_with(USES, &options).map_err(io("saying what is in use", &path))?.into_std();
        let store = self.dir.try_clone().map_err(io("opening the store", &self.path))?;
        Ok(Uses { rows, path, store, scratch })
    }

    /// Keeps everybody from beginning to use anything until the lock is dropped; waits for those who are about to.
    pub(super) fn close_gate(&self) -> Result<Flock<File>, StoreError> {
        self.gate_of_uses(FlockArg::LockExclusive)
    }

    /// Keeps every collection from removing anything until the lock is dropped.
    pub(super) fn open_gate(&self) -> Result<Flock<File>, StoreError> {
        self.gate_of_uses(FlockArg::LockShared)
    }

    fn gate_of_uses(&self, how: FlockArg) -> Result<Flock<File>, StoreError> {
        let path = self.path.join(GATE);
        let mut file = self.dir.create(GATE).map_err(io("opening a lock", &path))?.into_std();
        loop {
            match Flock::lock(file, how) {
                Ok(lock) => return Ok(lock),
                Err((again, Errno::EINTR)) => file = again,
                Err((_, error)) => return Err(io("locking", &path)(error.into())),
            }
        }
    }

    /// Begins a collection: from here on no process's rows are lost.
    ///
    /// # Errors
    /// [`StoreError::Collecting`] where another is under way.
    pub fn begin_collection(&self) -> Result<CollectionLock, StoreError> {
        let path = self.path.join(COLLECTING);
        let mut file = self.dir.create(COLLECTING).map_err(io("opening a lock", &path))?.into_std();
        // Whoever only looks whether there is a collection holds it for a moment too.
        let mut tries = 1_000;
        let _lock = loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => break lock,
                Err((_, Errno::EWOULDBLOCK)) if tries == 0 => {
                    return Err(StoreError::Collecting { path: self.path.clone() });
                }
                Err((again, Errno::EWOULDBLOCK | Errno::EINTR)) => file = again,
                Err((_, error)) => return Err(io("locking", &path)(error.into())),
            }
            tries -= 1;
            std::thread::yield_now();
        };
        self.make_folder(ENDED)?;
        let store = self.dir.try_clone().map_err(io("opening the store", &self.path))?;
        Ok(CollectionLock { _lock, store })
    }

    /// Whether a collection is under way.
    pub(super) fn is_collecting(&self) -> bool {
        is_collecting(&self.dir)
    }

    /// What processes have said since this was last asked with the same `seen`, also those that ended meanwhile. Call it
    /// while the gate is closed.
    pub(super) fn new_uses(&self, seen: &mut Seen) -> Result<Vec<Used>, StoreError> {
        let mut used = Vec::new();
        let work = self.names_in("work")?.into_iter().map(|name| (format!("work/{name}/{USES}"), name));
        let ended = self.names_in(ENDED)?.into_iter().map(|name| (format!("{ENDED}/{name}"), name));
        for (place, name) in work.chain(ended).collect::<Vec<_>>() {
            let failed = || io("reading what is in use", &self.path.join(&place));
            let mut file = match self.dir.open(&place) {
                Ok(file) => file.into_std(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed()(error)),
            };
            let from = seen.read.entry(name.trim_end_matches(".dead").to_owned()).or_default();
            let mut rows = Vec::new();
            file.seek(SeekFrom::Start(*from)).and_then(|_| file.read_to_end(&mut rows)).map_err(failed())?;
            let (rows, _) = rows.as_chunks::<ROW>();
            *from += (rows.len() * ROW) as u64;
            used.extend(rows.iter().filter_map(Used::of));
        }
        Ok(used)
    }
}

fn is_collecting(store: &Dir) -> bool {
    let mut options = OpenOptions::new();
    options.read(true);
    let Ok(file) = store.open_with(COLLECTING, &options) else { return false };
    Flock::lock(file.into_std(), FlockArg::LockSharedNonblock).is_err()
}
