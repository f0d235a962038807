//! What is in an archive that nobody has vouched for: tar, compressed or not, zip, and the payload of an RPM package.
//!
//! ```text
//! tar.rs, zip.rs, cpio.rs ─► an entry: a checked path, and what is there ─► whoever makes a tree of them
//! ```
//!
//! Nothing is written here, so nothing can be written elsewhere. No length of an archive is trusted: what comes is counted, and
//! all of it together is bounded. What no source has (devices, names that lead upwards, encrypted files) is refused by name,
//! and so is what does not end where it says.

mod cpio;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::io::{self, Read, Seek};

use miette::Diagnostic;

use super::compression::Compression;
use super::member::MemberError;
use super::rpm::RpmError;
use crate::diag::{Cause, Caused};
use crate::path::TreePath;
use crate::remote::archive::Packing;

/// The most bytes that a link's target may have.
const MAX_TARGET: u64 = 4_095;

/// What an archive may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Bounds {
    /// So many for an archive of `size` bytes: sources have a tenth of their size at best, and what unfolds to a thousand times
    /// its own is no source.
    pub fn of(size: u64) -> Self {
        Self { bytes: (64 << 20) + size.saturating_mul(1_000).min(16 << 30), entries: 1_000_000 }
    }
}

/// What is at a path of an archive.
pub enum Item<'a> {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// What is in it.
        content: &'a mut dyn Read,
    },
    /// A symbolic link, which leads anywhere.
    Link {
        /// Where it points.
        target: &'a [u8],
    },
    /// The same file as the one at this path, which has come before.
    Same(TreePath),
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum UnpackError {
    /// It is damaged, or too large.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Member(#[from] MemberError),
    /// An RPM package that is none.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rpm(#[from] RpmError),
    /// Something that no source holds.
    #[error("it holds `{name}`, {why}")]
    #[diagnostic(code(opb::package::unpack::refused))]
    Refused {
        /// The name, as far as it can be shown.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// In a form that is not read.
    #[error("it is {0}, which is not read")]
    #[diagnostic(code(opb::package::unpack::form))]
    Form(&'static str),
    /// Bytes that belong to nothing.
    #[error("it has {0}")]
    #[diagnostic(code(opb::package::unpack::shape))]
    Shape(&'static str),
}

impl Caused for UnpackError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// Reads an archive to its end and gives all that is in it to `each`, in its order.
///
/// # Errors
/// [`UnpackError`], or what `each` gives.
pub fn unpack<E: From<UnpackError>>(
    mut from: impl Read + Seek,
    packing: Packing,
    bounds: Bounds,
    mut each: impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let compression = match packing {
        Packing::Zip => return zip::unpack(from, bounds, &mut each),
        Packing::Rpm => return cpio::unpack(from, bounds, &mut each),
        Packing::Tar => Compression::None,
        Packing::TarGz => Compression::Gzip,
        Packing::TarBz2 => Compression::Bzip2,
        Packing::TarXz => Compression::Xz,
        Packing::TarZst => Compression::Zstd,
    };
    let reader = compression.reader(&mut from).map_err(damaged)?;
    tar::unpack(reader, bounds, &mut each)
}

/// The path that a name of an archive means. `./` in front and `/` at the end are nothing.
fn path_of(name: &[u8]) -> Result<TreePath, UnpackError> {
    let refused = |why| UnpackError::Refused { name: shown(name), why };
    let mut plain = name;
    while let Some(rest) = plain.strip_prefix(b"./") {
        plain = rest;
    }
    let plain = plain.strip_suffix(b"/").unwrap_or(plain);
    if name.iter().any(u8::is_ascii_control) {
        return Err(refused("a name with control characters"));
    }
    TreePath::new(plain).map_err(|_| refused("which is no path of a source"))
}

/// A name for people.
fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars().take(100).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// What it means that an archive has more of something than `limit`.
pub fn too_large(limit: u64, unit: &'static str) -> UnpackError {
    MemberError::TooLarge { limit, unit }.into()
}

/// What it means that an archive could not be read to its end.
pub fn damaged(error: io::Error) -> UnpackError {
    MemberError::Damaged(error).into()
}

fn cut(why: &'static str) -> UnpackError {
    damaged(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// Counts what all entries have together.
struct Count {
    bounds: Bounds,
    entries: u64,
    bytes: u64,
}

impl Count {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: 0, bytes: 0 }
    }

    fn entry(&mut self) -> Result<(), UnpackError> {
        self.entries += 1;
        match self.entries > self.bounds.entries {
            true => Err(too_large(self.bounds.entries, "members")),
            false => Ok(()),
        }
    }

    fn bytes(&mut self, more: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.saturating_add(more);
        match self.bytes > self.bounds.bytes {
            true => Err(too_large(self.bounds.bytes, "bytes uncompressed")),
            false => Ok(()),
        }
    }
}
