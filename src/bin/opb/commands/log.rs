//! `opb log`: shows a log.

use std::io::Read as _;
use std::process::ExitCode;

use clap::Args;
use opb::diag::Failure;
use opb::ops::{self, history};

use super::{open, open_store};
use crate::cli::Global;
use crate::output;

/// Show the newest log of a node: of the failed attempt, if it failed since it was last realised.
#[derive(Debug, Args)]
pub struct Log {
    /// The node, such as `libbsd`, which means its build where it has one.
    #[arg(value_name = "NODE", add = crate::complete::selectors())]
    node: String,
    /// Leave control characters as they are. They are made harmless otherwise.
    #[arg(long)]
    raw: bool,
}

pub fn run(global: &Global, args: &Log) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let id = session.one(&args.node)?;
    let log = history::log(&session, &store, id)?;
    if store.open_log(log.digest).is_err() {
        ops::cache::bring_log(&session.project, &store, log.digest, global.offline)?;
    }
    let mut reader = store.open_log(log.digest)?;
    let mut part = vec![0; 1 << 16];
    let mut left: Vec<u8> = Vec::new();
    loop {
        let count = reader.read(&mut part).map_err(|source| opb::exec::NodeError::File {
            doing: "read",
            path: format!("the log {}", log.digest),
            source,
        })?;
        left.extend_from_slice(&part[..count]);
        // Whole lines, so that no character is cut in two.
        let end =
            if count == 0 { left.len() } else { left.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        let lines: Vec<u8> = left.drain(..end).collect();
        if args.raw {
            output::bytes(&lines);
        } else {
            output::data(&opb::report::plain(&String::from_utf8_lossy(&lines)));
        }
        if count == 0 {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
