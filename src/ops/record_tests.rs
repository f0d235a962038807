//! Records of made-up runs, read again: what a report makes of them is what the run itself told.

use std::sync::OnceLock;

use super::*;
use crate::drv::Outputs;
use crate::eval::MemoryFiles;
use crate::exceptions::Exceptions;
use crate::graph::Excepted;
use crate::graph::small::{chain, id};
use crate::name::OutputName;
use crate::path::HostPath;
use crate::project::Project;
use crate::report::cache::{By, Gatherer, Over, Report};
use crate::store::runs::Run;

#[test]
fn the_digest_of_recipes_sees_paths_and_contents() {
    let of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        digest_of_recipes(&MemoryFiles(files.collect()))
    };
    let one = of(&[("recipes/a.rhai", "1"), ("distros/d.rhai", "2"), ("opb.toml", "3")]);
    assert_eq!(one, of(&[("recipes/a.rhai", "1"), ("distros/d.rhai", "2")]), "the settings have no part in it");
    for other in [
        of(&[("recipes/a.rhai", "2"), ("distros/d.rhai", "2")]),
        of(&[("recipes/b.rhai", "1"), ("distros/d.rhai", "2")]),
        of(&[("recipes/a/recipe.rhai", "1"), ("distros/d.rhai", "2")]),
    ] {
        assert_ne!(one, other);
    }
}

fn key(word: &str) -> ActionKey {
    ActionKey(Digest::of(word.as_bytes()))
}

fn cost(milliseconds: u64) -> Option<Cost> {
    Some(Cost { milliseconds, cpu_milliseconds: 3 * milliseconds })
}

fn name(text: &str) -> NodeName {
    text.parse().expect("a name")
}

fn done(node: &str, how: Done, word: &str, took: u64) -> Event {
    let (key, cost) = (key(word), cost(took));
    Event::NodeDone { node: name(node), how, milliseconds: took, key, outputs: Outputs::new(), cost }
}

fn known(word: &str) -> Event {
    // By its name there.
    let (node, cache) = ("build:other@elsewhere-1/arm64".to_owned(), "office".to_owned());
    Event::NodeKnown { node, key: key(word), cache, milliseconds: 1, cpu_milliseconds: 1 }
}

/// `build:a` runs and `build:c` depends on it; the rest is clean: the root and the other source have one result, and the
/// first source was never made.
fn plan_of(graph: &Graph) -> Plan {
    let of = |name: &str, state: State, word: &str, cost| {
        let outputs = (state == State::Clean).then(Outputs::new);
        Planned { node: id(graph, name), state, key: Some(key(word)), outputs, cost }
    };
    let a = id(graph, "build:a@d/amd64");
    let mut nodes = vec![
        of("source:a", State::Clean, "one", None),
        of("source:b", State::Clean, "two", cost(10)),
        of("build:a@d/amd64", State::Runs(Reason::New), "three", None),
        of("root:b@d/amd64", State::Clean, "two", cost(10)),
        of("build:b@d/amd64", State::Clean, "four", cost(100)),
        of("build:c@d/amd64", State::Depends(vec![a]), "five", None),
    ];
    nodes.sort_by_key(|planned| planned.node);
    Plan { nodes, ..Plan::default() }
}

/// Records a run of [`plan_of`] in which `events` happen, and what `end` makes of it; the record, and what `end` says.
fn recorded<T>(events: &[Event], end: impl FnOnce(Recorder<'_>, &Graph) -> T) -> (Run, T) {
    let folder = tempfile::tempdir().expect("made");
    std::fs::create_dir(folder.path().join("recipes")).expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    let graph = chain("1");
    let plan = plan_of(&graph);
    let session = Session {
        project: Project::open(folder.path()).expect("opens"),
        graph,
        exceptions: Exceptions::default(),
        excepted: Excepted::default(),
        warnings: Vec::new(),
        notices: Vec::new(),
        evaluated: OnceLock::new(),
        lock: OnceLock::new(),
        watched: None,
    };
    let asked = Asked::default();
    let sink = |event: Event| panic!("nothing is to be told: {event:?}");
    let recorder = Recorder::start(&session, &store, &asked, &plan, (false, 4), &sink);
    events.iter().for_each(|event| recorder.take(event));
    let told = end(recorder, &session.graph);
    let id = store.runs().expect("reads").pop().expect("one");
    (store.run(&id).expect("reads").expect("there"), told)
}

/// The report of a run, after looking whether its rows add up however they are cut.
fn report(run: &Run) -> Report {
    let of = |by| {
        let mut gatherer = Gatherer::new(Over::Run(run.head.id.clone()), by);
        gatherer.add(run);
        gatherer.finish()
    };
    for by in [By::Component, By::Target, By::Distro, By::Arch] {
        let report = of(by);
        let mut sums = crate::report::cache::Sums::default();
        report.rows.iter().for_each(|row| sums.join(&row.sums));
        assert_eq!((sums, report.in_no_row), (report.total, 0), "{by:?}");
    }
    of(By::Run)
}

/// An end at which `build:c` was cut off, for it came to `five`.
fn finished(recorder: Recorder<'_>, graph: &Graph) -> Saved {
    let outputs = Outputs::from([(OutputName::new("packages").expect("plain"), Digest::of(b"c"))]);
    recorder.finish(&Outcome {
        counts: Counts::default(),
        failures: Vec::new(),
        tolerated: Vec::new(),
        skipped: BTreeSet::new(),
        held_up: BTreeMap::new(),
        kept: BTreeMap::new(),
        without: BTreeMap::new(),
        blocked: Vec::new(),
        settled: BTreeMap::from([(id(graph, "build:c@d/amd64"), (key("five"), outputs))]),
        stopped: false,
    })
}

#[test]
fn nodes_have_times_and_what_they_waited_for() {
    let [a, b] = ["build:a@d/amd64", "build:c@d/amd64"].map(name);
    let begins = |node: &NodeName, after| Event::NodeStarted { node: node.clone(), after, usual_milliseconds: None };
    let events = [begins(&a, None), done("build:a@d/amd64", Done::Built, "three", 0), begins(&b, Some(a.clone()))];
    let (run, _) = recorded(&events, finished);
    let of = |node: &NodeName| run.of(&node.to_string()).expect("there");
    let (began, ended) = (of(&a).began_at.expect("a time"), of(&a).ended.as_ref().and_then(|ended| ended.at));
    let after = of(&b).began_at.expect("a time");
    assert!(Some(began) <= ended && ended <= Some(after), "{began} {ended:?} {after}");
    assert!(Some(after) <= run.head.finished.as_ref().map(|finished| finished.milliseconds));
    assert_eq!((of(&a).after.as_deref(), of(&b).after.as_deref()), (None, Some("build:a@d/amd64")));
    assert_eq!(run.head.started.jobs, Some(4));
    assert_eq!(of(&b).ended.as_ref().and_then(|ended| ended.at), None, "it was cut off");
}

#[test]
fn a_report_says_what_the_run_said() {
    use Done::{Built, Fetched, Found};
    let fetched = || Fetched { cache: "office".to_owned(), bytes: 7 };
    let a = || done("build:a@d/amd64", Built, "three", 1_000);
    let stopped = |node: &str| Event::NodeStopped { node: name(node) };
    // What happens, and how many nodes are then the store's, the caches', and ran; and what was saved.
    let cases = [
        (vec![a()], [3, 0, 1], 110),
        // All nodes with a result that a cache knew, by whatever name; but not one that ran all the same.
        (vec![a(), known("two"), known("four")], [0, 3, 1], 110),
        (vec![a(), known("four"), done("build:b@d/amd64", Built, "four", 100)], [2, 0, 2], 10),
        (vec![a(), known("four"), stopped("build:b@d/amd64")], [2, 0, 1], 10),
        // Of two with one result, the first has the time.
        (vec![a(), done("root:b@d/amd64", Built, "two", 10)], [2, 0, 2], 110),
        (vec![a(), stopped("source:b"), done("build:b@d/amd64", Found, "four", 100)], [2, 0, 1], 100),
        (vec![done("build:a@d/amd64", fetched(), "three", 1_000), known("three")], [3, 1, 0], 1_110),
        (vec![a(), done("build:b@d/amd64", fetched(), "four", 100), known("four")], [2, 1, 1], 110),
        // One that was never made was not the store's, whatever becomes of it.
        (vec![a(), done("source:a", Built, "one", 5)], [3, 0, 2], 110),
        (vec![a(), stopped("source:a"), known("one")], [3, 0, 1], 110),
    ];
    for (events, counts, milliseconds) in cases {
        let (run, saved) = recorded(&events, finished);
        let total = report(&run).total;
        assert_eq!(total.saved, saved, "{events:#?}");
        assert_eq!([saved.store.nodes, saved.caches.nodes, total.ran()], counts, "{events:#?}");
        assert_eq!(
            (saved.total().cost, saved.total().unknown),
            (cost(milliseconds).unwrap_or_default(), 0),
            "{events:#?}"
        );
        // Nobody ever made what `build:c` comes to, as far as this store knows.
        assert_eq!(saved.cut_off.nodes, 0);
    }
}

#[test]
fn what_caches_knew_is_recorded_where_the_run_could_not_go_on() {
    let (run, ()) = recorded(&[known("two")], |recorder, _| recorder.abandon("the disk is full"));
    let saved = report(&run).total.saved;
    assert_eq!([saved.store.nodes, saved.caches.nodes], [1, 2]);
    assert_eq!(saved.caches.cost, cost(10).unwrap_or_default());
    assert_eq!(run.head.finished.map(|finished| finished.how), Some(RunEnd::Error));
}
