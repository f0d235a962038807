//! Needs between components, and packages that two of them make.

use super::*;

#[test]
fn no_such_component() {
    let space = Space::two();
    space.file("recipes/libbsd.rhai", "#{\n    source: dsc(\"libbsd\"),\n    needs: [\"libdm\"],\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × there is no component `libdm`
       ╭─[recipes/libbsd.rhai:3:13]
     2 │     source: dsc("libbsd"),
     3 │     needs: ["libdm"],
       ·             ───┬───
       ·                ╰── here
     4 │ }
       ╰────
      help: name a recipe; a package of the distribution is written `pkg("libdm")`; did you mean `libmd`?
    "###);
    space.file("recipes/libbsd.rhai", "#{\n    source: dsc(\"libbsd\"),\n    needs: [\"help2man\"],\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × there is no component `help2man`
       ╭─[recipes/libbsd.rhai:3:13]
     2 │     source: dsc("libbsd"),
     3 │     needs: ["help2man"],
       ·             ─────┬────
       ·                  ╰── here
     4 │ }
       ╰────
      help: name a recipe; a package of the distribution is written `pkg("help2man")`
    "###);
}

#[test]
fn a_need_that_is_not_built_for_the_distro() {
    let space = Space::two();
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), skip: \"broken\" }\n");
    space.file("recipes/libbsd.rhai", "#{\n    source: dsc(\"libbsd\"),\n    needs: [\"libmd\"],\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `libbsd` needs `libmd`, which is not built for mirage-1
       ╭─[recipes/libbsd.rhai:3:13]
     2 │     source: dsc("libbsd"),
     3 │     needs: ["libmd"],
       ·             ───┬───
       ·                ╰── here
     4 │ }
       ╰────
      help: build `libmd` for mirage-1 too, or leave `libbsd` out there with `targets` or `skip`
    "###);
}

#[test]
fn a_need_that_is_not_built_for_the_arch() {
    let mut space = Space::two();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), targets: [\"@mirage-1/arm64\"] }\n");
    space.file("recipes/libbsd.rhai", "#{\n    source: dsc(\"libbsd\"),\n    needs: [\"libmd\"],\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `libbsd` needs `libmd`, which is not built for mirage-1/amd64
       ╭─[recipes/libbsd.rhai:3:13]
     2 │     source: dsc("libbsd"),
     3 │     needs: ["libmd"],
       ·             ───┬───
       ·                ╰── here
     4 │ }
       ╰────
      help: build `libmd` for mirage-1/amd64 too, or leave `libbsd` out there with `targets` or `skip`
    "###);
}

#[test]
fn a_cycle_is_shown_whole() {
    let mut space = Space::two();
    space.dsc("libmd", "libbsd-dev", &[("libmd-dev", "any", "")]);
    space.dsc("libbsd", "signify", &[("libbsd-dev", "any", "")]);
    space.dsc("signify", "libmd-dev", &[("signify", "any", "")]);
    space.file("recipes/signify.rhai", "#{ source: dsc(\"signify\") }\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × components need each other on mirage-1: libbsd → signify → libmd → libbsd
       ╭─[recipes/libmd.rhai:1:4]
     1 │ #{ source: dsc("libmd") }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: break the circle: give one of them a `stage` with a build profile that drops the need from its `debian/control`, as in `stage: #{ profiles: ["stage1"] }`; or leave one out with `targets`
    "###);
}

#[test]
fn a_component_that_needs_itself() {
    let space = Space::two();
    space.file("recipes/libmd.rhai", "#{\n    source: dsc(\"libmd\"),\n    needs: [\"libmd\"],\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × components need each other on mirage-1: libmd → libmd
       ╭─[recipes/libmd.rhai:3:13]
     2 │     source: dsc("libmd"),
     3 │     needs: ["libmd"],
       ·             ───┬───
       ·                ╰── here
     4 │ }
       ╰────
      help: break the circle: give one of them a `stage` with a build profile that drops the need from its `debian/control`, as in `stage: #{ profiles: ["stage1"] }`; or leave one out with `targets`
    "###);
}

#[test]
fn two_makers_of_one_package() {
    let mut space = Space::two();
    space.dsc("libmd2", "", &[("libmd-dev", "any", "")]);
    space.file("recipes/libmd2.rhai", "#{ source: dsc(\"libmd2\") }\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `libmd2` and `libmd` both make the package `libmd-dev` for mirage-1
       ╭─[recipes/libmd2.rhai:1:4]
     1 │ #{ source: dsc("libmd2") }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: leave one of them out of mirage-1 with `targets` or `skip`
    "###);
}
