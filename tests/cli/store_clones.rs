//! Clones of repositories in a store: what pins lead to stays, and what none leads to any more is collected.

use super::*;

#[test]
fn clones_that_no_pin_leads_to_are_collected() {
    let space = Space::pinned();
    let control = "Source: tool\nMaintainer: A <a@example.org>\nRules-Requires-Root: no\n\n\
                   Package: tool\nArchitecture: all\nDescription: x\n";
    space.source("../tool", control);
    space.source("local", control);
    for arguments in [&["init", "--quiet"][..], &["add", "-A"], &["commit", "--quiet", "-m", "x"]] {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
        assert!(command.current_dir(space.path("../tool")).output().expect("git").status.success());
    }
    let address = format!("file://{}/tool", space.folder.path().display());
    space.file("recipes/tool.rhai", &format!("#{{ source: git(\"{address}\") }}\n"));
    space.stdout(&["update", "tool"]);
    let build = || assert!(space.seen(&["build", "--again", "--only", "source:tool"]).starts_with("exit 0\n"));
    build();
    // What broke off, long ago, and of an address that nobody names.
    space.file("store/sources/archive/0123/file", "a part");
    let age = |space: &Space| {
        for kind in ["git", "archive"] {
            for entry in fs::read_dir(space.path(&format!("store/sources/{kind}"))).expect("there").flatten() {
                let lock = entry.path().with_extension("lock");
                let file = fs::File::options().append(true).create(true).open(lock).expect("made");
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)).expect("set");
            }
        }
    };
    age(&space);
    let info = space.json(&["store", "info", "--format", "json"]);
    assert_eq!(info["files"]["clones"]["count"], 2, "{info:#}");
    assert_eq!(info["kept"]["clones"]["count"], 1, "{info:#}");
    let gc = |more: &[&str]| space.json(&[&["store", "gc", "--format", "json"], more].concat());
    let collected = |told: &serde_json::Value| told["collected"]["clones"]["count"].as_u64().unwrap_or(0);
    let planned = space.stdout(&["store", "gc", "--dry-run"]);
    assert!(planned.contains("\n  clones ") && planned.contains(" 6 bytes "), "{planned}");
    assert_eq!(collected(&gc(&[])), 1);
    assert!(!space.path("store/sources/archive/0123").exists());
    // The project takes its source from elsewhere from now on.
    space.file("recipes/tool.rhai", "#{ source: path(\"local\") }\n");
    space.stdout(&["update", "tool"]);
    build();
    age(&space);
    assert_eq!(collected(&gc(&[])), 1);
    assert_eq!(fs::read_dir(space.path("store/sources/git")).expect("there").count(), 0);
}
