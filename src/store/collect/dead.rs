//! What is dead, how long it has been, and how far a policy goes.

use std::collections::BTreeMap;

use super::super::Store;
use super::super::error::StoreError;
use super::mark::{Map, Marked};
use super::walk::{Kind, Stored};
use crate::digest::Digest;
use crate::drv::ActionKey;

/// How much of what is dead goes. What is alive never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What has been dead for so many seconds.
    pub older_than: Option<i64>,
    /// More of it, the longest dead first, until the store has at most so many bytes.
    pub budget: Option<u64>,
    /// More of it, the longest dead first, until so many bytes are free on the disk.
    pub free: Option<u64>,
}

/// What is dead.
#[derive(Default)]
pub struct Dead {
    /// When a realisation died, or the last that names a tree, an object or a log; in seconds since 1970.
    since: Map<i64>,
    /// Of all realisations that left a project's list.
    left: BTreeMap<ActionKey, i64>,
}

impl Dead {
    /// When a stored file died, in seconds since 1970; `None` where it is alive.
    pub fn since(&self, marked: &Marked, stored: &Stored) -> Option<i64> {
        let digest = stored.digest;
        let is_alive = match stored.kind {
            Kind::Object => marked.objects.contains_key(&digest),
            Kind::Tree => marked.trees.contains_key(&digest),
            Kind::Log => marked.logs.contains_key(&digest),
            Kind::Realisation => marked.keys.contains_key(&digest),
        };
        if is_alive {
            return None;
        }
        // What nothing names has never been alive: it died when it came.
        Some(self.since.get(&digest).copied().unwrap_or(stored.modified))
    }

    /// When the root of a key died that was made or used last at `used`; `None` where it is alive.
    pub fn root_since(&self, marked: &Marked, key: ActionKey, used: i64) -> Option<i64> {
        let is_alive = marked.keys.contains_key(&key.0);
        (!is_alive).then(|| self.left.get(&key).map_or(used, |left| used.max(*left)))
    }
}

impl Store {
    /// Finds what is dead and when it died: a realisation when it left a project's list, else when it was made; what it
    /// names when the last that names it did.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_dead(&self, marked: &Marked) -> Result<Dead, StoreError> {
        let mut dead = Dead { left: self.left()?, ..Dead::default() };
        for key in self.record_keys()? {
            if marked.keys.contains_key(&key.0) {
                continue;
            }
            let Some(realisation) = self.read_record(key)? else { continue };
            let took = i64::try_from(realisation.milliseconds / 1000).unwrap_or(0);
            let ended = realisation.started.saturating_add(took);
            let since = dead.left.get(&key).map_or(ended, |left| ended.max(*left));
            let mut name = |digest: Digest| {
                let slot = dead.since.entry(digest).or_insert(since);
                *slot = since.max(*slot);
            };
            name(key.0);
            realisation.log.into_iter().for_each(&mut name);
            for tree in realisation.outputs.values() {
                name(*tree);
                if !marked.trees.contains_key(tree)
                    && let Ok(tree) = self.get_tree(*tree)
                {
                    tree.files().for_each(|(_, object, _)| name(object));
                }
            }
        }
        self.find_dead_signed(&mut dead.since)?;
        Ok(dead)
    }

    /// The time up to which what is dead goes by `policy`; `None` where nothing goes. `total` and `free` are the bytes that
    /// the store has and that are free on its disk; `bytes` gives those of what is dead by when it died.
    pub fn until(policy: Policy, now: i64, total: u64, free: u64, bytes: &BTreeMap<i64, u64>) -> Option<i64> {
        let by_age = policy.older_than.map(|age| now.saturating_sub(age));
        let over = policy.budget.map_or(0, |budget| total.saturating_sub(budget));
        let lacking = policy.free.map_or(0, |wanted| wanted.saturating_sub(free));
        let need = over.max(lacking);
        let mut gone = 0u64;
        let by_need = bytes.iter().take_while(|(_, size)| {
            let is_needed = gone < need;
            gone = gone.saturating_add(**size);
            is_needed
        });
        by_age.into_iter().chain(by_need.map(|(time, _)| *time).last()).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_policy_goes() {
        let bytes = BTreeMap::from([(10, 100), (20, 50), (30, 1)]);
        let until = |policy| Store::until(policy, 100, 1000, 500, &bytes);
        let none = Policy::default();
        assert_eq!(until(none), None);
        assert_eq!(until(Policy { older_than: Some(75), ..none }), Some(25));
        assert_eq!(until(Policy { budget: Some(1000), ..none }), None, "it is within");
        assert_eq!(until(Policy { budget: Some(999), ..none }), Some(10));
        assert_eq!(until(Policy { budget: Some(900), ..none }), Some(10));
        assert_eq!(until(Policy { budget: Some(899), ..none }), Some(20));
        assert_eq!(until(Policy { budget: Some(0), ..none }), Some(30), "all that is dead does not suffice");
        assert_eq!(until(Policy { free: Some(500), ..none }), None);
        assert_eq!(until(Policy { free: Some(601), ..none }), Some(20));
        assert_eq!(
            until(Policy { older_than: Some(75), budget: Some(999), free: None }),
            Some(25),
            "whichever goes further"
        );
    }
}
