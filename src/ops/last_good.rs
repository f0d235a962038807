//! What repositories keep of what fails: what they were last assembled with, which is noted whenever one is assembled.

use std::collections::{BTreeMap, BTreeSet};

use super::keeping::project_of;
use super::session::Session;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{Outputs, absent};
use crate::exec::Outcome;
use crate::graph::{Node, NodeId};
use crate::name::{ChannelName, Kind};
use crate::plan::{Instead, LastGood};
use crate::publish;
use crate::store::{Assembled, Store};

/// What each repository among `wanted`, or that one of these reads, was last assembled with. One of whose channel nothing is
/// published has nothing to keep, and loses nothing; of another that is not said, it waits for what fails.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn last_good(
    session: &Session,
    store: &Store,
    wanted: &[NodeId],
) -> Result<BTreeMap<NodeId, LastGood>, Failure> {
    let mut last = BTreeMap::new();
    for id in wanted.iter().copied().filter(|id| session.graph.node(*id).kind() == Kind::Repo) {
        if let Some(known) = of_repository(session, store, id)? {
            last.insert(id, known.inputs);
        }
    }
    Ok(last)
}

/// What the repository `id` was last assembled with; nothing at all where nothing is published of its channel; `None` where that
/// is not known.
pub(super) fn of_repository(session: &Session, store: &Store, id: NodeId) -> Result<Option<Assembled>, Failure> {
    let (node, project) = (session.graph.node(id), project_of(&session.project));
    if let Some(known) = store.assembled(&project, &node.to_string())? {
        return Ok(Some(known));
    }
    let channel = ChannelName::new(node.subject()).ok();
    let is_new = match &channel {
        Some(channel) if store.channels()?.contains(channel) => publish::current(store, channel)?.is_none(),
        _ => true,
    };
    let (inputs, lists, instead) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    Ok(is_new.then(|| Assembled { project, node: node.to_string(), inputs, lists, instead }))
}

/// Notes what the repositories that a run has assembled were assembled with.
///
/// # Errors
/// Where that cannot be written.
pub(super) fn note_run(session: &Session, store: &Store, outcome: &Outcome) -> Result<(), Failure> {
    if outcome.stopped {
        return Ok(());
    }
    let outputs = |id: NodeId| outcome.settled.get(&id).map(|(_, outputs)| outputs);
    for id in outcome.settled.keys().copied().filter(|id| session.graph.node(*id).kind() == Kind::Repo) {
        let mut without = outcome.without.get(&id).cloned().unwrap_or_default();
        let own = outcome.kept.get(&id).cloned().unwrap_or_default();
        let mut told: BTreeSet<NodeId> = own.kept.keys().chain(&own.never).copied().collect();
        if !told.is_empty() {
            told.extend(&without);
        }
        without.extend(own.never);
        note(session, store, id, outputs, (&Instead { without, kept: own.kept }, &told))?;
    }
    Ok(())
}

/// Notes what the repository `id` is assembled with: what nodes came to, and in the place of some what `instead` says, of which
/// those in `told` fail.
///
/// # Errors
/// Where that cannot be written.
pub(super) fn note<'a>(
    session: &Session,
    store: &Store,
    id: NodeId,
    outputs: impl Fn(NodeId) -> Option<&'a Outputs>,
    (instead, told): (&Instead, &BTreeSet<NodeId>),
) -> Result<(), Failure> {
    let node = session.graph.node(id);
    let before = of_repository(session, store, id)?.map(|before| before.lists).unwrap_or_default();
    let (mut inputs, mut lists) = (BTreeMap::new(), BTreeMap::new());
    for input in node.inputs().filter(|input| !instead.without.contains(&input.node)) {
        let kept = instead.kept.get(&input.node);
        let Some(outputs_of) = kept.or_else(|| outputs(input.node)) else { return Ok(()) };
        let Some(content) = outputs_of.get(input.output).copied() else { return Ok(()) };
        if content == absent() {
            continue;
        }
        inputs.insert(input.role.to_owned(), content);
        let build = session.graph.node(input.node);
        if build.kind() == Kind::Build {
            let name = build.to_string();
            let of_plan = || list_of(session, build).and_then(&outputs).and_then(|outputs| outputs.get("list"));
            let list = if kept.is_some() { before.get(&name) } else { of_plan() };
            lists.extend(list.map(|list| (name, *list)));
        }
    }
    let project = project_of(&session.project);
    let instead = told.iter().map(|id| session.graph.node(*id).to_string()).collect();
    Ok(store.keep_assembled(&Assembled { project, node: node.to_string(), inputs, lists, instead })?)
}

/// The node that chose the packages of the root in which `build` runs.
fn list_of(session: &Session, build: Node<'_>) -> Option<NodeId> {
    let root = build.inputs().find(|input| input.role == "root")?;
    Some(session.graph.node(root.node).inputs().find(|input| input.role == "list")?.node)
}

/// A repository as it is assembled while something in it fails.
pub(super) struct WithLastGood {
    /// What it takes instead.
    pub instead: Instead,
    /// The package lists of the roots in which the builds ran of which it keeps the outputs, by the nodes that chose them.
    lists: BTreeMap<NodeId, Digest>,
}

impl WithLastGood {
    /// What the repository `id` took, where nodes came to those `outputs` and the others failed; `None` where nobody has
    /// assembled it without all of these since.
    pub fn of<'a>(
        session: &Session,
        store: &Store,
        id: NodeId,
        outputs: impl Fn(NodeId) -> Option<&'a Outputs>,
        skipped: impl Fn(NodeId) -> bool,
    ) -> Result<Option<Self>, Failure> {
        let Some(last) = of_repository(session, store, id)? else { return Ok(None) };
        let (graph, node) = (&session.graph, session.graph.node(id));
        let instead = Instead::of(node, graph, &last.inputs, |input| outputs(input).is_none(), &skipped);
        // Whoever asked for no such repository is not to have one.
        let replaced = instead.kept.keys().chain(&instead.without).filter(|id| !skipped(**id));
        if !replaced.into_iter().all(|id| last.instead.contains(&graph.node(*id).to_string())) {
            return Ok(None);
        }
        let builds = instead.kept.keys().map(|input| graph.node(*input));
        let list = |build: Node<'_>| Some((list_of(session, build)?, *last.lists.get(&build.to_string())?));
        let lists = builds.filter_map(list).collect();
        Ok(Some(Self { instead, lists }))
    }

    /// What a node came to for this repository, where it is one of those that are not taken as they are; the outer `None` for
    /// any other.
    pub fn outputs(&self, id: NodeId) -> Option<Option<Outputs>> {
        if let Some(list) = self.lists.get(&id) {
            return Some(Some([("list".parse().expect("a plain name"), *list)].into()));
        }
        if self.instead.without.contains(&id) {
            return Some(None);
        }
        self.instead.kept.get(&id).map(|outputs| Some(outputs.clone()))
    }

    /// The nodes whose last good outputs it has.
    pub fn kept(&self) -> BTreeSet<NodeId> {
        self.instead.kept.keys().copied().collect()
    }
}
