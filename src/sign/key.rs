//! Secret keys that are ready to sign, and making them.
//!
//! The key never appears in a message, an argument or the environment; rPGP wipes it from memory when it is dropped. Where it is
//! kept is not known here.

use std::fmt;

use pgp::composed::{SignedKeyDetails, SignedPublicKey, SignedSecretKey};
use pgp::crypto::ed25519::{self, Mode};
use pgp::crypto::{eddsa_legacy, hash::HashAlgorithm, public_key::PublicKeyAlgorithm, rsa};
use pgp::packet::{
    self, Features, KeyFlags, PacketTrait as _, PubKeyInner, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{
    Duration, KeyDetails as _, KeyVersion, Password, PlainSecretParams, PublicParams, SecretParams, Timestamp,
};
use rand::{CryptoRng, Rng};

use super::{SignError, certificate};

/// Bits of a new RSA key: as strong as AES-128 until after 2030 (NIST SP 800-57), and what GnuPG makes.
const RSA_BITS: usize = 3072;

/// A secret key.
pub struct SecretKey {
    /// Boxed, so that moving a signer around leaves no copies behind.
    pub(super) secret: Box<SignedSecretKey>,
    pub(super) public: SignedPublicKey,
}

impl SecretKey {
    /// Makes an Ed25519 key that certifies and signs, without a passphrase and without asking anybody.
    ///
    /// `now` is in seconds since 1970; the key expires `lasts` seconds later, or never.
    ///
    /// # Errors
    /// [`SignError::UserId`], [`SignError::Time`].
    pub fn generate(user_id: &str, now: u64, lasts: Option<u64>, rng: impl Rng + CryptoRng) -> Result<Self, SignError> {
        Self::generate_with(user_id, now, lasts, rng, ed25519_parts)
    }

    /// Makes an RSA key of 3072 bits instead, which every rpm checks too. That takes some seconds.
    ///
    /// # Errors
    /// As [`SecretKey::generate`].
    pub fn generate_rsa(
        user_id: &str,
        now: u64,
        lasts: Option<u64>,
        rng: impl Rng + CryptoRng,
    ) -> Result<Self, SignError> {
        Self::generate_with(user_id, now, lasts, rng, rsa_parts)
    }

    fn generate_with<R: Rng + CryptoRng>(
        user_id: &str,
        now: u64,
        lasts: Option<u64>,
        mut rng: R,
        parts: fn(&mut R) -> pgp::errors::Result<Parts>,
    ) -> Result<Self, SignError> {
        let user_id = user_id.trim();
        if user_id.is_empty() || user_id.len() > 200 || user_id.chars().any(char::is_control) {
            return Err(SignError::UserId { user_id: user_id.escape_debug().to_string() });
        }
        let created = timestamp(now)?;
        let lasts = match lasts {
            None => None,
            Some(lasts) => {
                // A length that is too long for its field would wrap round into a short one.
                timestamp(now.saturating_add(lasts))?;
                Some(Duration::from_secs(timestamp(lasts)?.as_secs()))
            }
        };
        let made = parts(&mut rng).and_then(|parts| build(user_id, created, lasts, parts));
        made.map_err(|source| SignError::Library {
            fingerprint: "that is being made".to_owned(),
            source: Box::new(source),
        })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", certificate::fingerprint(&self.public))
    }
}

/// Seconds since 1970 as OpenPGP has them.
pub(super) fn timestamp(seconds: u64) -> Result<Timestamp, SignError> {
    u32::try_from(seconds).map(Timestamp::from_secs).map_err(|_| SignError::Time { seconds })
}

/// Kind, public and secret parameters of a new key.
type Parts = (PublicKeyAlgorithm, PublicParams, PlainSecretParams);

fn ed25519_parts(rng: &mut (impl Rng + CryptoRng)) -> pgp::errors::Result<Parts> {
    let secret = ed25519::SecretKey::generate(rng, Mode::EdDSALegacy);
    let public = PublicParams::EdDSALegacy((&secret).into());
    let secret = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
    Ok((PublicKeyAlgorithm::EdDSALegacy, public, secret))
}

fn rsa_parts(rng: &mut (impl Rng + CryptoRng)) -> pgp::errors::Result<Parts> {
    let secret = rsa::SecretKey::generate(rng, RSA_BITS)?;
    Ok((PublicKeyAlgorithm::RSA, PublicParams::RSA((&secret).into()), PlainSecretParams::RSA(secret)))
}

/// By hand instead of by rPGP's builder, which takes the time from the clock and sets no expiry.
fn build(
    user_id: &str,
    created: Timestamp,
    lasts: Option<Duration>,
    (algorithm, public, secret): Parts,
) -> pgp::errors::Result<SecretKey> {
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, created, None, public)?;
    let public = packet::PublicKey::from_inner(inner)?;
    let key = packet::SecretKey::new(public.clone(), SecretParams::Plain(secret))?;

    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut hashed = vec![
        SubpacketData::SignatureCreationTime(created),
        SubpacketData::IssuerFingerprint(public.fingerprint()),
        SubpacketData::KeyFlags(flags),
        SubpacketData::Features(Features::default()),
        SubpacketData::IsPrimary(true),
        SubpacketData::PreferredHashAlgorithms([HashAlgorithm::Sha512, HashAlgorithm::Sha256].into_iter().collect()),
    ];
    hashed.extend(lasts.map(SubpacketData::KeyExpirationTime));
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, algorithm, HashAlgorithm::Sha512);
    config.hashed_subpackets = hashed.into_iter().map(Subpacket::regular).collect::<Result<_, _>>()?;
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(public.legacy_key_id()))?];
    let user = UserId::from_str(pgp::types::PacketHeaderVersion::New, user_id)?;
    let signature = config.sign_certification(&key, &public, &Password::empty(), user.tag(), &user)?;

    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user.into_signed(signature)], Vec::new());
    let secret = SignedSecretKey::new(key, details, Vec::new(), Vec::new());
    let public = secret.to_public_key();
    Ok(SecretKey { secret: Box::new(secret), public })
}
