//! The keyring package for dnf: what is in it, and that it brings a machine over a change of keys.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use opb::sign::{SecretKey, Signer, Signers};
use rand::SeedableRng as _;

use super::dnf::{Machine, said};
use super::generations::{Channel, NOW, key};
use super::{ready, run};

/// A channel with a keyring package, and one that is signed by `signer`.
fn channel(signer: Signers) -> Channel {
    let mut channel = Channel::new();
    channel.naming.keyring = true;
    channel.naming.maintainer = "A Packager <packager@example.org>".to_owned();
    channel.signer = signer;
    channel
}

/// A key that is the same each time.
fn seeded(seed: u64) -> Signer {
    let random = rand::rngs::StdRng::seed_from_u64(seed);
    Signer::File(SecretKey::generate("opb test", 1_700_000_000, None, random).expect("makes a key"))
}

/// The keyring packages below `current` for an arch, by version.
fn packages(channel: &Channel, arch: &str) -> Vec<PathBuf> {
    let folder = channel.current().join("rpm/mini-1").join(arch);
    let found = run(Command::new("find").arg(folder).args(["-name", "opb-nightly-keyring-*.rpm"]));
    let mut files: Vec<PathBuf> = String::from_utf8(found.stdout).expect("text").lines().map(PathBuf::from).collect();
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
    files
}

#[test]
fn rpm_reads_it_and_believes_it() {
    if !ready(&["rpmbuild", "rpm"]) {
        return;
    }
    let mut channel = channel(Signers::one(key()));
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    for arch in ["x86_64", "aarch64"] {
        assert_eq!(packages(&channel, arch).len(), 1, "{arch}");
    }
    for other in ["x86_64-debug", "SRPMS"] {
        assert!(packages(&channel, other).is_empty(), "{other}");
    }
    let file = packages(&channel, "x86_64").remove(0);
    let home = channel.site.path("home");
    let rpm = |args: &[&str]| {
        let mut rpm = Command::new("rpm");
        rpm.env("HOME", &home).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").arg("--dbpath").arg(home.join("db"));
        let output = run(rpm.args(args).arg(&file));
        channel.shown(&String::from_utf8(output.stdout).expect("text"))
    };
    fs::create_dir_all(home.join("db")).expect("made");
    let keys = channel.current().join("opb-nightly.asc");
    run(Command::new("rpm").env("HOME", &home).arg("--dbpath").arg(home.join("db")).arg("--import").arg(&keys));
    let checked = rpm(&["-K"]);
    assert!(checked.ends_with(": digests signatures OK\n"), "{checked}");
    let about = "%{name} %{evr} %{arch} %{packager}\n%{summary}\n%{description}\n";
    let files = "[%{filenames} %{filemodes:perms} %{fileusername} %{filegroupname}\n]";
    let told = rpm(&["-qp", "--qf", &format!("{about}{files}")]);
    insta::assert_snapshot!(told, @r#"
    opb-nightly-keyring 1-1 noarch A Packager <packager@example.org>
    keys of the package repository nightly
    With this package installed, dnf has the repository of the channel nightly,
    and goes on trusting it when its key changes.
    /etc/pki/rpm-gpg/RPM-GPG-KEY-opb-nightly -rw-r--r-- root root
    /etc/yum.repos.d/opb-nightly-mini-1.repo -rw-r--r-- root root
    "#);
    insta::assert_snapshot!(rpm(&["-qpc"]), @r#"/etc/yum.repos.d/opb-nightly-mini-1.repo"#);
    insta::assert_snapshot!(rpm(&["-qpR"]), @r#"
    rpmlib(CompressedFileNames) <= 3.0.4-1
    rpmlib(FileDigests) <= 4.6.0-1
    rpmlib(PayloadFilesHavePrefix) <= 4.0-1
    "#);
    // The same content is the same file, another is another version.
    assert!(!channel.publish_at(NOW + 1).expect("publishes").new);
    channel.naming.url = Some("https://packages.example.org/nightly".to_owned());
    channel.publish_at(NOW + 2).expect("publishes");
    let names: Vec<PathBuf> =
        packages(&channel, "x86_64").iter().map(|file| file.file_name().expect("named").into()).collect();
    let name = |version: u32| PathBuf::from(format!("opb-nightly-keyring-{version}-1.noarch.rpm"));
    assert_eq!(names, [name(1), name(2)], "the former one stays for late clients");
    channel.naming.url = None;
    channel.publish_at(NOW + 3).expect("publishes");
    assert!(packages(&channel, "x86_64").iter().any(|file| file.ends_with(name(3))), "versions only grow");
}

#[test]
fn a_machine_that_has_it_goes_over_to_the_next_key() {
    if !ready(&["rpmbuild", "dnf"]) {
        return;
    }
    let [old, old_again, new, new_again] = [1, 1, 2, 2].map(seeded);
    let mut channel = channel(Signers::one(old));
    channel.build(&["tiny"], "1");
    channel.publish_at(NOW).expect("publishes");
    let (machine, left_behind) = (Machine::new(), Machine::new());
    for machine in [&machine, &left_behind] {
        machine.add(&channel.current().join("opb-nightly-mini-1.repo"));
        let output = machine.dnf(&["install", "tiny"]);
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = machine.dnf(&["install", "opb-nightly-keyring"]);
    assert!(output.status.success(), "{}", said(&output));
    // From here on it goes by what the package brought; a root of its own has other paths.
    let keys = machine.path("root/etc/pki/rpm-gpg/RPM-GPG-KEY-opb-nightly");
    let brought = machine.path("root/etc/yum.repos.d/opb-nightly-mini-1.repo");
    let entry = fs::read_to_string(&brought).expect("brought");
    assert!(entry.contains("gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-opb-nightly\n"), "{entry}");
    let entry =
        |keys: &std::path::Path| entry.replace("/etc/pki/rpm-gpg/RPM-GPG-KEY-opb-nightly", &keys.display().to_string());
    fs::write(machine.path("repos/opb.repo"), entry(&keys)).expect("written");
    let of_before = left_behind.path("old.asc");
    fs::copy(&keys, &of_before).expect("copied");
    fs::write(left_behind.path("repos/opb.repo"), entry(&of_before)).expect("written");

    // Both sign the metadata, the old one the packages; an upgrade brings both keys.
    channel.signer = Signers::new(old_again, vec![new]);
    channel.publish_at(NOW + 1).expect("publishes");
    let output = machine.dnf(&["upgrade"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read(&keys).expect("there"), fs::read(channel.current().join("opb-nightly.asc")).expect("there"));

    // The new one signs all.
    channel.signer = Signers::one(new_again);
    channel.build(&["more"], "1");
    channel.publish_at(NOW + 2).expect("publishes");
    let output = machine.dnf(&["upgrade"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = machine.dnf(&["install", "more"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(machine.path("root/usr/share/tiny/more")).expect("installed"), "more 1\n");
    let output = left_behind.dnf(&["install", "more"]);
    assert!(!output.status.success() && said(&output).contains("GPG"), "{}", said(&output));
}
