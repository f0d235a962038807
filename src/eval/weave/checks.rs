//! Nodes of checks: what looks at the packages of a component on an arch, once they are built.
//!
//! Nobody reads a check but a repository that waits for it. One that looks at files has a root with its program, which all
//! components of a target share; one that installs packages starts from the base root, with a list of what to install.

use std::collections::BTreeSet;

use super::super::mistake::{Complaint, Mistake, RecipeError};
use super::super::{Project, recipe};
use super::distro::{Base, Made, packages_of};
use super::needs::Order;
use super::{Member, Scene};
use crate::component::{Component, Wanted};
use crate::diag::did_you_mean;
use crate::distro::{Distro, Family};
use crate::drv::{Action, Resolve, SharedTable, Tests};
use crate::family::check::{self, Looked};
use crate::family::deb::needs::binaries;
use crate::family::deb::{self, ListRules};
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin, Selector};
use crate::name::{Arch, Check, Kind, NodeName, PackageName, Target};
use crate::package::relation::{Relations, Variables};
use crate::settings::Settings;

/// Which checks `opb.toml` wants.
pub(super) struct Selectors(Vec<(Check, Vec<Selector>)>);

impl Selectors {
    /// As the settings say it; what is no selector is passed over here, and complained of by [`mistakes`].
    pub fn of(settings: &Settings) -> Self {
        let of = |check: Check| settings.checks.of(check).iter().filter_map(|text| text.parse().ok()).collect();
        Self(Check::ALL.into_iter().map(|check| (check, of(check))).collect())
    }

    /// How `check` is wanted of `component` on `target`; `None` where it is not.
    pub fn wanted(&self, check: Check, component: &Component, target: &Target) -> Option<Wanted> {
        match component.checks.get(&check) {
            Some(said) => said.clone(),
            None => {
                let selectors = self.0.iter().find(|(of, _)| *of == check).map(|(_, selectors)| selectors);
                // Most projects have none, and many components.
                let selectors = selectors.filter(|selectors| !selectors.is_empty())?;
                let build = build_of(component, target);
                selectors.iter().any(|selector| selector.matches(&build)).then(Wanted::default)
            }
        }
    }
}

fn build_of(component: &Component, target: &Target) -> NodeName {
    NodeName { kind: Kind::Build, subject: component.name.to_string(), place: target.to_string() }
}

/// What of `[checks]` in `opb.toml` is no selector, or selects nothing.
pub(super) fn mistakes(project: &Project, settings: &Settings, errors: &mut Vec<RecipeError>) {
    for check in Check::ALL {
        for text in settings.checks.of(check) {
            let wrong = |message: String, help: &str| {
                let message = format!("`{check}` of `checks` in `opb.toml`: {message}");
                RecipeError::placeless("opb.toml", Complaint::new(Mistake::Pattern, message).help(help.to_owned()))
            };
            match text.parse::<Selector>() {
                Err(error) => {
                    errors.push(wrong(error.to_string(), "write a selector of builds, as in `lib*@debian-12`"));
                }
                Ok(selector) => {
                    let mut all = project.work.iter();
                    if !all.any(|work| selector.matches(&build_of(&work.component, &work.target))) {
                        let help = "name a component or a target of this project, or `*` for all builds";
                        errors.push(wrong(format!("`{text}` selects no build"), help));
                    }
                }
            }
        }
    }
}

/// What a recipe can want of the checks of a component on a distro.
pub(super) struct Wishes<'a> {
    pub family: Family,
    /// The packages that the component makes.
    pub packages: Vec<&'a str>,
    /// Where it makes them, as the end of a sentence.
    pub makes_where: String,
    /// What to do where none of them is meant.
    pub packages_help: &'a str,
    pub is_need: &'a dyn Fn(&str) -> bool,
    /// How a need is written.
    pub needs_help: &'a str,
}

impl Wishes<'_> {
    /// Packages that the component does not make, and needs that are none here, each told once in `seen`.
    pub fn mistakes(
        &self,
        (project, distro): (&Project, &Distro),
        component: &Component,
        seen: &mut BTreeSet<String>,
    ) -> Vec<RecipeError> {
        let name = &component.name;
        let mut errors = Vec::new();
        let mut complain = |text: &str, message: String, help: String| {
            if seen.insert(text.to_owned()) {
                errors.push(project.recipe_error(name, "checks", Some(text), message, help));
            }
        };
        let wanted = component.checks.iter().filter(|(check, _)| check::is_for(**check, self.family));
        for wanted in wanted.filter_map(|(_, wanted)| wanted.as_ref()) {
            for package in wanted.packages.iter().filter(|package| !self.packages.contains(&package.as_str())) {
                let message = format!("`{name}` makes no package `{package}`{}", self.makes_where);
                let help = match did_you_mean(package, self.packages.iter().copied()) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => self.packages_help.to_owned(),
                };
                complain(package, message, help);
            }
            for need in wanted.needs.iter().filter(|need| !(self.is_need)(need)) {
                let message = format!("`{need}` is no need of one package for {}", distro.name);
                let help = format!("{}; where needs differ between distros, say so in lines of `on`", self.needs_help);
                complain(need, message, help);
            }
        }
        errors
    }
}

/// What recipes want of checks and cannot have.
pub(super) fn mistakes_of_recipes(scene: &Scene<'_>) -> Vec<RecipeError> {
    let mut errors = Vec::new();
    for member in &scene.members[..scene.components] {
        let wishes = Wishes {
            family: Family::Deb,
            packages: member.source.facts.binaries.keys().map(PackageName::as_str).collect(),
            makes_where: String::new(),
            packages_help: "name a package of its `debian/control`",
            is_need: &recipe::is_relation,
            needs_help: "write it as `python3 (>= 3.9)`",
        };
        let mut seen = BTreeSet::new();
        for (_, component) in &member.on {
            errors.extend(wishes.mistakes((scene.project, scene.distro), component, &mut seen));
        }
    }
    errors
}

/// Adds the checks of a distro of `.deb` packages.
pub(super) fn weave(graph: &mut Builder, scene: &Scene<'_>, order: &Order, bases: &[Base<'_>], made: &mut [Made]) {
    let selectors = Selectors::of(scene.settings);
    for (turn, (arch, base)) in std::iter::zip(&scene.arches, bases).enumerate() {
        let mut tool = None;
        let target = Target { distro: scene.distro.name.clone(), arch: (*arch).clone() };
        for place in 0..scene.components {
            let member = &scene.members[place];
            let Some(component) = member.on(arch) else { continue };
            for check in Check::ALL.into_iter().filter(|check| check::is_for(*check, Family::Deb)) {
                let Some(wanted) = selectors.wanted(check, component, &target) else { continue };
                let of = Of { scene, order, base, turn, place, check, wanted: &wanted };
                if let Some(node) = of.add(graph, component, made, &mut tool) {
                    made[place].checks.push(((*arch).clone(), check, node));
                }
            }
        }
    }
}

/// What one node is made of.
struct Of<'a> {
    scene: &'a Scene<'a>,
    order: &'a Order,
    base: &'a Base<'a>,
    /// The arch's place in the scene.
    turn: usize,
    /// The component's place in the scene.
    place: usize,
    check: Check,
    wanted: &'a Wanted,
}

impl Of<'_> {
    fn arch(&self) -> &Arch {
        self.scene.arches[self.turn]
    }

    fn member(&self) -> &Member<'_> {
        &self.scene.members[self.place]
    }

    /// Adds it, with what it stands on; `None` where there is nothing to look at. `tool` is the root of the arch that has the
    /// check's program.
    fn add(
        &self,
        graph: &mut Builder,
        component: &Component,
        made: &[Made],
        tool: &mut Option<NodeId>,
    ) -> Option<NodeId> {
        let (arch, member, name) = (self.arch(), self.member(), self.member().name);
        let is_indep_on = *arch == self.scene.distro.indep_on;
        let builds = &made[self.place].builds;
        // What is independent of the arch is looked at on one of them, unless it has to be there for the rest.
        if !builds.iter().any(|(built, ..)| built == arch || built.is_all() && is_indep_on) {
            return None;
        }
        let facts = &member.source.facts;
        let is_wanted = |name: &&str| {
            let wanted = &self.wanted.packages;
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
        };
        let packages: Vec<&str> = binaries(facts, &component.profiles, arch).filter(is_wanted).collect();
        if packages.is_empty() {
            return None;
        }
        let mut needs = Vec::new();
        if check::looks_at_files(self.check) {
            let root = *tool.get_or_insert_with(|| self.tool(graph));
            needs.push(graph.need("root", root, "root"));
            for (built, node, _) in builds {
                if built == arch || built.is_all() && is_indep_on {
                    needs.push(graph.need(&format!("packages {name}/{built}"), *node, "packages"));
                }
            }
        } else {
            let list = self.list(graph, component, &packages, made);
            needs.push(graph.need("root", self.base.root, "root"));
            needs.push(graph.need("list", list, "list"));
            if let (Check::Autopkgtest, Some(source)) = (self.check, made[self.place].source) {
                needs.push(graph.need("source", source, "source"));
            }
        }
        let baseline = self.scene.project.beside.get(&recipe::baseline_path(component, self.check));
        let looked = Looked {
            family: Family::Deb,
            component: name.as_str(),
            wanted: self.wanted,
            packages: &packages,
            baseline: baseline.map(|file| file.bytes.as_slice()),
        };
        let action = graph.action(&check::check(self.check, &looked));
        let node = self.node(graph, Kind::Check, name.as_str(), action, true, &mut needs);
        Some(graph.may_fail(node, component.may_fail.as_ref()))
    }

    fn node(
        &self,
        graph: &mut Builder,
        kind: Kind,
        of: &str,
        action: crate::graph::ActionId,
        of_component: bool,
        needs: &mut [Needed],
    ) -> NodeId {
        let (subject, place, origin) = (graph.word(&self.check.subject(of)), self.base.place, Origin::Made);
        graph.add(NewNode { kind, subject, place, action, of_component, origin }, needs)
    }

    /// The root with the program that looks at files, which is the distribution's own.
    fn tool(&self, graph: &mut Builder) -> NodeId {
        let needs = vec![self.check.to_string()];
        let action =
            check::list(&ListRules::of(self.scene.deb), self.arch(), needs, SharedTable::default(), Vec::new());
        let action = graph.action(&Action::Resolve(action));
        let mut needs = [graph.need("index", self.base.index, "packages"), graph.need("base", self.base.list, "list")];
        let list = self.node(graph, Kind::Resolve, "base", action, false, &mut needs);
        let mut needs = [graph.need("list", list, "list"), graph.need("base", self.base.root, "root")];
        self.node(graph, Kind::Root, "base", self.base.of_root, false, &mut needs)
    }

    /// The list of what is installed: `packages`, and what they and the check need. Where the source has tests, these need what
    /// they name, of which only they know what it is: the list reads it of the source.
    fn list(&self, graph: &mut Builder, component: &Component, packages: &[&str], made: &[Made]) -> NodeId {
        let (scene, arch, facts) = (self.scene, self.arch(), &self.member().source.facts);
        let own = packages.iter().map(|name| (*name).to_owned()).collect();
        let (mut wanted, tests) = match self.check {
            Check::Autopkgtest => {
                let build = [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep];
                let build: Vec<&str> =
                    build.into_iter().map(String::as_str).filter(|field| !field.is_empty()).collect();
                let tests = Tests { packages: own, build_depends: build.join(", ") };
                (vec![check::UNPACKER.to_owned()], Some(Box::new(tests)))
            }
            _ => (own, None),
        };
        wanted.extend(self.wanted.needs.iter().cloned());
        let depends = facts.binaries.iter().filter(|(name, _)| packages.contains(&name.as_str()));
        let named = depends.map(|(_, binary)| binary.depends.as_str()).chain(packages.iter().copied());
        let named = named.chain(tests.iter().map(|tests| tests.build_depends.as_str()));
        let from = self.makers(&mut wanted.iter().map(String::as_str).chain(named));
        let extra = deb::extra::told(&scene.deb.extra_repositories, component, arch);
        let list = check::list(&ListRules::of(scene.deb), arch, wanted, self.order.makers.clone(), extra);
        let source = made[self.place].source.filter(|_| tests.is_some());
        let action = graph.action(&Action::Resolve(Resolve { tests, ..list }));
        let mut needs =
            vec![graph.need("index", self.base.index, "packages"), graph.need("base", self.base.list, "list")];
        needs.extend(source.map(|source| graph.need("source", source, "source")));
        needs.extend(self.base.extra.needs(graph, scene, component, arch));
        for other in from {
            for (built, node, _) in &made[other].builds {
                if built.is_all() || built == arch {
                    needs.push(graph.need(&packages_of(scene.members[other].name, built), *node, "packages"));
                }
            }
        }
        let list = self.node(graph, Kind::Resolve, self.member().name.as_str(), action, true, &mut needs);
        graph.may_fail(list, component.may_fail.as_ref())
    }

    /// The components whose packages may be wanted: those that make what `fields` name, and whatever those were built with, as
    /// what packages need to run is only known once they are built. One too many changes nothing.
    fn makers(&self, fields: &mut dyn Iterator<Item = &str>) -> BTreeSet<usize> {
        let (mut found, mut next) = (BTreeSet::new(), vec![self.place]);
        let named = |fields: &mut dyn Iterator<Item = &str>, next: &mut Vec<usize>| {
            for field in fields {
                let relations = Relations::parse_with(field, Variables::LeftOut).unwrap_or_default();
                for relation in relations.0.iter().flat_map(|alternatives| &alternatives.0) {
                    let maker = self.order.makers.get(&relation.name).and_then(|maker| maker.parse().ok());
                    next.extend(maker.and_then(|maker| self.scene.place(&maker)));
                }
            }
        };
        named(fields, &mut next);
        while let Some(place) = next.pop() {
            // A stage has the packages of nobody else.
            let place = self.scene.members[place].stage_of.unwrap_or(place);
            if found.insert(place) {
                next.extend(self.order.needs(place, self.turn));
                let binaries = &self.scene.members[place].source.facts.binaries;
                named(&mut binaries.values().map(|binary| binary.depends.as_str()), &mut next);
            }
        }
        found
    }
}
