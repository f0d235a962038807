//! Packages written as `primary.xml` has them, as far as choosing needs it: packages of this project that are in no repository
//! yet, and one that stands for a question.

use super::xml::escape_into;
use crate::digest::Sha256;
use crate::package::rpm::{Kind, Package};
use crate::package::spec::dependency::{Dependency, Sign};

/// The kinds of dependencies that a choice follows from.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Provides, "provides"),
    (Kind::Requires, "requires"),
    (Kind::Conflicts, "conflicts"),
    (Kind::Obsoletes, "obsoletes"),
    (Kind::Recommends, "recommends"),
    (Kind::Supplements, "supplements"),
];

/// A `primary.xml` of these packages.
pub fn of(packages: &[String]) -> String {
    let head = "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
                xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">";
    format!("{head}{}</metadata>\n", packages.concat())
}

/// A package that requires all of `needs`, and conflicts with all of `conflicts`.
pub fn question(name: &str, arch: &str, needs: &[Dependency], conflicts: &[Dependency]) -> String {
    let mut text = head(name, arch, ("0", "1", "1"), Sha256::of(name.as_bytes()), 0);
    for (kind, all) in [("requires", needs), ("conflicts", conflicts)] {
        let entries = all.iter().map(|one| match one {
            Dependency::Plain { name, limit: None } | Dependency::Joined { text: name, .. } => entry(name, None),
            Dependency::Plain { name, limit: Some((sign, evr)) } => {
                let epoch = evr.epoch.unwrap_or(0).to_string();
                entry(name, Some((*sign, Some(epoch.as_str()), &evr.version, evr.release.as_deref())))
            }
        });
        list(&mut text, kind, entries);
    }
    text + "</format></package>"
}

/// A package that was built here, as its header has it, with all its files.
pub fn package(package: &Package, sha256: Sha256, size: u64) -> String {
    let epoch = package.epoch().to_string();
    let evr = (epoch.as_str(), package.version(), package.release());
    let mut text = head(package.name(), package.arch(), evr, sha256, size);
    for (kind, name) in KINDS {
        let entries = package.dependencies(kind).filter_map(|one| {
            let name = String::from_utf8_lossy(one.name);
            // What rpm itself must be able to do is no package's.
            if name.starts_with("rpmlib(") {
                return None;
            }
            let (epoch, version, release) = one.parts();
            let text = |bytes| String::from_utf8_lossy(bytes);
            let (epoch, version, release) = (epoch.map(text), text(version), release.map(text));
            let limit =
                one.sign().map(|sign| (sign, Some(epoch.as_deref().unwrap_or("0")), &*version, release.as_deref()));
            Some(entry(&name, limit))
        });
        list(&mut text, name, entries);
    }
    for file in package.files() {
        text.push_str("<file>");
        escape_into(&mut text, &String::from_utf8_lossy(file.folder));
        escape_into(&mut text, &String::from_utf8_lossy(file.name));
        text.push_str("</file>");
    }
    text + "</format></package>"
}

fn head(name: &str, arch: &str, (epoch, version, release): (&str, &str, &str), sha256: Sha256, size: u64) -> String {
    let mut text = "<package type=\"rpm\"><name>".to_owned();
    escape_into(&mut text, name);
    text.push_str("</name><arch>");
    escape_into(&mut text, arch);
    text.push_str("</arch><version");
    for (key, value) in [("epoch", epoch), ("ver", version), ("rel", release)] {
        attribute(&mut text, key, value);
    }
    text.push_str(&format!(
        "></version><checksum type=\"sha256\" pkgid=\"YES\">{sha256}</checksum><size package=\"{size}\"></size>\
         <location href=\"{sha256}.rpm\"></location><format>"
    ));
    text
}

fn attribute(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!(" {key}=\""));
    escape_into(text, value);
    text.push('"');
}

/// A sign with epoch, version and release.
type Limit<'a> = (Sign, Option<&'a str>, &'a str, Option<&'a str>);

fn entry(name: &str, limit: Option<Limit<'_>>) -> String {
    let mut text = "<rpm:entry".to_owned();
    attribute(&mut text, "name", name);
    if let Some((sign, epoch, version, release)) = limit {
        attribute(&mut text, "flags", sign.in_metadata());
        for (key, value) in [("epoch", epoch), ("ver", Some(version)), ("rel", release)] {
            if let Some(value) = value {
                attribute(&mut text, key, value);
            }
        }
    }
    text + "></rpm:entry>"
}

fn list(text: &mut String, kind: &str, entries: impl Iterator<Item = String>) {
    let entries: String = entries.collect();
    if !entries.is_empty() {
        text.push_str(&format!("<rpm:{kind}>{entries}</rpm:{kind}>"));
    }
}
