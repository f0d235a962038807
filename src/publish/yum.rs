//! A distro's YUM repositories: its packages signed, and the metadata of those.
//!
//! ```text
//! rpm/<distro>/<arch>/Packages/<key>/<letter>/<file>      rpm/<distro>/<arch>-debug/…, rpm/<distro>/SRPMS/…
//!                     repodata/<sha256>-primary.xml.gz    and two more
//!                     repodata/repomd.xml, repomd.xml.asc
//! ```
//!
//! Packages lie below the id of the key that signed them, as another key gives them other bytes. Pieces of metadata are kept
//! in the channel's folder `pieces/` by what they are made of; they can be made again at any time.

mod signing;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::PublishError;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::distro::{Repodata, Signing, SigningDigest, SigningKey};
use crate::name::{ChannelName, DistroName};
use crate::package::rpm::Package;
use crate::path::{HostPath, TreePath};
use crate::repo::RepoError;
use crate::repo::yum::{self, Entry, Metadata, Piece, RepoEntry};
use crate::store::Store;
use crate::tree::{self, Tree};

pub use signing::{SignedFile, SignedFiles, signed_files};

/// The folder of all YUM repositories of a channel.
pub(super) const FOLDER: &str = "rpm";

/// The folder of a repository's packages.
pub(super) const PACKAGES: &str = "Packages";

/// The folder of pieces in a channel's.
const PIECES: &str = "pieces";

/// What a distro's YUM repositories are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct YumSettings {
    /// The distro.
    pub distro: DistroName,
    /// What they are for people. One line.
    pub description: String,
    /// How metadata is compressed.
    pub repodata: Repodata,
    /// How packages are signed.
    pub signing: Signing,
}

impl YumSettings {
    /// Those of a `repo` node of `distro`; `None` where its packages are no RPM packages.
    pub fn of(distro: &DistroName, settings: &BTreeMap<String, String>) -> Option<Self> {
        let get = |key: &str| settings.get(key).map(String::as_str);
        (get("family") == Some("rpm")).then(|| Self {
            distro: distro.clone(),
            description: get("description").unwrap_or_default().to_owned(),
            repodata: match get("repodata") {
                Some("xz") => Repodata::Xz,
                Some("zst") => Repodata::Zst,
                _ => Repodata::Gz,
            },
            signing: Signing {
                key: if get("signing key") == Some("ed25519") { SigningKey::Ed25519 } else { SigningKey::Rsa },
                digest: if get("signing digest") == Some("sha512") {
                    SigningDigest::Sha512
                } else {
                    SigningDigest::Sha256
                },
            },
        })
    }
}

/// A distro's repositories as they are published: their tree, and the metadata that `repomd.xml` lists, by folder.
#[derive(Debug)]
pub struct Assembled {
    /// Packages and metadata, at their places in the channel.
    pub tree: Tree,
    repositories: BTreeMap<String, Metadata>,
}

/// Where things are kept and found.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Packages and metadata.
    pub store: &'a Store,
    /// The channel's folder, in which pieces are kept.
    pub dir: &'a Dir,
    /// Where that is.
    pub path: &'a HostPath,
}

/// Puts the signed packages at their places, and makes their metadata, which is in the store then. `unsigned` has them at
/// theirs, `signed` has all of them. Adds the pieces that are needed to `pieces`.
///
/// # Errors
/// [`PublishError::NotSigned`]; a package that cannot be read; what the store or the channel's folder says.
pub fn assemble(
    place: &Place<'_>,
    settings: &YumSettings,
    unsigned: &Tree,
    signed: &SignedFiles,
    pieces: &mut BTreeSet<Digest>,
) -> Result<Assembled, Failure> {
    let key = &signed.folder;
    let signed: BTreeMap<Digest, &SignedFile> =
        signed.files.iter().map(|package| (package.unsigned, package)).collect();
    let mut repositories: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut made = Assembled { tree: Tree::default(), repositories: BTreeMap::new() };
    for (path, entry) in unsigned.iter() {
        let path = path.to_string();
        match (entry, path.split_once('/')) {
            (tree::Entry::Folder, None) => drop(repositories.entry(path).or_default()),
            (tree::Entry::File { digest, .. }, Some((repository, rest))) => {
                let Some(SignedFile { signed: digest, size, sha256, .. }) = signed.get(digest) else {
                    return Err(PublishError::NotSigned { path: path.clone() }.into());
                };
                let (digest, size, sha256) = (*digest, *size, *sha256);
                let location = format!("{PACKAGES}/{key}/{rest}");
                let whole = format!("{FOLDER}/{}/{repository}/{location}", settings.distro);
                put(&mut made.tree, whole, digest, size)?;
                let entry = Entry { location, digest, sha256, size };
                repositories.entry(repository.to_owned()).or_default().push(entry);
            }
            _ => {}
        }
    }
    for (repository, mut entries) in repositories {
        entries.sort_by(|one, other| one.location.cmp(&other.location));
        let metadata = metadata(place, settings.repodata, &entries, pieces)?;
        for file in &metadata.files {
            let digest = place.store.put_bytes(&file.bytes)?;
            let whole = format!("{FOLDER}/{}/{repository}/{}", settings.distro, file.location());
            put(&mut made.tree, whole, digest, file.bytes.len() as u64)?;
        }
        made.repositories.insert(repository, metadata);
    }
    Ok(made)
}

/// The metadata of `entries`, sorted by location, of pieces that are kept as far as there are any.
fn metadata(
    place: &Place<'_>,
    repodata: Repodata,
    entries: &[Entry],
    pieces: &mut BTreeSet<Digest>,
) -> Result<Metadata, Failure> {
    let wanted: Vec<(Digest, &[Entry])> = yum::divide(entries)
        .into_iter()
        .map(|range| &entries[range])
        .map(|some| (yum::key(repodata, some), some))
        .collect();
    pieces.extend(wanted.iter().map(|(key, _)| *key));
    let found: Vec<Piece> = wanted
        .into_par_iter()
        .map(|(key, entries)| match kept(place, key) {
            Some(piece) => Ok(piece),
            None => made(place, repodata, key, entries),
        })
        .collect::<Result<_, Failure>>()?;
    Ok(yum::join(repodata, entries.len(), &found)?)
}

fn kept(place: &Place<'_>, key: Digest) -> Option<Piece> {
    Piece::decode(&kept_bytes(place, key)?)
}

fn kept_bytes(place: &Place<'_>, key: Digest) -> Option<Vec<u8>> {
    place.dir.read(format!("{PIECES}/{key}")).ok()
}

/// What is torn by a crash shows it when it is read, and is made again.
fn write_kept(place: &Place<'_>, key: Digest, bytes: &[u8]) -> Result<(), PublishError> {
    let name = format!("{PIECES}/{key}");
    let write = || -> io::Result<()> {
        place.dir.create_dir_all(PIECES)?;
        place.dir.write(format!("{name}.new"), bytes)?;
        place.dir.rename(format!("{name}.new"), place.dir, &name)
    };
    write().map_err(|source| PublishError::File { doing: "write", path: place.path.join(&name), source })
}

fn made(place: &Place<'_>, repodata: Repodata, key: Digest, entries: &[Entry]) -> Result<Piece, Failure> {
    let mut packages = Vec::with_capacity(entries.len());
    for entry in entries {
        let package = Package::read(place.store.open_object(entry.digest)?)
            .map_err(|source| RepoError::NotRpm { package: entry.location.clone(), source })?;
        packages.push((entry, package));
    }
    let piece = Piece::of(repodata, &packages)?;
    write_kept(place, key, &piece.encode()?)?;
    Ok(piece)
}

/// Removes pieces that are not among `needed`.
pub(super) fn sweep_pieces(place: &Place<'_>, needed: &BTreeSet<Digest>) -> Result<(), PublishError> {
    let failed = |doing, name: &str| {
        let path = place.path.join(name);
        move |source| PublishError::File { doing, path, source }
    };
    let entries = match place.dir.read_dir(PIECES) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", PIECES)(source)),
    };
    for entry in entries {
        let name = entry.map_err(failed("read", PIECES))?.file_name().to_string_lossy().into_owned();
        if !name.parse::<Digest>().is_ok_and(|key| needed.contains(&key)) {
            let place_of = format!("{PIECES}/{name}");
            place.dir.remove_file(&place_of).map_err(failed("remove", &place_of))?;
        }
    }
    Ok(())
}

impl Assembled {
    /// The `repomd.xml` of each repository, by its path, below the name `folder` of the distro. The revision is the date, which grows from one generation to the next.
    pub fn lists(&self, folder: &str, date: i64) -> BTreeMap<String, String> {
        let list = |(repository, metadata): (&String, &Metadata)| {
            let path = format!("{FOLDER}/{folder}/{repository}/repodata/repomd.xml");
            (path, yum::repomd_text(metadata, date, date))
        };
        self.repositories.iter().map(list).collect()
    }
}

/// The `.repo` file of a distro, whose repositories lie below the name `own`. `root` is the address of the channel, `key` that
/// of its keys.
pub(super) fn repo_file(
    settings: &YumSettings,
    own: &str,
    channel: &ChannelName,
    root: &str,
    key: &str,
) -> Result<String, RepoError> {
    let description = &settings.description;
    let address = |folder: &str| format!("{root}/{FOLDER}/{own}/{folder}");
    let id = format!("opb-{channel}");
    let (source_id, source_name) = (format!("{id}-source"), format!("{description}: sources"));
    let (packages, sources) = (address("$basearch"), address(yum::SOURCES));
    // `dnf debuginfo-install` turns on what is named so.
    let (debug_id, debug_name) = (format!("{id}-debuginfo"), format!("{description}: debug symbols"));
    let debug = address(&format!("$basearch{}", yum::DEBUG));
    yum::repo_file(&[
        RepoEntry { id: &id, name: description, address: &packages, key, enabled: true },
        RepoEntry { id: &debug_id, name: &debug_name, address: &debug, key, enabled: false },
        RepoEntry { id: &source_id, name: &source_name, address: &sources, key, enabled: false },
    ])
}

fn put(tree: &mut Tree, path: String, digest: Digest, size: u64) -> Result<(), PublishError> {
    let place = TreePath::new(path.as_bytes()).map_err(|_| PublishError::Clash { path: path.clone() })?;
    let entry = tree::Entry::File { digest, size, executable: false };
    tree.insert_with_folders(place, entry).map_err(|_| PublishError::Clash { path })
}
