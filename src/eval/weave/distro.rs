//! The nodes of one distro.

use std::collections::{BTreeMap, BTreeSet};

use super::needs::Order;
use super::{Member, Scene};
use crate::component::{Component, SourceSpec};
use crate::drv::{Action, SharedTable};
use crate::family::deb::{self, Part};
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin};
use crate::name::{Arch, ComponentName, DistroName, Kind};

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
pub(super) fn weave(scene: &Scene<'_>, order: &Order<'_>, graph: &mut Builder, made: &mut AllMade) {
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

fn base(scene: &Scene<'_>, arch: &Arch, graph: &mut Builder) -> Base {
    let (subject, place) = (graph.word("base"), graph.word(&format!("{}/{arch}", scene.distro.name)));
    let mut add = |kind, action: &Action, inputs: &[(&str, NodeId, &str)], origin| {
        let action = graph.action(action);
        let mut needs: Vec<Needed> =
            inputs.iter().map(|(role, node, output)| graph.need(role, *node, output)).collect();
        graph.add(NewNode { kind, subject, place, action, of_component: false, origin }, &mut needs)
    };
    let files = deb::index_files(scene.deb, &scene.pin.suite, arch);
    let places = files.iter().map(|(label, (_, suite, path))| (label.clone(), (suite.clone(), path.clone()))).collect();
    let origin = Origin::Index { distro: scene.distro.name.clone(), files: places };
    let index = add(Kind::Index, &deb::index(files.into_values().map(|(file, ..)| file)), &[], origin);
    let list = add(Kind::Resolve, &deb::resolve_base(scene.deb, arch), &[("index", index, "packages")], Origin::Made);
    let packages = Origin::Packages(scene.distro.name.clone());
    let root = add(Kind::Root, &deb::root(), &[("list", list, "list")], packages);
    Base { index, list, root }
}

fn component(
    scene: &Scene<'_>,
    name: &ComponentName,
    member: &Member<'_>,
    order: &Order<'_>,
    bases: &BTreeMap<&Arch, Base>,
    others: &BTreeMap<ComponentName, Made>,
    graph: &mut Builder,
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
    let ours = order.makers.iter().map(|(package, maker)| (package.clone(), maker.to_string()));
    let ours = SharedTable::new(ours.collect());
    let lists: Vec<NodeId> = wanted
        .iter()
        .map(|(place, arch, component, part)| {
            let action = deb::resolve(component, scene.deb, &member.facts, *part, arch, ours.clone());
            let base = &bases[arch];
            let mut needs = vec![graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
            let empty = BTreeSet::new();
            for other in order.needs.get(&(name, *arch)).unwrap_or(&empty) {
                for (built, node) in others.get(other).map(|made| &made.builds).into_iter().flatten() {
                    if built.is_all() || built == *arch {
                        needs.push(graph.need(&format!("packages of {other}/{built}"), *node, "packages"));
                    }
                }
            }
            add(scene, graph, Kind::Resolve, name, place, &action, &mut needs)
        })
        .collect();
    for (turn, (place, arch, component, part)) in wanted.iter().enumerate() {
        let mut needs = vec![graph.need("list", lists[turn], "list"), graph.need("base", bases[arch].root, "root")];
        let root = add(scene, graph, Kind::Root, name, place, &deb::root(), &mut needs);
        let maintainer = &scene.settings.maintainer;
        let action = deb::build(component, scene.distro, &member.facts, (*part, mixed(&wanted)), maintainer);
        let mut needs = vec![graph.need("root", root, "root"), graph.need("source", source_package, "source")];
        // A source with both kinds of packages often ties them to one exact version: what gives one of its builds a new
        // number must give it to all.
        for (other, (place, ..)) in
            wanted.iter().enumerate().filter(|(other, _)| wanted.len() > 1 && mixed(&wanted) && *other != turn)
        {
            needs.push(graph.need(&format!("number with {place}"), lists[other], "list"));
        }
        let build = add(scene, graph, Kind::Build, name, place, &action, &mut needs);
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
    graph: &mut Builder,
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
    let action = graph.action(&Action::Source { tree });
    let (subject, mut place) = (graph.word(name.as_str()), graph.word(&place));
    if let Some(known) = graph.find(Kind::Source, subject, place) {
        if graph.does(known, action) {
            return known;
        }
        // A recipe may take another folder for another distro.
        place = graph.word(scene.distro.name.as_str());
    }
    graph.add(NewNode { kind: Kind::Source, subject, place, action, of_component: true, origin }, &mut [])
}

fn source_package(
    scene: &Scene<'_>,
    name: &ComponentName,
    member: &Member<'_>,
    component: &Component,
    source: NodeId,
    base: Option<NodeId>,
    graph: &mut Builder,
) -> NodeId {
    let action = deb::source_package(component, scene.distro, &member.facts, &scene.settings.maintainer);
    let mut needs = vec![graph.need("source", source, "tree")];
    if let (Action::SourcePackage { script: Some(_) }, Some(base)) = (&action, base) {
        needs.push(graph.need("root", base, "root"));
    }
    let (subject, place) = (graph.word(name.as_str()), graph.word(scene.distro.name.as_str()));
    let action = graph.action(&action);
    let (kind, origin) = (Kind::SourcePackage, Origin::Made);
    graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, &mut needs)
}

/// Adds a node of a component on an arch.
fn add(
    scene: &Scene<'_>,
    graph: &mut Builder,
    kind: Kind,
    name: &ComponentName,
    arch: &Arch,
    action: &Action,
    needs: &mut [Needed],
) -> NodeId {
    let distro = &scene.distro.name;
    let (subject, place) = (graph.word(name.as_str()), graph.word(&format!("{distro}/{arch}")));
    let action = graph.action(action);
    let origin = if kind == Kind::Root { Origin::Packages(distro.clone()) } else { Origin::Made };
    graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, needs)
}
