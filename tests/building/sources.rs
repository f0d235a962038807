//! Local sources: what makes them another one, their versions, and how their packages come about.

use std::fs;

use crate::space::sources::Tiny;
use crate::space::{Space, space};

fn builds(space: &Space) -> Vec<String> {
    let ran = space.opb(&["build", "-j1"]).fine();
    let nodes = [ran.nodes("done"), ran.nodes("same"), ran.nodes("kept")].concat();
    nodes.into_iter().filter(|node| node.starts_with("build:")).map(|node| space.shown(node)).collect()
}

#[test]
fn a_changed_file_is_another_source_and_an_ignored_one_is_not() {
    let Some(space) = space("changed") else { return };
    Tiny { fill: "cat README > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.write("a/.gitignore", "*.o\n/out/\n");
    assert_eq!(builds(&space), ["build:a-TAG@DISTRO/all"]);
    let [(name, first)] = &space.files("build:a-TAG@DISTRO/all", "packages")[..] else { panic!("not one package") };
    assert_eq!(space.shown(name), "a-TAG_1.0-1~SUFFIX+opb1_all.deb");

    space.write("a/main.o", "object");
    space.write("a/out/deep/file", "output");
    insta::assert_snapshot!(space.shown(&space.opb(&["build"]).fine().err), @r"
    nothing to do: 9 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 9 nodes from the store
    ");

    space.write("a/README", "Other words.\n");
    let plan = space.shown(&space.opb(&["plan", "build:a-TAG"]).fine().out);
    assert!(plan.starts_with("run      source:a-TAG"), "{plan}");
    assert_eq!(builds(&space), ["build:a-TAG@DISTRO/all"]);
    let [(name, second)] = &space.files("build:a-TAG@DISTRO/all", "packages")[..] else { panic!("not one package") };
    assert_eq!(space.shown(name), "a-TAG_1.0-1~SUFFIX+opb2_all.deb");
    assert_ne!(first, second);

    // A date is no content.
    let file = fs::File::options().append(true).open(space.folder.join("a/README")).expect("opens");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("sets the date");
    assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
}

#[test]
fn both_kinds_of_packages_have_one_number() {
    let Some(space) = space("mixed") else { return };
    let mixed = Tiny {
        packages: &[("one", "any"), ("two", "any"), ("data", "all")],
        fill: "case $p in data-*) echo same > $d/x;; *) echo $X > $d/x;; esac",
        ..Tiny::PLAIN
    };
    mixed.with_recipe(&space, "env: #{ X: \"1\" }");
    let both = ["build:a-TAG@DISTRO/ARCH", "build:a-TAG@DISTRO/all"];
    let names = || both.map(|node| space.packages(node));
    assert_eq!(builds(&space).len(), 2);
    let arch = ["one-TAG_1.0-1~SUFFIX+opb1_ARCH.deb", "two-TAG_1.0-1~SUFFIX+opb1_ARCH.deb"];
    assert_eq!(names(), [arch.to_vec(), vec!["data-TAG_1.0-1~SUFFIX+opb1_all.deb"]]);

    mixed.with_recipe(&space, "env: #{ X: \"2\" }");
    assert_eq!(builds(&space).len(), 2);
    let arch = ["one-TAG_1.0-1~SUFFIX+opb2_ARCH.deb", "two-TAG_1.0-1~SUFFIX+opb2_ARCH.deb"];
    assert_eq!(names(), [arch.to_vec(), vec!["data-TAG_1.0-1~SUFFIX+opb2_all.deb"]]);
    assert_eq!(both.map(|node| space.times(node)), [2, 2]);
}

#[test]
fn stamps_get_the_version() {
    let Some(space) = space("stamp") else { return };
    Tiny { fill: "cat version.id deep/version > $d/x", ..Tiny::PLAIN }
        .with_recipe(&space, "stamp: [\"version.id\", \"deep/version\"]");
    space.write("a/version.id", "unknown\n");
    builds(&space);
    // Both are in the source package, and what is built sees them.
    let script = "dpkg-deb --fsys-tarfile /packages/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(extracted(&space, "build:a-TAG@DISTRO/all", "packages", script), "1.0\n1.0\n");
    let script = "tar -xOf /packages/*.orig.tar.gz a-TAG-1.0/version.id a-TAG-1.0/deep/version";
    assert_eq!(extracted(&space, "source-package:a-TAG@DISTRO", "source", script), "1.0\n1.0\n");
    assert_eq!(fs::read_to_string(space.folder.join("a/version.id")).expect("reads"), "unknown\n");
}

/// What a shell script prints that finds the files of an output in `/packages`.
pub fn extracted(space: &Space, node: &str, output: &str, script: &str) -> String {
    let folder = space.folder.join("extracted").join(output);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("makes folders");
    let store = space.open_store();
    for (name, digest) in space.files(node, output) {
        let bytes = store.read_object(digest.parse().expect("a digest"), 1 << 20).expect("reads");
        fs::write(folder.join(name), bytes).expect("writes");
    }
    drop(store);
    let place = space.own("root:base@DISTRO/ARCH");
    space.in_base(&place, &[(&folder, "/packages")], &space.own(script)).fine().out
}

#[test]
fn source_packages_have_the_same_bytes_twice() {
    let Some(space) = space("formats") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    Tiny { name: "n", format: "3.0 (native)", version: "2.0", ..Tiny::PLAIN }.with_recipe(&space, "");
    builds(&space);
    let names = |node: &str| -> Vec<String> {
        space.files(node, "source").into_iter().map(|(name, _)| space.shown(&name)).collect()
    };
    let quilt = ["a-TAG_1.0-1~SUFFIX.debian.tar.xz", "a-TAG_1.0-1~SUFFIX.dsc", "a-TAG_1.0.orig.tar.gz"];
    assert_eq!(names("source-package:a-TAG@DISTRO"), quilt);
    assert_eq!(names("source-package:n-TAG@DISTRO"), ["n-TAG_2.0~SUFFIX.dsc", "n-TAG_2.0~SUFFIX.tar.xz"]);
    assert_eq!(space.packages("build:n-TAG@DISTRO/all"), ["n-TAG_2.0~SUFFIX+opb1_all.deb"]);

    for name in ["a", "n"] {
        let nodes = [format!("source-package:{name}-TAG@DISTRO"), format!("build:{name}-TAG@DISTRO/all")];
        for node in nodes {
            let again = space.opb(&["build", "-j1", "--again", "--only", &node]).fine();
            assert_eq!(again.nodes("same"), [space.own(&node)], "{}", again.err);
            assert!(!again.err.contains("not reproducible"), "{}", again.err);
        }
    }
}

#[test]
fn root_is_pretended_only_where_it_is_asked_for() {
    let Some(space) = space("fakeroot") else { return };
    let fill = "id -u > $d/x; id -u; echo \"command: $(command -v fakeroot || echo none)\"";
    Tiny { fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    let fields = "Rules-Requires-Root: binary-targets\n";
    Tiny { name: "r", fields, fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    builds(&space);
    let listed = |node: &str| space.text(node, "list").lines().any(|line| line.starts_with("fakeroot "));
    assert!(!listed("resolve:a-TAG@DISTRO/all"));
    assert!(listed("resolve:r-TAG@DISTRO/all"));
    let log = |node: &str| space.opb(&["log", node]).fine().out;
    let (plain, pretended) = (log("a-TAG"), log("r-TAG"));
    assert!(plain.contains("\n1000\n") && plain.contains("command: none"), "{plain}");
    assert!(pretended.contains("\n0\n") && pretended.contains("command: /usr/bin/fakeroot"), "{pretended}");
}

#[test]
fn profiles_reach_the_build_and_its_needs() {
    let Some(space) = space("profiles") else { return };
    let fields = "Rules-Requires-Root: no\nBuild-Depends: fakeroot <!nocheck>\n";
    let fill = "echo \"$DEB_BUILD_PROFILES, $DEB_BUILD_OPTIONS\" | sed 's/parallel=[0-9]*/parallel/' | tee $d/x";
    Tiny { fields, fill, ..Tiny::PLAIN }.with_recipe(&space, "profiles: [\"nocheck\", \"pkg.opb.small\"]");
    builds(&space);
    assert!(!space.text("resolve:a-TAG@DISTRO/all", "list").contains("\nfakeroot "));
    let log = space.opb(&["log", "a-TAG"]).fine().out;
    assert!(log.contains("\nnocheck pkg.opb.small, nocheck parallel\n"), "{log}");
    // Without them the need counts.
    space.recipe("a", "#{ source: path(\"a\") }\n");
    builds(&space);
    assert!(space.text("resolve:a-TAG@DISTRO/all", "list").contains("\nfakeroot "));
}
