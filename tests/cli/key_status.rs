//! `opb key status` and `key log`, and the warning before a key ends.

use cap_std::ambient_authority;
use opb::name::ChannelName;
use opb::ops::key::SignedLine;
use opb::sign::{KeyFolder, SecretKey};

use super::*;

pub(super) const DAY: u64 = 86_400;

pub(super) fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970")
}

/// Puts a key into the folder of keys that was made at a time and lasts for another.
pub(super) fn put(space: &Space, name: &str, made: u64, lasts: Option<u64>) {
    let path = space.folder.path().join("home/.config/opb/keys");
    let keys = KeyFolder::open_or_create(&path, ambient_authority()).expect("opens");
    let key = SecretKey::generate("opb test", made, lasts, rand::rngs::OsRng).expect("makes a key");
    keys.save(name, &key).expect("saves");
}

/// A text with days in place of dates.
pub(super) fn undated(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', '"', ',', '`']);
    let is_day = |word: &str| {
        word.len() >= 10 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-' && word.starts_with("20")
    };
    words
        .map(|word| {
            if is_day(word) {
                format!("DAY{}", &word[word.trim_end_matches([' ', '\n', '"', ',', '`']).len()..])
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[test]
fn keys_and_what_they_sign() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["key", "status"]), @r###"
    exit 0
    --- stderr
    note: there is no key: `opb key init` makes one
    "###);
    let made = now() - 100 * DAY;
    put(&space, "nightly", made, Some(100 * DAY + 43 * DAY + 3_600));
    put(&space, "old", made, Some(97 * DAY - 3_600));
    put(&space, "vendor", made, None);
    space.file("opb.toml", "[channel.nightly]\n[channel.stable]\nkey = \"vendor\"\n[channel.beta]\nkey = \"vendor\"\n");
    insta::assert_snapshot!(undated(&space.seen(&["key", "status"])), @r###"
    exit 4
    --- stdout
    nightly ends in 43 days, on DAY
      kind         ed25519
      fingerprint  [DIGEST]
      kept in      [HERE]/home/.config/opb/keys/nightly.key
      made on      DAY
      signs        nightly

    old ended 3 days ago, on DAY
      kind         ed25519
      fingerprint  [DIGEST]
      kept in      [HERE]/home/.config/opb/keys/old.key
      made on      DAY

    vendor does not end
      kind         ed25519
      fingerprint  [DIGEST]
      kept in      [HERE]/home/.config/opb/keys/vendor.key
      made on      DAY
      signs        beta, stable
    "###);
    insta::assert_snapshot!(undated(&space.seen(&["key", "status", "vendor"])), @r###"
    exit 0
    --- stdout
    vendor does not end
      kind         ed25519
      fingerprint  [DIGEST]
      kept in      [HERE]/home/.config/opb/keys/vendor.key
      made on      DAY
      signs        beta, stable
    "###);
    let outside = tempfile::tempdir().expect("made");
    let seen = undated(&space.seen_of(space.command(&["key", "status", "vendor"]).current_dir(outside.path())));
    assert!(seen.starts_with("exit 0\n") && !seen.contains("signs"), "{seen}");
    let seen = space.seen(&["key", "status", "nobody"]);
    assert!(seen.starts_with("exit 3\n") && seen.contains("opb::sign::no_key"), "{seen}");
}

#[test]
fn the_same_as_json() {
    let space = Space::two();
    let json = |code: i32| -> serde_json::Value {
        let output = space.command(&["key", "status", "--format", "json"]).output().expect("runs");
        assert_eq!(output.status.code(), Some(code));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    schema::conforms("key-status", &json(0));
    put(&space, "nightly", now() - DAY, Some(DAY + 43 * DAY + 3_600));
    put(&space, "nightly.next", now() - DAY, None);
    let read = json(4);
    schema::conforms("key-status", &read);
    let key = &read["keys"][0];
    assert_eq!(key["name"], "nightly");
    assert_eq!((&key["standing"], &key["days"]), (&"ending".into(), &43.into()));
    assert_eq!((&key["channels"], &key["kind"]), (&serde_json::json!(["nightly"]), &"ed25519".into()));
    assert_eq!((&key["successor"]["standing"], &key["successor"]["ends"]), (&"good".into(), &serde_json::Value::Null));
}

#[test]
fn who_builds_is_warned() {
    let space = Space::two();
    let warned = |args: &[&str]| {
        let output = space.command(args).output().expect("runs");
        let text = String::from_utf8(output.stderr).expect("text");
        text.lines().filter(|line| line.contains("the key")).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = [&["plan"][..], &["build", "--dry-run"], &["build"], &["repo", "publish"]];
    for args in all {
        assert_eq!(warned(args), [""; 0].map(str::to_owned), "{args:?}: there is no key");
    }
    put(&space, "nightly", now() - DAY, Some(DAY + 61 * DAY));
    put(&space, "elsewhere", now() - DAY, Some(2 * DAY));
    assert!(warned(&["plan"]).is_empty(), "it is early");
    let key = space.folder.path().join("home/.config/opb/keys/nightly.key");
    fs::remove_file(&key).expect("removed");
    put(&space, "nightly", now() - DAY, Some(DAY + 43 * DAY + 3_600));
    for args in all {
        assert_eq!(warned(args), ["note: the key `nightly` ends in 43 days: run `opb key rotate nightly`"], "{args:?}");
    }
    assert!(warned(&["--quiet", "plan"]).is_empty());
    // A damaged key is the affair of whoever needs it.
    fs::write(&key, "nothing").expect("written");
    assert!(warned(&["plan"]).is_empty());
    fs::remove_file(&key).expect("removed");
    put(&space, "nightly", now() - 4 * DAY, Some(DAY));
    assert_eq!(warned(&["plan"]), ["note: the key `nightly` ended 3 days ago: run `opb key rotate nightly`"]);
    // While both sign, there is nothing to do before it can be finished, or the old one has ended.
    fs::remove_file(&key).expect("removed");
    put(&space, "nightly", now() - DAY, Some(DAY + 43 * DAY + 3_600));
    put(&space, "nightly.next", now() - DAY, None);
    assert!(warned(&["plan"]).is_empty());
    fs::remove_file(key.with_file_name("nightly.next.key")).expect("removed");
    put(&space, "nightly.next", now() - 15 * DAY, None);
    assert_eq!(warned(&["plan"]), ["note: the key `nightly` ends in 43 days: run `opb key rotate nightly --finish`"]);
}

/// The note on a key of gpg-agent has its end, so that nobody need ask gpg for it.
#[test]
fn the_end_of_a_key_in_the_agent_is_known() {
    let space = Space::two();
    let keys = space.folder.path().join("home/.config/opb/keys");
    space.stdout(&["key", "init", "--name", "other"]);
    let note = format!("fingerprint = \"{}\"\nends = {}\n", "A".repeat(40), now() + 2 * DAY + 60);
    fs::write(keys.join("nightly.agent"), note).expect("written");
    let seen = space.seen_of(space.command(&["plan"]).env("PATH", "/nonexistent"));
    assert!(seen.contains("note: the key `nightly` ends in 2 days: run `opb key rotate nightly`"), "{seen}");
}

#[test]
fn what_a_key_has_signed() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["key", "log"]), @r###"
    exit 3
    --- stderr
    opb::sign::no_key

      × there is no signing key `[HERE]/home/.config/opb/keys/nightly.key`
      help: make one with `opb key init --name nightly`
    "###);
    space.stdout(&["key", "init"]);
    assert_eq!(space.seen(&["key", "log"]), "exit 0\n");
    let line = SignedLine {
        time: 1_795_957_200,
        channel: ChannelName::new("nightly").expect("a name"),
        generation: 7,
        file: "dists/book\u{1b}worm/InRelease".to_owned(),
        sha256: Sha256::of(b"text"),
        keys: vec!["A".repeat(40), "B".repeat(40)],
    };
    let text = serde_json::to_string(&line).expect("JSON");
    let path = space.folder.path().join("home/.config/opb/keys/nightly.signed.jsonl");
    fs::write(path, format!("{text}\ntorn\n{text}\n")).expect("written");
    insta::assert_snapshot!(space.seen(&["key", "log"]), @r###"
    exit 0
    --- stdout
    2026-11-29T13:00:00Z nightly 7 [DIGEST] [DIGEST],[DIGEST] dists/book\u{1b}worm/InRelease
    2026-11-29T13:00:00Z nightly 7 [DIGEST] [DIGEST],[DIGEST] dists/book\u{1b}worm/InRelease
    "###);
}
