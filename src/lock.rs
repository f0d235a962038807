//! The values of `opb.lock`: what each source and each distro is pinned to, and what evaluation must know of a source.
//!
//! Evaluation never downloads: version, needs, binary packages and the date of a source are recorded here when a pin is
//! made (`opb update`), and a source that contradicts its record is an error. The file is TOML, sorted, one fact a line.

mod archive;
mod checkout;
mod reading;
mod srpm;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Sha256};
use crate::name::{Arch, DistroName, LockName, PackageName, RepositoryName};
use crate::remote::Checkout;
use crate::remote::archive::Archive;

pub use archive::ArchivePin;
pub use checkout::{CheckoutPin, NearestTag, ReleasePin};
pub use reading::parse;
pub use srpm::SrpmPin;

/// The version of the format that this program writes. A newer one is refused.
pub const LOCK_VERSION: u32 = 1;

/// All pins of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of the format.
    pub version: u32,
    /// Its name, which its file has: what channels say whose lock it is. `None`: `opb.lock`.
    #[serde(skip)]
    pub name: Option<LockName>,
    /// Pinned package indexes.
    #[serde(default)]
    pub distro: BTreeMap<DistroName, DistroPin>,
    /// Pinned sources of the form `dsc(…)`, by distro and source package.
    #[serde(default)]
    pub dsc: BTreeMap<DistroName, BTreeMap<PackageName, DscPin>>,
    /// Pinned sources of the form `srpm("name")`, by distro and source RPM.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub srpm: BTreeMap<DistroName, BTreeMap<PackageName, SrpmPin>>,
    /// Pinned sources in repositories of version control.
    #[serde(default, with = "checkout::rows", skip_serializing_if = "BTreeMap::is_empty")]
    pub checkout: BTreeMap<Checkout, CheckoutPin>,
    /// Pinned archives of upstream, and source RPMs.
    #[serde(default, with = "archive::rows", skip_serializing_if = "BTreeMap::is_empty")]
    pub archive: BTreeMap<Archive, ArchivePin>,
}

impl Default for Lock {
    fn default() -> Self {
        let (distro, dsc, srpm) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (checkout, archive) = (BTreeMap::new(), BTreeMap::new());
        Self { version: LOCK_VERSION, name: None, distro, dsc, srpm, checkout, archive }
    }
}

impl Lock {
    /// With the pins of `own` in place of those of the same distro or source here, and its name.
    pub fn with(mut self, own: Self) -> Self {
        self.name = own.name;
        self.distro.extend(own.distro);
        for (distro, pins) in own.dsc {
            self.dsc.entry(distro).or_default().extend(pins);
        }
        for (distro, pins) in own.srpm {
            self.srpm.entry(distro).or_default().extend(pins);
        }
        self.checkout.extend(own.checkout);
        self.archive.extend(own.archive);
        self
    }

    /// With all pins of `other` that are about the distros that `is_taken`, in place of those here. Commits of repositories
    /// and archives are of no distro, and all of them are taken.
    pub fn taking(mut self, other: &Self, is_taken: impl Fn(&DistroName) -> bool) -> Self {
        let distros = other.distro.iter().filter(|(name, _)| is_taken(name));
        self.distro.extend(distros.map(|(name, pin)| (name.clone(), pin.clone())));
        let sources = other.dsc.iter().filter(|(name, _)| is_taken(name));
        self.dsc.extend(sources.map(|(name, pins)| (name.clone(), pins.clone())));
        let sources = other.srpm.iter().filter(|(name, _)| is_taken(name));
        self.srpm.extend(sources.map(|(name, pins)| (name.clone(), pins.clone())));
        self.checkout.extend(other.checkout.clone());
        self.archive.extend(other.archive.clone());
        self
    }

    /// With the pins in `other` of the source packages `names`, of the distros that are pinned here.
    pub fn taking_sources(mut self, other: &Self, names: &BTreeSet<PackageName>) -> Self {
        fn take<V: Clone>(
            to: &mut ByDistro<V>,
            from: &ByDistro<V>,
            is_taken: &dyn Fn(&DistroName, &PackageName) -> bool,
        ) {
            for (distro, pins) in from {
                let pins = pins.iter().filter(|(name, _)| is_taken(distro, name));
                let own = to.entry(distro.clone()).or_default();
                own.extend(pins.map(|(name, pin)| (name.clone(), pin.clone())));
            }
            to.retain(|_, pins| !pins.is_empty());
        }
        let distros = &self.distro;
        let is_taken = |distro: &DistroName, name: &PackageName| distros.contains_key(distro) && names.contains(name);
        take(&mut self.dsc, &other.dsc, &is_taken);
        take(&mut self.srpm, &other.srpm, &is_taken);
        self
    }

    /// With the pins in `other` of these commits of repositories.
    pub fn taking_checkouts(mut self, other: &Self, checkouts: &BTreeSet<Checkout>) -> Self {
        let pins = other.checkout.iter().filter(|(checkout, _)| checkouts.contains(*checkout));
        self.checkout.extend(pins.map(|(checkout, pin)| (checkout.clone(), pin.clone())));
        self
    }

    /// With the pins in `other` of these archives.
    pub fn taking_archives(mut self, other: &Self, archives: &BTreeSet<Archive>) -> Self {
        let pins = other.archive.iter().filter(|(archive, _)| archives.contains(*archive));
        self.archive.extend(pins.map(|(archive, pin)| (archive.clone(), pin.clone())));
        self
    }

    /// The pins that `base` has not, or has otherwise: with them, it is this again.
    pub fn beyond(&self, base: &Self) -> Self {
        let mut own = Self { name: self.name.clone(), ..Self::default() };
        let is_other = |(name, pin): &(&DistroName, &DistroPin)| base.distro.get(*name) != Some(*pin);
        own.distro = self.distro.iter().filter(is_other).map(|(name, pin)| (name.clone(), pin.clone())).collect();
        own.dsc = others(&self.dsc, &base.dsc);
        own.srpm = others(&self.srpm, &base.srpm);
        let is_other = |(checkout, pin): &(&Checkout, &CheckoutPin)| base.checkout.get(*checkout) != Some(*pin);
        let pins = self.checkout.iter().filter(is_other);
        own.checkout = pins.map(|(checkout, pin)| (checkout.clone(), pin.clone())).collect();
        let pins = self.archive.iter().filter(|(archive, pin)| base.archive.get(*archive) != Some(*pin));
        own.archive = pins.map(|(archive, pin)| (archive.clone(), pin.clone())).collect();
        own
    }
}

/// What a distro's package index is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistroPin {
    /// One for each suite of a distro of `.deb` packages, in the distro's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suite: Vec<SuitePin>,
    /// Extra repositories of a distro of `.deb` packages that some build sees, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<RepositoryName, ExtraPin>,
    /// One for each repository and arch of a distro of `.rpm` packages, in the distro's order; behind them those of its source
    /// repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repository: Vec<RepositoryPin>,
}

/// What a repository of `.rpm` packages is pinned to, for one arch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryPin {
    /// The distribution's own id of it, such as `baseos`.
    pub name: String,
    /// The arch whose packages it has, in Debian's spelling; those for all arches stand in the index of each. `source`: a source
    /// repository.
    pub arch: Arch,
    /// SHA-256 of its verified `repomd.xml`.
    pub repomd: Sha256,
    /// The `revision` in that file, as it stands there.
    pub revision: String,
    /// Whether that file had a signature beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// Index files that it names, by their place below the repository, such as `repodata/….-primary.xml.gz` or
    /// `repodata/….-modules.yaml.gz`.
    pub index: BTreeMap<String, Sha256>,
}

/// What a suite is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuitePin {
    /// Such as `bookworm-updates`.
    pub name: String,
    /// SHA-256 of its verified `InRelease` file.
    pub release: Sha256,
    /// The `Date` of that file, as it stands there.
    pub date: String,
    /// Index files that the release file names, by their place below the suite, such as `main/binary-amd64/Packages.xz`
    /// or `main/source/Sources.xz`.
    pub index: BTreeMap<String, Sha256>,
}

/// What an extra repository is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraPin {
    /// Its suite, such as `bookworm-backports`.
    pub suite: String,
    /// SHA-256 of its verified `InRelease` file.
    pub release: Sha256,
    /// The `Date` of that file, as it stands there.
    pub date: String,
    /// Index files that the release file names, by their place below the suite, such as `main/binary-amd64/Packages.xz`.
    pub index: BTreeMap<String, Sha256>,
}

/// What a source package of a distribution is pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DscPin {
    /// The suite whose index names it.
    pub suite: String,
    /// Folder below the archive's root, such as `pool/main/libm/libmd`.
    pub directory: String,
    /// Digest of the tree that holds exactly `files`.
    pub tree: Digest,
    /// Its files, the `.dsc` among them, by name.
    pub files: BTreeMap<String, PinnedFile>,
    /// What evaluation must know of it.
    pub facts: SourceFacts,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Sha256,
}

/// What evaluation must know of a source with a `debian/` folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFacts {
    /// The source package's name.
    pub source: PackageName,
    /// The version of the newest changelog entry.
    pub version: String,
    /// The distribution of that entry, such as `unstable`.
    pub distribution: String,
    /// The date of that entry, in seconds since 1970.
    pub date: i64,
    /// `debian/source/format`, such as `3.0 (quilt)`; `1.0` where the file is missing.
    pub format: String,
    /// `Rules-Requires-Root`, such as `no`; `None` where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_requires_root: Option<String>,
    /// `Build-Depends`, whole, on one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build_depends: String,
    /// `Build-Depends-Arch`, whole, on one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build_depends_arch: String,
    /// `Build-Depends-Indep`, whole, on one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build_depends_indep: String,
    /// `Build-Conflicts` with its `-Arch` and `-Indep` forms joined.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build_conflicts: String,
    /// Binary packages that it makes, by name.
    pub binaries: BTreeMap<PackageName, BinaryFacts>,
}

/// What evaluation must know of a binary package before it is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinaryFacts {
    /// `Architecture` as in `debian/control`: `any`, `all`, or a list such as `linux-any kfreebsd-any`.
    pub architecture: String,
    /// `udeb` for packages of the installer; `None` for ordinary ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_type: Option<String>,
    /// `Pre-Depends` and `Depends` as in `debian/control`, on one line, `${…}` variables included.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub depends: String,
    /// `Provides`, on one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provides: String,
    /// `Build-Profiles`, such as `<!nodoc>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profiles: String,
}

/// Pins of source packages.
type ByDistro<V> = BTreeMap<DistroName, BTreeMap<PackageName, V>>;

/// Those of `pins` that `base` has not, or has otherwise.
fn others<V: Clone + PartialEq>(pins: &ByDistro<V>, base: &ByDistro<V>) -> ByDistro<V> {
    let mut others = ByDistro::new();
    for (distro, pins) in pins {
        let there = base.get(distro);
        let is_other = |(name, pin): &(&PackageName, &V)| there.and_then(|there| there.get(*name)) != Some(*pin);
        let pins: BTreeMap<_, _> =
            pins.iter().filter(is_other).map(|(name, pin)| (name.clone(), pin.clone())).collect();
        if !pins.is_empty() {
            others.insert(distro.clone(), pins);
        }
    }
    others
}

/// Pins by what is pinned, each of which is there once.
fn each_once<K: Ord + fmt::Display, V>(
    rows: impl Iterator<Item = Result<(K, V), String>>,
) -> Result<BTreeMap<K, V>, String> {
    let mut pins = BTreeMap::new();
    for row in rows {
        let (of, pin) = row?;
        if pins.contains_key(&of) {
            return Err(format!("`{of}` is pinned twice"));
        }
        pins.insert(of, pin);
    }
    Ok(pins)
}
