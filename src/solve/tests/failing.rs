//! What excludes each other, and what there is not.

use super::*;

#[test]
fn conflicts_are_honoured() {
    let universe = universe(
        "a 1; Depends: b | c
         b 1; Conflicts: d
         c 1
         d 1; Provides: v; Conflicts: v
         e 1; Breaks: make (<< 4.1)
         f 1; Breaks: make (<< 4)
         g 1; Provides: v
         h 1; Depends: g
         i 1; Depends: k | l
         j 1; Depends: m | n
         k 1; Conflicts: m, n
         l 1; Conflicts: m, n
         m 1
         n 1",
    );
    assert_eq!(added(&universe, &question(&["a"])), "a 1, b 1");
    assert_eq!(added(&universe, &question(&["a", "d"])), "a 1, c 1, d 1");
    assert_eq!(added(&universe, &question(&["f"])), "f 1");
    let clash = |needs: &[&str], why: &str| {
        assert_eq!(added(&universe, &question(needs)), format!("cannot install what is needed together: {why}"));
    };
    clash(
        &["e"],
        "`e` is needed by the root itself, but `e` (1) cannot stand beside `make` (4), needed by the root itself",
    );
    clash(
        &["d", "h"],
        "`g` is needed by `h` (1), needed by the root itself, but `g` (1) cannot stand beside `d` (1), needed by the root itself",
    );
    let refused = Resolve { conflicts: vec!["b".to_owned()], ..question(&["b"]) };
    assert_eq!(
        added(&universe, &refused),
        "cannot install what is needed together: `b` is needed by the root itself, but `b` (1) is among the conflicts of the root itself"
    );
    // A clash between choices is told in the solver's words.
    let error = added(&universe, &question(&["i | nothing", "j"]));
    assert!(error.starts_with("cannot install what is needed together: "), "{error}");
    let without = Resolve { conflicts: vec!["b".to_owned()], ..question(&["a"]) };
    assert_eq!(added(&universe, &without), "a 1, c 1");
}

#[test]
fn what_is_missing_is_explained() {
    let universe = universe(
        "a 1; Depends: b
         b 2; Depends: c (>= 3) | zz
         c 2.9
         w 1; Depends: (",
    );
    assert_eq!(
        added(&universe, &question(&["a"])),
        "cannot meet the need `c (>= 3) | zz` of `b` (2), needed by `a` (1), needed by the root itself: `c` is there as 2.9; there is no `zz`"
    );
    assert_eq!(added(&universe, &question(&["zz"])), "cannot meet the need `zz` of the root itself: there is no `zz`");
    assert_eq!(added(&universe, &question(&["a ("])), "cannot read the need `a (`");
    assert_eq!(added(&universe, &question(&["w"])), "cannot read a relation of the package `w`");
}

#[test]
fn long_chains_and_cycles_do_not_overflow() {
    let chain: String = (0..3_000).map(|n| format!("p{n} 1; Depends: p{}\n", (n + 1) % 3_000)).collect();
    let list = resolve(&universe(&chain), &[], &question(&["p7"]), None).expect("good");
    assert_eq!(list.layer(Layer::Component).count(), 3_000);
    let broken: String = (0..300).map(|n| format!("p{n} 1; Depends: p{}\n", n + 1)).collect();
    let error = added(&universe(&broken), &question(&["p0"]));
    assert!(error.starts_with("cannot meet the need `p"), "{error}");
}
