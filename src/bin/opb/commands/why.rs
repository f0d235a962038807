//! `opb why`: tells why nodes run.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::{runs, why};
use opb::report::why as told;
use opb::store::Store;

use super::plan::TextOrJson;
use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Tell why a node ran last, and why it would run now; without a node, where all that would run begins.
///
/// What differs is told field by field, compared with the nearest of all earlier results of that node.
#[derive(Debug, Args)]
pub struct Why {
    /// The node, such as `libbsd`, which means its build where it has one.
    #[arg(value_name = "NODE", add = crate::complete::selectors())]
    node: Option<String>,
    /// Tell why it ran in this run on record: `last`, `last~1`, or a name from `opb runs`.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

pub fn run(global: &Global, args: &Why) -> Result<ExitCode, Failure> {
    let width = output::width();
    let is_json = args.format == TextOrJson::Json;
    let everything = |all: &told::Everything| if is_json { told::json(all) } else { told::everything(all, width) };
    let shown = if let Some(run) = &args.run {
        // Nothing is evaluated: a run is explained although the recipes of today may not even be right.
        let project = global.place().open()?;
        let store = Store::open(&project.store_path(global.store.as_deref()))?;
        let run = runs::read(&store, run)?;
        match &args.node {
            None => everything(&why::everything_then(&run)),
            Some(node) => {
                let then = why::then(&store, &run, node)?;
                if is_json { told::json(&then) } else { told::in_run(&then, width) }
            }
        }
    } else {
        let session = open(global)?;
        let store = open_store(global, &session)?;
        match &args.node {
            None => {
                session.select(&[])?;
                everything(&why::everything(&session, &store)?)
            }
            Some(node) => {
                let why = why::why(&session, &store, session.one(node)?)?;
                if is_json { told::json(&why) } else { told::text(&why, width) }
            }
        }
    };
    output::data(&shown);
    Ok(ExitCode::SUCCESS)
}
