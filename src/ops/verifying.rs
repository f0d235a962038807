//! Whether a store is sound, and mending it.

use crate::diag::Failure;
use crate::exec::number_of;
use crate::report::store::VerifiedTold;
use crate::store::Store;

/// Looks at all of `store`; with `repair`, mends what is wrong and looks again.
///
/// # Errors
/// Where the store cannot be read or, for a repair, written.
pub fn verify(store: &Store, repair: bool) -> Result<VerifiedTold, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = store.verify(threads, &number_of)?;
    let mut told = VerifiedTold::new(&found);
    if repair && !found.findings.is_empty() {
        let repaired = store.repair(&found.findings, &|_| false, &number_of)?;
        told.repaired(&repaired, &store.verify(threads, &number_of)?);
    }
    Ok(told)
}
