//! How a fact lies in a record: as a line of JSON with a check over the fact, so that a damaged one counts for nothing.

use serde::{Deserialize, Serialize};

use super::facts::RunFact;
use crate::digest::Digest;

#[derive(Serialize, Deserialize)]
struct Line {
    check: String,
    fact: RunFact,
}

/// The lines of `facts`.
pub(super) fn encode(facts: &[RunFact]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for fact in facts {
        let line = Line { check: check_of(fact), fact: fact.clone() };
        bytes.extend(serde_json::to_vec(&line).expect("facts are plain structs"));
        bytes.push(b'\n');
    }
    bytes
}

/// The fact of a line without its newline; `None` where it is damaged.
pub(super) fn decode(line: &[u8]) -> Option<RunFact> {
    let line: Line = serde_json::from_slice(line).ok()?;
    (line.check == check_of(&line.fact)).then_some(line.fact)
}

fn check_of(fact: &RunFact) -> String {
    Digest::of(&serde_json::to_vec(fact).expect("facts are plain structs")).short()
}
