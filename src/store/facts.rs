//! What is known of objects: learned from one once, for whoever asks of it later.
//!
//! ```text
//! facts/<first byte of the digests>   rows: a length, the object's digest, the fact, BLAKE3 of these
//! ```
//!
//! A fact is whatever its readers make of it; of two of one object the later counts. Rows are appended without being made durable,
//! believed only with their seal, and can be made anew at any time. Those of objects that are gone go with a collection.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use cap_std::fs::OpenOptions;

use super::error::{StoreError, io};
use super::{Store, fault};
use crate::digest::Digest;

const FACTS: &str = "facts";

/// The bytes of a row beside its fact.
const ROW: usize = 4 + 32 + 32;

/// Rows of one list.
struct Rows<'a> {
    rows: Vec<(Digest, &'a [u8])>,
    /// Whether there is nothing behind them.
    whole: bool,
}

impl Store {
    /// What is known of these objects; of those that nothing is known of, nothing.
    ///
    /// # Errors
    /// Where a list cannot be read.
    pub fn facts(&self, objects: &BTreeSet<Digest>) -> Result<BTreeMap<Digest, Vec<u8>>, StoreError> {
        let mut found = BTreeMap::new();
        for list in objects.iter().map(list_of).collect::<BTreeSet<_>>() {
            let bytes = self.read_whole(&place(list))?.unwrap_or_default();
            let wanted = decode(&bytes).rows.into_iter().filter(|(object, _)| objects.contains(object));
            found.extend(wanted.map(|(object, fact)| (object, fact.to_vec())));
        }
        Ok(found)
    }

    /// Keeps what is known of objects.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn learn(&self, facts: &BTreeMap<Digest, Vec<u8>>) -> Result<(), StoreError> {
        let mut lists: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for (object, fact) in facts {
            encode(lists.entry(list_of(object)).or_default(), *object, fact);
        }
        for (list, new) in lists {
            let place = place(list);
            let before = self.read_whole(&place)?.unwrap_or_default();
            let Rows { rows, whole } = decode(&before);
            if whole {
                // One call, so that what others append stands before or behind it.
                let mut options = OpenOptions::new();
                let opened = self.dir.open_with(&place, options.append(true).create(true));
                let written = opened.and_then(|mut file| file.write_all(&new));
                written.map_err(io("writing a list of facts", &self.path.join(&place)))?;
            } else {
                // Nobody would read what stands behind a torn row.
                let mut all = Vec::with_capacity(before.len() + new.len());
                rows.iter().for_each(|(object, fact)| encode(&mut all, *object, fact));
                all.extend_from_slice(&new);
                self.put_lightly(&place, &all)?;
            }
            fault::point("learned");
        }
        Ok(())
    }

    /// Removes what is known of objects that are not here any more.
    pub(super) fn forget_facts(&self) -> Result<(), StoreError> {
        for name in self.names_in(FACTS)? {
            let place = format!("{FACTS}/{name}");
            let bytes = self.read_whole(&place)?.unwrap_or_default();
            let Rows { rows, whole } = decode(&bytes);
            let count = rows.len();
            let last: BTreeMap<Digest, &[u8]> = rows.into_iter().collect();
            let mut kept = Vec::with_capacity(bytes.len());
            let mut left = 0;
            for (object, fact) in last.into_iter().filter(|(object, _)| self.has_object(*object)) {
                encode(&mut kept, object, fact);
                left += 1;
            }
            // What somebody adds meanwhile is lost, and learned again.
            if left < count || !whole {
                self.put_lightly(&place, &kept)?;
            }
        }
        Ok(())
    }
}

fn list_of(object: &Digest) -> u8 {
    object.as_bytes()[0]
}

fn place(list: u8) -> String {
    format!("{FACTS}/{list:02x}")
}

fn encode(to: &mut Vec<u8>, object: Digest, fact: &[u8]) {
    let start = to.len();
    // A fact is far smaller than 4 GiB: it is made of an object's names.
    to.extend_from_slice(&(fact.len() as u32).to_le_bytes());
    to.extend_from_slice(object.as_bytes());
    to.extend_from_slice(fact);
    let seal = Digest::of(&to[start..]);
    to.extend_from_slice(seal.as_bytes());
}

fn decode(mut bytes: &[u8]) -> Rows<'_> {
    let mut rows = Vec::new();
    while let Some((object, fact, rest)) = first(bytes) {
        rows.push((object, fact));
        bytes = rest;
    }
    Rows { rows, whole: bytes.is_empty() }
}

fn first(bytes: &[u8]) -> Option<(Digest, &[u8], &[u8])> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let (row, rest) = bytes.split_at_checked(length.checked_add(ROW)?)?;
    let (sealed, seal) = row.split_last_chunk::<32>()?;
    if Digest::of(sealed) != Digest::from_bytes(*seal) {
        return None;
    }
    let (object, fact) = sealed[4..].split_first_chunk::<32>()?;
    Some((Digest::from_bytes(*object), fact, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        (folder, store)
    }

    fn learn(store: &Store, object: Digest, fact: &str) {
        store.learn(&BTreeMap::from([(object, fact.as_bytes().to_vec())])).expect("learns");
    }

    fn known(store: &Store, object: Digest) -> Option<String> {
        let mut facts = store.facts(&BTreeSet::from([object])).expect("reads");
        facts.remove(&object).map(|fact| String::from_utf8(fact).expect("text"))
    }

    /// Two digests of one list.
    fn neighbours() -> [Digest; 2] {
        [1, 2].map(|last| {
            let mut bytes = [7; 32];
            bytes[31] = last;
            Digest::from_bytes(bytes)
        })
    }

    #[test]
    fn what_was_learned_is_known() {
        let (_folder, store) = store();
        let [one, other] = neighbours();
        assert_eq!(known(&store, one), None);
        learn(&store, one, "first");
        learn(&store, other, "");
        learn(&store, one, "later");
        assert_eq!((known(&store, one).as_deref(), known(&store, other).as_deref()), (Some("later"), Some("")));
    }

    #[test]
    fn what_is_damaged_is_not_believed_and_mended() {
        let (_folder, store) = store();
        let [one, other] = neighbours();
        learn(&store, one, "fact");
        learn(&store, other, "other");
        let place = store.path().join("facts/07");
        let whole = std::fs::read(place.as_path()).expect("reads");
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for bytes in [&flipped, &whole[..at]] {
                std::fs::write(place.as_path(), bytes).expect("writes");
                let found = [known(&store, one), known(&store, other)];
                assert!(found[0].as_deref().is_none_or(|fact| fact == "fact"), "at {at}: {found:?}");
                assert!(found[1].as_deref().is_none_or(|fact| fact == "other"), "at {at}: {found:?}");
                assert!(found.contains(&None), "at {at}: {found:?}");
            }
        }
        learn(&store, other, "again");
        assert_eq!((known(&store, one).as_deref(), known(&store, other).as_deref()), (Some("fact"), Some("again")));
    }

    #[test]
    fn it_goes_with_its_object() {
        let (_folder, store) = store();
        let here = store.put_bytes(b"here").expect("stored");
        for fact in ["early", "late"] {
            learn(&store, here, fact);
            learn(&store, Digest::of(b"gone"), fact);
        }
        store.forget_facts().expect("forgets");
        assert_eq!((known(&store, here).as_deref(), known(&store, Digest::of(b"gone"))), (Some("late"), None));
        let left = std::fs::read(store.path().join(place(list_of(&here))).as_path()).expect("reads");
        assert_eq!(left.len(), ROW + 4, "once");
    }
}
