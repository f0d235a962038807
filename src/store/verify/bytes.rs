//! Hashing every file that is named by its content.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::Store;
use super::super::collect::{Amount, Kind, Map, Stored};
use super::super::error::{StoreError, io};
use super::super::hashing::hash_large;
use super::super::objects::digest_of;
use super::{Finding, Flaw, Part, Verified};
use crate::digest::Digest;

/// From this size on a file is hashed by all cores together, in bytes.
const LARGE: u64 = 16 << 20;

/// The files whose bytes are right, each with its size.
#[derive(Default)]
pub(super) struct Sound {
    pub(super) objects: Map<u64>,
    pub(super) trees: Map<u64>,
    pub(super) logs: Map<u64>,
}

/// What one thread has found.
#[derive(Default)]
struct Share {
    checked: BTreeMap<Kind, Amount>,
    findings: Vec<Finding>,
    sound: Vec<(Kind, Digest, u64)>,
}

impl Store {
    pub(super) fn verify_bytes(&self, threads: usize, verified: &mut Verified) -> Result<Sound, StoreError> {
        let mut sound = Sound::default();
        let folders = self.folders_of_bytes(&mut verified.unknown)?;
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Result<Share, StoreError>>> = Mutex::default();
        let unknown: Mutex<Vec<String>> = Mutex::default();
        let work = || {
            let mut part = Share::default();
            let looked = loop {
                let Some((kind, folder, start)) = folders.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break Ok(());
                };
                let each = self.each_in(*kind, folder, start, &mut |found| {
                    match found {
                        Ok(stored) => self.verify_file(stored, &mut part)?,
                        Err(place) => unknown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(place),
                    }
                    Ok(())
                });
                if each.is_err() {
                    break each;
                }
            };
            let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.push(looked.map(|()| part));
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        for part in done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            let part = part?;
            for (kind, amount) in part.checked {
                let all = verified.checked.entry(kind).or_default();
                all.count += amount.count;
                all.bytes += amount.bytes;
            }
            verified.findings.extend(part.findings);
            for (kind, digest, bytes) in part.sound {
                match kind {
                    Kind::Object => sound.objects.insert(digest, bytes),
                    Kind::Tree => sound.trees.insert(digest, bytes),
                    _ => sound.logs.insert(digest, bytes),
                };
            }
        }
        verified.unknown.extend(unknown.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
        Ok(sound)
    }

    /// The folders of objects, trees and logs, each with the start of the digests in it: what threads share out.
    fn folders_of_bytes(&self, unknown: &mut Vec<String>) -> Result<Vec<(Kind, String, String)>, StoreError> {
        let mut folders = vec![(Kind::Log, Kind::Log.folder().to_owned(), String::new())];
        for kind in [Kind::Object, Kind::Tree] {
            for shard in self.names_in(kind.folder())? {
                let place = format!("{}/{shard}", kind.folder());
                let is_folder = self.stat(&place).is_some_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFDIR);
                if is_folder { folders.push((kind, place, shard)) } else { unknown.push(place) }
            }
        }
        Ok(folders)
    }

    fn verify_file(&self, stored: Stored, part: &mut Share) -> Result<(), StoreError> {
        let right = match stored.kind {
            Kind::Log => self.log_is_right(stored.digest)?,
            _ => self.hash_stored(&stored)?.is_none_or(|found| found == stored.digest),
        };
        part.checked.entry(stored.kind).or_default().add(stored.bytes);
        if right {
            part.sound.push((stored.kind, stored.digest, stored.bytes));
            return Ok(());
        }
        let what = match stored.kind {
            Kind::Object => Part::Object,
            Kind::Tree => Part::Tree,
            _ => Part::Log,
        };
        part.findings.push(Finding { part: what, flaw: Flaw::Altered, place: stored.place, affects: Vec::new() });
        Ok(())
    }

    /// The digest of a stored file's bytes; `None` where it has gone meanwhile. Bytes that the disk does not give back are
    /// none of the digest.
    fn hash_stored(&self, stored: &Stored) -> Result<Option<Digest>, StoreError> {
        let file = match self.dir.open(&stored.place) {
            Ok(file) => file.into_std(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("opening", &self.path.join(&stored.place))(error)),
        };
        let read = if stored.bytes >= LARGE {
            hash_large(&file, stored.bytes)
        } else {
            let mut hasher = blake3::Hasher::new();
            std::io::copy(&mut &file, &mut hasher).map(|_| digest_of(&hasher))
        };
        Ok(Some(read.unwrap_or_else(|_| Digest::of(b"unreadable"))))
    }

    fn log_is_right(&self, digest: Digest) -> Result<bool, StoreError> {
        let mut reader = match self.open_log(digest) {
            Ok(reader) => reader,
            Err(StoreError::Missing { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut hasher = blake3::Hasher::new();
        Ok(std::io::copy(&mut reader, &mut hasher).is_ok() && digest_of(&hasher) == digest)
    }
}
