//! Publishing: a channel's content becomes its next generation, signed, in one step.
//!
//! A generation is a folder that never changes. `current` is a link to the newest one, switched by a rename, so a client
//! sees the old repository or the new one. A generation also holds the pool files and by-hash indexes of the one before,
//! so that a client which read the old `InRelease` can still fetch what that names. `names.jsonl` remembers every file
//! name that was ever published with its content: a name never gets other bytes.
//!
//! ```text
//! channels/<channel>/lock                      one publisher at a time
//!                    names.jsonl               pool path → content, of all generations
//!                    generations/<n>/          pool/, dists/, the key, a .sources file
//!                    generations/<n>.json      what it was made from
//!                    current -> generations/<n>
//! ```

mod generation;
mod names;
pub mod signed;

use std::collections::BTreeMap;

use cap_std::fs::Dir;
pub use generation::{Generation, kept};

use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::name::ChannelName;
use crate::path::{HostPath, TreePath};
use crate::repo::{IndexEntry, Settings, release_text, sources_entry};
use crate::sign::Signer;
use crate::store::{Store, switch_link};
use crate::tree::{Entry, Tree};

/// The content of one distro's part of a channel.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it says of itself.
    pub settings: Settings,
    /// Its tree: `pool/` and `dists/<codename>/` without `Release` files.
    pub tree: Digest,
    /// What its `Release` lists.
    pub indexes: Vec<IndexEntry>,
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
    let content = merged(store, parts)?;
    let digest = store.put_tree(&content)?;
    let before = generation::current(&dir, &path)?;
    let fingerprint = signer.fingerprint();
    let packages = count_packages(&content);
    let about = about(parts, url)?;
    let same = |before: &&Generation| before.content == digest && before.about == about && before.key == fingerprint;
    if let Some(before) = before.as_ref().filter(same) {
        let place = path.join("current");
        return Ok(Published { generation: before.number, new: false, path: place, packages });
    }
    let mut names = names::Names::load(&dir, &path)?;
    names.check(&content)?;
    let number = before.as_ref().map_or(1, |before| before.number + 1);
    // A client must never see the date go back, whatever the clock does.
    let date = before.as_ref().map_or(now, |before| now.max(before.date + 1));
    let record = Generation { number, content: digest, about, key: fingerprint, date };
    let mut tree = content.clone();
    if let Some(before) = &before {
        keep_for_late_clients(store, &mut tree, before.content)?;
    }
    let time = u64::try_from(date).unwrap_or(0);
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for part in parts {
        let folder = format!("dists/{}", part.settings.codename);
        let release = release_text(&part.settings, &part.indexes, date, None)?;
        written.insert(format!("{folder}/InRelease"), signer.clear_sign(&release, time)?.into_bytes());
        written.insert(format!("{folder}/Release.gpg"), signer.detached(&release, time)?.into_bytes());
        written.insert(format!("{folder}/Release"), release.into_bytes());
        let uri = url.map_or_else(|| format!("file:{}", path.join("current")), str::to_owned);
        let entry = sources_entry(&part.settings, &uri, &format!("/etc/apt/keyrings/opb-{channel}.asc"))?;
        written.insert(format!("opb-{channel}-{}.sources", part.settings.codename), entry.into_bytes());
    }
    written.insert(format!("opb-{channel}.asc"), signer.public_key_armored()?.into_bytes());
    generation::write(store, &dir, &path, &record, &tree, &written)?;
    // From here on somebody may see the names, so they are remembered first.
    names.add(&dir, &path, &content)?;
    switch_link(&dir, &path, "current", &format!("generations/{number}"))?;
    Ok(Published { generation: number, new: true, path: path.join("current"), packages })
}

fn lock(dir: &Dir, path: &HostPath) -> Result<nix::fcntl::Flock<std::fs::File>, PublishError> {
    let failed = |source| PublishError::File { doing: "lock", path: path.join("lock"), source };
    let mut options = cap_std::fs::OpenOptions::new();
    let file = dir.open_with("lock", options.write(true).create(true)).map_err(failed)?.into_std();
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}

fn merged(store: &Store, parts: &[Part]) -> Result<Tree, Failure> {
    let mut merged = Tree::default();
    for part in parts {
        for (path, entry) in store.get_tree(part.tree)?.iter() {
            match merged.get(path) {
                None => put(&mut merged, path, entry)?,
                Some(there) if there == entry => {}
                Some(_) => return Err(PublishError::Clash { path: path.to_string() }.into()),
            }
        }
    }
    Ok(merged)
}

/// Digest of what a generation says beside its content: its `Release` files but for their date, and its address.
fn about(parts: &[Part], url: Option<&str>) -> Result<Digest, Failure> {
    let mut text = url.unwrap_or_default().to_owned();
    for part in parts {
        text.push('\n');
        text.push_str(&release_text(&part.settings, &part.indexes, 0, None)?);
    }
    Ok(Digest::of(text.as_bytes()))
}

fn put(tree: &mut Tree, path: &TreePath, entry: &Entry) -> Result<(), PublishError> {
    tree.insert_with_folders(path.clone(), entry.clone()).map_err(|_| PublishError::Clash { path: path.to_string() })
}

/// Adds what a client that read the generation before may still ask for: pool files, and indexes by their digest.
fn keep_for_late_clients(store: &Store, tree: &mut Tree, before: Digest) -> Result<(), Failure> {
    for (path, entry) in store.get_tree(before)?.iter() {
        let text = path.to_string();
        let wanted = text.starts_with("pool/") || text.contains("/by-hash/");
        if wanted && matches!(entry, Entry::File { .. }) && tree.get(path).is_none() {
            put(tree, path, entry)?;
        }
    }
    Ok(())
}

fn count_packages(tree: &Tree) -> usize {
    tree.files().filter(|(path, ..)| path.to_string().ends_with("deb")).count()
}
