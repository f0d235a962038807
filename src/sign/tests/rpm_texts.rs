//! Texts with a signature beside them, as repositories of RPM distros have, and messages.

use super::super::rpm::{Keyring, RpmSignatureError, Signed};
use super::rpm::ours;
use super::*;

/// Errors that need a broken machine, or a package that no rpmbuild of today makes: their texts.
#[test]
fn other_messages() {
    let io = || std::io::Error::other("no luck");
    let key = "KEY".to_owned();
    for (error, said) in [
        (RpmSignatureError::Reading(io()), "reading a package"),
        (RpmSignatureError::Writing(io()), "writing a signed package"),
        (RpmSignatureError::Malformed(Signed::Package), "the signature of the package cannot be read"),
        (
            RpmSignatureError::Untimely { key, why: "is past its time" },
            "the signature by the key KEY does not count now: it is past its time",
        ),
        (RpmSignatureError::NoPayloadDigest, "the package's header has no digest of its payload that can be checked"),
    ] {
        assert_eq!(error.to_string(), said);
        assert!(miette::Diagnostic::help(&error).is_some());
        assert_eq!(error.fault(), Cause::Environment);
    }
}

#[test]
fn texts_with_a_signature_beside_them() {
    let (good, other) = (signer(1), signer(2));
    let asc = good.detached(TEXT, NOW - 10).expect("signs");
    let keyring = ours(&good);
    assert_eq!(keyring.verify_detached(TEXT.as_bytes(), asc.as_bytes()).expect("is good"), good.fingerprint());
    let (signature, _) =
        <pgp::composed::DetachedSignature as pgp::composed::Deserializable>::from_string(&asc).expect("reads");
    let binary = pgp::ser::Serialize::to_bytes(&signature).expect("writes");
    assert_eq!(keyring.verify_detached(TEXT.as_bytes(), &binary).expect("is good"), good.fingerprint());
    let said = |keyring: &Keyring, text: &str, signature: &[u8]| {
        let error = keyring.verify_detached(text.as_bytes(), signature).expect_err("is refused").to_string();
        error.replace(&good.fingerprint(), "KEY").replace(&good.fingerprint()[24..], "ID")
    };
    assert_eq!(said(&keyring, "other", asc.as_bytes()), "the signature by the key ID does not fit the text");
    assert_eq!(
        said(&ours(&other), TEXT, asc.as_bytes()),
        "the text is signed by the key ID, which is none of the keys that it may be signed by"
    );
    assert_eq!(said(&keyring, TEXT, b""), "the signature of the text cannot be read");
    assert_eq!(said(&keyring, TEXT, b"<html>"), "the signature of the text cannot be read");
    let late = good.detached(TEXT, NOW + 10).expect("signs");
    assert_eq!(
        said(&keyring, TEXT, late.as_bytes()),
        "the signature by the key KEY does not count now: it was made later"
    );
}
