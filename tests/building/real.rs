//! Source packages of the distribution, one built against the other as this project built it.

use crate::space::space;

#[test]
fn libbsd_is_built_against_our_libmd() {
    let Some(space) = space("real") else { return };
    // The variable makes these builds unlike those of other runs.
    space.recipe("libmd", "#{ source: dsc(\"libmd\"), env: #{ OPB_TEST: \"TAG\" }, profiles: [\"nocheck\"] }");
    space.recipe("libbsd", "#{ source: dsc(\"libbsd\"), profiles: [\"nocheck\"] }");
    let (libmd, libbsd) = ("build:libmd-TAG@DISTRO/ARCH", "build:libbsd-TAG@DISTRO/ARCH");
    space.opb(&["build"]).fine();

    let version = |node: &str, name: &str| {
        let packages = space.packages(node);
        let file = packages.iter().find(|file| file.starts_with(&format!("{name}_"))).expect("built").clone();
        file.split('_').nth(1).expect("a version").to_owned()
    };
    let ours = version(libmd, "libmd-dev");
    assert!(ours.ends_with("+0opb1~SUFFIX"), "{ours}");
    assert!(version(libbsd, "libbsd0").ends_with("+0opb1~SUFFIX"));
    // The root that it was built in had ours, and of the distribution's libmd nothing but what the base has.
    let list = space.shown(&space.text("resolve:libbsd-TAG@DISTRO/ARCH", "list"));
    let words = |name: &str| -> Vec<Vec<String>> {
        let lines = list.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        lines.filter(|words| words[0] == name).collect()
    };
    let [dev] = &words("libmd-dev")[..] else { panic!("libmd-dev is not on the list once") };
    assert_eq!([dev[1].as_str(), dev[5].as_str()], [ours.as_str(), "component:libmd-TAG"]);
    assert!(words("libmd0").iter().any(|words| words[1] == ours && words[5] == "component:libmd-TAG"), "{list}");
    // The package lists what it was built with, and the build said what it saw.
    let buildinfo = space.files(libbsd, "buildinfo");
    let (_, digest) = buildinfo.iter().find(|(name, _)| name.ends_with(".buildinfo")).expect("a .buildinfo");
    let bytes = space.open_store().read_object(digest.parse().expect("a digest"), 1 << 20).expect("reads");
    let text = space.shown(&String::from_utf8_lossy(&bytes));
    assert!(text.contains(&format!("\n libmd-dev (= {ours})")), "{text}");
    let log = space.opb(&["log", "libbsd-TAG"]).fine().out;
    assert!(log.contains("dpkg-buildpackage: info: source package libbsd"), "{log}");
    assert!(log.contains("dh_builddeb"), "{log}");
    let root = space.shown(&space.opb(&["log", "root:libbsd-TAG@DISTRO/ARCH"]).fine().out);
    assert!(root.contains(&format!("Setting up libmd-dev:ARCH ({ours})")), "{root}");
    insta::assert_snapshot!(space.shown(&space.opb(&["why", "libbsd-TAG"]).fine().out), @r"
    build:libbsd-TAG@DISTRO/ARCH
      now it is clean: nothing that it depends on has changed
      last built DATE in TIME, number 1
        because it was never built before
    ");

    // Again, alone: it runs, comes out as before, and nothing follows. Sources that came with their pins were never made.
    let again = space.opb(&["build", "--again", "--only", "libmd-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&again.err), @r"
    same    build:libmd-TAG@DISTRO/ARCH  TIME (output as before: what follows is not rebuilt because of it)
    1 node ran (1 package build), 7 clean, in TIME
    saved TIME of building (TIME CPU): 6 nodes from the store
    ");
    let dependants = space.opb(&["plan", "libmd-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&dependants.out), @"nothing to do: 13 nodes, all clean");
    let nothing = space.opb(&["build", "build:lib*@DISTRO/*", "--offline"]).fine();
    insta::assert_snapshot!(space.shown(&nothing.err), @r"
    nothing to do: 13 nodes, all clean (TIME)
    saved TIME of building (TIME CPU): 11 nodes from the store
    ");
    let wrong = space.opb(&["build", "libmdd-TAG"]).exits(2);
    insta::assert_snapshot!(space.shown(&wrong.err), @r"
    opb::ops::nothing_selected

      × nothing matches `libmdd-TAG`
      help: did you mean `libmd-TAG`?
    ");
    let none = space.opb(&["log", "source:libmd-TAG@DISTRO"]).exits(2);
    none.says(&space.own("`source:libmd-TAG@DISTRO` has no log here"));
}
