//! When there is nothing to do without a graph, and every change after which that is no longer known.

use std::fs;
use std::time::Duration;

use super::*;
use crate::cost::Cost;
use crate::ops::memo::tests::{Space, WARNED, change_in_secret};
use crate::path::HostPath;

const CLEAN: Spared = Spared { nodes: 7, builds: 2, unknown: 1, cost: Cost { milliseconds: 5, cpu_milliseconds: 3 } };

fn idle(space: &Space) -> Idle {
    let folder = HostPath::new(space.path("../cache/idle"));
    Idle(Kept::below(&folder, FORMAT, b"a project").expect("a cache"))
}

fn known(store: &Store) -> Known {
    Known::with(None, store).expect("reads")
}

/// A project that was evaluated twice, its store with a folder of realisations, and what is kept of both.
#[expect(clippy::disallowed_methods, reason = "folders must grow older than the clock's grain, and nothing tells when")]
fn settled() -> (Space, Store) {
    let space = Space::new();
    let store = Store::open(&HostPath::new(space.path("../store"))).expect("opens");
    fs::create_dir_all(space.path("../store/realised/ab")).expect("made");
    let evaluated = space.session();
    assert_eq!(
        idle(&space).keep(&evaluated, &known(&store), CLEAN),
        None,
        "what was just evaluated is not watched yet"
    );
    std::thread::sleep(Duration::from_millis(40));
    let nodes = space.session();
    idle(&space).keep(&nodes, &known(&store), CLEAN).expect("kept");
    assert_eq!(idle(&space).recall(&space.project(), &store), Some((nodes.graph.len(), CLEAN)));
    (space, store)
}

#[test]
fn while_nothing_changes_there_is_nothing_to_do() {
    let (space, store) = settled();
    // What is no input of an evaluation may change.
    space.file("README.md", "x");
    space.file("store/x", "x");
    assert!(idle(&space).recall(&space.project(), &store).is_some());
}

#[test]
fn a_change_of_any_file_is_noticed() {
    let files = ["recipes/one.rhai", "recipes/lib/common.rhai", "distros/mirage-1.rhai", "opb.lock", "opb.toml"];
    for file in [&files[..], &["sources/one/debian/control", "sources/two/src/main.c"]].concat() {
        let (space, store) = settled();
        let project = space.project();
        change_in_secret(&space.path(file));
        assert_eq!(idle(&space).recall(&project, &store), None, "{file}");
    }
    for new in ["recipes/three.rhai", "sources/one/new", "sources/one/empty/new", "distros/mirage-2.rhai"] {
        let (space, store) = settled();
        space.file(new, "x");
        assert_eq!(idle(&space).recall(&space.project(), &store), None, "{new}");
    }
}

#[test]
fn a_result_that_comes_or_goes_is_noticed() {
    let (space, store) = settled();
    let record = space.path("../store/realised/ab/cd");
    fs::write(&record, "x").expect("written");
    assert_eq!(idle(&space).recall(&space.project(), &store), None, "one came");
    // A folder that changed just now is not believed, however often it is looked at.
    idle(&space).keep(&space.session(), &Known::with(None, &store).expect("reads"), CLEAN).expect("kept");
    assert!(idle(&space).recall(&space.project(), &store).is_some());
    fs::remove_file(&record).expect("removed");
    assert_eq!(idle(&space).recall(&space.project(), &store), None, "one went");
    let fresh = known(&store);
    fs::write(&record, "x").expect("written");
    fs::remove_file(&record).expect("removed");
    idle(&space).keep(&space.session(), &fresh, CLEAN).expect("kept");
    assert_eq!(idle(&space).recall(&space.project(), &store), None, "it was looked at too soon after a change");
    fs::remove_dir(space.path("../store/realised/ab")).expect("removed");
    assert_eq!(idle(&space).recall(&space.project(), &store), None, "the folder went");
}

#[test]
fn what_is_damaged_is_not_believed() {
    let (space, store) = settled();
    let folder = space.path("../cache/idle");
    let name = fs::read_dir(&folder).expect("there").next().expect("one").expect("read").file_name();
    let bytes = fs::read(folder.join(&name)).expect("read");
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut other = bytes.clone();
        other[at] ^= 4;
        fs::write(folder.join("new"), other).expect("written");
        fs::rename(folder.join("new"), folder.join(&name)).expect("replaced");
        assert_eq!(idle(&space).recall(&space.project(), &store), None, "byte {at}");
    }
}

#[test]
fn where_something_is_to_be_told_it_is_evaluated() {
    let (space, store) = settled();
    space.file("recipes/one.rhai", WARNED);
    space.session();
    let session = space.session();
    assert!(!session.warnings.is_empty() && session.watched.is_none());
    assert_eq!(idle(&space).keep(&session, &known(&store), CLEAN), None);
}
