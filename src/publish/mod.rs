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
//!                    generations/<n>/          pool/, dists/, rpm/, the key, .sources and .repo files, a page; `shared.rs`
//!                                              tells how generations share their packages
//!                    generations/<n>.json      what it was made from
//!                    generations/<n>.<r>…      the same with newer signatures, for the r-th time
//!                    pieces/                   metadata of RPM packages, to be put together again; see `yum.rs`
//!                    current -> generations/<n>
//! ```

mod collected;
mod error;
mod generation;
mod keyring;
mod laid;
mod names;
mod page;
pub mod push;
mod retention;
mod shared;
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
use names::Names;
use shared::Channel;

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
    let Request { channel, parts, naming, signer, now, .. } = request;
    if parts.is_empty() {
        return Err(PublishError::Nothing { channel: channel.to_string() }.into());
    }
    let path = store.channel_path(channel);
    let dir = store.channel_dir(channel)?;
    let _lock = lock(&dir, &path)?;
    let folder = Channel { store, dir: &dir, path: &path };
    let before = generation::current_in(&dir, &path)?;
    if generation::sweep(folder, before.as_ref())? {
        collected::collect(folder, &generation::all(&dir, &path)?)?;
    }
    let place = yum::Place { store, dir: &dir, path: &path };
    let mut names = Names::new(&dir, &path);
    let public = signer.public_keys_armored()?;
    let keyring = keyring::package(store, channel, naming, &public, &names)?;
    let mut pieces = BTreeSet::new();
    let mut contents = |believe| -> Result<State, Failure> {
        let (keyring, public, names, now) = (keyring.as_ref(), &public, &names, *now);
        let ground = Ground { place, channel, naming, signer, keyring, public, names, now, believe };
        let mut earlier = None;
        let (laid, content, digest) = rayon::in_place_scope(|scope| {
            // Another core reads meanwhile what most want.
            scope.spawn(|_| {
                earlier = before.as_ref().map(|before| store.get_tree(before.content));
                names.prefetch();
            });
            let laid = parts.iter().map(|part| laid::lay(ground, part, &mut pieces));
            let mut laid = laid.collect::<Result<Vec<_>, Failure>>()?;
            let content = laid::merged(&mut laid)?;
            let digest = store.put_tree_lightly(&content)?;
            Ok::<_, Failure>((laid, content, digest))
        })?;
        let is_other = before.as_ref().is_some_and(|before| before.content != digest);
        let earlier = earlier.filter(|_| is_other).transpose()?;
        Ok(State { laid, content, digest, earlier })
    };
    // A signed package that is gone since it was listed is signed again.
    let state = match contents(true) {
        Ok(state) if state.is_there(store, before.is_some()) => state,
        Err(failure) if !is_lost(&failure) => return Err(failure),
        _ => contents(false)?,
    };
    let about = texts::about(&state.laid, naming)?;
    let key = signer.fingerprints().join(" ");
    let is_same = |before: &&Generation| before.content == state.digest && before.about == about && before.key == key;
    let renewed = match before.as_ref().filter(is_same) {
        Some(before) if !is_to_be_renewed(before, naming, *now) => {
            let (generation, valid_until) = (before.number, before.valid_until);
            let (path, packages) = (path.join("current"), laid::count_packages(&state.content));
            return Ok(Published { generation, new: false, renewed: false, valid_until, path, packages });
        }
        unchanged => unchanged.is_some(),
    };
    let record = next(folder, request, &state, before.as_ref(), renewed, (about, key))?;
    write(folder, request, &state, before.as_ref(), &record, &mut names)?;
    yum::sweep_pieces(&place, &pieces)?;
    switch_link(&dir, &path, "current", &record.place())?;
    // The fewer links lead to the packages of an earlier one, the better. It finds them as it is, too.
    let mut all: Vec<String> = generation::all(&dir, &path)?.iter().map(Generation::name).collect();
    all.reverse();
    folder.settle(&all, &BTreeSet::new())?;
    let (path, packages) = (path.join("current"), laid::count_packages(&state.content));
    let (generation, valid_until) = (record.number, record.valid_until);
    Ok(Published { generation, new: !renewed, renewed, valid_until, path, packages })
}

/// What a channel comes to.
struct State {
    laid: Vec<Laid>,
    content: Tree,
    digest: Digest,
    /// The content of the generation that is current; `None` where there is none, or it is the same.
    earlier: Option<Tree>,
}

impl State {
    /// What the generation that is current does not have; `is_first`: there is none.
    fn new_files(&self, is_first: bool) -> Vec<(&TreePath, Digest, u64)> {
        match &self.earlier {
            Some(earlier) => self.content.files_unlike(earlier).collect(),
            None if is_first => self.content.files().collect(),
            None => Vec::new(),
        }
    }

    /// Whether the store has all that is new, and all signed packages: those can be made again. Their bytes are not looked at.
    fn is_there(&self, store: &Store, is_known: bool) -> bool {
        let signed = self.content.files().filter(|(path, ..)| laid::is_package_of_rpm(path));
        self.new_files(!is_known)
            .into_iter()
            .chain(signed)
            .all(|(_, digest, size)| store.object_size(digest) == Some(size))
    }
}

/// The record of the next generation; with `renewed`, of the current one with newer signatures.
fn next(
    folder: Channel<'_>,
    request: &Request<'_>,
    state: &State,
    before: Option<&Generation>,
    renewed: bool,
    (about, key): (Digest, String),
) -> Result<Generation, Failure> {
    let Request { way, pins, naming, signer, now, .. } = request;
    // A client must never see the date go back, whatever the clock does.
    let date = before.map_or(*now, |before| (*now).max(before.date + 1));
    let valid_until = naming.valid_for.map(|valid| date.saturating_add(i64::try_from(valid).unwrap_or(i64::MAX)));
    signer.check_until(seconds(date), seconds(valid_until.unwrap_or(date)))?;
    let parts = state.laid.iter().map(|laid| part_record(laid, before, renewed)).collect();
    let (number, envelope) = match before {
        Some(before) if renewed => (before.number, before.envelope + 1),
        Some(before) => (before.number + 1, 0),
        None => (1, 0),
    };
    let (way, pins) = match before.filter(|_| renewed) {
        Some(before) => (before.way.clone(), before.pins),
        None => (way.clone(), *pins),
    };
    let all = generation::all(folder.dir, folder.path)?;
    let late = Some(late(&all, before, naming.grace, *now).into_iter().collect());
    let content = state.digest;
    Ok(Generation { number, envelope, content, about, key, date, made: *now, valid_until, way, pins, parts, late })
}

/// Writes the generation `record`, durably; nobody sees it before `current` points to it.
fn write(
    folder: Channel<'_>,
    request: &Request<'_>,
    state: &State,
    before: Option<&Generation>,
    record: &Generation,
    names: &mut Names<'_>,
) -> Result<(), Failure> {
    let Request { channel, naming, signer, log, now, .. } = request;
    let Channel { store, dir, path } = folder;
    let new = state.new_files(before.is_none());
    names.check(&new)?;
    // What the generation before has was looked at then, and is the same bytes at the same place.
    let signed = new.iter().filter(|(path, ..)| laid::is_package_of_rpm(path));
    let signed: Vec<(String, Digest)> = signed.map(|(path, digest, _)| (path.to_string(), *digest)).collect();
    signed::refuse_unsigned(store, signer.main(), signed.iter().cloned(), seconds(*now))?;
    verify(store, &new)?;
    let earlier = before.zip(state.earlier.as_ref()).map(|(before, earlier)| (before.content, earlier));
    let is_known = |digest: &Digest| *digest == state.digest || earlier.is_some_and(|(known, _)| known == *digest);
    let others = record.late.iter().flatten().filter(|digest| !is_known(digest));
    let others =
        others.map(|digest| Ok((*digest, store.get_tree(*digest)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let late: Vec<(Digest, &Tree)> = others.iter().map(|(digest, tree)| (*digest, tree)).chain(earlier).collect();
    let mut tree = Tree::default();
    for (path, entry) in state.content.iter().filter(|(path, _)| shared::folder_of(path.as_bytes()).is_none()) {
        put(&mut tree, path, entry)?;
    }
    late.iter().try_for_each(|(_, late)| keep_for_late_clients(&mut tree, late))?;
    // What is signed anew goes on saying what was new in it.
    let all = generation::all(dir, path)?;
    let compared = all.iter().rev().find(|earlier| earlier.number < record.number);
    let shown = texts::Shown { channel, path, signer, naming, record, before: compared };
    let written = texts::all(store, &state.laid, &shown)?;
    log(record.number, seconds(record.date), &texts::signed(&written, &signed))?;
    generation::make(folder, record, &tree, &written)?;
    let packages = shared::Packages {
        content: &state.content,
        late: &late,
        before: before.map(|before| shared::Before {
            name: before.name(),
            content: state.earlier.as_ref().unwrap_or(&state.content),
            late: before.contents().collect(),
        }),
    };
    let shared = folder.put(&record.name(), &packages)?;
    // Names are remembered before anybody can see them.
    names.add(&new)?;
    generation::write_record(folder, record)?;
    store.sync_all()?;
    generation::name_record(folder, record)?;
    if let Some(before) = before {
        folder.take(&before.name(), &record.name(), &shared, &packages)?;
    }
    Ok(store.sync_all()?)
}

/// Whether it is about something that the store has no more.
fn is_lost(failure: &Failure) -> bool {
    matches!(failure.report.downcast_ref::<StoreError>(), Some(StoreError::Missing { .. }))
}

/// Reads what is new and compares it with its digest: a disk that has changed a byte is noticed before anybody gets it.
fn verify(store: &Store, new: &[(&TreePath, Digest, u64)]) -> Result<(), StoreError> {
    let new: BTreeSet<Digest> = new.iter().map(|(_, digest, _)| *digest).collect();
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

/// What was published before and may still be asked for, by digests of trees: the generation that is replaced now, and those that
/// were replaced less than `grace` seconds ago.
fn late(all: &[Generation], before: Option<&Generation>, grace: u64, now: i64) -> BTreeSet<Digest> {
    let Some(before) = before else { return BTreeSet::new() };
    let grace = i64::try_from(grace).unwrap_or(i64::MAX);
    // When each was replaced: when the next one was made.
    let replaced = all.windows(2).filter(|pair| now.saturating_sub(pair[1].made) < grace).map(|pair| pair[0].content);
    replaced.chain([before.content]).collect()
}

/// Adds what a client that read an earlier generation may still ask for beside packages: indexes by their digest, and metadata
/// of YUM repositories, whose names have theirs.
fn keep_for_late_clients(tree: &mut Tree, earlier: &Tree) -> Result<(), Failure> {
    for (path, entry) in earlier.iter() {
        let text = path.as_bytes();
        let wanted = text.starts_with(b"rpm/") || text.windows(9).any(|part| part == b"/by-hash/");
        let is_apart = shared::folder_of(text).is_none();
        if is_apart && wanted && matches!(entry, Entry::File { .. }) && tree.get(path).is_none() {
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
