//! How an archive that a recipe names is written: in graphs, in `opb eval`, and as the first fields of its row in a lock.

use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveKind, ArchiveUrl, SignaturePlace, Strip, is_sha256};

/// An archive, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRow {
    /// `archive` or `srpm`.
    pub scheme: ArchiveKind,
    /// Where it is.
    pub url: ArchiveUrl,
    /// What the recipe expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The address of its signature, or `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Key files, from the project's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The folder that is the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The leading folder that is left out; empty: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
}

impl ArchiveRow {
    /// That of `archive`, with the digest `sha256`.
    pub fn of(archive: &Archive, sha256: Option<String>) -> Self {
        Self {
            scheme: archive.kind,
            url: archive.url.clone(),
            sha256,
            signature: archive.signature.as_ref().map(|place| match place {
                SignaturePlace::Beside => "true".to_owned(),
                SignaturePlace::At(url) => url.to_string(),
            }),
            keys: archive.keys.clone(),
            folder: archive.folder.clone(),
            strip: match &archive.strip {
                Strip::Single => None,
                Strip::Nothing => Some(String::new()),
                Strip::Folder(folder) => Some(folder.clone()),
            },
        }
    }

    /// The archive, with what the recipe expects.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn archive(self, sha256: Option<String>) -> Result<Archive, String> {
        if let Some(wrong) = sha256.iter().find(|text| !is_sha256(text)) {
            return Err(format!("`{}` is not a SHA-256", wrong.escape_debug()));
        }
        let signature = match self.signature.as_deref() {
            None => None,
            Some("true") => Some(SignaturePlace::Beside),
            Some(url) => Some(SignaturePlace::At(ArchiveUrl::new(url).map_err(|error| error.to_string())?)),
        };
        let strip = match self.strip {
            None => Strip::Single,
            Some(folder) if folder.is_empty() => Strip::Nothing,
            Some(folder) => Strip::Folder(folder),
        };
        let Self { scheme: kind, url, keys, folder, .. } = self;
        Ok(Archive { kind, url, sha256, signature, keys, folder, strip })
    }
}
