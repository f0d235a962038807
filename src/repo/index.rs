//! An index in all its forms, put together from pieces of which those that are kept are not compressed again.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use super::RepoError;
use super::cut::{Shape, cut};
use super::packed::{self, Effort, Packed};
use crate::digest::{Digest, Sha256};
use crate::distro::Repodata;

/// The form of the pieces that are kept. Another one makes all anew.
const FORM: &str = "opb apt piece 1";

/// Where what took long to make is kept, by a digest of what it was made from. Anything may be lost at any time.
pub trait Keep: Sync {
    /// What was kept, whole; `None` where it is not there or damaged.
    fn get(&self, key: Digest) -> Option<Vec<u8>>;
    /// Keeps it.
    fn put(&self, key: Digest, bytes: &[u8]);
}

/// Keeps nothing: everything is made each time.
#[derive(Debug, Clone, Copy)]
pub struct KeepNothing;

impl Keep for KeepNothing {
    fn get(&self, _: Digest) -> Option<Vec<u8>> {
        None
    }

    fn put(&self, _: Digest, _: &[u8]) {}
}

/// Appends the entry of a number.
pub(super) type Write<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + Sync + 'a>;

/// What an index is made of: entries with the names by which it is cut.
pub(super) struct Entries<'a> {
    /// Where it lies below `dists/<codename>`, without a compression's ending.
    pub path: String,
    /// The entries' names, in their order.
    pub names: Vec<&'a [u8]>,
    /// How large its pieces are.
    pub shape: Shape,
    /// Writes the entry of that number.
    pub write: Write<'a>,
}

/// An index, compressed.
pub(super) struct Index {
    pub path: String,
    /// Length of its text in bytes.
    pub size: u64,
    /// Of its text.
    pub sha256: Sha256,
    pub gz: Vec<u8>,
    pub xz: Vec<u8>,
}

struct Piece {
    text: Vec<u8>,
    gz: Packed,
    xz: Packed,
}

/// Writes and compresses an index.
///
/// # Errors
/// [`RepoError::Compress`].
pub(super) fn make(entries: &Entries<'_>, kept: &dyn Keep) -> Result<Index, RepoError> {
    let Entries { path, names, shape, write } = entries;
    let ranges = cut(names, *shape);
    let pieces: Vec<Piece> = ranges
        .par_iter()
        .map(|range| {
            let mut text = Vec::new();
            range.clone().for_each(|number| write(number, &mut text));
            piece(text, kept)
        })
        .collect::<Result<_, _>>()
        .map_err(|source| RepoError::Compress { path: path.clone(), source })?;
    let joined = |kind, of: fn(&Piece) -> &Packed| {
        packed::join(kind, &pieces.iter().map(|piece| (&piece.text[..], of(piece))).collect::<Vec<_>>())
    };
    let mut hasher = sha2::Sha256::new();
    pieces.iter().for_each(|piece| hasher.update(&piece.text));
    Ok(Index {
        path: path.clone(),
        size: pieces.iter().map(|piece| piece.text.len() as u64).sum(),
        sha256: Sha256::from_bytes(hasher.finalize().into()),
        gz: joined(Repodata::Gz, |piece| &piece.gz),
        xz: joined(Repodata::Xz, |piece| &piece.xz),
    })
}

fn piece(text: Vec<u8>, kept: &dyn Keep) -> std::io::Result<Piece> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORM.as_bytes()).update(&text);
    let key = Digest::from_bytes(*hasher.finalize().as_bytes());
    if let Some((gz, xz)) = kept.get(key).as_deref().and_then(decode) {
        return Ok(Piece { text, gz, xz });
    }
    let pack = |kind| packed::pack(kind, Effort::Index, &text);
    let (xz, gz) = rayon::join(|| pack(Repodata::Xz), || pack(Repodata::Gz));
    let (gz, xz) = (gz?, xz?);
    kept.put(key, &encode(&gz, &xz));
    Ok(Piece { text, gz, xz })
}

fn encode(gz: &Packed, xz: &Packed) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(gz.bytes.len() + xz.bytes.len() + 16);
    for number in [gz.bytes.len() as u64, xz.unpadded] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&gz.bytes);
    bytes.extend_from_slice(&xz.bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Packed, Packed)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (unpadded, rest) = rest.split_first_chunk()?;
    let (gz, xz) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let unpadded = u64::from_le_bytes(*unpadded);
    Some((Packed { bytes: gz.to_vec(), unpadded: 0 }, Packed { bytes: xz.to_vec(), unpadded }))
}
