//! What an index says of a binary package wherever it lies: read from the package once, and kept by whoever calls.
//!
//! Knows how it becomes bytes and is read from them again, not where those are kept or whether they can be believed.

use super::{Blob, Fields, RepoError, field, stanza};
use crate::name::PackageName;
use crate::package::version::Version;

/// The form of the bytes. Raise it with whatever changes what is in them, and with what an index says of a package.
pub const FORM: &str = "opb deb facts 1";

/// What is known of a binary package from its control file and the names of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub(super) version: Version,
    /// Whether it holds debug symbols that were split off from another package.
    pub(super) is_debug: bool,
    /// Its texts, one behind the other: a repository reads those of thousands of packages each time.
    texts: Box<str>,
    /// Where each ends.
    ends: [usize; TEXTS],
    /// Names of its files, each ended by NUL, which none has in it. Sorted, without folders.
    files: Box<[u8]>,
}

/// How many texts there are, and which is which. The stanza's are what it has before the archive's own fields, and behind them.
const TEXTS: usize = 6;
const NAME: usize = 0;
const ARCH: usize = 1;
const SOURCE: usize = 2;
const SECTION: usize = 3;
const HEAD: usize = 4;
const TAIL: usize = 5;

impl Facts {
    /// Reads a package's control file. `files` are the names of its files, sorted; `from` is its own, for messages.
    ///
    /// # Errors
    /// [`RepoError::Missing`] and [`RepoError::Field`]: what an index cannot hold, or a path.
    pub fn new(control: &Fields, files: &[Vec<u8>], from: &str) -> Result<Self, RepoError> {
        let name = checked_name(stanza::required(control, "Package", from)?, "Package", from)?;
        let source = field(control, "Source").and_then(|source| source.split_whitespace().next());
        let source = checked_name(source.unwrap_or(&name), "Source", from)?;
        let arch = stanza::required(control, "Architecture", from)?;
        let section = field(control, "Section").unwrap_or_default();
        let (head, tail) = stanza::binary(control, from)?;
        let is_debug = field(control, "Auto-Built-Package").is_some_and(|of| of == "debug-symbols");
        let files = files.iter().filter(|name| !name.contains(&0)).flat_map(|name| [name, &b"\0"[..]].concat());
        let files: Vec<u8> = files.collect();
        Ok(Self::of(version(control, from)?, is_debug, [&name, arch, &source, section, &head, &tail], &files))
    }

    fn of(version: Version, is_debug: bool, texts: [&str; TEXTS], files: &[u8]) -> Self {
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len();
            end
        });
        Self { version, is_debug, texts: texts.concat().into(), ends, files: files.into() }
    }

    fn text(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start..self.ends[number]]
    }

    pub(super) fn name(&self) -> &str {
        self.text(NAME)
    }

    pub(super) fn arch(&self) -> &str {
        self.text(ARCH)
    }

    /// Its source package.
    pub(super) fn source(&self) -> &str {
        self.text(SOURCE)
    }

    /// Empty where it has none.
    pub(super) fn section(&self) -> &str {
        self.text(SECTION)
    }

    /// Appends its stanza, with the empty line at its end.
    pub(super) fn put_stanza(&self, to: &mut Vec<u8>, folder: &str, file: &Blob) {
        to.extend_from_slice(self.text(HEAD).as_bytes());
        stanza::put_file(to, folder, file);
        to.extend_from_slice(self.text(TAIL).as_bytes());
        to.push(b'\n');
    }

    /// Names of its files, sorted.
    pub(super) fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.files.split(|byte| *byte == 0).filter(|name| !name.is_empty())
    }

    /// How many files those are, at most.
    pub(super) fn count_files(&self) -> usize {
        self.files.iter().filter(|byte| **byte == 0).count()
    }

    /// Appends it as bytes.
    pub fn encode(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.is_debug));
        put(to, self.name().as_bytes());
        put(to, self.version.as_str().as_bytes());
        for number in [ARCH, SOURCE, SECTION, HEAD, TAIL] {
            put(to, self.text(number).as_bytes());
        }
        put(to, &self.files);
    }

    /// What [`Facts::encode`] wrote; `None` where the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (is_debug, mut rest) = bytes.split_first()?;
        let mut text = || std::str::from_utf8(take(&mut rest)?).ok();
        let [name, version, arch, source, section, head, tail] =
            [text()?, text()?, text()?, text()?, text()?, text()?, text()?];
        let files = take(&mut rest)?;
        let version = Version::new(version).ok()?;
        let facts = Self::of(version, *is_debug == 1, [name, arch, source, section, head, tail], files);
        rest.is_empty().then_some(facts)
    }
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    to.extend_from_slice(bytes);
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *from = rest;
    Some(bytes)
}

/// The name of a package, which becomes part of a path.
pub(super) fn checked_name(text: &str, name: &str, from: &str) -> Result<String, RepoError> {
    match PackageName::new(text) {
        Ok(checked) => Ok(checked.as_str().to_owned()),
        Err(_) => Err(RepoError::Field { package: from.to_owned(), field: name.to_owned() }),
    }
}

pub(super) fn version(fields: &Fields, from: &str) -> Result<Version, RepoError> {
    Version::new(stanza::required(fields, "Version", from)?)
        .map_err(|_| RepoError::Field { package: from.to_owned(), field: "Version".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Facts {
        let fields = [
            ("Package", "libmd0-dbgsym"),
            ("Source", "libmd (1.0)"),
            ("Version", "1:1.0-1"),
            ("Architecture", "amd64"),
            ("Auto-Built-Package", "debug-symbols"),
            ("Section", "debug"),
            ("Description", "symbols\n for libmd0"),
        ];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let files = [b"usr/lib/a b".to_vec(), b"usr/lib/\xff\n".to_vec(), b"odd\0name".to_vec()];
        Facts::new(&fields.to_vec(), &files, "a.deb").expect("good")
    }

    #[test]
    fn bytes_are_read_back_or_not_at_all() {
        let facts = sample();
        assert!(facts.is_debug);
        assert_eq!(facts.files().collect::<Vec<_>>(), [&b"usr/lib/a b"[..], b"usr/lib/\xff\n"]);
        let mut bytes = Vec::new();
        facts.encode(&mut bytes);
        assert_eq!(Facts::decode(&bytes), Some(facts));
        for end in 0..bytes.len() {
            assert_eq!(Facts::decode(&bytes[..end]), None, "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(Facts::decode(&bytes), None);
        bytes[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Facts::decode(&bytes), None, "a length that leads nowhere");
    }
}
