//! What versions are made of, in repositories of both kinds that are made on this machine.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::remote::{Follow, System, TagVersions};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A repository, and clones of it.
struct Space {
    folder: tempfile::TempDir,
    system: System,
}

impl Space {
    fn new(system: System) -> Self {
        let space = Self { folder: tempfile::tempdir().expect("scratch"), system };
        std::fs::create_dir(space.folder.path().join("a")).expect("scratch");
        space.run(&["init", "--quiet"]);
        space
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.system.as_str());
        command.env("HGPLAIN", "1").env("HGRCPATH", "").current_dir(self.folder.path().join("a"));
        command.env("GIT_AUTHOR_DATE", "@1795255200 +0000").env("GIT_COMMITTER_DATE", "@1795255200 +0000");
        match self.system {
            System::Git => {
                command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "tag.gpgSign=false"])
            }
            System::Hg => command.args(["--config", "ui.username=A <a@example.org>"]),
        };
        let output = command.args(arguments).output().expect("the program is there");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// A commit that says `message` and changes the file at `path`.
    fn commit(&self, path: &str, message: &str) {
        let file = self.folder.path().join("a").join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("scratch");
        std::fs::write(file, message).expect("scratch");
        match self.system {
            System::Git => {
                self.run(&["add", "-A"]);
                self.run(&["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--message", message]);
            }
            System::Hg => drop(self.run(&["commit", "--addremove", "--message", message, "--date", "1795255200 0"])),
        }
    }

    fn tip(&self, follow: &Follow) -> Tip {
        self.clones().tip(self.system, &self.url(), follow).expect("a tip")
    }

    fn url(&self) -> RemoteUrl {
        RemoteUrl::new(self.system, &format!("file://{}/a", self.folder.path().display())).expect("an address")
    }

    fn clones(&self) -> Clones<'static> {
        Clones::new(HostPath::new(self.folder.path().join("clones")), false, &NEVER)
    }

    fn of(&self, follow: &Follow, folder: Option<&str>) -> Result<Releases, CheckoutError> {
        self.clones().releases((self.system, &self.url()), &self.tip(follow), &rule("v*"), folder)
    }

    /// Tag, distance and changes.
    fn told(&self, follow: &Follow, folder: Option<&str>) -> (Option<String>, u64, Vec<String>) {
        let found = self.of(follow, folder).expect("releases");
        assert_eq!(found.more, 0);
        (found.tag, found.distance, found.changes)
    }
}

fn rule(pattern: &str) -> TagVersions {
    TagVersions::new(pattern, BTreeMap::new()).expect("a rule")
}

fn told(tag: &str, distance: u64, changes: &[&str]) -> (Option<String>, u64, Vec<String>) {
    let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
    (tag, distance, changes.iter().map(|change| (*change).to_owned()).collect())
}

#[test]
fn commits_are_counted_from_the_newest_release() {
    let space = Space::new(System::Git);
    space.commit("x", "First");
    space.commit("x", "Second\n\nLong.\nCloses: #12");
    assert_eq!(space.told(&Follow::Default, None), told("", 2, &["Second (Closes: #12)", "First"]));
    // A tag on what is there already.
    space.run(&["tag", "-a", "-m", "x", "v1.0-rc1"]);
    assert_eq!(space.told(&Follow::Default, None), told("v1.0-rc1", 0, &["Second (Closes: #12)", "First"]));
    space.commit("x", "Third");
    space.run(&["tag", "v1.0"]);
    space.run(&["tag", "v1.0-rc2"]);
    space.run(&["tag", "other-2.0"]);
    // What came before a release is told at the release.
    let all = ["Third", "Second (Closes: #12)", "First"];
    assert_eq!(space.told(&Follow::Default, None), told("v1.0", 0, &all));
    space.commit("sub/y", "Fourth\u{1b}[2J");
    space.commit("x", "Fifth");
    assert_eq!(space.told(&Follow::Default, None), told("v1.0", 2, &["Fifth", "Fourth[2J"]));
    assert_eq!(space.told(&Follow::Default, Some("sub")), told("v1.0", 2, &["Fourth[2J"]));
    assert_eq!(space.told(&Follow::Tag("v1.0".to_owned()), None), told("v1.0", 0, &all));
    let rc = Follow::Tag("v1.0-rc1".to_owned());
    assert_eq!(space.told(&rc, None), told("v1.0-rc1", 0, &["Second (Closes: #12)", "First"]));
    // A tag that is taken back counts no more, and one that is moved counts where it is.
    space.run(&["tag", "v1.1"]);
    assert_eq!(space.told(&Follow::Default, None), told("v1.1", 0, &["Fifth", "Fourth[2J"]));
    space.run(&["tag", "--force", "v1.1", "HEAD~1"]);
    assert_eq!(space.told(&Follow::Default, None), told("v1.1", 1, &["Fifth"]));
    space.run(&["tag", "-d", "v1.1"]);
    assert_eq!(space.told(&Follow::Default, None), told("v1.0", 2, &["Fifth", "Fourth[2J"]));
}

#[test]
fn the_newest_version_counts_not_the_nearest_tag() {
    let space = Space::new(System::Git);
    space.commit("x", "First");
    space.run(&["tag", "v1.0"]);
    let main = space.run(&["symbolic-ref", "--short", "HEAD"]);
    space.run(&["checkout", "--quiet", "-b", "stable"]);
    space.commit("stable", "Mend it");
    space.run(&["tag", "v1.0.1"]);
    space.run(&["checkout", "--quiet", &main]);
    space.commit("x", "Second");
    space.run(&["tag", "v2.0"]);
    space.commit("x", "Third");
    space.run(&["merge", "--quiet", "--no-edit", "stable"]);
    let (tag, distance, changes) = space.told(&Follow::Default, None);
    assert_eq!((tag.as_deref(), distance), (Some("v2.0"), 3));
    let changes: std::collections::BTreeSet<String> = changes.into_iter().collect();
    assert_eq!(changes.into_iter().collect::<Vec<_>>(), ["Mend it", "Third"], "merges are not told of");
    assert_eq!(space.told(&Follow::Branch("stable".to_owned()), None), told("v1.0.1", 0, &["Mend it"]));
}

#[test]
fn much_is_cut_off_and_counted() {
    let space = Space::new(System::Git);
    for number in 0..53 {
        space.commit("x", &format!("Change {number}"));
    }
    let found = space.of(&Follow::Default, None).expect("releases");
    assert_eq!((found.distance, found.changes.len(), found.more), (53, 50, 3));
    assert_eq!((found.changes[0].as_str(), found.changes[49].as_str()), ("Change 52", "Change 3"));
}

#[test]
fn hostile_tags_are_left_out_or_refused() {
    let space = Space::new(System::Git);
    space.commit("x", "First");
    let odd = ["v1;id", "v$(id)", "vendor", "v1/2", "v1-2"];
    odd.iter().for_each(|tag| drop(space.run(&["tag", tag])));
    let error = space.of(&Follow::Default, None).expect_err("no version");
    assert_eq!(
        crate::diag::chain(&error).replace(&space.folder.path().display().to_string(), ""),
        "none of the 5 tags of `file:///a` that `from_tags(\"v*\")` means says a version: the tag `v$(id)` says no version: \
         it does not begin with a digit where the pattern has `*`"
    );
    let tip = space.tip(&Follow::Tag("v*".to_owned()));
    assert!(newest_release(&space.url(), &rule("v*"), &tip).is_err());
    assert_eq!(newest_release(&space.url(), &rule("w*"), &tip).expect("none"), None);
    space.run(&["tag", "v0.9"]);
    let found = space.of(&Follow::Default, None).expect("releases");
    assert_eq!((found.tag.as_deref(), found.odd.len()), (Some("v0.9"), 5));
    space.commit("x", "Second");
    space.run(&["tag", "v1.0-rc1"]);
    let found = |refs: &Tip| newest_release(&space.url(), &rule("v*"), refs).expect("sound").expect("one").found;
    let tip = space.tip(&Follow::Tag("v*".to_owned()));
    assert_eq!(found(&tip).as_deref(), Some("refs/tags/v0.9"), "a release comes before what comes before one");
    space.run(&["tag", "v0.10"]);
    let tip = space.tip(&Follow::Tag("v*".to_owned()));
    assert_eq!(found(&tip).as_deref(), Some("refs/tags/v0.10"));
}

#[test]
fn repositories_of_hg_are_counted_alike() {
    let space = Space::new(System::Hg);
    space.commit("x", "First");
    space.commit("x", "Second\n\nFixes #7\nLP: #12");
    assert_eq!(space.told(&Follow::Default, None), told("", 2, &["Second (LP: #12) (#7)", "First"]));
    space.run(&["tag", "v1.0", "--date", "1795255200 0"]);
    space.commit("sub/y", "Third");
    space.commit("x", "Fourth");
    // The commit that makes the tag is one, and says nothing.
    assert_eq!(space.told(&Follow::Default, None), told("v1.0", 3, &["Fourth", "Third"]));
    assert_eq!(space.told(&Follow::Default, Some("sub")), told("v1.0", 3, &["Third"]));
    let tag = Follow::Tag("v1.0".to_owned());
    assert_eq!(space.told(&tag, None), told("v1.0", 0, &["Second (LP: #12) (#7)", "First"]));
}
