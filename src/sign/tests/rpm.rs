//! Signatures of packages, made and checked here, by rpm, and by both.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pgp::types::PublicParams;

use super::super::rpm::{Keyring, PackageSigner, verify_package};
use super::*;
use crate::distro::{Signing, SigningDigest, SigningKey};
use crate::package::rpm::{Package, tag};

const RSA: Signing = Signing { key: SigningKey::Rsa, digest: SigningDigest::Sha256 };
const ED25519: Signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha512 };

/// A time at which keys of these tests are made, so that rpm, which has a clock, takes them.
const MADE: u64 = 1_700_000_000;

/// A package as rpmbuild makes it; `None`, and said so, where that is not installed.
pub(super) fn package() -> Option<&'static [u8]> {
    static BUILT: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if !has("rpmbuild") || !has("rpmkeys") {
            return None;
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        let spec = folder.path().join("tiny.spec");
        let text = "Name: tiny\nVersion: 1\nRelease: 1\nSummary: tiny\nLicense: MIT\nBuildArch: noarch\n%description\nTiny.\n\
                    %install\nmkdir -p %{buildroot}/usr/share\nseq 1 9999 > %{buildroot}/usr/share/tiny\n\
                    %files\n/usr/share/tiny\n";
        std::fs::write(&spec, text).expect("writes");
        let top = format!("_topdir {}", folder.path().display());
        let run = Command::new("rpmbuild").args(["-bb", "--quiet", "--define", &top]).arg(&spec).output().expect("runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        Some(std::fs::read(folder.path().join("RPMS/noarch/tiny-1-1.noarch.rpm")).expect("is built"))
    });
    built.as_deref()
}

fn rsa() -> Signer {
    Signer::File(rsa_key())
}

/// An RSA key, made once: that takes its time.
pub(super) fn rsa_key() -> SecretKey {
    static MADE_ONCE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = MADE_ONCE.get_or_init(|| {
        let key = SecretKey::generate_rsa("opb rsa", MADE, None, StdRng::seed_from_u64(9)).expect("makes a key");
        pgp::ser::Serialize::to_bytes(&*key.secret).expect("exports")
    });
    let secret = <pgp::composed::SignedSecretKey as pgp::composed::Deserializable>::from_bytes(&bytes[..]);
    let secret = secret.expect("reads");
    let public = secret.to_public_key();
    SecretKey { secret: Box::new(secret), public }
}

pub(super) fn sign(signer: &Signer, signing: &Signing, package: &[u8]) -> Vec<u8> {
    let mut signed = Vec::new();
    let ready = PackageSigner::new(signer, signing, NOW).expect("may sign");
    ready.sign(package, &mut signed).expect("signs");
    signed
}

/// What `rpmkeys -Kv` says of a package with these keys imported, but for its path.
pub(super) fn rpmkeys(signed: &[u8], keys: &[&Signer]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (file, key): (PathBuf, PathBuf) = (folder.path().join("a.rpm"), folder.path().join("key.asc"));
    let db = format!("_dbpath {}", folder.path().join("db").display());
    std::fs::write(&file, signed).expect("writes");
    let rpmkeys = |arguments: &[&Path]| {
        let mut command = Command::new("rpmkeys");
        command.args(["--define", &db]).args(arguments).env("LC_ALL", "C");
        command.output().expect("runs")
    };
    for signer in keys {
        std::fs::write(&key, signer.public_key_armored().expect("exports")).expect("writes");
        let run = rpmkeys(&[Path::new("--import"), &key]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let run = rpmkeys(&[Path::new("-Kv"), &file]);
    let said = String::from_utf8(run.stdout).expect("text");
    let said: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
    (run.status.success(), said.join("\n"))
}

/// Why the keys in `keyring` do not make us believe a package, with keys written `KEY`.
fn refusal(keyring: &Keyring, package: &[u8], signer: &Signer) -> String {
    let error = verify_package(keyring, package).expect_err("is refused");
    let fingerprint = signer.fingerprint();
    error.to_string().replace(&fingerprint, "KEY").replace(&fingerprint[24..], "ID")
}

pub(super) fn ours(signer: &Signer) -> Keyring {
    let key = signer.public_key_binary().expect("exports");
    Keyring::of([("key.gpg", &key[..])], NOW).expect("holds a key")
}

#[test]
fn rpm_and_we_accept_what_we_sign() {
    let Some(package) = package() else { return };
    for (signer, signing, named) in
        [(rsa(), RSA, "RSA/SHA256"), (rsa(), ED25519, "RSA/SHA512"), (signer(1), ED25519, "EdDSA/SHA512")]
    {
        let signed = sign(&signer, &signing, package);
        assert_eq!(signed.len(), package.len(), "the reserved space was not used");
        let (good, said) = rpmkeys(&signed, &[&signer]);
        let id = signer.fingerprint()[24..].to_lowercase();
        assert!(good, "{said}");
        let version = format!("Header V4 {named} Signature, key ID {}: OK", &id[8..]);
        assert!(said.contains(&version), "{said}");
        assert!(said.contains("Header SHA256 digest: OK") && said.contains("Payload SHA256 digest: OK"), "{said}");
        assert!(said.contains("MD5 digest: OK"), "{said}");
        assert_eq!(verify_package(&ours(&signer), &signed[..]).expect("is good"), signer.fingerprint());
        // Once more, and from the signed one: always the same bytes.
        assert_eq!(sign(&signer, &signing, package), signed);
        assert_eq!(sign(&signer, &signing, &signed), signed);
        // The main header and the payload are those of before.
        let (before, after) = (Package::read(package).expect("reads"), Package::read(&signed[..]).expect("reads"));
        assert_eq!(before.header, after.header);
        assert_eq!(package[before.header_range().0 as usize..], signed[after.header_range().0 as usize..]);
        // Without the key rpm knows nothing of it.
        assert!(!rpmkeys(&signed, &[]).0);
    }
}

/// The form of rpm 6: base64 under a tag of its own.
#[test]
fn a_signature_of_a_later_rpm_counts_too() {
    use base64::Engine as _;
    let Some(package) = package() else { return };
    let (signer, other) = (rsa(), signer(1));
    let read = Package::read(&sign(&signer, &RSA, package)[..]).expect("reads");
    let packet = read.signature.binary(tag::SIG_RSA_HEADER).expect("is signed");
    let later = |packet: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(packet) + "\0";
        let front = crate::package::rpm::Front::read(package).expect("reads");
        let mut signed = front.signed(tag::SIG_RSA_HEADER, text.as_bytes());
        let entry = |tag: u32, kind: u32| [tag.to_be_bytes(), kind.to_be_bytes()].concat();
        let wanted = entry(tag::SIG_RSA_HEADER, 7);
        let place = signed.windows(8).position(|window| window == wanted).expect("has an entry");
        signed[place..place + 8].copy_from_slice(&entry(tag::SIG_OPENPGP, 8));
        signed[place + 12..place + 16].copy_from_slice(&1u32.to_be_bytes());
        signed.extend_from_slice(&package[front.package.header_range().1 as usize..]);
        signed
    };
    let signed = later(packet);
    assert_eq!(verify_package(&ours(&signer), &signed[..]).expect("is good"), signer.fingerprint());
    let said = "the package is signed by the key ID, which is none of the keys that it may be signed by";
    assert_eq!(refusal(&ours(&other), &signed, &signer), said);
    assert_eq!(refusal(&ours(&signer), &later(b"no packet"), &signer), "the signature of the package cannot be read");
}

#[test]
fn a_package_without_reserved_space_grows() {
    let Some(package) = package() else { return };
    let signer = rsa();
    let signed = sign(&signer, &RSA, package);
    // The space is gone from a package whose signature header ends where its data does.
    let mut small = sign(&signer, &RSA, &without_reserve(package));
    assert!(small.len() < signed.len());
    assert!(rpmkeys(&small, &[&signer]).0);
    assert_eq!(verify_package(&ours(&signer), &small[..]).expect("is good"), signer.fingerprint());
    assert!(!Package::read(&small[..]).expect("reads").signature.has(tag::SIG_RESERVED));
    small.push(0);
    let said = refusal(&ours(&signer), &small, &signer);
    assert_eq!(said, "the package is damaged: its payload has another length than it says");
}

/// A package with the tag of its reserved space renamed to one that no rpm knows, and so kept, and as short as can be.
fn without_reserve(package: &[u8]) -> Vec<u8> {
    let read = Package::read(package).expect("reads");
    let header = read.signature.bytes();
    let place = header[16..].chunks_exact(16).position(|raw| raw[..4] == 1008u32.to_be_bytes()).expect("is there");
    let entry = 16 + 16 * place;
    let count = read.signature.count(tag::SIG_RESERVED);
    let count_of = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize;
    let (entries, data) = (count_of(8), 16 + 16 * count_of(8));
    let reserved = data + count_of(entry + 8);
    let mut small = header[..entry].to_vec();
    small.extend_from_slice(&header[entry + 16..reserved]);
    small.extend_from_slice(&header[reserved + count..]);
    let put = |bytes: &mut Vec<u8>, at: usize, number: usize| {
        bytes[at..at + 4].copy_from_slice(&(number as u32).to_be_bytes());
    };
    put(&mut small, 8, entries - 1);
    let length = count_of(12) - count;
    put(&mut small, 12, length);
    // The region's entry leads to its trailer, whose offset leads back over the index.
    let trailer = count_of(16 + 8) - count;
    put(&mut small, 16 + 8, trailer);
    let end = 16 + 16 * (entries - 1) + trailer + 8;
    put(&mut small, end, (16 * (entries - 1)).wrapping_neg());
    let mut all = package[..96].to_vec();
    all.extend_from_slice(&small);
    all.resize(all.len().next_multiple_of(8), 0);
    all.extend_from_slice(&package[read.header_range().0 as usize..]);
    all
}

#[test]
fn a_changed_byte_is_refused_by_us_and_by_rpm() {
    let Some(package) = package() else { return };
    let signer = rsa();
    let signed = sign(&signer, &RSA, package);
    let read = Package::read(&signed[..]).expect("reads");
    let (start, end) = (read.header_range().0 as usize, read.header_range().1 as usize);
    let find = |text: &str| signed[start..end].windows(text.len()).position(|window| window == text.as_bytes());
    let summary = start + find("Tiny.").expect("is there");
    for (at, said) in [
        (summary, "the signature by the key ID does not fit the package"),
        (end + 5, "the package is damaged: its payload has another SHA-256 than it says"),
        (signed.len() - 1, "the package is damaged: its payload has another SHA-256 than it says"),
    ] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert_eq!(refusal(&ours(&signer), &changed, &signer), said);
        assert!(!rpmkeys(&changed, &[&signer]).0, "rpm takes it, changed at {at}");
        // What is damaged is not signed either.
        let ready = PackageSigner::new(&signer, &RSA, NOW).expect("may sign");
        let error = ready.sign(&changed[..], &mut Vec::new()).expect_err("is damaged").to_string();
        let part = if at == summary { "header" } else { "payload" };
        assert_eq!(error, format!("the package is damaged: its {part} has another SHA-256 than it says"));
    }
    assert_eq!(refusal(&ours(&signer), package, &signer), "the package is not signed");
    assert_eq!(
        refusal(&ours(&signer), &signed[..60], &signer),
        "cannot read a package: it does not start as an `.rpm` does"
    );
}

#[test]
fn no_byte_makes_it_panic_or_believed() {
    let Some(package) = package() else { return };
    let signer = signer(1);
    let signed = sign(&signer, &ED25519, package);
    let end = Package::read(&signed[..]).expect("reads").header_range().1 as usize;
    let keyring = ours(&signer);
    for at in (0..end).step_by(7) {
        let mut changed = signed.clone();
        changed[at] = changed[at].wrapping_add(0x55);
        // The lead, and what the signature header says beside the signature, may be anything.
        if let Ok(key) = verify_package(&keyring, &changed[..]) {
            assert_eq!(key, signer.fingerprint());
            assert_eq!(
                Package::read(&changed[..]).expect("reads").header.bytes(),
                Package::read(&signed[..]).expect("reads").header.bytes()
            );
        }
        assert!(verify_package(&keyring, &signed[..at]).is_err());
    }
}

#[test]
fn keys_that_do_not_count() {
    let Some(package) = package() else { return };
    let (good, other) = (signer(1), signer(2));
    let signed = sign(&good, &ED25519, package);
    let said = "the package is signed by the key ID, which is none of the keys that it may be signed by";
    assert_eq!(refusal(&ours(&other), &signed, &good), said);
    // A keyring of several files, armored and binary.
    let (armored, binary) = (other.public_key_armored().expect("exports"), good.public_key_binary().expect("exports"));
    let both = Keyring::of([("a.asc", armored.as_bytes()), ("b.gpg", &binary[..])], NOW).expect("holds keys");
    assert_eq!(verify_package(&both, &signed[..]).expect("is good"), good.fingerprint());
    for (bytes, why) in
        [(&b""[..], "it is empty"), (b"<html>", "it holds no public key"), (b"\x99\x00", "it holds no public key")]
    {
        let error = Keyring::of([("RPM-GPG-KEY-x", bytes)], NOW).expect_err("holds none");
        assert_eq!(error.to_string(), format!("reading the keys in `RPM-GPG-KEY-x`: {why}"));
    }
    // Signed while the key was good, looked at when it is over.
    let brief = Signer::File(key(3, NOW - 100, Some(200)));
    let signed = sign(&brief, &ED25519, package);
    let public = brief.public_key_binary().expect("exports");
    let at = |now| Keyring::of([("key", &public[..])], now).expect("holds a key");
    assert!(verify_package(&at(NOW + 99), &signed[..]).is_ok());
    let said = "the package is signed by the key KEY, which expired at 2026-11-21T10:01:40Z";
    assert_eq!(refusal(&at(NOW + 100), &signed, &brief), said);
    let error = PackageSigner::new(&brief, &ED25519, NOW + 100).expect_err("is over");
    assert_eq!(
        error.to_string().replace(&brief.fingerprint(), "KEY"),
        "signing with the key KEY, which expired at 2026-11-21T10:01:40Z"
    );
    // Made with the clock ahead.
    let said =
        "the package is signed by the key KEY, which has no valid signature of its own (SHA-1 and MD5 do not count)";
    assert_eq!(refusal(&at(NOW - 101), &signed, &brief), said);
    // Revoked since.
    let revoked = Signer::File(keys::revoked(key(1, MADE, None)));
    let signed = sign(&good, &ED25519, package);
    assert_eq!(refusal(&ours(&revoked), &signed, &good), "the package is signed by the key KEY, which is revoked");
    let error = PackageSigner::new(&revoked, &ED25519, NOW).expect_err("is revoked");
    assert_eq!(error.to_string().replace(&good.fingerprint(), "KEY"), "signing with the key KEY, which is revoked");
    // Too short an RSA key, and one whose own signature is by SHA-1: of a distribution's that counts, of ours it does not.
    let short = Signer::File(keys::rsa(1024, HashAlgorithm::Sha256, true));
    let signed = signed_with(&short, HashAlgorithm::Sha256, package);
    assert_eq!(
        refusal(&ours(&short), &signed, &short),
        "the package is signed by the key KEY, which is an RSA key of only 1024 bits"
    );
    let old = Signer::File(keys::rsa(2048, HashAlgorithm::Sha1, true));
    let signed = signed_with(&old, HashAlgorithm::Sha256, package);
    assert_eq!(verify_package(&ours(&old), &signed[..]).expect("is good"), old.fingerprint());
    assert!(matches!(old.check(NOW), Err(SignError::Unusable { reason: Unusable::Unbound, .. })));
    let signed = signed_with(&old, HashAlgorithm::Sha1, package);
    assert_eq!(
        refusal(&ours(&old), &signed, &old),
        "the package is signed by the key ID with SHA1, which can be forged"
    );
}

/// A package signed in a way in which a [`PackageSigner`] does not sign.
fn signed_with(signer: &Signer, hash: HashAlgorithm, package: &[u8]) -> Vec<u8> {
    let Signer::File(key) = signer else { panic!("a key in a file") };
    let front = crate::package::rpm::Front::read(package).expect("reads");
    let primary = &key.secret.primary_key;
    let mut config = SignatureConfig::v4(SignatureType::Binary, primary.algorithm(), hash);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(NOW as u32))).expect("fits"),
        Subpacket::regular(SubpacketData::IssuerFingerprint(primary.fingerprint())).expect("fits"),
    ];
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id())).expect("fits")];
    let signature = config.sign(primary, &Password::empty(), front.package.header.bytes()).expect("signs");
    let packet = pgp::ser::Serialize::to_bytes(&pgp::composed::DetachedSignature::new(signature)).expect("writes");
    let mut signed = front.signed(tag::SIG_RSA_HEADER, &packet);
    signed.extend_from_slice(&package[front.package.header_range().1 as usize..]);
    signed
}

#[test]
fn the_kind_of_key_is_the_distro_s() {
    let signer = signer(1);
    let error = PackageSigner::new(&signer, &RSA, NOW).expect_err("is of another kind");
    assert_eq!(error.fault(), Cause::Input);
    let said = format!("{error}\nhelp: {}", miette::Diagnostic::help(&error).expect("has one"));
    insta::assert_snapshot!(said.replace(&signer.fingerprint(), "KEY"), @r"
    packages of the distro are to be signed with a key of the kind rsa, and the key KEY is of the kind ed25519
    help: make one with `opb key init --kind rsa --name NAME`, which every rpm and apt checks, and name it in `opb.toml` as the channel's `key`
    ");
    assert_eq!(PackageSigner::new(&signer, &ED25519, NOW).expect("may sign").kind(), "sha512");
    let rsa = rsa();
    assert_eq!(PackageSigner::new(&rsa, &RSA, NOW).expect("may sign").parts(), [rsa.fingerprint()]);
    assert!(matches!(rsa.public().primary_key.public_params(), PublicParams::RSA(_)));
}

#[test]
fn a_key_that_signs_with_something_else_is_caught() {
    let Some(package) = package() else { return };
    let (mut key, other) = (key(1, NOW, None), key(2, NOW, None));
    key.secret = other.secret;
    let signer = Signer::File(key);
    let ready = PackageSigner::new(&signer, &ED25519, NOW).expect("may sign");
    let error = ready.sign(package, &mut Vec::new()).expect_err("is caught");
    assert_eq!(error.to_string(), format!("the signature that the key {} made does not verify", signer.fingerprint()));
}
