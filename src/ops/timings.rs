//! A run on record in time.

use super::runs;
use crate::diag::Failure;
use crate::project;
use crate::report::timings::Timings;
use crate::store::Store;

/// Who ran when in the run that `text` means, as for `ops::runs`.
///
/// # Errors
/// As [`runs::find`], and where the record is damaged.
pub fn timings(store: &Store, text: &str) -> Result<Timings, Failure> {
    let run = runs::read(store, text)?;
    let since = project::now_milliseconds().saturating_sub(run.head.started.started.saturating_mul(1_000));
    Ok(Timings::of(&run, u64::try_from(since).unwrap_or(0)))
}
