//! What the nodes of a component do, made and hashed before there is a graph.

use super::needs::Order;
use super::{Member, Scene, Wanted, wanted};
use crate::component::Component;
use crate::family::laid::Laid;
use crate::family::rpm::{self, RpmSource};
use crate::graph::Ready;

/// What the nodes of a member do.
pub(super) struct Actions {
    /// `None` for a stage, which takes the component's.
    pub source_package: Option<Ready>,
    /// As what is wanted of it is ordered.
    pub lists: Vec<Ready>,
    /// The same.
    pub builds: Vec<Ready>,
}

impl Actions {
    /// Those of `member`.
    pub fn of(scene: &Scene<'_>, member: &Member<'_>, order: &Order) -> Self {
        let maintainer = &scene.settings.maintainer;
        let wanted = wanted(scene, member);
        let list = |one: &Wanted<'_>| {
            let (on, arch) = (&order.on_arches[one.arch], scene.arches[one.arch]);
            let of = (scene.distro, scene.rpm);
            let aliases = &on.makers.aliases;
            rpm::resolve(one.component, of, (one.source, arch), aliases, on.ours.clone(), maintainer)
        };
        let build = |one: &Wanted<'_>| {
            let part = (one.part, scene.arches[one.arch]);
            let is_renamed = rpm::is_renamed(one.source, &order.on_arches[one.arch].makers.aliases);
            let source = (one.source, is_renamed);
            rpm::build(one.component, (scene.distro, scene.rpm), source, part, maintainer)
        };
        let laid = Laid { beside: &scene.project.beside, trees: &member.laid.trees, stamped: None };
        let source_package = tools(scene, member).filter(|_| member.stage_of.is_none()).map(|(_, first, of_first)| {
            Ready::new(rpm::source_package(first, scene.distro, scene.rpm, of_first, &laid, maintainer))
        });
        let ready = |action: &dyn Fn(&Wanted<'_>) -> crate::drv::Action| {
            wanted.iter().map(|one| Ready::new(action(one))).collect()
        };
        Self { source_package, lists: ready(&list), builds: ready(&build) }
    }
}

/// The arch that a member's source package is made on, by place, with what the member is there.
pub(super) fn tools<'m>(scene: &Scene<'_>, member: &'m Member<'_>) -> Option<(usize, &'m Component, &'m RpmSource)> {
    let indep = scene.arches.iter().position(|arch| **arch == scene.distro.indep_on);
    let arch = indep.filter(|arch| member.on.contains_key(arch)).or_else(|| member.on.keys().next().copied())?;
    member.on.get(&arch).map(|(component, source)| (arch, *component, source))
}
