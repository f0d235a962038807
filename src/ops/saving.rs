//! What a run does not have to do: counted from its plan, and from what happens.

use std::collections::{BTreeMap, BTreeSet};

use crate::cost::{Cost, Saved, Spared};
use crate::drv::ActionKey;
use crate::graph::Graph;
use crate::name::{Kind, component_of};
use crate::plan::{Counted, Plan, each_clean, spared};
use crate::store::runs::RunClean;

/// What a run under way has not had to do so far.
pub struct Saving {
    saved: Saved,
    counted: Counted,
    /// Results that caches knew.
    known: BTreeSet<ActionKey>,
    /// Of these and of those that came from caches, the ones that count for caches.
    of_caches: BTreeSet<ActionKey>,
}

impl Saving {
    /// What `plan` found clean; `whole` where that is all of it, and is known.
    pub fn of(graph: &Graph, plan: &Plan, whole: Option<Spared>) -> Self {
        // Nothing is going to be found or cut off where all is clean, so what is counted need not be known.
        let counted = || spared(graph, plan);
        let (store, counted) = whole.map_or_else(counted, |whole| (whole, Counted::default()));
        let (known, of_caches) = (BTreeSet::new(), BTreeSet::new());
        Self { saved: Saved { store, ..Saved::default() }, counted, known, of_caches }
    }

    /// The sums so far.
    pub fn saved(&self) -> Saved {
        self.saved
    }

    /// A node ran.
    pub fn ran(&mut self, key: ActionKey) {
        self.counted.once(key, None);
    }

    /// A node was planned as clean, where it counted `cost`, and ran or failed all the same.
    pub fn was_not_clean(&mut self, is_build: bool, cost: Option<Cost>) {
        self.saved.store.take_back(is_build, cost);
    }

    /// Another had just made what a node was to make. Returns the time that counts.
    pub fn found(&mut self, is_build: bool, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = self.counted.once(key, cost);
        self.saved.store.take(is_build, cost);
        cost
    }

    /// What a node was to make came from a cache. Returns the time that counts.
    pub fn fetched(&mut self, is_build: bool, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = self.counted.once(key, cost);
        self.of_caches.insert(key);
        self.saved.caches.take(is_build, cost);
        cost
    }

    /// The result of a node that was planned as clean, where it counted `cost`, is a cache's: one that was fetched, or one
    /// that was asked for.
    pub fn is_of_cache(&mut self, is_build: bool, key: ActionKey, cost: Option<Cost>) {
        self.known.insert(key);
        if self.counted.has(key) && self.of_caches.insert(key) {
            self.saved.store.take_back(is_build, cost);
            self.saved.caches.take(is_build, cost);
        }
    }

    /// A node did not have to run, although that was expected: its inputs came out as before, or a cache knew what they come
    /// to. Returns the time that counts.
    pub fn cut_off(&mut self, is_build: bool, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = self.counted.once(key, cost);
        let of = if self.known.contains(&key) { &mut self.saved.caches } else { &mut self.saved.cut_off };
        of.take(is_build, cost);
        cost
    }
}

/// What `plan` found clean, by component and by target: two tables, and not a line for each node.
pub fn clean_of(graph: &Graph, plan: &Plan) -> RunClean {
    let (mut components, mut targets) = (BTreeMap::<&str, Spared>::new(), BTreeMap::<&str, Spared>::new());
    each_clean(graph, plan, |node, cost| {
        let is_build = node.kind() == Kind::Build;
        let component = component_of(node.kind(), node.subject()).unwrap_or_default();
        components.entry(component).or_default().take(is_build, cost);
        targets.entry(node.place()).or_default().take(is_build, cost);
    });
    let owned = |table: BTreeMap<&str, Spared>| table.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
    RunClean { components: owned(components), targets: owned(targets) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::graph::small::{chain, id};
    use crate::plan::{Planned, Reason, State};

    fn key(word: &str) -> ActionKey {
        ActionKey(Digest::of(word.as_bytes()))
    }

    fn cost(milliseconds: u64) -> Option<Cost> {
        Some(Cost { milliseconds, cpu_milliseconds: 2 * milliseconds })
    }

    /// `build:a` runs, the rest is clean; the root has the result of a source, and of `build:c` no time is known.
    fn plan_of(graph: &Graph) -> Plan {
        let of = |name: &str, word: &str, cost| {
            let node = id(graph, name);
            Planned { node, state: State::Clean, key: Some(key(word)), outputs: None, cost }
        };
        let mut nodes = vec![
            of("source:a", "one", cost(1)),
            of("source:b", "two", cost(10)),
            Planned { state: State::Runs(Reason::New), ..of("build:a@d/amd64", "three", None) },
            of("root:b@d/amd64", "two", cost(10)),
            of("build:b@d/amd64", "four", cost(100)),
            of("build:c@d/amd64", "five", None),
        ];
        nodes.sort_by_key(|planned| planned.node);
        Plan { nodes }
    }

    fn spared(nodes: usize, builds: usize, unknown: usize, milliseconds: u64) -> Spared {
        Spared { nodes, builds, unknown, cost: cost(milliseconds).unwrap_or_default() }
    }

    #[test]
    fn a_result_counts_once_and_sums_of_both_tables_agree() {
        let graph = chain("1");
        let plan = plan_of(&graph);
        assert_eq!(Saving::of(&graph, &plan, None).saved().store, spared(5, 2, 1, 111));
        let clean = clean_of(&graph, &plan);
        let told = |table: &BTreeMap<String, Spared>| -> Vec<(String, Spared)> {
            table.iter().map(|(name, sum)| (name.clone(), *sum)).collect()
        };
        let of = |name: &str, sum| (name.to_owned(), sum);
        let components = [of("a", spared(1, 0, 0, 1)), of("b", spared(3, 1, 0, 110)), of("c", spared(1, 1, 1, 0))];
        assert_eq!(told(&clean.components), components);
        assert_eq!(told(&clean.targets), [of("", spared(2, 0, 0, 11)), of("d/amd64", spared(3, 2, 1, 100))]);
    }

    #[test]
    fn what_happens_is_added() {
        let graph = chain("1");
        let mut saving = Saving::of(&graph, &plan_of(&graph), None);
        saving.ran(key("three"));
        // Found, for the same was made for another; and cut off, for it has the result of a clean one.
        assert_eq!(saving.found(true, key("three"), cost(1_000)), cost(0));
        assert_eq!(saving.cut_off(false, key("one"), cost(1)), cost(0));
        assert_eq!(saving.cut_off(true, key("six"), cost(20)), cost(20));
        assert_eq!(saving.cut_off(true, key("seven"), None), None);
        saving.was_not_clean(false, cost(10));
        assert_eq!(saving.saved().store, spared(5, 3, 1, 101));
        assert_eq!(saving.saved().cut_off, spared(3, 2, 1, 20));
        assert_eq!(saving.saved().total(), spared(8, 5, 2, 121));
        // A cache's: one that was clean, one that had to come first, and one whose inputs came to what it knew.
        saving.is_of_cache(true, key("four"), cost(100));
        assert_eq!(saving.fetched(true, key("eight"), cost(7)), cost(7));
        saving.is_of_cache(true, key("eight"), cost(7));
        saving.is_of_cache(true, key("nine"), cost(3));
        assert_eq!(saving.cut_off(true, key("nine"), cost(3)), cost(3));
        assert_eq!(saving.saved().store, spared(4, 2, 1, 1));
        assert_eq!(saving.saved().caches, spared(3, 3, 0, 110));
        assert_eq!(saving.saved().cut_off, spared(3, 2, 1, 20));
    }
}
