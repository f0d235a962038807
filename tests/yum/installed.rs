//! What dnf takes, with packages and metadata checked by signature, over HTTP; and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};

use opb::distro::Repodata;
use opb::sign::Signers;

use super::dnf::{Machine, said};
use super::generations::{Channel, NOW};
use super::ready;
use super::serve::serve;

/// A published channel that is served, and a machine that knows it.
fn served() -> Option<(Channel, Machine)> {
    if !ready(&["rpmbuild", "dnf"]) {
        return None;
    }
    let mut channel = Channel::new();
    channel.naming.url = Some(serve(channel.current()));
    Some((channel, Machine::new()))
}

fn repo(channel: &Channel) -> PathBuf {
    channel.current().join("opb-nightly-mini-1.repo")
}

#[test]
fn dnf_installs_what_is_signed() {
    let Some((channel, machine)) = served() else { return };
    channel.build(&["tiny", "tiny-doc"], "1");
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let output = machine.dnf(&["install", "tiny", "tiny-doc"]);
    assert!(output.status.success(), "{}", said(&output));
    let file = machine.path("root/usr/share/tiny/tiny-doc");
    assert_eq!(fs::read_to_string(file).expect("installed"), "tiny-doc 1\n");
}

/// The only file below `current` whose path has all of `parts`, the last of them at its end.
fn find(channel: &Channel, parts: &[&str]) -> PathBuf {
    let found = super::run(std::process::Command::new("find").arg("-L").arg(channel.current()).args(["-type", "f"]));
    let found = String::from_utf8(found.stdout).expect("text");
    let (last, others) = parts.split_last().expect("one at least");
    let wanted = |line: &&str| line.ends_with(last) && others.iter().all(|part| line.contains(part));
    let files: Vec<&str> = found.lines().filter(wanted).collect();
    let [file] = files[..] else { panic!("{parts:?}: {files:?}") };
    PathBuf::from(file)
}

/// Changes one byte of a published file, and nothing of the store, which it is a link to.
fn change(file: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(file).expect("reads");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::remove_file(file).expect("removed");
    fs::write(file, bytes).expect("written");
}

#[test]
fn dnf_takes_a_newer_version_and_sources() {
    let Some((channel, machine)) = served() else { return };
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let output = machine.dnf(&["install", "tiny"]);
    assert!(output.status.success(), "{}", said(&output));
    channel.anew();
    channel.build(&["tiny"], "2~rc1");
    channel.publish_at(NOW).expect("publishes");
    let output = machine.dnf(&["upgrade"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(machine.path("root/usr/share/tiny/tiny")).expect("installed"), "tiny 2~rc1\n");
    let output = machine.dnf(&["--repo=opb-nightly-source", "repoquery", "-q", "--qf=%{name}-%{evr}.%{arch}"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "tiny-2~rc1-1.src\n", "{}", said(&output));
}

#[test]
fn dnf_reads_every_compression() {
    let Some((channel, machine)) = served() else { return };
    // As many pieces as a large repository has.
    let names: Vec<String> = (0..300).map(|at| format!("tiny{at:03}")).collect();
    channel.build(&names.iter().map(String::as_str).collect::<Vec<_>>(), "1");
    for repodata in [Repodata::Gz, Repodata::Xz, Repodata::Zst] {
        let part = channel.part("mini-1", repodata);
        channel.publish_in(&super::generations::name(), &[part], NOW).expect("publishes");
        machine.add(&repo(&channel));
        let output = machine.dnf(&["repoquery", "-q", "--qf=%{name}"]);
        let said = said(&output);
        let found = names.iter().filter(|name| said.lines().any(|line| line == **name)).count();
        assert_eq!(found, names.len(), "{repodata:?}: {said}");
    }
    let output = machine.dnf(&["install", "tiny000", "tiny299"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn an_empty_repository_is_one() {
    let Some((channel, machine)) = served() else { return };
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let output = machine.dnf(&["makecache"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = machine.dnf(&["repoquery", "-q", "--qf=%{name}", "--enablerepo=*"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_changed_byte_is_refused() {
    let Some((channel, machine)) = served() else { return };
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let here = &*format!("/{}/", std::env::consts::ARCH);
    let refused = |parts: &[&str], at: &dyn Fn(usize) -> usize, why: &str| {
        let file = find(&channel, &[&[here], parts].concat());
        let before = fs::read(&file).expect("reads");
        change(&file, at);
        let output = machine.dnf(&["install", "tiny"]);
        assert!(!output.status.success() && said(&output).contains(why), "{parts:?}: {}", said(&output));
        assert!(!machine.path("root/usr/share/tiny/tiny").exists(), "{parts:?}");
        fs::write(&file, before).expect("written");
    };
    refused(&["tiny-1-1.noarch.rpm"], &|length| length - 1, "checksum");
    refused(&["primary.xml.gz"], &|length| length / 2, "checksum");
    // In the digest of the primary metadata, which would let another file be taken for it.
    refused(&["repomd.xml"], &|_| 300, "GPG");
    refused(&["repomd.xml.asc"], &|length| length / 2, "GPG");
    let output = machine.dnf(&["install", "tiny"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn another_key_is_refused() {
    let Some((channel, machine)) = served() else { return };
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let key = channel.current().join("opb-nightly.asc");
    fs::remove_file(&key).expect("removed");
    fs::write(&key, super::generations::key().public_key_armored().expect("a key")).expect("written");
    let output = machine.dnf(&["install", "tiny"]);
    assert!(!output.status.success(), "{}", said(&output));
    // Who leaves out the check of metadata has that of packages.
    let output = machine.dnf(&["install", "tiny", "--setopt=opb-nightly.repo_gpgcheck=0"]);
    assert!(!output.status.success() && said(&output).contains("GPG"), "{}", said(&output));
    assert!(!machine.path("root/usr/share/tiny/tiny").exists());
}

/// What two keys sign is taken with the public key of either, and with both in one file.
#[test]
fn two_signatures_are_taken_with_either_key() {
    let Some((mut channel, machine)) = served() else { return };
    channel.build(&["tiny"], "1");
    let (old, new) = (super::generations::key(), super::generations::key());
    let alone = [&old, &new].map(|signer| signer.public_key_armored().expect("a key"));
    channel.signer = Signers::new(old, vec![new]);
    channel.publish_at(NOW).expect("publishes");
    machine.add(&repo(&channel));
    let key = channel.current().join("opb-nightly.asc");
    let both = fs::read_to_string(&key).expect("reads");
    let put = |text: &str| {
        fs::remove_file(&key).expect("removed");
        fs::write(&key, text).expect("written");
    };
    for (name, keys) in [("old", &alone[0]), ("new", &alone[1]), ("both", &both)] {
        put(keys);
        let output = machine.dnf(&["makecache"]);
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
    let output = machine.dnf(&["install", "tiny"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(machine.path("root/usr/share/tiny/tiny").exists());
    put(&super::generations::key().public_key_armored().expect("a key"));
    let output = machine.dnf(&["makecache"]);
    assert!(!output.status.success(), "{}", said(&output));
}
