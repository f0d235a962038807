//! `opb new` and `opb definitions`.

use super::*;

const CONTROL: &str = "Source: logax\nBuild-Depends: debhelper-compat (= 13), libmd-dev (>= 1.0)\nRules-Requires-Root: no\n\n\
                       Package: logax\nArchitecture: all\nDescription: x\n\nPackage: logax-doc\nArchitecture: all\nDescription: x\n";

fn recipe(space: &Space, name: &str) -> String {
    fs::read_to_string(space.path(&format!("recipes/{name}.rhai"))).expect("made")
}

#[test]
fn a_component_from_a_folder() {
    let space = Space::two();
    space.source("sources/logax", CONTROL);
    insta::assert_snapshot!(space.seen(&["new", "component", "logax", "--from", "sources/logax"]), @r###"
    exit 0
    --- stdout
    made  recipes/logax.rhai
    next: opb build logax
    --- stderr
    note: logax 1.2-3, as its debian/ says, makes logax and logax-doc
    note: it needs libmd-dev, which the component libmd makes
    "###);
    let text = recipe(&space, "logax");
    assert!(text.ends_with("#{\n    source: path(\"sources/logax\"),\n    build:  debian(),\n}\n"), "{text}");
    assert!(!text.contains("libmd"), "what is derived is not written: {text}");
    let eval = space.stdout(&["eval", "logax"]);
    assert!(eval.contains("build:logax@mirage-1/all"), "{eval}");
    // A path begins where one is.
    let seen = space.seen(&["-C", "sources", "new", "component", "other", "--from", "logax"]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    let text = recipe(&space, "other");
    assert!(text.contains("path(\"sources/logax\")") && text.contains("calls the source `logax`"), "{text}");
}

#[test]
fn a_component_whose_folder_has_its_name() {
    let space = Space::pinned();
    space.source("logax", CONTROL);
    assert!(space.seen(&["new", "component", "logax"]).starts_with("exit 0\n"));
    assert!(recipe(&space, "logax").contains("path(\"logax\")"));
}

#[test]
fn a_component_from_a_source_package() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["new", "component", "hello", "--dsc", "hello"]), @r###"
    exit 0
    --- stdout
    made  recipes/hello.rhai
    next: opb update hello && opb build hello
    "###);
    assert!(recipe(&space, "hello").ends_with("#{\n    source: dsc(\"hello\"),\n    build:  debian(),\n}\n"));
}

#[test]
fn components_that_cannot_be_made() {
    let space = Space::two();
    space.source("sources/logax", CONTROL);
    fs::create_dir_all(space.folder.path().join("outside/debian")).expect("made");
    let seen = |args: &[&str]| space.seen(&[&["new", "component"], args].concat());
    insta::assert_snapshot!(seen(&["LogAx", "--from", "sources/logax"]), @r###"
    exit 2
    --- stderr
    opb::new::name

      × `LogAx` is not a component name: lower-case letters, digits, `+`, `-`, `.`, starting with a letter or digit
      help: choose another name, such as `logax`
    "###);
    insta::assert_snapshot!(seen(&["../x", "--dsc", "x"]), @r###"
    exit 2
    --- stderr
    opb::new::name

      × `../x` is not a component name: lower-case letters, digits, `+`, `-`, `.`, starting with a letter or digit
      help: choose another name
    "###);
    insta::assert_snapshot!(seen(&["libmd", "--dsc", "libmd"]), @r###"
    exit 2
    --- stderr
    opb::new::there

      × `recipes/libmd.rhai` is there already
      help: change that file, or choose another name
    "###);
    insta::assert_snapshot!(seen(&["logax"]), @r###"
    exit 2
    --- stderr
    opb::new::source

      × it is not said where the source of `logax` is, and there is no folder `logax` with packaging
      help: write `--from FOLDER` for a folder with a `debian/` or a spec, or `--dsc logax` for a source package of the distro
    "###);
    insta::assert_snapshot!(seen(&["logax", "--from", "sources"]), @r###"
    exit 2
    --- stderr
    opb::new::no_packaging

      × the folder `sources` has neither a `debian/control` nor a spec
      help: name the folder that has the packaging in it, or add some first
    "###);
    insta::assert_snapshot!(seen(&["logax", "--from", "../outside"]), @r###"
    exit 2
    --- stderr
    opb::new::outside

      × `../outside` is not in the project at `[HERE]/project`
      help: move the source below it, or begin a project in a folder above both with `opb init`
    "###);
    insta::assert_snapshot!(seen(&["logax", "--from", "source/logax"]), @r###"
    exit 2
    --- stderr
    opb::packaging::no_folder

      × there is no folder `source/logax`
      help: correct the path: it begins where you are
    "###);
    space.file("recipes/many.rhai", "[#{ name: \"logax\", source: dsc(\"libmd\") }]\n");
    insta::assert_snapshot!(seen(&["logax", "--from", "sources/logax"]), @r###"
    exit 2
    --- stderr
    opb::new::component_there

      × the component `logax` is there already, in `recipes/many.rhai`
      help: choose another name
    "###);
    space.source("sources/a\"b", CONTROL);
    insta::assert_snapshot!(seen(&["quoted", "--from", "sources/a\"b"]), @r###"
    exit 2
    --- stderr
    opb::new::folder_name

      × the folder `sources/a\"b` has a name that no recipe can hold
      help: rename it: without `\`, `"` and control characters
    "###);
    for name in ["quoted", "LogAx"] {
        assert!(!space.path(&format!("recipes/{name}.rhai")).exists());
    }
}

#[test]
fn a_mistake_elsewhere_is_no_reason_not_to_begin() {
    let space = Space::two();
    space.source("logax", CONTROL);
    space.file("recipes/broken.rhai", "#{ sorce: ");
    assert!(space.seen(&["new", "component", "logax"]).starts_with("exit 0\n"));
}

#[test]
fn distros() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["new", "distro", "debian-13"]), @r###"
    exit 0
    --- stdout
    made  distros/debian-13.rhai
    next: opb update @debian-13
    "###);
    assert_eq!(
        fs::read_to_string(space.path("distros/debian-13.rhai")).expect("made"),
        include_str!("../../distros/debian-13.rhai")
    );
    insta::assert_snapshot!(space.seen(&["new", "distro", "debian-13"]), @r###"
    exit 2
    --- stderr
    opb::new::there

      × `distros/debian-13.rhai` is there already
      help: change that file, or choose another name
    "###);
    let seen = space.seen(&["new", "distro", "debian-31"]);
    assert!(
        seen.starts_with(
            "exit 2\n--- stderr\nopb::new::unknown_distro\n\n  × opb does not know the distro `debian-31`\n"
        ),
        "{seen}"
    );
    assert!(seen.contains("help: did you mean `debian-11`? Otherwise choose one of debian-11, "), "{seen}");
}

#[test]
fn a_distro_like_another() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["new", "distro", "mirage-2", "--like", "mirage-1", "--codename", "dune", "--end", "2033-01-01"]), @r###"
    exit 0
    --- stdout
    made  distros/mirage-2.rhai
    next: opb update @mirage-2
    --- stderr
    note: mirage-2 is a copy of mirage-1: see that each line of it is right
    "###);
    insta::assert_snapshot!(fs::read_to_string(space.path("distros/mirage-2.rhai")).expect("made"), @r###"
    // mirage-2, begun as a copy of mirage-1. See that each line is right: suites or repositories, arches, keyring or keys, and
    // what comments say. Where facts are from belongs here.
    #{
        family: "deb", vendor: "mirage", release: "2", codename: "dune", suffix: "mir2",
        arches: ["amd64", "arm64"], indep_on: "amd64",
        suites: [#{ name: "dune", areas: ["main"] }],
        keyring: "mirage-keyring.gpg",
        base: #{ variant: "buildd", add: [] },
        lifecycle: #{ end: "2033-01-01", archived: false, expired_release_files: "refuse" },
        options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
    }
    "###);
    assert!(space.seen(&["eval"]).starts_with("exit 0\n"), "{}", space.seen(&["eval"]));
    let seen = space.seen(&["new", "distro", "mirage-3", "--like", "mirage-1"]);
    assert!(
        seen.contains(
            "note: fill in the code name and the end of its support: until then evaluating the recipes fails there\n"
        ),
        "{seen}"
    );
    let seen = space.seen(&["eval"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("`FILL IN` is not a date"), "{seen}");
}

#[test]
fn distros_that_cannot_be_copied() {
    let space = Space::two();
    let seen = |args: &[&str]| space.seen(&[&["new", "distro"], args].concat());
    let text = seen(&["debian-77", "--like", "debain-12"]);
    assert!(
        text.contains(
            "× there is no distro `debain-12` to copy\n  help: did you mean `debian-12`? Otherwise choose one of "
        ),
        "{text}"
    );
    insta::assert_snapshot!(seen(&["sid", "--like", "debian-12"]), @r###"
    exit 2
    --- stderr
    opb::new::distro_name

      × `sid` is no vendor and release joined by `-`
      help: write it as in `debian-14`
    "###);
    insta::assert_snapshot!(seen(&["Debian-77", "--like", "debian-12"]), @r###"
    exit 2
    --- stderr
    opb::new::name

      × `Debian-77` is not a distro name: lower-case letters, digits, `-`, `.`, starting with a letter or digit
      help: choose another name, as in `debian-14`
    "###);
    insta::assert_snapshot!(seen(&["debian-77", "--like", "debian-12", "--end", "soon"]), @r###"
    exit 2
    --- stderr
    opb::new::fact

      × `soon` is no day
      help: write it as in `2030-06-30`
    "###);
    insta::assert_snapshot!(seen(&["debian-77", "--like", "debian-12", "--codename", "a\"b"]), @r###"
    exit 2
    --- stderr
    opb::new::fact

      × `a"b` is no code name
      help: write it as in `forky`
    "###);
    space.file("distros/broken-1.rhai", "#{ family: ");
    insta::assert_snapshot!(seen(&["broken-2", "--like", "broken-1"]), @r###"
    exit 2
    --- stderr
    opb::new::bad_example

      × `distros/broken-1.rhai` cannot be copied: it has mistakes
      help: mend it: `opb eval` shows what is wrong
    "###);
}

#[test]
fn definitions_for_editors() {
    let space = Space::bare();
    assert_eq!(space.seen(&["definitions"]), "exit 0\n--- stdout\nwrote .rhai/definitions/opb.d.rhai\n");
    let text = fs::read_to_string(space.path(".rhai/definitions/opb.d.rhai")).expect("written");
    assert_eq!(text, space.stdout(&["definitions", "--stdout"]));
    assert!(text.contains("\nmodule static;\n") && text.contains("\nfn pkg(relation: String) -> Package;\n"), "{text}");
    // It is written anew, and is nothing that evaluation looks at.
    space.file(".rhai/definitions/opb.d.rhai", "old");
    space.stdout(&["definitions"]);
    assert_eq!(text, fs::read_to_string(space.path(".rhai/definitions/opb.d.rhai")).expect("written"));
}

#[test]
fn help_of_new_files() {
    insta::assert_snapshot!(help::verb(&["new", "--help"]), @r###"
    exit 0
    --- stdout
    Make a recipe or a distro's file. Nothing that is there is changed

    Usage: opb new [OPTIONS] <COMMAND>

    Commands:
      component  Make the recipe of a component, from packaging that is there
      distro     Make a distro's file: of a release that opb knows, or a copy of another one
      help       Print this message or the help of the given subcommand(s)

    Options:
    "###);
    insta::assert_snapshot!(help::verb(&["new", "component", "--help"]), @r###"
    exit 0
    --- stdout
    Make the recipe of a component, from packaging that is there

    Usage: opb new component [OPTIONS] <NAME>

    Arguments:
      <NAME>
              Its name: that of the file, and in selectors

    Options:
          --from <FOLDER>
              The source is this folder of the project, which has a `debian/` or a spec [default: that
              of the component's name]

          --dsc <NAME>
              The source is this source package of the distro

          --srpm <NAME>
              The source is this source RPM of the distro
    "###);
    insta::assert_snapshot!(help::verb(&["new", "distro", "--help"]), @r###"
    exit 0
    --- stdout
    Make a distro's file: of a release that opb knows, or a copy of another one

    Usage: opb new distro [OPTIONS] <NAME>

    Arguments:
      <NAME>
              Its name, such as `debian-13`

    Options:
          --like <DISTRO>
              Copy this one

          --codename <WORD>
              The code name of the copy; without it, it is to be filled in

          --end <DAY>
              The last day of the copy's support, as `2030-06-30`; without it, it is to be filled in
    "###);
    insta::assert_snapshot!(help::verb(&["definitions", "--help"]), @r###"
    exit 0
    --- stdout
    Write down for editors what recipes can say: functions and fields, with docs and examples.

    The file is `.rhai/definitions/opb.d.rhai` of the project, where Rhai's language server finds it.

    Usage: opb definitions [OPTIONS]

    Options:
          --stdout
              Write it to the standard output instead
    "###);
}
