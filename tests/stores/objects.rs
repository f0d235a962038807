//! Objects, trees, and the way in and out.

use super::*;

#[test]
fn objects_come_back() {
    let space = Space::new();
    let store = space.open();
    let digest = store.put_bytes(b"content").expect("stored");
    assert_eq!(digest, Digest::of(b"content"));
    assert!(store.has_object(digest) && !store.has_object(Digest::of(b"other")));
    assert_eq!(store.read_object(digest, 7).expect("there"), b"content");
    let meta = fs::metadata(store.object_path(digest).as_path()).expect("there");
    assert_eq!(meta.mode() & 0o7777, 0o444);
    // Again: nothing is replaced.
    store.put_bytes(b"content").expect("stored");
    assert_eq!(fs::metadata(store.object_path(digest).as_path()).expect("there").ino(), meta.ino());
    let mut large = std::io::repeat(7).take(3 << 20);
    let (digest, size) = store.put_file(&mut large, 3 << 20).expect("stored");
    assert_eq!((digest, size), (Digest::of(&vec![7; 3 << 20]), 3 << 20));
    let mut read = Vec::new();
    store.open_object(digest).expect("there").read_to_end(&mut read).expect("reads");
    assert_eq!(read, vec![7; 3 << 20]);
    assert_eq!(store.take_notices(), []);
}

#[test]
fn objects_that_are_missing_too_large_or_altered_are_errors() {
    let space = Space::new();
    let store = space.open();
    let digest = store.put_bytes(b"content").expect("stored");
    let missing = Digest::of(b"missing");
    assert_eq!(
        shown(&store.read_object(missing, 9).expect_err("missing")),
        format!("the store has no object `{missing}` | build or fetch again what it belongs to")
    );
    assert_eq!(
        shown(&store.read_object(digest, 6).expect_err("too large")),
        format!("`{digest}` is larger than 6 bytes, the most that is accepted there | check where it comes from")
    );
    let error = store.put_file(&mut std::io::repeat(0), 1_000).expect_err("endless");
    assert_eq!(
        shown(&error),
        "`what is to be stored` is larger than 1000 bytes, the most that is accepted there | check where it comes from"
    );
    let path = store.object_path(digest);
    fs::set_permissions(path.as_path(), fs::Permissions::from_mode(0o644)).expect("set");
    fs::write(path.as_path(), "Content").expect("written");
    assert_eq!(
        shown(&store.read_object(digest, 9).expect_err("altered")),
        format!(
            "the object at `{path}` has been altered: its content does not have its digest | remove that file and build or \
             fetch again what it belongs to; check the disk"
        )
    );
    // A truncated one is put right by putting it again.
    fs::write(path.as_path(), "").expect("written");
    store.put_bytes(b"content").expect("stored");
    assert_eq!(store.read_object(digest, 9).expect("there"), b"content");
}

#[test]
fn a_stream_that_breaks_off_leaves_nothing() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the line is cut"))
        }
    }
    let space = Space::new();
    let store = space.open();
    let error = store.put_file(&mut b"first".chain(Broken), 100).expect_err("broken");
    assert_eq!(shown(&error), "reading what is to be stored failed: the line is cut | try again");
    assert!(store.put_log(&mut Broken).is_err());
    drop(store);
    assert_eq!(fs::read_dir(space.path("store/work")).expect("reads").count(), 0);
    assert_eq!(fs::read_dir(space.path("store/objects")).expect("reads").count(), 0);
}

#[test]
fn what_is_known_by_sha256_is_verified() {
    let space = Space::new();
    let store = space.open();
    let sha256 = Sha256::of(b"package");
    assert_eq!(store.find_sha256(sha256).expect("reads"), None);
    let digest = store.put_known_sha256(&mut &b"package"[..], sha256, 7).expect("stored");
    assert_eq!(store.find_sha256(sha256).expect("reads"), Some((digest, 7)));
    let cases: [(&[u8], u64); 4] = [(b"Package", 7), (b"package", 6), (b"package", 8), (b"", 7)];
    for (bytes, size) in cases {
        let error = store.put_known_sha256(&mut &bytes[..], sha256, size).expect_err("refused");
        assert!(matches!(error, StoreError::NotExpected { .. }), "{error}");
    }
    let found = Sha256::of(b"<html>!");
    let error = store.put_known_sha256(&mut &b"<html>!"[..], sha256, 7).expect_err("refused");
    assert_eq!(
        shown(&error),
        format!(
            "expected SHA-256 `{sha256}` with 7 bytes, got `{found}` with 7 bytes | try again later or from another mirror; \
             if it stays, do not trust that source"
        )
    );
    // An endless body is cut after one byte more than expected.
    let error = store.put_known_sha256(&mut std::io::repeat(b'x'), sha256, 7).expect_err("refused");
    assert!(matches!(error, StoreError::NotExpected { found_size: 8, .. }), "{error}");
    // The object went away, or the entry is damaged: it is not known.
    let entry = space.path(&format!("store/sha256/{}/{}", &sha256.to_string()[..2], &sha256.to_string()[2..]));
    let bytes = fs::read(&entry).expect("reads");
    fs::write(&entry, &bytes[..bytes.len() / 2]).expect("written");
    assert_eq!(store.find_sha256(sha256).expect("reads"), None);
    fs::write(&entry, &bytes).expect("written");
    fs::remove_file(store.object_path(digest).as_path()).expect("removed");
    assert_eq!(store.find_sha256(sha256).expect("reads"), None);
}

/// A folder with one of everything that is allowed.
fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("a/b/empty")).expect("made");
    fs::write(folder.join("a/plain"), "plain").expect("written");
    fs::write(folder.join("a/empty"), "").expect("written");
    fs::write(folder.join("a/twin"), "plain").expect("written");
    fs::write(folder.join("large"), vec![b'x'; (1 << 20) + 7]).expect("written");
    fs::write(folder.join("run"), "#!/bin/sh\n").expect("written");
    fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o700)).expect("set");
    symlink("/etc", folder.join("etc")).expect("made");
    symlink("../../up", folder.join("a/up")).expect("made");
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"new\nline \x1b[31m %n \xff")), "odd").expect("written");
    fs::hard_link(folder.join("a/plain"), folder.join("a/b/linked")).expect("linked");
}

#[test]
fn a_folder_goes_in_and_comes_out() {
    let space = Space::new();
    let store = space.open();
    let from = space.folder("in");
    fill(&space.path("in"));
    let tree = store.import_folder(&from, &ImportRules::default()).expect("imports");
    assert_eq!(tree.len(), 12);
    assert_eq!(
        tree.get(&"run".parse().expect("plain")),
        Some(&Entry::File { digest: Digest::of(b"#!/bin/sh\n"), size: 10, executable: true })
    );
    assert_eq!(tree.get(&"etc".parse().expect("plain")), Some(&Entry::Link { target: b"/etc".to_vec() }));
    let digest = store.put_tree(&tree).expect("stored");
    assert_eq!(digest, tree.digest());
    assert_eq!(store.get_tree(digest).expect("there"), tree);
    assert!(store.present(digest).expect("reads"));

    for (name, mode) in [("copy", ExportMode::Copy), ("link", ExportMode::HardLink)] {
        let into = space.folder(name);
        store.export_tree(&tree, &into, mode).expect("exports");
        let modes = |file: &str| fs::symlink_metadata(space.path(name).join(file)).expect("there").mode() & 0o7777;
        assert_eq!((modes("run"), modes("a")), (0o755, 0o755));
        assert_eq!(modes("a/plain"), if mode == ExportMode::Copy { 0o644 } else { 0o444 });
        assert_eq!(fs::read_link(space.path(name).join("etc")).expect("a link"), Path::new("/etc"));
        let again = ImportRules { links_outside: true, ..ImportRules::default() };
        assert_eq!(store.import_folder(&into, &again).expect("imports"), tree);
        assert!(store.export_tree(&tree, &into, mode).is_err(), "something was replaced");
    }
    // What was imported is a fresh inode: writing to the old one later changes nothing.
    fs::write(space.path("in/a/plain"), "PLAIN").expect("written");
    assert_eq!(store.read_object(Digest::of(b"plain"), 9).expect("there"), b"plain");

    fs::remove_file(store.object_path(Digest::of(b"plain")).as_path()).expect("removed");
    assert!(!store.present(digest).expect("reads"));
    let into = space.folder("missing");
    for mode in [ExportMode::Copy, ExportMode::HardLink] {
        assert!(matches!(
            store.export_tree(&tree, &into, mode),
            Err(StoreError::Missing { .. } | StoreError::Io { .. })
        ));
    }
}

#[test]
fn an_exported_copy_is_verified() {
    let space = Space::new();
    let store = space.open();
    let digest = store.put_bytes(b"content").expect("stored");
    let mut tree = Tree::default();
    let entry = Entry::File { digest, size: 7, executable: false };
    tree.insert("file".parse().expect("plain"), entry).expect("fits");
    fs::remove_file(store.object_path(digest).as_path()).expect("removed");
    fs::write(store.object_path(digest).as_path(), "Content").expect("written");
    let error = store.export_tree(&tree, &space.folder("out"), ExportMode::Copy).expect_err("altered");
    assert!(matches!(error, StoreError::Altered { .. }), "{error}");
}

#[test]
fn an_export_follows_no_link_out_of_its_folder() {
    let space = Space::new();
    let store = space.open();
    let into = space.folder("out");
    symlink(space.path("elsewhere"), space.path("out/a")).expect("made");
    fs::create_dir(space.path("elsewhere")).expect("made");
    let digest = store.put_bytes(b"x").expect("stored");
    let mut tree = Tree::default();
    let entry = Entry::File { digest, size: 1, executable: false };
    tree.insert_with_folders("a/b".parse().expect("plain"), entry).expect("fits");
    for mode in [ExportMode::Copy, ExportMode::HardLink] {
        let said = shown(&store.export_tree(&tree, &into, mode).expect_err("refused"));
        assert!(said.starts_with("making a folder of a tree failed at `/a`: File exists"), "{said}");
    }
    assert_eq!(fs::read_dir(space.path("elsewhere")).expect("reads").count(), 0);
}

#[test]
fn trees_that_are_missing_or_altered_are_noticed() {
    let space = Space::new();
    let store = space.open();
    let digest = store.put_tree(&Tree::default()).expect("stored");
    assert!(store.present(digest).expect("reads"));
    assert!(!store.present(Digest::of(b"none")).expect("reads"));
    assert!(matches!(store.get_tree(Digest::of(b"none")), Err(StoreError::Missing { what: "tree", .. })));
    let hex = digest.to_string();
    let file = space.path(&format!("store/trees/{}/{}", &hex[..2], &hex[2..]));
    fs::remove_file(&file).expect("removed");
    fs::write(&file, "opb tree 1\n").expect("written");
    assert!(matches!(store.get_tree(digest), Err(StoreError::Altered { what: "tree", .. })));
    assert!(!store.present(digest).expect("reads"));
    // Bytes under their own digest that are no tree.
    let digest = Digest::of(b"no tree");
    let hex = digest.to_string();
    fs::create_dir_all(space.path(&format!("store/trees/{}", &hex[..2]))).expect("made");
    fs::write(space.path(&format!("store/trees/{}/{}", &hex[..2], &hex[2..])), "no tree").expect("written");
    assert_eq!(
        shown(&store.get_tree(digest).expect_err("no tree")),
        format!("`{digest}` is no tree: it does not start as a tree does | build or fetch again what it belongs to")
    );
    assert!(!store.present(digest).expect("reads"));
}
