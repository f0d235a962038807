//! What does not come to anything and is no failure: what may fail, and what is not to run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Schedule, Stage};
use crate::graph::NodeId;
use crate::name::Kind;
use crate::plan::{Instead, LastGood, without};

impl Schedule<'_> {
    /// Nodes whose failure is known.
    pub fn may_fail(&mut self, nodes: BTreeSet<NodeId>) {
        self.may_fail = nodes;
    }

    /// Nodes that do not run.
    pub fn skip(&mut self, nodes: BTreeSet<NodeId>) {
        self.skip = nodes;
    }

    /// Repositories that take what they were last assembled with, which is this, in the place of what fails.
    pub fn keep_last_good(&mut self, last: BTreeMap<NodeId, LastGood>) {
        self.last_good = last;
    }

    /// Whether the repository `id` takes what it was last assembled with in the place of what fails.
    pub fn keeps_last_good(&self, id: NodeId) -> bool {
        self.last_good.contains_key(&id)
    }

    /// What the repository `id` takes in the place of inputs that cannot be had; nothing of any other node.
    pub fn instead(&self, id: NodeId) -> Instead {
        let node = self.graph.node(id);
        if node.kind() != Kind::Repo {
            return Instead::default();
        }
        let gone = |input: NodeId| matches!(self.stage(input), Stage::Failed | Stage::Blocked);
        match self.last_good.get(&id) {
            Some(last) => Instead::of(node, self.graph, last, gone, |input| self.is_skipped(input)),
            None => {
                let without = without(node, self.graph, |input| self.is_excused(input));
                Instead { without, ..Instead::default() }
            }
        }
    }

    /// The inputs without which the repository `id` is assembled; none of any other node.
    #[cfg(test)]
    pub fn without(&self, id: NodeId) -> BTreeSet<NodeId> {
        self.instead(id).without
    }

    /// Whether `id` does not run because it, or all that it waits for, is not to.
    pub fn is_skipped(&self, id: NodeId) -> bool {
        self.slots[id.index()].skipped
    }

    /// Whether `id` failed as it may, or is blocked by such failures alone and may fail itself, or is skipped.
    pub fn is_excused(&self, id: NodeId) -> bool {
        self.slots[id.index()].excused
    }

    /// The inputs of `id` that are excused, but for those that are skipped.
    pub fn tolerated_inputs(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let is_tolerated = |input: &NodeId| self.is_excused(*input) && !self.is_skipped(*input);
        self.graph.node(id).input_nodes().iter().copied().filter(is_tolerated)
    }

    /// Whether skipping leaves nothing of the repository `id`. An empty one would take all that is published from its users.
    pub(super) fn is_emptied(&self, id: NodeId) -> bool {
        let inputs = self.graph.node(id).input_nodes().iter().copied();
        let mut builds = inputs.filter(|input| self.graph.node(*input).kind() == Kind::Build).peekable();
        let mut any_is_skipped = false;
        builds.peek().is_some()
            && builds.all(|input| {
                any_is_skipped |= self.is_skipped(input);
                self.is_excused(input)
            })
            && any_is_skipped
    }

    /// Repositories that waited for the bytes of `id`, which was settled before it failed, have another key without it.
    pub(super) fn key_anew(&mut self, id: NodeId) {
        self.slots[id.index()].outputs = None;
        for consumer in self.graph.consumers(id) {
            let slot = &mut self.slots[consumer.index()];
            if slot.stage == Stage::Needed && self.graph.node(*consumer).kind() == Kind::Repo {
                slot.stage = Stage::Idle;
                (slot.key, slot.outputs) = (None, None);
            }
        }
    }

    /// `id` does not run.
    pub(super) fn block(&mut self, id: NodeId, excused: bool, skipped: bool) {
        let slot = &mut self.slots[id.index()];
        // Its outputs may be known, but the bytes cannot be had: whoever reads them is blocked too.
        (slot.outputs, slot.excused, slot.skipped) = (None, excused, skipped);
        self.enter(id, Stage::Blocked);
        if excused || !self.last_good.is_empty() {
            self.key_anew(id);
        }
    }

    /// `id` has to run; one that is skipped does not.
    pub(super) fn need(&mut self, id: NodeId) {
        if self.skip.contains(&id) { self.block(id, true, true) } else { self.enter(id, Stage::Needed) }
    }
}
