//! What of a package's requirements goes into the metadata: the choice of `createrepo_c`.
//!
//! Left out are those on features of rpm itself, on what the package provides in the same version, on its own files that
//! stand in the primary metadata, and repetitions. Of all on `libc.so.6`, the one on its highest version stays, last.

use std::collections::{BTreeMap, BTreeSet};

use super::package::is_primary;
use crate::package::rpm::{Dependency, Kind, Package};
use crate::package::rpm_version;
use crate::package::spec::dependency::Sign;

/// What is asked for: a name, how its version is compared, and with which one.
type Wish<'a> = (&'a [u8], Option<&'static str>, &'a [u8]);

fn wish<'a>(dependency: &Dependency<'a>) -> Wish<'a> {
    (dependency.name, dependency.sign().map(Sign::as_str), dependency.evr)
}

/// The requirements that stay, each with whether scripts need it before anything else.
pub(super) fn requires(package: &Package) -> Vec<(Dependency<'_>, bool)> {
    let provided: BTreeSet<_> = package.dependencies(Kind::Provides).map(|dependency| wish(&dependency)).collect();
    let mut own_files: Option<BTreeSet<Vec<u8>>> = None;
    // The latest by name: a repetition counts as one of that only.
    let mut latest: BTreeMap<&[u8], (Wish<'_>, bool)> = BTreeMap::new();
    let mut highest: Option<(Dependency<'_>, bool)> = None;
    let mut kept = Vec::new();
    for dependency in package.dependencies(Kind::Requires) {
        let name = dependency.name;
        let is_own = |own: &mut Option<BTreeSet<Vec<u8>>>| {
            let files = || package.files().map(|file| [file.folder, file.name].concat()).collect();
            own.get_or_insert_with(files).contains(name)
        };
        if name.starts_with(b"rpmlib(")
            || (name.starts_with(b"/") && is_primary(name) && is_own(&mut own_files))
            || provided.contains(&wish(&dependency))
        {
            continue;
        }
        let before = dependency.is_before_scripts();
        if name.starts_with(b"libc.so.6") {
            if highest.is_none_or(|(high, _)| is_higher(name, high.name)) {
                highest = Some((dependency, before));
            }
            continue;
        }
        let same = (wish(&dependency), before);
        if latest.insert(name, same) != Some(same) {
            kept.push((dependency, before));
        }
    }
    kept.extend(highest);
    kept
}

/// Whether `libc.so.6(GLIBC_2.34)(64bit)` is of a higher version than `other`: what stands in the first brackets counts
/// from its first digit on. One without brackets, or with nothing in them, is the lowest.
fn is_higher(name: &[u8], other: &[u8]) -> bool {
    match (inside(name), inside(other)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(one), Some(other)) => match (version(one), version(other)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(one), Some(other)) => rpm_version::compare(&one, &other).is_gt(),
        },
    }
}

fn inside(name: &[u8]) -> Option<&[u8]> {
    let start = name.iter().position(|byte| *byte == b'(')? + 1;
    let length = name[start..].iter().position(|byte| *byte == b')')?;
    Some(&name[start..start + length]).filter(|inside| !inside.is_empty())
}

fn version(inside: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let start = inside.iter().position(u8::is_ascii_digit)?;
    Some(String::from_utf8_lossy(&inside[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_libc() {
        let order = [
            "libc.so.6",
            "libc.so.6(GLIBC_PRIVATE)",
            "libc.so.6(GLIBC_2.3.4)",
            "libc.so.6(GLIBC_2.4)(64bit)",
            "libc.so.6(GLIBC_2.34)(64bit)",
        ];
        for (at, one) in order.iter().enumerate() {
            for (below, other) in order.iter().enumerate() {
                assert_eq!(is_higher(one.as_bytes(), other.as_bytes()), at > below, "{one} and {other}");
            }
        }
        assert!(!is_higher(b"libc.so.6()(64bit)", b"libc.so.6"), "nothing in the brackets");
        assert!(!is_higher(b"libc.so.6(GLIBC_9", b"libc.so.6()"), "no end");
    }
}
