//! Signing keys: making them, finding those that sign a channel, and what becomes of them in time.
//!
//! ```text
//! kept.rs: which files belong to a name ─► unlock.rs: passphrases ─► signers: what the publisher signs with
//! import.rs: a key from elsewhere          rotate.rs: another key takes a key's place
//! status.rs: how keys are, and warnings    signed.rs: the list of what was signed
//! ```

mod import;
mod kept;
mod rotate;
mod signed;
mod status;
mod unlock;

pub use import::{ImportError, MAX_IMPORT, import};
pub use rotate::{Begun, Finished, RotateError, Wanted, finish, rotate};
pub use signed::{SignedLine, log, log_signed};
pub use status::{KeyState, KeyStatus, Standing, Successor, status, warnings};
pub use unlock::UnlockError;

use nix::fcntl::FlockArg;
use nix::sys::resource::{Resource, setrlimit};
use serde::Serialize;

use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::path::HostPath;
use crate::project::now;
use crate::sign::{
    AgentKey, KeyFile, LockedKey, Passphrase, PublicKey, SecretKey, SignError, Signer, Signers, Unusable,
};
use kept::{AgentNote, How, Kept, Keys};

/// How long a new key is good for, in seconds: three years.
const LASTS: u64 = 3 * 365 * 86_400;

/// Who signs where nobody says so.
pub const USER: &str = "opb package signing";

/// What is wrong with where keys are kept.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KeyError {
    /// There is no home.
    #[error("there is no folder for keys: neither XDG_CONFIG_HOME nor HOME is set to an absolute path")]
    #[diagnostic(code(opb::key::no_home), help("set one of them"))]
    NoFolder,
    /// The note that names a key of the agent.
    #[error("cannot {doing} `{path}`")]
    #[diagnostic(code(opb::key::file), help("look at its owner and mode"))]
    File {
        /// A verb.
        doing: &'static str,
        /// Which.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The note that names a key of the agent says something else.
    #[error("cannot understand `{path}`: {message}")]
    #[diagnostic(
        code(opb::key::note),
        help("write `fingerprint = \"…\"` into it, or remove it and run `opb key init --agent FINGERPRINT` again")
    )]
    Note {
        /// Which.
        path: HostPath,
        /// What the parser said.
        message: String,
    },
    /// There is a key of that name already.
    #[error("there is a key `{name}` already")]
    #[diagnostic(code(opb::key::exists), help("use it, or choose another name with `--name`"))]
    Exists {
        /// Its name.
        name: String,
    },
    /// A key that would not be allowed to sign.
    #[error("the key {fingerprint} is not taken: it {reason}")]
    #[diagnostic(code(opb::key::unfit), help("take another one, or make one with `opb key init`"))]
    Unfit {
        /// The key.
        fingerprint: String,
        /// Why not.
        reason: Unusable,
    },
}

impl Caused for KeyError {
    fn fault(&self) -> Cause {
        match self {
            Self::Exists { .. } | Self::Unfit { .. } => Cause::Input,
            _ => Cause::Environment,
        }
    }
}

/// A key, where it is kept.
#[derive(Debug, Clone, Serialize)]
pub struct KeyInfo {
    /// Its name: that of the channel it signs, unless `opb.toml` says otherwise.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Where it is kept: a file, or `gpg-agent`.
    pub kept: String,
}

/// Kinds of keys that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKey {
    /// Small and quick; every apt checks it, rpm from 4.15 on.
    Ed25519,
    /// 3072 bits: every apt and rpm checks it. Takes some seconds to make.
    Rsa,
}

/// Makes a key; refuses to replace one. Asks nothing but for the passphrase of a key that is to have one.
///
/// # Errors
/// Where there is one of that name, it cannot be written, or no passphrase is given.
pub fn init(name: &ChannelName, user_id: &str, kind: NewKey, passphrase: bool) -> Result<KeyInfo, Failure> {
    let keys = Keys::open_or_create()?;
    keys.refuse_taken(name)?;
    let passphrase = if passphrase { Some(unlock::invent(name.as_str())?) } else { None };
    let file = protect(make(user_id, kind)?, passphrase)?;
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    keys.refuse_taken(name)?;
    keys.folder.save_file(name.as_str(), &file)?;
    keys.info(name, &keys.pair(name)?.main, &file.public_key())
}

/// Uses a key that gpg-agent holds.
///
/// # Errors
/// Where gpg has no such key, or there is one of that name already.
pub fn use_agent(name: &ChannelName, fingerprint: &str) -> Result<KeyInfo, Failure> {
    let keys = Keys::open_or_create()?;
    let note = taken(fingerprint)?;
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    if keys.find(name)?.is_some() {
        return Err(KeyError::Exists { name: name.to_string() }.into());
    }
    keys.write_note(name.as_str(), &note)?;
    let main = keys.pair(name)?.main;
    keys.info(name, &main, &main.public()?)
}

/// The keys that there are, by name. Asks for no passphrase.
///
/// # Errors
/// Where one cannot be read.
pub fn list() -> Result<Vec<KeyInfo>, Failure> {
    let Some(keys) = Keys::open()? else { return Ok(Vec::new()) };
    let _lock = keys.lock(FlockArg::LockShared)?;
    let mut all = Vec::new();
    for name in keys.names()? {
        let main = keys.pair(&name)?.main;
        all.push(keys.info(&name, &main, &main.public()?)?);
    }
    Ok(all)
}

/// The public key of that name in text, while a rotation is on with its successor's. Asks for no passphrase.
///
/// # Errors
/// Where there is none.
pub fn export(name: &ChannelName) -> Result<String, Failure> {
    let keys = Keys::open_or_create()?;
    let _lock = keys.lock(FlockArg::LockShared)?;
    let pair = keys.pair(name)?;
    let kept = std::iter::once(&pair.main).chain(&pair.next);
    let public = kept.map(Kept::public).collect::<Result<Vec<_>, _>>()?;
    Ok(PublicKey::armored_together(&public)?)
}

/// The key of that name, ready to sign; without its successor.
///
/// # Errors
/// Where there is none, it may not sign now, or it stays locked.
pub fn signer(name: &ChannelName) -> Result<Signer, Failure> {
    let keys = Keys::open_or_create()?;
    ready(read(&keys, name)?.main)
}

/// What signs with the key of that name: the key itself, and while a rotation is on, its successor beside it. Keys with a passphrase
/// are unlocked here, so ask once a run.
///
/// # Errors
/// Where there is none, one of them may not sign now, or stays locked.
pub fn signers(name: &ChannelName) -> Result<Signers, Failure> {
    let keys = Keys::open_or_create()?;
    let pair = read(&keys, name)?;
    let main = ready(pair.main)?;
    let others = pair.next.map(ready).transpose()?;
    Ok(Signers::new(main, others.into_iter().collect()))
}

/// The keys of a name as they are at one moment.
fn read(keys: &Keys, name: &ChannelName) -> Result<kept::Pair, Failure> {
    let _lock = keys.lock(FlockArg::LockShared)?;
    keys.pair(name)
}

fn ready(kept: Kept) -> Result<Signer, Failure> {
    // A crash must not write the secret half to a disk.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let signer = match kept.how {
        How::Agent(note) => Signer::Agent(AgentKey::find(&note.fingerprint, None)?),
        How::File(file) => Signer::File(match *file {
            KeyFile::Open(key) => key,
            KeyFile::Locked(locked) => {
                // Nobody is asked for a key that signs nothing.
                locked.public_key().check(seconds())?;
                unlock::unlock(&kept.stem, &locked)?
            }
        }),
    };
    signer.check(seconds())?;
    Ok(signer)
}

fn make(user_id: &str, kind: NewKey) -> Result<SecretKey, SignError> {
    let (now, lasts, rng) = (seconds(), Some(LASTS), rand::rngs::OsRng);
    match kind {
        NewKey::Ed25519 => SecretKey::generate(user_id, now, lasts, rng),
        NewKey::Rsa => SecretKey::generate_rsa(user_id, now, lasts, rng),
    }
}

fn protect(key: SecretKey, passphrase: Option<Passphrase>) -> Result<KeyFile, SignError> {
    Ok(match passphrase {
        None => KeyFile::Open(key),
        Some(passphrase) => KeyFile::Locked(LockedKey::lock(key, &passphrase, rand::rngs::OsRng)?),
    })
}

/// Refuses a key that may not sign now, and so may never have been meant to.
fn fits(public: &PublicKey) -> Result<(), Failure> {
    match public.check(seconds()) {
        Err(SignError::Unusable { fingerprint, reason }) => Err(KeyError::Unfit { fingerprint, reason }.into()),
        checked => Ok(checked?),
    }
}

/// The note on a key of gpg-agent that may sign now.
fn taken(fingerprint: &str) -> Result<AgentNote, Failure> {
    let (public, now) = (AgentKey::find(fingerprint, None)?.public_key(), seconds());
    fits(&public)?;
    Ok(AgentNote { fingerprint: public.fingerprint(), taken: Some(now), ends: public.ends(now)? })
}

fn seconds() -> u64 {
    u64::try_from(now()).unwrap_or(0)
}

/// A time as `2026-11-29T12:00:00Z`.
fn date(time: u64) -> String {
    let time = i64::try_from(time).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}

/// Its day in UTC, as `2026-11-29`.
fn day(time: u64) -> String {
    date(time).chars().take(10).collect()
}
