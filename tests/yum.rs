//! YUM repositories as the real tools see them: packages made by `rpmbuild`, metadata compared with that of `createrepo_c`
//! and read by it, and dnf installing from what was published.

#[path = "yum/checked.rs"]
mod checked;
#[path = "yum/dnf.rs"]
mod dnf;
#[path = "yum/generations.rs"]
mod generations;
#[path = "yum/installed.rs"]
mod installed;
#[path = "yum/keyring.rs"]
mod keyring;
#[path = "yum/killed.rs"]
mod killed;
#[path = "yum/metadata.rs"]
mod metadata;
#[path = "space/serve.rs"]
mod serve;
#[path = "yum/updating.rs"]
mod updating;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Whether all of `tools` are here; says what is not.
fn ready(tools: &[&str]) -> bool {
    let is_missing = |tool: &&&str| Command::new(tool).arg("--version").output().is_err();
    let missing: Vec<&str> = tools.iter().filter(is_missing).copied().collect();
    if !missing.is_empty() {
        println!("skipped: {} is not installed", missing.join(", "));
    }
    missing.is_empty()
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    output
}

/// A folder with packages.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("flat")).expect("made");
        Self { folder }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    /// Builds source and binary packages of a spec, into `flat/`.
    fn build(&self, spec: &Path) {
        let top = self.path("top");
        // Neither the user's settings nor those of rpm's database count.
        run(Command::new("rpmbuild")
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", "1795860000")
            .args(["-ba", "--quiet", "--define", "use_source_date_epoch_as_buildtime 1"])
            .args(["--define", "_buildhost example", "--define", "_build_id_links none"])
            .arg("--define")
            .arg(format!("_topdir {}", top.display()))
            .arg(spec));
        let found = run(Command::new("find").arg(&top).args(["-name", "*.rpm"]));
        for file in String::from_utf8(found.stdout).expect("text").lines() {
            let name = Path::new(file).file_name().expect("named");
            fs::rename(file, self.path("flat").join(name)).expect("moved");
        }
    }
}
