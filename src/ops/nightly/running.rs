//! The steps of a nightly, one behind the other.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::gathered::Gathered;
use super::heard::{Heard, Listening};
use super::moved;
use super::pins::{self, Moved, one_line};
use super::publishing::{ChannelDone, generation_of, prune, publish_channel};
use super::telling::{self, Told};
use super::verifying::verify_some;
use super::wishing::wish;
use super::{Done, End, Group, Wanted, check_frozen, kept_lock, project_of};
use crate::diag::Failure;
use crate::event::{Event, Sink};
use crate::exec::{Checkouts, Outcome, told};
use crate::name::{ChannelName, DistroName, NodeName, SetName};
use crate::night::Night;
use crate::ops::build::{Means, build};
use crate::ops::keeping::project_of as project_of_lists;
use crate::ops::pin::moves::moves;
use crate::ops::plan::{Asked, plan};
use crate::ops::session::Session;
use crate::ops::upgrade::Upgrades;
use crate::ops::verify::Sample;
use crate::project::{Project, lock_text, now};
use crate::settings::NightSet;
use crate::store::Store;
use crate::store::runs::RunId;

/// The most notices of a nightly.
const MOST_NOTICES: usize = 1_000;

/// Runs the nightly of the set `name`, whose lock is held.
pub(super) fn run(
    wanted: &Wanted<'_>,
    (project, name, set): (&Project, &SetName, NightSet),
    (store, means): (&Store, &Means<'_>),
    sink: &Sink<'_>,
) -> Result<End, Failure> {
    let (began, started, of) = (Instant::now(), now(), project_of(project));
    let channels = project.settings.channels_of(&set);
    let groups = check_frozen(name, &set).and_then(|()| Group::all(project, &channels));
    let mut state = store.night_state(&of, name)?;
    let last = store.last_nights(&of, name, 1)?.pop();
    let on_record = store.nights(&of, name)?.pop().unwrap_or(0);
    let unrecorded = on_record + 1..=state.begun;
    state.begun = state.begun.max(on_record) + 1;
    let last_run = || Ok::<_, Failure>(store.runs()?.last().map(ToString::to_string).unwrap_or_default());
    if state.last_run.is_none() {
        state.last_run = Some(last_run()?);
    }
    for channel in &channels {
        let generation = generation_of(store, channel)?;
        state.generations.entry(channel.to_string()).or_insert(generation);
    }
    for group in groups.iter().flatten() {
        // One that cannot be read is told by the steps.
        let lock = group.open(wanted.folder).and_then(|project| Ok((project.lock_file(), project.lock()?)));
        if let Ok((file, lock)) = lock {
            state.locks.entry(file).or_insert_with(|| lock_text(&lock));
        }
    }
    // From here on this number is taken, and what changes is told by whichever nightly comes to its end.
    store.keep_night_state(&of, name, &state)?;
    let night = Night::begun(name.as_str(), state.begun, started, channels.clone());
    let mut gathered = Gathered::begin(night, state, last, unrecorded);
    match groups {
        Err(failure) => gathered.not_started(&channels, failure),
        Ok(groups) => {
            for group in &groups {
                if !run_group(wanted, (&set, group), (store, means), sink, (&mut gathered, &of, name))? {
                    return Ok(End::Stopped);
                }
            }
        }
    }
    gathered.tell_of_earlier();
    let Gathered { mut night, steps, mut state, locks, last, failure, .. } = gathered;
    state.locks.extend(locks);
    night.steps = steps.0;
    // What is built from several locks is told once, by what is worst of it.
    telling::tell_once(&mut night);
    night.published.sort_by(|one, other| one.channel.cmp(&other.channel));
    night.notices.truncate(MOST_NOTICES);
    night.regressed = telling::is_worse(&night, last.as_ref());
    night.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    for published in &night.published {
        state.generations.insert(published.channel.to_string(), published.generation);
    }
    state.last_run = Some(last_run()?);
    // The record first: killed in between, the next one tells some of it again, and nothing is lost.
    store.keep_night(&of, name, &night)?;
    store.keep_night_state(&of, name, &state)?;
    Ok(End::Done(Box::new(Done { night, set: name.clone(), settings: set, failure })))
}

/// The steps for channels that are made from one lock; `false` where the nightly was stopped.
fn run_group(
    wanted: &Wanted<'_>,
    (set, group): (&NightSet, &Group),
    (store, means): (&Store, &Means<'_>),
    sink: &Sink<'_>,
    (gathered, of, name): (&mut Gathered, &str, &SetName),
) -> Result<bool, Failure> {
    let stopped = || means.stop.load(Ordering::Relaxed);
    let looked = |subject: &str| gathered.state.looked.get(&group.subject(subject)).copied();
    let (open, began) = (|| group.open(wanted.folder), now());
    let looks = if means.offline { pins::Looks::None } else { wanted.looks };
    let step = || pins::move_pins(&open, (set, looks), (&looked, began), (store, means), true);
    let pins_moved = gathered.steps.during("update", step);
    if stopped() {
        return Ok(false);
    }
    let Moved { session, looked, stays, notices, .. } = match pins_moved {
        Ok(moved) => moved,
        Err(failure) => {
            gathered.not_started(&group.channels, failure);
            return Ok(true);
        }
    };
    for stay in stays {
        gathered.steps.failed("update", &format!("{} stays where it is: {}", stay.what, stay.why));
        // In a line of its own: what somebody is to do is not to be cut off.
        if stay.takes.is_some() {
            gathered.night.notices.push(stay.told(group.of_lock()));
        }
    }
    gathered.night.notices.extend(notices.iter().map(|notice| one_line(notice)));
    gathered.state.looked.extend(looked.iter().map(|subject| (group.subject(subject), began)));
    // A nightly that is killed from here on does not have to look again.
    store.keep_night_state(of, name, &gathered.state)?;
    let wish = wish(&session.graph, &group.channels, wanted.retry_failed);
    let (listening, before) = (Listening::to(sink), store.runs()?);
    let pass_on = |event: Event| listening.take(event);
    let outcome = gathered.steps.during("build", || build(&session, &wish, &Asked::default(), store, means, &pass_on));
    let mut heard = listening.end();
    if stopped() || outcome.as_ref().is_ok_and(|outcome| outcome.stopped) {
        return Ok(false);
    }
    for run in gathered.runs_of_earlier(store, of)? {
        heard.add(&run);
    }
    if gathered.night.run.is_none() {
        // Others may have runs in this store meanwhile.
        let is_own = |run: &RunId| {
            let head = store.run_head(run).ok().flatten();
            !before.contains(run) && head.is_some_and(|head| head.started.pid == std::process::id())
        };
        gathered.night.run = store.runs()?.into_iter().rev().find(is_own).map(|run| run.to_string());
    }
    let outcome = match outcome {
        Ok(outcome) => Some(outcome),
        Err(failure) => {
            gathered.steps.failed("build", &one_line(&told(&failure)));
            gathered.failure.get_or_insert(failure);
            None
        }
    };
    let (mut kept, mut kept_distros) = (BTreeSet::new(), BTreeSet::new());
    for channel in &group.channels {
        // Where there was no run, nothing is assembled that could be published.
        if outcome.is_none() {
            gathered.still_held_back(channel);
            continue;
        }
        let upgrades = Upgrades::of(wanted.retry_failed);
        let (channel_kept, distros) = publish_and_prune(&session, (channel, upgrades), (store, means), gathered, sink);
        kept.extend(channel_kept);
        kept_distros.extend(distros);
        if stopped() {
            return Ok(false);
        }
    }
    if let Some(most) = set.verify.filter(|most| *most > 0 && outcome.is_some()) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let sample = Sample { most, seed: gathered.state.begun.to_string() };
        let step = || verify_some(&session, &wish.wanted, &sample, (store, means), sink);
        match gathered.steps.during("verify", step) {
            Ok(lines) => gathered.night.notices.extend(lines),
            Err(failure) => gathered.steps.failed("verify", &one_line(&told(&failure))),
        }
        if stopped() {
            return Ok(false);
        }
    }
    tell(
        &session,
        &wish.wanted,
        (store, means),
        (outcome.as_ref(), &heard),
        (group, gathered),
        (&kept, &kept_distros),
    )?;
    let (file, text) = kept_lock(&session)?;
    gathered.locks.insert(file, text);
    Ok(true)
}

/// Publishes what is built of a channel, prunes it, and puts down what came of that: the nodes whose last good outputs are published,
/// and the distros.
fn publish_and_prune(
    session: &Session,
    of: (&ChannelName, Upgrades),
    (store, means): (&Store, &Means<'_>),
    gathered: &mut Gathered,
    sink: &Sink<'_>,
) -> (BTreeSet<NodeName>, BTreeSet<DistroName>) {
    let (channel, mut kept) = (of.0, Default::default());
    let last = gathered.last.as_ref();
    let was_held = |distro: &DistroName| {
        let mut held = last.iter().flat_map(|last| &last.held_back);
        held.any(|held| held.channel == *channel && held.distro == *distro)
    };
    let before = gathered.state.generations.get(channel.as_str()).copied().unwrap_or(0);
    let step = || publish_channel(session, (store, means), of, before, &was_held, sink);
    match gathered.steps.during("publish", step) {
        Ok(done) => {
            let ChannelDone { published, held_back, failures, notices, kept: nodes, kept_distros } = done;
            kept = (nodes, kept_distros);
            gathered.night.published.extend(published);
            gathered.night.held_back.extend(held_back);
            gathered.night.notices.extend(notices);
            failures.iter().for_each(|failure| gathered.steps.failed("publish", failure));
        }
        Err(failure) => {
            gathered.still_held_back(channel);
            gathered.steps.failed("publish", &format!("{channel}: {}", one_line(&told(&failure))));
            gathered.failure.get_or_insert(failure);
        }
    }
    if let Err(failure) = gathered.steps.during("prune", || prune(session, store, channel)) {
        gathered.steps.failed("prune", &format!("{channel}: {}", one_line(&told(&failure))));
    }
    kept
}

/// Adds to the record what came of the run.
fn tell(
    session: &Session,
    wanted: &[crate::graph::NodeId],
    (store, means): (&Store, &Means<'_>),
    (outcome, heard): (Option<&Outcome>, &Heard),
    (group, gathered): (&Group, &mut Gathered),
    kept: (&BTreeSet<NodeName>, &BTreeSet<DistroName>),
) -> Result<(), Failure> {
    let (before, lock) = (group.before(&gathered.state)?, session.lock()?);
    let checkouts = Checkouts::new(store, &session.project.settings.sources, means.offline, means.stop);
    let moves = moved::moves(&session.graph, [&before, lock], moves(&before, lock), (&heard.ran, kept.0), &checkouts);
    let all = super::super::plan::Wish { wanted: wanted.to_vec(), ..super::super::plan::Wish::default() };
    let plan = plan(session, &all, store, None)?;
    let (last, started) = (gathered.last.as_ref(), gathered.night.started);
    let listed = store.listed(&project_of_lists(&session.project)).ok().flatten();
    let listed = listed.as_ref();
    let told = Told { session, store, outcome, plan: &plan, heard, last, moves: &moves, kept, listed, started };
    gathered.night.failing.extend(told.failing()?);
    gathered.night.cells.extend(told.cells(wanted));
    gathered.night.fixed.extend(told.fixed());
    gathered.night.moves.extend(moves);
    Ok(())
}
