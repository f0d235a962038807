//! The packages of the roots that would be made.
//!
//! A list that waits for a build is guessed: the packages of the build are stood in for by what its source says of them
//! (`family::deb::stand_in`). It is chosen twice, with and without what open dependencies may come to, and both choices
//! count: too many packages cost a download, and one too few a build without network.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::reach::Reach;
use super::texts::texts;
use crate::diag::Failure;
use crate::digest::{Digest, Sha256};
use crate::distro::Family;
use crate::drv::{Action, Resolve};
use crate::exec::testing::{self, Texts};
use crate::exec::{Context, NodeError, packages, resolving};
use crate::family::deb::stand_in::{Unbuilt, at_run_time, controls};
use crate::family::numbered_version;
use crate::graph::{Graph, Node, NodeId};
use crate::lock::SourceFacts;
use crate::name::{Arch, ComponentName, DistroName, Kind};
use crate::package::list::{Layer, Listed, ListedFrom, PackageList};
use crate::plan::Plan;
use crate::solve::{self, OurPackage, Universe};

/// What is known of sources before they are built, by distro and component.
pub type Facts = BTreeMap<(DistroName, ComponentName), SourceFacts>;

/// The packages that a root is made of, as far as they are of one index.
pub struct RootList {
    /// The root.
    pub root: NodeId,
    /// The index that they are from, with the tree that it came to.
    pub index: (NodeId, Digest),
    /// The packages of the root's own layer, sorted by name.
    pub packages: Vec<Listed>,
}

/// The package lists of the roots that would be made.
#[derive(Default)]
pub struct Lists {
    /// In the order of the roots.
    pub roots: Vec<RootList>,
    /// The roots among them whose list is a guess.
    pub guessed: BTreeSet<NodeId>,
    /// The lists that cannot even be guessed, each with the reason.
    pub unknown: Vec<(NodeId, Failure)>,
    /// Whether others are left out, since an index or a list that they follow from is missing.
    pub left_out: bool,
}

impl Lists {
    /// Whether these are the packages of all roots that would be made.
    pub fn is_whole(&self) -> bool {
        self.unknown.is_empty() && !self.left_out
    }
}

struct Guesser<'a, 'c> {
    ctx: &'a Context<'c>,
    graph: &'a Graph,
    plan: &'a Plan,
    reach: &'a Reach,
    facts: &'a dyn Fn() -> Result<&'a Facts, Failure>,
    /// Names on the lists that stand-ins need, beyond the base.
    names: BTreeMap<NodeId, Vec<String>>,
    /// Packages of components that are built, by their tree: several lists read them, and each is chosen twice.
    built: RefCell<BTreeMap<(ComponentName, Digest), Vec<OurPackage>>>,
}

/// Finds the packages of all roots that `reach` says run or may. `facts` are asked for where a list must be guessed.
///
/// Lists of which an index or another list is missing are left out: that is told already.
///
/// # Errors
/// Where the store or the sources cannot be read.
pub fn lists<'a>(
    ctx: &'a Context<'_>,
    graph: &'a Graph,
    plan: &'a Plan,
    reach: &'a Reach,
    facts: &'a dyn Fn() -> Result<&'a Facts, Failure>,
) -> Result<Lists, Failure> {
    let mut guesser = Guesser { ctx, graph, plan, reach, facts, names: BTreeMap::new(), built: RefCell::default() };
    let needed = guesser.needed();
    let mut lists = Lists::default();
    let mut guesses: BTreeMap<NodeId, Vec<Listed>> = BTreeMap::new();
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        if node.kind() == Kind::Resolve {
            let found = match (guesser.lists(id), guesser.waits(node)) {
                (Some(lists), _) => together(&lists),
                (None, false) => {
                    lists.left_out = true;
                    continue;
                }
                (None, true) => match guesser.guess(node) {
                    Ok(Some(found)) => found,
                    Ok(None) => {
                        lists.left_out = true;
                        continue;
                    }
                    Err(failure) => {
                        lists.unknown.push((id, failure));
                        continue;
                    }
                },
            };
            let beyond = found.iter().filter(|listed| listed.layer == Layer::Component);
            guesser.names.insert(id, beyond.map(|listed| listed.name.to_string()).collect());
            guesses.insert(id, found);
            continue;
        }
        let layer =
            if input(node, "base").is_some() || node.kind() == Kind::Check { Layer::Component } else { Layer::Base };
        let Some(list) = input(node, "list") else { continue };
        let Some(indexes) = guesser.indexes(graph.node(list)) else {
            lists.left_out = true;
            continue;
        };
        if let Some(found) = guesses.get(&list) {
            for (from, index) in indexes {
                let of_index = |listed: &&Listed| listed.layer == layer && listed.from == from;
                let packages: Vec<Listed> = found.iter().filter(of_index).cloned().collect();
                if from == ListedFrom::Distribution || !packages.is_empty() {
                    lists.roots.push(RootList { root: id, index, packages });
                }
            }
            if guesser.waits(graph.node(list)) {
                lists.guessed.insert(id);
            }
        }
    }
    Ok(lists)
}

/// The packages of all `lists`, each once, by name.
fn together(lists: &[PackageList]) -> Vec<Listed> {
    let all = lists.iter().flat_map(PackageList::iter).map(|listed| (listed.sha256, listed));
    let all: BTreeMap<Sha256, &Listed> = all.collect();
    let mut all: Vec<Listed> = all.into_values().cloned().collect();
    all.sort_by(|one, other| (&one.name, &one.arch, &one.sha256).cmp(&(&other.name, &other.arch, &other.sha256)));
    all
}

/// The node behind the input `role`.
fn input(node: Node<'_>, role: &str) -> Option<NodeId> {
    node.inputs().find(|input| input.role == role).map(|input| input.node)
}

impl Guesser<'_, '_> {
    /// The roots that are to be made, and the lists that are needed for them or to guess those.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.graph.len()];
        for id in self.graph.ids().rev() {
            let node = self.graph.node(id);
            if node.kind() == Kind::Root && self.reach.runs(id) {
                needed[id.index()] = true;
                needed[input(node, "list").unwrap_or(id).index()] = true;
            }
            if let (Kind::Check, true, Some(list)) = (node.kind(), self.reach.runs(id), input(node, "list")) {
                needed[id.index()] = true;
                needed[list.index()] = true;
            }
            if node.kind() == Kind::Resolve && needed[id.index()] {
                for list in self.unbuilt(node).filter_map(|build| self.list_of_build(build)) {
                    needed[list.index()] = true;
                }
            }
        }
        needed
    }

    /// The builds that a list waits for.
    fn unbuilt<'n>(&'n self, list: Node<'n>) -> impl Iterator<Item = NodeId> + 'n {
        let builds = list.inputs().filter(|input| input.role.starts_with("packages of "));
        builds.map(|input| input.node).filter(|build| self.reach.runs(*build))
    }

    fn waits(&self, list: Node<'_>) -> bool {
        self.unbuilt(list).next().is_some()
    }

    /// The package list of the root that a build runs in.
    fn list_of_build(&self, build: NodeId) -> Option<NodeId> {
        input(self.graph.node(input(self.graph.node(build), "root")?), "list")
    }

    /// What a node came to; `None` where that is not known, or not here.
    fn content(&self, id: NodeId, output: &str) -> Option<Digest> {
        let outputs = self.plan.of(id)?.outputs.as_ref().filter(|_| !self.reach.runs(id))?;
        outputs.get(output).copied()
    }

    /// The indexes that a list is chosen from, with whose packages each is of; `None` where one is not here.
    fn indexes(&self, list: Node<'_>) -> Option<Vec<(ListedFrom, (NodeId, Digest))>> {
        let indexes = list.inputs().filter_map(|input| Some((packages::whose(input.role)?, input.node)));
        indexes.map(|(from, index)| Some((from, (index, self.content(index, "packages")?)))).collect()
    }

    fn list(&self, id: NodeId) -> Option<PackageList> {
        packages::list(self.ctx, self.content(id, "list")?).ok()
    }

    /// One, or those of the roots of tests.
    fn lists(&self, id: NodeId) -> Option<Vec<PackageList>> {
        packages::lists_in(self.ctx.store, self.content(id, "list")?).ok()
    }

    /// What the source of the source package `package` says of its tests; `None` where that is not here.
    fn texts(&self, package: NodeId) -> Result<Option<Texts>, Failure> {
        if let Some(made) = self.content(package, "source") {
            return Texts::of(self.ctx, &self.ctx.store.get_tree(made)?).map(Some);
        }
        let node = self.graph.node(package);
        let tree = |role: &str| {
            // What a source is, is known before it is here.
            let outputs = self.plan.of(input(node, role)?)?.outputs.as_ref()?;
            self.ctx.store.get_tree(*outputs.values().next()?).ok()
        };
        texts(self.ctx, node, &tree)
    }

    /// The list of a node that waits for builds, as far as it can be told before them.
    fn guess(&self, list: Node<'_>) -> Result<Option<Vec<Listed>>, Failure> {
        let Action::Resolve(question) = list.action() else { return Ok(None) };
        // What a build of `.rpm` packages will need and provide stands in no source.
        if question.family != Family::Deb.as_str() {
            return Ok(None);
        }
        let tree = input(list, "index").and_then(|index| self.content(index, "packages"));
        let base = input(list, "base").and_then(|base| self.list(base));
        let (Some(tree), Some(base)) = (tree, base) else { return Ok(None) };
        let universe = resolving::universe(self.ctx, tree, &question.arch)?;
        let of_extra = |role: &str| input(list, role).and_then(|index| self.content(index, "packages"));
        let Some(extras) = resolving::extras(self.ctx, &question, of_extra)? else { return Ok(None) };
        let texts = match (&question.tests, input(list, "source")) {
            (Some(_), Some(package)) => match self.texts(package)? {
                None => return Ok(None),
                texts => texts,
            },
            _ => None,
        };
        let choose = |with_open| -> Result<Vec<PackageList>, Failure> {
            let ours = self.ours(list, &question, &universe, with_open)?;
            let answer = |question: &Resolve| solve::resolve((&universe, &extras), &ours, question, Some(&base));
            let Some(texts) = &texts else { return Ok(vec![answer(&question)?]) };
            let components = ours.iter().map(|package| package.component.to_string()).collect();
            let here = testing::Here { components: &components, unseen: &[] };
            Ok(testing::choose(texts, &question, here, &answer)?.roots)
        };
        // What open dependencies may come to can be more than fits together.
        let with_open = choose(true);
        let found = match (choose(false), with_open) {
            (Ok(lists), with_open) => lists.into_iter().chain(with_open.unwrap_or_default()).collect(),
            (Err(_), Ok(lists)) => lists,
            (Err(failure), Err(_)) => return Err(failure),
        };
        Ok(Some(together(&found)))
    }

    /// The packages of the components that a list reads: real ones of what is built, stand-ins of the rest.
    fn ours(
        &self,
        list: Node<'_>,
        question: &Resolve,
        universe: &Universe,
        with_open: bool,
    ) -> Result<Vec<OurPackage>, Failure> {
        let mut ours = Vec::new();
        for read in list.inputs() {
            let Some((component, made_for)) = read.role.strip_prefix("packages of ").and_then(|of| of.split_once('/'))
            else {
                continue;
            };
            let no_input = |_| NodeError::NoInput { role: read.role.to_owned() };
            let component = ComponentName::new(component).map_err(no_input)?;
            match self.content(read.node, read.output) {
                Some(packages) => ours.extend(self.built(component, packages)?),
                None => {
                    let made_for = Arch::new(made_for).map_err(no_input)?;
                    let of = (read.node, &component, &made_for);
                    ours.extend(self.stand_ins(of, question, universe, with_open)?);
                }
            }
        }
        Ok(ours)
    }

    fn built(&self, component: ComponentName, packages: Digest) -> Result<Vec<OurPackage>, Failure> {
        let place = (component, packages);
        if let Some(read) = self.built.borrow().get(&place) {
            return Ok(read.clone());
        }
        let read = resolving::our_packages(self.ctx, &place.0, packages)?;
        self.built.borrow_mut().insert(place, read.clone());
        Ok(read)
    }

    fn stand_ins(
        &self,
        (build, component, made_for): (NodeId, &ComponentName, &Arch),
        question: &Resolve,
        universe: &Universe,
        with_open: bool,
    ) -> Result<Vec<OurPackage>, Failure> {
        let node = self.graph.node(build);
        let list = self.list_of_build(build);
        let profiles = match list.map(|list| self.graph.node(list).action()) {
            Some(Action::Resolve(of_build)) => of_build.profiles.into_iter().collect(),
            _ => BTreeSet::new(),
        };
        let distro = node.distro().and_then(|distro| DistroName::new(distro).ok());
        let facts =
            distro.map(|distro| (self.facts)().map(|facts| facts.get(&(distro, component.clone())))).transpose()?;
        let (Action::Build { script, .. }, Some(facts)) = (node.action(), facts.flatten()) else {
            return Ok(Vec::new());
        };
        let on = Arch::new(question.arch.as_str()).map_err(|_| NodeError::NoInput { role: "arch".to_owned() })?;
        let version = numbered_version(&script, 1);
        let names = list.filter(|_| with_open).and_then(|list| self.names.get(&list));
        let names = names.into_iter().flatten().map(String::as_str);
        // A name of another arch's root, or of an extra repository, may not be there for this one.
        let is_known = |name: &&str| !universe.versions(name).is_empty() || question.ours.contains_key(*name);
        let open: Vec<&str> = at_run_time(names).into_iter().filter(is_known).collect();
        let unbuilt = Unbuilt { facts, version: &version, made_for, on: &on, profiles: &profiles };
        let stand_in = |control: String| {
            let sha256 = Sha256::of(control.as_bytes());
            OurPackage { component: component.clone(), control, sha256, size: 0 }
        };
        Ok(controls(&unbuilt, &open).into_iter().map(stand_in).collect())
    }
}
