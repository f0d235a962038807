//! What moves between two locks, for people.

use std::collections::BTreeMap;

use super::{archives, checkouts};
use crate::digest::Sha256;
use crate::family::stamped::Stamped;
use crate::lock::Lock;

/// A pin that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What is pinned, such as `debian-12 bookworm-updates` or `libmd@debian-12`.
    pub what: String,
    /// What it was pinned to; `None` where it was not.
    pub before: Option<String>,
    /// What it is pinned to now; `None` where nothing uses it any more.
    pub now: Option<String>,
}

/// What moves from one lock to another, sorted by what it is; what is gone comes last.
pub(in crate::ops) fn moves(before: &Lock, now: &Lock) -> Vec<Move> {
    let facts = |lock: &Lock| -> BTreeMap<String, (String, String)> {
        let mut facts = BTreeMap::new();
        let identity = |release: &Sha256, index: &BTreeMap<String, Sha256>| {
            let indexes: Vec<String> = index.iter().map(|(path, sha256)| format!("{path}={sha256}")).collect();
            format!("{release} {}", indexes.join(" "))
        };
        for (name, pin) in &lock.distro {
            for suite in &pin.suite {
                let identity = identity(&suite.release, &suite.index);
                facts.insert(format!("{name} {}", suite.name), (suite.date.clone(), identity));
            }
            for pin in &pin.repository {
                let identity = identity(&pin.repomd, &pin.index);
                facts.insert(format!("{name} {}/{}", pin.name, pin.arch), (pin.revision.clone(), identity));
            }
            for (extra, pin) in &pin.extra {
                let identity = identity(&pin.release, &pin.index);
                facts.insert(format!("{name} {} of {extra}", pin.suite), (pin.date.clone(), identity));
            }
        }
        for (distro, pins) in &lock.dsc {
            for (source, pin) in pins {
                facts.insert(format!("{source}@{distro}"), (pin.facts.version.clone(), pin.tree.to_string()));
            }
        }
        for (distro, pins) in &lock.srpm {
            for (source, pin) in pins {
                facts.insert(format!("{source}@{distro}"), (pin.version.clone(), pin.tree.to_string()));
            }
        }
        for (checkout, pin) in &lock.checkout {
            let (mut shown, mut identity) = (checkouts::shown(pin), format!("{} {}", pin.commit, pin.tree));
            if let Some(stamped) = Stamped::of(checkout, pin) {
                let version = stamped.version.deb(false);
                (shown, identity) =
                    (format!("{version} ({})", checkouts::short(&pin.commit)), format!("{version} {identity}"));
            }
            facts.insert(checkout.to_string(), (shown, identity));
        }
        for (archive, pin) in &lock.archive {
            let files = (&pin.file.sha256, pin.signature.as_ref().map(|file| file.sha256));
            facts.insert(archive.to_string(), (archives::shown(pin), format!("{files:?} {}", pin.tree)));
        }
        facts
    };
    let (mut old, new) = (facts(before), facts(now));
    let mut moves = Vec::new();
    for (what, (shown, identity)) in new {
        let was = old.remove(&what);
        if was.as_ref().is_none_or(|(_, was)| *was != identity) {
            moves.push(Move { what, before: was.map(|(shown, _)| shown), now: Some(shown) });
        }
    }
    moves.extend(old.into_iter().map(|(what, (shown, _))| Move { what, before: Some(shown), now: None }));
    moves
}
