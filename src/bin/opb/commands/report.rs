//! `opb report`: what runs on record come to.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::Failure;
use opb::ops;
use opb::ops::report::Which;
use opb::project;
use opb::report::cache::{self, By};
use opb::store::Store;

use crate::cli::Global;
use crate::output;

/// Report on runs on record: what the store saved, and why nodes ran nevertheless.
#[derive(Debug, Args)]
pub struct Report {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    Cache(Cache),
}

/// Report what the store saved: nodes that it had, nodes spared by early cutoff, time, and the reasons of what ran.
///
/// Of the last run, of another, or of all since some time. A build with nothing to do leaves no record, and so is in no
/// report.
#[derive(Debug, Args)]
struct Cache {
    /// The run: `last`, `last~1` (the one before it), a name, or its beginning [default: last].
    #[arg(long, value_name = "RUN", conflicts_with = "since")]
    run: Option<String>,
    /// All runs since a date (`2025-01-11`, in UTC) or of that age (`30m`, `12h`, `7d`, `2w`).
    #[arg(long, value_name = "DATE|AGE")]
    since: Option<String>,
    /// What a row is [default: component, or run with --since].
    #[arg(long, value_name = "WHAT")]
    by: Option<Row>,
    /// Show all rows and reasons of a table.
    #[arg(long)]
    all: bool,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Row {
    /// A run.
    Run,
    /// A component.
    Component,
    /// A distro.
    Distro,
    /// An arch.
    Arch,
    /// A distro and an arch.
    Target,
    /// A root cause of what was not clean.
    Reason,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// For spreadsheets: the rows.
    Csv,
    /// A picture.
    Svg,
}

pub fn run(global: &Global, args: &Report) -> Result<ExitCode, Failure> {
    let Subject::Cache(args) = &args.subject;
    let project = global.place().open()?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let which = match &args.since {
        Some(since) => Which::Since(ops::report::since(since, project::now())?),
        None => Which::Run(args.run.clone().unwrap_or_else(|| "last".to_owned())),
    };
    let by = match (args.by, &which) {
        (None, Which::Run(_)) | (Some(Row::Component), _) => By::Component,
        (None, Which::Since(_)) | (Some(Row::Run), _) => By::Run,
        (Some(Row::Distro), _) => By::Distro,
        (Some(Row::Arch), _) => By::Arch,
        (Some(Row::Target), _) => By::Target,
        (Some(Row::Reason), _) => By::Reason,
    };
    let report = ops::report::cache(&store, &which, by)?;
    output::data(&match args.format {
        Format::Table => cache::table(&report, args.all, output::width()),
        Format::Json => cache::json(&report),
        Format::Csv => cache::csv(&report),
        Format::Svg => cache::svg(&report),
    });
    Ok(ExitCode::SUCCESS)
}
