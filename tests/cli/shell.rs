//! `opb shell` up to where a sandbox would be made.

use std::collections::BTreeMap;

use opb::diag::Cause;
use opb::drv::ActionKey;
use opb::exec::root_owner;
use opb::sandbox::IdMap;
use opb::store::{Attempt, FailedTree, Store};

use super::*;

#[test]
fn a_shell_is_for_people_and_for_what_runs_in_a_sandbox() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["shell", "libmd"]), @r"
    exit 2
    --- stderr
    opb::shell::no_terminal

      × a shell needs a terminal, and this is none
      help: say what is to run there, as in `opb shell libmd -- sh -c 'ls'`
    ");
    let misspelled = space.seen(&["shell", "build:libmb"]);
    assert!(
        misspelled.contains("nothing matches `build:libmb`") && misspelled.contains("did you mean"),
        "{misspelled}"
    );
    insta::assert_snapshot!(space.seen(&["shell", "lib*", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::ops::several_selected

      × `lib*` means 2 nodes, and one is wanted
      help: name one of them: build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    ");
    insta::assert_snapshot!(space.seen(&["shell", "source:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `source:libmd@mirage-1`
      help: open the sandbox of what reads it, such as `opb shell build:libmd`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "source-package:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `source-package:libmd@mirage-1`
      help: it passes through as the distribution has it: look at it in the sandbox of its build, `opb shell build:libmd@mirage-1/ARCH`, in `/in/source`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "resolve:libmd", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `resolve:libmd@mirage-1/amd64`
      help: open one of a build or a root, such as `opb shell root:libmd@mirage-1/amd64`
    ");
    insta::assert_snapshot!(space.seen(&["shell", "index:base", "--", "true"]), @r"
    exit 2
    --- stderr
    opb::shell::no_sandbox

      × nothing runs in a sandbox for `index:base@mirage-1/amd64`
      help: open the sandbox of a build, a source package, a probe or a root; `opb eval` lists them
    ");
    insta::assert_snapshot!(space.seen(&["shell", "libmd", "ls"]), @r"
    exit 2
    --- stderr
    error: unexpected argument 'ls' found

    Usage: opb shell [OPTIONS] <NODE> [-- <COMMAND>...]

    For more information, try '--help'.
    ");
    // Words of a command are its own.
    insta::assert_snapshot!(space.seen(&["shell", "nothing", "--", "--as-root", "-C", "/"]), @r"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `nothing`
      help: look at `opb eval`, which lists all nodes
    ");
}

#[test]
fn what_it_takes_is_made_first_or_named() {
    let space = Space::two();
    let seen = space.seen(&["shell", "libmd", "--offline", "--", "true"]);
    let from = seen.find("opb::shell").expect(&seen);
    insta::assert_snapshot!(format!("{}\n{}", seen.lines().next().unwrap_or_default(), &seen[from..]), @r"
    exit 3
    opb::shell::not_ready

      × `build:libmd@mirage-1/amd64` needs what could not be made: source-package:libmd@mirage-1 root:libmd@mirage-1/amd64
      help: read the errors above, and run `opb build --only source-package:libmd@mirage-1 root:libmd@mirage-1/amd64`
    ");
}

/// Puts a tree of `bytes` into the store, kept at `kept`, and the attempt that left it.
fn leave(store: &Store, node: &str, bytes: u64, kept: i64) {
    let key = ActionKey(Digest::of(node.as_bytes()));
    let (node, message, cause) = (node.to_owned(), "no".to_owned(), Cause::Build);
    let attempt = Attempt {
        key,
        node: node.clone(),
        fingerprint: None,
        cause,
        log: None,
        started: kept,
        milliseconds: 1,
        message,
        tries: 1,
        limit: None,
    };
    store.record_attempt(&attempt).expect("recorded");
    let work = store.new_work().expect("made");
    work.dir().create_dir_all("tree/upper/build").expect("made");
    let uid = root_owner(IdMap::of_this_process().ok().as_ref());
    let tree = FailedTree { node, key, kept, bytes, layers: Vec::new(), env: BTreeMap::new() };
    store.keep_failed(uid, tree, (&work, "tree")).expect("kept");
}

#[test]
fn trees_of_failed_builds_are_counted_and_collected() {
    if let Err(error) = IdMap::of_this_process() {
        println!("skipped: {error}");
        return;
    }
    let space = Space::two();
    space.stdout(&["plan"]);
    let store = Store::open(&opb::path::HostPath::new(space.path("store"))).expect("opens");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let (old, new) = ("build:libbsd@mirage-1/amd64", "build:libmd@mirage-1/amd64");
    leave(&store, old, 3_000_000, now - 20 * 86_400);
    leave(&store, new, 5_000_000, now);
    let info = space.stdout(&["store", "info"]);
    assert!(info.contains("  failed trees    8.0 MB  2\n"), "{info}");
    let told = space.stdout(&["store", "gc", "--dry-run"]);
    assert!(told.contains("would be collected: 3.0 MB\n  failed trees    3.0 MB  1\n"), "{told}");
    assert_eq!(store.failed_trees().expect("reads").len(), 2, "a dry run removes nothing");
    let left = || -> Vec<String> {
        let trees = store.failed_trees().expect("reads");
        trees.into_iter().map(|entry| entry.tree.expect("whole").node).collect()
    };
    let told = space.stdout(&["store", "gc"]);
    assert!(told.contains("collected: 3.0 MB\n  failed trees    3.0 MB  1\n"), "{told}");
    assert_eq!(left(), [new]);
    // What is asked for by space goes too, and nothing of it is left below `work`.
    space.stdout(&["store", "gc", "--budget", "1 MB"]);
    assert_eq!(left(), [""; 0]);
    assert!(space.stdout(&["store", "info"]).lines().all(|line| !line.contains("failed trees")));
    // One whose node succeeded or left every project is of no use to anybody.
    leave(&store, new, 5_000_000, now);
    store.forget_attempt(new).expect("forgotten");
    space.stdout(&["store", "gc"]);
    assert_eq!(left(), [""; 0]);
    let work = fs::read_dir(space.path("store/work")).expect("reads").flatten();
    let names: Vec<_> = work.map(|entry| entry.path().join("tree")).filter(|tree| tree.exists()).collect();
    assert!(names.is_empty(), "{names:?}");
}
