//! What the store knows, as planning asks for it.

use std::sync::OnceLock;

use super::elsewhere::{Elsewhere, learn, learn_numbers};
use super::limits::stands;
use super::numbering::Numbered;
use crate::cost::Cost;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::graph::Node;
use crate::name::{Kind, OutputName, component_of};
use crate::plan::{Earlier, Knowledge, Remembered, Settled, Walked};
use crate::sandbox::IdMap;
use crate::settings::Limits;
use crate::store::{Listed, Realisation, Store, Used};

/// How many earlier realisations of a node a plan compares it with: `opb why` looks at all of them.
const MOST_EARLIER: usize = 32;

/// What a store knows.
pub struct StoreKnowledge<'a> {
    store: &'a Store,
    /// Whose roots count as present.
    root_owner: u32,
    remembered: Option<&'a Settled>,
    holds: bool,
    elsewhere: Option<&'a dyn Elsewhere>,
    project: Option<String>,
    retries: bool,
    limits: Option<&'a Limits>,
    listed: OnceLock<Option<Listed>>,
}

impl<'a> StoreKnowledge<'a> {
    /// The knowledge of `store` for this process.
    ///
    /// # Errors
    /// None today; a host that forbids sandboxes only shows when one is started.
    pub fn new(store: &'a Store) -> Result<Self, Failure> {
        let root_owner = root_owner(IdMap::of_this_process().ok().as_ref());
        let (remembered, elsewhere, project, listed) = (None, None, None, OnceLock::new());
        let (holds, retries, limits) = (false, false, None);
        Ok(Self { store, root_owner, remembered, holds, elsewhere, project, retries, limits, listed })
    }

    /// For a run: what is asked for is about to be used, and stays from then on until this process ends.
    #[must_use]
    pub fn holding(self) -> Self {
        Self { holds: true, ..self }
    }

    /// The same, where `settled` is known to hold.
    #[must_use]
    pub fn remembering(self, settled: &'a Settled) -> Self {
        Self { remembered: Some(settled), ..self }
    }

    /// The same, where what is not known here is asked for elsewhere.
    #[must_use]
    pub fn asking(self, elsewhere: Option<&'a dyn Elsewhere>) -> Self {
        Self { elsewhere, ..self }
    }

    /// The same, where the list of the project in that folder says by which results of other nodes its own are realised.
    #[must_use]
    pub fn of_project(self, project: String) -> Self {
        Self { project: Some(project), ..self }
    }

    /// The same, where failures of before count for nothing.
    #[must_use]
    pub fn retrying(self, retries: bool) -> Self {
        Self { retries, ..self }
    }

    /// The same, where guests have these limits: one that failed by another is tried again.
    #[must_use]
    pub fn within(self, limits: &'a Limits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// The key by which the project's list says that `node` is, or last was, realised. A damaged list says nothing.
    fn listed(&self, node: &str, place: usize) -> Option<ActionKey> {
        let project = self.project.as_ref()?;
        let listed = self.listed.get_or_init(|| self.store.listed(project).ok().flatten());
        listed.as_ref()?.key_of(node, place)
    }
}

/// The latest results of `node`, the latest first: at most `most`, and the last that it had, with the key `listed`. That may be
/// an old one, or one that it shares with another node, which is on record by that node's name only.
///
/// # Errors
/// Where the store cannot be read.
pub fn history(store: &Store, node: &str, listed: Option<ActionKey>, most: usize) -> Result<Vec<Realisation>, Failure> {
    let mut history = store.latest_of_node(node, most)?;
    let shared = listed.filter(|key| history.iter().all(|earlier| earlier.key != *key));
    if let Some(shared) = shared.map(|key| store.realisation(key)).transpose()?.flatten() {
        let place = history.partition_point(|earlier| earlier.started > shared.started);
        history.insert(place, shared);
    }
    Ok(history)
}

/// The user whose roots a process with this mapping uses.
pub fn root_owner(map: Option<&IdMap>) -> u32 {
    map.map_or_else(|| nix::unistd::getuid().as_raw(), |map| map.guest_root().0)
}

/// Whether an output only records how a build went: it holds times, so it differs from run to run, and no node reads it.
pub fn is_record(name: &OutputName) -> bool {
    name.as_str() == "buildinfo"
}

/// Whether two results are the same to everybody who reads them.
pub fn same_to_readers(one: &Outputs, other: &Outputs) -> bool {
    let read = |outputs: &Outputs| -> Vec<(OutputName, Digest)> {
        let outputs = outputs.iter().filter(|(name, _)| !is_record(name));
        outputs.map(|(name, digest)| (name.clone(), *digest)).collect()
    };
    read(one) == read(other)
}

/// A realisation as plans compare it.
pub fn walked(realisation: Realisation) -> Walked {
    let earlier = Earlier { key: realisation.key, started: realisation.started };
    Walked { earlier, walk: realisation.derivation }
}

impl Knowledge for StoreKnowledge<'_> {
    type Error = Failure;

    fn realised(&self, keys: &[ActionKey]) -> Result<Vec<Option<(Outputs, Cost)>>, Failure> {
        let mut found = self.store.results_of(keys)?;
        if let Some(elsewhere) = self.elsewhere {
            let missing: Vec<usize> = (0..keys.len()).filter(|at| found[*at].is_none()).collect();
            let asked: Vec<ActionKey> = missing.iter().map(|at| keys[*at]).collect();
            for (at, result) in missing.into_iter().zip(learn(self.store, elsewhere, &asked)?) {
                found[at] = result;
            }
        }
        Ok(found)
    }

    fn numbers(&self, asked: &[(Node<'_>, Fingerprint)]) -> Result<Vec<Option<u32>>, Failure> {
        let known = asked.iter().map(|(node, fingerprint)| self.number(*node, *fingerprint));
        let mut numbers = known.collect::<Result<Vec<_>, _>>()?;
        if let Some(elsewhere) = self.elsewhere {
            let missing = (0..asked.len()).filter(|at| numbers[*at].is_none());
            let missing = missing.filter_map(|at| Some((at, (Numbered::of(asked[at].0)?, asked[at].1))));
            let (places, missing): (Vec<usize>, Vec<_>) = missing.unzip();
            for (at, number) in places.into_iter().zip(learn_numbers(self.store, elsewhere, &missing)?) {
                numbers[at] = number;
            }
        }
        Ok(numbers)
    }

    fn number(&self, node: Node<'_>, fingerprint: Fingerprint) -> Result<Option<u32>, Failure> {
        let Some(numbered) = Numbered::of(node) else { return Ok(None) };
        let ledger = self.store.ledger(&numbered.distro, &numbered.component);
        Ok(ledger.number_of(&numbered.version, &numbered.arch, fingerprint)?)
    }

    fn remembered(&self, node: Node<'_>) -> Option<Remembered> {
        self.remembered?.find(node)
    }

    fn present(&self, node: Node<'_>, key: ActionKey, outputs: &Outputs) -> Result<bool, Failure> {
        if self.holds {
            let trees = outputs.values().map(|digest| Used::Tree(*digest));
            self.store.uses(&[Used::Key(key)].into_iter().chain(trees).collect::<Vec<_>>())?;
        }
        if node.kind() == Kind::Root {
            let is_here = self.store.has_root(key, self.root_owner);
            if self.holds && is_here {
                self.store.touch_root(key, self.root_owner);
            }
            return Ok(is_here);
        }
        for (name, digest) in outputs {
            if !is_record(name) && !self.store.present(*digest)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn failed(&self, node: Node<'_>, fingerprint: Fingerprint) -> Result<Option<i64>, Failure> {
        if self.retries {
            return Ok(None);
        }
        let name = node.name();
        let component = component_of(name.kind, &name.subject).unwrap_or_default();
        let set = self.limits.map(|limits| limits.of(component)).unwrap_or_default();
        let attempt = self.store.failed_before(&name.to_string(), fingerprint)?;
        Ok(attempt.filter(|attempt| stands(attempt, &set)).map(|attempt| attempt.started))
    }

    fn earlier(&self, node: Node<'_>) -> Result<Vec<Walked>, Failure> {
        let (node, place) = (node.to_string(), node.node_id().index());
        let history = history(self.store, &node, self.listed(&node, place), MOST_EARLIER)?;
        Ok(history.into_iter().map(walked).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;
    use crate::store::ProjectList;

    #[test]
    fn what_a_node_came_to_under_another_name_is_in_its_history() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        let key = |name: &str| ActionKey(Digest::of(name.as_bytes()));
        for (name, node, started) in [("one", "b", 1), ("two", "a", 2), ("three", "b", 3), ("four", "b", 4)] {
            let realisation = Realisation {
                key: key(name),
                node: node.to_owned(),
                fingerprint: None,
                number: None,
                outputs: Outputs::from([(OutputName::new("list").expect("plain"), Digest::of(name.as_bytes()))]),
                derivation: String::new(),
                log: None,
                started,
                milliseconds: 1,
                cpu_milliseconds: 1,
                peak_memory: 0,
                disk: 0,
                backend: String::new(),
                host: String::new(),
                kept: None,
            };
            store.record(&realisation).expect("recorded");
        }
        let of = |listed: Option<&str>, most| -> Vec<i64> {
            let history = history(&store, "b", listed.map(key), most).expect("reads");
            history.iter().map(|earlier| earlier.started).collect()
        };
        assert_eq!(of(None, 9), [4, 3, 1]);
        assert_eq!(of(Some("two"), 9), [4, 3, 2, 1]);
        assert_eq!(
            [of(Some("four"), 2), of(Some("one"), 2), of(Some("gone"), 2)],
            [vec![4, 3], vec![4, 3, 1], vec![4, 3]]
        );
        // A plan finds it through the project's list.
        let nodes = vec![("b".to_owned(), Some(key("two"))), ("c".to_owned(), None)];
        let list = ProjectList { project: "/vendor".to_owned(), updated: 1, nodes };
        store.keep_project(&list).expect("kept");
        let knows = StoreKnowledge::new(&store).expect("made");
        assert_eq!(knows.listed("b", 1), None);
        let knows = knows.of_project("/vendor".to_owned());
        assert_eq!([knows.listed("b", 1), knows.listed("c", 1)], [Some(key("two")), None]);
    }
}
