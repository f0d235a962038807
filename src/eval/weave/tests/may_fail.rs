//! Known failures, as they stand at nodes.

use super::*;

fn of(on: &str) -> Graph {
    let recipe = format!("#{{ source: dsc(\"tool\"), {on} }}");
    let tool = ("tool", "", &[("tool", "any", "")] as &[_]);
    woven(&files(&[("tool", &recipe)]), &lock(&["amd64", "arm64"], &[tool])).expect("sound")
}

fn known(graph: &Graph) -> Vec<String> {
    let known = graph.known_failures();
    known.map(|(id, of)| format!("{} {} {}", graph.node(id), of.why, of.expires.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn the_nodes_of_a_target_may_fail_and_what_arches_share_if_all_of_them_may() {
    let graph = of(r#"on: [["@mirage-1/arm64", #{ may_fail: "x", expires: "2027-01-15" }]]"#);
    let of_arm64 = ["resolve", "root", "build"].map(|kind| format!("{kind}:tool@mirage-1/arm64 x 2027-01-15"));
    assert_eq!(known(&graph), of_arm64);
    let both = r#"may_fail: "y", on: [["@mirage-1/arm64", #{ may_fail: "x", expires: "2027-01-15" }]]"#;
    let known = known(&of(both));
    // That which ends first.
    assert!(known.contains(&"source-package:tool@mirage-1 x 2027-01-15".to_owned()), "{known:?}");
    assert!(known.contains(&"build:tool@mirage-1/amd64 y -".to_owned()), "{known:?}");
    assert!(!known.iter().any(|node| node.starts_with("source:") || node.contains(":base@")), "{known:?}");
}

#[test]
fn they_change_no_identity_and_are_kept_with_the_graph() {
    let ids = |graph: &Graph| graph.ids().map(|id| graph.node(id).id()).collect::<Vec<_>>();
    let (plain, lenient) = (of(""), of(r#"may_fail: "x", expires: "2027-01-15""#));
    assert_eq!(ids(&plain), ids(&lenient));
    let mut bytes = Vec::new();
    lenient.write(&mut bytes).expect("written");
    assert_eq!(
        known(&Graph::read(crate::columns::Columns::of(std::sync::Arc::new(bytes), 0)).expect("whole")),
        known(&lenient)
    );
}

#[test]
fn a_known_failure_holds_until_the_end_of_its_day() {
    let of = |expires: Option<&str>| crate::component::MayFail {
        why: "x".to_owned(),
        expires: expires.map(str::to_owned),
        exception: None,
    };
    let (day, never) = (of(Some("2027-01-15")), of(None));
    assert_eq!(["2026-12-31", "2027-01-15", "2027-01-16"].map(|today| day.holds(today)), [true, true, false]);
    assert!(never.holds("9999-12-31"));
}
