//! Specs of RPM packages: what one says of its packages and their needs, without rpm.
//!
//! `read` goes through the lines, `expand` expands macros, `condition` judges `%if`, `dependency` reads the fields. Nothing is
//! run: a macro that needs a shell, Lua or a file of the distribution is left as it stands, and is an error only where
//! it decides something that is told here. Pure, bounded, and linear in the spec's size.

mod condition;
mod define;
pub mod dependency;
mod expand;
mod fields;
mod lines;
mod macros;
mod read;
mod readings;
mod table;
mod version;

use std::collections::BTreeMap;

pub use macros::Macros;
pub use read::read;
pub use readings::Readings;
pub use version::with_version;

use self::dependency::{Dependency, NoDependency};
use super::rpm_version::Evr;
use super::version::VersionError;
use crate::diag::{Cause, Caused};
use crate::name::{NameError, PackageName};

/// The most bytes of a spec.
pub const MAX_SPEC: usize = 1 << 20;

/// What a spec says for one arch and one set of conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `Name`.
    pub name: PackageName,
    /// `Epoch`, `Version` and `Release`; the release is there but in [`Readings`], which keep it apart.
    pub evr: Evr,
    /// Whether everything is independent of the arch (`BuildArch: noarch` of the main package).
    pub noarch: bool,
    /// `ExclusiveArch`, in rpm's spelling; empty where all arches are meant.
    pub exclusive_arch: Vec<String>,
    /// `ExcludeArch`, in rpm's spelling.
    pub exclude_arch: Vec<String>,
    /// `BuildRequires`, in order.
    pub build_requires: Vec<Dependency>,
    /// `BuildConflicts`, in order.
    pub build_conflicts: Vec<Dependency>,
    /// `SourceN`, by number, as they stand there, addresses included.
    pub sources: BTreeMap<u32, String>,
    /// `PatchN`, by number.
    pub patches: BTreeMap<u32, String>,
    /// The folder that the first archive unpacks to (`%setup -n`).
    pub folder: String,
    /// Noon of the newest entry of the changelog (or its time), in seconds since 1970; `None` where there is none.
    pub date: Option<i64>,
    /// Whether it asks for more needs when it runs (`%generate_buildrequires`).
    pub asks: bool,
    /// The packages that are made: those with a list of files.
    pub packages: BTreeMap<PackageName, Package>,
}

/// A package that a spec makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Package {
    /// Whether it is independent of the arch.
    pub noarch: bool,
    /// `Requires`, with those of scripts, in order.
    pub requires: Vec<Dependency>,
    /// `Provides` as the spec says; its own name is provided besides.
    pub provides: Vec<Dependency>,
    /// Of its files those that stand for a capability: programs, and what pkg-config and CMake read. Patterns left out.
    pub files: Vec<String>,
}

/// Why a spec cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SpecError {
    /// It is too long.
    #[error("the spec has more than {MAX_SPEC} bytes")]
    #[diagnostic(code(opb::spec::size), help("move what is not packaging into files of the source"))]
    TooLong,
    /// Its macros or conditions come to too much.
    #[error("line {line}: the macros of the spec come to too much text, or stand in each other too deeply")]
    #[diagnostic(
        code(opb::spec::macros),
        help("look for a macro that names itself, or for conditions that are never closed")
    )]
    TooMuch {
        /// Where, counted from 1.
        line: usize,
    },
    /// Something that matters cannot be expanded without running it.
    #[error("line {line}: `{field}` depends on `{construct}`, which cannot be told without running it")]
    #[diagnostic(
        code(opb::spec::opaque),
        help("write it out in the spec, or give the macro a value in the recipe: `spec(…, #{{ define: #{{ … }} }})`")
    )]
    Opaque {
        /// Where, counted from 1.
        line: usize,
        /// The field or directive.
        field: String,
        /// The macro.
        construct: String,
    },
    /// A condition that is none.
    #[error("line {line}: `{text}` is no condition")]
    #[diagnostic(
        code(opb::spec::condition),
        help("write numbers, strings in quotes, and what joins them, as in `0%{{?rhel}} >= 8`")
    )]
    Condition {
        /// Where, counted from 1.
        line: usize,
        /// The condition after expansion.
        text: String,
    },
    /// `%else` or `%endif` without `%if`, or `%if` without `%endif`.
    #[error("line {line}: `{directive}` has no counterpart")]
    #[diagnostic(code(opb::spec::balance), help("give each `%if` one `%endif`"))]
    Balance {
        /// Where, counted from 1.
        line: usize,
        /// Such as `%endif`.
        directive: String,
    },
    /// A bracket that is never closed.
    #[error("line {line}: a macro's bracket is never closed")]
    #[diagnostic(code(opb::spec::bracket), help("close it, or write `%%` for a percent sign"))]
    Unclosed {
        /// Where it begins, counted from 1.
        line: usize,
    },
    /// A field that every spec has.
    #[error("the spec has no `{field}`")]
    #[diagnostic(code(opb::spec::missing), help("add it to the head of the spec"))]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A name.
    #[error("line {line}: a name in the spec is none")]
    #[diagnostic(code(opb::spec::name), help("mend that line of the spec"))]
    Name {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// A version, release or epoch.
    #[error("line {line}: cannot read `{field}`")]
    #[diagnostic(code(opb::spec::version), help("mend that line of the spec"))]
    Version {
        /// Where, counted from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: VersionError,
    },
    /// A dependency.
    #[error("line {line}: cannot read `{field}`")]
    #[diagnostic(
        code(opb::spec::dependency),
        help("write a name, and a sign and a version with blanks between them, as in `zlib-devel >= 1.2`")
    )]
    Dependency {
        /// Where, counted from 1.
        line: usize,
        /// The field.
        field: String,
        /// What is wrong with it.
        #[source]
        source: NoDependency,
    },
}

impl Caused for SpecError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}
