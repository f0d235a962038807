//! `opb hold`, `opb skip` and `opb expect-failure`: exceptions from the rules, each with a reason and a last day.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::exceptions::ExceptionKind;
use opb::ops::except::{Wanted, except};
use opb::ops::exceptions::warnings;
use opb::project::EXCEPTIONS_FILE;
use opb::report::exceptions::made;

use super::open;
use crate::cli::Global;
use crate::output;

/// Leave pins where they are until a day: `opb update` passes over them and says so.
///
/// A component (`libmd`, `libmd@debian-12`) means the pins of its source, a distro (`@debian-12`) its package index and all
/// sources pinned of it. `opb exceptions` lists what is held, and `opb exceptions --remove SELECTOR` takes it back.
#[derive(Debug, Args)]
pub struct Hold {
    /// Components or distros whose pins stay.
    #[arg(value_name = "SELECTOR", required = true, add = crate::complete::pins())]
    selectors: Vec<String>,
    #[command(flatten)]
    given: Given,
}

/// Do without builds until a day: they are not tried, and repositories are assembled without them.
///
/// What only they need does not run either, nor what needs them, and none of that is a failure. A build that is realised as it is
/// now is used all the same. `opb exceptions` lists what is skipped, and `opb exceptions --remove SELECTOR` takes it back.
#[derive(Debug, Args)]
pub struct Skip {
    /// The builds, such as `libmd`, `libmd@debian-12/*` or `@debian-12/arm64`.
    #[arg(value_name = "SELECTOR", required = true, add = crate::complete::selectors())]
    selectors: Vec<String>,
    #[command(flatten)]
    given: Given,
}

/// Take the failure of builds for none until a day: they are tried, and repositories are assembled without those that fail.
///
/// As `may_fail` in a recipe, which need not be touched for it. Once they all build, each run says so. `opb exceptions` lists them,
/// and `opb exceptions --remove SELECTOR` takes one back.
#[derive(Debug, Args)]
pub struct ExpectFailure {
    /// The builds, such as `libmd`, `libmd@debian-12/*` or `@debian-12/arm64`.
    #[arg(value_name = "SELECTOR", required = true, add = crate::complete::selectors())]
    selectors: Vec<String>,
    #[command(flatten)]
    given: Given,
}

/// What each exception has.
#[derive(Debug, Args)]
struct Given {
    /// Why, in a few words. Runs, records and reports show it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The last day on which it holds, in UTC (`2026-12-24`), or how far that is from today (`14d`, `2w`).
    #[arg(long, value_name = "DAY")]
    expires: String,
}

pub fn hold(global: &Global, args: &Hold) -> Result<ExitCode, Failure> {
    run(global, ExceptionKind::Hold, &args.selectors, &args.given)
}

pub fn skip(global: &Global, args: &Skip) -> Result<ExitCode, Failure> {
    run(global, ExceptionKind::Skip, &args.selectors, &args.given)
}

pub fn expect_failure(global: &Global, args: &ExpectFailure) -> Result<ExitCode, Failure> {
    run(global, ExceptionKind::ExpectFailure, &args.selectors, &args.given)
}

fn run(global: &Global, kind: ExceptionKind, selectors: &[String], given: &Given) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let (selectors, reason, expires) = (selectors.to_vec(), given.reason.clone(), given.expires.clone());
    let excepted = except(&session, &Wanted { kind, selectors, reason, expires })?;
    for one in &excepted {
        output::data(&made(kind, one));
    }
    let back = excepted.iter().map(|one| one.selector.as_str()).collect::<Vec<_>>().join(" ");
    output::told(global, &format!("{EXCEPTIONS_FILE} is written; `opb exceptions --remove {back}` takes it back\n"));
    output::notices(global, &warnings(&session.project)?);
    Ok(ExitCode::SUCCESS)
}
