//! What the tests of this module share; the tests are beside this file.

mod agent;
mod keys;
mod locked;
mod rpm;
mod rpm_agent;
mod rpm_texts;
mod signers;
mod verify;

use std::process::Command;

use pgp::composed::{ArmorOptions, CleartextSignedMessage};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails as _, Password, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const YEAR: u64 = 365 * 86_400;

const NOW: u64 = 1_795_255_200;

const TEXT: &str =
    "Origin: opb  \nSuite: x\t\n- dash\n-----BEGIN PGP SIGNATURE-----\n\nFrom me\nSHA256:\n abc 1 main/x\n";

const SIGNED: &str =
    "Origin: opb\nSuite: x\n- dash\n-----BEGIN PGP SIGNATURE-----\n\nFrom me\nSHA256:\n abc 1 main/x\n";

/// Checks a text with the keys in a file.
fn verify_with(tool: Tool, bytes: &[u8], keyring: &std::path::Path, now: u64) -> Result<Verified, VerifyError> {
    super::verify_with(tool, bytes, &Keyring::read(keyring)?, now)
}

fn key(seed: u64, now: u64, lasts: Option<u64>) -> SecretKey {
    SecretKey::generate("opb test", now, lasts, StdRng::seed_from_u64(seed)).expect("makes a key")
}

/// The machine's own time, for what other programs make.
fn clock() -> u64 {
    jiff::Timestamp::now().as_second() as u64
}

fn signer(seed: u64) -> Signer {
    // Made in the past, so that programs with a clock take it.
    Signer::File(key(seed, 1_700_000_000, None))
}

/// Whether `tool` is here; says so where a test cannot run.
fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: `{tool}` is not installed");
    }
    found
}

fn tools() -> Vec<Tool> {
    [Tool::Gpgv, Tool::Sqv].into_iter().filter(|tool| has(tool.as_str())).collect()
}

/// A keyring file of these keys.
fn keyring(signers: &[&Signer]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    let keys: Vec<u8> = signers.iter().flat_map(|signer| signer.public_key_binary().expect("exports")).collect();
    std::fs::write(file.path(), keys).expect("writes");
    file
}

/// `TEXT` signed by several keys at once, as distributions do.
fn signed_by(keys: &[(&SecretKey, &str)]) -> String {
    let message = CleartextSignedMessage::new_many(SIGNED.trim_end(), |_| {
        keys.iter()
            .map(|(key, text)| {
                let primary = &key.secret.primary_key;
                let mut config = SignatureConfig::v4(SignatureType::Text, primary.algorithm(), HashAlgorithm::Sha512);
                config.hashed_subpackets = vec![
                    Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(1_700_000_100)))?,
                    Subpacket::regular(SubpacketData::IssuerFingerprint(primary.fingerprint()))?,
                ];
                config.unhashed_subpackets =
                    vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id()))?];
                config.sign(primary, &Password::empty(), text.trim_end().as_bytes())
            })
            .collect()
    });
    message.expect("signs").to_armored_string(ArmorOptions::default()).expect("writes")
}
