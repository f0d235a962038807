//! Stages: a component with a `stage` can be built once before what it needs is there, which breaks circles.
//!
//! Its stage is a member of the scene of its own, built under the stage's profiles from the same source package. What the
//! component itself needs is built against the stage; the component then against that, and all others against the
//! component. Packages of a stage are in no repository. Where no circle is broken by it, there is no stage.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Project, Work};
use super::Member;
use crate::component::Component;
use crate::graph::Circle;
use crate::name::{ComponentName, DistroName};

/// Components under the profiles of their stage, by the address of the component that each is the stage of.
pub(super) struct Stages(BTreeMap<usize, Component>);

/// What a stage is called in the graph.
pub(super) fn subject(name: &ComponentName) -> String {
    format!("{name}+stage")
}

impl Stages {
    /// Those of all that is to be woven.
    pub fn new(project: &Project, work: &BTreeMap<&DistroName, Vec<&Work>>) -> Self {
        let mut stages = BTreeMap::new();
        for component in work.values().flatten().map(|work| &*work.component) {
            let Some(stage) = &component.stage else { continue };
            // A component that is called as the stage would be has the name.
            let name = subject(&component.name).parse::<ComponentName>();
            let taken = name.is_ok_and(|name| project.components.contains_key(&name));
            if !taken && !stages.contains_key(&(&raw const *component).addr()) {
                let mut staged = component.clone();
                staged.profiles.extend(stage.profiles.iter().cloned());
                stages.insert((&raw const *component).addr(), staged);
            }
        }
        Self(stages)
    }

    /// A component under the profiles of its stage, where it has one.
    pub fn of_component(&self, component: &Component) -> Option<&Component> {
        self.0.get(&(&raw const *component).addr())
    }

    /// The stages of `members`.
    pub fn of<'a>(&'a self, members: &[Member<'a>]) -> Vec<Member<'a>> {
        let stage = |(place, member): (usize, &Member<'a>)| {
            let on = member.on.iter().map(|(arch, component)| Some((*arch, self.of_component(component)?)));
            let on = on.collect::<Option<Vec<_>>>()?;
            let (source, local, laid) = (member.source, member.local, member.laid.clone());
            Some(Member { name: member.name, on, source, local, laid, stage_of: Some(place) })
        };
        members.iter().enumerate().filter_map(stage).collect()
    }
}

/// The stage of each of `members` that has one, by its place.
pub(super) fn stages_of(stage_of: impl Iterator<Item = Option<usize>>) -> BTreeMap<usize, usize> {
    stage_of.enumerate().filter_map(|(place, of)| Some((of?, place))).collect()
}

/// Finds whose packages the member at a place needs, from what is known of all, on an arch.
type Follow<'a, K> = dyn Fn(usize, &[Option<K>], usize) -> BTreeSet<usize> + 'a;

/// Changes `needs` so that some of `stages` break `circles`; `false` where one has none. `known` are all members as their
/// needs are followed, by arch.
pub(super) fn break_circles<K: Clone>(
    stages: &BTreeMap<usize, usize>,
    circles: &[Circle<usize>],
    known: &[Vec<Option<K>>],
    follow: &Follow<'_, K>,
    needs: &mut BTreeMap<(usize, usize), Vec<usize>>,
) -> bool {
    let leads = |from: usize, to: usize| {
        let mut arches = 0..known.len();
        from == to || arches.any(|arch| needs.get(&(from, arch)).is_some_and(|needed| needed.contains(&to)))
    };
    // Needs are those of needs too, so a circle may show fewer members than it goes through.
    let breaks =
        |place: usize, circle: &Circle<usize>| circle.0.iter().any(|of| leads(place, *of) && leads(*of, place));
    let in_circle =
        |circle: &Circle<usize>| stages.keys().copied().filter(|place| breaks(*place, circle)).collect::<Vec<_>>();
    let breakers: Vec<Vec<usize>> = circles.iter().map(in_circle).collect();
    if breakers.iter().any(Vec::is_empty) {
        return false;
    }
    let broken: BTreeSet<usize> = breakers.into_iter().flatten().collect();
    let staged = |place: usize| if broken.contains(&place) { stages[&place] } else { place };
    for (arch_place, known) in known.iter().enumerate() {
        // What leads through a broken component leads through its stage.
        let mut before = known.clone();
        for place in &broken {
            before[*place] = before[stages[place]].clone();
        }
        let of = |place: &usize| needs.get(&(*place, arch_place)).into_iter().flatten().copied();
        let mut earlier: BTreeSet<usize> = broken.iter().flat_map(of).filter(|place| !broken.contains(place)).collect();
        earlier.extend(broken.iter().map(|place| stages[place]).filter(|place| before[*place].is_some()));
        for place in earlier {
            let found = follow(place, &before, arch_place);
            needs.insert((place, arch_place), found.into_iter().map(staged).collect());
        }
        for place in &broken {
            if let Some(needed) = needs.get_mut(&(*place, arch_place)) {
                needed.iter_mut().filter(|needed| *needed == place).for_each(|needed| *needed = staged(*needed));
            }
        }
    }
    needs.values_mut().for_each(|needed| {
        needed.sort_unstable();
        needed.dedup();
    });
    true
}
