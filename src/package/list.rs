//! Package lists: the exact packages of a root, which is what `resolve` puts out and what a root is made from.
//!
//! ```text
//! opb package list 1
//! libmd0 1.1.0-2+0opb1~deb12 amd64 <SHA-256> 31448 component:libmd component
//! ```
//!
//! One line for each package: name, version, arch, SHA-256, size in bytes, where it comes from, in which layer of the
//! root it stands; `essential` at the end where it is. Sorted by name, then arch; there is exactly one text of a list.

use std::fmt::Write;

use miette::Diagnostic;

use super::version::{MAX_VERSION, Version, VersionError};
use crate::diag::{Cause, Caused};
use crate::digest::{DigestError, Sha256};
use crate::name::{Arch, ComponentName, NameError, PackageName, RepositoryName};

const HEAD: &str = "opb package list 1\n";

/// The most packages that a list may have.
pub const MAX_LISTED: usize = 100_000;

/// Exact packages, sorted by name and arch, each pair once. May be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageList(Vec<Listed>);

/// One package of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: ListedVersion,
    /// Its arch in Debian's spelling, or `all`.
    pub arch: Arch,
    /// SHA-256 of the `.deb` or `.rpm`.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Who made it.
    pub from: ListedFrom,
    /// Where it is installed.
    pub layer: Layer,
    /// Whether a system cannot do without it.
    pub essential: bool,
}

/// A version as a list has it: of either family, whose orders differ, so that this has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion(Box<str>);

impl ListedVersion {
    /// Checks `text`: letters, digits and what else stands in versions of either family.
    ///
    /// # Errors
    /// [`VersionError`] with the rule that it breaks.
    pub fn new(text: &str) -> Result<Self, VersionError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+~-:_^".contains(&byte);
        let rule = match text.bytes().next() {
            _ if text.len() > MAX_VERSION => "it is longer than 300 bytes",
            Some(first) if first.is_ascii_alphanumeric() && text.bytes().all(is_plain) => return Ok(Self(text.into())),
            _ => "versions have letters, digits and `.`, `+`, `~`, `-`, `:`, `_`, `^` only",
        };
        Err(VersionError { text: text.chars().take(80).collect(), rule })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ListedVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Version> for ListedVersion {
    fn from(version: &Version) -> Self {
        Self(version.as_str().into())
    }
}

/// Who made a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedFrom {
    /// The distribution.
    Distribution,
    /// Whoever is behind an extra repository of the distro.
    Repository(RepositoryName),
    /// A component of this project.
    Component(ComponentName),
}

/// A layer of a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What all roots of a target share.
    Base,
    /// What one component needs beyond it.
    Component,
}

/// Why a text is no package list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[diagnostic(help("report this: only this program writes package lists"))]
pub enum ListError {
    /// Not made by this program, or by a version with another format.
    #[error("cannot read a package list: it does not start with `opb package list 1`")]
    #[diagnostic(code(opb::package::list::head))]
    Head,
    /// A line without all its words, or with others.
    #[error("cannot read line {line} of a package list: it is not what this program writes")]
    #[diagnostic(code(opb::package::list::line))]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// A name in a line.
    #[error("cannot read line {line} of a package list")]
    #[diagnostic(code(opb::package::list::name))]
    Name {
        /// The line, from 1.
        line: usize,
        /// Why.
        source: NameError,
    },
    /// A version in a line.
    #[error("cannot read line {line} of a package list")]
    #[diagnostic(code(opb::package::list::version))]
    Version {
        /// The line, from 1.
        line: usize,
        /// Why.
        source: VersionError,
    },
    /// A digest in a line.
    #[error("cannot read line {line} of a package list")]
    #[diagnostic(code(opb::package::list::digest))]
    Digest {
        /// The line, from 1.
        line: usize,
        /// Why.
        source: DigestError,
    },
    /// One package twice.
    #[error("cannot make a package list: `{name}` of {arch} is there twice")]
    #[diagnostic(code(opb::package::list::twice))]
    Twice {
        /// The package.
        name: PackageName,
        /// Its arch.
        arch: Arch,
    },
    /// More than [`MAX_LISTED`].
    #[error("cannot make a package list: more than {MAX_LISTED} packages")]
    #[diagnostic(code(opb::package::list::many))]
    Many,
}

impl Caused for ListError {
    fn fault(&self) -> Cause {
        Cause::Bug
    }
}

impl PackageList {
    /// A list of these packages, in any order.
    ///
    /// # Errors
    /// [`ListError::Twice`] and [`ListError::Many`].
    pub fn new(mut packages: Vec<Listed>) -> Result<Self, ListError> {
        if packages.len() > MAX_LISTED {
            return Err(ListError::Many);
        }
        packages.sort_by(|left, right| left.key().cmp(&right.key()));
        match packages.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
            Some(pair) => Err(ListError::Twice { name: pair[0].name.clone(), arch: pair[0].arch.clone() }),
            None => Ok(Self(packages)),
        }
    }

    /// The packages, sorted by name and arch.
    pub fn iter(&self) -> impl Iterator<Item = &Listed> {
        self.0.iter()
    }

    /// Those of one layer.
    pub fn layer(&self, layer: Layer) -> impl Iterator<Item = &Listed> {
        self.0.iter().filter(move |listed| listed.layer == layer)
    }

    /// The package `name`, of whichever arch.
    pub fn get(&self, name: &str) -> Option<&Listed> {
        let at = self.0.partition_point(|listed| listed.name.as_str() < name);
        self.0.get(at).filter(|listed| listed.name.as_str() == name)
    }

    /// How many packages.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The canonical text.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(HEAD.len() + self.0.len() * 130);
        text.push_str(HEAD);
        for one in &self.0 {
            let from = match &one.from {
                ListedFrom::Distribution => "distribution".to_owned(),
                ListedFrom::Repository(repository) => format!("repository:{repository}"),
                ListedFrom::Component(component) => format!("component:{component}"),
            };
            let layer = match one.layer {
                Layer::Base => "base",
                Layer::Component => "component",
            };
            let essential = if one.essential { " essential" } else { "" };
            let Listed { name, version, arch, sha256, size, .. } = one;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {version} {arch} {sha256} {size} {from} {layer}{essential}");
        }
        text
    }

    /// Reads what [`PackageList::encode`] writes.
    ///
    /// # Errors
    /// [`ListError`] for anything else.
    pub fn decode(text: &str) -> Result<Self, ListError> {
        let lines = text.strip_prefix(HEAD).ok_or(ListError::Head)?;
        let mut packages = Vec::new();
        for (place, line) in lines.split_inclusive('\n').enumerate() {
            if packages.len() >= MAX_LISTED {
                return Err(ListError::Many);
            }
            packages.push(decode_line(place + 2, line)?);
        }
        let list = Self::new(packages)?;
        // There is one text of each list: other orders, spaces and numbers are refused by the first line that differs.
        let written = list.encode();
        if written == text {
            return Ok(list);
        }
        let pairs = written.split_inclusive('\n').zip(text.split_inclusive('\n'));
        Err(ListError::Line { line: pairs.take_while(|(left, right)| left == right).count() + 1 })
    }
}

impl Listed {
    fn key(&self) -> (&PackageName, &Arch) {
        (&self.name, &self.arch)
    }
}

fn decode_line(line: usize, text: &str) -> Result<Listed, ListError> {
    let name_error = |source| ListError::Name { line, source };
    let words: Vec<&str> = text.trim_end_matches('\n').split(' ').collect();
    let (words, essential) = match words.split_last() {
        Some((&"essential", rest)) => (rest, true),
        _ => (&words[..], false),
    };
    let &[name, version, arch, sha256, size, from, layer] = words else { return Err(ListError::Line { line }) };
    Ok(Listed {
        name: PackageName::new(name).map_err(name_error)?,
        version: ListedVersion::new(version).map_err(|source| ListError::Version { line, source })?,
        arch: Arch::new(arch).map_err(name_error)?,
        sha256: sha256.parse().map_err(|source| ListError::Digest { line, source })?,
        size: size.parse().map_err(|_| ListError::Line { line })?,
        from: match from.split_once(':') {
            Some(("repository", name)) => ListedFrom::Repository(RepositoryName::new(name).map_err(name_error)?),
            Some(("component", component)) => ListedFrom::Component(ComponentName::new(component).map_err(name_error)?),
            None if from == "distribution" => ListedFrom::Distribution,
            _ => return Err(ListError::Line { line }),
        },
        layer: match layer {
            "base" => Layer::Base,
            "component" => Layer::Component,
            _ => return Err(ListError::Line { line }),
        },
        essential,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> PackageList {
        let one = |name: &str, from, layer, essential| Listed {
            name: name.parse().expect(name),
            version: ListedVersion::new("1:2.0-1").expect("good"),
            arch: "amd64".parse().expect("good"),
            sha256: Sha256::of(name.as_bytes()),
            size: name.len() as u64,
            from,
            layer,
            essential,
        };
        let component = ListedFrom::Component("libmd".parse().expect("good"));
        PackageList::new(vec![
            one("libmd0", component, Layer::Component, false),
            one("bash", ListedFrom::Distribution, Layer::Base, true),
            one("debhelper", ListedFrom::Repository("backports".parse().expect("good")), Layer::Component, false),
        ])
        .expect("good")
    }

    const GOLDEN: &str = "opb package list 1
bash 1:2.0-1 amd64 37d2b12d5d9abc2a364ef9448767ee03938e383c0284193477dc7618f4b7c6c2 4 distribution base essential
debhelper 1:2.0-1 amd64 0795a4ef42fa7c1a37cbd92ea2636d4869bc4643f89de114ddd09ca0be252171 9 repository:backports component
libmd0 1:2.0-1 amd64 a157d982af29f963c317d5fbaf5f6bd52423cb9cb6b6648845f1db764122290a 6 component:libmd component
";

    #[test]
    fn golden_text() {
        let text = sample().encode();
        assert_eq!(text, GOLDEN);
        assert_eq!(PackageList::decode(&text), Ok(sample()));
        assert_eq!(PackageList::decode(HEAD), Ok(PackageList::default()));
        assert_eq!(sample().get("libmd0").map(|listed| listed.size), Some(6));
        assert!(sample().get("libmd").is_none());
        assert_eq!(sample().layer(Layer::Base).count(), 1);
    }

    #[test]
    fn errors_name_the_line() {
        let text = sample().encode();
        let error = |text: &str| PackageList::decode(text).expect_err("bad").to_string();
        assert_eq!(error(""), "cannot read a package list: it does not start with `opb package list 1`");
        let other = "cannot read line 2 of a package list: it is not what this program writes";
        for (from, to) in [
            (" base ", "  base "),
            (" 4 ", " 04 "),
            (" 4 ", " +4 "),
            ("distribution", "elsewhere"),
            (" base ", " top "),
        ] {
            assert_eq!(error(&text.replace(from, to)), other, "{to}");
        }
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(1, 2);
        assert_eq!(error(&(lines.join("\n") + "\n")), other);
        assert_eq!(error(text.trim_end()), "cannot read line 4 of a package list: it is not what this program writes");
        assert_eq!(
            error(&text.replace("libmd0", "bash")),
            "cannot make a package list: `bash` of amd64 is there twice"
        );
        assert_eq!(error(&text.replace("bash", "b/sh")), "cannot read line 2 of a package list");
        assert_eq!(error(&text.replacen("1:2.0-1", "x%", 1)), "cannot read line 2 of a package list");
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_text(at in 0usize..400, byte in 9u8..127) {
            let mut bytes = sample().encode().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let text = String::from_utf8(bytes).expect("ASCII");
            if let Ok(list) = PackageList::decode(&text) {
                prop_assert_eq!(list.encode(), text);
            }
        }
    }
}
