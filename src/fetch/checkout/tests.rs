//! Repositories made on this machine, by way of `file:`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::diag::{Cause, Caused as _};
use crate::remote::{Checkout, Follow, System};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A folder with repositories, and clones of them.
struct Space(tempfile::TempDir);

impl Space {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("scratch"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn git(&self, repository: &str, arguments: &[&str]) -> String {
        self.git_with(repository, arguments, "")
    }

    fn git_with(&self, repository: &str, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]);
        command.args(["-c", "core.protectNTFS=false", "-c", "init.defaultBranch=main", "-c", "tag.gpgSign=false"]);
        command.env("GIT_AUTHOR_DATE", "@1795255200 +0000").env("GIT_COMMITTER_DATE", "@1795255200 +0000");
        command.args(arguments).current_dir(self.path(repository)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("git");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes()).expect("taken");
        let output = child.wait_with_output().expect("git");
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// A new repository.
    fn repository(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).expect("scratch");
        self.git(name, &["init", "-q"]);
    }

    fn commit(&self, repository: &str, path: &str, text: &str) -> String {
        let file = self.path(repository).join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("scratch");
        std::fs::write(file, text).expect("scratch");
        self.commit_all(repository)
    }

    fn commit_all(&self, repository: &str) -> String {
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-q", "--allow-empty", "-m", "x"]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// A commit of one tree with these lines of `git mktree`.
    fn odd_commit(&self, repository: &str, lines: &[(&str, &str, &str)]) -> String {
        let mut text = String::new();
        for (mode, name, content) in lines {
            let object = self.git_with(repository, &["hash-object", "-w", "--stdin"], content);
            text.push_str(&format!("{mode} blob {object}\t{name}\0"));
        }
        let tree = self.git_with(repository, &["mktree", "-z"], &text);
        let commit = self.git(repository, &["commit-tree", "-m", "odd", &tree]);
        self.git(repository, &["update-ref", "refs/heads/main", &commit]);
        commit
    }

    fn url(&self, repository: &str) -> RemoteUrl {
        RemoteUrl::new(System::Git, &format!("file://{}", self.path(repository).display())).expect("an address")
    }

    fn clones(&self) -> Clones<'static> {
        Clones::new(HostPath::new(self.path("clones")), false, &NEVER)
    }

    fn files(&self, repository: &str, commit: &str) -> Result<BTreeMap<String, String>, CheckoutError> {
        self.files_of(&self.clones(), &self.checkout(repository), commit)
    }

    fn checkout(&self, repository: &str) -> Checkout {
        let url = self.url(repository);
        Checkout { system: System::Git, url, follow: Follow::Default, submodules: false, folder: None, versions: None }
    }

    /// What files a commit has: of each its kind and content.
    fn files_of(
        &self,
        clones: &Clones<'_>,
        checkout: &Checkout,
        commit: &str,
    ) -> Result<BTreeMap<String, String>, CheckoutError> {
        let files = clones.files(&checkout.url, (commit, None), checkout, &Clone::clone)?;
        let mut shown = BTreeMap::new();
        for (path, kind) in &files.entries {
            let told = match kind {
                FileKind::Folder => "folder".to_owned(),
                FileKind::Link { target } => format!("-> {}", String::from_utf8_lossy(target)),
                FileKind::File { executable, part, object, .. } => {
                    let mut content = Vec::new();
                    files.copy(*part, object, &mut content)?;
                    format!("{}{}", if *executable { "* " } else { "" }, String::from_utf8_lossy(&content))
                }
            };
            shown.insert(path.to_string(), told);
        }
        Ok(shown)
    }

    /// An error's text, with places of this test left out.
    fn told(&self, error: &CheckoutError) -> String {
        error.to_string().replace(&self.0.path().display().to_string(), "…")
    }
}

fn list(files: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    files.iter().map(|(path, told)| (path.as_str(), told.as_str())).collect()
}

#[test]
fn what_a_recipe_follows_is_a_commit() {
    let space = Space::new();
    space.repository("a");
    let first = space.commit("a", "x", "1");
    space.git("a", &["tag", "-a", "-m", "x", "v1.9"]);
    let second = space.commit("a", "x", "2");
    space.git("a", &["tag", "v1.10"]);
    space.git("a", &["tag", "v2.0-rc1"]);
    space.git("a", &["branch", "next"]);
    let third = space.commit("a", "x", "3");
    let (clones, url) = (space.clones(), space.url("a"));
    let tip =
        |follow: Follow| clones.tip(System::Git, &url, &follow).map(|tip| (tip.commit, tip.found.unwrap_or_default()));
    let branch = |name: &str| Follow::Branch(name.to_owned());
    let tag = |name: &str| Follow::Tag(name.to_owned());
    let is = |commit: &str, found: &str| (commit.to_owned(), found.to_owned());
    assert_eq!(tip(Follow::Default).expect("main"), is(&third, "refs/heads/main"));
    assert_eq!(tip(branch("next")).expect("next"), is(&second, "refs/heads/next"));
    assert_eq!(tip(tag("v1.9")).expect("v1.9"), is(&first, "refs/tags/v1.9"));
    assert_eq!(tip(tag("v1.*")).expect("v1.10"), is(&second, "refs/tags/v1.10"));
    assert_eq!(tip(tag("v*")).expect("v1.10"), is(&second, "refs/tags/v1.10"));
    assert_eq!(tip(tag("v2*")).expect("only that"), is(&second, "refs/tags/v2.0-rc1"));
    assert_eq!(tip(Follow::Commit(first.clone())).expect("itself"), is(&first, ""));
    let error = tip(branch("nxt")).expect_err("none");
    assert_eq!(space.told(&error), "`file://…/a` has no branch `nxt`");
    let CheckoutError::NoReference { help, .. } = &error else { panic!("{error:?}") };
    assert_eq!((help.as_str(), error.fault()), ("did you mean `next`?", Cause::Input));
    let error = tip(tag("w*")).expect_err("none");
    let CheckoutError::NoReference { help, .. } = &error else { panic!("{error:?}") };
    assert_eq!(help, "choose one of the 3 that it has, such as `v1.10`");
    let history = |follow: &Follow, before| {
        let tip = clones.tip(System::Git, &url, follow).expect("a tip");
        clones.history((System::Git, &url), follow, &tip, before).expect("a history")
    };
    let nearest = Some(("v1.10".to_owned(), 1));
    let of_main = history(&Follow::Default, Some(&first));
    assert_eq!(of_main, History { time: 1_795_255_200, nearest, descends: Some(true) });
    assert_eq!(history(&tag("v1.9"), None).nearest, Some(("v1.9".to_owned(), 0)));
    let named = Follow::Commit(third.clone());
    assert_eq!(history(&named, None).nearest.map(|(_, distance)| distance), Some(1));
    space.git("a", &["reset", "-q", "--hard", &first]);
    let other = space.commit("a", "x", "other");
    assert_ne!(other, second);
    assert_eq!(history(&Follow::Default, Some(&third)).descends, Some(false));
}

#[test]
fn files_are_as_the_commit_says() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let space = Space::new();
    space.repository("a");
    let text = "x export-ignore\ny export-subst eol=crlf\n*.z filter=evil\n";
    space.commit("a", ".gitattributes", text);
    space.commit("a", "x", "x\n");
    space.commit("a", "y", "$Format:%H$\n");
    space.commit("a", "sub/run", "#!/bin/sh\n");
    std::fs::set_permissions(space.path("a/sub/run"), std::fs::Permissions::from_mode(0o755)).expect("set");
    symlink("../x", space.path("a/sub/link")).expect("made");
    symlink("sub", space.path("a/dir")).expect("made");
    let commit = space.commit_all("a");
    let files = space.files("a", &commit).expect("fine");
    assert_eq!(
        list(&files),
        [
            (".gitattributes", text),
            ("dir", "-> sub"),
            ("sub/link", "-> ../x"),
            ("sub/run", "* #!/bin/sh\n"),
            ("x", "x\n"),
            ("y", "$Format:%H$\n"),
        ]
    );
    let below = |folder: &str| {
        let checkout = Checkout { folder: Some(folder.to_owned()), ..space.checkout("a") };
        space.files_of(&space.clones(), &checkout, &commit)
    };
    let error = below("sub").expect_err("a link leads out of it");
    assert_eq!(space.told(&error), "`file://…/a` holds `link`, a link that leads out of the source");
    for missing in ["none", "x"] {
        let told = space.told(&below(missing).expect_err("none"));
        assert_eq!(told, format!("the commit `{commit}` of `file://…/a` has no folder `{missing}`"));
    }
    std::fs::remove_file(space.path("a/sub/link")).expect("there");
    let commit = space.commit_all("a");
    let checkout = Checkout { folder: Some("sub".to_owned()), ..space.checkout("a") };
    let files = space.files_of(&space.clones(), &checkout, &commit).expect("fine");
    assert_eq!(list(&files), [("run", "* #!/bin/sh\n")]);
}

#[test]
fn what_leads_out_or_misleads_is_refused() {
    let space = Space::new();
    let check = |name: &str, lines: &[(&str, &str, &str)]| {
        space.repository(name);
        let commit = space.odd_commit(name, lines);
        let error = space.files(name, &commit).expect_err(name);
        assert_eq!(error.fault(), Cause::Input, "{error}");
        space.told(&error).replace(name, "R")
    };
    let (file, link) = ("100644", "120000");
    assert_eq!(
        check("absolute", &[(link, "a", "/etc/passwd")]),
        "`file://…/R` holds `a`, a link that leads out of the source"
    );
    assert_eq!(check("above", &[(link, "a", "../x")]), "`file://…/R` holds `a`, a link that leads out of the source");
    assert_eq!(
        check("chain", &[(link, "a", "."), (link, "b", "a/../x")]),
        "`file://…/R` holds `b`, a link that leads out of the source"
    );
    let told = check("newline", &[(file, "a\nb", "x")]);
    assert_eq!(told, "`file://…/R` holds `a?b`, a name with control characters");
    let told = check("escape", &[(file, "a\u{1b}[2Jb", "x")]);
    assert_eq!(told, "`file://…/R` holds `a?[2Jb`, a name with control characters");
    for (name, odd) in [("dotgit", ".git"), ("capital", ".GIT"), ("parent", ".."), ("short", "git~1")] {
        let told = check(name, &[(file, odd, "x")]);
        assert!(told.starts_with("git refuses what `file://…/R` sends: object "), "{told}");
    }
    assert_eq!(check("other", &[(file, ".hg", "x")]), "`file://…/R` holds `.hg`, which belongs to version control");
    // git itself knows one such bit and no other.
    space.repository("setuid");
    let commit = space.odd_commit("setuid", &[("104755", "a", "x")]);
    assert_eq!(list(&space.files("setuid", &commit).expect("fine")), [("a", "* x")]);
    let long = "x/".repeat(2_100);
    assert_eq!(check("q1", &[(link, "a", &long)]), "`file://…/R` holds `a`, a link with an overlong target");
    space.repository("round");
    let commit = space.odd_commit("round", &[(link, "a", "b"), (link, "b", "a")]);
    assert_eq!(space.files("round", &commit).expect("leads nowhere").len(), 2);
}

#[test]
fn submodules_are_pinned_by_their_commits() {
    let space = Space::new();
    for name in ["lib", "inner", "a"] {
        space.repository(name);
    }
    space.commit("inner", "i", "inner");
    space.git("lib", &["submodule", "--quiet", "add", "../inner", "deep/inner"]);
    space.commit("lib", "l", "old");
    space.git("a", &["submodule", "--quiet", "add", "../lib", "vendor/lib"]);
    let commit = space.commit("a", "x", "x");
    space.commit("lib", "l", "new");
    let modules = |commit: &str, submodules| {
        let files = space.files_of(&space.clones(), &Checkout { submodules, ..space.checkout("a") }, commit);
        files.map(|mut files| {
            files.retain(|path, _| !path.contains(".gitmodules"));
            files
        })
    };
    assert_eq!(list(&modules(&commit, false).expect("fine")), [("vendor/lib", "folder"), ("x", "x")]);
    let files = modules(&commit, true).expect("fine");
    assert_eq!(list(&files), [("vendor/lib/deep/inner/i", "inner"), ("vendor/lib/l", "old"), ("x", "x")]);
    let with_url = |url: &str| {
        let text = format!("[submodule \"--x\"]\n\tpath = vendor/lib\n\turl = {url}\n");
        let commit = space.commit("a", ".gitmodules", &text);
        let told = modules(&commit, true).map(|files| files.len());
        told.map_err(|error| (space.told(&error), error.fault()))
    };
    let wrong =
        |why: &str| (format!("`file://…/a` has a submodule at `vendor/lib` that cannot be taken: {why}"), Cause::Input);
    assert_eq!(with_url("ext::sh -c id"), Err(wrong("`ext::sh -c id` is not an address of a repository")));
    let told = with_url("https://user:geheim@example.org/x").expect_err("credentials");
    assert_eq!(told, wrong("the address of the repository on `example.org` holds a user name or a password"));
    // The commit that is wanted is none of its own: a circle ends.
    let told = with_url("../a").expect_err("not there").0;
    assert!(told.contains("does not have the commit"), "{told}");
    let commit = space.commit("a", ".gitmodules", "[submodule \"x\"]\n\tpath = other\n\turl = ../lib\n");
    let told = space.told(&modules(&commit, true).expect_err("not named"));
    assert_eq!(told, "`file://…/a` has a submodule at `vendor/lib` of which `.gitmodules` says nothing");
}

#[test]
fn more_than_a_repository_may_have_is_refused() {
    let space = Space::new();
    space.repository("a");
    space.commit("a", "x", &"x".repeat(100));
    let commit = space.commit("a", "y", &"y".repeat(100));
    let refusal = |bounds: Bounds| {
        let clones = Clones { bounds, ..space.clones() };
        space.told(&space.files_of(&clones, &space.checkout("a"), &commit).expect_err("too much"))
    };
    let most = Bounds::default();
    assert_eq!(refusal(Bounds { clone: 100, ..most }), "`file://…/a` has more than 100 bytes");
    assert_eq!(refusal(Bounds { bytes: 199, ..most }), "`file://…/a` has more than 199 bytes of files");
    assert_eq!(refusal(Bounds { files: 1, ..most }), "`file://…/a` has more than 1 files");
}

#[test]
fn a_clone_that_is_damaged_is_made_anew() {
    let space = Space::new();
    space.repository("a");
    let first = space.commit("a", "x", "1");
    let clones = space.clones();
    space.files("a", &first).expect("fetched");
    let clone = clones.with(&space.url("a"), clone::Want { commit: &first, found: None, history: true });
    let folder = clone.expect("there").folder;
    // What a fetch leaves that is killed.
    for left in ["shallow.lock", "objects/pack/tmp_pack_x", "packed-refs.lock"] {
        std::fs::write(folder.join(left).as_path(), "x").expect("scratch");
    }
    let second = space.commit("a", "x", "2");
    assert_eq!(list(&space.files("a", &second).expect("fine")), [("x", "2")]);
    assert!(!folder.join("objects/pack/tmp_pack_x").as_path().exists());
    // Objects are gone, but what names them is not.
    std::fs::remove_dir_all(folder.join("objects").as_path()).expect("there");
    std::fs::create_dir_all(folder.join("objects/pack").as_path()).expect("made");
    let third = space.commit("a", "x", "3");
    assert_eq!(list(&space.files("a", &third).expect("fine")), [("x", "3")]);
    std::fs::write(folder.join("config").as_path(), "[core\n").expect("scratch");
    assert_eq!(list(&space.files("a", &third).expect("fine")), [("x", "3")]);
    std::fs::remove_file(folder.join("HEAD").as_path()).expect("there");
    assert_eq!(list(&space.files("a", &third).expect("fine")), [("x", "3")]);
    let none = "0".repeat(40);
    let error = space.files("a", &none).expect_err("none");
    assert_eq!(space.told(&error), format!("`file://…/a` does not have the commit `{none}`"));
    assert_eq!(error.fault(), Cause::Environment);
}

#[test]
fn clones_that_nobody_uses_give_way() {
    let space = Space::new();
    let clones = Clones { bounds: Bounds { all: 1, ..Bounds::default() }, ..space.clones() };
    let folders = ["a", "b", "c"].map(|name| {
        space.repository(name);
        let commit = space.commit(name, "x", name);
        let want = clone::Want { commit: &commit, found: None, history: false };
        let folder = clones.with(&space.url(name), want).expect("fetched").folder;
        if name == "a" {
            let lock = std::fs::File::options().append(true).open(folder.as_path().with_extension("lock"));
            let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            lock.expect("there").set_modified(long_ago).expect("set");
        }
        folder
    });
    assert_eq!(folders.map(|folder| folder.as_path().exists()), [false, true, true]);
}

#[test]
fn without_network_nothing_is_asked() {
    let space = Space::new();
    let clones = Clones { offline: true, ..space.clones() };
    let url = RemoteUrl::new(System::Git, "https://example.org/tool").expect("an address");
    let error = clones.tip(System::Git, &url, &Follow::Default).expect_err("offline");
    assert_eq!(error.to_string(), "`https://example.org/tool` is not on this machine, and the network is switched off");
    let checkout = Checkout { url: url.clone(), ..space.checkout("a") };
    let files = clones.files(&url, (&"0".repeat(40), None), &checkout, &Clone::clone);
    assert!(matches!(files.err(), Some(CheckoutError::Offline { .. })));
    let stopped = AtomicBool::new(true);
    let error = Clones { cancel: &stopped, ..space.clones() }
        .tip(System::Git, &space.url("a"), &Follow::Default)
        .expect_err("stopped");
    assert_eq!(error.to_string(), "the fetch was stopped");
}

#[test]
fn what_does_not_answer_is_asked_again() {
    let space = Space::new();
    let url = RemoteUrl::new(System::Git, "https://example.org/tool").expect("an address");
    let tries = |clones: &Clones<'_>, passing: bool| {
        let mut count = 0;
        let error = clones.trying::<()>(&url, &mut || {
            count += 1;
            let (url, said) = (url.to_string(), "x".to_owned());
            Err(if passing { CheckoutError::Unreachable { url, said } } else { CheckoutError::Gone { url, said } })
        });
        assert!(error.is_err());
        count
    };
    let patient = Clones { waits: &[Duration::ZERO; 2], ..space.clones() };
    assert_eq!([tries(&patient, true), tries(&patient, false), tries(&space.clones(), true)], [3, 1, 1]);
    assert_eq!(space.clones().patient().waits.len(), 3);
}
