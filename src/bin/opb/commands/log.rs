//! `opb log`: shows a log.

use std::io::Read as _;
use std::process::ExitCode;

use clap::Args;
use opb::diag::{Cause, Failure};
use opb::ops::follow::{self, Ended, Follow};
use opb::ops::{self, history};
use opb::report::log::Stamped;

use super::{open, open_store};
use crate::cli::Global;
use crate::{exit, output};

/// Show the newest log of a node: of the failed attempt, if it failed since it was last realised.
#[derive(Debug, Args)]
pub struct Log {
    /// The node, such as `libbsd`, which means its build where it has one.
    #[arg(value_name = "NODE", add = crate::complete::selectors())]
    node: String,
    /// Show the log of a node that runs, and what comes to it until it ends; the exit code says how. Where it does not run,
    /// that is said, and its newest log shown.
    #[arg(short, long)]
    follow: bool,
    /// Leave control characters as they are. They are made harmless otherwise.
    #[arg(long)]
    raw: bool,
    /// Put before each line when it came, in seconds since the node's script began.
    #[arg(long, conflicts_with = "follow")]
    times: bool,
    /// Show the log of the upgrade that a check `install` was last tried with when its channel was published.
    #[arg(long, conflicts_with = "follow")]
    upgrade: bool,
}

pub fn run(global: &Global, args: &Log) -> Result<ExitCode, Failure> {
    let session = open(global)?;
    let store = open_store(global, &session)?;
    let id = session.one(&args.node)?;
    let mut shown = Shown { raw: args.raw, left: Vec::new() };
    if args.follow {
        let node = session.graph.node(id).to_string();
        if let Some(follow) = Follow::begin(&store, &node)? {
            let ended = follow.to_end(&mut |bytes| shown.show(bytes))?;
            shown.end();
            return Ok(of_end(global, &node, ended));
        }
        output::notices(global, &[format!("{node} does not run; this is its newest log")]);
    }
    let log =
        if args.upgrade { history::upgrade_log(&session, &store, id)? } else { history::log(&session, &store, id)? };
    if store.open_log(log.digest).is_err() {
        ops::cache::bring_log(&session.project, &store, log.digest, global.offline)?;
    }
    let mut reader = store.open_log(log.digest)?;
    let times = if args.times { store.log_times(log.digest)? } else { Vec::new() };
    if args.times && times.is_empty() {
        output::notices(global, &["there are no times on record of this log".to_owned()]);
    }
    let mut stamped = (!times.is_empty()).then(|| Stamped::new(times));
    let mut part = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut part).map_err(|source| opb::exec::NodeError::File {
            doing: "read",
            path: format!("the log {}", log.digest),
            source,
        })?;
        if count == 0 {
            shown.end();
            return Ok(ExitCode::SUCCESS);
        }
        match &mut stamped {
            Some(stamped) => shown.show(&stamped.part(&part[..count])),
            None => shown.show(&part[..count]),
        }
    }
}

/// The exit code of a node that was followed, which is said too where it is not 0.
fn of_end(global: &Global, node: &str, ended: Ended) -> ExitCode {
    let (said, code) = match ended {
        Ended::Well => return ExitCode::SUCCESS,
        Ended::Failed(cause) => ("failed", exit::code(cause)),
        Ended::Stopped => ("was stopped before its end", ExitCode::from(exit::STOPPED)),
        Ended::Unknown => ("does not run any more, and nobody says how it ended", exit::code(Cause::Environment)),
    };
    output::notices(global, &[format!("{node} {said}")]);
    code
}

/// A log on its way out.
struct Shown {
    raw: bool,
    /// The beginning of a character.
    left: Vec<u8>,
}

impl Shown {
    fn show(&mut self, bytes: &[u8]) {
        self.left.extend_from_slice(bytes);
        let whole = follow::whole(&self.left);
        self.write(whole);
    }

    fn end(&mut self) {
        self.write(self.left.len());
    }

    fn write(&mut self, count: usize) {
        let bytes: Vec<u8> = self.left.drain(..count).collect();
        if self.raw {
            output::bytes(&bytes);
        } else {
            output::data(&opb::report::plain(&String::from_utf8_lossy(&bytes)));
        }
    }
}
