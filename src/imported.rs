//! The values of `opb.imports.toml`: packages that were built elsewhere and enter a channel all the same, each by its digests.
//!
//! The file is the whole list, so what enters is reviewed where recipes are. It is TOML, sorted, one fact a line. Bytes are
//! in the store only; whether they are there is not known here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Sha256};
use crate::name::{Arch, AreaName, ChannelName, DistroName, PackageName};

/// The name of the file.
pub const IMPORTS_FILE: &str = "opb.imports.toml";

/// The version of the format that this program writes. A newer one is refused.
pub const IMPORTS_VERSION: u32 = 1;

/// All imported packages of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imports {
    /// Version of the format.
    pub version: u32,
    /// The packages, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub package: Vec<Imported>,
}

impl Default for Imports {
    fn default() -> Self {
        Self { version: IMPORTS_VERSION, package: Vec::new() }
    }
}

/// A package that was built elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The channel that it enters.
    pub channel: ChannelName,
    /// The distro of that channel.
    pub distro: DistroName,
    /// Its name.
    pub name: PackageName,
    /// Its version: of an `.rpm` epoch, version and release.
    pub version: String,
    /// Its arch in Debian's spelling, or `all`; `None` of a source package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// What it is.
    pub kind: ImportedKind,
    /// The area that it goes to; `None`: `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaName>,
    /// The day on which it was imported, as `2026-11-29`.
    pub day: String,
    /// Where it came from, in somebody's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why it was imported, in somebody's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Fingerprint of the key whose signature over it was checked before it was taken; `None`: none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
    /// Its files by name: one, or a `.dsc` with those that it names.
    pub files: BTreeMap<String, ImportedFile>,
}

/// What an imported package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportedKind {
    /// An ordinary package.
    Package,
    /// Debug symbols, or the sources that they refer to.
    Debug,
    /// A package of the installer.
    Udeb,
    /// A source package.
    Source,
}

impl ImportedKind {
    /// In one word, as it stands in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Debug => "debug",
            Self::Udeb => "udeb",
            Self::Source => "source",
        }
    }
}

/// A file of an imported package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedFile {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Sha256,
    /// What the store calls it.
    pub blake3: Digest,
}

impl Imports {
    /// The packages that enter `channel` for `distro`, in order.
    pub fn of<'a>(
        &'a self,
        channel: &'a ChannelName,
        distro: &'a DistroName,
    ) -> impl Iterator<Item = &'a Imported> + use<'a> {
        self.package.iter().filter(move |one| one.channel == *channel && one.distro == *distro)
    }

    /// Whether any enters for `distro`.
    pub fn has_any_of(&self, distro: &DistroName) -> bool {
        self.package.iter().any(|one| one.distro == *distro)
    }
}

impl Imported {
    /// Its arch, as people read it: `source` of a source package.
    pub fn shown_arch(&self) -> &str {
        self.arch.as_ref().map_or("source", Arch::as_str)
    }

    /// Whether both are the same package, whatever their bytes: of one kind, name, version and arch.
    pub fn is_same_package(&self, other: &Self) -> bool {
        let identity = |one: &Self| (one.kind, one.name.clone(), one.version.clone(), one.arch.clone());
        identity(self) == identity(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Imports {
        let file = ImportedFile { size: 7, sha256: Sha256::of(b"acme"), blake3: Digest::of(b"acme") };
        let package = Imported {
            channel: "nightly".parse().expect("a name"),
            distro: "debian-12".parse().expect("a name"),
            name: "acme-agent".parse().expect("a name"),
            version: "1:1.2-3".to_owned(),
            arch: Some("amd64".parse().expect("a name")),
            kind: ImportedKind::Package,
            area: Some("contrib".parse().expect("a name")),
            day: "2026-11-29".to_owned(),
            from: None,
            reason: Some("their agent, until they have a repository".to_owned()),
            verified: None,
            files: BTreeMap::from([("acme-agent_1.2-3_amd64.deb".to_owned(), file)]),
        };
        Imports { package: vec![package], ..Imports::default() }
    }

    #[test]
    fn the_file_says_one_fact_a_line_and_is_read_back() {
        let text = toml::to_string(&sample()).expect("only string keys");
        insta::assert_snapshot!(text, @r#"
        version = 1

        [[package]]
        channel = "nightly"
        distro = "debian-12"
        name = "acme-agent"
        version = "1:1.2-3"
        arch = "amd64"
        kind = "package"
        area = "contrib"
        day = "2026-11-29"
        reason = "their agent, until they have a repository"

        [package.files."acme-agent_1.2-3_amd64.deb"]
        size = 7
        sha256 = "822b33ad87c148a0a20a5ba7cd5ebcaa68d36a18e7aad165554903f52ca82757"
        blake3 = "bb7fdb40e0deec734b06f04f72c90df36bf87995ea70dc5138b476bb01542bed"
        "#);
        assert_eq!(toml::from_str::<Imports>(&text).expect("reads"), sample());
        let wrong = text.replace("kind = \"package\"", "kind = \"firmware\"");
        assert!(toml::from_str::<Imports>(&wrong).is_err());
    }

    #[test]
    fn packages_are_the_same_by_name_version_and_arch() {
        let one = sample().package.remove(0);
        let other = Imported { files: BTreeMap::new(), area: None, day: String::new(), ..one.clone() };
        assert!(one.is_same_package(&other));
        assert!(!one.is_same_package(&Imported { version: "2".to_owned(), ..other.clone() }));
        assert!(!one.is_same_package(&Imported { arch: None, kind: ImportedKind::Source, ..other }));
    }
}
