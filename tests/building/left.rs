//! What a failed build leaves, and how long.

use super::shell::{Person, has_process};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space, wait_for};

const BUILD: &str = "build:a-TAG@DISTRO/all";

/// Fails after it has written here and there, and has removed and replaced what was in its root.
const FILL: &str = "echo half > ../half; mkdir -p ../deep/er; ln ../half ../deep/er/same; chmod 2710 ../deep
echo partial > /out/partial; chmod 640 /out/partial; echo x > /tmp/x
printf '%s\\n' \"${X-}\" > $d/x
setsid sleep 1000 &
exit 3";

fn broken(space: &Space, x: &str) {
    Tiny { fill: FILL, ..Tiny::PLAIN }.with_recipe(space, &format!("env: #{{ X: \"{x}\" }}"));
}

/// The output of a shell script where the build failed.
fn seen(space: &Space, script: &str) -> String {
    space.opb(&["shell", "a-TAG", "--", "sh", "-c", script]).fine().out
}

/// How many trees the store has of the node.
fn trees(space: &Space) -> usize {
    let node = space.own(BUILD);
    let all = space.open_store().failed_trees().expect("reads");
    all.iter().filter(|entry| entry.tree.as_ref().is_some_and(|tree| tree.node == node)).count()
}

#[test]
fn a_failed_build_is_seen_as_it_stood() {
    let Some(space) = space("left") else { return };
    broken(&space, "one");
    let failed = space.opb(&["build", BUILD]).exits(4);
    assert!(failed.err.contains(&space.own("look around with `opb shell build:a-TAG@DISTRO/all`")), "{}", failed.err);
    let script = "pwd; id -un; echo $X $OPB_NUMBER; cat half /tmp/x /out/partial tree/debian/a-TAG/usr/share/a-TAG/x; \
                  stat -c '%A %U %h' half deep deep/er/same /out /out/partial /build; ls /in /in/source /opb; \
                  cat /proc/[0-9]*/comm | grep -c sleep; sh -n /opb/script && echo whole";
    let first = seen(&space, &space.own(script));
    insta::assert_snapshot!(space.shown(&first), @r"
    /build
    builder
    one 1
    half
    x
    partial
    one
    -rw-r--r-- builder 2
    drwx--s--- builder 3
    -rw-r--r-- builder 2
    drwxr-xr-x builder 1
    -rw-r----- builder 1
    drwxr-xr-x builder 4
    /in:
    source

    /in/source:
    a-TAG_1.0-1~SUFFIX.debian.tar.xz
    a-TAG_1.0-1~SUFFIX.dsc
    a-TAG_1.0.orig.tar.gz

    /opb:
    files
    script
    0
    whole
    ");
    // Whatever is done there, it is seen the same again; a fresh one is as if nothing had been.
    seen(&space, "rm -r half deep /out/partial /tmp/x; echo other > tree/README; echo y > new");
    assert_eq!(seen(&space, &space.own(script)), first);
    assert_eq!(seen(&space, "ls -d [c-z]*; cat tree/README"), "changelog\ndeep\nhalf\ntree\nA source of a test.\n");
    let fresh = space.opb(&["shell", "a-TAG", "--fresh", "--", "ls", "-A", "/build", "/out", "/tmp"]).fine();
    assert_eq!(fresh.out, "/build:\n\n/out:\n\n/tmp:\n");

    let mut person = Person::at(&space, &["shell", BUILD]);
    person.sees("leaves\n");
    let told = person.shown.lines().next().unwrap_or_default().to_owned();
    insta::assert_snapshot!(space.shown(&told), @"build:a-TAG@DISTRO/all: its tree as it was when it failed on DATE (the script failed with exit code 2)");
    person.sees("$ ");
    person.types("tr a-z A-Z < half; exit\n");
    person.sees("HALF\n");
    assert_eq!(person.child.wait().expect("ends").code(), Some(0));
    // A run that does not try it again leaves it; one that does puts its own in its place.
    space.opb(&["build", BUILD]).exits(4);
    assert_eq!(trees(&space), 1);
    broken(&space, "two");
    assert_eq!(seen(&space, "echo $X"), "one\n", "it is still what failed last");
    space.opb(&["build", BUILD]).exits(4);
    assert_eq!((trees(&space), seen(&space, "echo $X; cat half").as_str()), (1, "two\nhalf\n"));
    // It goes when the build succeeds.
    Tiny::PLAIN.with_recipe(&space, "");
    space.opb(&["build", BUILD]).fine();
    assert_eq!((trees(&space), seen(&space, "ls")), (0, String::new()));
}

#[test]
fn only_what_a_build_itself_did_is_left() {
    let Some(space) = space("left-own") else { return };
    broken(&space, "");
    space.opb(&["build", BUILD]).exits(4);
    assert_eq!((trees(&space), seen(&space, "cat half").as_str()), (1, "half\n"));
    // Forgotten with the attempt; of a result there is nothing to forget.
    space.opb(&["store", "forget", BUILD]).exits(2);
    assert_eq!(trees(&space), 0);
    // One that was ended by its own limit is left as well, with what it had written.
    space.write("opb.toml", "[limits]\nprocesses = 100\n[channel.c-TAG]\n");
    let fill = "echo x > ../x; echo y > /out/y
perl -e 'for (1..300) { my $p = fork; if (defined $p and not $p) { sleep 9; exit } } sleep 9'";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", BUILD]).exits(4).says("wanted more processes");
    let script = "cat x /out/y; stat -c %U /out/y; cat /proc/[0-9]*/comm | grep -c perl || true";
    assert_eq!((trees(&space), seen(&space, script).as_str()), (1, "x\ny\nbuilder\n0\n"));
    // One that was stopped has not failed: what was left before it stays.
    let fill = "echo z > ../z; sh -c 'sleep 60; :' opb-TAG";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    let child = space.start(&["build", BUILD]);
    let line = space.own("sh\u{0}-c\u{0}sleep 60; :\u{0}opb-TAG");
    wait_for("the build", || has_process(&line).then_some(()));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("sent");
    Ran::from(child.wait_with_output().expect("ends")).exits(130);
    assert_eq!((trees(&space), seen(&space, "cat x").as_str()), (1, "x\n"));
}
