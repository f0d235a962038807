//! Columns of numbers, digests and bytes, one after another, for files that this very build of the program reads again.
//!
//! Each column is its length in bytes (eight bytes) and then its items; numbers are little-endian. Whoever reads knows what
//! comes next, and whether the whole is what was written (by a digest around all of it): a column that does not fit is
//! [`Damaged`], never a panic.

use std::io::{self, Write};
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::digest::Digest;

/// A file's content, however it is held.
pub type File = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A column that is left in the file that it was read from until somebody changes it.
#[derive(Clone)]
pub enum Bytes {
    /// Bytes of its own.
    Own(Vec<u8>),
    /// Part of a file.
    In(File, Range<usize>),
}

impl Bytes {
    /// The bytes, to be changed.
    pub fn to_mut(&mut self) -> &mut Vec<u8> {
        if let Self::In(..) = self {
            *self = Self::Own(self.to_vec());
        }
        match self {
            Self::Own(bytes) => bytes,
            Self::In(..) => unreachable!("it is an own one by now"),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::In(file, range) => &(**file).as_ref()[range.clone()],
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// Digests, one after another.
#[derive(Debug, Clone, Default)]
pub struct Digests(Bytes);

impl Digests {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len() / 32
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one at `place`; `None` behind the last one.
    pub fn get(&self, place: usize) -> Option<Digest> {
        let start = place.checked_mul(32)?;
        self.0.get(start..)?.first_chunk().map(|bytes| Digest::from_bytes(*bytes))
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Digest> {
        self.0.as_chunks().0.iter().map(|bytes| Digest::from_bytes(*bytes))
    }

    /// Those at these places.
    ///
    /// # Panics
    /// Where there are none.
    pub fn part(&self, places: Range<usize>) -> impl ExactSizeIterator<Item = Digest> {
        self.0[places.start * 32..places.end * 32].as_chunks().0.iter().map(|bytes| Digest::from_bytes(*bytes))
    }

    /// Adds one.
    pub fn push(&mut self, digest: Digest) {
        self.0.to_mut().extend(digest.as_bytes());
    }

    /// Puts another in the place of the one at `place`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn set(&mut self, place: usize, digest: Digest) {
        self.0.to_mut()[place * 32..][..32].copy_from_slice(digest.as_bytes());
    }
}

impl PartialEq for Digests {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

/// Numbers of eight bytes, one after another.
#[derive(Debug, Clone, Default)]
pub struct LongNumbers(Bytes);

impl LongNumbers {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len() / 8
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one at `place`; `None` behind the last one.
    pub fn get(&self, place: usize) -> Option<u64> {
        let start = place.checked_mul(8)?;
        self.0.get(start..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> {
        self.0.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Adds one.
    pub fn push(&mut self, number: u64) {
        self.0.to_mut().extend(number.to_le_bytes());
    }
}

/// Bytes that are no columns, or not the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are damaged")]
pub struct Damaged;

/// Writes a column of bytes.
///
/// # Errors
/// Those of `to`.
pub fn put_bytes(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Writes a column of numbers.
///
/// # Errors
/// Those of `to`.
pub fn put_numbers(to: &mut dyn Write, numbers: impl ExactSizeIterator<Item = u32>) -> io::Result<()> {
    put_items(to, numbers.map(u32::to_le_bytes))
}

/// Writes a column of numbers of eight bytes.
///
/// # Errors
/// Those of `to`.
pub fn put_long_numbers(to: &mut dyn Write, numbers: impl ExactSizeIterator<Item = u64>) -> io::Result<()> {
    put_items(to, numbers.map(u64::to_le_bytes))
}

/// Writes a column of digests.
///
/// # Errors
/// Those of `to`.
pub fn put_digests(to: &mut dyn Write, digests: impl ExactSizeIterator<Item = Digest>) -> io::Result<()> {
    put_items(to, digests.map(|digest| *digest.as_bytes()))
}

/// In pieces: a column of a large graph is large itself.
fn put_items<const N: usize>(to: &mut dyn Write, items: impl ExactSizeIterator<Item = [u8; N]>) -> io::Result<()> {
    to.write_all(&(items.len() as u64 * N as u64).to_le_bytes())?;
    let mut piece = Vec::with_capacity(PIECE);
    for item in items {
        piece.extend(item);
        if piece.len() + N > PIECE {
            to.write_all(&piece)?;
            piece.clear();
        }
    }
    to.write_all(&piece)
}

/// Bytes that are written at once.
const PIECE: usize = 64 << 10;

/// What is left to be read of a file.
#[derive(Clone)]
pub struct Columns {
    file: File,
    rest: Range<usize>,
}

impl Columns {
    /// The columns of `file` from `start` on.
    pub fn of(file: File, start: usize) -> Self {
        let end = (*file).as_ref().len();
        Self { rest: start.min(end)..end, file }
    }

    /// The next column, left where it is.
    ///
    /// # Errors
    /// [`Damaged`] where there is none of that length.
    pub fn shared(&mut self) -> Result<Bytes, Damaged> {
        let (length, after) = (*self.file).as_ref()[self.rest.clone()].split_first_chunk().ok_or(Damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Damaged)?;
        if length > after.len() {
            return Err(Damaged);
        }
        let start = self.rest.start + 8;
        self.rest.start = start + length;
        Ok(Bytes::In(self.file.clone(), start..start + length))
    }

    /// The next column, as numbers.
    ///
    /// # Errors
    /// As [`Columns::shared`].
    pub fn numbers(&mut self) -> Result<Vec<u32>, Damaged> {
        let column = self.shared()?;
        Ok(column.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    /// The next column, as numbers of eight bytes.
    ///
    /// # Errors
    /// As [`Columns::shared`].
    pub fn long_numbers(&mut self) -> Result<Vec<u64>, Damaged> {
        let column = self.shared()?;
        Ok(column.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect())
    }

    /// The next column, as numbers of eight bytes, left where they are.
    ///
    /// # Errors
    /// As [`Columns::shared`].
    pub fn shared_long_numbers(&mut self) -> Result<LongNumbers, Damaged> {
        self.shared().map(LongNumbers)
    }

    /// The next column, as digests.
    ///
    /// # Errors
    /// As [`Columns::shared`].
    pub fn digests(&mut self) -> Result<Digests, Damaged> {
        self.shared().map(Digests)
    }

    /// Where the next column stands in the file.
    pub fn place(&self) -> usize {
        self.rest.start
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
