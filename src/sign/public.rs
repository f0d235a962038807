//! What is public of one of our keys: of what kind it is, whether it may sign, and until when.

use pgp::armor::{self, BlockType};
use pgp::composed::SignedPublicKey;
use pgp::ser::Serialize;
use pgp::types::KeyDetails as _;

use super::{SignError, Unusable, certificate, key};

/// The public half of a key.
#[derive(Debug, Clone)]
pub struct PublicKey(SignedPublicKey);

impl PublicKey {
    pub(super) fn of(key: SignedPublicKey) -> Self {
        Self(key)
    }

    /// The primary key's fingerprint: 40 upper-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        certificate::fingerprint(&self.0)
    }

    /// The kind of the primary key in one word, such as `ed25519` or `rsa3072`.
    pub fn kind(&self) -> String {
        certificate::kind(&self.0.primary_key)
    }

    /// When it was made, in seconds since 1970.
    pub fn since(&self) -> u64 {
        u64::from(self.0.primary_key.created_at().as_secs())
    }

    /// Until when it may sign, in seconds since 1970, also where that is past; `None`: it does not end. Of a key with several parts
    /// that may sign at `now` it is that of the newest, which signs.
    ///
    /// # Errors
    /// [`SignError::Unusable`] for a key that may not sign for another reason; [`SignError::Time`].
    pub fn ends(&self, now: u64) -> Result<Option<u64>, SignError> {
        let now = key::timestamp(now)?;
        let unusable = |reason| SignError::Unusable { fingerprint: self.fingerprint(), reason };
        match certificate::signing_parts(&self.0, now) {
            Ok(parts) => match parts.first() {
                Some(part) => certificate::signs_until(&self.0, part, now).map_err(unusable),
                None => Err(unusable(Unusable::CannotSign)),
            },
            Err(Unusable::Expired(end)) => Ok(Some(end)),
            Err(reason) => Err(unusable(reason)),
        }
    }

    /// Whether it may sign at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// [`SignError::Unusable`], [`SignError::Time`].
    pub fn check(&self, now: u64) -> Result<(), SignError> {
        let parts = certificate::signing_parts(&self.0, key::timestamp(now)?);
        parts.map(|_| ()).map_err(|reason| SignError::Unusable { fingerprint: self.fingerprint(), reason })
    }

    /// The first of its user ids that is text: who signs.
    pub fn user_id(&self) -> Option<String> {
        self.0.details.users.iter().find_map(|user| user.id.as_str().map(str::to_owned))
    }

    /// The key as text, for a file named `.asc`.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn armored(&self) -> Result<String, SignError> {
        Self::armored_together(std::slice::from_ref(self))
    }

    /// Several keys in one armored block: what `Signed-By` and `rpm --import` take of a file named `.asc`. apt before 2.9 reads
    /// the first block of a file and no other.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn armored_together(keys: &[Self]) -> Result<String, SignError> {
        let mut packets = Vec::new();
        for key in keys {
            packets.extend(key.binary()?);
        }
        let library = |source| SignError::Library {
            fingerprint: keys.iter().map(Self::fingerprint).collect::<Vec<_>>().join(", "),
            source: Box::new(source),
        };
        block(BlockType::PublicKey, packets).map_err(library)
    }

    /// The key as bytes, for a file named `.gpg` or `.pgp`.
    ///
    /// # Errors
    /// [`SignError::Library`].
    pub fn binary(&self) -> Result<Vec<u8>, SignError> {
        let library = |source| SignError::Library { fingerprint: self.fingerprint(), source: Box::new(source) };
        self.0.to_bytes().map_err(library)
    }
}

/// Packets, as they are.
struct Packets(Vec<u8>);

impl Serialize for Packets {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        writer.write_all(&self.0)?;
        Ok(())
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}

/// One block of `packets`, with the checksum that old readers want.
pub(super) fn block(kind: BlockType, packets: Vec<u8>) -> pgp::errors::Result<String> {
    let mut written = Vec::new();
    armor::write(&Packets(packets), kind, &mut written, None, true)?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}
