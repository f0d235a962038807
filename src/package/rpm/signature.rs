//! The signature header of a package, written anew with a signature of the main header in it.
//!
//! What it says of the package stays: digests, sizes, signatures of single files. Signatures that are there go, also those of
//! the old kind, over header and payload. Space that was reserved for a signature is used up, so that a package mostly has
//! the same length as before; where there is none, or not enough, what follows moves.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::header::{Header, INTRO, MAGIC};
use super::{LEAD, Package, RpmError, tag};
use crate::digest::Sha256;

/// Signatures of whatever kind: none of them is kept.
const SIGNATURES: [u32; 9] = [
    259, // the old kinds as rpm names them in its database
    262,
    263,
    tag::SIG_DSA_HEADER,
    tag::SIG_RSA_HEADER,
    tag::SIG_OPENPGP,
    tag::SIG_PGP,
    1003, // PGP 5
    tag::SIG_GPG,
];

/// Types of values, as headers number them.
const INT16: u32 = 3;
const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRINGS: u32 = 8;
const I18N: u32 = 9;

/// What stands before a package's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    lead: [u8; LEAD],
    /// Both headers.
    pub package: Package,
}

/// One value of a header.
pub(super) struct Value {
    kind: u32,
    count: usize,
    bytes: Vec<u8>,
}

impl Value {
    pub fn string(text: &str) -> Self {
        Self { kind: STRING, ..Self::strings([text.to_owned()]) }
    }

    /// A text in one language.
    pub fn i18n(text: &str) -> Self {
        Self { kind: I18N, ..Self::strings([text.to_owned()]) }
    }

    pub fn strings(texts: impl IntoIterator<Item = String>) -> Self {
        let (mut count, mut bytes) = (0, Vec::new());
        for text in texts {
            // One with a NUL in it would be two.
            bytes.extend(text.bytes().filter(|byte| *byte != 0));
            bytes.push(0);
            count += 1;
        }
        Self { kind: STRINGS, count, bytes }
    }

    /// Numbers of 32 bits; what is larger is cut off.
    pub fn ints(numbers: impl IntoIterator<Item = usize>) -> Self {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(|number| (number as u32).to_be_bytes()).collect();
        Self { kind: INT32, count: bytes.len() / 4, bytes }
    }

    pub fn shorts(numbers: impl IntoIterator<Item = u16>) -> Self {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u16::to_be_bytes).collect();
        Self { kind: INT16, count: bytes.len() / 2, bytes }
    }

    pub fn binary(bytes: Vec<u8>) -> Self {
        Self { kind: BINARY, count: bytes.len(), bytes }
    }
}

impl Front {
    /// Reads a package and stops where its payload begins.
    ///
    /// # Errors
    /// As [`Package::read`].
    pub fn read(mut from: impl Read) -> Result<Self, RpmError> {
        let mut lead = [0; LEAD];
        from.read_exact(&mut lead).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => RpmError::Lead,
            _ => RpmError::Cut(error),
        })?;
        let package = Package::read(lead.chain(from))?;
        Ok(Self { lead, package })
    }

    /// The same as bytes, with `signature` under `tag` ([`tag::SIG_RSA_HEADER`], [`tag::SIG_DSA_HEADER`]) as its only
    /// signature: an OpenPGP signature packet over the bytes of the main header. The payload follows as it was.
    pub fn signed(&self, tag: u32, signature: &[u8]) -> Vec<u8> {
        let main = self.package.header.bytes();
        let header = signature_header(&self.package.signature, main, tag, signature);
        let mut bytes = Vec::with_capacity(LEAD + header.len() + main.len());
        bytes.extend_from_slice(&self.lead);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(main);
        bytes
    }
}

/// A signature header, filled up to 8 bytes.
fn signature_header(before: &Header, main: &[u8], tag: u32, signature: &[u8]) -> Vec<u8> {
    let mut values = BTreeMap::new();
    let kept = |tag: &u32| *tag != tag::HEADER_SIGNATURES && *tag != tag::SIG_RESERVED && !SIGNATURES.contains(tag);
    for tag in before.tags().filter(kept) {
        if let Some((kind, count, bytes)) = before.value(tag) {
            values.insert(tag, Value { kind, count, bytes: bytes.to_vec() });
        }
    }
    values.entry(tag::SIG_SHA256).or_insert_with(|| {
        let digits = format!("{}\0", Sha256::of(main));
        Value { kind: STRING, count: 1, bytes: digits.into_bytes() }
    });
    values.insert(tag, Value { kind: BINARY, count: signature.len(), bytes: signature.to_vec() });
    let header = |values: &BTreeMap<u32, Value>| header(values, tag::HEADER_SIGNATURES);
    if before.has(tag::SIG_RESERVED) {
        let wanted = before.bytes().len().next_multiple_of(8);
        // One more entry, and the bytes that it reserves: at least one, as an entry without any is none.
        let room = wanted.checked_sub(header(&values).len() + 16).filter(|room| *room > 0);
        if let Some(room) = room {
            values.insert(tag::SIG_RESERVED, Value { kind: BINARY, count: room, bytes: vec![0; room] });
        }
    }
    let mut bytes = header(&values);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A header of `values` within a region that spans all of them.
pub(super) fn header(values: &BTreeMap<u32, Value>, region: u32) -> Vec<u8> {
    let count = values.len() + 1;
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, value) in values {
        let size = match value.kind {
            INT16 => 2,
            INT32 => 4,
            INT64 => 8,
            _ => 1,
        };
        data.resize(data.len().next_multiple_of(size), 0);
        index.extend(entry(*tag, value.kind, number(data.len()), number(value.count)));
        data.extend_from_slice(&value.bytes);
    }
    let first = entry(region, BINARY, number(data.len()), 16);
    // At the end an entry again, which says by a negative offset where the index began.
    data.extend(entry(region, BINARY, number(16 * count).wrapping_neg(), 16));
    let mut bytes = Vec::with_capacity(INTRO + 16 * count + data.len());
    bytes.extend(MAGIC);
    bytes.extend([0; 4]);
    bytes.extend(number(count).to_be_bytes());
    bytes.extend(number(data.len()).to_be_bytes());
    bytes.extend(first);
    bytes.extend(index);
    bytes.extend(data);
    bytes
}

fn entry(tag: u32, kind: u32, offset: u32, count: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, number) in bytes.chunks_exact_mut(4).zip([tag, kind, offset, count]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("a header that was read has at most 256 MiB, and a signature is small")
}

/// A package whose main header has other values, each with its type and count as `change` gives it by tag; its digests are no
/// longer right.
#[cfg(test)]
pub(in crate::package) fn altered(
    package: &[u8],
    mut change: impl FnMut(u32, u32, usize, Vec<u8>) -> Option<(usize, Vec<u8>)>,
) -> Vec<u8> {
    let front = Front::read(package).expect("reads");
    let before = &front.package.header;
    let mut values = BTreeMap::new();
    for tag in before.tags().filter(|tag| *tag != tag::HEADER_IMMUTABLE) {
        let (kind, count, bytes) = before.value(tag).expect("has it");
        if let Some((count, bytes)) = change(tag, kind, count, bytes.to_vec()) {
            values.insert(tag, Value { kind, count, bytes });
        }
    }
    let start = usize::try_from(front.package.header_range().0).expect("short");
    let end = usize::try_from(front.package.header_range().1).expect("short");
    [&package[..start], &header(&values, tag::HEADER_IMMUTABLE), &package[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/package");

    /// Tags of a signature header with what they hold, but for what a signature changes.
    fn others(header: &Header) -> Vec<(u32, u32, usize, Vec<u8>)> {
        let changed = [tag::HEADER_SIGNATURES, tag::SIG_RESERVED, tag::SIG_RSA_HEADER, tag::SIG_DSA_HEADER];
        let tags = header.tags().filter(|tag| !changed.contains(tag));
        tags.filter_map(|tag| header.value(tag).map(|(kind, count, bytes)| (tag, kind, count, bytes.to_vec())))
            .collect()
    }

    #[test]
    fn a_signature_takes_the_place_of_reserved_space() {
        let front = Front::read(PACKAGE).expect("reads");
        let end = usize::try_from(front.package.header_range().1).expect("short");
        assert!(front.package.signature.has(tag::SIG_RESERVED));
        for length in [1, 7, 100, 566, 4000] {
            let signed = front.signed(tag::SIG_RSA_HEADER, &vec![7; length]);
            assert_eq!(signed.len(), end, "with a signature of {length} bytes");
            let read = Front::read(&signed[..]).expect("reads");
            assert_eq!(read.package.header, front.package.header);
            assert_eq!(others(&read.package.signature), others(&front.package.signature));
            assert_eq!(read.package.signature.binary(tag::SIG_RSA_HEADER), Some(&vec![7; length][..]));
            // Another takes its place, as if it had not been there.
            assert_eq!(read.signed(tag::SIG_DSA_HEADER, &[1; 90]), front.signed(tag::SIG_DSA_HEADER, &[1; 90]));
        }
    }

    #[test]
    fn what_does_not_fit_moves_the_rest() {
        let front = Front::read(PACKAGE).expect("reads");
        let end = usize::try_from(front.package.header_range().1).expect("short");
        let signed = front.signed(tag::SIG_RSA_HEADER, &[7; 9000]);
        assert!(signed.len() > end);
        let read = Front::read(&signed[..]).expect("reads");
        assert_eq!(read.package.header_range().0 % 8, 0);
        assert!(!read.package.signature.has(tag::SIG_RESERVED));
        assert_eq!(others(&read.package.signature), others(&front.package.signature));
        // Once the space is gone, it does not come back.
        let small = read.signed(tag::SIG_RSA_HEADER, &[7; 10]);
        assert!(small.len() < end);
    }

    #[test]
    fn a_digest_is_made_where_there_is_none() {
        let front = Front::read(PACKAGE).expect("reads");
        let (kind, count, bytes) = front.package.signature.value(tag::SIG_SIZE).expect("has one");
        let values = BTreeMap::from([(tag::SIG_SIZE, Value { kind, count, bytes: bytes.to_vec() })]);
        let before = Header::new(header(&values, tag::HEADER_SIGNATURES), tag::HEADER_SIGNATURES).expect("is a header");
        let main = front.package.header.bytes();
        let made = signature_header(&before, main, tag::SIG_RSA_HEADER, b"signature");
        let length = made.len() - (made.len() - INTRO - 4 * 16 - number_at(&made, 12));
        let made = Header::new(made[..length].to_vec(), tag::HEADER_SIGNATURES).expect("is a header");
        assert_eq!(made.tags().collect::<Vec<_>>(), [62, tag::SIG_RSA_HEADER, tag::SIG_SHA256, tag::SIG_SIZE]);
        assert_eq!(made.text(tag::SIG_SHA256), Some(&*Sha256::of(main).to_string()));
        assert_eq!(made.text(tag::SIG_SHA256), front.package.signature.text(tag::SIG_SHA256), "rpm's own");
    }

    fn number_at(bytes: &[u8], at: usize) -> usize {
        bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}
