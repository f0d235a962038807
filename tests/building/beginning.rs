//! A folder with a `debian/` becomes a project, and the project packages.

use std::fs;
use std::process::Command;

use crate::space::sources::Tiny;
use crate::space::{Ran, program, space};

#[test]
fn a_source_becomes_a_project_that_builds() {
    let Some(space) = space("beginning") else { return };
    Tiny::PLAIN.put(&space);
    let folder = space.folder.join("a");
    let opb = |args: &[&str]| -> Ran {
        let mut command = program();
        command.arg("-C").arg(&folder).arg("--store").arg(&space.store).args(args);
        command.output().expect("runs").into()
    };
    let git = |args: &[&str]| -> Ran {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.excludesFile=/dev/null"])
            .args(args);
        git.current_dir(&folder).output().expect("git runs").into()
    };
    git(&["init", "-q"]).fine();
    git(&["add", "-A"]).fine();
    git(&["commit", "-q", "-m", "A source."]).fine();

    let begun = opb(&["init"]).fine();
    assert!(begun.out.contains(&space.own("made  recipes/a-TAG.rhai\n")), "{}", begun.out);
    let updated = opb(&["update"]);
    if updated.code == Some(3) {
        println!("skipped: this machine has no usable mirror:\n{}", updated.err);
        return;
    }
    updated.fine();
    let built = opb(&["build", "-j1"]).fine();
    assert!(built.nodes("done").contains(&&*space.own("build:a-TAG@DISTRO/all")), "{}", built.err);
    assert_eq!(space.packages("build:a-TAG@DISTRO/all"), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);

    // Only what belongs into version control is new to it, and nothing that was there is changed.
    let new =
        ["distros/DISTRO.rhai", "opb.lock", "opb.toml", "recipes/a-TAG.rhai", "store/.gitignore", "store/README.md"];
    let new: String = new.iter().map(|file| space.own(&format!("?? {file}\n"))).collect();
    assert_eq!(git(&["status", "--porcelain", "-uall"]).fine().out, new);

    // What is opb's in the folder is no part of the source.
    let recipe = folder.join(space.own("recipes/a-TAG.rhai"));
    let text = fs::read_to_string(&recipe).expect("made");
    fs::write(&recipe, format!("{text}// Another word.\n")).expect("writes");
    assert!(
        opb(&["build", "-j1"]).fine().err.starts_with("nothing to do: "),
        "a word in the recipe makes another source"
    );
}

#[test]
fn source_packages_of_the_distro_become_recipes() {
    let Some(space) = space("import") else { return };
    let _ = fs::copy(space.shared.folder.join("pins/opb.lock"), space.folder.join("opb.lock"));
    let import = |what: &[&str]| space.opb(&[&["import", "--sources", "@DISTRO"], what].concat());
    insta::assert_snapshot!(space.shown(&import(&["libmd", "libbs?"]).exits(2).err), @"
    opb::import::no_source

      × DISTRO has no source package `libbs?`
      help: did you mean `libbsd`?
    ");
    insta::assert_snapshot!(space.shown(&import(&["libmd", "sign*-openbsd"]).fine().out), @"
    made  recipes/libmd.rhai
    made  recipes/signify-openbsd.rhai
    2 recipes made
    next: opb update && opb plan
    ");
    let recipe = fs::read_to_string(space.folder.join("recipes/libmd.rhai")).expect("made");
    assert_eq!(
        recipe,
        space.own("#{\n    source: dsc(\"libmd\"),\n    build:  debian(),\n    targets: [\"@DISTRO\"],\n}\n")
    );
    insta::assert_snapshot!(space.shown(&import(&["libmd"]).fine().out), @"0 recipes made, 1 had one already");
}
