//! What a collection takes, and what it never does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use opb::store::collect::{Amount, Collected, Keeper, Kind, Reason};
use opb::store::{Pin, ProjectList, Rival, Used};

use super::*;

/// A result with two files, of which `shared` also has one.
fn built(store: &Store, name: &str, started: i64) -> ActionKey {
    let (own, shared) = (format!("own of {name}"), "in all of them");
    let file = |text: &str| {
        let digest = store.put_bytes(text.as_bytes()).expect("stored");
        Entry::File { digest, size: text.len() as u64, executable: false }
    };
    let mut tree = Tree::default();
    tree.insert("own".parse().expect("a path"), file(&own)).expect("inserted");
    tree.insert("shared".parse().expect("a path"), file(shared)).expect("inserted");
    let digest = store.put_tree(&tree).expect("stored");
    let log = store.put_log(&mut format!("log of {name}").as_bytes()).expect("stored");
    let outputs = Outputs::from([(OutputName::new("packages").expect("a name"), digest)]);
    let node = format!("build:{name}@debian-12/amd64");
    let record = Realisation { node, outputs, log: Some(log), milliseconds: 0, ..realisation(name, started) };
    store.record(&record).expect("recorded");
    record.key
}

/// Whether all of a result is there.
fn is_whole(store: &Store, name: &str) -> bool {
    let Some(found) = store.realisation(key(name)).expect("reads") else { return false };
    let outputs = found.outputs.values().all(|digest| store.present(*digest).expect("reads"));
    outputs && store.read_log(found.log.expect("has one"), 1000).is_ok()
}

fn list(nodes: &[&str], updated: i64) -> ProjectList {
    let node = |name: &&str| (format!("build:{name}@debian-12/amd64"), Some(key(name)));
    ProjectList { project: "/home/builder/vendor".to_owned(), updated, nodes: nodes.iter().map(node).collect() }
}

/// A collection up to `until`, by a process of its own as it were.
pub(super) fn collect(store: &Store, until: i64) -> Collected {
    let none = |_: &Realisation| Ok(Vec::new());
    let lock = store.begin_collection().expect("the only one");
    let mut marked = store.mark(Vec::new(), &none).expect("marks");
    let dead = store.find_dead(&marked).expect("finds");
    store.collect(&lock, &mut marked, &dead, until, &none).expect("collects")
}

pub(super) const NOW: i64 = i64::MAX;

fn bytes_in(space: &Space, folder: &str) -> usize {
    let mut count = 0;
    for shard in fs::read_dir(space.path("store").join(folder)).expect("reads") {
        count += fs::read_dir(shard.expect("reads").path()).map_or(1, Iterator::count);
    }
    count
}

#[test]
fn what_a_project_needs_stays_and_the_rest_goes() {
    let space = Space::new();
    {
        let store = space.open();
        for (name, started) in [("a", 100), ("b", 200), ("c", 300)] {
            built(&store, name, started);
        }
        store.keep_project(&list(&["a", "b", "c"], 1000)).expect("kept");
        // What was needed until 2000.
        store.keep_project(&list(&["a"], 2000)).expect("kept");
    }
    let store = space.open();
    let none = |_: &Realisation| Ok(Vec::new());
    let marked = store.mark(Vec::new(), &none).expect("marks");
    let reason = marked.key(key("a")).expect("kept");
    assert_eq!(reason.to_string(), "current: build:a@debian-12/amd64 of /home/builder/vendor");
    assert_eq!((marked.key(key("b")), marked.key(key("c"))), (None, None));
    assert!(collect(&store, 1999).values().all(|amount| amount.count == 0), "dead for not long enough");
    assert!(["a", "b", "c"].iter().all(|name| is_whole(&store, name)));

    let gone = collect(&store, 2000);
    let counts: Vec<(Kind, u64)> = gone.iter().map(|(kind, amount)| (*kind, amount.count)).collect();
    assert_eq!(counts, [(Kind::Object, 2), (Kind::Tree, 2), (Kind::Log, 2), (Kind::Realisation, 2)]);
    assert_eq!(gone[&Kind::Object].bytes, 2 * "own of b".len() as u64);
    assert!(is_whole(&store, "a"));
    for name in ["b", "c"] {
        assert_eq!(store.realisation(key(name)).expect("reads"), None);
        assert_eq!(store.outputs_of(&[key(name)]).expect("reads"), [None], "the index has it");
    }
    assert_eq!((bytes_in(&space, "objects"), bytes_in(&space, "trees")), (2, 1));
    assert!(collect(&store, 2000).values().all(|amount| *amount == Amount::default()), "there is nothing more");
}

#[test]
fn the_last_good_result_stays_though_the_key_is_another() {
    let space = Space::new();
    {
        let store = space.open();
        built(&store, "a", 100);
        let node = "build:a@debian-12/amd64".to_owned();
        // The node is listed with a key that nothing was ever made of.
        let nodes = vec![(node, Some(key("failing")))];
        store.keep_project(&ProjectList { nodes, ..list(&[], 1000) }).expect("kept");
    }
    let store = space.open();
    let marked = store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marks");
    assert_eq!(marked.key(key("a")).map(|reason| reason.keeper), Some(Keeper::LastGood));
    collect(&store, NOW);
    assert!(is_whole(&store, "a"));
}

#[test]
fn pins_roots_of_others_and_results_kept_for_equal_ones_stay() {
    let space = Space::new();
    let tree = {
        let store = space.open();
        for name in ["first", "pinned", "published", "loose"] {
            built(&store, name, 100);
        }
        let published = store.realisation(key("published")).expect("reads").expect("there");
        let pinned = store.realisation(key("pinned")).expect("reads").expect("there");
        // Its outputs are those of an earlier one, whose number is in them.
        let equal = Realisation { key: key("equal"), kept: Some(key("first")), ..pinned };
        store.record(&equal).expect("recorded");
        let nodes = vec![("build:pinned@debian-12/amd64".to_owned(), key("pinned")), (String::new(), key("equal"))];
        let pin = Pin { name: "spring".parse().expect("a name"), project: "p".to_owned(), made: 5, nodes };
        store.pin(&pin).expect("kept");
        assert_eq!(store.pins().expect("reads"), [pin]);
        *published.outputs.values().next().expect("has one")
    };
    let store = space.open();
    let none = |_: &Realisation| Ok(Vec::new());
    let reason = Reason { keeper: Keeper::Generation, of: "nightly".to_owned(), what: "generation 3".to_owned() };
    let lock = store.begin_collection().expect("the only one");
    let mut marked = store.mark(vec![(reason.clone(), Used::Tree(tree))], &none).expect("marks");
    assert_eq!(marked.tree(tree), Some(&reason));
    let dead = store.find_dead(&marked).expect("finds");
    store.collect(&lock, &mut marked, &dead, NOW, &none).expect("collects");
    drop(lock);
    assert!(store.present(tree).expect("reads"), "what is published");
    assert!(is_whole(&store, "pinned") && is_whole(&store, "first") && !is_whole(&store, "loose"));
    assert!(store.drop_pin(&"spring".parse().expect("a name")).expect("dropped"));
    collect(&store, NOW);
    assert!(!is_whole(&store, "pinned") && !is_whole(&store, "first"));
    assert_eq!(bytes_in(&space, "trees"), 0);
}

#[test]
fn downloads_that_a_result_stands_for_stay() {
    let space = Space::new();
    let (wanted, other) = (Sha256::of(b"wanted"), Sha256::of(b"other"));
    {
        let store = space.open();
        store.put_known_sha256(&mut &b"wanted"[..], wanted, 6).expect("stored");
        store.put_known_sha256(&mut &b"other"[..], other, 5).expect("stored");
        built(&store, "list", 1);
        store.keep_project(&list(&["list"], 1)).expect("kept");
    }
    {
        let store = space.open();
        let downloads = |found: &Realisation| Ok(if found.key == key("list") { vec![wanted] } else { Vec::new() });
        let lock = store.begin_collection().expect("the only one");
        let mut marked = store.mark(Vec::new(), &downloads).expect("marks");
        let dead = store.find_dead(&marked).expect("finds");
        store.collect(&lock, &mut marked, &dead, NOW, &downloads).expect("collects");
    }
    let store = space.open();
    assert!(store.find_sha256(wanted).expect("reads").is_some());
    assert!(store.find_sha256(other).expect("reads").is_none());
    assert_eq!(bytes_in(&space, "sha256"), 1, "the record of a file that is gone goes too");
}

#[test]
fn what_a_live_process_uses_stays_until_it_ends() {
    let space = Space::new();
    for name in ["old", "older"] {
        built(&space.open(), name, 1);
    }
    let collector = space.open();
    let user = space.open();
    let tree = |name: &str| {
        let found = collector.realisation(key(name)).expect("reads").expect("there");
        *found.outputs.values().next().expect("has one")
    };
    let none = |_: &Realisation| Ok(Vec::new());
    let lock = collector.begin_collection().expect("the only one");
    let mut marked = collector.mark(Vec::new(), &none).expect("marks");
    let dead = collector.find_dead(&marked).expect("finds");
    // Between the marking and the removal somebody begins to use one result by its key and a tree of another.
    user.uses(&[Used::Key(key("old"))]).expect("said");
    let held = tree("older");
    assert!(user.hold(held).expect("reads"));
    collector.collect(&lock, &mut marked, &dead, NOW, &none).expect("collects");
    drop(lock);
    assert!(is_whole(&collector, "old"));
    assert!(collector.present(held).expect("reads") && !is_whole(&collector, "older"), "the tree alone");
    // Storing something that is there is using it.
    let file = user.put_bytes(b"in all of them").expect("stored");
    assert_eq!(
        collector.mark(Vec::new(), &none).expect("marks").object(file).map(ToString::to_string).as_deref(),
        Some("in use by a process that runs")
    );
    drop(user);
    collect(&collector, NOW);
    assert!(!is_whole(&collector, "old") && !collector.present(held).expect("reads"));
}

#[test]
fn what_a_process_leaves_that_ended_during_a_collection_stays() {
    let space = Space::new();
    built(&space.open(), "old", 1);
    let collector = space.open();
    let none = |_: &Realisation| Ok(Vec::new());
    let lock = collector.begin_collection().expect("the only one");
    assert!(matches!(space.open().begin_collection(), Err(StoreError::Collecting { .. })));
    let mut marked = collector.mark(Vec::new(), &none).expect("marks");
    let dead = collector.find_dead(&marked).expect("finds");
    // Whole lives, after the lists were read: of one that ends in order, and of one that is killed.
    {
        let store = space.open();
        built(&store, "old", 1);
        built(&store, "new", 2);
        store.keep_project(&list(&["old", "new"], 5)).expect("kept");
    }
    let killed = child("collecting::child_that_builds_and_is_killed", space.folder.path()).output().expect("runs");
    assert!(!killed.status.success());
    drop(space.open());
    collector.collect(&lock, &mut marked, &dead, NOW, &none).expect("collects");
    assert!(["old", "new", "killed"].iter().all(|name| is_whole(&collector, name)));
    drop(lock);
    assert_eq!(fs::read_dir(space.path("store/keep/ended")).expect("reads").count(), 0, "only for that collection");
    drop(space.open());
    collect(&space.open(), NOW);
    let store = space.open();
    assert!(is_whole(&store, "old") && is_whole(&store, "new") && !is_whole(&store, "killed"));
}

#[test]
#[ignore = "the child of `what_a_process_leaves_that_ended_during_a_collection_stays`"]
fn child_that_builds_and_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&HostPath::new(Path::new(&folder).join("store"))).expect("opens");
    built(&store, "killed", 3);
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).expect("killed");
}

#[test]
fn a_damaged_list_or_pin_stops_the_collection() {
    let space = Space::new();
    built(&space.open(), "a", 1);
    let store = space.open();
    store.keep_project(&list(&["a"], 1)).expect("kept");
    let folder = space.path("store/keep/projects");
    let file = fs::read_dir(&folder).expect("reads").next().expect("one").expect("reads").path();
    let whole = fs::read(&file).expect("reads");
    for at in (0..whole.len()).step_by(7) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&file, altered).expect("written");
        let error = store.mark(Vec::new(), &|_| Ok(Vec::new())).err();
        // A byte of the folder's name alone is another project: its nodes are kept all the same.
        let Some(error) = error else { continue };
        assert!(matches!(error, StoreError::Keep { .. }), "byte {at}: {error}");
        assert!(shown(&error).contains("which says what must be kept, is damaged"), "{error}");
    }
    fs::write(&file, &whole[..whole.len() - 1]).expect("written");
    assert!(matches!(store.mark(Vec::new(), &|_| Ok(Vec::new())), Err(StoreError::Keep { .. })));
    // The project's next plan makes it anew.
    store.keep_project(&list(&["a"], 2)).expect("kept");
    assert!(store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marks").key(key("a")).is_some());
    let pin = Pin { name: "p".parse().expect("a name"), project: String::new(), made: 1, nodes: vec![] };
    store.pin(&pin).expect("kept");
    fs::write(space.path("store/keep/pins/p.json"), "{}\n").expect("written");
    assert!(matches!(store.mark(Vec::new(), &|_| Ok(Vec::new())), Err(StoreError::Keep { .. })));
}

#[test]
fn rivals_and_notes_go_with_what_they_are_about() {
    let space = Space::new();
    {
        let store = space.open();
        for name in ["kept", "dead"] {
            let other = built(&store, &format!("other {name}"), 1);
            let theirs = store.realisation(other).expect("reads").expect("there");
            store.forget(other).expect("forgotten");
            store.note_elsewhere(&[key(name)]).expect("noted");
            store.owe([key(name)]).expect("noted");
            built(&store, name, 1);
            let rival = Rival { cache: None, realisation: Realisation { key: key(name), ..theirs } };
            assert!(store.keep_rival(&rival).expect("kept"));
        }
        store.keep_project(&list(&["kept"], 1)).expect("kept");
    }
    collect(&space.open(), NOW);
    let store = space.open();
    assert_eq!(store.rivals(key("dead")).expect("reads"), []);
    let rival = store.rivals(key("kept")).expect("reads").pop().expect("there");
    assert!(rival.realisation.outputs.values().all(|tree| store.present(*tree).expect("reads")));
    assert_eq!(bytes_in(&space, "trees"), 2, "that of what is kept, and of its rival");
    assert_eq!(store.owed(), BTreeSet::from([key("kept")]));
    assert_eq!(fs::read(space.path("store/elsewhere")).expect("reads"), key("kept").0.as_bytes());
}

#[test]
fn the_latest_failure_of_a_projects_node_stays_with_its_log() {
    let space = Space::new();
    {
        let store = space.open();
        built(&store, "a", 1);
        store.keep_project(&list(&["a"], 1)).expect("kept");
        for name in ["a", "b"] {
            for text in ["first", "second"] {
                let attempt = Attempt {
                    key: key(text),
                    node: format!("build:{name}@debian-12/amd64"),
                    fingerprint: None,
                    cause: Cause::Build,
                    log: Some(store.put_log(&mut format!("{text} of {name}").as_bytes()).expect("stored")),
                    started: 5,
                    milliseconds: 6,
                    message: "it failed".to_owned(),
                    tries: 1,
                    limit: None,
                };
                store.record_attempt(&attempt).expect("recorded");
            }
        }
    }
    let store = space.open();
    let log = |text: &str| Digest::of(text.as_bytes());
    let marked = store.mark(Vec::new(), &|_| Ok(Vec::new())).expect("marks");
    let reason = marked.log(log("second of a")).map(ToString::to_string);
    assert_eq!(reason.as_deref(), Some("log of the latest failure of build:a@debian-12/amd64"));
    collect(&store, NOW);
    let there =
        ["first of a", "second of a", "first of b", "second of b"].map(|text| store.open_log(log(text)).is_ok());
    assert_eq!(there, [false, true, false, false]);
    let failed = ["a", "b"].map(|name| store.last_attempt_of_node(&format!("build:{name}@debian-12/amd64")));
    assert_eq!(failed.map(|failed| failed.expect("reads").is_some()), [true, false]);
}

#[test]
fn builds_go_on_while_it_collects() {
    let space = Space::new();
    drop(space.open());
    let (stop, broken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let rounds = 60;
    std::thread::scope(|scope| {
        let builder = |name: &'static str| {
            let (space, stop, broken) = (&space, &stop, &broken);
            move || {
                // All build the same few things over and over, and look at them as a consumer that runs does.
                for round in 0..rounds {
                    let store = space.open();
                    let what = format!("thing {}", round % 5);
                    built(&store, &what, round);
                    store.uses(&[Used::Key(key(&what))]).expect("said");
                    let found = store.realisation(key(&what)).expect("reads");
                    let whole = found.is_some_and(|found| {
                        found.outputs.values().all(|digest| {
                            store.get_tree(*digest).is_ok_and(|tree| {
                                tree.files().all(|(_, object, size)| store.read_object(object, size).is_ok())
                            })
                        })
                    });
                    // A record that was there before may have gone before it was named: then there is none at all.
                    if !whole && store.realisation(key(&what)).expect("reads").is_some() {
                        broken.fetch_add(1, Ordering::Relaxed);
                        eprintln!("{name}: round {round}");
                    }
                }
                stop.store(true, Ordering::Relaxed);
            }
        };
        scope.spawn(builder("one"));
        scope.spawn(builder("other"));
        scope.spawn(|| {
            let store = space.open();
            let mut gone = 0;
            while !stop.load(Ordering::Relaxed) {
                gone += collect(&store, NOW).values().map(|amount| amount.count).sum::<u64>();
            }
            assert!(gone > 0, "nothing was ever collected: this shows nothing");
        });
    });
    assert_eq!(broken.into_inner(), 0);
    let store = space.open();
    // What a builder used that ended while it was collected counts in the next collection, and not in the one after that.
    collect(&store, NOW);
    collect(&store, NOW);
    let folders: BTreeSet<&str> =
        ["objects", "trees", "realised"].into_iter().filter(|folder| bytes_in(&space, folder) > 0).collect();
    assert_eq!(folders, BTreeSet::new(), "nobody needs any of it now");
}
