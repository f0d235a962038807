//! Letting another key take a key's place without cutting anybody off.
//!
//! ```text
//! rotate            14 days                    rotate --finish
//! old ── signs all ─┬─ signs all ─────────────┐ retired: signs nothing
//! new               └─ signs the metadata too ┴─ signs all
//! published keys: old    both                   new
//! ```
//!
//! While both sign, clients fetch the new public key in whatever way they got the old one. Each step is one rename, or one file that
//! is there or not: of two processes that try one of them succeeds, and after a crash it was done or it was not.

use nix::fcntl::FlockArg;

use super::kept::{How, Kept, Keys, Pair};
use super::{KeyInfo, NewKey, USER, day, make, protect, seconds, taken, unlock};
use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::sign::PublicKey;

/// So long both keys sign at least, in seconds: two weeks, in which machines that are updated by anybody are updated.
pub(super) const OVERLAP: u64 = 14 * 86_400;

/// Why no key takes another's place.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RotateError {
    /// A second one.
    #[error("the key `{name}` is being rotated already, since {since}")]
    #[diagnostic(
        code(opb::key::rotating),
        help("finish that with `opb key rotate {name} --finish`; what comes after it can be a rotation again")
    )]
    Rotating {
        /// The key.
        name: String,
        /// A day.
        since: String,
    },
    /// None.
    #[error("the key `{name}` is not being rotated")]
    #[diagnostic(code(opb::key::not_rotating), help("begin with `opb key rotate {name}`"))]
    NotRotating {
        /// The key.
        name: String,
    },
    /// Too early.
    #[error(
        "the key `{name}` is being rotated since {since} only, and its successor is to sign beside it until {from}"
    )]
    #[diagnostic(
        code(opb::key::early),
        help(
            "wait until then, so that clients can fetch the new public key; `--now` cuts those off that have not: do so only where the old key is lost, has ended or is known to others"
        )
    )]
    Early {
        /// The key.
        name: String,
        /// A day.
        since: String,
        /// A day.
        from: String,
    },
}

impl Caused for RotateError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// A rotation that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The successor.
    pub successor: KeyInfo,
    /// The day from which on it can be finished.
    pub finish_from: String,
}

/// A rotation that is finished.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The key of that name from now on.
    pub main: KeyInfo,
    /// The one before; `None` where a crash had kept only the last step from being done.
    pub retired: Option<KeyInfo>,
}

/// What is to take a key's place.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// A new key.
    New {
        /// `None`: of the kind of the key before.
        kind: Option<NewKey>,
        /// Whether it gets a passphrase; it gets one in any case where the key before has one, or is
        /// in gpg-agent.
        passphrase: bool,
    },
    /// The one with this fingerprint, which gpg-agent holds.
    Agent(&'a str),
}

/// Gives the key a successor, which from now on signs metadata beside it.
///
/// # Errors
/// Where there is no such key, or a successor already; where the successor cannot be made.
pub fn rotate(name: &ChannelName, wanted: Wanted<'_>) -> Result<Begun, Failure> {
    let keys = Keys::open_or_create()?;
    let stem = format!("{name}.next");
    // Looked at before somebody is asked, and again once nobody else can change anything.
    let pair = single(&keys, name)?;
    let made = match wanted {
        Wanted::New { kind, passphrase } => {
            let old = pair.main.public()?;
            let kind = kind.unwrap_or(if old.kind().starts_with("rsa") { NewKey::Rsa } else { NewKey::Ed25519 });
            // A file that anybody can use who has it does not follow a key that was better kept.
            let locked = passphrase || pair.main.is_locked() || matches!(pair.main.how, How::Agent(_));
            let passphrase = if locked { Some(unlock::invent(&stem)?) } else { None };
            let user = old.user_id().unwrap_or_else(|| USER.to_owned());
            // A user id that was made elsewhere may be one that is not made here.
            Ok(protect(make(&user, kind).or_else(|_| make(USER, kind))?, passphrase)?)
        }
        Wanted::Agent(fingerprint) => Err(taken(fingerprint)?),
    };
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    single(&keys, name)?;
    mend(&keys, name)?;
    match made {
        Ok(file) => drop(keys.folder.save_file(&stem, &file)?),
        Err(note) => keys.write_note(&stem, &note)?,
    }
    let Pair { next: Some(next), .. } = keys.pair(name)? else {
        return Err(RotateError::NotRotating { name: name.to_string() }.into());
    };
    let public = next.public()?;
    Ok(Begun { successor: keys.info(name, &next, &public)?, finish_from: day(ready(&next, &public)) })
}

/// Makes the successor the key, and retires the one before. `now`: although it was begun less than 14 days ago.
///
/// # Errors
/// Where there is no rotation, or it is too early.
pub fn finish(name: &ChannelName, now: bool) -> Result<Finished, Failure> {
    let keys = Keys::open_or_create()?;
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    if mend(&keys, name)? {
        let main = keys.pair(name)?.main;
        return Ok(Finished { main: keys.info(name, &main, &main.public()?)?, retired: None });
    }
    let Pair { main, next: Some(next) } = keys.pair(name)? else {
        return Err(RotateError::NotRotating { name: name.to_string() }.into());
    };
    let (old, new) = (main.public()?, next.public()?);
    let begun = since(&next, &new);
    if !now && seconds() < ready(&next, &new) {
        let from = day(ready(&next, &new));
        return Err(RotateError::Early { name: name.to_string(), since: day(begun), from }.into());
    }
    new.check(seconds())?;
    // The last digits, by which OpenPGP calls a key.
    let fingerprint = old.fingerprint().to_ascii_lowercase();
    let id = fingerprint.get(24..).unwrap_or(&fingerprint);
    let retired = main.file_as(&format!("{name}.retired-{id}"));
    keys.rename(&main.file(), &retired)?;
    mend(&keys, name)?;
    let kept = keys.path(&retired).to_string();
    let main = keys.pair(name)?.main;
    Ok(Finished {
        main: keys.info(name, &main, &new)?,
        retired: Some(KeyInfo { name: name.to_string(), fingerprint: old.fingerprint(), kept }),
    })
}

/// The key, where it has no successor.
fn single(keys: &Keys, name: &ChannelName) -> Result<Pair, Failure> {
    let pair = keys.pair(name)?;
    match &pair.next {
        Some(next) => {
            let since = day(since(next, &next.public()?));
            Err(RotateError::Rotating { name: name.to_string(), since }.into())
        }
        None => Ok(pair),
    }
}

/// Does the last step of a rotation where a crash has kept it from being done; whether it did.
fn mend(keys: &Keys, name: &ChannelName) -> Result<bool, Failure> {
    let main = keys.pair(name)?.main;
    let is_successor = main.stem != name.as_str();
    if is_successor {
        keys.rename(&main.file(), &main.file_as(name.as_str()))?;
    }
    Ok(is_successor)
}

/// When a rotation began, in seconds since 1970: when the successor was made, or taken from the agent.
fn since(next: &Kept, public: &PublicKey) -> u64 {
    match &next.how {
        How::Agent(note) => note.taken.unwrap_or_else(|| public.since()),
        How::File(_) => public.since(),
    }
}

/// From when on a rotation may be finished, in seconds since 1970.
pub(super) fn ready(next: &Kept, public: &PublicKey) -> u64 {
    since(next, public).saturating_add(OVERLAP)
}
