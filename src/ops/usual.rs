//! What the nodes that a plan would run usually take: what they took when they last did.

use std::collections::BTreeMap;

use super::keeping::project_of;
use super::session::Session;
use crate::diag::Failure;
use crate::drv::ActionKey;
use crate::graph::NodeId;
use crate::name::Kind;
use crate::plan::{Expected, Lane, Places, Plan, expected, forecast, usual_of_kind};
use crate::store::{Realisation, Store};

/// What each node that is expected to run usually takes.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// In milliseconds.
    pub milliseconds: BTreeMap<NodeId, u64>,
    /// Those of which nothing is on record: what they take is a guess from their kind.
    pub guessed: Vec<NodeId>,
}

/// What the nodes that `plan` expects to run usually take.
///
/// # Errors
/// Where the store cannot be read.
pub fn usual(session: &Session, store: &Store, plan: &Plan) -> Result<Usual, Failure> {
    let nodes = expected(&session.graph, plan);
    let keys: Vec<_> = last_keys(session, store, &nodes)?;
    let asked: Vec<_> = keys.iter().flatten().copied().collect();
    let mut results = store.results_of(&asked)?.into_iter();
    let mut usual = Usual::default();
    for (id, key) in nodes.into_iter().zip(keys) {
        let cost = key.and_then(|_| results.next().flatten()).map(|(_, cost)| cost.milliseconds);
        if cost.is_none() {
            usual.guessed.push(id);
        }
        let milliseconds = cost.unwrap_or_else(|| usual_of_kind(session.graph.node(id).kind()));
        usual.milliseconds.insert(id, milliseconds.max(1));
    }
    Ok(usual)
}

/// The keys by which `nodes` were last realised, as the project's list has them.
fn last_keys(session: &Session, store: &Store, nodes: &[NodeId]) -> Result<Vec<Option<ActionKey>>, Failure> {
    // A damaged list only costs the times.
    let listed = if nodes.is_empty() { None } else { store.listed(&project_of(session)).ok().flatten() };
    let key = |id: &NodeId| listed.as_ref()?.key_of(&session.graph.node(*id).to_string(), id.index());
    Ok(nodes.iter().map(key).collect())
}

/// What a run of `plan` is going to take.
///
/// # Errors
/// Where the store cannot be read.
pub fn expect(session: &Session, store: &Store, plan: &Plan, places: Places) -> Result<Expected, Failure> {
    let usual = usual(session, store, plan)?;
    let nodes: Vec<NodeId> = usual.milliseconds.keys().copied().collect();
    let time = forecast(&session.graph, &nodes, &usual.milliseconds, places);
    let keys = last_keys(session, store, &nodes)?;
    let (mut scratch, mut stays, mut unsized_nodes) = (Vec::new(), 0u64, 0);
    for (id, key) in nodes.iter().zip(keys) {
        let kind = session.graph.node(*id).kind();
        if matches!(kind, Kind::Source | Kind::Index | Kind::Resolve | Kind::Probe) {
            continue;
        }
        let Some(last) = key.map(|key| store.realisation(key)).transpose()?.flatten() else {
            unsized_nodes += 1;
            continue;
        };
        scratch.push(last.disk);
        stays = stays.saturating_add(if kind == Kind::Root { last.disk } else { bytes_of(store, &last) });
    }
    scratch.sort_unstable();
    let scratch = scratch.iter().rev().take(places.of(Lane::Work)).sum();
    Ok(Expected { time, jobs: places.jobs, guessed: usual.guessed.len(), scratch, stays, unsized_nodes })
}

/// The bytes of a result's files; those of trees that are gone count for nothing.
fn bytes_of(store: &Store, result: &Realisation) -> u64 {
    let trees = result.outputs.values().filter_map(|digest| store.get_tree(*digest).ok());
    trees.map(|tree| tree.files().map(|(.., size)| size).sum::<u64>()).sum()
}
