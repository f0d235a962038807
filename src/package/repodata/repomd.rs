//! `repomd.xml`: which files a repository's metadata consists of.

use super::xml::{Piece, read as read_xml};
use super::{RepodataError, place, wrong};
use crate::digest::Sha256;

/// The most bytes of a `repomd.xml`.
pub const MAX_REPOMD: u64 = 1 << 20;

/// What a `repomd.xml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repomd {
    /// Its revision as it stands there, mostly a time in seconds since 1970; empty where there is none.
    pub revision: String,
    /// The files, in its order.
    pub files: Vec<MetadataFile>,
}

/// A file of a repository's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataFile {
    /// Such as `primary`, `filelists_db`, `group_gz`.
    pub kind: String,
    /// Its place below the repository.
    pub path: String,
    /// Its SHA-256; `None` where the repository states another digest.
    pub sha256: Option<Sha256>,
    /// Its length in bytes, where that is stated.
    pub size: Option<u64>,
}

impl Repomd {
    /// The file of a kind; of groups, whichever form there is.
    pub fn of_kind(&self, kind: &str) -> Option<&MetadataFile> {
        let is_it = |file: &&MetadataFile| {
            file.kind == kind || kind == "group" && ["group_gz", "group_xz", "group_zst"].contains(&&*file.kind)
        };
        // A compressed form is the smaller one.
        self.files.iter().filter(is_it).max_by_key(|file| file.kind.len())
    }
}

/// Reads a `repomd.xml`.
///
/// # Errors
/// [`RepodataError`]: no XML, no files, a place that leads out of the repository, a digest that is none.
pub fn read(text: &str) -> Result<Repomd, RepodataError> {
    let mut repomd = Repomd::default();
    let (mut way, mut value): (Vec<String>, String) = Default::default();
    let mut is_sha256 = false;
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) => {
                way.push(element.name.to_owned());
                value.clear();
                match (way.len(), element.name) {
                    (1, "repomd") => {}
                    (1, _) => return Err(RepodataError::Missing { what: "element `repomd`".to_owned() }),
                    (2, "data") => {
                        let kind = element.attribute("type")?.unwrap_or_default().into_owned();
                        repomd.files.push(MetadataFile { kind, ..MetadataFile::default() });
                    }
                    (3, "checksum") => is_sha256 = element.attribute("type")?.as_deref() == Some("sha256"),
                    (3, "location") => {
                        let href = element.attribute("href")?.unwrap_or_default().into_owned();
                        if let Some(file) = repomd.files.last_mut() {
                            file.path = place("metadata file", &href)?;
                        }
                    }
                    _ => {}
                }
            }
            Piece::Text(text) => value.push_str(text),
            Piece::Close(name) => {
                let text = value.trim();
                match (way.len(), name, repomd.files.last_mut()) {
                    (2, "revision", _) => repomd.revision = revision(text)?,
                    (3, "checksum", Some(file)) if is_sha256 => {
                        let digest = text.parse().map_err(|_| wrong("digest", text, "is no SHA-256"))?;
                        file.sha256 = Some(digest);
                    }
                    (3, "size", Some(file)) => {
                        file.size = Some(text.parse().map_err(|_| wrong("size", text, "is no number"))?);
                    }
                    _ => {}
                }
                way.pop();
                value.clear();
            }
        }
        Ok(())
    })?;
    let missing = |what: String| Err(RepodataError::Missing { what });
    match repomd.files.iter().find(|file| file.path.is_empty()) {
        Some(file) => missing(format!("place of its file `{}`", file.kind.escape_debug())),
        None if repomd.of_kind("primary").is_none() => missing("file of the kind `primary`".to_owned()),
        None => Ok(repomd),
    }
}

fn revision(text: &str) -> Result<String, RepodataError> {
    if text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Ok(text.to_owned());
    }
    Err(wrong("revision", text, "is longer than 100 characters, or no plain text"))
}
