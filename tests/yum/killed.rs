//! A publisher that is killed anywhere leaves a whole repository: the old one or the new one.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

use cap_std::ambient_authority;
use opb::digest::{Digest, Sha256};
use opb::distro::Repodata;
use opb::path::HostPath;
use opb::publish::{Content, Naming, Part, Request, Way, YumSettings, publish};
use opb::sign::rpm::{Keyring, verify_package};
use opb::sign::{KeyFolder, Signer, Signers};
use opb::store::Store;

use super::generations::{Channel, NOW, name, unlogged};
use super::{ready, run};

/// What the publisher is told by the environment.
const FOLDER: &str = "OPB_TEST_FOLDER";
const TREE: &str = "OPB_TEST_TREE";
const TURN: &str = "OPB_TEST_TURN";

/// A process of its own, which the test below starts and kills; run with all the others, it has nothing to do.
#[test]
fn publisher() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&HostPath::new(Path::new(&folder).join("store"))).expect("opens");
    let keys = KeyFolder::open_or_create(&Path::new(&folder).join("keys"), ambient_authority()).expect("opens");
    let signer = Signers::one(Signer::File(keys.load("key").expect("a key")));
    let tree: Digest = std::env::var(TREE).expect("told").parse().expect("a digest");
    let part = part(&std::env::var(TURN).expect("told"), tree);
    let (channel, naming) = (&name(), &Naming::default());
    let request = Request {
        channel,
        parts: &[part],
        way: Way::Published,
        pins: None,
        naming,
        signer: &signer,
        log: &unlogged,
        now: NOW,
    };
    let published = publish(&store, &request).expect("publishes");
    assert!(published.new);
}

fn part(turn: &str, tree: Digest) -> Part {
    let settings = YumSettings {
        distro: "mini-1".parse().expect("a name"),
        description: turn.to_owned(),
        repodata: Repodata::Gz,
        signing: super::generations::SIGNING,
    };
    Part { distro: "mini-1".parse().expect("a name"), tree, content: Content::Yum(settings) }
}

fn start(channel: &Channel, tree: Digest, turn: u32) -> Child {
    let program = std::env::current_exe().expect("this one");
    Command::new(program)
        .args(["--exact", "killed::publisher"])
        .env(FOLDER, channel.site.folder.path())
        .env(TREE, tree.to_string())
        .env(TURN, format!("turn {turn}"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("starts")
}

/// Whether everything that is current is signed, whole and there: from the signature of each `repomd.xml` to each package.
fn verify(channel: &Channel) {
    let current = fs::canonicalize(channel.current()).expect("published");
    // Each generation has a later date than the one before, though the clock stands still.
    let keyring = Keyring::of_signer(channel.signer.main(), NOW.unsigned_abs() + 1_000);
    for repository in ["x86_64", "aarch64", "SRPMS"] {
        let folder = current.join("rpm/mini-1").join(repository);
        let read = |place: &str| fs::read(folder.join(place)).unwrap_or_else(|error| panic!("{place}: {error}"));
        let list = read("repodata/repomd.xml");
        keyring.verify_detached(&list, &read("repodata/repomd.xml.asc")).expect("is signed");
        let list = String::from_utf8(list).expect("text");
        let places = values(&list, "<location href=\"", "\"");
        let sums = values(&list, "<checksum type=\"sha256\">", "<");
        assert_eq!((places.len(), sums.len()), (3, 3), "{list}");
        for (place, sum) in places.iter().zip(sums) {
            assert_eq!(Sha256::of(&read(place)).to_string(), sum, "{place}");
        }
        let primary = run(Command::new("zcat").arg(folder.join(places[0])));
        let primary = String::from_utf8(primary.stdout).expect("text");
        let places = values(&primary, "<location href=\"", "\"");
        assert!(!places.is_empty());
        for (place, sum) in places.iter().zip(values(&primary, "pkgid=\"YES\">", "<")) {
            let package = read(place);
            assert_eq!(Sha256::of(&package).to_string(), sum, "{place}");
            verify_package(&keyring, &package[..]).expect("is signed");
        }
    }
}

fn values<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

#[test]
fn a_killed_publisher_leaves_a_whole_repository() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    let Signer::File(key) = channel.signer.main() else { panic!("a key in a file") };
    let keys = KeyFolder::open_or_create(&channel.site.path("keys"), ambient_authority()).expect("opens");
    keys.save("key", key).expect("saved");
    let trees = ["1", "2"].map(|version| {
        channel.anew();
        channel.build(&["tiny", "tiny-doc"], version);
        channel.part("mini-1", Repodata::Gz).tree
    });
    let whole = |turn: u32| {
        let began = Instant::now();
        let ended = start(&channel, trees[turn as usize % 2], turn).wait().expect("ends");
        assert!(ended.success());
        began.elapsed()
    };
    // The first time is slower than those that follow.
    whole(1_000);
    let usual = whole(1_001).min(whole(1_002));
    let mut killed = 0;
    for turn in 1..=20 {
        let mut child = start(&channel, trees[turn as usize % 2], turn);
        // Spread over all that publishing does; the last ones may come to their end.
        std::thread::sleep(usual * turn / 18);
        child.kill().expect("sent");
        killed += u32::from(child.wait().expect("ends").code().is_none());
        verify(&channel);
    }
    assert!(killed > 5, "only {killed} of 20 publishers were killed");
    whole(100);
    verify(&channel);
    let generations = fs::canonicalize(channel.current()).expect("published");
    let left = fs::read_dir(generations.parent().expect("a folder")).expect("reads").flatten();
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("partial")));
}

#[test]
fn pieces_that_are_torn_are_made_again() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny", "tiny-doc"], "1");
    channel.publish_at(NOW).expect("publishes");
    let pieces = channel.store.channel_path(&name()).join("pieces");
    let before = fs::read_dir(pieces.as_path()).expect("reads").flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    // One for both arches, in which the same packages lie, one of sources, and the list of signed packages.
    assert_eq!(before.len(), 3);
    for piece in &before {
        let bytes = fs::read(piece).expect("reads");
        fs::write(piece, &bytes[..bytes.len() / 2]).expect("written");
    }
    fs::write(pieces.join("strange").as_path(), "").expect("written");
    assert!(!channel.publish_at(NOW).expect("publishes").new, "the same came out");
    channel.anew();
    channel.build(&["tiny", "tiny-doc"], "2");
    channel.publish_at(NOW).expect("publishes");
    verify(&channel);
    // What no repository needs any more is gone.
    let after = fs::read_dir(pieces.as_path()).expect("reads").flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    assert_eq!(after.len(), 3);
    assert_eq!(after.iter().filter(|piece| before.contains(piece)).count(), 1, "the list has its place: {after:?}");
}

#[test]
fn a_signed_package_that_is_lost_is_signed_again() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    let found = run(Command::new("find").arg("-L").arg(channel.current()).args(["-name", "*.noarch.rpm"]));
    let found = String::from_utf8(found.stdout).expect("text");
    let signed = fs::read(found.lines().next().expect("one at least")).expect("reads");
    let object = channel.store.object_path(Digest::of(&signed));
    fs::remove_file(object.as_path()).expect("removed");
    assert!(!channel.publish_at(NOW).expect("publishes").new, "the same signature came out");
    assert_eq!(fs::read(object.as_path()).expect("is there again"), signed);
    verify(&channel);
}
