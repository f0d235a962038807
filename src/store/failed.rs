//! Trees of failed steps: what one has written until it failed, for whoever wants to look at it. Local and disposable, as
//! roots are; never shared, never a result.
//!
//! `failed/<uid>/<id>/` is a tree, whole from its first moment on, as it is renamed there. Its record says of which attempt it is:
//! once the store remembers that no more, nobody asks for the tree either. Whoever looks at it shares `lock` in it, whoever takes
//! it away holds that alone. What else is in it is the affair of those who keep it.

use std::collections::BTreeMap;
use std::fs::File;

use cap_std::fs::{Dir, OpenOptions};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::{StoreError, io};
use super::{Attempt, Store, WorkDir, fault, sealed};
use crate::drv::ActionKey;
use crate::path::HostPath;

const FAILED: &str = "failed";
const RECORD: &str = "record.json";
const LOCK: &str = "lock";

/// What is known of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTree {
    /// Name of the node.
    pub node: String,
    /// The action key of what failed.
    pub key: ActionKey,
    /// When it was kept, in seconds since 1970.
    pub kept: i64,
    /// The bytes that it takes on the disk.
    pub bytes: u64,
    /// The keys of the roots that it was written over, topmost first.
    pub layers: Vec<ActionKey>,
    /// The environment that it was written in.
    pub env: BTreeMap<String, String>,
}

/// A tree in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEntry {
    /// The user whose roots it was written over.
    pub uid: u32,
    /// Its name among those of that user.
    pub name: String,
    /// What is known of it; `None` where that is damaged, so that it is of no use.
    pub tree: Option<FailedTree>,
}

impl FailedEntry {
    /// The bytes that it takes on the disk, as far as that is known.
    pub fn bytes(&self) -> u64 {
        self.tree.as_ref().map_or(0, |tree| tree.bytes)
    }

    /// When it was kept, in seconds since 1970; long ago where that is not known.
    pub fn kept(&self) -> i64 {
        self.tree.as_ref().map_or(0, |tree| tree.kept)
    }

    fn place(&self) -> String {
        format!("{FAILED}/{}/{}", self.uid, self.name)
    }
}

/// A tree that stays as long as this does.
#[derive(Debug)]
pub struct HeldTree {
    /// What is known of it.
    pub tree: FailedTree,
    /// The attempt that left it.
    pub attempt: Attempt,
    path: HostPath,
    dir: Dir,
    _lock: Flock<File>,
}

impl HeldTree {
    /// Where it is.
    pub fn path(&self) -> &HostPath {
        &self.path
    }

    /// The same, opened.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }
}

impl Store {
    /// Keeps the folder `name` of a work folder as the tree of a failed step, from where it is gone then.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn keep_failed(
        &self,
        uid: u32,
        tree: FailedTree,
        (from, name): (&WorkDir, &str),
    ) -> Result<FailedEntry, StoreError> {
        let entry = FailedEntry { uid, name: format!("{:016x}", rand::random::<u64>()), tree: None };
        let failed = || io("keeping the tree of a failed step", &self.path.join(entry.place()));
        let record = sealed::encode(&tree);
        for (file, bytes) in [(LOCK, &b""[..]), (RECORD, &record)] {
            from.dir().write(format!("{name}/{file}"), bytes).map_err(failed())?;
        }
        fault::point("failed-written");
        self.make_folder(&format!("{FAILED}/{uid}"))?;
        // Its content, before its name can outlive a power cut: else it would be seen as it never stood.
        self.sync_all()?;
        from.dir().rename(name, &self.dir, entry.place()).map_err(failed())?;
        fault::point("failed-kept");
        Ok(FailedEntry { tree: Some(tree), ..entry })
    }

    /// All trees of failed steps, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn failed_trees(&self) -> Result<Vec<FailedEntry>, StoreError> {
        let mut entries = Vec::new();
        for user in self.names_in(FAILED)? {
            let Ok(uid) = user.parse() else { continue };
            for name in self.names_in(&format!("{FAILED}/{user}"))? {
                let bytes = self.read_whole(&format!("{FAILED}/{user}/{name}/{RECORD}"))?;
                let tree = bytes.and_then(|bytes| sealed::decode(&bytes));
                entries.push(FailedEntry { uid, name, tree });
            }
        }
        entries.sort_by(|one, other| (one.kept(), &one.name).cmp(&(other.kept(), &other.name)));
        Ok(entries)
    }

    /// The attempt that left a tree, as long as it is the last of its node.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn attempt_of(&self, tree: &FailedTree) -> Result<Option<Attempt>, StoreError> {
        Ok(self.last_attempt_of_node(&tree.node)?.filter(|attempt| attempt.key == tree.key))
    }

    /// The tree that the last attempt of `node` has left, written over roots of `uid`; `None` where there is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn hold_failed(&self, node: &str, uid: u32) -> Result<Option<HeldTree>, StoreError> {
        for entry in self.failed_trees()?.into_iter().rev().filter(|entry| entry.uid == uid) {
            let place = entry.place();
            let Some(tree) = entry.tree.filter(|tree| tree.node == node) else { continue };
            let Some(attempt) = self.attempt_of(&tree)? else { continue };
            let path = self.path.join(&place);
            let Ok(dir) = self.dir.open_dir(&place) else { continue };
            let Ok(file) = dir.open(LOCK) else { continue };
            let Ok(lock) = Flock::lock(file.into_std(), FlockArg::LockSharedNonblock) else { continue };
            // It may have been taken away before that.
            if self.dir.is_dir(&place) {
                return Ok(Some(HeldTree { tree, attempt, path, dir, _lock: lock }));
            }
        }
        Ok(None)
    }

    /// Takes a tree out of the store, into the folder `entry.name` of a work folder; `false` where somebody looks at it, or
    /// has taken it.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn withdraw_failed(&self, entry: &FailedEntry, into: &WorkDir) -> Result<bool, StoreError> {
        let (place, path) = (entry.place(), self.path.join(entry.place()));
        let mut options = OpenOptions::new();
        options.read(true);
        let lock = match self.dir.open_with(format!("{place}/{LOCK}"), &options) {
            Ok(file) => match Flock::lock(file.into_std(), FlockArg::LockExclusiveNonblock) {
                Ok(lock) => Some(lock),
                Err((_, Errno::EWOULDBLOCK)) => return Ok(false),
                Err((_, error)) => return Err(io("locking", &path)(error.into())),
            },
            // Torn by a power cut: nobody can look at it.
            Err(_) => None,
        };
        let moved = self.dir.rename(&place, into.dir(), &entry.name);
        drop(lock);
        match moved {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("taking the tree of a failed step out", &path)(error)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::diag::Cause;
    use crate::digest::Digest;

    fn key(name: &str) -> ActionKey {
        ActionKey(Digest::of(name.as_bytes()))
    }

    fn fail(store: &Store, key: ActionKey) {
        let (node, message) = ("build:a".to_owned(), "no".to_owned());
        let (cause, started) = (Cause::Build, 1);
        let attempt = Attempt {
            key,
            node,
            fingerprint: None,
            cause,
            log: None,
            started,
            milliseconds: 1,
            message,
            tries: 1,
            limit: None,
        };
        store.record_attempt(&attempt).expect("recorded");
    }

    fn keep(store: &Store, key: ActionKey, kept: i64) -> FailedEntry {
        let work = store.new_work().expect("made");
        work.dir().create_dir_all("tree/upper").expect("made");
        work.dir().write("tree/upper/file", kept.to_string()).expect("written");
        let (node, layers) = ("build:a".to_owned(), Vec::new());
        let tree = FailedTree { node, key, kept, bytes: 7, layers, env: BTreeMap::new() };
        store.keep_failed(5, tree, (&work, "tree")).expect("kept")
    }

    /// Keeps a tree, takes it away, and keeps another.
    pub fn come_and_go(store: &Store) {
        let work = store.new_work().expect("made");
        let entry = keep(store, key("one"), 1);
        assert!(store.withdraw_failed(&entry, &work).expect("moves"));
        keep(store, key("one"), 2);
    }

    /// Whatever there is is whole.
    pub fn check_whole(store: &Store) {
        for entry in store.failed_trees().expect("reads") {
            let tree = entry.tree.as_ref().expect("a record");
            let file = store.dir.read_to_string(format!("{}/upper/file", entry.place())).expect("there");
            assert_eq!(file, tree.kept.to_string());
        }
    }

    #[test]
    fn a_tree_is_there_as_long_as_its_attempt() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        assert!(store.hold_failed("build:a", 5).expect("reads").is_none());
        let entry = keep(&store, key("one"), 1);
        assert_eq!(store.failed_trees().expect("reads"), [entry]);
        assert!(store.hold_failed("build:a", 5).expect("reads").is_none(), "nobody remembers the attempt");
        fail(&store, key("one"));
        let held = store.hold_failed("build:a", 5).expect("reads").expect("there");
        assert_eq!(held.dir().read_to_string("upper/file").expect("there"), "1");
        assert!(store.hold_failed("build:a", 6).expect("reads").is_none(), "that is another user's");
        assert!(store.hold_failed("build:b", 5).expect("reads").is_none());
        fail(&store, key("two"));
        assert!(store.hold_failed("build:a", 5).expect("reads").is_none(), "it failed otherwise since");
    }

    #[test]
    fn what_is_looked_at_is_not_taken_away() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        let (first, second) = (keep(&store, key("one"), 1), keep(&store, key("one"), 2));
        fail(&store, key("one"));
        let held = store.hold_failed("build:a", 5).expect("reads").expect("there");
        assert_eq!(held.dir().read_to_string("upper/file").expect("there"), "2", "the newest");
        let work = store.new_work().expect("made");
        assert!(!store.withdraw_failed(&second, &work).expect("locks"));
        assert!(store.withdraw_failed(&first, &work).expect("moves"));
        assert!(work.dir().is_dir(&first.name) && !store.withdraw_failed(&first, &work).expect("gone"));
        drop(held);
        assert!(store.withdraw_failed(&second, &work).expect("moves"));
        assert_eq!(store.failed_trees().expect("reads"), []);
    }

    #[test]
    fn a_torn_one_is_of_no_use_and_can_be_taken_away() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        let entry = keep(&store, key("one"), 1);
        fail(&store, key("one"));
        let path = store.path().join(entry.place());
        store.dir.write(format!("{}/{RECORD}", entry.place()), "").expect("torn");
        assert!(store.hold_failed("build:a", 5).expect("reads").is_none());
        store.dir.remove_file(format!("{}/{LOCK}", entry.place())).expect("torn");
        let torn = store.failed_trees().expect("reads").pop().expect("there");
        assert_eq!((torn.tree.as_ref(), torn.bytes(), torn.kept()), (None, 0, 0));
        assert!(store.withdraw_failed(&torn, &store.new_work().expect("made")).expect("moves"));
        assert!(!path.as_path().exists());
    }
}
