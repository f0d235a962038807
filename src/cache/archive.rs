//! A cache in one file, to be carried about: a tar archive of the files that a folder would have, the list last.
//!
//! It is written once and never changed: under another name first, which it leaves when it is whole and durable. A reader
//! goes by the headers, once, and from then on to the places of files. Nothing is unpacked anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

use super::error::CacheError;
use super::list::{LIST, file_of_cache};
use super::place::{Answer, Body, Content};
use crate::digest::Sha256;
use crate::path::HostPath;

/// The most files in an archive that is read: what bounds the memory for their names.
const MOST_FILES: usize = 2_000_000;

/// An archive, opened when it is first used.
pub struct Archive {
    path: HostPath,
    state: Mutex<State>,
}

enum State {
    Closed,
    Writing(Writing),
    Reading(Arc<Contents>),
}

struct Writing {
    folder: Dir,
    temp: String,
    name: String,
    builder: tar::Builder<File>,
    names: BTreeSet<String>,
    whole: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.whole {
            let _ = self.folder.remove_file(&self.temp);
        }
    }
}

/// Where each file of an archive begins, and its length.
struct Contents {
    file: File,
    places: BTreeMap<String, (u64, u64)>,
}

impl Archive {
    /// The archive at `path`.
    pub fn new(path: HostPath) -> Self {
        Self { path, state: Mutex::new(State::Closed) }
    }

    /// Begins to write it.
    ///
    /// # Errors
    /// [`CacheError::Exists`] where something has its name; where its folder cannot be written to.
    pub fn begin(&self) -> Result<(), CacheError> {
        let failed = || self.failed("writing an export");
        let (Some(folder), Some(name)) = (self.path.as_path().parent(), self.path.as_path().file_name()) else {
            return Err(CacheError::Exists { path: self.path.clone() });
        };
        let folder = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed())?;
        let name = name.to_string_lossy().into_owned();
        if folder.symlink_metadata(&name).is_ok() {
            return Err(CacheError::Exists { path: self.path.clone() });
        }
        let temp = format!(".{name}.part-{}", std::process::id());
        let file = folder.open_with(&temp, OpenOptions::new().write(true).create_new(true)).map_err(failed())?;
        let builder = tar::Builder::new(file.into_std());
        let names = BTreeSet::new();
        *self.state() = State::Writing(Writing { folder, temp, name, builder, names, whole: false });
        Ok(())
    }

    /// Adds a file that is not in it yet.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&self, path: &str, content: Content) -> Result<(), CacheError> {
        let mut state = self.state();
        let State::Writing(writing) = &mut *state else { return Err(self.read_only()) };
        let added = match content {
            Content::Bytes(bytes) => writing.add(path, bytes.len() as u64, &bytes[..]),
            Content::File(file) => {
                file.metadata().and_then(|metadata| writing.add(path, metadata.len(), file.take(metadata.len())))
            }
        };
        added.map_err(self.failed("writing an export"))
    }

    /// Adds the list, and gives the archive its name, durably.
    ///
    /// # Errors
    /// As [`Archive::put`], and [`CacheError::Exists`].
    pub fn finish(&self, list: &[u8]) -> Result<(), CacheError> {
        self.put(LIST, Content::Bytes(list.to_vec()))?;
        let mut state = self.state();
        let State::Writing(writing) = &mut *state else { return Err(self.read_only()) };
        let failed = || self.failed("writing an export");
        writing.builder.finish().and_then(|()| writing.builder.get_ref().sync_all()).map_err(failed())?;
        crate::store::fault::point("exported");
        let Writing { folder, temp, name, .. } = &*writing;
        if folder.symlink_metadata(name).is_ok() {
            return Err(CacheError::Exists { path: self.path.clone() });
        }
        folder.rename(temp, folder, name).map_err(failed())?;
        writing.whole = true;
        let synced = writing.folder.open(".").and_then(|folder| folder.sync_all());
        *state = State::Closed;
        synced.map_err(failed())
    }

    /// Opens one of its files at the byte `from`.
    ///
    /// # Errors
    /// [`CacheError::NotAnExport`] where it is something else.
    pub fn open(&self, path: &str, from: u64) -> Result<Answer, CacheError> {
        let Some(contents) = self.contents()? else { return Ok(Answer::Missing) };
        let Some((at, length)) = contents.places.get(path).copied() else { return Ok(Answer::Missing) };
        let from = from.min(length);
        let reader = Box::new(Section { at: at + from, left: length - from, contents });
        Ok(Answer::Body(Body { reader, from, total: Some(length) }))
    }

    /// Whether it has a file.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn has(&self, path: &str) -> Result<bool, CacheError> {
        if let State::Writing(writing) = &*self.state() {
            return Ok(writing.names.contains(path));
        }
        Ok(self.contents()?.is_some_and(|contents| contents.places.contains_key(path)))
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn length(&self) -> Result<u64, CacheError> {
        let Some(contents) = self.contents()? else { return Ok(0) };
        contents.file.metadata().map(|metadata| metadata.len()).map_err(self.failed("reading an export"))
    }

    /// The downloaded files in it, each with its length in bytes.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn downloads(&self) -> Result<Vec<(Sha256, u64)>, CacheError> {
        let Some(contents) = self.contents()? else { return Ok(Vec::new()) };
        let downloads = contents.places.iter().filter_map(|(path, (_, length))| Some((download_of(path)?, *length)));
        Ok(downloads.collect())
    }

    /// What is in it; `None` while it is being written.
    fn contents(&self) -> Result<Option<Arc<Contents>>, CacheError> {
        let mut state = self.state();
        match &*state {
            State::Writing(_) => return Ok(None),
            State::Reading(contents) => return Ok(Some(Arc::clone(contents))),
            State::Closed => {}
        }
        let contents = Arc::new(self.read()?);
        *state = State::Reading(Arc::clone(&contents));
        Ok(Some(contents))
    }

    fn read(&self) -> Result<Contents, CacheError> {
        let not = |why: String| CacheError::NotAnExport { path: self.path.clone(), why };
        let failed = || self.failed("reading an export");
        let mut options = OpenOptions::new();
        // A pipe would be waited for.
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let opened = cap_std::fs::File::open_ambient_with(self.path.as_path(), &options, ambient_authority());
        let file = opened.map_err(failed())?.into_std();
        if !file.metadata().map_err(failed())?.is_file() {
            return Err(not("it is no file".to_owned()));
        }
        let mut places = BTreeMap::new();
        let mut archive = tar::Archive::new(&file);
        // Raw: a long name or a link that an entry stands for is neither read nor followed.
        for entry in archive.entries_with_seek().map_err(failed())?.raw(true) {
            let entry = entry.map_err(|error| not(error.to_string()))?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let is_known = path == LIST || file_of_cache(&path).is_some() || download_of(&path).is_some();
            if !entry.header().entry_type().is_file() || !is_known {
                return Err(not(format!("there is `{}` in it", path.escape_debug())));
            }
            if places.len() == MOST_FILES {
                return Err(not(format!("it has more than {MOST_FILES} files")));
            }
            places.entry(path).or_insert((entry.raw_file_position(), entry.size()));
        }
        if !places.contains_key(LIST) {
            return Err(not(format!("its end is missing: there is no `{LIST}` in it")));
        }
        Ok(Contents { file, places })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_only(&self) -> CacheError {
        CacheError::Exists { path: self.path.clone() }
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> CacheError + use<> {
        let path = self.path.clone();
        move |source| CacheError::File { doing, path, source }
    }
}

impl Writing {
    fn add(&mut self, path: &str, length: u64, from: impl Read) -> io::Result<()> {
        if !self.names.insert(path.to_owned()) {
            return Ok(());
        }
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_size(length);
        header.set_mode(0o644);
        header.set_cksum();
        self.builder.append(&header, from)
    }
}

/// A part of an archive.
struct Section {
    contents: Arc<Contents>,
    at: u64,
    left: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.contents.file.read_at(&mut buffer[..most], self.at)?;
        (self.at, self.left) = (self.at + count as u64, self.left - count as u64);
        Ok(count)
    }
}

/// Where a downloaded file stands in an archive: `sha256/ab/cdef…`, as it was downloaded.
pub fn download_path(sha256: Sha256) -> String {
    let hex = sha256.to_string();
    let (shard, rest) = hex.split_at(2);
    format!("sha256/{shard}/{rest}")
}

fn download_of(path: &str) -> Option<Sha256> {
    let (shard, rest) = path.strip_prefix("sha256/")?.split_once('/')?;
    (shard.len() == 2).then(|| format!("{shard}{rest}").parse().ok())?
}
