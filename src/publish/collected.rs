//! What lies in shared folders: what the records of kept generations name, and what may go.
//!
//! A record says by digests what its generation holds and what it keeps for who has read an earlier one. What none of them names was left
//! by a generation that was removed, or by a publisher that was killed. Of a generation by an older program nobody knows what it keeps
//! beside its own, so nothing is removed from a folder of its own; it goes with the generation.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::shared::{Channel, folder_of};
use super::{Generation, PublishError, put};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::path::TreePath;
use crate::store::fault;
use crate::tree::{Entry, Tree};

/// Removes from shared folders what none of `kept` names, and puts there what is missing of it. `kept` are all generations
/// that are on the disk.
///
/// # Errors
/// Where what a generation holds cannot be read from the store: then nothing is removed.
pub(super) fn collect(channel: Channel<'_>, kept: &[Generation]) -> Result<(), Failure> {
    for ((holder, folder), digests) in holders(channel, kept)? {
        let is_known = kept.iter().any(|generation| generation.name() == holder && generation.late.is_some());
        if !is_known {
            continue;
        }
        let mut wanted = named(channel, &folder, &digests)?;
        for path in channel.walk(&holder, &folder)? {
            if wanted.remove(&path).is_none() {
                remove(channel, &holder, &folder, &path)?;
                fault::point("package-removed");
            }
        }
        let mut missing = Tree::default();
        for (path, entry) in wanted {
            put(&mut missing, &path, &entry)?;
        }
        channel.add(&holder, &missing)?;
    }
    Ok(())
}

/// What lies in the folders of `generation` that neither it holds nor keeps for who has read an earlier one: what is there for other
/// generations.
///
/// # Errors
/// Where what it holds cannot be read from the store.
pub(super) fn others(channel: Channel<'_>, generation: &Generation) -> Result<BTreeSet<TreePath>, Failure> {
    let mut others = BTreeSet::new();
    for ((holder, folder), digests) in holders(channel, std::slice::from_ref(generation))? {
        if generation.late.is_some() {
            let wanted = named(channel, &folder, &digests)?;
            let all = channel.walk(&holder, &folder)?;
            others.extend(all.into_iter().filter(|path| !wanted.contains_key(path)));
        }
    }
    Ok(others)
}

/// By the generation that has it and its name: each shared folder, and digests of what lies there.
fn holders(
    channel: Channel<'_>,
    generations: &[Generation],
) -> Result<BTreeMap<(String, String), BTreeSet<Digest>>, PublishError> {
    let mut holders: BTreeMap<(String, String), BTreeSet<Digest>> = BTreeMap::new();
    for generation in generations {
        for folder in channel.folders(&generation.name())? {
            if let Some(holder) = channel.holder(&generation.name(), &folder)? {
                holders.entry((holder, folder)).or_default().extend(generation.contents());
            }
        }
    }
    Ok(holders)
}

/// The files of `folder` in these trees.
fn named(channel: Channel<'_>, folder: &str, digests: &BTreeSet<Digest>) -> Result<BTreeMap<TreePath, Entry>, Failure> {
    let mut named = BTreeMap::new();
    for digest in digests {
        for (path, entry) in channel.store.get_tree(*digest)?.iter() {
            if *entry != Entry::Folder && folder_of(path.as_bytes()) == Some(folder.as_bytes()) {
                named.entry(path.clone()).or_insert_with(|| entry.clone());
            }
        }
    }
    Ok(named)
}

/// Removes a file, and the folders that have nothing in them then.
fn remove(channel: Channel<'_>, holder: &str, folder: &str, path: &TreePath) -> Result<(), PublishError> {
    let place = |path: &TreePath| format!("generations/{holder}/{path}");
    let failed = |path: &TreePath| {
        let path = channel.path.join(place(path));
        move |source: io::Error| PublishError::File { doing: "remove", path, source }
    };
    channel.dir.remove_file(place(path)).map_err(failed(path))?;
    let mut above = path.parent().filter(|above| above.as_bytes() != folder.as_bytes());
    while let Some(next) = above {
        match channel.dir.remove_dir(place(&next)) {
            Ok(()) => above = next.parent().filter(|above| above.as_bytes() != folder.as_bytes()),
            Err(error) if error.raw_os_error() == Some(libc::ENOTEMPTY) => break,
            Err(error) => return Err(failed(&next)(error)),
        }
    }
    Ok(())
}
