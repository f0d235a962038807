//! The project's `opb.exceptions.toml`, read and written.

use std::io;

use toml::de::{DeTable, DeValue};

use super::{Project, ProjectError};
use crate::diag::{Cause, Caused, Failure};
use crate::exceptions::{EXCEPTIONS_VERSION, ExceptionKind, Exceptions};
use crate::graph::{Selector, SelectorError};

/// The name of the file with a project's exceptions.
pub const EXCEPTIONS_FILE: &str = "opb.exceptions.toml";

/// What is wrong with that file.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExceptionsError {
    /// It cannot be understood.
    #[error("cannot read `{EXCEPTIONS_FILE}`: {message}")]
    #[diagnostic(code(opb::exceptions::file), help("correct that place, or take the file from version control again"))]
    File {
        /// What the parser said.
        message: String,
        /// The file's text.
        #[source_code]
        text: miette::NamedSource<String>,
        /// Where.
        #[label("here")]
        place: Option<miette::SourceSpan>,
    },
    /// It was written by a newer version.
    #[error("`{EXCEPTIONS_FILE}` has version {found}, and this opb knows versions up to {EXCEPTIONS_VERSION}")]
    #[diagnostic(code(opb::exceptions::version), help("use a newer opb"))]
    Version {
        /// What it says.
        found: i64,
    },
}

impl Caused for ExceptionsError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Project {
    /// Its exceptions; none where there is no file.
    ///
    /// # Errors
    /// Where the file cannot be read or understood.
    pub fn exceptions(&self) -> Result<Exceptions, Failure> {
        match self.root.read_to_string(EXCEPTIONS_FILE) {
            Ok(text) => Ok(read(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Exceptions::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let text = miette::NamedSource::new(EXCEPTIONS_FILE, String::new());
                Err(ExceptionsError::File { message: "it is not UTF-8 text".to_owned(), text, place: None }.into())
            }
            Err(source) => Err(self.file_error("read", EXCEPTIONS_FILE, source).into()),
        }
    }

    /// Writes them: the old file or the new one is there, never a part. Where there are none, there is no file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_exceptions(&self, exceptions: &Exceptions) -> Result<(), ProjectError> {
        if exceptions.is_empty() {
            return match self.root.remove_file(EXCEPTIONS_FILE) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(self.file_error("write", EXCEPTIONS_FILE, error))
                }
                _ => Ok(()),
            };
        }
        let text = toml::to_string(exceptions).expect("exceptions have only string keys");
        let head = "# Written by `opb hold`, `opb skip` and `opb expect-failure`. Keep it under version control; \
                    `opb exceptions` lists what it says.\n";
        self.write(EXCEPTIONS_FILE, &format!("{head}{text}"))
    }
}

/// The exceptions that `text` says.
fn read(text: &str) -> Result<Exceptions, ExceptionsError> {
    let version = toml::from_str::<toml::Table>(text).ok().and_then(|table| table.get("version")?.as_integer());
    if let Some(found) = version.filter(|found| *found > i64::from(EXCEPTIONS_VERSION)) {
        return Err(ExceptionsError::Version { found });
    }
    let wrong = |message: String, place: Option<std::ops::Range<usize>>| {
        let text = miette::NamedSource::new(EXCEPTIONS_FILE, text.to_owned());
        ExceptionsError::File { message, place: place.map(Into::into), text }
    };
    let exceptions: Exceptions =
        toml::from_str(text).map_err(|error| wrong(error.message().to_owned(), error.span()))?;
    for (kind, selector, _) in exceptions.all() {
        let read: Result<Selector, SelectorError> = selector.parse();
        read.map_err(|error| wrong(error.to_string(), place(text, kind, selector)))?;
    }
    Ok(exceptions)
}

/// Where the selector of an exception stands.
fn place(text: &str, kind: ExceptionKind, selector: &str) -> Option<std::ops::Range<usize>> {
    let whole = DeTable::parse(text).ok()?;
    let (_, value) = whole.get_ref().iter().find(|(key, _)| key.get_ref() == kind.as_str())?;
    let DeValue::Table(table) = value.get_ref() else { return None };
    table.keys().find(|key| key.get_ref() == selector).map(toml::Spanned::span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        let told = |text: &str| {
            let error = read(text).expect_err(text);
            let place = match &error {
                ExceptionsError::File { place: Some(place), .. } => &text[place.offset()..place.offset() + place.len()],
                _ => "",
            };
            format!("{error} ⟦{place}⟧")
        };
        let one = "reason = \"a\"\nexpires = \"2026-12-24\"\n";
        let texts = [
            format!("version = 1\n[skip.\"make:x\"]\n{one}"),
            "version = 1\n[skip.a]\nreason = \"a\"\nexpires = \"soon\"\n".to_owned(),
            format!("version = 1\n[skp.a]\n{one}"),
            format!("version = 2\n[skp.a]\n{one}"),
            "version = 1\n[hold]\n\"\" = {}\n".to_owned(),
        ];
        insta::assert_snapshot!(texts.iter().map(|text| told(text)).collect::<Vec<_>>().join("\n"), @r#"
        cannot read `opb.exceptions.toml`: `make` in `make:x` is no kind of node ⟦"make:x"⟧
        cannot read `opb.exceptions.toml`: `soon` is no day such as `2026-12-24` ⟦"soon"⟧
        cannot read `opb.exceptions.toml`: unknown field `skp`, expected one of `version`, `hold`, `skip`, `expect-failure` ⟦skp⟧
        `opb.exceptions.toml` has version 2, and this opb knows versions up to 1 ⟦⟧
        cannot read `opb.exceptions.toml`: missing field `reason` ⟦{}⟧
        "#);
    }
}
