//! Nodes that bring content in from outside: sources and package indexes.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::archives::ArchiveFile;
use super::context::{Context, Job};
use super::error::NodeError;
use super::node::is_rpm;
use super::rpm;
use super::upstreams::source_rpm;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::{ArchiveSuite, Repository};
use crate::drv::{Action, Outputs};
use crate::graph::Origin;
use crate::imported::ImportedFile;
use crate::lock::PinnedFile;
use crate::name::{Arch, ChannelName, DistroName, OutputName, PackageName, RepositoryName};
use crate::package::compression::Compression;
use crate::package::index;
use crate::path::TreePath;
use crate::store::Used;
use crate::tree::{Entry, Tree};

/// The most bytes of an index, uncompressed: Debian's largest has 60 MB.
const MAX_INDEX: u64 = 1 << 30;

/// Fetches a source: its tree must be what the derivation says.
///
/// # Errors
/// Where it cannot be fetched or is another one.
pub fn source(ctx: &Context<'_>, job: &Job<'_>) -> Result<Outputs, Failure> {
    let node = job.node();
    let Action::Source { tree: expected } = node.action() else {
        return Err(NodeError::NoInput { role: "tree".to_owned() }.into());
    };
    let is_pinned_here =
        matches!(node.origin(), Origin::Srpm { .. } | Origin::Checkout { .. } | Origin::Archive { .. });
    // What was pinned here is here already.
    if is_pinned_here && ctx.store.hold(expected)? {
        return Ok(one("tree", expected));
    }
    let as_pinned = |what: &str, tree: Tree| -> Result<Tree, Failure> {
        if tree.digest() == expected {
            return Ok(tree);
        }
        let what = format!("{what} is {}, and {} was pinned", tree.digest().short(), expected.short());
        Err(NodeError::Contradiction { name: node.subject().to_owned(), what }.into())
    };
    let tree = match node.origin() {
        Origin::Dsc { distro, suite, directory, files } => {
            ctx.phase(node, format!("fetching {} files", files.len()));
            as_pinned("its tree", dsc(ctx, distro, suite, directory, files)?)?
        }
        Origin::Srpm { distro, name, repository, path, file } => {
            ctx.phase(node, format!("fetching the source RPM {name}"));
            let tree = srpm(ctx, (distro, name), repository, (path, file))?;
            as_pinned(&format!("the tree of the source RPM `{name}`"), tree)?
        }
        Origin::Folder(folder) => {
            let tree = (ctx.import)(folder)?;
            if tree.digest() != expected {
                return Err(NodeError::Changed { folder: folder.clone() }.into());
            }
            tree
        }
        Origin::Checkout { of, commit, found } => {
            ctx.phase(node, format!("fetching {of}"));
            let tree = ctx.checkouts.tree(of, commit, found.as_deref())?;
            as_pinned(&format!("the tree of the commit `{commit}` of `{of}`"), tree)?
        }
        Origin::Archive { of, file, packing, signature, as_it_is } => {
            ctx.phase(node, format!("fetching {of}"));
            let tree = match as_it_is {
                true => ctx.upstreams.upstream(of, (file, *packing, signature.as_ref()))?,
                false => ctx.upstreams.tree(of, file, *packing)?,
            };
            as_pinned(&format!("the tree of `{of}`"), tree)?
        }
        Origin::Imported { channel, from, files } => imported(ctx, channel, from.as_deref(), files)?,
        _ => return Err(NodeError::NoInput { role: "origin".to_owned() }.into()),
    };
    let digest = ctx.store.put_tree(&tree)?;
    Ok(one("tree", digest))
}

/// The files of an imported package, which nobody but a person can bring.
fn imported(
    ctx: &Context<'_>,
    channel: &ChannelName,
    from: Option<&str>,
    files: &BTreeMap<String, ImportedFile>,
) -> Result<Tree, Failure> {
    let mut tree = Tree::default();
    for (name, file) in files {
        ctx.store.uses(&[Used::Object(file.blake3)])?;
        if ctx.store.object_size(file.blake3) != Some(file.size) {
            let from = from.map_or_else(String::new, |from| format!(", it came from {}", from.escape_debug()));
            let (file, sha256) = (name.clone(), file.sha256);
            return Err(NodeError::NotImported { file, sha256, channel: channel.to_string(), from }.into());
        }
        insert(&mut tree, name, Entry::File { digest: file.blake3, size: file.size, executable: false })?;
    }
    Ok(tree)
}

fn dsc(
    ctx: &Context<'_>,
    distro: &DistroName,
    suite: &str,
    directory: &str,
    files: &BTreeMap<String, PinnedFile>,
) -> Result<Tree, Failure> {
    let of = suite_of(ctx, distro, None, suite)?;
    let wanted: Vec<ArchiveFile> = files
        .iter()
        .map(|(name, file)| ArchiveFile {
            path: format!("{directory}/{name}"),
            sha256: file.sha256,
            size: Some(file.size),
        })
        .collect();
    let objects = ctx.archives.pool(of.into(), &wanted)?;
    let mut tree = Tree::default();
    for (name, file) in files {
        let digest = objects.get(&file.sha256).copied().ok_or_else(|| NodeError::NoInput { role: name.clone() })?;
        insert(&mut tree, name, Entry::File { digest, size: file.size, executable: false })?;
    }
    Ok(tree)
}

/// What a distro's source RPM holds, of which the digest is pinned: it was signed when it was.
fn srpm(
    ctx: &Context<'_>,
    (distro, name): (&DistroName, &PackageName),
    repository: &str,
    (path, file): (&str, &PinnedFile),
) -> Result<Tree, Failure> {
    let missing = || NodeError::Contradiction {
        name: format!("@{distro}"),
        what: format!("it pins the source repository `{repository}`, which `distros/{distro}.rhai` does not have"),
    };
    let known = ctx.distros.get(distro).ok_or_else(missing)?;
    let repositories = known.rpm().map(|rpm| rpm.source_repositories.as_slice()).unwrap_or_default();
    let repository = repositories.iter().find(|known| *known == repository).ok_or_else(missing)?;
    let of = Repository { distro: known, name: repository, arch: &Arch::source() };
    let wanted = ArchiveFile { path: path.to_owned(), sha256: file.sha256, size: Some(file.size) };
    let objects = ctx.archives.pool(of.into(), &[wanted])?;
    let object = objects.get(&file.sha256).copied().ok_or_else(|| NodeError::NoInput { role: name.to_string() })?;
    source_rpm(ctx.store, (object, file.size), &format!("srpm(\"{name}\") of {distro}"))
}

/// Fetches a distro's pinned index and keeps of it what choosing and fetching packages needs.
///
/// # Errors
/// Where a file cannot be fetched or understood.
pub fn index(ctx: &Context<'_>, job: &Job<'_>) -> Result<Outputs, Failure> {
    let node = job.node();
    let (Action::Index { files }, Origin::Index { distro, extra, files: places }) = (&node.action(), node.origin())
    else {
        return Err(NodeError::NoInput { role: "index".to_owned() }.into());
    };
    if is_rpm(ctx.distros, node) {
        return rpm::index(ctx, job);
    }
    let mut tree = Tree::default();
    for (turn, file) in files.iter().enumerate() {
        let (suite, path) = places.get(&file.label).ok_or_else(|| NodeError::NoInput { role: file.label.clone() })?;
        ctx.phase(node, format!("fetching index {} of {}: {suite}", turn + 1, files.len()));
        let of = suite_of(ctx, distro, extra.as_ref(), suite)?;
        let wanted = ArchiveFile { path: path.clone(), sha256: file.sha256, size: None };
        let objects = ctx.archives.indexes(of, &[wanted])?;
        let object =
            objects.get(&file.sha256).copied().ok_or_else(|| NodeError::NoInput { role: file.label.clone() })?;
        let text = unpacked(ctx, object, path, file.sha256)?;
        let slim = index::slim(&text)?;
        let digest = ctx.store.put_bytes(slim.as_bytes())?;
        let name = file.label.replace('/', "_");
        insert(&mut tree, &name, Entry::File { digest, size: slim.len() as u64, executable: false })?;
    }
    let digest = ctx.store.put_tree(&tree)?;
    Ok(one("packages", digest))
}

/// The text of a compressed index in the store.
///
/// # Errors
/// Where it is damaged or no text.
pub fn unpacked(ctx: &Context<'_>, object: Digest, path: &str, sha256: Sha256) -> Result<String, Failure> {
    let file = ctx.store.open_object(object)?;
    let unreadable = |why: String| NodeError::Unreadable { what: format!("the index {path} ({sha256})"), why };
    let mut bytes = Vec::new();
    let reader = Compression::of_name(path).reader(file).map_err(|error| unreadable(error.to_string()))?;
    reader.take(MAX_INDEX).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()).into())
}

/// A suite of a distro, or of one of its extra repositories, by name.
///
/// # Errors
/// Where the distro's file no longer has that suite.
pub fn suite_of<'a>(
    ctx: &Context<'a>,
    distro: &DistroName,
    extra: Option<&RepositoryName>,
    suite: &str,
) -> Result<ArchiveSuite<'a>, NodeError> {
    let of = extra.map_or_else(String::new, |extra| format!(" for the extra repository `{extra}`"));
    let missing = || NodeError::Contradiction {
        name: format!("@{distro}"),
        what: format!("it pins the suite `{suite}`{of}, which `distros/{distro}.rhai` does not have"),
    };
    let distro = ctx.distros.get(distro).ok_or_else(missing)?;
    let deb = distro.deb().ok_or_else(missing)?;
    let found = match extra {
        None => deb.suites.iter().find(|known| known.name == suite).map(|suite| ArchiveSuite::own(distro, suite)),
        Some(extra) => deb
            .extra_repository(extra.as_str())
            .filter(|extra| extra.suite.name == suite)
            .map(|extra| ArchiveSuite::of_extra(distro, extra)),
    };
    found.ok_or_else(missing)
}

/// Puts a file with a plain name into a tree.
///
/// # Errors
/// Where the name is no plain one.
pub fn insert(tree: &mut Tree, name: &str, entry: Entry) -> Result<(), NodeError> {
    let unreadable = |why: String| NodeError::Unreadable { what: format!("`{name}`"), why };
    let path: TreePath = name.parse().map_err(|error: crate::path::TreePathError| unreadable(error.to_string()))?;
    insert_at(tree, path, entry)
}

/// Puts something at a path into a tree.
///
/// # Errors
/// Where something else is there.
pub fn insert_at(tree: &mut Tree, path: TreePath, entry: Entry) -> Result<(), NodeError> {
    let what = format!("`{path}`");
    tree.insert_with_folders(path, entry).map_err(|error| NodeError::Unreadable { what, why: error.to_string() })
}

/// Outputs with one tree.
pub fn one(name: &'static str, digest: Digest) -> Outputs {
    Outputs::from([(OutputName::new(name).expect("a plain name"), digest)])
}
