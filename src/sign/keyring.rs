//! Public keys that signatures are checked with: keyrings of distributions, and keys that projects hold.

use std::io::{self, Read as _};
use std::path::Path;

use super::verify::VerifyError;

/// No keyring is longer.
const MAX_KEYRING: u64 = 64 << 20;

/// Public keys in the form that gpgv and sqv read: binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring(Vec<u8>);

impl Keyring {
    /// Reads a file of public keys, binary or armored.
    ///
    /// # Errors
    /// [`VerifyError::Keyring`].
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_KEYRING).read_to_end(&mut bytes));
        read.and_then(|_| Self::of(bytes)).map_err(|source| VerifyError::Keyring { path: path.to_owned(), source })
    }

    /// The keys that `bytes` are, binary or armored.
    ///
    /// # Errors
    /// Where there are none, or the armor is damaged.
    pub fn of(bytes: Vec<u8>) -> io::Result<Self> {
        let wrong = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        if bytes.is_empty() {
            return Err(wrong("it is empty"));
        }
        // Bytes of packets have their highest bit set, and a text may say something before its keys.
        if bytes[0] & 0x80 != 0 {
            return Ok(Self(bytes));
        }
        // gpgv reads only binary ones.
        let text = String::from_utf8_lossy(&bytes);
        let mut keys = Vec::new();
        for block in text.split_inclusive("-----END PGP PUBLIC KEY BLOCK-----") {
            if let Some(start) = block.find("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
                let mut armored = pgp::armor::Dearmor::new(&block.as_bytes()[start..]);
                armored.read_to_end(&mut keys).map_err(|_| wrong("its armor is damaged"))?;
            }
        }
        if keys.is_empty() { Err(wrong("it holds no public key")) } else { Ok(Self(keys)) }
    }

    /// All of these keys together.
    pub fn join(rings: impl IntoIterator<Item = Self>) -> Self {
        Self(rings.into_iter().flat_map(|ring| ring.0).collect())
    }

    /// The keys, binary.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
