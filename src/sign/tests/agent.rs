//! Keys in gpg-agent.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

/// A folder of GnuPG's, whose agent ends with it.
pub(super) struct Home(tempfile::TempDir);

impl Home {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().expect("temporary folder");
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).expect("sets");
        // Nobody is there to answer: a question is a refusal.
        std::fs::write(home.path().join("gpg-agent.conf"), "pinentry-program /bin/false\n").expect("writes");
        Self(home)
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(super) fn gpg(&self, arguments: &[&str]) {
        let run = Command::new("gpg")
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--batch", "--quiet"])
            .args(arguments)
            .output();
        let run = run.expect("runs");
        assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    }

    pub(super) fn make(&self, user: &str, kind: &str, passphrase: &str) -> String {
        self.gpg(&[
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            passphrase,
            "--quick-generate-key",
            user,
            kind,
            "cert,sign",
            "0",
        ]);
        let listed = Command::new("gpg")
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--with-colons", "--list-keys", user])
            .output();
        let listed = String::from_utf8(listed.expect("runs").stdout).expect("text");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("has a fingerprint");
        line.split(':').nth(9).expect("field").to_owned()
    }

    pub(super) fn end_agent(&self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "gpg-agent"]).output();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end_agent();
    }
}

#[test]
fn gpg_agent_signs() {
    if !has("gpg") || !has("gpg-agent") || !has("gpgconf") {
        return;
    }
    let home = Home::new();
    for kind in ["ed25519", "rsa2048", "nistp256"] {
        let fingerprint = home.make(kind, kind, "");
        if kind == "rsa2048" {
            home.gpg(&[
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
                "--quick-add-key",
                &fingerprint,
                "ed25519",
                "sign",
            ]);
        }
        // The agent is started again where it is gone.
        home.end_agent();
        let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.0.path())).expect("is there"));
        assert_eq!(signer.fingerprint(), fingerprint);
        let text = signer.clear_sign(TEXT, clock()).expect("signs");
        signer.detached(TEXT, clock()).expect("signs");
        for tool in tools() {
            let verified = verify_with(tool, text.as_bytes(), keyring(&[&signer]).path(), clock()).expect("verifies");
            assert_eq!(verified.text, SIGNED);
            if kind != "rsa2048" {
                assert_eq!(verified.signers, std::slice::from_ref(&fingerprint));
            }
        }
        assert_eq!(
            signer.public_key_binary().expect("exports").first(),
            Some(if kind == "rsa2048" { &0x99 } else { &0x98 })
        );
    }
    let locked = home.make("locked", "ed25519", "word");
    home.end_agent();
    let signer = Signer::Agent(AgentKey::find(&locked, Some(home.0.path())).expect("is there"));
    let error = signer.clear_sign(TEXT, clock()).expect_err("asks for a passphrase that nobody gives");
    assert!(error.to_string().starts_with("gpg-agent did not sign: "), "{error}");
    let error = AgentKey::find(&"A".repeat(40), Some(home.0.path())).expect_err("is unknown");
    assert_eq!(error.to_string(), format!("gpg knows no key {}", "A".repeat(40)));

    // The public key alone is not enough.
    let other = Home::new();
    let file = keyring(&[&signer]);
    other.gpg(&["--import", file.path().to_str().expect("plain")]);
    let signer = Signer::Agent(AgentKey::find(&locked, Some(other.0.path())).expect("is there"));
    let error = signer.clear_sign(TEXT, clock()).expect_err("has no secret");
    assert_eq!(error.to_string(), format!("gpg-agent holds no secret part of the key {locked} that may sign"));
}
