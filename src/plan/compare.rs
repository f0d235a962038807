//! Two graphs compared: what is new, what is gone, what changed by itself, and what only follows.
//!
//! A comparison is a plan in which the graph before takes the place of the store: a node that changed by itself *runs*,
//! with the fields that changed as its reason, one that only reads what changed *depends*, and one with the same id is
//! clean. So the causes of a comparison are counted as those of a plan are.

use super::{Change, Earlier, Plan, Planned, Reason, State, changes};
use crate::digest::Digest;
use crate::drv::{ActionKey, text_of};
use crate::graph::{Graph, Node, NodeId};

/// What differs between two graphs.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The nodes of the graph now, as if the graph before were what is built. A new node's reason is [`Reason::New`].
    pub plan: Plan,
    /// Nodes of the graph before that are not in the one now, in order.
    pub removed: Vec<NodeId>,
}

/// Compares `before` with `now`, node by node of the same name.
pub fn compare(before: &Graph, now: &Graph) -> Comparison {
    let (old, new) = (before.names(), now.names());
    let mut differs = vec![false; now.len()];
    let mut nodes = Vec::with_capacity(now.len());
    for id in now.ids() {
        let node = now.node(id);
        let state = match old.find(node) {
            Some(was) if was.id() == node.id() => State::Clean,
            Some(was) => {
                let mut on: Vec<NodeId> =
                    node.input_nodes().iter().copied().filter(|input| differs[input.index()]).collect();
                on.sort_unstable();
                on.dedup();
                let own = own_changes(before, was, now, node);
                // Where nothing of its own differs, an input must; a node that neither explains is told as changed.
                if own.is_empty() && !on.is_empty() {
                    State::Depends(on)
                } else {
                    // There is no realisation here to name.
                    let since = Earlier { key: ActionKey(Digest::from_bytes([0; 32])), started: 0 };
                    State::Runs(Reason::Changed { changes: own, since })
                }
            }
            None => State::Runs(Reason::New),
        };
        differs[id.index()] = state != State::Clean;
        nodes.push(Planned { node: id, state, key: None, outputs: None, cost: None });
    }
    let removed = before.ids().filter(|id| new.find(before.node(*id)).is_none()).collect();
    Comparison { plan: Plan { nodes, ..Plan::default() }, removed }
}

/// The fields in which two nodes of one name differ, whatever their inputs come to. An input counts as changed where it
/// is another node, or another output of it.
fn own_changes(before: &Graph, was: Node<'_>, now: &Graph, is: Node<'_>) -> Vec<Change> {
    let mut found = Vec::new();
    if was.action_digest() != is.action_digest() {
        let walk = |node: Node<'_>| text_of(&node.derivation(), &[]);
        // Inputs are compared below, by name.
        found = changes(&walk(was), &walk(is));
        found.retain(|change| !change.field.starts_with("input "));
    }
    let mut old = was.inputs().peekable();
    let mut new = is.inputs().peekable();
    let told = |graph: &Graph, from: NodeId, output: &str| format!("{output} of {}", graph.node(from));
    loop {
        // Both are sorted by role, and roles are unique.
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.role.cmp(new.role),
        };
        let was = if order.is_le() { old.next() } else { None };
        let is = if order.is_ge() { new.next() } else { None };
        let role = was.or(is).map_or("", |input| input.role);
        let was = was.map(|input| told(before, input.node, input.output));
        let is = is.map(|input| told(now, input.node, input.output));
        if was != is {
            found.push(Change { field: format!("input {role}"), before: was, now: is });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::graph::small::{add, chain};
    use crate::plan::{Theme, causes};

    fn told(before: &Graph, now: &Graph) -> Vec<String> {
        let compared = compare(before, now);
        let mut lines = Vec::new();
        for planned in &compared.plan.nodes {
            let name = now.node(planned.node);
            match &planned.state {
                State::Clean => {}
                State::Runs(Reason::New) => lines.push(format!("{name} is new")),
                State::Runs(reason) => {
                    lines.push(format!("{name}: {}", Theme::of(now, planned.node, reason).describe()));
                }
                // Of two states of a project nothing is skipped.
                State::Depends(_) | State::Skipped(_) => lines.push(format!("{name} follows")),
            }
        }
        lines.extend(compared.removed.iter().map(|id| format!("{} is gone", before.node(*id))));
        lines
    }

    #[test]
    fn what_changed_by_itself_is_told_from_what_follows() {
        let (before, now) = (chain("1"), chain("2"));
        assert_eq!(
            told(&before, &now),
            [
                "build:a@d/amd64: env V changed from `1` to `2`",
                "root:b@d/amd64 follows",
                "build:b@d/amd64 follows",
                "repo:nightly@d follows",
            ]
        );
        assert_eq!(told(&now, &now), Vec::<String>::new());
        let counted = causes(&now, &compare(&before, &now).plan);
        assert_eq!((counted.roots, counted.dragged, counted.causes.len()), (1, 3, 1));
    }

    #[test]
    fn nodes_come_and_go_and_inputs_are_exchanged() {
        let graph = |input: &str, last: &str| {
            let mut graph = Builder::default();
            let input = add(&mut graph, input, "", &[]);
            let build = add(&mut graph, "build:p@d/amd64", "", &[input]);
            add(&mut graph, last, "", &[build]);
            graph.finish()
        };
        assert_eq!(
            told(&graph("source:x", "repo:old@d"), &graph("source:y", "repo:new@d")),
            [
                "source:y is new",
                "build:p@d/amd64: source:x is gone; source:y is new",
                "repo:new@d is new",
                "source:x is gone",
                "repo:old@d is gone",
            ]
        );
    }
}
