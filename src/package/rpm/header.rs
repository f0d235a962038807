//! Headers: the two tables of tagged values in a package, as rpm's `docs/manual/format_header.md` defines them.
//!
//! ```text
//! 8e ad e8 01 | 4 bytes unused | entries: u32 | bytes: u32 | entries × (tag, type, offset, count: u32) | bytes
//! ```
//!
//! All of an entry's data is looked for when a header is read, so what is asked of it later is there. Together the entries
//! have no more data than there is, so that no few bytes can be read as many values.

use std::io::{self, Read};

use super::tag;

/// What a header begins with: three bytes of its own and the format's version.
pub(super) const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

/// Length of what stands before the index.
pub(super) const INTRO: usize = 16;

/// The most entries; rpm's own limit.
const MAX_ENTRIES: u32 = 0xffff;

/// The most bytes of index and data; rpm's own limit.
const MAX_BYTES: usize = 256 << 20;

/// Memory that is taken at once for what a header says that it has.
const AT_ONCE: usize = 1 << 20;

/// Why some bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Other first bytes.
    #[error("it does not start as one of format 1 does")]
    Magic,
    /// No entries at all.
    #[error("it has no entries")]
    Empty,
    /// Beyond rpm's limits.
    #[error("it says that it has {entries} entries and {bytes} bytes, and rpm reads no more than 65535 and 256 MiB")]
    TooLarge {
        /// As it says.
        entries: u32,
        /// As it says.
        bytes: u32,
    },
    /// An entry that is none.
    #[error("its entry for the tag {tag} has the type {kind}, which values of that tag cannot have")]
    Type {
        /// Which.
        tag: u32,
        /// As it says.
        kind: u32,
    },
    /// An entry that leads out of the data.
    #[error("its entry for the tag {tag} leads out of its data")]
    Outside {
        /// Which.
        tag: u32,
    },
    /// Entries that share data.
    #[error("its entries say that they have more data than there is")]
    Overlap,
    /// The same tag again.
    #[error("it has the tag {tag} twice")]
    Twice {
        /// Which.
        tag: u32,
    },
    /// A region that does not hold all of it: what is outside is not signed.
    #[error("its entries are not all in the region that is signed")]
    Region,
}

/// A value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// Whole numbers of that many bytes.
    Int(usize),
    /// Texts that end with a NUL.
    String,
    Binary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tag: u32,
    kind: Type,
    count: usize,
    /// Where its data is in all of the header's bytes.
    start: usize,
    end: usize,
}

/// A header that was checked: all of its entries lead to data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    bytes: Vec<u8>,
    /// By tag.
    entries: Vec<Entry>,
}

/// What stands before a header's index.
pub(super) struct Intro {
    bytes: [u8; INTRO],
    rest: usize,
}

impl Intro {
    pub(super) fn new(bytes: [u8; INTRO]) -> Result<Self, HeaderFault> {
        if bytes[..4] != MAGIC {
            return Err(HeaderFault::Magic);
        }
        let (entries, data) = (u32_at(&bytes, 8), u32_at(&bytes, 12));
        if entries == 0 {
            return Err(HeaderFault::Empty);
        }
        let rest = (entries as usize).saturating_mul(16).saturating_add(data as usize);
        if entries > MAX_ENTRIES || rest > MAX_BYTES {
            return Err(HeaderFault::TooLarge { entries, bytes: data });
        }
        Ok(Self { bytes, rest })
    }

    /// Reads the bytes of the header that begins so: memory is taken for what comes, not for what it says.
    pub(super) fn read(self, from: &mut impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(INTRO + self.rest.min(AT_ONCE));
        bytes.extend_from_slice(&self.bytes);
        while bytes.len() < INTRO + self.rest {
            let (start, next) = (bytes.len(), (INTRO + self.rest - bytes.len()).min(AT_ONCE));
            bytes.resize(start + next, 0);
            from.read_exact(&mut bytes[start..])?;
        }
        Ok(bytes)
    }
}

impl Header {
    /// Checks a whole header with the 16 bytes before its index. `region` is the tag of its first entry, such as
    /// [`tag::HEADER_IMMUTABLE`], which must span all of a main header; a signature header of old has none.
    ///
    /// # Errors
    /// What is wrong with it. Bytes that are missing or too many count as entries that lead out of the data.
    pub fn new(bytes: Vec<u8>, region: u32) -> Result<Self, HeaderFault> {
        let intro = bytes.first_chunk().ok_or(HeaderFault::Magic)?;
        let intro = Intro::new(*intro)?;
        if bytes.len() != INTRO + intro.rest {
            return Err(HeaderFault::Outside { tag: region });
        }
        let count = u32_at(&bytes, 8) as usize;
        let data = INTRO + 16 * count;
        let mut entries = Vec::with_capacity(count);
        let mut left = bytes.len() - data;
        for raw in bytes[INTRO..data].chunks_exact(16) {
            let entry = entry(raw, &bytes, data)?;
            left = left.checked_sub(entry.end - entry.start).ok_or(HeaderFault::Overlap)?;
            entries.push(entry);
        }
        check_region(&bytes, &entries, region, data)?;
        entries.sort_by_key(|entry| entry.tag);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].tag == pair[1].tag) {
            return Err(HeaderFault::Twice { tag: pair[0].tag });
        }
        Ok(Self { bytes, entries })
    }

    /// All of its bytes with the 16 before the index: what a header's digests and signatures cover.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Tags that it has, in rising order.
    pub fn tags(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.tag)
    }

    /// Whether it has a value of that tag, whatever its type.
    pub fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// How many values a tag has; 0 where it is missing. Of a binary value, how many bytes.
    pub fn count(&self, tag: u32) -> usize {
        self.find(tag).map_or(0, |entry| entry.count)
    }

    /// The first text of a tag, without the NUL at its end: of a text in several languages, the one for `C`. In whatever
    /// encoding its packager wrote. `None` where it is missing or no text.
    pub fn string(&self, tag: u32) -> Option<&[u8]> {
        self.strings(tag).next()
    }

    /// [`Header::string`], where it is UTF-8.
    pub fn text(&self, tag: u32) -> Option<&str> {
        std::str::from_utf8(self.string(tag)?).ok()
    }

    /// All texts of a tag; none where it is missing or no text.
    pub fn strings(&self, tag: u32) -> Strings<'_> {
        match self.find(tag) {
            Some(entry) if entry.kind == Type::String => Strings { rest: self.data(entry), left: entry.count },
            _ => Strings { rest: &[], left: 0 },
        }
    }

    /// The first number of a tag. `None` where it is missing or no number.
    pub fn int(&self, tag: u32) -> Option<u64> {
        self.ints(tag).next()
    }

    /// All numbers of a tag, of 8 to 64 bits; none where it is missing or no number.
    pub fn ints(&self, tag: u32) -> Ints<'_> {
        match self.find(tag) {
            Some(entry @ Entry { kind: Type::Int(size), .. }) => Ints { rest: self.data(entry), size: *size },
            _ => Ints { rest: &[], size: 1 },
        }
    }

    /// The bytes of a binary value. `None` where it is missing or not binary.
    pub fn binary(&self, tag: u32) -> Option<&[u8]> {
        self.find(tag).filter(|entry| entry.kind == Type::Binary).map(|entry| self.data(entry))
    }

    /// A value as it stands: the number of its type, how many values there are, and their bytes. `None` where it is missing.
    pub(in crate::package) fn value(&self, tag: u32) -> Option<(u32, usize, &[u8])> {
        let entry = self.find(tag)?;
        let kind = self.bytes[INTRO..].chunks_exact(16).find(|raw| u32_at(raw, 0) == tag).map(|raw| u32_at(raw, 4))?;
        Some((kind, entry.count, self.data(entry)))
    }

    fn find(&self, tag: u32) -> Option<&Entry> {
        self.entries.binary_search_by_key(&tag, |entry| entry.tag).ok().map(|place| &self.entries[place])
    }

    fn data(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.start..entry.end]
    }
}

/// Texts of a header, without the NUL at the end of each.
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (text, rest) = self.rest.split_at(length(self.rest)?);
        self.rest = &rest[1..];
        Some(text)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Numbers of a header.
#[derive(Debug, Clone)]
pub struct Ints<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Iterator for Ints<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_at_checked(self.size)?;
        self.rest = rest;
        Some(number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.len() / self.size, Some(self.rest.len() / self.size))
    }
}

/// Length of the text at the front, up to its NUL.
fn length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == 0)
}

fn entry(raw: &[u8], bytes: &[u8], data: usize) -> Result<Entry, HeaderFault> {
    let (tag, kind, offset, count) = (u32_at(raw, 0), u32_at(raw, 4), u32_at(raw, 8), u32_at(raw, 12));
    let wrong = HeaderFault::Type { tag, kind };
    let kind = match kind {
        1 | 2 => Type::Int(1),
        3 => Type::Int(2),
        4 => Type::Int(4),
        5 => Type::Int(8),
        6 if count == 1 => Type::String,
        7 => Type::Binary,
        8 | 9 => Type::String,
        _ => return Err(wrong),
    };
    let outside = HeaderFault::Outside { tag };
    let start = data.saturating_add(offset as usize);
    let here = bytes.get(start..).filter(|_| count > 0).ok_or(outside)?;
    let count = count as usize;
    let length = match kind {
        Type::Int(size) => count.checked_mul(size),
        Type::Binary => Some(count),
        // Each text takes a byte at least, so no count leads far.
        Type::String => (0..count).try_fold(0, |at, _| Some(at + length(&here[at..])? + 1)),
    };
    let length = length.filter(|length| *length <= here.len()).ok_or(outside)?;
    Ok(Entry { tag, kind, count, start, end: start + length })
}

/// Whether the first entry is a region that spans all others: its data is such an entry again, at the end of the data,
/// with the length of the index as a negative offset.
fn check_region(bytes: &[u8], entries: &[Entry], region: u32, data: usize) -> Result<(), HeaderFault> {
    let first = entries.first().ok_or(HeaderFault::Empty)?;
    if first.tag != region {
        return if region == tag::HEADER_SIGNATURES { Ok(()) } else { Err(HeaderFault::Region) };
    }
    let trailer = &bytes[first.start..first.end];
    let whole = first.kind == Type::Binary
        && trailer.len() == 16
        && first.end == bytes.len()
        && u32_at(trailer, 8).wrapping_neg() as usize == data - INTRO;
    if whole || region == tag::HEADER_SIGNATURES { Ok(()) } else { Err(HeaderFault::Region) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
