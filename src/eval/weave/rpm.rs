//! The nodes of a distro of RPM packages: the same kinds, and the same ways between them, as of `.deb` packages; names and
//! needs come from specs.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Project, RecipeError, Work};
use super::distro::Made;
use super::laid::LaidTrees;
use super::needs::{circle_of, lacking, twice};
use super::probes;
use super::sources::{LocalError, LocalSource, Sources, source_node};
use crate::component::{Component, MayFail, Need, SourceSpec};
use crate::digest::Digest;
use crate::distro::{Distro, Rpm};
use crate::drv::{Action, SharedTable};
use crate::family::Part;
use crate::family::laid::Laid;
use crate::family::rpm::needs::{Known, Makers, components, meets};
use crate::family::rpm::{self, RpmSource, RpmSourceError};
use crate::graph::{self, Builder, NewNode, NodeId, Origin, Word};
use crate::lock::DistroPin;
use crate::name::{Arch, ComponentName, Kind};
use crate::settings::Settings;

/// What one distro's nodes are woven from.
pub(super) struct Scene<'a> {
    pub project: &'a Project,
    pub settings: &'a Settings,
    pub distro: &'a Distro,
    pub rpm: &'a Rpm,
    pub pin: &'a DistroPin,
    /// Arches whose index is pinned, in the distro's order.
    pub arches: Vec<&'a Arch>,
}

/// A component of the distro.
struct Member<'a> {
    name: &'a ComponentName,
    /// For each pinned arch that it is built for, by place in the scene's arches, what its recipe and its spec come to.
    on: BTreeMap<usize, (&'a Component, RpmSource)>,
    folder: String,
    tree: Digest,
    laid: LaidTrees,
}

/// What is known of the needs on one arch.
struct OnArch {
    makers: Makers,
    /// For each member: whose packages it needs, directly or not.
    needs: BTreeMap<usize, BTreeSet<usize>>,
    /// Every name that the project provides there, with its component.
    ours: SharedTable,
}

struct Base {
    place: Word,
    index: NodeId,
    list: NodeId,
    root: NodeId,
}

/// The components of a distro with their specs read, and in which order they are built.
pub(super) struct Prepared<'a> {
    members: Vec<Member<'a>>,
    on_arches: Vec<OnArch>,
    order: Vec<usize>,
}

/// Reads the specs of a distro and follows all needs. Most of the work, and nobody else's graph is touched, so that
/// distros are prepared side by side.
///
/// # Errors
/// All mistakes of the distro's components.
pub(super) fn prepare<'a>(
    scene: &Scene<'a>,
    work: &[&'a Work],
    sources: &Sources<'_>,
) -> Result<Prepared<'a>, Vec<RecipeError>> {
    let mut errors = Vec::new();
    let members = members(scene, work, sources, &mut errors);
    let is_member = |name: &&ComponentName| members.binary_search_by(|member| member.name.cmp(name)).is_ok();
    let failed = work.iter().map(|work| &work.component.name).filter(|name| !is_member(name)).collect();
    let on_arches: Vec<OnArch> =
        (0..scene.arches.len()).map(|arch| on_arch(scene, &members, &failed, arch, &mut errors)).collect();
    let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for on in &on_arches {
        for (member, needed) in &on.needs {
            // A circle through others is told with them, not as a component that needs itself.
            let back = |other: &usize| other != member && on.needs.get(other).is_some_and(|them| them.contains(member));
            let through_others = needed.iter().any(back);
            let kept = needed.iter().filter(|needed| *needed != member || !through_others);
            edges.entry(*member).or_default().extend(kept);
        }
    }
    let edges = edges.into_iter().map(|(member, needed)| (member, needed.into_iter().collect())).collect();
    let order = graph::order(&edges).unwrap_or_else(|circles| {
        for circle in circles {
            let names: Vec<&ComponentName> = circle.0.iter().map(|place| members[*place].name).collect();
            let last = circle.0.last().and_then(|place| members.get(*place));
            let says = last.is_some_and(|last| last.on.values().any(|(component, _)| !component.needs.is_empty()));
            let help = "break the circle: leave one out with `targets`, or name a build profile in `profiles` that turns off a \
                        condition of its spec, and with that the need";
            errors.push(circle_of(scene.project, &scene.distro.name, &names, says, help));
        }
        Vec::new()
    });
    if errors.is_empty() { Ok(Prepared { members, on_arches, order }) } else { Err(errors) }
}

/// Adds the nodes of a distro; gives what was woven of each component, sorted.
pub(super) fn weave<'a>(
    scene: &Scene<'a>,
    prepared: &Prepared<'a>,
    graph: &mut Builder,
) -> Vec<(&'a ComponentName, Made)> {
    let Prepared { members, on_arches, order } = prepared;
    let bases: Vec<Base> = scene.arches.iter().map(|arch| base(scene, arch, graph)).collect();
    let mut made = vec![Made::default(); members.len()];
    for place in order {
        made[*place] = component(scene, members, *place, on_arches, &bases, &made, graph);
    }
    members.iter().map(|member| member.name).zip(made).collect()
}

fn members<'a>(
    scene: &Scene<'a>,
    work: &[&'a Work],
    sources: &Sources<'_>,
    errors: &mut Vec<RecipeError>,
) -> Vec<Member<'a>> {
    let mut members = Vec::new();
    for works in work.chunk_by(|one, other| one.component.name == other.component.name) {
        let first: &'a Component = &works[0].component;
        let distro = &scene.distro.name;
        let mut wrong = |field, LocalError { message, help }| {
            errors.push(scene.project.recipe_error(&first.name, field, None, message, help));
        };
        if let Some(field) = works.iter().find_map(|work| first.other_source(&work.component)) {
            let message = format!("the {field} of `{}` differs between arches of {distro}", first.name);
            let help = "give all arches of a distro one source, since they share one source package; or make two \
                        components, each with its `targets`";
            wrong(field, LocalError { message, help: help.to_owned() });
            continue;
        }
        let member = member(scene, works, first, sources).map_err(|error| ("source", error));
        match member.and_then(|member| Ok(Member { laid: LaidTrees::of(sources, distro, first)?, ..member })) {
            Ok(member) => members.push(member),
            Err((field, error)) => wrong(field, error),
        }
    }
    members
}

fn member<'a>(
    scene: &Scene<'a>,
    works: &[&'a Work],
    first: &'a Component,
    sources: &Sources<'_>,
) -> Result<Member<'a>, LocalError> {
    let distro = &scene.distro.name;
    let (SourceSpec::Path { folder }, None) = (&first.source, first.source_packages().next()) else {
        return Err(LocalError {
            message: format!("a source of `{}` is one of Debian's, and {distro} has RPM packages", first.name),
            help: format!("leave {distro} out with `targets`, as in `targets: [\"@debian-*\"]`"),
        });
    };
    let LocalSource { tree, .. } = sources.folder(folder.as_ref())?;
    let texts = sources.texts(first, folder.as_ref())?;
    let folder = folder.clone().unwrap_or_else(|| ".".to_owned());
    let mut on = BTreeMap::new();
    for work in works {
        let arch = scene.arches.iter().position(|arch| **arch == work.target.arch).expect("work is of pinned arches");
        let component: &'a Component = &work.component;
        let source = rpm::source(component, scene.rpm, &work.target.arch, &texts).map_err(|error| {
            let closest: &dyn miette::Diagnostic = match &error {
                RpmSourceError::Spec { source, .. } => source,
                other => other,
            };
            let help = closest.help().map(|help| help.to_string()).unwrap_or_default();
            LocalError { message: format!("`{folder}` for {}: {}", work.target, crate::diag::chain(&error)), help }
        })?;
        on.insert(arch, (component, source));
    }
    Ok(Member { name: &first.name, on, folder, tree: *tree, laid: LaidTrees::default() })
}

/// Follows the needs on one arch.
fn on_arch(
    scene: &Scene<'_>,
    members: &[Member<'_>],
    failed: &BTreeSet<&ComponentName>,
    arch: usize,
    errors: &mut Vec<RecipeError>,
) -> OnArch {
    let indep = scene.arches.iter().position(|arch| **arch == scene.distro.indep_on);
    let mut makers = Makers::default();
    for (place, member) in members.iter().enumerate() {
        let here = member.on.get(&arch);
        // What is independent of the arch is made on one arch, for all.
        let found = here.or_else(|| indep.and_then(|indep| member.on.get(&indep)));
        let Some((component, source)) = found else { continue };
        for found in makers.add(place, component, &source.spec, scene.arches[arch], here.is_none()) {
            let error =
                twice(scene.project, (member.name, members[found.makers.0].name), &found.package, &scene.distro.name);
            if !errors.iter().any(|other| other.to_string() == error.to_string()) {
                errors.push(error);
            }
        }
    }
    let known: Vec<Option<Known<'_>>> = members
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
                match members.binary_search_by(|other| other.name.cmp(name)) {
                    Ok(place) if is_there(&members[place], arch, indep) => {
                        needs.push(place);
                        let other = members[place].on.values().next().map(|(_, source)| &source.spec.evr);
                        if let (Some(bound), Some(evr)) = (version, other)
                            && !meets(evr, bound)
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
    let built = (0..members.len()).filter(|place| known[*place].is_some());
    let needs = built.map(|place| (place, components(place, &known, &makers))).collect();
    let ours = makers.names().map(|(name, place)| (name.to_owned(), members[place].name.to_string()));
    OnArch { ours: SharedTable::new(ours.collect()), needs, makers }
}

fn is_there(member: &Member<'_>, arch: usize, indep: Option<usize>) -> bool {
    let independent = |(_, source): &(_, RpmSource)| source.spec.packages.values().any(|package| package.noarch);
    member.on.contains_key(&arch) || indep.and_then(|indep| member.on.get(&indep)).is_some_and(independent)
}

fn base(scene: &Scene<'_>, arch: &Arch, graph: &mut Builder) -> Base {
    let distro = &scene.distro.name;
    let (subject, place) = (graph.word("base"), graph.word(&format!("{distro}/{arch}")));
    let mut add = |kind, action: &Action, inputs: &[(&str, NodeId, &str)], origin| {
        let action = graph.action(action);
        let mut needs: Vec<graph::Needed> =
            inputs.iter().map(|(role, node, output)| graph.need(role, *node, output)).collect();
        graph.add(NewNode { kind, subject, place, action, of_component: false, origin }, &mut needs)
    };
    let files = rpm::index_files(scene.rpm, &scene.pin.repository, arch);
    let places = files.iter().map(|(label, (_, of, path))| (label.clone(), (of.clone(), path.clone()))).collect();
    let origin = Origin::Index { distro: distro.clone(), files: places };
    let of_index = Action::Index { files: files.into_values().map(|(file, ..)| file).collect() };
    let index = add(Kind::Index, &of_index, &[], origin);
    let of_list = rpm::resolve_base(scene.rpm, arch);
    let list = add(Kind::Resolve, &of_list, &[("index", index, "packages")], Origin::Made);
    let root = add(Kind::Root, &rpm::root(scene.rpm), &[("list", list, "list")], Origin::Made);
    Base { place, index, list, root }
}

/// What is to be built: once for each arch, once for all of them.
struct Wanted<'m> {
    made_for: Arch,
    arch: usize,
    component: &'m Component,
    source: &'m RpmSource,
    part: Part,
}

fn wanted<'m>(scene: &Scene<'_>, member: &'m Member<'_>) -> Vec<Wanted<'m>> {
    let mut wanted = Vec::new();
    for (arch, (component, source)) in &member.on {
        let name = scene.arches[*arch];
        for part in rpm::parts(&source.spec, name) {
            let made_for = match part {
                Part::Arch => name.clone(),
                Part::Indep if *name == scene.distro.indep_on => Arch::all(),
                Part::Indep => continue,
            };
            wanted.push(Wanted { made_for, arch: *arch, component, source, part });
        }
    }
    wanted
}

fn component(
    scene: &Scene<'_>,
    members: &[Member<'_>],
    place: usize,
    on_arches: &[OnArch],
    bases: &[Base],
    others: &[Made],
    graph: &mut Builder,
) -> Made {
    let member = &members[place];
    let mut made = Made::default();
    let indep = scene.arches.iter().position(|arch| **arch == scene.distro.indep_on);
    let tools = indep.filter(|arch| member.on.contains_key(arch)).or_else(|| member.on.keys().next().copied());
    let Some((tools, (first, of_first))) = tools.and_then(|arch| Some((arch, member.on.get(&arch)?))) else {
        return made;
    };
    let (distro, maintainer) = (&scene.distro.name, &scene.settings.maintainer);
    let subject = graph.word(member.name.as_str());
    let origin = Origin::Folder(member.folder.clone());
    let source = source_node(graph, subject, (member.tree, origin), ["", distro.as_str()]);
    let laid = Laid { beside: &scene.project.beside, trees: &member.laid.trees };
    let action = rpm::source_package(first, scene.distro, scene.rpm, of_first, &laid, maintainer);
    let action = graph.action(&action);
    let mut needs = member.laid.needs(scene.project, first, graph);
    needs.extend([graph.need("source", source, "tree"), graph.need("root", bases[tools].root, "root")]);
    let of_distro = graph.word(distro.as_str());
    let (kind, origin) = (Kind::SourcePackage, Origin::Made);
    let package = NewNode { kind, subject, place: of_distro, action, of_component: true, origin };
    let source_package = graph.add(package, &mut needs);
    graph.may_fail(source_package, MayFail::of_all(member.on.values().map(|(of_arch, _)| of_arch.may_fail.as_ref())));
    made.source = Some(source_package);
    let wanted = wanted(scene, member);
    let add = |graph: &mut Builder, kind, wanted: &Wanted<'_>, action: &Action, needs: &mut [graph::Needed]| {
        let place = match wanted.part {
            Part::Arch => bases[wanted.arch].place,
            Part::Indep => graph.word(&format!("{distro}/{}", wanted.made_for)),
        };
        let origin = Origin::Made;
        let action = graph.action(action);
        let node = graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, needs);
        graph.may_fail(node, wanted.component.may_fail.as_ref())
    };
    let mut lists = Vec::new();
    for one in &wanted {
        let (base, on) = (&bases[one.arch], &on_arches[one.arch]);
        let arch = scene.arches[one.arch];
        let action =
            rpm::resolve(one.component, scene.rpm, &one.source.spec, arch, &on.makers.aliases, on.ours.clone());
        let mut needs = vec![graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
        for other in on.needs.get(&place).into_iter().flatten() {
            for (built, node) in others[*other].builds.iter().filter(|(built, _)| built.is_all() || built == arch) {
                needs.push(graph.need(&format!("packages of {}/{built}", members[*other].name), *node, "packages"));
            }
        }
        lists.push(add(graph, Kind::Resolve, one, &action, &mut needs));
    }
    let has = |part| wanted.iter().any(|wanted| wanted.part == part);
    let mixed = has(Part::Arch) && has(Part::Indep);
    let mut ask = |one: &Wanted<'_>| probes::of(graph, one.component, bases[one.arch].place, bases[one.arch].root);
    let asked: Vec<Vec<NodeId>> = wanted.iter().map(&mut ask).collect();
    for (turn, one) in wanted.iter().enumerate() {
        let base = &bases[one.arch];
        let mut needs = vec![graph.need("list", lists[turn], "list"), graph.need("base", base.root, "root")];
        let root = add(graph, Kind::Root, one, &rpm::root(scene.rpm), &mut needs);
        let part = (one.part, scene.arches[one.arch]);
        let action = rpm::build(one.component, scene.distro, scene.rpm, one.source, part, maintainer);
        let mut needs = vec![graph.need("root", root, "root"), graph.need("source", source_package, "source")];
        // Packages of both kinds are often tied to one exact version: what gives one of the builds a new number must give
        // it to all.
        if mixed {
            for (other, list) in std::iter::zip(&wanted, &lists).filter(|(_, list)| **list != lists[turn]) {
                needs.push(graph.need(&format!("number with {}", other.made_for), *list, "list"));
            }
        }
        let others = std::iter::zip(&wanted, &asked).filter(|_| mixed);
        let tied = others.map(|(other, asked)| (other.made_for.as_str(), asked.as_slice()));
        needs.extend(probes::needs(graph, &asked[turn], tied));
        let build = add(graph, Kind::Build, one, &action, &mut needs);
        made.builds.push((one.made_for.clone(), build));
    }
    made.builds.sort();
    made
}
