//! What a store would know, in memory: for the tests of plans and of schedules.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use super::{Earlier, Knowledge, Remembered, Settled, Standing, Walked, contents, standing};
use crate::cost::Cost;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs, text_of};
use crate::graph::small::output_of;
use crate::graph::{Graph, Node, NodeId};
use crate::name::{Kind, NodeName, OutputName};

/// What is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct InMemory {
    pub realised: BTreeMap<ActionKey, Outputs>,
    /// Nothing, where a key is not here.
    pub took: BTreeMap<ActionKey, Cost>,
    pub absent: BTreeSet<Digest>,
    pub numbers: BTreeMap<Fingerprint, u32>,
    /// The latest first.
    pub earlier: BTreeMap<NodeName, Vec<Walked>>,
    /// How many batches of keys were asked for.
    pub batches: Cell<usize>,
    pub remembered: Settled,
}

impl Knowledge for InMemory {
    type Error = Infallible;

    fn realised(&self, keys: &[ActionKey]) -> Result<Vec<Option<(Outputs, Cost)>>, Infallible> {
        self.batches.set(self.batches.get() + 1);
        let took = |key: &ActionKey| self.took.get(key).copied().unwrap_or_default();
        Ok(keys.iter().map(|key| Some((self.realised.get(key)?.clone(), took(key)))).collect())
    }

    fn number(&self, _: Node<'_>, fingerprint: Fingerprint) -> Result<Option<u32>, Infallible> {
        Ok(self.numbers.get(&fingerprint).copied())
    }

    fn remembered(&self, node: Node<'_>) -> Option<Remembered> {
        self.remembered.find(node)
    }

    fn present(&self, node: Node<'_>, key: ActionKey, outputs: &Outputs) -> Result<bool, Infallible> {
        // A root's digest is known before it was ever made.
        if node.kind() == Kind::Root && !self.realised.contains_key(&key) {
            return Ok(false);
        }
        Ok(!outputs.values().any(|digest| self.absent.contains(digest)))
    }

    fn earlier(&self, node: Node<'_>) -> Result<Vec<Walked>, Infallible> {
        Ok(self.earlier.get(&node.name()).cloned().unwrap_or_default())
    }
}

impl InMemory {
    /// Runs `node`, whose inputs have these contents, as a build that makes `content`; returns its key and outputs.
    pub fn run(&mut self, node: Node<'_>, contents: &[Digest], content: &str) -> (ActionKey, Outputs) {
        let Ok(found) = standing(node, contents, self);
        let key = match found {
            Standing::Keyed(key) => key,
            Standing::Unnumbered(fingerprint) => {
                let number = u32::try_from(self.numbers.len()).expect("few") + 1;
                self.numbers.insert(fingerprint, number);
                node.action_key(Some(number), contents)
            }
        };
        let outputs = node.known_outputs(key).unwrap_or_else(|| {
            let digest = Digest::of(content.as_bytes());
            Outputs::from([(OutputName::new(output_of(node.kind())).expect("plain"), digest)])
        });
        self.absent.retain(|digest| !outputs.values().any(|made| made == digest));
        self.realised.insert(key, outputs.clone());
        let known: Vec<Option<Digest>> = contents.iter().copied().map(Some).collect();
        let walked = |started| Walked { earlier: Earlier { key, started }, walk: text_of(&node.derivation(), &known) };
        let history = self.earlier.entry(node.name()).or_default();
        history.insert(0, walked(i64::try_from(history.len()).expect("few")));
        (key, outputs)
    }

    /// Runs everything in `graph`; each node makes its own name.
    pub fn run_all(&mut self, graph: &Graph) -> BTreeMap<NodeId, Outputs> {
        let mut all = BTreeMap::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let contents = contents(node, |input| all.get(&input)).expect("inputs come first");
            let (_, outputs) = self.run(node, &contents, &node.to_string());
            all.insert(id, outputs);
        }
        all
    }
}
