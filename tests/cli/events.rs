//! `--format jsonl`: events for programs, while a run goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;

/// The lines of a stream, each as the schema says.
#[track_caller]
fn lines(text: &str) -> Vec<Value> {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.iter().for_each(|line| schema::conforms("events", line));
    let at: Vec<u64> = lines.iter().map(|line| line["at"].as_u64().expect("a time")).collect();
    assert!(at.is_sorted(), "{text}");
    lines
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().expect("a word")).collect()
}

/// The stream of a run with its exit code, and what stood on stderr.
fn streamed(space: &Space, args: &[&str]) -> (Vec<Value>, String) {
    let output = space.command(args).output().expect("runs");
    let all = lines(&String::from_utf8(output.stdout).expect("text"));
    let (first, last) = (&all[0], all.last().expect("a line"));
    assert_eq!((&first["event"], &first["version"]), (&"began".into(), &1.into()));
    assert_eq!((&last["event"], last["code"].as_i64()), (&"ended".into(), output.status.code().map(i64::from)));
    (all, String::from_utf8(output.stderr).expect("text"))
}

/// A project whose archive takes connections and does not answer.
fn waiting() -> (Space, TcpListener) {
    let space = Space::pinned();
    let archive = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = archive.local_addr().expect("has one").port();
    space.file("opb.toml", &format!("[mirrors]\nmirage = \"http://127.0.0.1:{port}/mirage\"\n"));
    (space, archive)
}

/// Starts a build of the base, and reads its stream up to the line that says that something runs.
fn started(space: &Space) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut build = space.command(&["build", "base", "--format", "jsonl"]);
    let mut build = build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stream = BufReader::new(build.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains("node-started") {
        assert_ne!(stream.read_line(&mut text).expect("read"), 0, "{text}");
    }
    assert!(build.try_wait().expect("asked").is_none(), "it still runs: {text}");
    (build, stream, text)
}

#[test]
fn what_runs_is_told_and_nothing_else_is_said() {
    let space = Space::pinned();
    let (all, said) = streamed(&space, &["build", "repo:nightly", "--format", "jsonl"]);
    let told = ["began", "run-started", "node-started", "node-done", "run-finished", "run-saved", "ended"];
    let without_phases = |all: &[Value]| -> Vec<String> {
        events(all).into_iter().filter(|event| *event != "node-phase").map(str::to_owned).collect()
    };
    assert_eq!(without_phases(&all), told);
    assert_eq!(said, "");
    let done = all.iter().find(|line| line["event"] == "node-done").expect("there");
    assert_eq!((&done["node"], &done["how"]), (&"repo:nightly@mirage-1".into(), &"built".into()));
    let since_1970 = all[0]["started"].as_i64().expect("a time");
    assert!(since_1970 > 1_700_000_000_000, "milliseconds: {since_1970}");
    let (again, _) = streamed(&space, &["build", "repo:nightly", "--format", "jsonl"]);
    assert_eq!(events(&again), ["began", "run-started", "run-finished", "run-saved", "ended"]);
}

#[test]
fn failures_are_told_with_whose_fault_they_are() {
    let space = Space::two();
    let (all, said) = streamed(&space, &["build", "--only", "libbsd", "--format", "jsonl"]);
    let failed: Vec<&Value> = all.iter().filter(|line| line["event"] == "node-failed").collect();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|line| line["cause"] == "environment" && line["log"].is_null()));
    assert!(failed[0]["message"].as_str().expect("text").contains("no archive is known"));
    let counts = &all.iter().find(|line| line["event"] == "run-finished").expect("there")["counts"];
    assert_eq!((&counts["failed"], &counts["not_run"]), (&3.into(), &10.into()));
    assert_eq!((all.last().expect("a line")["code"].as_i64(), said.as_str()), (Some(3), ""));
}

#[test]
fn what_keeps_a_run_from_beginning_is_told_on_both_ways() {
    let space = Space::pinned();
    let (all, said) = streamed(&space, &["build", "nothing-is-called-so", "--format", "jsonl"]);
    assert_eq!(events(&all), ["began", "ended"]);
    let error = all[1]["error"].as_str().expect("an error");
    assert!(all[1]["code"] == 2 && error.contains("nothing-is-called-so"), "{error}");
    assert!(said.contains(error), "{said}");
}

#[test]
fn a_fetch_tells_what_came() {
    let space = Space::two();
    let (all, said) = streamed(&space, &["fetch", "libbsd", "--format", "jsonl"]);
    assert!(events(&all).contains(&"node-failed") && said.is_empty(), "{said}");
    let told = all.iter().find(|line| line["event"] == "fetched").expect("there");
    schema::conforms("fetch", &told["result"]);
    assert_eq!(told["result"]["complete"], false);
}

#[test]
fn lines_come_while_it_runs_and_a_stop_ends_the_stream_in_order() {
    let (space, _archive) = waiting();
    let (mut build, mut stream, mut text) = started(&space);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(build.id().cast_signed()), nix::sys::signal::SIGTERM)
        .expect("a child");
    stream.read_to_string(&mut text).expect("read");
    assert_eq!(build.wait().expect("ends").code(), Some(130));
    let all = lines(&text);
    assert!(events(&all).contains(&"node-stopped"), "{text}");
    let last = all.last().expect("a line");
    assert_eq!((&last["event"], &last["code"]), (&"ended".into(), &130.into()));
}

#[test]
fn who_follows_a_node_learns_how_it_ended() {
    let (space, _archive) = waiting();
    let (mut build, mut stream, mut text) = started(&space);
    let mut follow = space.command(&["log", "-f", "index:base"]);
    let follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    // Long enough for it to look whether the node runs, which it does.
    std::thread::sleep(Duration::from_secs(2));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(build.id().cast_signed()), nix::sys::signal::SIGTERM)
        .expect("a child");
    stream.read_to_string(&mut text).expect("read");
    build.wait().expect("ends");
    let followed = follow.wait_with_output().expect("ends");
    let said = String::from_utf8(followed.stderr).expect("text");
    assert_eq!((followed.status.code(), said.lines().count()), (Some(130), 1), "{said}");
    assert!(said.starts_with("note: index:base@mirage-1/amd64 was stopped"), "{said}");
    let none = space.seen(&["log", "-f", "index:base"]);
    assert!(
        none.starts_with("exit 2") && none.contains("does not run") && none.contains("opb::history::no_log"),
        "{none}"
    );
}

#[test]
fn a_run_goes_on_when_nobody_reads_any_more() {
    let (space, archive) = waiting();
    let (mut build, stream, _) = started(&space);
    drop(stream);
    // Now the archive answers each time, with nothing.
    archive.set_nonblocking(true).expect("set");
    let began = Instant::now();
    let code = loop {
        drop(archive.accept());
        if let Some(status) = build.try_wait().expect("asked") {
            break status.code();
        }
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    build.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(code, Some(3), "as it came out, not killed: {said}");
    assert!(said.starts_with("note: nobody is told of events any more") && said.lines().count() == 1, "{said}");
    let run = space.json(&["runs", "last", "--format", "json"]);
    assert_eq!((&run["run"]["result"], &run["run"]["counts"]["failed"]), (&"failed".into(), &1.into()));
    assert!(space.seen(&["store", "verify"]).starts_with("exit 0"));
}

#[test]
fn a_reader_that_pauses_holds_no_run_up() {
    let mut space = Space::two();
    for number in 0..20 {
        let name = format!("more{number}");
        space.file(&format!("recipes/{name}.rhai"), &format!("#{{ source: dsc(\"{name}\") }}\n"));
        space.dsc(&name, "", &[(name.as_str(), "any", "")]);
    }
    let mut build = space.command(&["build", "--format", "jsonl"]);
    let mut build = build.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut stream = build.stdout.take().expect("a pipe");
    // Less than the run tells.
    nix::fcntl::fcntl(&stream, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4_096)).expect("set");
    let began = Instant::now();
    let is_over = || {
        let seen = space.seen(&["runs", "last", "--format", "json"]);
        seen.contains("\"result\": \"failed\"")
    };
    while !is_over() {
        assert!(began.elapsed() < Duration::from_secs(60), "the run waits for its reader");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(build.try_wait().expect("asked").is_none(), "what it told is still to be read");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read");
    assert!(text.len() > 4_096, "{}", text.len());
    let last = lines(&text).pop().expect("a line");
    assert_eq!((&last["event"], last["code"].as_i64()), (&"ended".into(), Some(3)));
    assert_eq!(build.wait().expect("ends").code(), Some(3));
}

#[test]
fn a_stream_that_cannot_be_written_is_an_error() {
    let space = Space::pinned();
    let mut build = space.command(&["build", "repo:nightly", "--format", "jsonl"]);
    let full = fs::File::options().write(true).open("/dev/full").expect("there");
    let output = build.stdout(full).stderr(Stdio::piped()).spawn().and_then(Child::wait_with_output).expect("runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.code() == Some(3) && said.contains("opb::output"), "{said}");
    let run = space.json(&["runs", "last", "--format", "json"]);
    assert_eq!(run["run"]["result"], "done", "the run itself went on");
}

/// Events that no run here comes to.
#[test]
fn every_event_is_in_the_schema() {
    use opb::cost::Cost;
    use opb::diag::Cause;
    use opb::drv::ActionKey;
    use opb::event::{CacheUse, Done, Event, KnownFailure, Passing, RootFailure};
    use opb::exceptions::Excuse;
    let node = || "build:libbsd@mirage-1/amd64".parse().expect("a name");
    let (key, name, cache) = (ActionKey(Digest::of(b"")), || "build:libbsd".to_owned(), || "office".to_owned());
    let outputs = || {
        let mut outputs = opb::drv::Outputs::new();
        outputs.insert(opb::name::OutputName::new("packages").expect("a name"), Digest::of(b""));
        outputs
    };
    let done = |how| Event::NodeDone {
        node: node(),
        how,
        milliseconds: 1,
        key,
        outputs: outputs(),
        cost: Some(Cost { milliseconds: 1, cpu_milliseconds: 2 }),
    };
    let why = "upstream #77".to_owned();
    let known = KnownFailure {
        why,
        until: Some("2027-01-15".to_owned()),
        tolerated: true,
        exception: Some("libbsd".to_owned()),
    };
    let events = [
        Event::NodePhase { node: node(), phase: "running".to_owned() },
        done(Done::Identical),
        done(Done::Found),
        done(Done::Fetched { cache: cache(), bytes: 1 }),
        done(Done::Kept { version: "1.0-1+opb1".to_owned() }),
        Event::PackagesFetched { node: node(), count: 1, bytes: 2, milliseconds: 3 },
        Event::NodeFailed {
            node: node(),
            cause: Cause::Build,
            message: "no".to_owned(),
            log: Some(Digest::of(b"")),
            known: Some(known),
            since: Some(1_770_000_000),
            milliseconds: 1,
            tries: 4,
        },
        Event::NodeRetried {
            node: node(),
            why: Passing::Network,
            message: "no".to_owned(),
            tries: 1,
            most: 4,
            wait_milliseconds: Some(1_000),
        },
        Event::RootFailure { node: node(), not_run: 3, builds: 1, failure: RootFailure::default() },
        Event::NodeHeldUp { node: node(), by: vec![node()], not_run: 2 },
        Event::Skipped {
            excuse: Excuse { why: "x".to_owned(), until: None, exception: Some("libbsd".to_owned()) },
            builds: vec![node()],
            with: vec![node()],
        },
        Event::Incomplete { node: node(), without: vec![node()] },
        Event::KeptGood { node: node(), kept: vec![node()], never: vec![node()] },
        Event::NodeKnown { node: name(), key, cache: cache(), milliseconds: 1, cpu_milliseconds: 2 },
        Event::NodeDiffers { node: name(), key, cache: None },
        Event::CacheUsed(CacheUse { cache: cache(), left_out: Some("slow".to_owned()), ..CacheUse::default() }),
    ];
    let text: String = events.iter().map(|event| opb::report::events::line(event, 1)).collect();
    assert_eq!(lines(&text).len(), events.len());
}
