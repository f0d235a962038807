//! What an `.rpm` comes to without the number in its version: its main header, in which file digests stand for contents.
//!
//! All tags are compared, whatever they are, but for those of a list: what only tells when and where it was built, and what
//! follows from the rest. So a tag that a later rpm invents is compared. The payload is not read, so a file with the number in its
//! content makes a difference, as do build ids, which follow from content.

use std::io::{self, Read};

use super::{Essence, Thing, without_version};
use crate::digest::Digest;
use crate::package::rpm::{Package, tag};

/// Tags that are not compared.
const PASSED_OVER: [u32; 20] = [
    tag::HEADER_IMMUTABLE, // says how long the header is
    tag::RELEASE,          // has the number; what stands before and behind it is compared where names have it
    tag::BUILD_TIME,       //
    tag::BUILD_HOST,       //
    tag::SIZE,             // follows from the files
    1034,                  // times of files
    tag::ARCHIVE_SIZE,     // follows from the files
    1064,                  // rpm's own version
    tag::CHANGELOG_TIME,   // compared without the entry of the rebuild
    tag::CHANGELOG_NAME,   //
    tag::CHANGELOG_TEXT,   //
    1094,                  // host and time again, as a cookie
    1095,                  // device numbers of files, as rpmbuild met them
    1146,                  // digest of the source package's header
    tag::LONG_SIZE,        // follows from the files
    271,                   // length of the payload; in main headers of some old rpm
    tag::PAYLOAD_DIGEST,   // follows from the files and their times
    5097,                  // the same, uncompressed
    5112,                  // length of the payload
    5113,                  // the same, uncompressed
];

/// The algorithm of the files' digests, as OpenPGP numbers it.
const FILE_DIGEST_ALGO: u32 = 5011;

/// What stands where a header's type is a text.
const TEXTS: [u32; 3] = [6, 8, 9];

pub(super) fn essence(from: impl Read, version: &str) -> io::Result<Essence> {
    let package = Package::read(from).map_err(io::Error::other)?;
    let header = &package.header;
    // MD5, which is meant where no algorithm stands, says nothing of a content.
    if header.has(tag::FILE_DIGESTS) && header.int(FILE_DIGEST_ALGO).is_none_or(|number| number < 8) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its files have digests that can be forged"));
    }
    let mut essence = Essence::new();
    for tag in header.tags().filter(|tag| !PASSED_OVER.contains(tag)) {
        let Some((kind, count, bytes)) = header.value(tag) else { continue };
        let bytes = if TEXTS.contains(&kind) { without_version(bytes.to_vec(), version) } else { bytes.to_vec() };
        essence.insert(format!("tag {tag}"), thing(kind, count, &bytes));
    }
    for (place, (time, name, text)) in changelog(&package, version).enumerate() {
        let entry = [&time.to_be_bytes()[..], name, b"\0", text].concat();
        essence.insert(format!("change {place}"), thing(0, 1, &without_version(entry, version)));
    }
    Ok(essence)
}

/// The changelog without the entry that a rebuild adds: the first, where it names just this version.
fn changelog<'a>(package: &'a Package, version: &str) -> impl Iterator<Item = (u64, &'a [u8], &'a [u8])> {
    let ending = format!("- {}", super::without_epoch(version));
    let mut first = true;
    package.changelog().filter(move |(_, name, _)| !std::mem::take(&mut first) || !name.ends_with(ending.as_bytes()))
}

fn thing(kind: u32, count: usize, bytes: &[u8]) -> Thing {
    let mut content = Vec::with_capacity(bytes.len() + 12);
    content.extend(kind.to_be_bytes());
    content.extend((count as u64).to_be_bytes());
    content.extend_from_slice(bytes);
    Thing { mode: 0, owner: (0, 0), kind: 0, link: String::new(), content: Digest::of(&content) }
}

#[cfg(test)]
mod tests;
