//! The nodes of one distro.

use std::collections::{BTreeMap, BTreeSet};

use super::needs::Order;
use super::{Member, Scene};
use crate::component::{Component, SourceSpec};
use crate::drv::{Action, Derivation};
use crate::family::deb::{self, Part};
use crate::graph::{Graph, Needed, NodeId, Origin};
use crate::name::{Arch, ComponentName, DistroName, Kind, NodeName};

/// What was woven for a component of a distro, for those that need it and for the repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Made {
    /// Its builds by arch, `all` among them.
    pub builds: BTreeMap<Arch, NodeId>,
    /// Its source package.
    pub source: Option<NodeId>,
}

/// Everything that was woven, by distro and component.
pub(super) type AllMade = BTreeMap<DistroName, BTreeMap<ComponentName, Made>>;

struct Base {
    index: NodeId,
    list: NodeId,
    root: NodeId,
}

/// Adds the nodes of `scene`'s distro, components in `order`.
pub(super) fn weave(scene: &Scene<'_>, order: &Order<'_>, graph: &mut Graph, made: &mut AllMade) {
    let mut bases: BTreeMap<&Arch, Base> = BTreeMap::new();
    for arch in &scene.arches {
        bases.insert(arch, base(scene, arch, graph));
    }
    let mut of_distro: BTreeMap<ComponentName, Made> = BTreeMap::new();
    for name in &order.order {
        let member = &scene.members[name];
        let woven = component(scene, name, member, order, &bases, &of_distro, graph);
        of_distro.insert((*name).clone(), woven);
    }
    made.insert(scene.distro.name.clone(), of_distro);
}

fn base(scene: &Scene<'_>, arch: &Arch, graph: &mut Graph) -> Base {
    let place = format!("{}/{arch}", scene.distro.name);
    let name = |kind| NodeName { kind, subject: "base".to_owned(), place: place.clone() };
    let files = deb::index_files(scene.deb, &scene.pin.suite, arch);
    let places = files.iter().map(|(label, (_, suite, path))| (label.clone(), (suite.clone(), path.clone()))).collect();
    let origin = Origin::Index { distro: scene.distro.name.clone(), files: places };
    let derivation = deb::index(files.into_values().map(|(file, ..)| file));
    let index = graph.add(name(Kind::Index), derivation, Vec::new(), None, origin);
    let needs = vec![Needed::new("index", index, "packages")];
    let list = graph.add(name(Kind::Resolve), deb::resolve_base(scene.deb, arch), needs, None, Origin::Made);
    let root = graph.add(
        name(Kind::Root),
        deb::root(),
        vec![Needed::new("list", list, "list")],
        None,
        Origin::Packages(scene.distro.name.clone()),
    );
    Base { index, list, root }
}

fn component(
    scene: &Scene<'_>,
    name: &ComponentName,
    member: &Member<'_>,
    order: &Order<'_>,
    bases: &BTreeMap<&Arch, Base>,
    others: &BTreeMap<ComponentName, Made>,
    graph: &mut Graph,
) -> Made {
    let mut made = Made::default();
    let Some(first) = member.on.values().next() else { return made };
    let indep = &scene.distro.indep_on;
    let source = source(scene, name, member, first, graph);
    let tool_base = bases.get(indep).or_else(|| bases.values().next()).map(|base| base.root);
    let source_package = source_package(scene, name, member, first, source, tool_base, graph);
    made.source = Some(source_package);

    let mut wanted: Vec<(Arch, &Arch, &Component, Part)> = Vec::new();
    for (arch, component) in &member.on {
        let parts = deb::parts(&member.facts, &component.profiles, arch);
        if parts.contains(&Part::Arch) {
            wanted.push(((*arch).clone(), arch, component, Part::Arch));
        }
        if parts.contains(&Part::Indep) && *arch == indep {
            wanted.push((Arch::all(), arch, component, Part::Indep));
        }
    }
    let lists: Vec<NodeId> = wanted
        .iter()
        .map(|(place, arch, component, part)| {
            let ours = order.makers.iter().map(|(package, maker)| (package.clone(), maker.to_string()));
            let derivation = deb::resolve(component, scene.deb, &member.facts, *part, arch, ours.collect());
            let base = &bases[arch];
            let mut needs = vec![Needed::new("index", base.index, "packages"), Needed::new("base", base.list, "list")];
            let empty = BTreeSet::new();
            for other in order.needs.get(&(name, *arch)).unwrap_or(&empty) {
                for (built, node) in others.get(other).map(|made| &made.builds).into_iter().flatten() {
                    if built.is_all() || built == *arch {
                        needs.push(Needed::new(format!("packages of {other}/{built}"), *node, "packages"));
                    }
                }
            }
            let node = node_name(Kind::Resolve, name, scene, place);
            graph.add(node, derivation, needs, Some(name.clone()), Origin::Made)
        })
        .collect();
    for (turn, (place, arch, component, part)) in wanted.iter().enumerate() {
        let root = graph.add(
            node_name(Kind::Root, name, scene, place),
            deb::root(),
            vec![Needed::new("list", lists[turn], "list"), Needed::new("base", bases[arch].root, "root")],
            Some(name.clone()),
            Origin::Packages(scene.distro.name.clone()),
        );
        let maintainer = &scene.settings.maintainer;
        let derivation = deb::build(component, scene.distro, &member.facts, (*part, mixed(&wanted)), maintainer);
        let mut needs = vec![Needed::new("root", root, "root"), Needed::new("source", source_package, "source")];
        // A source with both kinds of packages often ties them to one exact version: what gives one of its builds a new
        // number must give it to all.
        for (other, (place, ..)) in
            wanted.iter().enumerate().filter(|(other, _)| wanted.len() > 1 && mixed(&wanted) && *other != turn)
        {
            needs.push(Needed::new(format!("number with {place}"), lists[other], "list"));
        }
        let node = node_name(Kind::Build, name, scene, place);
        let build = graph.add(node, derivation, needs, Some(name.clone()), Origin::Made);
        made.builds.insert(place.clone(), build);
    }
    made
}

fn mixed(wanted: &[(Arch, &Arch, &Component, Part)]) -> bool {
    wanted.iter().any(|(.., part)| *part == Part::Arch) && wanted.iter().any(|(.., part)| *part == Part::Indep)
}

fn source(
    scene: &Scene<'_>,
    name: &ComponentName,
    member: &Member<'_>,
    component: &Component,
    graph: &mut Graph,
) -> NodeId {
    let (tree, place, origin) = match (&component.source, member.local) {
        (SourceSpec::Path { folder }, Some(tree)) => {
            (tree, String::new(), Origin::Folder(folder.clone().unwrap_or_else(|| ".".to_owned())))
        }
        (SourceSpec::Dsc { name }, _) => {
            let pin = &scene.lock.dsc[&scene.distro.name][name];
            let origin = Origin::Dsc {
                distro: scene.distro.name.clone(),
                suite: pin.suite.clone(),
                directory: pin.directory.clone(),
                files: pin.files.clone(),
            };
            (pin.tree, scene.distro.name.to_string(), origin)
        }
        (SourceSpec::Path { .. }, None) => unreachable!("a local source has been looked at before it is woven"),
    };
    let mut node = NodeName { kind: Kind::Source, subject: name.to_string(), place };
    let derivation = Derivation { action: Action::Source { tree }, inputs: Vec::new() };
    if let Some(known) = graph.find(&node) {
        if graph.node(known).derivation == derivation {
            return known;
        }
        // A recipe may take another folder for another distro.
        node.place = scene.distro.name.to_string();
    }
    graph.add(node, derivation, Vec::new(), Some(name.clone()), origin)
}

fn source_package(
    scene: &Scene<'_>,
    name: &ComponentName,
    member: &Member<'_>,
    component: &Component,
    source: NodeId,
    base: Option<NodeId>,
    graph: &mut Graph,
) -> NodeId {
    let derivation = deb::source_package(component, scene.distro, &member.facts, &scene.settings.maintainer);
    let mut needs = vec![Needed::new("source", source, "tree")];
    if let (Action::SourcePackage { script: Some(_) }, Some(base)) = (&derivation.action, base) {
        needs.push(Needed::new("root", base, "root"));
    }
    let node = NodeName { kind: Kind::SourcePackage, subject: name.to_string(), place: scene.distro.name.to_string() };
    graph.add(node, derivation, needs, Some(name.clone()), Origin::Made)
}

fn node_name(kind: Kind, name: &ComponentName, scene: &Scene<'_>, arch: &Arch) -> NodeName {
    NodeName { kind, subject: name.to_string(), place: format!("{}/{arch}", scene.distro.name) }
}
