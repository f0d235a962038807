//! Entries of a zip archive, as PKWARE's APPNOTE.TXT has it: files that are stored or deflated.
//!
//! The directory at the end counts, and it must lie where the archive says: an archive with anything before or behind it may be
//! two to two readers. What it says of a file must be what stands before the file, and be right.

use std::io::{Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{Bounds, Count, Item, MAX_TARGET, UnpackError, cut, damaged, path_of, shown};
use crate::path::{MAX_TREE_PATH, TreePath};

/// Bytes of the record at the end, without its comment.
const END: usize = 22;

/// Bytes of what says where the longer record is, and of that.
const LOCATOR: usize = 20;
const LONG_END: usize = 56;

/// Bytes of a row of the directory, and of what stands before a file, each without names.
const ROW: usize = 46;
const HEAD: usize = 30;

/// A number that stands elsewhere, as it has no room.
const ELSEWHERE: u64 = 0xffff_ffff;

/// Where the directory is.
struct Directory {
    start: u64,
    size: u64,
    rows: u64,
}

/// A row of it.
struct Row {
    name: Vec<u8>,
    mode: u32,
    flags: u64,
    method: u64,
    crc: u64,
    packed: u64,
    size: u64,
    start: u64,
}

pub(super) fn unpack<E: From<UnpackError>>(
    mut from: impl Read + Seek,
    bounds: Bounds,
    each: &mut impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let length = from.seek(SeekFrom::End(0)).map_err(damaged)?;
    let directory = directory(&mut from, length)?;
    let mut count = Count::new(bounds);
    if directory.rows > bounds.entries {
        count.entries = directory.rows;
        count.entry()?;
    }
    let rows = rows(&mut from, &directory, &mut count)?;
    // Files that lie in each other are one file many times.
    let packed = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.packed));
    if packed > directory.start {
        return Err(UnpackError::Shape("files that lie in each other").into());
    }
    for row in rows {
        entry(&mut from, &row, directory.start, each)?;
    }
    Ok(())
}

/// Finds the directory, in an archive of `length` bytes.
fn directory(from: &mut (impl Read + Seek), length: u64) -> Result<Directory, UnpackError> {
    let tail_length = length.min((END + LOCATOR + 0xffff) as u64);
    let tail = bytes_at(from, length - tail_length, usize::try_from(tail_length).unwrap_or(0))?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06") && *at + END + number(&tail[*at..], 20, 2) as usize == tail.len()
    };
    let last = tail.len().checked_sub(END).ok_or_else(|| cut("it is too short"))?;
    let at = (0..=last).rev().find(is_end).ok_or_else(|| cut("its directory is missing, or bytes follow it"))?;
    let end = &tail[at..];
    let mut record = length - tail_length + at as u64;
    let (disks, mut rows) = (number(end, 4, 2) | number(end, 6, 2), number(end, 10, 2));
    let (mut size, mut start) = (number(end, 12, 4), number(end, 16, 4));
    let locator = at.checked_sub(LOCATOR).map(|at| &tail[at..]).filter(|bytes| bytes.starts_with(b"PK\x06\x07"));
    if let Some(locator) = locator {
        record = number(locator, 8, 8);
        let long = bytes_at(from, record, LONG_END)?;
        if !long.starts_with(b"PK\x06\x06") {
            return Err(cut("its directory is missing"));
        }
        (rows, size, start) = (number(&long, 32, 8), number(&long, 40, 8), number(&long, 48, 8));
    }
    if disks != 0 && disks != 0xffff {
        return Err(UnpackError::Form("one part of several"));
    }
    if start.checked_add(size) != Some(record) {
        return Err(UnpackError::Shape("bytes before its beginning or its directory"));
    }
    Ok(Directory { start, size, rows })
}

fn rows(from: &mut (impl Read + Seek), directory: &Directory, count: &mut Count) -> Result<Vec<Row>, UnpackError> {
    from.seek(SeekFrom::Start(directory.start)).map_err(damaged)?;
    let mut from = std::io::BufReader::new(from.take(directory.size));
    let mut rows = Vec::new();
    for _ in 0..directory.rows {
        let mut head = [0; ROW];
        from.read_exact(&mut head).map_err(damaged)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err(cut("a row of its directory is none"));
        }
        let number = |at, length| number(&head, at, length);
        let (name, extra) = (text(&mut from, number(28, 2))?, text(&mut from, number(30, 2))?);
        if name.len() > MAX_TREE_PATH + 3 {
            return Err(cut("a name in its directory is overlong"));
        }
        text(&mut from, number(32, 2))?;
        let (mut size, mut packed, mut start) = (number(24, 4), number(20, 4), number(42, 4));
        long_numbers(&extra, [&mut size, &mut packed, &mut start])?;
        // Who writes modes of Unix says so (19: on Darwin); all others have none.
        let mode = if [3, 19].contains(&number(5, 1)) { (number(38, 4) >> 16) as u32 } else { 0 };
        let (flags, method, crc) = (number(8, 2), number(10, 2), number(16, 4));
        count.entry()?;
        count.bytes(size)?;
        rows.push(Row { name, mode, flags, method, crc, packed, size, start });
    }
    if from.read(&mut [0]).map_err(damaged)? > 0 {
        return Err(UnpackError::Shape("a directory with more rows than it says"));
    }
    Ok(rows)
}

/// Numbers that had no room in a row stand behind it, in this order.
fn long_numbers(mut extra: &[u8], numbers: [&mut u64; 3]) -> Result<(), UnpackError> {
    let mut long: &[u8] = &[];
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
        // Some writers fill up with bytes that are no field.
        let Some(body) = extra.get(4..4 + length) else { break };
        if kind == 1 {
            long = body;
        }
        extra = &extra[4 + length..];
    }
    for slot in numbers {
        if *slot == ELSEWHERE {
            let (bytes, rest) = long.split_first_chunk::<8>().ok_or_else(|| cut("a length is missing"))?;
            (*slot, long) = (u64::from_le_bytes(*bytes), rest);
        }
    }
    Ok(())
}

fn entry<E: From<UnpackError>>(
    from: &mut (impl Read + Seek),
    row: &Row,
    end: u64,
    each: &mut impl FnMut(TreePath, Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let refused = |why| UnpackError::Refused { name: shown(&row.name), why };
    let path = path_of(&row.name)?;
    let head = bytes_at(from, row.start, HEAD)?;
    let name = text(from, number(&head, 26, 2))?;
    text(from, number(&head, 28, 2))?;
    if !head.starts_with(b"PK\x03\x04") || name != row.name {
        return Err(refused("which its directory has where something else is").into());
    }
    let begins = from.stream_position().map_err(damaged)?;
    if begins.checked_add(row.packed).is_none_or(|ends| ends > end) {
        return Err(refused("which is cut short").into());
    }
    if row.flags & 1 != 0 {
        return Err(refused("which is encrypted").into());
    }
    if row.name.ends_with(b"/") {
        return match row.size {
            0 => each(path, Item::Folder),
            _ => Err(refused("a folder with content").into()),
        };
    }
    let packed = from.take(row.packed);
    let mut unpacked: Box<dyn Read + '_> = match row.method {
        0 if row.packed == row.size => Box::new(packed),
        8 => Box::new(DeflateDecoder::new(packed)),
        _ => return Err(refused("which is compressed in a way that is not read").into()),
    };
    let mut content = Checked { from: &mut unpacked, left: row.size, crc: Crc::new() };
    match row.mode & 0o170_000 {
        0o120_000 if row.size > MAX_TARGET => return Err(refused("a link with an overlong target").into()),
        0o120_000 => {
            let mut target = Vec::new();
            content.read_to_end(&mut target).map_err(damaged)?;
            each(path, Item::Link { target: &target })?;
        }
        0 | 0o100_000 => each(path, Item::File { executable: row.mode & 0o100 != 0, content: &mut content })?,
        _ => return Err(refused("which is of a kind that no source has").into()),
    }
    std::io::copy(&mut content, &mut std::io::sink()).map_err(damaged)?;
    let is_right = content.left == 0 && u64::from(content.crc.sum()) == row.crc;
    if !is_right || unpacked.read(&mut [0]).map_err(damaged)? > 0 {
        return Err(refused("which is not what its directory says").into());
    }
    Ok(())
}

/// As many bytes as there should be, summed up.
struct Checked<R> {
    from: R,
    left: u64,
    crc: Crc,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.from.read(&mut buffer[..most])?;
        self.crc.update(&buffer[..length]);
        self.left -= length as u64;
        Ok(length)
    }
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.iter().skip(at).take(length).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// So many bytes further on is near.
const NEAR: u64 = 1 << 10;

fn bytes_at(from: &mut (impl Read + Seek), start: u64, length: usize) -> Result<Vec<u8>, UnpackError> {
    // Files mostly stand behind each other, and to seek loses what has been read ahead.
    let here = from.stream_position().map_err(damaged)?;
    let moved = match start.checked_sub(here) {
        Some(gap @ 0..=NEAR) => std::io::copy(&mut from.by_ref().take(gap), &mut std::io::sink()),
        _ => from.seek(SeekFrom::Start(start)),
    };
    moved.map_err(damaged)?;
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn text(from: &mut impl Read, length: u64) -> Result<Vec<u8>, UnpackError> {
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(cut("it is cut short")) }
}
