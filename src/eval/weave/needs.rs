//! Needs between the components of a distro, and the order that follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc as Shared;

use super::super::{Project, RecipeError};
use super::Scene;
use super::asked::asked;
use super::stage::{break_circles, stages_of};
use crate::component::{Component, Need};
use crate::drv::SharedTable;
use crate::family::deb::needs::{Known, Source, binaries, components, meets};
use crate::family::deb::{Part, parts};
use crate::graph;
use crate::name::{Arch, ComponentName, DistroName, PackageName};

/// The components of a distro so that each stands behind what it needs, and those needs by arch. A component is its place
/// among the scene's members.
pub(super) struct Order {
    /// Needed ones first.
    pub order: Vec<usize>,
    /// For each component and arch (by place in the scene's arches): whose packages it needs, directly or not, sorted.
    needs: BTreeMap<(usize, usize), Vec<usize>>,
    /// Which component makes a binary package.
    pub makers: SharedTable,
    /// Which package is meant where something is asked for by another name.
    pub asked: SharedTable,
}

impl Order {
    /// Whose packages a component needs on an arch.
    pub fn needs(&self, component: usize, arch: usize) -> &[usize] {
        self.needs.get(&(component, arch)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What an order follows from: most distros of a project have the same components from the same sources.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    arches: Vec<Arch>,
    indep_on: Arch,
    /// What the distro says of packages that needs may ask for.
    capabilities: BTreeMap<String, PackageName>,
    members: Vec<MemberSign>,
}

/// A member: its name, its source, and what it is on each arch. What two distros share is at one address.
type MemberSign = (ComponentName, *const Source<'static>, Vec<(Arch, *const Component)>);

/// Orders of distros, each made once for all that agree on what it follows from.
#[derive(Default)]
pub(super) struct Orders(BTreeMap<Signature, Shared<Order>>);

impl Orders {
    /// Follows all needs of a distro.
    ///
    /// # Errors
    /// Unknown components, two makers of one package, circles.
    pub fn order(&mut self, scene: &Scene<'_>) -> Result<Shared<Order>, Vec<RecipeError>> {
        let members = scene.members.iter().map(|member| {
            let on = member.on.iter().map(|(arch, component)| ((*arch).clone(), &raw const **component));
            (member.name.clone(), (&raw const *member.source).cast(), on.collect())
        });
        let signature = Signature {
            arches: scene.arches.iter().map(|arch| (*arch).clone()).collect(),
            indep_on: scene.distro.indep_on.clone(),
            capabilities: scene.deb.capabilities.clone(),
            members: members.collect(),
        };
        if let Some(known) = self.0.get(&signature) {
            return Ok(known.clone());
        }
        let order = Shared::new(order(scene)?);
        self.0.insert(signature, order.clone());
        Ok(order)
    }
}

fn order(scene: &Scene<'_>) -> Result<Order, Vec<RecipeError>> {
    let mut errors = unknown_needs(scene);
    errors.extend(other_versions(scene));
    let makers = makers(scene, &mut errors);
    let asked = asked(scene, &makers, &mut errors);
    let mut needs = BTreeMap::new();
    let mut all_known: Vec<Vec<Option<Known<'_>>>> = Vec::new();
    for (arch_place, arch) in scene.arches.iter().enumerate() {
        let known: Vec<Option<Known<'_>>> = scene
            .members
            .iter()
            .map(|member| {
                let component = member.on(arch)?;
                let said = component.needs.iter().filter_map(|need| match need {
                    Need::Component { name, .. } => scene.place(name),
                    Need::Package { .. } | Need::Capability { .. } => None,
                });
                let packages = component.needs.iter().filter_map(|need| match need {
                    Need::Component { .. } => None,
                    Need::Package { name, .. } => name.split(':').next(),
                    Need::Capability { capability, .. } => asked.get(&capability.to_string()).map(String::as_str),
                });
                let packages = packages.collect();
                Some(Known { source: member.source, profiles: &component.profiles, needs: said.collect(), packages })
            })
            .collect();
        for place in (0..scene.components).filter(|place| known[*place].is_some()) {
            let found = components(place, &known, (&makers, &asked), arch);
            needs.insert((place, arch_place), found.into_iter().collect::<Vec<usize>>());
        }
        all_known.push(known);
    }
    let mut order = sort(&needs);
    if let Err(circles) = &order {
        let stages = stages_of(scene.members.iter().map(|member| member.stage_of));
        let follow = |place: usize, known: &[Option<Known<'_>>], arch: usize| {
            components(place, known, (&makers, &asked), scene.arches[arch])
        };
        if break_circles(&stages, circles, &all_known, &follow, &mut needs) {
            order = sort(&needs);
        }
    }
    let order = order.unwrap_or_else(|circles| {
        errors.extend(circles.iter().map(|circle| circle_error(scene, &whole(circle, &needs))));
        Vec::new()
    });
    if !errors.is_empty() {
        return Err(errors);
    }
    let makers = makers.iter().map(|(package, maker)| ((*package).to_owned(), scene.members[*maker].name.to_string()));
    Ok(Order { order, needs, makers: SharedTable::new(makers.collect()), asked: SharedTable::new(asked) })
}

fn unknown_needs(scene: &Scene<'_>) -> Vec<RecipeError> {
    let mut errors = Vec::new();
    for member in &scene.members {
        let name = member.name;
        let mut said: Vec<&ComponentName> = Vec::new();
        let needs =
            member.on.iter().flat_map(|(arch, component)| component.needs.iter().map(move |need| (*arch, need)));
        for (arch, need) in needs {
            if let Need::Component { name: needed, .. } = need
                && !said.contains(&needed)
                && !scene.project.broken.contains(needed)
                && !scene.failed.contains(needed)
                && let Some(place) = lacks(scene, needed, arch)
            {
                said.push(needed);
                errors.push(lacking(scene.project, name, (needed, need), &place));
            }
        }
    }
    errors
}

/// Components that are there in another version than a recipe needs.
fn other_versions(scene: &Scene<'_>) -> Vec<RecipeError> {
    let mut errors = Vec::new();
    for member in &scene.members {
        for need in member.on.iter().flat_map(|(_, component)| &component.needs) {
            if let Need::Component { name, version: Some(bound) } = need
                && let Some(place) = scene.place(name)
                && let version = &scene.members[place].source.facts.version
                && !meets(version, bound)
            {
                let message =
                    format!("`{}` needs `{need}`, but `{name}` is {version} on {}", member.name, scene.distro.name);
                let help = format!("pin another version of `{name}` with `opb update {name}`, or mend the need");
                errors.push(scene.project.recipe_error(member.name, "needs", Some(&need.to_string()), message, help));
            }
        }
    }
    errors
}

/// `name` needs `needed`, which is not built for `place`, or does not exist.
pub(super) fn lacking(
    project: &Project,
    name: &ComponentName,
    (needed, need): (&ComponentName, &Need),
    place: &str,
) -> RecipeError {
    let (message, help) = if project.components.contains_key(needed) {
        (
            format!("`{name}` needs `{needed}`, which is not built for {place}"),
            format!("build `{needed}` for {place} too, or leave `{name}` out there with `targets` or `skip`"),
        )
    } else {
        let close = crate::diag::did_you_mean(needed.as_str(), project.components.keys().map(ComponentName::as_str));
        let close = close.map_or(String::new(), |close| format!("; did you mean `{close}`?"));
        (
            format!("there is no component `{needed}`"),
            format!("name a recipe; a package of the distribution is written `pkg(\"{needed}\")`{close}"),
        )
    };
    project.recipe_error(name, "needs", Some(&need.to_string()), message, help)
}

/// How many of the packages that two components make are named.
const MOST_NAMED: usize = 3;

/// Two components make the same packages, of which there is one at least.
pub(super) fn twice(
    project: &Project,
    (name, other): (&ComponentName, &ComponentName),
    packages: &[&str],
    distro: &DistroName,
) -> RecipeError {
    let named: Vec<String> = packages.iter().take(MOST_NAMED).map(|package| format!("`{package}`")).collect();
    let (word, more) = match packages.len() {
        0 | 1 => ("package", String::new()),
        count if count > MOST_NAMED => ("packages", format!(" and {} more", count - MOST_NAMED)),
        _ => ("packages", String::new()),
    };
    let message = format!("`{name}` and `{other}` both make the {word} {}{more} for {distro}", named.join(", "));
    let help = format!("leave one of them out of {distro} with `targets` or `skip`");
    project.recipe_error(name, "source", None, message, help)
}

/// The place for which `needed` is not built where something on `arch` needs it; `None` where it is built.
fn lacks(scene: &Scene<'_>, needed: &ComponentName, arch: &Arch) -> Option<String> {
    let distro = &scene.distro.name;
    let Some(member) = scene.place(needed).map(|place| &scene.members[place]) else { return Some(distro.to_string()) };
    let on = |arch: &Arch, part| {
        member.on(arch).is_some_and(|component| parts(&member.source.facts, &component.profiles, arch).contains(&part))
    };
    // What is independent of the arch is made on one arch, for all. A need that makes nothing at all is no harm.
    let there = member.on(arch).is_some() || on(&scene.distro.indep_on, Part::Indep);
    (!there).then(|| format!("{distro}/{arch}"))
}

/// Which member makes a binary package.
fn makers<'a>(scene: &'a Scene<'_>, errors: &mut Vec<RecipeError>) -> BTreeMap<&'a str, usize> {
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut clashes: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    for (place, member) in scene.members[..scene.components].iter().enumerate() {
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for (arch, component) in &member.on {
            own.extend(binaries(&member.source.facts, &component.profiles, arch));
        }
        for package in own {
            if let Some(other) = makers.insert(package, place) {
                clashes.entry((place, other)).or_default().push(package);
            }
        }
    }
    let clash = |((place, other), packages): ((usize, usize), Vec<&str>)| {
        let both = (scene.members[place].name, scene.members[other].name);
        twice(scene.project, both, &packages, &scene.distro.name)
    };
    errors.extend(clashes.into_iter().map(clash));
    makers
}

/// Needed ones first.
pub(super) fn sort(needs: &BTreeMap<(usize, usize), Vec<usize>>) -> Result<Vec<usize>, Vec<graph::Circle<usize>>> {
    let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for ((component, _), needed) in needs {
        edges.entry(*component).or_default().extend(needed);
    }
    let edges = edges.into_iter().map(|(component, needed)| (component, needed.into_iter().collect())).collect();
    graph::order(&edges)
}

/// A circle of one that leads through others: needs are those of needs too, so the shortest one hides them.
pub(super) fn whole(
    circle: &graph::Circle<usize>,
    needs: &BTreeMap<(usize, usize), Vec<usize>>,
) -> graph::Circle<usize> {
    let [one] = circle.0[..] else { return graph::Circle(circle.0.clone()) };
    let leads =
        |from: usize, to: usize| needs.range((from, 0)..=(from, usize::MAX)).any(|(_, needed)| needed.contains(&to));
    let others = needs.range((one, 0)..=(one, usize::MAX)).flat_map(|(_, needed)| needed).copied();
    let through = others.filter(|other| *other != one && leads(*other, one)).min();
    graph::Circle([one].into_iter().chain(through).collect())
}

fn circle_error(scene: &Scene<'_>, circle: &graph::Circle<usize>) -> RecipeError {
    let names: Vec<&ComponentName> = circle.0.iter().map(|place| scene.members[*place].name).collect();
    let last = circle.0.last().copied().unwrap_or_default();
    let says = scene.members[last].on.iter().any(|(_, component)| !component.needs.is_empty());
    let help = "break the circle: give one of them a `stage` with a build profile that drops the need from its `debian/control`, \
                as in `stage: #{ profiles: [\"stage1\"] }`; or leave one out with `targets`";
    circle_of(scene.project, &scene.distro.name, &names, says, help)
}

/// Components need each other: each the next, the last one the first. `says`: the recipe of the last has needs of its own.
pub(super) fn circle_of(
    project: &Project,
    distro: &DistroName,
    names: &[&ComponentName],
    says: bool,
    help: &str,
) -> RecipeError {
    let way: Vec<&str> = names.iter().chain(names.first()).map(|name| name.as_str()).collect();
    let message = format!("components need each other on {distro}: {}", way.join(" → "));
    let field = if says { "needs" } else { "source" };
    let last = names.last().expect("a circle has members");
    project.recipe_error(last, field, names.first().map(|name| name.as_str()), message, help)
}
