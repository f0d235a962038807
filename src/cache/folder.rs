//! A cache that is a folder: a disk that machines share, or what a server serves.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Permissions};
use cap_tempfile::TempFile;
use nix::fcntl::{Flock, FlockArg};

use super::error::CacheError;
use super::list::LIST;
use super::place::{Answer, Body};
use crate::path::HostPath;

/// Held while the list is exchanged.
const LOCK: &str = "opb-cache.lock";

/// A folder, opened when it is first used.
pub struct Folder {
    path: HostPath,
    name: String,
}

impl Folder {
    /// The folder at `path`.
    pub fn new(path: HostPath, name: &str) -> Self {
        Self { path, name: name.to_owned() }
    }

    fn dir(&self) -> Result<Option<Dir>, CacheError> {
        match Dir::open_ambient_dir(self.path.as_path(), ambient_authority()) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed("opening a cache", ".")(source)),
        }
    }

    /// The folder, made where it is not there.
    pub fn made(&self) -> Result<Dir, CacheError> {
        Dir::create_ambient_dir_all(self.path.as_path(), ambient_authority())
            .map_err(self.failed("making a cache", "."))?;
        Dir::open_ambient_dir(self.path.as_path(), ambient_authority()).map_err(self.failed("opening a cache", "."))
    }

    fn failed(&self, doing: &'static str, path: &str) -> impl FnOnce(io::Error) -> CacheError + use<> {
        let path = self.path.join(path);
        move |source| CacheError::File { doing, path, source }
    }

    /// Opens a file at the byte `from`.
    pub fn open(&self, path: &str, from: u64) -> Result<Answer, CacheError> {
        let Some(dir) = self.dir()? else {
            // A disk that is not mounted is not an empty cache.
            return Err(CacheError::Unreachable {
                cache: self.name.clone(),
                why: "there is no such folder".to_owned(),
            });
        };
        let mut file = match dir.open(path) {
            Ok(file) => file.into_std(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Answer::Missing),
            Err(source) => return Err(self.failed("reading a cache", path)(source)),
        };
        file.seek(SeekFrom::Start(from)).map_err(self.failed("reading a cache", path))?;
        let total = file.metadata().ok().map(|metadata| metadata.len());
        Ok(Answer::Body(Body { reader: Box::new(file), from, total }))
    }

    /// Whether a file is there.
    pub fn has(&self, path: &str) -> Result<bool, CacheError> {
        Ok(self.dir()?.is_some_and(|dir| dir.is_file(path)))
    }

    /// Writes a file, unless it is there.
    pub fn put(&self, path: &str, from: &mut dyn Read) -> Result<(), CacheError> {
        let dir = self.made()?;
        let failed = || self.failed("writing to a cache", path);
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        dir.create_dir_all(folder).map_err(failed())?;
        let (shard, name) = (dir.open_dir(folder).map_err(failed())?, path.rsplit('/').next().unwrap_or(path));
        write(&shard, name, from).map_err(failed())
    }

    /// Makes all that was put durable.
    pub fn settle(&self) -> Result<(), CacheError> {
        let dir = self.made()?;
        let synced = dir.open(".").and_then(|dir| nix::unistd::syncfs(dir).map_err(io::Error::from));
        synced.map_err(self.failed("making a cache durable", "."))
    }

    /// Puts `new` in the place of the list, if that is still `old`.
    pub fn swap_list(&self, old: Option<&[u8]>, new: &[u8]) -> Result<bool, CacheError> {
        let dir = self.made()?;
        let failed = || self.failed("writing to a cache", LIST);
        let mut options = cap_std::fs::OpenOptions::new();
        let lock = dir.open_with(LOCK, options.create(true).write(true)).map_err(failed())?.into_std();
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| failed()(error.into()))?;
        let now = match dir.read(LIST) {
            Ok(now) => Some(now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed()(source)),
        };
        if now.as_deref() != old {
            return Ok(false);
        }
        write(&dir, LIST, &mut &new[..]).map_err(failed())?;
        self.settle()?;
        Ok(true)
    }
}

/// Temporary file, content, rename: a reader never sees a part.
fn write(dir: &Dir, name: &str, from: &mut dyn Read) -> io::Result<()> {
    let mut temp = TempFile::new(dir)?;
    io::copy(from, temp.as_file_mut())?;
    // Explicit: others read what one pushes, whatever the umask is.
    temp.as_file().set_permissions(Permissions::from_std(std::fs::Permissions::from_mode(0o644)))?;
    temp.replace(name)?;
    crate::store::fault::point("cache-file-put");
    Ok(())
}
