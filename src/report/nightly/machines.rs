//! What the machines did, on the page: what was saved and spent, the last nightlies in pictures, and builds that are slow or grow.

use super::html::{part, rows, shown};
use super::pictures::{durations, failures, savings, spark};
use super::summary::NAME;
use super::{Growing, Page, PastNight, Took};
use crate::report::cache::{remarks, spent};
use crate::report::duration;
use crate::report::lines::saved;

/// What was saved and spent, and how the last nightlies were.
pub(super) fn machines(page: &Page) -> String {
    let mut body = String::new();
    match &page.run {
        Some(run) => {
            let lines = [saved(&run.total.saved), spent(&run.total)].into_iter().chain(remarks(run));
            let lines: String = lines.map(|line| format!("<li>{}</li>\n", shown(&line, 600))).collect();
            body += &format!("<ul>\n{lines}</ul>\n");
        }
        None if page.night.run.is_none() => body += "<p>Nothing had to be built: all of it was there.</p>\n",
        None => body += "<p>What its run came to is not on record any more.</p>\n",
    }
    let nights = &page.nights;
    if nights.len() > 1 {
        let key = |class: &str, words: &str| format!("<span class=\"key {class}\"></span> {words}");
        let figure =
            |svg: String, words: String| format!("<figure>\n<figcaption>{words}</figcaption>\n{svg}</figure>\n");
        body += "<div class=\"figures\">\n";
        body += &figure(
            durations(nights),
            format!("The last {} nightlies: {}", nights.len(), key("took", "what they took")),
        );
        if nights.iter().any(|night| night.new + night.still > 0) {
            let keys = format!("{}, {} (on top)", key("still", "as before"), key("new", "new"));
            body += &figure(failures(nights), format!("Failures: {keys}"));
        }
        if nights.iter().any(|night| night.spent_and_saved.is_some_and(|both| both != (0, 0))) {
            let keys = format!("{}, {} (on top)", key("spent", "spent"), key("saved", "saved"));
            body += &figure(savings(nights), format!("Building time: {keys}"));
        }
        body += "</div>\n";
        body += &in_numbers(nights);
    }
    part("machines", "Caches and time", &body)
}

/// The pictures as a table.
fn in_numbers(nights: &[PastNight]) -> String {
    let time = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), duration);
    let row = |night: &PastNight| {
        let (spent, saved) = night.spent_and_saved.unzip();
        [
            format!("{} ({})", super::summary::day(night.started), night.number),
            if night.not_started > 0 { "did not start".to_owned() } else { duration(night.milliseconds) },
            night.new.to_string(),
            night.still.to_string(),
            time(spent),
            time(saved),
        ]
    };
    let cells: Vec<[String; 6]> = nights.iter().rev().map(row).collect();
    let heads = ["Nightly", "#Took", "#New failures", "#As before", "#Spent", "#Saved"];
    format!("<details><summary>The same in numbers</summary>\n{}</details>\n", rows(heads, &cells))
}

/// Builds that are slow or grow.
pub(super) fn builds(page: &Page) -> String {
    let mut body = String::new();
    if !page.growing.is_empty() {
        let row = |one: &Growing| {
            [
                shown(&one.node, NAME),
                format!("<span class=\"warn\">+{} %</span>", one.percent()),
                duration(one.milliseconds),
                duration(one.usual),
                spark(one),
            ]
        };
        let cells: Vec<[String; 5]> = page.growing.iter().map(row).collect();
        body += "<h3>Growing</h3>\n<p class=\"faint\">A build grows where it took at least a quarter and half a minute longer than the \
                 median of what its last builds took on the same machine, of which there are at least three.</p>\n";
        body += &rows(["Build", "#More", "#Took", "#Usually", "Before, and now"], &cells);
    }
    if !page.slowest.is_empty() {
        let row = |one: &Took| [shown(&one.node, NAME), duration(one.milliseconds), duration(one.cpu_milliseconds)];
        let cells: Vec<[String; 3]> = page.slowest.iter().map(row).collect();
        body += &format!("<h3>Slowest</h3>\n{}", rows(["Build", "#Took", "#CPU"], &cells));
    }
    part("builds", "Slow and growing builds", &body)
}
