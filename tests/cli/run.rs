//! `opb run` and `opb build` up to where a chroot would be made.

use super::*;

#[test]
fn only_roots_can_be_entered() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["run", "build:libmd", "--", "true"]), @r###"
    exit 2
    --- stderr
    opb::run::no_root

      × `build:libmd@mirage-1/amd64` is no root
      help: name a root, such as `root:base@debian-12/amd64`; `opb eval` lists them
    "###);
    insta::assert_snapshot!(space.seen(&["run", "root:base@mirage-1/amd64"]), @r###"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <COMMAND>...

    Usage: opb run <ROOT> -- <COMMAND>...

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(space.seen(&["run", "--bind", "/etc", "root:base", "--", "true"]), @r###"
    exit 2
    --- stderr
    error: invalid value '/etc' for '--bind <HOST:GUEST>': write a path of this machine, `:`, and a path inside

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(space.seen(&["run", "--bind", "/etc:etc", "root:base", "--", "true"]), @r###"
    exit 2
    --- stderr
    error: invalid value '/etc:etc' for '--bind <HOST:GUEST>': `etc` is not absolute

    For more information, try '--help'.
    "###);
    insta::assert_snapshot!(space.seen(&["run", "--bind", "/nowhere:/x", "root:base", "--", "true"]), @r###"
    exit 2
    --- stderr
    error: invalid value '/nowhere:/x' for '--bind <HOST:GUEST>': cannot use `/nowhere`: No such file or directory (os error 2)

    For more information, try '--help'.
    "###);
}

#[test]
fn what_is_clean_is_not_run() {
    let space = Space::two();
    let seen = space.seen(&["build", "source:libmd", "--only", "--offline"]);
    let (head, _) = seen.split_once('(').expect(&seen);
    insta::assert_snapshot!(head, @r###"
    exit 0
    --- stderr
    nothing to do: 1 node, all clean
    "###);
}

#[test]
fn what_cannot_be_fetched_fails_and_the_rest_is_not_run() {
    let space = Space::two();
    space.file("opb.toml", "[mirrors]\nmirage = \"http://archive.example.org/mirage\"\n");
    let seen = space.seen(&["build", "-q", "source-package:libmd", "--only", "--offline"]);
    let (head, _) = seen.rsplit_once(" in ").expect(&seen);
    insta::assert_snapshot!(head, @r###"
    exit 3
    --- stderr
    error   source:libmd@mirage-1
      `http://archive.example.org/mirage/pool/main/l/libmd/libmd_1.0-1.dsc` is not on this machine, and the network is switched off
      help: run it without `--offline`
      not run because of it: 1 node
    0 nodes ran (0 package builds), 0 clean, 1 failed, 1 not run,
    "###);
}
