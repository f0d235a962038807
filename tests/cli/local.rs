//! Local folders as sources: `path(…)`.

use super::*;

const CONTROL: &str = "Source: logax\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\n\
                       Package: logax\nArchitecture: all\nDescription: x\n";

fn space() -> Space {
    let space = Space::pinned();
    space.file("recipes/logax.rhai", "#{\n    source: path(\"sources/logax\"),\n}\n");
    space
}

fn id(space: &Space) -> String {
    space.json(&["eval", "--format", "json", "source:logax"])["nodes"][0]["id"].to_string()
}

#[test]
fn a_folder_is_its_files_less_those_that_git_ignores() {
    let space = space();
    space.source("sources/logax", CONTROL);
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 0
    --- stdout
    repo:nightly@mirage-1
    ├── source-package:logax@mirage-1
    │   ├── root:base@mirage-1/amd64
    │   │   └── resolve:base@mirage-1/amd64
    │   │       └── index:base@mirage-1/amd64
    │   └── source:logax
    └── build:logax@mirage-1/all
        ├── source-package:logax@mirage-1 …
        └── root:logax@mirage-1/all
            ├── root:base@mirage-1/amd64 …
            └── resolve:logax@mirage-1/all
                ├── index:base@mirage-1/amd64
                └── resolve:base@mirage-1/amd64 …
    "###);
    let before = id(&space);
    space.file("sources/logax/.git/HEAD", "x");
    assert_eq!(before, id(&space), "version control's own files count");
    space.file("sources/logax/main.c", "int main;");
    let with_file = id(&space);
    assert_ne!(before, with_file, "a new file does not count");
    space.file("sources/logax/main.o", "x");
    let with_object = id(&space);
    assert_ne!(with_file, with_object);
    space.file("sources/logax/.gitignore", "*.o\n");
    let ignoring = id(&space);
    fs::remove_file(space.path("sources/logax/main.o")).expect("removed");
    assert_eq!(ignoring, id(&space), "an ignored file counts");
}

#[test]
fn one_source_may_differ_from_distro_to_distro() {
    let mut space = space();
    let two = MIRAGE.replace("\"1\"", "\"2\"").replace("mir1", "mir2").replace("oasis", "dune");
    space.file("distros/mirage-2.rhai", &two);
    space.pin("mirage-2", "dune", &["amd64"]);
    let recipe = "#{ source: path(if target.distro == \"mirage-1\" { \"sources/logax\" } else { \"sources/new\" }) }\n";
    space.file("recipes/logax.rhai", recipe);
    space.source("sources/logax", CONTROL);
    space.source("sources/new", CONTROL);
    space.file("sources/new/new.c", "new");
    let whole = space.json(&["eval", "--format", "json", "source-package:logax"]);
    let inputs = whole["nodes"].as_array().expect("a list").iter().filter_map(|node| node["inputs"].as_array());
    let sources: Vec<&str> = inputs.flatten().filter_map(|input| input["node"].as_str()).collect();
    assert_eq!(
        sources,
        ["root:base@mirage-1/amd64", "source:logax", "root:base@mirage-2/amd64", "source:logax@mirage-2",]
    );
}

#[test]
fn one_source_cannot_differ_from_arch_to_arch() {
    let mut space = space();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    let recipe =
        "#{\n    source: path(if target.arch == \"amd64\" { \"sources/logax\" } else { \"sources/new\" }),\n}\n";
    space.file("recipes/logax.rhai", recipe);
    space.source("sources/logax", CONTROL);
    space.source("sources/new", CONTROL);
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × the source of `logax` differs between arches of mirage-1
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path(if target.arch == "amd64" { "sources/logax" } else { "sources/new" }),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: give all arches of a distro one source, since they share one source package; or make two components, each with its `targets`
    "###);
}

#[test]
fn no_such_folder() {
    insta::assert_snapshot!(space().seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × there is no folder `sources/logax` in the project
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: write a path from the project's root to a folder in it, such as `path("sources/logax")`
    "###);
}

#[test]
fn a_folder_outside_of_the_project() {
    let space = space();
    space.file("recipes/logax.rhai", "#{ source: path(\"../logax\") }\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::field

      × `../logax` is not a folder below the project's root
       ╭─[recipes/logax.rhai:1:17]
     1 │ #{ source: path("../logax") }
       ·                 ─────┬────
       ·                      ╰── here
       ╰────
      help: write it relative to the root, without `.` and `..`, as in `path("src/tool")`; the root is `path(".")`
    "###);
}

#[test]
fn a_folder_without_packaging() {
    let space = space();
    space.file("sources/logax/main.c", "int main;");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × the folder `sources/logax` has no `debian/control`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: add Debian packaging to the source, or name the folder that has it
    "###);
    space.file("sources/logax/debian/control", CONTROL);
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × the folder `sources/logax` has no `debian/changelog`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: add Debian packaging to the source, or name the folder that has it
    "###);
}

#[test]
fn broken_packaging() {
    let space = space();
    space.source("sources/logax", &CONTROL.replace("(= 13)", "(=> 13)"));
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × cannot read `Build-Depends` in `debian/control`: cannot read the relation `debhelper-compat (=> 13)` at column 19: expected one of `<<`, `<=`, `=`, `>=`, `>>`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: mend the file in the source's `debian/` folder
    "###);
    space.source("sources/logax", "Source: logax\n\nPackage: logax\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × cannot read `debian/control`: cannot read the paragraph at line 3 of a control file: the field `Architecture` is missing
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: mend the file in the source's `debian/` folder
    "###);
    space.source("sources/logax", "hello\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × cannot read `debian/control`: cannot read line 1 of a control file: `hello` is no `Field: value`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: mend the file in the source's `debian/` folder
    "###);
    space.source("sources/logax", CONTROL);
    space.file("sources/logax/debian/changelog", "logax 1.2-3 unstable\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × cannot read `debian/changelog`: cannot read line 1 of a changelog: `logax 1.2-3 unstable` is not `source (version) distribution; urgency=…`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: mend the file in the source's `debian/` folder
    "###);
    space.file(
        "sources/logax/debian/changelog",
        "logax (1.2-3) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  today\n",
    );
    insta::assert_snapshot!(space.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × cannot read `debian/changelog`: cannot read line 5 of a changelog: `today` is no date such as `Mon, 02 Jan 2006 15:04:05 +0000`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │ }
       ╰────
      help: mend the file in the source's `debian/` folder
    "###);
}

#[test]
fn the_root_is_a_source_without_what_is_opbs() {
    let space = Space::pinned();
    space.file("recipes/logax.rhai", "#{ source: path(\".\") }\n");
    space.source(".", CONTROL);
    let before = id(&space);
    space.file("recipes/logax.rhai", "#{ source: path(\".\"), env: #{ V: \"1\" } }\n");
    space.file("recipes/lib/flags.rhai", "fn f() { 1 }\n");
    space.file("distros/keyrings/mirage-keyring.gpg", "x");
    space.file("opb.toml", "[channel.nightly]\nlabel = \"x\"\n");
    space.file("store/objects/ab/cd", "x");
    let _socket = std::os::unix::net::UnixListener::bind(space.path("store/socket")).expect("made");
    assert_eq!(before, id(&space), "what is opb's counts");
    for (path, what) in [("src/recipes/x", "a folder of that name further in"), ("recipe", "another name")] {
        let before = id(&space);
        space.file(path, "x");
        assert_ne!(before, id(&space), "{what} does not count");
    }
}
