//! A sheet that is drawn on from top to bottom: words that fit where they stand, and bars in parts.

use std::fmt::Write as _;

use super::picture::{n, sheet, text, width};

/// How wide the sheet is, unless it is to stand within a page.
pub(in crate::report) const WIDE: f64 = 960.0;

/// Its margin, on all sides.
pub(in crate::report) const MARGIN: f64 = 28.0;

/// The least width of a part of a bar: a node of a hundred thousand is seen.
const LEAST: f64 = 2.0;

/// How high letters of the classes are.
const TITLE: f64 = 18.0;
const HEAD: f64 = 14.0;
const TEXT: f64 = 12.0;
const SMALL: f64 = 11.0;

/// The rules of all charts.
const CHART: &str = "\
.title { font-size: 18px; font-weight: 600; }
.head { font-size: 14px; font-weight: 600; }
.small { fill: #59636e; font-size: 11px; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
";

/// The dark ones.
const CHART_DARK: &str = "\
.small { fill: #9198a1; }
.grid { stroke: #2a313a; }
";

/// Which letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Letters {
    Title,
    Head,
    Plain,
    Small,
    /// Within a block.
    Label,
}

impl Letters {
    pub(in crate::report) fn size(self) -> f64 {
        match self {
            Self::Title => TITLE,
            Self::Head => HEAD,
            Self::Plain => TEXT,
            Self::Small | Self::Label => SMALL,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Head => "head",
            Self::Plain => "plain",
            Self::Small => "small",
            Self::Label => "label",
        }
    }

    /// About as wide as `words` are. Rather too wide.
    pub(in crate::report) fn width(self, words: &str) -> f64 {
        let bold = if matches!(self, Self::Title | Self::Head) { 1.08 } else { 1.0 };
        width(words, self.size()) * bold
    }
}

/// A part of a bar.
pub(in crate::report) struct Part {
    /// What it is coloured as.
    pub class: &'static str,
    /// How much of the bar.
    pub amount: usize,
    /// What is told where somebody points at it.
    pub hint: String,
}

/// Where a bar stands.
pub(in crate::report) struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// The sheet.
pub(in crate::report) struct Sheet {
    body: String,
    width: f64,
    /// How far down it is drawn on.
    pub y: f64,
}

impl Sheet {
    pub(in crate::report) fn new() -> Self {
        Self { body: String::new(), width: WIDE, y: MARGIN }
    }

    /// One that stands within a page, which has its colours: see [`Sheet::finish_within`].
    pub(in crate::report) fn within(width: f64) -> Self {
        Self { body: String::new(), width, y: 0.0 }
    }

    /// Words whose line stands at `y`, cut off so that they have room. What is cut off is told where somebody points at it.
    pub(in crate::report) fn words(&mut self, letters: Letters, (x, y): (f64, f64), room: f64, words: &str) {
        let shown = fitted(letters, words, room);
        let class = letters.class();
        let hint = if shown == words { String::new() } else { format!("<title>{}</title>", text(words)) };
        let _ = writeln!(self.body, r#"<text class="{class}" x="{}" y="{}">{hint}{}</text>"#, n(x), n(y), text(&shown));
    }

    /// Words over the whole width, in as many lines as they need, below what is there.
    pub(in crate::report) fn paragraph(&mut self, letters: Letters, words: &str) {
        let room = WIDE - 2.0 * MARGIN;
        let mut line = String::new();
        for word in words.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if letters.width(&longer) > room && !line.is_empty() {
                self.one_line(letters, &line);
                line = word.to_owned();
            } else {
                line = longer;
            }
        }
        self.one_line(letters, &line);
    }

    fn one_line(&mut self, letters: Letters, words: &str) {
        self.y += letters.size() * 1.5;
        self.words(letters, (MARGIN, self.y), WIDE - 2.0 * MARGIN, words);
    }

    /// A bar whose parts fill the place in proportion to their amounts.
    pub(in crate::report) fn bar(&mut self, place: &Place, parts: &[Part]) {
        let mut x = place.x;
        for (part, width) in std::iter::zip(parts, shares(parts, place.width)) {
            if part.amount > 0 {
                let Part { class, hint, .. } = part;
                // A gap tells neighbours apart whatever their colours.
                let shown = (width - 1.0).max(1.0);
                self.block(class, &Place { x, y: place.y, width: shown, height: place.height }, hint);
                x += width;
            }
        }
    }

    /// A rectangle of these classes, which is told of where somebody points at it.
    pub(in crate::report) fn block(&mut self, class: &str, place: &Place, hint: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>"#,
            n(place.x),
            n(place.y),
            n(place.width),
            n(place.height),
            text(hint)
        );
    }

    /// A square of a colour.
    pub(in crate::report) fn swatch(&mut self, class: &str, x: f64, y: f64) {
        let _ =
            writeln!(self.body, r#"<rect class="{class}" x="{}" y="{}" width="12" height="12" rx="2"/>"#, n(x), n(y));
    }

    /// A line from the top of `place` to its bottom.
    pub(in crate::report) fn rule(&mut self, x: f64, top: f64, bottom: f64) {
        self.line("grid", (x, top), (x, bottom));
    }

    /// A line of that class.
    pub(in crate::report) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (x1, y1, x2, y2) = (n(from.0), n(from.1), n(to.0), n(to.1));
        let _ = writeln!(self.body, r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#);
    }

    /// A shape of that class, along these points and closed.
    pub(in crate::report) fn shape(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
        let _ = writeln!(self.body, r#"<polygon class="{class}" points="{}"/>"#, points.join(" "));
    }

    /// The whole file; `title` is what it is called. `light` are rules of its own, `dark` those for viewers that say they
    /// are dark.
    pub(in crate::report) fn finish(self, title: &str, light: &str, dark: &str) -> String {
        let (w, h) = (n(self.width), n(self.y + MARGIN));
        let style = sheet(&format!("{CHART}{light}"), &format!("{CHART_DARK}{dark}"));
        let (paper_w, paper_h) = (n(self.width - 1.0), n(self.y + MARGIN - 1.0));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\">\n<title>{}</title>\n<style>\n{style}</style>\n<rect class=\"paper\" x=\"0.5\" y=\"0.5\" \
             width=\"{paper_w}\" height=\"{paper_h}\" rx=\"12\"/>\n{}</svg>\n",
            text(title),
            self.body
        )
    }

    /// The picture alone, without paper, margin and rules, as it stands within a page.
    pub(in crate::report) fn finish_within(self, title: &str) -> String {
        let (w, h) = (n(self.width), n(self.y));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
             <title>{}</title>\n{}</svg>\n",
            text(title),
            self.body
        )
    }
}

/// As much of `words` as has room: the beginning and the end, for names often differ in the end.
fn fitted(letters: Letters, words: &str, room: f64) -> String {
    if letters.width(words) <= room {
        return words.to_owned();
    }
    let all: Vec<char> = words.chars().collect();
    let (mut from, mut to, mut used) = (0, all.len(), letters.width("…"));
    while from < to {
        let letter = if from * 2 <= all.len() - to { from } else { to - 1 };
        used += letters.width(all[letter].encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        if letter == from { from += 1 } else { to -= 1 }
    }
    let text = |letters: &[char]| letters.iter().collect::<String>();
    format!("{}…{}", text(&all[..from]).trim_end(), text(&all[to..]).trim_start())
}

/// How wide each part of a bar is: in proportion, but none that is there at all too narrow to be seen, which the widest
/// pays for.
fn shares(parts: &[Part], whole: f64) -> Vec<f64> {
    let all: usize = parts.iter().map(|part| part.amount).sum();
    let share = |part: &Part| match part.amount {
        0 => 0.0,
        amount => (whole * amount as f64 / all as f64).max(LEAST),
    };
    let mut shares: Vec<f64> = parts.iter().map(share).collect();
    let excess = shares.iter().sum::<f64>() - whole;
    if let Some(widest) = shares.iter_mut().max_by(|a, b| a.total_cmp(b)) {
        *widest -= excess.max(0.0);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(amount: usize) -> Part {
        Part { class: "ran", amount, hint: String::new() }
    }

    #[test]
    fn parts_are_in_proportion_and_seen() {
        assert_eq!(shares(&[part(1), part(3), part(0)], 400.0), [100.0, 300.0, 0.0]);
        assert_eq!(shares(&[part(1), part(99_999), part(1)], 400.0), [2.0, 396.0, 2.0]);
        assert_eq!(shares(&[part(0)], 400.0), [0.0]);
    }

    #[test]
    fn words_are_cut_off_where_they_have_no_room() {
        assert_eq!(fitted(Letters::Plain, "libbsd", 200.0), "libbsd");
        let shown = fitted(Letters::Plain, &format!("first-{}-last", "wide ".repeat(40)), 200.0);
        assert!(shown.starts_with("first-") && shown.ends_with("-last") && shown.contains('…'), "{shown}");
        assert!((180.0..=200.0).contains(&Letters::Plain.width(&shown)), "{shown}");
    }
}
