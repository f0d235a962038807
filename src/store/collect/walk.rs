//! Every file of the store that is known by a digest.

use std::os::unix::ffi::OsStrExt as _;

use cap_std::fs::Dir;

use super::super::Store;
use super::super::error::{StoreError, io};
use crate::digest::Digest;
use crate::drv::ActionKey;

/// What a stored file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file's content.
    Object,
    /// A tree.
    Tree,
    /// A log.
    Log,
    /// What an action key came to.
    Realisation,
}

impl Kind {
    /// All kinds of files.
    pub const FILES: [Self; 4] = [Self::Object, Self::Tree, Self::Log, Self::Realisation];

    /// In one word, for people: what several are called.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Object => "objects",
            Self::Tree => "trees",
            Self::Log => "logs",
            Self::Realisation => "realisations",
        }
    }

    pub(in crate::store) fn folder(self) -> &'static str {
        match self {
            Self::Object => "objects",
            Self::Tree => "trees",
            Self::Log => "log",
            Self::Realisation => "realised",
        }
    }
}

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it is.
    pub kind: Kind,
    /// The digest in its name.
    pub digest: Digest,
    /// Where it is, relative to the store.
    pub place: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
}

/// The bytes that a folder takes on the disk with all that is in it, as far as this user may look into it. No link is
/// followed.
pub fn disk_bytes(folder: Dir) -> u64 {
    let mut folders = vec![folder];
    let mut bytes = 0u64;
    while let Some(folder) = folders.pop() {
        for entry in folder.entries().into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            bytes = bytes.saturating_add(cap_std::fs::MetadataExt::blocks(&meta).saturating_mul(512));
            if meta.is_dir() {
                folders.extend(entry.open_dir());
            }
        }
    }
    bytes
}

impl Store {
    /// Shows every stored file of a kind to `see`, sorted by digest.
    ///
    /// # Errors
    /// Where the store cannot be read; whatever `see` says.
    pub fn each_file(
        &self,
        kind: Kind,
        see: &mut dyn FnMut(&Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.each(kind, &mut |stored| stored.map_or(Ok(()), |stored| see(&stored)))
    }

    /// The bytes that are free on the store's disk for this user.
    ///
    /// # Errors
    /// Where the file system does not say.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        let found = nix::sys::statvfs::fstatvfs(&self.dir);
        let found = found.map_err(|error| io("asking for free space", &self.path)(error.into()))?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    /// The bytes that the root of a key takes on the disk, as far as this user may look into it.
    pub fn root_bytes(&self, key: ActionKey, uid: u32) -> u64 {
        self.dir.open_dir(format!("roots/{uid}/{key}")).map_or(0, disk_bytes)
    }

    /// Shows every stored file of a kind to `see`, folder by folder; what has no digest for a name is `None` and its place.
    ///
    /// # Errors
    /// Where the store cannot be read; whatever `see` says.
    pub(in crate::store) fn each(
        &self,
        kind: Kind,
        see: &mut dyn FnMut(Result<Stored, String>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let folder = kind.folder();
        if kind == Kind::Log {
            return self.each_in(kind, folder, "", see);
        }
        for shard in self.names_in(folder)? {
            self.each_in(kind, &format!("{folder}/{shard}"), &shard, see)?;
        }
        Ok(())
    }

    /// As [`Store::each`], for one folder whose digests begin with `start`.
    pub(in crate::store) fn each_in(
        &self,
        kind: Kind,
        folder: &str,
        start: &str,
        see: &mut dyn FnMut(Result<Stored, String>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for name in self.names_in(folder)? {
            let place = format!("{folder}/{name}");
            let stem = match kind {
                Kind::Log => name.strip_suffix(".zst"),
                Kind::Realisation => name.strip_suffix(".json"),
                _ => Some(name.as_str()),
            };
            let digest = stem.and_then(|stem| format!("{start}{stem}").parse::<Digest>().ok());
            // One that has gone meanwhile was collected by somebody else.
            let Some(found) = self.stat(&place) else { continue };
            let is_file = found.st_mode & libc::S_IFMT == libc::S_IFREG;
            match digest.filter(|_| is_file) {
                Some(digest) => see(Ok(Stored {
                    kind,
                    digest,
                    place,
                    bytes: u64::try_from(found.st_size).unwrap_or(0),
                    modified: found.st_mtime,
                }))?,
                None => see(Err(place))?,
            }
        }
        Ok(())
    }

    /// The names in a folder of the store, sorted; none where there is no such folder. Names that are no text are left
    /// out: the store makes none.
    pub(in crate::store) fn names_in(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let failed = || io("listing a folder of the store", &self.path.join(folder));
        let entries = match self.dir.read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            // A file where a folder belongs.
            Err(error) if error.raw_os_error() == Some(libc::ENOTDIR) => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed())?.file_name();
            names.extend(std::str::from_utf8(name.as_bytes()).ok().map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}
