//! Whether a distribution's `InRelease` may be believed: checked by gpgv or sqv, whichever the machine has.
//!
//! The rule is apt's: at least one good signature by a key of the keyring that is neither expired nor revoked, and none
//! that does not fit the text. Signatures by keys that the keyring does not have are ignored (a distribution signs with
//! several keys, old and new). Text outside the signed block is an error.
//!
//! gpgv is asked first, because it says what is wrong in a form for programs. sqv says so to people only, passes over a
//! signature that does not fit as long as another one does, and takes keys that have expired since they signed: the last
//! is mended here.

#![expect(clippy::disallowed_methods, reason = "gpgv and sqv read files of a scratch folder of their own")]

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};

use super::split::{self, Fault};
use super::status::{self, Verdict};
use super::{Keyring, certificate, key};
use crate::diag::{Cause, Caused};

/// A program that checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// GnuPG's.
    Gpgv,
    /// Sequoia's, which apt uses from Debian 13.
    Sqv,
}

impl Tool {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpgv => "gpgv",
            Self::Sqv => "sqv",
        }
    }
}

/// A text that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The signed text, with a line end after its last line.
    pub text: String,
    /// Fingerprints of the keys with good signatures: primary keys from gpgv, the signing parts from sqv. Sorted, unique,
    /// not empty.
    pub signers: Vec<String>,
    /// Ids of keys in the keyring that signed and are past their time. Worth a warning: the keyring grows old.
    pub expired: Vec<String>,
    /// Ids of keys that signed and are not in the keyring.
    pub unknown: Vec<String>,
}

/// Why a text may not be believed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum VerifyError {
    /// No clear-signed text: an error page, or `Release` instead of `InRelease`.
    #[error("checking a signature: the text is not signed")]
    #[diagnostic(
        code(opb::verify::not_signed),
        help("see what the mirror really sends; a proxy may have answered for it")
    )]
    NotSigned,
    /// Text before or after the signed block.
    #[error("checking a signature: there is text outside the signed block")]
    #[diagnostic(code(opb::verify::outside), help("choose another mirror, and tell the distribution about this one"))]
    Outside,
    /// Not in the form of a clear-signed text.
    #[error("checking a signature: the text is damaged, {problem}")]
    #[diagnostic(code(opb::verify::malformed), help("fetch it again, or choose another mirror"))]
    Malformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// The keyring cannot be read.
    #[error("reading the keyring `{}`", .path.display())]
    #[diagnostic(code(opb::verify::keyring), help("install the distribution's keyring package"))]
    Keyring {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Neither program is installed.
    #[error("checking a signature: neither `gpgv` nor `sqv` is installed")]
    #[diagnostic(code(opb::verify::no_tool), help("install gpgv"))]
    NoTool,
    /// The program does not run.
    #[error("checking a signature with `{tool}`")]
    #[diagnostic(
        code(opb::verify::tool),
        help("see that the program runs and that the folder for temporary files has room")
    )]
    Run {
        /// The program.
        tool: &'static str,
        /// What happened.
        source: io::Error,
    },
    /// A signature that does not fit the text.
    #[error("the signature by the key {key} does not fit the text")]
    #[diagnostic(
        code(opb::verify::bad),
        help("fetch it again; if it stays so, the text was changed: choose another mirror")
    )]
    Bad {
        /// The key's id.
        key: String,
    },
    /// Signed only by keys that the keyring does not have.
    #[error("the text is signed by {}, and the keyring has no such key", .keys.join(", "))]
    #[diagnostic(
        code(opb::verify::unknown),
        help("update the distribution's keyring package, or correct the distro's `keyring`")
    )]
    Unknown {
        /// The keys' ids.
        keys: Vec<String>,
    },
    /// Signed only by a key past its time.
    #[error("the text is signed by the key {key}, which is expired")]
    #[diagnostic(
        code(opb::verify::expired),
        help("update the distribution's keyring package, or see that the clock is right")
    )]
    Expired {
        /// The key's id.
        key: String,
    },
    /// Signed only by a key that its owner revoked.
    #[error("the text is signed by the key {key}, which is revoked")]
    #[diagnostic(
        code(opb::verify::revoked),
        help("update the distribution's keyring package, and choose another mirror")
    )]
    Revoked {
        /// The key's id.
        key: String,
    },
    /// Signed only with a hash that can be forged.
    #[error("the text is signed by the key {key} with SHA-1 or older, which anybody can forge")]
    #[diagnostic(code(opb::verify::weak), help("use a newer release of the distribution"))]
    Weak {
        /// The key's fingerprint.
        key: String,
    },
    /// The program found nothing good and does not say more.
    #[error("`{tool}` finds no good signature: {said}")]
    #[diagnostic(
        code(opb::verify::none),
        help("install gpgv, which says more, or update the distribution's keyring package")
    )]
    NoGood {
        /// The program.
        tool: &'static str,
        /// Its words, escaped.
        said: String,
    },
}

impl Caused for VerifyError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// Checks a clear-signed text with whichever program the machine has.
///
/// `now` is in seconds since 1970 (gpgv looks at the machine's own clock instead).
///
/// # Errors
/// [`VerifyError`].
pub fn verify_inrelease(bytes: &[u8], keyring: &Keyring, now: u64) -> Result<Verified, VerifyError> {
    for tool in [Tool::Gpgv, Tool::Sqv] {
        match verify_with(tool, bytes, keyring, now) {
            Err(VerifyError::Run { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Err(VerifyError::NoTool)
}

/// Checks a clear-signed text with this program.
///
/// # Errors
/// [`VerifyError`]; a program that is not there is [`VerifyError::Run`].
pub fn verify_with(tool: Tool, bytes: &[u8], keyring: &Keyring, now: u64) -> Result<Verified, VerifyError> {
    let parts = split::split(bytes).map_err(|fault| match fault {
        Fault::NotSigned => VerifyError::NotSigned,
        Fault::Outside => VerifyError::Outside,
        Fault::Malformed(problem) => VerifyError::Malformed { problem },
    })?;
    let keys = keyring.bytes();

    // The two parts go to the program as files, so that what it checks is exactly what is returned.
    let scratch = || -> io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("text"), &parts.text)?;
        std::fs::write(folder.path().join("text.asc"), &parts.signature)?;
        std::fs::write(folder.path().join("keys.gpg"), keys)?;
        Ok(folder)
    };
    let failed = |source| VerifyError::Run { tool: tool.as_str(), source };
    let folder = scratch().map_err(failed)?;
    let mut verified = match tool {
        Tool::Gpgv => ask_gpgv(folder.path())?,
        Tool::Sqv => ask_sqv(folder.path(), &parts.signature, keys, now)?,
    };
    verified.text = parts.text;
    verified.text.push('\n');
    Ok(verified)
}

fn ask_gpgv(folder: &Path) -> Result<Verified, VerifyError> {
    let mut command = Command::new(Tool::Gpgv.as_str());
    command.arg("--homedir").arg(folder).args(["--status-fd", "1", "--keyring"]).arg(folder.join("keys.gpg"));
    let (output, said) = run(Tool::Gpgv, command, folder)?;
    let verdicts = status::read(&output);
    let mut found = Verified { text: String::new(), signers: Vec::new(), expired: Vec::new(), unknown: Vec::new() };
    for verdict in &verdicts {
        match verdict {
            Verdict::Good(key) => found.signers.push(key.clone()),
            Verdict::Expired(key) => found.expired.push(key.clone()),
            Verdict::Unknown(key) => found.unknown.push(key.clone()),
            Verdict::Bad(key) => return Err(VerifyError::Bad { key: key.clone() }),
            Verdict::Weak(_) | Verdict::Revoked(_) => {}
        }
    }
    for list in [&mut found.signers, &mut found.expired, &mut found.unknown] {
        list.sort();
        list.dedup();
    }
    if !found.signers.is_empty() {
        return Ok(found);
    }
    // The most telling reason first: a key that is in the keyring says more than one that is not.
    for verdict in &verdicts {
        match verdict {
            Verdict::Revoked(key) => return Err(VerifyError::Revoked { key: key.clone() }),
            Verdict::Expired(key) => return Err(VerifyError::Expired { key: key.clone() }),
            Verdict::Weak(key) => return Err(VerifyError::Weak { key: key.clone() }),
            _ => {}
        }
    }
    if found.unknown.is_empty() {
        return Err(VerifyError::NoGood { tool: Tool::Gpgv.as_str(), said });
    }
    Err(VerifyError::Unknown { keys: found.unknown })
}

fn ask_sqv(folder: &Path, signature: &str, keys: &[u8], now: u64) -> Result<Verified, VerifyError> {
    let mut command = Command::new(Tool::Sqv.as_str());
    command.arg("--keyring").arg(folder.join("keys.gpg"));
    let (output, said) = run(Tool::Sqv, command, folder)?;
    let is_fingerprint = |line: &&str| line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = Verified { text: String::new(), signers: Vec::new(), expired: Vec::new(), unknown: Vec::new() };
    for signer in output.lines().map(str::trim).filter(is_fingerprint) {
        if is_expired(keys, signer, now) {
            found.expired.push(signer.to_owned());
        } else {
            found.signers.push(signer.to_owned());
        }
    }
    for list in [&mut found.signers, &mut found.expired] {
        list.sort();
        list.dedup();
    }
    if !found.signers.is_empty() {
        return Ok(found);
    }
    if let Some(key) = found.expired.pop() {
        return Err(VerifyError::Expired { key });
    }
    let keys = issuers(signature);
    Err(if said.contains("manipulated") {
        VerifyError::Bad { key: keys.join(", ") }
    } else if said.contains("revoked") {
        VerifyError::Revoked { key: keys.join(", ") }
    } else if said.contains("Missing key") {
        VerifyError::Unknown { keys }
    } else {
        VerifyError::NoGood { tool: Tool::Sqv.as_str(), said }
    })
}

/// Whether the key with the part `signer` is past its time. A key that cannot be read again counts as expired: sqv and
/// this program then do not speak of the same key.
fn is_expired(keys: &[u8], signer: &str, now: u64) -> bool {
    let Ok(now) = key::timestamp(now) else { return true };
    let Ok(mut read) = SignedPublicKey::from_bytes_many(keys) else { return true };
    !read.by_ref().flatten().any(|key| certificate::check_validity(&key, signer, now).is_ok())
}

/// Ids of the keys that the signatures name.
fn issuers(signature: &str) -> Vec<String> {
    let Ok((read, _)) = DetachedSignature::from_armor_many(signature.as_bytes()) else { return Vec::new() };
    let signatures: Vec<DetachedSignature> = read.flatten().collect();
    let ids = signatures.iter().flat_map(|one| one.signature.issuer_key_id());
    ids.map(|id| id.to_string().to_uppercase()).collect()
}

/// Runs the program over the two files; gives its output and, escaped, what it said to people.
///
/// gpgv's exit code is not looked at: it is not 0 as soon as one of several keys is unknown. sqv prints a fingerprint for
/// each good signature and nothing else.
fn run(tool: Tool, mut command: Command, folder: &Path) -> Result<(String, String), VerifyError> {
    command.arg(folder.join("text.asc")).arg(folder.join("text")).env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output().map_err(|source| VerifyError::Run { tool: tool.as_str(), source })?;
    let said: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .map(|line| line.trim().escape_debug().to_string())
        .filter(|line| !line.is_empty())
        .collect();
    if tool == Tool::Sqv && !output.status.success() {
        return Ok((String::new(), said.join("; ")));
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), said.join("; ")))
}
