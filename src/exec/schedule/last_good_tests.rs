//! Repositories that keep what they had of what fails.

use std::collections::BTreeMap;

use super::tests::{all, but, drive, itself};
use super::*;
use crate::digest::Digest;
use crate::drv::absent;
use crate::graph::small::{chain, id};
use crate::plan::in_memory::InMemory;

const REPO: &str = "repo:nightly@d";

/// All of `graph`, where its repository was last assembled with `last`.
fn keeping<'g>(graph: &'g Graph, last: &LastGood) -> Schedule<'g> {
    let mut schedule = all(graph);
    schedule.keep_last_good([(id(graph, REPO), last.clone())].into());
    schedule
}

/// What the repository was assembled with in this run.
fn assembled(graph: &Graph, schedule: &Schedule<'_>) -> LastGood {
    let (repo, instead) = (graph.node(id(graph, REPO)), schedule.instead(id(graph, REPO)));
    let inputs = repo.inputs().filter(|input| !instead.without.contains(&input.node));
    let content = |node, output| {
        let kept = instead.kept.get(&node).or_else(|| schedule.outputs(node));
        *kept.and_then(|outputs| outputs.get(output)).expect("settled")
    };
    inputs.map(|input| (input.role.to_owned(), content(input.node, input.output))).collect()
}

#[test]
fn what_fails_and_what_waits_for_it_stay_as_they_were() {
    let (before, now) = (chain("1"), chain("2"));
    let mut knows = InMemory::default();
    let (_, schedule) = drive(&before, keeping(&before, &BTreeMap::new()), &mut knows, itself);
    let last = assembled(&before, &schedule);
    assert_eq!((schedule.stage(id(&before, REPO)), last.len()), (Stage::Done, 3));
    let first = schedule.key(id(&before, REPO));

    // Another `a` fails: with `b`, which needs it, it stays as it was, so that the repository is what it was.
    let fails = but(&["build:a@d/amd64"]);
    let (ran, schedule) = drive(&now, keeping(&now, &last), &mut knows, &fails);
    assert_eq!(ran, ["build:a@d/amd64"]);
    let [a, b, c, repo] = ["build:a@d/amd64", "build:b@d/amd64", "build:c@d/amd64", REPO].map(|name| id(&now, name));
    assert_eq!([a, b, c].map(|id| schedule.stage(id)), [Stage::Failed, Stage::Blocked, Stage::Settled]);
    assert_eq!(schedule.instead(repo).kept.keys().copied().collect::<Vec<_>>(), [a, b]);
    assert_eq!((assembled(&now, &schedule), schedule.key(repo)), (last.clone(), first));

    // Without that, it waits.
    let (_, schedule) = drive(&now, all(&now), &mut knows, &fails);
    assert_eq!(schedule.stage(repo), Stage::Blocked);
}

#[test]
fn what_it_was_assembled_with_is_in_its_key() {
    let graph = chain("1");
    let repo = id(&graph, REPO);
    let last = |content: &str| {
        let role = |name: &str| (name.to_owned(), Digest::of(content.as_bytes()));
        LastGood::from([role("build:a@d/amd64"), role("build:b@d/amd64")])
    };
    let key = |last: &LastGood| {
        let mut knows = InMemory::default();
        let (ran, schedule) = drive(&graph, keeping(&graph, last), &mut knows, but(&["build:a@d/amd64"]));
        assert_eq!((ran.last().map(String::as_str), schedule.stage(repo)), (Some(REPO), Stage::Done));
        schedule.key(repo).expect("assembled")
    };
    assert_eq!(key(&last("one")), key(&last("one")));
    assert_ne!(key(&last("one")), key(&last("two")));
    let never = BTreeMap::from([("build:b@d/amd64".to_owned(), Digest::of(b"one"))]);
    let nothing =
        BTreeMap::from([("build:a@d/amd64".to_owned(), absent()), ("build:b@d/amd64".to_owned(), Digest::of(b"one"))]);
    assert_eq!(key(&never), key(&nothing), "what it never had is left out");
    assert_ne!(key(&never), key(&last("one")));
}

#[test]
fn one_of_which_nothing_is_left_is_not_assembled() {
    let graph = chain("1");
    let fails = but(&["build:a@d/amd64", "build:c@d/amd64"]);
    let (_, schedule) = drive(&graph, keeping(&graph, &BTreeMap::new()), &mut InMemory::default(), fails);
    assert_eq!(schedule.stage(id(&graph, REPO)), Stage::Blocked);
    assert!(!schedule.is_excused(id(&graph, REPO)));
}

#[test]
fn what_fails_as_it_may_stays_as_it_was_too() {
    let graph = chain("1");
    let (c, repo) = (id(&graph, "build:c@d/amd64"), id(&graph, REPO));
    let last = BTreeMap::from([("build:c@d/amd64".to_owned(), Digest::of(b"good"))]);
    let mut schedule = keeping(&graph, &last);
    schedule.may_fail([c].into());
    let (_, schedule) = drive(&graph, schedule, &mut InMemory::default(), but(&["build:c@d/amd64"]));
    assert!(schedule.is_excused(c) && schedule.stage(repo) == Stage::Done);
    assert_eq!(schedule.instead(repo).kept.keys().copied().collect::<Vec<_>>(), [c]);
}
