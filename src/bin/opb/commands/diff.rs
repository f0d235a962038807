//! `opb diff`: shows what differs between two states of a project, or between two runs.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops;
use opb::report;

use super::plan::TextOrJson;
use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Show what differs between two states of the project, or between two runs: root changes first, then what follows.
///
/// A state is `now` or a git revision. Of two states, nodes are compared field by field, without network and store.
/// Of two runs: what they ran, how it came out, how long it took, and which packages came or moved. Of a run and a state:
/// the nodes that the run had to do with, as they were then.
#[derive(Debug, Args)]
pub struct Diff {
    /// A git revision, `now`, or a run: `last`, `last~1`, or a name from `opb runs`.
    #[arg(value_name = "A", required_unless_present = "rivals")]
    from: Option<String>,
    /// The same, to compare it with [default: `now`, or the last run].
    #[arg(value_name = "B")]
    to: Option<String>,
    /// Tell only of these nodes.
    #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
    selectors: Vec<String>,
    /// Instead, show other results of this node that are kept, here or from a cache: what is not reproducible in it.
    #[arg(long, value_name = "NODE", conflicts_with_all = ["from", "format"], add = crate::complete::selectors())]
    rivals: Option<String>,
    /// Leave out nothing of what is long.
    #[arg(long)]
    all: bool,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

pub fn run(global: &Global, args: &Diff) -> Result<ExitCode, Failure> {
    if let Some(node) = &args.rivals {
        let session = open(global)?;
        let store = open_store(global, &session)?;
        let found = ops::cache::rivals(&session, &store, node)?;
        output::data(&report::rivals::text(&found.node, &found.rivals, args.all || global.verbose));
        return Ok(ExitCode::SUCCESS);
    }
    let from = args.from.as_deref().unwrap_or_default();
    let (from, to, store) = (from, args.to.as_deref(), global.store.as_deref());
    let diff = ops::diff::diff(&global.place(), store, from, to, &args.selectors)?;
    output::data(&match args.format {
        TextOrJson::Json => report::diff::json(&diff),
        TextOrJson::Text => report::diff::text(&diff, args.all || global.verbose, output::width()),
    });
    Ok(ExitCode::SUCCESS)
}
