//! Keys with a passphrase, and asking for it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::*;

fn word(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec()))
}

#[test]
fn a_passphrase_opens_what_it_has_locked() {
    let plain = key(1, NOW, None);
    let locked = LockedKey::lock(key(1, NOW, None), &word("right"), StdRng::seed_from_u64(1)).expect("locks");
    let file = KeyFile::Locked(locked);
    let text = file.to_armored().expect("writes");
    let KeyFile::Locked(read) = KeyFile::parse(&text).expect("reads") else { panic!("is not locked") };
    assert!(read.unlock(&word("wrong")).is_none());
    assert!(read.unlock(&word("")).is_none());
    let open = read.unlock(&word("right")).expect("opens");
    assert_eq!(open.secret.primary_key.secret_params(), plain.secret.primary_key.secret_params());
    assert_eq!(read.public_key().fingerprint(), certificate::fingerprint(&plain.public));
    assert_eq!(
        format!("{read:?} {:?}", word("right")),
        format!("LockedKey({}) Passphrase", read.public_key().fingerprint())
    );
    assert_eq!(
        Signer::File(open).detached(TEXT, NOW).expect("signs"),
        Signer::File(plain).detached(TEXT, NOW).expect("signs")
    );
}

#[test]
fn what_is_no_single_key_file() {
    let one = KeyFile::Open(key(1, NOW, None)).to_armored().expect("writes");
    let two = KeyFile::Open(key(2, NOW, None)).to_armored().expect("writes");
    let of = |bytes: &[u8]| KeyFile::parse(bytes).map(|_| ()).expect_err("is refused");
    let public = signer(1).public_key_armored().expect("exports");
    assert_eq!(of(public.as_bytes()), NoKeyFile::Format);
    assert_eq!(of(&signer(1).public_key_binary().expect("exports")), NoKeyFile::Format);
    let binary = |armored: &[u8]| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut pgp::armor::Dearmor::new(armored), &mut bytes).expect("reads");
        bytes
    };
    let both = [binary(&one), binary(&two)].concat();
    assert_eq!(of(&both), NoKeyFile::Several);
    assert!(matches!(KeyFile::parse(&binary(&one)), Ok(KeyFile::Open(_))));
    // A tenth of a key is none, wherever it is cut, and nothing panics.
    let whole = binary(&one);
    for cut in 0..whole.len() {
        let _ = KeyFile::parse(&whole[..cut]);
        let mut changed = whole.clone();
        changed[cut] ^= 0x41;
        let _ = KeyFile::parse(&changed).map(|file| file.public_key().check(NOW));
    }
}

/// As much memory as the file wants is not taken.
#[test]
fn a_passphrase_that_takes_too_much_memory() {
    let argon = |m_enc| pgp::types::S2kParams::Aead {
        sym_alg: pgp::crypto::sym::SymmetricKeyAlgorithm::AES256,
        aead_mode: pgp::crypto::aead::AeadAlgorithm::Ocb,
        s2k: pgp::types::StringToKey::Argon2 { salt: [7; 16], t: 1, p: 1, m_enc },
        nonce: vec![1; 15].into(),
    };
    let mut locked = key(1, NOW, None);
    locked.secret.primary_key.set_password_with_s2k(&"word".into(), argon(6)).expect("locks");
    let text = file::armored(&locked.secret, &locked.public).expect("writes");
    let KeyFile::Locked(read) = KeyFile::parse(&text).expect("reads") else { panic!("is not locked") };
    assert!(read.unlock(&word("word")).is_some());
    // The one byte that says how much.
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut pgp::armor::Dearmor::new(&text[..]), &mut bytes).expect("reads");
    let at = bytes.windows(16).position(|window| window == [7; 16]).expect("has its salt") + 18;
    assert_eq!(bytes[at], 6);
    bytes[at] = 31;
    assert_eq!(KeyFile::parse(&bytes).map(|_| ()), Err(NoKeyFile::Protection));
}

/// What GnuPG exports is read: with a passphrase, and with a primary key that is elsewhere.
#[test]
fn files_of_gpg() {
    if !has("gpg") || !has("gpg-agent") {
        return;
    }
    let home = agent::Home::new();
    let fingerprint = home.make("gpg", "rsa2048", "word");
    let loopback = ["--pinentry-mode", "loopback", "--passphrase", "word"];
    home.gpg(&[&loopback[..], &["--quick-add-key", &fingerprint, "ed25519", "sign"]].concat());
    let export = |how: &str| {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(home.path()).args(["--batch", "--quiet"]).args(loopback).args([how, &fingerprint]);
        let output = command.output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    for how in ["--export-secret-keys", "--export-secret-subkeys"] {
        let KeyFile::Locked(locked) = KeyFile::parse(&export(how)).expect("reads") else {
            panic!("{how}: is not locked")
        };
        assert_eq!(locked.public_key().fingerprint(), fingerprint);
        assert_eq!(locked.public_key().kind(), "rsa2048");
        assert!(locked.unlock(&word("other")).is_none(), "{how}");
        // As it is kept: written by us, and read again.
        let text = KeyFile::Locked(locked).to_armored().expect("writes");
        let KeyFile::Locked(locked) = KeyFile::parse(&text).expect("reads") else { panic!("{how}: is not locked") };
        let signer = Signer::File(locked.unlock(&word("word")).expect("opens"));
        let text = signer.clear_sign(TEXT, clock()).expect("signs");
        for tool in tools() {
            verify_with(tool, text.as_bytes(), keyring(&[&signer]).path(), clock()).expect("verifies");
        }
    }
}

/// A pinentry that answers `GETPIN` with `answer`, and writes down what it is told.
fn pinentry(folder: &Path, answer: &str) -> PathBuf {
    let path = folder.join("pinentry");
    let script = format!(
        "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  echo \"$line\" >> '{}'\n  case $line in\n    \
         GETPIN) {answer} ;;\n    SETTIMEOUT*) echo 'ERR 83886360 unknown' ;;\n    *) echo '# a comment'; echo OK ;;\n  esac\ndone\n",
        folder.join("told").display()
    );
    std::fs::write(&path, script).expect("writes");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("sets");
    path
}

fn asked(answer: &str) -> (Result<Passphrase, PinentryError>, String) {
    let scratch = tempfile::tempdir().expect("temporary folder");
    let terminal = Terminal { path: "/dev/pts/7".into(), kind: Some("vt100".to_owned()) };
    let question =
        Question { description: "50 %\nof a key".to_owned(), prompt: "Passphrase:", complaint: Some("no".to_owned()) };
    let program = pinentry(scratch.path(), answer);
    let answer = ask(&program, &terminal, &question).map_err(|error| match error {
        PinentryError::Program { source, .. } => PinentryError::Program { program: "PINENTRY".into(), source },
        PinentryError::Refused { said, .. } => PinentryError::Refused { program: "PINENTRY".into(), said },
        other => other,
    });
    (answer, std::fs::read_to_string(scratch.path().join("told")).unwrap_or_default())
}

#[test]
fn a_person_is_asked() {
    let (answer, told) = asked("echo 'S STATUS'; echo 'D a%25b%0A c'; echo OK");
    assert!(answer.expect("answers").is(&word("a%b\n c")));
    assert_eq!(
        told,
        "OPTION ttyname=/dev/pts/7\nOPTION ttytype=vt100\nSETTIMEOUT 180\nSETDESC 50 %25%0Aof a key\n\
         SETPROMPT Passphrase:\nSETERROR no\nGETPIN\n"
    );
    assert!(asked("echo OK").0.expect("answers").is_empty());
}

#[test]
fn a_person_who_does_not_answer() {
    for (answer, said) in [
        ("echo 'ERR 83886179 Operation cancelled <Pinentry>'", "no passphrase was given: the question was cancelled"),
        ("echo 'ERR 83886278 Fully cancelled'", "no passphrase was given: the question was cancelled"),
        ("echo 'ERR 83886142 Timeout <Pinentry>'", "no passphrase was given within 3 minutes"),
        (
            "echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>'",
            "`PINENTRY` cannot ask for a passphrase: 83918950 Inappropriate ioctl for device <Pinentry>",
        ),
        ("exit 1", "asking for a passphrase with `PINENTRY`"),
        ("printf 'D %05000d\\n' 1; echo OK", "asking for a passphrase with `PINENTRY`"),
        ("for i in 1 2 3 4 5 6; do printf 'D %0900d\\n' 1; done; echo OK", "asking for a passphrase with `PINENTRY`"),
    ] {
        let error = asked(answer).0.expect_err(answer);
        assert_eq!(error.to_string(), said, "{answer}");
        assert_eq!(error.fault(), Cause::Environment);
        assert!(miette::Diagnostic::help(&error).is_some());
    }
    let question = Question { description: String::new(), prompt: "", complaint: None };
    let terminal = Terminal { path: "/dev/null".into(), kind: None };
    let error = ask(Path::new("/nonexistent/pinentry"), &terminal, &question).expect_err("is not there");
    assert_eq!(error.to_string(), "asking for a passphrase with `/nonexistent/pinentry`");
}

/// A glance sees each end that a closer look finds, in files of ours and of gpg, and sees nothing where there is none.
#[test]
fn ends_at_a_glance() {
    let kept = |file: KeyFile| file.to_armored().expect("writes");
    let never = kept(KeyFile::Open(key(1, NOW, None)));
    assert!(!may_end_by(&never, u64::MAX));
    let brief = || key(1, NOW, Some(YEAR));
    let locked = LockedKey::lock(brief(), &word("word"), StdRng::seed_from_u64(1)).expect("locks");
    for file in [kept(KeyFile::Open(brief())), kept(KeyFile::Locked(locked))] {
        assert!(!may_end_by(&file, NOW + YEAR - 1));
        assert!(may_end_by(&file, NOW + YEAR));
    }
    // What is no key, or a damaged one, is looked at more closely.
    for file in [&b""[..], b"nothing", b"\x99\x01", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n", &never[..200]] {
        assert!(may_end_by(file, NOW), "{file:?}");
    }
    if !has("gpg") || !has("gpg-agent") {
        return;
    }
    let home = agent::Home::new();
    let fingerprint = home.make("gpg", "rsa2048", "");
    let export = || {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(home.path()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", "", "--export-secret-keys", &fingerprint]).output().expect("runs").stdout
    };
    assert!(!may_end_by(&export(), clock() + 50 * YEAR));
    // A subkey that ends before the key does.
    home.gpg(&[
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
        "--quick-add-key",
        &fingerprint,
        "ed25519",
        "sign",
        "2y",
    ]);
    let file = export();
    assert!(!may_end_by(&file, clock() + YEAR) && may_end_by(&file, clock() + 2 * YEAR));
    let ends = KeyFile::parse(&file).expect("reads").public_key().ends(clock()).expect("may sign");
    assert!(ends.is_some_and(|ends| ends.abs_diff(clock() + 2 * YEAR) < 3_600), "{ends:?}");
}
