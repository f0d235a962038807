//! Realisations, attempts, logs, and the index.

use super::*;

#[test]
fn the_first_realisation_wins() {
    let space = Space::new();
    let store = space.open();
    let first = realisation("a", 10);
    assert_eq!(store.record(&first).expect("recorded"), Recorded::New);
    assert_eq!(store.record(&Realisation { started: 20, ..first.clone() }).expect("recorded"), Recorded::Same);
    let other = Realisation { outputs: realisation("b", 1).outputs, ..first.clone() };
    assert_eq!(store.record(&other).expect("recorded"), Recorded::Differs(Box::new(first.clone())));
    assert_eq!(store.realised(&[key("a"), key("b")]).expect("reads"), [Some(first.clone()), None]);
    assert_eq!(store.outputs_of(&[key("b"), key("a")]).expect("reads"), [None, Some(first.outputs.clone())]);
    assert!(store.forget(key("a")).expect("removed"));
    assert!(!store.forget(key("a")).expect("removed"));
    assert_eq!(store.outputs_of(&[key("a")]).expect("reads"), [None]);
    assert_eq!(store.record(&other).expect("recorded"), Recorded::New);
}

#[test]
fn what_a_result_took_is_known_with_its_outputs() {
    let space = Space::new();
    let took = |milliseconds| Realisation { milliseconds, cpu_milliseconds: 7, ..realisation("a", 10) };
    let store = space.open();
    // More than a row can hold.
    store.record(&took(u64::MAX)).expect("recorded");
    store.record(&Realisation { key: key("b"), ..took(5) }).expect("recorded");
    let of = |store: &Store| -> Vec<Option<(u64, u64)>> {
        let found = store.results_of(&[key("a"), key("c"), key("b")]).expect("reads");
        found.into_iter().map(|found| found.map(|(_, cost)| (cost.milliseconds, cost.cpu_milliseconds))).collect()
    };
    let expected = [Some((u64::MAX / 2, 7)), None, Some((5, 7))];
    assert_eq!(of(&store), expected);
    drop(store);
    // An index of the version before, which did not have these columns, is made anew.
    let index = rusqlite::Connection::open(space.path("store/index.sqlite")).expect("opens");
    let before =
        "ALTER TABLE realisation DROP COLUMN milliseconds; ALTER TABLE realisation DROP COLUMN cpu_milliseconds;
                  PRAGMA user_version = 1;";
    index.execute_batch(before).expect("changed");
    drop(index);
    let store = space.open();
    assert_eq!(of(&store), expected);
    assert!(store.take_notices().iter().any(|notice| matches!(notice, Notice::IndexRebuilt)));
}

#[test]
fn a_node_has_a_history() {
    let space = Space::new();
    let store = space.open();
    assert_eq!(store.last_of_node("build:hello@debian-12/amd64").expect("reads"), None);
    for (name, started) in [("a", 10), ("c", 30), ("b", 20)] {
        store.record(&realisation(name, started)).expect("recorded");
    }
    let names = |store: &Store| {
        let history = store.history_of_node("build:hello@debian-12/amd64").expect("reads");
        history.into_iter().map(|realisation| realisation.started).collect::<Vec<_>>()
    };
    assert_eq!(names(&store), [30, 20, 10]);
    assert_eq!(store.last_of_node("build:hello@debian-12/amd64").expect("reads"), Some(realisation("c", 30)));
    // Another process wrote, and one was deleted by hand under the index.
    space.open().record(&realisation("d", 40)).expect("recorded");
    assert_eq!(names(&store), [40, 30, 20, 10]);
    fs::remove_file(record_file(&store, key("d"))).expect("removed");
    assert_eq!(names(&store), [30, 20, 10]);
}

#[test]
fn a_deleted_record_is_noticed_by_the_next_process() {
    let space = Space::new();
    let store = space.open();
    for name in ["a", "b"] {
        store.record(&realisation(name, 1)).expect("recorded");
    }
    fs::remove_file(record_file(&store, key("a"))).expect("removed");
    drop(store);
    let store = space.open();
    let found = store.outputs_of(&[key("a"), key("b")]).expect("reads");
    assert_eq!((found[0].is_some(), found[1].is_some()), (false, true));
    assert_eq!(store.take_notices(), []);
}

#[test]
fn a_lost_or_damaged_index_is_rebuilt() {
    let space = Space::new();
    let store = space.open();
    let names: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    for name in &names {
        store.record(&realisation(name, 1)).expect("recorded");
    }
    let keys: Vec<ActionKey> = names.iter().map(|name| key(name)).collect();
    drop(store);
    let index = space.path("store/index.sqlite");
    let remove = || {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(space.path(&format!("store/index.sqlite{ending}")));
        }
    };
    let damages: [(&str, &dyn Fn()); 5] = [
        ("lost", &remove),
        ("garbage", &|| fs::write(&index, "garbage".repeat(5_000)).expect("written")),
        ("empty", &|| fs::write(&index, "").expect("written")),
        ("cut", &|| {
            let bytes = fs::read(&index).expect("reads");
            fs::write(&index, &bytes[..bytes.len() / 2 / 4096 * 4096]).expect("written");
        }),
        ("overwritten in the middle", &|| {
            let mut bytes = fs::read(&index).expect("reads");
            bytes[4096..].fill(0xa5);
            fs::write(&index, bytes).expect("written");
        }),
    ];
    for (name, damage) in damages {
        damage();
        let store = space.open();
        let found = store.outputs_of(&keys).expect("reads");
        assert!(found.iter().all(Option::is_some), "{name}");
        assert_eq!(store.history_of_node("build:hello@debian-12/amd64").expect("reads").len(), 300, "{name}");
        assert_eq!(store.take_notices(), [Notice::IndexRebuilt], "{name}");
    }
    // An index of which nothing can be made: one in memory answers.
    remove();
    fs::create_dir(&index).expect("made");
    let store = space.open();
    assert!(store.outputs_of(&keys).expect("reads").iter().all(Option::is_some));
    assert!(matches!(store.take_notices()[..], [Notice::IndexInMemory { .. }, Notice::IndexRebuilt]));
}

#[test]
fn a_damaged_realisation_is_absent_and_reported() {
    let space = Space::new();
    let store = space.open();
    store.record(&realisation("a", 1)).expect("recorded");
    let file = record_file(&store, key("a"));
    let bytes = fs::read(&file).expect("reads");
    let mut flipped = bytes.clone();
    let at = bytes.windows(8).position(|part| part == b"packages").expect("there") + 13;
    flipped[at] = if flipped[at] == b'0' { b'1' } else { b'0' };
    for damaged in [&bytes[..bytes.len() / 2], b"", &flipped] {
        fs::write(&file, damaged).expect("written");
        assert_eq!(store.realisation(key("a")).expect("reads"), None);
        assert_eq!(store.take_notices(), [Notice::DamagedRecord(HostPath::new(&file))]);
    }
    // What is there under another name is not that key's either.
    fs::create_dir_all(record_file(&store, key("b")).parent().expect("has one")).expect("made");
    fs::write(record_file(&store, key("b")), &bytes).expect("written");
    assert_eq!(store.realisation(key("b")).expect("reads"), None);
    // And a new result replaces it.
    assert_eq!(store.record(&realisation("a", 2)).expect("recorded"), Recorded::New);
    assert_eq!(store.realisation(key("a")).expect("reads"), Some(realisation("a", 2)));
}

#[test]
fn attempts_are_remembered_until_forgotten() {
    let space = Space::new();
    let store = space.open();
    let attempt = Attempt {
        key: key("a"),
        node: "build:hello@debian-12/amd64".to_owned(),
        fingerprint: None,
        cause: Cause::Build,
        log: Some(Digest::of(b"log")),
        started: 5,
        milliseconds: 6,
        message: "it failed".to_owned(),
        tries: 1,
        limit: None,
    };
    let last = || store.last_attempt_of_node("build:hello@debian-12/amd64").expect("reads");
    assert_eq!(last(), None);
    store.record_attempt(&attempt).expect("written");
    let later = Attempt { key: key("b"), started: 9, cause: Cause::Environment, ..attempt };
    store.record_attempt(&later).expect("written");
    assert_eq!(last(), Some(later));
    assert!(store.forget_attempt("build:hello@debian-12/amd64").expect("removed"));
    assert_eq!(last(), None);
}

#[test]
fn only_the_same_step_that_was_itself_at_fault_failed_before() {
    let space = Space::new();
    let store = space.open();
    let [this, other] = ["this", "other"].map(|step| Fingerprint(Digest::of(step.as_bytes())));
    let failed = |cause, fingerprint| {
        let (node, message) = ("build:hello@debian-12/amd64".to_owned(), "it failed".to_owned());
        let (key, log) = (key("a"), None);
        let attempt =
            Attempt { key, node, fingerprint, cause, log, started: 5, milliseconds: 6, message, tries: 1, limit: None };
        store.record_attempt(&attempt).expect("written");
        store.failed_before("build:hello@debian-12/amd64", this).expect("reads").is_some()
    };
    assert!(failed(Cause::Build, Some(this)));
    assert!(!failed(Cause::Build, Some(other)));
    assert!(!failed(Cause::Build, None), "an older program did not say what it tried");
    for cause in [Cause::Environment, Cause::Input, Cause::Bug] {
        assert!(!failed(cause, Some(this)), "{cause:?} says nothing of the next try");
    }
}

#[test]
fn logs_come_back() {
    let space = Space::new();
    let store = space.open();
    let text = "a line of a log\n".repeat(10_000);
    let digest = store.put_log(&mut text.as_bytes()).expect("stored");
    assert_eq!(digest, Digest::of(text.as_bytes()));
    assert_eq!(store.read_log(digest, 1 << 20).expect("there"), text.as_bytes());
    let file = space.path(&format!("store/log/{digest}.zst"));
    assert!(fs::metadata(&file).expect("there").len() < 2_000);
    let mut start = [0; 6];
    store.open_log(digest).expect("there").read_exact(&mut start).expect("reads");
    assert_eq!(&start, b"a line");
    assert!(matches!(store.read_log(digest, 100), Err(StoreError::TooLarge { .. })));
    fs::write(&file, "garbage").expect("written");
    assert!(matches!(store.read_log(digest, 100), Err(StoreError::Altered { what: "log", .. })));
    assert!(matches!(store.read_log(Digest::of(b""), 100), Err(StoreError::Missing { what: "log", .. })));
}

#[test]
fn an_index_that_fails_in_every_way_is_our_bug() {
    let source = rusqlite::Error::InvalidQuery;
    let error = StoreError::Index { path: HostPath::new("/store"), source };
    assert_eq!(error.fault(), Cause::Bug);
    assert_eq!(
        shown(&error),
        "the index of the store `/store` fails: Query is not read-only | report this as a bug, with the cause"
    );
}

#[test]
fn a_torn_note_of_what_came_from_elsewhere_costs_no_other() {
    let space = Space::new();
    let store = space.open();
    store.note_elsewhere(&[key("a"), key("b")]).expect("noted");
    let file = space.path("store").join("elsewhere");
    let bytes = fs::read(&file).expect("there");
    // A crash came in the middle of the second.
    fs::write(&file, &bytes[..45]).expect("written");
    store.note_elsewhere(&[key("c"), key("d")]).expect("noted");
    let noted = ["a", "b", "c", "d"].map(|name| store.is_from_elsewhere(key(name)).expect("reads"));
    assert_eq!(noted, [true, false, true, true]);
    store.not_elsewhere(key("c")).expect("noted");
    let noted = ["a", "c", "d"].map(|name| store.is_from_elsewhere(key(name)).expect("reads"));
    assert_eq!(noted, [true, false, true]);
}

#[test]
fn what_has_come_is_owed_no_more() {
    let space = Space::new();
    let store = space.open();
    let here = store.put_tree(&Tree::default()).expect("put");
    let outputs = Outputs::from([(OutputName::new("packages").expect("a name"), here)]);
    store.record(&Realisation { outputs, ..realisation("here", 1) }).expect("recorded");
    store.record(&realisation("absent", 1)).expect("recorded");
    store.owe([key("here"), key("absent"), key("forgotten")]).expect("noted");
    opb::exec::settle_owed(&store).expect("settled");
    assert_eq!(store.owed(), [key("absent")].into());
}
