//! Compressing a text piece by piece, so that pieces that did not change are not compressed again.
//!
//! What comes out is one stream all the same, as readers of metadata stop behind the first one: the deflated pieces of a gzip
//! file end on a byte's edge and refer to nothing before them; those of an xz file are its blocks, behind which one index
//! lists them (the .xz format, version 1.2.1, sections 2 to 4). Only Zstandard's are frames, of which its readers take any
//! number.

use std::io::{self, Write as _};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};

use crate::distro::Repodata;

/// xz's default, and Debian's choice.
const XZ_PRESET: u32 = 6;

/// The level at which zlib-rs makes indexes smallest: a twentieth smaller than by `gzip -9`. Its 9 looks for longer matches
/// only, and comes out larger than its 6.
const DEFLATE_INDEX: u32 = 8;

/// What `createrepo_c` takes.
const ZSTD_LEVEL: i32 = 10;

/// Length of an xz stream's header, and of its footer.
const XZ_EDGE: usize = 12;

/// A compressed piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// A part of a compressed file.
    pub bytes: Vec<u8>,
    /// Of an xz block, its length without the bytes that fill it up; else 0.
    pub unpadded: u64,
}

/// How hard a piece is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As the programs do by default.
    Usual,
    /// As for an index that is fetched far more often than it is made: as small as gzip can, and xz told that it is text.
    Index,
}

/// Compresses a piece.
pub(super) fn pack(kind: Repodata, effort: Effort, text: &[u8]) -> io::Result<Packed> {
    match kind {
        Repodata::Gz => Ok(Packed { bytes: deflated(text, effort)?, unpadded: 0 }),
        Repodata::Xz => xz_block(text, effort),
        Repodata::Zst => Ok(Packed { bytes: zstd::bulk::compress(text, ZSTD_LEVEL)?, unpadded: 0 }),
    }
}

/// Puts pieces together to one file. Each comes with its text.
pub(super) fn join(kind: Repodata, pieces: &[(&[u8], &Packed)]) -> Vec<u8> {
    let length: usize = pieces.iter().map(|(_, packed)| packed.bytes.len()).sum();
    let mut file = Vec::with_capacity(length + 64 + 20 * pieces.len());
    match kind {
        // No flags, no time, no name; an unknown system.
        Repodata::Gz => file.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]),
        Repodata::Xz => xz_edge(&mut file, None),
        Repodata::Zst => {}
    }
    pieces.iter().for_each(|(_, packed)| file.extend_from_slice(&packed.bytes));
    match kind {
        Repodata::Gz => {
            // A last block with nothing in it.
            file.extend_from_slice(&[3, 0]);
            let mut crc = Crc::new();
            pieces.iter().for_each(|(text, _)| crc.update(text));
            file.extend_from_slice(&crc.sum().to_le_bytes());
            file.extend_from_slice(&crc.amount().to_le_bytes());
        }
        Repodata::Xz => {
            let start = file.len();
            file.push(0);
            vli(&mut file, pieces.len() as u64);
            for (text, packed) in pieces {
                vli(&mut file, packed.unpadded);
                vli(&mut file, text.len() as u64);
            }
            file.resize(start + (file.len() - start).next_multiple_of(4), 0);
            let crc = crc32(&file[start..]);
            file.extend_from_slice(&crc);
            let index = file.len() - start;
            xz_edge(&mut file, Some(index));
        }
        Repodata::Zst => {}
    }
    file
}

fn deflated(text: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level = if effort == Effort::Index { Compression::new(DEFLATE_INDEX) } else { Compression::default() };
    let mut compress = Compress::new(level, false);
    let mut bytes = Vec::with_capacity(text.len() / 8 + 64);
    loop {
        let rest = &text[usize::try_from(compress.total_in()).unwrap_or(text.len())..];
        let status = compress.compress_vec(rest, &mut bytes, FlushCompress::Full).map_err(io::Error::other)?;
        let is_done = compress.total_in() == text.len() as u64 && bytes.len() < bytes.capacity();
        if is_done || status == Status::StreamEnd {
            return Ok(bytes);
        }
        bytes.reserve(bytes.len().max(64));
    }
}

/// The only block of a stream that liblzma makes. Its dictionary is no larger than what it has to hold: a larger one would
/// be cleared for each piece.
fn xz_block(text: &[u8], effort: Effort) -> io::Result<Packed> {
    let mut options = LzmaOptions::new_preset(XZ_PRESET)?;
    if effort == Effort::Index {
        // Text has no words of four bytes, and what stands before a letter tells much of it: about a hundredth smaller.
        options.position_bits(0).literal_context_bits(4);
    }
    let dictionary = text.len().next_power_of_two().clamp(4096, 8 << 20);
    options.dict_size(u32::try_from(dictionary).unwrap_or(8 << 20));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc64)?;
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text)?;
    let mut bytes = encoder.finish()?;
    let strange = || io::Error::other("a stream of liblzma has not the shape that the format asks for");
    // Of the index: its length from the footer, and the first of its two numbers.
    let footer = bytes.len().checked_sub(XZ_EDGE).ok_or_else(strange)?;
    let backward = u32::from_le_bytes(*bytes[footer + 4..].first_chunk().ok_or_else(strange)?);
    let index = footer.checked_sub(4 * (backward as usize + 1)).ok_or_else(strange)?;
    let (records, unpadded) = (bytes.get(index + 1).copied(), read_vli(&bytes[index + 2..footer]));
    match unpadded {
        Some(unpadded) if records == Some(1) => {
            bytes.truncate(index);
            bytes.drain(..XZ_EDGE);
            Ok(Packed { bytes, unpadded })
        }
        _ => Err(strange()),
    }
}

/// The header of an xz stream; or with the length of its index, the footer.
fn xz_edge(to: &mut Vec<u8>, index: Option<usize>) {
    // CRC64 as the check of blocks.
    const FLAGS: [u8; 2] = [0, 4];
    match index {
        None => {
            to.extend_from_slice(b"\xfd7zXZ\0");
            to.extend_from_slice(&FLAGS);
            to.extend_from_slice(&crc32(&FLAGS));
        }
        Some(index) => {
            let backward = u32::try_from(index / 4 - 1).unwrap_or(u32::MAX).to_le_bytes();
            let middle = [&backward[..], &FLAGS].concat();
            to.extend_from_slice(&crc32(&middle));
            to.extend_from_slice(&middle);
            to.extend_from_slice(b"YZ");
        }
    }
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// Appends a number of the .xz format: seven bits a byte, the low ones first.
fn vli(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

fn read_vli(bytes: &[u8]) -> Option<u64> {
    let length = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)?;
    Some(bytes[..=length].iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::package::compression::Compression as Format;

    fn texts() -> [Vec<u8>; 5] {
        let mixed = |count: u32| -> Vec<u8> {
            (0..count).flat_map(|at| format!("<a>{}</a>\n", at * at).into_bytes()).collect()
        };
        [b"<all>\n".to_vec(), mixed(3), mixed(20_000), vec![b'x'; 300_000], b"</all>".to_vec()]
    }

    #[test]
    fn pieces_are_one_stream() {
        let kinds = [(Repodata::Gz, "gz"), (Repodata::Xz, "xz"), (Repodata::Zst, "zst")];
        let all = kinds.iter().flat_map(|kind| [Effort::Usual, Effort::Index].map(|effort| (kind, effort)));
        for (&(kind, ending), effort) in all {
            let texts = texts();
            let packed: Vec<Packed> = texts.iter().map(|text| pack(kind, effort, text).expect("packs")).collect();
            let pieces: Vec<(&[u8], &Packed)> = texts.iter().map(Vec::as_slice).zip(&packed).collect();
            let file = join(kind, &pieces);
            let mut back = Vec::new();
            Format::of_name(&format!("a.{ending}"))
                .reader(&file[..])
                .expect("decoder")
                .read_to_end(&mut back)
                .expect("reads");
            assert!(back == texts.concat(), "{ending}");
            assert!(file.len() * 3 < back.len(), "{ending}: {} of {}", file.len(), back.len());
        }
    }

    #[test]
    fn a_reader_that_stops_behind_one_stream_has_all() {
        let texts = texts();
        for kind in [Repodata::Gz, Repodata::Xz] {
            let packed: Vec<Packed> =
                texts.iter().map(|text| pack(kind, Effort::Index, text).expect("packs")).collect();
            let pieces: Vec<(&[u8], &Packed)> = texts.iter().map(Vec::as_slice).zip(&packed).collect();
            let file = join(kind, &pieces);
            let mut back = Vec::new();
            let read = match kind {
                Repodata::Gz => flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut back),
                _ => liblzma::read::XzDecoder::new(&file[..]).read_to_end(&mut back),
            };
            assert_eq!(read.expect("reads"), texts.concat().len());
        }
    }

    #[test]
    fn the_programs_themselves_take_them() {
        for (kind, program) in [(Repodata::Gz, "gzip"), (Repodata::Xz, "xz"), (Repodata::Zst, "zstd")] {
            let text = texts().concat();
            let packed = pack(kind, Effort::Index, &text).expect("packs");
            let file = join(kind, &[(&text, &packed), (&text, &packed)]);
            let started = std::process::Command::new(program)
                .arg("-t")
                .stdin(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn();
            let Ok(mut child) = started else {
                println!("skipped: no {program} here");
                continue;
            };
            child.stdin.take().expect("piped").write_all(&file).expect("writes");
            let ended = child.wait_with_output().expect("ends");
            assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
        }
    }

    #[test]
    fn numbers_of_the_xz_format() {
        for number in [0, 1, 127, 128, 300, 1 << 20, u64::MAX >> 1] {
            let mut bytes = Vec::new();
            vli(&mut bytes, number);
            assert_eq!(read_vli(&bytes), Some(number));
        }
        assert_eq!(read_vli(&[0x80]), None);
    }
}
