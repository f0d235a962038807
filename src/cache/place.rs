//! Where a cache is: a folder, a server that serves one, or one file. The only code that knows the difference.

use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

use super::archive::Archive;
use super::error::CacheError;
use super::folder::Folder;
use super::http::Http;
use super::list::{LIST, List, MAX_LIST};
use crate::path::HostPath;

/// A place that holds the files of a cache.
pub enum Place {
    /// A folder of this machine.
    Folder(Folder),
    /// A server.
    Http(Http),
    /// One file.
    Archive(Arc<Archive>),
}

/// An open file of a cache.
pub struct Body {
    /// Its bytes. Nothing is known of them yet, not even that they end.
    pub reader: Box<dyn Read + Send>,
    /// The byte that they begin at: a server may not have understood that a part was wanted.
    pub from: u64,
    /// The length of the whole file, where that is known.
    pub total: Option<u64>,
}

/// What asking for a file came to.
pub enum Answer {
    /// It is there.
    Body(Body),
    /// There is none.
    Missing,
}

/// What is sent to a cache.
pub enum Content {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A file, from its beginning.
    File(std::fs::File),
}

/// Which list was read, so that it is replaced by nobody who does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// There was none.
    None,
    /// The bytes themselves.
    Bytes(Vec<u8>),
    /// The server's word for them; `None` where it has none.
    Entity(Option<String>),
}

/// An address of a cache, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A folder.
    Folder(HostPath),
    /// `http://` or `https://`, without a slash at the end.
    Http(String),
}

impl Address {
    /// `https://…`, `http://…`, or the path of a folder: `file:///…`, absolute, or relative to `base`.
    ///
    /// # Errors
    /// [`CacheError::Address`] for other schemes, and where there is a user's name in it: what is secret stands in a file.
    pub fn parse(text: &str, base: &HostPath) -> Result<Self, CacheError> {
        // What may be secret is not shown: a name and password, and what follows a `?`.
        let shown = || {
            let text = text.rsplit('@').next().unwrap_or(text);
            text.split(['?', '#']).next().unwrap_or(text).chars().take(200).collect::<String>()
        };
        let wrong = || CacheError::Address { address: shown().escape_debug().to_string() };
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(wrong());
        }
        match text.split_once("://") {
            Some(("http" | "https", rest)) => {
                let host = rest.split('/').next().unwrap_or_default();
                if host.is_empty() || text.contains(['@', '?', '#', ' ']) {
                    return Err(wrong());
                }
                Ok(Self::Http(text.trim_end_matches('/').to_owned()))
            }
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Folder(HostPath::new(path))),
            Some(_) => Err(wrong()),
            None => Ok(Self::Folder(base.join(text))),
        }
    }

    /// A name for it where nobody gave one: the host, or the folder's name.
    pub fn name(&self) -> String {
        match self {
            Self::Http(url) => url.split('/').nth(2).unwrap_or(url).to_owned(),
            Self::Folder(path) => {
                path.as_path().file_name().map_or_else(|| path.to_string(), |name| name.to_string_lossy().into_owned())
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Folder(path) => write!(f, "{path}"),
        }
    }
}

impl Place {
    /// Makes the folder, where it is one and is not there; begins the file, where it is one.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn make(&self) -> Result<(), CacheError> {
        match self {
            Self::Folder(folder) => folder.made().map(drop),
            Self::Http(_) => Ok(()),
            Self::Archive(archive) => archive.begin(),
        }
    }

    /// Ends all that is asked for, and every later question at once.
    pub fn halt(&self) {
        if let Self::Http(http) = self {
            http.halt();
        }
    }

    /// Whether it is across a network.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// Whether it is one file of this machine, which may have trees that no record names.
    pub fn is_at_hand(&self) -> bool {
        matches!(self, Self::Archive(_))
    }

    /// A whole small file; `None` where there is none. A longer one than `limit` bytes is damaged.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn read(&self, path: &str, limit: u64, cache: &str, until: Instant) -> Result<Option<Vec<u8>>, CacheError> {
        let answer = match self {
            Self::Folder(folder) => folder.open(path, 0)?,
            Self::Http(http) => http.get(path, None, until)?.0,
            Self::Archive(archive) => archive.open(path, 0)?,
        };
        let Answer::Body(body) = answer else { return Ok(None) };
        self.drain(body, path, limit, cache).map(Some)
    }

    /// So many bytes of a file from one on.
    ///
    /// # Errors
    /// [`CacheError`]; [`CacheError::Missing`] where there is no such file.
    pub fn read_part(
        &self,
        path: &str,
        (from, length): (u64, u64),
        cache: &str,
        until: Instant,
    ) -> Result<Vec<u8>, CacheError> {
        let answer = match self {
            Self::Folder(folder) => folder.open(path, from)?,
            Self::Http(http) => http.get(path, Some((from, length)), until)?.0,
            Self::Archive(archive) => archive.open(path, from)?,
        };
        let Answer::Body(mut body) = answer else {
            return Err(CacheError::Missing { cache: cache.to_owned(), path: path.to_owned() });
        };
        // The whole file instead: what comes before is passed over.
        let skip = from.saturating_sub(body.from);
        if skip > 0 {
            let skipped = std::io::copy(&mut (&mut body.reader).take(skip), &mut std::io::sink());
            skipped.map_err(|source| self.broken(source, path, cache))?;
        }
        let limited = Body { reader: Box::new(body.reader.take(length)), from, total: None };
        self.drain(limited, path, length, cache)
    }

    /// Opens a large file at the byte `from`, for `length` bytes at most; at its beginning and for all of it where the server
    /// does not know parts.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(&self, path: &str, from: u64, length: u64, until: Instant) -> Result<Answer, CacheError> {
        match self {
            Self::Folder(folder) => folder.open(path, from),
            Self::Http(http) => Ok(http.get(path, Some((from, length)), until)?.0),
            Self::Archive(archive) => archive.open(path, from),
        }
    }

    /// Opens a file of whatever length at its beginning.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn stream(&self, path: &str, until: Instant) -> Result<Answer, CacheError> {
        match self {
            Self::Folder(folder) => folder.open(path, 0),
            Self::Http(http) => Ok(http.get(path, None, until)?.0),
            Self::Archive(archive) => archive.open(path, 0),
        }
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn has(&self, path: &str) -> Result<bool, CacheError> {
        match self {
            Self::Folder(folder) => folder.has(path),
            Self::Http(http) => http.has(path),
            Self::Archive(archive) => archive.has(path),
        }
    }

    /// Writes a file that never changes.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn put(&self, path: &str, content: Content) -> Result<(), CacheError> {
        match (self, content) {
            (Self::Folder(folder), Content::Bytes(bytes)) => folder.put(path, &mut &bytes[..]),
            (Self::Folder(folder), Content::File(mut file)) => folder.put(path, &mut file),
            (Self::Http(http), content) => http.put(path, content, None).map(drop),
            (Self::Archive(archive), content) => archive.put(path, content),
        }
    }

    /// Makes all that was put durable, before the list names it.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn settle(&self) -> Result<(), CacheError> {
        match self {
            Self::Folder(folder) => folder.settle(),
            // What is one file is made durable when it is finished.
            Self::Http(_) | Self::Archive(_) => Ok(()),
        }
    }

    /// The list, and which it is. A cache that has none is an empty one.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn list(&self, cache: &str, until: Instant) -> Result<(List, Vec<u8>, Tag), CacheError> {
        let (answer, entity) = match self {
            Self::Folder(folder) => (folder.open(LIST, 0)?, None),
            Self::Http(http) => http.get(LIST, None, until)?,
            Self::Archive(archive) => (archive.open(LIST, 0)?, None),
        };
        let Answer::Body(body) = answer else {
            let list = List::default();
            return Ok((list.clone(), list.encode(), Tag::None));
        };
        let bytes = self.drain(body, LIST, MAX_LIST, cache)?;
        let list = List::parse(&bytes, cache)?;
        let tag = if self.is_remote() { Tag::Entity(entity) } else { Tag::Bytes(bytes.clone()) };
        Ok((list, bytes, tag))
    }

    /// Puts `new` in the place of the list that `tag` stands for; `false` where another is there by now.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn swap_list(&self, tag: &Tag, new: &[u8]) -> Result<bool, CacheError> {
        match (self, tag) {
            (Self::Folder(folder), Tag::Bytes(old)) => folder.swap_list(Some(old), new),
            (Self::Folder(folder), _) => folder.swap_list(None, new),
            (Self::Http(http), tag) => http.put(LIST, Content::Bytes(new.to_vec()), Some(tag)),
            (Self::Archive(archive), _) => archive.finish(new).map(|()| true),
        }
    }

    fn drain(&self, body: Body, path: &str, limit: u64, cache: &str) -> Result<Vec<u8>, CacheError> {
        let mut bytes = Vec::new();
        let read = body.reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| self.broken(source, path, cache))?;
        if bytes.len() as u64 > limit {
            let why = format!("it has more than {limit} bytes");
            return Err(CacheError::Damaged { cache: cache.to_owned(), path: path.to_owned(), why });
        }
        Ok(bytes)
    }

    /// What a body that breaks off means.
    pub fn broken(&self, source: std::io::Error, path: &str, cache: &str) -> CacheError {
        if super::http::is_late(&source) {
            return super::http::slow(cache, path);
        }
        let why = super::http::without_queries(&crate::diag::chain(&source));
        CacheError::Unreachable { cache: cache.to_owned(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let base = HostPath::new("/project");
        let name = |text: &str| Address::parse(text, &base).map(|address| (address.to_string(), address.name()));
        let is = |text: &str, address: &str, called: &str| {
            assert_eq!(name(text).expect("an address"), (address.to_owned(), called.to_owned()));
        };
        is("https://c.example.org/a/", "https://c.example.org/a", "c.example.org");
        is("http://127.0.0.1:80", "http://127.0.0.1:80", "127.0.0.1:80");
        is("../cache", "/project/../cache", "cache");
        is("/srv/cache", "/srv/cache", "cache");
        is("file:///srv/cache", "/srv/cache", "cache");
        for wrong in ["", "ftp://a/b", "https://", "https://user:secret@a/b", "https://a/?b", "a\nb", "file://host/a"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        let error = name("https://user:secret@a/b").expect_err("a secret in it");
        assert_eq!(error.to_string(), "`a/b` is no address of a cache");
        let error = name("https://a/b?sig=secret").expect_err("a secret in it");
        assert_eq!(error.to_string(), "`https://a/b` is no address of a cache");
    }
}
