//! One package as a stanza of `Packages` or `Sources` (deb822(5), and the Debian wiki's RepositoryFormat).
//!
//! Fields stay as the package has them, in their order; what only the archive knows is put where dpkg puts it. Nothing
//! that a package says can end its stanza or stand for one of the archive's own fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Blob, Fields, RepoError, SourcePackage, field};

/// Fields of an archive or of dpkg's database: a package that brings them along must not be believed.
const NOT_FROM_PACKAGES: [&str; 7] = ["filename", "size", "md5sum", "sha1", "sha256", "sha512", "status"];

/// In a stanza of `Sources` these are written anew: with the `.dsc` itself, and with SHA-256 only.
const NOT_FROM_DSC: [&str; 7] =
    ["source", "package", "directory", "files", "checksums-sha1", "checksums-sha256", "checksums-sha512"];

/// The fields that dpkg puts after those of the archive.
const AFTER_FILE: [&str; 7] = ["section", "priority", "multi-arch", "homepage", "description", "tag", "task"];

/// The stanza of a binary package: what stands before the archive's own fields, and behind them.
pub(super) fn binary(control: &Fields, from: &str) -> Result<(String, String), RepoError> {
    check(control, from)?;
    let (mut head, mut tail) = (String::new(), String::new());
    put(&mut head, "Package", required(control, "Package", from)?);
    let mut is_behind = false;
    for (key, value) in control {
        let lower = key.to_ascii_lowercase();
        if lower == "package" || NOT_FROM_PACKAGES.contains(&lower.as_str()) {
            continue;
        }
        is_behind |= AFTER_FILE.contains(&lower.as_str());
        put(if is_behind { &mut tail } else { &mut head }, key, value);
    }
    Ok((head, tail))
}

/// The stanza of a source package, with the empty line at its end.
///
/// MD5 is left out: apt takes the file list from `Checksums-Sha256`, and dpkg-source reads the `.dsc`.
pub(super) fn source(package: &SourcePackage, folder: &str) -> Result<String, RepoError> {
    let from = &package.dsc_file.name;
    check(&package.dsc, from)?;
    check_files(package)?;
    let mut text = String::new();
    put(&mut text, "Package", required(&package.dsc, "Source", from)?);
    for (key, value) in &package.dsc {
        if !NOT_FROM_DSC.contains(&key.to_ascii_lowercase().as_str()) {
            put(&mut text, key, value);
        }
    }
    put(&mut text, "Directory", folder);
    text.push_str("Checksums-Sha256:\n");
    let files: BTreeMap<&str, &Blob> =
        package.files.iter().chain([&package.dsc_file]).map(|file| (file.name.as_str(), file)).collect();
    for (name, file) in files {
        let _ = writeln!(text, " {} {} {name}", file.sha256, file.size);
    }
    text.push('\n');
    Ok(text)
}

/// The value of a field that has to be there and fill one line.
pub(super) fn required<'a>(fields: &'a Fields, name: &'static str, package: &str) -> Result<&'a str, RepoError> {
    match field(fields, name) {
        None | Some("") => Err(RepoError::Missing { package: package.to_owned(), field: name }),
        Some(value) => Ok(value),
    }
}

/// The archive's own fields.
pub(super) fn put_file(text: &mut Vec<u8>, folder: &str, file: &Blob) {
    let lines = format!("Filename: {folder}/{}\nSize: {}\nSHA256: {}\n", file.name, file.size, file.sha256);
    text.extend_from_slice(lines.as_bytes());
}

/// Writes a field that [`check`] let through.
fn put(text: &mut String, key: &str, value: &str) {
    let value = value.trim_end();
    // A value that starts on its second line keeps its line break, and no space before it.
    let space = if value.starts_with('\n') || value.is_empty() { "" } else { " " };
    let _ = writeln!(text, "{key}:{space}{value}");
}

fn check(fields: &Fields, package: &str) -> Result<(), RepoError> {
    let mut seen = BTreeSet::new();
    for (key, value) in fields {
        let key_fits = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
            && !key.is_empty()
            && !key.starts_with(['#', '-']);
        if !key_fits || !seen.insert(key.to_ascii_lowercase()) || !value_fits(value.trim_end()) {
            return Err(RepoError::Field { package: package.to_owned(), field: key.escape_debug().to_string() });
        }
    }
    Ok(())
}

/// Whether each further line starts with white space and has more than that, and nothing is a control character.
fn value_fits(value: &str) -> bool {
    let continues = |line: &str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
    value.split('\n').skip(1).all(continues)
        && value.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
}

/// Whether the `.dsc` lists exactly the files that are there, with their sizes and digests.
fn check_files(package: &SourcePackage) -> Result<(), RepoError> {
    let differ =
        |file: &str| Err(RepoError::Dsc { dsc: package.dsc_file.name.clone(), file: file.escape_debug().to_string() });
    let mut listed = BTreeMap::new();
    for line in field(&package.dsc, "Checksums-Sha256").unwrap_or_default().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            [digest, size, name] => {
                listed.insert(name, (digest, size));
            }
            _ => return differ(line),
        }
    }
    for file in &package.files {
        let (digest, size) = (file.sha256.to_string(), file.size.to_string());
        if listed.remove(file.name.as_str()) != Some((digest.as_str(), size.as_str())) {
            return differ(&file.name);
        }
    }
    match listed.keys().next() {
        Some(name) => differ(name),
        None => Ok(()),
    }
}
