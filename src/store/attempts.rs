//! Attempts: the latest failure of each node. Never shared, never a result.

use serde::{Deserialize, Serialize};

use super::durable::sharded;
use super::error::StoreError;
use super::{Store, sealed};
use crate::diag::Cause;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint};

const ATTEMPTS: &str = "attempts";
const ENDING: &str = ".node.json";

/// A failed try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The action key.
    pub key: ActionKey,
    /// Name of the node.
    pub node: String,
    /// The key without a number, which is another at each try; `None`: of an older program.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
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
    /// How often it was tried in one run, with this time: more than once where a fault of the environment had to pass.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub tries: u32,
    /// The limit that it met, where it failed by one that was set for it: with more it may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<MetLimit>,
}

/// A limit that a try met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetLimit {
    /// Which.
    pub what: Limited,
    /// What it was: in bytes, in seconds, or a number of processes.
    pub most: u64,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limited {
    /// Memory, in bytes.
    Memory,
    /// Processes and threads at once.
    Processes,
    /// What is written, in bytes.
    Disk,
    /// How long it takes, in seconds.
    Time,
    /// How long it says nothing, in seconds.
    Silence,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer gives references")]
fn is_once(tries: &u32) -> bool {
    *tries == 1
}

/// By the digest of the name: a node's name is no file name.
fn place_of(node: &str) -> String {
    sharded(ATTEMPTS, &Digest::of(node.as_bytes())) + ENDING
}

impl Store {
    /// Remembers an attempt, durably, in place of an earlier one of the same node.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn record_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.put_durably(&place_of(&attempt.node), &sealed::encode(attempt), 0o644)
    }

    /// The latest attempt of a node of that name, whatever its key. A damaged record is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_attempt_of_node(&self, node: &str) -> Result<Option<Attempt>, StoreError> {
        let Some(bytes) = self.read_whole(&place_of(node))? else { return Ok(None) };
        Ok(sealed::decode::<Attempt>(&bytes).filter(|attempt| attempt.node == node))
    }

    /// The latest attempt of `node`, where what it tried has this fingerprint, and was itself at fault: tried once more, it
    /// would fail once more, unless it met a limit that is another now.
    ///
    /// # Errors
    /// As [`Store::last_attempt_of_node`].
    pub fn failed_before(&self, node: &str, fingerprint: Fingerprint) -> Result<Option<Attempt>, StoreError> {
        let attempt = self.last_attempt_of_node(node)?;
        Ok(attempt.filter(|attempt| attempt.cause == Cause::Build && attempt.fingerprint == Some(fingerprint)))
    }

    /// Forgets the latest attempt of a node; `false` where there was none.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_attempt(&self, node: &str) -> Result<bool, StoreError> {
        self.remove_durably(&place_of(node))
    }

    /// All records of attempts, each with its place; `None`: it is damaged.
    pub(super) fn attempts(&self) -> Result<Vec<(String, Option<Attempt>)>, StoreError> {
        let mut attempts = Vec::new();
        for shard in self.names_in(ATTEMPTS)? {
            for name in self.names_in(&format!("{ATTEMPTS}/{shard}"))? {
                let place = format!("{ATTEMPTS}/{shard}/{name}");
                if let Some(bytes) = self.read_whole(&place)?.filter(|_| name.ends_with(ENDING)) {
                    attempts.push((place, sealed::decode(&bytes)));
                }
            }
        }
        Ok(attempts)
    }

    /// Removes what format 1 had besides: a record for each key.
    pub(super) fn migrate_attempts(&self) -> Result<(), StoreError> {
        for shard in self.names_in(ATTEMPTS)? {
            for name in self.names_in(&format!("{ATTEMPTS}/{shard}"))?.iter().filter(|name| !name.ends_with(ENDING)) {
                self.remove_durably(&format!("{ATTEMPTS}/{shard}/{name}"))?;
            }
        }
        Ok(())
    }
}
