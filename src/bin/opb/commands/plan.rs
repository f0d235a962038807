//! `opb plan`: shows what a build would run.

use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::exec::Cpus;
use opb::ops;
use opb::ops::foreign::foreign;
use opb::ops::plan::{Asked, Scope, plan, wish};
use opb::plan::causes;
use opb::report;

use super::{open, open_store};
use crate::cli::Global;
use crate::exit;
use crate::output;

/// Show what `opb build` would run, and why.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    what: What,
    /// List every node, also where a plan is so large that it is told by its root causes.
    #[arg(long)]
    all: bool,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// What to build, and with what else.
#[derive(Debug, Args)]
pub struct What {
    /// What to build; everything if left out.
    #[arg(value_name = "SELECTOR", add = crate::complete::selectors())]
    pub selectors: Vec<String>,
    /// Run what was selected although it is realised.
    #[arg(long)]
    pub again: bool,
    /// Leave out what depends on the selected nodes.
    #[arg(long)]
    pub only: bool,
    /// Try again what failed before although nothing that it follows from has changed since.
    #[arg(long)]
    pub retry_failed: bool,
}

impl What {
    /// All of it, for the record of a run.
    pub fn asked(&self) -> Asked {
        Asked { selection: self.selectors.clone(), scope: self.scope() }
    }

    /// The scope that the flags mean.
    pub fn scope(&self) -> Scope {
        let (selected, retry_failed) = (!self.selectors.is_empty(), self.retry_failed);
        Scope { selected, again: self.again, only: self.only, retry_failed, ..Scope::default() }
    }
}

pub fn run(global: &Global, args: &Plan) -> Result<ExitCode, Failure> {
    // The program ends with it: nobody needs its memory back.
    let session = open(global)?;
    output::notices(global, &ops::key::warnings(&session.project));
    output::notices(global, &ops::exceptions::warnings(&session.project)?);
    let store = open_store(global, &session)?;
    let selected = session.select(&args.what.selectors)?;
    let wish = wish(&session.graph, &selected, args.what.scope());
    let caches = ops::cache::caches(&session.project, global.offline, false)?;
    let plan = ManuallyDrop::new(plan(&session, &wish, &store, caches.as_elsewhere())?);
    let learned = caches.take_learned().len();
    if learned > 0 {
        output::notices(global, &[format!("{} known from caches", report::count(learned, "result"))]);
    }
    output::notices(global, &caches.take_notices());
    let causes = causes(&session.graph, &plan);
    let foreign = foreign(&session.graph, &plan, &store, &Cpus::default());
    output::data(&match args.format {
        TextOrJson::Json => report::plan::json((&session.graph, &session.excepted), &plan, &causes, &foreign),
        TextOrJson::Text => {
            let all = args.all || global.verbose;
            report::plan::text((&session.graph, &session.excepted), &plan, &causes, &foreign, (all, output::width()))
        }
    });
    Ok(exit::of_plan(&foreign).into())
}
