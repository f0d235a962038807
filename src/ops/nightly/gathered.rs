//! What gathers while a nightly runs, and what it tells in the place of nightlies that could not.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Steps;
use super::pins::one_line;
use crate::diag::Failure;
use crate::exec::told;
use crate::name::ChannelName;
use crate::night::{Failing, HeldBack, Night, NotStarted};
use crate::report::causes::date;
use crate::store::runs::{Run, RunId};
use crate::store::{NightState, Store};

/// The most runs of earlier nightlies that are looked at.
const MOST_RUNS: usize = 20;

/// What gathers.
pub(super) struct Gathered {
    pub night: Night,
    pub steps: Steps,
    pub state: NightState,
    /// What locks are once there is a record of it; until then the next nightly tells what changed since the last record.
    pub locks: BTreeMap<String, String>,
    pub last: Option<Night>,
    /// What kept it from doing all; the first of it.
    pub failure: Option<Failure>,
    /// The numbers of the nightlies since the last record.
    unrecorded: RangeInclusive<u64>,
}

impl Gathered {
    /// Nothing yet. `last` is the last nightly on record, and those that are `unrecorded` have begun since.
    pub fn begin(night: Night, state: NightState, last: Option<Night>, unrecorded: RangeInclusive<u64>) -> Self {
        let (steps, locks, failure) = (Steps::default(), BTreeMap::new(), None);
        Self { night, steps, state, locks, last, failure, unrecorded }
    }

    /// What the last nightly said of a channel's distros holds on, as nothing new is known of them.
    pub fn still_held_back(&mut self, channel: &ChannelName) {
        let last = self.last.iter().flat_map(|last| &last.held_back).filter(|held| held.channel == *channel);
        self.night.held_back.extend(last.map(|held| HeldBack { new: false, ..held.clone() }));
    }

    /// Nothing is done of `channels`, because of `failure`.
    pub fn not_started(&mut self, channels: &[ChannelName], failure: Failure) {
        channels.iter().for_each(|channel| self.still_held_back(channel));
        let before = || self.last.iter().flat_map(|last| &last.not_started).flat_map(|one| &one.channels);
        let (new, why) = (!channels.iter().all(|channel| before().any(|known| known == channel)), why(&failure));
        match self.night.not_started.iter_mut().find(|one| one.why == why) {
            Some(one) => {
                one.new |= new;
                one.channels.extend_from_slice(channels);
                one.channels.sort_unstable();
            }
            None => self.night.not_started.push(NotStarted { channels: channels.to_vec(), new, why }),
        }
        self.failure.get_or_insert(failure);
    }

    /// The runs since the last record, where nightlies have begun since then that left none: what ran in them is told by this one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn runs_of_earlier(&self, store: &Store, project: &str) -> Result<Vec<Run>, Failure> {
        if self.unrecorded.is_empty() {
            return Ok(Vec::new());
        }
        let known: Option<RunId> = self.state.last_run.as_ref().and_then(|id| id.parse().ok());
        let mut runs = Vec::new();
        for id in store.runs()?.into_iter().rev().take_while(|id| known.as_ref() < Some(id)).take(MOST_RUNS) {
            runs.extend(store.run(&id)?.filter(|run| run.head.started.project == project));
        }
        Ok(runs)
    }

    /// Says what became of nightlies that left no record, or one of nothing; and what the last one said of nodes of which nothing
    /// new is known.
    pub fn tell_of_earlier(&mut self) {
        let mut notices = Vec::new();
        if !self.unrecorded.is_empty() {
            let (first, last) = (self.unrecorded.start(), self.unrecorded.end());
            let which = match first == last {
                true => format!("nightly {last} was"),
                false => format!("the nightlies {first} to {last} were"),
            };
            notices.push(format!("{which} killed or stopped before the end: what was done is told here"));
        }
        let is_whole = self.night.not_started.is_empty();
        if let Some(last) = &self.last {
            let day: String = date(last.started).chars().take_while(|letter| *letter != 'T').collect();
            let before = last.not_started.iter().filter(|_| is_whole);
            notices.extend(before.map(|one| format!("nightly {}, of {day}, did not start: {}", last.number, one.why)));
        }
        self.night.notices.splice(0..0, notices);
        if is_whole {
            return;
        }
        let night = &self.night;
        let is_told = |failing: &&Failing| {
            night.fixed.contains(&failing.node) || night.failing.iter().any(|told| told.node == failing.node)
        };
        let still = self.last.iter().flat_map(|last| &last.failing).filter(|failing| !is_told(failing));
        let still: Vec<Failing> = still.map(|failing| Failing { new: false, ..failing.clone() }).collect();
        self.night.failing.extend(still);
    }
}

/// Why nothing can be done, on one line: of several mistakes the first, with its place.
fn why(failure: &Failure) -> String {
    let whole = one_line(&told(failure));
    let Some(first) = failure.report.related().and_then(|mut all| all.next()) else { return whole };
    let label = first.labels().and_then(|mut labels| labels.next());
    let place = label.and_then(|label| {
        let contents = first.source_code()?.read_span(label.inner(), 0, 0).ok()?;
        Some(format!("{}:{}: ", contents.name()?, contents.line() + 1))
    });
    one_line(&format!("{whole}: {}{first}", place.unwrap_or_default()))
}
