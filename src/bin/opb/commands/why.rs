//! `opb why`: tells why a node ran.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::history;
use opb::report;

use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Tell why a node ran last, and why it would run now.
#[derive(Debug, Args)]
pub struct Why {
    /// The node, such as `libbsd`, which means its build where it has one.
    #[arg(value_name = "NODE")]
    node: String,
}

pub fn run(global: &Global, args: &Why) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let id = session.one(&args.node)?;
    let why = history::why(&session, &store, id)?;
    output::data(&report::why::text(&session.graph, id, &why.report()));
    Ok(ExitCode::SUCCESS)
}
