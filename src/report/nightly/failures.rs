//! What fails, on the page: what fails newly, with all that tells why; what is held back; what fails as before; what is mended.

use std::collections::BTreeMap;

use super::Page;
use super::alike::{Alike, alike};
use super::html::{more, part, shown};
use super::summary::{MESSAGE, NAME, day, minute, not_started, short};
use crate::night::{Commit, Failing};
use crate::report::count;
use crate::report::picture::text as escaped;

/// How many that fail newly, and as before, are told in full.
const MOST_NEW: usize = 40;
const MOST_STILL: usize = 60;

/// How many more are named.
const MOST_NAMED: usize = 200;

/// How many lines of a log there are, and how long one is.
const MOST_LINES: usize = 12;
const LINE: usize = 300;

/// How many commits are listed.
const MOST_COMMITS: usize = 10;

/// How many notices there are, and distros that are held back.
const MOST_NOTICES: usize = 60;

/// How many targets are named.
const MOST_PLACES: usize = 80;

/// Failing nodes of the page, those that are alike together: what fails newly, and what fails as before.
struct Failures<'a> {
    new: Vec<Alike<'a>>,
    still: Vec<Alike<'a>>,
}

impl<'a> Failures<'a> {
    fn of(page: &'a Page) -> Self {
        let of = |new| alike(page.night.failing.iter().filter(move |failing| failing.new == new));
        Self { new: of(true), still: of(false) }
    }
}

/// Where on the page a node's failure is told, by the node's name.
pub(super) fn anchors(page: &Page) -> BTreeMap<String, String> {
    let Failures { new, still } = Failures::of(page);
    let told = |groups: &[Alike<'_>], letter: &str, most: usize| -> Vec<(String, String)> {
        let of = |(number, group): (usize, &Alike<'_>)| {
            let names = group.places.iter().map(|place| format!("{}@{place}", group.subject));
            names.map(|name| (name, format!("{letter}{number}"))).collect::<Vec<_>>()
        };
        groups.iter().take(most).enumerate().flat_map(of).collect()
    };
    told(&new, "n", MOST_NEW).into_iter().chain(told(&still, "s", MOST_STILL)).collect()
}

/// What fails newly.
pub(super) fn new(page: &Page) -> String {
    let groups = Failures::of(page).new;
    let mut body = String::new();
    for (number, group) in groups.iter().take(MOST_NEW).enumerate() {
        body += &format!(
            "<article class=\"card\" id=\"n{number}\">\n<h3><span class=\"bad\">! new:</span> {}</h3>\n{}</article>\n",
            titled(group),
            told(group)
        );
    }
    part("new", "New failures", &(body + others(&groups, MOST_NEW).as_str()))
}

/// What fails as before.
pub(super) fn still(page: &Page) -> String {
    let groups = Failures::of(page).still;
    let mut body = String::new();
    for (number, group) in groups.iter().take(MOST_STILL).enumerate() {
        let days = page.night.started.saturating_sub(group.first.since) / 86_400;
        let days = count(usize::try_from(days).unwrap_or(0), "day");
        body += &format!(
            "<article class=\"card calm\" id=\"s{number}\">\n<h3><span class=\"warn\">✗ since {} ({days}):</span> {}</h3>\n\
             <p>{}</p>\n<details><summary>What is known of it</summary>\n{}</details>\n</article>\n",
            day(group.first.since),
            titled(group),
            shown(&group.first.message, MESSAGE),
            rest(group)
        );
    }
    part("still", "Still failing", &(body + others(&groups, MOST_STILL).as_str()))
}

/// What is mended.
pub(super) fn fixed(page: &Page) -> String {
    let fixed = &page.night.fixed;
    if fixed.is_empty() {
        return String::new();
    }
    let items: String = fixed.iter().take(MOST_NAMED).map(|node| format!("<li>{}</li>\n", shown(node, NAME))).collect();
    part("fixed", "Fixed", &format!("<ul>\n{items}</ul>\n{}", more(fixed.len(), MOST_NAMED, "more node")))
}

/// Steps that failed, distros that are held back, and what was noticed.
pub(super) fn steps(page: &Page) -> String {
    let night = &page.night;
    let mut items = Vec::new();
    for one in &night.not_started {
        items.push(format!("<span class=\"bad\">! did not start:</span> {}", escaped(&not_started(one))));
    }
    for step in &night.steps {
        let Some(failure) = &step.failure else { continue };
        items.push(format!(
            "<span class=\"bad\">! {} failed:</span> {}",
            shown(&step.name, 20),
            shown(failure, MESSAGE)
        ));
    }
    for held in &night.held_back {
        let (class, when) = if held.new { ("bad", "! newly held back") } else { ("warn", "still held back") };
        let why: Vec<String> = held.why.iter().take(4).map(|why| shown(why, MESSAGE)).collect();
        let left = match held.why.len().saturating_sub(why.len()) {
            0 => String::new(),
            left => format!(" and {}", count(left, "more reason")),
        };
        items.push(format!(
            "<span class=\"{class}\">{when}:</span> {} of {} keeps its last good state: {}{left}",
            held.distro,
            held.channel,
            why.join("; ")
        ));
    }
    items.extend(night.notices.iter().map(|notice| shown(notice, MESSAGE)));
    if items.is_empty() {
        return String::new();
    }
    let left = more(items.len(), MOST_NOTICES, "more notice");
    let items: String = items.iter().take(MOST_NOTICES).map(|item| format!("<li>{item}</li>\n")).collect();
    part("steps", "Steps, and what is held back", &format!("<ul>\n{items}</ul>\n{left}"))
}

/// `build:libmd on debian-12/amd64 and 11 more`.
fn titled(group: &Alike<'_>) -> String {
    let on = match &group.places[..] {
        [] => String::new(),
        [one] => format!(" on {}", shown(one, NAME)),
        several => format!(" on {}", count(several.len(), "target")),
    };
    format!("{}{on}", shown(group.subject, NAME))
}

/// All that is told of a failure.
fn told(group: &Alike<'_>) -> String {
    format!("<p>{}</p>\n{}", shown(&group.first.message, MESSAGE), rest(group))
}

/// The same without its message.
fn rest(group: &Alike<'_>) -> String {
    let Failing { node, lines, log, good, commits, .. } = group.first;
    let mut text = String::new();
    if !lines.is_empty() {
        let shown: Vec<String> = lines.iter().take(MOST_LINES).map(|line| shown(line, LINE)).collect();
        text += &format!("<pre>{}</pre>\n", shown.join("\n"));
    }
    if group.places.len() > 1 {
        text += &format!("<p><b>Where:</b> {}</p>\n", places(&group.places));
    }
    let mut facts = Vec::new();
    match good {
        Some(good) => {
            let version =
                good.version.as_ref().map(|version| format!(" ({})", shown(version, NAME))).unwrap_or_default();
            let kept = if good.kept {
                ", and those packages stay published"
            } else {
                ", and none of its packages are published"
            };
            facts.push(format!("<b>Last good:</b> {}{version}{kept}.", minute(good.time)));
        }
        None => facts.push("<b>Last good:</b> none is known.".to_owned()),
    }
    if group.not_run > 0 {
        let not_run = count(usize::try_from(group.not_run).unwrap_or(usize::MAX), "node");
        facts.push(format!("Because of it {not_run} did not run."));
    }
    if log.is_some() {
        facts.push(format!("The whole log: <code>opb log {}</code>", shown(node, 2 * NAME)));
    }
    text += &format!("<p>{}</p>\n", facts.join(" "));
    if !commits.is_empty() {
        text += &format!("<p><b>Commits since the last good one:</b></p>\n{}", self::commits(commits, MOST_COMMITS, 0));
    }
    text
}

/// Targets, those of a distro together: `debian-12 amd64, arm64; debian-13 amd64`.
fn places(places: &[&str]) -> String {
    let mut text = String::new();
    let mut before = None;
    for place in places.iter().take(MOST_PLACES) {
        let (distro, arch) = place.split_once('/').unwrap_or((place, ""));
        text += &match before {
            Some(before) if before == distro => format!(", {}", shown(arch, NAME)),
            Some(_) => format!("; <b>{}</b> {}", shown(distro, NAME), shown(arch, NAME)),
            None => format!("<b>{}</b> {}", shown(distro, NAME), shown(arch, NAME)),
        };
        before = Some(distro);
    }
    match places.len().saturating_sub(MOST_PLACES) {
        0 => text,
        left => format!("{text} and {left} more"),
    }
}

/// Commits as a list; `further` are not known by name.
pub(super) fn commits(commits: &[Commit], most: usize, further: u64) -> String {
    let item = |commit: &Commit| {
        let (id, subject, day) = (shown(&short(&commit.id), 12), shown(&commit.subject, 160), day(commit.time));
        format!("<li><code>{id}</code> {subject} <span class=\"faint\">{day}</span></li>\n")
    };
    let items: String = commits.iter().take(most).map(item).collect();
    let all = commits.len().saturating_add(usize::try_from(further).unwrap_or(usize::MAX));
    format!("<ul>\n{items}</ul>\n{}", more(all, most.min(commits.len()), "more commit"))
}

/// Names of those that are not told.
fn others(groups: &[Alike<'_>], most: usize) -> String {
    if groups.len() <= most {
        return String::new();
    }
    let items: String =
        groups.iter().skip(most).take(MOST_NAMED).map(|group| format!("<li>{}</li>\n", titled(group))).collect();
    format!(
        "<p>Also, and not told here:</p>\n<ul>\n{items}</ul>\n{}",
        more(groups.len(), most + MOST_NAMED, "more failure")
    )
}
