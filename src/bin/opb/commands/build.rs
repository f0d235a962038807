//! `opb build`: runs what is dirty.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::event::Event;
use opb::ops;

use super::plan::What;
use super::{means, open, open_store};
use crate::cli::Global;
use crate::exit;
use crate::output::Events;

/// Run what is dirty: fetch, make chroots, build packages, assemble repositories.
///
/// Without selectors everything is built and every repository assembled. With them, the selected nodes are, what they
/// need, and what depends on them.
#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    what: What,
    /// How to tell what happens. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: Format,
}

/// How a run's events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard error.
    Text,
    /// A JSON object for each event, on the standard output, while the run goes on.
    Jsonl,
}

pub fn run(global: &Global, args: &Build) -> Result<ExitCode, Failure> {
    Events::of(global, args.format == Format::Jsonl).during(|events| {
        let session = open(global)?;
        let store = open_store(global, &session)?;
        let selected = session.select(&args.what.selectors)?;
        let wish = ops::plan::wish(&session.graph, &selected, args.what.scope());
        let sink = |event: Event| events.show(&event);
        let outcome = ops::build::build(&session, &wish, &args.what.asked(), &store, &means(global)?, &sink)?;
        Ok(exit::of_run(&outcome))
    })
}
