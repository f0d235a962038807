//! Control files: paragraphs of fields, as deb822(5) and Debian Policy chapter 5 define them.
//!
//! [`paragraphs`] walks a text and borrows from it, so that an index of tens of thousands of packages is read without
//! copying. It does not know what any field means. Lines that start with `#` are comments wherever they stand.

use std::borrow::Cow;
use std::fmt;

use miette::Diagnostic;

use crate::diag::{Cause, Caused};

/// The most fields that a paragraph may have.
pub const MAX_FIELDS: usize = 1_000;

/// The most bytes that a paragraph may have.
pub const MAX_PARAGRAPH: usize = 8 << 20;

/// One paragraph: fields in the text's order, names unique without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph<'a> {
    /// The line of the text on which it starts, from 1.
    pub line: usize,
    fields: Vec<(&'a str, &'a str)>,
}

/// Why a text is no control file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("mend the control file: each line is `Field: value`, starts with a space, or starts with `#`"))]
pub enum ControlError {
    /// A line that is no field.
    #[error("cannot read line {line} of a control file: `{text}` is no `Field: value`")]
    #[diagnostic(code(opb::package::control::field))]
    Field {
        /// The line, from 1.
        line: usize,
        /// Its start.
        text: String,
    },
    /// A line that continues nothing.
    #[error("cannot read line {line} of a control file: it continues a field, but none stands before it")]
    #[diagnostic(code(opb::package::control::continuation))]
    Continuation {
        /// The line, from 1.
        line: usize,
    },
    /// A field that stands twice in one paragraph.
    #[error("cannot read line {line} of a control file: the field `{field}` stands twice in its paragraph")]
    #[diagnostic(code(opb::package::control::twice))]
    Twice {
        /// The line of the second, from 1.
        line: usize,
        /// The field.
        field: String,
    },
    /// Beyond [`MAX_FIELDS`] or [`MAX_PARAGRAPH`].
    #[error(
        "cannot read the paragraph at line {line} of a control file: more than {MAX_FIELDS} fields or {MAX_PARAGRAPH} bytes"
    )]
    #[diagnostic(code(opb::package::control::too_large))]
    TooLarge {
        /// The line on which the paragraph starts, from 1.
        line: usize,
    },
    /// Bytes that are no text.
    #[error("cannot read line {line} of a control file: it is not UTF-8")]
    #[diagnostic(code(opb::package::control::utf8))]
    Utf8 {
        /// The line, from 1.
        line: usize,
    },
    /// Not exactly one paragraph where one was wanted.
    #[error("cannot read a control file: it has {} where one paragraph is expected", if *.found == 0 { "no paragraph" } else { "several paragraphs" })]
    #[diagnostic(code(opb::package::control::count))]
    Count {
        /// 0, or 2 for all that is more than one.
        found: usize,
    },
    /// A field that must be there.
    #[error("cannot read the paragraph at line {line} of a control file: the field `{field}` is missing")]
    #[diagnostic(code(opb::package::control::missing))]
    Missing {
        /// The line on which the paragraph starts, from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
}

impl Caused for ControlError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// `bytes` as text.
///
/// # Errors
/// [`ControlError::Utf8`] with the line of the first bad byte.
pub fn text(bytes: &[u8]) -> Result<&str, ControlError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        ControlError::Utf8 { line: 1 + good.iter().filter(|byte| **byte == b'\n').count() }
    })
}

/// The paragraphs of `text`, in its order. Nothing follows the first error.
pub fn paragraphs(text: &str) -> Paragraphs<'_> {
    Paragraphs { rest: text, line: 0, failed: false }
}

/// The one paragraph of `text`.
///
/// # Errors
/// [`ControlError`] where the text cannot be read, or has none or several.
pub fn paragraph(text: &str) -> Result<Paragraph<'_>, ControlError> {
    let mut all = paragraphs(text);
    let first = all.next().ok_or(ControlError::Count { found: 0 })??;
    match all.next() {
        None => Ok(first),
        Some(_) => Err(ControlError::Count { found: 2 }),
    }
}

/// Writes one field to `to`. Further lines of `value` are indented, empty ones stand as ` .`.
pub fn put_field(to: &mut String, name: &str, value: &str) {
    to.push_str(name);
    to.push(':');
    for (place, line) in value.split('\n').enumerate() {
        if place > 0 {
            to.push('\n');
        }
        let indented = line.starts_with([' ', '\t']);
        if place > 0 && line.trim().is_empty() {
            to.push_str(" .");
        } else if !line.is_empty() {
            to.push_str(if indented { "" } else { " " });
            to.push_str(line.trim_end());
        }
    }
    to.push('\n');
}

/// Iterator of [`paragraphs`].
#[derive(Debug, Clone)]
pub struct Paragraphs<'a> {
    rest: &'a str,
    line: usize,
    failed: bool,
}

impl<'a> Paragraphs<'a> {
    /// Takes the next line off, without its end.
    fn take_line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        Some(line)
    }

    fn take_paragraph(&mut self) -> Result<Option<Paragraph<'a>>, ControlError> {
        let mut found: Option<Paragraph<'a>> = None;
        let all = self.rest;
        // Where the value of the field that is being read starts and ends in `all`.
        let mut value: Option<(&'a str, usize, usize)> = None;
        loop {
            let at = all.len() - self.rest.len();
            let Some(line) = self.take_line() else { break };
            let end = at + line.len();
            if line.starts_with('#') {
                continue;
            }
            if line.trim_ascii().is_empty() {
                if found.is_some() {
                    break;
                }
                continue;
            }
            let paragraph = found.get_or_insert_with(|| Paragraph { line: self.line, fields: Vec::with_capacity(24) });
            if line.starts_with([' ', '\t']) {
                match &mut value {
                    Some((_, _, value_end)) => *value_end = end,
                    None => return Err(ControlError::Continuation { line: self.line }),
                }
                continue;
            }
            if let Some((name, start, end)) = value.take() {
                paragraph.fields.push((name, all[start..end].trim_ascii()));
            }
            let (name, _) = line
                .split_once(':')
                .filter(|(name, _)| is_field_name(name))
                .ok_or_else(|| ControlError::Field { line: self.line, text: line.chars().take(80).collect() })?;
            if paragraph.get(name).is_some() {
                return Err(ControlError::Twice { line: self.line, field: name.to_owned() });
            }
            if paragraph.fields.len() >= MAX_FIELDS || end > MAX_PARAGRAPH {
                return Err(ControlError::TooLarge { line: paragraph.line });
            }
            value = Some((name, at + name.len() + 1, end));
        }
        if let (Some(paragraph), Some((name, start, end))) = (&mut found, value) {
            if end > MAX_PARAGRAPH {
                return Err(ControlError::TooLarge { line: paragraph.line });
            }
            paragraph.fields.push((name, all[start..end].trim_ascii()));
        }
        Ok(found)
    }
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Result<Paragraph<'a>, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.take_paragraph().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// Debian Policy, section 5.1: printable ASCII but for the colon, not starting with `#` or `-`.
fn is_field_name(name: &str) -> bool {
    !name.starts_with('-') && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

impl<'a> Paragraph<'a> {
    /// The value of `name`, whatever the case of its letters: trimmed, lines after the first still indented.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The value of `name` on one line, comments left out; empty where the field is missing.
    pub fn folded(&self, name: &str) -> Cow<'a, str> {
        self.get(name).map_or(Cow::Borrowed(""), folded)
    }

    /// The value of a field that must be there.
    ///
    /// # Errors
    /// [`ControlError::Missing`] where it is not, or is empty.
    pub fn required(&self, field: &'static str) -> Result<&'a str, ControlError> {
        self.get(field).filter(|value| !value.is_empty()).ok_or(ControlError::Missing { line: self.line, field })
    }

    /// All fields in the text's order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields.iter().copied()
    }
}

impl fmt::Display for Paragraph<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (name, value) in &self.fields {
            put_field(&mut text, name, &value_lines(value).collect::<Vec<_>>().join("\n"));
        }
        f.write_str(&text)
    }
}

/// `value` on one line: its lines trimmed and joined by one space, comments left out.
pub fn folded(value: &str) -> Cow<'_, str> {
    if !value.contains('\n') {
        return Cow::Borrowed(value.trim_ascii());
    }
    Cow::Owned(value_lines(value).map(str::trim_ascii).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The lines of a value without comments, which stand on lines of their own: never on the field's first.
fn value_lines(value: &str) -> impl Iterator<Item = &str> {
    value.split('\n').enumerate().filter(|(place, line)| *place == 0 || !line.starts_with('#')).map(|(_, line)| line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\n# a comment\nSource: libmd\nBuild-Depends: debhelper-compat (= 13),\n# why\n pkg-config\nEmpty:\n\n\nPackage: libmd0\nDescription: short\n long\n .\n more";

    #[test]
    fn fields_are_found_and_folded() {
        let all: Vec<_> = paragraphs(TEXT).collect::<Result<_, _>>().expect("good");
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[1].line), (3, 10));
        assert_eq!(all[0].get("SOURCE"), Some("libmd"));
        assert_eq!(all[0].folded("build-depends"), "debhelper-compat (= 13), pkg-config");
        assert_eq!(all[0].get("Empty"), Some(""));
        assert_eq!(all[0].get("None"), None);
        let commented = paragraph("A: #1,\n# gone\n b").expect("good");
        assert_eq!((commented.folded("A").as_ref(), commented.to_string().as_str()), ("#1, b", "A: #1,\n b\n"));
        assert_eq!(all[1].get("Description"), Some("short\n long\n .\n more"));
        assert_eq!(all[1].to_string(), "Package: libmd0\nDescription: short\n long\n .\n more\n");
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text| paragraph(text).expect_err("bad").to_string();
        assert_eq!(error("A: b\nc d\n"), "cannot read line 2 of a control file: `c d` is no `Field: value`");
        assert_eq!(
            error(" x\n"),
            "cannot read line 1 of a control file: it continues a field, but none stands before it"
        );
        assert_eq!(
            error("A: b\na: c\n"),
            "cannot read line 2 of a control file: the field `a` stands twice in its paragraph"
        );
        assert_eq!(error("\n"), "cannot read a control file: it has no paragraph where one paragraph is expected");
        assert_eq!(
            error("A: b\n\nA: c"),
            "cannot read a control file: it has several paragraphs where one paragraph is expected"
        );
        assert_eq!(
            text(b"a\n\xff").expect_err("bad").to_string(),
            "cannot read line 2 of a control file: it is not UTF-8"
        );
        let many: String = (0..=MAX_FIELDS).map(|n| format!("F{n}: x\n")).collect();
        assert_eq!(
            error(&many),
            "cannot read the paragraph at line 1 of a control file: more than 1000 fields or 8388608 bytes"
        );
        assert_eq!(
            paragraph("\nA: b").expect("good").required("Package").expect_err("none").to_string(),
            "cannot read the paragraph at line 2 of a control file: the field `Package` is missing"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_complete_so_that_it_reads_the_same(text in "([A-C]: [a-z#: ]{0,5}\n|[ \t#A-C.:\n]){0,30}") {
            for one in paragraphs(&text).map_while(Result::ok) {
                let written = one.to_string();
                let again = paragraph(&written).expect("what is written reads back");
                for (name, value) in one.fields() {
                    prop_assert_eq!(folded(value).replace(" . ", " "), again.folded(name).replace(" . ", " "), "{:?}", written);
                }
            }
        }
    }
}
