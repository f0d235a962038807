//! `opb timings`: who ran when.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::ops;
use opb::report::timings;
use opb::store::Store;

use crate::cli::Global;
use crate::output;

/// Show who ran when in a run on record, what each node waited for, and the critical path.
#[derive(Debug, Args)]
pub struct Timings {
    /// The run: `last`, `last~1` (the one before it), a name, or its beginning.
    #[arg(value_name = "RUN", default_value = "last")]
    run: String,
    /// List all nodes in text, however many.
    #[arg(long)]
    all: bool,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// A picture.
    Svg,
    /// The picture with tables, as a page that loads nothing.
    Html,
    /// A trace for `chrome://tracing` or Perfetto.
    Chrome,
}

pub fn run(global: &Global, args: &Timings) -> Result<ExitCode, Failure> {
    let project = global.place().open()?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let timings = ops::timings::timings(&store, &args.run)?;
    output::data(&match args.format {
        Format::Text => timings::text(&timings, args.all),
        Format::Json => timings::json(&timings),
        Format::Svg => timings::svg(&timings),
        Format::Html => timings::html(&timings),
        Format::Chrome => timings::chrome(&timings),
    });
    Ok(ExitCode::SUCCESS)
}
