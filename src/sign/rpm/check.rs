//! Whether a package bears a good signature, and whether its digests are those of what it holds.

use std::io::{self, Read};

use base64::Engine as _;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Signature;

use super::keyring::{self, Keyring};
use super::{RpmSignatureError, Signed};
use crate::package::rpm::{Package, tag};

/// Bytes that are copied at once.
const CHUNK: usize = 128 << 10;

/// Reads a whole package and checks that one of the keys signed it, that no signature in it by such a key is bad, and that
/// its digests of header and payload are right. Gives the fingerprint of the primary key.
///
/// Signatures are those of the main header, for RSA, for DSA and its like, and in the form of rpm 6. Its MD5, and signatures
/// over header and payload together, are of older times and not looked at.
///
/// # Errors
/// [`RpmSignatureError`].
pub fn verify_package(keyring: &Keyring, mut from: impl Read) -> Result<String, RpmSignatureError> {
    let package = Package::read(&mut from)?;
    let key = keyring.check(&signatures(&package)?, package.header.bytes(), Signed::Package)?;
    check_header(&package)?;
    copy_payload(&package, &mut from, &mut |_| Ok(()))?;
    Ok(key)
}

/// As [`verify_package`], of the headers alone: their digests and the signature. Nothing of the payload is read.
///
/// # Errors
/// [`RpmSignatureError`].
pub fn verify_signature(keyring: &Keyring, from: impl Read) -> Result<String, RpmSignatureError> {
    let package = Package::read(from)?;
    let key = keyring.check(&signatures(&package)?, package.header.bytes(), Signed::Package)?;
    check_header(&package)?;
    Ok(key)
}

/// Reads a whole package and checks its digests of header and payload, whoever signed it.
///
/// # Errors
/// [`RpmSignatureError`].
pub fn verify_digests(mut from: impl Read) -> Result<(), RpmSignatureError> {
    let package = Package::read(&mut from)?;
    check_header(&package)?;
    copy_payload(&package, &mut from, &mut |_| Ok(()))
}

/// All signatures of the main header that a package bears; none where it bears none.
pub(super) fn signatures(package: &Package) -> Result<Vec<Signature>, RpmSignatureError> {
    let malformed = || RpmSignatureError::Malformed(Signed::Package);
    let mut found = Vec::new();
    for tag in [tag::SIG_RSA_HEADER, tag::SIG_DSA_HEADER].into_iter().filter(|tag| package.signature.has(*tag)) {
        let packets = package.signature.binary(tag).ok_or_else(malformed)?;
        found.extend(keyring::read(packets).ok_or_else(malformed)?);
    }
    for text in package.signature.strings(tag::SIG_OPENPGP) {
        let packets = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| malformed())?;
        found.extend(keyring::read(&packets).ok_or_else(malformed)?);
    }
    Ok(found)
}

/// Checks the digests of the main header, of which a package has one or several.
pub(super) fn check_header(package: &Package) -> Result<(), RpmSignatureError> {
    let digests = [(tag::SIG_SHA256, HashAlgorithm::Sha256, "SHA-256"), (tag::SIG_SHA1, HashAlgorithm::Sha1, "SHA-1")];
    for (tag, algorithm, digest) in digests.into_iter().filter(|(tag, ..)| package.signature.has(*tag)) {
        let found = algorithm.digest(package.header.bytes()).ok().map(|bytes| hex(&bytes));
        if found.is_none() || package.signature.text(tag) != found.as_deref() {
            return Err(RpmSignatureError::Damaged { part: "header", digest });
        }
    }
    Ok(())
}

/// Shows the payload to `see`, and checks that it is the one that the header speaks of. What was seen by then is worth nothing
/// where this fails.
pub(super) fn copy_payload(
    package: &Package,
    from: &mut impl Read,
    see: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), RpmSignatureError> {
    let header = &package.header;
    let algorithm = header.int(tag::PAYLOAD_DIGEST_ALGO).and_then(|number| u8::try_from(number).ok());
    let (algorithm, name) = match algorithm.map(HashAlgorithm::from) {
        Some(HashAlgorithm::Sha256) => (HashAlgorithm::Sha256, "SHA-256"),
        Some(HashAlgorithm::Sha384) => (HashAlgorithm::Sha384, "SHA-384"),
        Some(HashAlgorithm::Sha512) => (HashAlgorithm::Sha512, "SHA-512"),
        _ => return Err(RpmSignatureError::NoPayloadDigest),
    };
    let expected = header.text(tag::PAYLOAD_DIGEST).ok_or(RpmSignatureError::NoPayloadDigest)?;
    let mut hasher = algorithm.new_hasher().map_err(|_| RpmSignatureError::NoPayloadDigest)?;
    let (mut chunk, mut length) = (vec![0; CHUNK], header.bytes().len() as u64);
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(RpmSignatureError::Reading(error)),
        };
        hasher.update(&chunk[..count]);
        see(&chunk[..count]).map_err(RpmSignatureError::Writing)?;
        length += count as u64;
    }
    let size = package.signature.int(tag::SIG_SIZE).or_else(|| package.signature.int(tag::SIG_LONG_SIZE));
    if size.is_some_and(|size| size != length) {
        return Err(RpmSignatureError::Damaged { part: "payload", digest: "length" });
    }
    match hex(&hasher.finalize()) == expected {
        true => Ok(()),
        false => Err(RpmSignatureError::Damaged { part: "payload", digest: name }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
