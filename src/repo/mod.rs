//! Repositories: packages in, the tree of an APT repository out; [`yum`] has those of RPM packages.
//!
//! Knows how an archive is laid out and what its indexes say. Does not know where bytes come from (it gets names, sizes
//! and digests), what the time is (the tree holds no date) or how anything is signed: `Release` is text made by
//! [`release_text`] for a caller that has a clock, and an envelope around a content that does not change with it.
//!
//! ```text
//! package ─ facts.rs, stanza.rs ─► Facts, which are kept
//! Facts ─ index.rs, contents.rs ─► pieces, which are kept ─► dists/<codename>/<area>/… with by-hash ┐
//!       └ pool.rs ───► pool/<area>/<prefix>/<source>/<file> ────────────────────────────────────────┴─► Assembled
//! Suite + a date ─ release.rs ─► Release
//! ```
//!
//! An index is compressed in pieces that are cut by names, so that one package more costs no more than its piece (`cut.rs`,
//! `packed.rs`). What comes out depends on the packages alone: what is kept only saves time.

mod apt;
mod contents;
mod cut;
mod facts;
mod index;
mod packed;
mod pool;
mod release;
mod rows;
mod stanza;
pub mod yum;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use apt::assemble;
pub use facts::{FORM as FACTS_FORM, Facts};
pub use index::{Keep, KeepNothing};
pub use release::{release_text, sources_entry};
pub use rows::{Change, Changed, Row, changes, rows};
use serde::{Deserialize, Serialize};

use crate::diag::{Cause, Caused};
use crate::digest::{Digest, Sha256};
use crate::name::Arch;
use crate::package::rpm::RpmError;
use crate::tree::{Tree, TreeError};

/// What a repository calls itself, and what it may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Who made it, for pinning (`Pin: release o=…`). One line.
    pub origin: String,
    /// What it is, for pinning (`l=…`). One line.
    pub label: String,
    /// Such as `stable`. A plain name.
    pub suite: String,
    /// Such as `bookworm`: the folder below `dists/`. A plain name.
    pub codename: String,
    /// Areas such as `main`, in the order in which `Release` lists them. Not empty, no name twice.
    pub areas: Vec<String>,
    /// What it is for people. One line.
    pub description: String,
    /// Arches that have an index each. Not empty, never `all`: such packages stand in every arch's index.
    pub arches: BTreeSet<Arch>,
}

impl Settings {
    /// Those of the suite for its debug symbols, beside it.
    #[must_use]
    pub fn for_debug(&self) -> Self {
        let debug = |name: &str| format!("{name}-debug");
        let description = format!("{}: debug symbols", self.description);
        Self { suite: debug(&self.suite), codename: debug(&self.codename), description, ..self.clone() }
    }
}

/// A suite of an APT repository: what is below one folder of `dists/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// What it says of itself.
    pub settings: Settings,
    /// What its `Release` lists.
    pub indexes: Vec<IndexEntry>,
}

/// A file that the repository serves from its pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name, without folders.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// What indexes say of its content.
    pub sha256: Sha256,
    /// What the store calls its content.
    pub blake3: Digest,
}

/// Fields of a control file in their order. A value of several lines keeps its line breaks and the white space at the
/// start of each further line.
pub type Fields = Vec<(String, String)>;

/// A binary package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// What it says of itself.
    pub facts: Arc<Facts>,
    /// The area it goes to, such as `main`.
    pub area: String,
    /// The `.deb` or `.udeb`.
    pub file: Blob,
    /// Whether it is for the installer only, and goes to indexes of its own.
    pub udeb: bool,
    /// Who made it, for messages.
    pub made_by: String,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePackage {
    /// The fields of the `.dsc`, without its signature.
    pub dsc: Fields,
    /// The `.dsc` itself.
    pub dsc_file: Blob,
    /// The files that the `.dsc` names.
    pub files: Vec<Blob>,
    /// The area it goes to.
    pub area: String,
    /// Who made it, for messages.
    pub made_by: String,
}

/// A repository without its `Release` files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Everything below the repository's root: `pool/`, and `dists/<codename>/` of both suites.
    pub tree: Tree,
    /// The bytes of the files that were made here. The pool's are the caller's.
    pub contents: BTreeMap<Digest, Vec<u8>>,
    /// The suite, and the one for debug symbols. Uncompressed indexes are listed but not in the tree, as in Debian's own
    /// archive: apt checks what it unpacked against them.
    pub suites: [Suite; 2],
}

/// One line of a `Release` file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Path below `dists/<codename>`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// Why packages do not come to a repository.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RepoError {
    /// A setting that an index or a path cannot hold.
    #[error("the repository's {setting} `{value}` {problem}")]
    #[diagnostic(code(opb::repo::setting), help("correct the channel's settings"))]
    Setting {
        /// Which.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A package for an area that the repository does not have.
    #[error("putting `{package}` into the area `{area}`, which the repository does not have")]
    #[diagnostic(code(opb::repo::area), help("add the area to the channel's settings, or put the package elsewhere"))]
    Area {
        /// The file.
        package: String,
        /// The area.
        area: String,
    },
    /// A package for an arch that the repository does not have.
    #[error("putting `{package}` into a repository without the arch `{arch}`")]
    #[diagnostic(code(opb::repo::arch), help("add the arch to the channel's settings"))]
    Arch {
        /// The file.
        package: String,
        /// The arch.
        arch: String,
    },
    /// A field that every index needs.
    #[error("`{package}` has no field `{field}`")]
    #[diagnostic(code(opb::repo::missing), help("mend the packaging: every package names it"))]
    Missing {
        /// The file.
        package: String,
        /// The field.
        field: &'static str,
    },
    /// A field that would end or forge a stanza.
    #[error("the field `{field}` of `{package}` cannot stand in an index")]
    #[diagnostic(
        code(opb::repo::field),
        help(
            "mend the packaging: a field stands there once, without control characters, and its further lines start \
             with a space"
        )
    )]
    Field {
        /// The file.
        package: String,
        /// The field's name, escaped.
        field: String,
    },
    /// A file name that is none, or that an index cannot hold.
    #[error("`{name}` cannot be the name of a file in a repository")]
    #[diagnostic(
        code(opb::repo::file_name),
        help(
            "name it with letters, digits and `.`, `+`, `~`, `^`, `_`, `-`, `%`, `:`, `@`, starting with a letter or digit"
        )
    )]
    FileName {
        /// The name, escaped.
        name: String,
    },
    /// One name, version and arch with two contents.
    #[error("`{package}` {version} for `{arch}` is there twice with different content, {makers}")]
    #[diagnostic(
        code(opb::repo::twice),
        help("let one of the two go, or give it another version: a published name never gets other bytes")
    )]
    Twice {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Its arch, or `source`.
        arch: String,
        /// Who made the two.
        makers: Makers,
    },
    /// One file name with two contents.
    #[error("`{path}` is there twice with different content, {makers}")]
    #[diagnostic(
        code(opb::repo::clash),
        help("give one of the two another version; an epoch alone does not show in file names")
    )]
    Clash {
        /// The path in the repository.
        path: String,
        /// Who made the two.
        makers: Makers,
    },
    /// A `.dsc` that does not agree with its files.
    #[error("`{dsc}` and its file `{file}` do not agree")]
    #[diagnostic(
        code(opb::repo::dsc),
        help("make the source package again: its `Checksums-Sha256` lists every file with its size and digest")
    )]
    Dsc {
        /// The `.dsc`.
        dsc: String,
        /// The file that is missing, not listed, or other than listed.
        file: String,
    },
    /// A package that is none.
    #[error("putting `{package}` into a repository")]
    #[diagnostic(code(opb::repo::rpm), help("build it again; `rpm -qp` says what it holds"))]
    NotRpm {
        /// The file.
        package: String,
        /// Why.
        source: RpmError,
    },
    /// A time outside the years that a `Release` file can hold.
    #[error("writing a release file for the time {seconds}, which no date stands for")]
    #[diagnostic(code(opb::repo::date), help("set the machine's clock"))]
    Date {
        /// Seconds since 1970.
        seconds: i64,
    },
    /// More files than a tree may have, or a mistake of ours.
    #[error("assembling the repository")]
    #[diagnostic(code(opb::repo::tree), help("report this, with the channel's settings"))]
    Tree(#[source] TreeError),
    /// A compressor gave up: out of memory.
    #[error("compressing the index `{path}`")]
    #[diagnostic(code(opb::repo::compress), help("free some memory and try again"))]
    Compress {
        /// The index.
        path: String,
        /// What happened.
        source: std::io::Error,
    },
}

impl Caused for RepoError {
    fn fault(&self) -> Cause {
        match self {
            Self::Date { .. } | Self::Compress { .. } => Cause::Environment,
            Self::NotRpm { source, .. } => source.fault(),
            Self::Tree(_) => Cause::Bug,
            _ => Cause::Input,
        }
    }
}

/// Who made two files that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makers {
    /// Of the one.
    pub one: String,
    /// Of the other; it may be the same.
    pub other: String,
}

impl std::fmt::Display for Makers {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { one, other } = self;
        if one == other { write!(to, "both made by `{one}`") } else { write!(to, "made by `{one}` and by `{other}`") }
    }
}

/// Looks a field up; names of fields are the same in any case.
fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests;
