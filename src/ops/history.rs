//! What is known of a node's past: its log.

use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::graph::NodeId;
use crate::store::{Store, UpgradeOutcome};

/// A log, and where it comes from.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its digest in the store.
    pub digest: Digest,
    /// Whether it is that of a failed attempt.
    pub failed: bool,
    /// When it was started, in seconds since 1970.
    pub started: i64,
}

/// Why there is no log to show.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum HistoryError {
    /// Neither a realisation nor an attempt has one.
    #[error("`{node}` has no log here")]
    #[diagnostic(code(opb::history::no_log), help("run `opb build {node}`; nodes that run no script never have one"))]
    NoLog {
        /// The node.
        node: String,
    },
    /// No upgrade to what it installs was tried, or none is remembered.
    #[error("no upgrade is on record that `{node}` was tried with")]
    #[diagnostic(
        code(opb::history::no_upgrade),
        help(
            "name a check `install`; with `upgrade = true` in `[checks]` of `opb.toml`, `opb repo publish` tries upgrades from what is published"
        )
    )]
    NoUpgrade {
        /// The node.
        node: String,
    },
}

impl Caused for HistoryError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The newest log of a node: of its last attempt if that failed since, else of its last realisation.
///
/// # Errors
/// [`HistoryError::NoLog`], or where the store cannot be read.
pub fn log(session: &Session, store: &Store, id: NodeId) -> Result<Log, Failure> {
    let node = session.graph.node(id).to_string();
    let realised = store
        .last_of_node(&node)?
        .and_then(|realisation| Some(Log { digest: realisation.log?, failed: false, started: realisation.started }));
    let attempted = store
        .last_attempt_of_node(&node)?
        .and_then(|attempt| Some(Log { digest: attempt.log?, failed: true, started: attempt.started }));
    let newest = [realised, attempted].into_iter().flatten().max_by_key(|log| log.started);
    Ok(newest.ok_or(HistoryError::NoLog { node })?)
}

/// The log of the upgrade that was tried last to what the check `id` installs.
///
/// # Errors
/// [`HistoryError::NoUpgrade`], or where the store cannot be read.
pub fn upgrade_log(session: &Session, store: &Store, id: NodeId) -> Result<Log, Failure> {
    let node = session.graph.node(id).to_string();
    let upgrade = store.last_upgrade_of_node(&node)?.ok_or(HistoryError::NoUpgrade { node })?;
    let failed = matches!(upgrade.outcome, UpgradeOutcome::Failed { .. });
    Ok(Log { digest: upgrade.log, failed, started: upgrade.started })
}
