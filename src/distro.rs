//! Distros: releases of distributions, as plain data from `distros/*.rhai`.
//!
//! A distro says how packages are made and installed for one release; which machine serves its archive is not its
//! business (that comes from the host's own package manager, or from `opb.toml`).

use serde::Serialize;

use crate::name::{Arch, DistroName};

/// How packages of a distro are made and installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `.deb` packages and APT archives.
    Deb,
}

impl Family {
    /// The family as recipes and messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
        }
    }
}

/// A release of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distro {
    /// The name: that of its file, such as `debian-12`.
    pub name: DistroName,
    /// How packages are made.
    pub family: Family,
    /// The distribution, such as `debian`, as in the `ID` of os-release(5).
    pub vendor: String,
    /// Its version, such as `12` or `24.04`, as in the `VERSION_ID` of os-release(5).
    pub release: String,
    /// Its code name, such as `bookworm`.
    pub codename: String,
    /// What versions of packages made for it carry, such as `deb12`.
    pub suffix: String,
    /// Arches to build for, in the file's order.
    pub arches: Vec<Arch>,
    /// The one of them that makes the arch-independent packages.
    pub indep_on: Arch,
    /// Suites that packages are taken from, in the file's order.
    pub suites: Vec<Suite>,
    /// File name of the keyring that the distribution signs with, as its own keyring package installs it.
    pub keyring: String,
    /// What a base root consists of.
    pub base: Base,
    /// Until when it is supported.
    pub lifecycle: Lifecycle,
    /// How dependencies are chosen.
    pub options: Options,
}

/// A suite of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suite {
    /// Such as `bookworm-updates`.
    pub name: String,
    /// Areas of the archive, such as `main`.
    pub areas: Vec<String>,
    /// Whether this is the suite of security updates, which the distribution may serve from an archive of its own.
    pub security: bool,
}

/// What a base root consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Base {
    /// `buildd`: what is essential, apt and build-essential.
    pub variant: String,
    /// Further packages.
    pub add: Vec<String>,
}

/// Until when a distro is supported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// The last day, as `2028-06-30`.
    pub end: String,
    /// Whether its archive has moved to where old releases are kept.
    pub archived: bool,
    /// What to do with a release file past its `Valid-Until`.
    pub expired_release_files: Expired,
}

/// What to do with a release file past its `Valid-Until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expired {
    /// Refuse it, unless the host's own apt is set to accept such files.
    Refuse,
    /// Accept it: the release is archived and its release files are no longer renewed.
    Accept,
}

/// How dependencies are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Options {
    /// Take the first alternative of a build dependency only.
    pub first_alternative: bool,
    /// Whether `Rules-Requires-Root` is `no` where a source package does not say (from Debian 13).
    pub rules_need_no_root: bool,
}
