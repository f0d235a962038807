//! `opb hold`, `opb skip`, `opb expect-failure`, `opb exceptions`, and what they mean for plans and updates.

use super::*;

const UNTIL: [&str; 4] = ["--reason", "waits for a review", "--expires", "2199-12-24"];

/// Makes an exception; what is said of it.
pub(super) fn except(space: &Space, verb: &str, selectors: &[&str]) -> String {
    let args: Vec<&str> = [verb].into_iter().chain(selectors.iter().copied()).chain(UNTIL).collect();
    space.seen(&args)
}

/// libbsd, which needs libmd, and logax, whose source lies in the project.
fn three() -> Space {
    let space = Space::two();
    let control =
        "Source: logax\nMaintainer: A <a@example.org>\nRules-Requires-Root: no\n\nPackage: logax\nArchitecture: all\n";
    space.source("logax", control);
    space.file("recipes/logax.rhai", "#{ source: path(\"logax\") }\n");
    space
}

/// The file with one exception of that kind, whose day is over.
fn expired(space: &Space, kind: &str, selector: &str) {
    let one = format!("[{kind}.\"{selector}\"]\nreason = \"upstream #77\"\nexpires = \"2026-01-15\"\n");
    space.file("opb.exceptions.toml", &format!("version = 1\n\n{one}"));
}

#[test]
fn each_says_what_it_means_and_the_file_has_it() {
    let space = three();
    insta::assert_snapshot!(except(&space, "hold", &["libmd", "@mirage-1"]), @r"
    exit 0
    --- stdout
    hold: 1 pin stays until 2199-12-24: libmd@mirage-1
    hold: 3 pins stay until 2199-12-24: @mirage-1, libbsd@mirage-1, libmd@mirage-1
    --- stderr
    opb.exceptions.toml is written; `opb exceptions --remove libmd @mirage-1` takes it back
    ");
    insta::assert_snapshot!(except(&space, "skip", &["libbsd@mirage-1/*"]), @r"
    exit 0
    --- stdout
    skip: 1 build until 2199-12-24: build:libbsd@mirage-1/amd64
    --- stderr
    opb.exceptions.toml is written; `opb exceptions --remove libbsd@mirage-1/*` takes it back
    ");
    insta::assert_snapshot!(except(&space, "expect-failure", &["build:lib*"]), @r"
    exit 0
    --- stdout
    expect-failure: 2 builds may fail until 2199-12-24: build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    --- stderr
    opb.exceptions.toml is written; `opb exceptions --remove build:lib*` takes it back
    ");
    let written = fs::read_to_string(space.path("opb.exceptions.toml")).expect("written");
    insta::assert_snapshot!(written, @r#"
    # Written by `opb hold`, `opb skip` and `opb expect-failure`. Keep it under version control; `opb exceptions` lists what it says.
    version = 1

    [hold."@mirage-1"]
    reason = "waits for a review"
    expires = "2199-12-24"

    [hold.libmd]
    reason = "waits for a review"
    expires = "2199-12-24"

    [skip."libbsd@mirage-1/*"]
    reason = "waits for a review"
    expires = "2199-12-24"

    [expect-failure."build:lib*"]
    reason = "waits for a review"
    expires = "2199-12-24"
    "#);
    let listed = space.stdout(&["exceptions"]);
    let listed: Vec<String> = listed
        .lines()
        .map(|line| match (line.split_once(" ("), line.split_once(" days left)")) {
            (Some((before, _)), Some((_, after))) => format!("{before} (DAYS){after}"),
            _ => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(listed.join("\n"), @r"
    KIND            SELECTOR           MEANS                     UNTIL                         REASON
    hold            @mirage-1          3 pins                    2199-12-24 (DAYS)  waits for a review
    hold            libmd              1 pin                     2199-12-24 (DAYS)  waits for a review
    skip            libbsd@mirage-1/*  1 build                   2199-12-24 (DAYS)  waits for a review
    expect-failure  build:lib*         2 builds of 2 components  2199-12-24 (DAYS)  waits for a review
    ");
    let json = space.json(&["exceptions", "--format", "json"]);
    schema::conforms("exceptions", &json);
    assert_eq!(json["exceptions"][2]["means"], serde_json::json!({ "pins": 0, "builds": 1, "components": 1 }));

    // The same once more takes the place of what was there; taken back, all of it goes.
    let again = space.seen(&["skip", "libbsd@mirage-1/*", "--reason", "no time", "--expires", "2w"]);
    assert!(again.contains("instead of `libbsd@mirage-1/*` until 2199-12-24: waits for a review"), "{again}");
    insta::assert_snapshot!(space.seen(&["exceptions", "--remove", "libmd", "build:lib*", "@mirage-1"]), @r"
    exit 0
    --- stdout
    taken back: hold libmd until 2199-12-24: waits for a review
    taken back: expect-failure build:lib* until 2199-12-24: waits for a review
    taken back: hold @mirage-1 until 2199-12-24: waits for a review
    ");
    space.stdout(&["exceptions", "--remove", "libbsd@mirage-1/*"]);
    assert!(!space.path("opb.exceptions.toml").exists(), "nothing is left to be written");
    insta::assert_snapshot!(space.stdout(&["exceptions"]), @"no exceptions: `opb hold`, `opb skip` and `opb expect-failure` make some");
    insta::assert_snapshot!(space.stdout(&["exceptions", "--remove-expired"]), @"nothing to take back: no exception has expired");
}

#[test]
fn what_means_nothing_is_refused_and_nothing_is_written() {
    let space = three();
    let tries: [(&str, &[&str]); 7] = [
        ("skip", &["libmd", "libdm"]),
        ("skip", &["root:base@mirage-1/amd64"]),
        ("skip", &["make:libmd"]),
        ("hold", &["logax"]),
        ("hold", &["libmd@mirage-1/amd64"]),
        ("hold", &["libmf"]),
        ("expect-failure", &["@mirage-2"]),
    ];
    let seen = tries.map(|(verb, selectors)| except(&space, verb, selectors));
    insta::assert_snapshot!(seen.join("\n"), @r"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `libdm`
      help: did you mean `libmd`?

    exit 2
    --- stderr
    opb::except::no_build

      × `root:base@mirage-1/amd64` means no package build
      help: name components or places without a kind, such as `libmd`, `libmd@debian-12/*` or `@debian-12/arm64`

    exit 2
    --- stderr
    opb::ops::selector

      × `make` in `make:libmd` is no kind of node
      help: write a component (`libbsd`), a target (`@debian-12/amd64`), or both with a kind (`build:lib*@debian-12/*`); kinds are `source`, `index`, `resolve`, `root`, `probe`, `source-package`,
            `build`, `repo`

    exit 2
    --- stderr
    opb::except::local

      × `logax` means no pin: the source of `logax` lies in the project
      help: hold what is fetched (`dsc(…)`); a source in the project moves with its files alone

    exit 2
    --- stderr
    opb::except::no_pin

      × `libmd@mirage-1/amd64` means no pin
      help: name a distro (`@debian-12`), or a component and where its source is pinned (`libmd`, `libmd@debian-12`): pins are the same for every arch, and those of RPM distros' sources are of the
            Debian release that they come from

    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `libmf`
      help: did you mean `libmd`?

    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `@mirage-2`
      help: did you mean `@mirage-1`?
    ");
    let given = [["no reason", "soon"], ["no reason", "2026-01-15"], ["", "14d"], ["two\nlines", "14d"]];
    let seen = given.map(|[reason, day]| {
        let seen = space.seen(&["skip", "libmd", "--reason", reason, "--expires", day]);
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        seen.replace(&today, "TODAY")
    });
    insta::assert_snapshot!(seen.join("\n"), @r"
    exit 2
    --- stderr
    opb::except::expires

      × `soon` is neither a day nor a number of days or weeks
      help: write the last day in UTC (`2026-12-24`), or how far it is from today (`14d`, `2w`)

    exit 2
    --- stderr
    opb::except::past

      × `2026-01-15` has passed: today is TODAY in UTC
      help: name today or a later day, or how far it is from today (`14d`, `2w`)

    exit 2
    --- stderr
    opb::except::reason

      × a reason must be one line of plain text with at most 500 characters
      help: say in a few words why, with `--reason`

    exit 2
    --- stderr
    opb::except::reason

      × a reason must be one line of plain text with at most 500 characters
      help: say in a few words why, with `--reason`
    ");
    assert!(space.seen(&["hold", "libmd"]).contains("--reason <TEXT>"), "both must be given");
    assert!(!space.path("opb.exceptions.toml").exists());
    expired(&space, "skip", "libmd");
    insta::assert_snapshot!(space.seen(&["exceptions", "--remove", "libdm"]), @r"
    exit 2
    --- stderr
    opb::exceptions::none

      × there is no exception for `libdm`
      help: did you mean `libmd`?
    ");
    insta::assert_snapshot!(space.seen(&["exceptions", "--remove", "nothing-like-it"]), @r"
    exit 2
    --- stderr
    opb::exceptions::none

      × there is no exception for `nothing-like-it`
      help: look at `opb exceptions`, which lists them
    ");
}

#[test]
fn a_damaged_file_is_told_with_its_place() {
    let space = Space::two();
    space.file("opb.exceptions.toml", "version = 1\n[skip.libmd]\nreason = \"no\"\nexpires = \"soon\"\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r#"
    exit 2
    --- stderr
    opb::exceptions::file

      × cannot read `opb.exceptions.toml`: `soon` is no day such as `2026-12-24`
       ╭─[opb.exceptions.toml:4:11]
     3 │ reason = "no"
     4 │ expires = "soon"
       ·           ───┬──
       ·              ╰── here
       ╰────
      help: correct that place, or take the file from version control again
    "#);
    space.file("opb.exceptions.toml", "version = 7\n");
    insta::assert_snapshot!(space.seen(&["exceptions"]), @r"
    exit 2
    --- stderr
    opb::exceptions::version

      × `opb.exceptions.toml` has version 7, and this opb knows versions up to 1
      help: use a newer opb
    ");
    fs::write(space.path("opb.exceptions.toml"), b"\xff").expect("written");
    assert!(space.seen(&["exceptions"]).contains("cannot read `opb.exceptions.toml`: it is not UTF-8 text"));
}

#[test]
fn a_plan_passes_over_what_is_skipped() {
    let space = Space::two();
    except(&space, "skip", &["libmd"]);
    insta::assert_snapshot!(space.seen(&["plan"]), @r"
    exit 0
    --- stdout
    run      index:base@mirage-1/amd64       never built
    depends  resolve:base@mirage-1/amd64     on index:base@mirage-1/amd64
    depends  root:base@mirage-1/amd64        on resolve:base@mirage-1/amd64
    run      source:libbsd@mirage-1          its files are not here, and source-package:libbsd@mirage-1 reads them
    run      source-package:libbsd@mirage-1  never built
    skip     build:libmd@mirage-1/amd64      until 2199-12-24: waits for a review
    skip     build:libbsd@mirage-1/amd64     with root:libbsd@mirage-1/amd64
    skip     repo:nightly@mirage-1           with source-package:libmd@mirage-1, build:libmd@mirage-1/amd64, build:libbsd@mirage-1/amd64
    3 nodes will run, 2 depend on what comes out, 1 are clean, 8 are skipped
    ");
    let all = space.stdout(&["plan", "--all", "libmd"]);
    assert!(all.contains("skip     resolve:libmd@mirage-1/amd64"), "{all}");
    let json = space.json(&["plan", "--format", "json"]);
    schema::conforms("plan", &json);
    assert_eq!(json["counts"]["skipped"], 8);
    let nodes = json["nodes"].as_array().expect("a list");
    let of = |name: &str| nodes.iter().find(|node| node["node"] == name).expect("there");
    let [libmd, libbsd] = ["build:libmd@mirage-1/amd64", "build:libbsd@mirage-1/amd64"].map(of);
    assert_eq!((&libmd["state"], &libmd["skip"]["exception"]), (&"skipped".into(), &"libmd".into()));
    assert_eq!((&libbsd["state"], &libbsd["skip"]), (&"skipped".into(), &serde_json::Value::Null));
    // Nothing of it is part of any identity.
    let ids = |space: &Space| space.stdout(&["eval", "--format", "json"]);
    let with = ids(&space);
    let why = space.json(&["why", "libmd", "--format", "json"]);
    schema::conforms("why", &why);
    insta::assert_snapshot!(space.seen(&["why", "libmd"]), @r"
    exit 0
    --- stdout
    build:libmd@mirage-1/amd64
      now the exception `libmd` skips it until 2199-12-24: waits for a review
      never built
    ");
    insta::assert_snapshot!(space.stdout(&["why", "libbsd"]), @r"
    build:libbsd@mirage-1/amd64
      now it is skipped with root:libbsd@mirage-1/amd64
      never built
    ");
    let only = space.stdout(&["eval", "--only", "skipped", "--format", "table"]);
    assert!(only.contains("build:libbsd@mirage-1/amd64") && !only.contains("index:"), "{only}");
    assert!(space.stdout(&["eval", "--state", "--format", "svg"]).contains(">skipped<"));
    space.stdout(&["exceptions", "--remove", "libmd"]);
    assert_eq!(ids(&space), with);
}

#[test]
fn what_has_expired_means_nothing_and_is_told() {
    let space = Space::two();
    expired(&space, "skip", "libmd");
    let plan = space.seen(&["plan", "--only", "source-package:libmd"]);
    insta::assert_snapshot!(plan, @r"
    exit 0
    --- stdout
    run      source:libmd@mirage-1          its files are not here, and source-package:libmd@mirage-1 reads them
    run      source-package:libmd@mirage-1  never built
    2 nodes will run, 0 depend on what comes out, 0 are clean
    --- stderr
    note: an exception has expired and no longer counts: skip `libmd` on 2026-01-15; take it back with `opb exceptions --remove-expired`, or give it another day
    ");
    insta::assert_snapshot!(space.seen(&["check"]), @r#"
    exit 0
    --- stdout
    opb::lint::exception-expired

      ⚠ the exception skip `libmd` expired on 2026-01-15
       ╭─[opb.exceptions.toml:5:11]
     4 │ reason = "upstream #77"
     5 │ expires = "2026-01-15"
       ·           ──────┬─────
       ·                 ╰── here
       ╰────
      help: take it back with `opb exceptions --remove libmd`, or give it another day and keep the reason true

    3 files checked: 1 warning
    "#);
    let removed = space.stdout(&["exceptions", "--remove-expired"]);
    insta::assert_snapshot!(removed, @"taken back: skip libmd until 2026-01-15: upstream #77");
    assert!(!space.path("opb.exceptions.toml").exists());
    // One that means nothing.
    space.file(
        "opb.exceptions.toml",
        "version = 1\n[hold.libdm]\nreason = \"a\"\nexpires = \"2199-12-24\"\n\n[skip.libdm]\nreason = \"a\"\nexpires = \"2199-12-24\"\n",
    );
    insta::assert_snapshot!(space.seen(&["check", "opb.exceptions.toml"]), @r#"
    exit 0
    --- stdout
    opb::lint::exception-idle

      ⚠ the exception hold `libdm` means no pin
       ╭─[opb.exceptions.toml:2:7]
     1 │ version = 1
     2 │ [hold.libdm]
       ·       ──┬──
       ·         ╰── here
     3 │ reason = "a"
       ╰────
      help: take it back with `opb exceptions --remove libdm`

    opb::lint::exception-idle

      ⚠ the exception skip `libdm` means no package build
       ╭─[opb.exceptions.toml:6:7]
     5 │
     6 │ [skip.libdm]
       ·       ──┬──
       ·         ╰── here
     7 │ reason = "a"
       ╰────
      help: take it back with `opb exceptions --remove libdm`

    3 files checked: 2 warnings
    "#);
}
