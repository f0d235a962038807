//! What a key file holds: a secret key that anybody can use who has the file, or one that a passphrase protects.
//!
//! A passphrase protects each part of a key by itself (RFC 4880, section 5.5.3), as rPGP and GnuPG write it. A part may be absent,
//! with a stub in its place: GnuPG exports subkeys so whose primary key stays elsewhere. The public half is never protected.

use std::fmt;

use pgp::composed::{ArmorOptions, Deserializable as _, SignedPublicKey, SignedSecretKey};
use pgp::types::{EncryptedSecretParams, Password, S2kParams, SecretParams, StringToKey};
use rand::{CryptoRng, Rng};
use zeroize::Zeroizing;

use super::{PublicKey, SecretKey, SignError, certificate};

/// What protects a key; wiped from memory when it is dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// `bytes` as they are.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same.
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn password(&self) -> Password {
        Password::from(self.0.as_slice())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Why bytes are no key file. Says no more, so that nothing of the file gets into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKeyFile {
    /// No OpenPGP secret key, or a damaged one.
    Format,
    /// More than one.
    Several,
    /// One whose protection takes more memory than a machine has to have, or is of no known kind.
    Protection,
}

/// A secret key as its file has it.
#[derive(Debug)]
pub enum KeyFile {
    /// Without a passphrase.
    Open(SecretKey),
    /// With one.
    Locked(LockedKey),
}

/// A secret key that a passphrase protects.
pub struct LockedKey {
    /// Boxed, so that moving it around leaves no copies behind: a part of it may have no passphrase.
    secret: Box<SignedSecretKey>,
    public: SignedPublicKey,
}

/// How a part of a key is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Plain,
    Locked,
    /// A stub.
    Elsewhere,
}

impl KeyFile {
    /// Reads an armored or binary secret key.
    ///
    /// # Errors
    /// [`NoKeyFile`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoKeyFile> {
        // The library's own words are dropped: they might quote the file.
        let format = |_| NoKeyFile::Format;
        let mut keys: Vec<SignedSecretKey> = if bytes.starts_with(b"-----BEGIN") {
            let (keys, _) = SignedSecretKey::from_armor_many(bytes).map_err(format)?;
            keys.collect::<Result<_, _>>().map_err(format)?
        } else {
            SignedSecretKey::from_bytes_many(bytes).map_err(format)?.collect::<Result<_, _>>().map_err(format)?
        };
        let secret = Box::new(keys.pop().ok_or(NoKeyFile::Format)?);
        if !keys.is_empty() {
            return Err(NoKeyFile::Several);
        }
        let mut parts = vec![part(secret.primary_key.secret_params())?];
        for subkey in &secret.secret_subkeys {
            parts.push(part(subkey.key.secret_params())?);
        }
        let public = secret.to_public_key();
        if parts.contains(&Part::Locked) {
            return Ok(Self::Locked(LockedKey { secret, public }));
        }
        // Nothing but stubs signs nothing.
        if parts.contains(&Part::Plain) { Ok(Self::Open(SecretKey { secret, public })) } else { Err(NoKeyFile::Format) }
    }

    /// What is public of the key.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Open(key) => PublicKey::of(key.public.clone()),
            Self::Locked(key) => key.public_key(),
        }
    }

    /// The key as a file has it, with what protects it.
    pub(super) fn to_armored(&self) -> Result<Zeroizing<Vec<u8>>, SignError> {
        match self {
            Self::Open(key) => armored(&key.secret, &key.public),
            Self::Locked(key) => armored(&key.secret, &key.public),
        }
    }
}

impl LockedKey {
    /// `key` with a passphrase before it.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn lock(mut key: SecretKey, passphrase: &Passphrase, mut rng: impl Rng + CryptoRng) -> Result<Self, SignError> {
        let password = passphrase.password();
        key.secret.primary_key.set_password(&mut rng, &password).map_err(|error| library(&key.public, error))?;
        for subkey in &mut key.secret.secret_subkeys {
            subkey.key.set_password(&mut rng, &password).map_err(|error| library(&key.public, error))?;
        }
        Ok(Self { secret: key.secret, public: key.public })
    }

    /// What is public of the key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.public.clone())
    }

    /// The key, ready to sign; `None` where that is not its passphrase.
    pub fn unlock(&self, passphrase: &Passphrase) -> Option<SecretKey> {
        let password = passphrase.password();
        let mut secret = self.secret.clone();
        if part(secret.primary_key.secret_params()) == Ok(Part::Locked) {
            secret.primary_key.remove_password(&password).ok()?;
        }
        for subkey in &mut secret.secret_subkeys {
            if part(subkey.key.secret_params()) == Ok(Part::Locked) {
                subkey.key.remove_password(&password).ok()?;
            }
        }
        Some(SecretKey { secret, public: self.public.clone() })
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockedKey({})", certificate::fingerprint(&self.public))
    }
}

/// A key as text, with what protects it.
pub(super) fn armored(secret: &SignedSecretKey, public: &SignedPublicKey) -> Result<Zeroizing<Vec<u8>>, SignError> {
    secret.to_armored_bytes(ArmorOptions::default()).map(Zeroizing::new).map_err(|error| library(public, error))
}

fn library(public: &SignedPublicKey, source: pgp::errors::Error) -> SignError {
    SignError::Library { fingerprint: certificate::fingerprint(public), source: Box::new(source) }
}

/// Argon2 takes 2 to that power KiB of memory: more than 1 GiB is for no key that is unlocked beside a build.
const MOST_MEMORY: u8 = 20;

fn part(params: &SecretParams) -> Result<Part, NoKeyFile> {
    match params {
        SecretParams::Plain(_) => Ok(Part::Plain),
        SecretParams::Encrypted(encrypted) => protected(encrypted),
    }
}

fn protected(encrypted: &EncryptedSecretParams) -> Result<Part, NoKeyFile> {
    match encrypted.string_to_key_params() {
        S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } => match s2k {
            StringToKey::Salted { .. } | StringToKey::IteratedAndSalted { .. } => Ok(Part::Locked),
            StringToKey::Argon2 { t, m_enc, .. } if *m_enc <= MOST_MEMORY && *t <= 16 => Ok(Part::Locked),
            StringToKey::Private { .. } => Ok(Part::Elsewhere),
            _ => Err(NoKeyFile::Protection),
        },
        _ => Err(NoKeyFile::Protection),
    }
}
