//! Pins: indexes that move, and archives that are not what they were.

use std::fs;
use std::process::Command;

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

const A: &str = "build:a-TAG@test-TAG/all";

/// a, which needs a package of the archive, and d, which does not.
fn ready(name: &str) -> Option<Space> {
    let space = space(name)?;
    let fields = "Rules-Requires-Root: no\nBuild-Depends: extra-TAG\n";
    Tiny { fields, fill: "cat /usr/share/extra-TAG > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    Tiny { name: "d", ..Tiny::PLAIN }.with_recipe(&space, "");
    Some(space)
}

fn update(space: &Space) -> Ran {
    space.opb(&["update", "@test-TAG"])
}

/// What `opb update` says without the dates of release files, which stand at the end of a line.
fn moved(space: &Space, ran: &Ran) -> String {
    let shown = space.shown(&ran.out);
    let lines = shown.lines().map(|line| match line.split_once("trial  ") {
        Some((before, _)) => format!("{before}trial"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_moved_index_rebuilds_what_it_reaches() {
    let Some(space) = ready("moved") else { return };
    let mut archive = Archive::new(&space);
    archive.add("extra", "1.0");
    archive.publish(Signed::Well);
    insta::assert_snapshot!(moved(&space, &update(&space).fine()), @r"
    pinned  test-TAG trial
    opb.lock is written; now 1 node will run, 11 depend on what comes out, 2 are clean (`opb plan` shows them)
    ");
    let first = space.opb(&["build", "-j1"]).fine();
    // The base root is the one that all tests share, for its packages are the same.
    assert!(!first.err.contains("done    root:base@"), "{}", first.err);
    let times = || [space.times(A), space.times("build:d-TAG@test-TAG/all")];
    assert_eq!(times(), [1, 1]);

    // What nobody needs.
    archive.add("other", "1.0");
    archive.publish(Signed::Well);
    let dry = space.opb(&["update", "@test-TAG", "--dry-run"]).fine();
    insta::assert_snapshot!(moved(&space, &dry), @r"
    moved   test-TAG trial
    opb.lock stays as it is; with these pins 1 node will run, 11 depend on what comes out, 2 are clean (`opb plan` shows them)
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["build"]).fine().err), @r"
    nothing to do: 14 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 14 nodes from the store
    ");
    insta::assert_snapshot!(moved(&space, &update(&space).fine()), @r"
    moved   test-TAG trial
    opb.lock is written; now 1 node will run, 11 depend on what comes out, 2 are clean (`opb plan` shows them)
    ");
    // Which of the two lists comes first is a matter of what builds took.
    let same = space.shown(&space.opb(&["build", "-j1"]).fine().err);
    let mut lines: Vec<&str> = same.lines().collect();
    lines[2..4].sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r"
    done    index:base@test-TAG/ARCH  TIME
    same    resolve:base@test-TAG/ARCH  TIME (output as before: what follows is not rebuilt because of it)
    same    resolve:a-TAG@test-TAG/all  TIME (output as before: what follows is not rebuilt because of it)
    same    resolve:d-TAG@test-TAG/all  TIME (output as before: what follows is not rebuilt because of it)
    4 nodes ran (0 package builds), 8 nodes spared because an input came out as before, 2 clean, in TIME
    saved TIME of building (TIME CPU): 2 nodes from the store, 8 spared by early cutoff
    ");
    assert_eq!(times(), [1, 1]);

    // What a needs.
    archive.add("extra", "1.1");
    archive.publish(Signed::Well);
    update(&space).fine();
    let built = space.opb(&["build", "-j1"]).fine();
    assert!(built.nodes("done").contains(&space.own(A).as_str()), "{}", built.err);
    assert_eq!(times(), [2, 1]);
    assert_eq!(space.packages(A), ["a-TAG_1.0-1~t1+opb2_all.deb"]);
    assert!(space.shown(&space.text("resolve:a-TAG@test-TAG/all", "list")).contains("\nextra-TAG 1.1 all "));
    insta::assert_snapshot!(moved(&space, &update(&space).fine()), @"nothing moved: all pins are what the archives have now");
}

#[test]
fn a_newer_package_of_the_base_makes_another_root() {
    let Some(space) = space("newer") else { return };
    let mut archive = Archive::new(&space);
    archive.publish(Signed::Well);
    update(&space).fine();
    let show = ["run", "root:base@test-TAG/ARCH", "--", "dpkg-query", "-W", "-f", "${Version}", "hostname"];
    let first = space.opb(&show).fine();
    // This one is the root that all tests share.
    assert!(first.nodes("done").iter().all(|node| !node.starts_with("root:")), "{}", first.err);
    assert_eq!(space.opb(&show).fine().err, "");
    archive.renew("hostname");
    archive.publish(Signed::Well);
    update(&space).fine();
    let second = space.opb(&show).fine();
    assert!(second.nodes("done").contains(&space.own("root:base@test-TAG/ARCH").as_str()), "{}", second.err);
    assert_eq!(second.out, format!("{}+new{}", first.out, space.tag));
}

#[test]
fn what_a_mirror_no_longer_has_is_named() {
    let Some(space) = ready("gone") else { return };
    let mut archive = Archive::new(&space);
    archive.add("extra", "1.0");
    archive.publish(Signed::Well);
    update(&space).fine();
    let index = archive.path("dists/trial/main/binary-ARCH/Packages.gz");
    let kept = fs::read(&index).expect("reads");

    // An archive on this machine needs no network; one elsewhere does.
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("reads");
    space.write("opb.toml", "[mirrors]\ntest = \"http://archive.invalid/test\"\n\n[channel.c-TAG]\n");
    let offline = space.opb(&["build", "--offline"]).exits(3);
    insta::assert_snapshot!(space.shown(&offline.err), @r"
    failed  index:base@test-TAG/ARCH  TIME
    error   index:base@test-TAG/ARCH
      `http://archive.invalid/test/dists/trial/main/binary-ARCH/by-hash/SHA256/DIGEST` is not on this machine, and the network is switched off
      help: run it without `--offline`
      not run because of it: 11 nodes (2 package builds)
    0 nodes ran (0 package builds), 2 clean, 1 failed, 11 not run, in TIME
    saved nothing: nothing of it was there before
    ");
    space.write("opb.toml", &settings);
    fs::remove_file(&index).expect("removed");
    let gone = space.opb(&["build"]).exits(3);
    insta::assert_snapshot!(space.shown(&gone.err), @r"
    failed  index:base@test-TAG/ARCH  TIME
    error   index:base@test-TAG/ARCH
      the mirror no longer has `file:PROJECT/archive/dists/trial/main/binary-ARCH/by-hash/SHA256/DIGEST`
      help: run `opb update --dry-run` to see what moving the pin would rebuild, then `opb update`; or try again later, if the mirror is being updated
      not run because of it: 11 nodes (2 package builds)
    0 nodes ran (0 package builds), 2 clean, 1 failed, 11 not run, in TIME
    saved nothing: nothing of it was there before
    ");
    fs::write(&index, "something else").expect("written");
    let other = space.opb(&["build"]).exits(3);
    insta::assert_snapshot!(space.shown(&other.err), @r"
    failed  index:base@test-TAG/ARCH  TIME
    error   index:base@test-TAG/ARCH
      the mirror no longer has `file:PROJECT/archive/dists/trial/main/binary-ARCH/by-hash/SHA256/DIGEST`
      help: run `opb update --dry-run` to see what moving the pin would rebuild, then `opb update`; or try again later, if the mirror is being updated
      not run because of it: 11 nodes (2 package builds)
    0 nodes ran (0 package builds), 2 clean, 1 failed, 11 not run, in TIME
    saved nothing: nothing of it was there before
    ");

    // The package: flipped, gone, and there again.
    fs::write(&index, kept).expect("written");
    let package = archive.path("pool/extra-TAG_1.0.deb");
    let whole = fs::read(&package).expect("reads");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&package, flipped).expect("written");
    let refused = space.opb(&["build", "-j1", "--only", "build:a-TAG"]).exits(3);
    refused.says("extra-TAG_1.0.deb` has other content than promised".replace("TAG", &space.tag).as_str());
    fs::remove_file(&package).expect("removed");
    let gone = space.opb(&["build", "-j1", "--only", "build:a-TAG"]).exits(3);
    gone.says("the mirror no longer has `file:").says("run `opb update --dry-run`");
    fs::write(&package, whole).expect("written");
    space.opb(&["build"]).fine();

    // With everything in the store, no archive is needed.
    fs::remove_dir_all(archive.path("")).expect("removed");
    let again = space.opb(&["build", "--offline", "--again", "--only", "build:a-TAG"]).fine();
    assert_eq!(again.nodes("same"), [space.own(A)], "{}", again.err);
}

#[test]
fn release_files_that_cannot_be_trusted_are_refused() {
    let Some(space) = ready("trust") else { return };
    let mut archive = Archive::new(&space);
    archive.add("extra", "1.0");
    let refused = |how| {
        archive.publish(how);
        let ran = update(&space).exits(3);
        assert!(!space.folder.join("opb.lock").exists(), "nothing is pinned");
        space.shown(&ran.err)
    };
    insta::assert_snapshot!(refused(Signed::ByAnother), @r"
    opb::update::signature

      × the release file of suite `trial` of test-TAG is not to be trusted
      ╰─▶ the text is signed by DIGEST, and the keyring has no such key
      help: check the mirror; if the distribution has a new key, install its newest keyring package
    ");
    insta::assert_snapshot!(refused(Signed::Not), @r"
    opb::update::signature

      × the release file of suite `trial` of test-TAG is not to be trusted
      ╰─▶ checking a signature: the text is not signed
      help: check the mirror; if the distribution has a new key, install its newest keyring package
    ");
    insta::assert_snapshot!(refused(Signed::Changed), @r"
    opb::update::signature

      × the release file of suite `trial` of test-TAG is not to be trusted
      ╰─▶ the signature by the key DIGEST does not fit the text
      help: check the mirror; if the distribution has a new key, install its newest keyring package
    ");
    fs::remove_file(space.folder.join("distros/keyrings/test-keyring.gpg")).expect("removed");
    insta::assert_snapshot!(refused(Signed::Well), @r"
    opb::update::keyring

      × the keyring `test-keyring.gpg` of test-TAG is not on this machine
      help: install the package that has it (`debian-archive-keyring`, `ubuntu-keyring`), or put the file into `distros/keyrings/`
    ");
}

/// Runs the program with an apt that has its own defaults, whatever this machine's is told about dates.
pub fn strict(space: &Space, args: &[&str]) -> Ran {
    let plain = space.command(args);
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs tmpfs /etc/apt/apt.conf.d && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.env("NO_COLOR", "1").env_remove("OPB_STORE").output().expect("runs").into()
}

#[test]
fn expired_release_files_are_refused_unless_the_distro_takes_them() {
    let Some(space) = ready("expired") else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can show the program another apt configuration");
        return;
    }
    let mut archive = Archive::new(&space);
    archive.add("extra", "1.0");
    archive.good_for = -3_600;
    archive.publish(Signed::Well);
    strict(&space, &["update", "@test-TAG"]).exits(3).says("the Release file of suite `trial` expired on ");
    assert!(!space.folder.join("opb.lock").exists());
    archive.distro("\"buildd\", add: []", "accept");
    let accepted = strict(&space, &["update", "@test-TAG"]).fine();
    assert!(accepted.err.starts_with("note: ") && accepted.err.contains("expired"), "{}", accepted.err);
    space.opb(&["plan"]).fine();
}
