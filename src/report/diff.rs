//! What differs between two states of a project, or between two runs, as text for people and as JSON.
//!
//! JSON: `version` (1), `kind` (`project` or `runs`), and the rest as in the structs here; the schema is
//! `docs/schema/diff.json`.

mod lists;
mod project;
mod runs;
mod scripts;

use serde::Serialize;

pub use lists::{ListDiff, Moved, Versioned, list_diff};
pub use project::{ChangedNode, Counts, ProjectDiff, StateTold};
pub use runs::{Pair, RunDiff, RunNodeDiff, RunNodeTold, RunTold};

/// The version of the JSON form.
pub const DIFF_VERSION: u32 = 1;

/// How many names are shown of what is many.
const NAMED: usize = 5;

/// A difference.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Diff {
    /// Between two states of a project.
    Project(ProjectDiff),
    /// Between two runs.
    Runs(RunDiff),
}

/// As text; `all` leaves nothing out.
pub fn text(diff: &Diff, all: bool, width: usize) -> String {
    match diff {
        Diff::Project(diff) => project::text(diff, all, width),
        Diff::Runs(diff) => runs::text(diff, all, width),
    }
}

/// As JSON.
pub fn json(diff: &Diff) -> String {
    serde_json::to_string_pretty(diff).expect("plain structs") + "\n"
}
