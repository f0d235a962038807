//! Servers that lie, drip, go on without end, or lead astray: none costs more than its time, and each is told as what it is.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{PemItem, RootCerts};

use super::site::{Site, request};
use super::speaking::{Speaking, answer, head, serve};
use super::{all_are, seen};
use crate::address::Address;
use crate::client::http::Http;
use crate::client::*;

const NOTHING: &str = "0 indexes, 0/0 packages, 0 read\n  `dists/bookworm/InRelease`: ";

fn asking(site: &Site, server: &Speaking) -> Request {
    Request { suites: vec!["bookworm".to_owned()], keys: Some(site.keys()), ..request(&server.url) }
}

/// What is seen where `path` is answered so, and how long that took.
fn answered(path: &'static str, lie: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (String, Duration) {
    let site = Site::apt();
    let server = serve(site.path(""), move |asked, to| (asked.path.ends_with(path)).then(|| lie(to)));
    let began = Instant::now();
    (seen(&asking(&site, &server)), began.elapsed())
}

/// Sends the head of an answer, and then so many bytes every while, as long as somebody listens.
fn drip(to: &mut TcpStream, headers: &str, bytes: usize, every: Duration) {
    let mut sent = to.write_all(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes());
    let chunk = vec![b'x'; bytes];
    while sent.is_ok() {
        sent = to.write_all(&chunk).and_then(|()| to.flush());
        std::thread::sleep(every);
    }
}

#[test]
fn lists_that_never_come() {
    let tenth = Duration::from_millis(100);
    let cases = [
        (
            "one byte after the other",
            answered("InRelease", move |to| drip(to, "Content-Length: 90000\r\n", 1, tenth)),
            "Environment",
            "it does not come in time",
        ),
        (
            "the same without a length",
            answered("InRelease", move |to| drip(to, "", 1, tenth)),
            "Environment",
            "it does not come in time",
        ),
        (
            "no answer at all",
            answered("InRelease", |_| std::thread::sleep(Duration::from_secs(4))),
            "Environment",
            "it does not come in time",
        ),
        (
            "an answer that stalls",
            answered("InRelease", |to| {
                let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n-----BEGIN");
                std::thread::sleep(Duration::from_secs(4));
            }),
            "Environment",
            "it does not come in time",
        ),
        (
            "headers without end",
            answered("InRelease", |to| {
                let mut sent = to.write_all(b"HTTP/1.1 200 OK\r\n");
                while sent.is_ok() {
                    sent = to.write_all(&[b"X-Y: ".as_slice(), &[b'z'; 900], b"\r\n"].concat());
                }
            }),
            "Environment",
            "it cannot be fetched: ",
        ),
    ];
    for (name, (told, took), cause, why) in cases {
        let begin = format!("apt bookworm: Some({cause}), {NOTHING}{why}");
        assert!(told.starts_with(&begin), "{name}: {told}");
        assert!(took < Duration::from_secs(12), "{name}: {took:?}");
    }
}

#[test]
fn lists_without_end_and_other_answers() {
    let status = |status: &'static str| answered("InRelease", move |to| answer(to, status, "", b"<html></html>")).0;
    let environment = |why: &str| format!("apt bookworm: Some(Environment), {NOTHING}{why}");
    let build = |why: &str| format!("apt bookworm: Some(Build), {NOTHING}{why}");
    let cases = [
        (
            "without end",
            answered("InRelease", |to| drip(to, "", 1 << 20, Duration::ZERO)).0,
            build("it has more than 16777216 bytes, as no such file has"),
        ),
        ("a page", status("200 OK"), build("it is not signed")),
        ("401", status("401 Unauthorized"), environment("the server answers with status 401")),
        ("403", status("403 Forbidden"), build("the server answers with status 403")),
        ("500", status("500 Internal Server Error"), environment("the server answers with status 500")),
        (
            "round and round",
            answered("InRelease", |to| answer(to, "302 Found", "Location: /dists/bookworm/InRelease\r\n", b"")).0,
            build("the server leads from one address to the next, and never to the file"),
        ),
        (
            "nowhere",
            answered("InRelease", |to| answer(to, "304 Not Modified", "", b"")).0,
            build("the server leads from one address to the next, and never to the file"),
        ),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
    // Gone, and nothing else in its place: the other form of the list counts.
    let (told, _) = answered("InRelease", |to| answer(to, "404 Not Found", "", b""));
    assert_eq!(told, "apt bookworm: None, 6 indexes, 4/4 packages, 0 read\n");
}

#[test]
fn indexes_that_are_something_else() {
    let path = "dists/bookworm/main/binary-amd64/Packages.xz";
    let of = |lie: fn(&mut TcpStream)| answered("Packages.xz", lie).0;
    let told = of(|to| drip(to, "", 1 << 20, Duration::ZERO));
    let start = "apt bookworm: Some(Build), 5 indexes, 4/4 packages, 0 read\n  `dists/bookworm/main/binary-amd64/Packages.xz`: ";
    assert!(told.starts_with(&format!("{start}it goes on behind the ")), "{told}");
    let told = of(|to| answer(to, "200 OK", "", b"<html></html>"));
    assert!(told.starts_with(&format!("{start}it has 13 bytes, and ")), "{told}");
    let told = of(|to| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nshort");
    });
    assert!(told.contains(&format!("`{path}`: it cannot be fetched: ")), "{told}");
    let (told, took) = answered("Packages.xz", |to| drip(to, "Content-Length: 90\r\n", 1, Duration::from_millis(100)));
    assert!(told.contains(&format!("`{path}`: it does not come in time")), "{told}");
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[test]
fn packages_of_servers_of_all_kinds() {
    let deb = "tiny_1_amd64.deb";
    let sound = "apt bookworm: None, 6 indexes, 4/4 packages, 0 read\n";
    let wrong = |why: &str| {
        format!("apt bookworm: Some(Build), 6 indexes, 3/4 packages, 0 read\n  `pool/main/t/tiny/{deb}`: {why}\n")
    };
    let of = |lie: fn(bool, &mut TcpStream)| {
        let site = Site::apt();
        let server = serve(site.path(""), move |asked, to| {
            asked.path.ends_with("tiny_1_amd64.deb").then(|| lie(asked.method == "HEAD", to))
        });
        seen(&asking(&site, &server))
    };
    let cases = [
        ("a page for everything", of(|_, to| head(to, "200 OK", 900)), wrong("it has 900 bytes, and 6 are listed")),
        (
            "no HEAD, but ranges",
            of(|is_head, to| match is_head {
                true => answer(to, "405 Method Not Allowed", "", b""),
                false => answer(to, "206 Partial Content", "Content-Range: bytes 0-0/6\r\n", b"t"),
            }),
            sound.to_owned(),
        ),
        (
            "neither",
            of(|is_head, to| match is_head {
                true => answer(to, "501 Not Implemented", "", b""),
                false => answer(to, "200 OK", "", b"tiny 1"),
            }),
            sound.to_owned(),
        ),
        (
            "no length",
            of(|_, to| {
                let _ = to.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            }),
            wrong("the server does not say how long it is"),
        ),
        ("forbidden", of(|_, to| head(to, "403 Forbidden", 0)), wrong("the server answers with status 403")),
    ];
    let cases: Vec<(&str, String, &str)> =
        cases.iter().map(|(name, is, should)| (*name, is.clone(), &**should)).collect();
    all_are(&cases);
}

#[test]
fn a_server_that_fails_is_left_alone() {
    let mut site = Site::apt();
    let entries: String = (0..200)
        .map(|number| {
            let digest = crate::digest::Sha256::of(b"x");
            format!("Package: p{number}\nFilename: pool/p/p{number}.deb\nSize: 1\nSHA256: {digest}\n\n")
        })
        .collect();
    site.exchange("main/binary-amd64/Packages", &entries);
    let server = serve(site.path(""), |asked, _| asked.path.starts_with("pool/p/").then_some(()));
    let answer = check(&asking(&site, &server), &mut Memory::default()).expect("looks");
    let looked = &answer.repositories[0];
    assert_eq!(answer.cause(), Some(Cause::Environment));
    let last = looked.faults.last().expect("some");
    assert_eq!(last.problem, Problem::GivenUp);
    assert_eq!(last.problem.to_string(), "it was not looked at, since the server failed too often");
    let left: usize = last.place.strip_suffix(" packages").expect("many").parse().expect("a number");
    assert!((170..=184).contains(&left), "{left}");
    // Twice, as it may have been switching, and with few in flight when it was given up.
    assert!(server.requests.load(Ordering::SeqCst) < 100, "{}", server.requests.load(Ordering::SeqCst));
}

#[test]
fn all_of_it_ends_in_time() {
    let site = Site::apt();
    let server = serve(site.path(""), |asked, to| {
        std::thread::sleep(Duration::from_millis(300));
        if asked.path.ends_with("Packages.xz") {
            drip(to, "Content-Length: 9000000\r\n", 64 << 10, Duration::from_millis(300));
        }
        None
    });
    let mut slow = asking(&site, &server);
    slow.limits.whole = Duration::from_millis(2_500);
    let began = Instant::now();
    let told = seen(&slow);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(told.starts_with("apt bookworm: Some("), "{told}");
    assert!(told.contains("there was no time left to look at it"), "{told}");
    slow.limits.whole = Duration::ZERO;
    assert_eq!(
        seen(&slow),
        format!("apt bookworm: Some(Environment), {NOTHING}there was no time left to look at it\n")
    );
}

/// Answers each request over TLS with a redirection to `to`.
fn leads_to(to: &'static str) -> String {
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("../../cache/tests/server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../cache/tests/server-key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("it fits"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                request.push(byte[0]);
            }
            let _ = write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    url
}

#[test]
fn encryption_is_not_given_up() {
    let pem = include_bytes!("../../cache/tests/server.pem");
    let certificates = ureq::tls::parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let roots = RootCerts::from(certificates.collect::<Vec<_>>());
    let url = leads_to("http://127.0.0.1:9/InRelease");
    let server = Http::new(Address::new(&url).expect("an address"), request(&url).limits, roots);
    let left = Duration::from_secs(5);
    let refused = server.open("InRelease", left).map(|_| ()).expect_err("is refused");
    assert_eq!(refused, Problem::Downgrade);
    assert_eq!(refused.to_string(), "the server leads from https to plain http");
    assert_eq!(server.length("x.deb", left), Err(Problem::Downgrade));
    // One that nobody vouches for is not spoken to.
    let unknown = Http::new(Address::new(&url).expect("an address"), request(&url).limits, RootCerts::PlatformVerifier);
    assert!(matches!(unknown.open("InRelease", left).map(|_| ()), Err(Problem::Broken { .. })));
}
