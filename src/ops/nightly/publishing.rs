//! A nightly's last steps with a channel: publishing what is built of it, and pruning.

use std::collections::BTreeSet;

use super::super::build::Means;
use super::super::publish::{HeldBack as Why, Outlook, Publication};
use super::super::session::Session;
use super::super::upgrade::Upgrades;
use super::super::{channel, generations, key, last_good, plan, publish, upgrade};
use super::pins::one_line;
use crate::diag::Failure;
use crate::event::Sink;
use crate::exec::told;
use crate::name::{ChannelName, DistroName, NodeName};
use crate::night::{HeldBack, PackageChange, Published};
use crate::plan::{Instead, State};
use crate::publish::{self as publishing, Way};
use crate::repo::{Change, Changed};
use crate::report::channel::rows as told_changes;
use crate::report::closure::{told as told_broken, told_incoherent};
use crate::store::Store;

/// The most packages of which it is told that they changed.
const MOST_CHANGES: usize = 20_000;

/// The most lines that say why a distro is held back.
const MOST_LINES: usize = 20;

/// What became of a channel.
#[derive(Default)]
pub(super) struct ChannelDone {
    /// What is published of it now; `None`: nothing ever was.
    pub published: Option<Published>,
    /// Its distros that keep their last good state.
    pub held_back: Vec<HeldBack>,
    /// Nodes whose last good outputs are published.
    pub kept: BTreeSet<NodeName>,
    /// Distros whose last good state is published.
    pub kept_distros: BTreeSet<DistroName>,
    /// What could not be done, each on one line.
    pub failures: Vec<String>,
    /// Lines for people.
    pub notices: Vec<String>,
}

/// Publishes what is built of `channel` and brings it to its places. `before` is the generation of which the last nightly knew;
/// 0: none. `tries` says which upgrades are tried again. `was_held` says of which distros the last nightly said the same.
///
/// # Errors
/// Where nothing of it can be published.
pub(super) fn publish_channel(
    session: &Session,
    (store, means): (&Store, &Means<'_>),
    (channel, tries): (&ChannelName, Upgrades),
    before: u64,
    was_held: &dyn Fn(&DistroName) -> bool,
    sink: &Sink<'_>,
) -> Result<ChannelDone, Failure> {
    let signer = key::signers(&session.project.settings.key_of(channel))?;
    let mut outlook = publish::outlook(session, store, channel)?;
    if session.project.settings.checks.upgrade {
        outlook = upgrade::tried(session, store, (outlook, tries), means, sink)?;
    }
    // Where all of it fails and nothing was ever published, that is held back, and no error besides.
    let is_nothing = outlook.parts().is_empty() && outlook.held().next().is_some();
    let Publication { published, outlook } = if is_nothing {
        Publication { published: None, outlook }
    } else {
        publish::publish_as(session, store, channel, outlook, Way::Published, &signer)?
    };
    note_assembled(session, store, channel)?;
    let mut done = ChannelDone { kept: outlook.kept.iter().cloned().collect(), ..ChannelDone::default() };
    done.notices.extend(
        outlook.never.iter().map(|node| format!("{channel} is without {node}, which fails and never was in it")),
    );
    for (distro, why) in outlook.held().filter(|(_, why)| !matches!(why, Why::Skipped)) {
        let new = !was_held(&distro.distro);
        let (channel, why) = (channel.clone(), lines(why));
        done.held_back.push(HeldBack { channel, distro: distro.distro.clone(), new, why });
        if distro.is_known {
            done.kept_distros.insert(distro.distro.clone());
        }
    }
    if let Some(published) = published {
        let generation = published.generation;
        let changes = changes(session, store, channel, (before, generation), &outlook)?;
        let is_new = generation != before;
        done.published = Some(Published { channel: channel.clone(), generation, is_new, changes });
        for (to, pushed) in publish::push(session, store, channel)? {
            if let Err(failure) = pushed {
                done.failures.push(one_line(&format!("{channel} was not brought to {to}: {}", told(&failure))));
            }
        }
    }
    Ok(done)
}

/// Removes the generations that need not stay.
///
/// # Errors
/// Where one cannot be removed.
pub(super) fn prune(session: &Session, store: &Store, channel: &ChannelName) -> Result<(), Failure> {
    if publishing::current(store, channel)?.is_some() {
        generations::prune(session, store, channel, false)?;
    }
    Ok(())
}

/// The generation of `channel` that is current; 0: none.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn generation_of(store: &Store, channel: &ChannelName) -> Result<u64, Failure> {
    if !store.channels()?.contains(channel) {
        return Ok(0);
    }
    Ok(publishing::current(store, channel)?.map_or(0, |current| current.number))
}

/// Notes what the channel's repositories are assembled with, where that is not on record: an older program has made them, or one
/// that was killed behind it.
fn note_assembled(session: &Session, store: &Store, channel: &ChannelName) -> Result<(), Failure> {
    let parts = channel::parts(session, channel)?;
    let wish = plan::Wish { wanted: parts.clone(), ..plan::Wish::default() };
    let plan = plan::plan(session, &wish, store, None)?;
    for id in parts.into_iter().filter(|id| plan.of(*id).is_some_and(|planned| planned.state == State::Clean)) {
        let instead = Instead { without: plan.without(id, &session.graph), ..Instead::default() };
        let outputs = |id| plan.of(id).and_then(|planned| planned.outputs.as_ref());
        last_good::note(session, store, id, outputs, (&instead, &BTreeSet::new()))?;
    }
    Ok(())
}

/// Packages that differ between two generations.
fn changes(
    session: &Session,
    store: &Store,
    channel: &ChannelName,
    (before, now): (u64, u64),
    outlook: &Outlook,
) -> Result<Vec<PackageChange>, Failure> {
    if before == now {
        return Ok(Vec::new());
    }
    let all = publishing::generations(store, channel)?;
    let has = |number: u64| all.iter().any(|generation| generation.number == number);
    let of_outlook = || {
        let distros = outlook.distros.iter().filter(|distro| distro.held.is_none());
        distros.map(|distro| (distro.distro.clone(), distro.changes.clone())).collect::<Vec<_>>()
    };
    let distros = match before {
        // Of what was published before, nobody knows any more; what this nightly brought is known.
        before if before > 0 && !has(before) => of_outlook(),
        0 => generations::diff(session, store, channel, (None, Some(now)))?.distros,
        before => generations::diff(session, store, channel, (Some(before), Some(now)))?.distros,
    };
    let mut told: Vec<PackageChange> =
        distros.iter().flat_map(|(distro, changes)| changes.iter().map(|changed| change(distro, changed))).collect();
    told.truncate(MOST_CHANGES);
    Ok(told)
}

fn change(distro: &DistroName, changed: &Changed) -> PackageChange {
    let (before, after) = match &changed.change {
        Change::Added { version } => (None, Some(version.clone())),
        Change::Removed { version } => (Some(version.clone()), None),
        Change::Changed { from, to } => (Some(from.clone()), Some(to.clone())),
    };
    let (name, arch) = (changed.name.clone(), changed.arch.clone());
    PackageChange { distro: distro.clone(), name, arch, before, after }
}

/// Why a distro is held back.
fn lines(why: &Why) -> Vec<String> {
    let mut lines = vec![why.reason()];
    let text = match why {
        Why::Open { closure, .. } => {
            format!("{}{}", told_broken(&closure.broken), told_incoherent(&closure.incoherent))
        }
        Why::Lower { lower } => told_changes(lower),
        Why::Upgrade { failed } => {
            failed.iter().map(|(node, failure)| format!("{node}: {}\n", told(failure))).collect()
        }
        Why::NotBuilt { .. } | Why::Skipped => String::new(),
    };
    let all: Vec<String> = text.lines().map(str::to_owned).collect();
    let more = all.len().saturating_sub(MOST_LINES);
    lines.extend(all.into_iter().take(MOST_LINES));
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.iter().map(|line| one_line(line)).collect()
}
