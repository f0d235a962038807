//! Collecting what nobody needs any more, and saying why the rest is kept.

use std::collections::BTreeMap;

use crate::diag::Failure;
use crate::digest::Sha256;
use crate::exec::{self, root_owner};
use crate::package::list::PackageList;
use crate::project;
use crate::publish;
use crate::report::store::{Amounts, CollectionTold, FileTold, RootTold};
use crate::sandbox::{self, IdMap, Launcher};
use crate::store::collect::{Amount, Dead, Downloads, Kind, Marked, Policy, Reason, Stored};
use crate::store::{CloneEntry, FailedEntry, Realisation, RootEntry, Store, StoreError};

/// The most bytes of a package list.
const MAX_LIST: u64 = 64 << 20;

/// What trees of failed steps are called among what there is.
const FAILED: &str = "failed trees";

/// What clones of repositories, and downloads that broke off, are called among what there is.
const CLONES: &str = "clones";

/// What packages with signatures are called among what there is, apart from other objects.
const SIGNED: &str = "signed";

/// What to collect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    /// How far to go.
    pub policy: Policy,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What is alive in a store and what is dead, by file.
pub struct Survey {
    marked: Marked,
    dead: Dead,
    /// The roots, each with when it died, if it is dead.
    roots: Vec<(RootEntry, Option<i64>)>,
    /// The trees of failed steps. Nothing has needed them since they were kept.
    failed: Vec<FailedEntry>,
    /// Clones that no project's pins lead to. Nothing has needed them since they were used.
    clones: Vec<CloneEntry>,
    /// All there is, by kind, roots included.
    all: Amounts,
    /// Files that are kept, by what keeps them.
    kept: Amounts,
    /// Bytes of what is dead, by when it died.
    dead_bytes: BTreeMap<i64, u64>,
}

impl Survey {
    /// Looks at the whole of `store`.
    ///
    /// # Errors
    /// Where what must be kept cannot be read.
    pub fn of(store: &Store) -> Result<Self, Failure> {
        let marked = mark(store)?;
        let dead = store.find_dead(&marked)?;
        let (mut all, mut kept, mut dead_bytes) = (Amounts::new(), Amounts::new(), BTreeMap::<i64, u64>::new());
        let (signed, mut amount_signed) = (store.signed_objects()?, Amount::default());
        for kind in Kind::FILES {
            let amount = all.entry(kind.plural().to_owned()).or_default();
            store.each_file(kind, &mut |stored| {
                let is_signed = kind == Kind::Object && signed.contains(&stored.digest);
                let amount = if is_signed { &mut amount_signed } else { &mut *amount };
                amount.add(stored.bytes);
                match (dead.since(&marked, stored), reason_of(&marked, stored)) {
                    (Some(since), _) => *dead_bytes.entry(since).or_default() += stored.bytes,
                    (None, Some(reason)) => kept.entry(reason.keeper.word().to_owned()).or_default().add(stored.bytes),
                    (None, None) => {}
                }
                Ok(())
            })?;
        }
        if amount_signed.count > 0 {
            all.insert(SIGNED.to_owned(), amount_signed);
        }
        let (mut roots, mut amount) = (Vec::new(), Amount::default());
        for root in store.roots()? {
            let bytes = store.root_bytes(root.key, root.uid);
            let since = dead.root_since(&marked, root.key, root.used);
            amount.add(bytes);
            if let Some(since) = since {
                *dead_bytes.entry(since).or_default() += bytes;
            }
            roots.push((root, since));
        }
        all.insert("roots".to_owned(), amount);
        let failed = store.failed_trees()?;
        for entry in &failed {
            all.entry(FAILED.to_owned()).or_default().add(entry.bytes());
            *dead_bytes.entry(entry.kept()).or_default() += entry.bytes();
        }
        let (kept_clones, mut clones) = (store.kept_clones()?, Vec::new());
        for entry in store.clones()? {
            all.entry(CLONES.to_owned()).or_default().add(entry.bytes);
            if kept_clones.contains(&entry.name) {
                kept.entry(CLONES.to_owned()).or_default().add(entry.bytes);
            } else {
                *dead_bytes.entry(entry.used).or_default() += entry.bytes;
                clones.push(entry);
            }
        }
        Ok(Self { marked, dead, roots, failed, clones, all, kept, dead_bytes })
    }

    /// All there is, by kind, roots included.
    pub fn all(&self) -> &Amounts {
        &self.all
    }

    /// How many bytes all of it has.
    pub fn total(&self) -> u64 {
        self.all.values().map(|amount| amount.bytes).sum()
    }

    /// How many bytes are dead.
    pub fn dead_bytes(&self) -> u64 {
        self.dead_bytes.values().sum()
    }

    /// What is kept, by what keeps it.
    pub fn kept(&self) -> &Amounts {
        &self.kept
    }

    /// Why a file is kept, and when it died if it is not.
    pub fn told(&self, stored: &Stored) -> (Option<&Reason>, Option<i64>) {
        (reason_of(&self.marked, stored), self.dead.since(&self.marked, stored))
    }
}

/// What is alive in `store`.
///
/// # Errors
/// Where what must be kept cannot be read.
pub fn mark(store: &Store) -> Result<Marked, Failure> {
    Ok(store.mark(publish::kept(store)?, &|realisation: &_| packages_of(store, realisation))?)
}

/// Collects by `order`. In a dry run `each` is shown every file, and whether it goes.
///
/// # Errors
/// Where what must be kept cannot be read, or the store not be written.
pub fn collect(store: &Store, order: Order, each: &mut dyn FnMut(&FileTold)) -> Result<CollectionTold, Failure> {
    let lock = store.begin_collection()?;
    let mut survey = Survey::of(store)?;
    let free = store.free_bytes()?;
    let total = survey.total();
    let until = Store::until(order.policy, project::now(), total, free, &survey.dead_bytes);
    let goes = |since: Option<i64>| since.zip(until).is_some_and(|(since, until)| since <= until);
    let mut told = CollectionTold::new(order.dry_run, total, free, survey.kept.clone());
    let roots: Vec<RootEntry> =
        survey.roots.iter().filter(|(_, since)| goes(*since)).map(|(root, _)| root.clone()).collect();
    let failed: Vec<&FailedEntry> = survey.failed.iter().filter(|entry| goes(Some(entry.kept()))).collect();
    let clones: Vec<&CloneEntry> = survey.clones.iter().filter(|entry| goes(Some(entry.used))).collect();
    if order.dry_run {
        for kind in Kind::FILES {
            store.each_file(kind, &mut |stored| {
                let (reason, since) = survey.told(stored);
                if goes(since) {
                    told.add(kind, stored.bytes);
                } else if since.is_some() {
                    told.young.add(stored.bytes);
                }
                each(&FileTold::new(stored, reason, since, goes(since)));
                Ok(())
            })?;
        }
        told.roots = roots.iter().map(|root| RootTold::new(root, store.root_bytes(root.key, root.uid))).collect();
        let mut amount = Amount::default();
        failed.iter().for_each(|entry| amount.add(entry.bytes()));
        told.take(FAILED, amount);
        let mut amount = Amount::default();
        clones.iter().for_each(|entry| amount.add(entry.bytes));
        told.take(CLONES, amount);
        return Ok(told);
    }
    told.take(FAILED, collect_failed(store, &failed)?);
    let mut amount = Amount::default();
    for entry in clones {
        if store.remove_clone(&entry.name)? {
            amount.add(entry.bytes);
        }
    }
    told.take(CLONES, amount);
    let downloads = |realisation: &Realisation| packages_of(store, realisation);
    if let Some(until) = until {
        for (kind, amount) in store.collect(&lock, &mut survey.marked, &survey.dead, until, &downloads)? {
            told.take(kind.plural(), amount);
        }
    }
    // Those of nodes that no project has any more.
    prune_failed(store)?;
    told.roots = collect_roots(store, &roots, &mut survey.marked, &downloads)?;
    told.free_bytes = store.free_bytes()?;
    Ok(told)
}

/// Removes roots, but for those that somebody uses, and those of other users.
fn collect_roots(
    store: &Store,
    roots: &[RootEntry],
    marked: &mut Marked,
    downloads: &Downloads<'_>,
) -> Result<Vec<RootTold>, Failure> {
    let mut gone = Vec::new();
    if roots.is_empty() {
        return Ok(gone);
    }
    let owner = root_owner(IdMap::of_this_process().ok().as_ref());
    let (work, launcher) = (store.new_work()?, Launcher::this_program()?);
    for root in roots.iter().filter(|root| root.uid == owner) {
        let (name, bytes) = (root.key.to_string(), store.root_bytes(root.key, root.uid));
        if store.collect_root((root.key, root.uid), marked, (&work, &name), downloads)? {
            sandbox::remove(&launcher, &work.path().join(&name))?;
            gone.push(RootTold::new(root, bytes));
        }
    }
    Ok(gone)
}

/// Removes trees of failed steps.
fn collect_failed(store: &Store, failed: &[&FailedEntry]) -> Result<Amount, Failure> {
    if failed.is_empty() {
        return Ok(Amount::default());
    }
    exec::failed::remove(store, &Launcher::this_program()?, |entry| failed.iter().any(|goes| goes.name == entry.name))
}

/// Removes trees of failed steps that nobody asks for any more.
///
/// # Errors
/// As [`exec::failed::prune`].
pub(super) fn prune_failed(store: &Store) -> Result<(), Failure> {
    if !store.failed_trees()?.is_empty() {
        exec::failed::prune(store, &Launcher::this_program()?)?;
    }
    Ok(())
}

fn reason_of<'a>(marked: &'a Marked, stored: &Stored) -> Option<&'a Reason> {
    match stored.kind {
        Kind::Object => marked.object(stored.digest),
        Kind::Tree => marked.tree(stored.digest),
        Kind::Log => marked.log(stored.digest),
        Kind::Realisation => marked.key(crate::drv::ActionKey(stored.digest)),
    }
}

/// The downloaded packages that a package list names: without them its root cannot be made again once the archive has
/// moved on. Lists that are gone or damaged name none.
pub(super) fn packages_of(store: &Store, realisation: &Realisation) -> Result<Vec<Sha256>, StoreError> {
    if !realisation.node.starts_with("resolve:") {
        return Ok(Vec::new());
    }
    let mut packages = Vec::new();
    for tree in realisation.outputs.values() {
        let Ok(tree) = store.get_tree(*tree) else { continue };
        for (_, object, _) in tree.files() {
            let text = store.read_object(object, MAX_LIST).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let list = text.and_then(|text| PackageList::decode(&text).ok());
            packages.extend(list.iter().flat_map(|list| list.iter().map(|listed| listed.sha256)));
        }
    }
    Ok(packages)
}
