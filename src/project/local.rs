//! Folders of the project that are sources: looked at for evaluation, imported when a node needs their content.
//!
//! What `.gitignore` names is left out, and so are version control's own folders. Where the project's root is itself the
//! source, what belongs to this program there is no part of it either.

use std::collections::BTreeMap;
use std::io::Read as _;

use cap_std::fs::Dir;
use rayon::prelude::*;

use super::Project;
use crate::diag::Failure;
use crate::diag::chain;
use crate::digest::Digest;
use crate::eval::weave::{Asked, LocalError, LocalSource, Looked};
use crate::fetch::{self, LocalKind, Visited, local_tree_paths_without};
use crate::path::TreePath;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of a text in `debian/`.
pub(super) const MAX_TEXT: u64 = 16 << 20;

/// The most specs that are read of one source.
const MAX_SPECS: usize = 20;

/// Folders in a project's root that are this program's.
pub const OWN_FOLDERS: [&str; 3] = ["distros", "recipes", "store"];

/// Takes the content of files below a folder: hashes it, or stores it too. Gives the digest and length in bytes of each.
type Take<'a> = dyn Fn(&Dir, Vec<TreePath>) -> Result<Vec<(Digest, u64)>, Failure> + 'a;

/// A folder of files as [`look_at`] sees it: the project's own, or what it was at a revision.
pub(super) trait SourceFiles {
    /// Whether there is a folder at `folder`.
    fn is_folder(&self, folder: &str) -> bool;

    /// The text at `path`, at most [`MAX_TEXT`] bytes of it; `None` where there is none.
    fn text(&self, path: &str) -> std::io::Result<Option<String>>;

    /// The tree that `folder` (`.`: all) is as a source, and what was looked at for it.
    fn visit(&self, folder: &str) -> Result<(Tree, Visited), Failure>;

    /// That tree.
    #[cfg(test)]
    fn tree(&self, folder: &str) -> Result<Tree, Failure> {
        self.visit(folder).map(|(tree, _)| tree)
    }
}

impl Project {
    /// What evaluation must know of the sources in these folders below the project's root.
    pub fn look_at(&self, asked: &BTreeMap<String, Asked>) -> Looked {
        self.look_at_noting(asked).0
    }

    /// The same with what was looked at in folders that are sources.
    pub fn look_at_noting(&self, asked: &BTreeMap<String, Asked>) -> (Looked, BTreeMap<String, Visited>) {
        let folders: Vec<(&String, &Asked)> = asked.iter().collect();
        // Hashing thousands of files is the larger part of an evaluation from nothing.
        let look = |(folder, asked): (&String, &Asked)| (folder.clone(), look_at(self, folder, asked));
        let all: Vec<_> = folders.into_par_iter().map(look).collect();
        let (mut looked, mut visited) = (Looked::new(), BTreeMap::new());
        for (folder, found) in all {
            let source = found.map(|(source, of_folder)| {
                visited.insert(folder.clone(), of_folder);
                source
            });
            looked.insert(folder, source);
        }
        (looked, visited)
    }

    /// Puts the files of `folder` into the store; returns the tree that the folder is.
    ///
    /// # Errors
    /// Where a file cannot be read or stored.
    pub fn import(&self, folder: &str, store: &Store) -> Result<Tree, Failure> {
        self.walk(folder, &|dir, paths| Ok(store.import_files(dir, paths)?)).map(|(tree, _)| tree)
    }

    fn walk(&self, folder: &str, take: &Take<'_>) -> Result<(Tree, Visited), Failure> {
        let below = if folder == "." { "" } else { folder };
        let mut tree = Tree::default();
        let visited = local_tree_paths_without(&self.root, below, &|path| below.is_empty() && is_own(path))?;
        let dir = self.root.open_dir(folder).map_err(|source| self.file_error("open", folder, source))?;
        let is_file = |kind: &LocalKind| matches!(kind, LocalKind::File { .. });
        let files = visited.entries.iter().filter(|found| is_file(&found.kind)).map(|found| found.path.clone());
        let mut taken = take(&dir, files.collect())?.into_iter();
        for found in &visited.entries {
            let entry = match &found.kind {
                LocalKind::Folder => Entry::Folder,
                LocalKind::Link { target } => Entry::Link { target: target.clone() },
                LocalKind::File { executable, .. } => {
                    let Some((digest, size)) = taken.next() else { continue };
                    Entry::File { digest, size, executable: *executable }
                }
            };
            let twice = |error: crate::tree::TreeError| {
                let place = std::path::Path::new(below).join(found.path.as_path());
                self.file_error("read", &place.to_string_lossy(), std::io::Error::other(error.to_string()))
            };
            if tree.get(&found.path).is_none() {
                tree.insert_with_folders(found.path.clone(), entry).map_err(twice)?;
            }
        }
        Ok((tree, visited))
    }

    fn hash(&self, folder: &str, dir: &Dir, path: &TreePath) -> Result<(Digest, u64), Failure> {
        let mut hasher = blake3::Hasher::new();
        let hashed = dir.open(path.as_path()).and_then(|file| std::io::copy(&mut file.into_std(), &mut hasher));
        let size = hashed.map_err(|source| {
            let place = std::path::Path::new(folder).join(path.as_path());
            self.file_error("read", &place.to_string_lossy(), source)
        })?;
        Ok((Digest::from_bytes(*hasher.finalize().as_bytes()), size))
    }
}

impl SourceFiles for Project {
    fn is_folder(&self, folder: &str) -> bool {
        self.root.metadata(folder).is_ok_and(|metadata| metadata.is_dir())
    }

    fn text(&self, path: &str) -> std::io::Result<Option<String>> {
        let read = self.root.open(path).and_then(|file| {
            let mut text = String::new();
            file.take(MAX_TEXT).read_to_string(&mut text).map(|_| text)
        });
        match read {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn visit(&self, folder: &str) -> Result<(Tree, Visited), Failure> {
        self.walk(folder, &|dir, paths| paths.iter().map(|path| self.hash(folder, dir, path)).collect())
    }
}

/// What evaluation must know of the source in `folder` of `files`, and what was looked at for it.
///
/// # Errors
/// [`LocalError`] where it cannot be read.
pub(super) fn look_at(
    files: &dyn SourceFiles,
    folder: &str,
    asked: &Asked,
) -> Result<(LocalSource, Visited), LocalError> {
    let wrong = |message: String, help: &str| LocalError { message, help: help.to_owned() };
    if folder != "." && !files.is_folder(folder) {
        return Err(wrong(
            format!("there is no folder `{folder}` in the project"),
            "write a path from the project's root to a folder in it, such as `path(\"sources/logax\")`",
        ));
    }
    let (tree, visited) = files.visit(folder).map_err(|failure| {
        let message = format!("cannot read the folder `{folder}`: {}", chain(&*failure.report));
        wrong(message, "look at the modes of its files")
    })?;
    let mut paths = asked.texts.clone();
    if asked.specs {
        let names = tree.iter().map(|(path, _)| path.to_string());
        paths.extend(names.filter(|path| is_spec(path)).take(MAX_SPECS));
    }
    let mut texts = BTreeMap::new();
    for name in paths {
        let path = format!("{folder}/{name}");
        let failed = |error| wrong(format!("cannot read `{path}`: {error}"), "look at the file's mode and content");
        texts.extend(files.text(&path).map_err(failed)?.map(|text| (name, text)));
    }
    Ok((LocalSource { tree: tree.digest(), texts }, visited))
}

/// Whether a path of a source is a spec where they usually stand.
pub fn is_spec(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    ["", "packaging", "rpm"].contains(&folder) && name.ends_with(".spec")
}

/// Whether the file at `path` below the root (a folder, where it ends in `/`) belongs to this program and not to a source
/// that is the root itself: another recipe or setting does not make another source.
pub(super) fn is_own(path: &str) -> bool {
    let is_file =
        !path.contains('/') && path.starts_with("opb.") && (path.ends_with(".toml") || path.ends_with(".lock"));
    is_file || OWN_FOLDERS.iter().any(|own| path.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')))
}

/// The host's own apt configuration, and which distribution it is.
///
/// # Errors
/// Where apt's configuration cannot be read.
pub fn host_apt() -> Result<fetch::HostApt, Failure> {
    Ok(fetch::read_host(None, &os_release())?)
}

/// The text of this machine's os-release(5); empty where it has none.
#[expect(clippy::disallowed_methods, reason = "os-release(5) has fixed places")]
pub(super) fn os_release() -> String {
    let places = ["/etc/os-release", "/usr/lib/os-release"];
    places.into_iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}
