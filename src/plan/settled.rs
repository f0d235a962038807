//! What an earlier plan found settled: for each derivation the key and the outputs that it came to.
//!
//! A derivation's id covers everything that it follows from, but for what its inputs came to in this store. So what is
//! remembered holds for a node whose id is the same and whose inputs all came to what is remembered of them, as long as
//! its realisation is there: that is for the owner to look at, row by row ([`Settled::keys`], [`Settled::doubt`]).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;

use super::{Plan, State};
use crate::columns::{Columns, Damaged, Digests, put_bytes, put_digests, put_numbers};
use crate::digest::Digest;
use crate::drv::{ActionKey, DrvId, Outputs};
use crate::graph::{Graph, Node};
use crate::name::OutputName;

/// Settled derivations, in the order of the graph that they were settled in.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    ids: Digests,
    /// By row; `None`: not settled, or no longer to be believed.
    keys: Vec<Option<ActionKey>>,
    /// Where the outputs of each row end in the next.
    ends: Vec<u32>,
    /// Which of the names, and the content.
    outputs: Vec<(u8, Digest)>,
    names: Vec<OutputName>,
    /// Rows by id, for a graph in which nodes came or went.
    rows: OnceLock<BTreeMap<DrvId, usize>>,
}

impl Settled {
    /// What `plan` found clean, and of nodes that it did not look at what was known `before`, where all that they read
    /// still comes to that.
    pub fn of(graph: &Graph, plan: &Plan, before: &Self) -> Self {
        let mut settled = Self::default();
        let mut as_before = vec![false; graph.len()];
        for id in graph.ids() {
            let (node, known) = (graph.node(id), before.find(graph.node(id)));
            let found = match plan.of(id) {
                Some(planned) if planned.state == State::Clean => planned.key.zip(planned.outputs.clone()),
                Some(_) => None,
                None => known.clone().filter(|_| node.input_nodes().iter().all(|input| as_before[input.index()])),
            };
            as_before[id.index()] = found.is_some() && found == known;
            settled.push(node.id(), found);
        }
        settled
    }

    /// What `node` came to, if all that it reads came to what is remembered of it.
    pub fn find(&self, node: Node<'_>) -> Option<(ActionKey, Outputs)> {
        let row = self.row(node)?;
        let key = self.keys[row]?;
        let outputs =
            self.outputs_of(row).iter().map(|(name, digest)| (self.names[usize::from(*name)].clone(), *digest));
        Some((key, outputs.collect()))
    }

    /// The keys of all rows, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (usize, ActionKey)> {
        self.keys.iter().enumerate().filter_map(|(row, key)| Some((row, (*key)?)))
    }

    /// No longer believes a row.
    pub fn doubt(&mut self, row: usize) {
        self.keys[row] = None;
    }

    /// Whether a row came to `outputs`.
    pub fn came_to(&self, row: usize, outputs: &Outputs) -> bool {
        let own = self.outputs_of(row);
        own.len() == outputs.len()
            && own.iter().all(|(name, digest)| outputs.get(&self.names[usize::from(*name)]) == Some(digest))
    }

    /// Whether all that `plan` found clean is known already.
    pub fn has_all_of(&self, graph: &Graph, plan: &Plan) -> bool {
        let key_of = |node: Node<'_>| self.row(node).and_then(|row| self.keys[row]);
        let mut clean = plan.nodes.iter().filter(|planned| planned.state == State::Clean);
        clean.all(|planned| planned.key.is_some() && key_of(graph.node(planned.node)) == planned.key)
    }

    /// Writes its bytes.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        put_digests(to, self.ids.iter())?;
        put_bytes(to, &self.keys.iter().map(|key| u8::from(key.is_some())).collect::<Vec<u8>>())?;
        let keys: Vec<Digest> = self.keys.iter().flatten().map(|key| key.0).collect();
        put_digests(to, keys.into_iter())?;
        put_numbers(to, self.ends.iter().copied())?;
        put_bytes(to, &self.outputs.iter().map(|(name, _)| *name).collect::<Vec<u8>>())?;
        put_digests(to, self.outputs.iter().map(|(_, digest)| *digest))?;
        let names: Vec<&str> = self.names.iter().map(OutputName::as_str).collect();
        put_bytes(to, names.join("\n").as_bytes())
    }

    /// What was written.
    ///
    /// # Errors
    /// [`Damaged`] where these are other bytes, as far as looking at them might go wrong.
    pub fn read(mut from: Columns) -> Result<Self, Damaged> {
        let ids = from.digests()?;
        let (has_key, keys) = (from.shared()?, from.digests()?);
        let mut keys = keys.iter();
        let keys: Vec<Option<ActionKey>> =
            has_key.iter().map(|has| if *has == 0 { None } else { keys.next().map(ActionKey) }).collect();
        let ends = from.numbers()?;
        let (of_names, outputs) = (from.shared()?, from.digests()?);
        let outputs: Vec<(u8, Digest)> = of_names.iter().copied().zip(outputs.iter()).collect();
        let names = from.shared()?;
        let names = std::str::from_utf8(&names).map_err(|_| Damaged)?.lines().map(OutputName::new);
        let names: Vec<OutputName> = names.collect::<Result<_, _>>().map_err(|_| Damaged)?;
        let is_sound = from.is_empty()
            && [keys.len(), ends.len()] == [ids.len(); 2]
            && ends.is_sorted()
            && ends.last().map_or(0, |end| *end as usize) == outputs.len()
            && outputs.len() == of_names.len()
            && outputs.iter().all(|(name, _)| usize::from(*name) < names.len());
        if is_sound { Ok(Self { ids, keys, ends, outputs, names, rows: OnceLock::new() }) } else { Err(Damaged) }
    }

    fn push(&mut self, id: DrvId, found: Option<(ActionKey, Outputs)>) {
        self.ids.push(id.0);
        let (key, outputs) = found.unzip();
        let first = self.outputs.len();
        for (name, digest) in outputs.into_iter().flatten() {
            let known = self.names.iter().position(|known| *known == name);
            let place = known.unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            self.outputs.extend(u8::try_from(place).ok().map(|place| (place, digest)));
        }
        // More names than there are kinds of outputs: not remembered.
        let is_whole = self.names.len() <= usize::from(u8::MAX);
        if !is_whole {
            self.outputs.truncate(first);
        }
        self.keys.push(key.filter(|_| is_whole));
        self.ends.push(u32::try_from(self.outputs.len()).unwrap_or(u32::MAX));
    }

    fn row(&self, node: Node<'_>) -> Option<usize> {
        let (id, place) = (node.id(), node.node_id().index());
        if self.ids.get(place) == Some(id.0) {
            return Some(place);
        }
        // As many nodes as then: those at other places are others.
        if self.ids.len() == node.graph_len() {
            return None;
        }
        let by_id = || self.ids.iter().enumerate().map(|(row, id)| (DrvId(id), row)).collect();
        self.rows.get_or_init(by_id).get(&id).copied()
    }

    fn outputs_of(&self, row: usize) -> &[(u8, Digest)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.outputs[start..self.ends[row] as usize]
    }
}
