//! Who reads a node, and what did not run because of it.

use std::collections::BTreeSet;

use super::{Schedule, Stage};
use crate::graph::NodeId;
use crate::name::Kind;

impl Schedule<'_> {
    /// The nodes that did not run because one of `causes` did not come to anything; none of `causes`.
    pub fn held_by(&self, causes: impl Iterator<Item = NodeId>) -> BTreeSet<NodeId> {
        let mut next: Vec<NodeId> = causes.collect();
        let causes: BTreeSet<NodeId> = next.iter().copied().collect();
        let mut held = BTreeSet::new();
        while let Some(id) = next.pop() {
            for reader in self.readers(id) {
                if self.stage(reader) == Stage::Blocked && !causes.contains(&reader) && held.insert(reader) {
                    next.push(reader);
                }
            }
        }
        held
    }

    /// What may read `id` when it runs: its consumers, and of a build also the roots and checks whose lists were chosen from its packages.
    pub(super) fn readers(&self, id: NodeId) -> Vec<NodeId> {
        let mut readers = self.graph.consumers(id).to_vec();
        if self.graph.node(id).kind() == Kind::Build {
            let lists = self.graph.consumers(id).iter().filter(|list| self.graph.node(**list).kind() == Kind::Resolve);
            let roots = lists.flat_map(|list| self.graph.consumers(*list));
            readers.extend(roots.filter(|root| matches!(self.graph.node(**root).kind(), Kind::Root | Kind::Check)));
        }
        readers
    }
}

#[cfg(test)]
mod tests {
    use crate::exec::schedule::Schedule;
    use crate::graph::NodeId;
    use crate::graph::small::{chain, id};
    use crate::plan::Lane;
    use crate::plan::in_memory::InMemory;

    #[test]
    fn what_a_failure_keeps_from_running_is_counted() {
        let graph = chain("1");
        let wanted: Vec<NodeId> = graph.ids().collect();
        let (mut schedule, knows) = (Schedule::new(&graph, &wanted, &[], vec![1; graph.len()]), InMemory::default());
        let Ok(()) = schedule.pump(&knows);
        while let Some(id) = schedule.next_ready(Lane::Work) {
            schedule.failed(id, false);
            let Ok(()) = schedule.pump(&knows);
        }
        let held = |name: &str| schedule.held_by(std::iter::once(id(&graph, name))).len();
        let counts = ["build:a@d/amd64", "root:b@d/amd64", "build:c@d/amd64"].map(held);
        assert_eq!(counts, [3, 2, 1], "what several keep from running counts with each");
    }
}
