//! What recipes lay into sources: further sources, files, patches, and packaging in another folder.

use std::fs;
use std::os::unix::fs::symlink;

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// What a shell script prints that finds the files of an output in `/files`, and may unpack them in `/tmp`.
fn seen(space: &Space, node: &str, output: &str, script: &str) -> String {
    let folder = space.folder.join("seen").join(output);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("makes folders");
    let store = space.open_store();
    for (name, digest) in space.files(node, output) {
        let bytes = store.read_object(digest.parse().expect("a digest"), 1 << 30).expect("reads");
        fs::write(folder.join(name), bytes).expect("writes");
    }
    drop(store);
    let place = space.own("root:base@DISTRO/ARCH");
    space.shown(&space.in_base(&place, &[(&folder, "/files")], &space.own(script)).fine().out)
}

const UNPACK: &str = "cd /tmp && dpkg-source --no-check -x /files/*.dsc s > /dev/null 2>&1 && cd s";

fn change(path: &str, from: &str, to: &str) -> String {
    format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{from}\n+{to}\n")
}

/// A source with its packaging in `packaging/`, and everything that a recipe may lay into it.
fn all(space: &Space, format: &str) {
    let fill = "cat README added vendored/lib/lib.c data/deep/words debian/from-folder > $d/x\n\
                debian/helper >> $d/x; cmp blob /bin/true && echo same >> $d/x";
    Tiny { format, version: if format.ends_with("(native)") { "1.0" } else { "1.0-1" }, fill, ..Tiny::PLAIN }
        .put(space);
    fs::rename(space.folder.join("a/debian"), space.folder.join("a/packaging")).expect("moves");
    space.write("a/debian/control", "Source: another\n");
    space.write("lib/lib.c", "of the library\n");
    space.write("recipes/a-TAG/data/deep/words", "words\n");
    space.write("recipes/a-TAG/more/from-folder", "from a folder\n");
    space.write("recipes/a-TAG/helper", "#!/bin/sh\necho of a helper\n");
    fs::copy("/bin/true", space.folder.join(space.own("recipes/a-TAG/blob"))).expect("copies");
    let added = "--- /dev/null\n+++ b/added\n@@ -0,0 +1 @@\n+added\n";
    space.write("recipes/a-TAG/one.patch", &(change("README", "A source of a test.", "A patched one.") + added));
    let helper = "--- a/debian/helper\n+++ b/debian/helper\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-echo of a helper\n+echo of the helper\n";
    space.write("recipes/a-TAG/sub/two.patch", &(change("data/deep/words", "words", "other words") + helper));
    space.recipe(
        "a",
        "#{ source: path(\"a\"), build: debian(\"packaging\"), sources: #{ \"vendored/lib\": path(\"lib\") },\n\
            files: #{ \"debian/helper\": \"helper\", \"data/\": \"data/\", \"debian/\": \"more/\", \"blob\": \"blob\" },\n\
            patches: [\"one.patch\", \"sub/two.patch\"] }",
    );
}

const MADE: &str = "A patched one.\nadded\nof the library\nother words\nfrom a folder\nof the helper\nsame";

#[test]
fn everything_is_laid_into_a_local_source() {
    let Some(space) = space("laid") else { return };
    all(&space, "3.0 (quilt)");
    space.opb(&["build", "build:a-TAG"]).fine();
    let content = "dpkg-deb --fsys-tarfile /files/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(seen(&space, "build:a-TAG@DISTRO/all", "packages", content), MADE);
    let package = "source-package:a-TAG@DISTRO";
    let names: Vec<String> = space.files(package, "source").iter().map(|(name, _)| space.shown(name)).collect();
    assert_eq!(names, ["a-TAG_1.0-1~SUFFIX.debian.tar.xz", "a-TAG_1.0-1~SUFFIX.dsc", "a-TAG_1.0.orig.tar.gz"]);
    // The upstream archive has what is upstream's; the rest is packaging, and comes with it.
    let upstream = "tar -tf /files/*.orig.tar.gz | sed 's,^[^/]*/,,' | grep '[^/]$' | sort; tar -xOf /files/*.orig.tar.gz a-TAG-1.0/README";
    assert_eq!(seen(&space, package, "source", upstream), "README\nvendored/lib/lib.c\nA source of a test.");
    let unpacked = format!(
        "{UNPACK}; ls debian/patches; cat README data/deep/words; test -e packaging || ls -d debian/control; head -1 debian/changelog"
    );
    assert_eq!(
        seen(&space, package, "source", &unpacked),
        "debian-changes-1.0-1~SUFFIX\nseries\nA patched one.\nother words\n\
         debian/control\n\
         a-TAG (1.0-1~SUFFIX) unstable; urgency=low"
    );
    // Twice the same bytes.
    let again = space.opb(&["build", "--again", "--only", package]).fine();
    assert_eq!(again.nodes("same"), [space.own(package)], "{}", again.err);

    // Each of the files is looked at when it is asked again; one beside the recipe that it does not name is not.
    let plan = || space.shown(&space.opb(&["plan", "build:a-TAG"]).fine().out);
    space.write("recipes/a-TAG/unused", "x\n");
    assert!(plan().starts_with("nothing to do"), "{}", plan());
    for (path, first) in [
        ("recipes/a-TAG/helper", "run      source-package:a-TAG@DISTRO"),
        ("recipes/a-TAG/one.patch", "run      source-package:a-TAG@DISTRO"),
        ("recipes/a-TAG/data/deep/words", "run      source:a-TAG+data"),
        ("lib/lib.c", "run      source:a-TAG+vendored-lib"),
    ] {
        let path = space.folder.join(space.own(path));
        let before = fs::read_to_string(&path).expect("reads");
        fs::write(&path, format!("{before}\n")).expect("writes");
        assert!(plan().starts_with(first), "{path:?}: {}", plan());
        fs::write(&path, before).expect("writes");
    }
    assert!(plan().starts_with("nothing to do"), "{}", plan());
}

#[test]
fn a_native_source_has_all_of_it_in_one_archive() {
    let Some(space) = space("native") else { return };
    all(&space, "3.0 (native)");
    space.opb(&["build", "build:a-TAG"]).fine();
    let content = "dpkg-deb --fsys-tarfile /files/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(seen(&space, "build:a-TAG@DISTRO/all", "packages", content), MADE);
}

fn fails(space: &Space) -> Ran {
    space.opb(&["build", "source-package:a-TAG"]).exits(4)
}

#[test]
fn what_does_not_fit_fails_and_says_what() {
    let Some(space) = space("misfits") else { return };
    Tiny::PLAIN.put(&space);
    let with = |fields: &str| space.recipe("a", &format!("#{{ source: path(\"a\"), {fields} }}"));
    let patch = |text: &str| {
        space.write("recipes/a-TAG/fix.patch", text);
        with("patches: [\"fix.patch\"]");
        fails(&space).says("the patch `fix.patch` does not apply to the source");
    };
    patch(&change("README", "Other words.", "x"));
    patch("no patch at all\n");
    patch("--- /dev/null\n+++ b/../outside\n@@ -0,0 +1 @@\n+x\n");
    // A hostile source leads out of itself; what is laid into it does not follow.
    let outside = space.folder.join("a/conf");
    symlink("/tmp", &outside).expect("links");
    patch("--- /dev/null\n+++ b/conf/x\n@@ -0,0 +1 @@\n+x\n");
    space.write("recipes/a-TAG/conf/x", "x\n");
    with("files: #{ \"conf/\": \"conf/\" }");
    fails(&space).says("cannot lay `files` into the source").says("'tree/conf'");
    with("files: #{ \"conf/x\": \"conf/x\" }");
    fails(&space).says("cannot lay `files` into the source");
    with("sources: #{ \"conf\": path(\"recipes/a-TAG/conf\") }");
    fails(&space).says("cannot lay `sources` into the source");
    fs::rename(space.folder.join("a/debian"), space.folder.join("a/packaging")).expect("moves");
    symlink("packaging", space.folder.join("a/dist")).expect("links");
    with("build: debian(\"dist\")");
    fails(&space).says("the source has no folder `dist`, or a symbolic link is on the way to it");
}

#[test]
fn a_source_package_of_the_distribution_is_patched() {
    let Some(space) = space("patched") else { return };
    space.write("recipes/libmd-TAG/note.patch", "--- /dev/null\n+++ b/opb-note\n@@ -0,0 +1 @@\n+TAG was here\n");
    space.write("recipes/libmd-TAG/docs", "opb-note\n");
    let recipe = |patches: &str| {
        let fields = format!("files: #{{ \"debian/libmd-dev.docs\": \"docs\" }}, patches: [{patches}]");
        space.recipe("libmd", &format!("#{{ source: dsc(\"libmd\"), profiles: [\"nocheck\"], {fields} }}"));
    };
    recipe("\"note.patch\"");
    space.opb(&["build", "build:libmd-TAG"]).fine();
    let (build, package) = ("build:libmd-TAG@DISTRO/ARCH", "source-package:libmd-TAG@DISTRO");
    let content = "cd /files && dpkg-deb --fsys-tarfile libmd-dev_*.deb | tar -xO ./usr/share/doc/libmd-dev/opb-note";
    assert_eq!(seen(&space, build, "packages", content), "TAG was here");
    let version = "dpkg-deb -f /files/libmd-dev_*.deb Version Source";
    let of_package = seen(&space, build, "packages", version);
    let upstream = fs::read_to_string(space.folder.join("opb.lock")).expect("reads");
    let upstream = upstream.split("libmd.facts]").nth(1).and_then(|rest| rest.split("version = \"").nth(1));
    let upstream = upstream.and_then(|rest| rest.split('"').next()).expect("pinned").to_owned();
    let own = seen(&space, package, "source", "sed -n 's/^Version: //p' /files/*.dsc");
    assert_eq!(of_package, format!("Version: {upstream}+0opb1~SUFFIX\nSource: libmd ({own})"));
    assert!(own.starts_with(&format!("{upstream}+0opb~SUFFIX.")), "{own}");
    let between = format!(
        "{UNPACK}; v=$(dpkg-parsechangelog -S Version); p={upstream}+0opb1~SUFFIX\n\
         for pair in \"{upstream} $v\" \"$v $p\" \"$p {upstream}+b1\" \"$p {upstream}+deb12u1\"; do\n\
         dpkg --compare-versions ${{pair% *}} lt ${{pair#* }} || echo \"$pair\"; done; cat opb-note; tail -1 debian/patches/series; cat debian/libmd-dev.docs"
    );
    assert_eq!(seen(&space, package, "source", &between), format!("TAG was here\ndebian-changes-{own}\nopb-note"));
    // Another change is another source package, and the next number of the same packages.
    space.write("recipes/libmd-TAG/second.patch", &change("no-such-file", "a", "b"));
    recipe("\"note.patch\", \"second.patch\"");
    let ran = space.opb(&["build", "build:libmd-TAG"]).exits(4);
    ran.says("the patch `second.patch` does not apply to the source");
}

#[test]
fn a_source_package_of_the_distribution_is_laid_into_another_source() {
    let Some(space) = space("within") else { return };
    let fill = "head -1 vendored/md/debian/control > $d/x; ls -A vendored/md | grep -c '^.pc$' >> $d/x || true\n\
                cat vendored/md/own >> $d/x";
    Tiny { fill, ..Tiny::PLAIN }
        .with_recipe(&space, "sources: #{ \"vendored/md\": dsc(\"libmd\"), \"vendored/x\": path(\"x\") }");
    space.write("x/x.c", "int x;\n");
    space.write("a/vendored/md/own", "own\n");
    // A pin that nothing named until now: it is made as that of any other source.
    let lock = fs::read_to_string(space.folder.join("opb.lock")).expect("reads");
    let (before, after) =
        (lock.find("[dsc.DISTRO.libmd]".replace("DISTRO", &space.shared.distro).as_str()), lock.len());
    fs::write(space.folder.join("opb.lock"), &lock[..before.unwrap_or(after)]).expect("writes");
    space.opb(&["plan"]).exits(2).says("the source package `libmd` of ");
    let updated = space.opb(&["update", "a-TAG"]).fine();
    assert!(updated.out.contains("libmd"), "{}", updated.out);
    space.opb(&["build", "build:a-TAG"]).fine();
    let content = "dpkg-deb --fsys-tarfile /files/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(seen(&space, "build:a-TAG@DISTRO/all", "packages", content), "Source: libmd\n0\nown");
    let listed = "tar -tf /files/*.orig.tar.gz | grep -cE '/vendored/(md/debian/rules|md/own|x/x.c)$'";
    assert_eq!(seen(&space, "source-package:a-TAG@DISTRO", "source", listed), "3");
}
