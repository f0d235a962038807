//! Nodes of checks of a distro of RPM packages.
//!
//! As with `.deb`: what looks at files has a root with its program, which all components of an arch share; what installs packages
//! starts from the base root, with a list of what to install.

use std::collections::BTreeSet;

use super::super::checks::{Selectors, Wishes};
use super::super::distro::packages_of;
use super::{Base, Made, Member, Prepared, Scene};
use crate::component::{Component, Wanted};
use crate::distro::Family;
use crate::eval::RecipeError;
use crate::eval::recipe::baseline_path;
use crate::family::check::{self, Looked};
use crate::family::rpm::{self, RpmSource, check_need};
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin};
use crate::name::{Arch, Check, Kind, PackageName, Target};
use crate::package::spec::dependency::Dependency;

/// Adds the checks of the components in `made`, by member.
pub(super) fn weave(
    scene: &Scene<'_>,
    prepared: &Prepared<'_>,
    bases: &[Base],
    made: &mut [Made],
    graph: &mut Builder,
) {
    let selectors = Selectors::of(scene.settings);
    for (turn, (arch, base)) in std::iter::zip(&scene.arches, bases).enumerate() {
        let target = Target { distro: scene.distro.name.clone(), arch: (*arch).clone() };
        for check in Check::ALL.into_iter().filter(|check| check::is_for(*check, Family::Rpm)) {
            let mut tool = None;
            for place in 0..prepared.components {
                let Some((component, source)) = prepared.members[place].on.get(&turn) else { continue };
                let Some(wanted) = selectors.wanted(check, component, &target) else { continue };
                let of = Of { scene, prepared, base, turn, place, check, wanted: &wanted };
                if let Some(node) = of.add(graph, (component, source), made, &mut tool) {
                    made[place].checks.push(((*arch).clone(), check, node));
                }
            }
        }
    }
}

/// What recipes of `members` want of checks and cannot have.
pub(super) fn mistakes(scene: &Scene<'_>, members: &[Member<'_>]) -> Vec<RecipeError> {
    let mut errors = Vec::new();
    for member in members {
        let mut seen = BTreeSet::new();
        for (component, source) in member.on.values() {
            let wishes = Wishes {
                family: Family::Rpm,
                packages: source.spec.packages.keys().map(PackageName::as_str).collect(),
                makes_where: format!(" for {}", scene.distro.name),
                packages_help: "name a package of its spec; where names differ between distros, say so in lines of `on`",
                is_need: &|need| check_need(need).is_some(),
                needs_help: "write it as in a spec, as in `python3 >= 3.9` or `(a or b)`",
            };
            errors.extend(wishes.mistakes((scene.project, scene.distro), component, &mut seen));
        }
    }
    errors
}

/// What one node is made of.
struct Of<'a> {
    scene: &'a Scene<'a>,
    prepared: &'a Prepared<'a>,
    base: &'a Base,
    /// The arch's place in the scene.
    turn: usize,
    /// The component's place among the members.
    place: usize,
    check: Check,
    wanted: &'a Wanted,
}

impl Of<'_> {
    fn arch(&self) -> &Arch {
        self.scene.arches[self.turn]
    }

    /// Adds it, with what it stands on; `None` where there is nothing to look at. `tool` is the root of the arch that has the
    /// check's program.
    fn add(
        &self,
        graph: &mut Builder,
        (component, source): (&Component, &RpmSource),
        made: &[Made],
        tool: &mut Option<NodeId>,
    ) -> Option<NodeId> {
        let (arch, wanted) = (self.arch(), self.wanted);
        let is_indep_on = *arch == self.scene.distro.indep_on;
        let builds = made[self.place].builds.iter();
        // What is independent of the arch is looked at on one of them, unless it has to be there for the rest.
        let builds: Vec<_> = builds.filter(|(built, ..)| built == arch || built.is_all() && is_indep_on).collect();
        let names = source.spec.packages.keys().map(AsRef::as_ref);
        let is_wanted = |name: &&str| wanted.packages.is_empty() || wanted.packages.iter().any(|wanted| wanted == name);
        let packages: Vec<&str> = names.filter(is_wanted).collect();
        if builds.is_empty() || packages.is_empty() {
            return None;
        }
        let mut needs = Vec::new();
        if check::looks_at_files(self.check) {
            let root = *tool.get_or_insert_with(|| self.tool(graph));
            needs.push(graph.need("root", root, "root"));
            for (built, node, _) in builds {
                needs.push(graph.need(&format!("packages {}/{built}", component.name), *node, "packages"));
            }
        } else {
            let list = self.list(graph, component, &packages, made);
            needs.push(graph.need("root", self.base.root, "root"));
            needs.push(graph.need("list", list, "list"));
        }
        let baseline = self.scene.project.beside.get(&baseline_path(component, self.check));
        let looked = Looked {
            family: Family::Rpm,
            component: component.name.as_str(),
            wanted,
            packages: &packages,
            baseline: baseline.map(|file| file.bytes.as_slice()),
        };
        let action = graph.action(&check::check(self.check, &looked));
        Some(self.node(graph, Kind::Check, Some(component), action, &mut needs))
    }

    /// The root with the program that looks at files, which is the distribution's own.
    fn tool(&self, graph: &mut Builder) -> NodeId {
        let Self { scene, base, .. } = self;
        let action = graph.action(&rpm::resolve_tool((scene.distro, scene.rpm), self.arch(), self.check.as_str()));
        let mut needs = [graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
        let list = self.node(graph, Kind::Resolve, None, action, &mut needs);
        let action = graph.action(&rpm::root(scene.rpm));
        let mut needs = [graph.need("list", list, "list"), graph.need("base", base.root, "root")];
        self.node(graph, Kind::Root, None, action, &mut needs)
    }

    /// The list of what is installed: `packages`, and what they and the check need.
    fn list(&self, graph: &mut Builder, component: &Component, packages: &[&str], made: &[Made]) -> NodeId {
        let (scene, arch, on) = (self.scene, self.arch(), &self.prepared.order.on_arches[self.turn]);
        // Evaluation has looked: what is no need is a mistake of the recipe.
        let needs: Vec<Dependency> = self.wanted.needs.iter().filter_map(|need| check_need(need)).collect();
        let named = packages.iter().map(|name| (*name).to_owned());
        let named = named.chain(needs.iter().flat_map(|need| need.names().to_vec())).collect();
        let from = self.makers(named);
        let of = (scene.distro, scene.rpm);
        let action = rpm::resolve_check(component, (of, arch), (packages, &needs), &on.makers.aliases, on.ours.clone());
        let action = graph.action(&action);
        let mut needs =
            vec![graph.need("index", self.base.index, "packages"), graph.need("base", self.base.list, "list")];
        for other in from {
            for (built, node, _) in made[other].builds.iter().filter(|(built, ..)| built.is_all() || built == arch) {
                needs.push(graph.need(&packages_of(self.prepared.members[other].name, built), *node, "packages"));
            }
        }
        self.node(graph, Kind::Resolve, Some(component), action, &mut needs)
    }

    /// The components whose packages may be wanted: those that make what is `named`, and whatever those were built with, as what
    /// packages need to run is only known once they are built. One too many changes nothing.
    fn makers(&self, mut named: Vec<String>) -> BTreeSet<usize> {
        let Self { prepared, turn, .. } = self;
        let (mut found, mut next) = (BTreeSet::new(), vec![self.place]);
        loop {
            while let Some(place) = next.pop() {
                // A stage has the packages of nobody else.
                let place = prepared.members[place].stage_of.unwrap_or(place);
                if found.insert(place) {
                    next.extend(prepared.order.needs(place, *turn));
                    let requires = self.source_of(place).into_iter().flat_map(|source| source.spec.packages.values());
                    let requires = requires.flat_map(|package| &package.requires);
                    named.extend(requires.flat_map(|dependency| dependency.names().to_vec()));
                }
            }
            let makers = &prepared.order.on_arches[*turn].makers;
            match named.pop() {
                Some(name) => next.extend(makers.of(&name).map(|(place, _)| place)),
                None => return found,
            }
        }
    }

    /// What the member at `place` is on this arch, or, where it is independent of any, on the one that makes it.
    fn source_of(&self, place: usize) -> Option<&RpmSource> {
        let on = &self.prepared.members[place].on;
        let indep = || self.scene.arches.iter().position(|arch| **arch == self.scene.distro.indep_on);
        on.get(&self.turn).or_else(|| on.get(&indep()?)).map(|(_, source)| source)
    }

    fn node(
        &self,
        graph: &mut Builder,
        kind: Kind,
        component: Option<&Component>,
        action: crate::graph::ActionId,
        needs: &mut [Needed],
    ) -> NodeId {
        let of = component.map_or("base", |component| component.name.as_str());
        let (subject, place, origin) = (graph.word(&self.check.subject(of)), self.base.place, Origin::Made);
        let node =
            graph.add(NewNode { kind, subject, place, action, of_component: component.is_some(), origin }, needs);
        graph.may_fail(node, component.and_then(|component| component.may_fail.as_ref()))
    }
}
