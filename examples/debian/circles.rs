//! Which source packages need themselves, through others or not.

use std::collections::{BTreeMap, BTreeSet};

use opb::lock::DscPin;
use opb::name::PackageName;
use opb::package::relation::{Relations, Variables};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A source package needs packages to be built, a package needs others to be installed, and its source to be there at all.
pub fn in_circles(pins: &BTreeMap<PackageName, DscPin>) -> BTreeSet<PackageName> {
    let mut graph: DiGraph<Option<&PackageName>, ()> = DiGraph::new();
    let sources: Vec<NodeIndex> = pins.keys().map(|name| graph.add_node(Some(name))).collect();
    let mut packages: BTreeMap<&str, NodeIndex> = BTreeMap::new();
    for (pin, source) in pins.values().zip(&sources) {
        for name in pin.facts.binaries.keys() {
            let package = *packages.entry(name.as_str()).or_insert_with(|| graph.add_node(None));
            graph.update_edge(package, *source, ());
        }
    }
    for (pin, source) in pins.values().zip(&sources) {
        let facts = &pin.facts;
        for field in [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep] {
            lead(&mut graph, &packages, *source, field);
        }
        for (name, binary) in &facts.binaries {
            lead(&mut graph, &packages, packages[name.as_str()], &binary.depends);
        }
    }
    let groups = kosaraju_scc(&graph).into_iter().filter(|group| group.len() > 1);
    groups.flatten().filter_map(|node| graph[node].cloned()).collect()
}

fn lead<'p>(
    graph: &mut DiGraph<Option<&'p PackageName>, ()>,
    packages: &BTreeMap<&'p str, NodeIndex>,
    from: NodeIndex,
    field: &str,
) {
    let relations = Relations::parse_with(field, Variables::LeftOut).unwrap_or_default();
    for relation in relations.0.iter().flat_map(|alternatives| &alternatives.0) {
        if relation.applies("amd64", &BTreeSet::new())
            && let Some(package) = packages.get(relation.name.as_str())
        {
            graph.update_edge(from, *package, ());
        }
    }
}
