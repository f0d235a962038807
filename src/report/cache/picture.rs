//! A report as a picture: all nodes as one bar, a bar for each row, and one for each root cause of what ran.
//!
//! Bars of rows are as long as each other and show shares of their nodes; those of causes show how many nodes there were.

use super::style::{CHART, CHART_DARK};
use super::table::{called, came_to, heading, percent, remarks, shown, spent};
use super::{By, Report, Sums};
use crate::report::chart::{Letters, MARGIN, Part, Place, Sheet, WIDE};
use crate::report::lines::saved;
use crate::report::{count, duration, plain};

/// How many rows are shown.
const MOST_ROWS: usize = 30;

/// How many causes are shown.
const MOST_CAUSES: usize = 12;

/// Room for what a row is called.
const CALLED: f64 = 210.0;

/// How long a row's bar is.
const BAR: f64 = 420.0;

/// How long the longest bar of a cause is. Many words stand beside it.
const CAUSE_BAR: f64 = 330.0;

/// How high a row is.
const ROW: f64 = 22.0;

/// The report as an SVG file. The same report gives the same bytes.
pub fn svg(report: &Report) -> String {
    let mut sheet = Sheet::new();
    let nodes = report.total.nodes();
    sheet.paragraph(Letters::Title, "What the store saved");
    let heading = plain(&heading(report));
    sheet.paragraph(Letters::Plain, &if nodes > 0 { format!("{heading}, {}", count(nodes, "node")) } else { heading });
    if nodes > 0 {
        sheet.y += 8.0;
        sheet.paragraph(Letters::Plain, &saved(&report.total.saved));
        sheet.paragraph(Letters::Plain, &spent(&report.total));
        whole(&mut sheet, &report.total);
        if report.by != By::Reason {
            rows(&mut sheet, report);
        }
        causes(&mut sheet, report);
    }
    for remark in remarks(report) {
        sheet.y += 4.0;
        sheet.paragraph(Letters::Small, &remark);
    }
    let title = format!("What the store saved: {}", plain(&self::heading(report)));
    sheet.finish(&title, CHART, CHART_DARK)
}

/// What nodes came to, in the order of the legend.
fn parts(sums: &Sums) -> [(&'static str, &'static str, usize); 6] {
    [
        ("store", "from the store", sums.saved.store.nodes),
        ("caches", "from caches", sums.saved.caches.nodes),
        ("cut-off", "spared by early cutoff", sums.saved.cut_off.nodes),
        ("ran", "ran", sums.ran()),
        ("failed", "failed", sums.all_failed()),
        ("left", "did not run", sums.not_run),
    ]
}

fn bar_of(sums: &Sums) -> Vec<Part> {
    let hint =
        |word: &str, amount: usize| format!("{word}: {}, {}", count(amount, "node"), share(amount, sums.nodes()));
    parts(sums).map(|(class, word, amount)| Part { class, amount, hint: hint(word, amount) }).into()
}

fn share(amount: usize, of: usize) -> String {
    match amount.saturating_mul(1_000).checked_div(of).unwrap_or(0) {
        0 if amount > 0 => "under 0.1 %".to_owned(),
        permille => percent(permille),
    }
}

/// All nodes as one bar, with what the colours mean below.
fn whole(sheet: &mut Sheet, total: &Sums) {
    sheet.y += 16.0;
    let wide = WIDE - 2.0 * MARGIN;
    sheet.bar(&Place { x: MARGIN, y: sheet.y, width: wide, height: 26.0 }, &bar_of(total));
    sheet.y += 26.0 + 20.0;
    let mut x = MARGIN;
    for (class, word, amount) in parts(total).into_iter().filter(|(.., amount)| *amount > 0) {
        let words = format!("{word}: {amount} ({})", share(amount, total.nodes()));
        let width = Letters::Small.width(&words);
        if x + 18.0 + width > WIDE - MARGIN && x > MARGIN {
            (x, sheet.y) = (MARGIN, sheet.y + 20.0);
        }
        sheet.swatch(class, x, sheet.y - 10.0);
        sheet.words(Letters::Small, (x + 18.0, sheet.y), width, &words);
        x += 18.0 + width + 18.0;
    }
}

fn rows(sheet: &mut Sheet, report: &Report) {
    let (shown, others) = shown(report, MOST_ROWS);
    let mut rows: Vec<(String, Sums)> = shown.iter().map(|row| (called(report, row), row.sums)).collect();
    rows.extend(others.map(|(number, sums)| (format!("and {number} more"), sums)));
    rows.retain(|(_, sums)| sums.nodes() > 0);
    if rows.is_empty() {
        return;
    }
    sheet.y += 18.0;
    sheet.paragraph(Letters::Head, &format!("By {}, in percent of the nodes of each", report.by.word()));
    sheet.y += 20.0;
    let x = MARGIN + CALLED;
    let bottom = sheet.y + 8.0 + ROW * rows.len() as f64;
    for tick in [0, 25, 50, 75, 100] {
        let at = x + BAR * f64::from(tick) / 100.0;
        sheet.rule(at, sheet.y + 5.0, bottom);
        let words = format!("{tick} %");
        let width = Letters::Small.width(&words);
        sheet.words(Letters::Small, (at - width / 2.0, sheet.y), width, &words);
    }
    sheet.y += 8.0;
    let right = x + BAR + 14.0;
    for (name, sums) in &rows {
        let line = sheet.y + 15.0;
        sheet.words(Letters::Plain, (MARGIN, line), CALLED - 14.0, name);
        sheet.bar(&Place { x, y: sheet.y + 4.0, width: BAR, height: 14.0 }, &bar_of(sums));
        let time = duration(sums.saved.total().cost.milliseconds);
        let words = format!("{}, saved {time}", count(sums.nodes(), "node"));
        sheet.words(Letters::Small, (right, line), WIDE - MARGIN - right, &words);
        sheet.y += ROW;
    }
}

fn causes(sheet: &mut Sheet, report: &Report) {
    let Some(most) = report.missed.iter().map(|missed| missed.sums.nodes()).max().filter(|most| *most > 0) else {
        return;
    };
    sheet.y += 20.0;
    sheet.paragraph(Letters::Head, "Why nodes ran, in nodes by root cause");
    sheet.y += 4.0;
    let right = MARGIN + CAUSE_BAR + 14.0;
    for missed in report.missed.iter().take(MOST_CAUSES) {
        let runs = if missed.runs > 1 { format!(" (in {} runs)", missed.runs) } else { String::new() };
        let words = plain(&format!("{}{runs}", missed.text)).replace('\n', " ");
        sheet.words(Letters::Plain, (MARGIN, sheet.y + 16.0), WIDE - 2.0 * MARGIN, &words);
        let width = CAUSE_BAR * missed.sums.nodes() as f64 / most as f64;
        let place = Place { x: MARGIN, y: sheet.y + 22.0, width: width.max(2.0), height: 12.0 };
        sheet.bar(&place, &bar_of(&missed.sums));
        sheet.words(Letters::Small, (right, sheet.y + 32.0), WIDE - MARGIN - right, &came_to(&missed.sums));
        sheet.y += 42.0;
    }
    if let Some(more) = report.missed.len().checked_sub(MOST_CAUSES).filter(|more| *more > 0) {
        sheet.paragraph(Letters::Small, &format!("and {}", count(more, "more reason")));
    }
}
