//! What does not come to anything and is no failure: what may fail, and what is not to run.

use std::collections::BTreeSet;

use super::{Schedule, Stage};
use crate::graph::NodeId;
use crate::name::Kind;

impl Schedule<'_> {
    /// Nodes whose failure is known.
    pub fn may_fail(&mut self, nodes: BTreeSet<NodeId>) {
        self.may_fail = nodes;
    }

    /// Nodes that do not run.
    pub fn skip(&mut self, nodes: BTreeSet<NodeId>) {
        self.skip = nodes;
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
        if excused {
            self.key_anew(id);
        }
    }

    /// `id` has to run; one that is skipped does not.
    pub(super) fn need(&mut self, id: NodeId) {
        if self.skip.contains(&id) { self.block(id, true, true) } else { self.enter(id, Stage::Needed) }
    }
}
