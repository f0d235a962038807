//! What a YUM repository says of itself and of its packages, as foreign repositories have it: `repomd.xml`, `primary`,
//! `filelists`, groups.
//!
//! Read with bounds and without trust: names of elements that nobody here knows are passed over, what must be there and is
//! not is an error. The format is createrepo_c's; there is no other description of it.
//!
//! ```text
//! repomd.xml ── repomd ──► which files there are, with their digests
//! primary, filelists ── primary, filelists ──► a slim index: what choosing and fetching packages needs, and no more
//! comps.xml ── groups ──► the packages of each group
//! primary of source RPMs, modules.yaml ── sources, modules ──► which of them is taken
//! ```

pub mod filelists;
pub mod groups;
pub mod modules;
pub mod plain;
pub mod primary;
pub mod repomd;
pub mod sources;
#[cfg(test)]
mod tests;
mod xml;

use crate::diag::{Cause, Caused};

/// The most packages of one repository.
pub const MAX_PACKAGES: usize = 1_000_000;

/// Why a repository's metadata cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum RepodataError {
    /// It is no XML, or nested without end.
    #[error("it is no XML at byte {at}: {why}")]
    #[diagnostic(code(opb::repodata::xml), help("check the mirror, or name another one in `opb.toml`"))]
    Xml {
        /// Where, in bytes from the start.
        at: u64,
        /// What is wrong there.
        why: String,
    },
    /// It is no YAML, or nested without end.
    #[error("it is no YAML at line {line}: {why}")]
    #[diagnostic(code(opb::repodata::yaml), help("check the mirror, or name another one in `opb.toml`"))]
    Yaml {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        why: String,
    },
    /// Something that must be there is not.
    #[error("it has no {what}")]
    #[diagnostic(code(opb::repodata::missing), help("check the mirror, or name another one in `opb.toml`"))]
    Missing {
        /// What.
        what: String,
    },
    /// A value that is none.
    #[error("it has the {what} `{value}`, which {why}")]
    #[diagnostic(code(opb::repodata::value), help("check the mirror, or name another one in `opb.toml`"))]
    Value {
        /// Of what.
        what: &'static str,
        /// The value, at most its first 80 characters.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More packages than any repository has.
    #[error("it has more than {MAX_PACKAGES} packages")]
    #[diagnostic(code(opb::repodata::many), help("check the mirror, or name another one in `opb.toml`"))]
    Many,
}

impl Caused for RepodataError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

fn wrong(what: &'static str, value: &str, why: &'static str) -> RepodataError {
    RepodataError::Value { what, value: value.chars().take(80).collect(), why }
}

/// A place below a repository that leads nowhere else.
fn place(what: &'static str, value: &str) -> Result<String, RepodataError> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let printable = value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`\\<>?#".contains(&byte));
    if value.len() <= 1_000 && printable && !value.contains("://") && value.split('/').all(is_plain) {
        return Ok(value.to_owned());
    }
    Err(wrong(what, value, "is no plain path below the repository"))
}
