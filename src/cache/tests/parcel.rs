//! Results as one file.

use super::*;
use crate::digest::Sha256;

fn own() -> Keyring {
    Keyring::new([key("own").public()])
}

/// A store with two results, one of them large, a tree of nobody's, and a downloaded file.
fn parcel(store: &Store) -> Parcel {
    let log = store.put_log(&mut &b"it went well\n"[..]).expect("put");
    let a = Realisation { log: Some(log), ..result(store, "a", &[b"small", &noise(3 << 20)]) };
    let b = result(store, "bb", &[b"small", b"other"]);
    let pinned = result(store, "ccc", &[b"pinned"]).outputs["packages"];
    store.put_known_sha256(&mut &b"a package"[..], Sha256::of(b"a package"), 9).expect("put");
    let downloads = [Sha256::of(b"a package"), Sha256::of(b"not here")].into();
    Parcel { results: vec![a, b], trees: [pinned, Digest::of(b"not here")].into(), downloads }
}

#[test]
fn what_is_exported_is_there_after_an_import() {
    let space = Space::new();
    let (one, other) = (space.store("one"), space.store("other"));
    let mut parcel = parcel(&one);
    let lost = Realisation {
        outputs: Outputs::from([(OutputName::new("x").expect("a name"), Digest::of(b"gone"))]),
        ..realisation("dddd")
    };
    parcel.results.push(lost);
    let file = HostPath::new(space.path("file"));
    let exported = export(&file, &one, &key("own"), &parcel).expect("written");
    let bytes = std::fs::read(file.as_path()).expect("there");
    assert_eq!(exported, Exported { results: 2, absent: 1, downloads: 1, bytes: bytes.len() as u64 });
    let error = export(&file, &one, &key("own"), &parcel).expect_err("there already");
    assert_eq!(error.to_string(), format!("`{file}` is there already"));
    assert_eq!(std::fs::read(file.as_path()).expect("there"), bytes, "and stays");

    let import = Import::open(&file).expect("opens");
    assert_eq!(import.results(&own()).expect("trusted"), 2);
    let foreign = Keyring::new([key("foreign").public()]);
    let error = import.results(&foreign).expect_err("a stranger's").to_string();
    assert_eq!(error, format!("the results in `file` are signed by `{}`, which you do not trust", key("own").public()));
    assert_eq!(import.downloads(&other).expect("brought"), (vec![Sha256::of(b"a package")], 9));
    assert_eq!(import.downloads(&other).expect("there"), (vec![Sha256::of(b"a package")], 0));
    assert!(other.find_sha256(Sha256::of(b"a package")).expect("reads").is_some());
    let caches = import.into_caches(own());
    for result in &parcel.results[..2] {
        assert_eq!(find_one(&caches, result.key).as_ref(), Some(result));
        assert!(caches.bring(&other, result.key, &result.outputs).expect("no trouble here").is_some());
        assert!(other.present(result.outputs["packages"]).expect("reads"));
    }
    assert!(caches.bring_log(&other, parcel.results[0].log.expect("one")).expect("no trouble here"));
    // A tree that no result names comes by its digest alone.
    let tree = *parcel.trees.iter().find(|tree| one.present(**tree).expect("reads")).expect("one");
    let outputs = Outputs::from([(OutputName::new("x").expect("a name"), tree)]);
    assert!(caches.bring(&other, ActionKey(Digest::of(b"whatever")), &outputs).expect("no trouble here").is_some());
    assert!(other.present(tree).expect("reads"));
    assert_eq!(caches.take_notices(), Vec::<String>::new());
}

#[test]
fn what_fails_leaves_no_file() {
    let space = Space::new();
    let store = space.store("one");
    let parcel = parcel(&store);
    let (object, _) = store.find_sha256(Sha256::of(b"a package")).expect("reads").expect("there");
    let path = store.object_path(object);
    std::fs::remove_file(path.as_path()).expect("removed");
    std::fs::write(path.as_path(), b"b package").expect("altered");
    std::fs::create_dir(space.path("folder")).expect("made");
    let file = HostPath::new(space.path("folder/file"));
    let error = export(&file, &store, &key("own"), &parcel).expect_err("altered");
    assert!(error.to_string().ends_with("has been altered: its content does not have its digest"), "{error}");
    assert_eq!(std::fs::read_dir(space.path("folder")).expect("reads").count(), 0);
    let error = export(&HostPath::new(space.path("no/file")), &store, &key("own"), &parcel).expect_err("no folder");
    assert!(error.to_string().starts_with("writing an export failed at "), "{error}");
}

/// What became of an import, with all that it brings.
fn bring_all(space: &Space, parcel: &Parcel, file: &HostPath) -> Result<usize, String> {
    let into = tempfile::tempdir_in(space.0.path()).expect("a folder");
    let store = Store::open(&HostPath::new(into.path().join("store"))).expect("opens");
    let text = |error: &dyn std::error::Error| crate::diag::chain(error);
    let import = Import::open(file).map_err(|error| text(&error))?;
    let count = import.results(&own()).map_err(|error| text(&error))?;
    let (files, _) = import.downloads(&store).map_err(|error| error.to_string())?;
    let caches = import.into_caches(own());
    let mut brought = count + files.len();
    for result in &parcel.results {
        let found = find_one(&caches, result.key);
        assert!(found.as_ref().is_none_or(|found| found == result), "only what was signed");
        let came = caches.bring(&store, result.key, &result.outputs).expect("no trouble here");
        brought += usize::from(found.is_some()) + usize::from(came.is_some());
    }
    let verified = store.verify(1, &|_| None).expect("verifies");
    assert_eq!(verified.findings, [], "nothing comes in that is not what its name says");
    match caches.take_notices() {
        notices if notices.is_empty() => Ok(brought),
        notices => Err(notices.concat()),
    }
}

#[test]
fn a_file_that_is_cut_off_or_altered_is_noticed() {
    let space = Space::new();
    let store = space.store("one");
    let mut parcel = parcel(&store);
    parcel.results.remove(0);
    let file = HostPath::new(space.path("file"));
    export(&file, &store, &key("own"), &parcel).expect("written");
    let bytes = std::fs::read(file.as_path()).expect("there");
    let whole = bring_all(&space, &parcel, &file).expect("sound");
    assert_eq!(whole, 1 + 1 + 2);
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("the list");
    let altered = HostPath::new(space.path("altered"));
    for length in (0..end).step_by(509) {
        std::fs::write(altered.as_path(), &bytes[..length]).expect("written");
        let error = bring_all(&space, &parcel, &altered).expect_err("its end is missing");
        assert!(
            error.contains("is not what `opb store export` wrote") || error.contains("damaged"),
            "{length}: {error}"
        );
    }
    // Of a header, much says nothing (its owner, its date); no byte makes anything wrong come in.
    let mut noticed = 0;
    let places: Vec<usize> = (0..end).step_by(89).collect();
    for at in &places {
        let mut flipped = bytes.clone();
        flipped[*at] ^= 0x21;
        std::fs::write(altered.as_path(), flipped).expect("written");
        noticed += usize::from(bring_all(&space, &parcel, &altered).is_err());
    }
    assert!(noticed * 2 > places.len(), "{noticed} of {}", places.len());
}

#[test]
fn what_is_no_export_is_told_apart() {
    let space = Space::new();
    let file = HostPath::new(space.path("file"));
    let why = |content: &[u8]| {
        std::fs::write(file.as_path(), content).expect("written");
        Import::open(&file).map(drop).expect_err("no export").to_string()
    };
    let not = |why: &str| format!("`{file}` is not what `opb store export` wrote: {why}");
    assert_eq!(why(b""), not("its end is missing: there is no `opb-cache.json` in it"));
    assert!(why(&[7; 2000]).starts_with(&not("")));
    let archive = |add: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder);
        builder.into_inner().expect("memory")
    };
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    let other = archive(&|builder| builder.append_data(&mut header.clone(), "../etc/passwd-", &b""[..]).unwrap_or(()));
    assert!(why(&other).contains("its end is missing"), "tar itself refuses to write such a name");
    let named = archive(&|builder| builder.append_data(&mut header.clone(), "other", &b""[..]).expect("memory"));
    assert_eq!(why(&named), not("there is `other` in it"));
    let linked = archive(&|builder| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, LIST, "/etc/passwd").expect("memory");
    });
    assert_eq!(why(&linked), not("there is `opb-cache.json` in it"));
    // A name that is said in an entry of its own may be as long as it likes.
    let long = archive(&|builder| {
        builder.append_data(&mut tar::Header::new_gnu(), "l".repeat(4000), &b""[..]).expect("memory");
    });
    assert_eq!(why(&long), not("there is `././@LongLink` in it"));
    std::fs::remove_file(file.as_path()).expect("removed");
    nix::unistd::mkfifo(file.as_path(), nix::sys::stat::Mode::S_IRWXU).expect("made");
    let error = Import::open(&file).map(drop).expect_err("a pipe").to_string();
    assert_eq!(error, not("it is no file"));
}
