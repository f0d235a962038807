//! Actions in few bytes, for graphs of a million nodes and for the evaluation's cache.
//!
//! Words stand as numbers of a table that many actions share ([`Interning`] gives the numbers, [`Words`] knows the words
//! again). This form is never hashed and no identity follows from it; `encode.rs` says what is hashed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Action, Extra, IndexFile, Resolve, Script, SharedTable, SharedText, Template, Tests};
use crate::digest::{Digest, Sha256};
use crate::name::OutputName;

/// Gives numbers to words and to parts that actions share.
pub trait Interning {
    /// The number of a word.
    fn word(&mut self, word: &str) -> u32;
    /// The number of a text.
    fn text(&mut self, text: &SharedText) -> u32;
    /// The number of a table.
    fn table(&mut self, table: &SharedTable) -> u32;
}

/// Knows what the numbers stand for; `None` for a number that was never given.
pub trait Words {
    /// A word.
    fn word(&self, number: u32) -> Option<&str>;
    /// A text.
    fn text(&self, number: u32) -> Option<&SharedText>;
    /// A table.
    fn table(&self, number: u32) -> Option<&SharedTable>;
}

/// Bytes that are no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compact form of an action is damaged")]
pub struct DamagedAction;

/// An action in its compact form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compact<'a>(pub &'a [u8]);

impl Action {
    /// Appends the compact form. The number of a build is left out: a graph has none.
    pub fn compact(&self, to: &mut Vec<u8>, words: &mut impl Interning) {
        match self {
            Self::Source { tree } => {
                to.push(0);
                to.extend(tree.as_bytes());
            }
            Self::Index { files } => {
                to.push(1);
                put(to, files.len());
                for file in files {
                    number(to, words.word(&file.label));
                    to.extend(file.sha256.as_bytes());
                }
            }
            Self::Resolve(resolve) => {
                to.push(2);
                number(to, words.word(&resolve.family));
                number(to, words.word(&resolve.arch));
                number(to, words.word(&resolve.variant));
                to.push(u8::from(resolve.first_alternative));
                for list in [&resolve.needs, &resolve.conflicts, &resolve.add, &resolve.profiles] {
                    put(to, list.len());
                    list.iter().for_each(|word| number(to, words.word(word)));
                }
                number(to, words.table(&resolve.ours));
                pairs(to, resolve.extra.iter().map(|extra| (&extra.name, &extra.taken)), words);
                put(to, resolve.asks.iter().count());
                resolve.asks.iter().for_each(|script| put_script(to, script, words));
                put(to, resolve.tests.iter().count());
                if let Some(tests) = &resolve.tests {
                    put(to, tests.packages.len());
                    tests.packages.iter().for_each(|word| number(to, words.word(word)));
                    number(to, words.word(&tests.build_depends));
                }
            }
            Self::Root { layer_format, settings } => {
                to.push(3);
                number(to, *layer_format);
                pairs(to, settings.iter(), words);
            }
            Self::SourcePackage { script: None } => to.push(4),
            Self::SourcePackage { script: Some(script) } => {
                to.push(5);
                put_script(to, script, words);
            }
            Self::Build { script, number: _, outputs } => {
                to.push(6);
                put_script(to, script, words);
                put(to, outputs.len());
                outputs.iter().for_each(|output| number(to, words.word(output.as_str())));
            }
            Self::Repo { settings } => {
                to.push(7);
                pairs(to, settings.iter(), words);
            }
            Self::Probe { script } => {
                to.push(8);
                put_script(to, script, words);
            }
            Self::Check { check, script } => {
                to.push(9);
                number(to, words.word(check.as_str()));
                put_script(to, script, words);
            }
        }
    }
}

impl Compact<'_> {
    /// The action again.
    ///
    /// # Errors
    /// [`DamagedAction`] where the bytes or the numbers in them are not what [`Action::compact`] wrote.
    pub fn action(self, words: &impl Words) -> Result<Action, DamagedAction> {
        let mut from = Reading { bytes: self.0, words };
        let action = match from.byte()? {
            0 => Action::Source { tree: Digest::from_bytes(from.digest()?) },
            1 => {
                let file = |from: &mut Reading<'_, _>| {
                    Ok(IndexFile { label: from.word()?, sha256: Sha256::from_bytes(from.digest()?) })
                };
                Action::Index { files: from.many(file)? }
            }
            2 => Action::Resolve(Resolve {
                family: from.word()?,
                arch: from.word()?,
                variant: from.word()?,
                first_alternative: from.byte()? != 0,
                needs: from.many(Reading::word)?,
                conflicts: from.many(Reading::word)?,
                add: from.many(Reading::word)?,
                profiles: from.many(Reading::word)?,
                ours: from.number().and_then(|number| words.table(number).cloned().ok_or(DamagedAction))?,
                extra: from.many(|from| Ok(Extra { name: from.word()?, taken: from.word()? }))?,
                asks: from.many(Reading::script)?.pop().map(Box::new),
                tests: from.many(Reading::tests)?.pop().map(Box::new),
            }),
            3 => Action::Root { layer_format: from.number()?, settings: from.settings()? },
            4 => Action::SourcePackage { script: None },
            5 => Action::SourcePackage { script: Some(from.script()?) },
            6 => {
                let script = from.script()?;
                let outputs = from.many(|from| OutputName::new(from.word()?).map_err(|_| DamagedAction))?;
                Action::Build { script, number: None, outputs }
            }
            7 => Action::Repo { settings: from.settings()? },
            8 => Action::Probe { script: from.script()? },
            9 => {
                let check = from.word()?.parse().map_err(|_| DamagedAction)?;
                Action::Check { check, script: from.script()? }
            }
            _ => return Err(DamagedAction),
        };
        if from.bytes.is_empty() { Ok(action) } else { Err(DamagedAction) }
    }
}

fn number(to: &mut Vec<u8>, number: u32) {
    to.extend(number.to_le_bytes());
}

fn put(to: &mut Vec<u8>, length: usize) {
    number(to, u32::try_from(length).expect("lists are bounded by the size of a recipe"));
}

fn pairs<K: AsRef<str>, V: AsRef<str>>(
    to: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = (K, V)>,
    words: &mut impl Interning,
) {
    put(to, entries.len());
    for (key, value) in entries {
        number(to, words.word(key.as_ref()));
        number(to, words.word(value.as_ref()));
    }
}

fn put_script(to: &mut Vec<u8>, script: &Script, words: &mut impl Interning) {
    number(to, script.sandbox_contract);
    to.push(u8::from(script.network));
    number(to, words.text(&script.text));
    pairs(to, script.env.iter(), words);
    pairs(to, script.env_with_probes.iter(), words);
    put(to, script.files.len());
    for (name, content) in &script.files {
        number(to, words.word(name));
        put(to, content.len());
        to.extend(content);
    }
}

struct Reading<'a, W> {
    bytes: &'a [u8],
    words: &'a W,
}

impl<'a, W: Words> Reading<'a, W> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DamagedAction> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(DamagedAction)?;
        self.bytes = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, DamagedAction> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Result<u32, DamagedAction> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| DamagedAction)
    }

    fn digest(&mut self) -> Result<[u8; 32], DamagedAction> {
        self.take(32)?.try_into().map_err(|_| DamagedAction)
    }

    fn word(&mut self) -> Result<String, DamagedAction> {
        let number = self.number()?;
        self.words.word(number).map(str::to_owned).ok_or(DamagedAction)
    }

    fn many<T>(&mut self, each: impl Fn(&mut Self) -> Result<T, DamagedAction>) -> Result<Vec<T>, DamagedAction> {
        // No allocation by a length that nobody has checked: a damaged one ends with the bytes.
        let length = self.number()?;
        (0..length).map(|_| each(self)).collect()
    }

    fn settings(&mut self) -> Result<BTreeMap<String, String>, DamagedAction> {
        Ok(self.many(|from| Ok((from.word()?, from.word()?)))?.into_iter().collect())
    }

    fn tests(&mut self) -> Result<Tests, DamagedAction> {
        Ok(Tests { packages: self.many(Reading::word)?, build_depends: self.word()? })
    }

    fn script(&mut self) -> Result<Script, DamagedAction> {
        let sandbox_contract = self.number()?;
        let network = self.byte()? != 0;
        let text = self.number().and_then(|number| self.words.text(number).cloned().ok_or(DamagedAction))?;
        let env = self.many(|from| Ok((Cow::from(from.word()?), Cow::from(from.word()?))))?.into_iter().collect();
        let with_probes = self.many(|from| Ok((from.word()?, Template::from_raw(from.word()?))))?;
        let files = self.many(|from| {
            let name = from.word()?;
            let length = from.number()?;
            let length = usize::try_from(length).map_err(|_| DamagedAction)?;
            Ok((name, from.take(length)?.to_vec()))
        })?;
        let env_with_probes = with_probes.into_iter().collect();
        Ok(Script { sandbox_contract, text, env, env_with_probes, files: files.into_iter().collect(), network })
    }
}
