//! `opb repo check`: what people and programs see of it, and its exit codes.

use opb::repo::{Binary, Blob, Facts, Fields, KeepNothing, Settings, assemble, release_text};
use opb::sign::{SecretKey, Signer};
use opb::tree::Entry;

use super::*;

/// A time that is three hours ago for the length of a test.
fn date() -> i64 {
    jiff::Timestamp::now().as_second() - 3 * 3_600 - 60
}

/// A channel of one package in `served/`, signed at that time, and valid for so many seconds from then on.
fn channel(space: &Space, date: i64, lasts: Option<i64>) {
    let bytes = b"tiny 1";
    let pairs = [
        ("Package", "tiny"),
        ("Version", "1"),
        ("Architecture", "amd64"),
        ("Maintainer", "opb"),
        ("Description", "a sample"),
    ];
    let file = Blob {
        name: "tiny_1_amd64.deb".to_owned(),
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        blake3: Digest::of(bytes),
    };
    let control: Fields = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let binary = Binary {
        facts: Facts::new(&control, &[], "tiny").expect("reads").into(),
        area: "main".to_owned(),
        file,
        udeb: false,
        made_by: "build:tiny".to_owned(),
    };
    let settings = Settings {
        origin: "opb".to_owned(),
        label: "opb nightly".to_owned(),
        suite: "nightly".to_owned(),
        codename: "oasis".to_owned(),
        areas: vec!["main".to_owned()],
        description: "packages of this test".to_owned(),
        arches: ["amd64".parse().expect("plain")].into_iter().collect(),
    };
    let made = assemble(&settings, &[binary], &[], &KeepNothing).expect("assembles");
    for (path, entry) in made.tree.iter() {
        // One suite is enough here.
        if let Entry::File { digest, .. } = entry
            && !path.as_bytes().starts_with(b"dists/oasis-debug/")
        {
            put(space, &path.to_string(), made.contents.get(digest).map_or(bytes.as_slice(), |bytes| bytes));
        }
    }
    let key = SecretKey::generate("opb test", 1_700_000_000, None, rand::rngs::OsRng);
    let signer = Signer::File(key.expect("makes a key"));
    let release =
        release_text(&settings, &made.suites[0].indexes, date, lasts.map(|lasts| date + lasts)).expect("writes");
    let time = u64::try_from(date).expect("after 1970");
    put(space, "dists/oasis/Release", release.as_bytes());
    put(space, "dists/oasis/InRelease", signer.clear_sign(&release, time).expect("signs").as_bytes());
    put(space, "dists/oasis/Release.gpg", signer.detached(&release, time).expect("signs").as_bytes());
    put(space, "opb-nightly.asc", signer.public_key_armored().expect("exports").as_bytes());
}

fn put(space: &Space, path: &str, bytes: &[u8]) {
    let place = space.path("served").join(path);
    fs::create_dir_all(place.parent().expect("below")).expect("made");
    fs::write(place, bytes).expect("written");
}

/// The same without the dates of this test.
fn seen(space: &Space, args: &[&str], dates: &[i64]) -> String {
    let told = space.seen(&[&["repo", "check"], args].concat());
    dates.iter().fold(told, |told, date| {
        let shown = jiff::Timestamp::from_second(*date).expect("a time").strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        told.replace(&shown, "[DATE]")
    })
}

#[test]
fn a_sound_channel() {
    let (space, date) = (Space::bare(), date());
    channel(&space, date, Some(8 * 86_400));
    insta::assert_snapshot!(seen(&space, &["served"], &[date]), @r"
    exit 0
    --- stdout
    sound        apt oasis: 6 indexes; 1 of 1 package there; of [DATE], 3 hours old; valid for 7 days more; signed by [DIGEST]
    file:[HERE]/project/served: 1 sound
    --- stderr
    note: trust on first use: the key came from the repository itself, so it is shown only that all there fits together; give the key that clients have with `--key FILE`
    ");
    let args = ["served", "--key", "served/opb-nightly.asc", "--packages", "all", "--max-age", "1d"];
    insta::assert_snapshot!(seen(&space, &args, &[date]), @r"
    exit 0
    --- stdout
    sound        apt oasis: 6 indexes; 1 of 1 package there, 1 read; of [DATE], 3 hours old; valid for 7 days more; signed by [DIGEST]
    file:[HERE]/project/served: 1 sound
    ");
}

#[test]
fn faults_and_what_to_do() {
    let (space, date) = (Space::bare(), date());
    channel(&space, date, None);
    fs::remove_file(space.path("served/pool/main/t/tiny/tiny_1_amd64.deb")).expect("removed");
    let args = ["served", "--key", "served/opb-nightly.asc", "--max-age", "2h"];
    insta::assert_snapshot!(seen(&space, &args, &[date]), @r"
    exit 4
    --- stdout
    faulty       apt oasis: 6 indexes; 0 of 1 package there; of [DATE], 3 hours old; signed by [DIGEST]; 2 faults
      `dists/oasis/InRelease`: its date is [DATE], and it may be at most 2 hours old
        help: see why nothing was published since, or allow more with `--max-age`
      `pool/main/t/tiny/tiny_1_amd64.deb`: it is not there
        help: publish again; where files are copied to the server, copy lists last, and remove what they named only later
    file:[HERE]/project/served: 1 faulty; 2 faults
    ");
    // Who wants to hear of faults alone hears of nothing else.
    let quiet = seen(&space, &["served", "-q"], &[date]);
    assert!(quiet.starts_with("exit 4\n--- stdout\nfaulty ") && !quiet.contains("trust on first use"), "{quiet}");
    assert_eq!(seen(&space, &["served", "-q", "--packages", "none"], &[]), "exit 0\n");
    let output = space.command(&["repo", "check", "served", "--format", "json"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(4));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    schema::conforms("repo-check", &report);
    let repository = &report["repositories"][0];
    assert_eq!((&report["sound"], &repository["state"]), (&false.into(), &"faulty".into()));
    assert_eq!(repository["faults"][0]["code"], "opb::client::missing");
}

#[test]
fn what_was_seen_is_kept() {
    let (space, date) = (Space::bare(), date());
    channel(&space, date, None);
    let args = ["served", "--state", "seen.json", "--packages", "none"];
    assert!(seen(&space, &args, &[]).starts_with("exit 0\n"));
    let kept = fs::read_to_string(space.path("seen.json")).expect("written");
    assert!(kept.contains("\"form\": \"opb repo check 1\"") && kept.contains("apt oasis of file:"), "{kept}");
    channel(&space, date - 60, None);
    let told = seen(&space, &[&args[..], &["--key", "served/opb-nightly.asc"]].concat(), &[date, date - 60]);
    assert!(told.starts_with("exit 4\n"), "{told}");
    assert!(told.contains("`dists/oasis/InRelease`: its date is [DATE], and [DATE] was seen here already"), "{told}");
    assert_eq!(fs::read_to_string(space.path("seen.json")).expect("there"), kept);
    assert_eq!(
        fs::read_dir(space.path("."))
            .expect("reads")
            .flatten()
            .filter(|one| one.file_name().to_string_lossy().starts_with(".tmp"))
            .count(),
        0
    );
    space.file("seen.json", "{}");
    insta::assert_snapshot!(seen(&space, &args, &[]), @r"
    exit 2
    --- stderr
    opb::repo_check::not_state

      × cannot understand `[HERE]/project/seen.json`
      ╰─▶ it is not what `opb repo check --state` writes: missing field `form` at line 1 column 2
      help: name another file, or remove this one: what was seen before is then not known any more
    ");
    insta::assert_snapshot!(seen(&space, &["served", "--state", "none/seen.json"], &[]), @r"
    exit 3
    --- stderr
    opb::repo_check::state

      × cannot open the folder of `[HERE]/project/none/seen.json`
      ╰─▶ No such file or directory (os error 2)
      help: name a file in a folder that you may write with `--state`
    ");
}

#[test]
fn nothing_to_look_at() {
    let space = Space::bare();
    insta::assert_snapshot!(seen(&space, &["none"], &[]), @r"
    exit 3
    --- stderr
    opb::client::folder

      × cannot open `[HERE]/project/none`
      ╰─▶ No such file or directory (os error 2)
      help: see that it is there and that you may read it
    ");
    insta::assert_snapshot!(seen(&space, &["recipes"], &[]), @r"
    exit 2
    --- stderr
    opb::client::nothing

      × `file:[HERE]/project/recipes` does not say what is published there: it has no `channel.json` and no `repodata/repomd.xml`
      help: name suites with `--suite`, as in `--suite bookworm`, and YUM repositories with `--yum`, as in `--yum rpm/el-9/x86_64`
    ");
    insta::assert_snapshot!(seen(&space, &["https://me:secret@example.org/x", "--offline"], &[]), @r"
    exit 2
    --- stderr
    opb::repo_check::offline

      × cannot look at `https://example.org/x` without network
      help: leave out `--offline`, or name the folder that is served
    ");
    space.file("key.asc", "hello");
    insta::assert_snapshot!(seen(&space, &["recipes", "--key", "key.asc"], &[]), @r"
    exit 2
    --- stderr
    opb::repo_check::key

      × cannot read public keys from `[HERE]/project/key.asc`
      ╰─▶ it holds no public key
      help: name a file with the public key that clients have, as `opb key export` writes it
    ");
    // A port that nobody listens at.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let told = seen(&space, &[&url], &[]);
    assert!(told.starts_with("exit 3\n--- stderr\nopb::client::unreachable\n"), "{told}");
}
