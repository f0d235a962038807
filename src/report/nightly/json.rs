//! The report for programs; the schema is `docs/schema/report-nightly.json`. It has all that is known, as it is.

use serde::Serialize;

use super::summary::{Counts, headline};
use super::{DistroEnd, KeyAge, Page};
use crate::name::ChannelName;
use crate::night::{Cell, Commit, Failing, HeldBack, Move, NightStep, NotStarted, Published};
use crate::report::cache::{JsonSums, sums};
use crate::report::causes::date;
use crate::report::exceptions::Listed;

/// The version of the JSON form.
pub const NIGHTLY_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonPage<'a> {
    version: u32,
    project: &'a str,
    made: String,
    set: &'a str,
    number: u64,
    started: String,
    milliseconds: u64,
    channels: &'a [ChannelName],
    headline: String,
    regressed: bool,
    counts: JsonCounts,
    steps: &'a [NightStep],
    moves: Vec<JsonMove<'a>>,
    failing: Vec<JsonFailing<'a>>,
    fixed: &'a [String],
    held_back: &'a [HeldBack],
    not_started: &'a [NotStarted],
    published: &'a [Published],
    cells: &'a [Cell],
    notices: &'a [String],
    run: Option<&'a str>,
    reasons: Vec<JsonReason<'a>>,
    sums: Option<JsonSums>,
    nights: Vec<JsonNight>,
    slowest: Vec<JsonTook<'a>>,
    growing: Vec<JsonGrowing<'a>>,
    exceptions: &'a [Listed],
    keys: &'a [KeyAge],
    pins: Vec<JsonPin<'a>>,
    ending: &'a [DistroEnd],
    unknown: &'a [String],
}

#[derive(Serialize)]
struct JsonCounts {
    new_failures: usize,
    still_failing: usize,
    fixed: usize,
    failed_steps: usize,
    not_started: usize,
    newly_held_back: usize,
    held_back: usize,
    packages_published: usize,
    packages_gone: usize,
    moves: usize,
}

#[derive(Serialize)]
struct JsonMove<'a> {
    subject: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    commits: Vec<JsonCommit<'a>>,
    more_commits: u64,
    builds: u64,
    needed_by: &'a [String],
    kept: &'a [String],
}

#[derive(Serialize)]
struct JsonCommit<'a> {
    id: &'a str,
    subject: &'a str,
    time: String,
}

#[derive(Serialize)]
struct JsonFailing<'a> {
    node: &'a str,
    new: bool,
    since: String,
    message: &'a str,
    lines: &'a [String],
    log: Option<String>,
    not_run: u64,
    good: Option<JsonGood<'a>>,
    commits: Vec<JsonCommit<'a>>,
}

#[derive(Serialize)]
struct JsonGood<'a> {
    time: String,
    version: Option<&'a str>,
    kept: bool,
}

#[derive(Serialize)]
struct JsonReason<'a> {
    theme: &'a str,
    text: &'a str,
    roots: usize,
    sums: JsonSums,
}

#[derive(Serialize)]
struct JsonNight {
    number: u64,
    started: String,
    milliseconds: u64,
    new_failures: usize,
    still_failing: usize,
    not_started: usize,
    spent_milliseconds: Option<u64>,
    saved_milliseconds: Option<u64>,
}

#[derive(Serialize)]
struct JsonTook<'a> {
    node: &'a str,
    milliseconds: u64,
    cpu_milliseconds: u64,
}

#[derive(Serialize)]
struct JsonGrowing<'a> {
    node: &'a str,
    milliseconds: u64,
    usual_milliseconds: u64,
    before_milliseconds: &'a [u64],
}

#[derive(Serialize)]
struct JsonPin<'a> {
    subject: &'a str,
    at: &'a str,
    time: String,
    days: i64,
}

/// The report as one JSON object.
pub fn json(page: &Page) -> String {
    let (night, counts) = (&page.night, Counts::of(&page.night));
    let reasons = page.run.iter().flat_map(|run| &run.missed).map(|one| JsonReason {
        theme: &one.theme,
        text: &one.text,
        roots: one.roots,
        sums: sums(&one.sums),
    });
    let nights = page.nights.iter().map(|one| JsonNight {
        number: one.number,
        started: date(one.started),
        milliseconds: one.milliseconds,
        new_failures: one.new,
        still_failing: one.still,
        not_started: one.not_started,
        spent_milliseconds: one.spent_and_saved.map(|(spent, _)| spent),
        saved_milliseconds: one.spent_and_saved.map(|(_, saved)| saved),
    });
    let slowest = page.slowest.iter().map(|one| JsonTook {
        node: &one.node,
        milliseconds: one.milliseconds,
        cpu_milliseconds: one.cpu_milliseconds,
    });
    let growing = page.growing.iter().map(|one| JsonGrowing {
        node: &one.node,
        milliseconds: one.milliseconds,
        usual_milliseconds: one.usual,
        before_milliseconds: &one.before,
    });
    let pins = page.pins.iter().map(|pin| {
        let (subject, at) = (pin.subject.as_str(), pin.at.as_str());
        JsonPin { subject, at, time: date(pin.time), days: pin.days }
    });
    let whole = JsonPage {
        version: NIGHTLY_VERSION,
        project: &page.project,
        made: date(page.made),
        set: &night.set,
        number: night.number,
        started: date(night.started),
        milliseconds: night.milliseconds,
        channels: &night.channels,
        headline: headline(page),
        regressed: night.regressed,
        counts: json_counts(counts),
        steps: &night.steps,
        moves: night.moves.iter().map(moved).collect(),
        failing: night.failing.iter().map(failing).collect(),
        fixed: &night.fixed,
        held_back: &night.held_back,
        not_started: &night.not_started,
        published: &night.published,
        cells: &night.cells,
        notices: &night.notices,
        run: night.run.as_deref(),
        reasons: reasons.collect(),
        sums: page.run.as_ref().map(|run| sums(&run.total)),
        nights: nights.collect(),
        slowest: slowest.collect(),
        growing: growing.collect(),
        exceptions: &page.exceptions,
        keys: &page.keys,
        pins: pins.collect(),
        ending: &page.ending,
        unknown: &page.unknown,
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

fn json_counts(counts: Counts) -> JsonCounts {
    let Counts { new, still, fixed, newly_held, held, failed_steps, not_started, published, gone, moves } = counts;
    JsonCounts {
        new_failures: new,
        still_failing: still,
        fixed,
        failed_steps,
        not_started,
        newly_held_back: newly_held,
        held_back: held,
        packages_published: published,
        packages_gone: gone,
        moves,
    }
}

fn commit(commit: &Commit) -> JsonCommit<'_> {
    JsonCommit { id: &commit.id, subject: &commit.subject, time: date(commit.time) }
}

fn moved(one: &Move) -> JsonMove<'_> {
    JsonMove {
        subject: &one.subject,
        before: one.before.as_deref(),
        after: one.after.as_deref(),
        commits: one.commits.iter().map(commit).collect(),
        more_commits: one.more_commits,
        builds: one.builds,
        needed_by: &one.needed_by,
        kept: &one.kept,
    }
}

fn failing(one: &Failing) -> JsonFailing<'_> {
    let good = one.good.as_ref();
    let good = good.map(|good| JsonGood { time: date(good.time), version: good.version.as_deref(), kept: good.kept });
    JsonFailing {
        node: &one.node,
        new: one.new,
        since: date(one.since),
        message: &one.message,
        lines: &one.lines,
        log: one.log.map(|log| log.to_string()),
        not_run: one.not_run,
        good,
        commits: one.commits.iter().map(commit).collect(),
    }
}
