//! `opb doctor`: what this host can and cannot do.

use std::process::ExitCode;

use clap::Args;
use opb::diag::{Cause, Failure};
use opb::ops::doctor::doctor;
use opb::report::doctor as report;

use super::plan::TextOrJson;
use crate::cli::Global;
use crate::{exit, output};

/// Say what this host can and cannot do for builds, and how to mend it: kernel, user namespaces, cgroups, disk, tools.
///
/// A sandbox is really made, where the store is or would be, and the host's own `true` run in it. Nothing is left behind.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 when builds can run, also where something is weak; 3 when something is missing \
                        without which they cannot.")]
pub struct Doctor {
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

#[expect(clippy::unnecessary_wraps, reason = "as all verbs")]
pub fn run(global: &Global, args: &Doctor) -> Result<ExitCode, Failure> {
    let checks = doctor(&global.directory, global.store.as_deref());
    output::data(&match args.format {
        TextOrJson::Text => report::text(&checks, output::width()),
        TextOrJson::Json => report::json(&checks),
    });
    Ok(if report::ready(&checks) { ExitCode::SUCCESS } else { exit::code(Cause::Environment) })
}
