//! What the tests of this module share: channels made and signed for the occasion, and how what is seen of them is told.

mod faults;
mod found;
mod hostile;
mod moving;
mod remembered;
mod site;
mod speaking;
mod words;
mod yum;

use std::fmt::Write as _;

use super::*;

/// A time at which the key of these tests is valid, and which no machine's clock is before: 2024-03-09 16:00:00 UTC.
pub const NOW: i64 = 1_710_000_000;

/// What is seen of a request, with digests as words.
pub fn seen(request: &Request) -> String {
    seen_with(request, &mut Memory::default())
}

/// The same, with what was seen before.
pub fn seen_with(request: &Request, memory: &mut Memory) -> String {
    match check(request, memory) {
        Ok(answer) => told(&answer),
        Err(error) => {
            let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
            shown(&format!("{:?}: {error}\n  help: {help}\n", error.fault()))
        }
    }
}

/// An answer, a line for each repository and fault.
pub fn told(answer: &Answer) -> String {
    let mut text = String::new();
    for looked in &answer.repositories {
        let Looked { kind, name, indexes, packages, present, read, .. } = looked;
        let cause = looked.cause();
        let _ = writeln!(
            text,
            "{} {name}: {cause:?}, {indexes} indexes, {present}/{packages} packages, {read} read",
            kind.as_str()
        );
        for Fault { place, problem } in &looked.faults {
            let _ = writeln!(text, "  `{place}`: {problem}");
        }
    }
    shown(&text)
}

/// A text without what differs from one key and file to the next.
pub fn shown(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit());
    let words = words.map(|word| {
        let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_hexdigit()).len();
        let name = match digits {
            64 => "SHA256",
            40 => "KEY",
            16 => "ID",
            _ => &word[..digits],
        };
        [name, &word[digits..]].concat()
    });
    words.collect()
}

/// Asserts what all of several cases come to, and shows all that are otherwise at once.
#[track_caller]
pub fn all_are(cases: &[(&str, String, &str)]) {
    let wrong = cases.iter().filter(|(_, is, should)| is.trim_end() != should.trim_end());
    let wrong: String = wrong.map(|(name, is, _)| format!("=== {name}\n{is}\n")).collect();
    assert!(wrong.is_empty(), "these are otherwise:\n{wrong}");
}
