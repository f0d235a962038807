//! Places in files as programs want them: bytes, lines and columns.

use miette::SourceSpan;

/// Another place that has to do with a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The file below the project's root.
    pub file: String,
    /// What is there, in a few words.
    pub message: String,
    /// The bytes of that file.
    pub span: SourceSpan,
    /// Where they begin and end.
    pub range: Range,
}

/// A place in a file: its first byte, and the one behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Where it begins.
    pub start: Point,
    /// Where it ends.
    pub end: Point,
}

/// A byte of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters (Unicode scalar values), from 1.
    pub column: usize,
}

impl Range {
    /// Where `span` of `text` is. What lies beyond the text's end is taken to be the end.
    pub(super) fn of(text: &str, span: SourceSpan) -> Self {
        let end = span.offset().saturating_add(span.len());
        Self { start: Point::of(text, span.offset()), end: Point::of(text, end) }
    }
}

impl Point {
    fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Self { offset, line, column: before[start..].chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_offsets_bytes() {
        let range = Range::of("a\nöö x\n", (5, 3).into());
        let point = |offset, line, column| Point { offset, line, column };
        assert_eq!((range.start, range.end), (point(4, 2, 2), point(8, 2, 5)));
        assert_eq!(Range::of("a", (7, 9).into()).end, point(1, 1, 2));
    }
}
