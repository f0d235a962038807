//! The project's folder, `opb.toml` and `opb.lock`.

use super::*;

#[test]
fn no_project() {
    let space = Space::bare();
    let home = space.folder.path().join("home");
    insta::assert_snapshot!(space.seen_of(space.command(&["eval"]).current_dir(home)), @r###"
    exit 2
    --- stderr
    opb::project::none

      × no project at `[HERE]/home` or in a folder above it
      help: go to a folder that has `recipes/` or `opb.toml`, or name one with `-C DIR`
    "###);
}

#[test]
fn other_folders() {
    let space = Space::two();
    let eval = space.stdout(&["eval"]);
    fs::create_dir(space.path("recipes/deep")).expect("made");
    assert_eq!(eval, space.stdout(&["-C", "recipes/deep", "eval"]), "the project is looked for upwards");
    assert_eq!(eval, space.stdout(&["eval", "-C", "recipes"]), "before or behind the verb");
    insta::assert_snapshot!(space.seen(&["-C", "recipe", "eval"]), @r###"
    exit 2
    --- stderr
    opb::project::no_folder

      × there is no folder `[HERE]/project/recipe`
      help: correct the path after `-C`
    "###);
    insta::assert_snapshot!(space.seen(&["-C", "opb.lock", "eval"]), @r###"
    exit 2
    --- stderr
    opb::project::no_folder

      × there is no folder `[HERE]/project/opb.lock`
      help: correct the path after `-C`
    "###);
}

#[test]
fn no_distros() {
    let space = Space::two();
    fs::remove_dir_all(space.path("distros")).expect("removed");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::file

      × `distros` is not there
      help: create it, or change to the project's folder with `-C`
    "###);
}

#[test]
fn settings_with_an_unknown_name() {
    let space = Space::two();
    space.file("opb.toml", "maintainer = \"A <a@example.org>\"\nmirors = 1\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r#"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: unknown field `mirors`, expected one of `maintainer`, `source_distro`, `mirrors`, `sources`, `store`, `limits`, `checks`, `channel`, `set`, `cache`
       ╭─[opb.toml:2:1]
     1 │ maintainer = "A <a@example.org>"
     2 │ mirors = 1
       · ───┬──
       ·    ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "#);
}

#[test]
fn settings_of_another_type() {
    let space = Space::two();
    space.file("opb.toml", "[channel.nightly]\ntargets = \"@mirage-1/*\"\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: invalid type: string "@mirage-1/*", expected a sequence
       ╭─[opb.toml:2:11]
     1 │ [channel.nightly]
     2 │ targets = "@mirage-1/*"
       ·           ──────┬──────
       ·                 ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
}

#[test]
fn settings_that_are_no_toml() {
    let space = Space::two();
    space.file("opb.toml", "maintainer = A\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: string values must be quoted, expected literal string
       ╭─[opb.toml:1:14]
     1 │ maintainer = A
       ·              ┬
       ·              ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
}

#[test]
fn settings_with_values_that_cannot_be() {
    let space = Space::two();
    space.file("opb.toml", "maintainer = \"a\\nb\"\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: `maintainer` must be one line of text, not `a\nb`
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
    space.file("opb.toml", "[channel.\"no good\"]\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: `no good` is not a channel name: lower-case letters, digits, `-`, starting with a letter or digit
       ╭─[opb.toml:1:10]
     1 │ [channel."no good"]
       ·          ────┬────
       ·              ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
    space.file("opb.toml", "[channel.nightly]\nkey = \"../x\"\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: `../x` is not a channel name: lower-case letters, digits, `-`, starting with a letter or digit
       ╭─[opb.toml:2:7]
     1 │ [channel.nightly]
     2 │ key = "../x"
       ·       ───┬──
       ·          ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
}

#[test]
fn settings_that_are_no_text() {
    let space = Space::two();
    fs::write(space.path("opb.toml"), b"\xff\xfe").expect("written");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: it is not UTF-8 text
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
}

#[test]
fn patterns_of_channels_are_those_of_recipes() {
    let space = Space::two();
    space.file("opb.toml", "[channel.nightly]\ntargets = [\"@mirag-1\", \"mirage-1\"]\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 2 mistakes

    Error: opb::eval::pattern

      × `targets` of the channel `nightly` in `opb.toml`: `@mirag-1` matches no target
      help: did you mean `@mirage-1`?

    Error: opb::eval::pattern

      × `targets` of the channel `nightly` in `opb.toml`: `mirage-1` is not a target pattern: it does not begin with `@`
      help: write it as in `@debian-12`, `@debian-*/amd64` or `!@debian-12/i386`
    "###);
    space.file("opb.toml", "[channel.nightly]\ntargets = [\"!@mirage-1/arm64\"]\n");
    assert!(space.stdout(&["eval"]).starts_with("repo:nightly@mirage-1\n"), "an exclusion alone begins with all");
}

#[test]
fn channels_hold_what_they_are_said_to() {
    let mut space = Space::two();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    let inputs = |space: &Space| -> usize {
        let whole = space.json(&["eval", "--format", "json", "repo:*"]);
        whole["nodes"][0]["inputs"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(inputs(&space), 14);
    space.file("opb.toml", "[channel.nightly]\ntargets = [\"@mirage-1/*\", \"!@mirage-1/arm64\"]\n");
    assert_eq!(inputs(&space), 8);
}

#[test]
fn a_lock_that_is_garbage() {
    let space = Space::two();
    space.file("opb.lock", "<<<<<<< HEAD\nversion = 1\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::project::lock

      × cannot read `opb.lock`: key with no value, expected `=`
       ╭─[opb.lock:1:9]
     1 │ <<<<<<< HEAD
       ·         ▲
       ·         ╰── here
     2 │ version = 1
       ╰────
      help: take it from version control again, or remove it and let `opb update` make a new one
    "###);
    space.file("opb.lock", "version = 1\n[distro.mirage-1]\nsuit = 1\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::project::lock

      × cannot read `opb.lock`: unknown field `suit`, expected one of `suite`, `extra`, `repository`
       ╭─[opb.lock:3:1]
     2 │ [distro.mirage-1]
     3 │ suit = 1
       · ──┬─
       ·   ╰── here
       ╰────
      help: take it from version control again, or remove it and let `opb update` make a new one
    "###);
    space.file("opb.lock", "");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::project::lock

      × cannot read `opb.lock`: missing field `version`
       ╭─[opb.lock:1:1]
       ╰────
      help: take it from version control again, or remove it and let `opb update` make a new one
    "###);
    fs::write(space.path("opb.lock"), b"\xff\xfe").expect("written");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::project::lock

      × cannot read `opb.lock`: it is not UTF-8 text
      help: take it from version control again, or remove it and let `opb update` make a new one
    "###);
}

#[test]
fn a_lock_of_a_newer_opb() {
    let space = Space::two();
    space.file("opb.lock", "version = 2\nnew = true\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
    opb::project::lock_version

      × `opb.lock` has version 2, and this opb knows versions up to 1
      help: use a newer opb
    "###);
}

#[test]
fn a_source_without_a_pin() {
    let space = Space::pinned();
    space.file("recipes/libmd.rhai", "#{\n    source: dsc(\"libmd\"),\n}\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × the source package `libmd` of mirage-1 is not pinned
       ╭─[recipes/libmd.rhai:2:5]
     1 │ #{
     2 │     source: dsc("libmd"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: run `opb update libmd`, which looks it up and writes `opb.lock`
    "###);
}
