//! Hashing a large file on all cores.
//!
//! BLAKE3 is a tree over the file, so its parts are hashed apart and put together. Each part is mapped and made present
//! first: a disk that cannot give it back is an error then, and not the end of the process, and nothing is copied. Where the
//! kernel does not know that (before 5.14), a part is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};

use memmap2::{Advice, Mmap, MmapOptions};

use super::objects::digest_of;
use crate::digest::Digest;

/// What one core hashes at a time, in bytes; a power of two. Large, as all cores are interrupted where a mapping ends.
const PART: u64 = if cfg!(test) { 512 << 10 } else { 16 << 20 };

/// The least bytes that are worth a mapping.
const LEAST: usize = 128 << 10;

/// The digest of the first `length` bytes of `file`, by all threads of the pool that this is called in.
///
/// # Errors
/// Where the file cannot be read, or is shorter.
pub(super) fn hash_large(file: &File, length: u64) -> io::Result<Digest> {
    // What lies behind the end in its last page is there, and is not the file's.
    if file.metadata()?.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
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
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match mapped(file, offset, length)? {
        Some(map) => hasher.update(&map),
        None => hasher.update(&read(file, offset, length)?),
    };
    Ok(hasher)
}

/// A part of a file, present in memory; `None` where it is too short to be worth it, or the kernel cannot say.
fn mapped(file: &File, offset: u64, length: usize) -> io::Result<Option<Mmap>> {
    if length < LEAST {
        return Ok(None);
    }
    // SAFETY: only hashed. Files of a store are never written to once they have a name; were one altered all the same, its
    // digest would be another. Were one cut off between here and the hashing, the process would end and lose nothing.
    let map = unsafe { MmapOptions::new().offset(offset).len(length).map(file) }?;
    match map.advise(Advice::PopulateRead) {
        Ok(()) => Ok(Some(map)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
        // What lies beyond the end, or on a place of the disk that cannot be read.
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) => Err(error),
    }
}

fn read(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_parts_come_to_the_whole() {
        let bytes: Vec<u8> = (0..5_000_000u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in [0, 1, 1024, 1025, 131_072, 524_287, 524_288, 524_289, 1_048_576, 1_048_577, 3_000_001, 5_000_000]
        {
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
