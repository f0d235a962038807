//! Renderers: of graphs, plans and events, as text for people and data for programs.
//!
//! They turn values into text or lines and decide nothing. Text goes to stdout or stderr only from here and from the
//! program itself.

pub mod baseline;
pub mod cache;
pub mod causes;
pub mod channel;
mod chart;
#[cfg(test)]
mod chart_checks;
pub mod check;
pub mod clipped;
pub mod closure;
pub mod diff;
pub mod doctor;
pub mod events;
pub mod exceptions;
pub mod fetch;
pub mod foreign;
pub mod graph;
pub mod lines;
pub mod live;
pub mod log;
pub mod nightly;
pub mod picture;
pub mod plan;
pub mod query;
pub mod repo_check;
pub mod repo_import;
pub mod rivals;
pub mod runs;
pub mod shell;
pub mod store;
pub mod timings;
pub mod verify;
pub mod why;
mod words;

use words::{Side, columns, line_of};
pub use words::{count, duration, plain, size, wrapped};
