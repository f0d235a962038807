//! Which nodes of a graph are looked at, and in which state they are.

use crate::diag::Failure;
use crate::graph::NodeId;
use crate::name::Kind;
use crate::ops::past::{Past, changed, gone};
use crate::ops::session::Session;
use crate::plan::State;

/// What must hold for a node to be shown. What is empty does not count.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// It is meant by one of these selectors.
    pub selectors: Vec<String>,
    /// It is of one of these kinds.
    pub kinds: Vec<Kind>,
    /// It has another derivation than at this revision.
    pub changed_since: Option<String>,
}

/// What a filter comes to.
#[derive(Debug, Default)]
pub struct Found {
    /// The nodes, in order.
    pub nodes: Vec<NodeId>,
    /// Lines for people.
    pub notices: Vec<String>,
}

/// States, told apart by nothing but what they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// It is realised.
    Clean,
    /// It will run.
    Runs,
    /// It depends on what comes out of others.
    Depends,
    /// An exception keeps it from running.
    Skipped,
}

impl StateKind {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Clean, Self::Runs, Self::Depends, Self::Skipped];

    /// Whether `state` is one of this kind.
    pub fn is(self, state: &State) -> bool {
        match state {
            State::Clean => self == Self::Clean,
            State::Runs(_) => self == Self::Runs,
            State::Depends(_) => self == Self::Depends,
            State::Skipped(_) => self == Self::Skipped,
        }
    }
}

/// The nodes that `filter` lets through.
///
/// # Errors
/// Where a selector matches nothing, or the earlier state cannot be had.
pub fn filtered(session: &Session, filter: &Filter) -> Result<Found, Failure> {
    let mut found = Found { nodes: session.select(&filter.selectors)?, notices: Vec::new() };
    if !filter.kinds.is_empty() {
        found.nodes.retain(|id| filter.kinds.contains(&session.graph.node(*id).kind()));
    }
    if let Some(revision) = &filter.changed_since {
        let then = super::past::past(&session.project, revision)?;
        let mut is_changed = vec![false; session.graph.len()];
        changed(&session.graph, &then.graph).into_iter().for_each(|id| is_changed[id.index()] = true);
        found.nodes.retain(|id| is_changed[id.index()]);
        found.notices.extend(told(session, revision, &then, found.nodes.is_empty()));
    }
    Ok(found)
}

/// What a list of changed nodes does not show.
fn told(session: &Session, revision: &str, then: &Past, none: bool) -> Vec<String> {
    let short: String = then.commit.chars().take(12).collect();
    let mut lines = Vec::new();
    if none {
        lines.push(format!("none of these nodes has changed since `{revision}` ({short})"));
    }
    match gone(&session.graph, &then.graph) {
        0 => {}
        1 => lines.push(format!("1 node of `{revision}` ({short}) is not there any more")),
        gone => lines.push(format!("{gone} nodes of `{revision}` ({short}) are not there any more")),
    }
    lines
}
