//! Weaving: components × targets, with what the lock knows of their sources, become the graph.
//!
//! Pure, like all of evaluation: the lock's facts stand in for sources that are not here, and a local folder is looked at
//! through a closure. Distros and arches without a pin are left out; the order of nodes follows from names alone.

mod actions;
mod ahead;
mod amend;
#[cfg(test)]
mod amend_tests;
mod archives;
mod asked;
mod before;
mod checkouts;
mod checks;
mod distro;
mod extra;
mod facts;
mod imported;
mod laid;
mod needs;
mod probes;
pub(super) mod repo;
mod rpm;
mod source_distro;
mod source_node;
mod sources;
mod srpms;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use amend::{Earlier, amend};
pub use archives::asked_of_archives;
pub use before::Before;
use checkouts::asked_of;
pub use checkouts::asked_of_checkouts;
pub(super) use extra::are_pinned;
pub use facts::facts;
pub use source_distro::{source_distro, takes_sources};
pub(super) use sources::Sources;
pub use sources::{Asked, LocalError, LocalSource, LookAt, Looked};

use super::{Project, RecipeError, RecipeErrors, Work};
use crate::component::{BuildSpec, Component, SourceSpec};
use crate::digest::Digest;
use crate::distro::{Deb, Distro, Packaging};
use crate::family::deb::needs::Source;
use crate::family::deb::takes_upstream;
use crate::graph::Graph;
use crate::lock::{DistroPin, Lock};
use crate::name::{Arch, ComponentName, DistroName};
use crate::settings::Settings;
use actions::Actions;

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
    name: &'a ComponentName,
    /// As evaluated for each pinned arch it is built for, sorted by arch.
    on: Vec<(&'a Arch, &'a Component)>,
    source: &'a Source<'a>,
    /// The digest of a local source's tree; `None` for one of the distribution.
    local: Option<Digest>,
    /// What folders are laid into it.
    laid: laid::LaidTrees,
    /// The place of the member that this is the stage of.
    stage_of: Option<usize>,
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
    /// Components sorted by name, and behind them the stages of some.
    members: Vec<Member<'a>>,
    /// How many are no stages.
    components: usize,
    /// Components with a mistake of their own, so that they are no members: what needs them is not to blame.
    failed: BTreeSet<&'a ComponentName>,
}

impl Member<'_> {
    /// As it is for `arch`; `None` where it is not built for it.
    fn on(&self, arch: &Arch) -> Option<&Component> {
        self.on.iter().find(|(on, _)| *on == arch).map(|(_, component)| *component)
    }
}

impl Scene<'_> {
    /// Every binary package that the project makes for the distro, with its component.
    fn ours(&self) -> BTreeMap<String, ComponentName> {
        let of = |member: &Member<'_>| {
            let name = member.name.clone();
            let packages = member.source.facts.binaries.keys();
            packages.map(|package| (package.to_string(), name.clone())).collect::<Vec<_>>()
        };
        self.members[..self.components].iter().flat_map(of).collect()
    }

    /// The place of a component among the members.
    fn place(&self, name: &ComponentName) -> Option<usize> {
        self.members[..self.components].binary_search_by(|member| member.name.cmp(name)).ok()
    }
}

/// Weaves the graph of everything that is pinned.
///
/// # Errors
/// All independent errors: sources without a pin, local folders that are no source, unknown needs, cycles.
pub fn weave<'p>(
    project: &'p Project,
    lock: &'p Lock,
    settings: &'p Settings,
    look_at: &LookAt<'_>,
) -> Result<Woven, RecipeErrors> {
    let mut errors = Vec::new();
    let patterns = repo::patterns(project, settings, &mut errors);
    repo::limits(project, settings, &mut errors);
    checks::mistakes(project, settings, &mut errors);
    imported::check(project, settings, &mut errors);
    let pinned: BTreeMap<&DistroName, Vec<&Arch>> = lock
        .distro
        .iter()
        .filter_map(|(name, pin)| {
            let (name, distro) = project.distros.get_key_value(name)?;
            Some((name, pinned_arches(distro, pin)))
        })
        .collect();
    let unreleased = checkouts::unreleased(project, lock, settings);
    let work = by_distro(project, &pinned, &unreleased);
    let sources = Sources::new(project, &work, (lock, settings), look_at);
    let stages = stage::Stages::new(project, &work);
    let mut weaver = distro::Weaver::default();
    let mut orders = needs::Orders::default();
    let pinned: Vec<(&DistroName, Vec<&Arch>)> = pinned.into_iter().collect();
    let mut ours = imported::Ours::new();
    let make = |(name, arches): &(&'p DistroName, Vec<&'p Arch>)| {
        prepare(project, lock, settings, (name, arches), &work, (&sources, &stages))
    };
    // What takes long and needs no graph is done beside the adding of nodes, which goes in the order of distros.
    ahead::in_order(&pinned, make, |prepared| match prepared {
        Some(Prepared::Deb(scene, actions, found)) => {
            errors.append(found);
            if project.imports.has_any_of(&scene.distro.name) {
                ours.insert(&scene.distro.name, scene.ours());
            }
            match orders.order(scene) {
                Ok(order) => weaver.weave(scene, &order, actions),
                Err(found) => errors.extend(found),
            }
        }
        Some(Prepared::Rpm(scene, prepared)) => {
            if project.imports.has_any_of(&scene.distro.name) {
                ours.insert(&scene.distro.name, prepared.ours());
            }
            let (graph, made) = weaver.parts();
            made.insert(&scene.distro.name, rpm::weave(scene, prepared, graph));
        }
        Some(Prepared::Wrong(found)) => errors.append(found),
        None => {}
    });
    imported::check_ours(project, &ours, &mut errors);
    if let Some(errors) = RecipeErrors::new(errors) {
        return Err(errors);
    }
    let (mut graph, made) = weaver.finish();
    repo::weave(project, lock, settings, &patterns, &mut graph, &made);
    Ok(Woven { graph: graph.finish(), notices: notices(project, lock, &unreleased) })
}

/// A distro, ready for its nodes to be added.
enum Prepared<'a> {
    /// With the mistakes of components that are no members for that.
    Deb(Scene<'a>, Vec<Option<Actions>>, Vec<RecipeError>),
    Rpm(rpm::Scene<'a>, rpm::Prepared<'a>),
    Wrong(Vec<RecipeError>),
}

/// Prepares a distro; `None` for one that is gone.
fn prepare<'a>(
    project: &'a Project,
    lock: &'a Lock,
    settings: &'a Settings,
    (name, arches): (&'a DistroName, &[&'a Arch]),
    work: &BTreeMap<&'a DistroName, Vec<&'a Work>>,
    (sources, stages): (&'a Sources<'a>, &'a stage::Stages),
) -> Option<Prepared<'a>> {
    let (distro, pin) = (project.distros.get(name)?, lock.distro.get(name)?);
    let (of_distro, arches) = (work.get(name).map(Vec::as_slice).unwrap_or_default(), arches.to_vec());
    Some(match &distro.packaging {
        Packaging::Rpm(rpm) => {
            let macros = arches.iter().map(|arch| crate::family::rpm::macros(rpm, arch)).collect();
            let scene = rpm::Scene { project, settings, distro, rpm, pin, arches, macros };
            match rpm::prepare(&scene, of_distro, sources, stages) {
                Ok(prepared) => Prepared::Rpm(scene, prepared),
                Err(found) => Prepared::Wrong(found),
            }
        }
        Packaging::Deb(deb) => {
            let mut errors = Vec::new();
            let mut members = members(project, distro, of_distro, sources, &mut errors);
            let is_member = |name: &&ComponentName| members.binary_search_by(|member| member.name.cmp(name)).is_ok();
            let failed = of_distro.iter().map(|work| &work.component.name).filter(|name| !is_member(name)).collect();
            let components = members.len();
            members.extend(stages.of(&members));
            let scene = Scene { project, settings, distro, deb, pin, lock, arches, members, components, failed };
            let actions = scene.members.iter().map(|member| Actions::of(&scene, member)).collect();
            errors.extend(extra::unpinned(&scene));
            errors.extend(checks::mistakes_of_recipes(&scene));
            Prepared::Deb(scene, actions, errors)
        }
    })
}

/// The arches of a distro whose index is pinned, in the distro's order.
pub fn pinned_arches<'a>(distro: &'a Distro, pin: &DistroPin) -> Vec<&'a Arch> {
    let pinned = |arch: &&Arch| match &distro.packaging {
        Packaging::Deb(deb) => crate::family::deb::is_pinned(deb, &pin.suite, arch),
        Packaging::Rpm(rpm) => crate::family::rpm::is_pinned(rpm, &pin.repository, arch),
    };
    distro.arches.iter().filter(pinned).collect()
}

/// What is not skipped or left out, of pinned distros and arches; for each distro sorted by component and arch.
fn by_distro<'a>(
    project: &'a Project,
    pinned: &BTreeMap<&'a DistroName, Vec<&'a Arch>>,
    left_out: &BTreeSet<&'a ComponentName>,
) -> BTreeMap<&'a DistroName, Vec<&'a Work>> {
    let mut work: BTreeMap<&DistroName, Vec<&Work>> = BTreeMap::new();
    let is_built = |work: &&Work| work.component.skip.is_none() && !left_out.contains(&work.component.name);
    for one in project.work.iter().filter(is_built) {
        if let Some((name, arches)) = pinned.get_key_value(&one.target.distro)
            && arches.contains(&&one.target.arch)
        {
            work.entry(*name).or_default().push(one);
        }
    }
    work
}

fn members<'a>(
    project: &'a Project,
    distro: &'a Distro,
    work: &[&'a Work],
    sources: &'a Sources<'a>,
    errors: &mut Vec<RecipeError>,
) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    for works in work.chunk_by(|one, other| one.component.name == other.component.name) {
        let first: &Component = &works[0].component;
        let mut wrong = |field, message, help: &str| {
            errors.push(project.recipe_error(&first.name, field, None, message, help));
        };
        let others = works.iter().filter(|work| !std::ptr::eq(&raw const *work.component, first));
        if let Some(field) = others.filter_map(|work| first.other_source(&work.component)).next() {
            let help = "give all arches of a distro one source, since they share one source package; or make two \
                        components, each with its `targets`";
            wrong(field, format!("the {field} of `{}` differs between arches of {}", first.name, distro.name), help);
            continue;
        }
        if let (SourceSpec::Dsc { name }, BuildSpec::Debian { folder: Some(folder) }) = (&first.source, &first.build)
            && folder.as_bytes() != b"debian"
        {
            let message = format!("the packaging of the source package `{name}` is its `debian/`, not `{folder}`");
            wrong("build", message, "write `native()` or `debian()`");
            continue;
        }
        let found = sources.of(&distro.name, first).map_err(|error| ("source", error));
        let laid = |found: (&'a Source<'a>, _)| {
            let format = &found.0.facts.format;
            let laid = laid::LaidTrees::of(sources, &distro.name, first)?;
            let takes = |component: &_, archive: &_, packing| takes_upstream(component, archive, packing, format);
            Ok((found, laid.with_upstream(sources, first, takes)?))
        };
        match found.and_then(laid) {
            Ok(((source, local), laid)) => {
                let on = works.iter().map(|work| (&work.target.arch, &*work.component)).collect();
                members.push(Member { name: &first.name, on, source, local, laid, stage_of: None });
            }
            Err((field, LocalError { message, help })) => wrong(field, message, &help),
        }
    }
    members
}

/// How the notice begins that names what has no release.
const UNRELEASED: &str = "no release is pinned, so not built: ";

/// Whether a notice is about what people would look for in vain, so that all want it.
pub fn is_missed(notice: &str) -> bool {
    notice.starts_with(UNRELEASED)
}

fn notices(project: &Project, lock: &Lock, unreleased: &BTreeSet<&ComponentName>) -> Vec<String> {
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
    if !unreleased.is_empty() {
        let names: Vec<&str> = unreleased.iter().map(|name| name.as_str()).collect();
        notices.push(format!("{UNRELEASED}{}", names.join(", ")));
    }
    notices
}
