//! Whatever stands in a file, no parser panics; and what is good survives writing and reading.
//!
//! Half of the inputs are random, half are good texts with pieces cut out, doubled or replaced, which get further. What the
//! fuzz targets do with their bytes (`fuzz/entries.rs`) is done here too: with their seeds, whole and damaged.

#[path = "../fuzz/entries.rs"]
mod entries;

use std::collections::BTreeMap;
use std::path::Path;

use opb::digest::{Digest, Sha256};
use opb::lock::{BinaryFacts, DistroPin, DscPin, ExtraPin, Lock, PinnedFile, SourceFacts, SuitePin};
use opb::package::relation::{Relations, Variables};
use opb::package::{changelog, control, dsc, index, list::PackageList, source, version::Version};
use opb::settings::Settings;
use opb::tree::{Entry, Tree};
use proptest::prelude::*;

const CONTROL: &str = "Source: a\nMaintainer: A <a@example.org>\nBuild-Depends: b (>= 1:2~3-4) [linux-any !armhf] <!nodoc> | c,\n d:any\n\
                       # comment\n\nPackage: a\nArchitecture: any\nDepends: ${shlibs:Depends}, x (= ${binary:Version})\nDescription: y\n .\n z\n";
const CHANGELOG: &str =
    "a (1:1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n";
const INDEX: &str = "Package: a\nVersion: 1.0-1\nArchitecture: amd64\nDepends: b (>= 2) | c\nFilename: pool/a/a_1.0-1_amd64.deb\nSize: 10\n\
                     SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\nPackage: b\nVersion: 2\nArchitecture: all\n\
                     Filename: pool/b/b_2_all.deb\nSize: 1\nSHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
const SOURCES: &str = "Package: a\nFormat: 3.0 (quilt)\nVersion: 1.0-1\nDirectory: pool/a\nChecksums-Sha256:\n \
                       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 10 a_1.0-1.dsc\n";
const PRIMARY: &str = "<metadata><package type=\"rpm\"><name>a</name><arch>src</arch><version epoch=\"0\" ver=\"1\" rel=\"2\"/>\
                       <checksum type=\"sha256\">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</checksum>\
                       <size package=\"3\"/><location href=\"a/a-1-2.src.rpm\"/></package></metadata>";
const MODULES: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: a\n  stream: \"1\"\n  artifacts:\n    rpms:\n    - a-0:1-2.src\n";
const RELEASE: &str = "Origin: M\nSuite: oasis\nCodename: oasis\nDate: Sat, 11 Jan 2025 10:00:00 UTC\nSHA256:\n \
                       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 10 main/binary-amd64/Packages.xz\n";
const SETTINGS: &str = "maintainer = \"A <a@example.org>\"\n[mirrors]\ndebian = \"http://example.org\"\n[channel.nightly]\nkey = \"k\"\n\
                        targets = [\"@a/*\", \"!@b\"]\n";
const LIST: &str = "opb package list 1\n";

/// A good text, damaged in up to five places.
fn damaged(good: &'static str) -> impl Strategy<Value = String> {
    let piece = (any::<prop::sample::Index>(), 0usize..12, "[\\PC\\n\\t]{0,6}");
    prop::collection::vec(piece, 0..5).prop_map(move |pieces| {
        let mut chars: Vec<char> = good.chars().collect();
        for (place, length, text) in pieces {
            let start = place.index(chars.len() + 1);
            let end = (start + length).min(chars.len());
            // What is cut out comes again behind what replaces it, every other time.
            let cut: Vec<char> = chars[start..end].to_vec();
            let again = if length % 2 == 0 { cut } else { Vec::new() };
            chars.splice(start..end, text.chars().chain(again));
        }
        chars.into_iter().collect()
    })
}

fn text(good: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), damaged(good)]
}

/// The value; an error must be able to say itself. (What is harmful in it is taken out where it is shown.)
fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().is_empty())).ok()
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    let file = |executable| Entry::File { digest: Digest::of(b"x"), size: 1, executable };
    tree.insert_with_folders("a/b".parse().expect("plain"), file(true)).expect("new");
    tree.insert_with_folders("c".parse().expect("plain"), file(false)).expect("new");
    tree.insert_with_folders("d".parse().expect("plain"), Entry::Link { target: b"a/b".to_vec() }).expect("new");
    tree
}

/// A fuzz target: its name, and what it does with its bytes.
type FuzzTarget = (&'static str, fn(&[u8]));

const FUZZ_TARGETS: [FuzzTarget; 12] = [
    ("archives", entries::archives),
    ("cache", entries::cache),
    ("debian", entries::debian),
    ("decoders", entries::decoders),
    ("distro", entries::distro),
    ("keys", entries::keys),
    ("lock", entries::lock),
    ("packages", entries::packages),
    ("recipe", entries::recipe),
    ("rpm", entries::rpm),
    ("selectors", entries::selectors),
    ("spec", entries::spec),
];

/// The seeds of all fuzz targets.
fn seeds() -> Vec<(FuzzTarget, Vec<u8>)> {
    let mut seeds = Vec::new();
    for target in FUZZ_TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target.0);
        let before = seeds.len();
        let mut paths: Vec<_> =
            std::fs::read_dir(&folder).expect(target.0).map(|entry| entry.expect("read").path()).collect();
        paths.sort();
        seeds.extend(paths.into_iter().map(|path| (target, std::fs::read(path).expect("a seed"))));
        assert!(seeds.len() > before, "{} has no seeds", target.0);
    }
    seeds
}

#[test]
fn fuzz_targets_hold_for_their_seeds() {
    for ((_, run), seed) in seeds() {
        run(&seed);
    }
    let manifest = include_str!("../fuzz/Cargo.toml");
    let named: Vec<&str> = manifest.lines().filter_map(|line| line.strip_prefix("name = ")).skip(1).collect();
    assert_eq!(named, FUZZ_TARGETS.map(|(name, _)| format!("\"{name}\"")), "the targets in fuzz/Cargo.toml");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn fuzz_targets_hold_for_damaged_seeds(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[\\PC\\n\\t]{0,6}"), 0..5),
    ) {
        let all = seeds();
        let ((_, run), mut bytes) = all[which.index(all.len())].clone();
        for (place, length, text) in cuts {
            let start = place.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, text.into_bytes());
        }
        run(&bytes);
    }
}

proptest! {
    #[test]
    fn control_files(text in text(CONTROL)) {
        control::paragraphs(&text).for_each(|found| drop(told(found)));
        told(source::source_control(&text));
        told(opb::family::deb::facts::facts(&text, CHANGELOG, None));
    }

    #[test]
    fn changelogs(text in text(CHANGELOG)) {
        if let Some(entry) = told(changelog::newest(&text)) {
            prop_assert!(!entry.version.to_string().is_empty());
        }
    }

    #[test]
    fn relations(text in text("b (>= 1:2~3-4) [linux-any !armhf] <!nodoc a> <b> | c, d:any, ${misc:Depends}")) {
        for variables in [Variables::LeftOut, Variables::Refused] {
            if let Some(found) = told(Relations::parse_with(&text, variables)) {
                found.reduce("amd64", &["nodoc".to_owned()].into());
            }
        }
    }

    #[test]
    fn versions(text in text("1:2.0~rc1+dfsg-3+b1"), other in text("1:2.0-3")) {
        if let (Some(one), Some(two)) = (told(Version::new(&text)), told(Version::new(&other))) {
            prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
            prop_assert_eq!(one.to_string(), text);
        }
    }

    #[test]
    fn indexes(text in text(INDEX)) {
        told(index::read(&text));
        told(index::slim(&text));
        entries::newest_source(&text);
    }

    #[test]
    fn indexes_of_sources(text in text(SOURCES)) {
        entries::newest_source(&text);
        told(dsc::read(&text));
        told(dsc::signed_part(&text));
    }

    #[test]
    fn source_repositories(primary in text(PRIMARY), modules in text(MODULES)) {
        entries::source_rpms(&primary);
        entries::source_rpms(&modules);
    }

    #[test]
    fn release_files(text in text(RELEASE)) {
        told(opb::fetch::parse_release(&text, "oasis"));
    }

    #[test]
    fn settings(text in text(SETTINGS)) {
        if let Some(settings) = told(Settings::parse(&text)) {
            prop_assert!(!settings.channel.is_empty());
        }
    }

    #[test]
    fn package_lists(text in text(LIST)) {
        if let Some(list) = told(PackageList::decode(&text)) {
            prop_assert_eq!(list.encode(), text);
        }
    }

    #[test]
    fn trees(cut in any::<prop::sample::Index>(), byte in any::<u8>(), random in any::<Vec<u8>>()) {
        told(Tree::decode(&random));
        let good = tree().encode();
        let mut bytes = good.clone();
        let place = cut.index(bytes.len());
        bytes[place] = byte;
        if let Some(found) = told(Tree::decode(&bytes)) {
            prop_assert_eq!(found.encode(), bytes, "two forms of one tree");
        }
        told(Tree::decode(&good[..place]));
        prop_assert_eq!(Tree::decode(&good), Ok(tree()));
    }

    #[test]
    fn locks_survive_writing_and_reading(lock in lock()) {
        let written = toml::to_string(&lock).expect("written");
        prop_assert_eq!(toml::from_str::<Lock>(&written), Ok(lock));
    }

    #[test]
    fn locks(place in any::<prop::sample::Index>(), with in "[\\PC\\n]{0,4}", lock in lock()) {
        let mut chars: Vec<char> = toml::to_string(&lock).expect("written").chars().collect();
        let place = place.index(chars.len());
        chars.splice(place..(place + 3).min(chars.len()), with.chars());
        let _ = toml::from_str::<Lock>(&chars.into_iter().collect::<String>());
        let _ = toml::from_str::<Lock>(&with);
    }
}

fn lock() -> impl Strategy<Value = Lock> {
    let value = "[\\PC]{0,20}";
    let package = "[a-z][a-z0-9+.-]{1,8}";
    let binary =
        (value, value, value, prop::option::of(value)).prop_map(|(architecture, depends, profiles, package_type)| {
            BinaryFacts { architecture, package_type, depends, provides: String::new(), profiles }
        });
    let facts = (
        package,
        value,
        value,
        any::<i64>(),
        prop::option::of(value),
        prop::collection::btree_map(package, binary, 0..3),
    )
        .prop_map(|(source, version, build_depends, date, rules_requires_root, binaries)| SourceFacts {
            source: source.parse().expect("a name"),
            version,
            distribution: "unstable".into(),
            date,
            format: "1.0".into(),
            rules_requires_root,
            build_depends,
            build_depends_arch: String::new(),
            build_depends_indep: String::new(),
            build_conflicts: String::new(),
            binaries: binaries.into_iter().map(|(name, facts)| (name.parse().expect("a name"), facts)).collect(),
        });
    // TOML's whole numbers end at 2^63 - 1.
    let file =
        (0..i64::MAX as u64, any::<[u8; 8]>()).prop_map(|(size, of)| PinnedFile { size, sha256: Sha256::of(&of) });
    let files = prop::collection::btree_map(value, file, 0..3);
    let pin = (value, value, files, facts).prop_map(|(suite, directory, files, facts)| DscPin {
        suite,
        directory,
        tree: Digest::of(b"tree"),
        files,
        facts,
    });
    let suite = (value, value, prop::collection::btree_set(value, 0..3)).prop_map(|(name, date, paths)| SuitePin {
        name,
        release: Sha256::of(b"release"),
        date,
        index: paths.into_iter().map(|path| (path.clone(), Sha256::of(path.as_bytes()))).collect(),
    });
    let extra = (value, value, prop::collection::btree_set(value, 0..3)).prop_map(|(suite, date, paths)| ExtraPin {
        suite,
        release: Sha256::of(b"release"),
        date,
        index: paths.into_iter().map(|path| (path.clone(), Sha256::of(path.as_bytes()))).collect(),
    });
    let extras = prop::collection::btree_map("[a-z][a-z0-9-]{0,5}", extra, 0..3);
    let distro = (prop::collection::vec(suite, 0..3), extras).prop_map(|(suite, extras)| DistroPin {
        suite,
        extra: extras.into_iter().map(|(name, pin)| (name.parse().expect("a name"), pin)).collect(),
        ..DistroPin::default()
    });
    let dsc = prop::collection::btree_map(package, pin, 0..3);
    let parsed = |map: BTreeMap<String, DscPin>| -> BTreeMap<_, _> {
        map.into_iter().map(|(name, pin)| (name.parse().expect("a name"), pin)).collect()
    };
    ("[a-z]{1,5}-[0-9]{1,2}", distro, dsc).prop_map(move |(name, pin, dsc)| {
        let name: opb::name::DistroName = name.parse().expect("a name");
        Lock {
            distro: BTreeMap::from([(name.clone(), pin)]),
            dsc: BTreeMap::from([(name, parsed(dsc))]),
            ..Lock::default()
        }
    })
}
