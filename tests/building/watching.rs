//! Watching what runs from another process.

use std::process::Stdio;

use crate::space::sources::Tiny;
use crate::space::{Ran, space, wait_for};

#[test]
fn a_log_is_followed_to_its_end() {
    let Some(space) = space("followed") else { return };
    // What is in it for a terminal is made harmless, also where it comes in parts.
    let fill = "printf 'first \\033'; sleep 2; printf '[31m last\\n'; test -z \"${BAD-}\"; echo made > $d/x";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    for (recipe, code) in [("", 0), ("env: #{ BAD: \"yes\" }", 4)] {
        Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, recipe);
        let build = space.start(&["build", "-j1"]);
        let node = space.own("build:a-TAG@DISTRO/all");
        wait_for("the build's log", || space.open_store().running_log(&node).expect("reads"));
        let mut follow = space.command(&["log", "-f", &space.own("a-TAG")]);
        let follow = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let followed: Ran = follow.wait_with_output().expect("ends").into();
        let built = Ran::from(build.wait_with_output().expect("ends")).exits(code);
        let followed = followed.exits(code);
        assert!(followed.out.contains("first \\u{1b}[31m last\n"), "{}", followed.out);
        assert!(!followed.out.contains('\u{1b}'));
        // All of it, and nothing twice.
        let stored = space.opb(&["log", &space.own("a-TAG")]).fine();
        assert_eq!(followed.out, stored.out, "{}", built.err);
        let late = space.opb(&["log", "-f", &space.own("a-TAG")]).fine();
        assert_eq!((late.out, late.err), (stored.out, format!("note: {node} does not run; this is its newest log\n")));
    }
}
