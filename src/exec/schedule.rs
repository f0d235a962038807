//! The schedule: which node may run next. A state machine that belongs to one thread and runs nothing itself.
//!
//! A node is *settled* when the content of its outputs is known and *done* when their bytes are here as well. What is
//! wanted is settled from its inputs upwards; a node that has to run first wants the bytes of all its inputs. So nothing
//! is fetched or unpacked that no running node reads, a node starts the moment its last input is there, and one whose
//! inputs came out as before is settled without running (early cutoff). Which of the
//! ready nodes goes first is for the caller to say.
//!
//! Of some nodes it is known that they may fail. One that does, or that only such failures keep from running, is
//! *excused*: a repository is assembled without it, and without it is another repository, with a key of its own. Everything
//! else that reads it is blocked. Others are *skipped*: they do not run, and where they would have to, they are blocked from
//! the first, and excused, as is all that reads them.
//!
//! Where it is said what a repository was last assembled with, it takes that in the place of what fails ([`crate::plan::Instead`]).

mod excused;
mod held;
#[cfg(test)]
mod last_good_tests;
#[cfg(test)]
mod makespan_tests;
mod ready;
#[cfg(test)]
mod skip_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::ready::Ready;
use super::knowledge::same_to_readers;
use crate::drv::{ActionKey, Outputs};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;
use crate::plan::{Knowledge, Lane, LastGood, Standing, contents_without, standing};

/// How far a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Not looked at, or waiting for inputs to settle.
    #[default]
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

#[derive(Default)]
struct Slot {
    stage: Stage,
    wanted: bool,
    wants_bytes: bool,
    key: Option<ActionKey>,
    outputs: Option<Outputs>,
    excused: bool,
    /// It, or all that it waits for, is not to run.
    skipped: bool,
    fetches: bool,
    /// Whose end made it ready.
    after: Option<NodeId>,
    /// It runs, but on what something before it is no more: then it is looked at again.
    stale: bool,
}

/// The state of all nodes of a run.
pub struct Schedule<'a> {
    graph: &'a Graph,
    again: BTreeSet<NodeId>,
    may_fail: BTreeSet<NodeId>,
    skip: BTreeSet<NodeId>,
    last_good: BTreeMap<NodeId, LastGood>,
    fetches: bool,
    slots: Vec<Slot>,
    touched: VecDeque<NodeId>,
    ready: Ready,
    priority: Vec<u64>,
    /// The node that ended last.
    last: Option<NodeId>,
}

impl<'a> Schedule<'a> {
    /// A schedule that settles `wanted`. `again` runs although realised; of ready nodes, the one with the highest
    /// of `priority` goes first.
    pub fn new(graph: &'a Graph, wanted: &[NodeId], again: &[NodeId], priority: Vec<u64>) -> Self {
        let mut schedule = Self {
            graph,
            again: again.iter().copied().collect(),
            may_fail: BTreeSet::new(),
            skip: BTreeSet::new(),
            last_good: BTreeMap::new(),
            fetches: false,
            slots: std::iter::repeat_with(Slot::default).take(graph.len()).collect(),
            touched: VecDeque::new(),
            ready: Ready::default(),
            priority,
            last: None,
        };
        for id in wanted {
            schedule.want(*id, false);
        }
        schedule
    }

    /// Bytes that are not here are first looked for elsewhere.
    pub fn fetch_first(&mut self) {
        self.fetches = true;
    }

    /// Whether a node that is running only looks for its bytes elsewhere: its inputs need not be here.
    pub fn is_fetching(&self, id: NodeId) -> bool {
        self.slots[id.index()].fetches
    }

    /// The bytes of `id` are not elsewhere either: it has to run.
    pub fn not_fetched(&mut self, id: NodeId) {
        self.ready.ended(id);
        self.slots[id.index()].fetches = false;
        if !self.is_stale(id) {
            self.need(id);
        }
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
        self.ready.iter().any(|id| self.stage(id) == Stage::Ready)
    }

    /// The next node of a lane to run; it counts as running from here on.
    pub fn next_ready(&mut self, lane: Lane) -> Option<NodeId> {
        // Some may have been looked at again since they were ready.
        let key =
            |id: NodeId| Some(&self.slots[id.index()]).filter(|slot| slot.stage == Stage::Ready).map(|slot| slot.key);
        let id = self.ready.pop(lane, key)?;
        self.slots[id.index()].stage = Stage::Running;
        Some(id)
    }

    /// A running node has these outputs, and their bytes are here. Where it was settled as something else, which nobody has
    /// after all, all that went on from that is looked at again.
    pub fn done(&mut self, id: NodeId, key: ActionKey, outputs: Outputs) {
        self.ready.ended(id);
        (self.slots[id.index()].fetches, self.last) = (false, Some(id));
        if self.is_stale(id) {
            return;
        }
        let slot = &mut self.slots[id.index()];
        let is_other = slot.outputs.as_ref().is_some_and(|before| !same_to_readers(before, &outputs));
        slot.key = Some(key);
        slot.outputs = Some(outputs);
        if is_other {
            self.unsettle_after(id);
        }
        self.enter(id, Stage::Done);
    }

    /// A running node failed; `excused`: as it may.
    pub fn failed(&mut self, id: NodeId, excused: bool) {
        self.ready.ended(id);
        (self.slots[id.index()].excused, self.last) = (excused, Some(id));
        self.enter(id, Stage::Failed);
        if excused || !self.last_good.is_empty() {
            self.key_anew(id);
        }
    }

    /// The node whose end made `id` ready; `None` where it was so from the beginning.
    pub fn after(&self, id: NodeId) -> Option<NodeId> {
        self.slots[id.index()].after
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

    fn make_ready(&mut self, id: NodeId, lane: Lane) {
        let slot = &mut self.slots[id.index()];
        (slot.stage, slot.after) = (Stage::Ready, self.last);
        self.ready.push(id, lane, self.priority[id.index()]);
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
            let waiting = self.readers(id).into_iter().filter(|reader| self.slots[reader.index()].wanted);
            self.touched.extend(waiting);
        }
    }

    /// What a node reads when it runs: its inputs, and of a root or a check also the packages that its list was chosen from.
    fn reads(&self, id: NodeId) -> Vec<NodeId> {
        let node = self.graph.node(id);
        let mut reads = node.input_nodes().to_vec();
        if matches!(node.kind(), Kind::Root | Kind::Check) {
            let lists = node.input_nodes().iter().filter(|list| self.graph.node(**list).kind() == Kind::Resolve);
            let behind = lists.flat_map(|list| self.graph.node(*list).input_nodes());
            reads.extend(behind.filter(|input| self.graph.node(**input).kind() == Kind::Build));
        }
        reads
    }

    /// Whether a node that ran, ran for nothing; then it is looked at again.
    fn is_stale(&mut self, id: NodeId) -> bool {
        let slot = &mut self.slots[id.index()];
        if std::mem::take(&mut slot.stale) {
            (slot.key, slot.outputs) = (None, None);
            self.enter(id, Stage::Idle);
            return true;
        }
        false
    }

    /// Forgets what was known of all that reads `id`, directly or not. What failed stays so.
    fn unsettle_after(&mut self, id: NodeId) {
        let mut next = vec![id];
        while let Some(id) = next.pop() {
            for consumer in self.graph.consumers(id) {
                let slot = &mut self.slots[consumer.index()];
                match slot.stage {
                    Stage::Idle | Stage::Failed | Stage::Blocked => continue,
                    Stage::Running if slot.stale => continue,
                    Stage::Running => slot.stale = true,
                    Stage::Settled | Stage::Needed | Stage::Ready | Stage::Done => {
                        (slot.stage, slot.fetches) = (Stage::Idle, false);
                        (slot.key, slot.outputs) = (None, None);
                        self.touched.push_back(*consumer);
                    }
                }
                next.push(*consumer);
            }
        }
    }

    /// Blocks `id` where inputs failed or are blocked that it is not done without.
    fn is_blocked(&mut self, id: NodeId) -> bool {
        let gone = |input: &NodeId| matches!(self.stage(*input), Stage::Failed | Stage::Blocked);
        let node = self.graph.node(id);
        // What is behind a list is only read by a root that runs.
        let reads = if self.stage(id) == Stage::Needed { self.reads(id) } else { node.input_nodes().to_vec() };
        let missing: Vec<NodeId> = reads.into_iter().filter(gone).collect();
        if missing.is_empty() {
            return false;
        }
        let excused = missing.iter().all(|input| self.is_excused(*input));
        if (excused || self.last_good.contains_key(&id)) && node.kind() == Kind::Repo {
            let is_emptied = self.is_emptied(id);
            if is_emptied || (!excused && self.instead(id).is_bare(node, self.graph)) {
                self.block(id, is_emptied, is_emptied);
                return true;
            }
            return false;
        }
        let skipped = missing.iter().all(|input| self.is_skipped(*input));
        // What does not come to be, there is nothing to check of.
        let may_fail = skipped || self.may_fail.contains(&id) || node.is_of_check();
        self.block(id, excused && may_fail, skipped);
        true
    }

    fn try_to_settle<K: Knowledge>(&mut self, id: NodeId, knows: &K) -> Result<(), K::Error> {
        if !self.slots[id.index()].wanted {
            return Ok(());
        }
        if self.is_blocked(id) {
            return Ok(());
        }
        let node = self.graph.node(id);
        let instead = self.instead(id);
        let settled = |input: NodeId| instead.kept.get(&input).or_else(|| self.outputs(input));
        let Some(contents) = contents_without(node, settled, |input| instead.without.contains(&input)) else {
            for input in node.input_nodes() {
                self.want(*input, false);
            }
            return Ok(());
        };
        let mut outputs = None;
        if let Standing::Keyed(key) = standing(node, &contents, knows)? {
            self.slots[id.index()].key = Some(key);
            if !self.again.contains(&id) || self.skip.contains(&id) {
                let realised = knows.realised(&[key])?.pop().flatten().map(|(outputs, _)| outputs);
                outputs = realised.or_else(|| node.known_outputs(key));
            }
        }
        let is_settled = outputs.is_some();
        self.slots[id.index()].outputs = outputs;
        if is_settled {
            self.enter(id, Stage::Settled);
        } else {
            self.need(id);
        }
        Ok(())
    }

    fn look_for_bytes<K: Knowledge>(&mut self, id: NodeId, knows: &K) -> Result<(), K::Error> {
        let slot = &self.slots[id.index()];
        if let (true, Some(key), Some(outputs)) = (slot.wants_bytes, slot.key, &slot.outputs) {
            let here = knows.present(self.graph.node(id), key, outputs)?;
            if !here && self.fetches && self.graph.node(id).kind() != Kind::Root {
                self.slots[id.index()].fetches = true;
                self.make_ready(id, Lane::Fetch);
                return Ok(());
            }
            if here { self.enter(id, Stage::Done) } else { self.need(id) }
        }
        Ok(())
    }

    fn try_to_ready(&mut self, id: NodeId) {
        if self.is_blocked(id) {
            return;
        }
        let instead = self.instead(id);
        let inputs: Vec<NodeId> = self.reads(id).into_iter().filter(|input| !instead.replaces(*input)).collect();
        if inputs.iter().all(|input| self.stage(*input) == Stage::Done) {
            self.make_ready(id, Lane::of(self.graph.node(id).kind()));
        } else {
            for input in inputs {
                self.want(input, true);
            }
        }
    }
}
