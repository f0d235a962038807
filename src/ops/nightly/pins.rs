//! The pins that a nightly moves: those that are old enough, each as far as it can be had.
//!
//! What cannot be fetched stays where it was, and so does what the project cannot be evaluated with: the lock that is written
//! is always one that was evaluated before.

use std::collections::{BTreeMap, BTreeSet};

use super::super::build::Means;
use super::super::session::Session;
use super::super::update::{Move, Policy, Selection, UpdateError, update};
use super::NightlyError;
use crate::diag::{Cause, Failure};
use crate::eval;
use crate::exec::{Archives, Checkouts, Upstreams, told};
use crate::lock::Lock;
use crate::name::{ChannelName, ComponentName, DistroName};
use crate::ops::pin::moves::moves;
use crate::project::{Project, ProjectFiles, host_apt};
use crate::remote::Checkout;
use crate::remote::archive::Archive;
use crate::settings::NightSet;
use crate::store::Store;

/// Which pins a nightly looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Looks {
    /// Those that are old enough.
    #[default]
    Due,
    /// All that may move.
    All,
    /// None.
    None,
}

/// What moving pins came to.
pub(super) struct Moved {
    /// The project with its pins as they are now.
    pub session: Session,
    /// What moved, for people.
    pub moves: Vec<Move>,
    /// What was looked at and could be had: components, and distros with `@`.
    pub looked: BTreeSet<String>,
    /// What stays although it was to move.
    pub stays: Vec<Stay>,
    /// Lines for people.
    pub notices: Vec<String>,
}

/// A pin that stays although it was to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    /// Of what it is.
    pub what: String,
    /// Why it stays, on one line.
    pub why: String,
    /// What to give `opb` to have it moved, where only a person may say so: a branch was rewritten, a tag moved.
    pub takes: Option<String>,
}

impl Stay {
    /// `why`, and the command; `channel` is one that is made from the lock, where that is not the project's own.
    pub fn told(&self, channel: Option<&ChannelName>) -> String {
        let of = channel.map(|channel| format!("--channel {channel} ")).unwrap_or_default();
        let takes = self.takes.as_ref().map(|takes| format!("; `opb {of}{takes}` takes what is there now"));
        format!("{}{}", self.why, takes.unwrap_or_default())
    }
}

/// When a pin was last looked at, in seconds since 1970; `None`: it never was.
pub(super) type LastLook<'a> = dyn Fn(&str) -> Option<i64> + 'a;

/// What is looked at now: `looked` says when that was last done, in seconds since 1970.
pub(super) fn due(
    (set, looks): (&NightSet, Looks),
    evaluated: &eval::Project,
    lock: &Lock,
    looked: &LastLook<'_>,
    now: i64,
) -> Selection {
    let is_due = |interval: crate::settings::MayAge, subject: &str| match looks {
        Looks::All => true,
        Looks::None => false,
        Looks::Due => interval.is_due(looked(subject), now),
    };
    let distros = lock.distro.keys().filter(|name| is_due(set.bases(), &format!("@{name}")));
    let of_commits = evaluated.work.iter().map(|work| &work.component);
    let of_commits: BTreeSet<&ComponentName> = of_commits
        .filter(|component| component.checkouts().next().is_some())
        .map(|component| &component.name)
        .collect();
    Selection {
        distros: distros.map(|name| (name.clone(), BTreeSet::new())).collect(),
        components: of_commits.into_iter().filter(|name| is_due(set.sources(), name.as_str())).cloned().collect(),
        policy: Some(Policy { frozen: set.frozen.clone(), why: "its set never moves it".to_owned() }),
        ..Selection::default()
    }
}

/// Moves the pins of the project that `open` opens, and writes its lock where `writes`.
///
/// # Errors
/// Where the project cannot be evaluated as it is, or its lock not be written. What cannot be had is part of [`Moved`].
pub(super) fn move_pins(
    open: &dyn Fn() -> Result<Project, Failure>,
    wanted: (&NightSet, Looks),
    (looked, now): (&LastLook<'_>, i64),
    (store, means): (&Store, &Means<'_>),
    writes: bool,
) -> Result<Moved, Failure> {
    let project = open()?;
    let evaluated = super::super::watch::evaluate(&ProjectFiles(project.root()))?;
    let before = project.lock()?;
    let selection = due(wanted, &evaluated, &before, looked, now);
    let nothing =
        |session| Moved { session, moves: Vec::new(), looked: BTreeSet::new(), stays: Vec::new(), notices: Vec::new() };
    let is_idle = selection.distros.is_empty() && selection.components.is_empty() && !before.distro.is_empty();
    // Where nothing is old enough there may still be something that was never pinned; then this fails.
    if (is_idle || wanted.1 == Looks::None)
        && let Ok(session) = Session::of(open()?)
    {
        return Ok(nothing(session));
    }
    let (distros, components) = (selection.distros.clone(), selection.components.clone());
    let archives = Archives::new(store, &project.settings.mirrors, means.offline, means.stop, host_apt);
    let checkouts = Checkouts::new(store, &project.settings.sources, means.offline, means.stop).patient();
    let sources = &project.settings.sources;
    let upstreams = Upstreams::new(store, sources, project.root(), means.offline, means.stop).patient();
    let updated = update(&project, &evaluated, selection, store, (&archives, &checkouts, &upstreams))?;
    let taken = eval::weave::asked_of_checkouts(&evaluated);
    let taker = |what: &str| {
        let mut of = taken.iter().filter(|(checkout, _)| checkout.to_string() == what).flat_map(|(_, (_, of))| of);
        of.next().cloned()
    };
    let stay = |(what, failure): (String, Failure)| Stay {
        takes: taker(&what).and_then(|component| takes(&failure, &component)),
        why: one_line(&told(&failure)),
        what,
    };
    let mut stays: Vec<Stay> = updated.failed.into_iter().map(stay).collect();
    let (session, rejected) = usable(open, &before, updated.lock).map_err(|failure| beside(failure, &stays))?;
    stays.extend(rejected);
    let failed: BTreeSet<&String> = stays.iter().map(|stay| &stay.what).collect();
    let is_had = |component: &ComponentName| {
        let mut own = taken.iter().filter(|(_, (_, of))| of.contains(component));
        own.all(|(checkout, _)| !failed.contains(&checkout.to_string()))
    };
    let mut looked: BTreeSet<String> = components.iter().filter(|name| is_had(name)).map(ToString::to_string).collect();
    looked.extend(distros.keys().map(|name| format!("@{name}")).filter(|name| !failed.contains(name)));
    let lock = session.lock()?;
    if writes && *lock != before {
        if open()?.lock()? != before {
            return Err(NightlyError::LockChanged { file: session.project.lock_file() }.into());
        }
        session.project.write_lock(lock)?;
    }
    let moves = moves(&before, lock);
    Ok(Moved { session, moves, looked, stays, notices: updated.notices })
}

/// An error that says besides what could not be pinned: where that is new, it is the reason.
fn beside(failure: Failure, stays: &[Stay]) -> Failure {
    let Failure { cause, report } = failure;
    match stays {
        [] => Failure { cause, report },
        [Stay { what, why, .. }, ..] => {
            let more = if stays.len() > 1 { format!(", and {} more", stays.len() - 1) } else { String::new() };
            let report = report.wrap_err(format!("cannot pin {what}: {why}{more}"));
            Failure { cause: Cause::Environment, report }
        }
    }
}

/// What to give `opb` to have the pin that `component` takes moved all the same.
fn takes(failure: &Failure, component: &ComponentName) -> Option<String> {
    match failure.report.downcast_ref::<UpdateError>()? {
        UpdateError::Rewritten { .. } => Some(format!("update {component}")),
        UpdateError::MovedTag { .. } => Some(format!("update {component} --allow-moved-tags")),
        _ => None,
    }
}

/// What moves together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    /// A distro's indexes, and the source packages that are found in them.
    Distro(DistroName),
    /// A commit of a repository.
    Commit(Checkout),
    /// An archive of upstream.
    Archive(Archive),
}

/// The project with as much of `after` as it can be evaluated with, and what stays as it was `before` for that, with the reason.
///
/// # Errors
/// Where it cannot be evaluated with the pins from before either.
fn usable(
    open: &dyn Fn() -> Result<Project, Failure>,
    before: &Lock,
    after: Lock,
) -> Result<(Session, Vec<Stay>), Failure> {
    let with = |lock: &Lock| Session::pinned(open()?, lock.clone());
    let failure = match with(&after) {
        Ok(session) => return Ok((session, Vec::new())),
        Err(failure) => failure,
    };
    if with(before).is_err() {
        // The recipes themselves are broken, or need what was not pinned before.
        return Err(failure);
    }
    let mut attempt = |lock: &Lock| with(lock).map(drop).map_err(|failure| one_line(&told(&failure)));
    let (lock, rejected) = accepted(before.clone(), &after, &units(before, &after), &mut attempt);
    let shown = |unit: &Unit| match unit {
        Unit::Distro(name) => format!("@{name}"),
        Unit::Commit(checkout) => checkout.to_string(),
        Unit::Archive(archive) => archive.to_string(),
    };
    let rejected = rejected.into_iter().map(|(unit, why)| Stay { what: shown(&unit), why, takes: None }).collect();
    Ok((with(&lock)?, rejected))
}

/// What differs between two locks.
fn units(before: &Lock, after: &Lock) -> Vec<Unit> {
    let distros: BTreeSet<&DistroName> = [before, after]
        .into_iter()
        .flat_map(|lock| lock.distro.keys().chain(lock.dsc.keys()).chain(lock.srpm.keys()))
        .filter(|name| {
            before.distro.get(*name) != after.distro.get(*name)
                || before.dsc.get(*name) != after.dsc.get(*name)
                || before.srpm.get(*name) != after.srpm.get(*name)
        })
        .collect();
    let commits: BTreeSet<&Checkout> = [before, after]
        .into_iter()
        .flat_map(|lock| lock.checkout.keys())
        .filter(|checkout| before.checkout.get(*checkout) != after.checkout.get(*checkout))
        .collect();
    let archives: BTreeSet<&Archive> = [before, after]
        .into_iter()
        .flat_map(|lock| lock.archive.keys())
        .filter(|archive| before.archive.get(*archive) != after.archive.get(*archive))
        .collect();
    let distros = distros.into_iter().cloned().map(Unit::Distro);
    let commits = commits.into_iter().cloned().map(Unit::Commit);
    distros.chain(commits).chain(archives.into_iter().cloned().map(Unit::Archive)).collect()
}

/// `lock` with what `unit` is in `after`.
fn taking(mut lock: Lock, after: &Lock, unit: &Unit) -> Lock {
    fn put<K: Ord + Clone, V: Clone>(to: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>, key: &K) {
        match from.get(key) {
            Some(value) => drop(to.insert(key.clone(), value.clone())),
            None => drop(to.remove(key)),
        }
    }
    match unit {
        Unit::Distro(name) => {
            put(&mut lock.distro, &after.distro, name);
            put(&mut lock.dsc, &after.dsc, name);
            put(&mut lock.srpm, &after.srpm, name);
        }
        Unit::Commit(checkout) => put(&mut lock.checkout, &after.checkout, checkout),
        Unit::Archive(archive) => put(&mut lock.archive, &after.archive, archive),
    }
    lock
}

/// `lock` with as many of `units` as go, halves at a time, and those that do not with what `attempt` says against them.
fn accepted(
    lock: Lock,
    after: &Lock,
    units: &[Unit],
    attempt: &mut dyn FnMut(&Lock) -> Result<(), String>,
) -> (Lock, Vec<(Unit, String)>) {
    let with = units.iter().fold(lock.clone(), |lock, unit| taking(lock, after, unit));
    match (attempt(&with), units) {
        (Ok(()), _) => (with, Vec::new()),
        (Err(_), []) => (lock, Vec::new()),
        (Err(why), [one]) => (lock, vec![(one.clone(), why)]),
        (Err(_), several) => {
            let (first, second) = several.split_at(several.len() / 2);
            let (lock, mut rejected) = accepted(lock, after, first, attempt);
            let (lock, more) = accepted(lock, after, second, attempt);
            rejected.extend(more);
            (lock, rejected)
        }
    }
}

/// An error on one line, without its help.
pub(super) fn one_line(text: &str) -> String {
    /// Characters.
    const MOST: usize = 300;
    let text = text.split("\nhelp: ").next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = crate::report::plain(&words.join(" "));
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::DistroPin;
    use crate::quantity::Age;
    use crate::settings::MayAge;

    fn lock(distros: &[&str]) -> Lock {
        let pins = distros.iter().map(|name| (name.parse().expect("a name"), DistroPin::default()));
        Lock { distro: pins.collect(), ..Lock::default() }
    }

    #[test]
    fn what_a_project_cannot_be_evaluated_with_stays_and_the_rest_moves() {
        let after = lock(&["d-1", "d-2", "d-3", "d-4", "d-5"]);
        let broken = |names: &'static [&'static str]| {
            move |lock: &Lock| {
                let met = names.iter().find(|name| lock.distro.contains_key(**name));
                met.map_or(Ok(()), |name| Err(format!("{name} is broken")))
            }
        };
        let check = |names: &'static [&'static str]| {
            let units = units(&Lock::default(), &after);
            assert_eq!(units.len(), 5);
            let mut asked = 0;
            let attempt = broken(names);
            let (lock, rejected) = accepted(Lock::default(), &after, &units, &mut |lock| {
                asked += 1;
                attempt(lock)
            });
            let distros: Vec<String> = lock.distro.keys().map(ToString::to_string).collect();
            let why: Vec<String> = rejected.into_iter().map(|(_, why)| why).collect();
            (distros.join(" "), why.join(" "), asked)
        };
        assert_eq!(check(&[]), ("d-1 d-2 d-3 d-4 d-5".to_owned(), String::new(), 1));
        assert_eq!(check(&["d-4"]), ("d-1 d-2 d-3 d-5".to_owned(), "d-4 is broken".to_owned(), 7));
        let both = check(&["d-1", "d-5"]);
        assert_eq!((both.0.as_str(), both.1.as_str()), ("d-2 d-3 d-4", "d-1 is broken d-5 is broken"));
    }

    #[test]
    fn what_is_gone_is_a_unit_too() {
        let (before, after) = (lock(&["d-1", "d-2"]), lock(&["d-2"]));
        let units = units(&before, &after);
        assert_eq!(units, [Unit::Distro("d-1".parse().expect("a name"))]);
        assert_eq!(taking(before, &after, &units[0]), after);
    }

    #[test]
    fn only_what_is_old_enough_is_looked_at() {
        let set = NightSet { bases: Some(MayAge::For(Age { seconds: 80 })), ..NightSet::default() };
        let looked =
            |subject: &str| [("@d-1", 29), ("@d-2", 31)].into_iter().find(|one| one.0 == subject).map(|one| one.1);
        let distros = |looks| {
            let pinned = lock(&["d-1", "d-2", "d-3"]);
            let found = due((&set, looks), &eval::Project::default(), &pinned, &looked, 100);
            found.distros.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(distros(Looks::Due), "d-1 d-3", "80 seconds less an eighth");
        assert_eq!([distros(Looks::All), distros(Looks::None)], ["d-1 d-2 d-3", ""]);
    }

    #[test]
    fn an_error_is_told_on_one_line() {
        assert_eq!(one_line("a\u{1b}[1m\n  b\nhelp: c"), "a\\u{1b}[1m b");
        assert_eq!(one_line(&"x".repeat(400)).chars().count(), 301);
    }
}
