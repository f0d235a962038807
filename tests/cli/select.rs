//! Selectors: what they select, and what is said of those that select nothing.

use super::*;

fn names(space: &Space, selectors: &[&str]) -> Vec<String> {
    let lines = space.stdout(&[&["eval", "--format", "jsonl"], selectors].concat());
    let name = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["name"].to_string();
    lines.lines().map(|line| name(line).trim_matches('"').to_owned()).collect()
}

#[test]
fn selectors_select_components_places_and_kinds() {
    let space = Space::two();
    assert_eq!(
        names(&space, &["build:lib*@mirage-1/*"]),
        ["build:libmd@mirage-1/amd64", "build:libbsd@mirage-1/amd64"]
    );
    assert_eq!(
        names(&space, &["libmd"]),
        [
            "source:libmd@mirage-1",
            "source-package:libmd@mirage-1",
            "resolve:libmd@mirage-1/amd64",
            "root:libmd@mirage-1/amd64",
            "build:libmd@mirage-1/amd64",
        ]
    );
    assert_eq!(names(&space, &["build:libmd", "build:*md"]), ["build:libmd@mirage-1/amd64"], "named twice, shown once");
    assert!(names(&space, &["@mirage-1/amd64"]).iter().all(|name| name.ends_with("@mirage-1/amd64")));
    assert_eq!(names(&space, &["*"]), names(&space, &[]));
}

#[test]
fn nothing_matches() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["eval", "build:libmb"]), @r###"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `build:libmb`
      help: did you mean `build:libmd`?
    "###);
    insta::assert_snapshot!(space.seen(&["eval", "@mirag-1/amd64"]), @r###"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `@mirag-1/amd64`
      help: did you mean `@mirage-1/amd64`?
    "###);
    insta::assert_snapshot!(space.seen(&["eval", "libmd@mirage-1/sparc"]), @r###"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `libmd@mirage-1/sparc`
      help: look at `opb eval`, which lists all nodes
    "###);
}

#[test]
fn a_distro_that_is_not_pinned() {
    let space = Space::two();
    space.file("distros/mirage-2.rhai", &MIRAGE.replace("\"1\"", "\"2\""));
    insta::assert_snapshot!(space.seen(&["plan", "@mirage-2"]), @r###"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `@mirage-2`
      help: run `opb update @mirage-2` first: mirage-2 is not pinned yet, so it has no nodes
    "###);
}

#[test]
fn no_selector_at_all() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["eval", "make:libmd"]), @r###"
    exit 2
    --- stderr
    opb::ops::selector

      × `make` in `make:libmd` is no kind of node
      help: write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `probe`, `source-package`,
            `build`, `repo`
    "###);
    insta::assert_snapshot!(space.seen(&["eval", "lib md;"]), @r###"
    exit 2
    --- stderr
    opb::ops::selector

      × `lib md;` has characters that no node name has
      help: write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `probe`, `source-package`,
            `build`, `repo`
    "###);
    insta::assert_snapshot!(space.seen(&["eval", ""]), @r###"
    exit 2
    --- stderr
    opb::ops::selector

      × an empty selector
      help: write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `probe`, `source-package`,
            `build`, `repo`
    "###);
}

#[test]
fn one_node_is_wanted() {
    let mut space = Space::two();
    insta::assert_snapshot!(space.seen(&["why", "lib*"]), @r###"
    exit 2
    --- stderr
    opb::ops::several_selected

      × `lib*` means 2 nodes, and one is wanted
      help: name one of them: build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    "###);
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    insta::assert_snapshot!(space.seen(&["log", "libmd"]), @r###"
    exit 2
    --- stderr
    opb::ops::several_selected

      × `libmd` means 2 nodes, and one is wanted
      help: name one of them: build:libmd@mirage-1/amd64, build:libmd@mirage-1/arm64
    "###);
}

#[test]
fn nothing_is_pinned_yet() {
    let space = Space::bare();
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\") }\n");
    for words in [&["eval"][..], &["plan"], &["build"], &["why", "libmd"]] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(space.seen(words), @r###"
            exit 2
            --- stderr
            opb::ops::nothing_pinned

              × nothing is pinned yet, so there is nothing to build
              help: run `opb update`: it pins package indexes and sources in `opb.lock`
            "###);
        }
    }
}
