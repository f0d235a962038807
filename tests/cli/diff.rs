//! `opb diff`: two revisions, two runs.

use super::*;

/// Runs git in the project's folder, as nobody in particular.
fn git(space: &Space, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.current_dir(space.path(".")).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    git.env("HOME", space.folder.path().join("home"));
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "A Packager").env(format!("GIT_{who}_EMAIL"), "packager@example.org");
        git.env(format!("GIT_{who}_DATE"), "2025-01-11T10:00:00Z");
    }
    let output = git.args(args).stdin(Stdio::null()).output().expect("git runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(space: &Space) {
    git(space, &["add", "--all"]);
    git(space, &["commit", "--quiet", "--message", "state"]);
}

fn committed() -> Space {
    begun(Space::two())
}

fn begun(space: Space) -> Space {
    git(&space, &["init", "--quiet", "--initial-branch", "main"]);
    commit(&space);
    space
}

#[test]
fn two_revisions_root_changes_first() {
    let mut space = committed();
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"1\" } }\n");
    commit(&space);
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"2\" } }\n");
    fs::remove_file(space.path("recipes/libbsd.rhai")).expect("removed");
    space.file("recipes/hello.rhai", "#{ source: dsc(\"hello\") }\n");
    space.dsc("hello", "debhelper-compat (= 13)", &[("hello", "any", "")]);
    let id = |revision: &str| git(&space, &["rev-parse", "--short=10", revision]);
    insta::assert_snapshot!(space.seen(&["diff", "HEAD~1", "main"]).replace(&id("HEAD~1"), "[OLD]").replace(&id("main"), "[NEW]"), @r"
    exit 0
    --- stdout
    from HEAD~1 ([OLD]) to main ([NEW])
      1 root, 4 cascaded, 0 added, 0 removed, 9 the same
      env V is new: `1`: 1 node, 4 follow, 2 builds in all
          build:libmd@mirage-1/amd64
    ");
    let new = id("main");
    insta::assert_snapshot!(space.seen(&["diff", &new]).replace(&new, "[NEW]"), @r"
    exit 0
    --- stdout
    from [NEW] to now
      3 roots, 1 cascaded, 5 added, 5 removed, 5 the same
      ours hello is new: `hello`; ours libbsd0 is gone: `libbsd`: 1 node, 1 follows
          resolve:libmd@mirage-1/amd64
      env V changed from `1` to `2`: 1 node, nothing follows, 1 build in all
          build:libmd@mirage-1/amd64
      debug hello/amd64 is new; debug libbsd/amd64 is gone; packages hello/amd64 is new; packages libbsd/amd64 is gone; source hello is new; and 3 more fields: 1 node, nothing follows
          repo:nightly@mirage-1
      added: 5 nodes
          source:hello@mirage-1, source-package:hello@mirage-1, resolve:hello@mirage-1/amd64, root:hello@mirage-1/amd64, build:hello@mirage-1/amd64
      removed: 5 nodes
          source:libbsd@mirage-1, source-package:libbsd@mirage-1, resolve:libbsd@mirage-1/amd64, root:libbsd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    ");
    insta::assert_snapshot!(space.seen(&["diff", &new, &new]).replace(&new, "[NEW]"), @r"
    exit 0
    --- stdout
    from [NEW] to [NEW]
      nothing differs: 14 nodes, all the same
    ");
    assert_eq!(space.stdout(&["diff", "git:HEAD", "now"]), space.stdout(&["diff", "git:HEAD"]));
    assert!(!space.path("store").exists(), "states are compared without a store");
    let diff = space.json(&["diff", "HEAD", "now", "--format", "json"]);
    schema::conforms("diff", &diff);
    assert_eq!((&diff["version"], &diff["kind"]), (&1.into(), &"project".into()));
    assert_eq!(diff["from"]["commit"].as_str().map(str::len), Some(40));
    assert_eq!(diff["to"], serde_json::json!({ "name": "now", "commit": null }));
    let build = |name: &str| serde_json::Value::from(format!("build:{name}@mirage-1/amd64"));
    let list = |name: &str| diff[name].as_array().expect("a list").clone();
    assert!(list("added").contains(&build("hello")) && list("removed").contains(&build("libbsd")));
    let changed = list("changed").into_iter().find(|node| node["node"] == build("libmd")).expect("changed");
    assert_eq!(changed["changes"], serde_json::json!([{ "field": "env V", "before": "1", "now": "2" }]));
}

#[test]
fn selectors_leave_the_roots_that_reach_them() {
    let space = committed();
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"2\" } }\n");
    let only = space.json(&["diff", "HEAD", "now", "build:libbsd", "--format", "json"]);
    let counts =
        serde_json::json!({ "added": 0, "removed": 0, "changed": 0, "follow": 1, "same": 0, "not_compared": 0 });
    assert_eq!(only["counts"], counts);
    assert_eq!(only["causes"][0]["nodes"], serde_json::json!(["build:libmd@mirage-1/amd64"]));
    assert_eq!(only["follow"], serde_json::json!(["build:libbsd@mirage-1/amd64"]));
    let same = space.json(&["diff", "HEAD", "now", "source:libbsd", "--format", "json"]);
    assert_eq!((&same["counts"]["same"], &same["causes"]), (&1.into(), &serde_json::json!([])));
    insta::assert_snapshot!(space.seen(&["diff", "HEAD", "now", "libssl"]), @r"
    exit 2
    --- stderr
    opb::diff::nothing

      × nothing on either side matches `libssl`
      help: look at `opb eval`, which lists all nodes
    ");
}

#[test]
fn a_moved_index_is_told_once_for_all_of_a_distro() {
    let mut space = Space::bare();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    space.file("recipes/hello.rhai", "#{ source: dsc(\"hello\") }\n");
    space.dsc("hello", "debhelper-compat (= 13)", &[("hello", "any", "")]);
    git(&space, &["init", "--quiet", "--initial-branch", "main"]);
    commit(&space);
    let pin = space.lock.distro.values_mut().next().expect("pinned");
    for digest in pin.suite[0].index.values_mut() {
        *digest = Sha256::of(b"another");
    }
    space.write_lock();
    let seen = space.seen(&["diff", "git:HEAD"]);
    insta::assert_snapshot!(seen.replace(&git(&space, &["rev-parse", "--short=10", "HEAD"]), "[ID]"), @r"
    exit 0
    --- stdout
    from HEAD ([ID]) to now
      2 roots, 11 cascaded, 0 added, 0 removed, 2 the same
      the package index of mirage-1 moved: 2 nodes, 11 follow, 2 builds in all
          index:base@mirage-1/amd64, index:base@mirage-1/arm64
    ");
}

#[test]
fn two_runs() {
    let space = Space::pinned();
    assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    space.file("opb.toml", "[channel.nightly]\norigin = \"Vendor\"\n");
    assert!(space.seen(&["build"]).starts_with("exit 3"));
    insta::assert_snapshot!(runs::stable(&space.stdout(&["diff", "last~1", "last"])), @r"
    from run [RUN] (done in [TIME] to run [RUN] (failed in [TIME]
      recipes are the same, the lock is the same
      in both: 1 node, of which 1 came to something else
        repo:nightly@mirage-1: built → identical, [TIME] → [TIME]
          setting origin changed from `opb` to `Vendor`
      only in the second: 3 nodes
        failed      index:base@mirage-1/amd64
        blocked     resolve:base@mirage-1/amd64
        blocked     root:base@mirage-1/amd64
    ");
    let diff = space.json(&["diff", "last~1", "--format", "json"]);
    schema::conforms("diff", &diff);
    assert_eq!(
        (&diff["kind"], &diff["recipes_differ"], &diff["lock_differs"]),
        (&"runs".into(), &false.into(), &false.into())
    );
    assert_eq!(diff["changed"][0]["node"], "repo:nightly@mirage-1");
    let change = serde_json::json!({ "field": "setting origin", "before": "opb", "now": "Vendor" });
    assert!(diff["changed"][0]["changes"].as_array().expect("a list").contains(&change), "{diff:#}");
    assert_eq!(diff["only_to"].as_array().map(Vec::len), Some(3));
    let only = space.json(&["diff", "last~1", "last", "index:*", "--format", "json"]);
    assert_eq!((&only["changed"], only["only_to"].as_array().map(Vec::len)), (&serde_json::json!([]), Some(1)));
    let same = space.stdout(&["diff", "last", "last"]);
    assert!(same.contains("in both: 4 nodes, of which 0 came to something else"), "{same}");
    assert!(space.seen(&["diff", "last", "last", "libssl"]).contains("nothing on either side matches `libssl`"));
}

#[test]
fn a_run_and_a_state() {
    let space = Space::pinned();
    // git keeps no empty folder.
    space.file("recipes/.gitkeep", "");
    let space = begun(space);
    assert!(space.seen(&["diff", "last", "HEAD"]).contains("no run is on record here"));
    assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    let same = space.stdout(&["diff", "last", "HEAD"]);
    assert!(same.contains("nothing differs: 1 node, all the same\n  not compared: "), "{same}");
    space.file("opb.toml", "[channel.nightly]\norigin = \"Vendor\"\n");
    insta::assert_snapshot!(runs::stable(&space.stdout(&["diff", "last", "now"])), @r###"
    from run [RUN] to now
      1 root, 0 cascaded, 0 added, 0 removed, 0 the same
      setting origin changed from `opb` to `Vendor`: 1 node, nothing follows
          repo:nightly@mirage-1
      not compared: 3 nodes, since the run had nothing to do with them
    "###);
    insta::assert_snapshot!(runs::stable(&space.stdout(&["diff", "now", "run:last"])), @r###"
    from now to run [RUN]
      1 root, 0 cascaded, 0 added, 0 removed, 0 the same
      setting origin changed from `Vendor` to `opb`: 1 node, nothing follows
          repo:nightly@mirage-1
      not compared: 3 nodes, since the run had nothing to do with them
    "###);
    let diff = space.json(&["diff", "last", "now", "--format", "json"]);
    schema::conforms("diff", &diff);
    let change = serde_json::json!({ "field": "setting origin", "before": "opb", "now": "Vendor" });
    assert!(diff["changed"][0]["changes"].as_array().expect("a list").contains(&change), "{diff:#}");
    assert!(diff["counts"]["not_compared"].as_u64().is_some_and(|count| count > 0), "{diff:#}");
    // A channel that is gone takes its node along.
    assert!(space.seen(&["build"]).starts_with("exit 3"));
    space.file("opb.toml", "[channel.weekly]\n");
    let gone = space.json(&["diff", "last", "now", "--format", "json"]);
    assert_eq!(gone["removed"], serde_json::json!(["repo:nightly@mirage-1"]), "{gone:#}");
    let turned = space.json(&["diff", "now", "last", "--format", "json"]);
    assert_eq!((&turned["added"], &turned["removed"]), (&gone["removed"], &serde_json::json!([])));
    assert!(space.seen(&["diff", "last", "now", "libssl"]).contains("nothing on either side matches `libssl`"));
    assert!(space.seen(&["diff", "nowhere"]).starts_with("exit 2"));
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["diff", "--help"]), @r###"
    exit 0
    --- stdout
    Show what differs between two states of the project, or between two runs: root changes first, then
    what follows.

    A state is `now` or a git revision. Of two states, nodes are compared field by field, without
    network and store. Of two runs: what they ran, how it came out, how long it took, and which packages
    came or moved. Of a run and a state: the nodes that the run had to do with, as they were then.

    Usage: opb diff [OPTIONS] [A] [B] [SELECTOR]...

    Arguments:
      [A]
              A git revision, `now`, or a run: `last`, `last~1`, or a name from `opb runs`

      [B]
              The same, to compare it with [default: `now`, or the last run]

      [SELECTOR]...
              Tell only of these nodes

    Options:
          --rivals <NODE>
              Instead, show other results of this node that are kept, here or from a cache: what is not
              reproducible in it

          --all
              Leave out nothing of what is long

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - text: For people
              - json: One JSON object

              [default: text]
    "###);
}
