//! Whether two builds of a package are the same but for the number in their version.
//!
//! A rebuild gets a new number before it is known whether anything else changes. If nothing does, the packages of before
//! stay. Compared is all that gets installed, with the version replaced by one word on both sides: of a `.deb` names, modes,
//! owners, links and contents of files, and the control files, and changelogs are looked into; of an `.rpm` its header. Not
//! compared is what only follows from the rest: `md5sums`, `Installed-Size`, times of files, digests of payloads.

mod rpm;

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::compression::Compression;
use crate::digest::Digest;

/// The most that a member of a package may hold uncompressed, in bytes, to be compared; a larger package counts as
/// different, which costs a rebuild and never an error.
const MAX_CONTENT: u64 = 4 << 30;

/// What a package comes to without its version, by place.
pub type Essence = BTreeMap<String, Thing>;

/// Something in a package, as it gets installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    mode: u32,
    owner: (u64, u64),
    kind: u8,
    link: String,
    content: Digest,
}

impl Thing {
    /// In what it differs from `other`.
    pub fn differs_in(&self, other: &Self) -> Vec<&'static str> {
        let all = [
            ("kind", self.kind != other.kind),
            ("mode", self.mode != other.mode),
            ("owner", self.owner != other.owner),
            ("link", self.link != other.link),
            ("content", self.content != other.content),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// What the package in `from` comes to without `version`: a `.deb` or an `.rpm`, as its first bytes say.
///
/// # Errors
/// Where it is neither, or a `.deb` larger than 4 GiB.
pub fn essence(mut from: impl Read, version: &str) -> io::Result<Essence> {
    let mut magic = [0; 4];
    from.read_exact(&mut magic)?;
    let whole = magic.chain(from);
    if magic == crate::package::rpm::MAGIC { rpm::essence(whole, version) } else { of_deb(whole, version) }
}

fn of_deb(from: impl Read, version: &str) -> io::Result<Essence> {
    let mut essence = Essence::new();
    let mut outer = ar::Archive::new(from);
    while let Some(member) = outer.next_entry() {
        let member = member?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        let part = match name.split('.').next() {
            Some("control") => "control",
            Some("data") => "data",
            _ => continue,
        };
        let content = Compression::of_name(&name).reader(member)?.take(MAX_CONTENT);
        let mut inner = tar::Archive::new(content);
        for entry in inner.entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let of_control = if part == "control" { path.trim_start_matches("./") } else { "" };
            if of_control == "md5sums" {
                continue;
            }
            let header = entry.header();
            let (mode, kind) = (header.mode()?, header.entry_type().as_byte());
            let owner = (header.uid()?, header.gid()?);
            let link =
                entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()).unwrap_or_default();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            if path.ends_with(".gz") {
                let mut plain = Vec::new();
                if Compression::Gzip.reader(&bytes[..])?.take(MAX_CONTENT).read_to_end(&mut plain).is_ok() {
                    bytes = plain;
                }
            }
            if of_control == "control" {
                bytes = without_line(&bytes, b"Installed-Size:");
            }
            let content = Digest::of(&without_version(bytes, version));
            essence.insert(format!("{part}/{path}"), Thing { mode, owner, kind, link, content });
        }
    }
    if essence.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no .deb"));
    }
    Ok(essence)
}

/// A package's file name without `version`.
pub fn name_without_version(file_name: &str, version: &str) -> String {
    file_name.replace(without_epoch(version), "@")
}

fn without_epoch(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

fn without_version(bytes: Vec<u8>, version: &str) -> Vec<u8> {
    [version, without_epoch(version)].into_iter().fold(bytes, |bytes, word| replace(bytes, word.as_bytes()))
}

fn replace(bytes: Vec<u8>, word: &[u8]) -> Vec<u8> {
    let find =
        |from: usize| bytes[from..].windows(word.len()).position(|window| window == word).map(|place| from + place);
    let Some(mut place) = find(0).filter(|_| !word.is_empty()) else { return bytes };
    let (mut replaced, mut copied) = (Vec::with_capacity(bytes.len()), 0);
    loop {
        replaced.extend_from_slice(&bytes[copied..place]);
        replaced.push(b'@');
        copied = place + word.len();
        match find(copied) {
            Some(next) => place = next,
            None => break,
        }
    }
    replaced.extend_from_slice(&bytes[copied..]);
    replaced
}

fn without_line(bytes: &[u8], start: &[u8]) -> Vec<u8> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(start)).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive(files: &[(&str, &[u8])], owner: u64) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_uid(owner);
            header.set_gid(0);
            builder.append_data(&mut header, name, *bytes).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn deb(version: &str, binary: &[u8]) -> Vec<u8> {
        owned(version, binary, 0)
    }

    fn owned(version: &str, binary: &[u8], owner: u64) -> Vec<u8> {
        let control = format!("Package: a\nVersion: {version}\nInstalled-Size: {}\n", version.len());
        let changelog = gzip(format!("a ({version}) unstable\n").as_bytes());
        let mut builder = ar::Builder::new(Vec::new());
        let control = gzip(&archive(&[("./control", control.as_bytes()), ("./md5sums", version.as_bytes())], 0));
        let data = archive(&[("./usr/bin/a", binary), ("./usr/share/doc/a/changelog.Debian.gz", &changelog)], owner);
        for (name, bytes) in [("debian-binary", b"2.0\n".to_vec()), ("control.tar.gz", control), ("data.tar", data)] {
            builder.append(&ar::Header::new(name.into(), bytes.len() as u64), &bytes[..]).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    #[test]
    fn the_number_alone_makes_no_difference() {
        let first = essence(&deb("1:1.0+0opb1", b"x")[..], "1:1.0+0opb1").expect("a deb");
        assert_eq!(first.len(), 3);
        assert_eq!(first, essence(&deb("1:1.0+0opb12", b"x")[..], "1:1.0+0opb12").expect("a deb"));
        assert_ne!(first, essence(&deb("1:1.0+0opb2", b"y")[..], "1:1.0+0opb2").expect("a deb"));
        assert_ne!(first, essence(&owned("1:1.0+0opb2", b"x", 33)[..], "1:1.0+0opb2").expect("a deb"), "another owner");
        assert_eq!(name_without_version("a_1.0+0opb1_amd64.deb", "1:1.0+0opb1"), "a_@_amd64.deb");
    }

    #[test]
    fn rubbish_is_an_error() {
        assert!(essence(&b"rubbish"[..], "1").is_err());
        assert!(essence(&b"!<arch>\n"[..], "1").is_err());
    }
}
