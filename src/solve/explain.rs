//! Says why a question has no answer: the first need that nothing meets, who has it, and what there is instead.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::world::{Maker, Need, Pick, World};
use super::{SolveError, Universe};
use crate::package::relation::{Alternatives, Relation};

/// The longest chain that is shown.
const MAX_CHAIN: usize = 20;

impl<'a> Need<'a> {
    /// That a package of that name must be there.
    pub(super) fn of_root(world: &World<'a>, name: &str) -> Self {
        let (qualifier, version, arches, profiles) = (None, None, Vec::new(), Vec::new());
        let relation = Relation { name: name.to_owned(), qualifier, version, arches, profiles };
        Self { text: Alternatives(vec![relation]), options: world.picks(name).map(|(pick, _)| pick).collect() }
    }
}

/// The error for a need of the question itself.
pub(super) fn unmet_by_question(world: &World<'_>, need: &Need<'_>) -> SolveError {
    SolveError::Unmet {
        need: need.text.to_string(),
        chain: vec!["the root itself".to_owned()],
        available: available(world, need),
        unseen: Vec::new(),
    }
}

/// The error for a need that nothing meets even where conflicts do not count; `None` where conflicts are the reason.
pub(super) fn missing<'a>(world: &'a World<'a>, wanted: &[Need<'a>]) -> Option<SolveError> {
    let needs = match all_needs(world, wanted) {
        Ok(needs) => needs,
        Err(error) => return Some(error),
    };
    // Packages that cannot be installed, each with the need that is at fault. Who depends on such a one comes later, so
    // following the faults always ends at a need without any option.
    let mut faults: BTreeMap<Pick<'a>, &Need<'a>> = BTreeMap::new();
    loop {
        let before = faults.len();
        for (pick, own) in &needs {
            let hopeless = |need: &&Need<'a>| need.options.iter().all(|option| faults.contains_key(option));
            if !faults.contains_key(pick)
                && let Some(fault) = own.iter().find(hopeless)
            {
                faults.insert(*pick, fault);
            }
        }
        if faults.len() == before {
            break;
        }
    }
    let mut need = wanted.iter().find(|need| need.options.iter().all(|option| faults.contains_key(option)))?;
    let mut chain = vec!["the root itself".to_owned()];
    while let Some(option) = need.options.first()
        && chain.len() < MAX_CHAIN
    {
        chain.push(shown(world, *option));
        need = faults.get(option)?;
    }
    chain.reverse();
    let (need, available) = (need.text.to_string(), available(world, need));
    Some(SolveError::Unmet { need, chain, available, unseen: Vec::new() })
}

/// The needs of all packages that may be reached from `wanted`.
fn all_needs<'a>(world: &'a World<'a>, wanted: &[Need<'a>]) -> Result<BTreeMap<Pick<'a>, Vec<Need<'a>>>, SolveError> {
    let mut needs = BTreeMap::new();
    let mut queue: VecDeque<Pick<'a>> = wanted.iter().flat_map(|need| need.options.iter().copied()).collect();
    while let Some(pick) = queue.pop_front() {
        if let Entry::Vacant(place) = needs.entry(pick) {
            let own = world.needs_of(pick)?;
            queue.extend(own.iter().flat_map(|need| need.options.iter().copied()));
            place.insert(own);
        }
    }
    Ok(needs)
}

pub(super) fn shown(world: &World<'_>, pick: Pick<'_>) -> String {
    let name = pick.name;
    match world.candidate(pick) {
        Some(one) => match one.from {
            Maker::Extra(place) => format!("`{name}` ({} of `{}`)", one.entry.version, world.extras[place].name),
            Maker::Distribution | Maker::Component(_) => format!("`{name}` ({})", one.entry.version),
        },
        None => format!("`{name}`"),
    }
}

/// What there is of the names that `need` names, wherever a package may be taken from.
fn available(world: &World<'_>, need: &Need<'_>) -> String {
    let mut parts = Vec::new();
    for relation in &need.text.0 {
        let name = &relation.name;
        let own = world.candidates(name).into_iter().find_map(|one| match one.from {
            Maker::Component(component) => Some((component, one)),
            Maker::Distribution | Maker::Extra(_) => None,
        });
        parts.push(match own {
            // Where a component makes it, the versions of others do not count.
            Some((component, one)) => {
                format!("`{name}` is there as {} of the component `{component}`", one.entry.version)
            }
            None => elsewhere(world, name),
        });
    }
    parts.join("; ")
}

/// What the distribution and extra repositories have of `name`.
fn elsewhere(world: &World<'_>, name: &str) -> String {
    let versions = |universe: &Universe| -> String {
        universe.versions(name).iter().map(|entry| entry.version.to_string()).collect::<Vec<_>>().join(", ")
    };
    let own = versions(world.universe);
    let extras = world.extras.iter().map(|extra| (versions(&extra.packages), &extra.name));
    let (there, not): (Vec<_>, Vec<_>) = extras.partition(|(versions, _)| !versions.is_empty());
    let mut found: Vec<String> = if own.is_empty() { Vec::new() } else { vec![own] };
    found.extend(there.iter().map(|(versions, extra)| format!("{versions} in `{extra}`")));
    let not: String = not.iter().map(|(_, extra)| format!(", not in `{extra}`")).collect();
    match found.is_empty() {
        true => format!("there is no `{name}`{}", not.replace(", not in", ", nor in")),
        false => format!("`{name}` is there as {}{not}", found.join(", ")),
    }
}
