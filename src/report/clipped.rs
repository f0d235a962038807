//! Errors whose lines are longer than the terminal is wide: what is far from the place is left out, marked by `…`.
//!
//! A terminal would break such a line, and the underlining would stand below something else. The error is shown as it is
//! but for its lines: those that are too long are clipped around what is underlined in them, and places are moved along.

use std::error::Error;
use std::fmt;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};
use textwrap::core::display_width;

/// What stands for what is left out.
const LEFT_OUT: &str = "…";

/// Fewer columns than these are never left of a line.
const LEAST: usize = 20;

/// How many columns miette lets a tab have.
const TAB: usize = 4;

/// How many columns miette wants beside a line and its number.
const BESIDE: usize = 4;

/// The same for the arrows of what spans several lines.
const ARROWS: usize = 4;

/// An error with its lines clipped, and all that belongs to it.
pub struct Clipped<'a> {
    of: &'a dyn Diagnostic,
    excerpt: Option<Excerpt>,
    related: Vec<Self>,
    source: Option<Box<Self>>,
}

/// Lines of a source and what is underlined there, both as they are shown.
struct Excerpt {
    text: String,
    name: Option<String>,
    labels: Vec<LabeledSpan>,
    /// For each label: where it begins in its line of the source, as that is told.
    columns: Vec<usize>,
}

/// What is shown of a line: from which byte to which, and where it begins in the source and in what is shown.
struct Line {
    source: usize,
    shown: usize,
    from: usize,
    to: usize,
    length: usize,
}

impl<'a> Clipped<'a> {
    /// `error` for a terminal of `width` columns.
    pub fn new(error: &'a dyn Diagnostic, width: usize) -> Self {
        let related = error.related().into_iter().flatten().map(|related| Self::new(related, width)).collect();
        let source = error.diagnostic_source().map(|source| Box::new(Self::new(source, width)));
        Self { of: error, excerpt: Excerpt::new(error, width), related, source }
    }
}

impl Excerpt {
    /// `None` where there is nothing to clip.
    fn new(error: &dyn Diagnostic, width: usize) -> Option<Self> {
        let (source, labels) = (error.source_code()?, error.labels()?.collect::<Vec<_>>());
        let whole = source.read_span(&(0, 0).into(), 0, usize::MAX).ok()?;
        let text = std::str::from_utf8(whole.data()).ok()?;
        let inside = |label: &LabeledSpan| text.is_char_boundary(label.offset()) && label_end(label) <= text.len();
        if !labels.iter().all(|label| inside(label) && text.is_char_boundary(label_end(label))) {
            return None;
        }
        let across = labels.iter().any(|label| text[label.offset()..label_end(label)].contains('\n'));
        let numbers = text.lines().count().max(1).to_string().len();
        let room = width.saturating_sub(numbers + BESIDE + if across { ARROWS } else { 0 }).max(LEAST);
        let mut shown = String::with_capacity(text.len());
        let (mut lines, mut begins) = (Vec::new(), 0);
        for line in text.split('\n') {
            let end = begins + line.len();
            let here = labels.iter().find(|label| label.offset() <= end && label_end(label) >= begins);
            let place = here
                .map_or((0, 0), |label| (label.offset().saturating_sub(begins), label_end(label).min(end) - begins));
            let (from, to) = window(line, place, room);
            lines.push(Line { source: begins, shown: shown.len(), from, to, length: line.len() });
            shown.push_str(if from > 0 { LEFT_OUT } else { "" });
            shown.push_str(&line[from..to]);
            shown.push_str(if to < line.len() { LEFT_OUT } else { "" });
            shown.push('\n');
            begins = end + 1;
        }
        shown.pop();
        if shown.len() == text.len() && shown == text {
            return None;
        }
        let column = |label: &LabeledSpan| source.read_span(label.inner(), 0, 0).map_or(0, |found| found.column());
        let columns = labels.iter().map(column).collect();
        let moved = |label: &LabeledSpan| {
            let (from, to) = (place_of(&lines, label.offset(), false), place_of(&lines, label_end(label), true));
            let span: SourceSpan = (from, to.saturating_sub(from)).into();
            let text = label.label().map(str::to_owned);
            if label.primary() {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        };
        let labels = labels.iter().map(moved).collect();
        Some(Self { text: shown, name: whole.name().map(str::to_owned), labels, columns })
    }
}

fn label_end(label: &LabeledSpan) -> usize {
    label.offset().saturating_add(label.len())
}

/// Which bytes of `line` are shown in `room` columns, so that `place` is among them as far as it fits.
fn window(line: &str, place: (usize, usize), room: usize) -> (usize, usize) {
    let width = |text: &str| text.chars().map(columns).sum::<usize>();
    if width(line) <= room {
        return (0, line.len());
    }
    let mark = display_width(LEFT_OUT);
    let mut from = 0;
    if width(&line[..place.1]) + mark > room {
        // A part of the line before the place tells where one is.
        let before = width(&line[..place.0]).saturating_sub(room / 4);
        let to_end = width(line) + mark - room;
        from = skip(line, before.min(to_end));
    }
    let room = room - if from > 0 { mark } else { 0 };
    let to = if width(&line[from..]) <= room { line.len() } else { from + fit(&line[from..], room - mark) };
    (from, to)
}

fn columns(character: char) -> usize {
    if character == '\t' { TAB } else { display_width(character.encode_utf8(&mut [0; 4])) }
}

/// How many bytes of `text` have at least `width` columns.
fn skip(text: &str, width: usize) -> usize {
    let mut skipped = 0;
    for (place, character) in text.char_indices() {
        if skipped >= width {
            return place;
        }
        skipped += columns(character);
    }
    text.len()
}

/// How many bytes of `text` have at most `width` columns.
fn fit(text: &str, width: usize) -> usize {
    let mut filled = 0;
    for (place, character) in text.char_indices() {
        filled += columns(character);
        if filled > width {
            return place;
        }
    }
    text.len()
}

/// Where a place in the source is in what is shown; `end`: of something that ends there.
fn place_of(lines: &[Line], offset: usize, end: bool) -> usize {
    let Some(line) = lines.iter().rev().find(|line| line.source <= offset) else { return 0 };
    let within = offset - line.source;
    let lead = if line.from > 0 { LEFT_OUT.len() } else { 0 };
    let tail = if line.to < line.length { LEFT_OUT.len() } else { 0 };
    let shown = line.to - line.from;
    match within {
        before if before < line.from => line.shown + if end { lead } else { 0 },
        after if after > line.to => line.shown + lead + shown + if end { tail } else { 0 },
        inside => line.shown + lead + inside - line.from,
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.as_bytes().read_span(span, before, after)?;
        // Where a place is, is told as the source has it.
        let told = self.labels.iter().zip(&self.columns).find(|(label, _)| label.inner() == span && before == 0);
        let column = told.map_or(found.column(), |(_, column)| *column);
        let (data, of, line, count) = (found.data(), *found.span(), found.line(), found.line_count());
        Ok(Box::new(match &self.name {
            Some(name) => MietteSpanContents::new_named(name.clone(), data, of, line, column, count),
            None => MietteSpanContents::new(data, of, line, column, count),
        }))
    }
}

impl fmt::Debug for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.of, f)
    }
}

impl fmt::Display for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.of, f)
    }
}

impl Error for Clipped<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.of.source()
    }
}

impl Diagnostic for Clipped<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.of.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.of.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.of.help()
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.of.url()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode).or_else(|| self.of.source_code())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match &self.excerpt {
            Some(excerpt) => Some(Box::new(excerpt.labels.iter().cloned())),
            None => self.of.labels(),
        }
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let related = || self.related.iter().map(|related| related as &dyn Diagnostic);
        (!self.related.is_empty()).then(|| Box::new(related()) as Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>)
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.source.as_deref().map(|source| source as &dyn Diagnostic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, labels: Vec<LabeledSpan>, width: usize) -> String {
        let source = miette::NamedSource::new("a.rhai", text.to_owned());
        let error = miette::Report::from(miette::MietteDiagnostic::new("wrong").with_labels(labels));
        let error = error.with_source_code(source);
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor());
        let mut shown = String::new();
        let error: &dyn Diagnostic = error.as_ref();
        handler.with_width(width).render_report(&mut shown, &Clipped::new(error, width)).expect("rendered");
        shown
    }

    fn at(text: &str, place: &str, width: usize) -> String {
        let offset = text.find(place).expect("there");
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), (offset, place.len()));
        shown(text, vec![label], width)
    }

    /// What is underlined, as the eye sees it.
    fn underlined(shown: &str) -> String {
        let lines: Vec<&str> = shown.lines().collect();
        let below = lines.iter().position(|line| line.contains('┬')).expect("underlined");
        let marks = lines[below].chars().enumerate().filter(|(_, mark)| "─┬".contains(*mark));
        let at: Vec<usize> = marks.map(|(place, _)| place).collect();
        lines[below - 1].chars().enumerate().filter(|(place, _)| at.contains(place)).map(|(_, of)| of).collect()
    }

    #[test]
    fn a_long_line_is_clipped_around_the_place() {
        let text = format!("first\n{}WRONG{}\nlast {}\n", "a ".repeat(60), " b".repeat(60), "c".repeat(100));
        let narrow = at(&text, "WRONG", 60);
        insta::assert_snapshot!(narrow, @r###"
         × wrong
          ╭─[a.rhai:2:121]
        1 │ first
        2 │ … a a a a a a WRONG b b b b b b b b b b b b b b b b b …
          ·               ──┬──
          ·                 ╰── here
        3 │ last ccccccccccccccccccccccccccccccccccccccccccccccccc…
          ╰────
        "###);
        for width in [25, 40, 60, 80, 120] {
            let shown = at(&text, "WRONG", width);
            assert_eq!(underlined(&shown), "WRONG", "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{width}: {shown}");
            assert!(shown.contains("[a.rhai:2:121]"), "the place is told as the file has it: {shown}");
        }
        let wide = at(&text, "WRONG", 400);
        assert!(!wide.contains('…') && wide.contains(text.lines().nth(1).expect("a line")), "{wide}");
    }

    #[test]
    fn places_at_the_ends_and_longer_than_the_line() {
        let text = format!("BEGIN {} END", "é字\t".repeat(60));
        assert_eq!(underlined(&at(&text, "BEGIN", 50)), "BEGIN");
        let end = at(&text, "END", 50);
        assert!(end.contains(" END\n") && end.contains(" │ …"), "{end}");
        let long = format!("x = {};", "y".repeat(300));
        let whole = at(&long, &"y".repeat(300), 50);
        let seen = underlined(&whole);
        assert!(seen.starts_with('y') && seen.ends_with('…') && !seen.contains(';'), "{whole}");
    }

    #[test]
    fn places_over_several_lines_and_several_on_one() {
        let text = format!("{0}\nEND {0}\n", "z".repeat(200));
        let label = |from: usize, length: usize| LabeledSpan::new_with_span(Some("it".to_owned()), (from, length));
        let across = shown(&text, vec![label(190, 14)], 50);
        assert!(across.lines().all(|line| line.chars().count() <= 50) && across.contains("END z"), "{across}");
        let two = shown(&text, vec![label(2, 3), label(150, 3)], 50);
        assert!(two.lines().all(|line| line.chars().count() <= 60) && two.matches("it").count() == 2, "{two}");
    }
}
