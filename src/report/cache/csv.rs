//! A report for spreadsheets: the rows, and nothing else.
//!
//! As RFC 4180 has it: a first line of names, lines end in CR LF, a cell is quoted where it has to be. A name that a
//! spreadsheet would take for a formula gets an apostrophe in front, which spreadsheets hide.

use super::{Report, Row};
use crate::report::plain;

const COLUMNS: [&str; 21] = [
    "nodes",
    "store_nodes",
    "found_nodes",
    "cache_nodes",
    "cut_off_nodes",
    "built_nodes",
    "identical_nodes",
    "kept_nodes",
    "failed_nodes",
    "tolerated_nodes",
    "not_run_nodes",
    "saved_builds",
    "saved_milliseconds",
    "saved_cpu_milliseconds",
    "saved_nodes_without_time",
    "cut_off_milliseconds",
    "run_builds",
    "spent_milliseconds",
    "spent_cpu_milliseconds",
    "fetched_bytes",
    "skipped_nodes",
];

/// The rows of the report, below a line of names. A row without a name has an empty first cell.
pub fn csv(report: &Report) -> String {
    let mut text = format!("{},{}\r\n", report.by.word(), COLUMNS.join(","));
    for row in &report.rows {
        let numbers = numbers(row).map(|number| number.to_string());
        text += &format!("{},{}\r\n", cell(row.name.as_deref().unwrap_or_default()), numbers.join(","));
    }
    text
}

fn numbers(row: &Row) -> [u64; 21] {
    let sums = &row.sums;
    let saved = sums.saved.total();
    let many = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    [
        many(sums.nodes()),
        many(sums.saved.store.nodes),
        many(sums.found),
        many(sums.saved.caches.nodes),
        many(sums.saved.cut_off.nodes),
        many(sums.built),
        many(sums.identical),
        many(sums.kept),
        many(sums.failed),
        many(sums.tolerated),
        many(sums.not_run),
        many(saved.builds),
        saved.cost.milliseconds,
        saved.cost.cpu_milliseconds,
        many(saved.unknown),
        sums.saved.cut_off.cost.milliseconds,
        many(sums.builds),
        sums.spent.milliseconds,
        sums.spent.cpu_milliseconds,
        sums.fetched_bytes,
        many(sums.skipped),
    ]
}

/// `text` as one cell that is taken for text.
fn cell(text: &str) -> String {
    // Also as East Asian keyboards write them.
    const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\n', '＝', '＋', '－', '＠'];
    let mut text = plain(text);
    if text.starts_with(FORMULA) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\n', '\'', ';', '\t']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text() {
        let shown =
            ["libbsd", "", "a,b", "say \"x\"", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a\u{1b}[m", "＝1"];
        let expected = [
            "libbsd",
            "",
            "\"a,b\"",
            "\"say \"\"x\"\"\"",
            "\"'=1+1\"",
            "\"'+1\"",
            "\"'-1\"",
            "\"'@SUM(A1)\"",
            "\"'\t=1\"",
            "\"'=1\"",
            "a\\u{1b}[m",
            "\"'＝1\"",
        ];
        assert_eq!(shown.map(cell), expected);
    }
}
