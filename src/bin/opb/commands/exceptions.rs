//! `opb exceptions`: what is excepted from the rules, and taking it back.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::exceptions::{list, remove, remove_expired};
use opb::project::Project;
use opb::report::exceptions as report;

use super::open;
use super::runs::Format;
use crate::cli::Global;
use crate::output;

/// List what is held, skipped or expected to fail: what it means now, why, and for how long. Or take it back.
///
/// `opb hold`, `opb skip` and `opb expect-failure` make exceptions. They stand in `opb.exceptions.toml`, to be kept under version
/// control.
#[derive(Debug, Args)]
pub struct Exceptions {
    /// Take back all exceptions for this selector, as `opb exceptions` shows it.
    #[arg(long, value_name = "SELECTOR", num_args = 1.., conflicts_with_all = ["format", "remove_expired"],
          add = crate::complete::exceptions())]
    remove: Vec<String>,
    /// Take back those that have expired.
    #[arg(long, conflicts_with = "format")]
    remove_expired: bool,
    /// How to show them. JSON is versioned and has a schema.
    #[arg(long, default_value = "table")]
    format: Format,
}

pub fn run(global: &Global, args: &Exceptions) -> Result<ExitCode, Failure> {
    if args.remove_expired || !args.remove.is_empty() {
        let project = Project::open(&global.directory)?;
        let removed = match args.remove_expired {
            true => remove_expired(&project)?,
            false => remove(&project, &args.remove)?,
        };
        for (kind, selector, exception) in &removed {
            output::data(&report::removed(*kind, selector, exception));
        }
        if removed.is_empty() {
            output::data("nothing to take back: no exception has expired\n");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let session = open(global)?;
    let listed = list(&session)?;
    output::data(&match args.format {
        Format::Table => report::table(&listed),
        Format::Json => report::json(&listed),
    });
    Ok(ExitCode::SUCCESS)
}
