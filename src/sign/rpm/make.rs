//! Signing packages: the signature header is written anew, headers and payload stay as they are.

use std::io::{Read, Write};

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::SignatureType;
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password, PublicParams, Timestamp};

use super::super::certificate::{self, Part};
use super::super::signer::Ready;
use super::super::{SignError, Signer, key};
use super::rsa::Rsa;
use super::{RpmSignatureError, SigningError, check};
use crate::distro::{Signing, SigningDigest, SigningKey};
use crate::package::rpm::{Front, tag};

/// A key that is ready to sign packages. Threads may share it.
///
/// The time in its signatures is that from which on the key could sign: so they are the same whenever they are made, never
/// from the future, and never older than the key. When a package was built stands in the package.
pub struct PackageSigner<'a> {
    signer: &'a Signer,
    ready: Ready<'a>,
    /// An RSA key in a file, for what is quicker than rPGP.
    rsa: Option<Rsa>,
    hash: HashAlgorithm,
    time: Timestamp,
    /// What signs, and what may have signed before: fingerprints of parts of the key.
    parts: Vec<String>,
}

impl<'a> PackageSigner<'a> {
    /// Makes the key of `signer` ready to sign as the distro's rpm checks it. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`SignError::WrongKind`]; a key that may not sign now, or whose secret half is not at hand.
    pub fn new(signer: &'a Signer, signing: &Signing, now: u64) -> Result<Self, SignError> {
        let now = key::timestamp(now)?;
        let fits = |part: &Part<'_>| match kind(part) {
            Kind::Rsa => true,
            Kind::Ed25519 => signing.key == SigningKey::Ed25519,
            Kind::Other => false,
        };
        let usable = certificate::signing_parts(signer.public(), now)
            .map_err(|reason| SignError::Unusable { fingerprint: signer.fingerprint(), reason })?;
        let Some(ready) = signer.ready(now, fits)? else {
            let kind = match usable.first().map(kind) {
                Some(Kind::Ed25519) => "ed25519",
                _ => "ecdsa",
            };
            let wanted = match signing.key {
                SigningKey::Rsa => "rsa",
                SigningKey::Ed25519 => "ed25519 or rsa",
            };
            return Err(SignError::WrongKind { fingerprint: signer.fingerprint(), kind, wanted });
        };
        let hash = match signing.digest {
            SigningDigest::Sha256 => HashAlgorithm::Sha256,
            SigningDigest::Sha512 => HashAlgorithm::Sha512,
        };
        let time = certificate::signs_since(signer.public(), &ready.part, now);
        let mut parts = vec![ready.part.fingerprint()];
        let others = usable.iter().filter(|part| fits(part)).map(Part::fingerprint);
        parts.extend(others.filter(|other| *other != ready.part.fingerprint()));
        let rsa = ready.rsa().and_then(|secret| Rsa::of(secret, params(&ready.part)));
        Ok(Self { signer, ready, rsa, hash, time, parts })
    }

    /// Fingerprints of the parts of the key that may sign such packages now: first the one that does. What another of them
    /// has signed before is as good.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// What tells signatures by one part of a key apart, in one word: the digest.
    pub fn kind(&self) -> &'static str {
        match self.hash {
            HashAlgorithm::Sha512 => "sha512",
            _ => "sha256",
        }
    }

    /// Reads a package and writes it signed. What was written is worth nothing where this fails.
    ///
    /// # Errors
    /// [`RpmSignatureError`] for what is no package or a damaged one; [`SignError`] where the key does not sign, or where what
    /// it gives is no signature of the package.
    pub fn sign(&self, mut from: impl Read, into: &mut (impl Write + ?Sized)) -> Result<(), SigningError> {
        let front = Front::read(&mut from).map_err(RpmSignatureError::from)?;
        check::check_header(&front.package)?;
        let bytes = self.sign_front(&front)?;
        into.write_all(&bytes).map_err(RpmSignatureError::Writing)?;
        check::copy_payload(&front.package, &mut from, &mut |chunk| into.write_all(chunk))?;
        Ok(())
    }

    fn sign_front(&self, front: &Front) -> Result<Vec<u8>, SigningError> {
        let main = front.package.header.bytes();
        let signature = self.ready.sign(|hand| {
            let config = || hand.config_with(self.hash, SignatureType::Binary, self.time);
            match self.rsa.as_ref().and_then(|rsa| rsa.sign(config().ok()?, main)) {
                Some(signature) => Ok(signature),
                None => config()?.sign(hand, &Password::empty(), main),
            }
        })?;
        let library = |source| SignError::Library { fingerprint: self.signer.fingerprint(), source: Box::new(source) };
        let packet = framed(signature.to_bytes().map_err(library)?);
        let tag = match kind(&self.ready.part) {
            Kind::Rsa => tag::SIG_RSA_HEADER,
            Kind::Ed25519 | Kind::Other => tag::SIG_DSA_HEADER,
        };
        let bytes = front.signed(tag, &packet);
        // Read again as whoever gets the package does: a key that says yes and signs nothing, or something else, is caught here.
        let read = Front::read(&bytes[..]).map_err(|_| self.signer.unverified())?;
        let signatures = check::signatures(&read.package).map_err(|_| self.signer.unverified())?;
        let [made] = &signatures[..] else { return Err(self.signer.unverified().into()) };
        if !self.ready.part.verify(made, main) || read.package.header != front.package.header {
            return Err(self.signer.unverified().into());
        }
        check::check_header(&read.package)?;
        Ok(bytes)
    }
}

impl std::fmt::Debug for PackageSigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackageSigner({})", self.parts[0])
    }
}

/// Kinds of keys that differ to rpm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
    Other,
}

fn params<'p>(part: &'p Part<'_>) -> &'p PublicParams {
    match part {
        Part::Primary(key) => key.public_params(),
        Part::Subkey(key) => key.public_params(),
    }
}

fn kind(part: &Part<'_>) -> Kind {
    match params(part) {
        PublicParams::RSA(_) => Kind::Rsa,
        PublicParams::EdDSALegacy(_) => Kind::Ed25519,
        _ => Kind::Other,
    }
}

/// A signature's packet with a header of the old form and a length of two bytes, as gpg writes it: every rpm reads that.
fn framed(body: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a signature of 8192 bits has little more than 1024 bytes");
    [&[0x89], &length.to_be_bytes()[..], &body].concat()
}
