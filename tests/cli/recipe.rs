//! Mistakes in recipes, through the program: all of them exit with 2. `tests/recipes/` has every text there is.

use super::*;

fn seen(recipe: &str) -> String {
    let space = Space::pinned();
    space.file("recipes/libmd.rhai", recipe);
    space.seen(&["eval"])
}

#[test]
fn a_build_with_a_mistake_makes_no_store() {
    let space = Space::pinned();
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), sorce: 1 }\n");
    let said = space.seen(&["build"]);
    assert!(said.starts_with("exit 2\n") && said.contains("did you mean `source`?"), "{said}");
    assert!(!space.path("store").exists(), "nothing is to be kept yet");
}

#[test]
fn syntax() {
    insta::assert_snapshot!(seen("#{\n    source: dsc(\"libmd\")\n    build: native(),\n}\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::syntax

      × a `,` is missing before `build`
       ╭─[recipes/libmd.rhai:3:5]
     2 │     source: dsc("libmd")
     3 │     build: native(),
       ·     ──┬──
       ·       ╰── here
     4 │ }
       ╰────
      help: end what stands before it with `,`
    "###);
}

#[test]
fn an_unknown_field() {
    insta::assert_snapshot!(seen("#{\n    sorce: dsc(\"libmd\"),\n}\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::field

      × there is no field `sorce`
       ╭─[recipes/libmd.rhai:2:5]
     1 │ #{
     2 │     sorce: dsc("libmd"),
       ·     ──┬──
       ·       ╰── here
     3 │ }
       ╰────
      help: did you mean `source`?
    "###);
}

#[test]
fn another_type() {
    insta::assert_snapshot!(seen("#{\n    source: dsc(\"libmd\"),\n    env: [\"A=1\"],\n}\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::field

      × `env` must be a map, not a list
       ╭─[recipes/libmd.rhai:3:10]
     2 │     source: dsc("libmd"),
     3 │     env: ["A=1"],
       ·          ───┬───
       ·             ╰── here
     4 │ }
       ╰────
      help: write it as in `#{ key: "value" }`
    "###);
}

#[test]
fn a_fact_that_targets_do_not_have() {
    insta::assert_snapshot!(seen("#{\n    source: dsc(\"libmd\"),\n    skip: if target.famly == \"rpm\" { \"no\" },\n}\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::script

      × `target` has no property `famly`
       ╭─[recipes/libmd.rhai:3:21]
     2 │     source: dsc("libmd"),
     3 │     skip: if target.famly == "rpm" { "no" },
       ·                     ──┬──
       ·                       ╰── here
     4 │ }
       ╰────
      help: did you mean `family`? A target has `arch`, `codename`, `distro`, `family`, `name`, `release`, `vendor`
    "###);
}

#[test]
fn a_map_without_its_hash() {
    insta::assert_snapshot!(seen("{\n    source: dsc(\"libmd\"),\n}\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::syntax

      × a map begins with `#{`, not with `{`
       ╭─[recipes/libmd.rhai:1:1]
     1 │ {
       · ┬
       · ╰── here
     2 │     source: dsc("libmd"),
       ╰────
      help: write `#{` here
    "###);
}

#[test]
fn backticks() {
    insta::assert_snapshot!(seen("#{ source: dsc(\"libmd\"), env: #{ D: `${shlibs:Depends}` } }\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::syntax

      × a `${…}` in back-ticks holds what is not an expression
       ╭─[recipes/libmd.rhai:1:46]
     1 │ #{ source: dsc("libmd"), env: #{ D: `${shlibs:Depends}` } }
       ·                                              ┬
       ·                                              ╰── here
       ╰────
      help: write `#"…"#` instead: a back-ticked string puts the value of what stands in `${…}` into the text
    "###);
}

#[test]
fn a_target_that_matches_nothing() {
    insta::assert_snapshot!(seen("#{ source: dsc(\"libmd\"), targets: [\"@mirag-1\"] }\n"), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::pattern

      × `@mirag-1` matches no target
       ╭─[recipes/libmd.rhai:1:36]
     1 │ #{ source: dsc("libmd"), targets: ["@mirag-1"] }
       ·                                    ─────┬────
       ·                                         ╰── here
       ╰────
      help: did you mean `@mirage-1`?
    "###);
}

#[test]
fn a_broken_distro() {
    let space = Space::two();
    space.file("distros/mirage-1.rhai", &MIRAGE.replace("codename", "codenam"));
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::field

      × there is no field `codenam`
       ╭─[distros/mirage-1.rhai:2:52]
     1 │ #{
     2 │     family: "deb", vendor: "mirage", release: "1", codenam: "oasis", suffix: "mir1",
       ·                                                    ───┬───
       ·                                                       ╰── here
     3 │     arches: ["amd64", "arm64"], indep_on: "amd64",
       ╰────
      help: did you mean `codename`?
    "###);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let space = Space::pinned();
    space.file("recipes/a.rhai", "#{ sorce: 1 }\n");
    space.file("recipes/b.rhai", "#{ source: 1 }\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 2 mistakes

    Error: opb::eval::field

      × there is no field `sorce`
       ╭─[recipes/a.rhai:1:4]
     1 │ #{ sorce: 1 }
       ·    ──┬──
       ·      ╰── here
       ╰────
      help: did you mean `source`?

    Error: opb::eval::field

      × `source` must be a source, not the number 1
       ╭─[recipes/b.rhai:1:12]
     1 │ #{ source: 1 }
       ·            ┬
       ·            ╰── here
       ╰────
      help: write `dsc("libmd")` for a source package of the distro, `path("folder")` for a folder of the project, `git("https://…")` for a git repository, `archive("https://…")` for an archive
    "###);
    assert!(!space.path("store").exists(), "a store for nothing");
}
