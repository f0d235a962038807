//! Which roots the tests of a source run in: one for each set of packages that some of them need, so that none sees what only
//! another needs, and none stands in another's way.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Texts;
use crate::diag::{Failure, chain, is_harmful};
use crate::digest::Digest;
use crate::drv::Resolve;
use crate::exec::context::Context;
use crate::exec::error::NodeError;
use crate::exec::packages;
use crate::exec::sources::insert;
use crate::package::autopkgtest::{Place, Restriction, needs};
use crate::package::list::PackageList;
use crate::package::relation::Relations;
use crate::solve::SolveError;
use crate::tree::{self, Tree};

/// The most roots of a source's tests.
const MOST_ROOTS: usize = 64;

/// The file that says which test runs where.
const PLACED: &str = "tests";

/// How it begins.
const FORMAT: &str = "opb roots of tests 1";

/// How much of a reason is kept, in characters.
const MAX_REASON: usize = 500;

/// The roots of a source's tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The package list of each, in the order in which tests need them.
    pub roots: Vec<PackageList>,
    /// Where each test runs that is not skipped, by its turn in `debian/tests/control`.
    pub placed: BTreeMap<usize, Placed>,
}

/// Where a test runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// In the root of that place.
    Root(usize),
    /// In none: why, on one line.
    Nowhere(String),
}

/// Whose packages a list can have besides the distribution's.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// Components of the project whose packages it reads.
    pub components: &'a BTreeSet<String>,
    /// Extra repositories of the distro that it does not see.
    pub unseen: &'a [String],
}

/// The roots that the tests of `texts` need, where `answer` chooses the packages for a question. `question` has what all of them
/// need.
///
/// # Errors
/// Where the tests cannot be understood, or packages not be chosen for another reason than what a test needs.
pub fn choose(
    texts: &Texts,
    question: &Resolve,
    here: Here<'_>,
    answer: &dyn Fn(&Resolve) -> Result<PackageList, SolveError>,
) -> Result<Chosen, Failure> {
    let Some(of) = &question.tests else { return Ok(Chosen::default()) };
    let place = Place {
        packages: &of.packages,
        build_depends: &of.build_depends,
        control: &texts.control,
        arch: &question.arch,
    };
    let mut answers: BTreeMap<Vec<String>, Result<PackageList, String>> = BTreeMap::new();
    let (mut chosen, mut alone) = (Chosen::default(), BTreeSet::new());
    for (turn, test) in texts.read(&question.arch)?.iter().enumerate() {
        if test.skip.is_some() {
            continue;
        }
        let answered = match needs(test, &place) {
            Err(why) => Err(why),
            Ok(own) if !answers.contains_key(&own) && answers.len() >= MOST_ROOTS => Err(too_many()),
            Ok(own) => match answers.entry(own) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(place) => {
                    let needs = question.needs.iter().chain(place.key()).cloned().collect();
                    let list = answer(&Resolve { needs, ..question.clone() });
                    let list = list.map_or_else(|error| reason(error, question, here).map(Err), |list| Ok(Ok(list)))?;
                    place.insert(list).clone()
                }
            },
        };
        let placed = match answered {
            Err(why) => Placed::Nowhere(why),
            Ok(list) => {
                let breaks = test.has(Restriction::BreaksTestbed);
                let same = |(root, known): (usize, &PackageList)| *known == list && !alone.contains(&root);
                let known = chosen.roots.iter().enumerate().position(same).filter(|_| !breaks);
                match known {
                    Some(root) => Placed::Root(root),
                    None if chosen.roots.len() >= MOST_ROOTS => Placed::Nowhere(too_many()),
                    None => {
                        alone.extend(breaks.then_some(chosen.roots.len()));
                        chosen.roots.push(list);
                        Placed::Root(chosen.roots.len() - 1)
                    }
                }
            }
        };
        chosen.placed.insert(turn, placed);
    }
    Ok(chosen)
}

fn too_many() -> String {
    format!("the tests of its source need more than {MOST_ROOTS} roots")
}

/// Why the packages that a test needs cannot be had, and what to do. Versions of packages are left out where they only say which
/// is meant: the reason of a test that is known not to run stays the same when an index moves.
///
/// # Errors
/// The error itself, where it says nothing of what is needed.
fn reason(error: SolveError, question: &Resolve, here: Here<'_>) -> Result<String, Failure> {
    let maker = match &error {
        SolveError::OursFromDistribution { component, .. } => Some(component.as_str()),
        SolveError::Unmet { need, .. } => {
            let relations = Relations::parse(need).unwrap_or_default();
            let mut names = relations.0.iter().flat_map(|one| &one.0).map(|relation| relation.name.as_str());
            names.find_map(|name| question.ours.get(name)).map(String::as_str)
        }
        SolveError::Need { .. } | SolveError::Conflict { .. } => None,
        _ => return Err(error.into()),
    };
    let absent = maker.filter(|maker| !here.components.contains(*maker));
    let what_to_do = match (absent, &error) {
        (Some(_), SolveError::OursFromDistribution { package, .. }) => {
            format!("name `{package}` in `needs` of the recipe's check")
        }
        (Some(maker), _) => format!("the component `{maker}` makes it: name it in `needs` of the recipe's check"),
        (None, SolveError::Unmet { .. }) if !here.unseen.is_empty() => {
            format!("`{}`, not looked at, may be named in `extra_repositories`", here.unseen.join("`, `"))
        }
        _ => "mend its `Depends`".to_owned(),
    };
    let told = without_versions(&chain(&error)).replace("the root itself", "the test");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: String = told.chars().take(MAX_REASON).map(|one| if is_harmful(one) { '?' } else { one }).collect();
    Ok(format!("{told} ({what_to_do})"))
}

/// A text without the version of each package that is shown as "`libc6` (2.36-9)".
fn without_versions(text: &str) -> String {
    let mut parts = text.split("` (");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push('`');
        told.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    told
}

impl Chosen {
    /// Into a tree of the store.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn put(&self, ctx: &Context<'_>) -> Result<Tree, Failure> {
        let mut tree = Tree::default();
        let mut put = |name: &str, text: &str| -> Result<(), Failure> {
            let entry = tree::Entry::File {
                digest: ctx.store.put_bytes(text.as_bytes())?,
                size: text.len() as u64,
                executable: false,
            };
            Ok(insert(&mut tree, name, entry)?)
        };
        put(PLACED, &self.encode())?;
        for (root, list) in self.roots.iter().enumerate() {
            put(&packages::list_of_root(root), &list.encode())?;
        }
        Ok(tree)
    }

    /// Out of the tree of a list node.
    ///
    /// # Errors
    /// Where it is not there, or not one of [`Self::put`].
    pub fn of(ctx: &Context<'_>, digest: Digest) -> Result<Self, Failure> {
        let placed = Self::decode(&packages::file(ctx.store, digest, PLACED)?)?;
        let roots = packages::lists_in(ctx.store, digest)?;
        if placed.values().any(|placed| matches!(placed, Placed::Root(root) if *root >= roots.len())) {
            return Err(damaged("it names a root that has no list").into());
        }
        Ok(Self { roots, placed })
    }

    fn encode(&self) -> String {
        let line = |(turn, placed): (&usize, &Placed)| match placed {
            Placed::Root(root) => format!("{turn} in {root}\n"),
            Placed::Nowhere(why) => format!("{turn} not {why}\n"),
        };
        format!("{FORMAT}\n{}", self.placed.iter().map(line).collect::<String>())
    }

    fn decode(text: &str) -> Result<BTreeMap<usize, Placed>, NodeError> {
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(damaged("it is of another format"));
        }
        let line = |line: &str| {
            let (turn, rest) = line.split_once(' ')?;
            let placed = match rest.split_once(' ')? {
                ("in", root) => Placed::Root(root.parse().ok()?),
                ("not", why) => Placed::Nowhere(why.to_owned()),
                _ => return None,
            };
            Some((turn.parse().ok()?, placed))
        };
        lines.map(|text| line(text).ok_or_else(|| damaged("a line of it is no place of a test"))).collect()
    }
}

fn damaged(why: &str) -> NodeError {
    NodeError::Unreadable { what: "the list of the roots of tests".to_owned(), why: why.to_owned() }
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
