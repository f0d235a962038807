//! Locks on action keys: no two builds of one key at a time, in whatever process.
//!
//! A lock is a file `locks/<key>`, held by flock(2): it ends with its process however that ends. The file says who holds
//! it, and is removed with the lock. Nightlies are kept apart by locks of the same kind, named by project and set.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use cap_std::fs::{Dir, OpenOptions};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::{StoreError, io};
use super::keeps::id_of;
use crate::drv::ActionKey;
use crate::name::SetName;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The name of its machine.
    pub host: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host.escape_debug())
    }
}

/// A lock on an action key, held until dropped. Look for the realisation again after acquiring it.
#[derive(Debug)]
pub struct KeyLock {
    locks: Dir,
    name: String,
    _file: Flock<File>,
}

/// What trying came to.
#[derive(Debug)]
pub enum TryLock {
    /// It is ours now.
    Locked(KeyLock),
    /// Another has it; `None` where it has not said yet who it is.
    HeldBy(Option<Holder>),
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // While it is still locked: whoever gets the lock on this file next finds that it lost its name, and starts anew.
        let _ = self.locks.remove_file(&self.name);
    }
}

impl Store {
    /// Locks an action key. Where another has it, `waiting` is told whose it is, once, before this waits.
    ///
    /// # Errors
    /// Where the lock cannot be made.
    pub fn lock_key(&self, key: ActionKey, waiting: &mut dyn FnMut(Option<Holder>)) -> Result<KeyLock, StoreError> {
        let name = key.to_string();
        match self.try_lock(&name)? {
            TryLock::Locked(lock) => return Ok(lock),
            TryLock::HeldBy(holder) => waiting(holder),
        }
        loop {
            let file = self.open_lock(&name)?;
            let locked = Flock::lock(file, FlockArg::LockExclusive);
            let file = match locked {
                Ok(file) => file,
                Err((_, Errno::EINTR)) => continue,
                Err((_, error)) => return Err(io("locking", &self.lock_path(&name))(error.into())),
            };
            if let Some(lock) = self.settle_lock(&name, file)? {
                return Ok(lock);
            }
        }
    }

    /// Locks an action key unless another has it.
    ///
    /// # Errors
    /// Where the lock cannot be made.
    pub fn try_lock_key(&self, key: ActionKey) -> Result<TryLock, StoreError> {
        self.try_lock(&key.to_string())
    }

    /// Locks the nightlies of a set of the project in the folder `project` unless one is under way.
    ///
    /// # Errors
    /// Where the lock cannot be made.
    pub fn try_lock_nights(&self, project: &str, set: &SetName) -> Result<TryLock, StoreError> {
        self.try_lock(&format!("night-{}-{set}", id_of(project)))
    }

    fn try_lock(&self, name: &str) -> Result<TryLock, StoreError> {
        loop {
            match Flock::lock(self.open_lock(name)?, FlockArg::LockExclusiveNonblock) {
                Ok(file) => {
                    if let Some(lock) = self.settle_lock(name, file)? {
                        return Ok(TryLock::Locked(lock));
                    }
                }
                Err((file, Errno::EWOULDBLOCK)) => {
                    let mut text = Vec::new();
                    let read = file.take(1_000).read_to_end(&mut text);
                    let holder = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
                    return Ok(TryLock::HeldBy(holder));
                }
                Err((_, error)) => return Err(io("locking", &self.lock_path(name))(error.into())),
            }
        }
    }

    fn lock_path(&self, name: &str) -> crate::path::HostPath {
        self.path.join("locks").join(name)
    }

    fn open_lock(&self, name: &str) -> Result<File, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        let opened = self.dir.open_with(format!("locks/{name}"), &options);
        Ok(opened.map_err(io("opening a lock", &self.lock_path(name)))?.into_std())
    }

    /// `None` where the file that was locked has lost its name: its last holder removed it.
    fn settle_lock(&self, name: &str, mut file: Flock<File>) -> Result<Option<KeyLock>, StoreError> {
        let path = self.lock_path(name);
        let failed = || io("locking", &path);
        let ours = file.metadata().map_err(failed())?;
        let named = self.dir.open(format!("locks/{name}")).and_then(|named| named.into_std().metadata());
        if !named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            return Ok(None);
        }
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let holder = Holder { pid: std::process::id(), host };
        let text = serde_json::to_vec(&holder).expect("a plain struct");
        // What a dead holder wrote may be longer.
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(failed())?;
        let locks = self.dir.open_dir("locks").map_err(failed())?;
        Ok(Some(KeyLock { locks, name: name.to_owned(), _file: file }))
    }
}
