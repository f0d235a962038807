//! Archives of upstream as sources: what is built of them, and what of theirs is in the source package as it came.

use std::fs;
use std::process::Command;

use opb::digest::Digest;
use opb::sign::{SecretKey, Signer};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::space::mini::{mini, spec};
use crate::space::sources::Tiny;
use crate::space::{Space, space};

/// Packs the folder `folder` of the project as the archive `name` there.
fn pack(space: &Space, name: &str, folder: &str) -> Vec<u8> {
    let mut command = Command::new("tar");
    command.args(["--auto-compress", "--create", "--file", &space.own(name), &space.own(folder)]);
    let output = command.current_dir(&space.folder).output().expect("tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(space.folder.join(space.own(name))).expect("made")
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

#[test]
fn upstreams_archive_is_published_with_its_signature() {
    let Some(space) = space("archives") else { return };
    Tiny { fill: "cat README > $d/x", ..Tiny::PLAIN }.put(&space);
    let beside = space.folder.join(space.own("recipes/a-TAG"));
    fs::create_dir_all(&beside).expect("made");
    fs::rename(space.folder.join("a/debian"), beside.join("debian")).expect("moved");
    space.write("a-1.0/README", "Of upstream.\n");
    space.write("a-1.0/run", "#!/bin/sh\n");
    let archive = pack(&space, "a-1.0.tar", "a-1.0");
    // What a signer signs here is text: so is a tar archive of texts.
    let text = String::from_utf8(archive).expect("only ASCII in it");
    let key = SecretKey::generate("upstream", 1_700_000_000, None, StdRng::seed_from_u64(7)).expect("a key");
    let signer = Signer::File(key);
    fs::write(beside.join("up.key"), signer.public_key_binary().expect("exports")).expect("written");
    let signature = signer.detached(&text, 1_790_000_000).expect("signs");
    fs::write(space.folder.join("a-1.0.tar.asc"), &signature).expect("written");
    let patch = "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-Of upstream.\n+Patched.\n";
    space.write("recipes/a-TAG/one.patch", patch);
    let recipe = |options: &str, more: &str| {
        let source = format!("archive(\"file://{}/a-1.0.tar{options})", space.folder.display());
        space.recipe("a", &format!("#{{ source: {source}, files: #{{ \"debian/\": \"debian/\" }}{more} }}\n"));
    };
    // dpkg takes no archive that is not compressed, so one is made of its files.
    recipe("\", #{ signature: true, keys: [\"up.key\"] }", "");
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    let (package, build) = ("source-package:a-TAG@DISTRO", "build:a-TAG@DISTRO/all");
    let names =
        || -> Vec<String> { space.files(package, "source").into_iter().map(|(name, _)| space.shown(&name)).collect() };
    let [debian, dsc] = ["a-TAG_1.0-1~SUFFIX.debian.tar.xz", "a-TAG_1.0-1~SUFFIX.dsc"];
    assert_eq!(names(), [debian, dsc, "a-TAG_1.0.orig.tar.gz"]);
    assert_eq!(space.packages(build), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);

    // One that is compressed is the one of the source package.
    let compressed = pack(&space, "a-1.0.tar.xz", "a-1.0");
    recipe(".xz\"", ", patches: [\"one.patch\"]");
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(names(), [debian, dsc, "a-TAG_1.0.orig.tar.xz"]);
    let upstream = || space.files(package, "source")[2].1.clone();
    assert_eq!(upstream(), digest(&compressed));
    let script = "dpkg-deb --fsys-tarfile /packages/*.deb | tar -xO ./usr/share/a-TAG/x";
    assert_eq!(super::sources::extracted(&space, build, "packages", script), "Patched.\n");

    // With its signature; where something else is laid in, it is another archive.
    let gz = pack(&space, "a-1.0.tar.gz", "a-1.0");
    let signed = |bytes: &[u8]| {
        // As gpg makes it, over bytes that are no text.
        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join("archive"), bytes).expect("written");
        let gpg = "gpg --batch --quiet --homedir . --passphrase '' --quick-generate-key up rsa2048 sign never && \
                   gpg --batch --quiet --homedir . --detach-sign archive && gpg --batch --homedir . --export > key && \
                   gpgconf --homedir . --kill all";
        let output = Command::new("sh").args(["-euc", gpg]).current_dir(home.path()).output().expect("sh");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| fs::read(home.path().join(name)).expect("made");
        (read("key"), read("archive.sig"))
    };
    let (key, signature) = signed(&gz);
    fs::write(beside.join("gpg.key"), key).expect("written");
    fs::write(space.folder.join(space.own("a-1.0.tar.gz.sig")), &signature).expect("written");
    recipe(".gz\", #{ signature: true, keys: [\"gpg.key\"] }", "");
    let ran = space.opb(&["update", "a-TAG"]).fine();
    assert!(ran.out.contains("(signed by ") && !ran.err.contains("nobody vouches"), "{}{}", ran.out, ran.err);
    space.opb(&["build"]).fine();
    assert_eq!(names(), [debian, dsc, "a-TAG_1.0.orig.tar.gz", "a-TAG_1.0.orig.tar.gz.asc"]);
    assert_eq!(upstream(), digest(&gz));
    recipe(".gz\"", ", stamp: [\"version.id\"]");
    space.opb(&["update", "a-TAG"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(names(), [debian, dsc, "a-TAG_1.0.orig.tar.gz"]);
    assert_ne!(upstream(), digest(&gz));
    assert!(space.opb(&["build", "--offline"]).fine().err.starts_with("nothing to do: "));
}

/// The files of a source RPM, by name.
fn unpacked(space: &Space, node: &str) -> Vec<(String, Vec<u8>)> {
    let [(_, digest)] = &space.files(node, "source")[..] else { panic!("not one file") };
    let bytes = space.open_store().read_object(digest.parse().expect("a digest"), 64 << 20).expect("reads");
    fs::write(space.folder.join("made.src.rpm"), &bytes).expect("written");
    let folder = tempfile::tempdir().expect("a folder");
    let unpack = format!("rpm2archive - < {}/made.src.rpm | tar --extract --gzip", space.folder.display());
    assert!(Command::new("sh").args(["-euc", &unpack]).current_dir(folder.path()).status().expect("runs").success());
    let entries = fs::read_dir(folder.path()).expect("reads").flatten();
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("reads")))
        .collect();
    files.sort();
    files
}

#[test]
fn an_archive_with_a_spec_beside_the_recipe_and_a_source_rpm() {
    let Some(mini) = mini("rpm-archives") else { return };
    let space = &mini.space;
    let packages = "%install\nmkdir -p %{buildroot}/usr/share/a-TAG\ncp README %{buildroot}/usr/share/a-TAG/\n\
                    %files\n/usr/share/a-TAG\n";
    space.write("recipes/a-TAG/a-TAG.spec", &spec("a", "BuildArch: noarch\n", packages));
    space.write("a-TAG-1.0/README", "Of upstream.\n");
    let archive = pack(space, "a-TAG-1.0.tar.gz", "a-TAG-1.0");
    let address = format!("file://{}/a-TAG-1.0.tar.gz", space.folder.display());
    space.recipe("a", &format!("#{{ source: archive(\"{address}\"), build: spec() }}\n"));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let (package, build) = ("source-package:a-TAG@mini-1", "build:a-TAG@mini-1/all");
    let named =
        |files: &[(String, Vec<u8>)]| -> Vec<String> { files.iter().map(|(name, _)| space.shown(name)).collect() };
    let first = unpacked(space, package);
    assert_eq!(named(&first), ["a-TAG-1.0.tar.gz", "a-TAG.spec"]);
    assert_eq!(digest(&first[0].1), digest(&archive), "it is upstream's, byte for byte");
    assert_eq!(space.packages(build).len(), 1);

    // The source RPM that came of it is a source itself: nothing of it changes.
    fs::remove_dir_all(space.folder.join(space.own("recipes/a-TAG"))).expect("there");
    fs::rename(space.folder.join("made.src.rpm"), space.folder.join("a.src.rpm")).expect("moved");
    space.recipe("a", &format!("#{{ source: srpm(\"file://{}/a.src.rpm\") }}\n", space.folder.display()));
    space.opb(&["update", "a-TAG"]).fine();
    let lock = fs::read_to_string(space.folder.join("opb.lock")).expect("a lock");
    assert!(lock.contains("srpm = \"file://") && lock.contains("packing = \"rpm\""), "{lock}");
    space.opb(&["build"]).fine();
    let second = unpacked(space, package);
    assert_eq!(named(&second), ["a-TAG-1.0.tar.gz", "a-TAG.spec"]);
    assert_eq!(digest(&second[0].1), digest(&archive));
    assert_eq!(second[1].1, first[1].1);
    // Nobody signed it, so nobody's key is that of its signer.
    fs::create_dir_all(space.folder.join(space.own("recipes/a-TAG"))).expect("made");
    let key = fs::read(space.folder.join("distros/keyrings/RPM-GPG-KEY-mini")).expect("there");
    fs::write(space.folder.join(space.own("recipes/a-TAG/mini.key")), key).expect("written");
    space.recipe(
        "a",
        &format!("#{{ source: srpm(\"file://{}/a.src.rpm\", #{{ keys: [\"mini.key\"] }}) }}\n", space.folder.display()),
    );
    let refused = space.opb(&["update", "a-TAG"]).exits(3);
    assert!(
        refused.err.contains("is not to be trusted") && refused.err.contains("the package is not signed"),
        "{}",
        refused.err
    );
}
