//! Packages with the signature of a channel's key: each is signed once, and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rayon::prelude::*;

use crate::diag::{Cause, Caused};
use crate::digest::Digest;
use crate::distro::Signing;
use crate::path::HostPath;
use crate::sign::rpm::{Keyring, PackageSigner, RpmSignatureError, SigningError, verify_signature};
use crate::sign::{SignError, Signer};
use crate::store::{Signed, Store, StoreError};

/// Why packages have no signature.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SignedError {
    /// The store's fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The key's.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] SignError),
    /// A package's.
    #[error("cannot sign the package in `{path}`")]
    #[diagnostic(
        code(opb::publish::sign),
        help("run `opb store verify --repair`, build what it forgets again, and publish then")
    )]
    Package {
        /// Its object.
        path: HostPath,
        /// What is wrong with it.
        source: RpmSignatureError,
    },
    /// A package that the channel's key did not sign.
    #[error("`{path}` would be published without a signature of the channel's key")]
    #[diagnostic(code(opb::publish::unsigned), help("report this with the recipe; nothing was published"))]
    Unsigned {
        /// The path below the repository.
        path: String,
        /// What is wrong with it.
        source: RpmSignatureError,
    },
}

impl Caused for SignedError {
    fn fault(&self) -> Cause {
        match self {
            Self::Store(error) => error.fault(),
            Self::Key(error) => error.fault(),
            Self::Package { .. } => Cause::Environment,
            Self::Unsigned { .. } => Cause::Bug,
        }
    }
}

/// The packages `unsigned` with signatures by `signer` as the distro's rpm checks them, in their order. Those that were signed
/// before are looked up; all others are signed now, on all cores, and are in the store once this returns. `now` is in seconds
/// since 1970.
///
/// # Errors
/// [`SignedError`]: then none of them is remembered.
pub fn packages(
    store: &Store,
    signer: &Signer,
    signing: &Signing,
    unsigned: &[Digest],
    now: u64,
) -> Result<Vec<Signed>, SignedError> {
    let ready = PackageSigner::new(signer, signing, now)?;
    let (keys, kind) = (ready.parts(), ready.kind());
    let mut found = store.signed_packages(unsigned, keys, kind)?;
    let lacking = unsigned.iter().zip(&found).filter(|(_, found)| found.is_none());
    let lacking: Vec<Digest> = lacking.map(|(digest, _)| *digest).collect::<BTreeSet<_>>().into_iter().collect();
    if !lacking.is_empty() {
        let new = store.newly_signed(&keys[0], kind);
        lacking.par_iter().try_for_each(|digest| {
            new.write(*digest, |from, into| {
                let signed = ready.sign(from, into);
                signed.map_err(|error| match error {
                    SigningError::Key(error) => SignedError::Key(error),
                    SigningError::Package(source) => SignedError::Package { path: store.object_path(*digest), source },
                })
            })
        })?;
        let new: BTreeMap<Digest, Signed> = new.settle()?.into_iter().map(|signed| (signed.unsigned, signed)).collect();
        for (digest, slot) in unsigned.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            *slot = new.get(digest).cloned();
        }
    }
    Ok(found.into_iter().map(|signed| signed.expect("each that was lacking has been signed")).collect())
}

/// Refuses packages that the channel's key did not sign: what is about to be published, each with its path below the
/// repository. Looks at their headers alone.
///
/// # Errors
/// [`SignedError::Unsigned`] for the first.
pub fn refuse_unsigned(
    store: &Store,
    signer: &Signer,
    packages: impl IntoIterator<Item = (String, Digest)>,
    now: u64,
) -> Result<(), SignedError> {
    let keyring = Keyring::of_signer(signer, now);
    for (path, digest) in packages {
        let object = io::BufReader::new(store.open_object(digest)?);
        let verified = verify_signature(&keyring, object);
        verified.map_err(|source| SignedError::Unsigned { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
