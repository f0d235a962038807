//! Publishing what can be upgraded to: before a channel switches, what it has published is installed in a clean root and upgraded to
//! what would be published.
//!
//! An upgrade is between two states of a channel. So it is no node: what is published is an input of nothing, or each publication would
//! dirty what comes after it. It is looked at where both states are known, as whether packages are whole; what came of it is
//! remembered (`exec/checking/upgrade`).

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::build::{self, Means};
use super::publish::{DistroOutlook, HeldBack, LowerVersions, Outlook, Publication, outlook_with, publish_as};
use super::session::Session;
use crate::diag::{Cause, Failure};
use crate::digest::Digest;
use crate::drv::{Action, Script};
use crate::event::Sink;
use crate::exec::{Job, NodeError, Order, checking, insert, list_in};
use crate::family::rpm::{arch_name, debian_arch};
use crate::graph::NodeId;
use crate::name::{ChannelName, Check, Kind};
use crate::package::list::{Layer, ListedFrom};
use crate::package::rpm::Package;
use crate::publish::{Content, Part, Way};
use crate::repo::yum::{DEBUG, SOURCES};
use crate::sign::Signers;
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// Which upgrades are tried although it is known what comes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrades {
    /// None.
    OnlyNew,
    /// Those that failed.
    FailedAgain,
}

impl Upgrades {
    /// As `--retry-failed` says it.
    pub fn of(retry_failed: bool) -> Self {
        if retry_failed { Self::FailedAgain } else { Self::OnlyNew }
    }
}

/// As [`super::publish::publish`], but a distro whose packages cannot be upgraded to keeps its last good state.
///
/// # Errors
/// As there, and where no sandbox can be made.
pub fn publish(
    session: &Session,
    store: &Store,
    (channel, lower, tries): (&ChannelName, LowerVersions, Upgrades),
    signer: &Signers,
    means: &Means<'_>,
    sink: &Sink<'_>,
) -> Result<Publication, Failure> {
    let outlook = tried(session, store, (outlook_with(session, store, channel, lower)?, tries), means, sink)?;
    publish_as(session, store, channel, outlook, Way::Published, signer)
}

/// `outlook`, in which a distro whose packages cannot be upgraded to keeps its last good state.
///
/// # Errors
/// Where no sandbox can be made.
pub(super) fn tried(
    session: &Session,
    store: &Store,
    (mut outlook, tries): (Outlook, Upgrades),
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
        let failed = failures(session, store, (&record.part, tries), means, sink)?;
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
    (part, tries): (&Part, Upgrades),
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
            let (without, kept, over) = (BTreeSet::new(), BTreeMap::new(), None);
            let job = Job { graph, id, again: false, retry: true, tries: 1, settled, without, kept, over };
            // What could not be made is told by a build.
            let (Ok((_, list)), Ok(_)) = (job.input("list"), job.contents()) else { continue };
            let of = (&script, node.arch().unwrap_or_default());
            let Some(earlier) = earlier(store, list, of, (&published, &part.content))? else { continue };
            if let Err(failure) = checking::upgrade(ctx, &job, &script, (earlier, tries == Upgrades::FailedAgain)) {
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

/// Packages that are published, by name and arch in Debian's spelling: their objects and sizes.
type PublishedPackages = BTreeMap<(String, String), (Digest, u64)>;

/// The packages of a part of a channel.
fn published(store: &Store, part: &Part) -> Result<PublishedPackages, Failure> {
    let tree = store.get_tree(part.tree)?;
    match part.content {
        Content::Apt(_) => Ok(published_debs(&tree)),
        Content::Yum(_) => published_rpms(store, &tree),
    }
}

/// The same of the pool of an APT repository, where names of files say it.
fn published_debs(tree: &Tree) -> PublishedPackages {
    let mut found = PublishedPackages::new();
    for (path, digest, size) in tree.files() {
        let path = path.to_string();
        let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".deb"));
        let words: Vec<&str> = name.map(|name| name.split('_').collect()).unwrap_or_default();
        if let [name, _, arch] = words[..] {
            found.insert((name.to_owned(), arch.to_owned()), (digest, size));
        }
    }
    found
}

/// The same of YUM repositories, where packages themselves say it.
fn published_rpms(store: &Store, tree: &Tree) -> Result<PublishedPackages, Failure> {
    let repository = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let is_binary = |path: &str| repository(path) != SOURCES && !repository(path).ends_with(DEBUG);
    // What is for all arches lies in the repository of each.
    let files = tree.files().filter(|(path, ..)| is_binary(&path.to_string()));
    let files: BTreeMap<Digest, u64> = files.map(|(_, digest, size)| (digest, size)).collect();
    let read = |(digest, size): (&Digest, &u64)| {
        let package = Package::read(store.open_object(*digest)?)?;
        let place = (package.name().to_owned(), debian_arch(package.arch()).to_owned());
        Ok((place, (*digest, *size)))
    };
    files.par_iter().map(read).collect()
}

/// What is published of the packages that `list` has of this project; `None` where none of those that are looked at is another one.
fn earlier(
    store: &Store,
    list: Digest,
    (script, arch): (&Script, &str),
    (published, content): (&PublishedPackages, &Content),
) -> Result<Option<Tree>, Failure> {
    let looked_at = script.files.get(crate::family::check::PACKAGES).map(|bytes| String::from_utf8_lossy(bytes));
    let looked_at: BTreeSet<&str> = looked_at.iter().flat_map(|text| text.lines()).collect();
    let (mut tree, mut is_other) = (Tree::default(), false);
    for listed in list_in(store, list)?.layer(Layer::Component) {
        if !matches!(listed.from, ListedFrom::Component(_)) {
            continue;
        }
        let name = listed.name.to_string();
        // It may have been for one arch, and be for all now, or the other way round.
        let arches = [listed.arch.as_str(), arch, "all"];
        let known = arches.iter().find_map(|arch| {
            published.get(&(name.clone(), (*arch).to_owned())).map(|(digest, size)| (*arch, *digest, *size))
        });
        let Some((arch, digest, size)) = known else { continue };
        let is_same = store.find_sha256(listed.sha256)?.is_some_and(|(object, _)| object == digest);
        is_other |= !is_same && looked_at.contains(listed.name.as_str());
        let name = match content {
            Content::Apt(_) => format!("{name}_{arch}.deb"),
            Content::Yum(_) => format!("{name}.{}.rpm", arch_name(arch)),
        };
        insert(&mut tree, &name, Entry::File { digest, size, executable: false })?;
    }
    Ok(is_other.then_some(tree))
}
