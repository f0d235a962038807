//! Results as one file: `opb store export` and `opb store import`.

use std::fs;

use super::*;
use crate::space::archive::{Archive, Signed};

#[test]
fn a_file_carries_results_to_another_machine() {
    let Some(space) = space("exported") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    let file = space.folder.join("results").display().to_string();
    space.opb(&["store", "export", &file]).exits(2).says("there is no key `NAME` to sign results with");
    let key = space.opb(&["cache", "key", "new", "office-1"]).fine().out;
    let exported = space.opb(&["store", "export", &file]).fine().out;
    assert!(exported.starts_with("exported ") && exported.contains(&format!(" results to {file} (")), "{exported}");
    space.opb(&["store", "export", &file]).exits(2).says("/results` is there already");
    let part = space.folder.join("part").display().to_string();
    space.opb(&["store", "export", &part, "a-TAG"]).fine();

    let other = Machine::new(&space, "other");
    other.opb(&["store", "import", &file]).exits(2).says("which you do not trust").says("opb cache trust office-1:");
    assert!(other.opb(&["plan"]).fine().out.contains("will run"), "nothing of it was taken");
    other.opb(&["cache", "trust", key.trim()]).fine();
    let imported = other.opb(&["store", "import", &file]).fine().out;
    assert!(imported.starts_with("imported ") && imported.ends_with(", 0 are not in it\n"), "{imported}");
    let clean = other.opb(&["build", "--offline"]).fine();
    assert!(clean.err.starts_with("nothing to do: "), "{}", clean.err);
    assert_eq!(fs::read_dir(other.store().join("roots")).expect("there").count(), 0, "no root was made");
    let theirs = opb::store::Store::open(&opb::path::HostPath::new(other.store())).expect("opens");
    for name in ["a", "b", "c"] {
        let node = format!("build:{name}-TAG@DISTRO/all");
        let result = theirs.last_of_node(&space.own(&node)).expect("reads").expect("there");
        assert_eq!(result, space.last(&node));
        assert!(result.outputs.values().all(|digest| theirs.present(*digest).expect("reads")));
    }
    assert!(!other.opb(&["log", "build:a-TAG"]).fine().out.is_empty(), "the log came too");
    other.opb(&["store", "verify"]).fine();
    let again = other.opb(&["store", "import", &file]).fine().out;
    assert!(again.starts_with("imported 0 results (0 bytes); "), "{again}");

    // A part, to a machine that has nothing.
    let third = Machine::new(&space, "third");
    third.opb(&["cache", "trust", key.trim()]).fine();
    third.opb(&["store", "import", &part]).fine();
    let planned = third.opb(&["plan"]).fine().out;
    let runs = |name: &str| planned.lines().any(|line| line.contains(&space.own(&format!("build:{name}-TAG@"))));
    assert_eq!(["a", "b", "c"].map(runs), [false, true, true], "{planned}");

    // A number in it is taken into the ledger: the next build gets another.
    let number = space.last("build:a-TAG@DISTRO/all").number.expect("a build");
    let ledger = fs::read_to_string(third.store().join(space.own("ledger/DISTRO/a-TAG.jsonl"))).expect("there");
    assert!(ledger.contains(&format!("\"number\":{number}")), "{ledger}");
}

#[test]
fn what_is_of_another_project_is_said_so() {
    let Some(space) = space("exported-other") else { return };
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-j1", "-q"]).fine();
    let key = space.opb(&["cache", "key", "new", "office-1"]).fine().out;
    let file = space.folder.join("results").display().to_string();
    space.opb(&["store", "export", &file, "build:a-TAG"]).fine();
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, r#"env: #{ X: "other" }"#);
    write(&space.folder.join("a/debian/new"), "other\n");
    let other = Machine::new(&space, "other");
    other.opb(&["cache", "trust", key.trim()]).fine();
    let imported = other.opb(&["store", "import", &file, "build:a-TAG"]).fine();
    assert!(imported.out.starts_with("imported 0 results "), "{}", imported.out);
    imported.says("is of a node of this project as it is now: recipes, sources or lock are others");
    let take = |name: &str| other.opb(&["store", "import", &space.folder.join(name).display().to_string()]);
    take("nothing").exits(3).says("reading an export failed");
    take("a/debian/control").exits(2).says("is not what `opb store export` wrote");
}

#[test]
fn what_failed_goes_nowhere() {
    let Some(space) = space("exported-failed") else { return };
    Tiny { name: "a", fill: "false", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-j1", "-q"]).exits(4);
    let failed = space.open_store().last_attempt_of_node(&space.own("build:a-TAG@DISTRO/all")).expect("reads");
    let log = failed.and_then(|failed| failed.log).expect("a log").to_string();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let (file, cache) = (space.folder.join("results"), space.folder.join("cache"));
    space.opb(&["store", "export", &file.display().to_string()]).fine();
    space.opb(&["cache", "push", &cache.display().to_string()]).fine();
    let mut archive = tar::Archive::new(fs::File::open(file).expect("there"));
    let names = archive.entries().expect("an archive").map(|entry| {
        let entry = entry.expect("an entry");
        entry.path().expect("a path").display().to_string()
    });
    let names: Vec<String> = names.collect();
    assert!(names.iter().any(|name| name.starts_with("trees/")), "what its source package came to is there");
    let place = format!("logs/{}/{}.zst", &log[..2], &log[2..]);
    assert!(!names.contains(&place) && !cache.join(&place).exists(), "{names:?}");
    assert!(!cache.join("attempts").exists() && names.iter().all(|name| !name.contains("attempt")), "{names:?}");
}

#[test]
fn with_its_packages_it_is_enough_for_a_build_without_network() {
    let Some(space) = space("exported-packages") else { return };
    let mut archive = Archive::new(&space);
    archive.add("libx", "1.0");
    archive.publish(Signed::Well);
    let fields = "Rules-Requires-Root: no\nBuild-Depends: libx-TAG\n";
    Tiny { fields, ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["update", "@test-TAG"]).fine();
    let key = space.opb(&["cache", "key", "new", "office-1"]).fine().out;
    let file = space.folder.join("results").display().to_string();
    space.opb(&["fetch"]).fine();
    let exported = space.opb(&["store", "export", "--packages", &file]).fine().out;
    assert!(exported.contains(" packages to "), "{exported}");
    fs::rename(space.folder.join("archive"), space.folder.join("gone")).expect("renames");

    let other = Machine::new(&space, "other");
    other.opb(&["cache", "trust", key.trim()]).fine();
    let lacking = other.opb(&["fetch", "--check"]).exits(3);
    assert!(lacking.out.contains("missing index:"), "{}", lacking.out);
    other.opb(&["store", "import", &file]).fine();
    let enough = other.opb(&["fetch", "--check", "--offline"]);
    assert!(enough.out.starts_with("a build without network has what it needs"), "{}{}", enough.out, enough.err);
    // Those of the base root, which that machine has never made, are among them.
    let told: serde_json::Value =
        serde_json::from_str(&other.opb(&["fetch", "--check", "--format", "json"]).fine().out).expect("JSON");
    assert!(told["here"]["packages"]["count"].as_u64() > Some(50), "{told:#}");
    // No collection takes them before they are used.
    other.opb(&["store", "gc", "--older-than", "0"]).fine();
    other.opb(&["fetch", "--check", "--offline"]).fine();
}
