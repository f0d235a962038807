//! What would run, and what of it can be had without a build.

use crate::diag::Failure;
use crate::exec::StoreKnowledge;
use crate::graph::{Graph, NodeId};
use crate::name::Kind;
use crate::plan::{Knowledge as _, Plan};
use crate::store::Store;

/// What a plan comes to, where inputs that are not here count as well: of nodes that run, and of those that may.
pub struct Reach {
    runs: Vec<bool>,
    read: Vec<bool>,
}

impl Reach {
    /// Of `plan`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(graph: &Graph, plan: &Plan, store: &Store) -> Result<Self, Failure> {
        let knows = StoreKnowledge::new(store)?.holding();
        let (mut runs, mut read) = (vec![false; graph.len()], vec![false; graph.len()]);
        // What reads a node stands behind it.
        for planned in plan.nodes.iter().rev() {
            let (place, node) = (planned.node.index(), graph.node(planned.node));
            runs[place] = planned.may_run()
                || match (read[place], planned.key, &planned.outputs) {
                    (true, Some(key), Some(outputs)) => !knows.present(node, key, outputs)?,
                    _ => false,
                };
            if runs[place] {
                node.input_nodes().iter().for_each(|input| read[input.index()] = true);
            }
        }
        Ok(Self { runs, read })
    }

    /// Whether `node` runs, or may.
    pub fn runs(&self, node: NodeId) -> bool {
        self.runs[node.index()]
    }

    /// Whether something that runs, or may, reads `node`.
    pub fn is_read(&self, node: NodeId) -> bool {
        self.read[node.index()]
    }

    /// The sources among what runs, in order.
    pub fn sources(&self, graph: &Graph) -> Vec<NodeId> {
        graph.ids().filter(|id| self.runs(*id) && graph.node(*id).kind() == Kind::Source).collect()
    }

    /// The indexes and package lists among what runs that wait for no build, in order.
    pub fn lists(&self, graph: &Graph) -> Vec<NodeId> {
        let mut waits = vec![false; graph.len()];
        let mut found = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            waits[id.index()] = match node.kind() {
                Kind::Index => false,
                Kind::Resolve => node.input_nodes().iter().any(|input| waits[input.index()]),
                _ => self.runs(id),
            };
            if matches!(node.kind(), Kind::Index | Kind::Resolve) && self.runs(id) && !waits[id.index()] {
                found.push(id);
            }
        }
        found
    }
}
