//! What of a plan is of a foreign arch, and how that runs on this machine.

use std::collections::BTreeMap;

use crate::distro::Family;
use crate::drv::Action;
use crate::event::Foreign;
use crate::exec::{Cpus, arch_of};
use crate::graph::{Graph, Node, NodeId};
use crate::plan::{Plan, Planned};
use crate::sandbox::{Launcher, Runs, host_arch};
use crate::store::Store;

/// How many nodes are named.
const NAMED: usize = 3;

/// The nodes of `plan` that may run and are of an arch that is not this machine's, by target; those that the machine runs
/// all the same, as 32-bit ones, are left out. Nothing where no sandbox can be made at all: a build says so itself.
pub fn foreign(graph: &Graph, plan: &Plan, store: &Store, cpus: &Cpus) -> Vec<Foreign> {
    let mut targets: BTreeMap<(&str, &str), Vec<NodeId>> = BTreeMap::new();
    for planned in plan.nodes.iter().filter(|planned| Planned::may_run(planned)) {
        let node = graph.node(planned.node);
        if let (Some(distro), Some(arch)) = (node.distro(), arch_of(node, graph).filter(|arch| *arch != host_arch())) {
            targets.entry((distro, arch)).or_default().push(planned.node);
        }
    }
    // Those of RPM do not run on any machine yet, and say so themselves.
    targets.retain(|_, nodes| nodes.first().is_some_and(|id| is_of_deb(graph.node(*id), graph)));
    if targets.is_empty() {
        return Vec::new();
    }
    let Ok(launcher) = Launcher::this_program() else { return Vec::new() };
    let told = targets.into_iter().filter_map(|((distro, arch), nodes)| {
        let (emulator, problem) = match cpus.of(store, &launcher, arch).ok()? {
            Ok(Runs::Natively(_)) => return None,
            Ok(Runs::Emulated(_, name)) => (Some(name), None),
            Err(why) => (None, Some(why)),
        };
        Some(Foreign {
            target: format!("{distro}/{arch}"),
            nodes: nodes.len(),
            first: nodes.iter().take(NAMED).map(|id| graph.node(*id).name()).collect(),
            emulator,
            problem: problem.as_ref().map(ToString::to_string),
            help: problem.map(|why| why.help().to_owned()),
        })
    });
    told.collect()
}

/// Whether the root that `node` is, or runs in, is made of Debian packages.
fn is_of_deb(node: Node<'_>, graph: &Graph) -> bool {
    let below = |node: Node<'_>, role: &str| {
        let input = node.inputs().find(|input| input.role == role)?;
        Some(graph.node(input.node))
    };
    let root = below(node, "root").unwrap_or(node);
    let list = below(root, "list").map(Node::action);
    matches!(list, Some(Action::Resolve(resolve)) if resolve.family == Family::Deb.as_str())
}
