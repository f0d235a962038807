//! Needs between the components of a distro, and the order that follows from them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::RecipeError;
use super::Scene;
use crate::component::Need;
use crate::family::deb::needs::{Known, binaries, components};
use crate::family::deb::{Part, parts};
use crate::name::{Arch, ComponentName};

/// The components of a distro so that each stands behind what it needs, and those needs by arch.
pub(super) struct Order<'a> {
    /// Needed ones first.
    pub order: Vec<&'a ComponentName>,
    /// For each component and arch: whose packages it needs, directly or not.
    pub needs: BTreeMap<(&'a ComponentName, &'a Arch), BTreeSet<ComponentName>>,
    /// Which component makes a binary package.
    pub makers: BTreeMap<String, ComponentName>,
}

/// Follows all needs.
///
/// # Errors
/// Unknown components, two makers of one package, cycles.
pub(super) fn order<'a>(scene: &Scene<'a>) -> Result<Order<'a>, Vec<RecipeError>> {
    let mut errors = unknown_needs(scene);
    let makers = makers(scene, &mut errors);
    let mut needs = BTreeMap::new();
    for arch in &scene.arches {
        let known: BTreeMap<ComponentName, Known<'_>> = scene
            .members
            .iter()
            .filter_map(|(name, member)| {
                let component = member.on.get(arch)?;
                let said = component.needs.iter().filter_map(|need| match need {
                    Need::Component { name, .. } => Some(name),
                    Need::Package { .. } | Need::Capability { .. } => None,
                });
                let known = Known { facts: &member.facts, profiles: &component.profiles, needs: said.collect() };
                Some(((*name).clone(), known))
            })
            .collect();
        for (name, member) in &scene.members {
            if member.on.contains_key(arch) {
                let found = components(name, &known, &makers, arch).into_iter().cloned().collect();
                needs.insert((*name, *arch), found);
            }
        }
    }
    let order = sort(scene, &needs, &mut errors);
    if errors.is_empty() { Ok(Order { order, needs, makers }) } else { Err(errors) }
}

fn unknown_needs(scene: &Scene<'_>) -> Vec<RecipeError> {
    let mut errors = Vec::new();
    for (name, member) in &scene.members {
        let mut said: Vec<&ComponentName> = Vec::new();
        let needs =
            member.on.iter().flat_map(|(arch, component)| component.needs.iter().map(move |need| (*arch, need)));
        for (arch, need) in needs {
            if let Need::Component { name: needed, .. } = need
                && !said.contains(&needed)
                && let Some(place) = lacks(scene, needed, arch)
            {
                said.push(needed);
                let known = scene.project.components.keys().map(ComponentName::as_str);
                let (message, help) = if scene.project.components.contains_key(needed) {
                    (
                        format!("`{name}` needs `{needed}`, which is not built for {place}"),
                        format!(
                            "build `{needed}` for {place} too, or leave `{name}` out there with `targets` or `skip`"
                        ),
                    )
                } else {
                    let close = crate::diag::did_you_mean(needed.as_str(), known);
                    let close = close.map_or(String::new(), |close| format!("; did you mean `{close}`?"));
                    (
                        format!("there is no component `{needed}`"),
                        format!("name a recipe; a package of the distribution is written `pkg(\"{needed}\")`{close}"),
                    )
                };
                errors.push(scene.project.recipe_error(name, "needs", Some(needed.as_str()), message, help));
            }
        }
    }
    errors
}

/// The place for which `needed` is not built where something on `arch` needs it; `None` where it is built.
fn lacks(scene: &Scene<'_>, needed: &ComponentName, arch: &Arch) -> Option<String> {
    let distro = &scene.distro.name;
    let Some(member) = scene.members.get(needed) else { return Some(distro.to_string()) };
    let on = |arch: &Arch, part| {
        member.on.get(arch).is_some_and(|component| parts(&member.facts, &component.profiles, arch).contains(&part))
    };
    // What is independent of the arch is made on one arch, for all. A need that makes nothing at all is no harm.
    let there = member.on.contains_key(arch) || on(&scene.distro.indep_on, Part::Indep);
    (!there).then(|| format!("{distro}/{arch}"))
}

fn makers(scene: &Scene<'_>, errors: &mut Vec<RecipeError>) -> BTreeMap<String, ComponentName> {
    let mut makers: BTreeMap<String, ComponentName> = BTreeMap::new();
    for (name, member) in &scene.members {
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for (arch, component) in &member.on {
            own.extend(binaries(&member.facts, &component.profiles, arch));
        }
        for package in own {
            if let Some(other) = makers.insert(package.to_owned(), (*name).clone()) {
                let distro = &scene.distro.name;
                let message = format!("`{name}` and `{other}` both make the package `{package}` for {distro}");
                let help = format!("leave one of them out of {distro} with `targets` or `skip`").to_owned();
                errors.push(scene.project.recipe_error(name, "source", None, message, help));
            }
        }
    }
    makers
}

/// Depth first, by name; a need that leads back is an error that shows the way.
fn sort<'a>(
    scene: &Scene<'a>,
    needs: &BTreeMap<(&'a ComponentName, &'a Arch), BTreeSet<ComponentName>>,
    errors: &mut Vec<RecipeError>,
) -> Vec<&'a ComponentName> {
    let mut edges: BTreeMap<&ComponentName, BTreeSet<&'a ComponentName>> = BTreeMap::new();
    for ((name, _), needed) in needs {
        let known = needed.iter().filter_map(|needed| scene.members.get_key_value(needed).map(|(name, _)| *name));
        edges.entry(name).or_default().extend(known);
    }
    let mut order: Vec<&ComponentName> = Vec::new();
    let mut done: BTreeSet<&ComponentName> = BTreeSet::new();
    for start in scene.members.keys() {
        // A stack of its own: recursion would follow the depth of hostile recipes.
        let mut path: Vec<(&'a ComponentName, Vec<&'a ComponentName>)> = Vec::new();
        let next = |name: &ComponentName| edges.get(name).into_iter().flatten().rev().copied().collect::<Vec<_>>();
        if done.contains(*start) {
            continue;
        }
        path.push((start, next(start)));
        while let Some((name, left)) = path.last_mut() {
            let name = *name;
            match left.pop() {
                None => {
                    done.insert(name);
                    order.push(name);
                    path.pop();
                }
                Some(needed) if done.contains(needed) => {}
                Some(needed) => {
                    if let Some(from) = path.iter().position(|(name, _)| *name == needed) {
                        errors.push(cycle(scene, path[from..].iter().map(|(name, _)| *name).collect()));
                        return order;
                    }
                    path.push((needed, next(needed)));
                }
            }
        }
    }
    order
}

fn cycle(scene: &Scene<'_>, names: Vec<&ComponentName>) -> RecipeError {
    let way: Vec<&str> = names.iter().chain(names.first()).map(|name| name.as_str()).collect();
    let message = format!("components need each other on {}: {}", scene.distro.name, way.join(" → "));
    let help = "break the circle: leave one out with `targets`, or name a build profile in `profiles` that drops the need from its \
                `debian/control`".to_owned();
    let last = names.last().copied().unwrap_or(names[0]);
    let place = if names.len() > 1 { names[0].as_str() } else { last.as_str() };
    let says = scene.members.get(last).is_some_and(|member| member.on.values().any(|on| !on.needs.is_empty()));
    scene.project.recipe_error(last, if says { "needs" } else { "source" }, Some(place), message, help)
}
