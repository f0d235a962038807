//! The packages of one question: the universe with the locked base and our own packages laid over it.

use std::collections::{BTreeMap, BTreeSet};

use super::universe::provided;
use super::{SolveError, Universe};
use crate::name::ComponentName;
use crate::package::index::{IndexEntry, MultiArch};
use crate::package::relation::{Alternatives, Relation, Relations};
use crate::package::version::Version;

/// The one package that may be chosen for its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub entry: &'a IndexEntry,
    /// Who of us made it; `None` for the distribution's.
    pub component: Option<&'a ComponentName>,
}

/// What must hold for a package or a question, and the packages of which each would do, the preferred first.
pub(super) struct Need<'a> {
    pub text: Alternatives,
    pub options: Vec<&'a str>,
}

/// A package that provides a name, and the version it provides it in.
type Provider<'a> = (Candidate<'a>, Option<Version>);

pub(super) struct World<'a> {
    pub universe: &'a Universe,
    /// What is there already and is preferred wherever it serves, as apt prefers what is installed.
    pub installed: BTreeSet<&'a str>,
    over: BTreeMap<&'a str, Candidate<'a>>,
    over_providers: BTreeMap<String, Vec<Provider<'a>>>,
}

impl<'a> World<'a> {
    pub fn new(universe: &'a Universe) -> Self {
        Self { universe, installed: BTreeSet::new(), over: BTreeMap::new(), over_providers: BTreeMap::new() }
    }

    /// Makes `candidate` the only one of its name.
    pub fn put(&mut self, candidate: Candidate<'a>) -> Result<(), SolveError> {
        self.over.insert(&candidate.entry.package, candidate);
        for (name, version) in provided(candidate.entry)? {
            self.over_providers.entry(name).or_default().push((candidate, version));
        }
        Ok(())
    }

    /// The package that may be chosen for `name`.
    pub fn candidate(&self, name: &str) -> Option<Candidate<'a>> {
        let newest = || self.universe.versions(name).first().map(|entry| Candidate { entry, component: None });
        self.over.get(name).copied().or_else(newest)
    }

    /// Those that satisfy `relation`: the real one first, then those that provide it, ours before the distribution's,
    /// then by priority and name.
    pub fn satisfying(&self, relation: &Relation) -> Vec<&'a str> {
        let mut found: Vec<&'a str> = Vec::new();
        if let Some(real) = self.candidate(&relation.name)
            && self.serves(relation, real.entry)
            && relation.allows(&real.entry.version)
        {
            found.push(&real.entry.package);
        }
        let mut providers: Vec<Candidate<'a>> = self
            .all_providers(&relation.name)
            .filter(|(candidate, version)| {
                let version_fits =
                    relation.version.is_none() || version.is_some_and(|version| relation.allows(version));
                version_fits && self.serves(relation, candidate.entry)
            })
            .map(|(candidate, _)| candidate)
            .collect();
        providers.sort_by_key(|one| (one.component.is_none(), one.entry.priority, one.entry.package.as_str()));
        for provider in providers {
            if !found.contains(&provider.entry.package.as_str()) {
                found.push(&provider.entry.package);
            }
        }
        found
    }

    /// Providers of `name` that are candidates themselves: not those that something is laid over.
    fn all_providers(&self, name: &str) -> impl Iterator<Item = (Candidate<'a>, Option<&Version>)> {
        let universe = self.universe.providers(name);
        let below = universe
            .filter(|(entry, _)| !self.over.contains_key(entry.package.as_str()))
            .map(|(entry, version)| (Candidate { entry, component: None }, version));
        let over = self.over_providers.get(name).into_iter().flatten();
        // A package of the base stays here when one of ours was laid over it later.
        let over = over.filter(|(candidate, _)| {
            self.over.get(candidate.entry.package.as_str()).is_some_and(|now| std::ptr::eq(now.entry, candidate.entry))
        });
        below.chain(over.map(|(candidate, version)| (*candidate, version.as_ref())))
    }

    /// Whether the arch qualifier of `relation` accepts `entry`, as dpkg decides it for a native dependency.
    fn serves(&self, relation: &Relation, entry: &IndexEntry) -> bool {
        match relation.qualifier.as_deref() {
            None | Some("native") => true,
            Some("any") => entry.multi_arch == MultiArch::Allowed,
            Some(arch) => arch == self.universe.arch(),
        }
    }

    /// `text` with the packages that would do.
    pub fn need(&self, text: &Alternatives) -> Need<'a> {
        let mut options: Vec<&'a str> = Vec::new();
        for name in text.0.iter().flat_map(|relation| self.satisfying(relation)) {
            if !options.contains(&name) {
                options.push(name);
            }
        }
        options.sort_by_key(|name| !self.installed.contains(name));
        Need { text: text.clone(), options }
    }

    /// What the candidate of `name` needs (`Pre-Depends` and `Depends`).
    pub fn needs_of(&self, name: &str) -> Result<Vec<Need<'a>>, SolveError> {
        let Some(Candidate { entry, .. }) = self.candidate(name) else { return Ok(Vec::new()) };
        let mut needs = Vec::new();
        for field in [&entry.pre_depends, &entry.depends] {
            needs.extend(read(entry, field)?.0.iter().map(|text| self.need(text)));
        }
        Ok(needs)
    }

    /// The packages that the candidate of `name` cannot stand beside (`Conflicts` and `Breaks`), itself excepted.
    pub fn enemies_of(&self, name: &str) -> Result<Vec<&'a str>, SolveError> {
        let Some(Candidate { entry, .. }) = self.candidate(name) else { return Ok(Vec::new()) };
        let mut enemies: BTreeSet<&'a str> = BTreeSet::new();
        for field in [&entry.conflicts, &entry.breaks] {
            let all = read(entry, field)?;
            enemies.extend(all.0.iter().flat_map(|one| &one.0).flat_map(|relation| self.satisfying(relation)));
        }
        enemies.remove(name);
        Ok(enemies.into_iter().collect())
    }
}

fn read(entry: &IndexEntry, field: &str) -> Result<Relations, SolveError> {
    Relations::parse(field).map_err(|source| SolveError::Relation { package: entry.package.clone(), source })
}
