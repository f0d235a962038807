//! How long runs take against the shortest that they could: nodes are given times, and a clock that only counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::*;
use crate::graph::Builder;
use crate::graph::small::add;
use crate::plan::in_memory::InMemory;
use crate::plan::{Places, course, remaining};

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    /// One below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator; its high bits are good enough.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Builds of which each needs up to `needs` of the 40 before it, and what each takes: 1,000 to 9,999.
fn random(numbers: &mut Numbers, count: usize, needs: u64) -> (Graph, Vec<u64>) {
    let mut graph = Builder::default();
    let mut ids: Vec<NodeId> = Vec::new();
    for place in 0..count {
        let many = if ids.is_empty() { 0 } else { numbers.below(needs + 1) };
        let recent = ids.len().min(40);
        let mut inputs: Vec<NodeId> =
            (0..many).map(|_| ids[ids.len() - 1 - numbers.below(recent as u64) as usize]).collect();
        inputs.sort_unstable();
        inputs.dedup();
        ids.push(add(&mut graph, &format!("build:n{place:04}@d/amd64"), "", &inputs));
    }
    let takes = (0..count).map(|_| 1_000 + numbers.below(9_000)).collect();
    (graph.finish(), takes)
}

/// Runs all of `graph`, `jobs` nodes at once, each of which takes what `takes` says; returns when the last one ends.
fn makespan(graph: &Graph, takes: &[u64], jobs: usize) -> u64 {
    let wanted: Vec<NodeId> = graph.ids().collect();
    let times = wanted.iter().copied().zip(takes.iter().copied()).collect();
    let priority = course(graph, &times, Places { jobs, ..Places::default() }).priority;
    let mut schedule = Schedule::new(graph, &wanted, &[], priority);
    let mut knows = InMemory::default();
    let mut running: BinaryHeap<Reverse<(u64, NodeId)>> = BinaryHeap::new();
    let mut now = 0;
    loop {
        let Ok(()) = schedule.pump(&knows);
        while running.len() < jobs
            && let Some(id) = schedule.next_ready(Lane::Work)
        {
            running.push(Reverse((now + takes[id.index()], id)));
        }
        let Some(Reverse((end, id))) = running.pop() else { return now };
        now = end;
        let node = graph.node(id);
        let contents = contents_without(node, |input| schedule.outputs(input), |_| false).expect("inputs come first");
        let (key, outputs) = knows.run(node, &contents, &node.to_string());
        schedule.done(id, key, outputs);
    }
}

/// The longest chain, and all work over all jobs: no run is shorter.
fn bound(graph: &Graph, takes: &[u64], jobs: usize) -> u64 {
    let chain = remaining(graph, |id| takes[id.index()]).into_iter().max().unwrap_or(0);
    chain.max(takes.iter().sum::<u64>().div_ceil(jobs as u64))
}

#[test]
fn a_large_run_takes_a_twentieth_more_than_the_least_at_most() {
    let mut numbers = Numbers(2_026);
    for (count, needs, jobs) in [
        (200, 1, 2),
        (200, 2, 4),
        (300, 3, 8),
        (400, 1, 16),
        (500, 2, 2),
        (1_000, 2, 8),
        (1_000, 4, 32),
        (2_000, 3, 64),
    ] {
        for _ in 0..4 {
            let (graph, takes) = random(&mut numbers, count, needs);
            let (work, most) = (takes.iter().sum::<u64>(), takes.iter().max().copied().unwrap_or(0));
            assert!(most * 50 <= work, "no node is over a fiftieth of the work");
            let (took, least) = (makespan(&graph, &takes, jobs), bound(&graph, &takes, jobs));
            assert!(
                took * 20 <= least * 21,
                "{count} nodes of {needs} needs on {jobs}: {took} where {least} is the least"
            );
        }
    }
}

/// The shortest that `graph` can take, by trying every order in which nodes may start.
fn optimum(graph: &Graph, takes: &[u64], jobs: usize) -> u64 {
    struct Search<'a> {
        graph: &'a Graph,
        takes: &'a [u64],
        best: u64,
    }
    impl Search<'_> {
        /// `ends` of nodes that began; `free`: when each job is.
        fn go(&mut self, ends: &mut BTreeMap<NodeId, u64>, free: &mut [u64]) {
            let so_far = ends.values().copied().max().unwrap_or(0);
            if so_far >= self.best {
                return;
            }
            if ends.len() == self.takes.len() {
                self.best = so_far;
                return;
            }
            for id in self.graph.ids() {
                let inputs = self.graph.node(id).input_nodes();
                if ends.contains_key(&id) || !inputs.iter().all(|input| ends.contains_key(input)) {
                    continue;
                }
                let ready = inputs.iter().map(|input| ends[input]).max().unwrap_or(0);
                let job = (0..free.len()).min_by_key(|job| free[*job]).expect("a job");
                let was = free[job];
                let end = ready.max(was) + self.takes[id.index()];
                (free[job], _) = (end, ends.insert(id, end));
                self.go(ends, free);
                free[job] = was;
                ends.remove(&id);
            }
        }
    }
    let mut search = Search { graph, takes, best: u64::MAX };
    search.go(&mut BTreeMap::new(), &mut vec![0; jobs]);
    search.best
}

#[test]
fn a_small_run_takes_a_tenth_more_than_the_best_at_most() {
    let mut numbers = Numbers(11);
    let mut worst = (0, 1);
    for _ in 0..60 {
        let (graph, takes) = random(&mut numbers, 7, 2);
        let (took, best) = (makespan(&graph, &takes, 2), optimum(&graph, &takes, 2));
        assert!(took >= best);
        if took * worst.1 > best * worst.0 {
            worst = (took, best);
        }
    }
    assert!(worst.0 * 10 <= worst.1 * 11, "{} where {} is the best", worst.0, worst.1);
}

#[test]
fn a_forecast_is_what_a_run_takes() {
    let mut numbers = Numbers(7);
    for jobs in [1, 3, 8] {
        let (graph, takes) = random(&mut numbers, 300, 3);
        let times = graph.ids().zip(takes.iter().copied()).collect();
        let told = course(&graph, &times, Places { jobs, ..Places::default() }).forecast;
        assert_eq!(told.wall, makespan(&graph, &takes, jobs));
        assert_eq!(told.work, takes.iter().sum::<u64>());
    }
}
