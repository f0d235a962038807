//! Events: everything that a run tells the outside. Renderers make a terminal view, plain lines or JSON of them.

use serde::{Deserialize, Serialize};

use crate::component::MayFail;
use crate::cost::{Cost, Saved};
use crate::diag::Cause;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::exceptions::Excuse;
use crate::name::NodeName;

/// The version of the events' JSON form, which `report::events` writes and `docs/schema/events.json` describes.
pub const EVENT_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// Nodes that are looked at.
        nodes: usize,
        /// Nodes that will run as far as is known now.
        will_run: usize,
        /// How long that is going to take, as far as can be told from what nodes took before; `None` where nothing runs.
        expected_milliseconds: Option<u64>,
    },
    /// Something that people should know, but that is no error.
    Notice {
        /// One line.
        text: String,
    },
    /// Nodes that may run are of an arch that is not this machine's.
    ForeignArch(Foreign),
    /// A node begins to run.
    NodeStarted {
        /// Which.
        node: NodeName,
        /// The node whose end made it ready; `None` where it was so from the beginning.
        after: Option<NodeName>,
        /// How long it took last time; `None` where that is not on record.
        usual_milliseconds: Option<u64>,
    },
    /// A running node is at something new.
    NodePhase {
        /// Which.
        node: NodeName,
        /// A few words, such as `fetching 12 packages`.
        phase: String,
    },
    /// A node is done.
    NodeDone {
        /// Which.
        node: NodeName,
        /// In what way.
        #[serde(flatten)]
        how: Done,
        /// How long it took.
        milliseconds: u64,
        /// Its action key.
        key: ActionKey,
        /// Its outputs.
        outputs: Outputs,
        /// What it took to make them: now, or when that was, where it did not run. `None` where that is not known.
        cost: Option<Cost>,
    },
    /// Packages that an index names have come into the store, for roots that are not made yet.
    PackagesFetched {
        /// The index.
        node: NodeName,
        /// How many.
        count: u64,
        /// Their bytes.
        bytes: u64,
        /// How long it took.
        milliseconds: u64,
    },
    /// A node failed for a fault of the environment that may pass, and waits to be tried again.
    NodeRetried {
        /// Which.
        node: NodeName,
        /// What has to pass.
        why: Passing,
        /// The error, on one line.
        message: String,
        /// How often it has been tried.
        tries: u32,
        /// How often it is tried at most.
        most: u32,
        /// How long it waits; `None`: until others have ended, or there is more room.
        wait_milliseconds: Option<u64>,
    },
    /// A node failed.
    NodeFailed {
        /// Which.
        node: NodeName,
        /// Whose fault.
        cause: Cause,
        /// The error, as people should read it; may have several lines.
        message: String,
        /// The log, where there is one.
        log: Option<Digest>,
        /// What is known of such a failure, where it may fail.
        known: Option<KnownFailure>,
        /// When it failed, in seconds since 1970, where it was not tried again in this run.
        since: Option<i64>,
        /// How long it took.
        milliseconds: u64,
        /// How often it was tried; 0 where it was not.
        tries: u32,
    },
    /// At the end of a run: a node that failed and may not, and what did not run because of it. What merely did not run has no
    /// event of its own.
    RootFailure {
        /// Which.
        node: NodeName,
        /// How many nodes did not run because of it. One that several failures keep from running counts with each.
        not_run: usize,
        /// Of those, package builds.
        builds: usize,
        /// The failure as [`Event::NodeFailed`] told it, for who shows both in one place.
        #[serde(skip)]
        failure: RootFailure,
    },
    /// A node was ended because the run is being stopped.
    NodeStopped {
        /// Which.
        node: NodeName,
    },
    /// A node does not run because of one that failed as it may, which it may not itself.
    NodeHeldUp {
        /// Which.
        node: NodeName,
        /// The nodes that failed, or did not run because of such.
        by: Vec<NodeName>,
        /// How many nodes did not run because of it.
        not_run: usize,
    },
    /// Builds do not run because of an exception, and with them what only they need and what needs them.
    Skipped {
        /// Why, until when, and the exception's selector.
        #[serde(flatten)]
        excuse: Excuse,
        /// The builds that it means and that are not realised; in order. Empty where only what they need is not.
        builds: Vec<NodeName>,
        /// Every other node that does not run because of it. One that several exceptions keep from running stands with each.
        with: Vec<NodeName>,
    },
    /// A repository is assembled, but without what failed as it may or is skipped.
    Incomplete {
        /// The node that assembles it.
        node: NodeName,
        /// The nodes without whose outputs it is.
        without: Vec<NodeName>,
    },
    /// A repository is assembled with what it was last assembled with in the place of what fails.
    KeptGood {
        /// The node that assembles it.
        node: NodeName,
        /// The nodes whose last good outputs it has: those that failed or did not run, and what belongs to them.
        kept: Vec<NodeName>,
        /// Those that it never had, and does without.
        never: Vec<NodeName>,
    },
    /// A cache knew what a node came to; its bytes come when somebody reads them.
    NodeKnown {
        /// The node's name, where it ran.
        node: String,
        /// Its action key.
        key: ActionKey,
        /// The cache.
        cache: String,
        /// How long it took where it ran.
        milliseconds: u64,
        /// Processor time of all its processes there.
        cpu_milliseconds: u64,
    },
    /// The same step came to different outputs: it is not deterministic. The result that is here stays.
    NodeDiffers {
        /// The node.
        node: String,
        /// Its action key.
        key: ActionKey,
        /// The cache that has the other result; `None` where both are from here.
        cache: Option<String>,
    },
    /// What a cache was good for in this run.
    CacheUsed(CacheUse),
    /// A run ended.
    RunFinished {
        /// What came out.
        counts: Counts,
        /// How long it took.
        milliseconds: u64,
    },
    /// What the run that ended did not have to do.
    RunSaved {
        /// In numbers.
        saved: Saved,
    },
}

/// What is told of a failure at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RootFailure {
    /// The error, as people should read it; may have several lines.
    pub message: String,
    /// What is known of such a failure, where it may fail: then that is no longer tolerated.
    pub known: Option<KnownFailure>,
    /// When it failed, in seconds since 1970, where it was not tried again in this run.
    pub since: Option<i64>,
    /// How often it was tried; 0 where it was not.
    pub tries: u32,
}

/// A fault of the environment that may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passing {
    /// A host did not answer, or could not just then.
    Network,
    /// The disk was full.
    Space,
}

/// Nodes of a target that may run, of an arch that is not this machine's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// The target, as `debian-12/arm64`.
    pub target: String,
    /// How many there are.
    pub nodes: usize,
    /// The first of them, at most three.
    pub first: Vec<NodeName>,
    /// What emulates that arch, as `qemu-aarch64`; `None` where nothing does, and they fail if they have to run.
    pub emulator: Option<String>,
    /// Why nothing does.
    pub problem: Option<String>,
    /// What can be done about it.
    pub help: Option<String>,
}

/// What a cache was good for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheUse {
    /// The cache, as the user or the project calls it.
    pub cache: String,
    /// How many action keys it was asked for.
    pub asked: u64,
    /// How many of them it knew.
    pub known: u64,
    /// How many nodes' outputs came from it.
    pub fetched: u64,
    /// How many bytes came from it, as they were sent.
    pub bytes: u64,
    /// How often it was asked for a file.
    pub requests: u64,
    /// Why it was left out from some moment on; `None` where it was not.
    pub left_out: Option<String>,
}

/// A known failure, as its recipe or an exception says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownFailure {
    /// The reason.
    pub why: String,
    /// The last day on which it is tolerated, as `2027-01-15`; `None`: without end.
    pub until: Option<String>,
    /// Whether it is tolerated: that day has not passed.
    pub tolerated: bool,
    /// The selector of the exception that says so; `None`: its recipe does.
    pub exception: Option<String>,
}

impl KnownFailure {
    /// What is known of a failure with this cause on the day `today`; `None` where it is none that anybody knew of: a full
    /// disk or a missing mirror says nothing of a build.
    pub fn of(may_fail: &MayFail, cause: Cause, today: &str) -> Option<Self> {
        let MayFail { why, expires, exception } = may_fail.clone();
        let is_known = matches!(cause, Cause::Build | Cause::Input);
        is_known.then(|| Self { why, until: expires, tolerated: may_fail.holds(today), exception })
    }
}

impl KnownFailure {
    /// As it is kept on record.
    pub fn excuse(&self) -> Excuse {
        Excuse { why: self.why.clone(), until: self.until.clone(), exception: self.exception.clone() }
    }
}

/// In what way a node is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Done {
    /// It ran, and its outputs are new.
    Built,
    /// It ran, and its outputs are those of the realisation before it.
    Identical,
    /// It did not run: another process, or a node that does the same, had just made it.
    Found,
    /// It did not run: its outputs came from a cache.
    Fetched {
        /// The cache.
        cache: String,
        /// How many bytes came over, as they were sent: compressed.
        bytes: u64,
    },
    /// A build ran with a new number, and its packages are equal but for that: the earlier ones stay.
    Kept {
        /// The version that stays.
        version: String,
    },
}

/// What came out of a run, in nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Looked at.
    pub nodes: usize,
    /// Had a realisation already, or got one from another process or node: neither ran, nor were fetched or cut off.
    pub clean: usize,
    /// Ran.
    pub ran: usize,
    /// Of those, package builds.
    pub builds: usize,
    /// Were expected to run or looked at, and came from a cache with their bytes.
    pub fetched: usize,
    /// Were expected to run, but an input came out unchanged.
    pub cut_off: usize,
    /// Failed, and may not.
    pub failed: usize,
    /// Failed, as they may.
    pub tolerated: usize,
    /// Did not run because an exception says so of them, of what alone reads them, or of something that they need.
    pub skipped: usize,
    /// Did not run because something that they need failed, or because the run was stopped.
    pub not_run: usize,
}

/// Where events go. Called from several threads.
pub type Sink<'a> = dyn Fn(Event) + Send + Sync + 'a;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_build_fails_as_it_may() {
        let may_fail =
            MayFail { why: "upstream #77".to_owned(), expires: Some("2027-01-15".to_owned()), exception: None };
        let tolerated = |cause, today| KnownFailure::of(&may_fail, cause, today).map(|known| known.tolerated);
        assert_eq!(tolerated(Cause::Build, "2027-01-15"), Some(true));
        assert_eq!(tolerated(Cause::Input, "2027-01-15"), Some(true), "needs that nothing satisfies");
        assert_eq!(tolerated(Cause::Build, "2027-01-16"), Some(false));
        assert_eq!([Cause::Environment, Cause::Bug].map(|cause| tolerated(cause, "2027-01-15")), [None, None]);
    }
}
