//! Suites with one thing wrong each, and how that is told.

use super::site::{Site, request, settings, signer};
use super::{NOW, all_are, seen, seen_with, shown};
use crate::client::*;
use crate::digest::Sha256;
use crate::sign::{SecretKey, Signer};

const PACKAGES: &str = "main/binary-amd64/Packages";

/// What is seen after a change.
fn after(change: impl Fn(&mut Site)) -> String {
    let mut site = Site::apt();
    change(&mut site);
    seen(&site.request())
}

const SOUND: &str = "apt bookworm: None, 6 indexes, 4/4 packages, 0 read";

#[test]
fn a_sound_suite() {
    let mut site = Site::apt();
    assert_eq!(seen(&site.request()).trim_end(), SOUND);
    let answer = check(&site.request(), &mut Memory::default()).expect("looks");
    assert!(answer.first_use && answer.cause().is_none());
    let looked = &answer.repositories[0];
    assert_eq!((looked.date, looked.valid_until, looked.key_ends), (Some(NOW - 3_600), None, None));
    assert_eq!(looked.signers, [site.signer.fingerprint()]);
    // With a key that one has, all packages read, and by the suite's address.
    let keys = Some(site.keys());
    let all = Request { keys, packages: Packages::All, ..site.request() };
    assert_eq!(seen(&all).trim_end(), SOUND.replace("0 read", "4 read"));
    assert!(!check(&all, &mut Memory::default()).expect("looks").first_use);
    let suite = Request { address: format!("{}/dists/bookworm/", all.address), ..all.clone() };
    assert_eq!(seen(&suite), seen(&all));
    let none = Request { packages: Packages::None, ..site.request() };
    assert_eq!(seen(&none).trim_end(), SOUND.replace("4/4", "0/4"));
    // Only one of both forms of the list.
    site.remove("dists/bookworm/InRelease");
    assert_eq!(seen(&site.request()).trim_end(), SOUND);
    site.publish(&["tiny", "tiny-doc"], NOW - 3_600);
    site.remove("dists/bookworm/Release");
    site.remove("dists/bookworm/Release.gpg");
    assert_eq!(seen(&site.request()).trim_end(), SOUND);
}

#[test]
fn signatures() {
    let list = "dists/bookworm/InRelease";
    all_are(&[
        (
            "a changed byte",
            after(|site| {
                site.change(list, |bytes| {
                    let at = bytes.windows(11).position(|part| part == b"opb nightly").expect("is there");
                    bytes[at] ^= 1;
                });
            }),
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: its signature does not \
             count: the signature by the key ID does not fit the text",
        ),
        (
            "text outside",
            after(|site| site.change(list, |bytes| bytes.extend_from_slice(b"Origin: evil\n"))),
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: its signature does not \
             count: there is text outside the signed block",
        ),
        (
            "a page",
            after(|site| site.write(list, b"<html></html>\n")),
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: it is not signed",
        ),
        (
            "no signature beside",
            after(|site| {
                site.remove(list);
                site.remove("dists/bookworm/Release.gpg");
            }),
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/Release`: it is not signed",
        ),
        (
            "no list",
            {
                let site = Site::apt();
                site.remove(list);
                site.remove("dists/bookworm/Release");
                seen(&Request { suites: vec!["bookworm".to_owned()], ..site.request() })
            },
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: it is not there",
        ),
        (
            "a damaged one beside",
            after(|site| {
                let other = site.signer.detached("other", 1_700_000_100).expect("signs");
                site.write("dists/bookworm/Release.gpg", other.as_bytes());
            }),
            "apt bookworm: Some(Build), 6 indexes, 4/4 packages, 0 read\n  `dists/bookworm/Release.gpg`: its signature does not \
             count: the signature by the key ID does not fit the text",
        ),
        (
            "two lists",
            after(|site| {
                let old = site.read(list);
                site.sign(&site.release(NOW - 7_200, None));
                site.write(list, &old);
            }),
            "apt bookworm: Some(Build), 6 indexes, 4/4 packages, 0 read\n  `dists/bookworm/Release`: it does not say the same as \
             `InRelease`",
        ),
        (
            "a signature of nothing",
            after(|site| site.remove("dists/bookworm/Release")),
            "apt bookworm: Some(Build), 6 indexes, 4/4 packages, 0 read\n  `dists/bookworm/Release`: it is not there",
        ),
        (
            "another key",
            {
                let site = Site::apt();
                let other = signer(2).public_key_binary().expect("exports");
                seen(&Request { keys: Some(Keyring::of(other).expect("a key")), ..site.request() })
            },
            "apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: its signature does not \
             count: the text is signed by ID, and the keyring has no such key\n  `dists/bookworm/Release.gpg`: its signature \
             does not count: the text is signed by the key ID, which is none of the keys that it may be signed by",
        ),
    ]);
}

#[test]
fn indexes_that_are_not_as_listed() {
    let gz = format!("dists/bookworm/{PACKAGES}.gz");
    let head = "apt bookworm: Some(Build), 5 indexes, 4/4 packages, 0 read\n";
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let mut cases = vec![
        (
            "a changed byte",
            after(|site| site.change(&gz, flip)),
            format!("{head}  `{gz}`: its SHA-256 is SHA256, and SHA256 is listed"),
        ),
        ("a missing one", after(|site| site.remove(&gz)), format!("{head}  `{gz}`: it is not there")),
    ];
    let size = Site::apt().read(&gz).len();
    cases.push((
        "a short one",
        after(|site| site.change(&gz, |bytes| bytes.truncate(10))),
        format!("{head}  `{gz}`: it has 10 bytes, and {size} are listed"),
    ));
    cases.push((
        "a long one",
        after(|site| site.change(&gz, |bytes| bytes.push(0))),
        format!("{head}  `{gz}`: it goes on behind the {size} bytes that are listed"),
    ));
    let by_hash = shown(&Site::apt().by_hash(&format!("{PACKAGES}.gz")));
    cases.push((
        "none by its digest",
        after(|site| site.remove(&site.by_hash(&format!("{PACKAGES}.gz")))),
        format!("{head}  `{by_hash}`: it is not there"),
    ));
    cases.push((
        "both of one text",
        after(|site| {
            let listed = site.indexes.iter_mut().find(|entry| entry.path == PACKAGES).expect("listed");
            listed.size += 1;
            site.sign(&site.release(NOW - 3_600, None));
        }),
        format!(
            "apt bookworm: Some(Build), 4 indexes, 2/2 packages, 0 read\n  `{gz}`: it unpacks to something else than is listed \
             as `dists/bookworm/{PACKAGES}`\n  `dists/bookworm/{PACKAGES}.xz`: it unpacks to something else than is listed as \
             `dists/bookworm/{PACKAGES}`"
        ),
    ));
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn what_indexes_say() {
    let entry = |name: &str, more: &str| format!("Package: {name}\n{more}\n");
    let of = |text: &str| {
        let text = text.to_owned();
        after(move |site| site.exchange(PACKAGES, &text))
    };
    let digest = Sha256::of(b"tiny 1");
    let good = format!("Filename: pool/main/t/tiny/tiny_1_amd64.deb\nSize: 6\nSHA256: {digest}\n");
    let other = format!("Filename: pool/main/t/tiny/tiny_1_amd64.deb\nSize: 6\nSHA256: {}\n", Sha256::of(b"x"));
    let head = "apt bookworm: Some(Build), 4 indexes, 2/2 packages, 0 read\n  `dists/bookworm/main/binary-amd64/Packages.gz`: ";
    let wrong = |why: &str| format!("{head}{why}");
    let cases = [
        ("sound", of(&entry("tiny", &good)), "apt bookworm: None, 5 indexes, 3/3 packages, 0 read".to_owned()),
        (
            "only digests that can be forged",
            of(&entry("tiny", "Filename: pool/x.deb\nSize: 6\nSHA1: 00\n")),
            wrong("it has no SHA-256 of `tiny`, so whoever can make two files with one MD5 or SHA-1 can exchange them"),
        ),
        (
            "a place elsewhere",
            of(&entry("tiny", &good.replace("pool/", "../"))),
            wrong("it cannot be read: `Filename` of `tiny` is none"),
        ),
        (
            "no size",
            of(&entry("tiny", &good.replace("Size: 6", "Size: -6"))),
            wrong("it cannot be read: `Size` of `tiny` is none"),
        ),
        (
            "no index",
            of("<html>\n"),
            wrong("it cannot be read: cannot read line 1 of a control file: `<html>` is no `Field: value`"),
        ),
        ("no text", after(|site| site.exchange(PACKAGES, [b'P', 0xff])), wrong("it cannot be read: it is not UTF-8")),
        (
            "one name for two files",
            of(&format!("{}\n{}", entry("tiny", &good), entry("tiny2", &other))),
            "apt bookworm: Some(Build), 5 indexes, 3/3 packages, 0 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: \
             `dists/bookworm/main/binary-amd64/Packages.gz` lists it with another digest or size"
                .to_owned(),
        ),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn packages() {
    let deb = "pool/main/t/tiny/tiny_1_amd64.deb";
    let of = |how: Packages, change: &dyn Fn(&Site)| {
        let site = Site::apt();
        change(&site);
        seen(&Request { packages: how, ..site.request() })
    };
    let flip = |site: &Site| site.change(deb, |bytes| bytes[0] ^= 1);
    all_are(&[
        (
            "a missing one",
            of(Packages::Size, &|site| site.remove(deb)),
            "apt bookworm: Some(Build), 6 indexes, 3/4 packages, 0 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: it is not there",
        ),
        (
            "a longer one",
            of(Packages::Size, &|site| site.change(deb, |bytes| bytes.push(0))),
            "apt bookworm: Some(Build), 6 indexes, 3/4 packages, 0 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: it has 7 bytes, \
             and 6 are listed",
        ),
        ("other bytes of the same length, not read", of(Packages::Size, &flip), SOUND),
        (
            "the same, read",
            of(Packages::All, &flip),
            "apt bookworm: Some(Build), 6 indexes, 3/4 packages, 3 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: its SHA-256 is \
             SHA256, and SHA256 is listed",
        ),
        (
            "a folder in its place",
            of(Packages::Size, &|site| {
                site.remove(deb);
                std::fs::create_dir(site.path(deb)).expect("made");
            }),
            "apt bookworm: Some(Build), 6 indexes, 3/4 packages, 0 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: it cannot be \
             read: it is no file",
        ),
    ]);
}

#[test]
fn dates_and_digests_of_the_list() {
    let of = |text: &dyn Fn(&Site) -> String| {
        after(|site| {
            let text = text(site);
            site.sign(&text);
        })
    };
    let wrong = |why: &str| format!("{}\n  `dists/bookworm/InRelease`: {why}", SOUND.replace("None", "Some(Build)"));
    let nothing = |why: &str| {
        format!("apt bookworm: Some(Build), 0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: {why}")
    };
    let old = {
        let site = Site::apt();
        site.sign(&site.release(NOW - 8 * 86_400, None));
        seen(&Request { max_age: Some(7 * 86_400), ..site.request() })
    };
    let cases = [
        ("valid", of(&|site| site.release(NOW, Some(NOW + 60))), SOUND.to_owned()),
        (
            "the future",
            of(&|site| site.release(NOW + 11, None)),
            wrong("its date is 2024-03-09 16:00:11 UTC, which is in the future"),
        ),
        (
            "expired",
            of(&|site| site.release(NOW - 60, Some(NOW - 1))),
            wrong("it was valid until 2024-03-09 15:59:59 UTC"),
        ),
        ("old", old, wrong("its date is 2024-03-01 16:00:00 UTC, and it may be at most 7 days old")),
        (
            "weak",
            of(&|site| site.release(NOW, None).replace("SHA256:", "MD5Sum:")),
            nothing("it has no SHA-256, so whoever can make two files with one MD5 or SHA-1 can exchange them"),
        ),
        (
            "another suite",
            of(&|site| site.release(NOW, None).replace("bookworm", "trixie").replace("nightly", "testing")),
            nothing(
                "it cannot be read: the Release file got for suite `bookworm` is that of suite `testing`, code name `trixie`",
            ),
        ),
        (
            "a place elsewhere",
            of(&|site| site.release(NOW, None).replace(" main/source/Sources.gz", " ../Sources.gz")),
            String::new(),
        ),
    ];
    let (last, cases) = cases.split_last().expect("some");
    assert!(last.1.contains("it cannot be read: cannot understand the Release file"), "{}", last.1);
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn when_the_key_ends() {
    let mut site = Site::apt();
    let key = SecretKey::generate("opb test", 1_700_000_000, Some(2_000_000_000), rand::rngs::OsRng);
    site.signer = Signer::File(key.expect("makes a key"));
    site.sign(&site.release(NOW - 60, None));
    let keys = Some(site.keys());
    let answer = check(&Request { keys, ..site.request() }, &mut Memory::default()).expect("looks");
    assert_eq!((answer.cause(), answer.repositories[0].key_ends), (None, Some(3_700_000_000)));
    // Of several keys the last counts, and one without an end has none.
    let keys = Keyring::join([site.keys(), Site::apt().keys()]);
    let ring = rpm::Keyring::of([("keys", keys.bytes())], NOW as u64).expect("keys");
    assert_eq!(ring.ends(&site.signer.fingerprint()), Some(3_700_000_000));
    assert_eq!([ring.ends(&signer(1).fingerprint()), ring.ends("ABCD")], [None, None]);
}

#[test]
fn faults_are_counted_and_not_all_listed() {
    let mut site = Site::apt();
    let many = MOST_FAULTS + 7;
    let entries: String = (0..many)
        .map(|number| {
            format!("Package: p{number}\nFilename: pool/p{number}.deb\nSize: 1\nSHA256: {}\n\n", Sha256::of(b"x"))
        })
        .collect();
    site.exchange(PACKAGES, &entries);
    let looked = check(&site.request(), &mut Memory::default()).expect("looks").repositories.remove(0);
    assert_eq!(
        (looked.faults.len(), looked.more_faults, looked.packages, looked.present),
        (MOST_FAULTS, 7, many + 2, 2)
    );
    assert!(looked.faults.iter().all(|fault| fault.problem == Problem::Missing));
}

#[test]
fn two_suites_of_one_pool() {
    let site = Site::apt();
    // A second suite names other bytes for a package of the first.
    let text = String::from_utf8(site.read("dists/bookworm/Release")).expect("text");
    let mut other = Site::apt();
    let entry =
        format!("Package: tiny\nFilename: pool/main/t/tiny/tiny_1_amd64.deb\nSize: 6\nSHA256: {}\n", Sha256::of(b"x"));
    other.exchange(PACKAGES, &entry);
    let release = String::from_utf8(other.read("dists/bookworm/Release")).expect("text");
    assert_ne!(text, release);
    let trixie = release.replace("Codename: bookworm", "Codename: trixie");
    site.write("dists/trixie/InRelease", site.signer.clear_sign(&trixie, 1_700_000_100).expect("signs").as_bytes());
    for entry in other.indexes.iter().filter(|entry| entry.path.contains(".gz") || entry.path.contains(".xz")) {
        let bytes = other.read(&format!("dists/bookworm/{}", entry.path));
        site.write(&format!("dists/trixie/{}", entry.path), &bytes);
        let place = other.by_hash(&entry.path);
        site.write(&place.replace("bookworm", "trixie"), &bytes);
    }
    let seen = seen_with(&request(site.request().address.as_str()), &mut Memory::default());
    assert_eq!(settings().codename, "bookworm");
    assert_eq!(
        seen,
        format!(
            "{SOUND}\napt trixie: Some(Build), 5 indexes, 3/3 packages, 0 read\n  `pool/main/t/tiny/tiny_1_amd64.deb`: \
             `dists/bookworm/main/binary-amd64/Packages.gz` lists it with another digest or size\n"
        )
    );
}
