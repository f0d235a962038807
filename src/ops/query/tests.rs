use proptest::prelude::*;

use super::*;
use crate::graph::Builder;
use crate::graph::small::{add, chain, id};

fn shown(graph: &Graph, by: By, nodes: &[NodeId]) -> Vec<String> {
    nodes.iter().map(|id| by.name(graph.node(*id))).collect()
}

fn reached(graph: &Graph, by: By, start: &str, direction: Direction, limit: Option<u32>) -> Vec<(String, u32)> {
    let found = reach(graph, &Groups::new(graph, by), &[id(graph, start)], direction, limit, &|_| true);
    found.into_iter().map(|found| (by.name(graph.node(found.node)), found.distance)).collect()
}

#[test]
fn steps_are_counted_in_what_is_named() {
    let graph = chain("1");
    let repo = "repo:nightly@d";
    let nodes = reached(&graph, By::Node, "build:b@d/amd64", Direction::Inputs, None);
    let expected = [("source:a", 3), ("source:b", 1), ("build:a@d/amd64", 2), ("root:b@d/amd64", 1)];
    assert_eq!(nodes, expected.map(|(name, distance)| (name.to_owned(), distance)));
    let direct = reached(&graph, By::Node, "build:b@d/amd64", Direction::Inputs, Some(1));
    assert_eq!(direct, [("source:b".to_owned(), 1), ("root:b@d/amd64".to_owned(), 1)]);
    let components = reached(&graph, By::Component, "build:b@d/amd64", Direction::Inputs, Some(1));
    assert_eq!(components, [("a".to_owned(), 1)], "from b's own nodes on");
    let above = reached(&graph, By::Component, "source:a", Direction::Consumers, None);
    assert_eq!(above, [("b".to_owned(), 1), ("nightly".to_owned(), 1)]);
    let targets = reached(&graph, By::Target, repo, Direction::Inputs, None);
    assert_eq!(targets, [("all distros".to_owned(), 2), ("d/amd64".to_owned(), 1)]);
    assert_eq!(reached(&graph, By::Node, repo, Direction::Consumers, None), []);
}

#[test]
fn ways_are_the_shortest() {
    let graph = chain("1");
    let all = |by, from: &str, to: &str| {
        let found = ways(&graph, &Groups::new(&graph, by), &[id(&graph, from)], &[id(&graph, to)], 10);
        (found.ways.iter().map(|way| shown(&graph, by, way).join(" ")).collect::<Vec<_>>(), found.count)
    };
    let repo = "repo:nightly@d";
    assert_eq!(all(By::Node, repo, "source:a"), (vec!["repo:nightly@d build:a@d/amd64 source:a".to_owned()], 1));
    assert_eq!(
        all(By::Node, "build:b@d/amd64", "source:a"),
        (vec!["build:b@d/amd64 root:b@d/amd64 build:a@d/amd64 source:a".to_owned()], 1)
    );
    assert_eq!(all(By::Component, "build:b@d/amd64", "source:a"), (vec!["b a".to_owned()], 1));
    assert_eq!(all(By::Node, "source:a", repo), (vec![], 0));
    assert_eq!(all(By::Node, repo, repo), (vec![repo.to_owned()], 1));
    let through = between(&graph, &[id(&graph, "build:b@d/amd64")], &[id(&graph, "build:a@d/amd64")]);
    assert_eq!(shown(&graph, By::Node, &through), ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64"]);
}

#[test]
fn ways_are_counted_and_not_all_made() {
    // A ladder of 100 rungs has 2 to the power of 99 ways.
    let mut builder = Builder::default();
    let mut before: Vec<NodeId> = vec![add(&mut builder, "source:x", "", &[])];
    for rung in 0..100 {
        let rails = ["a", "b"].map(|rail| add(&mut builder, &format!("build:{rail}{rung}@d/amd64"), "", &before));
        before = rails.to_vec();
    }
    let top = add(&mut builder, "repo:r@d", "", &before);
    let graph = builder.finish();
    let found = ways(&graph, &Groups::new(&graph, By::Node), &[top], &[id(&graph, "source:x")], 3);
    assert_eq!((found.ways.len(), found.count), (3, u64::MAX));
    assert!(found.ways.iter().all(|way| way.len() == 102));
    assert_eq!(longest(&graph, &Groups::new(&graph, By::Component), &[top]).nodes.len(), 102);
}

#[test]
fn the_longest_chain() {
    let graph = chain("1");
    let all: Vec<NodeId> = graph.ids().collect();
    let of = |by, from: &[NodeId]| shown(&graph, by, &longest(&graph, &Groups::new(&graph, by), from).nodes);
    assert_eq!(
        of(By::Node, &all),
        ["repo:nightly@d", "build:b@d/amd64", "root:b@d/amd64", "build:a@d/amd64", "source:a"]
    );
    assert_eq!(of(By::Component, &all), ["nightly", "b", "a"]);
    assert_eq!(of(By::Node, &[id(&graph, "build:c@d/amd64")]), ["build:c@d/amd64"]);
    assert_eq!(of(By::Node, &[]), [""; 0]);
}

#[test]
fn tops_and_ends() {
    let graph = chain("1");
    let all: Vec<NodeId> = graph.ids().collect();
    assert_eq!(shown(&graph, By::Node, &ends(&graph, &all, true)), ["repo:nightly@d"]);
    assert_eq!(shown(&graph, By::Node, &ends(&graph, &all, false)), ["source:a", "source:b", "build:c@d/amd64"]);
    let some = ["build:a@d/amd64", "root:b@d/amd64"].map(|name| id(&graph, name));
    assert_eq!(shown(&graph, By::Node, &ends(&graph, &some, true)), ["root:b@d/amd64"], "of the selected ones");
}

proptest! {
    #[test]
    fn answers_are_those_of_a_slow_search(edges in prop::collection::vec(prop::collection::vec(0usize..20, 0..4), 2..20)) {
        let mut builder = Builder::default();
        let mut all: Vec<NodeId> = Vec::new();
        for (place, inputs) in edges.iter().enumerate() {
            let mut inputs: Vec<usize> = inputs.iter().map(|input| input % place.max(1)).collect();
            inputs.sort_unstable();
            inputs.dedup();
            if place == 0 {
                inputs.clear();
            }
            let inputs: Vec<NodeId> = inputs.into_iter().map(|input| all[input]).collect();
            let name = format!("build:c{}@d/n{}", place % 3, place);
            all.push(add(&mut builder, &name, "", &inputs));
        }
        let graph = builder.finish();
        let start = all[all.len() - 1];
        for by in [By::Node, By::Component] {
            let groups = Groups::new(&graph, by);
            // All ways, one by one.
            let mut nearest: BTreeMap<NodeId, u32> = BTreeMap::new();
            let mut stack = vec![(start, 0)];
            let mut most = 0;
            while let Some((node, steps)) = stack.pop() {
                most = most.max(steps);
                let best = nearest.entry(groups.first[groups.of(node) as usize]).or_insert(u32::MAX);
                *best = steps.min(*best);
                stack.extend(graph.node(node).input_nodes().iter().map(|next| (*next, steps + groups.step(node, *next))));
            }
            nearest.remove(&groups.first[groups.of(start) as usize]);
            let found = reach(&graph, &groups, &[start], Direction::Inputs, None, &|_| true);
            prop_assert_eq!(&found.iter().map(|found| (found.node, found.distance)).collect::<BTreeMap<_, _>>(), &nearest);
            prop_assert_eq!(longest(&graph, &groups, &[start]).nodes.len(), most as usize + 1);
            for (node, distance) in nearest {
                let ends: Vec<NodeId> = graph.ids().filter(|id| groups.of(*id) == groups.of(node)).collect();
                let found = ways(&graph, &groups, &[start], &ends, 1);
                prop_assert_eq!(found.ways[0].len(), distance as usize + 1);
            }
        }
    }
}
