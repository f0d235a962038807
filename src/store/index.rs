//! The index over the realisations: SQLite, an accelerator that may be lost at any time.
//!
//! It knows a record's key, node, start, durations and outputs, and for each folder `realised/ab` when that last changed as of its
//! last look. At the first use in a process every folder that has changed since is read again: that is how records that
//! were deleted by hand, lost, or written past the index are noticed, and, from an empty index, how all is rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::error::{StoreError, io};
use super::realisations::{REALISED, Realisation};
use super::{Notice, Store};
use crate::cost::Cost;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::name::OutputName;
use crate::path::HostPath;

pub(super) const FILE: &str = "index.sqlite";

/// Raised when the tables change; an index of another version is made anew.
const VERSION: i64 = 2;

/// How long to wait for another process's write.
const BUSY: Duration = Duration::from_secs(20);

const TABLES: &str = "
    CREATE TABLE realisation (key BLOB PRIMARY KEY, node TEXT NOT NULL, started INTEGER NOT NULL, outputs BLOB NOT NULL,
        milliseconds INTEGER NOT NULL, cpu_milliseconds INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX by_node ON realisation (node, started);
    CREATE TABLE shard (name TEXT PRIMARY KEY, modified INTEGER NOT NULL) WITHOUT ROWID;
";

/// When a folder of records changed, before and after a write of ours.
pub(super) type Shard = (Option<i64>, Option<i64>);

pub(super) struct Index {
    db: Connection,
    /// Whether its tables have been made just now.
    fresh: bool,
}

impl Index {
    fn open(path: &HostPath) -> rusqlite::Result<Self> {
        let mut db = Connection::open(path.as_path())?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        // No fsync with each commit: what a power cut takes is read from the records again.
        db.pragma_update(None, "synchronous", "normal")?;
        let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            change.execute_batch("DROP TABLE IF EXISTS realisation; DROP TABLE IF EXISTS shard;")?;
            change.execute_batch(TABLES)?;
            change.pragma_update(None, "user_version", VERSION)?;
        }
        change.commit()?;
        Ok(Self { db, fresh: version != VERSION })
    }

    fn in_memory() -> rusqlite::Result<Self> {
        let db = Connection::open_in_memory()?;
        db.execute_batch(TABLES)?;
        Ok(Self { db, fresh: true })
    }

    pub(super) fn results_of(&mut self, keys: &[ActionKey]) -> rusqlite::Result<Vec<Option<(Outputs, Cost)>>> {
        // One transaction: one snapshot, and one taking of SQLite's locks for all of them.
        let look = self.db.transaction()?;
        let sql = "SELECT outputs, milliseconds, cpu_milliseconds FROM realisation WHERE key = ?1";
        let mut select = look.prepare_cached(sql)?;
        keys.iter()
            .map(|key| {
                let found = select.query_row([key.0.as_bytes()], |row| {
                    let outputs = decode_outputs(row.get_ref(0)?.as_blob()?);
                    let time = |column| row.get(column).map(|time: i64| u64::try_from(time).unwrap_or(0));
                    let cost = Cost { milliseconds: time(1)?, cpu_milliseconds: time(2)? };
                    Ok(outputs.map(|outputs| (outputs, cost)))
                });
                found.optional().map(Option::flatten)
            })
            .collect()
    }

    /// The keys of a node, the latest start first.
    pub(super) fn of_node(&mut self, node: &str) -> rusqlite::Result<Vec<ActionKey>> {
        let sql = "SELECT key FROM realisation WHERE node = ?1 ORDER BY started DESC, key";
        let mut select = self.db.prepare_cached(sql)?;
        select.query_map([node], |row| Ok(ActionKey(Digest::from_bytes(row.get(0)?))))?.collect()
    }

    pub(super) fn put(&mut self, realisation: &Realisation, (before, after): Shard) -> rusqlite::Result<()> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        insert(&change, realisation)?;
        if let (Some(before), Some(after)) = (before, after) {
            // Only where the index had seen the folder as it was before: else somebody's change would go unnoticed.
            let sql = "UPDATE shard SET modified = ?1 WHERE name = ?2 AND modified = ?3";
            change.prepare_cached(sql)?.execute(params![after, shard_of(realisation.key), before])?;
        }
        change.commit()
    }

    pub(super) fn remove(&mut self, key: ActionKey) -> rusqlite::Result<()> {
        self.db.execute("DELETE FROM realisation WHERE key = ?1", [key.0.as_bytes()]).map(drop)
    }

    pub(super) fn remove_all(&mut self, keys: &[ActionKey]) -> rusqlite::Result<()> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for key in keys {
            change.prepare_cached("DELETE FROM realisation WHERE key = ?1")?.execute([key.0.as_bytes()])?;
        }
        change.commit()
    }

    /// Each node's key that started last.
    pub(super) fn latest(&mut self) -> rusqlite::Result<BTreeMap<String, ActionKey>> {
        let mut select =
            self.db.prepare_cached("SELECT node, key FROM realisation ORDER BY node, started, key DESC")?;
        select.query_map([], |row| Ok((row.get(0)?, ActionKey(Digest::from_bytes(row.get(1)?)))))?.collect()
    }

    /// All keys, sorted.
    pub(super) fn keys(&mut self) -> rusqlite::Result<Vec<ActionKey>> {
        let mut select = self.db.prepare_cached("SELECT key FROM realisation ORDER BY key")?;
        select.query_map([], |row| Ok(ActionKey(Digest::from_bytes(row.get(0)?))))?.collect()
    }

    /// Every folder that the index has looked at, and when that had last changed.
    fn shards(&self) -> rusqlite::Result<BTreeMap<String, i64>> {
        let mut select = self.db.prepare("SELECT name, modified FROM shard")?;
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    fn keys_of_shard(&self, first: u8) -> rusqlite::Result<BTreeSet<ActionKey>> {
        let (low, high) = ([first], [[first].as_slice(), &[0xff; 32]].concat());
        let mut select = self.db.prepare_cached("SELECT key FROM realisation WHERE key >= ?1 AND key <= ?2")?;
        select.query_map(params![low, high], |row| Ok(ActionKey(Digest::from_bytes(row.get(0)?))))?.collect()
    }

    fn set_shard(
        &mut self,
        name: &str,
        modified: i64,
        new: &[Realisation],
        gone: &BTreeSet<ActionKey>,
    ) -> rusqlite::Result<()> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for realisation in new {
            insert(&change, realisation)?;
        }
        for key in gone {
            change.prepare_cached("DELETE FROM realisation WHERE key = ?1")?.execute([key.0.as_bytes()])?;
        }
        change.prepare_cached("INSERT OR REPLACE INTO shard VALUES (?1, ?2)")?.execute(params![name, modified])?;
        change.commit()
    }
}

impl Store {
    /// Asks the index; opens, refreshes, rebuilds it as needed. Where it cannot be had on disk, one in memory answers.
    pub(super) fn with_index<T>(
        &self,
        mut ask: impl FnMut(&mut Index) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.join(FILE);
        for _ in 0..2 {
            let asked = match slot.as_mut() {
                Some(index) => Ok(index),
                None => self
                    .open_index(&path)
                    .map(|index| slot.insert(index))
                    .and_then(|index| self.refresh(index).map(|()| index)),
            };
            match asked.and_then(&mut ask) {
                Ok(answer) => return Ok(answer),
                Err(error) if is_damaged(&error) => {
                    *slot = None;
                    self.remove_index()?;
                }
                Err(error) => {
                    self.notice(Notice::IndexInMemory { why: error.to_string() });
                    break;
                }
            }
        }
        let failed = |source| StoreError::Index { path: self.path.clone(), source };
        let index = slot.insert(Index::in_memory().map_err(failed)?);
        self.refresh(index).and_then(|()| ask(index)).map_err(failed)
    }

    fn open_index(&self, path: &HostPath) -> rusqlite::Result<Index> {
        // Those who make one index at the same time would stand in each other's way, and SQLite does not wait there.
        let gate = if self.has_index() { None } else { self.gate(nix::fcntl::FlockArg::LockExclusive).ok() };
        let opened = Index::open(path);
        drop(gate);
        opened
    }

    fn has_index(&self) -> bool {
        self.dir.metadata(FILE).is_ok_and(|data| data.len() > 0)
    }

    /// Makes the index of a store that has no records yet: one that is made later looks as if one had been lost.
    pub(super) fn begin_index(&self) -> Result<(), StoreError> {
        let has_records = || self.dir.read_dir(REALISED).is_ok_and(|mut entries| entries.next().is_some());
        if self.has_index() || has_records() { Ok(()) } else { self.with_index(|_| Ok(())) }
    }

    /// Throws the index away: the next use makes it anew.
    pub(super) fn forget_index(&self) -> Result<(), StoreError> {
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = None;
        self.remove_index()
    }

    /// Reads every folder of records that has changed since the index last looked.
    fn refresh(&self, index: &mut Index) -> rusqlite::Result<()> {
        let seen = index.shards()?;
        let mut names: BTreeSet<String> = seen.keys().cloned().collect();
        for entry in self.dir.read_dir(REALISED).into_iter().flatten().flatten() {
            names.extend(entry.file_name().into_string().ok().filter(|name| is_shard(name)));
        }
        let mut read = 0;
        for name in names {
            let folder = format!("{REALISED}/{name}");
            // Taken before reading: what comes in meanwhile makes it differ again.
            let modified = self.shard_modified(&folder);
            if modified.is_some() && seen.get(&name).copied() == modified {
                continue;
            }
            let Ok(first) = u8::from_str_radix(&name, 16) else { continue };
            let rows = index.keys_of_shard(first)?;
            let files = self.record_names(&name);
            let gone: BTreeSet<ActionKey> = rows.difference(&files).copied().collect();
            // Files that cannot be read now are absent now; asking for them reports why.
            let new: Vec<Realisation> =
                files.difference(&rows).filter_map(|key| self.read_record(*key).ok().flatten()).collect();
            read += new.len();
            index.set_shard(&name, modified.unwrap_or(0), &new, &gone)?;
        }
        if index.fresh && read > 0 {
            self.notice(Notice::IndexRebuilt);
        }
        Ok(())
    }

    fn record_names(&self, shard: &str) -> BTreeSet<ActionKey> {
        let entries = self.dir.read_dir(format!("{REALISED}/{shard}")).into_iter().flatten().flatten();
        let key = |name: String| format!("{shard}{}", name.strip_suffix(".json")?).parse().ok().map(ActionKey);
        entries.filter_map(|entry| entry.file_name().into_string().ok().and_then(key)).collect()
    }

    fn remove_index(&self) -> Result<(), StoreError> {
        for ending in ["", "-wal", "-shm"] {
            let name = format!("{FILE}{ending}");
            match self.dir.remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io("removing a damaged index", &self.path.join(&name))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn insert(change: &Connection, realisation: &Realisation) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO realisation VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Realisation { key, node, started, .. } = realisation;
    let outputs = encode_outputs(&realisation.outputs);
    // A record that says more than a row can hold is damaged, and no reason to go without an index.
    let time = |milliseconds: u64| i64::try_from(milliseconds).unwrap_or(i64::MAX);
    let (whole, cpu) = (time(realisation.milliseconds), time(realisation.cpu_milliseconds));
    change.prepare_cached(sql)?.execute(params![key.0.as_bytes(), node, started, outputs, whole, cpu])?;
    Ok(())
}

/// Whether an index is to be thrown away, as opposed to one that is only busy, or on a full disk.
fn is_damaged(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        }
        // Columns of other types than ours.
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => true,
        _ => false,
    }
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn shard_of(key: ActionKey) -> String {
    format!("{:02x}", key.0.as_bytes()[0])
}

/// For each output: length of the name (names are short), name, digest.
fn encode_outputs(outputs: &Outputs) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, digest) in outputs {
        bytes.push(u8::try_from(name.as_str().len()).expect("names have at most 100 bytes"));
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(digest.as_bytes());
    }
    bytes
}

fn decode_outputs(mut bytes: &[u8]) -> Option<Outputs> {
    let mut outputs = Outputs::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        outputs.insert(OutputName::new(std::str::from_utf8(name).ok()?).ok()?, Digest::from_bytes(*digest));
        bytes = rest;
    }
    Some(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_read_back() {
        let output = |name: &str| (OutputName::new(name).expect("a name"), Digest::of(name.as_bytes()));
        let outputs = Outputs::from([output("packages"), output("log"), output("buildinfo")]);
        assert_eq!(decode_outputs(&encode_outputs(&outputs)), Some(outputs.clone()));
        assert_eq!(decode_outputs(&[]), Some(Outputs::new()));
        let bytes = encode_outputs(&outputs);
        assert_eq!(decode_outputs(&bytes[..bytes.len() - 1]), None);
    }
}
