//! Channels of APT repositories: names of suites, renewed signatures, what late clients find, and what is brought elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use cap_std::ambient_authority;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::digest::Sha256;
use crate::repo::{Binary, Blob, Facts, KeepNothing, Settings, assemble};
use crate::sign::{SecretKey, Signer};

mod shared;

const NOW: i64 = 1_795_860_000;
const DAY: i64 = 86_400;

/// Nobody asks what was signed.
fn log(_: u64, _: u64, _: &[SignedText]) -> Result<(), Failure> {
    Ok(())
}

struct Site {
    folder: tempfile::TempDir,
    store: Store,
    signer: Signers,
    naming: Naming,
    channel: ChannelName,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("made");
        let store = Store::open(&HostPath::new(folder.path().join("store"))).expect("opens");
        let key = SecretKey::generate("opb test", 1_700_000_000, None, StdRng::seed_from_u64(7));
        let signer = Signers::one(Signer::File(key.expect("makes a key")));
        let channel = ChannelName::new("nightly").expect("a name");
        Self { folder, store, signer, naming: Naming::default(), channel }
    }

    /// A part with one package for each `name version`.
    fn part(&self, distro: &str, codename: &str, packages: &[&str]) -> Part {
        let settings = Settings {
            origin: "opb".to_owned(),
            label: "opb".to_owned(),
            suite: codename.to_owned(),
            codename: codename.to_owned(),
            areas: vec!["main".to_owned()],
            description: "packages of this test".to_owned(),
            arches: ["amd64".parse().expect("plain")].into_iter().collect(),
        };
        let binary = |package: &&str| {
            let (name, version) = package.split_once(' ').expect("two words");
            let bytes = format!("{package} of {distro}").into_bytes();
            let fields = [("Package", name), ("Version", version), ("Architecture", "amd64"), ("Description", "test")];
            let control = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
            Binary {
                facts: Facts::new(&control, &[], name).expect("reads").into(),
                area: "main".to_owned(),
                file: Blob {
                    name: format!("{name}_{version}_amd64.deb"),
                    size: bytes.len() as u64,
                    sha256: Sha256::of(&bytes),
                    blake3: self.store.put_bytes(&bytes).expect("stored"),
                },
                udeb: false,
                made_by: "build:test".to_owned(),
            }
        };
        let binaries = packages.iter().map(binary).collect::<Vec<_>>();
        let made = assemble(&settings, &binaries, &[], &KeepNothing).expect("assembles");
        for bytes in made.contents.values() {
            self.store.put_bytes(bytes).expect("stored");
        }
        let tree = self.store.put_tree(&made.tree).expect("stored");
        let content = Content::Apt(made.suites.into());
        Part { distro: distro.parse().expect("a name"), tree, content, imported: BTreeSet::new() }
    }

    fn publish(&self, parts: &[Part], now: i64) -> Published {
        let (channel, naming, signer) = (&self.channel, &self.naming, &self.signer);
        publish(
            &self.store,
            &Request { channel, parts, way: Way::Published, pins: None, naming, signer, log: &log, now },
        )
        .expect("publishes")
    }

    fn current(&self) -> PathBuf {
        self.store.channel_path(&self.channel).join("current").as_path().to_owned()
    }

    fn read(&self, place: &str) -> String {
        let path = self.current().join(place);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn field(&self, place: &str, name: &str) -> String {
        let text = self.read(place);
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    fn generations(&self) -> Vec<String> {
        let folder = self.store.channel_path(&self.channel).join("generations");
        let mut names: Vec<String> = fs::read_dir(folder.as_path())
            .expect("reads")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_suite_has_the_names_of_its_channel() {
    let mut site = Site::new();
    let part = site.part("debian-12", "bookworm", &["a 1"]);
    site.naming.suite = Some("{codename}-vendor".to_owned());
    site.naming.origin = Some("Vendor".to_owned());
    site.naming.aliases = BTreeMap::from([("debian-12".parse().expect("a name"), vec!["stable".to_owned()])]);
    let first = site.publish(std::slice::from_ref(&part), NOW);
    assert_eq!((first.generation, first.new, first.packages), (1, true, 1));
    assert!(!site.current().join("dists/bookworm").exists());
    for name in ["bookworm-vendor", "stable"] {
        let release = format!("dists/{name}/Release");
        assert_eq!(site.field(&release, "Codename"), name);
        assert_eq!(site.field(&release, "Suite"), name);
        assert_eq!(site.field(&release, "Origin"), "Vendor");
        assert!(site.current().join(format!("dists/{name}/main/binary-amd64/Packages.xz")).exists());
        let entry = site.read(&format!("opb-nightly-{name}.sources"));
        assert!(entry.contains(&format!("\nSuites: {name}\n")), "{entry}");
    }
    let about: serde_json::Value = serde_json::from_str(&site.read("channel.json")).expect("JSON");
    assert_eq!(about["form"], "opb channel 1");
    assert_eq!(
        about["apt"],
        serde_json::json!([
            { "suite": "bookworm-vendor" },
            { "suite": "bookworm-vendor-debug" },
            { "suite": "stable" },
            { "suite": "stable-debug" },
        ])
    );
    // One more name needs no build, and is a new generation.
    site.naming.aliases.clear();
    assert!(site.publish(std::slice::from_ref(&part), NOW).new);
    // But for indexes that somebody may still ask for by their digest.
    assert!(!site.current().join("dists/stable/InRelease").exists());
    // Two distros cannot have one name.
    site.naming.suite = Some("vendor".to_owned());
    let parts = [part, site.part("debian-13", "trixie", &["b 1"])];
    let request = Request {
        channel: &site.channel,
        parts: &parts,
        way: Way::Published,
        pins: None,
        naming: &site.naming,
        signer: &site.signer,
        log: &log,
        now: NOW,
    };
    let refused = publish(&site.store, &request).expect_err("is refused");
    insta::assert_snapshot!(refused.to_string(), @"two distros of the channel have different files at `dists/vendor/main/binary-amd64/Packages.gz`");
}

#[test]
fn signatures_are_renewed_before_they_end() {
    let mut site = Site::new();
    site.naming.valid_for = Some(10 * 86_400);
    let part = [site.part("debian-12", "bookworm", &["a 1"])];
    let first = site.publish(&part, NOW);
    assert_eq!(first.valid_until, Some(NOW + 10 * DAY));
    let dates = |site: &Site| ["Date", "Valid-Until"].map(|name| site.field("dists/bookworm/Release", name));
    let before = dates(&site);
    assert_eq!(before, ["Sat, 28 Nov 2026 10:00:00 UTC", "Tue, 08 Dec 2026 10:00:00 UTC"]);
    let early = site.publish(&part, NOW + 4 * DAY);
    assert_eq!((early.new, early.renewed), (false, false), "more than half is left");
    let late = site.publish(&part, NOW + 6 * DAY);
    assert_eq!((late.generation, late.new, late.renewed), (1, false, true));
    assert_eq!(late.valid_until, Some(NOW + 16 * DAY));
    assert_ne!(dates(&site), before);
    assert_eq!(site.generations(), ["1", "1.1", "1.1.json", "1.json"], "who reads the former is not disturbed");
    // The next publication takes the former away; the generation goes on being the same.
    let third = site.publish(&part, NOW + 15 * DAY);
    assert_eq!((third.generation, third.renewed), (1, true));
    assert_eq!(site.generations(), ["1.1", "1.1.json", "1.2", "1.2.json"]);
    assert_eq!(generations(&site.store, &site.channel).expect("reads").len(), 1);
    // Without the setting, lists say no end again.
    site.naming.valid_for = None;
    assert!(site.publish(&part, NOW + 15 * DAY).renewed);
    assert!(!site.read("dists/bookworm/Release").contains("Valid-Until"));
    // What is new in a generation stays on its page.
    site.naming.valid_for = Some(10 * 86_400);
    let news = |site: &Site| site.read("index.html").contains("<code>a</code> 1 → 2");
    let next = [site.part("debian-12", "bookworm", &["a 2"])];
    assert!(site.publish(&next, NOW + 16 * DAY).new && news(&site));
    assert!(site.publish(&next, NOW + 22 * DAY).renewed && news(&site));
}

#[test]
fn what_was_replaced_stays_for_a_while() {
    let mut site = Site::new();
    site.naming.grace = 7 * 86_400;
    for (day, version) in [(0, "a 1"), (1, "a 2"), (2, "a 3"), (9, "a 4")] {
        site.publish(&[site.part("debian-12", "bookworm", &[version])], NOW + day * DAY);
    }
    let has = |version: &str| site.current().join(format!("pool/main/a/a/a_{version}_amd64.deb")).exists();
    assert_eq!(["1", "2", "3", "4"].map(has), [true; 4], "as long as a generation names it");
    let by_hash = site.current().join("dists/bookworm/main/binary-amd64/by-hash/SHA256");
    assert_eq!(fs::read_dir(by_hash).expect("reads").count(), 4, "two forms of two indexes");
    let retention = Retention { count: 1, age: 0, grace: 7 * 86_400 };
    let pruned = prune(&site.store, &site.channel, retention, NOW + 9 * DAY, true).expect("looks");
    assert_eq!((pruned.removed.clone(), pruned.kept), (vec![1, 2], 2));
    assert_eq!(site.generations().len(), 8, "nothing is gone yet");
    assert_eq!(prune(&site.store, &site.channel, retention, NOW + 9 * DAY, false).expect("removes"), pruned);
    assert_eq!(site.generations(), ["3", "3.json", "4", "4.json"]);
    assert_eq!(["1", "2", "3", "4"].map(has), [true; 4], "the third goes on keeping both");
    let kept = kept(&site.store).expect("reads");
    assert_eq!(kept.len(), 7, "two trees of two generations, and what these keep");
    // Generation 1 was replaced on day 1, generation 2 on day 2: 8 and 7 days before the fourth was made.
    let retention = Retention { count: 1, age: 0, grace: 0 };
    assert_eq!(prune(&site.store, &site.channel, retention, NOW + 9 * DAY, false).expect("removes").removed, [3]);
    assert_eq!(["1", "2", "3", "4"].map(has), [false, false, true, true]);
}

#[test]
fn an_earlier_state_comes_with_a_newer_date() {
    let site = Site::new();
    let [one, two] = ["a 1", "a 2"].map(|package| [site.part("debian-12", "bookworm", &[package])]);
    site.publish(&one, NOW);
    site.publish(&two, NOW + 100);
    let request = Request {
        channel: &site.channel,
        parts: &one,
        way: Way::RolledBack { to: 1 },
        pins: None,
        naming: &site.naming,
        signer: &site.signer,
        log: &log,
        // The clock was set back.
        now: NOW - 5_000,
    };
    let again = publish(&site.store, &request).expect("publishes");
    assert_eq!((again.generation, again.new), (3, true));
    let all = generations(&site.store, &site.channel).expect("reads");
    let dates: Vec<i64> = all.iter().map(|generation| generation.date).collect();
    assert_eq!(dates, [NOW, NOW + 100, NOW + 101]);
    assert_eq!(all[2].way, Way::RolledBack { to: 1 });
    assert_eq!(all[2].content, all[0].content);
    assert_eq!(all.iter().map(|generation| generation.parts[0].since).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_part_says_since_when_it_is_as_it_is() {
    let site = Site::new();
    let bookworm = site.part("debian-12", "bookworm", &["a 1"]);
    site.publish(std::slice::from_ref(&bookworm), NOW);
    site.publish(&[bookworm, site.part("debian-13", "trixie", &["b 1"])], NOW + 1);
    let last = current(&site.store, &site.channel).expect("reads").expect("is there");
    let since = last.parts.iter().map(|part| (part.part.distro.as_str(), part.since)).collect::<Vec<_>>();
    assert_eq!(since, [("debian-12", 1), ("debian-13", 2)]);
}

#[test]
fn a_changed_byte_is_not_published() {
    let site = Site::new();
    let part = [site.part("debian-12", "bookworm", &["a 1"])];
    let object = site.store.object_path(Digest::of(b"a 1 of debian-12"));
    fs::remove_file(object.as_path()).expect("removed");
    fs::write(object.as_path(), "b 1 of debian-12").expect("written");
    let request = Request {
        channel: &site.channel,
        parts: &part,
        way: Way::Published,
        pins: None,
        naming: &site.naming,
        signer: &site.signer,
        log: &log,
        now: NOW,
    };
    let refused = publish(&site.store, &request).expect_err("is refused");
    assert!(matches!(refused.report.downcast_ref::<StoreError>(), Some(StoreError::Altered { .. })), "{refused}");
    assert!(!site.current().exists());
}

#[test]
fn a_keyring_package_has_a_version_for_each_content() {
    let mut site = Site::new();
    site.naming.keyring = true;
    site.naming.maintainer = "Vendor packages <packages@example.org>".to_owned();
    let part = [site.part("debian-12", "bookworm", &["a 1"])];
    let place = |version: u32| format!("pool/keyring/o/opb-nightly-keyring/opb-nightly-keyring_{version}_all.deb");
    let has = |site: &Site| [1, 2, 3].map(|version| site.current().join(place(version)).exists());
    assert!(site.publish(&part, NOW).new);
    assert_eq!(has(&site), [true, false, false]);
    assert!(!site.publish(&part, NOW + 1).new, "the same keys, the same package");
    assert_eq!(site.field("dists/bookworm/Release", "Components"), "main keyring");
    assert!(!site.read("dists/bookworm-debug/Release").contains("keyring"));
    let entry = site.read("opb-nightly-bookworm.sources");
    assert!(entry.contains("\nComponents: main keyring\nSigned-By: /usr/share/keyrings/opb-nightly.asc\n"), "{entry}");
    let package = fs::read(site.current().join(place(1))).expect("reads");
    let read = crate::package::deb::read(package.as_slice()).expect("is a package");
    insta::assert_snapshot!(read.control(), @r"
    Package: opb-nightly-keyring
    Version: 1
    Architecture: all
    Multi-Arch: foreign
    Maintainer: Vendor packages <packages@example.org>
    Section: misc
    Priority: optional
    Description: keys of the package repository nightly
     With this package installed, apt goes on trusting the channel
     nightly when its key changes.
    ");
    // Another key, and the former one again: a version that was published never gets other bytes.
    let other = SecretKey::generate("opb test", 1_700_000_000, None, StdRng::seed_from_u64(8)).expect("makes a key");
    let former = std::mem::replace(&mut site.signer, Signers::one(Signer::File(other)));
    site.publish(&part, NOW + 2);
    assert_eq!(has(&site), [true, true, false], "the former for late clients");
    site.signer = former;
    site.publish(&part, NOW + 3);
    assert_eq!(has(&site), [true, true, true]);
}

#[test]
fn the_page_escapes_what_others_wrote() {
    let mut site = Site::new();
    site.naming.label = Some("<script>alert(1)</script> & \"co\"".to_owned());
    site.naming.url = Some("https://example.org/deb/".to_owned());
    site.publish(&[site.part("debian-12", "bookworm", &["a 1", "gone 1"])], NOW);
    site.publish(&[site.part("debian-12", "bookworm", &["a 2", "b 1"])], NOW + 1);
    let page = site.read("index.html");
    assert!(!page.contains("<script>"), "{page}");
    for wanted in [
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;co&quot;",
        "<li><code>a</code> 1 → 2 <small>amd64</small></li>",
        "<code>b</code> <b class=\"added\">new</b> 1",
        "<code>gone</code> <b class=\"removed\">gone</b> 1",
        "curl -fsSLo /etc/apt/keyrings/opb-nightly.asc https://example.org/deb/opb-nightly.asc",
        "<tr><td>b</td><td>1</td><td>amd64</td></tr>",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in\n{page}");
    }
}

#[test]
fn a_folder_elsewhere_is_switched_too() {
    let site = Site::new();
    let place = site.folder.path().join("www");
    fs::create_dir(&place).expect("made");
    let to = place.display().to_string();
    let open = |path: &HostPath| Dir::open_ambient_dir(path.as_path(), ambient_authority());
    let push = || push::push(&site.store, &site.channel, &to, open).expect("brings").new;
    assert!(!push(), "nothing is published yet");
    for (turn, package) in [(1, "a 1"), (2, "a 2"), (3, "a 3")] {
        site.publish(&[site.part("debian-12", "bookworm", &[package])], NOW + turn);
        // What a push that was killed left behind is in nobody's way.
        fs::create_dir_all(place.join(format!("generations/{turn}.partial/pool"))).expect("made");
        assert!(push());
        assert!(!push(), "it is there already");
        assert_eq!(
            fs::read_link(place.join("current")).expect("a link").display().to_string(),
            format!("generations/{turn}")
        );
        let list = "current/dists/bookworm/InRelease";
        assert_eq!(fs::read(place.join(list)).expect("reads"), site.read("dists/bookworm/InRelease").into_bytes());
    }
    let mut left: Vec<_> =
        fs::read_dir(place.join("generations")).expect("reads").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["2", "3"], "the one that was current before stays for who reads it");
    let nowhere = push::push(&site.store, &site.channel, "/nonexistent/www", open).expect_err("is not there");
    insta::assert_snapshot!(crate::diag::chain(nowhere.report.as_ref()), @"cannot open `/nonexistent/www`: No such file or directory (os error 2)");
}
