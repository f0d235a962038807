//! Records of runs: what was planned and why, and what came of it.
//!
//! One append-only file `runs/<id>.jsonl` for each run, a line for each fact, each line with a check of its own. A line
//! is written the moment that its fact is known, in one system call, so that a run that is killed loses at most the line
//! under way. Only the last line is made durable against a power cut: a record explains, and nothing is derived from it.
//! The writer holds a lock on the file until it ends, however it ends; so a reader can tell a run that goes on from one
//! that was killed. A new run removes records that are old; whoever reads one meanwhile has the whole or none.
//!
//! This knows texts and digests: not what a node is, and not which causes there are.

mod facts;
mod id;
mod line;
mod reading;
#[cfg(test)]
pub(super) mod tests;

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use cap_std::fs::OpenOptions;
use nix::fcntl::{Flock, FlockArg};

pub use facts::{
    RunCause, RunChange, RunClean, RunCounts, RunDiffers, RunEnd, RunFact, RunFetched, RunFinished, RunKnown, RunNode,
    RunOutcome, RunPlanned, RunStarted,
};
pub use id::{RunId, RunIdError};
pub use reading::{Run, RunHead, RunOf, RunState};

use super::error::{StoreError, io};
use super::{Store, fault};
use crate::path::HostPath;

/// The folder of the records.
pub(super) const RUNS: &str = "runs";

/// How many runs may start in one second before one has to wait for the next.
const MOST_A_SECOND: u32 = 10_000;

/// How many of the latest runs stay on record, however old they are.
const KEPT: usize = 200;

/// For how long each run stays on record: 30 days, in seconds.
const KEPT_FOR: i64 = 30 * 24 * 60 * 60;

fn place_of(id: &RunId) -> String {
    format!("{RUNS}/{id}.jsonl")
}

/// A run's record, being written. Threads may share it.
#[derive(Debug)]
pub struct RunWriter {
    id: RunId,
    path: HostPath,
    file: Mutex<Flock<File>>,
}

impl Store {
    /// Begins the record of a run, and removes those of runs that are old: of all but the last 200 those that began
    /// more than 30 days before it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn start_run(&self, started: RunStarted) -> Result<RunWriter, StoreError> {
        self.make_folder(RUNS)?;
        for again in 1..MOST_A_SECOND {
            let (id, now) = (RunId::new(started.started, again), started.started);
            let (place, path) = (place_of(&id), self.path.join(place_of(&id)));
            let mut options = OpenOptions::new();
            options.append(true).create_new(true);
            let file = match self.dir.open_with(&place, &options) {
                Ok(file) => file.into_std(),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(io("making the record of a run", &path)(error)),
            };
            let locked = Flock::lock(file, FlockArg::LockExclusive);
            let file = locked.map_err(|(_, error)| io("locking the record of a run", &path)(error.into()))?;
            fault::point("run-made");
            let writer = RunWriter { id, path, file: Mutex::new(file) };
            writer.write(&[RunFact::Started(started)])?;
            self.forget_runs(now)?;
            self.sync_folder(RUNS)?;
            return Ok(writer);
        }
        let full = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(io("making the record of a run", &self.path.join(RUNS))(full))
    }

    fn forget_runs(&self, now: i64) -> Result<(), StoreError> {
        let ids = self.runs()?;
        let older = &ids[..ids.len().saturating_sub(KEPT)];
        for id in older.iter().take_while(|id| id.started() < now.saturating_sub(KEPT_FOR)) {
            let is_over = self.run_head(id).is_ok_and(|head| head.is_none_or(|head| !head.live));
            if is_over {
                // Whoever reads it goes on reading. What cannot be removed is tried again by the next run.
                let _ = self.dir.remove_file(place_of(id));
            }
        }
        Ok(())
    }
}

impl RunWriter {
    /// What the run is called.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Adds facts, in one go.
    ///
    /// # Errors
    /// Where they cannot be written; then none of them is, as far as the file system allows.
    pub fn write(&self, facts: &[RunFact]) -> Result<(), StoreError> {
        let bytes = line::encode(facts);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = || io("writing the record of a run", &self.path);
        let before = file.metadata().map_err(failed())?.len();
        #[cfg(any(test, feature = "faults"))]
        let bytes = {
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            file.write_all(first).map_err(failed())?;
            fault::point("run-half-written");
            rest.to_vec()
        };
        if let Err(error) = file.write_all(&bytes) {
            let _ = file.set_len(before);
            return Err(failed()(error));
        }
        fault::point("run-written");
        Ok(())
    }

    /// Adds the last fact and makes the whole record durable.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self, finished: RunFinished) -> Result<(), StoreError> {
        self.write(&[RunFact::Finished(finished)])?;
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_all().map_err(io("making the record of a run durable", &self.path))?;
        fault::point("run-durable");
        Ok(())
    }
}
