//! `opb key import`: what is taken as a key, and what is not.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use pgp::composed::Deserializable as _;
use pgp::ser::Serialize as _;

use super::*;

/// A home of GnuPG's with a key made of these words; `None`, with the cause printed, where there is no gpg.
struct Gnupg(tempfile::TempDir);

impl Gnupg {
    fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            eprintln!("skipped: `gpg` is not installed");
            return None;
        }
        let home = tempfile::tempdir().expect("made");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).expect("set");
        Some(Self(home))
    }

    fn gpg(&self, passphrase: &str, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.0.path()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        let output = command.arg("--passphrase").arg(passphrase).args(args).output().expect("runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn secret(&self, user: &str, kind: &str, usage: &str, passphrase: &str, more: &[&str]) -> Vec<u8> {
        self.gpg(passphrase, &[more, &["--quick-generate-key", user, kind, usage, "0"]].concat());
        self.gpg(passphrase, &["--armor", "--export-secret-keys", user])
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).output();
    }
}

fn import(space: &Space, name: &str, bytes: &[u8]) -> String {
    fs::write(space.path("secret.asc"), bytes).expect("written");
    space.seen(&["key", "import", name, "secret.asc"])
}

#[test]
fn what_gpg_exports_is_taken() {
    let Some(gnupg) = Gnupg::new() else { return };
    let space = Space::two();
    let armored = gnupg.secret("one", "ed25519", "sign", "", &[]);
    insta::assert_snapshot!(import(&space, "nightly", &armored), @r###"
    exit 0
    --- stdout
    key nightly [DIGEST] in [HERE]/home/.config/opb/keys/nightly.key
    "###);
    let path = space.folder.path().join("home/.config/opb/keys/nightly.key");
    assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    insta::assert_snapshot!(import(&space, "nightly", &armored), @r###"
    exit 2
    --- stderr
    opb::sign::exists

      × there is a signing key `[HERE]/home/.config/opb/keys/nightly.key` already
      help: choose another name, or move the old key away if it is not used any more
    "###);
    // Binary, from the standard input, with a passphrase that it keeps.
    gnupg.secret("two", "rsa2048", "sign", "word", &[]);
    let binary = gnupg.gpg("word", &["--export-secret-keys", "two"]);
    let mut command = space.command(&["key", "import", "vendor", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("runs");
    child.stdin.take().expect("piped").write_all(&binary).expect("written");
    assert!(child.wait().expect("ends").success());
    let status = space.stdout(&["key", "status", "vendor"]);
    assert!(status.contains("  kind         rsa2048, with a passphrase\n"), "{status}");
    let credentials = space.folder.path().join("credentials");
    fs::create_dir(&credentials).expect("made");
    fs::write(credentials.join("opb-key-vendor"), "word\n").expect("written");
    space.file("opb.toml", "[channel.nightly]\nkey = \"vendor\"\n");
    let seen = space.seen_of(space.command(&["repo", "publish"]).env("CREDENTIALS_DIRECTORY", &credentials));
    assert!(seen.contains("is not built"), "{seen}");
}

#[test]
fn what_is_not_taken() {
    let space = Space::two();
    space.stdout(&["key", "init", "--name", "own"]);
    let public = space.stdout(&["key", "export", "own"]);
    insta::assert_snapshot!(import(&space, "nightly", public.as_bytes()), @r###"
    exit 2
    --- stderr
    opb::key::not_secret

      × `secret.asc` does not hold an OpenPGP secret key that can be read
      help: export one with `gpg --export-secret-keys --armor FINGERPRINT`; a public key signs nothing
    "###);
    insta::assert_snapshot!(space.seen(&["key", "import", "nightly", "absent.asc"]), @r###"
    exit 2
    --- stderr
    opb::key::read

      × cannot read `absent.asc`
      ╰─▶ No such file or directory (os error 2)
      help: name the file that holds the secret key, or `-` for the standard input
    "###);
    let own = fs::read_to_string(space.folder.path().join("home/.config/opb/keys/own.key")).expect("there");
    space.stdout(&["key", "init", "--name", "other"]);
    let other = fs::read_to_string(space.folder.path().join("home/.config/opb/keys/other.key")).expect("there");
    let binary = |armored: &str| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut pgp::armor::Dearmor::new(armored.as_bytes()), &mut bytes).expect("reads");
        bytes
    };
    insta::assert_snapshot!(import(&space, "nightly", &[binary(&own), binary(&other)].concat()), @r###"
    exit 2
    --- stderr
    opb::key::several

      × `secret.asc` holds several keys
      help: export the one that is to sign: `gpg --export-secret-keys --armor FINGERPRINT`
    "###);
    // As much memory as a file wants is not taken.
    let mut greedy = pgp::composed::SignedSecretKey::from_bytes(&binary(&own)[..]).expect("reads");
    let argon = pgp::types::S2kParams::Aead {
        sym_alg: pgp::crypto::sym::SymmetricKeyAlgorithm::AES256,
        aead_mode: pgp::crypto::aead::AeadAlgorithm::Ocb,
        s2k: pgp::types::StringToKey::Argon2 { salt: [7; 16], t: 17, p: 1, m_enc: 4 },
        nonce: vec![1; 15].into(),
    };
    greedy.primary_key.set_password_with_s2k(&"word".into(), argon).expect("locks");
    insta::assert_snapshot!(import(&space, "nightly", &greedy.to_bytes().expect("writes")), @r###"
    exit 2
    --- stderr
    opb::key::protection

      × the passphrase of the key in `secret.asc` protects it in a way that is not read here
      help: set it again with `gpg --edit-key FINGERPRINT passwd`, and export the key again
    "###);
    let seen = import(&space, "nightly", &vec![b'x'; 2 << 20]);
    assert!(seen.contains("opb::key::not_secret"), "{seen}");
    assert_eq!(space.stdout(&["key", "list"]).lines().count(), 2);
}

#[test]
fn weak_keys_are_not_taken() {
    let Some(gnupg) = Gnupg::new() else { return };
    let space = Space::two();
    let dsa = gnupg.secret("dsa", "dsa2048", "sign", "", &[]);
    insta::assert_snapshot!(import(&space, "nightly", &dsa), @r###"
    exit 2
    --- stderr
    opb::key::unfit

      × the key [DIGEST] is not taken: it is a DSA key, a kind that newer programs refuse
      help: take another one, or make one with `opb key init`
    "###);
    let short = gnupg.secret("short", "rsa1024", "sign", "", &[]);
    insta::assert_snapshot!(import(&space, "nightly", &short), @r###"
    exit 2
    --- stderr
    opb::key::unfit

      × the key [DIGEST] is not taken: it is an RSA key of only 1024 bits
      help: take another one, or make one with `opb key init`
    "###);
    let old = gnupg.secret("old", "rsa2048", "sign", "", &["--cert-digest-algo", "SHA1"]);
    insta::assert_snapshot!(import(&space, "nightly", &old), @r###"
    exit 2
    --- stderr
    opb::key::unfit

      × the key [DIGEST] is not taken: it has no valid signature of its own (SHA-1 and MD5 do not count)
      help: take another one, or make one with `opb key init`
    "###);
    let certifies = gnupg.secret("certifies", "ed25519", "cert", "", &[]);
    insta::assert_snapshot!(import(&space, "nightly", &certifies), @r###"
    exit 2
    --- stderr
    opb::key::unfit

      × the key [DIGEST] is not taken: it is not meant for signing
      help: take another one, or make one with `opb key init`
    "###);
    assert_eq!(space.stdout(&["key", "list"]), "");
    // The same where gpg-agent has it.
    let listed = String::from_utf8(gnupg.gpg("", &["--with-colons", "--list-keys", "dsa"])).expect("text");
    let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("listed");
    let fingerprint = line.split(':').nth(9).expect("a field");
    let mut command = space.command(&["key", "init", "--agent", fingerprint]);
    let seen = space.seen_of(command.env("GNUPGHOME", gnupg.0.path()));
    assert!(seen.contains("is not taken: it is a DSA key, a kind that newer programs refuse"), "{seen}");
}
