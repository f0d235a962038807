//! What is going to need somebody, on the page: exceptions, keys, pins and distros.

use super::html::{more, part, rows, shown};
use super::summary::{NAME, NEAR, day, left};
use super::{DistroEnd, KeyAge, Page, PinAge};
use crate::report::exceptions::{Listed, meaning};

/// How many of each are listed.
const MOST: usize = 100;

/// All that ages.
pub(super) fn attention(page: &Page) -> String {
    let mut body = String::new();
    let mut add = |heading: &str, all: usize, table: String, word: &str| {
        if all > 0 {
            body += &format!("<h3>{heading}</h3>\n{table}{}", more(all, MOST, word));
        }
    };
    let cells: Vec<_> = page.exceptions.iter().take(MOST).map(exception).collect();
    let table = rows(["Exception", "Means", "Until", "Why"], &cells);
    add("Exceptions", page.exceptions.len(), table, "more exception");
    let cells: Vec<_> = page.keys.iter().take(MOST).map(key).collect();
    add("Keys", page.keys.len(), rows(["Key", "Signs", "Its end"], &cells), "more key");
    let cells: Vec<_> = page.pins.iter().take(MOST).map(pin).collect();
    add("Old pins", page.pins.len(), rows(["Pin", "Is at", "Of", "#Days ago"], &cells), "more pin");
    let cells: Vec<_> = page.ending.iter().take(MOST).map(distro).collect();
    add(
        "Distros near their end",
        page.ending.len(),
        rows(["Distro", "Supported until", "Left"], &cells),
        "more distro",
    );
    let unknown: String =
        page.unknown.iter().take(MOST).map(|line| format!("<li>{}</li>\n", shown(line, 400))).collect();
    add("Not known", page.unknown.len(), format!("<ul>\n{unknown}</ul>\n"), "more line");
    part("soon", "What ages", &body)
}

/// Words that are told apart where an end is near or past.
fn near(days: i32, words: &str) -> String {
    match days {
        days if days < 0 => format!("<span class=\"bad\">! {words}</span>"),
        0..=NEAR => format!("<span class=\"warn\">{words}</span>"),
        _ => words.to_owned(),
    }
}

fn exception(one: &Listed) -> [String; 4] {
    let until = format!("{} ({})", shown(&one.expires, 20), near(one.days_left, &left(one.days_left, "expired")));
    [format!("{} {}", one.kind, shown(&one.selector, NAME)), meaning(&one.means), until, shown(&one.reason, 300)]
}

fn key(one: &KeyAge) -> [String; 3] {
    let words = shown(&one.words, 200);
    let words = match (one.is_fine, one.days) {
        (true, _) => words,
        (false, Some(days)) if days > i64::from(NEAR) => format!("<span class=\"warn\">{words}</span>"),
        (false, _) => format!("<span class=\"bad\">! {words}</span>"),
    };
    [shown(&one.name, NAME), shown(&one.channels.join(", "), 300), words]
}

fn pin(one: &PinAge) -> [String; 4] {
    [shown(&one.subject, NAME), shown(&one.at, NAME), day(one.time), one.days.to_string()]
}

fn distro(one: &DistroEnd) -> [String; 3] {
    [shown(&one.distro, NAME), shown(&one.end, 20), near(one.days, &left(one.days, "ended"))]
}
