//! Results as one file: what a cache would have of them, together with downloaded files, in an archive.
//!
//! Its records are signed and its bytes checked as those of any cache: a file that comes on a disk is trusted no more than
//! a server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::archive::{Archive, download_path};
use super::copies::Copies;
use super::list::{LIST, records_path};
use super::place::{Answer, Body, Content, Place};
use super::push::{LOOKING, Sending, is_here, publish};
use super::segment::Spot;
use super::signature::{CacheKey, Keyring, Signed, Verdict};
use super::{Cache, CacheError, Caches, Surroundings};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::path::HostPath;
use crate::store::{Realisation, Store, StoreError};

/// What goes into an export.
#[derive(Debug, Clone, Default)]
pub struct Parcel {
    /// Results, with their outputs and logs.
    pub results: Vec<Realisation>,
    /// Trees that no result names, such as those of pinned sources.
    pub trees: BTreeSet<Digest>,
    /// Downloaded files.
    pub downloads: BTreeSet<Sha256>,
}

/// What an export came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Results in it.
    pub results: usize,
    /// Results that are not, since not all of their bytes are here.
    pub absent: usize,
    /// Downloaded files in it.
    pub downloads: usize,
    /// The file's length in bytes.
    pub bytes: u64,
}

/// A file that [`export`] wrote, opened.
pub struct Import {
    archive: Arc<Archive>,
    cache: Cache,
}

/// Writes a parcel to a new file at `path`, its records signed by `key`. What is not here is left out.
///
/// # Errors
/// [`CacheError::Exists`]; where the file cannot be written, or the store be read.
pub fn export(path: &HostPath, store: &Store, key: &CacheKey, parcel: &Parcel) -> Result<Exported, Failure> {
    let Import { archive, cache } = Import::at(path);
    archive.begin()?;
    let mut exported = Exported::default();
    let mut results = Vec::new();
    for result in &parcel.results {
        match is_here(store, result)? {
            true => results.push(result),
            false => exported.absent += 1,
        }
    }
    let sending = Sending::new(&cache, store);
    sending.all(&results)?;
    let mut trees = Vec::new();
    for tree in &parcel.trees {
        if store.present(*tree)? {
            trees.push(*tree);
        }
    }
    sending.trees(trees)?;
    for sha256 in &parcel.downloads {
        let Some((object, _)) = store.find_sha256(*sha256)? else { continue };
        // What is altered here goes nowhere.
        store.check_object(object)?;
        archive.put(&download_path(*sha256), Content::File(store.open_object(object)?))?;
        exported.downloads += 1;
    }
    exported.results = publish(&cache, key, &Keyring::default(), results)?;
    exported.bytes = archive.length()?;
    Ok(exported)
}

impl Import {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`CacheError::NotAnExport`] where it is something else; where it cannot be read.
    pub fn open(path: &HostPath) -> Result<Self, CacheError> {
        let import = Self::at(path);
        import.cache.contents(true, Instant::now() + LOOKING)?;
        Ok(import)
    }

    fn at(path: &HostPath) -> Self {
        let archive = Arc::new(Archive::new(path.clone()));
        let name = path.as_path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Nothing is remembered of what is at hand.
        let around = Surroundings { copies: None, now: || 0, insistent: true };
        let cache = Cache::at(name, Place::Archive(Arc::clone(&archive)), Copies::below(None, ""), &around);
        Self { archive, cache }
    }

    /// How many results in it are signed by a key of `keyring`.
    ///
    /// # Errors
    /// [`CacheError::Untrusted`] where there are results, but none of them is; [`CacheError::Damaged`] where one is not
    /// what was signed.
    pub fn results(&self, keyring: &Keyring) -> Result<usize, CacheError> {
        let (mut trusted, mut stranger) = (0, None);
        let until = Instant::now() + LOOKING;
        for opened in &self.cache.contents(false, until)?.segments {
            let records = self.cache.all_records(opened, until)?;
            let spots: BTreeSet<Spot> = opened.table.iter().map(|(_, spot)| spot).collect();
            if records.len() < spots.len() {
                let path = records_path(opened.segment.name);
                return Err(self.cache.damaged(&path, &"not all of its records can be read"));
            }
            for keyed in records {
                let signed = Signed::decode(&keyed.record);
                match signed.as_ref().map(|signed| (signed, signed.verify(keyring))) {
                    Some((_, Verdict::Trusted(_))) => trusted += 1,
                    Some((signed, Verdict::Stranger)) => stranger = Some(signed.key.clone()),
                    Some((_, Verdict::Forged)) | None => {
                        return Err(self.cache.damaged(LIST, &"a record in it is not what was signed"));
                    }
                }
            }
        }
        match stranger {
            Some(key) if trusted == 0 => {
                Err(CacheError::Untrusted { cache: self.cache.name.clone(), key: key.to_string() })
            }
            _ => Ok(trusted),
        }
    }

    /// Brings its downloaded files into the store; all that are in it, sorted, and how many bytes came.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] where one is not what its name says; where the store cannot be written to.
    pub fn downloads(&self, store: &Store) -> Result<(Vec<Sha256>, u64), Failure> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        for (sha256, size) in self.archive.downloads()? {
            all.push(sha256);
            if store.find_sha256(sha256)?.is_some() {
                continue;
            }
            let path = download_path(sha256);
            let Answer::Body(Body { mut reader, .. }) = self.archive.open(&path, 0)? else { continue };
            match store.put_known_sha256(&mut reader, sha256, size) {
                Err(StoreError::NotExpected { .. } | StoreError::Reading { .. }) => {
                    return Err(self.cache.damaged(&path, &"its content does not have its digest").into());
                }
                put => put?,
            };
            bytes += size;
        }
        Ok((all, bytes))
    }

    /// What it has, as a cache whose records count if a key of `keyring` signed them.
    pub fn into_caches(self, keyring: Keyring) -> Caches {
        Caches::of(self.cache, keyring)
    }
}
