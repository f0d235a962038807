//! What exceptions mean for the nodes of a graph: which do not run, and which may fail.
//!
//! Applied to a graph that is there already. Nothing of it is part of a node, so no id and no key follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Node, NodeId, Selector};
use crate::component::MayFail;
use crate::exceptions::{ExceptionKind, Exceptions, Excuse};
use crate::name::Kind;

/// What those exceptions that are in force mean for the nodes of a graph.
#[derive(Debug, Clone, Default)]
pub struct Excepted {
    /// Builds that do not run, and what only they need.
    skipped: BTreeMap<NodeId, Excuse>,
    /// Builds whose failure is expected, with their own steps.
    expected: BTreeMap<NodeId, MayFail>,
    /// By exception: the builds whose failure it expects.
    expecting: Vec<(Excuse, BTreeSet<NodeId>)>,
}

/// The builds that `selector` means, in order. May be empty.
pub fn builds(selector: &Selector, graph: &Graph) -> Vec<NodeId> {
    graph.ids().filter(|id| graph.node(*id).kind() == Kind::Build && selector.means(graph, *id)).collect()
}

impl Excepted {
    /// What `exceptions` mean for `graph` on the day `today`. A build that several mean belongs to the one that says most:
    /// one that skips it before one that expects it to fail, and of a kind the one that holds longest. What is no selector
    /// means nothing; whoever reads the file has told of it.
    pub fn of(exceptions: &Exceptions, graph: &Graph, today: &str) -> Self {
        let mut excepted = Self::default();
        if exceptions.is_empty() {
            return excepted;
        }
        let meant = |kind: ExceptionKind| {
            let mut meant: BTreeMap<NodeId, Excuse> = BTreeMap::new();
            for (text, exception) in exceptions.in_force(kind, today) {
                let found = text.parse().map(|selector| builds(&selector, graph)).unwrap_or_default();
                meant.extend(found.into_iter().map(|id| (id, exception.excuse(text))));
            }
            meant
        };
        excepted.skipped = meant(ExceptionKind::Skip);
        let mut expected = meant(ExceptionKind::ExpectFailure);
        expected.retain(|id, _| !excepted.skipped.contains_key(id));
        let mut expecting: BTreeMap<&Excuse, BTreeSet<NodeId>> = BTreeMap::new();
        for (id, excuse) in &expected {
            expecting.entry(excuse).or_default().insert(*id);
        }
        excepted.expecting = expecting.into_iter().map(|(excuse, builds)| (excuse.clone(), builds)).collect();
        for id in expected.keys() {
            for step in own_steps(graph, *id, &expected) {
                excepted.expected.insert(step, may_fail(&expected[id]));
            }
        }
        excepted.skip_what_only_they_need(graph);
        excepted
    }

    /// Why a node does not run; `None` where it may.
    pub fn skip(&self, id: NodeId) -> Option<&Excuse> {
        self.skipped.get(&id)
    }

    /// The nodes that do not run.
    pub fn skipped(&self) -> BTreeSet<NodeId> {
        self.skipped.keys().copied().collect()
    }

    /// What is known of a failure of `node`: an exception says more than a recipe.
    pub fn known_failure<'a>(&'a self, node: Node<'a>) -> Option<&'a MayFail> {
        self.expected.get(&node.node_id()).or_else(|| node.may_fail())
    }

    /// The nodes that may fail on the day `today`, as exceptions or recipes say.
    pub fn may_fail(&self, graph: &Graph, today: &str) -> BTreeSet<NodeId> {
        let of_recipes = graph.known_failures().filter(|(_, may_fail)| may_fail.holds(today)).map(|(id, _)| id);
        of_recipes.chain(self.expected.keys().copied()).collect()
    }

    /// The exceptions that expect failures of which none is left: all builds that they mean are realised, as
    /// `is_realised` says.
    pub fn done_with(&self, is_realised: impl Fn(NodeId) -> bool) -> impl Iterator<Item = (&Excuse, usize)> {
        let done = self.expecting.iter().filter(move |(_, builds)| builds.iter().all(|id| is_realised(*id)));
        done.map(|(excuse, builds)| (excuse, builds.len()))
    }

    fn skip_what_only_they_need(&mut self, graph: &Graph) {
        if self.skipped.is_empty() {
            return;
        }
        let skipped = &mut self.skipped;
        let mut built: BTreeMap<NodeId, BTreeSet<&str>> = BTreeMap::new();
        for id in graph.ids().rev() {
            let node = graph.node(id);
            // A build is wanted for its own sake, and so is a repository.
            if matches!(node.kind(), Kind::Build | Kind::Repo) {
                continue;
            }
            // A repository takes no source package of what it has no build of.
            let mut is_left_out = |reader: NodeId| {
                let reader = graph.node(reader);
                let is_of_repository = reader.kind() == Kind::Repo && node.kind() == Kind::SourcePackage;
                is_of_repository
                    && !built
                        .entry(reader.node_id())
                        .or_insert_with(|| {
                            let inputs = reader.input_nodes().iter().filter(|input| !skipped.contains_key(input));
                            let builds =
                                inputs.map(|input| graph.node(*input)).filter(|node| node.kind() == Kind::Build);
                            builds.map(Node::subject).collect()
                        })
                        .contains(node.subject())
            };
            let readers = graph.consumers(id);
            let first = readers.iter().find_map(|reader| skipped.get(reader)).cloned();
            let alone = readers.iter().all(|reader| skipped.contains_key(reader) || is_left_out(*reader));
            if let (Some(excuse), true) = (first, alone) {
                skipped.insert(id, excuse);
            }
        }
    }
}

fn may_fail(excuse: &Excuse) -> MayFail {
    let Excuse { why, until, exception } = excuse.clone();
    MayFail { why, expires: until, exception }
}

/// The steps that belong to a build alone: itself, its root and package lists, and where all builds of its source package
/// are `expected` to fail, that one.
fn own_steps(graph: &Graph, build: NodeId, expected: &BTreeMap<NodeId, Excuse>) -> Vec<NodeId> {
    let mut steps = vec![build];
    let subject = graph.node(build).subject();
    let mut next = vec![build];
    while let Some(id) = next.pop() {
        for input in graph.node(id).input_nodes() {
            let node = graph.node(*input);
            let is_own = match node.kind() {
                Kind::Root | Kind::Resolve => node.subject() == subject && node.place() == graph.node(build).place(),
                Kind::SourcePackage => {
                    let mut builds =
                        graph.consumers(*input).iter().filter(|reader| graph.node(**reader).kind() == Kind::Build);
                    node.subject() == subject && builds.all(|reader| expected.contains_key(reader))
                }
                _ => false,
            };
            if is_own && !steps.contains(input) {
                steps.push(*input);
                next.push(*input);
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exceptions::Exception;
    use crate::graph::Builder;
    use crate::graph::small::{add, id};

    const TODAY: &str = "2026-11-29";

    /// Two components for two arches, one of which has a repository, and an index and a base that all share.
    fn graph() -> Graph {
        let mut graph = Builder::default();
        let index = add(&mut graph, "index:base@d/amd64", "", &[]);
        let mut made = Vec::new();
        for name in ["a", "b"] {
            let source = add(&mut graph, &format!("source:{name}"), "", &[]);
            let package = add(&mut graph, &format!("source-package:{name}@d"), "", &[source]);
            made.push(package);
            for arch in ["amd64", "arm64"] {
                let list = add(&mut graph, &format!("resolve:{name}@d/{arch}"), "", &[index]);
                let root = add(&mut graph, &format!("root:{name}@d/{arch}"), "", &[list]);
                made.push(add(&mut graph, &format!("build:{name}@d/{arch}"), "", &[package, root]));
            }
        }
        add(&mut graph, "repo:nightly@d", "", &made);
        graph.finish()
    }

    fn exceptions(all: &[(ExceptionKind, &str, &str)]) -> Exceptions {
        let mut exceptions = Exceptions::default();
        for (kind, selector, day) in all {
            let one = Exception { reason: "x".parse().expect("plain"), expires: day.parse().expect("a day") };
            exceptions.of_mut(*kind).insert((*selector).to_owned(), one);
        }
        exceptions
    }

    fn skipped(all: &[(ExceptionKind, &str, &str)]) -> Vec<String> {
        let graph = graph();
        let excepted = Excepted::of(&exceptions(all), &graph, TODAY);
        excepted.skipped().into_iter().map(|id| graph.node(id).to_string()).collect()
    }

    #[test]
    fn what_only_skipped_builds_need_is_skipped_too() {
        use ExceptionKind::Skip;
        let of_arm = ["resolve:a@d/arm64", "root:a@d/arm64", "build:a@d/arm64"];
        assert_eq!(skipped(&[(Skip, "a@d/arm64", TODAY)]), of_arm, "the source package is for the other arch as well");
        let whole = [
            "source:a",
            "source-package:a@d",
            "resolve:a@d/amd64",
            "root:a@d/amd64",
            "build:a@d/amd64",
            "resolve:a@d/arm64",
            "root:a@d/arm64",
            "build:a@d/arm64",
        ];
        assert_eq!(skipped(&[(Skip, "a", TODAY)]), whole);
        let each = [(Skip, "build:a@d/amd64", TODAY), (Skip, "a@d/arm64", "2027-01-01")];
        assert_eq!(skipped(&each), whole, "two exceptions may mean all of it together");
        assert_eq!(skipped(&[(Skip, "@d", TODAY)]).len(), graph().len() - 1, "all but the repository");
        assert_eq!(skipped(&[(Skip, "a", "2026-11-28")]), [""; 0], "it has expired");
        assert_eq!(skipped(&[(Skip, "source:a", TODAY), (Skip, "nobody", TODAY), (Skip, "a b", TODAY)]), [""; 0]);
    }

    #[test]
    fn the_exception_that_says_most_counts() {
        use ExceptionKind::{ExpectFailure, Hold, Skip};
        let graph = graph();
        let all = exceptions(&[
            (Hold, "a", "2027-12-24"),
            (ExpectFailure, "a", "2027-01-01"),
            (ExpectFailure, "*", "2026-12-01"),
            (Skip, "a@d/arm64", "2026-12-01"),
            (Skip, "a@*/arm64", "2026-12-02"),
        ]);
        let excepted = Excepted::of(&all, &graph, TODAY);
        let skip = |name: &str| excepted.skip(id(&graph, name)).and_then(|excuse| excuse.exception.as_deref());
        let known = |name: &str| {
            let known = excepted.known_failure(graph.node(id(&graph, name)));
            known.and_then(|known| known.exception.as_deref())
        };
        assert_eq!([skip("build:a@d/arm64"), known("build:a@d/arm64")], [Some("a@*/arm64"), None]);
        assert_eq!([skip("build:a@d/amd64"), known("build:a@d/amd64")], [None, Some("a")]);
        assert_eq!(known("build:b@d/arm64"), Some("*"));
        assert_eq!(["resolve:a@d/amd64", "root:a@d/amd64"].map(known), [Some("a"); 2], "its own steps");
        assert_eq!(
            ["source-package:b@d", "source-package:a@d"].map(known),
            [Some("*"), None],
            "not that of a skipped one"
        );
        assert_eq!(["index:base@d/amd64", "source:b", "repo:nightly@d"].map(known), [None; 3], "what others share");
    }

    #[test]
    fn an_exception_can_go_once_all_that_it_means_is_realised() {
        use ExceptionKind::ExpectFailure;
        let graph = graph();
        let all = exceptions(&[(ExpectFailure, "a", TODAY), (ExpectFailure, "b@d/amd64", TODAY)]);
        let excepted = Excepted::of(&all, &graph, TODAY);
        let done = |failed: &str| -> Vec<(String, usize)> {
            let failed = id(&graph, failed);
            let done = excepted.done_with(|id| id != failed);
            done.map(|(excuse, builds)| (excuse.exception.clone().unwrap_or_default(), builds)).collect()
        };
        assert_eq!(done("build:a@d/arm64"), [("b@d/amd64".to_owned(), 1)]);
        assert_eq!(done("build:b@d/amd64"), [("a".to_owned(), 2)]);
        assert_eq!(excepted.may_fail(&graph, TODAY).len(), 7 + 3);
    }
}
