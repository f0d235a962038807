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

impl Store {
    pub(super) fn verify_ledgers(&self, numbers: &Numbers<'_>, verified: &mut Verified) -> Result<(), StoreError> {
        let mut damaged = BTreeSet::new();
        for place in self.ledger_places()? {
            if self.read_ledger(&place).is_err() {
                damaged.insert(place.clone());
                verified.findings.push(Finding { part: Part::Ledger, flaw: Flaw::Damaged, place, affects: Vec::new() });
            }
        }
        let mut lacking: BTreeMap<String, Vec<(String, ActionKey)>> = BTreeMap::new();
        for (place, known) in self.numbers_of_results(numbers)? {
            if damaged.contains(&place) {
                continue;
            }
            let facts = self.read_ledger(&place)?;
            for (_, node, key) in known.into_iter().filter(|(known, ..)| !facts.knows(known)) {
                lacking.entry(place.clone()).or_default().push((node, key));
            }
        }
        let finding = |(place, affects)| Finding { part: Part::Ledger, flaw: Flaw::Missing, place, affects };
        verified.findings.extend(lacking.into_iter().map(finding));
        Ok(())
    }

    /// The numbers that results bear, by the ledger that is to know them, the oldest first.
    #[expect(clippy::type_complexity, reason = "of no use elsewhere")]
    pub(super) fn numbers_of_results(
        &self,
        numbers: &Numbers<'_>,
    ) -> Result<BTreeMap<String, Vec<(Known, String, ActionKey)>>, StoreError> {
        let mut found: BTreeMap<String, Vec<(i64, Known, String, ActionKey)>> = BTreeMap::new();
        for key in self.record_keys()? {
            let Some(record) = self.read_record(key)? else { continue };
            if let Some(known) = numbers(&record) {
                found.entry(known.place()).or_default().push((record.started, known, record.node, key));
            }
        }
        let sorted = found.into_iter().map(|(place, mut known)| {
            known.sort_by_key(|(started, .., key)| (*started, *key));
            (place, known.into_iter().map(|(_, known, node, key)| (known, node, key)).collect())
        });
        Ok(sorted.collect())
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
