//! `opb timings`: who ran when.

use serde_json::Value;

use super::*;

#[test]
fn a_run_is_shown_in_every_form() {
    let space = Space::two();
    assert!(space.seen(&["build", "--only", "libbsd"]).starts_with("exit 3"));
    let text = space.stdout(&["timings"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("run ") && lines[0].contains(": failed, "), "{text}");
    assert!(lines[1].starts_with("  3 nodes ran for ") && lines[1].contains(" busy on average, "), "{text}");
    assert!(lines[2].starts_with("  critical path: 1 node with "), "{text}");
    assert!(text.contains("index:base@mirage-1/amd64 (failed)"), "{text}");
    let json = space.json(&["timings", "last", "--format", "json"]);
    schema::conforms("timings", &json);
    assert_eq!((json["nodes"].as_array().map(Vec::len), json["result"].as_str()), (Some(3), Some("failed")));
    assert_eq!(json["critical"]["nodes"].as_array().map(Vec::len), Some(1));
    let run = json["run"].as_str().expect("a name");
    let trace: Value = space.json(&["timings", run, "--format", "chrome"]);
    let nodes = trace["traceEvents"].as_array().expect("a list").iter().filter(|event| event["ph"] == "X");
    assert_eq!(nodes.count(), 3);
    let (picture, page) =
        (space.stdout(&["timings", "--format", "svg"]), space.stdout(&["timings", "--format", "html"]));
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&picture) && page.ends_with("</html>\n"));
    for name in ["source:libmd@mirage-1", "source:libbsd@mirage-1"] {
        assert!(picture.contains(name) && page.contains(name), "{name}");
    }
}

#[test]
fn what_waited_for_what_is_told() {
    let space = Space::pinned();
    assert!(space.seen(&["build", "repo:nightly", "-j", "3"]).starts_with("exit 0"));
    let json = space.json(&["timings", "--format", "json"]);
    assert_eq!((&json["jobs"], &json["lanes"], &json["critical"]["waited"]), (&3.into(), &1.into(), &0.into()));
    assert_eq!(json["critical"]["nodes"], serde_json::json!(["repo:nightly@mirage-1"]));
    let none = space.seen(&["timings", "last~1"]);
    assert!(none.starts_with("exit 2") && none.contains("opb::runs::unknown"), "{none}");
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["timings", "--help"]), @r###"
    exit 0
    --- stdout
    Show who ran when in a run on record, what each node waited for, and the critical path

    Usage: opb timings [OPTIONS] [RUN]

    Arguments:
      [RUN]
              The run: `last`, `last~1` (the one before it), a name, or its beginning

              [default: last]

    Options:
          --all
              List all nodes in text, however many

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - text:   For people
              - json:   One JSON object
              - svg:    A picture
              - html:   The picture with tables, as a page that loads nothing
              - chrome: A trace for `chrome://tracing` or Perfetto

              [default: text]
    "###);
}
