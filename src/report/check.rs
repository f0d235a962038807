//! What `opb check` found, for people in a line and for programs as JSON.

use miette::Diagnostic as _;
use serde::Serialize;

use crate::eval::check::Answer;
use crate::eval::lint::Lint;
use crate::eval::{Mistake, Point, Range, RecipeError};

/// The version of the JSON form. What is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    errors: usize,
    warnings: usize,
    silenced: usize,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    severity: &'static str,
    code: &'static str,
    lint: Option<&'static str>,
    message: String,
    help: Option<String>,
    file: &'a str,
    span: Option<Span>,
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    file: &'a str,
    span: Span,
    message: &'a str,
}

#[derive(Serialize)]
struct Span {
    start: Place,
    end: Place,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    offset: usize,
}

impl From<Range> for Span {
    fn from(range: Range) -> Self {
        let place = |Point { offset, line, column }| Place { line, column, offset };
        Self { start: place(range.start), end: place(range.end) }
    }
}

impl<'a> From<&'a RecipeError> for Finding<'a> {
    fn from(error: &'a RecipeError) -> Self {
        let related = error.related_places().iter();
        Self {
            severity: if error.is_warning() { "warning" } else { "error" },
            code: error.mistake().code(),
            lint: match error.mistake() {
                Mistake::Lint(lint) => Some(lint.name()),
                _ => None,
            },
            message: error.to_string(),
            help: error.help().map(|help| help.to_string()),
            file: error.file(),
            span: error.range().map(Span::from),
            related: related
                .map(|other| Related { file: &other.file, span: other.range.into(), message: &other.message })
                .collect(),
        }
    }
}

/// One JSON object, as `docs/schema/check.json` describes it.
pub fn json(answer: &Answer) -> String {
    let report = Report {
        version: VERSION,
        errors: answer.errors(),
        warnings: answer.warnings(),
        silenced: answer.silenced,
        findings: answer.findings.iter().map(Finding::from).collect(),
    };
    serde_json::to_string_pretty(&report).expect("only texts and numbers") + "\n"
}

/// The last line for people: `12 files: 2 errors, 1 warning, 3 silenced`.
pub fn summary(answer: &Answer) -> String {
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    for (number, what) in [(answer.errors(), "error"), (answer.warnings(), "warning")] {
        if number > 0 {
            parts.push(count(number, what));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to say".to_owned());
    }
    if answer.silenced > 0 {
        parts.push(format!("{} silenced", answer.silenced));
    }
    format!("{} checked: {}\n", count(answer.files, "file"), parts.join(", "))
}

/// All lints, one a line, with what they find.
pub fn lints() -> String {
    let width = Lint::ALL.iter().map(|lint| lint.name().len()).max().unwrap_or_default();
    Lint::ALL.iter().map(|lint| format!("{:width$}  {}\n", lint.name(), lint.summary())).collect()
}
