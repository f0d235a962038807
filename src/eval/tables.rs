//! `opb.toml` and `opb.lock` with all of their mistakes, and where their keys stand.
//!
//! The format's own reader stops at the first mistake in a value. Here what it complains of is taken out and it is asked
//! again, until it is content with the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use miette::SourceSpan;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::mistake::{Complaint, Mistake, RecipeError};
use super::scan::Text;
use crate::diag::did_you_mean;

/// As many mistakes of one file are told. Each asks for another reading.
const MOST: usize = 30;

/// A way of keys into a file.
pub(super) type Keys = Vec<String>;

/// A file of tables, as it is written.
pub(super) struct Table {
    pub text: Arc<Text>,
    entries: BTreeMap<Keys, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Bytes of the key.
    key: Range<usize>,
    /// Strings that are its value, or items of its list, with their bytes.
    texts: Vec<(String, Range<usize>)>,
}

/// What could be read of a file.
pub(super) struct Tables<T> {
    pub table: Table,
    /// Without what is wrong.
    pub value: T,
    pub errors: Vec<RecipeError>,
}

/// Reads `raw`, the text of the file `name`, as far as it can be read. `help` is for mistakes that have none of their own.
pub(super) fn read<T: DeserializeOwned + Default>(name: &str, raw: String, help: &str) -> Tables<T> {
    let text = Arc::new(Text::new(name, raw));
    let (mut rest, wrong) = DeTable::parse_recoverable(text.raw());
    let mut entries = BTreeMap::new();
    collect(rest.get_ref(), &mut Vec::new(), &mut entries);
    let mut errors: Vec<RecipeError> = wrong.iter().take(MOST).map(|wrong| error(&text, wrong, help)).collect();
    let first_wrong = errors.iter().filter_map(|error| Some(text.line_start(error.span()?.offset()))).min();
    let mut cut = BTreeSet::new();
    let value = loop {
        let wrong = match T::deserialize(Deserializer::from(rest.clone())) {
            Ok(value) => break value,
            Err(wrong) => wrong,
        };
        // Behind a place that is not TOML, what looks like a mistake may follow from that one.
        let begins = wrong.span().map_or(0, |span| span.start);
        if first_wrong.is_none_or(|first| begins < first) {
            errors.push(error(&text, &wrong, help));
        }
        let Some(keys) = wrong.span().and_then(|span| innermost(rest.get_ref(), &span)) else { break T::default() };
        remove(rest.get_mut(), &keys);
        // Each turn takes something away; the same way twice would mean that it does not.
        if !cut.insert(keys) || cut.len() > MOST {
            break T::default();
        }
    };
    Tables { table: Table { text, entries }, value, errors }
}

impl Table {
    /// The last key of `keys`, or as much of the way as is written.
    pub fn of_key(&self, keys: &[&str]) -> SourceSpan {
        let written = (1..=keys.len()).rev().find_map(|length| self.entry(&keys[..length]));
        written.map_or_else(|| self.text.span(0), |entry| entry.key.clone().into())
    }

    /// The string `value` in the list (or the string itself) at `keys`; the key where it is not there.
    pub fn of_value(&self, keys: &[&str], value: &str) -> SourceSpan {
        let texts = self.entry(keys).into_iter().flat_map(|entry| &entry.texts);
        let found = texts.filter(|(text, _)| text == value).map(|(_, place)| place.clone().into()).next();
        found.unwrap_or_else(|| self.of_key(keys))
    }

    fn entry(&self, keys: &[&str]) -> Option<&Entry> {
        let keys: Keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.entries.get(&keys)
    }
}

fn collect(table: &DeTable<'_>, before: &mut Keys, entries: &mut BTreeMap<Keys, Entry>) {
    for (key, value) in table {
        before.push(key.get_ref().to_string());
        let mut entry = Entry { key: key.span(), texts: Vec::new() };
        match value.get_ref() {
            DeValue::Table(table) => collect(table, before, entries),
            DeValue::Array(items) => entry.texts.extend(items.iter().filter_map(text)),
            _ => entry.texts.extend(text(value)),
        }
        entries.insert(before.clone(), entry);
        before.pop();
    }
}

fn text(value: &Spanned<DeValue<'_>>) -> Option<(String, Range<usize>)> {
    Some((value.get_ref().as_str()?.to_owned(), value.span()))
}

/// The way to the smallest entry that has `span` in it: a place's value or key.
fn innermost(table: &DeTable<'_>, span: &Range<usize>) -> Option<Keys> {
    let holds = |range: Range<usize>| range.start <= span.start && span.end <= range.end;
    let mut best: Option<(usize, Keys)> = None;
    let mut left: Vec<(Keys, &DeTable<'_>)> = vec![(Vec::new(), table)];
    while let Some((before, table)) = left.pop() {
        for (key, value) in table {
            let mut keys = before.clone();
            keys.push(key.get_ref().to_string());
            for range in [key.span(), value.span()] {
                if holds(range.clone()) && best.as_ref().is_none_or(|(length, _)| range.len() <= *length) {
                    best = Some((range.len(), keys.clone()));
                }
            }
            if let DeValue::Table(table) = value.get_ref() {
                left.push((keys, table));
            }
        }
    }
    best.map(|(_, keys)| keys)
}

fn remove(table: &mut DeTable<'_>, keys: &[String]) {
    let Some((last, before)) = keys.split_last() else { return };
    let mut table = table;
    for key in before {
        let next = table.iter_mut().find(|(written, _)| written.get_ref() == key);
        let Some(DeValue::Table(inner)) = next.map(|(_, value)| value.get_mut()) else { return };
        table = inner;
    }
    // `retain` of this map sees keys as `str` only where they are borrowed as such.
    let kept = std::mem::take(table).into_iter().filter(|(written, _)| written.get_ref() != last);
    *table = kept.collect();
}

fn error(text: &Arc<Text>, wrong: &Error, help: &str) -> RecipeError {
    let message = wrong.message().lines().next().unwrap_or_default().to_owned();
    let span = wrong.span().map_or_else(|| text.span(0), |span| shown(text, span));
    let complaint = match unknown(&message) {
        Some((what, name, known)) => {
            let list = known.join("`, `");
            let close = did_you_mean(name, known.iter().copied());
            Complaint::new(Mistake::Table, format!("there is no {what} `{name}`")).help(match close {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("remove it; here may stand `{list}`"),
            })
        }
        None => Complaint::new(Mistake::Table, message.clone()).help(help),
    };
    RecipeError::new(text, span, complaint)
}

/// The name and the known ones of a complaint such as "unknown field `a`, expected one of `b`, `c`".
fn unknown(message: &str) -> Option<(&str, &str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown ")?;
    let mut parts = rest.split('`');
    let what = parts.next()?.trim();
    let name = parts.next()?;
    let known: Vec<&str> = parts.skip(1).step_by(2).collect();
    (!known.is_empty()).then_some((what, name, known))
}

/// As much of a range as stands on its first line, at least a character; at the end of a line, the one before.
fn shown(text: &Text, range: Range<usize>) -> SourceSpan {
    let raw = text.raw();
    let ends = raw.get(range.start..).is_none_or(|rest| rest.is_empty() || rest.starts_with(['\n', '\r']));
    if ends && let Some(before) = raw.get(..range.start) {
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        let word = line.trim_end();
        let width = word.chars().next_back().map_or(0, char::len_utf8);
        return (before.len() - line.len() + word.len() - width, width).into();
    }
    let rest = raw.get(range.start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().len();
    let least = rest.chars().next().filter(|first| *first != '\n').map_or(0, char::len_utf8);
    (range.start.min(raw.len()), range.len().min(line).max(least)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn seen<T: DeserializeOwned + Default>(raw: &str) -> Vec<String> {
        let read: Tables<T> = read("opb.toml", raw.to_owned(), "mend it");
        let at = |error: &RecipeError| {
            let span = error.span().expect("a place");
            let help = miette::Diagnostic::help(error).expect("a help");
            format!("⟦{}⟧ {error}: {help}", &raw[span.offset()..span.offset() + span.len()])
        };
        read.errors.iter().map(at).collect()
    }

    #[test]
    fn all_mistakes_are_told() {
        let raw = "maintainr = \"a\"\nmaintainer = 3\n[mirrors]\ndebian = []\n[channel.a]\norigni = \"x\"\nurl = \"y\"\n[chanel.b]\n";
        insta::assert_snapshot!(seen::<Settings>(raw).join("\n"), @r###"
        ⟦chanel⟧ there is no field `chanel`: did you mean `channel`?
        ⟦origni⟧ there is no field `origni`: did you mean `origin`?
        ⟦3⟧ invalid type: integer `3`, expected a string: mend it
        ⟦maintainr⟧ there is no field `maintainr`: did you mean `maintainer`?
        ⟦[]⟧ invalid type: sequence, expected a string: mend it
        "###);
        let read = read::<Settings>("opb.toml", raw.to_owned(), "");
        let channel = read.value.channel.values().next().expect("the rest is read");
        assert_eq!(channel.url.as_deref(), Some("y"));
        insta::assert_snapshot!(seen::<Settings>("maintainr = 1\na = \n[b\nc = 1\n").join("\n"), @r###"
        ⟦b⟧ unclosed table, expected `]`: mend it
        ⟦=⟧ string values must be quoted, expected literal string: mend it
        ⟦maintainr⟧ there is no field `maintainr`: did you mean `maintainer`?
        "###);
    }

    #[test]
    fn keys_and_values_are_found() {
        let raw = "[channel.a]\ntargets = [\"@x\", \"@y\"]\nurl = \"u\"\n".to_owned();
        let table = read::<Settings>("opb.toml", raw, "").table;
        let str = |span: SourceSpan| &table.text.raw()[span.offset()..span.offset() + span.len()];
        assert_eq!(str(table.of_value(&["channel", "a", "targets"], "@y")), "\"@y\"");
        assert_eq!(str(table.of_value(&["channel", "a", "url"], "u")), "\"u\"");
        assert_eq!(str(table.of_value(&["channel", "a", "url"], "v")), "url");
        assert_eq!(str(table.of_key(&["channel", "a"])), "a");
        assert_eq!(str(table.of_key(&["channel", "b"])), "channel");
    }
}
