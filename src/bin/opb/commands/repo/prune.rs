//! `opb repo prune`: removes old generations of a channel.

use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::generations;

use super::super::{open_for, open_store};
use super::channel_of;
use crate::cli::Global;
use crate::output;

/// Remove the generations of a channel that need not stay, as its `keep`, `keep_for` and `grace` in `opb.toml` say.
///
/// The current one always stays. What others have is never touched: each has files of its own.
#[derive(Debug, Args)]
pub struct Prune {
    /// The channel [default: that of --channel, or `nightly`].
    #[arg(add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// Only say which ones would go.
    #[arg(long)]
    dry_run: bool,
}

pub fn run(global: &Global, args: &Prune) -> Result<ExitCode, Failure> {
    let Prune { channel, dry_run } = args;
    let channel = &channel_of(global, channel.as_ref());
    let session = open_for(global, channel)?;
    let store = open_store(global, &session)?;
    let pruned = generations::prune(&session, &store, channel, *dry_run)?;
    let count = |number: usize| opb::report::count(number, "generation");
    let numbers = pruned.removed.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    output::data(&match (pruned.removed.len(), dry_run) {
        (0, _) => format!("nothing to remove: {} of {channel} stay\n", count(pruned.kept)),
        (removed, true) => format!("would remove {} of {channel}: {numbers}; {} stay\n", count(removed), pruned.kept),
        (removed, false) => format!("removed {} of {channel}: {numbers}; {} stay\n", count(removed), pruned.kept),
    });
    Ok(ExitCode::SUCCESS)
}
