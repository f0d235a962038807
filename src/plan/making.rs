//! Making a plan: from the inputs upwards, level by level.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Knowledge, Plan, Planned, Reason, Remembered, Standing, State, contents_without, reason, standings, without,
};
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::graph::{Graph, Node, NodeId};
use crate::name::Kind;

/// Plans `wanted` and all that they need. Nodes in `again` run although they are realised.
///
/// # Errors
/// Where the store cannot be read.
pub fn plan<K: Knowledge>(graph: &Graph, wanted: &[NodeId], again: &[NodeId], knows: &K) -> Result<Plan, K::Error> {
    plan_without(graph, wanted, again, &BTreeSet::new(), knows)
}

/// The same where the nodes of `skip` do not run: one that is not realised is skipped, and so is what needs it. A repository
/// is assembled without.
///
/// # Errors
/// Where the store cannot be read.
pub fn plan_without<K: Knowledge>(
    graph: &Graph,
    wanted: &[NodeId],
    again: &[NodeId],
    skip: &BTreeSet<NodeId>,
    knows: &K,
) -> Result<Plan, K::Error> {
    let order = graph.with_inputs(wanted);
    let mut planned: Vec<Option<Planned>> = vec![None; graph.len()];
    let again: BTreeSet<NodeId> = again.iter().copied().filter(|id| !skip.contains(id)).collect();
    recall(graph, &order, &again, knows, &mut planned);
    let rest: Vec<NodeId> = order.iter().copied().filter(|id| planned[id.index()].is_none()).collect();
    let mut failed = BTreeMap::new();
    for level in levels(graph, &rest) {
        let running = settle_level(graph, &level, (&again, skip), knows, &mut planned)?;
        for (id, fingerprint) in running {
            failed.extend(knows.failed(graph.node(id), fingerprint)?.map(|since| (id, since)));
        }
    }
    want_bytes(graph, &order, knows, &mut planned)?;
    // Not flattened, which would copy all of it.
    #[expect(clippy::filter_map_identity, reason = "collected where it lies")]
    let nodes = planned.into_iter().filter_map(|planned| planned).collect();
    Ok(Plan { nodes, failed })
}

/// Settles what comes to what it came to before, as do all nodes that it needs.
fn recall<K: Knowledge>(
    graph: &Graph,
    order: &[NodeId],
    again: &BTreeSet<NodeId>,
    knows: &K,
    planned: &mut [Option<Planned>],
) {
    for id in order.iter().filter(|id| !again.contains(id)) {
        let node = graph.node(*id);
        if node.input_nodes().iter().all(|input| planned[input.index()].is_some())
            && let Some(Remembered { key, outputs, cost }) = knows.remembered(node)
        {
            planned[id.index()] =
                Some(Planned { node: *id, state: State::Clean, key: Some(key), outputs: Some(outputs), cost });
        }
    }
}

/// The nodes of `order` by the length of the longest path to a node without inputs.
fn levels(graph: &Graph, order: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut depth = vec![0usize; graph.len()];
    let mut levels: Vec<Vec<NodeId>> = Vec::new();
    for id in order {
        let own = graph.node(*id).input_nodes().iter().map(|input| depth[input.index()] + 1).max().unwrap_or(0);
        depth[id.index()] = own;
        if levels.len() <= own {
            levels.resize(own + 1, Vec::new());
        }
        levels[own].push(*id);
    }
    levels
}

/// Returns the nodes that run for what they are, with their fingerprints.
fn settle_level<K: Knowledge>(
    graph: &Graph,
    level: &[NodeId],
    (again, skip): (&BTreeSet<NodeId>, &BTreeSet<NodeId>),
    knows: &K,
    planned: &mut [Option<Planned>],
) -> Result<Vec<(NodeId, Fingerprint)>, K::Error> {
    let mut running = Vec::new();
    let mut known: Vec<(Node<'_>, Vec<Digest>)> = Vec::new();
    for id in level {
        let node = graph.node(*id);
        let settled = |input: NodeId| planned[input.index()].as_ref().and_then(|planned| planned.outputs.as_ref());
        let is_skipped = |input: NodeId| planned[input.index()].as_ref().is_some_and(Planned::is_skipped);
        let absent = match node.kind() {
            Kind::Repo if !skip.is_empty() && !is_emptied(node, graph, is_skipped) => without(node, graph, is_skipped),
            _ => BTreeSet::new(),
        };
        let state = match contents_without(node, settled, |input| absent.contains(&input)) {
            None => {
                let open = |is_meant: &dyn Fn(NodeId) -> bool| -> Vec<NodeId> {
                    let inputs = node.input_nodes().iter().copied();
                    let open: BTreeSet<NodeId> = inputs.filter(|id| is_meant(*id) && !absent.contains(id)).collect();
                    open.into_iter().collect()
                };
                let gone = open(&is_skipped);
                match () {
                    () if skip.contains(id) => State::Skipped(Vec::new()),
                    () if !gone.is_empty() => State::Skipped(gone),
                    () => State::Depends(open(&|id| settled(id).is_none())),
                }
            }
            Some(contents) => {
                known.push((node, contents));
                State::Clean
            }
        };
        planned[id.index()] = Some(Planned { node: *id, state, key: None, outputs: None, cost: None });
    }
    let mut keyed: Vec<(NodeId, Vec<Digest>, ActionKey)> = Vec::new();
    for (standing, (node, contents)) in std::iter::zip(standings(&known, knows)?, known) {
        match standing {
            Standing::Keyed(key) => keyed.push((node.node_id(), contents, key)),
            Standing::Unnumbered(_) if skip.contains(&node.node_id()) => {
                if let Some(planned) = planned[node.node_id().index()].as_mut() {
                    planned.state = State::Skipped(Vec::new());
                }
            }
            Standing::Unnumbered(fingerprint) => {
                running.push((node.node_id(), fingerprint));
                let reason = why(node, &contents, knows)?;
                if let Some(planned) = planned[node.node_id().index()].as_mut() {
                    planned.state = State::Runs(reason);
                }
            }
        }
    }
    let keys: Vec<ActionKey> = keyed.iter().map(|(.., key)| *key).collect();
    for ((id, contents, key), realised) in std::iter::zip(keyed, knows.realised(&keys)?) {
        let Some(planned) = planned[id.index()].as_mut() else { continue };
        planned.key = Some(key);
        if again.contains(&id) {
            planned.state = State::Runs(Reason::Again);
            continue;
        }
        (planned.outputs, planned.cost) = realised.unzip();
        planned.outputs = planned.outputs.take().or_else(|| graph.node(id).known_outputs(key));
        if planned.outputs.is_none() && skip.contains(&id) {
            planned.state = State::Skipped(Vec::new());
        } else if planned.outputs.is_none() {
            running.push((id, graph.node(id).fingerprint(&contents)));
            // Only here: for a clean node the answer would be thrown away.
            planned.state = State::Runs(why(graph.node(id), &contents, knows)?);
        }
    }
    Ok(running)
}

fn why<K: Knowledge>(node: Node<'_>, contents: &[Digest], knows: &K) -> Result<Reason, K::Error> {
    let now: Vec<Option<Digest>> = contents.iter().copied().map(Some).collect();
    Ok(reason(&knows.earlier(node)?, &crate::drv::text_of(&node.derivation(), &now)))
}

/// Turns clean nodes whose bytes are absent into running ones where a consumer that certainly runs reads them.
fn want_bytes<K: Knowledge>(
    graph: &Graph,
    order: &[NodeId],
    knows: &K,
    planned: &mut [Option<Planned>],
) -> Result<(), K::Error> {
    let mut readers: Vec<Option<NodeId>> = vec![None; graph.len()];
    let mut seen = BTreeMap::new();
    for id in order.iter().rev() {
        let node = graph.node(*id);
        let Some(own) = planned[id.index()].as_mut() else { continue };
        if own.state == State::Clean
            && let (Some(reader), Some(key), Some(outputs)) = (readers[id.index()], own.key, &own.outputs)
            && !is_present(node, key, outputs, knows, &mut seen)?
        {
            own.state = State::Runs(Reason::Absent { reader });
        }
        if matches!(own.state, State::Runs(_)) {
            for input in node.input_nodes() {
                readers[input.index()].get_or_insert(*id);
            }
        }
    }
    Ok(())
}

/// Whether the bytes are here; asked for once where many nodes came to the same content.
fn is_present<K: Knowledge>(
    node: Node<'_>,
    key: ActionKey,
    outputs: &Outputs,
    knows: &K,
    seen: &mut BTreeMap<Outputs, bool>,
) -> Result<bool, K::Error> {
    if let Some(is_here) = seen.get(outputs) {
        return Ok(*is_here);
    }
    let is_here = knows.present(node, key, outputs)?;
    seen.insert(outputs.clone(), is_here);
    Ok(is_here)
}

/// Whether skipping leaves nothing of a repository: then it is not assembled.
fn is_emptied(repository: Node<'_>, graph: &Graph, is_skipped: impl Fn(NodeId) -> bool) -> bool {
    let inputs = repository.input_nodes().iter().copied();
    let mut builds = inputs.filter(|input| graph.node(*input).kind() == Kind::Build).peekable();
    builds.peek().is_some() && builds.all(is_skipped)
}
