//! A run in time, for people.

use super::{Span, Timings, share, sum};
use crate::report::{Side, columns, count, duration, plain};

/// How many nodes of the critical path are listed unless all are wanted.
const MOST_CRITICAL: usize = 30;

/// How many nodes are listed unless all are wanted: those that took longest.
const MOST_NODES: usize = 40;

/// How the run went in numbers, in lines that a picture has too.
pub(super) fn summary(timings: &Timings) -> Vec<String> {
    if timings.spans.is_empty() {
        return vec![match timings.unknown {
            0 => "no node ran".to_owned(),
            unknown => format!("{} ran, but its record has no times", count(unknown, "node")),
        }];
    }
    let (wall, busy, lanes) = (timings.milliseconds, timings.busy_jobs(), timings.lanes);
    let tenths = busy.saturating_mul(10).checked_div(wall).unwrap_or(0);
    let average = format!("{}.{}", tenths / 10, tenths % 10);
    let of = timings.jobs.map_or_else(String::new, |jobs| {
        let share = share(busy, wall.saturating_mul(jobs as u64));
        format!(" of {} ({share})", count(jobs, "job"))
    });
    let side_by_side = timings.side_by_side();
    let idle = duration(side_by_side.first().copied().unwrap_or(0));
    let ran = format!("{} ran for {} in all", count(timings.spans.len(), "node"), duration(timings.busy()));
    let (time, waited) = timings.on_critical();
    let path = count(timings.critical.len(), "node");
    let wait = match waited {
        0 => String::new(),
        waited => format!("; for {} more they were ready and waited for a free job", duration(waited)),
    };
    let mut lines = vec![
        format!("{ran}: {average}{of} busy on average, at most {lanes} at once, none for {idle}"),
        format!("critical path: {path} with {}, {} of the run{wait}", duration(time), share(time, wall)),
    ];
    if timings.unknown > 0 {
        lines.push(format!("of {} more no times are on record", count(timings.unknown, "node")));
    }
    lines
}

/// What the run is called.
pub(super) fn heading(timings: &Timings) -> String {
    format!("run {}: {}, {}", timings.run, timings.result, duration(timings.milliseconds))
}

/// A run in time, as text; all of its nodes, or the largest.
pub fn text(timings: &Timings, all: bool) -> String {
    let mut text = heading(timings) + "\n";
    for line in summary(timings) {
        text += &format!("  {line}\n");
    }
    if timings.spans.is_empty() {
        return text;
    }
    for (kind, number, time) in timings.by_kind() {
        text += &format!("  {kind}: {}, {}\n", count(number, "node"), duration(time));
    }
    text += "critical path\n";
    let shown = if all { usize::MAX } else { MOST_CRITICAL };
    // What came last is what a run ended with; of a long path the middle says least.
    let (first, last) = ends(&timings.critical, shown);
    let title = ["BEGAN", "WAITED", "TOOK", "NODE"].map(str::to_owned);
    let row = |place: &usize| {
        let span = &timings.spans[*place];
        [duration(span.began), waited(span), duration(span.milliseconds()), called(span)]
    };
    let mut rows = vec![title];
    rows.extend(first.iter().map(row));
    let left = timings.critical.len() - first.len() - last.len();
    if left > 0 {
        rows.push([String::new(), String::new(), String::new(), format!("… {left} more")]);
    }
    rows.extend(last.iter().map(row));
    text += &indented(&columns(&rows, [Side::Right, Side::Right, Side::Right, Side::Left]));
    let mut places = timings.largest();
    let left = if all { 0 } else { places.len().saturating_sub(MOST_NODES) };
    let rest = sum(places[places.len() - left..].iter().map(|place| timings.spans[*place].milliseconds()));
    places.truncate(places.len() - left);
    places.sort_unstable();
    text += if left > 0 { "nodes that took longest" } else { "nodes" };
    text += " (* on the critical path; WAITED for a free job once AFTER had ended)\n";
    let title = ["LANE", "BEGAN", "WAITED", "TOOK", "NODE", "AFTER"].map(str::to_owned);
    let rows = places.into_iter().map(|place| {
        let span = &timings.spans[place];
        let after = span.after.map_or_else(|| "-".to_owned(), |after| plain(&timings.spans[after].node));
        let mark = if span.critical { "*" } else { "" };
        let lane = format!("{mark}{}", span.lane + 1);
        [lane, duration(span.began), waited(span), duration(span.milliseconds()), called(span), after]
    });
    let rows: Vec<[String; 6]> = std::iter::once(title).chain(rows).collect();
    text += &indented(&columns(&rows, [Side::Right, Side::Right, Side::Right, Side::Right, Side::Left, Side::Left]));
    if left > 0 {
        let (left, run) = (count(left, "node"), &timings.run);
        text += &format!("  and {left} more, with {} in all: `opb timings {run} --all` lists them\n", duration(rest));
    }
    text
}

/// A node with what it came to, where that is worth a word.
fn called(span: &Span) -> String {
    let worth = span.failed || ["running", "killed", "stopped", "fetched", "found"].contains(&span.outcome);
    let node = plain(&span.node);
    if worth { format!("{node} ({})", span.outcome) } else { node }
}

fn waited(span: &Span) -> String {
    if span.waited() == 0 { "-".to_owned() } else { duration(span.waited()) }
}

/// The first and the last of `all`, at most `most` together.
pub(super) fn ends(all: &[usize], most: usize) -> (&[usize], &[usize]) {
    if all.len() <= most {
        return (all, &[]);
    }
    let first = most / 3;
    (&all[..first], &all[all.len() - (most - first)..])
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
