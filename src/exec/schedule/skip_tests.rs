//! What is not to run, and what goes on without it.

use super::tests::{all, but, drive, itself, realised};
use super::*;
use crate::graph::small::{chain, id};
use crate::plan::in_memory::InMemory;

/// All of `graph`, without these nodes.
fn skipping<'g>(graph: &'g Graph, skip: &[&str]) -> Schedule<'g> {
    let mut schedule = all(graph);
    schedule.skip(skip.iter().map(|name| id(graph, name)).collect());
    schedule
}

#[test]
fn a_repository_is_assembled_without_what_is_skipped_and_once() {
    let graph = chain("1");
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, "repo:nightly@d"));
    let mut knows = InMemory::default();
    let (ran, schedule) = drive(&graph, skipping(&graph, &["build:c@d/amd64"]), &mut knows, itself);
    assert!(!ran.contains(&"build:c@d/amd64".to_owned()) && ran.last().is_some_and(|last| last == "repo:nightly@d"));
    assert_eq!((schedule.stage(c), schedule.is_excused(c), schedule.is_skipped(c)), (Stage::Blocked, true, true));
    assert_eq!(schedule.without(repo), BTreeSet::from([c]));
    let without = schedule.key(repo).expect("assembled");
    let (ran, _) = drive(&graph, skipping(&graph, &["build:c@d/amd64"]), &mut knows, itself);
    assert_eq!(ran, [""; 0]);
    // Taken back, the whole one is another.
    let (ran, schedule) = drive(&graph, all(&graph), &mut knows, itself);
    assert_eq!(ran, ["build:c@d/amd64", "repo:nightly@d"]);
    assert!(schedule.key(repo).is_some_and(|key| key != without));
}

#[test]
fn what_needs_it_is_skipped_too() {
    let graph = chain("1");
    let names = ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "build:c@d/amd64", "repo:nightly@d"];
    let ids = names.map(|name| id(&graph, name));
    let [a, _, b, _, repo] = ids;
    let run = |skip: &[&str], failing: &'static [&str]| {
        let (_, schedule) = drive(&graph, skipping(&graph, skip), &mut InMemory::default(), but(failing));
        (ids.map(|id| schedule.stage(id)), ids.map(|id| schedule.is_skipped(id)), schedule.without(repo))
    };
    use Stage::{Blocked, Done, Failed};
    let alone = run(&["build:a@d/amd64"], &[]);
    let expected = [Blocked, Blocked, Blocked, Done, Done];
    assert_eq!(alone, (expected, [true, true, true, false, false], BTreeSet::from([a, b])));
    // What fails besides is no better for it.
    let besides = run(&["build:a@d/amd64"], &["build:c@d/amd64"]);
    let expected = [Blocked, Blocked, Blocked, Failed, Blocked];
    assert_eq!(besides, (expected, [true, true, true, false, false], BTreeSet::from([a, b])));
}

#[test]
fn what_is_realised_is_used_although_it_is_skipped() {
    let graph = chain("1");
    let (mut knows, made) = realised(&graph);
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, "repo:nightly@d"));
    let mut again = Schedule::new(&graph, &graph.ids().collect::<Vec<_>>(), &[c], vec![1; graph.len()]);
    again.skip(BTreeSet::from([c]));
    let (ran, schedule) = drive(&graph, again, &mut knows, itself);
    assert_eq!((ran.len(), schedule.stage(c), schedule.without(repo)), (0, Stage::Settled, BTreeSet::new()));
    // Once its bytes are lost, and somebody reads them, it would have to run.
    knows.absent = [c, repo].iter().flat_map(|id| made[id].values()).copied().collect();
    let mut schedule = skipping(&graph, &["build:c@d/amd64"]);
    schedule.want_bytes(repo);
    let (ran, schedule) = drive(&graph, schedule, &mut knows, itself);
    assert_eq!(ran, ["repo:nightly@d"]);
    assert_eq!((schedule.is_skipped(c), schedule.without(repo)), (true, BTreeSet::from([c])));
}

#[test]
fn a_repository_of_which_nothing_is_left_is_not_assembled() {
    let graph = chain("1");
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, "repo:nightly@d"));
    let both = ["build:a@d/amd64", "build:c@d/amd64"];
    let (ran, schedule) = drive(&graph, skipping(&graph, &both), &mut InMemory::default(), itself);
    assert_eq!((ran.len(), schedule.stage(repo), schedule.is_skipped(repo)), (0, Stage::Blocked, true));
    // The rest may also be gone as it may fail.
    let mut schedule = skipping(&graph, &["build:a@d/amd64"]);
    schedule.may_fail(BTreeSet::from([c]));
    let (_, schedule) = drive(&graph, schedule, &mut InMemory::default(), but(&["build:c@d/amd64"]));
    assert_eq!((schedule.stage(repo), schedule.is_skipped(repo)), (Stage::Blocked, true));
    // Where all of it may fail, and does, that is what is asked for.
    let mut schedule = all(&graph);
    schedule.may_fail(graph.ids().collect());
    let failing = but(&["build:a@d/amd64", "build:c@d/amd64"]);
    let (_, schedule) = drive(&graph, schedule, &mut InMemory::default(), failing);
    assert_eq!((schedule.stage(repo), schedule.is_skipped(repo)), (Stage::Done, false));
}

#[test]
fn a_check_of_what_may_fail_has_nothing_to_look_at_and_holds_nobody_up() {
    use crate::graph::Builder;
    use crate::graph::small::add;
    let mut graph = Builder::default();
    let [a, b] = ["build:a@d/amd64", "build:b@d/amd64"].map(|name| add(&mut graph, name, "", &[]));
    let list = add(&mut graph, "resolve:a.install@d/amd64", "", &[a]);
    let check = add(&mut graph, "check:a.install@d/amd64", "", &[list]);
    let other = add(&mut graph, "check:b.lintian@d/amd64", "", &[b]);
    let repo = add(&mut graph, "repo:nightly@d", "", &[a, b, check, other]);
    let graph = graph.finish();
    let run = |may_fail: &[&str], failing: &'static [&str]| {
        let mut schedule = all(&graph);
        schedule.may_fail(may_fail.iter().map(|name| id(&graph, name)).collect());
        let (_, schedule) = drive(&graph, schedule, &mut InMemory::default(), but(failing));
        ([list, check, repo].map(|id| schedule.stage(id)), schedule.is_excused(check), schedule.without(repo))
    };
    use Stage::{Blocked, Done};
    let tolerated = run(&["build:a@d/amd64"], &["build:a@d/amd64"]);
    assert_eq!(tolerated, ([Blocked, Blocked, Done], true, BTreeSet::from([a, check])));
    let failed = run(&[], &["build:a@d/amd64"]);
    assert_eq!(failed, ([Blocked; 3], false, BTreeSet::new()));
    // A check that fails itself is a failure, and what waits for it waits.
    let found = run(&["build:a@d/amd64"], &["check:b.lintian@d/amd64"]);
    assert_eq!(found, ([Done, Done, Blocked], false, BTreeSet::new()));
}
