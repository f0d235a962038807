//! A report for programs; the schema is `docs/schema/report-cache.json`.

use serde::Serialize;

use super::{Over, Report, Sums};
use crate::cost::{Cost, Spared};
use crate::event::CacheUse;
use crate::report::causes::date;

/// The version of the JSON form.
pub const REPORT_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonReport<'a> {
    version: u32,
    since: Option<String>,
    runs: Vec<JsonRun<'a>>,
    total: JsonSums,
    reasons: Vec<JsonReason<'a>>,
    by: &'static str,
    rows: Vec<JsonRow<'a>>,
    caches: &'a [CacheUse],
    differs: &'a [String],
    in_no_row: usize,
    damaged: usize,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    id: String,
    started: String,
    result: &'static str,
    project: &'a str,
}

#[derive(Serialize)]
struct JsonReason<'a> {
    theme: &'a str,
    text: &'a str,
    runs: usize,
    roots: usize,
    sums: JsonSums,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: Option<&'a str>,
    sums: JsonSums,
}

/// What nodes came to.
#[derive(Serialize)]
pub(in crate::report) struct JsonSums {
    nodes: usize,
    saved: JsonSaved,
    ran: JsonRan,
    failed: usize,
    tolerated: usize,
    skipped: usize,
    not_run: usize,
}

#[derive(Serialize)]
struct JsonSaved {
    total: Spared,
    store: Spared,
    found: usize,
    caches: Spared,
    fetched_bytes: u64,
    cut_off: Spared,
}

#[derive(Serialize)]
struct JsonRan {
    built: usize,
    identical: usize,
    kept: usize,
    builds: usize,
    cost: Cost,
}

/// The report as one JSON object.
pub fn json(report: &Report) -> String {
    let runs = report.runs.iter().map(|run| {
        let (id, started) = (run.id.to_string(), date(run.started));
        JsonRun { id, started, result: run.result, project: &run.project }
    });
    let reasons = report.missed.iter().map(|missed| {
        let (theme, text) = (missed.theme.as_str(), missed.text.as_str());
        JsonReason { theme, text, runs: missed.runs, roots: missed.roots, sums: sums(&missed.sums) }
    });
    let whole = JsonReport {
        version: REPORT_VERSION,
        since: match report.over {
            Over::Since(since) => Some(date(since)),
            Over::Run(_) => None,
        },
        runs: runs.collect(),
        total: sums(&report.total),
        reasons: reasons.collect(),
        by: report.by.word(),
        rows: report.rows.iter().map(|row| JsonRow { name: row.name.as_deref(), sums: sums(&row.sums) }).collect(),
        caches: &report.caches,
        differs: &report.differs,
        in_no_row: report.in_no_row,
        damaged: report.damaged,
    };
    serde_json::to_string_pretty(&whole).expect("plain structs") + "\n"
}

/// As reports of nightlies have it too.
pub(in crate::report) fn sums(sums: &Sums) -> JsonSums {
    let saved = sums.saved;
    JsonSums {
        nodes: sums.nodes(),
        saved: JsonSaved {
            total: saved.total(),
            store: saved.store,
            found: sums.found,
            caches: saved.caches,
            fetched_bytes: sums.fetched_bytes,
            cut_off: saved.cut_off,
        },
        ran: JsonRan {
            built: sums.built,
            identical: sums.identical,
            kept: sums.kept,
            builds: sums.builds,
            cost: sums.spent,
        },
        failed: sums.failed,
        tolerated: sums.tolerated,
        skipped: sums.skipped,
        not_run: sums.not_run,
    }
}
