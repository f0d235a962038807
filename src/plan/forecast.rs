//! How long what a plan would run is going to take: the run played through, with what its nodes usually take.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::{Plan, Planned};
use crate::graph::{Graph, NodeId};
use crate::name::Kind;

/// What a step of that kind takes where nothing better is known, in milliseconds.
pub fn usual_of_kind(kind: Kind) -> u64 {
    match kind {
        Kind::Build => 30_000,
        Kind::Root | Kind::Check => 10_000,
        Kind::Index => 5_000,
        Kind::Source | Kind::SourcePackage => 2_000,
        Kind::Resolve | Kind::Probe | Kind::Repo => 500,
    }
}

/// Nodes of different lanes do not take each other's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// They wait for the network.
    Fetch,
    /// They compute.
    Work,
    /// They put repositories together, and wait for the disk.
    Assemble,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fetch, Self::Work, Self::Assemble];

    /// Where nodes of that kind run.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Source | Kind::Index => Self::Fetch,
            Kind::Repo => Self::Assemble,
            Kind::Resolve | Kind::Root | Kind::Probe | Kind::SourcePackage | Kind::Build | Kind::Check => Self::Work,
        }
    }
}

/// How many nodes of each lane run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// That fetch.
    pub fetches: usize,
    /// That compute.
    pub jobs: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { fetches: Self::FETCHES, jobs: 1 }
    }
}

impl Places {
    /// How many nodes fetch at once unless something else is said: as many as a mirror likes from one machine.
    pub const FETCHES: usize = 4;

    /// How many repositories are assembled at once: more would only wait for the same disk.
    const ASSEMBLED: usize = 2;

    /// How many of that lane.
    pub fn of(&self, lane: Lane) -> usize {
        match lane {
            Lane::Fetch => self.fetches.max(1),
            Lane::Work => self.jobs.max(1),
            Lane::Assemble => self.jobs.clamp(1, Self::ASSEMBLED),
        }
    }

    /// How many of all.
    pub fn all(&self) -> usize {
        Lane::ALL.into_iter().map(|lane| self.of(lane)).sum()
    }
}

/// What a run is going to take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// How many nodes run, if no input comes out as before.
    pub nodes: usize,
    /// From its beginning to its end.
    pub wall: u64,
    /// Of all nodes together.
    pub work: u64,
    /// Of the longest chain of nodes that wait for each other: no number of jobs makes it shorter.
    pub chain: u64,
}

/// What a run is going to take: time, and space on the store's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Its time.
    pub time: Forecast,
    /// How many nodes run at once.
    pub jobs: usize,
    /// Of how many nodes the time is a guess.
    pub guessed: usize,
    /// Bytes on the store's disk that its nodes need while they run, at most: those of the largest that can run at once.
    pub scratch: u64,
    /// Bytes that its results take, if all of them are new.
    pub stays: u64,
    /// How many nodes have no bytes on record.
    pub unsized_nodes: usize,
}

/// The nodes that `plan` expects to run, inputs first: without those that failed before, and what needs them.
pub fn expected(graph: &Graph, plan: &Plan) -> Vec<NodeId> {
    let mut gone = vec![false; graph.len()];
    let mut expected = Vec::new();
    for planned in plan.nodes.iter().filter(|planned| Planned::may_run(planned)) {
        let id = planned.node;
        let needs_gone = graph.node(id).input_nodes().iter().any(|input| gone[input.index()]);
        gone[id.index()] = plan.failed.contains_key(&id) || needs_gone;
        if !gone[id.index()] {
            expected.push(id);
        }
    }
    expected
}

/// For each node what is left to be done from its start on, on the longest chain of nodes that wait for it. `milliseconds` is
/// what a node takes.
pub fn remaining(graph: &Graph, milliseconds: impl Fn(NodeId) -> u64) -> Vec<u64> {
    let mut remaining = vec![0u64; graph.len()];
    for id in graph.ids().rev() {
        let after = graph.consumers(id).iter().map(|consumer| remaining[consumer.index()]).max().unwrap_or(0);
        remaining[id.index()] = after.saturating_add(milliseconds(id));
    }
    remaining
}

/// What each node of a run takes, in milliseconds.
pub type Times = BTreeMap<NodeId, u64>;

/// The most nodes of a run for which other orders are tried: in a larger one, few gain anything.
const MOST_TRIED: usize = 200;

/// How many are.
const TRIES: u64 = 400;

/// The order of a run, and what it takes so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// By node: of the ready ones, the one with the largest number goes first.
    pub priority: Vec<u64>,
    /// What it takes.
    pub forecast: Forecast,
}

/// The order in which to run the nodes that have `times`. What has most before it goes first; in a small run, where the end of
/// a chain may lie badly, other orders are played through, and the shortest one is taken.
pub fn course(graph: &Graph, times: &Times, places: Places) -> Course {
    let mut best = remaining(graph, |id| times.get(&id).copied().unwrap_or(0));
    let chain = times.keys().map(|id| best[id.index()]).max().unwrap_or(0);
    let mut work = BTreeMap::from(Lane::ALL.map(|lane| (lane, 0u64)));
    for (id, time) in times {
        *work.entry(lane_of(graph, *id)).or_default() += time;
    }
    let shared = work.iter().map(|(lane, work)| work.div_ceil(places.of(*lane) as u64)).max().unwrap_or(0);
    let least = chain.max(shared);
    let mut wall = played(graph, times, places, &best);
    // The same numbers in every run: what is told beforehand is what is done.
    let mut random = 1u64;
    let tries = if times.len() > MOST_TRIED { 0 } else { TRIES };
    for _ in 0..tries {
        if wall <= least {
            break;
        }
        let mut other = best.clone();
        for id in times.keys() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Up to half as much more: an order near the one that is known to be good.
            let more = (u128::from(other[id.index()]) * u128::from(random >> 32)) >> 33;
            other[id.index()] = other[id.index()].saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        }
        let took = played(graph, times, places, &other);
        if took < wall {
            (best, wall) = (other, took);
        }
    }
    let forecast = Forecast { nodes: times.len(), wall, work: work.values().sum(), chain };
    Course { priority: best, forecast }
}

fn lane_of(graph: &Graph, id: NodeId) -> Lane {
    Lane::of(graph.node(id).kind())
}

/// When the last of those nodes ends.
fn played(graph: &Graph, times: &Times, places: Places, priority: &[u64]) -> u64 {
    let runs = |id: &NodeId| times.contains_key(id);
    let mut waits: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut ready: BTreeMap<Lane, BinaryHeap<(u64, Reverse<NodeId>)>> = BTreeMap::new();
    let mut free: BTreeMap<Lane, usize> = Lane::ALL.into_iter().map(|lane| (lane, places.of(lane))).collect();
    let make_ready = |id: NodeId, ready: &mut BTreeMap<Lane, BinaryHeap<_>>| {
        ready.entry(lane_of(graph, id)).or_default().push((priority[id.index()], Reverse(id)));
    };
    for id in times.keys() {
        let open = graph.node(*id).input_nodes().iter().filter(|input| runs(input)).count();
        waits.insert(*id, open);
        if open == 0 {
            make_ready(*id, &mut ready);
        }
    }
    let mut running: BinaryHeap<Reverse<(u64, NodeId)>> = BinaryHeap::new();
    let mut now = 0;
    loop {
        for (lane, ready) in &mut ready {
            let places = free.entry(*lane).or_default();
            while *places > 0
                && let Some((_, Reverse(id))) = ready.pop()
            {
                *places -= 1;
                running.push(Reverse((now + times[&id], id)));
            }
        }
        let Some(Reverse((end, id))) = running.pop() else { break };
        now = end;
        *free.entry(lane_of(graph, id)).or_default() += 1;
        // A reader may read two outputs of a node.
        let readers: BTreeSet<NodeId> = graph.consumers(id).iter().copied().filter(runs).collect();
        for reader in readers {
            let reads = graph.node(reader).input_nodes().iter().filter(|input| **input == id).count();
            if let Some(open) = waits.get_mut(&reader) {
                *open -= reads;
                if *open == 0 {
                    make_ready(reader, &mut ready);
                }
            }
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;
    use crate::graph::small::add;
    use crate::plan::{Reason, State};

    fn played(graph: &Graph, takes: &[u64], jobs: usize) -> [u64; 3] {
        let times = graph.ids().zip(takes.iter().copied()).collect();
        let Forecast { wall, work, chain, .. } = course(graph, &times, Places { jobs, ..Places::default() }).forecast;
        [wall, work, chain]
    }

    #[test]
    fn a_run_takes_its_longest_chain_or_its_work_over_its_jobs() {
        let mut graph = Builder::default();
        let first = add(&mut graph, "build:a@d/amd64", "", &[]);
        let second = add(&mut graph, "build:b@d/amd64", "", &[first]);
        add(&mut graph, "build:c@d/amd64", "", &[second, first]);
        add(&mut graph, "build:d@d/amd64", "", &[]);
        let graph = graph.finish();
        assert_eq!(played(&graph, &[10, 20, 30, 40], 1), [100, 100, 60]);
        assert_eq!(played(&graph, &[10, 20, 30, 40], 2), [60, 100, 60]);
        assert_eq!(played(&graph, &[10, 20, 30, 90], 9), [90, 150, 90]);
    }

    #[test]
    fn fetches_take_no_place_from_builds() {
        let mut graph = Builder::default();
        for name in ["a", "b", "c", "e", "f"] {
            add(&mut graph, &format!("source:{name}"), "", &[]);
        }
        add(&mut graph, "build:z@d/amd64", "", &[]);
        let graph = graph.finish();
        // Four at once, then the fifth, all beside the build.
        assert_eq!(played(&graph, &[10, 10, 10, 10, 10, 15], 1), [20, 65, 15]);
    }

    #[test]
    fn what_failed_before_and_what_needs_it_is_not_expected_to_run() {
        let mut graph = Builder::default();
        let clean = add(&mut graph, "build:a@d/amd64", "", &[]);
        let failed = add(&mut graph, "build:b@d/amd64", "", &[clean]);
        let behind = add(&mut graph, "build:c@d/amd64", "", &[failed]);
        let after = add(&mut graph, "build:e@d/amd64", "", &[behind]);
        let other = add(&mut graph, "build:f@d/amd64", "", &[clean]);
        let graph = graph.finish();
        let dirty = |node, state| Planned { node, state, key: None, outputs: None, cost: None };
        let runs = || State::Runs(Reason::New);
        let nodes = vec![
            dirty(clean, State::Clean),
            dirty(failed, runs()),
            dirty(behind, State::Depends(vec![failed])),
            dirty(after, State::Depends(vec![behind])),
            dirty(other, runs()),
        ];
        let plan = Plan { nodes, failed: BTreeMap::from([(failed, 7)]) };
        assert_eq!(expected(&graph, &plan), [other]);
    }
}
