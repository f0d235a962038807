//! Where a component's fields stand in its recipe.
//!
//! A recipe is a program, so its value may come from anywhere. What is written as a map literal, as nearly all recipes
//! are, is found exactly; for anything else the answer is the nearest place that a person would look at.

use std::sync::Arc;

use miette::SourceSpan;

use super::mistake::{Complaint, Mistake, RecipeError};
use super::scan::{Kind, Text};

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A way into a value, from the recipe's map.
pub(super) type Way = Vec<Step>;

/// `way` and one step more.
pub(super) fn key(way: &[Step], name: &str) -> Way {
    way.iter().cloned().chain([Step::Key(name.to_owned())]).collect()
}

/// `way` and one step more.
pub(super) fn index(way: &[Step], place: usize) -> Way {
    way.iter().cloned().chain([Step::Index(place)]).collect()
}

/// Where the fields of one component (or distro) are written.
#[derive(Debug, Clone)]
pub struct FieldPlaces {
    text: Arc<Text>,
    /// Which one of a list of components; `None` where the file has one.
    item: Option<usize>,
}

/// Tokens of an entry: its key, where it has one, and its value.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Option<usize>,
    first: usize,
    last: usize,
}

impl FieldPlaces {
    /// The file's only component (`None`), or one of its list, from 0. Only looks when it is asked for a place.
    pub(super) fn new(text: &Arc<Text>, item: Option<usize>) -> Self {
        Self { text: text.clone(), item }
    }

    /// An error that underlines `value` (a string inside `field`), or the field's name, or the component's map.
    pub fn error(
        &self,
        mistake: Mistake,
        field: &str,
        value: Option<&str>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> RecipeError {
        let span = value.map_or_else(|| self.of_field(field), |value| self.of_text(field, value));
        RecipeError::new(&self.text, span, Complaint::new(mistake, message).help(help))
    }

    /// The name of `field`.
    pub fn of_field(&self, field: &str) -> SourceSpan {
        self.of_key(&[Step::Key(field.to_owned())])
    }

    /// The string `value` inside `field`; the field's name where it is not written there.
    pub fn of_text(&self, field: &str, value: &str) -> SourceSpan {
        self.find_text(field, value).unwrap_or_else(|| self.of_field(field))
    }

    /// The string `value` inside `field`, where it is written there.
    pub(super) fn find_text(&self, field: &str, value: &str) -> Option<SourceSpan> {
        let inside =
            |entry: Entry| (entry.first..=entry.last).find(|token| self.text.text_value(*token) == Some(value));
        self.find(&[Step::Key(field.to_owned())]).and_then(inside).map(|token| self.text.span(token))
    }

    pub(super) fn text(&self) -> &Arc<Text> {
        &self.text
    }

    /// The key at the end of `way`, or as much of the way as is written.
    pub(super) fn of_key(&self, way: &[Step]) -> SourceSpan {
        let entry = self.find(way);
        match entry.map(|entry| entry.key.unwrap_or(entry.first)) {
            Some(token) => self.text.span(token),
            None => self.nearest(way),
        }
    }

    /// The value at the end of `way`, or as much of the way as is written.
    pub(super) fn of_value(&self, way: &[Step]) -> SourceSpan {
        match self.find(way) {
            Some(entry) => self.text.span_between(entry.first, entry.last),
            None => self.nearest(way),
        }
    }

    /// The component as a whole: the beginning of its map.
    pub(super) fn whole(&self) -> SourceSpan {
        match self.map() {
            Some(map) => self.text.span(map),
            None => self.text.span(self.last_statement()),
        }
    }

    fn nearest(&self, way: &[Step]) -> SourceSpan {
        if let Some((last, before)) = way.split_last() {
            // A map made elsewhere in the file, or assigned to: `recipe.env = …`.
            if let Step::Key(name) = last
                && let Some(token) = self.anywhere(name)
            {
                return self.text.span(token);
            }
            return self.of_value(before);
        }
        self.whole()
    }

    fn anywhere(&self, name: &str) -> Option<usize> {
        let is_key = |token: &usize| {
            let follows = self.text.str(token + 1);
            let is_name = match &self.text.tokens()[*token].kind {
                Kind::Word => self.text.str(*token) == name,
                Kind::Text(value, _) => value == name,
                _ => false,
            };
            is_name && (follows == ":" || follows == "=")
        };
        (0..self.text.tokens().len()).find(is_key)
    }

    fn last_statement(&self) -> usize {
        let count = self.text.tokens().len();
        let end = |token: &usize| self.text.str(*token) == ";" && self.text.open_before(*token).is_none();
        (0..count.saturating_sub(1)).rev().find(end).map_or(0, |token| token + 1)
    }

    /// The token `#{` of the component's map, where it is written as one.
    fn map(&self) -> Option<usize> {
        let text = &self.text;
        let wanted = if self.item.is_some() { "[" } else { "#{" };
        let mut depth = 0_usize;
        let mut outermost = None;
        for token in 0..text.tokens().len() {
            match text.str(token) {
                open @ ("#{" | "{" | "[" | "(") => {
                    if depth == 0 && open == wanted {
                        outermost = Some(token);
                    }
                    depth += 1;
                }
                "}" | "]" | ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        match self.item {
            Some(item) => entry(text, outermost?, &Step::Index(item)).map(|entry| entry.first),
            None => outermost,
        }
    }

    fn find(&self, way: &[Step]) -> Option<Entry> {
        let map = self.map()?;
        let mut found = Entry { key: None, first: map, last: map };
        for step in way {
            found = entry(&self.text, found.first, step)?;
        }
        Some(found)
    }
}

/// The entry of the map or list that begins at token `open`.
fn entry(text: &Text, open: usize, step: &Step) -> Option<Entry> {
    match (text.str(open), step) {
        ("#{", Step::Key(_)) | ("[", Step::Index(_)) => {}
        _ => return None,
    }
    let mut first = open + 1;
    let mut place = 0;
    while first < text.tokens().len() {
        let end = end_of_entry(text, first);
        let is_it = match step {
            Step::Index(wanted) => place == *wanted,
            Step::Key(name) => {
                text.str(first + 1) == ":" && (text.str(first) == name || text.text_value(first) == Some(name))
            }
        };
        if is_it && end > first {
            let key = matches!(step, Step::Key(_)).then_some(first);
            let value = if key.is_some() { first + 2 } else { first };
            return Some(Entry { key, first: value.min(end - 1), last: end - 1 });
        }
        if text.str(end) != "," {
            return None;
        }
        (first, place) = (end + 1, place + 1);
    }
    None
}

/// The token after an entry: its comma, or the bracket that closes what holds it.
fn end_of_entry(text: &Text, first: usize) -> usize {
    let mut depth = 0_usize;
    for token in first..text.tokens().len() {
        if text.tokens()[token].kind != Kind::Mark {
            continue;
        }
        match text.str(token) {
            "," if depth == 0 => return token,
            "{" | "#{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" if depth == 0 => return token,
            "}" | "]" | ")" => depth -= 1,
            _ => {}
        }
    }
    text.tokens().len()
}
