//! What of a plan is of a foreign arch, and how that runs on this machine.

use std::collections::BTreeMap;

use crate::event::Foreign;
use crate::exec::{Cpus, arch_of};
use crate::graph::{Graph, NodeId};
use crate::plan::{Plan, State};
use crate::sandbox::{Launcher, Runs, host_arch};
use crate::store::Store;

/// How many nodes are named.
const NAMED: usize = 3;

/// The nodes of `plan` that may run and are of an arch that is not this machine's, by target; those that the machine runs
/// all the same, as 32-bit ones, are left out. Nothing where no sandbox can be made at all: a build says so itself.
pub fn foreign(graph: &Graph, plan: &Plan, store: &Store, cpus: &Cpus) -> Vec<Foreign> {
    let mut targets: BTreeMap<(&str, &str), Vec<NodeId>> = BTreeMap::new();
    for planned in plan.nodes.iter().filter(|planned| planned.state != State::Clean) {
        let node = graph.node(planned.node);
        if let (Some(distro), Some(arch)) = (node.distro(), arch_of(node, graph).filter(|arch| *arch != host_arch())) {
            targets.entry((distro, arch)).or_default().push(planned.node);
        }
    }
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
