//! Writing a stored tree into a folder.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::io::{self as std_io, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::{Dir, OpenOptions};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fchmod, fstatat, mkdirat};
use nix::unistd::linkat;

use super::error::{StoreError, io};
use super::hashing::hash_large;
use super::objects::{digest_of, object_place};
use super::{Store, fault};
use crate::digest::Digest;
use crate::path::{HostPath, TreePath};
use crate::tree::{Entry, Tree};

/// How files come into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportMode {
    /// As further names of the store's own files, mode 0444: only for what is never written to. Executable files, and
    /// all where the folder is in another file system, are copied.
    HardLink,
    /// As copies, mode 0644 or 0755, verified while they are made.
    Copy,
}

impl Store {
    /// Writes `tree` into `into`, which is best empty: nothing that is there is replaced or followed. Not durable before
    /// [`Store::sync_all`]. Times are not set.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Altered`] where an object is; where something of that name is there
    /// already; where it cannot be written.
    pub fn export_tree(&self, tree: &Tree, into: &Dir, mode: ExportMode) -> Result<(), StoreError> {
        let mut open = Open { store: self, into, folders: Vec::new(), shards: BTreeMap::new(), adds: false };
        for (path, entry) in tree.iter() {
            // Errors name the place in the tree: where `into` is, only the caller knows.
            let shown = || HostPath::new("/").join(path.as_path());
            match entry {
                Entry::Folder => open.make(path).map_err(|error| io("making a folder of a tree", &shown())(error))?,
                Entry::Link { target } => {
                    use std::os::unix::ffi::OsStrExt as _;
                    let target = std::path::Path::new(std::ffi::OsStr::from_bytes(target));
                    into.symlink_contents(target, path.as_path())
                        .map_err(|error| io("making a symbolic link of a tree", &shown())(error))?;
                }
                Entry::File { digest, executable, .. } => {
                    let linked = mode == ExportMode::HardLink && !executable && open.link(*digest, path)?;
                    if !linked {
                        self.copy_out(*digest, *executable, into, path)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the files of `tree`, which has no links and nothing executable, to the folder `into`, where folders of these names may
    /// be: as further names of the store's own files, or copied where that cannot be. A file that is there stays; returns the paths
    /// of those that have other content. Nothing but plain folders is gone through. Not durable before [`Store::sync_all`].
    ///
    /// # Errors
    /// As [`Store::export_tree`]; where something else has a folder's name.
    pub fn add_files(&self, tree: &Tree, into: &Dir) -> Result<Vec<TreePath>, StoreError> {
        let mut open = Open { store: self, into, folders: Vec::new(), shards: BTreeMap::new(), adds: true };
        let mut others = Vec::new();
        for (path, entry) in tree.iter() {
            let shown = || HostPath::new("/").join(path.as_path());
            match entry {
                Entry::Folder => open.make(path).map_err(|error| io("making a folder of a tree", &shown())(error))?,
                Entry::File { digest, .. } => {
                    match open.is_same(*digest, path).map_err(io("reading a file of a tree", &shown()))? {
                        Some(true) => {}
                        Some(false) => others.push(path.clone()),
                        None if open.link(*digest, path)? => {}
                        None => self.copy_out(*digest, false, into, path)?,
                    }
                }
                Entry::Link { .. } => {}
            }
            fault::point("file-added");
        }
        Ok(others)
    }

    fn copy_out(&self, digest: Digest, executable: bool, into: &Dir, path: &TreePath) -> Result<(), StoreError> {
        let shown = HostPath::new("/").join(path.as_path());
        let mut object = self.open_object(digest)?;
        let opened = into.open_with(path.as_path(), OpenOptions::new().write(true).create_new(true));
        let mut file = opened.map_err(io("making a file of a tree", &shown))?.into_std();
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; 128 << 10];
        loop {
            let count = object.read(&mut chunk).map_err(io("reading an object", &self.object_path(digest)))?;
            if count == 0 {
                break;
            }
            hasher.update(&chunk[..count]);
            file.write_all(&chunk[..count]).map_err(io("writing a file of a tree", &shown))?;
        }
        if digest_of(&hasher) != digest {
            return Err(StoreError::Altered { what: "object", path: self.object_path(digest) });
        }
        let mode = if executable { 0o755 } else { 0o644 };
        let set = file.set_permissions(std::fs::Permissions::from_mode(mode));
        set.map_err(io("setting a file's mode", &shown))
    }
}

/// Folders that are open: a name is looked up from the one that it is in, as thousands of whole paths take far longer.
struct Open<'a> {
    store: &'a Store,
    into: &'a Dir,
    /// Those on the way to what comes next, outermost first.
    folders: Vec<(TreePath, OwnedFd)>,
    /// Of the store's objects, by the first byte of their digests.
    shards: BTreeMap<u8, OwnedFd>,
    /// Whether folders may be there already.
    adds: bool,
}

impl Open<'_> {
    /// Closes what `path` is not in. The folder that it is in was made before it, as a tree lists it first, and is the last then.
    fn leave_others(&mut self, path: &TreePath) {
        let parent = path.parent();
        while self.folders.last().is_some_and(|(folder, _)| Some(folder) != parent.as_ref()) {
            self.folders.pop();
        }
    }

    fn make(&mut self, path: &TreePath) -> std_io::Result<()> {
        let name = path.file_name();
        self.leave_others(path);
        let parent = self.folders.last().map_or(self.into.as_fd(), |(_, folder)| folder.as_fd());
        let is_new = match mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
            Err(Errno::EEXIST) if self.adds => false,
            made => made.map(|()| true)?,
        };
        let folder = openat(parent, name, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        if is_new {
            // Whatever the umask is.
            fchmod(&folder, Mode::from_bits_truncate(0o755))?;
        }
        self.folders.push((path.clone(), folder));
        Ok(())
    }

    /// Whether the file of that name has the content; `None` where nothing has it.
    fn is_same(&mut self, digest: Digest, path: &TreePath) -> std_io::Result<Option<bool>> {
        self.leave_others(path);
        let parent = self.folders.last().map_or(self.into.as_fd(), |(_, folder)| folder.as_fd());
        let there = match fstatat(parent, path.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(there) => there,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let object = self.store.stat(&object_place(&digest));
        if object.is_some_and(|object| (object.st_dev, object.st_ino) == (there.st_dev, there.st_ino)) {
            return Ok(Some(true));
        }
        if there.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Ok(Some(false));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = std::fs::File::from(openat(parent, path.file_name(), flags, Mode::empty())?);
        let length = file.metadata()?.len();
        Ok(Some(hash_large(&file, length)? == digest))
    }

    /// `false` where the folder is in another file system, or the object has all the links it can have.
    fn link(&mut self, digest: Digest, path: &TreePath) -> Result<bool, StoreError> {
        let place = object_place(&digest);
        let (shard, name) = place.rsplit_once('/').unwrap_or((".", &place));
        self.leave_others(path);
        let parent = self.folders.last().map_or(self.into.as_fd(), |(_, folder)| folder.as_fd());
        let missing = || StoreError::Missing { what: "object", digest };
        let from = match self.shards.entry(digest.as_bytes()[0]) {
            MapEntry::Occupied(entry) => entry.into_mut(),
            MapEntry::Vacant(entry) => match self.store.dir.open_dir(shard) {
                Ok(folder) => entry.insert(folder.into_std_file().into()),
                Err(error) if error.kind() == std_io::ErrorKind::NotFound => return Err(missing()),
                Err(error) => return Err(io("opening a folder of objects", &self.store.path.join(shard))(error)),
            },
        };
        let from = from.as_fd();
        match linkat(from, name, parent, path.file_name(), AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::EXDEV | Errno::EMLINK | Errno::EPERM) => Ok(false),
            Err(Errno::ENOENT) => Err(missing()),
            Err(error) => Err(io("linking a file of a tree", &HostPath::new("/").join(path.as_path()))(error.into())),
        }
    }
}
