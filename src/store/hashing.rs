//! Hashing a large file on all cores.
//!
//! BLAKE3 is a tree over the file, so its parts are hashed apart and put together. Each part is read into memory that stays
//! in a core's cache, not mapped: a disk that cannot give back a part is an error then, and not the end of the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use super::objects::digest_of;
use crate::digest::Digest;

/// What one core reads and hashes at a time, in bytes; a power of two.
const PART: u64 = 512 << 10;

/// The digest of the first `length` bytes of `file`, by all threads of the pool that this is called in.
///
/// # Errors
/// Where the file cannot be read, or is shorter.
pub(super) fn hash_large(file: &File, length: u64) -> io::Result<Digest> {
    if length <= PART {
        return Ok(digest_of(&hash_part(file, 0, length)?));
    }
    let (left, right) = halves(file, 0, length)?;
    Ok(Digest::from_bytes(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()))
}

fn subtree(file: &File, offset: u64, length: u64) -> io::Result<ChainingValue> {
    if length <= PART {
        return Ok(hash_part(file, offset, length)?.finalize_non_root());
    }
    let (left, right) = halves(file, offset, length)?;
    Ok(merge_subtrees_non_root(&left, &right, Mode::Hash))
}

fn halves(file: &File, offset: u64, length: u64) -> io::Result<(ChainingValue, ChainingValue)> {
    let left = left_subtree_len(length);
    let (one, other) = rayon::join(|| subtree(file, offset, left), || subtree(file, offset + left, length - left));
    Ok((one?, other?))
}

fn hash_part(file: &File, offset: u64, length: u64) -> io::Result<blake3::Hasher> {
    thread_local! {
        static PIECE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    PIECE.with_borrow_mut(|piece| {
        piece.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        file.read_exact_at(piece, offset)?;
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset);
        hasher.update(piece);
        Ok(hasher)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_parts_come_to_the_whole() {
        let bytes: Vec<u8> = (0..5_000_000u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in [0, 1, 1024, 1025, 524_287, 524_288, 524_289, 1_048_576, 1_048_577, 3_000_001, 5_000_000] {
            let mut file = tempfile::tempfile().expect("made");
            file.write_all(&bytes[..length]).expect("written");
            assert_eq!(hash_large(&file, length as u64).expect("reads"), Digest::of(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_is_an_error() {
        let mut file = tempfile::tempfile().expect("made");
        file.write_all(&vec![0; 2_000_000]).expect("written");
        assert_eq!(hash_large(&file, 2_000_001).map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
    }
}
