//! Circles of needs that a stage breaks.

use super::*;
use crate::drv::Action;

/// libgrace's documentation is made by a tool that is built with libgrace.
const SOURCES: [Made<'_>; 4] = [
    (
        "libgrace",
        "gracedoc <!stage1>, ground",
        &[("libgrace1", "any", "${shlibs:Depends}"), ("libgrace-dev", "any", "libgrace1")],
    ),
    ("gracedoc", "libgrace-dev", &[("gracedoc", "any", "${shlibs:Depends}, libgrace1")]),
    ("user", "libgrace-dev, gracedoc", &[("user", "any", "")]),
    ("ground", "", &[("ground", "any", "")]),
];

fn of(libgrace: &str) -> Result<Graph, Vec<String>> {
    let recipes = [
        ("libgrace", libgrace),
        ("gracedoc", "#{ source: dsc(\"gracedoc\") }"),
        ("user", "#{ source: dsc(\"user\") }"),
        ("ground", "#{ source: dsc(\"ground\") }"),
    ];
    woven(&files(&recipes), &lock(&["amd64", "arm64"], &SOURCES))
}

/// Names of the nodes that a node's packages come from.
fn builds_of(graph: &Graph, name: &str) -> Vec<String> {
    let node = node(graph, name);
    let packages = node.inputs().filter(|input| input.role.starts_with("packages of "));
    packages.map(|input| graph.node(input.node).name().to_string()).collect()
}

#[test]
fn a_stage_breaks_a_circle() {
    let plain = of("#{ source: dsc(\"libgrace\") }").expect_err("a circle");
    assert_eq!(plain, ["components need each other on mirage-1: gracedoc → libgrace → gracedoc"]);
    let graph = of("#{ source: dsc(\"libgrace\"), stage: #{ profiles: [\"stage1\"] }, profiles: [\"nodoc\"] }")
        .expect("a graph");
    let amd64 = |name: &str| builds_of(&graph, &format!("resolve:{name}@mirage-1/amd64"));
    assert_eq!(amd64("libgrace+stage"), ["build:ground@mirage-1/amd64"]);
    assert_eq!(amd64("gracedoc"), ["build:ground@mirage-1/amd64", "build:libgrace+stage@mirage-1/amd64"]);
    assert_eq!(
        amd64("libgrace"),
        ["build:gracedoc@mirage-1/amd64", "build:ground@mirage-1/amd64", "build:libgrace+stage@mirage-1/amd64"]
    );
    assert_eq!(
        amd64("user"),
        ["build:gracedoc@mirage-1/amd64", "build:ground@mirage-1/amd64", "build:libgrace@mirage-1/amd64"]
    );
    let profiles = |name: &str| match node(&graph, name).action() {
        Action::Resolve(resolve) => resolve.profiles.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(profiles("resolve:libgrace+stage@mirage-1/arm64"), ["nodoc", "stage1"]);
    assert_eq!(profiles("resolve:libgrace@mirage-1/arm64"), ["nodoc"]);
    let repository = node(&graph, "repo:nightly@mirage-1");
    assert!(!repository.inputs().any(|input| graph.node(input.node).name().to_string().contains("+stage")));
}

#[test]
fn without_a_circle_there_is_no_stage() {
    let recipes = [("ground", "#{ source: dsc(\"ground\"), stage: #{ profiles: [\"stage1\"] } }")];
    let graph = woven(&files(&recipes), &lock(&["amd64"], &SOURCES)).expect("a graph");
    assert!(!builds(&graph).iter().any(|name| name.contains("stage")));
}

#[test]
fn a_stage_that_drops_nothing_is_a_circle_still() {
    let errors = of("#{ source: dsc(\"libgrace\"), stage: #{ profiles: [\"nodoc\"] } }").expect_err("a circle");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("components need each other on mirage-1: "), "{errors:?}");
}
