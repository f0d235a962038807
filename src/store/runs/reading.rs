//! Reading records of runs: all of one, or only how each began and ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self as std_io, Read as _, Seek as _, SeekFrom};

use nix::fcntl::{Flock, FlockArg};

use super::facts::{
    RunCause, RunClean, RunDiffers, RunFact, RunFinished, RunKnown, RunNode, RunOutcome, RunPlanned, RunStarted,
};
use super::id::RunId;
use super::line::decode;
use super::{RUNS, place_of};
use crate::event::CacheUse;
use crate::store::durable::MAX_RECORD;
use crate::store::error::io;
use crate::store::{Store, StoreError};

/// How many bytes of the beginning and of the end are looked at for the first and the last line.
const EDGE: u64 = 64 << 10;

/// How a run began, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// Which.
    pub id: RunId,
    /// How it began.
    pub started: RunStarted,
    /// How it ended; `None` where it goes on, or was killed.
    pub finished: Option<RunFinished>,
    /// Whether its process is still there.
    pub live: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It ended by itself.
    Ended(super::RunEnd),
    /// It goes on.
    Running,
    /// It ended without a word: it was killed, or its machine went down.
    Killed,
}

/// A whole record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How it began and ended.
    pub head: RunHead,
    /// What was realised already; `None` in records of programs that did not write that down.
    pub clean: Option<RunClean>,
    /// Its root causes, those that drag most along first.
    pub causes: Vec<RunCause>,
    /// What is known of its nodes, in the order of the plan. Clean ones are not here.
    pub nodes: Vec<RunOf>,
    /// What caches knew, in the order in which it was learned.
    pub known: Vec<RunKnown>,
    /// What of the clean ones caches knew.
    pub clean_of_caches: RunClean,
    /// Steps that came to different outputs.
    pub differs: Vec<RunDiffers>,
    /// What each cache was good for.
    pub caches: Vec<CacheUse>,
    /// How many lines cannot be read.
    pub damaged: usize,
    places: BTreeMap<String, usize>,
}

/// What a record says of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOf {
    /// Which.
    pub node: String,
    /// What was planned; `None` for one that ran without being planned.
    pub planned: Option<RunPlanned>,
    /// Whether it began to run.
    pub began: bool,
    /// When it did, in milliseconds since the run began; `None` where it did not, or that was not written down.
    pub began_at: Option<u64>,
    /// The node whose end made it ready; `None` where it was so from the beginning.
    pub after: Option<String>,
    /// What it came to; `None` where the run goes on or was killed.
    pub ended: Option<RunNode>,
    /// What it was assembled without, where it is a repository; else empty.
    pub without: Vec<String>,
    /// The nodes that failed or did not run and whose earlier outputs it has, where it is a repository; else empty.
    pub kept: Vec<String>,
    /// The nodes that failed or did not run and of which it never had anything, where it is a repository; else empty.
    pub never: Vec<String>,
}

impl RunHead {
    /// How far it is.
    pub fn state(&self) -> RunState {
        match &self.finished {
            Some(finished) => RunState::Ended(finished.how),
            None if self.live => RunState::Running,
            None => RunState::Killed,
        }
    }
}

impl Run {
    /// What is known of a node; `None` where it was clean, or no part of the run.
    pub fn of(&self, node: &str) -> Option<&RunOf> {
        self.places.get(node).map(|place| &self.nodes[*place])
    }

    /// Where a node stands among `nodes`.
    pub fn place(&self, node: &str) -> Option<usize> {
        self.places.get(node).copied()
    }

    /// What a node came to, also where the run was killed before it could say; `None` while the run goes on.
    pub fn outcome(&self, node: &RunOf) -> Option<RunOutcome> {
        match &node.ended {
            Some(ended) => Some(ended.outcome),
            None if self.head.state() == RunState::Running => None,
            None if node.began => Some(RunOutcome::Killed),
            None => Some(RunOutcome::NotReached),
        }
    }

    fn slot(&mut self, node: String) -> &mut RunOf {
        let place = *self.places.entry(node).or_insert_with_key(|node| {
            self.nodes.push(RunOf {
                node: node.clone(),
                planned: None,
                began: false,
                began_at: None,
                after: None,
                ended: None,
                without: Vec::new(),
                kept: Vec::new(),
                never: Vec::new(),
            });
            self.nodes.len() - 1
        });
        &mut self.nodes[place]
    }
}

impl Store {
    /// All runs on record, the oldest first.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let entries = match self.dir.read_dir(RUNS) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io("reading the records of runs", &self.path.join(RUNS))(error)),
        };
        let name = |name: String| name.strip_suffix(".jsonl")?.parse::<RunId>().ok();
        let ids = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok().and_then(name));
        let mut ids: Vec<RunId> = ids.collect();
        ids.sort();
        Ok(ids)
    }

    /// How a run began and ended, without reading what lies between; `None` where there is no such record, or not even
    /// its first line can be read.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn run_head(&self, id: &RunId) -> Result<Option<RunHead>, StoreError> {
        let Some(file) = self.open_run(id)? else { return Ok(None) };
        head_of(&file, id).map_err(io("reading the record of a run", &self.path.join(place_of(id))))
    }

    /// Whether the record of a run is there, readable or not.
    pub fn has_run(&self, id: &RunId) -> bool {
        self.stat(&place_of(id)).is_some()
    }

    fn open_run(&self, id: &RunId) -> Result<Option<File>, StoreError> {
        match self.dir.open(place_of(id)) {
            Ok(file) => Ok(Some(file.into_std())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("opening the record of a run", &self.path.join(place_of(id)))(error)),
        }
    }

    /// A whole record; `None` as for [`Store::run_head`]. Lines that are damaged are passed over and
    /// counted; a torn last one is what a killed run leaves, and is not.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        // One file for all that is read: the record may be removed at any moment.
        let Some(file) = self.open_run(id)? else { return Ok(None) };
        let failed = || io("reading the record of a run", &self.path.join(place_of(id)));
        let Some(head) = head_of(&file, id).map_err(failed())? else { return Ok(None) };
        let mut bytes = Vec::new();
        (&file).seek(SeekFrom::Start(0)).map_err(failed())?;
        (&file).take(MAX_RECORD).read_to_end(&mut bytes).map_err(failed())?;
        let mut run = Run {
            head,
            clean: None,
            causes: Vec::new(),
            nodes: Vec::new(),
            known: Vec::new(),
            clean_of_caches: RunClean::default(),
            differs: Vec::new(),
            caches: Vec::new(),
            damaged: 0,
            places: BTreeMap::new(),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        for line in bytes[..whole].split(|byte| *byte == b'\n') {
            match decode(line) {
                Some(RunFact::Started(_)) => {}
                Some(RunFact::Clean(clean)) => run.clean = Some(clean),
                Some(RunFact::Cause(cause)) => run.causes.push(cause),
                Some(RunFact::Planned(planned)) => {
                    let node = planned.node.clone();
                    run.slot(node).planned = Some(planned);
                }
                Some(RunFact::Running { node, at, after }) => {
                    let slot = run.slot(node);
                    (slot.began, slot.began_at, slot.after) = (true, at, after);
                }
                Some(RunFact::Ended(ended)) => {
                    let node = ended.node.clone();
                    run.slot(node).ended = Some(ended);
                }
                Some(RunFact::Without { node, without }) => run.slot(node).without = without,
                Some(RunFact::KeptGood { node, kept, never }) => {
                    let slot = run.slot(node);
                    (slot.kept, slot.never) = (kept, never);
                }
                Some(RunFact::Known(known)) => run.known.push(known),
                Some(RunFact::CleanOfCaches(clean)) => run.clean_of_caches = clean,
                Some(RunFact::Differs(differs)) => run.differs.push(differs),
                Some(RunFact::Cache(used)) => run.caches.push(used),
                Some(RunFact::Finished(finished)) => run.head.finished = Some(finished),
                None => run.damaged += 1,
            }
        }
        Ok(Some(run))
    }
}

fn head_of(mut file: &File, id: &RunId) -> std_io::Result<Option<RunHead>> {
    // Looked at first: once nobody holds it, nothing more is written, so what is read below is the whole.
    let live = Flock::lock(file.try_clone()?, FlockArg::LockSharedNonblock).is_err();
    let size = file.metadata()?.len();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    file.take(EDGE).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(size.saturating_sub(EDGE)))?;
    file.take(EDGE).read_to_end(&mut last)?;
    let finished = last.strip_suffix(b"\n").and_then(|whole| {
        let line = whole.rsplit(|byte| *byte == b'\n').next().and_then(decode);
        if let Some(RunFact::Finished(finished)) = line { Some(finished) } else { None }
    });
    let live = live && finished.is_none();
    let line = first.iter().position(|byte| *byte == b'\n').and_then(|end| decode(&first[..end]));
    let Some(RunFact::Started(started)) = line else { return Ok(None) };
    Ok(Some(RunHead { id: id.clone(), started, finished, live }))
}
