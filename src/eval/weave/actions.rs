//! What the nodes of a component of a distro with `.deb` packages do, made and hashed before there is a graph. Package
//! lists are not among it: they follow from the order of components.

use super::distro::{Wanted, is_mixed, wanted};
use super::{Member, Scene};
use crate::component::Component;
use crate::family::deb::{self, Part};
use crate::family::laid::Laid;
use crate::graph::Ready;

/// What the nodes of a member do.
pub(super) struct Actions {
    pub source_package: Ready,
    builds: Vec<Ready>,
    /// Which of them each of what is wanted does, in its order.
    of_wanted: Vec<usize>,
}

impl Actions {
    /// Those of `member`; `None` where it is on no arch.
    pub fn of(scene: &Scene<'_>, member: &Member<'_>) -> Option<Self> {
        let (_, first) = member.on.first()?;
        let (facts, maintainer) = (&member.source.facts, &scene.settings.maintainer);
        let stamped = member.source.stamped.as_deref();
        let laid = Laid { beside: &scene.project.beside, trees: &member.laid.trees, stamped };
        let source_package = Ready::new(deb::source_package(first, scene.distro, facts, &laid, maintainer));
        let wanted = wanted(scene, member);
        let mixed = is_mixed(&wanted);
        let mut known: Vec<(*const Component, Part)> = Vec::new();
        let mut builds = Vec::new();
        let place_of = |one: &Wanted<'_>| {
            // It is the same on each arch, unless an override says otherwise.
            let same_as: (*const Component, Part) = (one.component, one.part);
            known.iter().position(|known| *known == same_as).unwrap_or_else(|| {
                let part = (one.part, mixed);
                builds.push(Ready::new(deb::build(one.component, scene.distro, facts, part, maintainer)));
                known.push(same_as);
                known.len() - 1
            })
        };
        let of_wanted = wanted.iter().map(place_of).collect();
        Some(Self { source_package, builds, of_wanted })
    }

    /// What the build does that is wanted in that place.
    pub fn build(&self, wanted: usize) -> &Ready {
        &self.builds[self.of_wanted[wanted]]
    }
}
