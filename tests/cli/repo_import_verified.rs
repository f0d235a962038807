//! `opb repo import --verify`: packages are checked by their makers' keys, and published with ours.

use opb::distro::{Signing, SigningDigest, SigningKey};
use opb::package::rpm::{About, NewFile, make};
use opb::sign::rpm::{Keyring, PackageSigner, verify_package};
use opb::sign::{SecretKey, Signer};

use super::repo_import::{CHANNELS, space};
use super::*;

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn a_source_package_is_checked_by_its_maker_s_key() {
    let Some(space) = space() else { return };
    if ["gpgv", "sqv"].iter().all(|tool| Command::new(tool).arg("--version").output().is_err()) {
        println!("skipped: neither gpgv nor sqv is installed");
        return;
    }
    let key = || SecretKey::generate("acme", now() - 60, Some(86_400), rand::rngs::OsRng).expect("makes a key");
    let (maker, stranger) = (Signer::File(key()), Signer::File(key()));
    for (name, signer) in [("maker.asc", &maker), ("stranger.asc", &stranger)] {
        space.file(name, &signer.public_key_armored().expect("exports"));
    }
    let dsc = format!(
        "Format: 3.0 (native)\nSource: acme\nBinary: acme\nArchitecture: all\nVersion: 1:2.0\nMaintainer: Acme \
         <a@acme.example>\nChecksums-Sha256:\n {} 4 acme_2.0.tar.xz\nFiles:\n 0 4 acme_2.0.tar.xz\n",
        Sha256::of(b"tar\n")
    );
    space.file("their/acme_2.0.dsc", &maker.clear_sign(&dsc, now()).expect("signs"));
    let import = ["repo", "import", "nightly", "their/acme_2.0.dsc", "--verify"];
    let with = |key: &'static str| [&import[..], &[key]].concat();
    let mut told = space.seen(&with("maker.asc"));
    space.file("their/acme_2.0.tar.xz", "bad\n");
    told += &space.seen(&with("maker.asc"));
    space.file("their/acme_2.0.tar.xz", "tar\n");
    let refused = space.seen(&with("stranger.asc"));
    let says = "its signature does not count by the keys in `stranger.asc`";
    assert!(refused.starts_with("exit 2\n") && refused.contains(says), "{refused}");
    told += &space.seen(&with("maker.asc"));
    insta::assert_snapshot!(told, @r#"
    exit 2
    --- stderr
    opb::repo_import::source

      × `acme_2.0.dsc` names `acme_2.0.tar.xz`, and there is no such file beside it
      help: put all files of the source package into the folder of its `.dsc`
    exit 2
    --- stderr
    opb::repo_import::source

      × `acme_2.0.dsc` names `acme_2.0.tar.xz`, and the one beside it is another
      help: put all files of the source package into the folder of its `.dsc`
    exit 0
    --- stdout
    imported  acme 1:2.0 source into nightly for mirage-1
              signed by [DIGEST]
    opb.imports.toml is written; `opb build` and `opb repo publish nightly` take it over
    "#);
    space.publish("nightly");
    assert_eq!(space.published("nightly", "pool/main/a/acme/acme_2.0.tar.xz"), b"tar\n");
    let rows = space.stdout(&["repo", "diff", "nightly"]);
    assert!(rows.contains("acme  source  new 2.0 (imported)"), "{rows}");
}

#[test]
fn a_foreign_signature_is_checked_and_gives_way_to_ours() {
    let space = rpm::space();
    fs::remove_file(space.path("recipes/logax.rhai")).expect("removed");
    space.file("opb.toml", CHANNELS);
    // Such keys are made in no time.
    let distro = fs::read_to_string(space.path("distros/mirror-9.rhai")).expect("there");
    space.file("distros/mirror-9.rhai", &distro.replace("key: \"rsa\"", "key: \"ed25519\""));
    space.stdout(&["key", "init", "--name", "nightly"]);
    let about = About {
        name: "acme-agent",
        version: "2.0",
        release: "1",
        summary: "their agent",
        description: "their agent",
        license: "MIT",
        packager: "Acme <a@acme.example>",
    };
    let file = NewFile { path: "/usr/share/acme/said".to_owned(), bytes: b"one\n".to_vec(), is_config: false };
    let package = make(&about, &[file], 1_700_000_000).expect("made");
    let key = || SecretKey::generate("acme", now() - 60, Some(86_400), rand::rngs::OsRng).expect("makes a key");
    let (maker, stranger) = (Signer::File(key()), Signer::File(key()));
    let signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha256 };
    let mut signed = Vec::new();
    PackageSigner::new(&maker, &signing, now()).expect("ready").sign(&package[..], &mut signed).expect("signs");
    fs::write(space.path("acme.rpm"), &signed).expect("written");
    let mut cut = signed.clone();
    let end = cut.len() - 3;
    cut[end] ^= 1;
    fs::write(space.path("damaged.rpm"), &cut).expect("written");
    for (name, signer) in [("maker.asc", &maker), ("stranger.asc", &stranger)] {
        space.file(name, &signer.public_key_armored().expect("exports"));
    }
    let refused = space.seen(&["repo", "import", "nightly", "acme.rpm", "--verify", "stranger.asc"]);
    let says = "its signature does not count by the keys in `stranger.asc`";
    assert!(refused.starts_with("exit 2\n") && refused.contains(says), "{refused}");
    let damaged = space.seen(&["repo", "import", "nightly", "damaged.rpm"]);
    assert!(damaged.contains("the package is damaged: its payload has another SHA-256 than it says"), "{damaged}");
    let area = space.seen(&["repo", "import", "nightly", "acme.rpm", "--area", "contrib"]);
    assert!(area.contains("leave `--area` out: repositories of `.rpm` packages have none"), "{area}");
    let seen = space.seen(&["repo", "import", "nightly", "acme.rpm", "--verify", "maker.asc"]);
    insta::assert_snapshot!(seen, @r#"
    exit 0
    --- stdout
    imported  acme-agent 2.0-1 all into nightly for mirror-9
              signed by [DIGEST]
    opb.imports.toml is written; `opb build` and `opb repo publish nightly` take it over
    "#);
    space.publish("nightly");
    // Promotion carries it, signed by the key of the other channel.
    space.stdout(&["key", "init", "--name", "stable"]);
    space.file("opb.toml", &CHANNELS.replace("key = \"nightly\"\n", ""));
    space.publish("stable");
    space.stdout(&["repo", "promote", "nightly", "stable"]);
    for (channel, other) in [("nightly", "stable"), ("stable", "nightly")] {
        let key = |name: &str| space.stdout(&["key", "export", name]).into_bytes();
        let folder = space.path(&format!("store/channels/{channel}/current/rpm/mirror-9/x86_64/Packages"));
        let found =
            Command::new("find").arg(&folder).args(["-name", "acme-agent-2.0-1.noarch.rpm"]).output().expect("runs");
        let path = String::from_utf8(found.stdout).expect("text");
        let published = fs::read(path.trim_end()).expect("published");
        let believed = |bytes: Vec<u8>| {
            let keyring = Keyring::of([("key", &bytes[..])], now()).expect("a keyring");
            verify_package(&keyring, &published[..]).is_ok()
        };
        assert!(believed(key(channel)) && !believed(key(other)));
        assert!(!believed(maker.public_key_armored().expect("exports").into_bytes()), "one signature, ours");
    }
    let rows = space.stdout(&["repo", "diff", "stable"]);
    assert!(rows.contains("acme-agent  noarch  new 2.0-1 (imported)"), "{rows}");
}
