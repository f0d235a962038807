//! The line that says it all, and words that all forms of the report share.

use std::collections::BTreeSet;

use super::Page;
use crate::night::{CellState, Failing, Night, NotStarted, PackageChange};
use crate::report::causes::{date, some_of};
use crate::report::{count, line_of};

/// The most characters of a name, and of a message.
pub(super) const NAME: usize = 100;
pub(super) const MESSAGE: usize = 400;

/// Within how many days an end is near.
pub(super) const NEAR: i32 = 14;

/// What a nightly came to, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub new: usize,
    pub still: usize,
    pub fixed: usize,
    /// Distros newly held back, and all of them.
    pub newly_held: usize,
    pub held: usize,
    pub failed_steps: usize,
    /// Channels of which nothing was done.
    pub not_started: usize,
    /// Packages that a new generation brought, and that went with it; without source packages.
    pub published: usize,
    pub gone: usize,
    pub moves: usize,
}

impl Counts {
    pub(super) fn of(night: &Night) -> Self {
        let new = night.failing.iter().filter(|failing| failing.new).count();
        let changes = || packages(night).filter(|change| change.arch != "source");
        Self {
            new,
            still: night.failing.len() - new,
            fixed: night.fixed.len(),
            newly_held: night.held_back.iter().filter(|held| held.new).count(),
            held: night.held_back.len(),
            failed_steps: night.steps.iter().filter(|step| step.failure.is_some()).count(),
            not_started: night.not_started.iter().map(|one| one.channels.len()).sum(),
            published: changes().filter(|change| change.after.is_some()).count(),
            gone: changes().filter(|change| change.after.is_none()).count(),
            moves: night.moves.len(),
        }
    }
}

/// Packages of generations that this nightly made.
fn packages(night: &Night) -> impl Iterator<Item = &PackageChange> {
    night.published.iter().filter(|published| published.is_new).flat_map(|published| &published.changes)
}

/// `2 new failures, 1 fixed, 14 packages published: nightly of demo, 2026-11-29`.
pub(super) fn headline(page: &Page) -> String {
    format!("{}: {}", news(&page.night), called(page))
}

/// `2 new failures, 1 fixed, 14 packages published`.
pub(super) fn news(night: &Night) -> String {
    let counts = Counts::of(night);
    let mut parts = Vec::new();
    match counts.not_started {
        0 => {}
        all if all >= night.channels.len() => parts.push("did not start".to_owned()),
        some => parts.push(format!("{} not begun with", count(some, "channel"))),
    }
    if counts.new > 0 {
        parts.push(format!("{}{}", count(counts.new, "new failure"), of_what(night)));
    }
    if counts.failed_steps > 0 {
        parts.push(format!("{} failed", count(counts.failed_steps, "step")));
    }
    if counts.newly_held > 0 {
        parts.push(format!("{} newly held back", count(counts.newly_held, "distro")));
    }
    if parts.is_empty() && counts.fixed + counts.published + counts.gone == 0 {
        parts.push("nothing new".to_owned());
    }
    for (number, words) in [(counts.still, "still failing"), (counts.fixed, "fixed")] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    if counts.published > 0 {
        parts.push(format!("{} published", count(counts.published, "package")));
    }
    if counts.gone > 0 {
        parts.push(format!("{} gone", count(counts.gone, "package")));
    }
    parts.join(", ")
}

/// `nightly, stable: recipes/a.rhai:1: …`: which channels were not begun with, and why.
pub(super) fn not_started(one: &NotStarted) -> String {
    let channels: Vec<String> = one.channels.iter().map(|channel| line_of(channel.as_str(), NAME)).collect();
    format!("{}: {}", some_of(&channels, channels.len(), 8), line_of(&one.why, MESSAGE))
}

/// Of which components new failures are, where that says more than their number.
fn of_what(night: &Night) -> String {
    let new = || night.failing.iter().filter(|failing| failing.new);
    let subjects: BTreeSet<&str> = new().map(subject).collect();
    match subjects.first() {
        Some(only) if subjects.len() == 1 => format!(" of {}", line_of(only, 40)),
        Some(_) if subjects.len() < new().count() => format!(" of {}", count(subjects.len(), "component")),
        _ => String::new(),
    }
}

/// What a failing node is about: `libmd` of `build:libmd@debian-12/amd64`.
fn subject(failing: &Failing) -> &str {
    let name = failing.node.split('@').next().unwrap_or_default();
    name.split_once(':').map_or(name, |(_, subject)| subject)
}

/// `nightly of demo, 2026-11-29`, with the set's name where it is another.
pub(super) fn called(page: &Page) -> String {
    let set = line_of(&page.night.set, 40);
    let name = if ["", "default", "nightly"].contains(&set.as_str()) {
        "nightly".to_owned()
    } else {
        format!("nightly ({set})")
    };
    format!("{name} of {}, {}", line_of(&page.project, 60), day(page.night.started))
}

/// How many things are to be looked after soon.
pub(super) fn attention(page: &Page) -> usize {
    let exceptions = page.exceptions.iter().filter(|one| one.days_left <= NEAR).count();
    let keys = page.keys.iter().filter(|key| !key.is_fine).count();
    exceptions + keys + page.ending.len() + page.pins.len()
}

/// The day of a time, in UTC, as `2026-11-29`.
pub(super) fn day(seconds: i64) -> String {
    date(seconds).chars().take_while(|letter| *letter != 'T').collect()
}

/// A time to the minute, in UTC, as `2026-11-29 02:00`.
pub(super) fn minute(seconds: i64) -> String {
    date(seconds).chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

/// `3 days left`, `last day`; where that is past, `expired 5 days ago` with the word for it.
pub(super) fn left(days: i32, past: &str) -> String {
    let number = count(usize::try_from(days.unsigned_abs()).unwrap_or(usize::MAX), "day");
    match days {
        0 => "last day".to_owned(),
        days if days > 0 => format!("{number} left"),
        _ => format!("{past} {number} ago"),
    }
}

/// The first 12 letters of a commit's id.
pub(super) fn short(id: &str) -> String {
    line_of(&id.chars().take(12).collect::<String>(), 12)
}

/// What a cell of the grid came to, as a class of the page, a sign, and in words.
pub(super) fn state(state: CellState) -> (&'static str, char, &'static str) {
    match state {
        CellState::Clean => ("clean", '·', "clean"),
        CellState::Built => ("built", '✓', "built"),
        CellState::Fixed => ("fixed", '↑', "fixed"),
        CellState::NewFailure => ("new", '!', "new failure"),
        CellState::StillFailing => ("still", '✗', "still failing"),
        CellState::Blocked => ("blocked", '⊘', "blocked"),
        CellState::ExpectedFailure => ("expected", '~', "fails as expected"),
        CellState::Skipped => ("skipped", '–', "skipped"),
    }
}

/// All states, in the order of a legend.
pub(super) const STATES: [CellState; 8] = [
    CellState::NewFailure,
    CellState::StillFailing,
    CellState::Blocked,
    CellState::ExpectedFailure,
    CellState::Skipped,
    CellState::Fixed,
    CellState::Built,
    CellState::Clean,
];
