//! Sharing results: which caches there are and whose word counts, pushing to one, pulling from them.

mod keys;
mod parcel;
mod pull;
mod rivals;
mod which;

pub use keys::{CacheKeyError, default_key, key_names, new_key, public_key, trust};
pub use parcel::{Imported, export, import};
pub use pull::{Pulled, pull};
pub(super) use rivals::compared;
pub use rivals::{RivalOf, RivalsError, rivals};
pub use which::{WhichCacheError, token};

use super::session::Session;
use crate::cache::{self, Access, Address, CacheError, CacheKey, Caches, Pushed, Pushing, Surroundings};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::exec::{Known, keep_other};
use crate::plan::{Planned, Reason, State};
use crate::project::{Project, cache_folder, now};
use crate::store::Store;
use which::Found;

/// The caches of a project and of its user, and whose word counts. Costs one look for a file where there is none.
///
/// # Errors
/// Where the user's settings are wrong.
pub fn caches(project: &Project, offline: bool, insistent: bool) -> Result<Caches, Failure> {
    let found = Found::of(project)?;
    let open = |access: &Access| !offline || is_local(access);
    let caches = Caches::new(found.caches.into_iter().filter(open).collect(), found.keyring, &around(insistent));
    Ok(caches.noting(found.notices))
}

/// What is pushed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The cache: what it is called, or its address; `None`: the first that there is.
    pub target: Option<&'a str>,
    /// What to push, with all that it needs; everything where there is none.
    pub selectors: &'a [String],
    /// Who signs.
    pub key: &'a CacheKey,
    /// Look at what is there, and put again what is damaged.
    pub check: bool,
    /// Use no network.
    pub offline: bool,
}

/// Pushes what is realised of the selected nodes and of all that they need, but no roots.
///
/// # Errors
/// Where there is no such cache or no key, or the cache cannot be written to.
pub fn push(session: &Session, store: &Store, push: &Push<'_>) -> Result<Pushed, Failure> {
    let found = Found::of(&session.project)?;
    let access = found.which(session, push.target)?;
    if push.offline && !is_local(&access) {
        return Err(CacheError::Offline { cache: access.name }.into());
    }
    let results = parcel::closure(session, store, push.selectors)?.results;
    let pushing = Pushing { key: push.key, keyring: &found.keyring, results: &results, check: push.check };
    let pushed = cache::push(access.clone(), &around(true), store, &pushing)?;
    let name = access.name.clone();
    let caches = Caches::new(vec![access], found.keyring.with(push.key.public()), &around(true));
    for theirs in &pushed.differs {
        if let Some(own) = store.realisation(theirs.key)? {
            keep_other(store, &caches, &own, Known { cache: name.clone(), realisation: theirs.clone() })?;
        }
    }
    Ok(pushed)
}

/// Brings a log that is not here, from the first cache that has it; whether it came.
///
/// # Errors
/// Where the user's settings are wrong, or the store cannot be written to.
pub fn bring_log(project: &Project, store: &Store, log: Digest, offline: bool) -> Result<bool, Failure> {
    Ok(caches(project, offline, false)?.bring_log(store, log)?)
}

/// Whether the outputs of a node are known, though some of them may not be here for one that reads them.
fn is_realised(planned: &Planned) -> bool {
    let is_known = matches!(planned.state, State::Clean | State::Runs(Reason::Absent { .. }));
    is_known && planned.outputs.is_some()
}

fn is_local(access: &Access) -> bool {
    matches!(access.address, Address::Folder(_))
}

fn around(insistent: bool) -> Surroundings {
    Surroundings { copies: cache_folder(), now, insistent }
}
