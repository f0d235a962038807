//! Writing a stored tree into a folder.

use std::io::{self as std_io, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use cap_std::fs::{Dir, OpenOptions};

use super::Store;
use super::error::{StoreError, io};
use super::objects::{digest_of, object_place};
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
        for (path, entry) in tree.iter() {
            // Errors name the place in the tree: where `into` is, only the caller knows.
            let shown = HostPath::new("/").join(path.as_path());
            match entry {
                Entry::Folder => {
                    into.create_dir(path.as_path()).map_err(io("making a folder of a tree", &shown))?;
                    set_mode(into, path, 0o755).map_err(io("setting a folder's mode", &shown))?;
                }
                Entry::Link { target } => {
                    use std::os::unix::ffi::OsStrExt as _;
                    let target = std::path::Path::new(std::ffi::OsStr::from_bytes(target));
                    into.symlink_contents(target, path.as_path())
                        .map_err(io("making a symbolic link of a tree", &shown))?;
                }
                Entry::File { digest, executable, .. } => {
                    let linked = mode == ExportMode::HardLink && !executable && self.link_out(*digest, into, path)?;
                    if !linked {
                        self.copy_out(*digest, *executable, into, path)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// `false` where the folder is in another file system, or the object has all the links it can have.
    fn link_out(&self, digest: Digest, into: &Dir, path: &TreePath) -> Result<bool, StoreError> {
        match self.dir.hard_link(object_place(&digest), into, path.as_path()) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::EMLINK | libc::EPERM)) => Ok(false),
            Err(error) if error.kind() == std_io::ErrorKind::NotFound => {
                Err(StoreError::Missing { what: "object", digest })
            }
            Err(error) => Err(io("linking a file of a tree", &HostPath::new("/").join(path.as_path()))(error)),
        }
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

fn set_mode(into: &Dir, path: &TreePath, mode: u32) -> std_io::Result<()> {
    let permissions = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(mode));
    into.set_permissions(path.as_path(), permissions)
}
