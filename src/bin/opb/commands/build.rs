//! `opb build`: runs what is dirty.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::Failure;
use opb::event::Event;
use opb::ops;
use opb::ops::build::Means;
use opb::ops::foreign::foreign;
use opb::ops::plan::{Scope, Wish};
use opb::ops::session::Session;
use opb::plan::causes;
use opb::report;
use opb::store::Store;

use super::plan::What;
use super::{evaluated, means};
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Run what is dirty: fetch, make chroots, build packages, assemble repositories.
///
/// Without selectors everything is built and every repository assembled. With them, the selected nodes are, what they
/// need, and what depends on them.
#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    what: What,
    /// How to tell what happens. JSON is versioned and has a schema.
    #[arg(long, default_value = "text", conflicts_with = "dry_run")]
    format: Format,
    /// Let each node use N cores [default: all of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Fetch at most N things at once, beside the nodes of --jobs [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    fetches: Option<u16>,
    /// Assemble repositories with the last good packages of what fails, as `opb nightly` does.
    #[arg(long)]
    keep_last_good: bool,
    /// Run nothing: show what would run and why, how long it would take, and how much of the disk.
    #[arg(long)]
    dry_run: bool,
}

/// How a run's events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard error.
    Text,
    /// A JSON object for each event, on the standard output, while the run goes on.
    Jsonl,
}

impl Build {
    /// Whether all that is dirty is to run, and nothing else.
    fn is_everything(&self) -> bool {
        self.what.selectors.is_empty() && !self.what.again && !self.dry_run
    }
}

fn dry_run(global: &Global, session: &Session, store: &Store, wish: &Wish, means: &Means<'_>) -> Result<u8, Failure> {
    let caches = ops::cache::caches(&session.project, global.offline, false)?;
    let plan = ops::plan::plan(session, wish, store, caches.as_elsewhere())?;
    output::notices(global, &caches.take_notices());
    let expected = ops::usual::expect(session, store, &plan, means.places())?;
    let causes = causes(&session.graph, &plan);
    let foreign = foreign(&session.graph, &plan, store, &means.cpus);
    let text = report::plan::text(
        (&session.graph, &session.excepted),
        &plan,
        &causes,
        &foreign,
        (global.verbose, output::width()),
    );
    output::data(&format!("{text}{}", report::plan::expected(&expected)));
    Ok(exit::of_plan(&foreign))
}

pub fn run(global: &Global, args: &Build) -> Result<ExitCode, Failure> {
    Events::of(global, args.format == Format::Jsonl).during(|events| {
        let sink = |event: Event| events.show(&event);
        let project = global.place().open()?;
        output::notices(global, &ops::key::warnings(&project));
        output::notices(global, &ops::exceptions::warnings(&project)?);
        let path = project.store_path(global.store.as_deref());
        // What is wrong with recipes is told before what is wrong with the store, and makes none.
        let store = path.as_path().exists().then(|| Store::open(&path));
        if let (true, Some(Ok(store))) = (args.is_everything(), &store)
            && let Some(outcome) = ops::build::build_idle(&project, store, global.offline, &sink)?
        {
            return Ok(exit::of_run(&outcome));
        }
        let session = evaluated(global, project)?;
        let store = store.unwrap_or_else(|| Store::open(&path))?;
        let selected = session.select(&args.what.selectors)?;
        let scope = Scope { keep_last_good: args.keep_last_good, ..args.what.scope() };
        let wish = ops::plan::wish(&session.graph, &selected, scope);
        let (cores, fetches) = (args.cores.map(usize::from), args.fetches.map(usize::from));
        let means = Means { cores, fetches, ..means(global)? };
        if args.dry_run {
            return dry_run(global, &session, &store, &wish, &means);
        }
        let outcome = ops::build::build(&session, &wish, &args.what.asked(), &store, &means, &sink)?;
        Ok(exit::of_run(&outcome))
    })
}
