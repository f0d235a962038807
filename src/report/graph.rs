//! The graph as a tree, as JSON, as JSON lines, and for Graphviz.
//!
//! JSON: one object with `version` (1) and `nodes`; a line of JSON lines is one node. A node has `name`, `kind`,
//! `subject`, `distro`, `arch`, `component`, `id`, `inputs` (each with `role`, `node`, `output`) and, with states,
//! `state` (`clean`, `runs`, `depends`), `key` and `reason`. New fields may come; those stay.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::graph::{Graph, NodeId};
use crate::plan::{Plan, State, describe};

/// The version of the JSON form.
pub const GRAPH_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonNode<'a> {
    name: String,
    kind: &'a str,
    subject: &'a str,
    distro: Option<&'a str>,
    arch: Option<&'a str>,
    component: Option<&'a str>,
    id: String,
    inputs: Vec<JsonInput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct JsonInput<'a> {
    role: &'a str,
    node: String,
    output: &'a str,
}

fn json_node<'a>(graph: &'a Graph, id: NodeId, plan: Option<&Plan>) -> JsonNode<'a> {
    let node = graph.node(id);
    let planned = plan.and_then(|plan| plan.of(id));
    let inputs = node.inputs().map(|input| JsonInput {
        role: input.role,
        node: graph.node(input.node).to_string(),
        output: input.output,
    });
    JsonNode {
        name: node.to_string(),
        kind: node.kind().as_str(),
        subject: node.subject(),
        distro: node.distro(),
        arch: node.arch(),
        component: node.component_str(),
        id: node.id().to_string(),
        inputs: inputs.collect(),
        state: planned.map(|planned| state_word(&planned.state)),
        key: planned.and_then(|planned| planned.key).map(|key| key.to_string()),
        reason: planned.and_then(|planned| match &planned.state {
            State::Runs(reason) => Some(describe(reason, graph)),
            _ => None,
        }),
    }
}

fn state_word(state: &State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Runs(_) => "runs",
        State::Depends(_) => "depends",
    }
}

/// `nodes` as one JSON object.
pub fn json(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        version: u32,
        nodes: Vec<JsonNode<'a>>,
    }
    let nodes = nodes.iter().map(|id| json_node(graph, *id, plan)).collect();
    to_json(&Whole { version: GRAPH_VERSION, nodes }) + "\n"
}

/// `nodes`, one JSON object a line.
pub fn json_lines(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> String {
    nodes.iter().map(|id| to_json(&json_node(graph, *id, plan)) + "\n").collect()
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("these types have string keys and no failing parts")
}

/// `nodes` for Graphviz, arrows from each node to what reads it.
pub fn dot(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> String {
    let mut text =
        String::from("digraph opb {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n");
    let shown: BTreeSet<NodeId> = nodes.iter().copied().collect();
    for id in nodes {
        let node = graph.node(*id);
        let colour = match plan.and_then(|plan| plan.of(*id)).map(|planned| &planned.state) {
            None => "white",
            Some(State::Clean) => "palegreen",
            Some(State::Runs(_)) => "gold",
            Some(State::Depends(_)) => "lightyellow",
        };
        let _ = writeln!(text, "  \"{}\" [fillcolor={colour}];", node);
        let inputs: BTreeSet<NodeId> =
            node.input_nodes().iter().copied().filter(|input| shown.contains(input)).collect();
        for input in inputs {
            let _ = writeln!(text, "  \"{}\" -> \"{}\";", graph.node(input), node);
        }
    }
    text + "}\n"
}

/// `nodes` as a tree: what nobody among them reads stands at the left, inputs below and to the right. A node's inputs
/// are shown once; later it ends in `…`.
pub fn tree(graph: &Graph, nodes: &[NodeId], plan: Option<&Plan>) -> String {
    let shown: BTreeSet<NodeId> = nodes.iter().copied().collect();
    let read: BTreeSet<NodeId> = nodes.iter().flat_map(|id| graph.node(*id).input_nodes().iter().copied()).collect();
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    let inputs = |id: NodeId| -> Vec<NodeId> {
        let unique: BTreeSet<NodeId> =
            graph.node(id).input_nodes().iter().copied().filter(|input| shown.contains(input)).collect();
        unique.into_iter().collect()
    };
    for top in nodes.iter().filter(|id| !read.contains(id)) {
        // (node, bars in front of it, whether it is the last of its siblings)
        let mut stack = vec![(*top, String::new(), None)];
        while let Some((id, bars, last)) = stack.pop() {
            let below = inputs(id);
            let again = !seen.insert(id) && !below.is_empty();
            let (corner, next) = match last {
                None => ("", String::new()),
                Some(true) => ("└── ", format!("{bars}    ")),
                Some(false) => ("├── ", format!("{bars}│   ")),
            };
            let state = plan
                .and_then(|plan| plan.of(id))
                .map_or(String::new(), |planned| format!("  [{}]", state_word(&planned.state)));
            let _ = writeln!(text, "{bars}{corner}{}{}{state}", graph.node(id), if again { " …" } else { "" });
            if !again {
                for (place, input) in below.iter().enumerate().rev() {
                    stack.push((*input, next.clone(), Some(place + 1 == below.len())));
                }
            }
        }
    }
    text
}
