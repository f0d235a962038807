//! Packages that would be published in a lower version than a channel has: no machine would install them over those.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::BufReader;

use crate::diag::Failure;
use crate::digest::Digest;
use crate::package::rpm::Package;
use crate::package::rpm_version::Evr;
use crate::package::version::Version;
use crate::package::{deb, rpm_version};
use crate::publish::{Content, Part};
use crate::repo::{Change, Changed};
use crate::store::Store;
use crate::tree::Tree;

/// Those of `changes`, by which `now` differs from what is published, `last`, that go down. Numbers of rebuilds do not count,
/// as what is built again as it was has its former one; nor does what was built elsewhere.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn lower(store: &Store, last: &Part, now: &Part, changes: &[Changed]) -> Result<Vec<Changed>, Failure> {
    let is_deb = matches!(now.content, Content::Apt(_));
    let may_be = |changed: &&Changed| match &changed.change {
        Change::Changed { from, to } if !changed.imported && changed.arch != "source" => {
            !from.contains(", ") && !to.contains(", ")
        }
        _ => false,
    };
    let found: Vec<&Changed> = changes.iter().filter(may_be).collect();
    // What is published is here, and what is not here cannot be.
    if found.is_empty() || !store.hold(last.tree)? || !store.hold(now.tree)? {
        return Ok(Vec::new());
    }
    // Epochs are in no name of a file, so each that differs is looked into.
    let trees = (store.get_tree(last.tree)?, store.get_tree(now.tree)?);
    let files = (by_name(&trees.0), by_name(&trees.1));
    let mut lower = Vec::new();
    for changed in found {
        let Change::Changed { from, to } = &changed.change else { continue };
        let whole = |files: &Files<'_>, version: &str| whole(store, files, changed, version);
        let pair = (whole(&files.0, from)?, whole(&files.1, to)?);
        if let (Some(from), Some(to)) = pair
            && is_lower(is_deb, &from, &to)
        {
            lower.push(changed.clone());
        }
    }
    Ok(lower)
}

/// Whether a version goes down, without what counts rebuilds.
fn is_lower(is_deb: bool, from: &str, to: &str) -> bool {
    if is_deb {
        let read = |text: &str| Version::new(without_number(text)).ok();
        return matches!((read(from), read(to)), (Some(from), Some(to)) if to < from);
    }
    let (Ok(from), Ok(to)) = (Evr::new(from), Evr::new(to)) else { return false };
    let epochs = to.epoch.unwrap_or(0).cmp(&from.epoch.unwrap_or(0));
    let of_spec = |evr: &Evr| release_of_spec(evr.release.as_deref().unwrap_or_default()).to_owned();
    let releases = || rpm_version::compare(&of_spec(&to), &of_spec(&from));
    epochs.then_with(|| rpm_version::compare(&to.version, &from.version)).then_with(releases) == Ordering::Less
}

/// What a spec says of a release: what stands before our own number and the distro, `5` of `5.1.el9`.
fn release_of_spec(release: &str) -> &str {
    release.split('.').next().unwrap_or(release)
}

/// A Debian version up to our own part of it.
fn without_number(version: &str) -> &str {
    let end = ["+opb", "+0opb"].into_iter().filter_map(|part| version.find(part)).min();
    &version[..end.unwrap_or(version.len())]
}

/// Files of a tree by their names, which packages have once.
type Files<'t> = BTreeMap<&'t [u8], Digest>;

fn by_name(tree: &Tree) -> Files<'_> {
    tree.files().map(|(path, digest, _)| (path.file_name(), digest)).collect()
}

/// The version of a package in a tree, with its epoch; `None` where its file is not there or says none.
fn whole(store: &Store, files: &Files<'_>, changed: &Changed, version: &str) -> Result<Option<String>, Failure> {
    let (name, arch) = (&changed.name, &changed.arch);
    let names = [
        format!("{name}_{version}_{arch}.deb"),
        format!("{name}_{version}_{arch}.udeb"),
        format!("{name}-{version}.{arch}.rpm"),
    ];
    let found = names.iter().find_map(|name| Some((name, *files.get(name.as_bytes())?)));
    let Some((name, digest)) = found else { return Ok(None) };
    let file = BufReader::new(store.open_object(digest)?);
    if !name.ends_with(".rpm") {
        let read = deb::read_front(file).ok();
        return Ok(read.and_then(|deb| deb.paragraph().get("Version").map(str::to_owned)));
    }
    let read = Package::read(file).ok();
    Ok(read.map(|rpm| format!("{}:{}-{}", rpm.epoch(), rpm.version(), rpm.release())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_down() {
        let cases = [
            (true, "1.0-1~deb12+opb1", "1.0-1~deb12+opb2", false),
            (true, "1.0-1~deb12+opb2", "1.0-1~deb12+opb1", false),
            (true, "1.0-1+0opb2~deb12", "1.0-1+0opb1~deb12", false),
            (true, "1.0-1+0opb1~deb12", "1.0-1+0opb~deb12.0123abcd", false),
            (true, "1.2+git5.abcdef0-1~deb12+opb1", "1.2-1~deb12+opb7", true),
            (true, "1:1.0-1~deb12+opb1", "2.0-1~deb12+opb1", true),
            (true, "2.0-1~deb12+opb1", "1:1.0-1~deb12+opb1", false),
            (true, "1.0~rc1-1", "1.0-1", false),
            (true, "1_0", "0", false),
            (false, "1.2^5.gitabcdef0-1.1.el9", "1.2-1.7.el9", true),
            (false, "1.2-1.2.el9", "1.2-1.1.el9", false),
            (false, "0:1.2-1.2.el9", "1:1.1-1.1.el9", false),
            (false, "1.2-1", "1.10-1", false),
            (false, "1.2-5.1.el9", "1.2-3.1.el9", true),
            (false, "1.2-3.7.el9", "1.2-5.1.el9", false),
        ];
        for (is_deb, from, to, goes_down) in cases {
            assert_eq!(is_lower(is_deb, from, to), goes_down, "{from} {to}");
        }
    }
}
