//! Caches that lie, stall, or are something else: each costs a notice, and nothing wrong gets into the store.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::server::{Server, answer, serve};
use super::*;
use crate::cache::list::{keys_path, packed_path, records_path};
use crate::cache::segment::{Keyed, Segment};

/// A pushed result with a small object and a large one, in `cache`.
fn pushed(space: &Space) -> (Realisation, Vec<u8>) {
    let large = noise(3 << 20);
    let a = result(&space.store("one"), "a", &[b"small", &large]);
    space.push("one", "cache", std::slice::from_ref(&a));
    (a, large)
}

fn file(space: &Space, kind: &str, digest: Digest) -> PathBuf {
    space.path("cache").join(packed_path(kind, digest))
}

/// Asserts that nothing of `a` comes from `caches`, and what is said of it.
#[track_caller]
fn does_not_come(space: &Space, caches: &Caches, a: &Realisation, said: &str) {
    // A store of its own: what came whole with what did not stays there.
    let folder = tempfile::tempdir_in(space.0.path()).expect("a folder");
    let store = Store::open(&HostPath::new(folder.path())).expect("opens");
    assert!(caches.bring(&store, a.key, &a.outputs).expect("no trouble here").is_none());
    assert!(!store.present(a.outputs["packages"]).expect("reads"));
    let notices = caches.take_notices();
    assert!(notices.len() == 1 && notices[0].contains(said), "{notices:?}");
}

#[test]
fn a_flipped_byte_is_noticed_wherever_it_is() {
    let space = Space::new();
    let (a, large) = pushed(&space);
    let tree = a.outputs["packages"];
    for path in [
        file(&space, "objects", Digest::of(b"small")),
        file(&space, "objects", Digest::of(&large)),
        file(&space, "trees", tree),
    ] {
        let good = std::fs::read(&path).expect("there");
        for at in [good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("written");
            does_not_come(&space, &space.caches(vec![space.folder("cache")]), &a, "is damaged: ");
        }
        std::fs::write(&path, &good[..good.len() / 2]).expect("written");
        does_not_come(&space, &space.caches(vec![space.folder("cache")]), &a, "is damaged: ");
        std::fs::write(&path, good).expect("written");
    }
    let caches = space.caches(vec![space.folder("cache")]);
    assert!(
        caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_some(),
        "all is well again"
    );
}

#[test]
fn a_valid_file_under_another_name_is_noticed() {
    let space = Space::new();
    let (a, _) = pushed(&space);
    let b = result(&space.store("one"), "b", &[b"other"]);
    space.push("one", "cache", std::slice::from_ref(&b));
    let copy = |kind, from, to| {
        let (from, to) = (file(&space, kind, from), file(&space, kind, to));
        let was = std::fs::read(&to).expect("there");
        std::fs::copy(from, &to).expect("copied");
        (to, was)
    };
    let (to, was) = copy("objects", Digest::of(b"other"), Digest::of(b"small"));
    does_not_come(&space, &space.caches(vec![space.folder("cache")]), &a, "is damaged: ");
    std::fs::write(to, was).expect("written");
    copy("trees", b.outputs["packages"], a.outputs["packages"]);
    does_not_come(&space, &space.caches(vec![space.folder("cache")]), &a, "is damaged: ");
}

#[test]
fn a_bomb_is_no_object() {
    let space = Space::new();
    let (a, _) = pushed(&space);
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).expect("packed");
    std::fs::write(file(&space, "objects", Digest::of(b"small")), bomb).expect("written");
    does_not_come(&space, &space.caches(vec![space.folder("cache")]), &a, "is damaged: ");
}

#[test]
fn a_true_record_under_another_key_is_a_lie() {
    let space = Space::new();
    let (a, _) = pushed(&space);
    let other = ActionKey(Digest::of(b"another key"));
    let record = key("own").sign(&a).encode();
    let segment = Segment::of(vec![Keyed { keys: vec![other.0, Digest::of(b"a fingerprint")], record }]);
    let cache = space.path("cache");
    let name = segment.name();
    std::fs::write(cache.join(keys_path(name)), &segment.keys).expect("written");
    std::fs::write(cache.join(records_path(name)), &segment.records).expect("written");
    let mut list = List::parse(&std::fs::read(cache.join(LIST)).expect("there"), "").expect("a list");
    list.segments.push(SegmentName { name, keys: segment.keys.len() as u64, records: segment.records.len() as u64 });
    std::fs::write(cache.join(LIST), list.encode()).expect("written");
    let caches = space.caches(vec![space.folder("cache")]);
    let asked = [Asked::Key(other), Asked::Fingerprint(crate::drv::Fingerprint(Digest::of(b"a fingerprint")))];
    assert_eq!(caches.find(&asked), [None, None]);
    assert!(caches.take_notices()[0].contains("is not what `own:"));
    assert_eq!(find_one(&caches, a.key), Some(a), "the true one still counts");
}

#[test]
fn altered_segments_are_noticed() {
    let space = Space::new();
    let (a, _) = pushed(&space);
    let segments = space.path("cache").join("segments");
    for entry in std::fs::read_dir(segments).expect("reads").flatten() {
        let good = std::fs::read(entry.path()).expect("there");
        let mut bad = good.clone();
        let at = bad.len() - 1;
        bad[at] ^= 1;
        std::fs::write(entry.path(), bad).expect("written");
        let fresh = Surroundings { copies: None, ..space.around(false) };
        let caches = Caches::new(vec![space.folder("cache")], Keyring::new([key("own").public()]), &fresh);
        assert_eq!(find_one(&caches, a.key), None);
        assert!(caches.take_notices()[0].contains("is damaged: it is no part of a segment"));
        std::fs::write(entry.path(), good).expect("written");
    }
}

/// A server that answers so to everything; what is said of it. Nothing is found, and the second question is not asked.
#[track_caller]
fn said_of(lie: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (String, Server) {
    let space = Space::new();
    let (a, _) = pushed(&space);
    let server = serve(space.path("cache"), move |_, to| {
        lie(to);
        Some(())
    });
    let caches = space.caches(vec![remote(&server.url)]);
    let began = Instant::now();
    assert_eq!(find_one(&caches, a.key), None);
    assert!(began.elapsed() < Duration::from_secs(8), "it stalls");
    let asked = server.requests.load(Ordering::SeqCst);
    assert_eq!(find_one(&caches, a.key), None);
    // Nor in the next run, for a while.
    let later = space.caches(vec![remote(&server.url)]);
    assert_eq!(find_one(&later, a.key), None);
    assert_eq!(server.requests.load(Ordering::SeqCst), asked, "it is asked again");
    let notices = caches.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(later.take_notices()[0].ends_with("(a moment ago); that cache is left out of this run"));
    (notices[0].clone(), server)
}

#[test]
fn what_is_no_cache_is_left_out() {
    let said = |status: &'static str, body: &'static [u8]| said_of(move |to| answer(to, status, "", body)).0;
    let left_out = "; that cache is left out of this run";
    assert_eq!(
        said("200 OK", b"<html>Please log in</html>"),
        format!("`server` is no cache: its `opb-cache.json` is a page for people{left_out}")
    );
    assert_eq!(
        said("401 Unauthorized", b"who are you"),
        format!("the cache `server` refuses to be read: status 401{left_out}")
    );
    assert_eq!(said("403 Forbidden", b""), format!("the cache `server` refuses to be read: status 403{left_out}"));
    assert!(said("200 OK", b"{\"format\":1}").contains("is not understood"));
}

#[test]
fn what_stalls_is_left_out() {
    // Nothing at all; a body that never comes; one that never ends; one that breaks off.
    let hang = || std::thread::sleep(Duration::from_secs(30));
    assert!(said_of(move |_| hang()).0.contains("the cache `server` is too slow"));
    let slow = move |to: &mut TcpStream| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
        hang();
    };
    assert!(said_of(slow).0.contains("the cache `server`"));
    let endless = |to: &mut TcpStream| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while to.write_all(&[b' '; 65536]).is_ok() {}
    };
    let space = Space::new();
    let server = serve(space.path("cache"), move |_, to| {
        endless(to);
        Some(())
    });
    let caches = space.caches(vec![remote(&server.url)]);
    for _ in 0..4 {
        assert_eq!(find_one(&caches, ActionKey(Digest::of(b"a"))), None);
    }
    assert!(caches.used()[0].left_out.is_some());
    let torn = |to: &mut TcpStream| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    };
    assert!(said_of(torn).0.contains("the cache `server` cannot be reached"));
}

#[test]
fn a_host_that_is_not_there_is_left_out() {
    let space = Space::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let caches = space.caches(vec![remote(&format!("http://{free}"))]);
    assert_eq!(find_one(&caches, ActionKey(Digest::of(b"a"))), None);
    assert!(caches.take_notices()[0].starts_with("the cache `server` cannot be reached: "));
}

#[test]
fn a_missing_cache_or_object_is_a_miss() {
    let space = Space::new();
    let empty = serve(space.path("nothing"), |_, _| None);
    let caches = space.caches(vec![remote(&empty.url)]);
    assert_eq!(find_one(&caches, ActionKey(Digest::of(b"a"))), None);
    assert_eq!(caches.take_notices(), Vec::<String>::new(), "an empty cache is no broken one");
    let (a, large) = pushed(&space);
    std::fs::remove_file(file(&space, "objects", Digest::of(&large))).expect("removed");
    let server = serve(space.path("cache"), |_, _| None);
    let caches = space.caches(vec![remote(&server.url)]);
    assert_eq!(find_one(&caches, a.key), Some(a.clone()));
    does_not_come(&space, &caches, &a, "is missing in the cache `server`");
    assert!(caches.used()[0].left_out.is_none());
}

/// Serves the large object as `first` says for the first time and truly from then on; the ranges that were asked for.
fn large_object_after(first: fn(&mut TcpStream, &[u8])) -> Vec<Option<usize>> {
    let space = Space::new();
    let (a, large) = pushed(&space);
    let path = packed_path("objects", Digest::of(&large));
    let packed = std::fs::read(file(&space, "objects", Digest::of(&large))).expect("there");
    let (times, is_large) = (Arc::new(AtomicUsize::new(0)), path.clone());
    let server = serve(space.path("cache"), move |asked, to| {
        let is_first = asked.path == is_large && times.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then(|| first(to, &packed))
    });
    let caches = space.caches(vec![remote(&server.url)]);
    let store = space.store("other");
    assert!(caches.bring(&store, a.key, &a.outputs).expect("no trouble here").is_some(), "{:?}", caches.take_notices());
    assert_eq!(store.read_object(Digest::of(&large), u64::MAX).expect("verified"), large);
    let asked = server.asked.lock().expect("no panic");
    asked.iter().filter(|asked| asked.path == path).map(|asked| asked.from).collect()
}

#[test]
fn a_torn_download_goes_on_where_it_was() {
    let torn = |to: &mut TcpStream, packed: &[u8]| {
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-{}/{}\r\nContent-Length: {}\r\n\r\n",
            packed.len() - 1,
            packed.len(),
            packed.len()
        );
        let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(&packed[..1 << 20]));
    };
    assert_eq!(large_object_after(torn), [Some(0), Some(1 << 20)]);
}

#[test]
fn a_part_of_something_else_is_fetched_anew() {
    let wrong = |to: &mut TcpStream, packed: &[u8]| {
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-{}/{}\r\nContent-Length: {}\r\n\r\n",
            packed.len() - 1,
            packed.len(),
            packed.len()
        );
        let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(&[0; 1 << 20]));
    };
    // What came first is kept and gone on with, then found to be wrong, and fetched from its beginning.
    assert_eq!(large_object_after(wrong), [Some(0), Some(1 << 20), Some(0)]);
}

#[test]
fn a_server_without_ranges_does_as_well() {
    let whole = |to: &mut TcpStream, packed: &[u8]| answer(to, "200 OK", "", packed);
    assert_eq!(large_object_after(whole), [Some(0)]);
}
