//! Nodes that have one result: it is on record by the name of the first of them, and known of each.

use crate::space::sources::Tiny;
use crate::space::space;

#[test]
fn what_changed_is_told_of_a_node_that_another_one_made() {
    let Some(space) = space("sharing") else { return };
    // The same needs, which nobody else has: one list of packages for both.
    for name in ["a", "b"] {
        Tiny { name, fields: "Rules-Requires-Root: no\nBuild-Conflicts: none-TAG\n", ..Tiny::PLAIN }
            .with_recipe(&space, "");
    }
    space.opb(&["build", "-j1", "-q"]).fine();
    let times = |name: &str| space.times(&format!("resolve:{name}-TAG@DISTRO/all"));
    let (made, shared) = if times("a") == 1 { ("a", "b") } else { ("b", "a") };
    assert_eq!([times(made), times(shared)], [1, 0]);
    let why = || space.shown(&space.opb(&["why", &format!("resolve:{shared}-TAG@DISTRO/all")]).fine().out);
    let shown = why().replace(&format!(":{made}-"), ":MADE-").replace(&format!(":{shared}-"), ":SHARED-");
    insta::assert_snapshot!(shown, @r"
    resolve:SHARED-TAG@DISTRO/all
      now it is clean: nothing that it depends on has changed
      last built DATE in TIME
        as resolve:MADE-TAG@DISTRO/all, which does the same
        because it was never built before
    ");
    // It was built, so what it would run for is what changed.
    let fields = "Rules-Requires-Root: no\nBuild-Conflicts: none-TAG, nothing-TAG\n";
    Tiny { name: shared, fields, ..Tiny::PLAIN }.with_recipe(&space, "");
    let node = format!("resolve:{shared}-TAG@DISTRO/all");
    let plan = space.shown(&space.opb(&["plan", "--only", &node]).fine().out);
    assert!(plan.starts_with(&format!("run      {node}  conflict is new: `nothing-TAG`\n")), "{plan}");
    let told = why();
    assert!(told.contains("now it would run: ") && told.contains("compared with the nearest before it"), "{told}");
}
