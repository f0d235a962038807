//! Checks of packages, and how nodes that belong to one are called: `libbsd.lintian`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NameError;

/// What looks at the packages of a component once they are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Runs the tests that a source has for its installed packages.
    Autopkgtest,
    /// Installs them into a clean root, and removes them again.
    Install,
    /// Runs lintian.
    Lintian,
    /// Runs a script of the recipe, with the packages installed.
    Own,
    /// Runs rpmlint.
    Rpmlint,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Autopkgtest, Self::Install, Self::Lintian, Self::Own, Self::Rpmlint];

    /// The name, as it stands in recipes and names of nodes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Autopkgtest => "autopkgtest",
            Self::Install => "install",
            Self::Lintian => "lintian",
            Self::Own => "own",
            Self::Rpmlint => "rpmlint",
        }
    }

    /// The subject of nodes of this check of `component`.
    pub fn subject(self, component: &str) -> String {
        format!("{component}.{self}")
    }

    /// A subject taken apart; `None` where it does not end in a check's name. No component is called so.
    pub fn split(subject: &str) -> Option<(&str, Self)> {
        let (of, check) = subject.rsplit_once('.')?;
        check.parse().ok().map(|check| (of, check))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Check {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let rule = "one of `autopkgtest`, `install`, `lintian`, `own`, `rpmlint`";
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| NameError { kind: "check", text: text.to_owned(), rule })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, component_of};
    use super::*;

    #[test]
    fn a_subject_is_taken_apart_at_its_last_dot() {
        assert_eq!(Check::split("libbsd.lintian"), Some(("libbsd", Check::Lintian)));
        assert_eq!(Check::split(&Check::Own.subject("a.b")), Some(("a.b", Check::Own)));
        assert_eq!([Check::split("libbsd"), Check::split("a.b"), Check::split("own")], [None; 3]);
        let of = |kind, subject| component_of(kind, subject);
        assert_eq!(of(Kind::Check, "libbsd.install"), Some("libbsd"));
        assert_eq!(of(Kind::Resolve, "libbsd.install"), Some("libbsd"));
        assert_eq!([of(Kind::Root, "base.lintian"), of(Kind::Root, "base")], [None; 2]);
        assert_eq!(of(Kind::Build, "a.own"), Some("a.own"), "builds are never of a check");
    }
}
