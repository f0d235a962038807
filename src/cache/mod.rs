//! Binary caches: results of other machines, over folders and HTTP.
//!
//! A cache is a folder of files that never change, and one small list. It is trusted with nothing: a realisation counts
//! only with the signature of a key that the user trusts, an object or tree only with its digest. A cache that is broken,
//! slow or gone costs a notice and a bounded wait.
//!
//! ```text
//! opb-cache.json             which segments there are (list.rs)      segments/<digest>.keys, .records (segment.rs)
//! objects/ab/cdef….zst       file contents, packed by zstd           trees/ab/cdef….zst    logs/ab/cdef….zst
//!
//! place.rs: folder.rs │ http.rs │ archive.rs      copies.rs: what is remembered      signature.rs: who said so
//!    └──► lookup.rs: keys to records ──► caches.rs: of all caches, the first that is trusted
//!         fetch.rs: outputs into the store          push.rs: results into a cache
//!         export.rs: results into one file, and out of it
//!         parts.rs: large objects                   spans.rs: what is read at once
//! ```
//!
//! Knows nothing of graphs and plans; a run meets it as [`Elsewhere`](crate::exec::Elsewhere).

mod archive;
mod caches;
mod copies;
mod error;
mod export;
mod fetch;
mod folder;
mod http;
mod list;
mod lookup;
mod parts;
mod place;
mod push;
#[cfg(test)]
mod sample;
mod segment;
mod signature;
mod spans;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use caches::Caches;
pub use error::CacheError;
pub use export::{Exported, Import, Parcel, export};
pub use folder::exchange_list;
pub use http::Authorities;
pub use list::{FileOfCache, LIST, List, MAX_KEYS, MAX_LIST, SegmentName, file_of_cache, keys_path};
pub use place::Address;
pub use push::{Pushed, Pushing, push};
pub use segment::{Keyed, Segment, SegmentError, Table};
pub use signature::{CacheKey, Keyring, PublicKey, PublicKeyError, Signed, Verdict};

use copies::Copies;
use folder::Folder;
use http::Http;
use lookup::Contents;
use place::Place;
use spans::Blocks;

use crate::drv::ActionKey;
use crate::event::CacheUse;
use crate::path::HostPath;

/// A cache whose files are damaged or missing that often is left out.
const MOST_TROUBLES: u32 = 3;

/// The longest that look-ups of one run wait for a cache in all.
const MOST_WAITING: Duration = Duration::from_secs(if cfg!(test) { 6 } else { 60 });

/// Longer than anything else takes: what has limits of its own.
const FOREVER: Duration = Duration::from_secs(1 << 20);

/// How a cache is reached.
#[derive(Clone)]
pub struct Access {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// The value of `Authorization`, a secret; `None`: none is sent.
    pub token: Option<String>,
    /// Whose certificates count; `None`: those that the host trusts.
    pub authorities: Option<Authorities>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Access");
        shown.field("name", &self.name).field("address", &self.address);
        // Not the token, whoever prints this.
        shown.field("has_token", &self.token.is_some()).finish_non_exhaustive()
    }
}

/// What all caches of a run share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The user's cache folder; `None`: nothing is remembered.
    pub copies: Option<HostPath>,
    /// The time, in seconds since 1970.
    pub now: fn() -> i64,
    /// Whether a cache is asked although it was broken a moment ago, and for its newest list: where somebody asks for just
    /// that.
    pub insistent: bool,
}

/// One cache.
pub struct Cache {
    name: String,
    place: Place,
    copies: Copies,
    now: fn() -> i64,
    insistent: bool,
    contents: Mutex<Option<Arc<Contents>>>,
    blocks: Blocks,
    halted: AtomicBool,
    state: Mutex<State>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    looked: bool,
    used: CacheUse,
    /// Why it is left out, where that was seen in this run.
    failure: Option<CacheError>,
    troubles: u32,
    waiting: Waiting,
    /// What could not be brought, and is not asked for again.
    failed: BTreeSet<ActionKey>,
    is_full: bool,
    strangers: BTreeSet<PublicKey>,
    /// Told once each.
    notices: Vec<String>,
}

/// What a cache is asked for. What it means that this goes wrong depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// What it has: without that, it is of no use.
    Contents,
    /// Records of some keys.
    Records,
    /// Bytes. They have time limits of their own.
    Bytes,
}

impl Cache {
    /// The cache that `access` leads to. Nothing is asked yet.
    pub fn new(access: Access, around: &Surroundings) -> Self {
        let Access { name, address, token, authorities } = access;
        let copies = Copies::below(around.copies.as_ref(), &address.to_string());
        let place = match address {
            Address::Folder(path) => Place::Folder(Folder::new(path, &name)),
            Address::Http(url) => Place::Http(Http::new(url, &name, token, authorities.as_ref())),
        };
        Self::at(name, place, copies, around)
    }

    fn at(name: String, place: Place, copies: Copies, around: &Surroundings) -> Self {
        let used = CacheUse { cache: name.clone(), ..CacheUse::default() };
        Self {
            name,
            place,
            copies,
            now: around.now,
            insistent: around.insistent,
            contents: Mutex::new(None),
            blocks: Blocks::default(),
            halted: AtomicBool::new(false),
            state: Mutex::new(State { used, ..State::default() }),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends what is asked of it, at once; from now on it has nothing.
    fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
        self.place.halt();
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// How long it may be asked, from now on; `None`: not at all.
    fn patience(&self, wish: Wish) -> Option<Duration> {
        let mut state = self.state();
        if !std::mem::replace(&mut state.looked, true)
            && !self.insistent
            && self.place.is_remote()
            && let Some(why) = self.copies.broken(self.now())
        {
            state.leave_out(format!("{why} (a moment ago)"), None);
        }
        if state.used.left_out.is_some() || self.is_halted() {
            return None;
        }
        let left = if wish == Wish::Bytes { FOREVER } else { MOST_WAITING.saturating_sub(state.waiting.so_far()) };
        if left.is_zero() {
            let error = http::slow(&self.name, LIST);
            state.leave_out(crate::diag::chain(&error), Some(error));
            return None;
        }
        if wish != Wish::Bytes {
            state.waiting.begin();
        }
        Some(left)
    }

    /// Does `deed`, which ends at the time that it is told, and takes note of what goes wrong: `None` then.
    fn carefully<T>(&self, wish: Wish, deed: impl FnOnce(Instant) -> Result<T, CacheError>) -> Option<T> {
        let left = self.patience(wish)?;
        let result = deed(Instant::now() + left);
        if wish != Wish::Bytes {
            self.state().waiting.end();
        }
        match result {
            Ok(value) => {
                if self.insistent {
                    self.copies.forget_broken();
                }
                Some(value)
            }
            Err(error) => {
                self.note(error, wish == Wish::Contents);
                None
            }
        }
    }

    /// Takes note of what went wrong; `whole`: without it, the cache is of no use.
    fn note(&self, error: CacheError, whole: bool) {
        if self.is_halted() {
            return;
        }
        let mut state = self.state();
        state.troubles += 1;
        let why = crate::diag::chain(&error);
        if whole || error.is_whole() || state.troubles >= MOST_TROUBLES {
            if self.place.is_remote() && state.used.left_out.is_none() {
                self.copies.keep_broken(&why, self.now());
            }
            state.leave_out(why, Some(error));
        } else if !state.notices.contains(&why) {
            // Several nodes may miss the same file at once.
            state.notices.push(why);
        }
    }

    /// Notes, once, that there is no room for what is remembered of it.
    fn note_full(&self, error: &CacheError) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_full, true) {
            state.notices.push(format!("{}; the store is used instead", crate::diag::chain(error)));
        }
    }

    /// Notes that records are signed by somebody whom nobody trusts.
    fn note_stranger(&self, key: &PublicKey) {
        let mut state = self.state();
        if state.strangers.len() < 4 && state.strangers.insert(key.clone()) {
            let text = format!(
                "results in the cache `{}` are signed by `{key}`, which you do not trust, and are passed over; if you know that key, run `opb cache trust {key}`",
                self.name
            );
            state.notices.push(text);
        }
    }

    /// What was noticed since this was last asked.
    fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notices)
    }

    /// What it was good for.
    fn used(&self) -> CacheUse {
        let (requests, bytes) = (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        CacheUse { requests, bytes, ..self.state().used.clone() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        (self.now)()
    }

    fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn count_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// For how long somebody waited for look-ups. Where several wait at once, that counts once.
#[derive(Default)]
struct Waiting {
    many: usize,
    since: Option<Instant>,
    before: Duration,
}

impl Waiting {
    fn begin(&mut self) {
        self.many += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    fn end(&mut self) {
        self.many = self.many.saturating_sub(1);
        if self.many == 0 {
            (self.before, self.since) = (self.so_far(), None);
        }
    }

    fn so_far(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl State {
    fn leave_out(&mut self, why: String, failure: Option<CacheError>) {
        if self.used.left_out.is_none() {
            self.notices.push(format!("{why}; that cache is left out of this run"));
            self.used.left_out = Some(why);
            self.failure = failure;
        }
    }
}
