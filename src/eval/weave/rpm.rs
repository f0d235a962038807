//! The nodes of a distro of RPM packages: the same kinds, and the same ways between them, as of `.deb` packages; names and
//! needs come from specs.

mod actions;
mod checks;
mod needs;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::actions::{Actions, tools};
use self::needs::Order;
use super::super::{Project, RecipeError, Work};
use super::distro::{Made, packages_of};
use super::laid::LaidTrees;
use super::probes;
use super::source_node::source_node;
use super::sources::{LocalError, LocalSource, Sources, pin_origin};
use super::srpms;
use super::stage::Stages;
use crate::component::{Component, MayFail, SourceSpec};
use crate::digest::Digest;
use crate::distro::{Distro, Rpm};
use crate::drv::Action;
use crate::family::Part;
use crate::family::rpm::{self, Places, RpmSource, RpmSourceError, Upstream};
use crate::graph::{self, Builder, NewNode, NodeId, Origin, Ready, Word};
use crate::lock::DistroPin;
use crate::name::{Arch, ComponentName, Kind};
use crate::package::spec::Macros;
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
    /// The macros of each.
    pub macros: Vec<Macros>,
}

/// A component of the distro.
struct Member<'a> {
    name: &'a ComponentName,
    /// For each pinned arch that it is built for, by place in the scene's arches, what its recipe and its spec come to.
    on: BTreeMap<usize, (&'a Component, RpmSource)>,
    tree: Tree,
    laid: LaidTrees,
    /// The place of the member that this is the stage of.
    stage_of: Option<usize>,
}

/// What its source node gives, where that is from, and the place in the node's name.
struct Tree {
    digest: Digest,
    origin: Origin,
    place: String,
}

struct Base {
    place: Word,
    index: NodeId,
    list: NodeId,
    root: NodeId,
}

/// The components of a distro with their specs read, and in which order they are built.
pub(super) struct Prepared<'a> {
    /// Components sorted by name, and behind them the stages of some.
    members: Vec<Member<'a>>,
    /// How many are no stages.
    components: usize,
    order: Order,
    /// By member.
    actions: Vec<Actions>,
}

impl Prepared<'_> {
    /// Every name that the project provides for the distro on some arch, with its component.
    pub fn ours(&self) -> BTreeMap<String, ComponentName> {
        let named = |(name, of): (&String, &String)| Some((name.clone(), of.parse().ok()?));
        self.order.on_arches.iter().flat_map(|on| on.ours.iter().filter_map(named)).collect()
    }
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
    stages: &'a Stages,
) -> Result<Prepared<'a>, Vec<RecipeError>> {
    let mut errors = Vec::new();
    let (mut members, staged) = members(scene, work, sources, stages, &mut errors);
    let is_member = |name: &&ComponentName| members.binary_search_by(|member| member.name.cmp(name)).is_ok();
    let failed = work.iter().map(|work| &work.component.name).filter(|name| !is_member(name)).collect();
    let components = members.len();
    members.extend(staged);
    errors.extend(checks::mistakes(scene, &members[..components]));
    let order = needs::order(scene, &members, components, &failed, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let actions = members.iter().map(|member| Actions::of(scene, member, &order)).collect();
    Ok(Prepared { members, components, order, actions })
}

/// Adds the nodes of a distro; gives what was woven of each component, sorted.
pub(super) fn weave<'a>(
    scene: &Scene<'a>,
    prepared: &Prepared<'a>,
    graph: &mut Builder,
) -> Vec<(&'a ComponentName, Made)> {
    let Prepared { members, components, order, .. } = prepared;
    let bases: Vec<Base> = scene.arches.iter().map(|arch| base(scene, arch, graph)).collect();
    let mut made = vec![Made::default(); members.len()];
    for place in &order.order {
        made[*place] = component(scene, prepared, *place, &bases, &made, graph);
    }
    checks::weave(scene, prepared, &bases, &mut made, graph);
    // Stages stand behind, and are nobody's but the components' that the circle goes through.
    members[..*components].iter().map(|member| member.name).zip(made).collect()
}

/// The components, and the stages of some.
fn members<'a>(
    scene: &Scene<'a>,
    work: &[&'a Work],
    sources: &Sources<'_>,
    stages: &'a Stages,
    errors: &mut Vec<RecipeError>,
) -> (Vec<Member<'a>>, Vec<Member<'a>>) {
    let (mut members, mut staged) = (Vec::new(), Vec::new());
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
        let made = member(scene, works, first, sources, &|work| Some(&work.component));
        let made = made.map_err(|error| ("source", error));
        let laid = |made| {
            let laid = LaidTrees::of(sources, distro, first)?;
            Ok(Member { laid: laid.with_upstream(sources, first, rpm::takes_upstream)?, ..made })
        };
        match made.and_then(laid) {
            Ok(made) => members.push(made),
            Err((field, error)) => {
                wrong(field, error);
                continue;
            }
        }
        match member(scene, works, first, sources, &|work| stages.of_component(&work.component)) {
            Ok(stage) if stage.on.is_empty() => {}
            Ok(stage) => staged.push(Member { stage_of: Some(members.len() - 1), ..stage }),
            Err(error) => wrong("stage", LocalError { message: format!("as a stage, {}", error.message), ..error }),
        }
    }
    (members, staged)
}

/// A component as `of` makes it of what is to be built.
fn member<'a>(
    scene: &Scene<'a>,
    works: &[&'a Work],
    first: &'a Component,
    sources: &Sources<'_>,
    of: &dyn Fn(&'a Work) -> Option<&'a Component>,
) -> Result<Member<'a>, LocalError> {
    let distro = &scene.distro.name;
    if first.sources.values().any(|source| matches!(source, SourceSpec::Dsc { .. })) {
        return Err(LocalError {
            message: format!("a further source of `{}` is a source package, and {distro} has RPM packages", first.name),
            help: format!(
                "lay a folder of the project, or leave {distro} out with `targets`, as in `targets: [\"@debian-*\"]`"
            ),
        });
    }
    let (tree, upstream) = match &first.source {
        SourceSpec::Srpm { name } => {
            let pin = sources.srpm(distro, name, &first.name)?;
            (Tree { digest: pin.tree, origin: srpms::origin((distro, name), pin), place: distro.to_string() }, None)
        }
        own @ (SourceSpec::Path { .. } | SourceSpec::Checkout(_) | SourceSpec::Archive(_)) => {
            let LocalSource { tree, .. } = sources.own(own)?;
            let origin = sources.origin(own, &first.name)?;
            (Tree { digest: *tree, origin, place: String::new() }, sources.upstream(first)?.map(Arc::new))
        }
        SourceSpec::Dsc { name } => {
            let (of, pin) = sources.of_other(name, &first.name)?;
            let upstream = Upstream::of(pin).ok_or_else(|| LocalError {
                message: format!("the source package `{name}` of {of} has no upstream archive, or several that it could be"),
                help: format!("leave {distro} out with `targets`, as in `targets: [\"@debian-*\"]`, or take the source from a folder"),
            })?;
            (Tree { digest: pin.tree, origin: pin_origin(of, pin), place: of.to_string() }, Some(Arc::new(upstream)))
        }
    };
    let shown = match (&tree.origin, &first.source) {
        (Origin::Folder(folder), _) => folder.clone(),
        (_, SourceSpec::Dsc { name } | SourceSpec::Srpm { name }) => name.to_string(),
        (_, SourceSpec::Checkout(checkout)) => checkout.to_string(),
        (_, SourceSpec::Archive(archive)) => archive.to_string(),
        _ => first.name.to_string(),
    };
    let texts = sources.texts(distro, first)?;
    let (beside, stamped) = (sources.beside(), sources.stamped(&first.source));
    let places = Places { texts: &texts, beside, upstream: upstream.as_ref(), stamped };
    let mut on = BTreeMap::new();
    for work in works {
        let arch = scene.arches.iter().position(|arch| **arch == work.target.arch).expect("work is of pinned arches");
        let Some(component) = of(work) else { continue };
        let source =
            rpm::source(component, (scene.rpm, &scene.macros[arch]), places, sources.specs()).map_err(|error| {
                let closest: &dyn miette::Diagnostic = match &error {
                    RpmSourceError::Spec { source, .. } => source,
                    other => other,
                };
                let help = closest.help().map(|help| help.to_string()).unwrap_or_default();
                LocalError { message: format!("`{shown}` for {}: {}", work.target, crate::diag::chain(&error)), help }
            })?;
        on.insert(arch, (component, source));
    }
    Ok(Member { name: &first.name, on, tree, laid: LaidTrees::default(), stage_of: None })
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
    let origin = Origin::Index { distro: distro.clone(), extra: None, files: places };
    let of_index = Action::Index { files: files.into_values().map(|(file, ..)| file).collect() };
    let index = add(Kind::Index, &of_index, &[], origin);
    let of_list = rpm::resolve_base((scene.distro, scene.rpm), arch);
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
    prepared: &Prepared<'_>,
    place: usize,
    bases: &[Base],
    others: &[Made],
    graph: &mut Builder,
) -> Made {
    let Prepared { members, order, actions, .. } = prepared;
    let member = &members[place];
    // A component and its stage share the source package, which is made as the component's.
    let whole = member.stage_of.unwrap_or(place);
    let mut made = Made::default();
    let of_package = actions[whole].source_package.as_ref();
    let Some(source_package) =
        of_package.and_then(|action| source_package(scene, &members[whole], action, bases, graph))
    else {
        return made;
    };
    made.source = Some(source_package);
    let (distro, actions) = (&scene.distro.name, &actions[place]);
    let staged = member.stage_of.is_some().then(|| super::stage::subject(member.name));
    let subject = graph.word(staged.as_deref().unwrap_or(member.name.as_str()));
    let wanted = wanted(scene, member);
    let add = |graph: &mut Builder, kind, wanted: &Wanted<'_>, action, needs: &mut [graph::Needed]| {
        let place = match wanted.part {
            Part::Arch => bases[wanted.arch].place,
            Part::Indep => graph.word(&format!("{distro}/{}", wanted.made_for)),
        };
        let origin = Origin::Made;
        let node = graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, needs);
        graph.may_fail(node, wanted.component.may_fail.as_ref())
    };
    let (mut lists, of_root) = (Vec::new(), graph.action(&rpm::root(scene.rpm)));
    for (one, ready) in wanted.iter().zip(&actions.lists) {
        let (base, arch) = (&bases[one.arch], scene.arches[one.arch]);
        let mut needs = vec![graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
        for other in order.needs(place, one.arch) {
            for (_, node, role) in others[*other].builds.iter().filter(|(built, ..)| built.is_all() || built == arch) {
                needs.push(graph.need_as(*role, *node, "packages"));
            }
        }
        if one.source.spec.asks {
            // What the source itself asks for is found out in a root, with its source package.
            needs.push(graph.need("root", base.root, "root"));
            needs.push(graph.need("source", source_package, "source"));
        }
        let action = graph.ready(ready);
        lists.push(add(graph, Kind::Resolve, one, action, &mut needs));
    }
    let has = |part| wanted.iter().any(|wanted| wanted.part == part);
    let mixed = has(Part::Arch) && has(Part::Indep);
    let mut ask = |one: &Wanted<'_>| probes::of(graph, one.component, bases[one.arch].place, bases[one.arch].root);
    let asked: Vec<Vec<NodeId>> = wanted.iter().map(&mut ask).collect();
    for (turn, one) in wanted.iter().enumerate() {
        let base = &bases[one.arch];
        let mut needs = vec![graph.need("list", lists[turn], "list"), graph.need("base", base.root, "root")];
        let root = add(graph, Kind::Root, one, of_root, &mut needs);
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
        let action = graph.ready(&actions.builds[turn]);
        let build = add(graph, Kind::Build, one, action, &mut needs);
        let role = graph.word(&packages_of(member.name, &one.made_for));
        made.builds.push((one.made_for.clone(), build, role));
    }
    made.builds.sort();
    made
}

/// The source package of a component, which is there already where its stage was woven.
fn source_package(
    scene: &Scene<'_>,
    member: &Member<'_>,
    action: &Ready,
    bases: &[Base],
    graph: &mut Builder,
) -> Option<NodeId> {
    let (tools, first, _) = tools(scene, member)?;
    let distro = &scene.distro.name;
    let (kind, subject, place) = (Kind::SourcePackage, graph.word(member.name.as_str()), graph.word(distro.as_str()));
    if let Some(known) = graph.find(kind, subject, place) {
        return Some(known);
    }
    let Tree { digest, origin, place: of } = &member.tree;
    let source = source_node(graph, subject, (*digest, origin.clone()), [of, distro.as_str()]);
    let action = graph.ready(action);
    let mut needs = member.laid.needs(scene.project, first, graph);
    needs.extend([graph.need("source", source, "tree"), graph.need("root", bases[tools].root, "root")]);
    let package = NewNode { kind, subject, place, action, of_component: true, origin: Origin::Made };
    let node = graph.add(package, &mut needs);
    let may_fail = MayFail::of_all(member.on.values().map(|(of_arch, _)| of_arch.may_fail.as_ref()));
    Some(graph.may_fail(node, may_fail))
}
