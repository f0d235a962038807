//! Every file of a store damaged in every way: what is wrong is named, and mended.

use std::path::PathBuf;

use opb::store::verify::{Finding, Flaw, Part, Repaired, Verified};
use opb::store::{Known, Pin, ProjectList};

use super::*;

const NODE: &str = "build:libmd@debian-12/amd64";

/// Of every result the same component, whose ledger is `libmd`'s.
fn number_of(result: &Realisation) -> Option<Known> {
    Some(Known {
        distro: "debian-12".parse().expect("a name"),
        component: "libmd".parse().expect("a name"),
        version: "1".to_owned(),
        arch: arch("amd64"),
        fingerprint: result.fingerprint?,
        number: result.number?,
        equivalent: false,
    })
}

/// Two results, of which one is another node's, a download, a failure, a list, a pin, a ledger and a run's scratch.
fn filled(space: &Space) {
    let store = space.open();
    let large = vec![3; 17 << 20];
    for (name, node) in [("a", NODE), ("b", "source:b")] {
        let mut tree = Tree::default();
        let contents = [("same", b"in both".as_slice()), ("own", name.as_bytes()), ("large", large.as_slice())];
        for (path, bytes) in contents.into_iter().filter(|(path, _)| *path != "large" || name == "a") {
            let digest = store.put_bytes(bytes).expect("stored");
            let entry = Entry::File { digest, size: bytes.len() as u64, executable: false };
            tree.insert(path.parse().expect("a path"), entry).expect("inserted");
        }
        let outputs =
            Outputs::from([(OutputName::new("packages").expect("a name"), store.put_tree(&tree).expect("stored"))]);
        let log = store.put_log(&mut format!("log of {name}").as_bytes()).expect("stored");
        let number =
            (name == "a").then(|| ledger(&store).assign("1", &arch("amd64"), fingerprint("a")).expect("assigned"));
        let fingerprint = number.map(|_| fingerprint("a"));
        let record =
            Realisation { node: node.to_owned(), outputs, log: Some(log), number, fingerprint, ..realisation(name, 5) };
        store.record(&record).expect("recorded");
    }
    store.put_known_sha256(&mut &b"fetched"[..], Sha256::of(b"fetched"), 7).expect("stored");
    let nodes = vec![(NODE.to_owned(), Some(key("a"))), ("source:b".to_owned(), Some(key("b")))];
    store.keep_project(&ProjectList { project: "/vendor".to_owned(), updated: 1, nodes }).expect("kept");
    store
        .pin(&Pin { name: "p".parse().expect("a name"), project: String::new(), made: 1, nodes: vec![] })
        .expect("kept");
    let attempt = Attempt {
        key: key("failed"),
        node: "build:c@debian-12/amd64".to_owned(),
        fingerprint: None,
        cause: Cause::Build,
        log: None,
        started: 1,
        milliseconds: 1,
        message: "no".to_owned(),
        tries: 1,
        limit: None,
    };
    store.record_attempt(&attempt).expect("recorded");
}

fn verify(space: &Space) -> Verified {
    space.open().verify(2, &number_of).expect("verifies")
}

fn repair(space: &Space, findings: &[Finding]) -> Repaired {
    space.open().repair(findings, &|_| false, &number_of).expect("repairs")
}

/// All files of the store, relative to it, but for what only live processes have.
fn files(space: &Space) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![space.path("store")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("reads") {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(space.path("store")).expect("below").to_owned());
            }
        }
    }
    found.retain(|path| !path.starts_with("locks") && !path.starts_with("work"));
    found.sort();
    found
}

#[test]
fn a_sound_store_has_no_flaws() {
    let space = Space::new();
    filled(&space);
    let verified = verify(&space);
    assert_eq!(verified.findings, []);
    assert_eq!(verified.unknown, [""; 0]);
    let counts: Vec<u64> = verified.checked.values().map(|amount| amount.count).collect();
    // Objects: `in both`, `a`, `b`, the large one, the download.
    assert_eq!(counts, [5, 2, 2, 2], "{:?}", verified.checked);
}

#[test]
fn whatever_is_damaged_is_named_and_mended() {
    let space = Space::new();
    filled(&space);
    let sound = space.path("sound");
    assert!(Command::new("cp").arg("-a").arg(space.path("store")).arg(&sound).status().expect("runs").success());
    let mut named = std::collections::BTreeSet::new();
    for file in files(&space) {
        for damage in ["gone", "empty", "half", "flipped"] {
            let path = space.path("store").join(&file);
            let mut bytes = fs::read(&path).expect("reads");
            if bytes.is_empty() {
                continue;
            }
            fs::remove_file(&path).expect("removed");
            let middle = bytes.len() / 2;
            match damage {
                "gone" => {}
                "empty" => fs::write(&path, b"").expect("written"),
                "half" => fs::write(&path, &bytes[..middle]).expect("written"),
                _ => {
                    bytes[middle] ^= 1;
                    fs::write(&path, bytes).expect("written");
                }
            }
            let what = format!("{} {damage}", file.display());
            if file == Path::new("format") {
                // A store without it is none, and a folder with all else of a store is made one again.
                if let Err(error) = Store::open(&space.host()) {
                    assert!(shown(&error).contains("opb store 2"), "{what}: {error}");
                    fs::write(&path, "opb store 2\n").expect("written");
                }
            }
            let verified = verify(&space);
            for finding in &verified.findings {
                named.insert((finding.part, finding.flaw));
                assert!(
                    finding.place == file.to_str().expect("text") || !finding.affects.is_empty(),
                    "{what}: {finding:?}"
                );
            }
            let is_named = verified.findings.iter().any(|finding| Path::new(&finding.place) == file);
            assert_eq!(is_named, must_be_named(&file, damage), "{what}: {:?}", verified.findings);
            let repaired = repair(&space, &verified.findings);
            assert_eq!(verify(&space).findings, [], "{what}: after {repaired:?}");
            let store = space.open();
            for name in ["a", "b"] {
                if let Some(found) = store.realisation(key(name)).expect("reads") {
                    let whole = found.outputs.values().all(|digest| {
                        store.get_tree(*digest).is_ok_and(|tree| {
                            tree.files().all(|(_, object, size)| store.read_object(object, size).is_ok())
                        })
                    });
                    assert!(whole, "{what}: {name} is there by half");
                } else {
                    let forgotten = repaired.forgotten.iter().any(|(_, forgotten)| *forgotten == key(name));
                    assert!(forgotten || file.starts_with("realised"), "{what}: {name} is gone for nothing");
                }
            }
            // Never another number for what bears one, nor the same for something else.
            let number = |text: &str| ledger(&store).number_of("1", &arch("amd64"), fingerprint(text)).expect("reads");
            if store.realisation(key("a")).expect("reads").is_some() {
                assert_eq!(number("a"), Some(1), "{what}");
            }
            drop(store);
            fs::remove_dir_all(space.path("store")).expect("removed");
            assert!(
                Command::new("cp").arg("-a").arg(&sound).arg(space.path("store")).status().expect("runs").success()
            );
        }
    }
    let parts: std::collections::BTreeSet<Part> = named.iter().map(|(part, _)| *part).collect();
    let all = [
        Part::Object,
        Part::Tree,
        Part::Log,
        Part::Realisation,
        Part::Attempt,
        Part::Ledger,
        Part::ProjectList,
        Part::Pin,
    ];
    assert!(all.iter().all(|part| parts.contains(part)), "{named:?}");
}

/// What a store cannot be without, or that is there and wrong.
fn must_be_named(file: &Path, damage: &str) -> bool {
    let top = file.iter().next().and_then(|top| top.to_str()).expect("text");
    match top {
        // Nobody misses a download, a failure, a list or a pin that is not there.
        "objects" => damage != "gone" || !is_download(file),
        "attempts" | "keep" => damage != "gone",
        // A result that is not there was never made. Its index is made anew from what is.
        "realised" => damage != "gone",
        // An end that was torn off is no damage in itself; but the number that a result bears is not known then.
        "trees" | "log" | "ledger" => true,
        // Made anew by themselves, or only a memory of what was fetched.
        "format" | "index.sqlite" | "index.sqlite-wal" | "index.sqlite-shm" | "sha256" | "runs" => false,
        other => panic!("{other}: is it to be named?"),
    }
}

fn is_download(file: &Path) -> bool {
    let digest: String = file.iter().skip(1).map(|part| part.to_str().expect("text")).collect();
    digest == Digest::of(b"fetched").to_string()
}

#[test]
fn what_can_be_fetched_is_fetched() {
    let space = Space::new();
    filled(&space);
    let own = Digest::of(b"a").to_string();
    let path = space.path("store/objects").join(&own[..2]).join(&own[2..]);
    fs::remove_file(&path).expect("removed");
    let found = verify(&space).findings;
    let place = format!("objects/{}/{}", &own[..2], &own[2..]);
    assert_eq!(
        found,
        [Finding { part: Part::Object, flaw: Flaw::Missing, place, affects: vec![(NODE.to_owned(), key("a"))] }]
    );
    let store = space.open();
    let fetch = |result: &Realisation| {
        assert_eq!(result.key, key("a"));
        space.open().put_bytes(b"a").is_ok()
    };
    let repaired = store.repair(&found, &fetch, &number_of).expect("repairs");
    assert_eq!(repaired, Repaired { restored: vec![(NODE.to_owned(), key("a"))], ..Repaired::default() });
    assert!(store.realisation(key("a")).expect("reads").is_some());
    assert_eq!(verify(&space).findings, []);
    // Somebody who says that they have it, and does not.
    fs::remove_file(&path).expect("removed");
    let repaired = store.repair(&verify(&space).findings, &|_| true, &number_of).expect("repairs");
    assert_eq!(repaired.forgotten, [(NODE.to_owned(), key("a"))]);
}

#[test]
fn results_from_elsewhere_need_not_be_here() {
    let space = Space::new();
    let store = space.open();
    store.note_elsewhere(&[key("far")]).expect("noted");
    store.record(&Realisation { number: None, ..realisation("far", 1) }).expect("recorded");
    store.record(&Realisation { number: None, ..realisation("near", 1) }).expect("recorded");
    let verified = verify(&space);
    assert_eq!(verified.elsewhere, 1);
    let affected: Vec<ActionKey> =
        verified.findings.iter().flat_map(|found| &found.affects).map(|(_, key)| *key).collect();
    assert_eq!(affected, [key("near")]);
}

#[test]
fn a_ledger_that_was_lost_is_known_from_results_before_a_number_is_given() {
    let space = Space::new();
    filled(&space);
    fs::remove_dir_all(space.path("store/ledger")).expect("removed");
    let store = space.open();
    let record = store.realisation(key("a")).expect("reads").expect("there");
    let known = number_of(&record).expect("bears one");
    ledger(&store).recover(std::slice::from_ref(&known)).expect("recovered");
    let assign = |text: &str| ledger(&store).assign("1", &arch("amd64"), fingerprint(text)).expect("assigned");
    assert_eq!((assign("a"), assign("b")), (1, 2));
    let lines = || fs::read_to_string(space.path("store/ledger/debian-12/libmd.jsonl")).expect("reads").lines().count();
    let before = lines();
    ledger(&store).recover(&[known]).expect("recovered");
    assert_eq!(lines(), before, "what is known is not written again");
    // One that was forgotten is used up.
    ledger(&store).release("1", &arch("amd64"), fingerprint("b"), Released::Forgotten).expect("released");
    assert_eq!(ledger(&store).number_of("1", &arch("amd64"), fingerprint("b")).expect("reads"), None);
    assert_eq!(assign("b"), 3);
}
