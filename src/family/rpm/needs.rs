//! Which of a project's components a source needs, from what specs say.
//!
//! Needs are names of packages or of capabilities. What a package provides before it is built: its name, its name on its
//! arch, what its spec says, the programs, `.pc` files and CMake packages in its list of files, and, where nothing
//! provides `pkgconfig(x)`, the package `x-devel` or `libx-devel`. Recipes add names that others ask for (`aliases`).
//!
//! As with `.deb`, needs are followed package by package; rpm finds most run-time needs in what is built, so for each
//! package what its own component needs for building stands in for them. That may name a component too many, never one
//! too few; a superfluous one dirties nothing, since the package list of the root comes out the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{arch_name, recipe_need};
use crate::component::{Bound, Component};
use crate::name::Arch;
use crate::package::rpm_version::Evr;
use crate::package::spec::Spec;

/// A component of the project as its needs are followed, on one arch.
#[derive(Clone)]
pub struct Known<'a> {
    /// What its spec says there.
    pub spec: &'a Spec,
    /// What its recipe comes to there.
    pub component: &'a Component,
    /// Components that its recipe says it needs, by place in the list of all.
    pub needs: Vec<usize>,
}

/// Which package of which component provides a capability.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makers {
    /// The component, by place, and the package.
    makers: BTreeMap<String, (usize, String)>,
    /// Names that recipes say are asked for, and the package that is meant.
    pub aliases: BTreeMap<String, String>,
}

/// Two components make one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// The package.
    pub package: String,
    /// The two, by place.
    pub makers: (usize, usize),
}

impl Makers {
    /// Takes in what a component makes on `arch`, or for all arches; `independent`: only the latter. Tells of packages that
    /// another component makes as well.
    pub fn add(
        &mut self,
        place: usize,
        component: &Component,
        spec: &Spec,
        arch: &Arch,
        independent: bool,
    ) -> Vec<Twice> {
        let mut twice = Vec::new();
        for (name, package) in spec.packages.iter().filter(|(_, package)| package.noarch || !independent) {
            let own = (place, name.to_string());
            if let Some((other, _)) = self.makers.insert(name.to_string(), own.clone())
                && other != place
            {
                twice.push(Twice { package: name.to_string(), makers: (other, place) });
            }
            let isa = (!package.noarch).then(|| format!("{name}{}", isa(arch)));
            let said = package.provides.iter().flat_map(|provided| provided.names().to_vec());
            for capability in said.chain(isa).chain(package.files.iter().flat_map(|file| of_file(file))) {
                self.makers.entry(capability).or_insert_with(|| own.clone());
            }
        }
        for (alias, package) in &component.aliases {
            let alias = crate::component::Capability::parse(alias).map_or_else(|| alias.clone(), |known| known.rpm());
            self.aliases.insert(alias, package.to_string());
        }
        twice
    }

    /// Who provides `name`: the component's place and its package.
    pub fn of(&self, name: &str) -> Option<(usize, &str)> {
        let found = |name: &str| self.makers.get(name).map(|(place, package)| (*place, package.as_str()));
        let alias = || self.aliases.get(name).and_then(|package| found(package));
        let by_convention = || {
            let wanted = name.strip_prefix("pkgconfig(")?.strip_suffix(')')?;
            found(&format!("{wanted}-devel")).or_else(|| found(&format!("lib{wanted}-devel")))
        };
        // A recipe's word comes first: it is there because the rest would mean another package.
        alias().or_else(|| found(name)).or_else(by_convention)
    }

    /// Every name that the project provides, with the place of the component.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let made = self.makers.iter().map(|(name, (place, _))| (name.as_str(), *place));
        let aliases =
            self.aliases.iter().filter_map(|(alias, package)| Some((alias.as_str(), self.makers.get(package)?.0)));
        made.chain(aliases)
    }
}

/// Whether a version is one of those that a recipe asks for.
pub fn meets(version: &Evr, bound: &Bound) -> bool {
    Evr::new(&bound.version).is_ok_and(|limit| {
        let version = if limit.epoch.is_some() { version.clone() } else { Evr { epoch: None, ..version.clone() } };
        bound.operator.allows(version.against(&limit))
    })
}

fn isa(arch: &Arch) -> &'static str {
    match arch_name(arch.as_str()) {
        "x86_64" => "(x86-64)",
        "i686" => "(x86-32)",
        "aarch64" => "(aarch-64)",
        "armv7hl" => "(armv7hl-32)",
        "ppc64le" => "(ppc-64)",
        "s390x" => "(s390-64)",
        "riscv64" => "(riscv-64)",
        _ => "",
    }
}

/// What a file of a package provides: itself, and the capability that its place stands for.
fn of_file(path: &str) -> Vec<String> {
    let mut provided = vec![path.to_owned()];
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    if folder.ends_with("/pkgconfig")
        && let Some(module) = name.strip_suffix(".pc")
    {
        provided.push(format!("pkgconfig({module})"));
    }
    if let Some(package) = name.strip_suffix("Config.cmake").or_else(|| name.strip_suffix("-config.cmake")) {
        provided.push(format!("cmake({package})"));
    }
    provided
}

/// The components whose packages must be at hand when the one at place `of` is built; it may be among them, where its needs
/// lead back to it. `known` has `None` where a component is not built.
pub fn components<'a>(of: usize, known: &'a [Option<Known<'a>>], makers: &'a Makers) -> BTreeSet<usize> {
    let (mut found, mut seen, mut stood_in) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut next: Vec<String> = Vec::new();
    let at = |place: usize| known.get(place).and_then(Option::as_ref);
    let Some(own) = at(of) else { return found };
    add_build_needs(own, &mut next, &mut found);
    for needed in &own.needs {
        if let Some(known) = at(*needed) {
            stood_in.insert(*needed);
            add_build_needs(known, &mut next, &mut found);
        }
    }
    while let Some(name) = next.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some((maker, package)) = makers.of(&name) else { continue };
        found.insert(maker);
        let Some(known) = at(maker) else { continue };
        let requires = known.spec.packages.iter().find(|(name, _)| name.as_str() == package);
        let requires = requires.into_iter().flat_map(|(_, package)| &package.requires);
        next.extend(requires.flat_map(|dependency| dependency.names().to_vec()));
        if maker != of && stood_in.insert(maker) {
            add_build_needs(known, &mut next, &mut found);
        }
    }
    found
}

fn add_build_needs(known: &Known<'_>, next: &mut Vec<String>, found: &mut BTreeSet<usize>) {
    next.extend(known.spec.build_requires.iter().flat_map(|dependency| dependency.names().to_vec()));
    next.extend(known.component.needs.iter().filter_map(recipe_need).map(|(name, _)| name));
    found.extend(known.needs.iter().copied());
}
