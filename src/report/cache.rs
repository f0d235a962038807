//! What the store saved: runs on record, summed up.
//!
//! ```text
//! sums.rs      what nodes came to, in numbers
//! gather.rs    records of runs ─► rows, and causes of what ran
//! table.rs     text for people
//! json.rs, csv.rs    data for programs (docs/schema/report-cache.json)
//! picture.rs   SVG: bars of rows and of causes (style.rs: colours)
//! ```
//!
//! Nodes are counted as runs met them: one that was clean in two runs is saved twice. Times are those at which results
//! were made.

mod csv;
mod gather;
mod json;
mod picture;
#[cfg(test)]
mod picture_tests;
mod style;
mod sums;
mod table;
#[cfg(test)]
mod tests;

pub use csv::csv;
pub use gather::Gatherer;
pub(super) use json::{JsonSums, sums};
pub use json::{REPORT_VERSION, json};
pub use picture::svg;
pub use sums::Sums;
pub use table::table;
pub(super) use table::{came_to, remarks, spent};

use crate::event::CacheUse;
use crate::store::runs::RunId;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A run.
    Run,
    /// A component.
    Component,
    /// A distro's release.
    Distro,
    /// An arch.
    Arch,
    /// A distro and an arch, or a distro alone for what belongs to all of its arches.
    Target,
    /// A root cause, for which nodes ran. Nodes that were clean have none and are in no row.
    Reason,
}

impl By {
    /// A word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Component => "component",
            Self::Distro => "distro",
            Self::Arch => "arch",
            Self::Target => "target",
            Self::Reason => "reason",
        }
    }

    /// What people call a row without a name: the nodes that belong to no component, no distro, no arch.
    fn nameless(self) -> &'static str {
        match self {
            Self::Component => "(no component)",
            Self::Distro | Self::Target => "(all distros)",
            Self::Arch => "(no arch)",
            Self::Run | Self::Reason => "(none)",
        }
    }
}

/// Over which runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// One.
    Run(RunId),
    /// All that began then, in seconds since 1970, or later.
    Since(i64),
}

/// One run of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOfReport {
    /// Which.
    pub id: RunId,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How it ended, in a word.
    pub result: &'static str,
    /// The project's folder.
    pub project: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The run, component, … ; `None` for nodes that belong to none.
    pub name: Option<String>,
    /// What its nodes came to.
    pub sums: Sums,
}

/// Why nodes had to run, and what came of that. A node that several causes reach counts with the largest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// `new`, `again`, `gone`, `index`, `source`, `changed`, `absent` or `other`.
    pub theme: String,
    /// In words.
    pub text: String,
    /// In how many runs.
    pub runs: usize,
    /// At how many nodes it began, over all runs.
    pub roots: usize,
    /// What the nodes came to that it reached.
    pub sums: Sums,
}

/// Runs, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Over which runs.
    pub over: Over,
    /// What a row is.
    pub by: By,
    /// The runs, the last first.
    pub runs: Vec<RunOfReport>,
    /// All of it.
    pub total: Sums,
    /// The rows: runs with the last first; others with those first of which most ran.
    pub rows: Vec<Row>,
    /// Why nodes ran, that for which most did first.
    pub missed: Vec<Missed>,
    /// What each cache was good for, by name. Where it was left out, the last reason.
    pub caches: Vec<CacheUse>,
    /// Nodes that came to different outputs, here or in a cache; sorted, each once.
    pub differs: Vec<String>,
    /// Clean nodes that are in no row: they have no reason, or their runs were recorded by a program that only counted them.
    pub in_no_row: usize,
    /// How many lines of records, or whole records, cannot be read.
    pub damaged: usize,
}
