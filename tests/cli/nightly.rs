//! `opb nightly`: what it is for, what it refuses, and what its record and exit code say of a project that cannot be built.

use std::collections::BTreeSet;

use opb::night::Night;

use super::*;

fn last(space: &Space) -> Night {
    let project = fs::canonicalize(space.path("")).expect("there").display().to_string();
    let store = opb::store::Store::open(&opb::path::HostPath::new(space.path("store"))).expect("opens");
    let set = "default".parse().expect("a name");
    let nights = store.last_nights(&project, &set, 1).expect("reads");
    nights.into_iter().next().expect("on record")
}

#[test]
fn what_it_is_for_must_be_said_where_there_is_a_choice() {
    let space = Space::pinned();
    let seen = |args: &[&str]| space.seen(args);
    let mut told = seen(&["nightly", "slow"]);
    told += &seen(&["nightly", "--channel", "nightly"]);
    space.file("opb.toml", "[set.slow]\n[set.quick]\nfrozen = [\"no selector\"]\n");
    told += &seen(&["nightly"]);
    told += &seen(&["nightly", "quick"]);
    told += &seen(&["nightly", "Slow"]);
    insta::assert_snapshot!(told, @r"
    exit 2
    --- stderr
    opb::settings::no_set

      × there is no set `slow`
      help: name one of `default`, or add `[set.slow]` to `opb.toml`
    exit 2
    --- stderr
    opb::nightly::of_channel

      × a nightly is for a set, and not for the channel `nightly`
      help: leave `--channel` out; `channels` of a `[set.NAME]` in `opb.toml` says which ones it is for
    exit 2
    --- stderr
    opb::settings::several_sets

      × `opb.toml` has several sets
      help: name one of `quick`, `slow`
    exit 2
    --- stderr
    opb::nightly::frozen

      × `set.quick.frozen` has `no selector`, which is no selector
      ╰─▶ `no selector` has characters that no node name has
      help: write in `opb.toml` what `opb hold` takes: a component (`libmd`), a distro (`@debian-12`), or both (`lib*@debian-12`)
    exit 2
    --- stderr
    error: invalid value 'Slow' for '[SET]': `Slow` is not a name of a set: lower-case letters, digits, `-`, starting with a letter or digit

    For more information, try '--help'.
    ");
}

#[test]
fn what_fails_as_before_is_no_reason_to_wake_anybody() {
    let space = Space::pinned();
    space.file("opb.toml", "[set.default]\nbases = \"never\"\nreport = \"told\"\n");
    // Without a key nothing can be published; nothing else is the matter with that step.
    assert!(space.seen(&["nightly"]).starts_with("exit 3"), "{}", space.seen(&["nightly"]));
    let first = last(&space);
    let step = |night: &Night, name: &str| night.steps.iter().find(|step| step.name == name).cloned().expect("done");
    assert!(first.regressed && step(&first, "publish").failure.is_some(), "{first:?}");
    let failing: Vec<(&str, bool)> = first.failing.iter().map(|one| (one.node.as_str(), one.new)).collect();
    assert_eq!(failing, [("index:base@mirage-1/amd64", true)], "there is no archive");

    // With one, an empty channel is published although the index cannot be had: no package needs it.
    assert!(space.seen(&["key", "init"]).starts_with("exit 0"));
    let second = space.seen(&["nightly", "-q"]);
    let night = last(&space);
    assert!(second.starts_with("exit 0"), "{second}\n{night:?}");
    assert_eq!((night.failing.len(), night.failing[0].new, night.regressed), (1, false, false));
    assert_eq!(night.failing[0].since, first.failing[0].since);
    assert_eq!((night.published[0].generation, night.published[0].is_new), (1, true));

    // Its report is where the set says, and beside the record.
    let number = night.number;
    for (form, begins) in [("html", "<!doctype html>"), ("txt", ""), ("json", "{")] {
        let told = fs::read_to_string(space.path(&format!("told/report.{form}"))).expect("written");
        assert!(!told.is_empty() && told.to_lowercase().starts_with(begins), "{told}");
        let found = Command::new("find").arg(space.path("store/nights")).output().expect("runs").stdout;
        let found = String::from_utf8(found).expect("text");
        assert!(found.lines().any(|line| line.ends_with(&format!("/default/{number}.report.{form}"))), "{found}");
    }

    // Nothing of it is done twice.
    let third = space.json(&["report", "nightly", "--format", "json"]);
    assert_eq!(third["number"], serde_json::json!(number));
    let fourth = space.seen(&["nightly", "--format", "jsonl"]);
    assert!(fourth.starts_with("exit 0") && fourth.contains("\"event\":\"run-finished\""), "{fourth}");
    assert_eq!((last(&space).number, last(&space).published[0].is_new), (number + 1, false));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let space = Space::pinned();
    space.file("opb.toml", "[set.default]\nbases = \"never\"\n");
    insta::assert_snapshot!(space.seen(&["nightly", "--dry-run"]), @r"
    exit 0
    --- stdout
    no pin would move
    2 nodes will run, 2 depend on what comes out, 0 are clean
    channel nightly would be assembled anew, and published where it is whole
    ");
    let none = Command::new("find").arg(space.path("store/nights")).args(["-type", "f"]).output().expect("runs").stdout;
    assert_eq!(String::from_utf8(none).expect("text"), "", "no record and no state");
}

#[test]
fn channels_of_several_locks_are_one_set_and_others_are_left_alone() {
    let space = Space::pinned();
    let set = "channels = [\"nightly\", \"stable\"]\nbases = \"never\"\n";
    let channels = "[channel.nightly]\n[channel.other]\n[channel.stable]\nlock = \"stable\"\n";
    space.file("opb.toml", &format!("{channels}[set.default]\n{set}"));
    fs::copy(space.path("opb.lock"), space.path("opb.stable.lock")).expect("copied");
    for key in ["nightly", "stable"] {
        assert!(space.seen(&["key", "init", "--name", key]).starts_with("exit 0"));
    }
    let seen = space.seen(&["nightly"]);
    let night = last(&space);
    let published: Vec<(&str, u64)> =
        night.published.iter().map(|one| (one.channel.as_str(), one.generation)).collect();
    assert_eq!(published, [("nightly", 1), ("stable", 1)], "{seen}");
    assert!(!space.path("store/channels/other").exists(), "it is in no set");
    // An index that cannot be had fails in either lock, and no other node does.
    let failing: BTreeSet<&str> = night.failing.iter().map(|one| one.node.as_str()).collect();
    assert!(failing.iter().all(|node| node.starts_with("index:")), "{failing:?}");
    assert!(space.seen(&["nightly"]).starts_with("exit 0"));
    assert!(last(&space).published.iter().all(|one| !one.is_new));
}
