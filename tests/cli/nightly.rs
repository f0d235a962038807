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
    told += &seen(&["nightly", "quick", "--dry-run"]);
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

#[test]
fn one_that_cannot_begin_leaves_a_record_and_says_why() {
    let space = Space::pinned();
    space.file("opb.toml", "[set.default]\nbases = \"never\"\n");
    assert!(space.seen(&["key", "init"]).starts_with("exit 0"));
    space.seen(&["nightly"]);
    let (first, lock) = (last(&space), fs::read(space.path("opb.lock")).expect("there"));
    assert_eq!((first.number, first.failing.len()), (1, 1), "an index that cannot be had");

    space.file("recipes/bad.rhai", "#{\n");
    let seen = space.seen(&["nightly"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("--- stderr\n") && seen.contains("opb::eval::"), "{seen}");
    let told: Vec<&str> = seen.lines().skip_while(|line| !line.starts_with("did not start")).take(5).collect();
    let told = told.join("\n").replace(&told[0][told[0].len() - 10..], "DATE");
    insta::assert_snapshot!(told, @r"
    did not start, 1 still failing: nightly of project, DATE

    DID NOT START
      nightly: evaluating the recipes: 1 mistake: recipes/bad.rhai:1: `#{` is
        never closed
    ");
    let second = last(&space);
    assert_eq!((second.number, second.regressed, second.not_started[0].new), (2, true, true));
    assert!(second.has_news() && second.steps.iter().all(|step| step.failure.is_none()), "{second:?}");
    assert_eq!((second.failing.len(), second.failing[0].new), (1, false), "nothing else is known of it");
    let report = space.json(&["report", "nightly", "--format", "json"]);
    schema::conforms("report-nightly", &report);
    assert_eq!((&report["counts"]["not_started"], &report["number"]), (&1.into(), &2.into()));
    let page = space.stdout(&["report", "nightly", "--format", "html"]);
    assert!(page.contains("! did not start:</span> nightly: evaluating the recipes"), "{page}");

    // As long as it lasts it is told, and is nothing new; so it is with a lock.
    assert!(space.seen(&["nightly"]).starts_with("exit 2\n"));
    assert_eq!((last(&space).regressed, last(&space).not_started[0].new), (false, false));
    fs::remove_file(space.path("recipes/bad.rhai")).expect("there");
    space.file("opb.lock", "version = 1\n[dsc.x\n");
    assert!(space.seen(&["nightly"]).starts_with("exit 2\n"));
    assert!(last(&space).not_started[0].why.starts_with("cannot read `opb.lock`: "), "{:?}", last(&space));
    // And with what a set says.
    fs::write(space.path("opb.lock"), &lock).expect("written");
    space.file("opb.toml", "[set.default]\nbases = \"never\"\nfrozen = [\"no selector\"]\n");
    assert!(space.seen(&["nightly"]).starts_with("exit 2\n"));
    assert!(last(&space).not_started[0].why.contains("which is no selector"), "{:?}", last(&space));

    space.file("opb.toml", "[set.default]\nbases = \"never\"\n");
    let seen = space.seen(&["nightly"]);
    let night = last(&space);
    assert!(seen.starts_with("exit 0\n") && !night.regressed, "{seen}");
    let [notice] = &night.notices[..] else { panic!("{:?}", night.notices) };
    assert!(
        notice.starts_with("nightly 5, of 2") && notice.contains(", did not start: `set.default.frozen`"),
        "{notice}"
    );
    assert_eq!((night.number, night.failing.len(), night.failing[0].since), (6, 1, first.failing[0].since));
    // The page shows which of the last nightlies did not.
    let nights = space.json(&["report", "nightly", "--format", "json"])["nights"].clone();
    let not: Vec<u64> =
        nights.as_array().expect("a list").iter().map(|one| one["not_started"].as_u64().expect("a number")).collect();
    assert_eq!(not, [0, 1, 1, 1, 1, 0]);
}

#[test]
fn channels_of_a_good_lock_are_not_held_up_by_a_wrong_one() {
    let space = Space::pinned();
    let set = "channels = [\"nightly\", \"stable\"]\nbases = \"never\"\n";
    space.file("opb.toml", &format!("[channel.nightly]\n[channel.stable]\nlock = \"stable\"\n[set.default]\n{set}"));
    space.file("opb.stable.lock", "no lock\n");
    for key in ["nightly", "stable"] {
        assert!(space.seen(&["key", "init", "--name", key]).starts_with("exit 0"));
    }
    let seen = space.seen(&["nightly"]);
    let night = last(&space);
    assert!(seen.starts_with("exit 2\n") && seen.contains("1 channel not begun with"), "{seen}");
    let published: Vec<&str> = night.published.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!((published, night.not_started.len()), (vec!["nightly"], 1));
    assert_eq!(night.not_started[0].channels[0].as_str(), "stable");
}

#[test]
fn a_rewritten_branch_is_told_with_the_command_that_takes_it() {
    let repository = checkouts::Repository::new("");
    let space = &repository.space;
    space.file("opb.toml", "[set.default]\nsources = \"0\"\nbases = \"never\"\n");
    assert!(space.seen(&["key", "init"]).starts_with("exit 0"));
    let first = repository.commit("1");
    assert!(repository.seen(&["update", "tool"]).starts_with("exit 0"));
    repository.git(&["commit", "--quiet", "--amend", "-m", "another"]);
    let seen = repository.seen(&["nightly"]);
    assert!(seen.contains("\nNOTICED\n  the branch of `git("), "{seen}");
    let notices = last(space).notices;
    let (begins, wanted) = (
        "the branch of `git(\"file://",
        "that is pinned is not part of it any more; `opb update tool` takes what is there now",
    );
    let rewritten = format!("` was rewritten: the commit {} {wanted}", &first[..12]);
    assert!(notices[0].starts_with(begins) && notices[0].ends_with(&rewritten), "{notices:?}");
    assert_eq!(repository.lock().checkout.values().next().expect("pinned").commit, first);
    let dry = repository.seen(&["nightly", "--dry-run"]);
    assert!(dry.contains("; `opb update tool` takes what is there now\n"), "{dry}");
    // Each night, until somebody gives it.
    repository.seen(&["nightly"]);
    assert_eq!(last(space).notices, notices);
    assert!(repository.seen(&["update", "tool"]).starts_with("exit 0"));
    repository.seen(&["nightly"]);
    assert!(last(space).notices.iter().all(|notice| !notice.contains("rewritten")), "{:?}", last(space).notices);
}
