//! The pins that moved since the last nightly on record: by which commits, and what ran because of them.

use std::collections::BTreeSet;

use super::telling::MOST_COMMITS;
use crate::exec::Checkouts;
use crate::graph::{Graph, NodeId, Origin};
use crate::lock::Lock;
use crate::name::{Kind, NodeName};
use crate::night::{Commit, Move};
use crate::ops::update;
use crate::remote::Checkout;

/// What `what` moves, as reports name it.
fn subject(what: &str, lock: [&Lock; 2]) -> String {
    let first = what.split(' ').next().unwrap_or(what);
    let is_distro = |lock: &Lock| lock.distro.keys().any(|name| name.as_str() == first);
    if first != what && lock.into_iter().any(is_distro) { format!("@{what}") } else { what.to_owned() }
}

/// What moved between two locks, with the commits of branches, which of the builds that `ran` did so because of it, and of which
/// components that follow from it earlier packages are `kept`.
pub(super) fn moves(
    graph: &Graph,
    [before, now]: [&Lock; 2],
    told: Vec<update::Move>,
    (ran, kept): (&BTreeSet<NodeName>, &BTreeSet<NodeName>),
    checkouts: &Checkouts<'_>,
) -> Vec<Move> {
    let among = |id: &NodeId| {
        let node = graph.node(*id);
        node.kind() == Kind::Build && (ran.contains(&node.name()) || kept.contains(&node.name()))
    };
    let moved: Vec<(update::Move, BTreeSet<NodeId>)> = told
        .into_iter()
        .map(|moved| {
            let sources = nodes_of(graph, &moved.what);
            let readers = graph.with_consumers(&sources.into_iter().collect::<Vec<_>>());
            (moved, readers.into_iter().filter(among).collect())
        })
        .collect();
    let is_of_index = |what: &str| {
        what.contains(' ') && before.checkout.keys().chain(now.checkout.keys()).all(|known| known.to_string() != what)
    };
    // What follows from a source that moved would have run without the index.
    let of_sources: BTreeSet<NodeId> =
        moved.iter().filter(|(moved, _)| !is_of_index(&moved.what)).flat_map(|(_, builds)| builds).copied().collect();
    let tell = |(moved, mut builds): (update::Move, BTreeSet<NodeId>)| {
        if is_of_index(&moved.what) {
            builds.retain(|id| !of_sources.contains(id));
        }
        let of = |nodes: &BTreeSet<NodeName>| {
            let builds = builds.iter().map(|id| graph.node(*id)).filter(|node| nodes.contains(&node.name()));
            let subjects: Vec<String> = builds.map(|node| node.subject().to_owned()).collect();
            (subjects.len() as u64, BTreeSet::from_iter(subjects).into_iter().collect())
        };
        let ((builds, needed_by), (_, kept)) = (of(ran), of(kept));
        let (commits, more_commits) = commits_of(&moved.what, [before, now], checkouts).unwrap_or_default();
        Move {
            subject: subject(&moved.what, [before, now]),
            before: moved.before,
            after: moved.now,
            commits,
            more_commits,
            builds,
            needed_by,
            kept,
        }
    };
    let mut moves: Vec<Move> = moved.into_iter().map(tell).collect();
    moves.sort_by(|one, other| one.subject.cmp(&other.subject));
    moves
}

/// The nodes that a pin is the pin of.
fn nodes_of(graph: &Graph, what: &str) -> BTreeSet<NodeId> {
    let is_of = |id: &NodeId| {
        let node = graph.node(*id);
        match node.origin() {
            Origin::Checkout { of, .. } => of.to_string() == what,
            Origin::Archive { of, .. } => of.to_string() == what,
            Origin::Dsc { distro, .. } => {
                what.split_once('@').is_some_and(|(source, of)| of == distro.as_str() && source == node.subject())
            }
            Origin::Srpm { distro, name, .. } => what == format!("{name}@{distro}"),
            Origin::Index { distro, .. } => what.split_once(' ').is_some_and(|(of, _)| of == distro.as_str()),
            _ => false,
        }
    };
    let kinds = |id: &NodeId| matches!(graph.node(*id).kind(), Kind::Source | Kind::Index);
    graph.ids().filter(kinds).filter(is_of).collect()
}

/// The commits by which a branch moved, and how many more there are; `None` where it is no branch, or they cannot be had.
fn commits_of(what: &str, [before, now]: [&Lock; 2], checkouts: &Checkouts<'_>) -> Option<(Vec<Commit>, u64)> {
    let checkout: &Checkout = now.checkout.keys().find(|checkout| checkout.to_string() == what)?;
    let (was, is) = (before.checkout.get(checkout)?, now.checkout.get(checkout)?);
    if was.commit == is.commit {
        return None;
    }
    let between = (was.commit.as_str(), is.commit.as_str());
    let (told, count) = checkouts.between(checkout, between, is.found.as_deref(), MOST_COMMITS).ok()?;
    let more = count.saturating_sub(told.len() as u64);
    let commit = |told: crate::fetch::Told| Commit { id: told.id, subject: told.subject, time: told.time };
    Some((told.into_iter().map(commit).collect(), more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_named_by_their_distro() {
        let distro = ("debian-12".parse().expect("a name"), crate::lock::DistroPin::default());
        let lock = Lock { distro: [distro].into(), ..Lock::default() };
        let none = Lock::default();
        assert_eq!(subject("debian-12 bookworm", [&none, &lock]), "@debian-12 bookworm");
        assert_eq!(subject("libmd@debian-12", [&lock, &lock]), "libmd@debian-12");
        assert_eq!(subject("git https://x/y main", [&lock, &lock]), "git https://x/y main");
    }
}
