//! Fetching without building: all that comes from the network for what a plan would run.
//!
//! ```text
//! plan ──► reach   what would run, and what of its inputs is not here
//!            │ indexes, then the package lists that wait for no build, then sources: nodes, run as always
//!            ▼
//!          lists   the packages of the roots that would be made; for lists that wait for builds, a guess
//!            ▼
//!          files   their files, into the store
//! ```
//!
//! A guess stands in memory alone: nothing of it gets a key, a record or a place in the store but the files that it names.

mod files;
mod lists;
mod reach;
mod texts;

pub use files::{Fetched, Lost, packages, wanted_files};
pub use lists::{Facts, Lists, RootList, lists};
pub use reach::Reach;
