//! What runs in which order, and what is spared.

use std::collections::BTreeMap;

use super::*;
use crate::digest::Digest;
use crate::graph::Builder;
use crate::graph::small::{add, chain, id};
use crate::plan::in_memory::InMemory;
use crate::plan::remaining;

/// Runs everything that becomes ready, one node after another; `make` says what a node makes, `None` that it fails.
/// Returns what ran, in order.
pub(super) fn drive<'a>(
    graph: &'a Graph,
    mut schedule: Schedule<'a>,
    knows: &mut InMemory,
    make: impl Fn(&str) -> Option<String>,
) -> (Vec<String>, Schedule<'a>) {
    let mut ran = Vec::new();
    loop {
        let Ok(()) = schedule.pump(knows);
        let Some(id) = any_ready(&mut schedule) else { return (ran, schedule) };
        let node = graph.node(id);
        let name = node.to_string();
        let instead = schedule.instead(id);
        for input in node.input_nodes().iter().filter(|input| !instead.replaces(**input)) {
            assert_eq!(schedule.stage(*input), Stage::Done, "{name} began before its inputs were here");
        }
        let settled = |input: NodeId| instead.kept.get(&input).or_else(|| schedule.outputs(input));
        let contents = contents_without(node, settled, |input| instead.without.contains(&input)).expect("settled");
        match make(&name) {
            Some(content) => {
                let (key, outputs) = knows.run(node, &contents, &content);
                schedule.done(id, key, outputs);
            }
            None => {
                let may_fail = schedule.may_fail.contains(&id);
                schedule.failed(id, may_fail);
            }
        }
        ran.push(name);
    }
}

fn any_ready(schedule: &mut Schedule<'_>) -> Option<NodeId> {
    [Lane::Work, Lane::Fetch, Lane::Assemble].into_iter().find_map(|lane| schedule.next_ready(lane))
}

pub(super) fn all(graph: &Graph) -> Schedule<'_> {
    Schedule::new(graph, &graph.ids().collect::<Vec<_>>(), &[], vec![1; graph.len()])
}

pub(super) fn itself(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// A store in which `graph` is realised and all bytes are here.
pub(super) fn realised(graph: &Graph) -> (InMemory, BTreeMap<NodeId, Outputs>) {
    let mut knows = InMemory::default();
    let all = knows.run_all(graph);
    (knows, all)
}

#[test]
fn everything_runs_once_and_then_nothing() {
    let graph = chain("1");
    let mut knows = InMemory::default();
    let (ran, schedule) = drive(&graph, all(&graph), &mut knows, itself);
    // Sources are known and here; they never run.
    assert_eq!(ran, ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "build:c@d/amd64", "repo:nightly@d"]);
    assert!(graph.ids().all(|id| schedule.outputs(id).is_some() && schedule.key(id).is_some()));
    let (ran, _) = drive(&graph, all(&graph), &mut knows, itself);
    assert_eq!(ran, Vec::<String>::new());
}

#[test]
fn a_node_knows_whose_end_made_it_ready() {
    let graph = chain("1");
    let (_, schedule) = drive(&graph, all(&graph), &mut InMemory::default(), itself);
    let after = |name: &str| schedule.after(id(&graph, name)).map(|before| graph.node(before).to_string());
    let names = ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "build:c@d/amd64"];
    assert_eq!(names.map(after), [None, Some(names[0].to_owned()), Some(names[1].to_owned()), None]);
    assert_eq!(after("repo:nightly@d").as_deref(), Some("build:c@d/amd64"), "the last of those that it reads");
}

#[test]
fn the_longest_path_goes_first() {
    let mut graph = Builder::default();
    let short = add(&mut graph, "build:short@d/amd64", "", &[]);
    let long = add(&mut graph, "build:long@d/amd64", "", &[]);
    add(&mut graph, "build:next@d/amd64", "", &[long]);
    let dear = add(&mut graph, "build:dear@d/amd64", "", &[]);
    let graph = graph.finish();
    let wanted: Vec<NodeId> = graph.ids().collect();
    let milliseconds = |id: NodeId| if id == dear { 10 } else { 1 };
    let schedule = Schedule::new(&graph, &wanted, &[], remaining(&graph, milliseconds));
    let (ran, _) = drive(&graph, schedule, &mut InMemory::default(), itself);
    assert_eq!(ran, ["build:dear@d/amd64", "build:long@d/amd64", "build:short@d/amd64", "build:next@d/amd64"]);
    assert_eq!(short.index(), 0);
}

#[test]
fn an_output_as_before_spares_what_follows() {
    let (mut knows, _) = realised(&chain("1"));
    let graph = chain("2");
    let (ran, schedule) = drive(&graph, all(&graph), &mut knows, itself);
    assert_eq!(ran, ["build:a@d/amd64"]);
    assert_eq!(schedule.stage(id(&graph, "repo:nightly@d")), Stage::Settled);
    let (mut knows, _) = realised(&chain("1"));
    let (ran, _) = drive(&graph, all(&graph), &mut knows, |name| Some(format!("new {name}")));
    assert_eq!(ran, ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "repo:nightly@d"], "never build:c");
}

#[test]
fn a_failure_blocks_what_depends_on_it_and_nothing_else() {
    let graph = chain("1");
    let fails = |name: &str| (name != "build:a@d/amd64").then(|| name.to_owned());
    let (ran, schedule) = drive(&graph, all(&graph), &mut InMemory::default(), fails);
    assert_eq!(ran, ["build:a@d/amd64", "build:c@d/amd64"]);
    let stage = |name: &str| schedule.stage(id(&graph, name));
    assert_eq!(stage("build:a@d/amd64"), Stage::Failed);
    for name in ["root:b@d/amd64", "build:b@d/amd64", "repo:nightly@d"] {
        assert_eq!(stage(name), Stage::Blocked, "{name}");
        assert_eq!(schedule.outputs(id(&graph, name)), None);
    }
    assert_eq!(stage("build:c@d/amd64"), Stage::Done);
}

#[test]
fn bytes_are_wanted_only_by_what_runs() {
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    knows.absent = made.values().flat_map(Outputs::values).copied().collect();
    let (ran, _) = drive(&graph, all(&graph), &mut knows.clone(), itself);
    assert_eq!(ran, Vec::<String>::new(), "nothing is fetched that nobody reads");
    // build:c reads nothing, so nothing but it is made again.
    let c = id(&graph, "build:c@d/amd64");
    let mut schedule = all(&graph);
    schedule.want_bytes(c);
    let (ran, schedule) = drive(&graph, schedule, &mut knows, itself);
    assert_eq!(ran, ["build:c@d/amd64"]);
    assert_eq!(schedule.stage(c), Stage::Done);
    assert_eq!(schedule.stage(id(&graph, "build:a@d/amd64")), Stage::Settled);
}

#[test]
fn what_is_gone_is_made_again_from_its_own_inputs() {
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    let gone = ["source:a", "build:a@d/amd64"].map(|name| id(&graph, name));
    knows.absent = gone.iter().flat_map(|id| made[id].values()).copied().collect();
    // Its reader's bytes are gone as well, so it runs, and reads those of build:a.
    let root = id(&graph, "root:b@d/amd64");
    knows.absent.extend(made[&root].values());
    let mut schedule = all(&graph);
    schedule.want_bytes(root);
    let (ran, _) = drive(&graph, schedule, &mut knows, itself);
    assert_eq!(ran, ["source:a", "build:a@d/amd64", "root:b@d/amd64"]);
}

#[test]
fn a_node_that_cannot_be_had_again_blocks_its_readers_alone() {
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    let (a, root) = (id(&graph, "build:a@d/amd64"), id(&graph, "root:b@d/amd64"));
    knows.absent = [a, root].iter().flat_map(|id| made[id].values()).copied().collect();
    let mut schedule = all(&graph);
    schedule.want_bytes(root);
    let (ran, schedule) = drive(&graph, schedule, &mut knows, |_| None);
    assert_eq!(ran, ["build:a@d/amd64"]);
    assert_eq!(schedule.stage(root), Stage::Blocked);
    assert_eq!(schedule.outputs(root), None);
}

#[test]
fn again_runs_what_is_realised_and_its_consumers_only_if_it_differs() {
    let graph = chain("1");
    let (mut knows, _) = realised(&graph);
    let a = id(&graph, "build:a@d/amd64");
    let wanted: Vec<NodeId> = graph.ids().collect();
    let (ran, _) = drive(&graph, Schedule::new(&graph, &wanted, &[a], vec![1; graph.len()]), &mut knows, itself);
    assert_eq!(ran, ["build:a@d/amd64"]);
    let (ran, _) = drive(&graph, Schedule::new(&graph, &wanted, &[a], vec![1; graph.len()]), &mut knows, |name| {
        Some(format!("new {name}"))
    });
    assert_eq!(ran[..2], ["build:a@d/amd64", "root:b@d/amd64"]);
}

#[test]
fn a_build_without_a_number_runs() {
    let graph = chain("1");
    let (mut knows, _) = realised(&graph);
    knows.numbers.clear();
    let (ran, _) = drive(&graph, all(&graph), &mut knows, itself);
    assert_eq!(
        ran,
        ["build:a@d/amd64", "build:b@d/amd64", "build:c@d/amd64"],
        "the same content spares roots and repo"
    );
}

#[test]
fn only_what_is_wanted_runs() {
    let graph = chain("1");
    let root = id(&graph, "root:b@d/amd64");
    let schedule = Schedule::new(&graph, &[root], &[], vec![1; graph.len()]);
    let (ran, schedule) = drive(&graph, schedule, &mut InMemory::default(), itself);
    assert_eq!(ran, ["build:a@d/amd64"], "nobody reads the root");
    assert_eq!(schedule.stage(root), Stage::Settled);
    assert_eq!(schedule.stage(id(&graph, "build:c@d/amd64")), Stage::Idle);
}

#[test]
fn two_run_at_once_where_neither_reads_the_other() {
    let graph = chain("1");
    let mut schedule = all(&graph);
    let Ok(()) = schedule.pump(&InMemory::default());
    let mut names = Vec::new();
    while let Some(id) = any_ready(&mut schedule) {
        assert_eq!(schedule.stage(id), Stage::Running);
        names.push(graph.node(id).to_string());
    }
    assert_eq!(names, ["build:a@d/amd64", "build:c@d/amd64"]);
    // One ends: what waits for it goes on, the other still runs.
    let a = id(&graph, "build:a@d/amd64");
    let source = Digest::of(b"source:a ");
    let (key, outputs) = InMemory::default().run(graph.node(a), &[source], "a");
    schedule.done(a, key, outputs);
    let Ok(()) = schedule.pump(&InMemory::default());
    assert_eq!(any_ready(&mut schedule), Some(id(&graph, "root:b@d/amd64")));
    assert_eq!(schedule.stage(id(&graph, "build:c@d/amd64")), Stage::Running);
}

/// All of `graph`, where these nodes may fail.
fn lenient<'g>(graph: &'g Graph, may_fail: &[&str]) -> Schedule<'g> {
    let mut schedule = all(graph);
    schedule.may_fail(may_fail.iter().map(|name| id(graph, name)).collect());
    schedule
}

pub(super) fn but(failing: &'static [&str]) -> impl Fn(&str) -> Option<String> {
    move |name| (!failing.contains(&name)).then(|| name.to_owned())
}

#[test]
fn a_repository_is_assembled_without_what_may_fail_and_under_another_key() {
    let graph = chain("1");
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, "repo:nightly@d"));
    let mut knows = InMemory::default();
    let (ran, schedule) = drive(&graph, lenient(&graph, &["build:c@d/amd64"]), &mut knows, but(&["build:c@d/amd64"]));
    assert_eq!(ran.last().map(String::as_str), Some("repo:nightly@d"));
    assert_eq!((schedule.stage(c), schedule.is_excused(c)), (Stage::Failed, true));
    assert_eq!(schedule.without(repo), BTreeSet::from([c]));
    let without = schedule.key(repo).expect("assembled");
    // Tried again, it fails again: the repository without it is there already.
    let (ran, _) = drive(&graph, lenient(&graph, &["build:c@d/amd64"]), &mut knows, but(&["build:c@d/amd64"]));
    assert_eq!(ran, ["build:c@d/amd64"]);
    // Mended, the whole one is another.
    let (ran, schedule) = drive(&graph, lenient(&graph, &["build:c@d/amd64"]), &mut knows, itself);
    assert_eq!(ran, ["build:c@d/amd64", "repo:nightly@d"]);
    assert!(schedule.key(repo).is_some_and(|key| key != without) && schedule.without(repo).is_empty());
}

#[test]
fn what_needs_a_tolerated_failure_is_held_up_unless_it_may_fail_too() {
    let graph = chain("1");
    let [a, root, b, repo] =
        ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "repo:nightly@d"].map(|name| id(&graph, name));
    let run = |may_fail: &[&str]| {
        let (_, schedule) =
            drive(&graph, lenient(&graph, may_fail), &mut InMemory::default(), but(&["build:a@d/amd64"]));
        (
            [a, root, b, repo].map(|id| schedule.stage(id)),
            [a, root, b].map(|id| schedule.is_excused(id)),
            schedule.without(repo),
        )
    };
    use Stage::{Blocked, Done, Failed};
    let alone = run(&["build:a@d/amd64"]);
    assert_eq!(alone, ([Failed, Blocked, Blocked, Blocked], [true, false, false], BTreeSet::from([a])));
    let all = run(&["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64"]);
    assert_eq!(all, ([Failed, Blocked, Blocked, Done], [true; 3], BTreeSet::from([a, b])));
    // That of others only is no excuse of what fails without one.
    let other = run(&["root:b@d/amd64", "build:b@d/amd64"]);
    assert_eq!(other, ([Failed, Blocked, Blocked, Blocked], [false; 3], BTreeSet::new()));
}

#[test]
fn a_repository_that_waited_for_lost_bytes_goes_on_without_them() {
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, "repo:nightly@d"));
    knows.absent = [c, repo].iter().flat_map(|id| made[id].values()).copied().collect();
    let mut schedule = lenient(&graph, &["build:c@d/amd64"]);
    schedule.want_bytes(repo);
    let (ran, schedule) = drive(&graph, schedule, &mut knows, but(&["build:c@d/amd64"]));
    assert_eq!(ran, ["build:c@d/amd64", "repo:nightly@d"]);
    assert_eq!((schedule.stage(repo), schedule.without(repo)), (Stage::Done, BTreeSet::from([c])));
}

#[test]
fn what_comes_out_otherwise_than_elsewhere_is_gone_on_from_anew() {
    // A cache says what `a` and what follows came to, but has the bytes only of `root:b`.
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    let [a, b, c, repo] =
        ["build:a@d/amd64", "build:b@d/amd64", "build:c@d/amd64", "repo:nightly@d"].map(|name| id(&graph, name));
    knows.absent = [a, b, c].iter().flat_map(|id| made[id].values()).copied().collect();
    let mut schedule = all(&graph);
    schedule.fetch_first();
    schedule.want_bytes(b);
    schedule.want_bytes(a);
    let Ok(()) = schedule.pump(&knows);
    assert!([a, b].iter().all(|id| schedule.stage(*id) == Stage::Ready));
    assert_eq!(schedule.stage(repo), Stage::Settled);
    let mut running: Vec<NodeId> = std::iter::from_fn(|| any_ready(&mut schedule)).collect();
    running.sort_unstable();
    assert_eq!(running, [a, b]);
    // `b` comes from the cache meanwhile; `a` does not, runs, and is something else.
    schedule.not_fetched(a);
    let Ok(()) = schedule.pump(&knows);
    assert_eq!(any_ready(&mut schedule), Some(a));
    let contents = |schedule: &Schedule<'_>, id: NodeId| {
        contents_without(graph.node(id), |input| schedule.outputs(input), |_| false).expect("settled")
    };
    let own = contents(&schedule, a);
    let (key, outputs) = knows.run(graph.node(a), &own, "something else");
    assert_ne!(outputs, made[&a]);
    schedule.done(a, key, outputs.clone());
    // Of what went on from the other `a` nothing is known any more; `b` is still on its way, for nothing.
    assert_eq!(
        [a, b, c, repo].map(|id| schedule.stage(id)),
        [Stage::Done, Stage::Running, Stage::Settled, Stage::Idle]
    );
    let Ok(()) = schedule.pump(&knows);
    schedule.done(b, schedule.key(b).expect("it was settled"), made[&b].clone());
    assert_eq!(schedule.stage(b), Stage::Idle);
    let (ran, schedule) = drive(&graph, schedule, &mut knows, |name| Some(format!("new {name}")));
    assert_eq!(ran[..2], ["root:b@d/amd64", "build:b@d/amd64"]);
    assert!([a, b, repo].iter().all(|id| schedule.stage(*id) == Stage::Done), "{ran:?}");
    assert_eq!(schedule.outputs(a), Some(&outputs));
    assert_ne!(schedule.outputs(b), Some(&made[&b]));
}

#[test]
fn a_root_that_runs_has_the_packages_behind_its_list() {
    let mut graph = Builder::default();
    let a = add(&mut graph, "build:a@d/amd64", "", &[]);
    let list = add(&mut graph, "resolve:b@d/amd64", "", &[a]);
    let root = add(&mut graph, "root:b@d/amd64", "", &[list]);
    let graph = graph.finish();
    let (mut knows, made) = realised(&graph);
    let gone = |ids: &[NodeId]| ids.iter().flat_map(|id| made[id].values()).copied().collect();
    let here = || {
        let mut schedule = all(&graph);
        schedule.want_bytes(root);
        schedule
    };
    knows.absent = gone(&[root]);
    assert_eq!(drive(&graph, here(), &mut knows.clone(), itself).0, ["root:b@d/amd64"]);
    knows.absent = gone(&[a, root]);
    assert_eq!(drive(&graph, here(), &mut knows.clone(), itself).0, ["build:a@d/amd64", "root:b@d/amd64"]);
    // Nor is it begun without them.
    let fails = |name: &str| (name != "build:a@d/amd64").then(|| name.to_owned());
    let (ran, schedule) = drive(&graph, here(), &mut knows, fails);
    assert_eq!(ran, ["build:a@d/amd64"]);
    assert_eq!(schedule.stage(root), Stage::Blocked);
    // A list that is settled needs none of it.
    knows.absent = gone(&[a]);
    assert_eq!(drive(&graph, all(&graph), &mut knows, itself).0, Vec::<String>::new());
}

#[test]
fn of_nodes_with_one_key_one_runs_and_the_others_take_no_place() {
    let mut graph = Builder::default();
    let list = add(&mut graph, "resolve:b@d/amd64", "", &[]);
    let roots = ["a", "b", "c"].map(|name| add(&mut graph, &format!("root:{name}@d/amd64"), "same", &[list]));
    let other = add(&mut graph, "root:d@d/amd64", "other", &[list]);
    let graph = graph.finish();
    let mut knows = InMemory::default();
    let mut schedule = all(&graph);
    roots.iter().chain([&other]).for_each(|id| schedule.want_bytes(*id));
    let Ok(()) = schedule.pump(&knows);
    assert_eq!(any_ready(&mut schedule), Some(list));
    let (key, outputs) = knows.run(graph.node(list), &[], "a list");
    schedule.done(list, key, outputs.clone());
    let Ok(()) = schedule.pump(&knows);
    let begun = [any_ready(&mut schedule), any_ready(&mut schedule), any_ready(&mut schedule)];
    assert_eq!(begun, [Some(roots[0]), Some(other), None]);
    assert!(schedule.has_ready());
    let contents: Vec<Digest> = outputs.values().copied().collect();
    let (key, outputs) = knows.run(graph.node(roots[0]), &contents, "a root");
    schedule.done(roots[0], key, outputs);
    let Ok(()) = schedule.pump(&knows);
    assert_eq!(any_ready(&mut schedule), Some(roots[1]));
    assert_eq!(any_ready(&mut schedule), None);
    schedule.failed(roots[1], false);
    assert_eq!(any_ready(&mut schedule), Some(roots[2]), "a failure says nothing of the others");
}
