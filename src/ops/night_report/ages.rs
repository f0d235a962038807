//! What ages: exceptions, keys, pins, distros.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Failure;
use crate::distro::Distro;
use crate::exceptions::Day;
use crate::fetch::parse_date;
use crate::lock::{DistroPin, Lock};
use crate::name::{ChannelName, DistroName};
use crate::night::Cell;
use crate::ops::exceptions::{self, listed};
use crate::ops::key::{self, Standing};
use crate::ops::session::Session;
use crate::project::{Place, Project, now, today};
use crate::remote::Follow;
use crate::report::exceptions::{Listed, Means};
use crate::report::nightly::{DistroEnd, KeyAge, Page, PinAge};

const DAY: i64 = 86_400;

/// From how many days on the newest index of a distro is old. Archives of security updates move every few days.
const OLD_INDEX: i64 = 30;

/// From how many days on the commit at the tip of a branch is old.
const OLD_COMMIT: i64 = 180;

/// Within how many days the end of a distro is near.
const NEAR_END: i32 = 180;

/// Looks at all of it.
pub(super) fn look(page: &mut Page, project: &Project, session: Result<&Session, &Failure>) {
    if let Err(failure) = session {
        page.unknown.push(format!("what exceptions mean, and when distros end: {}", failure.report));
    }
    let channels = page.night.channels.clone();
    let unknown = &mut page.unknown;
    page.exceptions = or_none(exceptions(project, session.ok()), "which exceptions there are", unknown);
    page.keys = or_none(keys(project, &channels), "how keys are", unknown);
    let locks = or_none(locks(project, &channels), "how old pins are", unknown);
    page.pins = pins(&locks, now());
    page.ending = or_none(ending(session.ok(), &page.night.cells, &locks), "when distros end", unknown);
}

/// What was found; where that failed, nothing, and it is said.
fn or_none<T>(found: Result<Vec<T>, Failure>, what: &str, unknown: &mut Vec<String>) -> Vec<T> {
    found.unwrap_or_else(|failure| {
        unknown.push(format!("{what}: {}", failure.report));
        Vec::new()
    })
}

/// All exceptions, that which ends first first.
fn exceptions(project: &Project, session: Option<&Session>) -> Result<Vec<Listed>, Failure> {
    let mut all = match session {
        Some(session) => exceptions::list(session)?,
        None => {
            let (exceptions, today) = (project.exceptions()?, today());
            exceptions
                .all()
                .map(|(kind, selector, one)| listed((kind, selector, one), Means::default(), &today))
                .collect()
        }
    };
    all.sort_by_key(|one| one.days_left);
    Ok(all)
}

/// The keys that sign these channels.
fn keys(project: &Project, channels: &[ChannelName]) -> Result<Vec<KeyAge>, Failure> {
    let wanted: BTreeSet<&str> = channels.iter().map(ChannelName::as_str).collect();
    let all = key::status(None, project.path.as_path())?;
    let signs = |status: &key::KeyStatus| status.channels.iter().any(|channel| wanted.contains(channel.as_str()));
    let age = |status: key::KeyStatus| {
        let is_fine = status.state.standing == Standing::Good;
        let after = status.successor.map(|next| format!("; another takes its place from {} on", next.finish_from));
        let words = status.state.words + after.unwrap_or_default().as_str();
        KeyAge { name: status.name, channels: status.channels, days: status.state.days, words, is_fine }
    };
    Ok(all.into_iter().filter(signs).map(age).collect())
}

/// The lock, and those that channels have of their own.
fn locks(project: &Project, channels: &[ChannelName]) -> Result<Vec<Lock>, Failure> {
    let mut locks = vec![project.lock()?];
    for channel in channels {
        // A channel that is gone from the settings has no lock any more.
        let Ok(own) = (Place { folder: project.path.as_path(), channel: Some(channel) }).open() else { continue };
        if own.lock_name().is_some() {
            locks.push(own.lock()?);
        }
    }
    Ok(locks)
}

/// Pins that are old, the oldest first, each once.
fn pins(locks: &[Lock], now: i64) -> Vec<PinAge> {
    let mut found: BTreeMap<(String, String), i64> = BTreeMap::new();
    for lock in locks {
        for (distro, pin) in &lock.distro {
            if let Some(time) = time_of(pin) {
                found.insert((format!("@{distro}"), "its newest index".to_owned()), time);
            }
        }
        for (checkout, pin) in &lock.checkout {
            // A tag or a commit is meant to stay.
            let branch = match &checkout.follow {
                Follow::Branch(branch) => format!("branch {branch}"),
                Follow::Default => "its own branch".to_owned(),
                Follow::Tag(_) | Follow::Commit(_) => continue,
            };
            let short: String = pin.commit.chars().take(12).collect();
            found.insert((checkout.url.to_string(), format!("{short}, {branch}")), pin.time);
        }
    }
    let age = |((subject, at), time): ((String, String), i64)| {
        let days = now.saturating_sub(time) / DAY;
        let old = if subject.starts_with('@') { OLD_INDEX } else { OLD_COMMIT };
        (days >= old).then_some(PinAge { subject, at, time, days })
    };
    let mut pins: Vec<PinAge> = found.into_iter().filter_map(age).collect();
    pins.sort_by_key(|pin| std::cmp::Reverse(pin.days));
    pins
}

/// When the newest of a distro's indexes was made, in seconds since 1970; `None` where none says so.
fn time_of(pin: &DistroPin) -> Option<i64> {
    let suites = pin.suite.iter().filter_map(|suite| Some(parse_date(&suite.date)?.as_second()));
    // Of repositories of RPM packages, revisions are times as a rule.
    let repositories = pin.repository.iter().filter_map(|repository| repository.revision.parse::<i64>().ok());
    let is_time = |time: &i64| *time > 1_000_000_000;
    suites.chain(repositories).filter(is_time).max()
}

/// Distros that are built for and end soon, or have ended.
fn ending(session: Option<&Session>, cells: &[Cell], locks: &[Lock]) -> Result<Vec<DistroEnd>, Failure> {
    let Some(session) = session else { return Ok(Vec::new()) };
    let of_cells = cells.iter().filter_map(|cell| cell.target.split('/').next());
    let of_locks = locks.iter().flat_map(|lock| lock.distro.keys().map(DistroName::as_str));
    let used: BTreeSet<&str> = of_cells.chain(of_locks).collect();
    let today = today();
    let end = |distro: &Distro| {
        let days = distro.lifecycle.end.parse::<Day>().ok()?.days_from(&today)?;
        let (name, end) = (distro.name.to_string(), distro.lifecycle.end.clone());
        (days <= NEAR_END).then_some(DistroEnd { distro: name, end, days })
    };
    let distros = session.evaluated()?.distros.values().filter(|distro| used.contains(distro.name.as_str()));
    let mut ending: Vec<DistroEnd> = distros.filter_map(end).collect();
    ending.sort_by_key(|one| one.days);
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::digest::{Digest, Sha256};
    use crate::lock::{CheckoutPin, RepositoryPin, SuitePin};
    use crate::remote::{Checkout, RemoteUrl, System};

    const NOW: i64 = 1_795_991_400;

    fn suite(date: &str) -> SuitePin {
        let release = Sha256::of(b"release");
        SuitePin { name: "oasis".to_owned(), release, date: date.to_owned(), index: BTreeMap::new() }
    }

    fn repository(revision: &str) -> RepositoryPin {
        let (repomd, revision) = (Sha256::of(b"repomd"), revision.to_owned());
        let (arch, index) = ("amd64".parse().expect("an arch"), BTreeMap::new());
        RepositoryPin { name: "baseos".to_owned(), arch, repomd, revision, signed: true, index }
    }

    fn followed(lock: &mut Lock, name: &str, follow: Follow, days: i64) {
        let url = RemoteUrl::new(System::Git, name).expect("an address");
        let checkout = Checkout { system: System::Git, url, follow, submodules: false, folder: None, versions: None };
        let pin = CheckoutPin {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            found: None,
            time: NOW - days * DAY,
            nearest: None,
            release: None,
            tree: Digest::of(b"tree"),
            texts: BTreeMap::new(),
            without: BTreeSet::new(),
        };
        lock.checkout.insert(checkout, pin);
    }

    #[test]
    fn old_indexes_and_tips_of_branches_are_told() {
        let mut lock = Lock::default();
        let mut pin = |name: &str, suites: &[&str], revisions: &[&str]| {
            let suite = suites.iter().map(|date| suite(date)).collect();
            let repository = revisions.iter().map(|revision| repository(revision)).collect();
            let distro = name.parse().expect("a name");
            lock.distro.insert(distro, DistroPin { suite, repository, ..DistroPin::default() });
        };
        // What counts is the newest: a stable release itself hardly ever moves.
        pin("good-1", &["Sat, 11 Jan 2025 10:00:00 UTC", "Sat, 28 Nov 2026 10:00:00 UTC"], &[]);
        pin("old-1", &["Sat, 11 Jan 2025 10:00:00 UTC", "Wed, 28 Oct 2026 10:00:00 UTC"], &[]);
        pin("rpm-1", &[], &["1736589600", "7"]);
        pin("odd-1", &["tomorrow"], &["v2", "99999999999999999999"]);
        followed(&mut lock, "tool", Follow::Default, 200);
        followed(&mut lock, "other", Follow::Branch("next".to_owned()), 179);
        followed(&mut lock, "older", Follow::Branch("next".to_owned()), 180);
        followed(&mut lock, "stays", Follow::Tag("v1".to_owned()), 4_000);
        let told: Vec<String> = pins(&[lock.clone(), lock], NOW)
            .iter()
            .map(|pin| format!("{}: {}, {} days", pin.subject, pin.at, pin.days))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        @rpm-1: its newest index, 687 days
        tool: 0123456789ab, its own branch, 200 days
        older: 0123456789ab, branch next, 180 days
        @old-1: its newest index, 32 days
        ");
    }
}
