//! What was seen of repositories when they were looked at before, so that nobody can show an old state again.
//!
//! A small text that the caller keeps. Only what a signature vouches for goes in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fault::{Problem, harmless};
use super::{Kind, Looked};
use crate::diag::{Cause, Caused};
use crate::digest::Sha256;

/// What the text says it is.
const FORM: &str = "opb repo check 1";

/// What was seen, of any number of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    form: String,
    /// By address, family and name of the repository.
    pub repositories: BTreeMap<String, Remembered>,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// The newest date of its list, in seconds since 1970, or the newest `revision`; `None` where it has none.
    pub date: Option<i64>,
    /// SHA-256 of that list.
    pub list: Sha256,
    /// Fingerprints of the keys that signed it.
    pub signers: Vec<String>,
    /// The beginnings of the SHA-256 of packages that were read and found to be right, 16 digits each. Sorted, unique.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub packages: BTreeSet<String>,
}

/// A text that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("it is not what `opb repo check --state` writes: {why}")]
#[diagnostic(
    code(opb::client::state),
    help("name another file, or remove this one: what was seen before is then not known any more")
)]
pub struct MemoryError {
    why: String,
}

impl Caused for MemoryError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { form: FORM.to_owned(), repositories: BTreeMap::new() }
    }
}

impl Memory {
    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn parse(text: &str) -> Result<Self, MemoryError> {
        let memory: Self = serde_json::from_str(text).map_err(|error| MemoryError { why: error.to_string() })?;
        if memory.form != FORM {
            return Err(MemoryError { why: format!("its `form` is `{}`", harmless(&memory.form)) });
        }
        Ok(memory)
    }

    /// JSON, with a line end.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("only texts and numbers") + "\n"
    }
}

/// Under what a repository is remembered.
pub fn key(address: &str, kind: Kind, name: &str) -> String {
    let name = if name.is_empty() { "." } else { name };
    format!("{} {name} of {address}", kind.as_str())
}

/// How a package is remembered.
pub fn package(sha256: Sha256) -> String {
    let mut digits = sha256.to_string();
    digits.truncate(16);
    digits
}

/// Compares what is there now with what was there before, and tells `looked` where that goes back. Gives what is to be remembered:
/// of a list that goes back, what was known.
///
/// `place` is the list's. `date` says how a date is shown. `given` is whether somebody vouches for the key.
pub fn compare(
    looked: &mut Looked,
    place: &str,
    now: Remembered,
    before: Option<&Remembered>,
    date: &dyn Fn(i64) -> String,
    given: bool,
) -> Remembered {
    let Some(before) = before else { return now };
    let mut stays = false;
    if !given && !now.signers.iter().any(|signer| before.signers.contains(signer)) {
        let [now, before] = [&now, before].map(|one| one.signers.join(", "));
        looked.fault(place, Problem::OtherKey { now, before });
        stays = true;
    }
    match (now.date, before.date) {
        (Some(new), Some(old)) if new < old => {
            looked.fault(place, Problem::RolledBack { date: date(new), before: date(old) });
            stays = true;
        }
        (Some(new), Some(old)) if new == old && now.list != before.list => {
            looked.fault(place, Problem::Rewritten { date: date(new) });
            stays = true;
        }
        _ => {}
    }
    if stays { before.clone() } else { Remembered { packages: before.packages.clone(), ..now } }
}
