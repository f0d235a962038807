//! Sources in Mercurial repositories: pinned, known without them, fetched again, refused where they lead out.

use super::*;

fn hg(space: &Space, arguments: &[&str]) -> String {
    let mut command = Command::new("hg");
    command.env("HGPLAIN", "1").env("HGRCPATH", "").args(["--config", "ui.username=A <a@example.org>"]);
    let output = command.args(arguments).current_dir(space.path("../tool")).output().expect("hg");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn commit(space: &Space) {
    hg(space, &["commit", "--quiet", "--addremove", "--message", "x", "--date", "1795255200 0"]);
}

#[test]
fn a_repository_of_hg_is_a_source() {
    if Command::new("hg").arg("--version").output().is_err() {
        eprintln!("skipped: there is no hg on this machine");
        return;
    }
    let space = Space::pinned();
    space.source("../tool", "Source: tool\n\nPackage: tool\nArchitecture: all\nDescription: x\n");
    hg(&space, &["init"]);
    commit(&space);
    hg(&space, &["tag", "v1.0", "--date", "1795255200 0"]);
    space.file("opb.toml", &format!("[sources.hg]\nbase = \"file://{}\"\n", space.folder.path().display()));
    space.file("recipes/tool.rhai", "#{ source: hg(\"tool\") }\n");
    insta::assert_snapshot!(space.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  hg("tool")  1c95d56df8a5 (v1.0 and 1 commit)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    let lock: Lock = toml::from_str(&fs::read_to_string(space.path("opb.lock")).expect("there")).expect("a lock");
    let (_, pin) = lock.checkout.first_key_value().expect("pinned");
    assert_eq!(pin.texts.keys().collect::<Vec<_>>(), ["debian/changelog", "debian/control"]);
    fs::remove_dir_all(space.path("store")).expect("there");
    let fetched = || space.seen(&["build", "--again", "--only", "source:tool"]);
    let seen = fetched();
    assert!(seen.starts_with("exit 0\n"), "{seen}");

    std::os::unix::fs::symlink("../../outside", space.path("../tool/out")).expect("made");
    commit(&space);
    let seen = space.seen(&["update", "tool"]);
    assert!(
        seen.starts_with("exit 2\n") && seen.contains(" holds `out`, a link that leads out of the source"),
        "{seen}"
    );
    let mut command = space.command(&["update", "tool"]);
    let seen = space.seen_of(command.env("PATH", "/nowhere"));
    assert!(seen.starts_with("exit 3\n") && seen.contains("cannot start `hg`"), "{seen}");
}
