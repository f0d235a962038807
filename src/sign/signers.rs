//! What signs a channel: one key that signs its packages and its metadata, and others that sign the metadata besides it.
//!
//! While one key takes the place of another, clients have the old one, the new one or both, and each must find a signature that it
//! knows. So a text is signed by all of them at once: a clear-signed text has all signatures in its one block, and so has a
//! detached one, since apt, gpgv, sqv and dnf take the first block of a file and, in it, any signature that they know. Which key
//! is old and which is new, and for how long there are two, is not known here.
//!
//! ```text
//! Signer ──► a signature each ──► one block ──► read again, and each verified with its own key ──► handed out
//! ```

use pgp::armor::BlockType;
use pgp::composed::{ArmorOptions, CleartextSignedMessage, Deserializable as _, DetachedSignature};
use pgp::packet::{Signature, SignatureType};
use pgp::ser::Serialize as _;
use pgp::types::Timestamp;

use super::certificate::{self, Part};
use super::{PublicKey, SignError, Signer, key, public};

/// The keys that sign a channel: never none.
#[derive(Debug)]
pub struct Signers {
    main: Signer,
    others: Vec<Signer>,
}

impl Signers {
    /// One key that signs everything.
    pub fn one(main: Signer) -> Self {
        Self { main, others: Vec::new() }
    }

    /// `main` signs packages and metadata, `others` sign the metadata besides it.
    pub fn new(main: Signer, others: Vec<Signer>) -> Self {
        Self { main, others }
    }

    /// The key that signs packages.
    pub fn main(&self) -> &Signer {
        &self.main
    }

    /// Fingerprints of the primary keys, 40 upper-case hexadecimal digits each: that of the main key first.
    pub fn fingerprints(&self) -> Vec<String> {
        self.all().into_iter().map(Signer::fingerprint).collect()
    }

    /// `text` with a signature by each key around it, as in `InRelease`. White space at the ends of lines is not kept, since it
    /// is not signed.
    ///
    /// # Errors
    /// As [`Signer::clear_sign`], by whichever key.
    pub fn clear_sign(&self, text: &str, time: u64) -> Result<String, SignError> {
        clear_sign(&self.all(), text, time)
    }

    /// An armored block with a signature of `text` as it is by each key, as in `Release.gpg` and `repomd.xml.asc`.
    ///
    /// # Errors
    /// As [`Signer::detached`], by whichever key.
    pub fn detached(&self, text: &str, time: u64) -> Result<String, SignError> {
        detached(&self.all(), text, time)
    }

    /// All public keys, that of the main key first, as [`PublicKey::armored_together`] has them.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn public_keys_armored(&self) -> Result<String, SignError> {
        PublicKey::armored_together(&self.all().into_iter().map(Signer::public_key).collect::<Vec<_>>())
    }

    /// All public keys as bytes, that of the main key first: what `Signed-By` and gpgv take of a file named `.pgp` or `.gpg`.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn public_keys_binary(&self) -> Result<Vec<u8>, SignError> {
        let keys: Result<Vec<Vec<u8>>, SignError> = self.all().into_iter().map(Signer::public_key_binary).collect();
        Ok(keys?.concat())
    }

    /// Whether what each key signs `now` still holds at `until`; both in seconds since 1970. A signature is worth nothing any more
    /// once the key that made it has ended.
    ///
    /// # Errors
    /// [`SignError::Ends`] for the first key that ends before then; [`SignError::Unusable`] for one that may not sign now.
    pub fn check_until(&self, now: u64, until: u64) -> Result<(), SignError> {
        for signer in self.all() {
            signer.check(now)?;
            if let Some(ends) = signer.public_key().ends(now)?.filter(|ends| *ends < until) {
                let (ends, until) = days(ends, until);
                return Err(SignError::Ends { fingerprint: signer.fingerprint(), ends, until });
            }
        }
        Ok(())
    }

    fn all(&self) -> Vec<&Signer> {
        std::iter::once(&self.main).chain(&self.others).collect()
    }
}

/// Two times as days in UTC, or as exact times where both are of one day.
fn days(one: u64, other: u64) -> (String, String) {
    let day = |time: u64| shown(time).get(..10).map_or_else(|| time.to_string(), str::to_owned);
    if day(one) == day(other) { (shown(one), shown(other)) } else { (day(one), day(other)) }
}

/// A time as `2026-11-29T12:00:00Z`.
fn shown(time: u64) -> String {
    let time = i64::try_from(time).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}

/// A signature, by whom, and with which of its parts.
struct Made<'a> {
    signer: &'a Signer,
    part: Part<'a>,
    signature: Signature,
}

fn sign<'a>(
    signers: &[&'a Signer],
    typ: SignatureType,
    text: &[u8],
    time: Timestamp,
) -> Result<Vec<Made<'a>>, SignError> {
    let mut made = Vec::new();
    for signer in signers {
        let (signature, part) = signer.sign(typ, text, time)?;
        made.push(Made { signer, part, signature });
    }
    Ok(made)
}

/// Whether what was read again are these signatures, each by its key, over `text`, with a hash that nobody can forge.
fn verify(made: &[Made<'_>], read: &[Signature], text: &[u8]) -> Result<(), SignError> {
    for (at, by) in made.iter().enumerate() {
        let found = read.get(at).filter(|found| certificate::is_strong(found) && by.part.verify(found, text));
        if found.is_none() || read.len() != made.len() {
            return Err(by.signer.unverified());
        }
    }
    Ok(())
}

/// `text` with a signature by each of `signers` around it. There is at least one.
pub(super) fn clear_sign(signers: &[&Signer], text: &str, time: u64) -> Result<String, SignError> {
    let time = key::timestamp(time)?;
    // gpgv hashes lines without white space at their ends, and without the last line's end.
    let text = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect::<Vec<_>>().join("\n");
    let signed = text.replace('\n', "\r\n");
    let made = sign(signers, SignatureType::Text, signed.as_bytes(), time)?;
    let library = |source| SignError::Library { fingerprint: named(signers), source: Box::new(source) };
    let signatures: Vec<Signature> = made.iter().map(|made| made.signature.clone()).collect();
    let message = CleartextSignedMessage::new_many(&text, |_| Ok(signatures)).map_err(library)?;
    let written = message.to_armored_string(ArmorOptions::default()).map_err(library)?;
    let (read, _) = CleartextSignedMessage::from_string(&written).map_err(library)?;
    let lines = read.signed_text();
    // What a client gets to see must be what was signed, not only be signed.
    let other = |made: &Made<'_>| made.signer.unverified();
    if lines != signed {
        return made.first().map(other).map_or(Ok(written), Err);
    }
    verify(&made, read.signatures(), lines.as_bytes())?;
    Ok(written)
}

/// An armored block with a signature of `text` by each of `signers`. There is at least one.
pub(super) fn detached(signers: &[&Signer], text: &str, time: u64) -> Result<String, SignError> {
    let time = key::timestamp(time)?;
    let made = sign(signers, SignatureType::Binary, text.as_bytes(), time)?;
    let library = |source| SignError::Library { fingerprint: named(signers), source: Box::new(source) };
    let mut packets = Vec::new();
    for made in &made {
        packets.extend(DetachedSignature::new(made.signature.clone()).to_bytes().map_err(library)?);
    }
    let written = public::block(BlockType::Signature, packets).map_err(library)?;
    let (read, _) = DetachedSignature::from_armor_many(written.as_bytes()).map_err(library)?;
    let read: Result<Vec<Signature>, _> = read.map(|read| read.map(|read| read.signature)).collect();
    verify(&made, &read.map_err(library)?, text.as_bytes())?;
    Ok(written)
}

/// Whose error it is where a library cannot write what all have signed.
fn named(signers: &[&Signer]) -> String {
    signers.iter().map(|signer| signer.fingerprint()).collect::<Vec<_>>().join(", ")
}
