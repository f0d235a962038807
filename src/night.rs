//! What one nightly came to: what moved, what failed, what was published. Values only; `store` keeps them, `report` shows them.
//!
//! A record explains, as a run's does, and the next nightly compares itself with it: a failure that stands in the last record is
//! no new one. Everything in it that came from elsewhere (commit messages, lines of logs) is text of strangers.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{ChannelName, DistroName};

/// The version of the format that this program writes. A newer one is refused.
pub const NIGHT_VERSION: u32 = 1;

/// One nightly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Night {
    /// Version of the format.
    pub version: u32,
    /// The set that was run.
    pub set: String,
    /// Which of the set's nightlies it is, from 1.
    pub number: u64,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// The channels that it was for, in the order of their names.
    pub channels: Vec<ChannelName>,
    /// Its steps, in the order in which they were made.
    pub steps: Vec<NightStep>,
    /// Pins that moved, in the order of their subjects.
    pub moves: Vec<Move>,
    /// The record of its run, as [`crate::store::runs::RunId`] is written; `None` where there was nothing to do.
    pub run: Option<String>,
    /// What is built of each component for each target, in the order of both; those only that the channels hold.
    pub cells: Vec<Cell>,
    /// What fails now, new failures first, then in the order of the nodes.
    pub failing: Vec<Failing>,
    /// Nodes that failed in the last nightly and do not any more, in the order of their names.
    pub fixed: Vec<String>,
    /// What was published, in the order of channels.
    pub published: Vec<Published>,
    /// Distros that kept their last good state as the new one is not whole.
    pub held_back: Vec<HeldBack>,
    /// Channels of which nothing was done, each time with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_started: Vec<NotStarted>,
    /// Lines for people: what could not be done, and what is going to need somebody.
    pub notices: Vec<String>,
    /// Whether something is worse than after the last nightly: a new failure, a distro newly held back, a step that failed, a
    /// channel of which nothing was done.
    pub regressed: bool,
}

impl Night {
    /// Whether there is something to tell: something moved, was published, fails, is fixed or held back, a step failed, a channel
    /// was not begun with, or there is a line for people.
    pub fn has_news(&self) -> bool {
        let Self { moves, failing, fixed, held_back, published, steps, notices, not_started, .. } = self;
        let is_calm = moves.is_empty() && notices.is_empty() && not_started.is_empty();
        let is_quiet = is_calm && failing.is_empty() && fixed.is_empty() && held_back.is_empty();
        !is_quiet || published.iter().any(|one| one.is_new) || steps.iter().any(|step| step.failure.is_some())
    }
}

impl Night {
    /// The nightly of that number, which has just begun.
    pub fn begun(set: &str, number: u64, started: i64, channels: Vec<ChannelName>) -> Self {
        Self {
            version: NIGHT_VERSION,
            set: set.to_owned(),
            number,
            started,
            milliseconds: 0,
            channels,
            steps: Vec::new(),
            moves: Vec::new(),
            run: None,
            cells: Vec::new(),
            failing: Vec::new(),
            fixed: Vec::new(),
            published: Vec::new(),
            held_back: Vec::new(),
            not_started: Vec::new(),
            notices: Vec::new(),
            regressed: false,
        }
    }
}

/// A step of a nightly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightStep {
    /// `update`, `build`, `publish`, `prune`, `verify`.
    pub name: String,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it failed, on one line; `None`: it did not.
    pub failure: Option<String>,
}

/// A pin that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// A component, or `@` and a distro, or the short form of a source's address.
    pub subject: String,
    /// What it was pinned to, for people; `None`: it is new.
    pub before: Option<String>,
    /// What it is pinned to, for people; `None`: it is gone.
    pub after: Option<String>,
    /// The commits between both, newest first, where it is a branch of a repository; the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// How many commits more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_commits: u64,
    /// How many builds ran because of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub builds: u64,
    /// The components of those builds, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<String>,
    /// The components that follow from it and of which something fails, so that what was built before it stays published; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

/// A commit of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id, in hexadecimal.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
}

/// What is built of a component for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The component.
    pub component: String,
    /// The target, `debian-12/amd64`, or `debian-12/all`.
    pub target: String,
    /// What it came to.
    pub state: CellState,
    /// The version that is built, where one is; of what fails the last good one, where that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a build came to, seen from the nightly before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellState {
    /// It was built before, and still is what is wanted.
    Clean,
    /// It was built, or fetched from a cache, in this nightly.
    Built,
    /// It was built in this nightly, and failed in the one before.
    Fixed,
    /// It fails, and did not in the nightly before.
    NewFailure,
    /// It fails as in the nightly before.
    StillFailing,
    /// It did not run because something that it needs failed.
    Blocked,
    /// It fails as somebody said it would.
    ExpectedFailure,
    /// Somebody had it left out.
    Skipped,
}

/// A node that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Which.
    pub node: String,
    /// Whether it did not fail in the nightly before.
    pub new: bool,
    /// When the first nightly of an unbroken row of failures began, in seconds since 1970.
    pub since: i64,
    /// The error, on one line.
    pub message: String,
    /// The lines of its log that tell most, at most 12, without control characters.
    pub lines: Vec<String>,
    /// Its whole log.
    pub log: Option<Digest>,
    /// How many nodes did not run because of it.
    pub not_run: u64,
    /// What was built last.
    pub good: Option<LastGood>,
    /// Commits to its source, and to those of the components that it needs, since then, newest first; the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
}

/// What was built last of something that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGood {
    /// When it was built, in seconds since 1970.
    pub time: i64,
    /// Its version, where that is known.
    pub version: Option<String>,
    /// Whether its packages are in what this nightly published.
    pub kept: bool,
}

/// What was published of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The channel.
    pub channel: ChannelName,
    /// Its generation.
    pub generation: u64,
    /// Whether this nightly made that generation; otherwise nothing had changed.
    pub is_new: bool,
    /// Packages that came, went or changed, in the order of distro, name and arch.
    pub changes: Vec<PackageChange>,
}

/// A package that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// The distro.
    pub distro: DistroName,
    /// The package.
    pub name: String,
    /// Its arch in the family's own spelling; `source` of a source package.
    pub arch: String,
    /// Its version before; `None`: it came.
    pub before: Option<String>,
    /// Its version now; `None`: it went.
    pub after: Option<String>,
}

/// A distro of a channel that kept its last good state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The channel.
    pub channel: ChannelName,
    /// The distro.
    pub distro: DistroName,
    /// Whether it was not held back in the nightly before.
    pub new: bool,
    /// Why, in words.
    pub why: Vec<String>,
}

/// Channels of which a nightly did nothing, as their pins or recipes cannot be read, or the project not be evaluated with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStarted {
    /// Which, in the order of their names.
    pub channels: Vec<ChannelName>,
    /// Whether something was done of one of them in the nightly before.
    pub new: bool,
    /// Why, on one line.
    pub why: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
