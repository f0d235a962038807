//! A cache that is a folder: a disk that machines share, or what a server serves.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _, Permissions};
use cap_tempfile::TempFile;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::error::CacheError;
use super::list::{LIST, List, MAX_LIST, SegmentName};
use super::place::{Answer, Body};
use crate::digest::Digest;
use crate::path::HostPath;

/// Held while the list is exchanged.
const LOCK: &str = "opb-cache.lock";

/// For how long segments stay that no list names any more.
const LEFT: Duration = Duration::from_secs(24 * 3600);

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
        // Not to wait for a writer, where somebody has laid a pipe there.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let mut file = match dir.open_with(path, &options) {
            Ok(file) => file.into_std(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Answer::Missing),
            Err(source) => return Err(self.failed("reading a cache", path)(source)),
        };
        let metadata = file.metadata().map_err(self.failed("reading a cache", path))?;
        if !metadata.is_file() {
            let (cache, why) = (self.name.clone(), "it is no file".to_owned());
            return Err(CacheError::Damaged { cache, path: path.to_owned(), why });
        }
        file.seek(SeekFrom::Start(from)).map_err(self.failed("reading a cache", path))?;
        Ok(Answer::Body(Body { reader: Box::new(file), from, total: Some(metadata.len()) }))
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
        settle(&self.made()?).map_err(self.failed("making a cache durable", "."))
    }

    /// Puts `new` in the place of the list, if that is still `old`.
    pub fn swap_list(&self, old: Option<&[u8]>, new: &[u8]) -> Result<bool, CacheError> {
        exchange_list(&self.made()?, &|now| now == old, new).map_err(self.failed("writing to a cache", LIST))
    }
}

/// Puts `new` in the place of the list of the cache in `dir`, where the one that is there `counts`, and durably; `false`
/// where it does not. Nobody else exchanges it meanwhile, whether over HTTP or in the folder. Segments that no list has
/// named for a day are removed.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn exchange_list(dir: &Dir, counts: &dyn Fn(Option<&[u8]>) -> bool, new: &[u8]) -> io::Result<bool> {
    let lock = dir.open_with(LOCK, OpenOptions::new().create(true).write(true))?.into_std();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| io::Error::from(error))?;
    let mut now = Vec::new();
    let now = match dir.open(LIST) {
        Ok(file) => {
            file.take(MAX_LIST + 1).read_to_end(&mut now)?;
            Some(&now[..])
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if !counts(now) {
        return Ok(false);
    }
    settle(dir)?;
    write(dir, LIST, &mut &new[..])?;
    settle(dir)?;
    sweep(dir, [now.unwrap_or_default(), new]);
    Ok(true)
}

/// Removes segments that neither of the two lists names, once they are a day old: a reader may have an older list. Those
/// that only the first names count as new from now on.
fn sweep(dir: &Dir, lists: [&[u8]; 2]) {
    let [old, new] = lists.map(|list| List::parse(list, "").unwrap_or_default().segments);
    let is_in = |list: &[SegmentName], name: Digest| list.iter().any(|segment| segment.name == name);
    let modified = |metadata: io::Result<cap_std::fs::Metadata>| metadata.and_then(|metadata| metadata.modified()).ok();
    // By the clock of whoever keeps the folder: the list was written a moment ago.
    let (Ok(segments), Some(now)) = (dir.open_dir("segments"), modified(dir.metadata(LIST))) else { return };
    for entry in segments.entries().into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file.split('.').next().and_then(|name| name.parse::<Digest>().ok()) else { continue };
        if is_in(&new, name) {
            continue;
        }
        let age = modified(entry.metadata()).and_then(|modified| now.duration_since(modified).ok());
        if is_in(&old, name) {
            // It may belong to somebody else; then it is theirs to remove.
            let _ = segments.open(&file).map(|opened| futimens(&opened, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW));
        } else if age.is_some_and(|age| age > LEFT) {
            let _ = segments.remove_file(&file);
        }
    }
}

fn settle(dir: &Dir) -> io::Result<()> {
    dir.open(".").and_then(|dir| nix::unistd::syncfs(dir).map_err(io::Error::from))
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
