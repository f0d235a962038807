use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::tree::Entry;

fn settings() -> Settings {
    Settings {
        origin: "opb".to_owned(),
        label: "opb nightly".to_owned(),
        suite: "nightly".to_owned(),
        codename: "bookworm".to_owned(),
        areas: vec!["main".to_owned()],
        description: "packages of this project".to_owned(),
        arches: ["amd64", "arm64"].into_iter().map(|arch| arch.parse().expect("plain")).collect(),
    }
}

fn blob(name: &str, content: &str) -> Blob {
    let bytes = content.as_bytes();
    Blob { name: name.to_owned(), size: bytes.len() as u64, sha256: Sha256::of(bytes), blake3: Digest::of(bytes) }
}

mod contradictions;
mod indexes;
mod refusals;

/// A binary package before its control file is read.
#[derive(Clone)]
struct Sample {
    control: Fields,
    files: Vec<Vec<u8>>,
    area: String,
    file: Blob,
    udeb: bool,
    made_by: String,
}

impl Sample {
    fn read(&self) -> Result<Binary, RepoError> {
        let facts = Facts::new(&self.control, &self.files, &self.file.name)?;
        let (area, file, made_by) = (self.area.clone(), self.file.clone(), self.made_by.clone());
        Ok(Binary { facts: facts.into(), area, file, udeb: self.udeb, made_by })
    }
}

fn assemble(settings: &Settings, binaries: &[Sample], sources: &[SourcePackage]) -> Result<Assembled, RepoError> {
    assemble_with(settings, binaries, sources, &KeepNothing)
}

fn assemble_with(
    settings: &Settings,
    binaries: &[Sample],
    sources: &[SourcePackage],
    kept: &dyn Keep,
) -> Result<Assembled, RepoError> {
    let binaries: Vec<Binary> = binaries.iter().map(Sample::read).collect::<Result<_, _>>()?;
    super::assemble(settings, &binaries, sources, kept)
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn binary(name: &str, version: &str, arch: &str, source: &str) -> Sample {
    let description = format!("the package {name}\n with a line\n .\n and another");
    Sample {
        control: fields(&[
            ("Package", name),
            ("Source", source),
            ("Version", version),
            ("Architecture", arch),
            ("Maintainer", "opb"),
            ("Depends", "libc6 (>= 2.36)"),
            ("Section", "libs"),
            ("Priority", "optional"),
            ("Description", &description),
        ]),
        files: vec![format!("usr/share/doc/{name}/copyright").into_bytes()],
        area: "main".to_owned(),
        file: blob(&format!("{name}_{version}_{arch}.deb"), &format!("{name} {version} {arch}")),
        udeb: false,
        made_by: format!("build:{}", source.split(' ').next().unwrap_or(source)),
    }
}

fn source() -> SourcePackage {
    let archive = blob("libmd_1.0.orig.tar.xz", "archive");
    let sums = format!("\n {} {} {}", archive.sha256, archive.size, archive.name);
    SourcePackage {
        dsc: fields(&[
            ("Format", "3.0 (quilt)"),
            ("Source", "libmd"),
            ("Binary", "libmd0, libmd-dev"),
            ("Architecture", "any"),
            ("Version", "1.0-1"),
            ("Package-List", "\n libmd0 deb libs optional arch=any"),
            ("Checksums-Sha256", &sums),
            ("Files", "\n d41d8cd98f00b204e9800998ecf8427e 7 libmd_1.0.orig.tar.xz"),
        ]),
        dsc_file: blob("libmd_1.0-1.dsc", "dsc"),
        files: vec![archive],
        made_by: "source-package:libmd".to_owned(),
        area: "main".to_owned(),
    }
}

fn sample() -> (Vec<Sample>, Vec<SourcePackage>) {
    let mut udeb = binary("libmd0-udeb", "1.0-1", "amd64", "libmd");
    udeb.udeb = true;
    udeb.file.name = "libmd0-udeb_1.0-1_amd64.udeb".to_owned();
    let binaries = vec![
        binary("libmd0", "1.0-1", "arm64", "libmd (1.0-1)"),
        udeb,
        binary("libmd0", "1.0-10", "amd64", "libmd"),
        binary("libmd0", "1.0-9", "amd64", "libmd"),
        binary("hello-doc", "2", "all", "hello"),
    ];
    (binaries, vec![source()])
}

/// The text of the index at `path`, unpacked from what was made.
fn index(made: &Assembled, path: &str) -> String {
    index_of(made, 0, path)
}

fn index_of(made: &Assembled, suite: usize, path: &str) -> String {
    String::from_utf8(unpacked(made, suite, path)).expect("text")
}

fn bytes_of(made: &Assembled, path: &str) -> Vec<u8> {
    unpacked(made, 0, path)
}

/// The same from both compressed forms, as it is listed.
fn unpacked(made: &Assembled, suite: usize, path: &str) -> Vec<u8> {
    use std::io::Read as _;
    let Suite { settings, indexes } = &made.suites[suite];
    let bytes = |ending: &str| {
        let place = format!("dists/{}/{path}.{ending}", settings.codename).parse().expect("plain");
        let Some(Entry::File { digest, .. }) = made.tree.get(&place) else { panic!("no {path}.{ending}") };
        &made.contents[digest][..]
    };
    let (mut text, mut same) = (Vec::new(), Vec::new());
    liblzma::read::XzDecoder::new(bytes("xz")).read_to_end(&mut text).expect("unpacks");
    flate2::read::GzDecoder::new(bytes("gz")).read_to_end(&mut same).expect("unpacks");
    assert_eq!(text, same);
    let listed = indexes.iter().find(|entry| entry.path == path).expect("listed");
    assert_eq!((listed.size, listed.sha256), (text.len() as u64, Sha256::of(&text)));
    text
}

#[test]
fn layout() {
    let (binaries, sources) = sample();
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    let paths: Vec<String> =
        made.tree.files().map(|(path, ..)| path.to_string()).filter(|path| !path.contains("by-hash")).collect();
    insta::assert_snapshot!(paths.join("\n"), @r#"
dists/bookworm/main/Contents-amd64.gz
dists/bookworm/main/Contents-amd64.xz
dists/bookworm/main/Contents-arm64.gz
dists/bookworm/main/Contents-arm64.xz
dists/bookworm/main/Contents-udeb-amd64.gz
dists/bookworm/main/Contents-udeb-amd64.xz
dists/bookworm/main/Contents-udeb-arm64.gz
dists/bookworm/main/Contents-udeb-arm64.xz
dists/bookworm/main/binary-amd64/Packages.gz
dists/bookworm/main/binary-amd64/Packages.xz
dists/bookworm/main/binary-arm64/Packages.gz
dists/bookworm/main/binary-arm64/Packages.xz
dists/bookworm/main/debian-installer/binary-amd64/Packages.gz
dists/bookworm/main/debian-installer/binary-amd64/Packages.xz
dists/bookworm/main/debian-installer/binary-arm64/Packages.gz
dists/bookworm/main/debian-installer/binary-arm64/Packages.xz
dists/bookworm/main/source/Sources.gz
dists/bookworm/main/source/Sources.xz
dists/bookworm-debug/main/Contents-amd64.gz
dists/bookworm-debug/main/Contents-amd64.xz
dists/bookworm-debug/main/Contents-arm64.gz
dists/bookworm-debug/main/Contents-arm64.xz
dists/bookworm-debug/main/binary-amd64/Packages.gz
dists/bookworm-debug/main/binary-amd64/Packages.xz
dists/bookworm-debug/main/binary-arm64/Packages.gz
dists/bookworm-debug/main/binary-arm64/Packages.xz
pool/main/h/hello/hello-doc_2_all.deb
pool/main/libm/libmd/libmd0-udeb_1.0-1_amd64.udeb
pool/main/libm/libmd/libmd0_1.0-10_amd64.deb
pool/main/libm/libmd/libmd0_1.0-1_arm64.deb
pool/main/libm/libmd/libmd0_1.0-9_amd64.deb
pool/main/libm/libmd/libmd_1.0-1.dsc
pool/main/libm/libmd/libmd_1.0.orig.tar.xz
"#);
    // The same packages are the same bytes for ever; a change here is a change of every published index.
    assert_eq!(made.tree.digest().to_string(), "6c169dc7435bc7992936224df16f93c26403e193476ec2adbca2b5caa3b13f1d");
}

#[test]
fn every_index_is_there_by_hash_and_has_its_bytes() {
    let (binaries, sources) = sample();
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    for IndexEntry { path, size, sha256 } in &made.suites[0].indexes {
        let place: crate::path::TreePath = format!("dists/bookworm/{path}").parse().expect("plain");
        let Some(entry) = made.tree.get(&place) else {
            assert!(!path.ends_with("gz") && !path.ends_with("xz"), "`{path}` is listed and not there");
            continue;
        };
        let folder = path.rsplit_once('/').expect("in a folder").0;
        let by_hash = format!("dists/bookworm/{folder}/by-hash/SHA256/{sha256}").parse().expect("plain");
        assert_eq!(made.tree.get(&by_hash), Some(entry));
        let Entry::File { digest, .. } = entry else { panic!("no file") };
        let bytes = &made.contents[digest];
        assert_eq!((bytes.len() as u64, Sha256::of(bytes), Digest::of(bytes)), (*size, *sha256, *digest));
    }
    assert_eq!(made.tree.files().filter(|(path, ..)| path.to_string().contains("by-hash")).count(), 22);
}

#[test]
fn stanzas() {
    let (binaries, sources) = sample();
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    insta::assert_snapshot!(index(&made, "main/binary-arm64/Packages"), @r#"
Package: hello-doc
Source: hello
Version: 2
Architecture: all
Maintainer: opb
Depends: libc6 (>= 2.36)
Filename: pool/main/h/hello/hello-doc_2_all.deb
Size: 15
SHA256: 28c0891aaed9df20d90196cd4bdc3a8b0455f8d858335c89064cd9fdddda4492
Section: libs
Priority: optional
Description: the package hello-doc
 with a line
 .
 and another

Package: libmd0
Source: libmd (1.0-1)
Version: 1.0-1
Architecture: arm64
Maintainer: opb
Depends: libc6 (>= 2.36)
Filename: pool/main/libm/libmd/libmd0_1.0-1_arm64.deb
Size: 18
SHA256: 8e8c65ade073267e7cc203eeb6c8f2de970405d57f7a4b9adbe1e0358791c2b4
Section: libs
Priority: optional
Description: the package libmd0
 with a line
 .
 and another
"#);
    insta::assert_snapshot!(index(&made, "main/source/Sources"), @r#"
Package: libmd
Format: 3.0 (quilt)
Binary: libmd0, libmd-dev
Architecture: any
Version: 1.0-1
Package-List:
 libmd0 deb libs optional arch=any
Directory: pool/main/libm/libmd
Checksums-Sha256:
 943d3bf22ac661fb0f59bc4ff68cc12b04ff17a838dfcc2537008eb9c7f3770a 3 libmd_1.0-1.dsc
 0eb3e36bfb24dcd9bb1d1bece1531216b59539a8fde17ee80224af0653c92aa3 7 libmd_1.0.orig.tar.xz
"#);
    let amd64 = index(&made, "main/binary-amd64/Packages");
    let versions: Vec<&str> = amd64.lines().filter(|line| line.starts_with("Version")).collect();
    assert_eq!(versions, ["Version: 2", "Version: 1.0-9", "Version: 1.0-10"], "by name, then by version");
    assert!(!amd64.contains("udeb"));
    let installer = index(&made, "main/debian-installer/binary-amd64/Packages");
    assert_eq!(installer.matches("Package: ").count(), 1);
    assert_eq!(index(&made, "main/debian-installer/binary-arm64/Packages"), "");
}

#[test]
fn order_and_repetition_do_not_matter() {
    let (mut binaries, mut sources) = sample();
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    for turn in 0..binaries.len() {
        binaries.rotate_left(1);
        binaries.push(binaries[turn].clone());
        sources.push(source());
        assert_eq!(assemble(&settings(), &binaries, &sources).expect("assembles"), made);
        binaries.pop();
    }
}

#[test]
fn an_empty_repository_has_empty_indexes() {
    let made = assemble(&settings(), &[], &[]).expect("assembles");
    for path in ["main/binary-amd64/Packages", "main/binary-arm64/Packages", "main/source/Sources"] {
        assert_eq!(index(&made, path), "");
    }
    assert_eq!(made.suites.map(|suite| suite.indexes.len()), [15, 12]);
}

#[test]
fn release_and_sources_entry() {
    let entry = |path: &str, text: &str| IndexEntry {
        path: path.to_owned(),
        size: text.len() as u64 * 900,
        sha256: Sha256::of(text.as_bytes()),
    };
    let indexes = [entry("main/source/Sources", "b"), entry("main/binary-amd64/Packages", "longer")];
    let text = release_text(&settings(), &indexes, 1_795_255_200, Some(1_795_255_200 + 604_800)).expect("writes");
    insta::assert_snapshot!(text, @r#"
Origin: opb
Label: opb nightly
Suite: nightly
Codename: bookworm
Date: Sat, 21 Nov 2026 10:00:00 UTC
Valid-Until: Sat, 28 Nov 2026 10:00:00 UTC
Acquire-By-Hash: yes
Architectures: amd64 arm64
Components: main
Description: packages of this project
SHA256:
 73834addcec75fafd7d73717ca1614a1324652ffa70b4b6c44fa359ae5a69dab 5400 main/binary-amd64/Packages
 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  900 main/source/Sources
"#);
    let text = sources_entry(&[&settings(), &settings().for_debug()], "file:/srv/opb", "/usr/share/keyrings/opb.pgp")
        .expect("writes");
    insta::assert_snapshot!(text, @r#"
Types: deb deb-src
URIs: file:/srv/opb
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/opb.pgp

Enabled: no
Types: deb
URIs: file:/srv/opb
Suites: bookworm-debug
Components: main
Signed-By: /usr/share/keyrings/opb.pgp
"#);
    assert!(release_text(&settings(), &[], 0, None).expect("writes").contains("Date: Thu, 01 Jan 1970 00:00:00 UTC\n"));
}

/// The message and the help of what `change` makes of the sample.
fn refusal(change: impl FnOnce(&mut Settings, &mut Vec<Sample>, &mut Vec<SourcePackage>)) -> String {
    let (mut settings, (mut binaries, mut sources)) = (settings(), sample());
    change(&mut settings, &mut binaries, &mut sources);
    let error = assemble(&settings, &binaries, &sources).expect_err("is refused");
    assert_eq!(error.fault(), Cause::Input);
    assert!(miette::Diagnostic::help(&error).is_some());
    error.to_string()
}
