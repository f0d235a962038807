//! Pieces of metadata: what is said of about a hundred packages, in all three files, with what it is compressed to.
//!
//! Where one ends is told by the names of packages alone: a package that comes, goes or gets another version changes the
//! piece that it is in and no other. So a repository that differs in one package is written from kept pieces but for one.

use std::ops::Range;

use super::super::cut::{Shape, cut};
use super::super::packed::{self, Effort, Packed};
use super::{Entry, RepoError, package};
use crate::digest::Digest;
use crate::distro::Repodata;
use crate::package::rpm::Package;

/// The form of the pieces. Another one makes all anew.
const FORM: &str = "opb yum piece 1";

/// Any package whose name is an edge ends a piece.
const SHAPE: Shape = Shape { least: 1, usual: 128, most: 512 };

/// The most bytes of a piece's text of one file: what is believed of a piece that was kept.
const MAX_TEXT: u64 = 1 << 30;

/// What is said of some packages: in the primary metadata, of their files, and of all else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub(super) texts: [Vec<u8>; 3],
    pub(super) packed: [Packed; 3],
}

/// Cuts `entries`, sorted by location, into pieces.
pub fn divide(entries: &[Entry]) -> Vec<Range<usize>> {
    let names: Vec<&[u8]> = entries.iter().map(|entry| package_name(&entry.location).as_bytes()).collect();
    cut(&names, SHAPE)
}

/// The name in `Packages/a/name-version-release.arch.rpm`; all of the file's where it is none of that form.
fn package_name(location: &str) -> &str {
    let file = location.rsplit('/').next().unwrap_or(location);
    file.rsplitn(3, '-').nth(2).unwrap_or(file)
}

/// What a piece of these packages is kept by: it is the same for the same bytes of packages at the same places.
pub fn key(kind: Repodata, entries: &[Entry]) -> Digest {
    let mut text = Vec::with_capacity(64 + entries.len() * 160);
    text.extend_from_slice(format!("{FORM} {kind:?}\n").as_bytes());
    for Entry { location, sha256, size, digest } in entries {
        text.extend_from_slice(digest.as_bytes());
        text.extend_from_slice(sha256.as_bytes());
        text.extend_from_slice(&size.to_le_bytes());
        text.extend_from_slice(location.as_bytes());
        text.push(b'\n');
    }
    Digest::of(&text)
}

impl Piece {
    /// Describes packages.
    ///
    /// # Errors
    /// [`RepoError::Compress`].
    pub fn of(kind: Repodata, packages: &[(&Entry, Package)]) -> Result<Self, RepoError> {
        let mut texts = <[Vec<u8>; 3]>::default();
        for (entry, package) in packages {
            package::describe(&mut texts, entry, package);
        }
        Self::pack(kind, texts)
    }

    pub(super) fn pack(kind: Repodata, texts: [Vec<u8>; 3]) -> Result<Self, RepoError> {
        let failed = |source| RepoError::Compress { path: "repodata".to_owned(), source };
        let [primary, filelists, other] = &texts;
        let pack = |text: &[u8]| packed::pack(kind, Effort::Usual, text).map_err(failed);
        let packed = [pack(primary)?, pack(filelists)?, pack(other)?];
        Ok(Self { texts, packed })
    }

    /// Its bytes, to be kept.
    ///
    /// # Errors
    /// [`RepoError::Compress`].
    pub fn encode(&self) -> Result<Vec<u8>, RepoError> {
        let failed = |source| RepoError::Compress { path: "repodata".to_owned(), source };
        let mut bytes = Vec::new();
        for (text, packed) in self.texts.iter().zip(&self.packed) {
            // Texts are needed for their digest only; the quickest compression keeps them small enough.
            let small = zstd::bulk::compress(text, 1).map_err(failed)?;
            for number in [text.len() as u64, small.len() as u64, packed.bytes.len() as u64, packed.unpadded] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(&small);
            bytes.extend_from_slice(&packed.bytes);
        }
        bytes.extend_from_slice(Digest::of(&bytes).as_bytes());
        Ok(bytes)
    }

    /// The piece of which these are the bytes; `None` where they are damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (mut rest, seal) = bytes.split_last_chunk::<32>()?;
        if Digest::of(rest) != Digest::from_bytes(*seal) {
            return None;
        }
        let mut parts = Vec::new();
        for _ in 0..3 {
            let mut numbers = [0; 4];
            for number in &mut numbers {
                let (first, behind) = rest.split_first_chunk()?;
                (*number, rest) = (u64::from_le_bytes(*first), behind);
            }
            let [text, small, packed, unpadded] = numbers;
            let (small, behind) = rest.split_at_checked(usize::try_from(small).ok()?)?;
            let (packed, behind) = behind.split_at_checked(usize::try_from(packed).ok()?)?;
            rest = behind;
            let length = usize::try_from(text).ok().filter(|_| text <= MAX_TEXT)?;
            let text = zstd::bulk::decompress(small, length).ok().filter(|text| text.len() == length)?;
            parts.push((text, Packed { bytes: packed.to_vec(), unpadded }));
        }
        let [(primary, one), (filelists, two), (other, three)] = parts.try_into().ok()?;
        rest.is_empty().then_some(Self { texts: [primary, filelists, other], packed: [one, two, three] })
    }
}
