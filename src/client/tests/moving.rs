//! A repository that is switched while it is looked at.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::site::{Site, request};
use super::speaking::{answer, serve};
use super::{NOW, seen};
use crate::client::*;

fn over_http(site: &Site, url: &str) -> Request {
    Request { suites: vec!["bookworm".to_owned()], keys: Some(site.keys()), ..request(url) }
}

#[test]
fn what_was_changing_is_looked_at_once_more() {
    let mut site = Site::apt();
    let old = site.read("dists/bookworm/InRelease");
    site.publish(&["tiny"], NOW - 60);
    // The first answer is of the generation before, as is one index.
    let first = AtomicUsize::new(0);
    let server = serve(site.path(""), move |asked, to| {
        (asked.path == "dists/bookworm/InRelease" && first.fetch_add(1, Ordering::SeqCst) == 0)
            .then(|| answer(to, "200 OK", "", &old))
    });
    assert_eq!(seen(&over_http(&site, &server.url)), "apt bookworm: None, 6 indexes, 3/3 packages, 0 read\n");
    // What stays so is a fault, and is not looked at a third time.
    let stays = serve(site.path(""), move |asked, to| {
        asked.path.ends_with("tiny_1.dsc").then(|| answer(to, "404 Not Found", "", b""))
    });
    assert_eq!(
        seen(&over_http(&site, &stays.url)),
        "apt bookworm: Some(Build), 6 indexes, 2/3 packages, 0 read\n  `pool/main/t/tiny/tiny_1.dsc`: it is not there\n"
    );
    // Three lists, six indexes by name and by hash and three that are only listed, twice; three packages once, one of them again.
    assert_eq!(stays.requests.load(Ordering::SeqCst), 2 * (3 + 2 * 6 + 3) + 4);
}

#[test]
fn a_folder_that_leads_elsewhere_meanwhile() {
    let (mut site, other) = (Site::empty(), Site::apt());
    site.publish(&["tiny"], NOW - 60);
    site.remove("pool/main/t/tiny/tiny_1.dsc");
    let links = tempfile::tempdir().expect("a folder");
    let current = links.path().join("current");
    std::os::unix::fs::symlink(site.path(""), &current).expect("made");
    let mut slow = request(current.to_str().expect("plain"));
    slow.limits.pause = Duration::from_millis(1_500);
    let switched = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        std::fs::remove_file(&current).expect("removed");
        std::os::unix::fs::symlink(other.path(""), &current).expect("made");
        (other, links)
    });
    assert_eq!(seen(&slow), "apt bookworm: None, 6 indexes, 4/4 packages, 0 read\n");
    drop(switched.join().expect("switches"));
}
