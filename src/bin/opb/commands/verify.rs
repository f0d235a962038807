//! `opb verify`: makes builds again and compares.

use std::process::ExitCode;

use clap::Args;
use opb::diag::{Cause, Failure};
use opb::event::Event;
use opb::ops;
use opb::ops::verify::Sample;
use opb::project;
use opb::report;
use opb::report::verify::Came;

use super::{means, open, open_store};
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Build again what is built, and show where it comes out otherwise.
///
/// Each is built in a fresh sandbox. The results that count stay as they are. Exits with 4 where one of them comes out otherwise or fails. What differs in
/// packages is shown by diffoscope, where this machine has it.
#[derive(Debug, Args)]
pub struct Verify {
    /// The builds; all if left out, which wants --sample.
    #[arg(value_name = "SELECTOR", required_unless_present_any = ["sample", "list"], add = crate::complete::selectors())]
    selectors: Vec<String>,
    /// Take N of the builds that have a result; which ones, the seed decides.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// What decides which builds a sample has [default: the day in UTC, so that each day has its own].
    #[arg(long, value_name = "TEXT", requires = "sample")]
    seed: Option<String>,
    /// Run nothing: list when each of the builds was last verified, and what came of it.
    #[arg(long, conflicts_with_all = ["sample", "seed"])]
    list: bool,
}

pub fn run(global: &Global, args: &Verify) -> Result<ExitCode, Failure> {
    if args.list {
        let session = open(global)?;
        let store = open_store(global, &session)?;
        let selected = session.select(&args.selectors)?;
        output::data(&report::verify::list(&ops::verify::verified(&session, &store, &selected)?));
        return Ok(ExitCode::SUCCESS);
    }
    Events::of(global, false).during(|events| {
        let sink = |event: Event| events.show(&event);
        let session = open(global)?;
        let store = open_store(global, &session)?;
        let selected = session.select(&args.selectors)?;
        let sample = args.sample.map(|most| {
            let seed = args.seed.clone().unwrap_or_else(project::today);
            Sample { most: most as usize, seed }
        });
        let chosen = ops::verify::choose(&session, &store, &selected, sample.as_ref())?;
        if let Some(Sample { most, seed }) = &sample {
            let told = format!(
                "a sample of {most}: the same one again with `opb verify --sample {most} --seed {}`",
                seed.escape_debug()
            );
            output::notices(global, &[told]);
        }
        let (outcome, all) = ops::verify::verify(&session, &store, &chosen, &args.selectors, &means(global)?, &sink)?;
        output::data(&report::verify::text(&all));
        let differs = all.iter().any(|one| matches!(one.came, Came::Differs { .. } | Came::Failed));
        Ok(match exit::of_run(&outcome) {
            0 if differs => exit::number(Cause::Build),
            code => code,
        })
    })
}
