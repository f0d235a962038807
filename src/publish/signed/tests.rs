use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::distro::{SigningDigest, SigningKey};
use crate::sign::SecretKey;
use crate::sign::rpm::verify_package;

const PACKAGE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/package");
const SOURCE: &[u8] = include_bytes!("../../../fuzz/seeds/rpm/source");
const SIGNING: Signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha256 };
const NOW: u64 = 1_795_860_000;

fn signer(seed: u64) -> Signer {
    let key = SecretKey::generate("opb test", NOW - 1000, None, StdRng::seed_from_u64(seed));
    Signer::File(key.expect("makes a key"))
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("made");
    let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
    (folder, store)
}

fn read(store: &Store, signed: &Signed) -> Vec<u8> {
    store.read_object(signed.signed, signed.size).expect("is there, with that size")
}

/// An error as a person sees it: the message, what is behind it, and the help.
fn told(error: &SignedError, store: &Store) -> String {
    let help = miette::Diagnostic::help(error).map_or(String::new(), |help| format!("\nhelp: {help}"));
    let text = format!("{}{help}", crate::diag::chain(error));
    text.replace(&store.path().to_string(), "STORE").replace(&Digest::of(PACKAGE).to_string()[2..], "DIGEST")
}

#[test]
fn a_package_is_signed_once() {
    let (_folder, store) = store();
    let unsigned = [store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(SOURCE).expect("stored")];
    let (ours, other) = (signer(1), signer(2));
    let asked = [unsigned[1], unsigned[0], unsigned[1]];
    let signed = packages(&store, &ours, &SIGNING, &asked, NOW).expect("signs");
    assert_eq!(signed.iter().map(|signed| signed.unsigned).collect::<Vec<_>>(), asked);
    assert_eq!(signed[0], signed[2]);
    let keyring = Keyring::of_signer(&ours, NOW);
    for signed in &signed {
        let bytes = read(&store, signed);
        assert_eq!(verify_package(&keyring, &bytes[..]).expect("is good"), ours.fingerprint());
        assert_eq!((signed.signed, signed.sha256), (Digest::of(&bytes), crate::digest::Sha256::of(&bytes)));
    }
    // Later, and asked alone: the same object, which nobody has signed anew.
    let path = store.object_path(signed[1].signed);
    let made = std::fs::metadata(path.as_path()).and_then(|meta| meta.modified()).expect("is there");
    let again = packages(&store, &ours, &SIGNING, &unsigned[..1], NOW + 9_000).expect("is known");
    assert_eq!(again, signed[1..2]);
    assert_eq!(std::fs::metadata(path.as_path()).and_then(|meta| meta.modified()).expect("is there"), made);
    // Another key or digest makes another.
    let others = packages(&store, &other, &SIGNING, &unsigned[..1], NOW).expect("signs");
    assert_ne!(others[0].signed, signed[1].signed);
    let sha512 = Signing { digest: SigningDigest::Sha512, ..SIGNING };
    assert_ne!(packages(&store, &ours, &sha512, &unsigned[..1], NOW).expect("signs")[0].signed, signed[1].signed);
    // Bytes that are lost are made again, and are the same.
    std::fs::remove_file(path.as_path()).expect("removes");
    assert_eq!(packages(&store, &ours, &SIGNING, &unsigned[..1], NOW + 9_000).expect("signs"), signed[1..2]);
    assert!(path.as_path().is_file());
    assert_eq!(packages(&store, &ours, &SIGNING, &[], NOW).expect("nothing to do"), []);
}

#[test]
fn what_cannot_be_signed_leaves_nothing() {
    let (_folder, store) = store();
    let (good, none) = (store.put_bytes(PACKAGE).expect("stored"), store.put_bytes(b"no package").expect("stored"));
    let ours = signer(1);
    let error = packages(&store, &ours, &SIGNING, &[good, none], NOW).expect_err("is none");
    assert_eq!(error.fault(), Cause::Environment);
    let said = told(&error, &store).replace(&none.to_string()[2..], "DIGEST");
    insta::assert_snapshot!(said, @r"
    cannot sign the package in `STORE/objects/16/DIGEST`: cannot read a package: it does not start as an `.rpm` does
    help: run `opb store verify --repair`, build what it forgets again, and publish then
    ");
    let found = store.signed_packages(&[good], &[ours.fingerprint()], "sha256").expect("reads");
    assert_eq!(found, [None], "one of them is remembered");
    // A byte that the disk has changed.
    let path = store.object_path(good);
    let mut bytes = PACKAGE.to_vec();
    *bytes.last_mut().expect("has one") ^= 1;
    std::fs::remove_file(path.as_path()).expect("removes");
    std::fs::write(path.as_path(), bytes).expect("writes");
    let error = packages(&store, &ours, &SIGNING, &[good], NOW).expect_err("is damaged");
    insta::assert_snapshot!(told(&error, &store), @r"
    cannot sign the package in `STORE/objects/43/DIGEST`: the package is damaged: its payload has another SHA-256 than it says
    help: run `opb store verify --repair`, build what it forgets again, and publish then
    ");
    let error = packages(&store, &ours, &SIGNING, &[Digest::of(b"nobody")], NOW).expect_err("is not here");
    assert!(matches!(error, SignedError::Store(StoreError::Missing { .. })), "{error}");
    // A key of the wrong kind is told before anything is read.
    let rsa = Signing { key: SigningKey::Rsa, ..SIGNING };
    let error = packages(&store, &ours, &rsa, &[good], NOW).expect_err("is of another kind");
    assert_eq!(error.fault(), Cause::Input);
    assert!(matches!(error, SignedError::Key(SignError::WrongKind { .. })), "{error}");
}

#[test]
fn an_unsigned_package_is_not_published() {
    let (_folder, store) = store();
    let package = store.put_bytes(PACKAGE).expect("stored");
    let (ours, other) = (signer(1), signer(2));
    let [signed] = &packages(&store, &ours, &SIGNING, &[package], NOW).expect("signs")[..] else { panic!("is one") };
    let at = |digest| [("Packages/r/rich.rpm".to_owned(), digest)];
    refuse_unsigned(&store, &ours, at(signed.signed), NOW).expect("is signed");
    let error = refuse_unsigned(&store, &ours, at(package), NOW).expect_err("is not");
    assert_eq!(error.fault(), Cause::Bug);
    insta::assert_snapshot!(told(&error, &store), @r"
    `Packages/r/rich.rpm` would be published without a signature of the channel's key: the package is not signed
    help: report this with the recipe; nothing was published
    ");
    let error = refuse_unsigned(&store, &other, at(signed.signed), NOW).expect_err("by another");
    let said = told(&error, &store).replace(&ours.fingerprint()[24..], "ID");
    insta::assert_snapshot!(said, @r"
    `Packages/r/rich.rpm` would be published without a signature of the channel's key: the package is signed by the key ID, which is none of the keys that it may be signed by
    help: report this with the recipe; nothing was published
    ");
}
