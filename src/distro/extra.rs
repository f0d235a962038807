//! Extra repositories of a distro: archives of `.deb` packages beside its own suites, for all of its builds or for those
//! that name them.
//!
//! One without an address is in the distribution's own archive (backports), one without a key is signed by the
//! distribution itself. Neither is part of any identity: what was pinned is known by its digests.

use serde::{Serialize, Serializer};

use super::{Distro, Suite};
use crate::address::Address;
use crate::name::{Arch, RepositoryName};
use crate::path::TreePath;

/// An extra repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtraRepository {
    /// What recipes call it.
    pub name: RepositoryName,
    /// The suite that its packages are taken from. Never the one of security updates.
    pub suite: Suite,
    /// For which of the distro's arches it has packages, in the distro's order. Not empty.
    pub arches: Vec<Arch>,
    /// When a package of it is taken.
    pub taken: Taken,
    /// Whether all builds see it; if not, those whose recipes name it.
    pub everywhere: bool,
    /// The file of the project with the public keys that it is signed with; `None`: the distribution's own keyring.
    #[serde(serialize_with = "as_text")]
    pub key: Option<TreePath>,
    /// Where its archive is; `None`: where the distribution's own is.
    #[serde(serialize_with = "as_text")]
    pub address: Option<Address>,
}

/// When a package of an extra repository is taken rather than the distribution's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// Where needs cannot be met without it.
    WhenNeeded,
    /// Where its version is higher, unless the base has the package.
    WhenNewer,
    /// Before the distribution's, whatever the versions, and also in place of one that the base has.
    First,
}

impl Taken {
    /// Every value, the most careful first.
    pub const ALL: [Self; 3] = [Self::WhenNeeded, Self::WhenNewer, Self::First];

    /// The value as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhenNeeded => "when-needed",
            Self::WhenNewer => "when-newer",
            Self::First => "first",
        }
    }

    /// The value that is written so.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|taken| taken.as_str() == text)
    }
}

/// A suite of some archive that a distro's packages are taken from.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveSuite<'a> {
    /// The distro.
    pub distro: &'a Distro,
    /// The suite.
    pub suite: &'a Suite,
    /// The extra repository that it is of; `None`: a suite of the distribution's own.
    pub extra: Option<&'a ExtraRepository>,
}

impl<'a> ArchiveSuite<'a> {
    /// A suite of the distribution's own.
    pub fn own(distro: &'a Distro, suite: &'a Suite) -> Self {
        Self { distro, suite, extra: None }
    }

    /// That of an extra repository.
    pub fn of_extra(distro: &'a Distro, extra: &'a ExtraRepository) -> Self {
        Self { distro, suite: &extra.suite, extra: Some(extra) }
    }
}

#[expect(clippy::ref_option, reason = "the shape that serde calls")]
fn as_text<T: ToString, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(T::to_string).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for taken in Taken::ALL {
            assert_eq!(Taken::named(taken.as_str()), Some(taken));
        }
        assert_eq!(Taken::named("always"), None);
    }
}
