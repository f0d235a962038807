//! Public keys that packages of a distribution are signed with, each looked at once.

use std::io::{self, Read};

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, Timestamp};

use super::super::certificate::{self, Part, Unusable, Whose};
use super::super::{Signer, key};
use super::{RpmSignatureError, Signed};

/// The most signatures that are looked at: a package has one, or one of each of few kinds.
const MOST_SIGNATURES: usize = 16;

/// What is signed, opened once for each part of a key that it may be signed with.
type Open<'t> = dyn Fn() -> io::Result<Box<dyn Read + 't>> + 't;

/// Public keys, and which of their parts may sign now. Threads may share it.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<SignedPublicKey>,
    parts: Vec<Known>,
    now: Timestamp,
}

/// A part of a key: the primary key, or the subkey at a place.
#[derive(Debug)]
struct Known {
    key: usize,
    subkey: Option<usize>,
    standing: Result<(), Unusable>,
}

impl Keyring {
    /// The keys in several files: the name of each, for messages, with its bytes, armored or binary, one certificate or many.
    /// `now` is in seconds since 1970: which keys are past their time depends on it.
    ///
    /// A certificate of a kind that cannot be read is passed over, since files hold keys of all times.
    ///
    /// # Errors
    /// [`RpmSignatureError::Keys`] for a file without any key.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>, now: u64) -> Result<Self, RpmSignatureError> {
        let mut keys = Vec::new();
        for (name, bytes) in files {
            let wrong = |why: String| RpmSignatureError::Keys { name: name.escape_debug().to_string(), why };
            let ring = super::super::Keyring::of(bytes.to_vec()).map_err(|error| wrong(error.to_string()))?;
            let read = SignedPublicKey::from_bytes_many(ring.bytes());
            let before = keys.len();
            keys.extend(read.into_iter().flatten().flatten());
            if keys.len() == before {
                return Err(wrong("it holds no public key".to_owned()));
            }
        }
        Ok(Self::with(keys, now, Whose::Theirs))
    }

    /// The key of one of our own signers alone.
    pub fn of_signer(signer: &Signer, now: u64) -> Self {
        Self::with(vec![signer.public().clone()], now, Whose::Ours)
    }

    fn with(keys: Vec<SignedPublicKey>, now: u64, whose: Whose) -> Self {
        // Later than OpenPGP has numbers for, every key with an end is past it.
        let now = key::timestamp(now).unwrap_or(Timestamp::from_secs(u32::MAX));
        let mut parts = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let subkeys = (0..key.public_subkeys.len()).map(Some);
            parts.extend(std::iter::once(None).chain(subkeys).map(|subkey| Known {
                key: place,
                subkey,
                standing: certificate::may_sign(key, subkey, now, whose),
            }));
        }
        Self { keys, parts, now }
    }

    /// When the key ends that has a part with this fingerprint, in seconds since 1970: where several parts of it may sign now, when
    /// the last of them does. `None` where it never does, and where there is no such key.
    pub fn ends(&self, fingerprint: &str) -> Option<u64> {
        let is_meant = |known: &&Known| {
            let key = &self.keys[known.key];
            let parts = self.parts.iter().filter(|other| other.key == known.key);
            let mut names = parts.map(|part| self.part(part).fingerprint());
            certificate::fingerprint(&key.primary_key) == fingerprint || names.any(|name| name == fingerprint)
        };
        let usable = self.parts.iter().filter(|known| known.standing.is_ok()).filter(is_meant);
        let ends: Option<Vec<u64>> = usable.map(|known| self.end(known)).collect();
        ends?.into_iter().max()
    }

    /// When a part ends that may sign now. Both the key and its subkey may have an end: the earlier one counts.
    fn end(&self, known: &Known) -> Option<u64> {
        let (key, mut at, mut end) = (&self.keys[known.key], Timestamp::from_secs(u32::MAX), None);
        while let Err(Unusable::Expired(since)) = certificate::may_sign(key, known.subkey, at, Whose::Theirs) {
            end = Some(since);
            match since.checked_sub(1).and_then(|before| u32::try_from(before).ok()) {
                Some(before) if before < at.as_secs() => at = Timestamp::from_secs(before),
                _ => break,
            }
        }
        end
    }

    /// Checks a signature that stands beside a text, such as `repomd.xml.asc`, armored or binary. Gives the fingerprint of
    /// the primary key that signed.
    ///
    /// # Errors
    /// [`RpmSignatureError`].
    pub fn verify_detached(&self, text: &[u8], signature: &[u8]) -> Result<String, RpmSignatureError> {
        self.check(&detached(signature, Signed::Text)?, text, Signed::Text)
    }

    /// The same of a file of any length, which `open` opens.
    ///
    /// # Errors
    /// [`RpmSignatureError`].
    pub fn verify_file(
        &self,
        open: &dyn Fn() -> io::Result<std::fs::File>,
        signature: &[u8],
    ) -> Result<String, RpmSignatureError> {
        let signatures = detached(signature, Signed::File)?;
        let read = || -> io::Result<Box<dyn Read>> { Ok(Box::new(io::BufReader::with_capacity(128 << 10, open()?))) };
        self.check_read(&signatures, &read, Signed::File)
    }

    /// The fingerprint of the key with a good signature: none may be bad, and one must count.
    pub(super) fn check(
        &self,
        signatures: &[Signature],
        bytes: &[u8],
        what: Signed,
    ) -> Result<String, RpmSignatureError> {
        self.check_read(signatures, &|| Ok(Box::new(bytes)), what)
    }

    fn check_read(&self, signatures: &[Signature], open: &Open<'_>, what: Signed) -> Result<String, RpmSignatureError> {
        let (mut good, mut refused, mut unknown) = (None, None, Vec::new());
        for signature in signatures {
            match self.check_one(signature, open, what) {
                Ok(key) => good = good.or(Some(key)),
                Err(RpmSignatureError::Unknown { keys, .. }) => unknown.extend(keys),
                Err(error @ RpmSignatureError::Bad { .. }) => return Err(error),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match (good, refused) {
            (Some(key), _) => Ok(key),
            (None, Some(error)) => Err(error),
            (None, None) if unknown.is_empty() => Err(RpmSignatureError::Unsigned(what)),
            (None, None) => Err(RpmSignatureError::Unknown { what, keys: unknown }),
        }
    }

    fn check_one(&self, signature: &Signature, open: &Open<'_>, what: Signed) -> Result<String, RpmSignatureError> {
        let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
        let named = fingerprints.iter().map(|fingerprint| format!("{fingerprint:X}"));
        let Some(name) = ids.first().map(|id| id.to_string().to_uppercase()).or_else(|| named.into_iter().next())
        else {
            return Err(RpmSignatureError::Malformed(what));
        };
        if signature.typ() != Some(SignatureType::Binary) {
            return Err(RpmSignatureError::Malformed(what));
        }
        let is_named = |part: &Part<'_>| match part {
            Part::Primary(key) => fingerprints.contains(&&key.fingerprint()) || ids.contains(&&key.legacy_key_id()),
            Part::Subkey(key) => fingerprints.contains(&&key.fingerprint()) || ids.contains(&&key.legacy_key_id()),
        };
        let candidates: Vec<&Known> = self.parts.iter().filter(|known| is_named(&self.part(known))).collect();
        if candidates.is_empty() {
            return Err(RpmSignatureError::Unknown { what, keys: vec![name] });
        }
        // Before it is verified: what does not fit any more was not weakened by whoever changed it.
        let hash = signature.hash_alg().map_or_else(|| "no hash".to_owned(), |hash| hash.to_string());
        let mut fitting = None;
        for known in candidates {
            let text = open().map_err(RpmSignatureError::Reading)?;
            if self.part(known).verify(signature, text) {
                fitting = Some(known);
                break;
            }
        }
        let Some(known) = fitting else {
            return Err(match certificate::is_strong(signature) {
                true => RpmSignatureError::Bad { what, key: name },
                // The library does not look at all of these.
                false => RpmSignatureError::Weak { what, key: name, hash },
            });
        };
        if !certificate::is_strong(signature) {
            return Err(RpmSignatureError::Weak { what, key: name, hash });
        }
        let key = certificate::fingerprint(&self.keys[known.key].primary_key);
        if let Err(reason) = &known.standing {
            return Err(RpmSignatureError::Unusable { what, key, reason: reason.clone() });
        }
        let made = signature.created().unwrap_or_default();
        let lasts = signature.signature_expiration_time().map_or(0, |lasts| u64::from(lasts.as_secs()));
        if made > self.now {
            return Err(RpmSignatureError::Untimely { key, why: "was made later" });
        }
        if lasts > 0 && u64::from(made.as_secs()) + lasts <= u64::from(self.now.as_secs()) {
            return Err(RpmSignatureError::Untimely { key, why: "is past its time" });
        }
        Ok(key)
    }

    fn part(&self, known: &Known) -> Part<'_> {
        let key = &self.keys[known.key];
        match known.subkey {
            None => Part::Primary(&key.primary_key),
            Some(place) => Part::Subkey(&key.public_subkeys[place].key),
        }
    }
}

/// The signatures in a file beside what they sign, armored or binary.
fn detached(signature: &[u8], what: Signed) -> Result<Vec<Signature>, RpmSignatureError> {
    let malformed = || RpmSignatureError::Malformed(what);
    if signature.first().is_some_and(|byte| byte & 0x80 != 0) {
        return read(signature).ok_or_else(malformed);
    }
    let (read, _) = DetachedSignature::from_armor_many(signature).map_err(|_| malformed())?;
    collect(read).ok_or_else(malformed)
}

/// The signatures in packets one after the other; `None` where these are something else, or too many.
pub(super) fn read(packets: &[u8]) -> Option<Vec<Signature>> {
    collect(DetachedSignature::from_bytes_many(packets).ok()?)
}

fn collect(read: impl Iterator<Item = pgp::errors::Result<DetachedSignature>>) -> Option<Vec<Signature>> {
    let read: Vec<_> = read.take(MOST_SIGNATURES + 1).collect::<Result<_, _>>().ok()?;
    let usable = !read.is_empty() && read.len() <= MOST_SIGNATURES;
    usable.then(|| read.into_iter().map(|one| one.signature).collect())
}
