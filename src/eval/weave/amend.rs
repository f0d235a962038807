//! A graph after some recipes and sources changed, made from the one before by exchanging what their nodes do.
//!
//! That is right where a change can alter no other component's nodes and no edge: another environment, other build
//! profiles or switches of a spec that its source does not tell apart, another content of a source with the same packaging.
//! Whatever else has changed, or is wrong, the answer is `None`: weave anew, which also knows what to say.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::{Project, Work};
use super::before::{Before, Variant};
use super::sources::{LocalSource, Looked, folder_of, local, place_of};
use crate::component::{Component, FilesBeside, SourceSpec};
use crate::distro::{Distro, Packaging};
use crate::drv::Action;
use crate::family::deb::needs::Source;
use crate::family::{Part, deb, rpm};
use crate::graph::{Amendment, Graph, NodeId, Origin};
use crate::lock::Lock;
use crate::name::{Arch, Kind};
use crate::settings::Settings;

/// A graph, and what it was woven from.
pub struct Earlier<'a> {
    /// The graph.
    pub graph: Graph,
    /// The components.
    pub before: &'a Before,
    /// The recipe files that were read again, where others were not: the project is what these alone come to.
    pub read: Option<&'a BTreeSet<String>>,
    /// Folders with sources that have changed, as they were.
    pub moved: BTreeMap<&'a str, &'a LocalSource>,
}

/// The nodes of a component in a distro.
#[derive(Default)]
struct Nodes {
    source_package: Option<NodeId>,
    lists: Vec<NodeId>,
    builds: Vec<NodeId>,
}

/// What changed of a component for a target.
struct Change<'a> {
    now: &'a Component,
    before: &'a Variant,
}

/// By component, distro and arch.
type Changes<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a Arch, Change<'a>>>>;

/// The graph of `project`, whose distros, pins and settings are what they were when `earlier` was woven. `looked` is what
/// the folders of all its local sources answer now; `lock` is asked for where it is needed.
pub fn amend(
    earlier: Earlier<'_>,
    project: &Project,
    settings: &Settings,
    looked: &Looked,
    lock: &dyn Fn() -> Option<Lock>,
) -> Option<Graph> {
    let changed = earlier.before.changed(project, earlier.read)?;
    // A change to most of it costs no less this way.
    if changed.len() > earlier.before.work() / 2 {
        return None;
    }
    let mut changes = Changes::new();
    for (place, before) in changed {
        let work = &project.work[place];
        let now: &Component = &work.component;
        let of_now = Variant::of(now);
        if of_now.rest != before.rest || of_now.probes || before.probes || now.stage.is_some() || lays(now) {
            return None;
        }
        let of_component = changes.entry(now.name.as_str()).or_default();
        let of_distro = of_component.entry(work.target.distro.as_str()).or_default();
        of_distro.insert(&work.target.arch, Change { now, before });
    }
    let mut amendment = Amendment::of(earlier.graph);
    if amendment.is_overgrown() {
        return None;
    }
    move_sources(&mut amendment, &earlier.moved, looked)?;
    if changes.is_empty() {
        return Some(amendment.finish());
    }
    let pins = if needs_lock(&changes, project) { Some(lock()?) } else { None };
    let (mut read, specs) = (BTreeMap::new(), rpm::Specs::default());
    for ((component, distro), nodes) in nodes_of(amendment.graph(), &changes) {
        let of_distro = &changes[component][distro];
        let distro = project.distros.get(distro)?;
        match &distro.packaging {
            Packaging::Deb(_) => {
                let first = of_distro.values().next()?.now;
                let source = match &first.source {
                    SourceSpec::Path { .. } => {
                        let place = place_of(first)?;
                        if !read.contains_key(&place) {
                            read.insert(place.clone(), local(looked, &project.beside, &place).ok()?.0);
                        }
                        &read[&place]
                    }
                    SourceSpec::Dsc { name } => {
                        let facts = &pins.as_ref()?.dsc.get(&distro.name)?.get(name)?.facts;
                        &Source::new(Cow::Borrowed(facts))
                    }
                    // What it has answered stands in the lock.
                    SourceSpec::Srpm { .. } | SourceSpec::Checkout(_) | SourceSpec::Archive(_) => return None,
                };
                amend_deb(&mut amendment, distro, source, of_distro, &nodes, settings)?;
            }
            Packaging::Rpm(_) => {
                let place = |work: &Work| {
                    (work.component.name.as_str(), work.target.distro.as_str()).cmp(&(component, distro.name.as_str()))
                };
                let first = project.work.partition_point(|work| place(work).is_lt());
                let arches = project.work[first..].iter().take_while(|work| place(work).is_eq()).count();
                let read = (looked, &project.beside, &specs);
                amend_rpm(&mut amendment, distro, read, (of_distro, arches), &nodes, settings)?;
            }
        }
    }
    Some(amendment.finish())
}

/// Whether its source is not the source alone.
fn lays(component: &Component) -> bool {
    !component.patches.is_empty() || !component.files.is_empty() || !component.sources.is_empty()
}

/// Lets the nodes of sources whose content changed have the trees that they are now.
fn move_sources(amendment: &mut Amendment, moved: &BTreeMap<&str, &LocalSource>, looked: &Looked) -> Option<()> {
    for (folder, before) in moved {
        let now = looked.get(*folder)?.as_ref().ok()?;
        if now.texts != before.texts {
            return None;
        }
        let is_it = |id: &NodeId| {
            let node = amendment.node(*id);
            node.kind() == Kind::Source && matches!(node.origin(), Origin::Folder(own) if own == folder)
        };
        let nodes: Vec<NodeId> = amendment.graph().ids().filter(is_it).collect();
        nodes.into_iter().for_each(|id| amendment.exchange(id, &Action::Source { tree: now.tree }));
    }
    Some(())
}

fn needs_lock(changes: &Changes<'_>, project: &Project) -> bool {
    let is_deb = |distro: &str| project.distros.get(distro).is_some_and(|distro| distro.rpm().is_none());
    let mut all = changes.values().flatten().filter(|(distro, _)| is_deb(distro));
    all.any(|(_, arches)| arches.values().any(|change| matches!(change.now.source, SourceSpec::Dsc { .. })))
}

/// The nodes of what changed.
fn nodes_of<'a>(graph: &Graph, changes: &Changes<'a>) -> BTreeMap<(&'a str, &'a str), Nodes> {
    let mut found: BTreeMap<(&str, &str), Nodes> = BTreeMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        if !matches!(node.kind(), Kind::SourcePackage | Kind::Resolve | Kind::Build) {
            continue;
        }
        // Lists of checks are for what is built, whatever it is built with.
        if node.component_str() != Some(node.subject()) {
            continue;
        }
        let of_component = node.component_str().and_then(|name| changes.get_key_value(name));
        let Some((component, distros)) = of_component else { continue };
        let Some((distro, _)) = node.distro().and_then(|name| distros.get_key_value(name)) else { continue };
        let nodes = found.entry((*component, *distro)).or_default();
        match node.kind() {
            Kind::SourcePackage => nodes.source_package = Some(id),
            Kind::Resolve => nodes.lists.push(id),
            _ => nodes.builds.push(id),
        }
    }
    found
}

/// What changed for the target that a node is for, and its part.
fn of_node<'c, 'a>(
    amendment: &Amendment,
    id: NodeId,
    distro: &Distro,
    changes: &'c BTreeMap<&'a Arch, Change<'a>>,
) -> Option<(&'c Change<'a>, Part, Arch)> {
    let made_for = Arch::new(amendment.node(id).arch()?).ok()?;
    let (part, arch) = if made_for.is_all() { (Part::Indep, distro.indep_on.clone()) } else { (Part::Arch, made_for) };
    Some((changes.get(&arch)?, part, arch))
}

fn amend_deb(
    amendment: &mut Amendment,
    distro: &Distro,
    source: &Source<'_>,
    changes: &BTreeMap<&Arch, Change<'_>>,
    nodes: &Nodes,
    settings: &Settings,
) -> Option<()> {
    if changes.iter().any(|(arch, change)| source.tells_apart(&change.before.profiles, &change.now.profiles, arch)) {
        return None;
    }
    for id in &nodes.lists {
        let Some((change, ..)) = of_node(amendment, *id, distro, changes) else { continue };
        let Action::Resolve(mut resolve) = amendment.node(*id).action() else { return None };
        resolve.profiles = change.now.profiles.iter().cloned().collect();
        amendment.exchange(*id, &Action::Resolve(resolve));
    }
    let indep = nodes.builds.iter().filter(|id| amendment.node(**id).arch() == Some("all")).count();
    let mixed = indep > 0 && indep < nodes.builds.len();
    for id in &nodes.builds {
        let Some((change, part, _)) = of_node(amendment, *id, distro, changes) else { continue };
        let build = deb::build(change.now, distro, &source.facts, (part, mixed), &settings.maintainer);
        amendment.exchange(*id, &build);
    }
    Some(())
}

fn amend_rpm(
    amendment: &mut Amendment,
    distro: &Distro,
    (looked, beside, specs): (&Looked, &FilesBeside, &rpm::Specs),
    (changes, arches): (&BTreeMap<&Arch, Change<'_>>, usize),
    nodes: &Nodes,
    settings: &Settings,
) -> Option<()> {
    let of_rpm = distro.rpm()?;
    let mut sources = BTreeMap::new();
    for (arch, change) in changes {
        let SourceSpec::Path { folder } = &change.now.source else { return None };
        let texts = &looked.get(&folder_of(folder.as_ref()))?.as_ref().ok()?.texts;
        let macros = rpm::macros(of_rpm, arch);
        let places = rpm::Places { texts, beside, upstream: None, stamped: None };
        let read = |component: &Component| rpm::source(component, (of_rpm, &macros), places, specs).ok();
        let now = read(change.now)?;
        // What such a spec asks for when it runs follows from all that a recipe says: lists ask that anew.
        if now.spec.asks || read(&change.before.in_place_of(change.now))? != now {
            return None;
        }
        sources.insert(*arch, now);
    }
    // The source package is made on one arch with what the recipe says there: all must have come to say the same.
    let said = |component: &Component| rpm::arguments(component);
    let is_changed = |change: &Change<'_>| said(change.now) != said(&change.before.in_place_of(change.now));
    if let (Some(id), Some(first)) = (nodes.source_package, changes.values().next())
        && changes.values().any(is_changed)
    {
        if changes.len() < arches || changes.values().any(|change| said(change.now) != said(first.now)) {
            return None;
        }
        let Action::SourcePackage { script: Some(mut script) } = amendment.node(id).action() else { return None };
        script.files.insert(rpm::ARGUMENTS.to_owned(), said(first.now));
        amendment.exchange(id, &Action::SourcePackage { script: Some(script) });
    }
    for id in &nodes.builds {
        let Some((change, part, arch)) = of_node(amendment, *id, distro, changes) else { continue };
        let Action::Build { script, .. } = amendment.node(*id).action() else { return None };
        let source = (&sources[&arch], script.files.contains_key(rpm::RENAMED));
        let build = rpm::build(change.now, (distro, of_rpm), source, (part, &arch), &settings.maintainer);
        amendment.exchange(*id, &build);
    }
    Some(())
}
