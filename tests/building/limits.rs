//! Builds that want too much of the machine, with the limits of `opb.toml`.

use crate::space::sources::Tiny;
use crate::space::space;

/// Bounded, whether somebody ends them or not.
const MEMORY: &str = "perl -e 'push @x, \"x\" x 10_000_000 for 1..100; sleep 12'";
const PROCESSES: &str =
    "perl -e 'for (1..600) { my $p = fork; if (defined $p and not $p) { sleep 12; exit } } sleep 12'";
const DISK: &str = "n=0; while [ $n -lt 200 ]; do head -c 1000000 /dev/zero > ../$n; n=$((n+1)); done; sleep 4";

#[test]
fn builds_that_want_too_much_are_ended_and_told_apart() {
    let Some(space) = space("limits") else { return };
    for (name, fill) in [("a", MEMORY), ("b", PROCESSES), ("c", DISK)] {
        Tiny { name, fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    }
    let limits = |text: &str| space.write("opb.toml", &format!("[limits]\n{text}\n[channel.c-TAG]\n"));
    // What a component has of its own is its own alone.
    limits("memory = \"400 MB\"\nprocesses = 300\n[limits.component.c-TAG]\ndisk = \"100 MB\"");
    let failed = space.opb(&["build", "-q", "build:*-TAG@DISTRO/all"]).exits(4);
    let is_told = |line: &&str| ["error   ", "  the script", "  help:"].iter().any(|start| line.starts_with(start));
    let mut told: Vec<&str> = failed.err.lines().filter(is_told).collect();
    told.sort_unstable();
    insta::assert_snapshot!(space.shown(&told.join("\n")), @r"
      help: raise `disk` of `[limits]` or `[limits.component.c-TAG]` in `opb.toml`, if it is right to need so much; the whole log: `opb log build:c-TAG@DISTRO/all`
      help: raise `memory` of `[limits]` or `[limits.component.a-TAG]` in `opb.toml`, if it is right to need so much; or let it do less at once with `DEB_BUILD_OPTIONS` `parallel=N` in the recipe's `env`; the whole log: `opb log build:a-TAG@DISTRO/all`
      help: raise `processes` of `[limits]` or `[limits.component.b-TAG]` in `opb.toml`, if it is right to need so much; the whole log: `opb log build:b-TAG@DISTRO/all`
      the script wanted more memory than 400.0 MB and was ended
      the script wanted more processes and threads at once than 300 and was ended
      the script wrote more than 100.0 MB to the disk and was ended
    error   build:a-TAG@DISTRO/all
    error   build:b-TAG@DISTRO/all
    error   build:c-TAG@DISTRO/all
    ");
    let log = space.opb(&["log", "build:c-TAG@DISTRO/all"]).fine().out;
    assert!(log.contains("dpkg-buildpackage"), "{log}");

    // What limits are is in no key. What met one has failed as long as that is not raised.
    let plan = space.opb(&["plan", "build:*-TAG@DISTRO/all"]).fine().out;
    assert!(plan.contains("0 nodes will run, 3 failed before"), "{plan}");
    let again = space.opb(&["build", "-q", "build:c-TAG@DISTRO/all"]).exits(4);
    assert!(again.err.contains("not tried again: "), "{}", again.err);
    limits("memory = \"400 MB\"\nprocesses = 300\n[limits.component.c-TAG]\ndisk = \"50 MB\"");
    let lower = space.opb(&["build", "-q", "build:c-TAG@DISTRO/all"]).exits(4);
    assert!(lower.err.contains("not tried again: "), "{}", lower.err);
    let retried = space.opb(&["build", "-q", "--retry-failed", "build:c-TAG@DISTRO/all"]).exits(4);
    assert!(retried.err.contains("more than 50.0 MB") && !retried.err.contains("not tried again"), "{}", retried.err);

    // With others it is tried again, and what was made stays.
    limits("disk = \"2 GB\"");
    space.opb(&["build", "-q", "build:c-TAG@DISTRO/all"]).fine();
    limits("disk = \"500 MB\"");
    let clean = space.opb(&["build", "build:c-TAG@DISTRO/all"]).fine();
    assert!(clean.err.contains("nothing to do"), "{}", clean.err);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let Some(space) = space("bad-limits") else { return };
    space.write("opb.toml", "[limits]\nmemory = \"8 MB\"\n");
    space.opb(&["build"]).exits(2).says("`limits.memory` must be at least 64.0 MB");
}
