//! Channels: generations that apt takes, whatever happens to the publisher.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// A project with one component and a key.
pub fn ready(name: &str, env: &str) -> Option<Space> {
    let space = space(name)?;
    Tiny::PLAIN.with_recipe(&space, env);
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    Some(space)
}

fn publish(space: &Space) -> Ran {
    space.opb(&["build", "-q"]).fine();
    space.opb(&["repo", "publish", "c-TAG"])
}

/// Whether gpgv accepts the `InRelease` that is current, and all that it names is there.
fn verify(space: &Space) {
    let current = fs::canonicalize(space.current()).expect("a generation is current");
    let suite = current.join("dists").join(&space.shared.codename);
    let keyring = space.folder.join("keyring.pgp");
    let key = current.join(space.own("opb-c-TAG.asc"));
    let dearmored =
        Command::new("gpg").args(["--dearmor", "--yes", "-o"]).arg(&keyring).arg(&key).output().expect("runs");
    assert!(dearmored.status.success(), "{}", String::from_utf8_lossy(&dearmored.stderr));
    let release = space.folder.join("release");
    for names in [&["InRelease"][..], &["Release.gpg", "Release"][..]] {
        let mut gpgv = Command::new("gpgv");
        gpgv.arg("--keyring").arg(&keyring);
        if names.len() == 1 {
            gpgv.arg("--output").arg(&release);
            let _ = fs::remove_file(&release);
        }
        let ran: Ran = gpgv.args(names.iter().map(|name| suite.join(name))).output().expect("runs").into();
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let text = fs::read_to_string(&release).expect("reads");
    let listed: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| *line != "SHA256:")
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(!listed.is_empty(), "{text}");
    for entry in listed {
        let [sha256, size, path] = entry[..] else { panic!("{entry:?}") };
        let by_hash = Path::new(path).parent().expect("a folder").join("by-hash/SHA256").join(sha256);
        let file = [suite.join(path), suite.join(by_hash)].into_iter().find(|path| path.exists());
        // Uncompressed indexes are listed for their digests and need not be there.
        if let Some(file) = file {
            let bytes = fs::read(file).expect("reads");
            assert_eq!(bytes.len().to_string(), size, "{path}");
            assert_eq!(opb::digest::Sha256::of(&bytes).to_string(), sha256, "{path}");
        } else {
            assert!(!path.ends_with("z"), "{path} is listed and not there");
        }
    }
}

fn pool(space: &Space) -> Vec<String> {
    let found = Command::new("find").arg("-L").arg(space.current()).args(["-name", "*.deb"]).output().expect("runs");
    let mut names: Vec<String> = String::from_utf8(found.stdout).expect("text").lines().map(str::to_owned).collect();
    names.sort();
    names.iter().map(|name| space.shown(name.rsplit('/').next().expect("a name"))).collect()
}

const APT: &str = "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
mkdir -p /etc/apt/sources.list.d /etc/apt/keyrings
cp /repo/opb-c-TAG.asc /etc/apt/keyrings/
sed 's,^URIs:.*,URIs: file:/repo,' /repo/opb-c-TAG-CODENAME.sources > /etc/apt/sources.list.d/opb.sources
apt-get update -q -o APT::Update::Error-Mode=any > /tmp/told 2>&1 || { cat /tmp/told; exit 1; }
if grep '^[WE]:' /tmp/told; then exit 1; fi
";

/// Runs `script` in a copy of the base root whose apt knows only the channel.
fn with_apt(space: &Space, script: &str) -> Ran {
    let current = space.current();
    let place = space.own("root:base@DISTRO/ARCH");
    space.in_base(&place, &[(&current, "/repo")], &space.own(&format!("{APT}{script}")))
}

#[test]
fn generations_follow_each_other() {
    let Some(space) = ready("publish", "env: #{ X: \"1\" }") else { return };
    let unbuilt = space.opb(&["repo", "publish", "c-TAG"]).exits(2);
    unbuilt.says(&space.own("`repo:c-TAG@DISTRO` is not built")).says("run `opb build`, then publish again");
    let first = publish(&space).fine();
    insta::assert_snapshot!(space.shown(&first.out), @"published generation 1 of c-TAG: 1 package, in STORE/channels/c-TAG/current");
    verify(&space);
    assert_eq!(pool(&space), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    let one = fs::canonicalize(space.current()).expect("published");
    insta::assert_snapshot!(space.shown(&publish(&space).fine().out), @"nothing to publish: generation 1 of c-TAG has all of it already: 1 package, in STORE/channels/c-TAG/current");

    Tiny::PLAIN.with_recipe(&space, "env: #{ X: \"2\" }");
    insta::assert_snapshot!(space.shown(&publish(&space).fine().out), @"published generation 2 of c-TAG: 1 package, in STORE/channels/c-TAG/current");
    verify(&space);
    let two = fs::canonicalize(space.current()).expect("published");
    assert_ne!(one, two);
    assert!(one.join("pool").is_dir(), "the generation before stays");
    // Somebody who has read the former index can still fetch what it names.
    assert_eq!(pool(&space), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb", "a-TAG_1.0-1~SUFFIX+opb2_all.deb"]);

    let installed = with_apt(
        &space,
        "apt-get install -q -y --no-install-recommends a-TAG > /tmp/told 2>&1 || { cat /tmp/told; exit 1; }
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' a-TAG; cat /usr/share/a-TAG/x
apt-get download -q a-TAG=1.0-1~SUFFIX+opb1 > /dev/null 2>&1 && echo 'the former is offered' || echo 'the former is not offered'
cd /tmp && sed -i 's/Types: deb/Types: deb deb-src/' /etc/apt/sources.list.d/opb.sources && apt-get update -q > /dev/null
apt-get source -q --download-only a-TAG > /dev/null 2>&1 && ls *.dsc",
    );
    insta::assert_snapshot!(space.shown(&installed.fine().out), @r"
    a-TAG 1.0-1~SUFFIX+opb2 installed
    2
    the former is not offered
    a-TAG_1.0-1~SUFFIX.dsc
    ");

    let unknown = space.opb(&["repo", "publish", "weekly"]).exits(2);
    unknown.says("there is no channel `weekly`");

    // What was built elsewhere is looked at like what was built here, and apt installs both.
    let acme = |depends: &str| {
        let root = space.folder.join("acme");
        let _ = fs::remove_dir_all(&root);
        let control =
            format!("Package: acme-TAG\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDepends: {depends}\n");
        space.write("acme/DEBIAN/control", &format!("{control}Description: theirs\n"));
        space.write("acme/usr/share/acme/said", "theirs\n");
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.args(["--root-owner-group", "-b"]).arg(&root).arg(root.with_extension("deb"));
        assert!(dpkg.output().expect("runs").status.success());
        space.opb(&["repo", "import", "c-TAG", root.with_extension("deb").to_str().expect("text")]).fine();
    };
    acme("nobody-TAG");
    let held = publish(&space).exits(4);
    held.says("needs something that nobody has").says(&space.own("source:imported+acme-TAG+1-all@DISTRO"));
    space.opb(&["repo", "import", "c-TAG", "--remove", "acme-TAG"]).fine();
    acme("a-TAG (>= 1.0)");
    publish(&space).fine();
    let script = "apt-get install -q -y --no-install-recommends acme-TAG > /tmp/told 2>&1 || { cat /tmp/told; exit 1; }
cat /usr/share/acme/said /usr/share/a-TAG/x";
    assert_eq!(with_apt(&space, script).fine().out, "theirs\n2\n");
}

#[test]
fn a_name_never_gets_other_bytes() {
    let Some(space) = ready("names", "env: #{ X: \"1\" }") else { return };
    publish(&space).fine();
    // With its ledger and the result that bears the number gone, the store gives number 1 again, to something else.
    fs::remove_file(space.store.join(space.own("ledger/DISTRO/a-TAG.jsonl"))).expect("a ledger");
    assert!(space.open_store().forget(space.last("build:a-TAG@DISTRO/all").key).expect("forgotten"));
    Tiny::PLAIN.with_recipe(&space, "env: #{ X: \"2\" }");
    let refused = publish(&space).exits(2);
    let refused = refused.says("was published before with other content").says("give the package a new version: ");
    let told = space.shown(&refused.err);
    assert!(told.contains("a-TAG_1.0-1~SUFFIX+opb1_all.deb"), "{told}");
    verify(&space);
    assert!(fs::canonicalize(space.current()).expect("published").ends_with("1"));
}

#[test]
fn an_empty_channel_is_a_repository() {
    let Some(space) = space("empty") else { return };
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&publish(&space).fine().out), @"published generation 1 of c-TAG: 0 packages, in STORE/channels/c-TAG/current");
    verify(&space);
    with_apt(&space, "apt-cache stats > /dev/null && echo fine").fine();
}

#[test]
fn a_killed_publisher_leaves_a_whole_repository() {
    let Some(space) = ready("torn", "") else { return };
    let label = |turn: u32| space.write("opb.toml", &format!("[channel.c-TAG]\nlabel = \"turn {turn}\"\n"));
    publish(&space).fine();
    // The first time is slower than those that follow.
    let usual = (0..3).map(|turn| {
        label(1_000 + turn);
        space.opb(&["build", "-q"]).fine();
        let began = std::time::Instant::now();
        publish(&space).fine();
        began.elapsed()
    });
    let usual = usual.min().expect("three times");
    let mut killed = 0;
    for turn in 1..=20 {
        label(turn);
        space.opb(&["build", "-q"]).fine();
        let mut child = space.start(&["repo", "publish", "c-TAG"]);
        // Spread over all that publishing does; the last ones may come to their end.
        std::thread::sleep(usual * turn / 18);
        child.kill().expect("sent");
        killed += u32::from(child.wait().expect("ends").code().is_none());
        verify(&space);
    }
    assert!(killed > 5, "only {killed} of 20 publishers were killed");
    label(100);
    let last = publish(&space).fine();
    assert!(last.out.starts_with("published generation "), "{}", last.out);
    verify(&space);
    let current = fs::canonicalize(space.current()).expect("published");
    let text = fs::read_to_string(current.join("dists").join(&space.shared.codename).join("Release")).expect("reads");
    assert!(text.contains("\nLabel: turn 100\n"), "{text}");
    // What the killed ones left half-made is gone.
    let folder = current.parent().expect("a folder");
    let partial = fs::read_dir(folder).expect("reads").flatten().map(|entry| entry.file_name());
    assert!(!partial.into_iter().any(|name| name.to_string_lossy().contains("partial")));
}

#[test]
fn the_keyring_package_brings_the_keys() {
    let Some(space) = ready("keyring", "env: #{ X: \"1\" }") else { return };
    space.write("opb.toml", "[channel.c-TAG]\nkeyring = true\n");
    publish(&space).fine();
    let script = "install -d /usr/share/keyrings && cp /repo/opb-c-TAG.asc /usr/share/keyrings/ && apt-get update -q > /dev/null
apt-get install -q -y opb-c-TAG-keyring > /tmp/told 2>&1 || { cat /tmp/told; exit 1; }
dpkg -S /usr/share/keyrings/opb-c-TAG.asc && cmp /repo/opb-c-TAG.asc /usr/share/keyrings/opb-c-TAG.asc && echo the same";
    // The first update of the common script has no key in that place yet.
    let current = space.current();
    let place = space.own("root:base@DISTRO/ARCH");
    let update = "apt-get update -q -o APT::Update::Error-Mode=any > /tmp/told 2>&1 || { cat /tmp/told; exit 1; }\nif grep '^[WE]:' /tmp/told; then exit 1; fi\n";
    let script = space.own(&format!("{}{script}", APT.replace(update, "")));
    let ran = space.in_base(&place, &[(&current, "/repo")], &script).fine();
    insta::assert_snapshot!(space.shown(&ran.out), @r"
    opb-c-TAG-keyring: /usr/share/keyrings/opb-c-TAG.asc
    the same
    ");
}

#[test]
fn channels_promote_and_roll_back() {
    let Some(space) = ready("promote", "env: #{ X: \"1\" }") else { return };
    space.opb(&["key", "init", "--name", "s-TAG"]).fine();
    space.write("opb.toml", "[channel.c-TAG]\n[channel.s-TAG]\nlabel = \"slow\"\nsuite = \"{codename}-slow\"\n");
    publish(&space).fine();
    space.opb(&["repo", "promote", "c-TAG", "c-TAG"]).exits(2).says("cannot be promoted to itself");
    space
        .opb(&["repo", "promote", "s-TAG", "c-TAG"])
        .exits(2)
        .says(&space.own("nothing is published of the channel `s-TAG`"));
    space.opb(&["repo", "rollback", "c-TAG"]).exits(2).says("before the current one");
    let told = space.opb(&["repo", "promote", "c-TAG", "s-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&told.out), @"published generation 1 of s-TAG: 1 package, in STORE/channels/s-TAG/current");
    Tiny::PLAIN.with_recipe(&space, "env: #{ X: \"2\" }");
    let plan = |channel: &str| space.shown(&space.opb(&["repo", "plan", channel]).fine().out);
    insta::assert_snapshot!(plan("c-TAG"), @r"
    generation 1 of c-TAG is current
    DISTRO: held back: `repo:c-TAG@DISTRO` is not built
    ");
    publish(&space).fine();
    insta::assert_snapshot!(plan("c-TAG"), @r"
    generation 2 of c-TAG is current
    DISTRO: nothing changes
    ");
    // The slow channel stays as it is, and takes the newer packages when it is told to, the same bytes.
    let slow = space.store.join(space.own("channels/s-TAG/current"));
    let has = |number: u32| {
        slow.join(space.own(&format!("pool/main/a/a-TAG/a-TAG_1.0-1~SUFFIX+opb{number}_all.deb"))).exists()
    };
    assert!(has(1) && !has(2));
    space
        .opb(&["repo", "promote", "c-TAG", "s-TAG", "--generation", "9"])
        .exits(2)
        .says("name one of those that are kept: 1, 2");
    space.opb(&["repo", "promote", "c-TAG", "s-TAG", "--distro", "plan-9"]).exits(2).says("holds nothing of `plan-9`");
    space.opb(&["repo", "promote", "c-TAG", "s-TAG"]).fine();
    assert!(has(2));
    let release = fs::read_to_string(slow.join(space.own("dists/CODENAME-slow/Release"))).expect("reads");
    assert!(release.contains("\nLabel: slow\n"), "{release}");
    let diff = |args: &[&str]| space.shown(&space.opb(&[&["repo", "diff", "s-TAG"], args].concat()).fine().out);
    insta::assert_snapshot!(diff(&[]), @r"
    s-TAG: from generation 1 to generation 2
    DISTRO: 1 package differs
      a-TAG  all  1.0-1~SUFFIX+opb1 → 1.0-1~SUFFIX+opb2
    ");
    let told = space.opb(&["repo", "rollback", "s-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&told.out), @"published generation 3 of s-TAG: 1 package, in STORE/channels/s-TAG/current");
    insta::assert_snapshot!(diff(&["1", "3"]), @r"
    s-TAG: from generation 1 to generation 3
    no package differs
    ");
    insta::assert_snapshot!(diff(&[]), @r"
    s-TAG: from generation 2 to generation 3
    DISTRO: 1 package differs
      a-TAG  all  1.0-1~SUFFIX+opb2 → 1.0-1~SUFFIX+opb1
    ");
    let listed = space.opb(&["repo", "list", "s-TAG"]).fine().out;
    let ways: Vec<String> = listed.lines().map(|line| space.shown(&without_dates(line))).collect();
    insta::assert_snapshot!(ways.join("\n"), @r"
    * 3 UTC 1 package ~1 generation 1 again
    2 UTC 1 package ~1 generation 2 of c-TAG
    1 UTC 1 package generation 1 of c-TAG
    ");
    for (name, args) in [
        ("repo-list", &["list", "s-TAG"][..]),
        ("repo-changes", &["diff", "s-TAG"]),
        ("repo-changes", &["plan", "c-TAG"]),
    ] {
        let told = space.opb(&[&["repo"], args, &["--format", "json"]].concat()).fine().out;
        crate::space::schema::conforms(name, &serde_json::from_str(&told).expect("JSON"));
    }
    insta::assert_snapshot!(space.shown(&space.opb(&["repo", "prune", "s-TAG"]).fine().out), @"nothing to remove: 3 generations of s-TAG stay");
}

/// A line without its date.
fn without_dates(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_date = |word: &&&str| !(word.len() == 10 && word.starts_with("20") || word.contains(':') && word.len() == 5);
    words.iter().filter(is_date).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_of_the_agent_signs() {
    let Some(space) = space("agent") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    // Sockets have short paths.
    let home = tempfile::tempdir().expect("a folder");
    let gpg = |args: &[&str]| -> Ran {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", home.path())
            .args(["--batch", "--passphrase", ""])
            .args(args)
            .output()
            .expect("runs")
            .into()
    };
    gpg(&["--quick-gen-key", "opb test", "ed25519", "sign", "1d"]).fine();
    let listed = gpg(&["--with-colons", "--list-secret-keys"]).fine().out;
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).expect("a key");
    let fingerprint = fingerprint.trim_end_matches(':');
    let opb =
        |args: &[&str]| -> Ran { space.command(args).env("GNUPGHOME", home.path()).output().expect("runs").into() };
    opb(&["key", "init", "--name", "c-TAG", "--agent", fingerprint]).fine();
    assert!(opb(&["key", "list"]).fine().out.to_lowercase().contains(&fingerprint.to_lowercase()));
    space.opb(&["build", "-q"]).fine();
    opb(&["repo", "publish", "c-TAG"]).fine();
    verify(&space);
    with_apt(&space, "apt-get install -q -y --no-install-recommends a-TAG > /dev/null 2>&1 && dpkg -s a-TAG").fine();
    let _ = Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "all"]).output();
}
