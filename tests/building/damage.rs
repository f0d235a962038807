//! A store that is damaged between two builds.

use std::fs;

use crate::space::sources::Tiny;
use crate::space::{Space, space};

const BUILD: &str = "build:a-TAG@DISTRO/all";

/// The lines of a verification that are about this test's own nodes, and how it ended.
fn verify(space: &Space, args: &[&str]) -> (Option<i32>, String) {
    let ran = space.opb(&[&["store", "verify"], args].concat());
    let own = space.own(BUILD);
    let lines = ran.out.lines().filter(|line| line.contains(&own)).map(|line| format!("{line}\n"));
    (ran.code, lines.collect())
}

#[test]
fn a_damaged_store_says_so_and_the_next_build_completes() {
    let Some(space) = space("damaged") else { return };
    let tiny = Tiny::PLAIN;
    tiny.with_recipe(&space, "");
    space.opb(&["build"]).fine();
    let packages = ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"];
    assert_eq!(space.packages(BUILD), packages);

    // The record of a result is torn.
    let key = space.last(BUILD).key.to_string();
    let place = format!("realised/{}/{}.json", &key[..2], &key[2..]);
    let record = space.store.join(&place);
    let whole = fs::read(&record).expect("reads");
    fs::write(&record, &whole[..whole.len() / 2]).expect("written");
    // The index knows what it came to, and its bytes are there.
    space.opb(&["build"]).fine();
    let found = space.opb(&["store", "verify", "--repair"]);
    assert!(found.out.contains(&format!("damaged   {place}: realisation\n")), "{}", found.out);
    assert!(found.out.contains(&format!("removed   {place}\n")), "{}", found.out);
    assert_eq!(space.opb(&["build"]).fine().nodes("done"), [space.own(BUILD)]);
    assert_eq!(space.packages(BUILD), packages);
    assert_eq!(space.times(BUILD), 1);

    // A package has another byte.
    let store = space.open_store();
    let tree = store.get_tree(space.last(BUILD).outputs["packages"]).expect("reads");
    let (_, package, size) = tree.files().next().expect("one");
    let path = store.object_path(package);
    let mut bytes = store.read_object(package, size).expect("reads");
    bytes[100] ^= 1;
    fs::remove_file(path.as_path()).expect("removed");
    fs::write(path.as_path(), &bytes).expect("written");
    let (code, said) = verify(&space, &[]);
    assert_eq!(code, Some(3));
    let hex = package.to_string();
    let line = format!("altered   objects/{}/{}: object of {}", &hex[..2], &hex[2..], space.own(BUILD));
    assert!(said.starts_with(&line), "{said}");
    let (_, said) = verify(&space, &["--repair"]);
    assert!(said.contains(&space.own(&format!("forgotten {BUILD}: it runs again when it is wanted"))), "{said}");
    assert_eq!(verify(&space, &[]).1, "");
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(BUILD), packages);

    // The ledger is gone: what the packages bear counts.
    fs::remove_file(space.store.join(space.own("ledger/DISTRO/a-TAG.jsonl"))).expect("removed");
    let (code, said) = verify(&space, &[]);
    assert_eq!(code, Some(3));
    assert!(
        said.starts_with(&space.own("missing   ledger/DISTRO/a-TAG.jsonl: ledger of build:a-TAG@DISTRO/all")),
        "{said}"
    );
    tiny.with_recipe(&space, "env: #{ X: \"1\" }");
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(BUILD), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"], "never the first name for other bytes");
    assert_eq!(verify(&space, &[]).1, "");
}

#[test]
fn a_result_that_is_forgotten_is_made_again_under_another_number() {
    let Some(space) = space("forgotten") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    space.opb(&["build"]).fine();
    let forgotten = space.opb(&["store", "forget", &space.own(BUILD)]).fine();
    assert_eq!(forgotten.out, space.own(&format!("forgotten: {BUILD}\n")));
    let plan = space.opb(&["plan", &space.own(BUILD)]).fine();
    assert!(plan.out.contains(&space.own(BUILD)), "{}", plan.out);
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(BUILD), ["a-TAG_1.0-1~SUFFIX+opb2_all.deb"], "the first number may be published");
    space.opb(&["store", "forget", "source-package:nothing"]).exits(2);
}
