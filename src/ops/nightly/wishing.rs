//! What a nightly builds for the channels that are made from one lock.

use std::collections::BTreeSet;

use crate::graph::{Graph, NodeId};
use crate::name::{ChannelName, Check, Kind};
use crate::ops::plan::Wish;

/// All nodes of `graph` that `channels` are made of, and what belongs to those: where these are all channels that there are, the
/// whole graph.
pub(super) fn wish(graph: &Graph, channels: &[ChannelName], retry_failed: bool) -> Wish {
    let is_own = |id: &NodeId| {
        let node = graph.node(*id);
        node.kind() == Kind::Repo && channels.iter().any(|channel| channel.as_str() == node.subject())
    };
    let is_other = |id: &NodeId| graph.node(*id).kind() == Kind::Repo && !is_own(id);
    let mut wanted: Vec<NodeId> = graph.ids().collect();
    if wanted.iter().any(is_other) {
        let own: BTreeSet<NodeId> =
            graph.with_inputs(&wanted.iter().copied().filter(is_own).collect::<Vec<_>>()).into_iter().collect();
        let of_own = |id: &NodeId| !is_other(id) && graph.consumers(*id).is_empty() && reads_build(graph, *id, &own);
        let more: Vec<NodeId> = wanted.iter().copied().filter(|id| is_own(id) || of_own(id)).collect();
        wanted = graph.with_inputs(&more);
        wanted.sort_unstable();
    }
    Wish { wanted, again: Vec::new(), retry_failed, keep_last_good: true }
}

/// Whether a node reads a build of `own`, such as a look at its packages. A check that installs packages reads those by its list,
/// which has also what they need: only builds of the component that it looks at count there.
fn reads_build(graph: &Graph, id: NodeId, own: &BTreeSet<NodeId>) -> bool {
    let node = graph.node(id);
    let is_build = |input: &NodeId| graph.node(*input).kind() == Kind::Build && own.contains(input);
    let looked_at = Check::split(node.subject()).filter(|_| node.kind() == Kind::Check).map(|(component, _)| component);
    let is_looked_at = |input: &NodeId| is_build(input) && Some(graph.node(*input).subject()) == looked_at;
    let lists = node.input_nodes().iter().filter(|input| graph.node(**input).kind() == Kind::Resolve);
    let mut of_lists = lists.flat_map(|list| graph.node(*list).input_nodes());
    node.input_nodes().iter().any(is_build) || of_lists.any(is_looked_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::graph::small::add;

    /// The names of what is built for `channels`, of `a` in the channel `one`, of `b`, which needs it, in `two`, and of their checks.
    fn built(channels: &[&str]) -> Vec<String> {
        let mut graph = Builder::default();
        let a = add(&mut graph, "build:a@d/amd64", "", &[]);
        let b = add(&mut graph, "build:b@d/amd64", "", &[a]);
        add(&mut graph, "check:a.lintian@d/amd64", "", &[a]);
        let list = add(&mut graph, "resolve:a.install@d/amd64", "", &[a]);
        add(&mut graph, "check:a.install@d/amd64", "", &[list]);
        let list = add(&mut graph, "resolve:b.install@d/amd64", "", &[a, b]);
        add(&mut graph, "check:b.install@d/amd64", "", &[list]);
        add(&mut graph, "repo:one@d", "", &[a]);
        add(&mut graph, "repo:two@d", "", &[b]);
        let graph = graph.finish();
        let channels: Vec<ChannelName> = channels.iter().map(|name| name.parse().expect("a name")).collect();
        let mut names: Vec<String> =
            wish(&graph, &channels, false).wanted.iter().map(|id| graph.node(*id).name().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn checks_come_with_the_channel_of_what_they_look_at() {
        let one = [
            "build:a@d/amd64",
            "check:a.install@d/amd64",
            "check:a.lintian@d/amd64",
            "repo:one@d",
            "resolve:a.install@d/amd64",
        ];
        assert_eq!(built(&["one"]), one);
        assert_eq!(built(&["one", "two"]).len(), 9);
        let two = built(&["two"]);
        assert!(two.contains(&"check:b.install@d/amd64".to_owned()), "{two:?}");
        assert!(!two.contains(&"repo:one@d".to_owned()), "{two:?}");
    }
}
