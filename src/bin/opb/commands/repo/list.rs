//! `opb repo list`: the generations of a channel.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::generations;
use opb::publish::Way;
use opb::report::channel::{GenerationTold, WayTold, json, table};

use super::super::{open_for, open_store};
use super::{Format, channel_of};
use crate::cli::Global;
use crate::output;

/// List the generations of a channel, the newest first: date, packages, what changed, and where it comes from.
#[derive(Debug, Args)]
pub struct List {
    /// The channel [default: that of --channel, or `nightly`].
    #[arg(add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// How to show it.
    #[arg(long, default_value = "table")]
    format: Format,
}

pub fn run(global: &Global, args: &List) -> Result<ExitCode, Failure> {
    let List { channel, format } = args;
    let channel = &channel_of(global, channel.as_ref());
    let session = open_for(global, channel)?;
    let store = open_store(global, &session)?;
    let listed = generations::list(&session, &store, channel)?;
    let told: Vec<GenerationTold<'_>> = listed
        .iter()
        .map(|one| GenerationTold {
            number: one.generation.number,
            is_current: one.is_current,
            date: one.generation.date,
            valid_until: one.generation.valid_until,
            way: match &one.generation.way {
                Way::Published => WayTold::Published,
                Way::Promoted { from, generation } => {
                    WayTold::Promoted { from: from.as_str(), generation: *generation }
                }
                Way::RolledBack { to } => WayTold::RolledBack { to: *to },
                Way::Hotfix { component } => WayTold::Hotfix { component: component.as_str() },
            },
            key: &one.generation.key,
            distros: one.generation.parts.iter().map(|part| (part.part.distro.as_str(), part.since)).collect(),
            path: one.path.to_string(),
            packages: one.packages,
            changes: one.changes,
        })
        .collect();
    match format {
        Format::Json => output::data(&json(channel.as_str(), &told)),
        Format::Table if told.is_empty() => {
            output::notices(global, &[format!("nothing is published of the channel `{channel}`")]);
        }
        Format::Table => output::data(&table(&told)),
    }
    Ok(ExitCode::SUCCESS)
}
