//! `opb report`: what runs and nightlies on record come to.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::Failure;
use opb::ops::report::Which;
use opb::ops::session::Session;
use opb::ops::{self, night_report};
use opb::project;
use opb::report::cache::{self, By};
use opb::report::nightly;
use opb::store::Store;

use super::absolute;
use crate::cli::Global;
use crate::output;

/// Report on what is on record: what the store saved in runs and why nodes ran nevertheless, and what nightlies came to.
#[derive(Debug, Args)]
pub struct Report {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    Cache(Cache),
    Nightly(Nightly),
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

/// Report what a nightly came to: what is worse, what moved and who needs it, what was published, what is slow, and what is going to
/// need somebody.
///
/// Of the last nightly, or of another. What ages (exceptions, keys, pins, distros) is told as it is now.
#[derive(Debug, Args)]
struct Nightly {
    /// The set [default: the only one that has nightlies on record, or `default`].
    #[arg(value_name = "SET")]
    set: Option<String>,
    /// Which of its nightlies [default: the last one].
    #[arg(long, value_name = "N")]
    number: Option<u64>,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: NightlyFormat,
    /// Write it to a file instead, which is replaced if it is there.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NightlyFormat {
    /// For mail: its first line is the subject.
    Text,
    /// A page with pictures, as one file that loads nothing.
    Html,
    /// One JSON object.
    Json,
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
    match &args.subject {
        Subject::Cache(args) => of_cache(global, args),
        Subject::Nightly(args) => of_nightly(global, args),
    }
}

fn of_nightly(global: &Global, args: &Nightly) -> Result<ExitCode, Failure> {
    let project = global.place().open()?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let found = night_report::find(&project, &store, args.set.as_deref(), args.number)?;
    // Not to be dropped: see `open`.
    let session = ManuallyDrop::new(global.place().open().and_then(Session::of));
    let page = night_report::page(&project, session.as_ref(), &store, found);
    let text = match args.format {
        NightlyFormat::Text => nightly::text(&page),
        NightlyFormat::Html => nightly::html(&page),
        NightlyFormat::Json => nightly::json(&page),
    };
    match &args.output {
        Some(file) => night_report::write(&absolute(file), &text)?,
        None => output::data(&text),
    }
    Ok(ExitCode::SUCCESS)
}

fn of_cache(global: &Global, args: &Cache) -> Result<ExitCode, Failure> {
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
