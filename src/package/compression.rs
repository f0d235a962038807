//! The compressions that source archives, packages and indexes use, told by the file's ending.

use std::io::{self, Read};

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// None.
    None,
    /// RFC 1952.
    Gzip,
    /// The format of bzip2(1).
    Bzip2,
    /// The .xz format.
    Xz,
    /// The legacy .lzma format.
    Lzma,
    /// RFC 8878.
    Zstd,
}

/// The most memory that decompressing one xz stream may take, in bytes: what `xz -9` needs, four times over.
const XZ_MEMORY: u64 = 256 << 20;

impl Compression {
    /// What `file_name` is compressed with: by `.gz`, `.bz2`, `.xz`, `.lzma` or `.zst` at its end.
    pub fn of_name(file_name: &str) -> Self {
        match file_name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("gz") => Self::Gzip,
            Some("bz2") => Self::Bzip2,
            Some("xz") => Self::Xz,
            Some("lzma") => Self::Lzma,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Reads what `from` holds compressed. Bounded in memory, not in length: limit it with [`Read::take`].
    ///
    /// # Errors
    /// Where a decoder cannot be set up. Bad data shows as an error of the returned reader.
    pub fn reader<'a>(self, from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        use liblzma::stream::Stream;
        Ok(match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(from)),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_stream(
                from,
                Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?,
            )),
            Self::Lzma => Box::new(liblzma::read::XzDecoder::new_stream(from, Stream::new_lzma_decoder(XZ_MEMORY)?)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(from)?),
        })
    }
}
