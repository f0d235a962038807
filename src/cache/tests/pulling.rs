//! Bringing bytes: several at a time, on from where a killed run was, without room for copies, and over TLS.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server::serve;
use super::*;
use crate::store::fault;

/// Says to a child where to pull.
const FOLDER: &str = "OPB_TEST_CACHE_PULL";

/// A certificate for 127.0.0.1 that vouches for itself.
const CERTIFICATE: &[u8] = include_bytes!("server.pem");

fn child(name: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", &format!("cache::tests::pulling::{name}"), "--ignored"]);
    child
}

#[test]
fn objects_come_side_by_side() {
    let space = Space::new();
    let files: Vec<Vec<u8>> = (0..8).map(|number| vec![number; 10]).collect();
    let a = result(&space.store("one"), "a", &files.iter().map(Vec::as_slice).collect::<Vec<_>>());
    space.push("one", "cache", std::slice::from_ref(&a));
    let server = serve(space.path("cache"), |asked, _| {
        if asked.path.starts_with("objects/") {
            std::thread::sleep(Duration::from_millis(400));
        }
        None
    });
    let caches = space.caches(vec![remote(&server.url)]);
    let began = Instant::now();
    assert!(caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_some());
    assert!(began.elapsed() < Duration::from_millis(8 * 400 / 2), "one after another: {:?}", began.elapsed());
}

#[test]
#[ignore = "the child of `a_killed_pull_goes_on`"]
fn child_that_pulls() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = HostPath::new(&folder);
    let a = Store::open(&folder.join("one")).expect("opens").realisation(realisation("a").key);
    let a = a.expect("reads").expect("there");
    let address = Address::Folder(folder.join("cache"));
    let access = Access { name: "cache".to_owned(), address, token: None, authorities: None };
    let around = Surroundings { copies: None, now: || 1_000, insistent: false };
    let caches = Caches::new(vec![access], Keyring::new([key("own").public()]), &around);
    let store = Store::open(&folder.join("other")).expect("opens");
    assert!(caches.bring(&store, a.key, &a.outputs).expect("no trouble here").is_some());
}

#[test]
fn a_killed_pull_goes_on() {
    let space = Space::new();
    let files: Vec<Vec<u8>> = (0..1200u32).map(|number| number.to_le_bytes().to_vec()).collect();
    let a = result(&space.store("one"), "a", &files.iter().map(Vec::as_slice).collect::<Vec<_>>());
    space.push("one", "cache", std::slice::from_ref(&a));
    let mut here = 0;
    for at in [200, 1700, 1700] {
        let status = child("child_that_pulls")
            .env(FOLDER, space.0.path())
            .env(fault::VARIABLE, at.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(!status.expect("runs").success(), "it was killed");
        let store = space.store("other");
        let now = files.iter().filter(|file| store.has_object(Digest::of(file))).count();
        assert!(now >= here && now < 1200 && (at < 1000 || now >= here + 100), "{now} after {here}, at {at}");
        here = now;
        assert!(!store.present(a.outputs["packages"]).expect("reads"));
    }
    // What came whole is not asked for again.
    let server = serve(space.path("cache"), |_, _| None);
    let caches = space.caches(vec![remote(&server.url)]);
    let store = space.store("other");
    assert!(caches.bring(&store, a.key, &a.outputs).expect("no trouble here").is_some());
    assert!(store.present(a.outputs["packages"]).expect("reads"));
    let asked =
        server.asked.lock().expect("no panic").iter().filter(|asked| asked.path.starts_with("objects/")).count();
    assert_eq!(asked, 1200 - here);
}

#[test]
#[ignore = "the child of `no_room_for_copies_is_a_notice`"]
fn child_without_room() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = HostPath::new(&folder);
    let copies = folder.join("copies");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=600k", "tmpfs"]).arg(copies.as_path()).status();
    assert!(mounted.expect("runs").success());
    let a = Store::open(&folder.join("one")).expect("opens").realisation(realisation("a").key);
    let a = a.expect("reads").expect("there");
    let address = Address::Folder(folder.join("cache"));
    let access = Access { name: "cache".to_owned(), address, token: None, authorities: None };
    let around = Surroundings { copies: Some(copies), now: || 1_000, insistent: false };
    let caches = Caches::new(vec![access], Keyring::new([key("own").public()]), &around);
    let store = Store::open(&folder.join("other")).expect("opens");
    assert!(caches.bring(&store, a.key, &a.outputs).expect("no trouble here").is_some());
    let notices = caches.take_notices();
    assert!(notices.len() == 1 && notices[0].ends_with("; the store is used instead"), "{notices:?}");
}

#[test]
fn no_room_for_copies_is_a_notice() {
    let space = Space::new();
    let a = result(&space.store("one"), "a", &[&noise(3 << 20), &noise((3 << 20) + 1)]);
    space.push("one", "cache", std::slice::from_ref(&a));
    let _ = std::fs::remove_dir_all(space.path("copies"));
    std::fs::create_dir(space.path("copies")).expect("made");
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--propagation", "private"]);
        command
    };
    let mut probe = unshare();
    probe.args(["mount", "-t", "tmpfs", "tmpfs"]).arg(space.path("copies")).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("skipped: no mount namespace with a small tmpfs to be had here (unshare --user --mount)");
        return;
    }
    let test = child("child_without_room");
    let mut command = unshare();
    command.arg(test.get_program()).args(test.get_args()).env(FOLDER, space.0.path());
    let output = command.output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Passes requests on to `plain`, over TLS.
fn over_tls(plain: &str) -> String {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("server-key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("it fits"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let plain = plain.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, plain) = (config.clone(), plain.clone());
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).expect("a connection");
                let mut from = rustls::StreamOwned::new(connection, stream);
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if from.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    request.push(byte[0]);
                }
                let mut to = TcpStream::connect(plain).expect("connects");
                to.write_all(&request).expect("sent");
                let mut answer = Vec::new();
                to.read_to_end(&mut answer).expect("answered");
                let _ = from.write_all(&answer).and_then(|()| from.flush());
                from.conn.send_close_notify();
                let _ = from.flush();
            });
        }
    });
    url
}

#[test]
fn a_server_is_believed_when_somebody_vouches_for_it() {
    let space = Space::new();
    let a = result(&space.store("one"), "a", &[b"a"]);
    space.push("one", "cache", std::slice::from_ref(&a));
    let server = serve(space.path("cache"), |_, _| None);
    let url = over_tls(&server.url);
    let unknown = space.caches(vec![remote(&url)]);
    assert_eq!(find_one(&unknown, a.key), None);
    let notices = unknown.take_notices();
    assert!(notices.len() == 1 && notices[0].contains("cannot be reached"), "{notices:?}");
    assert_eq!(server.requests.load(Ordering::SeqCst), 0, "nor does it learn the token");
    let authorities = Authorities::parse(CERTIFICATE);
    assert!(authorities.is_some() && Authorities::parse(b"none").is_none());
    let caches = Caches::new(
        vec![Access { authorities, ..remote(&url) }],
        Keyring::new([key("own").public()]),
        &space.around(true),
    );
    assert_eq!(find_one(&caches, a.key), Some(a.clone()), "{:?}", caches.take_notices());
    assert!(caches.bring(&space.store("other"), a.key, &a.outputs).expect("no trouble here").is_some());
    let shown = format!("{:?}", remote(&url));
    assert!(!shown.contains("secret") && shown.contains("has_token: true"), "{shown}");
}
