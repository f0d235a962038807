//! `opb repo`: publishes channels.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::key;
use opb::ops::publish::{self, Publication};

use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Publish channels: signed repositories.
#[derive(Debug, Args)]
pub struct Repo {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Sign what is built of a channel and switch to it, all at once. Nothing happens where nothing changed.
    Publish {
        /// The channel.
        #[arg(default_value = "nightly", add = crate::complete::channels())]
        channel: ChannelName,
    },
}

pub fn run(global: &Global, args: &Repo) -> Result<ExitCode, Failure> {
    let Deed::Publish { channel } = &args.deed;
    let session = open(global)?;
    let store = open_store(global, &session)?;
    publish::parts(&session, channel)?;
    let signer = key::signer(&publish::key_name(&session, channel))?;
    let Publication { published, without } = publish::publish(&session, &store, channel, &signer)?;
    let packages = opb::report::count(published.packages, "package");
    let (generation, path) = (published.generation, published.path);
    output::data(&if published.new {
        format!("published generation {generation} of {channel}: {packages}, in {path}\n")
    } else {
        format!(
            "nothing to publish: generation {generation} of {channel} has all of it already: {packages}, in {path}\n"
        )
    });
    let lacking = |node| format!("published without {node}, as `may_fail` allows");
    output::notices(global, &without.iter().map(lacking).collect::<Vec<_>>());
    Ok(ExitCode::SUCCESS)
}
