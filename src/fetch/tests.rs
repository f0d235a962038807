//! Downloads with the real helper, from a server on the loopback interface that ends with the test.

mod server;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use miette::Diagnostic as _;

use super::*;
use crate::address::Address;
use crate::digest::Sha256;
use crate::path::HostPath;
use server::{Server, body_of};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A folder with an apt configuration that uses no proxy; `None`, with a word, where apt is missing.
fn scratch() -> Option<(tempfile::TempDir, Access<'static>)> {
    let mut access = Access::new(&NEVER);
    if !access.helper.as_path().exists() {
        eprintln!("skipped: there is no {} on this machine", access.helper);
        return None;
    }
    let folder = tempfile::tempdir().expect("scratch");
    let config = HostPath::new(folder.path()).join("apt.conf");
    std::fs::write(config.as_path(), "Acquire::http::Proxy \"DIRECT\"; Acquire::Retries::Delay \"false\";")
        .expect("scratch");
    access.apt_config = Some(config);
    (access.retries, access.timeout) = (0, Duration::from_secs(1));
    Some((folder, access))
}

fn wanted(places: &[Address], name: &str) -> Wanted {
    let body = body_of(name);
    let (sha256, size) = (Some(Sha256::of(body.as_bytes())), Some(body.len() as u64));
    Wanted { places: places.to_vec(), name: name.into(), sha256, size, before: None }
}

fn files_in(folder: &HostPath) -> Vec<String> {
    let entries = std::fs::read_dir(folder.as_path()).expect("there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn many_files_in_one_call() {
    let Some((folder, access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()).join("in"));
    let mut all: Vec<Wanted> =
        (0..120).map(|n| wanted(&[server.address(&format!("/ok/f{n}"))], &format!("f{n}"))).collect();
    all.push(wanted(&[server.address("/redirect/moved")], "moved"));
    all.push(Wanted { sha256: None, size: None, ..wanted(&[server.address("/ok/InRelease")], "InRelease") });
    let paths = download(&all, &into, &access).expect("all there");
    assert_eq!(paths.len(), 122);
    for (path, file) in paths.iter().zip(&all) {
        assert_eq!(std::fs::read_to_string(path.as_path()).expect("there"), body_of(&file.name));
    }
    assert_eq!(files_in(&into).len(), 122);
}

#[test]
fn the_next_place_is_tried() {
    let Some((folder, access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()).join("in"));
    let bad = ["/404/a", "/wrong/a", "/lost/a", "/500/a", "/cut/a", "/outside/a"].map(|path| server.address(path));
    let mut all: Vec<Wanted> =
        (0..5).map(|n| wanted(&[server.address(&format!("/ok/f{n}"))], &format!("f{n}"))).collect();
    for (n, address) in bad.into_iter().enumerate() {
        let name = format!("g{n}");
        all.push(wanted(&[address, server.address(&format!("/ok/{name}"))], &name));
    }
    let paths = download(&all, &into, &access).expect("all there");
    for (path, file) in paths.iter().zip(&all) {
        assert_eq!(std::fs::read_to_string(path.as_path()).expect("there"), body_of(&file.name));
    }
}

#[test]
fn failures_say_their_cause() {
    let Some((folder, access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()).join("in"));
    let host = format!("127.0.0.1:{}", server.port);
    let check = |path: &str, wanted_text: &str, code: &str| {
        let error = download(&[wanted(&[server.address(path)], "a")], &into, &access).unwrap_err();
        assert_eq!(error.to_string().replace(&host, "HOST"), wanted_text, "{path}");
        assert_eq!(error.code().expect("code").to_string(), format!("opb::fetch::{code}"), "{path}");
        assert_eq!(files_in(&into), [""; 0], "{path}");
    };
    check("/404/a", "the mirror no longer has `http://HOST/404/a`", "gone");
    check("/410/a", "the mirror no longer has `http://HOST/410/a`", "gone");
    check("/lost/a", "the mirror no longer has `http://HOST/lost/a`", "gone");
    check(
        "/403/a",
        "the server refused `http://HOST/403/a`: 403 Status [IP: HOST]"
            .replace("[IP: HOST]", &format!("[IP: 127.0.0.1 {}]", server.port))
            .as_str(),
        "refused",
    );
    check(
        "/cut/a",
        &format!(
            "cannot reach `HOST`: Error reading from server. Remote end closed connection [IP: 127.0.0.1 {}]",
            server.port
        ),
        "unreachable",
    );
    check("/hang/a", &format!("cannot reach `HOST`: Connection failed [IP: 127.0.0.1 {}]", server.port), "unreachable");
    let (good, other) = (Sha256::of(body_of("a").as_bytes()), Sha256::of(b"wrong"));
    check(
        "/wrong/a",
        &format!("`http://HOST/wrong/a` has other content than promised: expected SHA-256 {good}, got SHA-256 {other}"),
        "mismatch",
    );
    let error = download(&[wanted(&[server.address("/500/a")], "a")], &into, &access).unwrap_err();
    assert!(matches!(&error, FetchError::Refused { detail, .. } if detail.starts_with("500 Status")), "{error}");
    let error = download(&[wanted(&[server.address("/outside/a")], "a")], &into, &access).unwrap_err();
    assert!(error.to_string().contains("Redirection from http to 'file:/etc/hostname' is forbidden"), "{error}");
    let error =
        download(&[wanted(&[server.address("/404/a"), server.address("/wrong/a")], "a")], &into, &access).unwrap_err();
    assert!(matches!(error, FetchError::Gone { .. }), "a mirror that moved on: {error}");
}

#[test]
fn sizes_are_checked_and_bounded() {
    let Some((folder, access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()).join("in"));
    let mut file = Wanted { sha256: None, size: Some(3), ..wanted(&[server.address("/ok/a")], "a") };
    let error = download(std::slice::from_ref(&file), &into, &access).unwrap_err();
    assert!(error.to_string().ends_with("expected 3 bytes, got 12 bytes"), "{error}");
    (file.places, file.size) = (vec![server.address("/endless/a")], Some(10_000));
    let started = Instant::now();
    let error = download(&[file], &into, &access).unwrap_err();
    assert!(error.to_string().ends_with("/endless/a` has more than 10000 bytes"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15));
    // Where nobody states a length, there is one that no such file has. On the disk, this one is empty.
    let large = folder.path().join("large");
    std::fs::File::create(&large).and_then(|file| file.set_len((64 << 20) + 1)).expect("made");
    let place = Address::new(&format!("file:{}", large.display())).expect("an address");
    let file = Wanted { sha256: None, size: None, ..wanted(&[place], "large") };
    let error = download(&[file], &into, &access).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 67_108_864, .. }), "{error}");
    assert_eq!(files_in(&into), [""; 0]);
}

#[test]
fn nobody_answers() {
    let Some((folder, access)) = scratch() else { return };
    let into = HostPath::new(folder.path()).join("in");
    // A port that was just free; nothing listens there now.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let address = Address::new(&format!("http://name:secret@127.0.0.1:{port}/a")).expect("good");
    let error = download(&[wanted(&[address], "a")], &into, &access).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot reach `127.0.0.1:{port}`: Could not connect to 127.0.0.1:{port}")),
        "{text}"
    );
    assert!(!format!("{error:?}{text}").contains("secret"));
    let help = error.help().expect("help").to_string();
    assert_eq!(
        help,
        "check the network and apt's proxy setting; with `--offline` only what the store already has is used"
    );
    let address = Address::new("http://opb-test.invalid/a").expect("good");
    let error = download(&[wanted(&[address], "a")], &into, &access).unwrap_err();
    assert!(matches!(&error, FetchError::Unreachable { host, .. } if host == "opb-test.invalid"), "{error}");
}

#[test]
fn a_stalled_server_and_a_stop_end_the_helper() {
    let Some((folder, mut access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()).join("in"));
    (access.timeout, access.stall) = (Duration::from_secs(60), Duration::from_secs(1));
    let files =
        [wanted(&[server.address("/hang/a"), server.address("/ok/a")], "a"), wanted(&[server.address("/ok/b")], "b")];
    let error = download(&files[..1], &into, &Access { stall: Duration::from_secs(1), ..access.clone() });
    assert!(error.is_ok(), "the second place has it");
    let error = download(&[wanted(&[server.address("/hang/a")], "a")], &into, &access).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach `127.0.0.1:{}`: nothing came for 1 s", server.port));

    let cancel = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            cancel.store(true, Ordering::Relaxed);
        });
        let access = Access { cancel: &cancel, stall: Duration::from_secs(30), ..access.clone() };
        let error = download(&[wanted(&[server.address("/hang/a")], "a")], &into, &access).unwrap_err();
        assert_eq!(error.to_string(), "the download was stopped");
    });
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Which files came, by name, and why the others did not.
fn told(files: &[Wanted], came: &Came) -> Vec<String> {
    let said = |file: &Option<Result<HostPath, FetchError>>| match file {
        Some(Ok(_)) => "came".to_owned(),
        Some(Err(error)) => error.to_string().split(['`', ':']).next().unwrap_or_default().trim().to_owned(),
        None => "not tried".to_owned(),
    };
    std::iter::zip(files, &came.files).map(|(file, came)| format!("{} {}", file.name, said(came))).collect()
}

#[test]
fn what_comes_is_kept_whatever_becomes_of_the_rest() {
    let Some((folder, mut access)) = scratch() else { return };
    let (server, into) = (Server::start(), HostPath::new(folder.path()));
    let wanted = |answer: &str, name: &str| wanted(&[server.address(&format!("/{answer}/{name}"))], name);
    // One connection that breaks off says nothing of files that came over others.
    let files = [wanted("ok", "a"), wanted("cut", "b"), wanted("404", "c"), wanted("ok", "d")];
    let came = download_each(&files, &into.join("one"), &access);
    assert!(came.ended.is_none(), "{came:?}");
    assert_eq!(told(&files, &came), ["a came", "b cannot reach", "c the mirror no longer has", "d came"]);
    // An archive of which nothing comes is not asked for each of its files.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let nowhere = |name| vec![Address::new(&format!("http://127.0.0.1:{port}/{name}")).expect("good")];
    let files = ["a", "b"].map(|name| Wanted { places: nowhere(name), ..wanted("ok", name) });
    let came = download_each(&files, &into.join("none"), &access);
    assert_eq!(told(&files, &came), ["a not tried", "b not tried"]);
    assert!(matches!(came.ended, Some(FetchError::Unreachable { .. })), "{came:?}");
    // Nor does a stop take away what was there by then.
    let cancel = AtomicBool::new(false);
    (access.cancel, access.timeout) = (&cancel, Duration::from_secs(60));
    let files = [wanted("ok", "a"), wanted("hang", "b")];
    let first = into.join("stopped").join("a");
    let came = std::thread::scope(|scope| {
        scope.spawn(|| {
            let whole = || std::fs::read(first.as_path()).is_ok_and(|bytes| bytes == body_of("a").as_bytes());
            let born = Instant::now();
            while !whole() && born.elapsed() < Duration::from_secs(20) {}
            cancel.store(true, Ordering::Relaxed);
        });
        download_each(&files, &into.join("stopped"), &access)
    });
    assert_eq!(told(&files, &came), ["a came", "b not tried"]);
    assert!(matches!(came.ended, Some(FetchError::Cancelled)), "{came:?}");
}

#[test]
fn files_of_this_machine_are_copied() {
    let Some((folder, mut access)) = scratch() else { return };
    let root = HostPath::new(folder.path());
    std::fs::create_dir(root.join("archive").as_path()).expect("scratch");
    std::fs::write(root.join("archive/a~1+b").as_path(), body_of("a")).expect("scratch");
    let base = Address::new(&format!("file://{root}/archive")).expect("good");
    access.offline = true;
    let paths = download(&[wanted(&[base.join("a~1+b")], "a")], &root.join("in"), &access).expect("there");
    assert!(std::fs::symlink_metadata(paths[0].as_path()).expect("there").is_file());
    let error = download(&[wanted(&[base.join("b")], "b")], &root.join("in"), &access).unwrap_err();
    assert_eq!(error.to_string(), format!("the mirror no longer has `{base}/b`"));
    assert!(error.help().expect("help").to_string().contains("opb update"));
    // A folder where the file should be written.
    std::fs::create_dir_all(root.join("in/c").as_path()).expect("scratch");
    let error = download(&[wanted(&[base.join("a~1+b")], "c")], &root.join("in"), &access).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write what was downloaded to `{root}/in/c`"));
}

#[test]
fn offline_names_what_was_wanted() {
    let folder = tempfile::tempdir().expect("scratch");
    let access = Access { offline: true, ..Access::new(&NEVER) };
    let address = Address::new("https://u:p@a.example/x").expect("good");
    let error = download(&[wanted(&[address], "x")], &HostPath::new(folder.path()), &access).unwrap_err();
    assert_eq!(error.to_string(), "`https://a.example/x` is not on this machine, and the network is switched off");
}

#[test]
fn a_missing_helper_is_named() {
    let folder = tempfile::tempdir().expect("scratch");
    let access = Access { helper: HostPath::new("/nonexistent/apt-helper"), ..Access::new(&NEVER) };
    let address = Address::new("http://127.0.0.1:1/x").expect("good");
    let error = download(&[wanted(&[address], "x")], &HostPath::new(folder.path()), &access).unwrap_err();
    assert_eq!(error.to_string(), "cannot run `/nonexistent/apt-helper`, which downloads files");
    assert_eq!(error.help().expect("help").to_string(), "install apt");
}

#[test]
fn hostile_names_are_refused() {
    let folder = tempfile::tempdir().expect("scratch");
    let address = Address::new("http://127.0.0.1:1/x").expect("good");
    let get = |files: &[Wanted]| {
        download(files, &HostPath::new(folder.path()), &Access::new(&NEVER)).unwrap_err().to_string()
    };
    for name in ["", "..", "a/b", "/etc/passwd", "a\nb"] {
        assert_eq!(
            get(&[wanted(std::slice::from_ref(&address), name)]),
            format!("cannot download to `{name}`: it is no plain file name")
        );
    }
    let file = wanted(&[address], "x");
    assert_eq!(get(&[file.clone(), file]), "cannot download to `x`: two files have this name");
    assert_eq!(get(&[wanted(&[], "x")]), "cannot download to `x`: no address is known for it");
}

#[test]
fn lists_of_mirrors_are_followed() {
    let Some((folder, access)) = scratch() else { return };
    let (server, root) = (Server::start(), HostPath::new(folder.path()));
    std::fs::write(root.join("m.list").as_path(), "file:/srv/d\nhttp://a.example/d priority:1\n").expect("scratch");
    let of = |text: &str| Mirror { address: Address::new(text).expect("good"), stance: Stance::STRICT, named_in: None };
    let list = of(&format!("mirror+http://127.0.0.1:{}/list/x", server.port));
    let all = [of(&format!("mirror+file:{root}/m.list")), list.clone(), of("http://b.example/d")];
    let found = bases(&all, &root.join("in"), &access).expect("there");
    let shown: Vec<String> = found.iter().map(|mirror| mirror.address.to_string()).collect();
    // A list from a server does not lead to files of this machine.
    let own = format!("http://127.0.0.1:{}/ok", server.port);
    assert_eq!(shown, ["http://a.example/d", "file:/srv/d", &own, "http://b.example/d"]);
    let kept = bases(std::slice::from_ref(&list), &root.join("in"), &Access { offline: true, ..access }).expect("kept");
    assert_eq!(kept, [list]);
}
