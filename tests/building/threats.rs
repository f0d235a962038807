//! What a hostile build leaves: in its outputs, in names, and for the next try.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::space::sources::Tiny;
use crate::space::{Space, space, wait_for};

const BUILD: &str = "build:a-TAG@DISTRO/all";

/// What is told of a build that runs these lines besides making its package; it must fail by its own fault.
fn failing(space: &Space, lines: &str) -> String {
    Tiny { fill: &format!("{lines}\necho fine > $d/x"), ..Tiny::PLAIN }.with_recipe(space, "");
    let failed = space.opb(&["build", "-q", BUILD, "--only"]).exits(4);
    assert!(!failed.err.contains('\u{1b}'), "it moves the cursor: {:?}", failed.err);
    assert_eq!(space.times(BUILD), 0, "nothing of it counts");
    assert!(space.opb(&["log", "a-TAG"]).fine().out.contains("dpkg-buildpackage"), "its log is there");
    let lines = failed.err.lines().skip(1).take_while(|line| !line.contains(" nodes ran ("));
    space.shown(&lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn outputs_that_lead_elsewhere_are_refused() {
    let Some(space) = space("leads-elsewhere") else { return };
    // The folder of an output is a link to one that the build may write.
    insta::assert_snapshot!(failing(&space, "mkdir /tmp/else; rm -rf /out/debug; ln -s /tmp/else /out/debug"), @r"
      `/out/debug` cannot be stored: it is no folder
      help: remove it, or change what makes it; the whole log: `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
    ");
    insta::assert_snapshot!(failing(&space, "mkdir /out/debug; ln ../changelog /out/debug/x || cp ../changelog /out/debug/x; ln /out/debug/x /out/other"), @r"
      `/out/debug/x` cannot be stored: it is a hard link to a file outside of the folder
      help: remove it, or change what makes it; the whole log: `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
    ");
    // Names are shown harmlessly.
    insta::assert_snapshot!(failing(&space, r#"mkdir /out/debug; mkfifo "/out/debug/$(printf 'a\nb\033]0;x\007%%n')""#), @r"
      `/out/debug/a\nb\u{1b}]0;x\u{7}%n` cannot be stored: it is a pipe, and only files, folders and symbolic links are stored
      help: remove it, or change what makes it; the whole log: `opb log build:a-TAG@DISTRO/all`, or look around with `opb shell build:a-TAG@DISTRO/all`
    ");
}

#[test]
fn two_files_of_one_name_do_not_go_into_one_repository() {
    let Some(space) = space("one-name") else { return };
    let told = |space: &Space| {
        let failed = space.opb(&["build", "-q"]).exits(2);
        let lines = failed.err.lines().filter(|line| !line.contains(" ran ("));
        space.shown(&lines.collect::<Vec<_>>().join("\n"))
    };
    // Of two components, as they say themselves: nothing is built.
    let packages = &[("x", "all")];
    Tiny { packages, ..Tiny::PLAIN }.with_recipe(&space, "");
    Tiny { name: "b", packages, ..Tiny::PLAIN }.with_recipe(&space, "");
    insta::assert_snapshot!(told(&space), @r#"
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `b-TAG` and `a-TAG` both make the package `x-TAG` for DISTRO
       ╭─[recipes/b-TAG.rhai:1:4]
     1 │ #{ source: path("b"),  }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: leave one of them out of DISTRO with `targets` or `skip`
    "#);
    // Of two, without a word before.
    let fill = "echo one > $d/x; v=$(dpkg-parsechangelog -S Version); mkdir -p /tmp/m/DEBIAN /out/packages/more\n\
                printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' a-TAG $v > /tmp/m/DEBIAN/control\n\
                dpkg-deb -b /tmp/m /out/packages/more/a-TAG_${v}_all.deb > /dev/null";
    Tiny::PLAIN.with_recipe(&space, "");
    Tiny { name: "b", fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    insta::assert_snapshot!(told(&space), @r"
    error   repo:c-TAG@DISTRO
      `a-TAG` 1.0-1~SUFFIX+opb1 for `all` is there twice with different content, made by `build:a-TAG@DISTRO/all` and by `build:b-TAG@DISTRO/all`
      help: let one of the two go, or give it another version: a published name never gets other bytes
    ");
    // Of one build, in two folders of an output.
    fs::remove_file(space.folder.join(space.own("recipes/b-TAG.rhai"))).expect("removed");
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    insta::assert_snapshot!(told(&space), @r"
    error   repo:c-TAG@DISTRO
      `a-TAG` 1.0-1~SUFFIX+opb2 for `all` is there twice with different content, both made by `build:a-TAG@DISTRO/all`
      help: let one of the two go, or give it another version: a published name never gets other bytes
    ");
}

#[test]
fn what_a_failed_build_left_is_not_in_the_next() {
    let Some(space) = space("left-writable") else { return };
    failing(
        &space,
        "mkdir -p /out/packages; echo evil > /out/packages/evil_1_all.deb; chmod -R 0777 /out /build; exit 1",
    );
    Tiny { fill: "ls -A /out /build > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q", BUILD, "--only"]).fine();
    assert_eq!(space.packages(BUILD), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
}

#[test]
fn an_open_build_folder_is_behind_a_closed_one() {
    let Some(space) = space("open-folder") else { return };
    Tiny { fill: "chmod 0777 /build /out; sleep 5; echo fine > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    let mut build = space.start(&["build", "-q", BUILD]);
    let node = space.own(BUILD);
    wait_for("the build to run", || space.open_store().running_log(&node).expect("reads"));
    let folders = fs::read_dir(space.store.join("work")).expect("reads").flatten();
    let folders: Vec<_> = folders.map(|entry| entry.path()).filter(|path| path.join("log").exists()).collect();
    assert!(!folders.is_empty(), "it works somewhere");
    for folder in folders {
        // It may have ended meanwhile.
        if let Ok(data) = fs::metadata(&folder) {
            assert_eq!(data.permissions().mode() & 0o077, 0, "{} is open to others", folder.display());
        }
    }
    assert_eq!(build.wait().expect("ends").code(), Some(0));
}

#[test]
fn a_build_sees_the_cores_that_it_may_use() {
    let Some(space) = space("cores") else { return };
    Tiny { fill: "echo \"$DEB_BUILD_OPTIONS\" | tee $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q", "--cores", "3", BUILD, "--only"]).fine();
    let log = space.opb(&["log", "a-TAG"]).fine().out;
    assert!(log.lines().any(|line| line == "parallel=3"), "{log}");
}
