//! `Sources` indexes of archives: where a source package's files are.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{self, ControlError, Paragraph};
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

/// The newest version of each source package of `names` that the text of a `Sources` index has, in one pass for all of them.
///
/// Old versions that are only kept for their licence's sake (`Extra-Source-Only`) do not count.
///
/// # Errors
/// [`IndexError`] where the index cannot be read; for one of the packages, where its entry lacks something or names files outside
/// the archive.
pub fn newest<'n>(
    text: &str,
    names: &BTreeSet<&'n PackageName>,
) -> Result<BTreeMap<&'n PackageName, Result<SourceEntry, IndexError>>, IndexError> {
    let mut newest: BTreeMap<&PackageName, Result<(Version, Paragraph<'_>), IndexError>> = BTreeMap::new();
    let wanted: BTreeMap<&str, &PackageName> = names.iter().map(|name| (name.as_str(), *name)).collect();
    for paragraph in control::paragraphs(text) {
        let paragraph = paragraph?;
        let Some(name) = paragraph.get("Package").and_then(|name| wanted.get(name)) else { continue };
        if paragraph.get("Extra-Source-Only") == Some("yes") {
            continue;
        }
        let version = version_of(&paragraph);
        let is_newer = match (newest.get(name), &version) {
            (None, _) | (Some(Ok(_)), Err(_)) => true,
            (Some(Ok((known, _))), Ok(version)) => known < version,
            (Some(Err(_)), _) => false,
        };
        if is_newer {
            newest.insert(name, version.map(|version| (version, paragraph)));
        }
    }
    Ok(newest.into_iter().map(|(name, found)| (name, found.and_then(|found| entry(name, found)))).collect())
}

fn version_of(paragraph: &Paragraph<'_>) -> Result<Version, IndexError> {
    let version = paragraph.required("Version")?;
    Version::new(version).map_err(|source| IndexError::Version { line: paragraph.line, source })
}

fn entry(name: &PackageName, (version, paragraph): (Version, Paragraph<'_>)) -> Result<SourceEntry, IndexError> {
    let directory = paragraph.required("Directory")?;
    if !is_plain_place(directory) {
        return Err(IndexError::Place { line: paragraph.line, place: directory.chars().take(200).collect() });
    }
    let files = dsc::files_of(&paragraph).map_err(|source| IndexError::Files { line: paragraph.line, source })?;
    Ok(SourceEntry { package: name.to_string(), version, directory: directory.to_owned(), files })
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

    /// The newest of `name`, looked for beside one that is not there.
    fn found(text: &str, name: &str) -> Option<Result<SourceEntry, IndexError>> {
        let (name, other) = (PackageName::new(name).expect("a name"), PackageName::new("other").expect("a name"));
        let mut all = newest(text, &BTreeSet::from([&name, &other])).expect("it can be read");
        all.remove(&name)
    }

    #[test]
    fn the_newest_is_found() {
        let text = [
            entry("libmd", "1.0.9", ""),
            entry("libmd", "1.0.10", ""),
            entry("libmd", "1.1", "Extra-Source-Only: yes\n"),
            entry("xx", "9", ""),
        ]
        .concat();
        let newest = found(&text, "libmd").expect("there").expect("good");
        assert_eq!((newest.version.as_str(), newest.directory.as_str()), ("1.0.10", "pool/main/libmd"));
        assert_eq!(newest.dsc(), Ok("libmd_1.0.10.dsc"));
        assert_eq!(found(&text, "yy"), None);
    }

    #[test]
    fn bad_entries_are_refused() {
        let text = entry("xx", "1", "");
        let error = |text: String| found(&text, "xx").expect("there").expect_err("bad").to_string();
        assert_eq!(
            error(text.replace("pool/", "../")),
            "cannot read the entry at line 1 of an index: `../main/xx` is no place below an archive's root"
        );
        assert_eq!(error(text.replace("xx_1.dsc", "../x")), "cannot read the files of the entry at line 1 of an index");
        assert_eq!(
            error(text.replace("Version: 1", "Version: _")),
            "cannot read the version of the entry at line 1 of an index"
        );
        let no_dsc = found(&text.replace("xx_1.dsc", "xx_1.asc"), "xx").expect("there").expect("good");
        assert!(no_dsc.dsc().is_err());
    }
}
