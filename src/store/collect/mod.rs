//! Collection: what is dead goes, what is alive never does, and builds go on meanwhile.
//!
//! ```text
//! mark     everything that is reached from what must be kept            no lock
//! find     what is dead, and since when; how far the policy goes        no lock
//! remove   a few hundred files at a time: realisations, then what       alone behind the gate of `uses`, for each batch:
//!          only they named                                              first what processes have begun to use since
//! ```
//!
//! Killed anywhere, it leaves what nothing names, which the next collection takes. Realisations are gone, durably, before
//! anything that they name goes.

mod dead;
mod mark;
mod walk;

use std::collections::BTreeMap;

pub use dead::{Dead, Policy};
pub(super) use mark::Map;
pub use mark::{Downloads, Keeper, Marked, Reason};
use serde::Serialize;
pub use walk::{Kind, Stored, disk_bytes};

use super::error::{StoreError, io};
use super::{CollectionLock, Store, TryLock, WorkDir, fault};
use crate::drv::ActionKey;

/// How many files are removed at a time: for so long nobody else begins to use anything.
const BATCH: usize = 256;

/// How many files of a kind, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their sizes in bytes, together.
    pub bytes: u64,
}

impl Amount {
    /// How many, for words.
    pub fn count_usize(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Adds one of `bytes`.
    pub fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What a collection has removed, or would, of each kind.
pub type Collected = BTreeMap<Kind, Amount>;

impl Store {
    /// Removes what died at `until` or before. `marked`, which was made under `_lock`, is brought up to date with what
    /// processes begin to use.
    ///
    /// # Errors
    /// Where the store cannot be read or written: what has been removed by then was dead.
    pub fn collect(
        &self,
        _lock: &CollectionLock,
        marked: &mut Marked,
        dead: &Dead,
        until: i64,
        downloads: &Downloads<'_>,
    ) -> Result<Collected, StoreError> {
        let mut collected = Collected::new();
        for kind in [Kind::Realisation, Kind::Tree, Kind::Object, Kind::Log] {
            let mut batch = Vec::new();
            let mut amount = Amount::default();
            self.each(kind, &mut |stored| {
                if let Ok(stored) = stored
                    && dead.since(marked, &stored).is_some_and(|since| since <= until)
                {
                    batch.push(stored);
                }
                if batch.len() == BATCH {
                    self.remove(&mut batch, marked, &mut amount, downloads)?;
                }
                Ok(())
            })?;
            self.remove(&mut batch, marked, &mut amount, downloads)?;
            if kind == Kind::Realisation && amount.count > 0 {
                self.sync_all()?;
            }
            collected.insert(kind, amount);
        }
        for key in self.keys_with_rivals()? {
            if !marked.keys.contains_key(&key.0) && !self.has_record(key) {
                self.forget_rivals(key)?;
            }
        }
        self.forget_rebuilt(&|key| marked.keys.contains_key(&key.0) || self.has_record(key))?;
        self.forget_upgrades(&|check| marked.keys.contains_key(&check.0) || self.has_record(check))?;
        self.forget_lost_notes(marked, downloads)?;
        self.remove_lost_downloads()?;
        self.forget_lost_seen()?;
        self.forget_signed(false)?;
        self.forget_pieces(marked)?;
        self.forget_facts()?;
        self.remove_old_attempts(marked, until)?;
        Ok(collected)
    }

    /// Removes a batch, but for what somebody has begun to use.
    fn remove(
        &self,
        batch: &mut Vec<Stored>,
        marked: &mut Marked,
        amount: &mut Amount,
        downloads: &Downloads<'_>,
    ) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let _gate = self.close_gate()?;
        self.mark_uses(marked, downloads)?;
        let mut keys = Vec::new();
        for stored in batch.drain(..) {
            let alive = match stored.kind {
                Kind::Object => &marked.objects,
                Kind::Tree => &marked.trees,
                Kind::Log => &marked.logs,
                Kind::Realisation => &marked.keys,
            };
            if alive.contains_key(&stored.digest) {
                continue;
            }
            match self.dir.remove_file(&stored.place) {
                Ok(()) => amount.add(stored.bytes),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io("removing", &self.path.join(&stored.place))(error)),
            }
            fault::point("collected");
            if stored.kind == Kind::Realisation {
                keys.push(ActionKey(stored.digest));
            }
        }
        if keys.is_empty() { Ok(()) } else { self.with_index(|index| index.remove_all(&keys)) }
    }

    /// Takes the root of `key` out of the store, into `name` of `into`, unless somebody uses it; `false` then.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn collect_root(
        &self,
        (key, uid): (ActionKey, u32),
        marked: &mut Marked,
        (into, name): (&WorkDir, &str),
        downloads: &Downloads<'_>,
    ) -> Result<bool, StoreError> {
        let TryLock::Locked(_lock) = self.try_lock_key(key)? else { return Ok(false) };
        let _gate = self.close_gate()?;
        self.mark_uses(marked, downloads)?;
        if marked.keys.contains_key(&key.0) { Ok(false) } else { self.withdraw_root(key, uid, into, name) }
    }

    /// Removes what is known by SHA-256 of files that are gone.
    fn remove_lost_downloads(&self) -> Result<(), StoreError> {
        for shard in self.names_in("sha256")? {
            for name in self.names_in(&format!("sha256/{shard}"))? {
                let Ok(sha256) = format!("{shard}{name}").parse() else { continue };
                if self.known_sha256(sha256)?.is_none() {
                    // Written anew whenever the file is fetched again.
                    let _ = self.dir.remove_file(format!("sha256/{shard}/{name}"));
                }
            }
        }
        Ok(())
    }

    /// Removes failures of nodes that no project has any more.
    fn remove_old_attempts(&self, marked: &Marked, until: i64) -> Result<(), StoreError> {
        for attempt in self.attempts()?.into_iter().filter_map(|(_, attempt)| attempt) {
            if attempt.started <= until && !marked.nodes.contains(&attempt.node) {
                self.forget_attempt(&attempt.node)?;
            }
        }
        Ok(())
    }
}
