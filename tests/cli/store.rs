//! Which store is used, and stores that cannot be.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn the_store_is_where_it_is_said_to_be() {
    let space = Space::two();
    space.stdout(&["plan"]);
    assert!(space.path("store/format").is_file());
    space.stdout(&["plan", "--store", "by-option"]);
    assert!(space.path("by-option/format").is_file());
    let run = |variable: &str, args: &[&str]| {
        assert!(space.command(args).env("OPB_STORE", variable).status().expect("runs").success());
    };
    run("by-variable", &["-q", "plan"]);
    assert!(space.path("by-variable/format").is_file());
    run("unused", &["-q", "plan", "--store", "by-option"]);
    assert!(!space.path("unused").exists(), "the option does not win");
    run("", &["-q", "plan"]);
}

#[test]
fn a_store_of_a_newer_opb() {
    let space = Space::two();
    space.file("store/format", "opb store 7\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::store::newer

      × the store `[HERE]/project/store` has format 7, newer than 2, the newest that this opb knows
      help: use the opb that made it, or choose another store with `--store`
    "###);
    space.file("store/format", "seven\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::store::format

      × `[HERE]/project/store/format` does not say a format
      help: choose another store with `--store`, or write `opb store 2` into that file if the folder is a store
    "###);
}

#[test]
fn a_folder_of_something_else() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["plan", "--store", "recipes"]), @r###"
    exit 2
    --- stderr
    opb::store::not_a_store

      × `[HERE]/project/recipes` is neither empty nor a store: it holds `libmd.rhai`
      help: choose an empty folder, or one that does not exist yet
    "###);
}

#[test]
fn a_file_instead_of_a_folder() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["plan", "--store", "opb.lock"]), @r###"
    exit 3
    --- stderr
    opb::store::io

      × making the store failed at `[HERE]/project/opb.lock`
      ╰─▶ File exists (os error 17)
      help: check that the folder is there, is writable for you, and is on a sound disk
    "###);
    insta::assert_snapshot!(space.seen(&["plan", "--store", ""]), @r###"
    exit 2
    --- stderr
    error: a value is required for '--store <DIR>' but none was supplied

    For more information, try '--help'.
    "###);
}

#[test]
fn a_folder_that_may_not_be_written() {
    let space = Space::two();
    // Nobody may write below /proc, root neither.
    insta::assert_snapshot!(space.seen(&["plan", "--store", "/proc/opb-store"]), @r###"
    exit 3
    --- stderr
    opb::store::io

      × making the store failed at `/proc/opb-store`
      ╰─▶ No such file or directory (os error 2)
      help: check that the folder is there, is writable for you, and is on a sound disk
    "###);
    if nix::unistd::geteuid().is_root() {
        eprintln!("skipped: root may write into any folder");
        return;
    }
    fs::create_dir(space.path("closed")).expect("made");
    fs::set_permissions(space.path("closed"), fs::Permissions::from_mode(0o500)).expect("closed");
    let seen = space.seen(&["plan", "--store", "closed/store"]);
    assert!(
        seen.starts_with("exit 3\n") && seen.contains("making the store failed at `[HERE]/project/closed/store`"),
        "{seen}"
    );
}

/// A project whose sources are built into the store.
fn with_sources() -> Space {
    let space = Space::pinned();
    for name in ["one", "two"] {
        space.file(&format!("recipes/{name}.rhai"), &format!("#{{ source: path(\"sources/{name}\") }}\n"));
        let control = format!(
            "Source: {name}\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\n\
             Package: {name}\nArchitecture: all\nDescription: x\n"
        );
        space.source(&format!("sources/{name}"), &control);
        space.file(&format!("sources/{name}/file"), &format!("first of {name}\n"));
    }
    space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    space
}

fn gc(space: &Space, args: &[&str]) -> serde_json::Value {
    space.json(&[&["store", "gc", "--format", "json"], args].concat())
}

#[test]
fn what_is_needed_stays_and_what_is_not_goes() {
    let space = with_sources();
    space.file("sources/one/file", "second of one\n");
    space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    let listed = space.stdout(&["store", "ls"]);
    let nodes: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(nodes, ["source:one", "source:one", "source:two"]);
    let unneeded: Vec<bool> = listed.lines().map(|line| line.ends_with("needed by nothing")).collect();
    assert_eq!(unneeded, [false, true, false], "{listed}");
    assert_eq!(space.stdout(&["store", "ls", "source:two"]).lines().count(), 1);

    // It has only just become so.
    assert_eq!(gc(&space, &[])["collected"], serde_json::json!({}));
    let dry = gc(&space, &["--older-than", "0", "--dry-run"]);
    let collected = &dry["collected"];
    // The file that changed, and `debian/` is the same as before.
    let counts = ["objects", "trees", "realisations"].map(|kind| collected[kind]["count"].as_u64().unwrap_or(0));
    assert_eq!(counts, [1, 1, 1], "{dry:#}");
    assert_eq!(collected["objects"]["bytes"], "first of one\n".len());
    let list = space.stdout(&["store", "gc", "--older-than", "0", "--dry-run", "--list"]);
    let goes = list.lines().filter(|line| line.starts_with("goes ")).count();
    assert_eq!(goes, 3, "{list}");
    assert!(list.lines().any(|line| line.starts_with("stays") && line.contains("current: source:two of ")), "{list}");
    assert!(list.contains("would be collected: "), "{list}");

    let before = space.stdout(&["store", "ls"]);
    assert_eq!(before.lines().count(), 3, "a dry run removed something");
    let done = gc(&space, &["--older-than", "0"]);
    assert_eq!((&done["collected"], &done["dry_run"]), (collected, &serde_json::json!(false)));
    assert_eq!(space.stdout(&["store", "ls"]).lines().count(), 2);
    assert_eq!(gc(&space, &["--older-than", "0"])["collected"], serde_json::json!({}));
    assert!(space.seen(&["build", "--only", "source:*"]).contains("nothing to do"));
}

#[test]
fn a_budget_takes_the_longest_unneeded_first() {
    let space = with_sources();
    for text in ["second", "third"] {
        space.file("sources/one/file", &format!("{text}\n"));
        space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    }
    let total = gc(&space, &["--dry-run"])["total_bytes"].as_u64().expect("a number");
    assert_eq!(gc(&space, &["--budget", &total.to_string()])["collected"], serde_json::json!({}));
    assert_eq!(gc(&space, &["--free", "1 kB"])["collected"], serde_json::json!({}));
    let dry = gc(&space, &["--free", "1 EB", "--dry-run"]);
    let after = gc(&space, &["--budget", "0"]);
    assert_eq!(dry["collected"], after["collected"], "all that is unneeded, where it cannot be enough");
    assert!(after["collected"]["realisations"]["count"].as_u64() >= Some(1), "{after:#}");
    assert_eq!(space.stdout(&["store", "ls"]).lines().count(), 2, "what is needed stays whatever the budget");
    space.file("opb.toml", "[store]\nolder_than = \"fortnight\"\n");
    insta::assert_snapshot!(space.seen(&["store", "gc"]), @r###"
    exit 2
    --- stderr
    opb::settings::toml

      × cannot read `opb.toml`: `fortnight` is no age, such as `36h`, `14d` or `2w`
       ╭─[opb.toml:2:14]
     1 │ [store]
     2 │ older_than = "fortnight"
       ·              ─────┬─────
       ·                   ╰── here
       ╰────
      help: correct that place; the manual lists what `opb.toml` may say
    "###);
    space.file("opb.toml", "[store]\nbudget = \"1 GB\"\nolder_than = \"2w\"\nfree = \"1 MB\"\n");
    assert_eq!(gc(&space, &[])["collected"], serde_json::json!({}));
    insta::assert_snapshot!(space.seen(&["store", "gc", "--older-than", "long"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'long' for '--older-than <AGE>': `long` is no age, such as `36h`, `14d` or `2w`

    For more information, try '--help'.
    "###);
}

#[test]
fn pins_keep_what_a_project_needs_no_more() {
    let space = with_sources();
    insta::assert_snapshot!(space.stdout(&["store", "keep", "spring", "source:one"]), @"kept as spring: 1 result");
    space.file("sources/one/file", "second of one\n");
    space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    gc(&space, &["--older-than", "0"]);
    let listed = space.stdout(&["store", "ls", "source:one"]);
    assert!(listed.lines().count() == 2 && listed.contains("  pinned as spring\n"), "{listed}");
    assert!(space.stdout(&["store", "keep"]).contains("spring"));
    assert!(space.stdout(&["store", "info"]).contains("  spring "));
    insta::assert_snapshot!(space.stdout(&["store", "keep", "--drop", "spring"]), @"dropped: spring");
    gc(&space, &["--older-than", "0"]);
    assert_eq!(space.stdout(&["store", "ls", "source:one"]).lines().count(), 1);
    insta::assert_snapshot!(space.seen(&["store", "keep", "--drop", "spring"]), @r###"
    exit 2
    --- stderr
    opb::stored::no_pin

      × there is no pin `spring`
      help: `opb store keep` lists them
    "###);
    insta::assert_snapshot!(space.seen(&["store", "keep", "summer", "build:one"]), @r###"
    exit 2
    --- stderr
    opb::stored::not_realised

      × nothing of what was selected is realised
      help: run `opb build`, or look at `opb plan`
    "###);
    insta::assert_snapshot!(space.seen(&["store", "keep", "Summer!", "source:one"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'Summer!' for '[NAME]': `Summer!` is not a pin name: lower-case letters, digits, `-`, `.`, starting with a letter or digit

    For more information, try '--help'.
    "###);
}

#[test]
fn a_project_that_is_gone_can_be_dropped() {
    let space = with_sources();
    let info = space.json(&["store", "info", "--format", "json"]);
    let project = info["projects"][0].clone();
    assert_eq!(
        (&project["realised"], &project["gone"]),
        (&serde_json::json!(2), &serde_json::json!(false)),
        "{info:#}"
    );
    let folder = project["folder"].as_str().expect("text").to_owned();
    assert_eq!(info["files"]["realisations"]["count"], 2);
    space.stdout(&["store", "keep", "--drop-project", &folder]);
    gc(&space, &["--older-than", "0"]);
    assert_eq!(space.stdout(&["store", "ls"]), "");
    insta::assert_snapshot!(space.seen(&["store", "keep", "--drop-project", "/nowhere"]), @r###"
    exit 2
    --- stderr
    opb::stored::no_project

      × the store keeps nothing for a project in `/nowhere`
      help: `opb store info` lists the projects, each by its folder
    "###);
    // The next run makes all of it again.
    space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    assert_eq!(space.stdout(&["store", "ls"]).lines().count(), 2);
}

#[test]
fn flaws_are_told_with_an_exit_code_and_mended() {
    let space = with_sources();
    insta::assert_snapshot!(space.seen(&["store", "verify"]), @r###"
    exit 0
    --- stdout
    checked 5 objects, 2 realisations, 2 trees: 1.9 kB
    nothing is wrong
    "###);
    let digest = Digest::of(b"first of two\n").to_string();
    let object = format!("store/objects/{}/{}", &digest[..2], &digest[2..]);
    fs::remove_file(space.path(&object)).expect("removed");
    space.file(&object, "first of tow\n");
    space.file("store/objects/notes.txt", "x");
    insta::assert_snapshot!(space.seen(&["store", "verify"]), @r###"
    exit 3
    --- stdout
    checked 5 objects, 2 realisations, 2 trees: 1.9 kB
    unknown   objects/notes.txt: it is no file of the store
    altered   objects/6a/00bfd845405792756f75b6a9dfa5fa1d47d9d6f7924e82db42a14e13966c1d: object of source:two
    1 flaw; `opb store verify --repair` mends what can be, and has the rest made again
    "###);
    let told = space.command(&["store", "verify", "--format", "json"]).output().expect("runs");
    assert_eq!(told.status.code(), Some(3));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["findings"][0]["affects"], serde_json::json!(["source:two"]));
    insta::assert_snapshot!(space.seen(&["store", "verify", "--repair"]), @r###"
    exit 0
    --- stdout
    checked 5 objects, 2 realisations, 2 trees: 1.9 kB
    unknown   objects/notes.txt: it is no file of the store
    altered   objects/6a/00bfd845405792756f75b6a9dfa5fa1d47d9d6f7924e82db42a14e13966c1d: object of source:two
    removed   objects/6a/00bfd845405792756f75b6a9dfa5fa1d47d9d6f7924e82db42a14e13966c1d
    forgotten source:two: it runs again when it is wanted
    nothing is wrong any more
    "###);
    let built = space.seen(&["build", "-q", "--only", "source:*"]);
    assert!(built.starts_with("exit 0\n--- stderr\nnothing to do: ") && built.contains(" all clean ("), "{built}");
    assert!(space.stdout(&["store", "verify"]).contains("nothing is wrong"));
}

#[test]
fn a_bad_result_is_forgotten() {
    let space = with_sources();
    insta::assert_snapshot!(space.stdout(&["store", "forget", "source:one"]), @"forgotten: source:one");
    assert_eq!(space.stdout(&["store", "ls"]).lines().count(), 1);
    insta::assert_snapshot!(space.seen(&["store", "forget", "source:one"]), @r###"
    exit 2
    --- stderr
    opb::stored::not_realised

      × nothing of what was selected is realised
      help: run `opb build`, or look at `opb plan`
    "###);
    assert!(space.stdout(&["store", "ls"]).starts_with("source:two "));
}

#[test]
fn json_is_as_the_schemas_say() {
    let space = with_sources();
    space.stdout(&["store", "keep", "spring", "source:one"]);
    space.file("sources/one/file", "second of one\n");
    space.stdout(&["-q", "build", "--again", "--only", "source:*"]);
    schema::conforms("store-info", &space.json(&["store", "info", "--format", "json"]));
    for line in space.stdout(&["store", "ls", "--format", "json"]).lines() {
        schema::conforms("store-ls", &serde_json::from_str(line).expect("JSON"));
    }
    space.stdout(&["store", "keep", "--drop", "spring"]);
    let listed = space.stdout(&["store", "gc", "--older-than", "0", "--dry-run", "--list", "--format", "json"]);
    let lines: Vec<&str> = listed.lines().collect();
    let (last, files) = lines.split_last().expect("some");
    schema::conforms("store-gc", &serde_json::from_str(last).expect("JSON"));
    assert!(!files.is_empty());
    for file in files {
        schema::conforms("store-gc-file", &serde_json::from_str(file).expect("JSON"));
    }
    let digest = Digest::of(b"first of two\n").to_string();
    fs::remove_file(space.path(&format!("store/objects/{}/{}", &digest[..2], &digest[2..]))).expect("removed");
    let verify = |args: &[&str]| {
        let told = space.command(&[&["store", "verify", "--format", "json"], args].concat()).output().expect("runs");
        serde_json::from_slice::<serde_json::Value>(&told.stdout).expect("JSON")
    };
    let told = [verify(&[]), verify(&["--repair"])];
    assert!(told[0]["repair"].is_null() && told[1]["repair"]["forgotten"] == serde_json::json!(["source:two"]));
    told.iter().for_each(|told| schema::conforms("store-verify", told));
}
