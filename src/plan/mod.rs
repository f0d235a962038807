//! Planning: which nodes have a realisation, which will run and why, and which depend on what comes out of others.
//!
//! Pure. What the store knows is asked for through [`Knowledge`], level by level of the graph so that the questions come
//! in few large batches. Nothing here runs anything; `exec` uses [`standing`] for each node as its inputs become known,
//! so a plan and a run cannot disagree about what is dirty.
//!
//! A node is *settled* when the content of its outputs is known. Bytes matter only to a consumer that runs: a fetched
//! source that is absent stays absent as long as nobody who runs reads it.

mod causes;
#[cfg(test)]
mod causes_tests;
mod compare;
mod forecast;
#[cfg(test)]
pub(crate) mod in_memory;
mod instead;
mod making;
mod reason;
mod settled;
#[cfg(test)]
mod settled_tests;
mod spared;
#[cfg(test)]
mod tests;
mod theme;

pub use causes::{Cause, Causes, causes, causes_reaching, roots_reaching};
pub use compare::{Comparison, compare};
pub use forecast::{Course, Expected, Forecast, Lane, Places, Times, course, expected, remaining, usual_of_kind};
pub use instead::{Instead, LastGood};
pub use making::{plan, plan_without};
pub use reason::{Change, Earlier, Reason, Walked, changes, describe, is_opaque, nearest, reason, tell, tell_all};
pub use settled::{Remembered, Settled};
pub use spared::{Counted, each_clean, spared};
pub use theme::Theme;

use std::collections::{BTreeMap, BTreeSet};

use crate::cost::Cost;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::graph::{Graph, Node, NodeId};
use crate::name::Kind;

/// What the store knows.
pub trait Knowledge {
    /// Why a question could not be answered.
    type Error;

    /// The outputs of those keys that have a realisation, and what they took, in the order of `keys`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn realised(&self, keys: &[ActionKey]) -> Result<Vec<Option<(Outputs, Cost)>>, Self::Error>;

    /// The number that the ledger gave to this build of `node`; `None` where it gave none.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    fn number(&self, node: Node<'_>, fingerprint: Fingerprint) -> Result<Option<u32>, Self::Error>;

    /// As [`Knowledge::number`], of many builds at once, in their order.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    fn numbers(&self, asked: &[(Node<'_>, Fingerprint)]) -> Result<Vec<Option<u32>>, Self::Error> {
        asked.iter().map(|(node, fingerprint)| self.number(*node, *fingerprint)).collect()
    }

    /// What `node` came to in an earlier plan, and still comes to where all that it reads came to what is remembered of
    /// that; `None` where nothing is remembered. Saves the other questions, and is never needed.
    fn remembered(&self, node: Node<'_>) -> Option<Remembered> {
        let _ = node;
        None
    }

    /// Whether the bytes behind the settled `node` are here.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn present(&self, node: Node<'_>, key: ActionKey, outputs: &Outputs) -> Result<bool, Self::Error>;

    /// When this very step of `node` failed for a fault of its own, in seconds since 1970, where a run would not try it
    /// again. `None` where it never did.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn failed(&self, node: Node<'_>, fingerprint: Fingerprint) -> Result<Option<i64>, Self::Error> {
        let _ = (node, fingerprint);
        Ok(None)
    }

    /// Realisations of a node of that name, the latest first, to say what changed since the nearest of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn earlier(&self, node: Node<'_>) -> Result<Vec<Walked>, Self::Error>;
}

/// What can be said of a node whose inputs are all settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A build to which the ledger has given no number: it was never built.
    Unnumbered(Fingerprint),
    /// It has this key; whether it is realised is for the store to say.
    Keyed(ActionKey),
}

/// The key of a node whose inputs' contents are `contents`, or its fingerprint where a number is still to be given.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn standing<K: Knowledge>(node: Node<'_>, contents: &[Digest], knows: &K) -> Result<Standing, K::Error> {
    if node.kind() != Kind::Build {
        return Ok(Standing::Keyed(node.action_key(None, contents)));
    }
    let fingerprint = node.fingerprint(contents);
    let number = knows.numbers(&[(node, fingerprint)])?.pop().flatten();
    Ok(numbered(node, contents, fingerprint, number))
}

/// The same of many nodes, in their order.
fn standings<K: Knowledge>(nodes: &[(Node<'_>, Vec<Digest>)], knows: &K) -> Result<Vec<Standing>, K::Error> {
    let builds = nodes.iter().filter(|(node, _)| node.kind() == Kind::Build);
    let asked: Vec<(Node<'_>, Fingerprint)> =
        builds.map(|(node, contents)| (*node, node.fingerprint(contents))).collect();
    let mut numbers = asked.iter().zip(knows.numbers(&asked)?);
    let standing = |(node, contents): &(Node<'_>, Vec<Digest>)| {
        let build = if node.kind() == Kind::Build { numbers.next() } else { None };
        match build {
            Some(((_, fingerprint), number)) => numbered(*node, contents, *fingerprint, number),
            None => Standing::Keyed(node.action_key(None, contents)),
        }
    };
    Ok(nodes.iter().map(standing).collect())
}

fn numbered(node: Node<'_>, contents: &[Digest], fingerprint: Fingerprint, number: Option<u32>) -> Standing {
    match number {
        Some(number) => Standing::Keyed(node.action_key(Some(number), contents)),
        None => Standing::Unnumbered(fingerprint),
    }
}

/// The content of a node's inputs in their order; `None` while one is not settled.
pub fn contents<'a>(node: Node<'_>, settled: impl Fn(NodeId) -> Option<&'a Outputs>) -> Option<Vec<Digest>> {
    node.inputs().map(|input| settled(input.node)?.get(input.output).copied()).collect()
}

/// The inputs that a repository is assembled without: those that are `excused`, and the source packages of components of
/// which it has no build then. A source package that came alone would take its version's name, and be in the way of the
/// one that mends the build.
pub fn without(repository: Node<'_>, graph: &Graph, excused: impl Fn(NodeId) -> bool) -> BTreeSet<NodeId> {
    let mut without: BTreeSet<NodeId> = repository.input_nodes().iter().copied().filter(|id| excused(*id)).collect();
    if !without.is_empty() {
        let inputs = || repository.input_nodes().iter().map(|id| graph.node(*id));
        let builds = inputs().filter(|node| node.kind() == Kind::Build && !without.contains(&node.node_id()));
        let built: BTreeSet<&str> = builds.map(Node::subject).collect();
        let alone = |node: &Node<'_>| node.kind() == Kind::SourcePackage && !built.contains(node.subject());
        without.extend(inputs().filter(alone).map(Node::node_id));
    }
    without
}

/// The content of a node's inputs in their order, where it is done without the outputs of those nodes that are `absent`;
/// `None` while another is not settled.
pub fn contents_without<'a>(
    node: Node<'_>,
    settled: impl Fn(NodeId) -> Option<&'a Outputs>,
    absent: impl Fn(NodeId) -> bool,
) -> Option<Vec<Digest>> {
    let content =
        |node, output| if absent(node) { Some(crate::drv::absent()) } else { settled(node)?.get(output).copied() };
    node.inputs().map(|input| content(input.node, input.output)).collect()
}

/// What will happen to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is realised, or its content is known without running.
    Clean,
    /// It will run.
    Runs(Reason),
    /// An input is not known yet: it runs unless they come out as before.
    Depends(Vec<NodeId>),
    /// It does not run: an exception says so, or (then these are not empty) of inputs that it needs.
    Skipped(Vec<NodeId>),
}

/// What will happen to one node.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Which.
    pub node: NodeId,
    /// What.
    pub state: State,
    /// Its key, where that is known.
    pub key: Option<ActionKey>,
    /// Its outputs, where they are known.
    pub outputs: Option<Outputs>,
    /// What its realisation took; `None` where it has none: its outputs can be known without.
    pub cost: Option<Cost>,
}

impl Planned {
    /// Whether it is skipped.
    pub fn is_skipped(&self) -> bool {
        matches!(self.state, State::Skipped(_))
    }

    /// Whether it will run, or may.
    pub fn may_run(&self) -> bool {
        matches!(self.state, State::Runs(_) | State::Depends(_))
    }
}

/// What will happen to the wanted nodes and all that they need, inputs first.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Sorted by node.
    pub nodes: Vec<Planned>,
    /// Those that would run, but failed before as they are now and are not tried again; each with when that was, in seconds
    /// since 1970.
    pub failed: BTreeMap<NodeId, i64>,
}

impl Plan {
    /// What will happen to `node`; `None` where it is not part of the plan.
    pub fn of(&self, node: NodeId) -> Option<&Planned> {
        self.nodes.binary_search_by_key(&node, |planned| planned.node).ok().map(|place| &self.nodes[place])
    }

    /// How many nodes are clean, will run, and depend on others. Those that are skipped are in none of these.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.nodes.iter().fold((0, 0, 0), |(clean, runs, depends), planned| match planned.state {
            State::Clean => (clean + 1, runs, depends),
            State::Runs(_) => (clean, runs + 1, depends),
            State::Depends(_) => (clean, runs, depends + 1),
            State::Skipped(_) => (clean, runs, depends),
        })
    }

    /// The nodes that are skipped, in order.
    pub fn skipped(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().filter(|planned| planned.is_skipped()).map(|planned| planned.node)
    }

    /// The inputs without which the repository `id` is planned, as they are skipped; none of any other node.
    pub fn without(&self, id: NodeId, graph: &Graph) -> BTreeSet<NodeId> {
        match graph.node(id).kind() {
            Kind::Repo => without(graph.node(id), graph, |id| self.of(id).is_some_and(Planned::is_skipped)),
            _ => BTreeSet::new(),
        }
    }
}
