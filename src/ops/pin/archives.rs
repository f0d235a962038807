//! Pins of archives of upstream and of source RPMs: what is at their addresses, and what evaluation must know of their files.
//!
//! What is released under an address stays as it is. Whether it does is looked at where nobody says its digest: each update
//! fetches the file again, and another one is taken only where people say that it may be.

use std::collections::{BTreeMap, BTreeSet};

use super::texts::{are_known, texts};
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Sha256;
use crate::eval::weave::Asked;
use crate::exec::Upstreams;
use crate::lock::ArchivePin;
use crate::name::ComponentName;
use crate::remote::archive::{Archive, ArchiveUrl};
use crate::store::Store;
use crate::tree::Tree;

/// What recipes take of archives, each with what they ask it for and the components that do.
pub(in crate::ops) type Wanted = BTreeMap<Archive, (Asked, Vec<ComponentName>)>;

/// Why an archive is not pinned.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ArchiveError {
    /// Another file under an address.
    #[error("`{archive}` had the SHA-256 {before}… when it was pinned, and has {now}… now")]
    #[diagnostic(
        code(opb::update::changed_archive),
        help(
            "ask those who changed it: what is released should stay as it is; `opb update --allow-changed-archives` takes it"
        )
    )]
    Changed {
        /// The archive.
        archive: String,
        /// The beginning of the digest that is pinned.
        before: String,
        /// That of the one that is there.
        now: String,
    },
}

impl Caused for ArchiveError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// Makes pins of archives.
pub(in crate::ops) struct Pinning<'a> {
    pub upstreams: &'a Upstreams<'a>,
    pub store: &'a Store,
    /// Whether what these components take is looked at again.
    pub again: &'a dyn Fn(&[ComponentName]) -> bool,
    /// Whether an address may have another file than it had.
    pub changed: bool,
    /// The time, in seconds since 1970.
    pub now: u64,
}

impl Pinning<'_> {
    /// Brings the pins to what is wanted; says what could not be had, and what people should know.
    pub fn pin(
        &self,
        pins: &mut BTreeMap<Archive, ArchivePin>,
        wanted: &Wanted,
        failed: &mut Vec<(String, Failure)>,
        notices: &mut Vec<String>,
    ) {
        let before = pins.clone();
        pins.retain(|archive, _| wanted.contains_key(archive));
        // Whoever takes something of an address takes it of the same file.
        let asked_again = wanted.iter().filter(|(archive, (_, of))| archive.sha256.is_none() && (self.again)(of));
        let again: BTreeSet<&ArchiveUrl> = asked_again.map(|(archive, _)| &archive.url).collect();
        let mut seen: BTreeMap<&ArchiveUrl, Sha256> = BTreeMap::new();
        for (archive, (asked, _)) in wanted {
            let known = before.get(archive);
            // A digest in the recipe and the signature that was checked with it say all that there is to know.
            let stays = archive.sha256.is_some() || !again.contains(&archive.url);
            if let Some(known) = known.filter(|known| stays && are_known(asked, &known.texts, &known.without)) {
                pins.insert(archive.clone(), known.clone());
                continue;
            }
            let here = seen.get(&archive.url).copied();
            // What is not asked for again is the file that is pinned.
            let pinned = || {
                let mut pins = before.iter().filter(|(other, _)| stays && other.url == archive.url);
                pins.next().map(|(_, pin)| pin.file.sha256)
            };
            match self.now(archive, here.or_else(pinned), asked, &before) {
                Ok(pin) => {
                    seen.insert(&archive.url, pin.file.sha256);
                    if known.is_none() && archive.sha256.is_none() && archive.keys.is_empty() {
                        notices.push(format!(
                            "nobody vouches for `{archive}`: its SHA-256 {} is the one that was seen just now",
                            pin.file.sha256
                        ));
                    }
                    pins.insert(archive.clone(), pin);
                }
                Err(failure) => failed.push((archive.to_string(), failure)),
            }
        }
    }

    fn now(
        &self,
        archive: &Archive,
        here: Option<Sha256>,
        asked: &Asked,
        before: &BTreeMap<Archive, ArchivePin>,
    ) -> Result<ArchivePin, Failure> {
        let (pin, tree): (ArchivePin, Tree) = self.upstreams.look(archive, here, self.now)?;
        let is_own = archive.url.in_project().is_some() || archive.sha256.is_some();
        // Its own pin says what it was; where it has none, those of the same address do.
        let is_earlier = |other: &Archive| match before.contains_key(archive) {
            true => other == archive,
            false => (other.kind, &other.url) == (archive.kind, &archive.url),
        };
        let earlier = before.iter().filter(|(other, _)| is_earlier(other));
        let mut changed = earlier.map(|(_, earlier)| &earlier.file).filter(|file| file.sha256 != pin.file.sha256);
        if let Some(file) = changed.next().filter(|_| !is_own && !self.changed) {
            let (before, now) = (short(&file.sha256.to_string()), short(&pin.file.sha256.to_string()));
            return Err(ArchiveError::Changed { archive: archive.to_string(), before, now }.into());
        }
        let (texts, without) = texts(self.store, archive, &tree, asked)?;
        Ok(ArchivePin { texts, without, ..pin })
    }
}

/// The beginning of a digest, for people.
fn short(digest: &str) -> String {
    digest[..digest.len().min(12)].to_owned()
}

/// A pin for people: its digest, and who signed it.
pub(in crate::ops) fn shown(pin: &ArchivePin) -> String {
    let digest = short(&pin.file.sha256.to_string());
    match &pin.signed_by {
        None => digest,
        Some(key) => format!("{digest} (signed by {key})"),
    }
}
