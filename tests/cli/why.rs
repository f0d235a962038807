//! `opb why`: why a node ran, why it would run, and where all of it begins.

use opb::drv::{ActionKey, Outputs};
use opb::store::Realisation;

use super::plan::{INDEX, realise, store};
use super::*;

#[test]
fn why_goes_back_to_the_beginning() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["why", "libmd"]), @r###"
    exit 0
    --- stdout
    build:libmd@mirage-1/amd64
      now it depends on what comes out of source-package:libmd@mirage-1, root:libmd@mirage-1/amd64
        because of 2 roots, 10 cascaded
          never built: 2 nodes, 10 follow, 2 builds in all
              index:base@mirage-1/amd64, source-package:libmd@mirage-1
      never built
    "###);
    insta::assert_snapshot!(space.seen(&["why", "source:libmd"]), @r"
    exit 0
    --- stdout
    source:libmd@mirage-1
      now it would run: its files are not here, and source-package:libmd@mirage-1 reads them
        because of 1 root, 6 cascaded
          never built: 1 node, 6 follow, 2 builds in all
              source-package:libmd@mirage-1
      never built
    ");
    let space = Space::pinned();
    for (node, output) in [(INDEX, "packages"), ("resolve:base@mirage-1/amd64", "list")] {
        realise(&space, node, output, "kind = x\n");
    }
    insta::assert_snapshot!(space.seen(&["why", INDEX]), @r"
    exit 0
    --- stdout
    index:base@mirage-1/amd64
      now it is clean: nothing that it depends on has changed
      last built 2025-01-11T10:00:00Z in 4.2 s
        because it was never built before
    ");
}

/// A realisation of `node` that is not today's.
fn past(space: &Space, node: &str, started: i64, derivation: &str) {
    let realisation = Realisation {
        key: ActionKey(Digest::of(format!("{node} {started}").as_bytes())),
        node: node.to_owned(),
        fingerprint: None,
        number: None,
        outputs: Outputs::from([("list".parse().expect("a name"), Digest::of(b"a list"))]),
        derivation: derivation.to_owned(),
        log: None,
        started,
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

/// The walk of `resolve:base` as it is now, but for the index that it reads, and with these in place of what is there.
fn walk(space: &Space, arch: &str, variant: &str, add: &str) -> String {
    let session = opb::ops::session::Session::open(&space.path(".")).expect("opens");
    let name = "resolve:base@mirage-1/amd64".parse().expect("a name");
    let node = session.graph.node(session.graph.find(&name).expect("there"));
    let walk = opb::drv::text_of(&node.derivation(), &[Some(Digest::of(b"another index"))]);
    let walk = walk.replace("arch = amd64", &format!("arch = {arch}"));
    let walk = walk.replace("variant = buildd", &format!("variant = {variant}"));
    walk.replace("adds = 0\n", &format!("adds = 1\nadd = {add}\n"))
}

#[test]
fn the_nearest_of_all_earlier_results_is_compared_not_the_latest() {
    let space = Space::pinned();
    let node = "resolve:base@mirage-1/amd64";
    realise(&space, INDEX, "packages", "kind = index\n");
    past(&space, node, 1_736_500_000, &walk(&space, "amd64", "buildd", "ccache"));
    past(&space, node, 1_736_600_000, &walk(&space, "arm64", "minbase", "ccache"));
    let changed = MIRAGE.replace("add: []", "add: [\"locales\"]");
    space.file("distros/mirage-1.rhai", &changed);
    insta::assert_snapshot!(space.seen(&["why", "resolve:base"]), @r"
    exit 0
    --- stdout
    resolve:base@mirage-1/amd64
      now it would run: add changed from `ccache` to `locales`; index changed
          compared with the nearest before it, of 2025-01-10T09:06:40Z
        2 nodes run or may run because of it
      last built 2025-01-11T12:53:20Z in 4.2 s
        because arch changed from `amd64` to `arm64`; variant changed from `buildd` to `minbase`
          compared with the nearest before it, of 2025-01-10T09:06:40Z
    ");
    let why = space.json(&["why", "resolve:base", "--format", "json"]);
    schema::conforms("why", &why);
    assert_eq!((&why["version"], &why["node"], &why["now"]["state"]), (&1.into(), &node.into(), &"runs".into()));
    let reason = &why["now"]["reason"];
    assert_eq!(reason["compared_with"]["started"], "2025-01-10T09:06:40Z");
    let fields: Vec<_> = reason["changes"].as_array().expect("a list").iter().map(|change| &change["field"]).collect();
    assert_eq!(fields, ["add", "input index"]);
    assert_eq!((&why["now"]["roots"], &why["now"]["dragged"]), (&1.into(), &2.into()));
    assert_eq!(why["last"]["started"], "2025-01-11T12:53:20Z");
    assert_eq!(why["last"]["reason"]["compared_with"]["started"], "2025-01-10T09:06:40Z");
    // A narrow terminal: lines are broken between words only.
    let mut narrow = space.command(&["why", "resolve:base"]);
    insta::assert_snapshot!(space.seen_of(narrow.env("COLUMNS", "50")), @r"
    exit 0
    --- stdout
    resolve:base@mirage-1/amd64
      now it would run: add changed from `ccache` to
        `locales`; index changed
          compared with the nearest before it, of
          2025-01-10T09:06:40Z
        2 nodes run or may run because of it
      last built 2025-01-11T12:53:20Z in 4.2 s
        because arch changed from `amd64` to `arm64`;
          variant changed from `buildd` to `minbase`
          compared with the nearest before it, of
          2025-01-10T09:06:40Z
    ");
}

#[test]
fn a_node_that_depends_on_others_tells_what_it_changed_by_itself() {
    let space = Space::pinned();
    past(&space, "resolve:base@mirage-1/amd64", 1_736_500_000, &walk(&space, "amd64", "minbase", "ccache"));
    let shown = space.stdout(&["why", "resolve:base"]);
    assert!(
        shown.contains("    and by itself: variant changed from `minbase` to `buildd`; add is gone: `ccache`\n"),
        "{shown}"
    );
    assert!(!shown.contains("index changed"), "its content is not known yet: {shown}");
}

#[test]
fn without_a_node_everything_is_told_by_its_causes() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["why"]), @r"
    exit 0
    --- stdout
    3 roots, 11 cascaded, 0 clean
      never built: 3 nodes, 11 follow, 2 builds in all
          index:base@mirage-1/amd64, source-package:libmd@mirage-1, source-package:libbsd@mirage-1
    ");
    let all = space.json(&["why", "--format", "json"]);
    schema::conforms("why", &all);
    assert_eq!((&all["version"], &all["run"], &all["clean"]), (&1.into(), &serde_json::Value::Null, &0.into()));
    assert_eq!((&all["roots"], &all["dragged"]), (&3.into(), &11.into()));
    assert_eq!(all["causes"][0]["nodes"].as_array().map(Vec::len), Some(3));
    let space = Space::pinned();
    for (node, output) in
        [(INDEX, "packages"), ("resolve:base@mirage-1/amd64", "list"), ("repo:nightly@mirage-1", "tree")]
    {
        realise(&space, node, output, "kind = x\n");
    }
    assert_eq!(space.stdout(&["why"]), "nothing would run: 4 nodes, all clean\n");
    insta::assert_snapshot!(Space::bare().seen(&["why"]), @r"
    exit 2
    --- stderr
    opb::ops::nothing_pinned

      × nothing is pinned yet, so there is nothing to build
      help: run `opb update`: it pins package indexes and sources in `opb.lock`
    ");
}

#[test]
fn runs_of_the_past_are_explained_without_evaluating() {
    let space = Space::two();
    assert!(space.seen(&["build", "--only", "repo:nightly", "libmd"]).starts_with("exit 3"));
    // Recipes of today may be broken.
    space.file("recipes/libmd.rhai", "#{ sorce: }\n");
    insta::assert_snapshot!(runs::stable(&space.stdout(&["why", "--run", "last", "libmd"])), @r"
    build:libmd@mirage-1/amd64 in run [RUN]
      depended on what came out of others
      because of
        never built: 3 nodes, 11 follow, 2 builds in all
            index:base@mirage-1/amd64, source-package:libmd@mirage-1, source-package:libbsd@mirage-1
      came to: blocked
    ");
    insta::assert_snapshot!(runs::stable(&space.stdout(&["why", "--run", "last", INDEX])), @r"
    index:base@mirage-1/amd64 in run [RUN]
      was to run: never built
      because of
        never built: 3 nodes, 11 follow, 2 builds in all
            index:base@mirage-1/amd64, source-package:libmd@mirage-1, source-package:libbsd@mirage-1
      came to: failed
        no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
    ");
    insta::assert_snapshot!(runs::stable(&space.stdout(&["why", "--run", "last"])), @r"
    run [RUN]: 3 roots, 11 cascaded, 0 clean
      never built: 3 nodes, 11 follow, 2 builds in all
          index:base@mirage-1/amd64, source-package:libmd@mirage-1, source-package:libbsd@mirage-1
    ");
    let told = space.json(&["why", "--run", "last", "libmd", "--format", "json"]);
    schema::conforms("why", &told);
    assert_eq!((&told["outcome"], &told["state"]), (&"blocked".into(), &"depends".into()));
    let seen = |selector: &str| runs::stable(&space.seen(&["why", "--run", "last", selector]));
    insta::assert_snapshot!(seen("libssl"), @r"
    exit 2
    --- stderr
    opb::why::not_in_run

      × run `[RUN]` has nothing on record of `libssl`
      help: it was clean then, or no part of that run; `opb runs [RUN] --all` lists what is on record
    ");
    insta::assert_snapshot!(seen("lib*"), @r"
    exit 2
    --- stderr
    opb::why::several

      × `lib*` means 2 nodes of run `[RUN]`, and one is wanted
      help: name one of them: build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    ");
    insta::assert_snapshot!(seen("odd:lib"), @r"
    exit 2
    --- stderr
    opb::why::selector

      × `odd` in `odd:lib` is no kind of node
      help: write a node's name, such as `build:libbsd@debian-12/amd64`
    ");
}

#[test]
fn a_run_is_named_that_a_result_came_from() {
    let space = Space::pinned();
    assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    let run = space.json(&["runs", "--format", "json"])["runs"][0]["id"].clone();
    let why = space.json(&["why", "repo:nightly", "--format", "json"]);
    schema::conforms("why", &why);
    assert_eq!((&why["now"]["state"], &why["last"]["run"]), (&"clean".into(), &run));
    let then = space.json(&["why", "repo:nightly", "--run", "last", "--format", "json"]);
    schema::conforms("why", &then);
    assert_eq!((&then["outcome"], &then["reason"]["reason"]), (&"built".into(), &"new".into()));
    space.file("opb.toml", "[channel.nightly]\norigin = \"Vendor\"\n");
    let shown = space.stdout(&["why", "repo:nightly"]);
    assert!(shown.contains(&format!(", run {}\n", run.as_str().expect("text"))), "{shown}");
    assert!(shown.contains("now it would run: setting "), "{shown}");
    assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    let then = space.json(&["why", "repo:nightly", "--run", "last", "--format", "json"]);
    schema::conforms("why", &then);
    assert_eq!((&then["reason"]["reason"], &then["reason"]["compared_with"]["run"]), (&"changed".into(), &run));
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["why", "--help"]), @r###"
    exit 0
    --- stdout
    Tell why a node ran last, and why it would run now; without a node, where all that would run begins.

    What differs is told field by field, compared with the nearest of all earlier results of that node.

    Usage: opb why [OPTIONS] [NODE]

    Arguments:
      [NODE]
              The node, such as `libbsd`, which means its build where it has one

    Options:
          --run <RUN>
              Tell why it ran in this run on record: `last`, `last~1`, or a name from `opb runs`

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - text: For people
              - json: One JSON object

              [default: text]
    "###);
}
