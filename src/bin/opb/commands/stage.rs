//! `opb stage`: prepares a transition beside a channel.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::plan::{Wish, plan};
use opb::ops::publish::HeldBack;
use opb::ops::stage::{self, StageError};
use opb::report;

use super::open_store;
use super::repo::publish::details;
use super::update::line;
use crate::cli::Global;
use crate::output;

/// Prepare a transition in a lock and a channel of its own: begin a stage, or show how far it is.
///
/// Pins that move in it (`opb --channel NAME update COMPONENT`) are its own; all others follow the channel below. It is built by
/// `opb --channel NAME build`, published for those who try it by `opb repo publish NAME`, and goes into the channel below when all of it
/// is built and whole.
#[derive(Debug, Args)]
pub struct Stage {
    /// Its name: that of its channel and of its lock.
    #[arg(value_name = "NAME", add = crate::complete::channels())]
    name: ChannelName,
    /// Begin it over this channel [default: nightly].
    #[arg(long, value_name = "CHANNEL", conflicts_with_all = ["merge", "drop"], add = crate::complete::channels())]
    over: Option<ChannelName>,
    /// Put its pins into the lock of the channel below, and end it.
    #[arg(long, conflicts_with = "drop")]
    merge: bool,
    /// End it, and forget its pins.
    #[arg(long)]
    drop: bool,
}

pub fn run(global: &Global, args: &Stage) -> Result<ExitCode, Failure> {
    let Stage { name, over, merge, drop } = args;
    let place = global.place();
    if *drop {
        stage::drop(&place, name)?;
        output::data(&format!("ended the stage {name}; its pins are forgotten\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(open) = stage::open(&place, name)? else {
        if *merge {
            return Err(StageError::None { name: name.clone() }.into());
        }
        let over = over.clone().or_else(|| global.of_channel.clone());
        let over = over.unwrap_or_else(|| ChannelName::new("nightly").expect("a plain name"));
        let file = stage::begin(&place, name, &over)?;
        output::data(&format!(
            "began the stage {name} over {over}: a channel in opb.toml, whose pins go into {file}\n"
        ));
        output::notices(
            global,
            &[format!("next: opb --channel {name} update COMPONENT && opb --channel {name} build")],
        );
        return Ok(ExitCode::SUCCESS);
    };
    let store = open_store(global, &open.session)?;
    if *merge {
        let over = open.over.clone();
        let file = open.merge(&place, &store, HeldBack::reason)?;
        output::data(&format!("merged the stage {name} into {over}: its pins are in {file} now\n"));
        output::notices(global, &[format!("next: opb --channel {over} build && opb repo publish {over}")]);
        return Ok(ExitCode::SUCCESS);
    }
    let differ = report::count(open.moves.len(), "pin");
    output::data(&format!("stage {name} over {}: {differ} of its own\n", open.over));
    open.moves.iter().for_each(|moved| output::data(&line(moved)));
    let wish = Wish { wanted: open.session.graph.ids().collect(), ..Wish::default() };
    let would = report::plan::summary(&plan(&open.session, &wish, &store, None)?);
    output::data(&format!("{would}\n"));
    let outlook = open.outlook(&store)?;
    for distro in &outlook.distros {
        let why = distro.held.as_ref();
        let told = why.map_or_else(|| "built and whole".to_owned(), |why| format!("does not close: {}", why.reason()));
        output::data(&format!("{}: {told}\n{}", distro.distro, why.map(details).unwrap_or_default()));
    }
    let closes = !outlook.distros.is_empty() && outlook.held().next().is_none() && !open.moves.is_empty();
    if closes {
        output::notices(global, &[format!("it closes: opb stage {name} --merge puts its pins into {}", open.over)]);
    }
    Ok(ExitCode::SUCCESS)
}
