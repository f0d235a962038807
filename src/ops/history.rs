//! What is known of a node: its log, and why it ran or would run.

use super::plan::{Wish, plan};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::exec::StoreKnowledge;
use crate::graph::NodeId;
use crate::plan::{Change, Reason, State, changes};
use crate::report::why::Told;
use crate::store::{Attempt, Realisation, Store};

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

/// Why a node ran last, and why it would run now.
#[derive(Debug, Clone)]
pub struct Why {
    /// Its last realisation; `None` where it was never built.
    pub last: Option<Realisation>,
    /// What changed from the realisation before that to the last one; `None` where there was none before.
    pub then: Option<Vec<Change>>,
    /// What would happen now.
    pub now: State,
    /// The failed attempt, where the last run of it failed.
    pub attempt: Option<Attempt>,
    /// Nodes at the beginning of what makes it run or may make it run; empty where it is clean.
    pub roots: Vec<(NodeId, Reason)>,
}

impl Why {
    /// The same, as the renderer wants it.
    pub fn report(&self) -> Told<'_> {
        Told {
            last: self.last.as_ref().map(|last| (last.started, last.milliseconds, last.number)),
            kept: self.last.as_ref().is_some_and(|last| last.kept.is_some()),
            then: self.then.as_deref(),
            now: &self.now,
            attempt: self.attempt.as_ref().map(|attempt| (attempt.started, attempt.message.as_str())),
            roots: &self.roots,
        }
    }
}

/// Tells why a node ran last, and why it would run now.
///
/// # Errors
/// Where the store cannot be read.
pub fn why(session: &Session, store: &Store, id: NodeId) -> Result<Why, Failure> {
    let node = session.graph.node(id).to_string();
    let wish = Wish { wanted: vec![id], again: Vec::new() };
    let plan = plan(&session.graph, &wish, &StoreKnowledge::new(store)?)?;
    let history = store.history_of_node(&node)?;
    let then = match &history[..] {
        [last, before, ..] => Some(changes(&before.derivation, &last.derivation)),
        _ => None,
    };
    let last = history.into_iter().next();
    let now = plan.of(id).map_or(State::Clean, |planned| planned.state.clone());
    let newest = last.as_ref().map_or(0, |last| last.started);
    let attempt = store.last_attempt_of_node(&node)?.filter(|attempt| attempt.started >= newest);
    let mut roots = Vec::new();
    if now != State::Clean {
        for planned in &plan.nodes {
            if let State::Runs(reason) = &planned.state {
                roots.push((planned.node, reason.clone()));
            }
        }
    }
    Ok(Why { last, then, now, attempt, roots })
}
