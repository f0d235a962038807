//! Which of a project's components a source needs, from what `debian/control` says.
//!
//! Needs are followed package by package, not component by component: a build needs `core-dev`, `core-dev` depends on
//! `libgrace-dev`, so the build needs libgrace too, but not every module that some other package of the core depends on.
//! Where a package's dependencies are only known once it is built (`${shlibs:Depends}`), what its own component needs
//! for building stands in for them. That may name a component too many, never one too few; a superfluous one dirties
//! nothing, since the package list of the root comes out the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::lock::SourceFacts;
use crate::name::{Arch, ComponentName};
use crate::package::relation::{Relations, Variables, arch_matches as wildcard_matches};

/// A component of the project as its needs are followed.
pub struct Known<'a> {
    /// What is known of its source.
    pub facts: &'a SourceFacts,
    /// Its active build profiles.
    pub profiles: &'a BTreeSet<String>,
    /// Components that its recipe says it needs.
    pub needs: Vec<&'a ComponentName>,
}

/// The binary packages, ordinary ones, that a source makes on `arch` or for all arches.
pub fn binaries<'a>(
    facts: &'a SourceFacts,
    profiles: &'a BTreeSet<String>,
    arch: &'a Arch,
) -> impl Iterator<Item = &'a str> {
    let made =
        move |architecture: &str| architecture.split_whitespace().any(|word| word == "all" || arch_matches(word, arch));
    facts
        .binaries
        .iter()
        .filter(move |(_, binary)| {
            binary.package_type.as_deref() != Some("udeb")
                && made(&binary.architecture)
                && profile_allows(&binary.profiles, profiles)
        })
        .map(|(name, _)| name.as_str())
}

/// The components whose packages must be at hand when `component` is built on `arch`; it may name itself where its needs
/// lead back to it. `makers` says which component makes a binary package.
pub fn components<'a>(
    component: &'a ComponentName,
    known: &'a BTreeMap<ComponentName, Known<'a>>,
    makers: &'a BTreeMap<String, ComponentName>,
    arch: &Arch,
) -> BTreeSet<&'a ComponentName> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let Some(own) = known.get(component) else { return found };
    let mut next: Vec<String> = Vec::new();
    let add_build_needs = |known: &Known<'a>, next: &mut Vec<String>, found: &mut BTreeSet<&'a ComponentName>| {
        next.extend(build_needs(known, arch));
        found.extend(known.needs.iter().copied());
    };
    add_build_needs(own, &mut next, &mut found);
    let mut stood_in: BTreeSet<&ComponentName> = BTreeSet::new();
    for needed in own.needs.clone() {
        if let Some(known) = known.get(needed) {
            stood_in.insert(needed);
            add_build_needs(known, &mut next, &mut found);
        }
    }
    while let Some(name) = next.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(maker) = makers.get(&name) else { continue };
        found.insert(maker);
        let Some(known) = known.get(maker) else { continue };
        let Some((_, binary)) = known.facts.binaries.iter().find(|(binary, _)| binary.as_str() == name) else {
            continue;
        };
        next.extend(names(&binary.depends, arch, known.profiles));
        if binary.depends.contains("${") && maker != component && stood_in.insert(maker) {
            add_build_needs(known, &mut next, &mut found);
        }
    }
    found
}

/// Whether `Build-Profiles` such as `<!nodoc>` lets a package be made under `profiles`.
pub fn profile_allows(formula: &str, profiles: &BTreeSet<String>) -> bool {
    if formula.trim().is_empty() {
        return true;
    }
    // Alternatives of conjunctions: `<!a b> <c>` (deb-src-control(5)).
    formula.split('>').map(|part| part.trim().trim_start_matches('<')).filter(|part| !part.is_empty()).any(|all| {
        all.split_whitespace().all(|term| match term.strip_prefix('!') {
            Some(name) => !profiles.contains(name),
            None => profiles.contains(term),
        })
    })
}

/// Whether an architecture of `debian/control` (`any`, `linux-any`, `any-amd64`, `amd64`) means `arch` on Linux.
pub fn arch_matches(word: &str, arch: &Arch) -> bool {
    wildcard_matches(word, arch.as_str())
}

fn build_needs(known: &Known<'_>, arch: &Arch) -> Vec<String> {
    let facts = known.facts;
    [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep]
        .into_iter()
        .flat_map(|field| names(field, arch, known.profiles))
        .collect()
}

/// Names in a dependency field, all alternatives. A field that cannot be parsed was refused when its pin was made.
fn names(field: &str, arch: &Arch, profiles: &BTreeSet<String>) -> Vec<String> {
    let Ok(relations) = Relations::parse_with(field, Variables::LeftOut) else { return Vec::new() };
    let relations = relations.reduce(arch.as_str(), profiles);
    relations.0.iter().flat_map(|alternatives| &alternatives.0).map(|relation| relation.name.clone()).collect()
}
