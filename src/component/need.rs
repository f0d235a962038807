//! What a recipe says its build needs: components, packages, and capabilities, which each family has packages for.

use std::fmt;

use serde::Serialize;

use crate::name::ComponentName;

/// Something that a recipe says its build needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Another component: it is built first, and its packages are preferred to the distribution's.
    Component {
        /// Which.
        name: ComponentName,
        /// The versions that will do; `None`: all.
        version: Option<Bound>,
    },
    /// A package to install into the build's root.
    Package {
        /// Its name in the distro, with `:any` or `:native` where the recipe says so.
        name: String,
        /// The versions that will do; `None`: all.
        version: Option<Bound>,
    },
    /// Whatever package of the project or the distro provides this.
    Capability {
        /// What.
        capability: Capability,
        /// The versions that will do; `None`: all.
        version: Option<Bound>,
    },
}

/// Something that packages provide, named independently of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Capability {
    /// What kind of thing.
    pub kind: CapabilityKind,
    /// Its name among its kind. Plain: letters, digits and a few marks.
    pub name: String,
}

/// Kinds of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapabilityKind {
    /// A `.pc` file of pkg-config.
    PkgConfig,
    /// A program in `/usr/bin`.
    Tool,
    /// A package of CMake's `find_package`.
    Cmake,
    /// A Python distribution.
    Python,
    /// A Perl module.
    Perl,
}

impl CapabilityKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::PkgConfig, Self::Tool, Self::Cmake, Self::Python, Self::Perl];

    /// The function of recipes that makes one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PkgConfig => "pkgconfig",
            Self::Tool => "tool",
            Self::Cmake => "cmake",
            Self::Python => "python",
            Self::Perl => "perl",
        }
    }
}

impl Capability {
    /// Reads `pkgconfig(libmd)`, as tables of distros and aliases write it; `None` where it is not of that form.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('(')?;
        let kind = CapabilityKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let name = rest.strip_suffix(')')?;
        Self::is_name(name).then(|| Self { kind, name: name.to_owned() })
    }

    /// Whether a capability may be called so.
    pub fn is_name(name: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte);
        name.len() <= 100
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().all(plain)
    }

    /// What RPM packages provide where they have it: `pkgconfig(libmd)`, `/usr/bin/help2man`.
    pub fn rpm(&self) -> String {
        match self.kind {
            CapabilityKind::Tool => format!("/usr/bin/{}", self.name),
            CapabilityKind::Python => format!("python3dist({})", self.name),
            kind => format!("{}({})", kind.as_str(), self.name),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.kind.as_str(), self.name)
    }
}

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Bound {
    /// How they compare with `version`.
    pub operator: Operator,
    /// A version: begins with a digit, and has letters, digits and `.+-~:^_`.
    pub version: String,
}

/// How versions compare (Debian Policy, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Operator {
    /// Strictly earlier: `<<`, in RPM `<`.
    #[serde(rename = "<<")]
    Earlier,
    /// `<=`
    #[serde(rename = "<=")]
    EarlierOrEqual,
    /// `=`
    #[serde(rename = "=")]
    Equal,
    /// `>=`
    #[serde(rename = ">=")]
    LaterOrEqual,
    /// Strictly later: `>>`, in RPM `>`.
    #[serde(rename = ">>")]
    Later,
}

/// Why a text is no bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// No operator stands before the version.
    #[error("`{0}` does not begin with `<<`, `<=`, `=`, `>=` or `>>`")]
    Operator(String),
    /// What stands behind the operator is no version.
    #[error("`{0}` is not a version")]
    Version(String),
}

impl Operator {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Earlier, "<<", "<"),
        (Self::EarlierOrEqual, "<=", "<="),
        (Self::Equal, "=", "="),
        (Self::LaterOrEqual, ">=", ">="),
        (Self::Later, ">>", ">"),
    ];

    /// As Debian's relations and recipes write it.
    pub fn deb(self) -> &'static str {
        Self::ALL.into_iter().find(|(operator, ..)| *operator == self).map_or("=", |(_, deb, _)| deb)
    }

    /// As specs write it.
    pub fn rpm(self) -> &'static str {
        Self::ALL.into_iter().find(|(operator, ..)| *operator == self).map_or("=", |(.., rpm)| rpm)
    }

    /// Whether a version that compares with the bound's as `ordering` says will do.
    pub fn allows(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Earlier => ordering.is_lt(),
            Self::EarlierOrEqual => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::LaterOrEqual => ordering.is_ge(),
            Self::Later => ordering.is_gt(),
        }
    }
}

impl Bound {
    /// Reads `>= 1.1`.
    ///
    /// # Errors
    /// [`BoundError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, BoundError> {
        let text = text.trim();
        let found = Operator::ALL.into_iter().find(|(_, written, _)| text.starts_with(written));
        let (operator, written, _) = found.ok_or_else(|| BoundError::Operator(text.to_owned()))?;
        let version = text[written.len()..].trim();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:^_".contains(&byte);
        let begins = version.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        if !begins || version.len() > 200 || !version.bytes().all(is_plain) {
            return Err(BoundError::Version(version.to_owned()));
        }
        Ok(Self { operator, version: version.to_owned() })
    }

    /// As RPM writes it: `>= 1.1`.
    pub fn rpm(&self) -> String {
        format!("{} {}", self.operator.rpm(), self.version)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operator.deb(), self.version)
    }
}

/// As a recipe or a Debian relation writes it: `help2man (>= 1.40)`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self {
            Self::Component { name, version } => {
                name.fmt(f)?;
                version
            }
            Self::Package { name, version } => {
                name.fmt(f)?;
                version
            }
            Self::Capability { capability, version } => {
                capability.fmt(f)?;
                version
            }
        };
        version.as_ref().map_or(Ok(()), |version| write!(f, " ({version})"))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn bounds_have_a_form() {
        let shown = |text: &str| Bound::parse(text).map(|bound| format!("{bound} {}", bound.rpm()));
        assert_eq!(shown(">= 1.1"), Ok(">= 1.1 >= 1.1".to_owned()));
        assert_eq!(shown("<<2~rc1"), Ok("<< 2~rc1 < 2~rc1".to_owned()));
        assert_eq!(
            shown("> 1").map_err(|error| error.to_string()),
            Err("`> 1` does not begin with `<<`, `<=`, `=`, `>=` or `>>`".to_owned())
        );
        assert_eq!(shown("= $(id)").map_err(|error| error.to_string()), Err("`$(id)` is not a version".to_owned()));
    }

    #[test]
    fn operators_compare() {
        let allowed = |operator: Operator| {
            [Ordering::Less, Ordering::Equal, Ordering::Greater].map(|ordering| operator.allows(ordering))
        };
        assert_eq!(allowed(Operator::Earlier), [true, false, false]);
        assert_eq!(allowed(Operator::EarlierOrEqual), [true, true, false]);
        assert_eq!(allowed(Operator::Equal), [false, true, false]);
        assert_eq!(allowed(Operator::LaterOrEqual), [false, true, true]);
        assert_eq!(allowed(Operator::Later), [false, false, true]);
    }

    #[test]
    fn capabilities_are_written_as_each_side_knows_them() {
        let rpm = |text: &str| Capability::parse(text).map(|capability| capability.rpm());
        assert_eq!(rpm("pkgconfig(libmd)").as_deref(), Some("pkgconfig(libmd)"));
        assert_eq!(rpm("tool(help2man)").as_deref(), Some("/usr/bin/help2man"));
        assert_eq!(rpm("cmake(Qt6)").as_deref(), Some("cmake(Qt6)"));
        assert_eq!(rpm("python(yaml)").as_deref(), Some("python3dist(yaml)"));
        assert_eq!(rpm("perl(Text::Template)").as_deref(), Some("perl(Text::Template)"));
        for wrong in ["libmd", "tool()", "tool(a", "tool(../a)", "tool(a b)", "font(a)", "tool(-x)"] {
            assert_eq!(Capability::parse(wrong), None, "{wrong}");
        }
    }
}
