//! Text in which results of probes stand: what a command says in a target's base root.
//!
//! Evaluation never has that result. It can be handed on, into scripts and the environment, and joined with other text;
//! what a recipe comes to can never depend on it.

use std::fmt;

use serde::{Serialize, Serializer};

/// A command whose output, without the line's end, is a value. It runs in the base root of the component's target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Probe {
    /// For `/bin/sh`. One line, without control characters.
    pub command: String,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Known text. Never empty.
    Plain(String),
    /// What a probe finds.
    Probe(Probe),
}

/// Text in which results of probes may stand. Two plain pieces never follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Vec<Piece>);

impl Text {
    /// What one probe finds.
    pub fn of_probe(probe: Probe) -> Self {
        Self(vec![Piece::Probe(probe)])
    }

    /// The text, where it holds no probe.
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The probes in it, in order; one may be there twice.
    pub fn probes(&self) -> impl Iterator<Item = &Probe> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Probe(probe) => Some(probe),
            Piece::Plain(_) => None,
        })
    }

    /// The text with `result` of each probe put in.
    pub fn filled(&self, mut result: impl FnMut(&Probe) -> String) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Plain(text) => text.clone(),
                Piece::Probe(probe) => result(probe),
            })
            .collect()
    }

    /// Puts `other` behind it.
    pub fn push(&mut self, other: Self) {
        for piece in other.0 {
            match (self.0.last_mut(), piece) {
                (Some(Piece::Plain(before)), Piece::Plain(text)) => before.push_str(&text),
                (_, piece) => self.0.push(piece),
            }
        }
    }

    /// Bytes of its known text and its commands.
    pub fn len(&self) -> usize {
        let length = |piece: &Piece| match piece {
            Piece::Plain(text) => text.len(),
            Piece::Probe(probe) => probe.command.len(),
        };
        self.0.iter().map(length).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(if text.is_empty() { Vec::new() } else { vec![Piece::Plain(text)] })
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// For people: probes as `probe("command")` between the known text.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.filled(|probe| format!("probe({:?})", probe.command)))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join() {
        let gcc = Text::of_probe(Probe { command: "gcc -dumpversion".to_owned() });
        let mut text = Text::from("-D");
        text.push("GCC=".into());
        text.push(gcc.clone());
        text.push("".into());
        text.push(";".into());
        assert_eq!(text.pieces().len(), 3);
        assert_eq!(text.to_string(), "-DGCC=probe(\"gcc -dumpversion\");");
        assert_eq!(text.filled(|_| "12".to_owned()), "-DGCC=12;");
        assert_eq!((text.plain(), Text::from("a").plain(), Text::default().plain()), (None, Some("a"), Some("")));
        assert_eq!(text.probes().count(), 1);
        assert_eq!(gcc.len(), 16);
    }
}
