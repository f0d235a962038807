//! Making a graph: words and actions get numbers, nodes are added after their inputs.

use std::collections::BTreeMap;

use super::strings::Interner;
use super::{Graph, NodeId, Origin};
use crate::component::MayFail;
use crate::drv::{Action, ActionDigest, DrvId, Interning as _, action_digest, id_of};
use crate::name::{Kind, NodeName};

/// A word of a graph that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(u32);

/// An action of a graph that is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(u32);

/// What a node needs of another: the output `output` of `node`, used as `role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// What the step uses it as; unique among a node's needs.
    pub role: Word,
    /// Whose output.
    pub node: NodeId,
    /// Which of them.
    pub output: Word,
}

/// An action with its digest: the larger part of the work of adding one, which needs no graph.
#[derive(Debug)]
pub struct Ready {
    action: Action,
    digest: ActionDigest,
}

impl Ready {
    /// Of `action`.
    pub fn new(action: Action) -> Self {
        Self { digest: action_digest(&action), action }
    }

    /// The action.
    pub fn action(&self) -> &Action {
        &self.action
    }
}

/// A node to be added.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// What kind of step.
    pub kind: Kind,
    /// A component, `base`, an extra repository, or a channel.
    pub subject: Word,
    /// `debian-12/amd64`, `debian-12`, or empty.
    pub place: Word,
    /// What it does.
    pub action: ActionId,
    /// Whether the subject is a component that it works for.
    pub of_component: bool,
    /// Where its bytes can be had.
    pub origin: Origin,
}

/// A graph that is being made.
#[derive(Debug, Default)]
pub struct Builder {
    graph: Graph,
    interner: Interner,
    actions: BTreeMap<ActionDigest, ActionId>,
    #[expect(clippy::disallowed_types, reason = "only ever asked for a name, never iterated")]
    names: std::collections::HashMap<(Kind, Word, Word), NodeId, foldhash::fast::RandomState>,
}

impl Builder {
    /// The number of a word.
    pub fn word(&mut self, word: &str) -> Word {
        Word(self.interner.word(word))
    }

    /// The number of an action. Equal actions have one.
    pub fn action(&mut self, action: &Action) -> ActionId {
        self.action_of(action, action_digest(action))
    }

    /// The number of an action whose digest is known already.
    pub fn ready(&mut self, Ready { action, digest }: &Ready) -> ActionId {
        self.action_of(action, *digest)
    }

    fn action_of(&mut self, action: &Action, digest: ActionDigest) -> ActionId {
        if let Some(known) = self.actions.get(&digest) {
            return *known;
        }
        let id = ActionId(self.graph.push_action(action, digest, &mut self.interner));
        self.actions.insert(digest, id);
        id
    }

    /// The need of the output `output` of `node`, used as `role`.
    pub fn need(&mut self, role: &str, node: NodeId, output: &str) -> Needed {
        Needed { role: self.word(role), node, output: self.word(output) }
    }

    /// The same, where the role is a word already.
    pub fn need_as(&mut self, role: Word, node: NodeId, output: &str) -> Needed {
        Needed { role, node, output: self.word(output) }
    }

    /// The node of that name, if it was added.
    pub fn find(&self, kind: Kind, subject: Word, place: Word) -> Option<NodeId> {
        self.names.get(&(kind, subject, place)).copied()
    }

    /// What people call `node`.
    pub fn name(&self, node: NodeId) -> NodeName {
        let word = |word: u32| self.interner.strings.get(word).to_owned();
        let place = node.index();
        NodeName {
            kind: self.graph.kind(node),
            subject: word(self.graph.subjects[place]),
            place: word(self.graph.places[place]),
        }
    }

    /// Whether `node` does `action`.
    pub fn does(&self, node: NodeId, action: ActionId) -> bool {
        self.graph.actions[node.index()] == action.0
    }

    /// Adds a node that reads `needs`, which get sorted by role.
    ///
    /// # Panics
    /// Where a name is used twice, which is a mistake of the weaver's.
    pub fn add(&mut self, node: NewNode, needs: &mut [Needed]) -> NodeId {
        let strings = &self.interner.strings;
        needs.sort_by(|one, other| strings.get(one.role.0).cmp(strings.get(other.role.0)));
        let graph = &mut self.graph;
        let inputs =
            needs.iter().map(|need| (strings.get(need.role.0), graph.id_of(need.node), strings.get(need.output.0)));
        let action = graph.action_digests.get(node.action.0 as usize).expect("an action of this graph");
        let id: DrvId = id_of(ActionDigest(action), inputs);
        let here = NodeId(u32::try_from(graph.ids.len()).expect("fewer than 2^32 nodes"));
        graph.ids.push(id.0);
        graph.push_kind(node.kind, node.of_component);
        graph.subjects.push(node.subject.0);
        graph.places.push(node.place.0);
        graph.actions.push(node.action.0);
        for need in needs {
            graph.inputs.push(need.node);
            graph.roles.push(need.role.0);
            graph.outputs.push(need.output.0);
        }
        graph.input_ends.push(u32::try_from(graph.inputs.len()).expect("fewer than 2^32 inputs"));
        if node.origin != Origin::Made {
            graph.origins.insert(here, node.origin);
        }
        let before = self.names.insert((node.kind, node.subject, node.place), here);
        assert!(before.is_none(), "two nodes have one name");
        here
    }

    /// Says of `node`, which it returns, that it may fail; `None` changes nothing. No part of its identity.
    pub fn may_fail(&mut self, node: NodeId, may_fail: Option<&MayFail>) -> NodeId {
        self.graph.may_fail.extend(may_fail.map(|may_fail| (node, may_fail.clone())));
        node
    }

    /// Adds a node by its written name; for small graphs.
    pub fn add_named(&mut self, name: &NodeName, action: &Action, needs: &mut [Needed], origin: Origin) -> NodeId {
        let (subject, place) = (self.word(&name.subject), self.word(&name.place));
        let action = self.action(action);
        self.add(NewNode { kind: name.kind, subject, place, action, of_component: false, origin }, needs)
    }

    /// The graph as it is now.
    pub fn finish(self) -> Graph {
        Graph { strings: self.interner.strings, ..self.graph }
    }
}
