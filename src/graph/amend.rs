//! A graph with some actions exchanged: the same nodes, which read the same outputs of each other.
//!
//! Only ids that can have changed are made again. What the old actions consisted of stays in the graph's tables, so a graph
//! is to be woven anew now and then ([`Amendment::is_overgrown`]).

use std::collections::BTreeMap;

use super::strings::Interner;
use super::{Graph, Node, NodeId};
use crate::drv::{Action, ActionDigest, action_digest, id_of};

/// A graph that is being amended.
pub struct Amendment {
    graph: Graph,
    /// Actions that came in, by digest, so that nodes go on sharing them.
    added: BTreeMap<ActionDigest, u32>,
    /// Without words: they stay in the graph, which is looked at meanwhile.
    interner: Interner,
    changed: Vec<bool>,
}

impl Amendment {
    /// Of `graph`.
    pub fn of(graph: Graph) -> Self {
        let changed = vec![false; graph.len()];
        let interner = Interner::adding_to(&graph.strings);
        Self { graph, added: BTreeMap::new(), interner, changed }
    }

    /// The node as it is so far; its id is the old one.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        self.graph.node(id)
    }

    /// The graph as it was when this began, but for the actions that have been exchanged.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Lets `id` do `action` from now on.
    pub fn exchange(&mut self, id: NodeId, action: &Action) {
        let digest = action_digest(action);
        let graph = &mut self.graph;
        if graph.action_digests.get(graph.actions[id.index()] as usize) == Some(digest.0) {
            return;
        }
        let place = *self.added.entry(digest).or_insert_with(|| {
            let interner = &mut self.interner;
            std::mem::swap(&mut interner.strings, &mut graph.strings);
            let added = graph.push_action(action, digest, interner);
            std::mem::swap(&mut interner.strings, &mut graph.strings);
            added
        });
        graph.actions[id.index()] = place;
        self.changed[id.index()] = true;
    }

    /// The graph, with new ids for what was changed and for all that reads it.
    pub fn finish(mut self) -> Graph {
        let graph = &mut self.graph;
        for id in graph.ids() {
            let inputs = graph.inputs_of(id);
            let reads_changed = graph.inputs[inputs.clone()].iter().any(|input| self.changed[input.index()]);
            if !self.changed[id.index()] && !reads_changed {
                continue;
            }
            self.changed[id.index()] = true;
            let digest = graph.action_digest_of(id);
            let strings = &graph.strings;
            let read = inputs.map(|place| {
                let input = graph.id_of(graph.inputs[place]);
                (strings.get(graph.roles[place]), input, strings.get(graph.outputs[place]))
            });
            let id_now = id_of(digest, read);
            graph.ids.set(id.index(), id_now.0);
        }
        self.graph.consumers = std::sync::OnceLock::new();
        self.graph
    }

    /// Whether so much of the graph is left over from earlier amendments that it is better made anew.
    pub fn is_overgrown(&self) -> bool {
        self.graph.action_digests.len() > 2 * self.graph.len() + 64
    }
}

#[cfg(test)]
mod tests {
    use super::super::small::{chain, id};
    use super::*;

    #[test]
    fn an_amended_graph_is_what_would_have_been_made() {
        let (old, new) = (chain("1"), chain("2"));
        let a = id(&old, "build:a@d/amd64");
        let mut amendment = Amendment::of(old.clone());
        amendment.exchange(a, &new.node(a).action());
        let amended = amendment.finish();
        let told = |graph: &Graph| -> Vec<_> {
            let all = graph.ids().map(|id| graph.node(id));
            all.map(|node| (node.name(), node.id(), node.derivation(), node.origin().clone())).collect()
        };
        assert_eq!(told(&amended), told(&new));
        assert_ne!(told(&amended), told(&old));
        let mut back = Amendment::of(amended);
        back.exchange(a, &old.node(a).action());
        assert_eq!(told(&back.finish()), told(&old));
    }

    #[test]
    fn the_same_action_changes_nothing() {
        let graph = chain("1");
        let mut bytes = (Vec::new(), Vec::new());
        graph.write(&mut bytes.0).expect("written");
        let mut amendment = Amendment::of(graph.clone());
        graph.ids().for_each(|id| amendment.exchange(id, &graph.node(id).action()));
        assert!(!amendment.is_overgrown());
        amendment.finish().write(&mut bytes.1).expect("written");
        assert_eq!(bytes.0, bytes.1);
    }

    #[test]
    fn a_graph_that_was_amended_often_is_overgrown() {
        let mut graph = chain("0");
        let a = id(&graph, "build:a@d/amd64");
        let mut times = 0;
        loop {
            let mut amendment = Amendment::of(graph);
            if amendment.is_overgrown() {
                break;
            }
            times += 1;
            amendment.exchange(a, &chain(&times.to_string()).node(a).action());
            graph = amendment.finish();
        }
        assert!((50..100).contains(&times), "{times}");
    }
}
