//! What is tried again within a run: faults of the network and of the disk, and nothing that is a build's own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use serde_json::Value;

use crate::full_disk::on_a_small_disk;
use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Space, space};

const INDEX: &str = "index:base@test-TAG/ARCH";

/// A mirror on the loopback interface. It ends with the test's process.
struct Mirror {
    port: u16,
    /// The status of all answers; 200: with the files of the archive.
    status: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
}

impl Mirror {
    fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let port = listener.local_addr().expect("bound").port();
        let (status, requests) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let mirror = Self { port, status: Arc::clone(&status), requests: Arc::clone(&requests) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(&stream, &folder, &status, &requests);
            }
        });
        mirror
    }

    fn says(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, status: &AtomicU16, requests: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while !lines.next().unwrap_or_else(|| Ok(String::new()))?.is_empty() {}
    requests.fetch_add(1, Ordering::SeqCst);
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (status, body) = match status.load(Ordering::SeqCst) {
        200 => fs::read(folder.join(path)).map_or_else(|_| (404, Vec::new()), |body| (200, body)),
        other => (other, Vec::new()),
    };
    let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

/// A project whose only distro is pinned and comes from a mirror.
fn mirrored(name: &str) -> Option<(Space, Mirror)> {
    let space = space(name)?;
    Tiny::PLAIN.with_recipe(&space, "");
    let mut archive = Archive::new(&space);
    // So that the index is no other test's.
    archive.add("extra", "1.0");
    archive.publish(Signed::Well);
    space.opb(&["update", "@test-TAG"]).fine();
    let mirror = Mirror::start(archive.path(""));
    let port = mirror.port;
    space.write("opb.toml", &format!("[mirrors]\ntest = \"http://127.0.0.1:{port}\"\n\n[channel.c-TAG]\n"));
    Some((space, mirror))
}

/// Builds the index, calling `seen` with each event; all events and the exit code.
fn events(space: &Space, mut seen: impl FnMut(&Value, u32)) -> (Vec<Value>, Option<i32>) {
    let mut command = space.command(&["build", INDEX, "--only", "--format", "jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let id = child.id();
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let all = lines.map(|line| {
        let event = serde_json::from_str(&line.expect("read")).expect("JSON");
        seen(&event, id);
        event
    });
    (all.collect(), child.wait().expect("ends").code())
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn a_mirror_that_comes_back_is_waited_for() {
    let Some((space, mirror)) = mirrored("comes-back") else { return };
    mirror.says(503);
    let mut failed = 0;
    let (all, code) = events(&space, |event, _| {
        failed += usize::from(event["event"] == "node-retried");
        if failed == 2 {
            mirror.says(200);
        }
    });
    assert_eq!(code, Some(0), "{all:?}");
    let again = named(&all, "node-retried");
    let told: Vec<_> = again.iter().map(|event| (&event["why"], &event["tries"], &event["most"])).collect();
    assert_eq!(told, [(&"network".into(), &1.into(), &4.into()), (&"network".into(), &2.into(), &4.into())]);
    let message = again[0]["message"].as_str().expect("text");
    assert!(message.starts_with("the server refused `http://127.0.0.1:") && message.contains(": 503 "), "{message}");
    assert_eq!((named(&all, "node-started").len(), named(&all, "node-done").len()), (1, 1));
    assert!(named(&all, "node-failed").is_empty(), "{all:?}");
    // It is on record.
    let runs: Value =
        serde_json::from_str(&space.opb(&["runs", "--all", "--format", "json"]).fine().out).expect("JSON");
    let ours = space.folder.display().to_string();
    let run = runs["runs"].as_array().expect("runs").iter().find(|run| run["project"] == ours).expect("ours");
    let shown = space.opb(&["runs", run["id"].as_str().expect("a name")]).fine().out;
    assert!(shown.lines().any(|line| line.contains(&space.own(INDEX)) && line.ends_with("tried 3 times")), "{shown}");
}

#[test]
fn what_a_mirror_does_not_have_is_not_waited_for() {
    let Some((space, mirror)) = mirrored("not-there") else { return };
    mirror.says(404);
    let (all, code) = events(&space, |_, _| ());
    assert_eq!((code, named(&all, "node-retried").len(), named(&all, "node-failed").len()), (Some(3), 0, 1), "{all:?}");
    // Nor is one that has something else than was promised.
    mirror.says(200);
    let index = space.folder.join("archive/dists/trial/main").join(space.own("binary-ARCH/Packages.gz"));
    let hashed = index.with_file_name("by-hash/SHA256");
    let files = [index.parent().expect("a folder").to_owned(), hashed].into_iter().filter(|folder| folder.is_dir());
    for file in files.flat_map(|folder| fs::read_dir(folder).expect("reads")).flatten().map(|entry| entry.path()) {
        if file.is_file() {
            let bytes = fs::read(&file).expect("reads");
            fs::write(&file, vec![b'x'; bytes.len()]).expect("written");
        }
    }
    let (all, code) = events(&space, |_, _| ());
    assert_eq!((code, named(&all, "node-retried").len(), named(&all, "node-failed").len()), (Some(3), 0, 1), "{all:?}");
}

#[test]
fn a_stop_ends_the_wait() {
    let Some((space, mirror)) = mirrored("stopped-wait") else { return };
    mirror.says(503);
    let mut asked = 0;
    let (all, code) = events(&space, |event, id| {
        if event["event"] == "node-retried" {
            asked = mirror.requests.load(Ordering::SeqCst);
            let id = nix::unistd::Pid::from_raw(i32::try_from(id).expect("a process"));
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("sent");
        }
    });
    assert_eq!(
        (code, named(&all, "node-retried").len(), named(&all, "node-stopped").len()),
        (Some(130), 1, 1),
        "{all:?}"
    );
    assert_eq!(mirror.requests.load(Ordering::SeqCst), asked, "nobody asked again");
}

#[test]
fn a_mirror_that_stays_away_is_given_up() {
    let Some((space, mirror)) = mirrored("stays-away") else { return };
    mirror.says(503);
    let failed = space.opb(&["build", INDEX, "--only"]).exits(3);
    let told = space.shown(&failed.err).replace(&mirror.port.to_string(), "PORT");
    let (again, end) = told.split_at(told.find("failed  ").expect("it fails"));
    let tries: Vec<&str> = again.lines().filter_map(|line| line.split(": the server refused").next()).collect();
    insta::assert_snapshot!(tries.join("\n"), @r"
    again   index:base@test-TAG/ARCH  in TIME, for try 2 of 4
    again   index:base@test-TAG/ARCH  in TIME, for try 3 of 4
    again   index:base@test-TAG/ARCH  in TIME, for try 4 of 4
    ");
    insta::assert_snapshot!(end, @r"
    failed  index:base@test-TAG/ARCH  TIME
    error   index:base@test-TAG/ARCH
      the server refused `http://127.0.0.1:PORT/dists/trial/main/binary-ARCH/by-hash/SHA256/DIGEST`: 503 Status [IP: 127.0.0.1 PORT]
      help: check apt's credentials and proxy for this server, or use another mirror
      tried 4 times
    0 nodes ran (0 package builds), 0 clean, 1 failed, in TIME
    saved nothing: nothing of it was there before
    ");
}

#[test]
fn a_failing_build_is_run_once() {
    let Some(space) = space("run-once") else { return };
    // Its log speaks of a full disk, which this one is not.
    for (name, why) in [("a", "of its own"), ("b", "No space left on device")] {
        let fill = format!("echo 'error: {why}' >&2; exit 1");
        Tiny { name, fill: &fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    }
    let ran = space.opb(&["build", "build:*-TAG@DISTRO/all", "--only"]);
    assert!(ran.code == Some(4) && ran.nodes("again").is_empty(), "{}", ran.err);
    assert_eq!(ran.nodes("failed").len(), 2, "{}", ran.err);
}

/// Builds two nodes at once on a disk that is too small for both.
const SCRIPT: &str = "code=0; \"$@\" --store \"$disk/store\" build -j2 2>&1 || code=$?
echo \"code: $code\"
\"$@\" --store \"$disk/store\" runs last --format json";

#[test]
fn who_found_no_room_is_tried_again_when_others_have_ended() {
    let Some(space) = space("no-room") else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can mount a small disk");
        return;
    }
    // Each keeps what it wrote for a while, in which the other has begun too; together they are too large.
    let fill = "head -c 60000000 /dev/zero > ../large; sleep 6; rm ../large; echo fits > $d/x";
    for name in ["a", "b"] {
        Tiny { name, fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    }
    space.opb(&["build", "--only", "source-package:*-TAG", "root:*-TAG@DISTRO/*"]).fine();
    let ran = on_a_small_disk(&space, 110, SCRIPT);
    let (told, record) = ran.out.split_once("code: 0\n").unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
    let again: Vec<&str> = told.lines().filter(|line| line.starts_with("again   build:")).collect();
    assert!(
        !again.is_empty() && again.iter().all(|line| line.contains("  once there is more room, for try ")),
        "{told}"
    );
    assert!(!told.contains("failed  "), "{told}");
    let record: Value = serde_json::from_str(record).expect("JSON");
    let nodes = record["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|node| node["tries"].as_u64() >= Some(2) && node["outcome"] == "built"), "{record}");
}
