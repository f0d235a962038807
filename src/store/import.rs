//! Taking a folder into the store: what a build leaves behind, or a source.
//!
//! The folder's content is not trusted. It is walked through descriptors, never following a link; each file is opened
//! without following anything, compared with what the walk saw, and copied to a fresh inode, so that nobody who still
//! holds the old one can change what was hashed. The flow: walk, copy and hash in parallel, make all contents durable,
//! rename, make the names durable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use cap_std::fs::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use xattr::FileExt as _;

use super::durable::{Temp, folder_of};
use super::error::{Refusal, StoreError, io};
use super::objects::{OBJECT_MODE, digest_of, object_place};
use super::{Store, Used};
use crate::digest::Digest;
use crate::path::TreePath;
use crate::tree::{Entry, MAX_ENTRIES, Tree};

/// Files up to this size in bytes are read whole, so that those the store has are never written.
const SMALL: u64 = 1 << 20;

/// Files that are taken together: what the store has of them is looked for at once.
const TOGETHER: usize = 16;

/// From this many new files on, one `syncfs` is cheaper than an `fsync` for each.
pub(super) const MANY: usize = 16;

/// What may be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportRules {
    /// The most entries.
    pub entries: usize,
    /// The most bytes in all files together.
    pub bytes: u64,
    /// Accept hard links to files outside of the folder: for a person's own files, never for what a build made.
    pub links_outside: bool,
    /// Accept extended attributes, which a tree does not hold: for a person's own files, never for what a build made.
    pub attributes: bool,
}

impl Default for ImportRules {
    fn default() -> Self {
        Self { entries: MAX_ENTRIES, bytes: u64::MAX, links_outside: false, attributes: false }
    }
}

/// A file to take.
struct Found {
    path: TreePath,
    /// What the walk saw; `None` where nobody walked.
    seen: Option<FileStat>,
}

/// A file that has been read.
struct Content {
    digest: Digest,
    size: u64,
    executable: bool,
    /// All of a small one.
    bytes: Vec<u8>,
    /// A copy of a large one.
    temp: Option<Temp>,
}

/// A file whose content has been copied, or that the store has.
struct Taken {
    digest: Digest,
    size: u64,
    executable: bool,
    /// `None` where the store has it.
    temp: Option<Temp>,
}

/// What the walk gathers.
#[derive(Default)]
struct Walk {
    tree: Tree,
    files: Vec<Found>,
    entries: usize,
    /// By device and inode: names seen, names there are, one of the names.
    links: BTreeMap<(u64, u64), (u64, u64, TreePath)>,
}

impl Store {
    /// Stores every file below `dir`, durably, and returns the tree that `dir` is. The tree itself is not stored.
    ///
    /// # Errors
    /// [`StoreError::Refused`] names the first thing that never enters the store: devices, pipes, sockets, setuid and
    /// setgid files, hard links to outside, what changes meanwhile, more than `rules` allow.
    pub fn import_folder(&self, dir: &Dir, rules: &ImportRules) -> Result<Tree, StoreError> {
        let mut walk = Walk::default();
        let mut folders = vec![None];
        while let Some(folder) = folders.pop() {
            walk_folder(dir, folder.as_ref(), rules, &mut walk, &mut folders)?;
        }
        if !rules.links_outside
            && let Some((.., path)) = walk.links.values().find(|(seen, there, _)| seen < there)
        {
            return Err(refused(Some(path), Refusal::LinkedOutside));
        }
        let taken = self.take_all(dir, &walk.files, rules)?;
        let mut tree = walk.tree;
        let mut temps = BTreeMap::new();
        for (found, taken) in walk.files.into_iter().zip(taken) {
            let Taken { digest, size, executable, temp } = taken;
            if let Some(temp) = temp {
                temps.insert(digest, temp);
            }
            let entry = Entry::File { digest, size, executable };
            tree.insert(found.path.clone(), entry).map_err(|why| refused(Some(&found.path), why.into()))?;
        }
        self.settle_objects(temps)?;
        Ok(tree)
    }

    /// Stores the files at `paths` below `dir`, durably; returns each one's digest and size in bytes, in their order. No
    /// symbolic link is followed, and extended attributes are not looked at.
    ///
    /// # Errors
    /// [`StoreError::Refused`] names the first that is no file, or that changes meanwhile.
    pub fn import_files(&self, dir: &Dir, paths: Vec<TreePath>) -> Result<Vec<(Digest, u64)>, StoreError> {
        let files: Vec<Found> = paths.into_iter().map(|path| Found { path, seen: None }).collect();
        let rules = ImportRules { links_outside: true, attributes: true, ..ImportRules::default() };
        let mut temps = BTreeMap::new();
        let taken = self.take_all(dir, &files, &rules)?.into_iter().map(|taken| {
            temps.extend(taken.temp.map(|temp| (taken.digest, temp)));
            (taken.digest, taken.size)
        });
        let taken = taken.collect();
        self.settle_objects(temps)?;
        Ok(taken)
    }

    /// Copies and hashes `files`, in parallel, in the same order.
    fn take_all(&self, dir: &Dir, files: &[Found], rules: &ImportRules) -> Result<Vec<Taken>, StoreError> {
        let (next, stop, bytes) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicU64::new(0));
        let results = Mutex::new(BTreeMap::new());
        let work = || {
            let mut mine = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let place = next.fetch_add(TOGETHER, Ordering::Relaxed);
                let Some(rest) = files.get(place..).filter(|rest| !rest.is_empty()) else { break };
                let taken = self.take(dir, &rest[..rest.len().min(TOGETHER)], rules, &bytes);
                stop.fetch_or(taken.is_err(), Ordering::Relaxed);
                mine.insert(place, taken);
            }
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut mine);
        };
        // Plain threads: a worker of a rayon pool that waits here would start other work of its pool, such as a whole
        // build, and not come back before that ends.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len() / TOGETHER + 1);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut taken = Vec::with_capacity(files.len());
        for some in results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_values() {
            taken.extend(some?);
        }
        Ok(taken)
    }

    /// Reads some files, says that they are in use, and writes those that the store lacks.
    fn take(
        &self,
        dir: &Dir,
        files: &[Found],
        rules: &ImportRules,
        total: &AtomicU64,
    ) -> Result<Vec<Taken>, StoreError> {
        let read: Vec<Content> =
            files.iter().map(|found| self.read(dir, found, rules, total)).collect::<Result<_, _>>()?;
        self.uses(&read.iter().map(|content| Used::Object(content.digest)).collect::<Vec<_>>())?;
        read.into_iter().map(|content| self.write(content)).collect()
    }

    /// Reads and hashes one file; a large one is copied meanwhile.
    fn read(&self, dir: &Dir, found: &Found, rules: &ImportRules, total: &AtomicU64) -> Result<Content, StoreError> {
        let refuse = |why| refused(Some(&found.path), why);
        let fd = open_below(dir, &found.path, OFlag::O_RDONLY).map_err(|error| refuse(unreadable(error)))?;
        let before = fstat(&fd).map_err(|error| refuse(unreadable(error)))?;
        if kind(&before) != SFlag::S_IFREG || found.seen.is_some_and(|seen| !same_file(&seen, &before)) {
            return Err(refuse(Refusal::Changed));
        }
        let size = u64::try_from(before.st_size).unwrap_or(0);
        if total.fetch_add(size, Ordering::Relaxed).saturating_add(size) > rules.bytes {
            return Err(refuse(Refusal::TooManyBytes(rules.bytes)));
        }
        let mut file = File::from(fd);
        refuse_attributes(&file, rules).map_err(refuse)?;
        let (mut bytes, mut temp) = (Vec::new(), None);
        let digest = if size <= SMALL {
            bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
            (&file).take(size + 1).read_to_end(&mut bytes).map_err(|source| StoreError::Reading { source })?;
            (bytes.len() as u64 == size).then(|| Digest::of(&bytes))
        } else {
            let mut hasher = blake3::Hasher::new();
            let copy = temp.insert(self.temp()?);
            let copied = self.copy_into(copy, &mut file, size, &mut |bytes| {
                hasher.update(bytes);
            })?;
            (copied == size).then(|| digest_of(&hasher))
        };
        // It was written to while it was read, or had another size than it said.
        let after = fstat(&file).map_err(|error| refuse(unreadable(error)))?;
        let Some(digest) = digest.filter(|_| same_file(&before, &after)) else { return Err(refuse(Refusal::Changed)) };
        Ok(Content { digest, size, executable: before.st_mode & 0o111 != 0, bytes, temp })
    }

    /// Leaves a finished temporary file of what the store lacks.
    fn write(&self, content: Content) -> Result<Taken, StoreError> {
        let Content { digest, size, executable, bytes, temp } = content;
        if self.object_size(digest) == Some(size) {
            return Ok(Taken { digest, size, executable, temp: None });
        }
        let mut finished = match temp {
            Some(temp) => temp,
            None => {
                let mut temp = self.temp()?;
                let written = temp.file().and_then(|file| file.write_all(&bytes));
                written.map_err(io("writing an object", &self.object_path(digest)))?;
                temp
            }
        };
        finished.finish(OBJECT_MODE, false).map_err(io("writing an object", &self.object_path(digest)))?;
        Ok(Taken { digest, size, executable, temp: Some(finished) })
    }

    /// Gives temporary files their names as objects, durably.
    pub(super) fn settle_objects(&self, temps: BTreeMap<Digest, Temp>) -> Result<(), StoreError> {
        let many = temps.len() > MANY;
        if many {
            self.sync_all()?;
        } else {
            for (digest, temp) in &temps {
                temp.sync().map_err(io("making an object durable", &self.object_path(*digest)))?;
            }
        }
        let digests: Vec<Digest> = temps.keys().copied().collect();
        for (digest, temp) in temps {
            let place = object_place(&digest);
            self.make_folder(folder_of(&place))?;
            self.rename(temp, &place)?;
        }
        if many {
            return self.sync_all();
        }
        digests.iter().try_for_each(|digest| self.sync_folder(folder_of(&object_place(digest))))
    }
}

/// Walks one folder; adds the folders in it to `folders`.
fn walk_folder(
    dir: &Dir,
    folder: Option<&TreePath>,
    rules: &ImportRules,
    walk: &mut Walk,
    folders: &mut Vec<Option<TreePath>>,
) -> Result<(), StoreError> {
    let failed = |error| refused(folder, unreadable(error));
    let opened = match folder {
        None => dir.try_clone().map_err(|source| StoreError::Reading { source })?,
        Some(path) => {
            let opened = File::from(open_below(dir, path, OFlag::O_DIRECTORY).map_err(failed)?);
            refuse_attributes(&opened, rules).map_err(|why| refused(folder, why))?;
            Dir::from_std_file(opened)
        }
    };
    let mut names = Vec::new();
    for entry in opened.entries().map_err(|source| StoreError::Reading { source })? {
        names.push(entry.map_err(|source| StoreError::Reading { source })?.file_name());
        walk.entries += 1;
        if walk.entries > rules.entries {
            return Err(refused(folder, Refusal::TooManyEntries(rules.entries)));
        }
    }
    // Sorted, so that what is refused first does not depend on the file system.
    names.sort();
    for name in names {
        let name = std::os::unix::ffi::OsStrExt::as_bytes(name.as_os_str());
        let joined = folder.map_or_else(|| name.to_vec(), |folder| [folder.as_bytes(), b"/", name].concat());
        let path = TreePath::new(&joined).map_err(|why| refused_bytes(&joined, why.into()))?;
        walk_entry(&opened, name, path, walk, folders)?;
    }
    Ok(())
}

fn walk_entry(
    opened: &Dir,
    name: &[u8],
    path: TreePath,
    walk: &mut Walk,
    folders: &mut Vec<Option<TreePath>>,
) -> Result<(), StoreError> {
    let refuse = |why| refused(Some(&path), why);
    let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
    let seen = nix::sys::stat::fstatat(opened, name, flags).map_err(|error| refuse(unreadable(error)))?;
    let entry = match kind(&seen) {
        SFlag::S_IFREG => {
            if seen.st_mode & (libc::S_ISUID | libc::S_ISGID) != 0 {
                return Err(refuse(Refusal::SetId));
            }
            if seen.st_nlink > 1 {
                let place = (seen.st_dev, seen.st_ino);
                walk.links.entry(place).or_insert_with(|| (0, seen.st_nlink, path.clone())).0 += 1;
            }
            walk.files.push(Found { path, seen: Some(seen) });
            return Ok(());
        }
        SFlag::S_IFDIR => Entry::Folder,
        SFlag::S_IFLNK => {
            let target = readlinkat(opened, name).map_err(|error| refuse(unreadable(error)))?;
            Entry::Link { target: std::os::unix::ffi::OsStringExt::into_vec(target) }
        }
        SFlag::S_IFIFO => return Err(refuse(Refusal::Special("pipe"))),
        SFlag::S_IFSOCK => return Err(refuse(Refusal::Special("socket"))),
        _ => return Err(refuse(Refusal::Special("device"))),
    };
    if entry == Entry::Folder {
        folders.push(Some(path.clone()));
    }
    walk.tree.insert(path.clone(), entry).map_err(|why| refuse(why.into()))
}

/// Opens something below `dir` that no symbolic link leads to, and without waiting for the other end of a pipe.
fn open_below(dir: &Dir, path: &TreePath, flag: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flag | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(dir.as_fd(), path.as_path(), how)
}

/// Attributes that give rights or meaning to a file, which it would lose: capabilities, access lists, a build's own. A
/// system's label says nothing of the file.
fn refuse_attributes(file: &File, rules: &ImportRules) -> Result<(), Refusal> {
    if rules.attributes {
        return Ok(());
    }
    // A file system without any has none.
    let Ok(names) = file.list_xattr() else { return Ok(()) };
    match names.map(|name| name.to_string_lossy().into_owned()).find(|name| name != "security.selinux") {
        Some(name) => Err(Refusal::Attribute(name.escape_debug().to_string())),
        None => Ok(()),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Whether nothing about a file has changed between two looks. The change time covers mode, owner and links too.
fn same_file(one: &FileStat, other: &FileStat) -> bool {
    let facts = |stat: &FileStat| {
        (stat.st_dev, stat.st_ino, stat.st_mode, stat.st_nlink, stat.st_size, stat.st_ctime, stat.st_ctime_nsec)
    };
    facts(one) == facts(other)
}

/// What is gone, or of another kind than the walk saw, has changed; all else is the system's refusal.
fn unreadable(error: Errno) -> Refusal {
    match error {
        Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR | Errno::EXDEV | Errno::ENXIO | Errno::EINVAL => Refusal::Changed,
        other => Refusal::Unreadable(other),
    }
}

fn refused(path: Option<&TreePath>, why: Refusal) -> StoreError {
    refused_bytes(path.map_or(b".", TreePath::as_bytes), why)
}

fn refused_bytes(path: &[u8], why: Refusal) -> StoreError {
    let shown = String::from_utf8_lossy(&path[..path.len().min(400)]).escape_debug().to_string();
    StoreError::Refused { path: shown, why }
}
