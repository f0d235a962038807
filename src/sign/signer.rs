//! What signs: a key file or gpg-agent, and which part of the key does.

use std::cell::RefCell;

use pgp::composed::SignedPublicKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{
    Fingerprint, KeyDetails, KeyId, KeyVersion, Password, PlainSecretParams, PublicParams, SecretParams,
    SignatureBytes, SigningKey, Timestamp,
};

use super::certificate::{self, Part};
use super::{AgentKey, PublicKey, SecretKey, SignError, key, signers};

/// Something that signs.
#[derive(Debug)]
pub enum Signer {
    /// A key in a file.
    File(SecretKey),
    /// A key that gpg-agent holds.
    Agent(AgentKey),
}

impl Signer {
    /// The public key.
    pub(super) fn public(&self) -> &SignedPublicKey {
        match self {
            Self::File(key) => &key.public,
            Self::Agent(key) => key.public(),
        }
    }

    /// The primary key's fingerprint: 40 upper-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        certificate::fingerprint(self.public())
    }

    /// The public key as text, for a file named `.asc`.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn public_key_armored(&self) -> Result<String, SignError> {
        self.public_key().armored()
    }

    /// The public key as bytes, for a file named `.gpg` or `.pgp`: what `Signed-By` and gpgv read.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn public_key_binary(&self) -> Result<Vec<u8>, SignError> {
        self.public_key().binary()
    }

    /// Whether the key may sign at `time`, in seconds since 1970. What a run asks before it builds for an hour.
    ///
    /// # Errors
    /// [`SignError::Unusable`], [`SignError::Time`].
    pub fn check(&self, time: u64) -> Result<(), SignError> {
        self.parts(key::timestamp(time)?).map(|_| ())
    }

    /// What is public of the key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.public().clone())
    }

    /// `text` with a signature around it, as in `InRelease`. White space at the ends of lines is not kept, since it is
    /// not signed.
    ///
    /// # Errors
    /// [`SignError`]: a key that may not sign at `time` (seconds since 1970), an agent that does not, a signature that
    /// does not verify.
    pub fn clear_sign(&self, text: &str, time: u64) -> Result<String, SignError> {
        signers::clear_sign(&[self], text, time)
    }

    /// An armored signature of `text` as it is, as in `Release.gpg`.
    ///
    /// # Errors
    /// As [`Signer::clear_sign`].
    pub fn detached(&self, text: &str, time: u64) -> Result<String, SignError> {
        signers::detached(&[self], text, time)
    }

    /// A signature of `text` by the best part whose secret half is at hand.
    pub(super) fn sign(
        &self,
        typ: SignatureType,
        text: &[u8],
        time: Timestamp,
    ) -> Result<(Signature, Part<'_>), SignError> {
        let ready = self.ready(time, |_| true)?.ok_or_else(|| self.absent())?;
        let signature = ready.sign(|hand| hand.config(typ, time)?.sign(hand, &Password::empty(), text))?;
        Ok((signature, ready.part))
    }

    fn parts(&self, time: Timestamp) -> Result<Vec<Part<'_>>, SignError> {
        certificate::signing_parts(self.public(), time)
            .map_err(|reason| SignError::Unusable { fingerprint: self.fingerprint(), reason })
    }

    /// The best of the parts that may sign at `time` and are `wanted`, with its secret half; `None` where none is wanted.
    ///
    /// # Errors
    /// [`SignError::Absent`] where the secret halves of all of these are elsewhere; otherwise as [`Signer::check`].
    pub(super) fn ready(
        &self,
        time: Timestamp,
        wanted: impl Fn(&Part<'_>) -> bool,
    ) -> Result<Option<Ready<'_>>, SignError> {
        let parts: Vec<Part<'_>> = self.parts(time)?.into_iter().filter(wanted).collect();
        if parts.is_empty() {
            return Ok(None);
        }
        let (part, grip) = match self {
            Self::File(key) => {
                let held = parts.into_iter().find(|part| file_holder(key, part).is_some());
                (held.ok_or_else(|| self.absent())?, String::new())
            }
            Self::Agent(key) => key.first_held(&parts)?.ok_or_else(|| self.absent())?,
        };
        Ok(Some(Ready { signer: self, part, grip }))
    }

    fn absent(&self) -> SignError {
        SignError::Absent { fingerprint: self.fingerprint() }
    }

    pub(super) fn library(&self, source: pgp::errors::Error) -> SignError {
        SignError::Library { fingerprint: self.fingerprint(), source: Box::new(source) }
    }

    pub(super) fn unverified(&self) -> SignError {
        SignError::Unverified { fingerprint: self.fingerprint() }
    }
}

/// A part that may sign, and where its secret half is. Threads may share it.
pub(super) struct Ready<'a> {
    signer: &'a Signer,
    pub(super) part: Part<'a>,
    /// What the agent calls it; empty for a key in a file.
    grip: String,
}

impl Ready<'_> {
    /// The secret half, where it is that of an RSA key in a file.
    pub(super) fn rsa(&self) -> Option<&pgp::crypto::rsa::SecretKey> {
        let Signer::File(key) = self.signer else { return None };
        let params = match file_holder(key, &self.part)? {
            Holder::Primary(key) => key.secret_params(),
            Holder::Subkey(key) => key.secret_params(),
            Holder::Agent { .. } => return None,
        };
        match params {
            SecretParams::Plain(PlainSecretParams::RSA(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Lends the secret half to `sign`.
    pub(super) fn sign<T>(&self, sign: impl FnOnce(&Hand<'_>) -> pgp::errors::Result<T>) -> Result<T, SignError> {
        let failure = RefCell::new(None);
        let holder = match self.signer {
            Signer::File(key) => file_holder(key, &self.part).ok_or_else(|| self.signer.absent())?,
            Signer::Agent(key) => Holder::Agent { key, grip: &self.grip, failure: &failure },
        };
        let made = sign(&Hand { part: self.part, holder });
        match (made, failure.take()) {
            (Ok(made), _) => Ok(made),
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => Err(self.signer.library(error)),
        }
    }
}

/// The secret half of a part, where the file has it: GnuPG exports keys whose primary key is elsewhere, with a stub in its place.
fn file_holder<'a>(key: &'a SecretKey, part: &Part<'_>) -> Option<Holder<'a>> {
    let is_plain = |params: &SecretParams| matches!(params, SecretParams::Plain(_));
    match part {
        Part::Primary(_) => {
            let primary = &key.secret.primary_key;
            is_plain(primary.secret_params()).then_some(Holder::Primary(primary))
        }
        Part::Subkey(public) => {
            let wanted = public.fingerprint();
            let mut subkeys = key.secret.secret_subkeys.iter().filter(|subkey| is_plain(subkey.key.secret_params()));
            subkeys.find(|subkey| subkey.key.fingerprint() == wanted).map(|subkey| Holder::Subkey(&subkey.key))
        }
    }
}

/// Who has the secret half.
enum Holder<'a> {
    Primary(&'a pgp::packet::SecretKey),
    Subkey(&'a pgp::packet::SecretSubkey),
    /// `failure` carries the agent's error past rPGP, whose own error type has no place for it.
    Agent {
        key: &'a AgentKey,
        grip: &'a str,
        failure: &'a RefCell<Option<SignError>>,
    },
}

/// One part of a key together with its secret half, as rPGP wants it.
pub(super) struct Hand<'a> {
    part: Part<'a>,
    holder: Holder<'a>,
}

impl Hand<'_> {
    fn details(&self) -> &dyn KeyDetails {
        match &self.part {
            Part::Primary(key) => *key,
            Part::Subkey(key) => *key,
        }
    }

    fn config(&self, typ: SignatureType, time: Timestamp) -> pgp::errors::Result<SignatureConfig> {
        self.config_with(self.hash_alg(), typ, time)
    }

    /// A version 4 signature with nothing random in it: the same text, key and time give the same bytes (Ed25519, RSA).
    pub(super) fn config_with(
        &self,
        hash: HashAlgorithm,
        typ: SignatureType,
        time: Timestamp,
    ) -> pgp::errors::Result<SignatureConfig> {
        let mut config = SignatureConfig::v4(typ, self.algorithm(), hash);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(time))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(self.fingerprint()))?,
        ];
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.legacy_key_id()))?];
        Ok(config)
    }
}

impl std::fmt::Debug for Hand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hand({})", self.part.fingerprint())
    }
}

impl KeyDetails for Hand<'_> {
    fn version(&self) -> KeyVersion {
        self.details().version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.details().legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.details().fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.details().algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.details().created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        self.details().legacy_v3_expiration_days()
    }

    fn public_params(&self) -> &PublicParams {
        self.details().public_params()
    }
}

impl SigningKey for Hand<'_> {
    fn sign(&self, password: &Password, hash: HashAlgorithm, data: &[u8]) -> pgp::errors::Result<SignatureBytes> {
        match &self.holder {
            Holder::Primary(key) => SigningKey::sign(*key, password, hash, data),
            Holder::Subkey(key) => SigningKey::sign(*key, password, hash, data),
            Holder::Agent { key, grip, failure } => key.sign(grip, self.algorithm(), hash, data).map_err(|error| {
                *failure.borrow_mut() = Some(error);
                pgp::errors::Error::from("gpg-agent did not sign".to_owned())
            }),
        }
    }

    fn hash_alg(&self) -> HashAlgorithm {
        self.details().public_params().hash_alg()
    }
}
