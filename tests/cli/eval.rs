//! `opb eval`: the graph as tree, JSON, JSON lines and for Graphviz.

use serde_json::Value;

use super::*;

#[test]
fn the_tree_shows_what_reads_what() {
    insta::assert_snapshot!(Space::two().seen(&["eval"]), @r###"
    exit 0
    --- stdout
    repo:nightly@mirage-1
    ├── source-package:libmd@mirage-1
    │   └── source:libmd@mirage-1
    ├── build:libmd@mirage-1/amd64
    │   ├── source-package:libmd@mirage-1 …
    │   └── root:libmd@mirage-1/amd64
    │       ├── root:base@mirage-1/amd64
    │       │   └── resolve:base@mirage-1/amd64
    │       │       └── index:base@mirage-1/amd64
    │       └── resolve:libmd@mirage-1/amd64
    │           ├── index:base@mirage-1/amd64
    │           └── resolve:base@mirage-1/amd64 …
    ├── source-package:libbsd@mirage-1
    │   └── source:libbsd@mirage-1
    └── build:libbsd@mirage-1/amd64
        ├── source-package:libbsd@mirage-1 …
        └── root:libbsd@mirage-1/amd64
            ├── root:base@mirage-1/amd64 …
            └── resolve:libbsd@mirage-1/amd64
                ├── index:base@mirage-1/amd64
                ├── resolve:base@mirage-1/amd64 …
                └── build:libmd@mirage-1/amd64 …
    "###);
}

#[test]
fn json_has_a_version_and_all_that_programs_may_rely_on() {
    let space = Space::two();
    let whole = space.json(&["eval", "--format", "json"]);
    schema::conforms("eval", &whole);
    let nodes = whole["nodes"].as_array().expect("a list");
    let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
    assert_eq!(names.len(), nodes.len());
    for node in nodes {
        let fields: Vec<&String> = node.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["arch", "component", "distro", "id", "inputs", "kind", "name", "subject"]);
        assert_eq!(node["id"].as_str().expect("text").len(), 64);
        assert!(node["name"].as_str().expect("text").starts_with(node["kind"].as_str().expect("text")));
        for input in node["inputs"].as_array().expect("a list") {
            assert!(names.contains(&input["node"].as_str().expect("text")), "an edge to nowhere: {input}");
            assert!(!input["role"].as_str().expect("text").is_empty());
            assert!(!input["output"].as_str().expect("text").is_empty());
        }
    }
    let build = nodes.iter().find(|node| node["name"] == "build:libbsd@mirage-1/amd64").expect("there");
    assert_eq!(build["kind"], "build");
    assert_eq!((&build["distro"], &build["arch"]), (&Value::from("mirage-1"), &Value::from("amd64")));
    assert_eq!((&build["component"], &build["subject"]), (&Value::from("libbsd"), &Value::from("libbsd")));
    let builds = nodes.iter().filter(|node| node["kind"] == "build").count();
    assert_eq!(builds, 2);
}

#[test]
fn json_lines_are_the_same_nodes() {
    let space = Space::two();
    let whole = space.json(&["eval", "--format", "json"]);
    let lines = space.stdout(&["eval", "--format", "jsonl"]);
    let mut lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in &mut lines {
        schema::conforms("eval-line", line);
        line.as_object_mut().expect("an object").remove("version");
    }
    assert_eq!(whole["nodes"], Value::Array(lines));
}

#[test]
fn graphviz_gets_nodes_and_edges() {
    insta::assert_snapshot!(Space::two().seen(&["eval", "--format", "dot", "libmd"]), @r###"
    exit 0
    --- stdout
    digraph opb {
      rankdir=LR;
      node [shape=box, style=filled, fontname="sans-serif"];
      "source:libmd@mirage-1" [fillcolor=white];
      "source-package:libmd@mirage-1" [fillcolor=white];
      "source:libmd@mirage-1" -> "source-package:libmd@mirage-1";
      "resolve:libmd@mirage-1/amd64" [fillcolor=white];
      "root:libmd@mirage-1/amd64" [fillcolor=white];
      "resolve:libmd@mirage-1/amd64" -> "root:libmd@mirage-1/amd64";
      "build:libmd@mirage-1/amd64" [fillcolor=white];
      "source-package:libmd@mirage-1" -> "build:libmd@mirage-1/amd64";
      "root:libmd@mirage-1/amd64" -> "build:libmd@mirage-1/amd64";
    }
    "###);
}

#[test]
fn states_are_added_where_they_are_asked_for() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["eval", "--state", "libmd"]), @r###"
    exit 0
    --- stdout
    build:libmd@mirage-1/amd64  [depends]
    ├── source-package:libmd@mirage-1  [runs]
    │   └── source:libmd@mirage-1  [runs]
    └── root:libmd@mirage-1/amd64  [depends]
        └── resolve:libmd@mirage-1/amd64  [depends]
    "###);
    let whole = space.json(&["eval", "--state", "--format", "json"]);
    schema::conforms("eval", &whole);
    for node in whole["nodes"].as_array().expect("a list") {
        let state = node["state"].as_str().expect("text");
        assert!(["clean", "runs", "depends"].contains(&state), "{state}");
        assert_eq!(node["reason"].is_string(), state == "runs", "{node}");
        assert_eq!(node["key"].is_string(), state != "depends", "{node}");
    }
}

#[test]
fn evaluation_makes_no_store() {
    let space = Space::two();
    space.stdout(&["eval"]);
    assert!(!space.path("store").exists());
}

#[test]
fn a_comment_changes_no_id_and_a_variable_does() {
    let space = Space::two();
    let before = space.stdout(&["eval", "--format", "json"]);
    space.file("recipes/libmd.rhai", "// A comment.\n\n#{ source: dsc(\"libmd\") } // another\n");
    assert_eq!(before, space.stdout(&["eval", "--format", "json"]));
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"1\" } }\n");
    assert_ne!(before, space.stdout(&["eval", "--format", "json"]));
}

#[test]
fn the_lock_says_which_arches_there_are() {
    let mut space = Space::two();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    let builds = space.stdout(&["eval", "build:*"]);
    assert!(builds.contains("build:libbsd@mirage-1/arm64"), "{builds}");
    let before = space.json(&["eval", "--format", "json", "@mirage-1/amd64"]);
    space.pin("mirage-1", "oasis", &["amd64"]);
    assert_eq!(before, space.json(&["eval", "--format", "json", "@mirage-1/amd64"]), "arches disturb each other");
}

#[test]
fn warnings_and_notes_go_to_stderr_unless_quiet() {
    let space = Space::two();
    space.file("distros/mirage-2.rhai", &MIRAGE.replace("\"1\"", "\"2\"").replace("mir1", "mir2"));
    space.file(
        "recipes/libmd.rhai",
        "print(\"hi\");\n#{ source: dsc(\"libmd\"), on: [[\"@mirage-1/sparc\", #{ skip: \"x\" }]] }\n",
    );
    insta::assert_snapshot!(space.seen(&["eval", "-v", "source:libmd"]), @r###"
    exit 0
    --- stdout
    source:libmd@mirage-1
    --- stderr
    opb::lint::leftover-print

      ⚠ the recipe prints: hi
       ╭─[recipes/libmd.rhai:1:1]
     1 │ print("hi");
       · ──┬──
       ·   ╰── here
     2 │ #{ source: dsc("libmd"), on: [["@mirage-1/sparc", #{ skip: "x" }]] }
       ╰────
      help: remove it when you are done
    opb::lint::override-unmatched

      ⚠ `@mirage-1/sparc` matches no target
       ╭─[recipes/libmd.rhai:2:32]
     1 │ print("hi");
     2 │ #{ source: dsc("libmd"), on: [["@mirage-1/sparc", #{ skip: "x" }]] }
       ·                                ────────┬────────
       ·                                        ╰── here
       ╰────
      help: choose one of its arches: `amd64`, `arm64`
    note: not pinned, so left out: mirage-2 (`opb update @NAME` pins one)
    "###);
    insta::assert_snapshot!(space.seen(&["eval", "--quiet", "source:libmd"]), @r###"
    exit 0
    --- stdout
    source:libmd@mirage-1
    "###);
}

#[test]
fn a_table_has_a_line_for_each_node() {
    let space = Space::two();
    insta::assert_snapshot!(shortened(&space.seen(&["eval", "--format", "table", "libmd"])), @r###"
    exit 0
    --- stdout
    NODE                           READS  READ BY  ID
    source:libmd@mirage-1              0        1  [ID]
    source-package:libmd@mirage-1      1        2  [ID]
    resolve:libmd@mirage-1/amd64       2        1  [ID]
    root:libmd@mirage-1/amd64          2        1  [ID]
    build:libmd@mirage-1/amd64         2        2  [ID]
    "###);
    insta::assert_snapshot!(shortened(&space.seen(&["eval", "--format", "table", "--state", "--kind", "build,source"])), @r###"
    exit 0
    --- stdout
    NODE                         READS  READ BY  ID            STATE
    source:libmd@mirage-1            0        1  [ID]  runs     its files are not here, and source-package:libmd@mirage-1 reads them
    build:libmd@mirage-1/amd64       2        2  [ID]  depends
    source:libbsd@mirage-1           0        1  [ID]  runs     its files are not here, and source-package:libbsd@mirage-1 reads them
    build:libbsd@mirage-1/amd64      2        1  [ID]  depends
    "###);
    insta::assert_snapshot!(space.seen(&["eval", "--format", "table", "libmd", "--kind", "repo"]), @r###"
    exit 0
    --- stdout
    NODE  READS  READ BY  ID
    "###);
}

/// Beginnings of ids made the same.
fn shortened(table: &str) -> String {
    let is_id = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let line =
        |line: &str| line.split(' ').map(|word| if is_id(word) { "[ID]" } else { word }).collect::<Vec<_>>().join(" ");
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn kinds_and_states_filter() {
    let space = Space::two();
    let names = |arguments: &[&str]| space.stdout(&[&["eval"], arguments].concat());
    insta::assert_snapshot!(names(&["--kind", "build", "--kind", "source"]), @r###"
    source:libmd@mirage-1
    build:libmd@mirage-1/amd64
    source:libbsd@mirage-1
    build:libbsd@mirage-1/amd64
    "###);
    insta::assert_snapshot!(names(&["libmd", "--only", "runs"]), @r###"
    source-package:libmd@mirage-1  [runs]
    └── source:libmd@mirage-1  [runs]
    "###);
    insta::assert_snapshot!(names(&["libmd", "--only", "depends,clean", "--kind", "root,build"]), @r###"
    build:libmd@mirage-1/amd64  [depends]
    └── root:libmd@mirage-1/amd64  [depends]
    "###);
    let both = names(&["--only", "runs", "--format", "jsonl"]).lines().count()
        + names(&["--only", "depends", "--format", "jsonl"]).lines().count();
    assert_eq!(both, names(&["--format", "jsonl"]).lines().count(), "nothing is clean yet");
    assert_eq!(names(&["--only", "clean", "--format", "jsonl"]), "");
    insta::assert_snapshot!(space.seen(&["eval", "--kind", "bild"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'bild' for '--kind <KIND>'
      [possible values: source, index, resolve, root, probe, source-package, build, check, repo]

      tip: a similar value exists: 'build'

    For more information, try '--help'.
    "###);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    use std::io::{BufRead as _, Read as _};
    let mut space = Space::pinned();
    for number in 0..120 {
        let name = format!("lib{number}");
        space.file(&format!("recipes/{name}.rhai"), &format!("#{{ source: dsc(\"{name}\") }}\n"));
        let pin = (name.as_str(), "debhelper-compat (= 13)");
        space.dsc(pin.0, pin.1, &[(pin.0, "any", "")]);
    }
    let whole = space.stdout(&["eval", "--format", "jsonl"]);
    assert!(whole.len() > 3 << 16, "more than a pipe holds");
    let mut command = space.command(&["eval", "--format", "jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let mut stdout = std::io::BufReader::with_capacity(16, child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line, whole.lines().next().expect("a line").to_owned() + "\n");
    drop(stdout);
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    child.wait().expect("ends");
    assert_eq!(said, "");
}

#[test]
fn a_full_disk_behind_the_output_is_an_error() {
    let space = Space::two();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    insta::assert_snapshot!(space.seen_of(space.command(&["eval", "--format", "json"]).stdout(full)), @r###"
    exit 3
    --- stderr
    opb::output

      × cannot write to the standard output
      ╰─▶ No space left on device (os error 28)
      help: look at the space on the file system that it goes to
    "###);
}
