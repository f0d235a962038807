//! Signed packages: the objects that packages came to with the signature of a key.
//!
//! One sealed file each, `signed/ab/cdef….json`, named by the digest of what was signed, by which key and how. They are
//! written after the objects that they name. An object is kept as long as the package that it was made from; one that is lost
//! is made again, so a record without it counts as none.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self as std_io, Read, Write};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::collect::Map;
use super::durable::{Temp, folder_of, sharded};
use super::error::{StoreError, io};
use super::import::MANY;
use super::objects::{OBJECT_MODE, digest_of};
use super::{Store, Used, fault, sealed};
use crate::digest::{Digest, Sha256};

const SIGNED: &str = "signed";

/// What a package is known by once it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The package without the signature.
    pub unsigned: Digest,
    /// Fingerprint of the part of the key that signed.
    pub key: String,
    /// How, in one word.
    pub kind: String,
    /// The package with the signature.
    pub signed: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, as indexes of repositories name it.
    pub sha256: Sha256,
}

/// Packages that are being signed: none of them has a name in the store before [`NewlySigned::settle`], and what is never
/// settled is removed. Threads may share it.
pub struct NewlySigned<'a> {
    store: &'a Store,
    key: &'a str,
    kind: &'a str,
    made: Mutex<Vec<(Signed, Temp)>>,
}

fn place_of(unsigned: Digest, key: &str, kind: &str) -> String {
    sharded(SIGNED, &Digest::of(format!("{unsigned} {key} {kind}\n").as_bytes())) + ".json"
}

impl Store {
    /// What packages are known by that were signed in this way by one of the `keys`, the first that did, in their order; `None`
    /// where none did or where the bytes are not here. All of these are in use by this process from here on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn signed_packages(
        &self,
        unsigned: &[Digest],
        keys: &[String],
        kind: &str,
    ) -> Result<Vec<Option<Signed>>, StoreError> {
        let mut found = Vec::with_capacity(unsigned.len());
        for digest in unsigned {
            let mut records = keys.iter().map(|key| self.read_signed(&place_of(*digest, key, kind)));
            found.push(records.find_map(Result::transpose).transpose()?);
        }
        let signed = found.iter().flatten().map(|record| record.signed);
        self.uses(&unsigned.iter().copied().chain(signed).map(Used::Object).collect::<Vec<_>>())?;
        let is_here = |record: &Signed| self.object_size(record.signed) == Some(record.size);
        Ok(found.into_iter().map(|record| record.filter(is_here)).collect())
    }

    /// Begins to sign packages by `key` in the way `kind`.
    pub fn newly_signed<'a>(&'a self, key: &'a str, kind: &'a str) -> NewlySigned<'a> {
        NewlySigned { store: self, key, kind, made: Mutex::default() }
    }

    /// The objects that are packages with signatures.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn signed_objects(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let mut objects = BTreeSet::new();
        self.each_signed(&mut |_, record| objects.extend(record.map(|record| record.signed)))?;
        Ok(objects)
    }

    /// The record in a file; `None` where there is none, or where it is damaged or belongs elsewhere.
    fn read_signed(&self, place: &str) -> Result<Option<Signed>, StoreError> {
        let record = self.read_whole(place)?.and_then(|bytes| sealed::decode::<Signed>(&bytes));
        Ok(record.filter(|record| place_of(record.unsigned, &record.key, &record.kind) == place))
    }

    /// Shows the place of every record, and what it says; `None` where it is damaged.
    pub(super) fn each_signed(&self, see: &mut dyn FnMut(String, Option<Signed>)) -> Result<(), StoreError> {
        for shard in self.names_in(SIGNED)? {
            for name in self.names_in(&format!("{SIGNED}/{shard}"))? {
                let place = format!("{SIGNED}/{shard}/{name}");
                let record = self.read_signed(&place)?;
                see(place, record);
            }
        }
        Ok(())
    }

    /// Marks what was made from packages that are kept.
    pub(super) fn mark_signed(&self, objects: &mut Map<u32>) -> Result<(), StoreError> {
        self.each_signed(&mut |_, record| {
            if let Some(record) = record
                && let Some(reason) = objects.get(&record.unsigned).copied()
            {
                objects.entry(record.signed).or_insert(reason);
            }
        })
    }

    /// Those that are dead died with the package that they were made from, if that died later than they came.
    pub(super) fn find_dead_signed(&self, since: &mut Map<i64>) -> Result<(), StoreError> {
        self.each_signed(&mut |_, record| {
            if let Some(record) = record
                && let Some(died) = since.get(&record.unsigned).copied()
            {
                let slot = since.entry(record.signed).or_insert(died);
                *slot = died.max(*slot);
            }
        })
    }

    /// Forgets records whose objects are gone, with and without signature. What is `lost` alone is forgotten too if the caller
    /// says so; gives the places of those.
    pub(super) fn forget_signed(&self, lost: bool) -> Result<Vec<String>, StoreError> {
        let mut gone = Vec::new();
        self.each_signed(&mut |place, record| {
            let Some(record) = record else { return };
            if !self.has_object(record.signed) && (lost || !self.has_object(record.unsigned)) {
                gone.push(place);
            }
        })?;
        gone.retain(|place| self.dir.remove_file(place).is_ok());
        Ok(gone)
    }
}

impl NewlySigned<'_> {
    /// Has `sign` read the package `unsigned` and write it signed. It must be read to its end.
    ///
    /// # Errors
    /// What `sign` says; [`StoreError::Missing`] and [`StoreError::Altered`] where the package is; where it cannot be written.
    pub fn write<E: From<StoreError>>(
        &self,
        unsigned: Digest,
        sign: impl FnOnce(&mut dyn Read, &mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.store.object_path(unsigned);
        let mut reader = Reading { from: self.store.open_object(unsigned)?, hasher: blake3::Hasher::new() };
        let mut temp = self.store.temp()?;
        let file = temp.file().map_err(io("writing an object", &path))?;
        let mut writer = Writing { into: file, blake3: blake3::Hasher::new(), sha256: sha2::Sha256::new(), size: 0 };
        sign(&mut reader, &mut writer)?;
        let (signed, size) = (digest_of(&writer.blake3), writer.size);
        let sha256 = Sha256::from_bytes(writer.sha256.finalize().into());
        // Whatever was signed was not what it is said to be.
        if digest_of(&reader.hasher) != unsigned {
            return Err(StoreError::Altered { what: "object", path }.into());
        }
        temp.finish(OBJECT_MODE, false).map_err(io("writing an object", &self.store.object_path(signed)))?;
        let (key, kind) = (self.key.to_owned(), self.kind.to_owned());
        let record = Signed { unsigned, key, kind, signed, size, sha256 };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push((record, temp));
        Ok(())
    }

    /// Gives all of them their names, durably, and remembers them.
    ///
    /// # Errors
    /// Where that cannot be done: then some may be there, and none half.
    pub fn settle(self) -> Result<Vec<Signed>, StoreError> {
        let Self { store, made, .. } = self;
        let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let few = made.len() <= MANY;
        let (mut records, mut objects, mut notes) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (record, temp) in made {
            let mut note = store.temp()?;
            let place = place_of(record.unsigned, &record.key, &record.kind);
            let written = note.file().and_then(|file| file.write_all(&sealed::encode(&record)));
            let finished = written.and_then(|()| note.finish(0o644, few));
            finished.map_err(io("writing what was signed", &store.path.join(&place)))?;
            notes.push((place, note));
            objects.insert(record.signed, temp);
            records.push(record);
        }
        if records.is_empty() {
            return Ok(records);
        }
        store.uses(&objects.keys().map(|digest| Used::Object(*digest)).collect::<Vec<_>>())?;
        for (place, _) in &notes {
            store.make_folder(folder_of(place))?;
        }
        // Where there are many, this makes the notes durable with them.
        store.settle_objects(objects)?;
        let folders: BTreeSet<String> = notes.iter().map(|(place, _)| folder_of(place).to_owned()).collect();
        for (place, note) in notes {
            store.rename(note, &place)?;
        }
        if few {
            folders.iter().try_for_each(|folder| store.sync_folder(folder))?;
        } else {
            store.sync_all()?;
        }
        fault::point("signed-recorded");
        Ok(records)
    }
}

/// Hashes what is read.
struct Reading {
    from: std::fs::File,
    hasher: blake3::Hasher,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> std_io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Hashes what is written.
struct Writing<'a> {
    into: &'a mut std::fs::File,
    blake3: blake3::Hasher,
    sha256: sha2::Sha256,
    size: u64,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std_io::Result<usize> {
        self.into.write_all(bytes)?;
        self.blake3.update(bytes);
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std_io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
