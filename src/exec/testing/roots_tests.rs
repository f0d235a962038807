use std::fmt::Write as _;

use super::*;
use crate::drv::{SharedTable, Tests};
use crate::package::index;
use crate::package::list::Layer;
use crate::solve::{self, Universe};

/// A base, and what tests may name.
fn universe() -> Universe {
    let mut packages = String::new();
    for (name, fields) in [
        ("base-files", "Essential: yes\n"),
        ("apt", ""),
        ("build-essential", ""),
        ("python3", ""),
        ("red", "Conflicts: blue\n"),
        ("blue", ""),
        ("deep", "Depends: none (>= 2)\n"),
        ("tool", "Depends: python3\n"),
        ("other", ""),
        ("debhelper", ""),
    ] {
        let digest = crate::digest::Sha256::of(name.as_bytes());
        write!(packages, "Package: {name}\nVersion: 1.0\nArchitecture: amd64\n{fields}").expect("fits");
        write!(packages, "Filename: pool/{name}.deb\nSize: 5\nSHA256: {digest}\n\n").expect("fits");
    }
    Universe::new("amd64", vec![index::read(&packages).expect("good")]).expect("good")
}

fn question() -> Resolve {
    Resolve {
        family: "deb".to_owned(),
        arch: "amd64".to_owned(),
        needs: Vec::new(),
        conflicts: Vec::new(),
        variant: "buildd".to_owned(),
        add: Vec::new(),
        profiles: Vec::new(),
        first_alternative: false,
        ours: SharedTable::new(
            [("other".to_owned(), "others".to_owned()), ("gone".to_owned(), "others".to_owned())].into(),
        ),
        extra: Vec::new(),
        asks: None,
        tests: Some(Box::new(Tests { packages: vec!["tool".to_owned()], build_depends: "debhelper".to_owned() })),
    }
}

fn chosen(control: &str, unseen: &[String]) -> Chosen {
    let (universe, components) = (universe(), BTreeSet::from(["tool".to_owned()]));
    let texts = Texts { tests: Some(control.to_owned()), control: String::new() };
    let answer = |question: &Resolve| solve::resolve((&universe, &[]), &[], question, None);
    choose(&texts, &question(), Here { components: &components, unseen }, &answer).expect("answers")
}

/// The packages of each root beyond the base, then where each test runs.
fn shown(control: &str) -> String {
    let chosen = chosen(control, &[]);
    let names = |list: &PackageList| -> String {
        list.layer(Layer::Component).map(|listed| format!(" {}", listed.name)).collect()
    };
    let roots = chosen.roots.iter().enumerate().map(|(root, list)| format!("root {root}:{}\n", names(list)));
    roots.collect::<String>() + chosen.encode().split_once('\n').expect("a head").1
}

#[test]
fn tests_share_a_root_only_where_they_need_the_same() {
    insta::assert_snapshot!(shown("Tests: a, b\n\nTests: red\nDepends: red\n\nTests: blue\nDepends: blue | red\n\n\
        Tests: other-words\nDepends: python3, tool\n\nTests: no-machine\nRestrictions: isolation-machine\n\n\
        Tests: breaks\nRestrictions: breaks-testbed\n\nTests: after\n\nTests: none\nDepends:\n\n\
        Tests: not-here\nDepends: red [arm64]\n\nTests: built\nDepends:\nRestrictions: build-needed\n"), @r"
    root 0: python3 tool
    root 1: red
    root 2: blue
    root 3: python3 tool
    root 4:
    root 5: debhelper
    0 in 0
    1 in 0
    2 in 1
    3 in 2
    4 in 0
    6 in 3
    7 in 0
    8 in 4
    9 in 4
    10 in 5
    ");
}

#[test]
fn what_cannot_be_met_says_why_and_keeps_nothing_from_running() {
    insta::assert_snapshot!(shown("Tests: a\n\nTests: both\nDepends: red, blue\n\nTests: absent\nDepends: none | nor\n\n\
        Tests: old\nDepends: python3 (>= 3)\n\nTests: deep\nDepends: deep\n\nTests: of-another\nDepends: other\n\n\
        Tests: of-another-alone\nDepends: gone\n\nTests: odd\nDepends: a b\n\nTests: unknown\nDepends: @x@\n"), @r"
    root 0: python3 tool
    0 in 0
    1 not cannot install what is needed together: `red` is needed by the test, but `red` cannot stand beside `blue`, needed by the test (mend its `Depends`)
    2 not cannot meet the need `none | nor` of the test: there is no `none`; there is no `nor` (mend its `Depends`)
    3 not cannot meet the need `python3 (>= 3)` of the test: `python3` is there as 1.0 (mend its `Depends`)
    4 not cannot meet the need `none (>= 2)` of `deep`, needed by the test: there is no `none` (mend its `Depends`)
    5 not the package `other` would come from the distribution, but the component `others` makes it; the test needs it (name `other` in `needs` of the recipe's check)
    6 not cannot meet the need `gone` of the test: there is no `gone` (the component `others` makes it: name it in `needs` of the recipe's check)
    7 not cannot read the need `a b`: cannot read the relation `a b` at column 3: expected `,`, `|` or the end (mend its `Depends`)
    8 not this program does not know what `@x@` stands for
    ");
    let told = chosen("Tests: absent\nDepends: none\n", &["backports".to_owned()]);
    assert_eq!(
        told.placed[&0],
        Placed::Nowhere(
            "cannot meet the need `none` of the test: there is no `none` \
             (`backports`, not looked at, may be named in `extra_repositories`)"
                .to_owned()
        )
    );
}

#[test]
fn roots_are_bounded() {
    let control: String = (0..70).map(|_| "Tests: a\nRestrictions: breaks-testbed\n\n").collect();
    let chosen = chosen(&control, &[]);
    assert_eq!((chosen.roots.len(), chosen.placed.len()), (MOST_ROOTS, 70));
    assert_eq!(chosen.placed[&69], Placed::Nowhere("the tests of its source need more than 64 roots".to_owned()));
}

#[test]
fn places_are_read_as_they_were_written() {
    let placed = BTreeMap::from([(0, Placed::Root(1)), (7, Placed::Nowhere("why `so` (x)".to_owned()))]);
    let chosen = Chosen { roots: Vec::new(), placed: placed.clone() };
    assert_eq!(Chosen::decode(&chosen.encode()).expect("reads"), placed);
    for bad in ["", "opb roots of tests 2\n", "opb roots of tests 1\n0 in x\n", "opb roots of tests 1\nx in 0\n"] {
        Chosen::decode(bad).expect_err(bad);
    }
}
