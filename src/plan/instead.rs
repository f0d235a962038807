//! Repositories that are assembled while something in them fails: what they take in its place.
//!
//! A component of which something failed is taken as a whole as the repository was last assembled with it: its source package
//! and its packages for every arch belong together. Of one that it never had, it has nothing. Only a repository is ever
//! assembled so, and what it was assembled with enters its key as every other content does.

use std::collections::{BTreeMap, BTreeSet};

use super::without;
use crate::digest::Digest;
use crate::drv::{Outputs, absent};
use crate::graph::{Graph, Node, NodeId};
use crate::name::{Check, Kind, OutputName};

/// What a repository was last assembled with: the content of each input, by role.
pub type LastGood = BTreeMap<String, Digest>;

/// What a repository takes in the place of inputs that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instead {
    /// Inputs that it is assembled without.
    pub without: BTreeSet<NodeId>,
    /// Inputs in whose place it takes what it was last assembled with; an output that it did not have is [`absent`].
    pub kept: BTreeMap<NodeId, Outputs>,
}

impl Instead {
    /// What a repository takes that was `last` assembled with that, where inputs that are `gone` failed, or wait for what did,
    /// and those that are `skipped` are to be left out.
    pub fn of(
        repository: Node<'_>,
        graph: &Graph,
        last: &LastGood,
        gone: impl Fn(NodeId) -> bool,
        skipped: impl Fn(NodeId) -> bool,
    ) -> Self {
        let failed = |id: NodeId| gone(id) && !skipped(id);
        let inputs = || repository.input_nodes().iter().copied();
        let broken: BTreeSet<&str> = inputs().filter(|id| failed(*id)).filter_map(|id| group(graph.node(id))).collect();
        let is_kept = |id: NodeId| {
            !skipped(id) && (failed(id) || group(graph.node(id)).is_some_and(|group| broken.contains(group)))
        };
        let mut kept: BTreeMap<NodeId, Outputs> = BTreeMap::new();
        for input in repository.inputs().filter(|input| is_kept(input.node)) {
            let content = last.get(input.role).copied().unwrap_or_else(absent);
            let name = OutputName::new(input.output).expect("outputs have plain names");
            kept.entry(input.node).or_default().insert(name, content);
        }
        let is_empty = |outputs: &Outputs| outputs.values().all(|content| *content == absent());
        let never: BTreeSet<NodeId> = kept.iter().filter(|(_, outputs)| is_empty(outputs)).map(|(id, _)| *id).collect();
        kept.retain(|id, _| !never.contains(id));
        let mut without = without(repository, graph, |id| skipped(id) || never.contains(&id));
        without.retain(|id| !kept.contains_key(id));
        Self { without, kept }
    }

    /// Whether no build is left of `repository`: an empty one would take all that is published from its users.
    pub fn is_bare(&self, repository: Node<'_>, graph: &Graph) -> bool {
        let inputs = repository.input_nodes().iter();
        let mut builds = inputs.filter(|id| graph.node(**id).kind() == Kind::Build).peekable();
        builds.peek().is_some() && builds.all(|id| self.without.contains(id))
    }

    /// Whether `id` is not taken as it is.
    pub fn replaces(&self, id: NodeId) -> bool {
        self.without.contains(&id) || self.kept.contains_key(&id)
    }
}

/// The component that an input belongs to; `None` for what stands for itself.
fn group(node: Node<'_>) -> Option<&str> {
    match node.kind() {
        Kind::Build | Kind::SourcePackage => Some(node.subject()),
        // Packages that did not pass a gate are not taken for those that have passed it.
        Kind::Check => Check::split(node.subject()).map(|(component, _)| component),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::graph::small::add;

    /// A repository of two builds and a source package of `a`, and one build of `b`.
    fn graph() -> (Graph, Vec<NodeId>) {
        let mut graph = Builder::default();
        let source = add(&mut graph, "source-package:a@d", "", &[]);
        let one = add(&mut graph, "build:a@d/amd64", "", &[source]);
        let two = add(&mut graph, "build:a@d/arm64", "", &[source]);
        let other = add(&mut graph, "build:b@d/amd64", "", &[]);
        add(&mut graph, "repo:n@d", "", &[source, one, two, other]);
        let graph = graph.finish();
        let names = ["source-package:a@d", "build:a@d/amd64", "build:a@d/arm64", "build:b@d/amd64", "repo:n@d"];
        let ids = names.map(|name| crate::graph::small::id(&graph, name)).to_vec();
        (graph, ids)
    }

    /// All that the repository was assembled with, but for what is `never`.
    fn last(graph: &Graph, repository: NodeId, never: &[NodeId]) -> LastGood {
        let inputs = graph.node(repository).inputs().filter(|input| !never.contains(&input.node));
        inputs.map(|input| (input.role.to_owned(), Digest::of(input.role.as_bytes()))).collect()
    }

    /// What is kept and what is left out, where `gone` failed and `skipped` is to be left out.
    fn check(never: &[usize], gone: &[usize], skipped: &[usize]) -> (Vec<usize>, Vec<usize>, bool) {
        let (graph, ids) = graph();
        let pick = |places: &[usize]| places.iter().map(|place| ids[*place]).collect::<Vec<_>>();
        let (never, gone, skipped) = (pick(never), pick(gone), pick(skipped));
        let repository = graph.node(ids[4]);
        let last = last(&graph, ids[4], &never);
        let instead = Instead::of(repository, &graph, &last, |id| gone.contains(&id), |id| skipped.contains(&id));
        let place = |id: &NodeId| ids.iter().position(|known| known == id).expect("one of them");
        let mut kept: Vec<usize> = instead.kept.keys().map(place).collect();
        let mut without: Vec<usize> = instead.without.iter().map(place).collect();
        kept.sort_unstable();
        without.sort_unstable();
        (kept, without, instead.is_bare(repository, &graph))
    }

    #[test]
    fn a_component_is_kept_as_a_whole() {
        assert_eq!(check(&[], &[], &[]), (vec![], vec![], false));
        assert_eq!(check(&[], &[1], &[]), (vec![0, 1, 2], vec![], false));
        assert_eq!(check(&[], &[3], &[]), (vec![3], vec![], false));
        assert_eq!(check(&[], &[0, 1, 2, 3], &[]), (vec![0, 1, 2, 3], vec![], false));
    }

    #[test]
    fn what_does_not_pass_its_gate_is_kept_as_it_was() {
        let mut graph = Builder::default();
        let build = add(&mut graph, "build:a@d/amd64", "", &[]);
        let gate = add(&mut graph, "check:a.lintian@d/amd64", "", &[build]);
        let repository = add(&mut graph, "repo:n@d", "", &[build, gate]);
        let graph = graph.finish();
        let of = |never: &[NodeId]| {
            let last = last(&graph, repository, never);
            Instead::of(graph.node(repository), &graph, &last, |id| id == gate, |_| false)
        };
        let known = of(&[]);
        assert_eq!(
            (known.kept.keys().copied().collect::<Vec<_>>(), known.without),
            (vec![build, gate], BTreeSet::new())
        );
        // The gate is new.
        let new = of(&[gate]);
        assert_eq!((new.kept.keys().copied().collect::<Vec<_>>(), new.without), (vec![build], BTreeSet::from([gate])));
    }

    #[test]
    fn what_it_never_had_is_left_out() {
        assert_eq!(check(&[0, 1, 2], &[1], &[]), (vec![], vec![0, 1, 2], false));
        assert_eq!(check(&[2], &[1], &[]), (vec![0, 1], vec![2], false));
        assert_eq!(check(&[0, 1, 2, 3], &[1, 3], &[]), (vec![], vec![0, 1, 2, 3], true));
    }

    #[test]
    fn what_is_skipped_is_not_kept() {
        assert_eq!(check(&[], &[2], &[2]), (vec![], vec![2], false));
        assert_eq!(check(&[], &[1, 2], &[1, 2]), (vec![], vec![0, 1, 2], false), "nor its source alone");
        assert_eq!(check(&[], &[1, 2], &[2]), (vec![0, 1], vec![2], false));
    }
}
