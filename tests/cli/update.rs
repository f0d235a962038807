//! `opb update`: what can be said without a network.

use super::exceptions::except;
use super::*;

#[test]
fn words_that_name_nothing() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["update", "@mirag-1"]), @r###"
    exit 2
    --- stderr
    opb::update::unknown

      × `@mirag-1` is neither a component nor a distro of this project
      help: write a component's name, or a distro as in `@debian-12` or `@debian-12/amd64`; did you mean `@mirage-1`?
    "###);
    insta::assert_snapshot!(space.seen(&["update", "libdm"]), @r###"
    exit 2
    --- stderr
    opb::update::unknown

      × `libdm` is neither a component nor a distro of this project
      help: write a component's name, or a distro as in `@debian-12` or `@debian-12/amd64`; did you mean `libmd`?
    "###);
    insta::assert_snapshot!(space.seen(&["update", "nothing-like-it"]), @r###"
    exit 2
    --- stderr
    opb::update::unknown

      × `nothing-like-it` is neither a component nor a distro of this project
      help: write a component's name, or a distro as in `@debian-12` or `@debian-12/amd64`
    "###);
    insta::assert_snapshot!(space.seen(&["update", "@mirage-1/sparc"]), @r###"
    exit 2
    --- stderr
    opb::update::arch

      × `mirage-1` has no arch `sparc`
      help: choose one of amd64, arm64, or add it to `distros/mirage-1.rhai`
    "###);
}

#[test]
fn no_keyring() {
    insta::assert_snapshot!(Space::bare().seen(&["update", "@mirage-1"]), @r###"
    exit 3
    --- stderr
    opb::update::keyring

      × the keyring `mirage-keyring.gpg` of mirage-1 is not on this machine
      help: install the package that has it (`debian-archive-keyring`, `ubuntu-keyring`), or put the file into `distros/keyrings/`
    "###);
}

#[test]
fn a_machine_that_is_none_of_the_distros() {
    let space = Space::bare();
    let seen = space.seen(&["update"]);
    if seen.contains("apt-config") {
        eprintln!("skipped: this machine has no apt");
        return;
    }
    let (before, after) = seen.split_once("this machine (").expect(&seen);
    let (_, after) = after.split_once(')').expect(&seen);
    insta::assert_snapshot!(format!("{before}this machine ([HOST]){after}"), @r###"
    exit 2
    --- stderr
    opb::update::no_host_distro

      × nothing is pinned yet, and this machine ([HOST]) is none of the project's distros
      help: name what to pin, such as `opb update @mirage-1`
    "###);
}

#[test]
fn no_mirror() {
    let space = Space::bare();
    space.file("distros/keyrings/mirage-keyring.gpg", "");
    let seen = space.seen(&["update", "@mirage-1"]);
    if seen.contains("apt-config") {
        eprintln!("skipped: this machine has no apt");
        return;
    }
    insta::assert_snapshot!(seen, @r###"
    exit 3
    --- stderr
    opb::fetch::no_mirror

      × no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
      help: add the archive's address to `opb.toml`, below `[mirrors]`: mirage = "…"
    "###);
    space.file("opb.toml", "[mirrors]\nmirage = \"archive.example.org\"\n");
    insta::assert_snapshot!(space.seen(&["update", "@mirage-1"]), @r###"
    exit 2
    --- stderr
    opb::fetch::mirror_address

      × cannot use the archive that `opb.toml` names for `mirage`
      ╰─▶ `archive.example.org` is not an address
      help: write it as apt would: `https://…`, `http://…`, `file:/…` or `mirror+file:/…`
    "###);
}

#[test]
fn without_a_network_and_a_store() {
    let space = Space::bare();
    space.file("distros/keyrings/mirage-keyring.gpg", "");
    space.file("opb.toml", "[mirrors]\nmirage = \"http://archive.example.org/mirage\"\n");
    insta::assert_snapshot!(space.seen(&["update", "--offline", "@mirage-1"]), @r###"
    exit 3
    --- stderr
    opb::fetch::offline

      × `http://archive.example.org/mirage/dists/oasis/InRelease` is not on this machine, and the network is switched off
      help: run it without `--offline`
    "###);
    assert!(!space.path("opb.lock").exists());
}

#[test]
fn a_local_project_without_pins_needs_a_distro() {
    let space = Space::bare();
    space.file("recipes/libmd.rhai", "#{ sorce: 1 }\n");
    let seen = space.seen(&["update", "@mirage-1"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("sorce"), "recipes are read first: {seen}");
}

#[test]
fn an_update_leaves_what_is_held_where_it_is() {
    let space = Space::two();
    let lock = fs::read_to_string(space.path("opb.lock")).expect("there");
    except(&space, "hold", &["libmd@mirage-1"]);
    // By name it is refused, before anybody is asked.
    insta::assert_snapshot!(space.seen(&["update", "libmd"]), @r"
    exit 2
    --- stderr
    opb::update::held

      × `libmd` is held until 2199-12-24: waits for a review
      help: take the hold back first, with `opb exceptions --remove libmd@mirage-1`, or update without naming it
    ");
    let other = space.seen(&["update", "--offline", "libbsd"]);
    assert!(other.starts_with("exit 3") && !other.contains("held"), "that one may move: {other}");
    except(&space, "hold", &["@mirage-*"]);
    insta::assert_snapshot!(space.seen(&["update", "@mirage-1"]), @r"
    exit 2
    --- stderr
    opb::update::held

      × `@mirage-1` is held until 2199-12-24: waits for a review
      help: take the hold back first, with `opb exceptions --remove @mirage-*`, or update without naming it
    ");
    assert!(space.seen(&["update", "libbsd"]).contains("`libbsd` is held until 2199-12-24"), "with its distro");
    insta::assert_snapshot!(space.seen(&["update", "--offline", "--dry-run"]), @r"
    exit 0
    --- stdout
    held    @mirage-1  until 2199-12-24: waits for a review
    nothing moved: all pins that are not held are what the archives have now
    ");
    assert_eq!(fs::read_to_string(space.path("opb.lock")).expect("there"), lock);
}
