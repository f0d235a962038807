//! Comments that silence lints: `// opb: allow(name)` on the line above what is found, in `opb.toml` with `#`.
//!
//! Several names are separated by commas; comments on consecutive lines count together. What is found of a file as a whole
//! is silenced on the file's first lines. Errors cannot be silenced.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::mistake::RecipeError;
use super::super::scan::Text;
use super::{Found, Lint};
use crate::diag::did_you_mean;

/// A comment's name.
struct Allow {
    lint: Option<Lint>,
    /// Its line, from 0.
    line: usize,
    start: usize,
    name: String,
    used: bool,
}

/// Takes what is silenced out of `found`, and adds what is wrong with the comments. Returns how much was silenced.
pub(in super::super) fn apply(texts: &[Arc<Text>], found: &mut Vec<RecipeError>) -> usize {
    let mut by_file: BTreeMap<&str, (&Text, Vec<Allow>)> =
        texts.iter().map(|text| (text.name(), (&**text, allows(text)))).collect();
    let before = found.len();
    found.retain(|error| {
        let super::super::Mistake::Lint(lint) = error.mistake() else { return true };
        let Some((text, allows)) = by_file.get_mut(error.file()) else { return true };
        let line = error.span().map(|span| line_of(text.raw(), span.offset()));
        let mut silenced = false;
        for allow in allows.iter_mut() {
            if allow.lint == Some(lint) && reaches(text, allow.line, line) {
                allow.used = true;
                silenced = true;
            }
        }
        !silenced
    });
    let silenced = before - found.len();
    let mut more = Found::default();
    for (text, allows) in by_file.values() {
        for allow in allows.iter().filter(|allow| !allow.used) {
            let span = (allow.start, allow.name.len()).into();
            match allow.lint {
                None => {
                    let help = match did_you_mean(&allow.name, Lint::ALL.iter().map(|lint| lint.name())) {
                        Some(close) => format!("did you mean `{close}`? `opb check --list` lists all of them"),
                        None => "name one of those that `opb check --list` lists; errors cannot be silenced".to_owned(),
                    };
                    more.at(Lint::UnknownAllow, text, span, format!("there is no lint `{}`", allow.name), help);
                }
                Some(lint) => {
                    let message = format!("nothing here is found by `{}`", lint.name());
                    more.at(
                        Lint::UnusedAllow,
                        text,
                        span,
                        message,
                        "remove it; it belongs on the line above what is found",
                    );
                }
            }
        }
    }
    found.append(&mut more.0);
    silenced
}

/// Whether a comment on line `from` speaks of `line`: nothing but comments stands between.
fn reaches(text: &Text, from: usize, line: Option<usize>) -> bool {
    let lines = text.raw().lines().map(str::trim);
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with('#') && !line.starts_with("#{");
    match line {
        Some(line) => from < line && lines.skip(from).take(line - from).all(is_comment),
        None => lines.take(from + 1).all(is_comment),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn allows(text: &Text) -> Vec<Allow> {
    let mut allows = Vec::new();
    let mut start = 0;
    for (number, line) in text.raw().split('\n').enumerate() {
        let begin = start;
        start += line.len() + 1;
        let comment = line.trim_start().strip_prefix("//").or_else(|| line.trim_start().strip_prefix('#'));
        let Some(names) = comment.and_then(|rest| rest.trim().strip_prefix("opb:")?.trim().strip_prefix("allow("))
        else {
            continue;
        };
        let names = names.split(')').next().unwrap_or_default();
        let mut at = begin + line.find("allow(").map_or(0, |place| place + "allow(".len());
        for name in names.split(',') {
            let trimmed = name.trim();
            if !trimmed.is_empty() {
                let start = at + (name.len() - name.trim_start().len());
                let name = trimmed.to_owned();
                allows.push(Allow { lint: Lint::named(&name), line: number, start, name, used: false });
            }
            at += name.len() + 1;
        }
    }
    allows
}
