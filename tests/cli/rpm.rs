//! Distros of RPM packages: evaluated, planned and shown; not built yet, and that is said.

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

fn space() -> Space {
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
        index: BTreeMap::from([("repodata/0a1b-primary.xml.gz".to_owned(), Sha256::of(b"primary"))]),
    };
    let pins = DistroPin { suite: Vec::new(), repository: vec![pin] };
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
fn building_says_that_it_cannot() {
    let seen = space().seen(&["build", "@mirror-9"]);
    assert!(seen.starts_with("exit 2\n"), "{seen}");
    let told = "cannot run `index:base@mirror-9/amd64`: RPM packages can be evaluated and looked at, but not built yet";
    assert!(seen.contains(told), "{seen}");
    assert!(seen.contains("leave distros of the family `rpm` out"), "{seen}");
}

#[test]
fn updating_leaves_its_pins_alone() {
    let space = space();
    let before = fs::read_to_string(space.path("opb.lock")).expect("a lock");
    let seen = space.seen(&["update", "--offline"]);
    assert!(seen.contains("the pins of mirror-9 stay as they are: RPM repositories cannot be pinned yet"), "{seen}");
    assert_eq!(before, fs::read_to_string(space.path("opb.lock")).expect("a lock"));
}
