//! What a nightly tells of a run: what is built of each component, what fails since when, and what moved.

use std::collections::{BTreeMap, BTreeSet};

use super::heard::{Heard, HeardFailure};
use super::pins::one_line;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::exec::{Checkouts, Outcome, telling_of};
use crate::graph::{Graph, NodeId, Origin};
use crate::lock::Lock;
use crate::name::{DistroName, Kind, NodeName};
use crate::night::{Cell, CellState, Commit, Failing, LastGood, Move, Night};
use crate::ops::keeping;
use crate::ops::session::Session;
use crate::ops::update;
use crate::plan::Plan;
use crate::remote::Checkout;
use crate::store::Store;

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
    /// When this nightly began, in seconds since 1970.
    pub started: i64,
}

impl Told<'_> {
    /// What fails and may not, new failures first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn failing(&self) -> Result<Vec<Failing>, Failure> {
        let mut failing = Vec::new();
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
                good: self.last_good(&name)?,
                commits: commits(self.sources(*id), self.moves, before),
                node,
            });
        }
        failing.sort_by(|one, other| (!one.new, &one.node).cmp(&(!other.new, &other.node)));
        Ok(failing)
    }

    /// What was built last of a node that fails.
    fn last_good(&self, name: &NodeName) -> Result<Option<LastGood>, Failure> {
        let Some(key) = keeping::listed(self.session, self.store, &name.to_string()) else { return Ok(None) };
        let Some(good) = self.store.realisation(key)? else { return Ok(None) };
        let version = good.outputs.get("packages").and_then(|tree| version_in(self.store, *tree));
        let is_in = |distro: &str| self.kept.1.iter().any(|kept| kept.as_str() == distro);
        let kept = self.kept.0.contains(name) || name.distro().is_some_and(is_in);
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
                () if outputs.is_none() => CellState::Blocked,
                () if failed_before => CellState::Fixed,
                () if self.heard.made.contains(&name) => CellState::Built,
                () => CellState::Clean,
            };
            let version = match outputs.and_then(|outputs| outputs.get("packages")) {
                Some(tree) => version_in(self.store, *tree),
                None => self.last_good(&name).ok().flatten().filter(|good| good.kept).and_then(|good| good.version),
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

/// What `what` moves, as reports name it.
fn subject(what: &str, lock: [&Lock; 2]) -> String {
    let first = what.split(' ').next().unwrap_or(what);
    let is_distro = |lock: &Lock| lock.distro.keys().any(|name| name.as_str() == first);
    if first != what && lock.into_iter().any(is_distro) { format!("@{what}") } else { what.to_owned() }
}

/// What moved between two locks, with the commits of branches and what ran because of it.
pub(super) fn moves(
    graph: &Graph,
    [before, now]: [&Lock; 2],
    told: Vec<update::Move>,
    ran: &BTreeSet<NodeName>,
    checkouts: &Checkouts<'_>,
) -> Vec<Move> {
    let moved: Vec<(update::Move, BTreeSet<NodeId>)> = told
        .into_iter()
        .map(|moved| {
            let sources = nodes_of(graph, &moved.what);
            let readers = graph.with_consumers(&sources.into_iter().collect::<Vec<_>>());
            let is_build = |id: &NodeId| graph.node(*id).kind() == Kind::Build && ran.contains(&graph.node(*id).name());
            (moved, readers.into_iter().filter(is_build).collect())
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
        let needed_by: BTreeSet<String> = builds.iter().map(|id| graph.node(*id).subject().to_owned()).collect();
        let (commits, more_commits) = commits_of(&moved.what, [before, now], checkouts).unwrap_or_default();
        Move {
            subject: subject(&moved.what, [before, now]),
            before: moved.before,
            after: moved.now,
            commits,
            more_commits,
            builds: builds.len() as u64,
            needed_by: needed_by.into_iter().collect(),
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
            Origin::Dsc { distro, .. } => {
                what.split_once('@').is_some_and(|(source, of)| of == distro.as_str() && source == node.subject())
            }
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

/// Whether something is worse than after the last nightly.
pub(super) fn is_worse(night: &Night, last: Option<&Night>) -> bool {
    let failed = |night: &Night| -> BTreeMap<String, bool> {
        let failed = night.steps.iter().filter(|step| step.failure.is_some());
        failed.map(|step| (step.name.clone(), true)).collect()
    };
    let before = last.map(failed).unwrap_or_default();
    night.failing.iter().any(|failing| failing.new)
        || night.held_back.iter().any(|held| held.new)
        || failed(night).keys().any(|step| !before.contains_key(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::night::{HeldBack, NIGHT_VERSION, NightStep};

    fn commit(id: &str, time: i64) -> Commit {
        Commit { id: id.to_owned(), subject: "x".to_owned(), time }
    }

    fn moved(subject: &str, commits: Vec<Commit>) -> Move {
        let (before, after) = (Some("1".to_owned()), Some("2".to_owned()));
        Move { subject: subject.to_owned(), before, after, commits, more_commits: 0, builds: 0, needed_by: Vec::new() }
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
        Night {
            version: NIGHT_VERSION,
            set: "default".to_owned(),
            number: 1,
            started: 1,
            milliseconds: 1,
            channels: Vec::new(),
            steps: Vec::new(),
            moves: Vec::new(),
            run: None,
            cells: Vec::new(),
            failing: Vec::new(),
            fixed: Vec::new(),
            published: Vec::new(),
            held_back: Vec::new(),
            notices: Vec::new(),
            regressed: false,
        }
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
