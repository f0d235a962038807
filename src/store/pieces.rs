//! Pieces: what took long to make of objects, to be put together again the next time.
//!
//! ```text
//! pieces/<shelf>/<key>   bytes, and behind them their BLAKE3     pieces/<shelf>/of   the tree that they were made for
//! ```
//!
//! A shelf belongs to whoever makes one thing again and again. Everything on it can be made anew at any time: it is written
//! without being made durable, believed only with its seal, and goes with the tree that it was made for.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::collect::Marked;
use super::error::StoreError;
use super::{Store, sealed};
use crate::digest::Digest;

const PIECES: &str = "pieces";

/// The note on which tree a shelf's pieces were made for.
const OF: &str = "of";

/// Pieces of one thing. Threads may share it.
pub struct Shelf<'a> {
    store: &'a Store,
    folder: String,
    asked: Mutex<BTreeSet<Digest>>,
    failed: Mutex<Option<StoreError>>,
}

impl Store {
    /// The pieces of what is called `name`.
    pub fn shelf(&self, name: &str) -> Shelf<'_> {
        let folder = format!("{PIECES}/{}", Digest::of(name.as_bytes()));
        Shelf { store: self, folder, asked: Mutex::default(), failed: Mutex::default() }
    }

    /// Removes the pieces of what is not kept.
    pub(super) fn forget_pieces(&self, marked: &Marked) -> Result<(), StoreError> {
        for shelf in self.names_in(PIECES)? {
            let folder = format!("{PIECES}/{shelf}");
            let of = self.read_whole(&format!("{folder}/{OF}"))?.and_then(|bytes| sealed::decode::<Digest>(&bytes));
            if of.is_none_or(|tree| marked.tree(tree).is_none()) {
                // Somebody may be putting pieces there; what is left is taken the next time.
                let _ = self.dir.remove_dir_all(&folder);
            }
        }
        Ok(())
    }
}

impl Shelf<'_> {
    /// A piece; `None` where it is not there, or damaged.
    pub fn get(&self, key: Digest) -> Option<Vec<u8>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        let mut bytes = self.store.read_whole(&self.place(key)).ok().flatten()?;
        let (piece, seal) = bytes.split_last_chunk::<32>()?;
        if sealed_by(key, piece) != Digest::from_bytes(*seal) {
            return None;
        }
        bytes.truncate(piece.len());
        Some(bytes)
    }

    /// Keeps a piece in place of what had its key before. Where that fails, [`Shelf::settle`] says why.
    pub fn put(&self, key: Digest, piece: &[u8]) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        let bytes = [piece, sealed_by(key, piece).as_bytes()].concat();
        let place = self.place(key);
        // A collection may have taken the folder away between two steps of the first.
        self.note(self.store.put_lightly(&place, &bytes).or_else(|_| self.store.put_lightly(&place, &bytes)));
    }

    /// Says which tree it has all been for, and removes every piece that nobody has asked for or put.
    ///
    /// # Errors
    /// Where something could not be kept or removed.
    pub fn settle(self, tree: Digest) -> Result<(), StoreError> {
        self.note(self.store.put_lightly(&format!("{}/{OF}", self.folder), &sealed::encode(&tree)));
        let asked = self.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        for name in self.store.names_in(&self.folder)? {
            if name != OF && !name.parse::<Digest>().is_ok_and(|key| asked.contains(&key)) {
                let _ = self.store.dir.remove_file(format!("{}/{name}", self.folder));
            }
        }
        Ok(())
    }

    fn place(&self, key: Digest) -> String {
        format!("{}/{key}", self.folder)
    }

    fn note(&self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

fn sealed_by(key: Digest, piece: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(piece).update(key.as_bytes());
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;
    use crate::store::Used;
    use crate::store::collect::{Keeper, Reason};
    use crate::tree::Tree;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        (folder, store)
    }

    fn key(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn what_nobody_asks_for_goes() {
        let (_folder, store) = store();
        let shelf = store.shelf("repo:a@b");
        assert_eq!(shelf.get(key("one")), None);
        shelf.put(key("one"), b"1");
        shelf.put(key("two"), b"");
        shelf.settle(key("tree")).expect("settles");
        let shelf = store.shelf("repo:a@b");
        assert_eq!((shelf.get(key("one")).as_deref(), shelf.get(key("none"))), (Some(&b"1"[..]), None));
        shelf.settle(key("tree")).expect("settles");
        let shelf = store.shelf("repo:a@b");
        assert_eq!((shelf.get(key("one")).as_deref(), shelf.get(key("two"))), (Some(&b"1"[..]), None));
        assert_eq!(store.shelf("repo:other@b").get(key("one")), None);
    }

    #[test]
    fn what_is_damaged_or_under_another_name_is_not_believed() {
        let (_folder, store) = store();
        let shelf = store.shelf("a");
        shelf.put(key("one"), b"some bytes");
        let place = store.path().join(shelf.place(key("one")));
        let whole = std::fs::read(place.as_path()).expect("reads");
        std::fs::write(store.path().join(shelf.place(key("two"))).as_path(), &whole).expect("writes");
        assert_eq!(shelf.get(key("two")), None, "it was put as another");
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(place.as_path(), &flipped).expect("writes");
            assert_eq!(shelf.get(key("one")), None, "flipped at {at}");
            std::fs::write(place.as_path(), &whole[..at]).expect("writes");
            assert_eq!(shelf.get(key("one")), None, "cut at {at}");
        }
    }

    #[test]
    fn it_goes_with_the_tree_that_it_was_made_for() {
        let (_folder, store) = store();
        let tree = store.put_tree(&Tree::default()).expect("stored");
        for (name, tree) in [("kept", tree), ("dead", key("gone"))] {
            let shelf = store.shelf(name);
            shelf.put(key("one"), b"1");
            shelf.settle(tree).expect("settles");
        }
        let none = |_: &_| Ok(Vec::new());
        let lock = store.begin_collection().expect("begins");
        let reason = Reason { keeper: Keeper::Generation, of: "nightly".to_owned(), what: String::new() };
        let mut marked = store.mark(vec![(reason, Used::Tree(tree))], &none).expect("marks");
        let dead = store.find_dead(&marked).expect("finds");
        store.collect(&lock, &mut marked, &dead, i64::MAX, &none).expect("collects");
        assert_eq!(store.shelf("kept").get(key("one")).as_deref(), Some(&b"1"[..]));
        assert_eq!(store.shelf("dead").get(key("one")), None);
    }

    #[test]
    fn what_cannot_be_kept_is_said_in_the_end() {
        let (_folder, store) = store();
        std::fs::remove_dir_all(store.path().join(PIECES).as_path()).expect("removes");
        std::fs::write(store.path().join(PIECES).as_path(), "in its place").expect("writes");
        let shelf = store.shelf("a");
        shelf.put(key("one"), b"1");
        assert!(shelf.settle(key("tree")).is_err());
    }
}
