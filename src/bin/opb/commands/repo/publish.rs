//! `opb repo publish`, `promote` and `rollback`: make a channel's next generation.

use std::process::ExitCode;

use clap::Args;
use opb::diag::{Cause, Failure};
use opb::event::Event;
use opb::name::{ChannelName, DistroName, NodeName};
use opb::ops::promote::{self, Again, Promotion};
use opb::ops::publish::{self, HeldBack, LowerVersions, Publication};
use opb::ops::session::Session;
use opb::ops::upgrade::{self, Upgrades};
use opb::ops::{channel, key};
use opb::publish::Published;
use opb::report::closure::{told as told_broken, told_incoherent};
use opb::store::Store;

use super::super::{means, open_for, open_store};
use super::channel_of;
use crate::cli::Global;
use crate::exit;
use crate::output::{self, Events};

/// Sign what is built of a channel and switch to it, all at once. Nothing happens where nothing changed.
///
/// A distro whose content is not built, not whole, or in lower versions than before keeps its last good state; that is said,
/// and the exit code is 4.
#[derive(Debug, Args)]
pub struct Publish {
    /// The channel [default: that of --channel, or `nightly`].
    #[arg(add = crate::complete::channels())]
    channel: Option<ChannelName>,
    /// Publish packages in lower versions than the channel has: machines that have those keep them.
    #[arg(long)]
    allow_lower_versions: bool,
    /// Try upgrades from what is published again that failed before, though nothing that they read has changed.
    #[arg(long)]
    retry_failed: bool,
}

/// Publish in a channel what another has published: the same packages, without building.
#[derive(Debug, Args)]
pub struct Promote {
    /// The channel that has it.
    #[arg(add = crate::complete::channels())]
    from: ChannelName,
    /// The channel that is to have it.
    #[arg(add = crate::complete::channels())]
    to: ChannelName,
    /// Its generation; without it, the current one.
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// Only this distro; may be given several times. What the channel holds of others stays.
    #[arg(long = "distro", value_name = "DISTRO")]
    distros: Vec<DistroName>,
}

/// Publish an earlier generation of a channel again, as a new one with a newer date, so that clients take it.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The channel.
    #[arg(add = crate::complete::channels())]
    channel: ChannelName,
    /// The generation; without it, the one before the current one.
    #[arg(long, value_name = "N")]
    to: Option<u64>,
}

pub fn publish(global: &Global, args: &Publish) -> Result<ExitCode, Failure> {
    let channel = &channel_of(global, args.channel.as_ref());
    let session = open_for(global, channel)?;
    output::notices(global, &key::warnings(&session.project));
    let store = open_store(global, &session)?;
    channel::settings(&session, channel)?;
    let signer = key::signers(&session.project.settings.key_of(channel))?;
    let lower = if args.allow_lower_versions { LowerVersions::Published } else { LowerVersions::HeldBack };
    let publication = if session.project.settings.checks.upgrade {
        let mut tried = None;
        let code = Events::of(global, false).during(|events| {
            let sink = |event: Event| events.show(&event);
            let wanted = (channel, lower, Upgrades::of(args.retry_failed));
            tried = Some(upgrade::publish(&session, &store, wanted, &signer, &means(global)?, &sink)?);
            Ok(0)
        })?;
        let Some(publication) = tried else { return Ok(code) };
        publication
    } else {
        publish::publish_with(&session, &store, channel, &signer, lower)?
    };
    let held = show_publication(global, channel, &publication);
    let pushed = push(global, &session, &store, channel)?;
    Ok(if held { exit::code(Cause::Build) } else { pushed })
}

/// Shows what was published, and what was held back; whether something was.
pub(in crate::commands) fn show_publication(global: &Global, channel: &ChannelName, publication: &Publication) -> bool {
    let Publication { published, outlook } = publication;
    if let Some(published) = published {
        output::data(&told(channel, published));
    }
    let lacking =
        outlook.without.iter().map(|node| format!("published without {node}, as `may_fail` or an exception allows"));
    output::notices(global, &lacking.collect::<Vec<_>>());
    let kept =
        outlook.kept.iter().map(|node| format!("published with what was last good of {node}, which is not built"));
    let never =
        outlook.never.iter().map(|node| format!("published without {node}, which is not built and never was in it"));
    output::notices(global, &kept.chain(never).collect::<Vec<_>>());
    let mut held = false;
    for (distro, why) in outlook.held() {
        held |= !matches!(why, HeldBack::Skipped);
        let stays = if distro.is_known { "its last good state stays" } else { "nothing of it is published" };
        output::told(global, &format!("{} is held back: {}; {stays}\n", distro.distro, why.reason()));
        output::told(global, &details(why));
    }
    held
}

/// Brings the channel to its other places; each failure is shown, and the last one decides the exit code.
pub(in crate::commands) fn push(
    global: &Global,
    session: &Session,
    store: &Store,
    channel: &ChannelName,
) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for (to, result) in publish::push(session, store, channel)? {
        match result {
            Ok(pushed) if pushed.new => output::told(global, &format!("brought to {to}\n")),
            Ok(_) => {}
            Err(failure) => {
                code = exit::code(failure.cause);
                output::show(&failure);
            }
        }
    }
    Ok(code)
}

pub fn promote(global: &Global, args: &Promote) -> Result<ExitCode, Failure> {
    let Promote { from, to, generation, distros } = args;
    let session = open_for(global, from)?;
    let store = open_store(global, &session)?;
    session.project.settings.channel(to)?;
    let signer = key::signers(&session.project.settings.key_of(to))?;
    let promotion = Promotion { from, to, generation: *generation, distros };
    show(global, to, &promote::promote(&session, &store, &promotion, &signer)?);
    push(global, &session, &store, to)
}

pub fn rollback(global: &Global, args: &Rollback) -> Result<ExitCode, Failure> {
    let Rollback { channel, to } = args;
    let session = open_for(global, channel)?;
    let store = open_store(global, &session)?;
    channel::settings(&session, channel)?;
    let signer = key::signers(&session.project.settings.key_of(channel))?;
    show(global, channel, &promote::rollback(&session, &store, channel, *to, &signer)?);
    push(global, &session, &store, channel)
}

fn show(global: &Global, channel: &ChannelName, again: &Again) {
    output::data(&told(channel, &again.published));
    if let Some(file) = &again.lock {
        let generation = again.published.generation;
        output::told(global, &format!("{file} has the pins that generation {generation} was made from\n"));
    }
}

fn told(channel: &ChannelName, published: &Published) -> String {
    let Published { generation, new, renewed, valid_until, path, packages } = published;
    let packages = opb::report::count(*packages, "package");
    let until =
        valid_until.map_or_else(String::new, |until| format!(", valid until {}", opb::report::channel::time(until)));
    if *new {
        format!("published generation {generation} of {channel}: {packages}, in {path}{until}\n")
    } else if *renewed {
        format!("signed generation {generation} of {channel} anew: {packages}, in {path}{until}\n")
    } else {
        format!(
            "nothing to publish: generation {generation} of {channel} has all of it already: {packages}, in {path}{until}\n"
        )
    }
}

/// The packages that it is about, in lines; what changed of them since the last good state.
pub(in crate::commands) fn details(why: &HeldBack) -> String {
    let (closure, since) = match why {
        HeldBack::Open { closure, since } => (closure, since),
        HeldBack::Lower { lower } => {
            let rows = opb::report::channel::rows(lower);
            return format!(
                "{rows}machines keep what they have: raise the epoch of the source, or publish with `--allow-lower-versions`\n"
            );
        }
        HeldBack::Upgrade { failed } => {
            let told = |(node, failure): &(NodeName, Failure)| {
                let message = opb::exec::told(failure);
                format!("  {node}: {}\n", opb::report::plain(message.trim_end()).replace('\n', "\n  "))
            };
            return failed.iter().map(told).collect();
        }
        HeldBack::NotBuilt { .. } | HeldBack::Skipped => return String::new(),
    };
    let mut text = told_broken(&closure.broken);
    text.push_str(&told_incoherent(&closure.incoherent));
    if !since.is_empty() {
        text.push_str("since the last good state:\n");
        text.push_str(&opb::report::channel::rows(since));
    }
    text
}
