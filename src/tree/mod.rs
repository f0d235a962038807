//! Trees: what a folder is once its accidents are gone.
//!
//! A tree has names, file contents (by digest), one bit of mode (executable or not) and symbolic links. It has no times,
//! owners, other modes, extended attributes, hard links, devices, pipes or sockets: those never enter the store. Every
//! folder is listed, also those that hold something, and every entry's parent is a folder of the same tree.
//!
//! `encode.rs` is the canonical form whose BLAKE3 is the tree's digest.

mod encode;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

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

impl Entry {
    fn is_possible(&self) -> bool {
        !matches!(self, Self::Link { target }
            if target.is_empty() || target.len() > MAX_LINK_TARGET || target.contains(&0))
    }
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
        if !entry.is_possible() {
            return Err(TreeError::LinkTarget(path));
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(TreeError::TooMany);
        }
        match self.entries.entry(path) {
            Occupied(there) => Err(TreeError::Twice(there.key().clone())),
            Vacant(place) => {
                place.insert(entry);
                Ok(())
            }
        }
    }

    /// The tree of these files or links, in any order, with the folders that they are in: quicker than putting in one by one.
    ///
    /// # Errors
    /// [`TreeError`]: two have one path, or one stands where another needs a folder.
    pub fn of_files(mut files: Vec<(TreePath, Entry)>) -> Result<Self, TreeError> {
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut entries: Vec<(TreePath, Entry)> = Vec::with_capacity(files.len() + files.len() / 4);
        for (path, entry) in files {
            // From the folder behind which those that the one before is in end.
            let mut above: Vec<TreePath> = Vec::new();
            while let Some(folder) = above.last().unwrap_or(&path).parent()
                && !entries.last().is_some_and(|(last, _)| last.is_below(&folder))
            {
                above.push(folder);
            }
            let folders = above.into_iter().rev().map(|folder| (folder, Entry::Folder));
            for (path, entry) in folders.chain([(path, entry)]) {
                if entries.last().is_some_and(|(last, _)| *last == path) {
                    return Err(TreeError::Twice(path));
                }
                entries.push((path, entry));
            }
        }
        Self::of_sorted(entries)
    }

    /// The tree of these entries, in the order of their paths, each once. Far quicker than putting one by one.
    fn of_sorted(entries: Vec<(TreePath, Entry)>) -> Result<Self, TreeError> {
        if entries.len() > MAX_ENTRIES {
            return Err(TreeError::TooMany);
        }
        // The folders that the entry is in, outermost first: a folder stands directly before what it holds.
        let mut folders: Vec<&TreePath> = Vec::new();
        for (path, entry) in &entries {
            while folders.pop_if(|folder| !path.is_below(folder)).is_some() {}
            let parent = path.as_bytes().iter().rposition(|byte| *byte == b'/');
            if parent != folders.last().map(|folder| folder.as_bytes().len()) {
                return Err(TreeError::NoFolder(path.clone()));
            }
            if !entry.is_possible() {
                return Err(TreeError::LinkTarget(path.clone()));
            }
            if *entry == Entry::Folder {
                folders.push(path);
            }
        }
        Ok(Self { entries: entries.into_iter().collect() })
    }

    /// What of this tree `is_in`, which takes a folder with all that it holds, or nothing of it.
    ///
    /// # Errors
    /// [`TreeError::NoFolder`] where it takes something without the folder that holds it.
    pub fn part(&self, is_in: impl Fn(&TreePath) -> bool) -> Result<Self, TreeError> {
        let entries = self.entries.iter().filter(|(path, _)| is_in(path));
        Self::of_sorted(entries.map(|(path, entry)| (path.clone(), entry.clone())).collect())
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

    /// The files that `earlier` does not have just so.
    pub fn files_unlike<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = (&'a TreePath, Digest, u64)> {
        // Both are sorted: one walk through them, as looking up each of thousands of like paths takes far longer.
        let mut others = earlier.entries.iter().peekable();
        self.entries.iter().filter_map(move |(path, entry)| {
            let Entry::File { digest, size, .. } = entry else { return None };
            while others.next_if(|(other, _)| *other < path).is_some() {}
            let is_there = others.peek().is_some_and(|(other, there)| *other == path && *there == entry);
            (!is_there).then_some((path, *digest, *size))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            let entry = Entry::File { digest: Digest::of(text.as_bytes()), size: 1, executable: false };
            tree.insert_with_folders(path.parse().expect("plain"), entry).expect("fits");
        }
        tree
    }

    #[test]
    fn what_another_tree_does_not_have_just_so() {
        let before = tree(&[("a/b", "1"), ("a.c", "1"), ("gone", "1"), ("z/y", "1")]);
        let after = tree(&[("a/a", "1"), ("a/b", "2"), ("a.c", "1"), ("z", "1"), ("zz", "1")]);
        let unlike = |one: &Tree, other: &Tree| {
            one.files_unlike(other).map(|(path, ..)| path.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(unlike(&after, &before), "a/a a/b z zz");
        assert_eq!(unlike(&before, &after), "a/b gone z/y");
        assert_eq!(unlike(&after, &Tree::default()), "a/a a/b a.c z zz");
        assert_eq!(unlike(&after, &after), "");
    }

    #[test]
    fn files_bring_their_folders() {
        let file = |path: &str| {
            let entry = Entry::File { digest: Digest::of(path.as_bytes()), size: 1, executable: false };
            (path.parse::<TreePath>().expect("plain"), entry)
        };
        let all = ["z/y/x", "a/b/c", "a.c", "a/b/d", "a/e/f/g", "a/b.c", "z/y/w/v"];
        let mut one_by_one = Tree::default();
        for path in all {
            let (path, entry) = file(path);
            one_by_one.insert_with_folders(path, entry).expect("fits");
        }
        assert_eq!(Tree::of_files(all.map(file).into()), Ok(one_by_one));
        assert_eq!(Tree::of_files(Vec::new()), Ok(Tree::default()));
        for (wrong, place) in [(["a/b", "a/b"], "a/b"), (["a/b", "a"], "a"), (["a/b/c/d", "a/b"], "a/b")] {
            let refused = Tree::of_files(wrong.map(file).into());
            assert_eq!(refused, Err(TreeError::Twice(place.parse().expect("plain"))));
        }
        let link = |target: &[u8]| (file("l").0, Entry::Link { target: target.to_vec() });
        assert_eq!(Tree::of_files(vec![link(b"")]), Err(TreeError::LinkTarget(file("l").0)));
        assert_eq!(Tree::of_files(vec![link(b"m")]).map(|tree| tree.len()), Ok(1));
    }

    #[test]
    fn a_part_has_the_folders_that_it_needs() {
        let whole = tree(&[("a/b/c", "1"), ("a/d", "1"), ("e", "1")]);
        let part = whole.part(|path| path.as_bytes().starts_with(b"a")).expect("a folder with all in it");
        assert_eq!(part, tree(&[("a/b/c", "1"), ("a/d", "1")]));
        let torn = whole.part(|path| path.as_bytes() != b"a/b");
        assert_eq!(torn, Err(TreeError::NoFolder("a/b/c".parse().expect("plain"))));
    }
}
