//! Clients that update in a loop while one generation after another is published: none of them ever sees anything but a
//! whole repository.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use opb::name::ChannelName;
use opb::path::HostPath;
use opb::publish::{Content, Naming, Part, Request, Way, publish};
use opb::repo::{KeepNothing, assemble};
use opb::store::Store;

use super::serve::serve;
use super::{Site, now, ready};

/// As many as a farm publishes in a month and a half.
const GENERATIONS: u32 = 50;

#[test]
fn apt_never_sees_half_of_a_switch() {
    if !ready() {
        return;
    }
    let mut site = Site::new();
    let store = Store::open(&HostPath::new(site.path("store"))).expect("opens");
    let channel = ChannelName::new("nightly").expect("a name");
    let current = store.channel_path(&channel).join("current").as_path().to_owned();
    let parts: Vec<Part> = (0..GENERATIONS).map(|turn| part(&mut site, &store, turn)).collect();
    let naming = Naming { url: Some(serve(current.clone())), grace: 3_600, ..Naming::default() };
    let publish_one = |part: &Part| {
        let (parts, naming, signer) = (std::slice::from_ref(part), &naming, &site.signer);
        let request = Request {
            channel: &channel,
            parts,
            way: Way::Published,
            pins: None,
            naming,
            signer,
            log: &|_, _, _| Ok(()),
            now: now() - 55,
        };
        assert!(publish(&store, &request).expect("publishes").new);
    };
    publish_one(&parts[0]);
    let entry = std::fs::read_to_string(current.join("opb-nightly-bookworm.sources")).expect("reads");
    let entry = entry.replace("/etc/apt/keyrings/opb-nightly.asc", &site.path("opb.pgp").display().to_string());
    std::fs::write(site.path("etc/sources.list.d/opb.sources"), entry).expect("written");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let (mut updates, mut seen) = (0, std::collections::BTreeSet::new());
            loop {
                let last = over.load(Ordering::Relaxed);
                site.update().unwrap_or_else(|said| panic!("update {updates}: {said}"));
                // What the list names is there, also if it is replaced at this moment.
                let output = site.apt(&["download", "opb-sample"]);
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let policy = String::from_utf8_lossy(&site.apt(&["install", "-s", "opb-sample"]).stdout).into_owned();
                seen.insert(policy.lines().find(|line| line.starts_with("Inst")).unwrap_or_default().to_owned());
                updates += 1;
                if last {
                    return (updates, seen.len());
                }
            }
        });
        for part in &parts[1..] {
            publish_one(part);
        }
        over.store(true, Ordering::Relaxed);
        let (updates, seen) = client.join().expect("the client ends well");
        assert!(updates >= 3 && seen >= 2, "{updates} updates saw {seen} versions: too few to show anything");
    });
}

/// A part whose only package has the version `1.TURN`.
fn part(site: &mut Site, store: &Store, turn: u32) -> Part {
    let arch = site.arch.clone();
    let name = "opb-sample";
    let (root, file): (PathBuf, PathBuf) = (
        site.path("work").join(format!("{name}-{turn}")),
        site.path("work").join(format!("{name}_1.{turn}_{arch}.deb")),
    );
    std::fs::create_dir_all(root.join("DEBIAN")).expect("makes folders");
    let control = format!(
        "Package: {name}\nVersion: 1.{turn}\nArchitecture: {arch}\nMaintainer: opb <opb@localhost>\nDescription: a sample\n"
    );
    std::fs::write(root.join("DEBIAN/control"), &control).expect("writes");
    super::run(Command::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&root).arg(&file));
    let bytes = std::fs::read(&file).expect("reads");
    store.put_bytes(&bytes).expect("stored");
    let binary = opb::repo::Binary {
        facts: opb::repo::Facts::new(&super::fields(&control), &[], name).expect("reads").into(),
        area: "main".to_owned(),
        file: site.blob(&file),
        udeb: false,
        made_by: "build:sample".to_owned(),
    };
    let settings = site.settings();
    let made = assemble(&settings, &[binary], &[], &KeepNothing).expect("assembles");
    for bytes in made.contents.values() {
        store.put_bytes(bytes).expect("stored");
    }
    let content = Content::Apt(made.suites.into());
    let (distro, tree) = ("debian-12".parse().expect("a name"), store.put_tree(&made.tree).expect("stored"));
    Part { distro, tree, content, imported: std::collections::BTreeSet::new() }
}
