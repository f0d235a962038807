//! What differs between two states of a project, between two runs, or between a run and a state.

mod mixed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::mixed::{RunIs, of_run_and_state};
use super::past::past;
use super::runs::{self, is_run};
use super::session::Session;
use crate::diag::{Cause, Caused, Failure};
use crate::digest::Digest;
use crate::drv::Outputs;
use crate::graph::{Graph, NodeId, Selector};
use crate::name::{Kind, NodeName};
use crate::package::list::PackageList;
use crate::plan::{self, Plan, Reason, State, changes, compare};
use crate::project::Place;
use crate::report::causes::{CauseTold, date};
use crate::report::diff::{
    ChangedNode, Counts, DIFF_VERSION, Diff, ListDiff, Pair, ProjectDiff, RunDiff, RunNodeDiff, RunNodeTold, RunTold,
    StateTold, list_diff,
};
use crate::report::runs::{outcome_word, result_word};
use crate::store::Store;
use crate::store::runs::{Run, RunOf};

/// The most bytes of a package list.
const MAX_LIST: u64 = 64 << 20;

/// Why two things cannot be compared.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DiffError {
    /// A selector that matches on neither side.
    #[error("nothing on either side matches `{selector}`")]
    #[diagnostic(code(opb::diff::nothing), help("look at `opb eval`, which lists all nodes"))]
    Nothing {
        /// The selector.
        selector: String,
    },
}

impl Caused for DiffError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The project's folder as it is.
    Now,
    /// A run on record.
    Run(String),
    /// A revision of the project's git repository.
    Revision(String),
}

impl Side {
    /// `now`, a run (`last`, `20250111-100000`, or anything behind `run:`), else a revision (also behind `git:`).
    pub fn new(text: &str) -> Self {
        match text.split_once(':') {
            Some(("run", run)) => Self::Run(run.to_owned()),
            Some(("git", revision)) => Self::Revision(revision.to_owned()),
            _ if text == "now" => Self::Now,
            _ if is_run(text) => Self::Run(text.to_owned()),
            _ => Self::Revision(text.to_owned()),
        }
    }
}

/// Compares two sides of the project at `place`; the second is by default what stands against the first: now,
/// or the last run. Only nodes that `selectors` mean are told of, where there are any.
///
/// # Errors
/// [`DiffError`], or where a side cannot be read or evaluated.
pub fn diff(
    place: &Place<'_>,
    store: Option<&Path>,
    from: &str,
    to: Option<&str>,
    selectors: &[String],
) -> Result<Diff, Failure> {
    let selectors: Vec<Selector> = selectors
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(super::session::SelectError::from)?;
    let before = Side::new(from);
    let default = if matches!(before, Side::Run(_)) { "last" } else { "now" };
    let to = to.unwrap_or(default);
    match (before, Side::new(to)) {
        (Side::Run(before), Side::Run(after)) => {
            let project = place.open()?;
            let store = Store::open(&project.store_path(store))?;
            let (before, after) = (runs::read(&store, &before)?, runs::read(&store, &after)?);
            Ok(Diff::Runs(of_runs(&store, &before, &after, &selectors)?))
        }
        (Side::Run(run), other) => mixed(place, store, (&run, RunIs::Before), &other, &selectors),
        (other, Side::Run(run)) => mixed(place, store, (&run, RunIs::After), &other, &selectors),
        (before, after) => {
            let (before, after) = (state(place, &before)?, state(place, &after)?);
            Ok(Diff::Project(of_graphs(before, after, &selectors)?))
        }
    }
}

fn mixed(
    place: &Place<'_>,
    store: Option<&Path>,
    (run, run_is): (&str, RunIs),
    other: &Side,
    selectors: &[Selector],
) -> Result<Diff, Failure> {
    let store = Store::open(&place.open()?.store_path(store))?;
    let run = runs::read(&store, run)?;
    let state = state(place, other)?;
    Ok(Diff::Project(of_run_and_state(&store, (&run, run_is), state, selectors)?))
}

fn state(place: &Place<'_>, side: &Side) -> Result<(StateTold, Graph), Failure> {
    match side {
        Side::Revision(revision) => {
            let past = past(&place.open()?, revision)?;
            Ok((StateTold { name: revision.clone(), commit: Some(past.commit) }, past.graph))
        }
        Side::Now | Side::Run(_) => {
            let session = Session::of(place.open()?)?;
            Ok((StateTold { name: "now".to_owned(), commit: None }, session.graph))
        }
    }
}

fn of_graphs(
    (from, before): (StateTold, Graph),
    (to, now): (StateTold, Graph),
    selectors: &[Selector],
) -> Result<ProjectDiff, Failure> {
    let compared = compare(&before, &now);
    let (was, is) = (selected(&before, selectors), selected(&now, selectors));
    if let Some(selector) = selectors.iter().find(|one| one.select(&before).is_empty() && one.select(&now).is_empty()) {
        return Err(DiffError::Nothing { selector: selector.to_string() }.into());
    }
    let name = |graph: &Graph, id: NodeId| graph.node(id).to_string();
    let removed = compared.removed.iter().filter(|id| was[id.index()]).map(|id| name(&before, *id)).collect::<Vec<_>>();
    let mut found = Found { removed, ..Found::default() };
    for planned in compared.plan.nodes.iter().filter(|planned| is[planned.node.index()]) {
        let node = name(&now, planned.node);
        match &planned.state {
            State::Clean => {
                found.same += 1;
                continue;
            }
            State::Runs(Reason::Changed { changes, .. }) => {
                found.changed.push(ChangedNode { node, changes: changes.clone() });
            }
            State::Runs(_) => found.added.push(node),
            State::Depends(_) => found.follow.push(node),
        }
        found.differing.push(planned.node);
    }
    Ok(found.told((from, to), &now, &compared.plan))
}

/// How two states differ, as it is found out.
#[derive(Default)]
struct Found {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<ChangedNode>,
    follow: Vec<String>,
    same: usize,
    not_compared: usize,
    /// Nodes of the later state that are not the same.
    differing: Vec<NodeId>,
}

impl Found {
    fn told(self, (from, to): (StateTold, StateTold), graph: &Graph, plan: &Plan) -> ProjectDiff {
        let Self { added, removed, changed, follow, same, not_compared, differing } = self;
        let causes = plan::causes_reaching(graph, plan, &differing);
        ProjectDiff {
            version: DIFF_VERSION,
            from,
            to,
            counts: Counts {
                added: added.len(),
                removed: removed.len(),
                changed: changed.len(),
                follow: follow.len(),
                same,
                not_compared,
            },
            causes: causes.causes.iter().map(|cause| CauseTold::new(cause, graph)).collect(),
            added,
            removed,
            changed,
            follow,
        }
    }
}

/// For each node, whether it is meant; all are where there are no selectors.
fn selected(graph: &Graph, selectors: &[Selector]) -> Vec<bool> {
    let mut meant = vec![selectors.is_empty(); graph.len()];
    for selector in selectors {
        selector.select(graph).iter().for_each(|id| meant[id.index()] = true);
    }
    meant
}

fn of_runs(store: &Store, from: &Run, to: &Run, selectors: &[Selector]) -> Result<RunDiff, Failure> {
    let is_meant = |node: &str| {
        selectors.is_empty()
            || node.parse::<NodeName>().is_ok_and(|name| selectors.iter().any(|selector| selector.matches(&name)))
    };
    let nodes =
        |run: &Run| run.nodes.iter().map(|of| of.node.clone()).filter(|node| is_meant(node)).collect::<Vec<_>>();
    let (before, after) = (nodes(from), nodes(to));
    if before.is_empty()
        && after.is_empty()
        && let Some(selector) = selectors.first()
    {
        return Err(DiffError::Nothing { selector: selector.to_string() }.into());
    }
    let only = |run: &Run, names: &[String], other: &Run| -> Vec<RunNodeTold> {
        let of = names.iter().filter(|node| other.of(node).is_none()).filter_map(|node| run.of(node));
        of.map(|of| RunNodeTold {
            node: of.node.clone(),
            outcome: run.outcome(of).map(outcome_word),
            milliseconds: of.ended.as_ref().map(|ended| ended.milliseconds),
        })
        .collect()
    };
    let mut diff = RunDiff {
        version: DIFF_VERSION,
        from: told(from),
        to: told(to),
        recipes_differ: from.head.started.recipes != to.head.started.recipes,
        lock_differs: from.head.started.lock != to.head.started.lock,
        only_from: only(from, &before, to),
        only_to: only(to, &after, from),
        changed: Vec::new(),
        same: 0,
        lists: Vec::new(),
    };
    let mut lists: BTreeMap<ListDiff, Vec<String>> = BTreeMap::new();
    for (one, other) in after.iter().filter_map(|node| Some((from.of(node)?, to.of(node)?))) {
        match node_diff(store, (from, one), (to, other))? {
            None => diff.same += 1,
            Some(differs) => {
                if let Some(list) = lists_of(store, one, other)? {
                    lists.entry(list).or_default().push(differs.node.clone());
                }
                diff.changed.push(differs);
            }
        }
    }
    diff.lists = lists.into_iter().map(|(list, nodes)| ListDiff { nodes, ..list }).collect();
    diff.lists.sort_by_key(|list| std::cmp::Reverse(list.nodes.len()));
    Ok(diff)
}

fn told(run: &Run) -> RunTold {
    RunTold {
        run: run.head.id.to_string(),
        started: date(run.head.started.started),
        result: result_word(&run.head),
        milliseconds: run.head.finished.as_ref().map(|finished| finished.milliseconds),
    }
}

/// What differs in what two runs did with a node; `None` where key, outcome and outputs are the same.
fn node_diff(store: &Store, before: (&Run, &RunOf), after: (&Run, &RunOf)) -> Result<Option<RunNodeDiff>, Failure> {
    let outcome = |(run, of): (&Run, &RunOf)| run.outcome(of).map(outcome_word);
    let key = |of: &RunOf| of.ended.as_ref().and_then(|ended| ended.key);
    let outcomes = Pair { from: outcome(before), to: outcome(after) };
    let (one, other) = (before.1, after.1);
    let none = Outputs::new();
    let outputs = |of: &RunOf| of.ended.as_ref().map_or_else(|| none.clone(), |ended| ended.outputs.clone());
    let (old, new) = (outputs(one), outputs(other));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
    // Where one of them has none, that is told by its outcome.
    let differing =
        if old.is_empty() || new.is_empty() { Vec::new() } else { names.iter().map(ToString::to_string).collect() };
    if outcomes.from == outcomes.to && key(one) == key(other) && names.is_empty() {
        return Ok(None);
    }
    let mut fields = Vec::new();
    if let (Some(from), Some(to)) = (key(one), key(other))
        && from != to
        && let (Some(from), Some(to)) = (store.realisation(from)?, store.realisation(to)?)
    {
        fields = changes(&from.derivation, &to.derivation);
    }
    let took = |of: &RunOf| of.ended.as_ref().map(|ended| ended.milliseconds);
    let text = |of: &RunOf| key(of).map(|key| key.to_string());
    Ok(Some(RunNodeDiff {
        node: other.node.clone(),
        outcome: outcomes,
        milliseconds: Pair { from: took(one), to: took(other) },
        key: Pair { from: text(one), to: text(other) },
        changes: fields,
        outputs: differing,
    }))
}

/// What differs between the package lists of a `resolve` node; `None` for other nodes, and where a list is not here.
fn lists_of(store: &Store, one: &RunOf, other: &RunOf) -> Result<Option<ListDiff>, Failure> {
    if !other.node.parse::<NodeName>().is_ok_and(|name| name.kind == Kind::Resolve) {
        return Ok(None);
    }
    let (Some(before), Some(after)) = (list_of(store, one)?, list_of(store, other)?) else { return Ok(None) };
    let diff = list_diff(&before, &after);
    Ok((!diff.added.is_empty() || !diff.removed.is_empty() || !diff.moved.is_empty()).then_some(diff))
}

fn list_of(store: &Store, of: &RunOf) -> Result<Option<PackageList>, Failure> {
    let digest: Option<Digest> = of.ended.as_ref().and_then(|ended| ended.outputs.values().next().copied());
    let Some(digest) = digest else { return Ok(None) };
    if !store.present(digest)? {
        return Ok(None);
    }
    let tree = store.get_tree(digest)?;
    let Some((_, object, _)) = tree.files().find(|(path, ..)| path.as_bytes() == b"list") else { return Ok(None) };
    let text = String::from_utf8(store.read_object(object, MAX_LIST)?).unwrap_or_default();
    // What another version wrote is no list to this one; the keys tell enough then.
    Ok(PackageList::decode(&text).ok())
}
