//! Where a repository is: a folder, or behind HTTP(S). Gives files and sizes, never more than was asked for.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use nix::fcntl::OFlag;
use sha2::Digest as _;
use ureq::tls::RootCerts;

use super::fault::{Problem, harmless};
use super::folder::Folder;
use super::http::{self, Http};
use super::{ClientError, Limits};
use crate::address::{Address, redact};
use crate::diag::chain;
use crate::digest::Sha256;
use crate::path::TreePath;

/// Bytes that are read at once.
const CHUNK: usize = 128 << 10;

/// A repository's place.
pub struct Server {
    at: At,
    shown: String,
    until: Instant,
}

enum At {
    Folder(Folder),
    Http(Box<Http>),
}

impl Server {
    /// What is at `address`. From `until` on it gives nothing any more.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::Folder`]. A server is not asked yet.
    pub fn open(address: &str, limits: Limits, until: Instant) -> Result<Self, ClientError> {
        if address.starts_with('/') {
            return Self::folder(address, until);
        }
        let wrong = |why: String| ClientError::Address { address: harmless(&redact(address)), why };
        let parsed = Address::new(address).map_err(|error| wrong(error.to_string()))?;
        let shown = parsed.to_string();
        match parsed.scheme() {
            "http" | "https" if parsed.secret() != shown => {
                Err(wrong("a name and a password in it can be seen by all who see what runs here".to_owned()))
            }
            "http" | "https" if shown.contains(['?', '#']) => {
                Err(wrong("what stands behind `?` or `#` belongs to one file".to_owned()))
            }
            "http" | "https" => {
                let http = Http::new(parsed, limits, RootCerts::PlatformVerifier);
                Ok(Self { at: At::Http(Box::new(http)), shown, until })
            }
            "file" => Self::folder(parsed.local_path().unwrap_or_default(), until),
            scheme => Err(wrong(format!("`{scheme}` is apt's own"))),
        }
    }

    fn folder(path: &str, until: Instant) -> Result<Self, ClientError> {
        let folder = Folder::open(path).map_err(|source| ClientError::Folder { folder: harmless(path), source })?;
        let shown = format!("file:{}", path.trim_end_matches('/'));
        Ok(Self { at: At::Folder(folder), shown, until })
    }

    /// The address, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The folder, where it is one: only there can be seen what there is.
    pub fn dir(&self) -> Option<&Dir> {
        match &self.at {
            At::Folder(folder) => Some(folder.dir()),
            At::Http(_) => None,
        }
    }

    fn left(&self) -> Result<Duration, Problem> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Problem::Time) } else { Ok(left) }
    }

    /// A whole file of at most so many bytes.
    pub fn get(&self, path: &str, most: u64) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        let read = self.reader(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| self.broken_off(&error))?;
        if bytes.len() as u64 > most { Err(Problem::TooLong { most }) } else { Ok(bytes) }
    }

    /// Reads a file of which it is known what it has to be. Its bytes are kept where they are wanted, and are never more than
    /// `size`.
    pub fn take(&self, path: &str, sha256: Sha256, size: u64, keep: bool) -> Result<Vec<u8>, Problem> {
        let mut reader = self.reader(path)?;
        let (mut hasher, mut length, mut bytes) = (sha2::Sha256::new(), 0_u64, Vec::new());
        let mut chunk = vec![0; CHUNK];
        loop {
            self.left()?;
            let count = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken_off(&error)),
            };
            length += count as u64;
            if length > size {
                return Err(Problem::Longer { expected: size });
            }
            hasher.update(&chunk[..count]);
            if keep {
                bytes.extend_from_slice(&chunk[..count]);
            }
        }
        if length != size {
            return Err(Problem::Size { found: length, expected: size });
        }
        let found = Sha256::from_bytes(hasher.finalize().into());
        if found != sha256 {
            return Err(Problem::Digest { found: found.to_string(), expected: sha256.to_string() });
        }
        Ok(bytes)
    }

    /// How long a file is, in bytes.
    pub fn length(&self, path: &str) -> Result<u64, Problem> {
        let left = self.left()?;
        match &self.at {
            At::Http(http) => http.length(path, left),
            At::Folder(folder) => match folder.at(path).and_then(|(dir, name)| dir.metadata(name)) {
                Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
                Ok(_) => Err(Problem::Unreadable { why: "it is no file".to_owned() }),
                Err(error) => Err(of_disk(&error)),
            },
        }
    }

    fn reader(&self, path: &str) -> Result<Box<dyn Read + Send>, Problem> {
        let left = self.left()?;
        let folder = match &self.at {
            At::Http(http) => return http.open(path, left),
            At::Folder(folder) => folder,
        };
        // Not to wait for a writer, where somebody has laid a pipe there.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = folder.at(path).and_then(|(dir, name)| dir.open_with(name, &options));
        let file = file.map_err(|error| of_disk(&error))?.into_std();
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Box::new(file)),
            Ok(_) => Err(Problem::Unreadable { why: "it is no file".to_owned() }),
            Err(error) => Err(of_disk(&error)),
        }
    }

    fn broken_off(&self, error: &io::Error) -> Problem {
        match &self.at {
            At::Http(_) => http::broken_off(error),
            At::Folder(_) => of_disk(error),
        }
    }
}

fn of_disk(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Problem::Missing,
        _ => Problem::Broken { why: chain(error) },
    }
}

/// Whether `path` leads to one place below a repository and can be asked for as it is.
pub fn is_plain(path: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_graphic() && !b"\\?#\"'`<>".contains(&byte);
    path.len() <= 1_000 && path.bytes().all(letters) && path.parse::<TreePath>().is_ok()
}
