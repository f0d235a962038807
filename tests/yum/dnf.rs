//! A dnf of its own, which knows one repository and installs into a fresh root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A machine without anything but the `.repo` file of a channel.
pub struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["home", "repos", "root", "cache"] {
            fs::create_dir(folder.path().join(part)).expect("made");
        }
        // Debian's rpm keeps its database in the home folder.
        fs::write(folder.path().join("home/.rpmmacros"), "%_dbpath /var/lib/rpm\n").expect("written");
        fs::write(folder.path().join("dnf.conf"), "[main]\n").expect("written");
        Self { folder }
    }

    pub fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    /// Takes a `.repo` file as it was published.
    pub fn add(&self, file: &Path) {
        fs::copy(file, self.path("repos/opb.repo")).expect("copied");
    }

    /// Runs dnf, whose caches are as fresh as its root.
    pub fn dnf(&self, args: &[&str]) -> Output {
        let _ = fs::remove_dir_all(self.path("cache"));
        let set = |name: &str, part: &str| format!("--setopt={name}={}", self.path(part).display());
        let output = Command::new("dnf")
            .env("HOME", self.path("home"))
            .env("LC_ALL", "C.UTF-8")
            .arg(format!("--config={}", self.path("dnf.conf").display()))
            .arg(format!("--installroot={}", self.path("root").display()))
            .args([
                set("reposdir", "repos"),
                set("cachedir", "cache"),
                set("logdir", "."),
                set("persistdir", "persist"),
            ])
            .args(["--releasever=1", "--noplugins", "-y", "--setopt=retries=1", "--setopt=timeout=10"])
            .args(args)
            .output()
            .expect("dnf runs");
        self.end_agents();
        output
    }

    /// Ends what gpg has started for dnf, which nobody else would end.
    fn end_agents(&self) {
        let found = Command::new("find").arg(self.folder.path()).args(["-name", "pubring"]).output().expect("runs");
        for home in String::from_utf8_lossy(&found.stdout).lines() {
            let _ = Command::new("gpgconf").args(["--homedir", home, "--kill", "all"]).output();
        }
    }
}

/// What dnf says, all of it.
pub fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
