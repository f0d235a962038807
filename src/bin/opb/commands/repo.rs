//! `opb repo`: publishes channels, and shows what was published.

mod changes;
mod check;
mod list;
mod prune;
pub(super) mod publish;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::Failure;
use opb::name::ChannelName;

use crate::cli::Global;

/// Publish channels: signed repositories, of which each state is a generation that never changes.
#[derive(Debug, Args)]
pub struct Repo {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    Plan(changes::Plan),
    Publish(publish::Publish),
    List(list::List),
    Diff(changes::Diff),
    Promote(publish::Promote),
    Rollback(publish::Rollback),
    Prune(prune::Prune),
    Check(check::Check),
}

/// How a table is shown.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object, which is versioned and has a schema.
    Json,
}

/// The channel that is meant.
fn channel_of(global: &Global, named: Option<&ChannelName>) -> ChannelName {
    let named = named.or(global.of_channel.as_ref()).cloned();
    named.unwrap_or_else(|| ChannelName::new("nightly").expect("a plain name"))
}

pub fn run(global: &Global, args: &Repo) -> Result<ExitCode, Failure> {
    match &args.deed {
        Deed::Plan(args) => changes::plan(global, args),
        Deed::Publish(args) => publish::publish(global, args),
        Deed::List(args) => list::run(global, args),
        Deed::Diff(args) => changes::diff(global, args),
        Deed::Promote(args) => publish::promote(global, args),
        Deed::Rollback(args) => publish::rollback(global, args),
        Deed::Prune(args) => prune::run(global, args),
        Deed::Check(args) => check::run(global, args),
    }
}
