//! Files of package lists, into the store: what can be had, and of the rest which it is and why.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::lists::RootList;
use crate::diag::{Failure, chain};
use crate::digest::{Digest, Sha256};
use crate::distro::Archive;
use crate::event::{Event, Passing};
use crate::exec::again::{MOST, WAITS};
use crate::exec::packages::{InPool, places};
use crate::exec::{ArchiveFile, Context, Pooled};
use crate::graph::{Graph, Node, NodeId};
use crate::package::list::Listed;

/// How many files are downloaded before they go into the store: what a fetch that is killed has to get again.
const TOGETHER: usize = 50;

/// A package that could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its arch, or `all`.
    pub arch: String,
    /// Roots that it is for, sorted.
    pub roots: Vec<String>,
    /// Why.
    pub why: String,
}

/// What became of the packages.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// How many were in the store, and their bytes.
    pub here: (u64, u64),
    /// How many came, and their bytes.
    pub came: (u64, u64),
    /// Those that could not be had, each once, by package. Where the run was stopped, none of those that it did not come to.
    pub lost: Vec<Lost>,
}

/// A package with the roots that it is for.
type Wanted<'a> = BTreeMap<Sha256, (&'a Listed, BTreeSet<NodeId>)>;

/// The files of all lists, sorted, each once.
pub fn wanted_files(lists: &[RootList]) -> Vec<Sha256> {
    let all: BTreeSet<Sha256> = lists.iter().flat_map(|list| &list.packages).map(|listed| listed.sha256).collect();
    all.into_iter().collect()
}

/// Brings the files of `lists` into the store. Where archives are closed, only says what is not there.
///
/// # Errors
/// Where the store cannot be read or written.
pub fn packages(ctx: &Context<'_>, graph: &Graph, lists: &[RootList]) -> Result<Fetched, Failure> {
    let mut by_index: BTreeMap<(NodeId, Digest), Wanted<'_>> = BTreeMap::new();
    for list in lists {
        let wanted = by_index.entry(list.index).or_default();
        for listed in &list.packages {
            wanted.entry(listed.sha256).or_insert_with(|| (listed, BTreeSet::new())).1.insert(list.root);
        }
    }
    let (mut fetched, mut lost) = (Fetched::default(), BTreeMap::new());
    let mut seen: BTreeSet<Sha256> = BTreeSet::new();
    for (index, mut wanted) in by_index {
        let mut here = BTreeSet::new();
        for sha256 in wanted.keys() {
            if let Some((_, size)) = ctx.store.find_sha256(*sha256)? {
                here.insert(*sha256);
                // Packages for all arches are in the index of each.
                if seen.insert(*sha256) {
                    fetched.here = (fetched.here.0 + 1, fetched.here.1 + size);
                }
            }
        }
        wanted.retain(|sha256, _| !here.contains(sha256));
        if !wanted.is_empty() {
            of_index(ctx, graph, index, &wanted, (&mut fetched, &mut lost))?;
            seen.extend(wanted.keys());
        }
    }
    fetched.lost = lost.into_values().collect();
    fetched.lost.sort_by(|one, other| (&one.package, &one.version).cmp(&(&other.package, &other.version)));
    Ok(fetched)
}

/// Fetches packages of one index, none of which is in the store.
fn of_index(
    ctx: &Context<'_>,
    graph: &Graph,
    index: (NodeId, Digest),
    wanted: &Wanted<'_>,
    (fetched, lost): (&mut Fetched, &mut BTreeMap<Sha256, Lost>),
) -> Result<(), Failure> {
    let mut causes: BTreeMap<Sha256, String> = BTreeMap::new();
    if !ctx.archives.is_closed() {
        let (node, began, before) = (graph.node(index.0), Instant::now(), fetched.came);
        (ctx.sink)(Event::NodeStarted { node: node.name(), after: None, usual_milliseconds: None });
        let pools = places(ctx, graph, index, &|sha256| wanted.contains_key(sha256))?;
        let mut done = 0;
        for pool in &pools {
            let mut tell = |count: usize| {
                ctx.phase(node, format!("fetching packages {} to {} of {}", done + 1, done + count, wanted.len()));
                done += count;
            };
            of_pool((ctx, node), pool, &mut tell, &mut causes);
        }
        for sha256 in wanted.keys() {
            if let Some((_, size)) = ctx.store.find_sha256(*sha256)? {
                fetched.came = (fetched.came.0 + 1, fetched.came.1 + size);
            }
        }
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (count, bytes) = (fetched.came.0 - before.0, fetched.came.1 - before.1);
        (ctx.sink)(Event::PackagesFetched { node: node.name(), count, bytes, milliseconds });
    }
    for (sha256, (listed, roots)) in wanted {
        if ctx.store.find_sha256(*sha256)?.is_some() {
            // Of a package for all arches, the index of another arch may know more.
            lost.remove(sha256);
            continue;
        }
        if ctx.stopped() {
            continue;
        }
        let unsaid =
            if ctx.archives.is_closed() { "it is not in the store" } else { "the pinned index has it no more" };
        let roots = roots.iter().map(|root| graph.node(*root).to_string());
        lose(lost, listed, roots, causes.remove(sha256).unwrap_or_else(|| unsaid.to_owned()));
    }
    Ok(())
}

/// Notes that a package could not be had: once, also where several indexes name it.
fn lose(lost: &mut BTreeMap<Sha256, Lost>, listed: &Listed, roots: impl Iterator<Item = String>, why: String) {
    let lost = lost.entry(listed.sha256).or_insert_with(|| Lost {
        package: listed.name.to_string(),
        version: listed.version.to_string(),
        arch: listed.arch.to_string(),
        roots: Vec::new(),
        why,
    });
    lost.roots.extend(roots);
    lost.roots.sort();
}

/// Fetches files of one suite, some at a time.
fn of_pool(
    (ctx, index): (&Context<'_>, Node<'_>),
    (of, files): &InPool<'_>,
    tell: &mut dyn FnMut(usize),
    causes: &mut BTreeMap<Sha256, String>,
) {
    let mut all_fail: Option<String> = None;
    for part in files.chunks(TOGETHER) {
        if ctx.stopped() {
            return;
        }
        if all_fail.is_none() {
            tell(part.len());
            let (lost, ended) = match pooled((ctx, index), *of, part) {
                Ok(Pooled { lost, ended }) => (lost, ended.map(|error| chain(&error))),
                Err(failure) => (BTreeMap::new(), Some(chain(&*failure.report))),
            };
            all_fail = ended;
            causes.extend(lost.into_iter().map(|(sha256, error)| (sha256, chain(&error))));
        }
        // What keeps these files away keeps the rest away too, and takes minutes to say so each time.
        if let Some(cause) = &all_fail {
            for file in part {
                causes.entry(file.sha256).or_insert_with(|| cause.clone());
            }
        }
    }
}

/// Fetches some files of one suite; what a host keeps away that does not answer just now is tried again after a while.
fn pooled((ctx, index): (&Context<'_>, Node<'_>), of: Archive<'_>, files: &[ArchiveFile]) -> Result<Pooled, Failure> {
    let mut waits = WAITS.iter();
    loop {
        let pooled = ctx.archives.pool_each(of, files)?;
        let away = pooled.lost.values().chain(&pooled.ended).find(|error| error.away().is_some());
        let (Some(error), Some(wait), false) = (away, waits.next(), ctx.stopped()) else { return Ok(pooled) };
        let tries = MOST - u32::try_from(waits.len()).unwrap_or(0) - 1;
        (ctx.sink)(Event::NodeRetried {
            node: index.name(),
            why: Passing::Network,
            message: chain(error),
            tries,
            most: MOST,
            wait_milliseconds: u64::try_from(wait.as_millis()).ok(),
        });
        ctx.cancel.wait(*wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::list::PackageList;

    #[test]
    fn a_package_for_all_arches_is_lost_once() {
        let sha256 = Sha256::of(b"tzdata");
        let text = format!("opb package list 1\ntzdata 1.0 all {sha256} 4 distribution base\n");
        let list = PackageList::decode(&text).expect("a list");
        let listed = list.iter().next().expect("one");
        let mut lost = BTreeMap::new();
        for (root, why) in [("root:base@d/arm64", "no such file"), ("root:base@d/amd64", "nor here")] {
            lose(&mut lost, listed, std::iter::once(root.to_owned()), why.to_owned());
        }
        let told = Lost {
            package: "tzdata".to_owned(),
            version: "1.0".to_owned(),
            arch: "all".to_owned(),
            roots: vec!["root:base@d/amd64".to_owned(), "root:base@d/arm64".to_owned()],
            why: "no such file".to_owned(),
        };
        assert_eq!(lost.into_values().collect::<Vec<_>>(), [told]);
    }
}
