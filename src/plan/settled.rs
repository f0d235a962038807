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
    /// By row; `None`: not settled, or no longer to be believed.
    keys: Vec<Option<ActionKey>>,
    /// Where the outputs of each row end in the next.
    ends: Vec<u32>,
    /// Which of the names, and the content.
    outputs: Vec<(u8, Digest)>,
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
        let is_whole = plan.nodes.len() == graph.len() && settled.keys.iter().all(Option::is_some);
        settled.whole = is_whole.then(|| spared(graph, plan));
        settled
    }

    /// What a plan of the whole graph found clean that found all of it clean; to be asked where [`Settled::has_all_of`] that
    /// plan and nothing is doubted. `None` where it is another plan, or not known.
    pub fn whole(&self, graph: &Graph, plan: &Plan) -> Option<Spared> {
        let is_whole = [plan.nodes.len(), self.ids.len()] == [graph.len(); 2];
        self.whole.filter(|_| is_whole)
    }

    /// What `node` came to, if all that it reads came to what is remembered of it.
    pub fn find(&self, node: Node<'_>) -> Option<Remembered> {
        let row = self.row(node)?;
        let key = self.keys[row]?;
        let outputs =
            self.outputs_of(row).iter().map(|(name, digest)| (self.names[usize::from(*name)].clone(), *digest));
        Some(Remembered { key, outputs: outputs.collect(), cost: self.times.get(row) })
    }

    /// The keys of all rows, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (usize, ActionKey)> {
        self.keys.iter().enumerate().filter_map(|(row, key)| Some((row, (*key)?)))
    }

    /// No longer believes a row.
    pub fn doubt(&mut self, row: usize) {
        self.keys[row] = None;
    }

    /// Takes what a row's key came to by now, and doubts the row where that is something else.
    pub fn compare(&mut self, row: usize, found: Option<(Outputs, Cost)>) {
        match found {
            Some((outputs, cost)) if self.came_to(row, &outputs) => self.times.set(row, cost),
            _ => self.doubt(row),
        }
    }

    fn came_to(&self, row: usize, outputs: &Outputs) -> bool {
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
        put_bytes(to, names.join("\n").as_bytes())?;
        put_bytes(to, &self.times.0)?;
        let whole = self.whole.map(|Spared { nodes, builds, unknown, cost }| {
            let counts = [nodes, builds, unknown].map(|count| count as u64);
            [&counts[..], &[cost.milliseconds, cost.cpu_milliseconds]].concat()
        });
        put_long_numbers(to, whole.unwrap_or_default().into_iter())
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
        let (times, whole) = (Times(from.shared()?), from.long_numbers()?);
        let whole = match whole[..] {
            [nodes, builds, unknown, milliseconds, cpu_milliseconds] => {
                let count = |number| usize::try_from(number).map_err(|_| Damaged);
                let cost = Cost { milliseconds, cpu_milliseconds };
                Some(Spared { nodes: count(nodes)?, builds: count(builds)?, unknown: count(unknown)?, cost })
            }
            _ => None,
        };
        let is_sound = from.is_empty()
            && [keys.len(), ends.len(), times.len()] == [ids.len(); 3]
            && ends.is_sorted()
            && ends.last().map_or(0, |end| *end as usize) == outputs.len()
            && outputs.len() == of_names.len()
            && outputs.iter().all(|(name, _)| usize::from(*name) < names.len());
        let rows = OnceLock::new();
        if is_sound { Ok(Self { ids, keys, ends, outputs, names, times, whole, rows }) } else { Err(Damaged) }
    }

    fn push(&mut self, id: DrvId, found: Option<Remembered>) {
        self.ids.push(id.0);
        self.times.push(found.as_ref().and_then(|found| found.cost));
        let (key, outputs) = found.map(|found| (found.key, found.outputs)).unzip();
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
