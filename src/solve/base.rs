//! The base of a root: what every root of a target has in common.

use std::collections::BTreeSet;

use super::world::World;
use super::{SolveError, Universe, list, provider, relations};
use crate::drv::Resolve;
use crate::package::list::{Layer, PackageList};

/// The base that `question` wants: all that is essential, what its variant names, what it adds, and what these need.
pub(super) fn resolve(universe: &Universe, question: &Resolve) -> Result<PackageList, SolveError> {
    let named: &[&str] = match question.variant.as_str() {
        "buildd" => &["apt", "build-essential"],
        "minbase" => &["apt"],
        "essential" => &[],
        other => return Err(SolveError::Variant { variant: other.to_owned() }),
    };
    let mut world = World::new(universe, &[]);
    let essential: BTreeSet<&str> = universe.essential().map(|entry| entry.package.as_str()).collect();
    world.installed.clone_from(&essential);
    let mut needs: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
    needs.extend(question.add.iter().cloned());
    let needs = relations(&needs, question)?;
    let solution = provider::solve(&world, &essential, &needs, &[])?;
    list(&world, &solution, |_| Layer::Base)
}
