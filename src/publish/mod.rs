//! Publishing: a channel's content becomes its next generation, signed, in one step.
//!
//! A generation is a folder that never changes. `current` is a link to the newest one, switched by a rename, so a client
//! sees the old repository or the new one. A generation also holds the pool files and by-hash indexes of those that were
//! replaced a short while ago, so that a client which read their `InRelease` can still fetch what that names; so it does packages
//! and metadata of YUM repositories. `names.jsonl` remembers every file name that was ever published with its content: a name
//! never gets other bytes.
//!
//! ```text
//! channels/<channel>/lock                      one publisher at a time
//!                    names.jsonl               pool path → content, of all generations
//!                    generations/<n>/          pool/, dists/, rpm/, the key, .sources and .repo files, a page
//!                    generations/<n>.json      what it was made from
//!                    generations/<n>.<r>…      the same with newer signatures, for the r-th time
//!                    pieces/                   metadata of RPM packages, to be put together again; see `yum.rs`
//!                    current -> generations/<n>
//! ```

mod error;
mod generation;
mod keyring;
mod laid;
mod names;
mod page;
pub mod push;
mod retention;
pub mod signed;
mod texts;
pub mod yum;

use std::collections::BTreeSet;

use cap_std::fs::Dir;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use error::PublishError;
pub use generation::{Generation, PartRecord, Way, current, generations, kept};
pub use laid::Naming;
pub use retention::{Pruned, Retention, prune};
pub use yum::YumSettings;

use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::name::{ChannelName, DistroName};
use crate::path::{HostPath, TreePath};
use crate::repo::{Row, Suite, rows};
use crate::sign::Signers;
use crate::store::{Store, StoreError, switch_link};
use crate::tree::{Entry, Tree};
use laid::{Ground, Laid};

/// The content of one distro's part of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The distro.
    pub distro: DistroName,
    /// Its tree: as [`Content`] says.
    pub tree: Digest,
    /// What is in it.
    pub content: Content,
    /// Files in it that were built elsewhere.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub imported: BTreeSet<Digest>,
}

impl Part {
    /// Its packages, as [`crate::repo::rows`] tells them.
    ///
    /// # Errors
    /// Where its tree is not in the store.
    pub fn rows(&self, store: &Store) -> Result<Vec<Row>, StoreError> {
        Ok(rows(&store.get_tree(self.tree)?, &self.imported))
    }
}

/// What a distro's part of a channel holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// An APT repository: `pool/`, and for each suite `dists/<codename>/` without `Release` files. The first suite is the
    /// distro's own; code names of others begin with that one's.
    Apt(Vec<Suite>),
    /// YUM repositories: unsigned packages at the places that [`crate::repo::yum::lay_out`] gave them.
    Yum(YumSettings),
}

/// Something that was signed for a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText {
    /// The path of the signature in the generation, or a few words such as `12 packages`.
    pub file: String,
    /// Of the text that was signed; of packages, of lines of their paths and digests.
    pub sha256: Sha256,
}

/// Remembers what was signed for a generation, durably, before anybody can see it: the number of the generation, the time in
/// the signatures, and each text.
pub type Log<'a> = dyn Fn(u64, u64, &[SignedText]) -> Result<(), Failure> + 'a;

/// What is to be published.
pub struct Request<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// Its distros' parts.
    pub parts: &'a [Part],
    /// Where they come from.
    pub way: Way,
    /// The object with the lock that they were made from; `None`: it is not known.
    pub pins: Option<Digest>,
    /// What the channel says of itself.
    pub naming: &'a Naming,
    /// What signs it.
    pub signer: &'a Signers,
    /// What remembers what is signed.
    pub log: &'a Log<'a>,
    /// In seconds since 1970.
    pub now: i64,
}

/// What publishing came to.
#[derive(Debug, Clone)]
pub struct Published {
    /// The generation that is current now.
    pub generation: u64,
    /// Whether it is new; if not, the channel had this content already.
    pub new: bool,
    /// Whether it was signed anew, so that it holds longer; never of a new one.
    pub renewed: bool,
    /// Until when its signatures hold, in seconds since 1970; `None`: they do not say.
    pub valid_until: Option<i64>,
    /// Where it is served from.
    pub path: HostPath,
    /// Binary packages in it, counted by file.
    pub packages: usize,
}

/// Publishes the parts of `request` as the next generation of its channel, unless it has that content already. One whose signatures
/// have less than half of their time left is signed anew.
///
/// # Errors
/// [`PublishError`], and whatever the store or the signer says. The channel then stays as it was.
pub fn publish(store: &Store, request: &Request<'_>) -> Result<Published, Failure> {
    let Request { channel, parts, way, pins, naming, signer, log, now } = request;
    if parts.is_empty() {
        return Err(PublishError::Nothing { channel: channel.to_string() }.into());
    }
    let path = store.channel_path(channel);
    let dir = store.channel_dir(channel)?;
    let _lock = lock(&dir, &path)?;
    let before = generation::current_in(&dir, &path)?;
    generation::sweep(&dir, &path, before.as_ref())?;
    let place = yum::Place { store, dir: &dir, path: &path };
    let mut names = names::Names::load(&dir, &path)?;
    let public = signer.public_keys_armored()?;
    let keyring = keyring::package(store, channel, naming, &public, &names)?;
    let mut pieces = BTreeSet::new();
    let mut contents = |believe| -> Result<(Vec<Laid>, Tree, Digest), Failure> {
        let (keyring, public, names, now) = (keyring.as_ref(), &public, &names, *now);
        let ground = Ground { place, channel, naming, signer, keyring, public, names, now, believe };
        let laid = parts.iter().map(|part| laid::lay(ground, part, &mut pieces));
        let laid = laid.collect::<Result<Vec<_>, Failure>>()?;
        let content = laid::merged(&laid)?;
        let digest = store.put_tree(&content)?;
        Ok((laid, content, digest))
    };
    // A signed package that is gone since it was listed is signed again.
    let (laid, content, digest) = match contents(true) {
        Ok(all) if store.hold(all.2)? => all,
        Err(failure) if !is_lost(&failure) => return Err(failure),
        _ => contents(false)?,
    };
    let packages = laid::count_packages(&content);
    let about = texts::about(&laid, naming)?;
    let key = signer.fingerprints().join(" ");
    let same = |before: &&Generation| before.content == digest && before.about == about && before.key == key;
    let unchanged = before.as_ref().filter(same);
    let current = path.join("current");
    if let Some(before) = unchanged.filter(|before| !is_to_be_renewed(before, naming, *now)) {
        let (generation, valid_until) = (before.number, before.valid_until);
        return Ok(Published { generation, new: false, renewed: false, valid_until, path: current, packages });
    }
    let renewed = unchanged.is_some();
    names.check(&content)?;
    let earlier = before.as_ref().map(|before| store.get_tree(before.content)).transpose()?;
    // What the generation before has was looked at then, and is the same bytes at the same place.
    let new = content.iter().filter(|(path, entry)| {
        laid::is_package_of_rpm(path) && earlier.as_ref().and_then(|earlier| earlier.get(path)) != Some(*entry)
    });
    let new = new.filter_map(|(path, entry)| match entry {
        Entry::File { digest, .. } => Some((path.to_string(), *digest)),
        _ => None,
    });
    let new: Vec<(String, Digest)> = new.collect();
    signed::refuse_unsigned(store, signer.main(), new.iter().cloned(), seconds(*now))?;
    verify_new(store, &content, earlier.as_ref())?;
    // A client must never see the date go back, whatever the clock does.
    let date = before.as_ref().map_or(*now, |before| (*now).max(before.date + 1));
    let valid_until = naming.valid_for.map(|valid| date.saturating_add(i64::try_from(valid).unwrap_or(i64::MAX)));
    signer.check_until(seconds(date), seconds(valid_until.unwrap_or(date)))?;
    let records = laid.iter().map(|laid| part_record(laid, before.as_ref(), renewed)).collect::<Vec<_>>();
    let (number, envelope) = match (&before, renewed) {
        (Some(before), true) => (before.number, before.envelope + 1),
        (Some(before), false) => (before.number + 1, 0),
        (None, _) => (1, 0),
    };
    let (way, pins) = match before.as_ref().filter(|_| renewed) {
        Some(before) => (before.way.clone(), before.pins),
        None => (way.clone(), *pins),
    };
    let record = Generation {
        number,
        envelope,
        content: digest,
        about,
        key,
        date,
        made: *now,
        valid_until,
        way,
        pins,
        parts: records,
    };
    let mut tree = content.clone();
    let all = generation::all(&dir, &path)?;
    for late in late(store, &all, before.as_ref(), naming.grace, *now)? {
        keep_for_late_clients(&mut tree, &late)?;
    }
    // What is signed anew goes on saying what was new in it.
    let compared = all.iter().rev().find(|earlier| earlier.number < number);
    let shown = texts::Shown { channel, path: &path, signer, naming, record: &record, before: compared };
    let written = texts::all(store, &laid, &shown)?;
    log(number, seconds(date), &texts::signed(&written, &new))?;
    generation::write(store, &dir, &path, &record, &tree, &written)?;
    // From here on somebody may see the names, so they are remembered first.
    names.add(&dir, &path, &content)?;
    yum::sweep_pieces(&place, &pieces)?;
    switch_link(&dir, &path, "current", &record.place())?;
    Ok(Published { generation: number, new: !renewed, renewed, valid_until, path: current, packages })
}

/// Whether it is about something that the store has no more.
fn is_lost(failure: &Failure) -> bool {
    matches!(failure.report.downcast_ref::<StoreError>(), Some(StoreError::Missing { .. }))
}

/// Reads all that is new and compares it with its digest: a disk that has changed a byte is noticed before anybody gets it.
fn verify_new(store: &Store, content: &Tree, earlier: Option<&Tree>) -> Result<(), StoreError> {
    let is_new = |path: &TreePath, digest: Digest| {
        let there = earlier.and_then(|earlier| earlier.get(path));
        !matches!(there, Some(Entry::File { digest: before, .. }) if *before == digest)
    };
    let new: BTreeSet<Digest> =
        content.files().filter(|(path, digest, _)| is_new(path, *digest)).map(|(_, digest, _)| digest).collect();
    new.par_iter().try_for_each(|digest| store.check_object(*digest))
}

/// The record of a part: since which generation it is as it is.
fn part_record(laid: &Laid, before: Option<&Generation>, renewed: bool) -> PartRecord {
    let next = before.map_or(1, |before| if renewed { before.number } else { before.number + 1 });
    let earlier = before.and_then(|before| before.parts.iter().find(|part| part.part.distro == laid.part.distro));
    let since = earlier.filter(|earlier| earlier.part == laid.part).map_or(next, |earlier| earlier.since);
    PartRecord { part: laid.part.clone(), since }
}

/// Whether what holds `before` together is over soon: less than half of the time is left, or it holds otherwise than the
/// channel says now.
fn is_to_be_renewed(before: &Generation, naming: &Naming, now: i64) -> bool {
    match (before.valid_until, naming.valid_for) {
        (Some(until), Some(valid)) => until.saturating_sub(now) < i64::try_from(valid / 2).unwrap_or(i64::MAX),
        (before, now) => before.is_some() != now.is_some(),
    }
}

/// What was published before and may still be asked for: the generation that is replaced now, and those that were replaced
/// less than `grace` seconds ago.
fn late(
    store: &Store,
    all: &[Generation],
    before: Option<&Generation>,
    grace: u64,
    now: i64,
) -> Result<Vec<Tree>, Failure> {
    let Some(before) = before else { return Ok(Vec::new()) };
    let grace = i64::try_from(grace).unwrap_or(i64::MAX);
    // When each was replaced: when the next one was made.
    let replaced = all.windows(2).filter(|pair| now.saturating_sub(pair[1].made) < grace).map(|pair| pair[0].content);
    let contents: BTreeSet<Digest> = replaced.chain([before.content]).collect();
    Ok(contents.into_iter().map(|content| store.get_tree(content)).collect::<Result<_, _>>()?)
}

/// Adds what a client that read an earlier generation may still ask for: packages, indexes by their digest, and metadata of
/// YUM repositories, whose names have theirs.
fn keep_for_late_clients(tree: &mut Tree, earlier: &Tree) -> Result<(), Failure> {
    for (path, entry) in earlier.iter() {
        let text = path.as_bytes();
        let wanted =
            text.starts_with(b"pool/") || text.starts_with(b"rpm/") || text.windows(9).any(|part| part == b"/by-hash/");
        if wanted && matches!(entry, Entry::File { .. }) && tree.get(path).is_none() {
            put(tree, path, entry)?;
        }
    }
    Ok(())
}

fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

fn lock(dir: &Dir, path: &HostPath) -> Result<nix::fcntl::Flock<std::fs::File>, PublishError> {
    let failed = |source| PublishError::File { doing: "lock", path: path.join("lock"), source };
    let mut options = cap_std::fs::OpenOptions::new();
    let file = dir.open_with("lock", options.write(true).create(true)).map_err(failed)?.into_std();
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}

fn put(tree: &mut Tree, path: &TreePath, entry: &Entry) -> Result<(), PublishError> {
    tree.insert_with_folders(path.clone(), entry.clone()).map_err(|_| PublishError::Clash { path: path.to_string() })
}

#[cfg(test)]
mod tests;
