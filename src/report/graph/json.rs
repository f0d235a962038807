//! The graph as JSON, and as JSON lines. `docs/schema/graph.json` and `docs/schema/graph-line.json` describe them.
//!
//! JSON is one object with `version` and `nodes`; a line of JSON lines is one node with the `version` in front. New
//! fields may come to a version; those of it stay as they are.

use std::io::{self, Write};

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::{Shown, state_word};
use crate::graph::{Graph, Node, NodeId, NodeInput};
use crate::plan::{State, describe};

/// The version of the JSON forms of a graph.
pub const GRAPH_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonNode<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    name: Displayed<Node<'a>>,
    kind: &'static str,
    subject: &'a str,
    distro: Option<&'a str>,
    arch: Option<&'a str>,
    component: Option<&'a str>,
    id: Displayed<crate::drv::DrvId>,
    inputs: Inputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Displayed<crate::drv::ActionKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A value that is written as it is shown.
struct Displayed<T>(T);

impl<T: std::fmt::Display> Serialize for Displayed<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// The inputs of a node, looked up while they are written.
struct Inputs<'a>(&'a Graph, NodeId);

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct JsonInput<'a> {
            role: &'a str,
            node: Displayed<Node<'a>>,
            output: &'a str,
        }
        let inputs = self.0.node(self.1).inputs();
        let mut list = to.serialize_seq(Some(inputs.len()))?;
        for NodeInput { role, node, output } in inputs {
            list.serialize_element(&JsonInput { role, node: Displayed(self.0.node(node)), output })?;
        }
        list.end()
    }
}

fn json_node(shown: Shown<'_>, id: NodeId, version: Option<u32>) -> JsonNode<'_> {
    let node = shown.graph.node(id);
    let planned = shown.plan.and_then(|plan| plan.of(id));
    JsonNode {
        version,
        name: Displayed(node),
        kind: node.kind().as_str(),
        subject: node.subject(),
        distro: node.distro(),
        arch: node.arch(),
        component: node.component_str(),
        id: Displayed(node.id()),
        inputs: Inputs(shown.graph, id),
        state: planned.map(|planned| state_word(&planned.state)),
        key: planned.and_then(|planned| planned.key).map(Displayed),
        reason: planned.and_then(|planned| match &planned.state {
            State::Runs(reason) => Some(describe(reason, shown.graph)),
            _ => None,
        }),
    }
}

/// Writes one JSON object.
///
/// # Errors
/// Those of `to`.
pub fn json(to: &mut dyn Write, shown: Shown<'_>) -> io::Result<()> {
    write!(to, "{{\"version\":{GRAPH_VERSION},\"nodes\":[")?;
    for (place, id) in shown.nodes.iter().enumerate() {
        if place > 0 {
            write!(to, ",")?;
        }
        serde_json::to_writer(&mut *to, &json_node(shown, *id, None))?;
    }
    writeln!(to, "]}}")
}

/// Writes one JSON object a line.
///
/// # Errors
/// Those of `to`.
pub fn json_lines(to: &mut dyn Write, shown: Shown<'_>) -> io::Result<()> {
    for id in shown.nodes {
        serde_json::to_writer(&mut *to, &json_node(shown, *id, Some(GRAPH_VERSION)))?;
        writeln!(to)?;
    }
    Ok(())
}
