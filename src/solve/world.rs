//! The packages of one question: the universe and extra repositories, with the locked base and our own packages laid over
//! them.
//!
//! Of a name there is one *preferred* package: ours, else that of the first extra repository that comes before the
//! distribution, else the base's, else the newest. What else extra repositories and the distribution have of that name is
//! within [`Reach`] only where a question has no answer without it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::universe::provided;
use super::{Extra, SolveError, Universe};
use crate::distro::Taken;
use crate::name::ComponentName;
use crate::package::index::{IndexEntry, MultiArch};
use crate::package::relation::{Alternatives, Relation, Relations};
use crate::package::version::Version;

/// Who has a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Maker<'a> {
    Distribution,
    /// The extra repository at that place of the world's.
    Extra(usize),
    Component(&'a ComponentName),
}

/// A package that may be chosen for its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub entry: &'a IndexEntry,
    pub from: Maker<'a>,
    /// Whether another one of its name is preferred, or it is of a repository that is asked only where there is need.
    pub fallback: bool,
}

/// One of the candidates of a name, by its place among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pick<'a> {
    pub name: &'a str,
    pub place: usize,
}

/// What must hold for a package or a question, and the packages of which each would do, the preferred first.
pub(super) struct Need<'a> {
    pub text: Alternatives,
    pub options: Vec<Pick<'a>>,
}

/// Which packages may be chosen beside the preferred ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    None,
    All,
    Only(Fallbacks),
}

/// Packages that are not the preferred ones: name, version, and the place of the extra repository; `None`: the
/// distribution's.
pub(super) type Fallbacks = BTreeSet<(String, String, Option<usize>)>;

/// A package that provides a name, and the version it provides it in.
type Provider<'a> = (Candidate<'a>, Option<Version>);

#[derive(Clone)]
pub(super) struct World<'a> {
    pub universe: &'a Universe,
    pub extras: &'a [Extra],
    /// What is there already and is preferred wherever it serves, as apt prefers what is installed.
    pub installed: BTreeSet<&'a str>,
    over: BTreeMap<&'a str, Candidate<'a>>,
    over_providers: BTreeMap<String, Vec<Provider<'a>>>,
    reach: Reach,
}

impl<'a> World<'a> {
    pub fn new(universe: &'a Universe, extras: &'a [Extra]) -> Self {
        let (installed, over, over_providers) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { universe, extras, installed, over, over_providers, reach: Reach::None }
    }

    /// The same with another reach.
    pub fn reaching(&self, reach: Reach) -> Self {
        Self { reach, ..self.clone() }
    }

    /// Makes a package of the base or one of ours the only one of its name that counts beside extra repositories.
    pub fn put(&mut self, entry: &'a IndexEntry, from: Maker<'a>) -> Result<(), SolveError> {
        let candidate = Candidate { entry, from, fallback: false };
        self.over.insert(&entry.package, candidate);
        for (name, version) in provided(entry)? {
            self.over_providers.entry(name).or_default().push((candidate, version));
        }
        Ok(())
    }

    /// The packages that may be chosen for `name`, the preferred one first.
    pub fn candidates(&self, name: &str) -> Vec<Candidate<'a>> {
        let over = self.over.get(name).copied();
        let candidate = |entry, from| Candidate { entry, from, fallback: false };
        let of_suites = || self.universe.versions(name).first().map(|entry| candidate(entry, Maker::Distribution));
        let own = over.or_else(of_suites);
        if self.extras.is_empty() || over.is_some_and(|over| matches!(over.from, Maker::Component(_))) {
            return own.into_iter().collect();
        }
        let placed = || self.extras.iter().enumerate();
        let newest = |taken: Taken| {
            let asked = placed().filter(move |(_, extra)| extra.taken == taken);
            asked.filter_map(move |(place, extra)| {
                Some(candidate(extra.packages.versions(name).first()?, Maker::Extra(place)))
            })
        };
        let mut all: Vec<Candidate<'a>> = newest(Taken::First).collect();
        let mut equals: Vec<Candidate<'a>> = own.into_iter().chain(newest(Taken::WhenNewer)).collect();
        // A package of the base stays as long as it does. Sorting is stable: of equal versions the distribution's is first.
        equals[usize::from(over.is_some())..].sort_by_key(|one| Reverse(one.entry.version.clone()));
        all.append(&mut equals);
        let preferred = all.len().min(1);
        // A repository may keep versions that somebody needs to be that old.
        let rest = placed().flat_map(|(place, extra)| {
            let known = usize::from(extra.taken != Taken::WhenNeeded);
            let versions = extra.packages.versions(name).iter().skip(known);
            versions.map(move |entry| candidate(entry, Maker::Extra(place)))
        });
        let mut needed: Vec<Candidate<'a>> = rest.collect();
        needed.sort_by_key(|one| Reverse(one.entry.version.clone()));
        all.append(&mut needed);
        all[preferred..].iter_mut().for_each(|one| one.fallback = true);
        all.retain(|one| !one.fallback || self.reaches(one));
        all
    }

    fn reaches(&self, fallback: &Candidate<'_>) -> bool {
        match &self.reach {
            Reach::None => false,
            Reach::All => true,
            Reach::Only(known) => known.contains(&fallback.key()),
        }
    }

    /// The candidate that `pick` means.
    pub fn candidate(&self, pick: Pick<'_>) -> Option<Candidate<'a>> {
        self.candidates(pick.name).get(pick.place).copied()
    }

    /// The candidates of `name`.
    pub fn picks(&self, name: &str) -> impl Iterator<Item = (Pick<'a>, Candidate<'a>)> + use<'a> {
        let all = self.candidates(name).into_iter().enumerate();
        all.map(|(place, one)| (Pick { name: one.entry.package.as_str(), place }, one))
    }

    /// Those that satisfy `relation`: the preferred ones first; the real one first, then those that provide it, ours before
    /// the distribution's, then by priority and name.
    pub fn satisfying(&self, relation: &Relation) -> Vec<Pick<'a>> {
        let fits = |(_, one): &(Pick<'a>, Candidate<'a>)| {
            self.serves(relation, one.entry) && relation.allows(&one.entry.version)
        };
        let mut found: Vec<(Pick<'a>, bool)> =
            self.picks(&relation.name).filter(fits).map(|(pick, one)| (pick, one.fallback)).collect();
        let mut providers: Vec<(Pick<'a>, Candidate<'a>)> = self
            .all_providers(&relation.name)
            .filter(|((_, candidate), version)| {
                let version_fits =
                    relation.version.is_none() || version.is_some_and(|version| relation.allows(version));
                version_fits && self.serves(relation, candidate.entry)
            })
            .map(|(provider, _)| provider)
            .collect();
        providers.sort_by_key(|(pick, one)| (!matches!(one.from, Maker::Component(_)), one.entry.priority, *pick));
        for (pick, one) in providers {
            if !found.iter().any(|(known, _)| *known == pick) {
                found.push((pick, one.fallback));
            }
        }
        found.sort_by_key(|(_, fallback)| *fallback);
        found.into_iter().map(|(pick, _)| pick).collect()
    }

    /// Providers of `name` that are candidates themselves: not those that something is laid over.
    fn all_providers(&self, name: &str) -> impl Iterator<Item = ((Pick<'a>, Candidate<'a>), Option<&Version>)> {
        let below = self.universe.providers(name);
        let below = below.filter(|(entry, _)| !self.over.contains_key(entry.package.as_str()));
        let extras = self.extras.iter().flat_map(move |extra| extra.packages.providers(name));
        let over = self.over_providers.get(name).into_iter().flatten();
        let over = over.map(|(candidate, version)| (candidate.entry, version.as_ref()));
        below.chain(extras).chain(over).filter_map(|(entry, version)| {
            let found = self.picks(&entry.package).find(|(_, one)| std::ptr::eq(one.entry, entry))?;
            Some((found, version))
        })
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
        let mut options: Vec<Pick<'a>> = Vec::new();
        for pick in text.0.iter().flat_map(|relation| self.satisfying(relation)) {
            if !options.contains(&pick) {
                options.push(pick);
            }
        }
        options.sort_by_cached_key(|pick| {
            let fallback = self.is_fallback(*pick);
            (fallback, fallback || !self.installed.contains(pick.name))
        });
        Need { text: text.clone(), options }
    }

    /// Whether a preferred package, or any at all, satisfies `relation`.
    pub fn is_satisfied(&self, relation: &Relation, also_by_fallbacks: bool) -> bool {
        self.satisfying(relation).first().is_some_and(|pick| also_by_fallbacks || !self.is_fallback(*pick))
    }

    fn is_fallback(&self, pick: Pick<'_>) -> bool {
        !self.extras.is_empty() && self.candidate(pick).is_some_and(|one| one.fallback)
    }

    /// What a candidate needs (`Pre-Depends` and `Depends`).
    pub fn needs_of(&self, pick: Pick<'_>) -> Result<Vec<Need<'a>>, SolveError> {
        let Some(Candidate { entry, .. }) = self.candidate(pick) else { return Ok(Vec::new()) };
        let mut needs = Vec::new();
        for field in [&entry.pre_depends, &entry.depends] {
            needs.extend(read(entry, field)?.0.iter().map(|text| self.need(text)));
        }
        Ok(needs)
    }

    /// The packages that a candidate cannot stand beside: by its `Conflicts` and `Breaks`, and others of its name.
    pub fn enemies_of(&self, pick: Pick<'_>) -> Result<Vec<Pick<'a>>, SolveError> {
        let Some(Candidate { entry, .. }) = self.candidate(pick) else { return Ok(Vec::new()) };
        let mut enemies: BTreeSet<Pick<'a>> = BTreeSet::new();
        for field in [&entry.conflicts, &entry.breaks] {
            let all = read(entry, field)?;
            enemies.extend(all.0.iter().flat_map(|one| &one.0).flat_map(|relation| self.satisfying(relation)));
        }
        enemies.retain(|enemy| enemy.name != pick.name);
        enemies.extend(self.picks(pick.name).map(|(other, _)| other).filter(|other| other.place != pick.place));
        Ok(enemies.into_iter().collect())
    }
}

impl Candidate<'_> {
    /// What a fallback is known by.
    pub fn key(&self) -> (String, String, Option<usize>) {
        let place = match self.from {
            Maker::Extra(place) => Some(place),
            Maker::Distribution | Maker::Component(_) => None,
        };
        (self.entry.package.clone(), self.entry.version.to_string(), place)
    }
}

fn read(entry: &IndexEntry, field: &str) -> Result<Relations, SolveError> {
    Relations::parse(field).map_err(|source| SolveError::Relation { package: entry.package.clone(), source })
}
