//! What a nightly tells of a run: what is built of each component, what fails since when, and what moved.

use std::collections::{BTreeMap, BTreeSet};

use super::heard::{Heard, HeardFailure};
use super::pins::one_line;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::exec::{Outcome, telling_of};
use crate::graph::{NodeId, Origin};
use crate::name::{DistroName, Kind, NodeName};
use crate::night::{Cell, CellState, Commit, Failing, LastGood, Move, Night};
use crate::ops::session::Session;
use crate::plan::Plan;
use crate::store::{Listed, Store};

/// The most commits that are told of one pin.
pub(super) const MOST_COMMITS: usize = 100;

/// The most lines of a log that are told.
const MOST_LINES: usize = 12;

/// A run, and what is known of its nodes behind it.
pub(super) struct Told<'a> {
    pub session: &'a Session,
    pub store: &'a Store,
    /// What the run came to; `None`: it came to no end.
    pub outcome: Option<&'a Outcome>,
    /// What nodes come to now.
    pub plan: &'a Plan,
    pub heard: &'a Heard,
    pub last: Option<&'a Night>,
    /// The moves of this nightly, with their commits.
    pub moves: &'a [Move],
    /// Nodes whose last good outputs are published, and distros whose last good state is.
    pub kept: (&'a BTreeSet<NodeName>, &'a BTreeSet<DistroName>),
    /// The project's list of what its nodes came to; `None` where it cannot be had.
    pub listed: Option<&'a Listed>,
    /// When this nightly began, in seconds since 1970.
    pub started: i64,
}

impl Told<'_> {
    /// What fails and may not, new failures first; where there was no run, what is known to fail.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn failing(&self) -> Result<Vec<Failing>, Failure> {
        let mut failing = if self.outcome.is_none() { self.still_failing() } else { Vec::new() };
        for (id, _) in self.outcome.iter().flat_map(|outcome| &outcome.failures) {
            let name = self.session.graph.node(*id).name();
            let node = name.to_string();
            let before = self.last.and_then(|last| last.failing.iter().find(|failing| failing.node == node));
            let HeardFailure { message, log, not_run } = self.heard.failed.get(&name).cloned().unwrap_or_default();
            let mut lines = log.map(|log| telling_of(self.store, log)).unwrap_or_default();
            lines.truncate(MOST_LINES);
            failing.push(Failing {
                new: before.is_none(),
                since: before.map_or(self.started, |before| before.since),
                message: one_line(message.lines().next().unwrap_or_default()),
                lines,
                log,
                not_run: not_run as u64,
                good: self.last_good(*id)?,
                commits: commits(self.sources(*id), self.moves, before),
                node,
            });
        }
        failing.sort_by(|one, other| (!one.new, &one.node).cmp(&(!other.new, &other.node)));
        Ok(failing)
    }

    /// What failed in the last nightly and is of this project and not built yet.
    fn still_failing(&self) -> Vec<Failing> {
        let fixed: BTreeSet<String> = self.fixed().into_iter().collect();
        let is_known = |failing: &&Failing| {
            let name = failing.node.parse().ok();
            name.is_some_and(|name| self.session.graph.find(&name).is_some()) && !fixed.contains(&failing.node)
        };
        let last = self.last.iter().flat_map(|last| &last.failing).filter(is_known);
        last.map(|failing| Failing { new: false, ..failing.clone() }).collect()
    }

    /// What was built last of a node that fails.
    fn last_good(&self, id: NodeId) -> Result<Option<LastGood>, Failure> {
        let name = self.session.graph.node(id).name();
        let key = self.listed.and_then(|listed| listed.key_of(&name.to_string(), id.index()));
        let Some(key) = key else { return Ok(None) };
        let Some(good) = self.store.realisation(key)? else { return Ok(None) };
        let version = good.outputs.get("packages").and_then(|tree| version_in(self.store, *tree));
        let is_in = |distro: &str| self.kept.1.iter().any(|kept| kept.as_str() == distro);
        let kept = self.kept.0.contains(&name) || name.distro().is_some_and(is_in);
        Ok(Some(LastGood { time: good.started, version, kept }))
    }

    /// The pins that a node follows from, as moves name them.
    fn sources(&self, id: NodeId) -> BTreeSet<String> {
        let graph = &self.session.graph;
        let origins = graph.with_inputs(&[id]).into_iter().map(|id| graph.node(id).origin());
        origins
            .filter_map(|origin| if let Origin::Checkout { of, .. } = origin { Some(of.to_string()) } else { None })
            .collect()
    }

    /// What is built of each component for each target, of the nodes `wanted`.
    pub fn cells(&self, wanted: &[NodeId]) -> Vec<Cell> {
        let graph = &self.session.graph;
        let failing_before: BTreeSet<&str> =
            self.last.iter().flat_map(|last| &last.failing).map(|failing| failing.node.as_str()).collect();
        let failures: BTreeSet<NodeId> =
            self.outcome.iter().flat_map(|outcome| &outcome.failures).map(|(id, _)| *id).collect();
        let mut cells: Vec<Cell> = Vec::new();
        for id in wanted.iter().copied().filter(|id| graph.node(*id).kind() == Kind::Build) {
            let (node, planned) = (graph.node(id), self.plan.of(id));
            let (name, outputs) = (node.name(), planned.and_then(|planned| planned.outputs.as_ref()));
            let failed_before = failing_before.contains(name.to_string().as_str());
            let is_in = |list: Option<&Vec<NodeId>>| list.is_some_and(|list| list.contains(&id));
            let state = match () {
                () if failures.contains(&id) && failed_before => CellState::StillFailing,
                () if failures.contains(&id) => CellState::NewFailure,
                () if is_in(self.outcome.map(|outcome| &outcome.tolerated)) => CellState::ExpectedFailure,
                () if planned.is_some_and(crate::plan::Planned::is_skipped) => CellState::Skipped,
                () if outputs.is_none() && failed_before && self.outcome.is_none() => CellState::StillFailing,
                () if outputs.is_none() => CellState::Blocked,
                () if failed_before => CellState::Fixed,
                () if self.heard.made.contains(&name) => CellState::Built,
                () => CellState::Clean,
            };
            let version = match outputs.and_then(|outputs| outputs.get("packages")) {
                Some(tree) => version_in(self.store, *tree),
                None => self.last_good(id).ok().flatten().filter(|good| good.kept).and_then(|good| good.version),
            };
            let (component, target) = (node.subject().to_owned(), node.place().to_owned());
            cells.push(Cell { component, target, state, version });
        }
        cells.sort_by(|one, other| (&one.component, &one.target).cmp(&(&other.component, &other.target)));
        cells
    }

    /// What failed in the last nightly and is built now.
    pub fn fixed(&self) -> Vec<String> {
        let is_built = |node: &String| {
            let id = node.parse().ok().and_then(|name| self.session.graph.find(&name));
            id.and_then(|id| self.plan.of(id)).is_some_and(|planned| planned.outputs.is_some())
        };
        let before = self.last.iter().flat_map(|last| &last.failing).map(|failing| failing.node.clone());
        let mut fixed: Vec<String> = before.filter(is_built).collect();
        fixed.sort();
        fixed
    }
}

/// The commits to what a node follows from since it was last good: those of now, and those from before where it failed `before`
/// too. Newest first, each once.
fn commits(sources: BTreeSet<String>, moves: &[Move], before: Option<&Failing>) -> Vec<Commit> {
    let own = moves.iter().filter(|moved| sources.contains(&moved.subject)).flat_map(|moved| &moved.commits);
    let mut commits: Vec<Commit> = own.chain(before.into_iter().flat_map(|before| &before.commits)).cloned().collect();
    let mut seen = BTreeSet::new();
    commits.retain(|commit| seen.insert(commit.id.clone()));
    // In their order where several were made in one second.
    commits.sort_by_key(|commit| std::cmp::Reverse(commit.time));
    commits.truncate(MOST_COMMITS);
    commits
}

/// The version of what a build has made, as the names of its files say it; `None` where it made nothing.
fn version_in(store: &Store, packages: Digest) -> Option<String> {
    let tree = store.get_tree(packages).ok()?;
    let names = tree.files().map(|(path, ..)| String::from_utf8_lossy(path.file_name()).into_owned());
    names.filter_map(|name| version_of(&name)).next()
}

/// The version in the name of a package's file.
fn version_of(file: &str) -> Option<String> {
    if let Some(stem) = file.strip_suffix(".deb") {
        return Some(stem.split('_').nth(1)?.to_owned());
    }
    let stem = file.strip_suffix(".rpm")?.rsplit_once('.')?.0;
    let mut parts = stem.rsplitn(3, '-');
    let (release, version) = (parts.next()?, parts.next()?);
    parts.next().map(|_| format!("{version}-{release}"))
}

/// Brings what a nightly came to into its order. Where several locks have one node it stands there once, as what is worst of it.
pub(super) fn tell_once(night: &mut Night) {
    let weight = |state: CellState| match state {
        CellState::NewFailure => 0,
        CellState::StillFailing => 1,
        CellState::Blocked => 2,
        CellState::ExpectedFailure => 3,
        CellState::Fixed => 4,
        CellState::Built => 5,
        CellState::Clean => 6,
        CellState::Skipped => 7,
    };
    night.cells.sort_by(|one, other| {
        let place = |cell: &Cell| (cell.component.clone(), cell.target.clone(), weight(cell.state));
        place(one).cmp(&place(other))
    });
    night.cells.dedup_by(|next, kept| (&next.component, &next.target) == (&kept.component, &kept.target));
    night.failing.sort_by(|one, other| (&one.node, !one.new).cmp(&(&other.node, !other.new)));
    night.failing.dedup_by(|next, kept| next.node == kept.node);
    night.failing.sort_by_key(|failing| !failing.new);
    night.fixed.retain(|node| night.failing.iter().all(|failing| failing.node != *node));
    night.fixed.sort();
    night.fixed.dedup();
    night.moves.sort_by(|one, other| {
        (&one.subject, &one.before, &one.after).cmp(&(&other.subject, &other.before, &other.after))
    });
    night.moves.dedup_by(|next, kept| {
        let is_same = (&next.subject, &next.before, &next.after) == (&kept.subject, &kept.before, &kept.after);
        if is_same {
            kept.builds = kept.builds.max(next.builds);
            for (to, from) in [(&mut kept.needed_by, &mut next.needed_by), (&mut kept.kept, &mut next.kept)] {
                to.append(from);
                to.sort();
                to.dedup();
            }
        }
        is_same
    });
}

/// Whether something is worse than after the last nightly.
pub(super) fn is_worse(night: &Night, last: Option<&Night>) -> bool {
    let failed = |night: &Night| -> BTreeMap<String, bool> {
        let failed = night.steps.iter().filter(|step| step.failure.is_some());
        failed.map(|step| (step.name.clone(), true)).collect()
    };
    let before = last.map(failed).unwrap_or_default();
    night.failing.iter().any(|failing| failing.new)
        || night.held_back.iter().any(|held| held.new)
        || night.not_started.iter().any(|one| one.new)
        || failed(night).keys().any(|step| !before.contains_key(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::night::{HeldBack, NightStep};

    fn commit(id: &str, time: i64) -> Commit {
        Commit { id: id.to_owned(), subject: "x".to_owned(), time }
    }

    fn moved(subject: &str, commits: Vec<Commit>) -> Move {
        let (before, after) = (Some("1".to_owned()), Some("2".to_owned()));
        Move {
            subject: subject.to_owned(),
            before,
            after,
            commits,
            more_commits: 0,
            builds: 0,
            needed_by: Vec::new(),
            kept: Vec::new(),
        }
    }

    fn failing(new: bool) -> Failing {
        Failing {
            node: "build:a@d/amd64".to_owned(),
            new,
            since: 1,
            message: String::new(),
            lines: Vec::new(),
            log: None,
            not_run: 0,
            good: None,
            commits: vec![commit("a", 1)],
        }
    }

    fn night() -> Night {
        Night::begun("default", 1, 1, Vec::new())
    }

    #[test]
    fn only_what_is_new_is_worse() {
        let held = |new| HeldBack {
            channel: "nightly".parse().expect("a name"),
            distro: "debian-12".parse().expect("a name"),
            new,
            why: Vec::new(),
        };
        let step = |failure: Option<&str>| NightStep {
            name: "update".to_owned(),
            milliseconds: 1,
            failure: failure.map(str::to_owned),
        };
        assert!(!is_worse(&night(), None));
        assert!(is_worse(&Night { failing: vec![failing(true)], ..night() }, None));
        assert!(!is_worse(&Night { failing: vec![failing(false)], ..night() }, None));
        assert!(is_worse(&Night { held_back: vec![held(false), held(true)], ..night() }, None));
        assert!(!is_worse(&Night { held_back: vec![held(false)], ..night() }, None));
        let failed = Night { steps: vec![step(Some("no network"))], ..night() };
        assert!(is_worse(&failed, None) && is_worse(&failed, Some(&Night { steps: vec![step(None)], ..night() })));
        assert!(!is_worse(&failed, Some(&failed)), "it failed in the same step before");
    }

    #[test]
    fn what_several_locks_have_is_told_once() {
        let cell = |state| {
            let (component, target) = ("a".to_owned(), "d/amd64".to_owned());
            Cell { component, target, state, version: None }
        };
        let cells = vec![cell(CellState::Clean), cell(CellState::StillFailing), cell(CellState::Built)];
        let other = Failing { node: "build:0@d/amd64".to_owned(), ..failing(false) };
        let mut night = Night {
            cells,
            failing: vec![failing(false), other, failing(true)],
            fixed: vec!["build:z@d/all".to_owned(), "build:a@d/amd64".to_owned(), "build:z@d/all".to_owned()],
            ..night()
        };
        tell_once(&mut night);
        assert_eq!(night.cells, [cell(CellState::StillFailing)]);
        let told: Vec<(&str, bool)> = night.failing.iter().map(|one| (one.node.as_str(), one.new)).collect();
        assert_eq!(told, [("build:a@d/amd64", true), ("build:0@d/amd64", false)]);
        assert_eq!(night.fixed, ["build:z@d/all"]);
    }

    #[test]
    fn commits_since_the_last_good_one_gather_over_nights() {
        let moves = [moved("git one", vec![commit("c", 3), commit("b", 2)]), moved("git two", vec![commit("z", 9)])];
        let sources = || BTreeSet::from(["git one".to_owned()]);
        let ids = |before: Option<&Failing>| {
            commits(sources(), &moves, before).into_iter().map(|commit| commit.id).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ids(None), "c b");
        assert_eq!(ids(Some(&failing(false))), "c b a");
        let many = moved("git one", (0..200).map(|number| commit(&number.to_string(), number)).collect());
        assert_eq!(commits(sources(), &[many], Some(&failing(false))).len(), MOST_COMMITS);
    }

    #[test]
    fn versions_stand_in_the_names_of_files() {
        assert_eq!(version_of("libmd0_1.1.0-1~deb12_amd64.deb").as_deref(), Some("1.1.0-1~deb12"));
        assert_eq!(version_of("lib-md-devel-1.1-3.el8.x86_64.rpm").as_deref(), Some("1.1-3.el8"));
        assert_eq!([version_of("x.deb"), version_of("x.rpm"), version_of("README")], [None, None, None]);
    }
}
