//! Builds that take long, and builds that take longer than they used to.

use crate::diag::Failure;
use crate::report::nightly::{Growing, Took};
use crate::store::Store;
use crate::store::runs::{Run, RunNode, RunOutcome};

/// How many builds are slowest, and how many grow.
const MOST: usize = 10;

/// Among how many of the slowest builds those that grow are looked for. The others do not take long anyway.
const LOOKED_AT: usize = 500;

/// With how many builds of before a build is compared, at the least and at the most.
const LEAST_BEFORE: usize = 3;
const MOST_BEFORE: usize = 12;

/// By how many milliseconds a build has to grow.
const LEAST_MORE: u64 = 30_000;

/// Package builds that ran in a run and came to something, the slowest first.
fn ran(run: &Run) -> Vec<&RunNode> {
    let has_run = |node: &&RunNode| {
        matches!(node.outcome, RunOutcome::Built | RunOutcome::Identical | RunOutcome::Kept)
            && node.node.starts_with("build:")
    };
    let mut ran: Vec<&RunNode> = run.nodes.iter().filter_map(|node| node.ended.as_ref()).filter(has_run).collect();
    ran.sort_by_key(|node| std::cmp::Reverse(node.milliseconds));
    ran
}

/// The slowest ones.
pub(super) fn slowest(run: &Run) -> Vec<Took> {
    let took = |node: &RunNode| Took {
        node: node.node.clone(),
        milliseconds: node.milliseconds,
        cpu_milliseconds: node.cpu_milliseconds,
    };
    ran(run).into_iter().take(MOST).map(took).collect()
}

/// Those that took at least a quarter and half a minute longer than the median of what their last builds before took on the same
/// machine, that which grew most first. What a cache's machine took tells nothing.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn growing(store: &Store, run: &Run) -> Result<Vec<Growing>, Failure> {
    let mut growing = Vec::new();
    for node in ran(run).into_iter().take(LOOKED_AT).take_while(|node| node.milliseconds > LEAST_MORE) {
        let started = &run.head.started;
        let earlier = store.latest_of_node(&node.node, 2 * MOST_BEFORE)?;
        let is_before = |result: &&crate::store::Realisation| {
            Some(result.key) != node.key && result.started < started.started && result.host == started.host
        };
        let earlier = earlier.iter().filter(is_before).take(MOST_BEFORE);
        let mut before: Vec<u64> = earlier.map(|result| result.milliseconds).filter(|took| *took > 0).collect();
        before.reverse();
        growing.extend(grown(node, before));
    }
    growing.sort_by_key(|one| std::cmp::Reverse(one.percent()));
    growing.truncate(MOST);
    Ok(growing)
}

fn grown(node: &RunNode, before: Vec<u64>) -> Option<Growing> {
    let mut sorted = before.clone();
    sorted.sort_unstable();
    let usual = *sorted.get(sorted.len() / 2)?;
    let (node, milliseconds) = (node.node.clone(), node.milliseconds);
    let more = milliseconds.saturating_sub(usual);
    let has_grown = before.len() >= LEAST_BEFORE && more >= LEAST_MORE && more >= usual / 4;
    has_grown.then_some(Growing { node, milliseconds, usual, before })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::drv::{ActionKey, Outputs};
    use crate::path::HostPath;
    use crate::store::Realisation;
    use crate::store::runs::{RunFact, RunStarted};

    const A: &str = "build:a@d/amd64";
    const BEGAN: i64 = 1_736_589_600;

    /// Records that `A` took so many minutes, so many days ago, on that machine.
    fn built(store: &Store, days: i64, minutes: u64, host: &str) -> ActionKey {
        let key = ActionKey(Digest::of(format!("{days} {host}").as_bytes()));
        let result = Realisation {
            key,
            node: A.to_owned(),
            fingerprint: None,
            number: None,
            outputs: Outputs::new(),
            derivation: String::new(),
            log: None,
            started: BEGAN - days * 86_400,
            milliseconds: minutes * 60_000,
            cpu_milliseconds: 0,
            peak_memory: 0,
            disk: 0,
            backend: "namespaces".to_owned(),
            host: host.to_owned(),
            kept: None,
        };
        store.record(&result).expect("recorded");
        key
    }

    #[test]
    fn what_grows_is_told_by_builds_of_the_same_machine() {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path())).expect("opens");
        let started = RunStarted::sample(BEGAN);
        for (days, minutes) in [(9, 3), (7, 4), (5, 4)] {
            built(&store, days, minutes, &started.host);
            built(&store, days, 60, "a cache's");
        }
        let key = built(&store, 0, 9, &started.host);
        let writer = store.start_run(started).expect("begins");
        let ran = |node: &str, minutes: u64, outcome| {
            let node = RunNode { milliseconds: minutes * 60_000, ..RunNode::new(node.to_owned(), outcome) };
            RunFact::Ended(RunNode { key: Some(key), ..node })
        };
        let facts = [
            ran("root:a@d/amd64", 20, RunOutcome::Built),
            ran(A, 9, RunOutcome::Kept),
            ran("build:b@d/amd64", 12, RunOutcome::Identical),
            ran("build:c@d/amd64", 30, RunOutcome::Failed),
        ];
        writer.write(&facts).expect("written");
        let run = store.run(writer.id()).expect("reads").expect("there");
        let told: Vec<(String, u64)> = slowest(&run).into_iter().map(|took| (took.node, took.milliseconds)).collect();
        assert_eq!(told, [("build:b@d/amd64".to_owned(), 720_000), (A.to_owned(), 540_000)]);
        let (milliseconds, usual, before) = (540_000, 240_000, vec![180_000, 240_000, 240_000]);
        let grown = Growing { node: A.to_owned(), milliseconds, usual, before };
        assert_eq!(growing(&store, &run).expect("reads"), [grown]);
    }

    #[test]
    fn a_build_grows_by_a_quarter_and_half_a_minute() {
        let of = |milliseconds: u64, before: &[u64]| {
            let node = RunNode { milliseconds, ..RunNode::new("build:a@d/amd64".to_owned(), RunOutcome::Built) };
            grown(&node, before.to_vec()).map(|grown| (grown.usual, grown.percent()))
        };
        let minutes = |minutes: &[u64]| minutes.iter().map(|minute| minute * 60_000).collect::<Vec<_>>();
        assert_eq!(of(6 * 60_000, &minutes(&[4, 1, 4])), Some((240_000, 50)));
        assert_eq!(of(6 * 60_000, &minutes(&[4, 4])), None, "of two nothing is usual");
        assert_eq!(of(6 * 60_000, &minutes(&[5, 5, 5])), None, "a fifth");
        assert_eq!(of(40_000, &[20_000; 5]), None, "20 seconds");
        assert_eq!(of(u64::MAX, &[0; 5]).map(|(usual, _)| usual), Some(0));
        assert_eq!(of(1, &[]), None);
    }
}
