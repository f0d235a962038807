//! Signatures of RPM packages: whether one is believed, and making one.
//!
//! A package bears an OpenPGP signature over its main header, which holds the digest of its payload and of each file; the old
//! kind, over header and payload, is neither made nor looked at. What signs a package signs `repomd.xml` too.
//!
//! ```text
//! keyring.rs: public keys, and which of them may sign now      make.rs: a package with our signature
//!         └──────► check.rs: a package's signature and digests ◄──────┘ each is checked as soon as it is made
//! ```

mod check;
mod keyring;
mod make;
mod rsa;

use std::fmt;
use std::io;

pub use check::{verify_digests, verify_package, verify_signature};
pub use keyring::Keyring;
pub use make::PackageSigner;

use super::SignError;
use super::certificate::Unusable;
use crate::diag::{Cause, Caused};
use crate::package::rpm::RpmError;

/// What bears a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// A package.
    Package,
    /// A text with a signature beside it, such as `repomd.xml`.
    Text,
    /// A file with a signature beside it, such as an archive of upstream.
    File,
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Package => "package",
            Self::Text => "text",
            Self::File => "file",
        })
    }
}

/// Why a package or a text is not believed. Which one it is, its caller knows.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RpmSignatureError {
    /// A file of keys without any that can be read.
    #[error("reading the keys in `{name}`: {why}")]
    #[diagnostic(
        code(opb::sign::rpm::keys),
        help("put there the public keys that the distribution signs with, armored or binary")
    )]
    Keys {
        /// The file, as the distro names it.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// No package.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Package(#[from] RpmError),
    /// The reader failed.
    #[error("reading a package")]
    #[diagnostic(code(opb::sign::rpm::reading), help("see that the file can be read, and try again"))]
    Reading(#[source] io::Error),
    /// What was read cannot be written on.
    #[error("writing a signed package")]
    #[diagnostic(code(opb::sign::rpm::writing), help("see that the store's disk has room"))]
    Writing(#[source] io::Error),
    /// No signature of the kind that is looked at.
    #[error("the {0} is not signed")]
    #[diagnostic(
        code(opb::sign::rpm::unsigned),
        help(
            "take it from where signed ones are; a signature over header and payload together, as rpm made before 4.14, does not count"
        )
    )]
    Unsigned(Signed),
    /// A signature that is none.
    #[error("the signature of the {0} cannot be read")]
    #[diagnostic(code(opb::sign::rpm::malformed), help("fetch it again; if it stays so, choose another mirror"))]
    Malformed(Signed),
    /// Signed only by keys that nobody gave us.
    #[error("the {what} is signed by the key {}, which is none of the keys that it may be signed by", .keys.join(", "))]
    #[diagnostic(
        code(opb::sign::rpm::unknown),
        help("if the distribution has a new key, add the file that holds it; else choose another mirror")
    )]
    Unknown {
        /// What is signed.
        what: Signed,
        /// Ids of the keys.
        keys: Vec<String>,
    },
    /// A signature that does not fit.
    #[error("the signature by the key {key} does not fit the {what}")]
    #[diagnostic(
        code(opb::sign::rpm::bad),
        help("fetch it again; if it stays so, it was changed: choose another mirror")
    )]
    Bad {
        /// What is signed.
        what: Signed,
        /// The key's id.
        key: String,
    },
    /// A signature with a hash that can be forged.
    #[error("the {what} is signed by the key {key} with {hash}, which can be forged")]
    #[diagnostic(
        code(opb::sign::rpm::weak),
        help("use a release of the distribution that signs with SHA-256 or better")
    )]
    Weak {
        /// What is signed.
        what: Signed,
        /// The key's id.
        key: String,
        /// Such as `SHA1`.
        hash: String,
    },
    /// A key that may not sign now.
    #[error("the {what} is signed by the key {key}, which {reason}")]
    #[diagnostic(
        code(opb::sign::rpm::unusable),
        help(
            "replace the key's file with the distribution's present one; if that does not help, see that the clock is right"
        )
    )]
    Unusable {
        /// What is signed.
        what: Signed,
        /// The fingerprint of the primary key.
        key: String,
        /// Why not.
        reason: Unusable,
    },
    /// A signature from the future, or one that its signer limited.
    #[error("the signature by the key {key} does not count now: it {why}")]
    #[diagnostic(code(opb::sign::rpm::untimely), help("see that the clock is right, and fetch it again"))]
    Untimely {
        /// The fingerprint of the primary key.
        key: String,
        /// `was made later` or `is past its time`.
        why: &'static str,
    },
    /// A digest or length in the package that is not that of the package.
    #[error("the package is damaged: its {part} has another {digest} than it says")]
    #[diagnostic(code(opb::sign::rpm::damaged), help("fetch or build it again; `rpm -Kv` shows its digests"))]
    Damaged {
        /// `header` or `payload`.
        part: &'static str,
        /// Such as `SHA-256` or `length`.
        digest: &'static str,
    },
    /// A header that does not say what its payload is.
    #[error("the package's header has no digest of its payload that can be checked")]
    #[diagnostic(code(opb::sign::rpm::no_payload_digest), help("build it with rpm 4.14 or newer, which writes one"))]
    NoPayloadDigest,
}

/// Why a package is not signed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SigningError {
    /// The key's fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] SignError),
    /// The package's.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Package(#[from] RpmSignatureError),
}

impl Caused for SigningError {
    fn fault(&self) -> Cause {
        match self {
            Self::Key(error) => error.fault(),
            Self::Package(error) => error.fault(),
        }
    }
}

impl Caused for RpmSignatureError {
    fn fault(&self) -> Cause {
        match self {
            Self::Keys { .. } => Cause::Input,
            Self::Package(error) => error.fault(),
            _ => Cause::Environment,
        }
    }
}
