//! Exceptions: what is built, assembled, told and published while builds are skipped or expected to fail, or pins held.

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

const UNTIL: [&str; 4] = ["--reason", "upstream #77", "--expires", "2199-01-15"];

/// a, which b needs, and c, which needs nobody.
fn project(space: &Space, fill: &str) {
    let needs = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(space, "");
    Tiny { name: "b", fields: needs, ..Tiny::PLAIN }.with_recipe(space, "");
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(space, "");
}

fn except(space: &Space, verb: &str, selector: &str) -> Ran {
    space.opb(&[&[verb, selector][..], &UNTIL].concat()).fine()
}

/// Packages of the channel's repository as it was assembled last.
fn repository(space: &Space) -> Vec<String> {
    let files = space.files("repo:c-TAG@DISTRO", "tree").into_iter().map(|(path, _)| path);
    let packages = files.filter(|path| path.ends_with(".deb"));
    packages.map(|path| space.shown(path.rsplit('/').next().expect("a name"))).collect()
}

fn told(space: &Space, ran: &Ran) -> String {
    let passed_over = ["done", "same", "found", "start", "cache", "saved", "fetched"];
    let lines = ran.err.lines().filter(|line| !passed_over.iter().any(|start| line.starts_with(start)));
    space.shown(&lines.collect::<Vec<_>>().join("\n"))
}

fn last_run(space: &Space) -> serde_json::Value {
    let runs = space.opb(&["runs", "--all", "--format", "json"]).fine().out;
    let runs: serde_json::Value = serde_json::from_str(&runs).expect("JSON");
    let ours = space.folder.display().to_string();
    let run = runs["runs"].as_array().expect("runs").iter().find(|run| run["project"] == ours).expect("ours");
    let id = run["id"].as_str().expect("a name");
    serde_json::from_str(&space.opb(&["runs", id, "--format", "json"]).fine().out).expect("JSON")
}

#[test]
fn what_is_skipped_is_done_without_and_no_failure() {
    let Some(space) = space("skipped") else { return };
    project(&space, "exit 3");
    let skip = except(&space, "skip", "a-TAG");
    insta::assert_snapshot!(space.shown(&skip.out), @"skip: 1 build until 2199-01-15: build:a-TAG@DISTRO/all");
    let first = space.opb(&["build"]).fine();
    // How many nodes that is depends on what other tests have made.
    let lines = told(&space, &first);
    let lines: Vec<&str> = lines.lines().filter(|line| !line.contains(" nodes ")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    skipped a-TAG  until 2199-01-15: upstream #77
      build:a-TAG@DISTRO/all
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, source-package:b-TAG@DISTRO, build:b-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");
    assert_eq!(repository(&space), ["c-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    assert!(space.opb(&["log", "build:a-TAG@DISTRO/all"]).exits(2).err.contains("opb::history"), "never tried");
    let record = last_run(&space);
    assert_eq!((&record["run"]["result"], &record["run"]["counts"]["not_run"]), (&"done".into(), &0.into()));
    let nodes = record["nodes"].as_array().expect("nodes");
    let a = nodes.iter().find(|node| node["node"] == space.own("build:a-TAG@DISTRO/all")).expect("on record");
    assert_eq!((&a["outcome"], &a["excuse"]["exception"]), (&"skipped".into(), &space.own("a-TAG").into()));
    let id = record["run"]["id"].as_str().expect("a name");
    let text = space.shown(&space.opb(&["runs", id]).fine().out);
    assert!(text.contains("exception `a-TAG` until 2199-01-15: upstream #77"), "{text}");

    // Nothing is left to do, and that is no record.
    let second = space.opb(&["build"]).fine();
    insta::assert_snapshot!(told(&space, &second), @r"
    skipped a-TAG  until 2199-01-15: upstream #77
      build:a-TAG@DISTRO/all
      not run because of it: 4 nodes (1 package build)
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, source-package:b-TAG@DISTRO, build:b-TAG@DISTRO/all, as `may_fail` or an exception allows
    nothing to do: 14 nodes clean, 5 skipped (TIME)
    ");
    assert_eq!(last_run(&space)["run"]["id"], record["run"]["id"]);

    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    let published = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(told(&space, &published), @r"
    note: published without source-package:a-TAG@DISTRO, as `may_fail` or an exception allows
    note: published without build:a-TAG@DISTRO/all, as `may_fail` or an exception allows
    note: published without source-package:b-TAG@DISTRO, as `may_fail` or an exception allows
    note: published without build:b-TAG@DISTRO/all, as `may_fail` or an exception allows
    ");

    // Once its day is over it is tried, and fails.
    let file = std::fs::read_to_string(space.folder.join("opb.exceptions.toml")).expect("written");
    space.write("opb.exceptions.toml", &file.replace("2199-01-15", "2026-01-15"));
    let over = space.opb(&["build"]).exits(4);
    insta::assert_snapshot!(told(&space, &over), @r"
    note: an exception has expired and no longer counts: skip `a-TAG` on 2026-01-15; take it back with `opb exceptions --remove-expired`, or give it another day
    failed  build:a-TAG@DISTRO/all  TIME
    error   build:a-TAG@DISTRO/all
      the script failed with exit code 2
          make: *** [debian/rules:7: binary-indep] Error 3
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not run because of it: 4 nodes (1 package build)
    2 nodes ran (0 package builds), 12 clean, 1 failed, 4 not run, in TIME
    ");

    // What is realised is used, whatever is skipped.
    project(&space, "echo mended > $d/x");
    space.opb(&["exceptions", "--remove-expired"]).fine();
    space.opb(&["build", "-q"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    except(&space, "skip", "@DISTRO");
    insta::assert_snapshot!(told(&space, &space.opb(&["build"]).fine()), @"nothing to do: 19 nodes, all clean (TIME)");
    assert_eq!(repository(&space).len(), 3);

    // Where nothing is left of the repository, what is published stays.
    project(&space, "echo other > $d/x");
    Tiny { name: "c", fill: "echo other > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    insta::assert_snapshot!(told(&space, &space.opb(&["build"]).fine()), @r"
    skipped @DISTRO  until 2199-01-15: upstream #77
      build:c-TAG@DISTRO/all
      build:a-TAG@DISTRO/all
      build:b-TAG@DISTRO/all
      not run because of it: 5 nodes
    nothing to do: 11 nodes clean, 8 skipped (TIME)
    ");
    let stays = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&format!("{}{}", stays.out, stays.err)), @r"
    nothing to publish: generation 2 of c-TAG has all of it already: 3 packages, in STORE/channels/c-TAG/current
    DISTRO is held back: exceptions skip all of it; its last good state stays
    ");
}

#[test]
fn what_is_expected_to_fail_is_tolerated_and_told_once_it_does_not() {
    let Some(space) = space("expected") else { return };
    Tiny { fill: "exit 3", ..Tiny::PLAIN }.with_recipe(&space, "");
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q"]).exits(4);
    except(&space, "expect-failure", "a-TAG");
    let tolerated = space.opb(&["build"]).fine();
    insta::assert_snapshot!(told(&space, &tolerated), @r"
    failed  build:a-TAG@DISTRO/all  (on DATE)  (tolerated until 2199-01-15 by the exception `a-TAG`: upstream #77)
    lacking repo:c-TAG@DISTRO
      assembled without source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all, as `may_fail` or an exception allows
    1 node ran (0 package builds), 12 clean, 1 failed as they may, in TIME
    ");
    assert_eq!(repository(&space), ["c-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    let record = last_run(&space);
    let nodes = record["nodes"].as_array().expect("nodes");
    let a = nodes.iter().find(|node| node["node"] == space.own("build:a-TAG@DISTRO/all")).expect("on record");
    assert_eq!((&a["outcome"], &a["excuse"]["exception"]), (&"tolerated".into(), &space.own("a-TAG").into()));

    Tiny { fill: "echo mended > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    let mended = space.opb(&["build"]).fine();
    insta::assert_snapshot!(told(&space, &mended), @r"
    note: the build of `a-TAG` succeeds although it is expected to fail: take that back with `opb exceptions --remove a-TAG`
    4 nodes ran (1 package build), 10 clean, in TIME
    ");
    assert_eq!(repository(&space).len(), 2);
    // Also where there is nothing to do; taken back, that is told no more.
    let idle = space.opb(&["build"]).fine();
    insta::assert_snapshot!(told(&space, &idle), @r"
    note: the build of `a-TAG` succeeds although it is expected to fail: take that back with `opb exceptions --remove a-TAG`
    nothing to do: 14 nodes, all clean (TIME)
    ");
    space.opb(&["exceptions", "--remove", "a-TAG"]).fine();
    insta::assert_snapshot!(told(&space, &space.opb(&["build"]).fine()), @"nothing to do: 14 nodes, all clean (TIME)");
}

#[test]
fn a_held_source_stays_while_its_distro_moves() {
    let Some(space) = space("held") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    let mut archive = Archive::new(&space);
    archive.publish(Signed::Well);
    space.opb(&["update", "@test-TAG"]).fine();
    // A pin of a source that the archive does not have any more.
    space.recipe("md", "#{ source: dsc(\"md-TAG\") }\n");
    let lock = std::fs::read_to_string(space.folder.join("opb.lock")).expect("written");
    let pin = "[dsc.test-TAG.md-TAG]\nsuite = \"trial\"\ndirectory = \"pool\"\ntree = \"DIGEST\"\n\n\
               [dsc.test-TAG.md-TAG.files.\"md.dsc\"]\nsize = 1\nsha256 = \"DIGEST\"\n\n\
               [dsc.test-TAG.md-TAG.facts]\nsource = \"md-TAG\"\nversion = \"1.0-1\"\ndistribution = \"unstable\"\n\
               date = 1736589600\nformat = \"3.0 (quilt)\"\nrules_requires_root = \"no\"\n\n\
               [dsc.test-TAG.md-TAG.facts.binaries.md-TAG]\narchitecture = \"all\"\n";
    space.write("opb.lock", &format!("{lock}\n{}", pin.replace("DIGEST", &"0".repeat(64))));
    let lost = space.opb(&["update"]).exits(2);
    assert!(lost.err.contains("has no source package"), "{}", lost.err);
    let held = except(&space, "hold", "md-TAG");
    insta::assert_snapshot!(space.shown(&held.out), @"hold: 1 pin stays until 2199-01-15: md-TAG@test-TAG");
    archive.add("other", "1.0");
    archive.publish(Signed::Well);
    let stays = space.opb(&["update"]).fine();
    assert!(stays.out.contains(&space.own("\nmoved   test-TAG trial  ")), "{}", stays.out);
    insta::assert_snapshot!(space.shown(stays.out.lines().next().unwrap_or_default()), @"held    md-TAG@test-TAG  1.0-1  until 2199-01-15: upstream #77");
    except(&space, "hold", "@test-TAG");
    insta::assert_snapshot!(space.shown(&space.opb(&["update", "--dry-run"]).fine().out), @r"
    held    @test-TAG  until 2199-01-15: upstream #77
    nothing moved: all pins that are not held are what the archives have now
    ");
}
