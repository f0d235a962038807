//! Says why a question has no answer: the first need that nothing meets, who has it, and what there is instead.

use std::collections::{BTreeMap, VecDeque};

use super::SolveError;
use super::world::{Need, World};
use crate::package::relation::{Alternatives, Relation};

/// The longest chain that is shown.
const MAX_CHAIN: usize = 20;

impl<'a> Need<'a> {
    /// That `name` itself must be there.
    pub(super) fn of_root(name: &'a str) -> Self {
        let (qualifier, version, arches, profiles) = (None, None, Vec::new(), Vec::new());
        let relation = Relation { name: name.to_owned(), qualifier, version, arches, profiles };
        Self { text: Alternatives(vec![relation]), options: vec![name] }
    }
}

/// The error for a need of the question itself.
pub(super) fn unmet_by_question(world: &World<'_>, need: &Need<'_>) -> SolveError {
    SolveError::Unmet {
        need: need.text.to_string(),
        chain: vec!["the root itself".to_owned()],
        available: available(world, need),
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
    let mut faults: BTreeMap<&str, &Need<'a>> = BTreeMap::new();
    loop {
        let before = faults.len();
        for (name, own) in &needs {
            let hopeless = |need: &&Need<'a>| need.options.iter().all(|option| faults.contains_key(option));
            if !faults.contains_key(name)
                && let Some(fault) = own.iter().find(hopeless)
            {
                faults.insert(name, fault);
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
        chain.push(shown(world, option));
        need = faults.get(option)?;
    }
    chain.reverse();
    Some(SolveError::Unmet { need: need.text.to_string(), chain, available: available(world, need) })
}

/// The needs of all packages that may be reached from `wanted`.
fn all_needs<'a>(world: &'a World<'a>, wanted: &[Need<'a>]) -> Result<BTreeMap<&'a str, Vec<Need<'a>>>, SolveError> {
    let mut needs = BTreeMap::new();
    let mut queue: VecDeque<&'a str> = wanted.iter().flat_map(|need| need.options.iter().copied()).collect();
    while let Some(name) = queue.pop_front() {
        if !needs.contains_key(name) {
            let own = world.needs_of(name)?;
            queue.extend(own.iter().flat_map(|need| need.options.iter().copied()));
            needs.insert(name, own);
        }
    }
    Ok(needs)
}

pub(super) fn shown(world: &World<'_>, name: &str) -> String {
    match world.candidate(name) {
        Some(one) => format!("`{name}` ({})", one.entry.version),
        None => format!("`{name}`"),
    }
}

/// What there is of the names that `need` names.
fn available(world: &World<'_>, need: &Need<'_>) -> String {
    let mut parts = Vec::new();
    for relation in &need.text.0 {
        let name = &relation.name;
        let of_universe = world.universe.versions(name).iter().map(|entry| entry.version.to_string());
        parts.push(match world.candidate(name) {
            // Where a component makes it, the distribution's versions do not count.
            Some(one) if one.component.is_some() => {
                let component = one.component.map(ToString::to_string).unwrap_or_default();
                format!("`{name}` is there as {} of the component `{component}`", one.entry.version)
            }
            Some(_) => format!("`{name}` is there as {}", of_universe.collect::<Vec<_>>().join(", ")),
            None => format!("there is no `{name}`"),
        });
    }
    parts.join("; ")
}
