//! Archives of upstream and source RPMs, into the store: the file itself, and the tree that it holds.
//!
//! ```text
//! here          an address ─► a file that stays in the store's `sources/archive` until it is whole ─► an object
//! seen.rs       what was at an address whose digest nobody says, so that it need not come again
//! signed.rs     whether somebody signed it whose key the recipe names
//! unpacked.rs   an object ─► the tree that is the source
//! ```
//!
//! Addresses are got by the host's own apt, as files of distributions are; one of the project is read where it lies. What is
//! pinned is known by its digest, so nothing is asked for what the store has.

mod error;
mod seen;
mod signed;
#[cfg(test)]
mod tests;
mod unpacked;

use std::io::Read as _;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cap_std::fs::Dir;
use sha2::Digest as _;

pub use error::UpstreamError;
pub use signed::armored;
pub use unpacked::source_rpm;

use crate::address::Address;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::fetch::{Access, FetchError, Kept, KeptFolder, Wanted, download_kept};
use crate::lock::{ArchivePin, PinnedFile};
use crate::remote::archive::{Archive, ArchiveKind, ArchiveUrl, PACKING_BYTES, Packing, SignaturePlace};
use crate::settings::Sources;
use crate::store::Store;
use crate::tree::{Entry, Tree};

use super::sources::insert;

/// The most bytes of an archive.
const MAX_ARCHIVE: u64 = 8 << 30;

/// The most bytes of a signature.
const MAX_SIGNATURE: u64 = 1 << 20;

/// How long to wait before each further try, where a network does not answer.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

/// Where downloads are that are not whole yet, below the store.
pub const DOWNLOADS: &str = "sources/archive";

/// Names of an archive and its signature, less how it is packed.
const NAME: &str = "upstream";

/// Access to archives of upstream.
pub struct Upstreams<'a> {
    store: &'a Store,
    sources: &'a Sources,
    /// The project's root.
    root: &'a Dir,
    access: Access<'a>,
    waits: &'a [Duration],
    closed: bool,
    anew: bool,
}

/// A file of upstream that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    file: PinnedFile,
    object: Digest,
}

impl<'a> Upstreams<'a> {
    /// Access for a project in `root` with these `[sources]`. `stop` ends what runs.
    pub fn new(store: &'a Store, sources: &'a Sources, root: &'a Dir, offline: bool, stop: &'a AtomicBool) -> Self {
        let access = Access { offline, most: MAX_ARCHIVE, ..Access::new(stop) };
        Self { store, sources, root, access, waits: &[], closed: false, anew: false }
    }

    /// The same, but what the network keeps away is tried again by itself.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { waits: &WAITS, ..self }
    }

    /// The same, but only what the store has is had, whatever is on this machine.
    #[must_use]
    pub fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    /// The same, but what was at an address before is asked for as if it had never been seen, where `anew`.
    #[must_use]
    pub fn anew(self, anew: bool) -> Self {
        Self { anew, ..self }
    }

    /// What is at an address now: its pin, less what evaluation must know, and the tree that it was unpacked to. `here`: the digest
    /// of the file that is known to be there; `None`: it is looked. `now` is in seconds since 1970: which keys and signatures are past
    /// their time depends on it.
    ///
    /// # Errors
    /// Where it cannot be had, is not what the recipe expects, is not signed as it asks, or holds what no source may hold.
    pub fn look(&self, archive: &Archive, here: Option<Sha256>, now: u64) -> Result<(ArchivePin, Tree), Failure> {
        let what = archive.to_string();
        let expected = archive.sha256.as_deref().and_then(|text| text.parse::<Sha256>().ok()).or(here);
        let file = match self.known(expected, None)? {
            Some(known) => known,
            None => self.fetch(&what, std::slice::from_ref(&archive.url), expected, None, MAX_ARCHIVE)?,
        };
        let packing = self.packing(archive, file.object)?;
        let signature = match &archive.signature {
            None => None,
            Some(place) => Some(self.signature(archive, place)?),
        };
        let signed_by = self.signed_by(archive, (&file, signature.as_ref()), now)?;
        let tree = unpacked::unpack(self.store, (file.object, file.file.size), packing, archive)?;
        self.store.put_tree(&tree)?;
        let signature = signature.map(|stored| stored.file);
        let upstream = self.upstream(archive, (&file.file, packing, signature.as_ref()))?;
        self.store.put_tree(&upstream)?;
        let pin = ArchivePin {
            file: file.file,
            packing,
            signature,
            signed_by,
            tree: tree.digest(),
            upstream: upstream.digest(),
            texts: std::collections::BTreeMap::new(),
            without: std::collections::BTreeSet::new(),
        };
        Ok((pin, tree))
    }

    /// The tree that a pinned archive holds, in the store.
    ///
    /// # Errors
    /// Where it cannot be had, or is another one than was pinned.
    pub fn tree(&self, archive: &Archive, file: &PinnedFile, packing: Packing) -> Result<Tree, Failure> {
        let stored = self.pinned(&archive.to_string(), std::slice::from_ref(&archive.url), file)?;
        let tree = unpacked::unpack(self.store, (stored.object, file.size), packing, archive)?;
        self.store.put_tree(&tree)?;
        Ok(tree)
    }

    /// The tree that holds a pinned archive itself, and its signature, armored.
    ///
    /// # Errors
    /// As [`Upstreams::tree`].
    pub fn upstream(
        &self,
        archive: &Archive,
        (file, packing, signature): (&PinnedFile, Packing, Option<&PinnedFile>),
    ) -> Result<Tree, Failure> {
        let mut tree = Tree::default();
        let mut put =
            |name: &str, digest, size| insert(&mut tree, name, Entry::File { digest, size, executable: false });
        let name = format!("{NAME}.{}", packing.as_str());
        let stored = self.pinned(&archive.to_string(), std::slice::from_ref(&archive.url), file)?;
        put(&name, stored.object, file.size)?;
        if let (Some(place), Some(file)) = (&archive.signature, signature) {
            let stored = self.pinned(&signature_of(archive), &self.places(archive, place)?, file)?;
            let bytes = armored(&self.store.read_object(stored.object, MAX_SIGNATURE)?);
            put(&format!("{name}.asc"), self.store.put_bytes(&bytes)?, bytes.len() as u64)?;
        }
        Ok(tree)
    }

    fn pinned(&self, what: &str, urls: &[ArchiveUrl], file: &PinnedFile) -> Result<Stored, Failure> {
        match self.known(Some(file.sha256), Some(file.size))? {
            Some(known) => Ok(known),
            None => self.fetch(what, urls, Some(file.sha256), Some(file.size), MAX_ARCHIVE),
        }
    }

    fn known(&self, sha256: Option<Sha256>, size: Option<u64>) -> Result<Option<Stored>, Failure> {
        let Some(sha256) = sha256 else { return Ok(None) };
        let found = self.store.find_sha256(sha256)?.filter(|(_, found)| size.is_none_or(|size| size == *found));
        Ok(found.map(|(object, size)| Stored { file: PinnedFile { size, sha256 }, object }))
    }

    /// Where the signature of an archive may be, in the order to try.
    fn places(&self, archive: &Archive, place: &SignaturePlace) -> Result<Vec<ArchiveUrl>, Failure> {
        let address = |source| UpstreamError::Address { what: signature_of(archive), source };
        match place {
            SignaturePlace::At(url) => Ok(vec![url.clone()]),
            SignaturePlace::Beside => {
                let ends = [".asc", ".sig"].into_iter().map(|end| archive.url.with_end(end));
                Ok(ends.collect::<Result<_, _>>().map_err(address)?)
            }
        }
    }

    fn signature(&self, archive: &Archive, place: &SignaturePlace) -> Result<Stored, Failure> {
        let mut first = None;
        for url in self.places(archive, place)? {
            match self.fetch(&signature_of(archive), &[url], None, None, MAX_SIGNATURE) {
                Err(failure) if is_gone(&failure) => first = first.or(Some(failure)),
                done => return done,
            }
        }
        Err(first.unwrap_or_else(|| UpstreamError::Unsigned { what: archive.to_string() }.into()))
    }

    /// How a file is packed, which must be as its function in recipes says.
    fn packing(&self, archive: &Archive, object: Digest) -> Result<Packing, Failure> {
        let what = archive.to_string();
        let mut first = Vec::new();
        let read = self.store.open_object(object)?.take(PACKING_BYTES as u64).read_to_end(&mut first);
        read.map_err(|source| UpstreamError::Read { what: what.clone(), source })?;
        match (archive.kind, Packing::of(&first)) {
            (ArchiveKind::Srpm, Some(Packing::Rpm)) => Ok(Packing::Rpm),
            (ArchiveKind::Srpm, _) => Err(UpstreamError::NoSrpm { what }.into()),
            (ArchiveKind::Archive, Some(Packing::Rpm)) => {
                Err(UpstreamError::IsRpm { what, url: archive.url.to_string() }.into())
            }
            (ArchiveKind::Archive, Some(packing)) => Ok(packing),
            (ArchiveKind::Archive, None) => Err(UpstreamError::NoArchive { what }.into()),
        }
    }

    /// Gets a file from the first of these places that has it, into the store.
    fn fetch(
        &self,
        what: &str,
        urls: &[ArchiveUrl],
        sha256: Option<Sha256>,
        size: Option<u64>,
        most: u64,
    ) -> Result<Stored, Failure> {
        let mut places = Vec::new();
        for url in urls {
            if let Some(path) = url.in_project() {
                match self.in_project(what, path, sha256, most) {
                    Err(failure) if urls.len() > 1 && is_gone(&failure) => continue,
                    done => return done,
                }
            }
            let whole = self.sources.archive(url)?;
            let address = Address::new(whole.as_str());
            places
                .push(address.map_err(|_| UpstreamError::Unusable { what: what.to_owned(), url: whole.to_string() })?);
        }
        let Some(first) = places.first().cloned() else {
            return Err(UpstreamError::NoFile {
                what: what.to_owned(),
                path: urls.first().map_or_else(String::new, ToString::to_string),
            }
            .into());
        };
        if self.closed {
            return Err(FetchError::Offline { address: first }.into());
        }
        let id = id_of(first.secret(), sha256);
        let may_be_known = sha256.is_none() && places.len() == 1 && first.local_path().is_none();
        let before = if may_be_known { self.before(&id)? } else { None };
        let (of, before) = before.unzip();
        let mut wanted = Wanted { places, name: "file".to_owned(), sha256, size, before: of };
        let access = Access { most, ..self.access.clone() };
        let told = |error| error::of_fetch(what, error, sha256);
        let folder = self.store.path().join(DOWNLOADS).join(&id);
        let folder = KeptFolder::lock(&folder, &access).map_err(told)?;
        // Who had it before may just have brought it.
        if let Some(known) = self.known(sha256, size)? {
            folder.discard();
            return Ok(known);
        }
        let mut kept = download_kept(&wanted, folder, &access, self.waits).map_err(told)?;
        let mut stored = self.take_in(what, &kept, most)?;
        if before.as_ref().is_some_and(|before| seen::is_joined(&kept, &stored, before)) {
            wanted.before = None;
            kept = download_kept(&wanted, kept.into_folder(), &access, self.waits).map_err(told)?;
            stored = self.take_in(what, &kept, most)?;
        }
        if may_be_known {
            self.note(&id, &kept, &stored, before.as_ref())?;
        }
        kept.discard();
        Ok(stored)
    }

    fn take_in(&self, what: &str, kept: &Kept, most: u64) -> Result<Stored, Failure> {
        let failed = |source| UpstreamError::Read { what: what.to_owned(), source };
        let mut file = std::fs::File::open(kept.path.as_path()).map_err(failed)?;
        self.put(what, &mut file, most)
    }

    /// A file of the project, which is no download.
    fn in_project(&self, what: &str, path: &str, sha256: Option<Sha256>, most: u64) -> Result<Stored, Failure> {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => UpstreamError::NoFile { what: what.to_owned(), path: path.to_owned() },
            _ => UpstreamError::Read { what: what.to_owned(), source },
        };
        let file = self.root.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(UpstreamError::NoFile { what: what.to_owned(), path: path.to_owned() }.into());
        }
        let stored = self.put(what, &mut file.into_std(), most)?;
        match sha256 {
            Some(expected) if expected != stored.file.sha256 => Err(UpstreamError::Other {
                what: what.to_owned(),
                expected,
                got: format!("SHA-256 {}", stored.file.sha256),
            }
            .into()),
            _ => Ok(stored),
        }
    }

    fn put(&self, what: &str, file: &mut std::fs::File, most: u64) -> Result<Stored, Failure> {
        use std::io::Seek as _;
        let failed = |source| UpstreamError::Read { what: what.to_owned(), source };
        let (mut hasher, mut size, mut buffer) = (sha2::Sha256::new(), 0, vec![0; 1 << 17]);
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                length => {
                    hasher.update(&buffer[..length]);
                    size += length as u64;
                }
            }
            if size > most {
                return Err(UpstreamError::TooLarge { what: what.to_owned(), limit: most }.into());
            }
        }
        let sha256 = Sha256::from_bytes(hasher.finalize().into());
        file.rewind().map_err(failed)?;
        let object = self.store.put_known_sha256(file, sha256, size)?;
        Ok(Stored { file: PinnedFile { size, sha256 }, object })
    }
}

/// What the folder is called in which a file from there is downloaded.
fn id_of(address: &str, sha256: Option<Sha256>) -> String {
    let of = format!("{address} {}", sha256.map_or_else(String::new, |sha256| sha256.to_string()));
    Digest::of(of.as_bytes()).to_string()[..32].to_owned()
}

/// The signature of an archive, for people.
fn signature_of(archive: &Archive) -> String {
    format!("the signature of {}(\"{}\")", archive.kind, archive.url)
}

/// Whether nothing is there.
fn is_gone(failure: &Failure) -> bool {
    let error = failure.report.downcast_ref::<UpstreamError>();
    matches!(error, Some(UpstreamError::Gone { .. } | UpstreamError::NoFile { .. }))
}
