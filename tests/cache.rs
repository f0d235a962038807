//! Sharing results between machines, with real builds: what one has built, another fetches.
//!
//! Needs what `tests/building.rs` needs. Another machine is another store with another user's configuration.

#[expect(dead_code, reason = "what only other tests use of it")]
mod space;

#[path = "cache/exported.rs"]
mod exported;
#[path = "cache/hostile.rs"]
mod hostile;
#[path = "cache/reported.rs"]
mod reported;
#[path = "cache/served.rs"]
mod served;

use std::path::PathBuf;
use std::process::Command;

use opb::digest::Digest;
use space::sources::Tiny;
use space::{Ran, Space, program, space, write};

/// Another machine that has the same project.
struct Machine<'a> {
    space: &'a Space,
    folder: PathBuf,
}

impl<'a> Machine<'a> {
    fn new(space: &'a Space, name: &str) -> Self {
        Self { space, folder: space.folder.join(name) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.env("XDG_CONFIG_HOME", self.folder.join("config")).env("XDG_CACHE_HOME", self.folder.join("copies"));
        command.env_remove("http_proxy").env_remove("HTTP_PROXY").env_remove("ALL_PROXY").env_remove("all_proxy");
        command.arg("-C").arg(&self.space.folder).arg("--store").arg(self.store());
        command.args(args.iter().map(|arg| self.space.own(arg)));
        command
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn opb(&self, args: &[&str]) -> Ran {
        self.command(args).output().expect("runs").into()
    }

    /// Writes the user's settings: one cache, and the key of `from`.
    fn uses(&self, url: &str, from: &Space) {
        let key = from.opb(&["cache", "key", "show"]).fine().out;
        let text = format!("[[cache]]\nurl = \"{url}\"\nname = \"office\"\n[[trust]]\nkey = \"{}\"\n", key.trim());
        write(&self.folder.join("config/opb/config.toml"), &text);
    }
}

/// a ← b ← c, where b has the first character of what a has.
fn chain(space: &Space, env: &str) {
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(space, &format!("env: #{{ {env} }}"));
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { name: "b", fields, fill: "head -c 1 /usr/share/a-TAG/x > $d/x", ..Tiny::PLAIN }.with_recipe(space, "");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: b-TAG\n";
    Tiny { name: "c", fields, fill: "wc -c < /usr/share/b-TAG/x > $d/x", ..Tiny::PLAIN }.with_recipe(space, "");
}

/// Makes the store of `space` that of a machine which has the base root, but never built anything of this test.
fn forget(space: &Space) {
    let store = space.open_store();
    for name in ["a", "b", "c"] {
        // What a needs is nothing of this test's: other tests that run meanwhile have the same list.
        let kinds =
            if name == "a" { &["source-package", "build"][..] } else { &["source-package", "build", "resolve"] };
        for kind in kinds {
            let places = ["all", space.shared.arch.as_str()].map(|place| format!("{kind}:{name}-TAG@DISTRO/{place}"));
            for node in places.into_iter().chain([format!("{kind}:{name}-TAG@DISTRO")]) {
                forget_node(space, &store, &space.own(&node));
            }
        }
        let _ = std::fs::remove_file(space.store.join(space.own(&format!("ledger/DISTRO/{name}-TAG.jsonl"))));
    }
    forget_node(space, &store, &space.own("repo:c-TAG@DISTRO"));
}

fn forget_node(space: &Space, store: &opb::store::Store, node: &str) {
    for result in store.history_of_node(node).expect("reads") {
        assert!(store.forget(result.key).expect("removed"));
        // A list of packages is that of other tests as well, and so is a tree of no files: nobody here makes debug symbols.
        let holds_files = |digest: &Digest| store.get_tree(*digest).is_ok_and(|tree| tree.files().next().is_some());
        let own = result.outputs.values().filter(|digest| !node.starts_with("resolve:") && holds_files(digest));
        for digest in own {
            let hex = digest.to_string();
            let _ = std::fs::remove_file(space.store.join("trees").join(&hex[..2]).join(&hex[2..]));
        }
    }
}

#[test]
fn what_one_machine_built_another_fetches() {
    let Some(space) = space("shared") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    let cache = space.folder.join("cache");
    let url = cache.display().to_string();
    space.opb(&["cache", "push", &url]).exits(2).says("there is no key `NAME` to sign results with");
    let key = space.opb(&["cache", "key", "new", "office-1"]).fine().out;
    assert!(key.starts_with("office-1:"), "{key}");
    assert_eq!(space.opb(&["cache", "key", "show"]).fine().out, key);
    space.opb(&["cache", "push"]).exits(2).says("no cache is set up");
    let pushed = space.opb(&["cache", "push", &url]).fine();
    assert!(pushed.out.starts_with("pushed ") && pushed.out.ends_with("; 0 were there\n"), "{}", pushed.out);
    let again = space.opb(&["cache", "push", &url]).fine();
    assert!(again.out.starts_with("pushed 0 results in 0 files (0 bytes); "), "{}", again.out);

    let other = Machine::new(&space, "other");
    // Without trust, nothing is taken.
    write(&other.folder.join("config/opb/config.toml"), &format!("[[cache]]\nurl = \"{url}\"\n"));
    let stranger = other.opb(&["plan"]).fine();
    assert!(stranger.err.contains("which you do not trust"), "{}", stranger.err);
    assert!(!stranger.out.starts_with("nothing to do"), "{}", stranger.out);
    let trusted = other.opb(&["cache", "trust", key.trim()]).fine().out;
    assert!(trusted.starts_with("trusted from now on: office-1:"), "{trusted}");
    assert!(other.opb(&["cache", "trust", key.trim()]).fine().out.starts_with("trusted already: "));

    let planned = other.opb(&["plan"]).fine();
    assert!(planned.out.starts_with("nothing to do: "), "{}", planned.out);
    assert!(planned.err.contains("known from caches"), "{}", planned.err);
    let built = other.opb(&["build", "--offline"]).fine();
    let fetched = built.nodes("fetched");
    for name in ["a", "b", "c"] {
        let node = space.own(&format!("build:{name}-TAG@DISTRO/all"));
        assert!(fetched.contains(&node.as_str()), "{}", built.err);
    }
    assert!(fetched.contains(&space.own("repo:c-TAG@DISTRO").as_str()), "{}", built.err);
    assert_eq!(built.nodes("done"), Vec::<&str>::new(), "{}", built.err);
    assert!(built.err.contains("0 nodes ran (0 package builds), "), "{}", built.err);
    assert!(built.err.contains("cache   cache: "), "{}", built.err);
    assert_eq!(std::fs::read_dir(other.store().join("roots")).expect("there").count(), 0, "no root was made");
    // The record of the run says the same.
    let runs = other.opb(&["runs", "last", "--format", "json"]).fine().out;
    assert!(runs.contains("\"outcome\": \"fetched\""), "{runs}");
    let theirs = opb::store::Store::open(&opb::path::HostPath::new(other.store())).expect("opens");
    for name in ["a", "b", "c"] {
        let node = format!("build:{name}-TAG@DISTRO/all");
        let result = theirs.last_of_node(&space.own(&node)).expect("reads").expect("there");
        assert_eq!(result, space.last(&node));
        assert!(result.outputs.values().all(|digest| theirs.present(*digest).expect("reads")));
    }
    let clean = other.opb(&["build"]).fine();
    assert!(clean.err.starts_with("nothing to do: "), "{}", clean.err);

    // Bytes that nobody has needed here are no damage. What is damaged is fetched again.
    let sound = other.opb(&["store", "verify"]).fine().out;
    assert!(sound.contains("from caches have not been needed here yet"), "{sound}");
    let built = theirs.last_of_node(&space.own("build:a-TAG@DISTRO/all")).expect("reads").expect("there");
    let (_, package, _) = theirs.get_tree(built.outputs["packages"]).expect("reads").files().next().expect("one");
    std::fs::remove_file(theirs.object_path(package).as_path()).expect("removed");
    other.opb(&["store", "verify"]).exits(3);
    let repaired = other.opb(&["store", "verify", "--repair"]).fine().out;
    assert!(repaired.contains(&space.own("whole     build:a-TAG@DISTRO/all\n")), "{repaired}");
    assert!(theirs.has_object(package));
    // A pull brings what a node that would run reads, too.
    let source = theirs.last_of_node(&space.own("source-package:a-TAG@DISTRO")).expect("reads").expect("there");
    let hex = source.outputs["source"].to_string();
    std::fs::remove_file(other.store().join("trees").join(&hex[..2]).join(&hex[2..])).expect("removed");
    chain(&space, r#"X: "2""#);
    other.opb(&["cache", "pull", &url]).fine();
    assert!(theirs.present(source.outputs["source"]).expect("reads"));
    chain(&space, r#"X: "1""#);
    drop(theirs);
    other.opb(&["store", "gc", "--older-than", "0"]).fine();
    assert!(other.opb(&["build"]).fine().err.starts_with("nothing to do: "));
    other.opb(&["store", "verify"]).fine();
}

#[test]
fn what_comes_out_as_elsewhere_spares_the_rest() {
    let Some(space) = space("cutoff") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    space.opb(&["cache", "push", &url]).fine();
    let packages = space.files("build:c-TAG@DISTRO/all", "packages");
    forget(&space);
    assert_eq!(space.times("build:c-TAG@DISTRO/all"), 0);
    // Something that a's build does not look at: it runs here, comes out as it did there, and what follows is there.
    chain(&space, r#"X: "1", UNUSED: "1""#);
    let config =
        std::fs::read_to_string(space.folder.join("config/opb/config.toml")).expect("trusted when it was made");
    space.write("config/opb/config.toml", &format!("[[cache]]\nurl = \"{url}\"\n{config}"));
    let built = space.opb(&["build", "-j1"]).fine();
    let done: Vec<&str> = built.nodes("done").into_iter().filter(|node| node.starts_with("build:")).collect();
    assert_eq!(done, [space.own("build:a-TAG@DISTRO/all")], "{}", built.err);
    let fetched = built.nodes("fetched");
    for name in ["b", "c"] {
        assert!(fetched.contains(&space.own(&format!("build:{name}-TAG@DISTRO/all")).as_str()), "{}", built.err);
    }
    assert!(built.err.contains("(1 package build)"), "{}", built.err);
    assert_eq!(space.files("build:c-TAG@DISTRO/all", "packages"), packages);
}

#[test]
fn a_new_machine_builds_only_what_changed() {
    let Some(space) = space("fresh") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    space.opb(&["cache", "push", &url]).fine();
    let other = Machine::new(&space, "other");
    other.uses(&url, &space);
    let fields = "Rules-Requires-Root: no\nBuild-Depends: b-TAG\n";
    Tiny { name: "c", fields, fill: "wc -l < /usr/share/b-TAG/x > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    // The chroot of c is made here, of a list and of packages that came from there.
    let built = other.opb(&["build", "-j1"]).fine();
    let done: Vec<&str> = built.nodes("done").into_iter().filter(|node| node.starts_with("build:")).collect();
    assert_eq!(done, [space.own("build:c-TAG@DISTRO/all")], "{}", built.err);
    assert!(built.nodes("fetched").contains(&space.own("build:b-TAG@DISTRO/all").as_str()), "{}", built.err);
}

#[test]
fn a_project_cannot_add_a_cache_by_itself() {
    let Some(space) = space("consent") else { return };
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q"]).fine();
    let key = space.opb(&["cache", "key", "new", "vendor"]).fine().out;
    space.opb(&["cache", "push", &space.folder.join("shared").display().to_string()]).fine();
    let text = format!("[channel.c-TAG]\n[[cache]]\nurl = \"shared\"\nkey = \"{}\"\n", key.trim());
    space.write("opb.toml", &text);
    let other = Machine::new(&space, "other");
    let plan = other.opb(&["plan"]).fine();
    assert!(plan.err.contains("is not trusted: if you know it, run `opb cache trust vendor:"), "{}", plan.err);
    assert!(plan.out.contains("will run"), "{}", plan.out);
    other.opb(&["cache", "pull"]).exits(2).says("is not trusted");
    other.opb(&["cache", "trust", key.trim()]).fine();
    let plan = other.opb(&["plan"]).fine();
    assert!(plan.out.starts_with("nothing to do: "), "{}", plan.out);
}
