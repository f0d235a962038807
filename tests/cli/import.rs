//! `opb import` from folders; from a distro's index it is tested where there is one.

use super::*;

fn control(name: &str) -> String {
    format!(
        "Source: {name}\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\nPackage: {name}\nArchitecture: all\nDescription: x\n"
    )
}

fn source(space: &Space, folder: &str, name: &str) {
    space.source(folder, &control(name));
    let entry = format!(
        "{name} (1.2-3) unstable; urgency=medium\n\n  * New.\n\n -- A <a@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n"
    );
    space.file(&format!("{folder}/debian/changelog"), &entry);
}

fn recipe(space: &Space, name: &str) -> String {
    fs::read_to_string(space.path(&format!("recipes/{name}.rhai"))).expect("made")
}

#[test]
fn every_folder_with_packaging_gets_a_recipe() {
    let space = Space::two();
    source(&space, "src/one", "one");
    source(&space, "src/Two", "two");
    space.source("src/broken", "no control file");
    source(&space, "src/again", "one");
    source(&space, "src/libmd", "libmd");
    space.file(
        "src/grace/grace.spec",
        "Name: Grace_Tool\nVersion: 1.0\nRelease: 1\nSummary: x\nLicense: MIT\n%description\nx\n",
    );
    fs::create_dir_all(space.path("src/.git")).expect("made");
    fs::create_dir_all(space.path("src/empty")).expect("made");
    insta::assert_snapshot!(space.seen(&["import", "src"]), @"
    exit 0
    --- stdout
    made  recipes/grace-tool.rhai
    made  recipes/one.rhai
    made  recipes/two.rhai
    3 recipes made, 1 had one already
    next: opb check && opb plan
    --- stderr
    note: left out src/broken: cannot read the packaging in `src/broken`: cannot read `debian/control`: cannot read line 1 of a control file: `no control file` is no `Field: value`
    note: left out src/one: its component would be `one`, as that of `src/again`
    ");
    assert_eq!(recipe(&space, "one"), "#{\n    source: path(\"src/again\"),\n    build:  debian(),\n}\n");
    assert_eq!(recipe(&space, "two"), "#{\n    source: path(\"src/Two\"),\n    build:  debian(),\n}\n");
    assert_eq!(
        recipe(&space, "grace-tool"),
        "#{\n    source: path(\"src/grace\"),\n    build:  spec(\"grace.spec\"),\n}\n"
    );
    let eval = space.stdout(&["eval", "two"]);
    assert!(eval.contains("build:two@mirage-1/all"), "{eval}");
    // What an import left that was killed is in nobody's way.
    fs::remove_file(space.path("recipes/two.rhai")).expect("removes");
    fs::write(space.path("recipes/.two.rhai.new"), "half of ").expect("writes");
    assert!(space.stdout(&["import", "src/Two"]).starts_with("made  recipes/two.rhai\n1 recipe made\n"));
    assert!(!space.path("recipes/.two.rhai.new").exists());
    // What is there stays; a folder may be named by itself, from where one is.
    insta::assert_snapshot!(space.seen(&["-C", "src", "import", "Two", "one"]), @"
    exit 0
    --- stdout
    0 recipes made, 2 had one already
    ");
}

#[test]
fn what_cannot_be_imported_is_told() {
    let space = Space::two();
    fs::create_dir_all(space.path("src/empty")).expect("made");
    insta::assert_snapshot!(space.seen(&["import", "src"]), @"
    exit 2
    --- stderr
    opb::import::nothing

      × neither the folder `src` nor a folder in it has a `debian/` or a spec
      help: name the folder whose folders are sources with packaging
    ");
    insta::assert_snapshot!(space.seen(&["import", "nowhere"]), @"
    exit 2
    --- stderr
    opb::packaging::no_folder

      × there is no folder `nowhere`
      help: correct the path: it begins where you are
    ");
    insta::assert_snapshot!(space.seen(&["import", "--sources", "@mirag-1", "x"]), @"
    exit 2
    --- stderr
    opb::import::unpinned

      × `@mirag-1` has no pinned index of sources here
      help: did you mean `mirage-1`?
    ");
    let bare = Space::bare();
    insta::assert_snapshot!(bare.seen(&["import", "--sources", "@mirage-1", "x"]), @"
    exit 2
    --- stderr
    opb::import::unpinned

      × `@mirage-1` has no pinned index of sources here
      help: run `opb update @mirage-1` first
    ");
}
