//! `opb repo import`: packages that were built elsewhere, from the file to what is published, and what is refused.

use std::io::Read as _;

use super::*;

/// Channels whose dependencies nobody looks up, as no index is here.
pub(super) const CHANNELS: &str = "maintainer = \"A Packager <packager@example.org>\"\n[channel.nightly]\nclosure = false\n\
                        [channel.stable]\nclosure = false\nkey = \"nightly\"\n";

impl Space {
    /// A binary package made by dpkg-deb: the lines of its control file, and what is in its one file.
    pub(super) fn deb(&self, file: &str, control: &str, content: &str) {
        let root = self.path("deb");
        let _ = fs::remove_dir_all(&root);
        self.file("deb/usr/share/acme/said", content);
        let more = "Maintainer: Acme <a@acme.example>\nDescription: their agent\n and more of it\n";
        self.file("deb/DEBIAN/control", &format!("{control}{more}"));
        let mut dpkg = Command::new("dpkg-deb");
        let made = dpkg.args(["--root-owner-group", "-b"]).arg(&root).arg(self.path(file)).output().expect("dpkg-deb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::remove_dir_all(&root).expect("removed");
    }

    pub(super) fn acme(&self, file: &str) {
        let control = "Package: acme-agent\nVersion: 1:1.2~rc1-3\nArchitecture: amd64\nFilename: ../../etc/passwd\n";
        self.deb(file, control, "one\n");
    }

    /// Builds what a channel holds, and publishes it.
    pub(super) fn publish(&self, channel: &str) -> String {
        self.stdout(&["build", "--only", &format!("repo:{channel}"), "-q"]);
        self.stdout(&["repo", "publish", channel])
    }

    pub(super) fn published(&self, channel: &str, path: &str) -> Vec<u8> {
        fs::read(self.path(&format!("store/channels/{channel}/current/{path}"))).expect("published")
    }
}

/// A project with one pinned distro, two channels and a key.
pub(super) fn space() -> Option<Space> {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        println!("skipped: dpkg-deb is not installed");
        return None;
    }
    let space = Space::pinned();
    space.file("opb.toml", CHANNELS);
    space.stdout(&["key", "init", "--name", "nightly"]);
    Some(space)
}

#[test]
fn a_package_goes_from_its_file_to_two_channels_and_out_again() {
    let Some(space) = space() else { return };
    space.acme("download (1).deb");
    let args =
        ["repo", "import", "nightly", "download (1).deb", "--from", "https://acme.example", "--reason", "asked for"];
    insta::assert_snapshot!(space.seen(&args), @r#"
    exit 0
    --- stdout
    imported  acme-agent 1:1.2~rc1-3 amd64 into nightly for mirage-1
    opb.imports.toml is written; `opb build` and `opb repo publish nightly` take it over
    "#);
    let text = fs::read_to_string(space.path("opb.imports.toml")).expect("written");
    let size = format!("size = {}", fs::metadata(space.path("download (1).deb")).expect("there").len());
    let day = text.lines().find(|line| line.starts_with("day = ")).expect("a day").to_owned();
    insta::assert_snapshot!(redacted(&text.replace(&day, "day = \"TODAY\"").replace(&size, "size = SIZE"), space.folder.path()), @r#"
    # Written by `opb repo import`. Keep it under version control: it says what enters channels without being built.
    version = 1

    [[package]]
    channel = "nightly"
    distro = "mirage-1"
    name = "acme-agent"
    version = "1:1.2~rc1-3"
    arch = "amd64"
    kind = "package"
    day = "TODAY"
    from = "https://acme.example"
    reason = "asked for"

    [package.files."acme-agent_1.2~rc1-3_amd64.deb"]
    size = SIZE
    sha256 = "[DIGEST]"
    blake3 = "[DIGEST]"
    "#);
    let listed = space.json(&["repo", "import", "--list", "--format", "json"]);
    schema::conforms("repo-imports", &listed);
    assert_eq!((&listed["packages"][0]["here"], &listed["packages"][0]["kind"]), (&true.into(), &"package".into()));
    let day = day.trim_start_matches("day = ").trim_matches('"').to_owned();
    let shown = space.seen(&["repo", "import", "nightly", "--list"]).replace(&day, "TODAY");
    insta::assert_snapshot!(shown, @r#"
    exit 0
    --- stdout
    acme-agent 1:1.2~rc1-3 amd64  nightly for mirage-1  TODAY  from https://acme.example; asked for
    "#);
    insta::assert_snapshot!(space.seen(&["eval", "-q"]), @r#"
    exit 0
    --- stdout
    root:base@mirage-1/amd64
    └── resolve:base@mirage-1/amd64
        └── index:base@mirage-1/amd64
    repo:nightly@mirage-1
    └── source:imported+acme-agent+1.2-rc1-3-amd64@mirage-1
    repo:stable@mirage-1
    "#);
    // Once more, it is there already.
    insta::assert_snapshot!(space.seen(&["repo", "import", "nightly", "download (1).deb"]), @r#"
    exit 0
    --- stdout
    is here  acme-agent 1:1.2~rc1-3 amd64 into nightly for mirage-1
    opb.imports.toml stays as it is
    "#);
    assert_eq!(fs::read_to_string(space.path("opb.imports.toml")).expect("there"), text);

    assert!(space.publish("nightly").starts_with("published generation 1 of nightly: 1 package, in "));
    let diff = space.json(&["repo", "diff", "nightly", "--format", "json"]);
    schema::conforms("repo-changes", &diff);
    assert_eq!(diff["distros"][0]["changes"][0]["imported"], true);
    let list = space.json(&["repo", "list", "nightly", "--format", "json"]);
    schema::conforms("repo-list", &list);
    assert_eq!((&list["generations"][0]["packages"], &list["generations"][0]["imported"]), (&1.into(), &1.into()));
    let page = String::from_utf8(space.published("nightly", "index.html")).expect("text");
    assert!(page.contains("<td>acme-agent <small>imported</small></td>"), "{page}");
    let mut index = String::new();
    let packed = space.published("nightly", "dists/oasis/main/binary-amd64/Packages.gz");
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut index).expect("unpacks");
    let file = "pool/main/a/acme-agent/acme-agent_1.2~rc1-3_amd64.deb";
    assert!(index.contains(&format!("\nFilename: {file}\n")) && !index.contains("passwd"), "{index}");
    let taken = fs::read(space.path("download (1).deb")).expect("there");
    assert_eq!(space.published("nightly", file), taken);

    // Another channel takes it over as what it is, and a collection leaves it to both and to the list.
    space.publish("stable");
    space.stdout(&["repo", "promote", "nightly", "stable"]);
    let diff = space.json(&["repo", "diff", "stable", "--format", "json"]);
    assert_eq!(diff["distros"][0]["changes"][0]["imported"], true);
    assert_eq!(space.published("stable", file), taken);
    space.stdout(&["store", "gc", "--older-than", "0"]);
    let listed = space.json(&["repo", "import", "--list", "--format", "json"]);
    assert_eq!(listed["packages"][0]["here"], true);
    space.stdout(&["store", "verify"]);
}

#[test]
fn what_is_let_go_is_gone_with_the_next_publication() {
    let Some(space) = space() else { return };
    space.acme("acme.deb");
    space.stdout(&["repo", "import", "nightly", "acme.deb"]);
    space.publish("nightly");
    insta::assert_snapshot!(space.seen(&["repo", "import", "nightly", "--remove", "acme-agnt"]), @r#"
    exit 2
    --- stderr
    opb::repo_import::unknown

      × nothing called `acme-agnt` is imported into `nightly`
      help: did you mean `acme-agent`?
    "#);
    insta::assert_snapshot!(space.seen(&["repo", "import", "nightly", "--remove", "acme-agent=1:1.2~rc1-3"]), @r#"
    exit 0
    --- stdout
    let go  acme-agent 1:1.2~rc1-3 amd64 into nightly for mirage-1
    opb.imports.toml is written; `opb build` and `opb repo publish nightly` take it over
    "#);
    insta::assert_snapshot!(space.seen(&["repo", "import", "--list"]), @r#"
    exit 0
    --- stderr
    note: nothing is imported
    "#);
    space.publish("nightly");
    insta::assert_snapshot!(space.stdout(&["repo", "diff", "nightly"]), @r#"
    nightly: from generation 1 to generation 2
    mirage-1: 1 package differs
      acme-agent  amd64  gone 1.2~rc1-3 (imported)
    "#);
}

#[test]
fn a_channel_with_a_lock_of_its_own_has_imports_too() {
    let Some(space) = space() else { return };
    space.file("opb.toml", &format!("{CHANNELS}[channel.own]\nclosure = false\nlock = \"own\"\n"));
    fs::copy(space.path("opb.lock"), space.path("opb.own.lock")).expect("copied");
    space.acme("acme.deb");
    space.stdout(&["repo", "import", "own", "acme.deb"]);
    let is_there = |graph: &str| graph.contains("source:imported+acme-agent+1.2-rc1-3-amd64@mirage-1");
    assert!(is_there(&space.stdout(&["eval", "-q", "--channel", "own"])));
    assert!(!is_there(&space.stdout(&["eval", "-q"])));
    let listed = space.json(&["repo", "import", "--list", "--format", "json"]);
    assert_eq!((&listed["packages"][0]["channel"], &listed["packages"][0]["here"]), (&"own".into(), &true.into()));
}

#[test]
fn another_machine_imports_the_same_file_again() {
    let Some(space) = space() else { return };
    space.acme("acme.deb");
    space.stdout(&["repo", "import", "nightly", "acme.deb", "--from", "https://acme.example"]);
    let listed = fs::read_to_string(space.path("opb.imports.toml")).expect("written");
    fs::remove_dir_all(space.path("store")).expect("removed");
    let failed = space.seen(&["build", "-q", "--only", "repo:nightly"]);
    assert!(failed.starts_with("exit 3\n"), "{failed}");
    let told: Vec<&str> = failed.lines().map(str::trim).filter(|line| line.contains("import")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    error   source:imported+acme-agent+1.2-rc1-3-amd64@mirage-1
    the imported `acme-agent_1.2~rc1-3_amd64.deb` is not in this store
    help: run `opb repo import nightly acme-agent_1.2~rc1-3_amd64.deb` once more with the same file: its SHA-256 is [DIGEST], it came from https://acme.example
    "#);
    space.stdout(&["repo", "import", "nightly", "acme.deb"]);
    assert_eq!(fs::read_to_string(space.path("opb.imports.toml")).expect("there"), listed);
    space.publish("nightly");
}
