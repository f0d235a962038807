//! What a plan found clean, and what that took when it was made.
//!
//! Several nodes may have one result, as roots of components with the same needs do. Its time counts once, for the first of
//! them: without the store it would have been made once. A node whose outputs are known although it was never made, such as a
//! source that was only pinned or a root that nothing needed, is clean too, but nothing was saved with it: it does not count.

use super::{Plan, Planned, State};
use crate::cost::{Cost, Spared};
use crate::drv::ActionKey;
use crate::graph::{Graph, NodeId};
use crate::name::Kind;

/// Results whose time is counted, by the beginning of their keys, which are digests; each with the node that counts it.
#[derive(Debug, Default)]
pub struct Counted(
    #[expect(clippy::disallowed_types, reason = "asked and never listed; a tree is slow for a million nodes")]
    std::collections::HashMap<u64, NodeId, foldhash::fast::FixedState>,
);

impl Counted {
    /// The time that counts for `node`, which has that result: none where another node counts it.
    pub fn once(&mut self, key: ActionKey, node: NodeId, cost: Cost) -> Cost {
        let first = *self.0.entry(prefix(key)).or_insert(node);
        if first == node { cost } else { Cost::default() }
    }
}

fn prefix(key: ActionKey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *key.0.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Tells `each` clean node that was made once with the time that counts for it, in the order of the plan.
pub fn each_clean<'p>(plan: &'p Plan, mut each: impl FnMut(&'p Planned, Cost)) -> Counted {
    let mut counted = Counted::default();
    counted.0.reserve(plan.nodes.len());
    for planned in plan.nodes.iter().filter(|planned| planned.state == State::Clean) {
        if let (Some(key), Some(cost)) = (planned.key, planned.cost) {
            each(planned, counted.once(key, planned.node, cost));
        }
    }
    counted
}

/// All that `plan` found clean; for a whole graph with nothing to do, [`super::Settled::whole`] knows it without a plan.
pub fn spared(graph: &Graph, plan: &Plan) -> Spared {
    let mut spared = Spared::default();
    each_clean(plan, |planned, cost| spared.take(graph.node(planned.node).kind() == Kind::Build, Some(cost)));
    spared
}
