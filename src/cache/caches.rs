//! All caches of a run: of what they have, the first that is trusted counts.

use super::error::CacheError;
use super::fetch::bring;
use super::signature::{Keyring, Signed, Verdict};
use super::{Access, Cache, Surroundings};
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::event::CacheUse;
use crate::exec::{Asked, Brought, Elsewhere, Known};
use crate::store::{Realisation, Store, StoreError};

use std::sync::{Mutex, PoisonError};

/// The caches of a run, in the order in which they are asked.
pub struct Caches {
    caches: Vec<Cache>,
    keyring: Keyring,
    learned: Mutex<Vec<Known>>,
    notices: Mutex<Vec<String>>,
}

impl Caches {
    /// These, and whose word counts. Nothing is asked yet.
    pub fn new(all: Vec<Access>, keyring: Keyring, around: &Surroundings) -> Self {
        let caches = all.into_iter().map(|access| Cache::new(access, around)).collect();
        Self { caches, keyring, learned: Mutex::default(), notices: Mutex::default() }
    }

    /// The same, with something that people should know already.
    #[must_use]
    pub fn noting(self, notices: Vec<String>) -> Self {
        Self { notices: Mutex::new(notices), ..self }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.caches.is_empty()
    }

    /// As a run asks them; `None` where there is none.
    pub fn as_elsewhere(&self) -> Option<&dyn Elsewhere> {
        (!self.is_empty()).then_some(self as &dyn Elsewhere)
    }

    /// The results that were learned since this was last asked.
    pub fn take_learned(&self) -> Vec<Known> {
        std::mem::take(&mut *self.learned.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What people should know, since this was last asked.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner));
        notices.extend(self.caches.iter().flat_map(Cache::take_notices));
        notices
    }

    /// What each was good for.
    pub fn used(&self) -> Vec<CacheUse> {
        self.caches.iter().map(Cache::used).collect()
    }

    /// The log of a result, into the store; whether it came.
    ///
    /// # Errors
    /// Where the store cannot be written to.
    pub fn bring_log(&self, store: &Store, log: Digest) -> Result<bool, StoreError> {
        for cache in &self.caches {
            if let Some(found) = cache.carefully(false, || super::fetch::bring_log(cache, store, log))
                && found?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Elsewhere for Caches {
    fn find(&self, asked: &[Asked]) -> Vec<Option<Known>> {
        let mut found: Vec<Option<Known>> = asked.iter().map(|_| None).collect();
        for cache in &self.caches {
            let missing: Vec<usize> = (0..asked.len()).filter(|at| found[*at].is_none()).collect();
            if missing.is_empty() {
                break;
            }
            let wanted: Vec<Asked> = missing.iter().map(|at| asked[*at]).collect();
            let Some(results) = cache.carefully(true, || find_in(cache, &wanted, &self.keyring)) else { continue };
            for (at, result) in missing.into_iter().zip(results) {
                found[at] = result.map(|realisation| Known { cache: cache.name.clone(), realisation });
            }
        }
        found
    }

    fn bring(&self, store: &Store, key: ActionKey, outputs: &Outputs) -> Result<Option<Brought>, StoreError> {
        for cache in &self.caches {
            // Who has the record has the bytes; others need not be asked for each of them.
            let has = cache.carefully(true, || {
                Ok(cache.contents(false)?.segments.iter().any(|opened| !opened.table.find(&key.0).is_empty()))
            });
            if has != Some(true) {
                continue;
            }
            if let Some(brought) = cache.carefully(false, || bring(cache, store, outputs)) {
                let bytes = brought?;
                cache.state().used.fetched += 1;
                return Ok(Some(Brought { cache: cache.name.clone(), bytes }));
            }
        }
        Ok(None)
    }

    fn learned(&self, known: Vec<Known>) {
        for cache in &self.caches {
            cache.state().used.known += known.iter().filter(|known| known.cache == cache.name).count() as u64;
        }
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
    }
}

/// What a cache has of each, from a key of `keyring`; in the order of `asked`.
pub(super) fn find_in(
    cache: &Cache,
    asked: &[Asked],
    keyring: &Keyring,
) -> Result<Vec<Option<Realisation>>, CacheError> {
    cache.state().used.asked += asked.len() as u64;
    let keys: Vec<Digest> = asked.iter().map(Asked::digest).collect();
    let records = cache.records(&keys)?;
    let mut found = Vec::with_capacity(asked.len());
    let mut forged = None;
    for (asked, records) in asked.iter().zip(records) {
        found.push(records.iter().find_map(|signed| trusted(cache, asked, signed, keyring, &mut forged)));
    }
    // What is not forged counts all the same; that something is, counts against the cache.
    if let Some(signed) = forged {
        let forged = cache.damaged(super::list::LIST, &format!("a record in it is not what `{}` signed", signed.key));
        let _ = cache.carefully(false, || Err::<(), _>(forged));
    }
    Ok(found)
}

fn trusted(
    cache: &Cache,
    asked: &Asked,
    signed: &Signed,
    keyring: &Keyring,
    forged: &mut Option<Signed>,
) -> Option<Realisation> {
    match signed.verify(keyring) {
        // Under another key than its own, a true record is a lie.
        Verdict::Trusted(realisation) if asked.is_answered_by(&realisation) => Some(*realisation),
        Verdict::Stranger => {
            cache.note_stranger(&signed.key);
            None
        }
        Verdict::Trusted(_) | Verdict::Forged => {
            *forged = Some(signed.clone());
            None
        }
    }
}
