//! `opb repo plan` and `opb repo diff`: which packages of a channel differ.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::publish::HeldBack;
use opb::ops::{generations, publish};
use opb::report::channel::{DistroTold, changes, json_of_changes};

use super::super::{open_for, open_store};
use super::publish::details;
use super::{Format, channel_of};
use crate::cli::Global;
use crate::output;

/// Show what `opb repo publish` would change, without changing anything.
#[derive(Debug, Args)]
pub struct Plan {
    /// The channel [default: that of --channel, or `nightly`].
    #[arg(add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// Show all packages, however many.
    #[arg(long)]
    all: bool,
    /// How to show it.
    #[arg(long, default_value = "table")]
    format: Format,
}

/// Show which packages differ between two generations of a channel.
#[derive(Debug, Args)]
pub struct Diff {
    /// The channel [default: that of --channel, or `nightly`].
    #[arg(add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// The former; without it, the one before the latter.
    #[arg(value_name = "FROM")]
    from: Option<u64>,
    /// The latter; without it, the current one.
    #[arg(value_name = "TO")]
    to: Option<u64>,
    /// Show all packages, however many.
    #[arg(long)]
    all: bool,
    /// How to show it.
    #[arg(long, default_value = "table")]
    format: Format,
}

pub fn plan(global: &Global, args: &Plan) -> Result<ExitCode, Failure> {
    let Plan { channel, all, format } = args;
    let channel = &channel_of(global, channel.as_ref());
    let session = open_for(global, channel)?;
    let store = open_store(global, &session)?;
    let outlook = publish::outlook(&session, &store, channel)?;
    let distros: Vec<DistroTold<'_>> = outlook
        .distros
        .iter()
        .map(|distro| DistroTold {
            distro: distro.distro.as_str(),
            held: distro.held.as_ref().map(HeldBack::reason),
            changes: &distro.changes,
        })
        .collect();
    let before = outlook.before.as_ref().map(|before| before.number);
    output::data(&match format {
        Format::Json => json_of_changes(channel.as_str(), before, None, &distros),
        Format::Table => {
            let head = match before {
                Some(number) => format!("generation {number} of {channel} is current\n"),
                None => format!("nothing is published of {channel}\n"),
            };
            let details: String = outlook.held().map(|(_, why)| details(why)).collect();
            format!("{head}{}{details}", changes(&distros, *all))
        }
    });
    Ok(ExitCode::SUCCESS)
}

pub fn diff(global: &Global, args: &Diff) -> Result<ExitCode, Failure> {
    let Diff { channel, from, to, all, format } = args;
    let channel = &channel_of(global, channel.as_ref());
    let session = open_for(global, channel)?;
    let store = open_store(global, &session)?;
    let difference = generations::diff(&session, &store, channel, (*from, *to))?;
    let distros: Vec<DistroTold<'_>> = difference
        .distros
        .iter()
        .map(|(distro, changes)| DistroTold { distro: distro.as_str(), held: None, changes })
        .collect();
    output::data(&match format {
        Format::Json => json_of_changes(channel.as_str(), difference.from, Some(difference.to), &distros),
        Format::Table => {
            let from = difference.from.map_or_else(|| "nothing".to_owned(), |from| format!("generation {from}"));
            let same = if distros.is_empty() { "\nno package differs\n" } else { "\n" };
            let told = changes(&distros, *all);
            format!("{channel}: from {from} to generation {}{same}{told}", difference.to)
        }
    });
    Ok(ExitCode::SUCCESS)
}
