//! Runs in time: lanes, waits, the critical path, and how they are shown, also where they are large, hostile or damaged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::path::HostPath;
use crate::report::chart_checks::check_picture;
use crate::store::Store;
use crate::store::runs::{RunCounts, RunEnd, RunFact, RunFinished, RunNode, RunOutcome, RunStarted};

/// A node: its name, when it began and ended, whose end made it ready, and what it came to.
type Node<'a> = (&'a str, u64, Option<u64>, Option<&'a str>, RunOutcome);

/// The timings of a run that took so long; without that, it was killed.
fn timings(jobs: Option<usize>, nodes: &[Node<'_>], took: Option<u64>) -> Timings {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    let count = nodes.len();
    let writer = store.start_run(RunStarted { nodes: count, runs: count, jobs, ..RunStarted::sample(1_736_589_600) });
    let writer = writer.expect("begins");
    let mut facts = Vec::new();
    for (name, began, ended, after, outcome) in nodes {
        let node = (*name).to_owned();
        facts.push(RunFact::Running { node: node.clone(), at: Some(*began), after: after.map(str::to_owned) });
        facts.extend(ended.map(|at| RunFact::Ended(RunNode { at: Some(at), ..RunNode::new(node, *outcome) })));
    }
    writer.write(&facts).expect("written");
    let id = writer.id().clone();
    match took {
        Some(milliseconds) => {
            let (counts, how) = (RunCounts::default(), RunEnd::Done);
            writer
                .finish(RunFinished { ended: 1_736_589_700, milliseconds, how, message: None, counts })
                .expect("written");
        }
        None => drop(writer),
    }
    Timings::of(&store.run(&id).expect("reads").expect("there"), 0)
}

const A: &str = "source:libmd@d-1/amd64";
const B: &str = "index:base@d-1/amd64";

/// Two jobs; the second build is ready long before a job is free.
fn small() -> Timings {
    use RunOutcome::{Built, Failed};
    let nodes: [Node<'_>; 6] = [
        (A, 0, Some(10_000), None, Built),
        (B, 100, Some(4_000), None, Built),
        ("build:other@d-1/amd64", 4_000, Some(20_000), Some(B), Failed),
        ("build:libmd@d-1/amd64", 10_000, Some(40_000), Some(A), Built),
        ("build:libbsd@d-1/amd64", 20_000, Some(50_000), Some(A), Built),
        ("repo:nightly@d-1", 50_000, Some(52_000), Some("build:libbsd@d-1/amd64"), Built),
    ];
    timings(Some(2), &nodes, Some(52_500))
}

#[test]
fn lanes_waits_and_the_critical_path() {
    let timings = small();
    let lanes: Vec<usize> = timings.spans.iter().map(|span| span.lane).collect();
    assert_eq!((lanes, timings.lanes), (vec![0, 1, 1, 0, 1, 0], 2));
    let waited: Vec<u64> = timings.spans.iter().map(Span::waited).collect();
    assert_eq!(waited, [0, 100, 0, 0, 10_000, 0]);
    assert_eq!(timings.critical, [0, 4, 5]);
    assert_eq!(timings.on_critical(), (42_000, 10_000));
    assert_eq!(timings.busy(), 91_900);
    assert_eq!(timings.side_by_side(), [500, 12_100, 39_900]);
    assert_eq!(timings.side_by_side().iter().sum::<u64>(), timings.milliseconds);
}

#[test]
fn a_run_in_time_as_text() {
    insta::assert_snapshot!(text(&small(), false), @r"
    run 20250111-100000: done, 52.5 s
      6 nodes ran for 1 min 31 s in all: 1.4 of 2 jobs (72 %) busy on average, at most 2 at once, none for 500 ms
      critical path: 3 nodes with 42.0 s, 80 % of the run; for 10.0 s more they were ready and waited for a free job
      source: 1 node, 10.0 s
      index: 1 node, 3.9 s
      build: 3 nodes, 1 min 16 s
      repo: 1 node, 2.0 s
    critical path
       BEGAN  WAITED    TOOK  NODE
        0 ms       -  10.0 s  source:libmd@d-1/amd64
      20.0 s  10.0 s  30.0 s  build:libbsd@d-1/amd64
      50.0 s       -   2.0 s  repo:nightly@d-1
    nodes (* on the critical path; WAITED for a free job once AFTER had ended)
      LANE   BEGAN  WAITED    TOOK  NODE                            AFTER
        *1    0 ms       -  10.0 s  source:libmd@d-1/amd64          -
         2  100 ms  100 ms   3.9 s  index:base@d-1/amd64            -
         2   4.0 s       -  16.0 s  build:other@d-1/amd64 (failed)  index:base@d-1/amd64
         1  10.0 s       -  30.0 s  build:libmd@d-1/amd64           source:libmd@d-1/amd64
        *2  20.0 s  10.0 s  30.0 s  build:libbsd@d-1/amd64          source:libmd@d-1/amd64
        *1  50.0 s       -   2.0 s  repo:nightly@d-1                build:libbsd@d-1/amd64
    ");
}

/// Several thousand nodes on more lanes than are drawn, with names that want to be more than names.
fn large() -> Timings {
    let hostile = "x<y>&\"'é\u{1b}[31m</script><script>alert(1)</script>";
    let names: Vec<String> = (0..6_000)
        .map(|number| match number % 50 {
            0 => format!("build:{number}-{}", hostile.repeat(1 + number % 7)),
            _ => format!("build:component-with-a-long-name-{number}@d-1/amd64"),
        })
        .collect();
    let nodes: Vec<Node<'_>> = (0..6_000)
        .map(|number: usize| {
            let (round, lane) = ((number / 60) as u64, (number % 60) as u64);
            let began = round * 10_000 + lane;
            let long = if number.is_multiple_of(97) { 9_500 } else { 1 + lane * 13 };
            let after = number.checked_sub(60).map(|before| names[before].as_str());
            (names[number].as_str(), began, Some(began + long), after, RunOutcome::Built)
        })
        .collect();
    timings(Some(64), &nodes, Some(1_000_000))
}

#[test]
fn pictures_and_pages_are_well_formed_and_bounded() {
    use RunOutcome::Built;
    let none = timings(Some(4), &[], Some(10));
    let one = timings(None, &[("repo:nightly@d-1", 0, Some(0), None, Built)], Some(0));
    for (name, timings) in [("small", small()), ("large", large()), ("none", none), ("one", one)] {
        let picture = svg(&timings);
        check_picture(&picture);
        assert!(picture.len() < 1 << 20, "{name}: {} bytes", picture.len());
        assert_eq!(picture, svg(&timings), "the same run, the same bytes");
        for text in [&picture, &html(&timings)] {
            assert!(!text.contains("<script") && !text.contains("href") && !text.contains("src="), "{name}");
            assert!(!text.contains('\u{1b}'), "{name}");
        }
    }
    let (large, page) = (svg(&large()), html(&large()));
    assert!(
        large.contains(">and 24 more lanes, with ") && large.contains(">and 5960 more nodes that took less<"),
        "what is left out is said"
    );
    assert!(page.contains(" 4000 nodes that took less are left out."));
    assert!(page.contains("x&lt;y&gt;&amp;"));
}

#[test]
fn the_picture_shows_waits_and_failures() {
    let picture = svg(&small());
    let with = |class: &str| picture.matches(&format!("<rect class=\"{class}\"")).count();
    // Once on its lane and once in its row.
    assert_eq!((with("build critical"), with("source critical"), with("repo critical")), (2, 2, 2));
    // With those of the legend.
    assert_eq!((with("failed"), with("wait"), with("build")), (3, 3, 3));
    assert_eq!(picture.matches("<line class=\"link\"").count(), 4);
    let hint = "build:libbsd@d-1/amd64: built in 30.0 s, from 20.0 s on, after 10.0 s without a free job";
    assert!(picture.contains(hint));
}

#[test]
fn a_trace_has_all_nodes_and_lanes_on_which_they_do_not_overlap() {
    let (timings, trace) = (large(), chrome(&large()));
    let trace: Value = serde_json::from_str(&trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let of = |ph: &str| events.iter().filter(|event| event["ph"] == ph).collect::<Vec<_>>();
    assert_eq!(of("X").len(), 6_000);
    assert_eq!((of("s").len(), of("f").len()), (5_940, 5_940));
    let mut free: BTreeMap<u64, u64> = BTreeMap::new();
    for node in of("X") {
        let number = |key: &str| node[key].as_u64().expect("a number");
        let lane = free.entry(number("tid")).or_default();
        assert!(*lane <= number("ts"), "{node}");
        *lane = number("ts") + number("dur");
    }
    assert_eq!(free.len(), timings.lanes);
    let counts = of("C");
    assert_eq!(counts.last().expect("one")["args"]["nodes"], 0);
    let small: Value = serde_json::from_str(&chrome(&small())).expect("JSON");
    let build = small["traceEvents"].as_array().expect("a list").iter().find(|event| event["ts"] == 20_000_000);
    assert_eq!(build.expect("there")["args"]["waited_milliseconds"], 10_000);
}

#[test]
fn a_killed_run_ends_with_what_is_known_last() {
    let nodes: [Node<'_>; 2] = [(A, 0, Some(10), None, RunOutcome::Built), (B, 20, None, Some(A), RunOutcome::Built)];
    let timings = timings(Some(1), &nodes, None);
    assert_eq!((timings.result, timings.milliseconds), ("killed", 20));
    assert_eq!((timings.spans[1].outcome, timings.spans[1].ended), ("killed", 20));
}

#[test]
fn damaged_records_hang_nothing_up() {
    use RunOutcome::Built;
    let nodes: [Node<'_>; 4] = [
        (A, 5, Some(5), Some(B), Built),
        (B, 5, Some(5), Some(A), Built),
        ("build:a@d-1/amd64", 7, Some(u64::MAX), Some("build:a@d-1/amd64"), Built),
        ("nonsense", u64::MAX, Some(3), Some("build:b@d-1/amd64"), Built),
    ];
    let timings = timings(Some(usize::MAX), &nodes, Some(10));
    check_picture(&svg(&timings));
    for shown in [text(&timings, true), json(&timings), chrome(&timings), html(&timings)] {
        assert!(shown.contains("nonsense"));
    }
}

#[test]
fn without_times_that_is_said() {
    let mut timings = timings(Some(1), &[], Some(10));
    timings.unknown = 3;
    assert_eq!(text(&timings, false).lines().nth(1), Some("  3 nodes ran, but its record has no times"));
}
