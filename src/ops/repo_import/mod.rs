//! Packages that were built elsewhere: importing them into channels, and letting them go.
//!
//! ```text
//! FILE ─ taking.rs ─► objects of the store, and what they are ─ fitting.rs ─► fits the channel
//!                          └─► opb.imports.toml, evaluated ─► a `source` node each, realised and kept
//! ```
//!
//! Nothing enters a channel here: the list of what does is a file of the project, and the next build and publication take
//! it over. The file is written last, when all that it names is in the store for good.

mod error;
mod fitting;
mod taking;

use std::path::{Path, PathBuf};

pub use error::ImportError;

use self::taking::{Keys, Taken};
use super::channel;
use super::keeping::keep;
use super::session::Session;
use crate::diag::Failure;
use crate::drv::{ActionKey, text_of};
use crate::graph::{Node, NodeId, Origin};
use crate::imported::{IMPORTS_FILE, Imported, Imports};
use crate::name::{AreaName, ChannelName, DistroName};
use crate::project::{Place, Project, ProjectFiles, now, today};
use crate::sign::Keyring;
use crate::store::{Realisation, Store};
use crate::tree::{Entry, Tree};

/// What is to be imported.
#[derive(Debug)]
pub struct Importing<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// Packages; of source packages their `.dsc`.
    pub files: &'a [PathBuf],
    /// The distro; `None`: the only one of the channel that has such packages.
    pub distro: Option<&'a DistroName>,
    /// The area; `None`: `main`.
    pub area: Option<&'a AreaName>,
    /// Where they come from, for people.
    pub from: Option<&'a str>,
    /// Why, for people.
    pub reason: Option<&'a str>,
    /// A file of public keys, by one of which each must be signed.
    pub verify: Option<&'a Path>,
}

/// What became of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It was not listed.
    New,
    /// It is listed as it was, and its bytes are here now.
    Here,
}

/// Imports packages: their bytes into the store, and a line each into `opb.imports.toml`. What is listed with these bytes
/// stays as it is listed. What is said of the lock of `project` is meant of the one that the channel is made from.
///
/// # Errors
/// [`ImportError`], and what evaluation says of the new list. Nothing is listed then.
pub fn add(project: Project, store: &Store, wanted: &Importing<'_>) -> Result<Vec<(Imported, Came)>, Failure> {
    let session = Session::of(project)?;
    channel::settings(&session, wanted.channel)?;
    let bytes = wanted.verify.map(|path| keys(path).map(|bytes| (path, bytes))).transpose()?;
    let keys = bytes.map(|(path, bytes)| Keys {
        name: path.display().to_string().escape_debug().to_string(),
        bytes,
        now: u64::try_from(now()).unwrap_or(0),
    });
    let taken = wanted.files.iter().map(|path| taking::take(store, path, keys.as_ref()));
    let taken = taken.collect::<Result<Vec<_>, _>>()?;
    let mut imports = session.evaluated()?.imports.clone();
    let mut came = Vec::new();
    for package in taken {
        let is_it = |one: &&Imported| {
            one.channel == *wanted.channel
                && one.files == package.files
                && wanted.distro.is_none_or(|distro| one.distro == *distro)
        };
        let known: Vec<Imported> = imports.package.iter().filter(is_it).cloned().collect();
        if !known.is_empty() {
            came.extend(known.into_iter().map(|one| (one, Came::Here)));
            continue;
        }
        let distro = fitting::distro(&session, wanted, &package)?;
        fitting::check(&session, wanted, &distro, &package)?;
        let one = entry(wanted, distro, package);
        enter(&mut imports, &one)?;
        came.push((one, Came::New));
    }
    let project = Place { folder: session.project.path.as_path(), channel: Some(wanted.channel) }.open()?;
    let session = with(project, imports)?;
    realise(&session, store, &came)?;
    if came.iter().any(|(_, came)| *came == Came::New) {
        write(&session.project, &session.evaluated()?.imports)?;
    }
    Ok(came)
}

/// Lets packages of a channel go: those with these names, written `NAME` or `NAME=VERSION`; with `distro`, its alone. Gives
/// what was let go. Their bytes stay as long as a generation has them.
///
/// # Errors
/// [`ImportError::Unknown`].
pub fn remove(
    project: &Project,
    channel: &ChannelName,
    names: &[String],
    distro: Option<&DistroName>,
) -> Result<Vec<Imported>, Failure> {
    let mut imports = super::watch::evaluate(&ProjectFiles(project.root()))?.imports;
    let mut gone = Vec::new();
    for wanted in names {
        let (name, version) = wanted.split_once('=').map_or((wanted.as_str(), None), |(name, of)| (name, Some(of)));
        let is_meant = |one: &Imported| {
            one.channel == *channel
                && one.name.as_str() == name
                && version.is_none_or(|version| one.version == version)
                && distro.is_none_or(|distro| one.distro == *distro)
        };
        let before = gone.len();
        gone.extend(imports.package.extract_if(.., |one| is_meant(one)));
        if gone.len() == before {
            let known = imports.package.iter().filter(|one| one.channel == *channel).map(|one| one.name.as_str());
            let help = match crate::diag::did_you_mean(name, known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("look at `opb repo import {channel} --list`"),
            };
            let (name, channel) = (wanted.clone(), channel.to_string());
            return Err(ImportError::Unknown { name, channel, help }.into());
        }
    }
    // What is wrong with the rest of the list may be why these are to go.
    write(project, &imports)?;
    Ok(gone)
}

/// The packages that are imported, into `channel` or into all; each with whether its bytes are in the store.
///
/// # Errors
/// Where the list cannot be read, or there is no such channel.
pub fn list(session: &Session, store: &Store, channel: Option<&ChannelName>) -> Result<Vec<(Imported, bool)>, Failure> {
    if let Some(channel) = channel {
        channel::settings(session, channel)?;
    }
    let imports = session.evaluated()?.imports.package.iter();
    let wanted = imports.filter(|one| channel.is_none_or(|channel| one.channel == *channel));
    let is_here = |one: &Imported| one.files.values().all(|file| store.object_size(file.blake3) == Some(file.size));
    Ok(wanted.map(|one| (one.clone(), is_here(one))).collect())
}

/// The public keys in a file.
fn keys(path: &Path) -> Result<Vec<u8>, ImportError> {
    let wrong = |source| ImportError::Keys { path: path.to_owned(), source: Box::new(source) };
    Ok(Keyring::read(path).map_err(wrong)?.bytes().to_vec())
}

fn entry(wanted: &Importing<'_>, distro: DistroName, taken: Taken) -> Imported {
    let Taken { kind, name, version, arch, verified, files, .. } = taken;
    Imported {
        channel: wanted.channel.clone(),
        distro,
        name,
        version,
        arch,
        kind,
        area: wanted.area.filter(|area| **area != AreaName::main()).cloned(),
        day: today(),
        from: wanted.from.map(str::to_owned),
        reason: wanted.reason.map(str::to_owned),
        verified,
        files,
    }
}

/// Puts a package among the others.
fn enter(imports: &mut Imports, one: &Imported) -> Result<(), ImportError> {
    // Files of APT repositories share one pool, and a promotion brings packages from one channel to another.
    let is_deb = |one: &Imported| one.files.keys().any(|file| !file.ends_with(".rpm"));
    let meets = |other: &&Imported| {
        other.is_same_package(one) && (other.distro == one.distro || (is_deb(one) && is_deb(other)))
    };
    if let Some(other) = imports.package.iter().filter(meets).find(|other| other.files != one.files) {
        return Err(ImportError::OtherBytes {
            name: one.name.to_string(),
            version: one.version.escape_debug().to_string(),
            arch: one.shown_arch().to_owned(),
            channel: other.channel.to_string(),
        });
    }
    let place = imports.package.partition_point(|other| other < one);
    imports.package.insert(place, one.clone());
    Ok(())
}

/// The project with another list.
fn with(project: Project, imports: Imports) -> Result<Session, Failure> {
    let mut evaluated = super::watch::evaluate(&ProjectFiles(project.root()))?;
    evaluated.imports = imports;
    let lock = project.lock()?;
    Session::with_lock(project, evaluated, lock)
}

fn write(project: &Project, imports: &Imports) -> Result<(), Failure> {
    let text = toml::to_string(imports).expect("it has only string keys");
    let head = "# Written by `opb repo import`. Keep it under version control: it says what enters channels without being built.";
    Ok(project.write(IMPORTS_FILE, &format!("{head}\n{text}"))?)
}

/// Records that these packages are in the store, as their nodes' results, and keeps them there for the project.
fn realise(session: &Session, store: &Store, packages: &[(Imported, Came)]) -> Result<(), Failure> {
    let graph = &session.graph;
    let mut nodes: Vec<(NodeId, ActionKey)> = Vec::new();
    for (package, _) in packages {
        let mut tree = Tree::default();
        for (name, file) in &package.files {
            let entry = Entry::File { digest: file.blake3, size: file.size, executable: false };
            crate::exec::insert(&mut tree, name, entry)?;
        }
        let digest = store.put_tree(&tree)?;
        let is_it =
            |node: &Node<'_>| matches!(node.origin(), Origin::Imported { files, .. } if *files == package.files);
        for node in graph.ids().map(|id| graph.node(id)).filter(is_it) {
            let (id, key) = (node.node_id(), node.action_key(None, &[]));
            let outputs = node.known_outputs(key).unwrap_or_default();
            debug_assert!(outputs.values().all(|known| *known == digest), "a node names the tree that it is of");
            nodes.push((id, key));
            store.record(&Realisation {
                key,
                node: node.to_string(),
                fingerprint: None,
                number: None,
                outputs,
                derivation: text_of(&node.derivation(), &[]),
                log: None,
                started: now(),
                milliseconds: 0,
                cpu_milliseconds: 0,
                peak_memory: 0,
                disk: 0,
                backend: "import".to_owned(),
                host: nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into()),
                kept: None,
            })?;
        }
    }
    keep(session, store, |id| nodes.iter().find(|(node, _)| *node == id).map(|(_, key)| *key))
}

#[cfg(test)]
mod tests;
