//! What is broken is asked for once, and a push mends it.

use super::server::serve;
use super::*;
use crate::cache::list::{keys_path, packed_path, records_path};

fn file(space: &Space, path: &str) -> PathBuf {
    space.path("cache").join(path)
}

fn list(space: &Space) -> List {
    List::parse(&std::fs::read(file(space, LIST)).expect("there"), "cache").expect("a list")
}

#[test]
fn an_object_that_is_broken_is_asked_for_once() {
    let space = Space::new();
    let store = space.store("one");
    let (a, b) = (result(&store, "a", &[b"a"]), result(&store, "b", &[b"b"]));
    space.push("one", "cache", &[a.clone(), b.clone()]);
    std::fs::write(file(&space, &packed_path("objects", Digest::of(b"a"))), b"x").expect("written");
    let server = serve(space.path("cache"), |_, _| None);
    let caches = space.caches(vec![remote(&server.url)]);
    let other = space.store("other");
    for _ in 0..5 {
        assert!(caches.bring(&other, a.key, &a.outputs).expect("no trouble here").is_none());
    }
    let path = packed_path("objects", Digest::of(b"a"));
    let asked = server.asked.lock().expect("no panic").iter().filter(|asked| asked.path == path).count();
    assert_eq!((asked, caches.take_notices().len()), (1, 1));
    assert!(caches.bring(&other, b.key, &b.outputs).expect("no trouble here").is_some(), "the rest is of use");
}

#[test]
fn a_cache_without_contents_is_left_out_with_one_notice() {
    let space = Space::new();
    let store = space.store("one");
    let a = result(&store, "a", &[b"a"]);
    space.push("one", "cache", std::slice::from_ref(&a));
    let keys = file(&space, &keys_path(list(&space).segments[0].name));
    let good = std::fs::read(&keys).expect("there");
    std::fs::write(&keys, b"x").expect("written");
    let nothing = Surroundings { copies: None, ..space.around(false) };
    let caches = || Caches::new(vec![space.folder("cache")], Keyring::new([key("own").public()]), &nothing);
    let broken = caches();
    for _ in 0..4 {
        assert_eq!(find_one(&broken, a.key), None);
    }
    let notices = broken.take_notices();
    assert!(notices.len() == 1 && notices[0].ends_with("; that cache is left out of this run"), "{notices:?}");
    std::fs::write(&keys, good).expect("written");
    assert_eq!(find_one(&broken, a.key), None, "not in this run");
    assert_eq!(find_one(&caches(), a.key), Some(a), "but in the next");
}

#[test]
fn a_damaged_block_costs_its_records_and_no_others() {
    let space = Space::new();
    let store = space.store("one");
    let a = result(&store, "a", &[b"a"]);
    let many: Vec<Realisation> = (0..200)
        .map(|number| Realisation { key: ActionKey(Digest::of(format!("{number}").as_bytes())), ..a.clone() })
        .collect();
    space.push("one", "cache", &many);
    let records = file(&space, &records_path(list(&space).segments[0].name));
    let mut bytes = std::fs::read(&records).expect("there");
    bytes[10] ^= 1;
    std::fs::write(&records, bytes).expect("written");
    let nothing = Surroundings { copies: None, ..space.around(false) };
    let caches = Caches::new(vec![space.folder("cache")], Keyring::new([key("own").public()]), &nothing);
    let asked: Vec<Asked> = many.iter().map(|one| Asked::Key(one.key)).collect();
    assert_eq!(caches.find(&asked).iter().flatten().count(), 200 - 64);
    assert_eq!(caches.find(&asked).iter().flatten().count(), 200 - 64);
    assert_eq!(caches.take_notices().len(), 1);
    // Pushed again, they are whole.
    assert_eq!(space.push("one", "cache", &many).new, 64);
    let caches = Caches::new(vec![space.folder("cache")], Keyring::new([key("own").public()]), &nothing);
    assert_eq!(caches.find(&asked).iter().flatten().count(), 200);
    assert_eq!(caches.take_notices(), Vec::<String>::new());
}

#[test]
fn a_push_mends_segments() {
    let space = Space::new();
    let store = space.store("one");
    let (a, b) = (result(&store, "a", &[b"a"]), result(&store, "b", &[b"b"]));
    space.push("one", "cache", &[a.clone(), b.clone()]);
    let whole = list(&space);
    let name = whole.segments[0].name;
    for path in [keys_path(name), records_path(name)] {
        let good = std::fs::read(file(&space, &path)).expect("there");
        for damage in [None, Some(&b"x"[..]), Some(&good[..good.len() - 1])] {
            match damage {
                Some(bytes) => std::fs::write(file(&space, &path), bytes).expect("written"),
                None => std::fs::remove_file(file(&space, &path)).expect("removed"),
            }
            // Without copies, so that what is there is what is read.
            let nothing = Surroundings { copies: None, ..space.around(true) };
            let key = key("own");
            let results = [a.clone(), b.clone()];
            let pushing = Pushing { key: &key, keyring: &Keyring::default(), results: &results, check: false };
            assert_eq!(push(space.folder("cache"), &nothing, &store, &pushing).expect("pushed").new, 2, "{path}");
            assert_eq!(list(&space), whole);
            assert_eq!(std::fs::read(file(&space, &path)).expect("there"), good);
        }
    }
}

#[test]
fn a_push_that_checks_mends_bytes() {
    let space = Space::new();
    let store = space.store("one");
    let large = noise(5 << 20);
    let a = result(&store, "a", &[b"small", &large]);
    space.push("one", "cache", std::slice::from_ref(&a));
    let check = |check: bool| {
        let (key, results) = (key("own"), std::slice::from_ref(&a));
        let pushing = Pushing { key: &key, keyring: &Keyring::default(), results, check };
        let pushed = push(space.folder("cache"), &space.around(true), &store, &pushing).expect("pushed");
        (pushed.mended, pushed.files)
    };
    assert_eq!(check(true), (0, 0));
    let paths = [
        packed_path("objects", Digest::of(b"small")),
        packed_path("objects", Digest::of(&large)),
        packed_path("trees", a.outputs["packages"]),
    ];
    for path in &paths {
        let good = std::fs::read(file(&space, path)).expect("there");
        std::fs::write(file(&space, path), &good[..good.len() / 2]).expect("written");
        assert_eq!(check(false), (0, 0), "only where it is asked for: all of it is read");
        assert_eq!(check(true), (1, 1), "{path}");
        assert_eq!(std::fs::read(file(&space, path)).expect("there"), good);
        std::fs::remove_file(file(&space, path)).expect("removed");
        assert_eq!(check(true), (0, 1), "{path}");
    }
}
