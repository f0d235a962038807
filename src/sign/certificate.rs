//! Which part of an OpenPGP key may sign at a given time.
//!
//! rPGP parses certificates and checks single signatures; what a certificate as a whole says (RFC 4880, section 5.2.3.3
//! and 11.1) is worked out here: the newest valid self-signature counts, signatures with SHA-1 or MD5 count for nothing,
//! and a subkey needs a binding in both directions. Stricter than GnuPG where it is about weakness.

use std::fmt;

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{
    EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, KeyVersion, PublicParams, RsaPublicParams, Tag, Timestamp,
};

/// Why a key may not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Its owner revoked it.
    Revoked,
    /// Its time is over, since so many seconds after 1970.
    Expired(u64),
    /// It is from the future.
    NotYet,
    /// No self-signature that counts: none at all, or only weak ones.
    Unbound,
    /// No part of it may sign.
    CannotSign,
    /// A kind of key that is weak, or that not every apt reads.
    Weak(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => f.write_str("is revoked"),
            Self::Expired(end) => match i64::try_from(*end).map(jiff::Timestamp::from_second) {
                Ok(Ok(end)) => write!(f, "expired at {end}"),
                _ => f.write_str("is expired"),
            },
            Self::NotYet => f.write_str("was made later than that"),
            Self::Unbound => f.write_str("has no valid signature of its own (SHA-1 and MD5 do not count)"),
            Self::CannotSign => f.write_str("is not meant for signing"),
            Self::Weak(kind) => write!(f, "is {kind}"),
        }
    }
}

/// Whose certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// One that signs here: only what every apt and rpm takes without a warning counts.
    Ours,
    /// A distribution's, from a file that is believed as it lies: whoever could forge its signatures of itself by SHA-1, which
    /// many old ones have, could as well put another key there.
    Theirs,
}

/// A part of a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Primary(&'a pgp::packet::PublicKey),
    Subkey(&'a pgp::packet::PublicSubkey),
}

impl Part<'_> {
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Primary(key) => fingerprint(*key),
            Self::Subkey(key) => fingerprint(*key),
        }
    }

    pub(super) fn verify(&self, signature: &Signature, text: impl std::io::Read) -> bool {
        match self {
            Self::Primary(key) => signature.verify(key, text).is_ok(),
            Self::Subkey(key) => signature.verify(key, text).is_ok(),
        }
    }
}

/// 40 upper-case hexadecimal digits, as gpg shows them.
pub(super) fn fingerprint(key: &dyn KeyDetails) -> String {
    format!("{:X}", key.fingerprint())
}

/// The parts that may sign at the time `at`, best first: subkeys, the newest first, then the primary key. Never empty.
pub(super) fn signing_parts(key: &SignedPublicKey, at: Timestamp) -> Result<Vec<Part<'_>>, Unusable> {
    let primary = &key.primary_key;
    let own = standing(key, at, Whose::Ours)?;
    // Whoever can forge a primary key's signatures can bind a subkey of their own to it.
    check_strength(primary, Whose::Ours)?;
    let mut refused = Unusable::CannotSign;
    let mut subkeys: Vec<(Timestamp, Part<'_>)> = Vec::new();
    for subkey in &key.public_subkeys {
        match subkey_may_sign(key, subkey, at, Whose::Ours) {
            Ok(()) => subkeys.push((subkey.key.created_at(), Part::Subkey(&subkey.key))),
            Err(reason) if refused == Unusable::CannotSign => refused = reason,
            Err(_) => {}
        }
    }
    subkeys.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    let mut parts: Vec<Part<'_>> = subkeys.into_iter().map(|(_, part)| part).collect();
    if own.key_flags().sign() || !has_key_flags(own) {
        parts.push(Part::Primary(primary));
    }
    if parts.is_empty() { Err(refused) } else { Ok(parts) }
}

/// Whether a part of a key may sign at the time `at`: the subkey at that place in the certificate, `None` for the primary key.
pub(super) fn may_sign(
    key: &SignedPublicKey,
    subkey: Option<usize>,
    at: Timestamp,
    whose: Whose,
) -> Result<(), Unusable> {
    let own = standing(key, at, whose)?;
    match subkey.map(|place| key.public_subkeys.get(place)) {
        Some(Some(subkey)) => subkey_may_sign(key, subkey, at, whose),
        Some(None) => Err(Unusable::Unbound),
        None if own.key_flags().sign() || !has_key_flags(own) => check_strength(&key.primary_key, whose),
        None => Err(Unusable::CannotSign),
    }
}

/// From when on a part could sign that may do so at the time `at`: when it and all that it needs was made. Known from the
/// certificate alone, so that a signature of that time comes out the same whenever it is made.
pub(super) fn signs_since(key: &SignedPublicKey, part: &Part<'_>, at: Timestamp) -> Timestamp {
    let subkey = match part {
        Part::Primary(_) => None,
        Part::Subkey(part) => {
            let mut subkeys = key.public_subkeys.iter();
            subkeys.position(|subkey| subkey.key.fingerprint() == part.fingerprint())
        }
    };
    let mut signatures: Vec<&Signature> = key.details.direct_signatures.iter().collect();
    signatures.extend(key.details.users.iter().flat_map(|user| &user.signatures));
    let mut times = std::collections::BTreeSet::from([key.primary_key.created_at()]);
    if let Some(subkey) = subkey.map(|place| &key.public_subkeys[place]) {
        times.insert(subkey.key.created_at());
        signatures.extend(&subkey.signatures);
        signatures.extend(subkey.signatures.iter().filter_map(Signature::embedded_signature));
    }
    times.extend(signatures.into_iter().filter_map(Signature::created));
    let mut times = times.into_iter().filter(|time| *time <= at);
    times.find(|time| may_sign(key, subkey, *time, Whose::Ours).is_ok()).unwrap_or(at)
}

/// What a key says of itself, where it is neither revoked nor past its time.
fn standing(key: &SignedPublicKey, at: Timestamp, whose: Whose) -> Result<&Signature, Unusable> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
        return Err(Unusable::Revoked);
    }
    let own = self_signature(key, at, whose).ok_or(Unusable::Unbound)?;
    check_time(primary, own, at)?;
    Ok(own)
}

/// Whether the key that has a part with this fingerprint is within its time at `at`. For keys of others, so without a
/// judgement of their strength, which the program that checked their signature has made.
pub(super) fn check_validity(key: &SignedPublicKey, part: &str, at: Timestamp) -> Result<(), Unusable> {
    check_time(&key.primary_key, self_signature(key, at, Whose::Ours).ok_or(Unusable::Unbound)?, at)?;
    if fingerprint(&key.primary_key) == part {
        return Ok(());
    }
    let subkey = key.public_subkeys.iter().find(|subkey| fingerprint(&subkey.key) == part);
    let binding = subkey.and_then(|subkey| Some((subkey, binding(key, subkey, at, Whose::Ours)?)));
    let (subkey, binding) = binding.ok_or(Unusable::Unbound)?;
    check_time(&subkey.key, binding, at)
}

/// The newest signature by which the key says of itself what it is for.
fn self_signature(key: &SignedPublicKey, at: Timestamp, whose: Whose) -> Option<&Signature> {
    let primary = &key.primary_key;
    let mut counted: Vec<&Signature> = Vec::new();
    for user in &key.details.users {
        let newest = user
            .signatures
            .iter()
            .filter(|signature| counts(signature, at, whose))
            .filter(|signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok())
            .max_by_key(|signature| signature.created());
        // A user id that was revoked last says nothing any more.
        counted.extend(newest.filter(|signature| signature.typ() != Some(SignatureType::CertRevocation)));
    }
    let direct = key.details.direct_signatures.iter().filter(|signature| counts(signature, at, whose));
    counted.extend(direct.filter(|signature| signature.verify_key(primary).is_ok()));
    counted.into_iter().max_by_key(|signature| signature.created())
}

fn subkey_may_sign(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    at: Timestamp,
    whose: Whose,
) -> Result<(), Unusable> {
    let primary = &key.primary_key;
    let bound = |signature: &&Signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok();
    let of_type = |wanted| subkey.signatures.iter().filter(move |signature| signature.typ() == Some(wanted));
    if of_type(SignatureType::SubkeyRevocation).any(|signature| bound(&signature)) {
        return Err(Unusable::Revoked);
    }
    let binding = binding(key, subkey, at, whose).ok_or(Unusable::Unbound)?;
    if !binding.key_flags().sign() {
        return Err(Unusable::CannotSign);
    }
    check_time(&subkey.key, binding, at)?;
    // Without the subkey's own consent anyone could claim somebody else's subkey, and with it old signatures.
    let consent = binding.embedded_signature().filter(|signature| counts(signature, at, whose));
    match consent.map(|signature| signature.verify_primary_key_binding(&subkey.key, primary)) {
        Some(Ok(())) => check_strength(&subkey.key, whose),
        _ => Err(Unusable::Unbound),
    }
}

/// The newest signature by which the key says what a subkey is for.
fn binding<'a>(
    key: &SignedPublicKey,
    subkey: &'a SignedPublicSubKey,
    at: Timestamp,
    whose: Whose,
) -> Option<&'a Signature> {
    let of_type = subkey.signatures.iter().filter(|binding| binding.typ() == Some(SignatureType::SubkeyBinding));
    let valid = of_type
        .filter(|binding| counts(binding, at, whose))
        .filter(|binding| binding.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok());
    valid.max_by_key(|binding| binding.created())
}

/// Until when a part of one of our keys may sign that may do so at the time `at`, in seconds since 1970; `None`: for ever.
pub(super) fn signs_until(key: &SignedPublicKey, part: &Part<'_>, at: Timestamp) -> Result<Option<u64>, Unusable> {
    let whole = end(&key.primary_key, standing(key, at, Whose::Ours)?);
    let Part::Subkey(part) = part else { return Ok(whole) };
    let subkey = key.public_subkeys.iter().find(|subkey| subkey.key.fingerprint() == part.fingerprint());
    let subkey = subkey.ok_or(Unusable::Unbound)?;
    let own = end(&subkey.key, binding(key, subkey, at, Whose::Ours).ok_or(Unusable::Unbound)?);
    Ok(whole.into_iter().chain(own).min())
}

/// Whether a signature is made with a hash that nobody can forge.
pub(super) fn is_strong(signature: &Signature) -> bool {
    !matches!(
        signature.hash_alg(),
        None | Some(HashAlgorithm::None | HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160)
    )
}

/// Whether a signature inside a certificate is made by then, with a hash that is still worth something.
fn counts(signature: &Signature, at: Timestamp, whose: Whose) -> bool {
    let strong = is_strong(signature) || whose == Whose::Theirs && signature.hash_alg() == Some(HashAlgorithm::Sha1);
    let Some(made) = signature.created() else { return false };
    let over = signature.signature_expiration_time().is_some_and(|lasts| {
        lasts.as_secs() > 0 && u64::from(made.as_secs()) + u64::from(lasts.as_secs()) <= u64::from(at.as_secs())
    });
    strong && made <= at && !over
}

fn check_time(key: &dyn KeyDetails, signature: &Signature, at: Timestamp) -> Result<(), Unusable> {
    let made = key.created_at();
    if made > at {
        return Err(Unusable::NotYet);
    }
    match end(key, signature) {
        Some(end) if end <= u64::from(at.as_secs()) => Err(Unusable::Expired(end)),
        _ => Ok(()),
    }
}

/// When a key's time is over, as one of its signatures has it, in seconds since 1970.
fn end(key: &dyn KeyDetails, signature: &Signature) -> Option<u64> {
    // Zero means the same as no subpacket: it never expires.
    let lasts = signature.key_expiration_time().map(|lasts| u64::from(lasts.as_secs())).filter(|lasts| *lasts > 0);
    lasts.map(|lasts| u64::from(key.created_at().as_secs()) + lasts)
}

/// Of ours only kinds of key that gpgv 2.2, sqv and every apt since Debian 12 accept without a warning; of others whatever is
/// strong.
fn check_strength(key: &dyn KeyDetails, whose: Whose) -> Result<(), Unusable> {
    if key.version() != KeyVersion::V4 && whose == Whose::Ours {
        return Err(Unusable::Weak("not a version 4 key, which apt of Debian 12 does not read".to_owned()));
    }
    match key.public_params() {
        PublicParams::RSA(rsa) => {
            let bits = rsa_bits(rsa);
            if bits < 2048 { Err(Unusable::Weak(format!("an RSA key of only {bits} bits"))) } else { Ok(()) }
        }
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. })
        | PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        ) => Ok(()),
        PublicParams::DSA(_) if whose == Whose::Ours => {
            Err(Unusable::Weak("a DSA key, a kind that newer programs refuse".to_owned()))
        }
        PublicParams::Ed25519(_) | PublicParams::Ed448(_) if whose == Whose::Theirs => Ok(()),
        _ if whose == Whose::Theirs => Err(Unusable::Weak(format!("of the weak kind {:?}", key.algorithm()))),
        _ => Err(Unusable::Weak(format!("of the kind {:?}, which not every apt reads", key.algorithm()))),
    }
}

/// The length of an RSA key's modulus in bits: the key starts with it, and that with its length.
fn rsa_bits(rsa: &RsaPublicParams) -> u16 {
    let mut bytes = Vec::new();
    match rsa.to_writer(&mut bytes) {
        Ok(()) if bytes.len() > 2 => u16::from_be_bytes([bytes[0], bytes[1]]),
        _ => 0,
    }
}

/// What kind of key it is, in one word, such as `ed25519` or `rsa3072`.
pub(super) fn kind(key: &dyn KeyDetails) -> String {
    match key.public_params() {
        PublicParams::RSA(rsa) => format!("rsa{}", rsa_bits(rsa)),
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) => "ed25519".to_owned(),
        PublicParams::ECDSA(EcdsaPublicParams::P256 { .. }) => "nistp256".to_owned(),
        PublicParams::ECDSA(EcdsaPublicParams::P384 { .. }) => "nistp384".to_owned(),
        PublicParams::ECDSA(EcdsaPublicParams::P521 { .. }) => "nistp521".to_owned(),
        _ => format!("{:?}", key.algorithm()).to_ascii_lowercase(),
    }
}

fn has_key_flags(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config.hashed_subpackets.iter().any(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)))
    })
}
