//! What packages a repository's tree holds, and how two differ, told from the names of files.
//!
//! A file's name never gets other bytes once it is published, so two states differ in packages exactly where they differ in
//! names. An epoch is in no file's name, so it is not shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::digest::Digest;
use crate::path::TreePath;
use crate::tree::Tree;

/// A package of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its arch in its family's spelling, `all` or `noarch`, or `source`.
    pub arch: String,
    /// Its version without epoch.
    pub version: String,
    /// Its length in bytes, unsigned.
    pub size: u64,
    /// Whether it was built elsewhere.
    pub imported: bool,
}

/// What became of a package from one state of a repository to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// It was not there before.
    Added {
        /// What is there now.
        version: String,
    },
    /// It is not there any more.
    Removed {
        /// What was there.
        version: String,
    },
    /// It has another version.
    Changed {
        /// What was there.
        from: String,
        /// What is there now.
        to: String,
    },
}

/// A package that differs between two states of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// Its arch, as in [`Row::arch`].
    pub arch: String,
    /// How it differs.
    #[serde(flatten)]
    pub change: Change,
    /// Whether what is there now was built elsewhere; where it is gone, what was there.
    pub imported: bool,
}

/// The packages in the tree of a repository: sorted, each once. `.dsc` and `.src.rpm` stand for source packages. `imported` are
/// those that were built elsewhere, as they lie in `tree`.
pub fn rows(tree: &Tree, imported: &BTreeSet<Digest>) -> Vec<Row> {
    let read = |(path, digest, size): (&TreePath, Digest, u64)| {
        let file = String::from_utf8_lossy(path.file_name()).into_owned();
        let (name, version, arch) = of_deb(&file).or_else(|| of_rpm(&file))?;
        Some(Row { name, version, arch, size, imported: imported.contains(&digest) })
    };
    let rows: BTreeSet<Row> = tree.files().filter_map(read).collect();
    rows.into_iter().collect()
}

fn of_deb(file: &str) -> Option<(String, String, String)> {
    if let Some((name, version)) = file.strip_suffix(".dsc").and_then(|stem| stem.split_once('_')) {
        return Some((name.to_owned(), version.to_owned(), "source".to_owned()));
    }
    let stem = file.strip_suffix(".deb").or_else(|| file.strip_suffix(".udeb"))?;
    let (rest, arch) = stem.rsplit_once('_')?;
    let (name, version) = rest.split_once('_')?;
    Some((name.to_owned(), version.to_owned(), arch.to_owned()))
}

fn of_rpm(file: &str) -> Option<(String, String, String)> {
    let (rest, arch) = file.strip_suffix(".rpm")?.rsplit_once('.')?;
    let at = rest.rmatch_indices('-').nth(1)?.0;
    let arch = if matches!(arch, "src" | "nosrc") { "source" } else { arch };
    Some((rest[..at].to_owned(), rest[at + 1..].to_owned(), arch.to_owned()))
}

/// How `after` differs from `before`, sorted by name and arch.
pub fn changes(before: &[Row], after: &[Row]) -> Vec<Changed> {
    let (old, new) = (by_package(before), by_package(after));
    let all: BTreeSet<(&str, &str)> = old.keys().chain(new.keys()).copied().collect();
    let changed = all.into_iter().filter_map(|package @ (name, arch)| {
        let change = match (old.get(&package), new.get(&package)) {
            (None, Some(version)) => Change::Added { version: version.join(", ") },
            (Some(version), None) => Change::Removed { version: version.join(", ") },
            (Some(from), Some(to)) if from != to => Change::Changed { from: from.join(", "), to: to.join(", ") },
            _ => return None,
        };
        let rows = if matches!(change, Change::Removed { .. }) { before } else { after };
        let imported = rows.iter().any(|row| row.imported && row.name == name && row.arch == arch);
        Some(Changed { name: name.to_owned(), arch: arch.to_owned(), change, imported })
    });
    changed.collect()
}

fn by_package(rows: &[Row]) -> BTreeMap<(&str, &str), Vec<&str>> {
    let mut packages: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in rows {
        packages.entry((&row.name, &row.arch)).or_default().push(&row.version);
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Entry;

    fn part(files: &[&str]) -> Vec<Row> {
        let mut tree = Tree::default();
        for file in files {
            let entry = Entry::File { digest: Digest::of(file.as_bytes()), size: 7, executable: false };
            tree.insert_with_folders(TreePath::new(file.as_bytes()).expect("plain"), entry).expect("fits");
        }
        rows(&tree, &BTreeSet::from([Digest::of(b"vendor_1_all.deb"), Digest::of(b"vendor_2_all.deb")]))
    }

    #[test]
    fn packages_are_told_from_names_of_files() {
        let rows = part(&[
            "pool/main/libm/libmd/libmd0_1.0.4-2~deb12+opb1_amd64.deb",
            "pool/main/libm/libmd/libmd_1.0.4-2.dsc",
            "pool/main/libm/libmd/libmd_1.0.4.orig.tar.xz",
            "pool/main/x/x/x-udeb_1_all.udeb",
            "x86_64/p/perl-Foo-1.0~rc1-2.el9.noarch.rpm",
            "aarch64/p/perl-Foo-1.0~rc1-2.el9.noarch.rpm",
            "SRPMS/p/perl-Foo-1.0~rc1-2.el9.src.rpm",
            "odd.rpm",
            "odd-1.noarch.rpm",
            "odd.deb",
        ]);
        let told = rows.iter().map(|row| format!("{} {} {}", row.name, row.arch, row.version)).collect::<Vec<_>>();
        insta::assert_snapshot!(told.join("\n"), @r"
        libmd source 1.0.4-2
        libmd0 amd64 1.0.4-2~deb12+opb1
        perl-Foo noarch 1.0~rc1-2.el9
        perl-Foo source 1.0~rc1-2.el9
        x-udeb all 1
        ");
    }

    #[test]
    fn two_states_differ_in_packages() {
        let before = part(&["a_1_amd64.deb", "b_1_all.deb", "c_1_all.deb"]);
        let after = part(&["a_2_amd64.deb", "a_1_arm64.deb", "c_1_all.deb"]);
        let told = changes(&before, &after);
        let of = |name: &str, arch: &str, change| Changed {
            name: name.to_owned(),
            arch: arch.to_owned(),
            change,
            imported: false,
        };
        let text = str::to_owned;
        assert_eq!(
            told,
            [
                of("a", "amd64", Change::Changed { from: text("1"), to: text("2") }),
                of("a", "arm64", Change::Added { version: text("1") }),
                of("b", "all", Change::Removed { version: text("1") }),
            ]
        );
        assert_eq!(changes(&before, &before), []);
    }

    #[test]
    fn what_was_built_elsewhere_stays_told() {
        let (none, one, two) = (part(&[]), part(&["vendor_1_all.deb"]), part(&["vendor_2_all.deb", "own_1_all.deb"]));
        let told = |before: &[Row], after: &[Row]| -> Vec<(String, bool)> {
            changes(before, after).into_iter().map(|changed| (changed.name, changed.imported)).collect()
        };
        let vendor = ("vendor".to_owned(), true);
        assert_eq!(told(&none, &one), std::slice::from_ref(&vendor));
        assert_eq!(told(&one, &none), std::slice::from_ref(&vendor));
        assert_eq!(told(&one, &two), [("own".to_owned(), false), vendor]);
    }
}
