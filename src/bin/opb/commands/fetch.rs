//! `opb fetch`: what a build would read from the network.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::event::Event;
use opb::ops;
use opb::ops::fetch::How;
use opb::report;

use super::plan::What;
use super::{means, open, open_store};
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Fetch what a build would read from the network, and build nothing.
///
/// Sources, package indexes and the packages of chroots, so that `opb build --offline` of the same selection runs. Exits
/// with 3 where something cannot be had; the rest is fetched.
#[derive(Debug, Args)]
#[command(
    mut_arg("selectors", |arg| arg.help("What a build would build; everything if left out")),
    mut_arg("retry_failed", |arg| arg.hide(true)),
    mut_arg("again", |arg| arg.help("Fetch for a build that runs what was selected although it is realised")),
    mut_arg("only", |arg| arg.help("Leave out what only a build of what depends on the selected nodes would read"))
)]
pub struct Fetch {
    #[command(flatten)]
    what: What,
    /// Fetch nothing, and say what is missing. Exits with 3 where something is.
    #[arg(long)]
    check: bool,
    /// How to show what came. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: Format,
}

/// How to show what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// A JSON object for each event, on the standard output, while it goes on; then what came.
    Jsonl,
}

pub fn run(global: &Global, args: &Fetch) -> Result<ExitCode, Failure> {
    Events::of(global, args.format == Format::Jsonl).during(|events| {
        let session = open(global)?;
        output::notices(global, &ops::exceptions::warnings(&session.project)?);
        let store = open_store(global, &session)?;
        let selected = session.select(&args.what.selectors)?;
        let wish = ops::plan::wish(&session.graph, &selected, args.what.scope());
        let sink = |event: Event| events.show(&event);
        let how = How { check: args.check, whole: args.what.selectors.is_empty() };
        let outcome = ops::fetch::fetch(&session, &wish, how, &store, &means(global)?, &sink)?;
        match (args.format, events) {
            (Format::Text, _) => output::data(&report::fetch::text(&outcome.told)),
            (_, Events::Json(stream)) => stream.fetched(&outcome.told),
            _ => output::data(&(serde_json::to_string(&outcome.told).expect("plain values") + "\n")),
        }
        if outcome.stopped {
            return Ok(exit::STOPPED);
        }
        Ok(outcome.cause.map_or(0, exit::number))
    })
}
