//! Columns of numbers, digests and bytes, one after another, for files that this very build of the program reads again.
//!
//! Each column is its length in bytes (eight bytes) and then its items; numbers are little-endian. Whoever reads knows what
//! comes next, and whether the whole is what was written (by a digest around all of it): a column that does not fit is
//! [`Damaged`], never a panic.

use crate::digest::Digest;

/// Bytes that are no columns, or not the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are damaged")]
pub struct Damaged;

/// Appends bytes.
pub fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend((bytes.len() as u64).to_le_bytes());
    to.extend(bytes);
}

/// Appends numbers.
pub fn put_numbers(to: &mut Vec<u8>, numbers: &[u32]) {
    to.extend((numbers.len() as u64 * 4).to_le_bytes());
    to.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// Appends digests.
pub fn put_digests(to: &mut Vec<u8>, digests: impl ExactSizeIterator<Item = Digest>) {
    to.extend((digests.len() as u64 * 32).to_le_bytes());
    digests.for_each(|digest| to.extend(digest.as_bytes()));
}

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a>(pub &'a [u8]);

impl<'a> Columns<'a> {
    /// The next column, as bytes.
    ///
    /// # Errors
    /// [`Damaged`] where there is none of that length.
    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let (length, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Damaged)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The next column, as numbers.
    ///
    /// # Errors
    /// As [`Columns::bytes`].
    pub fn numbers(&mut self) -> Result<Vec<u32>, Damaged> {
        let (numbers, _) = self.bytes()?.as_chunks();
        Ok(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    /// The next column, as numbers of eight bytes.
    ///
    /// # Errors
    /// As [`Columns::bytes`].
    pub fn long_numbers(&mut self) -> Result<Vec<u64>, Damaged> {
        let (numbers, _) = self.bytes()?.as_chunks();
        Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
    }

    /// The next column, as digests.
    ///
    /// # Errors
    /// As [`Columns::bytes`].
    pub fn digests(&mut self) -> Result<Vec<Digest>, Damaged> {
        let (digests, _) = self.bytes()?.as_chunks();
        Ok(digests.iter().map(|digest| Digest::from_bytes(*digest)).collect())
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
