//! What each fuzz target does with its bytes. Ordinary tests (`tests/garbage.rs`) do the same with the seeds and with
//! damaged ones, so that it compiles and holds without a fuzzer.
//!
//! An entry panics where a law is broken: what is read must be written as it was read, orders must be orders, errors must
//! be able to say themselves without anything that harms a terminal. Foreign text is bounded where it is read, so that no
//! input takes long.

use std::collections::{BTreeMap, BTreeSet};

use opb::cache::{Address, Keyed, Keyring, List, PublicKey, Segment, Signed, Table, file_of_cache};
use opb::digest::Digest;
use opb::eval::check::{Question, check};
use opb::eval::weave::{Asked, LocalError, Looked};
use opb::eval::{MemoryFiles, RecipeError, Watch};
use opb::exceptions::Exceptions;
use opb::graph::Selector;
use opb::lock::Lock;
use opb::name::{Arch, ChannelName, ComponentName, DistroName, NodeName, PackageName, Target};
use opb::package::relation::{Relations, Variables};
use opb::package::repodata::{self, modules::Modules};
use opb::package::unpack::{self, Bounds, Item, UnpackError};
use opb::package::{
    autopkgtest, changelog, control, deb, dsc, finding, index, list::PackageList, rpm, rpm_version, source, sources,
    spec, version::Version,
};
use opb::path::{HostPath, TreePath};
use opb::remote::archive::Packing;
use opb::settings::{Settings, UserSettings};
use opb::sign::{KeyFile, may_end_by};
use opb::store::Realisation;
use opb::tree::Tree;

const DISTRO: &str = include_str!("seeds/distro/debian");

/// The value; an error must be able to say itself.
fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().is_empty())).ok()
}

/// Reads what a source repository has of source RPMs, and what modules say of them.
pub fn source_rpms(text: &str) {
    let name = PackageName::new("a").expect("a name");
    let mut modules = Modules::enabling(["a:1".to_owned()]);
    told(modules.read(text));
    let Some(found) = told(repodata::sources::read(text, &BTreeSet::from([name.clone()]), &modules)) else { return };
    assert!(found.newest.keys().chain(found.in_streams.keys()).all(|known| *known == name));
    for one in found.newest.values() {
        assert!(one.path.parse::<TreePath>().is_ok(), "it leads nowhere else");
    }
}

/// Looks a source package up in an index.
pub fn newest_source(text: &str) {
    let name = PackageName::new("a").expect("a name");
    let found = told(sources::newest(text, &BTreeSet::from([&name])));
    found.into_iter().flatten().for_each(|(_, entry)| drop(told(entry)));
}

/// The first byte, and the rest as text where it is one.
fn chosen(data: &[u8]) -> Option<(u8, &str)> {
    let (first, rest) = data.split_first()?;
    Some((*first, std::str::from_utf8(rest).ok()?))
}

/// An archive of upstream; the first byte says how it is packed. Whatever it holds, all of its paths lie in a tree, and no more
/// comes of it than may.
pub fn archives(data: &[u8]) {
    const ALL: [Packing; 7] =
        [Packing::Tar, Packing::TarGz, Packing::TarBz2, Packing::TarXz, Packing::TarZst, Packing::Zip, Packing::Rpm];
    let Some((which, bytes)) = data.split_first() else { return };
    let (mut left, bounds) = (1 << 20, Bounds { bytes: 1 << 20, entries: 1_000 });
    let each = |path: TreePath, item: Item<'_>| {
        assert!(!path.as_bytes().iter().any(u8::is_ascii_control));
        if let Item::File { content, .. } = item {
            let read = std::io::copy(content, &mut std::io::sink()).map_err(unpack::damaged)?;
            left = u64::checked_sub(left, read).expect("the bound holds");
        }
        Ok::<_, UnpackError>(())
    };
    told(unpack::unpack(std::io::Cursor::new(bytes), ALL[usize::from(*which) % ALL.len()], bounds, each));
}

/// What a cache sends; the first byte says what.
pub fn cache(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    match which % 6 {
        0 => {
            if let Some(list) = told(List::parse(bytes, "c")) {
                assert_eq!(List::parse(&list.encode(), "c").expect("what was written can be read"), list);
            }
        }
        1 => {
            let Some(table) = told(Table::decode(bytes.to_vec(), Digest::of(bytes))) else { return };
            for (key, spot) in table.iter() {
                assert!(table.find(&key).len() == 64 || table.find(&key).contains(&spot));
            }
            let lengths = (0..table.blocks() as u32).filter_map(|number| Some(table.block(number)?.length));
            // What is asked for at once is bounded, and all of it is what the list must say.
            let lengths: Vec<u64> = lengths.collect();
            assert!(lengths.iter().all(|length| *length < 40 << 20));
            told(table.with_records(lengths.iter().sum())).expect("the blocks come to that");
        }
        2 => block(bytes),
        3 => records(bytes),
        4 => {
            let Some(signed) = Signed::decode(bytes) else { return };
            assert_eq!(signed.encode(), bytes, "two forms of one record");
            signed.verify(&Keyring::new([signed.key.clone()]));
        }
        _ => {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            told(UserSettings::parse(text, &HostPath::new("/config.toml")));
            for line in text.lines() {
                if let Some(key) = told(line.parse::<PublicKey>()) {
                    assert_eq!(key.to_string().parse(), Ok(key));
                }
                told(Address::parse(line, &HostPath::new("/")));
                file_of_cache(line);
            }
        }
    }
}

/// The only block of a segment: its length when unpacked, and what is sent.
fn block(bytes: &[u8]) {
    let Some((unpacked, packed)) = bytes.split_at_checked(4) else { return };
    let mut keys = b"opb cache segment 1\n\x01\0\0\0\0\0\0\0".to_vec();
    keys.extend_from_slice(&(packed.len() as u64).to_le_bytes());
    keys.extend_from_slice(unpacked);
    keys.extend_from_slice(Digest::of(packed).as_bytes());
    let Some(table) = told(Table::decode(keys.clone(), Digest::of(&keys))) else { return };
    let records = told(table.block(0).expect("the only one").unpack(packed));
    assert!(records.is_none_or(|records| records.len() <= 64));
}

/// Records, each with its length before it: what a segment is made of is found in it.
fn records(mut rest: &[u8]) {
    let mut all = Vec::new();
    while let Some((length, tail)) = rest.split_first() {
        let (record, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        all.push(Keyed { keys: vec![Digest::of(record)], record: record.to_vec() });
        rest = tail;
    }
    let segment = Segment::of(all.clone());
    let table = Table::decode(segment.keys.clone(), segment.name()).expect("what was written can be read");
    assert!(table.is_of(&mut &segment.records[..]).expect("memory can be read"));
    for Keyed { keys, record } in all {
        let spot = table.find(&keys[0])[0];
        let block = table.block(spot.block).expect("it is there");
        let packed = &segment.records[block.from as usize..(block.from + block.length) as usize];
        assert_eq!(block.unpack(packed).expect("it is whole")[spot.place as usize], record);
    }
}

/// Texts of Debian's formats; the first byte says which.
pub fn debian(data: &[u8]) {
    let Some((which, text)) = chosen(data) else { return };
    match which % 8 {
        0 => {
            control::paragraphs(text).for_each(|found| drop(told(found)));
            told(source::source_control(text));
            told(opb::family::deb::facts::facts(
                text,
                include_str!("seeds/debian/changelog").get(1..).unwrap_or(""),
                None,
            ));
        }
        1 => drop(told(changelog::newest(text))),
        2 => {
            for variables in [Variables::LeftOut, Variables::Refused] {
                if let Some(found) = told(Relations::parse_with(text, variables)) {
                    found.reduce("amd64", &["nodoc".to_owned()].into());
                }
            }
        }
        3 => {
            let (one, two) = text.split_once('\n').unwrap_or((text, "1.0-1"));
            if let (Some(one), Some(two)) = (told(Version::new(one)), told(Version::new(two))) {
                assert_eq!(one.cmp(&two), two.cmp(&one).reverse(), "{one} and {two}");
                assert_eq!(Version::new(&one.to_string()).as_ref(), Ok(&one));
            }
        }
        4 => {
            told(index::read(text));
            told(index::slim(text));
        }
        5 => {
            newest_source(text);
            let packages = ["a".to_owned()];
            let place = autopkgtest::Place { packages: &packages, build_depends: "b", control: text, arch: "amd64" };
            let tests = autopkgtest::tests(text, "amd64");
            tests.iter().flatten().for_each(|test| drop(autopkgtest::needs(test, &place)));
            told(tests);
            source_rpms(text);
            let (found, _) = finding::findings(text);
            let known =
                finding::baseline(&finding::baseline_text("head", &found)).expect("what was written can be read");
            assert_eq!(finding::compare(&found, &known).new, []);
        }
        6 => {
            told(dsc::read(text));
            told(dsc::signed_part(text));
        }
        _ => drop(told(opb::fetch::parse_release(text, "oasis"))),
    }
}

/// What the store and its records hold; the first byte says which.
pub fn decoders(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    match which % 3 {
        0 => {
            if let Some(tree) = told(Tree::decode(bytes)) {
                assert_eq!(tree.encode(), bytes, "two forms of one tree");
            }
        }
        1 => {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            if let Some(list) = told(PackageList::decode(text)) {
                assert_eq!(list.encode(), text, "two forms of one list");
            }
        }
        _ => {
            if let Some(record) = told(serde_json::from_slice::<Realisation>(bytes)) {
                let written = serde_json::to_vec(&record).expect("a record can be written");
                let again: Realisation = serde_json::from_slice(&written).expect("what was written can be read");
                assert_eq!(serde_json::to_vec(&again).expect("and written again"), written);
            }
        }
    }
}

/// A distro's file.
pub fn distro(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    checked(&[("distros/debian-12.rhai", text), ("recipes/a.rhai", "#{ source: dsc(\"a\") }")]);
}

/// `opb.lock`, `opb.toml`, or `opb.exceptions.toml`; the first byte says which.
pub fn lock(data: &[u8]) {
    let Some((which, text)) = chosen(data) else { return };
    let name = ["opb.lock", "opb.toml", "opb.exceptions.toml"][usize::from(which % 3)];
    if let Ok(exceptions) = toml::from_str::<Exceptions>(text) {
        let written = toml::to_string(&exceptions).expect("exceptions can be written");
        assert_eq!(toml::from_str::<Exceptions>(&written).as_ref(), Ok(&exceptions));
    }
    if let Ok(lock) = toml::from_str::<Lock>(text) {
        let written = toml::to_string(&lock).expect("a lock can be written");
        assert_eq!(toml::from_str::<Lock>(&written).as_ref(), Ok(&lock));
    }
    told(Settings::parse(text));
    checked(&[("distros/debian-12.rhai", DISTRO), ("recipes/a.rhai", "#{ source: dsc(\"a\") }"), (name, text)]);
}

/// A file of a secret key, as it is imported.
pub fn keys(data: &[u8]) {
    let hopeful = !may_end_by(data, 1_800_000_000);
    let Ok(file) = KeyFile::parse(data) else { return };
    let public = file.public_key();
    told(public.check(1_800_000_000));
    if let Some(Some(ends)) = told(public.ends(1_800_000_000)) {
        assert!(!hopeful || ends > 1_800_000_000, "a glance was too hopeful");
    }
    assert!(public.fingerprint().len() >= 32 && !public.kind().is_empty());
    told(public.armored());
}

/// A binary package.
pub fn packages(data: &[u8]) {
    told(deb::read(data));
}

/// A recipe, and behind a line of `---` the shared code that it imports.
pub fn recipe(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (recipe, shared) = text.split_once("\n---\n").unwrap_or((text, "fn a() { 1 }"));
    checked(&[
        ("distros/debian-12.rhai", DISTRO),
        ("recipes/a.rhai", recipe),
        ("recipes/b.rhai", "#{ source: dsc(\"b\"), needs: [\"a\"] }"),
        ("recipes/lib/x.rhai", shared),
    ]);
}

/// A package of an RPM distro, up to its payload.
pub fn rpm(data: &[u8]) {
    let mut rest = data;
    let Some(package) = told(rpm::Package::read(&mut rest)) else { return };
    let (start, end) = package.header_range();
    assert_eq!(end as usize, data.len() - rest.len(), "it was read up to its payload");
    assert_eq!(&data[start as usize..end as usize], package.header.bytes());
    let header = rpm::Header::new(package.header.bytes().to_vec(), rpm::tag::HEADER_IMMUTABLE);
    assert_eq!(header.as_ref(), Ok(&package.header));
    for tag in package.header.tags() {
        let all = (package.header.strings(tag).count(), package.header.ints(tag).count());
        assert!(all.0 + all.1 == package.header.count(tag) || package.header.binary(tag).is_some());
    }
    for kind in rpm::Kind::ALL {
        for dependency in package.dependencies(kind) {
            let (epoch, version, release) = dependency.parts();
            let parts = [epoch, Some(version), release].into_iter().flatten();
            assert!(parts.map(<[u8]>::len).sum::<usize>() <= dependency.evr.len());
        }
    }
    assert_eq!(package.files().count(), package.header.count(rpm::tag::BASE_NAMES));
    assert_eq!(package.changelog().count(), package.header.count(rpm::tag::CHANGELOG_TIME));
    told(opb::package::equivalent::essence(data, "1:1-1"));
    let front = rpm::Front::read(data).expect("it was read before");
    let signed = front.signed(rpm::tag::SIG_RSA_HEADER, b"signature");
    let again = rpm::Front::read(&signed[..]).expect("a signed package is a package");
    assert_eq!(again.package.header, package.header);
    assert_eq!(again.package.signature.binary(rpm::tag::SIG_RSA_HEADER), Some(&b"signature"[..]));
    let keys = opb::sign::rpm::Keyring::of([], 0).expect("no file is wrong");
    assert!(opb::sign::rpm::verify_package(&keys, data).is_err(), "nobody's signature counts");
}

/// Selectors, names and paths.
pub fn selectors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(selector) = told(text.parse::<Selector>())
        && let Ok(name) = "build:libbsd@debian-12/amd64".parse::<NodeName>()
    {
        let again: Selector = selector.to_string().parse().expect("a selector can be written");
        assert_eq!(selector.matches(&name), again.matches(&name), "{text}");
    }
    if let Some(name) = told(text.parse::<NodeName>()) {
        assert_eq!(name.to_string().parse::<NodeName>().as_ref(), Ok(&name));
    }
    if let Some(target) = told(text.parse::<Target>()) {
        assert_eq!(target.to_string(), text);
    }
    if let Some(path) = told(text.parse::<TreePath>()) {
        assert!(!text.is_empty() && !text.starts_with('/') && !text.split('/').any(|part| part == ".."), "{path}");
    }
    for safe in [
        told(text.parse::<ComponentName>()).map(|name| name.to_string()),
        told(text.parse::<DistroName>()).map(|name| name.to_string()),
        told(text.parse::<PackageName>()).map(|name| name.to_string()),
        told(text.parse::<ChannelName>()).map(|name| name.to_string()),
        told(text.parse::<Arch>()).map(|name| name.to_string()),
    ]
    .into_iter()
    .flatten()
    {
        assert!(!safe.starts_with(['-', '.', '/']) && !safe.contains(['/', ' ', '\n', '$', '\'']), "{safe:?}");
    }
}

/// A spec; and what stands in its fields.
pub fn spec(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    told(spec::read(text, spec::Macros::new("amd64")));
    told(spec::dependency::parse(text));
    let (one, two) = text.split_once('\n').unwrap_or((text, "1.0"));
    assert_eq!(rpm_version::compare(one, two), rpm_version::compare(two, one).reverse(), "{one:?} and {two:?}");
}

/// Whatever is in these files, everything can be said of them: at places that are there, and harmlessly.
fn checked(files: &[(&str, &str)]) {
    let of = |name: &str| files.iter().find(|(path, _)| *path == name).map(|(_, text)| (*text).to_owned());
    let texts: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let look_at = |asked: &BTreeMap<String, Asked>| -> Looked {
        let none = LocalError { message: "there is no such folder".to_owned(), help: "make it".to_owned() };
        asked.keys().map(|folder| (folder.clone(), Err(none.clone()))).collect()
    };
    let answer = check(Question {
        files: &MemoryFiles(texts.clone()),
        settings: Ok(of("opb.toml")),
        lock: (None, "opb.lock".to_owned(), Ok(of("opb.lock"))),
        base: Lock::default(),
        exceptions: Ok(of("opb.exceptions.toml")),
        look_at: &look_at,
        today: "2026-06-01",
        watch: &Watch::default(),
    });
    let mut seen = BTreeSet::new();
    for finding in &answer.findings {
        sound(finding, texts.get(finding.file()));
        let start = finding.range().map(|range| range.start.offset);
        assert!(seen.insert((finding.file().to_owned(), start, finding.to_string())), "told twice: {finding}");
    }
}

fn sound(finding: &RecipeError, text: Option<&String>) {
    let help = miette::Diagnostic::help(finding).map(|help| help.to_string()).unwrap_or_default();
    assert!(!help.is_empty(), "no help: {finding}");
    for said in [finding.to_string(), help] {
        assert!(!said.is_empty() && !said.contains(char::is_control), "harmful: {said:?}");
    }
    if let (Some(range), Some(text)) = (finding.range(), text) {
        assert!(text.get(range.start.offset..range.end.offset).is_some(), "{finding} at {range:?}");
    }
}
