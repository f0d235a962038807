//! What packages a repository's tree holds, and how two differ, told from the names of files.
//!
//! A file's name never gets other bytes once it is published, so two states differ in packages exactly where they differ in
//! names. An epoch is in no file's name, so it is not shown.

use std::collections::BTreeSet;

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
        let file = String::from_utf8_lossy(path.file_name());
        let (name, version, arch) = of_deb(&file).or_else(|| of_rpm(&file))?;
        Some(Row { name, version, arch, size, imported: imported.contains(&digest) })
    };
    let mut rows: Vec<Row> = tree.files().filter_map(read).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
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

/// How `after` differs from `before`, sorted by name and arch. Both are as [`rows`] tells them.
pub fn changes(before: &[Row], after: &[Row]) -> Vec<Changed> {
    let is_same = |one: &Row, other: &Row| package(one) == package(other);
    let (mut old, mut new) = (before.chunk_by(is_same).peekable(), after.chunk_by(is_same).peekable());
    let mut changed = Vec::new();
    while let Some(next) = old.peek().into_iter().chain(new.peek()).map(|rows| package(&rows[0])).min() {
        let is_next = |rows: &&[Row]| package(&rows[0]) == next;
        let (was, is) = (old.next_if(is_next).unwrap_or_default(), new.next_if(is_next).unwrap_or_default());
        let change = match (versions(was), versions(is)) {
            (None, Some(version)) => Change::Added { version },
            (Some(version), None) => Change::Removed { version },
            (Some(from), Some(to)) if from != to => Change::Changed { from, to },
            _ => continue,
        };
        let imported = if is.is_empty() { was } else { is }.iter().any(|row| row.imported);
        let (name, arch) = (next.0.to_owned(), next.1.to_owned());
        changed.push(Changed { name, arch, change, imported });
    }
    changed
}

fn package(row: &Row) -> (&str, &str) {
    (&row.name, &row.arch)
}

fn versions(rows: &[Row]) -> Option<String> {
    (!rows.is_empty()).then(|| rows.iter().map(|row| row.version.as_str()).collect::<Vec<_>>().join(", "))
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
