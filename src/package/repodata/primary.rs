//! `primary.xml`: each package with what it provides and needs. Made slim, and read again.
//!
//! The slim form is XML of the same kind, without line breaks and without what choosing and fetching does not need
//! (descriptions, sizes of what is unpacked, times, the source's name), so that a package manager reads it as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::xml::{Piece, escape_into, read as read_xml};
use super::{MAX_PACKAGES, RepodataError, place, wrong};
use crate::digest::Sha256;

/// The elements that are kept, each with its attributes.
const KEPT: [(&str, &[&str]); 17] = [
    ("metadata", &[]),
    ("package", &["type"]),
    ("name", &[]),
    ("arch", &[]),
    ("version", &["epoch", "ver", "rel"]),
    ("checksum", &["type", "pkgid"]),
    ("size", &["package"]),
    ("location", &["href"]),
    ("format", &[]),
    ("provides", &[]),
    ("requires", &[]),
    ("conflicts", &[]),
    ("obsoletes", &[]),
    ("recommends", &[]),
    ("supplements", &[]),
    ("entry", &["name", "flags", "epoch", "ver", "rel", "pre"]),
    ("file", &[]),
];

/// Elements of the namespace of rpm.
const OF_RPM: [&str; 7] = ["provides", "requires", "conflicts", "obsoletes", "recommends", "supplements", "entry"];

/// Elements whose text counts.
const WITH_TEXT: [&str; 4] = ["name", "arch", "checksum", "file"];

/// The beginning of every slim form.
const HEAD: &str =
    "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">";

/// A package of a slim index, as far as fetching it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Its place below the repository.
    pub path: String,
}

/// The files that packages of `text` need by their path.
///
/// # Errors
/// Where `text` is no XML.
pub fn needed_files(text: &str) -> Result<BTreeSet<String>, RepodataError> {
    let (mut files, mut in_requires) = (BTreeSet::new(), false);
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) if element.name == "requires" => in_requires = true,
            Piece::Close("requires") => in_requires = false,
            Piece::Open(element) if in_requires && element.name == "entry" => {
                let name = element.attribute("name")?.unwrap_or_default();
                // One path, or some among the words of `(… or …)`.
                files.extend(name.split([' ', '(', ')']).filter(|word| word.starts_with('/')).map(str::to_owned));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(files)
}

/// The slim form of a `primary.xml`, with `more` files of some packages, by their digest as the repository writes it.
///
/// # Errors
/// [`RepodataError`]: no XML, a package without digest or place, more than [`MAX_PACKAGES`].
pub fn slim(text: &str, more: &BTreeMap<String, Vec<String>>) -> Result<String, RepodataError> {
    let mut slim = String::with_capacity(text.len() / 2);
    let mut way: Vec<String> = Vec::new();
    // The depth below which nothing is kept.
    let mut dropped: Option<usize> = None;
    let (mut value, mut is_sha256, mut package) = (String::new(), false, Package::default());
    let mut count = 0_usize;
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) => {
                way.push(element.name.to_owned());
                value.clear();
                let Some((name, kept)) = kept(element.name, way.len()).filter(|_| dropped.is_none()) else {
                    dropped.get_or_insert(way.len());
                    return Ok(());
                };
                if name == "metadata" {
                    slim.push_str(HEAD);
                    return Ok(());
                }
                slim.push_str(if OF_RPM.contains(&name) { "<rpm:" } else { "<" });
                slim.push_str(name);
                for attribute in kept {
                    if let Some(text) = element.attribute(attribute)? {
                        slim.push_str(&format!(" {attribute}=\""));
                        escape_into(&mut slim, &text);
                        slim.push('"');
                    }
                }
                slim.push('>');
                match name {
                    "package" => {
                        count += 1;
                        package = Package::default();
                        if count > MAX_PACKAGES {
                            return Err(RepodataError::Many);
                        }
                    }
                    "checksum" => is_sha256 = element.attribute("type")?.as_deref() == Some("sha256"),
                    "location" => {
                        place("package's place", &element.attribute("href")?.unwrap_or_default())?;
                        package.is_placed = true;
                    }
                    _ => {}
                }
            }
            Piece::Text(text) if dropped.is_none() => value.push_str(text),
            Piece::Text(_) => {}
            Piece::Close(closed) => {
                let depth = way.len();
                way.pop();
                if dropped.is_some_and(|at| depth >= at) {
                    if dropped == Some(depth) {
                        dropped = None;
                    }
                    value.clear();
                    return Ok(());
                }
                let Some((name, _)) = kept(closed, depth) else { return Ok(()) };
                if WITH_TEXT.contains(&name) {
                    escape_into(&mut slim, value.trim());
                }
                match name {
                    "checksum" if is_sha256 => value.trim().clone_into(&mut package.digest),
                    "checksum" => return Err(wrong("package's digest", value.trim(), "is no SHA-256")),
                    "name" => value.trim().clone_into(&mut package.name),
                    "file" => package.files.push(value.trim().to_owned()),
                    "format" => {
                        let files = more.get(&package.digest).into_iter().flatten();
                        for file in files.filter(|file| !package.files.contains(file)) {
                            slim.push_str("<file>");
                            escape_into(&mut slim, file);
                            slim.push_str("</file>");
                        }
                    }
                    "package" => package.check()?,
                    _ => {}
                }
                slim.push_str(if OF_RPM.contains(&name) { "</rpm:" } else { "</" });
                slim.push_str(name);
                slim.push('>');
                value.clear();
            }
        }
        Ok(())
    })?;
    if !slim.starts_with(HEAD) {
        return Err(RepodataError::Missing { what: "element `metadata`".to_owned() });
    }
    slim.push('\n');
    Ok(slim)
}

/// What of a package has been seen so far.
#[derive(Default)]
struct Package {
    name: String,
    digest: String,
    is_placed: bool,
    files: Vec<String>,
}

impl Package {
    fn check(&self) -> Result<(), RepodataError> {
        let what = if self.digest.is_empty() { "digest" } else { "place" };
        if self.digest.is_empty() || !self.is_placed {
            return Err(RepodataError::Missing {
                what: format!("{what} of the package `{}`", self.name.escape_debug()),
            });
        }
        Ok(())
    }
}

/// What is kept of an element at that depth; `None`: nothing.
fn kept(name: &str, depth: usize) -> Option<(&'static str, &'static [&'static str])> {
    let level = match name {
        "metadata" => 1,
        "package" => 2,
        "name" | "arch" | "version" | "checksum" | "size" | "location" | "format" => 3,
        "entry" => 5,
        _ => 4,
    };
    KEPT.iter().find(|(known, _)| *known == name && level == depth).map(|(name, attributes)| (*name, *attributes))
}

/// The packages of a slim form, as far as fetching them needs.
///
/// # Errors
/// Where it is no slim form.
pub fn files(slim: &str) -> Result<Vec<PackageFile>, RepodataError> {
    let mut files = Vec::new();
    let (mut depth, mut value) = (0_usize, String::new());
    let (mut name, mut digest, mut size, mut path) = (String::new(), String::new(), 0_u64, String::new());
    read_xml(slim, &mut |piece| {
        match piece {
            Piece::Open(element) => {
                depth += 1;
                value.clear();
                match (depth, element.name) {
                    (3, "size") => {
                        let text = element.attribute("package")?.unwrap_or_default();
                        size = text.parse().map_err(|_| wrong("package's size", &text, "is no number"))?;
                    }
                    (3, "location") => path = element.attribute("href")?.unwrap_or_default().into_owned(),
                    _ => {}
                }
            }
            Piece::Text(text) => value.push_str(text),
            Piece::Close(closed) => {
                match (depth, closed) {
                    (3, "name") => name = std::mem::take(&mut value),
                    (3, "checksum") => digest = std::mem::take(&mut value),
                    (2, "package") => {
                        let sha256 = digest.parse();
                        let sha256 = sha256.map_err(|_| wrong("package's digest", &digest, "is no SHA-256"))?;
                        let (name, path) = (std::mem::take(&mut name), std::mem::take(&mut path));
                        files.push(PackageFile { name, sha256, size, path });
                    }
                    _ => {}
                }
                depth -= 1;
                value.clear();
            }
        }
        Ok(())
    })?;
    Ok(files)
}
