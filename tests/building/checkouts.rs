//! Sources in git repositories: built without network once they are pinned, and only what a commit changes is built again.

use std::process::Command;

use crate::space::sources::Tiny;
use crate::space::{Space, space};

fn git(space: &Space, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
    let output = command.current_dir(&space.folder).output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(space: &Space) {
    git(space, &["add", "a", "d", "lib"]);
    git(space, &["commit", "--quiet", "-m", "x"]);
}

/// The packages that a run built.
fn built(space: &Space, args: &[&str]) -> Vec<String> {
    let ran = space.opb(&[&["build", "-j1"], args].concat()).fine();
    let nodes = [ran.nodes("done"), ran.nodes("same"), ran.nodes("kept")].concat();
    nodes.into_iter().filter(|node| node.starts_with("build:")).map(|node| space.shown(node)).collect()
}

#[test]
fn a_commit_is_built_without_network_and_moves_what_it_changes() {
    let Some(space) = space("checkouts") else { return };
    Tiny { fill: "cat README lib/words version.id > $d/x", ..Tiny::PLAIN }.put(&space);
    Tiny { name: "d", ..Tiny::PLAIN }.put(&space);
    space.write("lib/words", "of the library\n");
    git(&space, &["init", "--quiet", "--initial-branch=main"]);
    commit(&space);
    let from = |folder: &str| format!("git(\"file://{}\", #{{ folder: \"{folder}\" }})", space.folder.display());
    let patch = "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-A source of a test.\n+A patched one.\n";
    space.write("recipes/a-TAG/one.patch", patch);
    let more = format!("sources: #{{ lib: {} }}, patches: [\"one.patch\"], stamp: [\"version.id\"]", from("lib"));
    space.recipe("a", &format!("#{{ source: {}, {more} }}\n", from("a")));
    space.recipe("d", &format!("#{{ source: {} }}\n", from("d")));
    let [a, d] = ["a-TAG", "d-TAG"].map(|name| space.own(name));
    space.opb(&["update", &a, &d]).fine();

    let both = ["build:a-TAG@DISTRO/all", "build:d-TAG@DISTRO/all"];
    let mut first = built(&space, &["--offline"]);
    first.sort();
    assert_eq!(first, both);
    assert_eq!(space.packages(both[0]), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    let script = "dpkg-deb --fsys-tarfile /packages/*.deb | tar -xO ./usr/share/a-TAG/x";
    let held = super::sources::extracted(&space, both[0], "packages", script);
    assert_eq!(held, "A patched one.\nof the library\n1.0\n");

    // What nobody takes, and then what one of the two takes.
    space.write("README", "of the repository\n");
    git(&space, &["add", "README"]);
    commit(&space);
    space.opb(&["update", &a, &d]).fine();
    assert!(space.opb(&["build", "--offline"]).fine().err.starts_with("nothing to do: "));
    space.write("lib/words", "of the new library\n");
    commit(&space);
    space.opb(&["update", &a, &d]).fine();
    assert_eq!(built(&space, &["--offline"]), [both[0]]);
    assert_eq!(both.map(|node| space.times(node)), [2, 1]);
}
