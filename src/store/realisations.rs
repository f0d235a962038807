//! Realisations: what an action key came to.
//!
//! One immutable, sealed file each; the first writer wins. The index only speeds up asking: a key that it lacks is looked
//! for among the files before it counts as absent.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::durable::{folder_of, sharded};
use super::error::{StoreError, io};
use super::index::Index;
use super::{Notice, Store, Used, fault, sealed};
use crate::cost::Cost;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};

pub(super) const REALISED: &str = "realised";

/// What an action key came to, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realisation {
    /// The action key.
    pub key: ActionKey,
    /// Name of the node that ran, for people and for [`Store::history_of_node`].
    pub node: String,
    /// The key without the number, where there is a number.
    pub fingerprint: Option<Fingerprint>,
    /// The number that the ledger gave.
    pub number: Option<u32>,
    /// What came out.
    pub outputs: Outputs,
    /// The derivation as text with content digests ([`crate::drv::text_of`]), so that "why" can be answered later.
    pub derivation: String,
    /// Digest of the log, where there is one.
    pub log: Option<Digest>,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// How long it took.
    pub milliseconds: u64,
    /// Processor time, user and system, of all its processes.
    pub cpu_milliseconds: u64,
    /// The most memory at a time, in bytes; 0 where that was not measured.
    pub peak_memory: u64,
    /// What it took of the disk besides its outputs, in bytes; of a root, its size; 0 where that was not measured.
    #[serde(default)]
    pub disk: u64,
    /// What ran it.
    pub backend: String,
    /// Where.
    pub host: String,
    /// Rebuilt, equivalent, kept: the earlier realisation whose outputs these are.
    pub kept: Option<ActionKey>,
}

impl Realisation {
    /// What it took.
    pub fn cost(&self) -> Cost {
        Cost { milliseconds: self.milliseconds, cpu_milliseconds: self.cpu_milliseconds }
    }
}

/// What recording came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded now.
    New,
    /// It was recorded before, with the same outputs. The earlier record stays.
    Same,
    /// It was recorded before with other outputs: the step is not deterministic. The earlier record stays.
    Differs(Box<Realisation>),
}

pub(super) fn place_of(key: ActionKey) -> String {
    sharded(REALISED, &key.0) + ".json"
}

impl Store {
    /// Records a realisation, durably. Its outputs must be in the store already. The first writer wins.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn record(&self, realisation: &Realisation) -> Result<Recorded, StoreError> {
        let place = place_of(realisation.key);
        let path = self.path.join(&place);
        let folder = folder_of(&place);
        self.uses(&[Used::Key(realisation.key)])?;
        // Before there is a file, so that an index without rows is not taken for a lost one.
        self.with_index(|_| Ok(()))?;
        self.make_folder(folder)?;
        // A damaged record is no first writer.
        if self.read_record(realisation.key)?.is_none() && self.dir.is_file(&place) {
            self.remove_durably(&place)?;
        }
        let before = self.shard_modified(folder);
        let mut temp = self.temp()?;
        let bytes = sealed::encode(realisation);
        let written = temp.file().and_then(|file| file.write_all(&bytes)).and_then(|()| temp.finish(0o644, true));
        written.map_err(io("writing a realisation", &path))?;
        let new = self.link_new(temp, &place)?;
        self.sync_folder(folder)?;
        fault::point("recorded");
        if new {
            let shard = (before, self.shard_modified(folder));
            self.with_index(|index| index.put(realisation, shard))?;
            fault::point("indexed");
            return Ok(Recorded::New);
        }
        Ok(match self.read_record(realisation.key)? {
            Some(earlier) if earlier.outputs != realisation.outputs => Recorded::Differs(Box::new(earlier)),
            _ => Recorded::Same,
        })
    }

    /// Records results that came from elsewhere, all of them durably. Their outputs need not be here. What is recorded of
    /// a key already stays.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn record_all(&self, realisations: &[Realisation]) -> Result<(), StoreError> {
        self.with_index(|_| Ok(()))?;
        self.uses(&realisations.iter().map(|realisation| Used::Key(realisation.key)).collect::<Vec<_>>())?;
        let mut temps = Vec::new();
        for realisation in realisations {
            let place = place_of(realisation.key);
            self.make_folder(folder_of(&place))?;
            let mut temp = self.temp()?;
            let bytes = sealed::encode(realisation);
            let written = temp.file().and_then(|file| file.write_all(&bytes)).and_then(|()| temp.finish(0o644, false));
            written.map_err(io("writing a realisation", &self.path.join(&place)))?;
            temps.push((place, temp, realisation));
        }
        if temps.is_empty() {
            return Ok(());
        }
        self.sync_all()?;
        let mut new = Vec::new();
        for (place, temp, realisation) in temps {
            if self.link_new(temp, &place)? {
                new.push(realisation);
            }
        }
        self.sync_all()?;
        fault::point("recorded");
        new.into_iter().try_for_each(|realisation| self.with_index(|index| index.put(realisation, (None, None))))
    }

    /// The outputs of many action keys, in their order; `None` where a key is not realised.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn outputs_of(&self, keys: &[ActionKey]) -> Result<Vec<Option<Outputs>>, StoreError> {
        Ok(self.results_of(keys)?.into_iter().map(|found| found.map(|(outputs, _)| outputs)).collect())
    }

    /// The outputs of many action keys and what they took, in their order; `None` where a key is not realised. This is
    /// what a plan asks: it is answered by the index.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn results_of(&self, keys: &[ActionKey]) -> Result<Vec<Option<(Outputs, Cost)>>, StoreError> {
        let mut found = self.with_index(|index| index.results_of(keys))?;
        for (key, slot) in keys.iter().zip(&mut found) {
            if slot.is_none()
                && let Some(realisation) = self.read_record(*key)?
            {
                // A crash came between file and row.
                self.with_index(|index| index.put(&realisation, (None, None)))?;
                let cost = realisation.cost();
                *slot = Some((realisation.outputs, cost));
            }
        }
        Ok(found)
    }

    /// The whole realisations of many action keys, in their order; `None` where a key is not realised. Reads a file each.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn realised(&self, keys: &[ActionKey]) -> Result<Vec<Option<Realisation>>, StoreError> {
        keys.iter().map(|key| self.read_record(*key)).collect()
    }

    /// The realisation of one action key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn realisation(&self, key: ActionKey) -> Result<Option<Realisation>, StoreError> {
        self.read_record(key)
    }

    /// The realisation of a node that started last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_of_node(&self, node: &str) -> Result<Option<Realisation>, StoreError> {
        for key in self.with_index(|index| index.of_node(node))? {
            if let Some(realisation) = self.read_record(key)? {
                return Ok(Some(realisation));
            }
        }
        Ok(None)
    }

    /// All realisations of a node, the latest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn history_of_node(&self, node: &str) -> Result<Vec<Realisation>, StoreError> {
        self.latest_of_node(node, usize::MAX)
    }

    /// At most `most` realisations of a node, the latest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn latest_of_node(&self, node: &str, most: usize) -> Result<Vec<Realisation>, StoreError> {
        let mut keys = self.with_index(|index| index.of_node(node))?;
        keys.truncate(most);
        Ok(self.realised(&keys)?.into_iter().flatten().collect())
    }

    /// For each node the key whose realisation started last.
    pub(super) fn latest_of_nodes(&self) -> Result<BTreeMap<String, ActionKey>, StoreError> {
        self.with_index(Index::latest)
    }

    /// The keys of all realisations, sorted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn record_keys(&self) -> Result<Vec<ActionKey>, StoreError> {
        self.with_index(Index::keys)
    }

    /// Whether a key has a record; what is in it is not looked at.
    pub(super) fn has_record(&self, key: ActionKey) -> bool {
        self.stat(&place_of(key)).is_some()
    }

    /// Forgets what a key came to, durably; `false` where it was not known. Objects stay until they are collected.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget(&self, key: ActionKey) -> Result<bool, StoreError> {
        let removed = self.remove_durably(&place_of(key))?;
        self.with_index(|index| index.remove(key))?;
        Ok(removed)
    }

    /// The record in its file. A damaged one is absent, and a notice.
    pub(super) fn read_record(&self, key: ActionKey) -> Result<Option<Realisation>, StoreError> {
        let place = place_of(key);
        let Some(bytes) = self.read_whole(&place)? else { return Ok(None) };
        let decoded = sealed::decode::<Realisation>(&bytes).filter(|realisation| realisation.key == key);
        if decoded.is_none() {
            self.notice(Notice::DamagedRecord(self.path.join(place)));
        }
        Ok(decoded)
    }

    /// When names in a folder of records last changed, in nanoseconds since 1970; `None` where it is not there.
    pub(super) fn shard_modified(&self, folder: &str) -> Option<i64> {
        let found = self.stat(folder)?;
        Some(found.st_mtime.saturating_mul(1_000_000_000).saturating_add(found.st_mtime_nsec))
    }
}
