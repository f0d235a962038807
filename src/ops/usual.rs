//! What the nodes that a plan would run usually take: what they took when they last did.

use std::collections::{BTreeMap, BTreeSet};

use super::keeping::project_of;
use super::session::Session;
use crate::diag::Failure;
use crate::drv::ActionKey;
use crate::graph::NodeId;
use crate::name::Kind;
use crate::plan::{Expected, Lane, Places, Plan, Times, course, expected, usual_of_kind};
use crate::store::{Realisation, Store};

/// What each node that is expected to run usually takes.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// In milliseconds.
    pub times: Times,
    /// Those of which nothing is on record: what they take is a guess from their kind.
    pub guessed: BTreeSet<NodeId>,
    /// The keys by which they were last realised.
    last: BTreeMap<NodeId, ActionKey>,
}

/// What the nodes that `plan` expects to run usually take.
///
/// # Errors
/// Where the store cannot be read.
pub fn usual(session: &Session, store: &Store, plan: &Plan) -> Result<Usual, Failure> {
    let (graph, nodes) = (&session.graph, expected(&session.graph, plan));
    // A damaged list only costs the times.
    let listed = if nodes.is_empty() { None } else { store.listed(&project_of(&session.project)).ok().flatten() };
    let key = |id: &NodeId| listed.as_ref()?.key_of(&graph.node(*id).to_string(), id.index());
    let last: BTreeMap<NodeId, ActionKey> = nodes.iter().filter_map(|id| Some((*id, key(id)?))).collect();
    let keys: Vec<ActionKey> = last.values().copied().collect();
    let results = last.keys().zip(store.results_of(&keys)?);
    let known: Times = results.filter_map(|(id, result)| Some((*id, result?.1.milliseconds.max(1)))).collect();
    let guessed = nodes.iter().copied().filter(|id| !known.contains_key(id)).collect();
    let time = |id: &NodeId| known.get(id).copied().unwrap_or_else(|| usual_of_kind(graph.node(*id).kind()));
    Ok(Usual { times: nodes.iter().map(|id| (*id, time(id))).collect(), guessed, last })
}

/// What a run of `plan` is going to take.
///
/// # Errors
/// Where the store cannot be read.
pub fn expect(session: &Session, store: &Store, plan: &Plan, places: Places) -> Result<Expected, Failure> {
    let Usual { times, guessed, last } = usual(session, store, plan)?;
    let time = course(&session.graph, &times, places).forecast;
    let (mut scratch, mut stays, mut unsized_nodes) = (Vec::new(), 0u64, 0);
    for id in times.keys() {
        let kind = session.graph.node(*id).kind();
        if matches!(kind, Kind::Source | Kind::Index | Kind::Resolve | Kind::Probe) {
            continue;
        }
        let Some(last) = last.get(id).map(|key| store.realisation(*key)).transpose()?.flatten() else {
            unsized_nodes += 1;
            continue;
        };
        scratch.push(last.disk);
        stays = stays.saturating_add(if kind == Kind::Root { last.disk } else { bytes_of(store, &last) });
    }
    scratch.sort_unstable();
    let scratch = scratch.iter().rev().take(places.of(Lane::Work)).sum();
    Ok(Expected { time, jobs: places.jobs, guessed: guessed.len(), scratch, stays, unsized_nodes })
}

/// The bytes of a result's files; those of trees that are gone count for nothing.
fn bytes_of(store: &Store, result: &Realisation) -> u64 {
    let trees = result.outputs.values().filter_map(|digest| store.get_tree(*digest).ok());
    trees.map(|tree| tree.files().map(|(.., size)| size).sum::<u64>()).sum()
}
