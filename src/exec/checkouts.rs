//! Commits of repositories, into the store as the trees that they are.

use std::sync::atomic::AtomicBool;

use super::error::NodeError;
use super::sources::insert_at;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::fetch::{CheckoutError, Clones, FileKind, Files, History, Releases, Tip, Told, check_tree};
use crate::remote::{Checkout, RemoteUrl, System, TagVersions};
use crate::settings::Sources;
use crate::store::{ImportRules, Store};
use crate::tree::{Entry, Tree};

/// Files up to this size are stored many at once.
const SMALL: u64 = 1 << 20;

/// The most bytes of files that are written out.
const MAX_BYTES: u64 = 16 << 30;

/// So many bytes of small files are stored at once.
const TOGETHER: usize = 32 << 20;

/// Access to repositories of version control.
pub struct Checkouts<'a> {
    store: &'a Store,
    sources: &'a Sources,
    clones: Clones<'a>,
    closed: bool,
}

impl<'a> Checkouts<'a> {
    /// Access for a project with these `[sources]`. `stop` ends what runs.
    pub fn new(store: &'a Store, sources: &'a Sources, offline: bool, stop: &'a AtomicBool) -> Self {
        let clones = Clones::new(store.path().join("sources"), offline, stop);
        Self { store, sources, clones, closed: false }
    }

    /// The same, but what the network keeps away is tried again by itself.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { clones: self.clones.patient(), ..self }
    }

    /// The same, but only what the store has is had, whatever repositories are on this machine.
    #[must_use]
    pub fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    fn leads(&self, checkout: &Checkout) -> Result<RemoteUrl, Failure> {
        let whole = self.sources.whole(checkout.system, &checkout.url)?;
        if self.closed {
            return Err(CheckoutError::Offline { url: whole.to_string() }.into());
        }
        Ok(self.sources.leads(checkout.system, &whole)?)
    }

    /// The commit that a recipe means now.
    ///
    /// # Errors
    /// Where its repository does not say.
    pub fn tip(&self, checkout: &Checkout) -> Result<Tip, Failure> {
        Ok(self.clones.tip(checkout.system, &self.leads(checkout)?, &checkout.follow)?)
    }

    /// The history of that commit. `before`: the commit that was meant the last time.
    ///
    /// # Errors
    /// Where it cannot be fetched.
    pub fn history(&self, checkout: &Checkout, tip: &Tip, before: Option<&str>) -> Result<History, Failure> {
        Ok(self.clones.history((checkout.system, &self.leads(checkout)?), &checkout.follow, tip, before)?)
    }

    /// What the version of that commit is made of, where it comes from tags by `rule`.
    ///
    /// # Errors
    /// Where its history cannot be fetched, or its tags say no version.
    pub fn releases(&self, checkout: &Checkout, tip: &Tip, rule: &TagVersions) -> Result<Releases, Failure> {
        let (place, folder) = ((checkout.system, &self.leads(checkout)?), checkout.folder.as_deref());
        Ok(self.clones.releases(place, tip, rule, folder)?)
    }

    /// The commits of a branch from one that was pinned to another, newest first, at most `most`, and how many there are.
    ///
    /// # Errors
    /// Where they cannot be had.
    pub fn between(
        &self,
        checkout: &Checkout,
        (before, after): (&str, &str),
        found: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Told>, u64), Failure> {
        let from = (checkout.system, &self.leads(checkout)?);
        Ok(self.clones.between(from, (before, after), found, most)?)
    }

    /// The tree of a commit, found at the branch or tag `found`, in the store.
    ///
    /// # Errors
    /// Where it cannot be fetched, holds what no source may hold, or cannot be stored.
    pub fn tree(&self, checkout: &Checkout, commit: &str, found: Option<&str>) -> Result<Tree, Failure> {
        self.leads(checkout)?;
        match self.take(checkout, commit, found) {
            Err(failure) => match failure.report.downcast_ref::<CheckoutError>() {
                // What is damaged was fetched some time ago: once more, from nothing.
                Some(CheckoutError::Damaged { url, .. }) => {
                    self.clones.discard(checkout.system, url)?;
                    self.take(checkout, commit, found)
                }
                _ => Err(failure),
            },
            taken => taken,
        }
    }

    fn take(&self, checkout: &Checkout, commit: &str, found: Option<&str>) -> Result<Tree, Failure> {
        if checkout.system == System::Hg {
            return self.take_written(checkout, commit);
        }
        let whole = self.sources.whole(checkout.system, &checkout.url)?;
        // An address that `opb.toml` makes none of stays as it is: git says what is wrong with it.
        let leads = |url: &RemoteUrl| self.sources.leads(checkout.system, url).unwrap_or_else(|_| url.clone());
        let files = self.clones.files(&whole, (commit, found), checkout, &leads)?;
        let tree = self.stored(&files)?;
        self.store.put_tree(&tree)?;
        Ok(tree)
    }

    /// The tree of a commit whose files are written out.
    fn take_written(&self, checkout: &Checkout, commit: &str) -> Result<Tree, Failure> {
        let (url, scratch) = (self.leads(checkout)?, self.store.new_work()?);
        let into = scratch.path().join("files");
        let source = self.clones.hg_export(&url, commit, checkout.folder.as_deref(), &into)?;
        let failed = |source: std::io::Error| NodeError::Unreadable {
            what: format!("the files of `{checkout}`"),
            why: source.to_string(),
        };
        let below = source.as_path().strip_prefix(scratch.path().as_path()).unwrap_or(source.as_path());
        let dir = scratch.dir().open_dir(below).map_err(failed)?;
        let tree = self.store.import_folder(&dir, &ImportRules { bytes: MAX_BYTES, ..ImportRules::default() })?;
        check_tree(&url, &tree)?;
        self.store.put_tree(&tree)?;
        Ok(tree)
    }

    fn stored(&self, files: &Files) -> Result<Tree, Failure> {
        let mut tree = Tree::default();
        let (mut small, mut bytes) = (Vec::new(), 0);
        for (path, kind) in &files.entries {
            let entry = match kind {
                FileKind::Folder => Entry::Folder,
                FileKind::Link { target } => Entry::Link { target: target.clone() },
                FileKind::File { executable, size, part, object } if *size <= SMALL => {
                    let mut content = Vec::new();
                    files.copy(*part, object, &mut content)?;
                    let digest = Digest::of(&content);
                    bytes += content.len();
                    let size = content.len() as u64;
                    small.push(content);
                    Entry::File { digest, size, executable: *executable }
                }
                FileKind::File { executable, part, object, .. } => {
                    let (digest, size) = self.large(files, *part, object)?;
                    Entry::File { digest, size, executable: *executable }
                }
            };
            insert_at(&mut tree, path.clone(), entry)?;
            if bytes >= TOGETHER {
                self.store.put_all(&small.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
                small.clear();
                bytes = 0;
            }
        }
        self.store.put_all(&small.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        Ok(tree)
    }

    /// Stores a large file without having all of it in memory.
    fn large(&self, files: &Files, part: usize, object: &str) -> Result<(Digest, u64), Failure> {
        let scratch = self.store.new_work()?;
        let failed =
            |source| NodeError::Unreadable { what: "a large file of a commit".to_owned(), why: format!("{source}") };
        let mut copy = scratch.dir().create("file").map_err(failed)?;
        files.copy(part, object, &mut copy)?;
        let mut copy = scratch.dir().open("file").map_err(failed)?;
        Ok(self.store.put_file(&mut copy, u64::MAX)?)
    }
}
