//! Entries of the payload of an RPM package: cpio(5) in the form that rpm writes, compressed.

use std::io::{Chain, Cursor, Read};

use super::super::compression::Compression;
use super::super::rpm::Package;
use super::{Bounds, Count, Item, UnpackError, cut, damaged, path_of, shown};
use crate::path::TreePath;
use crate::remote::archive::Packing;

/// Bytes of an entry before its name.
const HEAD: usize = 110;

/// The longest name.
const MAX_NAME: u64 = 4_096;

/// The name of what stands at the end.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Gives the files of a source package to `each`.
pub(super) fn unpack<E: From<UnpackError>>(
    mut from: impl Read,
    bounds: Bounds,
    each: &mut impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let package = Package::read(&mut from).map_err(UnpackError::from)?;
    if !package.is_source() {
        return Err(UnpackError::Shape("the packages of a build in it: it is no source package").into());
    }
    let mut reader = payload(from)?;
    let mut count = Count::new(bounds);
    while let Some(entry) = next(&mut reader, &mut count)? {
        let path = path_of(&entry.name)?;
        let refused = |why| UnpackError::Refused { name: shown(&entry.name), why };
        match entry.mode & 0o170_000 {
            0o100_000 if entry.links > 1 => return Err(refused("a hard link, which no source package has").into()),
            0o100_000 => {}
            _ => return Err(refused("which is no plain file").into()),
        }
        count.bytes(entry.size)?;
        let mut content = (&mut reader).take(entry.size);
        each(path, Item::File { executable: entry.mode & 0o100 != 0, content: &mut content })?;
        let left = content.limit();
        let skipped = std::io::copy(&mut content, &mut std::io::sink()).map_err(damaged)?;
        if skipped < left {
            return Err(cut("a file is cut short").into());
        }
        skip(&mut reader, padding(entry.size))?;
    }
    // What follows fills up a block.
    let mut buffer = [0; 4 << 10];
    loop {
        let length = reader.read(&mut buffer).map_err(damaged)?;
        count.bytes(length as u64)?;
        match &buffer[..length] {
            [] => return Ok(()),
            some if some.iter().any(|byte| *byte != 0) => {
                return Err(UnpackError::Shape("bytes behind its end").into());
            }
            _ => {}
        }
    }
}

/// The payload, uncompressed: its first bytes say how, as its header is not asked for what can be seen.
fn payload<'a, R: Read + 'a>(mut from: R) -> Result<Box<dyn Read + 'a>, UnpackError> {
    let mut first = Vec::new();
    (&mut from).take(6).read_to_end(&mut first).map_err(damaged)?;
    let compression = match Packing::of(&first) {
        Some(Packing::TarGz) => Compression::Gzip,
        Some(Packing::TarBz2) => Compression::Bzip2,
        Some(Packing::TarXz) => Compression::Xz,
        Some(Packing::TarZst) => Compression::Zstd,
        _ if first.starts_with(b"07070") => Compression::None,
        _ if first.starts_with(b"\x5d\0\0") => Compression::Lzma,
        _ => return Err(UnpackError::Form("compressed in another way")),
    };
    let whole: Chain<Cursor<Vec<u8>>, R> = Cursor::new(first).chain(from);
    compression.reader(whole).map_err(damaged)
}

/// An entry.
struct Entry {
    name: Vec<u8>,
    mode: u64,
    links: u64,
    size: u64,
}

/// The next entry; `None` at the end.
fn next(from: &mut impl Read, count: &mut Count) -> Result<Option<Entry>, UnpackError> {
    let mut head = [0; HEAD];
    from.read_exact(&mut head).map_err(damaged)?;
    if !head.starts_with(b"070701") && !head.starts_with(b"070702") {
        return Err(UnpackError::Form("packed otherwise than rpm does"));
    }
    let field = |place: usize| {
        let digits = &head[6 + 8 * place..14 + 8 * place];
        let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        text.and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or_else(|| cut("a number is none"))
    };
    let (mode, links, size, length) = (field(1)?, field(4)?, field(6)?, field(11)?);
    if !(1..=MAX_NAME).contains(&length) {
        return Err(cut("a name is overlong"));
    }
    let mut name = Vec::new();
    from.take(length).read_to_end(&mut name).map_err(damaged)?;
    if name.len() as u64 != length || name.pop() != Some(0) {
        return Err(cut("a name does not end"));
    }
    skip(from, padding(HEAD as u64 + length))?;
    count.entry()?;
    count.bytes(length)?;
    Ok((name != TRAILER).then_some(Entry { name, mode, links, size }))
}

/// How many bytes fill up so many to four.
fn padding(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}

fn skip(from: &mut impl Read, length: u64) -> Result<(), UnpackError> {
    match std::io::copy(&mut from.take(length), &mut std::io::sink()).map_err(damaged)? {
        skipped if skipped == length => Ok(()),
        _ => Err(cut("it is cut short")),
    }
}
