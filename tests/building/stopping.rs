//! Runs that are ended: by a kill, by Ctrl-C, and runs that meet another one.

use std::fs;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space, wait_for};

/// A build that takes some seconds, seen on the host by the word `opb-TAG` in its arguments.
fn slow(space: &Space) {
    let fill = "sh -c 'sleep 4; :' opb-TAG; echo slept > $d/x";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(space, "");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { name: "b", fields, ..Tiny::PLAIN }.with_recipe(space, "");
}

/// Processes of this machine with the test's own word in their arguments.
fn marked(space: &Space) -> Vec<String> {
    let word = space.own("opb-TAG");
    let numbers = fs::read_dir("/proc").expect("reads").flatten().map(|entry| entry.file_name());
    let marked = |name: &String| {
        let Ok(line) = fs::read(format!("/proc/{name}/cmdline")) else { return false };
        line.split(|byte| *byte == 0).any(|arg| arg == word.as_bytes())
    };
    numbers
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.parse::<u32>().is_ok())
        .filter(marked)
        .collect()
}

/// Lines of all processes' mounts that name `word`.
fn mounts(word: &str) -> Vec<String> {
    let numbers = fs::read_dir("/proc").expect("reads").flatten();
    let texts = numbers.filter_map(|entry| fs::read_to_string(entry.path().join("mountinfo")).ok());
    texts
        .flat_map(|text| text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Waits until the slow build sleeps; returns the name of its work folder.
fn asleep(space: &Space) -> String {
    let process = wait_for("the slow build", || marked(space).pop());
    let text = fs::read_to_string(format!("/proc/{process}/mountinfo")).expect("reads");
    let place = space.store.join("work").display().to_string();
    let rest = text.lines().find_map(|line| line.split(&place).nth(1)).unwrap_or_else(|| panic!("no work in\n{text}"));
    let name = rest.trim_start_matches('/').split(['/', ',', ' ']).next().expect("a name");
    format!("{place}/{name}")
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process")), signal).expect("sent");
}

#[test]
fn a_killed_run_leaves_nothing_and_the_next_goes_on() {
    let Some(space) = space("killed") else { return };
    slow(&space);
    let mut child = space.start(&["build", "-j1"]);
    let work = asleep(&space);
    assert!(!mounts(&work).is_empty(), "the work folder is mounted while the build runs");
    send(&child, Signal::SIGKILL);
    child.wait().expect("ends");
    wait_for("the build's processes to end", || marked(&space).is_empty().then_some(()));
    wait_for("the build's mounts to go", || mounts(&work).is_empty().then_some(()));
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), 0);

    let next = space.opb(&["build", "-j1"]).fine();
    let built: Vec<String> = next.nodes("done").into_iter().map(|node| space.shown(node)).collect();
    assert!(built.contains(&"build:a-TAG@DISTRO/all".to_owned()), "{}", next.err);
    // What was finished before the kill is not made again.
    assert!(!built.iter().any(|node| node.starts_with("source-package:a-")), "{}", next.err);
    assert!(!std::path::Path::new(&work).exists(), "{work} is still there:\n{}", next.err);
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
}

#[test]
fn an_interrupted_run_ends_in_order_and_the_next_goes_on() {
    let Some(space) = space("interrupted") else { return };
    slow(&space);
    let child = space.start(&["build", "-j1"]);
    let work = asleep(&space);
    let began = std::time::Instant::now();
    send(&child, Signal::SIGINT);
    let stopped = Ran::from(child.wait_with_output().expect("ends")).exits(130);
    assert!(began.elapsed().as_secs() < 3, "it took {:?} to stop", began.elapsed());
    assert_eq!(stopped.nodes("stopped"), [space.own("build:a-TAG@DISTRO/all")], "{}", stopped.err);
    assert!(stopped.nodes("failed").is_empty(), "{}", stopped.err);
    let last = stopped.err.lines().nth_back(1).expect("two last lines");
    assert!(last.contains(" not run, in "), "{last}");
    assert!(marked(&space).is_empty() && mounts(&work).is_empty());
    assert!(!std::path::Path::new(&work).exists(), "{work}");

    // Stopping is no failure: nothing of it is remembered as one.
    let node = space.own("build:a-TAG@DISTRO/all");
    assert!(space.open_store().last_attempt_of_node(&node).expect("reads").is_none());
    space.opb(&["build", "-j1"]).fine();
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
}

#[test]
fn two_runs_at_once_do_each_node_once() {
    let Some(space) = space("twice") else { return };
    slow(&space);
    let children = [space.start(&["build", "-j2"]), space.start(&["build", "-j2"])];
    let [first, second] = children.map(|child| Ran::from(child.wait_with_output().expect("ends")).fine());
    let mut done: Vec<&str> = [first.nodes("done"), second.nodes("done")].concat();
    done.sort_unstable();
    let mut once = done.clone();
    once.dedup();
    assert_eq!(done, once, "--- one\n{}--- other\n{}", first.err, second.err);
    for node in ["build:a-TAG@DISTRO/all", "build:b-TAG@DISTRO/all", "source-package:a-TAG@DISTRO"] {
        assert_eq!(space.times(node), 1, "{node}");
        assert!(done.contains(&space.own(node).as_str()), "{node} in {done:?}");
    }
    assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
}

#[test]
fn a_realised_build_that_fails_again_keeps_its_number() {
    let Some(space) = space("fails-again") else { return };
    let fill = "sh -c 'sleep 2 && true' opb-TAG || exit 1\nprintf '%s\\n' \"${X-}\" > $d/x";
    let tiny = Tiny { fill, ..Tiny::PLAIN };
    tiny.with_recipe(&space, "");
    space.opb(&["build"]).fine();
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);

    let again = space.start(&["build", "--again", "--only", "build:a-TAG@DISTRO/all"]);
    let asleep: i32 = wait_for("the build's shell", || marked(&space).pop()).parse().expect("a number");
    kill(Pid::from_raw(asleep), Signal::SIGKILL).expect("killed");
    let failed: Ran = again.wait_with_output().expect("ends").into();
    failed.exits(4);
    // What it is realised by stays.
    insta::assert_snapshot!(space.shown(&space.opb(&["build"]).fine().err), @r"
    nothing to do: 9 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 9 nodes from the store
    ");
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    // Another build of the version is another number: under the first there are packages already.
    tiny.with_recipe(&space, "env: #{ X: \"1\" }");
    space.opb(&["build"]).fine();
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"]);
}
