//! `opb plan`, `opb log`: what would run, why, and what is on record.

use opb::digest::Digest;
use opb::drv::{ActionKey, Outputs};
use opb::name::OutputName;
use opb::path::HostPath;
use opb::store::{Attempt, Realisation, Store};

use super::*;

pub const INDEX: &str = "index:base@mirage-1/amd64";

pub fn store(space: &Space) -> Store {
    Store::open(&HostPath::new(space.path("store"))).expect("opens")
}

/// The key that the program says `node` has.
pub fn key(space: &Space, node: &str) -> ActionKey {
    let whole = space.json(&["eval", "--state", "--format", "json"]);
    let nodes = whole["nodes"].as_array().expect("a list");
    let node = nodes.iter().find(|found| found["name"] == node).expect("there");
    ActionKey(node["key"].as_str().expect("known").parse().expect("a digest"))
}

pub fn realise(space: &Space, node: &str, output: &str, derivation: &str) {
    realise_as(space, key(space, node), node, output, derivation);
}

fn realise_as(space: &Space, key: ActionKey, node: &str, output: &str, derivation: &str) {
    let realisation = Realisation {
        key,
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
        disk: 0,
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
}

#[test]
fn a_failed_attempt_is_remembered_with_its_log() {
    let space = Space::two();
    let store = store(&space);
    let log = store.put_log(&mut &b"gcc: error\n\x1b]0;evil\x07\n"[..]).expect("stored");
    let attempt = Attempt {
        key: key(&space, INDEX),
        node: INDEX.to_owned(),
        fingerprint: None,
        cause: opb::diag::Cause::Build,
        started: 1_736_589_600,
        milliseconds: 10,
        log: Some(log),
        message: "the script failed\nat once".to_owned(),
        tries: 1,
        limit: None,
    };
    store.record_attempt(&attempt).expect("recorded");
    let why = space.stdout(&["why", INDEX]);
    assert!(why.ends_with("  failed on 2025-01-11T10:00:00Z: the script failed\n"), "{why}");
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

#[test]
fn a_large_plan_is_told_by_its_causes() {
    let mut space = Space::pinned();
    for number in 0..20 {
        let name = format!("part{number:02}");
        space.file(&format!("recipes/{name}.rhai"), &format!("#{{ source: dsc(\"{name}\") }}\n"));
        space.dsc(&name, "debhelper-compat (= 13)", &[(&name, "any", "")]);
    }
    insta::assert_snapshot!(space.seen(&["plan"]), @r"
    exit 0
    --- stdout
    never built: 21 nodes, 83 follow, 20 builds in all
        index:base@mirage-1/amd64, source-package:part19@mirage-1, source-package:part18@mirage-1 and 18 more
    21 roots, 83 cascaded; `--all` lists every node
    41 nodes will run, 63 depend on what comes out, 0 are clean
    ");
    let all = space.stdout(&["plan", "--all"]);
    assert_eq!(all.lines().filter(|line| line.starts_with("run ") || line.starts_with("depends ")).count(), 41 + 63);
    assert_eq!(space.stdout(&["plan", "-v"]), all);
}

#[test]
fn a_plan_as_json() {
    let space = Space::pinned();
    realise(&space, INDEX, "packages", "kind = index\n");
    let old = "opb derivation = 1\nkind = resolve\narch = amd64\nvariant = minbase\n";
    realise(&space, "resolve:base@mirage-1/amd64", "list", old);
    space.file("distros/mirage-1.rhai", &MIRAGE.replace("add: []", "add: [\"locales\"]"));
    let plan = space.json(&["plan", "--format", "json", "base", "--only"]);
    schema::conforms("plan", &plan);
    let counts = serde_json::json!({ "clean": 0, "runs": 2, "depends": 1, "skipped": 0, "roots": 1, "dragged": 2 });
    assert_eq!(plan["counts"], counts);
    let nodes = plan["nodes"].as_array().expect("a list");
    let told: Vec<_> = nodes.iter().map(|node| (&node["node"], &node["state"], &node["reason"]["reason"])).collect();
    let word = serde_json::Value::from;
    let absent = serde_json::Value::Null;
    assert_eq!(
        told,
        [
            (&word(INDEX), &word("runs"), &word("absent")),
            (&word("resolve:base@mirage-1/amd64"), &word("runs"), &word("changed")),
            (&word("root:base@mirage-1/amd64"), &word("depends"), &absent),
        ]
    );
    assert_eq!(nodes[0]["reason"]["reader"], "resolve:base@mirage-1/amd64");
    assert_eq!(nodes[2]["depends_on"], serde_json::json!(["resolve:base@mirage-1/amd64"]));
    assert!(nodes.iter().all(|node| node["causes"] == serde_json::json!([0])));
    let change = serde_json::json!({ "field": "variant", "before": "minbase", "now": "buildd" });
    assert!(nodes[1]["reason"]["changes"].as_array().expect("a list").contains(&change));
    assert_eq!(nodes[1]["reason"]["compared_with"]["started"], "2025-01-11T10:00:00Z");
    assert_eq!((&plan["causes"][0]["theme"], &plan["causes"][0]["dragged"]), (&word("changed"), &2.into()));
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["plan", "--help"]), @r"
    exit 0
    --- stdout
    Show what `opb build` would run, and why

    Usage: opb plan [OPTIONS] [SELECTOR]...

    Arguments:
      [SELECTOR]...
              What to build; everything if left out

    Options:
          --again
              Run what was selected although it is realised

          --only
              Leave out what depends on the selected nodes

          --retry-failed
              Try again what failed before although nothing that it follows from has changed since

          --all
              List every node, also where a plan is so large that it is told by its root causes

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - text: For people
              - json: One JSON object

              [default: text]
    ");
}

#[test]
fn a_realisation_that_goes_is_missed_although_the_plan_is_remembered() {
    let space = Space::two();
    realise(&space, INDEX, "packages", "");
    let clean = |space: &Space| {
        let told = space.seen(&["plan", "libbsd"]);
        let line = told.lines().find(|line| line.contains(&format!("run      {INDEX}"))).unwrap_or_default();
        !line.ends_with("never built")
    };
    // Folders that have just changed are no witnesses.
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert!(clean(&space) && clean(&space));
    let key = key(&space, INDEX);
    store(&space).forget(key).expect("forgotten");
    assert!(!clean(&space), "forgotten");
    realise_as(&space, key, INDEX, "packages", "");
    assert!(clean(&space));
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert!(clean(&space));
    let text = key.to_string();
    let (first, rest) = text.split_at(2);
    fs::remove_file(space.path(&format!("store/realised/{first}/{rest}.json"))).expect("removed");
    assert!(!clean(&space), "removed by hand");
}
