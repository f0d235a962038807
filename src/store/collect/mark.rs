//! What is alive: reached from a project's nodes, what was fetched for it, a pin, a published generation, a live process or a run on record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::super::error::StoreError;
use super::super::realisations::Realisation;
use super::super::uses::Seen;
use super::super::{Store, Used};
use crate::digest::{Digest, Sha256};
use crate::drv::ActionKey;

/// What a store's digests are looked up in: millions of them, in no order that anybody sees.
#[expect(clippy::disallowed_types, reason = "only asked by digest, never listed")]
pub(in crate::store) type Map<T> = std::collections::HashMap<Digest, T, foldhash::fast::RandomState>;

/// What keeps something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// A project's node is realised by it now.
    Current,
    /// It is the last good result of a project's node that has another key by now.
    LastGood,
    /// A pin.
    Pin,
    /// It was fetched for a project.
    Fetched,
    /// A published generation.
    Generation,
    /// A live process uses it.
    Running,
    /// A run on record names it: the log of a failure.
    Run,
    /// A project's node failed so last.
    Failure,
    /// An upgrade to packages of a check that is kept.
    Upgrade,
}

impl Keeper {
    /// In one word, as commands write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::LastGood => "last-good",
            Self::Pin => "pinned",
            Self::Fetched => "fetched",
            Self::Generation => "published",
            Self::Running => "in-use",
            Self::Run => "run",
            Self::Failure => "failure",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Why something is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// What keeps it.
    pub keeper: Keeper,
    /// Whose that is: a project's folder, a pin's name, a channel; empty for live processes.
    pub of: String,
    /// The node, generation or run.
    pub what: String,
}

impl Reason {
    /// The same beside the name of the node that is kept, which is not said twice.
    pub fn for_node(&self, node: &str) -> String {
        let Self { keeper, of, what } = self;
        match keeper {
            Keeper::Current if what == node => format!("current in {of}"),
            Keeper::LastGood if what == node => format!("last good in {of}"),
            Keeper::Pin if what == node => format!("pinned as {of}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, what, .. } = self;
        match self.keeper {
            Keeper::Current => write!(f, "current: {what} of {of}"),
            Keeper::LastGood => write!(f, "last good: {what} of {of}"),
            Keeper::Pin => write!(f, "pinned as {of}: {what}"),
            Keeper::Fetched => write!(f, "fetched for {of}"),
            Keeper::Generation => write!(f, "published: {of}, {what}"),
            Keeper::Running => write!(f, "in use by a process that runs"),
            Keeper::Run => write!(f, "log of the run {what}"),
            Keeper::Failure => write!(f, "log of the latest failure of {what}"),
            Keeper::Upgrade => write!(f, "log of the upgrade that {what} was tried with"),
        }
    }
}

/// Downloaded files that a realisation stands for though its outputs do not hold them: the packages of a package list.
pub type Downloads<'a> = dyn Fn(&Realisation) -> Result<Vec<Sha256>, StoreError> + 'a;

/// All that is alive, each with its first reason.
#[derive(Default)]
pub struct Marked {
    reasons: Vec<Reason>,
    pub(super) keys: Map<u32>,
    pub(super) trees: Map<u32>,
    pub(super) objects: Map<u32>,
    pub(super) logs: Map<u32>,
    /// Nodes of projects: their latest failures are kept.
    pub(super) nodes: BTreeSet<String>,
    pub(super) seen: Seen,
}

impl Marked {
    /// Why a realisation is kept, or the root of that key; `None` where it is not.
    pub fn key(&self, key: ActionKey) -> Option<&Reason> {
        self.reason(self.keys.get(&key.0))
    }

    /// Why an object is kept.
    pub fn object(&self, digest: Digest) -> Option<&Reason> {
        self.reason(self.objects.get(&digest))
    }

    /// Why a tree is kept.
    pub fn tree(&self, digest: Digest) -> Option<&Reason> {
        self.reason(self.trees.get(&digest))
    }

    /// Why a log is kept.
    pub fn log(&self, digest: Digest) -> Option<&Reason> {
        self.reason(self.logs.get(&digest))
    }

    fn reason(&self, place: Option<&u32>) -> Option<&Reason> {
        self.reasons.get(*place? as usize)
    }

    fn add(&mut self, reason: Reason) -> u32 {
        self.reasons.push(reason);
        u32::try_from(self.reasons.len() - 1).unwrap_or(u32::MAX)
    }
}

impl Store {
    /// Finds all that is alive. `roots` are kept besides what the store itself knows of.
    ///
    /// # Errors
    /// [`StoreError::Keep`] where a list or pin is damaged, or where the store cannot be read: what cannot be read might
    /// keep anything.
    pub fn mark(&self, roots: Vec<(Reason, Used)>, downloads: &Downloads<'_>) -> Result<Marked, StoreError> {
        let mut marked = Marked::default();
        let latest = self.latest_of_nodes()?;
        for list in self.project_lists()? {
            for (node, key) in list.nodes {
                let reason = |keeper| Reason { keeper, of: list.project.clone(), what: node.clone() };
                if let Some(key) = key {
                    let reason = marked.add(reason(Keeper::Current));
                    self.mark_key(&mut marked, key, reason, downloads)?;
                }
                if let Some(last) = latest.get(&node).filter(|last| Some(**last) != key) {
                    let reason = marked.add(reason(Keeper::LastGood));
                    self.mark_key(&mut marked, *last, reason, downloads)?;
                }
                marked.nodes.insert(node);
            }
        }
        for (reason, trees) in self.all_assembled()? {
            let reason = marked.add(reason);
            for tree in trees {
                self.mark_tree(&mut marked, tree, reason)?;
            }
        }
        for pin in self.pins()? {
            for (node, key) in pin.nodes {
                let reason = Reason { keeper: Keeper::Pin, of: pin.name.to_string(), what: node };
                let reason = marked.add(reason);
                self.mark_key(&mut marked, key, reason, downloads)?;
            }
        }
        for fetched in self.all_fetched()? {
            let reason = marked.add(Reason { keeper: Keeper::Fetched, of: fetched.project, what: String::new() });
            for sha256 in fetched.files {
                if let Some(object) = self.known_sha256(sha256)? {
                    marked.objects.entry(object).or_insert(reason);
                }
            }
        }
        for (reason, used) in roots {
            let reason = marked.add(reason);
            self.mark_used(&mut marked, used, reason, downloads)?;
        }
        self.mark_rivals(&mut marked)?;
        self.mark_failures(&mut marked)?;
        self.mark_upgrades(&mut marked)?;
        {
            let _gate = self.close_gate()?;
            self.mark_uses(&mut marked, downloads)?;
        }
        self.mark_signed(&mut marked.objects)?;
        Ok(marked)
    }

    /// Marks what live processes have begun to use since the last look. Call it while the gate is closed.
    pub(in crate::store) fn mark_uses(&self, marked: &mut Marked, downloads: &Downloads<'_>) -> Result<(), StoreError> {
        let used = self.new_uses(&mut marked.seen)?;
        if !used.is_empty() {
            let reason = marked.add(Reason { keeper: Keeper::Running, of: String::new(), what: String::new() });
            for used in used {
                self.mark_used(marked, used, reason, downloads)?;
            }
        }
        Ok(())
    }

    fn mark_used(
        &self,
        marked: &mut Marked,
        used: Used,
        reason: u32,
        downloads: &Downloads<'_>,
    ) -> Result<(), StoreError> {
        match used {
            Used::Key(key) => self.mark_key(marked, key, reason, downloads)?,
            Used::Tree(digest) => self.mark_tree(marked, digest, reason)?,
            Used::Object(digest) => {
                marked.objects.entry(digest).or_insert(reason);
            }
            Used::Log(digest) => {
                marked.logs.entry(digest).or_insert(reason);
            }
        }
        Ok(())
    }

    fn mark_key(
        &self,
        marked: &mut Marked,
        key: ActionKey,
        reason: u32,
        downloads: &Downloads<'_>,
    ) -> Result<(), StoreError> {
        let mut next = Some(key);
        while let Some(key) = next.take() {
            if marked.keys.contains_key(&key.0) {
                // One that was not recorded when a process first named it may be by now; its outputs bear that
                // process's name too.
                return Ok(());
            }
            marked.keys.insert(key.0, reason);
            let Some(realisation) = self.read_record(key)? else { return Ok(()) };
            for tree in realisation.outputs.values() {
                self.mark_tree(marked, *tree, reason)?;
            }
            for sha256 in downloads(&realisation)? {
                if let Some(object) = self.known_sha256(sha256)? {
                    marked.objects.entry(object).or_insert(reason);
                }
            }
            if let Some(log) = realisation.log {
                marked.logs.entry(log).or_insert(reason);
            }
            // Whose outputs these are: its number is in them.
            next = realisation.kept;
        }
        Ok(())
    }

    fn mark_tree(&self, marked: &mut Marked, digest: Digest, reason: u32) -> Result<(), StoreError> {
        if marked.trees.contains_key(&digest) {
            return Ok(());
        }
        marked.trees.insert(digest, reason);
        // One that is not here, or damaged, keeps nothing: what it named is of no use without it.
        match self.get_tree(digest) {
            Ok(tree) => {
                for (_, object, _) in tree.files() {
                    marked.objects.entry(object).or_insert(reason);
                }
                Ok(())
            }
            Err(StoreError::Missing { .. } | StoreError::Altered { .. } | StoreError::NoTree { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Other results of what is kept: they can be compared for as long as that is.
    fn mark_rivals(&self, marked: &mut Marked) -> Result<(), StoreError> {
        for key in self.keys_with_rivals()? {
            let Some(reason) = marked.keys.get(&key.0).copied() else { continue };
            for rival in self.rivals(key)? {
                for tree in rival.realisation.outputs.values() {
                    self.mark_tree(marked, *tree, reason)?;
                }
                if let Some(log) = rival.realisation.log {
                    marked.logs.entry(log).or_insert(reason);
                }
            }
        }
        Ok(())
    }

    /// The logs of upgrades to packages of checks that are kept.
    fn mark_upgrades(&self, marked: &mut Marked) -> Result<(), StoreError> {
        for upgrade in self.upgrades()? {
            if !marked.keys.contains_key(&upgrade.check.0) {
                continue;
            }
            let reason = Reason { keeper: Keeper::Upgrade, of: String::new(), what: upgrade.node };
            let reason = marked.add(reason);
            marked.logs.entry(upgrade.log).or_insert(reason);
        }
        Ok(())
    }

    /// The logs of failures that runs on record name, and of the latest failures of projects' nodes.
    fn mark_failures(&self, marked: &mut Marked) -> Result<(), StoreError> {
        let mut logs: BTreeMap<Digest, String> = BTreeMap::new();
        for id in self.runs()? {
            let Some(run) = self.run(&id)? else { continue };
            let ended = run.nodes.iter().filter_map(|node| node.ended.as_ref());
            logs.extend(ended.filter_map(|ended| Some((ended.log?, id.to_string()))));
        }
        for (log, run) in logs {
            let reason = marked.add(Reason { keeper: Keeper::Run, of: String::new(), what: run });
            marked.logs.entry(log).or_insert(reason);
        }
        for attempt in self.attempts()?.into_iter().filter_map(|(_, attempt)| attempt) {
            if let Some(log) = attempt.log.filter(|_| marked.nodes.contains(&attempt.node)) {
                let reason = Reason { keeper: Keeper::Failure, of: String::new(), what: attempt.node };
                let reason = marked.add(reason);
                marked.logs.entry(log).or_insert(reason);
            }
        }
        Ok(())
    }
}
