//! What extra repositories add, and that they add no more than that.

use super::*;

fn extra(name: &str, taken: Taken, text: &str) -> Extra {
    let packages = Universe::new("amd64", vec![entries(text)]).expect("good");
    Extra { name: name.parse().expect("a name"), taken, packages: Arc::new(packages) }
}

/// What `needs` add to the base, each with its version and the extra repository that has it.
fn chosen(universe: &Universe, extras: &[Extra], question: &Resolve) -> String {
    let base = resolve(universe, &[], &Resolve { needs: Vec::new(), ..question.clone() }, None).expect("a base");
    let list = match super::super::resolve((universe, extras), &[], question, Some(&base)) {
        Ok(list) => list,
        Err(error) => return error.to_string(),
    };
    let shown = list.layer(Layer::Component).map(|one| match &one.from {
        ListedFrom::Repository(name) => format!("{} {} of {name}", one.name, one.version),
        _ => format!("{} {}", one.name, one.version),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_taken_when_needed_is_taken_only_then() {
    let universe = universe("cmake 3.25; Depends: cmake-data (= 3.25)\ncmake-data 3.25\nx 1");
    let backports = [extra(
        "backports",
        Taken::WhenNeeded,
        "cmake 3.30; Depends: cmake-data (= 3.30), libmd0 (>= 1.1)
         cmake-data 3.30
         libmd0 1.1
         hello 2.12
         new 1; Depends: hello (>= 2.11) | x
         newer 1; Depends: hello (>= 2.11)",
    )];
    let check = |needs: &[&str], wanted: &str| assert_eq!(chosen(&universe, &backports, &question(needs)), wanted);
    check(&["cmake"], "cmake 3.25, cmake-data 3.25");
    check(&["cmake (>= 3.0), hello"], "cmake 3.25, cmake-data 3.25, hello 2.10");
    // With all that it needs in turn, also in place of what the base has, and no more.
    check(
        &["cmake (>= 3.26)", "hello"],
        "cmake 3.30 of backports, cmake-data 3.30 of backports, hello 2.10, libmd0 1.1 of backports",
    );
    check(&["new"], "new 1 of backports, x 1");
    check(&["newer"], "hello 2.12 of backports, newer 1 of backports");
    // An alternative that the distribution has comes before one that it has not.
    check(&["hello (>= 2.11) | x"], "x 1");
    let any = Resolve { first_alternative: false, ..question(&["hello (>= 2.11) | x"]) };
    assert_eq!(chosen(&universe, &backports, &any), "x 1");
    check(&["hello (>= 2.11) | zz"], "hello 2.12 of backports");
}

#[test]
fn what_excludes_the_distributions_package_comes_with_another_one() {
    let universe = universe("a 1; Depends: b\nb 1; Breaks: c (>= 2)\nc 1");
    let extras = [extra("backports", Taken::WhenNeeded, "b 2\nc 2\na 2; Depends: b (>= 2)")];
    assert_eq!(chosen(&universe, &extras, &question(&["a", "c (>= 2)"])), "a 1, b 2 of backports, c 2 of backports");
    let refused = |needs: &[&str]| {
        let refused = Resolve { conflicts: vec!["b (>= 2)".to_owned()], ..question(needs) };
        chosen(&universe, &extras, &refused)
    };
    assert_eq!(
        refused(&["b", "c (>= 2)"]),
        "cannot install what is needed together: `c (>= 2)` is needed by the root itself, but `c` (2 of `backports`) cannot \
         stand beside `b` (1), needed by the root itself"
    );
    // A clash between choices is told in the solver's words, with versions where a name has several.
    let error = refused(&["a", "c (>= 2)"]);
    assert!(error.contains("a 1 | a 2 can be installed with any of the following options:"), "{error}");
}

#[test]
fn the_higher_version_wins_but_the_base_stays() {
    let universe = universe("x 2\ny 2\nz 2");
    let newer = |text: &str| [extra("vendor", Taken::WhenNewer, text)];
    let check = |extras: &[Extra], needs: &[&str], wanted: &str| {
        assert_eq!(chosen(&universe, extras, &question(needs)), wanted, "{needs:?}");
    };
    let vendor = newer("x 3\ny 1\nz 2; Priority: extra\nmake 5\nown 1; Depends: make");
    check(&vendor, &["x", "y", "z", "own"], "own 1 of vendor, x 3 of vendor, y 2, z 2");
    check(&vendor, &["own", "make (>= 5)"], "make 5 of vendor, own 1 of vendor");
    // An older one serves where a newer one does not.
    check(&vendor, &["y (<< 2)"], "y 1 of vendor");
    let first = [extra("vendor", Taken::First, "x 3\ny 1\nmake 3.9\nz 1; Depends: nothing-like-it")];
    check(&first, &["x", "y"], "make 3.9 of vendor, x 3 of vendor, y 1 of vendor");
    check(&first, &["y (>= 2)", "z"], "make 3.9 of vendor, y 2, z 2");
}

#[test]
fn several_repositories_are_asked_in_their_order() {
    let universe = universe("");
    let of = |name: &str, taken, text: &str| extra(name, taken, text);
    let needed = [of("one", Taken::WhenNeeded, "x 1\ny 1"), of("two", Taken::WhenNeeded, "x 2\ny 1; Priority: extra")];
    assert_eq!(chosen(&universe, &needed, &question(&["x", "y"])), "x 2 of two, y 1 of one");
    let mixed = [
        of("one", Taken::WhenNeeded, "x 4\ny 4"),
        of("two", Taken::WhenNewer, "x 2"),
        of("three", Taken::First, "x 1"),
        of("four", Taken::First, "x 3"),
    ];
    assert_eq!(chosen(&universe, &mixed, &question(&["x", "y"])), "x 1 of three, y 4 of one");
    assert_eq!(chosen(&universe, &mixed, &question(&["x (>= 2)"])), "x 3 of four");
    assert_eq!(chosen(&universe, &mixed, &question(&["x (>= 4)"])), "x 4 of one");
}

#[test]
fn older_versions_of_a_repository_serve_who_needs_them() {
    let universe = universe("x 1");
    let all = "node 18; Depends: make\nnode 20; Depends: nothing-like-it\nnode 22\nnode 21; Provides: js\nx 3\nx 2";
    for taken in Taken::ALL {
        let extras = [extra("vendor", taken, all)];
        let check = |needs: &[&str], wanted: &str| {
            assert_eq!(chosen(&universe, &extras, &question(needs)), wanted, "{taken:?} {needs:?}");
        };
        check(&["node"], "node 22 of vendor");
        check(&["node (<< 21)"], "node 18 of vendor");
        check(&["node (= 21)"], "node 21 of vendor");
        check(&["x (= 2)"], "x 2 of vendor");
        check(&["x (<< 2)"], "x 1");
        // What no longer provides it in its newest version does not.
        check(&["js"], "cannot meet the need `js` of the root itself: there is no `js`, nor in `vendor`");
        let clash = chosen(&universe, &extras, &question(&["node (>= 21)", "node (<< 21)"]));
        assert!(clash.starts_with("cannot install what is needed together: "), "{clash}");
    }
}

#[test]
fn ours_win_over_all() {
    let universe = universe("");
    let extras =
        [extra("vendor", Taken::First, "libmd0 9\nlibmd-dev 9; Depends: libmd0 (= 9)\nx 1; Depends: libmd-dev")];
    let mut asked = question(&["libmd-dev"]);
    asked.ours = of_libmd();
    let base = resolve(&universe, &[], &question(&[]), None).expect("a base");
    let built = [ours("libmd", LIBMD_DEV), ours("libmd", LIBMD0)];
    let ask = |built: &[OurPackage], asked: &Resolve| {
        super::super::resolve((&universe, &extras), built, asked, Some(&base)).map_err(|error| error.to_string())
    };
    let list = ask(&built, &asked).expect("good");
    assert_eq!(shown(&list, Layer::Component), "libmd-dev 1.0+0opb1, libmd0 1.0+0opb1");
    assert_eq!(
        ask(&built, &Resolve { needs: vec!["libmd0 (>= 9)".to_owned()], ..asked.clone() }).expect_err("too old"),
        "cannot meet the need `libmd0 (>= 9)` of the root itself: `libmd0` is there as 1.0+0opb1 of the component `libmd`"
    );
    assert_eq!(
        ask(&[], &Resolve { needs: vec!["x".to_owned()], ..asked }).expect_err("not ours"),
        "the package `libmd-dev` would come from the extra repository `vendor`, but the component `libmd` makes it; `x` needs it"
    );
}

#[test]
fn it_is_said_where_was_looked() {
    let universe = universe("a 1");
    let extras = [extra("backports", Taken::WhenNeeded, "a 2\nb 1; Depends: c"), extra("vendor", Taken::First, "d 1")];
    let check = |need: &str, wanted: &str| assert_eq!(chosen(&universe, &extras, &question(&[need])), wanted);
    check(
        "a (>= 3)",
        "cannot meet the need `a (>= 3)` of the root itself: `a` is there as 1, 2 in `backports`, not in `vendor`",
    );
    check(
        "d (>= 3)",
        "cannot meet the need `d (>= 3)` of the root itself: `d` is there as 1 in `vendor`, not in `backports`",
    );
    check(
        "b",
        "cannot meet the need `c` of `b` (1 of `backports`), needed by the root itself: there is no `c`, nor in `backports`, nor \
         in `vendor`",
    );
    let error = super::super::resolve((&universe, &[]), &[], &question(&["c"]), None).expect_err("nothing");
    let help = |error: &SolveError| error.help().expect("a help").to_string();
    let plain = "check the name and version; if it was meant to come from a component, add that one to `needs`";
    assert_eq!(help(&error), plain);
    let unseen = error.without(vec!["backports".to_owned(), "vendor".to_owned()]);
    assert_eq!(
        help(&unseen),
        format!(
            "{plain}; `backports`, `vendor` were not looked at: name in `extra_repositories` what the build may use"
        )
    );
}

#[test]
fn a_repository_that_is_not_needed_changes_nothing() {
    let universe = universe("a 1; Depends: b | c\nb 1; Conflicts: d\nc 1\nd 1");
    let text = (0..40).map(|n| format!("p{n} 1; Depends: p{}\n", (n + 1) % 40)).collect::<String>();
    let extras = [extra("vendor", Taken::WhenNeeded, &format!("{text}a 2\nb 2\nc 2\nd 2"))];
    for needs in [&["a"][..], &["a", "d"], &["debhelper-compat (= 13)"]] {
        let plain = resolve(&universe, &[], &question(needs), None).expect("good");
        let with = super::super::resolve((&universe, &extras), &[], &question(needs), None).expect("good");
        assert_eq!(plain.encode(), with.encode(), "{needs:?}");
    }
    // All of a chain is needed, and none of it can be left out.
    assert_eq!(chosen(&universe, &extras, &question(&["p7"])).matches(" of vendor").count(), 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_order_of_packages_does_not_matter(
        edges in proptest::collection::vec((0u8..10, 0u8..10, 0u8..10, 1u8..3, any::<bool>()), 0..25),
        split: u16,
        seed: u64,
    ) {
        let line = |n: u8| {
            let of = |exclude| edges.iter().filter(move |edge| edge.0 == n && edge.4 == exclude);
            let depends: Vec<String> = of(false).map(|(_, a, b, v, _)| format!("p{a} (>= {v}) | p{b}")).collect();
            let conflicts: Vec<String> = of(true).take(1).map(|(_, a, ..)| format!("p{a}")).collect();
            format!("Depends: {}; Conflicts: {}", depends.join(", "), conflicts.join(", "))
        };
        let own: Vec<String> = (0..10).filter(|n| split & (1 << n) == 0).map(|n| format!("p{n} 1; {}", line(n))).collect();
        let mut theirs: Vec<String> = (0..10).map(|n| format!("p{n} 2; {}", line(9 - n))).collect();
        let ask = |theirs: &[String], taken| {
            let extras = [extra("vendor", taken, &theirs.join("\n"))];
            chosen(&universe(&own.join("\n")), &extras, &question(&["p0", "p1 (>= 2) | p2"]))
        };
        for taken in Taken::ALL {
            let first = ask(&theirs, taken);
            theirs.rotate_left((seed % 10) as usize);
            prop_assert_eq!(ask(&theirs, taken), first);
        }
    }
}
