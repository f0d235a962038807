//! What release engineers do: a channel with a lock of its own, hotfixes on it, and stages beside another.

use std::fs;

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Space, space};

/// a, which needs a package of the archive, and d, which does not; c-TAG has the project's lock, and s-TAG one of its own.
fn ready(name: &str) -> Option<Space> {
    let space = space(name)?;
    a(&space, "");
    d(&space, "");
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    Some(space)
}

const CHANNELS: &str = "# Ours.\n[channel.c-TAG]\ntargets = [\"@test-TAG/*\"] # all\n\n[channel.s-TAG]\ntargets = [\"@test-TAG/*\"]\nlock = \"s-TAG\"\nkey = \"c-TAG\"\n";

fn a(space: &Space, recipe: &str) {
    let fields = "Rules-Requires-Root: no\nBuild-Depends: extra-TAG\n";
    Tiny { fields, fill: "cat /usr/share/extra-TAG > $d/x", ..Tiny::PLAIN }.with_recipe(space, recipe);
}

fn d(space: &Space, recipe: &str) {
    Tiny { name: "d", ..Tiny::PLAIN }.with_recipe(space, recipe);
}

fn with_archive(space: &Space) -> Archive<'_> {
    let mut archive = Archive::new(space);
    let mirrors = fs::read_to_string(space.folder.join("opb.toml")).expect("settings");
    let mirrors = mirrors.split("[channel").next().expect("has a beginning");
    space.write("opb.toml", &format!("{mirrors}{CHANNELS}"));
    archive.add("extra", "1.0");
    archive.publish(Signed::Well);
    space.opb(&["update", "@test-TAG"]).fine();
    archive
}

#[test]
fn a_hotfix_changes_one_component_of_what_was_published() {
    let Some(space) = ready("hotfix") else { return };
    let mut archive = with_archive(&space);
    let publish = || {
        space.opb(&["build", "-q"]).fine();
        space.opb(&["repo", "publish", "c-TAG"]).fine()
    };
    publish();
    let unpinned = space.opb(&["--channel", "s-TAG", "build"]).exits(2);
    insta::assert_snapshot!(space.shown(&unpinned.err), @"
    opb::ops::nothing_pinned

      × nothing is pinned yet, so there is nothing to build
      help: run `opb --channel s-TAG update`: it pins package indexes and sources in `opb.s-TAG.lock`
    ");
    let hotfix = |component: &str| space.opb(&["hotfix", component, "--on", "s-TAG"]);
    hotfix("d-TAG").exits(2).says(&space.own("nothing is published of the channel `s-TAG`"));
    let promoted = space.opb(&["repo", "promote", "c-TAG", "s-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&format!("{}{}", promoted.out, promoted.err)), @"
    published generation 1 of s-TAG: 2 packages, in STORE/channels/s-TAG/current
    opb.s-TAG.lock has the pins that generation 1 was made from
    ");
    let lock = || fs::read_to_string(space.folder.join(space.own("opb.s-TAG.lock"))).expect("a lock");
    let first = lock();
    assert_eq!(fs::read_to_string(space.folder.join("opb.lock")).expect("a lock"), first);

    // The project moves on, and the channel stays.
    archive.add("extra", "2.0");
    archive.publish(Signed::Well);
    space.opb(&["update", "@test-TAG"]).fine();
    publish();
    assert_eq!((space.times("build:a-TAG@test-TAG/all"), lock()), (2, first.clone()));
    let still = space.opb(&["--channel", "s-TAG", "build"]).fine();
    assert!(still.err.contains("1 node ran (0 package builds)"), "only its repository is put together: {}", still.err);
    assert_eq!(space.times("build:a-TAG@test-TAG/all"), 2);
    // What it needs is kept, too, for collections.
    let list = space.folder.join(space.own("opb.s-TAG.lock")).display().to_string();
    let kept = space.open_store().listed(&list).expect("reads").expect("a list of its own");
    let newer = space.last("build:a-TAG@test-TAG/all").key;
    assert!(kept.key_of(&space.own("build:a-TAG@test-TAG/all"), 0).is_some_and(|key| key != newer));

    let refused = space.opb(&["hotfix", "d-TAG", "--on", "c-TAG"]).exits(2);
    insta::assert_snapshot!(space.shown(&refused.err), @r#"
    opb::hotfix::no_lock

      × `c-TAG` has no lock of its own, so what its generation was made from moves on
      help: add `lock = "c-TAG"` to `[channel.c-TAG]` in `opb.toml`, and publish or promote to it once more
    "#);
    insta::assert_snapshot!(space.shown(&hotfix("d").exits(2).err), @"
    opb::hotfix::unknown

      × there is no component `d`
      help: name one of the files in `recipes/`
    ");
    insta::assert_snapshot!(space.shown(&hotfix("d-TAG").exits(2).err), @"
    opb::hotfix::nothing

      × nothing of `d-TAG` differs from what generation 1 of `s-TAG` was made from
      help: run `opb update d-TAG` to have a newer source, or change its recipe or its source; then run this again
    ");
    a(&space, "env: #{ X: \"2\" }");
    d(&space, "env: #{ X: \"2\" }");
    insta::assert_snapshot!(space.shown(&hotfix("d-TAG").exits(2).err), @"
    opb::hotfix::not_alone

      × the hotfix of `d-TAG` would not be alone: `build:a-TAG@test-TAG/all` would be built anew, too, and does not depend on it
      help: take back what changed there since generation 1 of `s-TAG` was published (see `opb --channel s-TAG why NODE`), or publish it in the usual way first
    ");
    a(&space, "");
    let dry = space.opb(&["hotfix", "d-TAG", "--on", "s-TAG", "--dry-run"]).fine();
    insta::assert_snapshot!(space.shown(&dry.out), @"a hotfix of d-TAG on s-TAG concerns d-TAG; 1 node will run, 1 depend on what comes out, 12 are clean");
    let done = hotfix("d-TAG").fine();
    insta::assert_snapshot!(space.shown(&done.out), @"
    a hotfix of d-TAG on s-TAG concerns d-TAG; 1 node will run, 1 depend on what comes out, 12 are clean
    published generation 2 of s-TAG: 2 packages, in STORE/channels/s-TAG/current
    ");
    let differs = space.opb(&["repo", "diff", "s-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&differs.out), @"
    s-TAG: from generation 1 to generation 2
    test-TAG: 1 package differs
      d-TAG  all  1.0-1~t1+opb1 → 1.0-1~t1+opb2
    ");
    assert_eq!(space.times("build:a-TAG@test-TAG/all"), 2);
    let listed = space.opb(&["repo", "list", "s-TAG"]).fine();
    assert!(space.shown(&listed.out).contains("hotfix of d-TAG"), "{}", listed.out);
    insta::assert_snapshot!(space.shown(&hotfix("d-TAG").exits(2).err), @"
    opb::hotfix::nothing

      × nothing of `d-TAG` differs from what generation 2 of `s-TAG` was made from
      help: run `opb update d-TAG` to have a newer source, or change its recipe or its source; then run this again
    ");

    // What its lock says beyond what was published is neither lost nor taken along.
    space.opb(&["--channel", "s-TAG", "update", "@test-TAG"]).fine();
    assert_ne!(lock(), first);
    insta::assert_snapshot!(space.shown(&hotfix("d-TAG").exits(2).err), @"
    opb::hotfix::moved

      × `opb.s-TAG.lock` is not what generation 2 of `s-TAG` was made from: `test-TAG trial`
      help: take the file back, or build and publish what it says first: `opb --channel s-TAG build`
    ");
    let back = space.opb(&["repo", "rollback", "s-TAG", "--to", "1"]).fine();
    insta::assert_snapshot!(space.shown(&format!("{}{}", back.out, back.err)), @"
    published generation 3 of s-TAG: 2 packages, in STORE/channels/s-TAG/current
    opb.s-TAG.lock has the pins that generation 3 was made from
    ");
    assert_eq!(lock(), first);
}

#[test]
fn a_stage_is_merged_when_it_closes() {
    let Some(space) = ready("stage") else { return };
    let mut archive = with_archive(&space);
    space.opb(&["build", "-q"]).fine();
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    let stage = |more: &[&str]| space.opb(&[&["stage", "t-TAG"], more].concat());
    stage(&["--merge"]).exits(2).says(&space.own("there is no stage `t-TAG`"));
    stage(&["--drop"]).exits(2).says(&space.own("there is no stage `t-TAG`"));
    space.opb(&["stage", "c-TAG"]).exits(2).says(&space.own("`c-TAG` is a channel, and no stage"));
    stage(&["--over", "x"]).exits(2).says("there is no channel `x`");
    let as_written = fs::read_to_string(space.folder.join("opb.toml")).expect("settings");
    let begun = stage(&["--over", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&format!("{}{}", begun.out, begun.err)), @"
    began the stage t-TAG over c-TAG: a channel in opb.toml, whose pins go into opb.t-TAG.lock
    note: next: opb --channel t-TAG update COMPONENT && opb --channel t-TAG build
    ");
    let settings = || space.shown(&fs::read_to_string(space.folder.join("opb.toml")).expect("settings"));
    let added = settings();
    insta::assert_snapshot!(added.split_once("# Ours.").expect("is there").1, @r#"
    [channel.c-TAG]
    targets = ["@test-TAG/*"] # all

    [channel.s-TAG]
    targets = ["@test-TAG/*"]
    lock = "s-TAG"
    key = "c-TAG"

    # What is prepared here goes into the channel below it when it closes: `opb stage t-TAG` shows how far it is.
    [channel.t-TAG]
    lock = "t-TAG"
    over = "c-TAG"
    key = "c-TAG"
    targets = ["@test-TAG/*"]
    "#);
    space.opb(&["stage", "u-TAG", "--over", "t-TAG"]).exits(2).says(&space.own("begin it over `c-TAG`"));
    stage(&["--merge"]).exits(2).says(&space.own("no pin of the stage `t-TAG` differs from those of `c-TAG`"));

    let before = fs::read_to_string(space.folder.join("opb.lock")).expect("a lock");
    archive.add("extra", "2.0");
    archive.publish(Signed::Well);
    space.opb(&["--channel", "t-TAG", "update", "@test-TAG"]).fine();
    assert_eq!(fs::read_to_string(space.folder.join("opb.lock")).expect("a lock"), before);
    insta::assert_snapshot!(space.shown(&stage(&["--merge"]).exits(4).err), @"
    opb::stage::open

      × the stage `t-TAG` does not close: test-TAG: `repo:t-TAG@test-TAG` is not built
      help: see `opb stage t-TAG`; `opb --channel t-TAG build` builds what is not built
    ");
    space.opb(&["--channel", "t-TAG", "build", "-q"]).fine();
    assert_eq!(space.times("build:a-TAG@test-TAG/all"), 2);
    space.opb(&["repo", "publish", "t-TAG"]).fine();
    let told = stage(&[]).fine();
    let told = format!("{}{}", told.out, told.err);
    assert!(told.contains("1 pin of its own\nmoved   test-"), "{told}");
    assert!(told.contains("built and whole\n") && told.contains("--merge puts its pins into "), "{told}");
    let clean = space.opb(&["plan"]).fine();
    assert!(clean.out.starts_with("nothing to do") || clean.out.contains("0 nodes will run"), "{}", clean.out);
    insta::assert_snapshot!(space.shown(&stage(&["--merge"]).fine().out), @"merged the stage t-TAG into c-TAG: its pins are in opb.lock now");
    assert_ne!(fs::read_to_string(space.folder.join("opb.lock")).expect("a lock"), before);
    assert!(!space.folder.join(space.own("opb.t-TAG.lock")).exists());
    assert_eq!(settings(), space.shown(&as_written));
    // Nothing of it is built again.
    let built = space.opb(&["build"]).fine();
    assert_eq!(space.times("build:a-TAG@test-TAG/all"), 2, "{}", built.err);
    let published = space.opb(&["repo", "publish", "c-TAG"]).fine();
    assert!(published.out.starts_with("published generation 2"), "{}", published.out);
}
