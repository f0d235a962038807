//! Distros: releases of distributions, as plain data from `distros/*.rhai`.
//!
//! A distro says how packages are made and installed for one release; which machine serves its archive is not its
//! business (that comes from the host's own package manager, or from `opb.toml`). What every release has stands in
//! [`Distro`]; what only one family of packages knows stands in [`Deb`] or [`Rpm`], so that no field is without meaning.

use std::collections::BTreeMap;

mod archive;
mod extra;
pub mod known;

pub use archive::{Archive, Repository};
pub use extra::{ArchiveSuite, ExtraRepository, Taken};

use serde::{Deserialize, Serialize};

use crate::name::{Arch, DistroName, PackageName};

/// How packages of a distro are made and installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `.deb` packages and APT archives.
    Deb,
    /// `.rpm` packages and YUM repositories.
    Rpm,
}

impl Family {
    /// The family as recipes and messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// A release of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distro {
    /// The name: that of its file, such as `debian-12`.
    pub name: DistroName,
    /// The distribution, such as `debian`, as in the `ID` of os-release(5).
    pub vendor: String,
    /// Its version, such as `12` or `24.04`, as in the `VERSION_ID` of os-release(5).
    pub release: String,
    /// What versions of packages made for it carry, such as `deb12` or `el8`.
    pub suffix: String,
    /// Arches to build for, in the file's order, in Debian's spelling for both families.
    pub arches: Vec<Arch>,
    /// The one of them that makes the arch-independent packages.
    pub indep_on: Arch,
    /// Until when it is supported.
    pub lifecycle: Lifecycle,
    /// What its family alone has.
    pub packaging: Packaging,
}

/// What a distro's family alone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "family", rename_all = "lowercase")]
pub enum Packaging {
    /// `.deb` packages.
    Deb(Deb),
    /// `.rpm` packages.
    Rpm(Rpm),
}

impl Distro {
    /// How its packages are made.
    pub fn family(&self) -> Family {
        match self.packaging {
            Packaging::Deb(_) => Family::Deb,
            Packaging::Rpm(_) => Family::Rpm,
        }
    }

    /// What it has as a distro of `.deb` packages; `None` where it is none.
    pub fn deb(&self) -> Option<&Deb> {
        match &self.packaging {
            Packaging::Deb(deb) => Some(deb),
            Packaging::Rpm(_) => None,
        }
    }

    /// What it has as a distro of `.rpm` packages; `None` where it is none.
    pub fn rpm(&self) -> Option<&Rpm> {
        match &self.packaging {
            Packaging::Rpm(rpm) => Some(rpm),
            Packaging::Deb(_) => None,
        }
    }

    /// Its code name, such as `bookworm`; empty where the family has none.
    pub fn codename(&self) -> &str {
        self.deb().map_or("", |deb| deb.codename.as_str())
    }
}

/// Until when a distro is supported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// The last day, as `2028-06-30`.
    pub end: String,
    /// Whether its archive has moved to where old releases are kept.
    pub archived: bool,
}

/// A release whose packages are `.deb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deb {
    /// Its code name, such as `bookworm`.
    pub codename: String,
    /// Suites that packages are taken from, in the file's order.
    pub suites: Vec<Suite>,
    /// Archives beside them, in the file's order.
    pub extra_repositories: Vec<ExtraRepository>,
    /// File name of the keyring that the distribution signs with, as its own keyring package installs it.
    pub keyring: String,
    /// What a base root consists of.
    pub base: Base,
    /// What to do with a release file past its `Valid-Until`.
    pub expired_release_files: Expired,
    /// How dependencies are chosen.
    pub options: Options,
    /// Packages by what they have, such as `pkgconfig(zlib)`, for needs that are written so.
    pub capabilities: BTreeMap<String, PackageName>,
}

impl Deb {
    /// The extra repository of that name.
    pub fn extra_repository(&self, name: &str) -> Option<&ExtraRepository> {
        self.extra_repositories.iter().find(|extra| extra.name.as_str() == name)
    }
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

/// What a base root of `.deb` packages consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Base {
    /// `buildd`: what is essential, apt and build-essential.
    pub variant: String,
    /// Further packages.
    pub add: Vec<String>,
}

/// What to do with a release file past its `Valid-Until`, or with metadata and packages whose key's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expired {
    /// Refuse it, unless the host's own apt is set to accept such files.
    Refuse,
    /// Accept it: the release is archived and nothing of it is renewed any more. Keys must have been good at its end.
    Accept,
}

/// How dependencies of `.deb` packages are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Options {
    /// Take the first alternative of a build dependency only.
    pub first_alternative: bool,
    /// Whether `Rules-Requires-Root` is `no` where a source package does not say (from Debian 13).
    pub rules_need_no_root: bool,
}

/// A release whose packages are `.rpm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rpm {
    /// Repositories that packages are taken from, by the distribution's own ids, in the file's order.
    pub repositories: Vec<String>,
    /// Repositories that source RPMs are taken from, the same way. May be empty.
    pub source_repositories: Vec<String>,
    /// File names of the public keys that they are signed with, as the distribution installs them.
    pub keys: Vec<String>,
    /// What a base root consists of.
    pub base: RpmBase,
    /// Modular streams.
    pub modules: Modules,
    /// How packages for it are signed, so that its rpm can check them.
    pub signing: Signing,
    /// How the files of a repository's index are compressed.
    pub repodata: Repodata,
    /// How a package's content is compressed, as in rpm's `%_binary_payload`, such as `w2.xzdio`.
    pub payload: String,
    /// Whether its rpm knows `^` in versions (from rpm 4.15 on).
    pub caret: bool,
    /// What to do where the time of the keys that it is signed with is over.
    pub expired_metadata: Expired,
    /// Macros that specs ask of the distribution, such as `dist`, `rhel`, `fedora`, `el8`. Sorted.
    pub macros: BTreeMap<String, String>,
}

/// What a base root of `.rpm` packages consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpmBase {
    /// Groups of packages, such as `buildsys-build`.
    pub groups: Vec<String>,
    /// Further packages.
    pub add: Vec<String>,
    /// How the first packages get into an empty root.
    pub bootstrap: Bootstrap,
    /// The database of installed packages.
    pub db: RpmDb,
    /// Whether weak dependencies (`Recommends`) are installed.
    pub weak: bool,
}

/// How the first packages get into an empty root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bootstrap {
    /// The host's package manager installs them, and writes a database that the release's own rpm can read.
    Direct,
    /// The host's makes a bootstrap root, whose own package manager makes the base.
    TwoStage,
}

/// The database of installed packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpmDb {
    /// How it is stored.
    pub backend: DbBackend,
    /// Its folder in the root, such as `/var/lib/rpm`.
    pub path: String,
}

/// How rpm stores its database (`%_db_backend`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DbBackend {
    /// Berkeley DB, until rpm 4.15.
    Bdb,
    /// A format of rpm's own.
    Ndb,
    /// SQLite, from rpm 4.16 on.
    Sqlite,
}

/// Modular streams of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Modules {
    /// Streams that every build has, such as `nodejs:18`.
    pub enable: Vec<String>,
    /// Whether packages of the project are taken although a module has packages of their names (`module_hotfixes`).
    pub hotfixes: bool,
}

/// How packages are signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// The kind of key that its rpm can check.
    pub key: SigningKey,
    /// The digest that a signature is made of.
    pub digest: SigningDigest,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningKey {
    /// RSA: every rpm checks these.
    Rsa,
    /// Ed25519: from rpm 4.15 on.
    Ed25519,
}

/// Digests of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningDigest {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the files of a repository's index are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repodata {
    /// gzip: every release reads it.
    Gz,
    /// xz.
    Xz,
    /// Zstandard: from createrepo_c 1.0 and libsolv 0.7 on.
    Zst,
}

#[cfg(test)]
pub mod tests {
    //! A distro of `.rpm` packages, for tests of others.

    use super::*;

    /// One of that name, distribution and release.
    pub fn rpm_distro(name: &str, vendor: &str, release: &str) -> Distro {
        let amd64: Arch = "amd64".parse().expect("an arch");
        Distro {
            name: name.parse().expect("a name"),
            vendor: vendor.into(),
            release: release.into(),
            suffix: "mr9".into(),
            arches: vec![amd64.clone()],
            indep_on: amd64,
            lifecycle: Lifecycle { end: "2032-05-31".into(), archived: false },
            packaging: Packaging::Rpm(Rpm {
                repositories: vec!["base".into()],
                source_repositories: Vec::new(),
                keys: vec!["key".into()],
                base: RpmBase {
                    groups: vec!["buildsys-build".into()],
                    add: Vec::new(),
                    bootstrap: Bootstrap::TwoStage,
                    db: RpmDb { backend: DbBackend::Sqlite, path: "/var/lib/rpm".into() },
                    weak: false,
                },
                modules: Modules { enable: Vec::new(), hotfixes: true },
                signing: Signing { key: SigningKey::Rsa, digest: SigningDigest::Sha256 },
                repodata: Repodata::Gz,
                payload: "w19.zstdio".into(),
                caret: false,
                expired_metadata: Expired::Refuse,
                macros: BTreeMap::from([("dist".to_owned(), ".mr9".to_owned()), ("rhel".to_owned(), "9".to_owned())]),
            }),
        }
    }
}
