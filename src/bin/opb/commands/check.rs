//! `opb check`: everything that is wrong, or may be, in one run.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::{Cause, Caused, Failure};
use opb::ops::check::check;
use opb::report::check as report;

use crate::cli::Global;
use crate::{exit, output};

/// Check all recipes, distro files, opb.toml and opb.lock: every mistake and every lint in one run, at its place.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 without errors (warnings or not), 2 with errors, or with warnings and \
                        --deny-warnings, 3 where a file cannot be read.\n\nA comment on the line above silences a \
                        lint: // opb: allow(NAME)")]
pub struct Check {
    /// Show only what is found in these: components, files, folders, distros as `@debian-12`.
    #[arg(value_name = "WHAT", add = crate::complete::pins())]
    what: Vec<String>,
    /// How to show it. JSON is versioned and described in the manual.
    #[arg(long, default_value = "text")]
    format: Format,
    /// Take warnings for errors: exit with 2 where there are any.
    #[arg(long)]
    deny_warnings: bool,
    /// List all lints instead, one a line.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// With the lines that are meant, for people.
    Text,
    /// One JSON object with places, for editors and other programs.
    Json,
}

pub fn run(global: &Global, args: &Check) -> Result<ExitCode, Failure> {
    if args.list {
        output::data(&report::lints());
        return Ok(ExitCode::SUCCESS);
    }
    let answer = check(&global.place(), &args.what)?;
    match args.format {
        Format::Json => output::data(&report::json(&answer)),
        Format::Text => {
            let shown = answer.findings.iter().filter(|finding| !global.quiet || !finding.is_warning());
            let shown: Vec<&dyn miette::Diagnostic> = shown.map(|finding| finding as _).collect();
            output::data(&output::findings(global, &shown));
            if !global.quiet {
                output::data(&report::summary(&answer));
            }
        }
    }
    let faults: Vec<Cause> =
        answer.findings.iter().filter(|finding| !finding.is_warning()).map(Caused::fault).collect();
    Ok(match faults.iter().min() {
        Some(cause) => exit::code(*cause),
        None if args.deny_warnings && answer.warnings() > 0 => exit::code(Cause::Input),
        None => ExitCode::SUCCESS,
    })
}
