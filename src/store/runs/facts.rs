//! The lines of a run's record.
//!
//! ```text
//! started    when, of which project, what was asked for, how many nodes the plan has of each state
//! clean      what was realised already, by component and by target: sums, and no nodes
//! cause      one root cause of the plan: in words, by its changes, how many nodes it begins at and drags along
//! planned    a node that runs or may run, with its causes by number; nodes that are clean have no line
//! running    a node has begun to run
//! ended      what a node came to
//! without    what a repository was assembled without
//! kept-good  what a repository kept of what it was assembled with before
//! known      a cache knew what a node came to
//! clean-of-caches    what of the clean ones a cache knew, by component and by target
//! differs    a step came to different outputs, here or in a cache
//! cache      what a cache was good for
//! finished   when, how, and what came out in numbers
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::{Cost, Spared};
use crate::diag::Cause;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::event::CacheUse;
use crate::exceptions::Excuse;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunFact {
    /// A run begins. Always first.
    Started(RunStarted),
    /// What was realised already.
    Clean(RunClean),
    /// A root cause.
    Cause(RunCause),
    /// A node of the plan that is not clean.
    Planned(RunPlanned),
    /// A node begins to run.
    Running {
        /// Which.
        node: String,
        /// When, in milliseconds since the run began. Not in records of programs that did not write it down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
        /// The node whose end made it ready; `None` where it was so from the beginning.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// A node is done with, whatever that means for it.
    Ended(RunNode),
    /// A repository was assembled without some of its inputs, which failed as they may.
    Without {
        /// The node that assembles it.
        node: String,
        /// The nodes of those inputs.
        without: Vec<String>,
    },
    /// A repository was assembled with what it was last assembled with in the place of what fails.
    KeptGood {
        /// The node that assembles it.
        node: String,
        /// The nodes whose earlier outputs it has.
        kept: Vec<String>,
        /// The nodes of those inputs that it never had, and does without.
        never: Vec<String>,
    },
    /// A cache knew what a node came to.
    Known(RunKnown),
    /// What was realised already because a cache knew it: a part of what [`RunFact::Clean`] counts.
    CleanOfCaches(RunClean),
    /// The same step came to different outputs.
    Differs(RunDiffers),
    /// What a cache was good for in this run.
    Cache(CacheUse),
    /// The run ends. Always last, and missing where it was killed.
    Finished(RunFinished),
}

/// What a cache knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunKnown {
    /// The node.
    pub node: String,
    /// Its action key.
    pub key: ActionKey,
    /// The cache.
    pub cache: String,
    /// How long it took where it ran.
    pub milliseconds: u64,
    /// Processor time of all its processes there. Not written where that is 0, as before it was told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cpu_milliseconds: u64,
}

/// A step that is not deterministic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDiffers {
    /// The node.
    pub node: String,
    /// Its action key.
    pub key: ActionKey,
    /// The cache that has the other result; `None` where both are from here.
    pub cache: Option<String>,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// When, in seconds since 1970.
    pub started: i64,
    /// The version of the program.
    pub version: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The project's folder.
    pub project: String,
    /// Digest of all recipes and distro files.
    pub recipes: Digest,
    /// Digest of the lock.
    pub lock: Digest,
    /// The selectors; empty where everything was meant.
    pub selection: Vec<String>,
    /// Whether what was selected was to run although realised.
    pub again: bool,
    /// Whether what depends on the selected nodes was left out.
    pub only: bool,
    /// Nodes of the plan.
    pub nodes: usize,
    /// Of them, those that were realised already.
    pub clean: usize,
    /// Those that run.
    pub runs: usize,
    /// Those that depend on what comes out of others.
    pub depends: usize,
    /// How many nodes may run at once. Not in records of programs that did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<usize>,
}

#[cfg(test)]
impl RunStarted {
    /// Of a made-up run of one node, for tests.
    pub(crate) fn sample(started: i64) -> Self {
        Self {
            started,
            version: "0.1.0".to_owned(),
            host: "builder".to_owned(),
            pid: 1,
            project: "vendor".to_owned(),
            recipes: Digest::of(b"recipes"),
            lock: Digest::of(b"lock"),
            selection: Vec::new(),
            again: false,
            only: false,
            nodes: 1,
            clean: 0,
            runs: 1,
            depends: 0,
            jobs: Some(4),
        }
    }
}

/// What was realised already, in sums. Both tables count the same nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunClean {
    /// By component; empty for nodes that work for none.
    pub components: BTreeMap<String, Spared>,
    /// By target or distro; empty for nodes that belong to all of them.
    pub targets: BTreeMap<String, Spared>,
}

/// A root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCause {
    /// A word for what kind of cause it is.
    pub theme: String,
    /// In words.
    pub text: String,
    /// Fields that changed, long values cut off.
    pub changes: Vec<RunChange>,
    /// Some of the nodes that it begins at.
    pub first: Vec<String>,
    /// How many nodes it begins at.
    pub roots: usize,
    /// How many other nodes it drags along.
    pub dragged: usize,
    /// How many package builds are among all of these.
    pub builds: usize,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunChange {
    /// Which.
    pub field: String,
    /// Its value before; `None` where it was not there.
    pub before: Option<String>,
    /// Its value in this run; `None` where it is gone.
    pub now: Option<String>,
}

/// A node that is not clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlanned {
    /// Which.
    pub node: String,
    /// The id of its derivation.
    pub derivation: Digest,
    /// `runs` or `depends`.
    pub state: String,
    /// Its own reason, in words; `None` for one that depends on others.
    pub reason: Option<String>,
    /// Whether it is a root of its cause.
    pub root: bool,
    /// When the realisation started that it was compared with, in seconds since 1970.
    pub since: Option<i64>,
    /// Its causes, by their place among the causes, from 0.
    pub causes: Vec<usize>,
}

/// What a node came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNode {
    /// Which.
    pub node: String,
    /// What it came to.
    pub outcome: RunOutcome,
    /// Its action key, where that was known.
    pub key: Option<ActionKey>,
    /// Its outputs; empty where it has none.
    pub outputs: Outputs,
    /// How long it ran; 0 where it did not.
    pub milliseconds: u64,
    /// When it was done with, in milliseconds since the run began; `None` where it never began, and in records of programs
    /// that did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Processor time of all its processes; 0 where it did not run, or none was measured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cpu_milliseconds: u64,
    /// Where it did not run: what it took when it was made, or nothing where another node with the same result counts it.
    /// Where it was planned as clean, and ran, failed or was stopped all the same: what the clean ones count for it. `None`
    /// where nothing counts it, since it was never made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<Cost>,
    /// How often it was tried, where that was more than once, as the environment's fault had to pass; else 0.
    #[serde(default, skip_serializing_if = "is_none")]
    pub tries: usize,
    /// The version that stays, where an equivalent build was kept.
    pub kept: Option<String>,
    /// Whose fault, where it failed.
    pub fault: Option<Cause>,
    /// The error, where it failed.
    pub message: Option<String>,
    /// Its log, where it failed and has one.
    pub log: Option<Digest>,
    /// Why its failure is tolerated, or that it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excuse: Option<Excuse>,
    /// Where its outputs came from, where that was a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<RunFetched>,
}

impl RunNode {
    /// A node of which nothing more is known.
    pub fn new(node: String, outcome: RunOutcome) -> Self {
        Self {
            node,
            outcome,
            key: None,
            outputs: Outputs::new(),
            milliseconds: 0,
            at: None,
            cpu_milliseconds: 0,
            spared: None,
            tries: 0,
            kept: None,
            fault: None,
            message: None,
            log: None,
            excuse: None,
            fetched: None,
        }
    }
}

/// What came from a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFetched {
    /// The cache.
    pub cache: String,
    /// How many bytes came over, as they were sent: compressed.
    pub bytes: u64,
}

/// What a node can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// It ran, and its outputs are new.
    Built,
    /// It ran, and its outputs are those that it had before.
    Identical,
    /// It ran with a new number, and its packages equal earlier ones, which were kept.
    Kept,
    /// Another process, or a node that does the same, had just made it.
    Found,
    /// It did not run: its outputs came from a cache.
    Fetched,
    /// It did not run: its inputs came out as before.
    CutOff,
    /// It failed.
    Failed,
    /// It failed, as it may.
    Tolerated,
    /// It did not run, as an exception says of it, of what alone reads it, or of something that it needs.
    Skipped,
    /// It was ended because the run was stopped.
    Stopped,
    /// It did not run: something that it needs failed.
    Blocked,
    /// It did not run: the run ended before.
    NotReached,
    /// It was running when the run was killed. Never written: what a reader makes of a missing end.
    Killed,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// When, in seconds since 1970.
    pub ended: i64,
    /// How long it took.
    pub milliseconds: u64,
    /// How.
    pub how: RunEnd,
    /// What ended it, where that was no node.
    pub message: Option<String>,
    /// What came out.
    pub counts: RunCounts,
}

/// How a run can end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// Everything was done.
    Done,
    /// A node failed.
    Failed,
    /// It was stopped.
    Stopped,
    /// It could not go on.
    Error,
}

/// What came out of a run, in nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunCounts {
    /// Ran.
    pub ran: usize,
    /// Of those, package builds.
    pub builds: usize,
    /// Came from a cache with their bytes. Not written where there are none, as before there was such a thing.
    #[serde(default, skip_serializing_if = "is_none")]
    pub fetched: usize,
    /// Were spared because an input came out as before.
    pub cut_off: usize,
    /// Failed, and may not.
    pub failed: usize,
    /// Failed, as they may. Not written where there are none, as before there was such a thing.
    #[serde(default, skip_serializing_if = "is_none")]
    pub tolerated: usize,
    /// Did not run because of exceptions. Not written where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub skipped: usize,
    /// Did not run because of a failure or a stop.
    pub not_run: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer gives references")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serializer gives references")]
fn is_zero(milliseconds: &u64) -> bool {
    *milliseconds == 0
}
