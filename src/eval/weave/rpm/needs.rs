//! Needs between the components of a distro of RPM packages, and the order that follows from them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::needs::{circle_of, lacking, sort, twice, whole};
use super::super::stage::{break_circles, stages_of};
use super::{Member, Scene};
use crate::component::Need;
use crate::drv::SharedTable;
use crate::eval::RecipeError;
use crate::family::rpm::RpmSource;
use crate::family::rpm::needs::{Known, Makers, components, meets};
use crate::graph::Circle;
use crate::name::ComponentName;

/// The members so that each stands behind what it needs, and those needs by arch. A member is its place among all.
pub(super) struct Order {
    /// Needed ones first; stages only where they break a circle.
    pub order: Vec<usize>,
    /// What the project makes, by place in the scene's arches.
    pub on_arches: Vec<OnArch>,
    /// For each member and arch: whose packages it needs, directly or not, sorted.
    needs: BTreeMap<(usize, usize), Vec<usize>>,
}

/// What the project makes on one arch.
pub(super) struct OnArch {
    pub makers: Makers,
    /// Every name that the project provides there, with its component.
    pub ours: SharedTable,
}

impl Order {
    /// Whose packages a member needs on an arch.
    pub fn needs(&self, member: usize, arch: usize) -> &[usize] {
        self.needs.get(&(member, arch)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Follows all needs of a distro. The first `count` of `members` are components, those behind them stages of some; `failed`
/// are components with a mistake of their own. Adds what is wrong to `errors`.
pub(super) fn order(
    scene: &Scene<'_>,
    members: &[Member<'_>],
    count: usize,
    failed: &BTreeSet<&ComponentName>,
    errors: &mut Vec<RecipeError>,
) -> Order {
    let (makers, known): (Vec<Makers>, Vec<Vec<Option<Known<'_>>>>) =
        (0..scene.arches.len()).map(|arch| on_arch(scene, (members, count), failed, arch, errors)).unzip();
    let follow = |place: usize, known: &[Option<Known<'_>>], arch: usize| components(place, known, &makers[arch]);
    let mut needs = BTreeMap::new();
    for (arch, known) in known.iter().enumerate() {
        for place in (0..count).filter(|place| known[*place].is_some()) {
            needs.insert((place, arch), follow(place, known, arch).into_iter().collect::<Vec<usize>>());
        }
    }
    let mut order = sort(&needs);
    if let Err(circles) = &order {
        let stages = stages_of(members.iter().map(|member| member.stage_of));
        if break_circles(&stages, circles, &known, &follow, &mut needs) {
            order = sort(&needs);
        }
    }
    let order = order.unwrap_or_else(|circles| {
        errors.extend(circles.iter().map(|circle| circle_error(scene, members, &whole(circle, &needs))));
        Vec::new()
    });
    let on_arch = |makers: Makers| {
        let ours = makers.names().map(|(name, place)| (name.to_owned(), members[place].name.to_string()));
        OnArch { ours: SharedTable::new(ours.collect()), makers }
    };
    Order { order, on_arches: makers.into_iter().map(on_arch).collect(), needs }
}

fn circle_error(scene: &Scene<'_>, members: &[Member<'_>], circle: &Circle<usize>) -> RecipeError {
    let names: Vec<&ComponentName> = circle.0.iter().map(|place| members[*place].name).collect();
    let last = circle.0.last().and_then(|place| members.get(*place));
    let says = last.is_some_and(|last| last.on.values().any(|(component, _)| !component.needs.is_empty()));
    let help = "break the circle: give one of them a `stage` with a build profile that turns off a condition of its spec, and \
                with that the need, as in `stage: #{ profiles: [\"nodoc\"] }`; or leave one out with `targets`";
    circle_of(scene.project, &scene.distro.name, &names, says, help)
}

/// What the project makes on one arch, and all members as their needs are followed there.
fn on_arch<'m>(
    scene: &Scene<'_>,
    (members, count): (&'m [Member<'_>], usize),
    failed: &BTreeSet<&ComponentName>,
    arch: usize,
    errors: &mut Vec<RecipeError>,
) -> (Makers, Vec<Option<Known<'m>>>) {
    let indep = scene.arches.iter().position(|arch| **arch == scene.distro.indep_on);
    let mut makers = Makers::default();
    for (place, member) in members[..count].iter().enumerate() {
        let here = member.on.get(&arch);
        // What is independent of the arch is made on one arch, for all.
        let found = here.or_else(|| indep.and_then(|indep| member.on.get(&indep)));
        let Some((component, source)) = found else { continue };
        let found = makers.add(place, component, &source.spec, scene.arches[arch], here.is_none());
        let mut clashes: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        found.iter().for_each(|found| clashes.entry(found.makers.0).or_default().push(&found.package));
        for (other, packages) in clashes {
            let both = (member.name, members[other].name);
            let error = twice(scene.project, both, &packages, &scene.distro.name);
            if !errors.iter().any(|other| other.to_string() == error.to_string()) {
                errors.push(error);
            }
        }
    }
    let known = members
        .iter()
        .map(|member| {
            let (component, source) = member.on.get(&arch)?;
            let mut needs = Vec::new();
            for need in &component.needs {
                let Need::Component { name, version } = need else { continue };
                let mut once = |error: RecipeError| {
                    if !errors.iter().any(|other| other.to_string() == error.to_string()) {
                        errors.push(error);
                    }
                };
                match members[..count].binary_search_by(|other| other.name.cmp(name)) {
                    Ok(place) if is_there(&members[place], arch, indep) => {
                        needs.push(place);
                        let other = members[place].on.values().next().map(|(_, source)| source.evr());
                        if let (Some(bound), Some(evr)) = (version, other)
                            && !meets(&evr, bound)
                        {
                            let distro = &scene.distro.name;
                            let message =
                                format!("`{}` needs `{need}`, but `{name}` is {evr} on {distro}", member.name);
                            let help = format!("make another version of `{name}`, or mend the need");
                            let written = need.to_string();
                            once(scene.project.recipe_error(member.name, "needs", Some(&written), message, help));
                        }
                    }
                    // What is wrong with its source is said already.
                    Err(_) if failed.contains(&name) => {}
                    found => {
                        let place = if found.is_ok() {
                            format!("{}/{}", scene.distro.name, scene.arches[arch])
                        } else {
                            scene.distro.name.to_string()
                        };
                        once(lacking(scene.project, member.name, (name, need), &place));
                    }
                }
            }
            Some(Known { spec: &source.spec, component, needs })
        })
        .collect();
    (makers, known)
}

fn is_there(member: &Member<'_>, arch: usize, indep: Option<usize>) -> bool {
    let independent = |(_, source): &(_, RpmSource)| source.spec.packages.values().any(|package| package.noarch);
    member.on.contains_key(&arch) || indep.and_then(|indep| member.on.get(&indep)).is_some_and(independent)
}
