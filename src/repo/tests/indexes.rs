//! What stands in which index, and what of it is made again.

use super::*;

/// Keeps in memory, and counts what was made anew.
#[derive(Default)]
struct InMemory {
    pieces: Mutex<BTreeMap<Digest, Vec<u8>>>,
    made: Mutex<usize>,
}

impl Keep for InMemory {
    fn get(&self, key: Digest) -> Option<Vec<u8>> {
        self.pieces.lock().expect("sound").get(&key).cloned()
    }

    fn put(&self, key: Digest, bytes: &[u8]) {
        *self.made.lock().expect("sound") += 1;
        self.pieces.lock().expect("sound").insert(key, bytes.to_vec());
    }
}

impl InMemory {
    fn made(&self) -> usize {
        std::mem::take(&mut *self.made.lock().expect("sound"))
    }
}

fn many(count: usize) -> Vec<Sample> {
    (0..count).map(|number| binary(&format!("farm-{number:05}"), "1.0", "amd64", "farm")).collect()
}

#[test]
fn contents_name_each_file_and_who_has_it() {
    let (mut binaries, sources) = sample();
    binaries[2].files.push(b"usr/bin/a file".to_vec());
    binaries[3].files.push(b"usr/bin/a file".to_vec());
    binaries[4].files.extend([
        b"usr/bin/a file".to_vec(),
        b"usr/lib/\xff".to_vec(),
        b"usr/forged\nx main/evil".to_vec(),
    ]);
    let mut other = binary("tool", "1", "arm64", "tool");
    (other.area, other.control[6].1) = ("openapp".to_owned(), "odd, section\n more".to_owned());
    binaries.push(other);
    let mut settings = settings();
    settings.areas.push("openapp".to_owned());
    let made = assemble(&settings, &binaries, &sources).expect("assembles");
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes_of(&made, "main/Contents-amd64")), @r"
    usr/bin/a file libs/hello-doc,libs/libmd0
    usr/lib/� libs/hello-doc
    usr/share/doc/hello-doc/copyright libs/hello-doc
    usr/share/doc/libmd0/copyright libs/libmd0
    ");
    let installer = index(&made, "main/Contents-udeb-amd64");
    assert_eq!(installer, "usr/share/doc/libmd0-udeb/copyright libs/libmd0-udeb\n");
    assert_eq!(index(&made, "main/Contents-udeb-arm64"), "");
    assert_eq!(index(&made, "openapp/Contents-amd64"), "");
    assert_eq!(index(&made, "openapp/Contents-arm64"), "usr/share/doc/tool/copyright openapp/tool\n");
}

#[test]
fn debug_symbols_are_in_a_suite_of_their_own() {
    let (mut binaries, sources) = sample();
    let plain = assemble(&settings(), &binaries, &sources).expect("assembles");
    let mut symbols = binary("libmd0-dbgsym", "1.0-1", "amd64", "libmd");
    symbols.control.push(("Auto-Built-Package".to_owned(), "debug-symbols".to_owned()));
    symbols.files = vec![b"usr/lib/debug/.build-id/ab/cd.debug".to_vec()];
    binaries.push(symbols);
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    let [main, debug] = &made.suites;
    assert_eq!(*main, plain.suites[0], "nothing of the suite itself changes");
    assert_eq!((main.settings.codename.as_str(), debug.settings.codename.as_str()), ("bookworm", "bookworm-debug"));
    assert_eq!(debug.settings.suite, "nightly-debug");
    let paths: Vec<&str> = debug.indexes.iter().map(|entry| entry.path.as_str()).collect();
    assert!(paths.contains(&"main/Contents-arm64.xz"), "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains("source")), "{paths:?}");
    let text = index_of(&made, 1, "main/binary-amd64/Packages");
    assert!(text.contains("Filename: pool/main/libm/libmd/libmd0-dbgsym_1.0-1_amd64.deb\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("Package: ")).count(), 1);
    assert_eq!(index_of(&made, 1, "main/binary-arm64/Packages"), "");
    assert!(index_of(&made, 1, "main/Contents-amd64").starts_with("usr/lib/debug/.build-id/ab/cd.debug libs/"));
    assert!(!index(&made, "main/binary-amd64/Packages").contains("dbgsym"));
}

#[test]
fn what_is_kept_saves_work_and_changes_nothing() {
    let (all, kept) = (many(2_000), InMemory::default());
    let made = assemble_with(&settings(), &all, &[], &kept).expect("assembles");
    let pieces = kept.made();
    assert_eq!(made, assemble(&settings(), &all, &[]).expect("assembles"));
    assert!((4..12).contains(&pieces), "{pieces} pieces");
    assert_eq!(made, assemble_with(&settings(), &all, &[], &kept).expect("assembles"));
    assert_eq!(kept.made(), 0, "all is kept");
    for place in [0, 999, 1_999] {
        let mut more = all.clone();
        more.insert(place, binary(&format!("farm-{place:05}a"), "1.0", "amd64", "farm"));
        let made = assemble_with(&settings(), &more, &[], &kept).expect("assembles");
        assert!((2..=4).contains(&kept.made()), "one piece of `Packages`, one of `Contents`");
        assert_eq!(made, assemble(&settings(), &more, &[]).expect("assembles"), "history does not show");
    }
    // Whatever is damaged is made again.
    kept.pieces.lock().expect("sound").values_mut().for_each(|bytes| bytes.truncate(12));
    assert_eq!(made, assemble_with(&settings(), &all, &[], &kept).expect("assembles"));
    assert_eq!(kept.made(), pieces);
}

#[test]
fn pieces_cost_few_bytes() {
    let made = assemble(&settings(), &many(2_000), &[]).expect("assembles");
    let text = index(&made, "main/binary-amd64/Packages");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut xz, text.as_bytes()).expect("packs");
    std::io::Write::write_all(&mut gz, text.as_bytes()).expect("packs");
    for (ending, whole) in [("xz", xz.finish().expect("packs")), ("gz", gz.finish().expect("packs"))] {
        let path = format!("main/binary-amd64/Packages.{ending}");
        let size = made.suites[0].indexes.iter().find(|entry| entry.path == path).expect("listed").size;
        assert!(size * 100 <= whole.len() as u64 * 105, "{path}: {size} bytes in pieces, {} in one", whole.len());
    }
}
