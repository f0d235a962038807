//! `opb hotfix`: changes one component of what a channel has published.

use std::process::ExitCode;

use clap::Args;
use opb::diag::{Cause, Failure};
use opb::event::Event;
use opb::name::{ChannelName, ComponentName};
use opb::ops;
use opb::ops::hotfix::{Asked, finish, prepare};
use opb::report;
use opb::store::Store;

use super::means;
use super::repo::publish::{push, show_publication};
use super::update::line;
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Change one component of what a channel has published: build it and what depends on it, with the pins of that generation else,
/// and publish that alone.
///
/// The change is a newer pin of its source in `opb.lock` (or in the lock of --from), another recipe, or another local source.
/// Where anything would change that does not depend on it, nothing is done. The channel needs a `lock` of its own.
#[derive(Debug, Args)]
pub struct Hotfix {
    /// The component.
    #[arg(value_name = "COMPONENT")]
    component: ComponentName,
    /// The channel that is to have it.
    #[arg(long, value_name = "CHANNEL", add = crate::complete::channels())]
    on: ChannelName,
    /// Take the pin of its source from the lock of this channel [default: from opb.lock].
    #[arg(long, value_name = "CHANNEL", add = crate::complete::channels())]
    from: Option<ChannelName>,
    /// Show what would move and run, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub fn run(global: &Global, args: &Hotfix) -> Result<ExitCode, Failure> {
    let Hotfix { component, on, from, dry_run } = args;
    let place = global.place();
    let project = place.open()?;
    output::notices(global, &ops::key::warnings(&project));
    project.settings.channel(on)?;
    let store = Store::open(&project.store_path(global.store.as_deref()))?;
    let hotfix = prepare(&place, &store, &Asked { component, on, from: from.as_ref() })?;
    output::notices(global, &hotfix.session.notices);
    hotfix.moves.iter().for_each(|moved| output::data(&line(moved)));
    let components: Vec<String> = hotfix.components.iter().map(ToString::to_string).collect();
    let (of, would) = (components.join(", "), report::plan::summary(&hotfix.plan));
    output::data(&format!("a hotfix of {component} on {on} concerns {of}; {would}\n"));
    if *dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    // A key that cannot sign is told of before hours of building.
    let signer = ops::key::signers(&project.settings.key_of(on))?;
    let built = Events::of(global, false).during(|events| {
        let sink = |event: Event| events.show(&event);
        let asked = ops::plan::Asked { selection: vec![component.to_string()], ..ops::plan::Asked::default() };
        let outcome = ops::build::build(&hotfix.session, &hotfix.wish, &asked, &store, &means(global)?, &sink)?;
        Ok(exit::of_run(&outcome))
    })?;
    if built != ExitCode::SUCCESS {
        output::told(global, &format!("nothing is published: {on} stays as it is\n"));
        return Ok(built);
    }
    let (publication, lock) = finish(&hotfix, &store, &signer)?;
    let held = show_publication(global, on, &publication);
    if let Some(file) = lock {
        output::told(global, &format!("{file} has the pins that it was made from\n"));
    }
    let pushed = push(global, &hotfix.session, &store, on)?;
    Ok(if held { exit::code(Cause::Build) } else { pushed })
}
