//! Publishing what can be upgraded to: before a channel switches, what it has published is installed in a clean root and upgraded to
//! what would be published.
//!
//! An upgrade is between two states of a channel. So it is no node: what is published is an input of nothing, or each publication would
//! dirty what comes after it. It is looked at where both states are known, as whether packages are whole.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{self, Means};
use super::publish::{DistroOutlook, HeldBack, LowerVersions, Outlook, Publication, outlook_with, publish_as};
use super::session::Session;
use crate::diag::{Cause, Failure};
use crate::digest::Digest;
use crate::drv::{Action, Script};
use crate::event::Sink;
use crate::exec::{Job, NodeError, Order, checking, list_in};
use crate::graph::NodeId;
use crate::name::{ChannelName, Check, Kind};
use crate::package::list::{Layer, ListedFrom};
use crate::publish::{Part, Way};
use crate::sign::Signers;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// As [`super::publish::publish`], but a distro whose packages cannot be upgraded to keeps its last good state.
///
/// # Errors
/// As there, and where no sandbox can be made.
pub fn publish(
    session: &Session,
    store: &Store,
    (channel, lower): (&ChannelName, LowerVersions),
    signer: &Signers,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Publication, Failure> {
    let outlook = tried(session, store, outlook_with(session, store, channel, lower)?, means, sink)?;
    publish_as(session, store, channel, outlook, Way::Published, signer)
}

/// `outlook`, in which a distro whose packages cannot be upgraded to keeps its last good state.
///
/// # Errors
/// Where no sandbox can be made.
pub(super) fn tried(
    session: &Session,
    store: &Store,
    mut outlook: Outlook,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Outlook, Failure> {
    let Outlook { before, distros, .. } = &mut outlook;
    for record in before.iter().flat_map(|before| &before.parts) {
        let Some(distro) = distros.iter_mut().find(|distro| distro.distro == record.part.distro) else { continue };
        let DistroOutlook { part: Some(part), held: None, .. } = &*distro else { continue };
        if *part == record.part {
            continue;
        }
        let failed = failures(session, store, &record.part, means, sink)?;
        if !failed.is_empty() {
            distro.held = Some(HeldBack::Upgrade { failed });
            distro.part = Some(record.part.clone());
        }
    }
    Ok(outlook)
}

/// What failed of the upgrades from `part`, by the node that installs the new packages.
fn failures(
    session: &Session,
    store: &Store,
    part: &Part,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Vec<(crate::name::NodeName, Failure)>, Failure> {
    let graph = &session.graph;
    let is_wanted = |id: &NodeId| {
        let node = graph.node(*id);
        node.kind() == Kind::Check
            && node.distro() == Some(part.distro.as_str())
            && Check::split(node.subject()).is_some_and(|(_, check)| check == Check::Install)
    };
    let checks: Vec<NodeId> = graph.ids().filter(is_wanted).collect();
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let roots = |id: &NodeId| {
        graph.node(*id).input_nodes().iter().copied().filter(|input| graph.node(*input).kind() == Kind::Root)
    };
    let wanted: BTreeSet<NodeId> = checks.iter().flat_map(|id| graph.node(*id).input_nodes().to_vec()).collect();
    let here: BTreeSet<NodeId> = checks.iter().flat_map(roots).collect();
    let (wanted, here) = (wanted.into_iter().collect(), here.into_iter().collect());
    let order = Order { wanted, here, places: means.places(), ..Order::default() };
    let caches = super::cache::caches(&session.project, means.offline, false)?;
    let make = || build::run(session, &order, store, means, sink, caches.as_elsewhere());
    let outcome = build::halting(&caches, means.stop, make)?;
    build::tell_of(&caches, sink);
    if outcome.stopped {
        return Err(NodeError::Stopped.into());
    }
    let published = published(store, part)?;
    let archives = build::archives(session, store, means);
    build::with_context(session, store, means, sink, (archives, caches.as_elsewhere()), |ctx| {
        let mut failed = Vec::new();
        for id in checks {
            let node = graph.node(id);
            let Action::Check { script, .. } = node.action() else { continue };
            let settled = outcome.settled.clone();
            let (again, retry, tries, without, kept, over) = (false, true, 1, BTreeSet::new(), BTreeMap::new(), None);
            let job = Job { graph, id, again, retry, tries, settled, without, kept, over };
            // What could not be made is told by a build.
            let Ok((_, list)) = job.input("list") else { continue };
            let Some(earlier) = earlier(store, list, &script, &published)? else { continue };
            if let Err(failure) = checking::upgrade(ctx, &job, &script, earlier) {
                // What the machine keeps away says nothing of the packages.
                if ctx.stopped() || failure.cause != Cause::Build {
                    return Err(failure);
                }
                failed.push((node.name(), failure));
            }
        }
        Ok(failed)
    })
}

/// Packages that are published, by name and arch: their objects and sizes.
type PublishedPackages = BTreeMap<(String, String), (Digest, u64)>;

/// The packages of a part of a channel.
fn published(store: &Store, part: &Part) -> Result<PublishedPackages, Failure> {
    let mut found = PublishedPackages::new();
    for (path, digest, size) in store.get_tree(part.tree)?.files() {
        let path = path.to_string();
        let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".deb"));
        let words: Vec<&str> = name.map(|name| name.split('_').collect()).unwrap_or_default();
        if let [name, _, arch] = words[..] {
            found.insert((name.to_owned(), arch.to_owned()), (digest, size));
        }
    }
    Ok(found)
}

/// What is published of the packages that `list` has of this project; `None` where none of those that are looked at is another one.
fn earlier(
    store: &Store,
    list: Digest,
    script: &Script,
    published: &PublishedPackages,
) -> Result<Option<Tree>, Failure> {
    let looked_at = script.files.get(crate::family::check::PACKAGES).map(|bytes| String::from_utf8_lossy(bytes));
    let looked_at: BTreeSet<&str> = looked_at.iter().flat_map(|text| text.lines()).collect();
    let (mut tree, mut is_other) = (Tree::default(), false);
    for listed in list_in(store, list)?.layer(Layer::Component) {
        let is_ours = matches!(listed.from, ListedFrom::Component(_));
        let place = (listed.name.to_string(), listed.arch.to_string());
        let Some((digest, size)) = published.get(&place).copied().filter(|_| is_ours) else { continue };
        let is_same = store.find_sha256(listed.sha256)?.is_some_and(|(object, _)| object == digest);
        is_other |= !is_same && looked_at.contains(listed.name.as_str());
        let name = format!("{}_{}.deb", listed.name, listed.arch);
        let unreadable = |why: String| NodeError::Unreadable { what: format!("`{name}`"), why };
        let path = name.parse().map_err(|error: crate::path::TreePathError| unreadable(error.to_string()))?;
        let entry = Entry::File { digest, size, executable: false };
        tree.insert(path, entry).map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(is_other.then_some(tree))
}
