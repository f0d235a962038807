//! A bare clone for each address. All of them may be lost: what is missing is fetched again.
//!
//! One process at a time fetches into a clone, which its lock says; it ends with its process. A fetch that is killed leaves
//! nothing but a file that the next one removes, as git names what it has fetched only when all of it is there. A clone in
//! which git finds something wrong is thrown away, once.

#![expect(clippy::disallowed_methods, reason = "clones are folders of git, outside of the store's own keeping")]

use std::fs::File;
use std::io;
use std::time::Duration;

use nix::fcntl::Flock;

use super::error::{CheckoutError, read, shown};
use super::{Clones, process};
use crate::digest::Digest;
use crate::fetch::locking::{self, lock_of};
use crate::path::HostPath;
use crate::remote::{RemoteUrl, System};

/// How long a clone stays after its last use, however little room there is.
const IN_USE: Duration = Duration::from_secs(60 * 60);

/// The clone of a repository.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    pub url: RemoteUrl,
    pub folder: HostPath,
}

/// What a clone is to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want<'a> {
    pub commit: &'a str,
    /// The branch or tag that the commit was found at.
    pub found: Option<&'a str>,
    /// Whether all that the commit has come from is wanted, and all tags.
    pub history: bool,
}

impl Bare {
    /// The error that says that something in it is wrong.
    pub fn damaged(&self, said: &str) -> CheckoutError {
        CheckoutError::Damaged { url: self.url.clone(), folder: self.folder.clone(), said: shown(said) }
    }
}

impl Clones<'_> {
    /// The clone of the repository at `url`, with what is wanted in it.
    pub(super) fn with(&self, url: &RemoteUrl, want: Want<'_>) -> Result<Bare, CheckoutError> {
        match self.filled(url, want) {
            Err(CheckoutError::Damaged { .. }) => {
                self.discard(System::Git, url)?;
                self.filled(url, want)
            }
            done => done,
        }
    }

    /// Throws a clone away.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn discard(&self, system: System, url: &RemoteUrl) -> Result<(), CheckoutError> {
        let folder = self.place(system, url);
        let _lock = self.lock(&folder)?;
        remove(&folder)
    }

    fn filled(&self, url: &RemoteUrl, want: Want<'_>) -> Result<Bare, CheckoutError> {
        let folder = self.place(System::Git, url);
        let clone = Bare { url: url.clone(), folder };
        let _lock = self.lock(&clone.folder)?;
        if clone.folder.join("HEAD").as_path().is_file() {
            self.sweep(&clone);
            if self.has(&clone, want)? {
                return Ok(clone);
            }
        } else {
            remove(&clone.folder)?;
            self.trying(url, &mut || Ok(()))?;
            let format = if want.commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
            let mut command = process::remote(url, Some(&clone.folder));
            command.args(["init", "--quiet", "--bare", "--template=", format]);
            let ran = process::run(self, &mut command, None)?;
            if !ran.well {
                let source = io::Error::other(shown(&ran.said));
                return Err(CheckoutError::File { path: clone.folder, source });
            }
        }
        self.fetch_what_is_missing(&clone, want)?;
        self.trim(&clone.folder);
        Ok(clone)
    }

    /// Whether nothing has to be fetched.
    fn has(&self, clone: &Bare, want: Want<'_>) -> Result<bool, CheckoutError> {
        let object = format!("{}^{{commit}}", want.commit);
        let mut command = process::local(&clone.folder);
        let there = process::run(self, command.args(["cat-file", "-e", "--end-of-options", &object]), None)?.well;
        Ok(there && !(want.history && self.is_shallow(clone)))
    }

    fn is_shallow(&self, clone: &Bare) -> bool {
        clone.folder.join("shallow").as_path().exists()
    }

    fn fetch_what_is_missing(&self, clone: &Bare, want: Want<'_>) -> Result<(), CheckoutError> {
        let Want { commit, found, history } = want;
        let own = format!("+{commit}:refs/opb/{commit}");
        let named = found.map(|found| format!("+{found}:{found}"));
        let (heads, tags) = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*");
        let packs = process::size_of(&clone.folder);
        let mut ways: Vec<(Vec<&str>, bool)> = Vec::new();
        if history {
            // A server may be willing to give a commit by its id alone, or not.
            ways.push((vec![named.as_deref().unwrap_or(&own), tags], false));
        } else {
            // What is there with its history would lose it. A plain web server knows no part of one.
            if packs == 0 || self.is_shallow(clone) {
                ways.push((vec![&own], true));
            }
            ways.push((vec![&own], false));
            ways.extend(named.as_deref().map(|named| (vec![named], false)));
        }
        ways.push((vec![heads, tags], false));
        let mut last = None;
        for (references, shallow) in ways {
            match self.trying(&clone.url, &mut || self.fetch(clone, &references, shallow)) {
                Ok(()) if self.has(clone, want)? => return Ok(()),
                Ok(()) => last = None,
                // It may be another way to say that this way is closed.
                Err(error @ (CheckoutError::Damaged { .. } | CheckoutError::Gone { .. })) => last = Some(error),
                Err(error) => {
                    if matches!(error, CheckoutError::TooLarge { .. }) {
                        remove(&clone.folder)?;
                    }
                    return Err(error);
                }
            }
        }
        let missing = || CheckoutError::NoCommit { url: clone.url.to_string(), commit: commit.to_owned() };
        Err(last.unwrap_or_else(missing))
    }

    fn fetch(&self, clone: &Bare, references: &[&str], shallow: bool) -> Result<(), CheckoutError> {
        let mut command = process::remote(&clone.url, Some(&clone.folder));
        process::batch_ssh(self, &clone.url, &mut command)?;
        command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--force"]);
        if shallow {
            command.arg("--depth=1");
        } else if self.is_shallow(clone) {
            command.arg("--unshallow");
        }
        command.args(["--end-of-options", clone.url.as_str()]).args(references);
        let ran = process::run(self, &mut command, Some((&clone.folder, &clone.url)))?;
        if ran.well && process::size_of(&clone.folder) > self.bounds.clone {
            return Err(process::too_large(self, &clone.url));
        }
        if ran.well {
            return Ok(());
        }
        Err(read(System::Git, &clone.url, &ran.said).unwrap_or_else(|| clone.damaged(&ran.said)))
    }

    /// Fetches all tags that the repository has now, into a clone with its history.
    pub(super) fn fetch_tags(&self, clone: &Bare) -> Result<(), CheckoutError> {
        let _lock = self.lock(&clone.folder)?;
        self.trying(&clone.url, &mut || self.fetch(clone, &["+refs/tags/*:refs/tags/*"], false))
    }

    pub(super) fn place(&self, system: System, url: &RemoteUrl) -> HostPath {
        self.folder.join(clone_name(system, url))
    }

    /// Waits until nobody else fetches into the clone at `folder`.
    pub(super) fn lock(&self, folder: &HostPath) -> Result<Flock<File>, CheckoutError> {
        let path = lock_of(folder);
        let failed = |source| CheckoutError::File { path: path.clone(), source };
        let locked = locking::lock(&path, failed, || process::pause(Duration::from_millis(50), self.cancel))?;
        // Its time says when the clone was used last.
        let now = nix::sys::time::TimeSpec::UTIME_NOW;
        let _ = nix::sys::stat::futimens(&*locked, &now, &now);
        Ok(locked)
    }

    /// Removes what a fetch has left that was killed.
    fn sweep(&self, clone: &Bare) {
        let left = |name: &str| name.starts_with("tmp_") || name.ends_with(".lock");
        for folder in ["", "objects/pack"] {
            let entries = std::fs::read_dir(clone.folder.join(folder).as_path());
            for entry in entries.into_iter().flatten().flatten() {
                if entry.file_name().to_str().is_some_and(left) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Removes the clones that were used the longest ago, until all of them have no more bytes than they may.
    pub(super) fn trim(&self, but: &HostPath) {
        let Some(above) = but.as_path().parent() else { return };
        let entries = std::fs::read_dir(above).into_iter().flatten().flatten();
        let folders = entries.map(|entry| HostPath::new(entry.path())).filter(|path| path.as_path().is_dir());
        let used = |folder: &HostPath| {
            let data = std::fs::metadata(lock_of(folder).as_path()).ok()?;
            data.modified().ok()?.elapsed().ok()
        };
        let mut all: Vec<_> = folders.map(|folder| (used(&folder), process::size_of(&folder), folder)).collect();
        all.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        let mut total: u64 = all.iter().map(|(_, size, _)| *size).fold(0, u64::saturating_add);
        for (used, size, folder) in all {
            if total <= self.bounds.all {
                return;
            }
            let idle = used.is_none_or(|used| used > IN_USE);
            if idle && folder != *but && self.lock(&folder).is_ok_and(|_lock| remove(&folder).is_ok()) {
                total = total.saturating_sub(size);
            }
        }
    }
}

/// What the clone of the repository at `url` is called below the folder of all clones.
pub fn clone_name(system: System, url: &RemoteUrl) -> String {
    let id = Digest::of(url.as_str().as_bytes()).to_string();
    format!("{system}/{}", &id[..32])
}

pub(super) fn remove(folder: &HostPath) -> Result<(), CheckoutError> {
    match std::fs::remove_dir_all(folder.as_path()) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CheckoutError::File { path: folder.clone(), source })
        }
        _ => Ok(()),
    }
}
