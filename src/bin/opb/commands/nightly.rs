//! `opb nightly`: everything that is done every night.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use opb::diag::{Cause, Failure};
use opb::event::Event;
use opb::name::SetName;
use opb::ops;
use opb::ops::build::Means;
use opb::ops::nightly::{Done, End, Looks, NightlyError, Outlook, Wanted, nightly, outlook, report};
use opb::project::Place;
use opb::report::{plain, plan};
use opb::store::Store;

use super::update::line;
use super::{absolute, means};
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Do what is done every night: move pins, build what follows, publish what is whole, prune, and report.
///
/// What fails keeps its last good packages. Killed at any moment and run again, it goes on. The exit code is 4 where something
/// is worse than after the last nightly: a new failure, a distro newly held back, a step that failed. It is 2 or 3 where a channel
/// was not begun with, as a lock or a recipe is wrong or a pin cannot be made.
#[derive(Debug, Args)]
pub struct Nightly {
    /// The set, as `[set.NAME]` in opb.toml says what it is for [default: the only one, or `default`].
    set: Option<SetName>,
    /// Which pins to look at.
    #[arg(long, value_name = "WHICH", default_value = "due")]
    pins: Pins,
    /// Also try again what failed before and has not changed since.
    #[arg(long)]
    retry_failed: bool,
    /// How to tell what happens. JSON is versioned and has a schema; then no report is printed.
    #[arg(long, default_value = "text", conflicts_with = "dry_run")]
    format: Format,
    /// Let each node use N cores [default: all of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Fetch at most N things at once, beside the nodes of --jobs [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    fetches: Option<u16>,
    /// Write the report into DIR too, as `report.html`, `report.txt` and `report.json` [default: as the set says].
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    report: Option<PathBuf>,
    /// Print the report only where there is news: something moved, was published, fails, is fixed or held back, or is to be noticed.
    #[arg(long)]
    only_news: bool,
    /// Run nothing: show which pins would move, what that would run, and which channels it is for.
    #[arg(long)]
    dry_run: bool,
}

/// Which pins are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pins {
    /// Those that are old enough, as the set says.
    Due,
    /// All that are not frozen or held.
    All,
    /// None.
    None,
}

/// How a run's events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on the standard error; the report on the standard output.
    Text,
    /// A JSON object for each event, on the standard output, while the run goes on.
    Jsonl,
}

pub fn run(global: &Global, args: &Nightly) -> Result<ExitCode, Failure> {
    if let Some(channel) = &global.of_channel {
        return Err(NightlyError::OfChannel { channel: channel.to_string() }.into());
    }
    let looks = match args.pins {
        Pins::Due => Looks::Due,
        Pins::All => Looks::All,
        Pins::None => Looks::None,
    };
    let wanted = Wanted { folder: &global.directory, set: args.set.as_ref(), looks, retry_failed: args.retry_failed };
    let project = Place { folder: &global.directory, channel: None }.open()?;
    let path = project.store_path(global.store.as_deref());
    let (cores, fetches) = (args.cores.map(usize::from), args.fetches.map(usize::from));
    if args.dry_run {
        let outlook = outlook(&wanted, &Store::open(&path)?, &means(global)?)?;
        show(global, &outlook);
        return Ok(ExitCode::SUCCESS);
    }
    let is_json = args.format == Format::Jsonl;
    Events::of(global, is_json).during(|events| {
        let sink = |event: Event| events.show(&event);
        output::notices(global, &ops::key::warnings(&project));
        output::notices(global, &ops::exceptions::warnings(&project)?);
        let store = Store::open(&path)?;
        let means = Means { cores, fetches, ..means(global)? };
        match nightly(&wanted, &store, &means, &sink)? {
            End::Stopped => Ok(exit::STOPPED),
            End::Done(done) => {
                tell(global, args, &done, &store)?;
                Ok(code(&done))
            }
        }
    })
}

/// What it came to, and the error that kept it from doing all.
fn tell(global: &Global, args: &Nightly, done: &Done, store: &Store) -> Result<(), Failure> {
    if let Some(failure) = &done.failure {
        output::show(failure);
    }
    let place = Place { folder: &global.directory, channel: None };
    let folder = args.report.as_deref().map(absolute);
    let text = report(done, place, store, folder.as_ref())?;
    if args.format == Format::Text && (!args.only_news || done.night.has_news()) {
        output::data(&text);
    }
    Ok(())
}

/// The exit code: the environment's where that kept it from doing all, else whether something is worse.
fn code(done: &Done) -> u8 {
    match &done.failure {
        Some(failure) if failure.cause != Cause::Build => exit::number(failure.cause),
        _ if done.night.regressed => exit::number(Cause::Build),
        _ => 0,
    }
}

fn show(global: &Global, outlook: &Outlook) {
    output::notices(global, &outlook.notices);
    for moved in &outlook.moves {
        output::data(&line(moved));
    }
    for (what, why) in &outlook.stays {
        output::data(&format!("stays   {}  {}\n", plain(what), plain(why)));
    }
    if outlook.moves.is_empty() && outlook.stays.is_empty() {
        output::data("no pin would move\n");
    }
    for built in &outlook.builds {
        output::data(&format!("{}\n", plan::summary(built)));
    }
    for (channel, is_dirty) in &outlook.channels {
        let would =
            if *is_dirty { "would be assembled anew, and published where it is whole" } else { "stays as it is" };
        output::data(&format!("channel {channel} {would}\n"));
    }
}
