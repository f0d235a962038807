//! `opb repo check`: a published repository as its clients see it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use opb::client::Packages as How;
use opb::diag::Failure;
use opb::ops::repo_check::{Asked, check};
use opb::quantity::Age;
use opb::report::repo_check as report;

use super::super::absolute;
use super::super::plan::TextOrJson;
use crate::cli::Global;
use crate::{exit, output};

/// Look at a published repository as apt and dnf do: signatures, dates, digests, and whether all is there. Needs no project.
///
/// A channel of opb says itself what it has. Of another server name suites and YUM repositories.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 sound, 4 with faults, 3 where it cannot be looked at or not all of it could be \
                        reached, 2 with wrong arguments.")]
pub struct Check {
    /// What clients have as its root: https://…, http://…, file:///… or a folder.
    #[arg(value_name = "URL")]
    url: String,
    /// Believe the public keys in FILE alone, as clients do. Without: the key that is published there.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Look at this suite of APT, such as `bookworm`. May be given several times.
    #[arg(long, value_name = "CODENAME")]
    suite: Vec<String>,
    /// Look at the YUM repository in this folder, such as `rpm/el-9/x86_64`; `.` is URL itself. May be given several times.
    #[arg(long, value_name = "PATH")]
    yum: Vec<String>,
    /// How to look at packages.
    #[arg(long, value_name = "HOW", default_value = "size")]
    packages: Packages,
    /// Take lists for a fault that are older, such as `7d`.
    #[arg(long, value_name = "AGE")]
    max_age: Option<Age>,
    /// Remember in FILE what was seen, and refuse what is older than that.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Stop after so long.
    #[arg(long, value_name = "AGE", default_value = "30m")]
    timeout: Age,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Packages {
    /// Each has to be there with its size.
    Size,
    /// The same, and what is new since --state was written is read.
    Changed,
    /// Each is read.
    All,
    /// Not at all.
    None,
}

pub fn run(global: &Global, args: &Check) -> Result<ExitCode, Failure> {
    let packages = match args.packages {
        Packages::Size => How::Size,
        Packages::Changed => How::Changed,
        Packages::All => How::All,
        Packages::None => How::None,
    };
    let is_address = args.url.contains("://") || args.url.starts_with("file:");
    let asked = Asked {
        address: if is_address { args.url.clone() } else { absolute(Path::new(&args.url)).to_string() },
        suites: args.suite.clone(),
        yum: args.yum.clone(),
        keys: args.key.iter().map(|path| absolute(path)).collect(),
        packages,
        max_age: args.max_age.map(|age| age.seconds),
        state: args.state.as_deref().map(absolute),
        timeout: Duration::from_secs(u64::try_from(args.timeout.seconds).unwrap_or(0)),
        offline: global.offline,
    };
    let mut answer = check(&asked)?;
    let (now, cause) = (opb::project::now(), answer.cause());
    match args.format {
        TextOrJson::Json => output::data(&report::json(&answer, now)),
        TextOrJson::Text if global.quiet && cause.is_none() => {}
        TextOrJson::Text => {
            answer.repositories.retain(|looked| !global.quiet || looked.cause().is_some());
            output::data(&report::text(&answer, packages, now, output::width()));
            output::notices(global, &report::notices(&answer));
        }
    }
    Ok(cause.map_or(ExitCode::SUCCESS, exit::code))
}
