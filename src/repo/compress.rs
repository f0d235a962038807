//! The two compressions of an index. The same text gives the same bytes: no date, no file name, one thread a file.

use std::io::{self, Write as _};

/// Debian's own choice, and xz's default: 8 MiB of dictionary, which every apt can unpack.
const XZ_PRESET: u32 = 6;

/// An index in all its forms.
pub(super) struct Compressed {
    pub(super) gz: Vec<u8>,
    pub(super) xz: Vec<u8>,
}

pub(super) fn compress(text: &[u8]) -> io::Result<Compressed> {
    // The default header has no name and the time 0.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(text)?;
    // One thread: a stream cut into blocks for several threads has other bytes.
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), XZ_PRESET);
    xz.write_all(text)?;
    Ok(Compressed { gz: gz.finish()?, xz: xz.finish()? })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::package::compression::Compression;

    #[test]
    fn reads_back_and_has_no_date() {
        for text in [&b""[..], b"Package: a\n", &vec![b'x'; 100_000]] {
            let made = compress(text).expect("compresses");
            assert_eq!(&made.gz[..8], b"\x1f\x8b\x08\0\0\0\0\0", "no flags, no time");
            for (kind, bytes) in [(Compression::Gzip, &made.gz), (Compression::Xz, &made.xz)] {
                let mut back = Vec::new();
                kind.reader(&bytes[..]).expect("decoder").read_to_end(&mut back).expect("reads");
                assert_eq!(back, text);
            }
        }
    }
}
