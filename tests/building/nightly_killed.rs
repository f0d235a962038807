//! Nightlies that are ended between two of their steps: behind a publication, before its record; and between two locks.
//!
//! Where they are held up is what brings a channel to another machine: an `rsync` that waits.

use std::fs;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opb::night::Night;

use super::nightly::{commit, last, told};
use crate::space::{Ran, Space, space, wait_for};

/// Waits as long as there is a file `hold` beside it, and says in another one that it does.
const RSYNC: &str =
    "#!/bin/sh\nhere=$(dirname \"$0\")\nwhile [ -e \"$here/hold\" ]; do\n  touch \"$here/waits\"\n  sleep 0.1\ndone\n";

/// A project of one component, whose channel `c-TAG` is brought to another machine.
fn project(name: &str, more: &str) -> Option<Space> {
    let space = space(name)?;
    space.write("bin/rsync", RSYNC);
    let channel = "[channel.c-TAG]\nto = [\"deploy@www.example.org:/srv/c\"]\n";
    space.write("opb.toml", &format!("{channel}{more}sources = \"0\"\nbases = \"never\"\n"));
    commit(&space, "a", ("1-1", "echo 1 > $d/x"), "begin a");
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    Some(space)
}

fn start(space: &Space) -> Child {
    let mut command = space.command(&["nightly", "-j1"]);
    let path = std::env::var("PATH").expect("set");
    command.env("PATH", format!("{}:{path}", space.folder.join("bin").display()));
    let piped = std::process::Stdio::piped;
    command.stdout(piped()).stderr(piped()).spawn().expect("starts")
}

fn night(space: &Space) -> Ran {
    start(space).wait_with_output().expect("ends").into()
}

/// A nightly that gets that signal while it brings the first channel to another machine.
fn ended_behind_a_publication(space: &Space, signal: Signal) -> Ran {
    let (hold, waits) = (space.folder.join("bin/hold"), space.folder.join("bin/waits"));
    fs::write(&hold, "").expect("written");
    let child = start(space);
    wait_for("rsync", || waits.exists().then_some(()));
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process")), signal).expect("sent");
    fs::remove_file(hold).expect("there");
    let ran = child.wait_with_output().expect("ends").into();
    fs::remove_file(waits).expect("there");
    ran
}

/// The generation that a channel is served from; `None`: none.
fn generation(space: &Space, channel: &str) -> Option<String> {
    let current = space.store.join(space.own(&format!("channels/{channel}/current")));
    Some(fs::read_link(current).ok()?.file_name()?.to_string_lossy().into_owned())
}

#[test]
fn what_a_killed_one_has_published_is_told_by_the_next_and_not_published_again() {
    let Some(space) = project("nightly-published", "[set.default]\n") else { return };
    night(&space).fine();
    commit(&space, "a", ("2-1", "echo 2 > $d/x"), "better a");
    assert_eq!(ended_behind_a_publication(&space, Signal::SIGKILL).code, None);
    assert_eq!(generation(&space, "c-TAG").as_deref(), Some("2"), "it was published");
    assert_eq!(last(&space).number, 1, "and left no record");

    let next = night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r#"
    3 regressed: false
    moved a by ["better a"] for ["a-TAG"]
    a-TAG 2-1~SUFFIX+opb1: built
    generation 2 new: true ["a-TAG all", "a-TAG source"]
    note: nightly 2 was killed or stopped before the end: what was done is told here
    "#);
    assert!(next.out.contains("nightly 2 was killed or stopped"), "{}", next.out);
    assert_eq!(generation(&space, "c-TAG").as_deref(), Some("2"));
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), 2);
    // That was told, and is not told again.
    night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r"
    4 regressed: false
    a-TAG 2-1~SUFFIX+opb1: clean
    generation 2 new: false []
    ");
}

#[test]
fn one_that_ends_between_two_locks_is_finished_by_the_next() {
    let channels = "[channel.d-TAG]\nlock = \"other\"\n[set.default]\nchannels = [\"c-TAG\", \"d-TAG\"]\n";
    let Some(space) = project("nightly-locks", channels) else { return };
    fs::copy(space.folder.join("opb.lock"), space.folder.join("opb.other.lock")).expect("copied");
    space.opb(&["key", "init", "--name", "d-TAG"]).fine();
    night(&space).fine();
    let pinned = |lock: &str| {
        let text = fs::read_to_string(space.folder.join(lock)).expect("there");
        text.lines().find_map(|line| line.strip_prefix("commit = ")).expect("a commit").to_owned()
    };
    let published = || ["c-TAG", "d-TAG"].map(|channel| generation(&space, channel).expect("published"));
    assert_eq!((published(), pinned("opb.lock") == pinned("opb.other.lock")), (["1".to_owned(), "1".to_owned()], true));

    commit(&space, "a", ("2-1", "echo 2 > $d/x"), "better a");
    ended_behind_a_publication(&space, Signal::SIGINT).exits(130);
    assert_eq!(published(), ["2", "1"], "the channel of the first lock alone");
    assert_ne!(pinned("opb.lock"), pinned("opb.other.lock"));
    night(&space).fine();
    let told_of = |night: &Night| -> Vec<(u64, bool)> {
        night.published.iter().map(|one| (one.generation, one.is_new)).collect()
    };
    let finished = last(&space);
    assert_eq!(told_of(&finished), [(2, true), (2, true)], "{finished:?}");
    assert!(finished.notices[0].starts_with("nightly 2 was killed or stopped"), "{finished:?}");
    assert_eq!(finished.moves.len(), 1, "it is told once: {finished:?}");
    assert_eq!(published(), ["2", "2"]);
    assert_eq!(pinned("opb.lock"), pinned("opb.other.lock"));
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), 2, "both have the same");
    night(&space).fine();
    assert_eq!(told_of(&last(&space)), [(2, false), (2, false)]);
}
