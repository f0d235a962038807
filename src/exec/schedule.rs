//! The schedule: which node may run next. A state machine that belongs to one thread and runs nothing itself.
//!
//! A node is *settled* when the content of its outputs is known and *done* when their bytes are here as well. What is
//! wanted is settled from its inputs upwards; a node that has to run first wants the bytes of all its inputs. So nothing
//! is fetched or unpacked that no running node reads, a node starts the moment its last input is there, and one whose
//! inputs came out as before is settled without running (early cutoff). Among ready nodes, the one with the longest
//! remaining path goes first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use crate::drv::{ActionKey, Outputs};
use crate::graph::{Graph, NodeId};
use crate::plan::{Knowledge, Standing, contents, standing};

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not looked at, or waiting for inputs to settle.
    Idle,
    /// Its outputs are known; nobody has asked for the bytes, or nobody has looked for them.
    Settled,
    /// It has to run, and waits for the bytes of its inputs.
    Needed,
    /// It may run now.
    Ready,
    /// It runs.
    Running,
    /// Its outputs are known and here.
    Done,
    /// It ran and failed.
    Failed,
    /// Something that it needs failed.
    Blocked,
}

struct Slot {
    stage: Stage,
    wanted: bool,
    wants_bytes: bool,
    key: Option<ActionKey>,
    outputs: Option<Outputs>,
}

/// The state of all nodes of a run.
pub struct Schedule<'a> {
    graph: &'a Graph,
    again: BTreeSet<NodeId>,
    slots: Vec<Slot>,
    touched: VecDeque<NodeId>,
    ready: BinaryHeap<(u64, std::cmp::Reverse<NodeId>)>,
    priority: Vec<u64>,
}

impl<'a> Schedule<'a> {
    /// A schedule that settles `wanted`. `again` runs although realised; `milliseconds` estimates a node's duration.
    pub fn new(graph: &'a Graph, wanted: &[NodeId], again: &[NodeId], milliseconds: impl Fn(NodeId) -> u64) -> Self {
        let slot = || Slot { stage: Stage::Idle, wanted: false, wants_bytes: false, key: None, outputs: None };
        let mut priority = vec![0u64; graph.len()];
        for id in graph.ids().rev() {
            let after = graph.consumers(id).iter().map(|consumer| priority[consumer.index()]).max().unwrap_or(0);
            priority[id.index()] = after.saturating_add(milliseconds(id).max(1));
        }
        let mut schedule = Self {
            graph,
            again: again.iter().copied().collect(),
            slots: std::iter::repeat_with(slot).take(graph.len()).collect(),
            touched: VecDeque::new(),
            ready: BinaryHeap::new(),
            priority,
        };
        for id in wanted {
            schedule.want(*id, false);
        }
        schedule
    }

    /// Also has the bytes of `id` here when the run ends.
    pub fn want_bytes(&mut self, id: NodeId) {
        self.want(id, true);
    }

    /// Moves every node as far as it can be moved without running one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn pump<K: Knowledge>(&mut self, knows: &K) -> Result<(), K::Error> {
        while let Some(id) = self.touched.pop_front() {
            match self.slots[id.index()].stage {
                Stage::Idle => self.try_to_settle(id, knows)?,
                Stage::Settled => self.look_for_bytes(id, knows)?,
                Stage::Needed => self.try_to_ready(id),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a node may run.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next node to run; it counts as running from here on.
    pub fn next_ready(&mut self) -> Option<NodeId> {
        let (_, std::cmp::Reverse(id)) = self.ready.pop()?;
        self.slots[id.index()].stage = Stage::Running;
        Some(id)
    }

    /// A running node has these outputs, and their bytes are here.
    pub fn done(&mut self, id: NodeId, key: ActionKey, outputs: Outputs) {
        let slot = &mut self.slots[id.index()];
        slot.key = Some(key);
        slot.outputs = Some(outputs);
        self.enter(id, Stage::Done);
    }

    /// A running node failed.
    pub fn failed(&mut self, id: NodeId) {
        self.enter(id, Stage::Failed);
    }

    /// How far `id` is.
    pub fn stage(&self, id: NodeId) -> Stage {
        self.slots[id.index()].stage
    }

    /// The outputs of `id`, once it is settled.
    pub fn outputs(&self, id: NodeId) -> Option<&Outputs> {
        self.slots[id.index()].outputs.as_ref()
    }

    /// The key of `id`, once it is settled.
    pub fn key(&self, id: NodeId) -> Option<ActionKey> {
        self.slots[id.index()].key
    }

    fn want(&mut self, id: NodeId, bytes: bool) {
        let slot = &mut self.slots[id.index()];
        if !slot.wanted || (bytes && !slot.wants_bytes) {
            slot.wanted = true;
            slot.wants_bytes |= bytes;
            self.touched.push_back(id);
        }
    }

    fn enter(&mut self, id: NodeId, stage: Stage) {
        self.slots[id.index()].stage = stage;
        self.touched.push_back(id);
        if !matches!(stage, Stage::Needed | Stage::Ready | Stage::Running) {
            let waiting = self.graph.consumers(id).iter().filter(|consumer| self.slots[consumer.index()].wanted);
            self.touched.extend(waiting.copied());
        }
    }

    fn any_input_is(&self, id: NodeId, stages: &[Stage]) -> bool {
        self.graph.node(id).input_nodes().iter().any(|input| stages.contains(&self.stage(*input)))
    }

    fn try_to_settle<K: Knowledge>(&mut self, id: NodeId, knows: &K) -> Result<(), K::Error> {
        if !self.slots[id.index()].wanted {
            return Ok(());
        }
        if self.any_input_is(id, &[Stage::Failed, Stage::Blocked]) {
            self.enter(id, Stage::Blocked);
            return Ok(());
        }
        let node = self.graph.node(id);
        let Some(contents) = contents(node, |input| self.outputs(input)) else {
            for input in node.input_nodes() {
                self.want(*input, false);
            }
            return Ok(());
        };
        let mut outputs = None;
        if let Standing::Keyed(key) = standing(node, &contents, knows)? {
            self.slots[id.index()].key = Some(key);
            if !self.again.contains(&id) {
                outputs = knows.realised(&[key])?.pop().flatten().or_else(|| node.known_outputs(key));
            }
        }
        let stage = if outputs.is_some() { Stage::Settled } else { Stage::Needed };
        self.slots[id.index()].outputs = outputs;
        self.enter(id, stage);
        Ok(())
    }

    fn look_for_bytes<K: Knowledge>(&mut self, id: NodeId, knows: &K) -> Result<(), K::Error> {
        let slot = &self.slots[id.index()];
        if let (true, Some(key), Some(outputs)) = (slot.wants_bytes, slot.key, &slot.outputs) {
            let here = knows.present(self.graph.node(id), key, outputs)?;
            self.enter(id, if here { Stage::Done } else { Stage::Needed });
        }
        Ok(())
    }

    fn try_to_ready(&mut self, id: NodeId) {
        if self.any_input_is(id, &[Stage::Failed, Stage::Blocked]) {
            // Its outputs may be known, but the bytes cannot be had: whoever reads them is blocked too.
            self.slots[id.index()].outputs = None;
            self.enter(id, Stage::Blocked);
            return;
        }
        let graph = self.graph;
        let inputs = graph.node(id).input_nodes();
        if inputs.iter().all(|input| self.stage(*input) == Stage::Done) {
            self.slots[id.index()].stage = Stage::Ready;
            self.ready.push((self.priority[id.index()], std::cmp::Reverse(id)));
        } else {
            for input in inputs {
                self.want(*input, true);
            }
        }
    }
}
