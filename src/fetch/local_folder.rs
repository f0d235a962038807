//! What a local source folder holds: everything but what its `.gitignore` files and version control leave out.
//!
//! Rules are gitignore(5)'s, from the `.gitignore` files of the folder, of those in it, and of those above it up to the
//! opened root. What one machine or person ignores beyond that (`core.excludesFile`, `.git/info/exclude`) does not count,
//! nor whether git tracks a file: the same files give the same list everywhere. Symbolic links are never followed.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use cap_std::fs::{Dir, FileTypeExt as _, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use ignore::gitignore::Gitignore;

use super::ignore_rules::{IgnoreRules, rules_of};
use crate::diag::{Cause, Caused};
use crate::path::{TreePath, TreePathError};

/// The most entries of a source folder.
const MAX_ENTRIES: usize = 1_000_000;

/// The most folders inside each other: one open file for each.
const MAX_DEPTH: usize = 200;

/// Folders (or files: work trees, submodules) of version control, which are no source.
pub(super) const VERSION_CONTROL: [&str; 3] = [".git", ".hg", ".svn"];

/// Something in a source folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalEntry {
    /// Its place below the folder.
    pub path: TreePath,
    /// What it is.
    pub kind: LocalKind,
}

/// What something in a source folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalKind {
    /// A folder that holds something: like git, this leaves empty ones out.
    Folder,
    /// A file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Its length in bytes, when it was looked at.
        size: u64,
    },
    /// A symbolic link with the bytes of its target.
    Link {
        /// Where it points, inside or outside.
        target: Vec<u8>,
    },
}

/// Why a source folder cannot be listed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LocalError {
    /// It is not there.
    #[error("there is no source folder `{folder}`")]
    #[diagnostic(
        code(opb::fetch::no_folder),
        help("check the path in the recipe: it is relative to the project's root")
    )]
    Missing {
        /// The folder.
        folder: String,
    },
    /// A part of it cannot be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(code(opb::fetch::read_folder), help("check its permissions, or add it to `.gitignore`"))]
    Read {
        /// File or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A device, a pipe or a socket.
    #[error("`{path}` is a {kind}, which no source can hold")]
    #[diagnostic(code(opb::fetch::special_file), help("remove it, or add it to `.gitignore`"))]
    Special {
        /// What it is.
        kind: &'static str,
        /// The file.
        path: String,
    },
    /// More than a source has.
    #[error("the source folder `{folder}` has more than {limit} entries")]
    #[diagnostic(
        code(opb::fetch::many_files),
        help("add what is no source to `.gitignore`, or name a folder further in")
    )]
    TooMany {
        /// The folder.
        folder: String,
        /// The bound.
        limit: usize,
    },
    /// Deeper than a source is.
    #[error("`{path}` has more than {MAX_DEPTH} folders above it")]
    #[diagnostic(code(opb::fetch::deep_folder), help("add it to `.gitignore`, or remove it"))]
    TooDeep {
        /// The folder.
        path: String,
    },
    /// A name that no tree can hold.
    #[error("cannot take a file of the source folder `{folder}`")]
    #[diagnostic(code(opb::fetch::file_name), help("rename it, or add it to `.gitignore`"))]
    Name {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: TreePathError,
    },
}

impl Caused for LocalError {
    fn fault(&self) -> Cause {
        match self {
            Self::Read { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}

/// What was found in a folder.
#[derive(Debug, Clone, Default)]
pub struct Visited {
    /// What is in it.
    pub entries: Vec<LocalEntry>,
    /// Every folder that was looked into, also those that hold nothing: bytes of their paths below the folder, itself (an
    /// empty path) among them, and whether something is named `.gitignore` there.
    pub folders: Vec<(Vec<u8>, bool)>,
}

/// Lists the folder `below` of `dir`, sorted, each folder before what it holds. `below` may be `.`.
///
/// # Errors
/// [`LocalError`].
pub fn local_tree_paths(dir: &Dir, below: &str) -> Result<Vec<LocalEntry>, LocalError> {
    list(dir, below, &|_| false, MAX_ENTRIES)
}

/// The same without what `left_out` names by its path below the folder, a folder's ending in `/`, and which folders were
/// looked into. Nothing of what is left out is looked at, so that it may hold what cannot be read.
///
/// # Errors
/// [`LocalError`].
pub fn local_tree_paths_without(
    dir: &Dir,
    below: &str,
    left_out: &dyn Fn(&str) -> bool,
) -> Result<Visited, LocalError> {
    walk(dir, below, left_out, MAX_ENTRIES)
}

fn list(dir: &Dir, below: &str, left_out: &dyn Fn(&str) -> bool, limit: usize) -> Result<Vec<LocalEntry>, LocalError> {
    walk(dir, below, left_out, limit).map(|visited| visited.entries)
}

fn walk(dir: &Dir, below: &str, left_out: &dyn Fn(&str) -> bool, limit: usize) -> Result<Visited, LocalError> {
    let root = open_root(dir, below)?;
    let mut walk = Walk {
        folder: below.trim_end_matches('/').to_owned(),
        left_out,
        limit,
        rules: IgnoreRules::default(),
        found: BTreeMap::new(),
        visited: Vec::new(),
    };
    // Rules of the folders above hold for what is in the folder, but do not switch off the folder itself: a recipe names it.
    let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if !parts.contains(&"..") {
        for depth in 0..parts.len() {
            let above = if depth == 0 { ".".to_owned() } else { parts[..depth].join("/") };
            let rules = dir.open_dir(&above).and_then(|above| rules_of(&above));
            let path = format!("{above}/.gitignore");
            let rules = rules.map_err(|source| LocalError::Read { path, source })?;
            walk.rules.push_above(parts[depth..].join("/"), rules.unwrap_or_else(Gitignore::empty));
        }
    }
    walk.enter(&root, b"", 0)?;
    let entries = walk.found.into_iter().map(|(path, kind)| LocalEntry { path, kind }).collect();
    Ok(Visited { entries, folders: walk.visited })
}

fn open_root(dir: &Dir, below: &str) -> Result<Dir, LocalError> {
    dir.open_dir(if below.is_empty() { "." } else { below }).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            LocalError::Missing { folder: below.to_owned() }
        }
        _ => LocalError::Read { path: below.to_owned(), source },
    })
}

struct Walk<'a> {
    folder: String,
    left_out: &'a dyn Fn(&str) -> bool,
    limit: usize,
    rules: IgnoreRules,
    found: BTreeMap<TreePath, LocalKind>,
    visited: Vec<(Vec<u8>, bool)>,
}

impl Walk<'_> {
    /// Lists `dir`, which is at `at` below the source folder; tells whether it holds anything.
    fn enter(&mut self, dir: &Dir, at: &[u8], depth: usize) -> Result<bool, LocalError> {
        if depth > MAX_DEPTH {
            return Err(LocalError::TooDeep { path: self.shown(at) });
        }
        let before = self.found.len();
        let own_rules = rules_of(dir).map_err(|source| {
            let path = [at, if at.is_empty() { b"" } else { b"/" }, b".gitignore"].concat();
            LocalError::Read { path: self.shown(&path), source }
        })?;
        self.visited.push((at.to_vec(), own_rules.is_some()));
        let entries = dir.entries().map_err(|source| LocalError::Read { path: self.shown(at), source })?;
        let levels = self.rules.push_inside(at, own_rules.unwrap_or_else(Gitignore::empty));
        for entry in entries {
            let entry = entry.map_err(|source| LocalError::Read { path: self.shown(at), source })?;
            let name = entry.file_name();
            if VERSION_CONTROL.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let path = [at, if at.is_empty() { b"" } else { b"/" }, name.as_bytes()].concat();
            let wrong = |source| LocalError::Read { path: self.shown(&path), source };
            // Of the entry itself, not of what a link leads to.
            let data = entry.metadata().map_err(wrong)?;
            let named = String::from_utf8_lossy(&path) + if data.is_dir() { "/" } else { "" };
            if self.rules.is_ignored(&path, data.is_dir()) || (self.left_out)(&named) {
                continue;
            }
            let kind = if data.is_dir() {
                LocalKind::Folder
            } else if data.is_file() {
                LocalKind::File { executable: data.mode() & 0o100 != 0, size: data.len() }
            } else if data.is_symlink() {
                let target = dir.read_link_contents(&name).map_err(wrong)?;
                LocalKind::Link { target: target.into_os_string().into_vec() }
            } else {
                return Err(LocalError::Special { kind: special(data.file_type()), path: self.shown(&path) });
            };
            let is_folder = kind == LocalKind::Folder;
            if is_folder {
                let inner = open_folder(dir, Path::new(&name)).map_err(wrong)?;
                if !self.enter(&inner, &path, depth + 1)? {
                    continue;
                }
            }
            let tree_path =
                TreePath::new(&path).map_err(|source| LocalError::Name { folder: self.folder.clone(), source })?;
            self.found.insert(tree_path, kind);
            if self.found.len() > self.limit {
                return Err(LocalError::TooMany { folder: self.folder.clone(), limit: self.limit });
            }
        }
        self.rules.truncate(levels);
        Ok(self.found.len() > before)
    }

    fn shown(&self, path: &[u8]) -> String {
        format!("{}/{}", self.folder, String::from_utf8_lossy(path)).trim_end_matches('/').to_owned()
    }
}

/// Opens a folder, but no link to one: between looking and opening somebody may have put one there.
fn open_folder(dir: &Dir, name: &Path) -> std::io::Result<Dir> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    Ok(Dir::from_std_file(dir.open_with(name, &options)?.into_std()))
}

fn special(kind: cap_std::fs::FileType) -> &'static str {
    if kind.is_fifo() {
        "named pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

#[cfg(test)]
mod tests;
