//! `Sources` indexes of archives: where a source package's files are.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{self, ControlError};
use super::dsc::{self, SourceFile};
use super::index::{IndexError, is_plain_place};
use super::version::Version;
use crate::name::PackageName;

/// A source package, as an archive's index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: Version,
    /// Folder below the archive's root, such as `pool/main/libm/libmd`.
    pub directory: String,
    /// Its files by name, the `.dsc` among them.
    pub files: BTreeMap<String, SourceFile>,
}

/// The newest version of the source package `name` in the text of a `Sources` index; `None` where it is not there.
///
/// Old versions that are only kept for their licence's sake (`Extra-Source-Only`) do not count.
///
/// # Errors
/// [`IndexError`] where the index cannot be read, or the entry lacks something or names files outside the archive.
pub fn newest(text: &str, name: &str) -> Result<Option<SourceEntry>, IndexError> {
    let mut newest: Option<(Version, control::Paragraph<'_>)> = None;
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph?;
        if paragraph.get("Package") != Some(name) || paragraph.get("Extra-Source-Only") == Some("yes") {
            continue;
        }
        let version = Version::new(paragraph.required("Version")?)
            .map_err(|source| IndexError::Version { line: paragraph.line, source })?;
        if newest.as_ref().is_none_or(|(known, _)| *known < version) {
            newest = Some((version, paragraph));
        }
    }
    let Some((version, paragraph)) = newest else { return Ok(None) };
    let directory = paragraph.required("Directory")?;
    if !is_plain_place(directory) {
        return Err(IndexError::Place { line: paragraph.line, place: directory.chars().take(200).collect() });
    }
    let files = dsc::files_of(&paragraph).map_err(|source| IndexError::Files { line: paragraph.line, source })?;
    Ok(Some(SourceEntry { package: name.to_owned(), version, directory: directory.to_owned(), files }))
}

/// The names of all source packages in an index, less those that are only kept for their licence's sake.
///
/// # Errors
/// [`IndexError`] where the index cannot be read. What has a name that is none is left out.
pub fn names(text: &str) -> Result<BTreeSet<PackageName>, IndexError> {
    let mut names = BTreeSet::new();
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph?;
        if paragraph.get("Extra-Source-Only") != Some("yes") {
            names.extend(paragraph.get("Package").and_then(|name| PackageName::new(name).ok()));
        }
    }
    Ok(names)
}

impl SourceEntry {
    /// The name of its `.dsc`.
    ///
    /// # Errors
    /// [`ControlError::Missing`] where it lists none, or several.
    pub fn dsc(&self) -> Result<&str, ControlError> {
        let mut all = self.files.keys().filter(|name| name.ends_with(".dsc"));
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(ControlError::Missing { line: 1, field: "Checksums-Sha256" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    fn entry(name: &str, version: &str, more: &str) -> String {
        let digest = Sha256::of(b"");
        format!(
            "Package: {name}\nVersion: {version}\nDirectory: pool/main/{name}\n{more}Checksums-Sha256:\n {digest} 7 {name}_{version}.dsc\n {digest} 9 {name}_{version}.tar.xz\n\n"
        )
    }

    #[test]
    fn the_newest_is_found() {
        let text = [
            entry("libmd", "1.0.9", ""),
            entry("libmd", "1.0.10", ""),
            entry("libmd", "1.1", "Extra-Source-Only: yes\n"),
            entry("x", "9", ""),
        ]
        .concat();
        let found = newest(&text, "libmd").expect("good").expect("there");
        assert_eq!((found.version.as_str(), found.directory.as_str()), ("1.0.10", "pool/main/libmd"));
        assert_eq!(found.dsc(), Ok("libmd_1.0.10.dsc"));
        assert_eq!(newest(&text, "y"), Ok(None));
    }

    #[test]
    fn bad_entries_are_refused() {
        let text = entry("x", "1", "");
        let error = |text: String| newest(&text, "x").expect_err("bad").to_string();
        assert_eq!(
            error(text.replace("pool/", "../")),
            "cannot read the entry at line 1 of an index: `../main/x` is no place below an archive's root"
        );
        assert_eq!(error(text.replace("x_1.dsc", "../x")), "cannot read the files of the entry at line 1 of an index");
        assert_eq!(
            error(text.replace("Version: 1", "Version: _")),
            "cannot read the version of the entry at line 1 of an index"
        );
        let no_dsc = newest(&text.replace("x_1.dsc", "x_1.asc"), "x").expect("good").expect("there");
        assert!(no_dsc.dsc().is_err());
    }
}
