//! What a plan found clean, and what that took when it was made.
//!
//! Several nodes may have one result, as roots of components with the same needs do. Its time counts once, for the first of
//! them: without the store it would have been made once.

use super::{Plan, State};
use crate::cost::{Cost, Spared};
use crate::drv::ActionKey;
use crate::graph::{Graph, Node};
use crate::name::Kind;

/// Results whose time is counted, by the beginning of their keys, which are digests.
#[derive(Debug, Default)]
pub struct Counted(
    #[expect(clippy::disallowed_types, reason = "asked and never listed; a tree is slow for a million nodes")]
    std::collections::HashSet<u64, foldhash::fast::FixedState>,
);

impl Counted {
    /// The time that counts for a node with that result: none where it is counted already.
    pub fn once(&mut self, key: ActionKey, cost: Option<Cost>) -> Option<Cost> {
        let is_first = self.0.insert(prefix(key));
        cost.map(|cost| if is_first { cost } else { Cost::default() })
    }

    /// Whether there has been a node with that result.
    pub fn has(&self, key: ActionKey) -> bool {
        self.0.contains(&prefix(key))
    }
}

fn prefix(key: ActionKey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *key.0.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Tells `each` clean node with the time that counts for it, in the order of the plan.
pub fn each_clean<'g>(graph: &'g Graph, plan: &Plan, mut each: impl FnMut(Node<'g>, Option<Cost>)) -> Counted {
    let mut counted = Counted::default();
    counted.0.reserve(plan.nodes.len());
    for planned in plan.nodes.iter().filter(|planned| planned.state == State::Clean) {
        let cost = planned.key.and_then(|key| counted.once(key, planned.cost));
        each(graph.node(planned.node), cost);
    }
    counted
}

/// All that `plan` found clean; for a whole graph with nothing to do, [`super::Settled::whole`] knows it without counting.
pub fn spared(graph: &Graph, plan: &Plan) -> (Spared, Counted) {
    let mut spared = Spared::default();
    let counted = each_clean(graph, plan, |node, cost| spared.take(node.kind() == Kind::Build, cost));
    (spared, counted)
}
