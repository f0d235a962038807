//! A run on one side, a state of the project on the other.
//!
//! A run's record has the derivation id of each node that it had to do with, and the store the derivations of those that
//! were realised. Both are compared with the state's nodes of the same names. Nodes that were clean in the run are in no
//! record, so that nothing is said of them but how many they are.

use std::collections::BTreeMap;

use super::{DiffError, Found, selected};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{ActionKey, text_of};
use crate::graph::{Graph, Node, NodeId, Selector};
use crate::name::NodeName;
use crate::plan::{Change, Earlier, Plan, Planned, Reason, State, changes};
use crate::report::diff::{ChangedNode, ProjectDiff, StateTold};
use crate::store::Store;
use crate::store::runs::{Run, RunOf};

/// Which side is the run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RunIs {
    Before,
    After,
}

/// Compares `run` with a state, as the one before or after it.
pub(super) fn of_run_and_state(
    store: &Store,
    (run, run_is): (&Run, RunIs),
    (state, graph): (StateTold, Graph),
    selectors: &[Selector],
) -> Result<ProjectDiff, Failure> {
    let mut ran: BTreeMap<&str, (&RunOf, Digest)> =
        run.nodes.iter().filter_map(|of| Some((of.node.as_str(), (of, of.planned.as_ref()?.derivation)))).collect();
    let is_meant = |node: &str| {
        let name = node.parse::<NodeName>();
        selectors.is_empty() || name.is_ok_and(|name| selectors.iter().any(|selector| selector.matches(&name)))
    };
    let meant = selected(&graph, selectors);
    if !meant.contains(&true)
        && !ran.keys().any(|node| is_meant(node))
        && let Some(selector) = selectors.first()
    {
        return Err(DiffError::Nothing { selector: selector.to_string() }.into());
    }
    let mut found = Found::default();
    let mut clean = vec![false; graph.len()];
    let mut nodes = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let (node, told) = (graph.node(id), meant[id.index()]);
        let name = node.to_string();
        let state = match ran.remove(name.as_str()) {
            None => {
                found.not_compared += usize::from(told);
                State::Clean
            }
            Some((_, derivation)) if derivation == node.id().0 => {
                found.same += usize::from(told);
                clean[id.index()] = true;
                State::Clean
            }
            Some((of, derivation)) => {
                let state = differs(store, (of, derivation), run_is, node, &clean)?;
                if told {
                    found.differing.push(id);
                    match &state {
                        State::Runs(Reason::Changed { changes, .. }) => {
                            found.changed.push(ChangedNode { node: name, changes: changes.clone() });
                        }
                        _ => found.follow.push(name),
                    }
                }
                state
            }
        };
        nodes.push(Planned { node: id, state, key: None, outputs: None, cost: None });
    }
    let only_run = ran.keys().filter(|node| is_meant(node)).map(|node| (*node).to_owned()).collect();
    let of_run = StateTold { name: format!("run {}", run.head.id), commit: None };
    let sides = if run_is == RunIs::Before {
        found.removed = only_run;
        (of_run, state)
    } else {
        found.added = only_run;
        (state, of_run)
    };
    Ok(found.told(sides, &graph, &Plan { nodes, ..Plan::default() }))
}

/// In what way a node differs from what the run had under its name: by itself, or only by what it reads.
fn differs(
    store: &Store,
    (of, derivation): (&RunOf, Digest),
    run_is: RunIs,
    node: Node<'_>,
    clean: &[bool],
) -> Result<State, Failure> {
    let key = of.ended.as_ref().and_then(|ended| ended.key);
    let realised = key.map(|key| store.realisation(key)).transpose()?.flatten();
    // Inputs that the run did not touch may be others as well.
    let mut on: Vec<NodeId> = node.input_nodes().iter().copied().filter(|input| !clean[input.index()]).collect();
    on.sort_unstable();
    on.dedup();
    let mut own = match &realised {
        Some(realised) => changes(&realised.derivation, &text_of(&node.derivation(), &[])),
        // Of what failed only the id is on record.
        None if on.is_empty() => {
            let (before, now) = (Some(derivation.to_string()), Some(node.id().to_string()));
            vec![Change { field: "derivation".to_owned(), before, now }]
        }
        None => Vec::new(),
    };
    // Here inputs stand by their content, there by their derivation: only that there is one can be compared.
    own.retain(|change| !change.field.starts_with("input ") || change.before.is_none() || change.now.is_none());
    if run_is == RunIs::After {
        own.iter_mut().for_each(|change| std::mem::swap(&mut change.before, &mut change.now));
    }
    if own.is_empty() {
        return Ok(State::Depends(on));
    }
    let key = key.unwrap_or(ActionKey(derivation));
    Ok(State::Runs(Reason::Changed { changes: own, since: Earlier { key, started: 0 } }))
}
