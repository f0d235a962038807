//! Verification: whether everything in the store is what it says, and mending what is not.
//!
//! ```text
//! bytes    every object, tree and log is read and hashed, on all cores
//! records  every sealed record is decoded; what realisations name is there
//! ledgers  every line is whole, and no number that a result bears is unknown
//! ```
//!
//! Nothing is changed but by [`Store::repair`]. What nothing refers to is no damage: a collection takes it.

mod bytes;
mod ledgers;
mod records;
mod repair;

pub use ledgers::Numbers;
pub use repair::{Repaired, Restore};

use std::collections::BTreeMap;

use super::Store;
use super::collect::{Amount, Kind};
use super::error::StoreError;
use crate::drv::ActionKey;

/// What is wrong with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Its bytes are not what its name says.
    Altered,
    /// It is not there, though something needs it.
    Missing,
    /// It cannot be read.
    Damaged,
}

impl Flaw {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }
}

/// What a flaw is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A file's content.
    Object,
    /// A tree.
    Tree,
    /// A log.
    Log,
    /// What an action key came to.
    Realisation,
    /// A failure.
    Attempt,
    /// The numbers of a component.
    Ledger,
    /// What a project keeps.
    ProjectList,
    /// What is kept by name.
    Pin,
    /// What was fetched for a project.
    FetchedFiles,
    /// What a package with a signature is known by.
    Signed,
    /// The index over the realisations.
    Index,
}

impl Part {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Tree => "tree",
            Self::Log => "log",
            Self::Realisation => "realisation",
            Self::Attempt => "record of a failure",
            Self::Ledger => "ledger",
            Self::ProjectList => "list of a project",
            Self::Pin => "pin",
            Self::FetchedFiles => "list of fetched files",
            Self::Signed => "signed package",
            Self::Index => "index",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is in.
    pub part: Part,
    /// What is wrong.
    pub flaw: Flaw,
    /// Where, relative to the store.
    pub place: String,
    /// The results that are of no use with it: node and action key.
    pub affects: Vec<(String, ActionKey)>,
}

/// What a verification came to.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// What was looked at.
    pub checked: BTreeMap<Kind, Amount>,
    /// What is wrong, in order.
    pub findings: Vec<Finding>,
    /// Files whose names mean nothing to the store; relative to it.
    pub unknown: Vec<String>,
    /// Realisations whose outputs are not here, as they came from elsewhere and nobody has needed the bytes.
    pub elsewhere: usize,
}

impl Store {
    /// Looks at everything, with `threads` threads. `numbers` says which numbers ledgers must know.
    ///
    /// # Errors
    /// Where the store cannot be read at all; what is wrong in it is a [`Finding`].
    pub fn verify(&self, threads: usize, numbers: &Numbers<'_>) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        let sound = self.verify_bytes(threads, &mut verified)?;
        let borne = self.verify_records(&sound, numbers, &mut verified)?;
        self.verify_ledgers(borne, &mut verified)?;
        verified.findings.sort();
        verified.unknown.sort();
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use super::super::crash_tests::work;
    use super::bytes::Sound;
    use super::*;
    use crate::path::HostPath;

    #[test]
    fn what_comes_while_it_looks_is_no_flaw() {
        let folder = tempfile::tempdir().expect("made");
        std::fs::create_dir(folder.path().join("in")).expect("made");
        work(folder.path());
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let mut verified = Verified::default();
        // As if all of it had come after its bytes were looked at.
        store.verify_records(&Sound::default(), &|_| None, &mut verified).expect("verifies");
        assert_eq!(verified.findings, []);
        assert!(verified.checked[&Kind::Realisation].count > 0, "nothing was looked at");
    }
}
