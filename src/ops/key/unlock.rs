//! Passphrases of keys: from a credential that systemd hands over, otherwise from the person at the terminal.
//!
//! The credential of the key `nightly` is the file `opb-key-nightly` in the folder that systemd names (systemd.exec(5),
//! `LoadCredential=`); that of its successor `opb-key-nightly.next`, or the same. Where there is none, `pinentry` asks. Nobody is
//! waited for where nobody is: without a terminal that is an error at once.

use std::io::Read as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use zeroize::Zeroizing;

use crate::diag::{Cause, Caused, Failure};
use crate::path::HostPath;
use crate::project::{credentials, program_at, terminal};
use crate::sign::{LockedKey, Passphrase, Question, SecretKey, ask};

/// How often somebody may mistype.
const TRIES: u32 = 3;

/// No passphrase is longer, in bytes.
const MAX_PASSPHRASE: usize = 2_000;

/// Why a key stays locked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum UnlockError {
    /// Nobody to ask.
    #[error("the key `{key}` wants a passphrase, and there is no terminal to ask for it at")]
    #[diagnostic(
        code(opb::key::no_terminal),
        help("give it as the systemd credential `opb-key-{key}` (`LoadCredential=`), or run this at a terminal")
    )]
    NoTerminal {
        /// Its name.
        key: String,
    },
    /// Nothing to ask with.
    #[error("the key `{key}` wants a passphrase, and there is no program `pinentry` to ask for it")]
    #[diagnostic(
        code(opb::key::no_pinentry),
        help("install pinentry-curses or pinentry-tty, or give it as the systemd credential `opb-key-{key}`")
    )]
    NoPinentry {
        /// Its name.
        key: String,
    },
    /// A credential that cannot be read.
    #[error("cannot read the credential `{path}`")]
    #[diagnostic(code(opb::key::credential), help("look at what `LoadCredential=` of the service says"))]
    Credential {
        /// Its file.
        path: HostPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A credential that is no passphrase of that key.
    #[error("what the credential `{path}` holds is not the passphrase of the key `{key}`")]
    #[diagnostic(
        code(opb::key::wrong_credential),
        help("put the passphrase of that key into the credential's source, in one line")
    )]
    WrongCredential {
        /// Its file.
        path: HostPath,
        /// The key's name.
        key: String,
    },
    /// Mistyped too often.
    #[error("none of {TRIES} passphrases was that of the key `{key}`")]
    #[diagnostic(
        code(opb::key::wrong_passphrase),
        help("run it again; a passphrase that is lost cannot be found out, only the key be restored from a backup")
    )]
    Wrong {
        /// Its name.
        key: String,
    },
    /// A new passphrase that was not given twice.
    #[error("the passphrase of the new key `{key}` was not given twice in {TRIES} tries")]
    #[diagnostic(code(opb::key::unconfirmed), help("run it again, and give the same passphrase twice"))]
    Unconfirmed {
        /// Its name.
        key: String,
    },
}

impl Caused for UnlockError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// The key, ready to sign. `stem` is what its file is called.
pub(super) fn unlock(stem: &str, locked: &LockedKey) -> Result<SecretKey, Failure> {
    if let Some((path, passphrase)) = credential(stem)? {
        let unlocked = locked.unlock(&passphrase);
        return unlocked.ok_or_else(|| UnlockError::WrongCredential { path, key: stem.to_owned() }.into());
    }
    let public = locked.public_key();
    let mut question = Question {
        description: format!("The signing key {stem} of opb\n({}, {})", public.kind(), public.fingerprint()),
        prompt: "Passphrase:",
        complaint: None,
    };
    for left in (0..TRIES).rev() {
        let passphrase = asked(stem, &question)?;
        if let Some(unlocked) = locked.unlock(&passphrase) {
            return Ok(unlocked);
        }
        let tries = if left == 1 { "1 try".to_owned() } else { format!("{left} tries") };
        question.complaint = Some(format!("That is not its passphrase: {tries} left"));
    }
    Err(UnlockError::Wrong { key: stem.to_owned() }.into())
}

/// A passphrase for a new key.
pub(super) fn invent(stem: &str) -> Result<Passphrase, Failure> {
    if let Some((path, passphrase)) = credential(stem)? {
        let wrong = || UnlockError::WrongCredential { path, key: stem.to_owned() };
        return if passphrase.is_empty() { Err(wrong().into()) } else { Ok(passphrase) };
    }
    let mut question = Question {
        description: format!("A passphrase for the new signing key {stem} of opb"),
        prompt: "Passphrase:",
        complaint: None,
    };
    let again = Question { description: format!("{} once more", question.description), ..question.clone() };
    for _ in 0..TRIES {
        let passphrase = asked(stem, &question)?;
        question.complaint = Some(if passphrase.is_empty() {
            "An empty one protects nothing".to_owned()
        } else if asked(stem, &again)?.is(&passphrase) {
            return Ok(passphrase);
        } else {
            "The two were not the same".to_owned()
        });
    }
    Err(UnlockError::Unconfirmed { key: stem.to_owned() }.into())
}

fn asked(stem: &str, question: &Question) -> Result<Passphrase, Failure> {
    let terminal = terminal().ok_or_else(|| UnlockError::NoTerminal { key: stem.to_owned() })?;
    let program = program_at("pinentry").ok_or_else(|| UnlockError::NoPinentry { key: stem.to_owned() })?;
    Ok(ask(&program, &terminal, question)?)
}

/// What systemd has for a key, and where; `None` where it has nothing.
fn credential(stem: &str) -> Result<Option<(HostPath, Passphrase)>, Failure> {
    let Some(folder) = credentials() else { return Ok(None) };
    let mut stems = vec![stem];
    stems.extend(stem.strip_suffix(".next"));
    for stem in stems {
        let name = format!("opb-key-{stem}");
        let path = folder.join(&name);
        let opened = Dir::open_ambient_dir(folder.as_path(), ambient_authority()).and_then(|dir| dir.open(&name));
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE * 2));
        let read = opened.and_then(|file| file.take(MAX_PASSPHRASE as u64 + 1).read_to_end(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(UnlockError::Credential { path, source }.into()),
        }
        // Editors end the last line; no passphrase that somebody types has such an end.
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        return Ok(Some((path, Passphrase::new(text))));
    }
    Ok(None)
}
