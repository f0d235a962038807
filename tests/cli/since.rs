//! `opb eval --changed-since`: nodes that another revision of the project's git repository had otherwise.

use super::*;

/// A project under version control; `None` where this machine has no git.
fn kept() -> Option<Space> {
    let space = Space::two();
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("skipped: there is no git on this machine");
        return None;
    }
    git(&space, &["init", "-q", "-b", "main"]);
    commit(&space);
    Some(space)
}

fn git(space: &Space, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.excludesFile=/dev/null"]);
    command.args(arguments).current_dir(space.path(".")).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    command.env("GIT_AUTHOR_DATE", "2025-01-11T10:00:00Z").env("GIT_COMMITTER_DATE", "2025-01-11T10:00:00Z");
    assert!(command.status().expect("git").success(), "{arguments:?}");
}

fn commit(space: &Space) {
    git(space, &["add", "-A"]);
    git(space, &["commit", "-q", "-m", "x"]);
}

/// The abbreviated ids of commits made the same.
fn plain(seen: &str) -> String {
    let is_id = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = seen.split_inclusive(['(', ')']);
    words.map(|word| if word.strip_suffix(')').is_some_and(is_id) { "[COMMIT])" } else { word }).collect()
}

fn since(space: &Space, arguments: &[&str]) -> String {
    plain(&space.seen(&[&["eval", "--format", "table", "--changed-since"], arguments].concat()))
}

#[test]
fn nothing_changed() {
    let Some(space) = kept() else { return };
    space.file("recipes/libmd.rhai", "// A comment.\n#{ source: dsc(\"libmd\") }\n");
    insta::assert_snapshot!(since(&space, &["HEAD"]), @r###"
    exit 0
    --- stdout
    NODE  READS  READ BY  ID
    --- stderr
    note: none of these nodes has changed since `HEAD` ([COMMIT])
    "###);
}

#[test]
fn a_changed_recipe_changes_what_reads_it() {
    let Some(space) = kept() else { return };
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\"), env: #{ V: \"1\" } }\n");
    commit(&space);
    let names = |arguments: &[&str]| space.stdout(&[&["eval", "--changed-since"], arguments].concat());
    insta::assert_snapshot!(names(&["HEAD~1"]), @r###"
    repo:nightly@mirage-1
    ├── build:libmd@mirage-1/amd64
    └── build:libbsd@mirage-1/amd64
        └── root:libbsd@mirage-1/amd64
            └── resolve:libbsd@mirage-1/amd64
                └── build:libmd@mirage-1/amd64
    "###);
    insta::assert_snapshot!(names(&["HEAD~1", "--kind", "build", "libbsd"]), @r###"
    build:libbsd@mirage-1/amd64
    "###);
    assert_eq!(names(&["HEAD"]), "");
}

#[test]
fn a_component_more_and_one_less() {
    let Some(mut space) = kept() else { return };
    fs::remove_file(space.path("recipes/libbsd.rhai")).expect("removed");
    space.file("recipes/libnew.rhai", "#{ source: dsc(\"libnew\") }\n");
    space.dsc("libnew", "debhelper-compat (= 13)", &[("libnew0", "any", "")]);
    insta::assert_snapshot!(plain(&space.seen(&["eval", "--changed-since", "main", "--kind", "build,repo"])), @r###"
    exit 0
    --- stdout
    repo:nightly@mirage-1
    ├── build:libnew@mirage-1/amd64
    └── build:libmd@mirage-1/amd64
    --- stderr
    note: 5 nodes of `main` ([COMMIT]) are not there any more
    "###);
}

#[test]
fn a_source_folder_that_changed() {
    let Some(space) = kept() else { return };
    let control = "Source: logax\nMaintainer: A <a@example.org>\nBuild-Depends: debhelper-compat (= 13)\n\n\
                   Package: logax\nArchitecture: any\nDescription: x\n";
    space.source("src/logax", control);
    space.file("recipes/logax.rhai", "#{ source: path(\"src/logax\") }\n");
    commit(&space);
    let names = || space.stdout(&["eval", "--changed-since", "HEAD", "--kind", "source,build"]);
    assert_eq!(names(), "");
    space.file("src/logax/main.c", "int main;\n");
    insta::assert_snapshot!(names(), @r###"
    source:logax
    build:logax@mirage-1/amd64
    "###);
}

#[test]
fn revisions_that_cannot_be_had() {
    let Some(space) = kept() else { return };
    insta::assert_snapshot!(since(&space, &["mian"]), @r###"
    exit 2
    --- stderr
    opb::fetch::unknown_revision

      × `mian` is no commit of this repository
      help: did you mean `main`?
    "###);
    insta::assert_snapshot!(since(&space, &["--output=x"]), @r###"
    exit 2
    --- stderr
    opb::fetch::unknown_revision

      × `--output=x` is no commit of this repository
      help: name a commit, a branch or a tag, as in `HEAD~1`; `git log` lists commits
    "###);
    fs::remove_dir_all(space.path(".git")).expect("removed");
    insta::assert_snapshot!(since(&space, &["HEAD"]), @r###"
    exit 2
    --- stderr
    opb::fetch::no_repository

      × `[HERE]/project` lies in no git repository, so it has no earlier states
      help: keep the project in git: `git init`, `git add`, `git commit`
    "###);
}

#[test]
fn an_earlier_state_that_is_wrong() {
    let Some(space) = kept() else { return };
    space.file("recipes/libmd.rhai", "#{ sorce: dsc(\"libmd\") }\n");
    commit(&space);
    space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\") }\n");
    insta::assert_snapshot!(since(&space, &["HEAD"]), @r###"
    exit 2
    --- stderr
      × the project as it was at `HEAD` cannot be evaluated
      ╰─▶ evaluating the recipes: 1 mistake

    Error: opb::eval::field

      × there is no field `sorce`
       ╭─[recipes/libmd.rhai:1:4]
     1 │ #{ sorce: dsc("libmd") }
       ·    ──┬──
       ·      ╰── here
       ╰────
      help: did you mean `source`?
    "###);
}

#[test]
fn no_git_on_this_machine() {
    let Some(space) = kept() else { return };
    let mut command = space.command(&["eval", "--changed-since", "HEAD"]);
    insta::assert_snapshot!(space.seen_of(command.env("PATH", "/nonexistent")), @r###"
    exit 3
    --- stderr
    opb::fetch::no_git

      × cannot start `git`
      ╰─▶ No such file or directory (os error 2)
      help: install git: earlier states of a project are read with it
    "###);
}
