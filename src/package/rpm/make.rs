//! Writes a small `.rpm`: of files that this program makes itself, such as a keyring. Unsigned, with room for a signature.
//!
//! The same content gives the same bytes. Knows nothing of what is in it. Which tags rpm wants of a package, and what its
//! payload is, say its `docs/manual/format_v4.md` and cpio(5).

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use super::header::MAGIC as HEADER_MAGIC;
use super::signature::{Value, header};
use super::{LEAD, MAGIC, tag};
use crate::digest::Sha256;

/// Bytes that are kept free for a signature, as rpm itself does.
const RESERVED: usize = 4_096;

/// SHA-256, as OpenPGP numbers it.
const SHA256: u32 = 8;

/// Flags of a dependency: on rpm itself, not newer.
const RPMLIB: u32 = 0x0100_000a;

/// Flags of a dependency: exactly this version.
const EQUAL: u32 = 8;

/// What a package is called, and what it says of itself: texts of one line, without NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its release.
    pub release: &'a str,
    /// One line about it.
    pub summary: &'a str,
    /// What it is; may have several lines.
    pub description: &'a str,
    /// Its licence.
    pub license: &'a str,
    /// Who made it: name and address.
    pub packager: &'a str,
}

/// A file of a package that is written, mode 0644, owned by root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where it is installed, with the first `/`: plain parts.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is a setting: what people changed in it is put aside, never lost.
    pub is_config: bool,
}

/// The package with these files, sorted by path, for every arch. `time` is that of all its files and of its making, in seconds
/// since 1970.
///
/// # Errors
/// What gzip says: no memory.
pub fn make(about: &About<'_>, files: &[NewFile], time: u32) -> io::Result<Vec<u8>> {
    let archive = cpio(files, time);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(&archive)?;
    let payload = gz.finish()?;
    let main = header(&main(about, files, time, &payload), tag::HEADER_IMMUTABLE);
    let mut signature = header(&signature(&main, &archive, &payload), tag::HEADER_SIGNATURES);
    signature.resize(signature.len().next_multiple_of(8), 0);
    Ok([&lead(about)[..], &signature, &main, &payload].concat())
}

/// What stands in front and nobody reads but for its first bytes.
fn lead(about: &About<'_>) -> [u8; LEAD] {
    let mut lead = [0; LEAD];
    lead[..4].copy_from_slice(&MAGIC);
    // Format 3, a binary package, for arch 1 on system 1, signatures in a header.
    lead[4] = 3;
    lead[9] = 1;
    let name = format!("{}-{}-{}", about.name, about.version, about.release);
    let length = name.len().min(65);
    lead[10..10 + length].copy_from_slice(&name.as_bytes()[..length]);
    lead[77] = 1;
    lead[79] = 5;
    lead
}

fn signature(main: &[u8], archive: &[u8], payload: &[u8]) -> BTreeMap<u32, Value> {
    debug_assert_eq!(main[..4], HEADER_MAGIC);
    BTreeMap::from([
        (tag::SIG_SHA256, Value::string(&Sha256::of(main).to_string())),
        (tag::SIG_SIZE, Value::ints([main.len() + payload.len()])),
        (tag::SIG_PAYLOAD_SIZE, Value::ints([archive.len()])),
        (tag::SIG_RESERVED, Value::binary(vec![0; RESERVED])),
    ])
}

fn main(about: &About<'_>, files: &[NewFile], time: u32, payload: &[u8]) -> BTreeMap<u32, Value> {
    let About { name, version, release, summary, description, license, packager } = about;
    let evr = format!("{version}-{release}");
    let split = |file: &'_ NewFile| {
        let at = file.path.rfind('/').map_or(0, |at| at + 1);
        (file.path[..at].to_owned(), file.path[at..].to_owned())
    };
    let mut folders: Vec<String> = files.iter().map(|file| split(file).0).collect();
    folders.dedup();
    let folder_of = |file: &NewFile| folders.iter().position(|folder| *folder == split(file).0).unwrap_or_default();
    let each = |text: &str| Value::strings(files.iter().map(|_| text.to_owned()));
    // What a reader of the package must understand.
    let rpmlib = [
        ("rpmlib(CompressedFileNames)", "3.0.4-1"),
        ("rpmlib(FileDigests)", "4.6.0-1"),
        ("rpmlib(PayloadFilesHavePrefix)", "4.0-1"),
    ];
    let size: usize = files.iter().map(|file| file.bytes.len()).sum();
    BTreeMap::from([
        (tag::HEADER_I18N, Value::strings(["C".to_owned()])),
        (tag::NAME, Value::string(name)),
        (tag::VERSION, Value::string(version)),
        (tag::RELEASE, Value::string(release)),
        (tag::SUMMARY, Value::i18n(summary)),
        (tag::DESCRIPTION, Value::i18n(description)),
        (tag::BUILD_TIME, Value::ints([time as usize])),
        (tag::BUILD_HOST, Value::string("localhost")),
        (tag::SIZE, Value::ints([size])),
        (tag::LICENSE, Value::string(license)),
        (tag::PACKAGER, Value::string(packager)),
        (tag::GROUP, Value::i18n("Unspecified")),
        (tag::OS, Value::string("linux")),
        (tag::ARCH, Value::string("noarch")),
        (tag::FILE_SIZES, Value::ints(files.iter().map(|file| file.bytes.len()))),
        (tag::FILE_MODES, Value::shorts(files.iter().map(|_| 0o100_644))),
        (tag::FILE_RDEVS, Value::shorts(files.iter().map(|_| 0))),
        (tag::FILE_TIMES, Value::ints(files.iter().map(|_| time as usize))),
        (tag::FILE_DIGESTS, Value::strings(files.iter().map(|file| Sha256::of(&file.bytes).to_string()))),
        (tag::FILE_LINK_TARGETS, each("")),
        (tag::FILE_FLAGS, Value::ints(files.iter().map(|file| usize::from(file.is_config)))),
        (tag::FILE_USERS, each("root")),
        (tag::FILE_GROUPS, each("root")),
        (tag::SOURCE_RPM, Value::string(&format!("{name}-{evr}.src.rpm"))),
        // All that can be verified.
        (tag::FILE_VERIFY_FLAGS, Value::ints(files.iter().map(|_| u32::MAX as usize))),
        (tag::PROVIDE_NAME, Value::strings([(*name).to_owned()])),
        (tag::REQUIRE_FLAGS, Value::ints(rpmlib.map(|_| RPMLIB as usize))),
        (tag::REQUIRE_NAME, Value::strings(rpmlib.map(|(name, _)| name.to_owned()))),
        (tag::REQUIRE_VERSION, Value::strings(rpmlib.map(|(_, version)| version.to_owned()))),
        (tag::FILE_DEVICES, Value::ints(files.iter().map(|_| 1))),
        (tag::FILE_INODES, Value::ints(1..=files.len())),
        (tag::FILE_LANGS, each("")),
        (tag::PROVIDE_FLAGS, Value::ints([EQUAL as usize])),
        (tag::PROVIDE_VERSION, Value::strings([evr.clone()])),
        (tag::DIR_INDEXES, Value::ints(files.iter().map(folder_of))),
        (tag::BASE_NAMES, Value::strings(files.iter().map(|file| split(file).1))),
        (tag::DIR_NAMES, Value::strings(folders.clone())),
        (tag::PAYLOAD_FORMAT, Value::string("cpio")),
        (tag::PAYLOAD_COMPRESSOR, Value::string("gzip")),
        (tag::PAYLOAD_FLAGS, Value::string("9")),
        (tag::FILE_DIGEST_ALGO, Value::ints([SHA256 as usize])),
        (tag::ENCODING, Value::string("utf-8")),
        (tag::PAYLOAD_DIGEST, Value::strings([Sha256::of(payload).to_string()])),
        (tag::PAYLOAD_DIGEST_ALGO, Value::ints([SHA256 as usize])),
    ])
}

/// The payload, in the form `newc`.
fn cpio(files: &[NewFile], time: u32) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut put = |inode: usize, mode: u32, time: u32, name: &str, bytes: &[u8]| {
        let numbers = [inode, mode as usize, 0, 0, 1, time as usize, bytes.len(), 0, 1, 0, 0, name.len() + 1, 0];
        archive.extend_from_slice(b"070701");
        numbers.iter().for_each(|number| archive.extend_from_slice(format!("{number:08x}").as_bytes()));
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    };
    for (at, file) in files.iter().enumerate() {
        put(at + 1, 0o100_644, time, &format!(".{}", file.path), &file.bytes);
    }
    put(0, 0, 0, "TRAILER!!!", b"");
    archive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::rpm::{File, Kind, Package};

    fn sample() -> Vec<u8> {
        let about = About {
            name: "acme-keyring",
            version: "7",
            release: "1",
            summary: "keys",
            description: "two\nlines",
            license: "LicenseRef-Not-Copyrightable",
            packager: "A <a@example.org>",
        };
        let file = |path: &str, is_config| NewFile { path: path.to_owned(), bytes: path.into(), is_config };
        let files = [file("/etc/pki/KEY", false), file("/etc/pki/OTHER", false), file("/etc/yum.repos.d/a.repo", true)];
        make(&about, &files, 315_532_800).expect("made")
    }

    #[test]
    fn it_is_read_back() {
        let bytes = sample();
        assert_eq!(bytes, sample(), "the same bytes again");
        let package = Package::read(&bytes[..]).expect("reads");
        let told = (package.name(), package.version(), package.release(), package.arch(), package.is_source());
        assert_eq!(told, ("acme-keyring", "7", "1", "noarch", false));
        let path = |file: File<'_>| String::from_utf8([file.folder, file.name].concat()).expect("text");
        let files: Vec<String> = package.files().map(path).collect();
        assert_eq!(files, ["/etc/pki/KEY", "/etc/pki/OTHER", "/etc/yum.repos.d/a.repo"]);
        let provides: Vec<_> = package.dependencies(Kind::Provides).map(|one| (one.name, one.evr)).collect();
        assert_eq!(provides, [(&b"acme-keyring"[..], &b"7-1"[..])]);
        assert_eq!(package.header_range().0 % 8, 0);
    }
}
