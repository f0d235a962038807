//! Dependencies of a package as its header has them: three lists of one length for each kind.

use super::header::{Ints, Strings};
use super::{Header, RpmError, tag, together};
use crate::package::spec::dependency::Sign;

/// Bits of a dependency's flags (rpm's `rpmds.h`).
const LESS: u32 = 1 << 1;
const GREATER: u32 = 1 << 2;
const EQUAL: u32 = 1 << 3;
/// Needed for a script that runs before installing or removing: what `Requires(pre)` and the like set.
const BEFORE_SCRIPTS: u32 = 1 << 6 | 1 << 9 | 1 << 10;

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What the package provides.
    Provides,
    /// What it requires.
    Requires,
    /// What it cannot be installed with.
    Conflicts,
    /// What it replaces.
    Obsoletes,
    /// What is installed with it where that is possible.
    Recommends,
    /// What goes well with it.
    Suggests,
    /// With what it is installed where that is possible.
    Supplements,
    /// With what it goes well.
    Enhances,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Provides,
        Self::Requires,
        Self::Conflicts,
        Self::Obsoletes,
        Self::Recommends,
        Self::Suggests,
        Self::Supplements,
        Self::Enhances,
    ];

    /// Tags of names, flags and versions.
    fn tags(self) -> [u32; 3] {
        match self {
            Self::Provides => [tag::PROVIDE_NAME, tag::PROVIDE_FLAGS, tag::PROVIDE_VERSION],
            Self::Requires => [tag::REQUIRE_NAME, tag::REQUIRE_FLAGS, tag::REQUIRE_VERSION],
            Self::Conflicts => [tag::CONFLICT_NAME, tag::CONFLICT_FLAGS, tag::CONFLICT_VERSION],
            Self::Obsoletes => [tag::OBSOLETE_NAME, tag::OBSOLETE_FLAGS, tag::OBSOLETE_VERSION],
            Self::Recommends => [tag::RECOMMEND_NAME, tag::RECOMMEND_FLAGS, tag::RECOMMEND_VERSION],
            Self::Suggests => [tag::SUGGEST_NAME, tag::SUGGEST_FLAGS, tag::SUGGEST_VERSION],
            Self::Supplements => [tag::SUPPLEMENT_NAME, tag::SUPPLEMENT_FLAGS, tag::SUPPLEMENT_VERSION],
            Self::Enhances => [tag::ENHANCE_NAME, tag::ENHANCE_FLAGS, tag::ENHANCE_VERSION],
        }
    }

    /// What messages call the lists.
    fn lists(self) -> &'static str {
        match self {
            Self::Provides => "provides",
            Self::Requires => "requirements",
            Self::Conflicts => "conflicts",
            Self::Obsoletes => "obsoletes",
            Self::Recommends => "recommendations",
            Self::Suggests => "suggestions",
            Self::Supplements => "supplements",
            Self::Enhances => "enhancements",
        }
    }
}

/// One dependency. Texts are as the package has them, in any encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// A package, a capability such as `libc.so.6()(64bit)`, a file, or several in brackets.
    pub name: &'a [u8],
    /// rpm's own flags.
    pub flags: u32,
    /// `[epoch:]version[-release]`; empty where any version will do.
    pub evr: &'a [u8],
}

impl<'a> Dependency<'a> {
    /// How a version is compared with [`Dependency::evr`]; `None` where any will do.
    pub fn sign(&self) -> Option<Sign> {
        Some(match self.flags & (LESS | GREATER | EQUAL) {
            LESS => Sign::Less,
            GREATER => Sign::Greater,
            EQUAL => Sign::Equal,
            flags if flags == LESS | EQUAL => Sign::LessOrEqual,
            flags if flags == GREATER | EQUAL => Sign::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Whether it must be there before scripts of the package run.
    pub fn is_before_scripts(&self) -> bool {
        self.flags & BEFORE_SCRIPTS != 0
    }

    /// Epoch, version and release of [`Dependency::evr`]. What stands before a colon is an epoch if it has digits only;
    /// what stands behind the last hyphen is a release.
    pub fn parts(&self) -> (Option<&'a [u8]>, &'a [u8], Option<&'a [u8]>) {
        let digits = self.evr.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (epoch, rest) = match self.evr.get(digits) {
            Some(b':') => (Some(&self.evr[..digits]), &self.evr[digits + 1..]),
            _ => (None, self.evr),
        };
        match rest.iter().rposition(|byte| *byte == b'-') {
            Some(hyphen) => (epoch, &rest[..hyphen], Some(&rest[hyphen + 1..])),
            None => (epoch, rest, None),
        }
    }
}

/// The dependencies of one kind.
#[derive(Debug, Clone)]
pub struct Dependencies<'a> {
    names: Strings<'a>,
    flags: Ints<'a>,
    versions: Strings<'a>,
}

impl<'a> Dependencies<'a> {
    pub(super) fn of(header: &'a Header, kind: Kind) -> Self {
        let [names, flags, versions] = kind.tags();
        Self { names: header.strings(names), flags: header.ints(flags), versions: header.strings(versions) }
    }
}

impl<'a> Iterator for Dependencies<'a> {
    type Item = Dependency<'a>;

    fn next(&mut self) -> Option<Dependency<'a>> {
        let flags = u32::try_from(self.flags.next()?).unwrap_or(0);
        Some(Dependency { name: self.names.next()?, flags, evr: self.versions.next()? })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.names.size_hint()
    }
}

pub(super) fn check(header: &Header) -> Result<(), RpmError> {
    Kind::ALL.iter().try_for_each(|kind| {
        let [names, flags, versions] = kind.tags();
        together(header, &[names, versions], &[flags], kind.lists())
    })
}
