//! `opb plan`, `opb why`, `opb log`: what would run, why, and what is on record.

use opb::digest::Digest;
use opb::drv::{ActionKey, Outputs};
use opb::name::OutputName;
use opb::path::HostPath;
use opb::store::{Attempt, Realisation, Store};

use super::*;

const INDEX: &str = "index:base@mirage-1/amd64";

fn store(space: &Space) -> Store {
    Store::open(&HostPath::new(space.path("store"))).expect("opens")
}

/// The key that the program says `node` has.
fn key(space: &Space, node: &str) -> ActionKey {
    let whole = space.json(&["eval", "--state", "--format", "json"]);
    let nodes = whole["nodes"].as_array().expect("a list");
    let node = nodes.iter().find(|found| found["name"] == node).expect("there");
    ActionKey(node["key"].as_str().expect("known").parse().expect("a digest"))
}

fn realise(space: &Space, node: &str, output: &str, derivation: &str) {
    let realisation = Realisation {
        key: key(space, node),
        node: node.to_owned(),
        fingerprint: None,
        number: None,
        outputs: Outputs::from([(OutputName::new(output.to_owned()).expect("a name"), Digest::of(node.as_bytes()))]),
        derivation: derivation.to_owned(),
        log: None,
        started: 1_736_589_600,
        milliseconds: 4_200,
        cpu_milliseconds: 4_000,
        peak_memory: 1 << 20,
        backend: "namespaces".to_owned(),
        host: "builder".to_owned(),
        kept: None,
    };
    store(space).record(&realisation).expect("recorded");
}

#[test]
fn an_empty_store_runs_everything() {
    insta::assert_snapshot!(Space::two().seen(&["plan", "libbsd"]), @r###"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64       never built
    depends  resolve:base@mirage-1/amd64     on index:base@mirage-1/amd64
    depends  root:base@mirage-1/amd64        on resolve:base@mirage-1/amd64
    run      source:libmd@mirage-1           its files are not here, and source-package:libmd@mirage-1 reads them
    run      source-package:libmd@mirage-1   never built
    depends  resolve:libmd@mirage-1/amd64    on index:base@mirage-1/amd64, resolve:base@mirage-1/amd64
    depends  root:libmd@mirage-1/amd64       on root:base@mirage-1/amd64, resolve:libmd@mirage-1/amd64
    depends  build:libmd@mirage-1/amd64      on source-package:libmd@mirage-1, root:libmd@mirage-1/amd64
    run      source:libbsd@mirage-1          its files are not here, and source-package:libbsd@mirage-1 reads them
    run      source-package:libbsd@mirage-1  never built
    depends  resolve:libbsd@mirage-1/amd64   on index:base@mirage-1/amd64, resolve:base@mirage-1/amd64, build:libmd@mirage-1/amd64
    depends  root:libbsd@mirage-1/amd64      on root:base@mirage-1/amd64, resolve:libbsd@mirage-1/amd64
    depends  build:libbsd@mirage-1/amd64     on source-package:libbsd@mirage-1, root:libbsd@mirage-1/amd64
    5 nodes will run, 8 depend on what comes out, 0 are clean
    "###);
}

#[test]
fn only_leaves_out_what_depends_on_the_selected() {
    let space = Space::two();
    let all = space.stdout(&["plan", "libmd"]);
    assert!(all.contains("build:libbsd"), "{all}");
    let only = space.stdout(&["plan", "--only", "libmd"]);
    assert!(!only.contains("libbsd") && only.contains("build:libmd"), "{only}");
    assert!(!all.contains("repo:"), "repositories are assembled when all is built or they are named: {all}");
    assert!(space.stdout(&["plan"]).contains("repo:nightly@mirage-1"));
}

#[test]
fn what_is_realised_is_clean_until_asked_for_again() {
    let space = Space::pinned();
    insta::assert_snapshot!(space.seen(&["plan", "base", "--only"]), @r###"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64    never built
    depends  resolve:base@mirage-1/amd64  on index:base@mirage-1/amd64
    depends  root:base@mirage-1/amd64     on resolve:base@mirage-1/amd64
    1 node will run, 2 depend on what comes out, 0 are clean
    "###);
    realise(&space, INDEX, "packages", "kind = index\n");
    realise(&space, "resolve:base@mirage-1/amd64", "list", "kind = resolve\narch = amd64\nvariant = minbase\n");
    insta::assert_snapshot!(space.seen(&["plan", "base", "--only"]), @r###"
    exit 0
    --- stdout
    nothing to do: 3 nodes, all clean
    "###);
    insta::assert_snapshot!(space.seen(&["plan", "--again", "index:base", "--only"]), @r###"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64  asked for again
    1 node will run, 0 depend on what comes out, 0 are clean
    "###);
}

#[test]
fn a_change_is_told_by_its_field() {
    let space = Space::pinned();
    realise(&space, INDEX, "packages", "kind = index\n");
    let old = "opb derivation = 2\nkind = resolve\nfamily = deb\narch = amd64\nneeds = 0\nconflicts = 0\nvariant = minbase\nadds = 1\n\
               add = ccache\nprofiles = 0\nfirst alternative = true\nourss = 0\ninputs = 1\ninput index = 00\n";
    realise(&space, "resolve:base@mirage-1/amd64", "list", old);
    let changed = MIRAGE.replace("add: []", "add: [\"locales\"]");
    space.file("distros/mirage-1.rhai", &changed);
    insta::assert_snapshot!(space.seen(&["plan", "resolve:base", "--only"]), @r###"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64    its files are not here, and resolve:base@mirage-1/amd64 reads them
    run      resolve:base@mirage-1/amd64  add changed from `ccache` to `locales`; index changed; variant changed from `minbase` to `buildd`
    2 nodes will run, 0 depend on what comes out, 0 are clean
    "###);
    insta::assert_snapshot!(space.seen(&["why", "resolve:base"]), @r###"
    exit 0
    --- stdout
    resolve:base@mirage-1/amd64
      last built 2025-01-11T10:00:00Z in 4.2 s
      that time because it was never built before
      now it would run: add changed from `ccache` to `locales`; index changed; variant changed from `minbase` to `buildd`
        index:base@mirage-1/amd64 would run: its files are not here, and resolve:base@mirage-1/amd64 reads them
    "###);
}

#[test]
fn why_goes_back_to_the_beginning() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["why", "libmd"]), @r###"
    exit 0
    --- stdout
    build:libmd@mirage-1/amd64
      was never built
      now it depends on what comes out of source-package:libmd@mirage-1, root:libmd@mirage-1/amd64
        index:base@mirage-1/amd64 would run: never built
        source:libmd@mirage-1 would run: its files are not here, and source-package:libmd@mirage-1 reads them
        source-package:libmd@mirage-1 would run: never built
    "###);
    insta::assert_snapshot!(space.seen(&["why", "source:libmd"]), @r###"
    exit 0
    --- stdout
    source:libmd@mirage-1
      was never built
      now it is clean: nothing that it depends on has changed
    "###);
    realise(&space, INDEX, "packages", "kind = index\n");
    insta::assert_snapshot!(space.seen(&["why", INDEX]), @r###"
    exit 0
    --- stdout
    index:base@mirage-1/amd64
      last built 2025-01-11T10:00:00Z in 4.2 s
      that time because it was never built before
      now it is clean: nothing that it depends on has changed
    "###);
}

#[test]
fn a_failed_attempt_is_remembered_with_its_log() {
    let space = Space::two();
    let store = store(&space);
    let log = store.put_log(&mut &b"gcc: error\n\x1b]0;evil\x07\n"[..]).expect("stored");
    let attempt = Attempt {
        key: key(&space, INDEX),
        node: INDEX.to_owned(),
        cause: opb::diag::Cause::Build,
        started: 1_736_589_600,
        milliseconds: 10,
        log: Some(log),
        message: "the script failed\nat once".to_owned(),
    };
    store.record_attempt(&attempt).expect("recorded");
    insta::assert_snapshot!(space.seen(&["why", INDEX]), @r###"
    exit 0
    --- stdout
    index:base@mirage-1/amd64
      was never built
      failed on 2025-01-11T10:00:00Z: the script failed
      now it would run: never built
    "###);
    insta::assert_snapshot!(space.seen(&["log", INDEX]), @r###"
    exit 0
    --- stdout
    gcc: error
    \u{1b}]0;evil\u{7}
    "###);
    assert!(space.stdout(&["log", "--raw", INDEX]).contains("\x1b]0;evil\x07"));
}

#[test]
fn no_log() {
    insta::assert_snapshot!(Space::two().seen(&["log", "libmd"]), @r###"
    exit 2
    --- stderr
    opb::history::no_log

      × `build:libmd@mirage-1/amd64` has no log here
      help: run `opb build build:libmd@mirage-1/amd64`; nodes that run no script never have one
    "###);
}
