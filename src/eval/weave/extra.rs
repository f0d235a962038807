//! The indexes of extra repositories: one node for each and arch, where some build sees it.

use std::collections::BTreeSet;

use super::super::RecipeError;
use super::super::mistake::{Complaint, Mistake};
use super::{Member, Project, Scene, Work};
use crate::component::Component;
use crate::distro::ExtraRepository;
use crate::family::deb::{self, extra};
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin, Word};
use crate::lock::Lock;
use crate::name::{Arch, Kind, RepositoryName};

/// The indexes that builds of an arch see, in the order of the distro's file.
pub(super) struct Indexes<'a>(Vec<(&'a RepositoryName, NodeId)>);

impl<'a> Indexes<'a> {
    /// Adds those of `arch`, whose nodes are at `place`.
    pub fn add(graph: &mut Builder, scene: &Scene<'a>, arch: &Arch, place: Word) -> Self {
        let mut indexes = Vec::new();
        for one in &scene.deb.extra_repositories {
            let is_seen = scene.members.iter().any(|member| sees(member, one, arch));
            let files = extra::index_files(one, scene.pin.extra.get(&one.name), arch);
            let Some(files) = files.filter(|_| is_seen) else { continue };
            let places = files.iter().map(|(label, (_, suite, path))| (label.clone(), (suite.clone(), path.clone())));
            let distro = scene.distro.name.clone();
            let origin = Origin::Index { distro, extra: Some(one.name.clone()), files: places.collect() };
            let action = graph.action(&deb::index(files.into_values().map(|(file, ..)| file)));
            let subject = graph.word(one.name.as_str());
            let node = NewNode { kind: Kind::Index, subject, place, action, of_component: false, origin };
            indexes.push((&one.name, graph.add(node, &mut [])));
        }
        Self(indexes)
    }

    /// What the package list of `component` on `arch` needs of them.
    pub fn needs(&self, graph: &mut Builder, scene: &Scene<'a>, component: &Component, arch: &Arch) -> Vec<Needed> {
        let seen: BTreeSet<&RepositoryName> =
            extra::seen(&scene.deb.extra_repositories, component, arch).map(|extra| &extra.name).collect();
        let own = self.0.iter().filter(|(name, _)| seen.contains(name));
        own.map(|(name, node)| graph.need(&format!("index of {name}"), *node, "packages")).collect()
    }
}

fn sees(member: &Member<'_>, one: &ExtraRepository, arch: &Arch) -> bool {
    member.on(arch).is_some_and(|component| extra::seen(std::slice::from_ref(one), component, arch).next().is_some())
}

/// Complains about those that builds see and the lock does not pin: at the recipe that names one, once of a distro of which
/// all builds see it.
pub(super) fn unpinned(scene: &Scene<'_>) -> Vec<RecipeError> {
    let (mut errors, distro) = (Vec::new(), &scene.distro.name);
    for one in &scene.deb.extra_repositories {
        let lacks = |arch: &&Arch| extra::index_files(one, scene.pin.extra.get(&one.name), arch).is_none();
        let lacking: Vec<&Arch> = scene.arches.iter().copied().filter(lacks).collect();
        let members = scene.members.iter().filter(|member| lacking.iter().any(|arch| sees(member, one, arch)));
        let message = format!("the extra repository `{}` of {distro} is not pinned", one.name);
        for member in members {
            let help = format!("run `opb update {}`, which looks it up and writes `opb.lock`", member.name);
            if one.everywhere {
                let complaint = Complaint::new(Mistake::Need, message.clone()).help(help);
                errors.push(RecipeError::placeless(&format!("distros/{distro}.rhai"), complaint));
                break;
            }
            let place = Some(one.name.as_str());
            errors.push(scene.project.recipe_error(member.name, "extra_repositories", place, message.clone(), help));
        }
    }
    errors
}

/// Whether the lock pins all extra repositories that a build sees.
pub(in super::super) fn are_pinned(project: &Project, lock: &Lock, work: &Work) -> bool {
    let (distro, arch) = (&work.target.distro, &work.target.arch);
    let deb = project.distros.get(distro).and_then(crate::distro::Distro::deb);
    deb.is_none_or(|deb| {
        let pin = |name: &RepositoryName| lock.distro.get(distro)?.extra.get(name);
        let mut seen = extra::seen(&deb.extra_repositories, &work.component, arch);
        seen.all(|one| extra::index_files(one, pin(&one.name), arch).is_some())
    })
}
