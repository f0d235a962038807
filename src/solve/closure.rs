//! Which dependencies of packages that go into one repository cannot be met, by that repository and the distribution.
//!
//! Nothing is chosen here, and conflicts are not looked at. Every version of a package counts, also where a newer one is
//! there: apt knows those of all its archives, and takes an older one where it is asked for. The distribution's packages are
//! taken as sound. A package that only lacks what another package of the repository cannot be installed for is counted
//! there and not told of. Time is linear in the packages and their dependencies.

use std::collections::{BTreeMap, VecDeque};

use super::universe::provided;
use super::{SolveError, Universe};
use crate::package::index::{IndexEntry, MultiArch};
use crate::package::relation::{Alternatives, Relation, Relations};
use crate::package::version::Version;

/// The most versions and providers that are named in place of what is missing.
const MAX_NAMED: usize = 5;

/// A package that goes into the repository.
#[derive(Debug, Clone)]
pub struct Member {
    /// What its control file says.
    pub entry: IndexEntry,
    /// The extra repositories that it may need packages of, by their places.
    pub extras: Vec<usize>,
}

/// What packages may need beside each other.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The distribution's packages.
    pub universe: &'a Universe,
    /// Extra repositories with their names.
    pub extras: &'a [(&'a str, &'a Universe)],
}

/// A dependency that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The place of the package among those that were looked at.
    pub member: usize,
    /// The dependency, as it is written.
    pub need: String,
    /// What there is instead.
    pub available: String,
    /// How many packages of the repository cannot be installed because this one cannot.
    pub followers: usize,
}

/// What cannot be met of the `Pre-Depends` and `Depends` of `members`, which are of the arch of `seen` or of all; in their order.
///
/// # Errors
/// [`SolveError::Relation`] for a field that cannot be read.
pub fn unmet(seen: Seen<'_>, members: &[Member]) -> Result<Vec<Unmet>, SolveError> {
    let offer = Offer::new(seen, members)?;
    let mut found = Vec::new();
    // Needs that only other members meet: whose each is, and how many of those are not known to be broken.
    let mut waiting: Vec<(usize, usize)> = Vec::new();
    let mut waiting_for: Vec<Vec<usize>> = vec![Vec::new(); members.len()];
    // For each broken member the one that it is broken for, which may be itself.
    let mut broken: Vec<Option<usize>> = vec![None; members.len()];
    let mut next = VecDeque::new();
    for (place, member) in members.iter().enumerate() {
        for field in [&member.entry.pre_depends, &member.entry.depends] {
            for need in read(&member.entry, field)?.0 {
                if need.0.iter().any(|relation| offer.elsewhere(relation, &member.extras)) {
                    continue;
                }
                let mut own: Vec<usize> = need.0.iter().flat_map(|relation| offer.own(relation)).collect();
                own.sort_unstable();
                own.dedup();
                for provider in &own {
                    waiting_for[*provider].push(waiting.len());
                }
                if own.is_empty() {
                    let available = offer.available(&need, &member.extras);
                    found.push(Unmet { member: place, need: need.to_string(), available, followers: 0 });
                    if broken[place].is_none() {
                        broken[place] = Some(place);
                        next.push_back(place);
                    }
                } else {
                    waiting.push((place, own.len()));
                }
            }
        }
    }
    let mut followers = vec![0; members.len()];
    while let Some(place) = next.pop_front() {
        let Some(root) = broken[place] else { continue };
        for need in &waiting_for[place] {
            let (of, left) = &mut waiting[*need];
            *left -= 1;
            if *left == 0 && broken[*of].is_none() {
                broken[*of] = Some(root);
                followers[root] += 1;
                next.push_back(*of);
            }
        }
    }
    found.iter_mut().for_each(|unmet| unmet.followers = followers[unmet.member]);
    Ok(found)
}

fn read(entry: &IndexEntry, field: &str) -> Result<Relations, SolveError> {
    Relations::parse(field).map_err(|source| SolveError::Relation { package: entry.package.clone(), source })
}

/// A package that provides a name, and in which version.
type Provider<T> = (T, Option<Version>);

/// All that there is.
struct Offer<'a> {
    seen: Seen<'a>,
    members: &'a [Member],
    /// Members by name.
    named: BTreeMap<&'a str, Vec<usize>>,
    /// Members by what they provide.
    providing: BTreeMap<String, Vec<Provider<usize>>>,
    /// Of the distribution and of each extra repository: what packages provide of which there is a newer one.
    outdated: Vec<BTreeMap<String, Vec<Provider<&'a IndexEntry>>>>,
}

impl<'a> Offer<'a> {
    fn new(seen: Seen<'a>, members: &'a [Member]) -> Result<Self, SolveError> {
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut providing: BTreeMap<String, Vec<Provider<usize>>> = BTreeMap::new();
        for (place, Member { entry, .. }) in members.iter().enumerate() {
            named.entry(&entry.package).or_default().push(place);
            for (name, version) in provided(entry)? {
                providing.entry(name).or_default().push((place, version));
            }
        }
        let universes = std::iter::once(seen.universe).chain(seen.extras.iter().map(|(_, universe)| *universe));
        let outdated = universes.map(|universe| {
            let mut outdated: BTreeMap<String, Vec<Provider<&IndexEntry>>> = BTreeMap::new();
            for entry in universe.outdated().filter(|entry| !entry.provides.is_empty()) {
                for (name, version) in provided(entry)? {
                    outdated.entry(name).or_default().push((entry, version));
                }
            }
            Ok(outdated)
        });
        Ok(Self { seen, members, named, providing, outdated: outdated.collect::<Result<_, SolveError>>()? })
    }

    /// The universes that a package sees, each with its place in `outdated` and what people call it.
    fn universes(&self, extras: &'a [usize]) -> impl Iterator<Item = (usize, &'a Universe, Option<&'a str>)> {
        let (own, all) = (self.seen.universe, self.seen.extras);
        let extras = extras.iter().filter_map(|place| Some((place + 1, all.get(*place)?)));
        std::iter::once((0, own, None)).chain(extras.map(|(place, (name, universe))| (place, *universe, Some(*name))))
    }

    /// Whether the distribution meets `relation`, or one of those extra repositories.
    fn elsewhere(&self, relation: &Relation, extras: &'a [usize]) -> bool {
        self.universes(extras).any(|(place, universe, _)| {
            let named = universe.versions(&relation.name).iter().any(|entry| self.is_met(relation, entry));
            let newest = universe.providers(&relation.name);
            let outdated = self.outdated[place].get(&relation.name).into_iter().flatten();
            let mut all = newest.chain(outdated.map(|(entry, version)| (*entry, version.as_ref())));
            named || all.any(|(entry, version)| self.is_provided(relation, entry, version))
        })
    }

    /// The members that meet `relation`.
    fn own(&self, relation: &Relation) -> Vec<usize> {
        let named = self.named.get(relation.name.as_str()).into_iter().flatten().copied();
        let named = named.filter(|place| self.is_met(relation, &self.members[*place].entry));
        let providing = self.providing.get(&relation.name).into_iter().flatten();
        let providing = providing
            .filter(|(place, version)| self.is_provided(relation, &self.members[*place].entry, version.as_ref()));
        named.chain(providing.map(|(place, _)| *place)).collect()
    }

    fn is_met(&self, relation: &Relation, entry: &IndexEntry) -> bool {
        relation.allows(&entry.version) && self.serves(relation, entry)
    }

    fn is_provided(&self, relation: &Relation, entry: &IndexEntry, version: Option<&Version>) -> bool {
        let fits = relation.version.is_none() || version.is_some_and(|version| relation.allows(version));
        fits && self.serves(relation, entry)
    }

    /// Whether `entry` is of the arch that `relation` asks for. One of another arch than the repository's is never there.
    fn serves(&self, relation: &Relation, entry: &IndexEntry) -> bool {
        match relation.qualifier.as_deref() {
            None | Some("native") => true,
            Some("any") => entry.multi_arch == MultiArch::Allowed,
            Some(arch) => arch == self.seen.universe.arch(),
        }
    }

    /// What there is of the names in `need`.
    fn available(&self, need: &Alternatives, extras: &'a [usize]) -> String {
        let parts = need.0.iter().map(|relation| self.available_of(relation, extras));
        parts.collect::<Vec<_>>().join("; ")
    }

    fn available_of(&self, relation: &Relation, extras: &'a [usize]) -> String {
        let name = relation.name.as_str();
        let mut there = Vec::new();
        let own = self.named.get(name).into_iter().flatten().map(|place| &self.members[*place].entry.version);
        there.extend(versions(own.collect()).map(|versions| format!("{versions} in the channel")));
        for (_, universe, called) in self.universes(extras) {
            let found = versions(universe.versions(name).iter().map(|entry| &entry.version).collect());
            there.extend(found.map(|versions| match called {
                None => format!("{versions} in the distribution"),
                Some(called) => format!("{versions} in `{called}`"),
            }));
        }
        let mut text = match there.is_empty() {
            true => format!("there is no `{name}`"),
            false => format!("`{name}` is there as {}", there.join(" and as ")),
        };
        match relation.qualifier.as_deref() {
            Some("any") if !there.is_empty() => text.push_str(", for packages of its own arch alone"),
            Some(arch) if arch != "native" && arch != self.seen.universe.arch() => {
                text.push_str(&format!(", looked for among packages of {}", self.seen.universe.arch()));
            }
            _ => {}
        }
        let mut provided = self.providers_of(name, extras);
        if !provided.is_empty() {
            provided.sort();
            provided.dedup();
            let more = if provided.len() > MAX_NAMED { " and others" } else { "" };
            provided.truncate(MAX_NAMED);
            text.push_str(&format!("; it is provided by {}{more}", provided.join(", ")));
        }
        text
    }

    /// Who provides `name`, each with the version it provides it in.
    fn providers_of(&self, name: &str, extras: &'a [usize]) -> Vec<String> {
        let told = |entry: &IndexEntry, version: Option<&Version>| match version {
            Some(version) => format!("`{}` as {version}", entry.package),
            None => format!("`{}` without a version", entry.package),
        };
        let own = self.providing.get(name).into_iter().flatten();
        let own = own.map(|(place, version)| told(&self.members[*place].entry, version.as_ref()));
        let elsewhere = self.universes(extras).flat_map(|(place, universe, _)| {
            let outdated = self.outdated[place].get(name).into_iter().flatten();
            universe.providers(name).chain(outdated.map(|(entry, version)| (*entry, version.as_ref())))
        });
        own.chain(elsewhere.map(|(entry, version)| told(entry, version))).collect()
    }
}

/// Versions as text, the newest first; `None` where there is none.
fn versions(mut versions: Vec<&Version>) -> Option<String> {
    versions.sort_by(|left, right| right.cmp(left));
    let more = if versions.len() > MAX_NAMED { " and others" } else { "" };
    let named: Vec<String> = versions.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}
