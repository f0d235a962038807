//! What is known of the files that a repository is made of: read from each once, kept by its digest.
//!
//! A build's packages are read when it ends, and the store keeps what is known of them for all repositories; what else there is, such as
//! packages that came from a cache, is read by the first repository that wants it. Beside that, what one repository wants lies on its
//! shelf in a fixed number of lists, so that thousands of packages are looked up by opening a few files, and one package more
//! writes one of them.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::drv::Outputs;
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
    pub facts: Option<Arc<Facts>>,
}

impl Keep for Shelf<'_> {
    fn get(&self, key: Digest) -> Option<Vec<u8>> {
        Shelf::get(self, key)
    }

    fn put(&self, key: Digest, bytes: &[u8]) {
        Shelf::put(self, key, bytes);
    }
}

/// What is known of these files: what the shelf and the store have of them, and what is read now of all others, which is kept in both.
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
    found.extend(learned(store, &lacking)?);
    shelf.put(key, &encode(&found));
    Ok(found)
}

/// What the store knows of these files, and what is read now of all others, which it knows then.
fn learned(store: &Store, wanted: &[&WantedFile<'_>]) -> Result<BTreeMap<Digest, KnownFile>, Failure> {
    let kept = store.facts(&wanted.iter().map(|file| file.digest).collect())?;
    let mut found: BTreeMap<Digest, KnownFile> =
        kept.into_iter().filter_map(|(digest, fact)| Some((digest, of_fact(digest, &fact)?))).collect();
    let is_known =
        |file: &WantedFile<'_>| found.get(&file.digest).is_some_and(|known| file.is_package <= known.facts.is_some());
    let lacking: Vec<&WantedFile<'_>> = wanted.iter().copied().filter(|file| !is_known(file)).collect();
    let read: BTreeMap<Digest, KnownFile> =
        lacking.par_iter().map(|file| Ok((file.digest, read(store, file)?))).collect::<Result<_, Failure>>()?;
    let fact = |(digest, known): (&Digest, &KnownFile)| (*digest, fact(*digest, known));
    store.learn(&read.iter().map(fact).collect())?;
    found.extend(read);
    Ok(found)
}

/// A row of the store's: the form, and a list of this file alone.
fn fact(digest: Digest, known: &KnownFile) -> Vec<u8> {
    [FACTS_FORM.as_bytes(), &encode(&BTreeMap::from([(digest, known.clone())]))].concat()
}

/// `None` where it is of another form.
fn of_fact(digest: Digest, fact: &[u8]) -> Option<KnownFile> {
    let known = decode(fact.strip_prefix(FACTS_FORM.as_bytes())?)?;
    known.into_iter().find(|(of, _)| *of == digest).map(|(_, known)| known)
}

/// Reads the binary packages among what a build has made, so that repositories need not. What is wrong with one is told by those.
pub fn learn(store: &Store, outputs: &Outputs) {
    let mut files: BTreeMap<Digest, String> = BTreeMap::new();
    for tree in outputs.values().filter_map(|tree| store.get_tree(*tree).ok()) {
        let packages =
            tree.files().filter(|(path, ..)| [&b".deb"[..], b".udeb"].iter().any(|end| path.as_bytes().ends_with(end)));
        files.extend(packages.map(|(path, digest, _)| (digest, path.to_string())));
    }
    let wanted: Vec<WantedFile<'_>> =
        files.iter().map(|(digest, name)| WantedFile { digest: *digest, name, is_package: true }).collect();
    let _ = learned(store, &wanted.iter().collect::<Vec<_>>());
}

fn read(store: &Store, file: &WantedFile<'_>) -> Result<KnownFile, Failure> {
    let mut from = Hashing { from: store.open_object(file.digest)?, hasher: sha2::Sha256::new() };
    let facts = if file.is_package {
        let (package, files) = deb::read_with_contents(BufReader::with_capacity(64 << 10, &mut from))?;
        Some(Arc::new(Facts::new(&fields(package.control())?, &files, file.name)?))
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
        let facts = if facts.is_empty() { None } else { Some(Arc::new(Facts::decode(facts)?)) };
        known.push((Digest::from_bytes(*digest), KnownFile { sha256: Sha256::from_bytes(*sha256), facts }));
        bytes = rest;
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::HostPath;
    use crate::tree::{Entry, Tree};

    fn package(version: &str) -> Vec<u8> {
        let control = format!(
            "Package: a\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a\n"
        );
        deb::make(&control, &[], 0).expect("makes a package")
    }

    #[test]
    fn a_package_is_read_once_for_all_repositories() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let [built, fetched] = ["1", "2"].map(|version| store.put_bytes(&package(version)).expect("stored"));
        let mut tree = Tree::default();
        for (name, digest) in [("a_1_all.deb", built), ("a_1.changes", Digest::of(b"not there"))] {
            tree.insert(name.parse().expect("plain"), Entry::File { digest, size: 1, executable: false })
                .expect("fits");
        }
        let packages = store.put_tree(&tree).expect("stored");
        learn(&store, &Outputs::from([("packages".parse().expect("a name"), packages)]));
        let wanted = [built, fetched].map(|digest| WantedFile { digest, name: "a.deb", is_package: true });
        let known = |shelf: &str, wanted: &[WantedFile<'_>]| known_files(&store, &store.shelf(shelf), wanted);
        let first = known("repo:one@mirage-1", &wanted).expect("reads");
        assert_eq!(first[&built].sha256, Sha256::of(&package("1")));
        assert!(first.values().all(|known| known.facts.is_some()));
        // Nobody reads them again.
        for digest in [built, fetched] {
            std::fs::remove_file(store.object_path(digest).as_path()).expect("removed");
        }
        assert_eq!(known("repo:other@mirage-1", &wanted).expect("knows"), first);
        // Of a file that is no package to one repository, another wants to know more.
        let plain = store.put_bytes(&package("3")).expect("stored");
        let as_what = |is_package| [WantedFile { digest: plain, name: "a.deb", is_package }];
        assert_eq!(known("repo:one@mirage-1", &as_what(false)).expect("reads")[&plain].facts, None);
        assert!(known("repo:other@mirage-1", &as_what(true)).expect("reads")[&plain].facts.is_some());
    }
}
