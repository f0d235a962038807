//! Channels of RPM distros: what a generation holds, and that a name never gets other bytes.

use std::fs;
use std::path::PathBuf;

use opb::diag::Failure;
use opb::distro::{Repodata, Signing, SigningDigest, SigningKey};
use opb::name::{ChannelName, DistroName};
use opb::package::rpm::Package;
use opb::path::HostPath;
use opb::publish::{
    Content, Naming, Part, Published, Request, Retention, SignedText, Way, YumSettings, prune, publish,
};
use opb::repo::yum::{Unsigned, lay_out};
use opb::sign::{SecretKey, Signer, Signers};
use opb::store::Store;

use super::{Site, ready, run};

/// A time at which all keys of these tests are valid, and which no machine's clock is before.
pub const NOW: i64 = 1_710_000_000;

/// How packages are signed.
pub const SIGNING: Signing = Signing { key: SigningKey::Ed25519, digest: SigningDigest::Sha256 };

/// A store with a channel, for which packages are built by `rpmbuild`.
pub struct Channel {
    pub site: Site,
    pub store: Store,
    pub signer: Signers,
    pub naming: Naming,
}

impl Channel {
    pub fn new() -> Self {
        let site = Site::new();
        let store = Store::open(&HostPath::new(site.path("store"))).expect("a store");
        Self { site, store, signer: signer(), naming: Naming::default() }
    }

    /// Builds packages of these names and of version `version`, each with one file.
    pub fn build(&self, names: &[&str], version: &str) {
        let (first, others) = names.split_first().expect("a name");
        let mut spec = format!(
            "Name: {first}\nVersion: {version}\nRelease: 1\nSummary: tiny\nLicense: MIT\nBuildArch: noarch\n%description\nTiny.\n"
        );
        for name in others {
            spec += &format!("%package -n {name}\nSummary: tiny {name}\n%description -n {name}\nTiny.\n");
        }
        spec += "%install\nmkdir -p %{buildroot}/usr/share/tiny\n";
        for name in names {
            spec += &format!("echo {name} {version} > %{{buildroot}}/usr/share/tiny/{name}\n");
        }
        for name in names {
            spec += &format!("%files -n {name}\n/usr/share/tiny/{name}\n");
        }
        let path = self.site.path("tiny.spec");
        fs::write(&path, spec).expect("written");
        self.site.build(&path);
    }

    /// Forgets what was built.
    pub fn anew(&self) {
        fs::remove_dir_all(self.site.path("flat")).expect("removed");
        fs::create_dir(self.site.path("flat")).expect("made");
    }

    /// What was built, as a distro's part of the channel.
    pub fn part(&self, distro: &str, repodata: Repodata) -> Part {
        let mut packages = Vec::new();
        for file in fs::read_dir(self.site.path("flat")).expect("reads").flatten() {
            let bytes = fs::read(file.path()).expect("reads");
            let package = Package::read(&bytes[..]).expect("reads");
            packages.push(Unsigned {
                name: package.name().to_owned(),
                version: format!("{}-{}", package.version(), package.release()),
                arch: package.arch().to_owned(),
                file: file.file_name().into_string().expect("plain"),
                digest: self.store.put_bytes(&bytes).expect("stored"),
                size: bytes.len() as u64,
                is_debug: false,
                made_by: "build:tiny".to_owned(),
            });
        }
        let tree = lay_out(&["x86_64", "aarch64"], &packages).expect("lays out");
        let distro = DistroName::new(distro).expect("a name");
        let settings = YumSettings {
            distro: distro.clone(),
            description: format!("Packages for {distro}"),
            repodata,
            signing: SIGNING,
        };
        let (tree, content) = (self.store.put_tree(&tree).expect("stored"), Content::Yum(settings));
        Part { distro, tree, content, imported: std::collections::BTreeSet::new() }
    }

    pub fn publish_at(&self, now: i64) -> Result<Published, Failure> {
        let parts = [self.part("mini-1", Repodata::Gz)];
        self.publish_in(&name(), &parts, now)
    }

    pub fn publish_in(&self, channel: &ChannelName, parts: &[Part], now: i64) -> Result<Published, Failure> {
        let (naming, signer) = (&self.naming, &self.signer);
        let (way, log) = (Way::Published, &unlogged);
        publish(&self.store, &Request { channel, parts, way, pins: None, naming, signer, log, now })
    }

    pub fn current(&self) -> PathBuf {
        self.store.channel_path(&name()).join("current").as_path().to_owned()
    }

    /// All files below `current`, with digests shortened.
    pub fn files(&self) -> String {
        let found = run(std::process::Command::new("find").current_dir(self.current()).args([".", "-type", "f"]));
        let found = String::from_utf8(found.stdout).expect("text");
        let mut files: Vec<String> = found.lines().map(|line| self.shown(&line[2..])).collect();
        files.sort();
        files.join("\n")
    }

    /// A text with digests and ids of keys as words.
    pub fn shown(&self, text: &str) -> String {
        let words = text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit());
        let words = words.map(|word| {
            let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_hexdigit()).len();
            let name = match digits {
                64 => "SHA256",
                16 => "KEY",
                _ => &word[..digits],
            };
            [name, &word[digits..]].concat()
        });
        words.collect()
    }
}

/// Nobody asks what was signed.
pub fn unlogged(_: u64, _: u64, _: &[SignedText]) -> Result<(), Failure> {
    Ok(())
}

pub fn name() -> ChannelName {
    ChannelName::new("nightly").expect("a name")
}

pub fn signer() -> Signers {
    Signers::one(key())
}

pub fn key() -> Signer {
    let key = SecretKey::generate("opb test", 1_700_000_000, None, rand::rngs::OsRng);
    Signer::File(key.expect("makes a key"))
}

#[test]
fn what_a_generation_holds() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny", "tiny-doc"], "1");
    let first = channel.publish_at(NOW).expect("publishes");
    assert_eq!((first.generation, first.new, first.packages), (1, true, 2));
    insta::assert_snapshot!(channel.files(), @r#"
channel.json
index.html
opb-nightly-mini-1.repo
opb-nightly.asc
rpm/mini-1/SRPMS/Packages/KEY/t/tiny-1-1.src.rpm
rpm/mini-1/SRPMS/repodata/SHA256-filelists.xml.gz
rpm/mini-1/SRPMS/repodata/SHA256-other.xml.gz
rpm/mini-1/SRPMS/repodata/SHA256-primary.xml.gz
rpm/mini-1/SRPMS/repodata/repomd.xml
rpm/mini-1/SRPMS/repodata/repomd.xml.asc
rpm/mini-1/aarch64-debug/repodata/SHA256-filelists.xml.gz
rpm/mini-1/aarch64-debug/repodata/SHA256-other.xml.gz
rpm/mini-1/aarch64-debug/repodata/SHA256-primary.xml.gz
rpm/mini-1/aarch64-debug/repodata/repomd.xml
rpm/mini-1/aarch64-debug/repodata/repomd.xml.asc
rpm/mini-1/aarch64/Packages/KEY/t/tiny-1-1.noarch.rpm
rpm/mini-1/aarch64/Packages/KEY/t/tiny-doc-1-1.noarch.rpm
rpm/mini-1/aarch64/repodata/SHA256-filelists.xml.gz
rpm/mini-1/aarch64/repodata/SHA256-other.xml.gz
rpm/mini-1/aarch64/repodata/SHA256-primary.xml.gz
rpm/mini-1/aarch64/repodata/repomd.xml
rpm/mini-1/aarch64/repodata/repomd.xml.asc
rpm/mini-1/x86_64-debug/repodata/SHA256-filelists.xml.gz
rpm/mini-1/x86_64-debug/repodata/SHA256-other.xml.gz
rpm/mini-1/x86_64-debug/repodata/SHA256-primary.xml.gz
rpm/mini-1/x86_64-debug/repodata/repomd.xml
rpm/mini-1/x86_64-debug/repodata/repomd.xml.asc
rpm/mini-1/x86_64/Packages/KEY/t/tiny-1-1.noarch.rpm
rpm/mini-1/x86_64/Packages/KEY/t/tiny-doc-1-1.noarch.rpm
rpm/mini-1/x86_64/repodata/SHA256-filelists.xml.gz
rpm/mini-1/x86_64/repodata/SHA256-other.xml.gz
rpm/mini-1/x86_64/repodata/SHA256-primary.xml.gz
rpm/mini-1/x86_64/repodata/repomd.xml
rpm/mini-1/x86_64/repodata/repomd.xml.asc
"#);
    let file = fs::read_to_string(channel.current().join("opb-nightly-mini-1.repo")).expect("reads");
    let place = channel.current().display().to_string();
    insta::assert_snapshot!(file.replace(&place, "/CURRENT"), @r#"
[opb-nightly]
name=Packages for mini-1
baseurl=file:///CURRENT/rpm/mini-1/$basearch
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///CURRENT/opb-nightly.asc

[opb-nightly-debuginfo]
name=Packages for mini-1: debug symbols
baseurl=file:///CURRENT/rpm/mini-1/$basearch-debug
enabled=0
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///CURRENT/opb-nightly.asc

[opb-nightly-source]
name=Packages for mini-1: sources
baseurl=file:///CURRENT/rpm/mini-1/SRPMS
enabled=0
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///CURRENT/opb-nightly.asc
"#);
    let again = channel.publish_at(NOW + 100).expect("publishes");
    assert_eq!((again.generation, again.new, again.packages), (1, false, 2));
}

fn revision(channel: &Channel) -> i64 {
    let text = fs::read_to_string(channel.current().join("rpm/mini-1/x86_64/repodata/repomd.xml")).expect("reads");
    let revision = text.split("<revision>").nth(1).and_then(|rest| rest.split('<').next()).expect("has one");
    assert_eq!(text.matches(&format!("<timestamp>{revision}</timestamp>")).count(), 3);
    revision.parse().expect("a number")
}

#[test]
fn late_clients_find_what_they_have_read_of() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    let mut before: Vec<String> = Vec::new();
    for (version, now) in [("1", NOW), ("2", NOW - 1_000), ("3", NOW + 5_000)] {
        channel.anew();
        channel.build(&["tiny"], version);
        let last = if before.is_empty() { 0 } else { revision(&channel) };
        channel.publish_at(now).expect("publishes");
        assert!(revision(&channel) > last, "{version}: the revision grows, whatever the clock does");
        let listed = |_: ()| {
            let found =
                run(std::process::Command::new("find").current_dir(channel.current()).args([".", "-name", "*.*"]));
            let found = String::from_utf8(found.stdout).expect("text");
            found.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let now = listed(());
        let of_generation =
            |name: &&String| name.contains(&format!("tiny-{version}-1")) || name.contains("-primary.xml.gz");
        assert!(now.iter().filter(of_generation).count() >= 6, "{now:#?}");
        assert!(before.iter().all(|name| now.contains(name)), "{before:#?} {now:#?}");
        // Of what is kept for late clients, only the generation before is.
        before = now.into_iter().filter(|name| name.contains(&format!("tiny-{version}-1"))).collect();
        assert_eq!(before.len(), 3, "two arches and the source");
    }
    // What older generations alone name goes with them.
    let retention = Retention { count: 1, age: 0, grace: 0 };
    assert!(channel.files().contains("tiny-1-1"));
    prune(&channel.store, &name(), retention, NOW + 5_000, false).expect("removes");
    assert!(!channel.files().contains("tiny-1-1") && channel.files().contains("tiny-2-1"));
    let read = |which: &str| -> String {
        let text = fs::read_to_string(channel.current().join("rpm/mini-1/x86_64/repodata/repomd.xml")).expect("reads");
        let href = text.split("href=\"").find(|part| part.contains(which)).and_then(|part| part.split('"').next());
        let file = channel.current().join("rpm/mini-1/x86_64").join(href.expect("listed"));
        String::from_utf8(run(std::process::Command::new("zcat").arg(file)).stdout).expect("text")
    };
    let primary = read("-primary");
    assert!(primary.contains("packages=\"1\"") && primary.contains("tiny-3-1.noarch.rpm"), "{primary}");
}

#[test]
fn a_name_never_gets_other_bytes() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    channel.anew();
    channel.build(&["other"], "1");
    channel.publish_at(NOW + 1).expect("publishes");
    channel.anew();
    channel.build(&["tiny", "more"], "1");
    let refused = channel.publish_at(NOW + 2).expect_err("is refused");
    insta::assert_snapshot!(channel.shown(&refused.to_string()), @r#"`rpm/mini-1/SRPMS/Packages/KEY/t/tiny-1-1.src.rpm` was published before with other content"#);
    assert!(channel.files().contains("other-1-1.noarch.rpm"), "what was published stays");
}

#[test]
fn another_key_has_places_of_its_own() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let mut channel = Channel::new();
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    let before = std::mem::replace(&mut channel.signer, signer());
    let second = channel.publish_at(NOW).expect("publishes");
    assert_eq!((second.generation, second.new), (2, true));
    let current = channel.current();
    let place = |signer: &Signers| {
        let key = signer.main().fingerprint().to_ascii_lowercase()[24..].to_owned();
        current.join(format!("rpm/mini-1/x86_64/Packages/{key}/t/tiny-1-1.noarch.rpm"))
    };
    let [old, new] = [&before, &channel.signer].map(|signer| fs::read(place(signer)).expect("is there"));
    assert_ne!(old, new);
    // The former key again: what it signed is the same for ever.
    channel.signer = before;
    channel.publish_at(NOW).expect("publishes");
    assert_eq!(fs::read(place(&channel.signer)).expect("is there"), old);
}

#[test]
fn what_lost_its_signature_is_not_published() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    let whole = channel.part("mini-1", Repodata::Gz);
    // As if somebody had put the unsigned package in the place of the signed one.
    let file = channel.current().join("rpm/mini-1/x86_64/Packages");
    let found = run(std::process::Command::new("find").arg(file).args(["-name", "*.rpm"]));
    let file = String::from_utf8(found.stdout).expect("text");
    let signed = fs::read(file.trim_end()).expect("reads");
    let object = channel.store.object_path(opb::digest::Digest::of(&signed));
    let mut bytes = signed.clone();
    let at = bytes.windows(7).position(|part| part == b"noarch\0").expect("its arch");
    bytes[at] = b'N';
    fs::remove_file(object.as_path()).expect("removed");
    fs::write(object.as_path(), bytes).expect("written");
    let other = ChannelName::new("other").expect("a name");
    let refused = channel.publish_in(&other, &[whole], NOW).expect_err("is refused");
    insta::assert_snapshot!(channel.shown(&opb::diag::chain(refused.report.as_ref())), @r#"`rpm/mini-1/aarch64/Packages/KEY/t/tiny-1-1.noarch.rpm` would be published without a signature of the channel's key: the signature by the key KEY does not fit the package"#);
    assert!(!channel.store.channel_path(&other).join("current").as_path().exists());
}

#[test]
fn one_channel_has_both_kinds() {
    if !ready(&["rpmbuild"]) {
        return;
    }
    let channel = Channel::new();
    channel.build(&["tiny"], "1");
    let settings = opb::repo::Settings {
        origin: "opb".to_owned(),
        label: "nightly".to_owned(),
        suite: "bookworm".to_owned(),
        codename: "bookworm".to_owned(),
        areas: vec!["main".to_owned()],
        description: "packages".to_owned(),
        arches: ["amd64".parse().expect("plain")].into_iter().collect(),
    };
    let made = opb::repo::assemble(&settings, &[], &[], &opb::repo::KeepNothing).expect("assembles");
    for bytes in made.contents.values() {
        channel.store.put_bytes(bytes).expect("stored");
    }
    let tree = channel.store.put_tree(&made.tree).expect("stored");
    let distro = "debian-12".parse().expect("a name");
    let deb =
        Part { distro, tree, content: Content::Apt(made.suites.into()), imported: std::collections::BTreeSet::new() };
    let parts = [channel.part("mini-1", Repodata::Gz), deb, channel.part("mini-2", Repodata::Xz)];
    channel.publish_in(&name(), &parts, NOW).expect("publishes");
    let files = channel.files();
    let tops: std::collections::BTreeSet<&str> = files
        .lines()
        .map(|line| {
            line.rsplit_once('/').map_or(line, |_| {
                let depth = if line.starts_with("rpm/") { 2 } else { 1 };
                let end = line.match_indices('/').nth(depth - 1).map_or(line.len(), |(at, _)| at);
                &line[..end]
            })
        })
        .collect();
    insta::assert_snapshot!(tops.into_iter().collect::<Vec<_>>().join("\n"), @r#"
channel.json
dists
index.html
opb-nightly-bookworm.sources
opb-nightly-mini-1.repo
opb-nightly-mini-2.repo
opb-nightly.asc
rpm/mini-1
rpm/mini-2
"#);
}
