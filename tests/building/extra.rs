//! Extra repositories: archives of others, each with a key of its own, for builds that name them.

use std::fs;

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

const A: &str = "build:a-TAG@test-TAG/all";

const VENDOR: &str = "#{ name: \"vendor\", suite: \"stable\", areas: [\"main\"], key: \"keys/vendor.asc\", \
                      address: \"file:PROJECT/vendor\" }";

/// A component `name` with a build dependency, whose recipe has these fields.
fn needing(space: &Space, name: &str, package: &str, recipe: &str) {
    let fields = format!("Rules-Requires-Root: no\nBuild-Depends: {package}\n");
    let fill = format!("cat /usr/share/{}-TAG | tee $d/x", package.split("-TAG").next().expect("a name"));
    Tiny { name, fields: &fields, fill: &fill, ..Tiny::PLAIN }.with_recipe(space, recipe);
}

/// The distribution's archive, whose file says this of extra repositories.
fn distribution<'a>(space: &'a Space, extras: &str) -> Archive<'a> {
    let mut archive = Archive::new(space);
    archive.extras = extras.to_owned();
    archive.distro("\"buildd\", add: []", "refuse");
    archive
}

fn update(space: &Space) -> Ran {
    space.opb(&["update", "@test-TAG"])
}

/// What `opb update` says of pins, without dates.
fn moved(ran: &Ran, space: &Space) -> String {
    let shown = space.shown(&ran.out);
    let lines = shown.lines().filter(|line| line.contains("test-TAG"));
    lines.map(|line| line.rsplit_once("  ").map_or(line, |(what, _)| what)).collect::<Vec<_>>().join("\n")
}

/// What failed, and why.
fn failures(space: &Space, ran: &Ran) -> String {
    let shown = space.shown(&ran.err);
    let lines = shown.lines().filter(|line| line.starts_with("error ") || line.starts_with("  "));
    let lines = lines.filter(|line| !line.starts_with("  not run because of it: "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The lines of a package list about packages of this test: name, version, and whose they are.
fn listed(space: &Space, node: &str) -> Vec<String> {
    let text = space.shown(&space.text(node, "list"));
    let lines = text.lines().filter(|line| line.contains("-TAG "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{} {} {}", words[0], words[1], words[5])
        })
        .collect()
}

#[test]
fn a_package_that_only_an_extra_repository_has() {
    let Some(space) = space("extra") else { return };
    needing(&space, "a", "tool-TAG", "extra_repositories: [\"vendor\"]");
    needing(&space, "d", "other-TAG", "");
    let mut archive = distribution(&space, VENDOR);
    archive.add("other", "1.0");
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.add("tool", "1.0");
    vendor.publish(Signed::Well);
    insta::assert_snapshot!(moved(&update(&space).fine(), &space), @r"
    pinned  test-TAG stable of vendor
    pinned  test-TAG trial
    ");
    let lock = space.shown(&fs::read_to_string(space.folder.join("opb.lock")).expect("reads"));
    let pin = lock.split_once("\n[distro.test-TAG.extra.vendor]").map(|(_, pin)| pin).expect("a pin");
    let pin: Vec<&str> = pin.trim().lines().filter(|line| !line.starts_with("date = ") && *line != "[dsc]").collect();
    insta::assert_snapshot!(pin.join("\n").trim_end(), @r#"
    suite = "stable"
    release = "DIGEST"

    [distro.test-TAG.extra.vendor.index]
    "main/binary-ARCH/Packages.gz" = "DIGEST"
    "#);

    let first = space.opb(&["build", "-j1"]).fine();
    assert!(!first.err.contains("done    root:base@"), "the base is that of all: {}", first.err);
    assert_eq!(listed(&space, "resolve:a-TAG@test-TAG/all"), ["tool-TAG 1.0 repository:vendor"]);
    assert_eq!(listed(&space, "resolve:d-TAG@test-TAG/all"), ["other-TAG 1.0 distribution"]);
    assert!(space.opb(&["log", "a-TAG"]).fine().out.contains("\n1.0\n"), "what the package holds was there");

    // What moves there reaches its user alone, and goes no further where the user's packages stay.
    vendor.add("unrelated", "1.0");
    vendor.publish(Signed::Well);
    insta::assert_snapshot!(moved(&update(&space).fine(), &space), @"moved   test-TAG stable of vendor");
    let why = space.shown(&space.opb(&["why", "resolve:a-TAG@test-TAG/all"]).fine().out);
    insta::assert_snapshot!(why, @r"
    resolve:a-TAG@test-TAG/all
      now it depends on what comes out of index:vendor@test-TAG/ARCH
        because of 1 root, 4 cascaded
          the package index of vendor of test-TAG moved: 1 node, 4 follow, 1 build in all
              index:vendor@test-TAG/ARCH
      last built DATE in TIME
        because it was never built before
    ");
    let same = space.opb(&["build", "-j1"]).fine();
    assert_eq!(same.nodes("done"), [space.own("index:vendor@test-TAG/ARCH")]);
    assert_eq!(same.nodes("same"), [space.own("resolve:a-TAG@test-TAG/all")]);
    assert!(same.err.contains("\n2 nodes ran (0 package builds), "), "{}", same.err);
    vendor.add("tool", "1.1");
    vendor.publish(Signed::Well);
    update(&space).fine();
    space.opb(&["build", "-j1"]).fine();
    assert_eq!([space.times(A), space.times("build:d-TAG@test-TAG/all")], [2, 1]);
    assert_eq!(listed(&space, "resolve:a-TAG@test-TAG/all"), ["tool-TAG 1.1 repository:vendor"]);

    // Where an archive is, is no part of any identity.
    fs::rename(space.folder.join("vendor"), space.folder.join("moved")).expect("renamed");
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("reads");
    let place = space.folder.join("moved");
    let settings =
        settings.replace("[mirrors]\n", &format!("[mirrors]\n\"test-TAG/vendor\" = \"file:{}\"\n", place.display()));
    space.write("opb.toml", &settings);
    assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
    space.opb(&["update"]).fine();
    assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
}

#[test]
fn what_a_recipe_does_not_name_is_not_looked_at() {
    let Some(space) = space("unseen") else { return };
    needing(&space, "a", "tool-TAG", "");
    needing(&space, "d", "tool-TAG (>= 2)", "extra_repositories: [\"vendor\"]");
    let archive = distribution(&space, VENDOR);
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.add("tool", "1.0");
    vendor.publish(Signed::Well);
    update(&space).fine();
    let failed = space.opb(&["build", "-j1", "--only", "build:a-TAG"]).exits(2);
    insta::assert_snapshot!(failures(&space, &failed), @r"
    error   resolve:a-TAG@test-TAG/all
      cannot meet the need `tool-TAG` of the root itself: there is no `tool-TAG`
      help: check the name and version; if it was meant to come from a component, add that one to `needs`; `vendor` was not looked at: name in `extra_repositories` what the build may use
    ");
    let failed = space.opb(&["build", "-j1", "--only", "build:d-TAG"]).exits(2);
    insta::assert_snapshot!(failures(&space, &failed), @r"
    error   resolve:d-TAG@test-TAG/all
      cannot meet the need `tool-TAG (>= 2)` of the root itself: `tool-TAG` is there as 1.0 in `vendor`
      help: check the name and version; if it was meant to come from a component, add that one to `needs`
    ");
    // It is pinned for d alone: with d, the pin goes.
    fs::remove_file(space.folder.join(space.own("recipes/d-TAG.rhai"))).expect("removed");
    insta::assert_snapshot!(moved(&space.opb(&["update", "a-TAG"]).fine(), &space), @"dropped test-TAG stable of vendor");
    // Named, it is asked for, and one update of any kind pins it.
    needing(&space, "a", "tool-TAG", "extra_repositories: [\"vendor\"]");
    let unpinned = space.opb(&["plan"]).exits(2);
    insta::assert_snapshot!(space.shown(&unpinned.err), @r#"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × the extra repository `vendor` of test-TAG is not pinned
       ╭─[recipes/a-TAG.rhai:1:44]
     1 │ #{ source: path("a"), extra_repositories: ["vendor"] }
       ·                                            ────┬───
       ·                                                ╰── here
       ╰────
      help: run `opb update a-TAG`, which looks it up and writes `opb.lock`
    "#);
    insta::assert_snapshot!(moved(&space.opb(&["update", "a-TAG"]).fine(), &space), @"pinned  test-TAG stable of vendor");
    space.opb(&["build", "-j1"]).fine();
}

#[test]
fn the_distributions_package_is_taken_as_long_as_it_does() {
    let Some(space) = space("needed") else { return };
    needing(&space, "a", "lib-TAG", "");
    needing(&space, "d", "new-TAG, lib-TAG", "");
    let mut archive = distribution(&space, &VENDOR.replace(" }", ", everywhere: true }"));
    archive.add("lib", "1.0");
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.add("lib", "2.0");
    vendor.add_with("new", "1.0", "Depends: lib-TAG (>= 2)\n");
    vendor.publish(Signed::Well);
    update(&space).fine();
    let (a, d) = ("resolve:a-TAG@test-TAG/all", "resolve:d-TAG@test-TAG/all");
    space.opb(&["build", "-j1"]).fine();
    assert_eq!(listed(&space, a), ["lib-TAG 1.0 distribution"]);
    assert_eq!(listed(&space, d), ["lib-TAG 2.0 repository:vendor", "new-TAG 1.0 repository:vendor"]);
    for (taken, version) in [("when-newer", "2.0 repository:vendor"), ("first", "2.0 repository:vendor")] {
        archive.extras = VENDOR.replace(" }", &format!(", everywhere: true, taken: \"{taken}\" }}"));
        archive.distro("\"buildd\", add: []", "refuse");
        space.opb(&["build", "-j1"]).fine();
        assert_eq!(listed(&space, a), [format!("lib-TAG {version}")]);
    }
}

#[test]
fn what_was_fetched_is_built_without_archives() {
    let Some(space) = space("brought") else { return };
    needing(&space, "a", "tool-TAG", "extra_repositories: [\"vendor\"]");
    let archive = distribution(&space, VENDOR);
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.add("tool", "1.0");
    vendor.publish(Signed::Well);
    update(&space).fine();
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("reads");
    let away = "[mirrors]\n\"test-TAG/vendor\" = \"http://vendor.invalid/debian\"\n";
    space.write("opb.toml", &settings.replace("[mirrors]\n", away));
    let offline = space.opb(&["build", "--offline"]).exits(3);
    insta::assert_snapshot!(failures(&space, &offline), @r"
    error   index:vendor@test-TAG/ARCH
      `http://vendor.invalid/debian/dists/stable/main/binary-ARCH/by-hash/SHA256/DIGEST` is not on this machine, and the network is switched off
      help: run it without `--offline`
    ");
    space.write("opb.toml", &settings);
    space.opb(&["build", "-j1", "--only", "resolve:a-TAG"]).fine();
    space.write("opb.toml", &settings.replace("[mirrors]\n", away));
    let offline = space.opb(&["build", "--offline"]).exits(3);
    insta::assert_snapshot!(failures(&space, &offline), @r"
    error   root:a-TAG@test-TAG/all
      `tool-TAG` 1.0 is not in the store, and the network is switched off
      help: run `opb fetch` with the network first, or run it without `--offline`
    ");
    space.write("opb.toml", &settings);
    let checked = space.opb(&["fetch", "--check"]).exits(3);
    insta::assert_snapshot!(space.shown(&checked.out), @r"
    a build without network lacks:
    missing tool-TAG 1.0 all for root:a-TAG@test-TAG/all: it is not in the store
    ");
    space.opb(&["fetch"]).fine();
    fs::remove_dir_all(space.folder.join("vendor")).expect("removed");
    space.opb(&["build", "--offline", "-j1"]).fine();
    assert_eq!(space.times(A), 1);
}

#[test]
fn release_files_need_the_signature_of_their_own_key() {
    let Some(space) = space("keys") else { return };
    needing(&space, "a", "tool-TAG", "extra_repositories: [\"vendor\"]");
    let archive = distribution(&space, VENDOR);
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.add("tool", "1.0");
    let refused = |vendor: &Archive<'_>, how, code| {
        vendor.publish(how);
        let ran = update(&space).exits(code);
        assert!(!space.folder.join("opb.lock").exists(), "nothing is pinned");
        space.shown(&ran.err)
    };
    insta::assert_snapshot!(refused(&vendor, Signed::ByAnother, 3), @r"
    opb::update::extra_signature

      × the release file of the extra repository `vendor` of test-TAG is not to be trusted
      ╰─▶ the text is signed by DIGEST, and the keyring has no such key
      help: check its `address` in `distros/test-TAG.rhai`; if it is signed with a new key, ask its owners for that, and put it into `keys/vendor.asc`
    ");
    insta::assert_snapshot!(refused(&vendor, Signed::Not, 3), @r"
    opb::update::extra_signature

      × the release file of the extra repository `vendor` of test-TAG is not to be trusted
      ╰─▶ checking a signature: the text is not signed
      help: check its `address` in `distros/test-TAG.rhai`; if it is signed with a new key, ask its owners for that, and put it into `keys/vendor.asc`
    ");
    insta::assert_snapshot!(refused(&vendor, Signed::Changed, 3), @r"
    opb::update::extra_signature

      × the release file of the extra repository `vendor` of test-TAG is not to be trusted
      ╰─▶ the signature by the key DIGEST does not fit the text
      help: check its `address` in `distros/test-TAG.rhai`; if it is signed with a new key, ask its owners for that, and put it into `keys/vendor.asc`
    ");
    // The distribution's own key counts for nothing there, nor that of another repository.
    archive.show_key("vendor");
    refused(&vendor, Signed::Well, 3);
    vendor.show_key("vendor");
    archive.publish(Signed::Well);

    space.write("keys/vendor.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnothing\n");
    insta::assert_snapshot!(refused(&vendor, Signed::Well, 2), @r"
    opb::update::extra_key

      × cannot use the key `keys/vendor.asc` of the extra repository `vendor` of test-TAG
      ╰─▶ its armor is damaged
      help: export the public key anew, as in `gpg --export --armor NAME`
    ");
    fs::remove_file(space.folder.join("keys/vendor.asc")).expect("removed");
    std::os::unix::fs::symlink("/etc/hostname", space.folder.join("keys/vendor.asc")).expect("linked");
    let outside = refused(&vendor, Signed::Well, 2);
    assert!(
        outside.contains("cannot read `keys/vendor.asc`") || outside.contains("reading `keys/vendor.asc`"),
        "{outside}"
    );
    fs::remove_file(space.folder.join("keys/vendor.asc")).expect("removed");
    insta::assert_snapshot!(refused(&vendor, Signed::Well, 2), @r#"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::file

      × `keys/vendor.asc` is not there
       ╭─[distros/test-TAG.rhai:5:84]
     4 │     suites: [ #{ name: "trial", areas: ["main"] } ],
     5 │     extra_repositories: [#{ name: "vendor", suite: "stable", areas: ["main"], key: "keys/vendor.asc", address: "file:PROJECT/vendor" }],
       ·                                                                                    ────────┬────────
       ·                                                                                            ╰── here
     6 │     keyring: "test-keyring.gpg",
       ╰────
      help: put the repository's public key there, armored or binary; the path is relative to the root
    "#);
    vendor.show_key("vendor");
    vendor.publish(Signed::Well);
    update(&space).fine();
}

#[test]
fn an_expired_release_file_is_refused() {
    let Some(space) = space("past") else { return };
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can show the program another apt configuration");
        return;
    }
    needing(&space, "a", "tool-TAG", "extra_repositories: [\"vendor\"]");
    let archive = distribution(&space, VENDOR);
    archive.publish(Signed::Well);
    let mut vendor = Archive::foreign(&space, "vendor", "stable");
    vendor.good_for = -3_600;
    vendor.publish(Signed::Well);
    let strict = || crate::pins::strict(&space, &["update", "@test-TAG"]);
    strict().exits(3).says("the Release file of suite `stable` expired on ");
    assert!(!space.folder.join("opb.lock").exists(), "nothing is pinned");
    archive.distro("\"buildd\", add: []", "accept");
    let accepted = strict().fine();
    assert!(accepted.err.starts_with("note: ") && accepted.err.contains("expired"), "{}", accepted.err);
}
