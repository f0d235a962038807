//! Reports over made-up records, as text and data.

use std::collections::BTreeMap;

use super::*;
use crate::cost::{Cost, Saved, Spared};
use crate::digest::Digest;
use crate::drv::ActionKey;
use crate::event::CacheUse;
use crate::path::HostPath;
use crate::store::Store;
use crate::store::runs::{
    Run, RunCause, RunClean, RunCounts, RunDiffers, RunEnd, RunFact, RunFetched, RunFinished, RunKnown, RunNode,
    RunOutcome, RunPlanned, RunStarted,
};

pub(super) const NOW: i64 = 1_736_589_600;

pub(super) fn started(second: i64, clean: usize) -> RunFact {
    RunFact::Started(RunStarted { nodes: clean, clean, depends: 1, ..RunStarted::sample(NOW + second) })
}

pub(super) fn cost(milliseconds: u64) -> Cost {
    Cost { milliseconds, cpu_milliseconds: 3 * milliseconds }
}

pub(super) fn spared(nodes: usize, builds: usize, unknown: usize, milliseconds: u64) -> Spared {
    Spared { nodes, builds, unknown, cost: cost(milliseconds) }
}

pub(super) fn clean(components: &[(&str, Spared)], targets: &[(&str, Spared)]) -> RunFact {
    let table = |rows: &[(&str, Spared)]| -> BTreeMap<String, Spared> {
        rows.iter().map(|(name, spared)| ((*name).to_owned(), *spared)).collect()
    };
    RunFact::Clean(RunClean { components: table(components), targets: table(targets) })
}

pub(super) fn cause(theme: &str, text: &str, roots: usize) -> RunFact {
    let (theme, text) = (theme.to_owned(), text.to_owned());
    RunFact::Cause(RunCause { theme, text, changes: Vec::new(), first: Vec::new(), roots, dragged: 1, builds: 1 })
}

pub(super) fn node(name: &str, cause: Option<usize>, outcome: RunOutcome, milliseconds: u64) -> Vec<RunFact> {
    let planned = cause.map(|cause| {
        RunFact::Planned(RunPlanned {
            node: name.to_owned(),
            derivation: Digest::of(name.as_bytes()),
            state: "depends".to_owned(),
            reason: None,
            root: false,
            since: None,
            causes: vec![cause, 7],
        })
    });
    let ran = matches!(outcome, RunOutcome::Built | RunOutcome::Identical | RunOutcome::Kept);
    let ended = RunFact::Ended(RunNode {
        milliseconds: if ran { milliseconds } else { 0 },
        cpu_milliseconds: if ran { 3 * milliseconds } else { 0 },
        spared: (cause.is_none() || !ran).then(|| cost(milliseconds)),
        ..RunNode::new(name.to_owned(), outcome)
    });
    planned.into_iter().chain([ended]).collect()
}

/// The runs with these facts, the last first.
pub(super) fn recorded(runs: Vec<Vec<RunFact>>) -> Vec<Run> {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path())).expect("opens");
    for facts in runs {
        let [RunFact::Started(started), rest @ ..] = &facts[..] else { panic!("it begins") };
        let writer = store.start_run(started.clone()).expect("begins");
        writer.write(rest).expect("written");
        let counts = RunCounts::default();
        let (how, message) = (RunEnd::Done, None);
        writer.finish(RunFinished { ended: NOW + 9, milliseconds: 1, how, message, counts }).expect("ends");
    }
    let ids = store.runs().expect("reads");
    ids.iter().rev().map(|id| store.run(id).expect("reads").expect("there")).collect()
}

/// A run in which `a` changed, `b` came out as before, and `c` was spared; one in which the index moved and `b` failed;
/// and one of a program that only counted what was clean.
pub(super) fn three() -> Vec<Run> {
    use RunOutcome::{Blocked, Built, CutOff, Failed, Found, Identical, Kept};
    let first = [
        vec![
            started(0, 5),
            clean(
                &[("", spared(2, 0, 0, 4_000)), ("c", spared(3, 1, 1, 60_000))],
                &[
                    ("", spared(1, 0, 0, 1_000)),
                    ("d-1", spared(1, 0, 1, 3_000)),
                    ("d-1/amd64", spared(3, 1, 0, 60_000)),
                ],
            ),
            cause("changed", "env V changed from `1` to `2`", 1),
        ],
        node("build:a@d-1/amd64", Some(0), Built, 90_000),
        node("root:b@d-1/amd64", Some(0), Found, 2_000),
        node("build:b@d-1/amd64", Some(0), Identical, 30_000),
        node("build:c@d-1/arm64", Some(0), CutOff, 600_000),
        // Its bytes were gone.
        node("source:c", None, Built, 1_000),
        node("resolve:c@d-1/amd64", None, Found, 5),
    ];
    let second = [
        vec![
            started(1, 1),
            clean(&[("a", spared(1, 1, 0, 90_000))], &[("d-1/amd64", spared(1, 1, 0, 90_000))]),
            cause("index", "the package index of d-1 moved", 1),
            cause("changed", "env V changed from `1` to `2`", 2),
        ],
        node("index:base@d-1/amd64", Some(0), Built, 500),
        node("build:b@d-1/amd64", Some(0), Failed, 0),
        node("repo:nightly@d-1", Some(0), Blocked, 0),
        node("build:c@d-1/arm64", Some(1), Kept, 20_000),
    ];
    let old = [vec![started(2, 40), cause("new", "never built", 1)], node("build:e@d-2/amd64", Some(0), Built, 10)];
    recorded([first.concat(), second.concat(), old.concat()].into())
}

pub(super) fn report(runs: &[Run], by: By) -> Report {
    let mut gatherer = Gatherer::new(Over::Since(NOW), by);
    runs.iter().for_each(|run| gatherer.add(run));
    gatherer.finish()
}

#[test]
fn a_report_for_people() {
    let runs = three();
    insta::assert_snapshot!(table(&report(&runs, By::Component), false, 100), @r"
    3 runs of vendor since 2025-01-11T10:00:00Z, from 20250111-100000 to 20250111-100002; 87 % of 54 nodes did not have to run
    saved 12 min 35 s of building (37 min 45 s CPU): 46 nodes from the store, 1 spared by early cutoff;
      of 41 no time is on record
    spent 2 min 21 s on building (7 min 4 s CPU): 6 nodes ran (4 package builds, 2 came out as before),
      1 failed, 1 did not run
    40 nodes that did not have to run are in no row: an earlier opb, which only counted them, ran them

    why nodes ran
      env V changed from `1` to `2`: 3 roots in 2 runs; 3 ran in 2 min 20 s (7 min 0 s CPU), 1 spared by
        early cutoff (10 min 0 s), 1 found
      the package index of d-1 moved: 1 root; 1 ran in 500 ms (1.5 s CPU), 1 failed, 1 did not run
      files that a node reads were gone: 1 root; 1 ran in 1.0 s (3.0 s CPU)
      never built: 1 root; 1 ran in 10 ms (30 ms CPU)

    COMPONENT       NODES  STORE  CACHES  CUT OFF  RAN  FAILED  NOT RUN        SAVED    CPU SAVED       SPENT
    c                   5      2       0        1    2       0        0  10 min 59 s  32 min 57 s      21.0 s
    b                   3      1       0        0    1       1        0        2.0 s        6.0 s      30.0 s
    (no component)      4      2       0        0    1       0        1        4.0 s       12.0 s      500 ms
    a                   2      1       0        0    1       0        0   1 min 30 s   4 min 30 s  1 min 30 s
    e                   1      0       0        0    1       0        0         0 ms         0 ms       10 ms
    ALL                55     46       0        1    6       1        1  12 min 35 s  37 min 45 s  2 min 21 s
    ");
    let mut gatherer = Gatherer::new(Over::Run(runs[2].head.id.clone()), By::Target);
    gatherer.add(&runs[2]);
    insta::assert_snapshot!(table(&gatherer.finish(), false, 100), @r"
    run 20250111-100000 of vendor: done; 66.6 % of 9 nodes did not have to run
    saved 11 min 5 s of building (33 min 15 s CPU): 5 nodes from the store, 1 spared by early cutoff; of
      1 no time is on record
    spent 2 min 1 s on building (6 min 3 s CPU): 3 nodes ran (2 package builds, 1 came out as before)

    why nodes ran
      env V changed from `1` to `2`: 1 root; 2 ran in 2 min 0 s (6 min 0 s CPU), 1 spared by early
        cutoff (10 min 0 s), 1 found
      files that a node reads were gone: 1 root; 1 ran in 1.0 s (3.0 s CPU)

    TARGET         NODES  STORE  CACHES  CUT OFF  RAN  FAILED  NOT RUN       SAVED    CPU SAVED      SPENT
    d-1/amd64          6      4       0        0    2       0        0   1 min 2 s    3 min 6 s  2 min 0 s
    (all distros)      1      0       0        0    1       0        0        0 ms         0 ms      1.0 s
    d-1                1      1       0        0    0       0        0       3.0 s        9.0 s       0 ms
    d-1/arm64          1      0       0        1    0       0        0  10 min 0 s   30 min 0 s       0 ms
    ALL                9      5       0        1    3       0        0  11 min 5 s  33 min 15 s  2 min 1 s
    ");
}

#[test]
fn rows_add_up_to_the_total_however_they_are_cut() {
    let runs = three();
    for by in [By::Run, By::Component, By::Distro, By::Arch, By::Target] {
        let whole = report(&runs, by);
        let mut sums = Sums::default();
        whole.rows.iter().for_each(|row| sums.join(&row.sums));
        if by != By::Run {
            assert_eq!(whole.in_no_row, 40, "{by:?}");
            sums.take_clean(Spared { nodes: 40, unknown: 40, ..Spared::default() });
        }
        assert_eq!(sums, whole.total, "{by:?}");
        assert_eq!(whole.total, report(&runs, By::Reason).total);
    }
}

#[test]
fn what_caches_had_is_not_the_stores() {
    let of = |word: &str, facts: Vec<RunFact>, bytes: Option<u64>| -> Vec<RunFact> {
        let keyed = |fact| match fact {
            RunFact::Ended(ended) => {
                let fetched = bytes.map(|bytes| RunFetched { cache: "office".to_owned(), bytes });
                RunFact::Ended(RunNode { key: Some(ActionKey(Digest::of(word.as_bytes()))), fetched, ..ended })
            }
            other => other,
        };
        facts.into_iter().map(keyed).collect()
    };
    // Each is called there as the node that made it, which need not be of this project.
    let known = |word: &str| {
        let (node, key) = ("build:other@d-9/arm64".to_owned(), ActionKey(Digest::of(word.as_bytes())));
        RunFact::Known(RunKnown { node, key, cache: "office".to_owned(), milliseconds: 1, cpu_milliseconds: 1 })
    };
    let used = |asked, left_out: Option<&str>| {
        let (cache, left_out) = ("office\u{1b}".to_owned(), left_out.map(str::to_owned));
        RunFact::Cache(CacheUse { cache, asked, known: 4, fetched: 2, bytes: 1_500, requests: 3, left_out })
    };
    let differs = |node: &str| {
        RunFact::Differs(RunDiffers { node: node.to_owned(), key: ActionKey(Digest::of(b"key")), cache: None })
    };
    let tables = |spared| match clean(&[("a", spared)], &[("d-1/amd64", spared)]) {
        RunFact::Clean(clean) => RunFact::CleanOfCaches(clean),
        other => other,
    };
    let table = [("a", spared(4, 2, 0, 10_000))];
    let facts = [
        vec![started(0, 4), clean(&table, &[("d-1/amd64", table[0].1)]), cause("changed", "env V is new: `1`", 1)],
        // Planned, and its bytes came; clean, and its bytes came; cut off, for a cache knew it; cut off by itself.
        of("one", node("build:a@d-1/amd64", Some(0), RunOutcome::Fetched, 500), Some(1_000)),
        of("two", node("source-package:a@d-1/amd64", None, RunOutcome::Fetched, 200), Some(2_000)),
        of("three", node("root:a@d-1/amd64", Some(0), RunOutcome::CutOff, 30), None),
        of("four", node("resolve:a@d-1/amd64", Some(0), RunOutcome::CutOff, 4), None),
        ["one", "two", "three", "five"].map(known).into(),
        vec![tables(spared(1, 1, 0, 7_000)), used(30, None), used(5, Some("the certificate\nof `x` is bad"))],
        ["build:z@d/amd64", "build:a@d/amd64", "build:z@d/amd64"].map(differs).into(),
    ];
    for by in [By::Run, By::Component, By::Target] {
        let report = report(&recorded(vec![facts.concat()]), by);
        let Saved { store, caches, cut_off } = report.total.saved;
        assert_eq!((store.nodes, store.builds, store.cost.milliseconds), (2, 1, 2_800), "{by:?}");
        assert_eq!((caches.nodes, caches.builds, caches.cost.milliseconds), (4, 2, 7_730), "{by:?}");
        assert_eq!((cut_off.nodes, report.total.fetched_bytes), (1, 3_000), "{by:?}");
        assert_eq!(report.rows.iter().map(|row| row.sums).collect::<Vec<_>>(), [report.total], "{by:?}");
        let text = super::table(&report, false, 200);
        for line in [
            "fetched 3.0 kB from caches",
            "cache office\\u{1b}: 8 of 35 results known, 4 fetched (3.0 kB), in 6 requests; it was left out: the certificate of `x` is bad",
            "not reproducible: build:a@d/amd64, build:z@d/amd64; `opb diff --rivals NODE` shows what differs",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in\n{text}");
        }
        let read: serde_json::Value = serde_json::from_str(&json(&report)).expect("JSON");
        assert_eq!((&read["caches"][0]["asked"], &read["differs"][1]), (&35.into(), &"build:z@d/amd64".into()));
        assert_eq!(read["runs"][0]["project"], "vendor");
    }
    // Clean nodes have no reason, and that is said.
    let report = report(&recorded(vec![facts.concat()]), By::Reason);
    assert_eq!((report.total.nodes(), report.in_no_row), (7, 3));
    assert!(
        super::table(&report, false, 200)
            .contains("\n3 nodes that did not have to run are in no row: they were clean\n")
    );
}

#[test]
fn clean_nodes_that_were_not_are_taken_back_from_the_row_that_counts_them() {
    use RunOutcome::{Built, CutOff, Failed, Found, Stopped};
    let target = |spared| clean(&[("a", spared), ("b", spared)], &[("d-1/amd64", spared), ("d-2/amd64", spared)]);
    let none = |facts: Vec<RunFact>| -> Vec<RunFact> {
        let without = |fact| match fact {
            RunFact::Ended(ended) => RunFact::Ended(RunNode { spared: None, ..ended }),
            other => other,
        };
        facts.into_iter().map(without).collect()
    };
    let facts = [
        vec![started(0, 8), target(spared(3, 1, 0, 10_000)), cause("changed", "env V is new: `1`", 1)],
        // Of a's, one was stopped and one failed; one was being made when the run was killed.
        node("root:a@d-1/amd64", None, Stopped, 0),
        node("build:a@d-1/amd64", None, Failed, 9_000),
        vec![RunFact::Running { node: "source-package:a@d-1/amd64".to_owned(), at: None, after: None }],
        // What was never made is not among the clean ones, and was not spared either.
        none(node("source:b@d-2/amd64", None, Built, 50)),
        none(node("root:b@d-2/amd64", Some(0), CutOff, 0)),
        none(node("source:b@d-2/amd64", Some(0), Found, 0)),
    ];
    for by in [By::Run, By::Component, By::Distro, By::Arch, By::Target] {
        let report = report(&recorded(vec![facts.concat()]), by);
        let mut sums = Sums::default();
        report.rows.iter().for_each(|row| sums.join(&row.sums));
        assert_eq!(sums, report.total, "{by:?}");
        assert_eq!(report.total.saved.store, spared(4, 1, 0, 11_000), "{by:?}");
        let Sums { not_run, failed, found, .. } = report.total;
        assert_eq!((not_run, failed, found, report.total.saved.cut_off.nodes), (1, 1, 0, 0), "{by:?}");
    }
}

#[test]
fn a_report_for_spreadsheets() {
    let runs = three();
    let shown = [By::Run, By::Arch, By::Reason].map(|by| csv(&report(&runs, by)));
    assert!(shown.iter().all(|csv| csv.lines().count() == csv.matches("\r\n").count()));
    insta::assert_snapshot!(shown.concat().replace('\r', ""), @r"
    run,nodes,store_nodes,found_nodes,cache_nodes,cut_off_nodes,built_nodes,identical_nodes,kept_nodes,failed_nodes,tolerated_nodes,not_run_nodes,saved_builds,saved_milliseconds,saved_cpu_milliseconds,saved_nodes_without_time,cut_off_milliseconds,run_builds,spent_milliseconds,spent_cpu_milliseconds,fetched_bytes,skipped_nodes
    20250111-100002,41,40,0,0,0,1,0,0,0,0,0,0,0,0,40,0,1,10,30,0,0
    20250111-100001,5,1,0,0,0,1,0,1,1,0,1,1,90000,270000,0,0,1,20500,61500,0,0
    20250111-100000,9,5,1,0,1,2,1,0,0,0,0,2,665000,1995000,1,600000,2,121000,363000,0,0
    arch,nodes,store_nodes,found_nodes,cache_nodes,cut_off_nodes,built_nodes,identical_nodes,kept_nodes,failed_nodes,tolerated_nodes,not_run_nodes,saved_builds,saved_milliseconds,saved_cpu_milliseconds,saved_nodes_without_time,cut_off_milliseconds,run_builds,spent_milliseconds,spent_cpu_milliseconds,fetched_bytes,skipped_nodes
    amd64,10,5,1,0,0,3,1,0,1,0,0,2,152000,456000,0,0,3,120510,361530,0,0
    ,3,1,0,0,0,1,0,0,0,0,1,0,3000,9000,1,0,0,1000,3000,0,0
    arm64,2,0,0,0,1,0,0,1,0,0,0,1,600000,1800000,0,600000,1,20000,60000,0,0
    reason,nodes,store_nodes,found_nodes,cache_nodes,cut_off_nodes,built_nodes,identical_nodes,kept_nodes,failed_nodes,tolerated_nodes,not_run_nodes,saved_builds,saved_milliseconds,saved_cpu_milliseconds,saved_nodes_without_time,cut_off_milliseconds,run_builds,spent_milliseconds,spent_cpu_milliseconds,fetched_bytes,skipped_nodes
    env V changed from `1` to `2`,5,1,1,0,1,1,1,1,0,0,0,1,602000,1806000,0,600000,3,140000,420000,0,0
    the package index of d-1 moved,3,0,0,0,0,1,0,0,1,0,1,0,0,0,0,0,0,500,1500,0,0
    files that a node reads were gone,1,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,1000,3000,0,0
    never built,1,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,1,10,30,0,0
    ");
}

#[test]
fn a_report_for_programs() {
    let read: serde_json::Value = serde_json::from_str(&json(&report(&three(), By::Distro))).expect("JSON");
    assert_eq!((&read["version"], &read["by"], &read["in_no_row"]), (&1.into(), &"distro".into(), &40.into()));
    assert_eq!(read["runs"][0]["id"], "20250111-100002");
    let saved = &read["total"]["saved"];
    assert_eq!(
        (&saved["store"]["nodes"], &saved["store"]["unknown"], &saved["found"]),
        (&46.into(), &41.into(), &1.into())
    );
    assert_eq!(saved["cut_off"]["cost"]["milliseconds"], 600_000);
    assert_eq!(saved["total"]["cost"]["cpu_milliseconds"], 3 * 755_000);
    let names: Vec<&serde_json::Value> =
        read["rows"].as_array().expect("a list").iter().map(|row| &row["name"]).collect();
    assert_eq!(names, [&serde_json::json!("d-1"), &serde_json::json!(null), &serde_json::json!("d-2")]);
    assert_eq!((&read["reasons"][0]["theme"], &read["reasons"][0]["runs"]), (&"changed".into(), &2.into()));
}

#[test]
fn many_rows_are_cut_off_and_still_counted() {
    let rows: Vec<(String, Spared)> = (0..60).map(|number| (format!("lib{number:02}"), spared(2, 1, 0, 5))).collect();
    let rows: Vec<(&str, Spared)> = rows.iter().map(|(name, spared)| (name.as_str(), *spared)).collect();
    let runs = recorded(vec![vec![started(0, 120), clean(&rows, &rows)]]);
    let report = report(&runs, By::Component);
    let shown = table(&report, false, 100);
    let line = |word: &str| shown.lines().find(|line| line.starts_with(word)).map(str::to_owned).unwrap_or_default();
    let words = |word: &str| line(word).split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(
        [words("lib39"), words("lib40"), words("and 20")],
        ["lib39 2 2 0", "", "and 20 more 40"].map(str::to_owned),
        "{shown}"
    );
    assert!(table(&report, true, 100).contains("\nlib59 "));
    assert!(svg(&report).contains(">and 30 more<"));
}
