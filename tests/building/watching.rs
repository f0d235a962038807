//! Watching what runs from another process.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use crate::space::sources::Tiny;
use crate::space::{Ran, space, wait_for};

/// The time before a line, in seconds, and the line.
fn parts(line: &str) -> Option<(f64, &str)> {
    let (time, line) = line.strip_prefix('[')?.split_once(" s] ")?;
    Some((time.trim().parse().ok()?, line))
}

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
        // With times each line has one, and is what it was; between these two the script slept.
        let timed = space.opb(&["log", "--times", &space.own("a-TAG")]).fine().out;
        let lines: Vec<(f64, &str)> = timed.lines().map(|line| parts(line).expect("a time")).collect();
        assert_eq!(lines.iter().map(|(_, line)| format!("{line}\n")).collect::<String>(), stored.out);
        assert!(lines.is_sorted_by_key(|(time, _)| *time), "{timed}");
        let after = lines.iter().skip_while(|(_, line)| !line.contains("first")).nth(1).expect("more");
        assert!(after.0 >= 2.0, "{timed}");
        let late = space.opb(&["log", "-f", &space.own("a-TAG")]).fine();
        assert_eq!((late.out, late.err), (stored.out, format!("note: {node} does not run; this is its newest log\n")));
    }
}

#[test]
fn a_terminal_shows_what_runs_against_what_is_usual() {
    let Some(space) = space("live") else { return };
    let slow = Tiny { fill: "sleep 3; echo made > $d/x", ..Tiny::PLAIN };
    slow.with_recipe(&space, "");
    space.opb(&["build"]).fine();
    slow.with_recipe(&space, "env: #{ X: \"1\" }");
    let size = nix::pty::Winsize { ws_row: 40, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(Some(&size), None).expect("a terminal");
    let (mut outer, inner) = (File::from(pty.master), File::from(pty.slave));
    let mut command = space.command(&["build"]);
    let mut child = command.env("TERM", "xterm").stdin(Stdio::null()).stderr(inner).spawn().expect("starts");
    drop(command);
    let mut shown = Vec::new();
    // Ends with an error once nobody has the inner side open any more.
    let _ = outer.read_to_end(&mut shown);
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let node = space.own("build:a-TAG@DISTRO/all");
    // Whole pictures: each ends with the line of counts.
    let pictures: Vec<&str> =
        shown.split_inclusive("or fewer nodes done").filter(|part| part.contains(&node)).collect();
    assert!(pictures.len() > 5, "{shown}");
    let running = |part: &&&str| part.contains("s of ") && part.contains("running");
    let with_times = pictures.iter().filter(running).count();
    assert!(with_times > 5, "elapsed against usual: {shown}");
    assert!(shown.contains(" left  0 of 2 or fewer nodes done, ") && shown.contains(" clean"), "{shown}");
    for picture in pictures.iter().filter(running) {
        assert_eq!(picture.matches(&node).count(), 1, "{picture}");
    }
}
