//! Nodes of probes: one for each command and target, made when a build wants it.

use crate::component::{Component, Probe};
use crate::digest::Digest;
use crate::family::probe::{VALUE, probe, probes, role};
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin, Word};
use crate::name::Kind;

/// The most characters of a command in a node's name.
const MOST: usize = 24;

/// The probes of a component at `place`, whose base root is `root`, in the order of their roles.
pub(super) fn of(graph: &mut Builder, component: &Component, place: Word, root: NodeId) -> Vec<NodeId> {
    probes(component).into_iter().map(|one| node(graph, one, place, root)).collect()
}

/// What a build needs of `own` probes, and what it needs so that it gets another number when builds that it is `tied` to
/// do: their probes, each build's with the arch that it is for.
pub(super) fn needs<'a>(
    graph: &mut Builder,
    own: &[NodeId],
    tied: impl Iterator<Item = (&'a str, &'a [NodeId])>,
) -> Vec<Needed> {
    let of_own = own.iter().enumerate().map(|(place, node)| (role(place), *node));
    let mut needs: Vec<(String, NodeId)> = of_own.collect();
    for (arch, others) in tied {
        let others = others.iter().enumerate().filter(|(_, node)| !own.contains(node));
        needs.extend(others.map(|(place, node)| (format!("number with {arch}, {}", role(place)), *node)));
    }
    needs.into_iter().map(|(role, node)| graph.need(&role, node, VALUE)).collect()
}

/// The node of one probe, which may be there already.
pub(super) fn node(graph: &mut Builder, one: &Probe, place: Word, root: NodeId) -> NodeId {
    let action = graph.action(&probe(one));
    let digest = Digest::of(one.command.as_bytes()).to_string();
    // Two commands whose digests begin alike get longer names.
    for length in [8, 16, digest.len()] {
        let subject = graph.word(&subject(&one.command, &digest[..length]));
        match graph.find(Kind::Probe, subject, place) {
            Some(known) if graph.does(known, action) => return known,
            Some(_) => {}
            None => {
                let mut needs = [graph.need("root", root, "root")];
                let (kind, origin) = (Kind::Probe, Origin::Made);
                let new = NewNode { kind, subject, place, action, of_component: false, origin };
                return graph.add(new, &mut needs);
            }
        }
    }
    unreachable!("two commands of one digest are one command")
}

/// What people see of a command: its words, and what tells it from all others.
fn subject(command: &str, digest: &str) -> String {
    let words = command.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: String = words.collect::<Vec<_>>().join("-").to_ascii_lowercase().chars().take(MOST).collect();
    if words.is_empty() { digest.to_owned() } else { format!("{}-{digest}", words.trim_end_matches('-')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_makes_a_name() {
        assert_eq!(subject("gcc -dumpversion", "0123"), "gcc-dumpversion-0123");
        assert_eq!(subject("../É '$(id)' ", "0123"), "id-0123");
        assert_eq!(subject("é", "0123"), "0123");
        let long = subject(&"Ab/".repeat(300), "0123");
        assert_eq!(long, "ab-ab-ab-ab-ab-ab-ab-ab-0123");
        assert!(crate::name::ComponentName::new(long).is_ok());
    }
}
