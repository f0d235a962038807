//! Taking a key that was made elsewhere: a file of an OpenPGP secret key, as `gpg --export-secret-keys` writes it.
//!
//! It is judged before it is kept, by the same rules by which it would be refused when it signs. Its passphrase stays as it is: the
//! file is kept as it came, so nobody is asked for it here.

use nix::fcntl::FlockArg;

use super::kept::Keys;
use super::{KeyInfo, fits};
use crate::diag::{Cause, Caused, Failure};
use crate::name::ChannelName;
use crate::sign::{KeyFile, MAX_KEY_FILE, NoKeyFile};

/// Why bytes are not taken as a key.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ImportError {
    /// No secret key.
    #[error("`{from}` does not hold an OpenPGP secret key that can be read")]
    #[diagnostic(
        code(opb::key::not_secret),
        help("export one with `gpg --export-secret-keys --armor FINGERPRINT`; a public key signs nothing")
    )]
    NotSecret {
        /// Where the bytes are from.
        from: String,
    },
    /// More than one key.
    #[error("`{from}` holds several keys")]
    #[diagnostic(
        code(opb::key::several),
        help("export the one that is to sign: `gpg --export-secret-keys --armor FINGERPRINT`")
    )]
    Several {
        /// Where the bytes are from.
        from: String,
    },
    /// A passphrase that is kept in an unknown or unbounded way.
    #[error("the passphrase of the key in `{from}` protects it in a way that is not read here")]
    #[diagnostic(
        code(opb::key::protection),
        help("set it again with `gpg --edit-key FINGERPRINT passwd`, and export the key again")
    )]
    Protection {
        /// Where the bytes are from.
        from: String,
    },
}

impl Caused for ImportError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The most bytes that are worth reading of a key.
pub const MAX_IMPORT: u64 = MAX_KEY_FILE;

/// Keeps the secret key that `bytes` are under `name`. `from` says in messages where they are from.
///
/// # Errors
/// [`ImportError`] for what is no single secret key; a key that may not sign now; a name that has a key.
pub fn import(name: &ChannelName, bytes: &[u8], from: &str) -> Result<KeyInfo, Failure> {
    let from = || from.escape_debug().to_string();
    let file = KeyFile::parse(bytes).map_err(|error| match error {
        NoKeyFile::Format => ImportError::NotSecret { from: from() },
        NoKeyFile::Several => ImportError::Several { from: from() },
        NoKeyFile::Protection => ImportError::Protection { from: from() },
    })?;
    let public = file.public_key();
    fits(&public)?;
    let keys = Keys::open_or_create()?;
    let _lock = keys.lock(FlockArg::LockExclusive)?;
    keys.refuse_taken(name)?;
    keys.folder.save_file(name.as_str(), &file)?;
    keys.info(name, &keys.pair(name)?.main, &public)
}
