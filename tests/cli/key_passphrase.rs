//! Keys with a passphrase: who is asked for it, where nobody is, and what a service gives instead.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A pinentry that gives one answer after the other, each a line of `answers`: `D word`, or `ERR …`.
fn pinentry(space: &Space, answers: &[&str]) {
    let folder = space.folder.path();
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("made");
    fs::write(folder.join("answers"), answers.iter().map(|line| format!("{line}\n")).collect::<String>())
        .expect("written");
    let script = format!(
        "#!/bin/sh\ncd '{}'\necho OK\nwhile read -r line; do\n  case $line in\n  GETPIN)\n    answer=$(head -n 1 answers)\n    \
         sed -i 1d answers\n    echo \"$answer\"\n    case $answer in D*) echo OK ;; esac ;;\n  *) echo \"$line\" >> told; echo OK ;;\n  \
         esac\ndone\n",
        folder.display()
    );
    fs::write(bin.join("pinentry"), script).expect("written");
    fs::set_permissions(bin.join("pinentry"), fs::Permissions::from_mode(0o755)).expect("set");
}

/// What was asked, since the last call.
fn told(space: &Space) -> String {
    let path = space.folder.path().join("told");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    text
}

/// What somebody sees who runs it at a terminal.
fn at_terminal(space: &Space, args: &[&str]) -> String {
    let pty = nix::pty::openpty(None, None).expect("a terminal");
    let mut command = with_pinentry(space, args);
    command.stdin(pty.slave).env("TERM", "vt100");
    let seen = space.seen_of(&mut command);
    drop(pty.master);
    seen
}

fn with_pinentry(space: &Space, args: &[&str]) -> Command {
    let mut command = space.command(args);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", space.folder.path().join("bin").display()));
    command
}

/// A project with a key whose passphrase is `word`.
fn locked() -> Space {
    let space = Space::two();
    pinentry(&space, &["D word", "D word"]);
    let seen = at_terminal(&space, &["key", "init", "--passphrase"]);
    assert_eq!(seen, "exit 0\n--- stdout\nkey nightly [DIGEST] in [HERE]/home/.config/opb/keys/nightly.key\n");
    space
}

/// Past the key, the publisher finds that nothing is built.
const UNLOCKED: &str = "is not built";

#[test]
fn it_is_asked_for_twice_once_and_never() {
    let space = locked();
    let asked = told(&space);
    assert!(asked.contains("OPTION ttyname=/dev/pts/") && asked.contains("OPTION ttytype=vt100\n"), "{asked}");
    assert!(asked.contains("SETDESC A passphrase for the new signing key nightly of opb\n"), "{asked}");
    assert_eq!(asked.matches("SETPROMPT Passphrase:\n").count(), 2);
    assert_eq!(asked.matches("once more\n").count(), 1);
    // What is public of a key is free.
    for args in [&["key", "list"][..], &["key", "export"], &["key", "status"], &["plan"]] {
        assert!(space.seen(args).starts_with("exit 0\n"), "{args:?}");
    }
    assert!(space.stdout(&["key", "status"]).contains("  kind         ed25519, with a passphrase\n"));
    pinentry(&space, &["D word"]);
    let seen = at_terminal(&space, &["repo", "publish"]);
    assert!(seen.contains(UNLOCKED), "{seen}");
    let asked = told(&space);
    assert!(asked.contains("SETDESC The signing key nightly of opb%0A(ed25519, "), "{asked}");
    assert_eq!(asked.matches("SETPROMPT").count(), 1);
}

#[test]
fn a_word_that_is_mistyped() {
    let space = locked();
    pinentry(&space, &["D other", "D word"]);
    told(&space);
    let seen = at_terminal(&space, &["repo", "publish"]);
    assert!(seen.contains(UNLOCKED), "{seen}");
    let asked = told(&space);
    assert!(asked.contains("SETERROR That is not its passphrase: 2 tries left\n"), "{asked}");
    pinentry(&space, &["D a", "D b", "D c", "D word"]);
    insta::assert_snapshot!(at_terminal(&space, &["repo", "publish"]), @r###"
    exit 3
    --- stderr
    opb::key::wrong_passphrase

      × none of 3 passphrases was that of the key `nightly`
      help: run it again; a passphrase that is lost cannot be found out, only the key be restored from a backup
    "###);
    assert_eq!(fs::read_to_string(space.folder.path().join("answers")).expect("there"), "D word\n");
    pinentry(&space, &["ERR 83886179 Operation cancelled"]);
    insta::assert_snapshot!(at_terminal(&space, &["repo", "publish"]), @r###"
    exit 3
    --- stderr
    opb::pinentry::cancelled

      × no passphrase was given: the question was cancelled
      help: run it again, and give the passphrase
    "###);
}

#[test]
fn nobody_to_ask() {
    let space = locked();
    pinentry(&space, &["D word"]);
    insta::assert_snapshot!(space.seen_of(&mut with_pinentry(&space, &["repo", "publish"])), @r###"
    exit 3
    --- stderr
    opb::key::no_terminal

      × the key `nightly` wants a passphrase, and there is no terminal to ask for it at
      help: give it as the systemd credential `opb-key-nightly` (`LoadCredential=`), or run this at a terminal
    "###);
    insta::assert_snapshot!(space.seen(&["key", "init", "--name", "other", "--passphrase"]), @r###"
    exit 3
    --- stderr
    opb::key::no_terminal

      × the key `other` wants a passphrase, and there is no terminal to ask for it at
      help: give it as the systemd credential `opb-key-other` (`LoadCredential=`), or run this at a terminal
    "###);
    let pty = nix::pty::openpty(None, None).expect("a terminal");
    let mut command = space.command(&["repo", "publish"]);
    command.env("PATH", "/nonexistent").stdin(pty.slave);
    insta::assert_snapshot!(space.seen_of(&mut command), @r###"
    exit 3
    --- stderr
    opb::key::no_pinentry

      × the key `nightly` wants a passphrase, and there is no program `pinentry` to ask for it
      help: install pinentry-curses or pinentry-tty, or give it as the systemd credential `opb-key-nightly`
    "###);
}

#[test]
fn a_new_passphrase_that_is_not_given_twice() {
    let space = Space::two();
    pinentry(&space, &["D a", "D b", "D ", "D c", "D d"]);
    insta::assert_snapshot!(at_terminal(&space, &["key", "init", "--passphrase"]), @r###"
    exit 3
    --- stderr
    opb::key::unconfirmed

      × the passphrase of the new key `nightly` was not given twice in 3 tries
      help: run it again, and give the same passphrase twice
    "###);
    let asked = told(&space);
    assert!(asked.contains("SETERROR The two were not the same\n"), "{asked}");
    assert!(asked.contains("SETERROR An empty one protects nothing\n"), "{asked}");
    assert_eq!(space.stdout(&["key", "list"]), "");
}

#[test]
fn a_service_has_it_as_a_credential() {
    let space = locked();
    let folder = space.folder.path().join("credentials");
    fs::create_dir(&folder).expect("made");
    let publish = |credential: Option<&str>| {
        let file = folder.join("opb-key-nightly");
        match credential {
            Some(text) => fs::write(&file, text).expect("written"),
            None => fs::remove_file(&file).expect("removed"),
        }
        space.seen_of(space.command(&["repo", "publish"]).env("CREDENTIALS_DIRECTORY", &folder))
    };
    for fine in ["word\n", "word"] {
        let seen = publish(Some(fine));
        assert!(seen.contains(UNLOCKED), "{seen}");
    }
    insta::assert_snapshot!(publish(Some("other\n")), @r###"
    exit 3
    --- stderr
    opb::key::wrong_credential

      × what the credential `[HERE]/credentials/opb-key-nightly` holds is not the passphrase of the key `nightly`
      help: put the passphrase of that key into the credential's source, in one line
    "###);
    let seen = publish(None);
    assert!(seen.contains("opb::key::no_terminal"), "{seen}");
    fs::create_dir(folder.join("opb-key-nightly")).expect("made");
    insta::assert_snapshot!(
        space.seen_of(space.command(&["repo", "publish"]).env("CREDENTIALS_DIRECTORY", &folder)), @r###"
    exit 3
    --- stderr
    opb::key::credential

      × cannot read the credential `[HERE]/credentials/opb-key-nightly`
      ╰─▶ Is a directory (os error 21)
      help: look at what `LoadCredential=` of the service says
    "###
    );
    // A key is made with one too, without asking anybody.
    fs::write(folder.join("opb-key-timer"), "secret\n").expect("written");
    let mut command = space.command(&["key", "init", "--name", "timer", "--passphrase"]);
    let seen = space.seen_of(command.env("CREDENTIALS_DIRECTORY", &folder));
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    fs::write(folder.join("opb-key-empty"), "\n").expect("written");
    let mut command = space.command(&["key", "init", "--name", "empty", "--passphrase"]);
    let seen = space.seen_of(command.env("CREDENTIALS_DIRECTORY", &folder));
    assert!(seen.contains("opb::key::wrong_credential"), "{seen}");
    let held = fs::read_to_string(space.folder.path().join("home/.config/opb/keys/timer.key")).expect("there");
    assert!(!held.contains("secret") && !space.stdout(&["key", "status"]).contains("secret"));
}
