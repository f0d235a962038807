//! Following the log of a node that another process runs, to its end.

use std::io::Read as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::diag::{Cause, Failure};
use crate::exec::NodeError;
use crate::store::runs::{RunId, RunNode, RunOutcome};
use crate::store::{RunningLog, Store};

/// How often is looked for more of a log.
const LOOK: Duration = Duration::from_millis(100);

/// How often is looked at what a run says, which takes longer.
const ASK: Duration = Duration::from_millis(400);

/// How long is waited for a word on how a node ended of which no run says anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many of the last runs are looked at.
const MOST_RUNS: usize = 16;

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is realised.
    Well,
    /// It failed.
    Failed(Cause),
    /// It was stopped, or its run was killed.
    Stopped,
    /// Nobody says so.
    Unknown,
}

/// A node that runs.
pub struct Follow<'a> {
    store: &'a Store,
    node: String,
    /// The run that it is a part of; `None` where what runs it keeps no record.
    run: Option<RunId>,
    log: Option<RunningLog>,
    /// When its last realisation and its last failed attempt began, before this.
    before: [Option<i64>; 2],
}

impl<'a> Follow<'a> {
    /// Follows `node`; `None` where it does not run.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn begin(store: &'a Store, node: &str) -> Result<Option<Self>, Failure> {
        let before = pasts(store, node)?;
        let log = store.running_log(node)?;
        let run = run_of(store, node)?;
        let runs = log.is_some() || run.is_some();
        Ok(runs.then(|| Self { store, node: node.to_owned(), run, log, before }))
    }

    /// Shows what there is of the log, and what comes, until the node ends.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn to_end(mut self, show: &mut dyn FnMut(&[u8])) -> Result<Ended, Failure> {
        let mut over = None;
        loop {
            let is_complete = self.log.as_ref().map(|log| self.store.is_complete(log)).transpose()?;
            self.show(show)?;
            match is_complete {
                Some(false) => pause(LOOK),
                // One may be done with its script and not yet with its outputs; and one that has just begun has no log yet.
                Some(true) | None => {
                    let since = *over.get_or_insert_with(Instant::now);
                    if let Some(ended) = self.ended(since)? {
                        return Ok(ended);
                    }
                    if self.log.is_none() {
                        self.log = self.store.running_log(&self.node)?;
                    }
                    pause(ASK);
                }
            }
        }
    }

    fn show(&mut self, show: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let mut part = vec![0; 1 << 16];
        loop {
            let read = log.read(&mut part);
            let count = read.map_err(|source| NodeError::File {
                doing: "read",
                path: format!("the log of {}", self.node),
                source,
            })?;
            if count == 0 {
                return Ok(());
            }
            show(&part[..count]);
        }
    }

    /// How it ended, once that is known; `since`: when its log was complete.
    fn ended(&self, since: Instant) -> Result<Option<Ended>, Failure> {
        if let Some(id) = &self.run {
            let run = self.store.run(id)?;
            let is_over = run.as_ref().is_none_or(|run| !run.head.live);
            let node = run.as_ref().and_then(|run| run.of(&self.node)).and_then(|node| node.ended.as_ref());
            return Ok(match node {
                Some(node) => Some(came_to(node)),
                None => is_over.then_some(Ended::Stopped),
            });
        }
        let now = pasts(self.store, &self.node)?;
        Ok(match std::array::from_fn(|place| now[place] != self.before[place]) {
            [true, _] => Some(Ended::Well),
            [_, true] => Some(Ended::Failed(Cause::Build)),
            _ => (since.elapsed() > PATIENCE).then_some(Ended::Unknown),
        })
    }
}

/// When the last realisation and the last failed attempt of a node began.
fn pasts(store: &Store, node: &str) -> Result<[Option<i64>; 2], Failure> {
    let realised = store.last_of_node(node)?.map(|realised| realised.started);
    Ok([realised, store.last_attempt_of_node(node)?.map(|attempt| attempt.started)])
}

/// The run that goes on and has begun with `node`, and not ended with it.
fn run_of(store: &Store, node: &str) -> Result<Option<RunId>, Failure> {
    for id in store.runs()?.into_iter().rev().take(MOST_RUNS) {
        if store.run_head(&id)?.is_some_and(|head| head.live) {
            let run = store.run(&id)?;
            if run.as_ref().and_then(|run| run.of(node)).is_some_and(|node| node.began && node.ended.is_none()) {
                return Ok(Some(id));
            }
        }
    }
    Ok(None)
}

fn came_to(node: &RunNode) -> Ended {
    match node.outcome {
        RunOutcome::Failed | RunOutcome::Tolerated => Ended::Failed(node.fault.unwrap_or(Cause::Build)),
        RunOutcome::Stopped
        | RunOutcome::Blocked
        | RunOutcome::Skipped
        | RunOutcome::NotReached
        | RunOutcome::Killed => Ended::Stopped,
        RunOutcome::Built
        | RunOutcome::Identical
        | RunOutcome::Kept
        | RunOutcome::Found
        | RunOutcome::Fetched
        | RunOutcome::CutOff => Ended::Well,
    }
}

/// Nobody tells us of what another process writes.
fn pause(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

/// How many of `bytes` are whole characters: a last one may be there in part.
pub fn whole(bytes: &[u8]) -> usize {
    let end = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_part = std::str::from_utf8(end).is_err_and(|error| error.error_len().is_none());
    if is_part { bytes.len() - end.len() } else { bytes.len() }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
