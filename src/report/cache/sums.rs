//! What nodes came to, in numbers.

use crate::cost::{Cost, Saved, Spared};
use crate::store::runs::RunOutcome;

/// What nodes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// What they did not have to do.
    pub saved: Saved,
    /// Of those that the store had, nodes that another process or node had just made.
    pub found: usize,
    /// How many bytes came from caches, as they were sent.
    pub fetched_bytes: u64,
    /// Ran, with something new.
    pub built: usize,
    /// Ran, and gave what was there before.
    pub identical: usize,
    /// Ran, and equal earlier packages were kept.
    pub kept: usize,
    /// Of all that ran, package builds.
    pub builds: usize,
    /// What all that ran took.
    pub spent: Cost,
    /// Failed, and may not.
    pub failed: usize,
    /// Failed, as they may.
    pub tolerated: usize,
    /// Did not run because of exceptions.
    pub skipped: usize,
    /// Neither ran nor were spared: stopped, killed, blocked, not reached, or still to come.
    pub not_run: usize,
}

impl Sums {
    /// How many ran and came to something.
    pub fn ran(&self) -> usize {
        self.built + self.identical + self.kept
    }

    /// How many failed.
    pub fn all_failed(&self) -> usize {
        self.failed + self.tolerated
    }

    /// All nodes.
    pub fn nodes(&self) -> usize {
        self.saved.total().nodes + self.ran() + self.all_failed() + self.skipped + self.not_run
    }

    /// How many of a thousand nodes did not have to run, of those that came to anything; `None` where none did. Never a
    /// thousand where one ran.
    pub fn permille_saved(&self) -> Option<usize> {
        let (saved, others) = (self.saved.total().nodes, self.ran() + self.all_failed());
        saved.saturating_mul(1_000).checked_div(saved.saturating_add(others))
    }

    /// Adds a node that was not clean. `None`: it has come to nothing yet.
    pub fn take(&mut self, outcome: Option<RunOutcome>, is_build: bool, spent: Cost, spared: Option<Cost>) {
        match outcome {
            Some(RunOutcome::Found) => {
                self.saved.store.take(is_build, spared);
                self.found += 1;
            }
            Some(RunOutcome::CutOff) => self.saved.cut_off.take(is_build, spared),
            Some(RunOutcome::Fetched) => self.saved.caches.take(is_build, spared),
            Some(ran @ (RunOutcome::Built | RunOutcome::Identical | RunOutcome::Kept)) => {
                *match ran {
                    RunOutcome::Identical => &mut self.identical,
                    RunOutcome::Kept => &mut self.kept,
                    _ => &mut self.built,
                } += 1;
                self.builds += usize::from(is_build);
                self.spent.add(spent);
            }
            Some(RunOutcome::Failed) => self.failed += 1,
            Some(RunOutcome::Tolerated) => self.tolerated += 1,
            Some(RunOutcome::Skipped) => self.skipped += 1,
            Some(RunOutcome::Stopped | RunOutcome::Blocked | RunOutcome::NotReached | RunOutcome::Killed) | None => {
                self.not_run += 1;
            }
        }
    }

    /// Adds nodes that were clean.
    pub fn take_clean(&mut self, clean: Spared) {
        self.saved.store.join(clean);
    }

    /// Counts for caches what was added as clean.
    pub fn move_to_caches(&mut self, clean: Spared) {
        self.saved.store.take_all_back(clean);
        self.saved.caches.join(clean);
    }

    /// Adds a node that did not have to run because a cache knew what it comes to.
    pub fn take_known(&mut self, is_build: bool, spared: Option<Cost>) {
        self.saved.caches.take(is_build, spared);
    }

    /// Takes a clean node back that ran, failed or was stopped all the same, or counts elsewhere.
    pub fn take_back(&mut self, is_build: bool, cost: Option<Cost>) {
        self.saved.store.take_back(is_build, cost);
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: &Self) {
        let Self { saved, found, fetched_bytes, built, identical, kept, builds, spent, .. } = *other;
        let Self { failed, tolerated, skipped, not_run, .. } = *other;
        self.fetched_bytes = self.fetched_bytes.saturating_add(fetched_bytes);
        self.saved.store.join(saved.store);
        self.saved.caches.join(saved.caches);
        self.saved.cut_off.join(saved.cut_off);
        self.spent.add(spent);
        for (own, other) in [
            (&mut self.found, found),
            (&mut self.built, built),
            (&mut self.identical, identical),
            (&mut self.kept, kept),
            (&mut self.builds, builds),
            (&mut self.failed, failed),
            (&mut self.tolerated, tolerated),
            (&mut self.skipped, skipped),
            (&mut self.not_run, not_run),
        ] {
            *own = own.saturating_add(other);
        }
    }
}
