//! The report of a nightly, to be read in the morning: what is worse, what moved and who needs it, what was published, what the
//! machines did, and what is going to need somebody.
//!
//! ```text
//! summary.rs    the line that says it all, and days
//! alike.rs      nodes that fail alike, packages that changed alike: told once
//! grid.rs       components × targets, with columns that are alike folded
//! pictures.rs   SVG: the last nightlies, and what builds took
//! html.rs       the page, which loads nothing (failures.rs, changes.rs, machines.rs, attention.rs, table.rs: its parts; style.rs:
//!               colours)
//! text.rs       for mail
//! json.rs       for programs (docs/schema/report-nightly.json)
//! ```
//!
//! Logs, messages of commits, names and versions are text of strangers: all of it goes through `line_of` and is bounded in
//! length, and lists are bounded in number; what is left out is counted. JSON has all of it, as it is.

mod alike;
mod attention;
mod changes;
mod failures;
mod grid;
mod html;
mod json;
mod machines;
mod pictures;
mod style;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use html::html;
pub use json::{NIGHTLY_VERSION, json};
pub use text::text;

use super::cache::Report;
use super::exceptions::Listed;
use crate::night::Night;

/// All that is shown of a nightly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the project is called.
    pub project: String,
    /// When this was put together, in seconds since 1970. Ages are as of then.
    pub made: i64,
    /// What the nightly came to.
    pub night: Night,
    /// The last nightlies of its set, the first first; it is the last of them.
    pub nights: Vec<PastNight>,
    /// What its run came to; `None` where there was nothing to do, or nothing is on record any more.
    pub run: Option<Report>,
    /// The builds of its run that took longest, the longest first.
    pub slowest: Vec<Took>,
    /// Builds of its run that took longer than they used to, that which grew most first.
    pub growing: Vec<Growing>,
    /// Exceptions, that which ends first first.
    pub exceptions: Vec<Listed>,
    /// The keys that sign its channels, by name.
    pub keys: Vec<KeyAge>,
    /// Pins that are old, the oldest first.
    pub pins: Vec<PinAge>,
    /// Distros whose support ends soon or has ended, that which ends first first.
    pub ending: Vec<DistroEnd>,
    /// What could not be found out, in words.
    pub unknown: Vec<String>,
}

/// A nightly, as far as it is compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastNight {
    /// Its number.
    pub number: u64,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How long it took.
    pub milliseconds: u64,
    /// How many nodes failed newly.
    pub new: usize,
    /// How many failed as in the nightly before.
    pub still: usize,
    /// How many channels were not begun with.
    pub not_started: usize,
    /// What was spent on building, and what was saved, in milliseconds; `None` where its run is not on record.
    pub spent_and_saved: Option<(u64, u64)>,
}

/// A build that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// Its name.
    pub node: String,
    /// How long it took.
    pub milliseconds: u64,
    /// Processor time of all its processes.
    pub cpu_milliseconds: u64,
}

/// A build that took longer than it used to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growing {
    /// Its name.
    pub node: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// The median of what its builds before took.
    pub usual: u64,
    /// What its builds before took, the first first.
    pub before: Vec<u64>,
}

impl Growing {
    /// By how much of a hundred it grew.
    pub fn percent(&self) -> u64 {
        let more = self.milliseconds.saturating_sub(self.usual);
        more.saturating_mul(100).checked_div(self.usual).unwrap_or(0)
    }
}

/// How a key is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyAge {
    /// Its name.
    pub name: String,
    /// The channels that it signs, in order.
    pub channels: Vec<String>,
    /// How many days come until its end, below zero where that is past; `None`: it does not end, or may not sign at all.
    pub days: Option<i64>,
    /// The same in words, such as `ends in 43 days, on 2027-01-11`.
    pub words: String,
    /// Whether nothing has to be done.
    pub is_fine: bool,
}

/// A pin that is old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinAge {
    /// `@` and a distro, or where a repository is.
    pub subject: String,
    /// What it is pinned to, in words.
    pub at: String,
    /// When that was made, in seconds since 1970.
    pub time: i64,
    /// How many days ago that is.
    pub days: i64,
}

/// A distro whose support ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DistroEnd {
    /// The distro.
    pub distro: String,
    /// The last day, as `2028-06-30`.
    pub end: String,
    /// How many days come until then, below zero where that is past.
    pub days: i32,
}
