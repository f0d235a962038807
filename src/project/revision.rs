//! The project as it was at a revision of its git repository.
//!
//! Recipes, distros, `opb.toml`, locks and local source folders are read from the commit; the work tree is neither
//! looked at nor changed. Symbolic links lead where they lead on disk: inside of the project, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::local::{MAX_TEXT, SourceFiles, is_own, look_at};
use super::locks::{lock_file, not_text, read_lock, whole};
use super::{Project, ProjectError};
use crate::component::FileBeside;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::eval::weave::{Asked, Looked};
use crate::eval::{Files, FilesError, MAX_FILE};
use crate::fetch::{Commit, Committed, CommittedKind, GitError, Visited, committed_tree_paths};
use crate::lock::Lock;
use crate::name::LockName;
use crate::path::TreePath;
use crate::settings::{Settings, SettingsError};
use crate::tree::{Entry, Tree};

/// The most symbolic links on the way to one file.
const MAX_LINKS: usize = 40;

/// The most bytes of a symbolic link's target.
const MAX_TARGET: u64 = 4096;

/// The most bytes of a lock file.
const MAX_LOCK: u64 = 1 << 30;

/// The project's folder at one commit.
pub struct Revision {
    commit: Commit,
    /// As of the project.
    locks: Vec<Option<LockName>>,
}

impl Project {
    /// The project as it was at `revision`: a commit, a branch, a tag, or what else git understands.
    ///
    /// # Errors
    /// [`GitError`] where there is no git, no repository, or no such revision.
    pub fn at(&self, revision: &str) -> Result<Revision, GitError> {
        Ok(Revision { commit: Commit::open(&self.path, revision)?, locks: self.locks.clone() })
    }
}

impl Revision {
    /// The commit's id, in hexadecimal.
    pub fn id(&self) -> &str {
        self.commit.id()
    }

    /// What `opb.toml` said.
    ///
    /// # Errors
    /// Where it was wrong.
    pub fn settings(&self) -> Result<Settings, Failure> {
        match self.bytes("opb.toml", MAX_FILE as u64)? {
            None => Ok(Settings::default()),
            Some(bytes) => Ok(Settings::parse(&String::from_utf8(bytes).map_err(|_| SettingsError::not_text())?)?),
        }
    }

    /// The lock; an empty one where there was none.
    ///
    /// # Errors
    /// Where it could not be understood.
    pub fn lock(&self) -> Result<Lock, Failure> {
        whole(&self.locks, |name| match self.bytes(&lock_file(name), MAX_LOCK)? {
            None => Ok(Lock { name: name.cloned(), ..Lock::default() }),
            Some(bytes) => read_lock(name, &String::from_utf8(bytes).map_err(|_| not_text(name))?),
        })
    }

    /// What evaluation must know of the sources in these folders, as [`Project::look_at`].
    pub fn look_at(&self, asked: &BTreeMap<String, Asked>) -> Looked {
        let look = |folder: &str, asked| look_at(self, folder, asked).map(|(source, _)| source);
        asked.iter().map(|(folder, asked)| (folder.clone(), look(folder, asked))).collect()
    }

    /// The content of the file at `path`; `None` where there is none.
    fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, ProjectError> {
        let failed = |source| ProjectError::File { deed: "read", path: path.into(), source };
        let Some(file) = self.file(path).map_err(|error| failed(io::Error::other(error)))? else { return Ok(None) };
        match self.commit.read(file, limit).map_err(|error| failed(io::Error::other(error)))? {
            None => Err(failed(io::Error::from(io::ErrorKind::FileTooLarge))),
            some => Ok(some),
        }
    }

    /// The file that `path` leads to.
    fn file(&self, path: &str) -> Result<Option<&Committed>, GitError> {
        let place = self.followed(path)?;
        Ok(place
            .and_then(|place| self.commit.at(&place))
            .filter(|file| matches!(file.kind, CommittedKind::File { .. })))
    }

    /// `path` with every symbolic link on it followed; `None` where one leads out of the project, or in circles.
    fn followed(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let mut names: Vec<Vec<u8>> = path.as_bytes().rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        let mut place: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(name) = names.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." if place.is_empty() => return Ok(None),
                b".." => {
                    let end = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    place.truncate(end);
                    continue;
                }
                _ => {}
            }
            let before = place.len();
            if before > 0 {
                place.push(b'/');
            }
            place.extend_from_slice(&name);
            let Some(link) = self.commit.at(&place).filter(|file| file.kind == CommittedKind::Link) else { continue };
            links += 1;
            let target = self.commit.read(link, MAX_TARGET)?.filter(|target| !target.starts_with(b"/"));
            let Some(target) = target.filter(|_| links <= MAX_LINKS) else { return Ok(None) };
            names.extend(target.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec));
            place.truncate(before);
        }
        Ok(Some(place))
    }
}

impl Files for Revision {
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let failed = |error: GitError| FilesError::Read { path: folder.to_owned(), source: io::Error::other(error) };
        let missing = || FilesError::Missing { path: folder.to_owned() };
        let place = self.followed(folder).map_err(failed)?.ok_or_else(missing)?;
        let skip = if place.is_empty() { 0 } else { place.len() + 1 };
        let names = self.commit.below(&place).filter_map(|(path, file)| {
            let rest = std::str::from_utf8(&path[skip..]).ok()?;
            match rest.split_once('/') {
                Some((name, _)) => Some(format!("{name}/")),
                None if file.kind == CommittedKind::Submodule => Some(format!("{rest}/")),
                None => Some(rest.to_owned()),
            }
        });
        let names: BTreeSet<String> = names.collect();
        // git knows folders only by what they hold.
        if names.is_empty() { Err(missing()) } else { Ok(names.into_iter().collect()) }
    }

    fn read(&self, path: &str) -> Result<String, FilesError> {
        String::from_utf8(self.content(path)?.bytes).map_err(|_| FilesError::NotText { path: path.to_owned() })
    }

    fn content(&self, path: &str) -> Result<FileBeside, FilesError> {
        let failed = |error: GitError| FilesError::Read { path: path.to_owned(), source: io::Error::other(error) };
        let file = self.file(path).map_err(failed)?.ok_or_else(|| FilesError::Missing { path: path.to_owned() })?;
        let bytes = self.commit.read(file, MAX_FILE as u64).map_err(failed)?;
        let bytes = bytes.ok_or_else(|| FilesError::TooLarge { path: path.to_owned() })?;
        Ok(FileBeside { bytes, executable: file.kind == CommittedKind::File { executable: true } })
    }
}

impl SourceFiles for Revision {
    fn is_folder(&self, folder: &str) -> bool {
        let place = self.followed(folder).ok().flatten();
        place.is_some_and(|place| self.commit.below(&place).next().is_some())
    }

    fn text(&self, path: &str) -> io::Result<Option<String>> {
        let Some(file) = self.file(path).map_err(io::Error::other)? else { return Ok(None) };
        let bytes = self.commit.read(file, MAX_TEXT).map_err(io::Error::other)?;
        let bytes = bytes.ok_or(io::ErrorKind::FileTooLarge)?;
        String::from_utf8(bytes).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn visit(&self, folder: &str) -> Result<(Tree, Visited), Failure> {
        let place = self.followed(folder)?.unwrap_or_default();
        let mut tree = Tree::default();
        for (path, file) in committed_tree_paths(&self.commit, &place)? {
            let shown = String::from_utf8_lossy(path);
            if place.is_empty() && is_own(&shown) {
                continue;
            }
            let wrong = |source| ProjectError::File { deed: "read", path: shown.as_ref().into(), source };
            let entry = match file.kind {
                CommittedKind::File { executable } => {
                    let mut hasher = blake3::Hasher::new();
                    let size = self.commit.copy(file, &mut hasher)?;
                    Entry::File { digest: Digest::from_bytes(*hasher.finalize().as_bytes()), size, executable }
                }
                CommittedKind::Link => {
                    let target = self.commit.read(file, MAX_TARGET)?;
                    Entry::Link { target: target.ok_or_else(|| wrong(io::ErrorKind::InvalidData.into()))? }
                }
                CommittedKind::Submodule => {
                    let said = "it is a submodule, whose files this repository does not have";
                    return Err(wrong(io::Error::new(io::ErrorKind::Unsupported, said)).into());
                }
            };
            let path = TreePath::new(path).map_err(|error| wrong(io::Error::other(error)))?;
            tree.insert_with_folders(path, entry).map_err(|error| wrong(io::Error::other(error.to_string())))?;
        }
        // A commit does not change.
        Ok((tree, Visited::default()))
    }
}

#[cfg(test)]
#[path = "revision_tests.rs"]
mod tests;
