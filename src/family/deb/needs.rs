//! Which of a project's components a source needs, from what `debian/control` says.
//!
//! Needs are followed package by package, not component by component: a build needs `core-dev`, `core-dev` depends on
//! `libgrace-dev`, so the build needs libgrace too, but not every module that some other package of the core depends on.
//! Where a package's dependencies are only known once it is built (`${shlibs:Depends}`), what its own component needs
//! for building stands in for them. That may name a component too many, never one too few; a superfluous one dirties
//! nothing, since the package list of the root comes out the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::component::Bound;
use crate::family::stamped::Stamped;
use crate::lock::SourceFacts;
use crate::name::Arch;
use crate::package::relation::{Relations, Variables, arch_matches as wildcard_matches};
use crate::package::version::Version;

/// A source's facts with its relations read: done once for all arches and distros that it is built for.
pub struct Source<'a> {
    /// What is known of it.
    pub facts: Cow<'a, SourceFacts>,
    /// Its version and changes, where its version comes from tags; they stand in the facts already.
    pub stamped: Option<Arc<Stamped>>,
    /// The three fields of build dependencies.
    build: [Relations; 3],
    /// What each binary package depends on, and whether that is only known once it is built.
    depends: BTreeMap<String, (Relations, bool)>,
}

impl<'a> Source<'a> {
    /// Reads the relations. A field that cannot be read was refused when the facts were made, and counts as empty.
    pub fn new(facts: Cow<'a, SourceFacts>) -> Self {
        let read = |field: &str| Relations::parse_with(field, Variables::LeftOut).unwrap_or_default();
        let build =
            [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep].map(|field| read(field));
        let depends = facts
            .binaries
            .iter()
            .map(|(name, binary)| (name.to_string(), (read(&binary.depends), binary.depends.contains("${"))));
        Self { build, depends: depends.collect(), facts, stamped: None }
    }

    /// The same with what is written into its source package.
    #[must_use]
    pub fn stamped(self, stamped: Arc<Stamped>) -> Self {
        Self { stamped: Some(stamped), ..self }
    }

    /// Whether the source has other packages or other needs on `arch` under one set of build profiles than under another.
    pub fn tells_apart(&self, one: &BTreeSet<String>, other: &BTreeSet<String>, arch: &Arch) -> bool {
        let relations = self.build.iter().chain(self.depends.values().map(|(relations, _)| relations));
        let mut relations = relations.flat_map(|relations| &relations.0).flat_map(|alternatives| &alternatives.0);
        let mut formulas = self.facts.binaries.values().map(|binary| binary.profiles.as_str());
        relations.any(|relation| relation.applies(arch.as_str(), one) != relation.applies(arch.as_str(), other))
            || formulas.any(|formula| profile_allows(formula, one) != profile_allows(formula, other))
    }
}

/// A component of the project as its needs are followed, on one arch.
#[derive(Clone)]
pub struct Known<'a> {
    /// Its source.
    pub source: &'a Source<'a>,
    /// Its active build profiles.
    pub profiles: &'a BTreeSet<String>,
    /// Components that its recipe says it needs, by place in the list of all.
    pub needs: Vec<usize>,
    /// Packages that its recipe says it needs.
    pub packages: Vec<&'a str>,
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

/// The components whose packages must be at hand when the one at place `of` is built on `arch`; it may be among them,
/// where its needs lead back to it. `known` has `None` where a component is not built; `makers` says which makes a package,
/// `asked` which package is meant by another name.
pub fn components<'a>(
    of: usize,
    known: &'a [Option<Known<'a>>],
    (makers, asked): (&BTreeMap<&str, usize>, &'a BTreeMap<String, String>),
    arch: &Arch,
) -> BTreeSet<usize> {
    let (mut found, mut seen, mut stood_in) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut next: Vec<&str> = Vec::new();
    let at = |place: usize| known.get(place).and_then(Option::as_ref);
    let Some(own) = at(of) else { return found };
    add_build_needs(own, arch, &mut next, &mut found);
    for needed in &own.needs {
        if let Some(known) = at(*needed) {
            stood_in.insert(*needed);
            add_build_needs(known, arch, &mut next, &mut found);
        }
    }
    while let Some(name) = next.pop() {
        let name = asked.get(name).map_or(name, String::as_str);
        if !seen.insert(name) {
            continue;
        }
        let Some(maker) = makers.get(name).copied() else { continue };
        found.insert(maker);
        let Some(known) = at(maker) else { continue };
        let Some((depends, is_open)) = known.source.depends.get(name) else { continue };
        next.extend(names(depends, arch, known.profiles));
        if *is_open && maker != of && stood_in.insert(maker) {
            add_build_needs(known, arch, &mut next, &mut found);
        }
    }
    found
}

fn add_build_needs<'a>(known: &'a Known<'a>, arch: &Arch, next: &mut Vec<&'a str>, found: &mut BTreeSet<usize>) {
    for field in &known.source.build {
        next.extend(names(field, arch, known.profiles));
    }
    next.extend(&known.packages);
    found.extend(known.needs.iter().copied());
}

/// Whether a source's version will do. A bound without a revision or an epoch says nothing of the source's.
pub fn meets(version: &str, bound: &Bound) -> bool {
    let without_epoch = |version: &str| version.split_once(':').map_or(version.to_owned(), |(_, rest)| rest.to_owned());
    let mut version = if bound.version.contains(':') { version.to_owned() } else { without_epoch(version) };
    if !bound.version.contains('-')
        && let Some((upstream, _)) = version.rsplit_once('-')
    {
        version = upstream.to_owned();
    }
    match (version.parse::<Version>(), bound.version.parse::<Version>()) {
        (Ok(version), Ok(wanted)) => bound.operator.allows(version.cmp(&wanted)),
        _ => false,
    }
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

/// Names in a dependency field, all alternatives.
fn names<'a>(field: &'a Relations, arch: &Arch, profiles: &BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    let all = field.0.iter().flat_map(|alternatives| &alternatives.0);
    all.filter(|relation| relation.applies(arch.as_str(), profiles)).map(|relation| relation.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_sources_meet_bounds() {
        let check = |version: &str, bound: &str| meets(version, &Bound::parse(bound).expect("a bound"));
        assert!(check("1.1-1", ">= 1.1") && check("1.1-1", "= 1.1") && check("1.1-1", "<= 1.1"));
        assert!(check("2:1.1-1", "<< 1.2") && check("1.1", "= 1.1") && check("1.1-2", ">> 1.1-1"));
        assert!(!check("1.0-1", ">= 1.1") && !check("1.1-1", ">> 1.1") && !check("1.1-1", "<= 1.1-0"));
        assert!(!check("1:1.1-1", ">= 2:1.0") && !check("1.1~rc1-1", ">= 1.1"));
    }
}
