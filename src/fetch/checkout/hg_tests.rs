//! Mercurial's repositories made on this machine, by way of `file:`.

use std::process::Command;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::remote::{Follow, System};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A repository, and clones of it.
struct Space(tempfile::TempDir);

impl Space {
    /// `None` where this machine has no hg.
    fn new() -> Option<Self> {
        if Command::new("hg").arg("--version").output().is_err() {
            eprintln!("skipped: there is no hg on this machine");
            return None;
        }
        let space = Self(tempfile::tempdir().expect("scratch"));
        std::fs::create_dir(space.0.path().join("a")).expect("scratch");
        space.hg(&["init"]);
        Some(space)
    }

    fn hg(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("hg");
        command.env("HGPLAIN", "1").env("HGRCPATH", "").args(["--config", "ui.username=A <a@example.org>"]);
        let output = command.args(arguments).current_dir(self.0.path().join("a")).output().expect("hg");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self, path: &str, text: &str) -> String {
        let file = self.0.path().join("a").join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("scratch");
        std::fs::write(file, text).expect("scratch");
        self.hg(&["commit", "--quiet", "--addremove", "--message", "x", "--date", "1795255200 0"]);
        self.hg(&["log", "--rev", ".", "--template", "{node}"])
    }

    fn url(&self) -> RemoteUrl {
        RemoteUrl::new(System::Hg, &format!("file://{}/a", self.0.path().display())).expect("an address")
    }

    fn clones(&self) -> Clones<'static> {
        Clones::new(HostPath::new(self.0.path().join("clones")), false, &NEVER)
    }
}

#[test]
fn what_a_recipe_follows_in_a_repository_of_hg() {
    let Some(space) = Space::new() else { return };
    let first = space.commit("x", "1");
    space.hg(&["tag", "v1.0", "--date", "1795255200 0"]);
    let second = space.commit("x", "2");
    let (clones, url) = (space.clones(), space.url());
    let tip = clones.tip(System::Hg, &url, &Follow::Default).expect("default");
    assert_eq!((tip.commit.as_str(), tip.found.as_deref()), (second.as_str(), Some("refs/heads/default")));
    // hg's own `tip` is no tag that anybody has made.
    assert_eq!(tip.refs.keys().collect::<Vec<_>>(), ["refs/heads/default", "refs/tags/v1.0"]);
    assert_eq!(tip.refs["refs/tags/v1.0"], first);
    let history = clones.history((System::Hg, &url), &Follow::Default, &tip, Some(&first)).expect("a history");
    let nearest = Some(("v1.0".to_owned(), 2));
    assert_eq!(history, History { time: 1_795_255_200, nearest, descends: Some(true) });
    let (told, count) = clones.between((System::Hg, &url), (&first, &second), None, 1).expect("commits");
    assert_eq!((told, count), (vec![Told { id: second, subject: "x".to_owned(), time: 1_795_255_200 }], 2));
}

#[test]
fn files_of_a_repository_of_hg_are_written_out() {
    let Some(space) = Space::new() else { return };
    space.commit("sub/deep/y", "y");
    let first = space.commit("x", "1");
    let (clones, url) = (space.clones(), space.url());
    let out = |name: &str| HostPath::new(space.0.path().join(name));
    let export = |commit: &str, folder, name| clones.hg_export(&url, commit, folder, &out(name));
    let all = export(&first, None, "all").expect("written");
    let read = |folder: &HostPath, path: &str| std::fs::read_to_string(folder.join(path).as_path()).expect("there");
    assert_eq!((read(&all, "x"), read(&all, "sub/deep/y")), ("1".to_owned(), "y".to_owned()));
    assert!(!all.join(".hg_archival.txt").as_path().exists());
    let error = export(&first, Some("none"), "none").expect_err("none").to_string();
    assert_eq!(error, format!("the commit `{first}` of `{url}` has no folder `none`"));
    let error = export(&"0".repeat(40), None, "nowhere").expect_err("none");
    assert!(matches!(error, CheckoutError::NoCommit { .. }), "{error}");

    // A clone that is damaged is made anew.
    let second = space.commit("x", "2");
    let clone = clones.place(System::Hg, &url);
    std::fs::write(clone.join(".hg/store/00changelog.i").as_path(), "damaged").expect("scratch");
    assert_eq!(read(&export(&second, None, "again").expect("written"), "x"), "2");
}
