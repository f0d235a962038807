//! Two package lists.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::package::list::PackageList;

/// What differs between package lists, the same for all of `nodes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ListDiff {
    /// The nodes whose lists differ so.
    pub nodes: Vec<String>,
    /// Packages that came.
    pub added: Vec<Versioned>,
    /// Packages that went.
    pub removed: Vec<Versioned>,
    /// Packages of which the lists have another version, or another file of the same.
    pub moved: Vec<Moved>,
}

/// A package of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Versioned {
    /// Its name, with its arch where that is not the list's only one of that name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package that is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// Its version before.
    pub from: String,
    /// Its version now; equal to the one before where only its bytes differ.
    pub to: String,
}

/// What differs between two lists; `nodes` is left empty.
pub fn list_diff(before: &PackageList, now: &PackageList) -> ListDiff {
    let of = |list: &PackageList| -> BTreeMap<(String, String), (String, String)> {
        let entry = |listed: &crate::package::list::Listed| {
            let key = (listed.name.to_string(), listed.arch.to_string());
            (key, (listed.version.to_string(), listed.sha256.to_string()))
        };
        list.iter().map(entry).collect()
    };
    let (mut old, new) = (of(before), of(now));
    let mut diff = ListDiff { nodes: Vec::new(), added: Vec::new(), removed: Vec::new(), moved: Vec::new() };
    for ((name, arch), (version, sha256)) in new {
        match old.remove(&(name.clone(), arch)) {
            None => diff.added.push(Versioned { name, version }),
            Some((from, bytes)) if from != version || bytes != sha256 => {
                diff.moved.push(Moved { name, from, to: version });
            }
            Some(_) => {}
        }
    }
    diff.removed = old.into_iter().map(|((name, _), (version, _))| Versioned { name, version }).collect();
    diff
}

impl ListDiff {
    /// `libc6 2.36-9 → 2.36-10; added locales 2.36-10`.
    pub(super) fn describe(&self) -> String {
        let moved = self.moved.iter().map(|moved| {
            if moved.from == moved.to {
                format!("{} {} with other content", moved.name, moved.to)
            } else {
                format!("{} {} → {}", moved.name, moved.from, moved.to)
            }
        });
        let added = self.added.iter().map(|package| format!("added {} {}", package.name, package.version));
        let removed = self.removed.iter().map(|package| format!("removed {} {}", package.name, package.version));
        moved.chain(added).chain(removed).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[(&str, &str, u8)]) -> PackageList {
        let line = |(name, version, byte): &(&str, &str, u8)| {
            format!("{name} {version} amd64 {} 10 distribution base\n", format!("{byte:02x}").repeat(32))
        };
        let text = format!("opb package list 1\n{}", lines.iter().map(line).collect::<String>());
        PackageList::decode(&text).expect("a list")
    }

    #[test]
    fn packages_come_go_and_move() {
        let before = list(&[("gone", "1", 1), ("libc6", "2.36-9", 2), ("rebuilt", "1", 3), ("same", "1", 4)]);
        let now = list(&[("came", "3", 1), ("libc6", "2.36-10", 2), ("rebuilt", "1", 9), ("same", "1", 4)]);
        assert_eq!(
            list_diff(&before, &now).describe(),
            "libc6 2.36-9 → 2.36-10; rebuilt 1 with other content; added came 3; removed gone 1"
        );
        assert_eq!(list_diff(&now, &now).describe(), "");
    }
}
