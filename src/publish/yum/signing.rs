//! Signed packages of a distro, in one file: looking up thousands of records costs as much as all other metadata.
//!
//! The list is believed as it is, and left out where something that it names is not in the store any more.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, YumSettings, kept_bytes, write_kept};
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::publish::signed;
use crate::sign::Signer;
use crate::sign::rpm::PackageSigner;
use crate::store::Signed;

/// The form of the list. Another one makes it anew.
const FORM: &str = "opb signed list 1";

/// The bytes of a row: the unsigned package, the signed one, its SHA-256 and its size.
const ROW: usize = 104;

/// A signed package in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedFile {
    /// What it was before.
    pub unsigned: Digest,
    /// The signed file.
    pub signed: Digest,
    /// Of the signed file.
    pub sha256: Sha256,
    /// Of the signed file, in bytes.
    pub size: u64,
}

/// Signed packages of a distro, and where they lie.
#[derive(Debug)]
pub struct SignedFiles {
    /// The folder below which they lie: the id of the part of the key that signs them, and the digest unless it is SHA-256.
    /// Whatever signs otherwise gives them other bytes.
    pub folder: String,
    /// The packages.
    pub files: Vec<SignedFile>,
}

/// The packages `unsigned` with signatures by `signer`, as the list of before has them where `believe` says so; all others
/// are looked up, or signed now. `now` is in seconds since 1970. Adds the list's name to `pieces`.
///
/// # Errors
/// A key that the distro's rpm does not check, and whatever keeps a package from being signed.
pub fn signed_files(
    place: &Place<'_>,
    signer: &Signer,
    settings: &YumSettings,
    unsigned: &BTreeSet<Digest>,
    now: u64,
    believe: bool,
    pieces: &mut BTreeSet<Digest>,
) -> Result<SignedFiles, Failure> {
    let YumSettings { distro, signing, .. } = settings;
    let ready = PackageSigner::new(signer, signing, now)?;
    let name = Digest::of(format!("{FORM} {distro} {} {}", ready.kind(), ready.parts().join(" ")).as_bytes());
    pieces.insert(name);
    let part = ready.parts().first().map(|part| part.to_ascii_lowercase()).unwrap_or_default();
    let id = &part[part.len().saturating_sub(16)..];
    let folder = if ready.kind() == "sha256" { id.to_owned() } else { format!("{id}-{}", ready.kind()) };
    let before = if believe { kept_bytes(place, name).and_then(|bytes| decode(&bytes)) } else { None };
    let before: BTreeMap<Digest, SignedFile> = before.into_iter().flatten().map(|file| (file.unsigned, file)).collect();
    let lacking: Vec<Digest> = unsigned.iter().filter(|digest| !before.contains_key(digest)).copied().collect();
    let mut files: Vec<SignedFile> = unsigned.iter().filter_map(|digest| before.get(digest)).copied().collect();
    if lacking.is_empty() && before.len() == files.len() {
        return Ok(SignedFiles { folder, files });
    }
    for made in signed::packages(place.store, signer, signing, &lacking, now)? {
        let Signed { unsigned, signed, sha256, size, .. } = made;
        files.push(SignedFile { unsigned, signed, sha256, size });
    }
    write_kept(place, name, &encode(&files))?;
    Ok(SignedFiles { folder, files })
}

fn encode(files: &[SignedFile]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(files.len() * ROW + 32);
    for SignedFile { unsigned, signed, sha256, size } in files {
        bytes.extend_from_slice(unsigned.as_bytes());
        bytes.extend_from_slice(signed.as_bytes());
        bytes.extend_from_slice(sha256.as_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
    }
    bytes.extend_from_slice(Digest::of(&bytes).as_bytes());
    bytes
}

/// `None` where the bytes are not what was written.
fn decode(bytes: &[u8]) -> Option<Vec<SignedFile>> {
    let (rows, seal) = bytes.split_last_chunk::<32>()?;
    if Digest::of(rows) != Digest::from_bytes(*seal) || rows.len() % ROW != 0 {
        return None;
    }
    let row = |row: &[u8]| {
        let (unsigned, rest) = row.split_first_chunk::<32>()?;
        let (signed, rest) = rest.split_first_chunk::<32>()?;
        let (sha256, size) = rest.split_first_chunk::<32>()?;
        Some(SignedFile {
            unsigned: Digest::from_bytes(*unsigned),
            signed: Digest::from_bytes(*signed),
            sha256: Sha256::from_bytes(*sha256),
            size: u64::from_le_bytes(*size.first_chunk()?),
        })
    };
    rows.chunks_exact(ROW).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_back_or_not_at_all() {
        let file = |text: &str| SignedFile {
            unsigned: Digest::of(text.as_bytes()),
            signed: Digest::of(&text.as_bytes()[1..]),
            sha256: Sha256::of(text.as_bytes()),
            size: 7,
        };
        for files in [vec![], vec![file("one"), file("two")]] {
            let bytes = encode(&files);
            assert_eq!(decode(&bytes), Some(files));
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert_eq!(decode(&other), None);
                assert_eq!(decode(&bytes[..at]), None);
            }
        }
    }
}
