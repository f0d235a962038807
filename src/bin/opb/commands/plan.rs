//! `opb plan`: shows what a build would run.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::plan::{Asked, Scope, plan, wish};
use opb::report;

use super::{knowledge, open, open_store};
use crate::cli::Global;
use crate::output;

/// Show what `opb build` would run, and why.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    what: What,
}

/// What to build, and with what else.
#[derive(Debug, Args)]
pub struct What {
    /// What to build; everything if left out.
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Run what was selected although it is realised.
    #[arg(long)]
    pub again: bool,
    /// Leave out what depends on the selected nodes.
    #[arg(long)]
    pub only: bool,
}

impl What {
    /// All of it, for the record of a run.
    pub fn asked(&self) -> Asked {
        Asked { selection: self.selectors.clone(), scope: self.scope() }
    }

    /// The scope that the flags mean.
    pub fn scope(&self) -> Scope {
        Scope { selected: !self.selectors.is_empty(), again: self.again, only: self.only }
    }
}

pub fn run(global: &Global, args: &Plan) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let selected = session.select(&args.what.selectors)?;
    let wish = wish(&session.graph, &selected, args.what.scope());
    let plan = plan(&session.graph, &wish, &knowledge(&store)?)?;
    output::data(&report::plan::text(&session.graph, &plan));
    Ok(ExitCode::SUCCESS)
}
