//! The graph's own promises.

use super::small::{add, chain, id};
use super::*;
use crate::digest::Digest;

fn names(graph: &Graph, ids: &[NodeId]) -> Vec<String> {
    ids.iter().map(|id| graph.node(*id).to_string()).collect()
}

#[test]
fn closures_go_up_and_down() {
    let graph = chain("1");
    let root = id(&graph, "root:b@d/amd64");
    assert_eq!(names(&graph, &graph.with_inputs(&[root])), ["source:a", "build:a@d/amd64", "root:b@d/amd64"]);
    assert_eq!(names(&graph, &graph.with_consumers(&[root])), ["root:b@d/amd64", "build:b@d/amd64", "repo:nightly@d"]);
    assert_eq!(names(&graph, graph.consumers(id(&graph, "build:a@d/amd64"))), ["root:b@d/amd64", "repo:nightly@d"]);
    assert_eq!(graph.with_inputs(&[]), []);
    assert_eq!((graph.len(), graph.is_empty()), (7, false));
}

#[test]
fn inputs_stand_by_role_whatever_order_they_are_given_in() {
    let build = |turned: bool| {
        let mut graph = Builder::default();
        let one = add(&mut graph, "source:one", "", &[]);
        let two = add(&mut graph, "source:two", "", &[]);
        let inputs = if turned { [two, one] } else { [one, two] };
        let last = add(&mut graph, "build:x@d/amd64", "", &inputs);
        graph.finish().node(last).id()
    };
    assert_eq!(build(false), build(true));
}

#[test]
fn an_id_follows_from_those_of_the_inputs_and_not_from_origins() {
    let with = |tree: &[u8], origin: Origin| {
        let mut graph = Builder::default();
        let action = Action::Source { tree: Digest::of(tree) };
        let source = graph.add_named(&"source:a".parse().expect("a name"), &action, &mut [], origin);
        let build = add(&mut graph, "build:a@d/amd64", "", &[source]);
        graph.finish().node(build).id()
    };
    assert_eq!(with(b"1", Origin::Made), with(b"1", Origin::Folder("x".to_owned())));
    assert_ne!(with(b"1", Origin::Made), with(b"2", Origin::Made));
}

#[test]
#[should_panic(expected = "two nodes have one name")]
fn a_name_is_used_once() {
    let mut graph = Builder::default();
    add(&mut graph, "source:a", "", &[]);
    add(&mut graph, "source:a", "", &[]);
}
