//! Several keys that sign one text: each client verifies it with the keys that it knows.

use super::*;

fn pair() -> (Signers, [Signer; 2]) {
    // Of both kinds, since each names its own hash and length.
    let other = || Signer::File(keys::rsa_at(1_700_000_000));
    (Signers::new(signer(1), vec![other()]), [signer(1), other()])
}

/// Whether `tool` finds `text`, with the signature beside it, signed as by the keys in `keyring`.
fn detached_verifies(tool: Tool, text: &str, signature: &str, keyring: &std::path::Path) -> bool {
    let scratch = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| scratch.path().join(name);
    std::fs::write(path("text"), text).expect("writes");
    std::fs::write(path("text.asc"), signature).expect("writes");
    let mut command = Command::new(tool.as_str());
    command.arg("--keyring").arg(keyring).arg(path("text.asc")).arg(path("text"));
    let output = command.output().expect("runs");
    // gpgv fails where one signature is by a key that it does not have; apt, which reads what it says, does not.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success() || tool == Tool::Gpgv && said.contains("Good signature") && !said.contains("BAD")
}

#[test]
fn each_key_s_signature_verifies_alone() {
    let (signers, [old, new]) = pair();
    let (clear, detached) =
        (signers.clear_sign(TEXT, NOW).expect("signs"), signers.detached(TEXT, NOW).expect("signs"));
    let blocks = |text: &str| text.lines().filter(|line| line.starts_with("-----BEGIN")).count();
    assert_eq!((blocks(&clear), blocks(&detached)), (2, 1), "the text's own block, and one of signatures");
    let stranger = signer(9);
    for tool in tools() {
        for keys in [&[&old][..], &[&new], &[&old, &new]] {
            let keyring = keyring(keys);
            let verified = verify_with(tool, clear.as_bytes(), keyring.path(), NOW + 1).expect("verifies");
            assert_eq!(verified.text, SIGNED);
            let mut expected: Vec<String> = keys.iter().map(|key| key.fingerprint()).collect();
            let mut found = verified.signers;
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{tool:?}");
            assert!(detached_verifies(tool, TEXT, &detached, keyring.path()), "{tool:?}");
        }
        let strange = keyring(&[&stranger]);
        verify_with(tool, clear.as_bytes(), strange.path(), NOW + 1).expect_err("is a stranger's");
        assert!(!detached_verifies(tool, TEXT, &detached, strange.path()));
        assert!(!detached_verifies(tool, "other", &detached, keyring(&[&old, &new]).path()));
    }
}

#[test]
fn one_key_signs_as_it_does_alone() {
    let signers = Signers::one(signer(1));
    let alone = signer(1);
    assert_eq!(signers.clear_sign(TEXT, NOW).expect("signs"), alone.clear_sign(TEXT, NOW).expect("signs"));
    assert_eq!(signers.detached(TEXT, NOW).expect("signs"), alone.detached(TEXT, NOW).expect("signs"));
    assert_eq!(signers.fingerprints(), [alone.fingerprint()]);
    assert_eq!(signers.public_keys_armored().expect("exports"), alone.public_key_armored().expect("exports"));
    assert_eq!(signers.public_keys_binary().expect("exports"), alone.public_key_binary().expect("exports"));
    assert_eq!(signers.main().fingerprint(), alone.fingerprint());
}

#[test]
fn all_public_keys_are_in_one_block() {
    let (signers, [old, new]) = pair();
    assert_eq!(signers.fingerprints(), [old.fingerprint(), new.fingerprint()]);
    let binary = [old.public_key_binary().expect("exports"), new.public_key_binary().expect("exports")].concat();
    assert_eq!(signers.public_keys_binary().expect("exports"), binary);
    let armored = signers.public_keys_armored().expect("exports");
    assert_eq!(armored.matches("-----BEGIN").count(), 1, "{armored}");
    let read = Keyring::of(armored.into_bytes()).expect("reads");
    assert_eq!(read.bytes(), binary);
}

/// rpm takes both keys of the one block, and with either of them a text's or package's signature.
#[test]
fn rpm_imports_both_keys() {
    if !has("rpm") {
        return;
    }
    let (signers, [old, new]) = pair();
    let scratch = tempfile::tempdir().expect("temporary folder");
    let file = scratch.path().join("both.asc");
    std::fs::write(&file, signers.public_keys_armored().expect("exports")).expect("writes");
    let rpm = |arguments: &[&str]| {
        let database = format!("_dbpath {}", scratch.path().join("db").display());
        let output = Command::new("rpm").args(["--define", &database]).args(arguments).output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    rpm(&["--import", file.to_str().expect("plain")]);
    let held = rpm(&["-q", "gpg-pubkey", "--qf", "%{version}\n"]);
    for key in [old, new] {
        let id = key.fingerprint()[32..].to_ascii_lowercase();
        assert!(held.contains(&id), "{id} is not in\n{held}");
    }
}

#[test]
fn one_of_several_that_does_not_sign_is_caught() {
    let (mut broken, other) = (key(3, 1_700_000_000, None), key(4, NOW, None));
    broken.secret = other.secret;
    let broken = Signer::File(broken);
    let said = format!("the signature that the key {} made does not verify", broken.fingerprint());
    let signers = Signers::new(signer(1), vec![broken]);
    assert_eq!(signers.clear_sign(TEXT, NOW).expect_err("is caught").to_string(), said);
    assert_eq!(signers.detached(TEXT, NOW).expect_err("is caught").to_string(), said);
    let late = Signers::new(signer(1), vec![Signer::File(key(3, NOW + 10, None))]);
    let said = late.clear_sign(TEXT, NOW).expect_err("is from the future").to_string();
    assert!(said.starts_with(&format!("signing with the key {}, which ", late.fingerprints()[1])), "{said}");
}

#[test]
fn what_is_signed_must_not_outlive_a_key() {
    let (ends, now) = (1_700_000_000 + 3 * YEAR, NOW - 30 * 86_400);
    let brief = || Signer::File(key(3, 1_700_000_000, Some(3 * YEAR)));
    for signers in
        [Signers::one(brief()), Signers::new(signer(1), vec![brief()]), Signers::new(brief(), vec![signer(1)])]
    {
        signers.check_until(now, ends).expect("holds");
        let error = signers.check_until(now, ends + 86_400).expect_err("ends before");
        let said = error.to_string().replace(&brief().fingerprint(), "KEY");
        assert_eq!(said, "the key KEY ends on 2026-11-13, before 2026-11-14, until which what it signs must hold");
        assert_eq!(error.fault(), Cause::Environment);
        let help = miette::Diagnostic::help(&error).expect("has help").to_string();
        assert!(help.starts_with("begin a rotation with `opb key rotate NAME`"), "{help}");
    }
    let error = Signers::one(brief()).check_until(now, ends + 1).expect_err("ends before");
    let said = error.to_string().replace(&brief().fingerprint(), "KEY");
    assert_eq!(
        said,
        "the key KEY ends on 2026-11-13T22:13:20Z, before 2026-11-13T22:13:21Z, until which what it signs must hold"
    );
    Signers::one(signer(1)).check_until(NOW, u64::MAX).expect("never ends");
    let error = Signers::one(brief()).check_until(ends + 1, ends + 2).expect_err("has ended");
    let said = error.to_string().replace(&brief().fingerprint(), "KEY");
    assert_eq!(said, "signing with the key KEY, which expired at 2026-11-13T22:13:20Z");
}

/// No signature is made with a hash that can be forged, whatever the kind of key.
#[test]
fn hashes_are_strong() {
    use pgp::composed::{Deserializable as _, DetachedSignature};
    for signer in [signer(1), Signer::File(keys::rsa_at(1_700_000_000))] {
        let made = signer.detached(TEXT, NOW).expect("signs");
        let (read, _) = DetachedSignature::from_armor_single(made.as_bytes()).expect("reads");
        assert_eq!(read.signature.hash_alg(), Some(HashAlgorithm::Sha256));
    }
}
