//! Attempts: the latest failure of an action key. Never shared, never a result.

use serde::{Deserialize, Serialize};

use super::durable::sharded;
use super::error::StoreError;
use super::{Notice, Store, sealed};
use crate::diag::Cause;
use crate::digest::Digest;
use crate::drv::ActionKey;

const ATTEMPTS: &str = "attempts";

/// A failed try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The action key.
    pub key: ActionKey,
    /// Name of the node.
    pub node: String,
    /// Whose fault it was. One that is not the build's own says nothing about the next try.
    pub cause: Cause,
    /// Digest of the log, where there is one.
    pub log: Option<Digest>,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// How long it took.
    pub milliseconds: u64,
    /// What to tell people.
    pub message: String,
}

fn place_of(key: ActionKey) -> String {
    sharded(ATTEMPTS, &key.0) + ".json"
}

/// By the digest of the name: a node's name is no file name.
fn place_of_node(node: &str) -> String {
    sharded(ATTEMPTS, &Digest::of(node.as_bytes())) + ".node.json"
}

impl Store {
    /// Remembers an attempt, durably, in place of an earlier one of the same key.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn record_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let bytes = sealed::encode(attempt);
        self.put_durably(&place_of(attempt.key), &bytes, 0o644)?;
        self.put_durably(&place_of_node(&attempt.node), &bytes, 0o644)
    }

    /// The latest attempt of a node of that name, whatever its key. A damaged record is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_attempt_of_node(&self, node: &str) -> Result<Option<Attempt>, StoreError> {
        let Some(bytes) = self.read_whole(&place_of_node(node))? else { return Ok(None) };
        Ok(sealed::decode::<Attempt>(&bytes).filter(|attempt| attempt.node == node))
    }

    /// The latest attempt of a key. A damaged record is none, and a notice.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn attempt(&self, key: ActionKey) -> Result<Option<Attempt>, StoreError> {
        let place = place_of(key);
        let Some(bytes) = self.read_whole(&place)? else { return Ok(None) };
        let decoded = sealed::decode::<Attempt>(&bytes).filter(|attempt| attempt.key == key);
        if decoded.is_none() {
            self.notice(Notice::DamagedRecord(self.path.join(place)));
        }
        Ok(decoded)
    }

    /// Forgets the attempt of a key; `false` where there was none.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_attempt(&self, key: ActionKey) -> Result<bool, StoreError> {
        self.remove_durably(&place_of(key))
    }

    /// Forgets the latest attempt of a node; `false` where there was none.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_attempt_of_node(&self, node: &str) -> Result<bool, StoreError> {
        self.remove_durably(&place_of_node(node))
    }

    /// The latest attempt of each key. Damaged records are none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        let mut attempts = Vec::new();
        for shard in self.names_in(ATTEMPTS)? {
            for name in self.names_in(&format!("{ATTEMPTS}/{shard}"))? {
                if name.ends_with(".node.json") {
                    continue;
                }
                let bytes = self.read_whole(&format!("{ATTEMPTS}/{shard}/{name}"))?;
                attempts.extend(bytes.and_then(|bytes| sealed::decode::<Attempt>(&bytes)));
            }
        }
        Ok(attempts)
    }
}
