//! YUM repositories: packages of RPM distros in, their places and the metadata that dnf and zypper read out.
//!
//! A repository is one folder for each arch, one beside it for debug packages, and `SRPMS` for source packages; packages without
//! an arch lie in each. Metadata holds digests of *signed* packages, so it is made in two steps: what a repository holds, from
//! unsigned ones, which is a derivation like any other; and the metadata, when a channel is published. It knows no time:
//! `repomd.xml` is text made by [`repomd_text`] for a caller that has a clock, an envelope around files that do not change
//! with it.
//!
//! ```text
//! unsigned packages ─ lay_out ─► <arch>/<letter>/<file>, <arch>-debug/…
//! signed packages ─ divide ─► Piece::of, or a kept one by its key ─ join ─► Metadata ─ repomd_text + a date ─► repomd.xml
//! ```
//!
//! The metadata is what `createrepo_c --no-database` writes of the same files, byte for byte where it is uncompressed, but
//! for this: the time of a file is the package's build time; a dependency's release stands behind the last hyphen and an epoch
//! before its colon only if it is a number, as rpm itself reads them; control characters, for which XML has no place, are left out.

mod layout;
mod package;
mod piece;
mod repomd;
mod requires;
mod xml;

use sha2::Digest as _;

pub use layout::{DEBUG, SOURCES, Unsigned, base_arch, lay_out};
pub use piece::{Piece, divide, key};
pub use repomd::{RepoEntry, repo_file, repomd_text};

use super::{RepoError, packed};
use crate::digest::{Digest, Sha256};
use crate::distro::Repodata;

/// A package in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place below the repository.
    pub location: String,
    /// What the store calls the signed file.
    pub digest: Digest,
    /// Of the signed file.
    pub sha256: Sha256,
    /// Of the signed file, in bytes.
    pub size: u64,
}

/// The files that `repomd.xml` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The primary one, those of files and of changelogs.
    pub files: [MetadataFile; 3],
}

/// A file of metadata, with what `repomd.xml` says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFile {
    /// `primary`, `filelists` or `other`.
    pub kind: &'static str,
    /// How it is compressed.
    pub repodata: Repodata,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of its bytes.
    pub sha256: Sha256,
    /// Of its text.
    pub open_sha256: Sha256,
    /// Length of its text in bytes.
    pub open_size: u64,
}

impl MetadataFile {
    /// Its place below the repository. No other content ever has it.
    pub fn location(&self) -> String {
        let ending = match self.repodata {
            Repodata::Gz => "gz",
            Repodata::Xz => "xz",
            Repodata::Zst => "zst",
        };
        format!("repodata/{}-{}.xml.{ending}", self.sha256, self.kind)
    }
}

/// The kinds of metadata, with the element around each and its namespaces.
const KINDS: [(&str, &str, &str); 3] = [
    (
        "primary",
        "metadata",
        "xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"",
    ),
    ("filelists", "filelists", "xmlns=\"http://linux.duke.edu/metadata/filelists\""),
    ("other", "otherdata", "xmlns=\"http://linux.duke.edu/metadata/other\""),
];

/// Puts the metadata of `count` packages together from their pieces, in their order. Without any, it is that of an empty
/// repository.
///
/// # Errors
/// [`RepoError::Compress`].
pub fn join(repodata: Repodata, count: usize, pieces: &[Piece]) -> Result<Metadata, RepoError> {
    let head = KINDS.map(|(_, element, spaces)| {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{element} {spaces} packages=\"{count}\">\n").into_bytes()
    });
    let head = Piece::pack(repodata, head)?;
    let tail = Piece::pack(repodata, KINDS.map(|(_, element, _)| format!("</{element}>").into_bytes()))?;
    let all = || [&head].into_iter().chain(pieces).chain([&tail]);
    let file = |which: usize| {
        let parts: Vec<_> = all().map(|piece| (&piece.texts[which][..], &piece.packed[which])).collect();
        let bytes = packed::join(repodata, &parts);
        let (mut hasher, mut open_size) = (sha2::Sha256::new(), 0);
        for (text, _) in parts {
            hasher.update(text);
            open_size += text.len() as u64;
        }
        let (sha256, open_sha256) = (Sha256::of(&bytes), Sha256::from_bytes(hasher.finalize().into()));
        MetadataFile { kind: KINDS[which].0, repodata, bytes, sha256, open_sha256, open_size }
    };
    Ok(Metadata { files: [file(0), file(1), file(2)] })
}

#[cfg(test)]
mod tests;
