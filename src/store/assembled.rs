//! What repositories were last assembled with, for one that is assembled while something in it fails.
//!
//! One sealed file each, `keep/assembled/<project>-<node>.json`. What it names is kept: a component that fails keeps its last
//! good packages for as long as it fails.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::collect::{Keeper, Reason};
use super::error::StoreError;
use super::keeps::id_of;
use super::{Notice, Store, sealed};
use crate::digest::Digest;

const ASSEMBLED: &str = "keep/assembled";

/// What a repository was last assembled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assembled {
    /// Whose node it is: the project's name in lists.
    pub project: String,
    /// The node that assembles it.
    pub node: String,
    /// The content of each input, by role; one that it was assembled without is not there.
    pub inputs: BTreeMap<String, Digest>,
    /// The package list of the root in which each of its builds ran, by the build's node.
    pub lists: BTreeMap<String, Digest>,
    /// The nodes that failed and in whose place it took what it had, or nothing.
    #[serde(default)]
    pub instead: BTreeSet<String>,
}

fn place_of(project: &str, node: &str) -> String {
    format!("{ASSEMBLED}/{}-{}.json", id_of(project), id_of(node))
}

impl Store {
    /// Keeps what a repository was assembled with, in place of what it was before. Nothing happens where that is the same.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_assembled(&self, assembled: &Assembled) -> Result<(), StoreError> {
        let bytes = sealed::encode(assembled);
        let place = place_of(&assembled.project, &assembled.node);
        if self.read_whole(&place)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        self.put_durably(&place, &bytes, 0o644)
    }

    /// What the repository `node` of a project was last assembled with; `None` where that is not known. A damaged record
    /// counts as absent, which is a [`Notice`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn assembled(&self, project: &str, node: &str) -> Result<Option<Assembled>, StoreError> {
        let found = self.read_assembled(&place_of(project, node))?;
        Ok(found.filter(|found| found.project == project && found.node == node))
    }

    /// All that repositories of listed projects were last assembled with, each with why it is kept.
    pub(super) fn all_assembled(&self) -> Result<Vec<(Reason, Vec<Digest>)>, StoreError> {
        let mut all = Vec::new();
        for name in self.names_in(ASSEMBLED)? {
            let Some(found) = self.read_assembled(&format!("{ASSEMBLED}/{name}"))? else { continue };
            let Assembled { project, node, inputs, lists, .. } = found;
            if self.has_project(&project) {
                let reason = Reason { keeper: Keeper::LastGood, of: project, what: node };
                all.push((reason, inputs.into_values().chain(lists.into_values()).collect()));
            }
        }
        Ok(all)
    }

    fn read_assembled(&self, place: &str) -> Result<Option<Assembled>, StoreError> {
        let Some(bytes) = self.read_whole(place)? else { return Ok(None) };
        let found = sealed::decode(&bytes);
        if found.is_none() {
            self.notice(Notice::DamagedRecord(self.path.join(place)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;
    use crate::store::ProjectList;
    use crate::tree::Tree;

    #[test]
    fn what_a_repository_was_assembled_with_is_found_and_kept_with_its_project() {
        let scratch = tempfile::tempdir().expect("scratch");
        let store = Store::open(&HostPath::new(scratch.path())).expect("opened");
        let node = "repo:nightly@debian-12".to_owned();
        assert_eq!(store.assembled("p", &node).expect("read"), None);
        let digest = Digest::of(b"packages");
        let inputs = [("packages a/amd64".to_owned(), digest)].into();
        let one = Assembled {
            project: "p".to_owned(),
            node: node.clone(),
            inputs,
            lists: BTreeMap::new(),
            instead: BTreeSet::new(),
        };
        store.keep_assembled(&one).expect("kept");
        assert_eq!(store.assembled("p", &node).expect("read"), Some(one));
        assert_eq!(store.assembled("q", &node).expect("read"), None, "another project's");
        assert_eq!(store.all_assembled().expect("read"), [], "nobody has that project any more");
        let list = ProjectList { project: "p".to_owned(), updated: 1, nodes: Vec::new() };
        store.keep_project(&ProjectList { nodes: vec![(node.clone(), None)], ..list }).expect("kept");
        let reason = Reason { keeper: Keeper::LastGood, of: "p".to_owned(), what: node.clone() };
        assert_eq!(store.all_assembled().expect("read"), [(reason, vec![digest])]);

        // A collection keeps its bytes.
        let tree = store.put_tree(&Tree::default()).expect("stored");
        let inputs = [("packages a/amd64".to_owned(), tree)].into();
        let two = Assembled {
            project: "p".to_owned(),
            node: node.clone(),
            inputs,
            lists: BTreeMap::new(),
            instead: BTreeSet::new(),
        };
        store.keep_assembled(&two).expect("kept");
        let marked = store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marked");
        assert_eq!(marked.tree(tree).map(|reason| reason.keeper), Some(Keeper::LastGood));

        let place = place_of("p", &node);
        std::fs::write(scratch.path().join(&place), "{}").expect("written");
        assert_eq!(store.assembled("p", &node).expect("read"), None, "damaged");
        let notice = Notice::DamagedRecord(HostPath::new(scratch.path().join(&place)));
        assert_eq!(store.take_notices(), [notice]);
    }
}
