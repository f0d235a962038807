//! Packages signed by keys that gpg-agent holds, and by an agent that holds a key as a card does: nobody else has it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgp::types::{SignatureBytes, SigningKey as _};

use super::super::rpm::{Keyring, PackageSigner, verify_package};
use super::agent::Home;
use super::rpm::{package, rpmkeys, rsa_key, sign};
use super::*;
use crate::distro::{Signing, SigningDigest, SigningKey};

const RSA: Signing = Signing { key: SigningKey::Rsa, digest: SigningDigest::Sha256 };
const ANY: Signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha512 };

#[test]
fn gpg_agent_signs_packages() {
    if !has("gpg") || !has("gpg-agent") || !has("gpgconf") {
        return;
    }
    let Some(package) = package() else { return };
    let home = Home::new();
    for (kind, signing) in [("rsa2048", RSA), ("ed25519", ANY)] {
        let fingerprint = home.make(kind, kind, "");
        let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.path())).expect("is there"));
        let ready = PackageSigner::new(&signer, &signing, clock()).expect("may sign");
        let mut signed = Vec::new();
        ready.sign(package, &mut signed).expect("signs");
        let (good, said) = rpmkeys(&signed, &[&signer]);
        assert!(good, "{said}");
        // An agent that ended meanwhile is started again, whatever conversation was had with it.
        home.end_agent();
        let mut again = Vec::new();
        ready.sign(package, &mut again).expect("signs");
        assert!(signed == again, "the same key made another signature");
    }
    // Of a key with several parts the one that the distro's rpm checks, and the primary key's name for all of them.
    let fingerprint = home.make("parts", "rsa2048", "");
    let of_subkey =
        ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", &fingerprint, "ed25519", "sign"];
    home.gpg(&of_subkey);
    let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.path())).expect("is there"));
    let public = signer.public_key_armored().expect("exports");
    let theirs = Keyring::of([("key.asc", public.as_bytes())], clock() + 1).expect("holds a key");
    for (signing, kind, is_primary) in [(RSA, "RSA/SHA256", true), (ANY, "EdDSA/SHA512", false)] {
        let ready = PackageSigner::new(&signer, &signing, clock() + 1).expect("may sign");
        assert_eq!(ready.parts()[0] == fingerprint, is_primary);
        let mut signed = Vec::new();
        ready.sign(package, &mut signed).expect("signs");
        let (good, said) = rpmkeys(&signed, &[&signer]);
        assert!(good && said.contains(&format!("Header V4 {kind} Signature")), "{said}");
        assert_eq!(verify_package(&theirs, &signed[..]).expect("is good"), fingerprint);
    }
    let fingerprint = home.make("nistp256", "nistp256", "");
    let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.path())).expect("is there"));
    let error = PackageSigner::new(&signer, &ANY, clock()).expect_err("is of a kind that rpm does not check");
    let said = "packages of the distro are to be signed with a key of the kind ed25519 or rsa, and the key KEY is of the kind ecdsa";
    assert_eq!(error.to_string().replace(&fingerprint, "KEY"), said);
    // A key that wants a passphrase which nobody gives.
    let locked = home.make("locked", "rsa2048", "word");
    home.end_agent();
    let signer = Signer::Agent(AgentKey::find(&locked, Some(home.path())).expect("is there"));
    let ready = PackageSigner::new(&signer, &RSA, clock()).expect("may sign");
    let error = ready.sign(package, &mut Vec::new()).expect_err("asks in vain").to_string();
    assert!(error.starts_with("gpg-agent did not sign: "), "{error}");
}

/// How the agent of a test answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It signs.
    Honest,
    /// It says yes, with the signature of something else.
    SignsElse,
    /// It says yes, with nothing.
    SaysNothing,
    /// It wants to ask somebody first, and is told that nobody is there.
    Asks,
}

/// An agent that holds one key, at the socket of a home; gives the home and how many have connected.
fn card(key: &Arc<SecretKey>, manner: Manner) -> Option<(Home, Arc<AtomicUsize>)> {
    if !has("gpg") || !has("gpgconf") {
        return None;
    }
    let home = Home::new();
    let public = Signer::File(copy(key)).public_key_binary().expect("exports");
    let file = home.path().join("public.gpg");
    std::fs::write(&file, public).expect("writes");
    // Without an agent of its own, which would take the socket away when it ends.
    home.gpg(&["--no-autostart", "--import", file.to_str().expect("plain")]);
    let run = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--list-dirs", "agent-socket"]).output();
    let socket = String::from_utf8(run.expect("runs").stdout).expect("text");
    let listener = UnixListener::bind(socket.trim()).expect("binds");
    let connected = Arc::new(AtomicUsize::new(0));
    let (count, key) = (Arc::clone(&connected), Arc::clone(key));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let key = Arc::clone(&key);
            std::thread::spawn(move || answer(stream, &key, manner));
        }
    });
    Some((home, connected))
}

fn copy(key: &SecretKey) -> SecretKey {
    SecretKey { secret: key.secret.clone(), public: key.public.clone() }
}

fn answer(mut stream: UnixStream, key: &SecretKey, manner: Manner) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    stream.write_all(b"OK at your service\n").ok()?;
    let mut digest = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some(digits) = line.strip_prefix("SETHASH --hash=sha256 ") {
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
            digest = (0..digits.len()).step_by(2).map(byte).collect();
        }
        if line == "PKSIGN" {
            if manner == Manner::Asks {
                stream.write_all(b"INQUIRE CARD_WANTED\n").ok()?;
                let said = lines.next()?.ok()?;
                assert_eq!(said, "CAN");
                stream.write_all(b"ERR 67108963 Operation cancelled <GPG Agent>\n").ok()?;
                continue;
            }
            if manner == Manner::SignsElse {
                digest.fill(1);
            }
            let primary = &key.secret.primary_key;
            let made = primary.sign(&Password::empty(), HashAlgorithm::Sha256, &digest).expect("signs");
            let SignatureBytes::Mpis(numbers) = made else { panic!("another kind of signature") };
            let number: &[u8] = numbers[0].as_ref();
            if manner != Manner::SaysNothing {
                let mut data = format!("(7:sig-val(3:rsa(1:s{}:", number.len()).into_bytes();
                data.extend_from_slice(number);
                data.extend_from_slice(b")))");
                for part in data.chunks(200) {
                    let escaped = part.iter().flat_map(|byte| match byte {
                        b'%' | b'\n' | b'\r' => format!("%{byte:02X}").into_bytes(),
                        _ => vec![*byte],
                    });
                    let line: Vec<u8> = b"D ".iter().copied().chain(escaped).chain(*b"\n").collect();
                    stream.write_all(&line).ok()?;
                }
            }
        }
        stream.write_all(b"OK\n").ok()?;
    }
    Some(())
}

#[test]
fn a_card_signs_in_one_conversation() {
    let Some(package) = package() else { return };
    let key = Arc::new(rsa_key());
    let Some((home, connected)) = card(&key, Manner::Honest) else { return };
    let fingerprint = certificate::fingerprint(&key.public);
    let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.path())).expect("is there"));
    let ready = PackageSigner::new(&signer, &RSA, NOW).expect("may sign");
    for _ in 0..20 {
        let mut signed = Vec::new();
        ready.sign(package, &mut signed).expect("signs");
        assert!(signed == sign(&Signer::File(copy(&key)), &RSA, package), "not what the key itself signs");
    }
    assert_eq!(connected.load(Ordering::SeqCst), 1);
    // As many as threads sign at a time, and no more.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..5).for_each(|_| ready.sign(package, &mut std::io::sink()).expect("signs")));
        }
    });
    assert!(connected.load(Ordering::SeqCst) <= 3);
}

#[test]
fn a_card_that_says_yes_and_does_not_sign_is_caught() {
    let Some(package) = package() else { return };
    let key = Arc::new(rsa_key());
    for (manner, said) in [
        (Manner::SignsElse, "the signature that the key KEY made does not verify"),
        (Manner::SaysNothing, "gpg-agent did not sign: not a signature"),
        (Manner::Asks, "gpg-agent did not sign: 67108963 Operation cancelled <GPG Agent>"),
    ] {
        let Some((home, _)) = card(&key, manner) else { return };
        let fingerprint = certificate::fingerprint(&key.public);
        let signer = Signer::Agent(AgentKey::find(&fingerprint, Some(home.path())).expect("is there"));
        let ready = PackageSigner::new(&signer, &RSA, NOW).expect("may sign");
        let mut written = Vec::new();
        let error = ready.sign(package, &mut written).expect_err("is caught").to_string();
        assert_eq!(error.replace(&fingerprint, "KEY"), said, "{manner:?}");
        assert!(written.is_empty(), "{manner:?}: something was written");
        // So is a text.
        let error = signer.detached(TEXT, NOW).expect_err("is caught").to_string();
        assert_eq!(error.replace(&fingerprint, "KEY"), said, "{manner:?}");
        assert!(Keyring::of_signer(&signer, NOW).verify_detached(TEXT.as_bytes(), b"").is_err());
        assert!(verify_package(&Keyring::of_signer(&signer, NOW), package).is_err());
    }
}
