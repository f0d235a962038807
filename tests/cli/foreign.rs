//! Targets of an arch that nothing here runs: told before anything is tried.

use super::*;

/// A project with a target that nobody's machine is, and no emulator is known of.
fn space() -> Option<Space> {
    if let Err(error) = opb::sandbox::IdMap::of_this_process() {
        println!("skipped: {error}");
        return None;
    }
    let mut space = Space::bare();
    space.file("distros/mirage-1.rhai", &MIRAGE.replace("\"arm64\"", "\"pdp11\""));
    space.file("opb.toml", "[mirrors]\nmirage = \"file:/nowhere\"\n");
    space.pin("mirage-1", "oasis", &["amd64", "pdp11"]);
    space.file("recipes/hello.rhai", "#{ source: dsc(\"hello\") }\n");
    space.dsc("hello", "debhelper-compat (= 13)", &[("hello", "any", "${shlibs:Depends}")]);
    Some(space)
}

/// What a program printed, and its exit code.
fn said(space: &Space, args: &[&str]) -> (String, String, Option<i32>) {
    let output = space.command(args).output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

const BUILD: &str = "build:hello@mirage-1/pdp11";

#[test]
fn a_plan_and_a_dry_run_say_what_does_not_run_here_and_why() {
    let Some(space) = space() else { return };
    let told = "
mirage-1/pdp11 does not run on this machine: opb knows no emulator of it
  what fails unless a store or a cache has its result: root:base@mirage-1/pdp11, root:hello@mirage-1/pdp11, build:hello@mirage-1/pdp11
  help: build it on a machine of that arch, and share its results through a cache
";
    for args in [&["plan", "--only", BUILD][..], &["build", "--dry-run", "--only", BUILD]] {
        let (out, _, code) = said(&space, args);
        assert!(out.contains(told), "{out}");
        assert_eq!(code, Some(3), "{args:?}");
    }
    let (out, _, code) = said(&space, &["plan", "--only", "build:hello@mirage-1/amd64"]);
    assert!(!out.contains("does not run") || opb::sandbox::host_arch() != "amd64", "{out}");
    assert_eq!(code == Some(0), opb::sandbox::host_arch() == "amd64");

    let (out, _, code) = said(&space, &["plan", "--format", "json", "--only", BUILD]);
    assert_eq!(code, Some(3));
    let plan: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    schema::conforms("plan", &plan);
    let foreign = &plan["foreign"][0];
    assert_eq!((&foreign["target"], &foreign["nodes"]), (&"mirage-1/pdp11".into(), &3.into()), "{foreign}");
    assert!(foreign["emulator"].is_null() && foreign["help"].is_string(), "{foreign}");
}

#[test]
fn a_run_says_so_before_it_begins() {
    let Some(space) = space() else { return };
    let (out, _, code) = said(&space, &["build", "--format", "jsonl", "--only", BUILD]);
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.iter().for_each(|line| schema::conforms("events", line));
    let words: Vec<&str> = lines.iter().map(|line| line["event"].as_str().expect("a word")).take(3).collect();
    assert_eq!(words, ["began", "run-started", "foreign-arch"]);
    assert_eq!(lines[2]["first"][0], "root:base@mirage-1/pdp11");
    assert_eq!(code, Some(3), "the archive is nowhere either: {out}");
    let (_, err, _) = said(&space, &["build", "-q", "--only", BUILD]);
    assert!(err.starts_with("error: mirage-1/pdp11 does not run on this machine"), "{err}");
}
