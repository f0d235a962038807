//! What an evaluation looked at, and whether it is still the same: by the system's stamps on files, never by content.
//!
//! A stamp holds inode, mode, length and the times of the last change of content and of anything. The last one is set by
//! the kernel, so another content under the same name, length and date is another stamp. What changed within the
//! clock's own grain before the evaluation began could change again without a new stamp: such a file is no witness.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};

use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Project;
use super::files::ProjectFiles;
use crate::columns::{Columns, Damaged, put_bytes, put_long_numbers};
use crate::component::FileBeside;
use crate::eval::{Files, FilesError};
use crate::fetch::Visited;

/// How far a file's last change must lie before the evaluation, in nanoseconds: the coarsest clock of a kernel that
/// stamps files ticks a hundred times a second.
const GRAIN: i64 = 20_000_000;

/// The same for file systems that keep whole seconds: their stamps have no fraction.
const COARSE_GRAIN: i64 = 2_100_000_000;

/// What the system says of a path: device, inode, mode, length, and two times in nanoseconds since 1970. `None`: nothing
/// is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp(Option<(u64, u64, u32, i64, i64, i64)>);

/// Paths below the project's root with their stamps, sorted, each once. A large source has a hundred thousand, so that
/// nothing is looked up here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamps(Vec<(String, Stamp)>);

/// Numbers of a stamp in columns: whether something is there, and what the system says of it.
const NUMBERS: usize = 7;

/// From how many paths on it is worth to ask the system on several cores.
const MANY: usize = 4096;

/// The project's folder for evaluation, which notes what is looked at.
pub struct NotedFiles<'a> {
    files: ProjectFiles<'a>,
    seen: Mutex<BTreeSet<String>>,
}

impl<'a> NotedFiles<'a> {
    /// Notes what is looked at in `project`.
    pub fn new(project: &'a Project) -> Self {
        Self { files: ProjectFiles(project.root()), seen: Mutex::default() }
    }

    /// What was looked at: files, folders, and what was not there. Sorted.
    pub fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, path: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(path) {
            seen.insert(path.to_owned());
        }
    }
}

impl Files for NotedFiles<'_> {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        self.note(folder);
        self.files.list(folder)
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        self.note(path);
        self.files.read(path)
    }

    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        self.note(path);
        self.files.content(path)
    }
}

impl Project {
    /// The stamps of `paths`; `None` where one of them changed so shortly before `began` (nanoseconds since 1970), or
    /// after, that a later change might not show.
    pub fn stamps(&self, paths: BTreeSet<String>, began: i64) -> Option<Stamps> {
        let stamped = paths.into_iter().map(|path| {
            let stamp = self.stamp(&path)?;
            stamp.is_settled(began).then_some((path, stamp))
        });
        stamped.collect::<Option<_>>().map(Stamps)
    }

    /// Whether all of `stamps` are as they were.
    pub fn is_unchanged(&self, stamps: &Stamps) -> bool {
        let is_same = |(path, stamp): &(String, Stamp)| self.stamp(path) == Some(*stamp);
        match stamps.0.len() {
            ..MANY => stamps.0.iter().all(is_same),
            _ => stamps.0.par_chunks(MANY / 8).all(|chunk| chunk.iter().all(is_same)),
        }
    }

    /// The paths whose stamps are not what they were.
    pub fn changed<'s>(&self, stamps: &'s Stamps) -> Vec<&'s str> {
        let changed = stamps.0.iter().filter(|(path, stamp)| self.stamp(path) != Some(*stamp));
        changed.map(|(path, _)| path.as_str()).collect()
    }

    /// What was looked at for the tree of a local source: its files, every folder in it, and the rules above it. `None`
    /// where a name is not UTF-8, or something cannot be read.
    pub fn paths_of(folder: &str, visited: &Visited) -> Option<BTreeSet<String>> {
        let below = if folder == "." { "" } else { folder };
        let joined = |path: &str| match (below, path) {
            ("", "") => ".".to_owned(),
            ("", path) => path.to_owned(),
            (below, "") => below.to_owned(),
            (below, path) => format!("{below}/{path}"),
        };
        let mut paths = BTreeSet::new();
        for entry in &visited.entries {
            paths.insert(joined(std::str::from_utf8(entry.path.as_bytes()).ok()?));
        }
        for (folder, has_rules) in &visited.folders {
            // Rules that come into such a folder, or go, change the folder's own stamp.
            let folder = joined(std::str::from_utf8(folder).ok()?);
            if *has_rules {
                paths.insert(format!("{folder}/.gitignore"));
            }
            paths.insert(folder);
        }
        let above = below.match_indices('/').map(|(at, _)| &below[..at]);
        paths.extend(above.map(|above| format!("{above}/.gitignore")).chain([".gitignore".to_owned()]));
        Some(paths)
    }

    /// `None` where the system does not say.
    fn stamp(&self, path: &str) -> Option<Stamp> {
        // Of what a link leads to as well as of the link: recipes are read through links, sources hold them. A link is
        // known by its own stamp, and so is every folder that it could lead through.
        match fstatat(self.root().as_fd(), path, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) if found.st_mode & libc::S_IFMT == libc::S_IFLNK => {
                let (link, target) = (of(&found)?, fstatat(self.root().as_fd(), path, AtFlags::empty()).ok());
                let target = target.as_ref().and_then(of).and_then(|target| target.0);
                let (Some(own), Some(behind)) = (link.0, target) else { return Some(link) };
                // Both in one: the newer times, and the inodes mixed.
                let mixed = own.1.rotate_left(32) ^ behind.1;
                Some(Stamp(Some((own.0, mixed, behind.2, behind.3, own.4.max(behind.4), own.5.max(behind.5)))))
            }
            Ok(found) => of(&found),
            Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => Some(Stamp(None)),
            Err(_) => None,
        }
    }
}

fn of(found: &libc::stat) -> Option<Stamp> {
    let time = |seconds: i64, fraction: i64| seconds.checked_mul(1_000_000_000)?.checked_add(fraction);
    let (content, any) = (time(found.st_mtime, found.st_mtime_nsec)?, time(found.st_ctime, found.st_ctime_nsec)?);
    Some(Stamp(Some((found.st_dev, found.st_ino, found.st_mode, found.st_size, content, any))))
}

impl Stamps {
    /// The paths at which something is.
    pub fn present(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, stamp)| *stamp != Stamp::MISSING).map(|(path, _)| path.as_str())
    }

    /// Leaves only the paths that `stays` says.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        self.0.retain(|(path, _)| stays(path));
    }

    /// Writes them in columns, which are read much faster than text.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let paths: Vec<&str> = self.0.iter().map(|(path, _)| path.as_str()).collect();
        // No path has a NUL in it.
        put_bytes(to, paths.join("\0").as_bytes())?;
        let numbers: Vec<u64> = self.0.iter().flat_map(|(_, stamp)| stamp.to_numbers()).collect();
        put_long_numbers(to, numbers.into_iter())
    }

    /// What was written.
    ///
    /// # Errors
    /// [`Damaged`] where these are other bytes.
    pub fn read(from: &mut Columns) -> Result<Self, Damaged> {
        let (paths, numbers) = (from.shared()?, from.long_numbers()?);
        let paths = std::str::from_utf8(&paths).map_err(|_| Damaged)?.split('\0').map(str::to_owned);
        let (stamps, rest) = numbers.as_chunks();
        let stamps: Vec<(String, Stamp)> =
            paths.zip(stamps.iter().map(|numbers| Stamp::of_numbers(*numbers))).collect();
        if rest.is_empty() && stamps.len() * NUMBERS == numbers.len() { Ok(Self(stamps)) } else { Err(Damaged) }
    }

    /// Both, with the stamps of `newer` where a path is in both.
    #[must_use]
    pub fn joined(self, newer: Self) -> Self {
        let all: BTreeMap<String, Stamp> = self.0.into_iter().chain(newer.0).collect();
        Self(all.into_iter().collect())
    }
}

impl Stamp {
    /// Of a path at which nothing is.
    pub const MISSING: Self = Self(None);

    fn to_numbers(self) -> [u64; NUMBERS] {
        let Self(Some((device, inode, mode, length, content, any))) = self else { return [0; NUMBERS] };
        let [length, content, any] = [length, content, any].map(i64::cast_unsigned);
        [1, device, inode, mode.into(), length, content, any]
    }

    fn of_numbers([is_there, device, inode, mode, length, content, any]: [u64; NUMBERS]) -> Self {
        let [length, content, any] = [length, content, any].map(u64::cast_signed);
        // A mode that is none is no file's.
        let mode = u32::try_from(mode).unwrap_or(u32::MAX);
        Self((is_there != 0).then_some((device, inode, mode, length, content, any)))
    }

    fn is_settled(self, began: i64) -> bool {
        self.0.is_none_or(|(.., any)| is_witness(any, began))
    }
}

/// Whether what last changed at `changed` would show a change after `began`: both in nanoseconds since 1970.
pub fn is_witness(changed: i64, began: i64) -> bool {
    let grain = if changed % 1_000_000_000 == 0 { COARSE_GRAIN } else { GRAIN };
    changed.saturating_add(grain) < began
}
