//! An index in all its forms, put together from pieces of which those that are kept are not compressed again.

use std::io;
use std::ops::Range;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::Digest as _;

use super::RepoError;
use super::cut::{Shape, cut};
use super::packed::{self, Effort, Packed};
use crate::digest::{Digest, Sha256};
use crate::distro::Repodata;

/// The form of the pieces that are kept. Another one makes all anew.
const FORM: &str = "opb apt piece 1";

/// Behind so many entries it is known well enough how long they all are together.
const SAMPLE: usize = 64;

/// As much room is made ahead at most, in bytes: what comes first may be far longer than the rest.
const MOST_ROOM: usize = 8 << 20;

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
    pub path: &'a str,
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
    pub gz: Compressed,
    pub xz: Compressed,
}

/// A compressed index, and what others call it.
pub(super) struct Compressed {
    pub bytes: Vec<u8>,
    pub digest: Digest,
    pub sha256: Sha256,
}

struct Piece {
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
    let texts: Vec<Vec<u8>> = ranges.par_iter().map(|range| text(range.clone(), write)).collect();
    let pack = || texts.par_iter().map(|text| piece(text, kept)).collect::<io::Result<Vec<Piece>>>();
    let of_text = || {
        let mut hasher = sha2::Sha256::new();
        texts.iter().for_each(|text| hasher.update(text));
        Sha256::from_bytes(hasher.finalize().into())
    };
    let (pieces, sha256) = rayon::join(pack, of_text);
    let pieces = pieces.map_err(|source| RepoError::Compress { path: (*path).to_owned(), source })?;
    let joined = |kind, of: fn(&Piece) -> &Packed| {
        let pieces = texts.iter().map(Vec::as_slice).zip(pieces.iter().map(of));
        let bytes = packed::join(kind, &pieces.collect::<Vec<_>>());
        Compressed { digest: Digest::of(&bytes), sha256: Sha256::of(&bytes), bytes }
    };
    let (gz, xz) = rayon::join(|| joined(Repodata::Gz, |piece| &piece.gz), || joined(Repodata::Xz, |piece| &piece.xz));
    let size = texts.iter().map(|text| text.len() as u64).sum();
    Ok(Index { path: (*path).to_owned(), size, sha256, gz, xz })
}

fn text(range: Range<usize>, write: &Write<'_>) -> Vec<u8> {
    let (mut text, count) = (Vec::new(), range.len());
    for (done, number) in range.enumerate() {
        write(number, &mut text);
        if done == SAMPLE {
            text.reserve((text.len() / SAMPLE * count).min(MOST_ROOM));
        }
    }
    text
}

fn piece(text: &[u8], kept: &dyn Keep) -> io::Result<Piece> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORM.as_bytes()).update(text);
    let key = Digest::from_bytes(*hasher.finalize().as_bytes());
    if let Some((gz, xz)) = kept.get(key).and_then(decode) {
        return Ok(Piece { gz, xz });
    }
    let pack = |kind| packed::pack(kind, Effort::Index, text);
    let (xz, gz) = rayon::join(|| pack(Repodata::Xz), || pack(Repodata::Gz));
    let (gz, xz) = (gz?, xz?);
    kept.put(key, &encode(&gz, &xz));
    Ok(Piece { gz, xz })
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

fn decode(mut bytes: Vec<u8>) -> Option<(Packed, Packed)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (unpadded, rest) = rest.split_first_chunk()?;
    let (length, unpadded) = (usize::try_from(u64::from_le_bytes(*length)).ok()?, u64::from_le_bytes(*unpadded));
    let heads = bytes.len() - rest.len();
    let xz = (length <= rest.len()).then(|| bytes.split_off(heads + length))?;
    bytes.drain(..heads);
    Some((Packed { bytes, unpadded: 0 }, Packed { bytes: xz, unpadded }))
}
