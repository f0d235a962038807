//! The table that a spec is read with: it notes what the spec asks of it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::macros::{Macro, Macros};

/// Macros, with notes.
pub(super) struct Table {
    macros: Macros,
    /// What the spec has taken out of it.
    removed: BTreeSet<String>,
    notes: RefCell<Notes>,
}

/// What a spec asked of the table that it was read with; what it defines itself is not told.
#[derive(Default)]
pub(super) struct Notes {
    pub names: BTreeSet<String>,
    pub arch: bool,
    /// The line of the release, and what it alone asked for.
    release: Option<(String, BTreeSet<String>)>,
    in_release: bool,
    /// How often a release was given.
    releases: usize,
    /// Whether the release and the rest of the spec follow from each other.
    mixed: bool,
}

impl Table {
    pub fn new(macros: Macros) -> Self {
        Self { macros, removed: BTreeSet::new(), notes: RefCell::default() }
    }

    pub fn get(&self, name: &str) -> Option<&Macro> {
        let found = self.macros.get(name);
        let own = found.map_or_else(|| self.removed.contains(name), |found| found.own);
        self.notes.borrow_mut().asked(name, own);
        found
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn arch(&self) -> &str {
        self.notes.borrow_mut().arch = true;
        self.macros.arch()
    }

    pub fn put(&mut self, name: &str, body: Macro) {
        self.macros.put(name, body);
    }

    pub fn remove(&mut self, name: &str) {
        self.macros.remove(name);
        self.removed.insert(name.to_owned());
    }

    /// From now on `line` is expanded, which gives the release.
    pub fn begin_release(&mut self, line: &str) {
        let notes = self.notes.get_mut();
        notes.release.get_or_insert_with(|| (line.to_owned(), BTreeSet::new()));
        notes.in_release = true;
    }

    /// That line has come to `text`.
    pub fn end_release(&mut self, text: &str) {
        let notes = self.notes.get_mut();
        notes.in_release = false;
        notes.mixed |= text.contains('\n');
    }

    /// A release has been given.
    pub fn release(&mut self) {
        let notes = self.notes.get_mut();
        notes.releases += 1;
        notes.mixed |= notes.releases > 1;
    }

    /// What was asked for; and the line of the release, where nothing else follows from that and what it asked for is not
    /// told with the rest.
    pub fn into_notes(self) -> (Notes, Option<String>) {
        let mut notes = self.notes.into_inner();
        match notes.release.take() {
            Some((line, _)) if !notes.mixed => (notes, Some(line)),
            Some((_, mut names)) => {
                notes.names.append(&mut names);
                (notes, None)
            }
            None => (notes, None),
        }
    }
}

impl Notes {
    fn asked(&mut self, name: &str, own: bool) {
        if own {
            self.mixed |= self.in_release || name == "release";
            return;
        }
        let names = match &mut self.release {
            Some((_, names)) if self.in_release => names,
            _ => &mut self.names,
        };
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
    }
}
