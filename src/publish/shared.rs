//! Folders of packages that the generations of a channel share: to make thousands of names anew takes longer than all else.
//!
//! ```text
//! generations/7/pool/               what is current has the folder itself,
//! generations/6/pool -> ../7/pool   what was replaced a link that leads there
//! ```
//!
//! So it is with each `rpm/<distro>/<arch>/Packages`. Who serves, copies or mounts what is current finds plain folders. New names
//! are put into the folder while nothing tells of them yet; then the next generation gets it in exchange for such a link, by one
//! step of the file system, before `current` is switched: whoever is on the way through either finds everything at any time.
//! No name is replaced, and none is removed but by `collected.rs`, which keeps what the records of kept generations name.
//!
//! A generation has folders of its own where there is none before it to take them from, where the file system cannot exchange,
//! and where an older program has made it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use nix::errno::Errno;
use nix::fcntl::{RenameFlags, renameat2};

use super::generation::FOLDER;
use super::yum::PACKAGES;
use super::{PublishError, put};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::path::{HostPath, TreePath};
use crate::store::{Store, fault};
use crate::tree::{Entry, Tree};

/// The most links that are gone along: more than the kernel follows.
const MAX_STEPS: usize = 64;

/// The shared folder that a path is in, or is; `None` for all others.
pub(super) fn folder_of(path: &[u8]) -> Option<&[u8]> {
    if path.starts_with(b"pool/") || path == b"pool" {
        return Some(&path[..4]);
    }
    let mut names = path.strip_prefix(b"rpm/")?.splitn(4, |byte| *byte == b'/');
    let (distro, arch, packages) = (names.next()?, names.next()?, names.next()?);
    (packages == PACKAGES.as_bytes()).then(|| &path[..6 + distro.len() + arch.len() + packages.len()])
}

/// A channel's folder.
#[derive(Clone, Copy)]
pub(super) struct Channel<'a> {
    pub store: &'a Store,
    pub dir: &'a Dir,
    pub path: &'a HostPath,
}

/// What a new generation has in shared folders.
pub(super) struct Packages<'a> {
    /// What it holds itself.
    pub content: &'a Tree,
    /// What it keeps for who has read an earlier one.
    pub late: &'a [(Digest, &'a Tree)],
    /// What is current.
    pub before: Option<Before<'a>>,
}

/// What the generation before has in shared folders.
pub(super) struct Before<'a> {
    /// The name of its folder.
    pub name: String,
    /// What it holds itself.
    pub content: &'a Tree,
    /// Digests of what else lies there.
    pub late: BTreeSet<Digest>,
}

impl Packages<'_> {
    fn folders(&self) -> BTreeSet<&[u8]> {
        let trees = self.late.iter().map(|(_, tree)| *tree).chain([self.content]);
        trees.flat_map(|tree| tree.iter().filter_map(|(path, _)| folder_of(path.as_bytes()))).collect()
    }

    /// The files of `folder`; with `lies`, only what is not known to lie there.
    fn of(&self, folder: &[u8], lies: Option<&Before<'_>>) -> Result<Tree, PublishError> {
        let mut files = Tree::default();
        let late = self.late.iter().filter(|(digest, _)| lies.is_none_or(|before| !before.late.contains(digest)));
        let nothing = Tree::default();
        let known = lies.map_or(&nothing, |before| before.content);
        for tree in [self.content].into_iter().chain(late.map(|(_, tree)| *tree)) {
            for (path, digest, size) in tree.files_unlike(known) {
                if folder_of(path.as_bytes()) == Some(folder) && files.get(path).is_none() {
                    put(&mut files, path, &Entry::File { digest, size, executable: false })?;
                }
            }
        }
        Ok(files)
    }
}

/// Where a generation has its packages.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a folder of its own.
    Own,
    /// Where the generation of this name has them.
    With(String),
    /// Nowhere, or somewhere else.
    Elsewhere,
}

fn at(generation: &str, path: &str) -> String {
    format!("{FOLDER}/{generation}/{path}")
}

/// The link that stands for `folder` and leads to that of `generation`.
fn link(generation: &str, folder: &str) -> String {
    format!("{}{generation}/{folder}", "../".repeat(folder.split('/').count()))
}

impl Channel<'_> {
    fn failed(self, doing: &'static str, place: &str) -> impl FnOnce(io::Error) -> PublishError {
        let path = self.path.join(place);
        move |source| PublishError::File { doing, path, source }
    }

    fn place(self, generation: &str, folder: &str) -> Result<Place, PublishError> {
        let at = at(generation, folder);
        let look = || -> io::Result<Place> {
            let about = self.dir.symlink_metadata(&at)?;
            if about.is_dir() {
                return Ok(Place::Own);
            }
            if !about.is_symlink() {
                return Ok(Place::Elsewhere);
            }
            let target = self.dir.read_link_contents(&at)?;
            let other = target.to_str().and_then(|target| {
                let rest = target.trim_start_matches("../").strip_suffix(folder)?.strip_suffix('/')?;
                (!rest.contains('/') && link(rest, folder) == target).then(|| rest.to_owned())
            });
            Ok(other.map_or(Place::Elsewhere, Place::With))
        };
        match look() {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Place::Elsewhere)
            }
            found => found.map_err(self.failed("read", &at)),
        }
    }

    /// The generation in whose own folder that of `generation` is; `None` where there is none.
    pub(super) fn holder(self, generation: &str, folder: &str) -> Result<Option<String>, PublishError> {
        let mut name = generation.to_owned();
        for _ in 0..MAX_STEPS {
            match self.place(&name, folder)? {
                Place::Own => return Ok(Some(name)),
                Place::With(other) => name = other,
                Place::Elsewhere => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Puts the packages of a new generation, called `name`, where it is going to have them. Those folders that
    /// [`Channel::take`] has to bring are returned. Not durable.
    ///
    /// # Errors
    /// [`PublishError::OtherContent`]; where something cannot be written.
    pub(super) fn put(self, name: &str, packages: &Packages<'_>) -> Result<Vec<String>, Failure> {
        let mut shared = Vec::new();
        for folder in packages.folders() {
            let text = String::from_utf8_lossy(folder).into_owned();
            match &packages.before {
                Some(before) if self.place(&before.name, &text)? == Place::Own => {
                    self.add(&before.name, &packages.of(folder, Some(before))?)?;
                    shared.push(text);
                }
                _ => self.add(name, &packages.of(folder, None)?)?,
            }
        }
        Ok(shared)
    }

    /// Adds files to those that a generation has.
    pub(super) fn add(self, generation: &str, files: &Tree) -> Result<(), Failure> {
        let place = at(generation, "");
        let into = self.dir.open_dir(&place).map_err(self.failed("open", &place))?;
        match self.store.add_files(files, &into)?.first() {
            Some(other) => {
                Err(PublishError::OtherContent { path: self.path.join(at(generation, &other.to_string())) }.into())
            }
            None => Ok(()),
        }
    }

    /// Brings the shared folders `folders` from the generation `from` to `to`, whose packages lie there. Not durable.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub(super) fn take(self, from: &str, to: &str, folders: &[String], packages: &Packages<'_>) -> Result<(), Failure> {
        for folder in folders {
            let place = at(to, folder);
            // Until it is exchanged it leads to itself, where nobody comes along.
            self.relink(to, folder, to)?;
            if !self.exchange(from, to, folder)? {
                self.dir.remove_file(&place).map_err(self.failed("remove", &place))?;
                self.add(to, &packages.of(folder.as_bytes(), None)?)?;
            }
        }
        Ok(())
    }

    /// Exchanges a folder of one generation with a link of another, in one step; `false` where the file system cannot.
    fn exchange(self, one: &str, other: &str, folder: &str) -> Result<bool, PublishError> {
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let open = |generation| {
            let place = at(generation, above);
            self.dir.open_dir(&place).map_err(self.failed("open", &place))
        };
        let (from, to) = (open(one)?, open(other)?);
        match renameat2(&from, name, &to, name, RenameFlags::RENAME_EXCHANGE) {
            Ok(()) => {
                fault::point("folder-exchanged");
                Ok(true)
            }
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EXDEV) => Ok(false),
            Err(error) => Err(self.failed("exchange", &at(other, folder))(error.into())),
        }
    }

    /// Lets `folder` of a generation lead to that of `to`, in one step.
    fn relink(self, generation: &str, folder: &str, to: &str) -> Result<(), PublishError> {
        let place = at(generation, folder);
        let new = format!("{place}.new");
        let make = || -> io::Result<()> {
            match self.dir.remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.dir.symlink_contents(link(to, folder), &new)?,
            }
            self.dir.rename(&new, self.dir, &place)?;
            fault::point("folder-linked");
            Ok(())
        };
        make().map_err(self.failed("link", &place))
    }

    /// Lets the generations `staying` have their packages without `going`, which are about to be removed, and by as few links
    /// as can be. The first that has them in one of those gets the folder itself: the current one is named first.
    ///
    /// # Errors
    /// Where something cannot be written. Whoever reads then still finds all.
    pub(super) fn settle(self, staying: &[String], going: &BTreeSet<String>) -> Result<(), PublishError> {
        let mut takers: BTreeMap<(String, String), &String> = BTreeMap::new();
        for generation in staying {
            for folder in self.folders(generation)? {
                let Place::With(next) = self.place(generation, &folder)? else { continue };
                let Some(holder) = self.holder(&next, &folder)? else { continue };
                let leads = if going.contains(&holder) {
                    match takers.get(&(holder.clone(), folder.clone())) {
                        Some(taker) => (*taker).clone(),
                        None => {
                            takers.insert((holder.clone(), folder.clone()), generation);
                            holder
                        }
                    }
                } else {
                    holder
                };
                if next != leads {
                    self.relink(generation, &folder, &leads)?;
                }
            }
        }
        for ((holder, folder), taker) in takers {
            if !self.exchange(&holder, taker, &folder)? {
                let (from, to) = (at(&holder, &folder), at(taker, &folder));
                // Where the store was moved to a file system that cannot: all that can be done is to be quick.
                self.dir.remove_file(&to).map_err(self.failed("remove", &to))?;
                self.dir.rename(&from, self.dir, &to).map_err(self.failed("rename", &from))?;
            }
        }
        Ok(())
    }

    /// The shared folders that a generation has, or has links for.
    pub(super) fn folders(self, generation: &str) -> Result<Vec<String>, PublishError> {
        let names = |place: &str| -> Result<Vec<String>, PublishError> {
            let whole = at(generation, place);
            let names = self.dir.read_dir(&whole).and_then(|entries| {
                entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<io::Result<_>>()
            });
            match names {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Ok(Vec::new())
                }
                names => names.map_err(self.failed("read", &whole)),
            }
        };
        let mut folders = vec!["pool".to_owned()];
        for distro in names(super::yum::FOLDER)? {
            let below = format!("{}/{distro}", super::yum::FOLDER);
            folders.extend(names(&below)?.into_iter().map(|arch| format!("{below}/{arch}/{PACKAGES}")));
        }
        Ok(folders)
    }

    /// The files in a folder that is a generation's own, by their paths in it, and the folders above each; links are not gone along.
    pub(super) fn walk(self, generation: &str, folder: &str) -> Result<Vec<TreePath>, PublishError> {
        let mut found = Vec::new();
        let mut open = vec![PathBuf::from(folder)];
        while let Some(next) = open.pop() {
            let place = at(generation, &next.display().to_string());
            let failed = || self.failed("read", &place);
            for entry in self.dir.read_dir(Path::new(&place)).map_err(failed())? {
                let entry = entry.map_err(failed())?;
                let path = next.join(entry.file_name());
                if entry.file_type().map_err(failed())?.is_dir() {
                    open.push(path);
                } else if let Ok(path) = TreePath::new(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())) {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }
}
