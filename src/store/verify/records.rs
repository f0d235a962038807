//! Whether records are whole, and what they name is there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::collect::Kind;
use super::super::error::StoreError;
use super::super::objects::object_place;
use super::super::trees::tree_place;
use super::super::{Realisation, Store, sealed};
use super::bytes::Sound;
use super::ledgers::{Bearer, Numbers};
use super::{Finding, Flaw, Part, Verified};
use crate::drv::ActionKey;

/// Flaws by what they are in, each with the results that it makes useless.
type Affected = BTreeMap<(Part, Flaw, String), Vec<(String, ActionKey)>>;

impl Store {
    /// Looks at every record; gives the results that bear a number.
    pub(super) fn verify_records(
        &self,
        sound: &Sound,
        numbers: &Numbers<'_>,
        verified: &mut Verified,
    ) -> Result<Vec<Bearer>, StoreError> {
        // What has been found altered is told once, with what it affects.
        let mut affected: Affected = BTreeMap::new();
        for finding in std::mem::take(&mut verified.findings) {
            affected.insert((finding.part, finding.flaw, finding.place), Vec::new());
        }
        let (mut keys, mut bearers) = (BTreeSet::new(), Vec::new());
        let elsewhere = self.elsewhere()?;
        self.each(Kind::Realisation, &mut |found| {
            let stored = match found {
                Ok(stored) => stored,
                Err(place) => {
                    verified.unknown.push(place);
                    return Ok(());
                }
            };
            verified.checked.entry(Kind::Realisation).or_default().add(stored.bytes);
            let key = ActionKey(stored.digest);
            let Some(bytes) = self.read_whole(&stored.place)? else { return Ok(()) };
            let record = sealed::decode::<Realisation>(&bytes).filter(|record| record.key == key);
            let Some(record) = record else {
                affected.insert((Part::Realisation, Flaw::Damaged, stored.place), Vec::new());
                return Ok(());
            };
            keys.insert(key);
            bearers.extend(Bearer::of(&record, numbers));
            let is_from_elsewhere = elsewhere.contains(&key);
            let absent = self.verify_outputs(&record, sound, is_from_elsewhere, &mut affected);
            verified.elsewhere += usize::from(absent);
            Ok(())
        })?;
        self.verify_index(&keys, &mut affected)?;
        self.verify_attempts(&mut affected)?;
        self.verify_keeps(&mut affected)?;
        self.verify_signed(&mut affected)?;
        let finding = |((part, flaw, place), affects)| Finding { part, flaw, place, affects };
        verified.findings.extend(affected.into_iter().map(finding));
        Ok(bearers)
    }

    /// What the outputs and the log of a result lack; says whether its outputs are not here and need not be.
    fn verify_outputs(
        &self,
        record: &Realisation,
        sound: &Sound,
        is_from_elsewhere: bool,
        affected: &mut Affected,
    ) -> bool {
        let is_altered = |part, place: &String| affected.contains_key(&(part, Flaw::Altered, place.clone()));
        // What has come since the bytes were looked at is there, and nobody has found it wrong.
        let has_come = |part, place: &String, size: Option<u64>| {
            let found = self.stat(place).and_then(|found| u64::try_from(found.st_size).ok());
            !is_altered(part, place) && found.is_some_and(|found| size.is_none_or(|size| size == found))
        };
        let is_root = record.node.starts_with("root:");
        let (mut lacks, mut absent) = (Vec::new(), false);
        for digest in record.outputs.values().filter(|_| !is_root) {
            let place = tree_place(digest);
            if !sound.trees.contains_key(digest) && !has_come(Part::Tree, &place, None) {
                absent = true;
                if !is_from_elsewhere {
                    lacks.push((Part::Tree, place));
                }
                continue;
            }
            let Ok(tree) = self.get_tree(*digest) else {
                lacks.push((Part::Tree, place));
                continue;
            };
            for (_, object, size) in tree.files() {
                let place = object_place(&object);
                if sound.objects.get(&object) != Some(&size) && !has_come(Part::Object, &place, Some(size)) {
                    lacks.push((Part::Object, place));
                }
            }
        }
        if let Some(log) = record.log.filter(|log| !sound.logs.contains_key(log) && !is_from_elsewhere) {
            let place = super::super::logs::place_of(log);
            if !has_come(Part::Log, &place, None) {
                lacks.push((Part::Log, place));
            }
        }
        lacks.sort();
        lacks.dedup();
        for (part, place) in lacks {
            let altered = (part, Flaw::Altered, place.clone());
            let slot = if affected.contains_key(&altered) { altered } else { (part, Flaw::Missing, place) };
            affected.entry(slot).or_default().push((record.node.clone(), record.key));
        }
        absent && is_from_elsewhere
    }

    /// Whether the index knows just the records that there are.
    fn verify_index(&self, keys: &BTreeSet<ActionKey>, affected: &mut Affected) -> Result<(), StoreError> {
        let known: BTreeSet<ActionKey> = self.record_keys()?.into_iter().collect();
        // What came or went while this was looking is not the index's fault.
        let differs = known.symmetric_difference(keys).any(|key| self.has_record(*key) != known.contains(key));
        if differs {
            affected.insert((Part::Index, Flaw::Altered, super::super::index::FILE.to_owned()), Vec::new());
        }
        Ok(())
    }

    fn verify_attempts(&self, affected: &mut Affected) -> Result<(), StoreError> {
        for (place, _) in self.attempts()?.into_iter().filter(|(_, attempt)| attempt.is_none()) {
            affected.insert((Part::Attempt, Flaw::Damaged, place), Vec::new());
        }
        Ok(())
    }

    /// Whether packages with signatures are there, where those are that they were made from.
    fn verify_signed(&self, affected: &mut Affected) -> Result<(), StoreError> {
        self.each_signed(&mut |place, record| {
            let flaw = match record {
                None => Flaw::Damaged,
                Some(record) if self.has_object(record.signed) || !self.has_object(record.unsigned) => return,
                Some(_) => Flaw::Missing,
            };
            affected.insert((Part::Signed, flaw, place), Vec::new());
        })
    }

    fn verify_keeps(&self, affected: &mut Affected) -> Result<(), StoreError> {
        for (part, place) in self.damaged_keeps()? {
            affected.insert((part, Flaw::Damaged, place), Vec::new());
        }
        Ok(())
    }
}
