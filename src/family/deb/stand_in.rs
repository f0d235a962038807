//! What the packages of a build will say of themselves, as far as that is known before it runs. Good for choosing what to
//! fetch, and for nothing else: no package list is made of it.
//!
//! A dependency that holds a variable of the source's own version gets that version. What other variables come to, such as
//! `${shlibs:Depends}`, is only known after the build, but it names what was in the build's root: so it stands for all of
//! that root's packages that do not only serve development.

use std::collections::BTreeSet;

use super::needs::{arch_matches, profile_allows};
use crate::lock::SourceFacts;
use crate::name::Arch;
use crate::package::control::put_field;
use crate::package::relation::{Relations, Variables};

/// A build that has not run.
pub struct Unbuilt<'a> {
    /// What is known of its source.
    pub facts: &'a SourceFacts,
    /// The version that its packages may get.
    pub version: &'a str,
    /// The arch of its packages, or `all`.
    pub made_for: &'a Arch,
    /// The arch of the root that they are to be installed in.
    pub on: &'a Arch,
    /// The build's profiles.
    pub profiles: &'a BTreeSet<String>,
}

/// Endings of packages that other packages do not depend on at run time.
const NOT_AT_RUN_TIME: [&str; 4] = ["-dev", "-doc", "-dbg", "-dbgsym"];

/// Of the names of a root's packages those that packages which were built in it may depend on by a variable.
pub fn at_run_time<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.filter(|name| !NOT_AT_RUN_TIME.iter().any(|ending| name.ends_with(ending))).collect()
}

/// The control files of the packages that a build will make, sorted by package. Where a dependency is open, it is on all of
/// `open`; without any, open dependencies are left out.
pub fn controls(unbuilt: &Unbuilt<'_>, open: &[&str]) -> Vec<String> {
    let Unbuilt { facts, made_for, profiles, .. } = unbuilt;
    let is_made = |architecture: &str| {
        architecture.split_whitespace().any(|word| match made_for.is_all() {
            true => word == "all",
            false => word != "all" && arch_matches(word, made_for),
        })
    };
    let made = facts.binaries.iter().filter(|(_, binary)| {
        binary.package_type.as_deref() != Some("udeb")
            && is_made(&binary.architecture)
            && profile_allows(&binary.profiles, profiles)
    });
    made.map(|(name, binary)| {
        let (mut depends, is_open) = known(unbuilt, &binary.depends);
        if is_open && !open.is_empty() {
            let sep = if depends.is_empty() { "" } else { ", " };
            depends.push_str(sep);
            depends.push_str(&open.join(", "));
        }
        let mut control = String::new();
        put_field(&mut control, "Package", name.as_str());
        put_field(&mut control, "Version", unbuilt.version);
        put_field(&mut control, "Architecture", made_for.as_str());
        // What it will say is not known; this serves whoever asks for any arch, and everybody else too.
        put_field(&mut control, "Multi-Arch", "allowed");
        for (field, value) in [("Depends", depends), ("Provides", known(unbuilt, &binary.provides).0)] {
            if !value.is_empty() {
                put_field(&mut control, field, &value);
            }
        }
        control
    })
    .collect()
}

/// A field as far as it is known, and whether it holds variables that are not.
fn known(unbuilt: &Unbuilt<'_>, field: &str) -> (String, bool) {
    let mut text = field.to_owned();
    let upstream = super::upstream_version(&unbuilt.facts.version);
    for (variable, value) in [
        ("${binary:Version}", unbuilt.version),
        ("${source:Version}", unbuilt.version),
        ("${Source-Version}", unbuilt.version),
        ("${source:Upstream-Version}", upstream.as_str()),
    ] {
        text = text.replace(variable, value);
    }
    // One that cannot be read was refused when the facts were made.
    let read = Relations::parse_with(&text, Variables::LeftOut).unwrap_or_default();
    (read.reduce(unbuilt.on.as_str(), unbuilt.profiles).to_string(), text.contains("${"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::deb::facts::facts;

    const CONTROL: &str = "Source: a\n\nPackage: a-dev\nArchitecture: any\nDepends: liba1 (= ${binary:Version}), \
                           x [arm64], y <!stage1>, ${misc:Depends}\nProvides: a-virtual (= ${source:Upstream-Version})\n\n\
                           Package: liba1\nArchitecture: linux-any\nDepends: ${shlibs:Depends}\n\n\
                           Package: a-data\nArchitecture: all\n\n\
                           Package: a-udeb\nArchitecture: any\nPackage-Type: udeb\n\n\
                           Package: a-more\nArchitecture: any\nBuild-Profiles: <!stage1>\n";
    const CHANGELOG: &str =
        "a (2:1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\n";

    fn shown(made_for: &str, profiles: &[&str], open: &[&str]) -> String {
        let facts = facts(CONTROL, CHANGELOG, None).expect("fine");
        let profiles = profiles.iter().map(|profile| (*profile).to_owned()).collect();
        let (made_for, on) = (made_for.parse().expect("an arch"), "amd64".parse().expect("an arch"));
        let version = "2:1.0-1+0opb1~deb12";
        controls(&Unbuilt { facts: &facts, version, made_for: &made_for, on: &on, profiles: &profiles }, open)
            .join("\n")
    }

    #[test]
    fn what_is_known_is_kept_and_what_is_open_stands_for_the_root() {
        insta::assert_snapshot!(shown("amd64", &["stage1"], &["libmd0", "libc6"]), @r"
        Package: a-dev
        Version: 2:1.0-1+0opb1~deb12
        Architecture: amd64
        Multi-Arch: allowed
        Depends: liba1 (= 2:1.0-1+0opb1~deb12), libmd0, libc6
        Provides: a-virtual (= 1.0)

        Package: liba1
        Version: 2:1.0-1+0opb1~deb12
        Architecture: amd64
        Multi-Arch: allowed
        Depends: libmd0, libc6
        ");
        let without = shown("amd64", &[], &[]);
        assert!(without.contains("Depends: liba1 (= 2:1.0-1+0opb1~deb12), y\n"), "{without}");
        assert_eq!(without.matches("Depends: ").count(), 1, "{without}");
        assert!(without.contains("Package: a-more\n"), "{without}");
        insta::assert_snapshot!(shown("all", &[], &[]), @r"
        Package: a-data
        Version: 2:1.0-1+0opb1~deb12
        Architecture: all
        Multi-Arch: allowed
        ");
    }

    #[test]
    fn development_is_left_to_roots() {
        let names = ["libmd-dev", "libmd0", "libmd0-dbgsym", "python3", "x-doc"];
        assert_eq!(at_run_time(names.into_iter()), ["libmd0", "python3"]);
    }
}
