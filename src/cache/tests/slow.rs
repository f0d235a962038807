//! Caches that drip, stall, or are never seen to the end: none costs more than its time, and none holds up a stop.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::serve;
use super::*;
use crate::cache::list::packed_path;

/// Sends the head of an answer, and then a byte every while.
fn drip(to: &mut TcpStream, head: &str) {
    let mut sent = to.write_all(head.as_bytes());
    while sent.is_ok() {
        sent = to.write_all(b"x").and_then(|()| to.flush());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A pushed result with an object of so many bytes.
fn pushed(space: &Space, bytes: usize) -> (Realisation, String) {
    let object = noise(bytes);
    let a = result(&space.store("one"), "a", &[&object]);
    space.push("one", "cache", std::slice::from_ref(&a));
    (a, packed_path("objects", Digest::of(&object)))
}

#[test]
fn an_object_that_drips_is_given_up_soon() {
    // Small and large, with ranges and without.
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n";
    let part =
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-8388607/9000000\r\nContent-Length: 8388608\r\n\r\n";
    for (bytes, head) in [(1000, whole), (3 << 20, whole), (3 << 20, part)] {
        let space = Space::new();
        let (a, path) = pushed(&space, bytes);
        let server = serve(space.path("cache"), move |asked, to| (asked.path == path).then(|| drip(to, head)));
        let caches = space.caches(vec![remote(&server.url)]);
        let began = Instant::now();
        assert!(caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_none());
        assert!(began.elapsed() < Duration::from_secs(8), "it stalls: {:?}", began.elapsed());
        let notices = caches.take_notices();
        assert!(notices.len() == 1 && notices[0].contains("is too slow: `objects/"), "{notices:?}");
        // It is left out: what else is wanted costs no more.
        let asked = server.requests.load(Ordering::SeqCst);
        assert_eq!(find_one(&caches, ActionKey(Digest::of(b"x"))), None);
        assert_eq!(server.requests.load(Ordering::SeqCst), asked);
    }
}

#[test]
fn a_server_without_ranges_has_time_for_all_of_a_file() {
    // Slower than a part of it would have to be, and than nothing else allows.
    let space = Space::new();
    let (a, path) = pushed(&space, 3 << 20);
    let packed = std::fs::read(space.path("cache").join(&path)).expect("there");
    let server = serve(space.path("cache"), move |asked, to| {
        (asked.path == path).then(|| {
            let _ = write!(to, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", packed.len());
            for chunk in packed.chunks(packed.len() / 8) {
                std::thread::sleep(Duration::from_millis(600));
                let _ = to.write_all(chunk);
            }
        })
    });
    let caches = space.caches(vec![remote(&server.url)]);
    let brought = caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here");
    assert!(brought.is_some(), "{:?}", caches.take_notices());
}

#[test]
fn look_ups_have_one_time_limit_in_all() {
    let space = Space::new();
    let (a, _) = pushed(&space, 10);
    // Each answer comes within its own limit, but all together take too long.
    let server = serve(space.path("cache"), move |asked, _| {
        if asked.path.starts_with("segments/") {
            std::thread::sleep(Duration::from_millis(1500));
        }
        None
    });
    let nothing = Surroundings { copies: None, ..space.around(false) };
    let caches = Caches::new(vec![remote(&server.url)], Keyring::new([key("own").public()]), &nothing);
    let began = Instant::now();
    assert_eq!(find_one(&caches, a.key), Some(a.clone()));
    caches.forget_blocks();
    for _ in 0..20 {
        find_one(&caches, a.key);
        caches.forget_blocks();
    }
    assert!(began.elapsed() < MOST_WAITING + Duration::from_secs(3), "{:?}", began.elapsed());
    let notices = caches.take_notices();
    assert!(notices.len() == 1 && notices[0].contains("is too slow"), "{notices:?}");
}

#[test]
fn those_who_wait_at_once_wait_once() {
    let space = Space::new();
    let (a, _) = pushed(&space, 10);
    let server = serve(space.path("cache"), move |asked, _| {
        if asked.path == LIST {
            std::thread::sleep(Duration::from_millis(1200));
        }
        None
    });
    let caches = space.caches(vec![remote(&server.url)]);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(find_one(&caches, a.key), Some(a.clone())));
        }
    });
    assert_eq!(find_one(&caches, a.key), Some(a.clone()), "it is too slow for sixteen");
    assert_eq!(caches.take_notices(), Vec::<String>::new());
}

#[test]
fn a_stop_is_seen_at_once() {
    let space = Space::new();
    let (a, path) = pushed(&space, 3 << 20);
    for stalled in [LIST.to_owned(), path] {
        let stalls = stalled.clone();
        let server = serve(space.path("cache"), move |asked, _| {
            if asked.path == stalls {
                std::thread::sleep(Duration::from_secs(5));
            }
            None
        });
        let caches = space.caches(vec![remote(&server.url)]);
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                caches.halt();
            });
            assert!(caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_none());
        });
        assert!(began.elapsed() < Duration::from_millis(1500), "{stalled}: {:?}", began.elapsed());
        assert_eq!(caches.take_notices(), Vec::<String>::new(), "nobody is to blame");
        assert_eq!(find_one(&caches, a.key), None);
        // Nor does the next run hold it against the cache.
        let later = space.caches(vec![remote(&server.url)]);
        assert!(later.used()[0].left_out.is_none() && later.is_asked(), "it counts as broken");
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let space = Space::new();
    let (a, path) = pushed(&space, 10);
    for path in [path.as_str(), LIST] {
        let pipe = space.path("cache").join(path);
        std::fs::remove_file(&pipe).expect("removed");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o644)).expect("made");
        let caches = space.caches(vec![space.folder("cache")]);
        assert!(caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_none());
        assert!(caches.take_notices()[0].contains("is damaged: it is no file"));
    }
}
