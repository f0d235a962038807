//! Packages that indexes name: whether each is there, and where that is asked for, whether it is the one that is named.
//!
//! A few are asked for at once. A server that fails again and again is not asked for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::fault::Problem;
use super::memory::package as remembered;
use super::server::Server;
use super::{Looked, Packages, View};
use crate::diag::{Cause, Caused as _};
use crate::digest::Sha256;

/// How many are asked for at once.
pub const WORKERS: usize = 8;

/// After how many failures of the server the rest is left.
const MOST_FAILURES: usize = 16;

/// The most packages of one repository.
pub const MOST_PACKAGES: usize = 2_000_000;

/// A package, as an index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// The path of the index.
    pub index: String,
}

/// What is known from repositories that were looked at before this one in the same run.
#[derive(Debug, Default)]
pub struct Seen {
    /// Packages of other repositories, by path.
    settled: BTreeMap<String, Named>,
    /// Packages of this one.
    current: BTreeMap<String, Named>,
    /// What was found to be right, and whether it was read.
    good: BTreeMap<String, (Sha256, bool)>,
}

impl Seen {
    /// A repository is looked at, perhaps again.
    pub fn begin(&mut self) {
        self.current.clear();
    }

    /// It was looked at for good.
    pub fn settle(&mut self) {
        self.settled.append(&mut self.current);
    }

    /// An index names a package. Says which index contradicts that.
    pub fn name(&mut self, path: String, named: Named) -> Result<(), Problem> {
        let other = self.current.get(&path).or_else(|| self.settled.get(&path));
        let clash = other.filter(|other| (other.sha256, other.size) != (named.sha256, named.size));
        let clash = clash.map(|other| Problem::Clash { other: other.index.clone() });
        if self.current.len() >= MOST_PACKAGES {
            return Err(Problem::Unreadable { why: format!("with it there are more than {MOST_PACKAGES} packages") });
        }
        self.current.entry(path).or_insert(named);
        clash.map_or(Ok(()), Err)
    }
}

/// Looks at all packages that the indexes of this repository name. `known` are those that were read in earlier runs; gives those
/// that are known now.
pub fn look(view: &View<'_>, looked: &mut Looked, seen: &mut Seen, known: &BTreeSet<String>) -> BTreeSet<String> {
    let how = view.request.packages;
    looked.packages = seen.current.len();
    if how == Packages::None {
        return known.clone();
    }
    let is_read = |named: &Named| match how {
        Packages::All => true,
        Packages::Changed => !known.contains(&remembered(named.sha256)),
        Packages::None | Packages::Size => false,
    };
    let is_good = |path: &str, named: &Named| {
        seen.good.get(path).is_some_and(|(sha256, read)| *sha256 == named.sha256 && (*read || !is_read(named)))
    };
    let wanted: Vec<(&String, &Named, bool)> =
        seen.current.iter().map(|(path, named)| (path, named, is_read(named))).collect();
    let open: Vec<_> = wanted.iter().filter(|(path, named, _)| !is_good(path, named)).copied().collect();
    let found = ask(&view.server, &open);
    let mut left: Option<(usize, Problem)> = None;
    let mut good = Vec::new();
    for ((path, named, read), problem) in open.iter().zip(found) {
        match problem {
            Ok(()) => good.push(((*path).clone(), (named.sha256, *read))),
            // Many of one kind are one fault.
            Err(problem @ (Problem::Time | Problem::GivenUp)) => {
                left = Some((left.map_or(0, |(count, _)| count) + 1, problem));
            }
            Err(problem) => looked.fault((*path).clone(), problem),
        }
    }
    if let Some((count, problem)) = left {
        looked.fault(if count == 1 { "1 package".to_owned() } else { format!("{count} packages") }, problem);
    }
    seen.good.extend(good);
    let is_here = |path: &String, named: &Named| seen.good.get(path).filter(|(sha256, _)| *sha256 == named.sha256);
    let mut known_now = BTreeSet::new();
    for (path, named) in &seen.current {
        let digits = remembered(named.sha256);
        if let Some((_, read)) = is_here(path, named) {
            looked.present += 1;
            looked.read += usize::from(*read);
            if *read || known.contains(&digits) {
                known_now.insert(digits);
            }
        }
    }
    if how == Packages::Changed || how == Packages::All { known_now } else { known.clone() }
}

/// Asks for each, and gives what is wrong, in their order.
fn ask(server: &Server, wanted: &[(&String, &Named, bool)]) -> Vec<Result<(), Problem>> {
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found: Mutex<Vec<Result<(), Problem>>> = Mutex::new(vec![Err(Problem::GivenUp); wanted.len()]);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, named, read)) = wanted.get(place) else { return };
            if failures.load(Ordering::Relaxed) >= MOST_FAILURES {
                return;
            }
            let at = |problem| {
                if Problem::fault(&problem) == Cause::Environment {
                    failures.fetch_add(1, Ordering::Relaxed);
                }
                problem
            };
            let looked = one(server, path, named, *read).map_err(at);
            found.lock().unwrap_or_else(PoisonError::into_inner)[place] = looked;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(wanted.len()) {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn one(server: &Server, path: &str, named: &Named, read: bool) -> Result<(), Problem> {
    if read {
        return server.take(path, named.sha256, named.size, false).map(|_| ());
    }
    match server.length(path)? {
        found if found == named.size => Ok(()),
        found => Err(Problem::Size { found, expected: named.size }),
    }
}
