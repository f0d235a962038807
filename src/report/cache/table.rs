//! A report for people: what was saved, why nodes ran, and a line for each row.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{By, Missed, Over, Report, Row, Sums};
use crate::event::CacheUse;
use crate::report::causes::date;
use crate::report::lines::saved;
use crate::report::{Side, columns, count, duration, plain, size, wrapped};

/// How many rows and causes are shown unless all are wanted.
const MOST: usize = 40;

/// How many nodes that are not reproducible are named.
const MOST_DIFFERING: usize = 5;

/// The report as text, in lines of about `width` characters.
pub fn table(report: &Report, all: bool, width: usize) -> String {
    let mut text = plain(&over(report));
    if report.runs.is_empty() {
        return text;
    }
    text += &wrapped(&saved(&report.total.saved), "", "  ", width);
    text += &wrapped(&spent(&report.total), "", "  ", width);
    for remark in remarks(report) {
        text += &wrapped(&remark, "", "  ", width);
    }
    let most = if all { usize::MAX } else { MOST };
    if !report.missed.is_empty() && report.by != By::Reason {
        text += "\nwhy nodes ran\n";
        for missed in report.missed.iter().take(most) {
            text += &wrapped(&plain(&reason(missed)), "  ", "    ", width);
        }
        if let Some(more) = report.missed.len().checked_sub(most).filter(|more| *more > 0) {
            let _ = writeln!(text, "  and {}: `--all` lists them", count(more, "more reason"));
        }
    }
    if !report.rows.is_empty() {
        text.push('\n');
        text += &rows(report, most);
    }
    text
}

/// Over which runs, in a line.
pub(super) fn heading(report: &Report) -> String {
    match (&report.over, &report.runs[..]) {
        (Over::Run(_), [run]) => format!("run {} of {}: {}", run.id, run.project, run.result),
        (Over::Run(id), _) => format!("run {id}"),
        (Over::Since(since), []) => format!("no run on record began since {}", date(*since)),
        (Over::Since(since), [only]) => {
            format!("1 run of {} since {}: {}, {}", only.project, date(*since), only.id, only.result)
        }
        (Over::Since(since), [last, ..]) => {
            let first = report.runs.last().unwrap_or(last);
            let projects: BTreeSet<&str> = report.runs.iter().map(|run| run.project.as_str()).collect();
            let of = if projects.len() == 1 { last.project.clone() } else { count(projects.len(), "project") };
            let runs = count(report.runs.len(), "run");
            format!("{runs} of {of} since {}, from {} to {}", date(*since), first.id, last.id)
        }
    }
}

fn over(report: &Report) -> String {
    let share = report.total.permille_saved().map_or_else(String::new, |permille| {
        let of = report.total.nodes() - report.total.not_run;
        format!("; {} of {} did not have to run", percent(permille), count(of, "node"))
    });
    format!("{}{share}\n", heading(report))
}

/// `99.2 %`.
pub(super) fn percent(permille: usize) -> String {
    match permille % 10 {
        0 => format!("{} %", permille / 10),
        tenth => format!("{}.{tenth} %", permille / 10),
    }
}

/// What ran and what that took, in a line.
pub(in crate::report) fn spent(sums: &Sums) -> String {
    let mut parts = Vec::new();
    let same = sums.identical + sums.kept;
    if sums.builds > 0 {
        parts.push(count(sums.builds, "package build"));
    }
    if same > 0 {
        parts.push(format!("{same} came out as before"));
    }
    let of = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let (time, cpu) = (duration(sums.spent.milliseconds), duration(sums.spent.cpu_milliseconds));
    let mut text = match sums.ran() {
        0 => "spent nothing: no node ran".to_owned(),
        ran => format!("spent {time} on building ({cpu} CPU): {} ran{of}", count(ran, "node")),
    };
    for (number, word) in [
        (sums.failed, "failed"),
        (sums.tolerated, "failed as they may"),
        (sums.skipped, "skipped"),
        (sums.not_run, "did not run"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {word}");
        }
    }
    text
}

/// What has to be known to read the numbers.
pub(in crate::report) fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    if report.total.fetched_bytes > 0 {
        remarks.push(format!("fetched {} from caches", size(report.total.fetched_bytes)));
    }
    remarks.extend(report.caches.iter().map(cache_use));
    if !report.differs.is_empty() {
        remarks.push(not_reproducible(&report.differs));
    }
    if report.in_no_row > 0 {
        let (nodes, by_reason) = (count(report.in_no_row, "node"), report.by == By::Reason);
        let why = if by_reason { "they were clean" } else { "an earlier opb, which only counted them, ran them" };
        remarks.push(format!("{nodes} that did not have to run are in no row: {why}"));
    }
    if report.damaged > 0 {
        remarks.push(format!("{} of records cannot be read, and count for nothing", count(report.damaged, "line")));
    }
    remarks
}

/// What a cache was good for.
fn cache_use(used: &CacheUse) -> String {
    let CacheUse { cache, asked, known, fetched, bytes, requests, left_out } = used;
    let many = |number: u64, word| count(usize::try_from(number).unwrap_or(usize::MAX), word);
    let left_out = left_out.as_ref().map(|why| format!("; it was left out: {}", why.trim_end().replace('\n', " ")));
    plain(&format!(
        "cache {cache}: {known} of {} known, {fetched} fetched ({}), in {}{}",
        many(*asked, "result"),
        size(*bytes),
        many(*requests, "request"),
        left_out.unwrap_or_default()
    ))
}

/// Steps that came to different outputs.
fn not_reproducible(nodes: &[String]) -> String {
    let more = match nodes.len().saturating_sub(MOST_DIFFERING) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = nodes[..nodes.len().min(MOST_DIFFERING)].join(", ");
    plain(&format!("not reproducible: {named}{more}; `opb diff --rivals NODE` shows what differs"))
}

fn reason(missed: &Missed) -> String {
    let sums = &missed.sums;
    let runs = if missed.runs > 1 { format!(" in {} runs", missed.runs) } else { String::new() };
    format!("{}: {}{runs}; {}", missed.text, count(missed.roots, "root"), came_to(sums))
}

/// What the nodes of a cause came to.
pub(in crate::report) fn came_to(sums: &Sums) -> String {
    let mut parts = Vec::new();
    if sums.ran() > 0 {
        let (time, cpu) = (duration(sums.spent.milliseconds), duration(sums.spent.cpu_milliseconds));
        parts.push(format!("{} ran in {time} ({cpu} CPU)", sums.ran()));
    }
    let cut_off = sums.saved.cut_off;
    if cut_off.nodes > 0 {
        parts.push(format!("{} spared by early cutoff ({})", cut_off.nodes, duration(cut_off.cost.milliseconds)));
    }
    let others = [
        (sums.found, "found"),
        (sums.saved.caches.nodes, "from caches"),
        (sums.all_failed(), "failed"),
        (sums.not_run, "did not run"),
    ];
    parts.extend(others.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")));
    if parts.is_empty() { "nothing ran".to_owned() } else { parts.join(", ") }
}

/// The rows that are shown, and one for all others, if there are any.
pub(super) fn shown(report: &Report, most: usize) -> (&[Row], Option<(usize, Sums)>) {
    // One more row says no less than "and 1 more".
    let shown = if report.rows.len() <= most.saturating_add(1) { report.rows.len() } else { most };
    let (shown, others) = report.rows.split_at(shown);
    let mut sums = Sums::default();
    others.iter().for_each(|row| sums.join(&row.sums));
    (shown, (!others.is_empty()).then_some((others.len(), sums)))
}

/// What a row is called.
pub(super) fn called(report: &Report, row: &Row) -> String {
    row.name.as_deref().map_or_else(|| report.by.nameless().to_owned(), plain)
}

fn rows(report: &Report, most: usize) -> String {
    let (shown, others) = shown(report, most);
    let title = ["", "NODES", "STORE", "CACHES", "CUT OFF", "RAN", "FAILED", "NOT RUN", "SAVED", "CPU SAVED", "SPENT"];
    let mut rows = vec![title.map(str::to_owned)];
    rows[0][0] = report.by.word().to_uppercase();
    rows.extend(shown.iter().map(|row| cells(called(report, row), &row.sums)));
    rows.extend(others.map(|(number, sums)| cells(format!("and {number} more"), &sums)));
    rows.push(cells("ALL".to_owned(), &report.total));
    let sides = std::array::from_fn(|at| if at == 0 { Side::Left } else { Side::Right });
    columns(&rows, sides)
}

fn cells(name: String, sums: &Sums) -> [String; 11] {
    let total = sums.saved.total();
    [
        name,
        sums.nodes().to_string(),
        sums.saved.store.nodes.to_string(),
        sums.saved.caches.nodes.to_string(),
        sums.saved.cut_off.nodes.to_string(),
        sums.ran().to_string(),
        sums.all_failed().to_string(),
        sums.not_run.to_string(),
        duration(total.cost.milliseconds),
        duration(total.cost.cpu_milliseconds),
        duration(sums.spent.milliseconds),
    ]
}
