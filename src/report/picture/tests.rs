use super::super::graph::Shown;
use super::*;
use crate::graph::small::{add, chain};
use crate::graph::{Builder, Graph, NodeId};

fn drawn(graph: &Graph, detail: Detail) -> String {
    let nodes: Vec<NodeId> = graph.ids().collect();
    let picture = Picture::new(Shown { graph, nodes: &nodes, plan: None }, detail);
    let mut bytes = Vec::new();
    picture.expect("small enough").write(&mut bytes).expect("written");
    String::from_utf8(bytes).expect("text")
}

#[test]
fn the_order_in_which_a_graph_was_made_does_not_show() {
    let mut graph = Builder::default();
    let c = add(&mut graph, "build:c@d/amd64", "", &[]);
    let source_b = add(&mut graph, "source:b", "", &[]);
    let source_a = add(&mut graph, "source:a", "", &[]);
    let a = add(&mut graph, "build:a@d/amd64", "1", &[source_a]);
    let root = add(&mut graph, "root:b@d/amd64", "", &[a]);
    let b = add(&mut graph, "build:b@d/amd64", "", &[source_b, root]);
    add(&mut graph, "repo:nightly@d", "", &[a, b, c]);
    assert!(drawn(&graph.finish(), Detail::Nodes) == drawn(&chain("1"), Detail::Nodes));
}

#[test]
fn an_empty_graph_is_an_empty_picture() {
    for detail in [Detail::Nodes, Detail::Components] {
        let svg = drawn(&Graph::default(), detail);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains(">0 nodes.<"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn more_boxes_than_an_eye_can_tell_apart() {
    let mut graph = Builder::default();
    for number in 0..=MAX_BOXES {
        add(&mut graph, &format!("build:c{number}@d/amd64"), "", &[]);
    }
    let graph = graph.finish();
    let nodes: Vec<NodeId> = graph.ids().collect();
    let error = |detail| Picture::new(Shown { graph: &graph, nodes: &nodes, plan: None }, detail).err();
    for detail in [Detail::Nodes, Detail::Components] {
        let error = error(detail).expect("too many");
        assert_eq!(error.to_string(), "a picture of 3001 boxes would show nothing: it has room for 3000");
        assert_eq!(error.fault(), Cause::Input);
    }
}

#[test]
fn what_suits() {
    assert_eq!([0, 300, 301].map(Detail::suiting), [Detail::Nodes, Detail::Nodes, Detail::Components]);
}
