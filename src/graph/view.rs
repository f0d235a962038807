//! One node of a graph, looked at.

use std::fmt;

use super::{Graph, NodeId, Origin};
use crate::component::MayFail;
use crate::digest::Digest;
use crate::drv::{
    Action, ActionDigest, ActionKey, Compact, Derivation, DrvId, Fingerprint, Input, Outputs, fingerprint_of, key_of,
};
use crate::name::{Check, ComponentName, Kind, NodeName, OutputName, component_of};

/// One step, with what is known of it besides its derivation. A view: copies cost nothing.
#[derive(Clone, Copy)]
pub struct Node<'g> {
    graph: &'g Graph,
    node: NodeId,
}

/// One output of another node that a node reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeInput<'g> {
    /// What the step uses it as; unique among a node's inputs.
    pub role: &'g str,
    /// Whose output.
    pub node: NodeId,
    /// Which of them.
    pub output: &'g str,
}

impl<'g> Node<'g> {
    pub(super) fn new(graph: &'g Graph, node: NodeId) -> Self {
        Self { graph, node }
    }

    /// Its place in the graph.
    pub fn node_id(self) -> NodeId {
        self.node
    }

    /// How many nodes its graph has.
    pub fn graph_len(self) -> usize {
        self.graph.len()
    }

    /// What kind of step.
    pub fn kind(self) -> Kind {
        self.graph.kind(self.node)
    }

    /// A component, `base`, an extra repository, or a channel.
    pub fn subject(self) -> &'g str {
        self.graph.strings.get(self.graph.subjects[self.node.index()])
    }

    /// `debian-12/amd64`, `debian-12`, or empty.
    pub fn place(self) -> &'g str {
        self.graph.strings.get(self.graph.places[self.node.index()])
    }

    /// The node's distro; `None` where it belongs to all of them.
    pub fn distro(self) -> Option<&'g str> {
        let place = self.place();
        (!place.is_empty()).then(|| place.split('/').next().unwrap_or(place))
    }

    /// The node's arch; `None` where it has none.
    pub fn arch(self) -> Option<&'g str> {
        self.place().split_once('/').map(|(_, arch)| arch)
    }

    /// What people call it. A view prints the same without making it.
    pub fn name(self) -> NodeName {
        NodeName { kind: self.kind(), subject: self.subject().to_owned(), place: self.place().to_owned() }
    }

    /// Appends the name, as [`fmt::Display`] prints it.
    pub fn push_name(self, to: &mut String) {
        to.extend([self.kind().as_str(), ":", self.subject()]);
        if !self.place().is_empty() {
            to.extend(["@", self.place()]);
        }
    }

    /// How many bytes the name has as text.
    pub fn name_length(self) -> usize {
        let place = self.place().len();
        self.kind().as_str().len() + 1 + self.subject().len() + place + usize::from(place > 0)
    }

    /// The derivation's id.
    pub fn id(self) -> DrvId {
        self.graph.id_of(self.node)
    }

    /// The component it works for, if any.
    pub fn component(self) -> Option<ComponentName> {
        self.component_str().and_then(|name| ComponentName::new(name).ok())
    }

    /// The name of the component it works for, if any.
    pub fn component_str(self) -> Option<&'g str> {
        self.graph.is_of_component(self.node).then(|| component_of(self.kind(), self.subject())).flatten()
    }

    /// Whether it is a check, or the list or root of one.
    pub fn is_of_check(self) -> bool {
        matches!(self.kind(), Kind::Resolve | Kind::Root | Kind::Check) && Check::split(self.subject()).is_some()
    }

    /// Where its bytes can be had; never hashed.
    pub fn origin(self) -> &'g Origin {
        self.graph.origins.get().get(&self.node).unwrap_or(&Origin::Made)
    }

    /// The known failure of it, if there is one; never hashed.
    pub fn may_fail(self) -> Option<&'g MayFail> {
        self.graph.may_fail.get(&self.node)
    }

    /// What it reads, sorted by role.
    pub fn inputs(self) -> impl ExactSizeIterator<Item = NodeInput<'g>> + DoubleEndedIterator + use<'g> {
        let graph = self.graph;
        graph.inputs_of(self.node).map(move |place| NodeInput {
            role: graph.strings.get(graph.roles[place]),
            node: graph.inputs[place],
            output: graph.strings.get(graph.outputs[place]),
        })
    }

    /// The nodes that it reads, in the order of [`Node::inputs`]. One may be there more than once.
    pub fn input_nodes(self) -> &'g [NodeId] {
        &self.graph.inputs[self.graph.inputs_of(self.node)]
    }

    /// What it does. Made anew with each call.
    ///
    /// # Panics
    /// Where the graph's own bytes are damaged; a graph that was read from a file has been checked by digest.
    pub fn action(self) -> Action {
        let bytes = Compact(self.graph.action_bytes_of(self.graph.actions[self.node.index()]));
        bytes.action(&self.graph.strings).expect("a graph holds actions in the form that it wrote")
    }

    /// The digest of what it does, without inputs.
    pub fn action_digest(self) -> ActionDigest {
        self.graph.action_digest_of(self.node)
    }

    /// The full description. Made anew with each call.
    pub fn derivation(self) -> Derivation {
        let inputs = self.inputs().map(|input| Input {
            role: input.role.to_owned(),
            from: self.graph.id_of(input.node),
            output: OutputName::new(input.output).expect("outputs have plain names"),
        });
        Derivation { inputs: inputs.collect(), action: self.action() }
    }

    /// The action key, given the content of each input in their order; `number` for builds.
    pub fn action_key(self, number: Option<u32>, contents: &[Digest]) -> ActionKey {
        key_of(self.action_digest(), number, self.roles().zip(contents.iter().copied()))
    }

    /// The fingerprint, given the content of each input in their order.
    pub fn fingerprint(self, contents: &[Digest]) -> Fingerprint {
        fingerprint_of(self.action_digest(), self.roles().zip(contents.iter().copied()))
    }

    /// Outputs that are known without having run.
    pub fn known_outputs(self, key: ActionKey) -> Option<Outputs> {
        match self.kind() {
            Kind::Source | Kind::Root => self.action().known_outputs(key),
            _ => None,
        }
    }

    fn key(self) -> (Kind, &'g str, &'g str) {
        (self.kind(), self.subject(), self.place())
    }

    fn roles(self) -> impl Iterator<Item = &'g str> {
        let graph = self.graph;
        graph.inputs_of(self.node).map(move |place| graph.strings.get(graph.roles[place]))
    }
}

/// The nodes of a graph by name, to find many of them.
pub struct Names<'g> {
    graph: &'g Graph,
    sorted: Vec<NodeId>,
}

impl<'g> Names<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        let mut sorted: Vec<NodeId> = graph.ids().collect();
        sorted.sort_unstable_by_key(|id| Node::new(graph, *id).key());
        Self { graph, sorted }
    }

    /// The node that has the name of `other`, which is of another graph.
    pub fn find(&self, other: Node<'_>) -> Option<Node<'g>> {
        let found = self.sorted.binary_search_by(|id| Node::new(self.graph, *id).key().cmp(&other.key())).ok()?;
        Some(Node::new(self.graph, self.sorted[found]))
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.subject())?;
        match self.place() {
            "" => Ok(()),
            place => write!(f, "@{place}"),
        }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({self})")
    }
}
