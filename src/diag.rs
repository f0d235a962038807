//! What an error is to the person who meets it: whose fault, where, and what to do next.
//!
//! Each module has an error enum of its own beside the code that makes it. All of them are miette diagnostics (message,
//! labelled source, help) and tell their [`Cause`]; a [`Failure`] carries any of them up to the program, which turns the
//! cause into an exit code.

use std::fmt;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

/// Whose fault an error is. Decides the exit code (the table is in the manual).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A recipe, a distro file, the lock, an argument: mend the input.
    Input,
    /// The machine, the network, a mirror, the disk: mend the environment, or try again.
    Environment,
    /// A build ran and failed by itself.
    Build,
    /// A mistake in this program.
    Bug,
}

/// An error that knows whose fault it is.
pub trait Caused: Diagnostic + Send + Sync + 'static {
    /// Whose fault. Not `cause`, which [`std::error::Error`] has with another meaning.
    fn fault(&self) -> Cause;
}

/// Any module's error on its way to the person, with its cause.
pub struct Failure {
    /// Whose fault.
    pub cause: Cause,
    /// What to show.
    pub report: miette::Report,
}

impl<E: Caused> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { cause: error.fault(), report: miette::Report::new(error) }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.cause, self.report)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.report)
    }
}

/// An error and those behind it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Whether a terminal might do something else with it than show it.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The known word closest to `given`, where one is close enough to be what was meant.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        .filter(|(distance, word)| *distance <= (word.len().max(given.len()) / 3).max(1))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_words_are_suggested() {
        assert_eq!(did_you_mean("sorce", ["source", "targets"]), Some("source"));
        assert_eq!(did_you_mean("famly", ["family", "codename"]), Some("family"));
        assert_eq!(did_you_mean("zzz", ["source", "targets"]), None);
    }
}
