//! Objects: file contents by their BLAKE3, and by the SHA-256 that archives name them with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self as std_io, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::durable::{Temp, folder_of, sharded, sharded_sha256};
use super::error::{StoreError, io};
use super::hashing::hash_large;
use super::{Store, Used, fault, sealed};
use crate::digest::{Digest, Sha256};
use crate::path::HostPath;

const OBJECTS: &str = "objects";
const SHA256: &str = "sha256";

/// The mode of an object: nobody writes to it, and every user of a sandbox may read it.
pub(super) const OBJECT_MODE: u32 = 0o444;

/// Bytes that are copied at once.
const CHUNK: usize = 128 << 10;

/// What an object known by SHA-256 is here.
#[derive(Serialize, Deserialize)]
struct Known {
    object: Digest,
    size: u64,
}

/// Where an object stands, relative to the store.
pub(super) fn object_place(digest: &Digest) -> String {
    sharded(OBJECTS, digest)
}

impl Store {
    /// Stores `bytes`, durably.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        Ok(self.put_file(&mut &bytes[..], u64::MAX)?.0)
    }

    /// Stores many contents, durably, all of them at once.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn put_all(&self, contents: &[&[u8]]) -> Result<(), StoreError> {
        let contents: BTreeMap<Digest, &[u8]> = contents.iter().map(|bytes| (Digest::of(bytes), *bytes)).collect();
        self.uses(&contents.keys().map(|digest| Used::Object(*digest)).collect::<Vec<_>>())?;
        let (mut temps, mut here) = (BTreeMap::new(), BTreeSet::new());
        for (digest, bytes) in contents {
            if self.object_size(digest) == Some(bytes.len() as u64) {
                here.insert(folder_of(&object_place(&digest)).to_owned());
                continue;
            }
            let mut temp = self.temp()?;
            let written = temp.file().and_then(|file| file.write_all(bytes));
            let finished = written.and_then(|()| temp.finish(OBJECT_MODE, false));
            finished.map_err(io("writing an object", &self.object_path(digest)))?;
            temps.insert(digest, temp);
        }
        self.settle_objects(temps)?;
        // Also of what was here: who put it may not have come as far as this yet.
        here.iter().try_for_each(|folder| self.sync_folder(folder))
    }

    /// Stores what `from` yields, durably; returns its digest and size in bytes.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past `limit` bytes; [`StoreError::Reading`] where `from` fails; where it cannot be written.
    pub fn put_file(&self, from: &mut impl Read, limit: u64) -> Result<(Digest, u64), StoreError> {
        let mut temp = self.temp()?;
        let mut hasher = blake3::Hasher::new();
        let size = self.copy_into(&mut temp, from, limit, &mut |bytes| {
            hasher.update(bytes);
        })?;
        if size > limit {
            return Err(StoreError::TooLarge { name: "what is to be stored".to_owned(), limit });
        }
        let digest = digest_of(&hasher);
        self.settle_object(temp, digest, size)?;
        Ok((digest, size))
    }

    /// Stores what `from` yields if it is what is expected, durably, and remembers it by its SHA-256.
    ///
    /// # Errors
    /// [`StoreError::NotExpected`] names what was expected and what came; at most one byte more than `expected_size` is
    /// read. Otherwise as [`Store::put_file`].
    pub fn put_known_sha256(
        &self,
        from: &mut impl Read,
        expected: Sha256,
        expected_size: u64,
    ) -> Result<Digest, StoreError> {
        let mut temp = self.temp()?;
        let (mut blake3, mut sha256) = (blake3::Hasher::new(), sha2::Sha256::new());
        let size = self.copy_into(&mut temp, from, expected_size, &mut |bytes| {
            blake3.update(bytes);
            sha256.update(bytes);
        })?;
        let found = Sha256::from_bytes(sha256.finalize().into());
        if found != expected || size != expected_size {
            return Err(StoreError::NotExpected { expected, expected_size, found, found_size: size });
        }
        let object = digest_of(&blake3);
        self.settle_object(temp, object, size)?;
        // Lightly: if a power cut tears this file, its seal shows it, and the bytes are fetched again.
        self.put_lightly(&sharded_sha256(SHA256, &expected), &sealed::encode(&Known { object, size }))?;
        Ok(object)
    }

    /// Which object has this SHA-256, and its size in bytes; `None` where none is known or its bytes are not here. One that
    /// is, is in use by this process from here on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_sha256(&self, sha256: Sha256) -> Result<Option<(Digest, u64)>, StoreError> {
        let Some(known) = self.read_known(sha256)? else { return Ok(None) };
        self.uses(&[Used::Object(known.object)])?;
        let is_here = self.object_size(known.object) == Some(known.size);
        Ok(is_here.then_some((known.object, known.size)))
    }

    /// The object of this SHA-256, if it is here: for whoever only looks.
    pub(super) fn known_sha256(&self, sha256: Sha256) -> Result<Option<Digest>, StoreError> {
        let known = self.read_known(sha256)?;
        Ok(known.filter(|known| self.object_size(known.object) == Some(known.size)).map(|known| known.object))
    }

    fn read_known(&self, sha256: Sha256) -> Result<Option<Known>, StoreError> {
        let bytes = self.read_whole(&sharded_sha256(SHA256, &sha256))?;
        Ok(bytes.and_then(|bytes| sealed::decode(&bytes)))
    }

    /// Whether the object's file is here; its bytes are not looked at.
    pub fn has_object(&self, digest: Digest) -> bool {
        self.object_size(digest).is_some()
    }

    /// The size in bytes of an object; `None` where it is not here.
    pub fn object_size(&self, digest: Digest) -> Option<u64> {
        let found = self.stat(&object_place(&digest))?;
        let is_file = found.st_mode & libc::S_IFMT == libc::S_IFREG;
        u64::try_from(found.st_size).ok().filter(|_| is_file)
    }

    /// Opens an object for reading. Its bytes are not verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or where it cannot be opened.
    pub fn open_object(&self, digest: Digest) -> Result<File, StoreError> {
        let place = object_place(&digest);
        match self.dir.open(&place) {
            Ok(file) => Ok(file.into_std()),
            Err(error) if error.kind() == std_io::ErrorKind::NotFound => {
                Err(StoreError::Missing { what: "object", digest })
            }
            Err(error) => Err(io("opening an object", &self.path.join(place))(error)),
        }
    }

    /// An object's bytes, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::TooLarge`] past `limit` bytes; [`StoreError::Altered`] where the bytes are
    /// not what the digest says.
    pub fn read_object(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(digest);
        let mut bytes = Vec::new();
        let mut file = self.open_object(digest)?.take(limit.saturating_add(1));
        file.read_to_end(&mut bytes).map_err(io("reading an object", &path))?;
        if bytes.len() as u64 > limit {
            return Err(StoreError::TooLarge { name: digest.to_string(), limit });
        }
        if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(StoreError::Altered { what: "object", path }) }
    }

    /// Reads an object, and says whether its bytes are what its digest says.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Altered`].
    pub fn check_object(&self, digest: Digest) -> Result<(), StoreError> {
        let path = self.object_path(digest);
        let file = self.open_object(digest)?;
        let found = file.metadata().and_then(|metadata| hash_large(&file, metadata.len()));
        match found.map_err(io("reading an object", &path))? == digest {
            true => Ok(()),
            false => Err(StoreError::Altered { what: "object", path }),
        }
    }

    /// Where an object's file is, for programs that want a path. It may be missing.
    pub fn object_path(&self, digest: Digest) -> HostPath {
        self.path.join(object_place(&digest))
    }

    /// Copies up to one byte more than `limit` into `temp`, showing each chunk to `see`; returns how many bytes.
    pub(super) fn copy_into(
        &self,
        temp: &mut Temp,
        from: &mut impl Read,
        limit: u64,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<u64, StoreError> {
        let mut chunk = vec![0; CHUNK];
        let mut size = 0u64;
        let mut from = from.take(limit.saturating_add(1));
        loop {
            let count = match from.read(&mut chunk) {
                Ok(0) => return Ok(size),
                Ok(count) => count,
                Err(error) if error.kind() == std_io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(StoreError::Reading { source }),
            };
            see(&chunk[..count]);
            let written = temp.file().and_then(|file| file.write_all(&chunk[..count]));
            written.map_err(io("writing an object", &self.path.join(OBJECTS)))?;
            size += count as u64;
        }
    }

    /// Gives a written temporary file its name as an object, durably.
    fn settle_object(&self, mut temp: Temp, digest: Digest, size: u64) -> Result<(), StoreError> {
        let place = object_place(&digest);
        self.uses(&[Used::Object(digest)])?;
        if self.object_size(digest) != Some(size) {
            temp.finish(OBJECT_MODE, true).map_err(io("writing an object", &self.path.join(&place)))?;
            self.make_folder(folder_of(&place))?;
            self.rename(temp, &place)?;
        }
        // Also where it was here: who put it may not have come as far as this yet.
        self.sync_folder(folder_of(&place))?;
        fault::point("object-stored");
        Ok(())
    }
}

/// The digest that a hasher has come to.
pub(super) fn digest_of(hasher: &blake3::Hasher) -> Digest {
    Digest::from_bytes(*hasher.finalize().as_bytes())
}
