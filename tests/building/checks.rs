//! Checks on real packages, baselines, and builds that are verified.

use crate::space::sources::Tiny;
use crate::space::{Space, space};

/// A source whose package has a program, a file of settings and `postinst`, with these tests and checks.
fn tool(space: &Space, postinst: &str, checks: &str) {
    let fill = format!(
        "rm -r debian/$p/usr/share\nmkdir -p debian/$p/usr/bin\n\
         printf '#!/bin/sh\\necho tool 1.0\\n' > debian/$p/usr/bin/tool-TAG\nchmod 755 debian/$p/usr/bin/tool-TAG\n\
         printf '#!/bin/sh\\nset -e\\n%s\\n' '{postinst}' > debian/$p/DEBIAN/postinst\nchmod 755 debian/$p/DEBIAN/postinst"
    );
    Tiny { name: "tool", fill: &fill, ..Tiny::PLAIN }.with_recipe(space, &format!("checks: #{{ {checks} }}"));
}

#[test]
fn a_script_of_the_recipe_sees_the_packages_installed() {
    let Some(space) = space("checks-own") else { return };
    tool(&space, "true", r#"own: #{ script: "test $(id -u) = 1000\ntool-TAG | grep -x 'tool 1.0'" }"#);
    let first = space.opb(&["build"]).fine();
    assert!(first.nodes("done").contains(&space.own("check:tool-TAG.own@DISTRO/ARCH").as_str()), "{}", first.err);
    space.opb(&["build"]).fine().says("nothing to do: ");
    // Another script is another check, and no other build.
    tool(&space, "true", r#"own: "echo 'error: not good'; exit 3""#);
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("the check `own` failed with exit code 3\n      error: not good"), "{}", failed.err);
    assert_eq!((space.times("build:tool-TAG@DISTRO/all"), space.times("check:tool-TAG.own@DISTRO/ARCH")), (1, 1));
    // The repository is there all the same.
    assert!(space.times("repo:c-TAG@DISTRO") == 1, "{}", failed.err);
    let log = space.opb(&["log", "check:tool-TAG.own@DISTRO/ARCH"]).fine();
    assert!(log.out.contains("error: not good"), "{}", log.out);
}

#[test]
fn whatever_a_check_leaves_is_bounded_refused_or_harmless() {
    let Some(space) = space("checks-hostile") else { return };
    for (script, said) in [
        ("rm -r /out/report", "has left no plain file with what it found"),
        ("rm -r /out/report; ln -s /etc /out/report", "has left no plain file with what it found"),
        (
            "rm /out/report/findings; ln -s /etc/passwd /out/report/findings",
            "has left no plain file with what it found",
        ),
        ("rm /out/report/findings; mkfifo /out/report/findings", "has left no plain file with what it found"),
        ("yes 'E: a: b' | head -c 9000000 > /out/report/findings", "found more than 8 MiB of text"),
        ("printf 'E: a: \\\\033[31mred \\\\033]0;x\\\\007\\n' > /out/report/findings", "a finding that is not known"),
    ] {
        tool(&space, "true", &format!("own: \"{script}\""));
        let failed = space.opb(&["build"]).exits(4);
        assert!(failed.err.contains(said), "`{script}`: {}", failed.err);
        assert!(!failed.err.contains('\u{1b}'), "{}", failed.err);
    }
    assert_eq!(space.times("build:tool-TAG@DISTRO/all"), 1, "no check dirties a build");
}

#[test]
fn what_may_fail_is_not_looked_at_and_holds_no_gate() {
    let Some(space) = space("checks-may-fail") else { return };
    space.write("opb.toml", "[checks]\ninstall = [\"*\"]\ngate = true\n[channel.c-TAG]\n");
    Tiny { fill: "exit 1", ..Tiny::PLAIN }.with_recipe(&space, "may_fail: \"upstream #77\"");
    Tiny { name: "c", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    let built = space.opb(&["build"]).fine();
    assert_eq!(space.times("check:c-TAG.install@DISTRO/ARCH"), 1, "{}", built.err);
    let published = space.opb(&["repo", "publish", "c-TAG"]).fine();
    assert!(published.out.contains("published generation 1"), "{}{}", published.out, published.err);
}

#[test]
fn what_cannot_be_upgraded_to_is_held_back() {
    let Some(space) = space("checks-upgrade") else { return };
    space.write("opb.toml", "[checks]\ninstall = [\"*\"]\nupgrade = true\n[channel.c-TAG]\n");
    let version = |version: &str, preinst: &str| {
        let fill = format!(
            "printf '#!/bin/sh\\nset -e\\n%s\\n' '{preinst}' > debian/$p/DEBIAN/preinst\nchmod 755 debian/$p/DEBIAN/preinst\n\
             echo {version} > $d/x"
        );
        Tiny { name: "up", version, fill: &fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    };
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    let publish = || {
        space.opb(&["build", "-q"]).fine();
        space.opb(&["repo", "publish", "c-TAG"])
    };
    version("1.0-1", "true");
    assert!(publish().fine().out.contains("published generation 1"));
    version("1.0-2", "case $1 in upgrade) echo error: not from there; exit 1;; esac");
    let held = publish().exits(4);
    let shown = space.shown(&held.err);
    assert!(
        shown.contains(
            "DISTRO is held back: what is published cannot be upgraded to 1 component; its last good state stays"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("check:up-TAG.install@DISTRO/ARCH: the upgrade of what is published failed with exit code 100"),
        "{shown}"
    );
    assert!(shown.contains("error: not from there"), "{shown}");
    assert!(!held.out.contains("generation 2"), "{}", held.out);
    assert!(
        shown.contains("help: mend the scripts and relations of the new packages, or set `upgrade = false`"),
        "{shown}"
    );
    // It is known what comes of it, and its log is there.
    assert!(publish().exits(4).err.contains("not tried again: nothing that it reads has changed since"));
    let log = space.opb(&["log", "--upgrade", "check:up-TAG.install@DISTRO/ARCH"]).fine();
    assert!(log.out.contains("error: not from there"), "{}", log.out);
    let again = space.opb(&["repo", "publish", "c-TAG", "--retry-failed"]).exits(4);
    assert!(!again.err.contains("not tried again"), "{}", again.err);
    version("1.0-3", "case $1 in upgrade) mkdir -p /var/lib/up-TAG;; esac");
    let left = publish().exits(4);
    assert!(space.shown(&left.err).contains("W: up-TAG: left-after-upgrade /var/lib/up-TAG"), "{}", left.err);
    version("1.0-4", "true");
    assert!(publish().fine().out.contains("published generation 2"));
    assert!(publish().fine().out.contains("nothing to publish"));
}

#[test]
fn what_is_left_after_a_purge_is_found_and_can_be_known() {
    let Some(space) = space("checks-install") else { return };
    space.write("opb.toml", "[checks]\ngate = true\n[channel.c-TAG]\n");
    tool(&space, "mkdir -p /var/lib/tool-TAG", "install: true");
    let failed = space.opb(&["build"]).exits(4);
    let shown = space.shown(&failed.err);
    assert!(
        shown.contains(
            "the check `install` has a finding that is not known\n      W: tool-TAG: left-after-purge /var/lib/tool-TAG"
        ),
        "{shown}"
    );
    assert_eq!(space.times("repo:c-TAG@DISTRO"), 0, "it waits for its checks: {shown}");
    insta::assert_snapshot!(space.shown(&space.opb(&["baseline"]).fine().out), @r"
    tool-TAG.install: 1 new
      + W: tool-TAG: left-after-purge /var/lib/tool-TAG
    ");
    space.opb(&["baseline", "--write", "tool-TAG"]).fine();
    let known = std::fs::read_to_string(space.folder.join(space.own("recipes/tool-TAG/tool-TAG.install.baseline")));
    assert!(known.expect("written").ends_with(&space.own("\nW: tool-TAG: left-after-purge /var/lib/tool-TAG\n")));
    let passed = space.opb(&["build"]).fine();
    assert_eq!((space.times("repo:c-TAG@DISTRO"), space.times("build:tool-TAG@DISTRO/all")), (1, 1), "{}", passed.err);
    // Mended: the check says what is gone, and the list can shrink. The verdict is as before, so the repository has new packages
    // and nothing else.
    tool(&space, "true", "install: true");
    space.opb(&["build"]).fine().says("a known finding is gone");
    space.opb(&["baseline", "--write"]).fine();
    assert_eq!(space.shown(&space.opb(&["baseline"]).fine().out), "tool-TAG.install: nothing new");
    let before = space.times("repo:c-TAG@DISTRO");
    space.opb(&["build"]).fine();
    assert_eq!(space.times("repo:c-TAG@DISTRO"), before, "what passes is the same to a repository, whatever it says");
}

#[test]
fn packages_that_do_not_install_fail_their_check() {
    let Some(space) = space("checks-broken") else { return };
    tool(&space, "echo error: no luck; exit 1", "install: true");
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("the check `install` failed with exit code 100"), "{}", failed.err);
    assert!(failed.err.contains("error: no luck"), "{}", failed.err);
    let never = space.opb(&["baseline"]).fine();
    assert!(never.out.contains("has not run"), "a check that did not end has no findings: {}", never.out);
}

#[test]
fn tests_of_a_source_run_against_what_was_built() {
    let Some(space) = space("checks-tests") else { return };
    let control = "Tests: plain, loud\n\nTests: rooted\nRestrictions: needs-root\n\nTest-Command: exit 77\n\
                   Restrictions: skippable, allow-stderr\n\nTest-Command: tool-TAG\nRestrictions: isolation-machine\n\n\
                   Test-Command: false\nRestrictions: flaky\n\nTests: needy\nDepends: opb-no-such-package\n";
    let put = |loud: &str, control: &str| {
        tool(&space, "true", "autopkgtest: true");
        space.write("tool/debian/tests/control", control);
        space.write("tool/debian/tests/plain", "#!/bin/sh\nset -e\ntool-TAG | grep 'tool 1.0'\ntest \"$(id -u)\" = 1000\ntest -d \"$AUTOPKGTEST_TMP\"\ntest -e debian/control\n");
        space.write("tool/debian/tests/loud", loud);
        space.write("tool/debian/tests/rooted", "#!/bin/sh\ntest \"$(id -u)\" = 0\n");
        space.write("tool/debian/tests/needy", "#!/bin/sh\ntrue\n");
    };
    put("#!/bin/sh\nprintf 'x\\033[31m\\n' >&2\n", control);
    let failed = space.opb(&["build"]).exits(4);
    let shown = space.shown(&failed.err);
    assert!(shown.contains("the check `autopkgtest` has 2 findings that are not known"), "{shown}");
    assert!(shown.contains("E: tool-TAG: test-failed loud: wrote to the standard error: x"), "{shown}");
    let reason = "needy: cannot meet the need `opb-no-such-package` of the test: there is no `opb-no-such-package`";
    assert!(shown.contains(&format!("E: tool-TAG: test-not-run {reason}")), "{shown}");
    assert!(!failed.err.contains('\u{1b}'), "{shown}");

    put("#!/bin/sh\ntrue\n", &control.replace("opb-no-such-package", "@, dpkg-dev"));
    space.opb(&["build"]).fine().says("2 tests were skipped; ");
    let report = space.files("check:tool-TAG.autopkgtest@DISTRO/ARCH", "report");
    let (_, digest) = report.iter().find(|(name, _)| name == "report.txt").expect("a report");
    let text = space.open_store().read_object(digest.parse().expect("a digest"), 1 << 20).expect("reads");
    insta::assert_snapshot!(space.shown(&String::from_utf8_lossy(&text)), @r"
    told:
      I: tool-TAG: flaky-test-failed command3: failed with exit status 1
      O: tool-TAG: test-passed loud
      O: tool-TAG: test-passed needy
      O: tool-TAG: test-passed plain
      O: tool-TAG: test-passed rooted
      N: tool-TAG: test-skipped command1: it says that it cannot run here
      N: tool-TAG: test-skipped command2: it wants a container or a machine of its own (`isolation-machine`)
    ");
}

#[test]
fn lintian_looks_at_packages_and_known_findings_pass() {
    let Some(space) = space("checks-lintian") else { return };
    space.write("opb.toml", "[checks]\nlintian = [\"*\"]\n[channel.c-TAG]\n");
    Tiny { name: "lint", ..Tiny::PLAIN }.with_recipe(&space, "");
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("the check `lintian` has "), "{}", failed.err);
    assert!(failed.err.contains(&space.own("E: lint-TAG: no-copyright-file")), "{}", failed.err);
    space.opb(&["baseline", "--write", "check:*.lintian"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(space.times("check:lint-TAG.lintian@DISTRO/ARCH"), 1);
    space.opb(&["build"]).fine().says("nothing to do: ");
}

#[test]
fn a_build_that_comes_out_otherwise_is_shown() {
    let Some(space) = space("verify") else { return };
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, "");
    Tiny { name: "odd", fill: "cat /proc/sys/kernel/random/uuid > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["verify", "a-TAG"]).exits(2).says("has not been built as it is now");
    space.opb(&["build"]).fine();
    let before = space.last("build:odd-TAG@DISTRO/all").outputs;
    let same = space.opb(&["verify", "a-TAG"]).fine();
    assert_eq!(space.shown(&same.out), "same     build:a-TAG@DISTRO/all\n1 of 1 came out the same");
    let differs = space.opb(&["verify", "odd-TAG"]).exits(4);
    let shown = space.shown(&differs.out);
    assert!(shown.starts_with("differs  build:odd-TAG@DISTRO/all\n"), "{shown}");
    assert!(shown.contains("odd-TAG_1.0-1~SUFFIX+opb1_all.deb: data/./usr/share/odd-TAG/x: content"), "{shown}");
    let has_diffoscope = std::path::Path::new("/usr/bin/diffoscope").exists();
    assert_eq!(shown.contains("apt-get install diffoscope"), !has_diffoscope, "{shown}");
    // What diffoscope shows of it: the line itself.
    assert_eq!(shown.contains("│ -"), has_diffoscope, "{shown}");
    assert_eq!(space.last("build:odd-TAG@DISTRO/all").outputs, before, "the result that counts stays");
    space.opb(&["build"]).fine().says("nothing to do: ");
    let list = space.shown(&space.opb(&["verify", "--list"]).fine().out);
    assert!(
        list.contains("same     build:a-TAG@DISTRO/all  DATE")
            && list.contains("differs  build:odd-TAG@DISTRO/all  DATE"),
        "{list}"
    );
    // A sample is the same for the same seed.
    let sample = || space.opb(&["verify", "--sample", "1", "--seed", "x"]).out;
    let first = sample();
    assert_eq!(
        first.lines().next().map(|line| line.get(9..)),
        sample().lines().next().map(|line| line.get(9..)),
        "{first}"
    );
}
