//! Checks, baselines and verifying, as far as nothing runs.

use super::*;

#[test]
fn checks_are_nodes_that_selectors_mean() {
    let space = Space::two();
    space.file("opb.toml", "[checks]\nlintian = [\"libbsd\"]\ninstall = [\"*\"]\n");
    insta::assert_snapshot!(space.seen(&["eval", "check:*"]), @r"
    exit 0
    --- stdout
    check:libbsd.install@mirage-1/amd64
    check:libbsd.lintian@mirage-1/amd64
    check:libmd.install@mirage-1/amd64
    ");
    insta::assert_snapshot!(space.seen(&["eval", "--kind", "check", "libbsd"]), @r"
    exit 0
    --- stdout
    check:libbsd.install@mirage-1/amd64
    check:libbsd.lintian@mirage-1/amd64
    ");
}

#[test]
fn a_selector_of_the_settings_that_means_nothing() {
    let space = Space::two();
    space.file("opb.toml", "[checks]\nlintian = [\"libsbd\"]\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::pattern

      × `lintian` of `checks` in `opb.toml`: `libsbd` selects no build
      help: name a component or a target of this project, or `*` for all builds
    ");
    space.file("opb.toml", "[checks]\nlintain = [\"*\"]\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: unknown field `lintain`, expected one of `lintian`, `rpmlint`, `install`, `autopkgtest`, `upgrade`, `gate`
       ╭─[opb.toml:2:1]
     1 │ [checks]
     2 │ lintain = ["*"]
       · ───┬───
       ·    ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
}

#[test]
fn without_checks_there_is_no_baseline() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["baseline"]), @r"
    exit 2
    --- stderr
    opb::baseline::none

      × no check is selected that has findings
      help: say in `[checks]` of `opb.toml` or in `checks` of a recipe what is to be checked
    ");
}

#[test]
fn checks_that_have_not_run_have_nothing_to_write() {
    let space = Space::two();
    space.file("opb.toml", "[checks]\nlintian = [\"libbsd\"]\n");
    insta::assert_snapshot!(space.seen(&["baseline", "--write"]), @r"
    exit 0
    --- stdout
    libbsd.lintian: not run yet
      check:libbsd.lintian@mirage-1/amd64 has not run: `opb build libbsd` runs it
    ");
}

#[test]
fn only_what_is_built_can_be_verified() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["verify", "libbsd"]), @r"
    exit 2
    --- stderr
    opb::verify::not_built

      × `build:libbsd@mirage-1/amd64` has not been built as it is now
      help: run `opb build` first: there is nothing to compare with
    ");
    insta::assert_snapshot!(space.seen(&["verify", "--sample", "2", "--seed", "x"]), @r"
    exit 2
    --- stderr
    opb::verify::none

      × no build is selected that has a result
      help: select builds that have been made, as in `opb verify libbsd`; `opb build` makes them
    ");
    insta::assert_snapshot!(space.seen(&["verify"]), @r"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <SELECTOR>...

    Usage: opb verify <SELECTOR>...

    For more information, try '--help'.
    ");
}
