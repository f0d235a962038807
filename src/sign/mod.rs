//! Signatures: keys, what they sign, and whether what others signed may be believed.
//!
//! A [`Signer`] is a key in a file or one that a gpg-agent holds. It makes the two forms that apt reads: a clear-signed
//! text (`InRelease`) and a detached signature (`Release.gpg`). Each signature is checked with the public key before it
//! is handed out, so that a signer that says yes and signs nothing is caught here. Several sign together as [`Signers`].
//! Knows nothing of repositories.
//!
//! ```text
//! folder.rs: where key files are ─► file.rs: with a passphrase or without ◄─ pinentry.rs: who is asked for it
//!                                      ▼
//! agent.rs: gpg-agent ──► Signer ◄── key.rs      certificate.rs: which part of a key may sign, at a time
//!                          │  │                  public.rs: what is public of a key
//!                          │  │                  glance.rs: whether a key could end soon, for next to nothing
//!                          │  └► Signers         verify.rs: other people's clear-signed texts, by gpgv or sqv
//!                          │                     keyring.rs: the keys that these are checked with
//!                          └► rpm: signatures of packages of RPM distros
//! ```
//!
//! Keys are Ed25519 in the older v4 form (RFC 4880 with EdDSA), because gpgv 2.2 of Debian 12 reads no other.

mod agent;
mod assuan;
mod certificate;
mod file;
mod folder;
mod glance;
mod key;
mod keyring;
mod pinentry;
mod public;
pub mod rpm;
mod signer;
mod signers;
mod split;
mod status;
mod verify;

pub use agent::AgentKey;
pub use certificate::Unusable;
pub use file::{KeyFile, LockedKey, NoKeyFile, Passphrase};
pub use folder::{KeyFolder, MAX_KEY_FILE};
pub use glance::may_end_by;
pub use key::SecretKey;
pub use keyring::Keyring;
pub use pinentry::{PinentryError, Question, Terminal, ask};
pub use public::PublicKey;
pub use signer::Signer;
pub use signers::Signers;
pub use verify::{Tool, Verified, VerifyError, verify_inrelease, verify_with};

use std::path::PathBuf;

use crate::diag::{Cause, Caused};

/// Why nothing is signed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SignError {
    /// There is no such key file.
    #[error("there is no signing key `{}`", .path.display())]
    #[diagnostic(code(opb::sign::no_key), help("make one with `opb key init --name {}`", .path.file_stem().unwrap_or_default().display()))]
    NoKey {
        /// Where it would be.
        path: PathBuf,
    },
    /// There is a key already, which is never replaced.
    #[error("there is a signing key `{}` already", .path.display())]
    #[diagnostic(
        code(opb::sign::exists),
        help("choose another name, or move the old key away if it is not used any more")
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read a key, or the folder that holds it.
    #[error("`{}` can be read or changed by others (its mode is {mode:04o})", .path.display())]
    #[diagnostic(
        code(opb::sign::open),
        help("run `chmod go= {}`, and make a new key if others can have read it", .path.display())
    )]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A name that is no plain file name.
    #[error("`{name}` is not a name for a key")]
    #[diagnostic(
        code(opb::sign::name),
        help("use lower-case letters, digits and `-`, starting with a letter or digit")
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A file that cannot be read or written.
    #[error("{deed} the signing key `{}`", .path.display())]
    #[diagnostic(code(opb::sign::file), help("see that the folder is yours, is writable and has room"))]
    File {
        /// `reading` or `writing`.
        deed: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A file that holds no secret key. Says no more, so that nothing of the file gets into a message.
    #[error("`{}` does not hold an OpenPGP secret key", .path.display())]
    #[diagnostic(
        code(opb::sign::format),
        help("restore it from a backup, or move it away and make one with `opb key init`")
    )]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A key file that wants a passphrase, where none can be given.
    #[error("the signing key `{}` wants a passphrase", .path.display())]
    #[diagnostic(
        code(opb::sign::locked),
        help("keep such a key in gpg-agent and name its fingerprint instead of a file")
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A user id that a certificate cannot hold.
    #[error("`{user_id}` cannot be the user id of a key")]
    #[diagnostic(code(opb::sign::user_id), help("use one line of at most 200 characters, such as `opb nightly`"))]
    UserId {
        /// The text, escaped.
        user_id: String,
    },
    /// A time that OpenPGP cannot write down (it ends in 2106).
    #[error("signing at the time {seconds}, which OpenPGP has no number for")]
    #[diagnostic(code(opb::sign::time), help("set the machine's clock"))]
    Time {
        /// Seconds since 1970.
        seconds: u64,
    },
    /// A text that is no fingerprint.
    #[error("`{text}` is not a fingerprint of 40 hexadecimal digits")]
    #[diagnostic(code(opb::sign::fingerprint), help("copy it from `gpg --list-secret-keys`"))]
    Fingerprint {
        /// The text, escaped.
        text: String,
    },
    /// A key that may not sign at that time.
    #[error("signing with the key {fingerprint}, which {reason}")]
    #[diagnostic(
        code(opb::sign::unusable),
        help("let another key take its place: `opb key rotate NAME` makes one, and `--finish` lets it sign alone")
    )]
    Unusable {
        /// The key.
        fingerprint: String,
        /// Why not.
        reason: Unusable,
    },
    /// A key that ends before what it signs does.
    #[error("the key {fingerprint} ends on {ends}, before {until}, until which what it signs must hold")]
    #[diagnostic(
        code(opb::sign::ends),
        help(
            "begin a rotation with `opb key rotate NAME` some weeks before that day; where one is on, finish it with `opb key rotate NAME --finish`"
        )
    )]
    Ends {
        /// The key.
        fingerprint: String,
        /// Its last day.
        ends: String,
        /// The last day on which its signatures are needed.
        until: String,
    },
    /// A key of a kind that a distro's rpm does not check.
    #[error(
        "packages of the distro are to be signed with a key of the kind {wanted}, and the key {fingerprint} is of the kind {kind}"
    )]
    #[diagnostic(
        code(opb::sign::kind),
        help(
            "make one with `opb key init --kind rsa --name NAME`, which every rpm and apt checks, and name it in `opb.toml` as the channel's `key`"
        )
    )]
    WrongKind {
        /// The key.
        fingerprint: String,
        /// Of the key.
        kind: &'static str,
        /// As the distro has it.
        wanted: &'static str,
    },
    /// What came out is no signature of that text by that key.
    #[error("the signature that the key {fingerprint} made does not verify")]
    #[diagnostic(
        code(opb::sign::unverified),
        help("check the key, the card or the agent that holds it; nothing was published")
    )]
    Unverified {
        /// The key.
        fingerprint: String,
    },
    /// The library refused.
    #[error("signing with the key {fingerprint}")]
    #[diagnostic(code(opb::sign::library), help("report this with the kind of key, never with the key itself"))]
    Library {
        /// The key.
        fingerprint: String,
        /// What it said.
        source: Box<pgp::errors::Error>,
    },
    /// A program of GnuPG that does not run, or fails.
    #[error("running `{tool}`")]
    #[diagnostic(code(opb::sign::tool), help("install gnupg and gpg-agent, or use a key file"))]
    Tool {
        /// The program.
        tool: &'static str,
        /// What happened.
        source: std::io::Error,
    },
    /// gpg has no such public key.
    #[error("gpg knows no key {fingerprint}")]
    #[diagnostic(
        code(opb::sign::unknown),
        help("import the public key with `gpg --import`, and name the fingerprint of its primary key")
    )]
    Unknown {
        /// The key.
        fingerprint: String,
    },
    /// gpg-agent does not hold the secret key.
    #[error("gpg-agent holds no secret part of the key {fingerprint} that may sign")]
    #[diagnostic(code(opb::sign::absent), help("import the secret key, or insert its card"))]
    Absent {
        /// The key.
        fingerprint: String,
    },
    /// gpg-agent does not answer.
    #[error("talking to gpg-agent at `{}`", .socket.display())]
    #[diagnostic(code(opb::sign::agent), help("start it with `gpgconf --launch gpg-agent` and try again"))]
    Agent {
        /// Its socket.
        socket: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// gpg-agent refuses.
    #[error("gpg-agent did not sign: {said}")]
    #[diagnostic(
        code(opb::sign::refused),
        help("unlock the key once with gpg in this session, or raise the agent's `max-cache-ttl`")
    )]
    Refused {
        /// Its answer, escaped.
        said: String,
    },
}

impl Caused for SignError {
    fn fault(&self) -> Cause {
        match self {
            Self::Exists { .. }
            | Self::Name { .. }
            | Self::UserId { .. }
            | Self::Fingerprint { .. }
            | Self::WrongKind { .. } => Cause::Input,
            Self::Library { .. } => Cause::Bug,
            _ => Cause::Environment,
        }
    }
}

#[cfg(test)]
mod tests;
