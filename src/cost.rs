//! What steps took, and what it means that they did not have to run.
//!
//! A step's *time* is what the clock said from its start to its end; its *processor time* is what all its processes used
//! together, user and system. Both are those of the run in which its result was made. Sums never overflow: what is recorded
//! may be damaged.

use serde::{Deserialize, Serialize};

/// What one step took, or several one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// On the clock.
    pub milliseconds: u64,
    /// Of processors.
    pub cpu_milliseconds: u64,
}

impl Cost {
    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.milliseconds = self.milliseconds.saturating_add(other.milliseconds);
        self.cpu_milliseconds = self.cpu_milliseconds.saturating_add(other.cpu_milliseconds);
    }

    fn subtract(&mut self, other: Self) {
        self.milliseconds = self.milliseconds.saturating_sub(other.milliseconds);
        self.cpu_milliseconds = self.cpu_milliseconds.saturating_sub(other.cpu_milliseconds);
    }
}

/// Nodes that did not have to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spared {
    /// How many.
    pub nodes: usize,
    /// Of them, package builds.
    pub builds: usize,
    /// Of them, those of which no time is on record. They are not in the sum.
    pub unknown: usize,
    /// What the others took when they ran, each result once: of several nodes with one result, the first counts.
    pub cost: Cost,
}

impl Spared {
    /// Adds a node; `cost` is `None` where no time is on record.
    pub fn take(&mut self, is_build: bool, cost: Option<Cost>) {
        self.nodes += 1;
        self.builds += usize::from(is_build);
        match cost {
            Some(cost) => self.cost.add(cost),
            None => self.unknown += 1,
        }
    }

    /// Takes a node back that has been added and ran all the same.
    pub fn take_back(&mut self, is_build: bool, cost: Option<Cost>) {
        self.nodes = self.nodes.saturating_sub(1);
        self.builds = self.builds.saturating_sub(usize::from(is_build));
        match cost {
            Some(cost) => self.cost.subtract(cost),
            None => self.unknown = self.unknown.saturating_sub(1),
        }
    }

    /// Takes all of `other` back.
    pub fn take_all_back(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_sub(other.nodes);
        self.builds = self.builds.saturating_sub(other.builds);
        self.unknown = self.unknown.saturating_sub(other.unknown);
        self.cost.subtract(other.cost);
    }

    /// As numbers, to be kept.
    pub fn to_numbers(self) -> [u64; 5] {
        let [nodes, builds, unknown] = [self.nodes, self.builds, self.unknown].map(|count| count as u64);
        [nodes, builds, unknown, self.cost.milliseconds, self.cost.cpu_milliseconds]
    }

    /// What was kept; `None` where it is something else.
    pub fn of_numbers(numbers: &[u64]) -> Option<Self> {
        let [nodes, builds, unknown, milliseconds, cpu_milliseconds] = *numbers else { return None };
        let count = |number| usize::try_from(number).ok();
        let cost = Cost { milliseconds, cpu_milliseconds };
        Some(Self { nodes: count(nodes)?, builds: count(builds)?, unknown: count(unknown)?, cost })
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.builds = self.builds.saturating_add(other.builds);
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.cost.add(other.cost);
    }
}

/// What a run did not have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Saved {
    /// Because the store had it.
    pub store: Spared,
    /// Because a binary cache had it.
    pub caches: Spared,
    /// Because an input came out as before.
    pub cut_off: Spared,
}

impl Saved {
    /// All of it.
    pub fn total(&self) -> Spared {
        let mut total = self.store;
        total.join(self.caches);
        total.join(self.cut_off);
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_counted_and_nothing_overflows() {
        let most = Cost { milliseconds: u64::MAX, cpu_milliseconds: 5 };
        let mut spared = Spared::default();
        for (is_build, cost) in [(true, Some(most)), (false, None), (true, Some(most))] {
            spared.take(is_build, cost);
        }
        let cost = Cost { milliseconds: u64::MAX, cpu_milliseconds: 10 };
        assert_eq!(spared, Spared { nodes: 3, builds: 2, unknown: 1, cost });
        spared.take_back(false, None);
        spared.take_back(true, Some(Cost { milliseconds: 1, cpu_milliseconds: 6 }));
        let cost = Cost { milliseconds: u64::MAX - 1, cpu_milliseconds: 4 };
        assert_eq!(spared, Spared { nodes: 1, builds: 1, unknown: 0, cost });
        let mut none = spared;
        none.take_all_back(spared);
        assert_eq!(none, Spared::default());
        let saved = Saved { store: spared, caches: spared, cut_off: Spared::default() };
        let cost = Cost { milliseconds: u64::MAX, cpu_milliseconds: 8 };
        assert_eq!(saved.total(), Spared { nodes: 2, builds: 2, unknown: 0, cost });
    }
}
