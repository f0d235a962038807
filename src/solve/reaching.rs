//! How far a question reaches into extra repositories: no further than it must.
//!
//! First only the preferred package of each name counts. Where that has no answer, all others count too, and of those that
//! the answer takes each is left out again, in the order of their names, without which there still is one. So what stays is
//! needed: not one of them could be left out. Which of several such answers it is follows from the names alone.

use super::world::{Fallbacks, Reach, World};
use super::{PackageList, SolveError};

/// The answer of `ask` in the smallest world that has one; it says too which packages it took that are not preferred.
///
/// # Errors
/// That of the largest world.
pub(super) fn answer(
    world: &World<'_>,
    ask: impl Fn(&World<'_>) -> Result<(PackageList, Fallbacks), SolveError>,
) -> Result<PackageList, SolveError> {
    let within = |reach| ask(&world.reaching(reach));
    match within(Reach::None) {
        Err(SolveError::Unmet { .. } | SolveError::Conflict { .. }) if !world.extras.is_empty() => {}
        other => return other.map(|(list, _)| list),
    }
    let (mut list, mut taken) = within(Reach::All)?;
    for one in taken.clone() {
        let mut fewer = taken.clone();
        if fewer.remove(&one)
            && let Ok(found) = within(Reach::Only(fewer))
        {
            (list, taken) = found;
        }
    }
    Ok(list)
}
