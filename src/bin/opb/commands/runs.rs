//! `opb runs`: shows what runs did.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::ops::runs;
use opb::report;
use opb::store::Store;

use crate::cli::Global;
use crate::output;

/// How many runs are listed unless all are wanted.
const MOST: usize = 20;

/// List the runs on record, the last first, or show one of them: why nodes ran, and what they came to.
///
/// Every `opb build` that has something to do leaves a record in the store, also one that fails or is killed.
#[derive(Debug, Args)]
pub struct Runs {
    /// The run to show: `last`, `last~1` (the one before it), a name, or its beginning.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// List all runs, or all nodes of the run.
    #[arg(long)]
    all: bool,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "table")]
    format: Format,
}

/// How a list is shown.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

pub fn run(global: &Global, args: &Runs) -> Result<ExitCode, Failure> {
    let project = global.place().open()?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let shown = match &args.run {
        Some(name) => {
            let run = runs::read(&store, name)?;
            match args.format {
                Format::Table => report::runs::text(&run, args.all, output::width()),
                Format::Json => report::runs::json_of(&run),
            }
        }
        None => {
            let (heads, all) = runs::latest(&store, if args.all { usize::MAX } else { MOST })?;
            if all > heads.len() && !args.all {
                output::notices(global, &[format!("{all} runs are on record; `--all` lists the older ones too")]);
            }
            match args.format {
                Format::Table if heads.is_empty() => return Err(runs::RunsError::None.into()),
                Format::Table => report::runs::table(&heads),
                Format::Json => report::runs::json(&heads),
            }
        }
    };
    output::data(&shown);
    Ok(ExitCode::SUCCESS)
}
