//! `opb runs`, and the records that `opb build` leaves.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;

/// What differs from run to run made the same: names of runs, dates, durations, this machine's name.
pub fn stable(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(stable_word).collect();
        let line = words.join(" ");
        let line = match line.split_once(" on ") {
            Some((start, rest)) if start.contains("started") => {
                let took = rest.split_once(',').map_or("", |(_, took)| took);
                format!("{start} on [HOST]{}{took}", if took.is_empty() { "" } else { "," })
            }
            _ => line,
        };
        shown += &(without_times(&line) + "\n");
    }
    shown
}

fn stable_word(word: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = word.trim_matches(['`', ':', ',']);
    match id.split_once('-') {
        Some((date, time)) if date.len() == 8 && digits(date) && time.split('-').all(digits) => {
            word.replace(id, "[RUN]")
        }
        _ if id.len() == 20 && id.ends_with('Z') => word.replace(id, "[DATE]"),
        _ => word.to_owned(),
    }
}

/// `115 ms` and `4.2 s` become `[TIME]`.
fn without_times(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    while let Some(place) = (1..words.len()).find(|place| {
        let number = words[place - 1].parse::<f64>().is_ok();
        number && ["ms", "s", "ms)", "s)"].contains(&words[*place])
    }) {
        words[place - 1] = "[TIME]";
        words.remove(place);
    }
    words.join(" ")
}

#[test]
fn without_runs_that_is_said() {
    let space = Space::pinned();
    let said = space.seen(&["runs"]);
    insta::assert_snapshot!(said, @r###"
    exit 2
    --- stderr
    opb::runs::none

      × no run is on record here
      help: run `opb build`: a run that has something to do leaves a record in the store
    "###);
    assert_eq!(space.seen(&["runs", "last"]), said);
    assert_eq!(space.json(&["runs", "--format", "json"])["runs"], serde_json::json!([]));
}

#[test]
fn a_run_leaves_a_record_and_one_with_nothing_to_do_leaves_none() {
    let space = Space::pinned();
    for _ in 0..2 {
        assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    }
    let listed = space.stdout(&["runs"]);
    assert_eq!(listed.lines().count(), 2, "the second had nothing to do: {listed}");
    insta::assert_snapshot!(stable(&space.stdout(&["runs", "last"])), @r"
    run [RUN]: done
      started [DATE] on [HOST], took [TIME]
      asked for repo:nightly
      planned 1 to run, 0 to depend on what comes out, 0 clean
      came to 1 ran
    because of 1 root, 0 cascaded
      never built: 1 node, nothing follows
          repo:nightly@mirage-1
    nodes
      built       repo:nightly@mirage-1  [TIME]
    ");
    let run = space.json(&["runs", "last", "--format", "json"]);
    schema::conforms("runs", &run);
    schema::conforms("runs", &space.json(&["runs", "--format", "json"]));
    assert_eq!((&run["run"]["result"], &run["run"]["counts"]["ran"]), (&"done".into(), &1.into()));
    let node = &run["nodes"][0];
    assert_eq!((&node["outcome"], &node["state"], &node["causes"]), (&"built".into(), &"runs".into(), &[0].into()));
    let times = [&node["began_at"], &node["ended_at"], &run["run"]["milliseconds"]].map(serde_json::Value::as_u64);
    assert!(times[0].is_some() && times.is_sorted(), "{times:?}");
    assert!(node["after"].is_null() && run["run"]["jobs"].as_u64() >= Some(1));
    let graph = space.json(&["eval", "--format", "json", "repo:nightly"]);
    assert_eq!(node["derivation"], graph["nodes"][0]["id"]);
    let store = opb::store::Store::open(&opb::path::HostPath::new(space.path("store"))).expect("opens");
    let made = store.last_of_node("repo:nightly@mirage-1").expect("reads").expect("realised");
    assert_eq!(node["key"], made.key.to_string());
    assert_eq!(node["outputs"], serde_json::to_value(&made.outputs).expect("a map"));
}

#[test]
fn a_failed_run_tells_what_failed_and_what_could_not_run() {
    let space = Space::two();
    assert!(space.seen(&["build", "--only", "libbsd"]).starts_with("exit 3"));
    insta::assert_snapshot!(stable(&space.stdout(&["runs", "last"])), @r"
    run [RUN]: failed
      started [DATE] on [HOST], took [TIME]
      asked for libbsd --only
      planned 5 to run, 8 to depend on what comes out, 0 clean
      came to 0 ran, 3 failed, 10 not run
    because of 3 roots, 10 cascaded
      never built: 3 nodes, 10 follow, 2 builds in all
          index:base@mirage-1/amd64, source-package:libmd@mirage-1, source-package:libbsd@mirage-1
    nodes
      failed      index:base@mirage-1/amd64
        no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
      failed      source:libmd@mirage-1
        no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
      failed      source:libbsd@mirage-1
        no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
      blocked     10 nodes
    ");
    let run = space.json(&["runs", "last", "--format", "json"]);
    schema::conforms("runs", &run);
    let of = |name: &str| {
        let nodes = run["nodes"].as_array().expect("a list");
        nodes.iter().find(|node| node["node"] == name).expect(name).clone()
    };
    assert_eq!(of("index:base@mirage-1/amd64")["outcome"], "failed");
    assert_eq!(of("build:libbsd@mirage-1/amd64")["outcome"], "blocked");
    assert_eq!(of("build:libbsd@mirage-1/amd64")["state"], "depends");
}

#[test]
fn runs_are_named_from_the_last_by_name_and_by_beginning() {
    let space = Space::pinned();
    for selector in ["repo:nightly", "index:base"] {
        space.seen(&["build", "--only", selector]);
    }
    let runs = space.json(&["runs", "--format", "json"]);
    let ids: Vec<&str> = runs["runs"].as_array().expect("a list").iter().filter_map(|run| run["id"].as_str()).collect();
    let shown = |name: &str| space.json(&["runs", name, "--format", "json"])["run"]["id"].as_str().map(str::to_owned);
    assert_eq!([shown("last"), shown("last~1")], [Some(ids[0].to_owned()), Some(ids[1].to_owned())]);
    assert_eq!(shown(ids[1]).as_deref(), Some(ids[1]));
    insta::assert_snapshot!(space.seen(&["runs", "last~2"]), @r###"
    exit 2
    --- stderr
    opb::runs::unknown

      × no run `last~2` is on record here
      help: look at `opb runs --all`, or say `last` or `last~1`
    "###);
    let century = space.seen(&["runs", "2"]);
    assert!(
        century.contains("`2` is the beginning of 2 runs") && century.contains("write more of it, as in `2"),
        "{century}"
    );
    fs::write(space.path(&format!("store/runs/{}.jsonl", ids[0])), "garbage\n").expect("written");
    let damaged = space.seen(&["runs", "last"]).replace(ids[0], "[RUN]");
    insta::assert_snapshot!(damaged, @r###"
    exit 3
    --- stderr
    opb::runs::damaged

      × the record of the run `[RUN]` cannot be read
      help: remove `runs/[RUN].jsonl` from the store: nothing else depends on it
    "###);
}

#[test]
fn a_killed_run_keeps_what_was_known() {
    let space = Space::pinned();
    // An archive that takes connections and never answers.
    let archive = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = archive.local_addr().expect("has one").port();
    space.file("opb.toml", &format!("[mirrors]\nmirage = \"http://127.0.0.1:{port}/mirage\"\n"));
    let mut build = space.command(&["build", "base"]);
    let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let began = Instant::now();
    let shown = loop {
        let shown = space.seen(&["runs", "last"]);
        if shown.contains("  running     index:base") {
            break shown;
        }
        assert!(began.elapsed() < Duration::from_secs(60) && build.try_wait().expect("asked").is_none(), "{shown}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(shown.contains(": running\n") && shown.contains("waiting     root:base@mirage-1/amd64"), "{shown}");
    build.kill().expect("killed");
    build.wait().expect("ends");
    insta::assert_snapshot!(stable(&space.stdout(&["runs", "last"])), @r"
    run [RUN]: killed
      started [DATE] on [HOST]
      asked for base
      planned 1 to run, 2 to depend on what comes out, 0 clean
    because of 1 root, 2 cascaded
      never built: 1 node, 2 follow
          index:base@mirage-1/amd64
    nodes
      killed      index:base@mirage-1/amd64
      not-reached 2 nodes
    ");
    let run = space.json(&["runs", "last", "--format", "json"]);
    schema::conforms("runs", &run);
    schema::conforms("runs", &space.json(&["runs", "--format", "json"]));
    assert_eq!((&run["run"]["result"], &run["run"]["counts"]), (&"killed".into(), &serde_json::Value::Null));
    drop(archive);
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["runs", "--help"]), @r###"
    exit 0
    --- stdout
    List the runs on record, the last first, or show one of them: why nodes ran, and what they came to.

    Every `opb build` that has something to do leaves a record in the store, also one that fails or is
    killed.

    Usage: opb runs [OPTIONS] [RUN]

    Arguments:
      [RUN]
              The run to show: `last`, `last~1` (the one before it), a name, or its beginning

    Options:
          --all
              List all runs, or all nodes of the run

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - table: For people
              - json:  One JSON object

              [default: table]
    "###);
}
