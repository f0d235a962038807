//! Nodes that fetch the pinned metadata of a distro's repositories, and keep of it what choosing and fetching needs.
//!
//! ```text
//! 00_baseos_amd64_primary     slim packages, with those files of theirs that some package needs by their path
//! 00_baseos_amd64_filelists   all files of all packages, as they came, for needs of components that are paths
//! 00_baseos_amd64_group       groups, a line each
//! 00_baseos_amd64_modules     modules, as they came
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::{Archive, Repository};
use crate::drv::{Action, Outputs};
use crate::exec::archives::ArchiveFile;
use crate::exec::context::{Context, Job};
use crate::exec::error::NodeError;
use crate::exec::sources::{insert, one};
use crate::graph::Origin;
use crate::name::DistroName;
use crate::package::compression::Compression;
use crate::package::repodata::{RepodataError, filelists, groups, primary};
use crate::store::Store;
use crate::tree::{Entry, Tree};

/// The most bytes of a metadata file, uncompressed: the files of all packages of a large distribution have 700 MB.
const MAX_METADATA: u64 = 4 << 30;

/// A metadata file that came.
struct Came {
    label: String,
    path: String,
    object: Digest,
}

/// Fetches a distro's pinned metadata and keeps of it what is needed.
///
/// # Errors
/// Where a file cannot be fetched or understood.
pub fn index(ctx: &Context<'_>, job: &Job<'_>) -> Result<Outputs, Failure> {
    let node = job.node();
    let (Action::Index { files }, Origin::Index { distro, files: places, .. }) = (&node.action(), node.origin()) else {
        return Err(NodeError::NoInput { role: "index".to_owned() }.into());
    };
    let mut came = Vec::new();
    for (turn, file) in files.iter().enumerate() {
        let missing = || NodeError::NoInput { role: file.label.clone() };
        let (repository, path) = places.get(&file.label).ok_or_else(missing)?;
        ctx.phase(node, format!("fetching metadata {} of {}: {repository}", turn + 1, files.len()));
        let of = repository_of(ctx, distro, &file.label)?;
        let wanted = ArchiveFile { path: path.clone(), sha256: file.sha256, size: None };
        let objects = ctx.archives.pool(of.into(), &[wanted])?;
        let object = objects.get(&file.sha256).copied().ok_or_else(missing)?;
        came.push(Came { label: file.label.clone(), path: path.clone(), object });
    }
    ctx.phase(node, "reading metadata");
    let of_kind = |kind: &str| came.iter().filter(move |came| kind_of(&came.label) == kind).collect::<Vec<_>>();
    let mut primaries = Vec::new();
    let mut needed = BTreeSet::new();
    for came in of_kind("primary") {
        let text = came.text(ctx)?;
        needed.extend(primary::needed_files(&text).map_err(|error| came.unreadable(error))?);
        primaries.push((came, text));
    }
    let mut more: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for came in of_kind("filelists") {
        let found = filelists::with_files(&came.text(ctx)?, &needed).map_err(|error| came.unreadable(error))?;
        more.insert(place_of(&came.label), found);
    }
    let mut tree = Tree::default();
    let none = BTreeMap::new();
    for (came, text) in primaries {
        let more = more.get(place_of(&came.label)).unwrap_or(&none);
        let slim = primary::slim(&text, more).map_err(|error| came.unreadable(error))?;
        keep(ctx, &mut tree, &came.label, slim.as_bytes())?;
    }
    for came in of_kind("group") {
        let groups = groups::read(&came.text(ctx)?).map_err(|error| came.unreadable(error))?;
        keep(ctx, &mut tree, &came.label, groups::encode(&groups).as_bytes())?;
    }
    for came in of_kind("modules") {
        keep(ctx, &mut tree, &came.label, came.text(ctx)?.as_bytes())?;
    }
    for came in of_kind("filelists") {
        let size = ctx.store.object_size(came.object).unwrap_or(0);
        // With the ending that says how it is compressed.
        let ending = came.path.rsplit_once('.').map_or("xml", |(_, ending)| ending);
        let name = format!("{}.{ending}", file_name(&came.label));
        insert(&mut tree, &name, Entry::File { digest: came.object, size, executable: false })?;
    }
    Ok(one("packages", ctx.store.put_tree(&tree)?))
}

fn keep(ctx: &Context<'_>, tree: &mut Tree, label: &str, bytes: &[u8]) -> Result<(), Failure> {
    let digest = ctx.store.put_bytes(bytes)?;
    insert(tree, &file_name(label), Entry::File { digest, size: bytes.len() as u64, executable: false })?;
    Ok(())
}

impl Came {
    fn text(&self, ctx: &Context<'_>) -> Result<String, Failure> {
        text(ctx.store, self.object, &self.path)
    }

    fn unreadable(&self, error: RepodataError) -> NodeError {
        NodeError::Unreadable { what: format!("the metadata `{}`", self.path), why: error.to_string() }
    }
}

/// The text of a metadata file in the store; `name` says how it is compressed.
///
/// # Errors
/// Where it is damaged, no text, or longer than any.
pub fn text(store: &Store, object: Digest, name: &str) -> Result<String, Failure> {
    let unreadable = |why: String| NodeError::Unreadable { what: format!("the metadata `{name}`"), why };
    let reader = Compression::of_name(name).reader(store.open_object(object)?);
    let reader = reader.map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    let read = reader.take(MAX_METADATA + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_METADATA {
        return Err(unreadable(format!("it has more than {} GiB uncompressed", MAX_METADATA >> 30)).into());
    }
    Ok(text)
}

/// The name of the file for a label in the index's tree.
pub fn file_name(label: &str) -> String {
    label.replace('/', "_")
}

fn kind_of(label: &str) -> &str {
    label.rsplit('/').next().unwrap_or_default()
}

fn place_of(label: &str) -> &str {
    label.split('/').next().unwrap_or_default()
}

/// The repository that a label is of: `<place>/<repository>/<arch>/<kind>`, where a repository's name may have slashes.
///
/// # Errors
/// Where the distro's file no longer has it.
fn repository_of<'a>(ctx: &Context<'a>, distro: &DistroName, label: &str) -> Result<Repository<'a>, NodeError> {
    let missing = || NodeError::Contradiction {
        name: format!("@{distro}"),
        what: format!("it pins `{label}`, which `distros/{distro}.rhai` does not have"),
    };
    let mut parts = label.rsplitn(3, '/').skip(1);
    let (arch, rest) = (parts.next().ok_or_else(missing)?, parts.next().ok_or_else(missing)?);
    let (_, name) = rest.split_once('/').ok_or_else(missing)?;
    let distro = ctx.distros.get(distro).ok_or_else(missing)?;
    let rpm = distro.rpm().ok_or_else(missing)?;
    let name = rpm.repositories.iter().find(|known| known.as_str() == name).ok_or_else(missing)?;
    let arch = distro.arches.iter().find(|known| known.as_str() == arch).ok_or_else(missing)?;
    Ok(Repository { distro, name, arch })
}

/// Where the packages are whose SHA-256 `is_wanted`, by the index tree of a distro's repositories; each once.
///
/// # Errors
/// Where the index cannot be read.
pub fn places<'a>(
    ctx: &Context<'a>,
    distro: &DistroName,
    labels: &mut dyn Iterator<Item = &String>,
    index_tree: Digest,
    is_wanted: &dyn Fn(&Sha256) -> bool,
) -> Result<Vec<(Archive<'a>, Vec<ArchiveFile>)>, Failure> {
    let (mut places, mut seen) = (Vec::new(), BTreeSet::new());
    let tree = ctx.store.get_tree(index_tree)?;
    for label in labels.filter(|label| kind_of(label) == "primary") {
        let name = file_name(label);
        let Some((_, object, _)) = tree.files().find(|(path, ..)| path.as_bytes() == name.as_bytes()) else { continue };
        let unreadable = |error: RepodataError| NodeError::Unreadable {
            what: format!("the index `{name}`"),
            why: error.to_string(),
        };
        let wanted: Vec<ArchiveFile> = primary::files(&text(ctx.store, object, &name)?)
            .map_err(unreadable)?
            .into_iter()
            .filter(|file| is_wanted(&file.sha256) && seen.insert(file.sha256))
            .map(|file| ArchiveFile { path: file.path, sha256: file.sha256, size: Some(file.size) })
            .collect();
        if !wanted.is_empty() {
            places.push((repository_of(ctx, distro, label)?.into(), wanted));
        }
    }
    Ok(places)
}
