//! Whether ledgers are whole, and know the numbers that results bear.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Store;
use super::super::error::StoreError;
use super::super::ledger::{Known, LEDGERS};
use super::super::realisations::Realisation;
use super::{Finding, Flaw, Part, Verified};
use crate::drv::ActionKey;

/// Of which component's ledger a result bears a number: `None` where it bears none.
pub type Numbers<'a> = dyn Fn(&Realisation) -> Option<Known> + 'a;

/// A result that bears a number.
pub(super) struct Bearer {
    known: Known,
    node: String,
    key: ActionKey,
    started: i64,
}

impl Bearer {
    /// The result, if it bears one.
    pub(super) fn of(result: &Realisation, numbers: &Numbers<'_>) -> Option<Self> {
        let known = numbers(result)?;
        Some(Self { known, node: result.node.clone(), key: result.key, started: result.started })
    }
}

impl Store {
    pub(super) fn verify_ledgers(&self, bearers: Vec<Bearer>, verified: &mut Verified) -> Result<(), StoreError> {
        let mut damaged = BTreeSet::new();
        for place in self.ledger_places()? {
            match self.read_ledger(&place) {
                Err(StoreError::Ledger { .. }) => damaged.insert(place),
                Err(error) => return Err(error),
                Ok(_) => continue,
            };
        }
        let mut by_ledger: BTreeMap<String, Vec<Bearer>> = BTreeMap::new();
        for bearer in bearers {
            by_ledger.entry(bearer.known.place()).or_default().push(bearer);
        }
        by_ledger.retain(|place, _| !damaged.contains(place));
        let finding = |flaw, place, affects| Finding { part: Part::Ledger, flaw, place, affects };
        for (place, bearers) in by_ledger {
            let facts = self.read_ledger(&place)?;
            let unknown = bearers.into_iter().filter(|bearer| !facts.knows(&bearer.known));
            let affects: Vec<(String, ActionKey)> = unknown.map(|bearer| (bearer.node, bearer.key)).collect();
            if !affects.is_empty() {
                verified.findings.push(finding(Flaw::Missing, place, affects));
            }
        }
        verified.findings.extend(damaged.into_iter().map(|place| finding(Flaw::Damaged, place, Vec::new())));
        Ok(())
    }

    /// Makes ledgers of their sound lines and of what results say, the oldest first.
    pub(super) fn mend_ledgers(&self, places: &BTreeSet<String>, numbers: &Numbers<'_>) -> Result<(), StoreError> {
        if places.is_empty() {
            return Ok(());
        }
        let mut bearers = Vec::new();
        for key in self.record_keys()? {
            bearers.extend(self.read_record(key)?.and_then(|record| Bearer::of(&record, numbers)));
        }
        bearers.sort_by_key(|bearer| (bearer.started, bearer.key));
        for place in places {
            let own = bearers.iter().map(|bearer| &bearer.known).filter(|known| known.place() == *place);
            self.mend_ledger(place, &own.cloned().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn ledger_places(&self) -> Result<Vec<String>, StoreError> {
        let mut places = Vec::new();
        for distro in self.names_in(LEDGERS)? {
            let names = self.names_in(&format!("{LEDGERS}/{distro}"))?;
            let ledgers = names.into_iter().filter(|name| name.ends_with(".jsonl"));
            places.extend(ledgers.map(|name| format!("{LEDGERS}/{distro}/{name}")));
        }
        Ok(places)
    }
}
