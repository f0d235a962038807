use super::*;
use crate::diag::{Cause, Caused as _};
use crate::package::rpm::Package;
use crate::tree::Tree;

const PACKAGE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/package");
const SOURCE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/source");

fn entry(location: &str, bytes: &[u8]) -> Entry {
    let (digest, sha256) = (Digest::of(bytes), Sha256::of(bytes));
    Entry { location: location.to_owned(), digest, sha256, size: bytes.len() as u64 }
}

fn piece(repodata: Repodata) -> Piece {
    let (one, two) = (entry("Packages/r/rich.rpm", PACKAGE), entry("Packages/r/rich.src.rpm", SOURCE));
    let read = |bytes: &[u8]| Package::read(bytes).expect("reads");
    Piece::of(repodata, &[(&one, read(PACKAGE)), (&two, read(SOURCE))]).expect("describes")
}

/// What the primary metadata, that of files or that of changelogs says.
fn said(which: usize) -> String {
    String::from_utf8(piece(Repodata::Gz).texts[which].clone()).expect("UTF-8")
}

#[test]
fn what_is_said_of_packages() {
    insta::assert_snapshot!(said(0), @r#"
<package type="rpm">
  <name>rich</name>
  <arch>noarch</arch>
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <checksum type="sha256" pkgid="YES">ab8ff2914d520c27d0bc2c0e359aca371ec76f9e44fbaa0938fa3ef50cdb5384</checksum>
  <summary>A package with one of everything</summary>
  <description>Several lines,
and &lt;markup&gt; &amp; "quotes".</description>
  <packager>A &lt;a@example.org&gt;</packager>
  <url>https://example.org/rich</url>
  <time file="1795860000" build="1795860000"/>
  <size package="7628" installed="10" archive="784"/>
  <location href="Packages/r/rich.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:group>Applications/Text</rpm:group>
    <rpm:buildhost>example</rpm:buildhost>
    <rpm:sourcerpm>rich-1.0~rc1-3.x1.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="7453"/>
    <rpm:provides>
      <rpm:entry name="plain"/>
      <rpm:entry name="rich" flags="EQ" epoch="2" ver="1.0~rc1" rel="3.x1"/>
      <rpm:entry name="rich(api)" flags="EQ" epoch="4" ver="5" rel="6"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="(a or b)"/>
      <rpm:entry name="other" flags="GE" epoch="0" ver="1.2" rel="3"/>
      <rpm:entry name="shadow" pre="1"/>
      <rpm:entry name="libc.so.6(GLIBC_2.34)"/>
    </rpm:requires>
    <rpm:conflicts>
      <rpm:entry name="bad" flags="LT" epoch="0" ver="2"/>
    </rpm:conflicts>
    <rpm:obsoletes>
      <rpm:entry name="old" flags="LE" epoch="0" ver="1"/>
    </rpm:obsoletes>
    <rpm:suggests>
      <rpm:entry name="nicer" flags="GT" epoch="0" ver="1"/>
    </rpm:suggests>
    <rpm:enhances>
      <rpm:entry name="else" flags="EQ" epoch="0" ver="7"/>
    </rpm:enhances>
    <rpm:recommends>
      <rpm:entry name="nice"/>
    </rpm:recommends>
    <rpm:supplements>
      <rpm:entry name="some"/>
    </rpm:supplements>
    <file type="dir">/etc/rich</file>
    <file>/etc/rich/conf</file>
    <file>/usr/bin/rich</file>
    <file>/usr/bin/richer</file>
  </format>
</package>
<package type="rpm">
  <name>rich</name>
  <arch>src</arch>
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <checksum type="sha256" pkgid="YES">bce9abf409fd8413f5f706a281e14aa0a4d20e1145b5a8028f976c19a349ecf1</checksum>
  <summary>A package with one of everything</summary>
  <description>Several lines,
and &lt;markup&gt; &amp; "quotes".</description>
  <packager>A &lt;a@example.org&gt;</packager>
  <url>https://example.org/rich</url>
  <time file="1795860000" build="1795860000"/>
  <size package="8370" installed="1215" archive="1460"/>
  <location href="Packages/r/rich.src.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:group>Applications/Text</rpm:group>
    <rpm:buildhost>example</rpm:buildhost>
    <rpm:sourcerpm></rpm:sourcerpm>
    <rpm:header-range start="4504" end="7665"/>
    <rpm:provides>
      <rpm:entry name="rich" flags="EQ" epoch="2" ver="1.0~rc1" rel="3.x1"/>
    </rpm:provides>
  </format>
</package>
"#);
}

#[test]
fn what_is_said_of_files_and_changelogs() {
    insta::assert_snapshot!(said(1), @r#"
<package pkgid="ab8ff2914d520c27d0bc2c0e359aca371ec76f9e44fbaa0938fa3ef50cdb5384" name="rich" arch="noarch">
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <file type="dir">/etc/rich</file>
  <file>/etc/rich/conf</file>
  <file>/usr/bin/rich</file>
  <file>/usr/bin/richer</file>
  <file>/usr/share/rich/a &amp; b</file>
  <file type="ghost">/usr/share/rich/ghost</file>
</package>
<package pkgid="bce9abf409fd8413f5f706a281e14aa0a4d20e1145b5a8028f976c19a349ecf1" name="rich" arch="src">
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <file>rich.spec</file>
</package>
"#);
    insta::assert_snapshot!(said(2), @r#"
<package pkgid="ab8ff2914d520c27d0bc2c0e359aca371ec76f9e44fbaa0938fa3ef50cdb5384" name="rich" arch="noarch">
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <changelog author="A &lt;a@example.org&gt; - 1.0-1" date="1795780800">- nothing</changelog>
  <changelog author="A &lt;a@example.org&gt; - 1.0-2" date="1795867200">- first</changelog>
  <changelog author="B &lt;b@example.org&gt; - 1.0-3" date="1795867201">- second</changelog>
</package>
<package pkgid="bce9abf409fd8413f5f706a281e14aa0a4d20e1145b5a8028f976c19a349ecf1" name="rich" arch="src">
  <version epoch="2" ver="1.0~rc1" rel="3.x1"/>
  <changelog author="A &lt;a@example.org&gt; - 1.0-1" date="1795780800">- nothing</changelog>
  <changelog author="A &lt;a@example.org&gt; - 1.0-2" date="1795867200">- first</changelog>
  <changelog author="B &lt;b@example.org&gt; - 1.0-3" date="1795867201">- second</changelog>
</package>
"#);
}

#[test]
fn an_empty_repository() {
    let made = join(Repodata::Gz, 0, &[]).expect("joins");
    insta::assert_snapshot!(repomd_text(&made, 1, 1_795_255_200), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1</revision>
  <data type="primary">
    <checksum type="sha256">22d476640006bd4171fb74c2496d25d3afbe4834862d32161b8f7e669084faae</checksum>
    <open-checksum type="sha256">e1e2ffd2fb1ee76f87b70750d00ca5677a252b397ab6c2389137a0c33e7b359f</open-checksum>
    <location href="repodata/22d476640006bd4171fb74c2496d25d3afbe4834862d32161b8f7e669084faae-primary.xml.gz"/>
    <timestamp>1795255200</timestamp>
    <size>153</size>
    <open-size>167</open-size>
  </data>
  <data type="filelists">
    <checksum type="sha256">5293d1003c1b6def221edd34b7f33d89a5e58426f4e953909dc0b3dc6f39f4f6</checksum>
    <open-checksum type="sha256">bf9808b81cb2dbc54b4b8e35adc584ddcaa73bd81f7088d73bf7dbbada961310</open-checksum>
    <location href="repodata/5293d1003c1b6def221edd34b7f33d89a5e58426f4e953909dc0b3dc6f39f4f6-filelists.xml.gz"/>
    <timestamp>1795255200</timestamp>
    <size>146</size>
    <open-size>125</open-size>
  </data>
  <data type="other">
    <checksum type="sha256">857c41bbbdc71ed9729f133cd9a3d67f98fcfe3651a134d5f7cff5a36876d4b3</checksum>
    <open-checksum type="sha256">e0ed5e0054194df036cf09c1a911e15bf2a4e7f26f2a788b6f47d53e80717ccc</open-checksum>
    <location href="repodata/857c41bbbdc71ed9729f133cd9a3d67f98fcfe3651a134d5f7cff5a36876d4b3-other.xml.gz"/>
    <timestamp>1795255200</timestamp>
    <size>144</size>
    <open-size>121</open-size>
  </data>
</repomd>
"#);
    assert_eq!(made, join(Repodata::Gz, 0, &[]).expect("joins"), "the same bytes again");
}

#[test]
fn a_piece_that_is_kept_is_read_back_or_not_at_all() {
    for repodata in [Repodata::Gz, Repodata::Xz, Repodata::Zst] {
        let piece = piece(repodata);
        let bytes = piece.encode().expect("encodes");
        assert_eq!(Piece::decode(&bytes).as_ref(), Some(&piece));
        for at in (0..bytes.len()).step_by(7) {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Piece::decode(&other), None);
            assert_eq!(Piece::decode(&bytes[..at]), None);
        }
        let made = join(repodata, 2, std::slice::from_ref(&piece)).expect("joins");
        let sum: usize = piece.texts[0].len() + 167;
        assert_eq!(made.files[0].open_size, sum as u64, "with the element around it");
    }
}

#[test]
fn pieces_stay_as_they_are_around_a_change() {
    let named = |name: &str, version: u32| entry(&format!("Packages/p/{name}-{version}-1.noarch.rpm"), name.as_bytes());
    let mut entries: Vec<Entry> = (0..2_000).map(|at| named(&format!("p{at:05}"), 1)).collect();
    let keys = |entries: &[Entry]| -> Vec<Digest> {
        divide(entries).into_iter().map(|range| key(Repodata::Gz, &entries[range])).collect()
    };
    let all = divide(&entries);
    assert_eq!(all.iter().map(ExactSizeIterator::len).sum::<usize>(), entries.len());
    assert!(all.len() > 5 && all.iter().all(|range| range.len() <= 512), "{all:?}");
    let before = keys(&entries);
    let changed = |entries: &[Entry]| keys(entries).iter().filter(|key| !before.contains(key)).count();
    entries[700] = named("p00700", 2);
    assert_eq!(changed(&entries), 1, "another version");
    entries.insert(1200, named("p01199-devel", 1));
    assert_eq!(changed(&entries), 2, "one more");
    entries.remove(1500);
    assert!(changed(&entries) <= 4, "one less, and two pieces in one");
    assert_ne!(key(Repodata::Gz, &entries), key(Repodata::Xz, &entries));
    assert!(divide(&[]).is_empty());
    // Whatever packages are called, a piece ends.
    let same: Vec<Entry> = (0..1_100).map(|version| named("same", version)).collect();
    assert!(divide(&same).iter().all(|range| range.len() <= 512));
}

fn unsigned(name: &str, arch: &str, content: &str) -> Unsigned {
    Unsigned {
        name: name.to_owned(),
        version: "1-1".to_owned(),
        arch: arch.to_owned(),
        file: format!("{name}-1-1.{arch}.rpm"),
        digest: Digest::of(content.as_bytes()),
        size: content.len() as u64,
        is_debug: false,
        made_by: format!("build:{name}"),
    }
}

fn paths(tree: &Tree) -> String {
    tree.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_packages_lie() {
    let packages = [
        unsigned("hello", "x86_64", "a"),
        unsigned("hello", "i686", "b"),
        unsigned("hello", "src", "c"),
        unsigned("Docs", "noarch", "d"),
        unsigned("hello", "x86_64", "a"),
        Unsigned { is_debug: true, ..unsigned("hello-debuginfo", "x86_64", "e") },
        Unsigned { is_debug: true, ..unsigned("all-debugsource", "noarch", "f") },
    ];
    let made = lay_out(&["x86_64", "i686", "aarch64"], &packages).expect("lays out");
    insta::assert_snapshot!(paths(&made), @r#"
SRPMS
SRPMS/h
SRPMS/h/hello-1-1.src.rpm
aarch64
aarch64/d
aarch64/d/Docs-1-1.noarch.rpm
aarch64-debug
aarch64-debug/a
aarch64-debug/a/all-debugsource-1-1.noarch.rpm
i386
i386/d
i386/d/Docs-1-1.noarch.rpm
i386/h
i386/h/hello-1-1.i686.rpm
i386-debug
i386-debug/a
i386-debug/a/all-debugsource-1-1.noarch.rpm
x86_64
x86_64/d
x86_64/d/Docs-1-1.noarch.rpm
x86_64/h
x86_64/h/hello-1-1.x86_64.rpm
x86_64-debug
x86_64-debug/a
x86_64-debug/a/all-debugsource-1-1.noarch.rpm
x86_64-debug/h
x86_64-debug/h/hello-debuginfo-1-1.x86_64.rpm
"#);
    let mut other = packages.to_vec();
    other.reverse();
    assert_eq!(lay_out(&["aarch64", "i686", "x86_64"], &other).expect("lays out"), made);
    insta::assert_snapshot!(paths(&lay_out(&["x86_64"], &[]).expect("lays out")), @r#"
SRPMS
x86_64
x86_64-debug
"#);
}

#[test]
fn what_does_not_belong() {
    let refusal = |packages: &[Unsigned]| {
        let error = lay_out(&["x86_64"], packages).expect_err("is refused");
        assert_eq!(error.fault(), Cause::Input);
        assert!(miette::Diagnostic::help(&error).is_some());
        error.to_string()
    };
    let package = || unsigned("a", "x86_64", "a");
    let said = refusal(&[unsigned("a", "aarch64", "a")]);
    assert_eq!(said, "putting `a-1-1.aarch64.rpm` into a repository without the arch `aarch64`");
    for name in ["", ".", "..", "../x.rpm", "a/b.rpm", "-x.rpm", "a b.rpm", "a\n.rpm", "é.rpm", "a.deb"] {
        let said = refusal(&[Unsigned { file: name.to_owned(), ..package() }]);
        assert_eq!(said, format!("`{}` cannot be the name of a file in a repository", name.escape_debug()));
    }
    let other = Unsigned { digest: Digest::of(b"b"), made_by: "build:b".to_owned(), ..package() };
    assert_eq!(
        refusal(&[package(), other]),
        "`a` 1-1 for `x86_64` is there twice with different content, made by `build:a` and by `build:b`"
    );
    // An epoch does not show in the file's name.
    let other = Unsigned { version: "1:1-1".to_owned(), digest: Digest::of(b"b"), ..package() };
    assert_eq!(
        refusal(&[package(), other]),
        "`x86_64/a/a-1-1.x86_64.rpm` is there twice with different content, both made by `build:a`"
    );
}

#[test]
fn the_file_for_dnf() {
    let entry = RepoEntry {
        id: "opb-nightly",
        name: "Packages for fedora-40",
        address: "https://example.org/rpm/fedora-40/$basearch",
        key: "https://example.org/opb-nightly.asc",
        enabled: true,
    };
    let sources = RepoEntry { id: "opb-nightly-source", enabled: false, ..entry };
    insta::assert_snapshot!(repo_file(&[entry, sources]).expect("writes"), @r#"
[opb-nightly]
name=Packages for fedora-40
baseurl=https://example.org/rpm/fedora-40/$basearch
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=https://example.org/opb-nightly.asc

[opb-nightly-source]
name=Packages for fedora-40
baseurl=https://example.org/rpm/fedora-40/$basearch
enabled=0
gpgcheck=1
repo_gpgcheck=1
gpgkey=https://example.org/opb-nightly.asc
"#);
    let said = |entry| repo_file(&[entry]).expect_err("is refused").to_string();
    assert_eq!(said(RepoEntry { id: "a]", ..entry }), "the repository's id `a]` is not a plain name");
    assert_eq!(
        said(RepoEntry { name: "a\ngpgcheck=0", ..entry }),
        "the repository's description `a\\ngpgcheck=0` is not one line of text"
    );
    assert_eq!(
        said(RepoEntry { address: "a b", ..entry }),
        "the repository's address `a b` is empty or has white space"
    );
    assert_eq!(said(RepoEntry { key: "", ..entry }), "the repository's key's path `` is empty or has white space");
}

#[test]
fn arches_of_repositories() {
    let arches = ["x86_64", "i686", "aarch64", "armv7hl", "ppc64le", "s390x", "riscv64", "loongarch64"];
    assert_eq!(
        arches.map(base_arch),
        ["x86_64", "i386", "aarch64", "armhfp", "ppc64le", "s390x", "riscv64", "loongarch64"]
    );
}
