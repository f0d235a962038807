//! What is published for a small RPM distribution: rpm and dnf believe it, and nothing that was changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::space::mini::{Mini, mini, spec};

/// Runs in a fresh base root as its root: installs `tool-TAG` from the repository in `/repo` by its published entry.
const INSTALL: &str = "rpm --import /repo/opb-c-TAG.asc
rpm --install --quiet /mini/x86_64/dnf-*.rpm 2>/dev/null
mkdir -p /etc/yum.repos.d
sed -e 's|^baseurl=.*/rpm/|baseurl=file:///repo/rpm/|' -e 's|^gpgkey=.*|gpgkey=file:///repo/opb-c-TAG.asc|' \\
    /repo/opb-c-TAG-mini-1.repo > /etc/yum.repos.d/opb.repo
grep -c '^gpgcheck=1$' /etc/yum.repos.d/opb.repo; grep -c '^repo_gpgcheck=1$' /etc/yum.repos.d/opb.repo
dnf --assumeyes --quiet install tool-TAG 2>&1
rpm --verify --nomtime tool-TAG && cat /usr/share/tool-TAG/README";

/// What `script` prints in a fresh base root that sees `repository`, and its exit code.
pub fn in_base(mini: &Mini, repository: &Path, script: &str) -> (Option<i32>, String) {
    let distribution = mini.server.folder.join("base");
    let binds: [(&Path, &str); 2] = [(repository, "/repo"), (&distribution, "/mini")];
    let ran = mini.space.in_base("root:base@mini-1/amd64", &binds, &mini.space.own(script));
    (ran.code, mini.space.shown(&format!("{}{}", ran.out, ran.err)))
}

/// A copy of what is published, to be changed.
fn copied(mini: &Mini) -> PathBuf {
    let copy = mini.space.folder.join("changed");
    let _ = fs::remove_dir_all(&copy);
    let mut cp = Command::new("cp");
    assert!(
        cp.args(["-RL", "--no-preserve=mode"]).arg(mini.space.current()).arg(&copy).status().expect("runs").success()
    );
    copy
}

/// Changes the byte in the middle of the only file below `folder` whose name has `part`.
fn change(folder: &Path, part: &str) {
    let found = Command::new("find").arg(folder).args(["-name", &format!("*{part}*")]).output().expect("runs");
    let found = String::from_utf8(found.stdout).expect("text");
    let [path] = found.lines().collect::<Vec<_>>()[..] else { panic!("`{part}` is not one file: {found}") };
    let mut bytes = fs::read(path).expect("reads");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(path, bytes).expect("writes");
}

#[test]
fn dnf_installs_what_is_published_and_nothing_that_was_changed() {
    let Some(mini) = mini("rpm-published") else { return };
    let Mini { space, .. } = &mini;
    let installs =
        "%install\ninstall -D -m 644 README %{buildroot}%{_datadir}/%{name}/README\n%files\n%{_datadir}/%{name}\n";
    mini.component("tool", "", &spec("tool", "%global debug_package %{nil}", installs));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["key", "init", "--name", "c-TAG", "--kind", "rsa"]).fine();
    space.opb(&["build"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();

    let (code, said) = in_base(&mini, &space.current(), INSTALL);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("3\n3\n") && said.contains("A source of a test."), "{said}");
    // The host's rpm says the same, once it knows the key.
    let packages = Command::new("find").arg("-L").arg(space.current()).args(["-name", "*.rpm"]).output().expect("runs");
    let packages = String::from_utf8(packages.stdout).expect("text");
    assert_eq!(packages.lines().count(), 2, "one of each kind: {packages}");
    let database = space.folder.join("rpmdb");
    let rpm = |args: &[&str]| {
        let database = format!("_dbpath {}", database.display());
        let ran = Command::new("rpm").args(["--define", &database]).args(args).output().expect("runs");
        format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
    };
    let key = space.current().join(space.own("opb-c-TAG.asc")).display().to_string();
    for package in packages.lines() {
        assert!(rpm(&["--checksig", package]).contains("SIGNATURES NOT OK"), "without the key");
    }
    assert_eq!(rpm(&["--import", &key]), "");
    for package in packages.lines() {
        assert!(rpm(&["--checksig", package]).ends_with(": digests signatures OK\n"), "{package}");
    }

    // Each with one byte changed: a package, its metadata, what lists that, the signature of that.
    for (part, told) in [
        ("tool-TAG-1.0-1.1.mr1.x86_64.rpm", "incorrect checksum"),
        ("-primary.xml.gz", "Failed to download metadata"),
        ("repomd.xml", "Failed to download metadata"),
        // dnf then does without the repository.
        ("repomd.xml.asc", "Unable to find a match"),
    ] {
        let copy = copied(&mini);
        let folder = copy.join("rpm/mini-1/x86_64");
        if part == "repomd.xml" {
            // A change that leaves it XML, and its signature as it is.
            let path = folder.join("repodata/repomd.xml");
            let text = fs::read_to_string(&path).expect("reads");
            fs::write(&path, text.replacen("<revision>1", "<revision>2", 1)).expect("writes");
        } else {
            change(&folder, &space.own(part));
        }
        let (code, said) = in_base(&mini, &copy, INSTALL);
        assert_ne!(code, Some(0), "{part}: {said}");
        assert!(said.contains(told) || said.contains("GPG"), "{part}: {said}");
        assert!(!said.contains("A source of a test."), "{part}: {said}");
    }
}
