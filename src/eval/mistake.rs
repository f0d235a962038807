//! What is wrong in a recipe, at which place, and what to write instead.
//!
//! All mistakes of a run are collected before it gives up. A mistake is shown with the recipe's lines; text from recipes
//! is made harmless first (no control characters, no text direction marks), with offsets unchanged.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode, SourceSpan};
use serde::{Deserialize, Serialize};

use super::files::{Files, FilesError};
use super::lint::Lint;
use super::range::{Range, Related};
use super::scan::Text;
use crate::diag::{Cause, Caused, is_harmful};

/// What kind of mistake; its code stands before the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// The file is not Rhai.
    Syntax,
    /// The script stopped while it ran.
    Script,
    /// The script wanted more steps, memory or depth than a recipe gets.
    Limit,
    /// A field that is unknown, missing or of a wrong type.
    Field,
    /// A name that is malformed or given twice.
    Name,
    /// A target pattern that is malformed or matches nothing.
    Pattern,
    /// An import of what is not shared code.
    Import,
    /// A file that could not be read.
    File,
    /// Needs between components: unknown, or in a circle.
    Need,
    /// A text that is not TOML, or says what `opb.toml` or `opb.lock` cannot say.
    Table,
    /// Nothing is wrong, but it may not be what was meant.
    Lint(Lint),
}

impl Mistake {
    /// What identifies the kind for programs, such as `opb::eval::field`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "opb::eval::syntax",
            Self::Script => "opb::eval::script",
            Self::Limit => "opb::eval::limit",
            Self::Field => "opb::eval::field",
            Self::Name => "opb::eval::name",
            Self::Pattern => "opb::eval::pattern",
            Self::Import => "opb::eval::import",
            Self::File => "opb::eval::file",
            Self::Need => "opb::eval::need",
            Self::Table => "opb::eval::table",
            Self::Lint(lint) => lint.code(),
        }
    }
}

/// A mistake that does not know its place yet: what functions of the language raise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub mistake: Mistake,
    pub message: String,
    pub help: Option<String>,
    /// The string in the recipe that is wrong, where it is one.
    pub value: Option<String>,
}

impl Complaint {
    pub fn new(mistake: Mistake, message: impl Into<String>) -> Self {
        Self { mistake, message: message.into(), help: None, value: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn about(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }
}

/// One mistake in a recipe or a distro's file.
#[derive(Debug, Clone)]
pub struct RecipeError {
    mistake: Mistake,
    message: String,
    help: Option<String>,
    file: String,
    text: Option<Box<NamedSource<Arc<str>>>>,
    span: Option<SourceSpan>,
    cause: Cause,
    related: Vec<Related>,
}

impl RecipeError {
    pub(super) fn new(text: &Text, span: SourceSpan, complaint: Complaint) -> Self {
        Self {
            mistake: complaint.mistake,
            message: harmless(&complaint.message),
            help: complaint.help.as_deref().map(harmless),
            file: text.name().to_owned(),
            text: Some(Box::new(NamedSource::new(harmless(text.name()), text.shown()))),
            span: Some(span),
            cause: Cause::Input,
            related: Vec::new(),
        }
    }

    /// A mistake of a whole file, or of a file that cannot be shown.
    pub(super) fn placeless(file: &str, complaint: Complaint) -> Self {
        Self {
            mistake: complaint.mistake,
            message: harmless(&complaint.message),
            help: complaint.help.as_deref().map(harmless),
            file: file.to_owned(),
            text: None,
            span: None,
            cause: Cause::Input,
            related: Vec::new(),
        }
    }

    pub(super) fn of_files(file: &str, error: &FilesError) -> Self {
        let message = match error {
            FilesError::Read { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        let mut complaint = Complaint::new(Mistake::File, message);
        complaint.help = error.help().map(|help| help.to_string());
        Self { cause: error.fault(), ..Self::placeless(file, complaint) }
    }

    /// The same, as the environment's fault.
    pub(super) fn of_environment(self) -> Self {
        Self { cause: Cause::Environment, ..self }
    }

    /// The same at another place of its file.
    pub(super) fn moved(self, span: SourceSpan) -> Self {
        Self { span: Some(span), ..self }
    }

    /// The same, with another place that has to do with it.
    pub(super) fn and(mut self, text: &Text, span: SourceSpan, message: &str) -> Self {
        let range = Range::of(text.raw(), span);
        self.related.push(Related { file: text.name().to_owned(), message: harmless(message), span, range });
        self
    }

    /// What kind of mistake.
    pub fn mistake(&self) -> Mistake {
        self.mistake
    }

    /// The file below the project's root.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Bytes of the file that are wrong; `None` where it is the file as a whole.
    pub fn span(&self) -> Option<SourceSpan> {
        self.span
    }

    /// Where the wrong bytes begin and end; `None` where it is the file as a whole.
    pub fn range(&self) -> Option<Range> {
        Some(Range::of(self.text.as_deref()?.inner(), self.span?))
    }

    /// Other places that have to do with it.
    pub fn related_places(&self) -> &[Related] {
        &self.related
    }

    /// Whether it only may be a mistake.
    pub fn is_warning(&self) -> bool {
        matches!(self.mistake, Mistake::Lint(_))
    }

    /// What identifies it: two targets often meet the same mistake.
    pub(super) fn identity(&self) -> (&str, usize, &str) {
        (&self.file, self.span.map_or(0, |span| span.offset()), &self.message)
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RecipeError {}

impl Diagnostic for RecipeError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.mistake.code()))
    }

    fn severity(&self) -> Option<Severity> {
        Some(if self.is_warning() { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_deref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), self.span?);
        let of_this_file = self.related.iter().filter(|other| other.file == self.file);
        let others = of_this_file.map(|other| LabeledSpan::new_with_span(Some(other.message.clone()), other.span));
        Some(Box::new(std::iter::once(label).chain(others)))
    }
}

impl Caused for RecipeError {
    fn fault(&self) -> Cause {
        self.cause
    }
}

/// Something in a recipe that may not be what was meant. Shown, never fatal.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(transparent)]
pub struct RecipeWarning(pub(super) RecipeError);

impl KeptWarning {
    /// The file that it is about.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl RecipeWarning {
    /// The file that it is about.
    pub fn file(&self) -> &str {
        self.0.file()
    }

    /// Sorts warnings as those of one evaluation are.
    pub fn sorted(warnings: Vec<Self>) -> Vec<Self> {
        let all = RecipeErrors::new(warnings.into_iter().map(|warning| warning.0).collect());
        all.map(RecipeErrors::into_vec).unwrap_or_default().into_iter().map(Self).collect()
    }

    /// What was noticed, and where.
    pub fn mistake(&self) -> &RecipeError {
        &self.0
    }
}

/// A warning without the file that it is about, for a cache of evaluations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWarning {
    lint: String,
    file: String,
    message: String,
    help: Option<String>,
    span: Option<(usize, usize)>,
}

impl RecipeWarning {
    /// The warning, to be kept; `None` where it cannot be told again from this.
    pub fn keep(&self) -> Option<KeptWarning> {
        let RecipeError { mistake, file, message, help, span, related, .. } = &self.0;
        let Mistake::Lint(lint) = mistake else { return None };
        let span = span.map(|span| (span.offset(), span.len()));
        let kept = KeptWarning {
            lint: lint.name().to_owned(),
            file: file.clone(),
            message: message.clone(),
            help: help.clone(),
            span,
        };
        related.is_empty().then_some(kept)
    }

    /// The warning again, with its file from `files`; `None` where that cannot be read.
    pub fn again(kept: KeptWarning, files: &dyn Files) -> Option<Self> {
        let mistake = Mistake::Lint(Lint::named(&kept.lint)?);
        let complaint = Complaint { help: kept.help, ..Complaint::new(mistake, kept.message) };
        let Some(span) = kept.span else { return Some(Self(RecipeError::placeless(&kept.file, complaint))) };
        let text = Text::new(&kept.file, files.read(&kept.file).ok()?);
        Some(Self(RecipeError::new(&text, span.into(), complaint)))
    }
}

/// All mistakes of one evaluation: at least one, sorted by file and place, none twice.
#[derive(Debug, Clone)]
pub struct RecipeErrors(Vec<RecipeError>);

impl RecipeErrors {
    /// Sorts `errors` and drops what is there twice. `None` where there are none.
    pub fn new(mut errors: Vec<RecipeError>) -> Option<Self> {
        errors.sort_by(|one, other| one.identity().cmp(&other.identity()));
        errors.dedup_by(|one, other| one.identity() == other.identity());
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The mistakes, taken out.
    pub(super) fn into_vec(self) -> Vec<RecipeError> {
        self.0
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &RecipeError> {
        self.0.iter()
    }
}

impl fmt::Display for RecipeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("evaluating the recipes: 1 mistake"),
            count => write!(f, "evaluating the recipes: {count} mistakes"),
        }
    }
}

impl std::error::Error for RecipeErrors {}

impl Diagnostic for RecipeErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|error| error as &dyn Diagnostic)))
    }
}

impl Caused for RecipeErrors {
    fn fault(&self) -> Cause {
        if self.0.iter().any(|error| error.cause == Cause::Input) { Cause::Input } else { Cause::Environment }
    }
}

/// `text` as a message may show it: one line, of bounded length, with control characters and direction marks escaped.
pub(super) fn harmless(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut shown = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        if place >= LONGEST {
            shown.push('…');
            break;
        }
        if is_harmful(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
