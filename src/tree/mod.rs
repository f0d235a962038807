//! Trees: what a folder is once its accidents are gone.
//!
//! A tree has names, file contents (by digest), one bit of mode (executable or not) and symbolic links. It has no times,
//! owners, other modes, extended attributes, hard links, devices, pipes or sockets: those never enter the store. Every
//! folder is listed, also those that hold something, and every entry's parent is a folder of the same tree.
//!
//! `encode.rs` is the canonical form whose BLAKE3 is the tree's digest.

mod encode;

use std::collections::BTreeMap;

pub use encode::TreeDecodeError;

use crate::digest::Digest;
use crate::path::TreePath;

/// The most entries that a tree may have.
pub const MAX_ENTRIES: usize = 4_000_000;

/// The longest target of a symbolic link, in bytes (Linux's `PATH_MAX`).
pub const MAX_LINK_TARGET: usize = 4_095;

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder. Its mode is 0755 wherever it is written.
    Folder,
    /// A file, 0644 or 0755 wherever it is written.
    File {
        /// Digest of the content.
        digest: Digest,
        /// Length of the content in bytes.
        size: u64,
        /// Whether anyone may execute it.
        executable: bool,
    },
    /// A symbolic link; the target's bytes are kept as they are and never followed by this program.
    Link {
        /// Where it points. No NUL, not empty.
        target: Vec<u8>,
    },
}

/// A folder's content, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

/// Why an entry cannot be put into a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// There is something at that path already.
    #[error("`{0}` is there twice")]
    Twice(TreePath),
    /// The folder that should hold it is missing, or no folder.
    #[error("`{0}` is not in a folder of the tree")]
    NoFolder(TreePath),
    /// An empty, overlong or NUL-holding link target.
    #[error("the symbolic link `{0}` has an impossible target")]
    LinkTarget(TreePath),
    /// Laid below a folder, a path gets longer than any may be.
    #[error("a path below `{0}` is too long")]
    TooLong(TreePath),
    /// More than [`MAX_ENTRIES`].
    #[error("more than {MAX_ENTRIES} entries")]
    TooMany,
}

impl Tree {
    /// Puts `entry` at `path`; its folder must be in the tree already.
    ///
    /// # Errors
    /// [`TreeError`] where the entry would contradict the tree.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Result<(), TreeError> {
        if path.parent().is_some_and(|parent| self.entries.get(&parent) != Some(&Entry::Folder)) {
            return Err(TreeError::NoFolder(path));
        }
        if let Entry::Link { target } = &entry
            && (target.is_empty() || target.len() > MAX_LINK_TARGET || target.contains(&0))
        {
            return Err(TreeError::LinkTarget(path));
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(TreeError::TooMany);
        }
        if self.entries.contains_key(&path) {
            return Err(TreeError::Twice(path));
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    /// Puts `entry` at `path` and makes the folders above it where they are missing.
    ///
    /// # Errors
    /// As [`Tree::insert`].
    pub fn insert_with_folders(&mut self, path: TreePath, entry: Entry) -> Result<(), TreeError> {
        if let Some(parent) = path.parent()
            && !self.entries.contains_key(&parent)
        {
            self.insert_with_folders(parent, Entry::Folder)?;
        }
        self.insert(path, entry)
    }

    /// Puts `entry` at `path` over what is there: a file or a link in place of another, a folder where one is already.
    ///
    /// # Errors
    /// As [`Tree::insert_with_folders`], and where one of the two is a folder and the other is none.
    pub fn lay(&mut self, path: TreePath, entry: Entry) -> Result<(), TreeError> {
        match (self.entries.get(&path), &entry) {
            (None, _) => self.insert_with_folders(path, entry),
            (Some(Entry::Folder), Entry::Folder) => Ok(()),
            (Some(Entry::Folder), _) | (Some(_), Entry::Folder) => Err(TreeError::Twice(path)),
            (Some(_), _) => {
                self.entries.remove(&path);
                self.insert(path, entry)
            }
        }
    }

    /// Lays all of `tree` into the folder `folder`.
    ///
    /// # Errors
    /// As [`Tree::lay`].
    pub fn lay_below(&mut self, folder: &TreePath, tree: &Self) -> Result<(), TreeError> {
        for (path, entry) in tree.iter() {
            let path = [folder.as_bytes(), b"/", path.as_bytes()].concat();
            let path = TreePath::new(&path).map_err(|_| TreeError::TooLong(folder.clone()))?;
            self.lay(path, entry.clone())?;
        }
        Ok(())
    }

    /// The entry at `path`.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries, folders before what they hold.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// The files with their digests and sizes.
    pub fn files(&self) -> impl Iterator<Item = (&TreePath, Digest, u64)> {
        self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File { digest, size, .. } => Some((path, *digest, *size)),
            _ => None,
        })
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The tree's digest: BLAKE3 of [`Tree::encode`].
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }
}
