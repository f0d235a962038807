//! A run in time as a picture: how many nodes ran at once, all nodes on their lanes, and the nodes that matter in rows.
//!
//! It is bounded: blocks that are too small to be told apart are drawn as one, lanes and rows beyond a number are counted.

use std::collections::BTreeSet;

use super::style::{TIMINGS, TIMINGS_DARK, of_kind};
use super::text::{ends, heading, summary};
use super::{Span, Timings};
use crate::name::Kind;
use crate::report::chart::{Letters, MARGIN, Place, Sheet, WIDE};
use crate::report::{count, duration, plain};

/// How many lanes are drawn.
const MOST_LANES: usize = 32;

/// How many nodes have a row: of the critical path at most so many, and in all.
const MOST_CRITICAL: usize = 24;
const MOST_ROWS: usize = 40;

/// Where time begins: at the lanes, and at the rows with their names.
const LANES: f64 = 80.0;
const ROWS: f64 = 330.0;

/// How high a lane or a row is, and its blocks.
const ROW: f64 = 19.0;
const BLOCK: f64 = 14.0;

/// The least width of a block of its own.
const LEAST: f64 = 2.0;

/// How high the curve of nodes at once is, and in how many steps it goes.
const CURVE: f64 = 44.0;
const STEPS: u64 = 220;

/// The picture as an SVG file. The same run gives the same bytes.
pub fn svg(timings: &Timings) -> String {
    let mut sheet = Sheet::new();
    sheet.paragraph(Letters::Title, "Who ran when");
    sheet.paragraph(Letters::Plain, &heading(timings));
    sheet.y += 4.0;
    for line in summary(timings) {
        sheet.paragraph(Letters::Plain, &line);
    }
    if !timings.spans.is_empty() {
        curve(&mut sheet, timings);
        lanes(&mut sheet, timings);
        rows(&mut sheet, timings);
        legend(&mut sheet, timings);
    }
    sheet.finish(&format!("Who ran when: {}", heading(timings)), TIMINGS, TIMINGS_DARK)
}

/// Time from left to right.
struct Axis {
    left: f64,
    width: f64,
    whole: u64,
}

impl Axis {
    fn new(timings: &Timings, left: f64) -> Self {
        Self { left, width: WIDE - MARGIN - left, whole: timings.milliseconds.max(1) }
    }

    fn x(&self, at: u64) -> f64 {
        self.left + self.width * at.min(self.whole) as f64 / self.whole as f64
    }

    /// Draws the words of round times at the sheet's height, and lines below them down to `bottom`.
    fn draw(&self, sheet: &mut Sheet, bottom: f64) {
        let Some(step) = step(self.whole) else { return };
        for at in std::iter::successors(Some(0), |at: &u64| at.checked_add(step)).take_while(|at| *at <= self.whole) {
            let (x, words) = (self.x(at), time(at));
            let width = Letters::Small.width(&words);
            sheet.rule(x, sheet.y + 5.0, bottom);
            // The last one would stand over the edge.
            let left = (x - width / 2.0).min(WIDE - MARGIN - width);
            sheet.words(Letters::Small, (left, sheet.y), width, &words);
        }
    }
}

/// A round time, of which at most eight are in `whole`; `None` for times that no run takes.
fn step(whole: u64) -> Option<u64> {
    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    let below_a_minute = [1, 10, 100, SECOND, 10 * SECOND].into_iter().flat_map(|unit| [unit, 2 * unit, 5 * unit]);
    let minutes = [1, 2, 5, 10, 15, 30].map(|minutes| minutes * MINUTE);
    let hours = [1, 2, 3, 6, 12, 24, 72, 168].map(|hours| hours * HOUR);
    let mut steps = below_a_minute.filter(|step| *step < MINUTE).chain(minutes).chain(hours);
    steps.find(|step| whole / step <= 8)
}

/// A round time in words.
fn time(at: u64) -> String {
    match at {
        0 => "0".to_owned(),
        at if at % 3_600_000 == 0 => format!("{} h", at / 3_600_000),
        at if at % 60_000 == 0 => format!("{} min", at / 60_000),
        at if at % 1_000 == 0 => format!("{} s", at / 1_000),
        at => format!("{at} ms"),
    }
}

/// How many nodes ran at once, over time.
fn curve(sheet: &mut Sheet, timings: &Timings) {
    let axis = Axis::new(timings, LANES);
    let most = timings.jobs.unwrap_or(0).max(timings.lanes).max(1);
    sheet.y += 18.0;
    sheet.paragraph(Letters::Head, &format!("Nodes at once, of {most}"));
    sheet.y += 8.0;
    let (top, bottom) = (sheet.y, sheet.y + CURVE);
    let mut points = vec![(axis.left, bottom)];
    for (place, load) in loads(timings).into_iter().enumerate() {
        let x = |place: usize| axis.left + axis.width * place as f64 / STEPS as f64;
        let y = bottom - CURVE * (load / most as f64).min(1.0);
        points.extend([(x(place), y), (x(place + 1), y)]);
    }
    points.push((axis.left + axis.width, bottom));
    sheet.shape("load", &points);
    for y in [top, bottom] {
        sheet.line("grid", (axis.left, y), (axis.left + axis.width, y));
    }
    sheet.y = bottom;
}

/// How many nodes ran in each step of the whole time, on average.
fn loads(timings: &Timings) -> Vec<f64> {
    let whole = timings.milliseconds.max(1) as f64;
    let step = whole / STEPS as f64;
    let mut loads = vec![0.0; STEPS as usize];
    for span in &timings.spans {
        let (from, to) = (span.began as f64, (span.ended as f64).min(whole));
        let first = (from / step) as usize;
        for (place, load) in loads.iter_mut().enumerate().skip(first).take_while(|(place, _)| *place as f64 * step < to)
        {
            let (left, right) = (place as f64 * step, (place + 1) as f64 * step);
            *load += (to.min(right) - from.max(left)).max(0.0) / step;
        }
    }
    loads
}

fn lanes(sheet: &mut Sheet, timings: &Timings) {
    let axis = Axis::new(timings, LANES);
    let shown = timings.lanes.min(MOST_LANES);
    sheet.y += 18.0;
    sheet.paragraph(Letters::Head, "Lanes");
    sheet.y += 20.0;
    let bottom = sheet.y + 10.0 + ROW * shown as f64;
    axis.draw(sheet, bottom);
    sheet.y += 10.0;
    let mut by_lane: Vec<Vec<&Span>> = vec![Vec::new(); shown];
    for span in &timings.spans {
        if let Some(lane) = by_lane.get_mut(span.lane) {
            lane.push(span);
        }
    }
    for (number, spans) in by_lane.into_iter().enumerate() {
        let words = format!("{}", number + 1);
        let width = Letters::Small.width(&words);
        sheet.words(Letters::Small, (axis.left - 8.0 - width, sheet.y + 12.0), width, &words);
        lane(sheet, &axis, &spans);
        sheet.y += ROW;
    }
    if timings.lanes > shown {
        let left = timings.lanes - shown;
        let nodes = timings.spans.iter().filter(|span| span.lane >= shown).count();
        sheet.paragraph(Letters::Small, &format!("and {}, with {}", count(left, "more lane"), count(nodes, "node")));
    }
}

/// The blocks of one lane: small neighbours as one.
fn lane(sheet: &mut Sheet, axis: &Axis, spans: &[&Span]) {
    let mut left = spans;
    while let Some((first, rest)) = left.split_first() {
        let is_small = |span: &Span| axis.x(span.ended) - axis.x(span.began) < LEAST;
        if !is_small(first) {
            block(sheet, axis, first, true);
            left = rest;
            continue;
        }
        let (start, mut end) = (axis.x(first.began), axis.x(first.ended));
        let near = rest.iter().take_while(|span| {
            let is_near = is_small(span) && axis.x(span.began) - end < LEAST;
            if is_near {
                end = axis.x(span.ended);
            }
            is_near
        });
        let number = 1 + near.count();
        if number == 1 {
            block(sheet, axis, first, false);
        } else {
            let hint = format!("{}, from {} on", count(number, "node"), duration(first.began));
            let place = Place { x: start, y: sheet.y + 2.0, width: (end - start).max(LEAST), height: BLOCK };
            sheet.block("many", &place, &hint);
        }
        left = &left[number..];
    }
}

/// A node's block, with its name in it where there is room.
fn block(sheet: &mut Sheet, axis: &Axis, span: &Span, named: bool) {
    let (x, y) = (axis.x(span.began), sheet.y + 2.0);
    let width = (axis.x(span.ended) - x - 0.5).max(LEAST - 0.5);
    let kind = if span.failed { "failed" } else { of_kind(span.kind) };
    let class = if span.critical { format!("{kind} critical") } else { kind.to_owned() };
    sheet.block(&class, &Place { x, y, width, height: BLOCK }, &hint(span));
    if named && width > 80.0 {
        sheet.words(Letters::Label, (x + 4.0, y + 11.0), width - 8.0, &plain(&span.node).replace('\n', " "));
    }
}

fn hint(span: &Span) -> String {
    let waited = match span.waited() {
        0 => String::new(),
        waited => format!(", after {} without a free job", duration(waited)),
    };
    let (node, outcome, took) = (plain(&span.node), span.outcome, duration(span.milliseconds()));
    format!("{node}: {outcome} in {took}, from {} on{waited}", duration(span.began))
}

/// The nodes that matter: the critical path, and those that took longest.
fn rows(sheet: &mut Sheet, timings: &Timings) {
    let (first, last) = ends(&timings.critical, MOST_CRITICAL);
    let mut places: BTreeSet<usize> = first.iter().chain(last).copied().collect();
    for place in timings.largest() {
        if places.len() >= MOST_ROWS {
            break;
        }
        places.insert(place);
    }
    let axis = Axis::new(timings, ROWS);
    sheet.y += 18.0;
    let all = places.len() == timings.spans.len();
    let words = if all { "Nodes" } else { "The critical path, and the nodes that took longest" };
    sheet.paragraph(Letters::Head, words);
    sheet.y += 20.0;
    let top = sheet.y + 10.0;
    axis.draw(sheet, top + ROW * places.len() as f64);
    sheet.y = top;
    let order: Vec<usize> = places.iter().copied().collect();
    for place in &order {
        let span = &timings.spans[*place];
        sheet.words(
            Letters::Small,
            (MARGIN, sheet.y + 13.0),
            ROWS - MARGIN - 10.0,
            &plain(&span.node).replace('\n', " "),
        );
        if let Some(above) = span.after.and_then(|after| order.binary_search(&after).ok()) {
            let x = axis.x(span.ready);
            sheet.line("link", (x, top + ROW * above as f64 + 2.0 + BLOCK), (x, sheet.y + 2.0 + BLOCK));
        }
        if span.waited() > 0 {
            let (x, y) = (axis.x(span.ready), sheet.y + 6.0);
            let width = (axis.x(span.began) - x).max(0.5);
            sheet.block("wait", &Place { x, y, width, height: BLOCK - 8.0 }, &hint(span));
        }
        block(sheet, &axis, span, false);
        let words = duration(span.milliseconds());
        let width = Letters::Small.width(&words);
        let (right, begin) = (axis.x(span.ended) + 6.0, axis.x(span.ready.min(span.began)) - 6.0 - width);
        let has_room = right + width <= WIDE - MARGIN;
        if has_room || begin >= ROWS {
            let x = if has_room { right } else { begin };
            sheet.words(Letters::Small, (x, sheet.y + 13.0), width, &words);
        }
        sheet.y += ROW;
    }
    let left = timings.spans.len() - places.len();
    if left > 0 {
        sheet.paragraph(Letters::Small, &format!("and {} that took less", count(left, "more node")));
    }
}

/// What the colours mean.
fn legend(sheet: &mut Sheet, timings: &Timings) {
    let kinds = Kind::ALL.into_iter().filter(|kind| timings.spans.iter().any(|span| span.kind == Some(*kind)));
    let mut entries: Vec<(String, String)> =
        kinds.map(|kind| (of_kind(Some(kind)).to_owned(), kind.to_string())).collect();
    if timings.spans.iter().any(|span| span.failed) {
        entries.push(("failed".to_owned(), "failed".to_owned()));
    }
    entries.push(("many".to_owned(), "several small nodes".to_owned()));
    entries.push(("wait".to_owned(), "ready, but no job was free".to_owned()));
    entries.push(("other critical".to_owned(), "on the critical path".to_owned()));
    sheet.y += 26.0;
    let mut x = MARGIN;
    for (class, words) in entries {
        let width = Letters::Small.width(&words);
        if x + 18.0 + width > WIDE - MARGIN && x > MARGIN {
            (x, sheet.y) = (MARGIN, sheet.y + 20.0);
        }
        sheet.swatch(&class, x, sheet.y - 10.0);
        sheet.words(Letters::Small, (x + 18.0, sheet.y), width, &words);
        x += 18.0 + width + 18.0;
    }
    sheet.y += 20.0;
    let words =
        "A lane is a place for one node at a time. A dotted line leads from the node whose end made another ready.";
    sheet.words(Letters::Small, (MARGIN, sheet.y), WIDE - 2.0 * MARGIN, words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_on_the_axis_are_round() {
        let of = |whole: u64| step(whole).map(time).unwrap_or_default();
        let steps = [1, 9, 950, 42_000, 52_500, 480_000, 3_700_000, 90_000_000].map(of);
        assert_eq!(steps, ["1 ms", "2 ms", "200 ms", "5 s", "10 s", "1 min", "10 min", "3 h"]);
        assert_eq!(step(u64::MAX), None);
    }
}
