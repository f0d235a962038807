//! A Debian source package as the source of packages for the small RPM distribution, with a spec beside the recipe.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use opb::digest::Sha256;
use opb::lock::Lock;

use crate::space::mini::{Mini, mini};

/// A project for both families: this machine's distribution with its pins, and the small one.
fn both(name: &str) -> Option<Mini> {
    let mini = mini(name)?;
    let space = &mini.space;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let distro = space.own("distros/DISTRO.rhai");
    space.write(&distro, &fs::read_to_string(root.join(&distro)).expect("of the project"));
    space.write("opb.lock", &fs::read_to_string(space.shared.folder.join("pins/opb.lock")).expect("pinned"));
    let spec = fs::read_to_string(root.join("recipes/libmd/libmd.spec")).expect("of the project");
    // Unlike that of other runs, whose results would be found.
    space.write("recipes/libmd-TAG/libmd.spec", &format!("# Of TAG.\n{spec}"));
    Some(mini)
}

/// What is in a source package, by name.
fn source_package(mini: &Mini, node: &str) -> BTreeMap<String, Vec<u8>> {
    let space = &mini.space;
    let [(name, digest)] = &space.files(node, "source")[..] else { panic!("not one file") };
    assert!(name.ends_with(".src.rpm"), "{name}");
    let folder = space.folder.join("unpacked");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("makes folders");
    let bytes = space.open_store().read_object(digest.parse().expect("a digest"), 64 << 20).expect("reads");
    fs::write(folder.join("package"), bytes).expect("writes");
    let unpack = "rpm2archive - < package | tar --extract --gzip && rm package";
    let ran = Command::new("sh").args(["-euc", unpack]).current_dir(&folder).status().expect("runs");
    assert!(ran.success());
    let entries = fs::read_dir(&folder).expect("reads").map(|entry| entry.expect("reads"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("reads")))
        .collect()
}

/// Upstream's archive as it is pinned: its name, its version, and the digest of its content.
fn archive(mini: &Mini) -> (String, String, Sha256) {
    let lock = fs::read_to_string(mini.space.folder.join("opb.lock")).expect("a lock");
    let lock: Lock = toml::from_str(&lock).expect("a lock");
    let pins = lock.dsc.values().next().expect("pins");
    let files = &pins.values().next().expect("a pin").files;
    let is_archive = |name: &String| name.contains(".orig.tar") && !name.ends_with(".asc");
    let (name, file) = files.iter().find(|(name, _)| is_archive(name)).expect("an archive");
    let version = name.split('_').nth(1).and_then(|rest| rest.split(".orig").next()).expect("a version");
    (name.clone(), version.to_owned(), file.sha256)
}

#[test]
fn a_debian_source_package_makes_rpm_packages() {
    let Some(mini) = both("rpm-dsc") else { return };
    let space = &mini.space;
    // For the small distribution alone, so that nothing but that asks for the pin.
    let recipe = "#{ source: dsc(\"libmd\"), targets: [\"@mini-1\"], env: #{ OPB_TEST: \"TAG\" } }\n";
    space.recipe("libmd", recipe);
    space.opb(&["update", "@mini-1"]).fine();
    let lock = fs::read_to_string(space.folder.join("opb.lock")).expect("a lock");
    assert!(lock.contains(&space.own("[dsc.DISTRO.libmd]")) && !lock.contains("libbsd"), "{lock}");
    let ran = space.opb(&["build"]).fine();
    let build = "build:libmd-TAG@mini-1/amd64";
    assert!(ran.nodes("done").contains(&&*space.own(build)), "{}", ran.err);
    let (original, version, digest) = archive(&mini);
    let starts = |output: &str| -> Vec<String> {
        let files = space.files(build, output).into_iter();
        files.map(|(name, _)| name.split(&format!("-{version}-1.")).next().expect("a name").to_owned()).collect()
    };
    assert_eq!(starts("packages"), ["libmd", "libmd-devel"]);
    // The last one has a link: that of the development package's link to the library.
    assert_eq!(starts("debug"), ["libmd-debuginfo", "libmd-debugsource", "libmd-devel-debuginfo"]);
    // The archive is what upstream made, under the spec's name for it; nothing of Debian's own is there.
    let inside = source_package(&mini, "source-package:libmd-TAG@mini-1");
    let packing = original.rsplit('.').next().expect("an ending");
    let named = format!("libmd-{version}.tar.xz");
    assert_eq!(inside.keys().collect::<Vec<_>>(), [&named, "libmd.spec"]);
    if packing == "xz" {
        assert_eq!(Sha256::of(&inside[&named]), digest);
    }
    let spec = String::from_utf8(inside["libmd.spec"].clone()).expect("text");
    assert!(spec.contains(&format!("\nVersion:        {version}\n")), "{spec}");
}

#[test]
fn what_a_recipe_lays_into_a_debian_source_package_is_in_the_archive() {
    let Some(mini) = both("rpm-dsc-laid") else { return };
    let space = &mini.space;
    let recipe = "#{ source: dsc(\"libmd\"), targets: [\"@mini-1\"], stamp: [\"made-of\"], patches: [\"new.patch\"], \
                  files: #{ \"data/laid\": \"laid\" } }\n";
    space.recipe("libmd", recipe);
    space.write("recipes/libmd-TAG/new.patch", "--- /dev/null\n+++ b/patched\n@@ -0,0 +1,1 @@\n+by TAG\n");
    space.write("recipes/libmd-TAG/laid", "laid by TAG\n");
    space.opb(&["update", "@mini-1"]).fine();
    let node = "source-package:libmd-TAG@mini-1";
    space.opb(&["build", "--only", node]).fine();
    let inside = source_package(&mini, node);
    let (_, version, _) = archive(&mini);
    let archive = space.folder.join("unpacked").join(format!("libmd-{version}.tar.xz"));
    assert!(inside.contains_key(&format!("libmd-{version}.tar.xz")), "{:?}", inside.keys());
    let read = |path: &str| {
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--to-stdout", "--file"]).arg(&archive).arg(format!("libmd-{version}/{path}"));
        String::from_utf8(tar.output().expect("runs").stdout).expect("text")
    };
    assert_eq!(space.shown(&read("patched")), "by TAG");
    assert_eq!(space.shown(&read("data/laid")), "laid by TAG");
    assert_eq!(read("made-of"), format!("{version}\n"));
    assert!(read("README").starts_with("libmd"), "and what was there before");
}

#[test]
fn a_selected_distro_is_built_without_others_that_share_its_sources() {
    let Some(mini) = both("rpm-selected") else { return };
    let space = &mini.space;
    space.recipe("libmd", "#{ source: dsc(\"libmd\") }");
    space.opb(&["update", "@mini-1"]).fine();
    let planned = |selector: &str| -> Vec<String> {
        let ran = space.opb(&["plan", "--verbose", selector]).fine();
        let nodes = ran.out.lines().filter_map(|line| line.split_whitespace().nth(1));
        nodes.filter(|node| node.starts_with("build:")).map(|node| space.shown(node)).collect()
    };
    let (deb, rpm) = ("build:libmd-TAG@DISTRO/ARCH", "build:libmd-TAG@mini-1/ARCH");
    assert_eq!(planned("@DISTRO"), [deb], "although they share the source");
    assert_eq!(planned("@mini-1"), [rpm]);
    assert_eq!(planned("libmd-TAG"), [deb, rpm]);
    assert_eq!(planned("source:libmd-TAG@DISTRO"), [deb, rpm], "all that is made of it");
}
