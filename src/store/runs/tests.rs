//! What a record says, whole, cut off at any place, and damaged.

use super::*;
use crate::digest::Digest;
use crate::drv::{ActionKey, Outputs};
use crate::name::OutputName;

fn started(seconds: i64) -> RunStarted {
    let selection = vec!["libbsd".to_owned()];
    RunStarted { selection, only: true, nodes: 9, clean: 7, depends: 1, ..RunStarted::sample(seconds) }
}

fn planned(node: &str, state: &str) -> RunFact {
    RunFact::Planned(RunPlanned {
        node: node.to_owned(),
        derivation: Digest::of(node.as_bytes()),
        state: state.to_owned(),
        reason: (state == "runs").then(|| "env V changed from `1` to `2`".to_owned()),
        root: state == "runs",
        since: Some(5),
        causes: vec![0],
    })
}

fn facts() -> Vec<RunFact> {
    let change = RunChange { field: "env V".to_owned(), before: Some("1".to_owned()), now: Some("2".to_owned()) };
    let cause = RunCause {
        theme: "changed".to_owned(),
        text: "env V changed from `1` to `2`".to_owned(),
        changes: vec![change],
        first: vec!["build:a".to_owned()],
        roots: 1,
        dragged: 1,
        builds: 2,
    };
    let output = OutputName::new("packages").expect("a name");
    let ended = RunNode {
        key: Some(ActionKey(Digest::of(b"key"))),
        outputs: Outputs::from([(output, Digest::of(b"packages"))]),
        milliseconds: 12,
        cpu_milliseconds: 30,
        ..RunNode::new("build:a".to_owned(), RunOutcome::Built)
    };
    vec![
        RunFact::Cause(cause),
        planned("build:a", "runs"),
        planned("build:b", "depends"),
        RunFact::Running { node: "build:a".to_owned(), at: None, after: None },
        RunFact::Ended(ended),
        RunFact::Running { node: "build:b".to_owned(), at: None, after: None },
    ]
}

fn finished() -> RunFinished {
    let counts = RunCounts { ran: 2, builds: 2, ..RunCounts::default() };
    RunFinished { ended: 1_736_589_700, milliseconds: 100_000, how: RunEnd::Done, message: None, counts }
}

/// A whole run, as a build writes it.
pub(in crate::store) fn one_run(store: &Store) -> RunId {
    let writer = store.start_run(started(1_736_589_600)).expect("begins");
    let facts = facts();
    writer.write(&facts[..3]).expect("written");
    for fact in &facts[3..] {
        writer.write(std::slice::from_ref(fact)).expect("written");
    }
    let id = writer.id().clone();
    writer.finish(finished()).expect("written");
    id
}

/// Whatever a record has is what [`one_run`] writes, up to some line.
pub(in crate::store) fn check_beginning(run: &Run) {
    assert_eq!((&run.head.started, run.damaged), (&started(1_736_589_600), 0));
    assert!(run.causes.len() <= 1 && run.nodes.len() <= 2);
    let names: Vec<&str> = run.nodes.iter().map(|node| node.node.as_str()).collect();
    assert!(["build:a", "build:b"].starts_with(&names), "{names:?}");
    match run.head.state() {
        RunState::Killed => assert_eq!(run.head.finished, None),
        RunState::Ended(end) => assert_eq!((end, names.len()), (RunEnd::Done, 2)),
        RunState::Running => panic!("nobody is writing"),
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    (folder, store)
}

fn file(store: &Store, id: &RunId) -> std::path::PathBuf {
    store.path().join(place_of(id)).as_path().to_owned()
}

#[test]
fn what_was_written_is_read() {
    let (_folder, store) = store();
    assert_eq!(store.runs().expect("reads"), []);
    let id = one_run(&store);
    assert_eq!((id.to_string().as_str(), id.started()), ("20250111-100000", 1_736_589_600));
    let run = store.run(&id).expect("reads").expect("there");
    assert_eq!(run.head, store.run_head(&id).expect("reads").expect("there"));
    assert_eq!((run.head.started.clone(), run.head.finished.clone()), (started(1_736_589_600), Some(finished())));
    assert_eq!(run.head.state(), RunState::Ended(RunEnd::Done));
    assert_eq!((run.causes.len(), run.causes[0].dragged, run.damaged), (1, 1, 0));
    let (a, b) = (run.of("build:a").expect("there"), run.of("build:b").expect("there"));
    assert_eq!((run.outcome(a), a.began), (Some(RunOutcome::Built), true));
    // It began, and the record ends without its end.
    assert_eq!((run.outcome(b), b.began), (Some(RunOutcome::Killed), true));
    assert_eq!(b.planned.as_ref().map(|planned| planned.state.as_str()), Some("depends"));
    assert_eq!(run.of("build:c"), None);
}

#[test]
fn times_of_nodes_are_read_where_they_were_written() {
    let (_folder, store) = store();
    let writer = store.start_run(started(1_736_589_600)).expect("begins");
    let (a, b) = ("build:a".to_owned(), "build:b".to_owned());
    let ended = RunNode { at: Some(30), ..RunNode::new(a.clone(), RunOutcome::Built) };
    let begins = |node: &str, at, after| RunFact::Running { node: node.to_owned(), at, after };
    writer.write(&[begins(&a, Some(7), None), RunFact::Ended(ended), begins(&b, Some(31), Some(a))]).expect("written");
    let run = store.run(writer.id()).expect("reads").expect("there");
    let (a, b) = (run.of("build:a").expect("there"), run.of("build:b").expect("there"));
    assert_eq!(
        (a.began_at, a.after.as_deref(), a.ended.as_ref().and_then(|ended| ended.at)),
        (Some(7), None, Some(30))
    );
    assert_eq!((b.began_at, b.after.as_deref(), run.head.started.jobs), (Some(31), Some("build:a"), Some(4)));
}

/// Lines as programs wrote them that knew of no times, whose checks hold still.
#[test]
fn records_without_times_are_read() {
    let lines = [
        r#"{"check":"ce50f548ec","fact":{"running":{"node":"build:a"}}}"#,
        r#"{"check":"f761a4eedc","fact":{"ended":{"node":"build:a","outcome":"built","key":null,"outputs":{},"milliseconds":12,"kept":null,"fault":null,"message":null,"log":null}}}"#,
    ];
    let facts = lines.map(|line| line::decode(line.as_bytes()).unwrap_or_else(|| panic!("{line}")));
    let ended = RunNode { milliseconds: 12, ..RunNode::new("build:a".to_owned(), RunOutcome::Built) };
    let running = RunFact::Running { node: "build:a".to_owned(), at: None, after: None };
    assert_eq!(facts, [running, RunFact::Ended(ended)]);
}

#[test]
fn runs_of_one_second_are_told_apart_and_sorted() {
    let (_folder, store) = store();
    let ids: Vec<String> = (0..11).map(|_| one_run(&store).to_string()).collect();
    assert_eq!([&ids[0], &ids[1], &ids[10]], ["20250111-100000", "20250111-100000-2", "20250111-100000-11"]);
    let later = store.start_run(started(1_736_589_601)).expect("begins");
    let listed: Vec<String> = store.runs().expect("reads").iter().map(ToString::to_string).collect();
    assert_eq!(listed, ids.into_iter().chain([later.id().to_string()]).collect::<Vec<_>>());
}

#[test]
fn names_that_are_none() {
    for text in ["", "last", "2025", "20250111-1000", "20250111-100000-1", "20250111-100000-02", "20250111-100000-2-3"]
    {
        let error = text.parse::<RunId>().expect_err(text);
        assert_eq!(error.to_string(), format!("`{text}` is not a run: written as in `20250111-100000`"));
    }
    assert_eq!("20250111-100000-2".parse::<RunId>().map(|id| id.to_string()), Ok("20250111-100000-2".to_owned()));
}

#[test]
fn a_run_that_goes_on_is_told_from_one_that_was_killed() {
    let (_folder, store) = store();
    let writer = store.start_run(started(1_736_589_600)).expect("begins");
    writer.write(&facts()).expect("written");
    let id = writer.id().clone();
    let state = || store.run_head(&id).expect("reads").expect("there").state();
    assert_eq!(state(), RunState::Running);
    let run = store.run(&id).expect("reads").expect("there");
    assert_eq!(run.outcome(run.of("build:b").expect("there")), None, "it may still come to something");
    // As when the process dies: the lock goes with its descriptor.
    drop(writer);
    assert_eq!(state(), RunState::Killed);
}

#[test]
fn cut_off_anywhere_it_loses_at_most_one_line() {
    let (_folder, store) = store();
    let id = one_run(&store);
    let whole = std::fs::read(file(&store, &id)).expect("reads");
    for end in (0..whole.len()).step_by(5).chain(whole.len() - 3..whole.len()) {
        std::fs::write(file(&store, &id), &whole[..end]).expect("written");
        let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count();
        let run = store.run(&id).expect("reads");
        assert_eq!(run.is_some(), lines > 0, "cut at {end}");
        if let Some(run) = run {
            check_beginning(&run);
            let known = run.causes.len() + run.nodes.iter().filter(|node| node.planned.is_some()).count();
            assert_eq!(known, (lines - 1).min(3), "cut at {end}");
        }
    }
}

#[test]
fn a_damaged_line_is_passed_over_and_counted() {
    let (_folder, store) = store();
    let id = one_run(&store);
    let text = std::fs::read_to_string(file(&store, &id)).expect("reads");
    std::fs::write(file(&store, &id), text.replacen("\"env V\"", "\"env W\"", 1)).expect("written");
    let run = store.run(&id).expect("reads").expect("there");
    assert_eq!((run.damaged, run.causes.len(), run.nodes.len()), (1, 0, 2));
    assert_eq!(run.head.state(), RunState::Ended(RunEnd::Done));
    std::fs::write(file(&store, &id), "garbage\n").expect("written");
    assert_eq!(store.run(&id).expect("reads"), None);
    assert_eq!(store.run_head(&"20250101-000000".parse().expect("a name")).expect("reads"), None);
}

const DAY: i64 = 24 * 60 * 60;

#[test]
fn old_runs_are_forgotten_when_one_begins() {
    let (_folder, store) = store();
    let begin = |seconds: i64| store.start_run(started(seconds)).expect("begins");
    let first = 1_736_589_600;
    // One that still goes on, and 201 that ended, a second apart.
    let going_on = begin(first);
    let ids: Vec<RunId> = (1..=201).map(|second| begin(first + second).id().clone()).collect();
    assert_eq!(store.runs().expect("reads").len(), 202, "none is older than 30 days");
    let whole = File::open(file(&store, &ids[0])).expect("opens");
    begin(first + 29 * DAY);
    assert_eq!(store.runs().expect("reads").len(), 203);
    begin(first + 31 * DAY);
    let left = store.runs().expect("reads");
    assert_eq!((left.len(), &left[0], &left[1]), (201, going_on.id(), &ids[3]), "200 stay, and what goes on");
    assert_eq!((store.run(&ids[0]).expect("reads"), store.run_head(&ids[0]).expect("reads")), (None, None));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut &whole, &mut text).expect("whoever reads goes on reading");
    assert!(text.contains("builder"), "{text}");
    going_on.write(&facts()).expect("written");
    drop(going_on);
    begin(first + 31 * DAY);
    assert_eq!(store.runs().expect("reads").len(), 200);
}

#[test]
fn readers_do_not_mind_what_is_forgotten() {
    let (_folder, store) = store();
    let first = 1_736_589_600;
    let begin = |seconds: i64| drop(store.start_run(started(seconds)).expect("begins"));
    (0..200).for_each(|second| begin(first + second));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..40).for_each(|month| begin(first + 31 * DAY * (month + 1))));
        while !writer.is_finished() {
            for id in store.runs().expect("reads").iter().take(30) {
                // There or not, and never half of it.
                let run = store.run(id).expect("no mistake");
                assert!(run.is_none_or(|run| run.head.id == *id && run.damaged == 0));
            }
        }
    });
    assert_eq!(store.runs().expect("reads").len(), 200);
}

#[test]
fn what_a_repository_kept_is_read() {
    let (_folder, store) = store();
    let writer = store.start_run(started(1_736_589_600)).expect("begins");
    let node = "repo:n@d".to_owned();
    let (kept, never) = (vec!["build:a@d/amd64".to_owned()], vec!["build:b@d/amd64".to_owned()]);
    writer
        .write(&[RunFact::KeptGood { node: node.clone(), kept: kept.clone(), never: never.clone() }])
        .expect("written");
    let run = store.run(writer.id()).expect("reads").expect("there");
    let repository = run.of(&node).expect("there");
    assert_eq!((&repository.kept, &repository.never, run.damaged), (&kept, &never, 0));
    assert!(repository.without.is_empty());
}
