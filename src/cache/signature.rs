//! Signed realisations, and the keys that sign them.
//!
//! Signed are the bytes of the whole record, as they lie in the cache: an Ed25519 signature over
//!
//! ```text
//! "opb signed realisation 1\n"  u8 length, name of the key  32 bytes public key  the record as JSON
//! ```
//!
//! Nothing of a record is read before its signature is verified with a key that is trusted.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand::RngCore as _;

use crate::name::ChannelName;
use crate::store::Realisation;

const DOMAIN: &[u8] = b"opb signed realisation 1\n";

/// What a secret key's file begins with.
const FILE_HEAD: &str = "opb cache key 1";

/// A public key and what it is called: `NAME:BASE64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    /// What its owner calls it. Only for people: what counts are the bytes.
    pub name: ChannelName,
    /// The key.
    pub bytes: [u8; 32],
}

/// A text that is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cache's key, `NAME:` and 44 characters of base64")]
pub struct PublicKeyError(pub String);

/// A secret key that signs realisations. Wiped from memory when it is dropped.
pub struct CacheKey {
    name: ChannelName,
    signing: SigningKey,
}

/// A record and who says that it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Who.
    pub key: PublicKey,
    signature: [u8; 64],
    record: Vec<u8>,
}

/// The keys that are trusted, each once: the word of an earlier one counts more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keyring(Vec<[u8; 32]>);

/// What a signed record turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key says so.
    Trusted(Box<Realisation>),
    /// Nobody trusts that key here. Nothing is known of the record.
    Stranger,
    /// The signature is not of that key and record, or the record is none.
    Forged,
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, STANDARD.encode(self.bytes))
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let read = || {
            let (name, key) = text.split_once(':')?;
            let bytes: [u8; 32] = STANDARD.decode(key).ok()?.try_into().ok()?;
            // A key of small order would verify what nobody signed.
            let strong = VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak());
            let name = ChannelName::new(name).ok()?;
            strong.then_some(Self { name, bytes })
        };
        read().ok_or_else(|| PublicKeyError(text.chars().take(200).collect::<String>().escape_debug().to_string()))
    }
}

impl CacheKey {
    /// A new key.
    pub fn generate(name: ChannelName) -> Self {
        let mut seed = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut seed);
        Self { name, signing: SigningKey::from_bytes(&seed) }
    }

    /// The key in the file that [`CacheKey::to_text`] made; `None` where it is none.
    pub fn parse(name: ChannelName, text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let seed = text.strip_prefix(FILE_HEAD)?.trim();
        let seed: [u8; 32] = STANDARD.decode(seed).ok()?.try_into().ok()?;
        Some(Self { name, signing: SigningKey::from_bytes(&seed) })
    }

    /// What its file holds: a secret.
    pub fn to_text(&self) -> Vec<u8> {
        format!("{FILE_HEAD}\n{}\n", STANDARD.encode(self.signing.to_bytes())).into_bytes()
    }

    /// Its public part.
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), bytes: self.signing.verifying_key().to_bytes() }
    }

    /// Signs a realisation.
    pub fn sign(&self, realisation: &Realisation) -> Signed {
        let record = serde_json::to_vec(realisation).expect("a realisation is a struct whose map keys are strings");
        let key = self.public();
        let signature = self.signing.sign(&message(&key, &record)).to_bytes();
        Signed { key, signature, record }
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({})", self.public())
    }
}

impl Keyring {
    /// These keys, in this order.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        keys.into_iter().fold(Self::default(), Self::with)
    }

    /// The same, and one more, whose word counts least.
    #[must_use]
    pub fn with(mut self, key: PublicKey) -> Self {
        if !self.trusts(&key) {
            self.0.push(key.bytes);
        }
        self
    }

    /// Whether a key is among them, whatever it is called.
    pub fn trusts(&self, key: &PublicKey) -> bool {
        self.0.contains(&key.bytes)
    }

    /// The place of a key among them, from 0; of one that is not, after all others.
    pub fn rank(&self, key: &PublicKey) -> usize {
        self.0.iter().position(|known| *known == key.bytes).unwrap_or(self.0.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Signed {
    /// Whether a key of `keyring` says so, and what.
    pub fn verify(&self, keyring: &Keyring) -> Verdict {
        if !keyring.trusts(&self.key) {
            return Verdict::Stranger;
        }
        let Ok(key) = VerifyingKey::from_bytes(&self.key.bytes) else { return Verdict::Forged };
        let signature = Signature::from_bytes(&self.signature);
        if key.verify_strict(&message(&self.key, &self.record), &signature).is_err() {
            return Verdict::Forged;
        }
        match serde_json::from_slice::<Realisation>(&self.record) {
            Ok(realisation) => Verdict::Trusted(Box::new(realisation)),
            Err(_) => Verdict::Forged,
        }
    }

    /// As it lies in a cache: `u8 length, name, 32 bytes key, 64 bytes signature, record`.
    pub fn encode(&self) -> Vec<u8> {
        let name = self.key.name.as_str();
        let mut bytes = vec![u8::try_from(name.len()).expect("names have at most 100 bytes")];
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&self.key.bytes);
        bytes.extend_from_slice(&self.signature);
        bytes.extend_from_slice(&self.record);
        bytes
    }

    /// Reads what [`Signed::encode`] writes; `None` for anything else. Verifies nothing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (signature, record) = rest.split_first_chunk::<64>()?;
        let name = ChannelName::new(std::str::from_utf8(name).ok()?).ok()?;
        Some(Self { key: PublicKey { name, bytes: *key }, signature: *signature, record: record.to_vec() })
    }
}

fn message(key: &PublicKey, record: &[u8]) -> Vec<u8> {
    let name = key.name.as_str();
    let length = u8::try_from(name.len()).expect("names have at most 100 bytes");
    [DOMAIN, &[length], name.as_bytes(), &key.bytes, record].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::sample::{key, realisation};

    #[test]
    fn golden_bytes() {
        // Of a fixed key: whoever changes these makes every signature there is worthless.
        let key = CacheKey::parse(
            ChannelName::new("one").expect("a name"),
            format!("{FILE_HEAD}\n{}", STANDARD.encode([7; 32])).as_bytes(),
        );
        let key = key.expect("a key");
        assert_eq!(key.public().to_string(), "one:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=");
        let signed = key.sign(&realisation("a"));
        assert_eq!(crate::digest::Digest::of(&signed.encode()).short(), "55c3a495c4");
    }

    #[test]
    fn a_trusted_signature_verifies_and_no_other() {
        let (own, other) = (key("own"), key("other"));
        let signed = own.sign(&realisation("a"));
        assert_eq!(Signed::decode(&signed.encode()), Some(signed.clone()));
        let trusting = Keyring::new([own.public()]);
        assert_eq!(signed.verify(&trusting), Verdict::Trusted(Box::new(realisation("a"))));
        assert_eq!(signed.verify(&Keyring::default()), Verdict::Stranger);
        assert_eq!(other.sign(&realisation("a")).verify(&trusting), Verdict::Stranger);
        // Signed by another under the name and key of a trusted one.
        let mut foreign = other.sign(&realisation("a"));
        foreign.key = own.public();
        assert_eq!(foreign.verify(&trusting), Verdict::Forged);
    }

    #[test]
    fn every_field_of_a_record_is_signed() {
        let own = key("own");
        let signed = own.sign(&realisation("a"));
        let trusting = Keyring::new([own.public()]);
        let record: serde_json::Value = serde_json::from_slice(&signed.record).expect("JSON");
        let fields = record.as_object().expect("a struct");
        assert_eq!(fields.len(), 15, "a new field is signed too: the whole record is");
        let other = serde_json::to_value(realisation("b")).expect("JSON");
        for field in fields.keys() {
            let mut altered = record.clone();
            altered[field] = other[field].clone();
            assert_ne!(altered, record, "{field} is the same in both samples");
            let altered = Signed { record: serde_json::to_vec(&altered).expect("JSON"), ..signed.clone() };
            assert_eq!(altered.verify(&trusting), Verdict::Forged, "{field}");
            let mut without = record.clone();
            without.as_object_mut().expect("a struct").remove(field);
            let without = Signed { record: serde_json::to_vec(&without).expect("JSON"), ..signed.clone() };
            assert_eq!(without.verify(&trusting), Verdict::Forged, "without {field}");
        }
        // The name is signed as well, so that nobody's record is shown as somebody else's.
        let renamed = PublicKey { name: ChannelName::new("renamed").expect("a name"), ..own.public() };
        assert_eq!(Signed { key: renamed, ..signed }.verify(&trusting), Verdict::Forged);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let own = key("own");
        let bytes = own.sign(&realisation("a")).encode();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let verdict = Signed::decode(&flipped).map(|signed| signed.verify(&Keyring::new([own.public()])));
            assert!(!matches!(verdict, Some(Verdict::Trusted(_))), "flipped at {at}");
        }
    }

    #[test]
    fn keys_read_back_and_weak_ones_are_refused() {
        let own = key("own");
        assert_eq!(own.public().to_string().parse(), Ok(own.public()));
        let again = CacheKey::parse(own.name.clone(), &own.to_text()).expect("a key");
        assert_eq!(again.public(), own.public());
        let zero = format!("weak:{}", STANDARD.encode([0; 32]));
        let neutral = format!("weak:{}", STANDARD.encode([[1; 1].as_slice(), &[0; 31]].concat()));
        for text in ["", "a", "a:", "a:AAAA", ":AAAA", &zero, &neutral, &format!("A b:{}", STANDARD.encode([7; 32]))] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
        assert!(!format!("{own:?}").contains(&STANDARD.encode(own.signing.to_bytes())));
    }
}
