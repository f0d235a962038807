//! Versions that come from tags: what is pinned for them, what they come to, and that they do not go down.

use super::checkouts::Repository;
use super::*;

const RULE: &str = "v*";

impl Repository {
    /// A recipe whose version comes from tags.
    fn versioned(&self, options: &str, version: &str) {
        let url = format!("file://{}/tool", self.space.folder.path().display());
        let recipe = format!("#{{ source: git(\"{url}\", #{{ {options} }}), version: {version} }}\n");
        self.space.file("recipes/tool.rhai", &recipe);
    }

    fn tagged(rule: &str) -> Self {
        let repository = Self::new("");
        repository.versioned("", &format!("from_tags(\"{rule}\")"));
        repository
    }

    fn says(&self, text: &str, message: &str) {
        self.space.file("../tool/README", text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }
}

#[test]
fn a_nightly_and_a_release_are_pinned() {
    let repository = Repository::tagged(RULE);
    insta::assert_snapshot!(repository.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `git("file://[HERE]/tool"), version: from_tags("v*")` is not pinned
       ╭─[recipes/tool.rhai:1:4]
     1 │ #{ source: git("file://[HERE]/tool", #{  }), version: from_tags("v*") }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: run `opb update tool`, which looks it up and writes `opb.lock`
    "###);
    repository.says("1", "Begin");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool"), version: from_tags("v*")  0.0.0+git1.3589a20 (3589a2043065)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    repository.git(&["tag", "v1.0"]);
    repository.says("2", "Mend it\n\nCloses: #12");
    repository.says("3", "Say \u{1b}[2Jmore");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool"), version: from_tags("v*")  0.0.0+git1.3589a20 (3589a2043065) → 1.0+git2.6e02464 (6e0246422922)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    let lock = redacted(
        &fs::read_to_string(repository.space.path("opb.lock")).expect("there"),
        repository.space.folder.path(),
    );
    insta::assert_snapshot!(&lock[lock.find("[[checkout]]").expect("a pin")..], @r###"
    [[checkout]]
    git = "file://[HERE]/tool"
    versions = "v*"
    found = "refs/heads/main"
    commit = "[DIGEST]"
    time = "2026-11-21T10:00:00Z"
    tag = "v1.0"
    distance = 2
    tree = "[DIGEST]"

    [checkout.release]
    tag = "v1.0"
    distance = 2
    changes = ["Say [2Jmore", "Mend it (Closes: #12)"]

    [checkout.texts]
    "debian/changelog" = """
    logax (1.2-3) unstable; urgency=medium

     -- A Packager <packager@example.org>  Sat, 11 Jan 2025 10:00:00 +0000
    """
    "debian/control" = """
    Source: tool
    Build-Depends: debhelper-compat (= 13)
    Rules-Requires-Root: no

    Package: tool
    Architecture: all
    """
    "###);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    "###);
    // A tag on what is pinned already makes it a release.
    repository.git(&["tag", "v1.1"]);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool"), version: from_tags("v*")  1.0+git2.6e02464 (6e0246422922) → 1.1 (6e0246422922)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
}

#[test]
fn versions_do_not_go_down() {
    let repository = Repository::tagged(RULE);
    repository.says("1", "Begin");
    repository.git(&["tag", "v1.0"]);
    repository.says("2", "More");
    repository.git(&["tag", "v2.0"]);
    repository.space.stdout(&["update", "tool"]);
    let lock = repository.lock();
    repository.git(&["tag", "-d", "v2.0"]);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 3
    --- stderr
    opb::update::lower_version

      × the version of `git("file://[HERE]/tool"), version: from_tags("v*")` would go down from 2.0-3 to 1.0+git1.6a03a62-3, and no machine would install that over what it has
      help: look at the repository's tags and branches; if this is meant, raise the epoch in its packaging, or take it with `opb update --allow-lower-versions`
    "###);
    assert_eq!(repository.lock(), lock);
    // Another branch is another pin, of the same packages.
    repository.git(&["branch", "old", "v1.0"]);
    repository.versioned("branch: \"old\"", "from_tags(\"v*\")");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 3
    --- stderr
    opb::update::lower_version

      × the version of `git("file://[HERE]/tool", #{ branch: "old" }), version: from_tags("v*")` would go down from 2.0-3 to 1.0-3, and no machine would install that over what it has
      help: look at the repository's tags and branches; if this is meant, raise the epoch in its packaging, or take it with `opb update --allow-lower-versions`
    "###);
    insta::assert_snapshot!(repository.seen(&["update", "tool", "--allow-lower-versions"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool", #{ branch: "old" }), version: from_tags("v*")  1.0 (3589a2043065)
    dropped git("file://[HERE]/tool"), version: from_tags("v*")  2.0 (6a03a6206307)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    // An epoch makes it higher.
    repository.space.stdout(&["update", "tool"]);
    repository.git(&["tag", "v3.0"]);
    repository.versioned("", "from_tags(\"v*\")");
    repository.space.stdout(&["update", "tool"]);
    repository.git(&["tag", "-d", "v3.0"]);
    assert!(repository.seen(&["update", "tool"]).starts_with("exit 3\n"));
    let changelog = fs::read_to_string(repository.space.path("../tool/debian/changelog")).expect("there");
    repository.space.file("../tool/debian/changelog", &changelog.replace("(1.2-3)", "(1:1.2-3)"));
    repository.says("3", "Raise the epoch");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    moved   git("file://[HERE]/tool"), version: from_tags("v*")  3.0 (6a03a6206307) → 1.0+git2.324f9ff (324f9ff19bd9)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
}

#[test]
fn hostile_tags_are_named_and_left_out() {
    let repository = Repository::tagged(RULE);
    repository.says("1", "Begin");
    for tag in ["v1$(id)", "v1;x", "vendor", "v1/2", "v1-2"] {
        repository.git(&["tag", tag]);
    }
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 2
    --- stderr
    opb::fetch::no_versions

      × none of the 5 tags of `file://[HERE]/tool` that `from_tags("v*")` means says a version
      ╰─▶ the tag `v1$(id)` says no version: a version has letters, digits and `.`, `+`, `~` only
      help: let the pattern leave them out, or say what stands for what no version has, as in `from_tags("v*", #{ replace: #{ "_": "." } })`
    "###);
    repository.git(&["tag", "v0.9"]);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool"), version: from_tags("v*")  0.9 (3589a2043065)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    --- stderr
    note: tags of `file://[HERE]/tool` that say no version are left out: `v1$(id)`, `v1-2`, `v1/2` and 2 more
    "###);
    repository.versioned("", "from_tags(\"v*\", #{ replace: #{ \"-\": \".\" } })");
    insta::assert_snapshot!(repository.seen(&["eval"]), @r###"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::need

      × `git("file://[HERE]/tool"), version: from_tags("v*", #{ replace: #{ "-": "." } })` is not pinned
       ╭─[recipes/tool.rhai:1:4]
     1 │ #{ source: git("file://[HERE]/tool", #{  }), version: from_tags("v*", #{ replace: #{ "-": "." } }) }
       ·    ───┬──
       ·       ╰── here
       ╰────
      help: run `opb update tool`, which looks it up and writes `opb.lock`
    "###);
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool"), version: from_tags("v*", #{ replace: #{ "-": "." } })  1.2 (3589a2043065)
    dropped git("file://[HERE]/tool"), version: from_tags("v*")  0.9 (3589a2043065)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    --- stderr
    note: tags of `file://[HERE]/tool` that say no version are left out: `v1$(id)`, `v1/2`, `v1;x` and 1 more
    "###);
}

#[test]
fn what_has_no_release_is_not_built_and_said() {
    let repository = Repository::tagged(RULE);
    repository.says("1", "Begin");
    let settings = "[channel.stable]\nlock = \"stable\"\nsources = \"releases\"\n";
    repository.space.file("opb.toml", settings);
    let index = fs::read_to_string(repository.space.path("opb.lock")).expect("there");
    repository.space.file("opb.stable.lock", &index);
    repository.space.stdout(&["update", "tool"]);
    insta::assert_snapshot!(repository.seen(&["--channel", "stable", "update", "tool"]), @r###"
    exit 0
    --- stdout
    nothing moved: all pins are what the archives have now
    --- stderr
    note: `git("file://[HERE]/tool"), version: from_tags("v*")` has no tag that `v*` means, so no release of it is pinned
    "###);
    insta::assert_snapshot!(repository.seen(&["--channel", "stable", "plan"]), @r###"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64    never built
    depends  resolve:base@mirage-1/amd64  on index:base@mirage-1/amd64
    depends  root:base@mirage-1/amd64     on resolve:base@mirage-1/amd64
    run      repo:stable@mirage-1         never built
    2 nodes will run, 2 depend on what comes out, 0 are clean
    --- stderr
    note: no release is pinned, so not built: tool
    "###);
    repository.git(&["tag", "v1.0"]);
    repository.says("2", "More");
    repository.git(&["tag", "v1.1-rc1"]);
    insta::assert_snapshot!(repository.seen(&["--channel", "stable", "update", "tool"]), @r###"
    exit 0
    --- stdout
    pinned  git("file://[HERE]/tool"), version: from_tags("v*")  1.0 (3589a2043065)
    opb.stable.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
}

#[test]
fn a_hold_keeps_a_commit() {
    let repository = Repository::tagged(RULE);
    repository.says("1", "Begin");
    repository.git(&["tag", "v1.0"]);
    repository.space.stdout(&["update", "tool"]);
    let lock = repository.lock();
    let hold = ["hold", "tool", "@mirage-1", "--reason", "waits for a review", "--expires", "2199-12-24"];
    insta::assert_snapshot!(repository.seen(&hold), @r###"
    exit 0
    --- stdout
    hold: 1 pin stays until 2199-12-24: git("file://[HERE]/tool"), version: from_tags("v*")
    hold: 1 pin stays until 2199-12-24: @mirage-1
    --- stderr
    opb.exceptions.toml is written; `opb exceptions --remove tool @mirage-1` takes it back
    "###);
    repository.says("2", "More");
    insta::assert_snapshot!(repository.seen(&["update", "tool"]), @r###"
    exit 2
    --- stderr
    opb::update::held

      × `tool` is held until 2199-12-24: waits for a review
      help: take the hold back first, with `opb exceptions --remove tool`, or update without naming it
    "###);
    insta::assert_snapshot!(repository.seen(&["update"]), @r###"
    exit 0
    --- stdout
    held    @mirage-1  until 2199-12-24: waits for a review
    held    git("file://[HERE]/tool"), version: from_tags("v*")  until 2199-12-24: waits for a review
    nothing moved: all pins that are not held are what the archives have now
    "###);
    assert_eq!(repository.lock(), lock);
    // Another way to say its version moves it as little.
    repository.versioned("", "from_tags(\"*\", #{ replace: #{ \"v\": \"\" } })");
    insta::assert_snapshot!(repository.seen(&["update"]), @r###"
    exit 0
    --- stdout
    held    @mirage-1  until 2199-12-24: waits for a review
    pinned  git("file://[HERE]/tool"), version: from_tags("*", #{ replace: #{ "v": "" } })  1.0 (3589a2043065)
    dropped git("file://[HERE]/tool"), version: from_tags("v*")  1.0 (3589a2043065)
    opb.lock is written; now 1 node will run, 7 depend on what comes out, 1 are clean (`opb plan` shows them)
    "###);
    let commits = |lock: &Lock| lock.checkout.values().map(|pin| pin.commit.clone()).collect::<Vec<_>>();
    assert_eq!(commits(&repository.lock()), commits(&lock));
}
