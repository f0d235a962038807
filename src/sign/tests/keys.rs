//! Key files, and keys that may not sign.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cap_std::ambient_authority;
use pgp::composed::{SignedKeyDetails, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PacketTrait as _, PubKeyInner, RevocationCode, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{KeyDetails as _, KeyVersion, PacketHeaderVersion, Password, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

#[test]
fn key_files_are_private() {
    let scratch = tempfile::tempdir().expect("temporary folder");
    let path = scratch.path().join("opb/keys");
    let folder = KeyFolder::open_or_create(&path, ambient_authority()).expect("makes it");
    let mode = |path: &Path| std::fs::metadata(path).expect("is there").permissions().mode() & 0o7777;
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("sets");
    assert_eq!(mode(&path), 0o700);
    let made = key(1, NOW, None);
    let file = folder.save("nightly", &made).expect("saves");
    assert_eq!((mode(&file), file.clone()), (0o600, path.join("nightly.key")));
    let read = folder.load("nightly").expect("loads");
    assert_eq!(read.secret, made.secret);
    assert_eq!(format!("{read:?}"), format!("SecretKey({})", certificate::fingerprint(&made.public)));

    let shown = |error: SignError| error.to_string().replace(&path.display().to_string(), "KEYS");
    assert_eq!(
        shown(folder.save("nightly", &made).expect_err("exists")),
        "there is a signing key `KEYS/nightly.key` already"
    );
    assert_eq!(shown(folder.load("other").expect_err("is not there")), "there is no signing key `KEYS/other.key`");
    assert_eq!(shown(folder.load("../x").expect_err("is no name")), "`../x` is not a name for a key");
    set(&file, 0o640);
    let error = folder.load("nightly").expect_err("is open");
    assert_eq!(shown(error), "`KEYS/nightly.key` can be read or changed by others (its mode is 0640)");
    set(&path, 0o755);
    let error = KeyFolder::open_or_create(&path, ambient_authority()).expect_err("is open");
    assert_eq!(shown(error), "`KEYS` can be read or changed by others (its mode is 0755)");
    for content in [&b""[..], b"secret", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n", b"\x94\xff\xff"] {
        let file = path.join("broken.key");
        std::fs::write(&file, content).expect("writes");
        set(&file, 0o600);
        let error = folder.load("broken").expect_err("is no key");
        assert_eq!(shown(error), "`KEYS/broken.key` does not hold an OpenPGP secret key");
    }
    let mut locked = key(2, NOW, None);
    locked.secret.primary_key.set_password(StdRng::seed_from_u64(1), &"word".into()).expect("locks");
    folder.save("locked", &locked).expect("saves");
    let error = folder.load("locked").expect_err("is locked");
    assert_eq!(shown(error), "the signing key `KEYS/locked.key` wants a passphrase");
}

#[test]
fn what_cannot_be_made() {
    for user_id in ["", "  ", "a\nb", &"x".repeat(201)] {
        let error = SecretKey::generate(user_id, NOW, None, StdRng::seed_from_u64(1)).expect_err("is refused");
        assert_eq!(error.to_string(), format!("`{}` cannot be the user id of a key", user_id.trim().escape_debug()));
    }
    for (now, lasts) in [(u64::MAX, None), (NOW, Some(u64::MAX)), (NOW, Some(4_000_000_000))] {
        let error = SecretKey::generate("x", now, lasts, StdRng::seed_from_u64(1)).expect_err("is refused");
        assert!(error.to_string().starts_with("signing at the time "), "{error}");
        assert!(error.to_string().ends_with(", which OpenPGP has no number for"), "{error}");
    }
    for text in ["", "--help", "ABCD", "X".repeat(40).as_str()] {
        let error = AgentKey::find(text, None).expect_err("is refused");
        assert_eq!(error.to_string(), format!("`{text}` is not a fingerprint of 40 hexadecimal digits"));
    }
}

/// Why the key does not sign at `time`.
fn refusal(key: SecretKey, time: u64) -> String {
    let signer = Signer::File(key);
    let error = signer.clear_sign(TEXT, time).expect_err("is refused");
    assert_eq!(error.to_string(), signer.check(time).expect_err("is refused").to_string());
    let detached = signer.detached(TEXT, time).expect_err("is refused");
    assert_eq!(error.to_string(), detached.to_string());
    error.to_string().replace(&signer.fingerprint(), "KEY")
}

#[test]
fn keys_that_may_not_sign() {
    let brief = || key(1, NOW, Some(2 * YEAR));
    assert!(Signer::File(brief()).check(NOW + 2 * YEAR - 1).is_ok());
    assert_eq!(refusal(brief(), NOW + 2 * YEAR), "signing with the key KEY, which expired at 2028-11-20T10:00:00Z");
    assert_eq!(
        refusal(brief(), NOW - 1),
        "signing with the key KEY, which has no valid signature of its own (SHA-1 and MD5 do not count)"
    );

    let key = key(1, 1_700_000_000, None);
    let text = signed_by(&[(&key, SIGNED)]);
    let owner = Signer::File(revoked(key));
    for tool in tools() {
        let error = verify_with(tool, text.as_bytes(), keyring(&[&owner]).path(), NOW + 2).expect_err(tool.as_str());
        let said = format!("the text is signed by the key {}, which is revoked", &owner.fingerprint()[24..]);
        assert_eq!(error.to_string(), said);
    }
    let Signer::File(revoked) = owner else { panic!("another signer") };
    assert_eq!(refusal(revoked, NOW + 1), "signing with the key KEY, which is revoked");

    assert_eq!(
        refusal(rsa(2048, HashAlgorithm::Sha1, true), NOW),
        "signing with the key KEY, which has no valid signature of its own (SHA-1 and MD5 do not count)"
    );
    assert_eq!(
        refusal(rsa(1024, HashAlgorithm::Sha256, true), NOW),
        "signing with the key KEY, which is an RSA key of only 1024 bits"
    );
    assert_eq!(
        refusal(rsa(2048, HashAlgorithm::Sha256, false), NOW),
        "signing with the key KEY, which is not meant for signing"
    );
    let signer = Signer::File(rsa(2048, HashAlgorithm::Sha256, true));
    assert!(signer.clear_sign(TEXT, NOW).is_ok());
}

/// A subkey without its own consent could be anybody's: it signs nothing, and with it a key that only certifies.
#[test]
fn a_subkey_is_bound_both_ways() {
    for consents in [true, false] {
        let mut key = rsa(2048, HashAlgorithm::Sha256, false);
        let donor = self::key(1, NOW, None);
        let pgp::types::PublicParams::EdDSALegacy(params) = donor.public.primary_key.public_params().clone() else {
            panic!("another kind of key")
        };
        let algorithm = pgp::crypto::public_key::PublicKeyAlgorithm::EdDSALegacy;
        let params = pgp::types::PublicParams::EdDSALegacy(params);
        let created = donor.public.primary_key.created_at();
        let inner = PubKeyInner::new(KeyVersion::V4, algorithm, created, None, params).expect("fits");
        let public = pgp::packet::PublicSubkey::from_inner(inner).expect("fits");
        let secret = donor.secret.primary_key.secret_params().clone();
        let subkey = pgp::packet::SecretSubkey::new(public, secret).expect("fits");
        let primary = &key.secret.primary_key;
        let rng = StdRng::seed_from_u64(1);
        let mut hashed = vec![
            SubpacketData::SignatureCreationTime(created),
            SubpacketData::IssuerFingerprint(primary.fingerprint()),
        ];
        let mut flags = KeyFlags::default();
        flags.set_sign(true);
        hashed.push(SubpacketData::KeyFlags(flags));
        if consents {
            let mut config = SignatureConfig::v4(SignatureType::KeyBinding, algorithm, HashAlgorithm::Sha256);
            config.hashed_subpackets =
                [SubpacketData::SignatureCreationTime(created), SubpacketData::IssuerFingerprint(subkey.fingerprint())]
                    .into_iter()
                    .map(|data| Subpacket::regular(data).expect("fits"))
                    .collect();
            let consent = config
                .sign_primary_key_binding(&subkey, subkey.public_key(), &Password::empty(), primary.public_key())
                .expect("signs");
            hashed.push(SubpacketData::EmbeddedSignature(Box::new(consent)));
        }
        let mut config = SignatureConfig::from_key(rng, primary, SignatureType::SubkeyBinding).expect("fits");
        config.hashed_subpackets = hashed.into_iter().map(|data| Subpacket::regular(data).expect("fits")).collect();
        let binding = config
            .sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey.public_key())
            .expect("signs");
        key.secret.secret_subkeys.push(pgp::composed::SignedSecretSubKey::new(subkey, vec![binding]));
        key.public = key.secret.to_public_key();
        if consents {
            assert!(Signer::File(key).clear_sign(TEXT, NOW).is_ok());
        } else {
            let said = "signing with the key KEY, which has no valid signature of its own (SHA-1 and MD5 do not count)";
            assert_eq!(refusal(key, NOW), said);
        }
    }
}

/// A key that its owner revoked.
pub(super) fn revoked(mut revoked: SecretKey) -> SecretKey {
    let primary = &revoked.secret.primary_key;
    let mut config = SignatureConfig::v4(SignatureType::KeyRevocation, primary.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(1_700_000_001)),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
        SubpacketData::RevocationReason(RevocationCode::KeyCompromised, b"lost"[..].into()),
    ]
    .into_iter()
    .map(|data| Subpacket::regular(data).expect("fits"))
    .collect();
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id())).expect("fits")];
    let signature = config.sign_key(primary, &Password::empty(), primary.public_key()).expect("signs");
    revoked.secret.details.revocation_signatures.push(signature);
    revoked.public = revoked.secret.to_public_key();
    revoked
}

/// An RSA key whose own signature uses `hash`.
pub(super) fn rsa(bits: usize, hash: HashAlgorithm, signs: bool) -> SecretKey {
    rsa_made(bits, hash, signs, NOW)
}

/// An RSA key of another time.
pub(super) fn rsa_at(time: u64) -> SecretKey {
    rsa_made(2048, HashAlgorithm::Sha256, true, time)
}

fn rsa_made(bits: usize, hash: HashAlgorithm, signs: bool, time: u64) -> SecretKey {
    let secret = pgp::crypto::rsa::SecretKey::generate(StdRng::seed_from_u64(7), bits).expect("makes a key");
    let algorithm = pgp::crypto::public_key::PublicKeyAlgorithm::RSA;
    let created = Timestamp::from_secs(time as u32);
    let params = pgp::types::PublicParams::RSA((&secret).into());
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, created, None, params).expect("fits");
    let public = pgp::packet::PublicKey::from_inner(inner).expect("fits");
    let params = pgp::types::SecretParams::Plain(pgp::types::PlainSecretParams::RSA(secret));
    let key = pgp::packet::SecretKey::new(public.clone(), params).expect("fits");
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(signs);
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, algorithm, hash);
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(created),
        SubpacketData::IssuerFingerprint(public.fingerprint()),
        SubpacketData::KeyFlags(flags),
    ]
    .into_iter()
    .map(|data| Subpacket::regular(data).expect("fits"))
    .collect();
    // Without it gpgv does not find the key's own signature.
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(public.legacy_key_id())).expect("fits")];
    let user = UserId::from_str(PacketHeaderVersion::New, "rsa").expect("fits");
    let signature = config.sign_certification(&key, &public, &Password::empty(), user.tag(), &user).expect("signs");
    let details = SignedKeyDetails::new(vec![], vec![], vec![user.into_signed(signature)], vec![]);
    let secret = SignedSecretKey::new(key, details, vec![], vec![]);
    let public = secret.to_public_key();
    SecretKey { secret: Box::new(secret), public }
}

#[test]
fn a_signer_that_signs_with_something_else_is_caught() {
    let (mut key, other) = (key(1, NOW, None), key(2, NOW, None));
    key.secret = other.secret;
    let signer = Signer::File(key);
    let said = format!("the signature that the key {} made does not verify", signer.fingerprint());
    assert_eq!(signer.clear_sign(TEXT, NOW).expect_err("is caught").to_string(), said);
    assert_eq!(signer.detached(TEXT, NOW).expect_err("is caught").to_string(), said);
}

/// Errors that need a broken machine: their texts.
#[test]
fn other_messages() {
    let io = || std::io::Error::other("no luck");
    let (path, fingerprint) = (PathBuf::from("/k"), "KEY".to_owned());
    let pgp = Box::new(pgp::errors::Error::from("no luck".to_owned()));
    for (error, said) in [
        (SignError::File { deed: "writing", path: path.clone(), source: io() }, "writing the signing key `/k`"),
        (SignError::Library { fingerprint, source: pgp }, "signing with the key KEY"),
        (SignError::Tool { tool: "gpgconf", source: io() }, "running `gpgconf`"),
        (SignError::Agent { socket: path, source: io() }, "talking to gpg-agent at `/k`"),
    ] {
        assert_eq!(error.to_string(), said);
        assert!(miette::Diagnostic::help(&error).is_some());
        assert_eq!(error.fault() == Cause::Bug, matches!(error, SignError::Library { .. }));
    }
    let tool = "gpgv";
    for (error, said) in [
        (VerifyError::Run { tool, source: io() }, "checking a signature with `gpgv`"),
        (
            VerifyError::Weak { key: "KEY".to_owned() },
            "the text is signed by the key KEY with SHA-1 or older, which anybody can forge",
        ),
        (VerifyError::NoGood { tool, said: "hm".to_owned() }, "`gpgv` finds no good signature: hm"),
    ] {
        assert_eq!(error.to_string(), said);
        assert!(miette::Diagnostic::help(&error).is_some());
    }
    assert_eq!(Unusable::NotYet.to_string(), "was made later than that");
}
