//! `opb update`: moves pins.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::exec::{Archives, Checkouts, Upstreams};
use opb::ops::holding::{HeldPin, Stays};
use opb::ops::plan::{Wish, plan};
use opb::ops::session::Session;
use opb::ops::update::{Move, Selection, selection, update};
use opb::project::{ProjectFiles, host_apt};
use opb::report;
use opb::store::Store;

use super::means;
use crate::cli::Global;
use crate::output;

/// Move pins: each distro's package index, each distribution source, commit of a repository and archive, recorded in
/// `opb.lock`, or in the lock of --channel.
///
/// The first time, the release of the machine itself is pinned; name others as `@debian-13`, or `@debian-13/arm64`. What
/// `opb hold` holds stays where it is.
#[derive(Debug, Args)]
pub struct Update {
    /// Components, or distros as `@debian-12`; everything that is pinned if left out.
    #[arg(value_name = "WHAT", add = crate::complete::pins())]
    what: Vec<String>,
    /// Show what would move and what that would run, and leave the lock as it is.
    #[arg(long)]
    dry_run: bool,
    /// Take tags that mean other commits than they did when they were pinned.
    #[arg(long)]
    allow_moved_tags: bool,
    /// Take sources whose versions come from tags although these are lower than what is pinned.
    #[arg(long)]
    allow_lower_versions: bool,
    /// Take archives that are other files than they were when they were pinned.
    #[arg(long)]
    allow_changed_archives: bool,
}

pub fn run(global: &Global, args: &Update) -> Result<ExitCode, Failure> {
    let project = global.place().open()?;
    let evaluated = opb::ops::watch::evaluate(&ProjectFiles(project.root()))?;
    let (moved_tags, lower_versions) = (args.allow_moved_tags, args.allow_lower_versions);
    let changed_archives = args.allow_changed_archives;
    let selection = Selection { moved_tags, lower_versions, changed_archives, ..selection(&args.what, &evaluated)? };
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let means = means(global)?;
    let archives = Archives::new(&store, &project.settings.mirrors, means.offline, means.stop, host_apt);
    let checkouts = Checkouts::new(&store, &project.settings.sources, means.offline, means.stop).patient();
    let sources = &project.settings.sources;
    let upstreams = Upstreams::new(&store, sources, project.root(), means.offline, means.stop).patient();
    let upstreams = upstreams.anew(changed_archives);
    let updated = update(&project, &evaluated, selection, &store, (&archives, &checkouts, &upstreams))?;
    output::notices(global, &updated.notices);
    output::notices(global, &opb::ops::exceptions::warnings(&project)?);
    for held in &updated.held {
        output::data(&held_line(held));
    }
    for moved in &updated.moves {
        output::data(&line(moved));
    }
    if updated.moves.is_empty() {
        let which = if updated.held.is_empty() { "all pins" } else { "all pins that are not held" };
        output::data(&format!("nothing moved: {which} are what the archives have now\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let session = Session::with_lock(project, evaluated, updated.lock)?;
    if !args.dry_run {
        session.project.write_lock(session.lock()?)?;
    }
    let wish = Wish { wanted: session.graph.ids().collect(), ..Wish::default() };
    let planned = plan(&session, &wish, &store, None)?;
    let would = report::plan::summary(&planned);
    let file = session.project.lock_file();
    let first = if args.dry_run { "stays as it is; with these pins" } else { "is written; now" };
    output::data(&format!("{file} {first} {would} (`opb plan` shows them)\n"));
    Ok(ExitCode::SUCCESS)
}

fn held_line(held: &HeldPin) -> String {
    let HeldPin { what, at, excuse } = held;
    let at = match at {
        Stays::Index => String::new(),
        Stays::At(version) => format!("  {version}"),
        Stays::FromNowOn => "  from its first pin on,".to_owned(),
    };
    format!("held    {what}{at}  {}\n", report::plain(&excuse.to_string()))
}

/// A pin that moves, in a line.
pub(super) fn line(moved: &Move) -> String {
    let Move { what, before, now } = moved;
    match (before, now) {
        (None, Some(now)) => format!("pinned  {what}  {now}\n"),
        (Some(before), Some(now)) if before == now => format!("moved   {what}  {now} (other content)\n"),
        (Some(before), Some(now)) => format!("moved   {what}  {before} → {now}\n"),
        (Some(before), None) => format!("dropped {what}  {before}\n"),
        (None, None) => String::new(),
    }
}
