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
    assert_eq!(whole["version"], 1);
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
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
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
