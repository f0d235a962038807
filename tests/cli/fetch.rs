//! `opb fetch` where nothing can be fetched: what it says, in words and as JSON.

use opb::report::fetch::{Amount, FetchTold, Kinds, Missing, text};

use super::schema::conforms;
use super::*;

#[test]
fn without_network_there_is_nothing_to_fetch() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["fetch", "--offline"]), @r"
    exit 2
    --- stderr
    opb::ops::fetch_offline

      × cannot fetch anything with the network switched off
      help: leave out `--offline`; or ask with `--check` whether a build without network has what it needs
    ");
    insta::assert_snapshot!(space.seen(&["fetch", "--check", "libbsd"]), @r"
    exit 3
    --- stdout
    a build without network lacks:
    missing source:libbsd@mirage-1: `pool/main/l/libbsd/libbsd_1.0-1.dsc` is not in the store
    missing source:libmd@mirage-1: `pool/main/l/libmd/libmd_1.0-1.dsc` is not in the store
    missing index:base@mirage-1/amd64: `main/binary-amd64/Packages.xz` is not in the store
    ");
    let seen = space.seen(&["fetch", "--check", "--offline", "--format", "json"]);
    let json = seen.strip_prefix("exit 3\n--- stdout\n").expect("JSON alone");
    conforms("fetch", &serde_json::from_str(json.lines().next().expect("a line")).expect("JSON"));
}

#[test]
fn all_kinds_of_what_is_missing() {
    let of = |count, bytes| Amount { count, bytes };
    let fetched = Kinds { indexes: of(2, 60_000_000), sources: of(1, 5_000), packages: of(200, 90_000_000) };
    let (node, why) = ("index:base@mirage-1/amd64".to_owned(), "the mirror no longer has `x`\nat all".to_owned());
    let roots = vec!["root:a@mirage-1/amd64".to_owned(), "root:b@mirage-1/amd64".to_owned()];
    let (package, version, arch) = ("libmd0".to_owned(), "1.0\u{1b}".to_owned(), "amd64".to_owned());
    let missing = vec![
        Missing::Node { node, why: why.clone() },
        Missing::List { node: "resolve:b@mirage-1/amd64".to_owned(), why: why.clone() },
        Missing::Package { package, version, arch, roots: roots.clone(), why },
    ];
    let told = FetchTold::new(false, fetched, Kinds::default(), roots, missing);
    conforms("fetch", &serde_json::to_value(&told).expect("plain values"));
    insta::assert_snapshot!(text(&told), @r"
    fetched 2 indexes, 1 source and 200 packages, 150.0 MB
    missing index:base@mirage-1/amd64: the mirror no longer has `x`; at all
    unknown resolve:b@mirage-1/amd64, which waits for builds: the mirror no longer has `x`; at all
    missing libmd0 1.0\u{1b} amd64 for root:a@mirage-1/amd64 and 1 more: the mirror no longer has `x`; at all
    2 package lists are only known once other components are built: they are a guess
    ");
}

#[test]
fn what_was_stopped_is_never_complete() {
    let some = |indexes, packages| {
        let of = |count| Amount { count, bytes: 1_000 * count };
        Kinds { indexes: of(indexes), packages: of(packages), ..Kinds::default() }
    };
    let told = |check, fetched, here| FetchTold::new(check, fetched, here, Vec::new(), Vec::new());
    let none = Kinds::default();
    let stopped = told(false, some(1, 2), none).cut_short();
    let value = serde_json::to_value(&stopped).expect("plain values");
    conforms("fetch", &value);
    assert_eq!((&value["stopped"], &value["complete"]), (&true.into(), &false.into()));
    let all = [
        stopped,
        told(false, none, some(1, 2)).cut_short(),
        told(true, none, some(1, 2)).cut_short(),
        told(true, none, some(0, 1)),
        told(true, none, none),
        told(false, none, some(0, 1)),
        told(false, none, none),
    ];
    insta::assert_snapshot!(all.iter().map(text).collect::<String>(), @r"
    stopped; fetched 1 index and 2 packages, 3.0 kB so far
    stopped before anything came
    stopped before all was looked at
    a build without network has what it needs: 1 package
    a build without network has what it needs
    nothing to fetch: 1 package is here
    nothing to fetch: what a build would read is here
    ");
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["fetch", "--help"]), @r"
    exit 0
    --- stdout
    Fetch what a build would read from the network, and build nothing.

    Sources, package indexes and the packages of chroots, so that `opb build --offline` of the same
    selection runs. Exits with 3 where something cannot be had; the rest is fetched.

    Usage: opb fetch [OPTIONS] [SELECTOR]...

    Arguments:
      [SELECTOR]...
              What a build would build; everything if left out

    Options:
          --again
              Fetch for a build that runs what was selected although it is realised

          --only
              Leave out what only a build of what depends on the selected nodes would read

          --check
              Fetch nothing, and say what is missing. Exits with 3 where something is

          --format <FORMAT>
              How to show what came. JSON is versioned and has a schema

              Possible values:
              - text:  For people
              - json:  One JSON object
              - jsonl: A JSON object for each event, on the standard output, while it goes on; then what
                came

              [default: text]
    ");
}
