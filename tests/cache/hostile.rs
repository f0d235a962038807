//! Caches that are broken do not break builds, and builds that differ are told.

use super::*;

#[test]
fn a_broken_cache_never_fails_a_build() {
    let Some(space) = space("broken") else { return };
    Tiny { name: "a", ..Tiny::PLAIN }.with_recipe(&space, "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let config = format!(
        "[[cache]]\nurl = \"http://{free}\"\nname = \"gone\"\n[[cache]]\nurl = \"{}\"\nname = \"unplugged\"\n",
        space.folder.join("nowhere").display()
    );
    space.write("config/opb/config.toml", &config);
    let mut command = space.command(&["build"]);
    let built: Ran = command.env("XDG_CACHE_HOME", space.folder.join("copies")).output().expect("runs").into();
    let built = built.fine();
    for cache in ["gone", "unplugged"] {
        let said = format!("the cache `{cache}` cannot be reached");
        assert_eq!(built.err.matches(&said).count(), 1, "{}", built.err);
    }
    assert_eq!(space.times("build:a-TAG@DISTRO/all"), 1);
    // Wrong settings are the user's to mend.
    space.write("config/opb/config.toml", "[[cache]]\nurl = \"ftp://a\"\n");
    space.opb(&["plan"]).exits(2).says("`ftp://a` is no address of a cache");
    space.write("config/opb/config.toml", "[[trust]]\nkey = \"a:b\"\n");
    space.opb(&["plan"]).exits(2).says("`a:b` is not a cache's key");
}

#[test]
fn builds_that_differ_are_told_and_kept() {
    let Some(space) = space("differs") else { return };
    Tiny { name: "a", fill: "date +%s%N > $d/x", ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["build", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    space.opb(&["cache", "push", &url]).fine();
    let theirs = space.files("build:a-TAG@DISTRO/all", "packages");
    space.opb(&["diff", "--rivals", "build:a-TAG"]).exits(2).says("no other result of `build:a-");
    forget(&space);
    // Built without a look at the cache: another result of the same key.
    space.opb(&["build", "-q"]).fine();
    let ours = space.files("build:a-TAG@DISTRO/all", "packages");
    assert_ne!(ours, theirs);
    let pushed = space.opb(&["cache", "push", &url]).fine();
    let node = space.own("build:a-TAG@DISTRO/all");
    let said = format!(
        "{node} is not reproducible: the cache has another result; `opb diff --rivals {node}` shows what differs"
    );
    assert!(pushed.err.contains(&said), "{}", pushed.err);
    assert_eq!(space.files("build:a-TAG@DISTRO/all", "packages"), ours, "what is here stays");
    let told = space.opb(&["diff", "--rivals", "build:a-TAG"]).fine().out;
    assert!(told.contains("another result is in the cache cache, made "), "{told}");
    let (name, digest) = &theirs[0];
    assert!(told.contains(&format!("{name}: ")) && told.contains(&digest[..10]), "{told}");
    // Both sides' bytes are here, so the files are compared.
    assert!(!told.contains("not all of its bytes are here") && told.contains("    packages\n"), "{told}");
    // A pull says the same, and replaces nothing.
    let pulled = space.opb(&["cache", "pull", &url]).fine();
    assert!(pulled.err.contains(&said), "{}", pulled.err);
    assert_eq!(space.files("build:a-TAG@DISTRO/all", "packages"), ours);
    // Again here: a third result, made here.
    let again = space.opb(&["build", "--again", "--only", "build:a-TAG"]).fine();
    assert!(again.err.contains("built again from the same inputs, it came out different"), "{}", again.err);
    let told = space.opb(&["diff", "--rivals", "build:a-TAG"]).fine().out;
    assert!(told.contains("another result is here, made "), "{told}");
}

#[test]
fn bytes_that_a_cache_has_lost_never_fail_a_build() {
    let Some(space) = space("hollow") else { return };
    let fill = "date +%s%N > $d/x";
    Tiny { name: "a", fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    let b = |more: &str| {
        let fill = format!("cat /usr/share/a-TAG/x > $d/x; {more}");
        Tiny { name: "b", fields, fill: &fill, ..Tiny::PLAIN }.with_recipe(&space, "");
    };
    b("true");
    space.opb(&["build", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    let config = std::fs::read_to_string(space.folder.join("config/opb/config.toml")).expect("trusted");
    let node = |name: &str| format!("build:{name}-TAG@DISTRO/all");
    // What was asked for by name, and then what a node that runs reads.
    for more in ["true", "echo 2 >> $d/x"] {
        space.write("config/opb/config.toml", &config);
        space.opb(&["cache", "push", &url]).fine();
        let theirs = ["a", "b"].map(|name| space.files(&node(name), "packages"));
        let store = space.open_store();
        for digest in theirs[0].iter().map(|(_, digest)| digest) {
            let packed = space.folder.join("cache/objects").join(&digest[..2]).join(format!("{}.zst", &digest[2..]));
            std::fs::remove_file(packed).expect("pushed");
            std::fs::remove_file(store.object_path(digest.parse().expect("a digest")).as_path()).expect("here");
        }
        drop(store);
        forget(&space);
        b(more);
        space.write("config/opb/config.toml", &format!("[[cache]]\nurl = \"{url}\"\n{config}"));
        let built = space.opb(&["build", "-j1"]).fine();
        let ours = ["a", "b"].map(|name| space.files(&node(name), "packages"));
        assert!(ours[0] != theirs[0] && ours[1] != theirs[1], "b went on from the a that is here: {}", built.err);
        let said = format!("note: {} is not reproducible: cache has another result", space.own(&node("a")));
        assert_eq!(built.err.matches(&said).count(), 1, "{}", built.err);
        assert_eq!(built.err.matches("` is missing in the cache `cache`").count(), 1, "{}", built.err);
        let told = space.opb(&["diff", "--rivals", "build:a-TAG"]).fine().out;
        assert!(told.contains("another result is in the cache cache, made "), "{told}");
        assert!(space.opb(&["build"]).fine().err.starts_with("nothing to do: "));
        assert!(!space.store.join("owed").join(space.last(&node("a")).key.to_string()).exists());
    }
}
