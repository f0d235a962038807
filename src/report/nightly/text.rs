//! The report as text, for mail: the first line is its subject, what is worse comes first, and where nothing happened there is
//! hardly anything.

use super::alike::{Alike, alike, changed};
use super::summary::{Counts, MESSAGE, NAME, NEAR, day, headline, left, not_started, short};
use super::{Growing, Page};
use crate::night::{Commit, Move, Published};
use crate::report::cache::spent;
use crate::report::causes::some_of;
use crate::report::lines::saved;
use crate::report::{count, duration, line_of};

/// How long a line is.
const WIDE: usize = 76;

/// How many failures are told in full, and how many are named.
const MOST_NEW: usize = 12;
const MOST_STILL: usize = 20;

/// How many of other things are listed.
const MOST: usize = 12;

/// How many lines of a log, and how many commits.
const MOST_LINES: usize = 6;
const MOST_COMMITS: usize = 5;

/// How many targets or components are named.
const NAMED: usize = 3;

/// The report in lines of at most 76 characters, but for the first, which says it all.
pub fn text(page: &Page) -> String {
    let night = &page.night;
    // The subject of a mail is one line, however long.
    let mut text = headline(page) + "\n";
    let parts = [
        ("Did not start", listed(night.not_started.iter().map(not_started), night.not_started.len())),
        ("New failures", failures(page)),
        ("Steps that failed", steps(page)),
        ("Held back", held_back(page)),
        ("Still failing", still(page)),
        ("Fixed", listed(night.fixed.iter().map(|node| line_of(node, NAME)), night.fixed.len())),
        ("What moved", listed(night.moves.iter().map(moved), night.moves.len())),
        ("Published", night.published.iter().filter(|one| one.is_new).map(published).collect()),
        ("Noticed", listed(night.notices.iter().map(|notice| line_of(notice, MESSAGE)), night.notices.len())),
        ("To look after", attention(page)),
        ("Growing builds", listed(page.growing.iter().map(grown), page.growing.len())),
    ];
    for (heading, body) in parts.into_iter().filter(|(_, body)| !body.is_empty()) {
        text += &format!("\n{}\n{body}", heading.to_uppercase());
    }
    text.push('\n');
    text + took(page).as_str()
}

/// What it took, and what was saved.
fn took(page: &Page) -> String {
    let (night, counts) = (&page.night, Counts::of(&page.night));
    let mut text = wrapped(&format!("It took {}.", duration(night.milliseconds)), "", "  ");
    match &page.run {
        Some(run) => {
            text += &wrapped(&line_of(&spent(&run.total), MESSAGE), "", "  ");
            text += &wrapped(&line_of(&saved(&run.total.saved), MESSAGE), "", "  ");
        }
        None if night.run.is_none() && counts.new + counts.still + counts.not_started == 0 => {
            text += "Nothing had to be built.\n";
        }
        None => {}
    }
    text
}

/// `text` in lines of at most [`WIDE`] characters; words that are longer are cut in two.
fn wrapped(text: &str, first: &str, next: &str) -> String {
    let options = textwrap::Options::new(WIDE).initial_indent(first).subsequent_indent(next);
    textwrap::fill(text, options.word_splitter(textwrap::WordSplitter::NoHyphenation)) + "\n"
}

/// Lines of a list, and how many more there are of `all`.
fn listed(lines: impl Iterator<Item = String>, all: usize) -> String {
    let mut text: String = lines.take(MOST).map(|line| wrapped(&line, "  ", "    ")).collect();
    if all > MOST {
        text += &format!("  and {} more\n", all - MOST);
    }
    text
}

fn groups(page: &Page, new: bool) -> Vec<Alike<'_>> {
    alike(page.night.failing.iter().filter(|failing| failing.new == new))
}

/// `build:libmd on debian-12/amd64, debian-13/amd64 and 10 more`.
fn titled(group: &Alike<'_>) -> String {
    let places: Vec<String> = group.places.iter().take(NAMED + 1).map(|place| line_of(place, NAME)).collect();
    let on =
        if places.is_empty() { String::new() } else { format!(" on {}", some_of(&places, group.places.len(), NAMED)) };
    format!("{}{on}", line_of(group.subject, NAME))
}

fn failures(page: &Page) -> String {
    let groups = groups(page, true);
    let mut text: String = groups.iter().take(MOST_NEW).map(failure).collect();
    if groups.len() > MOST_NEW {
        text += &format!("  and {} more\n", groups.len() - MOST_NEW);
    }
    text
}

fn failure(group: &Alike<'_>) -> String {
    let failing = group.first;
    let mut text = wrapped(&titled(group), "  ", "    ");
    text += &wrapped(&line_of(&failing.message, MESSAGE), "    ", "    ");
    for line in failing.lines.iter().take(MOST_LINES) {
        text += &format!("      | {}\n", line_of(line, WIDE - 9));
    }
    if let Some(good) = &failing.good {
        let version = good.version.as_ref().map(|version| format!(" ({})", line_of(version, NAME))).unwrap_or_default();
        let kept = if good.kept { ", and stays published" } else { "" };
        text += &wrapped(&format!("last good on {}{version}{kept}", day(good.time)), "    ", "      ");
    }
    if group.not_run > 0 {
        let not_run = count(usize::try_from(group.not_run).unwrap_or(usize::MAX), "node");
        text += &wrapped(&format!("because of it {not_run} did not run"), "    ", "      ");
    }
    if !failing.commits.is_empty() {
        text += "    commits since then:\n";
        text += &failing.commits.iter().take(MOST_COMMITS).map(commit).collect::<String>();
        if failing.commits.len() > MOST_COMMITS {
            text += &format!("      and {} more\n", failing.commits.len() - MOST_COMMITS);
        }
    }
    text
}

fn commit(commit: &Commit) -> String {
    format!("      {} {}\n", short(&commit.id), line_of(&commit.subject, WIDE - 20))
}

fn steps(page: &Page) -> String {
    let failed = page.night.steps.iter().filter_map(|step| Some((&step.name, step.failure.as_ref()?)));
    let lines = failed.map(|(name, why)| format!("{}: {}", line_of(name, 20), line_of(why, MESSAGE)));
    lines.map(|line| wrapped(&line, "  ", "    ")).collect()
}

fn held_back(page: &Page) -> String {
    let line = |held: &crate::night::HeldBack| {
        let new = if held.new { "newly: " } else { "" };
        let why = held.why.first().map(|why| line_of(why, MESSAGE)).unwrap_or_default();
        let more = if held.why.len() > 1 { format!(" (and {} more)", held.why.len() - 1) } else { String::new() };
        format!("{new}{} of {} keeps its last good state: {why}{more}", held.distro, held.channel)
    };
    listed(page.night.held_back.iter().map(line), page.night.held_back.len())
}

fn still(page: &Page) -> String {
    let groups = groups(page, false);
    let line = |group: &Alike<'_>| {
        let message = line_of(&group.first.message, 100);
        wrapped(&format!("{}, since {}: {message}", titled(group), day(group.first.since)), "  ", "    ")
    };
    let mut text: String = groups.iter().take(MOST_STILL).map(line).collect();
    if groups.len() > MOST_STILL {
        text += &format!("  and {} more\n", groups.len() - MOST_STILL);
    }
    text
}

fn moved(one: &Move) -> String {
    let pin = |pin: &Option<String>| pin.as_ref().map(|pin| line_of(pin, NAME));
    let way = match (pin(&one.before), pin(&one.after)) {
        (None, Some(after)) => format!("new, at {after}"),
        (Some(before), None) => format!("gone, was at {before}"),
        (before, after) => format!("{} to {}", before.unwrap_or_default(), after.unwrap_or_default()),
    };
    let commits = one.commits.len().saturating_add(usize::try_from(one.more_commits).unwrap_or(usize::MAX));
    let commits = if commits > 0 { format!(", {}", count(commits, "commit")) } else { String::new() };
    let needed = match one.needed_by.len() {
        0 => String::new(),
        all => {
            let names: Vec<String> = one.needed_by.iter().take(NAMED + 1).map(|name| line_of(name, NAME)).collect();
            let builds = count(usize::try_from(one.builds).unwrap_or(usize::MAX), "build");
            format!("; {builds} of {}", some_of(&names, all, NAMED))
        }
    };
    let kept = match one.kept.len() {
        0 => String::new(),
        all => {
            let names: Vec<String> = one.kept.iter().take(NAMED + 1).map(|name| line_of(name, NAME)).collect();
            format!("; what was built before stays of {}", some_of(&names, all, NAMED))
        }
    };
    format!("{}: {way}{commits}{needed}{kept}", line_of(&one.subject, NAME))
}

fn published(one: &Published) -> String {
    let Published { channel, generation, .. } = one;
    let groups = changed(one);
    let packages: usize = groups.iter().map(|group| group.packages).sum();
    let heading = format!("{channel}, generation {generation}: {}", count(packages, "package"));
    let lines = groups.iter().map(|group| {
        let version = |version: &Option<String>| version.as_ref().map(|version| line_of(version, NAME));
        let what = match (version(&group.before), version(&group.after)) {
            (None, after) => format!("{} (new)", after.unwrap_or_default()),
            (before, None) => format!("{} (gone)", before.unwrap_or_default()),
            (Some(before), Some(after)) => format!("{before} to {after}"),
        };
        let on = match group.distros.len() {
            1 => String::new(),
            many => format!(", on {}", count(many, "distro")),
        };
        format!("  {} {what}{on}", line_of(group.name, NAME))
    });
    wrapped(&heading, "  ", "    ") + listed(lines, groups.len()).as_str()
}

/// What ends soon or has ended; what merely will some day is in the page.
fn attention(page: &Page) -> String {
    let exceptions = page.exceptions.iter().filter(|one| one.days_left <= NEAR).map(|one| {
        let left = left(one.days_left, "expired");
        let (selector, reason) = (line_of(&one.selector, NAME), line_of(&one.reason, 200));
        format!("{} {selector}: {left} ({}): {reason}", one.kind, line_of(&one.expires, 20))
    });
    let keys = page.keys.iter().filter(|key| !key.is_fine);
    let keys = keys.map(|key| format!("the key {} {}", line_of(&key.name, NAME), line_of(&key.words, 200)));
    let distros = page.ending.iter().map(|one| {
        format!(
            "{} is supported until {} ({})",
            line_of(&one.distro, NAME),
            line_of(&one.end, 20),
            left(one.days, "ended")
        )
    });
    let pins = page.pins.iter().map(|pin| {
        let days = count(usize::try_from(pin.days).unwrap_or(0), "day");
        format!("{} is pinned to what is {days} old: {}", line_of(&pin.subject, NAME), line_of(&pin.at, NAME))
    });
    let unknown = page.unknown.iter().map(|line| format!("not known: {}", line_of(line, MESSAGE)));
    let lines: Vec<String> = exceptions.chain(keys).chain(distros).chain(pins).chain(unknown).collect();
    let all = lines.len();
    listed(lines.into_iter(), all)
}

fn grown(one: &Growing) -> String {
    let (took, usual) = (duration(one.milliseconds), duration(one.usual));
    format!("{} took {took}, {} % more than usual ({usual})", line_of(&one.node, NAME), one.percent())
}
