//! `opb report cache`: what the store saved, from records that `opb build` left.

use super::runs::stable;
use super::*;

/// Two runs that have something to do, and one that has not.
fn built() -> Space {
    let space = Space::pinned();
    for _ in 0..2 {
        assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    }
    assert!(space.seen(&["build", "--again", "--only", "repo:nightly"]).starts_with("exit 0"));
    space
}

/// Times made the same, and the columns that hold them without what fills them up.
fn shown(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    stable(&text.replace(['(', ')'], " ").lines().map(|text| line(text) + "\n").collect::<String>())
}

#[test]
fn builds_end_with_what_was_saved() {
    let space = Space::pinned();
    let said = |args: &[&str]| shown(&space.seen(args));
    let told = [
        said(&["build", "repo:nightly"]),
        said(&["build", "repo:nightly"]),
        said(&["build", "-q", "repo:nightly"]),
        said(&["build", "--only", "index:base"]),
    ];
    insta::assert_snapshot!(told.concat(), @r###"
    exit 0
    --- stderr
    done repo:nightly@mirage-1 [TIME]
    1 node ran 0 package builds , 0 clean, in [TIME]
    saved nothing: nothing of it was there before
    exit 0
    --- stderr
    nothing to do: 1 node, all clean [TIME]
    saved [TIME] of building [TIME] CPU : 1 node from the store
    exit 0
    --- stderr
    nothing to do: 1 node, all clean [TIME]
    exit 3
    --- stderr
    failed index:base@mirage-1/amd64 [TIME]
    error index:base@mirage-1/amd64
    no archive is known for suite `oasis` of `mirage-1`: no package source of this machine is signed by `mirage`
    help: add the archive's address to `opb.toml`, below `[mirrors]`: mirage = "…"
    0 nodes ran 0 package builds , 0 clean, 1 failed, in [TIME]
    saved nothing: nothing of it was there before
    "###);
}

#[test]
fn the_last_run_is_reported() {
    let space = built();
    let said = space.stdout(&["report", "cache"]);
    let project = fs::canonicalize(space.path("")).expect("there").display().to_string();
    insta::assert_snapshot!(shown(&said.replace(&project, "PROJECT")), @r"
    run [RUN] of PROJECT: done; 0 % of 1 node did not have to run
    saved nothing: nothing of it was there before
    spent [TIME] on building [TIME] CPU : 1 node ran 1 came out as before

    why nodes ran
    asked for again: 1 root; 1 ran in [TIME] [TIME] CPU

    COMPONENT NODES STORE CACHES CUT OFF RAN FAILED NOT RUN SAVED CPU SAVED SPENT
    no component 1 0 0 0 1 0 0 [TIME] [TIME] [TIME]
    ALL 1 0 0 0 1 0 0 [TIME] [TIME] [TIME]
    ");
    assert_eq!(
        space.stdout(&["report", "cache", "--run", "last", "--by", "component"]),
        space.stdout(&["report", "cache"])
    );
    let first = space.json(&["report", "cache", "--run", "last~1", "--format", "json"]);
    schema::conforms("report-cache", &first);
    assert_eq!(first["reasons"][0]["theme"], "new");
    assert_eq!((&first["since"], first["runs"].as_array().map(Vec::len)), (&serde_json::Value::Null, Some(1)));
}

#[test]
fn runs_since_a_time_are_summed_up() {
    let space = built();
    let report = space.json(&["report", "cache", "--since", "1h", "--format", "json"]);
    schema::conforms("report-cache", &report);
    assert_eq!((&report["by"], report["rows"].as_array().map(Vec::len)), (&"run".into(), Some(2)));
    assert_eq!((&report["total"]["ran"]["built"], &report["total"]["ran"]["identical"]), (&1.into(), &1.into()));
    for by in ["component", "distro", "arch", "target", "reason"] {
        let report = space.json(&["report", "cache", "--since", "2025-01-11", "--by", by, "--format", "json"]);
        schema::conforms("report-cache", &report);
        assert_eq!(report["total"]["nodes"], 2, "{by}");
        assert_eq!(report["rows"][0]["name"].is_null(), ["component", "arch"].contains(&by), "{by}: {report:#}");
    }
    let csv = space.stdout(&["report", "cache", "--since", "1h", "--by", "distro", "--format", "csv"]);
    assert!(
        csv.starts_with("distro,nodes,") && csv.lines().nth(1).is_some_and(|row| row.starts_with("mirage-1,2,0,0,")),
        "{csv}"
    );
    let svg = space.stdout(&["report", "cache", "--since", "1h", "--format", "svg"]);
    assert!(svg.starts_with("<svg ") && svg.contains(">What the store saved<") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(
        space.stdout(&["report", "cache", "--since", "9999-01-01"]),
        "no run on record began since 9999-01-01T00:00:00Z\n"
    );
}

#[test]
fn what_cannot_be_reported() {
    let space = Space::pinned();
    let told = [
        space.seen(&["report", "cache"]),
        space.seen(&["report", "cache", "--since", "yesterday"]),
        space.seen(&["report", "cache", "--since", "7d", "--run", "last"]),
    ];
    insta::assert_snapshot!(told.concat(), @r"
    exit 2
    --- stderr
    opb::runs::none

      × no run is on record here
      help: run `opb build`: a run that has something to do leaves a record in the store
    exit 2
    --- stderr
    opb::report::since

      × `yesterday` is neither a date nor an age
      help: write a date in UTC (`2025-01-11`, `2025-01-11T10:00:00Z`), or an age in minutes, hours, days or weeks (`30m`, `12h`, `7d`, `2w`)
    exit 2
    --- stderr
    error: the argument '--since <DATE|AGE>' cannot be used with '--run <RUN>'

    Usage: opb report cache --since <DATE|AGE>

    For more information, try '--help'.
    ");
}

#[test]
fn records_of_an_earlier_program_are_read() {
    let space = built();
    let runs = space.json(&["runs", "--format", "json"]);
    let id = runs["runs"][1]["id"].as_str().expect("a name").to_owned();
    let path = space.path(&format!("store/runs/{id}.jsonl"));
    let text = fs::read_to_string(&path).expect("there");
    let old: Vec<&str> = text.lines().filter(|line| !line.contains("\"clean\":{\"components\"")).collect();
    assert_eq!(old.len() + 1, text.lines().count(), "{text}");
    fs::write(&path, old.join("\n") + "\n").expect("written");
    let report = space.json(&["report", "cache", "--run", &id, "--format", "json"]);
    assert_eq!((&report["total"]["ran"]["built"], &report["damaged"]), (&1.into(), &0.into()));
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["report", "--help"]), @r"
    exit 0
    --- stdout
    Report on what is on record: what the store saved in runs and why nodes ran nevertheless, and what
    nightlies came to

    Usage: opb report [OPTIONS] <COMMAND>

    Commands:
      cache    Report what the store saved: nodes that it had, nodes spared by early cutoff, time, and
               the reasons of what ran
      nightly  Report what a nightly came to: what is worse, what moved and who needs it, what was
               published, what is slow, and what is going to need somebody
      help     Print this message or the help of the given subcommand(s)

    Options:
    ");
    insta::assert_snapshot!(help::verb(&["report", "cache", "--help"]), @r"
    exit 0
    --- stdout
    Report what the store saved: nodes that it had, nodes spared by early cutoff, time, and the reasons
    of what ran.

    Of the last run, of another, or of all since some time. A build with nothing to do leaves no record,
    and so is in no report.

    Usage: opb report cache [OPTIONS]

    Options:
          --run <RUN>
              The run: `last`, `last~1` (the one before it), a name, or its beginning [default: last]

          --since <DATE|AGE>
              All runs since a date (`2025-01-11`, in UTC) or of that age (`30m`, `12h`, `7d`, `2w`)

          --by <WHAT>
              What a row is [default: component, or run with --since]

              Possible values:
              - run:       A run
              - component: A component
              - distro:    A distro
              - arch:      An arch
              - target:    A distro and an arch
              - reason:    A root cause of what was not clean

          --all
              Show all rows and reasons of a table

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - table: For people
              - json:  One JSON object
              - csv:   For spreadsheets: the rows
              - svg:   A picture

              [default: table]
    ");
}
