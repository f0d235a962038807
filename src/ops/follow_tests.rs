//! Nodes that another thread runs, followed to their end.

use std::io::Write as _;

use super::*;
use crate::path::HostPath;
use crate::store::runs::{RunFact, RunStarted};

const NODE: &str = "build:a@d/amd64";

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    (folder, store)
}

fn started() -> RunStarted {
    RunStarted::sample(1_736_589_600)
}

/// What is shown of a node of a run that writes `parts` and comes to `outcome`; `None`: the run is killed.
fn followed(parts: &[&str], outcome: Option<RunOutcome>) -> (String, Ended) {
    let (_folder, store) = store();
    let other = Store::open(store.path()).expect("opens");
    let writer = store.start_run(started()).expect("begins");
    writer.write(&[RunFact::Running { node: NODE.to_owned(), at: None, after: None }]).expect("written");
    let follow = Follow::begin(&other, NODE).expect("reads").expect("it runs, without a log yet");
    let mut shown = Vec::new();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            pause(Duration::from_millis(50));
            let work = store.new_work().expect("made");
            let mut log = work.new_log(NODE).expect("made");
            for part in parts {
                log.write_all(part.as_bytes()).expect("written");
                pause(Duration::from_millis(150));
            }
            drop(work);
            let ended = outcome.map(|outcome| RunFact::Ended(RunNode::new(NODE.to_owned(), outcome)));
            ended.iter().for_each(|fact| writer.write(std::slice::from_ref(fact)).expect("written"));
            // The run goes on with others, or is gone.
            if outcome.is_some() {
                pause(Duration::from_millis(600));
            }
            drop(writer);
        });
        follow.to_end(&mut |bytes| shown.extend_from_slice(bytes)).expect("reads")
    });
    (String::from_utf8(shown).expect("text"), ended)
}

#[test]
fn a_log_is_shown_to_its_end_and_how_it_ended_is_known() {
    let parts = ["one\n", "two, ", "and more\n", "three\n"];
    let all = parts.concat();
    assert_eq!(followed(&parts, Some(RunOutcome::Built)), (all.clone(), Ended::Well));
    assert_eq!(followed(&parts, Some(RunOutcome::Failed)), (all.clone(), Ended::Failed(Cause::Build)));
    assert_eq!(followed(&parts, Some(RunOutcome::Stopped)), (all.clone(), Ended::Stopped));
    assert_eq!(followed(&parts, None), (all, Ended::Stopped), "killed");
}

#[test]
fn what_does_not_run_is_not_followed() {
    let (_folder, store) = store();
    assert!(Follow::begin(&store, NODE).expect("reads").is_none());
    let writer = store.start_run(started()).expect("begins");
    writer.write(&[RunFact::Running { node: NODE.to_owned(), at: None, after: None }]).expect("written");
    assert!(Follow::begin(&store, NODE).expect("reads").is_some());
    writer.write(&[RunFact::Ended(RunNode::new(NODE.to_owned(), RunOutcome::Built))]).expect("written");
    assert!(Follow::begin(&store, NODE).expect("reads").is_none(), "it has ended");
}

#[test]
fn characters_are_not_cut_in_two() {
    let text = "aé€😀";
    let wholes: Vec<usize> = (0..=text.len()).map(|end| whole(&text.as_bytes()[..end])).collect();
    assert_eq!(wholes, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
    // What is no character at all holds nothing up.
    assert_eq!([whole(b"a\xff"), whole(&[0x80; 9]), whole(b"\xf0\x80\x80\x80\x80")], [2, 9, 5]);
}
