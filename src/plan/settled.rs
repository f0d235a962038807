//! What an earlier plan found settled: for each derivation the key and the outputs that it came to.
//!
//! A derivation's id covers everything that it follows from, but for what its inputs came to in this store. So what is
//! remembered holds for a node whose id is the same and whose inputs all came to what is remembered of them, as long as
//! its realisation is there: that is for the owner to look at, row by row ([`Settled::keys`], [`Settled::doubt`]).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;

use super::{Plan, State, spared};
use crate::columns::{Bytes, Columns, Damaged, Digests, put_bytes, put_digests, put_long_numbers, put_numbers};
use crate::cost::{Cost, Spared};
use crate::digest::Digest;
use crate::drv::{ActionKey, DrvId, Outputs};
use crate::graph::{Graph, Node};
use crate::name::OutputName;

/// What a node came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Its key.
    pub key: ActionKey,
    /// Its outputs.
    pub outputs: Outputs,
    /// What its realisation took; `None` where it has none.
    pub cost: Option<Cost>,
}

/// What each row took: milliseconds on the clock and of processors, four bytes each, left in the file. More than 49 days are
/// not told apart.
#[derive(Debug, Clone, Default)]
struct Times(Bytes);

impl Times {
    /// In the place of a time: there is none.
    const NONE: u32 = u32::MAX;

    fn len(&self) -> usize {
        self.0.len() / 8
    }

    fn get(&self, row: usize) -> Option<Cost> {
        let [a, b, c, d, e, f, g, h] = *self.0.get(row * 8..)?.first_chunk()?;
        let (milliseconds, cpu) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let cost = Cost { milliseconds: milliseconds.into(), cpu_milliseconds: cpu.into() };
        (milliseconds != Self::NONE).then_some(cost)
    }

    fn bytes(cost: Option<Cost>) -> [u8; 8] {
        let short = |milliseconds: u64| u32::try_from(milliseconds).unwrap_or(Self::NONE).min(Self::NONE - 1);
        let [milliseconds, cpu] =
            cost.map_or([Self::NONE; 2], |cost| [cost.milliseconds, cost.cpu_milliseconds].map(short));
        (u64::from(milliseconds) | u64::from(cpu) << 32).to_le_bytes()
    }

    fn set(&mut self, row: usize, cost: Cost) {
        self.0.to_mut()[row * 8..][..8].copy_from_slice(&Self::bytes(Some(cost)));
    }

    fn push(&mut self, cost: Option<Cost>) {
        self.0.to_mut().extend(Self::bytes(cost));
    }
}

/// Settled derivations, in the order of the graph that they were settled in.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    ids: Digests,
    /// By row: whether it has a key. If not, it is not settled, or no longer to be believed.
    has_key: Bytes,
    keys: Digests,
    /// Where the outputs of each row end in the next two.
    ends: Vec<u32>,
    /// Which of the names.
    output_names: Bytes,
    outputs: Digests,
    names: Vec<OutputName>,
    times: Times,
    /// What the plan of the whole graph found clean, where that was all of it.
    whole: Option<Spared>,
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
                Some(planned) if planned.state == State::Clean => {
                    let outputs = planned.key.zip(planned.outputs.clone());
                    outputs.map(|(key, outputs)| Remembered { key, outputs, cost: planned.cost })
                }
                Some(_) => None,
                None => known.clone().filter(|_| node.input_nodes().iter().all(|input| as_before[input.index()])),
            };
            as_before[id.index()] = match (&found, &known) {
                (Some(found), Some(known)) => found.key == known.key && found.outputs == known.outputs,
                _ => false,
            };
            settled.push(node.id(), found);
        }
        let is_whole = plan.nodes.len() == graph.len() && settled.has_all_keys();
        settled.whole = is_whole.then(|| spared(graph, plan));
        settled
    }

    /// What a plan of the whole graph comes to where it finds all of it clean; `None` where it would not, or that is not known.
    /// Times are those of when that was found: not to be asked after [`Settled::compare`].
    pub fn whole(&self, graph: &Graph) -> Option<Spared> {
        self.whole.filter(|_| self.has_all_keys() && self.ids == *graph.drv_ids())
    }

    /// What `node` came to, if all that it reads came to what is remembered of it.
    pub fn find(&self, node: Node<'_>) -> Option<Remembered> {
        let row = self.row(node)?;
        let key = self.key(row)?;
        let outputs = self.outputs_of(row).map(|(name, digest)| (name.clone(), digest)).collect();
        Some(Remembered { key, outputs, cost: self.times.get(row) })
    }

    /// The keys of all rows, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (usize, ActionKey)> {
        (0..self.ids.len()).filter_map(|row| Some((row, self.key(row)?)))
    }

    /// No longer believes a row.
    pub fn doubt(&mut self, row: usize) {
        self.has_key.to_mut()[row] = 0;
    }

    /// Takes what a row's key came to by now, and doubts the row where that is something else.
    pub fn compare(&mut self, row: usize, found: Option<(Outputs, Cost)>) {
        match found {
            Some((outputs, cost)) if self.came_to(row, &outputs) => self.times.set(row, cost),
            _ => self.doubt(row),
        }
    }

    fn came_to(&self, row: usize, outputs: &Outputs) -> bool {
        let mut own = self.outputs_of(row);
        own.len() == outputs.len() && own.all(|(name, digest)| outputs.get(name) == Some(&digest))
    }

    /// Whether all that `plan` found clean is known already.
    pub fn has_all_of(&self, graph: &Graph, plan: &Plan) -> bool {
        let key_of = |node: Node<'_>| self.row(node).and_then(|row| self.key(row));
        let mut clean = plan.nodes.iter().filter(|planned| planned.state == State::Clean);
        clean.all(|planned| planned.key.is_some() && key_of(graph.node(planned.node)) == planned.key)
    }

    /// Writes its bytes.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        put_digests(to, self.ids.iter())?;
        put_bytes(to, &self.has_key)?;
        put_digests(to, self.keys.iter())?;
        put_numbers(to, self.ends.iter().copied())?;
        put_bytes(to, &self.output_names)?;
        put_digests(to, self.outputs.iter())?;
        let names: Vec<&str> = self.names.iter().map(OutputName::as_str).collect();
        put_bytes(to, names.join("\n").as_bytes())?;
        put_bytes(to, &self.times.0)?;
        let whole = self.whole.map(|whole| whole.to_numbers().to_vec());
        put_long_numbers(to, whole.unwrap_or_default().into_iter())
    }

    /// What was written.
    ///
    /// # Errors
    /// [`Damaged`] where these are other bytes, as far as looking at them might go wrong.
    pub fn read(mut from: Columns) -> Result<Self, Damaged> {
        let ids = from.digests()?;
        let (has_key, keys, ends) = (from.shared()?, from.digests()?, from.numbers()?);
        let (output_names, outputs) = (from.shared()?, from.digests()?);
        let names = from.shared()?;
        let names = std::str::from_utf8(&names).map_err(|_| Damaged)?.lines().map(OutputName::new);
        let names: Vec<OutputName> = names.collect::<Result<_, _>>().map_err(|_| Damaged)?;
        let (times, whole) = (Times(from.shared()?), from.long_numbers()?);
        let whole = Spared::of_numbers(&whole);
        let is_sound = from.is_empty()
            && [has_key.len(), keys.len(), ends.len(), times.len()] == [ids.len(); 4]
            && ends.is_sorted()
            && ends.last().map_or(0, |end| *end as usize) == outputs.len()
            && outputs.len() == output_names.len()
            && output_names.iter().all(|name| usize::from(*name) < names.len());
        let rows = OnceLock::new();
        let settled = Self { ids, has_key, keys, ends, output_names, outputs, names, times, whole, rows };
        if is_sound { Ok(settled) } else { Err(Damaged) }
    }

    fn push(&mut self, id: DrvId, found: Option<Remembered>) {
        self.ids.push(id.0);
        self.times.push(found.as_ref().and_then(|found| found.cost));
        let (key, outputs) = found.map(|found| (found.key, found.outputs)).unzip();
        for (name, digest) in outputs.into_iter().flatten() {
            let known = self.names.iter().position(|known| *known == name);
            let place = known.unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            if let Ok(place) = u8::try_from(place) {
                self.output_names.to_mut().push(place);
                self.outputs.push(digest);
            }
        }
        // More names than there are kinds of outputs: not remembered.
        let key = key.filter(|_| self.names.len() <= usize::from(u8::MAX));
        self.has_key.to_mut().push(u8::from(key.is_some()));
        self.keys.push(key.map_or(id.0, |key| key.0));
        self.ends.push(u32::try_from(self.outputs.len()).unwrap_or(u32::MAX));
    }

    fn has_all_keys(&self) -> bool {
        self.has_key.iter().all(|has| *has != 0)
    }

    fn key(&self, row: usize) -> Option<ActionKey> {
        if self.has_key[row] == 0 { None } else { self.keys.get(row).map(ActionKey) }
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

    fn outputs_of(&self, row: usize) -> impl ExactSizeIterator<Item = (&OutputName, Digest)> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let (names, digests) = (&self.output_names[start..], self.outputs.part(start..self.ends[row] as usize));
        digests.zip(names).map(|(digest, name)| (&self.names[usize::from(*name)], digest))
    }
}
