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

pub(super) fn place_of(digest: Digest) -> String {
    format!("log/{digest}.zst")
}

impl Store {
    /// Stores a log's text, durably; returns the text's digest.
    ///
    /// # Errors
    /// [`StoreError::Reading`] where `from` fails; where it cannot be written.
    pub fn put_log(&self, from: &mut impl Read) -> Result<Digest, StoreError> {
        let failed = || io("writing a log", &self.path.join("log"));
        let mut temp = self.temp()?;
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
