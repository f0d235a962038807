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
    insta::assert_snapshot!(space.seen(&["eval"]), @"");
    space.file("opb.toml", "[checks]\nlintain = [\"*\"]\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @"");
}

#[test]
fn without_checks_there_is_no_baseline() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["baseline"]), @"");
}

#[test]
fn checks_that_have_not_run_have_nothing_to_write() {
    let space = Space::two();
    space.file("opb.toml", "[checks]\nlintian = [\"libbsd\"]\n");
    insta::assert_snapshot!(space.seen(&["baseline", "--write"]), @"");
}

#[test]
fn only_what_is_built_can_be_verified() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["verify", "libbsd"]), @"");
    insta::assert_snapshot!(space.seen(&["verify", "--sample", "2", "--seed", "x"]), @"");
    insta::assert_snapshot!(space.seen(&["verify"]), @"");
}
