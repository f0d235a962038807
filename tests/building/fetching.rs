//! Fetching first, and building without network afterwards.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// b needs a, whose package needs `libx`, which only shows when it is built; and `other`, which nobody else needs.
fn chain<'s>(space: &'s Space, archive: &mut Archive<'s>) {
    for name in ["libx", "other"] {
        archive.add(name, "1.0");
    }
    archive.publish(Signed::Well);
    let fields = "Rules-Requires-Root: no\nBuild-Depends: libx-TAG\n";
    Tiny { fields, ..Tiny::PLAIN }.with_recipe(space, "");
    let pack = space.folder.join("a/debian/pack");
    let text = fs::read_to_string(&pack).expect("reads");
    let text = text.replace("misc:Depends= > debian/$p.substvars", "misc:Depends=libx-TAG > debian/substvars");
    fs::write(pack, space.own(&text)).expect("writes");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG, other-TAG\n";
    let fill = "cat /usr/share/libx-TAG /usr/share/other-TAG > $d/x";
    Tiny { name: "b", fields, fill, ..Tiny::PLAIN }.with_recipe(space, "");
    space.opb(&["update", "@test-TAG"]).fine();
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.out, ran.err))
}

fn counts(told: &Value, what: &str) -> [u64; 3] {
    ["indexes", "sources", "packages"].map(|kind| told[what][kind]["count"].as_u64().expect("a number"))
}

#[test]
fn what_is_fetched_is_enough_without_any_archive() {
    let Some(space) = space("fetch") else { return };
    let mut archive = Archive::new(&space);
    chain(&space, &mut archive);
    space.opb(&["fetch", "--offline"]).exits(2).says("cannot fetch anything with the network switched off");

    // Nothing is here but the base root that all tests share. The index does not come by asking.
    let asked = space.opb(&["fetch", "--check"]).exits(3);
    assert!(
        asked.out.contains(&space.own("missing index:base@test-TAG/ARCH: `main/binary-ARCH/Packages.gz` is not in"))
    );

    let fetched = space.opb(&["fetch", "--format", "json"]).fine();
    let told = json(&fetched);
    assert_eq!((&told["version"], &told["complete"]), (&1.into(), &true.into()));
    assert_eq!((counts(&told, "fetched"), counts(&told, "here")), ([1, 0, 2], [0, 0, 0]), "{told:#}");
    assert_eq!(told["guessed"], serde_json::json!([space.own("root:b-TAG@test-TAG/all")]));
    assert!(told["fetched"]["packages"]["bytes"].as_u64() > Some(500), "{told:#}");
    assert!(space.shown(&fetched.err).contains("fetched 2 packages of index:base@test-TAG/ARCH  "), "{}", fetched.err);

    insta::assert_snapshot!(space.shown(&space.opb(&["fetch"]).fine().out), @r"
    nothing to fetch: 1 index and 2 packages are here
    1 package list is only known once other components are built: it is a guess
    ");
    insta::assert_snapshot!(space.shown(&space.opb(&["fetch", "--check"]).fine().out), @r"
    a build without network has what it needs: 1 index and 2 packages
    1 package list is only known once other components are built: it is a guess
    ");

    // What was guessed is in no record.
    let store = space.open_store();
    assert!(store.last_of_node(&space.own("resolve:b-TAG@test-TAG/all")).expect("reads").is_none());

    fs::rename(space.folder.join("archive"), space.folder.join("gone")).expect("renames");
    space.opb(&["build", "--offline", "-j1"]).fine();
    let list = space.shown(&space.text("resolve:b-TAG@test-TAG/all", "list"));
    for line in ["a-TAG 1.0-1~t1+opb1 all ", "libx-TAG 1.0 all ", "other-TAG 1.0 all "] {
        assert!(list.contains(&format!("\n{line}")), "{line} is not in\n{list}");
    }
    assert_eq!(space.times("build:b-TAG@test-TAG/all"), 1);
    // Built, it reads nothing more from anywhere.
    insta::assert_snapshot!(space.shown(&space.opb(&["fetch"]).fine().out), @"nothing to fetch: what a build would read is here");
}

#[test]
fn what_an_archive_lacks_is_listed_and_the_rest_comes() {
    let Some(space) = space("fetch-lacks") else { return };
    let mut archive = Archive::new(&space);
    chain(&space, &mut archive);
    let (libx, kept) = (archive.path("pool/libx-TAG_1.0.deb"), space.folder.join("kept.deb"));
    fs::rename(&libx, &kept).expect("renames");
    let lacking = space.opb(&["fetch"]).exits(3);
    let size = lacking.out.lines().next().and_then(|line| line.rsplit(", ").next()).expect("a size").to_owned();
    insta::assert_snapshot!(space.shown(&lacking.out).replacen(&size, "SIZE", 1), @r"
    fetched 1 index and 1 package, SIZE
    missing libx-TAG 1.0 all for root:a-TAG@test-TAG/all and 1 more: the mirror no longer has `file:PROJECT/archive/pool/libx-TAG_1.0.deb`
    1 package list is only known once other components are built: it is a guess
    ");
    let told = json(&space.opb(&["fetch", "--check", "--format", "json"]).exits(3));
    assert_eq!((counts(&told, "here"), &told["complete"]), ([1, 0, 1], &false.into()));
    assert_eq!(told["missing"][0]["package"], space.own("libx-TAG"));

    // A build without network says it of the package too.
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("reads");
    space.write("opb.toml", "[mirrors]\ntest = \"http://archive.invalid/test\"\n\n[channel.c-TAG]\n");
    let offline = space.opb(&["build", "--offline", "a-TAG"]).exits(3);
    let said = space.shown(&offline.err);
    assert!(said.contains("\n  `libx-TAG` 1.0 is not in the store, and the network is switched off\n"), "{said}");
    assert!(said.contains("  help: run `opb fetch` with the network first"), "{said}");
    // Nor does a host that cannot be reached keep it from saying of each what is missing.
    let unreachable = json(&space.opb(&["fetch", "--format", "json"]).exits(3));
    assert_eq!(unreachable["missing"].as_array().map(Vec::len), Some(1), "{unreachable:#}");

    space.write("opb.toml", &settings);
    fs::rename(&kept, &libx).expect("renames");
    let told = json(&space.opb(&["fetch", "--format", "json"]).fine());
    assert_eq!((counts(&told, "fetched"), counts(&told, "here")), ([0, 0, 1], [1, 0, 1]), "{told:#}");
}

#[test]
fn a_stopped_fetch_is_not_complete() {
    let Some(space) = space("fetch-stopped") else { return };
    let mut archive = Archive::new(&space);
    chain(&space, &mut archive);
    // Takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = fs::read_to_string(space.folder.join("opb.toml")).expect("reads");
    let address = silent.local_addr().expect("bound");
    space.write("opb.toml", &format!("[mirrors]\ntest = \"http://{address}/test\"\n\n[channel.c-TAG]\n"));
    let mut child = space.start(&["fetch", "--format", "json"]);
    let _asked = silent.accept().expect("apt asks");
    let process = i32::try_from(child.id()).expect("a process");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::Signal::SIGINT).expect("signalled");
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("piped"), &mut out).expect("reads");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told["stopped"], &told["complete"]), (&true.into(), &false.into()), "{told:#}");
    space.write("opb.toml", &settings);
    let told = json(&space.opb(&["fetch", "--format", "json"]).fine());
    assert_eq!((&told["stopped"], &told["complete"]), (&false.into(), &true.into()), "{told:#}");
}

#[test]
fn what_was_fetched_is_kept_where_a_list_is_not_known() {
    let Some(space) = space("fetch-unknown") else { return };
    let mut archive = Archive::new(&space);
    chain(&space, &mut archive);
    let kept = || {
        let project = fs::canonicalize(&space.folder).expect("there").display().to_string();
        space.open_store().fetched_of(&project).expect("reads").map_or(0, |fetched| fetched.files.len())
    };
    space.opb(&["fetch"]).fine();
    let all = kept();
    assert_eq!(all, 2);
    // What b needs besides is nowhere: its list cannot even be guessed.
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG, other-TAG, nowhere-TAG\n";
    Tiny { name: "b", fields, ..Tiny::PLAIN }.with_recipe(&space, "");
    let lacking = space.opb(&["fetch"]).exits(3);
    assert!(lacking.out.contains(&space.own("unknown resolve:b-TAG@test-TAG/all")), "{}", lacking.out);
    assert_eq!(kept(), all);
    // Once all lists are known again, the rest goes.
    let fields = "Rules-Requires-Root: no\nBuild-Depends: a-TAG\n";
    Tiny { name: "b", fields, ..Tiny::PLAIN }.with_recipe(&space, "");
    space.opb(&["fetch"]).fine();
    assert_eq!(kept(), all - 1);
}

#[test]
fn a_killed_fetch_goes_on_where_it_ended() {
    let Some(mut space) = space("fetch-killed") else { return };
    let own = space.folder.join("own-store");
    // The packages of the base root are known by the store that all tests share.
    let folder = space.folder.clone();
    {
        let mut archive = Archive::new(&space);
        chain(&space, &mut archive);
    }
    space.store = own;
    let mut child = space.start(&["fetch", "-q"]);
    crate::space::wait_for("a package in the store", || {
        let shards = fs::read_dir(space.store.join("sha256")).ok()?;
        (shards.flatten().count() > 30).then_some(())
    });
    child.kill().expect("kills");
    child.wait().expect("ends");
    let told = json(&space.opb(&["fetch", "--format", "json"]).fine());
    let ([_, _, came], [_, _, here]) = (counts(&told, "fetched"), counts(&told, "here"));
    assert!(here >= 30 && came + here > 100, "{told:#}");

    // A collection leaves what was fetched, also for lists that are not made yet, until the project is dropped.
    let gc = || json(&space.opb(&["store", "gc", "--older-than", "0", "--format", "json"]).fine());
    let kept = gc();
    assert_eq!(kept["kept"]["fetched"]["count"].as_u64(), Some(1), "{kept:#}");
    space.opb(&["fetch", "--check"]).fine();
    space
        .opb(&["store", "keep", "--drop-project", &fs::canonicalize(folder).expect("there").display().to_string()])
        .fine();
    let dropped = gc();
    assert!(dropped["collected"]["objects"]["count"].as_u64() > Some(100), "{dropped:#}");
    space.opb(&["fetch", "--check"]).exits(3);
}

#[test]
fn a_library_that_only_the_build_names_is_there_without_network() {
    let Some(mut space) = space("fetch-real") else { return };
    let has_none = Command::new("unshare").args(["--net", "true"]).output().is_ok_and(|ran| ran.status.success());
    if !has_none {
        println!("skipped: no network namespace to be had here (unshare --net)");
        return;
    }
    space.store = space.folder.join("own-store");
    // libbsd0 depends on the distribution's libmd0 by `${shlibs:Depends}`; b sees both.
    space.recipe("libbsd", "#{ source: dsc(\"libbsd\"), profiles: [\"nocheck\"] }");
    let fields = "Rules-Requires-Root: no\nBuild-Depends: libbsd0\n";
    let fill = "dpkg-query -W libbsd0 libmd0 > $d/x";
    Tiny { name: "b", fields, fill, packages: &[("b", "any")], ..Tiny::PLAIN }.with_recipe(&space, "");
    let told = json(&space.opb(&["fetch", "@DISTRO/ARCH", "--format", "json"]).fine());
    let [indexes, sources, packages] = counts(&told, "fetched");
    assert!(indexes == 1 && sources == 1 && packages > 100, "{told:#}");
    assert_eq!(told["guessed"], serde_json::json!([space.own("root:b-TAG@DISTRO/ARCH")]));
    space.opb(&["store", "gc", "--older-than", "0"]).fine();

    let plain = space.command(&["build", "--offline"]);
    let mut alone = Command::new("unshare");
    alone.arg("--net").arg(plain.get_program()).args(plain.get_args()).env("NO_COLOR", "1").env_remove("OPB_STORE");
    Ran::from(alone.output().expect("runs")).fine();
    let list = space.shown(&space.text("resolve:b-TAG@DISTRO/ARCH", "list"));
    let from = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(&format!("{name} "))).expect("listed").to_owned();
        line.split(' ').nth(5).map(str::to_owned)
    };
    assert_eq!(from("libbsd0").as_deref(), Some("component:libbsd-TAG"), "{list}");
    assert_eq!(from("libmd0").as_deref(), Some("distribution"), "{list}");
}
