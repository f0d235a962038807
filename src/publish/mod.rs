//! Publishing: a channel's content becomes its next generation, signed, in one step.
//!
//! A generation is a folder that never changes. `current` is a link to the newest one, switched by a rename, so a client
//! sees the old repository or the new one. A generation also holds the pool files and by-hash indexes of the one before,
//! so that a client which read the old `InRelease` can still fetch what that names; so it does packages and metadata of YUM
//! repositories. `names.jsonl` remembers every file name that was ever published with its content: a name never gets other bytes.
//!
//! ```text
//! channels/<channel>/lock                      one publisher at a time
//!                    names.jsonl               pool path → content, of all generations
//!                    generations/<n>/          pool/, dists/, rpm/, the key, .sources and .repo files
//!                    generations/<n>.json      what it was made from
//!                    pieces/                   metadata of RPM packages, to be put together again; see `yum.rs`
//!                    current -> generations/<n>
//! ```

mod generation;
mod names;
pub mod signed;
pub mod yum;

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;
pub use generation::{Generation, kept};
pub use yum::YumSettings;

use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::name::ChannelName;
use crate::path::{HostPath, TreePath};
use crate::repo::{Suite, release_text, sources_entry};
use crate::sign::Signer;
use crate::store::{Store, switch_link};
use crate::tree::{Entry, Tree};

/// The content of one distro's part of a channel.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its tree: as [`Content`] says.
    pub tree: Digest,
    /// What is in it.
    pub content: Content,
}

/// What a distro's part of a channel holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// An APT repository: `pool/`, and for each suite `dists/<codename>/` without `Release` files.
    Apt(Vec<Suite>),
    /// YUM repositories: unsigned packages at the places that [`crate::repo::yum::lay_out`] gave them.
    Yum(YumSettings),
}

/// What publishing came to.
#[derive(Debug, Clone)]
pub struct Published {
    /// The generation that is current now.
    pub generation: u64,
    /// Whether it is new; if not, the channel had this content already.
    pub new: bool,
    /// Where it is served from.
    pub path: HostPath,
    /// Binary packages in it, counted by file.
    pub packages: usize,
}

/// Why a channel is not published. What was published before stays.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PublishError {
    /// A file name that people may already have with other bytes.
    #[error("`{path}` was published before with other content")]
    #[diagnostic(
        code(opb::publish::other_bytes),
        help("give the package a new version: change it in the source's changelog, and build again")
    )]
    OtherBytes {
        /// The path below the repository.
        path: String,
    },
    /// Two distros of one channel have different files of one name.
    #[error("two distros of the channel have different files at `{path}`")]
    #[diagnostic(code(opb::publish::clash), help("give each distro its own suffix, or its own channel"))]
    Clash {
        /// The path below the repository.
        path: String,
    },
    /// A package of which nobody made a signed one.
    #[error("`{path}` was not signed")]
    #[diagnostic(code(opb::publish::not_signed), help("report this; nothing was published"))]
    NotSigned {
        /// Its path in the unsigned tree.
        path: String,
    },
    /// There is nothing to publish.
    #[error("the channel `{channel}` has no pinned distro to publish for")]
    #[diagnostic(
        code(opb::publish::empty),
        help("run `opb update` first, or widen the channel's `targets` in `opb.toml`")
    )]
    Nothing {
        /// The channel.
        channel: String,
    },
    /// A file of the channel could not be used.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::publish::file), help("look at the space and the modes on the store's file system"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A record that this program writes cannot be read.
    #[error("cannot read `{path}`: {why}")]
    #[diagnostic(
        code(opb::publish::record),
        help("restore the file from a backup; the published repository is not affected")
    )]
    Record {
        /// Which.
        path: HostPath,
        /// Why.
        why: String,
    },
}

impl Caused for PublishError {
    fn fault(&self) -> Cause {
        match self {
            Self::OtherBytes { .. } | Self::Clash { .. } | Self::Nothing { .. } => Cause::Input,
            Self::File { .. } | Self::Record { .. } => Cause::Environment,
            Self::NotSigned { .. } => Cause::Bug,
        }
    }
}

/// Publishes `parts` as the next generation of `channel`, unless it has that content already.
///
/// `now` is in seconds since 1970; `url` is where people will reach the channel, `None`: its folder on this machine.
///
/// # Errors
/// [`PublishError`], and whatever the store or the signer says. The channel then stays as it was.
pub fn publish(
    store: &Store,
    channel: &ChannelName,
    parts: &[Part],
    signer: &Signer,
    url: Option<&str>,
    now: i64,
) -> Result<Published, Failure> {
    if parts.is_empty() {
        return Err(PublishError::Nothing { channel: channel.to_string() }.into());
    }
    let path = store.channel_path(channel);
    let dir = store.channel_dir(channel)?;
    let _lock = lock(&dir, &path)?;
    generation::sweep(&dir, &path)?;
    let before = generation::current(&dir, &path)?;
    let fingerprint = signer.fingerprint();
    let place = yum::Place { store, dir: &dir, path: &path };
    let mut pieces = BTreeSet::new();
    let mut contents = |believe| -> Result<(Vec<Made<'_>>, Tree, Digest), Failure> {
        let made = parts.iter().map(|part| make(&place, part, signer, now, believe, &mut pieces));
        let made = made.collect::<Result<Vec<_>, Failure>>()?;
        let content = merged(&made)?;
        let digest = store.put_tree(&content)?;
        Ok((made, content, digest))
    };
    let (mut made, mut content, mut digest) = contents(true)?;
    if !store.hold(digest)? {
        // A signed package is gone since it was listed; it is signed again.
        (made, content, digest) = contents(false)?;
    }
    let packages = count_packages(&content);
    let about = about(&made, url)?;
    let same = |before: &&Generation| before.content == digest && before.about == about && before.key == fingerprint;
    if let Some(before) = before.as_ref().filter(same) {
        let place = path.join("current");
        return Ok(Published { generation: before.number, new: false, path: place, packages });
    }
    let mut names = names::Names::load(&dir, &path)?;
    names.check(&content)?;
    let earlier = before.as_ref().map(|before| store.get_tree(before.content)).transpose()?;
    // What the generation before has was looked at then, and is the same bytes at the same place.
    let new = content.iter().filter(|(path, entry)| {
        is_package_of_rpm(path) && earlier.as_ref().and_then(|earlier| earlier.get(path)) != Some(*entry)
    });
    let new = new.filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => Some((path.to_string(), *digest)),
        _ => None,
    });
    signed::refuse_unsigned(store, signer, new, seconds(now))?;
    let number = before.as_ref().map_or(1, |before| before.number + 1);
    // A client must never see the date go back, whatever the clock does.
    let date = before.as_ref().map_or(now, |before| now.max(before.date + 1));
    let record = Generation { number, content: digest, about, key: fingerprint, date };
    let mut tree = content.clone();
    if let Some(earlier) = &earlier {
        keep_for_late_clients(&mut tree, earlier)?;
    }
    let written = texts(&made, channel, &path, signer, url, date)?;
    generation::write(store, &dir, &path, &record, &tree, &written)?;
    // From here on somebody may see the names, so they are remembered first.
    names.add(&dir, &path, &content)?;
    switch_link(&dir, &path, "current", &format!("generations/{number}"))?;
    yum::sweep_pieces(&place, &pieces)?;
    Ok(Published { generation: number, new: true, path: path.join("current"), packages })
}

/// A part as it is published, without what is signed anew each time.
enum Made<'a> {
    Apt { tree: Tree, suites: &'a [Suite] },
    Yum { settings: &'a YumSettings, made: yum::Assembled },
}

fn make<'a>(
    place: &yum::Place<'_>,
    part: &'a Part,
    signer: &Signer,
    now: i64,
    believe: bool,
    pieces: &mut BTreeSet<Digest>,
) -> Result<Made<'a>, Failure> {
    let tree = place.store.get_tree(part.tree)?;
    Ok(match &part.content {
        Content::Apt(suites) => Made::Apt { tree, suites },
        Content::Yum(settings) => {
            let unsigned: BTreeSet<Digest> = tree.files().map(|(_, digest, _)| digest).collect();
            let signed = yum::signed_files(place, signer, settings, &unsigned, seconds(now), believe, pieces)?;
            let made = yum::assemble(place, settings, &tree, &signed, &key_id(signer), pieces)?;
            Made::Yum { settings, made }
        }
    })
}

/// The id of the key that signs, as a folder's name: the end of its fingerprint.
fn key_id(signer: &Signer) -> String {
    let fingerprint = signer.fingerprint().to_ascii_lowercase();
    fingerprint[fingerprint.len().saturating_sub(16)..].to_owned()
}

fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

/// All that is written beside the tree: lists with their signatures, entries for package managers, and the key.
fn texts(
    made: &[Made<'_>],
    channel: &ChannelName,
    path: &HostPath,
    signer: &Signer,
    url: Option<&str>,
    date: i64,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (time, current) = (seconds(date), path.join("current"));
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for part in made {
        match part {
            Made::Apt { suites, .. } => {
                for Suite { settings, indexes } in *suites {
                    let folder = format!("dists/{}", settings.codename);
                    let release = release_text(settings, indexes, date, None)?;
                    written.insert(format!("{folder}/InRelease"), signer.clear_sign(&release, time)?.into_bytes());
                    written.insert(format!("{folder}/Release.gpg"), signer.detached(&release, time)?.into_bytes());
                    written.insert(format!("{folder}/Release"), release.into_bytes());
                    let uri = url.map_or_else(|| format!("file:{current}"), str::to_owned);
                    let entry = sources_entry(settings, &uri, &format!("/etc/apt/keyrings/opb-{channel}.asc"))?;
                    written.insert(format!("opb-{channel}-{}.sources", settings.codename), entry.into_bytes());
                }
            }
            Made::Yum { settings, made } => {
                for (list, text) in made.lists(&settings.distro, date) {
                    written.insert(format!("{list}.asc"), signer.detached(&text, time)?.into_bytes());
                    written.insert(list, text.into_bytes());
                }
                let root = url.map_or_else(|| format!("file://{current}"), str::to_owned);
                let entry = yum::repo_file(settings, channel, &root)?;
                written.insert(format!("opb-{channel}-{}.repo", settings.distro), entry.into_bytes());
            }
        }
    }
    written.insert(format!("opb-{channel}.asc"), signer.public_key_armored()?.into_bytes());
    Ok(written)
}

fn lock(dir: &Dir, path: &HostPath) -> Result<nix::fcntl::Flock<std::fs::File>, PublishError> {
    let failed = |source| PublishError::File { doing: "lock", path: path.join("lock"), source };
    let mut options = cap_std::fs::OpenOptions::new();
    let file = dir.open_with("lock", options.write(true).create(true)).map_err(failed)?.into_std();
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}

fn merged(parts: &[Made<'_>]) -> Result<Tree, Failure> {
    let mut merged = Tree::default();
    for part in parts {
        let (Made::Apt { tree, .. } | Made::Yum { made: yum::Assembled { tree, .. }, .. }) = part;
        for (path, entry) in tree.iter() {
            match merged.get(path) {
                None => put(&mut merged, path, entry)?,
                Some(there) if there == entry => {}
                Some(_) => return Err(PublishError::Clash { path: path.to_string() }.into()),
            }
        }
    }
    Ok(merged)
}

/// Digest of what a generation says beside its content: its signed lists but for their date, descriptions, and its address.
fn about(parts: &[Made<'_>], url: Option<&str>) -> Result<Digest, Failure> {
    let mut text = url.unwrap_or_default().to_owned();
    for part in parts {
        text.push('\n');
        match part {
            Made::Apt { suites, .. } => {
                for Suite { settings, indexes } in *suites {
                    text.push_str(&release_text(settings, indexes, 0, None)?);
                }
            }
            Made::Yum { settings, made } => {
                text.push_str(&settings.description);
                made.lists(&settings.distro, 0).into_values().for_each(|list| text.push_str(&list));
            }
        }
    }
    Ok(Digest::of(text.as_bytes()))
}

fn put(tree: &mut Tree, path: &TreePath, entry: &Entry) -> Result<(), PublishError> {
    tree.insert_with_folders(path.clone(), entry.clone()).map_err(|_| PublishError::Clash { path: path.to_string() })
}

/// Adds what a client that read the generation before may still ask for: packages, indexes by their digest, and metadata of
/// YUM repositories, whose names have theirs.
fn keep_for_late_clients(tree: &mut Tree, earlier: &Tree) -> Result<(), Failure> {
    for (path, entry) in earlier.iter() {
        let text = path.to_string();
        let wanted = text.starts_with("pool/") || text.contains("/by-hash/") || is_of_rpm(&text);
        if wanted && matches!(entry, Entry::File { .. }) && tree.get(path).is_none() {
            put(tree, path, entry)?;
        }
    }
    Ok(())
}

fn is_of_rpm(path: &str) -> bool {
    path.strip_prefix(yum::FOLDER).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether it is the place of a package in a YUM repository.
fn is_package_of_rpm(path: &TreePath) -> bool {
    let path = path.as_bytes();
    path.starts_with(b"rpm/") && path.ends_with(b".rpm")
}

fn count_packages(tree: &Tree) -> usize {
    let sources = format!("/{}/", crate::repo::yum::SOURCES);
    let debs = tree.files().filter(|(path, ..)| path.to_string().ends_with("deb")).count();
    let rpms = tree.files().filter(|(path, ..)| is_package_of_rpm(path) && !path.to_string().contains(&sources));
    // One for every arch lies in several folders.
    debs + rpms.map(|(_, digest, _)| digest).collect::<BTreeSet<_>>().len()
}
