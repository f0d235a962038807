//! A graph as bytes, for the cache of evaluations: its columns one after another.
//!
//! Read back, a graph is checked for numbers that point nowhere, so that no view of it can panic; that the bytes are those
//! that were written is for their reader to know (by a digest around all of it). Numbers are little-endian.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;

use super::strings::Strings;
use super::{Graph, NodeId, OF_COMPONENT, Origins};
use crate::columns::{Columns, Damaged, put_bytes, put_digests, put_long_numbers, put_numbers};
use crate::drv::{SharedTable, SharedText};
use crate::name::Kind;

impl Graph {
    /// Writes the graph's bytes.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let numbers = |column: &[u32], to: &mut dyn Write| put_numbers(to, column.iter().copied());
        let strings = &self.strings;
        put_bytes(to, strings.text.as_bytes())?;
        numbers(&strings.ends, to)?;
        let texts: Vec<&str> = strings.texts.iter().map(|text| &**text).collect();
        let tables: Vec<&BTreeMap<String, String>> = strings.tables.iter().map(|table| &**table).collect();
        put_bytes(to, &serde_json::to_vec(&(texts, tables))?)?;
        put_bytes(to, &self.kinds)?;
        for column in [&self.subjects, &self.places, &self.actions, &self.input_ends, &self.roles, &self.outputs] {
            numbers(column, to)?;
        }
        put_numbers(to, self.inputs.iter().map(|input| input.0))?;
        put_digests(to, self.ids.iter())?;
        put_digests(to, self.action_digests.iter())?;
        put_long_numbers(to, self.action_ends.iter())?;
        put_bytes(to, &self.action_bytes)?;
        put_bytes(to, &serde_json::to_vec(self.origins.get())?)?;
        put_bytes(to, &serde_json::to_vec(&self.may_fail)?)
    }

    /// The graph whose bytes these are.
    ///
    /// # Errors
    /// [`Damaged`] where they are not.
    pub fn read(mut from: Columns) -> Result<Self, Damaged> {
        let text = String::from_utf8(from.shared()?.to_vec()).map_err(|_| Damaged)?;
        let ends = from.numbers()?;
        let (texts, tables): (Vec<String>, Vec<BTreeMap<String, String>>) =
            serde_json::from_slice(&from.shared()?).map_err(|_| Damaged)?;
        let strings = Strings {
            text,
            ends,
            texts: texts.into_iter().map(SharedText::new).collect(),
            tables: tables.into_iter().map(SharedTable::new).collect(),
        };
        let kinds = from.shared()?;
        let [subjects, places, actions, input_ends, roles, outputs] =
            [from.numbers()?, from.numbers()?, from.numbers()?, from.numbers()?, from.numbers()?, from.numbers()?];
        let graph = Self {
            strings,
            kinds,
            subjects,
            places,
            actions,
            input_ends,
            roles,
            outputs,
            inputs: from.numbers()?.into_iter().map(NodeId).collect(),
            ids: from.digests()?,
            action_digests: from.digests()?,
            action_ends: from.shared_long_numbers()?,
            action_bytes: from.shared()?,
            origins: Origins::unread(from.shared()?),
            may_fail: serde_json::from_slice(&from.shared()?).map_err(|_| Damaged)?,
            consumers: OnceLock::new(),
        };
        if from.is_empty() && graph.is_sound() { Ok(graph) } else { Err(Damaged) }
    }

    /// Whether every number points at something that is there, and every node reads only earlier ones.
    fn is_sound(&self) -> bool {
        let (nodes, inputs, actions) = (self.kinds.len(), self.inputs.len(), self.action_digests.len());
        let strings = &self.strings;
        let words = strings.ends.len();
        let are_words = |column: &[u32]| column.iter().all(|word| (*word as usize) < words);
        let by_node =
            [self.subjects.len(), self.places.len(), self.actions.len(), self.ids.len(), self.input_ends.len()];
        let rising = |ends: &[u32], last: usize| ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == last;
        by_node.iter().all(|length| *length == nodes)
            && self.kinds.iter().all(|kind| usize::from(kind & !OF_COMPONENT) < Kind::ALL.len())
            && [self.roles.len(), self.outputs.len()] == [inputs, inputs]
            && rising(&self.input_ends, inputs)
            && strings.ends.is_sorted()
            && strings.ends.iter().all(|end| strings.text.is_char_boundary(*end as usize))
            && [&self.subjects, &self.places, &self.roles, &self.outputs].into_iter().all(|column| are_words(column))
            && self.actions.iter().all(|action| (*action as usize) < actions)
            && self.action_ends.len() == actions
            && self.action_ends.iter().is_sorted()
            && self.action_ends.iter().last().unwrap_or(0) == self.action_bytes.len() as u64
            && self.ids().all(|id| self.node(id).input_nodes().iter().all(|input| *input < id))
    }

    /// Whether every action can be read: [`Graph::read`] does not look at each, for the time that it would take.
    #[cfg(test)]
    fn has_sound_actions(&self) -> bool {
        use crate::drv::{Compact, Words as _};
        (0..self.action_digests.len() as u32)
            .all(|action| Compact(self.action_bytes_of(action)).action(&self.strings).is_ok())
            && self.strings.ends.iter().enumerate().all(|(word, _)| self.strings.word(word as u32).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::small::chain;
    use super::*;

    fn written(graph: &Graph) -> Vec<u8> {
        let mut bytes = Vec::new();
        graph.write(&mut bytes).expect("written");
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Graph, Damaged> {
        Graph::read(Columns::of(Arc::new(bytes), 0))
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let graph = chain("1");
        let read = read(written(&graph)).expect("sound");
        assert!(read.has_sound_actions());
        for id in graph.ids() {
            let (node, same) = (graph.node(id), read.node(id));
            assert_eq!((node.name(), node.id(), node.derivation()), (same.name(), same.id(), same.derivation()));
            assert_eq!((node.origin(), node.component()), (same.origin(), same.component()));
        }
        assert_eq!(written(&read), written(&graph));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let bytes = written(&chain("1"));
        for end in 0..bytes.len() {
            assert!(read(bytes[..end].to_vec()).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            // What is not noticed can be looked at all the same.
            if let Ok(graph) = read(damaged) {
                for id in graph.ids() {
                    let node = graph.node(id);
                    let _ = (node.to_string(), node.inputs().count(), node.origin(), graph.consumers(id));
                }
                graph.has_sound_actions();
            }
        }
    }
}
