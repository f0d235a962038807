//! All caches of a run: of what they have, the first that is trusted counts.

use super::error::CacheError;
use super::fetch::bring;
use super::lookup::Contents;
use super::signature::{Keyring, Signed, Verdict};
use super::{Access, Cache, Surroundings, Wish};
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::event::CacheUse;
use crate::exec::{Asked, Brought, Elsewhere, Known};
use crate::store::{Realisation, Store, StoreError};

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many keys are looked up at once: what bounds the memory for their records.
const AT_ONCE: usize = 4096;

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

    /// This one alone.
    pub(super) fn of(cache: Cache, keyring: Keyring) -> Self {
        Self { caches: vec![cache], keyring, learned: Mutex::default(), notices: Mutex::default() }
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

    /// Why the first one is left out, where it failed since this was last asked.
    pub fn take_failure(&self) -> Option<CacheError> {
        self.caches.first()?.state().failure.take()
    }

    /// Ends what is asked of them, at once; from now on they have nothing, and nobody is told of it.
    pub fn halt(&self) {
        self.caches.iter().for_each(Cache::halt);
    }

    /// Forgets the records that are held.
    #[cfg(test)]
    pub(super) fn forget_blocks(&self) {
        self.caches.iter().for_each(|cache| cache.blocks.forget());
    }

    /// Whether the first one would be asked.
    #[cfg(test)]
    pub(super) fn is_asked(&self) -> bool {
        self.caches.first().is_some_and(|cache| cache.patience(Wish::Bytes).is_some())
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
            if let Some(found) = cache.carefully(Wish::Bytes, |_| super::fetch::bring_log(cache, store, log))
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
            let Some(contents) = cache.carefully(Wish::Contents, |until| cache.contents(false, until)) else {
                continue;
            };
            for places in missing.chunks(AT_ONCE) {
                let wanted: Vec<Asked> = places.iter().map(|at| asked[*at]).collect();
                let find = |until| find_in(cache, &contents, &wanted, &self.keyring, until);
                let Some(results) = cache.carefully(Wish::Records, find) else { break };
                for (at, result) in places.iter().zip(results) {
                    found[*at] = result.map(|realisation| Known { cache: cache.name.clone(), realisation });
                }
            }
        }
        found
    }

    fn bring(&self, store: &Store, key: ActionKey, outputs: &Outputs) -> Result<Option<Brought>, StoreError> {
        for cache in &self.caches {
            // What failed once would fail again, and cost as much.
            if cache.state().failed.contains(&key) {
                continue;
            }
            // Who has the record has the bytes; others need not be asked for each of them. What is at hand costs nothing.
            let contents = cache.carefully(Wish::Contents, |until| cache.contents(false, until));
            let has = |contents: &Contents| contents.segments.iter().any(|one| !one.table.find(&key.0).is_empty());
            if !contents.is_some_and(|contents| cache.place.is_at_hand() || has(&contents)) {
                continue;
            }
            if let Some(brought) = cache.carefully(Wish::Bytes, |_| bring(cache, store, outputs)) {
                let bytes = brought?;
                cache.state().used.fetched += 1;
                return Ok(Some(Brought { cache: cache.name.clone(), bytes }));
            }
            cache.state().failed.insert(key);
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

/// What a cache has of each, from a key of `keyring`; in the order of `asked`. Of several signers, the one that is trusted
/// first counts; of several records of one signer, the earliest.
pub(super) fn find_in(
    cache: &Cache,
    contents: &Contents,
    asked: &[Asked],
    keyring: &Keyring,
    until: Instant,
) -> Result<Vec<Option<Realisation>>, CacheError> {
    cache.state().used.asked += asked.len() as u64;
    let keys: Vec<Digest> = asked.iter().map(Asked::digest).collect();
    let found = cache.records(contents, &keys, until)?;
    let mut forged = None;
    let mut results = Vec::with_capacity(asked.len());
    for (asked, mut records) in asked.iter().zip(found.records) {
        records.sort_by_key(|signed| keyring.rank(&signed.key));
        results.push(records.iter().find_map(|signed| trusted(cache, asked, signed, keyring, &mut forged)));
    }
    // What is sound counts all the same; that something is not, counts against the cache.
    found.trouble.into_iter().for_each(|trouble| cache.note(trouble, false));
    if let Some(signed) = forged {
        let why = format!("a record in it is not what `{}` signed", signed.key);
        cache.note(cache.damaged(super::list::LIST, &why), false);
    }
    Ok(results)
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
