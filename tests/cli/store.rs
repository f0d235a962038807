//! Which store is used, and stores that cannot be.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn the_store_is_where_it_is_said_to_be() {
    let space = Space::two();
    space.stdout(&["plan"]);
    assert!(space.path("store/format").is_file());
    space.stdout(&["plan", "--store", "by-option"]);
    assert!(space.path("by-option/format").is_file());
    let run = |variable: &str, args: &[&str]| {
        assert!(space.command(args).env("OPB_STORE", variable).status().expect("runs").success());
    };
    run("by-variable", &["-q", "plan"]);
    assert!(space.path("by-variable/format").is_file());
    run("unused", &["-q", "plan", "--store", "by-option"]);
    assert!(!space.path("unused").exists(), "the option does not win");
    run("", &["-q", "plan"]);
}

#[test]
fn a_store_of_a_newer_opb() {
    let space = Space::two();
    space.file("store/format", "opb store 7\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::store::newer

      × the store `[HERE]/project/store` has format 7, newer than 2, the newest that this opb knows
      help: use the opb that made it, or choose another store with `--store`
    "###);
    space.file("store/format", "seven\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::store::format

      × `[HERE]/project/store/format` does not say a format
      help: choose another store with `--store`, or write `opb store 2` into that file if the folder is a store
    "###);
}

#[test]
fn a_folder_of_something_else() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["plan", "--store", "recipes"]), @r###"
    exit 2
    --- stderr
    opb::store::not_a_store

      × `[HERE]/project/recipes` is neither empty nor a store: it holds `libmd.rhai`
      help: choose an empty folder, or one that does not exist yet
    "###);
}

#[test]
fn a_file_instead_of_a_folder() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["plan", "--store", "opb.lock"]), @r###"
    exit 3
    --- stderr
    opb::store::io

      × making the store failed at `[HERE]/project/opb.lock`
      ╰─▶ File exists (os error 17)
      help: check that the folder is there, is writable for you, and is on a sound disk
    "###);
    insta::assert_snapshot!(space.seen(&["plan", "--store", ""]), @r###"
    exit 2
    --- stderr
    error: a value is required for '--store <DIR>' but none was supplied

    For more information, try '--help'.
    "###);
}

#[test]
fn a_folder_that_may_not_be_written() {
    let space = Space::two();
    // Nobody may write below /proc, root neither.
    insta::assert_snapshot!(space.seen(&["plan", "--store", "/proc/opb-store"]), @r###"
    exit 3
    --- stderr
    opb::store::io

      × making the store failed at `/proc/opb-store`
      ╰─▶ No such file or directory (os error 2)
      help: check that the folder is there, is writable for you, and is on a sound disk
    "###);
    if nix::unistd::geteuid().is_root() {
        eprintln!("skipped: root may write into any folder");
        return;
    }
    fs::create_dir(space.path("closed")).expect("made");
    fs::set_permissions(space.path("closed"), fs::Permissions::from_mode(0o500)).expect("closed");
    let seen = space.seen(&["plan", "--store", "closed/store"]);
    assert!(
        seen.starts_with("exit 3\n") && seen.contains("making the store failed at `[HERE]/project/closed/store`"),
        "{seen}"
    );
}
