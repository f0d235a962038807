//! What a change reaches: nothing, one node, or all that follows from it.

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// a ← b ← c, where b has the first character of what a has and c nothing of b; and d, which nobody needs.
fn chain(space: &Space, env: &str) {
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(space, &format!("env: #{{ {env} }}"));
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { name: "b", fields, fill: "head -c 1 /usr/share/a-TAG/x > $d/x", ..Tiny::PLAIN }.with_recipe(space, "");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: b-TAG\n";
    Tiny { name: "c", fields, fill: "wc -c < /usr/share/b-TAG/x > $d/x", ..Tiny::PLAIN }.with_recipe(space, "");
    Tiny { name: "d", ..Tiny::PLAIN }.with_recipe(space, "");
}

/// What `opb report cache` says of the last run of this project; others write their records into the same store.
fn report(space: &Space) -> serde_json::Value {
    let json =
        |args: &[&str]| -> serde_json::Value { serde_json::from_str(&space.opb(args).fine().out).expect("JSON") };
    let runs = json(&["runs", "--all", "--format", "json"]);
    let is_own = |run: &&serde_json::Value| run["project"].as_str().is_some_and(|path| path.contains(&space.tag));
    let run = runs["runs"].as_array().expect("a list").iter().find(is_own).expect("a run");
    json(&["report", "cache", "--run", run["id"].as_str().expect("a name"), "--format", "json"])
}

fn told(space: &Space, ran: &Ran) -> String {
    space.shown(&ran.err)
}

#[test]
fn a_change_reaches_what_follows_from_it() {
    let Some(space) = space("chain") else { return };
    chain(&space, r#"X: "1""#);
    let build = || space.opb(&["build", "-j1"]).fine();
    let times = || ["a", "b", "c", "d"].map(|name| space.times(&format!("build:{name}-TAG@DISTRO/all")));

    let first = build();
    let built = ["a", "b", "c", "d"].map(|name| space.own(&format!("build:{name}-TAG@DISTRO/all")));
    let mut done = first.nodes("done");
    done.retain(|node| node.starts_with("build:"));
    assert_eq!(done.len(), 4, "{}", first.err);
    assert!(done.iter().filter(|node| **node != built[3]).eq(&built[..3]), "{done:?}");
    assert!(first.err.contains(" nodes ran (4 package builds), "), "{}", first.err);
    assert_eq!(times(), [1, 1, 1, 1]);
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);

    // Nothing changed.
    insta::assert_snapshot!(told(&space, &build()), @r"
    nothing to do: 24 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 24 nodes from the store
    ");

    // A comment changes nothing.
    space.recipe("a", "// A comment.\n#{ source: path(\"a\"), env: #{ X: \"1\" } } // and another\n");
    insta::assert_snapshot!(told(&space, &build()), @r"
    nothing to do: 24 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 24 nodes from the store
    ");

    // What the build does not look at: it runs, and its packages stay.
    chain(&space, r#"X: "1", UNUSED: "1""#);
    let kept = build();
    insta::assert_snapshot!(told(&space, &kept), @r"
    kept    build:a-TAG@DISTRO/all  TIME (rebuilt, equivalent, kept 1.0-1~SUFFIX+opb1)
    1 node ran (1 package build), 7 nodes spared because an input came out as before, 16 clean, in TIME
    saved TIME of building (TIME CPU): 16 nodes from the store, 7 spared by early cutoff
    ");
    assert_eq!(times(), [2, 1, 1, 1]);
    let total = &report(&space)["total"];
    let count = |field: &serde_json::Value| field.as_u64().unwrap_or_else(|| panic!("{total:#}"));
    let saved = &total["saved"];
    assert_eq!(["store", "cut_off"].map(|how| count(&saved[how]["nodes"])), [16, 7]);
    assert_eq!((count(&saved["cut_off"]["builds"]), count(&saved["total"]["unknown"])), (2, 0));
    // Two builds in chroots, spared; and the one that ran, with its processor time.
    assert!(count(&saved["cut_off"]["cost"]["cpu_milliseconds"]) > 0 && count(&total["ran"]["kept"]) == 1, "{total:#}");
    assert!(count(&total["ran"]["cost"]["cpu_milliseconds"]) > 0, "{total:#}");
    assert_eq!(report(&space)["reasons"][0]["sums"]["saved"]["cut_off"]["nodes"], 7);
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    insta::assert_snapshot!(space.shown(&space.opb(&["why", "a-TAG"]).fine().out), @r"
    build:a-TAG@DISTRO/all
      now it is clean: nothing that it depends on has changed
      last built DATE in TIME, number 2
        equivalent to the build before, whose packages were kept
        because env UNUSED is new: `1`
          compared with the nearest before it, of DATE
    ");

    // What b does not look at.
    chain(&space, r#"X: "12""#);
    let reached_b = build();
    insta::assert_snapshot!(told(&space, &reached_b), @r"
    done    build:a-TAG@DISTRO/all  TIME
    done    resolve:b-TAG@DISTRO/all  TIME
    done    root:b-TAG@DISTRO/all  TIME
    kept    build:b-TAG@DISTRO/all  TIME (rebuilt, equivalent, kept 1.0-1~SUFFIX+opb1)
    same    resolve:c-TAG@DISTRO/all  TIME (output as before: what follows is not rebuilt because of it)
    done    repo:c-TAG@DISTRO  TIME
    6 nodes ran (2 package builds), 2 nodes spared because an input came out as before, 16 clean, in TIME
    saved TIME of building (TIME CPU): 16 nodes from the store, 2 spared by early cutoff
    ");
    assert_eq!(times(), [3, 2, 1, 1]);
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"]);
    assert_eq!(space.packages("build:b-TAG@DISTRO/all"), ["b-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    let list = space.text("resolve:b-TAG@DISTRO/all", "list");
    let line = list.lines().find(|line| line.contains(&space.tag)).expect("a is on b's list");
    assert!(space.shown(line).starts_with("a-TAG 1.0-1~SUFFIX+opb2 all "), "{line}");
    assert!(space.shown(line).ends_with(" component:a-TAG component"), "{line}");

    // What b looks at and c does not see.
    chain(&space, r#"X: "2""#);
    let reached_c = build();
    insta::assert_snapshot!(told(&space, &reached_c), @r"
    done    build:a-TAG@DISTRO/all  TIME
    done    resolve:b-TAG@DISTRO/all  TIME
    done    root:b-TAG@DISTRO/all  TIME
    done    build:b-TAG@DISTRO/all  TIME
    done    resolve:c-TAG@DISTRO/all  TIME
    done    root:c-TAG@DISTRO/all  TIME
    kept    build:c-TAG@DISTRO/all  TIME (rebuilt, equivalent, kept 1.0-1~SUFFIX+opb1)
    done    repo:c-TAG@DISTRO  TIME
    8 nodes ran (3 package builds), 16 clean, in TIME
    saved TIME of building (TIME CPU): 16 nodes from the store
    ");
    assert_eq!(times(), [4, 3, 2, 1]);
    assert_eq!(space.packages("build:b-TAG@DISTRO/all"), ["b-TAG_1.0-1~SUFFIX+opb2_all.deb"]);
    assert_eq!(space.packages("build:c-TAG@DISTRO/all"), ["c-TAG_1.0-1~SUFFIX+opb1_all.deb"]);

    // Back: the first results are found again.
    chain(&space, r#"X: "1""#);
    insta::assert_snapshot!(told(&space, &build()), @r"
    nothing to do: 24 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 24 nodes from the store
    ");
    chain(&space, r#"X: "12""#);
    insta::assert_snapshot!(told(&space, &build()), @r"
    nothing to do: 24 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 24 nodes from the store
    ");
    // Also what was equivalent to them.
    chain(&space, r#"X: "1", UNUSED: "1""#);
    insta::assert_snapshot!(told(&space, &build()), @r"
    nothing to do: 24 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 24 nodes from the store
    ");
    assert_eq!(times(), [4, 3, 2, 1]);
    assert_eq!(space.packages("build:d-TAG@DISTRO/all"), ["d-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
}

#[test]
fn plans_say_what_builds_do() {
    let Some(space) = space("plan") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    let plan = || space.shown(&space.opb(&["plan"]).fine().out);
    insta::assert_snapshot!(plan(), @"nothing to do: 24 nodes, all clean");
    chain(&space, r#"X: "2""#);
    insta::assert_snapshot!(plan(), @r"
    run      build:a-TAG@DISTRO/all    env X changed from `1` to `2`
    depends  resolve:b-TAG@DISTRO/all  on build:a-TAG@DISTRO/all
    depends  root:b-TAG@DISTRO/all     on resolve:b-TAG@DISTRO/all
    depends  build:b-TAG@DISTRO/all    on root:b-TAG@DISTRO/all
    depends  resolve:c-TAG@DISTRO/all  on build:a-TAG@DISTRO/all, build:b-TAG@DISTRO/all
    depends  root:c-TAG@DISTRO/all     on resolve:c-TAG@DISTRO/all
    depends  build:c-TAG@DISTRO/all    on root:c-TAG@DISTRO/all
    depends  repo:c-TAG@DISTRO         on build:a-TAG@DISTRO/all, build:b-TAG@DISTRO/all, build:c-TAG@DISTRO/all
    1 node will run, 7 depend on what comes out, 16 are clean
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["plan", "b-TAG"]).fine().out), @r"
    run      build:a-TAG@DISTRO/all    env X changed from `1` to `2`
    depends  resolve:b-TAG@DISTRO/all  on build:a-TAG@DISTRO/all
    depends  root:b-TAG@DISTRO/all     on resolve:b-TAG@DISTRO/all
    depends  build:b-TAG@DISTRO/all    on root:b-TAG@DISTRO/all
    depends  resolve:c-TAG@DISTRO/all  on build:a-TAG@DISTRO/all, build:b-TAG@DISTRO/all
    depends  root:c-TAG@DISTRO/all     on resolve:c-TAG@DISTRO/all
    depends  build:c-TAG@DISTRO/all    on root:c-TAG@DISTRO/all
    1 node will run, 6 depend on what comes out, 11 are clean
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["plan", "--only", "build:d-TAG", "--again"]).fine().out), @r"
    run      build:d-TAG@DISTRO/all  asked for again
    1 node will run, 0 depend on what comes out, 7 are clean
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["why", "a-TAG"]).fine().out), @r"
    build:a-TAG@DISTRO/all
      now it would run: env X changed from `1` to `2`
          compared with the nearest before it, of DATE
        7 nodes run or may run because of it
      last built DATE in TIME, number 1
        because it was never built before
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["why", "b-TAG"]).fine().out), @r"
    build:b-TAG@DISTRO/all
      now it depends on what comes out of root:b-TAG@DISTRO/all
        because of 1 root, 7 cascaded
          env X changed from `1` to `2`: 1 node, 7 follow, 3 builds in all
              build:a-TAG@DISTRO/all
      last built DATE in TIME, number 1
        because it was never built before
    ");
}
