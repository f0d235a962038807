//! Results as one file: what a project has realised, with all that it needs, to another store.

use super::is_realised;
use super::pull::{Pulled, pull_from};
use super::which::Found;
use crate::cache::{self, CacheKey, Exported, Import, Parcel};
use crate::diag::Failure;
use crate::name::Kind;
use crate::ops::collecting::packages_of;
use crate::ops::keeping::project_of;
use crate::ops::plan::{Wish, plan};
use crate::ops::session::Session;
use crate::path::HostPath;
use crate::store::{FetchedFiles, Store};

/// What an import came to.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Results in the file whose signature counts.
    pub results: usize,
    /// What of them nodes of this project have now.
    pub pulled: Pulled,
    /// Downloaded files in the file.
    pub downloads: usize,
}

/// Writes what is realised of the selected nodes and of all that they need, but no roots, to a new file, signed by `key`.
/// `packages`: also those that chroots are made of, as far as they are here.
///
/// # Errors
/// Where the file is there already or cannot be written, or the store cannot be read.
pub fn export(
    session: &Session,
    store: &Store,
    file: &HostPath,
    selectors: &[String],
    packages: bool,
    key: &CacheKey,
) -> Result<Exported, Failure> {
    let mut parcel = closure(session, store, selectors)?;
    if packages {
        for result in &parcel.results {
            parcel.downloads.extend(packages_of(store, result)?);
        }
        // Those of lists that are not made yet.
        let fetched = store.fetched_of(&project_of(&session.project))?;
        parcel.downloads.extend(fetched.into_iter().flat_map(|fetched| fetched.files));
    }
    cache::export(file, store, key, &parcel)
}

/// Brings all that a file has of the selected nodes into the store, and its downloaded files. Nothing that is here is
/// replaced.
///
/// # Errors
/// Where the file is no export, is damaged, or has results and none whose signature counts; where the store cannot be used.
pub fn import(session: &Session, store: &Store, file: &HostPath, selectors: &[String]) -> Result<Imported, Failure> {
    let keyring = Found::of(&session.project)?.keyring;
    let import = Import::open(file)?;
    let results = import.results(&keyring)?;
    let (downloads, bytes) = import.downloads(store)?;
    let count = downloads.len();
    store.keep_fetched_too(FetchedFiles { project: project_of(&session.project), files: downloads })?;
    let caches = import.into_caches(keyring);
    let mut pulled = pull_from(session, store, &caches, selectors)?;
    if let Some(failure) = caches.take_failure() {
        return Err(failure.into());
    }
    pulled.bytes += bytes;
    Ok(Imported { results, pulled, downloads: count })
}

/// What is realised of the selected nodes and of all that they need, but no roots.
pub(super) fn closure(session: &Session, store: &Store, selectors: &[String]) -> Result<Parcel, Failure> {
    let wanted = session.graph.with_inputs(&session.select(selectors)?);
    let plan = plan(session, &Wish { wanted, ..Wish::default() }, store, None)?;
    let mut parcel = Parcel::default();
    for planned in plan.nodes.iter().filter(|planned| is_realised(planned)) {
        let node = session.graph.node(planned.node);
        let Some(key) = planned.key.filter(|_| node.kind() != Kind::Root) else { continue };
        let Some(result) = store.realisation(key)? else {
            // What is known without anybody having made it, such as a pinned source.
            parcel.trees.extend(planned.outputs.iter().flat_map(|outputs| outputs.values().copied()));
            continue;
        };
        // The build whose packages stayed, and with it the number that is in them.
        let first = match result.kept {
            Some(kept) => store.realisation(kept)?,
            None => None,
        };
        parcel.results.extend(first);
        parcel.results.push(result);
    }
    parcel.results.sort_by_key(|result| result.key);
    parcel.results.dedup_by_key(|result| result.key);
    Ok(parcel)
}
