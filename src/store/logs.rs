//! Logs of builds, compressed, by the BLAKE3 of the text.

use std::fs::File;
use std::io::{self as std_io, BufReader, Read, Write as _};

use super::error::{StoreError, io};
use super::objects::digest_of;
use super::{Store, Used, fault};
use crate::digest::Digest;

/// The level of compression: logs are written once per build, and text shrinks well at this one.
const LEVEL: i32 = 6;

/// A log's text.
pub struct LogReader(zstd::stream::read::Decoder<'static, BufReader<File>>);

impl Read for LogReader {
    fn read(&mut self, into: &mut [u8]) -> std_io::Result<usize> {
        self.0.read(into)
    }
}

/// When a part of a log came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTime {
    /// Where the part begins, in bytes of the text.
    pub from: u64,
    /// Milliseconds since what wrote the log began.
    pub milliseconds: u64,
}

/// The most times of a log that are kept.
pub const MOST_TIMES: usize = 1 << 18;

/// Before the text's own frame stands one that decoders pass over, if there are times (RFC 8878, skippable frames): its magic
/// number, its length, and compressed pairs of numbers, little-endian, each less the one before it.
const SKIPPED: [u8; 4] = 0x184D_2A54_u32.to_le_bytes();

/// The most bytes of all times, uncompressed and compressed.
const MOST_BYTES: usize = MOST_TIMES * 16;

fn encode_times(times: &[LogTime]) -> std_io::Result<Vec<u8>> {
    let (mut pairs, mut before) = (Vec::new(), LogTime { from: 0, milliseconds: 0 });
    for time in times.iter().take(MOST_TIMES) {
        pairs.extend(time.from.saturating_sub(before.from).to_le_bytes());
        pairs.extend(time.milliseconds.saturating_sub(before.milliseconds).to_le_bytes());
        before = *time;
    }
    let packed = zstd::bulk::compress(&pairs, LEVEL)?;
    let length = u32::try_from(packed.len()).map_err(std_io::Error::other)?;
    Ok([&SKIPPED[..], &length.to_le_bytes(), &packed].concat())
}

/// The times at the beginning of a log's file; `None` where there are none that make sense.
fn decode_times(from: &mut impl Read) -> Option<Vec<LogTime>> {
    let (mut magic, mut length) = ([0; 4], [0; 4]);
    from.read_exact(&mut magic).and_then(|()| from.read_exact(&mut length)).ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    if magic != SKIPPED || length > MOST_BYTES {
        return None;
    }
    let mut packed = vec![0; length];
    from.read_exact(&mut packed).ok()?;
    let pairs = zstd::bulk::decompress(&packed, MOST_BYTES).ok()?;
    let mut time = LogTime { from: 0, milliseconds: 0 };
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    pairs
        .chunks(16)
        .map(|pair| {
            let (from, milliseconds) = pair.split_at_checked(8)?;
            time.from = time.from.checked_add(number(from)?)?;
            time.milliseconds = time.milliseconds.checked_add(number(milliseconds)?)?;
            Some(time)
        })
        .collect()
}

pub(super) fn place_of(digest: Digest) -> String {
    format!("log/{digest}.zst")
}

impl Store {
    /// Stores a log's text, durably; returns the text's digest.
    ///
    /// # Errors
    /// [`StoreError::Reading`] where `from` fails; where it cannot be written.
    pub fn put_log(&self, from: &mut impl Read) -> Result<Digest, StoreError> {
        self.put_log_with_times(from, &[])
    }

    /// As [`Store::put_log`], with the times at which parts of it came, in their order. They are no part of its identity.
    ///
    /// # Errors
    /// As [`Store::put_log`].
    pub fn put_log_with_times(&self, from: &mut impl Read, times: &[LogTime]) -> Result<Digest, StoreError> {
        let failed = || io("writing a log", &self.path.join("log"));
        let mut temp = self.temp()?;
        if !times.is_empty() {
            let frame = encode_times(times).map_err(failed())?;
            temp.file().and_then(|file| file.write_all(&frame)).map_err(failed())?;
        }
        let mut hasher = blake3::Hasher::new();
        let mut encoder = zstd::stream::write::Encoder::new(temp.file().map_err(failed())?, LEVEL).map_err(failed())?;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let count = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std_io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(StoreError::Reading { source }),
            };
            hasher.update(&chunk[..count]);
            encoder.write_all(&chunk[..count]).map_err(failed())?;
        }
        encoder.finish().map_err(failed())?;
        temp.finish(0o644, true).map_err(failed())?;
        let digest = digest_of(&hasher);
        self.uses(&[Used::Log(digest)])?;
        self.rename(temp, &place_of(digest))?;
        self.sync_folder("log")?;
        fault::point("log-stored");
        Ok(digest)
    }

    /// When the parts of a log came, in their order; empty where that is not on record, as of a log that came from a cache.
    ///
    /// # Errors
    /// Where the log cannot be opened.
    pub fn log_times(&self, digest: Digest) -> Result<Vec<LogTime>, StoreError> {
        let place = place_of(digest);
        let file = self.dir.open(&place).map_err(io("opening a log", &self.path.join(&place)))?;
        Ok(decode_times(&mut file.into_std()).unwrap_or_default())
    }

    /// Opens a log's text for reading. It is not verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or where it cannot be opened.
    pub fn open_log(&self, digest: Digest) -> Result<LogReader, StoreError> {
        let place = place_of(digest);
        let failed = || io("opening a log", &self.path.join(&place));
        match self.dir.open(&place) {
            Ok(file) => {
                let decoder = zstd::stream::read::Decoder::new(file.into_std()).map_err(failed())?;
                Ok(LogReader(decoder))
            }
            Err(error) if error.kind() == std_io::ErrorKind::NotFound => {
                Err(StoreError::Missing { what: "log", digest })
            }
            Err(error) => Err(failed()(error)),
        }
    }

    /// A log's text, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::TooLarge`] past `limit` bytes; [`StoreError::Altered`].
    pub fn read_log(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let altered = || StoreError::Altered { what: "log", path: self.path.join(place_of(digest)) };
        let mut text = Vec::new();
        let read = self.open_log(digest)?.take(limit.saturating_add(1)).read_to_end(&mut text);
        if text.len() as u64 > limit {
            return Err(StoreError::TooLarge { name: digest.to_string(), limit });
        }
        // Bytes that do not decompress are as wrong as those that decompress to something else.
        if read.is_ok() && Digest::of(&text) == digest { Ok(text) } else { Err(altered()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_damaged_ones_are_none() {
        let time = |from, milliseconds| LogTime { from, milliseconds };
        let times = vec![time(0, 3), time(10, 3), time(4_000_000_000, 70_000)];
        let frame = encode_times(&times).expect("encodes");
        assert_eq!(decode_times(&mut &frame[..]), Some(times));
        for length in 0..frame.len() {
            assert_eq!(decode_times(&mut &frame[..length]), None, "{length}");
        }
        for place in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[place] ^= 0xff;
            // Whatever comes out, it is bounded, and nothing panics.
            assert!(decode_times(&mut &damaged[..]).is_none_or(|times| times.len() <= MOST_TIMES));
        }
    }
}
