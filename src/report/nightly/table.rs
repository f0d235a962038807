//! The grid, on the page.

use std::collections::BTreeMap;

use super::Page;
use super::failures::anchors;
use super::grid::{Column, Grid, Row, Seen};
use super::html::{part, shown};
use super::summary::{NAME, STATES, state};
use crate::night::CellState;
use crate::report::count;

/// How many calm rows are never folded away.
const FEW: usize = 12;

/// How high the row of distros is at the most, in pixels, and how wide a letter is. The row of arches stands below it.
const HIGHEST: usize = 132;
const LETTER: usize = 7;

/// The grid with its legend.
pub(super) fn grid(page: &Page) -> String {
    let grid = Grid::of(&page.night.cells);
    if grid.rows.is_empty() {
        return String::new();
    }
    let anchors = anchors(page);
    let mut body = legend(&grid);
    let calm = grid.calm();
    if calm > FEW {
        // Without a script: what a box is, the rules of the page ask.
        let checked = if calm == grid.rows.len() { "" } else { " are built everywhere" };
        let words = match checked {
            "" => format!("Show all {}: they are built everywhere", count(calm, "component")),
            _ => format!("Show also the {} that are built everywhere", count(calm, "component")),
        };
        body += &format!(
            "<input type=\"checkbox\" id=\"calm\" class=\"toggle\"/> <label for=\"calm\" class=\"toggle\">{words}</label>\n"
        );
    }
    let longest = grid.columns.iter().map(|column| column.distro.chars().count()).max().unwrap_or(0);
    let high = (longest * LETTER + 10).min(HIGHEST);
    body += &format!(
        "<div class=\"matrix\" tabindex=\"0\" role=\"region\" aria-label=\"Components and targets\" style=\"--first-row: {high}px\"><table>\n{}<tbody>\n",
        head(&grid.columns)
    );
    for row in &grid.rows {
        body += &line(&grid.columns, row, calm > FEW, &anchors);
    }
    body += "</tbody></table></div>\n";
    let (components, targets) = grid.left_out;
    if components + targets > 0 {
        let (components, targets) = (count(components, "component"), count(targets, "target"));
        body += &format!(
            "<p class=\"faint\">Left out for want of room: {components}, {targets}. JSON has all of them.</p>\n"
        );
    }
    part("grid", "Components and targets", &body)
}

fn legend(grid: &Grid<'_>) -> String {
    let mut text = "<ul class=\"legend\">\n".to_owned();
    for one in STATES {
        let Some(number) = grid.counts.get(&one) else { continue };
        let (class, sign, words) = state(one);
        text += &format!("<li><b class=\"s-{class}\">{sign}</b> {words}: {number}</li>\n");
    }
    text + "<li>empty: not for this target</li>\n</ul>\n"
}

/// Two rows of heads: distros, and below them their arches, or how many where they are folded.
fn head(columns: &[Column<'_>]) -> String {
    let (mut distros, mut arches) = (String::new(), String::new());
    for group in columns.chunk_by(|one, other| one.distro == other.distro) {
        let span = group.len();
        distros += &format!(
            "<th scope=\"colgroup\" colspan=\"{span}\" class=\"end\"><span>{}</span></th>",
            shown(group[0].distro, 40)
        );
        for (place, column) in group.iter().enumerate() {
            let end = if place + 1 == span { " class=\"end\"" } else { "" };
            let words = match &column.arches[..] {
                [] | [""] => "<span class=\"unseen\">all of it</span>".to_owned(),
                [one] => format!("<span>{}</span>", shown(one, 20)),
                several => format!("<span title=\"{}\">all {}</span>", shown(&several.join(", "), 300), several.len()),
            };
            arches += &format!("<th scope=\"col\"{end}>{words}</th>");
        }
    }
    format!(
        "<thead><tr><th class=\"corner\" rowspan=\"2\" scope=\"col\">Component</th>{distros}</tr>\n<tr>{arches}</tr></thead>\n"
    )
}

fn line(columns: &[Column<'_>], row: &Row<'_>, fold: bool, anchors: &BTreeMap<String, String>) -> String {
    let class = if row.calm && fold { " class=\"calm\"" } else { "" };
    let name = shown(row.component, NAME);
    let mut text = format!("<tr{class}><th scope=\"row\" title=\"{name}\">{name}</th>");
    for (place, (column, cell)) in std::iter::zip(columns, &row.cells).enumerate() {
        let is_end = columns.get(place + 1).is_none_or(|next| next.distro != column.distro);
        text += &match cell {
            Some(seen) => self::cell(row.component, column, seen, is_end, anchors),
            None if is_end => "<td class=\"end\"></td>".to_owned(),
            None => "<td></td>".to_owned(),
        };
    }
    text + "</tr>\n"
}

fn cell(
    component: &str,
    column: &Column<'_>,
    seen: &Seen<'_>,
    is_end: bool,
    anchors: &BTreeMap<String, String>,
) -> String {
    let (class, sign, words) = state(seen.state);
    let end = if is_end { " end" } else { "" };
    if seen.state == CellState::Clean {
        return format!("<td class=\"s-{class}{end}\">{sign}<i>{words}</i></td>");
    }
    let place = match column.arches.len() {
        0 | 1 => shown(seen.target, NAME),
        _ => shown(column.distro, NAME),
    };
    let version = match (seen.version, seen.state) {
        (None, _) => String::new(),
        (Some(version), CellState::Built | CellState::Fixed) => format!(", {}", shown(version, 60)),
        (Some(version), _) => format!(", last good {}", shown(version, 60)),
    };
    let title = format!("{} on {place}: {words}{version}", shown(component, NAME));
    let inside = match anchors.get(&format!("build:{component}@{}", seen.target)) {
        Some(anchor) => format!("<a href=\"#{anchor}\">{sign}<i>{words}</i></a>"),
        None => format!("{sign}<i>{words}</i>"),
    };
    format!("<td class=\"s-{class}{end}\" title=\"{title}\">{inside}</td>")
}
