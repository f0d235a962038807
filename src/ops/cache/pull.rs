//! Pulling: what caches have of selected nodes, now and whole.

use super::which::{Found, WhichCacheError};
use super::{around, is_local, is_realised};
use crate::cache::{CacheError, Caches};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::exec::{Asked, Elsewhere as _, Other, keep_other};
use crate::name::Kind;
use crate::ops::plan::{Wish, plan};
use crate::ops::session::Session;
use crate::store::{Realisation, Store};

/// What pulling came to.
#[derive(Debug, Clone, Default)]
pub struct Pulled {
    /// Nodes whose bytes came.
    pub fetched: usize,
    /// How many bytes that were, as they were sent.
    pub bytes: u64,
    /// Nodes whose bytes were here.
    pub here: usize,
    /// Nodes that no cache has, or not wholly.
    pub missing: usize,
    /// Nodes of which a cache has another result.
    pub differs: Vec<String>,
    /// What people should know.
    pub notices: Vec<String>,
}

/// Brings all that caches have of the selected nodes: outputs whole, and logs. Nothing that is here is replaced.
///
/// # Errors
/// Where the store cannot be used, or the one cache that was named cannot.
pub fn pull(
    session: &Session,
    store: &Store,
    from: Option<&str>,
    selectors: &[String],
    offline: bool,
) -> Result<Pulled, Failure> {
    let found = Found::of(&session.project)?;
    let chosen = match from {
        Some(_) => vec![found.which(session, from)?],
        None => found.caches,
    };
    if chosen.is_empty() {
        return Err(found.untrusted.into_iter().next().unwrap_or(WhichCacheError::None).into());
    }
    if let Some(closed) = chosen.iter().find(|access| offline && !is_local(access)) {
        return Err(CacheError::Offline { cache: closed.name.clone() }.into());
    }
    let caches = Caches::new(chosen, found.keyring, &around(true)).noting(found.notices);
    let pulled = pull_from(session, store, &caches, selectors)?;
    // The one that was named: what is wrong with it is what there is to say.
    match from.and_then(|_| caches.take_failure()) {
        Some(failure) => Err(failure.into()),
        None => Ok(pulled),
    }
}

/// Brings all that `caches` have of the selected nodes.
pub(super) fn pull_from(
    session: &Session,
    store: &Store,
    caches: &Caches,
    selectors: &[String],
) -> Result<Pulled, Failure> {
    let selected = session.select(selectors)?;
    let wish = Wish { wanted: selected.clone(), ..Wish::default() };
    let plan = plan(session, &wish, store, caches.as_elsewhere())?;
    let mut pulled = Pulled::default();
    let mut results: Vec<Realisation> = Vec::new();
    for id in selected.into_iter().filter(|id| session.graph.node(*id).kind() != Kind::Root) {
        let planned = plan.of(id).filter(|planned| is_realised(planned));
        let Some((key, outputs)) = planned.and_then(|planned| planned.key.zip(planned.outputs.clone())) else {
            pulled.missing += 1;
            continue;
        };
        // A source is known by its pin, whether or not anybody has a record of it.
        let result = store.realisation(key)?;
        bring(store, caches, key, &outputs, result.as_ref().and_then(|result| result.log), &mut pulled)?;
        results.extend(result);
    }
    let asked: Vec<Asked> = results.iter().map(|result| Asked::Key(result.key)).collect();
    for (known, own) in caches.find(&asked).into_iter().zip(&results) {
        let Some(known) = known else { continue };
        if keep_other(store, caches, own, known)? != Other::Same {
            pulled.differs.push(own.node.clone());
        }
    }
    pulled.notices = caches.take_notices();
    Ok(pulled)
}

fn bring(
    store: &Store,
    caches: &Caches,
    key: ActionKey,
    outputs: &Outputs,
    log: Option<Digest>,
    pulled: &mut Pulled,
) -> Result<(), Failure> {
    let mut is_here = true;
    for digest in outputs.values() {
        is_here = is_here && store.present(*digest)?;
    }
    if is_here {
        pulled.here += 1;
    } else if let Some(brought) = caches.bring(store, key, outputs)? {
        pulled.fetched += 1;
        pulled.bytes += brought.bytes;
    } else {
        pulled.missing += 1;
        return Ok(());
    }
    store.not_owed(key)?;
    if let Some(log) = log.filter(|log| store.open_log(*log).is_err()) {
        caches.bring_log(store, log)?;
    }
    Ok(())
}
