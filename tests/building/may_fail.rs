//! Builds that may fail: what is built, assembled and published without them.

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// a fails or not, b does not need it.
fn project(space: &Space, fill: &str, may_fail: &str) {
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(space, may_fail);
    Tiny { name: "b", ..Tiny::PLAIN }.with_recipe(space, "");
}

const KNOWN: &str = r#"may_fail: "upstream #77", expires: "2199-01-15""#;

/// Packages of the channel's repository as it was assembled last.
fn repository(space: &Space) -> Vec<String> {
    let files = space.files("repo:c-TAG@DISTRO", "tree").into_iter().map(|(path, _)| path);
    let packages = files.filter(|path| path.ends_with(".deb") || path.ends_with(".dsc"));
    packages.map(|path| space.shown(path.rsplit('/').next().expect("a name"))).collect()
}

fn json(space: &Space, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&space.opb(args).fine().out).expect("JSON")
}

fn told(space: &Space, ran: &Ran) -> String {
    let kept = ["failed", "error", "lacking", "blocked", "  assembled", "  needs", "  help", "  not run", "note:"];
    let lines = ran.err.lines().filter(|line| kept.iter().any(|start| line.starts_with(start)));
    space.shown(&lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_repository_goes_on_without_what_may_fail() {
    let Some(space) = space("may-fail") else { return };
    project(&space, "exit 3", KNOWN);
    let first = space.opb(&["build", "-j1"]).fine();
    insta::assert_snapshot!(told(&space, &first), @r"
    failed  build:a-TAG@DISTRO/all  TIME  (tolerated until 2199-01-15: upstream #77)
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");
    let last = first.err.lines().nth_back(1).expect("two last lines");
    assert!(last.contains("1 failed as they may") && !last.contains("not run"), "{last}");
    assert_eq!(repository(&space), ["b-TAG_1.0-1~SUFFIX+opb1_all.deb", "b-TAG_1.0-1~SUFFIX.dsc"]);
    let walk = space.last("repo:c-TAG@DISTRO").derivation;
    assert!(space.shown(&walk).contains("input packages a-TAG/all = absent"), "{walk}");

    // The record says so.
    let runs = json(&space, &["runs", "--all", "--format", "json"]);
    let ours = space.folder.display().to_string();
    let run = runs["runs"].as_array().expect("runs").iter().find(|run| run["project"] == ours).expect("ours");
    let id = run["id"].as_str().expect("a name");
    let record = json(&space, &["runs", id, "--format", "json"]);
    assert_eq!((&record["run"]["result"], &record["run"]["counts"]["tolerated"]), (&"done".into(), &1.into()));
    let node = |name: &str| {
        let nodes = record["nodes"].as_array().expect("nodes");
        nodes.iter().find(|node| node["node"] == space.own(name)).expect("on record").clone()
    };
    assert_eq!(node("build:a-TAG@DISTRO/all")["outcome"], "tolerated");
    let without = ["source-package:a-TAG@DISTRO", "build:a-TAG@DISTRO/all"].map(|name| space.own(name));
    assert_eq!(node("repo:c-TAG@DISTRO")["without"], serde_json::json!(without));
    let text = space.shown(&space.opb(&["runs", id]).fine().out);
    assert!(text.contains("without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all"), "{text}");

    // It is told again without being tried, and what is assembled without it is there.
    let before = space.times("repo:c-TAG@DISTRO");
    let second = space.opb(&["build", "-q"]).fine();
    insta::assert_snapshot!(told(&space, &second), @r"
    failed  build:a-TAG@DISTRO/all  (on DATE)  (tolerated until 2199-01-15: upstream #77)
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");
    assert_eq!(space.times("repo:c-TAG@DISTRO"), before);

    // It can be published.
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    let published = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&published.out), @"published generation 1 of c-TAG: 1 package, in STORE/channels/c-TAG/current");
    insta::assert_snapshot!(told(&space, &published), @r"
    note: published without source-package:a-TAG@DISTRO, as `may_fail` or an exception allows
    note: published without build:a-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");

    // A known failure that is not known any more, and one that has expired: nothing but the verdict changes.
    for (may_fail, said) in [("", "error   build:"), (r#"may_fail: "upstream #77", expires: "2026-01-15""#, "expired")]
    {
        project(&space, "exit 3", may_fail);
        let failed = space.opb(&["build"]).exits(4);
        assert!(told(&space, &failed).contains(said), "{}", failed.err);
        assert!(failed.err.contains("1 failed, 1 not run, in "), "{}", failed.err);
        assert_eq!((space.times("repo:c-TAG@DISTRO"), space.times("build:b-TAG@DISTRO/all")), (before, 1));
        space.opb(&["repo", "publish", "c-TAG"]).exits(4).says("is not built; its last good state stays");
    }

    // Mended: the whole repository is another.
    project(&space, "echo mended > $d/x", KNOWN);
    let whole = space.opb(&["build"]).fine();
    assert!(!whole.err.contains("without"), "{}", whole.err);
    let with_a = ["a-TAG_1.0-1~SUFFIX+opb1_all.deb", "a-TAG_1.0-1~SUFFIX.dsc"];
    assert_eq!(repository(&space)[..2], with_a);
    let why = space.shown(&space.opb(&["why", "repo:c-TAG@DISTRO"]).fine().out);
    assert!(why.contains("packages a-TAG/all is no longer missing"), "{why}");
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&space.opb(&["build"]).fine().err), @r"
    nothing to do: 14 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 14 nodes from the store
    ");

    // Failing once more, it goes again: what was made before is not carried over.
    project(&space, "exit 4", KNOWN);
    space.opb(&["build", "-q"]).fine();
    let published = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&published.out), @"published generation 3 of c-TAG: 1 package, in STORE/channels/c-TAG/current");
}

#[test]
fn what_needs_it_may_not_fail_by_that_alone() {
    let Some(space) = space("may-fail-needed") else { return };
    let needs = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { fill: "exit 3", ..Tiny::PLAIN }.with_recipe(&space, KNOWN);
    Tiny { name: "b", fields: needs, ..Tiny::PLAIN }.with_recipe(&space, "");
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(&space, "");
    let held_up = space.opb(&["build", "-q"]).exits(4);
    insta::assert_snapshot!(told(&space, &held_up), @r"
    failed  build:a-TAG@DISTRO/all  TIME  (tolerated until 2199-01-15: upstream #77)
    blocked resolve:b-TAG@DISTRO/all
      needs build:a-TAG@DISTRO/all, whose failure is tolerated; that this does not run is not
      help: mend what fails, or give `b-TAG` a `may_fail` of its own, or for a while `opb expect-failure b-TAG`
      not run because of it: 3 nodes
    ");
    assert_eq!([space.times("build:c-TAG@DISTRO/all"), space.times("repo:c-TAG@DISTRO")], [1, 0]);

    // With a reason of its own it may, and the repository has the rest.
    Tiny { name: "b", fields: needs, ..Tiny::PLAIN }.with_recipe(&space, r#"may_fail: "needs a""#);
    let fine = space.opb(&["build", "-q"]).fine();
    insta::assert_snapshot!(told(&space, &fine), @r"
    failed  build:a-TAG@DISTRO/all  (on DATE)  (tolerated until 2199-01-15: upstream #77)
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, source-package:b-TAG@DISTRO, build:b-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");
    assert_eq!(repository(&space), ["c-TAG_1.0-1~SUFFIX+opb1_all.deb", "c-TAG_1.0-1~SUFFIX.dsc"]);
}
