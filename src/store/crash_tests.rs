//! Kills a child process at every fault point of a piece of work, and looks at what is left.
//!
//! The child is this test program itself, asked for the test [`workload`] only.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::realisations::{Realisation, Recorded};
use super::*;
use crate::digest::{Digest, Sha256};
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::name::{Arch, OutputName};

/// Says where the child's store is; without it the child's test does nothing.
pub(super) const FOLDER: &str = "OPB_CRASH_FOLDER";

fn key() -> ActionKey {
    ActionKey(Digest::of(b"key"))
}

fn fingerprint() -> Fingerprint {
    Fingerprint(Digest::of(b"fingerprint"))
}

fn realisation(outputs: Outputs) -> Realisation {
    Realisation {
        key: key(),
        node: "build:hello@debian-12/amd64".to_owned(),
        fingerprint: Some(fingerprint()),
        number: Some(1),
        outputs,
        derivation: "kind = build\n".to_owned(),
        log: Some(Digest::of(b"some log")),
        started: 1,
        milliseconds: 2,
        cpu_milliseconds: 3,
        peak_memory: 4,
        disk: 0,
        backend: "namespaces".to_owned(),
        host: "builder".to_owned(),
        kept: None,
    }
}

/// A result that nobody needs comes, and is collected while what a project needs stays.
fn come_and_go(folder: &std::path::Path) {
    let dead = ActionKey(Digest::of(b"dead"));
    let downloads = |_: &Realisation| Ok(Vec::new());
    {
        let store = Store::open(&HostPath::new(folder.join("store"))).expect("opens");
        let tree = store.put_tree(&crate::tree::Tree::default()).expect("stored");
        store.put_bytes(b"nobody's").expect("stored");
        let outputs = Outputs::from([("packages".parse().expect("a name"), tree)]);
        let node = "build:dead@debian-12/amd64".to_owned();
        let record = Realisation { key: dead, node, log: None, ..realisation(outputs) };
        store.record(&record).expect("recorded");
        let nodes = vec![("build:hello@debian-12/amd64".to_owned(), Some(key()))];
        let list = ProjectList { project: "/vendor".to_owned(), updated: 1, nodes };
        store.keep_project(&list).expect("kept");
        let pin = Pin { name: "p".parse().expect("a name"), project: String::new(), made: 1, nodes: Vec::new() };
        store.pin(&pin).expect("kept");
    }
    let store = Store::open(&HostPath::new(folder.join("store"))).expect("opens");
    let lock = store.begin_collection().expect("the only one");
    let mut marked = store.mark(Vec::new(), &downloads).expect("marks");
    let found = store.find_dead(&marked).expect("finds");
    store.collect(&lock, &mut marked, &found, i64::MAX, &downloads).expect("collects");
    assert_eq!(store.realisation(dead).expect("reads"), None);
}

/// What a build does with a store, once through. Safe to repeat.
pub(super) fn work(folder: &std::path::Path) {
    come_and_go(folder);
    let store = Store::open(&HostPath::new(folder.join("store"))).expect("opens");
    let _lock = store.lock_key(key(), &mut |_| ()).expect("locks");
    let ledger = store.ledger(&"debian-12".parse().expect("a name"), &"hello".parse().expect("a name"));
    let number = ledger.assign("2.10-3", &Arch::new("amd64").expect("a name"), fingerprint()).expect("a number");
    assert_eq!(number, 1);
    store.put_known_sha256(&mut &b"fetched"[..], Sha256::of(b"fetched"), 7).expect("stored");
    let input = Dir::open_ambient_dir(folder.join("in"), ambient_authority()).expect("opens");
    let tree = store.import_folder(&input, &ImportRules::default()).expect("imports");
    let digest = store.put_tree(&tree).expect("stored");
    store.put_log(&mut &b"some log"[..]).expect("stored");
    let outputs = Outputs::from([(OutputName::new("packages").expect("a name"), digest)]);
    let recorded = store.record(&realisation(outputs)).expect("recorded");
    assert!(matches!(recorded, Recorded::New | Recorded::Same), "{recorded:?}");
    let work = store.new_work().expect("made");
    work.dir().create_dir("root").expect("made");
    store.commit_root(key(), 0, &work, "root").expect("committed");
    failed::tests::come_and_go(&store);
    signed::tests::sign(&store);
    let channel = "nightly".parse().expect("a name");
    let (dir, path) = (store.channel_dir(&channel).expect("made"), store.channel_path(&channel));
    let _ = dir.create_dir("generation");
    write_atomically(&dir, &path, "file", b"content").expect("written");
    switch_link(&dir, &path, "current", "generation").expect("switched");
    runs::tests::one_run(&store);
}

#[test]
#[ignore = "the child of `killed_at_every_point`"]
fn workload() {
    if let Ok(folder) = std::env::var(FOLDER) {
        work(std::path::Path::new(&folder));
    }
}

/// Whatever refers to something refers to what is whole.
pub(super) fn check_nothing_half(folder: &std::path::Path, at: u64) {
    let store = Store::open(&HostPath::new(folder.join("store"))).expect("opens after a crash");
    if let Some(realisation) = store.realisation(key()).expect("reads") {
        for digest in realisation.outputs.values() {
            assert!(store.present(*digest).expect("reads"), "point {at}: a record without its outputs");
            for (_, object, size) in store.get_tree(*digest).expect("whole").files() {
                assert_eq!(store.read_object(object, size).expect("whole").len() as u64, size);
            }
        }
        assert!(store.read_log(realisation.log.expect("has one"), 100).is_ok(), "point {at}: a record without its log");
        assert!(store.outputs_of(&[key()]).expect("reads")[0].is_some(), "point {at}: the index hides a record");
        assert!(store.last_of_node(&realisation.node).is_ok());
    }
    if store.has_root(key(), 0) {
        assert!(store.root_path(key(), 0).as_path().is_dir());
    }
    failed::tests::check_whole(&store);
    signed::tests::check_whole(&store);
    if let Some((object, size)) = store.find_sha256(Sha256::of(b"fetched")).expect("reads") {
        assert_eq!(store.read_object(object, size).expect("whole"), b"fetched");
    }
    for id in store.runs().expect("reads") {
        // Not even its first line may be there; what is there is the beginning of what is written.
        let Some(run) = store.run(&id).expect("reads") else { continue };
        runs::tests::check_beginning(&run);
    }
    let notices = store.take_notices();
    let harmless = |notice: &Notice| matches!(notice, Notice::TornLedger(_) | Notice::IndexRebuilt);
    assert!(notices.iter().all(harmless), "point {at}: {notices:?}");
    let left: Vec<_> = std::fs::read_dir(folder.join("store/work")).expect("reads").collect();
    assert!(left.len() <= 1, "point {at}: the dead owner's work folders are still there: {left:?}");
}

/// In memory where the machine has such a file system: this is about the death of a process, which loses no writes, so
/// waiting for a disk shows nothing.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("made")
}

/// Has a child do the work in `folder` and die at its point `at`; the point's name, `None` where it came to its end before.
pub(super) fn killed_at(folder: &std::path::Path, at: u64) -> Option<String> {
    let input = folder.join("in/folder");
    std::fs::create_dir_all(&input).expect("made");
    for number in 0..20 {
        std::fs::write(input.join(number.to_string()), format!("file {number}")).expect("written");
    }
    let child = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", "store::crash_tests::workload", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(fault::VARIABLE, at.to_string())
        .output()
        .expect("runs");
    if child.status.success() {
        assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the child's test did not run");
        return None;
    }
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert_eq!(child.status.signal(), Some(libc::SIGKILL), "point {at}: {said}");
    let point = said.lines().find_map(|line| line.split_once("killed at "));
    Some(point.expect("it says where").1.to_owned())
}

#[test]
fn killed_at_every_point() {
    let mut points = Vec::new();
    for at in 1.. {
        let folder = folder();
        let Some(point) = killed_at(folder.path(), at) else { break };
        points.push(point);
        check_nothing_half(folder.path(), at);
        work(folder.path());
        check_nothing_half(folder.path(), at);
        assert!(folder.path().join("store/keep/pins/p.json").is_file());
    }
    assert!(points.len() > 60, "{points:?}");
    for name in [
        "layout-made",
        "temp-made",
        "temp-written",
        "temp-durable",
        "renamed",
        "linked",
        "folder-durable",
        "all-durable",
        "recorded",
        "indexed",
        "ledger-half-written",
        "ledger-written",
        "ledger-durable",
        "object-stored",
        "log-stored",
        "root-renamed",
        "file-written",
        "file-renamed",
        "link-made",
        "link-switched",
        "run-made",
        "run-half-written",
        "run-written",
        "run-durable",
        "work-made",
        "work-locked",
        "collected",
        "signed-recorded",
    ] {
        assert!(points.iter().any(|point| point == name), "no crash at `{name}`");
    }
}
