//! What there is at an address, and what people are told where that is not known.

use super::site::{Site, request};
use super::speaking::{answer, serve};
use super::{all_are, seen};
use crate::client::*;

const SOUND: &str = "apt bookworm: None, 6 indexes, 4/4 packages, 0 read\n";

#[test]
fn a_channel_says_what_it_has() {
    let site = Site::apt();
    site.write(
        "channel.json",
        br#"{"form":"opb channel 1","channel":"nightly","generation":12,"date":1709996400,
            "apt":[{"suite":"bookworm"}],"yum":[],"key":"opb-nightly.asc","later":1}"#,
    );
    let server = serve(site.path(""), |_, _| None);
    assert_eq!(seen(&request(&server.url)), SOUND);
    assert_eq!(seen(&request(&format!("{}/dists/bookworm", server.url))), SOUND);
    // It only says where to look, and nothing leads out.
    for hint in [
        "{\"form\":\"opb channel 2\"}",
        "<html></html>",
        "{\"form\":\"opb channel 1\",\"apt\":[{\"suite\":\"../x\"}],\"key\":\"opb-nightly.asc\"}",
        "{\"form\":\"opb channel 1\",\"apt\":[{\"suite\":\"bookworm\"}],\"key\":\"../opb-nightly.asc\"}",
    ] {
        site.write("channel.json", hint.as_bytes());
        let told = seen(&request(&server.url));
        assert!(told.contains("does not say what is published there"), "{hint}: {told}");
    }
    site.write("channel.json", br#"{"form":"opb channel 1","apt":[{"suite":"bookworm"}]}"#);
    let told = seen(&request(&server.url));
    assert!(told.contains("no key is known by which"), "{told}");
}

#[test]
fn what_people_are_told() {
    let site = Site::apt();
    let server = serve(site.path(""), |_, _| None);
    let hidden = |text: String| text.replace(&server.url, "http://HERE").replace(&site.request().address, "/HERE");
    let at = |address: &str| hidden(seen(&request(address)));
    let named = |suite: &str| hidden(seen(&Request { suites: vec![suite.to_owned()], ..request(&server.url) }));
    let empty = tempfile::tempdir().expect("a folder");
    let place =
        "help: give what clients have: `https://…`, `http://…`, `file:///…` or a folder, without a name and password";
    let cases = [
        (
            "a password",
            at("https://me:secret@example.org/x"),
            format!(
                "Input: `https://example.org/x` is no place of a repository: a name and a password in it can be seen by all who \
                 see what runs here\n  {place}"
            ),
        ),
        (
            "a query",
            at("https://example.org/x?y"),
            format!(
                "Input: `https://example.org/x?y` is no place of a repository: what stands behind `?` or `#` belongs to one \
                 file\n  {place}"
            ),
        ),
        (
            "another scheme",
            at("ftp://example.org/x"),
            format!(
                "Input: `ftp://example.org/x` is no place of a repository: `ftp://example.org/x` does not begin with one of \
                 http, https, file, copy, mirror+file, mirror+http, mirror+https\n  {place}"
            ),
        ),
        (
            "apt's own",
            at("mirror+file:/x"),
            format!("Input: `mirror+file:/x` is no place of a repository: `mirror+file` is apt's own\n  {place}"),
        ),
        (
            "no folder",
            at("/none/such"),
            "Environment: cannot open `/none/such`\n  help: see that it is there and that you may read it".to_owned(),
        ),
        (
            "a server that does not say it",
            at(&server.url),
            "Input: `http://HERE` does not say what is published there: it has no `channel.json` and no \
             `repodata/repomd.xml`\n  help: name suites with `--suite`, as in `--suite bookworm`, and YUM repositories with \
             `--yum`, as in `--yum rpm/el-9/x86_64`"
                .to_owned(),
        ),
        (
            "no key",
            named("bookworm"),
            "Input: no key is known by which `http://HERE` is signed\n  help: give the file with the public key that clients \
             have: `--key FILE`"
                .to_owned(),
        ),
        (
            "no name",
            named("../x"),
            "Input: `../x` is neither a suite nor a folder below a repository's root\n  help: write it as clients do, such as \
             `bookworm` or `rpm/el-9/x86_64`"
                .to_owned(),
        ),
        (
            "a key that is none",
            {
                let other = Site::apt();
                other.write("opb-nightly.asc", b"hello");
                seen(&other.request()).replace(&other.request().address, "/HERE")
            },
            "Build: cannot read the key `opb-nightly.asc` that `file:/HERE` publishes: it holds no public key\n  help: publish \
             again, or give the key that clients have: `--key FILE`"
                .to_owned(),
        ),
        (
            "many",
            {
                let other = Site::empty();
                (0..=MOST_REPOSITORIES).for_each(|number| other.write(&format!("dists/s{number}/Release"), b""));
                seen(&other.request()).replace(&other.request().address, "/HERE")
            },
            "Input: `file:/HERE` has more than 256 repositories\n  help: name those to look at with `--suite` and `--yum`"
                .to_owned(),
        ),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
    let nothing = seen(&request(empty.path().to_str().expect("plain")));
    assert!(nothing.contains("does not say what is published there"), "{nothing}");
}

#[test]
fn servers_that_cannot_be_asked() {
    let refused = serve(std::path::PathBuf::from("/none"), |_, to| {
        answer(to, "401 Unauthorized", "", b"");
        Some(())
    });
    let told = seen(&request(&refused.url)).replace(&refused.url, "http://HERE");
    assert_eq!(
        told,
        "Environment: cannot look at `http://HERE`: `channel.json`: the server answers with status 401\n  help: look into the \
         server's log, and at the modes of its files\n"
    );
    // A port that nobody listens at.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let told = seen(&request(&url));
    assert!(told.starts_with("Environment: cannot look at `http://127.0.0.1:"), "{told}");
    assert!(told.contains("`channel.json`: it cannot be fetched: "), "{told}");
    assert!(
        told.ends_with("help: see that the server runs, and that its name, its port and its certificate are right\n")
    );
}
