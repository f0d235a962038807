//! Commits of a git repository, read with the host's own git: what files there were, and what was in them.
//!
//! ```text
//! rev-parse     which commit a revision is, and where the project lies in it
//! ls-tree       every file of the project's folder, once
//! cat-file      contents by object id, one process for all of them
//! ```
//!
//! The work tree is never looked at and never changed. What people write reaches git only behind `--end-of-options`,
//! and what the repository holds reaches it only as object ids. Nothing is fetched, not even by a partial clone. Contents
//! are those that git stores: filters of `.gitattributes` (line ends, large files elsewhere) are not applied.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::ops::Bound;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use super::git_error::GitError;
use super::git_objects::{Objects, Repository};
use crate::path::HostPath;

/// The most files of a project's folder at one commit.
const MAX_FILES: usize = 1_000_000;

/// The longest record of git's list of files, in bytes: mode, kind, id and a path.
const MAX_RECORD: u64 = 1 << 16;

/// Variables that would lead git to another repository than the project's: a hook of git's runs with some of them.
pub(super) const LEADING_ELSEWHERE: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
];

/// The files below a folder of a work tree as they were at one commit.
pub struct Commit {
    id: String,
    files: BTreeMap<Vec<u8>, Committed>,
    objects: Mutex<Objects>,
}

/// What stands at a path of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it is.
    pub kind: CommittedKind,
    /// Its content's object id, in hexadecimal.
    pub(super) object: Box<str>,
}

/// What something in a commit is. Folders are there only by what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommittedKind {
    /// A file.
    File {
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link; its content is its target.
    Link,
    /// Another repository, whose files this one does not have.
    Submodule,
}

impl Commit {
    /// Finds the commit that `revision` means to the repository around `folder`, and lists the files below `folder`.
    ///
    /// # Errors
    /// [`GitError`] where there is no git, no repository, no such commit, or no such folder in it.
    pub fn open(folder: &HostPath, revision: &str) -> Result<Self, GitError> {
        let place = place(folder)?;
        let id = resolve(folder, revision)?;
        let tree = match place.as_str() {
            "" => format!("{id}^{{tree}}"),
            below => format!("{id}:{below}"),
        };
        let output = run(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &tree])?;
        if !output.status.success() {
            return Err(GitError::NoFolder { revision: revision.to_owned(), folder: place });
        }
        let tree = object_id(&output.stdout).ok_or_else(|| GitError::odd("find the folder"))?;
        let files = list(folder, &tree)?;
        Ok(Self { id, files, objects: Mutex::new(Objects::new(Repository::Around(folder.clone()))) })
    }

    /// The commit's id, in hexadecimal.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What stands at `path`; `None` where nothing or a folder does.
    pub fn at(&self, path: &[u8]) -> Option<&Committed> {
        self.files.get(path)
    }

    /// Everything below the folder `folder` (empty: all), sorted by path; paths are those from the top.
    pub fn below<'a>(&'a self, folder: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a Committed)> + use<'a> {
        let prefix = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        let range = self.files.range::<[u8], _>((Bound::Included(prefix.as_slice()), Bound::Unbounded));
        range.map(|(path, file)| (path.as_slice(), file)).take_while(move |(path, _)| path.starts_with(&prefix))
    }

    /// The content of `file`; `None` where it has more than `limit` bytes.
    ///
    /// # Errors
    /// [`GitError`] where git cannot give it.
    pub fn read(&self, file: &Committed, limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        let mut bytes = Vec::new();
        let size = self.copy(file, &mut Capped { bytes: &mut bytes, limit })?;
        Ok((size <= limit).then_some(bytes))
    }

    /// The first `limit` bytes of `file`.
    ///
    /// # Errors
    /// [`GitError`] where git cannot give them.
    pub(super) fn beginning(&self, file: &Committed, limit: u64) -> Result<Vec<u8>, GitError> {
        let mut bytes = Vec::new();
        self.copy(file, &mut Capped { bytes: &mut bytes, limit })?;
        Ok(bytes)
    }

    /// Writes the content of `file` to `to`; gives its length in bytes.
    ///
    /// # Errors
    /// [`GitError`] where git cannot give it, or `to` does not take it.
    pub fn copy(&self, file: &Committed, to: &mut dyn Write) -> Result<u64, GitError> {
        let mut objects = self.objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        objects.copy(&file.object, to)
    }
}

/// Keeps the first `limit` bytes.
struct Capped<'a> {
    bytes: &'a mut Vec<u8>,
    limit: u64,
}

impl Write for Capped<'_> {
    fn write(&mut self, given: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&given[..given.len().min(room)]);
        Ok(given.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where `folder` lies in its repository: a path without `/` at its end, empty for the top.
fn place(folder: &HostPath) -> Result<String, GitError> {
    let output = run(folder, &["rev-parse", "--show-prefix"])?;
    if !output.status.success() {
        let said = said(&output);
        let folder = folder.as_path().to_owned();
        return Err(if said.contains("not a git repository") {
            GitError::NoRepository { folder }
        } else {
            GitError::Refused { folder, said }
        });
    }
    let text = String::from_utf8(output.stdout).map_err(|_| GitError::odd("say where the project lies"))?;
    Ok(text.trim_end_matches('\n').trim_end_matches('/').to_owned())
}

fn resolve(folder: &HostPath, revision: &str) -> Result<String, GitError> {
    let wanted = format!("{revision}^{{commit}}");
    let output = run(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
    if output.status.success() {
        return object_id(&output.stdout).ok_or_else(|| GitError::odd("find the commit"));
    }
    let is_shallow = run(folder, &["rev-parse", "--is-shallow-repository"])?.stdout.starts_with(b"true");
    if is_shallow {
        return Err(GitError::Shallow { revision: revision.to_owned() });
    }
    let refs = run(folder, &["for-each-ref", "--count=1000", "--format=%(refname:short)"])?;
    let refs = String::from_utf8_lossy(&refs.stdout).into_owned();
    let help = match crate::diag::did_you_mean(revision, refs.lines().chain(["HEAD"])) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "name a commit, a branch or a tag, as in `HEAD~1`; `git log` lists commits".to_owned(),
    };
    Err(GitError::Unknown { revision: revision.to_owned(), help })
}

/// The files of `tree`, whose paths may be any bytes.
fn list(folder: &HostPath, tree: &str) -> Result<BTreeMap<Vec<u8>, Committed>, GitError> {
    let failed = |source| GitError::Run { doing: "list files", source };
    let mut command = command(folder);
    command.args(["ls-tree", "-r", "-z", "--full-tree", tree]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(GitError::start)?;
    let mut files = BTreeMap::new();
    let mut read = || -> Result<(), GitError> {
        let Some(stdout) = child.stdout.take() else { return Ok(()) };
        let mut stdout = BufReader::with_capacity(1 << 16, stdout);
        loop {
            let mut record = Vec::new();
            (&mut stdout).take(MAX_RECORD).read_until(0, &mut record).map_err(failed)?;
            if record.is_empty() {
                return Ok(());
            }
            let (path, file) = parse(&record).ok_or_else(|| GitError::odd("list files"))?;
            files.insert(path, file);
            if files.len() > MAX_FILES {
                return Err(GitError::TooMany { limit: MAX_FILES });
            }
        }
    };
    let done = read();
    if done.is_err() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(failed)?;
    done?;
    if output.status.success() { Ok(files) } else { Err(GitError::Failed { doing: "list files", said: said(&output) }) }
}

/// A record of `git ls-tree -z`: mode, kind and id, a tabulator, a path.
fn parse(record: &[u8]) -> Option<(Vec<u8>, Committed)> {
    let record = record.strip_suffix(b"\0")?;
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let (facts, path) = (std::str::from_utf8(&record[..tab]).ok()?, &record[tab + 1..]);
    let mut facts = facts.split(' ');
    let (mode, _, object) = (facts.next()?, facts.next()?, object_id(facts.next()?.as_bytes())?);
    let kind = match mode {
        "120000" => CommittedKind::Link,
        "160000" => CommittedKind::Submodule,
        "100755" => CommittedKind::File { executable: true },
        // Some old repositories have 100664.
        mode if mode.starts_with("100") => CommittedKind::File { executable: false },
        _ => return None,
    };
    Some((path.to_vec(), Committed { kind, object: object.into() }))
}

/// An object id, where `bytes` are one (with or without a line's end).
fn object_id(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\n');
    let is_id = [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_owned())
}

/// git, for the repository around `folder`.
pub(super) fn command(folder: &HostPath) -> Command {
    let mut command = Command::new("git");
    for name in LEADING_ELSEWHERE {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1");
    command.env("GIT_TERMINAL_PROMPT", "0").arg("--no-pager").arg("--no-replace-objects");
    command.arg("-C").arg(folder.as_path()).stdin(Stdio::null());
    command
}

fn run(folder: &HostPath, arguments: &[&str]) -> Result<Output, GitError> {
    command(folder).args(arguments).output().map_err(GitError::start)
}

/// The first line of what git said.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
    line.strip_prefix("fatal: ").unwrap_or(line).chars().take(300).collect()
}
