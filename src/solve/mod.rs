//! Chooses the exact packages of a root: a question and the packages there are in, a package list out.
//!
//! ```text
//! suites' slim indexes ──► Universe (once per target, shared) ┐
//! those of extra repositories ──► Extra ──────────────────────┤
//! packages that components built ─────────────────────────────┼─► World ──► Provider ──► resolvo ──► PackageList
//! question, locked base list ─────────────────────────────────┘    └────────► explain, where nothing fits
//! ```
//!
//! Of each package name there is exactly one candidate: ours where we made it, else the locked base's, else the newest.
//! So a result is what apt would install from the same archive, and the solver only decides between alternatives.
//! Where that has no answer and there are extra repositories, what else they have is a candidate too, behind those; of an
//! answer that takes such packages, each is left out again without which there still is one (`reaching`). Recommends are no
//! dependencies here. The order of inputs, but for that of suites and extra repositories, never changes the result.

mod base;
mod clash;
mod closure;
mod explain;
mod provider;
mod reaching;
mod universe;
mod world;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use closure::{Member, Seen, Unmet, unmet};
use miette::Diagnostic;
pub use universe::Universe;

use crate::diag::{Cause, Caused};
use crate::digest::Sha256;
use crate::distro::Taken;
use crate::drv::Resolve;
use crate::name::{ComponentName, NameError, RepositoryName};
use crate::package::control;
use crate::package::index::{IndexEntry, IndexError};
use crate::package::list::{Layer, ListError, Listed, ListedFrom, PackageList};
use crate::package::relation::{Alternatives, RelationError, Relations};
use world::{Candidate, Fallbacks, Maker, Pick, World};

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

/// An extra repository that packages may be taken from.
#[derive(Debug, Clone)]
pub struct Extra {
    /// Its name.
    pub name: RepositoryName,
    /// When a package of it is taken.
    pub taken: Taken,
    /// Its packages for the arch of the question.
    pub packages: Arc<Universe>,
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
        help(
            "check the name and version; if it was meant to come from a component, add that one to `needs`{}",
            name_one(unseen)
        )
    )]
    Unmet {
        /// The need as it is written.
        need: String,
        /// Who has it, then who needs that one, up to the question itself. Not empty.
        chain: Vec<String>,
        /// What there is of that name instead.
        available: String,
        /// Extra repositories of the distro that were not looked at, since the recipe does not name them.
        unseen: Vec<String>,
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
        "the package `{package}` would come from {from}, but the component `{component}` makes it; {needed_by} needs it"
    )]
    #[diagnostic(
        code(opb::solve::ours_from_distribution),
        help("add `needs: [\"{component}\"]` to the recipe, so that the package that was built here is used")
    )]
    OursFromDistribution {
        /// The package.
        package: String,
        /// Who else has it, such as `the distribution`.
        from: String,
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

impl SolveError {
    /// The same, where extra repositories of the distro were not looked at.
    #[must_use]
    pub fn without(mut self, repositories: Vec<String>) -> Self {
        if let Self::Unmet { unseen, .. } = &mut self {
            *unseen = repositories;
        }
        self
    }
}

/// What to do where extra repositories were not looked at.
fn name_one(unseen: &[String]) -> String {
    if unseen.is_empty() {
        return String::new();
    }
    let were = if unseen.len() == 1 { "was" } else { "were" };
    format!("; `{}` {were} not looked at: name in `extra_repositories` what the build may use", unseen.join("`, `"))
}

/// Answers `question` from the distribution's packages and those of extra repositories, in the order in which they are
/// asked.
///
/// With no `needs`, no `ours` and no `base` the answer is the base of its variant. Otherwise it is the base (as `base`
/// locks it, or chosen first where that is `None`) with what the needs come to: packages of the base keep their
/// versions, except those of which `ours` has one, or an extra repository one that has to be taken. Those of `ours` that
/// nothing needs are not in the list.
///
/// # Errors
/// [`SolveError`].
pub fn resolve(
    (universe, extras): (&Universe, &[Extra]),
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
    let mut world = World::new(universe, extras);
    for listed in base.iter() {
        let entry = universe.find(listed).ok_or_else(|| SolveError::BaseChanged {
            package: listed.name.to_string(),
            version: listed.version.to_string(),
        })?;
        world.put(entry, Maker::Distribution)?;
        world.installed.insert(&entry.package);
    }
    for (entry, component) in &ours {
        world.put(entry, Maker::Component(component))?;
    }
    let conflicts = relations(&question.conflicts, question)?;
    let roots: BTreeSet<&str> = base.iter().map(|listed| listed.name.as_str()).collect();
    reaching::answer(&world, |world| {
        let needs = build_needs(world, question)?;
        let solution = provider::solve(world, &roots, &needs, &conflicts)?;
        check_ours(question, base, world, &solution)?;
        let layer = |name: &str| if base.get(name).is_some() { Layer::Base } else { Layer::Component };
        let candidates = solution.keys().filter_map(|pick| world.candidate(*pick));
        let fallbacks: Fallbacks = candidates.filter(|one| one.fallback).map(|one| one.key()).collect();
        Ok((list(world, &solution, layer)?, fallbacks))
    })
}

/// What was chosen: each package with who needs it first.
type Solution<'a> = BTreeMap<Pick<'a>, String>;

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

/// The needs of the question, of each only the first alternative that there is where the question wants it so; one that
/// only a fallback would meet counts where no other is there.
fn build_needs(world: &World<'_>, question: &Resolve) -> Result<Vec<Alternatives>, SolveError> {
    let mut needs = relations(&question.needs, question)?;
    if question.first_alternative {
        for need in &mut needs {
            let there = |fallbacks| need.0.iter().find(|relation| world.is_satisfied(relation, fallbacks));
            if let Some(first) = there(false).or_else(|| there(true)) {
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
    for (Pick { name, place }, needed_by) in solution {
        let candidate = world.candidate(Pick { name, place: *place });
        let from = match candidate.map(|candidate| candidate.from) {
            Some(Maker::Distribution) => "the distribution".to_owned(),
            Some(Maker::Extra(place)) => format!("the extra repository `{}`", world.extras[place].name),
            Some(Maker::Component(_)) | None => continue,
        };
        // What every root has before its first component is built is no surprise; what takes its place is.
        let is_of_base = base.get(name).is_some() && matches!(candidate, Some(one) if one.from == Maker::Distribution);
        if let Some(component) = question.ours.get(*name)
            && !is_of_base
        {
            return Err(SolveError::OursFromDistribution {
                package: (*name).to_owned(),
                from,
                component: component.clone(),
                needed_by: needed_by.clone(),
            });
        }
    }
    Ok(())
}

fn list(world: &World<'_>, solution: &Solution<'_>, layer: impl Fn(&str) -> Layer) -> Result<PackageList, SolveError> {
    let mut packages = Vec::with_capacity(solution.len());
    for candidate in solution.keys().filter_map(|pick| world.candidate(*pick)) {
        let Candidate { entry, from, .. } = candidate;
        let wrong = |source| SolveError::Name { package: entry.package.clone(), source };
        packages.push(Listed {
            name: entry.package.parse().map_err(wrong)?,
            version: (&entry.version).into(),
            arch: entry.arch.parse().map_err(wrong)?,
            sha256: entry.sha256,
            size: entry.size,
            from: match from {
                Maker::Distribution => ListedFrom::Distribution,
                Maker::Extra(place) => ListedFrom::Repository(world.extras[place].name.clone()),
                Maker::Component(component) => ListedFrom::Component(component.clone()),
            },
            layer: if from == Maker::Distribution { layer(&entry.package) } else { Layer::Component },
            essential: entry.essential,
        });
    }
    Ok(PackageList::new(packages)?)
}
