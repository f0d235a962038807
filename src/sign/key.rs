//! Key files: OpenPGP secret keys without a passphrase, which only their owner can read.
//!
//! What protects such a key is the mode of its file (0600) and folder (0700); both are checked before it is read. The key
//! never appears in a message, an argument or the environment; rPGP wipes it from memory when it is dropped.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use pgp::composed::{ArmorOptions, Deserializable as _, SignedKeyDetails, SignedPublicKey, SignedSecretKey};
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
use crate::name::ChannelName;

/// No key is longer; a longer file is none.
const MAX_KEY_FILE: u64 = 1 << 20;

/// Bits of a new RSA key: as strong as AES-128 until after 2030 (NIST SP 800-57), and what GnuPG makes.
const RSA_BITS: usize = 3072;

/// A secret key.
pub struct SecretKey {
    /// Boxed, so that moving a signer around leaves no copies behind.
    pub(super) secret: Box<SignedSecretKey>,
    pub(super) public: SignedPublicKey,
}

/// The folder of key files, which nobody else may read.
pub struct KeyFolder {
    folder: Dir,
    path: PathBuf,
}

impl KeyFolder {
    /// Opens the folder at `path`; where there is none, makes it, with the mode 0700.
    ///
    /// # Errors
    /// [`SignError::File`]; [`SignError::Open`] for a folder that others can look into.
    pub fn open_or_create(path: &Path, authority: AmbientAuthority) -> Result<Self, SignError> {
        let failed = |source| SignError::File { deed: "making a folder for", path: path.to_owned(), source };
        let folder = match Dir::open_ambient_dir(path, authority) {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Dir::create_ambient_dir_all(path, authority).map_err(failed)?;
                let folder = Dir::open_ambient_dir(path, authority).map_err(failed)?;
                folder.set_permissions(".", Permissions::from_mode(0o700)).map_err(failed)?;
                folder
            }
            Err(source) => {
                return Err(SignError::File { deed: "opening the folder of", path: path.to_owned(), source });
            }
        };
        let mode = folder.dir_metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SignError::Open { path: path.to_owned(), mode });
        }
        Ok(Self { folder, path: path.to_owned() })
    }

    /// Where the key `name` is or would be.
    ///
    /// # Errors
    /// [`SignError::Name`] for a name that is no plain one.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, SignError> {
        Ok(self.path.join(file_name(name)?))
    }

    /// Reads the key `name`.
    ///
    /// # Errors
    /// [`SignError`]: no such key, one that others can read, one with a passphrase, or no key at all.
    pub fn load(&self, name: &str) -> Result<SecretKey, SignError> {
        SecretKey::parse(&self.read(&file_name(name)?)?, &self.path_of(name)?)
    }

    /// The bytes of a secret file of another kind, such as a cache's key; `file` is one plain name.
    ///
    /// # Errors
    /// [`SignError`]: no such file, or one that others can read.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, SignError> {
        let path = self.path.join(file);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => SignError::NoKey { path: path.clone() },
            _ => SignError::File { deed: "reading", path: path.clone(), source },
        };
        let file = self.folder.open(file).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SignError::Open { path, mode });
        }
        if !metadata.is_file() {
            return Err(SignError::Format { path });
        }
        let mut text = Vec::new();
        file.take(MAX_KEY_FILE).read_to_end(&mut text).map_err(failed)?;
        Ok(text)
    }

    /// Writes `key` under `name`, never over another, readable by its owner only from the first moment.
    ///
    /// # Errors
    /// [`SignError::Exists`], [`SignError::File`], [`SignError::Name`].
    pub fn save(&self, name: &str, key: &SecretKey) -> Result<PathBuf, SignError> {
        let text = key.secret.to_armored_bytes(ArmorOptions::default()).map_err(|error| key.library(error))?;
        self.write(&file_name(name)?, &text)
    }

    /// Writes a secret file of another kind, as [`KeyFolder::save`] does; `file` is one plain name.
    ///
    /// # Errors
    /// [`SignError::Exists`], [`SignError::File`].
    pub fn write(&self, file: &str, bytes: &[u8]) -> Result<PathBuf, SignError> {
        let path = self.path.join(file);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => SignError::Exists { path: path.clone() },
            _ => SignError::File { deed: "writing", path: path.clone(), source },
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.folder.open_with(file, &options).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        // The name must outlast a power cut as well: what this key signs may be published a second later.
        self.folder.open(".").and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(path)
    }
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

    /// Reads an armored or binary secret key. `path` is for messages.
    fn parse(text: &[u8], path: &Path) -> Result<Self, SignError> {
        let format = || SignError::Format { path: path.to_owned() };
        let parsed = if text.starts_with(b"-----BEGIN") {
            SignedSecretKey::from_armor_single(text).map(|(key, _)| key)
        } else {
            SignedSecretKey::from_bytes(text)
        };
        // The library's own words are dropped: they might quote the file.
        let secret = parsed.map_err(|_| format())?;
        let locked = |params: &SecretParams| matches!(params, SecretParams::Encrypted(_));
        if locked(secret.primary_key.secret_params())
            || secret.secret_subkeys.iter().any(|subkey| locked(subkey.key.secret_params()))
        {
            return Err(SignError::Locked { path: path.to_owned() });
        }
        let public = secret.to_public_key();
        Ok(Self { secret: Box::new(secret), public })
    }

    fn library(&self, source: pgp::errors::Error) -> SignError {
        SignError::Library { fingerprint: certificate::fingerprint(&self.public), source: Box::new(source) }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", certificate::fingerprint(&self.public))
    }
}

impl fmt::Debug for KeyFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFolder({})", self.path.display())
    }
}

/// Seconds since 1970 as OpenPGP has them.
pub(super) fn timestamp(seconds: u64) -> Result<Timestamp, SignError> {
    u32::try_from(seconds).map(Timestamp::from_secs).map_err(|_| SignError::Time { seconds })
}

fn file_name(name: &str) -> Result<String, SignError> {
    match ChannelName::new(name) {
        Ok(name) => Ok(format!("{name}.key")),
        Err(_) => Err(SignError::Name { name: name.escape_debug().to_string() }),
    }
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
