//! `opb definitions`: tells editors of the language of recipes.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::eval::definitions;
use opb::ops::definitions::{FILE, write};
use opb::project::Project;

use crate::cli::Global;
use crate::output;

/// Write down for editors what recipes can say: functions and fields, with docs and examples.
///
/// The file is `.rhai/definitions/opb.d.rhai` of the project, where Rhai's language server finds it.
#[derive(Debug, Args)]
pub struct Definitions {
    /// Write it to the standard output instead.
    #[arg(long)]
    stdout: bool,
}

pub fn run(global: &Global, args: &Definitions) -> Result<ExitCode, Failure> {
    if args.stdout {
        output::data(&definitions::text());
    } else {
        write(&Project::find(&global.directory)?)?;
        output::data(&format!("wrote {FILE}\n"));
    }
    Ok(ExitCode::SUCCESS)
}
