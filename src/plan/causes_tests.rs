//! What causes are found in small graphs, and that counting them is linear.

use super::in_memory::InMemory;
use super::*;
use crate::graph::small::{add, chain, id};
use crate::graph::{Builder, Graph, NodeId};

fn planned(graph: &Graph, knows: &InMemory) -> Plan {
    let Ok(plan) = plan(graph, &graph.ids().collect::<Vec<_>>(), &[], knows);
    plan
}

fn shown(found: &Causes) -> Vec<String> {
    let lines = found
        .causes
        .iter()
        .map(|cause| format!("{}: {} root(s), {} dragged", cause.theme.describe(), cause.roots.len(), cause.dragged));
    lines.chain([format!("{} root(s), {} dragged", found.roots, found.dragged)]).collect()
}

#[test]
fn a_root_drags_what_depends_on_it() {
    let mut knows = InMemory::default();
    knows.run_all(&chain("1"));
    let graph = chain("2");
    let plan = planned(&graph, &knows);
    let found = causes(&graph, &plan);
    assert_eq!(shown(&found), ["env V changed from `1` to `2`: 1 root(s), 3 dragged", "1 root(s), 3 dragged"]);
    assert_eq!(found.causes[0].builds, 2);
    assert_eq!(found.of(id(&graph, "build:b@d/amd64")), [0]);
    assert_eq!(found.of(id(&graph, "build:c@d/amd64")), Vec::<usize>::new());
}

/// `many` sources' builds that all read the index `index:base@d/amd64`, and of which `own` carries a value of its own.
fn fan(many: usize, index: &str, own: &str) -> Graph {
    let mut graph = Builder::default();
    let base = add(&mut graph, "index:base@d/amd64", index, &[]);
    let arm = add(&mut graph, "index:base@d/arm64", index, &[]);
    for number in 0..many {
        let input = if number % 2 == 0 { base } else { arm };
        let value = if number == 0 { own } else { "" };
        let resolve = add(&mut graph, &format!("resolve:p{number}@d/amd64"), "", &[input]);
        let source = add(&mut graph, &format!("source-package:p{number}@d"), value, &[]);
        add(&mut graph, &format!("build:p{number}@d/amd64"), "", &[resolve, source]);
    }
    graph.finish()
}

#[test]
fn the_same_reason_of_many_nodes_is_one_cause() {
    let mut knows = InMemory::default();
    knows.run_all(&fan(10, "monday", "1"));
    let graph = fan(10, "tuesday", "2");
    let plan = planned(&graph, &knows);
    let found = causes(&graph, &plan);
    assert_eq!(
        shown(&found),
        [
            "the package index of d moved: 2 root(s), 20 dragged",
            "env V changed from `1` to `2`: 1 root(s), 1 dragged",
            // The build that both reach counts once.
            "3 root(s), 20 dragged",
        ]
    );
    assert_eq!(found.of(id(&graph, "build:p0@d/amd64")), [0, 1]);
    assert_eq!(found.of(id(&graph, "build:p1@d/amd64")), [0]);
    let one = id(&graph, "build:p1@d/amd64");
    assert_eq!(roots_reaching(&graph, &plan, &[one]), [id(&graph, "index:base@d/arm64")]);
    let reaching = causes_reaching(&graph, &plan, &[one]);
    let expected = ["the package index of d moved: 1 root(s), 10 dragged", "1 root(s), 10 dragged"];
    assert_eq!(shown(&reaching), expected, "the other arch's index does not reach it");
}

#[test]
fn what_is_read_only_because_a_reader_runs_is_dragged_by_that_reader() {
    let mut knows = InMemory::default();
    let before = chain("1");
    let all = knows.run_all(&before);
    knows.absent = all[&id(&before, "source:a")].values().copied().collect();
    let graph = chain("2");
    let plan = planned(&graph, &knows);
    let source = id(&graph, "source:a");
    assert!(matches!(plan.of(source).map(|planned| &planned.state), Some(State::Runs(Reason::Absent { .. }))));
    let found = causes(&graph, &plan);
    assert_eq!(shown(&found), ["env V changed from `1` to `2`: 1 root(s), 4 dragged", "1 root(s), 4 dragged"]);
    assert_eq!(found.of(source), [0]);
    assert_eq!(roots_reaching(&graph, &plan, &[source]), [id(&graph, "build:a@d/amd64")]);
}

#[test]
fn nothing_has_no_causes() {
    let mut knows = InMemory::default();
    let graph = chain("1");
    knows.run_all(&graph);
    let plan = planned(&graph, &knows);
    assert_eq!(shown(&causes(&graph, &plan)), ["0 root(s), 0 dragged"]);
    assert_eq!(roots_reaching(&graph, &plan, &[id(&graph, "build:b@d/amd64")]), Vec::<NodeId>::new());
}

#[test]
fn more_causes_than_are_told_apart_end_in_one() {
    let many = |v: &str| {
        let mut graph = Builder::default();
        let builds: Vec<NodeId> = (0..300)
            .map(|number| add(&mut graph, &format!("build:p{number}@d/amd64"), &format!("{v}{number}"), &[]))
            .collect();
        add(&mut graph, "repo:nightly@d", "", &builds);
        graph.finish()
    };
    let mut knows = InMemory::default();
    knows.run_all(&many("a"));
    let graph = many("b");
    let plan = planned(&graph, &knows);
    let found = causes(&graph, &plan);
    assert_eq!(found.causes.len(), 256);
    assert_eq!((found.roots, found.dragged), (300, 1));
    let other = found.causes.iter().find(|cause| cause.theme == Theme::Other).expect("there");
    assert_eq!(other.roots.len(), 45);
    assert_eq!(found.of(id(&graph, "repo:nightly@d")).len(), 256);
    assert!(found.causes.iter().all(|cause| cause.dragged == 1));
}
