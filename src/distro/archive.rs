//! Where packages of a distro come from: suites of archives, and repositories.

use super::{ArchiveSuite, Distro};
use crate::name::Arch;

/// A repository of `.rpm` packages, for one arch, or of source RPMs.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'a> {
    /// The distro.
    pub distro: &'a Distro,
    /// The distribution's own id of it, such as `baseos`.
    pub name: &'a str,
    /// The arch whose packages it has, in Debian's spelling; `source`: source RPMs.
    pub arch: &'a Arch,
}

/// What files of packages are fetched from.
#[derive(Debug, Clone, Copy)]
pub enum Archive<'a> {
    /// A suite of `.deb` packages.
    Suite(ArchiveSuite<'a>),
    /// A repository of `.rpm` packages.
    Repository(Repository<'a>),
}

impl<'a> From<ArchiveSuite<'a>> for Archive<'a> {
    fn from(suite: ArchiveSuite<'a>) -> Self {
        Self::Suite(suite)
    }
}

impl<'a> From<Repository<'a>> for Archive<'a> {
    fn from(repository: Repository<'a>) -> Self {
        Self::Repository(repository)
    }
}
