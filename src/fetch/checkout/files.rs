//! What files a commit has, those of its submodules among them.
//!
//! Contents are those that git stores: filters of `.gitattributes` (line ends, large files elsewhere, what an archive leaves
//! out or puts in) are not applied. Modes and links are as the commit says. What could lead out of the source, or mislead who
//! reads it, is refused with the repository's and the file's name.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::clone::{Bare, Want};
use super::error::{CheckoutError, plain};
use super::links::{LinkAt, MAX_FOLLOWED, leads_out, link_at};
use super::{Clones, process};
use crate::fetch::git_error::GitError;
use crate::fetch::git_objects::{Objects, Repository};
use crate::path::TreePath;
use crate::remote::{Checkout, RemoteUrl, is_commit};
use crate::tree::Tree;

/// The longest target of a symbolic link, in bytes.
const MAX_TARGET: u64 = 4_095;

/// The longest list of submodules, in bytes.
const MAX_MODULES: u64 = 1 << 20;

/// How deep submodules may lie in each other.
const MAX_DEPTH: usize = 8;

/// The most submodules of a source.
const MAX_SUBMODULES: usize = 300;

/// The files of a commit.
pub struct Files {
    /// What is where, sorted.
    pub entries: BTreeMap<TreePath, FileKind>,
    parts: Vec<(Bare, Mutex<Objects>)>,
}

/// What something in a commit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A folder that holds nothing: the place of a submodule that is not taken.
    Folder,
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// Its length in bytes.
        size: u64,
        /// Which of the repositories has its content.
        part: usize,
        /// The content's id there.
        object: Box<str>,
    },
    /// A symbolic link, which leads nowhere out of the source.
    Link {
        /// Its target.
        target: Vec<u8>,
    },
}

/// Where an address leads on this machine.
pub type Leads<'a> = dyn Fn(&RemoteUrl) -> RemoteUrl + 'a;

impl Files {
    /// Writes the content of the object `object` of the repository `part` to `to`; gives its length in bytes.
    ///
    /// # Errors
    /// [`CheckoutError::Damaged`] where the clone does not have it, or `to` does not take it.
    pub fn copy(&self, part: usize, object: &str, to: &mut dyn Write) -> Result<u64, CheckoutError> {
        let (clone, objects) = &self.parts[part];
        let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.copy(object, to).map_err(|error| wrong(clone, error))
    }
}

fn wrong(clone: &Bare, error: GitError) -> CheckoutError {
    match error {
        GitError::Start { source } => CheckoutError::NoProgram { program: "git", source },
        error => clone.damaged(&crate::diag::chain(&error)),
    }
}

impl Clones<'_> {
    /// The files of a commit, found at the branch or tag `found`, as `checkout` wants them. `url` is the whole address of the
    /// repository; `leads` says where it, and those of submodules, lead.
    ///
    /// # Errors
    /// [`CheckoutError`] where it cannot be fetched, or holds what no source may hold.
    pub fn files(
        &self,
        url: &RemoteUrl,
        (commit, found): (&str, Option<&str>),
        checkout: &Checkout,
        leads: &Leads<'_>,
    ) -> Result<Files, CheckoutError> {
        let mut listing =
            Listing { clones: self, leads, files: Files { entries: BTreeMap::new(), parts: Vec::new() }, bytes: 0 };
        let from = Source { url, commit, found, folder: checkout.folder.as_deref(), below: b"", depth: 0 };
        listing.take(&from, checkout.submodules)?;
        let entries = &listing.files.entries;
        let link = |path: &TreePath| match entries.get(path) {
            Some(FileKind::Link { target }) => Some(target.as_slice()),
            _ => None,
        };
        let mut left = MAX_FOLLOWED;
        for path in entries.keys() {
            check(url, path, &link, &mut left)?;
            let mut above = path.parent();
            while let Some(folder) = above {
                if entries.get(&folder).is_some_and(|kind| *kind != FileKind::Folder) {
                    return Err(hostile(url, path.as_bytes(), "which lies in something that is no folder"));
                }
                above = folder.parent();
            }
        }
        Ok(listing.files)
    }
}

/// A repository whose files are taken.
struct Source<'a> {
    url: &'a RemoteUrl,
    commit: &'a str,
    found: Option<&'a str>,
    folder: Option<&'a str>,
    /// Where its files go.
    below: &'a [u8],
    depth: usize,
}

struct Listing<'a> {
    clones: &'a Clones<'a>,
    leads: &'a Leads<'a>,
    files: Files,
    bytes: u64,
}

/// A line of `git ls-tree -l`.
struct Row<'a> {
    mode: &'a str,
    object: &'a str,
    size: u64,
    path: &'a [u8],
}

impl Listing<'_> {
    fn take(&mut self, from: &Source<'_>, submodules: bool) -> Result<(), CheckoutError> {
        let want = Want { commit: from.commit, found: from.found, history: false };
        let clone = self.clones.with(&(self.leads)(from.url), want)?;
        let tree = match from.folder {
            None => format!("{}^{{tree}}", from.commit),
            Some(folder) => format!("{}:{folder}", from.commit),
        };
        let mut command = process::local(&clone.folder);
        let listed =
            process::run(self.clones, command.args(["ls-tree", "-r", "-z", "-l", "--full-tree", &tree]), None)?;
        if !listed.well {
            return Err(match from.folder {
                Some(folder)
                    if listed.said.contains("Not a valid object name") || listed.said.contains("not a tree") =>
                {
                    let (url, commit) = (from.url.to_string(), from.commit.to_owned());
                    CheckoutError::NoFolder { url, commit, folder: folder.to_owned() }
                }
                _ => clone.damaged(&listed.said),
            });
        }
        let part = self.files.parts.len();
        if part > MAX_SUBMODULES {
            let limit = MAX_SUBMODULES as u64;
            return Err(CheckoutError::TooLarge { url: from.url.to_string(), limit, what: "submodules" });
        }
        self.files.parts.push((clone.clone(), Mutex::new(Objects::new(Repository::Clone(clone.folder.clone())))));
        let mut modules = Vec::new();
        for record in listed.answer.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
            let row = row(record).ok_or_else(|| clone.damaged("a list of files that is not understood"))?;
            if let Some((path, commit)) = self.add(from.url, &row, part, from.below)? {
                modules.push((path, row.path.to_vec(), commit));
            }
        }
        if submodules && !modules.is_empty() {
            self.take_submodules(from, &clone, modules)?;
        }
        Ok(())
    }

    /// Notes what a row says; gives place and commit of a submodule.
    fn add(
        &mut self,
        url: &RemoteUrl,
        row: &Row<'_>,
        part: usize,
        below: &[u8],
    ) -> Result<Option<(TreePath, String)>, CheckoutError> {
        let whole = if below.is_empty() { row.path.to_vec() } else { [below, b"/", row.path].concat() };
        if let Some(why) = odd(row.path) {
            return Err(hostile(url, &whole, why));
        }
        let path = TreePath::new(&whole).map_err(|_| hostile(url, &whole, "which is no path of a source"))?;
        self.bytes = self.bytes.saturating_add(row.size);
        let bounds = self.clones.bounds;
        if self.bytes > bounds.bytes {
            return Err(CheckoutError::TooLarge { url: url.to_string(), limit: bounds.bytes, what: "bytes of files" });
        }
        if self.files.entries.len() >= bounds.files {
            let limit = bounds.files as u64;
            return Err(CheckoutError::TooLarge { url: url.to_string(), limit, what: "files" });
        }
        let (executable, object) = (row.mode == "100755", row.object.into());
        let (kind, module) = match row.mode {
            // Some old repositories have 100664.
            "100644" | "100664" | "100755" => (FileKind::File { executable, size: row.size, part, object }, None),
            "120000" if row.size > MAX_TARGET => return Err(hostile(url, &whole, "a link with an overlong target")),
            "120000" => {
                let mut target = Vec::new();
                self.files.copy(part, row.object, &mut target)?;
                (FileKind::Link { target }, None)
            }
            "160000" => (FileKind::Folder, Some((path.clone(), row.object.to_owned()))),
            _ => return Err(hostile(url, &whole, "with a mode that no source has")),
        };
        if self.files.entries.insert(path, kind).is_some() {
            return Err(hostile(url, &whole, "which is there twice"));
        }
        Ok(module)
    }

    fn take_submodules(
        &mut self,
        from: &Source<'_>,
        clone: &Bare,
        modules: Vec<(TreePath, Vec<u8>, String)>,
    ) -> Result<(), CheckoutError> {
        let urls = self.urls(from, clone)?;
        for (path, inside, commit) in modules {
            let wrong =
                |why: String| CheckoutError::Submodule { url: from.url.to_string(), path: plain(path.as_bytes()), why };
            if from.depth >= MAX_DEPTH {
                return Err(wrong(format!("that lies in {MAX_DEPTH} others")));
            }
            let in_repository = match from.folder {
                Some(folder) => [folder.as_bytes(), b"/", &inside].concat(),
                None => inside,
            };
            let url =
                urls.get(&in_repository).ok_or_else(|| wrong("of which `.gitmodules` says nothing".to_owned()))?;
            let url = from.url.of_submodule(url).map_err(|error| wrong(format!("that cannot be taken: {error}")))?;
            self.files.entries.remove(&path);
            let below = path.as_bytes();
            let inner = Source { url: &url, commit: &commit, found: None, folder: None, below, depth: from.depth + 1 };
            self.take(&inner, true)?;
        }
        Ok(())
    }

    /// The addresses of submodules that `.gitmodules` of a commit names, by path from the repository's root.
    fn urls(&self, from: &Source<'_>, clone: &Bare) -> Result<BTreeMap<Vec<u8>, String>, CheckoutError> {
        let place = format!("{}:.gitmodules", from.commit);
        let ask = |arguments: &[&str]| process::run(self.clones, process::local(&clone.folder).args(arguments), None);
        let size = ask(&["cat-file", "-s", &place])?;
        match String::from_utf8_lossy(&size.answer).trim().parse::<u64>() {
            Ok(size) if size <= MAX_MODULES => {}
            Ok(_) => return Err(hostile(from.url, b".gitmodules", "which is overlong")),
            Err(_) => return Ok(BTreeMap::new()),
        }
        // No file is included: of a blob, git includes none.
        let listed = ask(&["config", "--no-includes", "-z", "--list", "--blob", &place])?;
        if !listed.well {
            return Err(hostile(from.url, b".gitmodules", "which git cannot read"));
        }
        let (mut paths, mut urls) = (BTreeMap::new(), BTreeMap::new());
        for record in listed.answer.split(|byte| *byte == 0) {
            let Some(end) = record.iter().position(|byte| *byte == b'\n') else { continue };
            let (key, value) = (&record[..end], &record[end + 1..]);
            let Some(key) = key.strip_prefix(b"submodule.") else { continue };
            let Some(dot) = key.iter().rposition(|byte| *byte == b'.') else { continue };
            match &key[dot + 1..] {
                b"path" => drop(paths.insert(key[..dot].to_vec(), value.to_vec())),
                b"url" => drop(urls.insert(key[..dot].to_vec(), String::from_utf8_lossy(value).into_owned())),
                _ => {}
            }
        }
        let joined = paths.into_iter().filter_map(|(name, path)| Some((path, urls.get(&name)?.clone())));
        Ok(joined.collect())
    }
}

/// A record of `git ls-tree -z -l`: mode, kind, id, size or `-`, a tabulator, a path.
fn row(record: &[u8]) -> Option<Row<'_>> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let (facts, path) = (std::str::from_utf8(&record[..tab]).ok()?, &record[tab + 1..]);
    let mut facts = facts.split(' ').filter(|word| !word.is_empty());
    let (mode, _, object, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
    let size = if size == "-" { 0 } else { size.parse().ok()? };
    is_commit(object).then_some(Row { mode, object, size, path })
}

/// Why a path belongs to no source.
fn odd(path: &[u8]) -> Option<&'static str> {
    let mut names = path.split(|byte| *byte == b'/');
    if path.iter().any(u8::is_ascii_control) {
        Some("a name with control characters")
    } else if names.any(|name| name.eq_ignore_ascii_case(b".git") || name.eq_ignore_ascii_case(b".hg")) {
        Some("which belongs to version control")
    } else {
        None
    }
}

/// Refuses a tree that holds what no source may hold.
///
/// # Errors
/// [`CheckoutError::Hostile`] with the first such path.
pub fn check_tree(url: &RemoteUrl, tree: &Tree) -> Result<(), CheckoutError> {
    let link = |path: &TreePath| link_at(tree, path);
    let mut left = MAX_FOLLOWED;
    for (path, _) in tree.iter() {
        if let Some(why) = odd(path.as_bytes()) {
            return Err(hostile(url, path.as_bytes(), why));
        }
        check(url, path, &link, &mut left)?;
    }
    Ok(())
}

/// Refuses what stands at `path` where it is a link that leads nowhere or out.
fn check(url: &RemoteUrl, path: &TreePath, link: &LinkAt<'_>, left: &mut usize) -> Result<(), CheckoutError> {
    match link(path) {
        None => Ok(()),
        Some(target) if target.is_empty() || target.contains(&0) => {
            Err(hostile(url, path.as_bytes(), "a link without a target"))
        }
        Some(_) if leads_out(path, link, left) => {
            Err(hostile(url, path.as_bytes(), "a link that leads out of the source"))
        }
        Some(_) => Ok(()),
    }
}

fn hostile(url: &RemoteUrl, path: &[u8], why: &'static str) -> CheckoutError {
    CheckoutError::Hostile { url: url.to_string(), path: plain(path), why }
}
