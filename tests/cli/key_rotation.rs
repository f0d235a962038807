//! `opb key rotate`: another key takes a key's place.

use super::key_status::{DAY, now, put, undated};
use super::*;

fn keys(space: &Space) -> PathBuf {
    space.folder.path().join("home/.config/opb/keys")
}

/// The fingerprint of the key of that name.
fn fingerprint(space: &Space, name: &str) -> String {
    let listed = space.stdout(&["key", "list"]);
    let line = listed.lines().find(|line| line.starts_with(&format!("{name} "))).expect("listed");
    line.split(' ').nth(1).expect("a fingerprint").to_owned()
}

fn files(space: &Space) -> Vec<String> {
    let entries = fs::read_dir(keys(space)).expect("there");
    let mut files: Vec<String> =
        entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    files
}

#[test]
fn a_rotation_from_its_beginning_to_its_end() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["key", "rotate"]), @r###"
    exit 3
    --- stderr
    opb::sign::no_key

      × there is no signing key `[HERE]/home/.config/opb/keys/nightly.key`
      help: make one with `opb key init --name nightly`
    "###);
    put(&space, "nightly", now() - 400 * DAY, None);
    let old = fingerprint(&space, "nightly");
    insta::assert_snapshot!(space.seen(&["key", "rotate", "nightly", "--finish"]), @r###"
    exit 2
    --- stderr
    opb::key::not_rotating

      × the key `nightly` is not being rotated
      help: begin with `opb key rotate nightly`
    "###);
    insta::assert_snapshot!(undated(&space.seen(&["key", "rotate", "nightly"])), @r###"
    exit 0
    --- stdout
    successor [DIGEST] in [HERE]/home/.config/opb/keys/nightly.next.key
    both sign from the next `opb repo publish` on; from DAY on, run `opb key rotate nightly --finish`
    "###);
    assert_eq!(files(&space), ["nightly.key", "nightly.next.key"]);
    assert_eq!(fingerprint(&space, "nightly"), old, "packages go on being signed by it");
    insta::assert_snapshot!(undated(&space.seen(&["key", "rotate"])), @r###"
    exit 2
    --- stderr
    opb::key::rotating

      × the key `nightly` is being rotated already, since DAY
      help: finish that with `opb key rotate nightly --finish`; what comes after it can be a rotation again
    "###);
    // Three years, or a second less.
    let status = undated(&space.seen(&["key", "status"])).replace("1095 days", "1094 days");
    insta::assert_snapshot!(status, @r###"
    exit 0
    --- stdout
    nightly does not end
      kind         ed25519
      fingerprint  [DIGEST]
      kept in      [HERE]/home/.config/opb/keys/nightly.key
      made on      DAY
      signs        nightly
      successor    [DIGEST]
                   ed25519, made on DAY, ends in 1094 days, on DAY
                   takes its place by `opb key rotate nightly --finish`, from DAY on
    "###);
    let both = space.stdout(&["key", "export"]);
    assert_eq!(both.matches("-----BEGIN").count(), 1, "{both}");
    insta::assert_snapshot!(undated(&space.seen(&["key", "rotate", "--finish"])), @r###"
    exit 2
    --- stderr
    opb::key::early

      × the key `nightly` is being rotated since DAY only, and its successor is to sign beside it until DAY
      help: wait until then, so that clients can fetch the new public key; `--now` cuts those off that have not: do so only where the old key is lost, has ended or is known to others
    "###);
    // A fortnight later.
    fs::remove_file(keys(&space).join("nightly.next.key")).expect("removed");
    put(&space, "nightly.next", now() - 14 * DAY - 60, None);
    let seen = space.seen(&["key", "rotate", "--finish"]);
    let id = old[24..].to_ascii_lowercase();
    insta::assert_snapshot!(seen.replace(&id, "ID"), @r###"
    exit 0
    --- stdout
    key nightly [DIGEST] in [HERE]/home/.config/opb/keys/nightly.key
    retired [DIGEST] in [HERE]/home/.config/opb/keys/nightly.retired-ID.key
    "###);
    assert_eq!(files(&space), ["nightly.key".to_owned(), format!("nightly.retired-{id}.key")]);
    let new = fingerprint(&space, "nightly");
    assert_ne!(new, old);
    assert!(space.stdout(&["key", "export"]).len() < both.len());
    assert_eq!(space.stdout(&["key", "list"]).lines().count(), 1, "what is retired is no key any more");
    // And again.
    space.stdout(&["key", "rotate"]);
    space.stdout(&["key", "rotate", "--finish", "--now"]);
    assert_eq!(files(&space).len(), 3);
    assert_ne!(fingerprint(&space, "nightly"), new);
}

#[test]
fn a_crash_between_the_two_renames() {
    let space = Space::two();
    put(&space, "nightly", now() - 400 * DAY, None);
    put(&space, "nightly.next", now() - 20 * DAY, None);
    fs::rename(keys(&space).join("nightly.key"), keys(&space).join("nightly.retired-1.key")).expect("renamed");
    // It is finished, but for the name of a file.
    let new = fingerprint(&space, "nightly");
    let seen = space.seen(&["key", "init"]);
    assert!(seen.contains("opb::key::exists"), "{seen}");
    let seen = space.seen(&["repo", "publish"]);
    assert!(seen.contains("is not built"), "{seen}");
    insta::assert_snapshot!(space.seen(&["key", "rotate", "--finish"]), @r###"
    exit 0
    --- stdout
    key nightly [DIGEST] in [HERE]/home/.config/opb/keys/nightly.key
    "###);
    assert_eq!(files(&space), ["nightly.key", "nightly.retired-1.key"]);
    assert_eq!(fingerprint(&space, "nightly"), new);
}

#[test]
fn of_several_at_once_one_succeeds() {
    let space = Space::two();
    put(&space, "nightly", now() - 400 * DAY, None);
    let at_once = |args: &[&str]| {
        let start = |_| space.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        let children: Vec<_> = (0..6).map(start).collect();
        let codes = children.into_iter().map(|mut child| child.wait().expect("ends").code());
        codes.filter(|code| *code == Some(0)).count()
    };
    assert_eq!(at_once(&["key", "rotate"]), 1);
    assert_eq!(files(&space), ["nightly.key", "nightly.next.key"]);
    assert_eq!(at_once(&["key", "rotate", "--finish", "--now"]), 1);
    assert_eq!(files(&space).len(), 2);
    assert_eq!(at_once(&["key", "init", "--name", "fresh"]), 1);
}

#[test]
fn the_successor_is_of_the_kind_that_is_asked_for() {
    let space = Space::two();
    space.stdout(&["key", "init", "--user", "Vendor Packages"]);
    space.stdout(&["key", "rotate", "--kind", "rsa"]);
    let status = space.json(&["key", "status", "--format", "json"]);
    assert_eq!(status["keys"][0]["successor"]["kind"], "rsa3072");
    let seen = space.seen(&["key", "rotate", "--finish", "--kind", "rsa"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("cannot be used with"), "{seen}");
    let seen = space.seen(&["key", "rotate", "--now"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("--finish"), "{seen}");
}

/// A key with a passphrase gets a successor with one, also where nobody asks for it.
#[test]
fn a_successor_is_protected_as_the_key_is() {
    let space = Space::two();
    let folder = space.folder.path().join("credentials");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("opb-key-nightly"), "old\n").expect("written");
    fs::write(folder.join("opb-key-nightly.next"), "new\n").expect("written");
    let run = |args: &[&str]| space.seen_of(space.command(args).env("CREDENTIALS_DIRECTORY", &folder));
    assert!(run(&["key", "init", "--passphrase"]).starts_with("exit 0\n"));
    let seen = space.seen(&["key", "rotate"]);
    assert!(seen.contains("the key `nightly.next` wants a passphrase, and there is no terminal"), "{seen}");
    assert!(run(&["key", "rotate"]).starts_with("exit 0\n"));
    let status = space.json(&["key", "status", "--format", "json"]);
    assert_eq!(status["keys"][0]["successor"]["passphrase"], true);
    assert!(run(&["key", "rotate", "--finish", "--now"]).starts_with("exit 0\n"));
    let seen = run(&["repo", "publish"]);
    assert!(seen.contains("opb::key::wrong_credential"), "it has the passphrase of the successor now: {seen}");
    fs::write(folder.join("opb-key-nightly"), "new\n").expect("written");
    let seen = run(&["repo", "publish"]);
    assert!(seen.contains("is not built"), "{seen}");
}
