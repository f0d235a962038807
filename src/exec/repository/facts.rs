//! What is known of the files that a repository is made of: read from each once, kept by its digest.
//!
//! It lies on the repository's shelf in a fixed number of lists, so that thousands of packages are looked up by opening a few
//! files, and one package more writes one of them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::package::{control, deb};
use crate::repo::{FACTS_FORM, Facts, Fields, Keep};
use crate::store::{Shelf, Store};

use super::super::error::NodeError;

/// How many lists there are.
const LISTS: u8 = 16;

/// A file of a repository, before it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedFile<'a> {
    /// What the store calls its content.
    pub digest: Digest,
    /// Its name, for messages.
    pub name: &'a str,
    /// Whether it is a binary package, of which more is known than its SHA-256.
    pub is_package: bool,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// What indexes say of it; `None` unless it is a binary package.
    pub facts: Option<Facts>,
}

impl Keep for Shelf<'_> {
    fn get(&self, key: Digest) -> Option<Vec<u8>> {
        Shelf::get(self, key)
    }

    fn put(&self, key: Digest, bytes: &[u8]) {
        Shelf::put(self, key, bytes);
    }
}

/// What is known of these files: what the shelf has of them, and what is read now of all others, which is kept there.
///
/// # Errors
/// Where a file is not there, or is no package.
pub fn known_files(
    store: &Store,
    shelf: &Shelf<'_>,
    wanted: &[WantedFile<'_>],
) -> Result<BTreeMap<Digest, KnownFile>, Failure> {
    let mut lists: BTreeMap<u8, BTreeMap<Digest, WantedFile<'_>>> = BTreeMap::new();
    for file in wanted {
        let list = lists.entry(file.digest.as_bytes()[0] % LISTS).or_default();
        list.entry(file.digest).and_modify(|known| known.is_package |= file.is_package).or_insert(*file);
    }
    let lists: Vec<(u8, BTreeMap<Digest, WantedFile<'_>>)> = lists.into_iter().collect();
    let found: Vec<BTreeMap<Digest, KnownFile>> =
        lists.par_iter().map(|(number, wanted)| list(store, shelf, *number, wanted)).collect::<Result<_, Failure>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn list(
    store: &Store,
    shelf: &Shelf<'_>,
    number: u8,
    wanted: &BTreeMap<Digest, WantedFile<'_>>,
) -> Result<BTreeMap<Digest, KnownFile>, Failure> {
    let key = Digest::of(format!("{FACTS_FORM} list {number} of {LISTS}").as_bytes());
    let kept = shelf.get(key).and_then(|bytes| decode(&bytes)).unwrap_or_default();
    let before = kept.len();
    let mut found: BTreeMap<Digest, KnownFile> = kept
        .into_iter()
        .filter(|(digest, known)| wanted.get(digest).is_some_and(|file| file.is_package <= known.facts.is_some()))
        .collect();
    let lacking: Vec<&WantedFile<'_>> = wanted.values().filter(|file| !found.contains_key(&file.digest)).collect();
    if lacking.is_empty() && found.len() == before {
        return Ok(found);
    }
    let read: Vec<(Digest, KnownFile)> =
        lacking.par_iter().map(|file| Ok((file.digest, read(store, file)?))).collect::<Result<_, Failure>>()?;
    found.extend(read);
    shelf.put(key, &encode(&found));
    Ok(found)
}

fn read(store: &Store, file: &WantedFile<'_>) -> Result<KnownFile, Failure> {
    let mut from = Hashing { from: store.open_object(file.digest)?, hasher: sha2::Sha256::new() };
    let facts = if file.is_package {
        let (package, files) = deb::read_with_contents(BufReader::with_capacity(64 << 10, &mut from))?;
        Some(Facts::new(&fields(package.control())?, &files, file.name)?)
    } else {
        None
    };
    let failed = |source| NodeError::File { doing: "read", path: format!("object {}", file.digest), source };
    std::io::copy(&mut from, &mut std::io::sink()).map_err(failed)?;
    Ok(KnownFile { sha256: Sha256::from_bytes(from.hasher.finalize().into()), facts })
}

/// The fields of a control file, as an index takes them.
pub(super) fn fields(paragraph: &str) -> Result<Fields, Failure> {
    let paragraph = control::paragraph(paragraph)?;
    Ok(paragraph.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Hashes what is read.
struct Hashing<R> {
    from: R,
    hasher: sha2::Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn encode(known: &BTreeMap<Digest, KnownFile>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (digest, KnownFile { sha256, facts }) in known {
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(sha256.as_bytes());
        let length = bytes.len();
        bytes.extend_from_slice(&[0; 8]);
        if let Some(facts) = facts {
            facts.encode(&mut bytes);
        }
        let count = (bytes.len() - length - 8) as u64;
        bytes[length..length + 8].copy_from_slice(&count.to_le_bytes());
    }
    bytes
}

/// `None` where the bytes are not what was written.
fn decode(mut bytes: &[u8]) -> Option<Vec<(Digest, KnownFile)>> {
    let mut known = Vec::new();
    while !bytes.is_empty() {
        let (digest, rest) = bytes.split_first_chunk::<32>()?;
        let (sha256, rest) = rest.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (facts, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let facts = if facts.is_empty() { None } else { Some(Facts::decode(facts)?) };
        known.push((Digest::from_bytes(*digest), KnownFile { sha256: Sha256::from_bytes(*sha256), facts }));
        bytes = rest;
    }
    Some(known)
}
