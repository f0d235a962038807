//! Packages of a package list, into the store.

use std::collections::{BTreeMap, BTreeSet};

use super::archives::ArchiveFile;
use super::context::{Context, Job};
use super::error::NodeError;
use super::rpm;
use super::sources::{self, suite_of};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::Archive;
use crate::fetch::FetchError;
use crate::graph::{Graph, NodeId, Origin};
use crate::name::RepositoryName;
use crate::package::list::{Layer, Listed, ListedFrom, PackageList};
use crate::package::relation::Relations;
use crate::package::{deb, index};
use crate::store::Store;

/// The most bytes of a package list.
const MAX_LIST: u64 = 64 << 20;

/// The most bytes of a slim index.
const MAX_INDEX: u64 = 1 << 30;

/// A package that is in the store.
pub struct Stored {
    /// As the list has it.
    pub listed: Listed,
    /// Its `.deb`.
    pub object: Digest,
    /// Names in its `Pre-Depends`.
    pub pre_depends: Vec<String>,
    /// Whether an essential package cannot run its scripts before this one is unpacked.
    pub bootstrap: bool,
}

impl Stored {
    /// Its name as a file, unique in a list.
    pub fn file_name(&self) -> String {
        format!("{}_{}.deb", self.listed.name, self.listed.arch)
    }
}

/// The package list in the tree `digest`.
///
/// # Errors
/// Where it is not there or damaged.
pub fn list(ctx: &Context<'_>, digest: Digest) -> Result<PackageList, Failure> {
    list_in(ctx.store, digest)
}

/// The same, of a tree of `store`.
///
/// # Errors
/// Where it is not there or damaged.
pub fn list_in(store: &Store, digest: Digest) -> Result<PackageList, Failure> {
    let text = file(store, digest, "list")?;
    Ok(PackageList::decode(&text)?)
}

/// The package lists in the tree `digest`: one, or those of the roots that the tests of a source run in, of which there may be
/// none.
///
/// # Errors
/// Where they are not there or damaged.
pub fn lists_in(store: &Store, digest: Digest) -> Result<Vec<PackageList>, Failure> {
    let tree = store.get_tree(digest)?;
    let names = tree.files().map(|(path, ..)| path.to_string()).filter(|name| name.starts_with("list"));
    names.map(|name| Ok(PackageList::decode(&file(store, digest, &name)?)?)).collect()
}

/// The file with the package list of a root that tests run in. Names are in the order of the roots.
pub fn list_of_root(root: usize) -> String {
    format!("list-{root:03}")
}

/// The text of the file `name` in the tree `digest`.
///
/// # Errors
/// Where it is not there, or no text.
pub fn file(store: &Store, digest: Digest, name: &str) -> Result<String, Failure> {
    let tree = store.get_tree(digest)?;
    let unreadable = |why: &str| NodeError::Unreadable { what: format!("the file `{name}`"), why: why.to_owned() };
    let (_, object, _) = tree
        .files()
        .find(|(path, ..)| path.as_bytes() == name.as_bytes())
        .ok_or_else(|| unreadable("it is not there"))?;
    let bytes = store.read_object(object, MAX_LIST)?;
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8").into())
}

/// The packages of one layer of `list`, fetched where the store lacks them.
///
/// # Errors
/// Where one can no longer be had.
pub fn objects(
    ctx: &Context<'_>,
    job: &Job<'_>,
    list: &PackageList,
    layer: Layer,
) -> Result<Vec<(Listed, Digest)>, Failure> {
    let wanted: Vec<&Listed> = list.iter().filter(|listed| listed.layer == layer).collect();
    let mut objects: BTreeMap<Sha256, Digest> = BTreeMap::new();
    let mut lacking: BTreeMap<Sha256, &Listed> = BTreeMap::new();
    for listed in &wanted {
        match ctx.store.find_sha256(listed.sha256)? {
            Some((object, _)) => drop(objects.insert(listed.sha256, object)),
            None => drop(lacking.insert(listed.sha256, listed)),
        }
    }
    if !lacking.is_empty() {
        ctx.phase(job.node(), format!("fetching {} packages", lacking.len()));
        objects.extend(fetch(ctx, job, &lacking)?);
    }
    let found = wanted.into_iter().map(|listed| {
        let object = objects.get(&listed.sha256).copied().ok_or_else(|| no_package(listed))?;
        Ok((listed.clone(), object))
    });
    found.collect::<Result<_, NodeError>>().map_err(Failure::from)
}

/// The `.deb` packages of one layer of `list`, with what is asked of them before they are installed.
///
/// # Errors
/// Where one can no longer be had, or not be read.
pub fn store(ctx: &Context<'_>, job: &Job<'_>, list: &PackageList, layer: Layer) -> Result<Vec<Stored>, Failure> {
    let wanted = objects(ctx, job, list, layer)?;
    let essential: BTreeSet<&str> =
        list.iter().filter(|listed| listed.essential).map(|listed| listed.name.as_str()).collect();
    let mut stored = Vec::with_capacity(wanted.len());
    let mut needed_by_essential: BTreeSet<String> = BTreeSet::new();
    for (listed, object) in wanted {
        let read = std::io::BufReader::new(ctx.store.open_object(object)?);
        let control = deb::read(read)?;
        let paragraph = control.paragraph();
        let names = |field: &str| names(paragraph.get(field).unwrap_or_default(), listed.arch.as_str());
        let pre_depends = names("Pre-Depends");
        if essential.contains(listed.name.as_str()) {
            needed_by_essential.extend(pre_depends.iter().cloned());
            needed_by_essential.extend(names("Depends"));
        }
        stored.push(Stored { listed, object, pre_depends, bootstrap: false });
    }
    // What essential packages need, they need for their scripts: all of it is unpacked first, as far as it reaches.
    spread(ctx, &mut stored, needed_by_essential)?;
    Ok(stored)
}

/// Marks what is needed, directly or not, by the essential packages of a base.
fn spread(ctx: &Context<'_>, stored: &mut [Stored], mut next: BTreeSet<String>) -> Result<(), Failure> {
    while let Some(name) = next.pop_first() {
        let Some(package) = stored.iter_mut().find(|package| package.listed.name.as_str() == name) else { continue };
        if package.bootstrap || package.listed.essential {
            continue;
        }
        package.bootstrap = true;
        let read = std::io::BufReader::new(ctx.store.open_object(package.object)?);
        let control = deb::read(read)?;
        let paragraph = control.paragraph();
        for field in ["Pre-Depends", "Depends"] {
            next.extend(names(paragraph.get(field).unwrap_or_default(), package.listed.arch.as_str()));
        }
    }
    Ok(())
}

fn names(field: &str, arch: &str) -> Vec<String> {
    let relations = Relations::parse(field).unwrap_or_default().reduce(arch, &BTreeSet::new());
    relations.0.iter().flat_map(|alternatives| &alternatives.0).map(|relation| relation.name.clone()).collect()
}

fn fetch(
    ctx: &Context<'_>,
    job: &Job<'_>,
    lacking: &BTreeMap<Sha256, &Listed>,
) -> Result<BTreeMap<Sha256, Digest>, Failure> {
    let mut found = BTreeMap::new();
    // A list that is being chosen wants packages too, of what it reads itself.
    let resolve_node = job.input("list").map_or_else(|_| job.node(), |(resolve, _)| job.graph.node(resolve));
    for input in resolve_node.inputs() {
        let Some((_, outputs)) = job.settled.get(&input.node) else { continue };
        let Some(digest) = outputs.get(input.output).copied() else { continue };
        if input.role.starts_with("packages of ") {
            found.extend(own(ctx, digest, lacking)?);
        } else if let Some(whose) = whose(input.role) {
            let theirs: BTreeMap<Sha256, &Listed> = lacking
                .iter()
                .filter(|(_, listed)| listed.from == whose)
                .map(|(sha256, listed)| (*sha256, *listed))
                .collect();
            if !theirs.is_empty() {
                index_here(ctx, job, input.node)?;
                found.extend(from_archive(ctx, job, input.node, digest, &theirs)?);
            }
        }
    }
    match lacking.values().find(|listed| !found.contains_key(&listed.sha256)) {
        None => Ok(found),
        Some(listed) => Err(no_package(listed).into()),
    }
}

/// Whose packages the index is of that is read in that role; `None` where it is no index.
pub fn whose(role: &str) -> Option<ListedFrom> {
    match role.strip_prefix("index of ") {
        Some(extra) => RepositoryName::new(extra).ok().map(ListedFrom::Repository),
        None => (role == "index").then_some(ListedFrom::Distribution),
    }
}

/// Sees to it that an index is here. A list that came from elsewhere was chosen from one that nobody read here.
fn index_here(ctx: &Context<'_>, job: &Job<'_>, index: NodeId) -> Result<(), Failure> {
    let Some((key, outputs)) = job.settled.get(&index) else { return Ok(()) };
    for digest in outputs.values() {
        if ctx.store.hold(*digest)? {
            continue;
        }
        let brought = ctx.elsewhere.map(|elsewhere| elsewhere.bring(ctx.store, *key, outputs)).transpose()?.flatten();
        if brought.is_none() {
            let (settled, without) = (BTreeMap::new(), BTreeSet::new());
            sources::index(
                ctx,
                &Job {
                    graph: job.graph,
                    id: index,
                    again: false,
                    retry: job.retry,
                    tries: 1,
                    settled,
                    without,
                    kept: BTreeMap::new(),
                    over: None,
                },
            )?;
        }
        return Ok(());
    }
    Ok(())
}

fn no_package(listed: &Listed) -> NodeError {
    NodeError::NoPackage { package: listed.name.to_string(), version: listed.version.to_string() }
}

/// Packages of this project: in the store by their own digest, perhaps not yet known by their SHA-256.
fn own(
    ctx: &Context<'_>,
    packages: Digest,
    lacking: &BTreeMap<Sha256, &Listed>,
) -> Result<BTreeMap<Sha256, Digest>, Failure> {
    let mut found = BTreeMap::new();
    for (_, object, size) in ctx.store.get_tree(packages)?.files() {
        let sha256 = sha256_of(ctx, object)?;
        if lacking.contains_key(&sha256) {
            ctx.store.put_known_sha256(&mut ctx.store.open_object(object)?, sha256, size)?;
            found.insert(sha256, object);
        }
    }
    Ok(found)
}

/// The SHA-256 of an object.
///
/// # Errors
/// Where it cannot be read.
pub fn sha256_of(ctx: &Context<'_>, object: Digest) -> Result<Sha256, Failure> {
    sha256_in(ctx.store, object)
}

/// The same, of an object of `store`.
///
/// # Errors
/// Where it cannot be read.
pub fn sha256_in(store: &Store, object: Digest) -> Result<Sha256, Failure> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let failed = |source| NodeError::File { doing: "read", path: format!("object {object}"), source };
    std::io::copy(&mut store.open_object(object)?, &mut hasher).map_err(failed)?;
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}

fn from_archive(
    ctx: &Context<'_>,
    job: &Job<'_>,
    index_node: NodeId,
    index_tree: Digest,
    lacking: &BTreeMap<Sha256, &Listed>,
) -> Result<BTreeMap<Sha256, Digest>, Failure> {
    let mut found = BTreeMap::new();
    for (of, files) in places(ctx, job.graph, (index_node, index_tree), &|sha256| lacking.contains_key(sha256))? {
        found.extend(ctx.archives.pool(of, &files).map_err(|failure| named(failure, &files, lacking))?);
    }
    Ok(found)
}

/// The same failure, told of packages where it is that the network is switched off.
fn named(failure: Failure, files: &[ArchiveFile], lacking: &BTreeMap<Sha256, &Listed>) -> Failure {
    let is_offline = matches!(failure.report.downcast_ref::<FetchError>(), Some(FetchError::Offline { .. }));
    match files.iter().filter_map(|file| lacking.get(&file.sha256)).min_by_key(|listed| &listed.name) {
        Some(Listed { name, version, .. }) if is_offline => {
            NodeError::NotFetched { package: name.to_string(), version: version.to_string(), more: files.len() - 1 }
                .into()
        }
        _ => failure,
    }
}

/// The files of some packages in the pool of one suite, or in one repository.
pub type InPool<'a> = (Archive<'a>, Vec<ArchiveFile>);

/// Where the packages are whose SHA-256 `is_wanted`, by the index of that node and tree; each once.
///
/// # Errors
/// Where the index cannot be read.
pub fn places<'a>(
    ctx: &Context<'a>,
    graph: &Graph,
    (index_node, index_tree): (NodeId, Digest),
    is_wanted: &dyn Fn(&Sha256) -> bool,
) -> Result<Vec<InPool<'a>>, Failure> {
    let Origin::Index { distro, extra, files } = graph.node(index_node).origin() else { return Ok(Vec::new()) };
    if ctx.distros.get(distro).is_some_and(|distro| distro.rpm().is_some()) {
        return rpm::places(ctx, distro, &mut files.keys(), index_tree, is_wanted);
    }
    let (mut places, mut seen) = (Vec::new(), BTreeSet::new());
    let tree = ctx.store.get_tree(index_tree)?;
    for (label, (suite, _)) in files {
        let name = label.replace('/', "_");
        let Some((_, object, _)) = tree.files().find(|(path, ..)| path.as_bytes() == name.as_bytes()) else { continue };
        let text = String::from_utf8_lossy(&ctx.store.read_object(object, MAX_INDEX)?).into_owned();
        let wanted: Vec<ArchiveFile> = index::read(&text)?
            .into_iter()
            .filter(|entry| is_wanted(&entry.sha256) && seen.insert(entry.sha256))
            .map(|entry| ArchiveFile { path: entry.filename, sha256: entry.sha256, size: Some(entry.size) })
            .collect();
        if !wanted.is_empty() {
            places.push((suite_of(ctx, distro, extra.as_ref(), suite)?.into(), wanted));
        }
    }
    Ok(places)
}
