//! The nodes of one distro.

use std::collections::BTreeMap;

use super::actions::Actions;
use super::needs::Order;
use super::source_node::source_node;
use super::sources::{origin, pin_origin};
use super::{Member, Scene, checks, extra, probes};
use crate::component::{Component, MayFail, SourceSpec};
use crate::drv::Action;
use crate::family::deb::{self, Part};
use crate::graph::{ActionId, Builder, Needed, NewNode, NodeId, Origin, Ready, Word};
use crate::name::{Arch, AreaName, Check, ComponentName, DistroName, Kind};

/// What was woven for a component of a distro, for those that need it and for the repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Made {
    /// Its builds by arch, `all` among them, sorted, each with what it is to those that need its packages.
    pub builds: Vec<(Arch, NodeId, Word)>,
    /// Its source package.
    pub source: Option<NodeId>,
    /// The area that its packages go to; `None`: `main`.
    pub area: Option<AreaName>,
    /// Its checks, each with the arch that it is for.
    pub checks: Vec<(Arch, Check, NodeId)>,
}

/// Everything that was woven, by distro; of each distro by component, sorted.
pub(super) type AllMade<'a> = BTreeMap<&'a DistroName, Vec<(&'a ComponentName, Made)>>;

/// The package list, the index and the root that all components of an arch have in common.
pub(super) struct Base<'a> {
    pub place: Word,
    pub index: NodeId,
    /// Those of extra repositories.
    pub extra: extra::Indexes<'a>,
    pub list: NodeId,
    pub root: NodeId,
    /// What all roots do.
    pub of_root: ActionId,
}

/// What is to be built of a component: once for each of its arches, once for all of them.
pub(super) struct Wanted<'a> {
    /// The arch of what comes out, which may be `all`.
    made_for: Arch,
    /// Where it is built: the place of that arch in the scene.
    arch: usize,
    pub component: &'a Component,
    pub part: Part,
}

/// Adds distros to a graph.
#[derive(Default)]
pub(super) struct Weaver<'a> {
    graph: Builder,
    made: AllMade<'a>,
    /// Actions of `resolve` that were made before, by what they follow from.
    lists: BTreeMap<ListKey, ActionId>,
    /// What of distros the lists follow from.
    rules: Vec<deb::ListRules<'a>>,
}

/// What a package list follows from besides its inputs: which component, which part of it, on which arch, and the places
/// of rules, and the tables of our packages and of what is asked for by another name.
type ListKey = (*const Component, *const crate::lock::SourceFacts, Part, Arch, usize, [crate::digest::Digest; 2]);

impl<'a> Weaver<'a> {
    /// The graph, and what stands in it.
    pub fn finish(self) -> (Builder, AllMade<'a>) {
        (self.graph, self.made)
    }

    /// The graph so far, and what stands in it, for distros of another family.
    pub fn parts(&mut self) -> (&mut Builder, &mut AllMade<'a>) {
        (&mut self.graph, &mut self.made)
    }

    /// Adds the nodes of `scene`'s distro, components in `order`, which do `actions`, by member.
    pub fn weave(&mut self, scene: &Scene<'a>, order: &Order, actions: &[Option<Actions>]) {
        let bases: Vec<Base<'_>> = scene.arches.iter().map(|arch| self.base(scene, arch)).collect();
        let mut of_distro: Vec<Made> = vec![Made::default(); scene.members.len()];
        for place in &order.order {
            of_distro[*place] = self.component(scene, *place, (order, actions[*place].as_ref()), &bases, &of_distro);
        }
        checks::weave(&mut self.graph, scene, order, &bases, &mut of_distro);
        // Stages stand behind, and are nobody's but the components' that the circle goes through.
        let names = scene.members[..scene.components].iter().map(|member| member.name);
        self.made.insert(&scene.distro.name, names.zip(of_distro).collect());
    }

    fn base(&mut self, scene: &Scene<'a>, arch: &Arch) -> Base<'a> {
        let graph = &mut self.graph;
        let (subject, place) = (graph.word("base"), graph.word(&format!("{}/{arch}", scene.distro.name)));
        let mut add = |kind, action: &Action, inputs: &[(&str, NodeId, &str)], origin| {
            let action = graph.action(action);
            let mut needs: Vec<Needed> =
                inputs.iter().map(|(role, node, output)| graph.need(role, *node, output)).collect();
            graph.add(NewNode { kind, subject, place, action, of_component: false, origin }, &mut needs)
        };
        let files = deb::index_files(scene.deb, &scene.pin.suite, arch);
        let places =
            files.iter().map(|(label, (_, suite, path))| (label.clone(), (suite.clone(), path.clone()))).collect();
        let origin = Origin::Index { distro: scene.distro.name.clone(), extra: None, files: places };
        let index = add(Kind::Index, &deb::index(files.into_values().map(|(file, ..)| file)), &[], origin);
        let of_list = deb::resolve_base(&deb::ListRules::of(scene.deb), arch);
        let list = add(Kind::Resolve, &of_list, &[("index", index, "packages")], Origin::Made);
        let root = add(Kind::Root, &deb::root(), &[("list", list, "list")], Origin::Made);
        let of_root = graph.action(&deb::root());
        let extra = extra::Indexes::add(graph, scene, arch, place);
        Base { place, index, extra, list, root, of_root }
    }

    fn component(
        &mut self,
        scene: &Scene<'a>,
        place: usize,
        (order, actions): (&Order, Option<&Actions>),
        bases: &[Base<'a>],
        others: &[Made],
    ) -> Made {
        let member = &scene.members[place];
        let mut made = Made::default();
        let (Some((_, first)), Some(actions)) = (member.on.first(), actions) else { return made };
        let source = self.source(scene, member, first);
        let tools = scene.arches.iter().position(|arch| **arch == scene.distro.indep_on).unwrap_or_default();
        let source_package =
            self.source_package(scene, member, (first, &actions.source_package), source, bases.get(tools));
        made.source = Some(source_package);
        made.area = (first.area != AreaName::main()).then(|| first.area.clone());
        let staged = member.stage_of.is_some().then(|| super::stage::subject(member.name));
        let subject = self.graph.word(staged.as_deref().unwrap_or(member.name.as_str()));
        let wanted = wanted(scene, member);
        let lists: Vec<NodeId> = wanted
            .iter()
            .map(|wanted| {
                let base = &bases[wanted.arch];
                let action = self.list(scene, member, wanted, order);
                let graph = &mut self.graph;
                let mut needs =
                    vec![graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
                needs.extend(base.extra.needs(graph, scene, wanted.component, scene.arches[wanted.arch]));
                for other in order.needs(place, wanted.arch) {
                    for (built, node, role) in &others[*other].builds {
                        if built.is_all() || built == scene.arches[wanted.arch] {
                            needs.push(graph.need_as(*role, *node, "packages"));
                        }
                    }
                }
                self.add(Kind::Resolve, subject, scene, wanted, base, action, &mut needs)
            })
            .collect();
        let mixed = is_mixed(&wanted);
        let mut asked = Vec::new();
        for wanted in &wanted {
            let base = &bases[wanted.arch];
            asked.push(probes::of(&mut self.graph, wanted.component, base.place, base.root));
        }
        for (turn, one) in wanted.iter().enumerate() {
            let (wanted, all) = (one, &wanted);
            let base = &bases[wanted.arch];
            let mut needs =
                vec![self.graph.need("list", lists[turn], "list"), self.graph.need("base", base.root, "root")];
            let root = self.add(Kind::Root, subject, scene, wanted, base, base.of_root, &mut needs);
            let action = self.graph.ready(actions.build(turn));
            let graph = &mut self.graph;
            let mut needs = vec![graph.need("root", root, "root"), graph.need("source", source_package, "source")];
            // A source with both kinds of packages often ties them to one exact version: what gives one of its builds a new
            // number must give it to all.
            if mixed {
                for (other, list) in std::iter::zip(all, &lists).filter(|(_, list)| **list != lists[turn]) {
                    needs.push(graph.need(&format!("number with {}", other.made_for), *list, "list"));
                }
            }
            let others = std::iter::zip(all, &asked).filter(|_| mixed);
            let tied = others.map(|(other, asked)| (other.made_for.as_str(), asked.as_slice()));
            needs.extend(probes::needs(graph, &asked[turn], tied));
            let build = self.add(Kind::Build, subject, scene, wanted, base, action, &mut needs);
            let role = self.graph.word(&packages_of(member.name, &wanted.made_for));
            made.builds.push((wanted.made_for.clone(), build, role));
        }
        made.builds.sort();
        made
    }

    /// The action that chooses the packages of a root; the same for all distros whose rules are the same.
    fn list(&mut self, scene: &Scene<'a>, member: &Member<'a>, wanted: &Wanted<'_>, order: &Order) -> ActionId {
        let rules = deb::ListRules::of(scene.deb);
        let rules_place = self.rules.iter().position(|known| *known == rules).unwrap_or_else(|| {
            self.rules.push(rules);
            self.rules.len() - 1
        });
        let (facts, arch) = (&*member.source.facts, scene.arches[wanted.arch]);
        let key: ListKey = (
            wanted.component,
            facts,
            wanted.part,
            arch.clone(),
            rules_place,
            [order.makers.digest(), order.asked.digest()],
        );
        if let Some(known) = self.lists.get(&key) {
            return *known;
        }
        let rules = &self.rules[rules_place];
        let action =
            deb::resolve(wanted.component, rules, facts, (wanted.part, arch), &order.asked, order.makers.clone());
        let action = self.graph.action(&action);
        self.lists.insert(key, action);
        action
    }

    fn source(&mut self, scene: &Scene<'a>, member: &Member<'a>, component: &Component) -> NodeId {
        let distro = &scene.distro.name;
        let (tree, place, origin) = match (&component.source, member.local) {
            (SourceSpec::Dsc { name }, _) => {
                let pin = &scene.lock.dsc[distro][name];
                (pin.tree, distro.as_str(), pin_origin(distro, pin))
            }
            (source, Some(tree)) => {
                let origin = origin(source, scene.lock, member.name);
                (tree, "", origin.expect("a source has been looked at before it is woven"))
            }
            (_, None) => unreachable!("a local source has been looked at before it is woven"),
        };
        let subject = self.graph.word(member.name.as_str());
        source_node(&mut self.graph, subject, (tree, origin), [place, distro.as_str()])
    }

    fn source_package(
        &mut self,
        scene: &Scene<'a>,
        member: &Member<'a>,
        (component, ready): (&Component, &Ready),
        source: NodeId,
        base: Option<&Base<'_>>,
    ) -> NodeId {
        let graph = &mut self.graph;
        let mut needs = member.laid.needs(scene.project, component, graph);
        needs.push(graph.need("source", source, "tree"));
        if let (Action::SourcePackage { script: Some(_) }, Some(base)) = (ready.action(), base) {
            needs.push(graph.need("root", base.root, "root"));
        }
        let (subject, place) = (graph.word(member.name.as_str()), graph.word(scene.distro.name.as_str()));
        let (kind, action, origin) = (Kind::SourcePackage, graph.ready(ready), Origin::Made);
        // A component and its stage share it.
        if scene.members.len() > scene.components
            && let Some(known) = graph.find(kind, subject, place)
        {
            return known;
        }
        let node = graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, &mut needs);
        graph.may_fail(node, MayFail::of_all(member.on.iter().map(|(_, component)| component.may_fail.as_ref())))
    }

    /// Adds a node of a component on an arch.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one node")]
    fn add(
        &mut self,
        kind: Kind,
        subject: Word,
        scene: &Scene<'a>,
        wanted: &Wanted<'_>,
        base: &Base<'_>,
        action: ActionId,
        needs: &mut [Needed],
    ) -> NodeId {
        let distro = &scene.distro.name;
        let place = match wanted.part {
            Part::Arch => base.place,
            Part::Indep => self.graph.word(&format!("{distro}/{}", wanted.made_for)),
        };
        let origin = Origin::Made;
        let node = self.graph.add(NewNode { kind, subject, place, action, of_component: true, origin }, needs);
        self.graph.may_fail(node, wanted.component.may_fail.as_ref())
    }
}

/// What the packages of a build are to a node that needs them.
pub(super) fn packages_of(component: &ComponentName, arch: &Arch) -> String {
    format!("packages of {component}/{arch}")
}

pub(super) fn wanted<'m>(scene: &Scene<'_>, member: &Member<'m>) -> Vec<Wanted<'m>> {
    let mut wanted = Vec::new();
    for (on, component) in &member.on {
        let Some(arch) = scene.arches.iter().position(|arch| arch == on) else { continue };
        let parts = deb::parts(&member.source.facts, &component.profiles, on);
        if parts.contains(&Part::Arch) {
            wanted.push(Wanted { made_for: (*on).clone(), arch, component, part: Part::Arch });
        }
        if parts.contains(&Part::Indep) && **on == scene.distro.indep_on {
            wanted.push(Wanted { made_for: Arch::all(), arch, component, part: Part::Indep });
        }
    }
    wanted
}

pub(super) fn is_mixed(wanted: &[Wanted<'_>]) -> bool {
    let has = |part| wanted.iter().any(|wanted| wanted.part == part);
    has(Part::Arch) && has(Part::Indep)
}
