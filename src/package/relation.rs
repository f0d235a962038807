//! Relations between packages, as the fields `Depends`, `Build-Depends`, `Provides` and their like hold them (Debian
//! Policy, chapter 7, and its build profiles).
//!
//! ```text
//! relations    = alternatives, alternatives, …
//! alternatives = relation | relation | …
//! relation     = name[:qualifier] [(operator version)] [\[arch …\]] [<profile …> …]
//! ```
//!
//! Nothing here knows which packages there are; [`crate::solve`] does.

use std::collections::BTreeSet;
use std::fmt;

use miette::Diagnostic;

use super::version::{Version, VersionError};
use crate::diag::{Cause, Caused};

mod read;

/// What all must hold. May be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relations(pub Vec<Alternatives>);

/// What one of must hold, the preferred first. Not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternatives(pub Vec<Relation>);

/// One package, as a relation names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The package, real or virtual.
    pub name: String,
    /// `any`, `native` or an arch; `None` where nothing is said.
    pub qualifier: Option<String>,
    /// Which versions; `None` is all.
    pub version: Option<(Operator, Version)>,
    /// For which arches, negated ones among them; empty is all.
    pub arches: Vec<Term>,
    /// Under which build profiles: one of the groups must hold whole; empty is always.
    pub profiles: Vec<Vec<Term>>,
}

/// A word that may be negated by `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether `!` stands before it.
    pub negated: bool,
    /// The arch, arch wildcard or profile.
    pub word: String,
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// Whether `${…}` variables may stand in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// They are an error: the field is of a package that was built.
    Refused,
    /// The field is of `debian/control`: an alternative that holds one is left out, and a version that holds one counts
    /// as any version.
    LeftOut,
}

/// Why a text is no relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("cannot read the relation `{text}` at column {column}: expected {expected}")]
#[diagnostic(
    code(opb::package::relation),
    help("write it as `name (>= version) [arch] <profile>`, joined by `,` and `|`")
)]
pub struct RelationError {
    /// The whole text, at most 200 characters around the place.
    pub text: String,
    /// The place in the whole text, in characters from 1.
    pub column: usize,
    /// What should stand there.
    pub expected: &'static str,
    /// Why a version is none.
    #[source]
    pub version: Option<VersionError>,
}

impl Caused for RelationError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Relations {
    /// Reads a field that may not hold variables.
    ///
    /// # Errors
    /// [`RelationError`] with the place.
    pub fn parse(text: &str) -> Result<Self, RelationError> {
        read::relations(text, Variables::Refused)
    }

    /// Reads a field.
    ///
    /// # Errors
    /// [`RelationError`] with the place.
    pub fn parse_with(text: &str, variables: Variables) -> Result<Self, RelationError> {
        read::relations(text, variables)
    }

    /// What is left for `arch` with these build profiles active; restrictions are gone from it.
    pub fn reduce(&self, arch: &str, profiles: &BTreeSet<String>) -> Self {
        let one = |alternatives: &Alternatives| {
            let left = alternatives.0.iter().filter(|relation| relation.applies(arch, profiles));
            let left: Vec<Relation> = left
                .map(|relation| Relation { arches: Vec::new(), profiles: Vec::new(), ..relation.clone() })
                .collect();
            (!left.is_empty()).then_some(Alternatives(left))
        };
        Self(self.0.iter().filter_map(one).collect())
    }
}

impl Relation {
    /// Whether it counts on `arch` with these build profiles active.
    pub fn applies(&self, arch: &str, profiles: &BTreeSet<String>) -> bool {
        arch_list_holds(&self.arches, arch)
            && (self.profiles.is_empty()
                || self
                    .profiles
                    .iter()
                    .any(|group| group.iter().all(|term| profiles.contains(&term.word) != term.negated)))
    }

    /// Whether `version` is one of those meant.
    pub fn allows(&self, version: &Version) -> bool {
        self.version.as_ref().is_none_or(|(operator, wanted)| operator.holds(version, wanted))
    }
}

/// Whether a list such as `amd64 linux-any` or `!i386 !armhf` holds for `arch`. An empty one does.
fn arch_list_holds(terms: &[Term], arch: &str) -> bool {
    let hit = |negated| terms.iter().any(|term| term.negated == negated && arch_matches(&term.word, arch));
    // Policy wants all terms negated or none. In a mixed list what is negated stays out.
    !hit(true) && (terms.iter().all(|term| term.negated) || hit(false))
}

/// Whether `arch` is what `wildcard` means: the arch itself, with `linux-` before it too, `any`, `linux-any`, `any-amd64`, or with
/// the C library and the calling convention before these (Debian Policy, section 11.1, and dpkg-architecture(1)).
pub fn arch_matches(wildcard: &str, arch: &str) -> bool {
    if wildcard == arch || wildcard.strip_prefix("linux-") == Some(arch) {
        return true;
    }
    if arch == "all" {
        return false;
    }
    let mut parts = wildcard.rsplit('-');
    let mut any = false;
    let fits = tuple_of(arch).into_iter().zip(&mut parts).all(|(own, wanted)| {
        any |= wanted == "any";
        wanted == "any" || wanted == own
    });
    // What has no `any` in it is an arch, and another one.
    fits && any && parts.next().is_none()
}

/// Processor, kernel, C library and calling convention of an arch, as dpkg's table of tuples has them.
fn tuple_of(arch: &str) -> [&str; 4] {
    let mut parts = arch.rsplit('-');
    let (cpu, os) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("linux"));
    let (cpu, abi) = match cpu {
        "armhf" => ("arm", "eabihf"),
        "armel" => ("arm", "eabi"),
        "x32" => ("amd64", "x32"),
        "arm64ilp32" => ("arm64", "ilp32"),
        "powerpcspe" => ("powerpc", "spe"),
        other => (other, "base"),
    };
    [cpu, os, parts.next().unwrap_or("gnu"), abi]
}

impl Operator {
    /// Whether `version` stands in this relation to `wanted`.
    pub fn holds(self, version: &Version, wanted: &Version) -> bool {
        let order = version.cmp(wanted);
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.0, ", ")
    }
}

impl fmt::Display for Alternatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.0, " | ")
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = &self.version {
            write!(f, " ({} {version})", operator.as_str())?;
        }
        if !self.arches.is_empty() {
            f.write_str(" [")?;
            joined(f, &self.arches, " ")?;
            f.write_str("]")?;
        }
        for group in &self.profiles {
            f.write_str(" <")?;
            joined(f, group, " ")?;
            f.write_str(">")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "!" } else { "" }, self.word)
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: &[T], between: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        write!(f, "{}{part}", if place > 0 { between } else { "" })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(text: &str, arch: &str, profiles: &[&str]) -> String {
        let profiles = profiles.iter().map(|profile| (*profile).to_owned()).collect();
        Relations::parse(text).expect(text).reduce(arch, &profiles).to_string()
    }

    #[test]
    fn arch_restrictions() {
        let text = "a [amd64], b [!amd64], c [linux-any], d [any-amd64 any-i386], e [any] | f, g [!linux-any], h [kfreebsd-any]";
        assert_eq!(reduced(text, "amd64", &[]), "a, c, d, e | f");
        assert_eq!(reduced(text, "armhf", &[]), "b, c, e | f");
        assert_eq!(reduced(text, "kfreebsd-amd64", &[]), "b, d, e | f, g, h");
        assert!(arch_matches("any-arm", "armhf") && arch_matches("linux-any", "musl-linux-amd64"));
        assert!(!arch_matches("any", "all") && arch_matches("all", "all"));
        assert!(arch_matches("linux-amd64", "amd64") && !arch_matches("linux-i386", "amd64"));
        assert!(arch_matches("gnu-any-any", "amd64") && arch_matches("any-any-amd64", "x32"));
        assert!(!arch_matches("musl-linux-any", "amd64") && !arch_matches("gnu-linux-amd64", "amd64"));
        assert!(arch_matches("base-any-any-any", "arm64") && !arch_matches("base-any-any-any", "armhf"));
        assert!(!arch_matches("any-any-any-any-any", "amd64") && !arch_matches("", "amd64"));
    }

    #[test]
    fn profile_restrictions() {
        let text = "a <!nocheck>, b <cross> <!nodoc>, c <!nocheck !nodoc>, d <stage1 cross>, e";
        assert_eq!(reduced(text, "amd64", &[]), "a, b, c, e");
        assert_eq!(reduced(text, "amd64", &["nocheck"]), "b, e");
        assert_eq!(reduced(text, "amd64", &["cross", "nodoc"]), "a, b, e");
        assert_eq!(reduced(text, "amd64", &["cross", "stage1"]), "a, b, c, d, e");
    }

    #[test]
    fn versions_are_compared() {
        let allows = |relation: &str, version: &str| {
            let relations = Relations::parse(relation).expect(relation);
            relations.0[0].0[0].allows(&version.parse().expect(version))
        };
        assert!(allows("a", "1") && allows("a (= 1)", "1-0") && allows("a (>= 1~)", "1") && allows("a (<< 1)", "1~rc"));
        assert!(!allows("a (>> 1)", "1") && !allows("a (<= 1)", "1-1") && !allows("a (= 1)", "2"));
    }
}
