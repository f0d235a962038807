//! What running a node means where packages are `.rpm`: indexes, choices, roots.
//!
//! ```text
//! repomd's files ── index ──► slim index ─┐
//! packages of components ─────────────────┼─ choosing (the host's dnf decides) ──► package list
//! question, base list ────────────────────┘
//! packages of a channel ── closure (the host's dnf looks) ──► what they require and is not there
//! package list ── roots (the host's dnf, or the root's own rpm, in a sandbox) ──► a root
//! ```
//! Scripts run as everywhere (`exec::scripts`). Nothing here reads the host's own packages or settings of dnf.

mod asking;
mod choosing;
mod closure;
mod error;
mod host;
mod index;
mod question;
mod roots;
mod trust;

pub use choosing::resolve;
pub use closure::{RpmMember, UnmetRpm, unmet_rpm};
pub use error::RpmError;
pub use index::{index, places, text};
pub use question::Universes;
pub use roots::{files, make};
