//! Weaving: components × targets, with what the lock knows of their sources, become the graph.
//!
//! Pure, like all of evaluation: the lock's facts stand in for sources that are not here, and a local folder is looked at
//! through a closure. Distros and arches without a pin are left out; the order of nodes follows from names alone.

mod distro;
mod needs;
mod repo;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Project, RecipeError, RecipeErrors};
use crate::component::{Component, SourceSpec};
use crate::digest::Digest;
use crate::distro::{Deb, Distro};
use crate::graph::{Builder, Graph};
use crate::lock::{DistroPin, Lock, SourceFacts};
use crate::name::{Arch, ComponentName, DistroName};
use crate::settings::Settings;

/// What evaluation must know of a folder with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSource {
    /// Digest of its tree, ignored files left out.
    pub tree: Digest,
    /// What its `debian/` says.
    pub facts: SourceFacts,
}

/// Why a folder is no source: a message and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Looks at a folder below the project's root.
pub type LookAt<'a> = dyn Fn(&str) -> Result<LocalSource, LocalError> + 'a;

/// The graph, and what people should know about it.
#[derive(Debug, Clone)]
pub struct Woven {
    /// All nodes.
    pub graph: Graph,
    /// Lines for people, such as which distros have no pin.
    pub notices: Vec<String>,
}

/// A component of one distro, with what is known of its source.
struct Member<'a> {
    /// As evaluated for each pinned arch it is built for.
    on: BTreeMap<&'a Arch, &'a Component>,
    facts: SourceFacts,
    /// The digest of a local source's tree; `None` for one of the distribution.
    local: Option<Digest>,
}

/// What one distro's nodes are woven from.
struct Scene<'a> {
    project: &'a Project,
    settings: &'a Settings,
    distro: &'a Distro,
    /// What it has as a distro of `.deb` packages.
    deb: &'a Deb,
    pin: &'a DistroPin,
    lock: &'a Lock,
    /// Arches whose index is pinned, in the distro's order.
    arches: Vec<&'a Arch>,
    members: BTreeMap<&'a ComponentName, Member<'a>>,
}

/// Weaves the graph of everything that is pinned.
///
/// # Errors
/// All independent errors: sources without a pin, local folders that are no source, unknown needs, cycles.
pub fn weave(project: &Project, lock: &Lock, settings: &Settings, look_at: &LookAt<'_>) -> Result<Woven, RecipeErrors> {
    let mut graph = Builder::default();
    let mut errors = Vec::new();
    let patterns = repo::patterns(project, settings, &mut errors);
    let mut local: BTreeMap<String, Result<LocalSource, LocalError>> = BTreeMap::new();
    let mut made = BTreeMap::new();
    for (name, pin) in &lock.distro {
        let Some(distro) = project.distros.get(name) else { continue };
        let Some(deb) = distro.deb() else { continue };
        let arches = pinned_arches(distro, pin);
        let mut scene = Scene { project, settings, distro, deb, pin, lock, arches, members: BTreeMap::new() };
        let members = members(&scene, look_at, &mut local, &mut errors);
        scene.members = members;
        match needs::order(&scene) {
            Ok(order) => distro::weave(&scene, &order, &mut graph, &mut made),
            Err(found) => errors.extend(found),
        }
    }
    if let Some(errors) = RecipeErrors::new(errors) {
        return Err(errors);
    }
    repo::weave(project, lock, settings, &patterns, &mut graph, &made);
    Ok(Woven { graph: graph.finish(), notices: notices(project, lock) })
}

/// The arches of a distro whose index is pinned, in the distro's order.
pub fn pinned_arches<'a>(distro: &'a Distro, pin: &DistroPin) -> Vec<&'a Arch> {
    let pinned = |arch: &&Arch| {
        distro.deb().is_some_and(|deb| !crate::family::deb::index_files(deb, &pin.suite, arch).is_empty())
    };
    distro.arches.iter().filter(pinned).collect()
}

fn members<'a>(
    scene: &Scene<'a>,
    look_at: &LookAt<'_>,
    local: &mut BTreeMap<String, Result<LocalSource, LocalError>>,
    errors: &mut Vec<RecipeError>,
) -> BTreeMap<&'a ComponentName, Member<'a>> {
    let mut members: BTreeMap<&ComponentName, Member<'a>> = BTreeMap::new();
    let mut wrong: BTreeSet<&ComponentName> = BTreeSet::new();
    let of_distro = |work: &&'a super::Work| {
        work.target.distro == scene.distro.name
            && scene.arches.contains(&&work.target.arch)
            && work.component.skip.is_none()
    };
    for work in scene.project.work.iter().filter(of_distro) {
        let component: &'a Component = &work.component;
        if wrong.contains(&component.name) {
            continue;
        }
        if let Some(member) = members.get_mut(&component.name) {
            if member.on.values().any(|other| other.source != component.source) {
                wrong.insert(&component.name);
                let distro = &scene.distro.name;
                let message = format!("the source of `{}` differs between arches of {distro}", component.name);
                let help = "give all arches of a distro one source, since they share one source package; or make two \
                            components, each with its `targets`";
                errors.push(scene.project.recipe_error(&component.name, "source", None, message, help));
                continue;
            }
            member.on.insert(&work.target.arch, component);
            continue;
        }
        match source_of(scene, component, look_at, local) {
            Ok((facts, digest)) => {
                let on = BTreeMap::from([(&work.target.arch, component)]);
                members.insert(&component.name, Member { on, facts, local: digest });
            }
            Err(LocalError { message, help }) => {
                wrong.insert(&component.name);
                errors.push(scene.project.recipe_error(&component.name, "source", None, message, help));
            }
        }
    }
    members
}

fn source_of(
    scene: &Scene<'_>,
    component: &Component,
    look_at: &LookAt<'_>,
    local: &mut BTreeMap<String, Result<LocalSource, LocalError>>,
) -> Result<(SourceFacts, Option<Digest>), LocalError> {
    match &component.source {
        SourceSpec::Dsc { name } => {
            let distro = &scene.distro.name;
            let pin = scene.lock.dsc.get(distro).and_then(|pins| pins.get(name)).ok_or_else(|| LocalError {
                message: format!("the source package `{name}` of {distro} is not pinned"),
                help: format!("run `opb update {}`, which looks it up and writes `opb.lock`", component.name),
            })?;
            Ok((pin.facts.clone(), None))
        }
        SourceSpec::Path { folder } => {
            let folder = folder.as_deref().unwrap_or(".");
            let source = local.entry(folder.to_owned()).or_insert_with(|| look_at(folder)).clone()?;
            if !component.stamp.is_empty() && source.facts.format == "3.0 (custom)" {
                return Err(LocalError {
                    message: format!("files of a source in the format `{}` cannot be stamped", source.facts.format),
                    help: "remove `stamp`, or use the format `3.0 (quilt)` or `3.0 (native)`".to_owned(),
                });
            }
            Ok((source.facts, Some(source.tree)))
        }
    }
}

fn notices(project: &Project, lock: &Lock) -> Vec<String> {
    let without: Vec<&str> =
        project.distros.keys().filter(|name| !lock.distro.contains_key(*name)).map(DistroName::as_str).collect();
    let mut notices = Vec::new();
    if !without.is_empty() && !lock.distro.is_empty() {
        // A project has files for many more releases than most people build for: a long list would bury what matters.
        let which = match without.as_slice() {
            few if few.len() <= 3 => few.join(", "),
            many => format!("{} of {} distros", many.len(), project.distros.len()),
        };
        notices.push(format!("not pinned, so left out: {which} (`opb update @NAME` pins one)"));
    }
    notices
}
