//! Hostile folders.

use super::*;

/// Imports a folder that `make` fills, and returns how that was refused.
fn refusal(rules: &ImportRules, make: impl FnOnce(&Path)) -> String {
    let space = Space::new();
    let store = space.open();
    let dir = space.folder("in");
    make(&space.path("in"));
    let error = store.import_folder(&dir, rules).expect_err("refused");
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert_eq!(error.help().expect("has help").to_string(), "remove it, or change what makes it");
    drop(store);
    assert_eq!(fs::read_dir(space.path("store/objects")).expect("reads").count(), 0, "an object was stored");
    assert_eq!(fs::read_dir(space.path("store/work")).expect("reads").count(), 0, "something is left in work/");
    error.to_string()
}

#[test]
fn special_files_are_refused() {
    let rules = ImportRules::default();
    let fifo = |path: &Path| {
        fs::create_dir(path.join("a")).expect("made");
        nix::unistd::mkfifo(&path.join("a/pi\npe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    };
    assert_eq!(
        refusal(&rules, fifo),
        "`a/pi\\npe` cannot be stored: it is a pipe, and only files, folders and symbolic links are stored"
    );
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path.join("s\x1b")).expect("bound"));
    assert_eq!(
        refusal(&rules, socket),
        "`s\\u{1b}` cannot be stored: it is a socket, and only files, folders and symbolic links are stored"
    );
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root makes devices");
        return;
    }
    let device = |path: &Path| {
        use nix::sys::stat::{Mode, SFlag, makedev, mknod};
        mknod(&path.join("null"), SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 3)).expect("made");
    };
    assert_eq!(
        refusal(&rules, device),
        "`null` cannot be stored: it is a device, and only files, folders and symbolic links are stored"
    );
}

#[test]
fn setuid_files_and_links_to_outside_are_refused() {
    let rules = ImportRules::default();
    for mode in [0o4755, 0o2755] {
        let setuid = |path: &Path| {
            fs::write(path.join("su"), "x").expect("written");
            fs::set_permissions(path.join("su"), fs::Permissions::from_mode(mode)).expect("set");
        };
        assert_eq!(refusal(&rules, setuid), "`su` cannot be stored: it is setuid or setgid");
    }
    let linked = |path: &Path| {
        fs::write(path.with_file_name("outside"), "x").expect("written");
        fs::hard_link(path.with_file_name("outside"), path.join("inside")).expect("linked");
    };
    assert_eq!(refusal(&rules, linked), "`inside` cannot be stored: it is a hard link to a file outside of the folder");
}

#[test]
fn too_much_is_refused() {
    let many = |path: &Path| {
        for number in 0..2_000 {
            fs::write(path.join(number.to_string()), "").expect("written");
        }
    };
    let rules = ImportRules { entries: 1_999, ..ImportRules::default() };
    assert_eq!(refusal(&rules, many), "`.` cannot be stored: the folder has more than 1999 entries");
    let large = |path: &Path| {
        // Sparse: no bytes on disk, and never read.
        fs::File::create(path.join("huge")).and_then(|file| file.set_len(1 << 40)).expect("made");
    };
    let rules = ImportRules { bytes: 1 << 20, ..ImportRules::default() };
    assert_eq!(refusal(&rules, large), "`huge` cannot be stored: the files of the folder have more than 1048576 bytes");
    let deep = |path: &Path| {
        let mut dir = open_dir(path);
        let name = "d".repeat(200);
        for _ in 0..30 {
            dir.create_dir(&name).expect("made");
            dir = dir.open_dir(&name).expect("opens");
        }
    };
    let said = refusal(&ImportRules::default(), deep);
    assert!(said.ends_with("cannot be stored: its path is too long for a tree") && said.len() < 600, "{said}");
}

#[test]
fn the_folder_being_a_link_or_changing_meanwhile_leads_nowhere_else() {
    // A folder that is swapped for a link to /etc, back and forth, while it is imported: each import sees one or the
    // other, or refuses; none contains what /etc has.
    let space = Space::new();
    let store = space.open();
    let dir = space.folder("in");
    fs::create_dir(space.path("in/a")).expect("made");
    fs::write(space.path("in/a/passwd"), "mine").expect("written");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::rename(space.path("in/a"), space.path("in/b"));
                let _ = symlink("/etc", space.path("in/a"));
                let _ = fs::remove_file(space.path("in/a"));
                let _ = fs::rename(space.path("in/b"), space.path("in/a"));
            }
        });
        for _ in 0..300 {
            if let Ok(tree) = store.import_folder(&dir, &ImportRules::default()) {
                for (path, digest, _) in tree.files() {
                    assert_eq!(digest, Digest::of(b"mine"), "{path} is not ours");
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_file_that_is_being_written_is_refused_or_whole() {
    let space = Space::new();
    let store = space.open();
    let dir = space.folder("in");
    fs::write(space.path("in/file"), vec![0; 100_000]).expect("written");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut refused = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt as _;
            let file = fs::File::options().write(true).open(space.path("in/file")).expect("opens");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = file.write_all_at(b"1", 50_000);
                let _ = file.set_len(100_001);
                let _ = file.set_len(100_000);
            }
        });
        let (begun, mut tries) = (std::time::Instant::now(), 0);
        // On a busy machine they may not meet for a while.
        while tries < 100 || refused == 0 && begun.elapsed() < std::time::Duration::from_secs(30) {
            tries += 1;
            match store.import_folder(&dir, &ImportRules::default()) {
                Ok(tree) => {
                    let (_, digest, size) = tree.files().next().expect("one");
                    assert_eq!(store.read_object(digest, 200_000).expect("whole").len() as u64, size);
                }
                Err(error) => {
                    assert_eq!(error.to_string(), "`file` cannot be stored: it changed while it was read");
                    refused += 1;
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(refused > 0, "the writer never met the reader");
}

#[test]
fn an_unreadable_file_is_told_from_one_that_changed() {
    let why = Refusal::Unreadable(nix::errno::Errno::EACCES);
    let error = StoreError::Refused { path: "a".to_owned(), why };
    assert_eq!(
        shown(&error),
        "`a` cannot be stored: it cannot be read: Permission denied | remove it, or change what makes it"
    );
}

#[test]
fn extended_attributes_are_refused() {
    let space = Space::new();
    let (store, from) = (space.open(), space.folder("in"));
    from.create_dir("folder").expect("made");
    from.write("folder/file", "content").expect("written");
    let path = |name: &str| space.path("in").join(name);
    if xattr::set(path("folder/file"), "user.note", b"x").is_err() {
        eprintln!("skipped: no extended attributes on this file system");
        return;
    }
    let refusal = || store.import_folder(&from, &ImportRules::default()).expect_err("refused").to_string();
    let why = "cannot be stored: it has the extended attribute `user.note`, which would be lost";
    assert_eq!(refusal(), format!("`folder/file` {why}"));
    let own = ImportRules { attributes: true, ..ImportRules::default() };
    store.import_folder(&from, &own).expect("a person's own");
    xattr::remove(path("folder/file"), "user.note").expect("removed");
    xattr::set(path("folder"), "user.note", b"x").expect("set");
    assert_eq!(refusal(), format!("`folder` {why}"));
    xattr::remove(path("folder"), "user.note").expect("removed");
    store.import_folder(&from, &ImportRules::default()).expect("without any");
}

#[test]
fn chosen_files_are_taken_in_order_and_never_through_links() {
    let space = Space::new();
    let (store, from) = (space.open(), space.folder("in"));
    let path = |name: &str| name.parse::<opb::path::TreePath>().expect("a path");
    let large = vec![7; 3 << 20];
    for number in 0..40 {
        from.write(number.to_string(), format!("file {number}")).expect("written");
    }
    from.write("large", &large).expect("written");
    from.symlink("large", "link").expect("made");
    let names: Vec<String> = (0..40).rev().map(|number| number.to_string()).chain(["large".to_owned()]).collect();
    let taken = store.import_files(&from, names.iter().map(|name| path(name)).collect()).expect("stored");
    for (name, (digest, size)) in names.iter().zip(&taken) {
        let content = from.read(name).expect("reads");
        assert_eq!((*digest, *size), (Digest::of(&content), content.len() as u64), "{name}");
        assert_eq!(store.read_object(*digest, u64::MAX).expect("whole"), content, "{name}");
    }
    let error = store.import_files(&from, vec![path("link")]).expect_err("refused");
    assert_eq!(error.to_string(), "`link` cannot be stored: it changed while it was read");
    assert!(store.import_files(&from, vec![path("absent")]).is_err());
}
