//! What gpgv and sqv say to what is signed here.

use std::path::Path;
use std::process::Command;

use super::*;

#[test]
fn gpgv_and_sqv_accept_what_is_signed_here() {
    let signer = signer(1);
    let text = signer.clear_sign(TEXT, 1_700_000_100).expect("signs");
    assert_eq!(text, signer.clear_sign(TEXT, 1_700_000_100).expect("signs"), "the same bytes each time");
    let binary = keyring(&[&signer]);
    let armored = tempfile::NamedTempFile::new().expect("temporary file");
    let two = [self::signer(2).public_key_armored().expect("exports"), signer.public_key_armored().expect("exports")];
    std::fs::write(armored.path(), two.concat()).expect("writes");
    for tool in tools() {
        for keyring in [binary.path(), armored.path()] {
            let verified = verify_with(tool, text.as_bytes(), keyring, NOW).expect("verifies");
            assert_eq!(verified.text, SIGNED);
            assert_eq!(verified.signers, [signer.fingerprint()]);
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("Release"), TEXT).expect("writes");
        std::fs::write(folder.path().join("Release.gpg"), signer.detached(TEXT, 1_700_000_100).expect("signs"))
            .expect("writes");
        let status = Command::new(tool.as_str())
            .arg("--keyring")
            .arg(binary.path())
            .args(["Release.gpg", "Release"])
            .current_dir(folder.path())
            .output()
            .expect("runs");
        assert!(status.status.success(), "{tool:?}: {}", String::from_utf8_lossy(&status.stderr));
    }
    let keys = Keyring::read(binary.path()).expect("reads");
    assert!(verify_inrelease(text.as_bytes(), &keys, NOW).is_ok() || tools().is_empty());
}

#[test]
fn changed_texts_and_strangers_are_refused() {
    let (signer, stranger) = (signer(1), signer(2));
    let (ours, theirs) = (keyring(&[&signer]), keyring(&[&stranger]));
    let text = signer.clear_sign(TEXT, 1_700_000_100).expect("signs");
    let flipped = text.replace("Suite: x", "Suite: y");
    let short = &signer.fingerprint()[24..];
    for tool in tools() {
        let bad = verify_with(tool, flipped.as_bytes(), ours.path(), NOW).expect_err("is changed");
        let unknown = verify_with(tool, text.as_bytes(), theirs.path(), NOW).expect_err("is unknown");
        assert_eq!(bad.to_string(), format!("the signature by the key {short} does not fit the text"));
        assert_eq!(unknown.to_string(), format!("the text is signed by {short}, and the keyring has no such key"));
        let error =
            verify_with(tool, format!("{text}Evil: yes\n").as_bytes(), ours.path(), NOW).expect_err("is refused");
        assert_eq!(error.to_string(), "checking a signature: there is text outside the signed block");
        let error = verify_with(tool, b"<html>", ours.path(), NOW).expect_err("is refused");
        assert_eq!(error.to_string(), "checking a signature: the text is not signed");
        let error = verify_with(tool, text.replace("Hash: SHA256", "Comment: x").as_bytes(), ours.path(), NOW);
        let said = "checking a signature: the text is damaged, its header holds more than `Hash`";
        assert_eq!(error.expect_err("is refused").to_string(), said);
        let error =
            verify_with(tool, text.as_bytes(), Path::new("/nonexistent/keys.gpg"), NOW).expect_err("is refused");
        assert_eq!(error.to_string(), "reading the keyring `/nonexistent/keys.gpg`");
        assert_eq!(error.fault(), Cause::Environment);
    }
    assert_eq!(VerifyError::NoTool.to_string(), "checking a signature: neither `gpgv` nor `sqv` is installed");
}

#[test]
fn several_signatures() {
    if !has("gpgv") {
        return;
    }
    let at = 1_700_000_000;
    let (good, unknown, expired) = (key(1, at, None), key(2, at, None), key(3, at, Some(1_000)));
    let id = |key: &SecretKey| certificate::fingerprint(&key.public)[24..].to_owned();
    let (good_id, unknown_id, expired_id) = (id(&good), id(&unknown), id(&expired));
    let text = signed_by(&[(&unknown, SIGNED), (&good, SIGNED), (&expired, SIGNED)]);
    let bad = signed_by(&[(&good, SIGNED), (&expired, "other")]);
    let only_expired = signed_by(&[(&expired, SIGNED)]);
    let (good, expired) = (Signer::File(good), Signer::File(expired));
    let ring = keyring(&[&good, &expired]);
    let verified = verify_with(Tool::Gpgv, text.as_bytes(), ring.path(), NOW).expect("one is good");
    assert_eq!(verified.signers, [good.fingerprint()]);
    assert_eq!((verified.unknown, verified.expired), (vec![unknown_id], vec![expired_id.clone()]));
    let error = verify_with(Tool::Gpgv, bad.as_bytes(), ring.path(), NOW).expect_err("one is bad");
    assert_eq!(error.to_string(), format!("the signature by the key {expired_id} does not fit the text"));
    let error = verify_with(Tool::Gpgv, only_expired.as_bytes(), ring.path(), NOW).expect_err("is expired");
    assert_eq!(error.to_string(), format!("the text is signed by the key {expired_id}, which is expired"));
    assert_ne!(good_id, expired_id);
    if has("sqv") {
        let verified = verify_with(Tool::Sqv, text.as_bytes(), ring.path(), NOW).expect("one is good");
        assert_eq!(verified.signers, [good.fingerprint()]);
        assert_eq!(verified.expired, [expired.fingerprint()]);
        let error = verify_with(Tool::Sqv, only_expired.as_bytes(), ring.path(), NOW).expect_err("is expired");
        let said = format!("the text is signed by the key {}, which is expired", expired.fingerprint());
        assert_eq!(error.to_string(), said);
        assert!(verify_with(Tool::Sqv, only_expired.as_bytes(), ring.path(), 1_700_000_999).is_ok(), "it was not then");
    }
}

#[test]
fn the_distribution_s_own_release_file_verifies() {
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let lists = std::fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten();
    let ours = |path: &PathBuf| {
        path.to_string_lossy().contains("_debian_dists_") && path.to_string_lossy().ends_with("InRelease")
    };
    let Some(file) = lists.map(|entry| entry.path()).find(ours).filter(|_| keyring.exists()) else {
        return eprintln!("skipped: this machine has no release file of Debian, or not its keyring");
    };
    let text = std::fs::read(&file).expect("reads");
    for tool in tools() {
        let verified = verify_with(tool, &text, keyring, clock()).expect("verifies");
        assert!(verified.text.starts_with("Origin: Debian\n") && verified.text.ends_with('\n'));
        assert!(!verified.signers.is_empty());
    }
}

#[test]
fn keyrings_hold_keys() {
    let signer = signer(1);
    let armored = signer.public_key_armored().expect("exports");
    let keys = Keyring::of(signer.public_key_binary().expect("exports")).expect("binary");
    assert_eq!(Keyring::of(armored.clone().into_bytes()).expect("armored"), keys);
    // What people copy from a page.
    assert_eq!(Keyring::of(format!("The key of Example:\n\n{armored}\n").into_bytes()).expect("armored"), keys);
    let error = |bytes: &[u8]| Keyring::of(bytes.to_vec()).expect_err("none").to_string();
    assert_eq!(error(b""), "it is empty");
    assert_eq!(error(b"<html>"), "it holds no public key");
    let damaged = armored.replacen("\n\n", "\n\n!", 1);
    assert_eq!(error(damaged.as_bytes()), "its armor is damaged");
}
