//! Mending what a verification has found: what is wrong goes, what can be had again is fetched, the rest is made again.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::StoreError;
use super::super::realisations::Realisation;
use super::super::{Store, sealed};
use super::ledgers::Numbers;
use super::{Finding, Flaw, Part};
use crate::digest::Digest;
use crate::drv::ActionKey;

/// Brings the outputs of a result here from elsewhere, verified; `false` where nobody has them.
pub type Restore<'a> = dyn Fn(&Realisation) -> bool + 'a;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What was removed, relative to the store.
    pub removed: Vec<String>,
    /// Results that are whole again, as their bytes were fetched: node and key.
    pub restored: Vec<(String, ActionKey)>,
    /// Results that are forgotten: their nodes run again when they are wanted.
    pub forgotten: Vec<(String, ActionKey)>,
    /// Ledgers that were mended from what results say.
    pub ledgers: Vec<String>,
}

impl Store {
    /// Mends what `findings` say. May be repeated; a verification finds nothing afterwards, unless the disk goes on
    /// damaging.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn repair(
        &self,
        findings: &[Finding],
        restore: &Restore<'_>,
        numbers: &Numbers<'_>,
    ) -> Result<Repaired, StoreError> {
        let mut repaired = Repaired::default();
        // Whether only the log of a result is gone: then nothing has to be made again.
        let mut affected: BTreeMap<ActionKey, (String, bool)> = BTreeMap::new();
        let mut ledgers = BTreeSet::new();
        for finding in findings {
            match finding.part {
                Part::Ledger => {
                    ledgers.insert(finding.place.clone());
                    continue;
                }
                Part::Index => self.forget_index()?,
                _ if finding.flaw != Flaw::Missing && self.remove_durably(&finding.place)? => {
                    repaired.removed.push(finding.place.clone());
                }
                _ => {}
            }
            if finding.part == Part::Realisation {
                self.forget_index()?;
            }
            for (node, key) in &finding.affects {
                let (_, only_log) = affected.entry(*key).or_insert_with(|| (node.clone(), true));
                *only_log &= finding.part == Part::Log;
            }
        }
        // They are made again when they are published next.
        repaired.removed.extend(self.forget_signed(true)?);
        for (key, (node, only_log)) in affected {
            self.repair_result(key, node, only_log, restore, &mut repaired)?;
        }
        self.mend_ledgers(&ledgers, numbers)?;
        repaired.ledgers.extend(ledgers);
        Ok(repaired)
    }

    fn repair_result(
        &self,
        key: ActionKey,
        node: String,
        only_log: bool,
        restore: &Restore<'_>,
        repaired: &mut Repaired,
    ) -> Result<(), StoreError> {
        let Some(record) = self.read_record(key)? else { return Ok(()) };
        if only_log {
            let without = Realisation { log: None, ..record };
            self.put_durably(&super::super::realisations::place_of(key), &sealed::encode(&without), 0o644)?;
            repaired.restored.push((node, key));
            return Ok(());
        }
        let is_whole = |record: &Realisation| -> Result<bool, StoreError> {
            let here = |digest: &Digest| self.present(*digest);
            record.outputs.values().map(here).try_fold(true, |all, one| Ok(all && one?))
        };
        // Somebody else may have made it whole, by building or fetching it again.
        if is_whole(&record)? || (restore(&record) && is_whole(&record)?) {
            repaired.restored.push((node, key));
        } else {
            self.forget(key)?;
            repaired.forgotten.push((node, key));
        }
        Ok(())
    }
}
