//! What people can have done, one deed a file. Deeds take values and give values; they print nothing and parse no
//! arguments, so that a program, a daemon and a test can all ask for the same ones.

pub mod build;
pub mod cache;
pub mod check;
pub mod collecting;
pub mod complete;
pub mod definitions;
pub mod diff;
pub mod eval;
pub mod fetch;
pub mod history;
pub mod init;
pub mod keeping;
mod kept;
pub mod key;
mod memo;
pub mod new;
pub mod past;
mod pin;
pub mod plan;
pub mod publish;
pub mod query;
mod record;
mod remembering;
pub mod report;
pub mod run;
pub mod runs;
mod saving;
pub mod session;
mod settled;
pub mod stored;
pub mod timings;
pub mod update;
pub mod usual;
pub mod verifying;
pub mod watch;
pub mod why;
