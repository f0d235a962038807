//! Tests of a source for its installed packages: what each has in its root, and what becomes of those that cannot have it.

use crate::space::archive::{Archive, Signed};
use crate::space::sources::Tiny;
use crate::space::{Space, space};

/// A source with `tests`: of each the name, further fields, and the lines of its script.
fn tool(space: &Space, checks: &str, fields: &str, tests: &[(&str, &str, &str)]) {
    let fill = "echo 1.0 > $d/x";
    Tiny { name: "tool", fill, fields, ..Tiny::PLAIN }.with_recipe(space, &format!("checks: #{{ {checks} }}"));
    let control = tests.iter().map(|(name, fields, _)| format!("Tests: {name}\n{fields}\n"));
    space.write("tool/debian/tests/control", &control.collect::<String>());
    for (name, _, script) in tests {
        space.write(&format!("tool/debian/tests/{name}"), &format!("#!/bin/sh\nset -e\n{script}\n"));
    }
    let rules = space.folder.join("tool/debian/rules");
    let text = std::fs::read_to_string(&rules).expect("reads");
    let text = text.replace(
        "build build-arch build-indep clean:\n",
        "build build-arch build-indep:\n\techo $$DEB_BUILD_OPTIONS > built\nclean:\n",
    );
    std::fs::write(rules, text).expect("writes");
}

/// What the check has said, a finding a line.
fn findings(space: &Space) -> String {
    let log = space.shown(&space.opb(&["log", "check:tool-TAG.autopkgtest@test-TAG/ARCH"]).fine().out);
    let mut found: Vec<&str> = log.lines().filter(|line| line.contains(": tool-TAG: ")).collect();
    found.sort_unstable();
    found.join("\n")
}

#[test]
fn each_test_has_what_it_names_and_nothing_else() {
    let Some(space) = space("autopkgtest") else { return };
    let mut archive = Archive::new(&space);
    archive.add("helper", "1.0");
    archive.add("buildtool", "1.0");
    archive.add_with("red", "1.0", "Conflicts: blue-TAG\n");
    archive.add("blue", "1.0");
    archive.add_with("deep", "1.0", "Depends: none-TAG (>= 2)\n");
    archive.add("other", "9");
    archive.publish(Signed::Well);
    Tiny { name: "other", ..Tiny::PLAIN }.with_recipe(&space, "");
    let here = |name: &str| format!("test -e /usr/share/{name}-TAG");
    let not_here = |name: &str| format!("test ! -e /usr/share/{name}-TAG");
    let tests = [
        ("own", "", &*format!("grep 1.0 /usr/share/tool-TAG/x\n{}\n{}", not_here("helper"), not_here("buildtool"))),
        ("helped", "Depends: @, helper-TAG (>= 1), red-TAG [!ARCH]\n", &here("helper")),
        ("either", "Depends: missing-TAG | helper-TAG\n", &format!("{}\n{}", here("helper"), not_here("tool"))),
        ("red", "Depends: red-TAG\n", &here("red")),
        ("blue", "Depends: blue-TAG\nRestrictions: needs-root\n", &format!("{}\ntest $(id -u) = 0", here("blue"))),
        ("both", "Depends: red-TAG, blue-TAG\n", "false"),
        ("none", "Depends: none-TAG | nor-TAG\n", "false"),
        ("old", "Depends: helper-TAG (>= 2)\n", "false"),
        ("deep", "Depends: deep-TAG\n", "false"),
        ("maybe", "Depends: none-TAG\nRestrictions: skip-not-installable\n", "false"),
        ("others", "Depends: other-TAG\n", &format!("test -d /usr/share/other-TAG\n{}", not_here("tool"))),
        ("breaks", "Restrictions: breaks-testbed, needs-root\n", "rm -r /usr/share/tool-TAG"),
        ("after", "", "test -e /usr/share/tool-TAG/x"),
        ("unbuilt", "Depends: @builddeps@\n", &format!("{}\ntest ! -e built", here("buildtool"))),
        ("built", "Restrictions: build-needed, superficial\n", &format!("grep nocheck built\n{}", here("buildtool"))),
        ("hint", "Depends: none-TAG\nRestrictions: hint-testsuite-triggers\n", "false"),
    ];
    let fields = "Rules-Requires-Root: no\nBuild-Depends: buildtool-TAG\n";
    tool(&space, "autopkgtest: true", fields, &tests);
    space.opb(&["update", "@test-TAG"]).fine();

    // All that tests name is there without network, also before anything is built.
    let fetched = space.opb(&["fetch"]).fine();
    assert!(fetched.out.contains("fetched 1 index and 4 packages"), "{}{}", fetched.out, fetched.err);
    let failed = space.opb(&["build", "--offline"]).exits(4);
    let shown = space.shown(&failed.err);
    assert!(shown.contains("the check `autopkgtest` has 5 findings that are not known"), "{shown}");
    insta::assert_snapshot!(findings(&space), @r"
    E: tool-TAG: test-not-run both: cannot install what is needed together: `red-TAG` is needed by the test, but `red-TAG` cannot stand beside `blue-TAG`, needed by the test (mend its `Depends`)
    E: tool-TAG: test-not-run deep: cannot meet the need `none-TAG (>= 2)` of `deep-TAG`, needed by the test: there is no `none-TAG` (mend its `Depends`)
    E: tool-TAG: test-not-run none: cannot meet the need `none-TAG | nor-TAG` of the test: there is no `none-TAG`; there is no `nor-TAG` (mend its `Depends`)
    E: tool-TAG: test-not-run old: cannot meet the need `helper-TAG (>= 2)` of the test: `helper-TAG` is there as 1.0 (mend its `Depends`)
    E: tool-TAG: test-not-run others: the package `other-TAG` would come from the distribution, but the component `other-TAG` makes it; the test needs it (name `other-TAG` in `needs` of the recipe's check)
    I: tool-TAG: superficial-test-passed built
    N: tool-TAG: test-skipped hint: it is no test, and only says what others depend on (`hint-testsuite-triggers`)
    N: tool-TAG: test-skipped maybe: cannot meet the need `none-TAG` of the test: there is no `none-TAG` (mend its `Depends`)
    O: tool-TAG: test-passed after
    O: tool-TAG: test-passed blue
    O: tool-TAG: test-passed breaks
    O: tool-TAG: test-passed either
    O: tool-TAG: test-passed helped
    O: tool-TAG: test-passed own
    O: tool-TAG: test-passed red
    O: tool-TAG: test-passed unbuilt
    ");

    // A known one is known whatever else moves; another test is run.
    space.opb(&["baseline", "--write", "tool-TAG"]).fine();
    archive.add("other", "10");
    archive.publish(Signed::Well);
    space.opb(&["update", "@test-TAG"]).fine();
    tool(&space, "autopkgtest: #{ needs: [\"other-TAG\"] }", fields, &tests);
    let ran = space.opb(&["build"]).fine();
    assert!(ran.err.contains("a known finding is gone"), "{}", ran.err);
    assert!(findings(&space).contains("O: tool-TAG: test-passed others"), "{}", findings(&space));

    // What tests need is as before: the list too, whatever they do.
    let lists = || space.files("resolve:tool-TAG.autopkgtest@test-TAG/ARCH", "list");
    let before = lists();
    let mut tests = tests;
    tests[0].2 = "exit 3";
    tool(&space, "autopkgtest: #{ needs: [\"other-TAG\"] }", fields, &tests);
    let failed = space.opb(&["build"]).exits(4);
    assert!(failed.err.contains("test-failed own: failed with exit status 3"), "{}", failed.err);
    assert_eq!(lists(), before);
    // The tree that is kept is that of the root in which it failed, though others came after it.
    let looked = space.opb(&["shell", "check:tool-TAG.autopkgtest@test-TAG/ARCH", "--", "ls", "/build/builder"]);
    assert!(looked.out.contains("000"), "{}{}", looked.out, looked.err);
}

#[test]
fn a_source_that_does_not_build_takes_nothing_else_down() {
    let Some(space) = space("autopkgtest-build") else { return };
    let tests = [("built", "Restrictions: build-needed\n", "true"), ("plain", "", "true")];
    let fields = "Rules-Requires-Root: no\n";
    tool(&space, "autopkgtest: true", fields, &tests);
    let rules = space.folder.join("tool/debian/rules");
    let text = std::fs::read_to_string(&rules).expect("reads");
    // Where packages are built it is another target.
    std::fs::write(rules, text.replace("\techo", "\ttest ! -d /in/debs\n\techo")).expect("writes");
    let failed = space.opb(&["build"]).exits(4);
    let shown = space.shown(&failed.err);
    assert!(shown.contains("the check `autopkgtest` has a finding that is not known"), "{shown}");
    assert!(
        shown.contains("E: tool-TAG: test-not-run built: building the source failed with exit status 2"),
        "{shown}"
    );
    let log = space.opb(&["log", "check:tool-TAG.autopkgtest@DISTRO/ARCH"]).fine();
    assert!(space.shown(&log.out).contains("O: tool-TAG: test-passed plain"), "{}", log.out);
}
