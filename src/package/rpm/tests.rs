use super::*;
use crate::package::spec::dependency::Sign;

const PACKAGE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/package");
const SOURCE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/source");

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_rpmbuild_made_is_read_up_to_the_payload() {
    let mut rest = PACKAGE;
    let package = Package::read(&mut rest).expect("reads");
    assert_eq!((package.name(), package.epoch(), package.version()), ("rich", 2, "1.0~rc1"));
    assert_eq!((package.release(), package.arch(), package.is_source()), ("3.x1", "noarch", false));
    assert_eq!(&rest[..4], [0x28, 0xb5, 0x2f, 0xfd], "zstd's magic");
    let (start, end) = package.header_range();
    assert_eq!(PACKAGE.len() - rest.len(), usize::try_from(end).expect("short"));
    assert_eq!(
        &PACKAGE[usize::try_from(start).expect("short")..][..package.header.bytes().len()],
        package.header.bytes()
    );
    assert_eq!(package.header.text(tag::SUMMARY), Some("A package with one of everything"));
    assert_eq!(package.header.text(tag::GROUP), Some("Applications/Text"));
    assert_eq!(package.header.int(tag::BUILD_TIME), Some(1_795_860_000));
    assert_eq!(package.header.text(tag::SOURCE_RPM), Some("rich-1.0~rc1-3.x1.src.rpm"));
    // What rpm itself wrote beside the header is about these bytes.
    use sha2::Digest as _;
    let sha256 = format!("{:x}", sha2::Sha256::digest(package.header.bytes()));
    assert_eq!(package.signature.text(tag::SIG_SHA256), Some(&*sha256));
    let size = package.signature.int(tag::SIG_SIZE).expect("has one");
    assert_eq!(size, PACKAGE.len() as u64 - start);
}

#[test]
fn a_source_package_has_the_arch_src() {
    let package = Package::read(SOURCE).expect("reads");
    assert_eq!((package.arch(), package.is_source()), ("src", true));
    let files: Vec<String> = package.files().map(|file| [text(file.folder), text(file.name)].concat()).collect();
    assert_eq!(files, ["rich.spec"]);
}

#[test]
fn dependencies() {
    let package = Package::read(PACKAGE).expect("reads");
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for dependency in package.dependencies(kind) {
            let (epoch, version, release) = dependency.parts();
            let parts = [epoch, Some(version), release].map(|part| part.map_or("-".to_owned(), text));
            let sign = dependency.sign().map_or("", Sign::as_str);
            let before = if dependency.is_before_scripts() { " (pre)" } else { "" };
            all.push(format!("{kind:?}: {} {sign} {}{before}", text(dependency.name), parts.join(" ")));
        }
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
Provides: plain  -  -
Provides: rich = 2 1.0~rc1 3.x1
Provides: rich(api) = 4 5 6
Requires: (a or b)  -  -
Requires: libc.so.6()  -  -
Requires: libc.so.6(GLIBC_2.34)  -  -
Requires: libc.so.6(GLIBC_2.4)  -  -
Requires: other >= - 1.2 3
Requires: rpmlib(CompressedFileNames) <= - 3.0.4 1
Requires: rpmlib(FileDigests) <= - 4.6.0 1
Requires: rpmlib(PayloadFilesHavePrefix) <= - 4.0 1
Requires: rpmlib(PayloadIsZstd) <= - 5.4.18 1
Requires: rpmlib(RichDependencies) <= - 4.12.0 1
Requires: rpmlib(TildeInVersions) <= - 4.10.0 1
Requires: shadow  -  - (pre)
Conflicts: bad < - 2 -
Obsoletes: old <= - 1 -
Recommends: nice  -  -
Suggests: nicer > - 1 -
Supplements: some  -  -
Enhances: else = - 7 -
"#);
}

#[test]
fn files_and_changelog() {
    let package = Package::read(PACKAGE).expect("reads");
    let files = package.files().map(|file| format!("{:?} {}{}", file.kind(), text(file.folder), text(file.name)));
    insta::assert_snapshot!(files.collect::<Vec<_>>().join("\n"), @r#"
Folder /etc/rich
File /etc/rich/conf
File /usr/bin/rich
File /usr/bin/richer
File /usr/share/rich/a & b
Ghost /usr/share/rich/ghost
"#);
    let changelog = package.changelog().map(|(time, author, entry)| format!("{time} {} {}", text(author), text(entry)));
    insta::assert_snapshot!(changelog.collect::<Vec<_>>().join("\n"), @r#"
1795867200 B <b@example.org> - 1.0-3 - second
1795867200 A <a@example.org> - 1.0-2 - first
1795780800 A <a@example.org> - 1.0-1 - nothing
"#);
}

#[test]
fn parts_of_versions() {
    let parts = |evr: &str| {
        let dependency = Dependency { name: b"a", flags: 0, evr: evr.as_bytes() };
        let (epoch, version, release) = dependency.parts();
        (epoch.map(text), text(version), release.map(text))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(parts("4:5-6"), (some("4"), "5".to_owned(), some("6")));
    assert_eq!(parts("5"), (None, "5".to_owned(), None));
    assert_eq!(parts(":5-6"), (some(""), "5".to_owned(), some("6")));
    assert_eq!(parts("a:5"), (None, "a:5".to_owned(), None));
    assert_eq!(parts("1-2-3"), (None, "1-2".to_owned(), some("3")));
    assert_eq!(parts(""), (None, String::new(), None));
}

/// A header of these entries (tag, type, count, data), behind a region where it is to have one.
fn header(region: u32, entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let trailer_at = entries.iter().map(|(.., data)| data.len()).sum::<usize>();
    let count = entries.len() + 1;
    let number = |number: usize| u32::try_from(number).expect("small").to_be_bytes();
    let mut bytes = [&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0][..], &number(count), &number(trailer_at + 16)].concat();
    let entry = |tag: u32, kind: u32, offset: [u8; 4], count: u32| {
        [tag.to_be_bytes(), kind.to_be_bytes(), offset, count.to_be_bytes()].concat()
    };
    bytes.extend(entry(region, 7, number(trailer_at), 16));
    let mut at = 0;
    for (tag, kind, count, data) in entries {
        bytes.extend(entry(*tag, *kind, number(at), *count));
        at += data.len();
    }
    entries.iter().for_each(|(.., data)| bytes.extend(*data));
    bytes.extend(entry(region, 7, (16 * count as u32).wrapping_neg().to_be_bytes(), 16));
    bytes
}

fn package(entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let mut lead = [0; LEAD];
    lead[..5].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb, 3]);
    lead[79] = 5;
    let mut bytes = [&lead[..], &header(tag::HEADER_SIGNATURES, &[(1000, 4, 1, &[0, 0, 0, 1])])].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(header(tag::HEADER_IMMUTABLE, entries));
    bytes
}

const NAMED: [(u32, u32, u32, &[u8]); 4] = [
    (tag::NAME, 6, 1, b"a\0"),
    (tag::VERSION, 6, 1, b"1\0"),
    (tag::RELEASE, 6, 1, b"2\0"),
    (tag::ARCH, 6, 1, b"noarch\0"),
];

fn refusal(bytes: &[u8]) -> String {
    let error = Package::read(bytes).expect_err("is refused");
    assert!(Diagnostic::help(&error).is_some());
    error.to_string()
}

fn refused_with(entry: (u32, u32, u32, &[u8])) -> String {
    refusal(&package(&[&NAMED[..], &[entry]].concat()))
}

#[test]
fn the_least_package() {
    let least = Package::read(&package(&NAMED)[..]).expect("reads");
    assert_eq!((least.name(), least.epoch(), least.files().count()), ("a", 0, 0));
    assert!(least.is_source(), "it names no source package that it was built from");
    assert_eq!(least.header.binary(tag::NAME), None);
    assert_eq!((least.header.int(tag::NAME), least.header.count(tag::URL)), (None, 0));
}

#[test]
fn what_is_no_package() {
    assert_eq!(refusal(b""), "cannot read a package: it does not start as an `.rpm` does");
    assert_eq!(refusal(&[0; 5000]), "cannot read a package: it does not start as an `.rpm` does");
    let whole = package(&NAMED);
    let cut = Package::read(&whole[..whole.len() - 1]).expect_err("is refused");
    assert_eq!((cut.to_string().as_str(), cut.fault()), ("cannot read a package: it is cut short", Cause::Environment));
    let mut other = whole.clone();
    other[LEAD] = 0;
    let magic = "cannot read the signature header of a package: it does not start as one of format 1 does";
    assert_eq!(refusal(&other), magic);
    let mut huge = whole.clone();
    huge[LEAD + 12] = 0xff;
    let too_large = "cannot read the signature header of a package: it says that it has 2 entries and 4278190100 bytes, and \
                     rpm reads no more than 65535 and 256 MiB";
    assert_eq!(refusal(&huge), too_large);
    let mut empty = whole;
    empty[LEAD + 11] = 0;
    assert_eq!(refusal(&empty), "cannot read the signature header of a package: it has no entries");
}

#[test]
fn memory_is_taken_for_what_comes() {
    // A header that says it has 200 MiB, and none of them: an error, after a look at one piece.
    let mut bytes = package(&NAMED)[..LEAD + INTRO].to_vec();
    bytes[LEAD + 12] = 0x0c;
    assert_eq!(refusal(&bytes), "cannot read a package: it is cut short");
}

#[test]
fn entries_that_lie() {
    let main = |rest: &str| format!("cannot read the main header of a package: {rest}");
    let outside = main("its entry for the tag 1020 leads out of its data");
    for (kind, count, data) in
        [(8, 900, &b"a\0"[..]), (4, 900, b"1234"), (7, 900, b"1"), (4, 0, b""), (5, u32::MAX, b"")]
    {
        assert_eq!(refused_with((tag::URL, kind, count, data)), outside, "{kind} {count}");
    }
    for (kind, count) in [(0, 1), (10, 1), (6, 2)] {
        let wrong = format!("its entry for the tag 1020 has the type {kind}, which values of that tag cannot have");
        assert_eq!(refused_with((tag::URL, kind, count, b"a\0b\0")), main(&wrong));
    }
    assert_eq!(refused_with((tag::NAME, 6, 1, b"b\0")), main("it has the tag 1000 twice"));
    // Each of many entries says that all of the data is its own.
    let many: Vec<(u32, u32, u32, &[u8])> = (5000..5100).map(|tag| (tag, 7, 60, &b"x"[..])).collect();
    let overlap = main("its entries say that they have more data than there is");
    assert_eq!(refusal(&package(&[&NAMED[..], &many].concat())), overlap);
}

#[test]
fn what_is_not_signed_is_not_read() {
    let outside = "cannot read the main header of a package: its entries are not all in the region that is signed";
    let mut bytes = package(&NAMED);
    let last = bytes.len() - 5;
    bytes[last] ^= 0x10;
    assert_eq!(refusal(&bytes), outside, "a region of one entry less");
    let mut bytes = package(&NAMED);
    let main = bytes.windows(4).rposition(|window| window == [0, 0, 0, 63]).expect("the trailer");
    let first = bytes.windows(4).position(|window| window == [0, 0, 0, 63]).expect("the region");
    assert!(first < main);
    bytes[first + 3] = 61;
    assert_eq!(refusal(&bytes), outside, "no region");
}

#[test]
fn what_a_package_must_say() {
    for (at, name) in [(0, "name"), (1, "version"), (2, "release"), (3, "arch")] {
        let said = format!("cannot read a package: it has no {name} that is plain text");
        let mut entries = NAMED.to_vec();
        for value in [&b"\0"[..], b"a\nb\0", b"\xff\0"] {
            entries[at].3 = value;
            assert_eq!(refusal(&package(&entries)), said);
        }
        entries.remove(at);
        assert_eq!(refusal(&package(&entries)), said);
    }
    let lists = |what: &str| format!("cannot read a package: its lists of {what} do not belong together");
    assert_eq!(refused_with((tag::REQUIRE_NAME, 8, 1, b"b\0")), lists("requirements"));
    assert_eq!(refused_with((tag::CHANGELOG_TIME, 4, 1, b"1234")), lists("changelog entries"));
    assert_eq!(
        refused_with((tag::OLD_FILE_NAMES, 8, 1, b"/a\0")),
        "cannot read a package: it lists its files as rpm did before version 4"
    );
    let files = |place: &'static [u8]| {
        let files: [(u32, u32, u32, &[u8]); 5] = [
            (tag::BASE_NAMES, 8, 1, b"f\0"),
            (tag::DIR_NAMES, 8, 1, b"/\0"),
            (tag::DIR_INDEXES, 4, 1, place),
            (tag::FILE_MODES, 3, 1, &[0o100, 0]),
            (tag::FILE_FLAGS, 4, 1, &[0, 0, 0, 0]),
        ];
        package(&[&NAMED[..], &files].concat())
    };
    assert_eq!(Package::read(&files(&[0, 0, 0, 0])[..]).expect("reads").files().count(), 1);
    assert_eq!(refusal(&files(&[0, 0, 0, 1])), lists("files"), "a folder that is not there");
    // Names of another type than texts.
    let numbers: [(u32, u32, u32, &[u8]); 3] =
        [(tag::PROVIDE_NAME, 4, 1, b"1234"), (tag::PROVIDE_FLAGS, 4, 1, b"1234"), (tag::PROVIDE_VERSION, 8, 1, b"1\0")];
    assert_eq!(refusal(&package(&[&NAMED[..], &numbers].concat())), lists("provides"));
}
