//! Mercurial's repositories: a clone without files for each address, and the files of a commit written out by `hg archive`.
//!
//! Mercurial has no shallow clones: each clone has the whole history. Whatever a repository could use against its reader
//! stays off: subrepositories are not followed, and hooks and settings are this machine's own alone.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::clone::{Bare, remove};
use super::error::{CheckoutError, read, shown};
use super::history::History;
use super::process::{self, Ran};
use super::refs::{Listed, Tip, choose};
use super::{Clones, Told};
use crate::path::HostPath;
use crate::remote::{Follow, RemoteUrl, System, is_commit, is_reference};

impl Clones<'_> {
    /// As [`Clones::tip`], of a Mercurial repository. All that it has is fetched.
    pub(super) fn hg_tip(&self, url: &RemoteUrl, follow: &Follow) -> Result<Tip, CheckoutError> {
        let clone = self.hg_clone(url, None)?;
        let mut refs = BTreeMap::new();
        for (what, below) in [("branches", "refs/heads/"), ("tags", "refs/tags/")] {
            let name = if what == "tags" { "tag" } else { "branch" };
            let template = format!("{{node}}\\t{{{name}}}\\n");
            let ran = self.hg_in(&clone, &[what, "--template", &template])?;
            for line in String::from_utf8_lossy(&ran.answer).lines() {
                let Some((node, name)) = line.split_once('\t') else { continue };
                // `tip` is no tag that anybody has made.
                let is_made = what == "branches" || name != "tip";
                if is_commit(node) && is_reference(name) && is_made {
                    refs.insert(format!("{below}{name}"), node.to_owned());
                }
            }
        }
        let own = Some("refs/heads/default".to_owned()).filter(|own| refs.contains_key(own));
        choose(url, follow, Listed { own, refs })
    }

    /// As [`Clones::history`], of a Mercurial repository.
    pub(super) fn hg_history(
        &self,
        url: &RemoteUrl,
        tip: &Tip,
        before: Option<&str>,
    ) -> Result<History, CheckoutError> {
        let clone = self.hg_clone(url, Some(&tip.commit))?;
        let template = "{date|hgdate}\\n{latesttagdistance}\\t{latesttag % '{tag}\\t'}\\n";
        let made = self.hg_in(&clone, &["log", "--rev", &tip.commit, "--template", template])?;
        let text = String::from_utf8_lossy(&made.answer).into_owned();
        let mut lines = text.lines();
        let time = lines.next().and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
        let time = time.ok_or_else(|| clone.damaged(&made.said))?.clamp(0.0, 253_402_300_799.0);
        let named = tip.found.as_deref().and_then(|found| found.strip_prefix("refs/tags/"));
        let nearest = match named {
            Some(tag) => Some((tag.to_owned(), 0)),
            None => lines.next().and_then(|line| {
                let (distance, tags) = line.split_once('\t')?;
                let tag = tags.split('\t').find(|tag| is_reference(tag) && *tag != "null")?;
                Some((tag.to_owned(), distance.parse().ok()?))
            }),
        };
        let before = before.filter(|id| is_commit(id) && named.is_none());
        let descends = before.map(|before| {
            let both = format!("{before} and ancestors({})", tip.commit);
            let ran = self.hg_in(&clone, &["log", "--rev", &both, "--template", "x"]);
            ran.is_ok_and(|ran| !ran.answer.is_empty())
        });
        #[expect(clippy::cast_possible_truncation, reason = "clamped just now")]
        Ok(History { time: time as i64, nearest, descends })
    }

    /// The commits that `after` comes from and `before` does not, as [`Self::between`] says.
    pub(super) fn hg_between(
        &self,
        url: &RemoteUrl,
        (before, after): (&str, &str),
        most: usize,
    ) -> Result<(Vec<Told>, u64), CheckoutError> {
        let clone = self.hg_clone(url, Some(after))?;
        let range = format!("reverse(only({after}, {before}))");
        let count = self.hg_in(&clone, &["log", "--rev", &range, "--template", "x"])?.answer.len();
        let template = "{node}\x1f{word(0, date|hgdate)}\x1f{desc|firstline}\n";
        let limit = most.to_string();
        let log = self.hg_in(&clone, &["log", "--rev", &range, "--limit", &limit, "--template", template])?;
        Ok((super::between::read(&String::from_utf8_lossy(&log.answer)), count as u64))
    }

    /// Writes the files of a commit of a Mercurial repository, or of its folder `folder`, into the new folder `into`; gives
    /// where the source begins.
    ///
    /// # Errors
    /// [`CheckoutError`] where it cannot be fetched or written.
    pub fn hg_export(
        &self,
        url: &RemoteUrl,
        commit: &str,
        folder: Option<&str>,
        into: &HostPath,
    ) -> Result<HostPath, CheckoutError> {
        let clone = self.hg_clone(url, Some(commit))?;
        let mut command = self.hg(url)?;
        command.arg("--repository").arg(clone.folder.as_path());
        command.args(["--config", "ui.archivemeta=no", "archive", "--type", "files", "--no-decode", "--rev", commit]);
        if let Some(folder) = folder {
            command.args(["--include", &format!("path:{folder}")]);
        }
        command.arg("--").arg(into.as_path());
        let ran = process::run(self, &mut command, None)?;
        let source = folder.map_or_else(|| into.clone(), |folder| into.join(folder));
        let is_folder = std::fs::symlink_metadata(source.as_path()).is_ok_and(|data| data.is_dir());
        match folder {
            Some(folder) if !is_folder => {
                let (url, commit) = (url.to_string(), commit.to_owned());
                Err(CheckoutError::NoFolder { url, commit, folder: folder.to_owned() })
            }
            _ if !ran.well || !is_folder => Err(clone.damaged(&ran.said)),
            _ => Ok(source),
        }
    }

    /// The clone of a repository, with `commit` in it, or with all that the repository has now.
    pub(super) fn hg_clone(&self, url: &RemoteUrl, commit: Option<&str>) -> Result<Bare, CheckoutError> {
        match self.hg_filled(url, commit) {
            Err(CheckoutError::Damaged { .. }) => {
                self.discard(System::Hg, url)?;
                self.hg_filled(url, commit)
            }
            done => done,
        }
    }

    fn hg_filled(&self, url: &RemoteUrl, commit: Option<&str>) -> Result<Bare, CheckoutError> {
        let clone = Bare { url: url.clone(), folder: self.place(System::Hg, url) };
        let _lock = self.lock(&clone.folder)?;
        let is_there = clone.folder.join(".hg/store").as_path().is_dir();
        if is_there && commit.is_some_and(|commit| self.hg_has(&clone, commit)) {
            return Ok(clone);
        }
        self.trying(url, &mut || {
            let mut command = self.hg(url)?;
            if is_there {
                command.arg("--repository").arg(clone.folder.as_path()).args(["pull", "--quiet", "--", url.as_str()]);
            } else {
                remove(&clone.folder)?;
                command.args(["clone", "--quiet", "--noupdate", "--pull", "--", url.as_str()]);
                command.arg(clone.folder.as_path());
            }
            let ran = process::run(self, &mut command, Some((&clone.folder, url)))?;
            match ran.well {
                true => Ok(()),
                false if is_there => Err(read(System::Hg, url, &ran.said).unwrap_or_else(|| clone.damaged(&ran.said))),
                false => {
                    let other = || CheckoutError::Gone { url: url.to_string(), said: shown(&ran.said) };
                    Err(read(System::Hg, url, &ran.said).unwrap_or_else(other))
                }
            }
        })?;
        self.trim(&clone.folder);
        match commit.filter(|commit| !self.hg_has(&clone, commit)) {
            Some(commit) => Err(CheckoutError::NoCommit { url: url.to_string(), commit: commit.to_owned() }),
            None => Ok(clone),
        }
    }

    fn hg_has(&self, clone: &Bare, commit: &str) -> bool {
        // To hg this is the state before its first commit.
        let is_one = commit.bytes().any(|digit| digit != b'0');
        let ran = self.hg_in(clone, &["log", "--rev", commit, "--template", "{node}"]);
        is_one && ran.is_ok_and(|ran| ran.answer == commit.as_bytes())
    }

    /// Asks a clone something, which never reaches beyond it.
    pub(super) fn hg_in(&self, clone: &Bare, arguments: &[&str]) -> Result<Ran, CheckoutError> {
        let mut command = narrowed();
        command.arg("--repository").arg(clone.folder.as_path()).args(arguments);
        let ran = process::run(self, &mut command, None)?;
        if ran.well { Ok(ran) } else { Err(clone.damaged(&ran.said)) }
    }

    /// hg with a way to the repository at `url`.
    fn hg(&self, url: &RemoteUrl) -> Result<Command, CheckoutError> {
        let mut command = narrowed();
        if url.scheme() == Some("ssh") && !process::run(self, narrowed().args(["config", "ui.ssh"]), None)?.well {
            command.args(["--config", "ui.ssh=ssh -o BatchMode=yes"]);
        }
        Ok(command)
    }
}

fn narrowed() -> Command {
    let mut command = Command::new("hg");
    command.env("HGPLAIN", "1").env("HGENCODING", "UTF-8").env("LC_ALL", "C").env_remove("HG");
    command.args(["--noninteractive", "--config", "ui.merge=internal:fail"]);
    command.stdin(Stdio::null());
    command
}
