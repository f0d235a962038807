//! Pictures of the last nightlies, and of what builds took. They stand within the page and have its colours.

use super::summary::day;
use super::{Growing, PastNight};
use crate::report::chart::{Letters, Part, Place, Sheet};
use crate::report::{count, duration};

/// How wide a picture is: it fits on a phone as it is.
const WIDE: f64 = 340.0;

/// How high its highest bar is.
const HIGH: f64 = 92.0;

/// How wide and high the bars of a build are.
const SPARK_WIDE: f64 = 132.0;
const SPARK_HIGH: f64 = 22.0;

/// The least height of a part that is there at all.
const LEAST: f64 = 1.5;

/// A bar: its parts from the bottom upwards, and what is told where somebody points at it.
struct Bar {
    parts: Vec<Part>,
}

/// What the last nightlies took.
pub(super) fn durations(nights: &[PastNight]) -> String {
    let bar = |night: &PastNight| Bar {
        parts: vec![part("took", night.milliseconds, format!("{}: {}", named(night), duration(night.milliseconds)))],
    };
    bars("What the last nightlies took", nights, bar, duration)
}

/// What failed in the last nightlies.
pub(super) fn failures(nights: &[PastNight]) -> String {
    let bar = |night: &PastNight| {
        let hint = format!("{}: {} new, {} as before", named(night), night.new, night.still);
        Bar { parts: vec![part("still", night.still as u64, hint.clone()), part("new", night.new as u64, hint)] }
    };
    let most = |most: u64| count(usize::try_from(most).unwrap_or(usize::MAX), "failure");
    bars("What failed in the last nightlies", nights, bar, most)
}

/// What the last nightlies spent on building, and what they saved.
pub(super) fn savings(nights: &[PastNight]) -> String {
    let bar = |night: &PastNight| {
        let Some((spent, saved)) = night.spent_and_saved else { return Bar { parts: Vec::new() } };
        let hint = format!("{}: spent {}, saved {}", named(night), duration(spent), duration(saved));
        Bar { parts: vec![part("spent", spent, hint.clone()), part("saved", saved, hint)] }
    };
    bars("Building time that the last nightlies spent and saved", nights, bar, duration)
}

/// What the builds of a node took, the last one told apart.
pub(super) fn spark(growing: &Growing) -> String {
    let times: Vec<u64> = growing.before.iter().copied().chain([growing.milliseconds]).collect();
    let most = times.iter().copied().max().unwrap_or(0).max(1);
    let mut sheet = Sheet::within(SPARK_WIDE);
    let step = SPARK_WIDE / times.len() as f64;
    for (place, time) in times.iter().enumerate() {
        let height = (SPARK_HIGH * *time as f64 / most as f64).max(LEAST);
        let class = if place + 1 == times.len() { "grown" } else { "took" };
        let x = step * place as f64;
        sheet.block(class, &Place { x, y: SPARK_HIGH - height, width: step - 2.0, height }, &duration(*time));
    }
    sheet.y = SPARK_HIGH;
    let told: Vec<String> = times.iter().map(|time| duration(*time)).collect();
    sheet.finish_within(&format!("Its builds took {}", told.join(", ")))
}

fn part(class: &'static str, amount: u64, hint: String) -> Part {
    Part { class, amount: usize::try_from(amount).unwrap_or(usize::MAX), hint }
}

fn named(night: &PastNight) -> String {
    let not_started = if night.not_started > 0 { ", which did not start" } else { "" };
    format!("nightly {} of {}{not_started}", night.number, day(night.started))
}

/// A bar for each nightly. `words` says what the highest one is.
fn bars(title: &str, nights: &[PastNight], bar: impl Fn(&PastNight) -> Bar, words: impl Fn(u64) -> String) -> String {
    let bars: Vec<Bar> = nights.iter().map(bar).collect();
    let whole = |bar: &Bar| bar.parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.amount));
    let most = bars.iter().map(whole).max().unwrap_or(0);
    let mut sheet = Sheet::within(WIDE);
    let words = words(most as u64);
    sheet.words(Letters::Small, (0.0, 12.0), WIDE, &format!("at most {words}"));
    let (top, bottom) = (20.0, 20.0 + HIGH);
    sheet.line("axis", (0.0, top), (WIDE, top));
    let step = (WIDE / bars.len().max(1) as f64).min(44.0);
    for (place, bar) in bars.iter().enumerate() {
        let mut y = bottom;
        for part in bar.parts.iter().filter(|part| part.amount > 0) {
            let height = (HIGH * part.amount as f64 / most.max(1) as f64).max(LEAST).min(y - top);
            y -= height;
            let place = Place { x: step * place as f64 + 1.0, y, width: step - 2.0, height };
            sheet.block(part.class, &place, &part.hint);
        }
    }
    sheet.line("axis", (0.0, bottom), (WIDE, bottom));
    sheet.y = bottom + 16.0;
    if let [first, .., last] = nights {
        let (first, last) = (day(first.started), day(last.started));
        sheet.words(Letters::Small, (0.0, sheet.y), WIDE, &first);
        let width = Letters::Small.width(&last);
        // Numbers are rounded when they are written.
        let x = (step * bars.len() as f64 - width).clamp(Letters::Small.width(&first) + 8.0, WIDE - width - 1.0);
        sheet.words(Letters::Small, (x, sheet.y), width, &last);
    }
    sheet.y += 4.0;
    sheet.finish_within(title)
}
