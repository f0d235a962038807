//! `opb baseline`: what checks found that is not known, and what is known and gone.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops;
use opb::report;

use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Show what checks found that is not known yet, and what is known and gone.
///
/// What they found is that of their last run. Known findings stand in a file beside each recipe, `recipes/NAME/NAME.CHECK.baseline`: one a line, sorted, to be reviewed like
/// code. A check only fails for others.
#[derive(Debug, Args)]
pub struct Baseline {
    /// The checks, such as `libbsd` or `check:*.lintian`; all if left out.
    #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
    selectors: Vec<String>,
    /// Take what was found for known, and forget what is gone: write the files.
    #[arg(long)]
    write: bool,
}

pub fn run(global: &Global, args: &Baseline) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let selected = session.select(&args.selectors)?;
    let told = ops::baseline::baselines(&session, &store, &selected, args.write)?;
    output::data(&report::baseline::text(&told));
    Ok(ExitCode::SUCCESS)
}
