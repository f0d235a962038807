//! Nightlies: what moves, what is published while something fails, and what a killed one leaves.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opb::night::{CellState, Night};

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space, wait_for};

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
    let output = command.current_dir(folder).output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Puts a source of one package into a repository of its own, as a commit with that message.
pub(super) fn commit(space: &Space, name: &str, (version, fill): (&str, &str), message: &str) {
    Tiny { name, version, fill, ..Tiny::PLAIN }.put(space);
    let folder = space.folder.join(name);
    if !folder.join(".git").exists() {
        git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        space.recipe(name, &format!("#{{ source: git(\"file://{}\") }}\n", folder.display()));
    }
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", message]);
}

/// Two components of which a nightly looks at each every time, and never at this machine's release.
fn project(name: &str) -> Option<Space> {
    let space = space(name)?;
    space.write("opb.toml", "[channel.c-TAG]\n[set.default]\nsources = \"0\"\nbases = \"never\"\n");
    commit(&space, "a", ("1-1", "echo 1 > $d/x"), "begin a");
    commit(&space, "b", ("1-1", "echo 1 > $d/x"), "begin b");
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    Some(space)
}

#[test]
fn a_few_builds_are_made_again_each_night() {
    let Some(space) = project("nightly-verify") else { return };
    space.write("opb.toml", "[channel.c-TAG]\n[set.default]\nsources = \"0\"\nbases = \"never\"\nverify = 2\n");
    commit(&space, "a", ("2-1", "date +%N > $d/x"), "tell the time");
    night(&space).fine();
    let first = last(&space);
    let told: Vec<String> = first.notices.iter().map(|notice| space.shown(notice)).collect();
    let [told] = &told[..] else { panic!("one of both came out otherwise: {told:?}") };
    assert!(told.starts_with("build:a-TAG@DISTRO/all was made again and came out otherwise: "), "{told}");
    assert!(first.steps.iter().any(|step| step.name == "verify" && step.failure.is_none()), "{:?}", first.steps);
    assert!(!first.regressed);
    assert_eq!(space.opb(&["verify", "--list", "a-TAG"]).fine().out.lines().count(), 1);
}

/// The last nightly on record.
pub(super) fn last(space: &Space) -> Night {
    let set = "default".parse().expect("a name");
    let nights = space.open_store().last_nights(&space.folder.display().to_string(), &set, 1).expect("reads");
    nights.into_iter().next().expect("on record")
}

/// What it came to, in lines.
pub(super) fn told(space: &Space, night: &Night) -> String {
    let mut lines = vec![format!("{} regressed: {}", night.number, night.regressed)];
    for moved in &night.moves {
        let commits: Vec<&str> = moved.commits.iter().map(|commit| commit.subject.as_str()).collect();
        let name = moved.subject.trim_end_matches("\")").rsplit('/').next().unwrap_or_default();
        let kept = if moved.kept.is_empty() { String::new() } else { format!(", kept {:?}", moved.kept) };
        lines.push(format!("moved {name} by {commits:?} for {:?}{kept}", moved.needed_by));
    }
    for cell in &night.cells {
        let state = match cell.state {
            CellState::Clean => "clean",
            CellState::Built => "built",
            CellState::Fixed => "fixed",
            CellState::NewFailure => "new failure",
            CellState::StillFailing => "still failing",
            _ => "other",
        };
        lines.push(format!("{} {}: {state}", cell.component, cell.version.as_deref().unwrap_or("-")));
    }
    for failing in &night.failing {
        let commits: Vec<&str> = failing.commits.iter().map(|commit| commit.subject.as_str()).collect();
        let kept = failing.good.as_ref().is_some_and(|good| good.kept);
        lines.push(format!("{} new: {} kept: {kept} by {commits:?}", failing.node, failing.new));
    }
    lines.extend(night.fixed.iter().map(|node| format!("fixed {node}")));
    for one in &night.published {
        let changes: Vec<String> =
            one.changes.iter().map(|change| format!("{} {}", change.name, change.arch)).collect();
        lines.push(format!("generation {} new: {} {changes:?}", one.generation, one.is_new));
    }
    lines.extend(night.held_back.iter().map(|held| format!("held back {:?}", held.why)));
    lines.extend(
        night.steps.iter().filter_map(|step| Some(format!("{} failed: {}", step.name, step.failure.as_ref()?))),
    );
    lines.extend(night.notices.iter().map(|notice| format!("note: {notice}")));
    space.shown(&lines.join("\n"))
}

/// The packages of the channel's repository as it was assembled last.
fn repository(space: &Space) -> Vec<String> {
    let files = space.files("repo:c-TAG@DISTRO", "tree").into_iter().map(|(path, _)| path);
    let packages = files.filter(|path| path.ends_with(".deb") || path.ends_with(".dsc"));
    packages.map(|path| space.shown(path.rsplit('/').next().expect("a name"))).collect()
}

fn night(space: &Space) -> Ran {
    space.opb(&["nightly", "-j1"])
}

#[test]
fn what_fails_keeps_its_last_good_packages_and_the_rest_goes_on() {
    let Some(space) = project("nightly") else { return };
    let first = night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r#"
    1 regressed: false
    moved a by [] for ["a-TAG"]
    moved b by [] for ["b-TAG"]
    moved libbsd@DISTRO by [] for []
    moved libmd@DISTRO by [] for []
    a-TAG 1-1~SUFFIX+opb1: built
    b-TAG 1-1~SUFFIX+opb1: built
    generation 1 new: true ["a-TAG all", "a-TAG source", "b-TAG all", "b-TAG source"]
    "#);
    assert!(first.out.contains("nightly of "), "{}", first.out);

    // Nothing has changed.
    let before = fs::read_link(space.current()).expect("published");
    let second = night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r"
    2 regressed: false
    a-TAG 1-1~SUFFIX+opb1: clean
    b-TAG 1-1~SUFFIX+opb1: clean
    generation 1 new: false []
    ");
    assert_eq!(fs::read_link(space.current()).expect("published"), before);
    assert_eq!(space.opb(&["nightly", "--only-news"]).fine().out, "");
    assert!(!second.out.is_empty());

    // A commit breaks one, and another one is good.
    commit(&space, "a", ("2-1", "echo 'x.c:1: error: no more' >&2; exit 3"), "break a");
    commit(&space, "b", ("2-1", "echo 2 > $d/x"), "better b");
    night(&space).exits(4);
    let third = last(&space);
    insta::assert_snapshot!(told(&space, &third), @r#"
    4 regressed: true
    moved a by ["break a"] for ["a-TAG"], kept ["a-TAG"]
    moved b by ["better b"] for ["b-TAG"]
    a-TAG 1-1~SUFFIX+opb1: new failure
    b-TAG 2-1~SUFFIX+opb1: built
    build:a-TAG@DISTRO/all new: true kept: true by ["break a"]
    generation 2 new: true ["b-TAG all", "b-TAG source"]
    "#);
    // The record of its run says what was kept.
    let run = third.run.as_deref().expect("it ran");
    let shown = space.shown(&space.opb(&["runs", run]).fine().out);
    assert!(
        shown.contains("\n    with the earlier packages of source-package:a-TAG@DISTRO, build:a-TAG@DISTRO/all"),
        "{shown}"
    );
    let run = space.opb(&["runs", run, "--format", "json"]).fine().out;
    let run: serde_json::Value = serde_json::from_str(&run).expect("JSON");
    crate::space::schema::conforms("runs", &run);
    let assembled = space.own("repo:c-TAG@DISTRO");
    let nodes = run["nodes"].as_array().expect("a list");
    let node = nodes.iter().find(|node| node["node"] == assembled.as_str()).expect("on record");
    let kept = node["kept"].as_array().expect("a list");
    assert!(
        kept.contains(&space.own("build:a-TAG@DISTRO/all").into()) && node["never"] == serde_json::json!([]),
        "{node}"
    );
    assert_eq!(third.failing[0].lines.first().map(String::as_str), Some("x.c:1: error: no more"));
    insta::assert_snapshot!(repository(&space).join("\n"), @r"
    a-TAG_1-1~SUFFIX+opb1_all.deb
    a-TAG_1-1~SUFFIX.dsc
    b-TAG_2-1~SUFFIX+opb1_all.deb
    b-TAG_2-1~SUFFIX.dsc
    ");

    // It fails as before: nothing is worse, and what is published by hand is the same.
    night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r#"
    5 regressed: false
    a-TAG 1-1~SUFFIX+opb1: still failing
    b-TAG 2-1~SUFFIX+opb1: clean
    build:a-TAG@DISTRO/all new: false kept: true by ["break a"]
    generation 2 new: false []
    "#);
    let by_hand = space.opb(&["repo", "publish", "c-TAG"]).fine();
    assert!(by_hand.out.starts_with("nothing to publish: generation 2"), "{}", by_hand.out);
    assert!(
        space.shown(&by_hand.err).contains("published with what was last good of build:a-TAG@DISTRO/all"),
        "{}",
        by_hand.err
    );

    // Mended.
    commit(&space, "a", ("3-1", "echo 3 > $d/x"), "mend a");
    night(&space).fine();
    insta::assert_snapshot!(told(&space, &last(&space)), @r#"
    6 regressed: false
    moved a by ["mend a"] for ["a-TAG"]
    a-TAG 3-1~SUFFIX+opb1: fixed
    b-TAG 2-1~SUFFIX+opb1: clean
    fixed build:a-TAG@DISTRO/all
    generation 3 new: true ["a-TAG all", "a-TAG source"]
    "#);
    let runs = space.opb(&["report", "nightly", "--format", "json"]).fine();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&runs.out).expect("JSON")["number"], 6);
}

#[test]
fn a_killed_nightly_is_taken_up_by_the_next() {
    let Some(space) = project("nightly-killed") else { return };
    night(&space).fine();
    let mark = space.own("opb-TAG");
    commit(&space, "a", ("2-1", &format!("sh -c 'sleep 5; :' {mark}; echo 2 > $d/x")), "slow a");
    let mut child = space.start(&["nightly", "-j1"]);
    let is_marked = |name: &fs::DirEntry| {
        let line = fs::read(name.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    };
    wait_for("the slow build", || fs::read_dir("/proc").expect("reads").flatten().find(is_marked));
    // Another one has to wait meanwhile.
    let other = night(&space).exits(3);
    other.says("a nightly of the set `default` is under way already: process ");
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process")), Signal::SIGKILL).expect("sent");
    child.wait().expect("ends");
    assert_eq!(last(&space).number, 1, "it left no record");

    night(&space).fine();
    // It tells what the killed one had moved, and no number is used twice.
    insta::assert_snapshot!(told(&space, &last(&space)), @r#"
    3 regressed: false
    moved a by ["slow a"] for ["a-TAG"]
    a-TAG 2-1~SUFFIX+opb1: built
    b-TAG 1-1~SUFFIX+opb1: clean
    generation 2 new: true ["a-TAG all", "a-TAG source"]
    note: nightly 2 was killed or stopped before the end: what was done is told here
    "#);
    night(&space).fine();
    assert_eq!((last(&space).number, last(&space).published[0].is_new), (4, false));
}

#[test]
fn what_cannot_be_had_or_evaluated_stays_where_it_is() {
    let Some(space) = project("nightly-pins") else { return };
    night(&space).fine();
    // One repository is gone, and the packaging of the other is.
    fs::rename(space.folder.join("a/.git"), space.folder.join("a/.gone")).expect("renamed");
    fs::remove_file(space.folder.join("b/debian/control")).expect("removed");
    git(&space.folder.join("b"), &["commit", "--quiet", "-am", "lose the packaging"]);
    let lock = fs::read(space.folder.join("opb.lock")).expect("there");
    night(&space).exits(4);
    let second = last(&space);
    let failure = second.steps[0].failure.as_deref().unwrap_or_default();
    assert!(failure.matches("stays where it is").count() == 2, "{failure}");
    assert!(second.published.iter().all(|one| !one.is_new) && second.failing.is_empty(), "{second:?}");
    assert_eq!(fs::read(space.folder.join("opb.lock")).expect("there"), lock);
    // The same once more is nothing new.
    night(&space).fine();

    // A dry run says what would move, and moves nothing.
    fs::rename(space.folder.join("a/.gone"), space.folder.join("a/.git")).expect("renamed");
    commit(&space, "a", ("2-1", "echo 2 > $d/x"), "better a");
    let dry = space.opb(&["nightly", "--dry-run"]).fine();
    let lines: Vec<&str> = dry.out.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(lines[..2], ["moved", "stays"], "{}", dry.out);
    assert!(space.shown(&dry.out).contains("channel c-TAG would be assembled anew"), "{}", dry.out);
    assert_eq!(fs::read(space.folder.join("opb.lock")).expect("there"), lock);
}
