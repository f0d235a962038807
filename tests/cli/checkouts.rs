//! Sources in git repositories: their pins, and what is fetched for them. All repositories are on this machine.

use super::*;
use crate::serve::serve;

const CONTROL: &str = "Source: tool\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13)\n\
                       Rules-Requires-Root: no\n\nPackage: tool\nArchitecture: all\nDescription: x\n";

/// A project with a recipe for a repository beside it.
pub(super) struct Repository {
    pub(super) space: Space,
    /// The address of the folder that holds it.
    base: String,
}

impl Repository {
    pub(super) fn new(options: &str) -> Self {
        let space = Space::pinned();
        let base = format!("file://{}", space.folder.path().display());
        let repository = Self { space, base };
        repository.space.source("../tool", CONTROL);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.recipe(options);
        repository
    }

    pub(super) fn recipe(&self, options: &str) {
        self.recipe_at(&format!("{}/tool", self.base), options);
    }

    fn recipe_at(&self, url: &str, options: &str) {
        self.space.file("recipes/tool.rhai", &format!("#{{ source: git(\"{url}\", #{{ {options} }}) }}\n"));
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
        command.env("HOME", self.space.folder.path().join("home")).current_dir(self.space.path("../tool"));
        command.env("GIT_AUTHOR_DATE", "@1795255200 +0000").env("GIT_COMMITTER_DATE", "@1795255200 +0000");
        let output = command.output().expect("git");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    pub(super) fn commit(&self, text: &str) -> String {
        self.space.file("../tool/README", text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "--quiet", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// What a run shows, with the repository's place left out.
    pub(super) fn seen(&self, args: &[&str]) -> String {
        self.space.seen(args)
    }

    pub(super) fn lock(&self) -> Lock {
        toml::from_str(&fs::read_to_string(self.space.path("opb.lock")).expect("there")).expect("a lock")
    }

    fn lose_store(&self) {
        let _ = fs::remove_dir_all(self.space.path("store"));
    }

    /// What `opb build` says of the source alone.
    fn fetched(&self, more: &[&str]) -> String {
        self.seen(&[&["build", "--again", "--only", "source:tool"], more].concat())
    }
}

fn id(space: &Space) -> String {
    space.json(&["eval", "--format", "json", "source:tool"])["nodes"][0]["id"].to_string()
}

#[test]
fn a_branch_is_pinned_followed_and_dropped() {
    let repository = Repository::new("");
    repository.commit("1");
    repository.git(&["tag", "v1.0"]);
    repository.commit("2");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool")  faf92921d8f6 (v1.0 and 1 commit)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    let lock = repository.lock();
    let (_, pin) = lock.checkout.first_key_value().expect("pinned");
    assert_eq!(pin.texts.keys().collect::<Vec<_>>(), ["debian/changelog", "debian/control"]);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    "###);

    // What is pinned is known without the repository.
    let before = id(&repository.space);
    fs::rename(repository.space.path("../tool"), repository.space.path("../away")).expect("moved");
    repository.lose_store();
    assert_eq!(id(&repository.space), before);
    fs::rename(repository.space.path("../away"), repository.space.path("../tool")).expect("moved");

    repository.commit("3");
    assert_eq!(id(&repository.space), before, "a branch moves only by an update");
    insta::assert_snapshot!(repository.seen(&["update", "tool", "--dry-run"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool")  faf92921d8f6 (v1.0 and 1 commit) → a5da10fb41fb (v1.0 and 2 commits)
    opb.lock stays as it is; with these pins 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    assert_eq!(repository.lock(), lock);
    repository.git(&["reset", "--quiet", "--hard", "v1.0"]);
    repository.commit("other");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool")  faf92921d8f6 (v1.0 and 1 commit) → b4e7429766df (v1.0 and 1 commit)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    --- stderr
    note: the branch `main` of `file://[HERE]/tool` was rewritten: the commit faf92921d8f6 that was pinned is not part of it any more
    "###);
    assert_ne!(id(&repository.space), before);
    repository.space.file("recipes/tool.rhai", "#{ source: path(\"tool\") }\n");
    repository.space.source("tool", CONTROL);
    insta::assert_snapshot!(repository.seen(&["check"]), @r###"
    exit 0
    --- stdout
    opb::lint::pin-unused

      ⚠ `git("file://[HERE]/tool")` is pinned, and no recipe asks for it any more
        ╭─[opb.lock:15:3]
     14 │
     15 │ [[checkout]]
        ·   ────┬───
        ·       ╰── here
     16 │ git = "file://[HERE]/tool"
        ╰────
      help: run `opb update`: it drops pins that nothing uses

    2 files checked: 1 warning
    "###);
}

#[test]
fn the_address_is_no_part_of_a_source() {
    let repository = Repository::new("branch: \"main\"");
    repository.commit("1");
    repository.space.stdout(&["update", "tool"]);
    let before = id(&repository.space);
    repository.recipe_at("tool", "branch: \"main\"");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 2
    --- stderr
    opb::settings::no_base

      × `git("tool")` is a short name, and `opb.toml` does not say where it leads
      help: write `[sources.git]` with `base = "https://example.org/"` into `opb.toml`, or the whole address into the recipe
    "###);
    let settings = format!(
        "[sources.git]\nbase = \"https://git.example/\"\n[sources.rewrite]\n\"https://git.example/\" = \"{}/\"\n",
        repository.base
    );
    repository.space.file("opb.toml", &settings);
    repository.space.stdout(&["update", "tool"]);
    assert_eq!(id(&repository.space), before);
    // A folder of the same repository is another source, at the same commit.
    let pinned = |lock: &Lock| lock.checkout.values().map(|pin| pin.commit.clone()).collect::<Vec<_>>();
    let first = pinned(&repository.lock());
    repository.commit("2");
    let more = "#{ source: git(\"tool\", #{ branch: \"main\" }), sources: #{ x: git(\"tool\", #{ branch: \"main\", folder: \"debian\" }) } }\n";
    repository.space.file("recipes/tool.rhai", more);
    let seen = repository.seen(&["update", "tool"]);
    assert!(seen.contains("\nmoved ") && seen.contains("\npinned "), "{seen}");
    let now = pinned(&repository.lock());
    assert!(now.len() == 2 && now[0] == now[1] && now[0] != first[0], "{now:?}");
}

#[test]
fn a_tag_that_moves_is_refused() {
    let repository = Repository::new("tag: \"v1.*\"");
    repository.commit("1");
    repository.git(&["tag", "v1.0"]);
    repository.space.stdout(&["update", "tool"]);
    let lock = repository.lock();
    repository.commit("2");
    repository.git(&["tag", "v1.1"]);
    repository.git(&["tag", "--force", "v1.0"]);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 3
    --- stderr
    opb::update::moved_tag

      × the tag `v1.0` of `git("file://[HERE]/tool", #{ tag: "v1.*" })` meant the commit e2ce8286c1b0 when it was pinned, and means faf92921d8f6 now
      help: ask those who moved it: what is released should stay as it is; `opb update --allow-moved-tags` takes it
    "###);
    assert_eq!(repository.lock(), lock);
    insta::assert_snapshot!(repository.seen(&["update", "tool", "--allow-moved-tags"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool", #{ tag: "v1.*" })  e2ce8286c1b0 (v1.0) → faf92921d8f6 (v1.1)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    "###);
}

#[test]
fn what_is_not_there_is_named() {
    let repository = Repository::new("branch: \"mian\"");
    repository.commit("1");
    insta::assert_snapshot!(repository.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `git("file://[HERE]/tool", #{ branch: "mian" })` is not pinned
       ╭─[recipes/tool.rhai:1:4]
     1 │ #{ source: git("file://[HERE]/tool", #{ branch: "mian" }) }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: run `opb update tool`, which looks it up and writes `opb.lock`
    "###);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 2
    --- stderr
    opb::fetch::no_reference

      × `file://[HERE]/tool` has no branch `mian`
      help: did you mean `main`?
    "###);
    repository.recipe_at(&format!("{}/none", repository.base), "");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 3
    --- stderr
    opb::fetch::checkout_gone

      × there is no repository at `file://[HERE]/none`: '[HERE]/none' does not appear to be a git repository
      help: correct the address in the recipe, or lead it elsewhere with `[sources.rewrite]` of `opb.toml`
    "###);
    repository.recipe("");
    let mut command = repository.space.command(&["update", "tool"]);
    insta::assert_snapshot!(repository.space.seen_of(command.env("PATH", "/nowhere")), @r###"
    exit 3
    --- stderr
    opb::fetch::no_program

      × cannot start `git`
      ╰─▶ No such file or directory (os error 2)
      help: install git: sources in its repositories are fetched with it
    "###);
    repository.recipe("folder: \"none\"");
    let seen = repository.seen(&["update", "tool"]);
    assert!(seen.starts_with("exit 2\n") && seen.contains(" has no folder `none`"), "{seen}");
}

#[test]
fn credentials_are_shown_nowhere() {
    let repository = Repository::new("");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("has one");
    drop(closed);
    repository.recipe_at("http://git.example/tool", "");
    let config = format!("[url \"http://user:geheim@{address}/\"]\n\tinsteadOf = http://git.example/\n");
    repository.space.file("../home/.gitconfig", &config);
    // Stopped while it waits to try again.
    repository.recipe_at("http://git.example/tool", "");
    repository.space.file("opb.lock", &fs::read_to_string(repository.space.path("opb.lock")).expect("there"));
    let pin = "[[checkout]]\ngit = \"http://git.example/tool\"\ncommit = \"0123456789abcdef0123456789abcdef01234567\"\n\
               time = \"2026-11-21T10:00:00Z\"\ntree = \"6baa6c9f461fe834a9da0ebb62e0f6fb8c11988a58cbc51b8da8040aea19bc3a\"\n\
               [checkout.texts]\n\"debian/control\" = \"Source: tool\\n\\nPackage: tool\\nArchitecture: all\\n\"\n\
               \"debian/changelog\" = \"tool (1) a; urgency=low\\n\\n -- A <a@example.org>  Sat, 21 Nov 2026 10:00:00 +0000\\n\"\n";
    let lock = fs::read_to_string(repository.space.path("opb.lock")).expect("there");
    repository.space.file("opb.lock", &format!("{lock}\n{pin}"));
    let seen = repository.fetched(&["--offline"]);
    assert!(seen.contains("the network is switched off"), "{seen}");
    repository.space.file("../home/.gitconfig", &config.replace("http://user", "ftp://user"));
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 3\n") && seen.contains("transport 'ftp' not allowed"), "{seen}");
    assert!(!seen.contains("geheim"), "{seen}");
}

#[test]
fn a_source_is_fetched_by_its_commit() {
    let repository = Repository::new("branch: \"main\"");
    repository.commit("1");
    repository.space.stdout(&["update", "tool"]);
    // What an update has fetched is there.
    let seen = repository.fetched(&["--offline"]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    repository.commit("2");
    repository.lose_store();
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    // A branch that leads on, on a plain web server.
    let served = serve(repository.space.folder.path().to_owned());
    repository.space.file("opb.toml", &format!("[sources.rewrite]\n\"{}/\" = \"{served}/\"\n", repository.base));
    repository.recipe_at(&format!("{}/tool/.git", repository.base), "branch: \"main\"");
    repository.git(&["update-server-info"]);
    repository.space.stdout(&["update", "tool"]);
    repository.commit("3");
    repository.git(&["update-server-info"]);
    repository.lose_store();
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    // The same on a server that does not give commits by their ids; and one that no longer leads to it.
    repository.space.file("opb.toml", "");
    repository.space.file("../home/.gitconfig", "[protocol]\n\tversion = 0\n");
    repository.lose_store();
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
    repository.git(&["checkout", "--quiet", "--orphan", "other"]);
    repository.commit("4");
    repository.git(&["branch", "--quiet", "--force", "main", "other"]);
    repository.lose_store();
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 3\n") && seen.contains("does not have the commit"), "{seen}");
    repository.space.file("opb.toml", &format!("[sources.rewrite]\n\"{}/\" = \"{served}/\"\n", repository.base));
    let seen = repository.fetched(&["--offline"]);
    assert!(seen.contains("is not on this machine, and the network is switched off"), "{seen}");
}

#[test]
fn a_source_that_contradicts_its_pin_is_an_error() {
    let repository = Repository::new("branch: \"main\"");
    repository.commit("1");
    repository.space.stdout(&["update", "tool"]);
    let lock = fs::read_to_string(repository.space.path("opb.lock")).expect("there");
    let tree = lock.lines().find_map(|line| line.strip_prefix("tree = ")).expect("a tree");
    let other = format!("\"{}\"", Digest::of(b"other"));
    repository.space.file("opb.lock", &lock.replace(tree, &other));
    let seen = repository.fetched(&[]);
    assert!(seen.contains(" was pinned") && !seen.starts_with("exit 0\n"), "{seen}");
    // A clone that is damaged is made anew.
    repository.space.file("opb.lock", &lock);
    let clones = fs::read_dir(repository.space.path("store/sources/git")).expect("there");
    let clone = clones.flatten().find(|entry| entry.path().is_dir()).expect("one").path();
    for folder in ["objects", "trees", "realised"] {
        let _ = fs::remove_dir_all(repository.space.path("store").join(folder));
    }
    let packs = fs::read_dir(clone.join("objects/pack")).expect("there").flatten();
    let loose =
        fs::read_dir(clone.join("objects")).expect("there").flatten().filter(|entry| entry.file_name().len() == 2);
    for file in packs
        .map(|entry| entry.path())
        .chain(loose.flat_map(|entry| fs::read_dir(entry.path()).expect("there").flatten().map(|entry| entry.path())))
    {
        fs::remove_file(&file).expect("removed");
        fs::write(&file, "damaged").expect("written");
    }
    let seen = repository.fetched(&[]);
    assert!(seen.starts_with("exit 0\n"), "{seen}");
}

#[test]
fn a_channel_of_releases_has_the_newest_tag() {
    let repository = Repository::new("");
    let tip = repository.commit("1");
    let settings = "[channel.nightly]\n[channel.stable]\nlock = \"stable\"\nsources = \"releases\"\n";
    repository.space.file("opb.toml", settings);
    // The distro is pinned there, too.
    fs::copy(repository.space.path("opb.lock"), repository.space.path("opb.stable.lock")).expect("copied");
    let stable = |args: &[&str]| repository.seen(&[&["--channel", "stable"], args].concat());
    let commit = |file: &str| {
        let text = fs::read_to_string(repository.space.path(file)).expect("there");
        let lock: Lock = toml::from_str(&text).expect("a lock");
        lock.checkout.values().map(|pin| pin.commit.clone()).collect::<Vec<_>>()
    };
    assert!(repository.seen(&["update", "tool"]).starts_with("exit 0\n"));
    assert_eq!(commit("opb.lock"), [tip.as_str()]);
    insta::assert_snapshot!(stable(&["update", "tool"]).replace(&repository.base, "BASE"), @r#"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    --- stderr
    note: `git("file://[HERE]/tool")` has no tag, so no release of it is pinned
    "#);
    let eval = stable(&["eval", "-v", "--format", "table", "--kind", "build"]);
    assert!(eval.contains("no release is pinned, so not built: tool") && !eval.contains("build:tool"), "{eval}");

    repository.git(&["tag", "v1.0"]);
    let newer = repository.commit("2");
    assert!(stable(&["update", "tool"]).starts_with("exit 0\n"));
    assert!(repository.seen(&["update", "tool"]).starts_with("exit 0\n"));
    assert_eq!((commit("opb.stable.lock"), commit("opb.lock")), (vec![tip], vec![newer.clone()]));
    let eval = stable(&["eval", "-v", "--format", "table", "--kind", "build"]);
    assert!(eval.contains("build:tool@mirage-1/all") && !eval.contains("no release"), "{eval}");
    repository.git(&["tag", "v1.1"]);
    assert!(stable(&["update", "tool"]).contains("(v1.1)"));
    assert_eq!(commit("opb.stable.lock"), [newer]);
}
