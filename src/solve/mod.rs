//! Chooses the exact packages of a root: a question and the packages there are in, a package list out.
//!
//! ```text
//! suites' slim indexes ──► Universe (once per target, shared) ┐
//! packages that components built ─────────────────────────────┼─► World ──► Provider ──► resolvo ──► PackageList
//! question, locked base list ─────────────────────────────────┘    └────────► explain, where nothing fits
//! ```
//!
//! Of each package name there is exactly one candidate: ours where we made it, else the locked base's, else the newest.
//! So a result is what apt would install from the same archive, and the solver only decides between alternatives.
//! Recommends are no dependencies here. The order of inputs, but for that of suites, never changes the result.

mod base;
mod clash;
mod explain;
mod provider;
mod universe;
mod world;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use miette::Diagnostic;
pub use universe::Universe;

use crate::diag::{Cause, Caused};
use crate::digest::Sha256;
use crate::drv::Resolve;
use crate::name::{ComponentName, NameError};
use crate::package::control;
use crate::package::index::{IndexEntry, IndexError};
use crate::package::list::{Layer, ListError, Listed, ListedFrom, PackageList};
use crate::package::relation::{Alternatives, RelationError, Relations};
use world::{Candidate, World};

/// A binary package that a component of this project built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OurPackage {
    /// Which component.
    pub component: ComponentName,
    /// The text of its control file: one paragraph.
    pub control: String,
    /// SHA-256 of the `.deb`.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
}

/// Why no packages could be chosen.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SolveError {
    /// A need or conflict of the question.
    #[error("cannot read the need `{need}`")]
    #[diagnostic(
        code(opb::solve::need),
        help("mend it in the recipe's `needs`, the distro's `add`, or `debian/control`")
    )]
    Need {
        /// The need.
        need: String,
        /// Why.
        source: RelationError,
    },
    /// A relation of a package in an index.
    #[error("cannot read a relation of the package `{package}`")]
    #[diagnostic(
        code(opb::solve::relation),
        help("mend the package's `debian/control` if it is yours; else pin another index with `opb update`")
    )]
    Relation {
        /// The package.
        package: String,
        /// Why.
        source: RelationError,
    },
    /// The control file of one of our packages.
    #[error("cannot read the control file of a package of the component `{component}`")]
    #[diagnostic(code(opb::solve::our_control), help("build the component again with `opb build --again {component}`"))]
    OurControl {
        /// The component.
        component: ComponentName,
        /// Why.
        source: IndexError,
    },
    /// Two components that make one package.
    #[error("cannot choose between two packages `{package}`: the components `{first}` and `{second}` both make it")]
    #[diagnostic(code(opb::solve::our_twice), help("remove one of the two from `needs`, or rename its package"))]
    OurTwice {
        /// The package.
        package: String,
        /// A component.
        first: ComponentName,
        /// Another.
        second: ComponentName,
    },
    /// A base that nobody knows.
    #[error("`{variant}` is no variant of a base")]
    #[diagnostic(code(opb::solve::variant), help("use `buildd`, `minbase` or `essential`"))]
    Variant {
        /// What the question says.
        variant: String,
    },
    /// A base list that these indexes did not give.
    #[error("the package `{package}` ({version}) of the base is not in the distro's index")]
    #[diagnostic(code(opb::solve::base_changed), help("report this: a base is chosen from the same index"))]
    BaseChanged {
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// A need for which there is no package.
    #[error("cannot meet the need `{need}` of {}: {available}", chain.join(", needed by "))]
    #[diagnostic(
        code(opb::solve::unmet),
        help("check the name and version; if it was meant to come from a component, add that one to `needs`")
    )]
    Unmet {
        /// The need as it is written.
        need: String,
        /// Who has it, then who needs that one, up to the question itself. Not empty.
        chain: Vec<String>,
        /// What there is of that name instead.
        available: String,
    },
    /// Packages that exclude each other.
    #[error("cannot install what is needed together: {why}")]
    #[diagnostic(
        code(opb::solve::conflict),
        help("leave out one of the needs, or change the `Conflicts` or `Breaks` if the package is yours")
    )]
    Conflict {
        /// The chains that meet; on several lines where the clash is between choices.
        why: String,
    },
    /// A package of the distribution that this project makes itself.
    #[error(
        "the package `{package}` would come from the distribution, but the component `{component}` makes it; {needed_by} needs it"
    )]
    #[diagnostic(
        code(opb::solve::ours_from_distribution),
        help("add `needs: [\"{component}\"]` to the recipe, so that the package that was built here is used")
    )]
    OursFromDistribution {
        /// The package.
        package: String,
        /// The component that makes it.
        component: String,
        /// Who needs it.
        needed_by: String,
    },
    /// A package whose name is too odd for a list.
    #[error("cannot list the package `{package}`")]
    #[diagnostic(code(opb::solve::name), help("pin another index with `opb update`"))]
    Name {
        /// The package.
        package: String,
        /// Why.
        source: NameError,
    },
    /// The list itself.
    #[error("cannot list the chosen packages")]
    #[diagnostic(code(opb::solve::list), help("report this: it cannot happen"))]
    List(#[from] ListError),
}

impl Caused for SolveError {
    fn fault(&self) -> Cause {
        match self {
            Self::Relation { .. } | Self::Name { .. } => Cause::Environment,
            Self::BaseChanged { .. } | Self::List(_) => Cause::Bug,
            _ => Cause::Input,
        }
    }
}

/// Answers `question`.
///
/// With no `needs`, no `ours` and no `base` the answer is the base of its variant. Otherwise it is the base (as `base`
/// locks it, or chosen first where that is `None`) with what the needs come to: packages of the base keep their
/// versions, except those of which `ours` has one. Those of `ours` that nothing needs are not in the list.
///
/// # Errors
/// [`SolveError`].
pub fn resolve(
    universe: &Universe,
    ours: &[OurPackage],
    question: &Resolve,
    base: Option<&PackageList>,
) -> Result<PackageList, SolveError> {
    if question.needs.is_empty() && ours.is_empty() && base.is_none() {
        return base::resolve(universe, question);
    }
    let chosen;
    let base = match base {
        Some(base) => base,
        None => {
            chosen = base::resolve(universe, question)?;
            &chosen
        }
    };
    let ours = our_entries(ours, universe.arch())?;
    let mut world = World::new(universe);
    for listed in base.iter() {
        let entry = universe.find(listed).ok_or_else(|| SolveError::BaseChanged {
            package: listed.name.to_string(),
            version: listed.version.to_string(),
        })?;
        world.put(Candidate { entry, component: None })?;
        world.installed.insert(&entry.package);
    }
    for (entry, component) in &ours {
        world.put(Candidate { entry, component: Some(component) })?;
    }
    let needs = build_needs(&world, question)?;
    let conflicts = relations(&question.conflicts, question)?;
    let roots: BTreeSet<&str> = base.iter().map(|listed| listed.name.as_str()).collect();
    let solution = provider::solve(&world, &roots, &needs, &conflicts)?;
    check_ours(question, base, &world, &solution)?;
    list(&world, &solution, |name| if base.get(name).is_some() { Layer::Base } else { Layer::Component })
}

/// What was chosen: each package with who needs it first.
type Solution<'a> = BTreeMap<&'a str, String>;

/// The entries of our packages for `arch`, each with its component, sorted by name.
fn our_entries(ours: &[OurPackage], arch: &str) -> Result<Vec<(IndexEntry, ComponentName)>, SolveError> {
    let mut entries: Vec<(IndexEntry, ComponentName)> = Vec::new();
    for package in ours {
        let wrong = |source| SolveError::OurControl { component: package.component.clone(), source };
        let paragraph = control::paragraph(&package.control).map_err(|error| wrong(error.into()))?;
        // Our packages are fetched from the store by digest: they have no place.
        let entry = IndexEntry::of_control(&paragraph, "ours.deb", package.size, package.sha256).map_err(wrong)?;
        if entry.arch == arch || entry.arch == "all" {
            entries.push((entry, package.component.clone()));
        }
    }
    entries.sort_by(|left, right| (&left.0.package, &left.1).cmp(&(&right.0.package, &right.1)));
    match entries.windows(2).find(|pair| pair[0].0.package == pair[1].0.package) {
        None => Ok(entries),
        Some([(entry, first), (_, second)]) => {
            Err(SolveError::OurTwice { package: entry.package.clone(), first: first.clone(), second: second.clone() })
        }
        Some(_) => unreachable!("windows of two"),
    }
}

/// Relations of the question, reduced to its arch and profiles, sorted by their text.
fn relations(texts: &[String], question: &Resolve) -> Result<Vec<Alternatives>, SolveError> {
    let profiles: BTreeSet<String> = question.profiles.iter().cloned().collect();
    let mut all = Vec::new();
    for need in texts {
        let read = Relations::parse(need).map_err(|source| SolveError::Need { need: need.clone(), source })?;
        all.extend(read.reduce(&question.arch, &profiles).0);
    }
    all.sort_by_cached_key(Alternatives::to_string);
    all.dedup();
    Ok(all)
}

/// The needs of the question, of each only the first alternative that there is where the question wants it so.
fn build_needs(world: &World<'_>, question: &Resolve) -> Result<Vec<Alternatives>, SolveError> {
    let mut needs = relations(&question.needs, question)?;
    if question.first_alternative {
        for need in &mut needs {
            if let Some(first) = need.0.iter().find(|relation| !world.satisfying(relation).is_empty()) {
                *need = Alternatives(vec![first.clone()]);
            }
        }
    }
    Ok(needs)
}

/// Refuses packages of the distribution that a component of this project makes, beyond the base.
fn check_ours(
    question: &Resolve,
    base: &PackageList,
    world: &World<'_>,
    solution: &Solution<'_>,
) -> Result<(), SolveError> {
    for (name, needed_by) in solution {
        let from_distribution = world.candidate(name).is_some_and(|candidate| candidate.component.is_none());
        if let Some(component) = question.ours.get(*name)
            && from_distribution
            && base.get(name).is_none()
        {
            return Err(SolveError::OursFromDistribution {
                package: (*name).to_owned(),
                component: component.clone(),
                needed_by: needed_by.clone(),
            });
        }
    }
    Ok(())
}

fn list(world: &World<'_>, solution: &Solution<'_>, layer: impl Fn(&str) -> Layer) -> Result<PackageList, SolveError> {
    let mut packages = Vec::with_capacity(solution.len());
    for candidate in solution.keys().filter_map(|name| world.candidate(name)) {
        let Candidate { entry, component } = candidate;
        let wrong = |source| SolveError::Name { package: entry.package.clone(), source };
        packages.push(Listed {
            name: entry.package.parse().map_err(wrong)?,
            version: entry.version.clone(),
            arch: entry.arch.parse().map_err(wrong)?,
            sha256: entry.sha256,
            size: entry.size,
            from: component.map_or(ListedFrom::Distribution, |component| ListedFrom::Component(component.clone())),
            layer: if component.is_some() { Layer::Component } else { layer(&entry.package) },
            essential: entry.essential,
        });
    }
    Ok(PackageList::new(packages)?)
}
