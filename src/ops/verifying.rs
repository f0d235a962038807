//! Whether a store is sound, and mending it.

use super::cache::caches;
use crate::diag::Failure;
use crate::exec::number_of;
use crate::project::Project;
use crate::report::store::VerifiedTold;
use crate::store::{Realisation, Store};

/// Looks at all of `store`.
///
/// # Errors
/// Where the store cannot be read.
pub fn verify(store: &Store) -> Result<VerifiedTold, Failure> {
    Ok(VerifiedTold::new(&store.verify(threads(), &number_of)?))
}

/// The same, and mends what is wrong: what the caches of `project` have is fetched, unless `offline` from none that is
/// reached over a network. Then looks again.
///
/// # Errors
/// Where the store cannot be written, or the settings of caches are wrong.
pub fn repair(store: &Store, project: &Project, offline: bool) -> Result<VerifiedTold, Failure> {
    let found = store.verify(threads(), &number_of)?;
    let mut told = VerifiedTold::new(&found);
    if found.findings.is_empty() {
        return Ok(told);
    }
    let caches = caches(project, offline, true)?;
    let restore = |result: &Realisation| {
        let brought = caches.as_elsewhere().map(|elsewhere| elsewhere.bring(store, result.key, &result.outputs));
        matches!(brought, Some(Ok(Some(_))))
    };
    let repaired = store.repair(&found.findings, &restore, &number_of)?;
    told.repaired(&repaired, &store.verify(threads(), &number_of)?);
    Ok(told)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
