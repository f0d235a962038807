//! Archives of upstream and source RPMs as recipes name them: where one is, and what is expected of it.
//!
//! As for repositories, addresses are checked where they are made: no user, no password, nothing that a program could take
//! for an option.

mod rows;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use rows::ArchiveRow;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 2_000;

/// How addresses of archives begin.
const SCHEMES: [&str; 3] = ["https", "http", "file"];

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveKind {
    /// An archive of files: tar, compressed or not, or zip.
    Archive,
    /// A source package of RPM's.
    Srpm,
}

impl ArchiveKind {
    /// The name of its function in recipes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Srpm => "srpm",
        }
    }
}

impl fmt::Display for ArchiveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an archive is packed, which its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Packing {
    /// tar(5), not compressed.
    #[serde(rename = "tar")]
    Tar,
    /// The same in gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// In bzip2.
    #[serde(rename = "tar.bz2")]
    TarBz2,
    /// In xz.
    #[serde(rename = "tar.xz")]
    TarXz,
    /// In Zstandard.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// Zip, as PKWARE's APPNOTE.TXT has it.
    #[serde(rename = "zip")]
    Zip,
    /// An RPM package.
    #[serde(rename = "rpm")]
    Rpm,
}

/// So many first bytes of a file tell its packing.
pub const PACKING_BYTES: usize = 262;

impl Packing {
    /// That of a file that begins with these bytes; `None` where it is none of them.
    pub fn of(first: &[u8]) -> Option<Self> {
        let starts: [(&[u8], Self); 7] = [
            (b"\x1f\x8b", Self::TarGz),
            (b"BZh", Self::TarBz2),
            (b"\xfd7zXZ\0", Self::TarXz),
            (b"\x28\xb5\x2f\xfd", Self::TarZst),
            (b"PK\x03\x04", Self::Zip),
            (b"PK\x05\x06", Self::Zip),
            (b"\xed\xab\xee\xdb", Self::Rpm),
        ];
        let is_tar = || first.get(257..262).is_some_and(|magic| magic == b"ustar").then_some(Self::Tar);
        starts.into_iter().find(|(start, _)| first.starts_with(start)).map(|(_, packing)| packing).or_else(is_tar)
    }

    /// The end of the names of such files, without a dot in front.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarBz2 => "tar.bz2",
            Self::TarXz => "tar.xz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
            Self::Rpm => "src.rpm",
        }
    }
}

/// Which leading folder of an archive is no part of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strip {
    /// The one that all of it lies in, where there is one.
    Single,
    /// None.
    Nothing,
    /// This one, which all of it must lie in.
    Folder(String),
}

/// Where a signature is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignaturePlace {
    /// Beside the file, with `.asc` or `.sig` behind its name.
    Beside,
    /// There.
    At(ArchiveUrl),
}

/// What a recipe takes of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Archive {
    /// What it is.
    pub kind: ArchiveKind,
    /// Where it is, as the recipe says it.
    pub url: ArchiveUrl,
    /// The SHA-256 that the recipe expects, in hexadecimal; `None`: the one that is pinned.
    pub sha256: Option<String>,
    /// The signature that it must have; a source RPM bears its own.
    pub signature: Option<SignaturePlace>,
    /// Files with the keys of whom it must be signed by: beside the recipe until that is known, then from the project's root.
    pub keys: Vec<String>,
    /// The folder of it that is the source, a plain relative path; `None`: all of it.
    pub folder: Option<String>,
    /// What is left out before.
    pub strip: Strip,
}

impl Archive {
    /// All that is at `url`, whatever it is.
    pub fn new(kind: ArchiveKind, url: ArchiveUrl) -> Self {
        Self { kind, url, sha256: None, signature: None, keys: Vec::new(), folder: None, strip: Strip::Single }
    }

    /// The same with its key files in `folder`, below the project's root.
    #[must_use]
    pub fn with_keys_in(self, folder: &str) -> Self {
        let keys = self.keys.iter().map(|key| format!("{folder}/{key}")).collect();
        Self { keys, ..self }
    }

    /// Whether the source is all that is in the archive, so that the archive itself can stand for it.
    pub fn is_whole(&self) -> bool {
        let is_one = match &self.strip {
            Strip::Single => true,
            Strip::Nothing => false,
            // dpkg-source leaves out one folder, and no more.
            Strip::Folder(folder) => !folder.contains('/'),
        };
        self.folder.is_none() && is_one
    }
}

impl fmt::Display for Archive {
    /// As a recipe calls it, less what is only expected of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(\"{}\"", self.kind, self.url)?;
        let mut options = Vec::new();
        options.extend(self.sha256.as_ref().map(|sha256| format!("sha256: \"{}…\"", &sha256[..sha256.len().min(8)])));
        options.extend(self.signature.as_ref().map(|place| match place {
            SignaturePlace::Beside => "signature: true".to_owned(),
            SignaturePlace::At(url) => format!("signature: \"{url}\""),
        }));
        if !self.keys.is_empty() {
            options.push(format!("keys: [\"{}\"]", self.keys.join("\", \"")));
        }
        options.extend(self.folder.as_ref().map(|folder| format!("folder: \"{folder}\"")));
        options.extend(match &self.strip {
            Strip::Single => None,
            Strip::Nothing => Some("strip: false".to_owned()),
            Strip::Folder(folder) => Some(format!("strip: \"{folder}\"")),
        });
        if !options.is_empty() {
            write!(f, ", #{{ {} }}", options.join(", "))?;
        }
        f.write_str(")")
    }
}

impl Serialize for Archive {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ArchiveRow::of(self, self.sha256.clone()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Archive {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let row = ArchiveRow::deserialize(from)?;
        let sha256 = row.sha256.clone();
        row.archive(sha256).map_err(de::Error::custom)
    }
}

/// Where an archive is: a whole address, a file of the project as `./folder/file`, or a short name below the project's base.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveUrl(String);

/// Why a text is no [`ArchiveUrl`]. No text of it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveUrlError {
    /// Spaces, control characters, quotes, `#`, or anything but ASCII; no host; `..`; or overlong.
    #[error("`{0}` is not an address of a file")]
    Shape(String),
    /// Another scheme.
    #[error("files are not reached by `{0}://`")]
    Scheme(String),
    /// A user name or a password.
    #[error("the address of the file on `{0}` holds a user name or a password")]
    Credentials(String),
}

impl ArchiveUrlError {
    /// What to do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Shape(_) => {
                "write an address as in `https://example.org/tool-1.0.tar.xz`, a file of the project as in \
                 `./upstream/tool-1.0.tar.xz`, or a short name as in `tool-1.0.tar.xz`"
            }
            Self::Scheme(_) => "write it with one of `https://`, `http://`, `file://`",
            Self::Credentials(_) => "leave them out: apt's `auth.conf` knows them on each machine",
        }
    }
}

impl ArchiveUrl {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`ArchiveUrlError`] where it is neither an address nor a short name.
    pub fn new(text: &str) -> Result<Self, ArchiveUrlError> {
        // What is before an `@` may be a secret.
        let shown = || match text.contains('@') {
            true => "…".to_owned(),
            false => text.chars().filter(|letter| !letter.is_control()).take(200).collect(),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\<>#*{}$;|()![]^".contains(&byte);
        let is_plain = !text.is_empty() && text.len() <= MAX_ADDRESS && text.bytes().all(plain);
        let shape = || Err(ArchiveUrlError::Shape(shown()));
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = text.strip_prefix("./").unwrap_or(text);
            let good = is_plain && !path.contains(['@', ':', '?', '%']) && path.split('/').all(is_part);
            return if good { Ok(Self(text.to_owned())) } else { shape() };
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((_, host)) = authority.rsplit_once('@') {
            let host = host.chars().filter(char::is_ascii_graphic).take(100).collect();
            return Err(ArchiveUrlError::Credentials(host));
        }
        if !SCHEMES.contains(&scheme) {
            return Err(ArchiveUrlError::Scheme(
                scheme.chars().filter(|letter| !letter.is_control()).take(40).collect(),
            ));
        }
        let host_is_good = match scheme {
            "file" => authority.is_empty() && !path.contains(['?', '%']),
            _ => authority.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()),
        };
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let good = is_plain && host_is_good && path.split('/').all(is_part);
        if good { Ok(Self(text.to_owned())) } else { shape() }
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below the project's root; `None` where it is elsewhere.
    pub fn in_project(&self) -> Option<&str> {
        self.0.strip_prefix("./")
    }

    /// Whether it is a short name, which stands for an address below the project's base.
    pub fn is_short(&self) -> bool {
        self.in_project().is_none() && !self.0.contains("://")
    }

    /// The same with `end` behind the file's name.
    ///
    /// # Errors
    /// [`ArchiveUrlError`] where that is overlong.
    pub fn with_end(&self, end: &str) -> Result<Self, ArchiveUrlError> {
        Self::new(&match self.0.split_once('?') {
            Some((path, query)) => format!("{path}{end}?{query}"),
            None => format!("{}{end}", self.0),
        })
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ArchiveUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ArchiveUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// A part of an address's path: no place above, no option.
fn is_part(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.starts_with('-')
}

/// Whether a text is a SHA-256, in lower-case hexadecimal.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
