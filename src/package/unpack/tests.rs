use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use ::tar::{Builder, EntryType, Header};
use flate2::write::{DeflateEncoder, GzEncoder};

use super::*;

/// A package that rpmbuild made.
const SOURCE_RPM: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/source");

/// What an archive holds, by path; and how that is told.
type Held = BTreeMap<String, String>;

fn held_within(bytes: &[u8], packing: Packing, bounds: Bounds) -> Result<Held, UnpackError> {
    let mut held = Held::new();
    unpack(Cursor::new(bytes), packing, bounds, |path, item| {
        let told = match item {
            Item::Folder => "folder".to_owned(),
            Item::Link { target } => format!("-> {}", String::from_utf8_lossy(target)),
            Item::Same(of) => format!("= {of}"),
            Item::File { executable, content } => {
                let mut text = Vec::new();
                content.read_to_end(&mut text).map_err(damaged)?;
                format!("{}{}", if executable { "* " } else { "" }, String::from_utf8_lossy(&text))
            }
        };
        held.insert(path.to_string(), told);
        Ok::<_, UnpackError>(())
    })?;
    Ok(held)
}

fn held(bytes: &[u8], packing: Packing) -> Result<Held, UnpackError> {
    held_within(bytes, packing, Bounds::of(bytes.len() as u64))
}

fn list(held: &Held) -> Vec<(&str, &str)> {
    held.iter().map(|(path, told)| (path.as_str(), told.as_str())).collect()
}

fn told(bytes: &[u8], packing: Packing) -> String {
    crate::diag::chain(&held(bytes, packing).expect_err("refused"))
}

/// A tar archive with these entries: a kind, a name, the target of a link, and content.
fn tar(entries: &[(EntryType, &[u8], &str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, target, content) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(if name.ends_with(b"run") { 0o6755 } else { 0o644 });
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

fn file(name: &str) -> Vec<u8> {
    tar(&[(EntryType::Regular, name.as_bytes(), "", b"x")])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).expect("in memory");
    gz.finish().expect("in memory")
}

/// A zip archive of one file, stored unless `deflated`, with a mode of Unix.
fn zip(name: &[u8], mode: u32, content: &[u8], deflated: bool) -> Vec<u8> {
    let packed = if deflated {
        let mut deflate = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        deflate.write_all(content).expect("in memory");
        deflate.finish().expect("in memory")
    } else {
        content.to_vec()
    };
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let both = |bytes: &mut Vec<u8>| {
        bytes.extend(20_u16.to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(if deflated { 8_u16 } else { 0 }.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(crc.sum().to_le_bytes());
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
    };
    let mut bytes = b"PK\x03\x04".to_vec();
    both(&mut bytes);
    bytes.extend(name);
    bytes.extend(&packed);
    let start = bytes.len();
    bytes.extend(b"PK\x01\x02\x14\x03");
    both(&mut bytes);
    bytes.extend([0; 6]);
    bytes.extend((mode << 16).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(name);
    let size = bytes.len() - start;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend((size as u32).to_le_bytes());
    bytes.extend((start as u32).to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes
}

/// A source package with a payload of these entries: a mode, a name, content.
fn rpm(entries: &[(u32, &str, &[u8])]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut put = |mode: u32, name: &str, content: &[u8]| {
        let numbers = [1, mode, 0, 0, 1, 0, content.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        payload.extend(b"070701");
        numbers.iter().for_each(|number| payload.extend(format!("{number:08x}").bytes()));
        payload.extend(name.bytes().chain([0]));
        payload.resize(payload.len().next_multiple_of(4), 0);
        payload.extend(content);
        payload.resize(payload.len().next_multiple_of(4), 0);
    };
    entries.iter().for_each(|(mode, name, content)| put(*mode, name, content));
    put(0, "TRAILER!!!", b"");
    let package = crate::package::rpm::Package::read(SOURCE_RPM).expect("reads");
    let before = usize::try_from(package.header_range().1).expect("short");
    [&SOURCE_RPM[..before], &gzip(&payload)].concat()
}

#[test]
fn all_packings_hold_the_same() {
    let plain = tar(&[
        (EntryType::Directory, b"./", "", b""),
        (EntryType::Directory, b"a/", "", b""),
        (EntryType::Regular, b"./a/x", "", b"text"),
        (EntryType::Regular, b"a/run", "", b"#!"),
        (EntryType::Symlink, b"a/l", "../b", b""),
        (EntryType::Link, b"a/h", "a/x", b""),
    ]);
    // What may be set beside permission to execute, no source has.
    let expected = [("a", "folder"), ("a/h", "= a/x"), ("a/l", "-> ../b"), ("a/run", "* #!"), ("a/x", "text")];
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(&plain).expect("in memory");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).expect("in memory");
    let all = [
        (plain.clone(), Packing::Tar),
        (gzip(&plain), Packing::TarGz),
        (bz2.finish().expect("in memory"), Packing::TarBz2),
        (xz.finish().expect("in memory"), Packing::TarXz),
        (zstd::encode_all(&plain[..], 1).expect("in memory"), Packing::TarZst),
    ];
    for (bytes, packing) in all {
        assert_eq!(Packing::of(&bytes), Some(packing));
        assert_eq!(list(&held(&bytes, packing).expect("fine")), expected, "{packing:?}");
        // Cut anywhere, it is not whole.
        for end in [bytes.len() - 1_024.min(bytes.len() / 2), bytes.len() / 2, bytes.len() / 3] {
            let refused = held(&bytes[..end], packing).is_err();
            assert!(refused, "{packing:?} cut at {end} of {}", bytes.len());
        }
        // Neither is anything behind it a part of it, be it another archive.
        for more in [b"x".to_vec(), file("evil")] {
            assert!(held(&[bytes.clone(), more].concat(), packing).is_err(), "{packing:?}");
        }
    }
    let joined = [gzip(&plain), gzip(&file("evil"))].concat();
    assert_eq!(told(&joined, Packing::TarGz), "it is damaged or cut short: bytes follow the end of the archive");
    let halves = [gzip(&plain[..1_000]), gzip(&plain[1_000..])].concat();
    assert_eq!(list(&held(&halves, Packing::TarGz).expect("one archive in two streams")), expected);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let path = |name: &str| format!("it holds `{name}`, which is no path of a source");
    for name in ["../x", "/etc/passwd", "a/../../x", "a//b", "..", "a/./b"] {
        assert_eq!(told(&file(name), Packing::Tar), path(name));
        assert_eq!(told(&zip(name.as_bytes(), 0o100_644, b"x", false), Packing::Zip), path(name));
    }
    let control = "it holds `a?b`, a name with control characters";
    assert_eq!(told(&file("a\nb"), Packing::Tar), control);
    assert_eq!(told(&file("a\u{1b}b"), Packing::Tar), control);
    assert_eq!(told(&zip(b"a\0b", 0o100_644, b"x", false), Packing::Zip), control);
    let out = tar(&[(EntryType::Link, b"a", "/etc/shadow", b"")]);
    assert_eq!(told(&out, Packing::Tar), "it holds `a`, a hard link that leads out of the source");
    // Long names are in entries of their own; so is a NUL, and the depth of a path.
    let long = |name: &[u8]| {
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::XHeader);
        let record = [b" path=", name, b"\n"].concat();
        let length = (1..10).find_map(|digits| {
            let length = record.len() + digits;
            (length.to_string().len() == digits).then_some(length)
        });
        let record = [length.expect("short").to_string().as_bytes(), &record].concat();
        header.set_size(record.len() as u64);
        header.set_cksum();
        builder.append(&header, &record[..]).expect("in memory");
        let mut header = Header::new_gnu();
        header.set_size(0);
        header.set_path("x").expect("short");
        header.set_cksum();
        builder.append(&header, &b""[..]).expect("in memory");
        builder.into_inner().expect("in memory")
    };
    assert_eq!(told(&long(b"a\0b"), Packing::Tar), control);
    assert_eq!(told(&long(b"../../x"), Packing::Tar), path("../../x"));
    let deep = "d/".repeat(30_000) + "x";
    assert!(told(&long(deep.as_bytes()), Packing::Tar).ends_with("which is no path of a source"));
    let deeper = "d/".repeat(100_000) + "x";
    assert_eq!(told(&long(deeper.as_bytes()), Packing::Tar), "the member `` is of a kind that is not read");
}

#[test]
fn what_no_source_has_is_refused() {
    let kinds = [
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a pipe"),
        (EntryType::new(b'M'), "which is of a kind that no source has"),
    ];
    for (kind, why) in kinds {
        assert_eq!(told(&tar(&[(kind, b"x", "", b"")]), Packing::Tar), format!("it holds `x`, {why}"));
    }
    for mode in [0o010_644, 0o020_644, 0o060_644, 0o140_644] {
        let told = told(&zip(b"x", mode, b"", false), Packing::Zip);
        assert_eq!(told, "it holds `x`, which is of a kind that no source has", "{mode:o}");
    }
    for mode in [0o040_755, 0o120_777, 0o060_644] {
        assert_eq!(told(&rpm(&[(mode, "x", b"")]), Packing::Rpm), "it holds `x`, which is no plain file");
    }
}

#[test]
fn archives_of_old_times_are_read_and_holes_are_not() {
    let old = tar(&[(EntryType::new(0), b"a/", "", b""), (EntryType::new(0), b"a/x", "", b"x")]);
    assert_eq!(list(&held(&old, Packing::Tar).expect("fine")), [("a", "folder"), ("a/x", "x")]);
    let sparse =
        tar(&[(EntryType::XHeader, b"x", "", b"22 GNU.sparse.major=1\n"), (EntryType::Regular, b"x", "", b"x")]);
    assert_eq!(told(&sparse, Packing::Tar), "the member `x` is of a kind that is not read");
    let sparse = tar(&[(EntryType::GNUSparse, b"x", "", b"")]);
    assert!(held(&sparse, Packing::Tar).is_err());
}

#[test]
fn what_unfolds_without_end_is_refused() {
    let zeros = vec![0; 80 << 20];
    let bomb = gzip(&tar(&[(EntryType::Regular, b"x", "", &zeros)]));
    let bounds = Bounds { bytes: 64 << 20, ..Bounds::of(0) };
    let refused = |bytes: &[u8], packing| held_within(bytes, packing, bounds).expect_err("too large").to_string();
    assert_eq!(refused(&bomb, Packing::TarGz), "it is larger than 67108864 bytes uncompressed");
    assert_eq!(refused(&zip(b"x", 0, &zeros, true), Packing::Zip), "it is larger than 67108864 bytes uncompressed");
    assert_eq!(
        refused(&rpm(&[(0o100_644, "x", &zeros)]), Packing::Rpm),
        "it is larger than 67108864 bytes uncompressed"
    );
    // Ten kilobytes that unfold to ten gigabytes are a million times themselves.
    assert!(Bounds::of(10 << 10).bytes < 100 << 20);
    let many: Vec<_> = (0..20).map(|_| (EntryType::Directory, &b"d/"[..], "", &b""[..])).collect();
    let few = Bounds { entries: 10, ..Bounds::of(1 << 20) };
    let told = held_within(&tar(&many), Packing::Tar, few).expect_err("too many").to_string();
    assert_eq!(told, "it is larger than 10 members");
}

#[test]
fn lengths_are_not_believed() {
    for size in [1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let mut header = Header::new_gnu();
        header.set_path("x").expect("short");
        header.set_size(size);
        header.set_cksum();
        let bytes = [&header.as_bytes()[..], &[0; 2_048]].concat();
        assert!(held(&bytes, Packing::Tar).is_err(), "{size}");
    }
    let good = zip(b"x", 0o100_755, b"some text", true);
    assert_eq!(list(&held(&good, Packing::Zip).expect("fine")), [("x", "* some text")]);
    // Every byte of what says where things are, changed: it is refused, or nothing else comes of it.
    for at in 0..good.len() {
        for change in [0xff, 0x01, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            if let Ok(held) = held(&bytes, Packing::Zip) {
                assert_eq!(held.values().map(|told| told.trim_start_matches("* ")).collect::<Vec<_>>(), ["some text"]);
            }
        }
    }
    for end in 0..good.len() {
        assert!(held(&good[..end], Packing::Zip).is_err(), "cut at {end}");
    }
    let told_of = |bytes: Vec<u8>| told(&bytes, Packing::Zip);
    assert_eq!(
        told_of([&good[..], b"x"].concat()),
        "it is damaged or cut short: its directory is missing, or bytes follow it"
    );
    assert_eq!(told_of([b"x", &good[..]].concat()), "it has bytes before its beginning or its directory");
    assert_eq!(told_of([good.clone(), good].concat()), "it has bytes before its beginning or its directory");
}

#[test]
fn a_source_package_holds_files() {
    let good = rpm(&[(0o100_644, "tool.spec", b"Name: tool\n"), (0o100_755, "tool-1.tar.gz", b"bytes")]);
    assert_eq!(Packing::of(&good), Some(Packing::Rpm));
    let held_of = held(&good, Packing::Rpm).expect("fine");
    assert_eq!(list(&held_of), [("tool-1.tar.gz", "* bytes"), ("tool.spec", "Name: tool\n")]);
    for end in 0..good.len() {
        assert!(held(&good[..end], Packing::Rpm).is_err(), "cut at {end}");
    }
    for name in ["../x", "/x", "a\nb"] {
        assert!(told(&rpm(&[(0o100_644, name, b"")]), Packing::Rpm).starts_with("it holds `"), "{name}");
    }
    assert_eq!(told(b"PK", Packing::Rpm), "cannot read a package: it does not start as an `.rpm` does");
}
