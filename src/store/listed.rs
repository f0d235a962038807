//! The list of a project as it lies in its file, for who asks for few of its nodes.

use std::sync::{Arc, OnceLock};

use super::keeps::{Head, ProjectList};
use crate::columns::{Bytes, Columns, Digests};
use crate::drv::ActionKey;

/// The nodes of a project, each with the key that it is or last was realised by.
pub struct Listed {
    head: Head,
    names: Bytes,
    /// Where each name ends.
    ends: Vec<usize>,
    keys: Digests,
    /// Which key each node has.
    key_of_row: Vec<Option<usize>>,
    /// The rows, sorted by name.
    by_name: OnceLock<Vec<usize>>,
}

impl Listed {
    /// What a file holds; `None` where it is damaged.
    pub(super) fn read(bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
        if !head.is_of(&bytes[end + 1..]) {
            return None;
        }
        let mut columns = Columns::of(Arc::new(bytes), end + 1);
        let (has, keys, names) = (columns.shared().ok()?, columns.digests().ok()?, columns.shared().ok()?);
        std::str::from_utf8(&names).ok()?;
        let newlines = names.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let mut ends: Vec<usize> = newlines.collect();
        if !names.is_empty() {
            ends.push(names.len());
        }
        let mut count = 0;
        let key_of_row = has.iter().map(|has| {
            let key = count;
            count += usize::from(*has != 0);
            (*has != 0).then_some(key)
        });
        let key_of_row: Vec<Option<usize>> = key_of_row.collect();
        let is_sound = [ends.len(), key_of_row.len()] == [head.nodes; 2] && keys.len() == count;
        is_sound.then_some(Self { head, names, ends, keys, key_of_row, by_name: OnceLock::new() })
    }

    /// The key of the node `name`, which probably stands at `place`.
    pub fn key_of(&self, name: &str, place: usize) -> Option<ActionKey> {
        if self.name(place) == Some(name) {
            return self.key(place);
        }
        let by_name = self.by_name.get_or_init(|| {
            let mut rows: Vec<usize> = (0..self.ends.len()).collect();
            rows.sort_by_key(|row| self.name(*row));
            rows
        });
        let found = by_name.binary_search_by_key(&Some(name), |row| self.name(*row)).ok()?;
        self.key(by_name[found])
    }

    /// All of it.
    pub(super) fn list(&self) -> ProjectList {
        let node = |row| (self.name(row).unwrap_or_default().to_owned(), self.key(row));
        let nodes = (0..self.ends.len()).map(node).collect();
        ProjectList { project: self.head.project.clone(), updated: self.head.updated, nodes }
    }

    fn name(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let start = if row == 0 { 0 } else { self.ends[row - 1] + 1 };
        std::str::from_utf8(&self.names[start..end]).ok()
    }

    fn key(&self, row: usize) -> Option<ActionKey> {
        self.keys.get((*self.key_of_row.get(row)?)?).map(ActionKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::path::HostPath;
    use crate::store::Store;

    fn key(word: &str) -> ActionKey {
        ActionKey(Digest::of(word.as_bytes()))
    }

    #[test]
    fn a_node_is_found_where_it_stands_and_elsewhere() {
        let scratch = tempfile::tempdir().expect("scratch");
        let store = Store::open(&HostPath::new(scratch.path())).expect("opened");
        assert!(store.listed("p").expect("read").is_none());
        let nodes = [("z", Some(key("one"))), ("b", None), ("m", Some(key("two"))), ("a", Some(key("one")))];
        let nodes = nodes.map(|(name, key)| (name.to_owned(), key)).to_vec();
        let list = ProjectList { project: "p".to_owned(), updated: 7, nodes: nodes.clone() };
        store.keep_project(&list).expect("kept");
        let listed = store.listed("p").expect("read").expect("there");
        for (name, key) in &nodes {
            for place in [0, 1, 2, 3, 4, usize::MAX] {
                assert_eq!(listed.key_of(name, place), *key, "{name} at {place}");
            }
        }
        for other in ["", "c", "zz"] {
            assert_eq!(listed.key_of(other, 0), None, "{other}");
        }
        assert_eq!(listed.list(), list);
    }

    #[test]
    fn an_empty_list_has_no_nodes() {
        let scratch = tempfile::tempdir().expect("scratch");
        let store = Store::open(&HostPath::new(scratch.path())).expect("opened");
        let list = ProjectList { project: "p".to_owned(), ..ProjectList::default() };
        store.keep_project(&list).expect("kept");
        let listed = store.listed("p").expect("read").expect("there");
        assert_eq!((listed.key_of("", 0), listed.list()), (None, list));
    }
}
