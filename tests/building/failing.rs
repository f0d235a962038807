//! Builds that fail, and what they cannot do.

use std::io::{BufRead as _, BufReader, Read as _};

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space, wait_for};

/// a fails, b needs a, c does not.
fn half_broken(space: &Space, fill: &str) {
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(space, "");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { name: "b", fields, ..Tiny::PLAIN }.with_recipe(space, "");
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(space, "");
}

/// What was told before the line with the counts, and from there on: how many nodes were made before depends on other tests.
fn before_counts(told: &str) -> (&str, &str) {
    let counts = told.lines().find(|line| line.contains(" nodes ran (")).expect("counts");
    told.split_at(told.find(counts).expect("it is there"))
}

/// When `a` last failed.
fn attempt_at(space: &Space) -> Option<i64> {
    let attempt = space.open_store().last_attempt_of_node(&space.own("build:a-TAG@DISTRO/all")).expect("reads");
    attempt.map(|attempt| attempt.started)
}

#[test]
fn a_failing_build_takes_only_its_dependants_with_it() {
    let Some(space) = space("failing") else { return };
    half_broken(&space, "echo before; echo 'main.c:3:1: error: no such thing' >&2; echo after; exit 3");
    let failed = space.opb(&["build", "-j1"]).exits(4);
    let from = failed.err.find("error   build:").expect("says what failed");
    let part = |(at, line): &(usize, &str)| *at == 0 || line.starts_with(' ');
    let told: Vec<&str> = failed.err[from..].lines().enumerate().take_while(part).map(|(_, line)| line).collect();
    insta::assert_snapshot!(space.shown(&told.join("\n")), @r"
    error   build:a-TAG@DISTRO/all
      the script failed with exit code 2
          main.c:3:1: error: no such thing
          after
          make: *** [debian/rules:7: binary-indep] Error 3
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not run because of it: 4 nodes (1 package build)
    ");
    let last = failed.err.lines().nth_back(1).expect("two last lines");
    assert!(last.contains("(1 package build)") && last.contains("1 failed") && last.contains("4 not run"), "{last}");
    assert_eq!([space.times("build:c-TAG@DISTRO/all"), space.times("build:b-TAG@DISTRO/all")], [1, 0]);
    // A failure is an attempt and no realisation.
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), 0);
    let attempt = space.open_store().last_attempt_of_node(&space.own("build:a-TAG@DISTRO/all")).expect("reads");
    assert!(attempt.is_some_and(|attempt| attempt.message.contains("main.c:3:1: error: no such thing")));
    let log = space.opb(&["log", "a-TAG"]).fine().out;
    assert!(log.contains("before\nmain.c:3:1: error: no such thing\nafter\n"), "{log}");
    insta::assert_snapshot!(space.shown(&space.opb(&["why", "a-TAG"]).fine().out), @r"
    build:a-TAG@DISTRO/all
      now it would run: never built
        4 nodes run or may run because of it
      never built
      failed on DATE: the script failed with exit code 2
    ");

    // What failed is not tried again as long as it is what it was; quiet runs say so too.
    let first = attempt_at(&space);
    insta::assert_snapshot!(space.shown(&space.opb(&["plan"]).fine().out), @r"
    failed   build:a-TAG@DISTRO/all    on DATE, and nothing changed since: not tried again
    depends  resolve:b-TAG@DISTRO/all  on build:a-TAG@DISTRO/all
    depends  root:b-TAG@DISTRO/all     on resolve:b-TAG@DISTRO/all
    depends  build:b-TAG@DISTRO/all    on root:b-TAG@DISTRO/all
    depends  repo:c-TAG@DISTRO         on build:a-TAG@DISTRO/all, build:b-TAG@DISTRO/all
    0 nodes will run, 1 failed before (`--retry-failed` tries them again), 4 depend on what comes out, 14 are clean
    ");
    let quiet = space.opb(&["build", "-q"]).exits(4);
    insta::assert_snapshot!(space.shown(&quiet.err), @r"
    error   build:a-TAG@DISTRO/all  (on DATE)
      the script failed with exit code 2
          main.c:3:1: error: no such thing
          after
          make: *** [debian/rules:7: binary-indep] Error 3
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not tried again: nothing that it follows from has changed since
      help: `opb build --retry-failed` tries it again
      not run because of it: 4 nodes (1 package build)
    0 nodes ran (0 package builds), 14 clean, 1 failed, 4 not run, in TIME
    ");
    assert_eq!(attempt_at(&space), first);
    // Nothing runs in a dry run, which tells what a run would take, if it would take anything.
    let plan = |args: &[&str]| space.opb(args).fine().out;
    assert_eq!(plan(&["build", "--dry-run"]), plan(&["plan"]));
    let (dry, planned) = (plan(&["build", "--dry-run", "-j2", "--retry-failed"]), plan(&["plan", "--retry-failed"]));
    assert!(planned.starts_with("run      build:"), "{planned}");
    insta::assert_snapshot!(space.shown(dry.strip_prefix(&planned).expect("the plan comes first")), @r"
    would take about TIME with 2 jobs (all nodes TIME, the longest chain TIME 11 s); of 5 nodes it is a guess, as no time is on record
    would need about 0 bytes of the disk while it runs, and 0 bytes for good, and what 4 nodes take of which nothing is on record
    ");
    assert_eq!(attempt_at(&space), first);
    // Asked for, it is tried, and fails the same way.
    let retried = space.opb(&["build", "-q", "--retry-failed"]).exits(4);
    assert!(
        !retried.err.contains("not tried again") && retried.err.contains("error: no such thing"),
        "{}",
        retried.err
    );
    let second = attempt_at(&space);
    assert!(second > first);
    space.opb(&["build", "-q", "--again", "--only", "a-TAG"]).exits(4);
    assert!(attempt_at(&space) > second);

    // Mended: the number was not used up.
    half_broken(&space, "echo mended > $d/x");
    space.opb(&["build"]).fine();
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    assert_eq!(space.packages("build:b-TAG@DISTRO/all"), ["b-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    insta::assert_snapshot!(space.shown(&space.opb(&["build"]).fine().err), @r"
    nothing to do: 19 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 19 nodes from the store
    ");
    let log = space.opb(&["log", "a-TAG"]).fine().out;
    assert!(!log.contains("no such thing"), "{log}");
}

#[test]
fn only_the_roots_are_told_at_the_end() {
    let Some(space) = space("roots") else { return };
    let fails = |name, why, fields| {
        let fill = format!("echo 'error: {why}' >&2; exit 1");
        Tiny { name, fill: &fill, ..Tiny::PLAIN }.with_recipe(&space, fields);
    };
    fails("a", "of a", "");
    fails("d", "of d", "");
    fails("e", "of e", r#"may_fail: "upstream #77""#);
    for (name, needs) in [("b", "a"), ("c", "b")] {
        let fields = format!("Rules-Requires-Root: no\nBuild-Depends: {needs}-TAG\n");
        Tiny { name, fields: &fields, ..Tiny::PLAIN }.with_recipe(&space, "");
    }
    Tiny { name: "f", ..Tiny::PLAIN }.with_recipe(&space, "");
    let first = space.opb(&["build"]).exits(4);
    // Each that failed has a line when it does, and nothing that did not run has any.
    let mut failed = first.nodes("failed");
    failed.sort_unstable();
    assert_eq!(failed, ["a", "d", "e"].map(|name| space.own(&format!("build:{name}-TAG@DISTRO/all"))), "{}", first.err);
    let (end, counts) = before_counts(&first.err[first.err.find("error   ").expect("an end")..]);
    insta::assert_snapshot!(space.shown(end), @r"
    error   build:d-TAG@DISTRO/all
      the script failed with exit code 2
          error: of d
          make: *** [debian/rules:7: binary-indep] Error 1
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:d-TAG@DISTRO/all`, or look around with `opb shell build:d-TAG@DISTRO/all`
      not run because of it: 1 node
    error   build:a-TAG@DISTRO/all
      the script failed with exit code 2
          error: of a
          make: *** [debian/rules:7: binary-indep] Error 1
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not run because of it: 7 nodes (2 package builds)
    ");
    assert!(counts.contains(", 2 failed, 1 failed as they may, 7 not run, in "), "{counts}");
    for name in ["b", "c"] {
        assert!(!first.err.contains(&space.own(&format!("build:{name}-TAG"))), "{}", first.err);
    }
    let again = space.opb(&["build"]).exits(4);
    insta::assert_snapshot!(space.shown(before_counts(&again.err).0), @r"
    failed  build:e-TAG@DISTRO/all  (on DATE)  (tolerated: upstream #77)
    error   build:d-TAG@DISTRO/all  (on DATE)
      the script failed with exit code 2
          error: of d
          make: *** [debian/rules:7: binary-indep] Error 1
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:d-TAG@DISTRO/all`, or look around with `opb shell build:d-TAG@DISTRO/all`
      not tried again: nothing that it follows from has changed since
      help: `opb build --retry-failed` tries it again
      not run because of it: 1 node
    error   build:a-TAG@DISTRO/all  (on DATE)
      the script failed with exit code 2
          error: of a
          make: *** [debian/rules:7: binary-indep] Error 1
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not tried again: nothing that it follows from has changed since
      help: `opb build --retry-failed` tries it again
      not run because of it: 7 nodes (2 package builds)
    ");
}

#[test]
fn what_failed_before_a_stop_is_told_all_the_same() {
    let Some(space) = space("failed-and-stopped") else { return };
    half_broken(&space, "echo 'error: of a' >&2; exit 1");
    Tiny { name: "c", fill: "sleep 60", ..Tiny::PLAIN }.with_recipe(&space, "");
    let mut child = space.start(&["build", "-j2"]);
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut told, failed) = (String::new(), space.own("failed  build:a-TAG@"));
    while !told.contains(&failed) {
        assert_ne!(said.read_line(&mut told).expect("read"), 0, "{told}");
    }
    let slow = space.own("build:c-TAG@DISTRO/all");
    wait_for("c to run", || space.open_store().running_log(&slow).expect("reads"));
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("sent");
    let mut end = String::new();
    said.read_to_string(&mut end).expect("read");
    assert_eq!(child.wait().expect("ends").code(), Some(130), "{told}{end}");
    let end = &end[end.find("stopped ").expect("c was stopped")..];
    let (end, counts) = before_counts(end);
    insta::assert_snapshot!(space.shown(end), @r"
    stopped build:c-TAG@DISTRO/all
    error   build:a-TAG@DISTRO/all
      the script failed with exit code 2
          error: of a
          make: *** [debian/rules:7: binary-indep] Error 1
          dpkg-buildpackage: error: debian/rules binary-indep subprocess returned exit status 2
      help: read the whole log with `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
      not run because of it: 4 nodes (1 package build)
    ");
    assert!(counts.contains(", 1 failed, 5 not run, in "), "what was stopped counts too: {counts}");
}

#[test]
fn the_first_failure_can_be_the_last() {
    let Some(space) = space("fail-fast") else { return };
    half_broken(&space, "exit 1");
    // The failing one first: c is only begun when it has failed.
    space.opb(&["build", "-j1", "--only", "source-package:a-TAG", "root:a-TAG@DISTRO/all"]).fine();
    let failed = space.opb(&["build", "-j1", "--fail-fast"]).exits(4);
    let last = failed.err.lines().nth_back(1).expect("two last lines");
    assert!(last.contains("1 failed") && last.contains("not run"), "{last}");
    assert_eq!(space.times("build:c-TAG@DISTRO/all"), 0, "{}", failed.err);
}

#[test]
fn builds_are_alone() {
    let Some(space) = space("alone") else { return };
    // Perl is in every base; each line says what it found.
    let fill = "
perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => \"192.0.2.1:80\", Timeout => 2);
    print $s ? \"network: yes\\n\" : \"network: no, $!\\n\"'
getent hosts example.org && echo 'names: yes' || echo 'names: no'
echo \"interfaces: $(sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev | tr -d '\\n')\"
echo \"first: $(tr '\\0' ' ' < /proc/1/cmdline)\"
echo \"processes: $(ls -d /proc/[0-9]* | wc -l)\"
echo \"who: $(id -u):$(id -g) $(id -G) on $(hostname) in $(pwd)\"
echo \"rights: $(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | sed 's/0\\{16\\}/none/' | tr -s '\\t\\n' '  ')\"
touch /usr/mine 2>/dev/null && echo 'system: writable' || echo 'system: not writable'
ls -d /sys/kernel /home/* /root/.* 2>/dev/null | sed 's/^/host: /'
env | grep -E '^(HOME|USER|LANG|LC_ALL|TZ|TERM|XDG_CONFIG_HOME|OPB_STORE)=' | sort
echo \"umask: $(umask)\"";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    let mut command = space.command(&["build", "-q"]);
    let ran: Ran = command.env("SECRET_OF_HOST", "yes").output().expect("runs").into();
    ran.fine();
    let log = space.opb(&["log", "a-TAG"]).fine().out;
    let from = log.find("network: ").expect("the script ran");
    let told: Vec<&str> = log[from..].lines().take_while(|line| !line.starts_with("umask")).collect();
    let processes = told.iter().find_map(|line| line.strip_prefix("processes: ")).expect("counted");
    assert!(processes.parse::<u32>().expect("a number") < 30, "{processes}");
    let rest: Vec<&str> = told.into_iter().filter(|line| !line.starts_with("processes: ")).collect();
    insta::assert_snapshot!(space.shown(&rest.join("\n")), @r"
    network: no, Network is unreachable
    names: no
    interfaces: lo
    first: /proc/self/exe __sandbox 
    who: 1000:1000 1000 on opb in /build/tree
    rights: CapEff: none CapBnd: none NoNewPrivs: 1 Seccomp: 2 
    system: not writable
    HOME=/nonexistent
    LANG=C.UTF-8
    LC_ALL=C.UTF-8
    TERM=dumb
    TZ=UTC
    USER=builder
    ");
    assert!(!log.contains("SECRET_OF_HOST"));
}
