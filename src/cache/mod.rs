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
//! place.rs: folder.rs │ http.rs      copies.rs: what is remembered      signature.rs: who said so
//!    └──► lookup.rs: keys to records ──► caches.rs: of all caches, the first that is trusted
//!         fetch.rs: outputs into the store          push.rs: results into a cache
//! ```
//!
//! Knows nothing of graphs and plans; a run meets it as [`Elsewhere`](crate::exec::Elsewhere).

mod caches;
mod copies;
mod error;
mod fetch;
mod folder;
mod http;
mod list;
mod lookup;
mod place;
mod push;
#[cfg(test)]
mod sample;
mod segment;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use caches::Caches;
pub use error::CacheError;
pub use list::{FileOfCache, LIST, List, MAX_LIST, SegmentName, file_of_cache};
pub use place::Address;
pub use push::{Pushed, push};
pub use signature::{CacheKey, Keyring, PublicKey, PublicKeyError, Signed, Verdict};

use copies::Copies;
use folder::Folder;
use http::Http;
use lookup::{Blocks, Contents};
use place::Place;

use crate::event::CacheUse;
use crate::path::HostPath;

/// A cache whose files are damaged or missing that often is left out.
const MOST_TROUBLES: u32 = 3;

/// The longest that look-ups of one run wait for a cache in all.
const MOST_WAITING: Duration = Duration::from_secs(60);

/// How a cache is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// The value of `Authorization`, a secret; `None`: none is sent.
    pub token: Option<String>,
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
    contents: Mutex<Option<Contents>>,
    blocks: Blocks,
    state: Mutex<State>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    looked: bool,
    used: CacheUse,
    troubles: u32,
    waited: Duration,
    strangers: BTreeSet<PublicKey>,
    /// Told once each.
    notices: Vec<String>,
}

impl Cache {
    /// The cache that `access` leads to. Nothing is asked yet.
    pub fn new(access: Access, around: &Surroundings) -> Self {
        let Access { name, address, token } = access;
        let copies = Copies::below(around.copies.as_ref(), &address.to_string());
        let place = match address {
            Address::Folder(path) => Place::Folder(Folder::new(path, &name)),
            Address::Http(url) => Place::Http(Http::new(url, &name, token)),
        };
        let used = CacheUse { cache: name.clone(), ..CacheUse::default() };
        Self {
            name,
            place,
            copies,
            now: around.now,
            insistent: around.insistent,
            contents: Mutex::new(None),
            blocks: Blocks::default(),
            state: Mutex::new(State { used, ..State::default() }),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may be asked.
    fn is_usable(&self) -> bool {
        let mut state = self.state();
        if !std::mem::replace(&mut state.looked, true)
            && !self.insistent
            && self.place.is_remote()
            && let Some(why) = self.copies.broken(self.now())
        {
            state.leave_out(format!("{why} (a moment ago)"));
        }
        state.used.left_out.is_none()
    }

    /// Does `deed`, and takes note of what goes wrong: `None` then. `waits`: the time counts as waiting.
    fn carefully<T>(&self, waits: bool, deed: impl FnOnce() -> Result<T, CacheError>) -> Option<T> {
        if !self.is_usable() {
            return None;
        }
        let began = Instant::now();
        let result = deed();
        let mut state = self.state();
        state.waited += if waits { began.elapsed() } else { Duration::ZERO };
        match result {
            Ok(value) => {
                if self.insistent {
                    self.copies.forget_broken();
                }
                if state.waited > MOST_WAITING {
                    state.leave_out(format!("the cache `{}` is too slow", self.name));
                }
                Some(value)
            }
            Err(error) => {
                state.troubles += 1;
                let why = crate::diag::chain(&error);
                if error.is_whole() || state.troubles >= MOST_TROUBLES {
                    if self.place.is_remote() {
                        self.copies.keep_broken(&why, self.now());
                    }
                    state.leave_out(why);
                } else {
                    state.notices.push(why);
                }
                None
            }
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

impl State {
    fn leave_out(&mut self, why: String) {
        if self.used.left_out.is_none() {
            self.notices.push(format!("{why}; that cache is left out of this run"));
            self.used.left_out = Some(why);
        }
    }
}
