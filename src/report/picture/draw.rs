//! Draws a sketch: sizes of boxes, places, and the SVG text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::boxes::{Boxed, Pill, Role, Sketch, Standing, in_words};
use super::layout::{Layout, Point, Size, lay_out};
use super::style::{GRAPH, GRAPH_DARK, of_kind, of_role, of_state, of_words, sheet, width};
use super::thin::implied;
use crate::graph::NodeId;
use crate::name::Kind;

const MARGIN: f64 = 24.0;
const INSIDE: f64 = 12.0;
const HEADER: f64 = 36.0;
const PILL: f64 = 24.0;
const ROWS: f64 = 12.0;
const COLUMNS: f64 = 26.0;
const TEXT: f64 = 12.0;
const SMALL: f64 = 11.0;
const TITLE: f64 = 14.0;
/// Room for the mark of a node's state.
const MARK: f64 = 12.0;
/// The most letters of a title. All of them are in the hint.
const MAX_TITLE: usize = 32;
/// A line of the legend.
const LINE: f64 = 19.0;
/// Room for the legend's lines.
const LEAST_WIDTH: f64 = 660.0;

/// A sketch with all its places.
pub(super) struct Drawing {
    sketch: Sketch,
    insides: Vec<Inside>,
    layout: Layout,
    /// The arrows that are drawn, in the layout's order.
    arrows: Vec<(usize, usize)>,
    left_out: usize,
}

/// Where things are in a box, from its corner.
struct Inside {
    size: Size,
    pills: BTreeMap<NodeId, (Point, f64)>,
    labels: Vec<(Point, String)>,
}

impl Drawing {
    /// Finds all places.
    pub fn new(sketch: Sketch) -> Self {
        let marked = sketch.states.is_some();
        let insides: Vec<Inside> = sketch.boxes.iter().map(|own| Inside::new(own, marked)).collect();
        let sizes: Vec<Size> = insides.iter().map(|inside| inside.size).collect();
        let all: Vec<(usize, usize)> = sketch.arrows.keys().copied().collect();
        let implied = implied(sizes.len(), &all);
        let is_minor = |(from, to): (usize, usize)| {
            sketch.boxes[from].role == Role::Base || sketch.boxes[to].role == Role::Repository
        };
        // Between components each arrow is a need that somebody wrote; in a large picture the ways must do.
        let needless = |edge: usize| implied[edge] && (sketch.by_component || is_minor(all[edge]));
        let arrows: Vec<(usize, usize)> =
            (0..all.len()).filter(|edge| !needless(*edge)).map(|edge| all[edge]).collect();
        let area: f64 = sizes.iter().map(|size| (size.width + 40.0) * (size.height + 80.0)).sum();
        let layout = lay_out(&sizes, &arrows, (area * 1.8).sqrt().max(900.0));
        let left_out = all.len() - arrows.len();
        Self { sketch, insides, layout, arrows, left_out }
    }

    /// Writes it.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let legend = MARGIN + self.layout.size.height + 38.0;
        let size = Size {
            width: self.layout.size.width.max(LEAST_WIDTH) + 2.0 * MARGIN,
            height: legend + LINE * (self.legend_lines() as f64 - 1.0) + MARGIN,
        };
        let left = MARGIN + ((LEAST_WIDTH - self.layout.size.width) / 2.0).max(0.0);
        let (w, h) = (n(size.width), n(size.height));
        writeln!(
            to,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img">"#
        )?;
        writeln!(to, "<title>{}</title>", text(&self.title()))?;
        writeln!(to, "<style>\n{}</style>\n<defs>", sheet(GRAPH, GRAPH_DARK))?;
        for kind in ["plain", "faint", "inner"] {
            writeln!(
                to,
                r#"<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path class="head {kind}" d="M0 0.8 L8 4 L0 7.2 z"/></marker>"#
            )?;
        }
        writeln!(to, "</defs>")?;
        let (w, h) = (n(size.width - 1.0), n(size.height - 1.0));
        writeln!(to, r#"<rect class="paper" x="0.5" y="0.5" width="{w}" height="{h}" rx="12"/>"#)?;
        writeln!(to, r#"<g transform="translate({} {})">"#, n(left), n(MARGIN))?;
        for (edge, way) in self.layout.ways.iter().enumerate() {
            let (from, end) = self.arrows[edge];
            let faint = self.sketch.boxes[from].role == Role::Base || self.sketch.boxes[end].role == Role::Repository;
            let class = if faint { "faint" } else { "plain" };
            let hint = self.sketch.arrows.get(&(from, end)).map(super::boxes::Arrow::hint).unwrap_or_default();
            writeln!(
                to,
                r#"<g class="arrow"><title>{}</title><path class="way {class}" marker-end="url(#{class})" d="{}"/></g>"#,
                text(&hint),
                curve(way)
            )?;
        }
        for (place, own) in self.sketch.boxes.iter().enumerate() {
            self.write_box(to, place, own)?;
        }
        writeln!(to, "</g>")?;
        self.write_legend(to, legend)?;
        writeln!(to, "</svg>")
    }

    fn title(&self) -> String {
        let nodes = super::super::count(self.sketch.nodes, "node");
        match self.sketch.states {
            Some(states) => format!("{nodes}: {}", in_words(states)),
            None => nodes,
        }
    }

    fn write_box(&self, to: &mut dyn Write, place: usize, own: &Boxed) -> io::Result<()> {
        let (inside, corner) = (&self.insides[place], self.layout.boxes[place]);
        writeln!(to, r#"<g transform="translate({} {})">"#, n(corner.x), n(corner.y))?;
        let (w, h) = (n(inside.size.width), n(inside.size.height));
        let class = of_role(own.role);
        writeln!(
            to,
            r#"<g><title>{}</title><rect class="box {class}" width="{w}" height="{h}" rx="10"/>"#,
            text(&own.hint)
        )?;
        let title = text(&shortened(&own.title));
        writeln!(to, r#"<text class="title" x="{}" y="23">{title}</text>"#, n(INSIDE))?;
        let subtitle = text(&own.subtitle);
        if own.rows.is_empty() {
            writeln!(to, r#"<text class="small" x="{}" y="40">{subtitle}</text></g>"#, n(INSIDE))?;
            write_bar(to, own, inside.size)?;
        } else {
            let right = n(inside.size.width - INSIDE);
            writeln!(to, r#"<text class="small" text-anchor="end" x="{right}" y="23">{subtitle}</text></g>"#)?;
        }
        for (point, label) in &inside.labels {
            writeln!(to, r#"<text class="small" x="{}" y="{}">{}</text>"#, n(point.x), n(point.y), text(label))?;
        }
        for (from, end) in &own.inner {
            let (Some((a, width)), Some((b, _))) = (inside.pills.get(from), inside.pills.get(end)) else { continue };
            let (x, y, x2, y2) = (a.x + width, a.y + PILL / 2.0, b.x, b.y + PILL / 2.0);
            let middle = (x + x2) / 2.0;
            writeln!(
                to,
                r#"<path class="way inner" marker-end="url(#inner)" d="M{} {} C{} {} {} {} {} {}"/>"#,
                n(x),
                n(y),
                n(middle),
                n(y),
                n(middle),
                n(y2),
                n(x2),
                n(y2)
            )?;
        }
        for pill in own.rows.iter().flat_map(|row| &row.pills) {
            if let Some((point, width)) = inside.pills.get(&pill.node) {
                write_pill(to, pill.kind, &pill.hint, pill.state, *point, *width)?;
            }
        }
        writeln!(to, "</g>")
    }

    /// What colours, marks and arrows mean.
    fn write_legend(&self, to: &mut dyn Write, top: f64) -> io::Result<()> {
        let mut y = top;
        if !self.sketch.by_component {
            let mut x = MARGIN;
            for kind in self.kinds() {
                let class = of_kind(kind);
                writeln!(
                    to,
                    r#"<rect class="{class}" x="{}" y="{}" width="14" height="10" rx="3"/>"#,
                    n(x),
                    n(y - 9.0)
                )?;
                writeln!(to, r#"<text class="small" x="{}" y="{}">{kind}</text>"#, n(x + 19.0), n(y))?;
                x += 19.0 + width(kind.as_str(), SMALL) + 16.0;
            }
            y += LINE;
        }
        if self.sketch.states.is_some() {
            let mut x = MARGIN;
            let words = ["clean", "will run", "depends on what comes out of others", "skipped"];
            let skips = self.sketch.states.is_some_and(|[.., skipped]| skipped > 0);
            let shown = if skips { words.len() } else { words.len() - 1 };
            for (state, word) in std::iter::zip(Standing::ALL, words).take(shown) {
                write_mark(to, state, Point { x: x + 7.0, y: y - 4.0 })?;
                writeln!(to, r#"<text class="small" x="{}" y="{}">{word}</text>"#, n(x + 19.0), n(y))?;
                x += 19.0 + width(word, SMALL) + 16.0;
            }
            y += LINE;
        }
        for words in self.words() {
            writeln!(to, r#"<text class="small" x="{}" y="{}">{}</text>"#, n(MARGIN), n(y), text(&words))?;
            y += LINE;
        }
        Ok(())
    }

    fn kinds(&self) -> Vec<Kind> {
        let pills = || self.sketch.boxes.iter().flat_map(|own| &own.rows).flat_map(|row| &row.pills);
        Kind::ALL.into_iter().filter(|kind| pills().any(|pill| pill.kind == *kind)).collect()
    }

    /// The last lines of the legend.
    fn words(&self) -> Vec<String> {
        let boxes = if self.sketch.by_component { "A box is a component with all its targets. " } else { "" };
        let left_out = match (self.left_out, self.sketch.by_component) {
            (0, _) => "",
            (_, false) => " Pale arrows that a longer way shows too are left out.",
            (_, true) => " Those that a longer way shows too are left out.",
        };
        let common = match self.sketch.common {
            0 => String::new(),
            common => format!(" Not shown: {common} of bases and repositories, which all have in common."),
        };
        vec![format!("{}.{common}", self.title()), format!("{boxes}Arrows lead to what reads or needs it.{left_out}")]
    }

    fn legend_lines(&self) -> usize {
        self.words().len() + usize::from(!self.sketch.by_component) + usize::from(self.sketch.states.is_some())
    }
}

impl Inside {
    fn new(own: &Boxed, marked: bool) -> Self {
        let title = width(&shortened(&own.title), TITLE) * 1.08;
        let subtitle = width(&own.subtitle, SMALL);
        if own.rows.is_empty() {
            let size = Size { width: title.max(subtitle).max(70.0) + 2.0 * INSIDE, height: 62.0 };
            return Self { size, pills: BTreeMap::new(), labels: Vec::new() };
        }
        let pill_width = |pill: &Pill| width(pill.kind.as_str(), TEXT) + 16.0 + if marked { MARK } else { 0.0 };
        // Several nodes in one column of a row stand below each other.
        let all = || own.rows.iter().flat_map(|row| &row.pills);
        let columns = all().map(|pill| pill.column + 1).max().unwrap_or(0);
        let widest = |column: usize| all().filter(|pill| pill.column == column).map(pill_width).fold(0.0, f64::max);
        let label = own.rows.iter().filter_map(|row| row.label.as_ref()).map(|label| width(label, SMALL) + 12.0);
        let mut lefts = Vec::new();
        let mut x = INSIDE + label.fold(0.0, f64::max);
        for column in 0..columns {
            lefts.push(x);
            x += widest(column) + COLUMNS;
        }
        let (mut pills, mut labels) = (BTreeMap::new(), Vec::new());
        let mut y = HEADER;
        for row in &own.rows {
            let mut used = vec![0usize; columns];
            for pill in &row.pills {
                let place = Point { x: lefts[pill.column], y: y + (PILL + ROWS) * used[pill.column] as f64 };
                used[pill.column] += 1;
                pills.insert(pill.node, (place, pill_width(pill)));
            }
            labels.extend(row.label.iter().map(|label| (Point { x: INSIDE, y: y + 16.0 }, label.clone())));
            y += (PILL + ROWS) * used.iter().max().copied().unwrap_or(1) as f64;
        }
        let size = Size {
            width: (x - COLUMNS + INSIDE).max(title + subtitle + 14.0 + 2.0 * INSIDE),
            height: y - ROWS + INSIDE,
        };
        Self { size, pills, labels }
    }
}

fn write_pill(
    to: &mut dyn Write,
    kind: Kind,
    hint: &str,
    state: Option<Standing>,
    at: Point,
    width: f64,
) -> io::Result<()> {
    let class = state.map(|state| format!(" {}", of_state(state))).unwrap_or_default();
    writeln!(
        to,
        r#"<g class="node"><title>{}</title><rect class="pill {}{class}" x="{}" y="{}" width="{}" height="{PILL}" rx="7"/>"#,
        text(hint),
        of_kind(kind),
        n(at.x),
        n(at.y),
        n(width)
    )?;
    let words = at.x + (width - if state.is_some() { MARK } else { 0.0 }) / 2.0;
    writeln!(
        to,
        r#"<text class="{}" text-anchor="middle" x="{}" y="{}">{kind}</text>"#,
        of_words(kind),
        n(words),
        n(at.y + 16.0)
    )?;
    if let Some(state) = state {
        write_mark(to, state, Point { x: at.x + width - 11.0, y: at.y + PILL / 2.0 })?;
    }
    writeln!(to, "</g>")
}

fn write_mark(to: &mut dyn Write, state: Standing, at: Point) -> io::Result<()> {
    writeln!(to, r#"<circle class="mark {}" cx="{}" cy="{}" r="4.5"/>"#, of_state(state), n(at.x), n(at.y))
}

/// The states of a component's nodes as parts of a bar.
fn write_bar(to: &mut dyn Write, own: &Boxed, size: Size) -> io::Result<()> {
    let all: usize = own.states.iter().sum();
    let whole = size.width - 2.0 * INSIDE;
    let mut x = INSIDE;
    for (state, part) in std::iter::zip(Standing::ALL, own.states) {
        if part > 0 {
            let long = whole * part as f64 / all as f64;
            let class = of_state(state);
            writeln!(to, r#"<rect class="mark {class}" x="{}" y="48" width="{}" height="7" rx="2"/>"#, n(x), n(long))?;
            x += long;
        }
    }
    Ok(())
}

/// Curves from layer to layer, straight lines through a layer.
fn curve(way: &[Point]) -> String {
    let mut path = String::new();
    for (place, point) in way.iter().enumerate() {
        let (x, y) = (n(point.x), n(point.y));
        let _ = match place.checked_sub(1).and_then(|before| way.get(before)) {
            None => write!(path, "M{x} {y}"),
            Some(before) if before.x == point.x => write!(path, " L{x} {y}"),
            Some(before) => {
                let middle = n((before.y + point.y) / 2.0);
                write!(path, " C{} {middle} {x} {middle} {x} {y}", n(before.x))
            }
        };
    }
    path
}

fn shortened(title: &str) -> String {
    match title.char_indices().nth(MAX_TITLE) {
        None => title.to_owned(),
        Some((end, _)) => format!("{}…", &title[..end]),
    }
}

/// A number with at most one decimal.
pub(in crate::report) fn n(number: f64) -> String {
    let tenths = (number * 10.0).round() as i64;
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}{}.{}", if tenths < 0 { "-" } else { "" }, (tenths / 10).abs(), rest.abs()),
    }
}

/// Text as it may stand in XML, which has no place for most control characters.
pub(in crate::report) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                safe.extend(letter.escape_default());
            }
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers() {
        assert_eq!(text("a<b>&\"\u{1b}[0m\u{0}\n\u{ffff}é"), "a&lt;b&gt;&amp;&quot;\\u{1b}[0m\\u{0}\n\\u{ffff}é");
        assert_eq!([1.0, 0.04, 1.26, -0.5, -3.0].map(n), ["1", "0", "1.3", "-0.5", "-3"]);
        assert_eq!(shortened(&"é".repeat(40)), "é".repeat(32) + "…");
    }
}
