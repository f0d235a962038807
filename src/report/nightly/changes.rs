//! What changed, on the page: pins that moved with who needs them, why nodes ran, and packages that were published.

use super::Page;
use super::alike::{Changed, changed};
use super::failures::commits;
use super::html::{more, part, rows, shown};
use super::summary::NAME;
use crate::night::{Move, Published};
use crate::report::cache::came_to;
use crate::report::causes::some_of;
use crate::report::count;

/// How many pins are listed, and of how many of them the commits.
const MOST_MOVES: usize = 150;
const MOST_TOLD: usize = 40;

/// How many commits of one pin are listed.
const MOST_COMMITS: usize = 12;

/// How many components that need a pin are named.
const MOST_NEEDS: usize = 8;

/// How many reasons are told.
const MOST_REASONS: usize = 8;

/// How many packages of a channel are in sight, and how many there are at all.
const IN_SIGHT: usize = 20;
const MOST_PACKAGES: usize = 500;

/// Pins that moved, and why nodes ran.
pub(super) fn moves(page: &Page) -> String {
    let moves = &page.night.moves;
    let mut body = String::new();
    if !moves.is_empty() {
        let row = |(place, one)| moved(one, place < MOST_TOLD);
        let cells: Vec<[String; 6]> = moves.iter().take(MOST_MOVES).enumerate().map(row).collect();
        body += &rows(["Pin", "Was", "Is", "Needed by", "#Builds", "Commits"], &cells);
        body += &more(moves.len(), MOST_MOVES, "more pin");
    }
    let missed = page.run.as_ref().map_or(&[][..], |run| &run.missed);
    if !missed.is_empty() {
        body += "<h3>Why nodes ran</h3>\n<ul>\n";
        for one in missed.iter().take(MOST_REASONS) {
            body += &format!("<li>{}: {}</li>\n", shown(&one.text, 240), shown(&came_to(&one.sums), 200));
        }
        body += "</ul>\n";
        body += &more(missed.len(), MOST_REASONS, "more reason");
    }
    part("moves", "What changed", &body)
}

/// A pin that moved; its commits are told or only counted.
fn moved(one: &Move, tell: bool) -> [String; 6] {
    let pin = |pin: &Option<String>, none: &str| match pin {
        Some(pin) => format!("<code>{}</code>", shown(pin, NAME)),
        None => format!("<span class=\"faint\">{none}</span>"),
    };
    let needed = match one.needed_by.len() {
        0 => "<span class=\"faint\">–</span>".to_owned(),
        all => shown(&some_of(&one.needed_by, all, MOST_NEEDS), 4 * NAME),
    };
    let needed = match one.kept.len() {
        0 => needed,
        all => {
            let names = shown(&some_of(&one.kept, all, MOST_NEEDS), 4 * NAME);
            format!("{needed}<br/><span class=\"warn\">what was built before stays of {names}</span>")
        }
    };
    let all = one.commits.len().saturating_add(usize::try_from(one.more_commits).unwrap_or(usize::MAX));
    let told = match all {
        0 => String::new(),
        all if tell => {
            let list = commits(&one.commits, MOST_COMMITS, one.more_commits);
            format!("<details><summary>{}</summary>\n{list}</details>", count(all, "commit"))
        }
        all => count(all, "commit"),
    };
    let (before, after) = (pin(&one.before, "new"), pin(&one.after, "gone"));
    [shown(&one.subject, NAME), before, after, needed, one.builds.to_string(), told]
}

/// What was published.
pub(super) fn published(page: &Page) -> String {
    part("published", "Published", &page.night.published.iter().map(of_channel).collect::<String>())
}

fn of_channel(published: &Published) -> String {
    let Published { channel, generation, is_new, .. } = published;
    let groups = if *is_new { changed(published) } else { Vec::new() };
    if groups.is_empty() {
        let why = if *is_new { "is new, with the same packages" } else { "stays: nothing has changed" };
        return format!("<p>{channel}: generation {generation} {why}.</p>\n");
    }
    let cells: Vec<[String; 4]> = groups.iter().take(MOST_PACKAGES).map(package).collect();
    let heads = ["Package", "Was", "Is", "Where"];
    let (seen, unseen) = cells.split_at(cells.len().min(IN_SIGHT));
    let mut text = format!("<h3>{channel}, generation {generation}</h3>\n{}", rows(heads, seen));
    if !unseen.is_empty() {
        text += &format!(
            "<details><summary>{}</summary>\n{}</details>\n",
            count(unseen.len(), "more package"),
            rows(heads, unseen)
        );
    }
    text + more(groups.len(), MOST_PACKAGES, "more package").as_str()
}

fn package(one: &Changed<'_>) -> [String; 4] {
    let version = |version: &Option<String>, none: &str| match version {
        Some(version) => shown(version, NAME),
        None => format!("<span class=\"faint\">{none}</span>"),
    };
    let names: Vec<String> = one.distros.iter().map(|distro| (*distro).to_owned()).collect();
    let place = match names.len() {
        0..=3 => names.join(", "),
        many => count(many, "distro"),
    };
    let place = match one.packages {
        1 => place,
        many => format!("{place} ({})", count(many, "package")),
    };
    [shown(one.name, NAME), version(&one.before, "new"), version(&one.after, "gone"), place]
}
