//! What a plan says of small graphs.

use super::in_memory::InMemory;
use super::*;
use crate::drv::Action;
use crate::graph::Builder;
use crate::graph::small::{add, chain, id};

fn states(graph: &Graph, again: &[NodeId], knows: &InMemory) -> Vec<String> {
    told(graph, again, &[], knows)
}

/// The same without the nodes of `skip`.
fn told(graph: &Graph, again: &[NodeId], skip: &[NodeId], knows: &InMemory) -> Vec<String> {
    let wanted: Vec<NodeId> = graph.ids().collect();
    let Ok(plan) = plan_without(graph, &wanted, again, &skip.iter().copied().collect(), knows);
    let names = |ids: &[NodeId]| ids.iter().map(|id| graph.node(*id).to_string()).collect::<Vec<_>>().join(", ");
    let told = plan.nodes.iter().map(|planned| {
        let name = graph.node(planned.node);
        match &planned.state {
            State::Clean => format!("{name} clean"),
            State::Runs(reason) => format!("{name} runs: {}", describe(reason, graph)),
            State::Depends(on) => format!("{name} depends on {}", names(on)),
            State::Skipped(on) => format!("{name} skipped {}", names(on)),
        }
    });
    told.collect()
}

/// Those that are not clean.
fn dirty(graph: &Graph, knows: &InMemory) -> Vec<String> {
    states(graph, &[], knows).into_iter().filter(|line| !line.ends_with(" clean")).collect()
}

#[test]
fn nothing_is_known_of_an_empty_store() {
    let graph = chain("1");
    let sources = [id(&graph, "source:a"), id(&graph, "source:b")];
    let digests = sources.map(|id| match graph.node(id).action() {
        Action::Source { tree } => tree,
        _ => unreachable!("a source"),
    });
    let knows = InMemory { absent: digests.into(), ..InMemory::default() };
    assert_eq!(
        states(&graph, &[], &knows),
        [
            "source:a runs: its files are not here, and build:a@d/amd64 reads them",
            // Nobody who certainly runs reads it.
            "source:b clean",
            "build:a@d/amd64 runs: never built",
            "root:b@d/amd64 depends on build:a@d/amd64",
            "build:b@d/amd64 depends on root:b@d/amd64",
            "build:c@d/amd64 runs: never built",
            "repo:nightly@d depends on build:a@d/amd64, build:b@d/amd64, build:c@d/amd64",
        ]
    );
}

#[test]
fn what_is_realised_is_clean_with_its_bytes_or_without() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    let all = knows.run_all(&graph);
    assert_eq!(dirty(&graph, &knows), Vec::<String>::new());
    knows.absent = all.values().flat_map(Outputs::values).copied().collect();
    assert_eq!(dirty(&graph, &knows), Vec::<String>::new(), "nobody runs, so nobody reads");
    let Ok(plan) = plan(&graph, &graph.ids().collect::<Vec<_>>(), &[], &knows);
    assert_eq!(plan.counts(), (7, 0, 0));
}

#[test]
fn a_change_reaches_what_depends_on_it_and_nothing_else() {
    let mut knows = InMemory::default();
    knows.run_all(&chain("1"));
    assert_eq!(
        dirty(&chain("2"), &knows),
        [
            "build:a@d/amd64 runs: env V changed from `1` to `2`",
            "root:b@d/amd64 depends on build:a@d/amd64",
            "build:b@d/amd64 depends on root:b@d/amd64",
            "repo:nightly@d depends on build:a@d/amd64, build:b@d/amd64",
        ]
    );
}

#[test]
fn an_output_as_before_spares_what_follows() {
    let mut knows = InMemory::default();
    knows.run_all(&chain("1"));
    let graph = chain("2");
    let a = graph.node(id(&graph, "build:a@d/amd64"));
    let Action::Source { tree } = graph.node(id(&graph, "source:a")).action() else { unreachable!("a source") };
    knows.run(a, &[tree], "build:a@d/amd64");
    assert_eq!(dirty(&graph, &knows), Vec::<String>::new());
    knows.run(a, &[tree], "something else");
    let after = dirty(&graph, &knows);
    let root = "root:b@d/amd64 runs: its files are not here, and build:b@d/amd64 reads them";
    assert_eq!(after[..2], [root, "build:b@d/amd64 runs: root:b@d/amd64 changed"]);
    assert_eq!(after.len(), 3, "{after:?}");
}

#[test]
fn absent_bytes_run_as_far_back_as_somebody_reads_them() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    let all = knows.run_all(&graph);
    let gone = ["source:a", "build:a@d/amd64", "root:b@d/amd64"].map(|name| id(&graph, name));
    knows.absent = gone.iter().flat_map(|id| all[id].values()).copied().collect();
    let b = id(&graph, "build:b@d/amd64");
    assert_eq!(
        states(&graph, &[b], &knows),
        [
            "source:a runs: its files are not here, and build:a@d/amd64 reads them",
            "source:b clean",
            "build:a@d/amd64 runs: its files are not here, and root:b@d/amd64 reads them",
            "root:b@d/amd64 runs: its files are not here, and build:b@d/amd64 reads them",
            "build:b@d/amd64 runs: asked for again",
            "build:c@d/amd64 clean",
            "repo:nightly@d depends on build:b@d/amd64",
        ]
    );
}

#[test]
fn a_realisation_that_is_gone_is_told_apart_from_one_that_never_was() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    knows.realised.clear();
    let lines = dirty(&graph, &knows);
    assert_eq!(lines[0], "build:a@d/amd64 runs: its realisation is gone");
    knows.earlier.clear();
    assert_eq!(dirty(&graph, &knows)[0], "build:a@d/amd64 runs: never built");
}

#[test]
fn a_build_without_a_number_has_no_key_and_runs() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    knows.numbers.clear();
    let wanted: Vec<NodeId> = graph.ids().collect();
    let Ok(plan) = plan(&graph, &wanted, &[], &knows);
    let a = plan.of(id(&graph, "build:a@d/amd64")).expect("planned");
    assert!(matches!(a.state, State::Runs(Reason::Gone { .. })), "{:?}", a.state);
    assert_eq!(a.key, None);
}

#[test]
fn only_what_is_wanted_and_its_inputs_are_planned() {
    let graph = chain("1");
    let Ok(plan) = plan(&graph, &[id(&graph, "build:a@d/amd64")], &[], &InMemory::default());
    let names: Vec<String> = plan.nodes.iter().map(|planned| graph.node(planned.node).to_string()).collect();
    assert_eq!(names, ["source:a", "build:a@d/amd64"]);
    assert!(plan.of(id(&graph, "build:c@d/amd64")).is_none());
}

#[test]
fn keys_are_asked_for_in_one_batch_for_each_level() {
    let mut graph = Builder::default();
    let sources: Vec<NodeId> = (0..50).map(|n| add(&mut graph, &format!("source:s{n}"), "", &[])).collect();
    for (n, source) in sources.iter().enumerate() {
        add(&mut graph, &format!("build:s{n}@d/amd64"), "", &[*source]);
    }
    let graph = graph.finish();
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    assert_eq!(dirty(&graph, &knows), Vec::<String>::new());
    assert_eq!(knows.batches.get(), 2);
}

#[test]
fn what_is_skipped_and_what_needs_it_does_not_run_and_the_rest_goes_on() {
    let graph = chain("1");
    let [a, c, repo] = ["build:a@d/amd64", "build:c@d/amd64", "repo:nightly@d"].map(|name| id(&graph, name));
    let mut knows = InMemory::default();
    let dirty = |skip: &[NodeId], knows: &InMemory| -> Vec<String> {
        told(&graph, &[], skip, knows).into_iter().filter(|line| !line.ends_with(" clean")).collect()
    };
    assert_eq!(
        dirty(&[a], &knows),
        [
            "build:a@d/amd64 skipped ",
            "root:b@d/amd64 skipped build:a@d/amd64",
            "build:b@d/amd64 skipped root:b@d/amd64",
            "build:c@d/amd64 runs: never built",
            "repo:nightly@d depends on build:c@d/amd64",
        ]
    );
    assert_eq!(
        dirty(&[a, c], &knows).last().map(String::as_str),
        Some("repo:nightly@d skipped build:a@d/amd64, build:b@d/amd64, build:c@d/amd64"),
        "nothing of it is left"
    );
    // The repository without them is one of its own, and is there once it was assembled.
    let absent = crate::drv::absent();
    let made = |knows: &mut InMemory, id: NodeId, contents: &[Digest]| {
        let (_, outputs) = knows.run(graph.node(id), contents, "x");
        outputs.values().next().copied().expect("one output")
    };
    let of_c = made(&mut knows, c, &[]);
    assert_eq!(dirty(&[a], &knows)[3..], ["repo:nightly@d runs: never built"]);
    made(&mut knows, repo, &[absent, absent, of_c]);
    assert_eq!(dirty(&[a], &knows).len(), 3);
    let wanted: Vec<NodeId> = graph.ids().collect();
    let Ok(plan) = plan_without(&graph, &wanted, &[], &BTreeSet::from([a]), &knows);
    assert_eq!((plan.counts(), plan.skipped().count()), ((4, 0, 0), 3));
    assert_eq!(plan.without(repo, &graph), BTreeSet::from([a, id(&graph, "build:b@d/amd64")]));
    assert_eq!((plan.without(c, &graph), expected(&graph, &plan)), (BTreeSet::new(), Vec::new()));
}

#[test]
fn what_is_realised_is_clean_although_it_is_skipped() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    knows.run_all(&graph);
    let all: Vec<NodeId> = graph.ids().collect();
    assert!(told(&graph, &all, &all, &knows).iter().all(|line| line.ends_with(" clean")), "also where it is asked for");
}
