//! Downloads that break off and go on, with the real helper and a server on the loopback interface.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::address::Address;
use crate::digest::Sha256;

mod before;

static NEVER: AtomicBool = AtomicBool::new(false);

const KEY: &[u8] = include_bytes!("../../cache/tests/server-key.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../cache/tests/server.pem");

/// How a server answers.
#[derive(Clone)]
struct Serves {
    content: Vec<u8>,
    date: &'static str,
    /// What it sends of the content before it breaks off; `None`: all.
    sends: Option<usize>,
    /// Whether it says nothing more then, and leaves the connection open.
    hangs: bool,
    /// Whether it knows ranges; and whether it gives one whatever the date of what is there.
    ranges: bool,
    believes: bool,
    /// Where it sends readers instead.
    redirect: Option<String>,
    /// Whether each byte takes a while.
    trickles: bool,
}

impl Serves {
    fn of(content: &[u8]) -> Self {
        Self {
            content: content.to_vec(),
            date: "Sat, 21 Nov 2026 10:00:00 GMT",
            sends: None,
            hangs: false,
            ranges: true,
            believes: false,
            redirect: None,
            trickles: false,
        }
    }
}

/// A server whose answers a test changes; each request is noted with all its lines.
struct Server {
    port: u16,
    serves: Arc<Mutex<Serves>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(serves: Serves, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = Self { port, serves: Arc::new(Mutex::new(serves)), asked: Arc::default() };
        let (serves, asked) = (server.serves.clone(), server.asked.clone());
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<Vec<_>, _>>();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = Arc::new(config.with_single_cert(certificates.expect("a certificate"), key).expect("fits"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serves, asked, config) = (serves.clone(), asked.clone(), config.clone());
                std::thread::spawn(move || {
                    if tls {
                        let connection = rustls::ServerConnection::new(config).expect("a connection");
                        answer(rustls::StreamOwned::new(connection, stream), &serves, &asked)
                    } else {
                        answer(stream, &serves, &asked)
                    }
                });
            }
        });
        server
    }

    fn change(&self, change: impl FnOnce(&mut Serves)) {
        change(&mut self.serves.lock().expect("no panic"));
    }

    /// The lines of the last request that begin so.
    fn asked(&self, start: &str) -> Option<String> {
        let asked = self.asked.lock().expect("no panic");
        asked.last()?.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned)
    }
}

fn answer(stream: impl Read + Write, serves: &Mutex<Serves>, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut request, mut line) = (String::new(), String::new());
        while stream.read_line(&mut line).ok()? > 2 {
            request.push_str(&line);
            line.clear();
        }
        if request.is_empty() {
            return None;
        }
        let now = serves.lock().expect("no panic").clone();
        let header = |name: &str| request.lines().find_map(|line| line.strip_prefix(name));
        let to = stream.get_mut();
        let note = |sent: usize| asked.lock().expect("no panic").push(format!("{request}Sent: {sent}\r\n"));
        if let Some(place) = now.redirect {
            write!(to, "HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n").ok()?;
            to.flush().ok()?;
            note(0);
            continue;
        }
        let from = header("Range: bytes=").and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
        let is_same = now.believes || header("If-Range: ").is_some_and(|date| date == now.date);
        let all = now.content.len();
        let (status, range, body) = match from.filter(|_| now.ranges && is_same) {
            Some(from) if from >= all => {
                ("416 Range Not Satisfiable", format!("Content-Range: bytes */{all}\r\n"), &[][..])
            }
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{all}\r\n", all - 1);
                ("206 Partial Content", range, &now.content[from..])
            }
            None => ("200 OK", String::new(), &now.content[..]),
        };
        note(body.len());
        let (date, length) = (now.date, body.len());
        write!(to, "HTTP/1.1 {status}\r\nLast-Modified: {date}\r\nContent-Length: {length}\r\n{range}\r\n").ok()?;
        if now.trickles {
            for byte in body {
                to.write_all(&[*byte]).ok()?;
                to.flush().ok()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        to.write_all(&body[..now.sends.unwrap_or(length).min(length)]).ok()?;
        to.flush().ok()?;
        if now.hangs {
            std::thread::sleep(Duration::from_secs(20));
        }
        now.sends.is_none().then_some(())?;
    }
}

/// A folder with an apt configuration of these further lines.
struct Scratch {
    folder: tempfile::TempDir,
    access: Access<'static>,
}

impl Scratch {
    fn new(more: &str) -> Option<Self> {
        let mut access = Access::new(&NEVER);
        if !access.helper.as_path().exists() {
            eprintln!("skipped: there is no {} on this machine", access.helper);
            return None;
        }
        let folder = tempfile::tempdir().expect("scratch");
        let config = HostPath::new(folder.path()).join("apt.conf");
        let lines =
            "Acquire::http::Proxy \"DIRECT\";\nAcquire::https::Proxy \"DIRECT\";\nAcquire::Retries::Delay \"false\";\n";
        std::fs::write(config.as_path(), format!("{lines}{more}\n")).expect("scratch");
        access.apt_config = Some(config);
        (access.retries, access.timeout) = (0, Duration::from_secs(5));
        Some(Self { folder, access })
    }

    fn place(&self) -> HostPath {
        HostPath::new(self.folder.path()).join("in/x")
    }

    /// What a download of `url` brings, where it is to be `content`.
    fn get(&self, url: &str, content: Option<&[u8]>) -> Result<Vec<u8>, FetchError> {
        self.get_by(url, content, &self.access)
    }

    fn get_by(&self, url: &str, content: Option<&[u8]>, access: &Access<'_>) -> Result<Vec<u8>, FetchError> {
        let sha256 = content.map(Sha256::of);
        let places = vec![Address::new(url).expect("an address")];
        let wanted = Wanted { places, name: "file".to_owned(), sha256, size: None, before: None };
        let kept = download_kept(&wanted, KeptFolder::lock(&self.place(), access)?, access, &[])?;
        let bytes = std::fs::read(kept.path.as_path()).expect("there");
        kept.discard();
        assert!(!self.place().as_path().exists());
        Ok(bytes)
    }

    fn part(&self) -> u64 {
        size_of(&self.place().join("file"))
    }
}

fn content(seed: u8) -> Vec<u8> {
    (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

#[test]
fn what_breaks_off_goes_on_from_there() {
    let Some(scratch) = Scratch::new("") else { return };
    let content = content(0);
    let server = Server::new(Serves { sends: Some(100_000), ..Serves::of(&content) }, false);
    let url = format!("http://127.0.0.1:{}/x", server.port);
    let error = scratch.get(&url, Some(&content)).expect_err("breaks off");
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert_eq!(scratch.part(), 100_000);
    server.change(|serves| serves.sends = None);
    assert_eq!(scratch.get(&url, Some(&content)).expect("whole"), content);
    assert_eq!(server.asked("Range: ").as_deref(), Some("bytes=100000-"));

    // Stopped in the middle, as by Ctrl-C.
    server.change(|serves| (serves.sends, serves.hangs) = (Some(200_000), true));
    let stop = AtomicBool::new(false);
    let access = Access { cancel: &stop, ..scratch.access.clone() };
    let error = std::thread::scope(|scope| {
        let getting = scope.spawn(|| scratch.get_by(&url, Some(&content), &access));
        let began = Instant::now();
        while scratch.part() < 200_000 && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        getting.join().expect("no panic").expect_err("stopped")
    });
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    server.change(|serves| (serves.sends, serves.hangs) = (None, false));
    assert_eq!(scratch.get(&url, Some(&content)).expect("whole"), content);
    assert_eq!(server.asked("Range: ").as_deref(), Some("bytes=200000-"));
}

/// What is other than before, and how a server shows it.
type Change = (&'static str, fn(&mut Serves));

#[test]
fn what_is_other_by_now_begins_anew() {
    let Some(scratch) = Scratch::new("") else { return };
    let (old, new) = (content(0), content(1));
    let server = Server::new(Serves::of(&old), false);
    let url = format!("http://127.0.0.1:{}/x", server.port);
    let changes: [Change; 3] = [
        ("a server without ranges", |serves| serves.ranges = false),
        ("a file of another date", |serves| serves.date = "Sun, 22 Nov 2026 10:00:00 GMT"),
        ("a server that joins what does not belong together", |serves| serves.believes = true),
    ];
    for (what, change) in changes {
        server.change(|serves| *serves = Serves { sends: Some(100_000), ..Serves::of(&old) });
        scratch.get(&url, Some(&new)).expect_err("breaks off");
        assert_eq!(scratch.part(), 100_000, "{what}");
        server.change(|serves| *serves = Serves::of(&new));
        server.change(change);
        assert_eq!(scratch.get(&url, Some(&new)).expect("whole"), new, "{what}");
    }
    // What is another file from its beginning on is told, not tried for ever.
    server.change(|serves| *serves = Serves::of(&old));
    let error = scratch.get(&url, Some(&new)).expect_err("another");
    assert!(matches!(error, FetchError::Mismatch { .. }), "{error}");
    // Without a digest nobody could tell what was put together.
    server.change(|serves| serves.sends = Some(100_000));
    scratch.get(&url, None).expect_err("breaks off");
    server.change(|serves| serves.sends = None);
    assert_eq!(scratch.get(&url, None).expect("whole"), old);
    assert_eq!(server.asked("Range: "), None);
}

#[test]
fn what_does_not_answer_is_asked_again_and_goes_on() {
    let Some(scratch) = Scratch::new("") else { return };
    let content = content(0);
    let server = Server::new(Serves { sends: Some(100_000), ..Serves::of(&content) }, false);
    let places = vec![Address::new(&format!("http://127.0.0.1:{}/x", server.port)).expect("an address")];
    let wanted =
        Wanted { places, name: "file".to_owned(), sha256: Some(Sha256::of(&content)), size: None, before: None };
    // Each connection brings a third of it.
    let waits = [Duration::ZERO; 2];
    let kept = download_kept(
        &wanted,
        KeptFolder::lock(&scratch.place(), &scratch.access).expect("locked"),
        &scratch.access,
        &waits,
    )
    .expect("whole in the end");
    assert_eq!(std::fs::read(kept.path.as_path()).expect("there"), content);
    assert_eq!(server.asked("Range: ").as_deref(), Some("bytes=200000-"));
    kept.discard();
    let waits = [Duration::ZERO; 1];
    let error = download_kept(
        &wanted,
        KeptFolder::lock(&scratch.place(), &scratch.access).expect("locked"),
        &scratch.access,
        &waits,
    )
    .expect_err("not often enough");
    assert!(error.away().is_some(), "{error}");
}

#[test]
fn a_slow_server_holds_nobody_up() {
    let Some(scratch) = Scratch::new("") else { return };
    let server = Server::new(Serves { trickles: true, ..Serves::of(&content(0)) }, false);
    let access = Access { stall: Duration::from_secs(2), ..scratch.access.clone() };
    let began = Instant::now();
    let url = format!("http://127.0.0.1:{}/x", server.port);
    let error = scratch.get_by(&url, None, &access).expect_err("too slow").to_string();
    assert_eq!(error, format!("cannot reach `127.0.0.1:{}`: nothing came for 2 s", server.port));
    assert!(began.elapsed() < Duration::from_secs(15));
    let large = Server::new(Serves::of(&content(0)), false);
    let access = Access { most: 1_000, ..scratch.access.clone() };
    let url = format!("http://127.0.0.1:{}/x", large.port);
    let error = scratch.get_by(&url, None, &access).expect_err("too much").to_string();
    assert!(error.contains("has more than 1000 bytes"), "{error}");
}

#[test]
fn proxies_and_credentials_are_the_hosts() {
    let content = content(0);
    let proxy = Server::new(Serves::of(&content), false);
    let Some(scratch) = Scratch::new(&format!("Acquire::http::Proxy \"http://127.0.0.1:{}/\";", proxy.port)) else {
        return;
    };
    let auth = scratch.folder.path().join("auth.conf");
    std::fs::write(&auth, "machine http://upstream.example login somebody password geheim\n").expect("scratch");
    let config = scratch.access.apt_config.clone().expect("there");
    let mut file = File::options().append(true).open(config.as_path()).expect("there");
    writeln!(file, "Dir::Etc::netrc \"{}\";", auth.display()).expect("scratch");
    let url = "http://upstream.example/tool-1.0.tar.xz";
    assert_eq!(scratch.get(url, Some(&content)).expect("whole"), content);
    assert_eq!(proxy.asked("GET ").as_deref(), Some("http://upstream.example/tool-1.0.tar.xz HTTP/1.1"));
    // `somebody:geheim`, as RFC 7617 writes it.
    assert_eq!(proxy.asked("Authorization: ").as_deref(), Some("Basic c29tZWJvZHk6Z2VoZWlt"));
    proxy.change(|serves| serves.sends = Some(10));
    let error = scratch.get(url, Some(&content)).expect_err("breaks off");
    assert!(!format!("{error:?} {error}").contains("geheim"), "{error:?}");
}

#[test]
fn no_redirect_leads_to_where_less_is_safe() {
    let content = content(0);
    let plain = Server::new(Serves::of(&content), false);
    let Some(scratch) = Scratch::new("") else { return };
    let authority = scratch.folder.path().join("ca.pem");
    std::fs::write(&authority, CERTIFICATE).expect("scratch");
    let safe = Server::new(Serves::of(&content), true);
    let url = format!("https://127.0.0.1:{}/x", safe.port);
    let error = scratch.get(&url, Some(&content)).expect_err("nobody vouches for it");
    assert!(matches!(error, FetchError::Refused { .. } | FetchError::Unreachable { .. }), "{error}");
    let config = scratch.access.apt_config.clone().expect("there");
    let mut file = File::options().append(true).open(config.as_path()).expect("there");
    writeln!(file, "Acquire::https::CAInfo \"{}\";", authority.display()).expect("scratch");
    assert_eq!(scratch.get(&url, Some(&content)).expect("the host's own authority"), content);
    for place in [format!("http://127.0.0.1:{}/x", plain.port), "file:///etc/hostname".to_owned()] {
        safe.change(|serves| serves.redirect = Some(place.clone()));
        let error = scratch.get(&url, Some(&content)).expect_err("refused");
        assert!(matches!(error, FetchError::Refused { .. } | FetchError::Apt { .. }), "{place}: {error}");
    }
    assert_eq!(plain.asked("GET "), None, "nobody was there");
    plain.change(|serves| serves.redirect = Some("file:///etc/hostname".to_owned()));
    let error = scratch.get(&format!("http://127.0.0.1:{}/x", plain.port), Some(&content)).expect_err("refused");
    assert!(matches!(error, FetchError::Refused { .. } | FetchError::Apt { .. }), "{error}");
}
