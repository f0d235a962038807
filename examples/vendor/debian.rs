//! The `debian/` folder of a source.

use super::shape::{Component, Families, Language, Making, Need, Package};
use super::sources::{File, summary};
use super::words::number;

/// Who the changelogs and control files say maintains all of it.
pub const MAINTAINER: &str = "Skerry packages <packages@skerry.example>";

/// 2026-01-01, in seconds since 1970: the first day of changelogs.
const FIRST_DAY: i64 = 1_767_225_600;

const RULES: &str = "#!/usr/bin/make -f
include /usr/share/dpkg/architecture.mk
export PREFIX = /usr
export LIBDIR = /usr/lib/$(DEB_HOST_MULTIARCH)
export PYTHONDIR = /usr/lib/python3/dist-packages

%:
\tdh $@
";

/// The files below `debian/`.
pub fn files(component: &Component, seed: u64) -> Vec<File> {
    let mut files = vec![
        ("debian/control".to_owned(), control(component)),
        ("debian/changelog".to_owned(), changelog(component, seed)),
        ("debian/rules".to_owned(), RULES.to_owned()),
        ("debian/source/format".to_owned(), "3.0 (quilt)\n".to_owned()),
        ("debian/copyright".to_owned(), "Public domain: a made-up package.\n".to_owned()),
    ];
    if component.packages.len() > 1 {
        files.extend(component.packages.iter().map(|package| {
            let lines = package.files.iter().map(|file| {
                let file = file.replace("LIB/", "usr/lib/*/").replace("PY/", "usr/lib/python3/dist-packages/");
                format!("{file}\n")
            });
            (format!("debian/{}.install", package.name), lines.collect())
        }));
    }
    files
}

fn control(component: &Component) -> String {
    let mut needs = vec!["debhelper-compat (= 13)".to_owned()];
    if component.language == Language::Python {
        needs.push("python3".to_owned());
    }
    needs.extend(wanted(&component.needs));
    let mut text = format!(
        "Source: {}\nSection: misc\nPriority: optional\nMaintainer: {MAINTAINER}\nBuild-Depends: {}\n\
         Standards-Version: 4.6.2\nRules-Requires-Root: no\n",
        component.name,
        needs.join(",\n ")
    );
    for package in &component.packages {
        text.push_str(&stanza(component, package));
    }
    text
}

fn stanza(component: &Component, package: &Package) -> String {
    let mut depends = vec!["${misc:Depends}".to_owned()];
    if !package.independent {
        depends.push("${shlibs:Depends}".to_owned());
    }
    if package.independent && (component.language == Language::Python || package.name.starts_with("python3-")) {
        depends.push("python3".to_owned());
    }
    depends.extend(package.same.iter().map(|name| {
        let other = component.packages.iter().find(|other| other.name == *name);
        // Between the two kinds only the source's version is the same everywhere.
        match other.map(|other| (package.independent, other.independent)) {
            Some((false, true)) => format!("{name} (= ${{source:Version}})"),
            Some((true, false)) => format!("{name} (>= ${{source:Version}})"),
            _ => format!("{name} (= ${{binary:Version}})"),
        }
    }));
    depends.extend(wanted(&package.needs));
    let section = if package.name.ends_with("-dev") { "Section: libdevel\n" } else { "" };
    format!(
        "\nPackage: {}\n{section}Architecture: {}\nDepends: {}\nDescription: {}\n It is small, and there so that something is built.\n",
        package.name,
        if package.independent { "all" } else { "any" },
        depends.join(",\n "),
        summary(component),
    )
}

/// Needs as Debian writes them.
fn wanted(needs: &[Need]) -> impl Iterator<Item = String> {
    needs.iter().filter(|need| need.families != Families::Rpm).map(|need| match &need.least {
        Some(least) => format!("{} (>= {least})", need.package),
        None => need.package.clone(),
    })
}

fn changelog(component: &Component, seed: u64) -> String {
    let Component { name, version, .. } = component;
    let day = i64::try_from(number(seed, name, "day", 300)).unwrap_or_default();
    let date = jiff::Timestamp::from_second(FIRST_DAY + day * 86_400).expect("a day of 2026");
    let date = date.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let kind = if component.making == Making::Base { "The base of the others." } else { "New number." };
    format!("{name} ({version}-1) unstable; urgency=medium\n\n  * {kind}\n\n -- {MAINTAINER}  {date}\n")
}
