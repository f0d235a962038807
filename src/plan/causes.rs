//! Root causes: where what runs begins, and how much each beginning drags along.
//!
//! A node whose inputs are all known and that runs nevertheless is a *root*: the reason is its own. What depends on a
//! root, directly or not, is *dragged* by it, and so is a node that runs only because a node that runs reads its bytes.
//! A node that several roots reach is dragged by each of them, so the counts of causes overlap; the total counts each
//! node once.
//!
//! Roots with the same reason are one cause, so that an index that moved is one line and not one for each of its arches.
//! A node carries a set of at most [`MOST`] causes, which makes all of this linear in the size of the graph.

use std::collections::BTreeMap;

use super::{Plan, Reason, State, Theme};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;

/// The most causes that are told apart; those beyond are one, [`Theme::Other`].
pub const MOST: usize = 256;

/// Roots that run for the same reason.
#[derive(Debug, Clone)]
pub struct Cause {
    /// What they have in common.
    pub theme: Theme,
    /// The reason of the first of them.
    pub reason: Reason,
    /// The roots, in order; never empty.
    pub roots: Vec<NodeId>,
    /// How many other nodes run, or may run, because of them.
    pub dragged: usize,
    /// How many package builds are among all of these.
    pub builds: usize,
}

/// All causes of a plan.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    /// Those that drag most along first.
    pub causes: Vec<Cause>,
    /// How many roots there are.
    pub roots: usize,
    /// How many nodes they drag along, each counted once.
    pub dragged: usize,
    sets: BTreeMap<NodeId, Set>,
}

impl Causes {
    /// The places in `causes` of those that reach `node`, ascending.
    pub fn of(&self, node: NodeId) -> Vec<usize> {
        self.sets.get(&node).map_or_else(Vec::new, |set| set.places().collect())
    }
}

/// A set of causes by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Set([u64; MOST / 64]);

impl Set {
    fn insert(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn join(&mut self, other: Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= other;
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn places(self) -> impl Iterator<Item = usize> {
        std::iter::zip(0.., self.0).flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                // The lowest bit goes.
                word &= word.checked_sub(1)?;
                Some(at * 64 + bit)
            })
        })
    }
}

/// The causes of all that runs or may run.
pub fn causes(graph: &Graph, plan: &Plan) -> Causes {
    causes_of(graph, plan, &|_| true)
}

/// The causes that reach any of `nodes`, with all that they drag along; empty where these are clean or no part of the
/// plan.
pub fn causes_reaching(graph: &Graph, plan: &Plan, nodes: &[NodeId]) -> Causes {
    let roots = roots_reaching(graph, plan, nodes);
    causes_of(graph, plan, &|root| roots.binary_search(&root).is_ok())
}

/// The roots because of which any of `nodes` runs or may run, in order.
pub fn roots_reaching(graph: &Graph, plan: &Plan, nodes: &[NodeId]) -> Vec<NodeId> {
    // Who reads the bytes of a node that runs for their sake only: all that run, not only the one that is named.
    let mut readers: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for planned in &plan.nodes {
        if matches!(planned.state, State::Runs(_)) {
            for input in inputs(graph, planned.node) {
                if is_absent(plan, input) {
                    readers.entry(input).or_default().push(planned.node);
                }
            }
        }
    }
    let mut seen = vec![false; graph.len()];
    let mut roots = Vec::new();
    let mut next = nodes.to_vec();
    while let Some(id) = next.pop() {
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        match plan.of(id).map(|planned| &planned.state) {
            None | Some(State::Clean | State::Skipped(_)) => {}
            Some(State::Runs(Reason::Absent { .. })) => next.extend(readers.get(&id).into_iter().flatten()),
            Some(State::Runs(_)) => roots.push(id),
            Some(State::Depends(on)) => next.extend(on),
        }
    }
    roots.sort_unstable();
    roots
}

fn causes_of(graph: &Graph, plan: &Plan, is_meant: &dyn Fn(NodeId) -> bool) -> Causes {
    let mut found = gather(graph, plan, is_meant);
    let place_of: BTreeMap<NodeId, usize> = std::iter::zip(0.., &found)
        .flat_map(|(place, cause)| cause.roots.iter().map(move |root| (*root, place)))
        .collect();
    let mut sets = spread(graph, plan, &place_of);
    let mut dragged = 0;
    for (node, set) in &sets {
        if !place_of.contains_key(node) {
            dragged += 1;
            set.places().for_each(|place| found[place].dragged += 1);
        }
        if graph.node(*node).kind() == Kind::Build {
            set.places().for_each(|place| found[place].builds += 1);
        }
    }
    // The largest first; a place is then where a cause stands in that order.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|place| {
        let cause = &found[*place];
        (std::cmp::Reverse((cause.dragged, cause.roots.len())), cause.roots[0])
    });
    let mut now_at = vec![0; found.len()];
    order.iter().enumerate().for_each(|(now, before)| now_at[*before] = now);
    for set in sets.values_mut() {
        let mut moved = Set::default();
        set.places().for_each(|place| moved.insert(now_at[place]));
        *set = moved;
    }
    let mut slots: Vec<Option<Cause>> = found.into_iter().map(Some).collect();
    let causes = order.iter().filter_map(|place| slots[*place].take()).collect();
    Causes { causes, roots: place_of.len(), dragged, sets }
}

/// The roots that are meant, by what they have in common, in the order of the first of each.
fn gather(graph: &Graph, plan: &Plan, is_meant: &dyn Fn(NodeId) -> bool) -> Vec<Cause> {
    let mut found: Vec<Cause> = Vec::new();
    let mut places: BTreeMap<Theme, usize> = BTreeMap::new();
    for planned in &plan.nodes {
        let State::Runs(reason) = &planned.state else { continue };
        if matches!(reason, Reason::Absent { .. }) || !is_meant(planned.node) {
            continue;
        }
        let mut theme = Theme::of(graph, planned.node, reason);
        if found.len() >= MOST - 1 && !places.contains_key(&theme) {
            theme = Theme::Other;
        }
        let place = *places.entry(theme.clone()).or_insert_with(|| {
            found.push(Cause { theme, reason: reason.clone(), roots: Vec::new(), dragged: 0, builds: 0 });
            found.len() - 1
        });
        found[place].roots.push(planned.node);
    }
    found
}

/// For each node that causes reach, which.
fn spread(graph: &Graph, plan: &Plan, place_of: &BTreeMap<NodeId, usize>) -> BTreeMap<NodeId, Set> {
    let mut sets = vec![Set::default(); graph.len()];
    for planned in &plan.nodes {
        let mut own = Set::default();
        if let State::Depends(on) = &planned.state {
            on.iter().for_each(|input| own.join(sets[input.index()]));
        }
        if let Some(place) = place_of.get(&planned.node) {
            own.insert(*place);
        }
        sets[planned.node.index()] = own;
    }
    // Backwards, for readers come after what they read.
    for planned in plan.nodes.iter().rev() {
        if matches!(planned.state, State::Runs(_)) {
            let own = sets[planned.node.index()];
            for input in inputs(graph, planned.node) {
                if is_absent(plan, input) {
                    sets[input.index()].join(own);
                }
            }
        }
    }
    let reached = plan.nodes.iter().map(|planned| (planned.node, sets[planned.node.index()]));
    reached.filter(|(_, set)| !set.is_empty()).collect()
}

fn inputs(graph: &Graph, node: NodeId) -> impl Iterator<Item = NodeId> {
    graph.node(node).input_nodes().iter().copied()
}

fn is_absent(plan: &Plan, node: NodeId) -> bool {
    plan.of(node).is_some_and(|planned| matches!(planned.state, State::Runs(Reason::Absent { .. })))
}
