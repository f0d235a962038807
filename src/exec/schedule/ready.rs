//! The nodes that may run, by lane, the most urgent first.
//!
//! Several nodes may have one action key, as roots with the same package list do. While one of them runs, the others would only
//! wait for it, each in a place that another node could use: they stay until it has ended, and then find what it made.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::drv::ActionKey;
use crate::graph::NodeId;
use crate::plan::Lane;

/// The nodes that may run.
#[derive(Default)]
pub struct Ready {
    lanes: BTreeMap<Lane, BinaryHeap<(u64, Reverse<NodeId>)>>,
    /// What runs, where its key was known when it began.
    running: BTreeMap<NodeId, ActionKey>,
}

impl Ready {
    /// `id` may run.
    pub fn push(&mut self, id: NodeId, lane: Lane, priority: u64) {
        self.lanes.entry(lane).or_default().push((priority, Reverse(id)));
    }

    /// All of them, also those that may not run any more.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> {
        self.lanes.values().flatten().map(|(_, Reverse(id))| *id)
    }

    /// The most urgent of a lane that can begin; it counts as running from here on. `key` is `None` of a node that may not run
    /// any more, else its key as far as that is known.
    pub fn pop(&mut self, lane: Lane, key: impl Fn(NodeId) -> Option<Option<ActionKey>>) -> Option<NodeId> {
        let ready = self.lanes.get_mut(&lane)?;
        let mut twins = Vec::new();
        let mut found = None;
        while let Some((priority, Reverse(id))) = ready.pop() {
            match key(id) {
                None => {}
                Some(Some(key)) if self.running.values().any(|running| *running == key) => {
                    twins.push((priority, Reverse(id)));
                }
                Some(key) => {
                    self.running.extend(key.map(|key| (id, key)));
                    found = Some(id);
                    break;
                }
            }
        }
        ready.extend(twins);
        found
    }

    /// A node does not run any more.
    pub fn ended(&mut self, id: NodeId) {
        self.running.remove(&id);
    }
}
