//! Names: of components, distros, arches, targets, outputs and nodes.
//!
//! Each kind of name is a type of its own and is checked where it is made, so that no later place has to ask whether a
//! name could be a path, an option or a line of shell. All are short ASCII; the patterns are in the manual.

mod check;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use check::Check;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is no name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct NameError {
    /// What was wanted.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// [`NameError`] with the rule that `text` breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if text.len() <= 100 && check(&text) { Ok(Self(text.into())) } else { Err(NameError { kind: $kind, text, rule: $rule }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(from)?).map_err(de::Error::custom)
            }
        }
    };
}

name_type!(
    /// A component: the name of its recipe.
    ComponentName, "component name", "lower-case letters, digits, `+`, `-`, `.`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || matches!(byte, b'+' | b'-' | b'.'))
);
name_type!(
    /// A release of a distribution, such as `debian-12`.
    DistroName, "distro name", "lower-case letters, digits, `-`, `.`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || matches!(byte, b'-' | b'.'))
);
name_type!(
    /// An extra repository of a distro, such as `backports`.
    RepositoryName, "name of an extra repository", "lower-case letters, digits, `-`, `.`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || matches!(byte, b'-' | b'.'))
);
name_type!(
    /// An arch in Debian's spelling (`amd64`), or `all` for what is independent of it.
    Arch, "arch", "lower-case letters, digits, `-`, in Debian's spelling (`amd64`, not `x86_64`)",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A channel: one published repository, such as `nightly`.
    ChannelName, "channel name", "lower-case letters, digits, `-`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A lock of its own that channels have: `stable` stands for `opb.stable.lock`.
    LockName, "lock name", "lower-case letters, digits, `-`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A set: what one nightly is for, such as `default`.
    SetName, "name of a set", "lower-case letters, digits, `-`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A pin: results of a store that are kept by name.
    PinName, "pin name", "lower-case letters, digits, `-`, `.`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || matches!(byte, b'-' | b'.'))
);
name_type!(
    /// An area of a repository, such as `main` or `contrib` (what Debian calls a component of its archive).
    AreaName, "repository area", "lower-case letters, digits, `-`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A named output of a derivation, such as `packages`.
    OutputName, "output name", "lower-case letters, digits, `-`, starting with a letter or digit",
    |text| starts_plain(text) && text.bytes().all(|byte| is_lower(byte) || byte == b'-')
);
name_type!(
    /// A binary package's or source package's name (Debian Policy, section 5.6.1; RPM's are a superset with capitals and `_`).
    PackageName, "package name", "letters, digits, `+`, `-`, `.`, `_`, starting with a letter or digit",
    |text| text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_'))
);

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn starts_plain(text: &str) -> bool {
    text.bytes().next().is_some_and(is_lower) && !text.contains("..")
}

impl AreaName {
    /// The area of what says no other.
    pub fn main() -> Self {
        Self("main".into())
    }
}

impl Arch {
    /// The arch of what is the same on every arch.
    pub fn all() -> Self {
        Self("all".into())
    }

    /// What stands in its place where source packages are meant.
    pub fn source() -> Self {
        Self("source".into())
    }

    /// Whether this is `all`.
    pub fn is_all(&self) -> bool {
        &*self.0 == "all"
    }
}

/// A distro on an arch, written `debian-12/amd64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The release.
    pub distro: DistroName,
    /// The arch, or `all`.
    pub arch: Arch,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.distro, self.arch)
    }
}

impl FromStr for Target {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            kind: "target",
            text: text.to_owned(),
            rule: "a distro and an arch joined by `/`, as in `debian-12/amd64`",
        };
        let (distro, arch) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self { distro: distro.parse()?, arch: arch.parse()? })
    }
}

/// The kinds of node, in the order in which work flows through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Fetches a pinned source.
    Source,
    /// Fetches a distro's pinned package index.
    Index,
    /// Chooses exact packages for a root.
    Resolve,
    /// Makes a chroot, or a layer of one.
    Root,
    /// Asks a root something that recipes use.
    Probe,
    /// Makes the source package.
    SourcePackage,
    /// Makes binary packages.
    Build,
    /// Looks at what a build made.
    Check,
    /// Assembles a repository's content.
    Repo,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Source,
        Self::Index,
        Self::Resolve,
        Self::Root,
        Self::Probe,
        Self::SourcePackage,
        Self::Build,
        Self::Check,
        Self::Repo,
    ];

    /// The kind as it stands in node names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Index => "index",
            Self::Resolve => "resolve",
            Self::Root => "root",
            Self::Probe => "probe",
            Self::SourcePackage => "source-package",
            Self::Build => "build",
            Self::Check => "check",
            Self::Repo => "repo",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A node's name, written `build:libbsd@debian-12/amd64`.
///
/// `subject` is a component, `base` for what belongs to a distro as a whole, an extra repository, or a channel; `place` is a target, a distro,
/// or empty (a source that all distros share: `source:logax`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    /// What kind of step.
    pub kind: Kind,
    /// A component, `base`, an extra repository, or a channel.
    pub subject: String,
    /// `debian-12/amd64`, `debian-12`, or empty.
    pub place: String,
}

impl NodeName {
    /// The node's distro; `None` where it belongs to all of them.
    pub fn distro(&self) -> Option<&str> {
        (!self.place.is_empty()).then(|| self.place.split('/').next().unwrap_or(&self.place))
    }

    /// The node's arch; `None` where it has none.
    pub fn arch(&self) -> Option<&str> {
        self.place.split_once('/').map(|(_, arch)| arch)
    }
}

/// The component that a node of that kind and subject works for, if any.
pub fn component_of(kind: Kind, subject: &str) -> Option<&str> {
    match kind {
        Kind::Source | Kind::SourcePackage | Kind::Build => Some(subject),
        Kind::Resolve | Kind::Root | Kind::Check => {
            Some(Check::split(subject).map_or(subject, |(of, _)| of)).filter(|of| *of != "base")
        }
        Kind::Index | Kind::Probe | Kind::Repo => None,
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.subject)?;
        if !self.place.is_empty() {
            write!(f, "@{}", self.place)?;
        }
        Ok(())
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            kind: "node name",
            text: text.to_owned(),
            rule: "written as in `build:libbsd@debian-12/amd64`",
        };
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(wrong)?;
        let (subject, place) = rest.split_once('@').unwrap_or((rest, ""));
        ComponentName::new(subject).map_err(|_| wrong())?;
        match place.split_once('/') {
            Some((distro, arch)) => {
                DistroName::new(distro).map_err(|_| wrong())?;
                Arch::new(arch).map_err(|_| wrong())?;
            }
            None if place.is_empty() => {}
            None => {
                DistroName::new(place).map_err(|_| wrong())?;
            }
        }
        Ok(Self { kind, subject: subject.to_owned(), place: place.to_owned() })
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for text in ["", ".", "..", "-x", "--option", "a/b", "a b", "a\nb", "$(id)", "a..b", "É", &"a".repeat(101)] {
            assert!(ComponentName::new(text).is_err(), "{text:?}");
            assert!(DistroName::new(text).is_err(), "{text:?}");
            assert!(Arch::new(text).is_err(), "{text:?}");
        }
        assert!(PackageName::new("--option").is_err());
        assert!(PackageName::new("libstdc++6").is_ok());
    }

    #[test]
    fn node_names_read_back() {
        for text in [
            "build:libbsd@debian-12/amd64",
            "check:libbsd.lintian@debian-12/amd64",
            "source:logax",
            "repo:nightly@debian-12",
        ] {
            assert_eq!(text.parse::<NodeName>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
        for text in ["libbsd", "make:libbsd", "build:", "build:a@", "build:a@b/", "build:a@b/c/d"] {
            assert!(text.parse::<NodeName>().is_err() || text == "build:a@", "{text}");
        }
    }
}
