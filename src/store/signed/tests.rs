use super::*;
use crate::path::HostPath;
use crate::store::collect::{Keeper, Reason};
use crate::store::verify::{Flaw, Part};

const PACKAGE: &[u8] = b"a package";

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    (folder, store)
}

/// What stands for signing here: the bytes with a word before them.
fn put_word(from: &mut dyn Read, into: &mut dyn Write) -> Result<(), StoreError> {
    let mut bytes = b"signed: ".to_vec();
    from.read_to_end(&mut bytes).map_err(|source| StoreError::Reading { source })?;
    into.write_all(&bytes).map_err(|source| StoreError::Reading { source })
}

fn sign_all(store: &Store, packages: &[Digest]) -> Vec<Signed> {
    let new = store.newly_signed("KEY", "sha256");
    packages.iter().for_each(|package| new.write(*package, put_word).expect("signs"));
    new.settle().expect("settles")
}

fn keys() -> [String; 2] {
    ["OTHER".to_owned(), "KEY".to_owned()]
}

/// What the crash tests do.
pub(in crate::store) fn sign(store: &Store) {
    let packages = [store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(b"another").expect("stored")];
    sign_all(store, &packages);
    assert!(store.signed_packages(&packages, &keys(), "sha256").expect("reads").iter().all(Option::is_some));
}

/// Whatever is remembered is there, whole.
pub(in crate::store) fn check_whole(store: &Store) {
    for digest in [Digest::of(PACKAGE), Digest::of(b"another")] {
        let found = store.signed_packages(&[digest], &keys(), "sha256").expect("reads").remove(0);
        if let Some(found) = found {
            assert!(store.read_object(found.signed, found.size).expect("whole").starts_with(b"signed: "));
        }
    }
    let mut lost = 0;
    store
        .each_signed(&mut |_, record| lost += usize::from(record.is_none_or(|record| !store.has_object(record.signed))))
        .expect("reads");
    assert_eq!(lost, 0, "a record without what it names");
}

#[test]
fn what_was_signed_is_found_again() {
    let (_folder, store) = store();
    let packages: Vec<Digest> =
        (0..40).map(|number| store.put_bytes(format!("package {number}").as_bytes()).expect("stored")).collect();
    let before = store.signed_packages(&packages, &keys(), "sha256").expect("reads");
    assert!(before.iter().all(Option::is_none));
    let signed = sign_all(&store, &packages);
    let found = store.signed_packages(&packages, &keys(), "sha256").expect("reads");
    assert_eq!(found, signed.iter().cloned().map(Some).collect::<Vec<_>>());
    for (number, record) in signed.iter().enumerate() {
        let bytes = format!("signed: package {number}");
        assert_eq!((record.unsigned, record.key.as_str(), record.size), (packages[number], "KEY", bytes.len() as u64));
        assert_eq!((record.signed, record.sha256), (Digest::of(bytes.as_bytes()), Sha256::of(bytes.as_bytes())));
        assert_eq!(store.read_object(record.signed, 100).expect("is there"), bytes.as_bytes());
    }
    // By another key, in another way: nothing is known.
    assert_eq!(store.signed_packages(&packages[..1], &["OTHER".to_owned()], "sha256").expect("reads"), [None]);
    assert_eq!(store.signed_packages(&packages[..1], &keys(), "sha512").expect("reads"), [None]);
    assert_eq!(store.signed_objects().expect("reads").len(), 40);
    assert_eq!(sign_all(&store, &[]), []);
}

#[test]
fn what_fails_leaves_nothing() {
    let (_folder, store) = store();
    let (good, bad) = (store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(b"bad").expect("stored"));
    let new = store.newly_signed("KEY", "sha256");
    new.write(good, put_word).expect("signs");
    // The signer fails, does not read to the end, or is given other bytes than those that the digest means.
    let fails = |_: &mut dyn Read, into: &mut dyn Write| {
        into.write_all(b"half").map_err(|source| StoreError::Reading { source })?;
        Err(StoreError::Reading { source: std_io::Error::other("no card") })
    };
    assert!(matches!(new.write(bad, fails), Err(StoreError::Reading { .. })));
    let hasty = |_: &mut dyn Read, into: &mut dyn Write| {
        into.write_all(b"all").map_err(|source| StoreError::Reading { source })
    };
    assert!(matches!(new.write::<StoreError>(bad, hasty), Err(StoreError::Altered { .. })));
    let path = store.object_path(bad);
    std::fs::remove_file(path.as_path()).expect("removes");
    std::fs::write(path.as_path(), b"bat").expect("writes");
    assert!(matches!(new.write(bad, put_word), Err(StoreError::Altered { .. })));
    assert!(matches!(new.write(Digest::of(b"nobody"), put_word), Err(StoreError::Missing { .. })));
    // Never settled: nothing is known, and no object has come.
    drop(new);
    assert_eq!(store.signed_packages(&[good, bad], &keys(), "sha256").expect("reads"), [None, None]);
    assert!(!store.has_object(Digest::of(b"signed: a package")));
    let left = std::fs::read_dir(store.path().join("work").as_path()).expect("reads").flatten();
    let files = left.flat_map(|work| std::fs::read_dir(work.path()).expect("reads").flatten());
    let names: Vec<_> = files.map(|file| file.file_name()).filter(|name| name != "lock" && name != "uses").collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn bytes_that_are_lost_count_as_never_signed() {
    let (_folder, store) = store();
    let package = store.put_bytes(PACKAGE).expect("stored");
    let [signed] = &sign_all(&store, &[package])[..] else { panic!("one was signed") };
    let path = store.object_path(signed.signed);
    std::fs::remove_file(path.as_path()).expect("removes");
    assert_eq!(store.signed_packages(&[package], &keys(), "sha256").expect("reads"), [None]);
    assert_eq!(sign_all(&store, &[package]), std::slice::from_ref(signed), "the same again");
    assert!(path.as_path().is_file());
    // A record that is damaged is none either.
    let place = store.path().join(place_of(package, "KEY", "sha256"));
    let text = std::fs::read_to_string(place.as_path()).expect("reads").replace("sha256\"", "sha512\"");
    std::fs::write(place.as_path(), text).expect("writes");
    assert_eq!(store.signed_packages(&[package], &keys(), "sha256").expect("reads"), [None]);
    assert_eq!(sign_all(&store, &[package]), std::slice::from_ref(signed));
    assert!(store.signed_packages(&[package], &keys(), "sha256").expect("reads")[0].is_some());
}

#[test]
fn a_collection_keeps_it_as_long_as_the_package() {
    let (folder, store) = store();
    let (kept, dead) = (store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(b"dead").expect("stored"));
    let published = store.put_bytes(b"published").expect("stored");
    let signed = sign_all(&store, &[kept, dead, published]);
    let object = |package: Digest| signed.iter().find(|record| record.unsigned == package).expect("was signed").signed;
    drop(store);
    // Another process: what this one used is not in its way.
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    let none = |_: &_| Ok(Vec::new());
    let reason = || Reason { keeper: Keeper::Generation, of: "nightly".to_owned(), what: "generation 1".to_owned() };
    let roots = vec![(reason(), Used::Object(kept)), (reason(), Used::Object(object(published)))];
    let lock = store.begin_collection().expect("begins");
    let mut marked = store.mark(roots, &none).expect("marks");
    assert_eq!(marked.object(object(kept)), Some(&reason()));
    assert_eq!(marked.object(object(dead)), None);
    let found = store.find_dead(&marked).expect("finds");
    store.collect(&lock, &mut marked, &found, i64::MAX, &none).expect("collects");
    assert!(store.has_object(object(kept)) && store.has_object(object(published)));
    assert!(!store.has_object(object(dead)) && !store.has_object(dead) && !store.has_object(published));
    let is_known = |package| {
        let found = store.signed_packages(&[package], &keys(), "sha256").expect("reads");
        found[0].is_some()
    };
    // The record of what is published stays: built again, the package is signed already.
    assert_eq!([kept, published, dead].map(is_known), [true, true, false]);
    let mut records = 0;
    store.each_signed(&mut |_, _| records += 1).expect("reads");
    assert_eq!(records, 2);
}

#[test]
fn a_verification_finds_what_is_lost_or_damaged_and_mends_it() {
    let (_folder, store) = store();
    let (lost, damaged) = (store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(b"damaged").expect("stored"));
    let flipped = store.put_bytes(b"flipped").expect("stored");
    let signed = sign_all(&store, &[lost, damaged, flipped]);
    let verify = || store.verify(1, &|_| None).expect("verifies").findings;
    assert_eq!(verify(), []);
    let object = |place: usize| store.object_path(signed[place].signed);
    std::fs::remove_file(object(0).as_path()).expect("removes");
    std::fs::write(store.path().join(place_of(damaged, "KEY", "sha256")).as_path(), b"{}").expect("writes");
    std::fs::remove_file(object(2).as_path()).expect("removes");
    std::fs::write(object(2).as_path(), b"signed: flippet").expect("writes");
    let findings = verify();
    let told: Vec<_> = findings.iter().map(|finding| (finding.part, finding.flaw)).collect();
    assert_eq!(told, [(Part::Object, Flaw::Altered), (Part::Signed, Flaw::Missing), (Part::Signed, Flaw::Damaged)]);
    let repaired = store.repair(&findings, &|_| false, &|_| None).expect("repairs");
    assert_eq!(repaired.removed.len(), 4, "{repaired:?}");
    assert_eq!(verify(), []);
    // What was lost is made again.
    assert_eq!(store.signed_packages(&[lost, damaged, flipped], &keys(), "sha256").expect("reads"), [None, None, None]);
    assert_eq!(sign_all(&store, &[lost, damaged, flipped]), signed);
}
