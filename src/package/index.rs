//! `Packages` indexes of archives, and the *slim index* that is kept of them.
//!
//! [`slim`] keeps the fields that choosing and fetching packages need, in one canonical order, so that a description
//! that changed changes nothing; [`read`] reads an archive's own index or a slim one alike.

use std::fmt::Write;

use miette::Diagnostic;

use super::control::{self, ControlError, Paragraph, put_field};
use super::dsc::DscError;
use super::version::{Version, VersionError};
use crate::diag::{Cause, Caused};
use crate::digest::Sha256;

/// The most entries that an index may have.
pub const MAX_ENTRIES: usize = 2_000_000;

/// A binary package, as an index names it. Relations are kept as text: most are never asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: Version,
    /// Its arch, or `all`.
    pub arch: String,
    /// What it promises to packages of other arches.
    pub multi_arch: MultiArch,
    /// Whether `Essential: yes`.
    pub essential: bool,
    /// How much it belongs to a common system.
    pub priority: Priority,
    /// `Pre-Depends` on one line; empty where there is none, as in those that follow.
    pub pre_depends: String,
    /// `Depends`
    pub depends: String,
    /// `Conflicts`
    pub conflicts: String,
    /// `Breaks`
    pub breaks: String,
    /// `Replaces`
    pub replaces: String,
    /// `Provides`
    pub provides: String,
    /// Place below the archive's root, such as `pool/main/h/hello/hello_2.10-3_amd64.deb`.
    pub filename: String,
    /// Length of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256,
}

/// The field `Multi-Arch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MultiArch {
    /// Missing, or `no`.
    No,
    /// Can be installed for several arches.
    Same,
    /// Serves packages of any arch.
    Foreign,
    /// Serves them where they ask for `:any`.
    Allowed,
}

/// The field `Priority`, the most common first (Debian Policy, section 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// `required`
    Required,
    /// `important`
    Important,
    /// `standard`
    Standard,
    /// `optional`, missing or unknown.
    Optional,
    /// `extra`
    Extra,
}

/// Why a text is no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("update the pins with `opb update`; if that does not help, the archive itself is bad"))]
pub enum IndexError {
    /// It is no control file, or an entry lacks a field.
    #[error("cannot read an index of packages")]
    #[diagnostic(code(opb::package::index::control))]
    Control(#[from] ControlError),
    /// A name that is none.
    #[error("cannot read the entry at line {line} of an index: `{name}` is not a package name or an arch")]
    #[diagnostic(code(opb::package::index::name))]
    Name {
        /// The line on which the entry starts, from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A version that is none.
    #[error("cannot read the version of the entry at line {line} of an index")]
    #[diagnostic(code(opb::package::index::version))]
    Version {
        /// The line on which the entry starts, from 1.
        line: usize,
        /// Why.
        source: VersionError,
    },
    /// A place outside the archive.
    #[error("cannot read the entry at line {line} of an index: `{place}` is no place below an archive's root")]
    #[diagnostic(code(opb::package::index::place))]
    Place {
        /// The line on which the entry starts, from 1.
        line: usize,
        /// The place.
        place: String,
    },
    /// A size or digest that is none.
    #[error("cannot read the entry at line {line} of an index: its {field} `{value}` is none")]
    #[diagnostic(code(opb::package::index::value))]
    Value {
        /// The line on which the entry starts, from 1.
        line: usize,
        /// `Size` or `SHA256`.
        field: &'static str,
        /// What stands there.
        value: String,
    },
    /// The files of a source package.
    #[error("cannot read the files of the entry at line {line} of an index")]
    #[diagnostic(code(opb::package::index::files))]
    Files {
        /// The line on which the entry starts, from 1.
        line: usize,
        /// Why.
        source: DscError,
    },
    /// More than [`MAX_ENTRIES`].
    #[error("cannot read an index of packages: it has more than {MAX_ENTRIES} entries")]
    #[diagnostic(code(opb::package::index::many))]
    Many,
}

impl Caused for IndexError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// The entries of an index, in its order.
///
/// # Errors
/// [`IndexError`] for the first bad entry.
pub fn read(text: &str) -> Result<Vec<IndexEntry>, IndexError> {
    let mut entries = Vec::new();
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph?;
        if entries.len() >= MAX_ENTRIES {
            return Err(IndexError::Many);
        }
        entries.push(entry(&paragraph)?);
    }
    Ok(entries)
}

/// The slim index of an archive's index: entries sorted by package, version and arch, equal ones once.
///
/// # Errors
/// As [`read`].
pub fn slim(text: &str) -> Result<String, IndexError> {
    let mut entries = read(text)?;
    entries.sort_by(|left, right| {
        // Versions of one order may differ as texts; the digest decides what is left.
        let key = |entry: &IndexEntry| (entry.version.as_str().to_owned(), entry.arch.clone(), entry.sha256);
        left.package
            .cmp(&right.package)
            .then_with(|| left.version.cmp(&right.version))
            .then_with(|| key(left).cmp(&key(right)))
    });
    entries.dedup();
    let mut text = String::with_capacity(entries.len() * 500);
    for entry in &entries {
        put_entry(&mut text, entry);
    }
    Ok(text)
}

impl IndexEntry {
    /// A package by its own control paragraph, which knows neither place nor size nor digest.
    ///
    /// # Errors
    /// [`IndexError`] for what the paragraph lacks.
    pub fn of_control(
        paragraph: &Paragraph<'_>,
        filename: &str,
        size: u64,
        sha256: Sha256,
    ) -> Result<Self, IndexError> {
        let line = paragraph.line;
        let (package, arch) = (paragraph.required("Package")?, paragraph.required("Architecture")?);
        for name in [package, arch] {
            if !is_word(name) {
                return Err(IndexError::Name { line, name: name.chars().take(80).collect() });
            }
        }
        if !is_plain_place(filename) {
            return Err(IndexError::Place { line, place: filename.chars().take(200).collect() });
        }
        let version =
            Version::new(paragraph.required("Version")?).map_err(|source| IndexError::Version { line, source })?;
        let text = |field: &str| paragraph.folded(field).into_owned();
        Ok(Self {
            package: package.to_owned(),
            version,
            arch: arch.to_owned(),
            multi_arch: MultiArch::of(paragraph.get("Multi-Arch")),
            essential: paragraph.get("Essential") == Some("yes"),
            priority: Priority::of(paragraph.get("Priority")),
            pre_depends: text("Pre-Depends"),
            depends: text("Depends"),
            conflicts: text("Conflicts"),
            breaks: text("Breaks"),
            replaces: text("Replaces"),
            provides: text("Provides"),
            filename: filename.to_owned(),
            size,
            sha256,
        })
    }
}

fn entry(paragraph: &Paragraph<'_>) -> Result<IndexEntry, IndexError> {
    let value = |field| {
        let value = paragraph.required(field)?;
        let wrong = IndexError::Value { line: paragraph.line, field, value: value.chars().take(80).collect() };
        Ok::<_, IndexError>((value, wrong))
    };
    let (size, wrong) = value("Size")?;
    let digits = size.bytes().all(|byte| byte.is_ascii_digit());
    let size = size.parse().ok().filter(|_| digits).ok_or(wrong)?;
    let (sha256, wrong) = value("SHA256")?;
    let sha256 = sha256.parse().map_err(|_| wrong)?;
    IndexEntry::of_control(paragraph, paragraph.required("Filename")?, size, sha256)
}

fn put_entry(to: &mut String, entry: &IndexEntry) {
    put_field(to, "Package", &entry.package);
    put_field(to, "Version", entry.version.as_str());
    put_field(to, "Architecture", &entry.arch);
    let words = [
        ("Multi-Arch", entry.multi_arch.as_str()),
        ("Essential", if entry.essential { "yes" } else { "" }),
        ("Priority", entry.priority.as_str()),
        ("Pre-Depends", &entry.pre_depends),
        ("Depends", &entry.depends),
        ("Conflicts", &entry.conflicts),
        ("Breaks", &entry.breaks),
        ("Replaces", &entry.replaces),
        ("Provides", &entry.provides),
    ];
    for (field, value) in words.into_iter().filter(|(_, value)| !value.is_empty()) {
        put_field(to, field, value);
    }
    put_field(to, "Filename", &entry.filename);
    // Writing to a string cannot fail.
    let _ = write!(to, "Size: {}\nSHA256: {}\n\n", entry.size, entry.sha256);
}

/// Whether `text` can be the name of a package or an arch.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    text.len() <= 200 && text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain)
}

/// Whether `place` stays below the folder it is relative to, and is harmless in an address and on a terminal.
pub(super) fn is_plain_place(place: &str) -> bool {
    place.len() <= 1_000
        && place.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'?' | b'#'))
        && !place.starts_with('-')
        && place.split('/').enumerate().all(|(at, name)| !matches!(name, "" | "..") && (name != "." || at == 0))
}

impl MultiArch {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("same") => Self::Same,
            Some("foreign") => Self::Foreign,
            Some("allowed") => Self::Allowed,
            _ => Self::No,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Same => "same",
            Self::Foreign => "foreign",
            Self::Allowed => "allowed",
        }
    }
}

impl Priority {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("required") => Self::Required,
            Some("important") => Self::Important,
            Some("standard") => Self::Standard,
            Some("extra") => Self::Extra,
            _ => Self::Optional,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Important => "important",
            Self::Standard => "standard",
            Self::Optional => "",
            Self::Extra => "extra",
        }
    }
}

#[cfg(test)]
mod tests;
