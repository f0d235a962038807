//! Distros of RPM packages: evaluated, planned and shown, and what is said where they cannot be pinned or built.

use opb::lock::RepositoryPin;

use super::*;

const MIRROR: &str = r#"#{
    family: "rpm", vendor: "mirror", release: "9", suffix: "mr9", arches: ["amd64"], indep_on: "amd64",
    repositories: ["base"], keys: ["RPM-GPG-KEY-mirror"],
    base: #{ groups: ["buildsys-build"], bootstrap: "two-stage", db: #{ backend: "sqlite", path: "/var/lib/rpm" }, weak: false },
    signing: #{ key: "rsa", digest: "sha256" }, repodata: "gz", payload: "w19.zstdio", version: #{ caret: true },
    macros: #{ dist: ".mr9", rhel: "9" }, lifecycle: #{ end: "2032-05-31", archived: false },
}
"#;

const SPEC: &str =
    "Name: logax\nVersion: 1.2\nRelease: 3%{?dist}\nSource0: logax-%{version}.tar.gz\nBuildRequires: make\n%files\n";

pub(super) fn space() -> Space {
    let mut space = Space::bare();
    space.file("distros/mirror-9.rhai", MIRROR);
    space.file(
        "recipes/logax.rhai",
        "#{\n    source: path(\"sources/logax\"),\n    build: spec(\"rpm/logax.spec\"),\n}\n",
    );
    space.file("sources/logax/rpm/logax.spec", SPEC);
    let pin = RepositoryPin {
        name: "base".to_owned(),
        arch: "amd64".parse().expect("an arch"),
        repomd: Sha256::of(b"repomd"),
        revision: "1700000000".to_owned(),
        signed: false,
        index: BTreeMap::from([("repodata/0a1b-primary.xml.gz".to_owned(), Sha256::of(b"primary"))]),
    };
    let pins = DistroPin { repository: vec![pin], ..DistroPin::default() };
    space.lock.distro.insert("mirror-9".parse().expect("a name"), pins);
    space.write_lock();
    space
}

#[test]
fn the_graph_of_a_spec() {
    insta::assert_snapshot!(space().seen(&["eval", "--quiet"]), @r###"
    exit 0
    --- stdout
    repo:nightly@mirror-9
    ├── source-package:logax@mirror-9
    │   ├── root:base@mirror-9/amd64
    │   │   └── resolve:base@mirror-9/amd64
    │   │       └── index:base@mirror-9/amd64
    │   └── source:logax
    └── build:logax@mirror-9/amd64
        ├── source-package:logax@mirror-9 …
        └── root:logax@mirror-9/amd64
            ├── root:base@mirror-9/amd64 …
            └── resolve:logax@mirror-9/amd64
                ├── index:base@mirror-9/amd64
                └── resolve:base@mirror-9/amd64 …
    "###);
}

#[test]
fn a_spec_that_cannot_be_told() {
    let space = space();
    space.file("sources/logax/rpm/logax.spec", &SPEC.replace("1.2", "%(cat VERSION)"));
    insta::assert_snapshot!(space.seen(&["eval", "--quiet"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `sources/logax` for mirror-9/amd64: cannot read `rpm/logax.spec`: line 2: `version` depends on `%(cat VERSION)`, which cannot be told without running it
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │     build: spec("rpm/logax.spec"),
       ╰────
      help: write it out in the spec, or give the macro a value in the recipe: `spec(…, #{ define: #{ … } })`
    "###);
}

#[test]
fn building_needs_to_know_where_the_repositories_are() {
    let seen = space().seen(&["build", "@mirror-9", "--offline"]);
    let told = "error   index:base@mirror-9/amd64\n  no place is known for the repository `base` of `mirror-9`\n  help: add its address \
                to `opb.toml`, below `[mirrors]`: \"mirror-9/base\" = \"…\", with `$basearch` where the arch stands\n";
    assert!(seen.starts_with("exit 3\n") && seen.contains(told), "{seen}");
}

#[test]
fn a_pin_that_cannot_be_moved_stays() {
    let space = space();
    let before = fs::read_to_string(space.path("opb.lock")).expect("a lock");
    insta::assert_snapshot!(space.seen(&["update", "--offline"]), @r###"
    exit 3
    --- stderr
    opb::project::key_file

      × the key file `RPM-GPG-KEY-mirror` of mirror-9 is not on this machine
      help: put it into `distros/keyrings/`, from the distribution's own pages or its release package; it is looked for in `/etc/pki/rpm-gpg`, `/usr/share/distribution-gpg-keys/mirror` too
    "###);
    space.file("distros/keyrings/RPM-GPG-KEY-mirror", "not a key\n");
    insta::assert_snapshot!(space.seen(&["update", "--offline"]), @r###"
    exit 2
    --- stderr
    opb::sign::rpm::keys

      × reading the keys in `RPM-GPG-KEY-mirror`: it holds no public key
      help: put there the public keys that the distribution signs with, armored or binary
    "###);
    space.file("distros/keyrings/RPM-GPG-KEY-mirror", KEY);
    insta::assert_snapshot!(space.seen(&["update", "--offline"]), @r###"
    exit 3
    --- stderr
    opb::fetch::no_repository

      × no place is known for the repository `base` of `mirror-9`
      help: add its address to `opb.toml`, below `[mirrors]`: "mirror-9/base" = "…", with `$basearch` where the arch stands
    "###);
    assert_eq!(before, fs::read_to_string(space.path("opb.lock")).expect("a lock"));
}

/// A public key, of nobody.
const KEY: &str = include_str!("../nobody.asc");

#[test]
fn a_new_recipe_says_which_package_is_meant() {
    let space = space();
    space.file("sources/logax/rpm/logax.spec", &SPEC.replace("make", "make, grace-devel >= 1, zlib-devel"));
    let grace = "Name: libgrace\nVersion: 1\nRelease: 1\n%package devel\nSummary: x\n%files\n%files devel\n";
    space.file("sources/grace/rpm/libgrace.spec", grace);
    insta::assert_snapshot!(space.seen(&["new", "component", "libgrace", "--from", "sources/grace"]), @r###"
    exit 0
    --- stdout
    made  recipes/libgrace.rhai
    next: opb build libgrace
    --- stderr
    note: libgrace 1, as rpm/libgrace.spec says
    note: logax asks for grace-devel; the recipe says that libgrace-devel is meant
    "###);
    let text = fs::read_to_string(space.path("recipes/libgrace.rhai")).expect("made");
    assert!(text.contains("\n//   aliases names that specs of other components ask for"), "{text}");
    assert!(
        text.ends_with("    build:  spec(),\n    aliases: #{ \"grace-devel\": \"libgrace-devel\" },\n}\n"),
        "{text}"
    );
    let eval = space.stdout(&["eval", "--format", "dot"]);
    let edge = |line: &str| line.contains("resolve:logax@") && line.contains("build:libgrace@");
    assert!(eval.lines().any(edge), "the one that asks is built against it: {eval}");
    // What the other way around would have to stand in another recipe is only said; what has an alias is not.
    let viewer = "Name: viewer\nVersion: 1\nRelease: 1\nBuildRequires: libgrace-dev, grace-devel, grace\n%files\n";
    space.file("sources/viewer/rpm/viewer.spec", viewer);
    insta::assert_snapshot!(space.seen(&["new", "component", "viewer", "--from", "sources/viewer"]), @r###"
    exit 0
    --- stdout
    made  recipes/viewer.rhai
    next: opb build viewer
    --- stderr
    note: viewer 1, as rpm/viewer.spec says
    note: it asks for libgrace-dev, and the component libgrace makes libgrace-devel: if that is meant, write `aliases: #{ "libgrace-dev": "libgrace-devel" }` in recipes/libgrace.rhai
    "###);
    let text = fs::read_to_string(space.path("recipes/viewer.rhai")).expect("made");
    assert!(!text.contains("aliases:"), "{text}");
    // Two that could be meant are a question.
    let both = "Name: md\nVersion: 1\nRelease: 1\n%package devel\nSummary: x\n%package -n libmd-dev\nSummary: x\n%files\n\
                %files devel\n%files -n libmd-dev\n";
    space.file("sources/md/rpm/md.spec", both);
    space.file("sources/viewer/rpm/viewer.spec", &viewer.replace("libgrace-dev", "libmd-devel"));
    let seen = space.seen(&["new", "component", "md", "--from", "sources/md"]);
    assert!(
        seen.contains("note: viewer asks for libmd-devel: if libmd-dev or md-devel is meant, add it to `aliases`\n"),
        "{seen}"
    );
}

/// The same component, whose source has no spec.
fn beside() -> Space {
    let space = space();
    space.file("recipes/logax.rhai", "#{\n    source: path(\"sources/logax\"),\n    build: spec(),\n}\n");
    fs::remove_file(space.path("sources/logax/rpm/logax.spec")).expect("removed");
    space.file("sources/logax/logax.c", "int main(void) { return 0; }\n");
    space
}

#[test]
fn a_spec_may_stand_beside_the_recipe() {
    let space = beside();
    insta::assert_snapshot!(space.seen(&["eval", "--quiet"]), @r#"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `sources/logax` for mirror-9/amd64: the source has no spec, and there is none in `recipes/logax/`
       ╭─[recipes/logax.rhai:2:5]
     1 │ #{
     2 │     source: path("sources/logax"),
       ·     ───┬──
       ·        ╰── here
     3 │     build: spec(),
       ╰────
      help: add a spec to the source or to `recipes/logax/`, name it as in `build: spec("rpm/tool.spec")`, or leave these distros out with `targets`
    "#);
    space.file("recipes/logax/logax.spec", SPEC);
    let ids = |space: &Space| space.stdout(&["eval", "--quiet", "--format", "json"]);
    let first = ids(&space);
    assert_eq!(ids(&space), first);
    // What the spec does not name is no input; the spec is.
    space.file("recipes/logax/notes", "not named\n");
    assert_eq!(ids(&space), first);
    space.file("recipes/logax/logax.spec", &SPEC.replace("make", "gcc"));
    let second = ids(&space);
    assert_ne!(second, first);
    // So is what it names.
    let with_patch = SPEC.replace("BuildRequires", "Patch0: fix.patch\nBuildRequires");
    space.file("recipes/logax/logax.spec", &with_patch);
    space.file("recipes/logax/fix.patch", "+\n");
    let third = ids(&space);
    space.file("recipes/logax/fix.patch", "-\n");
    let fourth = ids(&space);
    assert!(second != third && third != fourth);
}

#[test]
fn what_cannot_be_read_beside_a_recipe_is_told() {
    let space = beside();
    space.file("recipes/logax/logax.spec", &"#".repeat(2 << 20));
    insta::assert_snapshot!(space.seen(&["eval", "--quiet"]), @r"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::file

      × `recipes/logax/logax.spec` is larger than 1048576 bytes
      help: a spec is never that long: move what is not packaging into files beside it
    ");
    space.file("recipes/logax/logax.spec", SPEC);
    for turn in 0..9 {
        space.file(&format!("recipes/logax/data-{turn}"), &"x".repeat(1 << 20));
    }
    insta::assert_snapshot!(space.seen(&["eval", "--quiet"]), @r"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::file

      × the files in `recipes/logax` have more than 8388608 bytes
      help: move what the spec does not name elsewhere
    ");
}
