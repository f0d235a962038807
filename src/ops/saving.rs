//! What a run does not have to do: counted from its plan, and from what happens.

use std::collections::{BTreeMap, BTreeSet};

use crate::cost::{Cost, Saved, Spared};
use crate::drv::ActionKey;
use crate::graph::{Graph, NodeId};
use crate::name::{Kind, component_of};
use crate::plan::{Counted, Plan, Planned, each_clean};
use crate::store::runs::RunClean;

/// What a run under way has not had to do so far.
pub struct Saving<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    saved: Saved,
    counted: Counted,
    /// Results that caches knew.
    known: BTreeSet<ActionKey>,
    /// Nodes that were planned as clean, and are not among those that the store had any more.
    left: BTreeSet<NodeId>,
}

impl<'a> Saving<'a> {
    /// What `plan` found clean, and with `in_tables` the same by component and by target.
    pub fn of(graph: &'a Graph, plan: &'a Plan, in_tables: bool) -> (Self, RunClean) {
        let (mut store, mut tables) = (Spared::default(), Tables::default());
        let counted = each_clean(plan, |planned, cost| {
            store.take(is_build(graph, planned.node), Some(cost));
            if in_tables {
                tables.take(graph, planned.node, cost);
            }
        });
        let (saved, known, left) = (Saved { store, ..Saved::default() }, BTreeSet::new(), BTreeSet::new());
        (Self { graph, plan, saved, counted, known, left }, tables.finish())
    }

    /// The sums so far.
    pub fn saved(&self) -> Saved {
        self.saved
    }

    /// A node ran.
    pub fn ran(&mut self, node: NodeId, key: ActionKey) {
        self.counted.once(key, node, Cost::default());
    }

    /// A node was planned as clean, and ran, failed or was stopped all the same. Returns the time that counted for it; `None`
    /// where it did not count.
    pub fn was_not_clean(&mut self, planned: &Planned) -> Option<Cost> {
        let (key, cost) = planned.key.zip(planned.cost)?;
        if !self.left.insert(planned.node) {
            return None;
        }
        let counted = self.counted.once(key, planned.node, cost);
        self.saved.store.take_back(is_build(self.graph, planned.node), Some(counted));
        Some(counted)
    }

    /// Another had just made what a node was to make. Returns the time that counts; `None` where it does not count, as nobody
    /// made it.
    pub fn found(&mut self, node: NodeId, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = self.counted.once(key, node, cost?);
        self.saved.store.take(is_build(self.graph, node), Some(cost));
        Some(cost)
    }

    /// What a node was to make came from a cache. Returns the time that counts; `None` where it is not known.
    pub fn fetched(&mut self, node: NodeId, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = cost.map(|cost| self.counted.once(key, node, cost));
        self.saved.caches.take(is_build(self.graph, node), cost);
        cost
    }

    /// The bytes of a node that was planned as clean came from a cache. Returns the time that counted for it, and counts for
    /// the caches by now; `None` where it did not count.
    pub fn clean_was_fetched(&mut self, planned: &Planned) -> Option<Cost> {
        let counted = self.was_not_clean(planned);
        self.saved.caches.take(is_build(self.graph, planned.node), counted);
        counted
    }

    /// A cache knew a result.
    pub fn is_known(&mut self, key: ActionKey) {
        self.known.insert(key);
    }

    /// A node did not have to run, although that was expected: its inputs came out as before, or a cache knew what they come
    /// to. Returns the time that counts; `None` where it does not count, as nobody ever made it.
    pub fn cut_off(&mut self, node: NodeId, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let cost = self.counted.once(key, node, cost?);
        let of = if self.known.contains(&key) { &mut self.saved.caches } else { &mut self.saved.cut_off };
        of.take(is_build(self.graph, node), Some(cost));
        Some(cost)
    }

    /// Counts for the caches the nodes that are clean since a cache knew their results, and returns them. To be asked once,
    /// when nothing happens any more.
    pub fn of_caches(&mut self) -> RunClean {
        let mut tables = Tables::default();
        if self.known.is_empty() {
            return tables.finish();
        }
        let (graph, saved) = (self.graph, &mut self.saved);
        let is_known = |planned: &Planned| planned.key.is_some_and(|key| self.known.contains(&key));
        each_clean(self.plan, |planned, cost| {
            if is_known(planned) && !self.left.contains(&planned.node) {
                saved.store.take_back(is_build(graph, planned.node), Some(cost));
                saved.caches.take(is_build(graph, planned.node), Some(cost));
                tables.take(graph, planned.node, cost);
            }
        });
        tables.finish()
    }
}

fn is_build(graph: &Graph, node: NodeId) -> bool {
    graph.node(node).kind() == Kind::Build
}

/// Nodes by component and by target: two tables, and not a line for each node.
#[derive(Default)]
struct Tables<'g> {
    components: BTreeMap<&'g str, Spared>,
    targets: BTreeMap<&'g str, Spared>,
}

impl<'g> Tables<'g> {
    fn take(&mut self, graph: &'g Graph, node: NodeId, cost: Cost) {
        let node = graph.node(node);
        let is_build = node.kind() == Kind::Build;
        let component = component_of(node.kind(), node.subject()).unwrap_or_default();
        self.components.entry(component).or_default().take(is_build, Some(cost));
        self.targets.entry(node.place()).or_default().take(is_build, Some(cost));
    }

    fn finish(self) -> RunClean {
        let owned =
            |table: BTreeMap<&str, Spared>| table.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
        RunClean { components: owned(self.components), targets: owned(self.targets) }
    }
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

    /// `build:a` runs, the rest is clean; the root has the result of a source, and `build:c` was never made.
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
        Plan { nodes, ..Plan::default() }
    }

    fn spared(nodes: usize, builds: usize, milliseconds: u64) -> Spared {
        Spared { nodes, builds, unknown: 0, cost: cost(milliseconds).unwrap_or_default() }
    }

    fn told(table: &BTreeMap<String, Spared>) -> Vec<(&str, Spared)> {
        table.iter().map(|(name, sum)| (name.as_str(), *sum)).collect()
    }

    fn sum(table: &BTreeMap<String, Spared>) -> Spared {
        let mut sum = Spared::default();
        table.values().for_each(|spared| sum.join(*spared));
        sum
    }

    #[test]
    fn a_result_counts_once_and_sums_of_both_tables_agree() {
        let graph = chain("1");
        let plan = plan_of(&graph);
        let (saving, clean) = Saving::of(&graph, &plan, true);
        assert_eq!(saving.saved().store, spared(4, 1, 111));
        assert_eq!(told(&clean.components), [("a", spared(1, 0, 1)), ("b", spared(3, 1, 110))]);
        assert_eq!(told(&clean.targets), [("", spared(2, 0, 11)), ("d/amd64", spared(2, 1, 100))]);
        assert_eq!(Saving::of(&graph, &plan, false).0.saved(), saving.saved());
    }

    #[test]
    fn what_happens_is_added() {
        let graph = chain("1");
        let plan = plan_of(&graph);
        let (mut saving, _) = Saving::of(&graph, &plan, true);
        let node = |name| id(&graph, name);
        let [build_a, build_c] = ["build:a@d/amd64", "build:c@d/amd64"].map(node);
        let clean = |name| plan.of(node(name)).expect("planned");
        saving.ran(build_a, key("three"));
        // Found, for the same was made for another; and cut off, for it has the result of a clean one.
        assert_eq!(saving.found(build_c, key("three"), cost(1_000)), cost(0));
        assert_eq!(saving.cut_off(build_c, key("one"), cost(1)), cost(0));
        assert_eq!(saving.cut_off(build_c, key("six"), cost(20)), cost(20));
        assert_eq!(saving.saved().store, spared(5, 2, 111));
        assert_eq!(saving.saved().cut_off, spared(2, 2, 20));
        // What was never made saves nothing.
        assert_eq!([saving.cut_off(build_c, key("seven"), None), saving.found(build_c, key("seven"), None)], [None; 2]);
        assert_eq!(saving.was_not_clean(clean("build:c@d/amd64")), None);
        assert_eq!(saving.saved().total(), spared(7, 4, 131));
        // Clean ones that ran all the same: each takes back what it counted, and once.
        assert_eq!(saving.was_not_clean(clean("root:b@d/amd64")), cost(0));
        assert_eq!(saving.was_not_clean(clean("root:b@d/amd64")), None);
        assert_eq!(saving.saved().store, spared(4, 2, 111));
        assert_eq!(saving.was_not_clean(clean("source:b")), cost(10));
        assert_eq!(saving.saved().store, spared(3, 2, 101));
    }

    #[test]
    fn what_caches_had_counts_for_them_with_every_node_that_it_spared() {
        let graph = chain("1");
        let plan = plan_of(&graph);
        let (mut saving, _) = Saving::of(&graph, &plan, true);
        let node = |name| id(&graph, name);
        let clean = |name| plan.of(node(name)).expect("planned");
        // The bytes of a clean one came, those of one that was never made here, and those of one that had to come first.
        assert_eq!(saving.clean_was_fetched(clean("source:a")), cost(1));
        assert_eq!(saving.clean_was_fetched(clean("build:c@d/amd64")), None);
        assert_eq!(saving.fetched(node("build:a@d/amd64"), key("three"), cost(7)), cost(7));
        // `build:b` ran although a cache knew it: that is no saving at all.
        saving.ran(node("build:b@d/amd64"), key("four"));
        assert_eq!(saving.was_not_clean(clean("build:b@d/amd64")), cost(100));
        ["one", "two", "three", "four", "nine"].into_iter().for_each(|word| saving.is_known(key(word)));
        assert_eq!(saving.cut_off(node("build:a@d/amd64"), key("nine"), cost(3)), cost(3));
        let unknown = Spared { unknown: 1, ..spared(4, 3, 11) };
        assert_eq!(saving.saved().caches, unknown);
        // Two nodes have the result `two`.
        let tables = saving.of_caches();
        assert_eq!(told(&tables.components), [("b", spared(2, 0, 10))]);
        assert_eq!(sum(&tables.components), sum(&tables.targets));
        assert_eq!(saving.saved().store, Spared::default());
        assert_eq!(saving.saved().caches, Spared { unknown: 1, ..spared(6, 3, 21) });
        assert_eq!(saving.saved().cut_off, Spared::default());
    }
}
