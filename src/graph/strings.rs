//! The words of a graph: each once, known by number.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::drv::{SharedTable, SharedText, Words};

/// Words, and parts that actions share, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Strings {
    pub text: String,
    /// Where each word ends in `text`.
    pub ends: Vec<u32>,
    pub texts: Vec<SharedText>,
    pub tables: Vec<SharedTable>,
}

impl Strings {
    /// The word of that number; empty for one that was never given.
    pub fn get(&self, number: u32) -> &str {
        Words::word(self, number).unwrap_or_default()
    }
}

impl Words for Strings {
    fn word(&self, number: u32) -> Option<&str> {
        let place = number as usize;
        let end = *self.ends.get(place)? as usize;
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        self.text.get(start..end)
    }

    fn text(&self, number: u32) -> Option<&SharedText> {
        self.texts.get(number as usize)
    }

    fn table(&self, number: u32) -> Option<&SharedTable> {
        self.tables.get(number as usize)
    }
}

/// Gives words their numbers.
#[derive(Debug, Default)]
pub(super) struct Interner {
    pub strings: Strings,
    #[expect(clippy::disallowed_types, reason = "only ever asked for a word, never iterated")]
    words: std::collections::HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    texts: BTreeMap<Digest, u32>,
    tables: BTreeMap<Digest, u32>,
}

impl Interner {
    /// One that adds to `strings`. Words that are there already may get a second number, which does no harm.
    pub fn adding_to(strings: &Strings) -> Self {
        let texts = std::iter::zip(strings.texts.iter().map(SharedText::digest), 0..).collect();
        let tables = std::iter::zip(strings.tables.iter().map(SharedTable::digest), 0..).collect();
        Self { texts, tables, ..Self::default() }
    }
}

impl crate::drv::Interning for Interner {
    fn word(&mut self, word: &str) -> u32 {
        if let Some(number) = self.words.get(word) {
            return *number;
        }
        let strings = &mut self.strings;
        strings.text.push_str(word);
        // Words are parts of recipes, of the lock and of distro files, all of them bounded in size.
        strings.ends.push(u32::try_from(strings.text.len()).expect("less than 4 GiB of words"));
        let number = place(strings.ends.len());
        self.words.insert(word.into(), number);
        number
    }

    fn text(&mut self, text: &SharedText) -> u32 {
        let texts = &mut self.strings.texts;
        *self.texts.entry(text.digest()).or_insert_with(|| {
            texts.push(text.clone());
            place(texts.len())
        })
    }

    fn table(&mut self, table: &SharedTable) -> u32 {
        let tables = &mut self.strings.tables;
        *self.tables.entry(table.digest()).or_insert_with(|| {
            tables.push(table.clone());
            place(tables.len())
        })
    }
}

/// The number of what was added last.
fn place(length: usize) -> u32 {
    u32::try_from(length - 1).expect("fewer than 2^32")
}
