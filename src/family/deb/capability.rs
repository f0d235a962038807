//! Which package has a capability, on a distro of `.deb` packages.
//!
//! Packages there do not say which `.pc` files or programs they hold, and nothing but the whole archive does. So what a
//! component declares comes first (`aliases`), then packages of the project's own by the names that such packages have,
//! then the distro's own table, then the names that Debian's policies for Python and Perl give. No guess goes to the
//! distribution beyond those policies: a package that happens to be called like a program need not hold it.

use std::collections::BTreeMap;

use crate::component::{Bound, Capability, CapabilityKind, Operator};
use crate::distro::Deb;
use crate::name::PackageName;

/// The package that has `capability`; `None` where nobody knows one.
///
/// `aliases` are those of all components, by what is asked for; `is_ours` says whether a component makes a package.
pub fn package(
    capability: &Capability,
    aliases: &BTreeMap<String, PackageName>,
    is_ours: impl Fn(&str) -> bool,
    distro: &Deb,
) -> Option<String> {
    let asked = capability.to_string();
    let declared = aliases.get(&asked).map(ToString::to_string);
    let usual = || usual_names(capability).into_iter().find(|name| is_ours(name));
    let of_distro = || distro.capabilities.get(&asked).map(ToString::to_string);
    declared.or_else(usual).or_else(of_distro).or_else(|| by_policy(capability))
}

/// The relations that a need for `package` with `version` comes to. A package's version has a revision behind the one
/// that a capability knows, so `= 1.1` means from 1.1 to before what follows 1.1.
pub fn relations(package: &str, version: Option<&Bound>) -> Vec<String> {
    let Some(Bound { operator, version }) = version else { return vec![package.to_owned()] };
    let from = format!("{package} (>= {version})");
    let up_to = format!("{package} (<< {version}.~)");
    match operator {
        Operator::Equal => vec![from, up_to],
        Operator::EarlierOrEqual => vec![up_to],
        Operator::Later => vec![format!("{package} (>= {version}.~)")],
        Operator::Earlier | Operator::LaterOrEqual => vec![format!("{package} ({} {version})", operator.deb())],
    }
}

/// A relation, which may have alternatives, with the package that is meant in place of another name.
pub fn renamed(relation: &str, asked: &BTreeMap<String, String>) -> String {
    if asked.is_empty() {
        return relation.to_owned();
    }
    let one = |alternative: &str| {
        let trimmed = alternative.trim();
        let end = trimmed.find(|c: char| c.is_whitespace() || "(:[<".contains(c)).unwrap_or(trimmed.len());
        match asked.get(&trimmed[..end]) {
            Some(package) => format!("{package}{}", &trimmed[end..]),
            None => trimmed.to_owned(),
        }
    };
    relation.split('|').map(one).collect::<Vec<_>>().join(" | ")
}

/// Names that a package of the project with this capability probably has.
fn usual_names(capability: &Capability) -> Vec<String> {
    let name = capability.name.to_lowercase();
    match capability.kind {
        CapabilityKind::PkgConfig | CapabilityKind::Cmake => {
            vec![format!("{name}-dev"), format!("lib{name}-dev"), format!("lib{}-dev", name.replace('_', "-"))]
        }
        CapabilityKind::Tool => vec![capability.name.clone()],
        CapabilityKind::Python | CapabilityKind::Perl => by_policy(capability).into_iter().collect(),
    }
}

/// Debian Python Policy, section 4.3; Debian Perl Policy, section 4.2.
fn by_policy(capability: &Capability) -> Option<String> {
    let name = capability.name.to_lowercase().replace('_', "-");
    match capability.kind {
        CapabilityKind::Python => Some(format!("python3-{name}")),
        CapabilityKind::Perl => Some(format!("lib{}-perl", name.replace("::", "-"))),
        CapabilityKind::PkgConfig | CapabilityKind::Tool | CapabilityKind::Cmake => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::version::Version;

    fn found(asked: &str, ours: &[&str]) -> Option<String> {
        let mut distro = super::super::tests::deb_distro();
        let of = |name: &str| name.parse().expect("a name");
        distro.capabilities = BTreeMap::from([
            ("pkgconfig(zlib)".to_owned(), of("zlib1g-dev")),
            ("tool(help2man)".to_owned(), of("help2man")),
            ("pkgconfig(libmd)".to_owned(), of("libmd-dev")),
            ("python(yaml)".to_owned(), of("python3-yaml-alt")),
        ]);
        let aliases = BTreeMap::from([("pkgconfig(grace)".to_owned(), of("libgrace-dev"))]);
        let capability = Capability::parse(asked).expect("a capability");
        package(&capability, &aliases, |name| ours.contains(&name), &distro)
    }

    #[test]
    fn who_knows_first_wins() {
        assert_eq!(found("pkgconfig(grace)", &["grace-dev"]).as_deref(), Some("libgrace-dev"), "a component says so");
        assert_eq!(found("pkgconfig(zlib)", &[]).as_deref(), Some("zlib1g-dev"), "the distro says so");
        assert_eq!(found("pkgconfig(zlib)", &["zlib-dev"]).as_deref(), Some("zlib-dev"), "ours before the distro's");
        assert_eq!(found("pkgconfig(xml)", &["libxml-dev"]).as_deref(), Some("libxml-dev"));
        assert_eq!(found("cmake(Qt6Core)", &["libqt6core-dev"]).as_deref(), Some("libqt6core-dev"));
        assert_eq!(found("tool(logax)", &["logax"]).as_deref(), Some("logax"));
        assert_eq!(found("tool(help2man)", &[]).as_deref(), Some("help2man"));
        assert_eq!(found("python(yaml)", &[]).as_deref(), Some("python3-yaml-alt"), "the distro before the policy");
        assert_eq!(found("python(Zope_Event)", &[]).as_deref(), Some("python3-zope-event"));
        assert_eq!(found("perl(Text::Template)", &[]).as_deref(), Some("libtext-template-perl"));
        for unknown in ["pkgconfig(xml)", "tool(git)", "cmake(Qt6Core)"] {
            assert_eq!(found(unknown, &[]), None, "{unknown}");
        }
    }

    #[test]
    fn other_names_are_replaced() {
        let asked = BTreeMap::from([("grace-devel".to_owned(), "libgrace-dev".to_owned())]);
        assert_eq!(renamed("grace-devel (>= 1.1) [amd64] | b:any", &asked), "libgrace-dev (>= 1.1) [amd64] | b:any");
        assert_eq!(renamed("grace-devel-more", &asked), "grace-devel-more");
        assert_eq!(renamed("a|grace-devel:native", &asked), "a | libgrace-dev:native");
        assert_eq!(renamed("a|b", &BTreeMap::new()), "a|b");
    }

    #[test]
    fn versions_of_packages_have_revisions() {
        let shown = |bound: &str| relations("a", Some(&Bound::parse(bound).expect("a bound")));
        assert_eq!(relations("a", None), ["a"]);
        assert_eq!(shown(">= 1.1"), ["a (>= 1.1)"]);
        assert_eq!(shown("<< 1.1"), ["a (<< 1.1)"]);
        assert_eq!(shown(">> 1.1"), ["a (>= 1.1.~)"]);
        assert_eq!(shown("<= 1.1"), ["a (<< 1.1.~)"]);
        assert_eq!(shown("= 1.1"), ["a (>= 1.1)", "a (<< 1.1.~)"]);
        let version = |text: &str| text.parse::<Version>().expect("a version");
        for equal in ["1.1", "1.1-1", "1.1-1~deb12+opb3", "1.1+dfsg-2"] {
            assert!(version(equal) >= version("1.1") && version(equal) < version("1.1.~"), "{equal}");
        }
        for later in ["1.1.1-1", "1.2-1", "1.10-1", "2"] {
            assert!(version(later) > version("1.1.~"), "{later}");
        }
        assert!(version("1.1~rc1-1") < version("1.1"));
    }
}
