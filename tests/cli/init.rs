//! `opb init`: an empty folder, a source, a project that is there.

use super::*;

const CONTROL: &str = "Source: logax\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\n\
                       Package: logax\nArchitecture: all\nDescription: x\n";

/// A place with nothing in it; the project of [`Space`] is not looked at.
fn nothing() -> Space {
    let space = Space::bare();
    fs::remove_dir_all(space.path("distros")).expect("removed");
    fs::remove_dir_all(space.path("recipes")).expect("removed");
    space
}

/// All files of the project, sorted.
fn files(space: &Space) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![space.path(".")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("reads").flatten() {
            if entry.file_type().expect("known").is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(space.path(".")).expect("below").display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_empty_folder() {
    let space = nothing();
    insta::assert_snapshot!(space.seen(&["init", "--distro", "debian-12", "--distro", "debian-13"]), @r###"
    exit 0
    --- stdout
    made  opb.toml
    made  recipes/README.md
    made  distros/debian-12.rhai
    made  distros/debian-13.rhai
    made  store/.gitignore
    made  store/README.md
    made  .rhai/definitions/opb.d.rhai
    made  .rhai/definitions/.gitignore
    next: opb new component NAME --from FOLDER && opb update @debian-12 @debian-13 && opb build
    "###);
    assert_eq!(
        fs::read_to_string(space.path("distros/debian-12.rhai")).expect("made"),
        include_str!("../../distros/debian-12.rhai")
    );
    // It is a project: only pins are missing.
    assert!(space.seen(&["eval"]).contains("nothing is pinned yet"), "{}", space.seen(&["eval"]));
}

#[test]
fn a_folder_that_is_not_there_yet() {
    let space = nothing();
    let seen = space.seen(&["init", "new/deep", "--distro", "debian-12"]);
    assert!(
        seen.ends_with(
            "next: cd new/deep && opb new component NAME --from FOLDER && opb update @debian-12 && opb build\n"
        ),
        "{seen}"
    );
    assert!(space.path("new/deep/opb.toml").exists());
    let seen = space.seen(&["-C", "new", "init", "other", "--distro", "debian-12"]);
    assert!(seen.contains("next: cd new/other && "), "{seen}");
}

#[test]
fn the_machines_own_release_is_the_default() {
    let space = nothing();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let of = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let own = format!("distros/{}-{}.rhai", of("ID"), of("VERSION_ID"));
    let seen = space.seen(&["init"]);
    if Path::new(env!("CARGO_MANIFEST_DIR")).join(&own).exists() {
        assert!(seen.contains(&format!("made  {own}\n")) && seen.contains("&& opb update && opb build"), "{seen}");
    } else {
        // Called after a platform, as `el-9`, or none that is known.
        assert!(seen.contains("made  distros/") || seen.contains("is none of the distros that opb knows"), "{seen}");
    }
}

#[test]
fn a_source_becomes_the_first_component() {
    let space = nothing();
    space.source(".", CONTROL);
    space.file("main.c", "int main;\n");
    let before = files(&space);
    insta::assert_snapshot!(space.seen(&["init", "--distro", "debian-12"]), @r###"
    exit 0
    --- stdout
    made  opb.toml
    made  recipes/logax.rhai
    made  distros/debian-12.rhai
    made  store/.gitignore
    made  store/README.md
    made  .rhai/definitions/opb.d.rhai
    made  .rhai/definitions/.gitignore
    next: opb update @debian-12 && opb build
    --- stderr
    note: logax 1.2-3, as its debian/ says, makes logax
    "###);
    insta::assert_snapshot!(fs::read_to_string(space.path("recipes/logax.rhai")).expect("made"), @r###"
    // The component `logax`. A recipe is a map of fields: mind the `#` before `{`, and no `;` at the end.
    //
    //   source  this folder, without what is opb's in it. A file that changes there makes another source, at once.
    //   build   `debian()` is the packaging in its `debian/`, which makes `.deb`.
    //
    // Not written here, because it is read from debian/: its version, the packages that it makes, and what
    // its build needs. Where another component of this project makes one of those, that one is built first, and
    // its packages are preferred to the distribution's.
    //
    // Other fields, all optional: needs, targets, env, profiles, patches, on, skip and more. `opb definitions` writes
    // down what each of them is.
    #{
        source: path("."),
        build:  debian(),
    }
    "###);
    for file in before {
        assert!(files(&space).contains(&file), "{file} is gone");
    }
    // It evaluates, pinned as `opb update` would.
    space.file("distros/mirage-1.rhai", MIRAGE);
    let mut space = space;
    space.pin("mirage-1", "oasis", &["amd64"]);
    let nodes = space.stdout(&["eval", "logax"]);
    assert!(nodes.contains("build:logax@mirage-1/all"), "{nodes}");
}

#[test]
fn what_is_there_stays() {
    let space = nothing();
    space.source(".", CONTROL);
    space.file("opb.toml", "# mine\n");
    space.file("recipes/mine.rhai", "#{ source: path(\".\") }\n");
    space.file("distros/mirage-1.rhai", MIRAGE);
    insta::assert_snapshot!(space.seen(&["init"]), @r###"
    exit 0
    --- stdout
    made  store/.gitignore
    made  store/README.md
    made  .rhai/definitions/opb.d.rhai
    made  .rhai/definitions/.gitignore
    kept  opb.toml (it was there)
    kept  recipes/ (it was there)
    kept  distros/ (it was there)
    next: opb update && opb build
    "###);
    assert_eq!(fs::read_to_string(space.path("opb.toml")).expect("there"), "# mine\n");
    let all = files(&space);
    assert!(space.seen(&["init"]).contains("nothing was missing: this is a project already\n"));
    assert_eq!(all, files(&space));
}

#[test]
fn a_source_with_a_spec() {
    let space = nothing();
    space.file("rpm/grace.spec", "%global base Grace\nName: lib%{base}\nVersion: 1.2\n");
    let seen = space.seen(&["init", "--distro", "el-9"]);
    assert!(seen.contains("made  recipes/libgrace.rhai\n"), "{seen}");
    assert!(seen.contains("note: libGrace 1.2 (here: libgrace), as rpm/grace.spec says\n"), "{seen}");
    let recipe = fs::read_to_string(space.path("recipes/libgrace.rhai")).expect("made");
    assert!(recipe.ends_with("#{\n    source: path(\".\"),\n    build:  spec(),\n}\n"), "{recipe}");
    assert!(recipe.contains("The packaging calls the source `libGrace`."), "{recipe}");
    // With both, and the spec where `native()` does not look.
    let space = nothing();
    space.source(".", CONTROL);
    space.file("logax.spec", "Name: logax\nVersion: 1.2\n");
    space.seen(&["init", "--distro", "el-9"]);
    let recipe = fs::read_to_string(space.path("recipes/logax.rhai")).expect("made");
    assert!(
        recipe.contains("build:  if target.family == \"rpm\" { spec(\"logax.spec\") } else { debian() },\n"),
        "{recipe}"
    );
    space.file("rpm/logax.spec", "Name: logax\n");
    fs::remove_file(space.path("logax.spec")).expect("there");
    fs::remove_file(space.path("recipes/logax.rhai")).expect("there");
    space.seen(&["init"]);
    let recipe = fs::read_to_string(space.path("recipes/logax.rhai")).expect("made");
    assert!(recipe.contains("build:  native(),\n"), "{recipe}");
}

#[test]
fn a_source_with_folders_of_those_names() {
    let space = nothing();
    space.source(".", CONTROL);
    space.file("recipes/pancakes.txt", "flour\n");
    let before = files(&space);
    insta::assert_snapshot!(space.seen(&["init", "--distro", "debian-12"]), @r###"
    exit 2
    --- stderr
    opb::init::taken

      × the source in `project` has a folder `recipes` of its own, which would not be part of it in a project
      help: begin the project in the folder above it (`opb init ..`), and then write `opb new component logax --from project`
    "###);
    assert_eq!(before, files(&space));
}

#[test]
fn distros_that_nobody_knows() {
    let space = nothing();
    let known = "debian-11, debian-12";
    let seen = space.seen(&["init", "--distro", "debain-12"]);
    assert!(
        seen.starts_with(
            "exit 2\n--- stderr\nopb::init::unknown_distro\n\n  × opb does not know the distro `debain-12`\n"
        ),
        "{seen}"
    );
    assert!(seen.contains(&format!("help: did you mean `debian-12`? Otherwise choose one of {known}")), "{seen}");
    assert_eq!(files(&space), [""; 0]);
}

#[test]
fn packaging_that_cannot_be_read() {
    let space = nothing();
    space.source(".", "Source: logax\nhello\n");
    insta::assert_snapshot!(space.seen(&["init", "--distro", "debian-12"]), @r###"
    exit 2
    --- stderr
    opb::packaging::debian

      × cannot read the packaging in `.`
      ├─▶ cannot read `debian/control`
      ╰─▶ cannot read line 2 of a control file: `hello` is no `Field: value`
      help: mend the file in its `debian/` folder
    "###);
    fs::remove_file(space.path("debian/changelog")).expect("there");
    insta::assert_snapshot!(space.seen(&["init", "--distro", "debian-12"]), @r###"
    exit 2
    --- stderr
    opb::packaging::changelog

      × the folder `.` has a `debian/control` and no `debian/changelog`
      help: add it: the version is read from there (`dch --create`)
    "###);
    let space = nothing();
    space.file("rpm/x.spec", "Name: %{unknown}\n");
    insta::assert_snapshot!(space.seen(&["init", "--distro", "el-9"]), @r###"
    exit 2
    --- stderr
    opb::packaging::spec

      × the spec `rpm/x.spec` has no `Name` that can be told
      help: write the name plainly, as in `Name: libgrace`
    "###);
    fs::write(space.path("rpm/x.spec"), b"Name: \xff\n").expect("written");
    insta::assert_snapshot!(space.seen(&["init", "--distro", "el-9"]), @r###"
    exit 2
    --- stderr
    opb::packaging::read

      × cannot read `rpm/x.spec`
      ╰─▶ stream did not contain valid UTF-8
      help: look at the file's mode and content: it must be UTF-8 text
    "###);
}

#[test]
fn a_file_in_the_way() {
    let space = nothing();
    space.file("distros", "x");
    let seen = space.seen(&["init", "--distro", "debian-12"]);
    assert!(
        seen.starts_with("exit 3\n") && seen.contains("cannot make `[HERE]/project/distros/debian-12.rhai`"),
        "{seen}"
    );
    let seen = space.seen(&["init", "distros"]);
    assert!(seen.starts_with("exit 3\n") && seen.contains("cannot make `[HERE]/project/distros`"), "{seen}");
}

#[test]
fn a_project_within_a_project_is_told_of() {
    let space = Space::bare();
    space.file("opb.toml", "");
    let seen = space.seen(&["init", "inner", "--distro", "debian-12"]);
    assert!(
        seen.contains("note: this folder lies in the project at [HERE]/project, which does not know of this one\n"),
        "{seen}"
    );
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["init", "--help"]), @r###"
    exit 0
    --- stdout
    Begin a project: in an empty folder, or in a source that has a `debian/` or a spec.

    A source becomes the project's first component, so that `opb update` and `opb build` make packages
    of it. Nothing that is there is changed.

    Usage: opb init [OPTIONS] [DIR]

    Arguments:
      [DIR]
              The folder; it is made where it is not there

              [default: .]

    Options:
          --distro <NAME>
              Build for this release, such as `debian-13`; may be given several times [default: the
              machine's own]
    "###);
}
