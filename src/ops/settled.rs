//! What the last plans of a project found settled in a store and what that took, kept in the user's cache folder.
//!
//! A row is believed as long as the store's folder of realisations that its key stands in has not changed; where that has,
//! the store is asked for the key, all such keys at once. A folder that changed within the clock's grain before it was
//! looked at could change again without a new stamp: it counts as changed.

use super::kept::Kept;
use crate::cost::Spared;
use crate::diag::Failure;
use crate::drv::ActionKey;
use crate::graph::Graph;
use crate::plan::{Plan, Settled};
use crate::project::{Project, is_witness, now_exact};
use crate::store::{FolderStamp, Store, put_folder_stamps, read_folder_stamps};

const FORMAT: &str = "opb settled 5";

/// The file, and what it holds.
pub struct Known {
    kept: Option<Kept>,
    /// When the store was looked at.
    began: i64,
    stamps: Vec<FolderStamp>,
    settled: Settled,
    /// Whether the store had to be asked for some of it.
    asked: bool,
}

impl Known {
    /// What is known of `project` in `store`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(project: &Project, store: &Store) -> Result<Self, Failure> {
        Self::with(Kept::of_project("plans", FORMAT, project, store), store)
    }

    pub(super) fn with(kept: Option<Kept>, store: &Store) -> Result<Self, Failure> {
        let began = now_exact();
        let stamps = store.folder_stamps();
        let mut known = Self { kept, began, stamps, settled: Settled::default(), asked: false };
        let Some((before, mut settled)) = known.kept.as_ref().and_then(read) else { return Ok(known) };
        let folder = |key: ActionKey| usize::from(key.0.as_bytes()[0]);
        let is_same = |key: ActionKey| before[folder(key)] == known.stamps[folder(key)];
        let asked: Vec<(usize, ActionKey)> = settled.keys().filter(|(_, key)| !is_same(*key)).collect();
        let keys: Vec<ActionKey> = asked.iter().map(|(_, key)| *key).collect();
        if !keys.is_empty() {
            for ((row, _), found) in asked.iter().zip(store.results_of(&keys)?) {
                settled.compare(*row, found);
            }
        }
        known.asked = !keys.is_empty();
        known.settled = settled;
        Ok(known)
    }

    /// What is settled.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// What is clean, where that is all of `graph`, and known without a plan.
    pub fn whole(&self, graph: &Graph) -> Option<Spared> {
        if self.asked { None } else { self.settled.whole(graph) }
    }

    /// The stamps of the store's folders from when it was looked at, as far as they would show any change since.
    pub fn folders(&self) -> Vec<FolderStamp> {
        // Else a time that no folder has.
        let witness = |time| if is_witness(time, self.began) { time } else { i64::MIN };
        self.stamps.iter().map(|stamp| stamp.map(|(device, inode, time)| (device, inode, witness(time)))).collect()
    }

    /// Keeps what `plan` found; says whether any of it is new. Where it cannot be kept, the next plan asks the store again.
    pub fn keep(&self, graph: &Graph, plan: &Plan) -> bool {
        if !self.asked && self.settled.has_all_of(graph, plan) {
            return false;
        }
        let Some(kept) = &self.kept else { return true };
        let stamps = self.folders();
        let found = Settled::of(graph, plan, &self.settled);
        let _ = kept.write(|to| {
            put_folder_stamps(to, &stamps)?;
            found.write(to)
        });
        true
    }
}

fn read(kept: &Kept) -> Option<(Vec<FolderStamp>, Settled)> {
    let mut from = kept.read()?;
    Some((read_folder_stamps(&mut from).ok()?, Settled::read(from).ok()?))
}
