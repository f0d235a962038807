//! What a nightly hears of its run: which nodes were made, which failed and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::event::{Done, Event, Sink};
use crate::name::{Kind, NodeName};
use crate::store::runs::{Run, RunOutcome};

/// A failure.
#[derive(Debug, Clone, Default)]
pub(super) struct HeardFailure {
    /// The error, as people should read it.
    pub message: String,
    /// Its log.
    pub log: Option<Digest>,
    /// How many nodes did not run because of it.
    pub not_run: usize,
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Builds that were made or fetched.
    pub made: BTreeSet<NodeName>,
    /// Builds that ran here, also those that failed.
    pub ran: BTreeSet<NodeName>,
    /// What failed.
    pub failed: BTreeMap<NodeName, HeardFailure>,
}

impl Heard {
    /// Adds which builds were made in a run that is on record.
    pub fn add(&mut self, run: &Run) {
        for ended in run.nodes.iter().filter_map(|node| node.ended.as_ref()) {
            let Some(node) = ended.node.parse().ok().filter(|node: &NodeName| node.kind == Kind::Build) else {
                continue;
            };
            let ran = matches!(ended.outcome, RunOutcome::Built | RunOutcome::Identical | RunOutcome::Kept);
            if ran {
                self.ran.insert(node.clone());
            }
            if ran || matches!(ended.outcome, RunOutcome::Found | RunOutcome::Fetched) {
                self.made.insert(node);
            }
        }
    }
}

/// Listens to a run, and passes all of it on.
pub(super) struct Listening<'a> {
    heard: Mutex<Heard>,
    sink: &'a Sink<'a>,
}

impl<'a> Listening<'a> {
    /// To what goes to `sink`.
    pub fn to(sink: &'a Sink<'a>) -> Self {
        Self { heard: Mutex::new(Heard::default()), sink }
    }

    /// Takes an event.
    pub fn take(&self, event: Event) {
        match &event {
            Event::NodeDone { node, how, .. } if node.kind == Kind::Build => {
                self.heard().made.insert(node.clone());
                if !matches!(how, Done::Found | Done::Fetched { .. }) {
                    self.heard().ran.insert(node.clone());
                }
            }
            Event::NodeFailed { node, message, log, tries, .. } => {
                if node.kind == Kind::Build && *tries > 0 {
                    self.heard().ran.insert(node.clone());
                }
                let failure = HeardFailure { message: message.clone(), log: *log, not_run: 0 };
                self.heard().failed.insert(node.clone(), failure);
            }
            Event::RootFailure { node, not_run, failure, .. } => {
                let mut heard = self.heard();
                let slot = heard.failed.entry(node.clone()).or_default();
                slot.not_run = *not_run;
                if slot.message.is_empty() {
                    slot.message.clone_from(&failure.message);
                }
            }
            _ => {}
        }
        (self.sink)(event);
    }

    /// All that was heard.
    pub fn end(self) -> Heard {
        self.heard.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
