//! What a build would do.

use super::keeping;
use super::session::Session;
use super::settled::Known;
use crate::cost::Spared;
use crate::diag::Failure;
use crate::exec::{Elsewhere, StoreKnowledge};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;
use crate::plan::{self, Plan};
use crate::project::Project;
use crate::store::Store;

/// What of a graph is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Nodes to settle, with all that they need.
    pub wanted: Vec<NodeId>,
    /// Nodes among them that run although they are realised.
    pub again: Vec<NodeId>,
    /// Whether nodes that failed before as they are now are tried again.
    pub retry_failed: bool,
    /// Whether repositories are assembled with the last good outputs of what fails.
    pub keep_last_good: bool,
}

/// How the wish follows from what was selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// Whether anything was selected at all; if not, everything is meant.
    pub selected: bool,
    /// Run the selected nodes' builds although they are realised.
    pub again: bool,
    /// Leave out what depends on the selected nodes.
    pub only: bool,
    /// Try again what failed before and has not changed since.
    pub retry_failed: bool,
    /// Assemble repositories with the last good outputs of what fails.
    pub keep_last_good: bool,
}

/// What a person asked for, in their words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The selectors; empty for everything.
    pub selection: Vec<String>,
    /// What was said besides.
    pub scope: Scope,
}

/// What to settle for `selected` nodes, which are in order: they, and unless `only` what depends on them. Repositories are assembled when
/// everything is built, or when they are named.
pub fn wish(graph: &Graph, selected: &[NodeId], scope: Scope) -> Wish {
    let is_repo = |id: &NodeId| graph.node(*id).kind() == Kind::Repo;
    let wanted = if !scope.selected || scope.only {
        selected.to_vec()
    } else {
        // One source may serve several distros: where what is made of it was selected too, that alone is meant.
        let is_taken_along = |id: &NodeId| {
            let is_source = graph.node(*id).kind() == Kind::Source;
            is_source && graph.consumers(*id).iter().any(|consumer| selected.binary_search(consumer).is_ok())
        };
        let (taken_along, seeds): (Vec<NodeId>, Vec<NodeId>) = selected.iter().partition(|id| is_taken_along(id));
        let mut wanted = graph.with_consumers(&seeds);
        wanted.extend(taken_along);
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|id| !is_repo(id) || selected.contains(id));
        wanted
    };
    let mut again = Vec::new();
    if scope.again {
        let builds = selected.iter().copied().filter(|id| graph.node(*id).kind() == Kind::Build);
        again = builds.collect();
        if again.is_empty() {
            again = selected.to_vec();
        }
    }
    Wish { wanted, again, retry_failed: scope.retry_failed, keep_last_good: scope.keep_last_good }
}

/// Plans a wish: what a store comes to for it, as far as that is not remembered. What it does not have is asked for
/// elsewhere, and what is there becomes the store's. The store is told what it is to
/// keep for the project.
///
/// # Errors
/// Where the store cannot be read.
pub fn plan(session: &Session, wish: &Wish, store: &Store, elsewhere: Option<&dyn Elsewhere>) -> Result<Plan, Failure> {
    plan_knowing(session, wish, store, elsewhere, &Known::of(&session.project, store)?)
}

/// The same with what is known of the store.
pub(super) fn plan_knowing(
    session: &Session,
    wish: &Wish,
    store: &Store,
    elsewhere: Option<&dyn Elsewhere>,
    known: &Known,
) -> Result<Plan, Failure> {
    let knows = StoreKnowledge::new(store)?
        .remembering(known.settled())
        .asking(elsewhere)
        .within(&session.project.settings.limits);
    let knows = knows.of_project(keeping::project_of(&session.project)).retrying(wish.retry_failed);
    let skip = session.excepted.skipped();
    let plan = plan::plan_without(&session.graph, &wish.wanted, &wish.again, &skip, &knows)?;
    if known.keep(&session.graph, &plan) || !is_listed(&session.project, store) {
        let key = |id| plan.of(id).filter(|planned| planned.outputs.is_some()).and_then(|planned| planned.key);
        keeping::keep(session, store, key)?;
    }
    Ok(plan)
}

/// What is clean, where that is everything, it is wanted, and known without a plan; `None` where a plan has to tell.
pub(super) fn all_clean(session: &Session, wish: &Wish, store: &Store, known: &Known) -> Option<Spared> {
    let is_all = wish.again.is_empty() && wish.wanted.len() == session.graph.len();
    let clean = if is_all { known.whole(&session.graph) } else { None };
    clean.filter(|_| is_listed(&session.project, store))
}

/// Whether the store keeps what the project has in it.
pub(super) fn is_listed(project: &Project, store: &Store) -> bool {
    store.has_project(&keeping::project_of(project))
}
