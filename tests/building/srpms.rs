//! Source RPMs of a small RPM distribution by their names: pinned, built, and refused where they are not to be trusted.

use std::fs;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::space::Ran;
use crate::space::mini::{Mini, mini};

const SOURCES: &str = "source_repositories: [\"base-source\"]";
const BOTH: &str = "source_repositories: [\"base-source\", \"updates-source\"]";

/// A project with the distribution's source repositories, and a component of `name`, one of its source RPMs.
fn sources(test: &str, name: &str) -> Option<Mini> {
    let mini = mini(test)?;
    mini.source_mirrors();
    // The source is the same in each run of the suite; the variable makes another build of it.
    mini.space.recipe("a", &format!("#{{ source: srpm(\"{name}\"), env: #{{ OF: \"TAG\" }} }}\n"));
    Some(mini)
}

/// What is in the package that greets.
fn greeting(mini: &Mini, build: &str) -> String {
    let [(_, digest)] = &mini.space.files(build, "packages")[..] else { panic!("not one file") };
    let bytes = mini.space.open_store().read_object(digest.parse().expect("a digest"), 1 << 20).expect("reads");
    fs::write(mini.space.folder.join("made.rpm"), bytes).expect("written");
    let script = "rpm2archive - < made.rpm | tar --extract --gzip --to-stdout ./usr/share/hello/greeting";
    let output = Command::new("sh").args(["-euc", script]).current_dir(&mini.space.folder).output().expect("sh");
    String::from_utf8(output.stdout).expect("text")
}

fn lock(mini: &Mini) -> String {
    fs::read_to_string(mini.space.folder.join("opb.lock")).unwrap_or_default()
}

#[test]
fn a_source_rpm_is_pinned_and_built_by_its_name_and_moves_with_the_distro() {
    let Some(mini) = sources("srpms", "hello") else { return };
    let Mini { space, server } = &mini;
    // Nothing is fetched that was not pinned.
    space.opb(&["update", "@mini-1", "--dry-run"]).fine();
    assert_eq!(lock(&mini), "");
    let ran = space.opb(&["update", "@mini-1"]).fine();
    assert!(ran.out.contains("hello@mini-1") && ran.out.contains("1.10-1.mr1"), "{}", ran.out);
    let pinned = lock(&mini);
    for line in [
        "arch = \"source\"",
        "[srpm.mini-1.hello]",
        "repository = \"base-source\"",
        "path = \"hello-1.10-1.mr1.src.rpm\"",
    ] {
        assert!(pinned.contains(line), "{line}: {pinned}");
    }
    // Of the source repositories only what says which source RPMs there are is pinned.
    let of_source = pinned.split("[[distro.mini-1.repository]]").find(|part| part.contains("arch = \"source\""));
    assert!(
        of_source.is_some_and(|part| part.contains("-primary.xml") && !part.contains("-filelists.xml")),
        "{pinned}"
    );
    // Evaluated, planned and fetched without the network.
    space.opb(&["eval", "--offline"]).fine();
    let build = "build:a-TAG@mini-1/all";
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(build), ["hello-1.10-1.1.mr1.noarch.rpm"]);
    space.opb(&["build", "--offline"]).fine().says("nothing to do: ");
    assert_eq!(greeting(&mini, build), "hello from 1.10\n");
    // Nothing that is built is collected as long as it is pinned.
    space.opb(&["store", "gc"]).fine();
    space.opb(&["build", "--offline"]).fine().says("nothing to do: ");
    // Another component of the same name moves nothing; a further repository does, once the distro is updated.
    mini.distro(&[(SOURCES, BOTH)]);
    let moves = space.opb(&["update", "a-TAG", "--dry-run"]).fine().out;
    assert!(moves.contains("hello@mini-1") && moves.contains("1.11-1.mr1"), "{moves}");
    assert_eq!(lock(&mini), pinned);
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(build), ["hello-1.11-1.1.mr1.noarch.rpm"]);
    // A mirror that has gone back, of a distribution that signs packages alone.
    let unsigned = lock(&mini).replace("signed = true\n", "");
    space.write("opb.lock", &unsigned);
    let path = "updates-source/repodata/repomd.xml";
    let text = String::from_utf8(server.read(path)).expect("text");
    let revision = text.split("<revision>").nth(1).and_then(|rest| rest.split('<').next()).expect("a revision");
    server.serve(&format!("{path}.asc"), None);
    server.serve(path, Some(text.replace(revision, "1000").into_bytes()));
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("the repository `updates-source` of mini-1 is older than what `opb.lock` pins: revision 1000, and ");
    assert_eq!(lock(&mini), unsigned);
    server.mend();
    // What no recipe takes is dropped.
    space.recipe("a", "#{ source: srpm(\"hello\"), skip: \"not now\" }\n");
    space.opb(&["update", "@mini-1"]).fine();
    assert!(!lock(&mini).contains("[srpm."), "{}", lock(&mini));
}

#[test]
fn what_cannot_be_pinned_by_its_name_is_told() {
    let Some(mini) = sources("srpms-none", "hallo") else { return };
    let space = &mini.space;
    let told = |name: &str| -> Ran {
        space.recipe("a", &format!("#{{ source: srpm(\"{name}\") }}\n"));
        space.opb(&["update", "@mini-1"])
    };
    let ran = told("hallo").exits(2).says("the source repositories of mini-1 have no `hallo`");
    ran.says(&space.own("did you mean `hello`? Otherwise correct the name in `recipes/a-TAG.rhai`"));
    assert_eq!(lock(&mini), "", "all pins stay");
    told("blob").exits(2).says("the source RPM `blob` 1.0-1.mr1 of mini-1 comes without its sources (`nosrc`)");
    let ran = told("stray").exits(3).says("the source RPM `stray` of mini-1 is not to be trusted");
    ran.says("the package is not signed");
    let ran = told("nodejs").exits(2);
    ran.says("the source RPM `nodejs` of mini-1 is only in streams of modules that are not enabled: `nodejs:18`, `nodejs:20`");
    let enabled = "keys: [\"RPM-GPG-KEY-mini\"],\n    modules: #{ enable: [\"nodejs:18\"], hotfixes: true },";
    mini.distro(&[("keys: [\"RPM-GPG-KEY-mini\"],", enabled)]);
    told("nodejs").fine();
    assert!(lock(&mini).contains("version = \"18.1.0-1.module_mr1\""), "{}", lock(&mini));
    // Where no source repository is, or nobody says where.
    mini.distro(&[(SOURCES, "source_repositories: [\"other-source\"]")]);
    told("hello").exits(3).says("no place is known for the repository `other-source` of `mini-1`");
    mini.distro(&[(&format!("    {SOURCES},\n"), "")]);
    let ran = told("hello").exits(2).says("mini-1 has no source repositories, so no `srpm(\"hello\")`");
    ran.says("name them in `source_repositories` of `distros/mini-1.rhai`");
    // Evaluation says what is missing, and needs no network for that.
    let ran = space.opb(&["eval"]).exits(2).says("the source RPM `hello` of mini-1 is not pinned");
    ran.says(&space.own("run `opb update a-TAG`"));
}

#[test]
fn what_a_hostile_mirror_says_of_source_rpms_is_not_taken() {
    let Some(mini) = sources("srpms-hostile", "hello") else { return };
    let Mini { space, server } = &mini;
    let refused = |text: &str| {
        let ran = space.opb(&["update", "@mini-1"]).exits(3).says(text);
        assert_eq!(lock(&mini), "", "all pins stay");
        ran
    };
    // Metadata is signed here.
    let repomd = "base-source/repodata/repomd.xml";
    let mut changed = server.read(repomd);
    let place = changed.len() / 2;
    changed[place] ^= 1;
    server.serve(repomd, Some(changed));
    refused("the metadata of the repository `base-source` of mini-1 is not to be trusted");
    server.mend();
    // Nothing holds a mirror whose metadata is not signed, but that packages are.
    server.serve(&format!("{repomd}.asc"), None);
    let text = String::from_utf8(server.read(repomd)).expect("text");
    let place = text.split("location href=\"").find(|rest| rest.contains("-primary.xml.gz\"")).expect("a primary");
    let place = place.split('"').next().expect("quoted");
    let primary = unpacked(&server.read(&format!("base-source/{place}")));
    let says = |primary: &str| {
        let file = "repodata/0-primary.xml";
        let sha256: String = Sha256::digest(primary).iter().map(|byte| format!("{byte:02x}")).collect();
        server.serve(&format!("base-source/{file}"), Some(primary.as_bytes().to_vec()));
        let repomd = format!(
            "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>2</revision><data type=\"primary\">\
             <checksum type=\"sha256\">{sha256}</checksum><location href=\"{file}\"/></data></repomd>"
        );
        server.serve("base-source/repodata/repomd.xml", Some(repomd.into_bytes()));
    };
    says(&primary.replace("href=\"hello-1.10", "href=\"../base-source/hello-1.10"));
    refused("is no plain path below the repository");
    let digest_of = |file: &str| -> String {
        Sha256::digest(server.read(&format!("base-source/{file}"))).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    // Another digest than the file has.
    says(&primary.replace(&digest_of("hello-1.10-1.mr1.src.rpm"), &"0".repeat(64)));
    refused("hello-1.10-1.mr1.src.rpm");
    // The file of another package, its digest right; and an old version that claims to be the newest.
    let (old, new) = (digest_of("hello-1.9-1.mr1.src.rpm"), digest_of("hello-1.10-1.mr1.src.rpm"));
    let size = |file: &str| server.read(&format!("base-source/{file}")).len();
    let sizes = (size("hello-1.9-1.mr1.src.rpm"), size("hello-1.10-1.mr1.src.rpm"));
    let changed = primary.replace("href=\"hello-1.10-1", "href=\"hello-1.9-1").replace(&new, &old);
    says(&changed.replace(&format!("package=\"{}\"", sizes.1), &format!("package=\"{}\"", sizes.0)));
    refused("what the index of mini-1 calls the source RPM `hello 1.10-1.mr1` is `hello 1.9-1.mr1`");
    says(&primary.replace("</metadata>", "<package><name>"));
    refused("it is no XML");
    // Where all is right again, so is the pin; and from then on it must be signed.
    server.mend();
    space.opb(&["update", "@mini-1"]).fine();
    let pinned = lock(&mini);
    server.serve(&format!("{repomd}.asc"), None);
    let ran = space.opb(&["update", "@mini-1"]).exits(3);
    ran.says("the metadata of the repository `base-source` of mini-1 is not signed any more");
    assert_eq!(lock(&mini), pinned);
}

#[test]
fn source_rpms_are_imported_as_recipes() {
    let Some(mini) = mini("srpms-import") else { return };
    let space = &mini.space;
    space.opb(&["update", "@mini-1"]).fine();
    let ran = space.opb(&["import", "--sources", "@mini-1", "*"]).exits(2);
    ran.says("`mini-1` has no pinned index of sources here").says("\"mini-1/base-source\" = \"https://…\"");
    mini.source_mirrors();
    space.opb(&["update", "@mini-1"]).fine();
    assert!(lock(&mini).contains("name = \"base-source\""), "pinned as `opb.toml` says where it is: {}", lock(&mini));
    space.opb(&["import", "--sources", "@mini-1", "hallo"]).exits(2).says("did you mean `hello`?");
    let ran = space.opb(&["import", "--sources", "@mini-1", "*"]).fine();
    assert!(ran.out.contains("made  recipes/hello.rhai\n") && ran.out.contains("next: opb update"), "{}", ran.out);
    ran.says("left out blob: the source RPM `blob` 1.0-1.mr1 of mini-1 comes without its sources")
        .says("left out nodejs: the source RPM `nodejs` of mini-1 is only in streams of modules");
    let recipe = fs::read_to_string(space.folder.join("recipes/hello.rhai")).expect("made");
    assert_eq!(recipe, "#{\n    source: srpm(\"hello\"),\n    build:  spec(),\n    targets: [\"@mini-1\"],\n}\n");
    fs::remove_file(space.folder.join("recipes/stray.rhai"))
        .expect("made too, as only its file says that nobody signed it");
    space.opb(&["update"]).fine();
    space.opb(&["plan"]).fine();
}

fn unpacked(bytes: &[u8]) -> String {
    use std::io::Read as _;
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    text
}
