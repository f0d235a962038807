use proptest::prelude::*;

use super::*;

const CONTROL: &str = "Source: libbsd\n\nPackage: libbsd0\nRecommends: libmd0 (>= 1), ${misc:Recommends}\n\n\
                       Package: libbsd-dev\nRecommends: pkgconf | pkg-config, odd [arm64]\n";

/// One line for each test: name, what it needs, how it runs.
fn read(control: &str) -> String {
    let packages = ["libbsd0".to_owned(), "libbsd-dev".to_owned()];
    let build_depends = "debhelper (>= 13), libmd-dev";
    let place = Place { packages: &packages, build_depends, control: CONTROL, arch: "amd64" };
    match tests(control, "amd64") {
        Err(error) => error.to_string(),
        Ok(tests) => {
            let line = |test: &Test| {
                let restrictions: Vec<&str> = test.restrictions.iter().map(|one| one.as_str()).collect();
                let skip = test.skip.as_ref().map_or(String::new(), |why| format!(" skipped: {why}"));
                let needs = needs(test, &place).map_or_else(|why| format!("unknown: {why}"), |all| all.join(", "));
                format!("{} [{needs}] {}{skip}", test.name, restrictions.join(" "))
            };
            tests.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn the_format_is_read() {
    insta::assert_snapshot!(read("Tests: one, two # of many\nDepends: @, python3 (>= 3.9),\n # why\n perl\n\
        Restrictions: needs-root allow-stderr\n# more\nClasses: desktop\n\n\
        Test-Command: tool --version\n\n\
        Test-Command: tool | cat\nDepends:\nFeatures: test-name=piped\nRestrictions: superficial, flaky, skippable\n\n\
        Tests: built\nDepends: @builddeps@\nRestrictions: breaks-testbed, skip-not-installable, rw-build-tree\n\n\
        Test-Command: make -C tests\nDepends: make\nRestrictions: build-needed\n"), @r"
    one [libbsd0, libbsd-dev, python3 (>= 3.9), perl] allow-stderr needs-root
    two [libbsd0, libbsd-dev, python3 (>= 3.9), perl] allow-stderr needs-root
    command1 [libbsd0, libbsd-dev] 
    piped [] flaky skippable superficial
    built [debhelper (>= 13), libmd-dev, build-essential] breaks-testbed skip-not-installable
    command2 [make, debhelper (>= 13), libmd-dev, build-essential] build-needed
    ");
}

#[test]
fn what_stands_for_others_is_put_in() {
    insta::assert_snapshot!(read("Tests: a\nDepends: @ (>= 1) [amd64] | other, @, @recommends@, a | b (<< 2)\n\n\
        Tests: b\nDepends: @foo@\n\nTests: c\nDepends: x@\n\nTests: d\nDepends: @builddeps@, debhelper (>= 13)\n"), @r"
    a [libbsd0 (>= 1) [amd64] | other, libbsd-dev (>= 1) [amd64] | other, libbsd0, libbsd-dev, libmd0 (>= 1), pkgconf | pkg-config, a | b (<< 2)] 
    b [unknown: this program does not know what `@foo@` stands for] 
    c [unknown: this program does not know what `x@` stands for] 
    d [debhelper (>= 13), libmd-dev, build-essential] 
    ");
    let many = format!("Tests: a\nDepends: {}\n", "x (>= 1) | @, ".repeat(5_000));
    assert_eq!(read(&many), "a [x (>= 1) | libbsd0, x (>= 1) | libbsd-dev] ");
    let many: String = (0..10_000).map(|turn| format!("package{turn}, ")).collect();
    assert_eq!(read(&format!("Tests: a\nDepends: {many}\n")), "a [unknown: what it depends on is longer than 64 KiB] ");
}

#[test]
fn what_cannot_be_run_is_skipped_with_its_reason() {
    let restricted = [
        "isolation-machine",
        "isolation-container",
        "needs-internet",
        "needs-reboot",
        "needs-recommends",
        "needs-sudo",
        "hint-testsuite-triggers",
        "odd-one",
        "skip-foreign-architecture",
    ];
    let restricted: String = restricted.iter().map(|name| format!("Tests: a\nRestrictions: {name}\n\n")).collect();
    insta::assert_snapshot!(read(&format!("{restricted}\
        Tests: c\nArchitecture: arm64\n\nTests: d\nArchitecture: !amd64\n\nTests: e\nArchitecture: linux-any\n\n\
        Tests: f\nOdd-Field: x\n")), @r"
    a [libbsd0, libbsd-dev]  skipped: it wants a container or a machine of its own (`isolation-machine`)
    a [libbsd0, libbsd-dev]  skipped: it wants a container or a machine of its own (`isolation-container`)
    a [libbsd0, libbsd-dev]  skipped: it wants the network, which no check has (`needs-internet`)
    a [libbsd0, libbsd-dev]  skipped: it wants to start the machine anew (`needs-reboot`)
    a [libbsd0, libbsd-dev]  skipped: it wants what its packages recommend; `@recommends@` in its `Depends` names that (`needs-recommends`)
    a [libbsd0, libbsd-dev]  skipped: it wants to become root by itself (`needs-sudo`)
    a [libbsd0, libbsd-dev]  skipped: it is no test, and only says what others depend on (`hint-testsuite-triggers`)
    a [libbsd0, libbsd-dev]  skipped: this program does not know the restriction `odd-one`
    a [libbsd0, libbsd-dev] 
    c [libbsd0, libbsd-dev]  skipped: it is not for amd64
    d [libbsd0, libbsd-dev]  skipped: it is not for amd64
    e [libbsd0, libbsd-dev] 
    f [libbsd0, libbsd-dev]  skipped: this program does not know the field `Odd-Field`
    ");
}

#[test]
fn hostile_files_are_refused() {
    let start = "cannot read `debian/tests/control`";
    for (control, expected) in [
        ("Tests: ../x\n", ": `../x` is no name of a test"),
        ("Tests: $(id)\n", ": `$(id)` is no name of a test"),
        ("Tests: a'b\n", ": `a\\'b` is no name of a test"),
        ("Test-Command: x\nFeatures: test-name=a/b\n", ": `a/b` is no name of a test"),
        ("Tests: a\nTests-Directory: ../..\n", ": `../..` is no folder of the source"),
        ("Tests: a\nTests-Directory: /etc\n", ": `/etc` is no folder of the source"),
        ("Depends: @\n", ": the paragraph at line 1 has neither `Tests` nor `Test-Command`, or both"),
        (
            "# one\n #two\n\nTests: a\nTest-Command: b\n",
            ": the paragraph at line 4 has neither `Tests` nor `Test-Command`, or both",
        ),
        ("nonsense\n", ""),
    ] {
        assert_eq!(read(control), format!("{start}{expected}"), "{control}");
    }
    let many = format!("Tests: {}\n", (0..=MOST).map(|turn| format!("t{turn}")).collect::<Vec<_>>().join(" "));
    assert_eq!(read(&many), format!("{start}: it has more than {MOST} tests"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "((Tests|Test-Command|Depends|Restrictions|Architecture): ?)?[a-z@, !\n./é|#\u{1b}]{0,40}") {
        let _ = read(&text);
        let _ = read(&format!("Tests: a\nDepends: {text}"));
    }
}
